"""All experiments by name.
Source: none; each experiment names its own.
Not here: the experiments.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from amtlib.experiments.detection import ForwardMasking, NotchedNoise, ToneInNoise, ToneInQuiet
from amtlib.experiments.discrimination import (
    FrequencyDiscrimination,
    IntensityDiscrimination,
    SpectralRipple,
)
from amtlib.experiments.experiment import Experiment
from amtlib.experiments.temporal import AMDetection, AMMasking, GapDetection

#: Experiments by their names
EXPERIMENTS: Mapping[str, type[Experiment]] = {
    kind.name: kind
    for kind in (
        ToneInQuiet,
        IntensityDiscrimination,
        ToneInNoise,
        NotchedNoise,
        ForwardMasking,
        GapDetection,
        AMDetection,
        AMMasking,
        FrequencyDiscrimination,
        SpectralRipple,
    )
}


def experiment(name: str, **settings: Any) -> Experiment:
    """
    Return an experiment by its name.

    Parameters
    ----------
    name : str
        One of ``EXPERIMENTS``.
    **settings
        Those that differ from usual.

    Returns
    -------
    Experiment

    Raises
    ------
    ValueError
        If there is no such experiment or setting, or a value is out of its range.

    Examples
    --------
    >>> experiment("gap_detection", level=50.0).level
    50.0
    """
    if name not in EXPERIMENTS:
        raise ValueError(f"name = {name!r} is no experiment; give one of {', '.join(EXPERIMENTS)}")
    kind = EXPERIMENTS[name]
    known = [each.name for each in fields(kind)]
    for setting in settings:
        if setting not in known:
            raise ValueError(f"{name} has no setting {setting!r}; it has {', '.join(known)}")
    return kind(**settings)
