"""Jobs for the tests of `amtlib.jobs`: in a module, so that processes and clusters find them."""

import importlib
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import torch

from amtlib.jobs import Context

#: Opens a gate for the jobs that wait at it, in this process.
GATES: dict[str, threading.Event] = {}


def add(context: Context, a: float, b: float) -> float:
    context.progress(0.5, "adding")
    return a + b


def noise(context: Context, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2000, generator=generator)
    return torch.fft.rfft(x).abs().cumsum(0)


def count(context: Context, steps: int, seconds: float = 0.0) -> int:
    for step in range(steps):
        context.progress(step / steps, f"step {step}")
        context.send(step)
        time.sleep(seconds)
    return steps


def length(context: Context, data: bytes) -> int:
    return len(data)


def fail(context: Context, text: str) -> None:
    raise ValueError(text)


class Picky(Exception):
    """An exception that pickles and cannot be read again."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__(f"{a} is not {b}")


def fail_oddly(context: Context) -> None:
    raise Picky(1, 2)


def give_a_lock(context: Context) -> Any:
    return threading.Lock()


def leave(context: Context) -> None:
    raise SystemExit(3)


def threads(context: Context) -> tuple[int, str, int]:
    return torch.get_num_threads(), os.environ.get("OPENBLAS_NUM_THREADS", ""), os.getpid()


def wait_at(context: Context, gate: str) -> str:
    while not GATES[gate].wait(0.01):
        context.check()
    return gate


def obey(context: Context) -> None:
    context.send("begun")
    while True:
        context.check()
        time.sleep(0.005)


def ignore(context: Context, seconds: float) -> None:
    context.send("begun")
    time.sleep(seconds)


def die_whatever(context: Context, *_arguments: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die(context: Context, times: int, notes: str) -> int:
    """Kill the own process, for the first so many attempts; each leaves a line in a file."""
    path = Path(notes)
    with path.open("a") as file:
        file.write(f"{os.getpid()}\n")
    context.progress(0.3)
    if len(path.read_text().splitlines()) <= times:
        time.sleep(0.1)  # so that what it told has left
        os.kill(os.getpid(), signal.SIGKILL)
    return times


def freeze(context: Context, times: int, notes: str) -> int:
    """Suspend the own process, for the first so many attempts; each leaves a line in a file."""
    path = Path(notes)
    with path.open("a") as file:
        file.write(f"{os.getpid()}\n")
    if len(path.read_text().splitlines()) <= times:
        time.sleep(1.0)  # until the message that the job has begun has left the process
        os.kill(os.getpid(), signal.SIGSTOP)
    return times


def niceness(context: Context) -> int:
    """Return the niceness of the process."""
    return os.nice(0)


def begun_on_worker() -> list[str]:
    """Return the names of the jobs that a worker of a cluster is at."""
    return list(importlib.import_module("amtlib.jobs.cluster")._STOPS)
