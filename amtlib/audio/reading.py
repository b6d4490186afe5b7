"""Reading sound files of unknown origin: a checked, resampled, calibrated recording or one clear sentence.
Source: formats as libsndfile decodes them, rates as the SoX resampler converts them.
Not here: writing and playing (:mod:`amtlib.audio.writing`), streaming, and metadata such as titles.
"""

import math
import os
import warnings
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
import torch

from amtlib.audio.blocks import RateChange
from amtlib.audio.contents import AudioError, contents
from amtlib.audio.decoding import RATE_RANGE, Decoder
from amtlib.audio.mixing import Channel, Mix, cancellation, check_channel
from amtlib.audio.scale import FULL_SCALE_DB, full_scale_gain
from amtlib.charts import Chart, Direction, over_time
from amtlib.progress import Progress, telling
from amtlib.results import picture, table
from amtlib.signals.frame import number
from amtlib.signals.levels import rms_level

MAX_VALUES = 2**27  # numbers kept at once: 1 GiB in float64


@dataclass(frozen=True, eq=False)
class Recording:
    """A decoded sound file and what is known of it.

    Attributes
    ----------
    samples : Tensor, shape (T,), or (channels, T) with ``channel='all'``
        Pressure, Pa.
    fs : int
        Sampling rate of ``samples``, Hz.
    name : str
        File name without its folders.
    channels : int
        Channels in the file.
    source_fs : int
        Sampling rate of the file, Hz.
    kind, encoding : str
        libsndfile's names of the container, as ``'WAV'`` (all variants), ``'FLAC'``, ``'OGG'``, ``'MP3'`` (MPEG
        audio of any layer), ``'AIFF'``, ``'CAF'``, ``'W64'``, and of the encoding, as ``'PCM_16'``.
    clipped : int
        Samples of the chosen channels (of all of them for a mix) at or beyond full scale: many mean
        distortion.
    truncated : bool
        The file ends before its announced end or is damaged there; ``samples`` hold what could be read.
    mix_loss : float
        How much weaker a mix is than its channels, dB: 0 for equal ones, 3 for two unrelated ones, inf for
        opposite ones.

    Examples
    --------
    >>> import numpy as np
    >>> from amtlib.audio import wav_bytes
    >>> recording = load(wav_bytes(np.zeros(4000, dtype=np.int16), 8000), name="pause.wav")
    >>> recording.duration, recording.kind, recording.level
    (0.5, 'WAV', -inf)
    """

    samples: torch.Tensor = field(repr=False)
    fs: int
    name: str
    channels: int
    source_fs: int
    kind: str
    encoding: str
    clipped: int
    truncated: bool
    mix_loss: float = 0.0

    def _repr_html_(self) -> str:
        """Return a table of what is known of it."""
        level = "silence" if math.isinf(self.level) else f"{self.level:.1f} dB SPL"
        rows = [
            ("length", f"{self.duration:.4g} s", f"{self.fs} Hz"),
            ("level", level, f"{self.clipped} samples clipped" if self.clipped else ""),
            ("file", f"{self.kind} {self.encoding}, {self.channels} channels", f"{self.source_fs} Hz"),
        ]
        return table(self.name, rows) + picture(self.chart())

    def chart(self) -> Chart:
        """Return the pressure over time, of the first channel."""
        time = np.arange(self.samples.shape[-1]) / self.fs
        return over_time("Waveform", time, {"pressure": self.samples}, Direction("Pressure", "Pa"))

    @property
    def duration(self) -> float:
        """Length in s."""
        return self.samples.shape[-1] / self.fs

    @property
    def cancellation(self) -> str:
        """A sentence that says that the channels cancel in the mix; empty if they do not."""
        return cancellation(self.name, self.channels, self.mix_loss)

    @property
    def level(self) -> float:
        """Overall rms level in dB SPL, over all chosen channels; -inf for silence."""
        return float(rms_level(self.samples.double().flatten()))


