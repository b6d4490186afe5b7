"""Runs that are over: what they were set to and what came of them, for comparing one with the next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amtlib.train import TrainingRun
from app.labs.fdn.findings import Analysis
from app.labs.fdn.levels import Array
from app.labs.fdn.words import change_of
from app.page.protocol import Table

#: How many runs are remembered.
MOST = 5
#: Points of a curve of losses.
_POINTS = 300


@dataclass
class Record:
    """A run: its number on the page, its settings by key, and what is known of it."""

    number: int
    goal: str
    settings: dict[str, Any]
    losses: list[float] = field(default_factory=list)
    best: float = np.nan
    steps: int = 0
    analysis: Analysis | None = None
    echoes: float = np.nan

    def follow(self, run: TrainingRun) -> None:
        """Take over how far the run is."""
        self.losses, self.best, self.steps = run.losses()[0], run.log.best_loss, run.steps_run

    def curve(self) -> tuple[Array, Array]:
        """Return steps and losses, thinned out."""
        return thinned(self.losses, _POINTS)

    @property
    def times(self) -> tuple[Array, Array]:
        """Octaves in Hz and their T30 in s, as far as they were measured."""
        return (np.zeros(0), np.zeros(0)) if self.analysis is None else self.analysis.times


def thinned(losses: Sequence[float], points: int) -> tuple[Array, Array]:
    """Return steps and losses > 0, at most about so many of them; the last one is always there.

    Examples
    --------
    >>> [each.tolist() for each in thinned([4.0, 3.0, 2.0, 1.0], 2)]
    [[0, 2, 3], [4.0, 2.0, 1.0]]
    """
    values = np.asarray(losses, dtype=float)
    step = max(len(values) // points, 1)
    at = np.unique(np.append(np.arange(0, len(values), step), np.arange(len(values))[-1:])).astype(int)
    at = at[values[at] > 0]
    return at, values[at]


def table_of(records: Sequence[Record], labels: Mapping[str, str]) -> Table | None:
    """Return settings and results of runs, one a row: of the settings those in which the runs differ.

    Parameters
    ----------
    records : sequence of Record
    labels : mapping
        What the page calls each setting, by its key.
    """
    if not records:
        return None
    keys = [key for key in labels if len({str(record.settings.get(key)) for record in records}) > 1]
    head = [
        "Run",
        *(labels[key] for key in keys),
        "Steps",
        "Loss",
        "Spread of modes",
        "Highest peak",
        "Echo density",
    ]
    return {
        "title": "Runs so far",
        "head": head,
        "rows": [
            [
                str(record.number),
                *(_as_text(record.settings.get(key)) for key in keys),
                str(record.steps),
                f"{change_of(record.losses[0], record.best)} at the start" if record.losses else "–",
                *_results(record),
            ]
            for record in records
        ],
        "clear": "Forget the earlier runs",
    }


def _results(record: Record) -> list[str]:
    found = record.analysis
    if found is None:
        return ["–", "–", "–"]
    return [f"{found.modal_std:.1f} dB", f"{found.peak_db:.1f} dB", f"{record.echoes:.2f}"]


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, int | float) else str(value)
