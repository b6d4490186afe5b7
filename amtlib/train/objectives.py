"""What each mode of training compares: the input, the target, the losses and the domain they are measured in.
Source: the specification (`pyFDN.train.objectives`).
Not here: the losses themselves (:mod:`amtlib.train.losses`).
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from amtlib.train.losses import (
    FlatMagnitude,
    FlatPower,
    Loss,
    MatchCochleagram,
    MatchLoudness,
    MatchMelSpectrogram,
    MatchSpectrogram,
    Term,
    colorless_sparsity_loss,
)
from amtlib.train.losses.criteria import Criterion
from amtlib.train.losses.features import check_sizes
from amtlib.train.targets import prepare_target

Objective: TypeAlias = Literal[
    "colorless", "match_cochleagram", "match_loudness", "match_mel_spectrogram", "match_spectrogram"
]
#: (loss, weight, whether it is called with the model as a third argument)
Weighted: TypeAlias = tuple[Any, float, bool]


@dataclass(frozen=True)
class _Mode:
    """What a mode compares, and its losses by objective: the name in the log, and how the term is made."""

    domain: Literal["magnitude", "time"]
    losses: Mapping[str, tuple[str, Callable[[tuple[int, ...], float], Term]]]


def _matching(name: str, make: Callable[[tuple[int, ...], float], Term]) -> _Mode:
    return _Mode("time", {"mse": (name, make)})


_MODES = {
    "colorless": _Mode(
        "magnitude",
        {
            "mse": ("mse_loss", lambda sizes, fs: FlatMagnitude()),
            "power_variance": ("power_variance_loss", lambda sizes, fs: FlatPower()),
        },
    ),
    "match_cochleagram": _matching("MatchCochleagram", lambda sizes, fs: MatchCochleagram(fs)),
    "match_loudness": _matching("MatchLoudness", lambda sizes, fs: MatchLoudness(fs)),
    "match_mel_spectrogram": _matching("mel_mss_loss", lambda sizes, fs: MatchMelSpectrogram(sizes, fs=fs)),
    "match_spectrogram": _matching("mss_loss", lambda sizes, fs: MatchSpectrogram(sizes, fs=fs)),
}


def output_domain(mode: str) -> str:
    """
    Return what a mode compares: the model's output in time, or its magnitude.

    Parameters
    ----------
    mode : {'colorless', 'match_spectrogram', 'match_mel_spectrogram', 'match_cochleagram', 'match_loudness'}

    Returns
    -------
    {'time', 'magnitude'}

    Raises
    ------
    ValueError
        If there is no such mode.

    Examples
    --------
    >>> output_domain("colorless"), output_domain("match_spectrogram")
    ('magnitude', 'time')
    """
    given: Any = mode
    if isinstance(given, Loss):
        raise TypeError(f"mode is the loss {given!r}: give it as loss=, and leave the mode out")
    if mode not in _MODES:
        raise ValueError(f"unknown training mode {mode!r}; choose from {sorted(_MODES)}")
    return _MODES[mode].domain


def check_weight(value: Any, name: str) -> float:
    """
    Return a weight as a finite float >= 0, or raise.

    Examples
    --------
    >>> check_weight(1, "sparsity_alpha")
    1.0
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be one real number, got {value!r}: pass a float")
    if not 0.0 <= value < math.inf:
        raise ValueError(f"{name} = {value:g} must be finite and at least 0: 0 switches it off")
    return float(value)


def _check_criteria(criteria: Sequence[Any]) -> list[Weighted]:
    checked: list[Weighted] = []
    for item in criteria:
        if not isinstance(item, tuple | list) or len(item) != 3:
            raise TypeError(f"criteria must hold (criterion, alpha, requires_model), got {item!r}")
        criterion, alpha, requires_model = item
        if isinstance(criterion, Loss) and not isinstance(criterion, Criterion):
            checked += [(term, weight, False) for weight, term in (criterion * alpha).parts]
            continue
        if not callable(criterion):
            raise TypeError(
                f"criteria hold {criterion!r}, which cannot be called: give an nn.Module or a function"
            )
        real = isinstance(alpha, int | float | np.integer | np.floating) and not isinstance(alpha, bool)
        if not real or not math.isfinite(alpha):
            raise ValueError(f"criteria hold the weight {alpha!r}: give a finite number")
        checked.append((criterion, float(alpha), bool(requires_model)))
    if not checked:
        raise ValueError("criteria are empty: give at least one, or None for those of the mode")
    return checked


