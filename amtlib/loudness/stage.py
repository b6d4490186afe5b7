"""What the stages of the loudness models share: constants that learn within bounds, and checks of patterns.
Not here: any stage (:mod:`amtlib.loudness.specific` and its neighbours).
"""

import math

import torch
from torch import Tensor

from amtlib.filterbanks.precision import check_values
from amtlib.inputs import Values
from amtlib.modules import RealModule
from amtlib.ranges import Above


class Stage(RealModule):
    """
    A stage of a loudness model: its constants are parameters (learnable) or buffers, each with its bounds.

    What is stored of a learned constant that is never negative is its logarithm, so that steps of 0.01 change it by
    1 % whatever its size. Where it would leave its bounds it stays at the bound, and its gradient is zero there.

    Parameters
    ----------
    learnable : bool
        Make the constants parameters.
    dtype : torch.dtype
        torch.float32 or torch.float64.

    Raises
    ------
    ValueError, TypeError
        If `dtype` is another one, or none.
    """

    def __init__(self, learnable: bool, dtype: torch.dtype) -> None:
        super().__init__(dtype)
        self.learnable = bool(learnable)
        self._bounds: dict[str, tuple[float, float]] = {}

    def _constant(self, name: str, value: Tensor | float, low: float, high: float) -> None:
        """Register a constant with the bounds it acts within; a single number is checked against them."""
        if not isinstance(value, Tensor):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"{name} = {value!r} is a {type(value).__name__}; give a number")
            if not low <= value <= high:
                raise ValueError(f"{name} = {value} is out of range; give {low:g} to {high:g}")
            value = torch.tensor(float(value), dtype=torch.float64)
        within = Above(low, high, clamps=True) if low >= 0.0 else None
        self._keep(name, value, self.learnable, within=within)
        self._bounds[name] = (low, high)

    def _value(self, name: str) -> Tensor:
        """Return a constant as it acts: within its bounds."""
        return self._now(name).clamp(*self._bounds[name])

    def _pattern(self, x: Values, name: str, like: Tensor, channels: int | None = None) -> Tensor:
        """Return specific loudness, shape (..., C), in the dtype in use, or say what is wrong with it."""
        x = check_values(x, name, like, "sone per Cam")
        if channels is not None:
            check_channels(x, name, channels)
        low = x.detach().min()
        if bool(low < 0.0):
            raise ValueError(f"{name} holds {float(low)}; loudness is never negative")
        return x


def check_channels(x: Tensor, name: str, channels: int) -> None:
    """Raise if the last axis does not hold the channels of a stage."""
    if x.shape[-1] != channels:
        raise ValueError(
            f"{name} has shape {tuple(x.shape)}, {x.shape[-1]} channels; this stage has {channels}: "
            "give all stages the same range and step of channels"
        )


def check_step(value: float, name: str, unit: str) -> float:
    """Return a step > 0 as a float, or say what is wrong with it."""
    if not math.isfinite(value) or value <= 0.0:
        raise ValueError(f"{name} = {value} {unit} is no step; give a finite number > 0")
    return float(value)
