"""Several channels as one, block by block: their mean, their power, or one of them; and whether they cancelled.
Source: signals in quadrature add in power; the Hilbert transformer is the windowed ideal one, 2 / (pi n) at odd n.
Not here: what two ears make of two channels (:mod:`amtlib.loudness`).
"""

import math
from typing import Literal

import numpy as np
import torch

from amtlib import lti
from amtlib.audio.contents import AudioError

#: How channels become one: their mean, a sum in power, all as they are, or the number of one of them.
Channel = Literal["mix", "power", "all"] | int

_REACH = 0.1  # s to each side of the Hilbert transformer; it is exact to 0.1 dB from 20 Hz on
_CANCELLED = 3.0  # dB below what channels that have nothing in common lose in a mean


class Mix:
    """
    Takes blocks of several channels and returns those that are wanted.

    Parameters
    ----------
    how : str or int
        ``'mix'``: the mean of all channels. Equal ones keep their level, opposite ones cancel. ``'power'``: one or two
        channels, the second turned by 90 degrees, so that equal, opposite and unrelated ones all have the mean of
        their powers, in each band; no delay. ``'all'``: as they are. A number: that channel, from 0.
    channels : int
        Channels of the blocks, at least 1.
    fs : int
        Sampling rate in Hz.
    name : str
        What messages call the sound.

    Attributes
    ----------
    kept : int
        Channels of the result.

    Raises
    ------
    AudioError
        If there is no such channel, or more than two for ``'power'``.
    ValueError
        If ``how`` is unknown.
    TypeError
        If ``how`` is neither a str nor a whole number.

    Examples
    --------
    >>> x = torch.ones(1, 100) * torch.tensor([[1.0], [-1.0]])
    >>> mix = Mix("mix", 2, 8000)
    >>> float(mix(x).abs().max()), mix.loss
    (0.0, inf)
    >>> mix = Mix(1, 2, 8000)
    >>> mix(x).shape, mix.rest().shape
    (torch.Size([1, 100]), torch.Size([1, 0]))
    """

    def __init__(self, how: Channel, channels: int, fs: int, name: str = "audio") -> None:
        check_channel(how)
        self._how, self._channels, self._name = how, channels, name
        self.kept = channels if how == "all" else 1
        self._powers = np.zeros(2)
        self._quadrature: _Quadrature | None = None
        if isinstance(how, int) and not 0 <= how < channels:
            has = "only channel 0" if channels == 1 else f"channels 0 to {channels - 1}"
            raise AudioError(
                f"{name}: channel = {how} does not exist, the file has {has}: choose one of these"
            )
        if how == "power":
            if channels > 2:
                raise AudioError(
                    f"{name}: channel = 'power' takes one or two channels, the file has {channels}: choose 'mix', or "
                    f"one from 0 to {channels - 1}"
                )
            self._quadrature = _Quadrature(fs) if channels == 2 else None

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return what is known of the result after a block, shape (channels, T) to (kept, T')."""
        if isinstance(self._how, int):
            return x[self._how : self._how + 1]
        if self._how == "all" or self._channels == 1:
            return x
        if self._quadrature is not None:
            return self._quadrature(x)
        # In numpy: torch's threads cost more than such blocks.
        channels = x.numpy().astype(np.float64, copy=False)
        mean = np.full(len(channels), 1.0 / len(channels)) @ channels
        self._powers += np.einsum("ct,ct->", channels, channels) / len(channels), mean @ mean
        return torch.from_numpy(mean)[None].to(x.dtype)

    def rest(self) -> torch.Tensor:
        """Return what is left after the last block."""
        return torch.zeros(self.kept, 0) if self._quadrature is None else self._quadrature.rest()

    @property
    def loss(self) -> float:
        """How much weaker a mean is than its channels, dB: 0 for equal, 3 for two unrelated, inf for opposite ones."""
        before, after = self._powers.tolist()
        if before == 0.0:
            return 0.0
        return max(-10.0 * math.log10(after / before), 0.0) if after > 0.0 else math.inf


def cancellation(name: str, channels: int, loss: float, advice: str = "") -> str:
    """
    Return a sentence on channels that cancel in their mean; an empty one if they do not.

    They do if the mean is weaker than that of unrelated channels by more than 3 dB. The advice is that of
    :func:`amtlib.audio.load` unless another is given.

    Examples
    --------
    >>> cancellation("take.wav", 2, 40.0)
    "take.wav: the mean of its 2 channels is 40 dB weaker than they are, for they cancel: choose channel='power', one of
    them, or 'all'"
    >>> cancellation("take.wav", 2, 3.0)
    ''
    """
    if loss <= 10.0 * math.log10(channels) + _CANCELLED:
        return ""
    weaker = "silent" if math.isinf(loss) else f"{loss:.0f} dB weaker than they are"
    power = "channel='power', one of them, or 'all'" if channels == 2 else "one of them, or channel='all'"
    return (
        f"{name}{': ' if name else ''}the mean of its {channels} channels is {weaker}, for they cancel: "
        f"{advice or f'choose {power}'}"
    )


def check_channel(how: Channel) -> None:
    """Raise if this is no way to mix channels."""
    if isinstance(how, bool) or not isinstance(how, int | str):
        raise TypeError(f"channel must be 'mix', 'power', 'all' or a whole number, got {how!r}")
    if isinstance(how, str) and how not in ("mix", "power", "all"):
        raise ValueError(f"channel = {how!r} is unknown: choose 'mix', 'power', 'all' or a number from 0")


class _Quadrature:
    """Two channels summed in power: the first delayed, the second through a Hilbert transformer of as much delay."""

    def __init__(self, fs: int) -> None:
        self._delay = round(_REACH * fs)
        taps = np.zeros((2, 2 * self._delay + 1))
        taps[0, self._delay] = 1.0
        odd = np.arange(1, self._delay + 1, 2)
        taps[1, self._delay + odd] = 2.0 / (np.pi * odd)
        taps[1, self._delay - odd] = -taps[1, self._delay + odd]
        taps[1] *= np.kaiser(taps.shape[1], 5.0)
        self._taps = torch.from_numpy(taps / math.sqrt(2.0))
        self._stream = lti.Stream(self._response, taps.shape[1], per_channel=True)
        self._waiting: list[torch.Tensor] = []
        self._held, self._ahead = 0, self._delay
        self._responses: dict[int, torch.Tensor] = {}

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self._waiting.append(x)
        self._held += x.shape[-1]
        # In blocks as long as the filter: its transforms cost the same for one sample.
        return self._filter() if self._held >= self._taps.shape[1] else x[:1, :0]

    def rest(self) -> torch.Tensor:
        self._waiting.append(self._waiting[-1].new_zeros(2, self._delay))
        return self._filter()

    def _filter(self) -> torch.Tensor:
        x = torch.cat(self._waiting, -1)
        self._waiting, self._held = [x[:, :0]], 0
        y = self._stream.process(x.double()).sum(0, keepdim=True).to(x.dtype)
        skipped = min(self._ahead, y.shape[-1])
        self._ahead -= skipped
        return y[:, skipped:]

    def _response(self, n: int) -> torch.Tensor:
        if n not in self._responses:  # few: lengths are powers of two and the filter's
            self._responses[n] = torch.fft.rfft(self._taps, n)
        return self._responses[n]
