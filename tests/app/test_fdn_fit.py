"""Fitting a room in the FDN lab: what it becomes, what is shown and said on the way and at its end, and stereo."""

import asyncio
import io
import json
import time
from typing import Any

import numpy as np
import pytest
import soundfile

from amtlib import fdn
from app.labs.fdn import fit, script
from app.labs.fdn.fit import fit_steps
from app.labs.fdn.model import FdnModel
from app.labs.fdn.view import FdnLab
from app.page.part import LabPart
from app.pool import TRAININGS
from tests.loops import no_running_loop

FS = 8000
STATE = {"n.fs": FS, "n.lines": 4, "t.goal": "fit", "t.target": "file", "t.steps": 10, "h.view": "room"}


def room(channels: int = 1, silence: float = 0.0, seconds: float = 0.6) -> np.ndarray:
    """Noise that decays by 60 dB in 0.3 s, with a direct sound; of two channels, the second softer and later."""
    when = np.arange(round(seconds * FS)) / FS
    noise = np.random.default_rng(1).standard_normal((len(when), channels))
    found = 0.05 * noise * 10.0 ** (-3.0 * when / 0.3)[:, None]
    for channel in range(channels):
        found[4 * channel, channel] += 0.5 / (1 + channel)
    return np.concatenate([np.zeros((round(silence * FS), channels)), found])


def wav(samples: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, FS, format="WAV", subtype="FLOAT")
    return buffer.getvalue()


def opened(content: bytes, monkeypatch: pytest.MonkeyPatch) -> FdnLab:
    """Return a page whose goal is to fit this file."""
    monkeypatch.setattr(LabPart, "send", lambda self, message: None)
    for module in (fit, script):
        monkeypatch.setattr(module, "BUDGET", 600.0)  # a busy machine takes as many steps, only later
    page = FdnLab()
    page.lab.update(STATE)
    page.lab.training.take_upload("my room.wav", content)
    page.refresh()
    return page


