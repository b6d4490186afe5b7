"""How fast all modes of a network are found, and how exact they are.
Run: ``python benchmarks/fdn_modes.py`` from the checkout (with the ``bench`` extra); about half a minute.
Not a test: times depend on the machine and on who else uses it. Compare within one run.

The eight delay sets are those of the published colourless presets, 48 kHz, with a random rotation (seed 0). The rival
is plain: numpy's eigenvalues of the matrix that moves every sample of every line one step. Its cost grows with the cube
of the number of modes, so it runs on short networks, and the ratio at 8936 modes is that growth continued.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

# numpy reads this once, when it is imported
if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, the checkout is not yet on the path
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

import numpy as np
import scipy.optimize

from amtlib.fdn import FDNBuild, Modes, design_fdn, modal_decomposition, modal_excitation_std

SETS = {
    "N4_d1": [1499, 1889, 2381, 2999],
    "N4_d2": [797, 839, 2381, 2999],
    "N6_d1": [997, 1153, 1327, 1559, 1801, 2099],
    "N6_d2": [887, 911, 941, 1699, 1951, 2053],
    "N8_d1": [809, 877, 937, 1049, 1151, 1249, 1373, 1499],
    "N8_d2": [241, 263, 281, 293, 1193, 1319, 1453, 1597],
    "N16_d1": [241, 271, 293, 331, 359, 401, 443, 487, 523, 587, 647, 709, 787, 863, 953, 1049],
    "N16_d2": [241, 271, 283, 301, 310, 331, 343, 357, 361, 687, 704, 715, 737, 753, 763, 801],
}
LIMITS_S = {"N4_d1": 0.6, "N8_d1": 4.0}
ERROR_LIMIT = 1e-10


def timed(call: Callable[[], Modes], repeats: int) -> tuple[float, Modes]:
    """Median time in s of a call, and its last result."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken), result


def state_matrix(build: FDNBuild) -> np.ndarray:
    """One step of all samples in all lines, with a gain at the end of each."""
    gains = np.ones(build.N) if build.filters is None else build.filters[0, 0]
    step = np.zeros((build.order, build.order))
    first = np.concatenate([[0], np.cumsum(build.delays)[:-1]])
    last = first + build.delays - 1
    for start, end in zip(first, last, strict=True):
        step[np.arange(start + 1, end + 1), np.arange(start, end)] = 1.0
    step[np.ix_(first, last)] = build.A * gains
    return step


def published_sets(repeats: int) -> None:
    print(f"all modes, 1 thread, median of {repeats}:\n")
    columns = ("lossless s", "one RT s", "two RTs s", "rebuilt to", "modal std dB")
    print(f"{'':8}{'modes':>8}" + "".join(f"{column:>14}" for column in columns))
    for name, delays in SETS.items():
        times, errors = [], []
        for rt in (None, 2.0, (2.0, 0.5)):
            build = design_fdn(delays=delays, rt=rt, rng=0)
            taken, modes = timed(lambda build=build: modal_decomposition(build), repeats)
            times.append(taken)
            errors.append(modes.reconstruction_error)
            assert 2 * len(modes.poles) - int(modes.is_real.sum()) == build.order
        spread = modal_excitation_std(modal_decomposition(design_fdn(delays=delays, rt=None, rng=0)))
        figures = "".join(f"{taken:14.2f}" for taken in times)
        print(f"{name:8}{sum(delays):8}{figures}{max(errors):14.1e}{spread:14.2f}")
        if name in LIMITS_S:
            met = "met" if times[0] <= LIMITS_S[name] else "MISSED"
            print(f"        target <= {LIMITS_S[name]:g} s lossless: {met}")


def against_numpy(repeats: int) -> None:
    print("\nagainst numpy.linalg.eigvals of the whole state, 4 lines, one RT:\n")
    print(f"{'modes':>8}{'numpy ms':>10}{'ours ms':>10}{'faster by':>11}{'largest error':>15}")
    worst, ratio, order = 0.0, 0.0, 1
    for scale in (20, 40, 75, 150, 300):
        delays = [scale - scale // 3, scale - scale // 5, scale + scale // 6, scale + scale // 3 + 1]
        build = design_fdn(delays=delays, rt=0.05, rng=0)
        state = state_matrix(build)
        start = time.perf_counter()
        eigenvalues = np.linalg.eigvals(state)
        rival = time.perf_counter() - start
        taken, modes = timed(lambda build=build: modal_decomposition(build), repeats)
        poles = np.concatenate([modes.poles, modes.poles[~modes.is_real].conj()])
        distance = np.abs(poles[:, None] - eigenvalues)
        error = float(distance[scipy.optimize.linear_sum_assignment(distance)].max())
        worst, ratio, order = max(worst, error), rival / taken, build.order
        print(f"{order:8}{1e3 * rival:10.1f}{1e3 * taken:10.1f}{ratio:11.1f}{error:15.1e}")
    print(f"target error <= {ERROR_LIMIT:g}: {'met' if worst <= ERROR_LIMIT else 'MISSED'}")
    # the cube of the modes against their number
    print(f"continued to 8936 modes: about {ratio * (8936 / order) ** 2:.0f} times faster")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3, help="repetitions of each measurement")
    repeats = parser.parse_args().repeats
    published_sets(repeats)
    against_numpy(repeats)


if __name__ == "__main__":
    main()
