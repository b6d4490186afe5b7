"""State of the lab in which an ear teaches a network to be a room.
Source: the FDN lab's; only where it begins, and the order of its controls, are its own.
Not a page: see view.py.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from app.lab import Section, load_lessons
from app.labs.fdn.model import FdnModel


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
        Section("Ear", ("e.level", "e.loss", "e.compression")),
        Section("Room and goal", ("t.goal", "t.target", "t.sparsity")),
        Section("Training", ("t.rate", "t.steps", "t.nfft", "t.optimiser", "t.patience")),
        Section("What is shown and heard", ("h.view", "h.source")),
        Section(
            "Network",
            ("n.delays", "n.lines", "n.own", "n.matrix", "n.rt", "n.rt_high", "n.lossless", "n.fs", "n.seed"),
            open=False,
        ),
        Section("What is trained", ("t.feedback", "t.input_gain", "t.output_gain", "t.direct"), open=False),
    )
    lessons = load_lessons(Path(__file__).with_name("lessons.yaml"))
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
