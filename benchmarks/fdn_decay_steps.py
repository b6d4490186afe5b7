"""What a training step costs when decay and tone train, beside one whose filters are frozen, and beside pyFDN 0.5.0.
Run: ``python benchmarks/fdn_decay_steps.py`` from the checkout (with the ``fdn`` extra); a minute.
Not a test: figures depend on the machine. CPU time of steps that take turns in one process, one thread.

The same network of 16 lines, decay by octave in graphic equalisers, FFT length 2^15, towards the energy decay of the
same response: ours with matrix and gains alone, ours with decay and output equaliser too, and the rival with its
ten-band `AttenuationFilter` and `OutputEQ` (installed as in `benchmarks/fdn_room.py`).
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

if __name__ == "__main__":  # run as a script, the checkout is not yet on the path
    sys.path.insert(0, str(Path(__file__).parents[1]))

from amtlib.fdn import FDNBuild, design_fdn, render, standard_centres
from amtlib.train import Trainable, TrainingRun, trainable_from_build
from amtlib.train.losses import MatchEnergyDecay
from benchmarks.fdn_room import install

FS, NFFT, LINES, TARGET = 48000.0, 2**15, 16, 3.0
TIMES = np.geomspace(0.6, 0.3, 10)


def own_steps(build: FDNBuild, room: np.ndarray, learns: Trainable) -> Callable[[int], object]:
    """Some steps of ours."""
    model = trainable_from_build(build, trainable=learns, nfft=NFFT, alias_decay_db=40.0, device="cpu")
    run = TrainingRun(
        model,
        loss=MatchEnergyDecay(),
        target=room,
        target_noise="keep",
        lr=1e-3,
        max_steps=10**9,
        patience=10**9,
    )
    return lambda count: [run.step() for _ in range(count)]


def rival_steps(build: FDNBuild, room: np.ndarray) -> Callable[[int], object]:
    """Some steps of the rival's trainer, on its model and its loss."""
    import pyFDN  # noqa: PLC0415  # type: ignore[import-not-found]

    start = pyFDN.FDNBuild(build.A, build.B, build.C, build.D, build.delays, FS)
    model = pyFDN.trainable_from_build(
        start,
        nfft=NFFT,
        post_delay=pyFDN.AttenuationFilter(TIMES, build.delays, FS, nfft=NFFT),
        post_output=pyFDN.OutputEQ(np.zeros(10), 1, FS, nfft=NFFT),
    )
    loss: Any = pyFDN.MatchEnergyDecay(torch.tensor(room, dtype=torch.float32))
    return lambda count: pyFDN.train_fdn(model, loss, max_steps=count, lr=1e-3, rng=0)


def main() -> None:
    """Let the three take turns, and print their steps."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", type=Path, default=Path(tempfile.gettempdir()) / "amtlab_pyfdn_0.5.0")
    parser.add_argument("--repeats", type=int, default=10)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    install(chosen.peer)
    sys.path.append(str(chosen.peer))
    rt = dict(zip(standard_centres(10).tolist(), TIMES.tolist(), strict=True))
    build = design_fdn(N=LINES, rt=rt, rng=0)
    room = render(design_fdn(N=LINES, rt=0.45, rng=1), NFFT / FS)
    steps = {
        "frozen filters": own_steps(build, room, Trainable()),
        "decay and tone": own_steps(build, room, Trainable(decay=True, post_eq=True)),
        "pyFDN 0.5.0": rival_steps(build, room),
    }
    times: dict[str, list[float]] = {name: [] for name in steps}
    for repeat in range(chosen.repeats + 1):
        for name, step in steps.items():
            taken = []
            for count in (
                1,
                3,
            ):  # the difference is steps alone, without what a trainer does before its first
                began = time.process_time()
                step(count)
                taken.append(time.process_time() - began)
            if repeat:  # the first of each makes what the others find
                times[name].append(1e3 * (taken[1] - taken[0]) / 2.0)
    found = {name: statistics.median(each) for name, each in times.items()}
    for name, each in found.items():
        print(f"{name:15} {each:7.1f} ms CPU, median of {chosen.repeats}")
    ratio = found["pyFDN 0.5.0"] / found["decay and tone"]
    print(f"decay and tone over frozen: {found['decay and tone'] / found['frozen filters']:.2f}")
    print(f"rival over ours: {ratio:.2f}, target {TARGET:g} {'met' if ratio >= TARGET else 'MISSED'}")


if __name__ == "__main__":
    main()