def load(
    file: str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO,
    *,
    fs: int | None = None,
    max_fs: int | None = None,
    channel: Channel = "mix",
    full_scale_db: float = FULL_SCALE_DB,
    name: str | None = None,
    max_duration: float = 600.0,
    max_samples: float | None = None,
    max_bytes: int = 2**28,
    dtype: torch.dtype = torch.float32,
    warn: bool = True,
    progress: Progress | None = None,
) -> Recording:
    """Decode a sound file (all containers and encodings of libsndfile; 1 to 8 channels, 2 to 768 kHz).

    Files may come from anybody: the size is checked before the file is read, the announced length before it
    is decoded, and the true length while it is. Blocks are mixed and resampled as they are decoded, so that
    memory grows with the result (to about twice its size), not with what the file holds. A file that ends
    early gives what it holds, with ``truncated=True``. A file is known by its content, whatever its name, and is as
    long as what is in it: MPEG frames are counted, sizes that programs leave when they write to a pipe are no
    promise, and several streams one behind another are one sound.

    Parameters
    ----------
    file : path, bytes or binary file object
        A file object is read from where it stands and left open.
    fs : int
        Sampling rate wanted, Hz, 2000 to 768000; ``None`` keeps the file's. The resampler is soxr at its
        very high quality: linear phase, no delay, the length is ``round(T * fs / source_fs)``.
    max_fs : int
        Without ``fs``: highest sampling rate wanted, Hz, 2000 to 768000; a file of a higher one is resampled to it.
    channel : str or int
        ``'mix'``, the mean of all channels (equal channels keep their level, opposite ones cancel, of which a
        warning tells); ``'power'``, of two channels the sum in power, whatever their phases (see :class:`Mix`); one
        channel, counted from 0; or ``'all'``.
    full_scale_db : float
        dB SPL of a signal whose rms in the file is 1, 0 to 200. By default samples are pressures in Pa. A
        sine that just fits in the file lies 3.01 dB lower.
    name : str
        What to call the file; by default its own name.
    max_duration : float
        Longest sound to accept, s, above 0; in any case at most 2**27 samples are kept.
    max_samples : float
        Most samples to accept in the file, all channels counted, at least 1; ``None`` for no limit.
    max_bytes : int
        Largest file to accept, bytes, from 1.
    dtype : torch.dtype
        ``torch.float32`` or ``torch.float64``.
    warn : bool
        Warn if channels cancel in a mix; ``False`` for a caller who shows :attr:`Recording.cancellation`.
    progress : callable or bool, optional
        Called with the share read, from 0 to 1; True for a progress bar. Files of unknown length have
        nothing to tell before their end.

    Returns
    -------
    Recording

    Raises
    ------
    AudioError
        With one sentence, if the file is missing, empty, not audio, of an unsupported kind or rate, damaged
        from the start, without samples, too large, too long, of too many samples or channels, without
        the asked channel, or holds NaN, infinite or absurd samples (beyond a million times full scale).
    TypeError
        If an argument is of the wrong type.

    See Also
    --------
    save : write one.

    Examples
    --------
    >>> import io
    >>> from amtlib.audio import save
    >>> from amtlib.signals import rms_level, tone
    >>> buffer = io.BytesIO()
    >>> save(buffer, tone(1000.0, level=70.0), 44100, full_scale_db=100.0)
    >>> recording = load(buffer.getvalue(), fs=16000, full_scale_db=100.0)
    >>> recording.samples.shape, recording.source_fs, round(recording.level, 1)
    (torch.Size([16000]), 44100, 69.9)
    """
    gain = full_scale_gain(full_scale_db)
    longest = number(max_duration, "max_duration", 1e-3, 1e9, unit="s")
    largest = int(number(max_bytes, "max_bytes", 1, 2**40, unit="bytes"))
    most = None if max_samples is None else number(max_samples, "max_samples", 1, 2**62, unit="samples")
    rate = None if fs is None else whole_rate(fs)
    highest = None if max_fs is None else whole_rate(max_fs, "max_fs")
    if rate is not None and highest is not None:
        raise ValueError("fs and max_fs exclude each other: leave one of them out")
    if dtype not in (torch.float32, torch.float64):
        raise TypeError(f"dtype must be torch.float32 or torch.float64, got {dtype}: choose one of them")
    check_channel(channel)
    label, data = contents(file, name, largest)
    with Decoder(data, label) as decoder, telling(progress, f"reading {label}") as tell:
        mix = Mix(channel, decoder.channels, decoder.fs, label)
        target = rate or min(decoder.fs, highest or decoder.fs)
        bound = _Bound(decoder, longest, most, mix.kept, target)
        bound.check(decoder.announced or 0, announced=True)
        # In float64 up to here, whatever the result's precision.
        change = RateChange(decoder.fs, target, mix.kept, torch.float64)
        pieces = []
        while not decoder.ended:
            block = torch.from_numpy(decoder.read().T)
            bound.check(decoder.frames)
            pieces.append((change(mix(block)) * gain).to(dtype))
            if decoder.announced:
                tell(decoder.frames / decoder.announced)
        pieces += [(last * gain).to(dtype) for last in (change(mix.rest()), change.rest())]
        decoder.check_some()
        samples = torch.cat(pieces, -1)
        if not samples.shape[-1]:
            raise AudioError(
                f"{label}: the file is too short for a sampling rate of {target} Hz: choose a higher one"
            )
        clipped = decoder.clipped if isinstance(channel, str) else decoder.clipped[channel]
        recording = Recording(
            samples=samples if channel == "all" else samples[0],
            fs=target,
            name=label,
            channels=decoder.channels,
            source_fs=decoder.fs,
            kind=decoder.kind,
            encoding=decoder.encoding,
            clipped=int(clipped.sum()),
            truncated=decoder.truncated,
            mix_loss=mix.loss,
        )
    if warn and recording.cancellation:
        warnings.warn(recording.cancellation, stacklevel=2)
    return recording


def whole_rate(fs: Any, name: str = "fs") -> int:
    """Return a file's sampling rate as an int, or raise.

    Examples
    --------
    >>> whole_rate(44100.0)
    44100
    """
    rate = number(fs, name, *RATE_RANGE, unit="Hz")
    if rate != int(rate):
        raise ValueError(f"{name} = {rate!r} Hz is not a whole number, as files need: round it")
    return int(rate)


class _Bound:
    """How many frames of a file are taken, and the sentence that refuses more."""

    def __init__(self, decoder: Decoder, longest: float, most: float | None, kept: int, target: int) -> None:
        self._decoder, self._most = decoder, math.inf if most is None else most
        values = MAX_VALUES // kept
        self._frames = int(min(longest * decoder.fs, values, values * decoder.fs / target))

    def check(self, frames: int, *, announced: bool = False) -> None:
        """Raise if so many frames, announced or read so far, are too many."""
        label, channels, fs = self._decoder.name, self._decoder.channels, self._decoder.fs
        if frames * channels > self._most:
            count = f"{frames * channels:,}" if announced else f"more than {self._most:,.0f}"
            raise AudioError(
                f"{label}: the file holds {count} samples ({channels} x {fs} Hz), the limit is "
                f"{self._most:,.0f}: cut it, or export fewer channels or a lower sampling rate"
            )
        if frames > self._frames:
            lasts = f"lasts {frames / fs:.1f} s," if announced else "is"
            raise AudioError(
                f"{label}: the sound {lasts} longer than the limit of {self._frames / fs:g} s: cut it"
            )
