"""State and numbers of the filterbank lab: a sound, and a filterbank that splits it."""

import math
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from amtlib import DRNLFilterbank, MiddleEarFilter, scales
from amtlib.filterbanks import LinearFilterbank
from amtlib.hearing_loss import HairCellLoss
from app.lab import LabModel, Section, depends_on
from app.labs.filterbank.banks import KINDS
from app.labs.filterbank.channels import fitting, spaced
from app.labs.filterbank.result import (
    REFERENCE_LEVEL,
    Array,
    FilterbankResult,
    bandwidth_3db,
    decibels,
    erb_numbers,
    frequency_text,
    waveform_and_envelope,
)
from app.labs.filterbank.script import script
from app.labs.filterbank.settings import Bank, Probe
from app.labs.filterbank.travelling import PLACES, SPAN, Travelling, compressed, ear, places, travelling
from app.lessons import Measure, load_lessons
from app.stimulus import Stimulus

#: Envelopes are kept as the highest value in each of at most this many frames, more than any screen shows.
FRAMES = 2048
#: Frequencies at which the filters' responses are drawn.
RESPONSE_POINTS = 240


class FilterbankModel(LabModel):
    """The filterbank lab without its page.

    Examples
    --------
    >>> lab = FilterbankModel()
    >>> lab.update({"s.kind": "tone", "s.frequency": 1000})
    []
    >>> round(lab.result.fc[lab.result.peak]), round(lab.result.measures()["peak_level_db"], 1)
    (1000, 60.0)
    """

    sections: ClassVar[tuple[Section, ...]] = (
        Section("Sound", Stimulus.keys("s")),
        Section("Filterbank", ("f.channels", "f.spacing", "f.low", "f.high", "f.bandwidth", "f.")),
        Section("Close-up", ("v.",)),
    )
    lessons = load_lessons(Path(__file__).with_name("lessons.yaml"))
    quantities: ClassVar[dict[str, Measure]] = {
        "peak_frequency_hz": Measure("Strongest channel", "Hz"),
        "peak_level_db": Measure("Level of the strongest channel", "dB SPL", 1),
        "channels": Measure("Channels"),
        "spacing_erb": Measure("Spacing of the channels", "ERB", 2),
        "channel_frequency_hz": Measure("Channel", "Hz"),
        "channel_level_db": Measure("Level of the channel", "dB SPL", 1),
        "channel_bandwidth_hz": Measure("Bandwidth of the channel", "Hz"),
        "channel_delay_ms": Measure("Delay of the channel’s maximum", "ms", 1),
        "excitation_peaks": Measure("Peaks of the excitation pattern"),
        "second_frequency_hz": Measure("Second frequency", "Hz"),
    }
    key_controls = ("s.level", "f.channels", "f.bandwidth")
    derived = ("f.spacing",)
    has_another_ear = True

    def __init__(self) -> None:
        self.stimulus = Stimulus(rates=Bank.param["fs"].objects)
        self.bank = Bank()
        self.probe = Probe()
        super().__init__({"s": self.stimulus, "f": self.bank, "v": self.probe})

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
        low, high = bank.param.channels.bounds
        if "f.spacing" in changed and "f.channels" not in changed:
            bank.channels = min(max(fitting(bank.low, bank.high, bank.spacing), low), high)
        if {"f.spacing", "f.channels", "f.low", "f.high", "f.fs"} & set(changed):
            bank.spacing = min(max(round(spaced(*self._range)[1], 2), 0.05), 20)
        return notes

    def _bank_key(self) -> tuple[Hashable, ...]:
        ear = ("hl.",) if KINDS[self.bank.kind].has_losses else ()
        return self.key_of(*ear, *(key for key in self.fields if key.startswith("f.") and key != "f.spacing"))

    def _values(self) -> float:
        """Return how many numbers there are in all channels."""
        return float(self.bank.channels * self.bank.fs * self.stimulus.duration)

    def centre_frequencies(self) -> torch.Tensor:
        """Return the channels' centre frequencies in Hz, equally spaced on the ERB scale."""
        first, step = spaced(*self._range)
        return scales.erb2fc(first + step * torch.arange(int(self.bank.channels), dtype=torch.float64))

    @property
    def _range(self) -> tuple[float, float, int]:
        """The range of the channels in Hz, and how many there are."""
        return float(self.bank.low), float(self.bank.high), int(self.bank.channels)

    @depends_on("s.", "f.fs")
    def sound(self) -> torch.Tensor:
        """Return the sound in Pa, shape ``(T,)``."""
        return self.stimulus.render(self.bank.fs)

    def filterbank(self) -> LinearFilterbank:
        """Return the filterbank as a torch module."""
        return self._bank_of(self.centre_frequencies())

    def _bank_of(self, fc: torch.Tensor, *, attenuated: float = 1.0) -> LinearFilterbank:
        """Return a bank of the ear that hears; of a loss, its gains have a share in dB."""
        bank, kind = self.bank, KINDS[self.bank.kind]
        settings = (bank.fs, int(bank.order), float(bank.bandwidth))
        loss = self._loss(fc)
        if loss is None:
            return kind.bank(fc, *settings)
        return kind.impaired(fc, *settings, loss, attenuated=attenuated)

    @property
    def channel(self) -> int:
        """Index of the channel in the close-up."""
        return int(
            np.abs(
                erb_numbers(self.centre_frequencies().numpy()) - erb_numbers(self.probe.frequency)
            ).argmin()
        )

    @property
    def frame_length(self) -> int:
        """Samples of a frame, of which the highest value of the envelope is kept: a power of 2."""
        return 2 ** max(math.ceil(math.log2(self.sound().shape[-1] / FRAMES)), 0)

    @property
    @depends_on("s.", _bank_key, "v.")
    def result(self) -> FilterbankResult:
        """Everything the page shows, for the present settings.

        Raises
        ------
        ValueError
            If the settings do not fit together; the message says what to change.
        """
        fs = self.bank.fs
        x, fc = self.sound(), self.centre_frequencies().numpy()
        gain = 10 ** ((self.stimulus.level - REFERENCE_LEVEL) / 20) if self.stimulus.scales else 1.0
        shape, power = self._envelope()
        frequencies, responses = self._responses()
        channel = self.channel
        one, delay, impulse = self._impulse()
        window = self._window(self.probe.width / 1000)
        wave, wave_envelope = self._close_up(one, x, window)
        return FilterbankResult(
            fs=fs,
            waveform=x.numpy(),
            fc=fc,
            times=np.arange(shape.shape[1]) * self.frame_length / fs,
            shape=shape,
            gain=gain,
            excitation=decibels(power * (gain**2 / self.stimulus.steady)),
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

    def _bandwidth(self, one: LinearFilterbank, fc: float) -> float:
        """Return the -3 dB width of a channel, Hz: below its own maximum, whatever its loss."""
        if (loss := self._loss(one.fc.double())) is None:
            return bandwidth_3db(one, fc, float(self.bank.bandwidth))
        return bandwidth_3db(
            self._bank_of(one.fc.double(), attenuated=0.0), fc, float(self.bank.bandwidth * loss.broadening)
        )

    def _loss(self, fc: torch.Tensor) -> HairCellLoss | None:
        """Return the loss of the ear that hears, as far as the filters can have one."""
        return self.another_ear.loss(fc) if KINDS[self.bank.kind].has_losses else None

    def _shape_key(self) -> tuple[Hashable, ...]:
        """Return what the sound depends on, but for its level where that is a factor."""
        return self.stimulus.key(level=not self.stimulus.scales)

    @depends_on(_shape_key, _bank_key, values=_values)
    def _envelope(self) -> tuple[Array, Array]:
        """Return the envelopes' peaks and their powers, of the sound at the level at which they are kept."""
        there = not self.stimulus.scales or self.stimulus.level == REFERENCE_LEVEL
        x = self.sound() if there else self.stimulus.render(self.bank.fs, level=REFERENCE_LEVEL)
        peaks, power = self.filterbank().envelope_peaks(x, self.frame_length)
        return peaks.numpy(), power.numpy()

    def _window(self, span: float) -> slice:
        """Return the samples of a stretch of so many s around the time that is looked at, moved into the sound."""
        fs, count = self.bank.fs, len(self.sound())
        half = span / 2
        middle = min(max(self.probe.time, half), max(count / fs - half, half))
        first = max(round((middle - half) * fs), 0)
        return slice(first, min(first + max(round(2 * half * fs), 2), count))

    def _begins(self) -> int:
        """Return the first sample of the films."""
        return self._window(SPAN).start

    @depends_on("s.", _bank_key, _begins, values=lambda lab: PLACES * lab.bank.fs * lab.stimulus.duration)
    def travelling(self) -> Travelling:
        """Return the travelling wave around the time that is looked at."""
        return travelling(self._bank_of(places(*self._range[:2])), self.sound(), self._window(SPAN))

    @depends_on("s.", "hl.", "f.fs", "f.low", "f.high", _begins)
    def compressed(self) -> Travelling:
        """Return how the basilar membrane of a normal ear moves around the time that is looked at."""
        return compressed(*self._ear(), self.sound(), self._window(SPAN))

    @depends_on("hl.", "f.fs", "f.low", "f.high")
    def _ear(self) -> tuple[MiddleEarFilter, DRNLFilterbank]:
        fc = places(*self._range[:2])
        return ear(fc, self.bank.fs, self.another_ear.loss(fc))

    def strongest_moment(self) -> float:
        """Return when the channel that is looked at lets most through, s."""
        r = self.result
        return float(r.times[r.shape[r.channel].argmax()])

    @staticmethod
    def _close_up(one: LinearFilterbank, x: torch.Tensor, window: slice) -> tuple[Array, Array]:
        """Return waveform and envelope of one channel in a window: what came long before no longer rings."""
        rings = one.settling_samples
        start = max(window.start - rings, 0)
        part, kept = x[start : window.stop], slice(window.start - start, None)
        return waveform_and_envelope(one, part, kept)

    @depends_on(_bank_key)
    def _responses(self) -> tuple[Array, Array]:
        top = min(20000.0, self.bank.fs / 2)
        frequencies = scales.erbspace(20.0, top, RESPONSE_POINTS, dtype=torch.float64)
        gain = self.filterbank().frequency_response(frequencies).abs().clamp_min(1e-10)
        return frequencies.numpy(), (20 * torch.log10(gain)).float().numpy()

    @depends_on(_bank_key, lambda lab: lab.channel, shared=False)
    def _impulse(self) -> tuple[LinearFilterbank, float, tuple[Array, Array]]:
        one = self._bank_of(self.centre_frequencies()[[self.channel]])
        rings = one.settling_samples
        click = torch.zeros(min(rings, 2 * self.bank.fs))
        # Drawn as a density in 1/s: its size then does not depend on the sampling rate.
        click[0] = float(self.bank.fs)
        response, envelope = waveform_and_envelope(one, click)
        return one, float(envelope.argmax()) / self.bank.fs, (response, envelope)

    def measures(self) -> dict[str, float]:
        """Return the numbers that a lesson's task can ask for."""
        return {**self.result.measures(), "second_frequency_hz": float(self.stimulus.frequency2)}

    def channel_sound(self) -> torch.Tensor:
        """Return the output of the channel in the close-up, Pa, shape ``(T,)``."""
        with torch.no_grad():
            return self._impulse()[0](self.sound())[0]

    @depends_on("s.", _bank_key, values=_values)
    def resynthesis(self) -> torch.Tensor:
        """Return the channels put together again: each aligned by its own filter run backwards, then summed."""
        if self._loss(self.centre_frequencies()) is None:
            return self.filterbank().round_trip(self.sound())
        # Forwards with the loss and backwards without: each way has half of it. The scale is that without a loss.
        half, none = (self._bank_of(self.centre_frequencies(), attenuated=share) for share in (0.5, 0.0))
        both, alone = (bank.frequency_response(half.fc).abs().square().sum(0).mean() for bank in (half, none))
        return half.round_trip(self.sound()) * (both / alone)

    def summary(self) -> str:
        """Describe in one line what is seen, for the page and for a screen reader."""
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
            f"{r.bandwidth_3db:.0f} Hz wide (−3 dB), rings up in {r.delay * 1000:.1f} ms.{self._lost()}"
        )

    def _lost(self) -> str:
        """Say what the ear's loss does to the channel in the close-up; nothing, where there is none."""
        loss = self._loss(self.centre_frequencies()[[self.channel]])
        if loss is None:
            return "" if self.another_ear.is_normal else " These filters are those of a normal ear."
        return (
            f" With {self.another_ear.named} it is {float(loss.total):.0f} dB weaker and "
            f"{float(loss.broadening):.1f} times as wide."
        )

    def code(self) -> str:
        """Return a script that reproduces the plotted numbers with the present settings."""
        try:
            frame_length = self.frame_length
        except ValueError:  # the sound cannot be made: the page says why, and so will the script
            frame_length = 1
        return script(self.stimulus, self.bank, self.another_ear, frame_length, self.channel)
