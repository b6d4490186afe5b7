"""The sound that a lab listens to: one of the calibrated stimuli, the spoken sentence, or the user's own file.

:mod:`amtlib.signals` and :mod:`amtlib.audio` make and read them; here are the choice between them and its bounds.
"""

import inspect
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import param
import soxr
import torch

from amtlib import audio, signals
from amtlib.errors import ArgumentError
from app.page.upload import MAX_RECORDING, RATES, Upload, decode_upload
from app.quantity import Quantity, Settings

#: A short sentence made with a free synthesiser, see assets/ORIGIN.md.
SPEECH = Path(__file__).parent / "assets" / "speech.flac"


@dataclass(frozen=True)
class Kind:
    """One kind of sound: its name, the function that makes it, and the function's arguments."""

    label: str
    function: Callable[..., torch.Tensor] | None
    arguments: Mapping[str, str]
    """Argument of the function -> parameter of `Stimulus`."""
    positional: int = 0


def _kind(label: str, function: Callable[..., torch.Tensor], positional: str = "", named: str = "") -> Kind:
    """Return a kind by the names of its function's arguments, ``argument=parameter`` where they differ."""
    pairs = (name.partition("=") for name in [*positional.split(), *named.split(), "level", "duration"])
    arguments = {argument: parameter or argument for argument, _, parameter in pairs}
    return Kind(label, function, arguments, len(positional.split()))


_RECORDED = {"level": "level", "start": "start", "duration": "duration"}
KINDS: dict[str, Kind] = {
    "speech": Kind("Spoken sentence", None, _RECORDED),
    "tone": _kind("Pure tone", signals.tone, "frequency"),
    "tone_pair": _kind("Two tones", signals.tone_pair, "frequency1=frequency frequency2", "level2"),
    "complex": _kind("Harmonic complex", signals.harmonic_complex, "f0", "lowest highest phases seed"),
    "click": _kind("Click", signals.click),
    "clicks": _kind("Click train", signals.click_train, "rate"),
    "white": _kind("White noise", signals.white_noise, "", "seed"),
    "pink": _kind("Pink noise", signals.pink_noise, "", "seed"),
    "band": _kind("Band of noise", signals.band_noise, "low high", "seed"),
    "am": _kind("AM tone", signals.am_tone, "frequency modulation_frequency=modulation", "depth"),
    "fm": _kind("FM tone", signals.fm_tone, "frequency modulation_frequency=modulation deviation"),
    "sweep": _kind("Sweep", signals.sweep, "start=low stop=high"),
    "gap": _kind("Gap in noise", signals.gap_in_noise, "gap", "seed"),
    "ripple": _kind("Iterated rippled noise", signals.iterated_rippled_noise, "delay", "iterations seed"),
    "tone_in_noise": _kind("Tone in noise", signals.tone_in_noise, "frequency", "noise_level seed"),
    "silence": Kind("Silence", signals.silence, {"duration": "duration"}),
    "file": Kind("Your own file", None, _RECORDED),
}
#: Parameters in ms on the page, in s in the library.
_MILLISECONDS = {"gap", "delay"}
#: Arguments that no control sets, as an error message calls them.
_RATE_LABELS = {"fs": "the sampling rate", "fs/2": "half the sampling rate"}


@cache
def _speech(fs: int) -> torch.Tensor:
    """Return the spoken sentence at one of the few rates of the labs, decoded once a process."""
    return audio.load(SPEECH, fs=fs).samples


