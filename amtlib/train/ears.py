"""Two outputs brought to the coherence of two ears: an all-pass filter parts their phases, found by least squares.
Source: decorrelation by all-pass filters of Kendall (1995), Computer Music J. 19, 71-87; bands of an ERB.
Not here: losses (:mod:`amtlib.train.losses.two_ears`); measures (:mod:`amtlib.fdn.coherence`).
"""

import math

import numpy as np
from scipy.optimize import least_squares

from amtlib.fdn.build import Array
from amtlib.fdn.coherence import coherence_weights
from amtlib.fdn.response import Complex
from amtlib.scales import erbrate2f, f2erb, f2erbrate

# Phases are smooth: sums of the spectra over so many intervals are all that is needed.
_INTERVALS = 2048
# Range of the sections, Cam and share of fs; range of their bandwidths, log of ERB.
_LOWEST, _TOP, _WIDTHS = 1.0, 0.48, 2.5
# What costs as much as .05 of coherence in one band: a section moved by so many Cam, or nepers of bandwidth; a level
# in one band that changes by so many dB, and a gain by this share of the largest.
_COHERENCE, _MOVED, _LEVEL, _GAIN = 0.05, 20.0, 2.0, 2.0
# Starts that are fitted, rounds of each, step of a derivative; a band ends where its weight is this share of its top.
_STARTS, _ROUNDS, _STEP, _EDGE = 2, 30, 1e-5, 1e-3


def phase_sections(numbers: Array, fs: float) -> Array:
    """
    Return an all-pass filter of sections with these centres (Cam) and logarithms of bandwidths (ERB).

    Parameters
    ----------
    numbers : array, shape (2 S,)
        All centres, then all bandwidths.
    fs : float
        Sampling rate in Hz.

    Returns
    -------
    array, shape (S, 6)
        Second-order sections with a gain of 1 at every frequency.

    Examples
    --------
    >>> from amtlib.fdn.response import sections_at
    >>> sos = phase_sections(np.array([20.0, 21.0, 0.0, 0.0]), 16000.0)
    >>> z = np.exp(-2j * math.pi * np.array([100.0, 3000.0]) / 16000.0)
    >>> np.abs(sections_at(sos[:, :, None], z))[:, 0].round(9)
    array([1., 1.])
    """
    cams, widths = numbers.reshape(2, -1)
    centres = np.asarray(erbrate2f(cams), dtype=np.float64)
    radius = np.exp(-math.pi * np.exp(widths) * np.asarray(f2erb(centres), dtype=np.float64) / fs)
    a1, a2 = -2.0 * radius * np.cos(2.0 * math.pi * centres / fs), np.square(radius)
    one = np.ones_like(a1)
    return np.stack([a2, a1, one, one, a1, a2], axis=1)


