"""One audiogram for all labs: it stands in the link, goes along to other labs, and changes what the models hear."""

import base64
import io
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pytest
import torch
from scipy.io import wavfile

from amtlib import DRNLFilterbank, GammatoneFilterbank, HearingLoss, LoudnessRecruitment, Moore2016
from amtlib.filterbanks.drnl_parameters import parameters_at
from amtlib.filterbanks.gammatone import default_betamul
from amtlib.hearing_loss import Audiogram, hair_cell_loss, standard_audiogram
from amtlib.perception import Jepsen2008
from app.another_ear import POINTS, AnotherEar
from app.labs.cochlea import experiments
from app.labs.cochlea.experiments import FS
from app.labs.cochlea.model import CochleaModel
from app.labs.fdn.view import FdnLab
from app.labs.filterbank.model import FilterbankModel
from app.labs.filterbank.view import FilterbankLab
from app.labs.loudness.model import LoudnessModel
from app.labs.loudness.settings import AFTER
from app.labs.loudness.view import LoudnessLab
from app.labs.perception.chain import FS as RATE
from app.labs.perception.chain import MODELS
from app.labs.perception.model import PerceptionLabModel
from app.page.link import carried
from app.page.listen import PEAK_DBFS, SAFE_DBFS, sound_of
from app.site import LABS
from tests.app.conftest import Desk

WITH = [lab for lab in LABS if lab.model_class.has_another_ear]


def samples_of(answer: Any) -> np.ndarray:
    """Return what a browser plays, full scale at 1."""
    assert answer["type"] == "sound", answer
    return wavfile.read(io.BytesIO(base64.b64decode(answer["data"])))[1] / 32767.0


def level(x: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(x**2)))


# ---------------------------------------------------------------- state and link


def test_a_standard_audiogram_is_all_that_a_link_holds_of_it() -> None:
    lab = FilterbankModel()
    assert lab.update({"hl.audiogram": "S2"}) == []
    assert [getattr(lab.another_ear, name) for name in POINTS] == list(standard_audiogram("S2").levels)
    assert lab.state() == {"hl.audiogram": "S2"}


def test_a_point_that_is_moved_makes_an_audiogram_of_ones_own() -> None:
    lab = FilterbankModel()
    lab.update({"hl.audiogram": "N3"})
    lab.update({"hl.at1000": 60})
    assert lab.another_ear.audiogram == "own"
    again = FilterbankModel()
    assert again.restore(lab.state()) == []
    assert again.values() == lab.values()
    assert again.another_ear.measured.levels == (35.0, 35.0, 35.0, 35.0, 60.0, 45.0, 50.0, 55.0, 60.0, 65.0)


@pytest.mark.parametrize("before", ["hl.audiogram=N6", "hl.at500=30", "hl.audiogram=own"])
@pytest.mark.parametrize(
    "state", [{}, {"hl.audiogram": "N3"}, {"hl.at2000": "40"}, {"hl.audiogram": "N3", "hl.at2000": "40"}]
)
def test_a_state_is_restored_whatever_was_there_before(before: str, state: dict[str, str]) -> None:
    fresh, used = FilterbankModel(), FilterbankModel()
    used.update(dict(parse_qsl(before)))
    fresh.restore(state)
    used.restore(state)
    assert used.values() == fresh.values()


def test_a_point_beside_a_standard_audiogram_stands_and_the_others_follow() -> None:
    lab = FilterbankModel()
    lab.restore({"hl.audiogram": "N3", "hl.at2000": "40"})
    assert lab.another_ear.audiogram == "own"
    assert lab.another_ear.measured.levels == (35.0, 35.0, 35.0, 35.0, 40.0, 45.0, 40.0, 55.0, 60.0, 65.0)


def test_a_point_that_is_zero_survives_in_a_link_of_a_lesson_that_has_another_audiogram() -> None:
    lab = FilterbankModel()
    lab.update({"hl.audiogram": "N3"})
    lab.update({"hl.at1000": 0})
    assert lab.state()["hl.at1000"] == "0"


def test_levels_that_are_none_are_refused_with_their_range() -> None:
    (said,) = FilterbankModel().update({"hl.at1000": 130})
    assert "Loss at 1 kHz is 130 dB HL; give a number from 0 to 120 dB HL." in said


