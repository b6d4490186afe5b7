"""The exercises of each tutorial, one module a tutorial."""

import importlib
import pkgutil
from typing import Any

from amtlib.teaching.exercise import Exercise, Verdict

#: All exercises by name.
EXERCISES: dict[str, Exercise] = {
    exercise.name: exercise
    for found in pkgutil.iter_modules(__path__)
    for exercise in importlib.import_module(f"{__name__}.{found.name}").EXERCISES
}


def check(name: str, answer: Any) -> Verdict:
    """
    Judge the answer to an exercise of a tutorial.

    Parameters
    ----------
    name : str
        Of the exercise, such as "1.1": one of the keys of ``EXERCISES``.
    answer : object
        What it asks for; ``...`` as long as nothing has been written.

    Returns
    -------
    Verdict
        Shows itself in words, and has `right`.

    Raises
    ------
    ValueError
        If there is no such exercise.

    Examples
    --------
    >>> check("1.1", ...).right is None
    True
    """
    if name not in EXERCISES:
        raise ValueError(f"no exercise {name!r}; there are {', '.join(EXERCISES)}")
    return EXERCISES[name].check(answer)
