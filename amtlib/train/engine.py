"""Training in one call.
Source: signature and behaviour of the specification (`pyFDN.train.engine`).
Not here: the run itself (:mod:`amtlib.train.run`), which can be paused and watched.
"""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from amtlib.progress import Progress, telling
from amtlib.train.build import set_output
from amtlib.train.losses import Loss
from amtlib.train.objectives import output_domain
from amtlib.train.record import Step, TrainLog
from amtlib.train.run import TrainingRun

__all__ = ["TrainLog", "train_fdn"]

# Seconds between two lines of progress.
_EVERY = 1.0


def train_fdn(
    model: Any,
    mode: str | None = None,
    *,
    loss: Loss | None = None,
    target: npt.ArrayLike | Tensor | None = None,
    criteria: Sequence[Any] | None = None,
    sparsity_alpha: float | None = None,
    mss_nfft: Sequence[int] = (256, 512, 1024),
    max_steps: int = 2000,
    lr: float = 0.001,
    optimizer: str = "adam",
    patience: int = 10,
    tol: float = 1e-6,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    rng: int | None = None,
    log: bool = False,
    train_dir: str | Path | None = None,
    objective: str = "mse",
    frequencies: int | None = None,
    target_fs: float | None = None,
    target_noise: str = "remove",
    time_budget: float | None = None,
    callback: Callable[[Step], bool | None] | None = None,
    progress: Progress | None = None,
) -> TrainLog:
    """
    Train a model in place and return the log.

    Parameters
    ----------
    model, mode, loss, target, criteria, sparsity_alpha, mss_nfft, max_steps, lr, optimizer, patience, tol
    device, dtype
        See :class:`TrainingRun`.
    rng : int, optional
        Seed, of torch too (``torch.manual_seed``), which custom criteria may draw from.
    log : bool
        Print progress on stderr, and write checkpoints if `train_dir` is given.
    train_dir : path, optional
        Folder for ``checkpoints/model_e<step>.pt``, the model's ``state_dict`` after each step; only with `log`.
    objective, frequencies, target_fs, target_noise, time_budget, callback
        See :class:`TrainingRun`.
    progress : callable or bool, optional
        Called with the share done, of the steps or the time; True for a progress bar.

    Returns
    -------
    TrainLog
        History of the losses, and why it ended. The model is left in the best state met; with a `mode`, what
        ``model(x)`` gives is set to match it: magnitudes for 'colorless', samples for the others.

    Raises
    ------
    ValueError, TypeError
        As :class:`TrainingRun`.
    FloatingPointError
        If the loss is not finite at the start.

    Warns
    -----
    UserWarning
        As :class:`TrainingRun`.

    See Also
    --------
    extract_build : the trained network.

    Examples
    --------
    >>> from amtlib.train.build import build_fdn, extract_build
    >>> model = build_fdn(delays=[61, 73, 83, 97], rt=None, nfft=2**10, rng=1)
    >>> log = train_fdn(model, "colorless", max_steps=5, lr=1e-2)
    >>> log.steps_run, sorted(log.loss_log), log.best_loss < log.train_loss[0]
    (5, ['_ColorlessSparsity', 'mse_loss'], True)

    With a loss put together by hand:

    >>> from amtlib.train.losses import FlatExcitation, FlatMagnitude, Sparsity
    >>> loss = FlatMagnitude() + 0.1 * FlatExcitation() + 0.05 * Sparsity()
    >>> sorted(train_fdn(model, loss=loss, max_steps=2, lr=1e-2).loss_log)
    ['FlatExcitation', 'FlatMagnitude', 'Sparsity']
    """
    folder = None
    if log and train_dir is not None:
        folder = Path(train_dir) / "checkpoints"
        folder.mkdir(parents=True, exist_ok=True)
    printed = 0.0

    def each(step: Step) -> bool | None:
        nonlocal printed
        if folder is not None:
            torch.save(model.state_dict(), folder / f"model_e{step.index}.pt")
        if log and time.monotonic() - printed > _EVERY:
            printed = time.monotonic()
            sys.stderr.write(f"step {step.index + 1} of {max_steps}: loss {step.loss:.6f}\n")
        return None if callback is None else callback(step)

    if callback is not None and not callable(callback):
        raise TypeError(f"callback is {callback!r}: give a function of one Step, or None")
    run = TrainingRun(
        model,
        mode,
        loss=loss,
        target=target,
        target_fs=target_fs,
        target_noise=target_noise,
        objective=objective,
        criteria=criteria,
        sparsity_alpha=sparsity_alpha,
        mss_nfft=mss_nfft,
        frequencies=frequencies,
        max_steps=max_steps,
        lr=lr,
        optimizer=optimizer,
        patience=patience,
        tol=tol,
        device=device,
        dtype=dtype,
        rng=rng,
        time_budget=time_budget,
        callback=each,
    )
    if rng is not None:
        torch.manual_seed(rng)
    with telling(progress, "training") as tell:
        for _ in run:
            tell(run.progress)
    if mode is not None:
        set_output(model, output_domain(mode))
    if log:
        sys.stderr.write(f"{run.message} It took {run.seconds:.3g} s.\n")
    return run.log
