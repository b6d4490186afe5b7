"""How soon `train_fdn(model, "colorless")` makes modes as even as pyFDN 0.5.0 does from the same start.
Run: ``python benchmarks/colorless.py --peer peer/bin/python`` from the checkout (with the ``fdn`` extra): five to
ten minutes. The peer is no dependency of ours; it stands in an environment of its own:
``python -m venv peer && peer/bin/pip install torch==2.13.0 pyfdn==0.5.0``. Without ``--peer``: ours alone.
Not a test: figures depend on the machine. Seconds are those of the process, so that others on the machine count less;
both run one after the other.

Both train a lossless network with the specification's objective (mean square distance of the magnitude from 1, with
0.2 of the penalty on zeros of the matrix and without) by Adam on all frequencies of 2^14 samples. Ours is timed to the
step whose modes are as even as the peer's at its end, to 2 % (spread of their levels in dB, by exact decomposition,
measured after the clock).
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

if __name__ == "__main__":  # run as a script, the checkout is not yet on the path
    sys.path.insert(0, str(Path(__file__).parents[1]))

from amtlib.fdn.build import FDNBuild
from amtlib.fdn.design import design_fdn
from amtlib.fdn.measures import colouration
from amtlib.train import extract_build, train_fdn, trainable_from_build

DELAYS = {4: [1499, 1889, 2381, 2999], 8: [809, 877, 937, 1049, 1151, 1249, 1373, 1499]}
TARGET = 10.0  # times faster than the peer
PEER = """
import json, sys, time
import numpy as np, torch
import pyFDN.train as peer
given = json.load(sys.stdin)
torch.set_num_threads(given["threads"])
model = peer.build_fdn(delays=np.array(given["delays"]), rt=None, feedback=np.array(given["A"]), device="cpu", rng=0)
loss = peer.FlatMagnitude()
if given["alpha"]:
    loss = loss + given["alpha"] * peer.Sparsity(peer.param(model, "feedback"))
began = time.process_time()
log = peer.train_fdn(model, loss, max_steps=given["steps"], lr=given["lr"], patience=10**6)
seconds = time.process_time() - began
from pyFDN import extract_build
found = extract_build(model)
json.dump({"seconds": seconds, "A": found.A.tolist(), "B": found.B.tolist(), "C": found.C.tolist()}, sys.stdout)
"""


def spread(build: FDNBuild) -> float:
    return colouration(build).modal_std


def peers(
    python: str, build: FDNBuild, alpha: float, steps: int, lr: float, threads: int
) -> tuple[float, float]:
    """Return the spread of the modes that the peer comes to in so many steps, and what it takes in s."""
    given = {
        "delays": build.delays.tolist(),
        "A": build.A.tolist(),
        "steps": steps,
        "alpha": alpha,
        "lr": lr,
        "threads": threads,
    }
    done = subprocess.run(
        [python, "-W", "ignore", "-c", PEER], input=json.dumps(given), text=True, capture_output=True
    )
    if done.returncode:
        raise RuntimeError(f"the peer failed: {done.stderr.strip().splitlines()[-1]}")
    found = json.loads(done.stdout[done.stdout.index("{") :])
    a, b, c = (np.array(found[letter]) for letter in "ABC")
    return spread(FDNBuild(a, b, c, 0.0, build.delays, build.fs)), found["seconds"]


def ours(
    build: FDNBuild, alpha: float, steps: int, lr: float, goal: float | None, every: int
) -> dict[str, Any]:
    """Train by the one call, with looks on the way; return its end, and when it had reached the goal."""
    model = trainable_from_build(build, device="cpu")
    looks: list[tuple[int, float, FDNBuild]] = []
    watching, began = 0.0, time.process_time()

    def look(step: Any) -> None:
        nonlocal watching
        if (step.index + 1) % every == 0:
            now = time.process_time()
            looks.append((step.index + 1, now - began - watching, extract_build(model)))
            watching += time.process_time() - now

    log = train_fdn(
        model, "colorless", sparsity_alpha=alpha, max_steps=steps, lr=lr, patience=10**6, callback=look
    )
    seconds = time.process_time() - began - watching
    found: dict[str, Any] = {"seconds": seconds, "steps": log.steps_run, "end": spread(extract_build(model))}
    for index, after, seen in looks if goal is not None else ():
        if spread(seen) <= 1.02 * goal:
            found["reached"] = (index, after)
            break
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", help="python of an environment with pyfdn 0.5.0")
    parser.add_argument("--lines", type=int, nargs="+", default=[4, 8], choices=sorted(DELAYS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--alpha", type=float, nargs="+", default=[0.2, 0.0], help="weight of the penalty")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--lr", type=float, default=5e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--every", type=int, default=50, help="steps between two looks at ours")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore", UserWarning)
    print(f"{options.steps} steps, lr {options.lr:g}, {options.threads} thread(s); spread of the modes in dB")
    print(
        f"{'N':>3}{'seed':>6}{'alpha':>7}{'start':>8}{'peer':>8}{'s':>8}{'ours':>8}{'s':>8}"
        f"{'as the peer in':>22}{'ratio':>7}"
    )
    ratios = []
    for lines in options.lines:
        for seed, alpha in itertools.product(options.seeds, options.alpha):
            build = design_fdn(delays=DELAYS[lines], rt=None, rng=seed)
            goal, took = (
                (None, None)
                if options.peer is None
                else peers(options.peer, build, alpha, options.steps, options.lr, options.threads)
            )
            own = ours(build, alpha, options.steps, options.lr, goal, options.every)
            row = f"{lines:3}{seed:6}{alpha:7g}{spread(build):8.2f}"
            row += f"{'':16}" if goal is None or took is None else f"{goal:8.2f}{took:8.1f}"
            row += f"{own['end']:8.2f}{own['seconds']:8.1f}"
            if "reached" in own and took is not None:
                index, after = own["reached"]
                ratios.append(took / after)
                row += f"{f'{index} steps, {after:.1f} s':>22}{ratios[-1]:7.1f}"
            elif goal is not None:
                ratios.append(0.0)
                row += f"{'never':>22}"
            print(row, flush=True)
    if ratios:
        middle = statistics.median(ratios)
        print(
            f"\npeer / ours, median: {middle:.1f}; target {TARGET:g}: {'met' if min(ratios) >= TARGET else 'MISSED'}"
        )


if __name__ == "__main__":
    main()
