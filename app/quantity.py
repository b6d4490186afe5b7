"""Settings of a lab: numbers with a unit, a step and a scale, declared once.

Sliders, links, validation and generated code all read these declarations; nothing here knows how a setting is drawn.
"""

import ast
import inspect
import itertools
import math
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import param


class Quantity(param.Number):
    """A number with a unit, such as 1000 Hz, that a slider can set.

    Parameters
    ----------
    default : float
        Value at the start.
    bounds : tuple of float
        Lowest and highest value, both allowed. Every quantity has both: they also guard the server.
    step : float
        What one step of the slider adds (``scale="linear"``), or to what a value is rounded (``scale="log"``, where
        one step is a fortieth of an octave or so).
    unit : str
        Printed after the value; "" for a plain number.
    scale : {"linear", "log"}
        How the slider maps its length to values.
    whole : bool
        Whether only whole numbers are allowed.
    """

    __slots__ = ("scale", "unit", "whole")
    _slot_defaults: ClassVar[dict[str, Any]] = {
        **param.Number._slot_defaults,
        "unit": "",
        "scale": "linear",
        "whole": False,
    }

    def __init__(
        self,
        default: float,
        *,
        bounds: tuple[float, float],
        step: float,
        unit: str = "",
        scale: str = "linear",
        whole: bool = False,
        **settings: Any,
    ) -> None:
        # param validates the default during its own initialisation, so what the check needs comes first.
        self.unit = unit
        self.scale = scale
        self.whole = whole
        super().__init__(default, bounds=bounds, step=step, **settings)

    if TYPE_CHECKING:  # what param's descriptors do

        def __get__(self, instance: Any, owner: Any = None) -> Any: ...
        def __set__(self, instance: Any, value: Any) -> None: ...

    def _validate(self, val: Any) -> None:
        super()._validate(val)
        if isinstance(val, int | float) and not math.isfinite(val):
            raise ValueError(f"{self.label} is {val}; give a finite number.")
        if self.whole and val != int(val):
            raise ValueError(f"{self.label} is {val}; give a whole number.")


def ratio(label: str, bounds: tuple[float, float]) -> Quantity:
    """Return a factor with which a model's own value is multiplied: 1 by default, on a logarithmic slider."""
    return Quantity(1.0, bounds=bounds, step=0.01, unit="×", scale="log", label=label)


