"""What a training run refuses, what it warns of, and the message with which it ends.
Messages are those of the specification where it has them.
Not here: the target (:mod:`amtlib.train.targets`) and the losses (:mod:`amtlib.train.objectives`).
"""

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from amtlib.fdn.build import FDNBuild
from amtlib.fdn.growth import LoopGain, growing
from amtlib.train.descent import OPTIMIZERS, Descent
from amtlib.train.losses import Rendered, Term
from amtlib.train.losses.criteria import Measure
from amtlib.train.notices import ChannelsSummed, LoopGrows, ModesTooClose, ModesTooWide, TimeAliasing
from amtlib.train.objectives import output_domain
from amtlib.train.response import Response

# Below this level (dB) what wraps around in time is let pass.
_ALIAS_DB = -40.0
_ENDS = {
    "max_steps": "All {steps} steps are done.",
    "plateau": "The loss no longer falls: ended after {steps} steps.",
    "time_budget": "The time is up: ended after {steps} steps.",
    "stopped": "Stopped after {steps} steps.",
    "callback": "Ended after {steps} steps, as the callback asked.",
    "not_finite": "The loss stopped being a finite number at step {steps}: the learning rate {lr:g} is too high.",
    "diverged": "The loss ran away (now {loss:.3g}) by step {steps}: the learning rate {lr:g} is too high.",
    "failed": "The run failed at step {steps}: {error}.",
}


def whole_number(value: Any, name: str, least: int) -> int:
    """
    Return a whole number of at least `least` as an int, or raise.

    Examples
    --------
    >>> whole_number(3, "patience", 1)
    3
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be a whole number, got {value!r}: pass an int")
    if value < least:
        raise ValueError(f"{name} = {value} must be at least {least}: raise it")
    return int(value)


def positive_number(value: Any, name: str, *, zero: bool = False) -> float:
    """
    Return a finite number above 0 (or 0, if allowed) as a float, or raise.

    Examples
    --------
    >>> positive_number(1, "lr")
    1.0
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
        raise TypeError(f"{name} must be one real number, got {value!r}: pass a float")
    if not (0.0 < value < math.inf or (zero and value == 0.0)):
        raise ValueError(f"{name} = {value:g} must be finite and above 0: choose such a value")
    return float(value)


def check_settings(mode: str | None, optimizer: str, frequencies: Any, rng: Any, callback: Any) -> None:
    """
    Raise if a setting is unknown, or does not go with the mode.

    Examples
    --------
    >>> check_settings("colorless", "adam", 2048, 0, None)
    """
    if mode is not None:
        output_domain(mode)
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"Unknown optimizer {optimizer!r}. Use 'adam' or 'lbfgs'.")
    if frequencies is not None:
        whole_number(frequencies, "frequencies", 16)
        if mode not in (None, "colorless"):
            raise ValueError(
                f"frequencies = {frequencies} is for mode 'colorless', not {mode!r}: leave it out"
            )
    if rng is not None and (isinstance(rng, bool) or not isinstance(rng, int | np.integer)):
        raise TypeError(f"rng is a {type(rng).__name__}: give an int seed or None")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback is {callback!r}: give a function of one Step, or None")


def check_terms(
    losses: Sequence[tuple[Measure, float]],
    frequencies: int | None,
    response: Response,
    fs: float,
    goal: Rendered | None,
) -> None:
    """Raise if a loss cannot be had at drawn frequencies, or of responses of this length and rate."""
    terms = [measure for measure, _ in losses if isinstance(measure, Term)]
    if not terms:
        return
    with torch.no_grad():
        outputs = len(response.matrices().c)
        click = torch.zeros_like(response.source[:1, :, :1]).repeat(1, 1, outputs)
        click[:, 0] = 1.0
        plain = Rendered.of_response(click, fs, nfft=response.nfft)
        probe = Rendered(plain.spectrum, fs, response.nfft, response.matrices().a)
        for term in terms:
            if term.fs not in (None, fs):
                raise ValueError(
                    f"{term!r} is made for {term.fs:g} Hz, the network runs at {fs:g} Hz: leave its fs out"
                )
            feature, _, _ = term.definition()
            if frequencies is not None and feature.reads not in ("magnitude", "matrix"):
                raise ValueError(
                    f"frequencies = {frequencies} leaves gaps, and {term!r} reads the whole response: leave it out"
                )
            (probe if goal is None or not term.needs_target else goal).of(feature)


def check_start(
    mode: str | None,
    objective: str,
    response: Response,
    build: FDNBuild,
    *,
    in_time: bool,
    frequencies: int | None = None,
) -> None:
    """Raise or warn if the model does not suit the mode; see `TrainingRun`."""
    grown = growing(build)
    if grown is not None:
        raise ValueError(f"the network's loop grows: {_loop_grows(grown).described()}")
    if objective == "power_variance" and not response.fused:
        raise ValueError(
            "objective 'power_variance' needs a model as build_fdn makes it, with frozen delays and filters, and "
            "fused=True: build it so, or use objective='mse'"
        )
    if mode == "colorless" and (build.n_out != 1 or build.n_in != 1):
        warnings.warn(ChannelsSummed(build.n_in, build.n_out), stacklevel=4)
    if not in_time:
        _warn_of_modes_unseen(response, build, frequencies)
        return
    level = response.wrapped_db()
    if level > _ALIAS_DB:
        warnings.warn(TimeAliasing(response.nfft, level, math.ceil(level + 60.0)), stacklevel=4)


def _warn_of_modes_unseen(response: Response, build: FDNBuild, frequencies: int | None) -> None:
    """Warn if the modes of a lossless network lie too close together for its magnitude to show them."""
    if build.filters is not None or response.gamma == 1.0:
        return
    spacing, bins = build.fs / build.order, build.fs / response.nfft
    if bins > spacing:
        need = 2 ** math.ceil(math.log2(build.order))
        warnings.warn(ModesTooClose(spacing, response.nfft, bins, need), stacklevel=5)
    width = -math.log(response.gamma) * build.fs / math.pi
    if frequencies is not None and width > spacing / 2.0:
        db = max(math.floor(response.nfft / build.order * 0.5 * math.pi * 20.0 / math.log(10.0)), 1)
        warnings.warn(ModesTooWide(spacing, width, db), stacklevel=5)


def _loop_grows(grown: LoopGain) -> LoopGrows:
    return LoopGrows(grown.frequency, grown.gain, grown.growth)


def warn_of_growth(build: FDNBuild) -> None:
    """Warn if training a free feedback matrix has made the loop grow; see `TrainingRun`."""
    grown = growing(build)
    if grown is not None:
        warnings.warn(_loop_grows(grown), stacklevel=4)


def ending(reason: str, descent: Descent, error: BaseException | None) -> str:
    """Return a sentence or two on how a run ended, and what the model now holds."""
    last = descent.losses[-1] if descent.losses else math.nan
    message = _ENDS[reason].format(steps=descent.steps, lr=descent.lr, loss=last, error=error)
    if descent.best_step < 0:
        return message
    kept = f" The model holds its best state, loss {descent.best_loss:.6g} after {descent.best_step} steps."
    return message + kept
