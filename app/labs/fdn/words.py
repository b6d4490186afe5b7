"""What the FDN lab says in words: what is there, what training has changed, and what the library warns of.

The numbers come from findings.py.
"""

import math
import re
from collections.abc import Mapping, Sequence

from amtlib.fdn import FDNBuild, Stability
from amtlib.train import RoomFit, TrainingRun
from amtlib.train.notices import (
    ModesTooClose,
    PenaltyDominates,
    PenaltyLowered,
    TargetBeginsLate,
    TargetBreaksOff,
    TargetCut,
    TargetNoiseRemoved,
    TimeAliasing,
)
from app.labs.fdn.ear import Representation
from app.labs.fdn.findings import Analysis, Decay
from app.labs.fdn.fit import Fit
from app.labs.fdn.levels import Array
from app.labs.fdn.octaves import named
from app.labs.fdn.target import DroppedRoom
from app.page.problems import sentence
from app.page.protocol import Table

#: Columns of the table of a fit: measure, label, unit, how it is written.
_MEASURES = (
    ("t30", "T30", "s", "{:.3g}"),
    ("edt", "EDT", "s", "{:.3g}"),
    ("c50", "C50", "dB", "{:.1f}"),
    ("level", "Level", "dB", "{:.1f}"),
)
_ENDS = {
    "max_steps": "All {steps} steps are done.",
    "plateau": "The loss no longer falls: ended after {steps} steps.",
    "stopped": "Stopped after {steps} steps.",
    "not_finite": "The loss stopped being a number at step {steps}: the learning rate is too high.",
    "diverged": "The loss ran away by step {steps}: the learning rate is too high.",
}


def warning(found: Warning) -> str:
    """Return what training warns of in the words of the page's controls.

    Examples
    --------
    >>> warning(TargetBreaksOff(level=-12.0, nfft=4096))
    'The room breaks off -12 dB re its peak, and the silence after it is learned too. Give a longer recording, or ...
    """
    match found:
        case PenaltyDominates():
            return (
                f"The density term makes {found.share:.4g} % of what moves the matrix, so it decides nearly alone. "
                f"A weight of {found.advice:.1g} gives it a tenth."
            )
        case TargetCut():
            return (
                f"Only the first {found.held:.3g} s of the room's {found.duration:.3g} s are matched; the rest holds "
                f"{found.level:.0f} dB of its energy. More points of the transform keep more."
            )
        case TargetBreaksOff():
            return (
                f"The room breaks off {found.level:.0f} dB re its peak, and the silence after it is learned too. "
                "Give a longer recording, or choose fewer points of the transform."
            )
        case TargetBeginsLate():
            return (
                f"The room begins {1e3 * found.pre_delay:.3g} ms later than the network can. Training leaves that much "
                "silence out: delay the network's output by it."
            )
        case TargetNoiseRemoved():
            return (
                f"The room's recording holds steady noise, {-found.level:.0f} dB below the start of its decay. It is "
                f"taken out, and from {found.start:.3g} s on the decay goes on in its place."
            )
        case PenaltyLowered():
            return (
                f"The density term has a weight of {found.weight:.2g}, which gives it a tenth of what moves the "
                f"matrix. A weight of {found.usual:g} would give it {found.share:.4g} %."
            )
        case ModesTooClose():
            return (
                f"The modes lie {found.spacing:.3g} Hz apart, and the transform tells apart {found.resolution:.3g} Hz: "
                f"what is made flat is not the modes. Choose {found.advice} points or more, or fewer delays."
            )
        case TimeAliasing():
            level = f"{found.level:.0f} dB"
            return f"What outlasts the transform wraps around, {level} re the response. Choose more points."
    return sentence(ValueError(str(found)))


def own_room(room: DroppedRoom, *, fits: bool = False) -> list[str]:
    """Say what was done to a dropped impulse response; ``fits``: the room is fitted as a whole."""
    notes = []
    if fits and room.pair is not None:
        notes.append(
            f"{room.name} is in stereo, and so will the network be: one output for each channel. Figures show the "
            "first channel, the table the mean of both."
        )
    elif room.channels > 1:
        notes.append(f"{room.name} has {room.channels} channels; the room is their mean.")
    if room.late > 1e-3:
        notes.append(
            f"The first {1000 * room.late:.0f} ms, before the direct sound, are left out of training and listening; "
            "the WAV and the Faust program have them in front."
        )
    return notes


def times_of_room(times: tuple[float, float] | None, given: tuple[float, float]) -> str:
    """Say which reverberation times the network has been given, from the room's where they could be measured."""
    low, high = given
    if times is None:
        return (
            "The room has no decay to measure: its level does not fall far enough, or sinks into noise too soon. The "
            f"network keeps its own reverberation times: {low:g} s, {high:g} s at the top."
        )
    text = f"The network got the room's level and reverberation times: {low:g} s, {high:g} s at the top."
    if any(abs(time - kept) > 0.01 for time, kept in zip(times, given, strict=True)):
        text = (
            f"The room decays in {times[0]:.3g} s, {times[1]:.3g} s at the top. The network got its level, and the "
            f"nearest times that it can have: {low:g} s and {high:g} s."
        )
    return text


