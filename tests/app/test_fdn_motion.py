"""The matrix that moves in the FDN lab: off at first; in sound, files and scripts, not in figures and training."""

from typing import Any

import numpy as np
import pytest
import torch

from amtlib import fdn
from app.labs.fdn import listening
from app.labs.fdn.model import FdnModel
from app.labs.fdn.view import FdnLab
from app.page.part import LabPart
from tests.app.test_fdn import run_to_the_end

QUICK = {"n.lines": 4, "n.rt": 0.5, "n.rt_high": 0.4, "t.nfft": 8192, "t.steps": 10, "h.source": "impulse"}
MOVING = {"m.depth": 0.5, "m.rate": 2.0}


@pytest.fixture
def lab() -> FdnModel:
    lab = FdnModel()
    assert lab.update({**QUICK, **MOVING}) == []
    return lab


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> FdnLab:
    monkeypatch.setattr(LabPart, "send", lambda self, message: None)
    return FdnLab(link="&".join(f"{key}={value}" for key, value in (QUICK | MOVING).items()))


def moved(build: fdn.FDNBuild) -> fdn.FDNBuild:
    return fdn.with_modulation(build, depth=0.5, rate=2.0)


def test_what_is_heard_is_the_network_with_its_motion(lab: FdnModel) -> None:
    expected = listening.through(moved(lab.start), "impulse", lab.tail)
    still = listening.through(lab.start, "impulse", lab.tail)
    for which in ("start", "now"):
        torch.testing.assert_close(lab.played(which), expected, rtol=0.0, atol=0.0)
    # the first echoes have not been through the matrix yet
    fs, shortest = lab.fs, int(lab.start.delays.min())
    first = round(listening.LEAD * fs) + 2 * shortest
    np.testing.assert_allclose(expected[:first], still[:first], atol=1e-6)
    late = round(0.3 * fs)
    assert float((expected - still)[late:].square().sum()) > 0.1 * float(still[late:].square().sum())


def test_at_first_nothing_moves_and_a_depth_of_0_is_as_before(lab: FdnModel) -> None:
    fresh = FdnModel()
    assert fresh.heard(None) == fresh.start
    assert fresh.chorus(None) == 0.0
    assert "modulation" not in fresh.code()
    lab.update({"m.depth": 0})
    torch.testing.assert_close(
        lab.played("now"), listening.through(lab.start, "impulse", lab.tail), rtol=0.0, atol=0.0
    )


def test_a_link_and_a_step_of_undo_bring_the_motion_back(lab: FdnModel, page: FdnLab) -> None:
    again = FdnModel()
    assert again.restore(lab.state()) == []
    assert again.heard(None) == lab.heard(None) == moved(lab.start)
    page.handle({"type": "set", "values": {"m.depth": 0.1}, "sequence": 1, "step": 1})
    assert page.lab.chorus(None) == pytest.approx(lab.chorus(None) / 5, rel=1e-3)
    page.handle({"type": "undo"})
    assert page.lab.values()["m.depth"] == 0.5


def test_the_page_says_the_chorus_and_that_figures_show_the_matrix_at_rest(page: FdnLab) -> None:
    page.refresh()
    cents = fdn.expected_chorus(moved(page.lab.start))
    assert cents == pytest.approx(fdn.measured_chorus(moved(page.lab.start)), rel=0.4)
    assert (
        f"a chorus of about {cents:.2g} cents at 1 kHz; figures show the network at rest." in page.summary()
    )
    assert page.measures()["chorus_cents"] == pytest.approx(cents)
    assert "Cannot grow, however its matrix moves: loop gain at most 0." in page.summary()
    assert page.summary().endswith("Press Train.")
    drawn = page.scene.columns("decay/now")
    page.handle({"type": "set", "values": {"m.depth": 0}, "sequence": 1})
    assert "chorus" not in page.summary()
    assert page.measures()["chorus_cents"] == 0.0
    for name, values in page.scene.columns("decay/now").items():
        np.testing.assert_array_equal(values, drawn[name])
    assert page.lab.quantities["chorus_cents"].text(cents).endswith("cents")


def test_training_is_that_of_the_network_at_rest_and_keeps_the_motion(lab: FdnModel) -> None:
    still = FdnModel()
    still.update(QUICK)
    assert run_to_the_end(lab).log.train_loss == run_to_the_end(still).log.train_loss
    snapshot = lab.snapshot
    assert lab.heard(snapshot) == moved(lab.now(snapshot))
    assert lab.loses(MOVING | {"m.depth": 0.2}) == ""
    lab.update({"m.depth": 0.2, "m.rate": 1.0})
    assert lab.run is not None
    assert not np.array_equal(lab.heard(lab.snapshot).A, lab.start.A)
    lab.update({"x.line": 1})
    assert lab.played("part").isfinite().all()  # one line alone has no other to turn into


def test_files_and_live_sound_hold_the_motion(page: FdnLab) -> None:
    expected = moved(page.lab.start)
    for key in ("json", "json1"):
        np.testing.assert_array_equal(
            fdn.build_from_json(page.export(key)[2]).modulation, expected.modulation
        )
    assert page.export("faust")[2].decode() == fdn.faust(expected)
    assert "motion = par(i, 2, rotation(i))" in page.export("faust")[2].decode()
    live = page.played_live()
    for which in ("start", "now"):
        np.testing.assert_allclose(live[which]["modulation"][0], [0.5, 0.5])


@pytest.mark.parametrize("goal", ["power_variance", "fit"])
def test_the_script_ends_with_the_network_that_moves(lab: FdnModel, goal: str) -> None:
    scope: dict[str, Any] = {"fdn": fdn, "network": lab.start}
    lab.update({"t.goal": goal})
    code = lab.code()
    compile(code, "script", "exec")
    assert "from amtlib import fdn\n" in code
    last = code.splitlines()[-1]
    exec(last, scope)
    assert scope["network"].modulation is not None
    np.testing.assert_array_equal(scope["network"].modulation, lab.heard(None).modulation)
