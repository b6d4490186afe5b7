"""What a training run leaves behind: its steps, its log, and the state of the network at a moment.
Source: fields of the log as in the specification (`pyFDN.train.engine.TrainLog`).
Not here: running (:mod:`amtlib.train.run`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from torch import Tensor

from amtlib.charts import Chart, Direction
from amtlib.fdn.build import FDNBuild
from amtlib.results import Result
from amtlib.train.losses.rendered import Rendered
from amtlib.train.targets import TargetRecord


@dataclass(frozen=True, repr=False)
class Step(Result):
    """
    One step of training.

    Attributes
    ----------
    index : int
        From 0.
    loss : float
        Weighted sum of the terms; with 'adam' before the step, with 'lbfgs' after it.
    terms : dict of str to float
        The terms, unweighted.
    seconds : float
        What it took.

    Examples
    --------
    >>> Step(0, 1.5, {"mse_loss": 1.5}, 0.01).loss
    1.5
    """

    index: int
    loss: float
    terms: dict[str, float]
    seconds: float


@dataclass(repr=False)
class TrainLog(Result):
    """
    History of the losses and how the training ended.

    Parameters
    ----------
    train_loss : list of float
        Weighted sum of the terms at each step.
    loss_log : dict of str to list of float
        Each term, unweighted: 'mse_loss', 'power_variance_loss', 'mss_loss', 'mel_mss_loss', 'MatchCochleagram' or
        'MatchLoudness', and '_ColorlessSparsity'; losses by their names, custom criteria by their class names, a
        second of one name as ``Name_2``.
    steps_run : int
        Number of steps.
    stopped_early : bool
        Whether that is fewer than asked for.
    reason : str
        'max_steps', 'plateau', 'time_budget', 'stopped', 'callback', 'not_finite', 'diverged' or 'failed'; '' while
        it runs.
    best_loss : float
        The least loss met, that of the state which the model was left in. Where each step sees other frequencies,
        losses are compared on a fixed set of them.
    best_step : int
        How many steps led to that state; -1 before the first.
    target : TargetRecord, optional
        What was found in the target before; None without a target.

    Attributes
    ----------
    pre_delay, truncation : float
        Those of `target`, s: silence left out before it, and when its decay meets noise; NaN where unknown, or there is
        no target.

    Examples
    --------
    >>> TrainLog().steps_run
    0
    """

    train_loss: list[float] = field(default_factory=list)
    loss_log: dict[str, list[float]] = field(default_factory=dict)
    steps_run: int = 0
    stopped_early: bool = False
    reason: str = ""
    best_loss: float = math.inf
    best_step: int = -1
    target: TargetRecord | None = field(default=None, compare=False)

    def chart(self) -> Chart:
        """Return the loss over the steps."""
        losses = np.asarray(self.train_loss, dtype=np.float64)
        scale: Literal["log", "linear"] = "log" if losses.size and losses.min() > 0.0 else "linear"
        steps = {"loss": (np.arange(len(losses)), losses)}
        return Chart("Loss", Direction("Step"), Direction("Loss", scale=scale), steps)

    def _summary(self) -> dict[str, Any]:
        """Return how it went, and from where to where each loss."""
        ends = {name: [values[0], values[-1]] for name, values in self.loss_log.items() if values}
        loss = [self.train_loss[0], self.train_loss[-1]] if self.train_loss else []
        found = {
            "steps_run": self.steps_run, "reason": self.reason, "best_loss": self.best_loss,
            "best_step": self.best_step, "train_loss": loss, **ends,
        }  # fmt: skip
        if self.target is not None:
            found |= {"pre_delay": self.pre_delay, "truncation": self.truncation}
        return found

    @property
    def pre_delay(self) -> float:
        """Silence left out before the target, s."""
        return math.nan if self.target is None else self.target.pre_delay

    @property
    def truncation(self) -> float:
        """When the target's decay meets noise, s."""
        return math.nan if self.target is None else self.target.truncation


@dataclass(frozen=True, repr=False)
class Snapshot(Result):
    """
    A network as it was at one moment of its training; a copy that the run does not know of.

    Parameters
    ----------
    step : int
        How many steps led here.
    loss : float
        The last loss known then (nan before the first step).
    terms : dict of str to float
        Its terms.
    parameters : dict of str to Tensor
        Copies of the parameters behind A, B, C and D, by the letters 'a' to 'd'.
    make : callable
        Turns them into a network.
    render : callable, optional
        Turns them into what the network answers.

    Attributes
    ----------
    build : FDNBuild
        The network; computed on first use, in the thread that asks.
    rendered : Rendered
        What it answers, as the losses read it: spectrum on the training grid, magnitude, time signal, compared with
        the run's target; computed on first use, in the thread that asks.

    See Also
    --------
    TrainingRun.snapshot : where they come from.

    Examples
    --------
    >>> Snapshot(0, math.nan, {}, {}, lambda parameters: FDNBuild([[0.5]], [1], [1], 0, [3], 48000)).build.N
    1
    """

    step: int
    loss: float
    terms: dict[str, float]
    parameters: dict[str, Tensor]
    make: Callable[[dict[str, Tensor]], FDNBuild]
    render: Callable[[dict[str, Tensor]], Rendered] | None = None

    def _summary(self) -> dict[str, Any]:
        """Return where it was taken, and the shapes of what is in it."""
        shapes = {name: tuple(value.shape) for name, value in self.parameters.items()}
        return {"step": self.step, "loss": self.loss, "terms": self.terms, "parameters": shapes}

    @cached_property
    def build(self) -> FDNBuild:
        """The network."""
        return self.make(self.parameters)

    @cached_property
    def rendered(self) -> Rendered:
        """What it answers."""
        if self.render is None:
            raise ValueError("this snapshot was made without render=: take one from TrainingRun.snapshot()")
        return self.render(self.parameters)


@dataclass(frozen=True)
class Update:
    """
    What steps done elsewhere have changed; made by one run, taken in by another, carried by :class:`RemoteSteps`.

    Parameters
    ----------
    steps : int
        How many led here.
    changes : dict
        Of the descent; empty if none were done.
    seconds : float
        What all steps of the run took together.
    pace : float
        What one takes, s.
    reason : str
        Why the run must end, '' if it need not.
    setback : str
        What became of whoever did the steps, '' if nothing did.

    Examples
    --------
    >>> Update(150, {}, 1.5, 0.01).reason
    ''
    """

    steps: int
    changes: dict[str, Any]
    seconds: float
    pace: float
    reason: str = ""
    setback: str = ""
