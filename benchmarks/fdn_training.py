"""How fast networks are trained against flamo's own trainer, how exact the gradient is, and how flat the result.
Run: ``python benchmarks/fdn_training.py`` from the checkout (with the ``fdn`` extra); about ten minutes.
Shorter: ``--parts speed`` or ``--lines 4 8 --seeds 1 --steps 300``. One thread: ``--threads 1`` (default 1, then 2).
Not a test: figures depend on the machine and on who else uses it. Compare within one run.

The rival: the same objective, start and step through ``flamo.optimize.trainer.EagerTrainer`` and ``model(x)``, with
flamo's own losses and its own delays. Steps of both take turns.
"""

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from flamo.optimize.loss import mse_loss, mss_loss
from flamo.optimize.trainer import EagerTrainer
from flamo.processor import dsp, system

if __name__ == "__main__":  # run as a script, the checkout is not yet on the path
    sys.path.insert(0, str(Path(__file__).parents[1]))

from amtlib.fdn.build import FDNBuild
from amtlib.fdn.design import design_fdn
from amtlib.fdn.measures import Colouration, colouration
from amtlib.fdn.response import render
from amtlib.train import TrainingRun, build_fdn, colorless_sparsity_loss, extract_build, trainable_from_build

FS = 48000
DELAYS = {
    (4, "d1"): [1499, 1889, 2381, 2999],
    (4, "d2"): [797, 839, 2381, 2999],
    (6, "d1"): [997, 1153, 1327, 1559, 1801, 2099],
    (6, "d2"): [887, 911, 941, 1699, 1951, 2053],
    (8, "d1"): [809, 877, 937, 1049, 1151, 1249, 1373, 1499],
    (8, "d2"): [241, 263, 281, 293, 1193, 1319, 1453, 1597],
    (16, "d1"): [241, 271, 293, 331, 359, 401, 443, 487, 523, 587, 647, 709, 787, 863, 953, 1049],
    (16, "d2"): [241, 271, 283, 301, 310, 331, 343, 357, 361, 687, 704, 715, 737, 753, 763, 801],
}
# The published presets' modal std, magnitude std, peak over rms (dB) and sparsity, measured as ours are.
PRESETS = {
    (4, "d1"): (4.22, 4.27, 9.6, 0.32),
    (4, "d2"): (3.25, 5.53, 11.0, 0.22),
    (6, "d1"): (3.48, 5.63, 8.1, 0.25),
    (6, "d2"): (4.35, 6.25, 10.4, 0.26),
    (8, "d1"): (4.99, 5.90, 8.8, 0.33),
    (8, "d2"): (6.37, 6.80, 13.6, 0.27),
    (16, "d1"): (6.20, 6.42, 12.8, 0.27),
    (16, "d2"): (5.84, 6.58, 11.4, 0.28),
}
TARGETS = {"colorless": 2.0, "match_spectrogram": 3.0}
TARGET_GRADIENT, TARGET_SECONDS = 1e-4, 10.0


def verdict(target: str, met: bool) -> None:
    print(f"target {target}: {'met' if met else 'MISSED'}")


def start(lines: int, nfft: int, dtype: torch.dtype = torch.float32, output: str = "time") -> Any:
    return build_fdn(
        delays=DELAYS[lines, "d1"], rt=2.0, rng=0, nfft=nfft, dtype=dtype, output=output, device="cpu"
    )


def with_flamos_delays(model: Any) -> Any:
    """Put flamo's own delay module where ours is, so that the rival is flamo alone."""
    loop = model.get_core().branchA.feedback_loop
    ours = loop.feedforward.delay
    plain = dsp.parallelDelay(
        size=ours.size,
        max_len=ours.max_len,
        isint=True,
        unit=1,
        fs=FS,
        nfft=ours.nfft,
        device="cpu",
        dtype=ours.dtype,
    )
    plain.assign_value(ours.param.detach())
    loop.feedforward = system.Series({"delay": plain, "filter": loop.feedforward.filter})
    return model


