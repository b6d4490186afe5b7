"""What is known of people in some of these conditions, each with its source; the same as in notebook 12, section 5.

Absolute levels are not known on this page: thresholds in quiet are compared with nobody's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from amtlib.experiments import Experiment


@dataclass(frozen=True)
class Known:
    """What people do in a condition.

    Parameters
    ----------
    low, high : float
        Range of thresholds, in the unit of the variable.
    says : str
        In words.
    source : str
        Where it was read.
    """

    low: float
    high: float
    says: str
    source: str


def _tone_step(x: Any) -> Known | None:
    if x.carrier == "tone" and x.frequency == 1000.0 and 20.0 <= x.level <= 80.0 and x.duration >= 0.2:
        says = "1.5 dB at 20 dB SPL, 0.3 dB at 80 dB SPL, falling all the way (the near miss to Weber's law)"
        return Known(0.3, 1.5, says, "Open University, OpenLearn Hearing, section 10.3 (textbook)")
    if x.carrier == "noise" and x.level > 30.0 and x.noise_high - x.noise_low >= 5000.0:
        says = "0.4 dB for broadband noise above 30 dB SPL (Weber's law)"
        return Known(0.4, 0.4, says, "Handbook for Sound Engineers, chapter 3 (textbook)")
    return None


def _critical_ratio(x: Any) -> Known | None:
    if x.frequency != 1000.0 or x.noise_low > 500.0 or x.noise_high < 2000.0 or x.duration < 0.2:
        return None
    ratio = 19.0
    says = (
        f"{ratio:g} dB above the level of the noise in one hertz: a filter 200 Hz wide, and a ratio that makes 2.5 "
        "times less of it"
    )
    level = x.spectrum_level + ratio
    return Known(level, level, says, "Patterson 1976 (abstract); ANSI S3.20 (definition, annotation 2)")


def _gap(x: Any) -> Known | None:
    if x.noise_high < 5000.0 or x.noise_low > 500.0 or x.level < 40.0:
        return None
    says = "2 to 3 ms in broadband noise"
    return Known(2.0, 3.0, says, "Gelfand, Hearing, chapter 9 (summary); Snell and Hu 1995 (abstract)")


def _modulation(x: Any) -> Known | None:
    if x.carrier != "noise" or x.rate > 16.0 or x.duration < 0.4 or x.noise_high < 5000.0:
        return None
    says = "-23 to -26 dB for broadband noise at slow rates"
    return Known(-26.0, -23.0, says, "University of Washington, course SPHSC 461 (after Viemeister 1979)")


_KNOWN: dict[str, Callable[[Any], Known | None]] = {
    "intensity_discrimination": _tone_step,
    "tone_in_noise": _critical_ratio,
    "gap_detection": _gap,
    "am_detection": _modulation,
}


def known_of(experiment: Experiment) -> Known | None:
    """Return what is known of people in a condition, or None where no source was found.

    Examples
    --------
    >>> from amtlib.experiments import experiment
    >>> known_of(experiment("gap_detection")).says
    '2 to 3 ms in broadband noise'
    """
    ask = _KNOWN.get(experiment.name)
    return None if ask is None else ask(experiment)
