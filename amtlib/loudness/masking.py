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

#: Levels between which a threshold is sought, dB SPL; one beyond the second is none
_LOWEST, _AUDIBLE, _HIGHEST = -20.0, 125.0, 130.0
#: Corrections smaller than this end the search, dB; it never takes more rounds than these
_NEAR, _ROUNDS = 0.1, 20
#: How the logarithm of a small change grows with the level, per dB: as the tone's power; limits for larger ones
_SLOPE, _SLOPES = 0.1, (0.03, 0.3)
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
    _check_pairs(at, level, tones, tone_levels)
    return _change(model, at, level, _power(model, at, level), tones, tone_levels)


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
    at, level_of = _line(freqs, "freqs", "Hz"), _line(levels, "levels", "dB SPL")
    _check_pairs(at, level_of, tones, tones)
    found = _sought(model, at, level_of, tones, floor, just_noticeable)
    found = torch.where(found <= _AUDIBLE, torch.fmax(found, floor), math.nan)
    return MaskedThreshold(tones, found, floor)


@torch.no_grad()
def _sought(
    model: Moore2016 | Glasberg2002, at: Tensor, level: Tensor, tones: Tensor, floor: Tensor, wanted: float
) -> Tensor:
    """Return levels at which tones change a pattern by so many dB: by secants from a guess, between limits."""
    alone = _power(model, at, level)
    over = 10.0 * torch.log10(alone) - model.specific.threshold_db.double().cpu()
    places = torch.searchsorted(model.frequencies.double().cpu().contiguous(), tones)
    beside = over[places.clamp_max(len(over) - 1)] + 10.0 * math.log10(
        10.0 ** (min(wanted, _HIGHEST) / 10.0) - 1.0
    )
    quiet = torch.nan_to_num(floor, nan=0.0)
    found = (quiet + beside.clamp_min(0.0)).clamp(_LOWEST, _HIGHEST)
    low, high = torch.full_like(tones, _LOWEST), torch.full_like(tones, _HIGHEST)
    slope, last, step = torch.full_like(tones, _SLOPE), torch.zeros_like(tones), torch.zeros_like(tones)
    sought = torch.arange(len(tones))
    for _ in range(_ROUNDS):
        now = found[sought]
        change = _change(model, at, level, alone, tones[sought], now)
        # As a logarithm the change is nearly straight in the level.
        beyond = torch.log10(change.clamp_min(_LEAST_CHANGE) / wanted)
        low[sought] = torch.where(beyond < 0.0, now, low[sought])
        high[sought] = torch.where(beyond < 0.0, high[sought], now)
        moved = step[sought]
        secant = ((beyond - last[sought]) / torch.where(moved == 0.0, 1.0, moved)).clamp(*_SLOPES)
        slope[sought] = torch.where(moved == 0.0, slope[sought], secant)
        aim = now - beyond / slope[sought]
        between = (aim > low[sought]) & (aim < high[sought])
        aim = torch.where(between, aim, (low[sought] + high[sought]) / 2.0)
        step[sought], last[sought], found[sought] = aim - now, beyond, aim
        # What is heard as soon as in quiet, and what hardly moves any more, is known.
        known = ((beyond >= 0.0) & (now <= quiet[sought])) | ((aim - now).abs() < _NEAR)
        sought = sought[~known]
        if not len(sought):
            break
    return found


def _change(
    model: Moore2016 | Glasberg2002,
    at: Tensor,
    level: Tensor,
    alone: Tensor,
    tones: Tensor,
    tone_levels: Tensor,
) -> Tensor:
    """Return by how many dB tones change a pattern, ``alone``, where they change it most."""
    together = [
        torch.cat([sound.expand(len(tones), -1), tone[:, None]], 1)
        for sound, tone in ((at, tones), (level, tone_levels))
    ]
    return (10.0 * torch.log10(_power(model, *together) / alone)).amax(-1)


def _check_pairs(at: Tensor, level: Tensor, tones: Tensor, tone_levels: Tensor) -> None:
    if at.shape != level.shape or tones.shape != tone_levels.shape:
        raise ValueError(
            f"freqs, levels, probes and probe_levels have {len(at)}, {len(level)}, {len(tones)} and {len(tone_levels)} "
            "values; give a level for each frequency"
        )


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
