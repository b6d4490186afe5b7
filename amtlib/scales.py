"""The ERB (equivalent rectangular bandwidth) of auditory filters, the ERB-number scales built on it, and places in the
cochlea.
Source: Glasberg and Moore (1990), Hear. Res. 47, 103-138; constants as the specification states them; Greenwood (1990).
Not here: the Bark and mel scales, and the 1983 ERB formula of Moore and Glasberg.

Two families of constants coexist in the literature and differ by up to 0.06 Cam below 20 kHz. Never mix them:

============================ ======================== ========================================================
scale, Hz to Cam and back    constants                used by
============================ ======================== ========================================================
``fc2erb``, ``erb2fc``       natural, 9.2645, .00437  filterbanks (:func:`erbspacebw`)
``f2erbrate``, ``erbrate2f`` base 10, 21.366, .004368 loudness models (Moore 1997, Glasberg 2002, Moore 2016)
============================ ======================== ========================================================
"""

import math

import numpy as np
import torch
from torch import Tensor

from amtlib.inputs import Numbers, as_tensor

__all__ = [
    "audfiltbw",
    "erb2fc",
    "erbrate2f",
    "erbspace",
    "erbspacebw",
    "f2erb",
    "f2erbrate",
    "fc2erb",
    "fc2place",
    "place2fc",
]


_CAM_PER_NEPER = 9.2645
_CAM_PER_DECADE = 21.366
_CAM_PER_NEPER_LOG10 = _CAM_PER_DECADE / math.log(10.0)
_PER_HZ = 0.00437
_PER_HZ_LOG10 = 0.004368

# Greenwood (1990): man, with the place as a share of the length of the basilar membrane.
_GREENWOOD_HZ, _GREENWOOD_DECADES, _GREENWOOD_K = 165.4, 2.1, 0.88
_COCHLEA_MM = 35.0


def _as_real_tensor(value: Numbers, name: str) -> Tensor:
    """Floating tensors and arrays as they are; every other number in float64, so that nothing is rounded."""
    tensor = as_tensor(value, name, numbers=True)
    if tensor.is_complex() or tensor.dtype == torch.bool:
        raise TypeError(f"{name} has dtype {tensor.dtype}; give real numbers")
    return tensor if tensor.is_floating_point() else tensor.to(torch.float64)


def audfiltbw(fc: Numbers) -> Tensor:
    """
    Equivalent rectangular bandwidth of the auditory filter centred on `fc`: ``24.7 + fc / 9.265``.

    Parameters
    ----------
    fc : Tensor, shape (...), or number
        Centre frequencies in Hz, >= 0. Numbers, lists and integers are taken as float64.

    Returns
    -------
    Tensor, shape (...)
        Bandwidths in Hz, with the dtype and device of `fc`. Differentiable.

    See Also
    --------
    f2erb : the same quantity with the constants of the loudness literature (0.02 Hz apart at 4 kHz).

    References
    ----------
    Glasberg and Moore (1990), Hear. Res. 47, 103-138, Eq. 3.

    Examples
    --------
    >>> audfiltbw(torch.tensor([100.0, 1000.0, 4000.0]))
    tensor([ 35.4933, 132.6331, 456.4323])
    """
    return 24.7 + _as_real_tensor(fc, "fc") / 9.265


def f2erb(f: Numbers) -> Tensor:
    """
    Equivalent rectangular bandwidth at frequency `f`: ``24.7 * (4.37 * f / 1000 + 1)``.

    Parameters
    ----------
    f : Tensor, shape (...), or number
        Frequencies in Hz, >= 0. Numbers, lists and integers are taken as float64.

    Returns
    -------
    Tensor, shape (...)
        Bandwidths in Hz, with the dtype and device of `f`. Differentiable.

    See Also
    --------
    audfiltbw : the same quantity with the constants of the filterbanks.
    f2erbrate : the scale that counts these bandwidths.

    Notes
    -----
    The AMT's ``f2erb`` uses 24.673 and 4.368 instead and lies 0.15 % lower.

    References
    ----------
    Glasberg and Moore (1990), Hear. Res. 47, 103-138, Eq. 3.

    Examples
    --------
    >>> f2erb(torch.tensor([100.0, 1000.0, 4000.0]))
    tensor([ 35.4939, 132.6390, 456.4560])
    """
    return 24.7 * (4.37 * _as_real_tensor(f, "f") / 1000.0 + 1.0)


