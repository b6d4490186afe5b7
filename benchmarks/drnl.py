"""How fast the DRNL filterbank is, forwards and backwards, how its cost grows, and how much memory it takes.
Run: ``python benchmarks/drnl.py`` from the checkout (with the ``bench`` extra); about three minutes.
Not a test: figures depend on the machine and on who else uses it. Compare within one run.

The rival, written plainly here: *direct convolution*, the way of an existing package's fast class. Impulse
responses of 4096 taps (with the low-passes merged into those after the stick), applied by grouped ``conv1d``.
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

from amtlib import DRNLFilterbank, FastDRNLFilterbank

FS, TAPS = 44100, 4096
RANGE = (250.0, 8000.0)
TARGET_MS = {torch.float32: 60.0, torch.float64: 140.0}
TARGET_RATIO, TARGET_BACKWARD, TARGET_MB = 30.0, 4.0, 1000.0


def sound(seconds: float, batch: int = 1, dtype: torch.dtype = torch.float32) -> Tensor:
    """Stapes velocity of noise at about 60 dB SPL."""
    generator = torch.Generator().manual_seed(1)
    return 1e-5 * torch.randn(batch, round(seconds * FS), generator=generator, dtype=dtype)


def direct_convolution(fast: FastDRNLFilterbank) -> Callable[[Tensor], Tensor]:
    """Make the rival from stored responses; flipping and merging them is not timed."""
    n_fft = 2 * TAPS
    merged = torch.fft.rfft(fast.ir_nlin_2, n_fft) * torch.fft.rfft(fast.ir_lp_nlin, n_fft)
    after = torch.fft.irfft(merged, n_fft)[:, :TAPS].flip(-1).unsqueeze(1)
    before, beside = (ir.flip(-1).unsqueeze(1) for ir in (fast.ir_nlin_1, fast.ir_lin))
    a, b, c = (v.unsqueeze(-1) for v in (fast.a, fast.b, fast.c))
    channels = fast.num_channels

    def forward(x: Tensor) -> Tensor:
        spread = torch.nn.functional.pad(x.unsqueeze(1).expand(-1, channels, -1), (TAPS - 1, 0))
        linear = torch.nn.functional.conv1d(spread, beside, groups=channels)
        moved = torch.nn.functional.conv1d(spread, before, groups=channels)
        strong = b * moved.abs().clamp_min(1e-20) ** c
        moved = moved.sign() * torch.minimum(a * moved.abs(), strong)
        again = torch.nn.functional.pad(moved, (TAPS - 1, 0))
        return linear + torch.nn.functional.conv1d(again, after, groups=channels)

    return forward


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


def against_rival(repeats: int) -> None:
    print(f"50 channels, 1 s at {FS} Hz, {torch.get_num_threads()} threads, median and least of {repeats}:\n")
    print(f"{'':34}{'median ms':>11}{'least ms':>10}{'real time x':>13}{'error (rel rms)':>17}")
    found: dict[str, tuple[float, float]] = {}
    x = sound(1.0)
    exact = DRNLFilterbank(RANGE, FS)
    truth = exact(x)
    banks = {
        "amtlib, float32": DRNLFilterbank(RANGE, FS, dtype=torch.float32),
        "amtlib, float64": exact,
        "FastDRNLFilterbank, float32": FastDRNLFilterbank(RANGE, FS),
    }
    calls: dict[str, Callable[[], Tensor]] = {name: (lambda b=bank: b(x)) for name, bank in banks.items()}
    calls["amtlib, float32, both paths"] = lambda: banks["amtlib, float32"](x, return_paths=True).total
    calls["amtlib, float32, new bank each time"] = lambda: DRNLFilterbank(RANGE, FS, dtype=torch.float32)(x)
    impaired = DRNLFilterbank(RANGE, FS, subject="HIx", dtype=torch.float32)
    calls["without outer hair cells, float32"] = lambda: impaired(x)
    rival = direct_convolution(FastDRNLFilterbank(RANGE, FS))
    with torch.no_grad():
        found.update(zip(calls, medians(list(calls.values()), repeats), strict=True))
        (found["direct convolution, 4096 taps"],) = medians([lambda: rival(x)], 2)
        calls["direct convolution, 4096 taps"] = lambda: rival(x)
        for name, call in calls.items():
            median, least = found[name]
            error = ((call().double() - truth).norm(dim=-1) / truth.norm(dim=-1)).max()
            shown = "" if name.startswith("without") else f"{float(error):17.1e}"
            print(f"{name:34}{median:11.1f}{least:10.1f}{1e3 / median:13.0f}{shown}")
    for dtype, limit in TARGET_MS.items():
        name = f"amtlib, {str(dtype).removeprefix('torch.')}"
        verdict(f"{name} <= {limit:g} ms", found[name][0] <= limit)
    ratio = found["direct convolution, 4096 taps"][0] / found["amtlib, float32"][0]
    verdict(f"direct convolution / amtlib = {ratio:.0f} >= {TARGET_RATIO:g}", ratio >= TARGET_RATIO)


def backward(repeats: int) -> None:
    print(f"\n{'backward pass':42}{'forward ms':>12}{'backward ms':>13}{'ratio':>8}")
    for dtype in (torch.float32, torch.float64):
        for kind in (DRNLFilterbank, FastDRNLFilterbank):
            bank, x = kind(RANGE, FS, learnable=True, dtype=dtype), sound(1.0, dtype=dtype)
            forwards, backwards = [], []
            for _ in range(repeats):
                start = time.perf_counter()
                y = bank(x)
                middle = time.perf_counter()
                y.backward(torch.ones_like(y))
                backwards.append(1e3 * (time.perf_counter() - middle))
                forwards.append(1e3 * (middle - start))
            there, back = statistics.median(forwards[1:]), statistics.median(backwards[1:])
            count = sum(p.numel() for p in bank.parameters())
            print(
                f"{kind.__name__ + f', {count} numbers, {dtype}':42}{there:12.1f}{back:13.1f}{back / there:8.1f}"
            )
            verdict(f"backward <= {TARGET_BACKWARD:g} forward", back <= TARGET_BACKWARD * there)


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
def child_growth(seconds: float, channels: float, batch: float) -> None:
    torch.set_num_threads(2)
    bank = DRNLFilterbank(RANGE, FS, n_channels=int(channels), dtype=torch.float32)
    x = sound(seconds, int(batch))
    torch.fft.irfft(torch.fft.rfft(x[:, :FS]))  # the FFT library's own tables
    before = peak_mb()
    bank(x)
    work = peak_mb() - before
    ((_, least),) = medians([lambda: bank(x)], 7)
    print(least, work, 4e-6 * bank.num_channels * x.numel())


def child_stream(seconds: float) -> None:
    torch.set_num_threads(2)
    stream = DRNLFilterbank(RANGE, FS, dtype=torch.float32).stream()
    energy, start = 0.0, time.perf_counter()
    for _ in range(int(seconds)):
        energy += float(stream.process(sound(1.0)[0]).square().sum())
    print(time.perf_counter() - start, peak_mb(), energy)


def growth() -> None:
    print(
        f"\n{'channels':>9}{'seconds':>9}{'batch':>7}{'least ms':>9}{'ms/(s ch)':>11}{'output MB':>11}",
        end="",
    )
    print(f"{'output + work MB':>18}")
    cases = [(t, 50, 1) for t in (1, 2, 5, 10, 30)]
    cases += [(1, f, 1) for f in (1, 10, 100, 200)]
    cases += [(1, 10, b) for b in (2, 8, 32)]
    cases += [(0.15, 1, b) for b in (12, 100)]  # a level series, as in the lab
    for seconds, channels, batch in cases:
        taken, work, output = child("growth", seconds, channels, batch)
        each = taken / seconds / channels / batch
        print(f"{channels:9}{seconds:9}{batch:7}{taken:9.1f}{each:11.3f}{output:11.0f}{work:18.0f}")


def stream() -> None:
    taken, peak, _ = child("stream", 300)
    print(f"\n5 min through 50 channels, by the second: {taken:.1f} s, whole process at most {peak:.0f} MB")
    verdict(f"< {TARGET_MB:g} MB", peak < TARGET_MB)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=21, help="repetitions of the comparison")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        task, *numbers = options.child
        {"growth": child_growth, "stream": child_stream}[task](*map(float, numbers))
        return
    torch.set_num_threads(2)
    against_rival(options.repeats)
    backward(max(3, options.repeats // 3))
    growth()
    stream()


if __name__ == "__main__":
    main()