def certificate(found: Stability) -> str:
    """Say what is certain about a network's loop.

    Examples
    --------
    >>> certificate(Stability(0.99296, 1200.0, 2.31, 310.0, 0.0))
    'Cannot grow: loop gain at most 0.993, at 1.2 kHz'
    >>> certificate(Stability(0.99296, 1200.0, 2.31, 310.0, 0.0, moving=True))
    'Cannot grow, however its matrix moves: loop gain at most 0.993, at 1.2 kHz'
    >>> certificate(Stability(1.0213, 63.0, math.inf, math.nan, 3.21))
    'Grows by 3.2 dB per second: loop gain at most 1.0213, at 63 Hz'
    >>> certificate(Stability(1.0213, 63.0, 2.31, 310.0, 0.0))
    'May grow, though no growing mode was found: loop gain at most 1.0213, at 63 Hz'
    """
    place = f"{found.frequency / 1000:.2g} kHz" if found.frequency >= 1000 else f"{found.frequency:.0f} Hz"
    if found.growth > 0:
        first = f"Grows by {found.growth:.2g} dB per second{' at rest' if found.moving else ''}"
    elif found.certain:
        first = f"Cannot grow{', however its matrix moves' if found.moving else ''}"
    else:
        which = "growing mode of its matrix at rest" if found.moving else "growing mode"
        first = f"May grow, though no {which} was found"
    return f"{first}: {loop_gain(found)}, at {place}"


def loop_gain(found: Stability) -> str:
    """Say how much stronger a round through the loop makes a sound at most.

    Examples
    --------
    >>> loop_gain(Stability(0.99296, 1200.0, 2.31, 310.0, 0.0))
    'loop gain at most 0.993'
    """
    # Rounded up: a bound may not be shown smaller than it is.
    return f"loop gain at most {math.ceil(found.bound * 1e4 - 1e-4) / 1e4:g}"


def motion(chorus: float) -> str:
    """Say what is heard of a matrix that moves, from its chorus in cents.

    Examples
    --------
    >>> motion(2.971)
    'The motion of the matrix makes a chorus of about 3 cents at 1 kHz; figures show the network at rest.'
    """
    heard = f"a chorus of about {chorus:.2g} cents at 1 kHz"
    return f"The motion of the matrix makes {heard}; figures show the network at rest."


def times_by_octave(room: Array | None, given: Array, octaves: Sequence[int]) -> str:
    """Say which times by octave the network has been given, from the room's where they could be measured."""
    if room is None:
        return (
            "The room has no decay to measure: its level does not fall far enough, or sinks into noise too soon. The "
            "network keeps its own times by octave."
        )
    off = [octave for octave, time, kept in zip(octaves, room, given, strict=True) if abs(time - kept) > 0.01]
    text = "The network got the room's level and its reverberation times by octave"
    if off:
        text += f", the nearest that it can have at {', '.join(map(named, off))}"
    return f"{text}: {given.min():.3g} to {given.max():.3g} s."


def change_of(first: float, last: float) -> str:
    """Say how much lower or higher a loss has become.

    Examples
    --------
    >>> change_of(0.0003563, 0.0002785), change_of(1.0, 1.25), change_of(2.0, 2.0001)
    ('22 % lower than', '25 % higher than', 'as high as')
    """
    percent = 100 * (last / first - 1) if first else 0.0
    if abs(percent) < 0.05:
        return "as high as"
    digits = 0 if abs(percent) >= 1 and percent > -99 else 1
    return f"{abs(percent):.{digits}f} % {'lower' if percent < 0 else 'higher'} than"


def summary(start: FDNBuild, run: TrainingRun | None, fs: int) -> str:
    """Say in one line what is there, and how its training went; which step it is at stands beside the buttons alone."""
    network = f"{start.N} delay lines, {start.order / fs * 1000:.0f} ms of delay"
    if run is None or not run.steps_run:
        if run is not None and run.reason == "failed":
            return f"{network}. {run.message}"
        begun = run is not None and run.state == "running"
        return f"{network}: not trained yet.{'' if begun else ' Press Train.'}"
    log = run.log
    if run.state != "finished":
        return f"{network}. In training: its loss is {change_of(log.train_loss[0], log.train_loss[-1])} at the start."
    end = _ENDS[run.reason].format(steps=run.steps_run) if run.reason in _ENDS else run.message
    if log.best_step == 0:
        return f"{network}. {end} No network met was better than that of the start, which is kept."
    kept = "" if log.best_step == run.steps_run else f", reached after {log.best_step} steps and kept"
    return f"{network}. {end} Its loss is {change_of(log.train_loss[0], log.best_loss)} at the start{kept}."