def fc2erb(fc: Numbers) -> Tensor:
    """
    Frequency to ERB number: ``9.2645 * ln(1 + 0.00437 * fc)``.

    Parameters
    ----------
    fc : Tensor, shape (...), or number
        Frequencies in Hz, >= 0 (the logarithm ends at -228.8 Hz). Numbers, lists and integers are taken
        as float64.

    Returns
    -------
    Tensor, shape (...)
        ERB numbers in Cam, with the dtype and device of `fc`. Differentiable.

    See Also
    --------
    erb2fc : the inverse.
    f2erbrate : the base-10 version of the loudness models.

    References
    ----------
    Glasberg and Moore (1990), Hear. Res. 47, 103-138, Eq. 4.

    Examples
    --------
    >>> fc2erb(torch.tensor([100.0, 1000.0, 4000.0]))
    tensor([ 3.3589, 15.5720, 27.0217])
    """
    return _CAM_PER_NEPER * torch.log1p(_PER_HZ * _as_real_tensor(fc, "fc"))


def erb2fc(erb: Numbers) -> Tensor:
    """
    ERB number to frequency: ``(exp(erb / 9.2645) - 1) / 0.00437``, the inverse of :func:`fc2erb`.

    Parameters
    ----------
    erb : Tensor, shape (...), or number
        ERB numbers in Cam, >= 0. Numbers, lists and integers are taken as float64.

    Returns
    -------
    Tensor, shape (...)
        Frequencies in Hz, with the dtype and device of `erb`. Differentiable.

    See Also
    --------
    fc2erb : the inverse.
    erbrate2f : the base-10 version of the loudness models.

    References
    ----------
    Glasberg and Moore (1990), Hear. Res. 47, 103-138, Eq. 4.

    Examples
    --------
    >>> erb2fc(fc2erb([100.0, 1000.0, 4000.0]))
    tensor([ 100.0000, 1000.0000, 4000.0000], dtype=torch.float64)
    """
    return torch.expm1(_as_real_tensor(erb, "erb") / _CAM_PER_NEPER) / _PER_HZ


def f2erbrate(f: Numbers) -> Tensor:
    """
    Frequency to ERB number, base-10 version: ``21.366 * log10(4.368 * f / 1000 + 1)``.

    Parameters
    ----------
    f : Tensor, shape (...), or number
        Frequencies in Hz, >= 0 (the logarithm ends at -228.9 Hz). Numbers, lists and integers are taken
        as float64.

    Returns
    -------
    Tensor, shape (...)
        ERB numbers in Cam, with the dtype and device of `f`. Differentiable.

    See Also
    --------
    erbrate2f : the inverse.
    fc2erb : the natural-log version of the filterbanks, 0.06 Cam lower at 20 kHz.

    References
    ----------
    Moore, Glasberg and Baer (1997), J. Audio Eng. Soc. 45, 224-240.

    Examples
    --------
    >>> f2erbrate(torch.tensor([100.0, 1000.0, 4000.0]))
    tensor([ 3.3629, 15.5932, 27.0603])
    """
    return _CAM_PER_NEPER_LOG10 * torch.log1p(_PER_HZ_LOG10 * _as_real_tensor(f, "f"))


def erbrate2f(erbrate: Numbers) -> Tensor:
    """
    ERB number to frequency, base-10 version: ``1000 * (10 ** (erbrate / 21.366) - 1) / 4.368``.

    Parameters
    ----------
    erbrate : Tensor, shape (...), or number
        ERB numbers in Cam, >= 0. Numbers, lists and integers are taken as float64.

    Returns
    -------
    Tensor, shape (...)
        Frequencies in Hz, with the dtype and device of `erbrate`. Differentiable.

    See Also
    --------
    f2erbrate : the inverse.
    erb2fc : the natural-log version of the filterbanks.

    Notes
    -----
    The specification prints 3463 and 20031 Hz for 21.5 and 43 Cam; its own formula gives the values below.

    References
    ----------
    Moore, Glasberg and Baer (1997), J. Audio Eng. Soc. 45, 224-240.

    Examples
    --------
    >>> erbrate2f(torch.tensor([0.0, 21.5, 43.0]))
    tensor([    0.0000,  2093.7...,  23335.69...])
    """
    return torch.expm1(_as_real_tensor(erbrate, "erbrate") / _CAM_PER_NEPER_LOG10) / _PER_HZ_LOG10


