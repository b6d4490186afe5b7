"""From internal representations to decisions: templates, regions of interest, and the probability of a right answer.
Source: the Auditory Modeling Toolbox, paulick2024_corr, _roi and _decision (version 1.6), after Dau et al.
(1996), Jepsen, Ewert and Dau (2008) and Paulick, Relano-Iborra and Dau (2024).
Not here: the models (:mod:`amtlib.perception.casp`); trials and procedures.

A listener compares each interval of a trial with a template: what a clearly audible target adds to the reference. No
noise is drawn; internal noise is in the probability of a right answer.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from amtlib.inputs import Numbers, Values, as_tensor

#: Variance of the internal noise of both versions, in squared model units
VARIANCE = {"paulick2024": 40.0, "jepsen2008": 130.0}
#: Slope and bias of the probability for 2, 3 and 4 intervals
_INTERVALS = {2: (0.707, 0.0), 3: (0.765, 0.423), 4: (0.810, 0.668)}
#: 1 / sqrt(2), to the digits that the toolbox has
_ROOT_HALF = 0.7071068
#: Periods of a channel's frequency over which its output is averaged for the region of interest
_PERIODS = 25.0


def template(supra: Values, reference: Values, fs_internal: float) -> Tensor:
    """
    Return the template of a target, of unit energy: what is left of a clearly audible one without the reference.

    Parameters
    ----------
    supra, reference : Tensor or ndarray, shape (..., F, M, S)
        Internal representations of a target well above threshold, with the reference; and of the reference alone.
    fs_internal : float
        Their sampling rate in Hz, as the model's ``fs_internal``.

    Returns
    -------
    Tensor, shape (..., F, M, S)
        ``c (supra - reference)``, where the square, summed over all channels, bands and samples, is `fs_internal`.
        Differentiable.

    Raises
    ------
    ValueError
        If the shapes differ, or the target changes nothing.

    Examples
    --------
    >>> template(torch.ones(1, 2, 8), torch.zeros(1, 2, 8), 16.0)[0, 0, 0]
    tensor(1.)
    """
    target, without = as_tensor(supra, "supra"), as_tensor(reference, "reference")
    if target.shape != without.shape or target.ndim < 3:
        raise ValueError(
            f"supra has shape {tuple(target.shape)}, reference {tuple(without.shape)}; give both as "
            "(..., channels, bands, samples)"
        )
    difference = target - without
    energy = difference.square().sum((-3, -2, -1), keepdim=True)
    if not bool((energy > 0.0).all()):
        raise ValueError(
            "supra and reference are equal; raise the level of the target until it is clearly audible"
        )
    return difference * (fs_internal / energy).sqrt()


def region_of_interest(difference: Values, fs: float, fc: Numbers) -> range:
    """
    Return the channels in which a target shows.

    Parameters
    ----------
    difference : Tensor or ndarray, shape (F, T)
        What a clearly audible target adds behind adaptation: ``adapted`` with it less ``adapted`` without.
    fs : float
        Sampling rate of `difference` in Hz.
    fc : Tensor, shape (F,), or list or array of F numbers
        Centre frequencies of the channels in Hz, increasing.

    Returns
    -------
    range
        Indices of channels: from the first to the last with at least half the largest root mean square of what is
        left of 25 periods' moving average, widened down to the channel nearest to 0.71 times the frequency of the
        largest and up to that nearest to twice it.

    Raises
    ------
    ValueError
        If `difference` has another shape than (F, T).

    Examples
    --------
    >>> added = torch.ones(4, 100) * torch.tensor([[0.1], [1.0], [0.2], [0.1]])
    >>> region_of_interest(added, 8000, [500, 1000, 2000, 4000])
    range(0, 3)
    """
    added, centre = as_tensor(difference, "difference").double(), as_tensor(fc, "fc", numbers=True).double()
    if added.ndim != 2 or centre.shape != added.shape[:1]:
        raise ValueError(
            f"difference has shape {tuple(added.shape)}, fc {tuple(centre.shape)}; give (F, T) and (F,)"
        )
    level = torch.stack(
        [_smoothed(row, _PERIODS / float(f) * fs) for row, f in zip(added, centre, strict=True)]
    )
    strong = (level >= 0.5 * level.max()).nonzero().flatten()
    best = centre[level.argmax()]
    lowest, highest = (int((centre - ratio * best).abs().argmin()) for ratio in (math.sqrt(0.5), 2.0))
    return range(min(lowest, int(strong[0])), max(highest, int(strong[-1])) + 1)


def _smoothed(x: Tensor, length: float) -> Tensor:
    """Return the root mean square of a moving average over the samples within half a length on each side."""
    # The window is fractional: offsets from -length / 2, included, to length / 2, excluded
    before, after = math.floor(length / 2.0), math.ceil(length / 2.0) - 1
    sums = torch.cat([x.new_zeros(1), x.cumsum(0)])
    place = torch.arange(len(x), device=x.device)
    first, last = (place - before).clamp_min(0), (place + after + 1).clamp_max(len(x))
    return ((sums[last] - sums[first]) / (last - first)).square().mean().sqrt()


def band_correlations(
    interval: Values,
    template: Values,
    fc: Numbers,
    mfc: Numbers,
    channels: Sequence[int] | None = None,
    version: str = "paulick2024",
) -> Tensor:
    """
    Correlate an interval with a template, modulation band by modulation band.

    Parameters
    ----------
    interval, template : Tensor or ndarray, shape (..., F, M, S)
        Internal representation of an interval less that of the reference; and a :func:`template`.
    fc, mfc : Tensor, shape (F,) and (M,), or lists or arrays
        Centre frequencies of channels and modulation bands in Hz.
    channels : sequence of int, optional
        Those that count, as :func:`region_of_interest` returns them. Default: all.
    version : {'paulick2024', 'jepsen2008'}
        Without the means over time and channels; or with them.

    Returns
    -------
    Tensor, shape (..., M)
        Sums of products over time and over the channels whose frequency exceeds four times the band's.
        Differentiable.

    Raises
    ------
    ValueError
        If the shapes do not fit, or the version is unknown.

    Examples
    --------
    >>> x = torch.tensor([1.0, -1.0, 1.0, -1.0]).reshape(1, 1, 4)
    >>> band_correlations(x, x, [1000.0], [0.0]), band_correlations(x, x, [1000.0], [500.0])
    (tensor([4.]), tensor([0.]))
    """
    _check_version(version)
    x, t = as_tensor(interval, "interval"), as_tensor(template, "template")
    centre, rate = (as_tensor(f, name, numbers=True).double() for f, name in ((fc, "fc"), (mfc, "mfc")))
    if x.shape[-3:] != t.shape[-3:] or x.ndim < 3 or x.shape[-3:-1] != (*centre.shape, *rate.shape):
        raise ValueError(
            f"interval has shape {tuple(x.shape)}, template {tuple(t.shape)}, fc {tuple(centre.shape)}, mfc "
            f"{tuple(rate.shape)}; give (..., F, M, S) twice, (F,) and (M,)"
        )
    some = list(range(len(centre)) if channels is None else channels)
    x, t, centre = x[..., some, :, :], t[..., some, :, :], centre[some]
    counts = (centre.unsqueeze(-1) > 4.0 * rate).to(x.device).unsqueeze(-1)
    x, t = torch.where(counts, x, 0.0), torch.where(counts, t, 0.0)
    if version == "paulick2024":
        number = (counts.sum(0, keepdim=True) * x.shape[-1]).clamp_min(1)
        x, t = (torch.where(counts, v - v.sum((-3, -1), keepdim=True) / number, 0.0) for v in (x, t))
    return (x * t).sum((-3, -1))


def decision_variable(target: Values, masker: Values, fs_internal: float) -> Tensor:
    """
    Return by how much the interval with the target resembles the template more than one without.

    Parameters
    ----------
    target, masker : Tensor or ndarray, shape (..., M)
        :func:`band_correlations` of the interval with the target, and of one without.
    fs_internal : float
        Sampling rate of the internal representations in Hz.

    Returns
    -------
    Tensor, shape (...)
        Sum over bands of the target's less what the masker has above 0, if that is above 0, over `fs_internal`.
        Differentiable.

    Examples
    --------
    >>> decision_variable(torch.tensor([3.0, 5.0]), torch.tensor([1.0, 1.0]), 2.0)
    tensor(3.)
    """
    total, other = (as_tensor(v, n).sum(-1) for v, n in ((target, "target"), (masker, "masker")))
    return (total - other.clamp_min(0.0)).clamp_min(0.0) / fs_internal


def probability_correct(
    decision: Numbers, intervals: int = 3, version: str = "paulick2024", variance: float | None = None
) -> Tensor:
    """
    Return the probability that the interval with the target is found.

    Parameters
    ----------
    decision : Tensor or ndarray, shape (...), or float
        :func:`decision_variable`.
    intervals : {2, 3, 4}
        Of the trial, one of which has the target.
    version : {'paulick2024', 'jepsen2008'}
        Internal noise of variance 40, or 130.
    variance : float, optional
        Of internal noise instead, > 0.

    Returns
    -------
    Tensor, shape (...)
        From chance to 1. Differentiable.

    Raises
    ------
    ValueError
        If there is no formula for as many intervals, the version is unknown, or the variance is not above 0.

    Examples
    --------
    >>> probability_correct([0.0, 6.32, 63.2], 2)
    tensor([0.5000, 0.7601, 1.0000], dtype=torch.float64)
    """
    _check_version(version)
    if intervals not in _INTERVALS:
        raise ValueError(f"intervals = {intervals!r}; give 2, 3 or 4")
    noise = VARIANCE[version] if variance is None else variance
    if not (math.isfinite(noise) and noise > 0.0):
        raise ValueError(f"variance = {variance}; give a finite number > 0, such as 40")
    slope, bias = _INTERVALS[intervals]
    value = as_tensor(decision, "decision", numbers=True)
    return 1.0 - torch.erfc((value / math.sqrt(noise) * slope - bias) * _ROOT_HALF) / 2.0


def is_detected(probability: Numbers, down: int) -> Tensor:
    """
    Return whether a listener of this probability keeps going down in a 1-up n-down procedure.

    Parameters
    ----------
    probability : Tensor or ndarray, shape (...), or float
        :func:`probability_correct`.
    down : int
        n >= 1.

    Returns
    -------
    Tensor, shape (...), bool
        Whether the probability exceeds that at which the procedure stays where it is, ``2 ** (-1 / n)``.

    Raises
    ------
    ValueError
        If `down` is below 1.

    Examples
    --------
    >>> is_detected([0.7, 0.8], 2)
    tensor([False,  True])
    """
    if down < 1:
        raise ValueError(f"down = {down}; give the right answers in a row that lower the level, at least 1")
    above: Tensor = as_tensor(probability, "probability", numbers=True) > 2.0 ** (-1.0 / down)
    return above


def _check_version(version: str) -> None:
    if version not in VARIANCE:
        raise ValueError(f"version = {version!r} is unknown; give 'paulick2024' or 'jepsen2008'")