class EarPhases:
    """
    What two outputs have in common, as a function of an all-pass filter behind the second one.

    Parameters
    ----------
    target : array, shape (bands,) or (bands, n_in)
        Coherence that is wanted, at :func:`amtlib.fdn.coherence.coherence_centres`.
    fs : float
        Sampling rate in Hz.
    wet : array of complex, shape (F, 2, n_in), optional
        Response of both outputs without that filter and without direct sound, at F evenly spaced frequencies from 0 to
        fs / 2. Default: both are the same, and white.
    direct : array, shape (2, n_in), optional
        Direct sound, which does not pass the filter.

    Notes
    -----
    A section of the filter turns the phase once, within about the ERB at its centre: where there is one in every ERB,
    phases at any band's ends differ by a whole turn, and the outputs have nothing in common on average, while each
    keeps its spectrum and its modes. Below the first section they stay alike. Centres and bandwidths are fitted to the
    target by least squares, with the power that the outputs really have at each frequency.

    References
    ----------
    Kendall (1995), "The decorrelation of audio signals and its impact on spatial imagery", Computer Music J. 19(4).

    Examples
    --------
    >>> from amtlib.fdn.coherence import coherence_centres, diffuse_field_coherence
    >>> wanted = diffuse_field_coherence(coherence_centres(16000))
    >>> ears = EarPhases(wanted, 16000)
    >>> ears.distance(ears.nearest()) < 0.05
    True
    """

    def __init__(
        self, target: Array, fs: float, wet: Complex | None = None, direct: Array | None = None
    ) -> None:
        self.fs = fs
        self.target = target.reshape(len(target), -1).T.ravel()
        if wet is None:
            wet = np.ones((4 * _INTERVALS + 1, 2, self.target.size // len(target)), dtype=np.complex128)
        found = np.zeros(wet.shape[1:]) if direct is None else direct
        lines = len(wet)
        weights = coherence_weights(fs, lines)
        edges = np.unique(np.linspace(0, lines, _INTERVALS + 1).astype(int))[:-1]

        def summed(values: Complex) -> Complex:
            """Weighted sums over the intervals, (intervals, bands n_in)."""
            parts = [np.add.reduceat(each[:, None] * weights, edges, axis=0) for each in values.T]
            return np.concatenate(parts, axis=1)

        left, right = wet[:, 0] + found[0], wet[:, 1]
        # cross power and power of the second output: at rest, and what turns with the filter's phase
        self._cross, self._turned = summed(left * found[1]).sum(axis=0).real, summed(left * right.conj())
        self._power = summed(np.square(np.abs(right)) + np.square(found[1])).sum(axis=0).real
        self._beat = summed(2.0 * found[1] * right.conj())
        self._other = summed(np.square(np.abs(left)) + 0j).sum(axis=0).real
        ends = np.append(edges[1:], lines)
        self._w = math.pi * (edges + ends - 1) / 2.0 / (lines - 1)

    def starts(self) -> list[Array]:
        """Return sections in every ERB from where the coherence is nearest, as numbers of :func:`phase_sections`."""
        top = float(f2erbrate(_TOP * self.fs))
        offers = [np.arange(first, top, 1.0) for first in np.arange(_LOWEST, top - 1.0, 0.5)]
        numbers = [np.concatenate([cams, np.zeros_like(cams)]) for cams in offers]
        return sorted(numbers, key=self.distance)[:_STARTS]

    def distance(self, numbers: Array) -> float:
        """Return the mean distance of the coherence from the target, band by band."""
        return float(np.abs(self.coherence(numbers) - self.target).mean())

    def nearest(self, *starts: Array) -> Array:
        """Return the numbers that come nearest to the target, from these and those of :meth:`starts`."""
        return min((self.fitted(each) for each in (*starts, *self.starts())), key=self.distance)

    def coherence(self, numbers: Array) -> Array:
        """Return the coherence that this filter gives, (bands n_in,), all bands of the first input first."""
        return self._both(self._phasor(numbers).prod(axis=1))[0]

    def fitted(self, numbers: Array) -> Array:
        """Return the numbers that come nearest to the target, from these on."""
        half = numbers.size // 2
        top = float(f2erbrate(_TOP * self.fs))
        low = np.repeat([0.5 * _LOWEST, -_WIDTHS], half)
        high = np.repeat([top + 0.5, _WIDTHS], half)
        begin = np.clip(numbers, low + 1e-3, high - 1e-3)

        def off(at: Array) -> Array:
            return np.concatenate([(self.coherence(at) - self.target) / _COHERENCE, (at - begin) / _MOVED])

        def slope(at: Array) -> Array:
            return np.concatenate([self.slope(at) / _COHERENCE, np.eye(at.size) / _MOVED])

        found = least_squares(off, begin, slope, bounds=(low, high), max_nfev=_ROUNDS)
        return np.asarray(found.x)

    def _phasor(self, numbers: Array) -> Complex:
        """Response of each section, (intervals, S)."""
        a1, a2 = phase_sections(numbers, self.fs)[:, 4:].T
        z = np.exp(-1j * self._w)[:, None]
        below = 1.0 + z * (a1 + z * a2)
        return np.asarray(np.square(z) * below.conj() / below)

    def _both(self, turn: Complex) -> tuple[Array, Array, Array]:
        """Coherence, cross power and power of the second output, of the filter's response."""
        cross = self._cross + (self._turned * turn.conj()[:, None]).real.sum(axis=0)
        power = np.maximum(
            self._power + (self._beat * turn.conj()[:, None]).real.sum(axis=0), 1e-12 * self._power
        )
        return cross / np.sqrt(self._other * power), cross, power

    def slope(self, numbers: Array) -> Array:
        """Return the derivatives of the coherence, (bands n_in, 2 S); those of the phases by differences."""
        sections = self._phasor(numbers)
        turn = sections.prod(axis=1)
        half = numbers.size // 2
        phases = []
        for part in (0, 1):
            moved = numbers.copy()
            moved[part * half : (part + 1) * half] += _STEP
            phases.append(np.angle(self._phasor(moved) * sections.conj()) / _STEP)
        slopes = np.concatenate(phases, axis=1)
        # d conj(turn) = -j conj(turn) d phase
        cross = (self._turned * (-1j * turn.conj())[:, None]).real.T @ slopes
        beat = (self._beat * (-1j * turn.conj())[:, None]).real.T @ slopes
        gamma, _, power = self._both(turn)
        return np.asarray(
            cross / np.sqrt(self._other * power)[:, None] - (gamma / (2.0 * power))[:, None] * beat
        )


def ear_gains(
    lines: Complex, filters: Complex, gains: Array, direct: Array, target: Array, fs: float
) -> Array:
    """
    Return the gains of the lines at two outputs whose coherence is nearest to the target, near those that are given.

    Parameters
    ----------
    lines : array of complex, shape (F, N, n_in)
        Response of each line at F evenly spaced frequencies from 0 to fs / 2.
    filters : array of complex, shape (F, 2)
        Response of both outputs' filters.
    gains : array, shape (2, N)
        Where to begin.
    direct : array, shape (2, n_in)
        Direct sound.
    target : array, shape (bands, n_in)
        Coherence that is wanted.
    fs : float
        Sampling rate in Hz.

    Returns
    -------
    array, shape (2, N)

    Notes
    -----
    In each band, powers and cross power of both outputs are quadratic forms of the gains, whose matrices are computed
    once. Levels by band and the gains stay near those of the start as far as coherence lets them.

    Examples
    --------
    >>> lines = np.fft.rfft(np.random.default_rng(0).standard_normal((4096, 4, 1)), axis=0)
    >>> from amtlib.fdn.coherence import coherence_centres
    >>> wanted = np.full((len(coherence_centres(16000)), 1), 0.6)
    >>> flat, none = np.ones((2049, 2), dtype=complex), np.zeros((2, 1))
    >>> found = ear_gains(lines, flat, np.eye(2, 4), none, wanted, 16000.0)
    >>> bool(abs(found[0] @ found[1] / np.linalg.norm(found[0]) / np.linalg.norm(found[1]) - 0.6) < 0.2)
    True
    """
    n = gains.shape[1]
    weights = coherence_weights(fs, len(filters))
    pairs = ((0, 0), (1, 1), (0, 1))
    forms = np.empty((3, target.size, n + 1, n + 1))
    for row, (source, band) in enumerate(np.ndindex(target.shape[::-1])):
        used = weights[:, band] > _EDGE * weights[:, band].max()
        root = np.sqrt(weights[used, band])[:, None]
        here = lines[used, :, source]
        each = [
            np.concatenate(
                [here * filters[used, ear, None], np.full((len(here), 1), direct[ear, source])], axis=1
            )
            * root
            for ear in (0, 1)
        ]  # the direct sound is one more line, whose gain stays
        for form, (one, other) in zip(forms, pairs, strict=True):
            form[row] = (each[one].T @ each[other].conj()).real
    wanted = target.T.ravel()
    first = gains.ravel()
    unit = _GAIN * np.abs(first).max()

    def measured(at: Array) -> tuple[Array, ...]:
        left, right = (np.append(each, 1.0) for each in at.reshape(2, n))
        of_left, of_right, across = forms[0] @ left, forms[1] @ right, forms[2] @ right
        back = np.einsum("kij,i->kj", forms[2], left)
        return (
            of_left @ left,
            of_right @ right,
            across @ left,
            of_left[:, :n],
            of_right[:, :n],
            across[:, :n],
            back[:, :n],
        )

    begin = measured(first)[:2]

    def off(at: Array) -> Array:
        powers = measured(at)[:3]
        levels = [10.0 * np.log10(now / then) / _LEVEL for now, then in zip(powers[:2], begin, strict=True)]
        found = powers[2] / np.sqrt(powers[0] * powers[1])
        return np.concatenate([(found - wanted) / _COHERENCE, *levels, (at - first) / unit])

    def slope(at: Array) -> Array:
        p, q, both, of_left, of_right, across, back = measured(at)
        gamma = (both / np.sqrt(p * q))[:, None]
        p, q, both = p[:, None], q[:, None], both[:, None]
        one = np.concatenate(
            [across / np.sqrt(p * q) - gamma * of_left / p, back / np.sqrt(p * q) - gamma * of_right / q],
            axis=1,
        )
        none = np.zeros_like(of_left)
        dB = 20.0 / math.log(10.0) / _LEVEL
        levels = [np.concatenate(each, axis=1) * dB for each in ([of_left / p, none], [none, of_right / q])]
        return np.concatenate([one / _COHERENCE, *levels, np.eye(at.size) / unit])

    found = least_squares(off, first, slope, max_nfev=_ROUNDS)
    return np.asarray(found.x.reshape(2, n))
