"""The state of a lab: set by key, wrong values dropped alone, one change at a time, restored as it was."""

from typing import Any

import param
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from app.lab import LabModel, Section
from app.labs.filterbank.model import FilterbankModel
from app.page.view import LabView
from app.quantity import Quantity
from app.site import LABS
from tests.app.states import FIELDS, settings


def test_a_fresh_lab_has_an_empty_state() -> None:
    assert FilterbankModel().state() == {}


def test_a_wrong_value_is_dropped_alone_with_its_name_and_range() -> None:
    lab = FilterbankModel()
    notes = lab.update({"s.level": 500, "f.order": 2, "f.bandwidth": "wide", "v.time": 0.4})
    assert len(notes) == 2
    assert notes[0] == "Level is 500 dB SPL; give a number from -10 to 110 dB SPL. It stays at 60."
    assert "Bandwidth is “wide”" in notes[1]
    assert "from 0.1 to 5" in notes[1]
    assert lab.state() == {"f.order": "2", "v.time": "0.4"}


def test_an_unknown_key_is_named_and_left_out() -> None:
    lab = FilterbankModel()
    notes = lab.update({"x.y": 1, "f.order": 2})
    assert notes == ["“x.y” is not a setting of this lab and was left out."]
    assert lab.bank.order == 2


@given(
    st.dictionaries(
        st.one_of(st.sampled_from(sorted(FIELDS)), st.text(max_size=10)),
        st.one_of(
            st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=20), st.lists(st.none())
        ),
        max_size=8,
    )
)
def test_whatever_is_set_the_lab_stays_within_its_bounds(values: dict[str, Any]) -> None:
    lab = FilterbankModel()
    lab.update(values)
    for field in lab.fields.values():
        assert field.parse(field.value) == field.value


@given(settings())
def test_restoring_a_state_is_the_identity(values: dict[str, Any]) -> None:
    lab, other = FilterbankModel(), FilterbankModel()
    lab.update(values)
    state, before = lab.state(), lab.values()
    for target in (lab, other):
        assert target.restore(state) == []
        assert target.values() == before
        assert target.state() == state


@given(settings(), settings())
def test_restoring_does_not_depend_on_what_was_there(first: dict[str, Any], second: dict[str, Any]) -> None:
    lab, other = FilterbankModel(), FilterbankModel()
    lab.update(first)
    state, before = lab.state(), lab.values()
    other.update(second)
    other.restore(state)
    assert other.values() == before


def test_restoring_nothing_gives_a_fresh_lab() -> None:
    lab = FilterbankModel()
    lab.update({"f.low": 200, "f.channels": 90, "s.kind": "tone", "v.floor": 50})
    lab.restore({})
    assert lab.values() == FilterbankModel().values()


@pytest.mark.parametrize(
    "values",
    [
        {"s.level": 61},
        {"f.order": 2, "f.bandwidth": 2, "s.level": 40},
        {"f.fs": 16000, "f.low": 4000, "f.high": 300},
        {"f.spacing": 2},
    ],
    ids=str,
)
def test_one_update_is_one_change(values: dict[str, Any]) -> None:
    lab = FilterbankModel()
    lab.update(values)
    assert lab.version == 1


def test_a_restored_state_is_one_change() -> None:
    lab = FilterbankModel()
    lab.restore({"f.order": "2", "s.kind": "tone", "f.high": "4000"})
    assert lab.version == 1


def test_setting_what_is_already_there_is_no_change() -> None:
    lab = FilterbankModel()
    lab.update({"s.level": 60, "f.order": 4})
    assert lab.version == 0


def test_setting_a_parameter_directly_is_a_change_that_is_reconciled() -> None:
    lab = FilterbankModel()
    lab.bank.low = 4000
    lab.bank.high = 300
    assert lab.bank.low < lab.bank.high
    assert lab.version == 2


@limits(max_examples=200)
@given(settings("f.low", "f.high", "f.channels", "f.spacing", "f.fs", "v.floor", "v.ceiling"))
def test_the_range_is_always_in_order_and_below_half_the_sampling_rate(values: dict[str, Any]) -> None:
    lab = FilterbankModel()
    lab.update(values)
    bank = lab.bank
    assert bank.low < bank.high <= 0.45 * bank.fs + 0.5  # the limit is rounded to whole Hz
    assert lab.probe.floor <= lab.probe.ceiling - 20 + 1e-9  # rounding
    fc = lab.centre_frequencies()
    assert len(fc) == bank.channels
    assert bool((fc.diff() > 0).all())


def test_more_spacing_means_fewer_channels() -> None:
    lab = FilterbankModel()
    lab.update({"f.spacing": 2})
    # 30.4 ERB between 80 and 8000 Hz: 15 steps of about 2.
    assert lab.bank.channels == 16
    assert lab.bank.spacing == pytest.approx(2, abs=0.05)


def test_more_channels_mean_less_spacing() -> None:
    lab = FilterbankModel()
    before = lab.bank.spacing
    lab.update({"f.channels": 79})
    assert lab.bank.spacing == pytest.approx(before / 2, abs=0.01)


def test_another_range_moves_the_spacing_and_keeps_the_channels() -> None:
    lab = FilterbankModel()
    lab.update({"f.high": 4000})
    assert lab.bank.channels == 40
    assert lab.bank.spacing < 0.7


def test_a_moved_limit_is_told_in_a_sentence() -> None:
    lab = FilterbankModel()
    notes = lab.update({"f.fs": 16000})
    assert notes == ["The highest channel moved to 7200 Hz: it must stay below 0.45 of the sampling rate."]


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.slug)
def test_every_setting_is_shown_exactly_once(lab: type[LabView]) -> None:
    model = lab.model_class()
    keys = [control["key"] for section in model.schema() for control in section["controls"]]
    assert sorted(keys) == sorted(model.fields)


class _Line(param.Parameterized):
    slope = Quantity(1.0, bounds=(0, 4), step=0.5, label="Slope")
    offset = Quantity(0.0, bounds=(0, 4), step=0.5, label="Offset")


class _LineModel(LabModel):
    sections = (Section("Line", ("l.slope",)),)

    def __init__(self) -> None:
        super().__init__({"l": _Line(), "m": _Line()})


def test_a_setting_that_no_section_names_stands_behind_the_others_of_its_part() -> None:
    shown = {s["title"]: [control["key"] for control in s["controls"]] for s in _LineModel().schema()}
    assert shown == {"Line": ["l.slope", "l.offset"], "Settings": ["m.slope", "m.offset"]}


def test_a_control_that_comes_and_goes_depends_on_a_choice_that_is_always_there() -> None:
    lab = FilterbankModel()
    for key, needed in lab.visible_when().items():
        assert key in lab.fields
        for other, allowed in needed.items():
            assert other not in lab.visible_when()
            assert set(allowed) <= set(lab.fields[other].parameter.objects)


def test_the_key_controls_exist() -> None:
    assert len(FilterbankModel.key_controls) == 3
    assert set(FilterbankModel.key_controls) <= set(FIELDS)


@pytest.mark.usefixtures("nothing_shared")
def test_equal_settings_are_computed_once_for_all_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    compute = FilterbankModel._bandwidth
    monkeypatch.setattr(
        FilterbankModel, "_bandwidth", lambda self, *of: calls.append(1) or compute(self, *of)
    )
    first, second = FilterbankModel().result, FilterbankModel().result
    assert first is second
    assert len(calls) == 1
    with pytest.raises(ValueError, match="read-only"):
        second.envelope[0, 0] = 1.0
