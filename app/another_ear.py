"""The ear that a lab hears with: an audiogram, the same in all labs, and what its loss does to places and to sounds.

What a loss does is computed by :mod:`amtlib.hearing_loss`; how the audiogram is drawn, :mod:`app.page.audiogram`
says.

A lab whose model has `has_another_ear` gets the settings, their section, the link and the sounds by itself; its
figure is `app.page.audiogram.audiogram()` among the lab's. The model asks `self.another_ear.loss(fc)`, None for a
normal ear, and has ``"hl."`` among what its stages depend on. Sounds pass the loss on their way to the player
(`app/page/listen.py`); those that are what an ear makes of a sound say so (`reaches_ear=False`).
"""

import hashlib
import math
import threading
from collections.abc import Collection, Hashable, Mapping
from functools import lru_cache
from typing import Any

import param
import torch

from amtlib.hearing_loss import (
    STANDARD_AUDIOGRAMS,
    Audiogram,
    HairCellLoss,
    HearingLoss,
    hair_cell_loss,
    standard_audiogram,
)
from app.quantity import Quantity, Settings
from app.shared import SHARED

#: Of its settings in a lab.
PREFIX = "hl"
#: The two choices that are no standard audiogram.
NORMAL, OWN = "normal", "own"
#: Frequencies of the standard audiograms, Hz: as the settings are called, and the numbers.
POINTS = {f"at{f:g}": f for f in standard_audiogram("N1").frequencies}
#: As the paper of the standard audiograms calls them.
_DEGREES = {
    "N1": "very mild",
    "N2": "mild",
    "N3": "moderate",
    "N4": "moderate to severe",
    "N5": "severe",
    "N6": "severe",
    "N7": "profound",
    "S1": "very mild, steep",
    "S2": "mild, steep",
    "S3": "moderate to severe, steep",
}
#: Losses beyond act as this, dB HL (:class:`amtlib.hearing_loss.HearingLoss`).
_MOST = 100.0
#: Up to so many samples of all channels are kept for the next audiogram: a fourth of what is shared.
_KEPT = 500_000
#: A point that is dragged stops at multiples of this, dB: in clinics thresholds are measured in such steps.
_STEP = 5.0


