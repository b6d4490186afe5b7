"""What strangers do to a server, each bounded in number and time; each returns what the attacker got."""

import asyncio
import base64
import collections
import contextlib
import io
import json
import time
from collections.abc import Awaitable, Callable
from functools import cache, partial
from urllib.parse import urlencode, urlsplit

import numpy as np
import soundfile
from bokeh.util.token import generate_jwt_token

from benchmarks.browser import Browser, Failed, Session

#: No attack lasts longer than this, s.
LONGEST_S = 60.0
#: How long clients that only hold on to the server do so, s.
HOLD_S = 15.0
#: Bytes of a file in one message, as page/js sends them.
PIECE = 512 * 1024
#: Rates and formats of ordinary stereo recordings of 119 s: 21, 34 and 46 MB.
ORDINARY = [(44_100, "PCM_16"), (48_000, "PCM_24"), (48_000, "FLOAT")]

Attack = Callable[[str, str | None], Awaitable[str]]


@cache
def recording(fs: int, seconds: float, channels: int, subtype: str) -> bytes:
    """Return a sound file: FLAC of silence, which is small, or WAV of noise, which is as large as it can be."""
    stored, block = io.BytesIO(), np.zeros((fs, channels), dtype=np.float32)
    if subtype != "FLAC":
        block = np.random.default_rng(0).uniform(-0.5, 0.5, block.shape).astype(np.float32)
    flac = {"format": "FLAC", "subtype": "PCM_16"}
    how = flac if subtype == "FLAC" else {"format": "WAV", "subtype": subtype}
    with soundfile.SoundFile(stored, "w", fs, channels, **how) as file:
        for _ in range(int(seconds)):
            file.write(block)
    return stored.getvalue()


def tally(answers: list[str]) -> str:
    """Return what many attempts ended in, the commonest first."""
    return ", ".join(f"{n} x {text}" for text, n in collections.Counter(answers).most_common(3))


def refusal(problem: BaseException) -> str:
    """Return in a few words how an attempt was turned down."""
    return f"{type(problem).__name__} {problem}".strip()[:100]


async def visit(url: str, source: str | None, slug: str, link: str = "") -> Session:
    """Open a page as any stranger may."""
    session = Session(Browser(url, source), slug, True)
    await session.open(link)
    return session


async def ended(session: Session) -> str:
    """Read for 2 s; return how the server closed a session's websocket, or that it is still open."""
    if session.socket is None:
        return "never open"
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2.0):
            with contextlib.suppress(Failed):
                while True:
                    await session._frame()
            return f"closed, code {session.socket.close_code}, {session.socket.close_reason or 'no reason'}"
    return "still open"


# --- files -------------------------------------------------------------------------------------------------


async def send_file(url: str, source: str | None, content: bytes, name: str) -> str:
    """Upload a file piece by piece, as the page does."""
    session = await visit(url, source, "filterbank")
    try:
        for start in range(0, len(content), PIECE):
            data = base64.b64encode(content[start : start + PIECE]).decode()
            session.say(type="upload", id="attack", name=name, size=len(content), start=start, data=data)
            answer = await session._until('["type","upload-')
            if "upload-failed" in answer:
                return "refused: " + answer.partition('["text","')[2][:90].partition('"')[0]
        return "served"
    except Exception as problem:
        return refusal(problem)
    finally:
        session.close()
        await session.browser.close()


async def flac(url: str, source: str | None, channels: int) -> str:
    content = recording(655_350, 119, channels, "FLAC")
    return f"{len(content) / 1e6:.1f} MB: {await send_file(url, source, content, 'attack.flac')}"


async def six_files(url: str, source: str | None) -> str:
    sent = [send_file(url, source, recording(fs, 119, 2, kind), "attack.wav") for fs, kind in 2 * ORDINARY]
    return tally(await asyncio.gather(*sent))


# --- messages ----------------------------------------------------------------------------------------------


async def token(url: str, source: str | None) -> str:
    """A token that is small and unpacks to 24 MB of JSON."""
    packed = large_token()
    session = Session(Browser(url, source), "filterbank", True)
    began = time.monotonic()
    try:
        await session.open(token=packed)
        got = "served"
    except Exception as problem:
        got = refusal(problem)
    finally:
        session.close()
        await session.browser.close()
    return f"{len(packed) / 1e3:.0f} kB: {got} after {time.monotonic() - began:.1f} s"


