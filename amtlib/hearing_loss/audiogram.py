"""Audiograms: what an audiologist measures, and the ten that stand for the range met in clinics.
Source: Bisgaard, Vlaming and Dahlquist (2010), Trends in Amplification 14, 113-120, which IEC 60118-15 takes over.
Not here: what a loss does to sound (:mod:`amtlib.hearing_loss.simulation`).
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import torch
from torch import Tensor

from amtlib.charts import Chart, Direction
from amtlib.inputs import Numbers, as_tensor
from amtlib.results import Result

_LEAST_HL, _MOST_HL = -20.0, 120.0
_LEAST_HZ, _MOST_HZ = 20.0, 24000.0
#: Names of severities, and how much wider their auditory filters are below and above their centres, from the mean loss
#: (dB HL, 2 to 8 kHz) above which they hold; the steps of the MSBG simulator, as in pyclarity 0.9.0
_SEVERITIES = (
    ("severe", 56.0, (4.0, 2.0)),
    ("moderate", 35.0, (2.4, 1.6)),
    ("mild", 15.0, (1.6, 1.1)),
    ("none", -math.inf, (1.0, 1.0)),
)


@dataclass(frozen=True, repr=False)
class Audiogram(Result, units={"frequencies": "Hz", "levels": "dB HL"}):
    """
    Hearing threshold levels of one ear.

    Parameters
    ----------
    frequencies : sequence of float
        Hz, ascending, 20 to 24000.
    levels : sequence of float
        Thresholds in dB HL, -20 to 120, as many: 0 is normal, and positive numbers are losses.
    name : str
        What to call it.

    Raises
    ------
    ValueError
        If there are no frequencies, if they do not ascend, if a number is out of its range, or if there is not one
        level for each frequency.

    See Also
    --------
    standard_audiogram : those of IEC 60118-15.

    Examples
    --------
    >>> sloping = Audiogram([500.0, 1000.0, 2000.0, 4000.0], [10.0, 10.0, 30.0, 60.0])
    >>> sloping.at([125.0, 2000.0, 8000.0])
    tensor([10., 30., 60.], dtype=torch.float64)
    >>> sloping.severity
    'moderate'
    """

    frequencies: Sequence[float]
    levels: Sequence[float]
    name: str = field(default="")

    def chart(self) -> Chart:
        """Return hearing levels over frequency, losses downwards."""
        ear = {"threshold": (self.frequencies, self.levels)}
        down = Direction("Hearing level", "dB HL", flipped=True, limits=(-10.0, max(60.0, *self.levels)))
        return Chart(self.name or "Audiogram", Direction("Frequency", "Hz", "log"), down, ear, ear)

    def __post_init__(self) -> None:
        at = tuple(map(float, self.frequencies))
        levels = tuple(map(float, self.levels))
        object.__setattr__(self, "frequencies", at)
        object.__setattr__(self, "levels", levels)
        if not at or len(at) != len(levels):
            raise ValueError(
                f"an audiogram of {len(at)} frequencies and {len(levels)} levels; give one level for each frequency"
            )
        for number, unit, least, most in (
            *((f, "Hz", _LEAST_HZ, _MOST_HZ) for f in at),
            *((level, "dB HL", _LEAST_HL, _MOST_HL) for level in levels),
        ):
            if not least <= number <= most:
                raise ValueError(f"the audiogram holds {number:g} {unit}; give {least:g} to {most:g} {unit}")
        if any(b <= a for a, b in itertools.pairwise(at)):
            raise ValueError(
                f"the audiogram's frequencies are {', '.join(f'{f:g}' for f in at)} Hz; sort them in ascending "
                "order, each once"
            )

    def at(self, frequencies: Numbers) -> Tensor:
        """
        Interpolate between the frequencies, linearly over the logarithm of frequency, as audiograms are drawn.

        Parameters
        ----------
        frequencies : Tensor, float, or sequence of float, shape (F,)
            Hz, above 0.

        Returns
        -------
        Tensor, shape (F,)
            dB HL, float64; below the lowest and above the highest frequency that frequency's own level.

        Raises
        ------
        ValueError
            If a frequency is not above 0.
        """
        wanted = as_tensor(frequencies, "frequencies", what="frequencies in Hz", numbers=True).detach().cpu()
        wanted = wanted.to(torch.float64)
        if not bool((wanted > 0.0).all()):
            raise ValueError("frequencies hold a number that is not above 0 Hz; give frequencies above 0")
        return levels_at(self.frequencies, self.levels, wanted)

    @property
    def mean_loss(self) -> float:
        """Mean of the levels from 2 to 8 kHz in dB HL; where none was measured there, of those nearest to it."""
        pairs = list(zip(self.frequencies, self.levels, strict=True))
        inside = [level for f, level in pairs if 2000.0 <= f <= 8000.0]
        return sum(inside) / len(inside) if inside else float(self.at([2000.0, 8000.0]).mean())

    @property
    def severity(self) -> str:
        """'none', or above 15, 35, 56 dB of mean loss from 2 to 8 kHz 'mild', 'moderate', 'severe'."""
        return next(name for name, above, _ in _SEVERITIES if self.mean_loss > above)

    @property
    def broadening(self) -> tuple[float, float]:
        """How many times wider the auditory filters are, below and above their centres, by severity."""
        return next(widths for _, above, widths in _SEVERITIES if self.mean_loss > above)


def levels_at(frequencies: Sequence[float], levels: Sequence[float], wanted: Tensor) -> Tensor:
    """
    Interpolate levels linearly over the logarithm of frequency.

    Parameters
    ----------
    frequencies, levels : sequence of float
        Hz, ascending and above 0, and the levels there in dB.
    wanted : Tensor, shape (F,)
        Hz, float64, on the CPU.

    Returns
    -------
    Tensor, shape (F,)
        dB, float64; outside of `frequencies` the level of the nearest one.

    Examples
    --------
    >>> levels_at([1000.0, 4000.0], [20.0, 40.0], torch.tensor([500.0, 2000.0], dtype=torch.float64))
    tensor([20., 30.], dtype=torch.float64)
    """
    known, heights = (torch.tensor(x, dtype=torch.float64, device="cpu") for x in (frequencies, levels))
    if len(known) == 1:
        return heights.expand(wanted.shape).clone()
    known = known.log()
    x = wanted.log().clamp(known[0], known[-1])
    right = torch.searchsorted(known, x.contiguous()).clamp(1, len(known) - 1)
    share = (x - known[right - 1]) / (known[right] - known[right - 1])
    return torch.lerp(heights[right - 1], heights[right], share)


_FREQUENCIES = (250.0, 375.0, 500.0, 750.0, 1000.0, 1500.0, 2000.0, 3000.0, 4000.0, 6000.0)
_LEVELS = {
    "N1": (10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 15.0, 20.0, 30.0, 40.0),
    "N2": (20.0, 20.0, 20.0, 22.5, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0),
    "N3": (35.0, 35.0, 35.0, 35.0, 40.0, 45.0, 50.0, 55.0, 60.0, 65.0),
    "N4": (55.0, 55.0, 55.0, 55.0, 55.0, 60.0, 65.0, 70.0, 75.0, 80.0),
    "N5": (65.0, 67.5, 70.0, 72.5, 75.0, 80.0, 80.0, 80.0, 80.0, 80.0),
    "N6": (75.0, 77.5, 80.0, 82.5, 85.0, 90.0, 90.0, 95.0, 100.0, 100.0),
    "N7": (90.0, 92.5, 95.0, 100.0, 105.0, 105.0, 105.0, 105.0, 105.0, 105.0),
    "S1": (10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 15.0, 30.0, 55.0, 70.0),
    "S2": (20.0, 20.0, 20.0, 22.5, 25.0, 35.0, 55.0, 75.0, 95.0, 95.0),
    "S3": (30.0, 30.0, 35.0, 47.5, 60.0, 70.0, 75.0, 80.0, 80.0, 85.0),
}
#: The audiograms of Bisgaard et al. (2010): N1 to N7 flat and moderately sloping, S1 to S3 steeply sloping
STANDARD_AUDIOGRAMS = MappingProxyType(
    {name: Audiogram(_FREQUENCIES, levels, name) for name, levels in _LEVELS.items()}
)


def standard_audiogram(name: str) -> Audiogram:
    """
    Return one of the standard audiograms of IEC 60118-15.

    Parameters
    ----------
    name : str
        'N1' to 'N7' (flat and moderately sloping losses, from very mild to profound), 'S1' to 'S3' (steeply sloping).

    Returns
    -------
    Audiogram
        At 250 Hz to 6 kHz.

    Raises
    ------
    ValueError
        If there is none of this name.

    References
    ----------
    Bisgaard, Vlaming and Dahlquist (2010), Trends in Amplification 14, 113-120.

    Examples
    --------
    >>> standard_audiogram("N3").levels[-1], standard_audiogram("N3").severity
    (65.0, 'severe')
    """
    if name not in STANDARD_AUDIOGRAMS:
        raise ValueError(f"audiogram = {name!r} is unknown; give {', '.join(map(repr, STANDARD_AUDIOGRAMS))}")
    return STANDARD_AUDIOGRAMS[name]


def as_audiogram(given: Audiogram | str) -> Audiogram:
    """
    Return an audiogram as it is, and the standard one of a name.

    Raises
    ------
    ValueError
        If no standard audiogram has the name.
    TypeError
        If it is neither.

    Examples
    --------
    >>> as_audiogram("N3") == standard_audiogram("N3")
    True
    """
    if not isinstance(given, Audiogram | str):
        raise TypeError(
            f"audiogram is a {type(given).__name__}; give an Audiogram, or the name of a standard one, as 'N3'"
        )
    return standard_audiogram(given) if isinstance(given, str) else given
