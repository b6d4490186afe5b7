"""From a sound file, or samples, to its loudness in one call that keeps both ears.
Source: the models'; the 2002 model adds the instantaneous loudness of two different ears, as Moore, Glasberg and Baer
(1997), J. Audio Eng. Soc. 45, 224-240, do, and averages the sum over time.
Not here: the models, and files too long for memory (`amtlab analyze`).
"""

import importlib
import os
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from amtlib.charts import Chart
from amtlib.inputs import Signal, Sound, samples_of
from amtlib.loudness.cochlea import Stop
from amtlib.loudness.glasberg2002 import Glasberg2002
from amtlib.loudness.moore2016 import Moore2016
from amtlib.loudness.results import loudness_over_time
from amtlib.loudness.sone import sone2phon
from amtlib.progress import Progress
from amtlib.results import Result, picture, table

File: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
Model: TypeAlias = Moore2016 | Glasberg2002

_MODELS: dict[str, type[Model]] = {"moore2016": Moore2016, "glasberg2002": Glasberg2002}
#: Sampling rates that the models take, and that of a file outside of them
_LEAST_FS, _GREATEST_FS, _OTHER_FS = 8000, 768000, 32000


@dataclass(frozen=True, repr=False)
class SoundLoudness(Result, units={"time": "s", "fs": "Hz", "": "sone"}):
    """
    Loudness of a sound over time, in sone, by one of the models.

    F is the number of frames. ``print`` and notebooks show it as people state it: greatest values in sone and phon.

    Attributes
    ----------
    name : str
        The file's name; empty for samples.
    fs : int
        Sampling rate of the samples in Hz.
    presentation : {'binaural', 'diotic', 'monaural'}
        Two channels at two ears; one channel at both ears, or, by a model that says so, at one.
    time : Tensor, shape (F,)
        Centres of the frames in s, from the start of the sound.
    instantaneous, short_term, long_term : Tensor, shape (F,)
        Of both ears together: before averaging, as heard from moment to moment, as remembered.
    instantaneous_left, instantaneous_right, short_term_left, short_term_right, long_term_left, long_term_right
        : Tensor, shape (F,)
        Of each ear. By Moore2016 what it contributes to the whole, which is their sum; by Glasberg2002 what it would
        hear by itself: the averages of the whole are those of the summed instantaneous loudness.
    peak, peak_short_term : Tensor, shape ()
        Greatest long-term loudness, which predicts how loud a sound of up to a few seconds is as a whole, and
        greatest short-term loudness.
    model : Moore2016 or Glasberg2002
        The model, which also defines the phon.

    Examples
    --------
    >>> from amtlib.signals import tone
    >>> found = loudness(tone(1000.0, level=60.0, duration=0.2, fs=32000), 32000)
    >>> found.presentation, round(float(found.peak), 1), round(float(found.peak_phon))
    ('diotic', 2.8, 54)
    """

    name: str
    fs: int
    presentation: Literal["binaural", "diotic", "monaural"]
    time: Tensor
    instantaneous: Tensor
    short_term: Tensor
    long_term: Tensor
    instantaneous_left: Tensor
    instantaneous_right: Tensor
    short_term_left: Tensor
    short_term_right: Tensor
    long_term_left: Tensor
    long_term_right: Tensor
    peak: Tensor
    peak_short_term: Tensor
    model: Model

    def chart(self) -> Chart:
        """Return the loudness over time."""
        return loudness_over_time(self)

    @property
    def long_term_phon(self) -> Tensor:
        """Long-term loudness level in phon by this model, shape (F,)."""
        return sone2phon(self.long_term, self.model)

    @property
    def short_term_phon(self) -> Tensor:
        """Short-term loudness level in phon by this model, shape (F,)."""
        return sone2phon(self.short_term, self.model)

    @property
    def peak_phon(self) -> Tensor:
        """Greatest long-term loudness level in phon by this model, shape ()."""
        return sone2phon(self.peak, self.model)

    def __repr__(self) -> str:
        sound = f"{self.name!r}, " if self.name else ""
        return (
            f"SoundLoudness({sound}{type(self.model).__name__}, {self.presentation}, {len(self.time)} frames: "
            f"peak {float(self.peak):.4g} sone = {float(self.peak_phon):.1f} phon, left "
            f"{float(self.long_term_left.max()):.4g}, right {float(self.long_term_right.max()):.4g} sone)"
        )[:300]

    def _repr_html_(self) -> str:
        """Return a table of the greatest values."""
        title = " · ".join(part for part in (self.name, type(self.model).__name__, self.presentation) if part)
        rows = [
            ("peak", f"{float(self.peak):.4g}", "sone"),
            ("", f"{float(self.peak_phon):.1f}", "phon"),
            ("peak, left ear", f"{float(self.long_term_left.max()):.4g}", "sone"),
            ("peak, right ear", f"{float(self.long_term_right.max()):.4g}", "sone"),
            ("peak, short-term", f"{float(self.peak_short_term):.4g}", "sone"),
            ("mean, long-term", f"{float(self.long_term.mean()):.4g}", "sone"),
            ("frames", str(len(self.time)), f"every {self.model.frame_step * 1e3:g} ms"),
        ]
        return table(title, rows) + picture(self.chart())


