"""A training run: its steps, its log, the network at a moment, and files that it goes on from.

Its keywords are those of the specification's `train_fdn`. Not here: what a step does (:mod:`amtlib.train.descent`), the
thread that plays it (:mod:`amtlib.train.player`).
"""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from amtlib.fdn.build import sampling_rate
from amtlib.train.build import extract_build, flamo_graph
from amtlib.train.checkpoints import constants, read_checkpoint, write_checkpoint
from amtlib.train.descent import Descent, Interrupted
from amtlib.train.losses import Loss, Rendered
from amtlib.train.losses.criteria import measures
from amtlib.train.objectives import build_objective
from amtlib.train.player import Player, Steps
from amtlib.train.record import Step, Update
from amtlib.train.response import Response
from amtlib.train.settings import (
    check_settings,
    check_start,
    check_terms,
    ending,
    positive_number,
    warn_of_growth,
    whole_number,
)
from amtlib.train.snapshots import Snapshots
from amtlib.train.targets import TargetRecord, cleared
from amtlib.train.turns import FairLock
from amtlib.train.watching import Watched

#: Weight of the sparsity penalty in the specification.
_SPARSITY = 0.2


class TrainingRun(Watched):
    """
    Trains a model step by step: here and now, or in a thread of its own.

    Parameters
    ----------
    model : flamo Shell
        From :func:`build_fdn` or :func:`trainable_from_build`; trained in place. Its layers are never changed.
    mode : {'colorless', 'match_spectrogram', 'match_mel_spectrogram', 'match_cochleagram', 'match_loudness'}, optional
        What to train towards: a flat magnitude, or the spectrograms of `target`, what an ear makes of it, or how loud
        it is. Not needed with `loss`.
    loss : Loss, optional
        Instead of the mode's loss and penalty: losses of :mod:`amtlib.train.losses`, added and weighed.
    target : array, shape (T,), (T, n_out) or (T, n_out, n_in), optional
        Impulse response to match, for the matching modes and for losses that compare; unused for 'colorless'.
    target_fs : float, optional
        Its sampling rate in Hz, if it is not that of the model.
    target_noise : {'remove', 'keep'}
        Whether steady noise behind the target is taken out before, octave by octave, and its decay goes on instead
        (:func:`amtlib.fdn.without_noise`), or trained towards.
    objective : {'mse', 'power_variance'}
        For 'colorless'. 'mse': mean square distance of the magnitude from 1, on the model's grid. 'power_variance':
        relative variance of the power, of the network without its filters at a decay of 60 dB in 69000 samples, at
        2048 new frequencies each step. It follows the peaks, does not see gain, and gives flatter modes.
    criteria : list of (criterion, alpha, requires_model), optional
        Instead of the mode's loss and penalty. A criterion may be a loss of :mod:`amtlib.train.losses`, too.
    sparsity_alpha : float, optional
        Weight of the penalty on zeros of the feedback matrix, >= 0. More of it keeps more echoes, less of it
        flattens more. Default: the specification's 0.2, but for matching modes no more than makes a tenth of the
        match's gradient at the start (0.2 would leave the match a thousandth of it); `notices` has the weight.
    mss_nfft : tuple of int
        Window lengths of the spectrograms in samples.
    frequencies : int, optional
        For 'colorless', and for losses of the magnitude alone: how many frequencies each step looks at, drawn anew
        each time ('lbfgs': once). Default: all of the grid; 2048 with 'power_variance'.
    max_steps : int
        Most steps, >= 0.
    lr : float
        Learning rate, > 0; with 'adam' it falls to a tenth every 2000 steps.
    optimizer : {'adam', 'lbfgs'}
        One gradient a step, or up to 20 with a line search.
    patience, tol : int, float
        Ends when the loss has not fallen by more than the share `tol` for `patience` steps (with drawn frequencies:
        for that many measurements, one in 20 steps).
    device, dtype : optional
        Where to train; default: where the model is, in its precision.
    rng : int, optional
        Seed of the drawn frequencies. Nothing else here is random.
    time_budget : float, optional
        Seconds that the steps may take together.
    callback : callable, optional
        Called with each :class:`Step` in the thread that steps; a true result ends the run.
    fused : bool
        False: evaluate by flamo's own graph, for comparisons.

    Attributes
    ----------
    state : {'ready', 'running', 'paused', 'finished'}
    reason : str
        Why it ended, see :class:`TrainLog`; '' before.
    message : str
        The same in a sentence or two.
    error : Exception or None
        What a thread failed with.
    setback : str
        What became of a worker that did the steps elsewhere and was lost; '' if none was.
    pre_delay : float
        Silence before the target that the network has no delay for, s: left out of training.
    target_record : TargetRecord or None
        What was found in the target: onset, pre-delay, noise and where it was cut, reverberation time.
    max_steps, time_budget, lr
        May be set while it runs.
    player : Player
        The thread behind :meth:`start`, :meth:`pause` and :meth:`join`.
    stopping : bool
        Whether it is to end after the step under way.

    Raises
    ------
    ValueError
        If nothing is trainable, the mode is unknown, the target unfit, a number out of range, or the network's loop
        grows (:func:`amtlib.fdn.loop_gain`).
    TypeError
        If an argument has the wrong type.

    Warns
    -----
    UserWarning
        If time aliasing is above -40 dB in a matching mode, the target is cut, begins late or is noisy, the modes of a
        lossless network lie too close to be seen, the penalty makes more than 90 % of the matrix's gradient (at the
        first step), the run diverges, or a free matrix has come to make the loop grow.

    See Also
    --------
    train_fdn : the same in one call.

    Notes
    -----
    While a thread runs, use :meth:`TrainingRun.snapshot`, not the model. At the end the model holds the best state met.

    Examples
    --------
    >>> from amtlib.train.build import build_fdn
    >>> model = build_fdn(delays=[61, 73, 83, 97], rt=None, nfft=2**10, rng=1)
    >>> run = TrainingRun(model, "colorless", max_steps=3, lr=1e-2)
    >>> [step.index for step in run], run.reason
    ([0, 1, 2], 'max_steps')
    >>> run.snapshot(best=True).build
    FDNBuild(N=4, n_in=1, n_out=1, fs=48000 Hz, delays ... no filters)
    """

    def __init__(
        self,
        model: Any,
        mode: str | None = None,
        *,
        loss: Loss | None = None,
        target: npt.ArrayLike | Tensor | None = None,
        target_fs: float | None = None,
        target_noise: str = "remove",
        objective: str = "mse",
        criteria: Sequence[Any] | None = None,
        sparsity_alpha: float | None = None,
        mss_nfft: Sequence[int] = (256, 512, 1024),
        frequencies: int | None = None,
        max_steps: int = 2000,
        lr: float = 0.001,
        optimizer: str = "adam",
        patience: int = 10,
        tol: float = 1e-6,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        rng: int | None = None,
        time_budget: float | None = None,
        callback: Callable[[Step], bool | None] | None = None,
        fused: bool = True,
    ) -> None:
        leaves = flamo_graph().read_leaves(model)
        check_settings(mode, optimizer, frequencies, rng, callback)
        self.max_steps = whole_number(max_steps, "max_steps", 0)
        self.time_budget = None if time_budget is None else positive_number(time_budget, "time_budget")
        if device is not None:
            model.to(device=device)
        if dtype is not None and dtype != model.dtype:
            model.set_dtype(dtype)
        self.model = model
        self._start = extract_build(model)
        self.pre_delay = 0.0
        self.target_record: TargetRecord | None = None
        if mode == "colorless":
            target = None  # unused, as the specification has it
        if target is not None:
            target = self._cleared(target, target_fs, leaves, target_noise)
        source, wanted, taken, domain = build_objective(
            mode, target=target, criteria=criteria, mss_nfft=mss_nfft,
            sparsity_alpha=_SPARSITY if sparsity_alpha is None else sparsity_alpha,
            fs=self._start.fs, nfft=int(model.nfft), n_in=self._start.n_in, n_out=self._start.n_out,
            device=leaves.feedback.param.device, dtype=leaves.feedback.param.dtype, objective=objective,
            target_fs=target_fs, loss=loss,
        )  # fmt: skip
        self._response = Response(model, leaves, source, fused=fused)
        losses = measures(taken, domain, wanted, model)
        in_time = domain == "time" or any(measure.reads == "time" for measure, _ in losses)
        check_start(
            mode, objective, self._response, self._start, in_time=in_time,
            frequencies=frequencies,
        )  # fmt: skip
        goal = None
        if domain == "time":
            goal = Rendered.of_response(
                wanted, self._start.fs, nfft=self._response.nfft, gamma=self._response.gamma
            )
        self._goal = goal
        check_terms(losses, frequencies, self._response, self._start.fs, goal)
        self._descent = Descent(
            model, self._response, goal, losses,
            dense=objective == "power_variance", frequencies=frequencies, optimizer=optimizer,
            lr=positive_number(lr, "lr"), patience=whole_number(patience, "patience", 1),
            tol=positive_number(tol, "tol", zero=True), seed=None if rng is None else int(rng),
            default_criteria=criteria is None and loss is None,
            fit_penalty=sparsity_alpha is None and domain == "time",
        )  # fmt: skip
        #: what a checkpoint must agree with
        self._same = {
            "mode": mode, "objective": objective, "optimizer": optimizer, "frequencies": frequencies,
            "nfft": int(model.nfft), "losses": ", ".join(self._descent.keys),
            "loss": None if loss is None else repr(loss),
            "shapes": str([tuple(p.shape) for p in self._descent.learned]),
            "weights": str([weight for _, weight in losses]),
            "mss_nfft": str([int(size) for size in mss_nfft]) if str(mode).endswith("spectrogram") else None,
            **constants(self._start, self._response, goal),
        }  # fmt: skip
        self._callback = callback
        self.reason, self.message, self.setback = "", "", ""
        self.error: BaseException | None = None
        self.seconds = 0.0
        self._pace = 0.0
        self.stopping = False
        self._descent.given_up = lambda: self.stopping
        self._snapshots = Snapshots(self._descent, self._start)
        self._stepping = FairLock()
        self.player = Player(self)

    def _cleared(self, target: Any, target_fs: float | None, leaves: Any, noise: str) -> Any:
        """Return a target without the silence before it and the noise behind it."""
        start = self._start
        direct = bool(start.D.any()) or (leaves.direct is not None and leaves.direct.param.requires_grad)
        rate = start.fs if target_fs is None else sampling_rate(target_fs, "target_fs")
        found, self.target_record = cleared(
            target, rate, float(start.delays.min()) / start.fs, direct=direct, noise=noise
        )
        if self.target_record is not None:
            self.pre_delay = self.target_record.pre_delay
        return found

    def _summary(self) -> dict[str, Any]:
        """Return where it stands."""
        log = self.log
        return {
            "state": self.state,
            "steps_run": log.steps_run,
            "max_steps": self.max_steps,
            **log._summary(),
        }

    # ------------------------------------------------------------------ stepping

    @property
    def state(self) -> str:
        """'ready', 'running', 'paused' or 'finished'."""
        if self.reason:
            return "finished"
        if self.player.playing:
            return "paused" if self.player.paused else "running"
        return "paused" if self.steps_run else "ready"

    def step(self) -> Step | None:
        """
        Do one step in this thread.

        Returns
        -------
        Step or None
            None if the run has ended, or was stopped while it stepped.

        Raises
        ------
        RuntimeError
            If its own thread is running: pause it first.
        FloatingPointError
            If the loss is not finite at the very start.
        """
        if self.state == "running" and not self.player.here:
            raise RuntimeError("the run is stepping in its own thread: call pause() first")
        try:
            with self._stepping:
                if self.end_if_done():
                    return None
                step, reason = self._descend()
                self._judge(reason, step)
                return step
        except Interrupted:
            return None
        finally:
            if self.stopping:  # asked for meanwhile by another thread, which does not wait for the step
                self._finish("stopped")

    def __iter__(self) -> Iterator[Step]:
        """Step until the end, here."""
        while (step := self.step()) is not None:
            yield step

    def _descend(self) -> tuple[Step, str]:
        step, reason = self._descent.advance()
        self.seconds += step.seconds
        self._pace = step.seconds if not self._pace else 0.95 * self._pace + 0.05 * step.seconds
        return step, reason

    def end_if_done(self) -> bool:
        """End the run if it was stopped, or its steps or its time are used up; return whether it has ended."""
        with self._stepping:
            if self.stopping:
                self._finish("stopped")
            elif self.steps_run >= self.max_steps:
                self._finish("max_steps")
            elif self.time_budget is not None and self.seconds >= self.time_budget:
                self._finish("time_budget")
        return bool(self.reason)

    def fail(self, error: BaseException) -> None:
        """End the run by an error, which it keeps."""
        self.error = error
        self._finish("failed")

    def _judge(self, reason: str, step: Step | None) -> None:
        """Show what a step has made, and end the run for a reason."""
        descent = self._descent
        if reason == "not_finite" and descent.best_step < 0:
            self.error = FloatingPointError(
                f"the loss is {descent.losses[-1]} at the start: the model, the target or a criterion is not finite"
            )
            self._finish("failed")
            raise self.error
        self._snapshots.take()
        if self._callback is not None and step is not None and self._callback(step):
            reason = reason or "callback"
        if reason and not self.reason:
            self._finish(reason)
        elif self.steps_run >= self.max_steps:
            self._finish("max_steps")

    def _finish(self, reason: str) -> None:
        with self._stepping:
            if self.reason:
                return
            descent = self._descent
            descent.keep_best(measure=reason not in ("failed", "not_finite"))
            self.message = ending(reason, descent, self.error)
            self._snapshots.take()
            self.reason = reason
            if reason in ("not_finite", "diverged"):
                warnings.warn(self.message, UserWarning, stacklevel=3)
            if reason != "failed":
                warn_of_growth(self._snapshots.latest.build)
        self.player.wake()

    # ------------------------------------------------------------------ a thread of its own

    def start(self, steps: int | None = None, *, by: Steps | None = None) -> None:
        """
        Step in a thread of its own, or go on after :meth:`pause`. Does nothing when finished.

        Parameters
        ----------
        steps : int, optional
            After so many it waits, as after :meth:`pause`. Default: until the end.
        by : RemoteSteps, optional
            Where the steps come from: a pool's worker. Default: the thread does them itself.

        Raises
        ------
        ValueError
            If a callback was given, which others cannot call.
        """
        count = None if steps is None else whole_number(steps, "steps", 1)
        if by is not None and self._callback is not None:
            raise ValueError(
                "callback is called by the thread that steps: make the run without it, or leave out by"
            )
        self.player.start(count, by=by)

    def resume(self) -> None:
        """Go on after :meth:`pause`, with steps from where they came before."""
        self.player.resume()

    def pause(self) -> None:
        """Let the thread wait after the step under way; returns at once."""
        self.player.pause()

    def stop(self) -> None:
        """End the run after the step under way, with 'lbfgs' within it; returns at once if another thread steps."""
        self.stopping = True
        # Whoever holds the lock is stepping, and ends the run itself.
        if not self.player.wake() and self._stepping.acquire(blocking=False):
            try:
                self._finish("stopped")
            finally:
                self._stepping.release()

    def join(self, timeout: float | None = None) -> bool:
        """
        Wait until the thread has ended or waits.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Returns
        -------
        bool
            Whether it has.
        """
        return self.player.join(timeout)

    def extend(self, steps: int) -> None:
        """
        Make a run that has ended ready for more steps, from the state that the model was left in.

        Parameters
        ----------
        steps : int
            How many more at most, >= 1. A time budget is not extended: set ``time_budget`` for that.

        Raises
        ------
        RuntimeError
            If the run has not ended (set ``max_steps`` instead), or has failed.

        Examples
        --------
        >>> from amtlib.train.build import build_fdn
        >>> model = build_fdn(delays=[61, 73, 83, 97], rt=None, nfft=2**10, rng=1)
        >>> run = TrainingRun(model, "colorless", max_steps=2, lr=1e-2)
        >>> len(list(run)), run.extend(3), len(list(run)), run.steps_run
        (2, None, 3, 5)
        """
        count = whole_number(steps, "steps", 1)
        if not self.reason or self.reason == "failed":
            now = "has failed: make a new one" if self.reason else "has not ended: set max_steps instead"
            raise RuntimeError(f"the run {now}")
        self.player.leave()
        with self._stepping:
            self._descent.go_on(afresh=self.reason in ("not_finite", "diverged"))
            self.max_steps = self.steps_run + count
            self.reason, self.message, self.stopping = "", "", False

    def take(self, update: Update) -> None:
        """Take in what steps done elsewhere have changed; for :class:`RemoteSteps`."""
        with self._stepping:
            self.setback = update.setback or self.setback
            if update.changes and not self.reason:
                self._descent.take(update.changes)
                self.seconds, self._pace = update.seconds, update.pace
            if update.changes or update.reason:
                self._judge(update.reason, None)

    def step_for(self, other: Callable[[], bool]) -> str:
        """
        Do one step for a run elsewhere, which takes it in by an :meth:`update`, judges it and ends itself.

        Parameters
        ----------
        other : callable
            Whether that run wants no more; asked in the middle of a long step, too.

        Returns
        -------
        str
            Why it should end, '' if it need not. If the other run wants no more, ``Interrupted`` is raised, and
            nothing has changed.
        """
        self._descent.given_up, self._descent.warns = other, False
        return self._descend()[1]

    def update(self, since: int, reason: str) -> Update:
        """Return what has changed since so many steps; for the run that takes it in."""
        return Update(self.steps_run, self._descent.changes(since), self.seconds, self._pace, reason)

    def __enter__(self) -> "TrainingRun":
        """Return the run."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()
        self.join()

    @property
    def lr(self) -> float:
        """Learning rate; may be set while it runs."""
        return self._descent.lr

    @lr.setter
    def lr(self, value: float) -> None:
        self._descent.lr = positive_number(value, "lr")

    # ------------------------------------------------------------------ checkpoints

    def save(self, path: str | os.PathLike[str]) -> None:
        """
        Write a checkpoint; waits for the step under way.

        Parameters
        ----------
        path : path
            File to write.
        """
        with self._stepping:
            write_checkpoint(path, self._same, self.state_dict())

    def load(self, path: str | os.PathLike[str]) -> None:
        """
        Continue from a checkpoint, in a run made with the same model, target and settings.

        The numbers that follow are those that the saved run would have come to.

        Parameters
        ----------
        path : path
            File written by :meth:`save`.

        Raises
        ------
        ValueError
            If the file is no checkpoint, or one of another kind of run, network or target; names both values.
        RuntimeError
            If this run's own thread is running.

        Warns
        -----
        UserWarning
            If the learning rate is another one than this run's.
        """
        if self.state == "running":
            raise RuntimeError("the run is stepping in its own thread: call pause() first")
        state = read_checkpoint(path, self._same, self._response.source.device)
        here = self.lr
        self.load_state_dict(state)
        if self.lr != here:
            warnings.warn(
                f"the checkpoint goes on with lr = {self.lr:g}, this run was made with {here:g}: set lr after loading "
                "to change it",
                UserWarning,
                stacklevel=2,
            )

    def state_dict(self) -> dict[str, Any]:
        """Return all that a run made in the same way needs to go on from here: plain values and tensors."""
        with self._stepping:
            return {"seconds": self.seconds, "descent": self._descent.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """
        Go on from a state.

        Parameters
        ----------
        state : dict
            What :meth:`state_dict` gave, of a run made in the same way.
        """
        with self._stepping:
            self._descent.load_state_dict(state["descent"])
            self.seconds = float(state["seconds"])
            self.reason, self.message, self.stopping, self.error = "", "", False, None
            self._snapshots.take()
