"""What the FDN lab says of the library's warnings speaks of the page's controls."""

import numpy as np
import pytest

from amtlib.train.notices import (
    ModesTooClose,
    PenaltyDominates,
    PenaltyLowered,
    TargetBeginsLate,
    TargetBreaksOff,
    TargetCut,
    TargetNoiseRemoved,
    TimeAliasing,
    TrainingWarning,
)
from app.labs.fdn import words
from app.labs.fdn.target import DroppedRoom


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            PenaltyDominates(96.214, "mel", 0.2, 0.00083),
            "The density term makes 96.21 % of what moves the matrix, so it decides nearly alone. A weight of 0.0008 "
            "gives it a tenth.",
        ),
        (
            TargetCut(1.5, 0.683, 16384, -21.3),
            "Only the first 0.683 s of the room's 1.5 s are matched; the rest holds -21 dB of its energy. More points "
            "of the transform keep more.",
        ),
        (
            TargetBreaksOff(-12.0, 4096),
            "The room breaks off -12 dB re its peak, and the silence after it is learned too. Give a longer "
            "recording, or choose fewer points of the transform.",
        ),
        (
            TimeAliasing(4096, -9.7, 51),
            "What outlasts the transform wraps around, -10 dB re the response. Choose more points.",
        ),
        (
            TargetBeginsLate(0.0208),
            "The room begins 20.8 ms later than the network can. Training leaves that much silence out: delay the "
            "network's output by it.",
        ),
        (
            TargetNoiseRemoved(-48.3, 0.7123),
            "The room's recording holds steady noise, 48 dB below the start of its decay. It is taken out, and from "
            "0.712 s on the decay goes on in its place.",
        ),
        (
            PenaltyLowered(0.00083, 0.2, 96.21),
            "The density term has a weight of 0.00083, which gives it a tenth of what moves the matrix. A weight of "
            "0.2 would give it 96.21 %.",
        ),
        (
            ModesTooClose(2.5, 8192, 5.86, 32768),
            "The modes lie 2.5 Hz apart, and the transform tells apart 5.86 Hz: what is made flat is not the modes. "
            "Choose 32768 points or more, or fewer delays.",
        ),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_warning_is_said_in_the_words_of_the_page(found: TrainingWarning, said: str) -> None:
    assert words.warning(found) == said


def test_what_is_done_to_an_own_room_is_said() -> None:
    room = DroppedRoom("hall.wav", np.ones(4), 48000, late=0.0204, channels=2)
    assert words.own_room(room) == [
        "hall.wav has 2 channels; the room is their mean.",
        "The first 20 ms, before the direct sound, are left out of training and listening; the WAV and the Faust "
        "program have them in front.",
    ]
    assert words.own_room(DroppedRoom("hall.wav", np.ones(4), 48000, late=0.0005)) == []


def test_a_warning_without_words_of_its_own_is_said_as_the_library_says_it() -> None:
    assert words.warning(UserWarning("the target is short: give more")) == "The target is short: give more."
