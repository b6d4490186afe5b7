"""What leaves a lab for the ear or the disk: sounds at safe levels that differ as they should, and exported files."""

import base64
import contextlib
import io
import logging
import math
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from amtlib import audio, signals
from app.page.problems import NO_ROOM, sentence
from app.page.protocol import Content

_LOG = logging.getLogger("amtlab")
#: Highest rms at which anything is played, dB re full scale: no louder than music that is streamed.
SAFE_DBFS = -15.0
#: Highest peak of what is played, dB re full scale.
PEAK_DBFS = -3.0
#: Level of a sound in Pa that is played at `SAFE_DBFS`, dB SPL. Softer sounds are softer by as much as their levels
#: differ; louder ones are not louder: a slider that is pushed to 110 dB SPL must not startle.
SAFE_SPL = 85.0
#: The same in Pa.
PASCAL = signals.P_REF * 10 ** (SAFE_SPL / 20)
#: Level at which another ear hears sounds that are no pressures, dB SPL: that of conversation.
SPEECH_SPL = 65.0
#: What is softer still is played at this: nobody hears it anyway.
SOFTEST_DBFS = -100.0
#: Key, label and help of the export that every lab has besides its own.
DATA = ("data", "Data", "What each figure shows, a CSV file with units for each")
_MIME = {
    "csv": "text/csv",
    "dsp": "text/plain",
    "json": "application/json",
    "npz": "application/zip",
    "pt": "application/octet-stream",
    "wav": "audio/wav",
}


@dataclass(frozen=True)
class Playable:
    """A sound that a lab offers.

    Parameters
    ----------
    label, help : str
        What its button says, and what it is.
    make : callable
        Takes the lab's model; returns title, samples and rate in Hz.
    safe : float, optional
        Rms, in the unit of its samples, that is played at the highest level; softer sounds are softer by as much.
        Without, it is played at that level however strong it is.
    reaches_ear : bool
        Whether it is a sound as it reaches the ear; else it is what the ear makes of one, and another ear stands not in
        front of it but in it.
    """

    label: str
    help: str
    make: Callable[[Any], tuple[str, torch.Tensor, int]]
    safe: float | None = None
    reaches_ear: bool = True


@dataclass(frozen=True)
class Export:
    """A file that a lab offers.

    Parameters
    ----------
    label, help : str
        What its button says, and what it is.
    name : str or callable
        Name of the file after "amtlab-", or what returns it for the lab's model; the ending says the kind.
    make : callable
        Takes the lab's model; returns the content, or the columns of a CSV file, or the arrays of an NPZ file.
    comment : callable
        Takes the lab's model; returns the first line of a CSV file.
    """

    label: str
    help: str
    name: str | Callable[[Any], str]
    make: Callable[[Any], bytes | str | Mapping[str, Any]]
    comment: Callable[[Any], str] = lambda lab: str(lab.summary())

    def file(self, lab: Any) -> tuple[str, str, bytes]:
        """Return name, MIME type and content of the file."""
        name = self.name(lab) if callable(self.name) else self.name
        ending = name.rpartition(".")[2]
        content = self.make(lab)
        if isinstance(content, Mapping):
            content = _npz(content) if ending == "npz" else to_csv(content, self.comment(lab))
        elif isinstance(content, str):
            content = content.encode()
        return f"amtlab-{name}", _MIME[ending], content


def sound_of(lab: Any, key: str, *, other: bool = False) -> Content:
    """Return the sound of a page with that key, ready to play; "a" and "b" are those of its comparison, if it has any.

    Parameters
    ----------
    lab : LabView
    key : str
    other : bool
        Whether it is heard with the other ear of the lab.
    """
    try:
        title, samples, fs = _compared(lab, key) or lab.sound(key)
        level, said = _level(lab, key, samples)
        if other and not lab.model.another_ear.is_normal:
            samples, level, heard = _through(lab, key, samples, fs, level)
            said += heard
    except (ValueError, KeyError) as problem:
        return {"type": "failed", "text": sentence(problem)}
    data = audio.wav_bytes(audio.playback(samples, fs, level_dbfs=level, peak_limit=PEAK_DBFS), fs)
    return {"type": "sound", "title": title + said, "data": base64.b64encode(data).decode()}


