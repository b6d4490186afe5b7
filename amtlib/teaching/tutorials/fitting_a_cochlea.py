"""Exercises of tutorial 3, *Fitting a cochlea*."""

from typing import Any

from amtlib.teaching.exercise import Exercise
from amtlib.teaching.judging import function, number

#: Standard deviation with which one measurement fixes b, and that which is wanted, dB
_FOUND, _WANTED = 2.02, 0.5


def _step(guess: Any, gradient: Any, size: float) -> Any:
    return guess - size * gradient


def _inner(loss: float, gain: float) -> float:
    """Loss left for the inner hair cells, if the outer ones get nine tenths of it, at most their gain."""
    return loss - min(0.9 * loss, gain)


EXERCISES = (
    Exercise(
        "3.1",
        "By how many dB has a been lowered?",
        number(
            20.0,
            within=2.0,
            unit="dB",
            mistakes=[
                (
                    -20.0,
                    "That is what has been done to it; it has been lowered by so much, without the sign.",
                ),
                (6.0, "There the normal ear compresses already; look where both curves are still straight."),
                (2.0, "That is at loud tones, where a no longer counts; look at soft ones."),
            ],
        ),
        "Below the knee the curve moves with a, decibel for decibel.",
    ),
    Exercise(
        "3.3",
        "What is the next guess of the steepest descent?",
        function(
            _step,
            [(0.0, 2.0, 0.5), (3.0, -1.0, 0.1)],
            mistakes=[
                (
                    lambda guess, gradient, size: guess + size * gradient,
                    "That goes uphill: the gradient points there.",
                ),
                (lambda guess, gradient, size: guess - gradient, "You have left out the size of the step."),
                (
                    lambda guess, gradient, size: -size * gradient,
                    "That is the step; the next guess is where it leads from the present one.",
                ),
            ],
        ),
        "All that an optimiser such as Adam adds is a size of its own for each parameter.",
    ),
    Exercise(
        "3.4",
        "How many measurements does it take to know b to 0.5 dB?",
        number(
            (_FOUND / _WANTED) ** 2,
            within=0.8,
            mistakes=[
                (_FOUND / _WANTED, "The error falls with the square root of their number only."),
                (
                    _FOUND**2 / _WANTED,
                    "Compare like with like: the variance of b, and the square of the error that you want.",
                ),
            ],
        ),
        "A quarter of the error takes sixteen times the patience; a better choice of levels is cheaper.",
    ),
    Exercise(
        "3.7",
        "Which part of a loss is left for the inner hair cells?",
        function(
            _inner,
            [(20.0, 42.0), (60.0, 42.0), (60.0, 27.0)],
            mistakes=[
                (
                    lambda loss, gain: min(0.9 * loss, gain),
                    "That is the part of the outer hair cells; the inner ones have the rest.",
                ),
                (
                    lambda loss, gain: max(0.0, loss - gain),
                    "So it is for large losses; of a small one the inner hair cells have a tenth.",
                ),
                (
                    lambda loss, gain: 0.1 * loss,
                    "So it is for small losses; nine tenths of a large one exceed the gain of the outer hair cells.",
                ),
                (
                    lambda loss, gain: loss - max(0.9 * loss, gain),
                    "The outer hair cells get the smaller one of the two: they cannot lose more than their gain.",
                ),
            ],
        ),
        "At 4 kHz a tenth of losses up to 47 dB; of what lies beyond, all.",
    ),
)
