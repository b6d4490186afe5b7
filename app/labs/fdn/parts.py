"""One part of a network: a line with its gains, or a crossing from one line into another. To change, and to hear alone.

A crossing is changed by a rotation, so that the matrix stays orthogonal and the network lossless: the other weights
turn with it.
"""

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amtlib.fdn import FDNBuild
from app.quantity import shortened

Array = NDArray[Any]

#: Most changes by hand; each is a few letters of the link.
MOST = 40
#: What is left of a gain of 0 where a matrix was turned.
_NOTHING = 1e-12
_CHANGE = re.compile(r"(?:a(\d{1,2})\.(\d{1,2})|([bc])(\d{1,2}))=(-?\d+(?:\.\d+)?)")

#: One change: "a" with line into and line from, or "b" or "c" with its line and 0; and the new gain.
Change = tuple[str, int, int, float]


def read_changes(text: str) -> list[Change]:
    """Return the changes that a text holds.

    Raises
    ------
    ValueError
        If it holds something else, or too many.

    Examples
    --------
    >>> read_changes("a2.5=0.7, b3=-0.1")
    [('a', 2, 5, 0.7), ('b', 3, 0, -0.1)]
    """
    entries = [part for part in re.split(r"[\s,;]+", text) if part]
    found = [_CHANGE.fullmatch(part) for part in entries]
    wanted = (
        f"give at most {MOST} such as a2.5=0.7 (into line 2 from line 5), b3=0.2 (input gain) or c3=-0.2 (output "
        "gain), each from -1 to 1."
    )
    changes: list[Change] = []
    for match in found:
        if match is None or len(found) > MOST:
            raise ValueError(f"Changes by hand are {shortened(text)}; {wanted}")
        into, source, kind, line, gain = match.groups()
        change = (kind or "a", int(line or into), int(source or 0), float(gain))
        lines = change[1:3] if change[0] == "a" else change[1:2]
        if abs(change[3]) > 1 or not all(1 <= each <= 16 for each in lines):
            raise ValueError(f"Changes by hand are {shortened(text)}; {wanted}")
        changes.append(change)
    return changes


def write_changes(changes: list[Change]) -> str:
    """Write changes as a text, of two to the same part the later one.

    Examples
    --------
    >>> write_changes([("b", 3, 0, 0.1), ("a", 2, 5, 0.7), ("b", 3, 0, 0.25)])
    'a2.5=0.7,b3=0.25'
    """
    last: dict[str, float] = {}
    for kind, line, source, gain in changes:
        part = f"a{line}.{source}" if kind == "a" else f"{kind}{line}"
        last.pop(part, None)
        last[part] = gain
    return ",".join(f"{part}={gain:g}" for part, gain in last.items())


def checked_changes(text: str) -> str:
    """Return changes that were typed, as they are kept.

    Raises
    ------
    ValueError
        If they are none.
    """
    return write_changes(read_changes(text))


def changed(build: FDNBuild, text: str) -> FDNBuild:
    """Return a network with changes by hand; those of lines that it has not are left out.

    Examples
    --------
    >>> from amtlib.fdn import design_fdn, orthogonality_error
    >>> found = changed(design_fdn(N=4, rt=None, rng=0), "a2.1=0.9,c4=0")
    >>> found.A[1, 0].round(12).item(), found.C[0, 3].item(), orthogonality_error(found.A) < 1e-12
    (0.9, 0.0, True)
    """
    a, b, c = build.A, build.B.copy(), build.C.copy()
    for kind, line, source, gain in read_changes(text):
        if max(line, source) > build.N:
            continue
        if kind == "a":
            a = turned(a, line - 1, source - 1, gain)
        elif kind == "b":
            b[line - 1] = gain
        else:
            c[:, line - 1] = gain
    return replace(build, A=a, B=b, C=c)


def is_silent(build: FDNBuild) -> bool:
    """Return whether no sound gets from a network's input to its output.

    Examples
    --------
    >>> build = FDNBuild(np.eye(2), [1.0, 1.0], [1.0, 1.0], 0.0, [100, 130], 48000)
    >>> is_silent(changed(build, "b1=0")), is_silent(changed(build, "b1=0,c2=0"))
    (False, True)
    """
    led = np.abs(build.A) > _NOTHING
    reached = (np.abs(build.B) > _NOTHING).any(1)
    for _ in range(build.N):
        reached = reached | led @ reached
    heard = (np.abs(build.C) > _NOTHING).any(0)
    return not (reached & heard).any() and not build.D.any()


