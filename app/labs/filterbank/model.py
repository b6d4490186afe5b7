"""State and numbers of the filterbank lab: a sound, a gammatone filterbank, and what its channels say.
Source: :class:`amtlib.GammatoneFilterbank`; the long-term excitation is the level of a channel's mean squared envelope
over two, which is its rms level wherever the filter is narrow compared with its centre frequency.
Not a page: see view.py. Everything here runs, and is tested, without a browser.
"""

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import param
import torch
from numpy.typing import NDArray

from amtlib import GammatoneFilterbank, lti, scales, signals
from amtlib.filterbanks.gammatone import default_betamul
from app.lab import LabModel, Section, load_lessons
from app.quantity import Quantity
from app.stimulus import Stimulus

Array = NDArray[Any]

#: Lowest level that is told apart from silence, dB SPL: keeps the logarithm finite far below any picture.
SILENCE_DB = -200.0
#: Level of the sound whose envelopes are kept, dB SPL: another level is a factor, where the sound has only one.
REFERENCE_LEVEL = 60.0
#: Envelopes are kept as the highest value in each of this many stretches, at most: more than any screen shows.
STRETCHES = 2048
#: Frequencies at which the filters' responses are drawn.
RESPONSE_POINTS = 240


class Bank(param.Parameterized):
    """The filterbank's settings."""

    low = Quantity(
        80.0,
        bounds=(20, 4000),
        step=1,
        unit="Hz",
        scale="log",
        label="Lowest channel",
        doc="Centre frequency of the lowest channel.",
    )
    high = Quantity(
        8000.0,
        bounds=(200, 20000),
        step=1,
        unit="Hz",
        scale="log",
        label="Highest channel",
        doc="Centre frequency of the highest channel; it stays below 0.45 of the sampling rate.",
    )
    channels = Quantity(
        40,
        bounds=(2, 128),
        step=1,
        whole=True,
        label="Channels",
        doc="How many filters share the range, equally spaced on the ERB scale.",
    )
    spacing = Quantity(
        0.78,
        bounds=(0.05, 20),
        step=0.05,
        unit="ERB",
        label="Spacing",
        doc="Distance between neighbours. Above 1, sounds can fall between the filters. Moves with Channels.",
    )
    order = Quantity(
        4,
        bounds=(1, 8),
        step=1,
        whole=True,
        label="Order",
        doc="Sections in cascade. More of them, steeper skirts and a later, rounder response. 4 fits the ear.",
    )
    bandwidth = Quantity(
        1.0,
        bounds=(0.1, 5),
        step=0.05,
        unit="× normal",
        label="Bandwidth",
        doc="1 is a healthy ear; an impaired one has filters two to four times wider.",
    )
    fs = param.Selector(
        default=32000,
        objects=[16000, 22050, 32000, 44100, 48000],
        label="Sampling rate (Hz)",
        doc="The sound is made or resampled at this rate; nothing above half of it exists.",
    )


class Probe(param.Parameterized):
    """Where the lab looks closely, and the limits of its colours."""

    frequency = Quantity(
        1000.0,
        bounds=(20, 20000),
        step=1,
        unit="Hz",
        scale="log",
        label="Look at channel near",
        doc="The nearest channel is drawn and played. A click on the cochleagram sets it too.",
    )
    time = Quantity(
        0.2,
        bounds=(0, 10),
        step=0.005,
        unit="s",
        label="Look at time",
        doc="Middle of the close-up. A click on the cochleagram sets it too.",
    )
    follow = param.Boolean(
        default=False,
        label="Follow the mouse",
        doc="Look at whatever the mouse passes over in the cochleagram.",
    )
    width = Quantity(
        40.0,
        bounds=(5, 500),
        step=5,
        unit="ms",
        scale="log",
        label="Close-up",
        doc="How much of the channel's waveform is drawn.",
    )
    floor = Quantity(
        0.0, bounds=(-20, 80), step=5, unit="dB SPL", label="Darkest colour at", doc="Lower end of the axes."
    )
    ceiling = Quantity(
        80.0, bounds=(20, 120), step=5, unit="dB SPL", label="Brightest colour at", doc="Upper end."
    )


