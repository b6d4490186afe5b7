"""What can be seen of a training run from any thread: its log, how far it is, the network at a moment, what moves it.

Not here: what changes it (:mod:`amtlib.train.run`).
"""

import numpy as np
import numpy.typing as npt

from amtlib.results import Result
from amtlib.train.checkpoints import PARTS
from amtlib.train.descent import Descent
from amtlib.train.losses import Rendered
from amtlib.train.notices import TrainingWarning
from amtlib.train.record import Snapshot, TrainLog
from amtlib.train.response import Response
from amtlib.train.snapshots import Snapshots
from amtlib.train.targets import TargetRecord
from amtlib.train.turns import FairLock


class Watched(Result):
    """
    The half of a :class:`TrainingRun` that looks and changes nothing.

    Attributes
    ----------
    max_steps, time_budget, reason, setback, seconds, target_record
        See :class:`TrainingRun`.
    """

    max_steps: int
    time_budget: float | None
    reason: str
    setback: str
    seconds: float
    target_record: TargetRecord | None
    _descent: Descent
    _response: Response
    _snapshots: Snapshots
    _goal: Rendered | None
    _stepping: FairLock
    #: What a step takes at present, s; 0 before the first.
    _pace: float

    @property
    def steps_run(self) -> int:
        """Number of steps done."""
        return self._descent.steps

    @property
    def notices(self) -> list[str]:
        """What the steps have warned of so far, as sentences (`warnings` had them too), and the last setback."""
        return [*map(str, self._descent.notices), *([self.setback] if self.setback else [])]

    @property
    def warned(self) -> list[TrainingWarning]:
        """What the steps have warned of so far, with its numbers as fields."""
        return list(self._descent.notices)

    @property
    def progress(self) -> float:
        """Share done, 0 to 1, of the steps or of the time, whichever is further."""
        if self.reason:
            return 1.0
        share = self.steps_run / max(self.max_steps, 1)
        if self.time_budget is not None:
            share = max(share, self.seconds / self.time_budget)
        return min(share, 1.0)

    @property
    def seconds_left(self) -> float | None:
        """Seconds of steps left at the present pace; None before there is one."""
        if self.reason:
            return 0.0
        if not self._pace:
            return None
        left = (self.max_steps - self.steps_run) * self._pace
        return left if self.time_budget is None else max(min(left, self.time_budget - self.seconds), 0.0)

    def losses(self, since: int = 0) -> tuple[list[float], dict[str, list[float]]]:
        """
        Return the losses from a step on: their sum, and each term.

        Parameters
        ----------
        since : int
            First step wanted.

        Returns
        -------
        total : list of float
        terms : dict of str to list of float
            As long.
        """
        descent = self._descent
        steps = (
            descent.steps
            if self.reason
            else max(min(len(v) for v in (descent.losses, *descent.terms.values())), 0)
        )
        return descent.losses[since:steps], {
            key: values[since:steps] for key, values in descent.terms.items()
        }

    @property
    def log(self) -> TrainLog:
        """A copy of the log so far."""
        total, terms = self.losses()
        descent = self._descent
        return TrainLog(
            train_loss=total,
            loss_log=terms,
            steps_run=len(total),
            stopped_early=bool(self.reason) and len(total) < self.max_steps,
            reason=self.reason,
            best_loss=descent.best_loss,
            best_step=descent.best_step,
            target=self.target_record,
        )

    def snapshot(self, best: bool = False) -> Snapshot:
        """
        Return the network as it is after the last step, or in the best state met.

        Parameters
        ----------
        best : bool
            The best state instead of the last.

        Returns
        -------
        Snapshot
            A copy; neither waits for the run nor touches it, from any thread.
        """
        return self._snapshots.best() if best else self._snapshots.latest

    def spectrum(
        self, snapshot: Snapshot | None = None
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """
        Return the magnitude on the frequencies of the model's grid, as the colorless mode sees it.

        Parameters
        ----------
        snapshot : Snapshot, optional
            Default: the last.

        Returns
        -------
        frequencies : array, shape (nfft / 2 + 1,)
            In Hz.
        magnitude : array, shape (nfft / 2 + 1, n_out), or (nfft / 2 + 1,) for one output
            Of the first `nfft` samples of the response, of the first item of the batch.
        """
        rendered = (self.snapshot() if snapshot is None else snapshot).rendered
        found = rendered.magnitude[0].double().cpu().numpy()
        return self._response.frequencies().numpy(), found[:, 0] if found.shape[1] == 1 else found

    @property
    def target(self) -> Rendered | None:
        """The target as the losses read it; None if there is none."""
        return self._goal

    def gradient_shares(self, part: str | None = None) -> dict[str, float]:
        """
        Return how much each weighted term moves the network now, as shares of the gradient.

        Parameters
        ----------
        part : {'feedback', 'input_gain', 'output_gain', 'direct'}, optional
            Of which parameters. Default: all that are trained.

        Returns
        -------
        dict of str to float
            Norm of each weighted term's gradient over the sum of these norms: from 0 to 1, in all 1 (or all 0 where
            nothing moves).

        Raises
        ------
        ValueError
            If there is no such part, or it is not trained.

        Notes
        -----
        From any thread. With models as :func:`build_fdn` makes them, and losses of the library, it works on a copy of
        the parameters and neither waits for the run nor holds it up; else it waits for the step under way. It costs
        about as much as one step, and a little more for each term.

        Examples
        --------
        >>> from amtlib.train import TrainingRun, build_fdn
        >>> model = build_fdn(delays=[61, 73, 83, 97], rt=None, nfft=2**10, rng=1)
        >>> shares = TrainingRun(model, "colorless").gradient_shares()
        >>> list(shares), round(sum(shares.values()), 6)
        (['mse_loss', '_ColorlessSparsity'], 1.0)
        """
        if part is not None and part not in PARTS:
            raise ValueError(f"part = {part!r} is unknown: choose from {', '.join(map(repr, PARTS))}")
        letter = None if part is None else PARTS[part]
        if self._descent.pure:
            return self._descent.shares(self._snapshots.latest.parameters, letter)
        with self._stepping:
            return self._descent.shares(None, letter)
