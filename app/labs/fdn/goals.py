"""What a network can be trained towards: a table of goals, with the library's arguments and what matters for each.

Modes, objectives and losses are those of :mod:`amtlib.train`; weights and sizes were measured over three seeds of eight
lines. A new goal is a new row here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from amtlib.train.losses import FlatExcitation, FlatPower, Loss, MatchEnergyDecay
from app.labs.fdn.ear import Ear


@dataclass(frozen=True)
class Goal:
    """A goal of training.

    Attributes
    ----------
    label : str
        What the page calls it.
    mode : str or None
        As :class:`amtlib.train.TrainingRun` calls it; None where `loss` makes the loss.
    arguments : mapping
        What the run is given besides.
    room : bool
        Whether there is a room to match. The network is then trained with its decay; else `n.lossless` decides.
    bins : bool
        Whether the loss is measured on the transform's frequencies, so that their number matters.
    sets : mapping
        Settings of the training (without their prefix) that choosing the goal sets: what was measured to work.
    loss : callable, optional
        Returns the loss for an ear; the weighted sparseness of the matrix is added to it.
    depends_on_ear : bool
        Whether the loss depends on the ear.
    fits : bool
        Whether the room is fitted as a whole (fit.py) instead of training the network of the settings.
    """

    label: str
    mode: str | None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    room: bool = False
    bins: bool = True
    sets: Mapping[str, Any] = field(default_factory=dict)
    loss: Callable[[Ear], Loss] | None = None
    depends_on_ear: bool = False
    fits: bool = False


#: Weight of the dB by which band energies are off, beside a cochleagram's distance of some tenths.
DECAY = 0.05
_MATCHING = {"sparsity": 0.0, "input_gain": True, "output_gain": True, "direct": True}


def _match(label: str, mode: str | None, **more: Any) -> Goal:
    return Goal(label=label, mode=mode, room=True, sets=_MATCHING, **more)


def _match_as_heard(what: str, loss: Callable[[Ear], Loss]) -> Goal:
    return _match(f"Match a room as an ear hears it: {what}", None, loss=loss, depends_on_ear=True)


#: The goals by the name that links hold, the lab's default first.
GOALS: Mapping[str, Goal] = {
    # Sees the network without its filters at frequencies of its own: neither decay nor transform matters.
    "power_variance": Goal(
        label="Colourless: equal power at all frequencies",
        mode="colorless",
        arguments={"objective": "power_variance"},
        bins=False,
        # With trained input gains peaks fall further, but the echo density at 0.1 s with them: 0.36 to 0.13.
        sets={"sparsity": 1.0, "input_gain": False, "output_gain": True, "direct": False},
    ),
    # On all frequencies of a short transform the modes get worse: 4097 see the network with 60 dB of decay in 0.17 s.
    "mse": Goal(
        label="Colourless: flat magnitude (as published)",
        mode="colorless",
        arguments={"objective": "mse", "frequencies": 2048},
        sets={"sparsity": 0.2, "input_gain": True, "output_gain": True, "direct": False, "nfft": 65536},
    ),
    "match_mel_spectrogram": _match("Match a room: mel spectrogram", "match_mel_spectrogram"),
    "match_spectrogram": _match("Match a room: spectrogram", "match_spectrogram"),
    "match_cochleagram": _match_as_heard("cochleagram", Ear.cochleagram),
    "match_cochleagram_decay": _match_as_heard(
        "cochleagram and decay", lambda ear: ear.cochleagram() + DECAY * MatchEnergyDecay()
    ),
    "match_loudness": _match_as_heard("loudness", Ear.loudness),
    "fit": Goal(
        label="Fit this room as a whole",
        mode=None,
        room=True,
        bins=False,
        sets={"steps": 200},
        fits=True,
    ),
    "excitation": Goal(
        label="Colourless to the ear: even excitation",
        mode=None,
        sets={"sparsity": 1.0, "input_gain": False, "output_gain": True, "direct": False, "nfft": 65536},
        loss=lambda ear: FlatPower() + FlatExcitation(),
    ),
}

#: The goals that have a room to match, and those for which a network is trained.
ROOM_GOALS = [name for name, goal in GOALS.items() if goal.room]
TRAINED_GOALS = [name for name, goal in GOALS.items() if not goal.fits]
#: What the page calls the terms of the losses, by the library's names.
TERMS = {
    "mse_loss": "distance from flat",
    "power_variance_loss": "variance of power",
    "mss_loss": "spectrogram",
    "mel_mss_loss": "mel spectrogram",
    "_ColorlessSparsity": "sparseness of the matrix",
    "Sparsity": "sparseness of the matrix",
    "FlatPower": "variance of power",
    "FlatExcitation": "unevenness of excitation",
    "MatchCochleagram": "cochleagram",
    "MatchEnergyDecay": "decay by band",
    "MatchLoudness": "specific loudness",
}
