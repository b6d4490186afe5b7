"""How near a network comes to a room, and how soon, beside pyFDN 0.5.0: T30, decay curve, level by octave, seconds.
Run: ``python benchmarks/fdn_room.py`` from the checkout (with the ``fdn`` extra); about ten minutes on a quiet machine.
Shorter: ``--steps 20 --budget 5 --rooms bathroom``. One thread: ``--threads 1``.
Not a test: figures depend on the machine and on who else uses it. Compare within one run.

The rival is installed by pip into a folder of its own (``--peer``, in the system's temporary folder), and runs in a
process of its own on the torch and flamo of this one. It starts from its own estimates of decay times and levels by
octave (`estimate_rt_bands`, `estimate_initial_level_bands`) in ten-band graphic equalisers that train, with the energy
of the room, and trains everything towards its `MatchEnergyDecay` and `MatchSpectrogram`. Both get the same response
from its onset on, and the same number of lines, and are measured alike (`amtlib.fdn.room_measures`). They take turns.
Rooms: the lab's three, and the two measured responses in the rival's package.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

if __name__ == "__main__":  # run as a script, the checkout is not yet on the path
    sys.path.insert(0, str(Path(__file__).parents[1]))

from amtlib.audio import load
from amtlib.fdn import energy_decay_curve, mixing_time, render, room_measures
from amtlib.fdn.acoustics import onset_sample
from amtlib.fdn.build import Array
from amtlib.train import fit_room
from app.rooms import ROOMS, load_room

PEER = "pyfdn==0.5.0"
TARGETS = {"T30 error (%)": 3.0, "decay curve (dB)": 1.0, "level (dB)": 1.0, "seconds": 15.0}
SHOWN = (*TARGETS, "steps", "C50 (dB)", "mixing time (ms)")
OURS, THEIRS = "amtlib", "pyFDN 0.5.0"

CHILD = """
import dataclasses, json, sys, time
import numpy as np
import torch
torch.set_num_threads(int(sys.argv[3]))
import pyFDN
given = np.load(sys.argv[1])
rir, fs, steps, nfft = given["rir"], float(given["fs"]), int(given["steps"]), int(given["nfft"])
began = time.monotonic()
n = int(given["lines"])
rng = np.random.default_rng(0)
delays = pyFDN.sample_delay_lengths(n, (480, 1920), distribution="geometric", coprime=True, rng=rng)
rt, _ = pyFDN.estimate_rt_bands(rir, fs)
level, _ = pyFDN.estimate_initial_level_bands(rir, rt, fs)
ten = lambda x: np.concatenate([x[:1], x, np.repeat(x[-1:], 10 - 1 - len(x))])
matrix = np.linalg.qr(rng.standard_normal((n, n)))[0]
matrix[:, -1] *= np.sign(np.linalg.det(matrix))
signs = rng.choice([-1.0, 1.0], (2, n)) / np.sqrt(n)
start = pyFDN.FDNBuild(matrix, signs[0][:, None], signs[1][None], np.zeros((1, 1)), delays, fs)
def made(start):
    return pyFDN.trainable_from_build(
        start, nfft=nfft, trainable=pyFDN.Trainable(direct=True),
        post_delay=pyFDN.AttenuationFilter(ten(np.nan_to_num(rt, nan=1.0)), delays, fs, nfft=nfft),
        post_output=pyFDN.OutputEQ(ten(20 * np.log10(np.maximum(level, 1e-6))), 1, fs, nfft=nfft),
    )
