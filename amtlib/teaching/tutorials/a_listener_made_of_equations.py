"""Exercises of tutorial 12, *A listener made of equations*."""

from amtlib.teaching.exercise import Exercise
from amtlib.teaching.judging import choice, function

EXERCISES = (
    Exercise(
        "12.1",
        "At what probability of a right answer does a procedure stay that gets harder after `down` right answers in a "
        "row, and easier after each wrong one?",
        function(
            lambda down: 0.5 ** (1 / down),
            [(1,), (2,), (3,)],
            mistakes=[
                (
                    lambda down: 0.5**down,
                    "That is how often a coin does it; p to the power of `down` is to be 1/2.",
                ),
                (lambda down: 0.5 * down, "Probabilities of answers in a row are multiplied, not added."),
                (
                    lambda down: 100 * 0.5 ** (1 / down),
                    "That is in per cent; give it as a share, from 0 to 1.",
                ),
            ],
        ),
        "50, 70.7 and 79.4 %: the longer the row, the higher on the psychometric function.",
    ),
    Exercise(
        "12.2",
        'Why does the listener look above 1 kHz: because there "the ear is more sensitive", "the motion grows in '
        'proportion to the tone" or "there is less internal noise"?',
        choice(
            "the motion grows in proportion to the tone",
            {
                "the ear is more sensitive": "To a tone of 1 kHz the place at 1 kHz is the most sensitive; but how "
                "does it grow with level?",
                "there is less internal noise": "Internal noise is the same in all channels; what differs is how the "
                "motion grows with level.",
            },
        ),
        "Far above the tone's own place the membrane does not compress it: a step of 1 dB stays one.",
    ),
    Exercise(
        "12.4",
        'What gets better when outer hair cells are lost: "nothing", "steps of level and modulation" or "tones after a '
        'masker"?',
        choice(
            "steps of level and modulation",
            {
                "nothing": "Without outer hair cells there is no compression; what does a step of 1 dB become then?",
                "tones after a masker": "The tone after the masker is soft, and softer without the gain; look at what "
                "compression made smaller.",
            },
        ),
        "Compression makes changes of level smaller; without it they are larger at the membrane, and easier to hear.",
    ),
)
