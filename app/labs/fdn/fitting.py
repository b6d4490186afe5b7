"""The FDN lab's settings, and the room that is fitted as a whole: until when a fit holds, and what follows from it."""

from collections.abc import Hashable

from amtlib.fdn import FDNBuild
from amtlib.train import RoomFit
from app.labs.fdn.fit import Fit
from app.labs.fdn.setup import FdnSetup
from app.labs.fdn.target import LEAD

#: What a fit follows from, besides the room itself.
FIT_KEYS = ("t.goal", "t.target", "t.steps", "n.fs", "n.lines", "n.seed")


class FdnFitting(FdnSetup):
    """The settings of the FDN lab, and a room that is fitted.

    Attributes
    ----------
    fit : Fit or None
        The network, as it is on its way or at its end.
    fitting : bool
        Whether the fit goes on.
    """

    def __init__(self) -> None:
        self.fit: Fit | None = None
        self.fitting = False
        self._fit_key: Hashable = None
        self._fits = 0
        super().__init__()

    def fit_key(self) -> tuple[Hashable, ...]:
        """Return what a fit follows from."""
        return self.key_of(*FIT_KEYS) + self.room_key()

    def take_fit(self, found: FDNBuild | RoomFit | None) -> None:
        """Take the network of a fit, as it is on its way or at its end."""
        if found is not None:
            self._fits += 1
            self._fit_key = self.fit_key()
            result = found if isinstance(found, RoomFit) else None
            self.fit = Fit(self._fits, found if isinstance(found, FDNBuild) else found.build, result)

    def forget_fit(self) -> list[str]:
        """Let a fit go that the settings have left behind; return what is to be said."""
        if self.fit is None or self._fit_key == self.fit_key():
            return []
        self.fit = None
        return ["The settings changed: the fitted network is gone."]

    @property
    def tail(self) -> float:
        """Time in which what is heard decays, s."""
        fit = None if self.fit is None else self.fit.result
        return super().tail if fit is None else max(super().tail, float(fit.slopes.max()))

    @property
    def pre_delay(self) -> int:
        """Silence before the direct sound of an own room, left out by training or found by a fit, samples."""
        if self.fit is None or self.fit.result is None:
            return super().pre_delay
        late = self.training.pre_delay - (0.0 if self.pair is None else min(LEAD, self.training.pre_delay))
        return round((late + self.fit.result.onset) * self.fs)
