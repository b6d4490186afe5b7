"""Exercises of tutorial 1, *Hearing in frequency*."""

import math

from amtlib.scales import audfiltbw
from amtlib.teaching.exercise import Exercise
from amtlib.teaching.judging import function


def _semitones(f: float) -> float:
    erb = float(audfiltbw(f))
    return 12 * math.log2((f + erb / 2) / (f - erb / 2))


EXERCISES = (
    Exercise(
        "1.1",
        "How many semitones does the auditory filter at f hertz span, with half of its ERB on either side of f?",
        function(
            _semitones,
            [(63.0,), (1000.0,), (8000.0,)],
            mistakes=[
                (
                    lambda f: float(audfiltbw(f)),
                    "That is the width in hertz; a semitone is a ratio of 2^(1/12).",
                ),
                (lambda f: _semitones(f) / 12, "Those are octaves; an octave has twelve semitones."),
            ],
        ),
        "In hertz filters widen upwards; in semitones they narrow, from nearly nine in the deep bass to two.",
    ),
)
