"""How fast loudness is: spectra and excitation patterns, whole models, forwards and backwards, growth and memory.
Run: ``python benchmarks/loudness.py`` from the checkout (with the ``bench`` extra); about four minutes.
Not a test: figures depend on the machine and on who else uses it. Compare within one run.

The rival, written plainly here: *broadcasting*, the same excitation formula evaluated for every pair of component
and channel, and of component and component, by vectorised operations on blocks of a hundred frames.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

if __name__ == "__main__":  # run as a script, the checkout is not yet on the path
    sys.path.insert(0, str(Path(__file__).parents[1]))

from amtlib import Glasberg2002, Moore2016, Moore2016ExcitationPattern, Moore2016Spectrum

FS = 32000
TARGET_MS, TARGET_REAL_TIME, TARGET_GROWTH, TARGET_MB = 500.0, 1.0, 1.3, 2000.0
TARGET_MINUTE = 60.0
RIVAL = "patterns by broadcasting"


def sound(seconds: float, *shape: int) -> Tensor:
    """Noise at 70 dB SPL, different in every row, in Pa: the worst case, in which every component counts."""
    generator = torch.Generator().manual_seed(1)
    return 20e-6 * 10 ** (70 / 20) * torch.randn(*shape, round(seconds * FS), generator=generator)


def tone(seconds: float, *shape: int) -> Tensor:
    """1 kHz at 60 dB SPL: few components count."""
    phase = 2.0 * torch.pi * 1000.0 / FS * torch.arange(round(seconds * FS))
    return (20e-6 * 2**0.5 * 10 ** (60 / 20) * torch.sin(phase)).expand(*shape, -1)


def roex(t: Tensor) -> Tensor:
    return (1.0 + t) * torch.exp(-t)


def broadcasting(freqs: Tensor, power: Tensor, fc: Tensor, p1000: float) -> Tensor:
    """Excitation in dB, (rows, C), of (rows, K) on one grid."""

    def p(f: Tensor) -> Tensor:
        return 4.0 * f / (24.673 * (0.004368 * f + 1.0))

    parts = []
    for some in power.split(104):
        g = (freqs[:, None] - freqs) / freqs
        around = torch.where(g <= 4.0, roex(p(freqs) * g.abs()), 0.0)
        level = 10.0 * torch.log10((around * some[:, None]).sum(-1) + 1e-20)
        g = (freqs - fc[:, None]) / fc[:, None]
        upper = p(fc)[:, None]
        lower = (upper - 0.35 * upper / p1000 * (level[:, None] - 51.0)).clamp_min(0.1)
        weights = roex(torch.where(g < 0.0, lower, upper) * g.abs())
        weights = torch.where(g <= 4.0, weights, 0.0)
        parts.append(10.0 * torch.log10((weights * some[:, None]).sum(-1) + 1e-12))
    return torch.cat(parts)


def medians(calls: Sequence[Callable[[], object]], repeats: int) -> list[tuple[float, float]]:
    """Median and least times in ms, the calls taking turns; each runs once untimed before it is timed."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(repeats):
        for call, taken in zip(calls, times, strict=True):
            call()
            start = time.perf_counter()
            call()
            taken.append(1e3 * (time.perf_counter() - start))
    return [(statistics.median(taken), min(taken)) for taken in times]


def verdict(target: str, met: bool) -> None:
    print(f"target {target}: {'met' if met else 'MISSED'}")


