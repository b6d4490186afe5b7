"""A run of an experiment: trials, answers, and the threshold; it follows from a seed and is one JSON file.
Source: none; plain bookkeeping.
Not here: how the next value is chosen (:mod:`amtlib.experiments.procedures`), and observers.
"""

import csv
import io
import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from amtlib.charts import Chart, Direction
from amtlib.experiments.catalogue import experiment
from amtlib.experiments.experiment import Experiment, Trial
from amtlib.experiments.observers import Observer
from amtlib.experiments.procedures import PROCEDURES, Procedure, UpDown
from amtlib.experiments.psychometric import PsychometricFit, fit_psychometric
from amtlib.experiments.settings import MOST, derived_seed, uniform
from amtlib.results import picture, table
from amtlib.signals.frame import number, whole

_FORMAT, _VERSION = "amtlab-run", 1
#: What a seed is taken for
_ORDER, _SOUNDS, _CATCH = 0, 1, 2


@dataclass(frozen=True)
class Answered:
    """
    A trial that was answered.

    Attributes
    ----------
    value : float
        Of the variable.
    target, answer : int
        Interval with the target, and the one that was chosen, from 0.
    right : bool
        Whether they are equal.
    catch : bool
        Whether it tested attention, and so did not move the procedure.
    clamped : bool
        Whether the procedure wanted a value outside of the variable's range.
    seconds : float, optional
        How long the listener took, if that was measured.
    """

    value: float
    target: int
    answer: int
    right: bool
    catch: bool
    clamped: bool
    seconds: float | None = None


