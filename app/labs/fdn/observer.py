"""What the FDN lab's figures read from: what is known of the network now, and when the rest is computed.

While a run goes on, observing it gets a small share of the time: quick findings are made at once, but seldom; slow ones
in a thread, and the last one stays until the next is ready.
"""

import asyncio
import math
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from amtlib import fdn
from amtlib.fdn import FDNBuild, Stability
from amtlib.fdn.coherence import interaural_coherence
from amtlib.plot import Array
from amtlib.train import RoomFit, Snapshot
from app.another_ear import AnotherEar
from app.labs.fdn import findings
from app.labs.fdn.ear import Representation
from app.labs.fdn.findings import Analysis, Beginning, Decay
from app.labs.fdn.flow import Flow
from app.labs.fdn.goals import TERMS
from app.labs.fdn.history import Record
from app.labs.fdn.levels import Levels, octave_levels
from app.labs.fdn.model import FdnModel
from app.labs.fdn.octaves import Points
from app.labs.fdn.spectrogram import LONGEST, Spectrogram, spectrogram
from app.page.background import Background, Superseded, in_turn, loop_of

#: Largest share of the time that observing a run takes: training comes first.
SHARE = 0.03
#: What takes long is computed once nothing has moved for so long, s.
AT_REST = 0.4
#: While decay or tone is dragged, responses follow so often, s.
FOLLOWED = 0.15


@dataclass(frozen=True)
class Observed:
    """What is known of the network at one moment; keys of mappings are "start", "now" and "target"."""

    matrix: Array
    """Feedback matrix, ``(N, N)``"""
    losses: Sequence[float]
    terms: Mapping[str, Sequence[float]]
    """Weighted terms of the loss, by what the page calls them"""
    step: int
    last_step: int
    flow: Flow
    """The network now, and the part of it that is looked at"""
    start: FDNBuild
    """The network before training"""
    points: Points
    """What is dragged: times and tone by octave"""
    stability: Stability | None
    """What is certain of the network's loop, of the last network at rest"""
    chorus: float
    """What the motion of the matrix makes of a tone at 1 kHz, cents; 0 at rest"""
    spectrograms: Mapping[str, Spectrogram | None]
    fs: int
    """Hz"""
    earlier: Sequence[Record]
    """Runs before this one that had the same goal"""
    levels: Mapping[str, Levels | None]
    """Levels by octave, of "start", "now", "target", and "seen" by the training"""
    response_title: str
    decays: Mapping[str, Decay | None]
    analyses: Mapping[str, Analysis | None]
    representations: Mapping[str, Representation | None]
    share_steps: Sequence[int]
    shares: Mapping[str, Sequence[float]]
    """Share of each term in the gradient, by what the page calls the term"""
    busy: bool
    shows_ear: bool
    """Whether the figures of the ear are shown"""
    shows_room: bool
    """Whether the figures of tone and spectrograms are shown"""
    has_room: bool
    fits: bool
    """Whether the room is fitted as a whole"""
    fit: RoomFit | None
    """What came of that"""
    ears: Mapping[str, Array | None]
    """Coherence of two ears by ERB band, of a room in stereo and of the network; nothing where the room is not"""
    another_ear: AnotherEar
    """With which sounds can be heard"""

    @property
    def networks(self) -> dict[str, Decay]:
        """What the network sounds like at the start and now."""
        return {
            which: decay for which, decay in self.decays.items() if decay is not None and which != "target"
        }

    @property
    def trained(self) -> dict[str, Analysis]:
        """Findings on start and now, once something has been trained and both are known."""
        start, now = self.analyses["start"], self.analyses["now"]
        return {} if not self.step or start is None or now is None else {"start": start, "now": now}


