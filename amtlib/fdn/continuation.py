"""Modes followed from a lossless network to its own losses: filters that change with frequency, a matrix that is off.
Source: bordered Newton (Govaerts 2000), contour integrals where modes coincide (Beyn 2012).
Not here: the lossless modes to start from (:mod:`amtlib.fdn.eigenphases`), residues (:mod:`amtlib.fdn.modes`).
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from amtlib.fdn.build import Array, FDNBuild, Integers
from amtlib.fdn.eigenphases import SAME, Crossings, clusters
from amtlib.fdn.response import Complex, loop_at, sections_at

# Complex entries worked on at a time: 4 MB stay in the processor's cache.
_ENTRIES = 2**18
# Points on a circle around modes that coincide.
_NODES = 32
LOST = (
    "the modes could not be told apart while following the losses of this network: A may be too far from orthogonal, "
    "or a filter may ring longer than the delays; give an orthogonal matrix, or milder filters"
)


def _log_slope(sos: Array | None, w: Complex) -> Complex | float:
    """Derivative d log H / d log z of sections (S, 6, F) at z^-1 = w, shape (K,): (K, F), or 0.0 for none."""
    if sos is None:
        return 0.0
    at = w[:, None]
    slope = np.zeros((len(w), sos.shape[2]), dtype=np.complex128)
    for b0, b1, b2, a0, a1, a2 in sos:
        slope -= at * (b1 + 2.0 * at * b2) / (b0 + at * (b1 + at * b2))
        slope += at * (a1 + 2.0 * at * a2) / (a0 + at * (a1 + at * a2))
    return slope


def loop_with_slope(
    build: FDNBuild, orthogonal: Array, share: float, s: Complex
) -> tuple[Complex, Complex, Complex]:
    """
    Return the loop G(s) and dG/ds, shape (K, N, N), and delays with filters, shape (K, N), at z = exp(s).

    `share` mixes the network (1.0) with the lossless one of the same delays and the orthogonal matrix (0.0).
    """
    through, _ = loop_at(build, np.exp(s), s.imag[:, None] * build.delays)
    w = np.exp(-s)
    lines = through * sections_at(build.post_matrix, w)
    bent = _log_slope(build.filters, w) + _log_slope(build.post_matrix, w)
    own = share * lines[:, :, None] * build.A
    bare = np.exp(-s[:, None] * build.delays)[:, :, None] * ((1.0 - share) * orthogonal)
    slope = (bent - build.delays) * np.ones_like(lines)
    falling = slope[:, :, None] * own - build.delays[:, None] * bare
    return own + bare, falling, through


def _continue(
    build: FDNBuild, orthogonal: Array, share: float, s: Complex, right: Complex, left: Complex
) -> bool:
    """Newton on bordered systems from modes of a nearby network; writes exponents and vectors, says if all settled."""
    n = build.N
    unit = np.eye(n)
    step = max(1, _ENTRIES // (n + 1) ** 2)
    for start in range(0, len(s), step):
        part = np.arange(start, min(start + step, len(s)))
        for _ in range(30):
            loop, falling, _through = loop_with_slope(build, orthogonal, share, s[part])
            system = np.zeros((len(part), n + 1, n + 1), dtype=np.complex128)
            system[:, :n, :n] = unit - loop
            system[:, :n, n] = left[part]
            system[:, n, :n] = right[part].conj()
            last = np.zeros((len(part), n + 1, 1))
            last[:, n] = 1.0
            try:
                v = np.linalg.solve(system, last)[:, :, 0]
                u = np.linalg.solve(system.conj().swapaxes(1, 2), last)[:, :, 0]
            except np.linalg.LinAlgError:
                return False
            value = v[:, n]
            v, u = v[:, :n], u[:, :n]
            move = -value / (u.conj()[:, None, :] @ falling @ v[:, :, None])[:, 0, 0]
            # half a radian is hundreds of modes away: the step led astray
            if not np.isfinite(move).all() or np.abs(move).max() > 0.5:
                return False
            s[part] += move
            right[part] = v / np.linalg.norm(v, axis=1, keepdims=True)
            left[part] = u / np.linalg.norm(u, axis=1, keepdims=True)
            part = part[np.abs(move) > 1e-14]
            if not len(part):
                break
        else:
            if np.abs(move).max() > 1e-12:
                return False
    return True


def _set_out(
    build: FDNBuild, orthogonal: Array, share: float, start: Crossings
) -> tuple[Complex, Complex, Complex]:
    """First-order motion of lossless modes as losses set in: exponents, right and left vectors."""
    s: Complex = np.asarray(1j * start.w)
    step = max(1, _ENTRIES // build.N**2)
    for first in range(0, len(s), step):
        part = slice(first, first + step)
        v = start.vectors[part]
        loop, _falling, _through = loop_with_slope(build, orthogonal, share, s[part])
        s[part] += np.log((v.conj()[:, None, :] @ loop @ v[:, :, None])[:, 0, 0]) / start.slopes[part]
    return s, start.vectors.copy(), start.vectors.copy()


def _inside(
    build: FDNBuild, centre: complex, radius: float, count: int
) -> tuple[Complex, Complex, Complex] | None:
    """
    Find the `count` modes nearest to the centre of a circle, together; None if it holds fewer.

    The contour integral of the inverse has as its rank the number of modes inside (Beyn 2012), also where some
    coincide, which Newton's method cannot tell apart.
    """
    nodes = radius * np.exp(2j * math.pi * (np.arange(_NODES) + 0.5) / _NODES)
    loop, _, _ = loop_with_slope(build, build.A, 1.0, centre + nodes)
    inverse = np.linalg.inv(np.eye(build.N) - loop) * (nodes / _NODES)[:, None, None]
    zeroth, first = inverse.sum(axis=0), (inverse * (nodes / radius)[:, None, None]).sum(axis=0)
    left, size, right = np.linalg.svd(zeroth)
    rank = int((size > 1e-6 * size[0]).sum())
    if rank < count:
        return None
    left, size, right = left[:, :rank], size[:rank], right[:rank]
    values, turned = np.linalg.eig(left.conj().T @ first @ right.conj().T / size)
    nearest = np.argsort(np.abs(values))[:count]
    columns = left @ turned
    rows = np.linalg.solve(turned, size[:, None] * right)
    return (
        np.asarray(centre + radius * values[nearest]),
        np.asarray(columns[:, nearest].T),
        np.asarray(rows[nearest].conj()),
    )


def _together(build: FDNBuild, start: Complex, slack: float) -> tuple[Complex, Complex, Complex] | None:
    """Modes that coincide in the lossless network, where the losses leave them: a wide circle, then narrow ones."""
    centre, radius = complex(start.mean()), slack
    found = None
    for _ in range(4):
        found = _inside(build, centre, radius, len(start))
        if found is None:
            return None
        centre = complex(found[0].mean())
        spread = float(np.abs(found[0] - centre).max())
        # far enough for the circle to see them as a few, near enough to see nothing else
        radius = min(radius, max(8.0 * spread, 1e-3 * slack))
    return found


def _folded(s: Complex) -> npt.NDArray[np.bool_]:
    """Put exponents within rounding of the real axis onto it; tell which poles lie in the upper half plane."""
    for real in (0.0, math.pi):
        s.imag[np.abs(s.imag - real) < 10.0 * SAME] = real
    return np.asarray((s.imag >= 0.0) & (s.imag <= math.pi))


def _on_real_axis(build: FDNBuild, half_turn: float, low: float, high: float) -> Complex:
    """Exponents of real poles, positive (0) or negative (pi), with decay rates from low to high: sign changes."""

    def signs(rates: Array) -> Array:
        loop, _, _ = loop_with_slope(build, build.A, 1.0, np.asarray(rates + 1j * half_turn))
        return np.asarray(np.linalg.slogdet(np.eye(build.N) - loop.real)[0], dtype=np.float64)

    rates = np.linspace(low, high, 2000)
    found = signs(rates)
    at = np.flatnonzero(found[:-1] * found[1:] < 0.0)
    left, right, sign = rates[at], rates[at + 1], found[at]
    for _ in range(60):
        middle = (left + right) / 2.0
        same = signs(middle) == sign
        left, right = np.where(same, middle, left), np.where(same, right, middle)
    return np.asarray((left + right) / 2.0 + 1j * half_turn)


def _with_real_poles(
    build: FDNBuild, s: Complex, right: Complex, left: Complex
) -> tuple[Complex, Complex, Complex]:
    """
    Search the real axis, where two conjugate modes may have met and parted again.

    There Newton's method arrives at either of the two from both sides, so that one may be there twice or not at all.
    """
    rates = s.real
    low = max(3.0 * float(rates.min()) - 10.0 / build.order, -600.0 / float(build.delays.max()))
    high = max(float(rates.max()), 0.0) + 10.0 / build.order
    unit = np.eye(build.N)
    for half_turn in (0.0, math.pi):
        for found in _on_real_axis(build, half_turn, low, high):
            if np.abs(s - found).min() < 1e-10:
                continue
            loop, _, _ = loop_with_slope(build, build.A, 1.0, np.array([found]))
            u, _, v = np.linalg.svd(unit - loop[0])
            s = np.append(s, found)
            right = np.concatenate([right, v[-1:].conj()])
            left = np.concatenate([left, u[:, -1:].T])
    return s, right, left


def _apart(s: Complex, joint: npt.NDArray[np.bool_]) -> Integers | None:
    """Order by frequency, without real poles that are there twice; None if others are and were not found jointly."""
    order = np.lexsort((s.real, s.imag))
    near = np.abs(np.diff(s[order])) <= SAME
    near &= ~(joint[order][1:] & joint[order][:-1])
    real = (s.imag == 0.0) | (s.imag == math.pi)
    if (near & ~real[order][1:]).any():
        return None
    return np.asarray(order[np.concatenate([[True], ~near])])


def follow(
    build: FDNBuild, orthogonal: Array, start: Crossings, whole: bool, tell: Callable[[float], object]
) -> tuple[Complex, Complex, Complex]:
    """Follow each lossless mode to the network's own losses, in as few steps as keep the modes apart."""
    joint = np.zeros(len(start.w), dtype=np.bool_)
    groups = clusters(start.w)
    for group in groups:
        joint[group] = True
    alone = Crossings(start.w[~joint], start.vectors[~joint], start.slopes[~joint])
    parts = []
    for group in groups:
        some = Crossings(start.w[group], start.vectors[group], start.slopes[group])
        found = _together(build, _set_out(build, orthogonal, 1.0, some)[0], 0.5 * math.pi / build.order)
        if found is None:
            raise ValueError(LOST)
        parts.append(found)
    for steps in (1, 4, 16, 64):
        s, right, left = _set_out(build, orthogonal, 1.0 / steps, alone)
        done = True
        for step in range(steps):
            tell(step / steps)
            done = done and _continue(build, orthogonal, (step + 1) / steps, s, right, left)
        if not done:
            continue
        s = np.concatenate([s, *(part[0] for part in parts)])
        right = np.concatenate([right, *(part[1] for part in parts)])
        left = np.concatenate([left, *(part[2] for part in parts)])
        grouped = np.arange(len(s)) >= len(alone.w)
        kept = _folded(s)
        s, right, left, grouped = s[kept], right[kept], left[kept], grouped[kept]
        order = _apart(s, grouped)
        if order is not None and whole and count_poles(s[order]) != build.order:
            s, right, left = _with_real_poles(build, s[order], right[order], left[order])
            grouped = np.concatenate([grouped[order], np.zeros(len(s) - len(order), dtype=np.bool_)])
            order = _apart(s, grouped)
        if order is not None and (not whole or count_poles(s[order]) == build.order):
            return s[order], right[order], left[order]
    raise ValueError(LOST)


def count_poles(s: Complex) -> int:
    """Count the poles, conjugates included."""
    return 2 * len(s) - int(((s.imag == 0.0) | (s.imag == math.pi)).sum())
