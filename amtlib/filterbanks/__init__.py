"""Auditory filterbanks: from pressure to the motion of places along the cochlea.
Source: see each module.
Not here: the outer and middle ear (:mod:`amtlib.ears`) and loudness (:mod:`amtlib.loudness`).
"""

from amtlib.filterbanks.gammatone import GammatoneFilterbank

__all__ = ["GammatoneFilterbank"]
