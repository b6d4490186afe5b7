"""Poles and residues of a small network from its whole state: every sample in its lines, every memory of its filters.
Source: state space of a feedback delay network (Rocchesso and Smith 1997, IEEE Trans. Speech Audio Process. 5, 51-63).
Not here: large networks, whose modes are counted and followed (:mod:`amtlib.fdn.modes`).
"""

import math

import numpy as np

from amtlib.fdn.build import Array, FDNBuild
from amtlib.fdn.response import Complex
from amtlib.fdn.sections import _state_space

#: Most states whose eigenvalues are computed: some seconds.
MAX_STATES = 1000
# A pole nearer to 0 has died away within a sample or two.
_GONE = 1e-6


def count_states(build: FDNBuild) -> int:
    """
    Count the samples and filter memories that a network's future depends on.

    Examples
    --------
    >>> count_states(FDNBuild([[0.5]], [1.0], [1.0], 0.0, [3], 48000))
    3
    """
    filters = [sos for sos in (build.filters, build.post_matrix) if sos is not None]
    return build.order + 2 * build.N * sum(len(sos) for sos in filters)


def _memories(sos: Array | None, lines: int) -> tuple[Array, Array, Array, Array]:
    """Transition (m, m), drive (m, N), observation (N, m) and direct gains (N, N) of the filters of all lines."""
    if sos is None:
        return np.zeros((0, 0)), np.zeros((0, lines)), np.zeros((lines, 0)), np.eye(lines)
    transition, drive, observe, direct = _state_space(sos / sos[:, 3:4])
    size = drive.shape[1]
    whole, into, out = (
        np.zeros((lines * size,) * 2),
        np.zeros((lines * size, lines)),
        np.zeros((lines, lines * size)),
    )
    for line in range(lines):
        own = slice(line * size, (line + 1) * size)
        whole[own, own], into[own, line], out[line, own] = transition[line], drive[line], observe[line]
    return whole, into, out, np.diag(direct)


def poles_of_state(build: FDNBuild) -> tuple[Complex, Complex]:
    """
    Return all poles of the upper half plane but those at 0, and their residues.

    Parameters
    ----------
    build : FDNBuild
        Of :data:`MAX_STATES` states at most.

    Returns
    -------
    exponents : array of complex, shape (K,)
        Logarithms of the poles, by frequency.
    residues : array of complex, shape (K, n_out, n_in)
        As in :class:`amtlib.fdn.Modes`.

    Examples
    --------
    >>> poles_of_state(FDNBuild([[0.25]], [1.0], [1.0], 0.0, [2], 48000))[0].round(6)
    array([-0.693147+0.j      , -0.693147+3.141593j])
    """
    n = build.order
    t1, in1, out1, direct1 = _memories(build.filters, build.N)
    t2, in2, out2, direct2 = _memories(build.post_matrix, build.N)
    first = np.concatenate([[0], np.cumsum(build.delays)[:-1]])
    last = first + build.delays - 1
    one, two = slice(n, n + len(t1)), slice(n + len(t1), n + len(t1) + len(t2))
    size = n + len(t1) + len(t2)
    leaving = np.zeros((build.N, size))  # what leaves each line after its filter
    leaving[:, last] = direct1
    leaving[:, one] = out1
    fed = direct2 @ build.A @ leaving  # what the matrix feeds back, after its filters
    fed[:, two] += out2
    step = np.zeros((size, size))
    for start, end in zip(first, last, strict=True):
        step[np.arange(start + 1, end + 1), np.arange(start, end)] = 1.0
    step[first] += fed
    step[one, one] = t1
    step[one, last] += in1
    step[two, two] = t2
    step[two] += in2 @ build.A @ leaving
    into = np.zeros((size, build.n_in))
    into[first] = build.B
    poles, right = np.linalg.eig(step)
    residues = (build.C @ leaving @ right).T[:, :, None] * np.linalg.solve(right, into.astype(right.dtype))[
        :, None, :
    ]
    kept = (np.abs(poles) > _GONE) & (poles.imag >= -1e-12)
    poles, residues = poles[kept].astype(np.complex128), residues[kept].astype(np.complex128)
    s: Complex = np.log(poles)
    s.imag[np.abs(s.imag) < 1e-12] = 0.0
    s.imag[np.abs(np.abs(s.imag) - math.pi) < 1e-12] = math.pi
    order = np.lexsort((s.real, s.imag))
    # the state at sample 0 holds the input only, which the first step then moves on
    return s[order], residues[order] / poles[order][:, None, None]
