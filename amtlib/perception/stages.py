"""What the models of perception share: channels on the ERB scale, their stages, and what they return.
Source: none; plain bookkeeping, and the spacing of LTFAT's erbspacebw.
Not here: the models (:mod:`amtlib.perception.gammatone_models`, :mod:`amtlib.perception.casp`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self, overload

import numpy as np
import torch
from torch import Tensor

from amtlib import lti
from amtlib.charts import Chart, Direction, one
from amtlib.ears.fir import EarFilter
from amtlib.filterbanks.precision import check_rate
from amtlib.inputs import Numbers, Signal, as_tensor, samples_of
from amtlib.modules import RealModule
from amtlib.perception.model_stream import ModelStream, Stage, Step
from amtlib.results import Result
from amtlib.scales import erb2fc, fc2erb

#: What ends the names of configurations in states
_EXTRA = "_extra_state"


@dataclass(frozen=True, repr=False)
class PerceptionStages(Result):
    """
    What each stage of a model of perception gives; None where a model lacks one.

    Attributes
    ----------
    ear : Tensor, shape (..., T), or None
        Behind outer and middle ear.
    basilar_membrane : Tensor, shape (..., F, T)
        Motion of each channel (of King2019, compressed).
    hair_cell, adapted : Tensor, shape (..., F, T)
        Behind hair cells; behind adaptation.
    internal : Tensor, shape (..., F, M, S)
        The internal representation, of S samples at the model's ``fs_internal``.
    """

    ear: Tensor | None
    basilar_membrane: Tensor
    hair_cell: Tensor
    adapted: Tensor
    internal: Tensor

    def chart(self) -> Chart:
        """Return the internal representation: its mean over the modulation filters, by channel over time."""
        values = one(self.internal, 3)
        values = values.sum(1) / max(values.shape[1], 1)
        channels, samples = (np.arange(1, size + 1) for size in values.shape)
        return Chart(
            "Internal representation", Direction("Sample"), Direction("Channel"),
            cells=(samples, channels, values), measures="Mean", unit="model units",
        )  # fmt: skip


class PerceptionModel(RealModule):
    """
    A chain of ear, cochlea, hair cells, adaptation and modulation filters.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz, number > 0.
    fc : Tensor, shape (F,)
        Centre frequencies of the channels in Hz.
    learnable : bool
        Make the parameters of all stages learn.
    dtype : torch.dtype
        torch.float32 or torch.float64.

    Attributes
    ----------
    fc : Tensor, shape (F,)
        Centre frequencies in Hz (buffer).
    num_channels : int
        F.
    fs_internal : float
        Sampling rate of the internal representation in Hz.
    fs, learnable, dtype
        As given.

    Raises
    ------
    ValueError
        If `fs` is no sampling rate, or a frequency does not lie below fs / 2.
    """

    fc: Tensor
    fs_internal: float

    def __init__(self, fs: float, fc: Tensor, learnable: bool, dtype: torch.dtype) -> None:
        super().__init__(dtype)
        self.fs, self.learnable = check_rate(fs), bool(learnable)
        wrong = fc[~((fc > 0.0) & (fc < self.fs / 2.0))]
        if fc.numel() == 0 or wrong.numel():
            shown = f"{float(wrong[0]):g} Hz" if wrong.numel() else "no frequency"
            raise ValueError(
                f"fc holds {shown}; give at least one, above 0 and below fs / 2 = {self.fs / 2.0:g} Hz, "
                "or raise fs"
            )
        self._table("fc", fc)
        self.num_channels = len(fc)
        self.fs_internal = self.fs

    def basilar_membrane(self, x: Tensor) -> tuple[Tensor | None, Tensor]:
        """
        Compute the motion of the channels: the first of the steps that `forward` takes.

        For those who change only what comes later, and keep what comes before. None of the steps checks its input.

        Parameters
        ----------
        x : Tensor, shape (..., T)
            Pressure in Pa, in the model's dtype.

        Returns
        -------
        ear : Tensor, shape (..., T), or None
            Behind outer and middle ear; None where the model has none.
        moved : Tensor, shape (..., F, T)
            Motion of each channel. Differentiable, both.

        See Also
        --------
        hair_cell, adapted, internal : the steps that follow.

        Examples
        --------
        >>> from amtlib import Dau1997
        >>> model = Dau1997(16000, 500.0, 2000.0)
        >>> _, moved = model.basilar_membrane(torch.zeros(400))
        >>> model.internal(model.adapted(model.hair_cell(moved))).shape
        torch.Size([11, 10, 400])
        """
        raise NotImplementedError

    def hair_cell(self, moved: Tensor) -> Tensor:
        """Return what hair cells make of the channels' motion, of the same shape (..., F, T). Differentiable."""
        followed: Tensor = self.hair_cells(moved)
        return followed

    def adapted(self, cells: Tensor) -> Tensor:
        """Return what adaptation leaves of the hair cells' output, of the same shape (..., F, T). Differentiable."""
        left: Tensor = self.adaptation(cells)
        return left

    def internal(self, adapted: Tensor) -> Tensor:
        """Return the internal representation, shape (..., F, M, S), of adapted channels. Differentiable."""
        found: Tensor = self.modulation(adapted)
        return found

    def _run(self, x: Tensor) -> PerceptionStages:
        ear, moved = self.basilar_membrane(x)
        cells = self.hair_cell(moved)
        adapted = self.adapted(cells)
        return PerceptionStages(ear, moved, cells, adapted, self.internal(adapted))

    def _stages(self, lead: tuple[int, ...]) -> list[Stage]:
        """Return the stages of a stream of sounds of a leading shape."""
        raise NotImplementedError

    @overload
    def forward(self, x: Signal, *, return_stages: Literal[False] = False) -> Tensor: ...

    @overload
    def forward(self, x: Signal, *, return_stages: Literal[True]) -> PerceptionStages: ...

    def forward(self, x: Signal, *, return_stages: bool = False) -> Tensor | PerceptionStages:
        """
        Compute the internal representation of a sound.

        Parameters
        ----------
        x : Tensor or ndarray, shape (T,) or (B, T)
            Pressure in Pa.
        return_stages : bool
            Return what all stages give.

        Returns
        -------
        Tensor, shape (F, M, S) or (B, F, M, S)
            Internal representation; or :class:`PerceptionStages`. Differentiable once.

        Raises
        ------
        ValueError
            If `x` has another shape, is complex, empty, on another device, or has non-finite samples.
        TypeError
            If `x` is neither a tensor nor an array.
        """
        stages = self._run(self._sound(x, "x"))
        return stages if return_stages else stages.internal

    def _sound(self, x: Signal, name: str) -> Tensor:
        x = lti.check_signal(x, self.dtype, self.fc.device, name, self.fs)
        if x.ndim not in (1, 2):
            raise ValueError(f"{name} has shape {tuple(x.shape)}; give (T,) or (batch, T)")
        return x

    def _chunk(self, chunk: Signal) -> Tensor:
        """Return the next samples of a stream, perhaps none, checked."""
        x = samples_of(chunk, "the chunk", self.fc.device, self.fs)
        if x.ndim in (1, 2) and not x.numel():
            return x.to(self.fc.device, self.dtype)
        return self._sound(x, "the chunk")

    def stream(self) -> ModelStream:
        """
        Take a sound that arrives in chunks of any length, or one too long for memory.

        Returns
        -------
        amtlib.perception.ModelStream
            ``process(chunk)`` returns what is known of the internal representation, ``finish()`` the rest.

        Examples
        --------
        >>> from amtlib import Dau1997
        >>> Dau1997(16000, 500.0, 2000.0).stream().process(torch.zeros(64)).shape
        torch.Size([11, 10, 64])
        """
        return ModelStream(self._stages, self._chunk)

    def some_channels(self, channels: Sequence[int]) -> Self:
        """
        Return a model of some of the channels, with values of its own that are now the same.

        Parameters
        ----------
        channels : sequence of int
            Indices, each once.

        Returns
        -------
        PerceptionModel
            On the same device. Its channels give what they give here; of the modulation bands it has those that any
            of its channels has.

        Raises
        ------
        ValueError
            If there is no channel, or no such channel.

        Examples
        --------
        >>> from amtlib import Dau1997
        >>> Dau1997(16000, 500.0, 2000.0).some_channels(range(3, 5)).num_channels
        2
        """
        some = list(channels)
        if not some or not all(0 <= each < self.num_channels for each in some):
            raise ValueError(f"channels = {some}; give at least one of 0 to {self.num_channels - 1}")
        given = self.configuration() | {
            "fc": self._built["fc"][some],
            "learnable": self.learnable,
            "dtype": self.dtype,
        }
        part = type(self)(**given).to(self.fc.device)
        whole = self.state_dict()
        state = part.state_dict()
        for name, value in state.items():
            if name.endswith(_EXTRA):
                continue
            own = whole[name]
            if value.ndim and name.startswith("modulation."):
                own = own[: len(value)]  # bands, from the lowest
            elif value.ndim and len(own) == self.num_channels:
                own = own[some]
            state[name] = own
        part.load_state_dict(state)
        return part.train(self.training)

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        low, high = (float(f) for f in self._built["fc"].aminmax())
        return (
            f"channels={self.num_channels}, fc_range=({low:.1f}, {high:.1f}) Hz, fs={self.fs:g} Hz, "
            f"learnable={self.learnable}, dtype={self.dtype}"
        )


