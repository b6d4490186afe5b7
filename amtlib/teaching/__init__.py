"""Exercises of the tutorials: a cell that the reader writes, and :func:`check`, which answers in words.

Source: each exercise states a fact that its tutorial derives or cites; the right value is computed with amtlib.
Not here: the text of the tutorials, with hints and folded solutions (`notebooks`).
"""

from amtlib.teaching.comparison import BlindComparison, chance
from amtlib.teaching.exercise import Exercise, Verdict
from amtlib.teaching.judging import Unsolved, choice, function, number
from amtlib.teaching.tutorials import EXERCISES, check

__all__ = [
    "EXERCISES",
    "BlindComparison",
    "Exercise",
    "Unsolved",
    "Verdict",
    "chance",
    "check",
    "choice",
    "function",
    "number",
]
