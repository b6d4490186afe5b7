"""A run as files: JSON from which `amtlib.experiments` presents the same sounds again, CSV, and a script."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from amtlib import __version__
from app.listen.runs import Held
from app.listen.store import Sent


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def as_json(held: Held, hearings: Mapping[int, int]) -> str:
    """Return a run as JSON, as :meth:`amtlib.experiments.Run.from_json` takes it, with the times of its answers."""
    found: dict[str, Any] = json.loads(held.run.to_json())
    found["page"] = {
        "link": held.stored.link,
        "amtlib": __version__,
        "begun": _when(held.stored.begun),
        "answers": [{"at": _when(each.at), "heard": hearings.get(each.number, 0)} for each in held.answers],
    }
    return json.dumps(found, indent=1) + "\n"


def as_csv(held: Held, hearings: Mapping[int, int]) -> str:
    """Return the trials of a run as CSV, under two lines with all settings."""
    run = held.run
    settings = json.dumps(run.experiment.settings() | {"name": run.experiment.name, "seed": run.seed})
    rule = json.dumps(run.procedure.settings() | {"name": run.procedure.name, "catch": run.catch})
    heads, *rows = run.to_csv().splitlines()
    lines = [f"# experiment {settings}", f"# procedure {rule}", f"{heads},at,heard"]
    lines += [
        f"{row},{_when(kept.at)},{hearings.get(k, 0)}"
        for k, (row, kept) in enumerate(zip(rows, held.answers, strict=True))
    ]
    return "\n".join(lines) + "\n"


def room_csv(sent: Sequence[Sent]) -> str:
    """Return what was sent to a room as CSV, one line a run; choices are numbered from 1, as they stand on the page."""
    lines = ["condition,threshold,low_95,high_95,trials,at,lesson,prediction"]
    for each in sent:
        numbers = ",".join("" if v is None else f"{v:.6g}" for v in (each.threshold, each.low, each.high))
        predicted = "," if each.predicted is None else f"{each.lesson},{each.predicted + 1}"
        lines.append(f'"{each.link}",{numbers},{each.trials},{_when(each.at)},{predicted}')
    return "\n".join(lines) + "\n"


def script(held: Held) -> str:
    """Return Python that reads the exported run, analyses it, and lets the model hear the same sounds."""
    variable = held.run.experiment.variable
    return f'''"""A run of “{held.run.experiment.title}”, taken at the listening test."""

from amtlib import Paulick2024
from amtlib.experiments import ModelObserver, Run

run = Run.load("amtlab-run.json")  # the export “JSON” of the page
print(run)

fit = run.fit()  # a psychometric function, by maximum likelihood
print(f"threshold {{fit.threshold:.3g}} {variable.unit}, 95 % from {{fit.low:.3g}} to {{fit.high:.3g}}")

listener = ModelObserver(Paulick2024(run.experiment.fs, subject="NH"))  # "HIx": without outer hair cells
for k, answered in enumerate(run.trials):
    trial = run.presented(k)  # the same sounds: trial.intervals, shape (intervals, T), Pa
    decision = listener.decide(trial)
    print(f"{{trial.value:8.3g}} {variable.unit}: {{answered.right}}; model {{100 * decision.probability:.0f}} %")

own = Run(run.experiment, run.procedure, seed=1).proceed(listener)
print("the model by itself:", own)
'''
