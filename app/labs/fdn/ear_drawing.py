"""What the figures of the ear hold: cochleagrams of start, now and room, excitation, shares of the gradient.
Source: our own.
Not what the figures look like (`app.plots.ear`), nor how long what they need may take (view.py).
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from amtlib.train import Snapshot
from app.figures import Scene, packed
from app.labs.fdn.ear import SENSATION, Heard
from app.labs.fdn.model import FdnModel
from app.plots.fdn import TERM_LINES
from app.plots.filterbank import image_bounds
from app.plots.style import erb_number

#: The figures of the ear, and those that they stand in for.
EAR = ("coch-start", "coch-now", "coch-target", "heard", "shares")
ECHOES = ("decay", "times", "modes", "density")
_TITLES = {"start": "Before", "now": "Now", "target": "Room"}


class EarFigures:
    """Keeps what the figures of the ear show while a run goes on.

    Parameters
    ----------
    lab : FdnModel
    scene : Scene
    newest : callable
        Called with a name, a key and what makes the thing: returns what was made last, or None.
    """

    def __init__(self, lab: FdnModel, scene: Scene, newest: Callable[[str, Hashable, Any], Any]) -> None:
        self._lab, self._scene, self._newest = lab, scene, newest
        self._run: Any = None
        self._steps: list[int] = []
        self._shares: dict[str, list[float]] = {}
        #: What the ear makes of "start", "now" and "target", as far as it is known.
        self.heard: dict[str, Heard | None] = {}

    def draw(
        self, snapshot: Snapshot | None, moment: Hashable, names: Mapping[str, str], last: float
    ) -> None:
        """Draw the newest that is known; `names` are what the page calls the terms, the axes go up to step `last`."""
        lab, key = self._lab, self._lab.ear_key()
        start = now = self._newest("heard before", key, lab.start_heard)
        if snapshot is not None and snapshot.step:
            build = lab.now(snapshot)
            now = self._newest("heard now", (key, moment), lambda: lab.heard(build))
        room = self._newest("heard in the room", key, lab.room_heard) if lab.goal.room else None
        self.heard = {"start": start, "now": now, "target": room}
        draw_heard(self._scene, self.heard, room=lab.goal.room)
        self._draw_shares(snapshot, moment, names, last)

    def _draw_shares(
        self, snapshot: Snapshot | None, moment: Hashable, names: Mapping[str, str], last: float
    ) -> None:
        run = self._lab.run
        if run is not self._run:
            self._run, self._steps, self._shares = run, [], {}
        if run is not None and snapshot is not None and snapshot.step:
            step = snapshot.step
            newest = self._newest("shares", moment, lambda: (run, step, run.gradient_shares()))
            of, at, found = newest or (None, 0, {})
            if of is run and (not self._steps or at > self._steps[-1]):
                self._steps.append(at)
                for name, share in found.items():
                    self._shares.setdefault(names.get(name, name), []).append(share)
        draw_shares(self._scene, self._steps, self._shares, last)


def draw_heard(scene: Scene, found: Mapping[str, Heard | None], *, room: bool) -> None:
    """Draw what an ear makes of "start", "now" and "target", as far as it is known."""
    furthest = 3.0
    for which, heard in found.items():
        if heard is None:
            scene.data(f"heard-{which}", heard_x=np.zeros(0, np.float32), heard_y=np.zeros(0, np.float32))
            continue
        _draw_cochleagram(scene, which, heard, None if which == "target" or not room else found["target"])
        scene.data(
            f"heard-{which}",
            heard_x=erb_number(heard.places).astype(np.float32),
            heard_y=heard.excitation.astype(np.float32),
        )
        furthest = max(furthest, float(np.abs(heard.excitation).max()))
    top = 3.0 * math.ceil(furthest / 3)
    scene.limits("heard.y_range", -top, top)
    start, now = found["start"], found["now"]
    if start is not None and now is not None:
        wanted = found["target"]
        aim = f"; room {wanted.colour:.2f}" if wanted is not None else ""
        scene.set("heard.title", text=f"Uneven by {start.colour:.2f} → {now.colour:.2f} dB{aim}")


def _draw_cochleagram(scene: Scene, which: str, heard: Heard, wanted: Heard | None) -> None:
    left, bottom, right, top = image_bounds(heard.frequencies, heard.duration)
    image = packed(heard.sensation, *SENSATION)
    scene.data(f"coch-{which}", image=image, x=[left], y=[bottom], dw=[right - left], dh=[top - bottom])
    scene.limits(f"coch-{which}.x_range", left, right)
    distance = math.nan if wanted is None else heard.distance(wanted)
    off = "" if math.isnan(distance) else f": {distance:.2f} dB from the room’s"
    scene.set(f"coch-{which}.title", text=f"{_TITLES[which]}{off}")


def draw_shares(
    scene: Scene, steps: Sequence[int], shares: Mapping[str, Sequence[float]], last: float
) -> None:
    """Draw the shares of the gradient in %, by what the page calls the terms; the axis goes up to step `last`."""
    for i in range(TERM_LINES):
        scene.data(f"shares-{i}", shares_x=np.zeros(0, np.float32), shares_y=np.zeros(0, np.float32))
    for i, (name, values) in enumerate(list(shares.items())[:TERM_LINES]):
        scene.data(
            f"shares-{i}",
            shares_x=np.asarray(steps, np.float32),
            shares_y=100 * np.asarray(values, np.float32),
        )
        scene.set(f"shares-{i}-legend", label={"value": name})
    scene.data("shares-half", shares_x=np.array([0.0, 1e6]), shares_y=np.array([50.0, 50.0]))
    scene.limits("shares.x_range", 0.0, last)
