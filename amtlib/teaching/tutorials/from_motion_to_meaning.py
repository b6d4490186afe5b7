"""Exercises of tutorial 11, *From motion to meaning*."""

import math

from amtlib.teaching.exercise import Exercise
from amtlib.teaching.judging import function, number

EXERCISES = (
    Exercise(
        "11.1",
        "How many dB lie between the peaks and the valleys of a tone modulated with a depth of 0.8?",
        number(
            20 * math.log10(1.8 / 0.2),
            within=0.1,
            unit="dB",
            mistakes=[
                (
                    20 * math.log10(1.8),
                    "That is from the unmodulated tone up to the peaks; the valleys lie below it.",
                ),
                (
                    -20 * math.log10(0.2),
                    "That is from the unmodulated tone down to the valleys; the peaks lie above it.",
                ),
                (10 * math.log10(1.8 / 0.2), "These are factors of the pressure: 20 log10."),
                (
                    20 * math.log10(0.8),
                    "That is the depth in dB. What are the factors at a peak and in a valley?",
                ),
                (9.0, "That is the ratio of the pressures; it is asked for in dB."),
            ],
        ),
        "A depth of 0.8 is a ratio of nine in the pressure.",
    ),
    Exercise(
        "11.3",
        "What comes out of so many loops in a row when x has been going in for long?",
        function(
            lambda x, loops: x ** (1 / 2**loops),
            [(16.0, 1), (16.0, 3), (10.0, 5)],
            mistakes=[
                (
                    lambda x, loops: x ** (1 / (2 * loops)),
                    "Each loop takes the root of a root: exponents multiply.",
                ),
                (lambda x, loops: x**0.5, "That is one loop; the next one takes the root again."),
                (lambda x, loops: x / 2**loops, "A loop divides by its own output, not by 2."),
                (lambda x, loops: 1.0, "A loop divides by what comes out of it, not by what goes in."),
            ],
        ),
        "Five loops make the 32nd root: almost a logarithm.",
    ),
    Exercise(
        "11.5",
        "By how many percent is the pressure higher at 61 dB than at 60?",
        number(
            100 * (10 ** (1 / 20) - 1),
            within=0.3,
            unit="%",
            mistakes=[
                (100 * (10 ** (1 / 10) - 1), "That is the power."),
                (10 ** (1 / 20), "That is the factor; in percent, say how far it is above 1."),
                (
                    100 * 10 ** (1 / 20),
                    "That is the new pressure in percent of the old one; how much more is it?",
                ),
                (100 / 60, "Decibels are logarithms: their ratio means nothing."),
            ],
        ),
        "An eighth more pressure is one decibel, which is about what a listener can just hear.",
    ),
)