def turned(matrix: Array, row: int, column: int, weight: float) -> Array:
    """Return an orthogonal matrix with one weight set, by a rotation of its rows in the plane that does it least harm.

    Examples
    --------
    >>> turned(np.eye(2), 0, 0, 0.6).round(3)
    array([[ 0.6, -0.8],
           [ 0.8,  0.6]])
    """
    size = len(matrix)
    if size == 1:
        return matrix
    axis, others = np.eye(size)[row], matrix[:, column].copy()
    here = float(np.clip(others[row], -1.0, 1.0))
    others[row] = 0.0
    length = float(np.linalg.norm(others))
    # A column of a permutation has nothing else to turn to: its weight then goes to the next line.
    others = others / length if length > 1e-9 else np.eye(size)[(row + 1) % size]
    angle = math.acos(weight) - math.atan2(length, here)
    plane = np.outer(axis, axis) + np.outer(others, others)
    across = np.outer(others, axis) - np.outer(axis, others)
    rotation = np.eye(size) + (math.cos(angle) - 1.0) * plane + math.sin(angle) * across
    return np.asarray(rotation @ matrix)


def alone(build: FDNBuild, line: int, into: int = 0) -> FDNBuild:
    """Return one line with what it feeds back to itself, or the two lines of a crossing, without all the others.

    Parameters
    ----------
    line, into : int
        From 1; 0 for no crossing.

    Examples
    --------
    >>> from amtlib.fdn import design_fdn
    >>> alone(design_fdn(N=4, rt=1.0, rng=0), 3).N, alone(design_fdn(N=4, rt=1.0, rng=0), 3, 2).N
    (1, 2)
    """
    kept = sorted({line, into or line})
    at = np.array(kept) - 1
    filters = None if build.filters is None else build.filters[:, :, at]
    return replace(
        build,
        A=build.A[np.ix_(at, at)],
        B=build.B[at],
        C=build.C[:, at],
        D=np.zeros_like(build.D),
        delays=build.delays[at],
        filters=filters,
    )


def loss_per_pass(build: FDNBuild, line: int) -> tuple[float, float]:
    """Return what a line's filter takes from low and from the highest frequencies each time, dB; 0 without one."""
    if build.filters is None:
        return 0.0, 0.0
    b0, b1, b2, a0, a1, a2 = build.filters[:, :, line - 1].T
    low = np.prod((b0 + b1 + b2) / (a0 + a1 + a2))
    high = np.prod((b0 - b1 + b2) / (a0 - a1 + a2))
    return tuple(float(-20 * np.log10(max(abs(gain), 1e-9))) for gain in (low, high))  # type: ignore[return-value]


def described(build: FDNBuild, line: int, into: int) -> str:
    """Say the numbers of a part of a network in a title."""
    if into:
        return f"From line {line} into line {into}: weight {build.A[into - 1, line - 1]:.2f}".replace(
            "-", "−"
        )
    low, high = loss_per_pass(build, line)
    samples = int(build.delays[line - 1])
    text = (
        f"Line {line}: {1000 * samples / build.fs:.1f} ms, in {float(build.B[line - 1, 0]):.2f}, "
        f"out {float(build.C[0, line - 1]):.2f}, loses {low:.1f} dB a pass ({high:.1f} at the top)"
    )
    return text.replace("-", "−")


def measures(build: FDNBuild, line: int, into: int) -> dict[str, float]:
    """Return what a line does to itself: its delay, the pitch at which its echoes follow each other, and what they lose
    each time they come round, in dB; nothing where no line, or a crossing of two, is looked at.
    """
    if not line or into not in (0, line):
        return {}
    delay = float(build.delays[line - 1]) / build.fs
    gain = abs(float(build.A[line - 1, line - 1]))
    lost = math.nan if gain < 1e-6 else loss_per_pass(build, line)[0] - 20 * math.log10(gain)
    return {"part_delay_ms": 1000 * delay, "part_pitch_hz": 1 / delay, "part_loss_db": lost}
