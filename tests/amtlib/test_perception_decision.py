"""Decisions from internal representations against the original toolbox."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from amtlib import Jepsen2008, Paulick2024
from amtlib.perception import (
    band_correlations,
    decision_variable,
    is_detected,
    probability_correct,
    region_of_interest,
    template,
)

DATA = np.load(Path(__file__).parents[1] / "data" / "decision.npz")
VERSIONS = ["paulick2024", "jepsen2008"]
MODELS = {"paulick2024": (Paulick2024, 1e-6), "jepsen2008": (Jepsen2008, 1e-5)}


def representation(name: str) -> Tensor:
    """One of the reference, as our models give it: zeros where a channel lacks a band."""
    return torch.from_numpy(np.nan_to_num(DATA[f"rep/{name}"].transpose(1, 2, 0)))


@pytest.mark.parametrize("version", VERSIONS)
def test_correlations_equal_the_original(version: str):
    fs, fc, mfc = float(DATA["rep/fsR"]), DATA["rep/fc"], DATA["rep/mfc"]
    difference = representation("tmpl")
    made = template(difference, torch.zeros_like(difference), fs)
    torch.testing.assert_close(made, float(DATA["rep/c"]) * difference, rtol=1e-12, atol=1e-14)

    def bands(name: str, channels: Any = None) -> Tensor:
        return band_correlations(representation(name), made, fc, mfc, channels, version)

    for key, found in {
        "tar_int": bands("tar"),
        "mask_int": bands("mask"),
        "tar_int_ch2to5": bands("tar", range(1, 5)),
    }.items():
        np.testing.assert_allclose(found, DATA[f"{version}/{key}"], rtol=1e-12, atol=1e-10)
    target, masker, decision = DATA[f"{version}/fin"]
    assert float(bands("tar").sum()) == pytest.approx(target, rel=1e-12)
    assert float(bands("mask").sum()) == pytest.approx(masker, rel=1e-11)
    assert float(decision_variable(bands("tar"), bands("mask"), fs)) == pytest.approx(decision, rel=1e-12)


@pytest.mark.parametrize("version", VERSIONS)
def test_probabilities_and_detections_equal_the_original(version: str):
    for column, intervals in enumerate((2, 3, 4)):
        found = probability_correct(DATA["mue"], intervals, version)
        np.testing.assert_allclose(found, DATA[f"{version}/prob"][:, column], rtol=1e-12)
        for down in (2, 3):
            expected = DATA[f"{version}/detect_1up{down}down"][:, column] > 0.0
            assert is_detected(found, down).tolist() == expected.tolist()


@pytest.mark.parametrize("case", [0, 1, 2])
def test_regions_of_interest_equal_the_original(case: int):
    found = region_of_interest(DATA[f"roi/x_roi{case}"].T, float(DATA["roi/fs"]), DATA["roi/fc"])
    assert list(found) == DATA[f"roi/idx_roi{case}"].tolist()


@pytest.mark.parametrize("case", range(4))
@pytest.mark.parametrize("version", VERSIONS)
def test_a_trial_from_sounds_to_the_decision_equals_the_original(version: str, case: int):
    kind, tolerance = MODELS[version]
    flow, fhigh, channels = DATA["chain/flow_fhigh_Naud"]
    model = kind(44100, flow, fhigh, int(channels), dtype=torch.float64)
    tone = torch.from_numpy(DATA["chain/tone_0dB"])
    levels = DATA["chain/levels_ref_target_supra"][case]
    reference, target, supra = (model(tone * 10 ** (level / 20), return_stages=True) for level in levels)
    fs = model.fs_internal
    region = region_of_interest(supra.adapted - reference.adapted, 44100, model.fc)
    made = template(supra.internal, reference.internal, fs)
    mfc = model.modulation.mfc
    bands = band_correlations(target.internal - reference.internal, made, model.fc, mfc, region, version)
    nothing = torch.zeros_like(bands)
    decision = decision_variable(bands, nothing, fs)
    row = dict(
        zip(DATA["chain/result_columns"], DATA["chain/result"][case, VERSIONS.index(version)], strict=True)
    )
    assert (region.start, region.stop - 1) == (row["roi_first"], row["roi_last"])
    np.testing.assert_allclose(
        bands,
        DATA[f"chain/{version}_case{case + 1}_int"],
        rtol=tolerance,
        atol=tolerance * float(bands.max()),
    )
    assert float(decision) == pytest.approx(row["mue"], rel=tolerance)
    for intervals in (2, 3):
        found = float(probability_correct(decision, intervals, version))
        assert found == pytest.approx(row[f"prob_{intervals}afc"], rel=tolerance)
    assert bool(is_detected(probability_correct(decision, 3, version), 2)) == bool(
        row["detect_3afc_1up2down"]
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_the_probability_has_a_gradient_back_to_the_representation(version: str):
    rows = torch.Generator().manual_seed(1)
    x, t = (torch.randn(3, 2, 5, dtype=torch.float64, generator=rows) for _ in range(2))

    def run(given: Tensor, supra: Tensor) -> Tensor:
        made = template(supra, torch.zeros_like(supra), 100.0)
        bands = band_correlations(given, made, [200.0, 500.0, 900.0], [5.0, 60.0], None, version)
        return probability_correct(bands.square().sum(-1), 3, version)

    assert torch.autograd.gradcheck(run, (x.requires_grad_(), t.requires_grad_()))


def test_guessing_is_right_as_often_as_chance_has_it():
    for intervals in (2, 3, 4):
        assert float(probability_correct(0.0, intervals)) == pytest.approx(1 / intervals, abs=0.01)


def test_what_makes_no_decision_is_refused():
    x = torch.ones(2, 3, 4)
    with pytest.raises(ValueError, match="supra and reference are equal; raise the level"):
        template(x, x, 100.0)
    with pytest.raises(ValueError, match=r"supra has shape \(2, 3, 4\), reference \(2, 3, 5\)"):
        template(x, torch.ones(2, 3, 5), 100.0)
    with pytest.raises(ValueError, match=r"fc \(3,\), mfc \(3,\); give"):
        band_correlations(x, x, [1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="version = 'casp' is unknown"):
        band_correlations(x, x, [1.0, 2.0], [1.0, 2.0, 3.0], version="casp")
    with pytest.raises(ValueError, match="intervals = 5; give 2, 3 or 4"):
        probability_correct(1.0, 5)
    with pytest.raises(ValueError, match="down = 0; give"):
        is_detected(0.5, 0)
    with pytest.raises(ValueError, match=r"difference has shape \(2, 3, 4\)"):
        region_of_interest(x, 100.0, [1.0, 2.0])
