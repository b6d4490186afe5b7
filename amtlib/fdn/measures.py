"""How coloured a network sounds, in five numbers: spread of modes and of the spectrum, peaks, bands, mixing.
Source: Dal Santo, Prawda, Schlecht and Valimaki (2025), EURASIP JASMP 2025:13; ERB of Glasberg and Moore (1990).
Not here: losses to train with (:mod:`amtlib.train`), decay times (:mod:`amtlib.fdn.decay`).
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from amtlib.fdn.build import Array, FDNBuild, real_array, sampling_rate
from amtlib.fdn.modes import modal_decomposition, modal_excitation_std
from amtlib.fdn.response import transfer_function
from amtlib.progress import Progress, part, telling
from amtlib.results import Result
from amtlib.scales import erbrate2f, f2erb

#: Decay per sample at which spectra are compared: 60 dB in 1.44 s at 48 kHz.
GAMMA = 0.9999
#: Frequencies from 0 to fs / 2 at which spectra are compared.
POINTS = 131072

_LOWEST_CAM, _HIGHEST_CAM, _CAM_STEP = 3.0, 37.5, 0.5


def _magnitude(H: npt.ArrayLike) -> Array:
    h = np.asarray(H)
    if h.dtype.kind not in "fiuc" or h.ndim != 1 or len(h) < 2:
        raise ValueError(f"H has shape {h.shape} and dtype {h.dtype}: give one response, (K,), K at least 2")
    magnitude = np.abs(h).astype(np.float64)
    if not np.isfinite(magnitude).all():
        raise ValueError("H must contain only finite values: evaluate it at a larger radius")
    if not magnitude.any():
        raise ValueError("H is zero everywhere: give the response of a network that sounds")
    return np.asarray(magnitude, dtype=np.float64)


def magnitude_std(H: npt.ArrayLike) -> float:
    """
    Standard deviation of a magnitude response over frequency, in dB.

    Parameters
    ----------
    H : array, shape (K,)
        Response on evenly spaced frequencies, complex or its magnitude; no value 0.

    Returns
    -------
    float
        In dB. 5.57 for a diffuse (Gaussian) field; below that the response is smoother than that of a room.

    Raises
    ------
    ValueError
        If H is no such response.

    Examples
    --------
    >>> magnitude_std([1.0, 10.0])
    10.0
    """
    magnitude = _magnitude(H)
    if not magnitude.all():
        raise ValueError("H has zeros, which no level in dB describes: leave them out")
    return float(np.std(20.0 * np.log10(magnitude)))


def peak_to_rms(H: npt.ArrayLike) -> float:
    """
    Highest peak of a magnitude response re its rms, in dB.

    Parameters
    ----------
    H : array, shape (K,)
        Response on evenly spaced frequencies, complex or its magnitude.

    Returns
    -------
    float
        In dB, >= 0.

    Examples
    --------
    >>> round(peak_to_rms([0.0, 1.0]), 4)
    3.0103
    """
    magnitude = _magnitude(H)
    magnitude = magnitude / magnitude.max()
    return -10.0 * math.log10(float(np.mean(np.square(magnitude))))


def erb_centres(fs: float) -> Array:
    """
    Return the centres of the auditory bands in Hz: every 0.5 Cam from 3 to 37.5 Cam, below fs / 2.

    Examples
    --------
    >>> erb_centres(48000).round(1)[[0, -1]], len(erb_centres(48000))
    (array([   87.4, 12798. ]), 70)
    """
    rate = sampling_rate(fs)
    cams = np.arange(_LOWEST_CAM, _HIGHEST_CAM + _CAM_STEP / 2.0, _CAM_STEP)
    centres = erbrate2f(cams).numpy()
    return np.asarray(centres[centres < rate / 2.0], dtype=np.float64)


def erb_excitation(H: npt.ArrayLike, fs: float) -> Array:
    """
    Level that a response leaves in each auditory band, in dB.

    Parameters
    ----------
    H : array, shape (K,)
        Response at K evenly spaced frequencies from 0 to fs / 2, both included; complex or its magnitude.
    fs : float
        Sampling rate in Hz.

    Returns
    -------
    array, shape (bands,)
        10 log10 of the mean power, weighted by a gammatone filter of fourth order and 1.019 ERB at each of
        :func:`erb_centres`.

    Examples
    --------
    >>> bool(np.allclose(erb_excitation(np.full(1000, 10.0), 48000), 20.0))
    True
    """
    power = np.square(_magnitude(H))
    centres = erb_centres(fs)
    f = np.linspace(0.0, fs / 2.0, len(power))
    level = np.empty(len(centres))
    for band, (centre, width) in enumerate(zip(centres, f2erb(centres).numpy(), strict=True)):
        weight = 1.0 / np.square(np.square(1.0 + np.square((f - centre) / (1.019 * width))))
        # not weight @ power: a product so long takes threads, which cost more than it where others work too
        level[band] = (weight * power).sum() / weight.sum()
    with np.errstate(divide="ignore"):
        return np.asarray(10.0 * np.log10(level))


def erb_std(H: npt.ArrayLike, fs: float) -> float:
    """
    Standard deviation in dB of the levels in auditory bands: what a long-term listener hears of the colouration.

    Parameters
    ----------
    H, fs
        As in :func:`erb_excitation`.

    Returns
    -------
    float
        In dB. It sees nothing finer than a band: judge it with :func:`peak_to_rms` and the modes.

    Examples
    --------
    >>> erb_std(np.full(1000, 10.0), 48000) < 1e-9
    True
    """
    return float(np.std(erb_excitation(H, fs)))


def sparsity(A: npt.ArrayLike) -> float:
    """
    How unevenly an orthogonal matrix mixes: 0 if all entries are equally strong, 1 for a permutation.

    Parameters
    ----------
    A : array, shape (N, N)
        Matrix, orthogonal for the ends of the scale to hold. For N = 1 the result is 0.

    Returns
    -------
    float
        ``(N sqrt N - sum |A|) / (N (sqrt N - 1))``.

    References
    ----------
    Dal Santo, Prawda, Schlecht and Valimaki (2025), EURASIP J. Audio Speech Music Proc. 2025:13.

    Examples
    --------
    >>> sparsity([[0.0, 1.0], [1.0, 0.0]])
    1.0
    """
    a = real_array(A, "A")
    if a.ndim != 2 or a.shape[0] != a.shape[1] or not a.size:
        raise ValueError(f"A has shape {a.shape}: give a square matrix, (N, N)")
    n = len(a)
    if n == 1:
        return 0.0
    return (n * math.sqrt(n) - float(np.abs(a).sum())) / (n * (math.sqrt(n) - 1.0))


@dataclass(frozen=True)
class Colouration(Result):
    """
    Five numbers that tell how coloured a network is; smaller is better, but for `sparsity`, where it is denser.

    Attributes
    ----------
    modal_std : float
        Spread of the modes' strengths in dB, :func:`modal_excitation_std`.
    magnitude_std : float
        Spread of the magnitude response in dB, :func:`magnitude_std`.
    peak_to_rms : float
        Highest peak in dB, :func:`peak_to_rms`.
    erb_std : float
        Spread over auditory bands in dB, :func:`erb_std`.
    sparsity : float
        :func:`sparsity` of the feedback matrix.
    """

    modal_std: float
    magnitude_std: float
    peak_to_rms: float
    erb_std: float
    sparsity: float


def colouration(build: FDNBuild, *, progress: Progress | None = None) -> Colouration:
    """
    Measure how coloured the core of a network is: its delays, matrix and gains.

    Parameters
    ----------
    build : FDNBuild
        A network of one input and one output whose matrix keeps energy. Filters, `post_eq` and the direct path are
        left out: a decay in proportion to the delays colours nothing, and the rest is not the network's.
    progress : callable or bool, optional
        Called with the share done, from 0 to 1; True for a progress bar.

    Returns
    -------
    Colouration
        Modes of the lossless core; spectra of it decaying by 0.9999 per sample, at 131073 frequencies.

    Raises
    ------
    ValueError
        If there is more than one input or output, or the matrix does not keep energy, or the network is too large
        for its modes.

    Examples
    --------
    >>> comb = FDNBuild([[1.0]], [1.0], [1.0], 0.0, [1000], 48000)
    >>> colouration(comb)
    Colouration(modal_std=..., magnitude_std=6.4..., peak_to_rms=13.0..., erb_std=0.2..., sparsity=0.0)
    """
    if not isinstance(build, FDNBuild):
        raise TypeError(f"build is a {type(build).__name__}: give an FDNBuild")
    if build.n_in != 1 or build.n_out != 1:
        raise ValueError(
            f"the network has {build.n_in} inputs and {build.n_out} outputs: give one of each, with one column of B "
            "and one row of C"
        )
    largest = float(np.linalg.norm(build.A, 2))
    if largest > 1.0 + 1e-5:
        raise ValueError(f"A amplifies by up to {largest:.6g}: give a matrix that keeps energy, with gain 1")
    core = replace(build, D=np.zeros((1, 1)), filters=None, post_eq=None, post_matrix=None, pre_delay=0)
    with telling(progress, "colouration") as tell:
        modes = modal_decomposition(
            core, progress=part(tell, 0.0, 0.9)
        )  # first: refuses at once what is too large
        response = transfer_function(core, 2 * POINTS, radius=1.0 / GAMMA)
    return Colouration(
        modal_std=modal_excitation_std(modes),
        magnitude_std=magnitude_std(response),
        peak_to_rms=peak_to_rms(response),
        erb_std=erb_std(response, build.fs),
        sparsity=sparsity(build.A),
    )
