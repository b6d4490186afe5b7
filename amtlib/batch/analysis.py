"""One sound file through a model, block after block: a row of numbers, whatever the file's length.
Source: the models' own; exact streams for filters, carried states for averages.
Not here: many files (:mod:`amtlib.batch.corpus`), and pictures over time.
"""

import functools
import hashlib
import math
import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, get_args

import numpy as np
import torch
from torch import Tensor

from amtlib.audio import FULL_SCALE_DB, AudioBlocks, AudioError, Mix, RateChange
from amtlib.audio.mixing import Channel, cancellation, check_channel
from amtlib.ears import MiddleEarFilter
from amtlib.filterbanks import DRNLFilterbank, GammatoneFilterbank
from amtlib.jobs import Context
from amtlib.loudness import Glasberg2002, Moore2016, sone2phon
from amtlib.scales import erb2fc, fc2erb
from amtlib.signals.frame import P_REF, number

Model: TypeAlias = Literal["moore2016", "glasberg2002", "gammatone", "drnl"]
Cell: TypeAlias = str | float | int | bool | None

MODELS: tuple[Model, ...] = get_args(Model)
#: Reference of the DRNL's velocities, m/s.
VELOCITY_REF = 1e-9

_FIELDS = ("free", "diffuse", "eardrum")
_FRAMES_MS = (1, 2, 4)
#: Lowest and highest channel, Hz
_GAMMATONE_HZ, _DRNL_HZ = (50.0, 14000.0), (100.0, 8000.0)
_BLOCK_S = 30.0
#: Frames times ears that a loudness model works on at a time
_FRAMES = 4096
_SEGMENT = 2048
#: The time that the models look at in one go, s: what is cancelled ends within it
_PIECE_S = 2.0


@dataclass(frozen=True)
class Analysis:
    """
    What is done to each file of a corpus.

    Parameters
    ----------
    model : {'moore2016', 'glasberg2002', 'gammatone', 'drnl'}
        The model.
    full_scale_db : float
        dB SPL of a signal whose rms in the file is 1, 0 to 200. Default: samples are pressures in Pa.
    field : {'free', 'diffuse', 'eardrum'}
        Where the sound was recorded; only for the loudness models.
    frame_ms : {1, 2, 4}
        Time between frames in ms, only for the loudness models: 1 as published, 4 takes a third of the time.
    channel : str or int, optional
        How several channels are combined, as in :func:`amtlib.audio.load`: ``'mix'``, their mean; ``'power'``, two
        channels summed in power; the number of one, from 0; ``'all'``, left and right, only for *moore2016*. Default:
        ``'all'`` for *moore2016*, ``'mix'`` for the others. One channel is heard by both ears of *moore2016*.

    Raises
    ------
    ValueError
        If a setting is unknown or out of range.
    TypeError
        If ``channel`` is neither a str nor a whole number.

    Examples
    --------
    >>> Analysis("gammatone", full_scale_db=100.0).label
    'model=gammatone; full_scale=100 dB SPL; amtlib ...'
    """

    model: Model
    full_scale_db: float = FULL_SCALE_DB
    field: str = "free"
    frame_ms: int = 1
    channel: Channel | None = None

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise ValueError(f"model = {self.model!r} is unknown: give {', '.join(map(repr, MODELS))}")
        number(self.full_scale_db, "full_scale_db", 0.0, 200.0, unit="dB SPL")
        if self.field not in _FIELDS:
            raise ValueError(f"field = {self.field!r} is unknown: give {', '.join(map(repr, _FIELDS))}")
        if self.frame_ms not in _FRAMES_MS:
            raise ValueError(f"frame_ms = {self.frame_ms} is not supported: give 1, 2 or 4 ms")
        check_channel(self.heard)
        if self.channel == "all" and self.model != "moore2016":
            raise ValueError(
                f"channel = 'all' is for moore2016, which has two ears: choose 'mix', 'power' or a number from 0 for "
                f"{self.model}"
            )

    @property
    def heard(self) -> Channel:
        """How several channels are combined: the setting, or the default of the model."""
        if self.channel is None:
            return "all" if self.model == "moore2016" else "mix"
        return self.channel

    @property
    def label(self) -> str:
        """All that the numbers depend on besides the sound, as text."""
        own = f"field={self.field}; frame={self.frame_ms} ms; " if self.model in MODELS[:2] else ""
        if self.heard != Analysis(self.model).heard:
            own += f"channel={self.heard}; "
        return f"model={self.model}; {own}full_scale={self.full_scale_db:.6g} dB SPL; amtlib {_version()}"