def rival_step(lines: int, nfft: int, mode: str, target: np.ndarray) -> Callable[[], object]:
    """Make one step of flamo's trainer, callable again and again."""
    colorless = mode == "colorless"
    model = with_flamos_delays(start(lines, nfft, output="magnitude" if colorless else "time"))
    trainer = EagerTrainer(model, max_steps=1, lr=1e-3, log=False, patience=10**9)
    trainer.register_criterion(
        mse_loss() if colorless else mss_loss(nfft=[256, 512, 1024], sample_rate=FS), 1.0
    )
    # flamo's own penalty does not find the matrix in this graph
    trainer.register_criterion(colorless_sparsity_loss(), 0.2, requires_model=True)
    x = torch.zeros(1, nfft, 1)
    x[:, 0] = 1.0
    wanted = (
        torch.ones(1, nfft // 2 + 1, 1)
        if colorless
        else torch.as_tensor(target, dtype=torch.float32)[None, :, None]
    )
    return lambda: trainer.optimize(x, wanted)


def own_step(lines: int, nfft: int, mode: str, target: np.ndarray, **more: Any) -> Callable[[], object]:
    run = TrainingRun(
        start(lines, nfft), mode, target=None if mode == "colorless" else target, lr=1e-3, max_steps=10**9,
        patience=10**9, **more,
    )  # fmt: skip
    return run.step


def taking_turns(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, tuple[float, float]]:
    """Median and least time of each in ms."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(repeats):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            times[name].append(1e3 * (time.perf_counter() - began))
    return {name: (statistics.median(taken), min(taken)) for name, taken in times.items()}


def room(nfft: int) -> np.ndarray:
    other = design_fdn(delays=DELAYS[8, "d2"], rt=(1.0, 0.5), rng=9)
    return render(other, nfft / FS)


def speed(lines: list[int], repeats: int) -> None:
    nfft = 2**14
    print(f"\nStep time, nfft 2^14, {torch.get_num_threads()} thread(s), ms, median (least) of {repeats}:\n")
    print(f"{'mode':20}{'N':>3}{'flamo':>18}{'amtlib':>18}{'ratio':>14}{'2048 frequencies':>20}")
    target = room(nfft)
    for mode, wanted in TARGETS.items():
        for n in lines:
            calls = {"flamo": rival_step(n, nfft, mode, target), "ours": own_step(n, nfft, mode, target)}
            if mode == "colorless":
                calls["drawn"] = own_step(n, nfft, mode, target, frequencies=2048)
            found = taking_turns(calls, repeats)
            shown = {name: f"{median:.1f} ({least:.1f})" for name, (median, least) in found.items()}
            ratio, best = (found["flamo"][i] / found["ours"][i] for i in range(2))
            print(
                f"{mode:20}{n:3}{shown['flamo']:>18}{shown['ours']:>18}{f'{ratio:.1f} ({best:.1f})':>14}"
                f"{shown.get('drawn', ''):>20}"
            )
            verdict(f"{mode}, N = {n}: flamo / amtlib = {ratio:.1f} >= {wanted:g}", ratio >= wanted)


def growth(repeats: int) -> None:
    print(
        f"\nColorless step in ms over N and nfft, {torch.get_num_threads()} thread(s), least of {repeats}:\n"
    )
    exponents = (12, 13, 14, 15)
    print(f"{'N':>4}" + "".join(f"{f'2^{e}':>9}" for e in exponents))
    for n in (4, 6, 8, 16):
        calls = {str(e): own_step(n, 2**e, "colorless", np.ones(1)) for e in exponents}
        found = taking_turns(calls, repeats)
        print(f"{n:4}" + "".join(f"{found[str(e)][1]:9.1f}" for e in exponents))


def gradient_error(lines: list[int]) -> None:
    print("\nGradient of the colorless loss in float32 against float64 (relative norm, A, B, C):\n")
    for n in lines:
        found: dict[str, list[torch.Tensor]] = {}
        for name, dtype, fused in (
            ("double", torch.float64, True), ("amtlib", torch.float32, True), ("flamo", torch.float32, False)
        ):  # fmt: skip
            model = start(n, 2**14, dtype)
            if not fused:
                model = with_flamos_delays(model)
            run = TrainingRun(model, "colorless", sparsity_alpha=0.0, max_steps=1, fused=fused)
            run._descent.loss(None)[0].backward()
            found[name] = [p.grad.double() for p in run._descent.learned if p.grad is not None]
        errors = {
            name: [
                float((a - b).norm() / b.norm()) for a, b in zip(found[name], found["double"], strict=True)
            ]
            for name in ("amtlib", "flamo")
        }
        print(f"N = {n:2}: " + ", ".join(f"{k} {' '.join(f'{e:.1e}' for e in v)}" for k, v in errors.items()))
        verdict(f"gradient within {TARGET_GRADIENT:g}", max(errors["amtlib"]) <= TARGET_GRADIENT)


def shown(found: Colouration) -> str:
    return f"{found.modal_std:7.2f}{found.magnitude_std:7.2f}{found.peak_to_rms:7.1f}{found.sparsity:7.2f}"


def train(build: FDNBuild, steps: int, alpha: float, lr: float, seed: int) -> tuple[FDNBuild, float]:
    model = trainable_from_build(build, device="cpu")
    run = TrainingRun(
        model, "colorless", objective="power_variance", sparsity_alpha=alpha, lr=lr, max_steps=steps,
        patience=10**6, rng=seed, frequencies=2048 if build.N < 16 else 1024,
    )  # fmt: skip
    for _ in run:
        pass
    return extract_build(model), run.seconds


def colours(lines: list[int], seeds: int, steps: int | None, alpha: float, lr: float) -> None:
    count = str(steps or "1000 (N = 16: 800)")
    print(
        f"\nPower variance, lossless start SO(N), {count} steps, sparsity_alpha {alpha:g}, lr {lr:g}, "
        f"{seeds} seed(s), {torch.get_num_threads()} thread(s)."
    )
    print("Modal std, magnitude std, peak over rms (dB), sparsity:\n")
    print(f"{'N':>3} {'set':4}{'seed':>7}{'start':>28}{'trained':>28}{'s':>8}")
    for n, name in DELAYS:
        if n not in lines:
            continue
        ends, seconds = [], []
        for seed in range(seeds):
            build = design_fdn(delays=DELAYS[n, name], rt=None, rng=seed)
            trained, took = train(build, steps or (1000 if n < 16 else 800), alpha, lr, seed)
            ends.append(colouration(trained))
            seconds.append(took)
            print(
                f"{n:3} {name:4}{seed:7}{shown(colouration(build))}{shown(ends[-1])}{took:8.1f}", flush=True
            )
        middle = [
            statistics.median(getattr(end, figure) for end in ends)
            for figure in ("modal_std", "magnitude_std", "peak_to_rms", "sparsity")
        ]
        preset = PRESETS[n, name]
        for label, row in (("median", middle), ("preset", preset)):
            print(f"{n:3} {name:4}{label:>7}{'':28}{row[0]:7.2f}{row[1]:7.2f}{row[2]:7.1f}{row[3]:7.2f}")
        verdict(
            f"N = {n} {name}: modal std and peak below the preset's",
            middle[0] < preset[0] and middle[2] < preset[2],
        )
        verdict(
            f"N = {n} {name}: {max(seconds):.1f} s <= {TARGET_SECONDS:g} s a run",
            max(seconds) <= TARGET_SECONDS,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", default=["speed", "growth", "gradient", "colour"])
    parser.add_argument("--lines", type=int, nargs="+", default=[4, 6, 8, 16])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="default: 1000, 800 with 16 lines")
    parser.add_argument("--alpha", type=float, default=0.7)
    parser.add_argument("--lr", type=float, default=1e-2)
    options = parser.parse_args()
    warnings.simplefilter(
        "ignore", UserWarning
    )  # time aliasing and penalty: the defaults of the specification
    for threads in options.threads:
        torch.set_num_threads(threads)
        if "speed" in options.parts:
            speed([n for n in options.lines if n != 6], options.repeats)
        if "growth" in options.parts:
            growth(options.repeats)
    torch.set_num_threads(1)
    if "gradient" in options.parts:
        gradient_error(options.lines)
    if "colour" in options.parts:
        colours(options.lines, options.seeds, options.steps, options.alpha, options.lr)


if __name__ == "__main__":
    main()
