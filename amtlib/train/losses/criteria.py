"""Criteria as the specification has them: losses under its names and called with its tensors, and modules of one's own.

Source: `pyFDN.train` 0.1.0 and the losses of flamo 0.2.20 that it takes. Not here: the losses themselves
(:mod:`amtlib.train.losses.flat`, :mod:`amtlib.train.losses.match`), which of them a mode takes
(:mod:`amtlib.train.objectives`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy.typing as npt
import torch
from torch import Tensor

from amtlib.train.losses.composition import Compare, Named, Term
from amtlib.train.losses.distances import Difference, Mean
from amtlib.train.losses.features import MatrixSparsity
from amtlib.train.losses.rendered import Rendered
from amtlib.train.losses.tensors import of_matrix


class Measure(Protocol):
    """What training makes small: a :class:`Term`, or a module of one's own (:class:`Called`)."""

    @property
    def name(self) -> str:
        """What it is logged as."""
        ...

    @property
    def reads(self) -> str:
        """What it needs of the answer, see :class:`Feature`."""
        ...

    def value(self, answer: Rendered) -> Tensor:
        """Return the loss of an answer, shape ()."""
        ...


@dataclass(frozen=True, repr=False)
class Criterion(Named):
    """
    A term under the specification's name for it, which is also called as the specification calls its criteria.

    ``criterion(y_pred, y_true, model)``: magnitudes (batch, F, n_out), or samples (batch, T, n_out) for a term that
    reads the time signal. `y_true` is shaped alike, and unused where no target is needed, as is `model` where no matrix
    is.

    Examples
    --------
    >>> from amtlib.train.losses import FlatMagnitude
    >>> flat = Criterion(FlatMagnitude(), "mse_loss")
    >>> flat(torch.full((1, 3, 1), 1.5), torch.ones(1, 3, 1)), flat.name
    (tensor(0.2500), 'mse_loss')
    """

    def forward(
        self,
        y: Any,
        target: npt.ArrayLike | Tensor | Rendered | None = None,
        model: Any = None,
        *,
        fs: float | None = None,
        matrix: Tensor | None = None,
    ) -> Tensor:
        """
        Return the loss.

        Parameters
        ----------
        y : Tensor, shape (batch, F, n_out) or (batch, T, n_out), or Rendered
            Unused by a term that reads the feedback matrix of `model`.
        target : Tensor, shaped like `y`, or Rendered
        model : flamo Shell, optional
        fs : float, optional
            Sampling rate in Hz. Default: that which the term was made for.
        matrix : Tensor, shape (N, N), optional
            Feedback matrix, instead of a model.

        Returns
        -------
        Tensor, shape ()
        """
        if self.reads == "matrix" and not isinstance(y, Rendered):
            return self.value(
                of_matrix(_matrix(model) if model is not None else y if matrix is None else matrix)
            )
        if isinstance(y, Rendered) or not isinstance(y, Tensor):
            return super().forward(y, target, fs=fs, matrix=matrix)
        rate = fs or self.fs or 1.0
        if self.reads == "magnitude":
            return self.value(
                Rendered(torch.complex(y, torch.zeros_like(y)), rate, 2 * y.shape[1], whole=False)
            )
        wanted = None
        if self.needs_target:
            given = torch.as_tensor(target)
            if given.shape != y.shape or y.ndim != 3:
                raise ValueError(
                    f"y_pred and y_true have shapes {tuple(y.shape)} and {tuple(given.shape)}: give equal ones, "
                    "(batch, samples, channels)"
                )
            wanted = Rendered.of_response(given, rate)
        return self.value(Rendered.of_response(y, rate, target=wanted))


def _matrix(model: Any) -> Tensor:
    """Return the feedback matrix of a model."""
    core = model.get_core()
    loop = (core.branchA if hasattr(core, "branchA") else core).feedback_loop.feedback
    leaf = loop.mixing_matrix if hasattr(loop, "mixing_matrix") else loop
    matrix: Tensor = leaf.map(leaf.param)
    return matrix


#: Its sign is kept: of a matrix that is not kept orthogonal the published measure may fall below 0.
_SPARSITY = Compare(MatrixSparsity(), Difference(to=0.0), Mean())


@dataclass(frozen=True, repr=False)
class _ColorlessSparsity(Criterion):
    """How sparse a feedback matrix is; trainers that log criteria by their class find the published name."""

    term: Term = _SPARSITY
    label: str = "_ColorlessSparsity"


def colorless_sparsity_loss() -> Criterion:
    """
    Return the penalty on zeros of the feedback matrix, for criteria with ``requires_model=True``.

    Returns
    -------
    nn.Module
        ``penalty(y_pred, y_target, model)``, a number from 0 (all entries equal in size) to 1 (a permutation) for an
        orthogonal matrix; 0 for one line. A matrix that is not kept orthogonal has no lower bound.

    References
    ----------
    Dal Santo, Prawda, Schlecht and Valimaki (2025), EURASIP J. Audio Speech Music Process. 2025:13.

    Examples
    --------
    >>> import torch
    >>> colorless_sparsity_loss()(torch.eye(4))
    tensor(1.)
    """
    return _ColorlessSparsity()


@dataclass(frozen=True, eq=False)
class Called:
    """
    A criterion of one's own: any function of what the model answers and what it should answer.

    Parameters
    ----------
    call : callable
        ``call(y_pred, y_true)``, with the model as a third argument if there is one here.
    target : Tensor or None
        Samples that it should answer with, (batch, nfft, n_out). None: magnitudes are compared, with ones.
    model : flamo Shell, optional

    Examples
    --------
    >>> own = Called(torch.nn.functional.l1_loss, None)
    >>> own.name, own.value(Rendered(torch.full((1, 3, 1), 1.5 + 0j), 48000.0, 4))
    ('l1_loss', tensor(0.5000))
    """

    call: Callable[..., Tensor]
    target: Tensor | None
    model: Any = None

    @property
    def name(self) -> str:
        """Its `log_key`, or the name of the function or the class."""
        call = self.call
        return str(getattr(call, "log_key", None) or getattr(call, "__name__", type(call).__name__))

    @property
    def reads(self) -> str:
        """'magnitude' or 'time'."""
        return "magnitude" if self.target is None else "time"

    def value(self, answer: Rendered) -> Tensor:
        """Return the loss of an answer."""
        wanted, model = self.target, () if self.model is None else (self.model,)
        if wanted is None:
            magnitude = answer.magnitude
            return self.call(magnitude, magnitude.new_ones(1, magnitude.shape[1], 1), *model)
        return self.call(answer.time, wanted, *model)


def measures(
    criteria: Sequence[tuple[Any, float, bool]], domain: str, target: Tensor, model: Any
) -> list[tuple[Measure, float]]:
    """
    Return criteria as what can be measured of an answer, with their weights.

    Parameters
    ----------
    criteria : list of (criterion, alpha, requires_model)
    domain : {'time', 'magnitude'}
        What modules of one's own compare.
    target : Tensor
        With what, in the time domain.
    model : flamo Shell
        For those that require it.

    Returns
    -------
    list of (Measure, float)

    Examples
    --------
    >>> found = measures([(torch.nn.L1Loss(), 0.5, False)], "magnitude", torch.ones(1, 3, 1), None)
    >>> [(measure.name, weight) for measure, weight in found]
    [('L1Loss', 0.5)]
    """
    wanted = target if domain == "time" else None
    return [
        (c if isinstance(c, Term) else Called(c, wanted, model if requires_model else None), alpha)
        for c, alpha, requires_model in criteria
    ]
