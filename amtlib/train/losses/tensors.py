"""Tensors as answers, so that losses can be had of signals (B, T) in any network.
Not here: what losses read of an answer (:mod:`amtlib.train.losses.rendered`).
"""

from typing import Any

import torch
from torch import Tensor

from amtlib.train.losses.rendered import Rendered

#: Rate of signals that nobody asks the rate of.
_ANY_RATE = 1.0


def of_tensors(y: Any, target: Any, fs: float | None, matrix: Tensor | None) -> list[Rendered]:
    """
    Return an answer for each signal of a batch, with its target.

    Parameters
    ----------
    y : Tensor or array, shape (T,), (B, T) or (B, C, T)
    target : Tensor or array, shaped like `y` or one for all; or None
    fs : float, optional
        Sampling rate in Hz; None where no loss depends on it.
    matrix : Tensor, shape (N, N), optional
        Feedback matrix of all.

    Returns
    -------
    list of Rendered
        B answers of C outputs; one for ``(T,)``.

    Raises
    ------
    ValueError
        If a shape does not fit, or the target is not finite.
    TypeError
        If there are no floats.

    Examples
    --------
    >>> answers = of_tensors(torch.ones(3, 2, 8), torch.ones(8), 48000.0, None)
    >>> len(answers), answers[0].time.shape, answers[0].target is answers[1].target
    (3, torch.Size([1, 8, 2]), True)
    """
    signals = _floats(y, "y")
    if not 1 <= signals.ndim <= 3 or signals.shape[-1] < 2 or not signals.numel():
        raise ValueError(
            f"y has shape {tuple(signals.shape)}: give (T,), (B, T) or (B, C, T), time last, T at least 2"
        )
    rate = _ANY_RATE if fs is None else fs
    batch = _channels_last(signals)
    wanted: list[Rendered | None] = [None] * len(batch)
    if target is not None:
        given = _floats(target, "target").detach().to(signals)
        shape = tuple(given.shape)
        fits = 1 <= len(shape) <= signals.ndim and shape == tuple(signals.shape[-len(shape) :])
        if not fits:
            raise ValueError(
                f"target has shape {shape}, y {tuple(signals.shape)}: give one like y, or one for all of the batch"
            )
        if not bool(torch.isfinite(given).all()):
            raise ValueError("target has values that are not finite: replace them")
        if len(shape) == signals.ndim:
            wanted = [Rendered.of_response(one, rate) for one in _channels_last(given)]
        else:  # the same for all: its features are computed once
            shared = _channels_last(given.expand(signals.shape))[0]
            wanted = [Rendered.of_response(shared, rate)] * len(batch)
    return [
        Rendered.of_response(one, rate, target=goal, matrix=matrix)
        for one, goal in zip(batch, wanted, strict=True)
    ]


def of_matrix(matrix: Any) -> Rendered:
    """
    Return an answer of which nothing but its feedback matrix is known.

    Examples
    --------
    >>> of_matrix(torch.eye(2)).matrix.shape
    torch.Size([2, 2])
    """
    given = _floats(matrix, "matrix")
    if given.ndim != 2 or given.shape[0] != given.shape[1] or not len(given):
        raise ValueError(f"the feedback matrix has shape {tuple(given.shape)}: give a square one, (N, N)")
    return Rendered(given.new_zeros(1, 1, 1).to(torch.complex64), _ANY_RATE, 2, given, whole=False)


def _floats(values: Any, name: str) -> Tensor:
    """Return values as a tensor of float32 or float64."""
    found = values if isinstance(values, Tensor) else torch.as_tensor(values)
    if not found.is_floating_point():
        raise TypeError(
            f"{name} holds {found.dtype}: give floats; divide a file's integers by their largest value"
        )
    return found if found.dtype == torch.float64 else found.float()


def _channels_last(signals: Tensor) -> Tensor:
    """Return (T,), (B, T) or (B, C, T) as (B, T, C)."""
    if signals.ndim == 3:
        return signals.mT
    return signals.reshape(-1, signals.shape[-1], 1)
