"""What does it help to train towards an ear? Networks trained by several losses, judged by what none of them sees.
Run: ``python benchmarks/perceptual_study.py`` from the checkout (with the ``fdn`` extra); about 12 minutes.
``--write`` stores every run in ``notebooks/data/perceptual_study.csv``, which notebook 8 reads; ``--show`` prints it.
Not a listening test, and not a test of code: a table of figures, with their spread over starts and rooms.

Two tasks. "own decay": eight lines start with the room's level and decay, the matrix stays orthogonal, so the filters
hold the decay and the loss arranges colour, level and echoes. "decay too long": filters for half as long again, and a
free matrix; whatever objective sees decay can repair it. Equal starts and equal steps; seconds are listed beside them.
"""

import argparse
import csv
import statistics
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

if __name__ == "__main__":  # run as a script, the checkout is not yet on the path
    sys.path.insert(0, str(Path(__file__).parents[1]))

from amtlib import audio, fdn
from amtlib.audio.rooms import ONSET, ROOMS
from amtlib.fdn.build import FDNBuild
from amtlib.train import Trainable, TrainingRun, extract_build, trainable_from_build
from amtlib.train.losses import (
    Loss,
    MatchCochleagram,
    MatchEnergyDecay,
    MatchLoudness,
    MatchMelSpectrogram,
    MatchSpectrogram,
    Rendered,
)

ROOT = Path(__file__).parents[1]
FS = 48000
NFFT, ALIAS_DECAY = 2**15, 30.0
TABLE = ROOT / "notebooks" / "data" / "perceptual_study.csv"
OBJECTIVES: dict[str, Loss] = {
    "spectrogram": MatchSpectrogram(),
    "mel spectrogram": MatchMelSpectrogram(),
    "cochleagram": MatchCochleagram(),
    "loudness": MatchLoudness(),
    "energy decay": MatchEnergyDecay(),
    "cochleagram + decay": MatchCochleagram() + 0.05 * MatchEnergyDecay(),
}
TASKS = {"own decay": (1.0, "orthogonal"), "decay too long": (1.5, "random")}
#: Measure -> heading, decimals, and the objectives that train on it.
MEASURES: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "t30_percent": ("T30 off by %", 1, ()),
    "undecayed": ("octaves without decay", 0, ()),
    "edc_db": ("band EDC dB", 2, ("energy decay", "cochleagram + decay")),
    "late_db": ("late level dB", 1, ()),
    "modal_std_db": ("modes dB", 2, ()),
    "density": ("echo density", 3, ()),
    "cochleagram": ("cochleagram", 3, ("cochleagram", "cochleagram + decay")),
    "loudness": ("loudness", 3, ("loudness",)),
    "spectrogram": ("spectrogram e-3", 2, ("spectrogram",)),
}
Array = np.ndarray[Any, np.dtype[np.float64]]


def load(room: str) -> Array:
    """Impulse response from its direct sound on."""
    samples = audio.load(ROOMS[room].file, fs=FS).samples.double().numpy()
    return np.asarray(samples[round(ONSET * FS) :])


def decay_of(room: Array) -> tuple[float, float]:
    """Reverberation times at 0 Hz and at half the rate (s) with which lines decay most like the room."""
    found = fdn.reverberation_time(room, FS)
    low = float(np.median(found.t30[found.centres <= 1000]))
    z = np.exp(-2j * np.pi * found.centres / FS)

    def off(high: float) -> float:
        b0, b1, _, _, a1, _ = fdn.first_order_absorption(low, high, [100], FS)[0, :, 0]
        times = -60 * 100 / FS / (20 * np.log10(np.abs((b0 + b1 * z) / (1 + a1 * z))))
        return float(np.nanmean(np.abs(np.log(times / found.t30))))

    return low, float(min(np.geomspace(0.1, 2 * low, 60), key=off))


def start(room: Array, seed: int, stretch: float) -> FDNBuild:
    """Eight lines with the room's direct sound, its energy after that, and `stretch` times its decay times."""
    low, high = decay_of(room)
    plain = fdn.design_fdn(N=8, rt=(stretch * low, stretch * high), fs=FS, rng=seed)
    after = np.square(room[round(0.001 * FS) :]).sum()
    gain = np.sqrt(after / np.square(fdn.render(plain, len(room) / FS)).sum())
    return replace(plain, C=gain * plain.C, D=np.full((1, 1), room[0]))


def late_level(h: Array) -> float:
    """Energy after 80 ms, dB."""
    return float(10 * np.log10(np.square(h[round(0.08 * FS) :]).sum()))