def test_undo_and_reset_bring_the_audiogram_back(desk: Desk) -> None:
    desk.send("set", values={"hl.audiogram": "N3"}, sequence=1, step=1)
    for step, y in ((2, 71.0), (2, 77.6), (3, 3.0)):
        desk.send("point", figure="audiogram", x=4100.0, y=y, sequence=1, step=step)
    ear = desk.lab.model.another_ear
    assert (ear.audiogram, ear.at4000) == ("own", 5.0)
    desk.send("undo")
    assert ear.at4000 == 80.0
    desk.send("undo")
    assert (ear.audiogram, ear.at4000) == ("N3", 60.0)
    desk.send("redo")
    assert (ear.audiogram, ear.at4000) == ("own", 80.0)
    desk.send("reset")
    if desk.lab.model.state():  # the page asks first
        desk.send("sure", do="all")
    assert desk.lab.model.state() == {}


@pytest.mark.parametrize("lab", WITH)
def test_the_audiogram_goes_along_from_lab_to_lab(lab: type[Any]) -> None:
    for query in ("hl.audiogram=S3", "hl.at750=30&hl.share=50"):
        sent, there = FilterbankModel(), lab.model_class()
        sent.update(dict(parse_qsl(query)))
        assert there.update(dict(parse_qsl(carried(sent)))) == []
        assert there.another_ear.key() == sent.another_ear.key()
    assert carried(FilterbankModel()) == ""


@pytest.mark.parametrize("lab", WITH)
def test_the_audiogram_is_drawn_only_where_there_is_one(lab: type[Any]) -> None:
    model = lab.model_class()
    assert not lab.figures["audiogram"].is_shown(model)
    model.update({"hl.audiogram": "N2"})
    assert lab.figures["audiogram"].is_shown(model)


def test_a_point_that_is_dragged_stays_within_its_bounds(desk: Desk) -> None:
    assert desk.lab.looked_at("audiogram", 240.0, 200.0) == {"hl.at250": 120}
    assert desk.lab.looked_at("audiogram", 1e-9, -7.0) == {"hl.at250": 0}
    assert desk.lab.looked_at("audiogram", 1700.0, 33.0) == {"hl.at1500": 35}


# ---------------------------------------------------------------- numbers


def test_an_audiogram_of_zeros_changes_no_number() -> None:
    normal, zero = FilterbankModel(), FilterbankModel()
    zero.update({"hl.audiogram": "own"})
    for name, values in normal.result.arrays().items():
        assert np.array_equal(values, zero.result.arrays()[name]), name
    assert zero.summary() == normal.summary()
    assert zero.code() == normal.code()


def test_channels_are_weaker_by_the_loss_and_wider_by_its_outer_part() -> None:
    lab = FilterbankModel()
    lab.update({"hl.audiogram": "S1", "hl.share": 60, "f.bandwidth": 1.5, "f.order": 3})
    fc = lab.centre_frequencies()
    loss = hair_cell_loss(standard_audiogram("S1"), fc, 0.6)
    bank = GammatoneFilterbank(fc, 32000, n=3, betamul=1.5 * default_betamul(3) * loss.broadening)
    expected = bank(lab.sound()) * 10 ** (-loss.total / 20)[:, None].float()
    torch.testing.assert_close(
        lab.filterbank()(lab.sound()), expected, rtol=0, atol=2e-6 * float(expected.max())
    )
    at = lab.channel
    torch.testing.assert_close(lab.channel_sound(), expected[at], rtol=0, atol=2e-6 * float(expected.max()))
    # A gammatone of order 3 that is one ERB wide falls by 3 dB over 0.87 ERB
    own = FilterbankModel()
    own.update({"f.bandwidth": 1.5 * float(loss.broadening[at]), "f.order": 3})
    assert lab.result.bandwidth_3db == pytest.approx(own.result.bandwidth_3db, rel=1e-3)


def test_the_sum_of_all_channels_is_weaker_by_a_loss_that_is_the_same_everywhere() -> None:
    normal, lost = (FilterbankModel(), FilterbankModel())
    for lab in (normal, lost):
        lab.update({"s.kind": "tone", "s.frequency": 1000})
    lost.update({f"hl.{name}": 30 for name in POINTS} | {"hl.share": 0})
    difference = level(normal.resynthesis().numpy()) - level(lost.resynthesis().numpy())
    assert difference == pytest.approx(30, abs=1e-3)


def test_the_script_has_the_numbers_of_the_picture() -> None:
    lab = FilterbankModel()
    lab.update({"s.kind": "tone", "hl.at1000": 35, "hl.share": 40})
    found: dict[str, Any] = {}
    exec(lab.code(), found)
    assert np.abs(found["excitation"].numpy() - lab.result.excitation).max() < 1e-9
    heard = lab.another_ear.hears(lab.sound(), 32000)
    torch.testing.assert_close(found["heard"], heard)


