"""State of the lab in which an ear teaches a network to be a room: the FDN lab's, with other defaults and controls."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from app.lab import Section
from app.labs.fdn.model import FdnModel
from app.lessons import Measure, load_lessons

_PART, _NETWORK, _DECAY, _TONE, _MOTION, _GOAL, _TRAINING, _TRAINED, _SHOWN, _EAR = FdnModel.sections


class EarAndRoomModel(FdnModel):
    """The lab of ear and room without its page.

    Examples
    --------
    >>> lab = EarAndRoomModel()
    >>> lab.goal.label
    'Match a room as an ear hears it: cochleagram and decay'
    >>> repr(lab.loss)
    'MatchCochleagram() + 0.05 * MatchEnergyDecay()'
    """

    sections: ClassVar[tuple[Section, ...]] = (
        replace(_EAR, open=True),
        replace(_GOAL, title="Room and goal"),
        _TRAINING,
        _SHOWN,
        replace(_NETWORK, open=False),
        _DECAY,
        _TONE,
        _MOTION,
        _TRAINED,
        replace(_PART, open=False),
    )
    lessons = load_lessons(Path(__file__).with_name("lessons.yaml"))
    quantities: ClassVar[dict[str, Measure]] = {
        **FdnModel.quantities,
        **{f"heard_until_{f}k_s": Measure(f"Heard at {f} kHz until", "s", 2) for f in (2, 8)},
        "colour_target": Measure("Excitation of the room, uneven by", "dB", 1),
    }
    key_controls = ("e.level", "e.loss", "t.goal")
    #: A hall, heard by a healthy ear. The times, the transform and what is trained are what goal and room ask for.
    defaults: ClassVar[Mapping[str, Any]] = {
        "t.goal": "match_cochleagram_decay",
        "t.target": "lecture_hall",
        "t.steps": 100,
        "t.sparsity": 0.0,
        "t.input_gain": True,
        "t.direct": True,
        "n.rt": 1.08,
        "n.rt_high": 0.31,
        "h.view": "ear",
        "h.source": "speech",
    }