click = np.zeros(int(given["samples"]))
click[0] = 1.0
model = made(start)
# the energy of the room, before anything trains
first = np.asarray(pyFDN.process_fdn(click, pyFDN.extract_build(model)))
model = made(dataclasses.replace(start, C=start.C * np.sqrt((rir**2).sum() / (first**2).sum())))
target = np.zeros(nfft)
target[: min(nfft, len(rir))] = rir[:nfft]
target = torch.tensor(target, dtype=torch.float32)
loss = pyFDN.MatchEnergyDecay(target) + pyFDN.MatchSpectrogram(target)
log = pyFDN.train_fdn(model, loss, max_steps=steps, lr=1e-2, patience=100, rng=0)
build = pyFDN.extract_build(model)
seconds = time.monotonic() - began
np.save(sys.argv[2], np.asarray(pyFDN.process_fdn(click, build)).ravel())
print(json.dumps({"seconds": seconds, "steps": log.steps_run}))
"""


def install(folder: Path) -> None:
    """Install the rival into a folder of its own, with nothing that is there already."""
    if (folder / "pyFDN").is_dir():
        return
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--target",
        str(folder),
        "--no-deps",
        PEER,
        "soundfile",
    ]
    subprocess.run(command, check=True)


def rooms(names: list[str], folder: Path) -> dict[str, tuple[Array, float]]:
    """Responses from their onset on, and their rates."""
    found: dict[str, tuple[Array, float]] = {}
    for name in names:
        if name in ROOMS:
            h, fs = load_room(name).numpy(), 48000.0
        else:
            recording = load(folder / "pyFDN" / "resources" / "audio" / "rir" / f"{name}.wav", channel="all")
            h, fs = recording.samples.reshape(-1, recording.samples.shape[-1])[0].numpy(), float(recording.fs)
        h = np.asarray(h, dtype=np.float64)
        found[name] = h[onset_sample(h) :], fs
    return found


def ours(rir: Array, fs: float, lines: int, steps: int, budget: float) -> tuple[Array, float, int]:
    began = time.monotonic()
    fit = fit_room(rir, fs, lines, max_steps=steps, time_budget=budget)
    return render(fit.build, len(rir) / fs), time.monotonic() - began, fit.steps


def theirs(
    rir: Array, fs: float, lines: int, steps: int, nfft: int, threads: int, folder: Path
) -> tuple[Array, float, int]:
    with tempfile.TemporaryDirectory() as place:
        given, taken, script = (Path(place) / name for name in ("given.npz", "taken.npy", "peer.py"))
        np.savez(given, rir=rir, fs=fs, steps=steps, nfft=nfft, lines=lines, samples=len(rir))
        script.write_text(CHILD, encoding="utf-8")
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        command = [sys.executable, str(script), str(given), str(taken), str(threads)]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if run.returncode:
            raise RuntimeError(f"the rival ended with {run.returncode}: {run.stderr[-2000:]}")
        said = json.loads(run.stdout.strip().splitlines()[-1])
        return np.load(taken), said["seconds"], said["steps"]


def figures(rir: Array, ir: Array, fs: float) -> dict[str, float]:
    """Distances of a network's response from the room's, 125 Hz to 8 kHz."""
    bands = [125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0]
    wanted, reached = room_measures(rir, fs, bands), room_measures(ir, fs, bands)
    known = np.isfinite(wanted.t30) & np.isfinite(reached.t30)
    curves = [energy_decay_curve(h)[:: round(fs / 1000)] for h in (rir, ir)]
    length = min(map(len, curves))
    heard = curves[0][:length] > -40.0
    return {
        "T30 error (%)": 100.0 * float(np.abs(reached.t30 / wanted.t30 - 1.0)[known].mean()),
        "decay curve (dB)": float(
            np.sqrt(np.square((curves[0][:length] - curves[1][:length])[heard]).mean())
        ),
        "level (dB)": float(np.abs(reached.level - wanted.level).mean()),
        "C50 (dB)": float(np.abs(reached.c50 - wanted.c50).mean()),
        "mixing time (ms)": 1e3 * mixing_time(ir, fs, threshold=0.9),
    }


def main() -> None:
    """Fit all rooms by both, in turn, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", type=Path, default=Path(tempfile.gettempdir()) / "amtlab_pyfdn_0.5.0")
    parser.add_argument("--rooms", nargs="+", default=[*ROOMS, "s3_r4_o", "meetingroom_to_hallway_290cm"])
    parser.add_argument("--lines", type=int, default=16)
    parser.add_argument("--steps", type=int, default=300, help="of both, at most")
    parser.add_argument("--budget", type=float, default=15.0, help="seconds of ours")
    parser.add_argument("--nfft", type=int, default=2**16, help="of the rival, as in its own example")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    install(chosen.peer)
    print(f"{'room':30} {'by':12} " + " ".join(f"{name:>17}" for name in SHOWN))
    sums: dict[str, list[dict[str, float]]] = {OURS: [], THEIRS: []}
    for repeat in range(chosen.repeats):
        for number, (name, (rir, fs)) in enumerate(rooms(chosen.rooms, chosen.peer).items()):
            order = [OURS, THEIRS] if (number + repeat) % 2 == 0 else [THEIRS, OURS]
            for by in order:
                if by == OURS:
                    ir, seconds, steps = ours(rir, fs, chosen.lines, chosen.steps, chosen.budget)
                else:
                    ir, seconds, steps = theirs(
                        rir, fs, chosen.lines, chosen.steps, chosen.nfft, chosen.threads, chosen.peer
                    )
                row = {**figures(rir, ir, fs), "seconds": seconds, "steps": float(steps)}
                sums[by].append(row)
                shown = " ".join(f"{row[key]:17.3g}" for key in SHOWN)
                print(f"{name:30} {by:12} {shown}", flush=True)
    print()
    for by, rows in sums.items():
        shown = " ".join(f"{np.mean([row[key] for row in rows]):17.3g}" for key in SHOWN)
        print(f"{'mean':30} {by:12} {shown}")
    for key, most in TARGETS.items():
        reached = float(np.mean([row[key] for row in sums[OURS]]))
        rival = float(np.mean([row[key] for row in sums[THEIRS]]))
        print(
            f"{key}: {reached:.3g}, target {most:g} {'met' if reached <= most else 'MISSED'}; {THEIRS} {rival:.3g}"
        )


if __name__ == "__main__":
    main()
