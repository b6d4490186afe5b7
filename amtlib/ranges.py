"""Ranges in which learned values stay, however far they are stepped: what is stored of each is a map of it.
An optimiser steps all numbers alike, so that logarithms suit values from 0.01 to 10000.
Not here: which value has which range, and the modules (:mod:`amtlib.modules`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

_LEAST = 1e-30
"""Values down to here have a logarithm of their own; smaller ones count as 0."""
_FURTHEST = 10.0
"""Logits end here: 4.5e-5 of the limit is left."""
_LEAST_DAMPING = math.log(1e-5)
"""Logarithm of the damping per sample of the narrowest resonance, which rings for 20 s at 48 kHz."""


class Range(Protocol):
    """A range, and what is stored of a value in it."""

    def stored(self, value: Tensor) -> Tensor:
        """Return what is stored of a value."""

    def value(self, stored: Tensor) -> Tensor:
        """Return the value; differentiable."""

    def gradient(self, stored: Tensor, gradient: Tensor) -> Tensor:
        """Turn the gradient with respect to what is stored into that with respect to the value."""

    def outside(self, value: Tensor) -> Tensor:
        """Return where a value is out of range."""

    def __str__(self) -> str:
        """Name the range."""


@dataclass(frozen=True)
class Above:
    """
    Values from `low` to `high`, stored as natural logarithms; with `low` = 0, 0 itself too, which then stays.

    Parameters
    ----------
    low, high : float
        The bounds, 0 <= low < high.
    clamps : bool
        Take a value out of range as the bound next to it; otherwise :meth:`outside` finds it.

    Examples
    --------
    >>> span = Above(0.0, 1e12)
    >>> span.value(span.stored(torch.tensor([0.0, 2.0])) + torch.tensor([0.0, 0.5]))
    tensor([0.0000, 3.2974])
    """

    low: float
    high: float
    clamps: bool = False

    def stored(self, value: Tensor) -> Tensor:
        """Return the logarithm."""
        return value.clamp(max(self.low, _LEAST), self.high).log()

    def value(self, stored: Tensor) -> Tensor:
        """Return the value of a logarithm."""
        least, most = math.log(max(self.low, _LEAST)), math.log(self.high)
        value = stored.clamp(least, most).exp()
        if self.low > 0.0:
            return value
        return torch.where(stored > least + 1e-3, value, 0.0 * value)

    def gradient(self, stored: Tensor, gradient: Tensor) -> Tensor:
        """Divide by the slope; where that is 0, so is the gradient."""
        slope = self.value(stored)
        return torch.where(slope > 0.0, gradient / slope, 0.0)

    def outside(self, value: Tensor) -> Tensor:
        """Return where a value is out of range; rounding is not."""
        if self.clamps:
            return torch.zeros_like(value, dtype=torch.bool)
        return ~((value >= self.low * (1.0 - 1e-6)) & (value <= self.high * (1.0 + 1e-6)))

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Below:
    """
    Values between 0 and `limit`, from 4.5e-5 of it to 4.5e-5 less than it, stored as logits of their share of it.

    Examples
    --------
    >>> span = Below(8000.0)
    >>> span.value(span.stored(torch.tensor([100.0, 7900.0])) + torch.tensor([0.01, 100.0]))
    tensor([ 100.99..., 7999.63...])
    """

    limit: float

    def stored(self, value: Tensor) -> Tensor:
        """Return the logit."""
        return torch.logit(value / self.limit)

    def value(self, stored: Tensor) -> Tensor:
        """Return the value of a logit."""
        return self.limit * torch.sigmoid(stored.clamp(-_FURTHEST, _FURTHEST))

    def gradient(self, stored: Tensor, gradient: Tensor) -> Tensor:
        """Divide by the slope."""
        value = self.value(stored)
        return gradient / (value * (1.0 - value / self.limit))

    def outside(self, value: Tensor) -> Tensor:
        """Return where a value is out of range; rounding is not."""
        share = torch.sigmoid(value.new_tensor(-_FURTHEST)) * (1.0 - 1e-3)
        return ~((value >= share * self.limit) & (value <= (1.0 - share) * self.limit))

    def __str__(self) -> str:
        share = 1.0 / (1.0 + math.exp(_FURTHEST))
        return f"{self.limit * share:.3g} to {self.limit * (1.0 - share):g}"


@dataclass(frozen=True)
class Polar:
    """
    Complex numbers, stored as logarithms of magnitude and of angle in pairs of reals; as poles, inside the unit circle.

    Angles are taken from 0 to 2 pi. Poles are stored as the logarithms of damping, ``-log |p|``, and of angle: a
    step of 0.01 changes the bandwidth and the frequency of a resonance by 1 % each. Of other numbers the angle itself
    is stored, since most are real.

    Parameters
    ----------
    poles : bool
        Keep the magnitude below 1.

    Examples
    --------
    >>> span = Polar(poles=True)
    >>> pole = torch.tensor([[0.0, 0.99]])
    >>> span.value(span.stored(pole) - torch.tensor([[5.0, 0.0]])).norm()
    tensor(0.9999)
    """

    poles: bool

    def stored(self, value: Tensor) -> Tensor:
        """Return the pair of logarithms, or the logarithm and the angle."""
        number = torch.view_as_complex(value.contiguous())
        size, angle = number.abs().clamp_min(_LEAST), number.angle()
        if self.poles:
            angle = angle.remainder(2.0 * math.pi)
            angle = torch.where(angle > 0.0, angle, 2.0 * math.pi)
            return torch.stack([(-size.log()).log(), angle.log()], -1)
        return torch.stack([size.log(), angle], -1)

    def value(self, stored: Tensor) -> Tensor:
        """Return real and imaginary part."""
        first, second = stored.unbind(-1)
        if self.poles:
            size, angle = torch.exp(-first.clamp(_LEAST_DAMPING, 4.0).exp()), second.clamp(-18.0, 2.0).exp()
        else:
            size, angle = first.clamp(math.log(_LEAST), 10.0).exp(), second
        return torch.stack([size * angle.cos(), size * angle.sin()], -1)

    def gradient(self, stored: Tensor, gradient: Tensor) -> Tensor:
        """Turn the pair of slopes into the gradient with respect to real and imaginary part."""
        number = torch.view_as_complex(self.value(stored).contiguous())
        first, second = (stored.exp() if self.poles else stored).unbind(-1)
        # With G the wanted gradient, conj(G) number holds the slopes by log |.| and, turned in sign, by angle
        along = -gradient[..., 0] / first if self.poles else gradient[..., 0]
        around = gradient[..., 1] / second if self.poles else gradient[..., 1]
        return torch.view_as_real((torch.complex(along, -around) / number).conj().resolve_conj())

    def outside(self, value: Tensor) -> Tensor:
        """Return where a value is out of range."""
        size = torch.linalg.vector_norm(value, dim=-1, keepdim=True)
        return ~(-size.log() > 0.999 * math.exp(_LEAST_DAMPING) if self.poles else torch.isfinite(size))

    def __str__(self) -> str:
        return "inside the unit circle" if self.poles else "finite"


class LearnedValue(Tensor):
    """
    The value of a learned parameter, computed from what its module stores; writing into it sets the parameter.

    Results of computations with it are ordinary tensors, with gradients; ``grad`` is the gradient with respect to the
    value. As into a parameter, one writes inside of ``torch.no_grad()``, or through ``data``.

    Examples
    --------
    >>> from amtlib import Moore2016AGC
    >>> agc = Moore2016AGC(learnable=True)
    >>> with torch.no_grad():
    ...     agc.attack_alpha.mul_(2.0)
    tensor(0.0900)
    >>> agc.attack_alpha
    tensor(0.0900, grad_fn=<AliasBackward0>)
    """

    write: Callable[[Tensor], None]
    gradient: Tensor | None

    @staticmethod
    def of(value: Tensor, write: Callable[[Tensor], None], gradient: Tensor | None = None) -> "LearnedValue":
        """Return a value that hands on what is written into it."""
        learned = value.as_subclass(LearnedValue)
        learned.write, learned.gradient = write, gradient
        return learned

    @property
    def grad(self) -> Tensor | None:  # type: ignore[override]
        """The gradient with respect to the value, if the parameter has one."""
        return self.gradient

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Hand on what is written into a value, or into its ``data``."""
        name = getattr(func, "__name__", "")
        writes = name == "__setitem__" or (name.endswith("_") and not name.startswith("__"))
        with torch._C.DisableTorchFunctionSubclass():
            if isinstance(args[0], cls) and (writes or func == _SET_DATA):
                value = args[0]
                if torch.is_grad_enabled() and value.requires_grad and func != _SET_DATA:
                    raise RuntimeError(f"{name} writes into a learned value; do so inside of torch.no_grad()")
                copy = args[1] if func == _SET_DATA else value.detach().as_subclass(Tensor).clone()
                if writes:
                    func(copy, *args[1:], **(kwargs or {}))
                value.write(copy)
                return cls.of(copy, value.write)
            found = func(*args, **(kwargs or {}))
            return cls.of(found, args[0].write) if func == _DATA else found

    def __repr__(self) -> str:  # type: ignore[override]
        return repr(self.as_subclass(Tensor))

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.as_subclass(Tensor).__reduce_ex__(protocol)  # type: ignore[no-untyped-call]

    # ``module.a *= 2.0`` computes a new value and assigns it
    def __iadd__(self, other: Any) -> Any:  # type: ignore[misc]
        return self + other

    def __isub__(self, other: Any) -> Any:  # type: ignore[misc]
        return self - other

    def __imul__(self, other: Any) -> Any:  # type: ignore[misc]
        return self * other

    def __itruediv__(self, other: Any) -> Any:  # type: ignore[misc]
        return self / other


_DATA = Tensor.data.__get__  # type: ignore[attr-defined]
_SET_DATA = Tensor.data.__set__  # type: ignore[attr-defined]
