"""The plain criteria of the specification: a flat magnitude, an even power, a matrix without zeros.
Source: definitions of the specification (losses of flamo 0.2.20), written anew; sparsity of
Dal Santo et al. (2025), EURASIP J. Audio Speech Music Process. 2025:13. Not here: losses that add up
(:mod:`amtlib.train.losses.composition`), spectrograms (:mod:`amtlib.train.losses.spectrograms`).
"""

import math
from typing import Any

from torch import Tensor, nn


class MeanSquare(nn.Module):
    """
    Mean square distance of the outputs' summed magnitude from the target.

    ``forward(y_pred, y_true)``: magnitudes (batch, F, n_out) and (1, F, 1); returns a number.

    Examples
    --------
    >>> import torch
    >>> MeanSquare()(torch.full((1, 3, 1), 1.5), torch.ones(1, 3, 1))
    tensor(0.2500)
    """

    log_key = "mse_loss"

    def forward(self, y_pred: Tensor, y_true: Tensor) -> Tensor:
        """Mean over batch and frequencies of (sum over outputs - target)^2."""
        return (y_pred.sum(dim=-1) - y_true.squeeze(-1)).square().mean()


class PowerVariance(nn.Module):
    """
    Relative variance of the power over frequency: 0 for a flat response, 1 for Gaussian noise, more for peaks.

    ``forward(y_pred, y_true)``: magnitudes (batch, F, n_out), `y_true` unused; returns the mean over batch and
    outputs. Invariant to gain, and unlike a square of magnitudes ruled by peaks: ringing modes count.

    Examples
    --------
    >>> import torch
    >>> PowerVariance()(torch.full((1, 8, 1), 3.0), torch.ones(1))
    tensor(0.)
    """

    log_key = "power_variance_loss"

    def forward(self, y_pred: Tensor, y_true: Tensor) -> Tensor:
        """Mean over frequency of (|H|^2 / mean |H|^2 - 1)^2."""
        power = y_pred.square()
        return (power / power.mean(dim=1, keepdim=True) - 1.0).square().mean()


class _ColorlessSparsity(nn.Module):
    """
    How sparse a feedback matrix is: 0 if all entries are equal in size, 1 for a permutation.

    ``forward(y_pred, y_target, model)``: reads the matrix in `model`; the other two are unused.
    """

    log_key = "_ColorlessSparsity"

    @staticmethod
    def of(a: Tensor) -> Tensor:
        """Return the measure of a matrix (N, N): ``(N sqrt N - sum |a|) / (N (sqrt N - 1))``; 0 for N = 1."""
        lines = a.shape[-1]
        if lines == 1:
            return 0.0 * a.sum()
        full = lines * math.sqrt(lines)
        return (full - a.abs().sum()) / (full - lines)

    def forward(self, y_pred: Tensor, y_target: Tensor, model: Any) -> Tensor:
        """Return the measure of the model's matrix."""
        core = model.get_core()
        loop = (core.branchA if hasattr(core, "branchA") else core).feedback_loop.feedback
        leaf = loop.mixing_matrix if hasattr(loop, "mixing_matrix") else loop
        return self.of(leaf.map(leaf.param))


def colorless_sparsity_loss() -> nn.Module:
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
    >>> colorless_sparsity_loss().of(torch.eye(4))
    tensor(1.)
    """
    return _ColorlessSparsity()
