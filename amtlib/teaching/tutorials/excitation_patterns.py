"""Exercises of tutorial 4, *Excitation patterns*."""

import math
from collections.abc import Sequence

from amtlib.teaching.exercise import Exercise
from amtlib.teaching.judging import choice, function, number


def _still_passes(delta: float, p: float) -> float:
    """Share of the power of noise on both sides of a notch, re no notch: the integral of a roex filter."""
    return (1 + p * delta / 2) * math.exp(-p * delta)


def _level_behind(levels: Sequence[float], weights: Sequence[float]) -> float:
    return 10 * math.log10(sum(w * 10 ** (level / 10) for w, level in zip(weights, levels, strict=True)))


def _from_pressures(levels: Sequence[float], weights: Sequence[float]) -> float:
    pressure = sum(math.sqrt(w) * 10 ** (level / 20) for w, level in zip(weights, levels, strict=True))
    return 20 * math.log10(pressure)


EXERCISES = (
    Exercise(
        "4.1",
        "Which share of the noise's power still passes the filter when the notch reaches from -delta to +delta?",
        function(
            _still_passes,
            [(0.0, 30.0), (0.1, 30.0), (0.3, 11.0)],
            mistakes=[
                (
                    lambda delta, p: (1 + p * delta) * math.exp(-p * delta),
                    "That is the weight at the edge of the notch; the noise comes from everywhere beyond it.",
                ),
                (
                    lambda delta, p: math.exp(-p * delta),
                    "That is a skirt without the rounded top: integrate W(g), with the factor 1 + p g.",
                ),
                (
                    lambda delta, p: (2 + p * delta) * math.exp(-p * delta) / p,
                    "That is the area of one skirt; divide it by the area without a notch.",
                ),
                (
                    lambda delta, p: 2 * (2 + p * delta) * math.exp(-p * delta) / p,
                    "That is the area of both skirts; divide it by the area without a notch.",
                ),
                (
                    lambda delta, p: 10 * math.log10(_still_passes(delta, p)),
                    "That is the share in decibels; give the share itself.",
                ),
            ],
        ),
        "In decibels it is nearly a straight line, and its slope tells how sharp the filter is.",
    ),
    Exercise(
        "4.2",
        "Which level do components of these levels have together behind a filter with these weights?",
        function(
            _level_behind,
            [([60.0, 60.0], [1.0, 1.0]), ([60.0, 70.0, 50.0], [1.0, 0.05, 0.5])],
            mistakes=[
                (
                    lambda levels, weights: sum(w * level for w, level in zip(weights, levels, strict=True)),
                    "Decibels cannot be weighted and summed; powers can. Turn each level into a power first.",
                ),
                (
                    _from_pressures,
                    "You have added pressures; components of different frequencies add up in power.",
                ),
                (
                    lambda levels, weights: _level_behind(levels, [1.0] * len(levels)),
                    "That is the level in front of the filter; weight each power first.",
                ),
                (
                    lambda levels, weights: 10 ** (_level_behind(levels, weights) / 10),
                    "That is the power; give its level in dB.",
                ),
            ],
        ),
        "Two equal components are 3 dB more than one; one that passes with a weight of 0.05 counts 13 dB less.",
    ),
    Exercise(
        "4.3",
        "Is the excitation pattern of a tone symmetric if each filter is?",
        choice(
            "falls faster below the tone",
            {
                "symmetric": "Each filter is, but each point of the pattern is another filter, of another width.",
                "falls faster above the tone": "Up there the filters are wider, and a wide filter reaches further.",
            },
        ),
        "The filters above the tone are the wider ones, so they catch more of it.",
    ),
    Exercise(
        "4.4",
        "A tone of 1 kHz is made louder by 10 dB: by how much does the excitation at 2 kHz grow?",
        choice(
            "more than 10 dB",
            {
                "10 dB": "So it would be if the filter at 2 kHz stayed as it is; its lower skirt flattens.",
                "less than 10 dB": (
                    "The cochlea compresses tones at their own place; this place is an octave above the tone."
                ),
            },
        ),
        "The tone grows by 10 dB, and the lower skirt on which it sits comes up as well.",
    ),
    Exercise(
        "4.7",
        "By how many decibels may the tone's excitation lie below the masker's, to make 1 dB more together?",
        number(
            lambda: -10 * math.log10(10**0.1 - 1),
            within=0.15,
            unit="dB",
            mistakes=[
                (
                    lambda: 10 * math.log10(10**0.1 - 1),
                    "That is where it lies; it lies so far below, without the sign.",
                ),
                (
                    1.0,
                    "That is by how much both together exceed the masker; the tone itself may be far weaker.",
                ),
                (
                    lambda: -20 * math.log10(10**0.05 - 1),
                    "You have added pressures; tone and noise add up in power.",
                ),
            ],
        ),
        "A quarter of the masker's power, in one filter, is enough to be heard.",
    ),
)
