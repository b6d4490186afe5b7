"""Exercises of tutorial 5, *Loudness: from excitation to sones*."""

import torch

from amtlib.teaching.exercise import Exercise
from amtlib.teaching.judging import choice, function, number

_CHANNELS = torch.arange(150, dtype=torch.float64)
#: Two patterns of specific loudness at both ears, sone/Cam: what a tone and a wider sound look like.
_PATTERNS = tuple(
    torch.stack([height * torch.exp(-(((_CHANNELS - middle) / width) ** 2)) for height in (0.8, 0.5)])
    for middle, width in ((55.0, 6.0), (80.0, 15.0))
)

EXERCISES = (
    Exercise(
        "5.1",
        "How many sones does the rule of thumb give for so many phon?",
        function(
            lambda phon: 2 ** ((phon - 40) / 10),
            [(40.0,), (50.0,), (20.0,), (83.0,)],
            mistakes=[
                (lambda phon: 2 ** (phon / 10), "That makes 0 phon one sone; one sone belongs to 40 phon."),
                (
                    lambda phon: 10 ** ((phon - 40) / 10),
                    "That is how the power grows; of loudness, ten phon more make only twice as much.",
                ),
                (
                    lambda phon: 2 ** (phon - 40),
                    "That doubles with every phon; it takes ten of them.",
                ),
                (
                    lambda phon: 2 * (phon - 40) / 10,
                    "That adds two for every ten phon; each step of ten multiplies by two.",
                ),
            ],
        ),
        "20 phon less are a quarter, 20 phon more four times as loud.",
    ),
    Exercise(
        "5.3",
        "What is the loudness of both ears in sone, the area under their specific loudness?",
        function(
            lambda specific: 0.25 * specific.sum(),
            [(pattern,) for pattern in _PATTERNS],
            mistakes=[
                (
                    lambda specific: specific.sum(),
                    "Those are sones per Cam, added up; each channel stands for a quarter of a Cam.",
                ),
                (
                    lambda specific: 0.25 * specific.sum(-1),
                    "Those are the two ears, each by itself; the whole is their sum.",
                ),
                *(
                    (
                        lambda specific, width=width: width * specific.sum(0),
                        "Those are the two ears together, channel by channel; the channels are added, too.",
                    )
                    for width in (0.25, 1.0)
                ),
                (
                    lambda specific: 0.25 * specific.sum() / 2,
                    "That is the mean of the two ears; their loudnesses are added.",
                ),
                (
                    lambda specific: 0.25 * specific[0].sum(),
                    "That is the left ear alone; the right one counts as well.",
                ),
                (
                    lambda specific: specific.mean(),
                    "That is a mean height; an area grows when the pattern becomes wider, too.",
                ),
                (
                    lambda specific: specific.max(),
                    "That is the peak; an area grows when the pattern becomes wider, too.",
                ),
            ],
        ),
        "So a pattern makes a sound louder by its height and by its width.",
    ),
    Exercise(
        "5.5",
        "How many times as loud is the same power when eight distant filters share it, each with an exponent of 0.3?",
        number(
            8**0.7,
            within=0.05,
            mistakes=[
                (
                    8**-0.3,
                    "That is what each of the eight filters makes of its share. There are eight of them.",
                ),
                (8.0, "So it would be if each filter were as loud as the one that had all the power."),
                (8**0.3, "That is eight times the power in one filter; here the power is shared."),
                (8**1.3, "That gives each filter eight times the power; it gets an eighth."),
                *(
                    (8 * x, "An exponent does not multiply: the loudness is the power to the 0.3.")
                    for x in (0.3, 0.7)
                ),
                (1.0, "So it would be without compression: then power is all that counts."),
            ],
        ),
        "Compressed first and added afterwards, eight small powers are worth more than one large.",
    ),
    Exercise(
        "5.8",
        'What does the distance between equal-loudness contours do from 1 kHz towards the bass: "it stays", '
        '"it shrinks" or "it grows"?',
        choice(
            "it shrinks",
            {
                "it stays": "Then one setting of a tone control would fit every level. Look at the slopes in 5.4.",
                "it grows": "Then the bass would need more decibels for the same step of loudness. "
                "In 5.4 its curve is the steeper one.",
            },
        ),
        "Where loudness grows steeply, few decibels lead from one contour to the next.",
    ),
)
