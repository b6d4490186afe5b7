"""What a parameter declares is enough for slider, link and validation: bounds, unit, words, text and back."""

import math
from typing import Any

import numpy as np
import param
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.labs.filterbank.model import FilterbankModel
from app.quantity import Quantity, Settings, shortened
from app.site import LABS
from tests.app.states import FIELDS, value_of

NUMBERS = [key for key, field in FIELDS.items() if isinstance(field.parameter, Quantity)]
PLAIN_NUMBERS = {  # counts and ratios have no unit
    "s.lowest",
    "s.highest",
    "s.depth",
    "s.iterations",
    "s.seed",
    "f.channels",
    "f.order",
}

key_and_value = st.sampled_from(sorted(FIELDS)).flatmap(
    lambda key: st.tuples(st.just(key), value_of(FIELDS[key]))
)


@pytest.mark.parametrize("key", NUMBERS)
def test_a_number_declares_bounds_step_and_scale(key: str) -> None:
    number = FIELDS[key].parameter
    low, high = number.bounds
    assert math.isfinite(low)
    assert math.isfinite(high)
    assert low <= number.default <= high
    assert 0 < number.step < high - low
    assert number.scale == "linear" or (number.scale == "log" and low > 0)


@pytest.mark.parametrize("key", NUMBERS)
def test_a_number_has_a_unit_unless_it_is_a_count_or_a_ratio(key: str) -> None:
    assert bool(FIELDS[key].parameter.unit) != (key in PLAIN_NUMBERS)


@pytest.mark.parametrize("key", FIELDS)
def test_every_parameter_has_a_label_and_a_sentence_of_help(key: str) -> None:
    parameter = FIELDS[key].parameter
    assert parameter.label
    assert parameter.label[0].isupper()
    assert parameter.doc.endswith(".")


@given(key_and_value)
def test_a_value_written_to_a_link_is_read_back_as_the_same_value(pair: tuple[str, Any]) -> None:
    key, value = pair
    field = FilterbankModel().fields[key]
    setattr(field.owner, field.name, value)
    assert field.parse(field.text()) == field.value


@given(key_and_value)
def test_parse_keeps_the_type_of_the_default(pair: tuple[str, Any]) -> None:
    key, value = pair
    parsed = FIELDS[key].parse(str(value))
    if isinstance(FIELDS[key].parameter, Quantity):
        assert type(parsed) is (int if FIELDS[key].parameter.whole else float)
    else:
        assert type(parsed) is type(FIELDS[key].parameter.default)


@given(
    st.sampled_from(NUMBERS),
    st.one_of(
        st.floats(allow_nan=True, allow_infinity=True),
        st.text(max_size=60),
        st.integers(min_value=10**300, max_value=10**400),
        st.none(),
        st.lists(st.integers(), max_size=2),
        st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    ),
)
def test_parse_gives_an_allowed_number_or_a_sentence_with_the_range(key: str, given_value: Any) -> None:
    field = FIELDS[key]
    low, high = field.parameter.bounds
    try:
        value = field.parse(given_value)
    except ValueError as problem:
        text = str(problem)
        assert text.startswith(field.parameter.label)
        assert text.endswith(".")
        assert len(text) < 250
        assert f"from {low:g} to {high:g}" in text or "whole number" in text
    else:
        assert low <= value <= high


@pytest.mark.parametrize("key", [k for k in FIELDS if k not in NUMBERS])
@pytest.mark.parametrize(
    "wrong", ["", "no such thing", "<script>alert(1)</script>", None, 7, [], {}, "x" * 10_000]
)
def test_an_unknown_choice_gives_a_short_sentence(key: str, wrong: Any) -> None:
    with pytest.raises(
        ValueError, match=FIELDS[key].parameter.label.replace("(", r"\(").replace(")", r"\)")
    ) as e:
        FIELDS[key].parse(wrong)
    assert len(str(e.value)) < 300


class Example(param.Parameterized):
    share = Quantity(0.5, bounds=(0, 1), step=0.1, label="Share")
    count = Quantity(3, bounds=(1, 9), step=1, whole=True, label="Count")


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, 2.0, -0.1, np.float32("nan")])
def test_setting_a_number_outside_its_range_raises(wrong: float) -> None:
    with pytest.raises(ValueError, match=r"[Ss]hare"):
        Example(share=wrong)


def test_setting_a_count_to_a_fraction_raises() -> None:
    with pytest.raises(ValueError, match=r"Count is 2\.5; give a whole number"):
        Example(count=2.5)


def test_what_a_user_typed_is_quoted_and_cut() -> None:
    assert shortened("ab") == "“ab”"
    assert len(shortened("a" * 10_000)) < 50


@pytest.mark.parametrize("key", FIELDS)
def test_a_schema_says_all_that_a_control_needs(key: str) -> None:
    schema = FIELDS[key].schema()
    assert {"key", "label", "help", "default", "kind"} <= schema.keys()
    needed: dict[str, set[str]] = {
        "number": {"min", "max", "step", "unit", "scale"},
        "choice": {"options"},
        "flag": set(),
    }
    assert needed[schema["kind"]] <= schema.keys()


class Ladder(Settings):
    rungs = Quantity(3, bounds=(1, 9), step=1, label="Rungs")
    """How many there are,
    from bottom to top."""
    given = Quantity(3, bounds=(1, 9), step=1, label="Given", doc="Its own words.")
    """Not its help."""
    none = Quantity(3, bounds=(1, 9), step=1, label="None")


def test_the_string_below_a_setting_is_its_help_unless_it_has_one() -> None:
    help_texts = {name: Ladder.param[name].doc for name in ("rungs", "given", "none")}
    assert help_texts == {
        "rungs": "How many there are, from bottom to top.",
        "given": "Its own words.",
        "none": None,
    }


def test_settings_without_source_have_the_help_that_they_are_given() -> None:
    typed: dict[str, Any] = {"Settings": Settings, "Quantity": Quantity}
    exec(
        "class Typed(Settings):\n"
        "    x = Quantity(1, bounds=(0, 2), step=1, label='X', doc='Given.')\n"
        "    y = Quantity(1, bounds=(0, 2), step=1, label='Y')\n"
        "    'Below.'\n",
        typed,
    )
    assert (typed["Typed"].param.x.doc, typed["Typed"].param.y.doc) == ("Given.", None)


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.slug)
def test_every_control_has_a_help_text(lab: Any) -> None:
    assert [key for key, field in lab.model_class().fields.items() if not field.schema()["help"]] == []
