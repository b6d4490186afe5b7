"""The parts of benchmarks/load.py that need no server."""

from urllib.parse import parse_qsl

import pytest

from app.lab import LabModel
from app.labs.cochlea.model import CochleaModel
from app.labs.fdn.model import FdnModel
from app.labs.filterbank.model import FilterbankModel
from app.labs.loudness.model import LoudnessModel
from app.labs.perception.model import PerceptionLabModel
from benchmarks.attackers import on_this_machine
from benchmarks.attacks import tally
from benchmarks.burner import KINDS, dearest, link
from benchmarks.classroom import Seen, others

MODELS: dict[str, type[LabModel]] = {
    "cochlea": CochleaModel,
    "filterbank": FilterbankModel,
    "fdn": FdnModel,
    "loudness": LoudnessModel,
    "perception": PerceptionLabModel,
}


@pytest.mark.parametrize("slug", sorted(MODELS))
def test_a_lab_takes_the_dearest_link_as_it_stands(slug: str) -> None:
    model = MODELS[slug]()  # type: ignore[call-arg]
    query = dict(parse_qsl(link(slug, 7, pinned=True)[1:]))
    pinned = dict(parse_qsl(query.pop("a")))
    assert model.update(query) == []
    assert {key: model.fields[key].text() for key in query} == query
    assert model.restore(pinned) == []
    assert pinned != query


def test_the_dearest_settings_stand_at_the_bounds_of_the_labs() -> None:
    assert dearest("cochlea")["t.channels"] == CochleaModel().fields["t.channels"].parameter.bounds[1]
    assert dearest("filterbank")["s.duration"] == FilterbankModel().fields["s.duration"].parameter.bounds[1]
    assert dearest("fdn")["n.lines"] == max(FdnModel().fields["n.lines"].parameter.objects)


def test_no_two_dear_links_are_the_same() -> None:
    for slug in {kind.slug for kind in KINDS}:
        assert len({link(slug, i) for i in range(100 * len(KINDS))}) == 100 * len(KINDS)


def test_a_class_is_judged_by_all_that_it_waited_for_meanwhile() -> None:
    seen = Seen(moved=[(0.0, 0.9), (0.95, 1.05), (1.5, 2.3), (3.1, 9.0)], opened=[(1.0, 1.25)])
    figures, met = others(seen, 1.0, 3.0)
    assert figures.split() == ["800", "800", "800", "|", "250", "250", "250"]
    assert not met
    assert others(Seen(moved=[(1.0, 1.2)]), 1.0, 3.0)[1]
    assert not others(Seen(), 1.0, 3.0)[1]  # no answer at all is no good one


def test_attacks_leave_this_machine_for_no_other() -> None:
    assert on_this_machine("http://localhost:5006/amt") == "http://127.0.0.1:5006/amt"
    assert on_this_machine("http://127.0.0.9") == "http://127.0.0.9:80"
    for elsewhere in (
        "http://192.168.1.4:5006",
        "http://example.org",
        "http://127.0.0.1.example.org",
        "nonsense",
    ):
        with pytest.raises(SystemExit, match="attacks go to this machine alone"):
            on_this_machine(elsewhere)


def test_what_many_attempts_ended_in_is_counted() -> None:
    assert tally(["served", "closed", "served"]) == "2 x served, 1 x closed"
