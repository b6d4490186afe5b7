"""Streams through recursions: what a recursion knows of the past is kept from chunk to chunk.
Source: none; plain bookkeeping.
Not here: linear filters, which have :class:`amtlib.lti.Stream`.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from amtlib.inputs import Signal, samples_of


class RecursionStream:
    """
    A recursion that remembers: it takes a signal chunk by chunk, and every chunk comes out at once.

    The concatenated outputs equal those of the whole signal. Runs without gradients; after a change of the parameters
    make a new stream.

    Parameters
    ----------
    step : callable
        ``step(chunk, state)`` returns output and new state; the state before the first chunk is None.
    check : callable
        Called with each chunk that has samples; returns it converted, or raises.
    bands : tuple of int
        Axes that the output has between those of the chunk and time.

    Examples
    --------
    >>> total = RecursionStream(
    ...     lambda x, state: ((y := x.cumsum(-1) + (0.0 if state is None else state)), y[..., -1:]), lambda x: x
    ... )
    >>> total.process(torch.ones(2)), total.process(torch.ones(0)), total.process(torch.ones(2))
    (tensor([1., 2.]), tensor([]), tensor([3., 4.]))
    """

    def __init__(
        self,
        step: Callable[[Tensor, Any], tuple[Tensor, Any]],
        check: Callable[[Tensor], Tensor],
        bands: tuple[int, ...] = (),
    ) -> None:
        self._step, self._check, self._bands = step, check, bands
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next chunk starts a new signal, which may have another shape."""
        self._state: Any = None
        self._shape: tuple[int, ...] | None = None

    @torch.no_grad()
    def process(self, chunk: Signal) -> Tensor:
        """
        Take the next samples.

        Parameters
        ----------
        chunk : Tensor or ndarray, shape (..., T)
            The next T >= 0 samples; the leading shape stays the same until :meth:`reset`.

        Returns
        -------
        Tensor, shape (..., T), or (..., M, T) with M bands
            As many samples.

        Raises
        ------
        ValueError
            If the leading shape changed, or the module refuses the chunk.
        TypeError
            If the chunk is neither a tensor nor an array.
        """
        chunk = samples_of(chunk, "the chunk")
        if chunk.ndim == 0:
            raise TypeError(f"the chunk is {chunk!r}; give a torch.Tensor of samples, time last")
        lead = tuple(chunk.shape[:-1])
        if self._shape not in (None, lead):
            raise ValueError(
                f"this chunk has leading shape {lead}, the ones before had {self._shape}; keep the shape, or call "
                "reset() before a new signal"
            )
        if chunk.shape[-1] == 0:
            return chunk.new_empty((*lead, *self._bands, 0))
        chunk = self._check(chunk)
        self._shape = lead
        output, self._state = self._step(chunk, self._state)
        return output
