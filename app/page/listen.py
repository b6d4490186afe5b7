"""What leaves a lab for the ear or the disk: sounds at one safe level, and exported files, as messages to the page."""

import base64
import io
import logging
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from amtlib import audio
from app.page.compare import Comparison
from app.page.problems import NO_ROOM, sentence
from app.page.protocol import Failed, File, Sound

_LOG = logging.getLogger("amtlab")
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
    """

    label: str
    help: str
    make: Callable[[Any], tuple[str, torch.Tensor, int]]


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


class Listening:
    """Makes the sounds and files that a page asks for.

    Parameters
    ----------
    lab : LabView
        The page.
    comparison : Comparison
        Has the sound of A.
    """

    def __init__(self, lab: Any, comparison: Comparison) -> None:
        self._lab = lab
        self._comparison = comparison

    def sound(self, key: str) -> Sound | Failed:
        """Return the sound with that key, ready to play; "a" and "b" are those of the comparison, if it has any."""
        try:
            title, samples, fs = self._compared(key) or self._lab.sound(key)
        except (ValueError, KeyError) as problem:
            return {"type": "failed", "text": sentence(problem)}
        data = audio.wav_bytes(audio.playback(samples, fs, level_dbfs=self._lab.level_dbfs(key)), fs)
        return {"type": "sound", "title": title, "data": base64.b64encode(data).decode()}

    def _compared(self, key: str) -> tuple[str, torch.Tensor, int] | None:
        found = None
        if key == "a":
            found = self._comparison.sound
        elif key == "b":
            found = self._lab.compared_sound()
        return None if found is None else ("A, pinned" if key == "a" else "B, now", *found)

    def file(self, key: str) -> File | Failed:
        """Return the exported file with that key."""
        try:
            name, mime, content = self._lab.export(key)
        except (ValueError, KeyError) as problem:
            return {"type": "failed", "text": sentence(problem)}
        except (MemoryError, OSError):
            _LOG.exception("A file could not be made")
            return {"type": "failed", "text": f"{NO_ROOM} for this file. Try again later."}
        return {"type": "file", "name": name, "mime": mime, "data": base64.b64encode(content).decode()}


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
