"""From the motion of the cochlea to what the brain is given: hair cells, adaptation, modulation.
Source: each module names its own papers.
Not here: the ear and the cochlea in front of it (:mod:`amtlib.ears`, :mod:`amtlib.filterbanks`), and experiments.
"""

from amtlib.perception.adaptation import AdaptLoop
from amtlib.perception.compiled import SlowLoops
from amtlib.perception.compression import BrokenStickCompression, PowerCompression
from amtlib.perception.hair_cells import IHCEnvelope
from amtlib.perception.king_modulation import King2019ModulationFilterbank
from amtlib.perception.memory import RecursionStream
from amtlib.perception.modulation import ModulationFilterbank, modulation_frequencies
from amtlib.perception.receptor_potential import IHCPaulick2024

__all__ = [
    "AdaptLoop",
    "BrokenStickCompression",
    "IHCEnvelope",
    "IHCPaulick2024",
    "King2019ModulationFilterbank",
    "ModulationFilterbank",
    "PowerCompression",
    "RecursionStream",
    "SlowLoops",
    "modulation_frequencies",
]
