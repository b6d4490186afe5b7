"""The room that a network is to match, from its direct sound on, and what it asks of the network at the start.

Reverberation times and onset (20 dB below the peak) are as in ISO 3382-1:2009. The rooms: :mod:`amtlib.audio.rooms`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import param
import soxr

from amtlib import audio, fdn
from amtlib.audio.rooms import ONSET, load_room
from amtlib.fdn import FDNBuild
from app.labs.fdn import findings
from app.labs.fdn.goals import ROOM_GOALS
from app.labs.fdn.octaves import Array, times_of_shelf
from app.labs.fdn.settings import Training
from app.page.upload import MAX_BYTES, max_samples

#: Shortest and longest room that are taken, s.
MIN_ROOM, MAX_ROOM = 0.05, 10.0
#: A response begins where it first comes this near to its peak (-20 dB); its direct sound is the peak of the next ms.
_ONSET_SHARE, _DIRECT = 0.1, 0.001
#: What is kept before the direct sound of two channels, of which one may come first, s.
LEAD = 0.001
#: What is taken for direct sound when levels are compared, s.
_EARLY = 0.001
#: Parts of a decay whose levels are compared, how much they fall at least in dB, and how straight (correlation).
_WINDOWS, _FALL, _STEADY = 10, 15.0, -0.85


@dataclass(frozen=True)
class DroppedRoom:
    """A dropped impulse response, from its direct sound on; ``late`` is how much was cut off before that, s, and
    ``channels`` how many the file has, of which the samples are the mean. Of two channels ``pair`` holds both, shape
    ``(T, 2)``, from `LEAD` before the direct sound on.
    """

    name: str
    samples: Array
    fs: int
    late: float
    channels: int = 1
    pair: Array | None = None


@dataclass(frozen=True)
class RoomUpload:
    """A dropped file, decoded: what was found in it, and the room that it holds."""

    recording: audio.Recording
    room: DroppedRoom


def decode_room(name: str, content: bytes) -> RoomUpload:
    """Check and decode a user's impulse response; needs no model, so that any thread or process can do it.

    Raises
    ------
    amtlib.audio.AudioError
        With one sentence on what is wrong with the file.
    """
    recording = audio.load(
        content, name=name, max_duration=MAX_ROOM, max_samples=max_samples(), max_bytes=MAX_BYTES, warn=False
    )
    if not recording.samples.any():
        raise audio.AudioError(f"{name} is silent; give an impulse response")
    samples, late = from_direct_sound(recording.samples.double().numpy(), recording.fs)
    if len(samples) < MIN_ROOM * recording.fs:
        raise audio.AudioError(
            f"{name} lasts {1000 * len(samples) / recording.fs:.3g} ms from its direct sound on; give an impulse "
            f"response of {1000 * MIN_ROOM:g} ms or more"
        )
    pair = None
    if recording.channels == 2:
        both = audio.load(
            content,
            name=name,
            channel="all",
            max_duration=MAX_ROOM,
            max_samples=max_samples(),
            max_bytes=MAX_BYTES,
            warn=False,
        )
        first = max(round((late - LEAD) * recording.fs), 0)
        pair = both.samples.double().numpy().T[first:].copy()
        if not pair.any(axis=0).all():  # one of the two is silent: there is one
            pair = None
    return RoomUpload(
        recording, DroppedRoom(recording.name, samples, recording.fs, late, recording.channels, pair)
    )


class Room(Training):
    """The settings of the training, and the impulse response that a user dropped in."""

    #: A note says what becomes of its channels.
    mixes = False
    uploads = param.Integer(default=0, precedence=-1, doc="Files taken so far: a new one is another room.")

    def __init__(self, **settings: Any) -> None:
        self.dropped: DroppedRoom | None = None
        super().__init__(**settings)

    @property
    def decode(self) -> Callable[[str, bytes], RoomUpload]:
        """What decodes a file for `accept`, in any thread or process."""
        return decode_room

    @property
    def upload_name(self) -> str | None:
        """Name of the file that was dropped in, if any."""
        return None if self.dropped is None else self.dropped.name

    def take_upload(self, name: str, content: bytes) -> audio.Recording:
        """Make a file the room to match; what was there before stays if it cannot be read.

        Raises
        ------
        amtlib.audio.AudioError
            With one sentence on what is wrong with the file.
        """
        return self.accept(self.decode(name, content))

    def accept(self, upload: RoomUpload) -> audio.Recording:
        """Make a decoded file the room to match; quick, for the thread that the model lives in."""
        self.dropped = upload.room
        goal = self.goal if self.goal in ROOM_GOALS else "match_mel_spectrogram"
        self.param.update(goal=goal, target="file", uploads=self.uploads + 1)
        return upload.recording

    def response(self, fs: int, *, pair: bool = False) -> Array | None:
        """Return the room from its direct sound on, at a rate; None where there is no file yet.

        Of an own file with two channels that is their mean, or with ``pair`` the first.
        """
        if self.target != "file":
            found = load_room(self.target, fs).double().numpy()
            return np.asarray(found[round(ONSET * fs) :])
        if self.dropped is None:
            return None
        both = self.dropped.pair
        if not pair or both is None:
            return _at_rate(self.dropped.samples, self.dropped.fs, fs)
        return from_direct_sound(_at_rate(np.ascontiguousarray(both[:, 0]), self.dropped.fs, fs), fs)[0]

    def pair(self, fs: int) -> Array | None:
        """Return both channels of an own room, shape ``(T, 2)``, from `LEAD` before its direct sound on, at a rate;
        None where it has but one.
        """
        if self.target != "file" or self.dropped is None or self.dropped.pair is None:
            return None
        return _at_rate(self.dropped.pair, self.dropped.fs, fs)

    @property
    def pre_delay(self) -> float:
        """Silence before the direct sound in a user's own room, which training leaves out, s."""
        return self.dropped.late if self.target == "file" and self.dropped is not None else 0.0

    @property
    def highest(self) -> float:
        """Highest frequency that the room's recording can hold, Hz."""
        return self.dropped.fs / 2 if self.target == "file" and self.dropped is not None else 24000.0


