"""Errors about arguments that keep what they say as fields, so that a page can say it in the words of its controls.

Both are a `ValueError`. Not for a wrong type (`TypeError`), nor for files (:class:`amtlib.audio.AudioError`).
"""

from collections.abc import Mapping


class _Labels(dict[str, str]):
    """Labels of arguments; one without a label keeps its name."""

    def __missing__(self, name: str) -> str:
        return name


class ArgumentError(ValueError):
    """Arguments that do not fit together.

    Parameters
    ----------
    template : str
        A sentence in which each argument's name stands in braces.

    Examples
    --------
    >>> error = ArgumentError("{highest} = 10 is below {lowest} = 30: raise {highest}")
    >>> str(error)
    'highest = 10 is below lowest = 30: raise highest'
    >>> error.worded({"highest": "the top"})
    'the top = 10 is below lowest = 30: raise the top'
    """

    def __init__(self, template: str) -> None:
        self.template = template
        super().__init__(self.worded({}))

    def worded(self, labels: Mapping[str, str]) -> str:
        """Return the sentence with these labels instead of the arguments' names."""
        return self.template.format_map(_Labels(labels))

    def __reduce__(self) -> tuple[type["ArgumentError"], tuple[str]]:
        return type(self), (self.template,)


class OutOfRange(ArgumentError):
    """An argument outside its closed range.

    Parameters
    ----------
    name : str
        The argument.
    value, low, high : float
        What was given, and the limits of what may be.
    unit : str
        Of all three.
    fix : str
        What to do.

    Examples
    --------
    >>> error = OutOfRange("level", 200.0, -100.0, 160.0, "dB SPL")
    >>> str(error)
    'level = 200 dB SPL is outside -100 to 160 dB SPL: choose a value in that range'
    >>> error.worded({"level": "“Level”"}).split(" is")[0], error.high
    ('“Level” = 200 dB SPL', 160.0)
    """

    def __init__(
        self, name: str, value: float, low: float, high: float, unit: str = "", fix: str = ""
    ) -> None:
        self.name, self.value, self.low, self.high, self.unit = name, value, low, high, unit
        self.fix = fix or "choose a value in that range"
        super().__init__("")

    def worded(self, labels: Mapping[str, str]) -> str:
        """Return the sentence with this label instead of the argument's name."""
        space = f" {self.unit}" if self.unit else ""
        name = labels.get(self.name, self.name)
        limits = (self.value, self.low, self.high)
        value, low, high = (f"{each:g}" if isinstance(each, float) else str(each) for each in limits)
        return f"{name} = {value}{space} is outside {low} to {high}{space}: {self.fix}"

    def __reduce__(self) -> tuple[type["OutOfRange"], tuple[object, ...]]:  # type: ignore[override]
        return type(self), (self.name, self.value, self.low, self.high, self.unit, self.fix)
