"""What all modules of the library share: one real dtype, built anywhere, saved with their configuration.
Not here: what the modules compute.
"""

import functools
import inspect
import json
import sys
from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn

from amtlib.ranges import LearnedValue, Range
from amtlib.results import settings

_REAL = (torch.float32, torch.float64)
_KEY = "_extra_state"
#: Arguments that are no part of what a state belongs to: a state is loaded with other ones
_FREE = ("learnable", "dtype", "pad")
#: Numbers of a configuration are equal up to the rounding of float32.
_ROUNDING = 1e-6


class _BuiltAnywhere(type):
    """Builds on the CPU, where tables can be computed, and moves to torch's default device afterwards."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        asked = torch.get_default_device()
        if asked.type == "cpu":
            return super().__call__(*args, **kwargs)
        with torch.device("cpu"):
            module = super().__call__(*args, **kwargs)
        return module.to(asked)

    @property
    def __signature__(cls) -> inspect.Signature:
        given = inspect.signature(cls.__init__)  # type: ignore[misc]
        return given.replace(parameters=list(given.parameters.values())[1:], return_annotation=given.empty)


class RealModule(nn.Module, metaclass=_BuiltAnywhere):
    """
    A module whose parameters, buffers and results share one real dtype.

    ``.to(dtype)``, ``.double()`` and ``.float()`` change it. Half precision is refused; where it is asked of a module
    around this one, this one stays as it is, and works in float32 or float64 inside the other.

    A ``state_dict`` holds the values that may learn or be set, and the configuration they belong to; tables, which
    follow from the configuration, are built anew. Another configuration is refused when a state is loaded.

    A value that learns stays in its range however far it is stepped: what the parameter of its name holds is a
    logarithm or another map of it. The attribute shows the value, and ``module.name = value`` sets it.

    Parameters
    ----------
    dtype : torch.dtype
        torch.float32 or torch.float64.

    Raises
    ------
    ValueError
        If the dtype is another one.
    TypeError
        If it is no dtype.

    Examples
    --------
    >>> RealModule(torch.float32).double().dtype
    torch.float64
    """

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        if not isinstance(dtype, torch.dtype):
            raise TypeError(
                f"dtype = {dtype!r} is a {type(dtype).__name__}; give torch.float32 or torch.float64"
            )
        if dtype not in _REAL:
            raise ValueError(f"dtype = {dtype} is not supported; give torch.float32 or torch.float64")
        self.dtype = dtype
        self._built: dict[str, Tensor] = {}
        self._exact: set[str] = set()
        self._ranges: dict[str, Range] = {}

    def _keep(
        self, name: str, value: Tensor, learns: bool, *, exact: bool = False, within: Range | None = None
    ) -> None:
        """Register a value that may be set: a parameter if it learns, else a buffer; `exact` ones stay in float64."""
        if exact:
            self._exact.add(name)
        if within is not None:
            self._ranges[name] = within
            value = self._to_stored(name, value) if learns else value
        value = value.to(torch.float64 if exact else self.dtype, copy=True)
        if learns:
            self.register_parameter(name, nn.Parameter(value))
        else:
            self.register_buffer(name, value)

    def _table(self, name: str, value: Tensor) -> None:
        """Register numbers that follow from the configuration: no state, and as exact as the dtype in use."""
        self._built[name] = value.detach().cpu().to(torch.float64, copy=True)
        self.register_buffer(name, value.to(self.dtype, copy=True), persistent=False)

    def _fill_tables(self, device: torch.device | None = None) -> None:
        for name, exact in self._built.items():
            at = self._buffers[name]
            assert at is not None
            self._buffers[name] = exact.to(device or at.device, self.dtype)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Let the dtype follow a conversion, but not to half precision."""
        wanted = fn(torch.empty(0, dtype=self.dtype)).dtype
        kept = {id(t) for name in self._exact for t in _with_gradient(self._stored(name))}

        def follow(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            stays = wanted not in _REAL or id(tensor) in kept
            return moved if moved.dtype == tensor.dtype or not stays else tensor.to(moved.device)

        unbuilt = any(buffer is not None and buffer.is_meta for buffer in self._buffers.values())
        super()._apply(follow, recurse)  # type: ignore[no-untyped-call]
        converted = wanted in _REAL and wanted != self.dtype
        if converted:
            self.dtype = wanted
        if converted or unbuilt:
            self._fill_tables()
        return self

    def _stored(self, name: str) -> Tensor | None:
        """Return what is registered under a name."""
        return self._parameters[name] if name in self._parameters else self._buffers[name]

    def _is_mapped(self, name: str) -> bool:
        return name in self.__dict__.get("_ranges", ()) and name in self._parameters

    def _now(self, name: str) -> Tensor:
        """Return a value as it is now, with its gradient: for the module's own computations."""
        stored = self._stored(name)
        assert stored is not None
        return self._ranges[name].value(stored) if self._is_mapped(name) else stored

    def _to_stored(self, name: str, value: Tensor) -> Tensor:
        """Return what a module that learns stores of a value."""
        span = self._ranges[name]
        if not value.is_meta and bool((wrong := span.outside(value.detach())).any()):
            shown = value.detach()[wrong.expand_as(value)] if value.ndim else value.detach()
            raise ValueError(
                f"{name} holds {float(shown.reshape(-1)[0]):g}, and a module that learns keeps it {span}: give such a "
                "value, or build it with learnable=False"
            )
        return span.stored(value.double())

    def to_parameters(self, **values: Tensor) -> dict[str, Tensor]:
        """
        Return what the module's parameters hold for given values, as ``torch.func.functional_call`` takes it.

        Parameters
        ----------
        **values : Tensor
            By the names of the parameters or buffers.

        Returns
        -------
        dict of str to Tensor
            Logarithms, or what else is stored; the values themselves where the module does not learn. Differentiable.

        Raises
        ------
        ValueError
            If the module has no such value, or a value is out of its range.

        Examples
        --------
        >>> from amtlib import Moore2016AGC
        >>> Moore2016AGC(learnable=True).to_parameters(attack_alpha=torch.tensor(0.1))
        {'attack_alpha': tensor(-2.3026)}
        """
        names = [*self._parameters, *self._buffers]
        for name in values:
            if name not in names:
                raise ValueError(f"{type(self).__name__} has no value {name!r}; it has {', '.join(names)}")
        return {
            name: self._to_stored(name, value).to(value.dtype) if self._is_mapped(name) else value
            for name, value in values.items()
        }

    def __getattr__(self, name: str) -> Any:
        found: Any = super().__getattr__(name)
        if not self._is_mapped(name):
            return found
        span, gradient = self._ranges[name], None
        if found.is_leaf and found.grad is not None:
            gradient = span.gradient(found.detach(), found.grad)
        return LearnedValue.of(span.value(found), functools.partial(setattr, self, name), gradient)

    def __setattr__(self, name: str, value: Any) -> None:
        taken = self.__dict__.get("_parameters", {}).get(name)
        if taken is None or not self._is_mapped(name) or self.__dict__.get("_loading", False):
            super().__setattr__(name, value)
            return
        given = torch.as_tensor(value, dtype=torch.float64).detach().to(taken.device)
        stored = self._to_stored(name, given)
        try:
            stored = stored.expand_as(taken)
        except RuntimeError:
            raise ValueError(
                f"{name} has shape {tuple(taken.shape)}; a value of shape {tuple(given.shape)} does not fit"
            ) from None
        with torch.no_grad():
            taken.copy_(stored)

    def _shown(self, name: str, spec: str) -> str:
        """Format a single number for printing the module, wherever it is."""
        value = self._now(name)
        return "meta" if value.is_meta else format(float(value.detach()), spec)

    def __repr__(self) -> str:
        """One line: the settings, and the names of the parts, each of which prints itself."""
        parts = ", ".join(name for name, part in self.named_children() if part is not None)
        return f"{type(self).__name__}({self.extra_repr()}{f'; parts: {parts}' if parts else ''})"

    def _repr_html_(self) -> str:
        """Return a table of the settings and the parts, for a notebook."""
        parts = [name for name, part in self.named_children() if part is not None]
        return settings(type(self).__name__, self.configuration() | ({"parts": parts} if parts else {}))

    def _refuse(self, dtype: torch.dtype | None) -> None:
        if dtype is not None and dtype not in _REAL:
            raise ValueError(f"cannot convert to {dtype}; {type(self).__name__} works in float32 or float64")

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move or convert, as ``torch.nn.Module.to``; half precision is refused before anything changes."""
        self._refuse(torch._C._nn._parse_to(*args, **kwargs)[1])
        return super().to(*args, **kwargs)

    def half(self) -> Self:
        """Refuse: the models work in float32 or float64."""
        self._refuse(torch.float16)
        return self

    def bfloat16(self) -> Self:
        """Refuse: the models work in float32 or float64."""
        self._refuse(torch.bfloat16)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run `forward`, outside of what ``torch.compile`` compiles: the models are written for eager execution."""
        if "torch._dynamo" in sys.modules:
            return _outside_compiler()(super().__call__, *args, **kwargs)
        return super().__call__(*args, **kwargs)

    def configuration(self) -> dict[str, Any]:
        """
        Return the arguments that the module was built with, as far as its state depends on them.

        Returns
        -------
        dict
            Numbers, strings and lists by the names of the arguments.
        """
        found = {}
        for name in _arguments(type(self)):
            value = getattr(self, name, None)
            if isinstance(value, Tensor):
                if name not in self._built:
                    continue
                value = self._built[name].tolist()
            if name in vars(self) or name in self._built:
                found[name] = value
        return found

    def get_extra_state(self) -> Tensor:
        """Return the configuration as the bytes of a JSON text, which every file format for tensors takes."""
        learnable = bool(getattr(self, "learnable", False))
        # "mapped" tells states from those of before, in which all values are stored as they are
        mapped = [name for name in self._ranges if self._is_mapped(name)]
        text = json.dumps({**self.configuration(), "learnable": learnable, "mapped": mapped})
        return torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8).clone()

    def set_extra_state(self, state: Any) -> None:
        """Do nothing: the configuration has been compared when this is called."""

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        *rest: Any,
    ) -> None:
        """Refuse another configuration, and take checkpoints from before there was one: they hold tables."""
        missing, _, errors = rest
        saved = _decoded(state_dict.get(prefix + _KEY))
        here = self.configuration()
        wrong = [
            f"{name} = {_short(saved[name])} in the checkpoint, {_short(value)} here"
            for name, value in here.items()
            if name in saved and not _equal(saved[name], value)
        ]
        for name, exact in self._built.items():
            old = state_dict.pop(prefix + name, None)
            if old is not None and not _equal(old.detach().cpu().double().tolist(), exact.tolist()):
                wrong.append(
                    f"{name} = {_short(old.tolist())} in the checkpoint, {_short(exact.tolist())} here"
                )
        if wrong:
            errors.append(
                f"{prefix}{type(self).__name__} has another configuration: {'; '.join(wrong[:3])}. "
                "Build it as it was when it was saved."
            )
            return
        try:
            self._translate(state_dict, prefix, saved)
        except ValueError as error:
            errors.append(f"{prefix}{type(self).__name__}: {error}")
            return
        self._loading = True
        try:
            super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, *rest)
        finally:
            self._loading = False
        if prefix + _KEY in missing:
            missing.remove(prefix + _KEY)
        if any(buffer is not None and buffer.is_meta for buffer in self._buffers.values()):
            given = [t for t in (*self._parameters.values(), *self._buffers.values()) if t is not None]
            device = next((t.device for t in given if not t.is_meta), torch.device("cpu"))
            if local_metadata.get("assign_to_params_buffers", False):
                self._fill_tables(device)

    def _translate(self, state_dict: dict[str, Any], prefix: str, saved: dict[str, Any]) -> None:
        """Turn a state of other times, or of a module that learns, into one of this module."""
        for name, span in self._ranges.items():
            given, mapped = state_dict.get(prefix + name), name in saved.get("mapped", ())
            if isinstance(given, Tensor) and mapped != self._is_mapped(name):
                state_dict[prefix + name] = span.value(given) if mapped else self._to_stored(name, given)


@functools.cache
def _outside_compiler() -> Callable[..., Any]:
    disabled: Callable[..., Any] = torch.compiler.disable(_run)  # type: ignore[no-untyped-call]
    return disabled


def _run(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return call(*args, **kwargs)


@functools.cache
def _arguments(kind: type) -> tuple[str, ...]:
    return tuple(name for name in inspect.signature(kind).parameters if name not in _FREE)


def _with_gradient(tensor: Tensor | None) -> list[Tensor]:
    return [t for t in (tensor, None if tensor is None else tensor.grad) if t is not None]


def _decoded(state: Any) -> dict[str, Any]:
    if not isinstance(state, Tensor):
        return {}
    found: dict[str, Any] = json.loads(bytes(state.cpu().tolist()))
    return found


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_equal(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, int | float) and isinstance(b, int | float):
        return abs(a - b) <= _ROUNDING * max(abs(a), abs(b)) + sys.float_info.min
    return bool(a == b)


def _short(value: Any) -> str:
    if isinstance(value, list):
        shown = ", ".join(_short(each) for each in value[:4])
        return f"[{shown}{f', ... ({len(value)} values)' if len(value) > 4 else ''}]"
    return f"{value:.6g}" if isinstance(value, float) else repr(value)