@torch.no_grad()
def patterns(repeats: int) -> None:
    spectrum, pattern = Moore2016Spectrum(), Moore2016ExcitationPattern(spreading_limit_octaves=None)
    exact = Moore2016ExcitationPattern(spreading_limit_octaves=None, dtype=torch.float64)
    x, quiet = sound(1.0, 2), tone(1.0, 2)
    freqs, power = spectrum.dense(x)
    sparse = spectrum(x[None])
    truth = exact.forward_grid(freqs, power)

    def both(audio: Tensor) -> Tensor:
        return pattern.forward_grid(*spectrum.dense(audio))

    def documented(audio: Tensor) -> Tensor:
        left_f, left, right_f, right = spectrum(audio[None])
        return torch.stack([pattern(left_f, left), pattern(right_f, right)])

    calls: dict[str, Callable[[], Tensor]] = {
        "spectrum and patterns": lambda: both(x),
        "the same through freqs and levels": lambda: documented(x),
        "the same for a tone": lambda: both(quiet),
        "spectrum": lambda: spectrum.dense(x).power,
        "spectrum as freqs and levels": lambda: spectrum(x[None])[1],
        "patterns": lambda: pattern.forward_grid(freqs, power),
        "patterns from freqs and levels": lambda: pattern(sparse[0], sparse[1]),
        "patterns, float64": lambda: exact.forward_grid(freqs, power),
        "patterns of one frame": lambda: pattern.forward_grid(freqs, power[0, 0]),
    }
    rows = power.shape[0] * power.shape[1]
    print(f"1 s stereo noise, {rows} spectra of {len(freqs)} components, 150 channels, float32,")
    print(f"{torch.get_num_threads()} threads, median and least of {repeats}:\n")
    print(f"{'':36}{'median ms':>11}{'least ms':>10}")
    found = dict(zip(calls, medians(list(calls.values()), repeats), strict=True))
    times = []
    for _ in range(2):  # half a minute each: not in turn with the others
        start = time.perf_counter()
        obvious = broadcasting(freqs, power.flatten(0, 1), pattern.fc_channels, pattern.p1000)
        times.append(1e3 * (time.perf_counter() - start))
    found[RIVAL] = (statistics.median(times), min(times))
    for name, (median, least) in found.items():
        print(f"{name:36}{median:11.1f}{least:10.1f}")
    for name, result in (("patterns", calls["patterns"]()), (RIVAL, obvious)):
        print(f"error of {name}: {float((result.view_as(truth) - truth).abs().max()):.1e} dB at most")
    print(f"broadcasting takes {found[RIVAL][1] / found['patterns'][1]:.0f} times as long (least times)")
    for name in ("spectrum and patterns", "the same through freqs and levels"):
        verdict(f"{name} <= {TARGET_MS:g} ms", found[name][0] <= TARGET_MS)


@torch.no_grad()
def models(repeats: int) -> None:
    print(f"\n{'1 s, float32':36}{'median ms':>11}{'least ms':>10}{'real time x':>13}")
    moore, glasberg = Moore2016(), Glasberg2002()
    calls: dict[str, Callable[[], object]] = {
        "Moore2016, noise, different ears": lambda: moore(sound(1.0, 2)),
        "Moore2016, noise, stages": lambda: moore(sound(1.0, 2), return_stages=True),
        "Moore2016, noise, equal ears": lambda: moore(sound(1.0, 1).expand(2, -1)),
        "Moore2016, tone": lambda: moore(tone(1.0, 2)),
        "Moore2016, stationary tone": lambda: moore.stationary(torch.tensor([1e3]), torch.tensor([60.0])),
        "Glasberg2002, noise": lambda: glasberg(sound(1.0)),
        "Glasberg2002, tone": lambda: glasberg(tone(1.0)),
    }
    found = dict(zip(calls, medians(list(calls.values()), repeats), strict=True))
    for name, (median, least) in found.items():
        shown = "" if "stationary" in name else f"{1e3 / median:13.1f}"
        print(f"{name:36}{median:11.1f}{least:10.1f}{shown}")
    fastest = 1e3 / found["Moore2016, noise, different ears"][0]
    verdict(f"Moore2016 faster than real time ({fastest:.1f} x)", fastest > TARGET_REAL_TIME)


