"""Masked thresholds: the levels at which tones are just heard beside a steady sound.
Source: Zwicker (1970): a tone is heard if it raises the excitation by 1 dB somewhere, here that of the models.
Not here: thresholds in quiet by loudness (:mod:`amtlib.loudness.contours`), listeners who answer trial by trial
(:mod:`amtlib.experiments`).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from amtlib.inputs import Numbers, as_tensor
from amtlib.loudness.contours import checked_frequencies, equal_loudness_contour
from amtlib.loudness.glasberg2002 import Glasberg2002
from amtlib.loudness.moore2016 import Moore2016
from amtlib.loudness.sone import THRESHOLD_SONE
from amtlib.results import Result

#: Levels between which a threshold is sought, dB SPL, and how often they are halved; then a line is drawn
_LOWEST, _HIGHEST, _ROUNDS = -20.0, 130.0, 5
#: Change in dB below this counts as this, so that its logarithm is finite
_LEAST_CHANGE = 1e-12


@dataclass(frozen=True, repr=False)
class MaskedThreshold(Result, units={"frequencies": "Hz", "levels": "dB SPL", "quiet": "dB SPL"}):
    """
    Thresholds of tones beside a steady sound, and without it.

    Attributes
    ----------
    frequencies : Tensor, shape (P,), float64
        Of the tones, Hz.
    levels : Tensor, shape (P,), float64
        At which they are just heard beside the sound, dB SPL, never below `quiet`; nan where even 125 dB SPL are not.
    quiet : Tensor, shape (P,), float64
        At which they are just heard in quiet, dB SPL.
    """

    frequencies: Tensor
    levels: Tensor
    quiet: Tensor


@torch.no_grad()
def pattern_change(
    model: Moore2016 | Glasberg2002, freqs: Numbers, levels: Numbers, probes: Numbers, probe_levels: Numbers
) -> Tensor:
    """
    Work out by how much tones change the excitation pattern of a steady sound, each where it changes it most.

    Each channel has an internal noise as strong as the excitation at its threshold: what nobody hears is no change.

    Parameters
    ----------
    model : Moore2016 or Glasberg2002
        Its ear and its filters decide.
    freqs, levels : Tensor, ndarray or list, shape (K,)
        Components of the sound: Hz, and dB SPL; -inf is no component.
    probes, probe_levels : Tensor, ndarray or list, shape (P,), or float
        The tones, each by itself beside the sound: Hz, and dB SPL.

    Returns
    -------
    Tensor, shape (P,), float64
        dB, >= 0.

    Raises
    ------
    ValueError
        If an argument is out of its range, or shapes do not agree.

    See Also
    --------
    masked_threshold : the levels at which the change is just noticeable.

    References
    ----------
    Zwicker (1970), in Frequency Analysis and Periodicity Detection in Hearing, 376-396.

    Examples
    --------
    >>> from amtlib import Moore2016
    >>> pattern_change(Moore2016(), [1000.0], [60.0], [1200.0, 1200.0], [20.0, 60.0]) > 1.0
    tensor([False,  True])
    """
    at, level = _line(freqs, "freqs", "Hz"), _line(levels, "levels", "dB SPL")
    tones, tone_levels = _line(probes, "probes", "Hz"), _line(probe_levels, "probe_levels", "dB SPL")
    if at.shape != level.shape or tones.shape != tone_levels.shape:
        raise ValueError(
            f"freqs, levels, probes and probe_levels have {len(at)}, {len(level)}, {len(tones)} and {len(tone_levels)} "
            "values; give a level for each frequency"
        )
    together = [
        torch.cat([sound.expand(len(tones), -1), tone[:, None]], 1)
        for sound, tone in ((at, tones), (level, tone_levels))
    ]
    return (10.0 * torch.log10(_power(model, *together) / _power(model, at, level))).amax(-1)


def masked_threshold(
    model: Moore2016 | Glasberg2002,
    freqs: Numbers,
    levels: Numbers,
    probes: Numbers,
    *,
    just_noticeable: float = 1.0,
    quiet: Numbers | None = None,
) -> MaskedThreshold:
    """
    Find the levels at which tones are just heard beside a steady sound.

    A tone is heard if it raises the excitation by `just_noticeable` in any channel, above an internal noise as strong
    as the excitation at the channel's threshold, and has the loudness of the threshold.

    Parameters
    ----------
    model : Moore2016 or Glasberg2002
        Its field, filters and parameters decide.
    freqs, levels : Tensor, ndarray or list, shape (K,)
        Components of the sound that masks: Hz, and dB SPL; -inf is no component. A band of noise is lines of equal
        level, closer than the filters are wide.
    probes : Tensor, ndarray or list, shape (P,), or float
        Frequencies of the tones, each by itself, 10 to 16000 Hz.
    just_noticeable : float
        Change of the pattern in dB that is just noticed, number > 0.
    quiet : Tensor, ndarray or list, shape (P,), optional
        Thresholds in quiet in dB SPL, where they are known from before. Default: where the tones have the loudness of
        ``amtlib.loudness.THRESHOLD_SONE``.

    Returns
    -------
    MaskedThreshold
        The thresholds, within 0.1 dB. Without gradients.

    Raises
    ------
    ValueError
        If an argument is out of its range, or shapes do not agree.

    References
    ----------
    Zwicker (1970), in Frequency Analysis and Periodicity Detection in Hearing, 376-396.

    Examples
    --------
    A band of noise at 500 Hz and 80 dB SPL hides a tone an octave above it, and hardly one an octave below:

    >>> from amtlib import Moore2016
    >>> lines = torch.linspace(477.0, 523.0, 16)
    >>> found = masked_threshold(Moore2016(), lines, torch.full((16,), 80.0 - 12.04), [250.0, 1000.0])
    >>> found.levels - found.quiet > 3.0
    tensor([False,  True])
    """
    if not (math.isfinite(just_noticeable) and just_noticeable > 0.0):
        raise ValueError(f"just_noticeable = {just_noticeable} dB; give a finite number > 0")
    tones = checked_frequencies(_line(probes, "probes", "Hz"), "probes")
    if quiet is None:
        floor = equal_loudness_contour(model, frequencies=tones, sone=THRESHOLD_SONE).levels
    else:
        floor = _line(quiet, "quiet", "dB SPL")
        if floor.shape != tones.shape:
            raise ValueError(f"quiet has {len(floor)} values and probes {len(tones)}; give one for each")
    low, high = torch.full_like(tones, _LOWEST), torch.full_like(tones, _HIGHEST)
    below, above = -torch.ones_like(tones), torch.ones_like(tones)
    for _ in range(_ROUNDS):
        middle = (low + high) / 2.0
        change = pattern_change(model, freqs, levels, tones, middle)
        # As a logarithm the change is nearly straight in the level.
        beyond = torch.log10(change.clamp_min(_LEAST_CHANGE) / just_noticeable)
        heard = beyond >= 0.0
        below, above = torch.where(heard, below, beyond), torch.where(heard, beyond, above)
        low, high = torch.where(heard, low, middle), torch.where(heard, middle, high)
    found = low + below / (below - above) * (high - low)
    found = torch.where(high < _HIGHEST, torch.fmax(found, floor), math.nan)
    return MaskedThreshold(tones, found, floor)


def _line(given: Numbers, name: str, unit: str) -> Tensor:
    """Return numbers as float64 on the CPU, shape (N,)."""
    values = as_tensor(given, name, what=unit, numbers=True).detach().cpu()
    if values.is_complex() or values.dtype == torch.bool:
        raise ValueError(f"{name} has dtype {values.dtype}; give real numbers in {unit}")
    if values.ndim > 1 or values.numel() == 0:
        raise ValueError(f"{name} has shape {tuple(values.shape)}; give at least one number, shape (N,)")
    return values.to(torch.float64).reshape(-1)


def _power(model: Moore2016 | Glasberg2002, freqs: Tensor, levels: Tensor) -> Tensor:
    """Return the excitation of components as power above the internal noise, shape (..., C), float64."""
    like = model.specific.threshold_db
    excitation = model.stationary(freqs.to(like), levels.to(like)).excitation[..., 0, :]
    return 10.0 ** (excitation.double().cpu() / 10.0) + 10.0 ** (like.double().cpu() / 10.0)
