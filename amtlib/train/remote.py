"""Training whose steps a pool does, in another process or on a cluster: its numbers go there, its changes come back.

Not here: the steps (:mod:`amtlib.train.descent`), the thread that pauses and ends them
(:mod:`amtlib.train.player`), the pool (:mod:`amtlib.jobs`).
"""

import math
import threading
import time
import uuid
import warnings
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from amtlib.fdn.build import FDNBuild
from amtlib.jobs import Cancelled, Context, Job, Pool, QueueFull
from amtlib.results import Result
from amtlib.train.build import Trainable, trainable_from_build
from amtlib.train.descent import Interrupted
from amtlib.train.player import Playable, Updates
from amtlib.train.record import Update
from amtlib.train.run import TrainingRun

_WARNING = threading.Lock()
#: Seconds of steps after which a training goes to the end of the queue, so that all that wait have their turn.
SLICE = 10.0
#: How often the changes come back, s.
SEND_EVERY = 0.15
#: How often the run that follows looks for them, s.
LOOK_EVERY = 0.02
#: Seconds that a slice may take beyond the time that its run has left, by the clock on the wall: steps that do not end
#: do not count as time.
OVERTIME = 60.0


@dataclass(frozen=True, eq=False, repr=False)
class TrainingPlan(Result):
    """
    All that a run is made of, in a form that can be sent to another process.

    Parameters
    ----------
    build : FDNBuild
        The network at the start.
    mode : str, optional
        As for :class:`TrainingRun`.
    trainable : Trainable
        What is trained.
    nfft : int
        FFT length in samples.
    alias_decay_db : float, optional
        As for :func:`trainable_from_build`.
    settings : dict
        Further keywords of :class:`TrainingRun`, none of them a callback.

    Raises
    ------
    ValueError
        If there is a callback, which would be called in another process.

    See Also
    --------
    RemoteSteps : does what is planned in a pool.

    Examples
    --------
    >>> from amtlib.fdn import design_fdn
    >>> plan = TrainingPlan(design_fdn(N=4, rt=0.2, rng=7), "colorless", nfft=2**10, settings={"max_steps": 2})
    >>> [step.index for step in plan.run()]
    [0, 1]
    """

    build: FDNBuild
    mode: str | None = None
    trainable: Trainable = field(default_factory=Trainable)
    nfft: int = 16384
    alias_decay_db: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    name: str = field(default_factory=lambda: uuid.uuid4().hex, init=False)

    def __post_init__(self) -> None:
        if self.settings.get("callback") is not None:
            raise ValueError("callback cannot be sent to another process: look at the run's steps instead")

    def run(self) -> TrainingRun:
        """Return a run as planned, before its first step."""
        model = trainable_from_build(
            self.build, trainable=self.trainable, nfft=self.nfft, alias_decay_db=self.alias_decay_db
        )
        return TrainingRun(model, self.mode, **self.settings)

    def run_and_warnings(self) -> tuple[TrainingRun, list[Warning]]:
        """
        Return a run as planned, and what making it warned of, which do not go through `warnings`.

        Returns
        -------
        run : TrainingRun
        warnings : list of UserWarning
            Such as that the target was cut (``TargetCut``).
        """
        me = threading.get_ident()
        caught: list[Warning] = []
        # Threads share what shows warnings, hence the lock, and the look at whose warning it is.
        with _WARNING, warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            passed_on = warnings.showwarning

            def show(message: Any, category: type[Warning], *where: Any) -> None:
                if threading.get_ident() == me and issubclass(category, UserWarning):
                    caught.append(message)
                else:
                    passed_on(message, category, *where)

            warnings.showwarning = show  # type: ignore[assignment]
            return self.run(), caught


