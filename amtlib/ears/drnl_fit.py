"""Fitting a DRNL filterbank to measured input/output curves.
Source: coordinates and descent as in notebooks 3 and 9: the height of the compressive branch in the middle of the
data is known well, its height b at 1 m/s only together with the exponent c.
Not here: the filterbank (:mod:`amtlib.filterbanks.drnl`).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from amtlib.ears.transmission import MiddleEarFilter
from amtlib.filterbanks.drnl import DRNLFilterbank
from amtlib.filterbanks.drnl_parameters import NAMES, DRNLParameters
from amtlib.progress import Progress, telling
from amtlib.scales import audfiltbw

#: RMS velocity that counts as 0 dB, m/s
REFERENCE = 1e-6
_P_REF = 20e-6
_RAMP, _ONSET, _STEADY = 0.005, 0.02, 0.02
#: A fit that still improves by more than this share in its last ten evaluations has not arrived.
_STILL = 1e-2


@dataclass(frozen=True)
class DRNLFit:
    """
    What :func:`fit_drnl` found.

    Attributes
    ----------
    bank : DRNLFilterbank
        The fitted ear, which may learn on; ``bank.values()`` are its parameters.
    history : tuple of float
        Root mean square error in dB at every evaluation.
    levels : Tensor, shape (L,)
        Levels of the tones in dB SPL.
    curve : Tensor, shape (F, L)
        The fitted input/output curves in dB re `reference`.
    problem : str
        Empty, or a sentence that says why the fit may be no good.
    """

    bank: DRNLFilterbank
    history: tuple[float, ...]
    levels: Tensor
    curve: Tensor
    problem: str

    @property
    def error(self) -> float:
        """Root mean square error in dB at the end."""
        return min(self.history)

    def __repr__(self) -> str:
        said = f", {self.problem}" if self.problem else ""
        return (
            f"DRNLFit({self.bank.num_channels} channels, {self.history[0]:.3g} dB -> {self.error:.3g} dB rms in "
            f"{len(self.history)} evaluations{said})"
        )


def fit_drnl(
    bank: DRNLFilterbank,
    levels: Tensor | Sequence[float] | npt.NDArray[np.floating | np.integer],
    outputs: Tensor | Sequence[Sequence[float]] | npt.NDArray[np.floating | np.integer],
    *,
    names: Sequence[str] = ("a", "b", "c"),
    weights: Tensor | npt.NDArray[np.floating | np.integer] | None = None,
    reference: float = REFERENCE,
    middle_ear: MiddleEarFilter | None = None,
    max_steps: int = 60,
    progress: Progress | None = None,
) -> DRNLFit:
    """
    Fit a DRNL filterbank to input/output curves: tones at each channel's own frequency.

    Parameters
    ----------
    bank : DRNLFilterbank or FastDRNLFilterbank
        Where to start; it stays as it is. A bank of normal hearing is a good start for most ears.
    levels : Tensor, shape (L,), or list or array of L numbers
        Levels of the tones at the eardrum in dB SPL, -50 to 150.
    outputs : Tensor, shape (F, L), or list or array
        Measured levels of the motion in dB re `reference`, one row a channel; NaN where nothing was measured. With one
        channel, (L,) will do.
    names : sequence of str
        The parameters to fit, of those of :class:`DRNLParameters`; others stay.
    weights : Tensor or array, shape (F, L), optional
        Weights of the squared errors, >= 0. Default: 1 each.
    reference : float
        RMS velocity in m/s that counts as 0 dB in `outputs`, number > 0. Default: 1 um/s.
    middle_ear : MiddleEarFilter, optional
        From pressure to stapes velocity. Default: ``MiddleEarFilter(bank.fs)``.
    max_steps : int
        Iterations of L-BFGS at most, >= 1.
    progress : callable or bool, optional
        Called with the share that is done, 0 to 1, after each evaluation; True for a progress bar.

    Returns
    -------
    DRNLFit
        The fitted bank, the error along the way, the fitted curves.

    Raises
    ------
    ValueError
        If shapes do not match, a number is out of its range, a channel has no data, or a name is none.

    Notes
    -----
    What is minimised is the mean squared error in dB. All parameters are stepped as logarithms (see
    :class:`DRNLFilterbank`), b by the height of the compressive branch at the middle level.

    Examples
    --------
    >>> from amtlib.filterbanks import parameters_at
    >>> usual = parameters_at([4000.0])
    >>> patient = DRNLFilterbank([4000.0], 32000, parameters=usual.scaled(a=0.1, b=0.7))
    >>> levels = torch.arange(0.0, 101.0, 10.0)
    >>> measured = io_curve(patient, levels)
    >>> fit = fit_drnl(DRNLFilterbank([4000.0], 32000), levels, measured)
    >>> fit.error < 0.05, abs(float(fit.bank.values().a / patient.a) - 1) < 0.01
    (True, True)
    """
    at = _levels(levels)
    target = torch.as_tensor(outputs, dtype=torch.float64).detach().cpu()
    if target.ndim == 1 and bank.num_channels == 1:
        target = target.unsqueeze(0)
    shape = (bank.num_channels, len(at))
    if target.shape != shape:
        raise ValueError(
            f"outputs has shape {tuple(target.shape)}; give one row for each of {shape[0]} channels, one column for "
            f"each of {shape[1]} levels: {shape}"
        )
    weight = torch.ones(shape, dtype=torch.float64)
    if weights is not None:
        weight = torch.as_tensor(weights, dtype=torch.float64).detach().cpu()
        if weight.shape != shape or not bool(((weight >= 0.0) & torch.isfinite(weight)).all()):
            raise ValueError(
                f"weights has shape {tuple(weight.shape)}; give finite numbers >= 0, shape {shape}"
            )
    if bool(target.isinf().any()):
        raise ValueError("outputs holds an infinite level; give NaN where nothing was measured")
    weight = torch.where(target.isnan(), 0.0, weight)
    empty = (weight.sum(-1) == 0.0).nonzero()
    if len(empty):
        raise ValueError(
            f"channel {int(empty[0])} at {float(bank.fc[int(empty[0])]):g} Hz has no data; leave it out of the bank"
        )
    wanted = tuple(dict.fromkeys(names))
    free = [name for name in NAMES if name not in bank._fixed]
    unknown = [name for name in wanted if name not in free]
    if unknown or not wanted:
        raise ValueError(f"names = {tuple(names)!r}; give some of {', '.join(free)}")
    if max_steps < 1:
        raise ValueError(f"max_steps = {max_steps}; give at least 1")
    if not (math.isfinite(reference) and reference > 0.0):
        raise ValueError(f"reference = {reference} m/s; give a number > 0, such as 1e-6")
    with telling(progress, "fit") as tell:
        return _descend(bank, at, target, weight, wanted, reference, middle_ear, max_steps, tell)


def io_curve(
    bank: DRNLFilterbank,
    levels: Tensor | Sequence[float] | npt.NDArray[np.floating | np.integer],
    *,
    reference: float = REFERENCE,
    middle_ear: MiddleEarFilter | None = None,
) -> Tensor:
    """
    Input/output curves of a DRNL filterbank: the motion of each channel for tones at its own frequency.

    Parameters
    ----------
    bank : DRNLFilterbank
        The ear.
    levels : Tensor, shape (L,), or list or array of L numbers
        Levels of the tones at the eardrum in dB SPL, -50 to 150.
    reference : float
        RMS velocity in m/s that counts as 0 dB.
    middle_ear : MiddleEarFilter, optional
        Default: ``MiddleEarFilter(bank.fs)``.

    Returns
    -------
    Tensor, shape (F, L), float64
        Levels of the steady part in dB re `reference`, without gradients.

    Raises
    ------
    ValueError
        If a level is out of range.

    Examples
    --------
    >>> io_curve(DRNLFilterbank([1000.0], 32000), [20.0, 60.0]).diff().item() < 25.0  # 40 dB become less
    True
    """
    places = _places(bank, _levels(levels), reference, middle_ear)
    values = vars(bank.values())
    with torch.no_grad():
        return torch.stack(
            [place.curve({n: v[i : i + 1] for n, v in values.items()}) for i, place in enumerate(places)]
        )


@dataclass(frozen=True)
class _Place:
    """One channel, and the tones it hears."""

    bank: DRNLFilterbank
    tones: Tensor
    steady: slice
    reference: float
    middle: float
    """Velocity of the stapes in the middle of the levels, m/s"""

    def curve(self, values: dict[str, Tensor]) -> Tensor:
        names = [name for name in NAMES if name not in self.bank._fixed]
        given = {name: values[name].cpu() for name in names if name in values}
        y = torch.func.functional_call(self.bank, given, (self.tones,))[:, 0, self.steady]
        levels: Tensor = 20.0 * (y.square().mean(-1).clamp_min(1e-60).sqrt() / self.reference).log10()
        return levels


def _levels(levels: Tensor | Sequence[float] | npt.NDArray[np.floating | np.integer]) -> Tensor:
    at = torch.as_tensor(levels, dtype=torch.float64).detach().cpu()
    if at.ndim != 1 or not len(at) or not bool(((at >= -50.0) & (at <= 150.0)).all()):
        shown = f"shape {tuple(at.shape)}" if at.ndim != 1 or not len(at) else f"{at.tolist()}"
        raise ValueError(f"levels has {shown}; give a list of levels from -50 to 150 dB SPL")
    return at


def _places(
    bank: DRNLFilterbank, levels: Tensor, reference: float, middle_ear: MiddleEarFilter | None
) -> list[_Place]:
    ear = MiddleEarFilter(bank.fs, dtype=torch.float64) if middle_ear is None else middle_ear
    values, found = bank.values(), []
    for i, f in enumerate(bank.fc.detach().double().tolist()):
        own = DRNLParameters(**{name: value[i : i + 1].cpu() for name, value in vars(values).items()})
        # Whole periods, once the filters have settled
        begin = max(_ONSET, 2.5 / float(audfiltbw(f)))
        length = max(1.0, round(_STEADY * f)) / f
        start, stop = round(begin * bank.fs), round((begin + length) * bank.fs)
        time = torch.arange(stop, dtype=torch.float64) / bank.fs
        unit = (
            torch.sin(2.0 * math.pi * f * time)
            * torch.sin(0.5 * math.pi * (time / _RAMP).clamp_max(1.0)) ** 2
        )
        peak = float(ear.frequency_response([f]).detach().abs()) * _P_REF * math.sqrt(2.0)
        found.append(
            _Place(
                bank.alike([f], own),
                peak * unit * 10.0 ** (levels.unsqueeze(-1) / 20.0),
                slice(start, stop),
                reference,
                peak * 10.0 ** (float(levels.aminmax().min + levels.aminmax().max) / 40.0),
            )
        )
    return found


def _descend(
    bank: DRNLFilterbank,
    levels: Tensor,
    target: Tensor,
    weight: Tensor,
    names: tuple[str, ...],
    reference: float,
    middle_ear: MiddleEarFilter | None,
    max_steps: int,
    tell: Callable[[float], object],
) -> DRNLFit:
    """Descend in logarithms by L-BFGS."""
    places = _places(bank, levels, reference, middle_ear)
    usual = {name: value.cpu() for name, value in vars(bank.values()).items()}
    spans = {name: bank._range(name) for name in names}
    start = torch.stack([spans[name].stored(usual[name]) for name in names])
    moved = torch.zeros_like(start, requires_grad=True)
    pivot = torch.tensor([math.log(place.middle) for place in places], dtype=torch.float64)

    def values() -> dict[str, Tensor]:
        stored = dict(zip(names, start + moved, strict=True))
        found = {name: spans[name].value(stored[name]) for name in names}
        if "b" in names and "c" in names:
            # What moves is the height of the branch at the pivot: b turns about it with c.
            found["b"] = spans["b"].value(stored["b"] - pivot * (found["c"] - usual["c"]))
        return found

    def curves() -> Tensor:
        now = values()
        return torch.stack(
            [place.curve({n: v[i : i + 1] for n, v in now.items()}) for i, place in enumerate(places)]
        )

    goal = torch.where(weight > 0.0, target, 0.0)
    history: list[float] = []
    best = (math.inf, moved.detach().clone())
    optimiser = torch.optim.LBFGS(
        [moved],
        max_iter=max_steps,
        max_eval=2 * max_steps,
        line_search_fn="strong_wolfe",
        tolerance_change=1e-7,
    )

    def closure() -> Tensor:
        nonlocal best
        optimiser.zero_grad()
        loss = (weight * (curves() - goal).square()).sum() / weight.sum()
        loss.backward()  # type: ignore[no-untyped-call]
        history.append(math.sqrt(loss.item()))
        if history[-1] < best[0]:
            best = (history[-1], moved.detach().clone())
        tell(min(1.0, len(history) / (2.0 * max_steps)))
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        moved.copy_(best[1])
        fitted = DRNLParameters(**{**usual, **values()})
        curve = curves()
    steps = int(optimiser.state[moved].get("n_iter", 0))
    before = min(history[:-10]) if len(history) > 10 else math.inf
    problem = ""
    if not math.isfinite(best[0]):
        problem = "the error is no number: check levels and outputs"
    elif steps >= max_steps and best[0] < (1.0 - _STILL) * before:
        problem = f"the error was still falling after {steps} steps: give a larger max_steps than {max_steps}"
    return DRNLFit(bank.alike(bank.fc, fitted, learnable=True), tuple(history), levels, curve, problem)
