"""What a network answers: its impulse response, and its transfer function at any frequency and radius.
Source: H(z) = D + C (I - G A)^-1 G B with the delays and filters G(z) (Jot and Chaigne 1991, AES preprint 3030).
Not here: decay times of a response (:mod:`amtlib.fdn.decay`), modes (:mod:`amtlib.fdn.modes`).
"""

import math
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from amtlib.fdn.build import Array, FDNBuild, check_fixed, finite_number, squeeze_channels
from amtlib.fdn.process import MAX_BLOCK, check_length, process_fdn
from amtlib.progress import Progress, part, telling

Complex: TypeAlias = npt.NDArray[np.complex128]

#: Longest transform, or most frequencies, of one call.
MAX_POINTS = 2**22

# What has fallen to exp(-40) adds nothing to a sum, and a block of samples costs as much as some systems of equations.
_FALLEN, _SOLVED_PER_BLOCK = 40.0, 16
# Entries of the matrices solved at a time: 4 MB stay in the processor's cache.
_ENTRIES = 2**18


def render(build: FDNBuild, duration: float = 2.0, *, progress: Progress | None = None) -> Array:
    """
    Return the impulse response.

    Parameters
    ----------
    build : FDNBuild
        The network.
    duration : float
        In s, > 0; rounded to whole samples, at least one. At most 2**27 samples of all channels.
    progress : callable or bool, optional
        Called with the share done, from 0 to 1; True for a progress bar.

    Returns
    -------
    array of float64, shape (T,), (T, n_out) or (T, n_out, n_in)
        The first T samples. (T,) for one input and one output; (T, n_out) for one input.

    Raises
    ------
    ValueError
        If the duration is no positive time or too long, or the network is so unstable that the output overflows.

    See Also
    --------
    process_fdn : any signal.
    transfer_function : the response by frequency.

    Notes
    -----
    Computed in the time domain: nothing wraps around and nothing is cut off, whatever the decay. The error is that of
    rounding, 1e-15 of the peak. 2 s of 16 lines at 48 kHz with filters took 0.08 s.

    Examples
    --------
    >>> comb = FDNBuild([[0.5]], [1.0], [1.0], 0.0, [2], 1000)
    >>> render(comb, 0.007)
    array([0.  , 0.  , 1.  , 0.  , 0.5 , 0.  , 0.25])
    """
    if not isinstance(build, FDNBuild):
        raise TypeError(f"build is a {type(build).__name__}: give an FDNBuild")
    seconds = finite_number(duration, "duration", 0.0, math.inf, "s")
    samples = max(1, round(seconds * build.fs))
    check_length(samples * build.n_in, build)
    response = np.empty((samples, build.n_out, build.n_in))
    with telling(progress, "response") as tell:
        for channel in range(build.n_in):
            impulse = np.zeros((samples, build.n_in))
            impulse[0, channel] = 1.0
            share = part(tell, channel / build.n_in, (channel + 1) / build.n_in)
            response[:, :, channel] = process_fdn(impulse, build, progress=share).reshape(
                samples, build.n_out
            )
    return squeeze_channels(response)


def sections_at(sos: Array | None, w: npt.NDArray[Any]) -> Complex | float:
    """Transfer function of sections (S, 6, F) at z^-1 = w, shape (K,): (K, F), or 1.0 for none."""
    if sos is None:
        return 1.0
    at = w[:, None]
    value = np.ones((len(w), sos.shape[2]), dtype=np.complex128)
    for b0, b1, b2, a0, a1, a2 in sos:
        value *= (b0 + at * (b1 + at * b2)) / (a0 + at * (a1 + at * a2))
    return value