_version = functools.cache(functools.partial(version, "amtlib"))


class _Measure(Protocol):
    fs: int
    piece: int

    def add(self, x: Tensor) -> None:
        """Take the next samples, shape (ears, T), Pa."""

    def cells(self) -> dict[str, float]:
        """Return the columns, after the last sample."""


def analyze_file(context: Context, path: str, analysis: Analysis) -> dict[str, Cell]:
    """
    Analyze one file; the function of a job.

    Parameters
    ----------
    context : Context
        Hears of progress.
    path : str
        The file: WAV, FLAC, OGG, MP3 or AIFF of any length.
    analysis : Analysis
        What to do.

    Returns
    -------
    dict of str to cell
        ``sha256``, ``settings``, ``duration_s``, ``fs_hz``, ``channels``, ``level_db`` (rms over all channels, dB SPL),
        ``clipped_samples``, ``truncated``, ``warnings`` (that the channels cancel in their mean; else None), and the
        model's columns. *moore2016*, *glasberg2002*:
        ``loudness_peak_sone`` (the greatest long-term loudness: how loud a sound of up to a few seconds is as a
        whole) and ``loudness_level_peak_phon``; ``loudness_peak_short_term_sone``; ``loudness_long_term_sone`` (mean
        over time); ``loudness_short_term_5_percent_sone`` and ``..._50_percent_sone`` (exceeded 5 and 50 % of the
        time); with *moore2016* also ``loudness_peak_left_sone`` and ``loudness_peak_right_sone``. *gammatone*:
        ``level_db_1000hz`` and so on, the rms level in dB SPL behind each filter, 1 ERB apart from 50 Hz to 14
        kHz. *drnl*: ``velocity_db_re_1nm_s_1000hz`` and so on, the rms basilar-membrane velocity of a normal ear in
        dB re 1 nm/s, 1 ERB apart from 100 Hz to 8 kHz.

    Raises
    ------
    AudioError
        If the file cannot be used, or changes while it is read.

    Notes
    -----
    moore2016 hears one channel with both ears, and two as left and right; of more, ``channel`` chooses. The others
    hear the mean of all channels, or what ``channel`` chooses. Sounds are taken to 32 kHz (drnl: 44.1 kHz). Loudness
    models work with silence around the sound. Memory does not grow with the file, but for 12 bytes for each frame of
    the loudness models.

    Examples
    --------
    >>> import tempfile, threading
    >>> from amtlib.audio import save
    >>> from amtlib.signals import tone
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/tone.wav", tone(1000.0, level=60.0), 44100)
    ...     row = analyze_file(Context(threading.Event(), id), f"{folder}/tone.wav", Analysis("gammatone"))
    >>> round(row["level_db"], 1), round(row["level_db_1000hz"], 1)
    (59.9, 59.9)
    """
    before = _state(path)
    with torch.no_grad(), AudioBlocks(
        path, seconds=_BLOCK_S, full_scale_db=analysis.full_scale_db
    ) as blocks:  # fmt: skip
        mix = _mix_for(analysis, blocks)
        measure = _measure_for(analysis, mix.kept)
        change = RateChange(blocks.fs, measure.fs, mix.kept)
        square = 0.0
        for block in blocks:
            square += float(block.double().square().sum())
            _take(context, blocks, measure, change(mix(block)))
        for last in (change(mix.rest()), change.rest()):
            _take(context, blocks, measure, last)
        context.progress(1.0, blocks.name)
        digest = content_hash(path)
        if _state(path) != before:
            raise AudioError(
                f"{blocks.name}: the file changed while it was read: analyze it again when it is complete"
            )
        row: dict[str, Cell] = {
            "sha256": digest,
            "settings": analysis.label,
            "duration_s": blocks.frames / blocks.fs,
            "fs_hz": blocks.fs,
            "channels": blocks.channels,
            "level_db": _db(square / (blocks.frames * blocks.channels), P_REF),
            "clipped_samples": blocks.clipped,
            "truncated": blocks.truncated,
            "warnings": _warning(blocks.channels, mix.loss),
        }
        return row | measure.cells()


