"""Second-order sections that remember: many channels filtered block by block, with their states kept exactly.
Source: block state-space form of a recursive filter (Burrus 1972, IEEE Trans. Audio Electroacoust. 20, 230-235).
Not here: filters without states, given by a transfer function (:mod:`amtlib.lti`).
"""

import numpy as np
import scipy.fft

from amtlib.fdn.build import Array
from amtlib.lti import fast_length

# Blocks up to this length are multiplied by a matrix, longer ones convolved by FFT: the times meet at about 64.
_SHORT = 64
# A filter whose state has fallen to this share of itself, an eighth of the rounding, after so many samples is these taps.
_FALLEN, _TAPS = 2.0**-56, (16, 32, 64)
# How many samples one row of a product with taps makes, at as many multiplications a sample as taps and these.
_TILE = 16


def _state_space(sos: Array) -> tuple[Array, Array, Array, Array]:
    """Transition (F, n, n), drive (F, n), observation (F, n) and direct gain (F,) of cascades (S, 6, F), a0 = 1."""
    sections, _, channels = sos.shape
    n = 2 * sections
    transition, drive = np.zeros((channels, n, n)), np.zeros((channels, n))
    observe, direct = np.zeros((channels, n)), np.ones(channels)
    for s in range(sections):
        b0, b1, b2, _, a1, a2 = sos[s]
        first, second = 2 * s, 2 * s + 1
        # Transposed direct form II; the section's input is what the ones before make: observe . state + direct x.
        for row, b, a in ((first, b1 - a1 * b0, a1), (second, b2 - a2 * b0, a2)):
            transition[:, row, :first] = b[:, None] * observe[:, :first]
            transition[:, row, first] = -a
            drive[:, row] = b * direct
        transition[:, first, second] = 1.0
        observe *= b0[:, None]
        observe[:, first] = 1.0
        direct = direct * b0
    return transition, drive, observe, direct


class Sections:
    """
    A cascade of second-order sections per channel, running.

    The output of a block is the block convolved with as much of the impulse response, plus what the state rings;
    the state after it is linear in both. So the recursion runs over blocks, not over samples, and is exact. Filters
    that ring for no more than 64 samples, as those of first order in a network do, are convolved with their taps.

    Parameters
    ----------
    sos : array, shape (S, 6, channels)
        Rows b0 b1 b2 a0 a1 a2.
    block : int
        Longest block that :meth:`process` will be given, >= 1.

    Examples
    --------
    >>> halving = Sections(np.array([[[1.0], [0.0], [0.0], [1.0], [-0.5], [0.0]]]), block=2)
    >>> halving.process(np.array([[1.0, 0.0]])), halving.process(np.array([[0.0]]))
    (array([[1. , 0.5]]), array([[0.25]]))
    """

    def __init__(self, sos: Array, block: int) -> None:
        normal = sos / sos[:, 3:4]
        self._gains: Array | None = None
        self._taps: _Taps | None = None
        if not normal[:, [1, 2, 4, 5]].any():
            self._gains = normal[:, 0].prod(axis=0)[:, None]
            return
        transition, drive, observe, direct = _state_space(normal)
        self._taps = _taps_of(transition, drive, observe, direct, block)
        if self._taps is not None:
            return
        # observe . transition^l and transition^l . drive for l = 0 ... block - 1, by doubling
        rings, reaches, power = observe[:, None, :], drive[:, :, None], transition
        while rings.shape[1] < block:
            rings = np.concatenate([rings, rings @ power], axis=1)
            reaches = np.concatenate([reaches, power @ reaches], axis=2)
            power = power @ power
        # the last sample has had no step to pass through the transition yet, the first one block - 1; turned round here,
        # for BLAS takes no samples that run backwards
        self._rings, self._reaches = rings[:, :block], reaches[:, :, block - 1 :: -1].copy()
        impulse = np.concatenate([direct[:, None], (self._rings @ drive[:, :, None])[:, :-1, 0]], axis=1)
        self._transition = transition
        self._power = (block, np.linalg.matrix_power(transition, block))
        self._state = np.zeros((*drive.shape, 1))
        if block <= _SHORT:
            lag = np.arange(block)[:, None] - np.arange(block)
            self._matrix = np.where(lag >= 0, impulse[:, np.abs(lag)], 0.0)
        else:
            self._n_fft = fast_length(2 * block - 1)
            self._spectrum = scipy.fft.rfft(impulse, self._n_fft)
        self._block = block

    def process(self, x: Array) -> Array:
        """Filter the next samples, shape (channels, L) with L <= block; returns as many."""
        if self._gains is not None:
            return x * self._gains
        if self._taps is not None:
            return self._taps.process(x)
        length = x.shape[1]
        if self._block <= _SHORT:
            y = (self._matrix[:, :length, :length] @ x[:, :, None])[..., 0]
        else:
            y = scipy.fft.irfft(scipy.fft.rfft(x, self._n_fft) * self._spectrum, self._n_fft)[:, :length]
        y = y + (self._rings[:, :length] @ self._state)[..., 0]
        if self._power[0] != length:
            self._power = (length, np.linalg.matrix_power(self._transition, length))
        self._state = (
            self._power[1] @ self._state + self._reaches[:, :, self._block - length :] @ x[:, :, None]
        )
        return np.asarray(y, dtype=np.float64)


class _Taps:
    """
    Filters with a few taps per channel, running.

    Parameters
    ----------
    taps : array, shape (channels, K + 1)
    block : int
        Longest block.
    """

    def __init__(self, taps: Array, block: int) -> None:
        channels, before = taps.shape[0], taps.shape[1] - 1
        tile = min(_TILE, block)
        tiles = -(-block // tile)
        lag = before + np.arange(tile) - np.arange(before + tile)[:, None]
        self._matrix = np.where((lag >= 0) & (lag <= before), taps[:, np.clip(lag, 0, before)], 0.0)
        self._before, self._tile = before, tile
        self._samples = np.zeros((channels, before + tiles * tile))
        windows = np.lib.stride_tricks.sliding_window_view(self._samples, before + tile, axis=1)
        self._windows = windows[:, ::tile]

    def process(self, x: Array) -> Array:
        """Filter the next samples, shape (channels, L); returns as many."""
        before, length, samples = self._before, x.shape[1], self._samples
        samples[:, before : before + length] = x
        y = self._windows[:, : -(-length // self._tile)] @ self._matrix
        samples[:, :before] = samples[:, length : length + before].copy()
        return np.asarray(y.reshape(len(y), -1)[:, :length])


def _taps_of(transition: Array, drive: Array, observe: Array, direct: Array, block: int) -> _Taps | None:
    """Return filters as taps, where they ring for so few samples."""
    for count in _TAPS:
        if np.abs(np.linalg.matrix_power(transition, count)).max() <= _FALLEN:
            rings = [observe[:, None, :]]
            for _ in range(count - 1):
                rings.append(rings[-1] @ transition)
            later = (np.concatenate(rings, axis=1) @ drive[:, :, None])[:, :, 0]
            return _Taps(np.concatenate([direct[:, None], later], axis=1), block)
    return None
