"""The model as a listener: its own run of a condition, and what it makes of the trials of a person.

Both take seconds, so they are done in the pool for short work (`app/pool.py`), and kept for all who ask again: a class
that takes one test lets the model take it once.
"""

import json
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

from amtlib import Paulick2024
from amtlib.experiments import ModelObserver, Run, Trial
from amtlib.experiments.observers import drawn_answer
from amtlib.jobs import Cancelled, Context, Job, JobError, OverBudget, QueueFull, WorkerDied
from app.listen.condition import FS, Condition
from app.listen.store import Store
from app.pool import SHORT_WORK

#: Ears that the model can have, as its class names them, and what a page calls them.
EARS = {"NH": "the model", "HIx": "the model without outer hair cells"}
#: What one run may take, s: some 3 to 15 s of a core that nobody else uses.
BUDGET_S = 240.0
#: For how long nobody else begins what somebody has begun, s: then its process must have ended.
CLAIMED_S = 2.0 * BUDGET_S
#: Seed of the model's own runs: equal conditions give equal ones.
_SEED = 1


@cache
def _listener(ear: str) -> ModelObserver:
    return ModelObserver(Paulick2024(FS, subject=ear), seed=_SEED)


def _heard(listener: ModelObserver, trial: Trial) -> dict[str, Any]:
    decision = listener.decide(trial)
    chosen = drawn_answer(trial, decision.probability, listener.seed)
    return {
        "value": trial.value,
        "target": trial.target,
        "answer": chosen,
        "right": chosen == trial.target,
        "catch": trial.catch,
        "difference": round(decision.variable, 6),
        "probability": round(decision.probability, 6),
    }


def own_run(context: Context, condition: Condition, ear: str) -> str:
    """Return the model's own run of a condition, as JSON: what it heard in each trial, and the run itself."""
    listener, run = _listener(ear), condition.run(_SEED)
    heard = []
    while (trial := run.trial) is not None:
        context.check()
        heard.append(_heard(listener, trial))
        run.answer(heard[-1]["answer"])
    run.observer = repr(listener)
    return json.dumps({"trials": heard, "run": json.loads(run.to_json())})


def same_trials(context: Context, text: str, ear: str) -> str:
    """Return what the model makes of each trial of a finished run: of the sounds that a person heard."""
    done, listener = Run.from_json(text), _listener(ear)
    heard = []
    for k in range(len(done.trials)):
        context.check()
        heard.append(_heard(listener, done.presented(k)))
    return json.dumps({"trials": heard})


class Models:
    """
    The model's work for a server's pages.

    Parameters
    ----------
    store : Store
        Keeps it, for all processes.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._failed: dict[str, str] = {}
        self._lock = threading.Lock()

    def own(self, condition: Condition, ear: str) -> dict[str, Any]:
        """Return the model's own run of a condition once it is there; until then, that it waits."""
        plain = Condition(condition.experiment, condition.procedure, catch=condition.catch)
        return self._work(f"own {ear} {plain.link()}", own_run, plain, ear)

    def same(self, run: str, text: str, ear: str) -> dict[str, Any]:
        """Return the same of a person's trials, where `text` is their run as JSON."""
        return self._work(f"same {ear} {run}", same_trials, text, ear)

    def _work(self, key: str, function: Callable[..., str], *arguments: Any) -> dict[str, Any]:
        kept = self._store.model(key)
        if kept is not None:
            found: dict[str, Any] = json.loads(kept)
            return found
        with self._lock:
            problem = self._failed.pop(key, None)
        if problem is not None:
            return {"problem": problem}
        if self._store.claim(key, CLAIMED_S):  # nobody does it yet, in none of the processes
            try:
                job = SHORT_WORK.open().submit(function, *arguments, owner=key, budget=BUDGET_S)
            except QueueFull:
                self._store.give_back(key)
            else:
                job.add_done_callback(lambda job: self._done(key, job))
        return {"waiting": True}

    def _done(self, key: str, job: Job[str]) -> None:
        """Keep what a job has come to."""
        try:
            text = job.result(0)
        except ValueError:  # its template would be empty, each time again
            text = json.dumps(
                {"problem": "The model cannot take this test: not even a clear target reaches it."}
            )
        except (JobError, OverBudget, WorkerDied, Cancelled):
            with self._lock:
                self._failed[key] = (
                    "The model was not done in time: the server is busy. Ask again in a minute."
                )
            self._store.give_back(key)
            return
        self._store.keep_model(key, text)
