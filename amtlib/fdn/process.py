"""The sound of a network: a signal sent through its delay lines, exactly and in float64.
Source: Jot and Chaigne (1991), AES 90th Convention, 3030; blocks as long as the shortest delay, as in pyFDN.
Not here: frequency responses (:mod:`amtlib.fdn.response`), gradients (:mod:`amtlib.train`).
"""

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


def _checked_signal(signal: Any, build: FDNBuild) -> Array:
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
    if x.shape[0] < 1:
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


def _wet(x: Array, build: FDNBuild, tell: Callable[[float], object]) -> Array:
    """Output gains of the filtered lines, shape (n_out, T)."""
    samples = x.shape[1]
    delays = [int(m) for m in build.delays]
    longest = max(delays)
    block = min(MAX_BLOCK, *delays, samples)
    in_loop = None if build.filters is None else Sections(build.filters, block)
    after_matrix = None if build.post_matrix is None else Sections(build.post_matrix, block)
    # What entered each line, of which the last `longest` samples are needed; moved back when the end is reached.
    lines = np.zeros((build.N, longest + max(longest, 16 * block)))
    now = longest
    left = np.empty((build.N, block))
    wet = np.empty((build.n_out, samples))
    silent = not x.any()
    last_input = 0 if silent else int(np.flatnonzero(x.any(axis=0))[-1])
    for start in range(0, samples, block):
        length = min(block, samples - start)
        if start % MAX_BLOCK < block:  # not for each sample, where a delay is one sample long
            tell(start / samples)
        if now + length > lines.shape[1]:
            lines[:, :longest] = lines[:, now - longest : now].copy()
            now = longest
        for line, delay in enumerate(delays):
            left[line, :length] = lines[line, now - delay : now - delay + length]
        out = left[:, :length]
        if in_loop is not None:
            out = in_loop.process(out)
        np.matmul(build.C, out, out=wet[:, start : start + length])
        fed = build.A @ out
        if after_matrix is not None:
            fed = after_matrix.process(fed)
        if start <= last_input:
            fed += build.B @ x[:, start : start + length]
        elif fed.min() > -_SILENCE and fed.max() < _SILENCE:
            fed[:] = 0.0
        lines[:, now : now + length] = fed
        now += length
    if build.post_eq is not None:
        step = min(MAX_BLOCK, samples)
        equaliser = Sections(build.post_eq, step)
        for start in range(0, samples, step):
            wet[:, start : start + step] = equaliser.process(wet[:, start : start + step])
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
        Called with the share done, from 0 to 1; True for a bar (:mod:`amtlib.progress`).

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
    with np.errstate(over="ignore", invalid="ignore"), telling(progress, "network") as tell:
        late = x
        if build.pre_delay:
            late = np.zeros_like(x)
            late[:, build.pre_delay :] = x[:, : max(x.shape[1] - build.pre_delay, 0)]
        y = _wet(late, build, tell) + build.D @ x
    if not np.isfinite(y).all():
        first = int(np.flatnonzero(~np.isfinite(y).all(axis=0))[0])
        raise ValueError(
            f"the output overflows after {first} samples ({first / build.fs:.3g} s): the network is unstable (the "
            f"largest gain of A is {np.linalg.norm(build.A, 2):.4g}); scale A down or give it a decay"
        )
    return np.ascontiguousarray(y[0] if build.n_out == 1 else y.T)
