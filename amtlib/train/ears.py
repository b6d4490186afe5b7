"""Two outputs brought to the coherence of two ears: an all-pass filter parts their phases, found by least squares.
Source: decorrelation by all-pass filters of Kendall (1995), Computer Music J. 19, 71-87; bands of an ERB.
Not here: losses (:mod:`amtlib.train.losses.two_ears`); measures (:mod:`amtlib.fdn.coherence`).
"""

import math

import numpy as np
from scipy.optimize import least_squares

from amtlib.fdn.build import Array
from amtlib.fdn.coherence import coherence_centres, coherence_weights
from amtlib.fdn.response import Complex
from amtlib.scales import erbrate2f, f2erb, f2erbrate

# Spectra are summed over so many intervals in each Cam.
_PER_CAM = 40
# Frequencies of a white spectrum.
_WHITE = 8192
# Range of the sections, Cam and share of fs; their narrowest and widest bandwidth, ERB.
_LOWEST, _TOP, _NARROW, _WIDE = 1.0, 0.48, 0.08, 12.0
# A resonance of bandwidth b decays by 60 dB in 3 ln(10) / (pi b) seconds: no later than the room does.
_RINGS = 3.0 * math.log(10.0) / math.pi
# What costs as much as .05 of coherence in one band: a section moved by so many Cam, or nepers of bandwidth.
_COHERENCE, _MOVED = 0.05, 100.0
# Bandwidths of the sections that a fit begins with, ERB; how many of these starts are tried, with so many rounds each;
# how many of them get further sections, with so many rounds each, until every band is as near as this.
_WIDTHS, _TRIED, _SHORT, _KEPT, _ROUNDS, _ENOUGH = (0.3, 0.4, 0.6), 5, 25, 2, 30, 0.035
# Sections that a filter has at most, and that bring no band nearer before the last one that did is taken; places and
# bandwidths at which a further one is tried, Cam and shares.
_MOST, _PATIENCE, _PLACES, _SHARES = 48, 5, (-0.4, 0.0, 0.4), (0.5, 1.0)
# Step of a derivative; least scale of a section's place, ERB.
_STEP, _PLACE = 1e-5, 0.03


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
    times : array, shape (bands,), optional
        Decay times in s at the same centres, which no section's own resonance may outlast.

    Notes
    -----
    A section of the filter turns the phase once, within about its bandwidth. Of sound that is the same at both outputs
    and white, one of bandwidth b takes pi b / B of the coherence of a band B wide around it, since the real part of its
    response is ``1 - 2 / (1 + x^2)`` at x half bandwidths from its centre. Each output keeps its spectrum and its
    modes. Below the first section both stay alike. A fit begins with sections one Cam apart; their centres and
    bandwidths are fitted to the target by least squares, with the power that the outputs really have at each frequency;
    then sections are added, one at a time, in the band whose coherence is furthest above the target.

    References
    ----------
    Kendall (1995), "The decorrelation of audio signals and its impact on spatial imagery", Computer Music J. 19, 71-87.

    Examples
    --------
    >>> from amtlib.fdn.coherence import coherence_centres, diffuse_field_coherence
    >>> wanted = diffuse_field_coherence(coherence_centres(8000))
    >>> ears = EarPhases(wanted, 8000)
    >>> ears.furthest(ears.nearest()) < 0.05
    True
    """

    def __init__(
        self,
        target: Array,
        fs: float,
        wet: Complex | None = None,
        direct: Array | None = None,
        times: Array | None = None,
    ) -> None:
        self.fs = fs
        self.target = target.reshape(len(target), -1).T.ravel()
        self._cams = np.asarray(f2erbrate(coherence_centres(fs)), dtype=np.float64)
        self._top = float(f2erbrate(_TOP * fs))
        self._least = np.zeros(len(target)) if times is None else _RINGS / times
        if wet is None:
            wet = np.ones((_WHITE + 1, 2, self.target.size // len(target)), dtype=np.complex128)
        found = np.zeros(wet.shape[1:]) if direct is None else direct
        lines = len(wet)
        weights = coherence_weights(fs, lines)
        cams = np.asarray(f2erbrate(np.linspace(0.0, fs / 2.0, lines)), dtype=np.float64)
        edges = np.unique(np.searchsorted(cams, np.arange(0.0, cams[-1], 1.0 / _PER_CAM)))

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
        self._z = np.exp(-0.5j * math.pi * (edges + ends - 1) / (lines - 1))[:, None]

    def starts(self) -> list[Array]:
        """Return sections one Cam apart, from where the coherence is nearest, as numbers of :func:`phase_sections`."""
        offers = [
            np.concatenate([cams, np.full_like(cams, math.log(width))])
            for cams in (
                np.arange(first, self._top, 1.0) for first in np.arange(_LOWEST, self._top - 1.0, 0.25)
            )
            for width in _WIDTHS
        ]
        return sorted((np.clip(each, *self._range(each)) for each in offers), key=self._misses)[:_TRIED]

    def furthest(self, numbers: Array) -> float:
        """Return the largest distance of the coherence from the target in any band."""
        return float(np.abs(self.coherence(numbers) - self.target).max())

    def nearest(self, *starts: Array) -> Array:
        """Return the numbers that come nearest to the target, from these and those of :meth:`starts`."""
        tried = sorted((self.fitted(each, _SHORT) for each in (*starts, *self.starts())), key=self._misses)
        best = tried[0]
        for each in tried[:_KEPT]:
            if self.furthest(best) > _ENOUGH:
                best = min(best, self.grown(each), key=self.furthest)
        return best

    def grown(self, numbers: Array) -> Array:
        """Return the numbers that come nearest, from these on, with further sections where bands need them."""
        best = numbers = self.fitted(numbers)
        while self.furthest(best) > _ENOUGH and numbers.size < min(best.size + 2 * _PATIENCE, 2 * _MOST):
            above = (self.coherence(numbers) - self.target).reshape(-1, len(self._cams)).mean(axis=0)
            band, half = int(above.argmax()), numbers.size // 2
            excess = max(float(above[band]) / math.pi, _NARROW)
            offers = [
                np.concatenate(
                    [numbers[:half], [self._cams[band] + off], numbers[half:], [math.log(share * excess)]]
                )
                for off in _PLACES
                for share in _SHARES
            ]
            numbers = self.fitted(min(offers, key=self._misses))
            best = min(best, numbers, key=self.furthest)
        return best

    def coherence(self, numbers: Array) -> Array:
        """Return the coherence that this filter gives, (bands n_in,), all bands of the first input first."""
        return self._both(self._phasor(numbers).prod(axis=1))[0]

    def fitted(self, numbers: Array, rounds: int = _ROUNDS) -> Array:
        """Return the numbers that come nearest to the target, from these on, after so many rounds at most."""
        low, high = self._range(numbers)
        begin = np.clip(numbers, low + 1e-6, high - 1e-6)
        half = numbers.size // 2
        # what a section does changes within its bandwidth
        scale = np.concatenate([np.clip(np.exp(begin[half:]), _PLACE, 1.0), np.ones(half)])

        def off(at: Array) -> Array:
            return np.concatenate([(self.coherence(at) - self.target) / _COHERENCE, (at - begin) / _MOVED])

        def slope(at: Array) -> Array:
            return np.concatenate([self.slope(at) / _COHERENCE, np.eye(at.size) / _MOVED])

        found = least_squares(off, begin, slope, bounds=(low, high), x_scale=scale, max_nfev=rounds)
        return np.asarray(np.clip(found.x, *self._range(found.x)))

    def _misses(self, numbers: Array) -> float:
        """Sum of the squares of all bands' distances from the target."""
        return float(np.square(self.coherence(numbers) - self.target).sum())

    def _range(self, numbers: Array) -> tuple[Array, Array]:
        """Lowest and highest numbers of these sections."""
        cams = numbers[: numbers.size // 2]
        erb = np.asarray(f2erb(erbrate2f(cams)), dtype=np.float64)
        least = np.maximum(np.interp(cams, self._cams, self._least) / erb, _NARROW)
        most = np.maximum(2.0 * least, _WIDE)
        low, high = np.full_like(cams, 0.5 * _LOWEST), np.full_like(cams, self._top)
        return np.concatenate([low, np.log(least)]), np.concatenate([high, np.log(most)])

    def _phasor(self, numbers: Array) -> Complex:
        """Response of each section, (intervals, S)."""
        below = self._below(numbers)
        return np.asarray(np.square(self._z) * below.conj() / below)

    def _below(self, numbers: Array) -> Complex:
        """Denominator of each section, (intervals, S)."""
        a1, a2 = phase_sections(numbers, self.fs)[:, 4:].T
        return np.asarray(1.0 + self._z * (a1 + self._z * a2))

    def _both(self, turn: Complex) -> tuple[Array, Array, Array]:
        """Coherence, cross power and power of the second output, of the filter's response."""
        cross = self._cross + (self._turned * turn.conj()[:, None]).real.sum(axis=0)
        power = np.maximum(
            self._power + (self._beat * turn.conj()[:, None]).real.sum(axis=0), 1e-12 * self._power
        )
        return cross / np.sqrt(self._other * power), cross, power

    def slope(self, numbers: Array) -> Array:
        """Return the derivatives of the coherence, (bands n_in, 2 S)."""
        below = self._below(numbers)
        turn = (np.square(self._z) * below.conj() / below).prod(axis=1)
        half = numbers.size // 2
        here = phase_sections(numbers, self.fs)[:, 4:]
        by_a1 = self._z / below
        by_a2 = (self._z * by_a1).imag
        phases = []  # d phase = -2 Im (d denominator / denominator)
        for part in (slice(half), slice(half, None)):
            moved = numbers.copy()
            moved[part] += _STEP
            a1, a2 = ((phase_sections(moved, self.fs)[:, 4:] - here) / _STEP).T
            phases.append(-2.0 * (by_a1.imag * a1 + by_a2 * a2))
        slopes = np.concatenate(phases, axis=1)
        # d conj(turn) = -j conj(turn) d phase
        cross = (self._turned * (-1j * turn.conj())[:, None]).real.T @ slopes
        beat = (self._beat * (-1j * turn.conj())[:, None]).real.T @ slopes
        gamma, _, power = self._both(turn)
        return np.asarray(
            cross / np.sqrt(self._other * power)[:, None] - (gamma / (2.0 * power))[:, None] * beat
        )
