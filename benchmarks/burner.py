"""One student keeps asking for the dearest picture while 29 others work: who waits, and for how long.

Run: python benchmarks/load.py burner [--processes 2] [--seconds 30]. Each kind of request is asked for as often as its
answer comes, for a third of --seconds; the burner lives in a process of its own, so that reading its large answers
holds up none of the others' clocks. Printed by kind: page ready and slider to update of the others, and how long the
burner waited for each picture of its own. "Dearest" is read off the bounds of the labs' own settings.
"""

import asyncio
import itertools
import multiprocessing
import os
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode

from app.lab import LabModel
from app.labs.cochlea.model import CochleaModel
from app.labs.fdn.model import FdnModel
from app.labs.filterbank.model import FilterbankModel
from app.labs.loudness.model import LoudnessModel
from app.labs.perception.model import PerceptionLabModel
from benchmarks.browser import Browser, Session
from benchmarks.classroom import COLUMNS, PATIENCE_S, TARGET_P95, TARGET_WORST, class_at_work, others
from benchmarks.server import Server, share_at

STUDENTS = 29
_MODELS: dict[str, Callable[[], LabModel]] = {
    "cochlea": CochleaModel,
    "loudness": LoudnessModel,
    "filterbank": FilterbankModel,
    "fdn": FdnModel,
    "perception": PerceptionLabModel,
}
#: Settings at their upper (+) or lower (-) bound, or at one value: together the longest computation of each lab.
_DEAREST: dict[str, dict[str, str]] = {
    "cochlea": {"s.kind": "white", "s.duration": "+", "t.experiment": "cochleagram", "t.channels": "+"},
    # rippled noise: the lab computes sounds that change from one ms to the next at every step
    "loudness": {"s.kind": "ripple", "s.duration": "+", "p.step": "-", "m.ild": "3", "v.view": "binaural"},
    "filterbank": {
        "s.kind": "white",
        "s.duration": "+",
        "f.low": "-",
        "f.high": "+",
        "f.channels": "+",
        "f.order": "+",
        "f.fs": "+",
    },
    "fdn": {
        "n.lines": "+",
        "n.rt": "+",
        "n.rt_high": "+",
        "n.fs": "+",
        "t.goal": "match_cochleagram",
        "t.target": "church",
        "t.nfft": "+",
    },
    # two sounds: all stages twice, and once more for what the observer expects
    "perception": {"s.kind": "white", "s.duration": "+", "m.channels": "+", "f.q": "+", "c.kind": "am"},
}


@cache
def dearest(slug: str) -> dict[str, Any]:
    """Return the settings of a lab that take the longest, by key."""
    fields = _MODELS[slug]().fields
    found: dict[str, Any] = {}
    for key, wanted in _DEAREST[slug].items():
        choice = getattr(fields[key].parameter, "bounds", None) or fields[key].parameter.objects
        found[key] = {"+": max, "-": min}[wanted](choice) if wanted in "+-" else wanted
    return found


def link(slug: str, i: int, pinned: bool = False) -> str:
    """Return a link to the dearest settings that no earlier request has made the server compute."""
    return f"?{urlencode(_state(slug, i) | ({'a': urlencode(_state(slug, i + 5_000))} if pinned else {}))}"


def _state(slug: str, i: int) -> dict[str, Any]:
    fresh = {("n.seed" if slug == "fdn" else "s.seed"): i % 10_000}
    if slug == "loudness":  # what it keeps between sounds depends on the ear's windows
        fresh["p.edge1"] = 50 + i % 200
    return dearest(slug) | fresh


@dataclass(frozen=True)
class Kind:
    """One dear request: a link that is opened each time, or what is asked for on a page that is open."""

    name: str
    slug: str
    pinned: bool = False
    ask: Callable[[Session, int], Awaitable[object]] | None = None


def _moves(key: str, values: tuple[Any, ...]) -> Callable[[Session, int], Awaitable[object]]:
    return lambda session, i: session.set(**{key: values[i % len(values)]})


def _says(until: str, **message: Any) -> Callable[[Session, int], Awaitable[object]]:
    async def ask(session: Session, _i: int) -> None:
        session.say(**message)
        content = await session._until(until)
        if '["type","failed"]' in content:
            raise RuntimeError(content[:300])

    return ask


async def _pins(session: Session, i: int) -> None:
    """Pin a sound that was not pinned before: another seed first, as a student who compares would."""
    session.say(type="unpin")
    await session.set(**{"s.seed": i % 10_000})
    await _says('["pinned",true]', type="pin")(session, i)


