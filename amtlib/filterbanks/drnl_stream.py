"""A DRNL filterbank for signals that arrive in chunks.
Source: overlap-add on both sides of the broken stick, as for whole signals (:mod:`amtlib.lti`).
Not here: the filterbank (:mod:`amtlib.filterbanks.drnl`).
"""

import torch
from torch import Tensor

from amtlib import lti
from amtlib.filterbanks.drnl_filters import DRNLFilters
from amtlib.inputs import Signal, samples_of


class DRNLStream:
    """
    A DRNL filterbank that remembers: it takes a signal chunk by chunk, and every chunk comes out at once.

    The concatenated outputs equal those of the whole signal to rounding. Runs without gradients; after a change
    of the parameters make a new stream. Made by :meth:`DRNLFilterbank.stream`.

    Examples
    --------
    >>> from amtlib import DRNLFilterbank
    >>> bank, x = DRNLFilterbank([500.0, 1000.0], fs=16000), 1e-6 * torch.randn(1000)
    >>> live = bank.stream()
    >>> pieces = [live.process(chunk) for chunk in x.split([100, 0, 900])]
    >>> torch.allclose(torch.cat(pieces, -1), bank(x), rtol=0, atol=1e-15)
    True
    """

    def __init__(self, bank: DRNLFilters, batch_shape: tuple[int, ...]) -> None:
        bank._check()
        self._bank, self._batch = bank, batch_shape
        settle, transfers = bank._settle(), bank._transfers
        self._beside = lti.Stream(lambda n_fft: transfers(n_fft).beside, settle)
        self._before = lti.Stream(lambda n_fft: transfers(n_fft).before, settle)
        self._after = lti.Stream(lambda n_fft: transfers(n_fft).after, settle, per_channel=True)

    def reset(self) -> None:
        """Forget everything: the next chunk starts a new signal."""
        for part in (self._beside, self._before, self._after):
            part.reset()

    @torch.no_grad()
    def process(self, chunk: Signal) -> Tensor:
        """
        Filter the next samples.

        Parameters
        ----------
        chunk : Tensor or ndarray, shape (T,) or (B, T) as the stream was made for
            The next T >= 0 samples, stapes velocity in m/s.

        Returns
        -------
        Tensor, shape (F, T) or (B, F, T)
            As many samples of basilar-membrane velocity.

        Raises
        ------
        ValueError
            If the chunk has another leading shape, or samples that the filterbank refuses.
        TypeError
            If the chunk is neither a tensor nor an array.
        """
        bank = self._bank
        x = bank._chunk(samples_of(chunk, "the chunk", bank.fc.device, bank.fs), self._batch)
        linear = self._beside.process(x)
        if not bank._has_nonlinear_path():
            return linear
        moved = bank._stick(self._before.process(x), slice(0, bank.num_channels))
        return linear + self._after.process(moved)