@dataclass(frozen=True)
class FilterbankResult:
    """What the lab computed, as plain arrays. Pressures in Pa, levels in dB SPL, times in s, frequencies in Hz."""

    fs: int
    waveform: Array
    """``(T,)``"""
    fc: Array
    """``(F,)`` centre frequencies"""
    times: Array
    """``(M,)`` where the stretches of the envelope begin"""
    shape: Array
    """``(F, M)`` highest value of each channel's envelope in each stretch, of the same sound at `REFERENCE_LEVEL`"""
    gain: float
    """What `shape` is multiplied with: a sound at another level has the same shape, which is kept once"""
    excitation: Array
    """``(F,)`` level of each channel over the whole sound, from its mean squared envelope"""
    response_frequencies: Array
    """``(K,)``"""
    responses: Array
    """``(F, K)`` gain of each filter, dB"""
    channel: int
    """Index of the channel that is looked at"""
    channel_times: Array
    """``(W,)`` the close-up"""
    channel_wave: Array
    channel_envelope: Array
    impulse_times: Array
    """``(I,)``"""
    impulse_response: Array
    impulse_envelope: Array
    bandwidth_3db: float
    """-3 dB width of the channel that is looked at, Hz"""
    delay: float
    """Time of its impulse response's envelope maximum, s"""

    @property
    def duration(self) -> float:
        """Length of the sound in s."""
        return len(self.waveform) / self.fs

    @property
    def envelope(self) -> Array:
        """Highest value of each channel's envelope in each stretch, Pa, shape ``(F, M)``."""
        return self.shape if self.gain == 1 else self.shape * np.float32(self.gain)

    def arrays(self) -> dict[str, Any]:
        """Return everything by name, with the envelope as it is at the sound's level."""
        kept = {name: value for name, value in vars(self).items() if name not in ("shape", "gain")}
        return {**kept, "envelope": self.envelope}

    @property
    def levels(self) -> Array:
        """Level of each channel over time, dB SPL, shape ``(F, M)``: the cochleagram."""
        return envelope_level(self.envelope)

    @property
    def peak(self) -> int:
        """Index of the channel with the highest excitation."""
        return int(self.excitation.argmax())

    def measures(self) -> dict[str, float]:
        """Return the numbers that a lesson's task can ask for, as far as they follow from the arrays."""
        return {
            "peak_frequency_hz": float(self.fc[self.peak]),
            "peak_level_db": float(self.excitation[self.peak]),
            "channels": float(len(self.fc)),
            "spacing_erb": float(np.diff(_erb(self.fc)).mean()),
            "channel_frequency_hz": float(self.fc[self.channel]),
            "channel_level_db": float(self.excitation[self.channel]),
            "channel_bandwidth_hz": self.bandwidth_3db,
            "channel_delay_ms": self.delay * 1000,
            "excitation_peaks": float(self.excitation_peaks()),
        }

    def excitation_peaks(self, depth: float = 3.0) -> int:
        """Count the maxima of the excitation that stand ``depth`` dB above the valleys beside them."""
        count, valley, summit, rising = 0, self.excitation[0], self.excitation[0], True
        for level in self.excitation[1:]:
            if rising:
                summit = max(summit, level)
                if level < summit - depth:
                    count, valley, rising = count + 1, level, False
            else:
                valley = min(valley, level)
                if level > valley + depth:
                    summit, rising = level, True
        return count + int(rising and summit > self.excitation[0] and summit > valley + depth)


def decibels(power: Array) -> Array:
    """Turn mean squared pressure in Pa^2 into dB SPL; silence is `SILENCE_DB`."""
    smallest = (signals.P_REF * 10 ** (SILENCE_DB / 20)) ** 2
    return 10 * np.log10(np.maximum(power, smallest)) - 20 * math.log10(signals.P_REF)


def envelope_level(envelope: Array) -> Array:
    """Return the level of a tone with this envelope, dB SPL."""
    return decibels(envelope**2 / 2)


def frequency_text(hertz: float) -> str:
    """Write a frequency as one reads it: 850 Hz, 1.25 kHz."""
    return f"{hertz:.0f} Hz" if hertz < 1000 else f"{hertz / 1000:.2f} kHz"


def waveform_and_envelope(
    one: GammatoneFilterbank, x: torch.Tensor, part: slice = slice(None)
) -> tuple[Array, Array]:
    """Return a part of the output of a filterbank's only channel, and of its envelope."""
    output = one.analytic(x)[0, part]
    return output.real.numpy(), output.abs().numpy()


def _erb(hertz: Array | float) -> Array:
    return scales.fc2erb(torch.from_numpy(np.array(hertz, dtype=float))).numpy()


def _crossing(x: Array, y: Array, left: int) -> float:
    """Return where the line from point ``left`` to the next one crosses zero."""
    return float(x[left] - y[left] * (x[left + 1] - x[left]) / (y[left + 1] - y[left]))


