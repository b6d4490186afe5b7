"""The network of the FDN lab: drawn, taken apart, changed by hand; its response by octave; its runs remembered."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amtlib import fdn
from app.labs.fdn import flow, parts
from app.labs.fdn.history import MOST
from app.labs.fdn.levels import octave_levels
from app.labs.fdn.model import FdnModel
from app.labs.fdn.view import FdnLab
from app.page.part import LabPart

QUICK = {"n.lines": 4, "t.steps": 20}


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> FdnLab:
    monkeypatch.setattr(LabPart, "send", lambda self, message: None)
    return FdnLab(link="&".join(f"{key}={value}" for key, value in QUICK.items()))


def train(page: FdnLab) -> None:
    page.act("play")
    assert page.lab.run is not None
    assert page.lab.run.join(60)
    page.refresh()


# ------------------------------------------------------------------ the response


def test_a_flat_network_looks_flat() -> None:
    # One delay that feeds itself and is heard with the direct sound: Schroeder's allpass, of magnitude 1 everywhere.
    gain = 0.7
    allpass = fdn.FDNBuild([[gain]], [1.0], [1 - gain**2], -gain, [997], 48000)
    levels = octave_levels(np.abs(fdn.transfer_function(allpass, 2**15)), 48000)
    assert np.abs([levels.mean, levels.low, levels.high]).max() < 1e-6


def test_a_response_like_noise_has_a_level_mean_and_the_same_band_at_all_frequencies() -> None:
    noise = np.random.default_rng(0).standard_normal((2, 2**16 + 1))
    levels = octave_levels(np.hypot(*noise), 48000)
    # Powers are exponentially distributed: 5 and 95 % of them lie below 0.0513 and 2.996 times their mean.
    many = levels.centres > 500
    np.testing.assert_allclose(levels.mean[many], 0.0, atol=0.4)
    np.testing.assert_allclose(levels.low[many], 10 * np.log10(-np.log(0.95)), atol=0.9)
    np.testing.assert_allclose(levels.high[many], 10 * np.log10(-np.log(0.05)), atol=0.4)


def test_the_network_that_the_lab_opens_with_does_not_rise_towards_high_frequencies() -> None:
    levels = FdnModel().start_analysis().levels
    high = levels.centres > 500
    assert np.ptp(levels.mean[high]) < 1.0
    assert abs(np.polyfit(np.log2(levels.centres[high]), levels.high[high], 1)[0]) < 0.2  # dB an octave


def test_a_room_stands_beside_the_network_in_the_same_decibels(page: FdnLab) -> None:
    page.lab.update({"t.goal": "match_mel_spectrogram", "n.lines": 8})
    shown = page.reads().levels
    assert shown["target"] is not None
    assert shown["now"] is not None
    middle = (shown["target"].centres > 250) & (shown["target"].centres < 4000)
    # The network has been given the room's energy and decay.
    assert np.abs(shown["now"].mean - shown["target"].mean)[middle].max() < 4.0


# ------------------------------------------------------------------ long decays


@pytest.mark.parametrize("rt", [5.0, 7.0, 10.0])
def test_long_reverberation_times_are_measured_whole(rt: float) -> None:
    lab = FdnModel()
    assert lab.update({"n.lines": 4, "n.rt": rt, "n.rt_high": rt}) == []
    decay = lab.start_decay()
    assert decay.decay_times[-1] > rt
    times = fdn.reverberation_time(decay.response, lab.fs)
    known = (times.centres >= 125) & (times.centres <= 8000)
    np.testing.assert_allclose(times.t30[known], rt, rtol=0.05)
    heard = lab.played("start")
    assert heard[-4800:].square().mean() < 1e-4 * heard[:4800].square().mean()


# ------------------------------------------------------------------ the picture, and a click on it


def test_every_gain_of_the_network_is_a_stroke_as_wide_as_it_is_strong() -> None:
    build = FdnModel().start
    plus, minus = flow.strokes(build, 1), flow.strokes(build, -1)
    crossings = [each[x0 == 4.1] for each, x0 in ((plus[4], plus[0]), (minus[4], minus[0]))]
    strongest = np.abs(build.A).max()
    expected = np.abs(build.A[np.abs(build.A) > 0.02 * strongest]) / strongest
    np.testing.assert_allclose(np.sort(np.concatenate(crossings)), np.sort(7.0 * expected))
    x0, _, x1, _, _ = flow.lines(build)
    np.testing.assert_allclose((x1 - x0) / (x1 - x0).max(), build.delays / build.delays.max())


def test_a_click_chooses_a_line_or_a_crossing_which_the_title_describes(page: FdnLab) -> None:
    page.handle({"type": "point", "figure": "network", "x": 1.0, "y": 3.2, "sequence": 1})
    assert page.lab.chosen == (3, 0)
    build = page.lab.start
    title = page.scene.whole()["set"]["network.title"]["text"]
    assert title.startswith(f"Line 3: {1000 * build.delays[2] / 48000:.1f} ms, in 0.50, out 0.50")
    assert page.lab.part.delay == build.delays[2]
    page.handle({"type": "point", "figure": "network", "x": 4.15, "y": 2.0, "sequence": 2})
    line, into = page.lab.chosen
    assert line == 2
    assert into > 0
    assert page.lab.part.weight == pytest.approx(build.A[into - 1, 1], abs=5e-4)
    assert page.link.write().count("x.") == 2  # what follows from the network is not in the link


@pytest.mark.parametrize("lines", [4, 16])
def test_every_crossing_can_be_hit_at_its_beginning(lines: int) -> None:
    build = fdn.design_fdn(N=lines, feedback="permutation", rng=1)
    for into, source in np.argwhere(build.A):
        assert flow.at_place(build, 4.2, source + 1 + 0.05 * (into - source)) == (source + 1, into + 1)


# ------------------------------------------------------------------ changes by hand


@given(
    seed=st.integers(0, 99),
    row=st.integers(0, 3),
    column=st.integers(0, 3),
    weight=st.floats(-1, 1),
    matrix=st.sampled_from(["random", "permutation", "householder"]),
)
def test_a_changed_weight_is_what_was_asked_for_and_the_matrix_stays_orthogonal(
    seed: int, row: int, column: int, weight: float, matrix: str
) -> None:
    before = fdn.design_fdn(N=4, feedback=matrix, rng=seed).A
    after = parts.turned(before, row, column, weight)
    assert after[row, column] == pytest.approx(weight, abs=1e-9)
    assert fdn.orthogonality_error(after) < 1e-12


def test_a_part_is_changed_by_its_controls_and_the_state_can_be_linked(page: FdnLab) -> None:
    lab = page.lab
    assert lab.update({"x.line": 2, "x.into": 3}) == []
    assert lab.update({"x.weight": 0.25}) == []
    assert lab.start.A[2, 1] == pytest.approx(0.25)
    assert lab.update({"x.into": 0, "x.input": -0.3, "x.output": 0.1}) == []
    assert (lab.start.B[1, 0], lab.start.C[0, 1]) == (-0.3, 0.1)
    assert lab.update({"x.delay": 1234}) == []
    assert lab.start.delays[1] == 1234
    other = FdnModel()
    assert other.restore(lab.state()) == []
    np.testing.assert_array_equal(other.start.A, lab.start.A)
    np.testing.assert_array_equal(other.start.B, lab.start.B)
    assert other.part.delay == 1234


def test_the_parts_of_a_trained_network_are_left_alone_with_a_word(page: FdnLab) -> None:
    train(page)
    page.lab.update({"x.line": 2})
    before = page.lab.part.input
    assert page.lab.update({"x.input": 0.9}) == [
        "This network is trained. Start again first, to change its parts by hand."
    ]
    assert page.lab.run is not None
    assert page.lab.part.input == before


@pytest.mark.parametrize(
    "text", ["a0.1=0.2", "a1.17=0.2", "b1=2", "c=1", "d1=0.1", "a1.1=nan", "b1=0.1," * 41]
)
def test_changes_that_cannot_be_are_refused_in_a_sentence(text: str) -> None:
    lab = FdnModel()
    (note,) = lab.update({"n.changes": text})
    assert note.startswith("Changes by hand are “")
    assert "such as a2.5=0.7" in note
    assert lab.network.changes == ""


@pytest.mark.parametrize("gains", ["b", "c"])
def test_a_network_that_is_silenced_by_hand_says_so_and_is_heard_again_after_the_next_change(
    page: FdnLab, gains: str
) -> None:
    silenced = ",".join(f"{gains}{line}=0" for line in range(1, 9))
    page.lab.update({"n.lines": 8, "n.changes": silenced})
    assert page.status.problem == (
        "No sound gets through this network: give a line an input gain other than 0, and one that it leads to an "
        "output gain."
    )
    with pytest.raises(ValueError, match="No sound gets through"):
        page.sound("now")
    assert page.lab.update({"x.line": 3, "x.delay": 500}) != []
    page.lab.update({"x.input": 0.5, "x.output": 0.5})
    assert page.status.problem == ""


def test_a_delay_that_is_too_long_with_the_others_is_refused(page: FdnLab) -> None:
    page.lab.update({"n.delays": "own", "n.own": "9000,9000,100"})
    page.lab.update({"x.line": 3})
    (note,) = page.lab.update({"x.delay": 5000})
    assert "20000 together" in note
    assert page.lab.part.delay == 100


def test_a_line_alone_is_a_comb_filter() -> None:
    build = fdn.FDNBuild([[0.5, 0.1], [0.2, 0.3]], [1.0, 1.0], [1.0, -1.0], 0.7, [100, 130], 48000)
    heard = fdn.render(parts.alone(build, 1), 0.01)
    at = np.flatnonzero(heard)
    assert at.tolist() == [100, 200, 300, 400]
    np.testing.assert_allclose(heard[at], [1.0, 0.5, 0.25, 0.125])
    both = fdn.render(parts.alone(build, 1, 2), 0.01)
    np.testing.assert_allclose(both, fdn.render(build, 0.01) - 0.7 * (np.arange(480) == 0), atol=1e-12)


def test_a_part_is_heard_only_where_one_is_chosen(page: FdnLab) -> None:
    assert "part" in page.silent()
    page.lab.update({"x.line": 1})
    assert "part" not in page.silent()
    assert page.sound("part")[1].abs().max() > 0
    page.lab.update({"x.output": 0})
    with pytest.raises(ValueError, match="This part is silent"):
        page.sound("part")


# ------------------------------------------------------------------ runs that are over


def test_a_run_that_is_over_leaves_a_curve_and_a_row_with_what_differs(page: FdnLab) -> None:
    train(page)
    first = list(page.lab.run.log.train_loss)
    assert page.contents.tools()["table"] is None
    page.act("again")
    page.lab.update({"t.rate": 0.1})
    train(page)
    drawn = page.scene.columns("loss/earlier")
    np.testing.assert_allclose(drawn["loss"], [*first, np.nan], rtol=1e-5)
    assert len(page.scene.columns("times/earlier")["t30"]) >= 7
    table = page.contents.tools()["table"]
    assert table is not None
    assert table["head"][:3] == ["Run", "Learning rate", "Steps"]
    assert [row[:3] for row in table["rows"]] == [["1", "0.01", "20"], ["2", "0.1", "20"]]
    assert all(row[3].endswith("% lower than at the start") for row in table["rows"])
    assert all(row[4].endswith(" dB") for row in table["rows"])
    page.act("forget")
    assert page.contents.tools()["table"] is None
    assert not len(page.scene.columns("loss/earlier")["loss"])


def test_only_so_many_runs_are_remembered(page: FdnLab) -> None:
    for _ in range(MOST + 2):
        page.act("step")
        page.act("again")
    assert [record.number for record in page.lab.earlier] == list(range(3, MOST + 3))


def test_runs_towards_another_goal_are_not_drawn_beside_this_one(page: FdnLab) -> None:
    page.act("step")
    page.lab.update({"t.goal": "excitation"})
    assert [record.goal for record in page.lab.earlier] == ["power_variance"]
    assert page.reads().earlier == []


def test_the_loss_that_the_page_opens_with_is_that_which_a_run_begins_with(page: FdnLab) -> None:
    (before,) = page.reads().losses
    page.act("step")
    assert page.lab.run is not None
    assert before == page.lab.run.log.train_loss[0]