def test_in_the_cochlea_the_outer_part_of_the_loss_takes_gain_off_until_little_is_left() -> None:
    lab = CochleaModel()
    lab.update({"hl.audiogram": "N2", "t.cf": 2000})
    loss = hair_cell_loss(standard_audiogram("N2"), [2000.0])
    values = parameters_at([2000.0]).scaled(a=10 ** (-loss.outer / 20))
    bank = DRNLFilterbank(torch.tensor([2000.0], dtype=torch.float64), FS, parameters=values)
    tone = experiments.tones(np.array([2000.0]))
    assert np.array_equal(lab.input_output.total, experiments.sweep(bank, tone)[0])
    assert (lab.measures()["outer_loss_db"], lab.measures()["inner_loss_db"]) == (28.0, 7.0)
    # Soft sounds lose those 28 dB, but for what the linear path lets through
    assert 25 < (lab.input_output.normal - lab.input_output.total)[0] < 28
    deaf, none = CochleaModel(), CochleaModel()
    deaf.update({f"hl.{name}": 120 for name in POINTS} | {"hl.share": 100, "t.cf": 2000})
    none.update({"e.subject": "HIx", "t.cf": 2000})
    # At most 43 dB at 2 kHz, where this model's gain is 40: what is left of it adds to the linear path, 3 dB below it
    assert 3 < (deaf.input_output.total - none.input_output.total)[0] < 4


def test_the_cochlea_says_which_hair_cells_the_loss_is_one_of() -> None:
    lab = CochleaModel()
    lab.update({"hl.audiogram": "N3"})
    assert "Of 40 dB HL at 1000 Hz, 32 dB are due to outer hair cells" in lab.summary()
    lab.update({"hl.audiogram": "normal"})
    assert lab.summary() == CochleaModel().summary()


@pytest.mark.parametrize("model", ["jepsen2008", "dau1997"])
def test_perception_has_the_loss_in_front_of_its_hair_cells(model: str) -> None:
    lab = PerceptionLabModel()
    lab.update(
        {"m.model": model, "m.channels": 10, "hl.audiogram": "S1", "s.kind": "tone", "s.duration": 0.1}
    )
    fc = torch.from_numpy(lab.fc())
    loss = hair_cell_loss(standard_audiogram("S1"), fc)
    made = MODELS[model](RATE, fc=fc)
    inner = loss.total
    if isinstance(made, Jepsen2008):
        made.drnl.a *= 10 ** (-loss.outer / 20)
        inner = loss.inner
    with torch.no_grad():
        moved = made.basilar_membrane(lab.sound())[1]
        cells = made.hair_cell(moved * (10 ** (-inner / 20))[:, None].float())
    torch.testing.assert_close(lab.moved(), moved)
    torch.testing.assert_close(lab.followed(), cells)


@pytest.mark.parametrize("level", [60, 85])
def test_loudness_is_that_of_a_normal_ear_behind_the_simulation(level: float) -> None:
    lab, normal = LoudnessModel(), LoudnessModel()
    for each in (lab, normal):
        each.update({"s.level": level, "s.duration": 0.2})
    lab.update({"hl.audiogram": "N3", "p.step": 1})
    x = torch.nn.functional.pad(lab.sound(), (0, round(AFTER * 32000)))
    heard = HearingLoss("N3", 32000)(torch.stack([x, x]))
    found = Moore2016(32000, field="free", pad=True)(heard, return_stages=True)
    assert lab.course.peak == pytest.approx(float(found.long_term.max()), rel=1e-3)
    assert lab.course.peak < 0.8 * normal.course.peak
    assert "in front of the model" in lab.summary()
    # Recruitment is in the simulation: what comes out of it does not rise as the sound does
    assert LoudnessLab.figures["rise"].is_shown(normal)
    assert not LoudnessLab.figures["rise"].is_shown(lab)
    lab.update({"v.view": "growth"})
    assert lab.course.peak == pytest.approx(normal.course.peak, rel=0.01)
    assert "is one of a normal ear" in lab.summary()


def test_the_script_of_the_loudness_lab_has_the_ear_too() -> None:
    lab = LoudnessModel()
    lab.update({"s.duration": 0.1, "hl.audiogram": "S3", "p.step": 1})
    found: dict[str, Any] = {}
    exec(lab.code(), found)
    assert found["sone"] == pytest.approx(lab.course.peak, rel=1e-3)


