"""What the losses of an ear cost in training, and how near they are to the library's complete models.
Run: ``python benchmarks/perceptual.py`` from the checkout (with the ``fdn`` extra); about two minutes, one thread.
Not a test: figures depend on the machine and on who else uses it. Compare within one run: all steps take turns.
"""

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

if __name__ == "__main__":  # run as a script, the checkout is not yet on the path
    sys.path.insert(0, str(Path(__file__).parents[1]))

from amtlib import GammatoneFilterbank, Glasberg2002
from amtlib.fdn.decay import echo_density
from amtlib.fdn.design import design_fdn
from amtlib.fdn.response import render
from amtlib.train import TrainingRun, build_fdn
from amtlib.train.losses import (
    Cochleagram,
    DenseEchoes,
    EchoDensity,
    FlatExcitation,
    FlatMagnitude,
    FlatPeaks,
    FlatPower,
    Loss,
    LoudnessDecay,
    LoudnessPattern,
    MatchCochleagram,
    MatchEchoDensity,
    MatchEnergyDecay,
    MatchExcitation,
    MatchImpulseResponse,
    MatchLoudness,
    MatchLoudnessDecay,
    MatchMagnitude,
    MatchMelSpectrogram,
    MatchSpectrogram,
    Rendered,
    Sparsity,
)
from amtlib.train.losses.hearing import calibration

FS = 48000
NETWORK = [809, 877, 937, 1049, 1151, 1249, 1373, 1499]
ROOM = [241, 263, 281, 293, 1193, 1319, 1453, 1597]
EXCITATION_SHARE, COCHLEAGRAM_RATIO = 0.10, 2.0


def verdict(target: str, met: bool) -> None:
    print(f"target {target}: {'met' if met else 'MISSED'}")


def room(nfft: int) -> np.ndarray:
    return render(design_fdn(delays=ROOM, rt=(0.5, 0.3), rng=9), nfft / FS)


def step_of(loss: Loss | str, nfft: int) -> Callable[[], object]:
    model = build_fdn(delays=NETWORK, rt=(0.5, 0.3), rng=0, nfft=nfft, device="cpu")
    matching = loss.startswith("match") if isinstance(loss, str) else loss.needs_target
    goal = {"mode": loss} if isinstance(loss, str) else {"loss": loss}
    target = room(nfft) if matching else None
    return TrainingRun(model, **goal, target=target, lr=1e-4, max_steps=10**9, patience=10**9).step


