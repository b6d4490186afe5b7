"""Exercises of tutorial 2, *Compression*."""

from amtlib.teaching.exercise import Exercise
from amtlib.teaching.judging import choice, function


def _rise(below: float, above: float, c: float = 0.25) -> float:
    return below + c * above


def _aid(level: float) -> float:
    """Gain for an ear that is linear and 40 dB too low, against a knee at 40 dB SPL and a slope of 0.25."""
    return max(0.0, min(40.0, 40.0 - 0.75 * (level - 40.0)))


EXERCISES = (
    Exercise(
        "2.2",
        "By how much does the nonlinear path rise, from a tone below the knee to one above it?",
        function(
            _rise,
            [(20.0, 0.0), (0.0, 40.0), (30.0, 20.0)],
            mistakes=[
                (
                    lambda below, above: below + above,
                    "So it would be on a straight line; above the knee it bends.",
                ),
                (
                    lambda below, above: 0.25 * (below + above),
                    "Below the knee the stick is straight: there the response follows the tone dB for dB.",
                ),
                (lambda below, above: 0.25 * above, "You have left out the part below the knee."),
                (
                    lambda below, above: below + 4 * above,
                    "An exponent of a quarter flattens: its slope in dB per dB is c, not 1/c.",
                ),
            ],
        ),
        "In decibels an exponent is a slope: 40 dB above the knee become 10.",
    ),
    Exercise(
        "2.6",
        "What becomes of the motion at the probe's frequency while the second tone grows?",
        choice(
            "it shrinks",
            {
                "it stays": "So it would in a linear place; this one has a stick that both tones share.",
                "it grows": "The motion as a whole does; at the frequency of the probe it is another matter.",
            },
        ),
        "The second tone drives the stick onto its flat part, where there is less gain for the probe.",
    ),
    Exercise(
        "2.8",
        "Which gain in dB does a sound of this level need?",
        function(
            _aid,
            [(20.0,), (60.0,), (80.0,), (100.0,)],
            mistakes=[
                (lambda level: 40.0, "That is right for soft sounds; loud ones would become far too loud."),
                (
                    lambda level: 40.0 - 0.75 * (level - 40.0),
                    "Right between the knee and the point where the curves meet; below the knee it is 40 dB, and "
                    "never negative.",
                ),
                (
                    lambda level: min(40.0, 40.0 - 0.75 * (level - 40.0)),
                    "Right until the curves meet, at 93 dB SPL; above it, no gain is needed.",
                ),
                (
                    lambda level: max(0.0, 40.0 - 0.75 * (level - 40.0)),
                    "Right above the knee; below it the curves are parallel, and the gain is 40 dB.",
                ),
                (
                    lambda level: max(0.0, min(40.0, 40.0 - 0.25 * (level - 40.0))),
                    "The healthy ear grows by 0.25 dB per dB, the damaged one by 1: the gain falls by the difference.",
                ),
            ],
        ),
        "The aid compresses 4 : 1 above the knee, in place of the ear.",
    ),
)
