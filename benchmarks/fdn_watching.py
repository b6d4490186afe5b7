"""What watching costs a training: the FDN lab's default run, in a thread that nobody watches and as a class trains it.

Run: python benchmarks/fdn_watching.py [--steps 300] [--rounds 3]. As a class trains it: in a worker process, its page
looking at it. Alternates both and prints the ratio of the median times from the first step to the last (target: at
most 1.10), how often the page was drawn a second (target: 5 to 10), and what the page's process spent meanwhile.
"""

import argparse
import asyncio
import os
import statistics
import time

import torch

from app.labs.fdn.view import FdnLab
from app.page.part import LabPart
from app.pool import TRAININGS


async def trained(steps: int, watched: bool) -> tuple[float, float, float]:
    """Return seconds a step, drawings a second and the share of this process's time of one run."""
    sent = 0

    def send(self: LabPart, message: object) -> None:
        nonlocal sent
        sent += 1

    LabPart.send = send  # type: ignore[method-assign]
    page = FdnLab(link=f"t.steps={steps}&t.patience=2000")
    await asyncio.sleep(4)  # what the page looks for at the start is found
    if watched:
        page.act("play")
        while page.lab.run is None:
            await asyncio.sleep(0.01)
    else:
        page.lab.prepare()
        assert page.lab.run is not None
        page.lab.run.start()
    run = page.lab.run
    while not run.steps_run:
        await asyncio.sleep(0.001)
    sent, began, busy, since = 0, time.perf_counter(), time.process_time(), run.steps_run
    while not run.reason:
        await asyncio.sleep(0.005)
    spent, busy = time.perf_counter() - began, time.process_time() - busy
    assert watched == (page.trainer.steps is not None)
    page.close()
    return spent / (steps - since), sent / spent, busy / spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    os.environ |= {"AMTLAB_PROCESSES": "1", "AMTLAB_TRAININGS": "1"}
    TRAININGS.open().warm()
    rows: dict[bool, list[tuple[float, float, float]]] = {False: [], True: []}
    for _ in range(arguments.rounds):
        for watched in (False, True):
            rows[watched].append(asyncio.run(trained(arguments.steps, watched)))
    TRAININGS.close()
    (alone, _, _), (seconds, rate, busy) = (
        [statistics.median(column) for column in zip(*rows[watched], strict=True)]
        for watched in (False, True)
    )
    print(f"alone    {1000 * alone:6.2f} ms a step")
    print(f"watched  {1000 * seconds:6.2f} ms a step, {seconds / alone:.2f} of it (target 1.10)")
    print(f"drawn    {rate:6.1f} times a second (target 5 to 10)")
    print(f"page     {100 * busy:6.1f} % of a core meanwhile")


if __name__ == "__main__":
    main()
