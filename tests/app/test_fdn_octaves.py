"""Decay times and tone by octave in the FDN lab: set by sliders, dragged in figures, kept in links and scripts."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amtlib import fdn
from app.labs.fdn.model import FdnModel
from app.labs.fdn.octaves import DECAY_KEYS, OCTAVES, TONE_KEYS, octaves_at
from app.labs.fdn.settings import RATES
from app.labs.fdn.spectrogram import spectrogram
from app.labs.fdn.view import FdnLab
from app.page.part import LabPart

QUICK = {"n.lines": 4, "n.decay": "octaves", "t.steps": 10}


@pytest.fixture
def lab() -> FdnModel:
    lab = FdnModel()
    assert lab.update(QUICK) == []
    return lab


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> FdnLab:
    monkeypatch.setattr(LabPart, "send", lambda self, message: None)
    return FdnLab(link="&".join(f"{key}={value}" for key, value in QUICK.items()))


def times(build: fdn.FDNBuild) -> np.ndarray:
    """What the filters of the lines make of each octave, s."""
    assert build.filters is not None
    return fdn.absorption_times(build.filters, build.delays, build.fs, list(OCTAVES.values()))


def test_by_octave_the_decay_begins_as_it_was(lab: FdnModel) -> None:
    two = FdnModel()
    two.update({"n.lines": 4})
    np.testing.assert_allclose(times(lab.start), times(two.start), rtol=0.05)
    # And what is set by octave is met where the octaves are, to the slider's step of 0.01 s.
    np.testing.assert_allclose(times(lab.start), lab.points.times[:, None] + np.zeros(4), rtol=0.05)


def test_each_octave_decays_in_the_time_that_its_slider_says(lab: FdnModel) -> None:
    wanted = [0.8, 0.9, 1.2, 0.7, 0.6, 0.5, 0.4, 0.5, 0.3]
    assert lab.update(dict(zip(DECAY_KEYS, wanted, strict=True))) == []
    np.testing.assert_allclose(times(lab.start), np.array(wanted)[:, None] + np.zeros(4), rtol=1e-3)
    heard = fdn.reverberation_time(lab.start_decay().response, lab.fs, list(OCTAVES.values())[2:8])
    np.testing.assert_allclose(
        heard.t30, wanted[2:8], rtol=0.2
    )  # an octave holds some of its slower neighbour
    assert lab.tail == 1.2


@settings(max_examples=8, deadline=None)
@given(
    rate=st.sampled_from(RATES),
    moves=st.lists(st.tuples(st.sampled_from(DECAY_KEYS), st.floats(0.1, 10.0)), min_size=1, max_size=6),
)
def test_wherever_points_are_dragged_there_is_a_network_that_cannot_grow(
    rate: int, moves: list[tuple[str, float]]
) -> None:
    lab = FdnModel()
    lab.update({**QUICK, "n.fs": rate})
    for key, time in moves:
        lab.update({key: time})
        if int(key.removeprefix("d.at")) in octaves_at(rate):
            assert lab.fields[key].value == pytest.approx(time, abs=0.006)
    found = lab.points.times
    assert np.abs(np.log2(found[1:] / found[:-1])).max() < 1.1  # a factor of 2, and rounding
    centres = lab.points.centres
    assert lab.start.filters is not None
    reached = fdn.absorption_times(lab.start.filters, lab.start.delays, rate, centres)
    np.testing.assert_allclose(reached, found[:, None] + np.zeros(4), rtol=0.05)
    assert fdn.stability(lab.start).bound < 1.0


def test_neighbours_follow_a_point_that_leaves_them_and_a_note_says_so(lab: FdnModel) -> None:
    assert lab.update({"d.at1000": 2.5}) == []
    (note,) = lab.update({"d.at1000": 8.0})
    assert note == "Neighbouring octaves can differ by a factor of 2 in decay: those around followed."
    values = [lab.fields[f"d.at{octave}"].value for octave in (250, 500, 1000, 2000, 4000)]
    assert values == [2.0, 4.0, 8.0, 4.0, 2.0]


def test_a_link_brings_all_points_back(lab: FdnModel) -> None:
    lab.update({"d.at125": 1.3, "d.at8000": 1.0, "q.at250": -4.5})
    assert set(DECAY_KEYS) <= set(
        lab.state()
    )  # also those at their defaults: else they would follow from two times
    again = FdnModel()
    assert again.restore(lab.state()) == []
    assert again.values() == lab.values()
    assert again.start == lab.start


def test_octaves_above_half_the_rate_have_no_controls() -> None:
    lab = FdnModel()
    conditions = lab.visible_when()
    assert conditions["d.at16000"] == {"n.decay": ["octaves"], "n.fs": [44100, 48000]}
    assert conditions["q.at4000"] == {"n.fs": [16000, 32000, 44100, 48000]}
    lab.update({**QUICK, "n.fs": 8000})
    assert len(lab.points.centres) == len(lab.points.times) == len(lab.points.gains) == 6


def test_the_tone_is_met_at_the_octaves_and_leaves_the_decay_alone(lab: FdnModel) -> None:
    plain = lab.start
    gains = [6.0, 0.0, -3.0, 4.5, 0.0, -6.0, 3.0, -12.0, 12.0]
    lab.update(dict(zip(TONE_KEYS, gains, strict=True)))
    centres = list(OCTAVES.values())
    level = [20 * np.log10(np.abs(fdn.transfer_function(build, centres))) for build in (lab.start, plain)]
    np.testing.assert_allclose(level[0] - level[1], gains, atol=1e-6)
    np.testing.assert_array_equal(lab.start.filters, plain.filters)


def test_a_trained_network_keeps_its_tone(page: FdnLab) -> None:
    page.act("play")
    assert page.lab.run is not None
    assert page.lab.run.join(60)
    page.lab.update({"q.at1000": 6})
    assert page.lab.run is not None  # the loss does not see it
    np.testing.assert_array_equal(page.lab.now(page.lab.snapshot).post_eq, page.lab.start.post_eq)


def test_a_point_is_dragged_to_where_the_pointer_is(page: FdnLab) -> None:
    assert page.pointed("times", 900.0, 3.004) == {"d.at1000": 3.0}
    assert page.pointed("times", 2.0, 99.0) == {"d.at63": 10.0}
    assert page.pointed("tone", 240.0, -3.3) == {"q.at250": -3.5}
    assert page.pointed("tone", 30000.0, 40.0) == {"q.at16000": 12.0}
    page.lab.update({"n.decay": "ends"})
    assert page.pointed("times", 900.0, 3.0) == {}  # there are no points


def test_a_dragged_point_is_one_step_of_undo_and_asks_before_a_trained_network_is_lost(page: FdnLab) -> None:
    for sequence, time in enumerate((2.1, 2.2, 2.3)):
        page.handle(
            {"type": "point", "figure": "times", "x": 1000.0, "y": time, "sequence": sequence, "step": 1}
        )
    assert page.lab.fields["d.at1000"].value == 2.3
    page.handle({"type": "undo"})
    assert page.lab.fields["d.at1000"].value == pytest.approx(2.0, abs=0.011)
    page.lab.update({"t.goal": "match_mel_spectrogram", "t.nfft": 8192})
    page.act("play")
    run = page.lab.run
    assert run is not None
    assert run.join(60)
    before = page.lab.fields["d.at1000"].value
    page.handle({"type": "point", "figure": "times", "x": 1000.0, "y": 2.9, "sequence": 9, "step": 2})
    assert (page.lab.run, page.lab.fields["d.at1000"].value) == (run, before)
    page.handle({"type": "sure", "do": "yes"})
    assert (page.lab.run, page.lab.fields["d.at1000"].value) == (None, 2.9)


def test_what_is_dragged_stands_in_its_figure(page: FdnLab) -> None:
    page.lab.update({"h.view": "room", "q.at125": 3})
    table = page.table("times").split("# set")[1].splitlines()
    assert table[2:] == [f"{c:g},{t:g}" for c, t in zip(OCTAVES.values(), page.lab.points.times, strict=True)]
    assert "125,3" in page.table("tone").split("# set")[1].splitlines()
    shown = {name for name, figure in page.figures.items() if figure.is_shown(page.reads())}
    assert {"tone", "spectrogram-start", "spectrogram-now"} <= shown
    assert not {"spectrogram-target", "matrix"} & shown


def test_a_network_takes_the_times_of_its_room_by_octave(lab: FdnModel) -> None:
    (note,) = lab.update({"t.goal": "match_mel_spectrogram", "t.target": "church"})
    assert note.startswith(
        "The network got the room's level and its reverberation times by octave, the nearest that "
    )
    assert " at 16 kHz: " in note  # less than half the time of 8 kHz
    room = lab.room_analysis()
    assert room is not None
    known = np.isfinite(room.t30)
    given_times = dict(zip(OCTAVES.values(), lab.points.times, strict=True))
    for centre, time in zip(room.centres[known][:-1], room.t30[known][:-1], strict=True):
        assert given_times[centre] == pytest.approx(time, abs=0.006)


def test_the_script_makes_the_same_network(lab: FdnModel) -> None:
    lab.update({"d.at1000": 1.5, "q.at500": 5, "n.changes": "a2.1=0.3"})
    names: dict[str, object] = {}
    exec(lab.code().split("model = trainable")[0], names)
    assert names["start"] == lab.start


def test_what_is_read_out_of_a_network_on_its_way_is_not_that_of_the_start(page: FdnLab) -> None:
    page.lab.update({"t.goal": "fit", "t.target": "bathroom"})
    page.refresh()
    assert page._observed is not None
    assert page.measures()["t30_off_now"] == page.measures()["t30_off_start"] > 0
    page._observed = replace(page._observed, busy=True)
    assert math.isnan(page.measures()["t30_off_now"])
    assert page.measures()["t30_off_start"] > 0


def test_the_certificate_stands_under_the_network_in_words_and_in_the_files(page: FdnLab) -> None:
    page.refresh()
    found = fdn.stability(page.lab.start)
    (label,) = page.scene.columns("network/certificate")["text"]
    assert label.startswith("loop gain at most 0.8")
    assert len(label) < 26  # a small figure holds no more
    assert f"Cannot grow: {label}, at " in page.summary()
    for key in ("json", "json1"):
        written = json.loads(page.export(key)[2])["metadata"]["stability"]
        assert written["loop_gain_bound"] == pytest.approx(found.bound)
    assert "// Stability: cannot grow" in page.export("faust")[2].decode()


def test_a_spectrogram_shows_when_and_where_a_sound_is() -> None:
    fs = 48000
    click = np.zeros(fs)
    click[fs // 2] = 1.0
    tone = np.sin(2 * np.pi * 2000 * np.arange(fs) / fs)
    found = spectrogram(click, fs, 1.0)
    assert (found.levels.shape, found.duration) == ((64, 100), 1.0)
    assert abs(int(found.levels[32].argmax()) - 50) <= 1
    levels = spectrogram(tone, fs, 1.0).levels[:, 50]
    assert found.frequencies[levels.argmax()] == pytest.approx(2000, rel=0.05)
    assert spectrogram(tone, fs, 2.0).levels[:, 150].max() < -100  # silence after its end
