"""What filters at a sampling rate share: checks of signals, how long they ring, and memory for their responses.
Source: the sources of the filters are named where they are defined.
Not here: filtering (:mod:`amtlib.lti`) and filterbanks (:mod:`amtlib.filterbanks.linear`).
"""

from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor

from amtlib import lti
from amtlib.filterbanks.precision import check_rate
from amtlib.inputs import Signal, samples_of
from amtlib.lti.cache import Kept
from amtlib.modules import RealModule


class Filters(RealModule):
    """
    A module that filters at one sampling rate: the base of filterbanks and of single filters.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz, number > 0.
    dtype : torch.dtype
        torch.float32 or torch.float64, of the signals.

    Raises
    ------
    ValueError
        If the rate or the dtype is out of its range.
    TypeError
        If `dtype` is no dtype.

    See Also
    --------
    amtlib.filterbanks.LinearFilterbank : a bank of linear filters.

    Notes
    -----
    A subclass says in `_ringing` how long its filters ring, and evaluates their responses within `_kept`, which
    remembers them until a coefficient changes.
    """

    def __init__(self, fs: float, dtype: torch.dtype) -> None:
        super().__init__(dtype)
        self.fs = check_rate(fs, usual=44100)
        self._cache = lti.ResponseCache()

    @property
    def settling_samples(self) -> int:
        """Samples after which every impulse response has died out, to the resolution of the dtype."""
        return self._settle()

    @property
    def _device(self) -> torch.device:
        return next(self.buffers(recurse=False)).device

    @property
    def _coefficients(self) -> tuple[Tensor, ...]:
        """The values that responses depend on, as they are now; all of the module's own unless a subclass knows."""
        return tuple(self._now(name) for name in (*self._parameters, *self._buffers))

    def _learns(self) -> bool:
        """Whether responses need gradients."""
        return torch.is_grad_enabled() and any(value.requires_grad for value in self._coefficients)

    def _kept(self, key: Hashable, build: Callable[[], Kept]) -> Kept:
        """Return what `build` makes of the coefficients; made once until they change, unless they learn."""
        if self._learns():
            return build()
        return self._cache.get((key, self.dtype), self._coefficients, build)

    def _ringing(self) -> int:
        """Count the samples after which every impulse response has died out."""
        raise NotImplementedError

    def _settle(self) -> int:
        return self._cache.get(("settle", self.dtype), self._coefficients, self._ringing)

    def _signal(self, x: Signal) -> Tensor:
        """Return a signal of any shape (..., T), checked."""
        return lti.check_signal(x, self.dtype, self._device, fs=self.fs)

    def _signals(self, x: Signal) -> Tensor:
        """Return signals of shape (T,) or (B, T), checked."""
        x = samples_of(x, "x", self._device, self.fs)
        if x.ndim not in (1, 2):
            raise ValueError(f"x has shape {tuple(x.shape)}; give (T,) or (batch, T)")
        return self._signal(x)

    def _chunk(self, chunk: Tensor, batch: Sequence[int] | None = None) -> Tensor:
        """Return the next samples of a stream, perhaps none, checked; `batch` is their leading shape."""
        if batch is not None and (chunk.ndim == 0 or chunk.shape[:-1] != tuple(batch)):
            takes = ", ".join([*map(str, batch), "T"])
            raise ValueError(f"the chunk has shape {tuple(chunk.shape)}; this stream takes ({takes})")
        return self._signal(chunk) if chunk.numel() else chunk.to(self._device, self.dtype)

    def _stream(self, response: lti.Response, batch: Sequence[int] | None = None) -> lti.Stream:
        return lti.Stream(response, self._settle(), check=lambda chunk: self._chunk(chunk, batch), fs=self.fs)


class Filterbank(Filters):
    """
    Filters at centre frequencies: the base of linear filterbanks and of those that compress.

    Attributes
    ----------
    fc : Tensor, shape (F,)
        Centre frequencies in Hz (buffer).
    num_channels : int
        F.
    """

    fc: Tensor

    def _place(self, centre: Tensor) -> None:
        """Put the channels at frequencies in Hz, float64."""
        self._table("fc", centre)
        self.num_channels = len(centre)

    @property
    def _fc_range(self) -> str:
        low, high = (float(f) for f in self._built["fc"].aminmax())
        return f"fc_range=({low:.1f}, {high:.1f}) Hz"
