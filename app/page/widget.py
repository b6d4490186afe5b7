"""One setting of a lab as a Panel widget, for pages and cells that a teacher puts together.
Not the lab's own controls: those are drawn by the page itself and cost a fraction of a widget.
"""

from collections.abc import Sequence
from typing import Any

import panel as pn
import param

from app.lab import LabModel
from app.quantity import Quantity, Text, rungs
from app.upstream import Unstyled


def control(model: LabModel, key: str, **settings: Any) -> pn.widgets.Widget:
    """Return a widget that sets one parameter of a lab and follows it.

    Parameters
    ----------
    model : LabModel
    key : str
        Of the parameter, such as ``"s.level"``; `LabModel.fields` has them all.
    **settings
        Of the widget, such as ``width``.

    Raises
    ------
    KeyError
        If the lab has no such parameter; the message lists those that it has.

    Examples
    --------
    >>> from app.labs.filterbank.model import FilterbankModel
    >>> lab = FilterbankModel()
    >>> slider = control(lab, "f.bandwidth")
    >>> slider.value = 2.0
    >>> lab.bank.bandwidth
    2.0
    """
    key = model.aliases.get(key, key)
    if key not in model.fields:
        raise KeyError(f"There is no setting {key!r}; choose one of {', '.join(model.fields)}.")
    field = model.fields[key]
    widget = _made(field.parameter, field.value, settings)

    following = False

    def set_model(event: Any) -> None:
        if not following:  # a slider stops near a value, not always at it
            model.update({key: event.new})
            follow()  # a value that was refused or moved goes back to what holds

    def follow(*_events: Any) -> None:
        nonlocal following
        following = True
        try:
            stops = widget.options if isinstance(widget, pn.widgets.DiscreteSlider) else ()
            widget.value = _nearest(stops, field.value) if stops else field.value
        finally:
            following = False

    widget.param.watch(set_model, "value")
    field.owner.param.watch(follow, field.name)
    return widget


def _made(parameter: Any, value: Any, settings: dict[str, Any]) -> pn.widgets.Widget:
    label = parameter.label
    common = {"design": Unstyled, **settings}
    if isinstance(parameter, Quantity):
        name = f"{label} ({parameter.unit})" if parameter.unit else label
        low, high = parameter.bounds
        if parameter.scale == "log":
            stops = rungs(parameter)
            return pn.widgets.DiscreteSlider(
                label=name, options=stops, value=_nearest(stops, value), **common
            )
        kind = pn.widgets.IntSlider if parameter.whole else pn.widgets.FloatSlider
        return kind(label=name, start=low, end=high, step=parameter.step, value=value, **common)
    if isinstance(parameter, param.Selector):
        options = parameter.names or {str(option): option for option in parameter.objects}
        return pn.widgets.Select(label=label, options=dict(options), value=value, **common)
    if isinstance(parameter, Text):
        return pn.widgets.TextInput(label=label, value=value, **common)
    return pn.widgets.Checkbox(label=label, value=value, **common)


def _nearest(stops: Sequence[float], value: float) -> float:
    return min(stops, key=lambda stop: abs(stop - value))