@cache
def large_token() -> str:
    """Return an unsigned token with a list of zeros as its payload."""
    return str(generate_jwt_token("attack", extra_payload={"zeros": [0] * 8_000_000}, signed=False))


async def buffers(url: str, source: str | None) -> str:
    """One message that announces a million buffers, of which 150 of 4 MB are sent."""
    session = await visit(url, source, "filterbank")
    if session.socket is None:
        return "never open"
    header = {"msgid": "1", "msgtype": "PATCH-DOC", "num_buffers": 1_000_000}
    sent, large = 0, bytes(4_000_000)
    try:
        for fragment in (json.dumps(header), "{}", '{"events": []}'):
            await session.socket.write_message(fragment)
        for i in range(150):
            await session.socket.write_message(json.dumps({"id": str(i)}))
            await session.socket.write_message(large, binary=True)
            sent += 1
    except Exception as problem:
        return f"{4 * sent} MB taken, {refusal(problem)}; {await ended(session)}"
    got = f"{4 * sent} MB taken; {await ended(session)}"
    session.close()
    return got


async def floods(url: str, source: str | None) -> str:
    """5000 moves of a slider in one drag, none waited for."""
    session = await visit(url, source, "filterbank")
    began = time.monotonic()
    try:
        for i in range(5000):
            session.sequence += 1
            values = {"s.level": 40 + i % 41}
            session.say(type="set", values=values, sequence=session.sequence, step=1)
            if i % 500 == 0:
                await asyncio.sleep(0)
        await session._until('["answered",5000]')
        return f"served, the last one answered after {time.monotonic() - began:.1f} s"
    except Exception as problem:
        return f"{refusal(problem)} after {time.monotonic() - began:.1f} s"
    finally:
        session.close()


async def deaf(url: str, source: str | None) -> str:
    """A client that asks for 200 sounds of 5 s and reads nothing."""
    session = await visit(url, source, "filterbank", "?" + urlencode({"s.kind": "white", "s.duration": 5}))
    for _ in range(200):
        session.say(type="sound", key="input")
    await asyncio.sleep(HOLD_S)
    had, began = session.received, time.monotonic()
    got = await ended(session)
    session.close()
    took = time.monotonic() - began
    return f"{got} when it read again after {HOLD_S:g} s ({session.received - had} bytes, {took:.0f} s)"


# --- connections -------------------------------------------------------------------------------------------


async def websockets(url: str, source: str | None) -> str:
    """300 open pages from one client, held for some seconds."""
    turns, there = asyncio.Semaphore(20), []

    async def one() -> str:
        async with turns:
            try:
                session = await visit(url, source, "filterbank")
            except Exception as problem:
                return refusal(problem)
            there.append(session)
            return "served"

    deadline = LONGEST_S - HOLD_S - 5
    tasks = [asyncio.create_task(one()) for _ in range(300)]
    done, late = await asyncio.wait(tasks, timeout=deadline)
    for task in late:
        task.cancel()
    await asyncio.sleep(HOLD_S)
    for session in there:
        session.close()
    return tally([task.result() for task in done] + [f"not answered within {deadline:g} s"] * len(late))


async def slow_headers(url: str, source: str | None) -> str:
    """300 connections that send a byte of a header every second and never end it."""
    parts, open_ = urlsplit(url), []
    refused: list[str] = []
    for _ in range(300):
        try:
            local = (source, 0) if source else None
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port, local_addr=local)
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            open_.append((reader, writer))
        except OSError as problem:
            refused.append(refusal(problem))
    until = time.monotonic() + 2 * HOLD_S
    while time.monotonic() < until:
        await asyncio.sleep(1.0)
        for _, writer in open_:
            with contextlib.suppress(OSError):
                writer.write(b"x")
    still = sum(not reader.at_eof() and reader.exception() is None for reader, _ in open_)
    for _, writer in open_:
        writer.close()
    answers = ["still open"] * still + ["closed"] * (len(open_) - still) + refused
    return f"{tally(answers)} after {2 * HOLD_S:g} s"