def taking_turns(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, tuple[float, float]]:
    """Median and least time of each in ms."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
        call()
    for _ in range(repeats):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            times[name].append(1e3 * (time.perf_counter() - began))
    return {name: (statistics.median(taken), min(taken)) for name, taken in times.items()}


def cost(nfft: int, repeats: int) -> None:
    print(f"\nStep with each loss, N = 8, nfft = {nfft}, 1 thread, ms, median (least) of {repeats}:\n")
    losses: list[Loss | str] = [
        "colorless", "match_spectrogram", "match_mel_spectrogram", "match_cochleagram", "match_loudness",
        FlatMagnitude(), FlatPower(), FlatPeaks(), FlatExcitation(), Sparsity(), DenseEchoes(), MatchMagnitude(),
        MatchImpulseResponse(), MatchSpectrogram(), MatchMelSpectrogram(), MatchEnergyDecay(),
        MatchEnergyDecay("erb"), MatchExcitation(), MatchCochleagram(), MatchCochleagram(compression="dB"),
        MatchLoudness(), MatchLoudnessDecay(), MatchEchoDensity(),
    ]  # fmt: skip
    flat, colour = FlatMagnitude() + 0.2 * Sparsity(), 0.1 * FlatExcitation()
    pairs: dict[str, tuple[Loss, Loss]] = {
        "FlatMagnitude + Sparsity": (flat, flat + colour),
        "FlatPower + Sparsity": (
            FlatPower() + 0.2 * Sparsity(),
            FlatPower() + 0.2 * Sparsity() + colour,
        ),
        "MatchSpectrogram": (
            MatchSpectrogram() + 0.0 * Sparsity(),
            MatchSpectrogram() + 0.1 * MatchExcitation(),
        ),
    }
    calls = {str(loss): step_of(loss, nfft) for loss in losses}
    found = taking_turns(calls, repeats)
    against = found["match_spectrogram"], found["colorless"]
    print(f"{'':34}{'ms':>15}{'/ match_spectrogram':>22}{'/ colorless':>16}")
    for name, (median, least) in found.items():
        ratios = "".join(
            f"{f'{median / other[0]:.2f} ({least / other[1]:.2f})':>{width}}"
            for other, width in zip(against, (22, 16), strict=True)
        )
        print(f"{name:34}{f'{median:.1f} ({least:.1f})':>15}{ratios}")
    ratio = found["match_cochleagram"][0] / found["match_spectrogram"][0]
    verdict(f"match_cochleagram / match_spectrogram = {ratio:.2f} <= {COCHLEAGRAM_RATIO:g}", ratio <= 2.0)
    print("\nWith the excitation pattern beside another loss, and without:\n")
    for name, (without, with_it) in pairs.items():
        both = taking_turns({"no": step_of(without, nfft), "yes": step_of(with_it, nfft)}, 4 * repeats)
        more, least = (both["yes"][i] / both["no"][i] - 1.0 for i in range(2))
        print(
            f"{name:34}{both['no'][0]:6.2f} -> {both['yes'][0]:6.2f} ms, {100 * more:+.1f} % (least "
            f"{100 * least:+.1f} %)"
        )
        verdict(f"{100 * more:.1f} % <= {100 * EXCITATION_SHARE:g} %", more <= EXCITATION_SHARE)


def shares(nfft: int, repeats: int) -> None:
    print("\nGradient shares, three terms, against a step, ms:\n")
    loss = MatchCochleagram() + 0.1 * MatchEnergyDecay() + 0.05 * Sparsity()
    model = build_fdn(delays=NETWORK, rt=(0.5, 0.3), rng=0, nfft=nfft, device="cpu")
    run = TrainingRun(model, loss=loss, target=room(nfft), lr=1e-4, max_steps=10**9, patience=10**9)
    found = taking_turns({"step": run.step, "shares": run.gradient_shares}, repeats)
    (step, _), (share, _) = found["step"], found["shares"]
    print(
        f"step {step:.1f}, gradient_shares {share:.1f}: once in 20 steps {100 * share / step / 20:.1f} % more"
    )


def agreement(nfft: int) -> None:
    h = torch.from_numpy(room(nfft))
    made = Rendered.of_response(h, FS)
    feature = Cochleagram(field="cochlea")
    ours = feature.power(made)[0]
    plan, centres = feature.plan(nfft, FS), feature.centres(FS)
    bank = GammatoneFilterbank(centres, FS, dtype=torch.float64)
    padded = torch.nn.functional.pad(h, (0, plan.frames * plan.hop - nfft))
    gain = calibration(made, feature.hop, feature.level)
    theirs = bank(padded).square().reshape(len(centres), plan.frames, plan.hop).mean(-1) * gain
    whole = bank.envelope(padded).square().reshape(len(centres), plan.frames, plan.hop).mean(-1) * (
        0.5 * gain
    )
    audible = theirs > theirs.amax() * 1e-6
    floor = feature.floor(made)
    print(
        f"\nCochleagram, {len(centres)} channels x {plan.frames} frames, against GammatoneFilterbank, to -60 dB:\n"
    )
    for name, cells in (
        ("mean square of its output", theirs),
        ("mean square of its envelope, halved", whole),
    ):
        off = (10.0 * torch.log10(ours / cells)).abs()[audible]
        a, b = ((p + floor) ** 0.3 - floor**0.3 for p in (ours, cells))
        print(
            f"{name}: median {off.median():.3f} dB, 95 % within {off.quantile(0.95):.2f} dB, worst {off.max():.2f} dB, "
            f"distance as the loss counts it {float((a - b).abs().sum() / b.sum()):.4f}"
        )
    began = time.perf_counter()
    for _ in range(5):
        bank(padded)
    slow = (time.perf_counter() - began) / 5
    began = time.perf_counter()
    for _ in range(5):
        feature.power(Rendered.of_response(h, FS))
    took = (time.perf_counter() - began) / 5
    print(f"forward, float64: {1e3 * slow:.1f} ms the filterbank, {1e3 * took:.1f} ms this")


def loudness(seconds: float) -> None:
    print("\nLoudness of steady pink noise (sone, both ears) against Glasberg2002.stationary:\n")
    model = Glasberg2002(FS, field="diffuse", middle_ear="2007", pad=True, dtype=torch.float64)
    f = torch.arange(20.0, 15500.0, 10.0, dtype=torch.float64)
    share = float(np.log(15500.0 / 20.0) / np.log(FS / 2.0 / 20.0))
    click = Rendered.of_response(torch.eye(1, 9600, dtype=torch.float64)[0], FS)
    for level in (45.0, 65.0, 85.0):
        whole = float(model.stationary(f, 10.0 * torch.log10(share / f / (1.0 / f).sum()) + level).total)
        ours = float(LoudnessDecay(level=level)(click)[0][0, 0])
        print(
            f"{level:.0f} dB SPL: complete {whole:.2f}, this {ours:.2f} ({100 * (ours / whole - 1):+.1f} %)"
        )
    print(
        "\nLoudness of decaying noise (sone, both ears) against Glasberg2002 complete, greatest short-term value:\n"
    )
    samples = round(seconds * FS)
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    h = noise * torch.exp(-6.908 * torch.arange(samples) / (0.4 * FS))
    made = Rendered.of_response(h, FS)
    for level in (50.0, 65.0, 80.0):
        gain = 20e-6 * calibration(made, 0.01, level).sqrt()
        whole = float(model(h * gain, return_stages=True).short_term.max())
        found = []
        for spacing in (0.25, 1.0):
            (specific,) = LoudnessPattern(level=level, spacing=spacing)(made)
            total = 2.0 * spacing * specific.sum(-1)
            stage = model.integration.short_term
            found.append(float(stage(total.repeat_interleave(10, -1)).max()))
        print(
            f"{level:.0f} dB SPL: complete {whole:.2f}, this {found[1]:.2f} ({100 * (found[1] / whole - 1):+.1f} %), "
            f"with channels 0.25 Cam apart {found[0]:.2f}"
        )
    print(
        "\nA pink noise of 65 dB SPL switched off (sone at 0, 100, 200, 300 ms): complete, mean of 8 noises; this:"
    )
    generator = torch.Generator().manual_seed(1)
    length = FS
    f = torch.fft.rfftfreq(length + samples, 1.0 / FS).clamp_min(20.0)
    spectrum = torch.fft.rfft(h, n=length + samples) * (1000.0 / f).sqrt()
    curves = []
    for _ in range(8):
        dry = torch.randn(length, generator=generator, dtype=torch.float64)
        wet = torch.fft.irfft(torch.fft.rfft(dry, n=length + samples) * spectrum, n=length + samples)
        steady = wet[length // 2 : length].square().mean().sqrt()
        stages = model(wet * (20e-6 * 10.0 ** (65.0 / 20.0) / steady), return_stages=True)
        at = [int((stages.time - (1.0 + t)).abs().argmin()) for t in (0.0, 0.1, 0.2, 0.3)]
        curves.append([float(stages.short_term[i]) for i in at])
    (faded,) = LoudnessDecay(level=65.0)(made)
    print("complete " + " ".join(f"{v:6.2f}" for v in np.mean(curves, axis=0)))
    print("this     " + " ".join(f"{float(faded[0, i]):6.2f}" for i in (0, 10, 20, 30)))


def density(nfft: int) -> None:
    print("\nEcho density, soft against counted, mean absolute difference over the response of a network:\n")
    for n in (2, 4, 8, 16):
        h = render(design_fdn(N=n, rt=1.0, rng=3), nfft / FS)
        made = Rendered.of_response(torch.from_numpy(h), FS)
        counted = echo_density(h, FS, hop=0.005)[1]
        soft = {s: EchoDensity(softness=s)(made)[0][0].numpy() for s in (0.05, 0.15, 0.3)}
        print(
            f"N = {n:2}: counted {counted.mean():.3f}; "
            + ", ".join(f"softness {s:g}: {abs(v - counted).mean():.3f}" for s, v in soft.items())
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", default=["cost", "shares", "agreement", "loudness", "density"])
    parser.add_argument("--nfft", type=int, nargs="+", default=[2**14])
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    warnings.simplefilter(
        "ignore", UserWarning
    )  # time aliasing and penalty: the defaults of the specification
    torch.set_num_threads(1)
    for nfft in options.nfft:
        if "cost" in options.parts:
            cost(nfft, options.repeats)
        if "shares" in options.parts:
            shares(nfft, options.repeats)
        if "agreement" in options.parts:
            agreement(nfft)
        if "density" in options.parts:
            density(nfft)
    if "loudness" in options.parts:
        loudness(0.5)


if __name__ == "__main__":
    main()
