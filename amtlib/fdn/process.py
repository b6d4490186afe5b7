"""The sound of a network: a signal sent through its delay lines, exactly and in float64.
Source: Jot and Chaigne (1991), AES 90th Convention, 3030; blocks as long as the shortest delay, as in pyFDN.
Not here: frequency responses (:mod:`amtlib.fdn.response`), gradients (:mod:`amtlib.train`).
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from amtlib.fdn.build import Array, FDNBuild, real_array
from amtlib.fdn.sections import Sections
from amtlib.progress import Progress, telling

#: Longest block in samples; the shortest delay is the other limit.
MAX_BLOCK = 4096
#: Samples of all inputs, or of all outputs, at most.
MAX_SAMPLES = 2**27

# Far below any sound, far above where numbers lose digits and processors slow down.
_SILENCE = 1e-200


def _checked_signal(signal: Any, build: FDNBuild, least: int = 1) -> Array:
    """Return the signal with channels first, shape (n_in, T)."""
    x = real_array(signal, "signal")
    if x.ndim not in (1, 2):
        raise ValueError(
            f"Input signal must be a 1-D or 2-D array, got shape {x.shape}: give (T,) or (T, n_in)"
        )
    x = x[:, None] if x.ndim == 1 else x
    if x.shape[1] != build.n_in:
        raise ValueError(
            f"the signal has {x.shape[1]} channels, the network {build.n_in} inputs: give ({x.shape[0]}, {build.n_in})"
        )
    if x.shape[0] < least:
        raise ValueError("the signal has no samples: give at least one")
    check_length(x.shape[0], build)
    return np.ascontiguousarray(x.T)


def check_length(samples: int, build: FDNBuild) -> None:
    """Raise if that many samples of all inputs or outputs do not fit in memory."""
    most = MAX_SAMPLES // max(build.n_in, build.n_out)
    if samples > most:
        raise ValueError(
            f"{samples} samples ({samples / build.fs:.4g} s) are more than {most} ({most / build.fs:.4g} s): process "
            "the signal in parts"
        )


def rotated(out: Array, modulation: Array, start: int, fs: float) -> Array:
    """
    Turn pairs of lines by the angles of a modulation.

    Parameters
    ----------
    out : array, shape (N, T)
        What leaves the lines.
    modulation : array, shape (3, N // 2)
        See :class:`FDNBuild`.
    start : int
        Samples since the start.
    fs : float
        Sampling rate in Hz.

    Examples
    --------
    >>> rotated(np.array([[1.0], [0.0]]), np.array([[math.pi / 2], [0.0], [math.pi / 2]]), 0, 48000.0).round(6)
    array([[0.],
           [1.]])
    """
    depths, rates, phases = modulation[:, :, None]
    turns = np.fmod(rates / fs * np.arange(start, start + out.shape[1]), 1.0)
    angles = depths * np.sin(2.0 * math.pi * turns + phases)
    cosine, sine = np.cos(angles), np.sin(angles)
    paired = 2 * len(depths)
    first, second = out[0:paired:2], out[1:paired:2]
    found = out.copy()
    found[0:paired:2] = cosine * first - sine * second
    found[1:paired:2] = sine * first + cosine * second
    return found


class FDNStream:
    """
    A network that remembers: it takes a signal chunk by chunk, and every chunk comes out at once.

    Parameters
    ----------
    build : FDNBuild
        The network; its modulation starts with the first sample.
    longest : int
        No more samples than these are processed at a time, >= 1: a smaller number takes less memory for short signals.

    Raises
    ------
    TypeError
        If `build` is no network.
    ValueError
        If `longest` is no such number.

    See Also
    --------
    process_fdn : a whole signal.

    Notes
    -----
    The concatenated outputs equal those of the whole signal to rounding.

    Examples
    --------
    >>> comb = FDNBuild([[0.5]], [1.0], [1.0], 1.0, [2], 48000)
    >>> live = FDNStream(comb)
    >>> live.process([1.0, 0.0]), live.process([0.0, 0.0, 0.0])
    (array([1., 0.]), array([1. , 0. , 0.5]))
    """

    def __init__(self, build: FDNBuild, *, longest: int = MAX_BLOCK) -> None:
        if not isinstance(build, FDNBuild):
            raise TypeError(f"build is a {type(build).__name__}: give an FDNBuild")
        self._build = build
        if isinstance(longest, bool) or not isinstance(longest, int | np.integer) or longest < 1:
            raise ValueError(f"longest = {longest!r}: give a whole number of samples, 1 or more")
        self._step = min(int(longest), MAX_BLOCK)
        self._block = min(self._step, int(build.delays.min()))
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next chunk starts a new signal."""
        build, block = self._build, self._block
        self._in_loop, self._after_matrix = (
            None if sos is None else Sections(sos, block) for sos in (build.filters, build.post_matrix)
        )
        self._equaliser = None if build.post_eq is None else Sections(build.post_eq, self._step)
        longest = int(build.delays.max())
        # What entered each line, of which the last `longest` samples are needed; moved back when the end is reached.
        self._lines = np.zeros((build.N, longest + max(longest, 16 * block)))
        self._now = longest
        self._left = np.empty((build.N, block))
        self._held = np.zeros((build.n_in, build.pre_delay))
        self._samples = 0

    def process(self, signal: npt.ArrayLike) -> Array:
        """
        Process the next samples.

        Parameters
        ----------
        signal : array, shape (T,) or (T, n_in)
            Chunk of any length, also 0.

        Returns
        -------
        array of float64, shape (T,) or (T, n_out)
            As many samples of the output.

        Raises
        ------
        ValueError
            As :func:`process_fdn`; after an overflow, :meth:`reset` before going on.
        """
        y = self.run(_checked_signal(signal, self._build, least=0))
        return np.ascontiguousarray(y[0] if self._build.n_out == 1 else y.T)

    def run(self, x: Array, tell: Callable[[float], object] = lambda share: None) -> Array:
        """Process an input that has been checked, (n_in, T) to (n_out, T); `tell` is called with the share done."""
        build, before = self._build, self._samples
        with np.errstate(over="ignore", invalid="ignore"):
            late = x
            if build.pre_delay:
                late = np.concatenate([self._held, x], axis=1)
                late, self._held = late[:, : x.shape[1]], late[:, x.shape[1] :].copy()
            y = self._wet(late, tell) + build.D @ x
        if not np.isfinite(y).all():
            first = before + int(np.flatnonzero(~np.isfinite(y).all(axis=0))[0])
            raise ValueError(
                f"the output overflows after {first} samples ({first / build.fs:.3g} s): the network is unstable (the "
                f"largest gain of A is {np.linalg.norm(build.A, 2):.4g}); scale A down or give it a decay"
            )
        return np.asarray(y)

    def _wet(self, x: Array, tell: Callable[[float], object]) -> Array:
        """Output gains of the filtered lines, shape (n_out, T)."""
        build, lines, block, samples = self._build, self._lines, self._block, x.shape[1]
        delays = [int(m) for m in build.delays]
        longest = max(delays)
        wet = np.empty((build.n_out, samples))
        heard = np.flatnonzero(x.any(axis=0))
        last_input = int(heard[-1]) if len(heard) else -1
        for start in range(0, samples, block):
            length = min(block, samples - start)
            if start % MAX_BLOCK < block:  # not for each sample, where a delay is one sample long
                tell(start / samples)
            if self._now + length > lines.shape[1]:
                lines[:, :longest] = lines[:, self._now - longest : self._now].copy()
                self._now = longest
            now = self._now
            for line, delay in enumerate(delays):
                self._left[line, :length] = lines[line, now - delay : now - delay + length]
            out = self._left[:, :length]
            if self._in_loop is not None:
                out = self._in_loop.process(out)
            np.matmul(build.C, out, out=wet[:, start : start + length])
            if build.modulation is not None:
                out = rotated(out, build.modulation, self._samples, build.fs)
            fed = build.A @ out
            if self._after_matrix is not None:
                fed = self._after_matrix.process(fed)
            if start <= last_input:
                fed += build.B @ x[:, start : start + length]
            elif fed.min() > -_SILENCE and fed.max() < _SILENCE:
                fed[:] = 0.0
            lines[:, now : now + length] = fed
            self._now += length
            self._samples += length
        if self._equaliser is not None:
            step = self._step
            for start in range(0, samples, step):
                wet[:, start : start + step] = self._equaliser.process(wet[:, start : start + step])
        return wet


def process_fdn(signal: npt.ArrayLike, build: FDNBuild, *, progress: Progress | None = None) -> Array:
    """
    Send a signal through a network, from rest.

    Parameters
    ----------
    signal : array, shape (T,) or (T, n_in)
        Input, real and finite; (T,) for one input. At most 2**27 samples of all inputs, or of all outputs.
    build : FDNBuild
        The network.
    progress : callable or bool, optional
        Called with the share done, from 0 to 1; True for a progress bar.

    Returns
    -------
    array of float64, shape (T,) or (T, n_out)
        The first T samples of the output; (T,) for one output. What still rings is cut off: append zeros.

    Raises
    ------
    ValueError
        If the signal has another shape, is empty, too long or not finite; or if the output overflows, because the
        network is unstable.
    TypeError
        If an argument has the wrong type.

    See Also
    --------
    render : the impulse response.
    FDNStream : a signal that arrives in chunks.

    Notes
    -----
    Blocks are as long as the shortest delay, at most 4096 samples, and a filter's recursion runs over blocks: a
    network with a delay of one sample is processed sample by sample, at about 30 us each. Against a
    sample-by-sample recursion the error is that of rounding, 1e-15 of the peak.

    Examples
    --------
    >>> comb = FDNBuild([[0.5]], [1.0], [1.0], 1.0, [2], 48000)
    >>> process_fdn([1.0, 0.0, 0.0, 0.0, 0.0], comb)
    array([1. , 0. , 1. , 0. , 0.5])
    """
    if not isinstance(build, FDNBuild):
        raise TypeError(f"build is a {type(build).__name__}: give an FDNBuild")
    x = _checked_signal(signal, build)
    stream = FDNStream(build, longest=x.shape[1])
    with telling(progress, "network") as tell:
        y = stream.run(x, tell)
    return np.ascontiguousarray(y[0] if build.n_out == 1 else y.T)
