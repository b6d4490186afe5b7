"""Whole models for sounds that arrive in chunks: what each stage knows of the past is kept from chunk to chunk.
Source: none; plain bookkeeping.
Not here: the streams of single stages (:mod:`amtlib.perception.memory`, :class:`amtlib.lti.Stream`).
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from amtlib.inputs import Signal


class Stage(Protocol):
    """One stage of a model in a stream."""

    def process(self, chunk: Tensor, /) -> Tensor:
        """Return what is known after the next samples, perhaps none."""


class Step:
    """A stage that is a function."""

    def __init__(self, process: Callable[[Tensor], Tensor]) -> None:
        self.process = process


class Early:
    """
    A stage whose output is early: it leaves out the first samples and keeps one of `every` of the others.

    At the end it needs as many zeros as it left out.

    Parameters
    ----------
    stage : Stage
        What it takes samples from, as many as it is given.
    ahead : int
        Samples by which the output is early.
    every : int
        Keep samples 0, every, 2 every, ... of the others, and of the end no part of a step.

    Examples
    --------
    >>> stage = Early(Step(lambda x: x), ahead=2, every=2)
    >>> stage.process(torch.arange(5.0)), stage.finish(torch.zeros(0))
    (tensor([2., 4.]), tensor([]))
    """

    def __init__(self, stage: Stage, ahead: int, every: int = 1) -> None:
        self._stage, self._ahead, self._every = stage, ahead, every
        self._taken = 0

    def process(self, chunk: Tensor) -> Tensor:
        """Return what is known after the next samples."""
        y = self._stage.process(chunk)
        first = self._ahead - self._taken  # of this chunk, the sample that comes out as the first of all
        self._taken += chunk.shape[-1]
        return y[..., first if first >= 0 else first % self._every :: self._every]

    def finish(self, chunk: Tensor) -> Tensor:
        """Return what comes out after the last samples, those of `chunk`."""
        before = self._taken + chunk.shape[-1]
        known = self.process(chunk)
        given = -(-max(before - self._ahead, 0) // self._every)
        rest = self.process(chunk.new_zeros(*chunk.shape[:-1], self._ahead))
        return torch.cat([known, rest], -1)[..., : known.shape[-1] + before // self._every - given]


class Late:
    """
    A stage that needs the whole signal: it keeps what comes in, and everything comes out at the end.

    Parameters
    ----------
    whole : callable
        Takes the signal, (..., T), and returns bands, (..., M, S).
    bands : int
        M.
    """

    def __init__(self, whole: Callable[[Tensor], Tensor], bands: int) -> None:
        self._whole, self._bands = whole, bands
        self._kept: list[Tensor] = []

    def process(self, chunk: Tensor) -> Tensor:
        """Keep the next samples, and return none."""
        self._kept.append(chunk.clone())
        return chunk.new_empty(*chunk.shape[:-1], self._bands, 0)

    def finish(self, chunk: Tensor) -> Tensor:
        """Return the output of the whole signal, whose last samples are those of `chunk`."""
        whole = torch.cat([*self._kept, chunk], -1)
        return self._whole(whole) if whole.shape[-1] else self.process(whole)


class ModelStream:
    """
    A model of perception that remembers: it takes a sound chunk by chunk, in memory that does not grow.

    The concatenated outputs, with that of :meth:`finish`, equal those of the whole sound to rounding, whatever the
    lengths of the chunks. A model that looks ahead returns samples as soon as they are known: after 514 samples of
    Osses2021, after 40 of Paulick2024 and Jepsen2008. King2019 needs the whole sound: it keeps the channels in front of
    its modulation filters, and all comes from :meth:`finish`. Runs without gradients; after a change of the parameters
    make a new stream. Made by :meth:`PerceptionModel.stream`.

    Examples
    --------
    >>> from amtlib import Paulick2024
    >>> model, x = Paulick2024(44100, 500.0, 4000.0, n_channels=4), 1e-2 * torch.randn(3000)
    >>> live = model.stream()
    >>> pieces = [live.process(chunk) for chunk in x.split([100, 2899, 1])] + [live.finish()]
    >>> [piece.shape[-1] for piece in pieces]
    [15, 725, 0, 10]
    >>> torch.allclose(torch.cat(pieces, -1), model(x), rtol=0, atol=1e-3)
    True
    """

    def __init__(
        self, stages: Callable[[tuple[int, ...]], Sequence[Stage]], check: Callable[[Signal], Tensor]
    ) -> None:
        self._make, self._check = stages, check
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next chunk starts a new sound, which may have another shape."""
        self._stages: Sequence[Stage] = ()
        self._last: Tensor | None = None

    def _begin(self, chunk: Tensor) -> None:
        lead = tuple(chunk.shape[:-1])
        if self._last is None:
            self._stages = self._make(lead)
        elif self._last.shape[:-1] != lead:
            raise ValueError(
                f"this chunk has leading shape {lead}, the ones before had {tuple(self._last.shape[:-1])}; keep the "
                "shape, or call reset() before a new sound"
            )
        self._last = chunk[..., :0]

    @torch.no_grad()
    def process(self, chunk: Signal) -> Tensor:
        """
        Take the next samples.

        Parameters
        ----------
        chunk : Tensor or ndarray, shape (T,) or (B, T)
            The next T >= 0 samples in Pa; the leading shape stays the same until :meth:`reset` or :meth:`finish`.

        Returns
        -------
        Tensor, shape (F, M, S) or (B, F, M, S)
            The samples of the internal representation that are known now and were not before, perhaps none.

        Raises
        ------
        ValueError
            If the leading shape changed, or the model refuses the chunk.
        TypeError
            If the chunk is neither a tensor nor an array.
        """
        x = self._check(chunk)
        self._begin(x)
        for stage in self._stages:
            x = stage.process(x)
        return x

    @torch.no_grad()
    def finish(self) -> Tensor:
        """
        End the sound, and forget it.

        Returns
        -------
        Tensor, shape (F, M, S) or (B, F, M, S)
            What is left of its internal representation, perhaps nothing.

        Raises
        ------
        ValueError
            If no chunk came before.
        """
        if self._last is None:
            raise ValueError("no sound to end: give process() its chunks first")
        x = self._last
        for stage in self._stages:
            x = stage.finish(x) if isinstance(stage, Early | Late) else stage.process(x)
        self.reset()
        return x
