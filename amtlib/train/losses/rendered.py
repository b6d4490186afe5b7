"""What a network answers to an impulse, as the losses read it: each view of it computed once per step.
Not here: how the answer is found (:mod:`amtlib.train.response`), what is compared (the losses).
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Protocol

import torch
from torch import Tensor

from amtlib.results import Result


@lru_cache(maxsize=8)
def _powers(gamma: float, count: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Powers of `gamma` from the zeroth on, (count, 1)."""
    times = torch.arange(count, device=device, dtype=torch.float64)
    found: Tensor = (gamma**times).to(dtype)
    return found[:, None]


class Feature(Protocol):
    """
    What a loss looks at in an answer: one or more tensors.

    Features are frozen and hashable: equal ones of one answer are computed once, however many losses read them.
    ``reads`` names what they need: 'magnitude' and 'matrix' can be had at a part of the frequencies, 'spectrum' and
    'time' need all of them.
    """

    @property
    def reads(self) -> str:
        """'magnitude', 'spectrum', 'time' or 'matrix'."""
        ...

    def __call__(self, rendered: "Rendered") -> tuple[Tensor, ...]:
        """Return the feature of an answer."""
        ...

    def __hash__(self) -> int:
        """Equal settings, equal hash."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class Rendered(Result):
    """
    A model's answer to impulses, or the target's, with every view of it that losses read.

    Views are computed on first use and kept, so that losses share them; for the target that is once per run.

    Parameters
    ----------
    spectrum : Tensor, complex, shape (batch, F, n_out)
        On the training grid: the nfft / 2 + 1 lines of an FFT, on the circle of radius 1 / gamma; or some of them.
    fs : float
        Sampling rate in Hz.
    nfft : int
        FFT length in samples, even.
    matrix : Tensor, shape (N, N), optional
        Feedback matrix; a target has none.
    gamma : float
        Decay per sample against time aliasing, 1 for none.
    target : Rendered, optional
        What this is compared with; features that need a level take it from there.
    whole : bool
        False: `spectrum` holds only some of the frequencies, so there is no time signal.

    Attributes
    ----------
    magnitude : Tensor, shape (batch, F, n_out)
        Of `time`: a decay against aliasing is taken off, for it would widen modes until none can be told apart. Where
        only some frequencies are known, of the spectrum as it is.
    time : Tensor, shape (batch, nfft, n_out)
        Impulse responses, the decay against aliasing taken off.
    rows : Tensor, shape (batch * n_out, nfft)
        The same, channels as rows.
    reference : Rendered
        The target, or this answer if there is none.

    Examples
    --------
    >>> click = Rendered.of_response(torch.eye(1, 8)[0], fs=48000.0)
    >>> click.magnitude.shape, click.time[0, :2, 0]
    (torch.Size([1, 5, 1]), tensor([1., 0.]))
    """

    spectrum: Tensor
    fs: float
    nfft: int
    matrix: Tensor | None = None
    gamma: float = 1.0
    target: "Rendered | None" = None
    whole: bool = True
    _kept: dict[Hashable, tuple[Tensor, ...]] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of_response(
        cls,
        ir: Tensor,
        fs: float,
        *,
        nfft: int | None = None,
        gamma: float = 1.0,
        target: "Rendered | None" = None,
        matrix: Tensor | None = None,
    ) -> "Rendered":
        """
        Make one of impulse responses.

        Parameters
        ----------
        ir : Tensor, shape (T,), (T, n_out) or (batch, T, n_out)
            Real, finite.
        fs : float
            Sampling rate in Hz.
        nfft : int, optional
            FFT length, even; the response is cut or filled to it. Default: T, or one more if that is odd.
        gamma : float
            Decay per sample of the circle that the spectrum is taken on.
        target : Rendered, optional
        matrix : Tensor, shape (N, N), optional
            Feedback matrix of the network that answers.

        Returns
        -------
        Rendered

        Raises
        ------
        ValueError
            If the shape is another one, or there are fewer than 2 samples.
        """
        y = ir if ir.ndim == 3 else ir[None] if ir.ndim == 2 else ir[None, :, None]
        if ir.ndim not in (1, 2, 3) or y.shape[1] < 2 or not y.is_floating_point():
            raise ValueError(
                f"ir has shape {tuple(ir.shape)} and dtype {ir.dtype}: give real numbers, (T,), (T, n_out) or "
                "(batch, T, n_out), T at least 2"
            )
        length = y.shape[1] + y.shape[1] % 2 if nfft is None else nfft
        missing = length - y.shape[1]
        y = torch.nn.functional.pad(y, (0, 0, 0, missing)) if missing > 0 else y[:, :length]
        damped = y if gamma == 1.0 else y * _powers(gamma, length, y.dtype, y.device)
        made = cls(torch.fft.rfft(damped, dim=1), float(fs), length, matrix, gamma, target)
        made.__dict__["time"] = y  # known already
        return made

    def against(self, target: "Rendered | None") -> "Rendered":
        """Return this answer compared with another target; nothing kept is carried over but its time signal."""
        made = Rendered(self.spectrum, self.fs, self.nfft, self.matrix, self.gamma, target, self.whole)
        if "time" in self.__dict__:
            made.__dict__["time"] = self.time
        return made

    def at(self, bins: Tensor) -> "Rendered":
        """Return this at some of its frequencies; it has no time signal then."""
        target = None if self.target is None else self.target.at(bins)
        return Rendered(self.spectrum[:, bins], self.fs, self.nfft, self.matrix, self.gamma, target, False)

    @property
    def reference(self) -> "Rendered":
        """The target, or this answer if there is none."""
        return self if self.target is None else self.target

    @cached_property
    def magnitude(self) -> Tensor:
        """Magnitude spectrum, (batch, F, n_out)."""
        if self.gamma == 1.0 or not self.whole:
            return self.spectrum.abs()
        spectrum: Tensor = torch.fft.rfft(self.time, n=self.nfft, dim=1)
        return spectrum.abs()

    @cached_property
    def power_rows(self) -> Tensor:
        """Power spectra, (batch * n_out, F), with the decay against aliasing: smooth enough to compare powers by."""
        return self.spectrum.abs().mT.flatten(0, 1).square()

    @cached_property
    def time(self) -> Tensor:
        """Impulse responses, (batch, nfft, n_out)."""
        if not self.whole:
            raise ValueError(
                "only some frequencies of this answer are known, so it has no time signal: leave frequencies= out"
            )
        y: Tensor = torch.fft.irfft(self.spectrum, n=self.nfft, dim=1)
        if self.gamma == 1.0:
            return y
        return y * _powers(1.0 / self.gamma, self.nfft, y.dtype, y.device)

    @cached_property
    def rows(self) -> Tensor:
        """Impulse responses as rows, (batch * n_out, nfft)."""
        return self.time.mT.flatten(0, 1)

    @property
    def dtype(self) -> torch.dtype:
        """Real dtype of the numbers."""
        return torch.float64 if self.spectrum.dtype == torch.complex128 else torch.float32

    @property
    def device(self) -> torch.device:
        """Where the numbers are."""
        return self.spectrum.device

    def of(self, feature: Feature) -> tuple[Tensor, ...]:
        """Return a feature of this answer, computed on first use."""
        found: tuple[Tensor, ...] = self.keep(feature, lambda: feature(self))
        return found

    def keep(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what was kept under a key, made on first use: for what several features share."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]
