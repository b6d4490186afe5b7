"""Exercises of tutorial 1, *Hearing in frequency*."""

import math

from amtlib.scales import audfiltbw
from amtlib.teaching.exercise import Exercise
from amtlib.teaching.judging import function, number


def _semitones(f: float) -> float:
    erb = float(audfiltbw(f))
    return 12 * math.log2((f + erb / 2) / (f - erb / 2))


def _gain(distance: float) -> float:
    """Level of a filter of order 4, distance / b from its centre, dB re the centre."""
    return -40 * math.log10(1 + distance**2)


def _last_resolved(f0: float) -> float:
    return 9.265 * (f0 - 24.7) / f0


def _channel_level(per_hertz: float, fc: float) -> float:
    return per_hertz + 10 * math.log10(float(audfiltbw(fc)))


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
    Exercise(
        "1.4",
        "At which level, re the centre, does a sound come out of a filter of order 4 that lies one ERB away?",
        number(
            lambda: _gain(1 / 1.0186),
            within=0.15,
            unit="dB",
            mistakes=[
                (
                    lambda: -_gain(1 / 1.0186),
                    "It comes out weaker than at the centre: the level is negative.",
                ),
                (
                    lambda: _gain(1 / 1.0186) / 2,
                    "|H| is a ratio of pressures, so its level is 20 log |H|, not 10 log |H|.",
                ),
                (
                    lambda: 10 ** (_gain(1 / 1.0186) / 10),
                    "That is the share of the power; give its level in dB.",
                ),
                (
                    lambda: 10 ** (_gain(1 / 1.0186) / 20),
                    "That is the ratio of pressures; give its level in dB.",
                ),
                (lambda: _gain(1.0), "Nearly: b is not one ERB, but 1.0186 of it."),
                (
                    lambda: _gain(0.5 / 1.0186),
                    "That is half an ERB away, where the box of equal area ends.",
                ),
            ],
        ),
        "A box would let nothing through there; the ear's filter still passes a fifteenth of the power.",
    ),
    Exercise(
        "1.6",
        "At which harmonic of f0 hertz is the spacing of the harmonics just one ERB?",
        function(
            _last_resolved,
            [(75.0,), (150.0,), (300.0,)],
            within=0.01,
            mistakes=[
                (
                    lambda f0: 9.265 * (f0 - 24.7),
                    "That is its frequency in hertz; divide it by f0 for its number.",
                ),
                (
                    lambda f0: f0 / float(audfiltbw(f0)),
                    "That is how many ERB the first two harmonics are apart; higher up the filters are wider.",
                ),
            ],
        ),
        "Never more than nine, however high the note: far above 25 Hz the widths of filters and notes scale alike.",
    ),
    Exercise(
        "1.8",
        "Which level does a channel report for noise of so many dB SPL in each hertz?",
        function(
            _channel_level,
            [(18.0, 1000.0), (30.0, 250.0), (10.0, 8000.0)],
            mistakes=[
                (
                    lambda per_hertz, fc: per_hertz + float(audfiltbw(fc)),
                    "Decibels and hertz cannot be added: it is so many times the power, 10 log of it in dB.",
                ),
                (
                    lambda per_hertz, fc: per_hertz + 20 * math.log10(float(audfiltbw(fc))),
                    "Noise adds up in power: 10 log, not 20 log.",
                ),
                (
                    lambda per_hertz, fc: per_hertz + 10 * math.log10(fc),
                    "That is for a channel as wide as its centre frequency; this one is one ERB wide.",
                ),
            ],
        ),
        "Twice as wide is 3 dB more, and that is why white noise sounds like a hiss.",
    ),
)
