"""Exercises of tutorial 10, *Your room*."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from amtlib.teaching.comparison import chance
from amtlib.teaching.exercise import Exercise
from amtlib.teaching.judging import function, number

Array = NDArray[np.float64]

_DECAY = 0.97 ** np.arange(60)
_NOISE = np.random.default_rng(10).standard_normal(60) * 0.9 ** np.arange(60)


def _to_come(h: Any) -> Array:
    power = np.square(np.asarray(h, dtype=np.float64))
    return np.cumsum(power[::-1])[::-1]


def _decay_curve(h: Any) -> Array:
    energy = _to_come(h)
    return np.asarray(10 * np.log10(energy / energy[0]))


EXERCISES = (
    Exercise(
        "10.2",
        "What is the decay curve of an impulse response: the energy that is still to come at each sample, in dB re "
        "all of it?",
        function(
            _decay_curve,
            [(_DECAY,), (_NOISE,)],
            mistakes=[
                (lambda h: 2 * _decay_curve(h), "Energy is a power: take 10 log10, not 20."),
                (
                    lambda h: 10 * np.log10(np.cumsum(np.square(h)) / np.sum(np.square(h))),
                    "That is the energy that has come so far; add up from the end instead.",
                ),
                (lambda h: 10 * np.log10(_to_come(h)), "Begin at 0 dB: divide by all of the energy."),
                (lambda h: _to_come(h) / _to_come(h)[0], "That is the share; decibels are asked for."),
                (
                    lambda h: 10 * np.log10(np.square(h)),
                    "That is the level of single samples; add up all that is still to come.",
                ),
                (
                    lambda h: 10 * np.log10(np.square(h) / np.sum(np.square(h))),
                    "That is the power of single samples; add up all that is still to come.",
                ),
            ],
        ),
        "It falls smoothly even where the response itself jumps about, which is why decay is read off this curve.",
    ),
    Exercise(
        "10.5",
        "How often does somebody who guesses between two get `right` answers of `trials`, or more?",
        function(
            chance,
            [(8, 10), (12, 16), (15, 20)],
            mistakes=[
                (
                    lambda right, trials: (
                        chance(right, trials) - (chance(right + 1, trials) if right < trials else 0)
                    ),
                    "That is exactly so many; add those with more, which would have convinced you, too.",
                ),
                (lambda right, trials: 1 - chance(right, trials), "That is how often guessing gets fewer."),
                (
                    lambda right, trials: 0.5**right,
                    "That is all right answers in a row, whatever the others are.",
                ),
                (
                    lambda right, trials: 100 * chance(right, trials),
                    "That is in per cent; give it as a share, from 0 to 1.",
                ),
            ],
        ),
        "12 of 16 come by guessing once in 26 series, 8 of 10 once in 18.",
    ),
    Exercise(
        "10.6",
        "If 3 cents are just noticed at 1 kHz and the tail wanders by as many hertz everywhere, by how many cents does "
        "it wander at 250 Hz?",
        number(
            12.0,
            within=0.1,
            unit="cents",
            mistakes=[
                (3.0, "A cent is a ratio: as many hertz are more cents at a lower frequency."),
                (0.75, "The other way round: as many hertz are a larger share of a lower frequency."),
            ],
        ),
        "So a low tone sounds out of tune before a high one does.",
    ),
)