KINDS = [
    Kind("cochlea link", "cochlea"),
    Kind("cochlea link with A and B", "cochlea", pinned=True),
    Kind(
        "cochlea slider", "cochlea", pinned=True, ask=_moves("e.a_db", tuple(x / 2 for x in range(-40, 20)))
    ),
    Kind("cochlea slider and Pin", "cochlea", ask=_pins),
    Kind("cochlea Swap", "cochlea", pinned=True, ask=_says('["values"', type="swap")),
    Kind("cochlea Listen, all places", "cochlea", ask=_says('["type","sound"]', type="sound", key="all")),
    Kind("cochlea NPZ", "cochlea", ask=_says('["type","file"]', type="export", key="npz")),
    Kind("loudness link", "loudness"),
    Kind("loudness link with A and B", "loudness", pinned=True),
    Kind("loudness slider", "loudness", pinned=True, ask=_moves("p.edge1", tuple(range(41, 250)))),
    Kind("loudness NPZ", "loudness", ask=_says('["type","file"]', type="export", key="npz")),
    Kind("filterbank link", "filterbank"),
    Kind("filterbank slider", "filterbank", ask=_moves("f.bandwidth", tuple(x / 20 for x in range(10, 60)))),
    Kind("filterbank Listen, sum", "filterbank", ask=_says('["type","sound"]', type="sound", key="sum")),
    Kind("filterbank NPZ", "filterbank", ask=_says('["type","file"]', type="export", key="npz")),
    Kind("filterbank WAV", "filterbank", ask=_says('["type","file"]', type="export", key="wav")),
    Kind("perception link", "perception"),
    Kind("perception slider", "perception", ask=_moves("h.cutoff", tuple(x / 100 for x in range(10, 400)))),
    Kind("perception NPZ", "perception", ask=_says('["type","file"]', type="export", key="npz")),
    Kind("fdn link", "fdn"),
    Kind("fdn rate", "fdn", ask=_moves("n.fs", (44100, 48000, 32000))),
    Kind("fdn room", "fdn", ask=_moves("t.target", ("bathroom", "lecture_hall", "church"))),
    Kind("fdn WAV", "fdn", ask=_says('["type","file"]', type="export", key="wav")),
]


async def _burn(url: str, number: int, seconds: float) -> tuple[list[float], str]:
    kind, problem = KINDS[number], ""
    waits: list[float] = []

    async def opened(i: int) -> Session:
        session = Session(Browser(url), kind.slug, True)
        await session.open(link(kind.slug, i, kind.pinned))
        await _says('["values"', type="hello")(session, i)
        return session

    session: Session | None = None
    try:
        if kind.ask is not None:
            session = await asyncio.wait_for(opened(100 * number), PATIENCE_S)
        until = time.monotonic() + seconds
        for i in itertools.count(100 * number + 1):
            if waits and time.monotonic() > until:
                break
            began = time.monotonic()
            if kind.ask is None:
                if session is not None:
                    await session.leave()
                session = await asyncio.wait_for(opened(i), PATIENCE_S)
            elif session is not None:
                await asyncio.wait_for(kind.ask(session, i), PATIENCE_S)
            waits.append(1000 * (time.monotonic() - began))
    except Exception as refused:  # a server may refuse: that is a result
        problem = f"{type(refused).__name__}: {refused}"
    finally:
        if session is not None:
            session.close()
            await session.browser.close()
    return waits, problem


def burn(url: str, number: int, seconds: float) -> tuple[list[float], str]:
    """Ask for one kind of the dearest for some seconds; return each wait in ms, and what ended it early."""
    return asyncio.run(_burn(url, number, seconds))


async def measure(server: Server, seconds: float, labs: list[str], seed: int, of: list[str]) -> bool:
    """Let the burner go through all kinds of some labs beside a class, and print a row for each."""
    numbers = [number for number, kind in enumerate(KINDS) if kind.slug in of]
    print(
        f"one student of {STUDENTS + 1} asks for the dearest; load average {os.getloadavg()[0]:.1f}; targets of the "
        f"others' slider to update: p95 {TARGET_P95:g} ms, max {TARGET_WORST:g} ms"
    )
    print(f"  {'':34} {'slider to update, ms':>23} |{'page ready, ms':>23} |{'its own wait, ms':>29}")
    print(f"  {'':34} {COLUMNS} |{COLUMNS} |{'p50':>17} {'max':>7}   n", flush=True)
    good, loop = True, asyncio.get_running_loop()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as burner:
        await loop.run_in_executor(burner, dearest, "cochlea")  # imported before the class comes
        async with class_at_work(server.url, STUDENTS, labs, seed) as seen:
            rest = time.monotonic()
            await asyncio.sleep(seconds / 3)
            rows: list[tuple[str, float, float, list[float], str]] = [
                ("(nobody)", rest, time.monotonic(), [], "")
            ]
            for number in (-1, *numbers):
                if number >= 0:
                    began = time.monotonic()
                    waits, problem = await loop.run_in_executor(burner, burn, server.url, number, seconds / 3)
                    rows.append((KINDS[number].name, began, time.monotonic(), waits, problem))
                name, began, ended, waits, problem = rows[-1]
                await seen.answered(ended)
                figures, met = others(seen, began, ended)
                own = f"{share_at(waits, 0.5):17.0f} {max(waits, default=float('nan')):7.0f} {len(waits):3}"
                print(f"  {name:34} {figures} |{own}  {'ok' if met else 'OVER'}  {problem}", flush=True)
                good &= met
                await asyncio.sleep(1.0)
            for text in sorted(set(seen.errors))[:5]:
                print(f"  {seen.errors.count(text)} x {text}")
            good &= not seen.errors
    print(f"  load average {os.getloadavg()[0]:.1f}")
    return good
