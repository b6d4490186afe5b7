"""Two sounds compared blind, in a notebook or on a page: ABX, or which of two is more like a reference.

Source: a score is held against guessing by the binomial distribution.
Not here: experiments with procedures and thresholds (`amtlib.experiments`).
"""

import base64
import html
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from amtlib import audio
from amtlib.audio.reading import whole_rate
from amtlib.inputs import Values
from amtlib.teaching.judging import detached

_SCRIPT = Path(__file__).with_name("comparison.js").read_text(encoding="utf-8")


def chance(right: int, trials: int) -> float:
    """
    Return how often guessing between two gets so many trials right, or more.

    Parameters
    ----------
    right : int
        Number of right answers, 0 to `trials`.
    trials : int
        Number of trials, at least 1.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> round(chance(12, 16), 4)
    0.0384
    """
    if trials < 1 or not 0 <= right <= trials:
        raise ValueError(
            f"{right} right of {trials} trials: give 0 to `trials` right answers of at least 1 trial"
        )
    return math.fsum(math.comb(trials, k) for k in range(right, trials + 1)) / 2.0**trials


class BlindComparison:
    """
    Three players and two buttons that a notebook shows: A, B and X.

    Without a reference X is A or B, drawn anew after each answer, and the score says whether the difference is heard.
    With one X is the reference, and which of the two sounds is A is drawn anew: the score says which of them is
    chosen as more like it. All sounds share one gain, so that their levels differ as they should.

    Parameters
    ----------
    sounds : mapping of str to array or Tensor, shape (T,)
        The two, by name.
    fs : int
        Sampling rate, Hz, 2000 to 768000.
    reference : array or Tensor, shape (T,), optional
        What they are compared with. Shorter sounds are filled up with silence.

    Raises
    ------
    ValueError
        If there are not two sounds, one of them cannot be played, or the sampling rate is out of range or not whole.

    Examples
    --------
    >>> hum = np.sin(2 * np.pi * 100 * np.arange(8000) / 8000)
    >>> BlindComparison({"loud": hum, "soft": 0.5 * hum}, 8000)
    BlindComparison(loud, soft; 1.0 s each)
    """

    def __init__(self, sounds: Mapping[str, Values], fs: int, *, reference: Values | None = None) -> None:
        if len(sounds) != 2:
            raise ValueError(f"{len(sounds)} sounds: a blind comparison takes two, A and B")
        self.names = list(sounds)
        self.fs = whole_rate(fs)
        self.has_reference = reference is not None
        given = [
            np.asarray(detached(each), dtype=np.float64)
            for each in (*sounds.values(), reference)
            if each is not None
        ]
        if any(each.ndim != 1 for each in given):
            raise ValueError(
                f"shapes {', '.join(str(each.shape) for each in given)}: give sounds of one channel, (T,)"
            )
        length = max(len(each) for each in given)
        filled = np.stack([np.pad(each, (0, length - len(each))) for each in given])
        self.duration = length / self.fs
        self._pcm = audio.playback(filled, self.fs)

    def wav(self) -> list[bytes]:
        """Return the sounds as WAV files: the two, and the reference if there is one."""
        return [audio.wav_bytes(np.ascontiguousarray(each), self.fs) for each in self._pcm.T]

    def markup(self, sources: Sequence[str]) -> str:
        """
        Return the HTML of the comparison.

        Parameters
        ----------
        sources : sequence of str
            Addresses of the sounds that :meth:`wav` returns, in its order.
        """
        shown: dict[str, Any] = {
            "names": self.names,
            "sources": list(sources),
            "reference": self.has_reference,
        }
        data = html.escape(json.dumps(shown), quote=True)
        waits = "A blind comparison: run this cell to listen."
        return (
            f'<div class="amtlab-comparison" data-comparison="{data}">{waits}</div><script>{_SCRIPT}</script>'
        )

    def __repr__(self) -> str:
        reference = " with a reference" if self.has_reference else ""
        return f"BlindComparison({', '.join(self.names)}{reference}; {self.duration:.1f} s each)"

    def _repr_html_(self) -> str:
        packed = [base64.b64encode(each).decode("ascii") for each in self.wav()]
        return self.markup([f"data:audio/wav;base64,{each}" for each in packed])
