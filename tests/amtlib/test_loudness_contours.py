"""Equal-loudness contours: that the models' points on them are equally loud, and how the search behaves."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from amtlib import Glasberg2002, Moore2016
from amtlib.loudness import THRESHOLD_SONE, Cancelled, equal_loudness_contour, equal_loudness_steps
from amtlib.loudness.iso226 import iso226_contour, iso226_frequencies

MODELS = {
    "moore": Moore2016(),
    "glasberg": Glasberg2002(),
    "moore64": Moore2016(field="diffuse", dtype=torch.float64),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("phon", [0.0, 20.0, 60.0, 100.0])
def test_all_points_of_a_contour_are_equally_loud(name: str, phon: float):
    model = MODELS[name]
    found = equal_loudness_contour(model, phon)
    assert found.done
    assert float(found.error_db.nan_to_num(0.0).max()) <= 0.01
    there = ~found.levels.isnan()
    assert int(there.sum()) >= 50
    tones = [x[there].unsqueeze(-1) for x in (found.frequencies, found.levels)]
    sones = model.stationary(*tones).total.double()
    # 0.01 dB is 0.5 % of the loudness where it grows fastest, near threshold
    torch.testing.assert_close(sones, torch.full_like(sones, found.sone), rtol=5e-3, atol=0.0)


@pytest.mark.parametrize("name", MODELS)
def test_a_contour_passes_through_its_own_level_at_1_khz(name: str):
    for phon in (0.0, 33.0, 80.0):
        found = equal_loudness_contour(MODELS[name], phon, [1000.0])
        assert float(found.levels) == pytest.approx(phon, abs=0.01)
        assert found.phon == phon


def test_contours_of_the_ear_lie_near_the_standards():
    f = iso226_frequencies()
    middle = (f >= 200.0) & (f <= 4000.0)
    for phon in (40.0, 60.0, 80.0):
        found = equal_loudness_contour(MODELS["moore"], phon, f)
        # The model is that of ANSI S3.4-2007: from 1.6 to 4 kHz its contours run up to 6 dB below
        assert float((found.levels - iso226_contour(phon))[middle].abs().max()) < 6.0


def test_the_threshold_is_lowest_where_the_ear_canal_resonates():
    found = equal_loudness_contour(MODELS["moore"], sone=THRESHOLD_SONE)
    assert found.phon is None
    assert 3000.0 < float(found.frequencies[found.levels.argmin()]) < 4500.0
    assert float(
        equal_loudness_contour(MODELS["moore"], frequencies=[1000.0], sone=0.003).levels
    ) == pytest.approx(2.2, abs=0.3)


def test_levels_beyond_reach_are_nan():
    found = equal_loudness_contour(MODELS["moore"], 120.0, [20.0, 1000.0, 16000.0])
    assert found.levels.isnan().tolist() == [True, False, True]
    assert found.done


def test_steps_get_better_and_end():
    steps = list(equal_loudness_steps(MODELS["moore"], 40.0))
    errors = [float(step.error_db.nan_to_num(0.0).max()) for step in steps]
    assert errors[-1] <= 0.01 < errors[0]
    assert len({step.levels.data_ptr() for step in steps}) == len(steps)  # each is kept as it was
    assert [step.done for step in steps] == [False] * (len(steps) - 1) + [True]
    assert len(steps) <= 8


@settings(max_examples=15)
@given(phon=st.floats(0.0, 110.0), tolerance=st.floats(1e-3, 5.0))
def test_any_contour_is_found_to_its_tolerance(phon: float, tolerance: float):
    model = MODELS["moore64"]
    f = [63.0, 997.0, 4000.0]
    found = equal_loudness_contour(model, phon, f, tolerance_db=tolerance)
    exact = equal_loudness_contour(model, phon, f, tolerance_db=1e-4)
    assert float((found.levels - exact.levels).abs().nan_to_num(0.0).max()) <= 2.0 * tolerance


def test_progress_is_told_and_cancelling_stops():
    told: list[float] = []
    equal_loudness_contour(MODELS["moore"], 40.0, [100.0, 200.0], progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    told.clear()
    with pytest.raises(Cancelled):
        equal_loudness_contour(
            MODELS["moore"],
            40.0,
            [100.0, 200.0],
            tolerance_db=1e-4,
            progress=told.append,
            cancelled=lambda: bool(told),
        )
    assert len(told) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"phon": -1.0}, "phon = -1.0"),
        ({"phon": float("nan")}, "phon = nan"),
        ({"phon": 131.0}, "0 to 130"),
        ({"sone": 0.0}, "sone = 0.0"),
        ({"sone": float("inf")}, "sone = inf"),
        ({"frequencies": []}, "at least one"),
        ({"frequencies": [[100.0]]}, r"\(1, 1\)"),
        ({"frequencies": [100.0, 5.0]}, "5.0 Hz"),
        ({"frequencies": [float("nan")]}, "nan Hz"),
        ({"frequencies": np.array([1j])}, "complex"),
        ({"tolerance_db": 0.0}, "tolerance_db = 0.0"),
    ],
)
def test_wrong_arguments_are_named_at_the_call(arguments: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        equal_loudness_steps(MODELS["moore"], **arguments)
