"""How answers are judged: numbers, functions that the reader writes, and choices."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Judge = Callable[[Any], str | None]


class Unsolved(Exception):
    """The answer is still the three dots."""


def number(
    expected: float | Callable[[], float],
    *,
    within: float,
    unit: str = "",
    mistakes: Sequence[tuple[float | Callable[[], float], str]] = (),
) -> Judge:
    """
    Make a judge of a number.

    Parameters
    ----------
    expected : float or callable
        The right value, or what computes it when an answer is judged.
    within : float
        Largest distance from it that is right, and from a mistake's value to be taken for that mistake; of the same
        unit, greater than 0.
    unit : str
        Of the value, in the words.
    mistakes : sequence of (float or callable, str)
        Values that a common mistake gives, and the sentence that helps.

    Examples
    --------
    >>> judge = number(6.0, within=0.1, unit="dB", mistakes=[(3.0, "That is twice the power, not the pressure.")])
    >>> judge(6.02)
    >>> judge(3.01)
    '3.01 dB: That is twice the power, not the pressure.'
    >>> judge(10)
    '10 dB is too much.'
    """

    def judge(answer: Any) -> str | None:
        _must_be_written(answer)
        try:
            value = float(detached(answer))
        except (TypeError, ValueError):
            return f"A single number is asked for{f', in {unit}' if unit else ''}; this is {_kind(answer)}."
        written = f"{value:.4g}{f' {unit}' if unit else ''}"
        if not math.isfinite(value):
            return f"{written} is no finite number."
        right = _value(expected)
        if abs(value - right) <= within:
            return None
        for wrong, words in mistakes:
            if abs(value - _value(wrong)) <= within:
                return f"{written}: {words}"
        return f"{written} is too {'much' if value > right else 'little'}."

    return judge


def function(
    expected: Callable[..., Any],
    cases: Sequence[tuple[Any, ...]],
    *,
    within: float = 1e-3,
    mistakes: Sequence[tuple[Callable[..., Any], str]] = (),
) -> Judge:
    """
    Make a judge of a function that the reader writes.

    Parameters
    ----------
    expected : callable
        The right function, of numbers, arrays or tensors.
    cases : sequence of tuple
        Arguments that both are called with; their values are compared.
    within : float
        Largest difference that is right, re the largest magnitude of the right value.
    mistakes : sequence of (callable, str)
        Functions that a common mistake gives, and the sentence that helps.

    Examples
    --------
    >>> judge = function(lambda x: x**2, [(2.0,), (3.0,)], mistakes=[(lambda x: 2 * x, "Square it, do not double it.")])
    >>> judge(lambda x: x * x)
    >>> judge(lambda x: x + x)
    'Square it, do not double it.'
    >>> judge(lambda x: x)
    'For 2.0 it gives 2, which is too little.'
    """

    def judge(answer: Any) -> str | None:
        _must_be_written(answer)
        if not callable(answer):
            return f"A function is asked for; this is {_kind(answer)}."
        given: list[Array] = []
        for case in cases:
            try:
                value = answer(*case)
            except Exception as error:  # whatever a reader's function may raise
                power = " A power is written `x**y` in Python." if "for ^:" in str(error) else ""
                return f"For {_arguments(case)} it raised {type(error).__name__}: {str(error).rstrip('.')}.{power}"
            _must_be_written(value)
            if value is None:
                return f"For {_arguments(case)} it gives nothing. Does it `return` what it has computed?"
            value = detached(value)
            if np.iscomplexobj(value):
                return f"For {_arguments(case)} it gives complex numbers; real ones are asked for."
            try:
                given.append(np.asarray(None if isinstance(value, str) else value, dtype=np.float64))
            except (TypeError, ValueError):
                return f"For {_arguments(case)} it gives {_kind(value)}; numbers are asked for."
        right = [np.asarray(expected(*case), dtype=np.float64) for case in cases]
        if all(_same(a, b, within) for a, b in zip(given, right, strict=True)):
            return None
        for mistake, words in mistakes:
            wrong = [np.asarray(mistake(*case), dtype=np.float64) for case in cases]
            if all(_same(a, b, within) for a, b in zip(given, wrong, strict=True)):
                return words
        return _first_difference(cases, given, right, within)

    return judge


def choice(right: str, others: Mapping[str, str]) -> Judge:
    """
    Make a judge of a choice: a prediction that is made before the cell below shows what happens.

    Parameters
    ----------
    right : str
        The right choice. Capitals do not matter in an answer, nor do spaces around it.
    others : mapping of str to str
        The other choices, and what is said to each.

    Examples
    --------
    >>> judge = choice("the bass", {"the treble": "There the filters are narrow in semitones."})
    >>> judge("the bass")
    >>> judge("the treble")
    'There the filters are narrow in semitones.'
    >>> judge("both")
    "'both' is none of the choices: 'the bass', 'the treble'."
    """
    choices = sorted([right, *others])
    wrong = {each.lower(): words for each, words in others.items()}

    def judge(answer: Any) -> str | None:
        _must_be_written(answer)
        offered = ", ".join(map(repr, choices))
        if not isinstance(answer, str):
            return f"One of the choices is asked for, with its quotation marks: {offered}; this is {_kind(answer)}."
        chosen = answer.strip().lower()
        if chosen == right.lower():
            return None
        return wrong.get(chosen, f"{answer!r} is none of the choices: {offered}.")

    return judge


def _must_be_written(answer: Any) -> None:
    if answer is ...:
        raise Unsolved


def detached(answer: Any) -> Any:
    """
    Return a tensor without its gradient history; anything else as it is.

    Examples
    --------
    >>> import torch
    >>> detached(torch.ones(2, requires_grad=True)), detached("word")
    (tensor([1., 1.]), 'word')
    """
    return answer.detach() if hasattr(answer, "detach") else answer


def _value(number: float | Callable[[], float]) -> float:
    return float(number() if callable(number) else number)


def _kind(answer: Any) -> str:
    shape = getattr(answer, "shape", None)
    name = type(answer).__name__
    article = "an" if name[0].lower() in "aeio" or name == "ndarray" else "a"
    return f"{article} {name}{f' of shape {tuple(shape)}' if shape else ''}"


def _arguments(case: tuple[Any, ...]) -> str:
    given = ", ".join(_kind(each) if getattr(each, "ndim", 0) else str(each) for each in case)
    return given if len(case) == 1 else f"({given})"


def _same(given: Array, right: Array, within: float) -> bool:
    if given.shape != right.shape:
        return False
    return bool(np.all(np.abs(given - right) <= within * np.abs(right).max(initial=0.0)))


def _first_difference(
    cases: Sequence[tuple[Any, ...]], given: Sequence[Array], right: Sequence[Array], within: float
) -> str:
    case, a, b = next(
        each for each in zip(cases, given, right, strict=True) if not _same(each[1], each[2], within)
    )
    if a.shape != b.shape:
        wanted, got = (f"an array of shape {x.shape}" if x.ndim else "a single number" for x in (b, a))
        return f"For {_arguments(case)} it gives {got}; {wanted} is asked for."
    if a.ndim == 0:
        off_by = "no finite number" if not np.isfinite(a) else "too much" if a > b else "too little"
        return f"For {_arguments(case)} it gives {float(a):.4g}, which is {off_by}."
    off = int((np.abs(a - b) > within * np.abs(b).max()).sum())
    return f"For {_arguments(case)} {off} of {a.size} values differ from the right ones."