def fit_summary(lines: int, fit: Fit | None, *, fits_now: bool) -> str:
    """Say in one line how far a fit is, or how near it came and where it did not."""
    if fit is None or fit.result is None:
        text = f"{lines} delay lines for this room"
        if fits_now:
            return f"{text}: being fitted."
        return (
            f"{text}: not fitted yet. Press Fit this room." if fit is None else f"{text}: stopped on the way."
        )
    found, both = fit.result, "both channels of " if fit.build.n_out == 2 else ""
    off = len(found.problems)
    less = f" {off} thing{'s' * (off > 1)} could not be met: see the table." if off else ""
    return (
        f"{fit.build.N} delay lines fitted to {both}this room in {found.seconds:.0f} s: T30 within "
        f"{100 * found.t30_off:.2g} %, level within {found.level_off:.2g} dB, decay curve within {found.curve_db:.2g} "
        f"dB.{less}"
    )


def fit_table(fit: RoomFit) -> Table:
    """Return what was wanted and what was reached by octave, as a table under the figures."""
    head = ["Octave"]
    for _, label, unit, _ in _MEASURES:
        head += [f"{label} of the room ({unit})", f"{label} of the network ({unit})"]
    rows = []
    for row in fit.table():
        cells = [f"{row['centre']:.0f} Hz"]
        for name, _, _, form in _MEASURES:
            cells += [
                "–" if math.isnan(row[key]) else form.format(row[key]).replace("-", "−")
                for key in (name, f"{name}_reached")
            ]
        rows.append(cells)
    title = f"The room and the network, by octave. {fit.sentence()}"
    return {"title": title, "head": head, "rows": rows, "clear": ""}


def from_to(text: str, start: float, now: float) -> str:
    """Write two numbers into a text with one place for them, or, where nothing has changed, the one.

    Examples
    --------
    >>> from_to("spread {:.1f} dB", 7.24, 5.1), from_to("spread {:.1f} dB", 7.24, 7.2)
    ('spread 7.2 → 5.1 dB', 'spread 7.2 dB')
    """
    before, after = (text.format(value) for value in (start, now))
    if before == after:
        return before
    place = re.search(r"\{(:[^}]*)\}", text)
    assert place is not None
    return text.replace(place[0], f"{format(start, place[1][1:])} → {format(now, place[1][1:])}")


def differences(found: Mapping[str, Analysis], heard: Mapping[str, Decay], *, room: bool) -> str:
    """Say what has changed from the start to now."""
    start, now = found["start"], found["now"]
    parts = [
        from_to("spread of modes {:.1f} dB", start.modal_std, now.modal_std),
        from_to("highest peak {:.1f} dB", start.peak_db, now.peak_db),
        from_to("echo density at 0.1 s {:.2f}", heard["start"].echoes, heard["now"].echoes),
    ]
    if room:
        parts.insert(
            0, from_to("decay by octave {:.1f} dB from the room's", start.decay_error, now.decay_error)
        )
        if not math.isnan(start.t30_error + now.t30_error):
            parts.insert(
                1, f"reverberation times {100 * start.t30_error:.0f} → {100 * now.t30_error:.0f} % off"
            )
    text = ", ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def ear_measures(found: Mapping[str, Representation | None]) -> dict[str, float]:
    """Return how uneven the excitation is and how far the cochleagram is from the room's, in dB, how much of the room's
    is heard, in %, and for how long at two frequencies, in s; NaN where not known.
    """
    room = found.get("target")
    numbers = {"audible_percent": math.nan if room is None else 100 * room.audible}
    for frequency in (2, 8):
        heard_until = math.nan if room is None else room.heard_at(1000 * frequency)
        numbers[f"heard_until_{frequency}k_s"] = heard_until
    numbers["colour_target"] = math.nan if room is None else room.colour
    for which in ("start", "now"):
        heard = found.get(which)
        numbers[f"colour_{which}"] = math.nan if heard is None else heard.colour
        numbers[f"heard_{which}_db"] = math.nan if heard is None or room is None else heard.distance(room)
    return numbers


def ear_summary(found: Mapping[str, Representation | None]) -> str:
    """Say what training has changed for the ear."""
    known = ear_measures(found)
    parts = []
    if not math.isnan(known["heard_start_db"] + known["heard_now_db"]):
        parts.append(
            f"cochleagram {known['heard_start_db']:.2f} → {known['heard_now_db']:.2f} dB from the room's"
        )
    if not math.isnan(known["colour_start"] + known["colour_now"]):
        parts.append(f"excitation uneven by {known['colour_start']:.2f} → {known['colour_now']:.2f} dB")
    return f"To the ear: {', '.join(parts)}." if parts else ""