def file_of(lab: Any, key: str) -> Content:
    """Return the exported file of a page with that key."""
    try:
        name, mime, content = lab.export(key)
    except (ValueError, KeyError) as problem:
        return {"type": "failed", "text": sentence(problem)}
    except (MemoryError, OSError):
        _LOG.exception("A file could not be made")
        return {"type": "failed", "text": f"{NO_ROOM} for this file. Try again later."}
    return {"type": "file", "name": name, "mime": mime, "data": base64.b64encode(content).decode()}


def _level(lab: Any, key: str, samples: torch.Tensor) -> tuple[float, str]:
    """Return the rms at which a sound is played, dB re full scale, and what is to be said about it."""
    highest = lab.level_dbfs(key)
    here = _decibels(rms(samples))
    if here == -math.inf:
        return highest, ""
    if key in ("a", "b"):  # one gain for both, at which neither is too loud
        both = [found[1] for each in ("a", "b") if (found := _compared_if_any(lab, each)) and rms(found[1])]
        loudest = max(_decibels(rms(each)) for each in both)
        top = min(highest - loudest, *(PEAK_DBFS - _decibels(float(each.abs().max())) for each in both))
        return max(here + top, SOFTEST_DBFS), ""
    safe = lab.sounds[key].safe if key in lab.sounds else None
    if safe is None:
        return highest, ""
    true = highest + here - _decibels(safe)
    crest = _decibels(float(samples.abs().max())) - here
    level = max(min(true, highest, PEAK_DBFS - crest), SOFTEST_DBFS)
    softer = round(true - level)
    return level, f", played {softer} dB softer" if softer > 0 else ""


def _through(
    lab: Any, key: str, samples: torch.Tensor, fs: int, level: float
) -> tuple[torch.Tensor, float, str]:
    """Return a sound as the other ear hears it, its level against that of the normal ear's, and words on it."""
    playable = lab.sounds.get(lab.compared if key in ("a", "b") else key)
    if playable is not None and not playable.reaches_ear:
        return samples, level, ": this is already what the ear makes of it"
    # Sounds without a unit are taken to be as loud as speech.
    is_pressure = playable is not None and playable.safe == PASCAL
    strong = rms(samples)
    unit = 1.0 if is_pressure or not strong else signals.P_REF * 10 ** (SPEECH_SPL / 20) / strong
    heard = lab.model.another_ear.hears(samples * unit, fs)
    there = rms(heard)
    if not there:
        return heard, level, f", heard with {lab.model.another_ear.heard}: nothing is heard"
    softer = _decibels(strong * unit) - _decibels(there)
    crest = _decibels(float(heard.abs().max())) - _decibels(there)
    highest = min(level, PEAK_DBFS - crest)
    said = f", heard with {lab.model.another_ear.heard}: {softer:.0f} dB softer"
    return heard, max(min(level - softer, highest), SOFTEST_DBFS), said


def _compared_if_any(lab: Any, key: str) -> tuple[str, torch.Tensor, int] | None:
    """Return a sound of the comparison, or None where it cannot be made: the other one is heard alone."""
    with contextlib.suppress(ValueError):
        return _compared(lab, key)
    return None


def _compared(lab: Any, key: str) -> tuple[str, torch.Tensor, int] | None:
    if key not in ("a", "b"):
        return None
    found = lab.comparison.sound if key == "a" else lab.compared_sound()
    return None if found is None else ("A, pinned" if key == "a" else "B, now", *found)


def how_loud(sounds: Iterable[Playable]) -> str:
    """Say how loud a lab's sounds are played."""
    if all(each.safe is None for each in sounds):
        return "All are played at one safe level."
    return f"Levels that differ are played so, up to {SAFE_SPL:g} dB SPL."


def rms(samples: torch.Tensor) -> float:
    """Return the root-mean-square value of a sound, over all its channels."""
    return float(samples.double().square().mean().sqrt())


def _decibels(amplitude: float) -> float:
    return 20 * math.log10(amplitude) if amplitude > 0 else -math.inf


def _npz(arrays: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def zipped(texts: Mapping[str, str]) -> bytes:
    """Return CSV files in one archive, by their names without ending."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(f"{name}.csv", text)
    return buffer.getvalue()


def to_csv(columns: Mapping[str, np.ndarray[Any, Any]], comment: str = "") -> bytes:
    """Write columns of equal length as CSV, with a comment line that says where they come from."""
    lines = [f"# {comment}"] if comment else []
    lines.append(",".join(columns))
    lines += [",".join(f"{v:.9g}" for v in row) for row in zip(*columns.values(), strict=True)]
    return ("\n".join(lines) + "\n").encode()