def fc2place(fc: Numbers) -> Tensor:
    """
    Frequency to its place in the human cochlea: ``35 * (1 - log10(fc / 165.4 + 0.88) / 2.1)``.

    Parameters
    ----------
    fc : Tensor, shape (...), or number
        Frequencies in Hz, >= 0. The map runs from 20677 Hz at the stapes to 20 Hz at the apex. Numbers, lists and
        integers are taken as float64.

    Returns
    -------
    Tensor, shape (...)
        Distances from the stapes along the basilar membrane in mm, with the dtype and device of `fc`. Differentiable.

    See Also
    --------
    place2fc : the inverse.

    References
    ----------
    Greenwood (1990), J. Acoust. Soc. Am. 87, 2592-2605, Eq. 1, for man: A = 165.4, a = 2.1, k = 0.88, 35 mm.

    Examples
    --------
    >>> fc2place(torch.tensor([125.0, 1000.0, 8000.0]))
    tensor([31.4381, 20.9920,  6.7936])
    """
    share = torch.log10(_as_real_tensor(fc, "fc") / _GREENWOOD_HZ + _GREENWOOD_K) / _GREENWOOD_DECADES
    return _COCHLEA_MM * (1.0 - share)


def place2fc(place: Numbers) -> Tensor:
    """
    Place in the human cochlea to its frequency: ``165.4 * (10 ** (2.1 * (1 - place / 35)) - 0.88)``.

    Parameters
    ----------
    place : Tensor, shape (...), or number
        Distances from the stapes along the basilar membrane in mm, 0 to 35. Numbers, lists and integers are taken as
        float64.

    Returns
    -------
    Tensor, shape (...)
        Frequencies in Hz, with the dtype and device of `place`. Differentiable.

    See Also
    --------
    fc2place : the inverse.

    References
    ----------
    Greenwood (1990), J. Acoust. Soc. Am. 87, 2592-2605, Eq. 1, for man: A = 165.4, a = 2.1, k = 0.88, 35 mm.

    Examples
    --------
    >>> place2fc([0.0, 17.5, 35.0]).round()
    tensor([2.0677e+04, 1.7100e+03, 2.0000e+01], dtype=torch.float64)
    """
    share = 1.0 - _as_real_tensor(place, "place") / _COCHLEA_MM
    return _GREENWOOD_HZ * (10.0 ** (_GREENWOOD_DECADES * share) - _GREENWOOD_K)


