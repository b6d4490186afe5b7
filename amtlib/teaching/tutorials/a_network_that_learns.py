"""Exercises of tutorial 7, *A network that learns*."""

import math

import numpy as np

from amtlib.teaching.exercise import Exercise
from amtlib.teaching.judging import Array, function, number

_rng = np.random.default_rng(0)
#: Responses of unlike spread and level, complex.
_RESPONSES = tuple(
    scale * (_rng.standard_normal(500) + 1j * _rng.standard_normal(500)) + offset
    for scale, offset in ((1.0, 0.0), (0.3, 2.0))
)


def _relative_power(response: Array) -> Array:
    power = np.abs(response) ** 2
    return np.asarray(power / power.mean())


EXERCISES = (
    Exercise(
        "7.1",
        "How many numbers of an orthogonal matrix of n lines can be chosen freely?",
        function(
            lambda n: n * (n - 1) // 2,
            [(2,), (4,), (8,)],
            mistakes=[
                (
                    lambda n: n * n,
                    "Those are all entries; the columns must be at right angles and of length 1.",
                ),
                (
                    lambda n: n * (n + 1) // 2,
                    "So many conditions there are: a length for each column, a right angle for each pair. "
                    "How many numbers do they leave free?",
                ),
                (lambda n: n * (n - 1), "That counts each plane twice, once for each order of its axes."),
                (lambda n: n, "A rotation has an angle for each pair of axes, not for each axis."),
            ],
        ),
        "All entries but one for each length and each right angle: one angle for each pair of axes.",
    ),
    Exercise(
        "7.4",
        "What is the mean squared distance of the power of a response, relative to its mean, from 1?",
        function(
            lambda response: ((_relative_power(response) - 1) ** 2).mean(),
            [(response,) for response in _RESPONSES],
            mistakes=[
                (
                    lambda response: ((np.abs(response) ** 2 - 1) ** 2).mean(),
                    "That asks for a level as well: divide the power by its mean first.",
                ),
                (
                    lambda response: ((np.abs(response) / np.abs(response).mean() - 1) ** 2).mean(),
                    "That is the magnitude; its square is the power, in which a peak counts for more.",
                ),
                (
                    lambda response: ((np.abs(response) - 1) ** 2).mean(),
                    "That is the distance of the magnitude from 1, the objective of 7.2.",
                ),
                (
                    lambda response: (_relative_power(response) - 1).mean(),
                    "That is always 0: what lies above the mean and what lies below it cancel. Square it.",
                ),
                (
                    lambda response: ((_relative_power(response) - 1) ** 2).sum(),
                    "That is the sum; it would grow with the number of frequencies.",
                ),
            ],
        ),
        "It is the same for a response that is twice as high everywhere: only the shape counts.",
    ),
    Exercise(
        "7.8",
        "By how many dB is the magnitude of a noise to be changed, to come closest to that of another of equal power?",
        number(
            20 * math.log10(math.pi / 4),
            within=0.03,
            unit="dB",
            mistakes=[
                (-20 * math.log10(math.pi / 4), "That makes it louder; the factor is less than 1."),
                (10 * math.log10(math.pi / 4), "a is a factor of the magnitude: 20 log10."),
                (math.pi / 4, "That is the factor itself; it is asked for in dB."),
                (0.0, "So it would be if both magnitudes rose and fell together. These are independent."),
            ],
        ),
        "What cannot be predicted is best met halfway, so a loss that compares cell by cell makes a tail too soft.",
    ),
)