class FilterbankModel(LabModel):
    """The filterbank lab without its page.

    Examples
    --------
    >>> lab = FilterbankModel()
    >>> lab.update({"s.kind": "tone", "s.frequency": 1000})
    []
    >>> round(lab.result.fc[lab.result.peak])
    959
    """

    sections: ClassVar[tuple[Section, ...]] = (
        Section(
            "Sound",
            Stimulus.keys("s"),
        ),
        Section(
            "Filterbank", ("f.channels", "f.spacing", "f.low", "f.high", "f.bandwidth", "f.order", "f.fs")
        ),
        Section("Close-up", ("v.frequency", "v.time", "v.follow", "v.width", "v.floor", "v.ceiling")),
    )
    lessons = load_lessons(Path(__file__).with_name("lessons.yaml"))
    key_controls = ("s.level", "f.channels", "f.bandwidth")
    derived = ("f.spacing",)

    def __init__(self) -> None:
        self.stimulus = Stimulus(rates=Bank.param["fs"].objects)
        self.bank = Bank()
        self.probe = Probe()
        super().__init__({"s": self.stimulus, "f": self.bank, "v": self.probe})

    def visible_when(self) -> dict[str, dict[str, list[Any]]]:
        """Return which kinds of sound each parameter matters to."""
        return Stimulus.visible_when("s")

    def reconcile(self, changed: Iterable[str]) -> list[str]:
        """Keep the range in order and below fs / 2, and spacing and channels in step."""
        bank, notes = self.bank, []
        top = round(0.45 * bank.fs)
        if bank.high > top:
            bank.high = top
            notes.append(
                f"The highest channel moved to {top} Hz: it must stay below 0.45 of the sampling rate."
            )
        if bank.low * 1.25 > bank.high:
            if "f.low" in changed and bank.low * 1.25 <= top:
                bank.high = math.ceil(bank.low * 1.25)
                notes.append(f"The highest channel moved to {bank.high:g} Hz, to stay above the lowest one.")
            else:
                bank.low = max(20, math.floor(bank.high / 1.25))
                notes.append(f"The lowest channel moved to {bank.low:g} Hz, to stay below the highest one.")
        # Rounded: 21.88 - 20 is a little below 1.88, and a state restored must not move.
        if self.probe.floor > round(self.probe.ceiling - 20, 9):
            if "v.floor" in changed:
                self.probe.ceiling = min(round(self.probe.floor + 20, 9), 120)
            else:
                self.probe.floor = round(self.probe.ceiling - 20, 9)
        span = float(_erb(bank.high) - _erb(bank.low))
        low, high = bank.param.channels.bounds
        if "f.spacing" in changed and "f.channels" not in changed:
            bank.channels = int(min(max(round(span / bank.spacing) + 1, low), high))
        if {"f.spacing", "f.channels", "f.low", "f.high", "f.fs"} & set(changed):
            bank.spacing = min(max(round(span / (bank.channels - 1), 2), 0.05), 20)
        return notes

    def _sound_key(self) -> tuple[Hashable, ...]:
        return (self.bank.fs, *self.stimulus.key())

    def _bank_key(self) -> tuple[Hashable, ...]:
        values = self.values()
        return tuple(values[key] for key in values if key.startswith("f.") and key != "f.spacing")

    @property
    def _values(self) -> float:
        """How many numbers all channels have."""
        return float(self.bank.channels * self.bank.fs * self.stimulus.duration)

    @property
    def betamul(self) -> float:
        """Bandwidth multiplier of the filterbank, in ERB."""
        return float(self.bank.bandwidth * default_betamul(int(self.bank.order)))

    def centre_frequencies(self) -> torch.Tensor:
        """Return the channels' centre frequencies in Hz, equally spaced on the ERB scale."""
        ends = scales.fc2erb(torch.tensor([self.bank.low, self.bank.high], dtype=torch.float64))
        steps = torch.linspace(float(ends[0]), float(ends[1]), int(self.bank.channels), dtype=torch.float64)
        return scales.erb2fc(steps)

    def sound(self) -> torch.Tensor:
        """Return the sound in Pa, shape ``(T,)``."""
        return self.stage("sound", self._sound_key(), lambda: self.stimulus.render(self.bank.fs), shared=True)

    def filterbank(self) -> GammatoneFilterbank:
        """Return the filterbank as a torch module."""
        return self._bank_of(self.centre_frequencies())

    def _one(self) -> GammatoneFilterbank:
        """Return the channel that is looked at as a filterbank of its own."""
        return self._bank_of(self.centre_frequencies()[[self.channel]])

    def _bank_of(self, fc: torch.Tensor) -> GammatoneFilterbank:
        return GammatoneFilterbank(fc, self.bank.fs, n=int(self.bank.order), betamul=self.betamul)

    @property
    def channel(self) -> int:
        """Index of the channel that is looked at."""
        return int(np.abs(_erb(self.centre_frequencies().numpy()) - _erb(self.probe.frequency)).argmin())

    @property
    def stretch(self) -> int:
        """Samples of which the highest value of the envelope is kept: a power of 2."""
        return 2 ** max(math.ceil(math.log2(self.sound().shape[-1] / STRETCHES)), 0)

    @property
    def result(self) -> FilterbankResult:
        """Everything the page shows, for the present settings.

        Raises
        ------
        ValueError
            When the settings do not fit together; the sentence says what to change.
        """
        values = self.values()
        settings = (value for key, value in values.items() if key[:2] in ("f.", "v."))
        return self.stage("result", (*self._sound_key(), *settings), self._compute, shared=True)

    @torch.no_grad()
    def _compute(self) -> FilterbankResult:
        fs = self.bank.fs
        x, fc = self.sound(), self.centre_frequencies().numpy()
        scales = self.stimulus.scales
        gain = 10 ** ((float(self.stimulus.level) - REFERENCE_LEVEL) / 20) if scales else 1.0
        both = (fs, *self.stimulus.key(level=not scales), *self._bank_key())
        shape, power = self.stage("envelope", both, self._envelope, shared=True, values=self._values)
        frequencies, responses = self.stage("responses", self._bank_key(), self._responses, shared=True)
        channel = self.channel
        one, delay, impulse = self.stage("impulse", (*self._bank_key(), channel), self._impulse)
        half = self.probe.width / 2000
        middle = min(max(self.probe.time, half), max(len(x) / fs - half, half))
        first = max(round((middle - half) * fs), 0)
        window = slice(first, min(first + max(round(2 * half * fs), 2), len(x)))
        wave, wave_envelope = self._close_up(one, x, window)
        return FilterbankResult(
            fs=fs,
            waveform=x.numpy(),
            fc=fc,
            times=np.arange(shape.shape[1]) * self.stretch / fs,
            shape=shape,
            gain=gain,
            excitation=decibels(power * gain**2),
            response_frequencies=frequencies,
            responses=responses,
            channel=channel,
            channel_times=np.arange(window.start, window.stop) / fs,
            channel_wave=wave,
            channel_envelope=wave_envelope,
            impulse_times=np.arange(len(impulse[0])) / fs,
            impulse_response=impulse[0],
            impulse_envelope=impulse[1],
            bandwidth_3db=self._bandwidth(one, float(fc[channel])),
            delay=delay,
        )

    def _envelope(self) -> tuple[Array, Array]:
        """Return the envelopes' peaks and their powers, of the sound at the level at which they are kept."""
        there = not self.stimulus.scales or self.stimulus.level == REFERENCE_LEVEL
        x = self.sound() if there else self.stimulus.render(self.bank.fs, level=REFERENCE_LEVEL)
        peaks, power = self.filterbank().envelope_peaks(x, self.stretch)
        return peaks.numpy(), power.numpy()

    @staticmethod
    def _close_up(one: GammatoneFilterbank, x: torch.Tensor, window: slice) -> tuple[Array, Array]:
        """Return waveform and envelope of one channel in a window: what came long before no longer rings."""
        rings = lti.settling_samples(float(one.poles.abs()), one.n, one.dtype)
        start = max(window.start - rings, 0)
        part, kept = x[start : window.stop], slice(window.start - start, None)
        return waveform_and_envelope(one, part, kept)

    def _responses(self) -> tuple[Array, Array]:
        top = min(20000.0, self.bank.fs / 2)
        frequencies = scales.erb2fc(
            torch.linspace(float(_erb(20.0)), float(_erb(top)), RESPONSE_POINTS, dtype=torch.float64)
        )
        frequencies = frequencies.clamp_max(top)  # the last one may have been rounded beyond fs / 2
        gain = self.filterbank().frequency_response(frequencies).abs().clamp_min(1e-10)
        return frequencies.numpy(), (20 * torch.log10(gain)).float().numpy()

    def _impulse(self) -> tuple[GammatoneFilterbank, float, tuple[Array, Array]]:
        one = self._one()
        rings = lti.settling_samples(float(one.poles.abs()), one.n, one.dtype)
        click = torch.zeros(min(rings, 2 * self.bank.fs))
        # Drawn as a density in 1/s: its size then does not depend on the sampling rate.
        click[0] = float(self.bank.fs)
        response, envelope = waveform_and_envelope(one, click)
        return one, float(envelope.argmax()) / self.bank.fs, (response, envelope)

    @staticmethod
    def _bandwidth(one: GammatoneFilterbank, fc: float) -> float:
        """Return the -3 dB width around fc in Hz, from a fine grid interpolated between its points."""
        reach = 2.0 * float(scales.audfiltbw(torch.tensor(fc, dtype=torch.float64))) * max(one.betamul, 1.0)
        grid = np.linspace(max(fc - reach, 0.0), min(fc + reach, one.fs / 2), 401)
        gain = one.frequency_response(torch.from_numpy(grid)).abs()[0].double().numpy() - 0.5**0.5
        centre = int(np.abs(grid - fc).argmin())
        below, above = np.flatnonzero(gain[:centre] < 0), np.flatnonzero(gain[centre:] < 0)
        # Where a wide filter meets 0 or fs / 2 before it has fallen by 3 dB, the edge counts.
        low = _crossing(grid, gain, int(below[-1])) if len(below) else float(grid[0])
        high = _crossing(grid, gain, centre + int(above[0]) - 1) if len(above) else float(grid[-1])
        return high - low

    def measures(self) -> dict[str, float]:
        """Return the numbers that a lesson's task can ask for."""
        return {**self.result.measures(), "second_frequency_hz": float(self.stimulus.frequency2)}

    def channel_sound(self) -> torch.Tensor:
        """Return the output of the channel that is looked at, Pa, shape ``(T,)``."""
        with torch.no_grad():
            return self._one()(self.sound())[0]

    def resynthesis(self) -> torch.Tensor:
        """Return the channels put together again: each aligned by its own filter run backwards, then summed."""
        key = (*self._sound_key(), *self._bank_key())
        return self.stage("resynthesis", key, self._resynthesis, shared=True, values=self._values)

    @torch.no_grad()
    def _resynthesis(self) -> torch.Tensor:
        return self.filterbank().round_trip(self.sound())

    def summary(self) -> str:
        """Say in one line what is seen, for the page and for a screen reader."""
        r = self.result
        if r.excitation[r.peak] < -100:
            loudest = "Silence in every channel."
        else:
            loudest = (
                f"{self.stimulus.summary}: strongest channel {frequency_text(r.fc[r.peak])}, "
                f"{r.excitation[r.peak]:.1f} dB SPL."
            )
        return (
            f"{loudest} Channel {r.channel + 1} of {len(r.fc)}: {frequency_text(r.fc[r.channel])}, "
            f"{r.bandwidth_3db:.0f} Hz wide (−3 dB), rings up in {r.delay * 1000:.1f} ms."
        )

    def code(self) -> str:
        """Return a script that reproduces the plotted numbers with the present settings."""
        fs, order, channels = int(self.bank.fs), int(self.bank.order), int(self.bank.channels)
        low, high = float(self.bank.low), float(self.bank.high)
        return "\n".join(
            [
                "import torch",
                "",
                "import amtlib",
                "from amtlib import GammatoneFilterbank, scales, signals",
                "",
                *self.stimulus.code(fs),
                "",
                f"low, high = scales.fc2erb(torch.tensor([{low!r}, {high!r}], dtype=torch.float64))",
                f"erb = torch.linspace(float(low), float(high), {channels}, dtype=torch.float64)",
                f"bank = GammatoneFilterbank(scales.erb2fc(erb), fs={fs}, n={order}, betamul={self.betamul!r})",
                "",
                *self._code_of_envelopes(),
                "excitation = 10 * torch.log10(power / signals.P_REF**2)  # dB SPL",
                "cochleagram = 20 * torch.log10(envelope / 2**0.5 / signals.P_REF)  # dB SPL",
                f"channel = bank(x)[{self.channel}]  # Pa, the channel that is looked at",
                "",
            ]
        )

    def _code_of_envelopes(self) -> list[str]:
        try:
            stretch = self.stretch
        except ValueError:  # the sound cannot be made: the page says why, and the script will too
            stretch = 1
        return [
            "# The highest value of each envelope in each stretch, Pa, (channels, time), and mean powers, Pa^2",
            f"envelope, power = bank.envelope_peaks(x, stretch={stretch})",
        ]
