"""What the FDN lab plays live: the network before training and now, the room, and the sound that is sent on."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from app.labs.fdn import findings, listening
from app.labs.fdn.model import FdnModel
from app.page.live import network


def played_live(lab: FdnModel) -> Mapping[str, Mapping[str, Any]]:
    """Return the numbers that the page's sound is made from, see :mod:`app.page.live`."""
    response, room = lab.start_decay().response, lab.target
    samples = lab.stage(
        "room played live",
        lab.room_key(),
        lambda: np.zeros(0, np.float32) if room is None else room.astype(np.float32),
    )
    return {
        "start": network(lab.moving(lab.start)),
        "now": network(findings.one_output(lab.heard(lab.snapshot))),
        "response": {"energy": float(np.square(response).sum()), "peak": float(np.abs(response).max())},
        "room": {"samples": samples},
        "sound": {"samples": listening.looped(str(lab.display.source), lab.fs)},
    }
