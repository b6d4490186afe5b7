"""From the motion of the cochlea to what the brain is given: hair cells, adaptation, modulation.
Source: each module names its own papers.
Not here: the ear and the cochlea in front of it (:mod:`amtlib.ears`, :mod:`amtlib.filterbanks`), and experiments.
"""

from amtlib.perception.adaptation import AdaptLoop
from amtlib.perception.casp import Jepsen2008, Paulick2024, paulick2024_minlvl
from amtlib.perception.compiled import SlowLoops
from amtlib.perception.compression import BrokenStickCompression, PowerCompression
from amtlib.perception.decision import (
    band_correlations,
    decision_variable,
    is_detected,
    probability_correct,
    region_of_interest,
    template,
)
from amtlib.perception.gammatone_models import Dau1997, King2019, Osses2021
from amtlib.perception.hair_cells import IHCEnvelope
from amtlib.perception.king_modulation import King2019ModulationFilterbank
from amtlib.perception.memory import RecursionStream
from amtlib.perception.model_stream import ModelStream
from amtlib.perception.modulation import ModulationFilterbank, modulation_frequencies
from amtlib.perception.receptor_potential import IHCPaulick2024
from amtlib.perception.stages import PerceptionModel, PerceptionStages

__all__ = [
    "AdaptLoop",
    "BrokenStickCompression",
    "Dau1997",
    "IHCEnvelope",
    "IHCPaulick2024",
    "Jepsen2008",
    "King2019",
    "King2019ModulationFilterbank",
    "ModelStream",
    "ModulationFilterbank",
    "Osses2021",
    "Paulick2024",
    "PerceptionModel",
    "PerceptionStages",
    "PowerCompression",
    "RecursionStream",
    "SlowLoops",
    "band_correlations",
    "decision_variable",
    "is_detected",
    "modulation_frequencies",
    "paulick2024_minlvl",
    "probability_correct",
    "region_of_interest",
    "template",
]
