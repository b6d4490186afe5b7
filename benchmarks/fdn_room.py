"""How near a network comes to a room, and how soon, beside pyFDN 0.5.0: T30, decay curve, level by octave, seconds.
Run: ``python benchmarks/fdn_room.py`` from the checkout (with the ``fdn`` extra); below six minutes on two quiet cores.
Shorter: ``--rooms bathroom --budget 5 --peer-seconds 5``. One thread: ``--threads 1``.
Not a test: figures depend on the machine and on who else uses it. Compare within one run.

The rival is installed by pip into a folder of its own (``--peer``, in the system's temporary folder), and runs in a
process of its own on the torch and flamo of this one. It is used as its authors do in their example
(examples/example_train_fdn_to_rir.py of its repository): 16 lines of 700 to 2500 samples, from a flat decay of 1 s and
the room's energy, first-order shelves for decay and tone, everything trained towards `MatchCumulativeEnergy` with a
learning rate of 0.03, 300 steps at an FFT length of 2^16, fewer where ``--peer-seconds`` would not suffice. Ours has
``--budget`` seconds for the whole fit, measuring included. Both get the same response from its onset on, and the same
number of lines, and are measured alike (`amtlib.fdn.room_measures`). They take turns.

`fit_room` corrects a network until T30 of its octaves is right, so that T30 measured with the same filters says how far
these corrections went, and no more. T20 is therefore measured by other means, which no fit sees: Butterworth octaves of
sixth order, backward integration, no noise taken away, a line from -5 to -25 dB.
Rooms: the lab's three, and the hall of the authors' example (Pori, in the rival's package).
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.signal import butter, sosfilt

if __name__ == "__main__":  # run as a script, the checkout is not yet on the path
    sys.path.insert(0, str(Path(__file__).parents[1]))

from amtlib.audio import load
from amtlib.audio.rooms import ROOMS, load_room
from amtlib.fdn import (
    FDNBuild,
    echo_density,
    energy_decay_curve,
    modal_decomposition,
    modal_excitation_std,
    render,
    room_measures,
)
from amtlib.fdn.acoustics import onset_sample
from amtlib.fdn.build import Array
from amtlib.train import fit_room

PEER = "pyfdn==0.5.0"
TARGETS = {"T30 error (%)": 3.0, "decay curve (dB)": 1.0, "level (dB)": 1.0, "seconds": 15.0}
SHOWN = (*TARGETS, "steps", "T20 error (%)", "C50 (dB)", "modal spread (dB)", "echo density")
# Modes are looked at in this band (Hz), echoes within so many seconds.
MODES, DENSE = (500.0, 2000.0), 0.2
OURS, THEIRS = "amtlib", "pyFDN 0.5.0"

CHILD = """
import json, sys, time
import numpy as np
import torch
torch.set_num_threads(int(sys.argv[3]))
import pyFDN
given = np.load(sys.argv[1])
whole, fs, lines = given["rir"], float(given["fs"]), int(given["lines"])
wanted, budget, nfft = int(given["steps"]), float(given["seconds"]), int(given["nfft"])
late = int(np.argmax(np.abs(whole)))
rir, norm = whole[late:], np.linalg.norm(whole[late:])
rir = rir / norm
def fitted(steps):
    build = pyFDN.fdn_build_gallery(
        N=lines, fs=fs, delay_range=(700, 2500), delay_distribution="geometric", coprime=True, sort_delays=True,
        io_type="normalized", direct_gain=0.0, rt=1.0, rt_nyquist=1.0, rng=2,
    )
    shelf = dict(design="first_order_shelf", nfft=2 * nfft, dtype=torch.float32)
    model = pyFDN.trainable_from_build(
        build, trainable=pyFDN.Trainable(direct=True),
        post_delay=pyFDN.AttenuationFilter(1.0, build.delays, fs, **shelf),
        post_output=pyFDN.OutputEQ(0.0, 1, fs, **shelf), nfft=2 * nfft, dtype=torch.float32,
    )
    first = pyFDN.flamo_time_response(model, fs=fs).squeeze()[: len(rir)]
    with torch.no_grad():
        gain = float(np.linalg.norm(rir[: 2 * nfft]) / np.linalg.norm(np.asarray(first)))
        pyFDN.param(model, "output_gain").raw().mul_(gain)
    model.set_nfft(nfft)
    loss = pyFDN.MatchCumulativeEnergy(rir, window=1024, power=0.5, frequency="both")
    log = pyFDN.train_fdn(model, loss, max_steps=steps, lr=3e-2, patience=100, rng=0)
    return pyFDN.extract_build(model), log.steps_run
def seconds(steps):
    began = time.monotonic()
    fitted(steps)
    return time.monotonic() - began