@pytest.fixture(scope="module")
def fitted() -> Any:
    """A page that has fitted a room in stereo after 50 ms of silence; not to be changed."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        page = opened(wav(room(2, silence=0.05)), monkeypatch)
        page.first_notes = page.status.notes
        with no_running_loop():  # the fixture that hides it for a test has not begun yet
            page.act("run")
        yield page


def test_a_fit_is_offered_where_there_is_a_room_and_says_how_near_it_came(fitted: FdnLab) -> None:
    found = fitted.lab.fit
    assert found is not None
    assert found.result is not None
    assert fitted.lab.now(None) == found.build == found.result.build
    assert found.result.t30_off < 0.05
    assert f"T30 within {100 * found.result.t30_off:.2g} %" in fitted.summary()
    assert "Cannot grow: loop gain at most 0." in fitted.summary()
    assert fitted.transport()["buttons"] == [["again", "Start again"]]  # type: ignore[index]
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(LabPart, "send", lambda self, message: None)
    empty = FdnLab(link="t.goal=fit&t.target=file")
    monkeypatch.undo()
    assert empty.transport() is None


def test_the_report_stands_in_a_table_by_octave(fitted: FdnLab) -> None:
    table, fit = fitted.runs(), fitted.lab.fit
    assert table is not None
    assert fit is not None
    assert fit.result is not None
    result = fit.result
    assert table["head"][:3] == ["Octave", "T30 of the room (s)", "T30 of the network (s)"]
    assert [row[0] for row in table["rows"]] == [f"{centre:.0f} Hz" for centre in result.target.centres]
    at = next(i for i, row in enumerate(table["rows"]) if row[0] == "1000 Hz")
    assert float(table["rows"][at][2]) == pytest.approx(result.table()[at]["t30_reached"], rel=0.01)
    assert result.sentence() in table["title"]  # with what could not be met
    assert table["clear"] == ""  # there is nothing to forget


def test_before_now_and_room_stand_beside_each_other_in_every_figure(fitted: FdnLab) -> None:
    observed = fitted.reads()
    for name in ("decay", "times", "off"):
        tables = dict(fitted.figures[name].tables(observed))
        assert {"start", "now"} <= tables.keys()
    assert "target" in dict(fitted.figures["times"].tables(observed))
    shown = {name for name, figure in fitted.figures.items() if figure.is_shown(observed)}
    assert {"spectrogram-start", "spectrogram-now", "spectrogram-target", "tone", "off", "ears"} <= shown
    assert not {"loss", "matrix", "modes"} & shown
    measures = fitted.measures()
    assert measures["t30_off_now"] < 5 < measures["t30_off_start"]


def test_a_room_in_stereo_stays_in_stereo_and_the_page_says_so(fitted: FdnLab) -> None:
    first_notes = fitted.first_notes
    (note,) = [note for note in first_notes if "stereo" in note]
    assert note.startswith(
        "my room.wav is in stereo, and so will the network be: one output for each channel."
    )
    build = fitted.lab.now(None)
    assert (build.n_out, fitted.lab.start.n_out) == (2, 1)
    levels = [10 * np.log10(np.square(h).sum(0)) for h in (fdn.render(build, 0.6), room(2))]
    np.testing.assert_allclose(levels[0], levels[1], atol=1.0)  # octaves end at 2.8 kHz
    assert fitted.lab.played("now").shape == fitted.lab.played("room").shape
    assert fitted.lab.played("now").shape[0] == 2
    assert fitted.lab.played("start").ndim == 1
    assert fitted.played_live()["now"]["C"].shape == (1, 4)  # live sound has one channel
    assert len(json.loads(fitted.export("json")[2])["output_matrix"]) == 2
    table = dict(fitted.figures["ears"].tables(fitted.reads()))
    assert table.keys() == {"diffuse", "target", "now"}


def test_the_silence_before_a_fitted_room_stands_in_its_files(fitted: FdnLab) -> None:
    samples, _ = soundfile.read(io.BytesIO(fitted.export("wav")[2]))
    first = np.flatnonzero(np.abs(samples).max(1) > 0.1)[0]
    assert first == pytest.approx(0.05 * FS, abs=2)


def test_a_part_of_a_fitted_network_is_not_changed_by_hand(fitted: FdnLab) -> None:
    fitted.lab.update({"x.line": 1})
    (note,) = fitted.lab.update({"x.input": 0.3})
    assert note == "This network is fitted. Start again first, to change the parts of the one before."
    fitted.lab.update({"x.line": 0})


def test_another_setting_asks_first_then_ends_the_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    page = opened(wav(room()), monkeypatch)
    page.act("run")
    assert page.lab.unsaved
    assert page.lab.loses({"n.lines": 6}) == "With another “Delay lines” the fitted network is lost."
    assert page.lab.loses({"h.source": "noise", "d.at1000": 1.0}) == ""
    assert page.lab.update({"h.source": "noise"}) == []
    assert page.lab.now(None) != page.lab.start
    assert page.lab.update({"n.lines": 6}) == ["The settings changed: the fitted network is gone."]
    assert page.lab.now(None) == page.lab.start
    page.refresh()
    assert page.transport()["buttons"] == [["run", "Fit this room"]]  # type: ignore[index]


def test_a_file_that_is_no_room_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    hum = np.sin(2 * np.pi * 200 * np.arange(FS) / FS)
    page = opened(wav(hum), monkeypatch)
    page.act("run")
    assert page.lab.fit is None
    assert any("does not decay" in note for note in page.status.notes)


def test_the_script_fits_the_same_network(
    fitted: FdnLab, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my room.wav").write_bytes(wav(room(2, silence=0.05)))
    names: dict[str, Any] = {}
    exec(fitted.lab.code(), names)
    fit, found = names["fit"], fitted.lab.fit
    assert found is not None
    assert found.result is not None
    # How often something is corrected depends on the time left.
    assert (fit.build.n_out, fit.steps) == (found.build.n_out, found.result.steps) == (2, 10)
    np.testing.assert_array_equal(fit.build.delays, found.build.delays)
    np.testing.assert_array_equal(fit.target.level, found.result.target.level)
    assert max(fit.t30_off, found.result.t30_off) < 0.1


def test_a_fit_runs_beside_the_page_shows_the_network_on_its_way_and_can_be_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[bool] = []

    async def visit() -> None:
        page = opened(wav(room()), monkeypatch)
        page.lab.update({"t.steps": 5000})
        page.refresh()
        page.act("run")
        until = time.monotonic() + 20
        while page.lab.fit is None and time.monotonic() < until:
            await asyncio.sleep(0.05)
        seen.append(page.lab.busy)
        assert page.lab.fit is not None
        assert page.lab.fit.result is None  # on its way
        assert page.transport()["running"]  # type: ignore[index]
        page.act("stop")
        assert not page.lab.busy
        assert page.summary().startswith("4 delay lines for this room: stopped on the way.")
        page.close()

    asyncio.run(visit())
    TRAININGS.close()
    assert seen == [True]


def test_a_fit_that_nobody_waits_for_ends() -> None:
    steps = fit_steps(room()[:, 0], FS, 4, 5000, 0)
    share, _ = next(steps)
    assert 0.0 <= share < 1.0
    began = time.monotonic()
    steps.close()  # waits for the thread
    assert time.monotonic() - began < 10


def test_a_fit_needs_neither_rate_nor_goal_of_training() -> None:
    lab = FdnModel()
    conditions = lab.visible_when()
    for key in ("t.rate", "t.optimiser", "t.sparsity", "t.direct", "t.feedback", "t.nfft"):
        assert "fit" not in conditions[key]["t.goal"]
    assert "fit" in conditions["t.target"]["t.goal"]
