"""What a fit to a room reached: target and network by octave, distances, and a sentence for what was missed.
Source: measures of ISO 3382-1:2009 (:mod:`amtlib.fdn.acoustics`).
Not here: the fit (:mod:`amtlib.train.room`).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from amtlib.charts import Chart
from amtlib.fdn.acoustics import RoomMeasures
from amtlib.fdn.build import Array, FDNBuild
from amtlib.fdn.certificate import Stability
from amtlib.fdn.coherence import coherence_centres
from amtlib.fdn.decay import times_by_octave
from amtlib.results import Result
from amtlib.train.calibration import (
    CLARITY_OFF,
    COHERENCE_OFF,
    CURVE_DB,
    CURVE_OFF,
    LEVEL_OFF,
    TIMES_OFF,
    TWO_SLOPES_DB,
)
from amtlib.train.early import fitted_octaves


@dataclass(frozen=True, repr=False)
class RoomFit(Result):
    """
    A network fitted to a room, and how near it came.

    Attributes
    ----------
    build : FDNBuild
        The network, which begins where the response begins: `onset` later in the recording.
    target, reached : RoomMeasures
        What was measured of the room and of the network, by octave.
    curve_db : float
        Rms distance of the broadband decay curves over their first 40 dB, dB; over 50 dB with two slopes.
    onset : float
        When the response begins in the recording, s.
    steps : int
        Steps of training that were run; `problems` says if the network from before them was nearer.
    seconds : float
        What the fit took.
    certificate : Stability
        That the network cannot grow.
    problems : tuple of str
        A sentence for each thing that could not be measured or met.
    slopes : array, shape (K, S)
        Decay times of the network's filters at the octaves of `target` in s: of all lines (S = 1), or of two groups
        (S = 2), the fast one first.
    coherence, coherence_reached : array, shape (bands, n_in), or None
        Correlation of two outputs at :func:`amtlib.fdn.coherence.coherence_centres`, of the room and of the network;
        None for other numbers of outputs.
    """

    build: FDNBuild
    target: RoomMeasures
    reached: RoomMeasures
    curve_db: float
    onset: float
    steps: int
    seconds: float
    certificate: Stability
    problems: tuple[str, ...]
    slopes: Array
    coherence: Array | None = None
    coherence_reached: Array | None = None

    def chart(self) -> Chart:
        """Return the reverberation times of the room and of the network by octave."""
        times = {"room": self.target.t30, "network": self.reached.t30}
        return times_by_octave("Reverberation time (T30)", self.target.centres, times)

    def _summary(self) -> dict[str, Any]:
        """Return the distances, and how it went."""
        return {
            "t30_off": self.t30_off, "level_off (dB)": self.level_off, "clarity_off (dB)": self.clarity_off,
            "curve_db": self.curve_db, "steps": self.steps, "seconds": self.seconds, "problems": len(self.problems),
        }  # fmt: skip

    @property
    def t30_off(self) -> float:
        """Mean error of T30 from 125 Hz to 8 kHz, as a share; NaN where none is known."""
        return _mean(np.abs(self._fitted(self.reached.t30 / self.target.t30 - 1.0)))

    @property
    def level_off(self) -> float:
        """Mean error of the level from 125 Hz to 8 kHz, dB."""
        return _mean(np.abs(self._fitted(self.reached.level - self.target.level)))

    @property
    def clarity_off(self) -> float:
        """Mean error of clarity C50 from 125 Hz to 8 kHz, dB."""
        return _mean(np.abs(self._fitted(self.reached.c50 - self.target.c50)))

    @property
    def coherence_off(self) -> float:
        """Mean error of the coherence of two outputs by ERB; NaN for other numbers of outputs."""
        if self.coherence is None or self.coherence_reached is None:
            return math.nan
        return _mean(np.abs(self.coherence_reached - self.coherence))

    def _fitted(self, values: Array) -> Array:
        return values[fitted_octaves(self.target.centres)]

    def table(self) -> list[dict[str, float]]:
        """
        Return a row for each octave: what was wanted and what was reached, mean of the channels.

        Returns
        -------
        list of dict
            ``centre`` in Hz, and ``t30``, ``edt``, ``c50``, ``level`` with ``_reached``.
        """
        rows = []
        for band, centre in enumerate(self.target.centres.tolist()):
            row = {"centre": centre}
            for name in ("t30", "edt", "c50", "level"):
                row[name] = _mean(getattr(self.target, name)[band])
                row[f"{name}_reached"] = _mean(getattr(self.reached, name)[band])
            rows.append(row)
        return rows

    def sentence(self) -> str:
        """Say how near the network came, and where it did not."""
        two = self.slopes.shape[1] == 2
        depth = TWO_SLOPES_DB if two else CURVE_DB
        start = (
            f"T30 within {100.0 * self.t30_off:.2g} %, level within {self.level_off:.2g} dB and C50 within "
            f"{self.clarity_off:.2g} dB on average from 125 Hz to 8 kHz, decay curve within {self.curve_db:.2g} dB "
            f"over {depth:g} dB, after {self.steps} steps in {self.seconds:.3g} s."
        )
        middle = len(self.slopes) // 2
        slopes = (
            f"Two slopes: at {self.target.centres[middle]:g} Hz, half of the lines decay in "
            f"{self.slopes[middle, 0]:.3g} s, the others in {self.slopes[middle, 1]:.3g} s."
        ) if two else ""  # fmt: skip
        ears = "" if self.coherence is None else (
            f"Coherence of both ears within {self.coherence_off:.2g} on average, band by band."
        )  # fmt: skip
        return " ".join(filter(None, [start, slopes, ears, *self.problems]))


def _mean(values: npt.ArrayLike) -> float:
    found = np.asarray(values, dtype=np.float64)
    found = found[np.isfinite(found)]
    return float(found.mean()) if found.size else math.nan


def missed(fit: RoomFit) -> list[str]:
    """Return a sentence for each thing that is further off than it should be."""
    found = []
    for row in fit.table():
        off = row["t30_reached"] / row["t30"] - 1.0
        if abs(off) > TIMES_OFF:
            found.append(
                f"At {row['centre']:g} Hz T30 is {row['t30_reached']:.3g} s instead of {row['t30']:.3g} s."
            )
        if abs(row["level_reached"] - row["level"]) > LEVEL_OFF:
            found.append(
                f"At {row['centre']:g} Hz the level is {row['level_reached'] - row['level']:+.1f} dB off."
            )
    if fit.clarity_off > CLARITY_OFF:
        two = "with two slopes the gains set their balance, and early energy is not fitted"
        why = two if fit.slopes.shape[1] == 2 else "gains of the lines bring its early energy no nearer"
        found.append(f"C50 is {fit.clarity_off:.2g} dB off on average: {why}.")
    if fit.curve_db > CURVE_OFF:
        found.append(
            f"The decay curve is {fit.curve_db:.2g} dB off: its early part is no decay, or it has more slopes than the "
            "network."
        )
    if fit.coherence is not None and fit.coherence_reached is not None:
        off = np.abs(fit.coherence_reached - fit.coherence).max(axis=1)
        band = int(off.argmax())
        if off[band] > COHERENCE_OFF:
            found.append(
                f"Coherence is off by more than {COHERENCE_OFF:g} in {int((off > COHERENCE_OFF).sum())} of {len(off)} "
                f"bands: by {off[band]:.2g} at {coherence_centres(fit.build.fs)[band]:.0f} Hz."
            )
    if not fit.certificate.certain:
        found.append(f"The network {fit.certificate.sentence()}.")
    return found
