"""Observers of trials: listeners outside of the program, and simulated ones with a known psychometric function.
Source: none; plain bookkeeping.
Not here: models that listen (:mod:`amtlib.experiments.model_observer`).
"""

from typing import Protocol

from amtlib.experiments.experiment import Trial
from amtlib.experiments.psychometric import PsychometricFunction
from amtlib.experiments.settings import uniform
from amtlib.signals.frame import whole


class Observer(Protocol):
    """Answers the trials of a run."""

    def answer(self, trial: Trial) -> int | None:
        """
        Return which interval has the target.

        Parameters
        ----------
        trial : Trial
            The trial.

        Returns
        -------
        int or None
            Interval from 0; None if there is no answer yet.
        """


class ExternalObserver:
    """
    A listener whose answers come from elsewhere, such as a page.

    Holds one answer at most, and nothing that a run does not know: after an interruption a new one goes on.

    Examples
    --------
    >>> from amtlib.experiments import Run, experiment
    >>> run, listener = Run(experiment("tone_in_quiet"), seed=1), ExternalObserver()
    >>> run.proceed(listener).trial.number  # nobody has answered yet
    0
    >>> listener.give(run.trial.number, 2)
    >>> run.proceed(listener).trial.number
    1
    """

    def __init__(self) -> None:
        self._given: tuple[int, int] | None = None

    def give(self, number: int, interval: int) -> None:
        """
        Give the answer to a trial; one to an earlier trial, such as a second click, is dropped.

        Parameters
        ----------
        number : int
            Of the trial.
        interval : int
            From 0.

        Raises
        ------
        ValueError
            If the interval is below 0, or 4 or more.
        TypeError
            If it is no whole number.
        """
        self._given = whole(number, "number", 0, 2**31), whole(interval, "interval", 0, 3)

    def answer(self, trial: Trial) -> int | None:
        """Return the answer to this trial, if it was given."""
        given, self._given = self._given, None
        return given[1] if given is not None and given[0] == trial.number else None

    def __repr__(self) -> str:
        return "ExternalObserver()"


class SimulatedObserver:
    """
    A listener without ears, who is right as often as a psychometric function says.

    Parameters
    ----------
    function : PsychometricFunction
        Its `guess` should be 1 over the number of intervals.
    seed : int
        Of its answers.

    Examples
    --------
    >>> from amtlib.experiments import Run, experiment
    >>> hearing = PsychometricFunction(20.0, 8.0, guess=1 / 3)
    >>> run = Run(experiment("tone_in_quiet"), seed=1).proceed(SimulatedObserver(hearing))
    >>> run.finished, 10.0 < run.threshold < 30.0
    (True, True)
    """

    def __init__(self, function: PsychometricFunction, seed: int = 0) -> None:
        self.function, self.seed = function, seed

    def answer(self, trial: Trial) -> int:
        """Return the target, or with the probability of a wrong answer another interval."""
        probability = float(self.function(trial.value))
        return drawn_answer(trial, probability, self.seed)

    def __repr__(self) -> str:
        return f"SimulatedObserver({self.function}, seed={self.seed})"


def drawn_answer(trial: Trial, probability: float, seed: int) -> int:
    """
    Return the target with a probability, else one of the other intervals; it follows from the seeds alone.

    Examples
    --------
    >>> from amtlib.experiments import experiment
    >>> trial = experiment("tone_in_quiet").trial(30.0, target=1, seed=7)
    >>> drawn_answer(trial, 1.0, seed=0), drawn_answer(trial, 0.0, seed=0) == 1
    (1, False)
    """
    if uniform(seed, trial.seed, trial.number) < probability:
        return trial.target
    others = [k for k in range(trial.experiment.intervals) if k != trial.target]
    return others[int(uniform(seed, trial.seed, trial.number, 1) * len(others))]
