"""An FIR filter of a given magnitude response, with minimum phase or without phase.
Source: frequency sampling and the real cepstrum (Oppenheim and Schafer, Discrete-Time Signal Processing).
Not here: which responses (:mod:`amtlib.ears.transmission`).
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from amtlib import lti
from amtlib.ears.tables import Array
from amtlib.filterbanks.filters import Filters
from amtlib.inputs import Numbers, Signal


class EarFilter(Filters):
    """
    FIR filter of a given magnitude response, with minimum phase or no phase.

    Base of the filters of this module; make your own from any response.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz, number > 0.
    target : callable
        ``target(f)`` returns the wanted amplitude factor at frequencies in Hz from 0 to fs / 2, array to array,
        >= 0.
    order : int
        Order of the filter, even, >= 2: it has one coefficient more and resolves about 4 fs / order.
    phase : {'minimum', 'zero'}
        'minimum': causal, the shortest delay that this magnitude can have. 'zero': symmetric about 0, or about
        order / 2 samples without `compensate_delay`.
    compensate_delay : bool
        With 'zero': take the delay of order / 2 samples away, so that the output needs that many samples of the
        future.
    dtype : torch.dtype
        torch.float32 or torch.float64.

    Attributes
    ----------
    taps : Tensor, shape (order + 1,)
        Coefficients (buffer); symmetric with 'zero'.
    fs, order, phase, compensate_delay, dtype
        As given.
    delay : int
        Samples by which ``taps`` delay and `forward` does not.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If an argument has the wrong type.

    Notes
    -----
    Frequency sampling on a grid at least as long as the filter, then a Hamming window. The minimum phase is made
    from the logarithm of the magnitude (real cepstrum) at as many frequencies as there are coefficients, as in the
    published models. Between these frequencies the magnitude moves a little: below 0.06 dB at order 512 and 44.1
    kHz, but 0.25 dB at 125 Hz. 'zero' is free of this.

    Examples
    --------
    >>> flat = EarFilter(16000, lambda f: np.full_like(f, 2.0), order=64)
    >>> flat(torch.tensor([1.0, 0.0, 0.0])).round(decimals=5)
    tensor([2., 0., -0.])
    """

    taps: Tensor

    def __init__(
        self,
        fs: float,
        target: Callable[[Array], Array],
        *,
        order: int = 512,
        phase: str = "minimum",
        compensate_delay: bool = True,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(fs, dtype)
        if isinstance(order, bool) or not isinstance(order, int | np.integer):
            raise TypeError(f"order = {order!r} is a {type(order).__name__}; give an even int >= 2")
        if order < 2 or order % 2:
            raise ValueError(f"order = {order}; give an even number >= 2, such as 512")
        if phase not in ("minimum", "zero"):
            raise ValueError(f"phase = {phase!r} is unknown; give 'minimum' or 'zero'")
        self.order, self.phase = int(order), phase
        self.compensate_delay = bool(compensate_delay)
        self.delay = self.order // 2 if phase == "zero" and self.compensate_delay else 0
        self._table("taps", torch.tensor(self._make_taps(target), dtype=torch.float64))

    def _make_taps(self, target: Callable[[Array], Array]) -> Array:
        """Work out the coefficients in float64; a place for subclasses that keep them."""
        taps = self._finish(_symmetric_taps(self.fs, target, self.order))
        return _minimum_phase(taps) if self.phase == "minimum" else taps

    def _finish(self, taps: Array) -> Array:
        """Scale the symmetric filter; a place for subclasses."""
        return taps

    def _response(self, n_fft: int) -> Tensor:
        def transform() -> Tensor:
            spectrum: Tensor = torch.fft.rfft(self.taps.double(), n=n_fft).unsqueeze(0)
            return spectrum.to(lti.COMPLEX[self.dtype])

        return self._kept(n_fft, transform)

    def _settle(self) -> int:
        return self.order

    def forward(self, x: Signal) -> Tensor:
        """
        Filter a signal, from rest.

        Parameters
        ----------
        x : Tensor, ndarray or Sound, shape (..., T)
            Signal in Pa, real; converted to `dtype`. A sound must have the sampling rate `fs`.

        Returns
        -------
        Tensor, shape (..., T)
            The output in the unit of the filter. Differentiable in `x`.

        Raises
        ------
        ValueError
            If `x` is empty, complex or on another device, or has non-finite samples.
        TypeError
            If `x` is neither a tensor nor an array.
        """
        x = self._signal(x)
        total = x.shape[-1]
        padded = nn.functional.pad(x, (0, self.delay))
        return lti.filter_fft(padded, self._response, self.order).squeeze(-2)[
            ..., self.delay : self.delay + total
        ]

    def frequency_response(self, f: Numbers) -> Tensor:
        """
        Transfer function of the filter as it is applied.

        Parameters
        ----------
        f : Tensor or ndarray, shape (K,), or list of K numbers
            Frequencies in Hz, from 0 to fs / 2.

        Returns
        -------
        Tensor, shape (K,), complex128
            Gain and phase.

        Raises
        ------
        ValueError
            If `f` is not one-dimensional or out of range.

        Examples
        --------
        >>> flat = EarFilter(16000, np.ones_like, order=64)
        >>> flat.frequency_response([0.0, 1000.0]).abs()
        tensor([1.0000, 1.0000], dtype=torch.float64)
        """
        f = lti.check_frequencies(f, self.fs, self._device)
        lag = torch.arange(self.order + 1, dtype=torch.float64, device=f.device) - self.delay
        turn = torch.outer(f * (-2.0 * math.pi / self.fs), lag)
        return torch.polar(torch.ones_like(turn), turn) @ self.taps.to(torch.complex128)

    def stream(self) -> lti.Stream:
        """
        Filter a signal that arrives in chunks of any length.

        Returns
        -------
        amtlib.lti.Stream
            ``process(chunk)`` returns the next samples with one leading channel, shape (..., 1, T).

        Raises
        ------
        ValueError
            With a compensated delay, which needs samples of the future.

        Examples
        --------
        >>> EarFilter(16000, np.ones_like).stream().process(torch.zeros(64)).shape
        torch.Size([1, 64])
        """
        if self.delay:
            raise ValueError(
                "a stream cannot look ahead; give phase='minimum', or compensate_delay=False with 'zero'"
            )
        return self._stream(self._response)

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return (
            f"fs={self.fs:g} Hz, order={self.order}, phase={self.phase!r}, "
            f"compensate_delay={self.compensate_delay}, dtype={self.dtype}"
        )


def _symmetric_taps(fs: float, target: Callable[[Array], Array], order: int) -> Array:
    """Frequency sampling with a Hamming window: order + 1 coefficients, symmetric."""
    half = max(512, 1 << order.bit_length() - 1)
    wanted = np.asarray(target(np.linspace(0.0, fs / 2.0, half + 1)), dtype=np.float64)
    if wanted.shape != (half + 1,) or not bool((np.isfinite(wanted) & (wanted >= 0.0)).all()):
        raise ValueError(
            "target(f) must return one finite amplitude >= 0 for each frequency; check its formula"
        )
    centred = np.fft.irfft(wanted)
    cut = np.concatenate([centred[-order // 2 :], centred[: order // 2 + 1]])
    return cut * np.hamming(order + 1)


def _minimum_phase(taps: Array) -> Array:
    """Coefficients of the same magnitude response and the least delay, as many as there were."""
    magnitude = np.abs(np.fft.fft(taps))
    # 200 dB below the peak there is nothing to keep, and the logarithm of 0 would spoil the rest.
    cepstrum = np.fft.ifft(np.log(np.maximum(magnitude, 1e-10 * magnitude.max()))).real
    middle = (len(taps) + 1) // 2  # the number of taps is odd
    cepstrum[1:middle] *= 2.0
    cepstrum[middle:] = 0.0
    return np.fft.ifft(np.exp(np.fft.fft(cepstrum))).real