def _grid(build: FDNBuild, at: Any) -> tuple[Array, Array]:
    """Angle of z in rad, shape (K,), and of z^m, shape (K, N), both free of the rounding of large phases."""
    if isinstance(at, int | np.integer) and not isinstance(at, bool):
        if not 1 <= at <= MAX_POINTS:
            raise ValueError(f"nfft = {at} is outside 1 to {MAX_POINTS}: give an FFT length in that range")
        k = np.arange(at // 2 + 1)
        turn = 2.0 * math.pi / int(at)
        reduced = (k[:, None] * build.delays) % int(at)
        return k.astype(np.float64) * turn, reduced.astype(np.float64) * turn
    f = np.asarray(at)
    if f.dtype.kind not in "fiu" or f.ndim != 1 or not 1 <= len(f) <= MAX_POINTS:
        raise ValueError(
            f"at is {type(at).__name__} of shape {f.shape}: give an FFT length (int), or a list of 1 to {MAX_POINTS} "
            "frequencies in Hz"
        )
    f = f.astype(np.float64)
    outside = ~((f >= 0.0) & (f <= build.fs / 2.0))
    if outside.any():
        raise ValueError(
            f"at holds {f[outside][0]} Hz: frequencies lie from 0 to fs / 2 = {build.fs / 2.0:g} Hz"
        )
    turns = f / build.fs
    # fmod of the product is exact but for the product's own rounding, at most 1e-12 of a turn
    phases = 2.0 * math.pi * np.fmod(turns[:, None] * build.delays, 1.0)
    return np.asarray(2.0 * math.pi * turns), np.asarray(phases, dtype=np.float64)


def loop_at(build: FDNBuild, z: Complex, phases: Array) -> tuple[Complex, Complex]:
    """
    Evaluate the parts of a loop: G = filters * delay, shape (K, N), and A with its filters, shape (K, N, N) or (N, N).

    `phases` are those of z^m, which the caller knows better than z does.
    """
    w = 1.0 / z
    shrink = np.exp(-np.log(np.abs(z))[:, None] * build.delays)
    through = shrink * np.exp(-1j * phases) * sections_at(build.filters, w)
    mixing = build.A.astype(np.complex128)
    if build.post_matrix is not None:
        mixing = np.asarray(sections_at(build.post_matrix, w))[:, :, None] * mixing
    return through, mixing


def _transform(build: FDNBuild, at: Any, radius: float) -> Complex | None:
    """Transform the response times radius**-n, shape (K, n_out, n_in); None where solving is better, or needed."""
    if not isinstance(at, int | np.integer) or not 1 <= at <= MAX_POINTS or radius <= 1.0:
        return None
    if any(part is not None for part in (build.filters, build.post_matrix, build.post_eq)) or build.pre_delay:
        return None
    rounds = math.ceil(_FALLEN / math.log(radius) / at)
    blocks = rounds * at / min(MAX_BLOCK, int(build.delays.min()))
    grows = np.linalg.norm(build.A, 2) > 1.0 + 1e-12
    if grows or blocks * build.n_in * _SOLVED_PER_BLOCK > at or rounds * at * build.n_out > MAX_POINTS:
        return None
    gains = np.zeros((1, 6, build.N))
    gains[0, 0], gains[0, 3] = radius ** -build.delays.astype(np.float64), 1.0
    response = render(replace(build, filters=gains), rounds * at / build.fs)
    folded = response.reshape(rounds, at, build.n_out, build.n_in).sum(axis=0)
    return np.fft.rfft(folded, axis=0)


def transfer_function(build: FDNBuild, at: int | npt.ArrayLike, *, radius: float = 1.0) -> Complex:
    """
    Return the transfer function on a circle of the z plane.

    Parameters
    ----------
    build : FDNBuild
        The network.
    at : int, or array of shape (K,)
        Length of an FFT, for its ``at // 2 + 1`` frequencies (at most 2**22); or frequencies in Hz, 0 to fs / 2.
    radius : float
        Evaluate at z = radius * exp(j omega), 0.5 to 2. Above 1 the response is that of the impulse response times
        radius**-n: needed where a lossless network has no other. 1 / 0.9999 lets 20000 samples decay by 17 dB.

    Returns
    -------
    array of complex128, shape (K,), (K, n_out) or (K, n_out, n_in)
        H(z), with the direct path, `pre_delay` and `post_eq`. (K,) for one input and one output; (K, n_out) for one
        input.

    Raises
    ------
    ValueError
        If a frequency or the radius is out of range, a mode lies exactly at a frequency asked for, or the matrix moves.

    See Also
    --------
    render : the impulse response.

    Notes
    -----
    Exact but for rounding: phases of the delays are whole multiples of the FFT's step, reduced before anything is
    rounded. Where the radius is above 1 and the matrix without filters cannot grow, the many frequencies of an FFT are
    the transform of the impulse response times radius**-n, which is summed until nothing is left: 65537 frequencies of
    8 lines at a radius of 1 / 0.9999 then take 0.03 s, a quarter of what solving for each takes. On the unit
    circle a lossless network is infinite at each mode; nearby values are large and correct.

    Examples
    --------
    >>> comb = FDNBuild([[0.5]], [1.0], [1.0], 0.0, [2], 48000)
    >>> abs(transfer_function(comb, 4)).round(6)
    array([2.      , 0.666667, 2.      ])
    >>> abs(transfer_function(comb, [6000.0])).round(6)
    array([0.894427])
    """
    if not isinstance(build, FDNBuild):
        raise TypeError(f"build is a {type(build).__name__}: give an FDNBuild")
    check_fixed(build)
    r = finite_number(radius, "radius", 0.0, 2.0)
    if r < 0.5:
        raise ValueError(f"radius = {r:g} is outside 0.5 to 2: give a value near 1, such as 1 / 0.9999")
    with np.errstate(over="ignore"):
        if not math.isfinite(float(np.exp(-math.log(r) * float(build.delays.max())))):
            raise ValueError(
                f"radius = {r:g} overflows over a delay of {int(build.delays.max())} samples: give one nearer to 1"
            )
    summed = _transform(build, at, r)
    if summed is not None:
        return squeeze_channels(summed)
    angles, phases = _grid(build, at)
    z = r * np.exp(1j * angles)
    response = np.empty((len(z), build.n_out, build.n_in), dtype=np.complex128)
    step = max(1, _ENTRIES // build.N**2)
    unit = np.eye(build.N)
    for start in range(0, len(z), step):
        part = slice(start, start + step)
        through, mixing = loop_at(build, z[part], phases[part])
        system = unit - through[:, :, None] * mixing
        try:
            lines = np.linalg.solve(system, through[:, :, None] * build.B)
        except np.linalg.LinAlgError:
            raise ValueError(
                f"a mode lies exactly on a frequency asked for, at radius {r:g}: give a larger one, such as 1 / 0.9999"
            ) from None
        wet = build.C @ lines
        if build.post_eq is not None:
            wet = wet * np.asarray(sections_at(build.post_eq, 1.0 / z[part]))[:, :, None]
        if build.pre_delay:
            turns = np.exp(-1j * np.fmod(angles[part] * build.pre_delay, 2.0 * math.pi))
            wet = wet * (r**-build.pre_delay * turns)[:, None, None]
        response[part] = wet
    response += build.D
    return squeeze_channels(response)