class Settings(param.Parameterized):
    """One group of a lab's settings; the string below a parameter is its help text, unless it has a ``doc``.

    Strings are read from the source, so classes typed into a notebook need ``doc``.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        try:
            (declared,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
        except (OSError, TypeError, SyntaxError):  # there is no source
            return
        assert isinstance(declared, ast.ClassDef)
        for statement, below in itertools.pairwise(declared.body):
            match statement, below:
                case ast.Assign([ast.Name(name)]), ast.Expr(ast.Constant(str(text))):
                    parameter = vars(cls)[name]
                    if isinstance(parameter, param.Parameter) and parameter.doc is None:
                        parameter.doc = " ".join(text.split())


#: Steps of a logarithmic slider before equal rounded values are merged; the page's slider has as many.
LOG_STEPS = 400


def rungs(quantity: Quantity) -> list[float]:
    """Return the values that a logarithmic slider stops at: rounded, each once, from lowest to highest.

    Examples
    --------
    >>> rungs(Quantity(2, bounds=(1, 4), step=1, scale="log"))
    [1, 2.0, 3.0, 4]
    """
    low, high = quantity.bounds
    between = set()
    for i in range(1, LOG_STEPS):
        raw = low * (high / low) ** (i / LOG_STEPS)
        rounded = float(f"{round(float(f'{raw:.3g}') / quantity.step) * quantity.step:.10g}")
        if low < rounded < high:
            between.add(rounded)
    return [low, *sorted(between), high]


class Text(param.String):
    """A few words or numbers that a user types, such as ``"809, 877, 937"``.

    Parameters
    ----------
    default : str
        Text at the start, as `check` returns it.
    check : callable
        Takes what was typed and returns what is kept, or raises ``ValueError`` with a message.
    """

    __slots__ = ("check",)
    _slot_defaults: ClassVar[dict[str, Any]] = {**param.String._slot_defaults, "check": str}

    def __init__(self, default: str, *, check: Callable[[str], str], **more: Any) -> None:
        self.check = check
        super().__init__(default=default, **more)


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter as pages and links see it: where it lives and how it is written as text."""

    key: str
    owner: Any
    name: str

    @property
    def parameter(self) -> Any:
        """The declaration."""
        return self.owner.param.objects("existing")[self.name]  # [] would copy it for each page: 0.5 kB

    @property
    def value(self) -> Any:
        """The present value."""
        return getattr(self.owner, self.name)

    @property
    def is_default(self) -> bool:
        """Whether the value is the one a fresh lab starts with."""
        return bool(self.value == self.parameter.default)

    def text(self) -> str:
        """Write the value as in a link: short, and read back to the same value."""
        value = self.value
        if isinstance(value, bool):
            return "1" if value else "0"
        if isinstance(value, float):
            short = f"{value:.10g}"
            return short if float(short) == value else repr(value)
        return str(value)

    def parse(self, text: Any) -> Any:
        """Read a value from a link or a widget.

        Raises
        ------
        ValueError
            If it is not of the parameter's kind or out of its range; the message names value and range.
        """
        parameter = self.parameter
        if isinstance(parameter, Quantity):
            return self._number(parameter, text)
        if isinstance(parameter, param.Selector):
            known = {str(option): option for option in parameter.objects}
            if str(text) not in known:
                raise ValueError(
                    f"{parameter.label} is {shortened(text)}; choose one of {', '.join(map(str, known))}."
                )
            return known[str(text)]
        if isinstance(parameter, param.Boolean):
            if str(text).lower() not in {"0", "1", "true", "false"}:
                raise ValueError(f"{parameter.label} is {shortened(text)}; give 0 or 1.")
            return str(text).lower() in {"1", "true"}
        if isinstance(parameter, Text):
            return parameter.check(str(text))
        raise TypeError(f"{self.key} cannot be set from a link")

    @staticmethod
    def _number(parameter: Quantity, text: Any) -> float:
        low, high = parameter.bounds
        unit = f" {parameter.unit}" if parameter.unit else ""
        allowed = f"give a number from {low:g} to {high:g}{unit}."
        try:
            value = float(text)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"{parameter.label} is {shortened(text)}; {allowed}") from None
        if not (math.isfinite(value) and low <= value <= high):
            raise ValueError(f"{parameter.label} is {value:g}{unit}; {allowed}")
        if parameter.whole:
            if value != int(value):
                raise ValueError(f"{parameter.label} is {value:g}; give a whole number.")
            return int(value)
        return value

    def schema(self) -> dict[str, Any]:
        """Describe the parameter for the page: plain data that travels as JSON."""
        parameter = self.parameter
        entry: dict[str, Any] = {
            "key": self.key,
            "label": parameter.label,
            "help": parameter.doc or "",
            "default": parameter.default,
        }
        if isinstance(parameter, Quantity):
            low, high = parameter.bounds
            entry |= {
                "kind": "number",
                "min": low,
                "max": high,
                "step": parameter.step,
                "unit": parameter.unit,
                "scale": parameter.scale,
            }
        elif isinstance(parameter, param.Selector):
            names = parameter.names or {str(option): option for option in parameter.objects}
            entry |= {"kind": "choice", "options": [[option, name] for name, option in names.items()]}
        elif isinstance(parameter, Text):
            entry |= {"kind": "text"}
        else:
            entry |= {"kind": "flag"}
        return entry


def shortened(text: Any, limit: int = 40) -> str:
    """Quote what a user typed, cut to a length that fits a sentence."""
    written = str(text)
    return f"“{written[:limit]}…”" if len(written) > limit else f"“{written}”"
