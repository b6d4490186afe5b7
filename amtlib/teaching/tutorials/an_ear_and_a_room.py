"""Exercises of tutorial 9, *An ear and a room*."""

from amtlib.teaching.exercise import Exercise
from amtlib.teaching.judging import choice, function, number


def _cell(power: float, threshold: float, exponent: float, loss: float) -> float:
    raised = threshold * 10 ** (loss / 10)
    return float((power + raised) ** exponent - raised**exponent)


EXERCISES = (
    Exercise(
        "9.3",
        "What is the cell of a cochleagram for an ear whose threshold is `loss` dB higher, if its power and the usual "
        "threshold's are `power` and `threshold`?",
        function(
            _cell,
            [(1e4, 1.0, 0.3, 0.0), (1e4, 1.0, 0.8, 20.0), (10.0, 2.0, 0.5, 30.0)],
            mistakes=[
                (
                    lambda p, t, c, loss: _cell(p, t, c, loss / 2),
                    "Threshold is a power here: 20 dB are a factor of 100.",
                ),
                (
                    lambda p, t, c, loss: (p + t + loss) ** c - (t + loss) ** c,
                    "Decibels are not added to a power: 20 dB more are 100 times the power.",
                ),
                (
                    lambda p, t, c, loss: (p + t) ** c - (t * 10 ** (loss / 10)) ** c,
                    "The raised threshold stands in both terms, or silence would not give 0.",
                ),
                (
                    lambda p, t, c, loss: (p + t * 10 ** (loss / 10)) ** c,
                    "Silence should give 0: take away what the threshold alone makes.",
                ),
                (
                    lambda p, t, c, loss: (p + t * 10 ** (loss / 10)) ** c - t**c,
                    "The raised threshold stands in both terms, or silence would not give 0.",
                ),
                (
                    lambda p, t, c, loss: _cell(p / 10 ** (loss / 10), t, c, 0.0),
                    "That is a sound softer by the loss: the same but for a factor, which is the point of the section.",
                ),
            ],
        ),
        "It is the usual cell of a sound softer by the loss, times one factor that is the same for all cells.",
    ),
    Exercise(
        "9.3b",
        "What is the listener's mean slope from 35 to 75 dB SPL, whose c is nearly usual and whose knee lies 20 dB "
        'higher: "about 0.3", "about 0.5" or "about 0.8"?',
        choice(
            "about 0.8",
            {
                "about 0.3": "So it would be if the ear compressed over the whole range; where does its knee lie now?",
                "about 0.5": "More: below its knee this ear is linear, and above it the linear path soon takes over.",
            },
        ),
        "Below its knee, now at some 55 dB SPL, this ear is linear, and not far above it the linear path takes over.",
    ),
    Exercise(
        "9.4",
        "How many times sooner than the normal ear has the listener collected 90 % of a decay, if the exponents 0.82 "
        "and 0.32 alone matter?",
        number(
            0.82 / 0.32,
            within=0.06,
            mistakes=[
                (0.32 / 0.82, "Upside down: the question is how many times sooner, so it is more than 1."),
                ((0.82 / 0.32) ** 2, "The time goes with 1/e, not with its square."),
            ],
        ),
        "A decay is over for this ear in two fifths of the time, whatever the room.",
    ),
    Exercise(
        "9.6",
        "With a hearing aid that makes everything louder by the hearing loss, how much more of the decay does the "
        'listener hear: "as much as a normal ear", "half-way" or "hardly more"?',
        choice(
            "hardly more",
            {
                "as much as a normal ear": "The threshold is undone; but which of the two numbers shortened the decay?",
                "half-way": "Of the two numbers one is undone; 9.4 says how much of the shortening was its doing.",
            },
        ),
        "The exponent is what shortens the decay, and the aid leaves it as it is.",
    ),
)