def one_channel(ear: EarFilter) -> Stage:
    """Return an ear filter as a stage of a stream, without the axis of its one channel."""
    live = ear.stream()
    return Step(lambda chunk: live.process(chunk).squeeze(-2))


def check_range(flow: float, fhigh: float) -> None:
    """Raise if two frequencies make no range."""
    if not (math.isfinite(fhigh) and 0.0 < flow <= fhigh):
        raise ValueError(f"flow = {flow} Hz, fhigh = {fhigh} Hz; give 0 < flow <= fhigh, finite")


def given_channels(fc: Numbers) -> Tensor:
    """Return a list of centre frequencies in float64."""
    return as_tensor(fc, "fc", numbers=True).detach().cpu().to(torch.float64).reshape(-1)


def one_erb_apart(flow: float, fhigh: float, basef: float | None) -> Tensor:
    """
    Return frequencies exactly 1 ERB apart: around `basef`, or with what remains of the range split between its ends.

    Examples
    --------
    >>> one_erb_apart(500.0, 700.0, None)
    tensor([509.7606, 593.9453, 687.7253], dtype=torch.float64)
    >>> one_erb_apart(800.0, 1200.0, 1000.0)
    tensor([ 874.2688, 1000.0000, 1140.0620], dtype=torch.float64)
    """
    check_range(flow, fhigh)
    low, high = (float(fc2erb(torch.tensor(f, dtype=torch.float64))) for f in (flow, fhigh))
    if basef is None:
        count = math.floor(high - low)
        first = low + (high - low - count) / 2.0
    else:
        if not flow <= basef <= fhigh:
            raise ValueError(f"basef = {basef} Hz lies outside of flow = {flow} to fhigh = {fhigh} Hz")
        base = float(fc2erb(torch.tensor(basef, dtype=torch.float64)))
        below = math.floor(base - low)
        first, count = base - below, below + math.floor(high - base)
    return erb2fc(first + torch.arange(count + 1, dtype=torch.float64))