def test_the_scripts_of_cochlea_and_perception_have_the_ear_too() -> None:
    cochlea, perception = CochleaModel(), PerceptionLabModel()
    perception.update({"m.channels": 10, "s.kind": "tone", "s.duration": 0.1})
    for lab in (cochlea, perception):
        lab.update({"hl.audiogram": "N3", "hl.share": 70})
    found: dict[str, Any] = {}
    exec(cochlea.code(), found)
    assert np.abs(found["response"].numpy() - cochlea.input_output.total).max() < 1e-6
    exec(perception.code(), found)
    torch.testing.assert_close(found["cells"], perception.followed(), rtol=1e-4, atol=1e-9)


# ---------------------------------------------------------------- hearing


@pytest.mark.usefixtures("nothing_shared")
@pytest.mark.parametrize("length", [4000, 30000])
def test_a_sound_is_heard_as_amtlib_simulates_it_and_computed_once(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ear, x = AnotherEar(audiogram="own", at4000=55.0), 0.02 * torch.randn(2, length)
    for loss in (55.0, 120.0):
        ear.at4000 = loss
        levels = [loss if name == "at4000" else 0.0 for name in POINTS]
        direct = HearingLoss(Audiogram(list(POINTS.values()), levels), 16000)
        heard = ear.hears(x, 16000)
        torch.testing.assert_close(heard, direct(x))
    for kind, part in ((HearingLoss, "forward"), (LoudnessRecruitment, "attenuated")):
        monkeypatch.setattr(kind, part, lambda self, *x: pytest.fail("computed again"))
    assert ear.hears(x.clone(), 16000) is heard
    assert AnotherEar().hears(x, 16000) is x


def test_while_a_point_is_dragged_a_short_sound_goes_through_the_filters_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ear, x = AnotherEar(audiogram="own", at4000=50.0), 0.02 * torch.randn(1000)
    ear.hears(x, 16000)
    monkeypatch.setattr(LoudnessRecruitment, "channels", lambda self, x: pytest.fail("filtered again"))
    ear.at4000 = 55.0
    assert not torch.equal(ear.hears(x, 16000), x)


def test_the_other_ear_hears_as_much_softer_as_the_loss_makes_it() -> None:
    page = FilterbankLab(link="s.kind=tone&s.level=70&s.duration=1&hl.audiogram=N3")
    normal, other = (sound_of(page, "input", other=each) for each in (False, True))
    heard = page.lab.another_ear.hears(page.lab.sound(), 32000)
    softer = level(page.lab.sound().numpy()) - level(heard.numpy())
    assert softer > 20
    # 16 bits: soft tones have few steps
    assert level(samples_of(normal)) - level(samples_of(other)) == pytest.approx(softer, abs=0.2)
    assert other["title"].endswith(f"heard with audiogram N3: {softer:.0f} dB softer")


@pytest.mark.parametrize("lab", [lab for lab in WITH if lab.model_class().stimulus])
@pytest.mark.parametrize("query", ["s.kind=click&s.level=110", "s.kind=white&s.level=110", "s.kind=silence"])
def test_no_sound_of_any_lab_is_louder_with_another_ear_than_what_is_safe(lab: type[Any], query: str) -> None:
    page = lab(link=f"{query}&s.duration=0.3&hl.at6000=120")
    for key in page.sounds:
        answer = sound_of(page, key, other=True)
        x = samples_of(answer)
        assert level(x + 1e-12) <= SAFE_DBFS + 0.5
        assert np.abs(x).max() <= 10 ** (PEAK_DBFS / 20) + 1e-4


def test_what_the_ear_has_made_of_a_sound_is_not_heard_by_it_again() -> None:
    page = FilterbankLab(link="hl.audiogram=N5")
    assert sound_of(page, "sum", other=True)["data"] == sound_of(page, "sum")["data"]


def test_sounds_without_a_unit_are_heard_as_at_65_db() -> None:
    page = FdnLab(link="hl.audiogram=N4")
    title, x, fs = page.sound("now")
    x = x * 20e-6 * 10 ** (65 / 20) / float(x.double().square().mean().sqrt())
    softer = level(x.numpy()) - level(HearingLoss("N4", fs)(x).numpy())
    assert sound_of(page, "now", other=True)["title"].endswith(f"N4: {softer:.0f} dB softer")
    assert sound_of(page, "now")["title"] == title


def test_a_page_asks_for_both_ears(desk: Desk) -> None:
    desk.put(hl__audiogram="N4")
    (normal,), (other,) = desk.send("sound", key="input"), desk.send("hear", key="input")
    assert level(samples_of(other)) < level(samples_of(normal)) - 20
    assert desk.send("hear", key="none")[0]["type"] == "failed"