class RemoteSteps:
    """
    The steps of one run, done by a pool; for :meth:`TrainingRun.start`.

    The run here gets the numbers of those steps, the same as if it had made them itself, some six times a second. It
    can be watched, paused, changed, saved and ended as ever.

    Parameters
    ----------
    plan : TrainingPlan
        What the run was made by.
    pool : amtlib.jobs.Pool
        Of any kind.
    owner : hashable
        Whose it is: in the pool, owners take turns.
    slice_s : float
        Seconds after which it goes to the end of the queue. It goes on at once where nobody waits.
    every : int, optional
        Most steps between two looks at its numbers, for who wants to watch each few of a fast run.

    See Also
    --------
    TrainingRun.start : takes it.

    Notes
    -----
    Work of the last moments before a pause is done again when the run goes on, to the same result. If a worker dies, or
    a cluster is lost, another one goes on from there, and `run.notices` says so; one that dies before it has done
    anything is tried as often as the pool's `retries` say. A worker process that freezes is noticed within 20 s. Where
    a run has a time budget, a step that does not end is given up a minute after it, with reason 'time_budget'.

    Examples
    --------
    >>> from amtlib.fdn import design_fdn
    >>> from amtlib.jobs import open_pool
    >>> plan = TrainingPlan(design_fdn(N=4, rt=0.2, rng=7), "colorless", nfft=2**10, settings={"max_steps": 20})
    >>> here, there = plan.run(), plan.run()
    >>> with open_pool(workers=1, kind="thread") as pool:
    ...     there.start(by=RemoteSteps(plan, pool))
    ...     there.join(60)
    True
    >>> len(list(here)), here.log == there.log
    (20, True)
    """

    def __init__(
        self,
        plan: TrainingPlan,
        pool: Pool,
        owner: Hashable = None,
        slice_s: float = SLICE,
        every: int | None = None,
    ) -> None:
        self.plan, self.pool, self.owner, self.slice_s, self.every = plan, pool, owner, slice_s, every
        self._job: Job[Update] | None = None

    @property
    def position(self) -> int:
        """Place in the pool's queue, 1 if it is next; 0 if it is being worked at, or nothing is asked for."""
        job = self._job
        return 0 if job is None else job.position

    def follow(self, run: Playable, steps: int | None) -> Updates:
        """
        Let steps be done, slice by slice, and yield what they have changed.

        Parameters
        ----------
        run : TrainingRun
            Takes in what is yielded; here it is only read.
        steps : int or None
            How many at most.

        Yields
        ------
        Update or None
            None after a moment in which nothing came.

        Raises
        ------
        Exception
            What the steps raised in their process; :class:`amtlib.jobs.WorkerDied` if it is gone for good.
        """
        end = None if steps is None else run.steps_run + steps
        while end is None or run.steps_run < end:
            try:
                job = self._job = self._submit(run, end)
            except QueueFull:  # as when a run that was given up a moment ago has not left the queue yet
                time.sleep(LOOK_EVERY)
                yield None
                continue
            try:
                yield from self._slice(run, job)
            finally:
                self._job = None
                job.cancel()

    def _slice(self, run: Playable, job: "Job[Update]") -> Updates:
        """Yield what one job sends, until it has ended or another one must go on."""
        asked, since, first = (run.lr, run.max_steps), time.monotonic(), run.steps_run
        setback, ended = "", False
        while not ended:
            if job.setback != setback:
                setback = job.setback
                text = f"{setback}; another one goes on from step {run.steps_run}"
                yield Update(run.steps_run, {}, run.seconds, 0.0, setback=text)
            # Asked first: what is sent before the end must be taken before the end is.
            ended = job.wait(LOOK_EVERY)
            yield from self._sent(run, job)
            yield None
            changed = (run.lr, run.max_steps) != asked and time.monotonic() - since > SEND_EVERY
            # A worker that stands in for a lost one would do all of the slice again.
            if not ended and (changed or (job.attempts > 1 and run.steps_run > first)):
                job.cancel()
                yield from self._sent(run, job)
                return
        if job.state == "over_budget":
            text = f"a step had not ended {OVERTIME:g} s after the time of the training, and was given up"
            yield Update(run.steps_run, {}, run.seconds, 0.0, "time_budget", text)
        elif job.state != "cancelled":  # as when the pool's owner has left
            last = job.result()
            if last.steps > run.steps_run or last.reason:
                yield last

    def _sent(self, run: Playable, job: "Job[Update]") -> Iterator[Update]:
        for update in job.items():
            if update.steps > run.steps_run:  # not what a second worker does again
                yield update

    def _submit(self, run: Playable, end: int | None) -> "Job[Update]":
        left = max(min(run.max_steps, math.inf if end is None else end) - run.steps_run, 0)
        seconds, budget = self.slice_s, None
        if run.time_budget is not None:
            left_s = max(run.time_budget - run.seconds, 0.0)
            seconds, budget = min(seconds, left_s), left_s + OVERTIME
        order = Order(int(left), seconds, run.lr, run.max_steps, self.every)
        return self.pool.submit(do_steps, self.plan, run.state_dict(), order, owner=self.owner, budget=budget)


@dataclass(frozen=True)
class Order:
    """What is asked for: at most so many steps in so many seconds, with this learning rate, of so many in all; changes
    come back after `every` steps at the latest.
    """

    steps: int
    seconds: float
    lr: float
    max_steps: int
    every: int | None = None


#: The run that this process stepped last: the next slice is most often one of the same.
_KEPT: dict[str, TrainingRun] = {}


def do_steps(context: Context, plan: TrainingPlan, state: dict[str, Any], order: Order) -> Update:
    """
    Do steps of a run, in the process of a pool's worker; the function of a job.

    Parameters
    ----------
    context : Context
        Gets an :class:`Update` now and then, of the steps since the last one.
    plan : TrainingPlan
        What to make the run by, if this process has not got it still.
    state : dict
        Where it stands.
    order : Order
        What to do.

    Returns
    -------
    Update
        Of the last steps.

    Raises
    ------
    Cancelled
        If it should stop.
    """
    # Taken out: threads of one process may have the same plan.
    run = _KEPT.pop(plan.name, None) or plan.run_and_warnings()[0]
    run.load_state_dict(state)
    run.lr, run.max_steps = order.lr, order.max_steps
    reason, done, since = "", 0, run.steps_run
    began = sent = time.monotonic()
    try:
        while done < order.steps and not reason and time.monotonic() - began < order.seconds:
            context.check()
            reason = run.step_for(lambda: context.cancelled)
            done += 1
            is_due = time.monotonic() - sent >= SEND_EVERY or run.steps_run - since == order.every
            if is_due and not reason:
                context.send(run.update(since, ""))
                sent, since = time.monotonic(), run.steps_run
    except Interrupted:
        raise Cancelled("the job was cancelled") from None
    finally:
        _KEPT.clear()
        _KEPT[plan.name] = run
    return run.update(since, reason)
