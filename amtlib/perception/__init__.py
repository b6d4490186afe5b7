"""From the motion of the cochlea to what the brain is given: hair cells, adaptation, modulation.
Source: each module names its own papers.
Not here: the ear and the cochlea in front of it (:mod:`amtlib.ears`, :mod:`amtlib.filterbanks`), and experiments.
"""

from amtlib.perception.adaptation import AdaptLoop
from amtlib.perception.compiled import SlowLoops
from amtlib.perception.hair_cells import IHCEnvelope
from amtlib.perception.memory import RecursionStream
from amtlib.perception.receptor_potential import IHCPaulick2024

__all__ = ["AdaptLoop", "IHCEnvelope", "IHCPaulick2024", "RecursionStream", "SlowLoops"]
