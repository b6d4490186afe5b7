"""A network from a few wishes: how many lines, which matrix, how long a decay.
Source: defaults and order of the random draws as in the specification (`pyFDN.train.build_fdn`).
Not here: training (:mod:`amtlib.train`), files (:mod:`amtlib.fdn.documents`).
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from amtlib.fdn.absorption import with_decay
from amtlib.fdn.bands import DecayTimes, two_slopes
from amtlib.fdn.build import Array, FDNBuild, real_array, whole_delays
from amtlib.fdn.coupling import coupled_matrix, first_group
from amtlib.fdn.delays import Seed, as_generator, sample_delay_lengths
from amtlib.fdn.matrices import feedback_matrix, random_orthogonal

# Coupling of two groups of lines: weak, so that both slopes are heard.
_COUPLING = 0.01


def _feedback(feedback: Any, n: int, generator: np.random.Generator, coupling: float | None) -> Array:
    if coupling is not None:
        if feedback is not None:
            raise ValueError(
                "coupling goes with the default matrix: leave feedback out, or give coupled_matrix(...)"
            )
        half = first_group(n)
        first = random_orthogonal(half, rng=generator)
        return coupled_matrix(first, random_orthogonal(n - half, rng=generator), coupling)
    if feedback is None:
        return random_orthogonal(n, rng=generator)
    if isinstance(feedback, str):
        return feedback_matrix(feedback, n, rng=generator)
    matrix = real_array(feedback, "feedback")
    if matrix.shape != (n, n):
        raise ValueError(
            f"feedback must have shape (N, N), got {matrix.shape}: give ({n}, {n}), one row and column per delay"
        )
    return matrix


def design_fdn(
    *,
    delays: npt.ArrayLike | None = None,
    N: int | None = None,
    rt: DecayTimes | None = 2.0,
    feedback: npt.ArrayLike | str | None = None,
    input_gain: npt.ArrayLike | None = None,
    output_gain: npt.ArrayLike | None = None,
    direct: npt.ArrayLike = 0.0,
    fs: float = 48000.0,
    rng: Seed = None,
    rt_crossover: float | None = None,
    rt_design: str = "auto",
    coupling: float | None = None,
) -> FDNBuild:
    """
    Make a network.

    Parameters
    ----------
    delays : array of int, shape (N,), optional
        Delay lengths in samples. Default: N of them drawn from 400 to 1200, without common factors.
    N : int, optional
        Number of lines where `delays` is not given.
    rt : float, (rt_dc, rt_nyquist), mapping, sequence, or None
        Reverberation time in s: one, one for each end, or times by band; None for a lossless network. See
        :func:`with_decay`.
    feedback : array, shape (N, N), or a name of the gallery, optional
        Feedback matrix. Default: 'random', a random rotation.
    input_gain : array, shape (N, n_in) or (N,), optional
        Default: ones / sqrt(N), one input.
    output_gain : array, shape (n_out, N) or (N,), optional
        Default: ones / sqrt(N), one output.
    direct : float or array, shape (n_out, n_in)
        Direct path; a number fills it.
    fs : float
        Sampling rate in Hz.
    rng : Generator, int or None
        Draws the delays first, then the matrix, each only if it is not given.
    rt_crossover : float, optional
        Where two reverberation times meet, in Hz; see :func:`first_order_absorption`.
    rt_design : {'auto', 'shelf', 'one-pole', 'graphic'}
        Filters with these times; see :func:`with_decay`.
    coupling : float, optional
        With two slopes, ``rt=[times, times]``: share of the energy that changes between the two groups of lines each
        round, 0 to 1; see :func:`coupled_matrix`. Default: 0.01.

    Returns
    -------
    FDNBuild
        The network.

    Raises
    ------
    ValueError
        If neither `delays` nor `N` is given, they disagree, or a value is out of range.
    TypeError
        If an argument has the wrong type.

    See Also
    --------
    sample_delay_lengths, feedback_matrix, with_decay : its parts.

    Examples
    --------
    >>> design_fdn(N=4, rt=(2.0, 1.0), rng=7)
    FDNBuild(N=4, n_in=1, n_out=1, fs=48000 Hz, delays 581 to 1118 = 12.1 to 23.3 ms, filters)
    """
    generator = as_generator(rng)
    if delays is None:
        if N is None:
            raise ValueError("provide either delays= or N=: neither was given")
        lengths = sample_delay_lengths(N, coprime=True, rng=generator)
    else:
        lengths = whole_delays(delays)
        if N is not None and len(lengths) != N:
            raise ValueError(f"provide either delays= or N=: N = {N!r} and {len(lengths)} delays disagree")
    n = len(lengths)
    if two_slopes(rt) and n < 2:
        raise ValueError(
            "two slopes need two groups of lines, and the network has one line: give N = 2 or more"
        )
    across = _COUPLING if coupling is None and feedback is None and two_slopes(rt) else coupling
    if across is not None and not two_slopes(rt):
        raise ValueError(f"coupling = {across!r} is for two slopes: give rt=[times, times], or leave it out")
    matrix = _feedback(feedback, n, generator, across)
    even = np.full(n, 1.0 / math.sqrt(n))
    build = FDNBuild(
        A=matrix,
        B=even if input_gain is None else input_gain,
        C=even if output_gain is None else output_gain,
        D=direct,
        delays=lengths,
        fs=fs,
    )
    return with_decay(build, rt, rt_crossover=rt_crossover, rt_design=rt_design)
