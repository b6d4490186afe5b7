"""Masked thresholds: the levels at which tones are just heard beside a steady sound.
Source: Zwicker (1970): a tone is heard if it raises the excitation by 1 dB somewhere, here that of the models.
Not here: thresholds in quiet by loudness (:func:`amtlib.loudness.equal_loudness_contour`), listeners who answer
trial by trial (:mod:`amtlib.experiments`).
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from amtlib.charts import Chart, Direction, over_frequency
from amtlib.inputs import Numbers, as_tensor
from amtlib.loudness.contours import checked_frequencies, equal_loudness_contour
from amtlib.loudness.glasberg2002 import Glasberg2002
from amtlib.loudness.moore2016 import Moore2016
from amtlib.loudness.sone import THRESHOLD_SONE
from amtlib.results import Result
from amtlib.scales import fc2erb

#: Levels between which a threshold is sought, dB SPL
_LOWEST, _HIGHEST = -20.0, 130.0
#: Change in dB below this counts as this, so that its logarithm is finite
_LEAST_CHANGE = 1e-12
#: How the logarithm of a change grows with the level, per dB: where small, with the tone's power; limits elsewhere
_SMALL, _FLATTEST, _STEEPEST = 0.1, 0.03, 0.3
#: A guess is corrected at most so often and so far at once; when all corrections are within `_NEAR`, they are the last
_ROUNDS, _FURTHEST, _NEAR = 12, 20.0, 0.3


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

    def chart(self) -> Chart:
        """Return both thresholds over the frequency of the tone."""
        lines = {"beside the sound": self.levels, "in quiet": self.quiet}
        return over_frequency("Masked threshold", self.frequencies, lines, Direction("Threshold", "dB SPL"))


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
    at, level = _pairs(freqs, levels, "freqs", "levels")
    tones, tone_levels = _pairs(probes, probe_levels, "probes", "probe_levels")
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
    at, level = _pairs(freqs, levels, "freqs", "levels")
    if quiet is None:
        floor = equal_loudness_contour(model, frequencies=tones, sone=THRESHOLD_SONE).levels
    else:
        floor = _line(quiet, "quiet", "dB SPL")
        if floor.shape != tones.shape:
            raise ValueError(f"quiet has {len(floor)} values and probes {len(tones)}; give one for each")
    alone = _power(model, at, level)

    def beyond(which: Tensor) -> Tensor:
        # As a logarithm the change is nearly straight in the level.
        change = _change(model, at, level, alone, tones[which], found[which])
        return torch.log10(change.clamp_min(_LEAST_CHANGE) / just_noticeable)

    # A tone that lies this far below the sound raises the excitation at its own place by just so much.
    below = just_noticeable + 10.0 * math.log10(-math.expm1(-just_noticeable * math.log(10.0) / 10.0))
    over = 10.0 * torch.log10(alone) - model.specific.threshold_db.double().cpu()
    at_tones = np.interp(fc2erb(tones).numpy(), model.erb_numbers.double().cpu().numpy(), over.numpy())
    found = floor + (torch.from_numpy(at_tones) + below).clamp_min(0.0)
    found = found.clamp(_LOWEST, _HIGHEST)
    change = beyond(torch.arange(len(tones)))
    # the others are heard as soon as in quiet
    masked = torch.nonzero((found > floor) | (change < 0.0)).flatten()
    change, slope = change[masked], torch.full((len(masked),), _SMALL, dtype=torch.float64)
    for _ in range(_ROUNDS):
        before = found[masked]
        wanted = before - (change / slope).clamp(-_FURTHEST, _FURTHEST)
        found[masked] = wanted.clamp(_LOWEST, _HIGHEST)
        step = found[masked] - before
        if not (step.abs() > _NEAR).any():
            break
        last, change = change, beyond(masked)
        moved = step.abs() > 1e-6
        slope[moved] = ((change - last)[moved] / step[moved]).clamp(_FLATTEST, _STEEPEST)
    # still not heard at the highest level
    deaf = torch.zeros_like(tones, dtype=torch.bool)
    deaf[masked] = wanted > _HIGHEST
    found = torch.where(deaf, math.nan, torch.fmax(found, floor))
    return MaskedThreshold(tones, found, floor)


def _line(given: Numbers, name: str, unit: str) -> Tensor:
    """Return numbers as float64 on the CPU, shape (N,)."""
    values = as_tensor(given, name, what=unit, numbers=True).detach().cpu()
    if values.is_complex() or values.dtype == torch.bool:
        raise ValueError(f"{name} has dtype {values.dtype}; give real numbers in {unit}")
    if values.ndim > 1 or values.numel() == 0:
        raise ValueError(f"{name} has shape {tuple(values.shape)}; give at least one number, shape (N,)")
    return values.to(torch.float64).reshape(-1)


def _pairs(freqs: Numbers, levels: Numbers, name: str, level_name: str) -> tuple[Tensor, Tensor]:
    """Return frequencies and their levels, each of shape (N,)."""
    at, level = _line(freqs, name, "Hz"), _line(levels, level_name, "dB SPL")
    if at.shape != level.shape:
        raise ValueError(
            f"{name} has {len(at)} values and {level_name} {len(level)}; give a level for each frequency"
        )
    return at, level


def _change(
    model: Moore2016 | Glasberg2002,
    freqs: Tensor,
    levels: Tensor,
    alone: Tensor,
    tones: Tensor,
    tone_levels: Tensor,
) -> Tensor:
    """Return by how many dB tones change a pattern, `alone`, each where it changes it most."""
    together = [
        torch.cat([sound.expand(len(tones), -1), tone[:, None]], 1)
        for sound, tone in ((freqs, tones), (levels, tone_levels))
    ]
    return (10.0 * torch.log10(_power(model, *together) / alone)).amax(-1)


def _power(model: Moore2016 | Glasberg2002, freqs: Tensor, levels: Tensor) -> Tensor:
    """Return the excitation of components as power above the internal noise, shape (..., C), float64."""
    like = model.specific.threshold_db
    excitation = model.stationary(freqs.to(like), levels.to(like)).excitation[..., 0, :]
    return 10.0 ** (excitation.double().cpu() / 10.0) + 10.0 ** (like.double().cpu() / 10.0)