def _check_names(criteria: list[Weighted]) -> None:
    """Warn if two losses would be logged under one name."""
    names = [criterion.name for criterion, _, _ in criteria if isinstance(criterion, Term)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        warnings.warn(
            f"more than one loss is called {', '.join(twice)}: the second is logged as {twice[0]}_2; call it something "
            "by .named('...')",
            UserWarning,
            stacklevel=4,
        )


def build_objective(
    mode: str | None,
    *,
    target: npt.ArrayLike | Tensor | None,
    criteria: Sequence[Any] | None,
    sparsity_alpha: float,
    mss_nfft: Sequence[int],
    fs: float,
    nfft: int,
    n_in: int,
    n_out: int,
    device: torch.device | str | None,
    dtype: torch.dtype | None,
    objective: str = "mse",
    target_fs: float | None = None,
    loss: Loss | None = None,
) -> tuple[Tensor, Tensor, list[Weighted], str]:
    """
    Return the input, the target, the losses and the domain of a training mode.

    Parameters
    ----------
    mode : {'colorless', 'match_spectrogram', 'match_mel_spectrogram', 'match_cochleagram', 'match_loudness'}, or None
        A flat magnitude, or the likeness of a room's response in linear or mel spectrograms, in what an ear makes of
        it, or in loudness. None with a `loss` of one's own.
    target : array, shape (T,), (T, n_out) or (T, n_out, n_in)
        What the matching modes match; unused for 'colorless', whose target is a flat magnitude.
    criteria : list of (criterion, alpha, requires_model), or None
        Replaces the mode's losses and the penalty. Called ``criterion(y_pred, y_true)``, with the model as a third
        argument if `requires_model`; the losses of :mod:`amtlib.train.losses` are taken term by term.
    sparsity_alpha : float
        Weight of the penalty on zeros of the feedback matrix, >= 0.
    mss_nfft : tuple of int
        Window lengths of the spectrograms in samples, multiples of 4.
    fs, nfft, n_in, n_out, device, dtype
        Of the model.
    objective : {'mse', 'power_variance'}
        For 'colorless': mean square distance of the magnitude from 1, or the relative variance of the power.
    target_fs : float, optional
        Sampling rate of the target in Hz, if it is not that of the model.
    loss : Loss, optional
        Replaces the mode's losses and the penalty.

    Returns
    -------
    input : Tensor, shape (1, nfft, n_in) or (n_in, nfft, n_in)
        An impulse on all inputs at once, or for a 3-D target on one after the other.
    target : Tensor
        (1, nfft / 2 + 1, 1) ones for 'colorless' and for a loss without a target, else (1 or n_in, nfft, n_out).
    criteria : list of (criterion, alpha, requires_model)
    domain : {'time', 'magnitude'}

    Raises
    ------
    ValueError
        If the mode is unknown, its target missing or unfit, or a number out of range.
    TypeError
        If an argument has the wrong type.

    See Also
    --------
    TrainingRun : uses it.

    Examples
    --------
    >>> x, y, criteria, domain = build_objective(
    ...     "colorless", target=None, criteria=None, sparsity_alpha=0.2, mss_nfft=(256,), fs=48000.0, nfft=1024,
    ...     n_in=1, n_out=1, device="cpu", dtype=torch.float32)
    >>> x.shape, y.shape, [criterion.name for criterion, _, _ in criteria], domain
    (torch.Size([1, 1024, 1]), torch.Size([1, 513, 1]), ['mse_loss', '_ColorlessSparsity'], 'magnitude')
    """
    place, kind = torch.device(device or "cpu"), dtype or torch.float32
    alpha = check_weight(sparsity_alpha, "sparsity_alpha")
    chosen = _own(mode, criteria, loss)
    if mode is None:
        domain = "magnitude" if target is None else "time"
    else:
        domain = output_domain(mode)
    if objective not in _MODES["colorless"].losses:
        raise ValueError(f"unknown objective {objective!r}; choose from {sorted(_MODES['colorless'].losses)}")
    if objective != "mse":
        if mode is None or any(
            isinstance(c, Term) and not isinstance(c, Criterion) for c, _, _ in chosen or []
        ):
            raise ValueError(
                f"objective {objective!r} draws frequencies of its own, which no loss here reads: leave it out, and "
                "take FlatPower() for the variance of the power on the model's grid"
            )
        if mode != "colorless":
            raise ValueError(f"objective {objective!r} is for mode 'colorless', not {mode!r}: leave it out")
    source = torch.zeros(1, nfft, n_in, device=place, dtype=kind)
    source[:, 0] = 1.0
    if domain == "magnitude":
        for criterion, _, _ in chosen or []:
            if isinstance(criterion, Term) and criterion.needs_target:
                raise ValueError(
                    f"{criterion!r} needs a target: give target=, the impulse response to match"
                    + ("" if mode is None else f", and leave mode {mode!r} out: losses go by loss=")
                )
        wanted = torch.ones(1, nfft // 2 + 1, 1, device=place, dtype=kind)
    else:
        if target is None:
            raise ValueError(f"mode {mode!r} requires target=: give the impulse response to match")
        wanted = prepare_target(target, fs=fs, nfft=nfft, n_in=n_in, n_out=n_out, target_fs=target_fs)
        wanted = wanted.to(device=place, dtype=kind)
        if not torch.isfinite(wanted).all():
            raise ValueError(f"target has values that {kind} cannot hold: scale it down")
        if torch.as_tensor(target).ndim == 3:
            source = torch.zeros(n_in, nfft, n_in, device=place, dtype=kind)
            source[:, 0] = torch.eye(n_in, device=place, dtype=kind)
    if chosen is not None:
        return source, wanted, chosen, domain
    losses: list[Weighted] = [(_of_mode(str(mode), objective, mss_nfft, nfft, fs), 1.0, False)]
    if alpha > 0.0:
        losses.append((colorless_sparsity_loss(), alpha, True))
    return source, wanted, losses, domain


def _own(mode: str | None, criteria: Sequence[Any] | None, loss: Loss | None) -> list[Weighted] | None:
    """Return the losses given instead of a mode's, or None."""
    if loss is not None and not isinstance(loss, Loss):
        raise TypeError(
            f"loss is {loss!r}: give a loss of amtlib.train.losses, such as MatchCochleagram() + 0.1 * Sparsity(); "
            "modules of your own go into criteria="
        )
    if loss is not None and criteria is not None:
        raise ValueError("give loss= or criteria=, not both: add to the loss, or list it among the criteria")
    if mode is None and loss is None:
        raise ValueError(f"give a mode, one of {sorted(_MODES)}, or loss=, what to make small")
    found = None
    if loss is not None:
        found = _check_criteria([(loss, 1.0, False)])
    elif criteria is not None:
        found = _check_criteria(criteria)
    if found is not None:
        _check_names(found)
    return found


def _of_mode(
    mode: str,
    objective: str,
    mss_nfft: Sequence[int],
    nfft: int,
    fs: float,
) -> Criterion:
    """Return the loss of a mode under its published name."""
    sizes = tuple(mss_nfft)
    if mode in ("match_mel_spectrogram", "match_spectrogram"):
        check_sizes(sizes, "mss_nfft", nfft)
    name, make = _MODES[mode].losses[objective]
    return Criterion(make(tuple(map(int, sizes)), fs), name)
