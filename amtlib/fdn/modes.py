"""All modes of a network: each pole with its frequency and decay, and how strongly it sounds.
Source: Schlecht and Habets (2019), IEEE Trans. Signal Proc. 67, 5340-5351; computed by eigenphases.
Not here: the search itself (:mod:`amtlib.fdn.eigenphases`, :mod:`amtlib.fdn.continuation`), spectra.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from amtlib.charts import Chart, Direction
from amtlib.fdn.build import Array, FDNBuild, check_fixed
from amtlib.fdn.continuation import LOST, follow, loop_with_slope
from amtlib.fdn.eigenphases import SAME, Crossings, zero_crossings
from amtlib.fdn.matrices import orthogonality_error
from amtlib.fdn.response import Complex
from amtlib.fdn.state import MAX_STATES, count_states, poles_of_state
from amtlib.progress import Progress, part, telling
from amtlib.results import Result

#: Largest (modes asked for) * N**2 of one call, about two minutes of work.
MAX_WORK = 2**26

# Farther than this below the strongest, a mode is not reached by the input or not heard at the output.
_UNREACHED_DB = -200.0
_ENTRIES = 2**18
# A sum of modes this far from the transfer function, as a share of it, lacks some that are heard.
_INCOMPLETE = 0.01


@dataclass(frozen=True, repr=False)
class Modes(Result):
    """
    The modes of a network: its impulse response is ``sum residues * poles**n`` for n >= 1 and D at n = 0.

    Of each pair of conjugate poles only the one with positive frequency is held, so that the sum goes over each pole
    that is not real and its conjugate. Modes are sorted by frequency.

    Attributes
    ----------
    exponents : array of complex, shape (K,)
        log(pole) per sample: decay rate (negative) and frequency in rad (0 to pi).
    residues : array of complex, shape (K, n_out, n_in)
        Amplitude and phase, before `post_eq` and without `pre_delay`.
    fs : float
        Sampling rate in Hz.
    order : int
        Sum of the delays: the number of modes, conjugates included, of the whole network.
    reconstruction_error : float
        Largest relative error of the network's transfer function rebuilt from the modes, at 16 points; NaN for a band.

    See Also
    --------
    modal_decomposition : makes it.
    modal_excitation_std : how evenly the modes sound.
    """

    exponents: Complex
    residues: Complex
    fs: float
    order: int
    reconstruction_error: float

    def chart(self) -> Chart:
        """Return the decay time of each mode over its frequency."""
        modes = {"modes": (self.frequencies, self.decay_times)}
        return Chart("Modes", Direction("Frequency", "Hz"), Direction("Decay by 60 dB", "s"), points=modes)

    @property
    def poles(self) -> Complex:
        """Poles in the z plane, shape (K,)."""
        return np.asarray(np.exp(self.exponents))

    @property
    def frequencies(self) -> Array:
        """Frequencies in Hz, shape (K,), from 0 to fs / 2."""
        return np.asarray(self.exponents.imag * (self.fs / (2.0 * math.pi)))

    @property
    def decay_times(self) -> Array:
        """Time in s to decay by 60 dB, shape (K,); infinite if lossless, negative if growing."""
        rate = self.exponents.real * self.fs
        lossless = rate == 0.0
        return np.where(lossless, math.inf, -math.log(1000.0) / np.where(lossless, 1.0, rate))

    @property
    def is_real(self) -> npt.NDArray[np.bool_]:
        """Which poles are real (at 0 Hz or fs / 2) and therefore have no conjugate, shape (K,)."""
        return np.asarray((self.exponents.imag == 0.0) | (self.exponents.imag == math.pi))

    @cached_property
    def _merged(self) -> tuple[Complex, Complex]:
        """Exponents that coincide sound as one: each once, with the sum of their residues."""
        first = np.ones(len(self.exponents), dtype=np.bool_)
        first[1:] = np.abs(np.diff(self.exponents)) >= SAME
        if first.all() or not len(first):
            return self.exponents, self.residues
        return self.exponents[first], np.add.reduceat(self.residues, np.flatnonzero(first), axis=0)

    @property
    def excitation_db(self) -> Array:
        """
        Magnitudes of the residues in dB, shape (L, n_out, n_in), L <= K.

        Poles that coincide are one mode with the sum of their residues. A mode that is not excited is at -inf.
        """
        with np.errstate(divide="ignore"):
            return np.asarray(20.0 * np.log10(np.abs(self._merged[1])))

    def transfer(self, z: npt.ArrayLike) -> Complex:
        """
        Sum of the modes at points of the z plane, shape (P, n_out, n_in), without direct path and `post_eq`.

        Parameters
        ----------
        z : array of complex, shape (P,)
            Points, none of them a pole.
        """
        at = np.atleast_1d(np.asarray(z, dtype=np.complex128))
        poles = self.poles
        weighted = self.residues * poles[:, None, None]
        flat = weighted.reshape(len(poles), -1)
        both = ~self.is_real
        value = np.empty((len(at), flat.shape[1]), dtype=np.complex128)
        for row, point in zip(value, at, strict=True):
            row[:] = (1.0 / (point - poles)) @ flat
            row[:] += (1.0 / (point - poles[both].conj())) @ flat[both].conj()
        return value.reshape(len(at), *self.residues.shape[1:])


def _homogeneous(build: FDNBuild) -> float | None:
    """Log of the gain per sample that all lines share, 0.0 for a lossless loop; None if there is none."""
    if build.post_matrix is not None:
        return None
    if build.filters is None:
        return 0.0
    normal = build.filters / build.filters[:, 3:4]
    if normal[:, [1, 2, 4, 5]].any():
        return None
    gains = normal[:, 0].prod(axis=0)
    if (gains <= 0.0).any():
        return None
    rates = np.log(gains) / build.delays
    # 1e-13 of a rate of -1e-3 moves a pole by less than rounding does
    return float(rates.mean()) if np.ptp(rates) <= 1e-13 * np.abs(rates).max() else None


def _whole_circle(A: Array, build: FDNBuild, tell: Callable[[float], object]) -> Crossings:
    """Crossings from 0 to pi, both ends included; checks that with conjugates they are all there are."""
    margin = math.pi / build.order
    found = zero_crossings(A, build.delays, -margin, math.pi + margin, tell)
    w = found.w.copy()
    for real in (0.0, math.pi):
        w[np.abs(w - real) < SAME] = real
    inside = (w >= 0.0) & (w <= math.pi)
    at_ends = int(((w == 0.0) | (w == math.pi)).sum())
    count = 2 * int(inside.sum()) - at_ends
    if count != build.order:
        raise RuntimeError(f"found {count} of {build.order} modes; please report the network")
    return Crossings(w[inside], found.vectors[inside], found.slopes[inside])


def _reconstruction_error(build: FDNBuild, modes: Modes) -> float:
    """Rebuild the transfer function from the modes on a circle around all of them."""
    angles = math.pi * (np.arange(16) + 0.5) / 16
    s: Complex = np.asarray(float(modes.exponents.real.max()) + 5.0 / build.order + 1j * angles)
    loop, _falling, through = loop_with_slope(build, build.A, 1.0, s)
    wet = build.C @ np.linalg.solve(np.eye(build.N) - loop, through[:, :, None] * build.B)
    scale = float(np.abs(wet).max())
    error = float(np.abs(modes.transfer(np.exp(s)) - wet).max())
    return error / scale if scale else error


def modal_decomposition(
    build: FDNBuild, *, band: tuple[float, float] | None = None, progress: Progress | None = None
) -> Modes:
    """
    Find every mode of a network: all poles, and their residues.

    Parameters
    ----------
    build : FDNBuild
        Feedback matrix orthogonal, or near enough for its modes to be followed from the nearest orthogonal matrix
        (largest singular value at most 100 times the smallest). Any filters in the loop.
    band : (low, high), optional
        Only modes whose frequency, before losses, lies in low <= f < high, in Hz from 0 to fs / 2. Default: all.
    progress : callable or bool, optional
        Called with the share done, from 0 to 1; True for a progress bar.

    Returns
    -------
    Modes
        Exactly as many as the network has: the sum of the delays, conjugates included; with the poles of the filters
        where these cannot be told from modes.

    Raises
    ------
    ValueError
        If the network is too large (see ``MAX_WORK``), the matrix too far from orthogonal, the band out of range, or
        the modes cannot be followed through the filters' losses.

    See Also
    --------
    modal_excitation_std : one number for how coloured the modes are.
    transfer_function : the spectrum they add up to.

    Notes
    -----
    For an orthogonal matrix and a decay in proportion to the delays the modes are zero crossings of eigenphases,
    which can be counted: none is missed, also where several coincide. Other losses are switched on in steps, each
    mode followed by Newton's method, and the count checked again. Filters have poles of their own, which are not
    among the modes; they matter only where a filter rings about as long as the delays, and
    `Modes.reconstruction_error` then says so. Where modes cannot be followed, as into a filter's zero on the unit
    circle (Butterworth filters have theirs at fs / 2), or lack more than 1 % of the response, networks of up to
    1000 states get all their poles from the eigenvalues of the state.

    Poles agree with the eigenvalues of the state-space form to 1e-13 on small networks; 4472 modes of 8 lines took
    0.3 s.

    References
    ----------
    Schlecht and Habets (2019), "Modal decomposition of feedback delay networks", IEEE Trans. Signal Proc. 67,
    5340-5351 (what is computed; the method here is another).
    Beyn (2012), "An integral method for solving nonlinear eigenvalue problems", Linear Algebra Appl. 436, 3839-3863
    (modes that coincide).
    Govaerts (2000), Numerical Methods for Bifurcations of Dynamical Equilibria, ch. 3 (bordered systems).

    Examples
    --------
    >>> comb = FDNBuild([[1.0]], [1.0], [1.0], 0.0, [4], 48000)
    >>> modes = modal_decomposition(comb)
    >>> modes.frequencies.round(6), modes.residues[:, 0, 0].real.round(6)
    (array([    0., 12000., 24000.]), array([0.25, 0.25, 0.25]))
    """
    if not isinstance(build, FDNBuild):
        raise TypeError(f"build is a {type(build).__name__}: give an FDNBuild")
    check_fixed(build)
    low, high = _checked_band(build, band)
    with telling(progress, "modes") as tell:
        return _modes(build, band, low, high, tell)


def _modes(
    build: FDNBuild,
    band: tuple[float, float] | None,
    low: float,
    high: float,
    tell: Callable[[float], object],
) -> Modes:
    """Find the modes between two angles."""
    left_values, singular, right_values = np.linalg.svd(build.A)
    if singular[-1] < 0.01 * singular[0]:
        raise ValueError(
            f"A is too far from orthogonal: its gains run from {singular[-1]:.3g} to {singular[0]:.3g}, more than a "
            "factor of 100; give an orthogonal matrix, and put losses into filters"
        )
    is_orthogonal = orthogonality_error(build.A) <= 1e-12
    orthogonal = build.A if is_orthogonal else left_values @ right_values
    rate = _homogeneous(build) if is_orthogonal else None
    first_part = part(tell, 0.0, 0.95 if rate is not None else 0.4)
    if band is None:
        start = _whole_circle(orthogonal, build, first_part)
    else:
        start = zero_crossings(orthogonal, build.delays, low, high, first_part)
    if rate is not None:
        s: Complex = np.asarray(rate + 1j * start.w)
        right = left = start.vectors
        weights = -start.slopes.astype(np.complex128)
        through = np.exp(-1j * start.w[:, None] * build.delays)
    else:
        try:
            with np.errstate(all="ignore"):  # a point on a filter's own pole counts as a step that failed
                s, right, left = follow(build, orthogonal, start, band is None, part(tell, 0.4, 0.9))
        except (ValueError, np.linalg.LinAlgError) as error:
            return _by_state(build, None if band is None else (low, high), error)
        weights, through = np.empty_like(s), np.empty_like(right)
        step = max(1, _ENTRIES // build.N**2)
        for first in range(0, len(s), step):
            some = slice(first, first + step)
            _, falling, through[some] = loop_with_slope(build, orthogonal, 1.0, s[some])
            weights[some] = (left[some].conj()[:, None, :] @ falling @ right[some][:, :, None])[:, 0, 0]
    into = (left.conj() * through) @ build.B
    out = right @ build.C.T
    residues = -out[:, :, None] * into[:, None, :] / weights[:, None, None]
    modes = Modes(s, residues, build.fs, build.order, math.nan)
    if band is not None or not len(s):
        return modes
    rebuilt = _reconstruction_error(build, modes)
    if rebuilt > _INCOMPLETE and count_states(build) <= MAX_STATES:
        return _by_state(build, None, ValueError(LOST))
    return Modes(s, residues, build.fs, build.order, rebuilt)


def _by_state(build: FDNBuild, edges: tuple[float, float] | None, error: Exception) -> Modes:
    """All poles of a small network whose modes cannot be followed, those of its filters included; or the error."""
    lost = ValueError(LOST)
    if count_states(build) > MAX_STATES:
        raise lost from error
    s, residues = poles_of_state(build)
    modes = Modes(s, residues, build.fs, build.order, math.nan)
    rebuilt = _reconstruction_error(build, modes)
    if not rebuilt < _INCOMPLETE:
        raise lost from error
    if edges is not None:
        inside = (s.imag >= edges[0]) & (s.imag < edges[1])
        return Modes(s[inside], residues[inside], build.fs, build.order, math.nan)
    return Modes(s, residues, build.fs, build.order, rebuilt)


def _checked_band(build: FDNBuild, band: Any) -> tuple[float, float]:
    """Return the band in rad per sample, after checking it and the work it means."""
    if band is None:
        low, high = 0.0, build.fs / 2.0
    else:
        try:
            low, high = (float(edge) for edge in band)
        except (TypeError, ValueError):
            raise TypeError(f"band = {band!r} must be two frequencies in Hz: give (low, high)") from None
        if not 0.0 <= low < high <= build.fs / 2.0:
            raise ValueError(
                f"band = ({low:g}, {high:g}) Hz must satisfy 0 <= low < high <= fs / 2 = {build.fs / 2.0:g} Hz"
            )
    work = build.order * build.N**2 * (high - low) / build.fs
    if work > MAX_WORK:
        raise ValueError(
            f"{build.order} modes of {build.N} lines are too many at once: shorten the delays, or give a band of "
            f"at most {MAX_WORK / (build.order * build.N**2) * build.fs:.3g} Hz"
        )
    turn = 2.0 * math.pi / build.fs
    return low * turn, high * turn


def modal_excitation_std(modes: Modes) -> float:
    """
    Standard deviation in dB of how strongly the modes sound: the measure of colouration of a network.

    Equal modes give 0 and a flat, noise-like response; a decay in proportion to the delays does not change it.

    Parameters
    ----------
    modes : Modes
        All modes of a network, or those of a band; at least two that are excited.

    Returns
    -------
    float
        Over the modes' magnitudes in dB. Modes more than 200 dB below the strongest are not reached and not
        counted. With several inputs or outputs, the rms over their pairs.

    Raises
    ------
    ValueError
        If fewer than two modes are excited.

    References
    ----------
    Dal Santo, Prawda, Schlecht and Valimaki (2025), "Optimizing tiny colorless feedback delay networks",
    EURASIP J. Audio Speech Music Proc. 2025:13.

    Examples
    --------
    >>> comb = FDNBuild([[1.0]], [1.0], [1.0], 0.0, [400], 48000)
    >>> round(modal_excitation_std(modal_decomposition(comb)), 9)
    0.0
    """
    if not isinstance(modes, Modes):
        raise TypeError(f"modes is a {type(modes).__name__}: give the result of modal_decomposition")
    level = modes.excitation_db.reshape(-1, modes.residues.shape[1] * modes.residues.shape[2])
    variances = []
    for channel in level.T:
        strongest = channel.max(initial=-math.inf)
        heard = channel[channel > strongest + _UNREACHED_DB] if math.isfinite(strongest) else channel[:0]
        if len(heard) < 2:
            raise ValueError(
                f"{len(heard)} modes are excited, too few for a spread: check B and C, or widen the band"
            )
        variances.append(float(np.var(heard)))
    return math.sqrt(sum(variances) / len(variances))
