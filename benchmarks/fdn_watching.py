"""What watching costs a training: steps of the FDN lab's default run, alone and with its page looking at it.

Run: python benchmarks/fdn_watching.py [--steps 300] [--rounds 3]. Alternates both in one process and prints the
ratio of the median times (target: at most 1.10) and how often the page was drawn a second (target: 5 to 10).
"""

import argparse
import asyncio
import statistics
import time

import torch

from app.controls import LabPart
from app.labs.fdn.view import FdnLab


async def trained(steps: int, watched: bool) -> tuple[float, float]:
    """Return seconds a step and drawings a second of one run."""
    told = 0

    def tell(self: LabPart, message: object) -> None:
        nonlocal told
        told += 1

    LabPart.tell = tell  # type: ignore[method-assign]
    page = FdnLab(link=f"t.steps={steps}&t.patience=2000")
    page.lab.prepare()
    run = page.lab.run
    assert run is not None
    await asyncio.sleep(4)  # what the page looks for at the start is found
    told, began = 0, time.perf_counter()
    if watched:
        page.act("play")
    else:
        run.start()
    while run.state == "running":
        await asyncio.sleep(0.05)
    spent = time.perf_counter() - began
    drawn = told / spent
    page.close()
    return spent / steps, drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    alone, watched, drawn = [], [], []
    for _ in range(arguments.rounds):
        alone.append(asyncio.run(trained(arguments.steps, watched=False))[0])
        seconds, rate = asyncio.run(trained(arguments.steps, watched=True))
        watched.append(seconds)
        drawn.append(rate)
    a, w = statistics.median(alone), statistics.median(watched)
    print(f"alone    {1000 * a:6.2f} ms a step")
    print(f"watched  {1000 * w:6.2f} ms a step, {w / a:.2f} of it (target 1.10)")
    print(f"drawn    {statistics.median(drawn):6.1f} times a second (target 5 to 10)")


if __name__ == "__main__":
    main()
