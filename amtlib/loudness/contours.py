"""Equal-loudness contours: the levels at which tones of different frequencies are as loud as one another.
Source: the models themselves, asked for steady tones; the regula falsi in its Illinois form for the levels.
Not here: the contours of listeners (:mod:`amtlib.loudness.iso226`).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from amtlib.charts import Chart, Direction, over_frequency
from amtlib.inputs import as_tensor
from amtlib.loudness.cochlea import Stop
from amtlib.loudness.glasberg2002 import Glasberg2002
from amtlib.loudness.moore2016 import Moore2016
from amtlib.loudness.results import Cancelled
from amtlib.progress import Progress, telling
from amtlib.results import Result

#: Levels between which a contour is sought, dB SPL, and the step in which it is enclosed
_LOWEST, _HIGHEST, _STEP = -20.0, 140.0, 10.0
_MOST_STEPS = 60
#: Loudness in sone below this counts as this, so that its logarithm is finite
_LEAST_SONE = 1e-30


@dataclass(frozen=True, repr=False)
class EqualLoudnessContour(
    Result, units={"frequencies": "Hz", "levels": "dB SPL", "sone": "sone", "phon": "phon", "error_db": "dB"}
):
    """
    An equal-loudness contour, or how far its search has come.

    Attributes
    ----------
    frequencies : Tensor, shape (F,), float64
        Hz.
    levels : Tensor, shape (F,), float64
        dB SPL; nan where no level from -20 to 140 dB SPL is as loud.
    sone : float
        Loudness of all points.
    phon : float or None
        Level of the 1-kHz tone on the contour, if that was given.
    error_db : Tensor, shape (F,), float64
        Estimate of what `levels` are still off by, in dB.
    done : bool
        Whether that is within the tolerance everywhere.
    """

    frequencies: Tensor
    levels: Tensor
    sone: float
    phon: float | None
    error_db: Tensor
    done: bool

    def chart(self) -> Chart:
        """Return the contour."""
        lines = {"equally loud": self.levels}
        return over_frequency("Equal-loudness contour", self.frequencies, lines, Direction("Level", "dB SPL"))


def equal_loudness_contour(
    model: Moore2016 | Glasberg2002,
    phon: float = 40.0,
    frequencies: Tensor | Sequence[float] | npt.NDArray[Any] | None = None,
    *,
    sone: float | None = None,
    tolerance_db: float = 0.01,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> EqualLoudnessContour:
    """
    Find the levels of tones that are as loud as a 1-kHz tone of a given level.

    Parameters
    ----------
    model : Moore2016 or Glasberg2002
        Its field, ears and parameters decide.
    phon : float
        Level of the 1-kHz tone in dB SPL, 0 to 130.
    frequencies : Tensor, shape (F,), or sequence or array, optional
        Hz, 10 to 16000. Default: 20 Hz to 12.5 kHz in sixths of an octave.
    sone : float, optional
        Loudness of the contour, > 0, instead of `phon`: ``amtlib.loudness.THRESHOLD_SONE`` gives the threshold.
    tolerance_db : float
        How exact levels must be, number >= 1e-4.
    progress : callable or bool, optional
        Called with the share done, from 0 to 1, after each step; True for a progress bar.
    cancelled : callable, optional
        Asked before each step; if it returns True the search ends.

    Returns
    -------
    EqualLoudnessContour
        The contour.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    amtlib.loudness.Cancelled
        If it was cancelled.

    See Also
    --------
    equal_loudness_steps : the same, step by step.

    Examples
    --------
    >>> from amtlib import Moore2016
    >>> contour = equal_loudness_contour(Moore2016(), 40.0, [100.0, 1000.0, 4000.0])
    >>> contour.levels
    tensor([60.5083, 40.0000, 32.4021], dtype=torch.float64)
    """
    steps = equal_loudness_steps(model, phon, frequencies, sone=sone, tolerance_db=tolerance_db)
    found: EqualLoudnessContour | None = None
    first = 1.0
    with telling(progress, "contour") as tell:
        while True:
            if cancelled is not None and cancelled():
                raise Cancelled("the search for the contour was stopped")
            after = next(steps, None)
            if after is None:
                break
            worst = float(after.error_db.nan_to_num(0.0).max())
            first = first if found is not None else max(worst, tolerance_db)
            found = after
            # The error falls by a like factor from step to step: its logarithm tells how far the search is.
            left = math.log(max(worst, tolerance_db) / tolerance_db)
            tell(1.0 if after.done else 1.0 - left / (math.log(first / tolerance_db) + 1.0))
    assert found is not None  # the generator yields at least once
    return found


def equal_loudness_steps(
    model: Moore2016 | Glasberg2002,
    phon: float = 40.0,
    frequencies: Tensor | Sequence[float] | npt.NDArray[Any] | None = None,
    *,
    sone: float | None = None,
    tolerance_db: float = 0.01,
) -> Iterator[EqualLoudnessContour]:
    """
    Find an equal-loudness contour step by step.

    Parameters
    ----------
    model, phon, frequencies, sone, tolerance_db
        As for :func:`equal_loudness_contour`.

    Yields
    ------
    EqualLoudnessContour
        After each step, all frequencies at once, better each time; the last is the result.

    Raises
    ------
    ValueError
        If an argument is out of its range; at the call, not at the first step.

    Examples
    --------
    >>> from amtlib import Glasberg2002
    >>> [contour.done for contour in equal_loudness_steps(Glasberg2002(), 40.0, [250.0, 1000.0])]
    [False, True]
    """
    if not math.isfinite(tolerance_db) or tolerance_db < 1e-4:
        raise ValueError(f"tolerance_db = {tolerance_db} dB; give a finite number >= 1e-4")
    at = checked_frequencies(frequencies)
    if sone is None:
        if not 0.0 <= phon <= 130.0:
            raise ValueError(
                f"phon = {phon} is out of range; give 0 to 130, or sone=... for quieter contours"
            )
        target = float(_loudness(model, *torch.tensor([[1000.0], [float(phon)]], dtype=torch.float64)))
        return _search(model, at, target, float(phon), tolerance_db)
    if not (math.isfinite(sone) and sone > 0.0):
        raise ValueError(f"sone = {sone} is no loudness to find levels for; give a finite number > 0")
    return _search(model, at, float(sone), None, tolerance_db)


def checked_frequencies(
    given: Tensor | Sequence[float] | npt.NDArray[Any] | None, name: str = "frequencies"
) -> Tensor:
    """
    Return the frequencies of tones as float64 on the CPU.

    Parameters
    ----------
    given : Tensor, shape (F,), or sequence or array, optional
        Hz, 10 to 16000. Default: 20 Hz to 12.5 kHz in sixths of an octave.
    name : str
        What to call them in messages.

    Returns
    -------
    Tensor, shape (F,), float64
        Hz.

    Raises
    ------
    ValueError
        If they are out of range, complex, or no list.

    Examples
    --------
    >>> checked_frequencies([100, 1000])
    tensor([ 100., 1000.], dtype=torch.float64)
    """
    if given is None:
        sixths = math.floor(6.0 * math.log2(12500.0 / 20.0))
        return 20.0 * 2.0 ** (torch.arange(sixths + 1, dtype=torch.float64) / 6.0)
    at = as_tensor(given, name, what="Hz", numbers=True).detach().cpu()
    if at.is_complex() or at.dtype == torch.bool:
        raise ValueError(f"{name} have dtype {at.dtype}; give real numbers in Hz")
    at = at.to(torch.float64)
    if at.ndim != 1 or at.numel() == 0:
        raise ValueError(f"{name} have shape {tuple(at.shape)}; give a list of at least one, shape (F,)")
    outside = at[~((at >= 10.0) & (at <= 16000.0))]
    if len(outside):
        raise ValueError(f"{name} hold {float(outside[0])} Hz; give 10 to 16000 Hz")
    return at


@torch.no_grad()
def _loudness(model: Moore2016 | Glasberg2002, frequencies: Tensor, levels: Tensor) -> Tensor:
    """Loudness in sone of tones, in float64: frequencies and levels of equal shape."""
    like = model.specific.C
    tones = [x.to(like).unsqueeze(-1) for x in (frequencies, levels)]
    return model.stationary(*tones).total.double().cpu()


def _search(
    model: Moore2016 | Glasberg2002, at: Tensor, sone: float, phon: float | None, tolerance_db: float
) -> Iterator[EqualLoudnessContour]:
    def excess(levels: Tensor) -> Tensor:
        loudness = _loudness(model, at.expand(levels.shape), levels)
        return loudness.clamp_min(_LEAST_SONE).log() - math.log(max(sone, _LEAST_SONE))

    grid = torch.arange(_LOWEST, _HIGHEST + _STEP / 2.0, _STEP, dtype=torch.float64)
    found = excess(grid.unsqueeze(-1).expand(-1, len(at)))
    # The first level on the grid that is loud enough, and the one before it, enclose the wanted one.
    enough = found >= 0.0
    there = enough.any(0) & ~enough[0]
    upper = enough.int().argmax(0).clamp_min(1)
    low, high = grid[upper - 1], grid[upper]
    below, above = (found.gather(0, row.unsqueeze(0)).squeeze(0) for row in (upper - 1, upper))
    missing = torch.full_like(low, math.nan)
    # The side that stayed put last time: halving what it says keeps the other from creeping (Illinois)
    stayed = torch.zeros_like(low)
    for _ in range(_MOST_STEPS):
        level = low - below * (high - low) / torch.where(there, above - below, 1.0)
        level = torch.where(there, level.clamp(low, high), 0.0)
        off = excess(level)
        slope = ((above - below) / (high - low).clamp_min(1e-9)).clamp_min(1e-3)
        error = torch.minimum((off.abs() / slope), high - low)
        done = bool((error[there] <= tolerance_db).all())
        yield EqualLoudnessContour(
            at, torch.where(there, level, missing), sone, phon, torch.where(there, error, missing), done
        )
        if done:
            return
        short = off < 0.0
        above = torch.where(short & (stayed > 0.0), 0.5 * above, above)
        below = torch.where(~short & (stayed < 0.0), 0.5 * below, below)
        low, below = torch.where(short, level, low), torch.where(short, off, below)
        high, above = torch.where(short, high, level), torch.where(short, above, off)
        stayed = torch.where(short, 1.0, -1.0).to(low)