def loudness(
    sound: Signal | File,
    fs: int | None = None,
    model: Literal["moore2016", "glasberg2002"] | Model = "moore2016",
    *,
    full_scale_db: float | None = None,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> SoundLoudness:
    """
    Predict how loud a sound is over time: the file, or the samples, of one or two ears.

    Parameters
    ----------
    sound : path, bytes or binary file object; Recording; Tensor or ndarray, shape (T,), (1, T) or (2, T)
        A file that :func:`amtlib.audio.load` reads, what it returned, or pressure in Pa. Two channels are the left and
        the right ear; one is heard by both (``presentation`` says which it was).
    fs : int, optional
        Sampling rate in Hz, 8000 to 768000. Samples need it, unless `model` is a module, which has one. For a file, the
        rate to load it at; default: its own (32000 where that is below 8000), or the module's.
    model : {'moore2016', 'glasberg2002'} or Moore2016 or Glasberg2002
        The model, with its usual settings; or a module with its own, such as ``Moore2016(44100, field="diffuse",
        pad=True)``.
    full_scale_db : float, optional
        dB SPL of a signal whose rms in the file, or in the samples, is 1, 0 to 200. Default: samples are pressures in
        Pa, as for :func:`amtlib.audio.load`.
    progress : callable, optional
        Called with the share done, up to 1.
    cancelled : callable, optional
        Asked again and again; if it returns True the computation ends.

    Returns
    -------
    SoundLoudness
        Loudness of both ears together and of each, in sone, and in phon of this model. Differentiable in samples and
        in what a module learns.

    Raises
    ------
    ValueError
        If the sound has more than two channels, is too short (64 ms unless the module has ``pad=True``), not finite, or
        of another sampling rate than the module; if samples come without a rate.
    TypeError
        If an argument has the wrong type.
    amtlib.audio.AudioError
        If a file cannot be read.
    amtlib.loudness.Cancelled
        If it was cancelled.

    See Also
    --------
    Moore2016, Glasberg2002 : the models, which also return every stage.

    Examples
    --------
    >>> import tempfile
    >>> from amtlib import audio, signals
    >>> left = signals.tone(1000.0, level=60.0, duration=0.5, fs=44100)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     audio.save(f"{folder}/left.wav", torch.stack([left, 0 * left]), 44100)
    ...     loudness(f"{folder}/left.wav")
    SoundLoudness('left.wav', Moore2016, binaural, 436 frames: peak 2.69... sone = 53... phon, left
    2.69..., right 0 sone)
    """
    chosen = _checked_model(model)
    name = ""
    if isinstance(sound, Tensor | np.ndarray):
        rate = fs if fs is not None or chosen is None else chosen.fs
        if rate is None:
            raise ValueError("samples do not tell their sampling rate; give fs in Hz")
        samples = samples_of(sound, "sound", None if chosen is None else chosen.frequencies.device)
        if full_scale_db is not None and samples.is_floating_point():
            samples = samples * _audio().scale.full_scale_gain(full_scale_db)
    else:
        if isinstance(sound, Sound):
            if full_scale_db is not None:
                raise ValueError(
                    f"full_scale_db = {full_scale_db:g}, but a loaded sound is in Pa; give it to amtlib.audio.load"
                )
            if fs is not None and fs != sound.fs:
                raise ValueError(
                    f"fs = {fs:g} Hz, but the sound is sampled at {sound.fs:g} Hz; load it with fs={fs:g}, or leave fs "
                    "out"
                )
            recording: Any = sound
        else:
            recording = _load(sound, fs, chosen, full_scale_db)
        samples, rate, name = recording.samples, recording.fs, getattr(recording, "name", "")
        _refuse_mixture(recording)
    if chosen is None:
        chosen = _MODELS[str(model)](rate, dtype=_precision(samples)).to(samples.device)
    elif rate != chosen.fs:
        raise ValueError(
            f"the sound is sampled at {rate:g} Hz, the model works at {chosen.fs:g} Hz; build the model for "
            f"fs={rate:g}, or give a sound of fs={chosen.fs:g}"
        )
    ears = _ears(samples, name)
    if isinstance(chosen, Moore2016):
        return _by_moore2016(chosen, ears, name, progress, cancelled)
    return _by_glasberg2002(chosen, ears, name, progress, cancelled)


def _audio() -> Any:
    """Load :mod:`amtlib.audio` on first use: it brings libsndfile, which the models do without."""
    return importlib.import_module("amtlib.audio")


def _load(file: Any, fs: int | None, model: Model | None, full_scale_db: float | None) -> Any:
    if not isinstance(file, str | os.PathLike | bytes | bytearray | memoryview) and not hasattr(file, "read"):
        raise TypeError(
            f"sound is a {type(file).__name__}; give a path, a file, a Recording, a torch.Tensor or a numpy array"
        )
    audio = _audio()
    level = audio.FULL_SCALE_DB if full_scale_db is None else full_scale_db
    wanted = fs if fs is not None or model is None else model.fs
    recording = audio.load(file, fs=wanted, channel="all", full_scale_db=level, warn=False)
    if wanted is None and not _LEAST_FS <= recording.fs <= _GREATEST_FS:
        if hasattr(file, "seek"):
            raise ValueError(f"the sound is sampled at {recording.fs} Hz; give fs={_OTHER_FS}")
        recording = audio.load(file, fs=_OTHER_FS, channel="all", full_scale_db=level, warn=False)
    return recording


def _checked_model(model: Any) -> Model | None:
    if isinstance(model, Moore2016 | Glasberg2002):
        return model
    if not isinstance(model, str):
        raise TypeError(
            f"model is a {type(model).__name__}; give 'moore2016', 'glasberg2002', or a module of one of them"
        )
    if model not in _MODELS:
        raise ValueError(f"model = {model!r} is unknown; give {' or '.join(map(repr, _MODELS))}")
    return None


def _precision(samples: Tensor) -> torch.dtype:
    return torch.float64 if samples.dtype == torch.float64 else torch.float32


def _refuse_mixture(recording: Any) -> None:
    """A file of several channels that was loaded as one has lost its ears."""
    channels = getattr(recording, "channels", 1)
    if channels > 1 and recording.samples.ndim == 1:
        raise ValueError(
            f"{recording.name} has {channels} channels, which were loaded as one; give the file itself, or load it "
            "with channel='all': left and right ear then stay apart"
        )


def _ears(samples: Tensor, name: str) -> Tensor:
    """Samples as (1, T) or (2, T)."""
    sound = samples.unsqueeze(0) if samples.ndim == 1 else samples
    if sound.ndim != 2:
        raise ValueError(
            f"sound has shape {tuple(samples.shape)}; give (T,), (1, T) or (2, T), one sound at a time"
        )
    if len(sound) > 2:
        what = f"{name} has {len(sound)} channels" if name else f"sound has shape {tuple(samples.shape)}"
        raise ValueError(
            f"{what}, and there are two ears; choose those of left and right, as in "
            "samples[[0, 1]] of amtlib.audio.load(file, channel='all')"
        )
    return sound


def _by_moore2016(
    model: Moore2016, ears: Tensor, name: str, progress: Progress | None, cancelled: Stop | None
) -> SoundLoudness:
    found = model(ears.expand(2, -1), progress=progress, cancelled=cancelled)
    return SoundLoudness(
        name=name,
        fs=model.fs,
        presentation="binaural" if len(ears) == 2 else "diotic",
        model=model,
        **{each: value for each, value in vars(found).items() if each != "stages"},
    )


def _by_glasberg2002(
    model: Glasberg2002, ears: Tensor, name: str, progress: Progress | None, cancelled: Stop | None
) -> SoundLoudness:
    if len(ears) == 2 and model.presentation == "monaural":
        raise ValueError(
            "a model with presentation='monaural' has one ear, and the sound has two channels; give one of them, or "
            "presentation='diotic', with which each ear hears its own"
        )
    # Long-term loudness does not tell the ears apart: their sum is averaged, for averages rise and fall unalike.
    stages = model(ears, return_stages=True, progress=progress, cancelled=cancelled)
    hearing = 1 if model.presentation == "monaural" else 2
    each = stages.instantaneous / hearing
    left, right = each[0], each[-1] if hearing == 2 else torch.zeros_like(each[0])
    together = torch.stack([left + right, left, right])
    short = model.integration.short_term(together)
    long = model.integration.long_term(short)
    presentation: Literal["binaural", "diotic", "monaural"] = (
        "monaural" if hearing == 1 else "diotic" if len(ears) == 1 else "binaural"
    )
    values = {"instantaneous": together, "short_term": short, "long_term": long}
    return SoundLoudness(
        name=name,
        fs=model.fs,
        presentation=presentation,
        time=stages.time,
        peak=long[0].amax(-1),
        peak_short_term=short[0].amax(-1),
        model=model,
        **{
            f"{kind}{ear}": value[row]
            for kind, value in values.items()
            for row, ear in enumerate(("", "_left", "_right"))
        },
    )
