"""Exercises of tutorial 6, *Rooms made of delay lines*."""

import numpy as np

from amtlib.teaching.exercise import Exercise
from amtlib.teaching.judging import choice, function, number

EXERCISES = (
    Exercise(
        "6.1",
        "Which gain must a line of so many seconds have, for a decay by 60 dB in so many seconds?",
        function(
            lambda delay, decay_time: 10 ** (-3 * delay / decay_time),
            [(0.05, 1.55), (0.03, 1.5), (0.1, 1.5)],
            mistakes=[
                (
                    lambda delay, decay_time: 10 ** (-6 * delay / decay_time),
                    "That is the factor of the power; the line multiplies the amplitude.",
                ),
                (
                    lambda delay, decay_time: -60 * delay / decay_time,
                    "That is the gain in dB; the line needs the factor.",
                ),
                (
                    lambda delay, decay_time: 10 ** (-60 * delay / decay_time),
                    "60 dB are a factor of 1000 in the amplitude, not of 10 to the power 60.",
                ),
                (
                    lambda delay, decay_time: np.exp(-delay / decay_time),
                    "That decays by a factor of e within the decay time; 60 dB are a factor of 1000.",
                ),
                (
                    lambda delay, decay_time: 10 ** (-3 * decay_time / delay),
                    "The longer the decay time, the closer to 1 the gain must be.",
                ),
            ],
        ),
        "The longer the line, the more each of its few rounds must cost.",
    ),
    Exercise(
        "6.3",
        "Which matrix turns the vector (1, 1, ..., 1) into its opposite and leaves what is at right angles to it?",
        function(
            lambda n: np.eye(n) - 2 / n * np.ones((n, n)),
            [(3,), (8,)],
            mistakes=[
                (
                    lambda n: np.eye(n) - np.ones((n, n)) / n,
                    "That takes the vector (1, ..., 1) away and does not turn it round: energy is lost.",
                ),
                (
                    lambda n: np.eye(n) - 2 * np.ones((n, n)),
                    "The mean of n entries is their sum divided by n: energy grows here.",
                ),
                (
                    lambda n: -np.eye(n),
                    "That turns every vector round, also those at right angles to (1, ..., 1).",
                ),
                (
                    lambda n: 2 / n * np.ones((n, n)) - np.eye(n),
                    "That is the opposite: it leaves (1, ..., 1) and turns round all that is at right angles to it.",
                ),
            ],
        ),
        "It is orthogonal, so energy stays; and it costs one sum, which every line then takes its share of.",
    ),
    Exercise(
        "6.4",
        "Which reverberation time, in s, belongs to the mean of the gains in dB of 2 s and of 1 s?",
        number(
            4 / 3,
            within=0.02,
            unit="s",
            mistakes=[
                (1.5, "That is the mean of the times. The gains in dB are proportional to 1/T."),
                (2**0.5, "That is the geometric mean of the times. The gains in dB are proportional to 1/T."),
                (0.75, "That is the mean of 1/T, per second; turn it round."),
            ],
        ),
        "Rates of decay are averaged, not times; the faster one has the greater weight.",
    ),
    Exercise(
        "6.6",
        'Which network of eight lines is mixed first: "permutation", "householder", "hadamard" or "random"?',
        choice(
            "hadamard",
            {
                "permutation": "Each line feeds one other alone: the echoes never become dense.",
                "householder": "At eight lines its diagonal is 0.75, so each line feeds mostly itself.",
                "random": "It comes second: some of its weights are small, and so are the echoes behind them.",
            },
        ),
        "Where every line feeds all others equally strongly, the echoes are soon of equal strength.",
    ),
)