def _state(path: str) -> tuple[int, int] | None:
    """Return what changes when a file is written; None if it is not there, which its reader says."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # a ValueError: the path holds a NUL character
        return None
    return status.st_size, status.st_mtime_ns


def content_hash(path: str | os.PathLike[str]) -> str:
    """
    Return the SHA-256 of a file's bytes in hexadecimal digits.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as empty:
    ...     content_hash(empty.name)[:8]
    'e3b0c442'
    """
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _db(square: float, reference: float) -> float:
    return 10.0 * math.log10(square / reference**2) if square > 0.0 else -math.inf


def _mix_for(analysis: Analysis, blocks: AudioBlocks) -> Mix:
    if analysis.heard == "all" and blocks.channels > 2:
        raise AudioError(
            f"{blocks.name}: the file has {blocks.channels} channels, moore2016 has two ears: choose channel 'mix', or "
            f"one from 0 to {blocks.channels - 1}"
        )
    return Mix(analysis.heard, blocks.channels, blocks.fs, blocks.name)


def _warning(channels: int, loss: float) -> str | None:
    power = "channel 'power', or " if channels == 2 else ""
    return cancellation("", channels, loss, f"choose {power}one of them") or None


def _take(context: Context, blocks: AudioBlocks, measure: _Measure, x: Tensor) -> None:
    """Give a block to the model, piece by piece."""
    before = max(blocks.frames - x.shape[-1] * blocks.fs / measure.fs, 0.0)
    whole = max(blocks.announced or 0, blocks.frames, 1)
    for start in range(0, x.shape[-1], measure.piece):
        context.progress(0.999 * (before + start * blocks.fs / measure.fs) / whole, blocks.name)
        measure.add(x[:, start : start + measure.piece])


def _measure_for(analysis: Analysis, ears: int) -> _Measure:
    if analysis.model == "gammatone":
        return _Gammatone()
    if analysis.model == "drnl":
        return _DRNL()
    return _Loudness(analysis, ears)


def band_centres(low: float, high: float) -> Tensor:
    """
    Return centre frequencies in Hz, 1 ERB apart, 1000 Hz among them.

    Examples
    --------
    >>> band_centres(800.0, 1200.0)
    tensor([ 874.2688, 1000.0000, 1140.0620], dtype=torch.float64)
    """
    middle = float(fc2erb(1000.0))
    steps = torch.arange(math.ceil(fc2erb(low) - middle), math.floor(fc2erb(high) - middle) + 1)
    return erb2fc(middle + steps.double())


# Models are kept from file to file: to build one takes longer than a short file.


@functools.cache
def _gammatone(fs: int) -> GammatoneFilterbank:
    return GammatoneFilterbank(band_centres(*_GAMMATONE_HZ), fs=fs)


@functools.cache
def _drnl(fs: int) -> tuple[MiddleEarFilter, DRNLFilterbank]:
    return MiddleEarFilter(fs, dtype=torch.float64), DRNLFilterbank(band_centres(*_DRNL_HZ), fs=fs)


@functools.lru_cache(4)
def _loudness(model: Model, fs: int, field: str, frame_ms: int) -> Moore2016 | Glasberg2002:
    kind = Moore2016 if model == "moore2016" else Glasberg2002
    return kind(fs, field=field, segment_duration=frame_ms)


class _Bands:
    """Mean squares of a filterbank's channels."""

    fs = 32000
    piece = 32000

    def __init__(self, centres: Tensor, column: str, reference: float) -> None:
        self._names = [column.format(round(f)) for f in centres.tolist()]
        self._reference = reference
        self._sum = torch.zeros(len(centres), dtype=torch.float64)
        self._count = 0

    def take(self, y: Tensor) -> None:
        self._sum += y.double().square().sum(-1).reshape(-1)
        self._count += y.shape[-1]

    def cells(self) -> dict[str, float]:
        squares = (self._sum / max(self._count, 1)).tolist()
        return {name: _db(square, self._reference) for name, square in zip(self._names, squares, strict=True)}