def judged(build: FDNBuild, room: Array, orthogonal: bool) -> dict[str, float]:
    """Everything that is measured; smaller is better, and 0 right but for 'late_db' (signed) and 'modal_std_db'.

    An octave that does not fall by 38 dB in 3 s is 'undecayed', and its reverberation time counts as off by 100 %.
    """
    centres = fdn.octave_centres(FS)[1:-1]  # 125 Hz to 8 kHz
    whole = fdn.render(build, 3.0)
    h = whole[: len(room)]
    times = [fdn.reverberation_time(x, FS, centres).t30 for x in (whole, room)]
    off = 100 * np.minimum(np.abs(times[0] / times[1] - 1), 1)
    to_come = []
    for x in (h, room):
        energy = np.cumsum(np.square(fdn.octave_bands(x, FS, centres))[:, ::-1], axis=1)[:, ::-1]
        to_come.append(10 * np.log10(energy + 1e-30))
    heard = to_come[1] > to_come[1][:, :1] - 40.0
    edc = np.where(heard, np.abs(to_come[0] - to_come[1]), 0.0).sum(1) / heard.sum(1)
    density = [fdn.echo_density(x[: FS // 2], FS, hop=0.002)[1] for x in (h, room)]
    modes = float("nan")
    if orthogonal:
        modes = fdn.modal_excitation_std(fdn.modal_decomposition(replace(build, filters=None)))
    mine, wanted = (Rendered.of_response(torch.from_numpy(x), FS) for x in (h, room))
    distance = {
        name: float(OBJECTIVES[name](mine, wanted)) for name in ("cochleagram", "loudness", "spectrogram")
    }
    return {
        "t30_percent": float(np.nan_to_num(off, nan=100).mean()),
        "undecayed": int(np.isnan(times[0]).sum()),
        "edc_db": float(edc.mean()),
        "late_db": late_level(h) - late_level(room),
        "modal_std_db": modes,
        "density": float(np.abs(density[0] - density[1]).mean()),
        **distance,
        "spectrogram": 1e3 * distance["spectrogram"],
    }


def trained(build: FDNBuild, loss: Loss, room: Array, matrix: str, steps: int, lr: float) -> tuple[Any, Any]:
    model = trainable_from_build(
        build, trainable=Trainable(direct=True), matrix=matrix, nfft=NFFT, alias_decay_db=ALIAS_DECAY,
        device="cpu",
    )  # fmt: skip
    run = TrainingRun(model, loss=loss, target=room[:NFFT], lr=lr, max_steps=steps, patience=10**6)
    for _ in run:
        pass
    return extract_build(model), run


def study(rooms: list[str], seeds: int, steps: int, lr: float) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for task, (stretch, matrix) in TASKS.items():
        for name in rooms:
            room = load(name)
            for seed in range(seeds):
                first = start(room, seed, stretch)
                for objective in ("start", *OBJECTIVES):
                    build, seconds, fall = first, 0.0, 1.0
                    if objective != "start":
                        build, run = trained(first, OBJECTIVES[objective], room, matrix, steps, lr)
                        seconds, fall = run.seconds, run.log.best_loss / run.log.train_loss[0]
                    row = {
                        "task": task, "room": name, "seed": seed, "objective": objective,
                        "steps": 0 if objective == "start" else steps, "seconds": round(seconds, 2),
                        "own_loss_ratio": round(fall, 4),
                    }  # fmt: skip
                    found = judged(build, room, matrix == "orthogonal")
                    row |= {key: round(value, 4) for key, value in found.items()}
                    rows.append(row)
                    print(", ".join(f"{value}" for value in row.values()), flush=True)
    return rows


def read(path: Path = TABLE) -> list[dict[str, Any]]:
    words = {"task", "room", "objective"}
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {k: v if k in words else float(v) for k, v in row.items()}
            for row in csv.DictReader(line for line in file if not line.startswith("#"))
        ]


def write(rows: list[dict[str, Any]], lr: float) -> None:
    TABLE.parent.mkdir(exist_ok=True)
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        file.write(f"# python benchmarks/perceptual_study.py --write; Adam, lr {lr:g}, N = 8, nfft {NFFT}\n")
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def show(rows: list[dict[str, Any]]) -> None:
    objectives = list(dict.fromkeys(row["objective"] for row in rows))
    for task in TASKS:
        mine = [row for row in rows if row["task"] == task]
        runs = len({(row["room"], row["seed"]) for row in mine})
        print(f"\nTask '{task}': median [least to most] over {runs} runs (rooms x starts); * trains on it")
        print(
            "in brackets below: in how many of the runs it is nearer to the room than the spectrogram loss\n"
        )
        pairs = {(row["objective"], row["room"], row["seed"]): row for row in mine}
        for key, (heading, digits, own) in MEASURES.items():
            values = {o: [row[key] for row in mine if row["objective"] == o] for o in objectives}
            if any(np.isnan(v).any() for v in values.values()):
                continue
            print(heading)
            for o in objectives:
                v = values[o]
                wins = sum(
                    abs(row[key]) < abs(pairs["spectrogram", row["room"], row["seed"]][key])
                    for row in mine
                    if row["objective"] == o
                )
                print(
                    f"  {o:22}{statistics.median(v):9.{digits}f} [{min(v):.{digits}f} to {max(v):.{digits}f}]"
                    f"{' *' if o in own else ''}" + ("" if o == "spectrogram" else f"  ({wins} of {runs})")
                )
        print("ms a step")
        for o in objectives[1:]:
            cost = [1e3 * row["seconds"] / row["steps"] for row in mine if row["objective"] == o]
            print(f"  {o:22}{statistics.median(cost):9.0f} [{min(cost):.0f} to {max(cost):.0f}]")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rooms", nargs="+", choices=list(ROOMS), default=["bathroom", "lecture_hall"])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--write", action="store_true", help=f"store the runs in {TABLE.relative_to(ROOT)}")
    parser.add_argument("--show", action="store_true", help="run nothing, print what is stored")
    options = parser.parse_args()
    if options.show:
        show(read())
        return
    warnings.simplefilter("ignore", UserWarning)  # a cut target: what follows after the transform is damped
    torch.set_num_threads(1)
    rows = study(options.rooms, options.seeds, options.steps, options.lr)
    if options.write:
        write(rows, options.lr)
    show(rows)


if __name__ == "__main__":
    main()
