"""The DRNL filterbank with stored, truncated impulse responses: filters fixed, nonlinearity learnable.
Source: as :mod:`amtlib.filterbanks.drnl`; the form is that of the specification.
Not here: a better approximation: the exact filterbank is as fast.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from amtlib import lti
from amtlib.filterbanks.centres import Centres
from amtlib.filterbanks.drnl import DRNLFilterbank
from amtlib.filterbanks.drnl_parameters import NAMES, DRNLParameters

_RESPONSES = ("ir_lin", "ir_nlin_1", "ir_nlin_2", "ir_lp_nlin")


class FastDRNLFilterbank(DRNLFilterbank):
    """
    DRNL filterbank from stored impulse responses of `ir_length` samples, in float32 by default.

    A drop-in for :class:`DRNLFilterbank`. That class is exact and as fast, so use this one for its fixed
    filters: with ``learnable=True`` only a, b and c are parameters of the module. Its error is what `ir_length`
    cuts off.

    Parameters
    ----------
    fc, fs, n_channels, subject, model, parameters
        As for :class:`DRNLFilterbank`.
    learnable : bool
        Make a, b and c parameters; the filters stay as they are made.
    dtype : torch.dtype
        torch.float32 or torch.float64.
    ir_length : int
        Samples of each impulse response, >= 1.

    Attributes
    ----------
    ir_length : int
        As given.
    ir_lin, ir_nlin_1, ir_nlin_2, ir_lp_nlin : Tensor, shape (F, ir_length)
        Impulse responses of the linear path with its gain, of the gammatones before and after the stick, and of
        the low-passes of the nonlinear path (buffers). All attributes of :class:`DRNLFilterbank` are there too;
        changing those of the filters changes nothing.

    Raises
    ------
    ValueError
        If `ir_length` is below 1, and as :class:`DRNLFilterbank`.
    TypeError
        If `ir_length` is no int.

    See Also
    --------
    DRNLFilterbank : exact, with ten learnable parameters.

    Examples
    --------
    >>> fast = FastDRNLFilterbank((250.0, 8000.0), fs=44100, learnable=True)
    >>> fast(torch.zeros(1, 2205)).shape, fast.ir_lin.shape
    (torch.Size([1, 50, 2205]), torch.Size([50, 4096]))
    >>> sum(p.numel() for p in fast.parameters())
    150
    """

    ir_lin: Tensor
    ir_nlin_1: Tensor
    ir_nlin_2: Tensor
    ir_lp_nlin: Tensor

    _fixed = NAMES[:7]
    _filters_from = (*NAMES[:7], *_RESPONSES)

    def __init__(
        self,
        fc: Centres,
        fs: float,
        n_channels: int = 50,
        subject: str = "NH",
        model: str = "paulick2024",
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
        *,
        ir_length: int = 4096,
        parameters: DRNLParameters | None = None,
    ) -> None:
        if isinstance(ir_length, bool) or not isinstance(ir_length, int | np.integer):
            raise TypeError(f"ir_length = {ir_length!r} is a {type(ir_length).__name__}; give an int >= 1")
        if ir_length < 1:
            raise ValueError(f"ir_length = {ir_length} samples; give at least 1, usually 4096")
        super().__init__(fc, fs, n_channels, subject, model, learnable, dtype, parameters=parameters)
        self.ir_length = int(ir_length)
        with torch.no_grad():
            _, _, _, centre, width, cutoff = self._radians()
            n_fft = lti.fast_length(self.ir_length + self._ringing())
            gammatones = lti.classic_gammatone_response(centre, width, self.n_gt_nlin, n_fft)
            lowpasses = lti.butterworth_response(cutoff, self.n_lp_nlin, n_fft)
            linear = super()._evaluate(n_fft).beside
            for name, exact in zip(_RESPONSES, (linear, gammatones, gammatones, lowpasses), strict=True):
                self._table(name, torch.fft.irfft(exact, n=n_fft)[..., : self.ir_length])

    def _evaluate(self, at: int | Tensor) -> lti.Transfers:
        """Transfer functions of the stored impulse responses."""

        def transform(response: Tensor) -> Tensor:
            if isinstance(at, int):
                grid: Tensor = torch.fft.rfft(response.double(), n=at)
                return grid.to(dtype)
            lag = torch.arange(self.ir_length, dtype=torch.float64, device=at.device)
            turn = torch.outer(lag, at)
            return (response.to(torch.complex128) @ torch.polar(torch.ones_like(turn), -turn)).to(dtype)

        dtype = lti.COMPLEX[self.dtype]
        beside, before, again, lowpass = (transform(getattr(self, name)) for name in _RESPONSES)
        return lti.Transfers(before, again * lowpass, beside)

    def configuration(self) -> dict[str, Any]:
        """Return the arguments that the module was built with, and what its filters were made from."""
        return {**super().configuration(), **{name: self._built[name].tolist() for name in self._fixed}}

    def _more(self) -> dict[str, Any]:
        return {"ir_length": self.ir_length}

    def _settle(self) -> int:
        # Responses that `ir_length` did not cut die out where the exact ones do; the two after the stick add up.
        return max(1, min(super()._settle(), 2 * self.ir_length - 2))

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return f"{super().extra_repr()}, ir_length={self.ir_length}"