class _Gammatone(_Bands):
    def __init__(self) -> None:
        super().__init__(band_centres(*_GAMMATONE_HZ), "level_db_{}hz", P_REF)
        self._stream = _gammatone(self.fs).stream((1,))

    def add(self, x: Tensor) -> None:
        self.take(self._stream.process(x))


class _DRNL(_Bands):
    fs = 44100
    piece = 44100

    def __init__(self) -> None:
        super().__init__(band_centres(*_DRNL_HZ), "velocity_db_re_1nm_s_{}hz", VELOCITY_REF)
        ear, bank = _drnl(self.fs)
        self._ear, self._stream = ear.stream(), bank.stream((1,))

    def add(self, x: Tensor) -> None:
        self.take(self._stream.process(self._ear.process(x).squeeze(-2)))


class _Loudness:
    """A complete loudness model, frame after frame; silence of half a window around the sound, as its `pad` does."""

    fs = 32000
    piece = round(_PIECE_S * fs)

    def __init__(self, analysis: Analysis, ears: int) -> None:
        self._model = _loudness(analysis.model, self.fs, analysis.field, analysis.frame_ms)
        assert self._model.ear is not None
        self._ear = self._model.ear.stream()
        self._ears = ears
        self._rest = torch.zeros(ears, 0)
        self._last: Tensor | None = None
        self._found: list[Tensor] = []
        self.add(torch.zeros(ears, _SEGMENT // 2))

    def add(self, x: Tensor) -> None:
        x = torch.cat([self._rest, self._ear.process(x).squeeze(-2)], -1)
        spectrum = self._model.spectrum
        hop = spectrum.hop_length
        frames = max(x.shape[-1] - _SEGMENT, 0) // hop
        at_once = _FRAMES // self._ears
        for start in range(0, frames, at_once):
            freqs, power = spectrum.dense(x, start, min(start + at_once, frames))
            self._frames(self._model.specific(self._model.excitation.forward_grid(freqs, power)))
        self._rest = x[:, frames * hop :].clone()

    def _frames(self, specific: Tensor) -> None:
        """Take specific loudness, shape (ears, frames, channels); keep a few numbers of each frame."""
        model = self._model
        if isinstance(model, Glasberg2002):
            self._found.append(specific.sum(-1))
            return
        short = model.temporal.short_term(specific, dim=-2, initial=self._last)
        self._last = short[:, -1]
        heard = model.binaural(short[0], short[-1], return_stages=True)
        self._found.append(torch.stack([heard.left, heard.right]))

    def cells(self) -> dict[str, float]:
        model = self._model
        self.add(torch.zeros(self._ears, _SEGMENT // 2 + model.spectrum.hop_length))
        found = torch.cat(self._found, -1)
        sides: dict[str, float] = {}
        if isinstance(model, Glasberg2002):
            over_time = model.integration(found.unsqueeze(-1), return_stages=True)
            short, long = over_time.short_term[0], over_time.long_term[0]
        else:
            each = model.temporal.long_term(found)
            short, long = found.sum(0), each.sum(0)
            sides = {
                f"loudness_peak_{side}_sone": float(each[ear].max())
                for ear, side in enumerate(("left", "right"))
            }
        peak = float(long.max())
        exceeded = np.quantile(short.double().numpy(), [0.95, 0.5])
        return {
            "loudness_peak_sone": peak,
            "loudness_level_peak_phon": float(sone2phon(peak, model)),
            "loudness_peak_short_term_sone": float(short.max()),
            "loudness_long_term_sone": float(long.double().mean()),
            "loudness_short_term_5_percent_sone": float(exceeded[0]),
            "loudness_short_term_50_percent_sone": float(exceeded[1]),
            **sides,
        }