def erbspace(
    flow: float,
    fhigh: float,
    n: int,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """
    `n` frequencies that are equidistant on the ERB-number scale of :func:`fc2erb`, both ends included exactly.

    Parameters
    ----------
    flow, fhigh : float
        Lowest and highest frequency in Hz, 0 <= flow < fhigh.
    n : int
        How many, >= 1; one is `flow`.
    device : torch.device, optional
        Where the result lives. Default: CPU.
    dtype : torch.dtype
        Floating dtype of the result. Computed in float64 either way.

    Returns
    -------
    Tensor, shape (n,)
        Frequencies in Hz, increasing.

    Raises
    ------
    ValueError
        If a frequency or `n` is out of range.
    TypeError
        If `dtype` is not a real floating dtype, or `n` no int.

    See Also
    --------
    erbspacebw : with a given spacing.

    References
    ----------
    Glasberg and Moore (1990), Hear. Res. 47, 103-138, Eq. 4.

    Examples
    --------
    >>> erbspace(250.0, 8000.0, 3)
    tensor([ 250.0000, 1756.1699, 8000.0000])
    """
    flow, fhigh = _range(flow, fhigh, dtype)
    if isinstance(n, bool) or not isinstance(n, int | np.integer):
        raise TypeError(f"n = {n!r} is a {type(n).__name__}; give an int >= 1")
    if n < 1:
        raise ValueError(f"n = {n} frequencies; give an int >= 1")
    low, high = (_CAM_PER_NEPER * math.log1p(_PER_HZ * f) for f in (flow, fhigh))
    fc = erb2fc(torch.linspace(low, high, int(n), dtype=torch.float64))
    fc[-1], fc[0] = fhigh, flow  # the round trip through the scale would leave the last bit to chance
    return fc.to(device=device, dtype=dtype)


def _range(flow: float, fhigh: float, dtype: torch.dtype) -> tuple[float, float]:
    """Return the ends of a range in Hz, checked."""
    flow, fhigh = float(flow), float(fhigh)
    if not (math.isfinite(fhigh) and 0.0 <= flow < fhigh):
        raise ValueError(
            f"flow = {flow} Hz and fhigh = {fhigh} Hz are no range; give finite 0 <= flow < fhigh"
        )
    if not dtype.is_floating_point:
        raise TypeError(
            f"dtype = {dtype} cannot hold frequencies; give a floating dtype such as torch.float32"
        )
    return flow, fhigh


def erbspacebw(
    flow: float,
    fhigh: float,
    bwmul: float = 1.0,
    basef: float | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """
    Centre frequencies that are equidistant on the ERB-number scale of :func:`fc2erb`.

    Parameters
    ----------
    flow, fhigh : float
        Lowest and highest frequency in Hz, 0 <= flow < fhigh. Without `basef` both are centre frequencies,
        exactly.
    bwmul : float
        Spacing in ERB, > 0. Without `basef` it is stretched so that a whole number of steps fits.
    basef : float, optional
        A frequency in Hz from flow to fhigh that shall be a centre frequency, exactly. The spacing is then
        `bwmul` itself, and the outermost channels lie up to one step inside the range.
    device : torch.device, optional
        Where the result lives. Default: CPU.
    dtype : torch.dtype
        Floating dtype of the result. Computed in float64 either way.

    Returns
    -------
    Tensor, shape (F,)
        Centre frequencies in Hz, increasing.

    Raises
    ------
    ValueError
        If a frequency or `bwmul` is out of range or not finite, or if more than 100000 channels would result.
    TypeError
        If `dtype` is not a real floating dtype.

    See Also
    --------
    fc2erb, erb2fc : the scale.

    Notes
    -----
    Follows the examples of the specification, not its formula (which ends below fhigh) and not LTFAT's
    ``erbspacebw`` (which moves the remainder to both ends). With `basef` LTFAT gives the same.

    References
    ----------
    Glasberg and Moore (1990), Hear. Res. 47, 103-138, Eq. 4.

    Examples
    --------
    >>> fc = erbspacebw(100.0, 8000.0)
    >>> len(fc), fc[:3], fc[-1]
    (30, tensor([100.0000, 138.6141, 181.7625]), tensor(8000.))
    >>> bool((erbspacebw(100.0, 8000.0, basef=1000.0) == 1000.0).any())
    True
    """
    flow, fhigh = _range(flow, fhigh, dtype)
    bwmul = float(bwmul)
    if not (math.isfinite(bwmul) and bwmul > 0.0):
        raise ValueError(f"bwmul = {bwmul} ERB is no spacing; give a finite number > 0, such as 1.0")
    low, high = (_CAM_PER_NEPER * math.log1p(_PER_HZ * f) for f in (flow, fhigh))
    if (high - low) / bwmul > 1e5:
        raise ValueError(
            f"bwmul = {bwmul} ERB puts {(high - low) / bwmul:.3g} channels between {flow} and {fhigh} Hz, "
            f"more than 100000; give at least {(high - low) / 1e5:.3g}"
        )
    if basef is None:
        return erbspace(flow, fhigh, math.floor((high - low) / bwmul) + 1, device, dtype)
    basef = float(basef)
    if not flow <= basef <= fhigh:
        raise ValueError(
            f"basef = {basef} Hz lies outside flow = {flow} to fhigh = {fhigh} Hz; move it inside"
        )
    base = _CAM_PER_NEPER * math.log1p(_PER_HZ * basef)
    below, above = math.floor((base - low) / bwmul), math.floor((high - base) / bwmul)
    fc = erb2fc(base + bwmul * torch.arange(-below, above + 1, dtype=torch.float64))
    fc[below] = basef
    return fc.to(device=device, dtype=dtype)