class AnotherEar(Settings):
    """The audiogram of the ear that hears, which is normal unless somebody says otherwise.

    Examples
    --------
    >>> ear = AnotherEar(audiogram="N3")
    >>> ear.settle({"audiogram"})
    >>> ear.at1000, ear.at4000, ear.is_normal
    (40.0, 60.0, False)
    """

    audiogram = param.Selector(
        default=NORMAL,
        objects={
            "Normal hearing": NORMAL,
            **{f"{name}, {degree}": name for name, degree in _DEGREES.items()},
            "An audiogram of your own": OWN,
        },
        label="Audiogram",
    )
    """Thresholds of the ear that hears. N1 to N7 are flat or slope gently, S1 to S3 slope steeply: the standard
    audiograms of IEC 60118-15. Then drag the points in the figure. It goes with you to the other labs."""
    share = Quantity(80, bounds=(0, 100), step=5, unit="%", label="Outer hair cells’ share")
    """Of the loss in dB, until all of their gain is lost; the rest is due to inner hair cells. Outer ones amplify and
    sharpen, so that their loss also widens the filters; inner ones pass on what is left. 80 % is usual."""

    @property
    def is_normal(self) -> bool:
        """Whether there is no loss."""
        return self.audiogram == NORMAL or not any(getattr(self, name) for name in POINTS)

    @property
    def measured(self) -> Audiogram:
        """The audiogram."""
        if self.audiogram in STANDARD_AUDIOGRAMS:
            return standard_audiogram(self.audiogram)
        return Audiogram(list(POINTS.values()), [float(getattr(self, name)) for name in POINTS])

    @property
    def named(self) -> str:
        """What to call the ear, in the middle of a sentence."""
        if self.is_normal:
            return "a normal ear"
        return f"an ear with {self.heard}"

    @property
    def heard(self) -> str:
        """What a loss is heard with, in the middle of a sentence."""
        return "this audiogram" if self.audiogram == OWN else f"audiogram {self.audiogram}"

    def key(self, *, share: bool = True) -> tuple[Hashable, ...]:
        """Return all that its losses depend on; nothing, where it is normal.

        Parameters
        ----------
        share : bool
            Whether it matters which hair cells are lost.
        """
        if self.is_normal:
            return ()
        return (*self.measured.levels, *([float(self.share)] if share else []))

    def loss(self, fc: torch.Tensor) -> HairCellLoss | None:
        """Return the loss at places in Hz; None where the ear is normal."""
        return None if self.is_normal else hair_cell_loss(self.measured, fc, float(self.share) / 100)

    # ------------------------------------------------------------------ in a lab's state

    def settle(self, changed: Collection[str], given: Collection[str] = ()) -> None:
        """Let points follow the audiogram that was chosen, or let it be one of its own where points were moved.

        Parameters
        ----------
        changed : collection of str
            Names of the settings that have another value now.
        given : collection of str
            Names of those that were asked for: beside a standard audiogram these points stand, and the others follow.
        """
        if "audiogram" not in {*changed, *given}:
            if {*POINTS} & {*changed}:
                self.audiogram = OWN
            return
        if self.audiogram == OWN:
            return
        levels = (
            standard_audiogram(self.audiogram).levels if self.audiogram != NORMAL else [0.0] * len(POINTS)
        )
        wanted = dict(zip(POINTS, levels, strict=True))
        found = wanted | {name: getattr(self, name) for name in POINTS if name in given}
        self.param.update(**found, **({} if found == wanted else {"audiogram": OWN}))

    def follows(self, name: str) -> bool:
        """Whether a setting follows from the others now, so that links need not hold it."""
        return name in POINTS and self.audiogram != OWN

    def keeps(self, name: str) -> bool:
        """Whether links hold a setting even at its default."""
        return name in POINTS and self.audiogram == OWN

    def carried(self) -> dict[str, Any]:
        """Return what another lab needs to hear with the same ear, by key."""
        if self.is_normal:
            return {}
        names = ["audiogram", *(name for name in ("share", *POINTS) if not self.follows(name))]
        values = {name: getattr(self, name) for name in names}
        if values["share"] == self.param["share"].default:
            del values["share"]
        return {f"{PREFIX}.{name}": value for name, value in values.items()}

    def point_at(self, frequency: float, level: float) -> Mapping[str, float]:
        """Return the setting of the point that is nearest to a frequency in Hz, moved to a level in dB HL."""
        name = min(POINTS, key=lambda each: abs(math.log(POINTS[each] / max(frequency, 1.0))))
        low, high = self.param[name].bounds
        return {f"{PREFIX}.{name}": min(max(_STEP * round(level / _STEP), low), high)}

    @staticmethod
    def keys() -> tuple[str, ...]:
        """Return the keys of all settings in the order in which a page shows them."""
        return tuple(f"{PREFIX}.{name}" for name in ("audiogram", *POINTS, "share"))

    @staticmethod
    def visible_when() -> dict[str, dict[str, list[Any]]]:
        """Return when each setting matters: those of an audiogram where there is one."""
        chosen = [each for each in AnotherEar.param["audiogram"].objects if each != NORMAL]
        return {key: {f"{PREFIX}.audiogram": chosen} for key in AnotherEar.keys()[1:]}

    # ------------------------------------------------------------------ what it does

    def hears(self, x: torch.Tensor, fs: int) -> torch.Tensor:
        """Return a sound as this ear hears it, for a normal one, computed once for all pages.

        Parameters
        ----------
        x : Tensor, shape (..., T)
            Pa.
        fs : int
            Hz.
        """
        if self.is_normal:
            return x
        audiogram = self.measured
        held = hashlib.blake2b(x.contiguous().numpy().tobytes(), digest_size=16).digest()
        sound = (fs, tuple(x.shape), held)

        def make() -> torch.Tensor:
            simulation, alone = _simulation(audiogram.severity, fs)
            smear, recruit = simulation.smear, simulation.recruit
            with alone, torch.no_grad():
                recruit.loss_db = audiogram.at(recruit.fc).clamp(0.0, _MOST)
                if x.numel() * recruit.n_channels > _KEPT:
                    return simulation(x.float())
                # Of audiograms of one severity, as one is dragged, channels are alike: their gains are not.
                parts = SHARED.get(
                    ("channels of another ear", audiogram.severity, *sound),
                    lambda: recruit.channels(x.float() if smear is None else smear(x.float())),
                )
                return recruit.attenuated(*parts)

        found: torch.Tensor = SHARED.get(("another ear", audiogram.levels, *sound), make)
        return found

    def code(self, fs: int | None = None) -> list[str]:
        """Return lines of Python that call the audiogram ``audiogram``, and a sound ``x`` as it is heard ``heard``."""
        if self.is_normal:
            return []
        if self.audiogram != OWN:
            lines = [f"audiogram = hearing_loss.standard_audiogram({self.audiogram!r})"]
        else:
            pairs = self.measured
            lines = [f"audiogram = hearing_loss.Audiogram({list(pairs.frequencies)}, {list(pairs.levels)})"]
        if fs is not None:
            lines.append(f"heard = hearing_loss.HearingLoss(audiogram, {fs})(x)  # Pa, for a normal ear")
        return lines


@lru_cache(maxsize=16)
def _simulation(severity: str, fs: int) -> tuple[HearingLoss, threading.Lock]:
    """Return a simulation for audiograms of a severity, which share its filters, and what lets one use it at a time."""
    some = (each for each in STANDARD_AUDIOGRAMS.values() if each.severity == severity)
    return HearingLoss(next(some, Audiogram([1000.0], [0.0])), float(fs)), threading.Lock()


for _name, _frequency in POINTS.items():
    _label = f"{_frequency / 1000:g} kHz" if _frequency >= 1000 else f"{_frequency:g} Hz"
    AnotherEar.param.add_parameter(
        _name,
        Quantity(
            0.0,
            bounds=(0, 120),
            step=2.5,
            unit="dB HL",
            label=f"Loss at {_label}",
            doc="Threshold above that of normal hearing. Below 250 Hz and above 6 kHz the loss is that of the nearest "
            "point. Or drag the point in the figure of the audiogram.",
        ),
    )