class Run:
    """
    An experiment on its way, trial by trial.

    Parameters
    ----------
    experiment : Experiment
        What is presented.
    procedure : Procedure, optional
        How the next value is chosen. Default: ``UpDown()``, 2 down and 1 up.
    seed : int
        0 to 2**32 - 1. Sounds, targets and catch trials follow from it.
    catch : float
        Share of trials that test attention, 0 to 0.5: clear targets that do not move the procedure.

    Attributes
    ----------
    experiment, procedure, seed, catch
        As given.
    trials : list of Answered
        What was answered so far.
    observer : str
        The last one that answered.

    Raises
    ------
    ValueError
        If an argument is out of its range, or the procedure does not fit the experiment.
    TypeError
        If an argument has the wrong type.

    Examples
    --------
    >>> run = Run(experiment("intensity_discrimination"), UpDown(reversals=2), seed=3)
    >>> run.trial.value, run.trial.target
    (6.0, 2)
    >>> run.answer(2)
    True
    >>> Run.from_json(run.to_json()).trial.number
    1
    """

    def __init__(
        self, experiment: Experiment, procedure: Procedure | None = None, seed: int = 0, catch: float = 0.0
    ) -> None:
        procedure = UpDown() if procedure is None else procedure
        for given, name, kind in (
            (experiment, "experiment", Experiment),
            (procedure, "procedure", Procedure),
        ):
            if not isinstance(given, kind):
                raise TypeError(f"{name} is a {type(given).__name__}; give one of amtlib.experiments")
        self.experiment, self.procedure = experiment, procedure
        self.seed = whole(seed, "seed", 0, MOST)
        self.catch = number(catch, "catch", 0.0, 0.5)
        self.trials: list[Answered] = []
        self.observer = ""
        self._tracker = procedure.tracker(experiment.variable, experiment.intervals)
        self._trial: Trial | None = None

    def chart(self) -> Chart:
        """Return the values of the trials that moved the procedure: a line, and what was right and wrong on it."""
        moved = [(number, each) for number, each in enumerate(self.trials, 1) if not each.catch]

        def pair(*kinds: bool) -> tuple[list[int], list[float]]:
            found = [(number, each.value) for number, each in moved if each.right in kinds]
            return [number for number, _ in found], [value for _, value in found]

        variable = self.experiment.variable
        up = Direction(variable.name.capitalize(), variable.unit, variable.scale)
        answers = {"right": pair(True), "wrong": pair(False)}
        return Chart("Track of the run", Direction("Trial"), up, {"value": pair(True, False)}, answers)

    def _repr_html_(self) -> str:
        """Return a table of what was run, and its track."""
        trials = sum(not each.catch for each in self.trials)
        rows = [("experiment", type(self.experiment).__name__), ("trials", str(trials))]
        return table(type(self).__name__, rows) + picture(self.chart())

    @property
    def finished(self) -> bool:
        """Whether the procedure wants no further answer."""
        return self._tracker.finished

    @property
    def trial(self) -> Trial | None:
        """The trial that waits for an answer; None when the run is finished."""
        if self._trial is None and not self.finished:
            k = len(self.trials)
            catch = k > 0 and uniform(self.seed, _CATCH, k) < self.catch
            value = self.experiment.variable.start if catch else self._tracker.value
            target = int(uniform(self.seed, _ORDER, k) * self.experiment.intervals)
            self._trial = self._made(k, value, target, catch)
        return self._trial

    def _made(self, k: int, value: float, target: int, catch: bool) -> Trial:
        return self.experiment.trial(value, target, derived_seed(self.seed, _SOUNDS, k), k, catch=catch)

    def presented(self, k: int) -> Trial:
        """
        Return a trial that was answered, with the sounds that it had.

        Parameters
        ----------
        k : int
            Its number, from 0.

        Returns
        -------
        Trial
            For another listener, or to be heard again.

        Raises
        ------
        ValueError
            If no such trial was answered.

        Examples
        --------
        >>> run = Run(experiment("gap_detection"), seed=3)
        >>> heard = run.trial
        >>> run.answer(0)
        False
        >>> bool((run.presented(0).sound == heard.sound).all())
        True
        """
        if not self.trials:
            raise ValueError("no trial of this run was answered yet; answer one first")
        past = self.trials[whole(k, "k", 0, len(self.trials) - 1)]
        return self._made(k, past.value, past.target, past.catch)

    def answer(self, interval: int, seconds: float | None = None) -> bool:
        """
        Answer the trial that waits.

        Parameters
        ----------
        interval : int
            From 0.
        seconds : float, optional
            How long the listener took, 0 to 1e6; kept with the answer, and not used.

        Returns
        -------
        bool
            Whether that was right.

        Raises
        ------
        ValueError
            If the run is finished, there is no such interval, or `seconds` is out of its range.
        """
        trial = self.trial
        if trial is None:
            raise ValueError(f"the run is finished after {len(self.trials)} trials; start another one")
        chosen = whole(interval, "interval", 0, self.experiment.intervals - 1)
        took = None if seconds is None else number(seconds, "seconds", 0.0, 1e6, "s")
        right = chosen == trial.target
        clamped = self._tracker.clamped and not trial.catch
        self.trials.append(Answered(trial.value, trial.target, chosen, right, trial.catch, clamped, took))
        if not trial.catch:
            self._tracker.answer(right)
        self._trial = None
        return right

    def proceed(self, observer: Observer) -> "Run":
        """
        Let an observer answer until the run is finished, or there is no answer yet.

        Parameters
        ----------
        observer : Observer
            A model, a simulated listener, or one outside of the program.

        Returns
        -------
        Run
            Itself.
        """
        while (trial := self.trial) is not None and (chosen := observer.answer(trial)) is not None:
            self.observer = repr(observer)
            self.answer(chosen)
        return self

    @property
    def threshold(self) -> float | None:
        """The threshold in the variable's unit; None until the run is finished, or if it ended without one."""
        return self._tracker.threshold if self.finished else None

    @property
    def spread(self) -> float | None:
        """Standard deviation of what the threshold was taken from, in its unit, or as a factor on a log scale."""
        return self._tracker.spread if self.finished else None

    @property
    def reversals(self) -> list[tuple[int, float]]:
        """Trials at which an up-down procedure changed its direction, and the values there."""
        counted = [k for k, each in enumerate(self.trials) if not each.catch]
        return [(counted[place], value) for place, value in self._tracker.reversals]

    @property
    def clamped(self) -> int:
        """Number of trials at an end of the variable's range because the procedure wanted to go beyond."""
        return sum(each.clamped for each in self.trials)

    @property
    def attention(self) -> float | None:
        """Share of catch trials that were right; None without any."""
        caught = [each.right for each in self.trials if each.catch]
        return sum(caught) / len(caught) if caught else None

    def fit(self, **options: Any) -> PsychometricFit:
        """
        Fit a psychometric function to all answers but those of catch trials.

        Parameters
        ----------
        **options
            As for :func:`fit_psychometric`.

        Returns
        -------
        PsychometricFit

        Raises
        ------
        ValueError
            If there are no answers at two values or more.
        """
        variable, counted = self.experiment.variable, [each for each in self.trials if not each.catch]
        given = {
            "guess": 1.0 / self.experiment.intervals,
            "probability": self.procedure.probability,
            "scale": variable.scale,
            "easier": variable.easier,
        }
        values, right = [each.value for each in counted], [float(each.right) for each in counted]
        return fit_psychometric(values, right, **(given | options))

    def to_json(self) -> str:
        """
        Return the run as a JSON text, finished or not.

        Returns
        -------
        str
            Experiment and procedure with all settings, seed, trials, reversals, threshold and its spread.
        """
        variable = self.experiment.variable
        return json.dumps(
            {
                "format": _FORMAT,
                "version": _VERSION,
                "experiment": {"name": self.experiment.name, "settings": self.experiment.settings()},
                "procedure": {
                    "name": self.procedure.name,
                    "settings": self.procedure.settings(),
                },
                "seed": self.seed,
                "catch": self.catch,
                "observer": self.observer,
                "trials": [asdict(each) for each in self.trials],
                "variable": {"name": variable.name, "unit": variable.unit, "scale": variable.scale},
                "reversals": self.reversals,
                "finished": self.finished,
                "threshold": self.threshold,
                "spread": self.spread,
            },
            indent=1,
        )

    def to_csv(self) -> str:
        """
        Return the trials as a table, one a row; intervals from 0, and values in the unit that each row names.

        Returns
        -------
        str
            CSV with a header: trial, what :class:`Answered` has, variable and unit.

        Examples
        --------
        >>> run = Run(experiment("gap_detection"), seed=3)
        >>> run.answer(0, seconds=0.8)
        False
        >>> print(run.to_csv())
        trial,value,target,answer,right,catch,clamped,seconds,variable,unit
        0,20.0,2,0,False,False,False,0.8,gap,ms
        <BLANKLINE>
        """
        variable, table = self.experiment.variable, io.StringIO()
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow(["trial", *(each.name for each in fields(Answered)), "variable", "unit"])
        rows.writerows(
            [k, *asdict(each).values(), variable.name, variable.unit] for k, each in enumerate(self.trials)
        )
        return table.getvalue()

    @classmethod
    def from_json(cls, text: str) -> "Run":
        """
        Return a run from its JSON text; it goes on where it was.

        Parameters
        ----------
        text : str
            What :meth:`to_json` returned.

        Returns
        -------
        Run

        Raises
        ------
        ValueError
            If the text is no run, of a later version, or its trials do not follow from its seed and answers.
        """
        try:
            found = json.loads(text)
        except ValueError as error:
            raise ValueError(f"this is no JSON text ({error}); give the file of a run") from None
        if not isinstance(found, dict) or found.get("format") != _FORMAT:
            raise ValueError(f'this is no run, which has "format": "{_FORMAT}"; give the file of a run')
        if found.get("version") != _VERSION:
            raise ValueError(
                f"this run has version {found.get('version')!r}, and version {_VERSION} is known here; update amtlib"
            )
        try:
            run = cls(
                experiment(found["experiment"]["name"], **found["experiment"]["settings"]),
                _procedure(found["procedure"]["name"], found["procedure"]["settings"]),
                found["seed"],
                found["catch"],
            )
            answered = [Answered(**each) for each in found["trials"]]
            run.observer = str(found["observer"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"the file of this run is damaged: {error}") from None
        for k, each in enumerate(answered):
            trial = run.trial
            if trial is None:
                raise ValueError(f"this run was finished after {k} trials, and its file has {len(answered)}")
            same = math.isclose(trial.value, each.value, rel_tol=1e-6, abs_tol=1e-9)
            if not (same and trial.target == each.target and trial.catch == each.catch):
                raise ValueError(
                    f"trial {k} does not follow from the seed and the answers before: {each.value:g} with target "
                    f"{each.target}, not {trial.value:g} with {trial.target}; the file was changed"
                )
            run.answer(each.answer, each.seconds)
        return run

    def save(self, path: str | Path) -> None:
        """Write the run to a JSON file."""
        Path(path).write_text(self.to_json() + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "Run":
        """Read a run from the JSON file that :meth:`save` wrote."""
        return cls.from_json(Path(path).read_text(encoding="utf-8"))

    def __repr__(self) -> str:
        unit, threshold = self.experiment.variable.unit, self.threshold
        state = f"{len(self.trials)} trials"
        if threshold is not None:
            spread = self.spread
            sign = "x/" if self.experiment.variable.scale == "log" else "+-"
            state += f", threshold {threshold:.4g} {unit}" + (f" {sign} {spread:.2g}" if spread else "")
        elif self.finished:
            state += ", no threshold"
        if self.clamped:
            state += f", {self.clamped} at the end of the range"
        return f"Run({self.experiment.name}, {self.procedure.name}, seed={self.seed}: {state})"


def _procedure(name: str, settings: dict[str, Any]) -> Procedure:
    if name not in PROCEDURES:
        raise ValueError(f"procedure {name!r} is unknown; it is one of {', '.join(PROCEDURES)}")
    return PROCEDURES[name](**settings)
