"""Losses written as text, such as ``"FlatMagnitude() + 0.1 * FlatExcitation('peaks')"``: as they print themselves.

Not code that runs: names of losses, numbers and words, ``+`` and ``*``, and nothing else.
"""

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import amtlib.train.losses as losses
from amtlib.train.losses.composition import Loss, Term


def loss_names() -> dict[str, type[Term]]:
    """
    Return the named losses: each public `Term` that a module of :mod:`amtlib.train.losses` defines.

    Examples
    --------
    >>> "FlatMagnitude" in loss_names(), "Compare" in loss_names()
    (True, False)
    """
    return {made.__name__: made for made in _defined()}


def _defined() -> Iterator[type[Term]]:
    for module in pkgutil.iter_modules(losses.__path__):
        if module.name in (
            "composition",
            "criteria",
        ):  # building blocks, and what trainers call with an output
            continue
        found = importlib.import_module(f"{losses.__name__}.{module.name}")
        for each in vars(found).values():
            named = isinstance(each, type) and issubclass(each, Term) and each.__module__ == found.__name__
            if named and not each.__name__.startswith("_"):
                yield each


def read_loss(text: str) -> Loss:
    """
    Return the loss that a text describes, as ``repr`` writes it.

    Parameters
    ----------
    text : str
        Losses of :mod:`amtlib.train.losses` by name, with their settings, added and weighed.

    Raises
    ------
    ValueError
        If the text is anything else, or a loss refuses its settings.

    Examples
    --------
    >>> read_loss("FlatMagnitude() + 0.2*Sparsity()")
    FlatMagnitude() + 0.2 * Sparsity()
    >>> read_loss("FlatMagnitud()")
    Traceback (most recent call last):
    ...
    ValueError: loss: there is no loss 'FlatMagnitud'; choose from AsymmetricFlatMagnitude, ...
    """
    try:
        found = _read(ast.parse(text.strip(), mode="eval").body, text)
    except (SyntaxError, TypeError, RecursionError) as error:
        raise ValueError(f"loss {text!r} cannot be read ({error}): {_EXAMPLE}") from None
    if not isinstance(found, Loss):
        raise ValueError(f"loss {text!r} is no loss: {_EXAMPLE}")
    return found


_EXAMPLE = "write it as FlatMagnitude() + 0.2 * Sparsity()"


def _read(node: ast.expr, text: str) -> Any:
    match node:
        case ast.BinOp(left=left, op=ast.Add() | ast.Mult() as sign, right=right):
            a, b = _read(left, text), _read(right, text)
            if not isinstance(a, Loss) and not isinstance(b, Loss):
                raise ValueError(f"loss {text!r} adds or multiplies numbers: {_EXAMPLE}")
            return a + b if isinstance(sign, ast.Add) else a * b
        case ast.Call(func=ast.Name(id=name), args=given, keywords=named) if all(k.arg for k in named):
            settings = {str(each.arg): ast.literal_eval(each.value) for each in named}
            return _named(name)(*map(ast.literal_eval, given), **settings)
        case ast.Name(id=name):
            return _named(name)()
        case ast.Constant(value=int() | float() as number):
            return number
    raise ValueError(f"loss {text!r} cannot be read at {ast.unparse(node)!r}: {_EXAMPLE}")


def _named(name: str) -> type[Term]:
    known = loss_names()
    if name not in known:
        raise ValueError(f"loss: there is no loss {name!r}; choose from {', '.join(sorted(known))}")
    return known[name]