async def raw(url: str, source: str | None, content: bytes) -> str:
    """Return the first line of what the server answers to bytes."""
    parts = urlsplit(url)
    local = (source, 0) if source else None
    try:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, local_addr=local)
        try:
            async with asyncio.timeout(10):
                writer.write(content)
                await writer.drain()
                return (await reader.readline()).decode("latin-1").strip()[:60] or "closed"
        finally:
            writer.close()
    except (OSError, ValueError) as problem:  # a time-out is an OSError
        return refusal(problem)


async def logins(url: str, source: str | None) -> str:
    """300 wrong passwords, ten at a time; nothing where the server asks for none."""
    path = urlsplit(url).path
    host = urlsplit(url).netloc
    first = await raw(url, source, f"GET {path}/login HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    if " 200" not in first:
        return f"no password is set ({first})"
    turns, began = asyncio.Semaphore(10), time.monotonic()

    async def guess(i: int) -> str:
        async with turns:
            body = urlencode({"username": "student", "password": f"wrong{i}"})
            head = f"POST {path}/login HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded"
            return await raw(
                url,
                source,
                f"{head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode(),
            )

    tasks = [asyncio.create_task(guess(i)) for i in range(300)]
    done, late = await asyncio.wait(tasks, timeout=LONGEST_S / 2)
    for task in late:
        task.cancel()
    answers = [task.result() for task in done] + ["not answered"] * len(late)
    return f"{tally(answers)} in {time.monotonic() - began:.1f} s"


async def junk(url: str, source: str | None) -> str:
    """What is no HTTP, a header of 1 MB, ids that are none, and frames that are no messages."""
    host = urlsplit(url).netloc
    noise = np.random.default_rng(0).bytes(1_000_000)
    answers = [await raw(url, source, noise) for _ in range(20)]
    large = f"GET / HTTP/1.1\r\nHost: {host}\r\nX: {'x' * 1_000_000}\r\n\r\n".encode()
    answers += [await raw(url, source, large) for _ in range(5)]
    for token in (
        "junk",
        "x" * 20_000,
        base64.urlsafe_b64encode(b'{"session_id": [1]}').decode().rstrip("="),
    ):
        session = Session(Browser(url, source), "filterbank", True)
        try:
            async with asyncio.timeout(5):
                await session.connect(token)
            answers.append("a false token served")
        except Exception as problem:
            answers.append(f"false token: {refusal(problem)}")
        session.close()
    for frame in (b"\xff" * 4_000_000, "[" * 100_000, "null", "{" + "x" * 1000):
        session = await visit(url, source, "filterbank")
        if session.socket is not None:
            with contextlib.suppress(Exception):
                for _ in range(5):
                    await session.socket.write_message(frame, binary=isinstance(frame, bytes))
            answers.append(f"frames: {await ended(session)}")
        session.close()
    return "; ".join(f"{n} x {text}" for text, n in collections.Counter(answers).most_common())


ATTACKS: dict[str, Attack] = {
    "flac-8-channels": partial(flac, channels=8),
    "flac-mono": partial(flac, channels=1),
    "six-files": six_files,
    "token": token,
    "buffers": buffers,
    "websockets": websockets,
    "slow-headers": slow_headers,
    "floods": floods,
    "deaf": deaf,
    "logins": logins,
    "junk": junk,
}


def attack(name: str, url: str, source: str | None) -> str:
    """Attack in the process that calls; return what the attacker got."""

    async def bounded() -> str:
        async with asyncio.timeout(LONGEST_S):
            return await ATTACKS[name](url, source)

    try:
        return asyncio.run(bounded())
    except TimeoutError:
        return f"not over after {LONGEST_S:g} s, given up"
    except Exception as problem:  # a server may refuse: that is a result
        return refusal(problem)


def prepare(names: list[str]) -> None:
    """Make what takes long to make before any clock runs."""
    if "token" in names:
        large_token()
    for name, channels in (("flac-mono", 1), ("flac-8-channels", 8)):
        if name in names:
            recording(655_350, 119, channels, "FLAC")
    if "six-files" in names:
        for fs, kind in ORDINARY:
            recording(fs, 119, 2, kind)
