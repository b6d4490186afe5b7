"""Measure the listening test: a class that takes it at once, and how near the thresholds of runs come to the truth.

Run: python benchmarks/listen.py [class] [send] [runs] [lessons] [--students 60] [--seconds 30] [--processes 2]
    [--url URL]

class   so many students are in runs at once, each for so many seconds: one asks for a trial's sound, hears it
        (waits as long as it lasts), takes 0.8 s to answer, and is told for 0.6 s whether that was right. The
        sound of the next trial is due when that is over. Prints how many were late (target: at most 1 %), and how long
        they took.
send    100 students send their thresholds to one room within 10 s, each of them twice: what the room holds afterwards.
runs    200 runs by listeners with a known psychometric function: bias and spread of their thresholds, and how often the
        95 % interval of the fit holds the truth.
lessons the thresholds of the model in all parts of the lessons, and which choice of each prediction they make right.
Students share the machine with the server, so figures of the class are pessimistic.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # as a script it stands in its own folder

import numpy as np
from tornado.httpclient import AsyncHTTPClient

from amtlib.experiments import PsychometricFunction, Run, SimulatedObserver
from amtlib.jobs import Context
from app.listen.conclusion import Found, changed, choice_of
from app.listen.condition import condition_of
from app.listen.lessons import lessons
from app.listen.model import own_run
from app.listen.report import Finding, number
from benchmarks.server import row, served, share_at

LINK = "experiment=intensity_discrimination"
#: The shortest run: its answers are guesses.
BRIEF = f"{LINK}&x.duration=0.1&x.pause=0&p.most=10"
#: How long a student takes to answer, and how long a right answer is told, s.
ANSWER_S, TOLD_S = 0.8, 0.6
STUDENTS, SENDERS, WITHIN_S = 60, 100, 10.0
RUNS = 200


class Student:
    """Asks as the page's script does."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = AsyncHTTPClient(force_instance=True)

    async def post(self, where: str, message: dict[str, Any]) -> bytes:
        answer = await self._client.fetch(
            f"{self._url}/listen/{where}",
            method="POST",
            headers={"Content-Type": "application/json"},
            body=json.dumps(message),
            request_timeout=60,
        )
        return answer.body

    async def ask(self, **message: Any) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(await self.post("ask", message))
        if "problem" in found:
            raise RuntimeError(found["problem"])
        return found


async def one_run(student: Student, seconds: float, late: list[float]) -> None:
    """Take a run for some seconds; note how late each sound came, less than 0 for early ones, s."""
    await asyncio.sleep(random.uniform(0.0, 3.0))
    state = await student.ask(type="begin", link=LINK)
    ends, due = time.monotonic() + seconds, None
    while time.monotonic() < ends and not state["finished"]:
        sound = await student.post("sound", {"run": state["run"], "number": state["number"]})
        if due is not None:
            late.append(time.monotonic() - due)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        samples = (len(sound) - 260) / 2
        await asyncio.sleep(samples / 22050.0 + ANSWER_S)
        due = time.monotonic() + TOLD_S
        message = {
            "run": state["run"],
            "number": state["number"],
            "answer": random.randrange(3),
            "after": ANSWER_S,
        }
        state = (await student.ask(type="answer", **message))["state"]


async def a_class(url: str, students: int, seconds: float) -> bool:
    late: list[float] = []
    await asyncio.gather(*(one_run(Student(url), seconds, late) for _ in range(students)))
    print(f"{students} students take the listening test at once; load average {os.getloadavg()[0]:.1f}")
    waited = [1000 * (TOLD_S + each) for each in late]
    row("sounds", len(late), "")
    good = row(
        "  later than they were due", 100 * sum(each > 0.0 for each in late) / max(len(late), 1), "%", 1.0
    )
    for share in (0.5, 0.95, 0.99):
        row(f"answer to sound, p{100 * share:.0f}", share_at(waited, share), "ms")
    row("  due after", 1000 * TOLD_S, "ms")
    return good