def _at_rate(samples: Array, source_fs: int, fs: int) -> Array:
    """Return a response at a rate, as a filter with the same gain: at a lower rate that needs larger samples."""
    if source_fs == fs:
        return samples
    return np.asarray(soxr.resample(samples, source_fs, fs, quality="VHQ")) * (source_fs / fs)


def from_direct_sound(response: Array, fs: float) -> tuple[Array, float]:
    """Return a response from its direct sound on, and the time that was cut off before it, s.

    Examples
    --------
    >>> found, late = from_direct_sound(np.array([0.0] * 480 + [0.2, 1.0, 0.5]), 48000)
    >>> found, round(1000 * late)
    (array([1. , 0.5]), 10)
    """
    size = np.abs(response)
    onset = int(np.argmax(size >= _ONSET_SHARE * size.max()))
    direct = onset + int(np.argmax(size[onset : onset + max(round(_DIRECT * fs), 1)]))
    return response[direct:], direct / fs


def decay_times(room: Array, fs: int, highest: float = np.inf) -> tuple[float, float] | None:
    """Return the reverberation times of a network that decays as a room: at 0 Hz and at half the rate, s; None where
    the room has no decay to measure: its level does not fall, or no octave's comes far enough out of the noise.

    The lower one is the median of the octaves up to 1 kHz, the upper one what makes all octaves differ least. Both may
    lie outside what the lab's sliders allow.
    """
    if not dies_away(room, fs):
        return None
    centres, times = findings.octave_times(room, fs, highest)
    known = np.isfinite(times)
    times, centres = times[known], centres[known]
    if not len(times):
        return None
    low = float(np.median(times[centres <= 1000] if (centres <= 1000).any() else times))
    tried = np.geomspace(min(0.1, low), 2 * low, 60)
    errors = [np.abs(np.log(times_of_shelf(low, high, fs, centres) / times)).mean() for high in tried]
    return low, float(tried[int(np.argmin(errors))])


def dies_away(response: Array, fs: int) -> bool:
    """Whether the level of a response after its direct sound falls as that of a room does: steadily, by 15 dB or more
    until 25 dB of its energy decay are over. A constant level, music or speech do not.

    Examples
    --------
    >>> t = np.arange(48000) / 48000
    >>> noise = np.random.default_rng(0).standard_normal(48000)
    >>> dies_away(noise * 10 ** (-3 * t / 0.8), 48000), dies_away(noise, 48000), dies_away(np.ones(48000), 48000)
    (True, False, False)
    """
    response = response[round(_EARLY * fs) :]
    energy = np.cumsum(np.square(response)[::-1])[::-1]
    until = int(np.argmax(energy <= energy[0] * 10**-2.5))
    if until < _WINDOWS * max(round(_EARLY * fs), 1):
        return bool(until)
    edges = np.linspace(0, until, _WINDOWS + 1).astype(int)
    powers = np.add.reduceat(np.square(response[:until]), edges[:-1]) / np.diff(edges)
    levels = 10 * np.log10(powers + 1e-30)
    steady = np.corrcoef(np.arange(_WINDOWS), levels)[0, 1] if levels.std() else 0.0
    return bool(levels[0] - levels[-1] >= _FALL and steady <= _STEADY)


def as_loud_as(build: FDNBuild, room: Array) -> FDNBuild:
    """Return a network as strong as a room: its direct path is the direct sound, its tail has the energy of what
    follows that.
    """
    early = max(round(_EARLY * build.fs), 1)
    tail = fdn.render(build, len(room) / build.fs)
    gain = np.sqrt(np.square(room[early:]).sum() / np.square(tail).sum())
    return replace(build, C=build.C * gain, D=np.full_like(build.D, room[0]))