seconds(1)
start = seconds(1)
step = (seconds(4) - start) / 3.0
steps = max(1, min(wanted, int((budget - start) / max(step, 1e-6))))
began = time.monotonic()
build, steps = fitted(steps)
took = time.monotonic() - began
click = np.zeros(len(rir))
click[0] = 1.0
ir = np.concatenate([np.zeros(late), norm * np.asarray(pyFDN.process_fdn(click, build)).ravel()])
np.savez(sys.argv[2], ir=ir, A=build.A, B=build.B, C=build.C, delays=build.delays)
print(json.dumps({"seconds": took, "steps": steps}))
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


def ours(rir: Array, fs: float, chosen: argparse.Namespace) -> tuple[Array, FDNBuild, float, int]:
    """Fit a room: the response of the network, the network, seconds, steps."""
    began = time.monotonic()
    fit = fit_room(rir, fs, chosen.lines, max_steps=chosen.steps, time_budget=chosen.budget)
    seconds = time.monotonic() - began
    return render(fit.build, len(rir) / fs), fit.build, seconds, fit.steps


def theirs(rir: Array, fs: float, chosen: argparse.Namespace) -> tuple[Array, FDNBuild, float, int]:
    """Do the same with the rival, in a process of its own."""
    with tempfile.TemporaryDirectory() as place:
        given, taken, script = (Path(place) / name for name in ("given.npz", "taken.npz", "peer.py"))
        np.savez(
            given, rir=rir, fs=fs, steps=chosen.steps, seconds=chosen.peer_seconds, nfft=chosen.nfft, lines=chosen.lines
        )  # fmt: skip
        script.write_text(CHILD, encoding="utf-8")
        environment = {**os.environ, "PYTHONPATH": str(chosen.peer)}
        command = [sys.executable, str(script), str(given), str(taken), str(chosen.threads)]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if run.returncode:
            raise RuntimeError(f"the rival ended with {run.returncode}: {run.stderr[-2000:]}")
        said = json.loads(run.stdout.strip().splitlines()[-1])
        found = np.load(taken)
        build = FDNBuild(found["A"], found["B"], found["C"], 0.0, found["delays"], fs)
        return found["ir"], build, said["seconds"], said["steps"]


def plain_t20(h: Array, fs: float, bands: list[float]) -> Array:
    """T20 in s by Butterworth octaves and a line through the decay curve as it is: nothing of what a fit uses."""
    found = []
    for centre in bands:
        edges = [centre / math.sqrt(2.0), min(centre * math.sqrt(2.0), 0.49 * fs)]
        curve = energy_decay_curve(sosfilt(butter(3, edges, "bandpass", fs=fs, output="sos"), h))
        first, last = (int(np.argmax(curve <= dB)) for dB in (-5.0, -25.0))
        slope = (
            np.polyfit(np.arange(first, last) / fs, curve[first:last], 1)[0] if last > first + 1 else math.nan
        )
        found.append(-60.0 / slope)
    return np.array(found)


def figures(rir: Array, ir: Array, build: FDNBuild, fs: float) -> dict[str, float]:
    """Distances of a network's response from the room's, 125 Hz to 8 kHz; modes of its core, density of its echoes."""
    core = replace(build, D=np.zeros_like(build.D), filters=None, post_eq=None, post_matrix=None, pre_delay=0)
    bands = [125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0]
    wanted, reached = room_measures(rir, fs, bands), room_measures(ir, fs, bands)
    known = np.isfinite(wanted.t30) & np.isfinite(reached.t30)
    curves = [energy_decay_curve(h)[:: round(fs / 1000)] for h in (rir, ir)]
    length = min(map(len, curves))
    heard = curves[0][:length] > -40.0
    return {
        "T30 error (%)": 100.0 * float(np.abs(reached.t30 / wanted.t30 - 1.0)[known].mean()),
        "T20 error (%)": 100.0
        * float(np.nanmean(np.abs(plain_t20(ir, fs, bands) / plain_t20(rir, fs, bands) - 1.0))),
        "decay curve (dB)": float(
            np.sqrt(np.square((curves[0][:length] - curves[1][:length])[heard]).mean())
        ),
        "level (dB)": float(np.abs(reached.level - wanted.level).mean()),
        "C50 (dB)": float(np.abs(reached.c50 - wanted.c50).mean()),
        "modal spread (dB)": modal_excitation_std(modal_decomposition(core, band=MODES)),
        "echo density": float(echo_density(ir[: round(DENSE * fs)], fs)[1].mean()),
    }


def main() -> None:
    """Fit all rooms by both, in turn, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", type=Path, default=Path(tempfile.gettempdir()) / "amtlab_pyfdn_0.5.0")
    parser.add_argument("--rooms", nargs="+", default=[*ROOMS, "s3_r4_o"])
    parser.add_argument("--lines", type=int, default=16)
    parser.add_argument("--steps", type=int, default=300, help="of both, at most")
    parser.add_argument("--budget", type=float, default=15.0, help="seconds of ours, all in all")
    parser.add_argument("--peer-seconds", type=float, default=45.0, help="of the rival's training, at most")
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
                ir, build, seconds, steps = (ours if by == OURS else theirs)(rir, fs, chosen)
                row = {**figures(rir, ir, build, fs), "seconds": seconds, "steps": float(steps)}
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
