"""A whole fraction of a sampling rate, by a filter with a Kaiser window.
Source: MATLAB's `resample` with its default design: ten zero crossings on each side of a sinc, Kaiser window of 5.
Not here: resampling by way of the spectrum (:func:`amtlib.lti.resample`).
"""

import numpy as np
import torch
from torch import Tensor

from amtlib import lti
from amtlib.modules import RealModule
from amtlib.perception.model_stream import Early

_CROSSINGS, _KAISER = 10, 5.0
#: Samples of the result that are worked out together
_TOGETHER = 16


class Downsampling(RealModule):
    """
    Low-pass filter without delay, and take every n-th sample.

    Parameters
    ----------
    factor : int
        n >= 1.
    dtype : torch.dtype
        torch.float32 or torch.float64.

    Examples
    --------
    >>> Downsampling(4, torch.float64)(torch.ones(200, dtype=torch.float64))[20:23]
    tensor([1.0000, 1.0000, 1.0000], dtype=torch.float64)
    """

    taps: Tensor

    def __init__(self, factor: int, dtype: torch.dtype) -> None:
        super().__init__(dtype)
        self.factor = factor
        half = _CROSSINGS * factor
        taps = np.sinc(np.arange(-half, half + 1) / factor) * np.kaiser(2 * half + 1, _KAISER)
        self._table("taps", torch.from_numpy(taps / taps.sum()))

    def forward(self, x: Tensor) -> Tensor:
        """
        Resample.

        Parameters
        ----------
        x : Tensor, shape (..., T)
            In the module's dtype, T >= n.

        Returns
        -------
        Tensor, shape (..., T // n)
            Differentiable.

        Raises
        ------
        ValueError
            If x is shorter than n samples.
        """
        if x.shape[-1] < self.factor:
            raise ValueError(
                f"x has {x.shape[-1]} samples, and one of every {self.factor} is kept; give {self.factor} or more"
            )
        total, half = x.shape[-1] // self.factor, len(self.taps) // 2
        # Blocks of samples times a matrix: only what is kept is worked out
        blocks, step = -(-total // _TOGETHER), _TOGETHER * self.factor
        length = len(self.taps) + step - self.factor
        matrix = self.taps.new_zeros(length, _TOGETHER)
        for column in range(_TOGETHER):
            matrix[column * self.factor :, column][: len(self.taps)] = self.taps
        whole = torch.nn.functional.pad(x, (half, (blocks - 1) * step + length - half - x.shape[-1]))
        return lti.product(whole.unfold(-1, length, step), matrix).flatten(-2)[..., :total]

    def _response(self, n_fft: int) -> Tensor:
        found: Tensor = torch.fft.rfft(self.taps.double(), n=n_fft)
        return found

    def stream(self) -> Early:
        """Return a stage of a :class:`amtlib.perception.ModelStream`."""
        filtered = lti.Stream(self._response, len(self.taps), per_channel=True)
        return Early(filtered, len(self.taps) // 2, self.factor)

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return f"factor={self.factor}, dtype={self.dtype}"
