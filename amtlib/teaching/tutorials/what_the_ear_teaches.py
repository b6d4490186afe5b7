"""Exercises of tutorial 8, *What the ear teaches*."""

import math

from amtlib.teaching.exercise import Exercise
from amtlib.teaching.judging import choice, function, number


def _collected_by(share: float, exponent: float, decay: float) -> float:
    return -math.log10(1 - share) * decay / (6 * exponent)


EXERCISES = (
    Exercise(
        "8.1",
        'Which losses find a tail of 0.5 s clearly worse than one of 1 s: "all four", "the two spectrograms", '
        '"the two ears" or "none"?',
        choice(
            "the two ears",
            {
                "all four": "So one would hope. In the figure below, two of the four curves are nearly flat.",
                "the two spectrograms": "It is the other way round: the figure below shows which curves rise.",
                "none": "Two of them do, and by a factor of three: see the figure below.",
            },
        ),
        "The cochleagram and the loudness pattern hear the decay; to both spectrograms the short tail is as good.",
    ),
    Exercise(
        "8.2",
        "By what time in s has a loss collected a share of its sum, if it raises power to an exponent, and the tail "
        "decays by 60 dB in `decay` seconds?",
        function(
            _collected_by,
            [(0.5, 1.0, 1.0), (0.9, 2.0, 1.0), (0.9, 0.3, 2.0)],
            mistakes=[
                (
                    lambda share, exponent, decay: 2 * _collected_by(share, exponent, decay),
                    "That is twice too late: power falls by 60 dB in a decay time, by a factor of 10^6, not 10^3.",
                ),
                (
                    lambda share, exponent, decay: _collected_by(1 - share, exponent, decay),
                    "That is when the rest, 1 - share, has been collected.",
                ),
                (
                    lambda share, exponent, decay: _collected_by(share, 1 / exponent, decay),
                    "A larger exponent makes the weight fall faster, so the time gets shorter.",
                ),
                (
                    lambda share, exponent, decay: _collected_by(share, exponent, decay) * math.log(10),
                    "The weight is a power of ten, so its logarithm is to the base of ten: log10.",
                ),
            ],
        ),
        "The time is inversely proportional to the exponent: 83 ms with 2, 167 ms with 1, 556 ms with 0.3.",
    ),
    Exercise(
        "8.4",
        "By how many dB must a tail that decays in 2 s start below one that decays in 1 s to have the same energy?",
        number(
            10 * math.log10(2),
            within=0.1,
            unit="dB",
            mistakes=[
                (
                    20 * math.log10(2),
                    "Energy is proportional to the decay time itself: take 10 log10, not 20.",
                ),
                (
                    -10 * math.log10(2),
                    "The size is right; the question asks how far below, so give it as positive.",
                ),
                (2.0, "Twice the time means twice the energy; how many dB is a factor of 2?"),
            ],
        ),
        "Twice as long, half as strong: the loss can lower the beginning, which it sees, and pay where it is blind.",
    ),
)
