"""Auditory models as differentiable torch modules: what the ear makes of sound, each number open to view.
Source: each module names its own papers.
Not here: anything that draws or serves (that is `app`). Signals are in Pa, shape (..., T): tensors, arrays, or loaded
sounds. What goes in as (T,) comes out without a batch axis, (B, T) with B in front. Files: `amtlib.loudness.loudness`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amtlib import ears, filterbanks, hearing_loss, loudness, lti, perception, scales
    from amtlib.ears import HeadphoneFilter, MiddleEarFilter, OuterMiddleEarFilter, fit_drnl
    from amtlib.filterbanks import (
        DRNLFilterbank,
        ERBIntegration,
        ExcitationPattern,
        FastDRNLFilterbank,
        GammatoneFilterbank,
        Moore2016ExcitationPattern,
        Moore2016Spectrum,
        MultiResolutionFFT,
    )
    from amtlib.hearing_loss import HearingLoss, LoudnessRecruitment, SpectralSmearing
    from amtlib.loudness import (
        BinauralInhibition,
        Glasberg2002,
        LoudnessIntegration,
        Moore2016,
        Moore2016AGC,
        Moore2016BinauralLoudness,
        Moore2016SpecificLoudness,
        Moore2016TemporalIntegration,
        SpatialSmoothing,
        SpecificLoudness,
        phon2sone,
        sone2phon,
    )
    from amtlib.perception import (
        AdaptLoop,
        BrokenStickCompression,
        Dau1997,
        IHCEnvelope,
        IHCPaulick2024,
        Jepsen2008,
        King2019,
        King2019ModulationFilterbank,
        ModulationFilterbank,
        Osses2021,
        Paulick2024,
        PowerCompression,
    )
    from amtlib.scales import (
        audfiltbw,
        erb2fc,
        erbrate2f,
        erbspace,
        erbspacebw,
        f2erb,
        f2erbrate,
        fc2erb,
        fc2place,
        place2fc,
    )

__version__ = "0.1.0"

__all__ = [
    "AdaptLoop",
    "BinauralInhibition",
    "BrokenStickCompression",
    "DRNLFilterbank",
    "Dau1997",
    "ERBIntegration",
    "ExcitationPattern",
    "FastDRNLFilterbank",
    "GammatoneFilterbank",
    "Glasberg2002",
    "HeadphoneFilter",
    "HearingLoss",
    "IHCEnvelope",
    "IHCPaulick2024",
    "Jepsen2008",
    "King2019",
    "King2019ModulationFilterbank",
    "LoudnessIntegration",
    "LoudnessRecruitment",
    "MiddleEarFilter",
    "ModulationFilterbank",
    "Moore2016",
    "Moore2016AGC",
    "Moore2016BinauralLoudness",
    "Moore2016ExcitationPattern",
    "Moore2016SpecificLoudness",
    "Moore2016Spectrum",
    "Moore2016TemporalIntegration",
    "MultiResolutionFFT",
    "Osses2021",
    "OuterMiddleEarFilter",
    "Paulick2024",
    "PowerCompression",
    "SpatialSmoothing",
    "SpecificLoudness",
    "SpectralSmearing",
    "__version__",
    "audfiltbw",
    "ears",
    "erb2fc",
    "erbrate2f",
    "erbspace",
    "erbspacebw",
    "f2erb",
    "f2erbrate",
    "fc2erb",
    "fc2place",
    "filterbanks",
    "fit_drnl",
    "hearing_loss",
    "loudness",
    "lti",
    "perception",
    "phon2sone",
    "place2fc",
    "scales",
    "sone2phon",
]

#: Where the names above are from.
_PARTS = ("ears", "filterbanks", "hearing_loss", "loudness", "lti", "perception", "scales")
_OTHERS = ("audio", "experiments", "fdn", "signals", "train")


def __getattr__(name: str) -> Any:
    # On first use: torch takes seconds and 200 MB, and the command that serves the labs needs none of it.
    if name in _PARTS or name in _OTHERS:
        return importlib.import_module(f"amtlib.{name}")
    for part in _PARTS if name in __all__ else ():
        module = importlib.import_module(f"amtlib.{part}")
        if name in module.__all__:
            return globals().setdefault(name, getattr(module, name))
    raise AttributeError(f"module 'amtlib' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_OTHERS])