class Observer:
    """Finds out what a page's figures show, as a run goes on.

    Parameters
    ----------
    lab : FdnModel
    background : Background, optional
        Of a served page; without one, and without a running loop, everything is computed where it is asked for.
    refresh : callable
        Called when a thread has computed something.
    leave : callable
        Called when what was being computed is no longer wanted.
    is_wanted : callable
        Whether somebody still sees the page.
    """

    def __init__(
        self,
        lab: FdnModel,
        background: Background | None,
        refresh: Callable[[], None],
        leave: Callable[[], None],
        is_wanted: Callable[[], bool],
    ) -> None:
        self._lab, self._background = lab, background
        self._refresh, self._leave, self._is_wanted = refresh, leave, is_wanted
        self._found: dict[str, tuple[Hashable, Any]] = {}
        self._due: dict[str, float] = {}
        self._pictures: dict[str, tuple[Decay, float, Spectrogram]] = {}
        self._alike: Hashable = None
        self._making: set[str] = set()
        self._wanted: dict[str, tuple[Hashable, Callable[[], Any]]] = {}
        self._response_title = "Response"
        self._run: Any = None
        self._share_steps: list[int] = []
        self._shares: dict[str, list[float]] = {}

    @property
    def making(self) -> bool:
        """Whether a thread is still at something."""
        return bool(self._making)

    def observed(self) -> Observed:
        """Return what is known now, and begin to compute the rest."""
        lab = self._lab
        snapshot = lab.snapshot
        moment, build, busy = lab.moment(snapshot), lab.now(snapshot), lab.busy
        shows_ear, shows_room = lab.display.view == "ear", lab.display.view == "room"
        beginning = self._aside("beginning", lab.beginning_key(), lab.beginning) or Beginning()
        losses, terms = self._losses(beginning)
        decays = self._responses(moment, snapshot)
        analyses = self._analyses(snapshot, moment, busy)
        representations = self._representations(snapshot, moment) if shows_ear else {}
        if shows_ear:
            self._note_shares(snapshot, moment, beginning)
        return Observed(
            matrix=build.A,
            losses=losses,
            terms=self._named(terms),
            step=int(lab.fit is not None) if snapshot is None else snapshot.step,
            last_step=int(lab.training.steps) if lab.run is None else lab.run.max_steps,
            flow=Flow(build, *lab.chosen),
            start=lab.start,
            points=lab.points,
            stability=self._newest("stability", (moment, lab.key_of("m.")), lambda: lab.stability(snapshot)),
            chorus=lab.chorus(snapshot),
            spectrograms=self._spectrograms(decays) if shows_room else {},
            fs=lab.fs,
            earlier=[record for record in lab.earlier if record.goal == lab.training.goal],
            levels=self._levels(moment, build, busy, analyses, decays),
            response_title=self._response_title,
            decays=decays,
            analyses=analyses,
            representations=representations,
            share_steps=self._share_steps,
            shares=self._shares,
            busy=busy,
            shows_ear=shows_ear,
            shows_room=shows_room,
            has_room=lab.goal.room,
            fits=lab.goal.fits,
            another_ear=lab.another_ear,
            fit=None if lab.fit is None else lab.fit.result,
            ears=self._ears(moment) if shows_room and lab.pair is not None else {},
        )

    def _losses(self, beginning: Beginning) -> tuple[Sequence[float], Mapping[str, Sequence[float]]]:
        """Return the losses of the run and their terms; before it those of the start alone."""
        run = self._lab.run
        return run.losses() if run is not None and run.steps_run else (beginning.losses, beginning.terms)

    def _named(self, terms: Mapping[str, Sequence[float]]) -> dict[str, Sequence[float]]:
        """Return the terms as they add up, by what the page calls them."""
        found: dict[str, Sequence[float]] = {}
        weights = self._lab.weights()
        for key, values in terms.items():
            name, weight = TERMS.get(key, key), weights.get(key)
            if weight is None:
                found[name] = values
            else:
                found[f"{name} × {weight:g}"] = [weight * value for value in values]
        return found

    def _levels(
        self,
        moment: Hashable,
        build: FDNBuild,
        busy: bool,
        analyses: Mapping[str, Analysis | None],
        decays: Mapping[str, Decay | None],
    ) -> dict[str, Levels | None]:
        lab = self._lab
        start, now, room = analyses["start"], analyses["now"], analyses["target"]
        live = self._found.get("live", (None, None))[1]
        if busy:
            live = self._seldom("live", moment, lambda: self._live_levels(build, decays["now"]))
        elif start is not None and now is not None:
            live = now.levels
            peaks = f"{start.peak_db:.1f} → {now.peak_db:.1f}" if now is not start else f"{start.peak_db:.1f}"
            self._response_title = f"Response: highest peak {peaks} dB"
        return {
            "start": None if start is None else start.levels,
            "now": live,
            "target": None if room is None else room.levels,
            "seen": self._seldom("seen", (moment, lab.goal, lab.nfft, lab.lossless), self._seen),
        }

    def _live_levels(self, build: FDNBuild, decay: Decay | None) -> Levels:
        """Return the levels of a network that is being trained, less finely than of one that rests."""
        magnitude = findings.magnitudes(build, findings.LIVE)
        level = 20 * np.log10(magnitude.max() / np.sqrt(np.mean(np.square(magnitude))))
        self._response_title = f"Response: highest peak about {level:.1f} dB now"
        room = self._lab.target
        if room is not None and decay is not None:
            return findings.beside(decay.response, room, self._lab.fs)
        return octave_levels(magnitude, self._lab.fs)

    def _seen(self) -> Levels | None:
        """Return the levels as training sees them, on its own frequencies, where it sees any."""
        lab = self._lab
        if lab.run is None or not lab.goal.bins or lab.goal.room:
            return None
        return octave_levels(lab.run.spectrum(lab.snapshot)[1], lab.fs)

    def _responses(self, moment: Hashable, snapshot: Snapshot | None) -> dict[str, Decay | None]:
        """Return responses and their decay: while decay or tone is dragged those of a moment ago, so that each move is
        quick, and else those of now.
        """
        key = (moment, self._lab.room_key())
        alike = (self._lab.shapeless_key(), None if snapshot is None else snapshot.step)
        dragged, self._alike = alike == self._alike, alike
        if dragged and not self._lab.busy and loop_of(self._background) is not None:
            found: dict[str, Decay | None] = self._newest("decays", key, lambda: self._decays(snapshot))
        else:
            self._wanted.pop("decays", None)  # what a thread is still at is of another network
            found = self._seldom("decays", key, lambda: self._decays(snapshot))
        return found

    def _decays(self, snapshot: Snapshot | None) -> dict[str, Decay | None]:
        lab = self._lab
        start = lab.start_decay()
        now = lab.decay(lab.now(snapshot)) if lab.has_changed(snapshot) else start
        if lab.record is not None:
            lab.record.echoes = now.echoes
        return {"start": start, "now": now, "target": lab.room_decay()}

    def _spectrograms(self, decays: Mapping[str, Decay | None]) -> dict[str, Spectrogram | None]:
        """Return spectrograms of the responses, each made once."""
        lab = self._lab
        room = decays["target"]
        duration = min(lab.length if room is None else len(room.response) / lab.fs, LONGEST)
        found: dict[str, Spectrogram | None] = {}
        for which, decay in decays.items():
            if decay is None:
                found[which] = None
                continue
            held = self._pictures.get(which)
            if held is None or held[0] is not decay or held[1] != duration:
                held = (decay, duration, spectrogram(decay.response, lab.fs, duration))
                self._pictures[which] = held
            found[which] = held[2]
        return found

    def _analyses(
        self, snapshot: Snapshot | None, moment: Hashable, busy: bool
    ) -> dict[str, Analysis | None]:
        lab = self._lab
        start = self._aside("start", lab.start_key(), lab.start_analysis)
        now = None if busy else start
        if not busy and lab.has_changed(snapshot):
            build = lab.now(snapshot)
            now = self._aside("now", (lab.start_key(), moment), lambda: lab.analysis(build))
            if now is not None and lab.record is not None:
                lab.record.analysis = now
        if now is None and lab.fit is not None and start is not None:  # the modes take longer
            times = self._newest("live times", moment, self._live_times)
            now = None if times is None else replace(start, centres=times[0], t30=times[1])
        room = self._aside("room", lab.room_key(), lab.room_analysis) if lab.goal.room else None
        return {"start": start, "now": now, "target": room}

    def _ears(self, moment: Hashable) -> dict[str, Array | None]:
        """Return the coherence of both ears in the room, and in a network with two outputs."""
        lab, fs = self._lab, self._lab.fs
        pair, build = lab.pair, lab.now(None)
        assert pair is not None
        now = None
        if build.n_out == 2:
            now = self._newest(
                "ears now", moment, lambda: interaural_coherence(fdn.render(build, lab.length), fs)
            )
        return {
            "target": self._aside("ears", lab.room_key(), lambda: interaural_coherence(pair, fs)),
            "now": now,
        }

    def _live_times(self) -> tuple[Array, Array]:
        """Return the reverberation times by octave of the network on its way."""
        lab = self._lab
        return findings.octave_times(lab.decay(lab.now(None)).response, lab.fs)

    def _representations(
        self, snapshot: Snapshot | None, moment: Hashable
    ) -> dict[str, Representation | None]:
        lab, key = self._lab, self._lab.ear_key()
        start = now = self._newest("heard before", key, lab.start_representation)
        if lab.has_changed(snapshot):
            build = lab.now(snapshot)
            now = self._newest("heard now", (key, moment), lambda: lab.representation(build))
        room = self._newest("heard in the room", key, lab.room_representation) if lab.goal.room else None
        return {"start": start, "now": now, "target": room}

    def _note_shares(self, snapshot: Snapshot | None, moment: Hashable, beginning: Beginning) -> None:
        run = self._lab.run
        if run is not self._run or run is None or not run.steps_run:
            self._run, self._share_steps, self._shares = run, [], {}
            if beginning.shares:
                self._note(0, beginning.shares)
        if run is None or snapshot is None or not snapshot.step:
            return
        step = snapshot.step
        newest = self._newest("shares", moment, lambda: (run, step, run.gradient_shares()))
        of, at, found = newest or (None, 0, {})
        if of is run and (not self._share_steps or at > self._share_steps[-1]):
            self._note(at, found)

    def _note(self, step: int, shares: Mapping[str, float]) -> None:
        self._share_steps = [*self._share_steps, step]
        for name, share in shares.items():
            self._shares.setdefault(TERMS.get(name, name), []).append(share)

    # ------------------------------------------------------------------ at once, in a thread, or seldom

    def _seldom(self, name: str, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what `make` makes, or, while a run goes on and it was made a moment ago, the last that it made."""
        held = self._found.get(name)
        if held is not None and (held[0] == key or (self._lab.busy and time.monotonic() < self._due[name])):
            return held[1]
        self._found[name] = (key, self._timed(name, make))
        return self._found[name][1]

    def _timed(self, name: str, make: Callable[[], Any]) -> Any:
        began = time.monotonic()
        made = make()
        now = time.monotonic()
        self._due[name] = now + (now - began) / SHARE
        return made

    def _aside(self, name: str, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what `make` makes, or None while a thread is at it; without a loop it is made here and now."""
        held = self._found.get(name)
        if held is not None and held[0] == key:
            return held[1]
        loop = loop_of(self._background)
        if loop is None:
            self._found[name] = (key, make())
            return self._found[name][1]
        self._wanted[name] = (key, make)
        if name not in self._making:
            self._making.add(name)
            rest = 0.0 if held is None else FOLLOWED if name == "decays" else AT_REST
            asyncio.run_coroutine_threadsafe(self._make(name, rest), loop)
        return None

    def _newest(self, name: str, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what was made last, be it of an earlier state; what is newer is made in a thread, seldom."""
        held = self._found.get(name)
        is_newest = held is not None and held[0] == key
        if not is_newest and not (self._lab.busy and time.monotonic() < self._due.get(name, -math.inf)):
            self._aside(name, key, lambda: self._timed(name, make))
            held = self._found.get(name)
        return None if held is None else held[1]

    async def _make(self, name: str, rest: float) -> None:
        """Make what is wanted last, once it has been wanted for a moment: while somebody drags a slider, nothing is,
        but decays are now and then.
        """
        key, make = self._wanted[name]
        while rest:
            await asyncio.sleep(rest)
            if name not in self._wanted:
                self._making.discard(name)
                return
            moved = self._wanted[name][0] != key
            key, make = self._wanted[name]
            if name == "decays" or not moved:
                break
        try:
            if self._background is None:
                made = await asyncio.to_thread(make)
            else:
                made = await self._background.aside(make, self._is_wanted)
        except Superseded:
            self._leave()
            return
        finally:
            self._making.discard(name)

        def show() -> None:
            if name in self._wanted:
                self._found[name] = (key, made)
                self._refresh()

        await in_turn(self._background, show)