def backward(repeats: int) -> None:
    print(f"\n{'backward pass, 1 s':36}{'forward ms':>12}{'backward ms':>13}{'ratio':>8}")
    pattern, spectrum = Moore2016ExcitationPattern(learnable=True), Moore2016Spectrum()
    freqs, power = spectrum.dense(sound(1.0, 2))
    power = power.detach().requires_grad_()
    audio = sound(1.0, 2).requires_grad_()
    moore = Moore2016(learnable=True)
    cases: dict[str, Callable[[], Tensor]] = {
        "patterns, by power and 3 numbers": lambda: pattern.forward_grid(freqs, power),
        "Moore2016, by audio and parameters": lambda: moore(audio).long_term,
    }
    for name, call in cases.items():
        forwards, backwards = [], []
        for _ in range(repeats):
            start = time.perf_counter()
            y = call()
            middle = time.perf_counter()
            y.sum().backward()
            backwards.append(1e3 * (time.perf_counter() - middle))
            forwards.append(1e3 * (middle - start))
        there, back = statistics.median(forwards[1:]), statistics.median(backwards[1:])
        print(f"{name:36}{there:12.1f}{back:13.1f}{back / there:8.1f}")


def child(task: str, *numbers: float) -> list[float]:
    """Run one task of this script in a process of its own; return what it printed."""
    command = [sys.executable, __file__, "--child", task, *map(str, numbers)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [float(value) for value in printed.split()]


def peak_mb() -> float:
    """Most memory this process ever held (VmHWM), in MB."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1.024e-3


@torch.no_grad()
def growth(repeats: int) -> None:
    moore = Moore2016()
    cases = [(1.0, 1), (2.0, 1), (4.0, 1), (8.0, 1), (1.0, 2), (1.0, 4)]
    sounds = [sound(seconds, batch, 2) for seconds, batch in cases]
    found = medians([lambda x=x: moore(x) for x in sounds], repeats)
    print(f"\n{'Moore2016':12}{'seconds':>9}{'batch':>7}{'least ms':>11}{'ms/s':>9}{'to linear':>11}")
    # A second holds 936 frames and each further one 1000, as the last window must be full.
    frames = [batch * moore.spectrum.n_frames(round(seconds * FS)) for seconds, batch in cases]
    worst = 0.0
    for (seconds, batch), (_, least), count in zip(cases, found, frames, strict=True):
        ratio = least / count / (found[0][1] / frames[0])
        worst = max(worst, ratio)
        print(f"{'':12}{seconds:9g}{batch:7}{least:11.1f}{least / seconds / batch:9.1f}{ratio:11.2f}")
    verdict(f"growth with duration and batch at most {TARGET_GROWTH:g} times linear", worst <= TARGET_GROWTH)


def child_memory(seconds: float, learns: float) -> None:
    torch.set_num_threads(2)
    x = sound(seconds, 2).requires_grad_(bool(learns))
    before, start = peak_mb(), time.perf_counter()
    with torch.set_grad_enabled(bool(learns)):
        loudness = Moore2016(learnable=bool(learns))(x)
        if learns:
            loudness.long_term.sum().backward()
    print(time.perf_counter() - start, before, peak_mb(), float(loudness.peak))


def memory() -> None:
    print(f"\n{'Moore2016, stereo, own process':36}{'s':>8}{'MB before':>11}{'MB at most':>12}")
    for name, seconds, learns in (("60 s", 60, 0), ("10 s, forward and backward", 10, 1)):
        taken, before, peak, _ = child("memory", seconds, learns)
        print(f"{name:36}{taken:8.1f}{before:11.0f}{peak:12.0f}")
        if not learns:
            verdict(f"peak < {TARGET_MB:g} MB", peak < TARGET_MB)
            verdict(f"faster than {TARGET_MINUTE:g} s", taken < TARGET_MINUTE)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=9, help="repetitions of each comparison")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        _, *numbers = options.child
        child_memory(*map(float, numbers))
        return
    torch.set_num_threads(2)
    patterns(options.repeats)
    models(options.repeats)
    growth(max(3, options.repeats // 3))
    backward(max(3, options.repeats // 2))
    memory()


if __name__ == "__main__":
    main()
