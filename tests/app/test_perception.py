"""The perception lab: its stages are the library's, and a change keeps what is before it."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from amtlib import Dau1997, King2019, Osses2021, Paulick2024
from amtlib.experiments import ModelObserver, experiment
from amtlib.plot.axes import modulation_number
from app.labs.perception.chain import FS, RATES, SLOW
from app.labs.perception.figures import FIGURES, MODULATION
from app.labs.perception.model import PerceptionLabModel
from app.labs.perception.view import PerceptionLab

SHORT = {"s.kind": "am", "s.duration": 0.2, "m.channels": 10}


def lab(**settings: Any) -> PerceptionLabModel:
    found = PerceptionLabModel()
    assert found.update({**SHORT, **{key.replace("_", ".", 1): v for key, v in settings.items()}}) == []
    return found


@pytest.mark.parametrize(
    ("name", "kind"),
    [("paulick2024", Paulick2024), ("dau1997", Dau1997), ("osses2021", Osses2021), ("king2019", King2019)],
)
def test_the_stages_are_those_of_the_librarys_model(name: str, kind: Any) -> None:
    here = lab(m_model=name)
    stages = kind(FS, fc=torch.from_numpy(here.fc()))(here.sound(), return_stages=True)
    for found, expected in (
        (here.moved(), stages.basilar_membrane),
        (here.followed(), stages.hair_cell),
        (here.adapted(), stages.adapted),
    ):
        torch.testing.assert_close(found, expected)


def test_casp_is_the_librarys_model_to_the_end() -> None:
    here = lab()
    expected = Paulick2024(FS, fc=torch.from_numpy(here.fc()))
    assert expected.fs_internal == SLOW
    torch.testing.assert_close(here.internal(), expected(here.sound()))


@pytest.mark.parametrize(
    "settings",
    [
        {"h_cutoff": 0.5, "a_preset": "puschel1988", "a_speed": 2, "f_q": 3, "c_kind": "level"},
        {"m_model": "jepsen2008", "m_subject": "HIx", "a_limited": False, "c_kind": "am"},
        {"m_model": "dau1997", "h_cutoff": 2, "a_least.db": 6, "f_top": 100, "c_kind": "tone"},
        {"m_model": "osses2021", "a_limit": 7},
        {"m_model": "king2019", "f_top": 60, "c_kind": "level"},
    ],
)
def test_the_script_gives_the_numbers_of_the_page(settings: dict[str, Any]) -> None:
    here = lab(**{key.replace("least.db", "least_db"): value for key, value in settings.items()})
    names: dict[str, Any] = {}
    exec(here.code(), names)
    torch.testing.assert_close(names["internal"], here.internal())
    if here.compares:
        torch.testing.assert_close(names["y"], here.sound("second"))
    if here.decides:
        assert float(names["correct"]) == pytest.approx(here.difference.correct, rel=1e-4)


@pytest.mark.parametrize("name", ["paulick2024", "king2019"])
def test_a_model_that_was_set_otherwise_goes_back_to_what_it_was(name: str) -> None:
    here = lab(m_model=name)
    x, settings = here.sound(), {"h.cutoff": 2, "a.speed": 2, "f.q": 3, "hl.audiogram": "N3"}
    before, first = {key: here.values()[key] for key in settings}, here.model()(x)
    assert here.update(settings) == []
    assert here.model()(x).shape != first.shape
    assert here.update(before) == []
    torch.testing.assert_close(here.model()(x), first, rtol=0.0, atol=0.0)


def test_a_change_keeps_what_comes_before_it() -> None:
    here = lab()
    before = here.moved(), here.followed(), here.adapted(), here.internal()
    here.update({"f.q": 3})
    assert here.adapted() is before[2]
    assert here.internal() is not before[3]
    here.update({"a.speed": 2})
    assert here.followed() is before[1]
    assert here.adapted() is not before[2]
    here.update({"h.cutoff": 0.5})
    assert here.moved() is before[0]
    assert here.followed() is not before[1]


def test_a_model_brings_its_own_limit_and_its_own_q() -> None:
    here = lab(m_model="osses2021")
    assert here.adaptation.limit == 5.0
    here.update({"a.limit": 10})
    other = PerceptionLabModel()
    assert other.restore(here.state()) == []
    assert other.adaptation.limit == 10.0
    other.update({"m.model": "king2019"})
    assert (other.adaptation.limit, other.modulation.q) == (10.0, 1.0)


def test_the_observer_is_that_of_the_experiments() -> None:
    # The same tones, of which one is 2 dB stronger, and no noise: the same probability of a right answer
    here = PerceptionLabModel()
    here.update({"s.kind": "tone", "c.kind": "level", "c.step_db": 2, "s.duration": 0.3})
    heard = experiment("intensity_discrimination", fs=FS, duration=0.3, level=60, frequency=1000)
    observer = ModelObserver(Paulick2024(FS, fc=torch.from_numpy(here.fc())), supra=10.0)
    assert here.difference.correct == pytest.approx(observer.probability(heard, 2.0), abs=0.05)
    noise = math.sqrt(40.0)
    assert here.difference.correct == pytest.approx(
        1 - 0.5 * math.erfc((here.difference.d_prime * noise / noise * 0.765 - 0.423) * 0.7071068), abs=1e-6
    )


@pytest.mark.parametrize(
    ("settings", "gained"),
    [({"c.kind": "level", "c.step_db": 3}, 3.0), ({"c.kind": "am", "c.depth_db": 0}, 0.0)],
)
def test_the_second_sound_differs_as_it_is_set(settings: dict[str, Any], gained: float) -> None:
    here = lab()
    here.update(settings)
    first, other = (here.sound(which).square().mean() for which in ("first", "second"))
    assert float(10 * torch.log10(other / first)) == pytest.approx(gained, abs=1e-3)


def test_king_has_no_observer_and_nothing_to_adapt() -> None:
    here = lab(m_model="king2019", c_kind="level")
    assert not here.decides
    assert math.isnan(here.measures()["d_prime"])
    assert "told from" not in here.summary()
    assert here.difference.strength.any()


def test_silence_is_silent_at_all_stages() -> None:
    here = lab(s_kind="silence", c_kind="level")
    assert "is silent" in here.summary()
    assert here.difference.d_prime == 0.0
    page = PerceptionLab(here)
    page._refresh([])
    assert page.status.problem == ""


def test_the_sound_ends_where_all_of_it_is_computed_at_once() -> None:
    here = PerceptionLabModel()
    (problem,) = here.update({"s.duration": 5})
    assert "2" in problem
    assert here.stimulus.duration == 0.5


def test_a_click_in_a_picture_looks_at_place_and_moment() -> None:
    page = PerceptionLab(lab())
    assert page.pointed("adapted", 0.1, 20.0) == {"v.time": 0.1, "v.frequency": pytest.approx(1730, abs=30)}
    assert {*page.pointed("modulation", 3.0, 10.0)} == {"v.frequency"}


@pytest.mark.parametrize("q", [0.6, 2.0, 5.0])
@pytest.mark.parametrize("model", ["paulick2024", "king2019"])
def test_the_moment_in_silence_is_the_one_that_the_picture_shows(model: str, q: float) -> None:
    here = lab(m_model=model, f_q=q, v_time=0.11)
    (layer,) = (each for each in MODULATION.layers if each.name == "magnitude")
    film = layer.film(here, layer.between(here))
    _, places, shown = layer.values(here)
    bands = film["packed"].shape[1] // len(places)
    still = film["packed"][film["still"]].reshape(len(places), bands).astype(float)
    drawn = np.where(film["columns"] < 0, 0.0, still[:, film["columns"]])
    step = (film["high"] - film["low"]) / 255
    np.testing.assert_allclose(
        film["low"] + drawn * step, np.clip(shown, 0.0, film["high"]), atol=0.51 * step
    )
    assert FIGURES.moments() == [{"source": "modulation/magnitude", "sounds": ["input"]}]


def test_modulation_filters_are_equally_far_apart_on_their_axis() -> None:
    rates = lab().rates()
    np.testing.assert_allclose(np.diff(modulation_number(rates)), 1.0, atol=1e-12)


def test_loops_let_fast_modulation_through() -> None:
    found = lab().fluctuations
    assert len(found) == len(RATES)
    assert (np.diff(found) > 0.0).all()
