"""Measure the worst errors of the models against the original ones, and write them for the landing page.

Run: python benchmarks/accuracy.py [--write]. Prints each worst error beside its limit (design/numerics.md);
--write puts them into app/evidence.yaml, which a test compares with a fresh measurement.
"""

import argparse
import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import yaml

from amtlib import GammatoneFilterbank, scales

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data"
EVIDENCE = ROOT / "app" / "evidence.yaml"


@dataclass(frozen=True)
class Measured:
    what: str
    against: str
    worst: float
    of: str
    limit: float


def gammatone(dtype: torch.dtype) -> float:
    worst = 0.0
    for file in sorted(DATA.glob("gammatone_*.npz")):
        data = np.load(file)
        for n in data["n"].tolist():
            bank = GammatoneFilterbank(torch.from_numpy(data["fc"]), float(data["fs"]), n=n, dtype=dtype)
            x = torch.from_numpy(data["x"])
            click = torch.zeros(data[f"ircas_allpole_n{n}"].shape[1])
            click[0] = 1
            for signal, field in ((x, "y"), (click, "ir")):
                truth = data[f"{field}cas_allpole_n{n}"]
                error = np.abs(bank(signal).double().numpy() - truth).max(-1) / np.abs(truth).max(-1)
                worst = max(worst, float(error.max()))
    return worst


def erb_functions() -> float:
    worst = 0.0
    for name, columns in (
        ("erb_functions.csv", {1: scales.audfiltbw, 2: scales.fc2erb, 4: scales.f2erbrate}),
        ("erb_inverse.csv", {1: scales.erb2fc, 2: scales.erbrate2f}),
    ):
        with (DATA / name).open(encoding="utf-8") as file:
            rows = np.array([[float(v) for v in row] for row in list(csv.reader(file))[1:]])
        at = torch.from_numpy(rows[:, 0])
        for column, function in columns.items():
            truth = rows[:, column]
            error = np.abs(function(at).numpy() - truth) / np.maximum(np.abs(truth), 1e-300)
            worst = max(worst, float(error[truth != 0].max()))
    return worst


def measure() -> Iterator[Measured]:
    toolbox = "Auditory Modeling Toolbox 1.2"
    cascade = "80-bit recursive cascade of the toolbox’s coefficients"
    yield Measured("ERB scales, float64", toolbox, erb_functions(), "the value", 1e-12)
    yield Measured(
        "Gammatone filterbank, float64", cascade, gammatone(torch.float64), "the output’s peak", 1e-9
    )
    yield Measured(
        "Gammatone filterbank, float32", cascade, gammatone(torch.float32), "the output’s peak", 1e-5
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write app/evidence.yaml")
    arguments = parser.parse_args()
    found = list(measure())
    for m in found:
        print(f"{m.what:32} worst {m.worst:8.1e}   limit {m.limit:7.0e}   {m.limit / m.worst:8.0f} x below")
    if arguments.write:
        rows = [
            {"what": m.what, "against": m.against, "worst": float(f"{m.worst:.1e}"), "of": m.of}
            for m in found
        ]
        text = yaml.safe_dump(rows, allow_unicode=True, sort_keys=False, width=200)
        EVIDENCE.write_text("# Written by benchmarks/accuracy.py --write.\n" + text, encoding="utf-8")
    return int(any(m.worst > m.limit for m in found))


if __name__ == "__main__":
    sys.exit(main())
