"""How fast the gammatone filterbank is, how its cost grows, and how much memory it takes.
Run: ``python benchmarks/gammatone.py`` from the checkout (with the ``bench`` extra); about a minute.
Not a test: figures depend on the machine and on who else uses it. Compare within one run.

Rivals, each written plainly here:

- *four passes*: the way of an existing package. Each pole's response is cut off and applied by complex FFT
  convolution, once for each of the four sections, on every channel, each section transforming it anew.
- *four passes, one transform*: the same with the transform of the response shared by the four sections.
- *scipy*: `scipy.signal.lfilter` with complex fourth-order coefficients, channel by channel, in float64.
"""

import argparse
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import scipy.signal
import torch
from torch import Tensor

if __name__ == "__main__":  # run as a script, the checkout is not yet on the path
    sys.path.insert(0, str(Path(__file__).parents[1]))

from amtlib import GammatoneFilterbank, erb2fc, fc2erb
from amtlib.lti import fast_length

FS = 44100
LOW, HIGH = 50.0, 14100.0  # 37 channels, 1 ERB apart
TARGET_MS, TARGET_RATIO, TARGET_MB = 12.0, 15.0, 1000.0


def bank_of(channels: int) -> GammatoneFilterbank:
    low, high = fc2erb(LOW), fc2erb(HIGH)
    return GammatoneFilterbank(erb2fc(torch.linspace(float(low), float(high), channels).double()), FS)


def four_passes(bank: GammatoneFilterbank, x: Tensor, share: bool = False) -> Tensor:
    """Truncate each pole's response where it has fallen by 120 dB and convolve with it n times."""
    radius = float(bank.poles.abs().max())
    length = math.ceil(math.log(1e-6) / math.log(radius))
    response = (bank.gains[:, None] * bank.poles[:, None] ** torch.arange(length)).to(torch.complex64)
    n_fft = fast_length(x.shape[-1] + length - 1)
    y = x.to(torch.complex64).expand(bank.num_channels, -1)
    transform = torch.fft.fft(response, n_fft)
    for section in range(bank.n):
        if section > 0 and not share:
            transform = torch.fft.fft(response, n_fft)
        y = torch.fft.ifft(torch.fft.fft(y, n_fft) * transform)[..., : x.shape[-1]]
    return 2.0 * y.real


def scipy_recursion(bank: GammatoneFilterbank, x: Tensor) -> Tensor:
    """One complex fourth-order direct form per channel."""
    rows = []
    for pole, gain in zip(bank.poles.tolist(), bank.gains.tolist(), strict=True):
        a = [math.comb(bank.n, k) * (-pole) ** k for k in range(bank.n + 1)]
        rows.append(2.0 * scipy.signal.lfilter([gain**bank.n], a, x.double().numpy()).real)
    return torch.from_numpy(np.stack(rows))


def medians(calls: Sequence[Callable[[], Tensor]], repeats: int) -> list[float]:
    """
    Median times in ms, the calls taking turns so that a disturbance hits all alike.

    Each runs once untimed before it is timed: what ran in between has put the threads to sleep, emptied the
    cache and given memory back, which is a cost of taking turns, not of the call.
    """
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(repeats):
        for call, taken in zip(calls, times, strict=True):
            call()
            start = time.perf_counter()
            call()
            taken.append(1e3 * (time.perf_counter() - start))
    return [statistics.median(taken) for taken in times]


def against_rivals(repeats: int) -> None:
    bank, x = bank_of(37), torch.randn(FS, generator=torch.Generator().manual_seed(1))
    truth = scipy_recursion(bank, x)
    ways = {
        "amtlib": lambda: bank(x),
        "amtlib, new bank each time": lambda: bank_of(37)(x),  # as a slider does
    }
    rivals = {
        "four passes": lambda: four_passes(bank, x),
        "four passes, one transform": lambda: four_passes(bank, x, share=True),
        "scipy": lambda: scipy_recursion(bank, x),
    }
    calls = {**ways, **rivals}
    times = dict(zip(calls, medians(list(calls.values()), repeats), strict=True))
    print(f"37 channels, 1 s at {FS} Hz, float32, {torch.get_num_threads()} threads, median of {repeats}:\n")
    print(f"{'':28}{'ms':>9}{'amtlib faster by':>18}{'error re peak':>16}")
    for name, call in calls.items():
        error = float((call() - truth).abs().max() / truth.abs().max())
        print(f"{name:28}{times[name]:9.1f}{times[name] / times['amtlib']:18.1f}{error:16.1e}")
    ratio = times["four passes"] / times["amtlib"]
    for value, met in (
        (f"<= {TARGET_MS:g} ms", times["amtlib"] <= TARGET_MS),
        (f">= {TARGET_RATIO:g}x", ratio >= TARGET_RATIO),
    ):
        print(f"target {value}: {'met' if met else 'MISSED'}")


def child(task: str, *numbers: float) -> list[float]:
    """Run one task of this script in a process of its own; return what it printed."""
    command = [sys.executable, __file__, "--child", task, *map(str, numbers)]
    return [
        float(v) for v in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    ]


def peak_mb() -> float:
    """Most memory this process ever held (VmHWM), in MB."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1.024e-3


def child_growth(seconds: float, channels: float) -> None:
    torch.set_num_threads(2)
    bank, x = bank_of(int(channels)), torch.randn(round(seconds * FS))
    torch.fft.irfft(torch.fft.rfft(x[:FS]))  # the FFT library's own tables
    before = peak_mb()
    bank(x)
    work = peak_mb() - before
    (taken,) = medians([lambda: bank(x)], 5)
    print(taken, work, 4e-6 * bank.num_channels * len(x))


def child_stream(seconds: float) -> None:
    torch.set_num_threads(2)
    stream = bank_of(37).stream()
    energy, start = 0.0, time.perf_counter()
    for _ in range(int(seconds)):
        energy += float(stream.process(torch.randn(FS)).square().sum())
    print(time.perf_counter() - start, peak_mb(), energy)


def growth() -> None:
    print(
        f"\n{'channels':>9}{'seconds':>9}{'ms':>9}{'ms/(s ch)':>11}{'output MB':>11}{'output + work MB':>18}"
    )
    lengths, widths = [1, 2, 5, 10, 30, 60], [10, 100, 200, 400]
    for seconds, channels in [*((t, 37) for t in lengths), *((1, f) for f in widths)]:
        taken, work, output = child("growth", seconds, channels)
        each = taken / seconds / channels
        print(f"{channels:9}{seconds:9}{taken:9.1f}{each:11.3f}{output:11.0f}{work:18.0f}")


def stream() -> None:
    taken, peak, _ = child("stream", 600)
    print(f"\n10 min through 37 channels, by the second: {taken:.1f} s, whole process at most {peak:.0f} MB")
    print(f"target < {TARGET_MB:g} MB: {'met' if peak < TARGET_MB else 'MISSED'}")


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
    with torch.no_grad():
        against_rivals(options.repeats)
    growth()
    stream()


if __name__ == "__main__":
    main()