class Stimulus(Settings):
    """The settings of the stimulus; `render` makes the sound in Pa.

    Parameters
    ----------
    highest_frequency : float, optional
        Where tones and edges of noise end in a lab of one sampling rate, Hz.
    rates : sequence of int
        All sampling rates that the lab asks for, Hz.
    **settings
        Values of parameters.

    Examples
    --------
    >>> Stimulus(kind="tone", duration=0.25).render(32000).shape
    torch.Size([8000])
    """

    kind = param.Selector(
        default="speech", objects={kind.label: name for name, kind in KINDS.items()}, label="Sound"
    )
    """What the ear listens to. Drop a sound file anywhere on the page to use your own."""
    level = Quantity(60.0, bounds=(-10, 110), step=1, unit="dB SPL", label="Level")
    """Root-mean-square level at the ear (for clicks: the level of a tone with the same peak). Levels that differ are
    played so, but nothing louder than 85 dB SPL is."""
    duration = Quantity(1.0, bounds=(0.05, 5), step=0.05, unit="s", label="Duration")
    """Length of the sound, or of the excerpt of a recording."""
    start = Quantity(0.0, bounds=(0, MAX_RECORDING), step=0.05, unit="s", label="Excerpt starts at")
    """Where in the recording the excerpt begins."""
    frequency = Quantity(1000.0, bounds=(20, 20000), step=1, unit="Hz", scale="log", label="Frequency")
    """Of the tone."""
    frequency2 = Quantity(
        1200.0, bounds=(20, 20000), step=1, unit="Hz", scale="log", label="Second frequency"
    )
    """Bring it close to the first until one filter hears both."""
    level2 = Quantity(60.0, bounds=(-10, 110), step=1, unit="dB SPL", label="Second level")
    """Level of the second tone."""
    f0 = Quantity(150.0, bounds=(20, 2000), step=1, unit="Hz", scale="log", label="Fundamental")
    """All harmonics are whole multiples of it."""
    lowest = Quantity(1, bounds=(1, 40), step=1, whole=True, label="Lowest harmonic")
    """Leave out the ones below."""
    highest = Quantity(20, bounds=(1, 100), step=1, whole=True, label="Highest harmonic")
    """Low harmonics fall into filters of their own; high ones share a filter and beat."""
    phases = param.Selector(
        objects={
            "Sine": "sine",
            "Cosine": "cosine",
            "Alternating": "alternating",
            "Schroeder +": "schroeder+",
            "Schroeder −": "schroeder-",
            "Random": "random",
        },
        label="Phases",
    )
    """Where unresolved harmonics share a filter, their phases shape its envelope."""
    rate = Quantity(50.0, bounds=(1, 1000), step=1, unit="Hz", scale="log", label="Clicks per second")
    """Slow trains show single impulse responses; fast ones turn into a complex tone."""
    low = Quantity(500.0, bounds=(20, 20000), step=1, unit="Hz", scale="log", label="From")
    """Lower edge, or start."""
    high = Quantity(4000.0, bounds=(20, 20000), step=1, unit="Hz", scale="log", label="To")
    """Upper edge, or end."""
    modulation = Quantity(8.0, bounds=(0.5, 500), step=0.5, unit="Hz", scale="log", label="Modulation rate")
    """Slow modulation moves the level in time; fast modulation splits into side bands."""
    depth = Quantity(1.0, bounds=(0, 1), step=0.05, label="Modulation depth")
    """1 is full modulation."""
    deviation = Quantity(100.0, bounds=(0, 2000), step=5, unit="Hz", label="Deviation")
    """How far the frequency swings to each side."""
    gap = Quantity(10.0, bounds=(1, 200), step=1, unit="ms", label="Gap")
    """Narrow low-frequency filters ring through a short gap; wide high-frequency ones show it."""
    delay = Quantity(8.0, bounds=(0.5, 50), step=0.1, unit="ms", label="Delay")
    """The noise is added to itself this much later; a pitch appears at one over the delay."""
    iterations = Quantity(8, bounds=(1, 32), step=1, whole=True, label="Iterations")
    """More of them, a clearer pitch."""
    noise_level = Quantity(50.0, bounds=(-10, 110), step=1, unit="dB SPL", label="Noise level")
    """Level of all the noise."""
    seed = Quantity(0, bounds=(0, 9999), step=1, whole=True, label="Seed")
    """Another number, another sample of noise."""

    uploads = param.Integer(
        default=0, precedence=-1, doc="Files taken so far: a new one of the same name is another sound."
    )

    def __init__(
        self, *, highest_frequency: float | None = None, rates: Sequence[int] = RATES, **settings: Any
    ) -> None:
        #: Sampling rates that the lab asks for, Hz, as `decode_upload` takes them.
        self.rates = tuple(rates)
        self._upload: Upload | None = None
        self._resampled: tuple[int, torch.Tensor] | None = None
        super().__init__(**settings)
        if highest_frequency is not None:
            for name in ("frequency", "frequency2", "low", "high"):
                # Of this object alone: param copies a parameter that is asked for.
                self.param[name].bounds = (self.param[name].bounds[0], highest_frequency)

    @property
    def decode(self) -> Callable[[str, bytes], Upload]:
        """Decodes a file for `accept`, in any thread or process: it depends on nothing of this object but its rates."""
        return partial(decode_upload, rates=self.rates)

    #: One channel is made of all.
    mixes = True

    @property
    def upload_name(self) -> str | None:
        """Name of the file that was dropped in, if any."""
        return self._upload.recording.name if self._upload else None

    @property
    def upload(self) -> Upload | None:
        """The file that was dropped in, where it is the sound."""
        return self._upload if self.kind == "file" else None

    def take_upload(self, name: str, content: bytes) -> audio.Recording:
        """Check a file and make it the sound; if it cannot be read, the sound stays as it was.

        Returns
        -------
        amtlib.audio.Recording
            The file as it is kept.

        Raises
        ------
        amtlib.audio.AudioError
            With a message on what is wrong with the file.
        """
        return self.accept(self.decode(name, content))

    def accept(self, upload: Upload) -> audio.Recording:
        """Make a decoded file the sound; quick, for the thread that the model lives in.

        Returns
        -------
        amtlib.audio.Recording
            What was found in the file.
        """
        recording = upload.recording
        self._upload, self._resampled = upload, None
        self.param.update(
            kind="file",
            start=0.0,
            duration=min(max(round(recording.duration, 2), 0.05), 2.0),
            uploads=self.uploads + 1,
        )
        return recording

    def key(self, *, level: bool = True) -> tuple[Hashable, ...]:
        """Return all that the sound depends on: of a file the hash of its bytes, of other kinds the settings they use.

        Parameters
        ----------
        level : bool
            If false, sounds that differ only by a factor (see `scales`) have the same key.

        Examples
        --------
        >>> Stimulus(kind="tone").key() == Stimulus(kind="tone", seed=3).key()  # a tone has no seed
        True
        """
        kind = KINDS[self.kind]
        used = sorted(set(kind.arguments.values()) - (set() if level else {"level"}))
        own = self.upload.digest if self.upload else b""
        return (self.kind, own, *(getattr(self, name) for name in used))

    @property
    def scales(self) -> bool:
        """Whether another `level` only multiplies the sound by a factor."""
        arguments = set(KINDS[self.kind].arguments.values())
        return "level" in arguments and not arguments & {"level2", "noise_level"}

    @property
    def steady(self) -> float:
        """Share of the sound's power that its ramps leave: its level is that without them.

        Examples
        --------
        >>> Stimulus(kind="tone", duration=1.0).steady, Stimulus(kind="click").steady
        (0.9875, 1.0)
        """
        function = KINDS[self.kind].function
        if function is None:  # a recording's level is set with its ramps
            return 1.0
        ramp = inspect.signature(function).parameters.get("ramp")
        # A raised cosine holds three eighths of the power.
        return 1.0 if ramp is None else 1.0 - 2 * ramp.default * 5 / 8 / float(self.duration)

    def render(self, fs: int, *, level: float | None = None) -> torch.Tensor:
        """Return the sound: float32, Pa, shape ``(T,)``, at the present level or a given one.

        Raises
        ------
        ValueError
            If the settings do not fit together, such as a tone above fs / 2; the message says what to change.
        """
        kind, level = KINDS[self.kind], float(self.level if level is None else level)
        if kind.function is None:
            return self._excerpt(fs, level)
        positional, named = self._arguments(kind, level)
        try:
            return kind.function(*positional, **named, fs=fs)
        except ArgumentError as problem:  # in terms of the page's labels
            labels = {argument: f"“{self.param[name].label}”" for argument, name in kind.arguments.items()}
            raise ValueError(problem.worded({**_RATE_LABELS, **labels})) from problem

    def _arguments(self, kind: Kind, level: float) -> tuple[list[Any], dict[str, Any]]:
        values = {}
        for argument, name in kind.arguments.items():
            value = level if name == "level" else getattr(self, name)
            if isinstance(self.param[name], Quantity):  # plain numbers read well in code
                value = int(value) if self.param[name].whole else float(value)
            values[argument] = value / 1000 if name in _MILLISECONDS else value
        names = list(values)
        return [values[n] for n in names[: kind.positional]], {n: values[n] for n in names[kind.positional :]}

    def _recording(self, fs: int) -> torch.Tensor:
        """Return the whole recording at a rate."""
        if self.kind == "speech":
            return _speech(fs)
        if self._upload is None:
            raise ValueError("There is no file yet: drop a sound file on the page, or choose another sound.")
        kept = self._upload.recording
        if kept.fs == fs:
            return kept.samples
        if self._resampled is None or self._resampled[0] != fs:
            found = soxr.resample(kept.samples.double().numpy(), kept.fs, fs, quality="VHQ")
            if not len(found):
                raise ValueError(
                    f"{kept.name} is too short for a sampling rate of {fs} Hz; choose a higher one."
                )
            self._resampled = fs, torch.from_numpy(found).float()
        return self._resampled[1]

    def _excerpt(self, fs: int, level: float) -> torch.Tensor:
        whole = self._recording(fs)
        first, count = round(self.start * fs), round(self.duration * fs)
        part = whole[first : first + count]
        if not len(part):
            raise ValueError(
                f"The excerpt starts at {self.start:g} s, after the end of the recording at "
                f"{len(whole) / fs:.2f} s; start earlier."
            )
        part = signals.apply_ramp(part, fs, min(0.005, len(part) / fs / 4))
        return signals.set_level(part, level) if part.any() else part

    def code(self, fs: int) -> list[str]:
        """Return lines of Python that make the same sound and call it ``x``."""
        kind = KINDS[self.kind]
        if kind.function is None:
            file = "SPEECH" if self.kind == "speech" else repr(self.upload_name)
            first, count = round(self.start * fs), round(self.duration * fs)
            return [
                *(["from app.stimulus import SPEECH"] if self.kind == "speech" else []),
                f"x = amtlib.audio.load({file}, fs={fs}).samples[{first}:{first + count}]",
                f"x = signals.apply_ramp(x, {fs}, min(0.005, len(x) / {fs} / 4))",
                *([] if self._is_silent(fs) else [f"x = signals.set_level(x, {float(self.level)!r})"]),
            ]
        positional, named = self._arguments(kind, float(self.level))
        written = [*(repr(v) for v in positional), *(f"{n}={v!r}" for n, v in named.items()), f"fs={fs}"]
        return [f"x = signals.{kind.function.__name__}({', '.join(written)})"]

    def _is_silent(self, fs: int) -> bool:
        """Whether the excerpt is all zeros, and so has no level to set."""
        try:
            return not bool(self.render(fs).any())
        except ValueError:  # no file, or an excerpt beyond its end: the page says so
            return False

    @property
    def summary(self) -> str:
        """Name the sound in a few words."""
        label = KINDS[self.kind].label
        if self.kind == "file":
            label = self.upload_name or label
        return label if self.kind == "silence" else f"{label} at {self.level:g} dB SPL{self._excerpt_of_file}"

    @property
    def _excerpt_of_file(self) -> str:
        """What of an own file is shown, in brackets; nothing where it is all of a file with one channel."""
        if self.kind != "file" or self._upload is None:
            return ""
        recording, start = self._upload.recording, float(self.start)
        end = min(start + float(self.duration), recording.duration)
        part = (
            f"{start:g} to {end:.3g} s of {recording.duration:.3g} s"
            if end - start < recording.duration - 0.01
            else ""
        )
        mixed = "mono mix" if recording.channels > 1 else ""
        return f" ({', '.join(filter(None, (part, mixed)))})" if part or mixed else ""

    @staticmethod
    def keys(prefix: str) -> tuple[str, ...]:
        """Return the keys of all settings in the order in which a page shows them."""
        used = dict.fromkeys(parameter for kind in KINDS.values() for parameter in kind.arguments.values())
        first, last = ("kind", "level"), ("start", "duration", "seed")
        between = (name for name in used if name not in (*first, *last))
        return tuple(f"{prefix}.{name}" for name in (*first, *between, *last))

    @staticmethod
    def visible_when(prefix: str) -> dict[str, dict[str, list[str]]]:
        """Return which kinds of sound each parameter matters to, by key."""
        needed: dict[str, list[str]] = {}
        for name, kind in KINDS.items():
            for parameter in kind.arguments.values():
                needed.setdefault(f"{prefix}.{parameter}", []).append(name)
        return {key: {f"{prefix}.kind": kinds} for key, kinds in needed.items() if len(kinds) < len(KINDS)}
