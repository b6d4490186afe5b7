"""Random valid settings of the filterbank lab, as a user could reach them with sliders, fields or a link."""

from typing import Any

import param
from hypothesis import strategies as st

from app.labs.filterbank.model import FilterbankModel
from app.quantity import Field, Quantity

FIELDS = FilterbankModel().fields


def value_of(field: Field) -> st.SearchStrategy[Any]:
    """Any value that the parameter allows."""
    parameter = field.parameter
    if isinstance(parameter, Quantity):
        low, high = parameter.bounds
        if parameter.whole:
            return st.integers(int(low), int(high))
        # What a slider can reach (few digits), the ends, and anything typed into the number beside it.
        return st.one_of(
            st.floats(low, high).map(lambda v: min(max(float(f"{v:.3g}"), low), high)),
            st.sampled_from([float(low), float(high)]),
            st.floats(low, high),
        )
    if isinstance(parameter, param.Selector):
        return st.sampled_from([option for option in parameter.objects if option != "file"])
    return st.booleans()


def settings(*keys: str) -> st.SearchStrategy[dict[str, Any]]:
    """Any of these settings (of all of them when none is named), each at any allowed value."""
    return st.fixed_dictionaries({}, optional={key: value_of(FIELDS[key]) for key in keys or FIELDS})
