"""How the lab's settings change the constants of a loudness model, in the lab and in the code that it shows."""

import itertools
import operator
from typing import Any

import torch

from amtlib import Glasberg2002, Moore2016
from app.labs.loudness.settings import Parameters

#: Settings of both models: setting -> path of the constant that it changes, and the operation.
_CONSTANTS = {
    "level_dependence": ("excitation.level_dep_factor", "fill_"),
    "symmetric_level": ("excitation.reference_level", "fill_"),
    "flattest_skirt": ("excitation.min_p_lower", "fill_"),
    "scale": ("specific.C", "mul_"),
    "attack_short": ("{time}.short_term.attack_alpha", "mul_"),
    "release_short": ("{time}.short_term.release_alpha", "mul_"),
    "attack_long": ("{time}.long_term.attack_alpha", "mul_"),
    "release_long": ("{time}.long_term.release_alpha", "mul_"),
}
#: Settings of the later one alone: the earlier keeps all components of a spectrum, and has no inhibition.
_CONSTANTS_LATER = {
    "range_db": ("spectrum.threshold_max_minus", "fill_"),
    "floor_db": ("spectrum.threshold_absolute", "fill_"),
    "spread": ("binaural.smoothing.sigma", "fill_"),
    "exponent": ("binaural.inhibition.p", "fill_"),
}


def changes(parameters: Parameters, *, later: bool) -> list[tuple[str, str, Any]]:
    """Return what settings change in a model: path of the constant, operation, operand."""
    found: list[tuple[str, str, Any]] = []
    if parameters.edges != Parameters().edges:
        limits = [20.0, *parameters.edges, 15000.0]
        found.append(("spectrum.freq_limits", "copy_", [list(pair) for pair in itertools.pairwise(limits)]))
    for name, (path, operation) in (_CONSTANTS | (_CONSTANTS_LATER if later else {})).items():
        value = getattr(parameters, name)
        if value != parameters.param[name].default:
            found.append((path.format(time="temporal" if later else "integration"), operation, float(value)))
    return found


def set_parameters(model: Moore2016 | Glasberg2002, parameters: Parameters) -> None:
    """Set a model to the lab's parameters."""
    for path, operation, value in changes(parameters, later=isinstance(model, Moore2016)):
        constant = operator.attrgetter(path)(model)
        getattr(constant, operation)(torch.tensor(value) if operation == "copy_" else value)


def share_ear(model: Moore2016 | Glasberg2002, ear: Moore2016 | Glasberg2002, parameters: Parameters) -> None:
    """Let a model have the parts of one with the same ear (`chain.EAR`): each has 0.4 MB of tables and responses."""
    for name in ("ear", "spectrum", "excitation", "specific"):
        setattr(model, name, getattr(ear, name))
    if isinstance(model, Moore2016) and parameters.spread == parameters.param.spread.default:
        assert isinstance(ear, Moore2016)
        model.binaural.smoothing = ear.binaural.smoothing


def parameter_code(parameters: Parameters, *, later: bool) -> list[str]:
    """Return the lines of code that set a model to the lab's parameters."""
    return [
        f"model.{path}.{operation}({f'torch.tensor({value!r})' if operation == 'copy_' else repr(value)})"
        for path, operation, value in changes(parameters, later=later)
    ]