async def sending(url: str) -> bool:
    teacher = Student(url)
    room = (await teacher.ask(type="open-room", links=[BRIEF]))["room"]
    runs = []
    for _ in range(SENDERS):
        state = await teacher.ask(type="begin", link=BRIEF, room=room)
        while not state["finished"]:
            await teacher.post("sound", {"run": state["run"], "number": state["number"]})
            message = {
                "run": state["run"],
                "number": state["number"],
                "answer": random.randrange(3),
                "after": 0.5,
            }
            state = (await teacher.ask(type="answer", **message))["state"]
        runs.append(state["run"])

    async def send(run: str) -> float:
        await asyncio.sleep(random.uniform(0.0, WITHIN_S))
        began = time.monotonic()
        await Student(url).ask(type="send", run=run)
        await Student(url).ask(type="send", run=run)
        return time.monotonic() - began

    took = await asyncio.gather(*(send(run) for run in runs))
    held = (await teacher.ask(type="room", room=room))["count"]
    print(
        f"{SENDERS} students send within {WITHIN_S:g} s, twice each: the room holds {held}; "
        f"both answered after p50 {1000 * np.median(took):.0f}, most {1000 * max(took):.0f} ms"
    )
    return bool(held == SENDERS)


def simulated() -> bool:
    condition = condition_of(LINK)
    hearing = PsychometricFunction(1.2, 1.2, guess=1 / 3, scale="log")
    truth = hearing.value_at(condition.procedure.probability)
    ratios, inside, trials = [], 0, []
    for seed in range(RUNS):
        run = condition.run(seed).proceed(SimulatedObserver(hearing, seed=seed))
        fit = run.fit()
        assert run.threshold is not None
        ratios.append(np.log(run.threshold / truth))
        inside += fit.low <= truth <= fit.high
        trials.append(len(run.trials))
    bias, spread = np.exp(np.mean(ratios)), np.exp(np.std(ratios, ddof=1))
    print(
        f"{RUNS} runs of a listener with a threshold of {truth:.3g} dB, {np.mean(trials):.0f} trials each: mean of the "
        f"estimates {bias:.3f} times the truth, spread a factor of {spread:.2f}; the 95 % interval of the fit holds "
        f"the truth in {100 * inside / RUNS:.0f} %"
    )
    return bool(0.85 < bias < 1.15 and inside >= 0.9 * RUNS)


def model_in_lessons() -> bool:
    good, context = True, Context(threading.Event(), print)
    for lesson in lessons().values():
        for ear in lesson.ears:
            runs = [json.loads(own_run(context, part.condition, ear))["run"] for part in lesson.parts]
            found = [Found.of(Finding.of(Run.from_json(json.dumps(run)))) for run in runs]
            change = changed(lesson, found)
            values = ", ".join("none" if each is None else number(each.threshold) for each in found)
            fits = "none" if change is None else lesson.choices[choice_of(lesson, change)].says
            people = lesson.choices[lesson.people].says
            print(f"{lesson.slug}, {ear}: {values} {lesson.unit}; “{fits}”; people: “{people}”")
            good &= change is not None
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the listening test.")
    parser.add_argument(
        "what",
        nargs="*",
        default=["class", "send", "runs", "lessons"],
        help="class, send, runs, lessons; default: all",
    )
    parser.add_argument("--students", type=int, default=STUDENTS)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--url", help="a server that runs, instead of one of this checkout")
    arguments = parser.parse_args()
    good = [simulated()] if "runs" in arguments.what else []
    if "lessons" in arguments.what:
        good.append(model_in_lessons())
    if {"class", "send"} & set(arguments.what):
        with served(arguments.url, arguments.processes) as server:
            if "class" in arguments.what:
                good.append(asyncio.run(a_class(server.url, arguments.students, arguments.seconds)))
            if "send" in arguments.what:
                good.append(asyncio.run(sending(server.url)))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
