"""ERB bands and straight-sloped excitation: against the documented formulas, and by what they claim."""

import copy
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.func import functional_call

from amtlib import ERBIntegration, ExcitationPattern, MultiResolutionFFT, f2erbrate
from amtlib.filterbanks.erb_integration import SILENCE_DB

FORMULAS = np.load(Path(__file__).parents[1] / "data" / "documented_formulas.npz")
F64 = torch.float64
GRID = torch.from_numpy(FORMULAS["f"])
# float32 levels near 60 dB are exact to 4e-6 dB; the sums add a few such steps
DTYPES = [(torch.float64, 1e-9), (torch.float32, 1e-4)]


def given_as(name: str) -> Tensor:
    return torch.from_numpy(FORMULAS[name])


def assert_near(actual: Tensor, expected: Tensor | np.ndarray | list[float], atol: float) -> None:
    torch.testing.assert_close(actual.double(), torch.as_tensor(expected, dtype=F64), rtol=0.0, atol=atol)


# --- ERBIntegration -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spectrum", ["white", "tilt", "line"])
@pytest.mark.parametrize(("dtype", "atol"), DTYPES)
def test_bands_follow_the_documented_formula(spectrum: str, dtype: torch.dtype, atol: float):
    assert_near(
        ERBIntegration(dtype=dtype)(given_as(f"psd_{spectrum}"), GRID), FORMULAS[f"level_{spectrum}"], atol
    )


def test_channels_are_the_documented_ones():
    bands = ERBIntegration(dtype=F64)
    assert bands.n_erb_bands == 150
    assert_near(bands.get_erb_frequencies(), FORMULAS["fc"], 1e-10)
    assert_near(bands.get_erb_bandwidths(), FORMULAS["bw"], 1e-10)
    assert_near(bands.erb_centers, FORMULAS["erb"], 1e-13)
    assert "n_erb_bands=150" in repr(bands)
    assert "learnable=False" in repr(bands)


@pytest.mark.parametrize(
    ("arguments", "count"),
    [({"erb_step": 0.5}, 76), ({"f_min": 20.0, "f_max": 16000.0}, 157), ({}, 150)],
)
def test_other_ranges_have_the_channels_of_the_formula(arguments, count):
    assert ERBIntegration(**arguments).n_erb_bands == count


@settings(max_examples=50)
@given(
    low=st.floats(20.0, 5000.0),
    ratio=st.floats(1.01, 3.0),
    step=st.floats(0.02, 3.0),
)
def test_channels_reach_the_upper_end_and_go_at_most_one_step_past_it(low, ratio, step):
    bands = ERBIntegration(f_min=low, f_max=low * ratio, erb_step=step, dtype=F64)
    top = float(f2erbrate(low * ratio))
    assert float(bands.fc_erb[0]) == pytest.approx(low, rel=1e-12)
    assert top - 1e-6 <= float(bands.erb_centers[-1]) < top + step


def test_a_range_of_whole_steps_gains_no_channel_by_rounding():
    low, high = (float(f2erbrate(f)) for f in (50.0, 8000.0))
    for steps in (3, 7, 10, 49, 100):
        assert ERBIntegration(f_max=8000.0, erb_step=(high - low) / steps).n_erb_bands == steps + 1


def test_a_line_shows_in_the_channels_whose_rectangles_hold_it():
    psd = torch.zeros(1025, dtype=F64)
    psd[64] = 4e-4 / 15.625
    levels = ERBIntegration(dtype=F64)(psd, GRID)
    inside = (FORMULAS["fc"] - FORMULAS["bw"] / 2 <= 1000.0) & (FORMULAS["fc"] + FORMULAS["bw"] / 2 >= 1000.0)
    assert inside.any()
    assert ((levels.numpy() > 0.0) == inside).all()
    assert_near(levels[torch.from_numpy(inside)], np.full(inside.sum(), 60.0), 1e-9)


def test_silence_is_minus_200_db():
    assert bool((ERBIntegration()(torch.zeros(2, 3, 1025), GRID) == SILENCE_DB).all())


def test_the_front_end_of_the_specification_runs():
    psd, freqs = MultiResolutionFFT()(torch.randn(2, 32000, generator=torch.Generator().manual_seed(1)))
    excitation = ERBIntegration()(psd, freqs)
    spread = ExcitationPattern()(excitation)
    assert excitation.shape == spread.shape == (2, 32, 150)
    # unit noise has 93.98 dB in all, half of which the one-sided density holds
    total = 10.0 * math.log10(0.5 / 4e-10)
    assert 40.0 < float(excitation.min()) < float(excitation.max()) < total
    assert bool((spread >= excitation).all())


def test_a_wider_band_holds_more():
    bands = ERBIntegration(dtype=F64)
    usual = bands(given_as("psd_white"), GRID)
    bands.bandwidth_scale.fill_(2.0)
    # twice as wide, twice the power, to one bin of about twenty
    assert_near(bands(given_as("psd_white"), GRID)[100:130] - usual[100:130], np.full(30, 3.01), 0.25)
    bands.bandwidth_scale.fill_(1e3)
    widest = bands(given_as("psd_white"), GRID)
    bands.bandwidth_scale.fill_(10.0)
    assert torch.equal(bands(given_as("psd_white"), GRID), widest)


def test_weights_scale_the_power_and_negative_ones_silence():
    bands = ERBIntegration(dtype=F64)
    usual = bands(given_as("psd_white"), GRID)
    bands.integration_weights[:3] = torch.tensor([10.0, 0.0, -1.0])
    levels = bands(given_as("psd_white"), GRID)
    assert_near(levels[:3], [float(usual[0]) + 10.0, SILENCE_DB, SILENCE_DB], 1e-9)
    assert torch.equal(levels[3:], usual[3:])


def test_151_numbers_of_the_bands_are_learnable():
    parameters = dict(ERBIntegration(learnable=True).named_parameters())
    assert {name: p.numel() for name, p in parameters.items()} == {
        "bandwidth_scale": 1,
        "integration_weights": 150,
    }
    assert not list(ERBIntegration().parameters())


def test_smooth_bands_integrate_a_flat_spectrum_exactly_where_rectangles_count_bins():
    psd = given_as("psd_white")
    exact = 10.0 * np.log10(FORMULAS["bw"] * 2.5e-8 / 4e-10)
    smooth = ERBIntegration(learnable=True, dtype=F64)(psd, GRID).detach()
    assert_near(smooth, exact, 0.13)
    # the rectangles' own error, bins being counted, is all that parts them
    assert_near(ERBIntegration(dtype=F64)(psd, GRID), smooth, 1.1)


def test_smooth_bands_tend_to_the_rectangles():
    psd = given_as("psd_tilt")
    hard, smooth = ERBIntegration(dtype=F64)(psd, GRID), ERBIntegration(learnable=True, dtype=F64)
    apart = []
    for softness in (0.25, 0.05, 0.01, 1e-3, 1e-5):
        smooth.softness = softness
        apart.append(float((smooth(psd, GRID).detach() - hard).abs().max()))
    assert apart == sorted(apart, reverse=True)
    assert apart[-1] < 1e-9


def test_gradients_of_the_bands_are_right():
    bands = ERBIntegration(f_min=500.0, f_max=900.0, learnable=True, dtype=F64)
    psd = (GRID[:80] * 1e-9 + 1e-8).repeat(2, 1) * 1e8
    values = [p.detach().clone() * 1.1 for p in (bands.bandwidth_scale, bands.integration_weights)]

    def levels(psd: Tensor, scale: Tensor, weights: Tensor) -> Tensor:
        values = {"bandwidth_scale": scale, "integration_weights": weights}
        return functional_call(bands, values, (1e-8 * psd, GRID[:80]))

    inputs = [v.requires_grad_() for v in (psd, *values)]
    assert torch.autograd.gradcheck(levels, inputs)
    # the check means something: a band a tenth wider is about 0.4 dB louder
    (gradient,) = torch.autograd.grad(levels(*inputs).mean(), inputs[1])
    assert float(gradient) == pytest.approx(10.0 / math.log(10.0) / 1.1, rel=0.1)


def test_silent_bands_have_finite_gradients():
    bands = ERBIntegration(learnable=True)
    psd = torch.zeros(1, 2, 1025, requires_grad=True)
    bands(psd, GRID).sum().backward()
    for grad in (psd.grad, bands.bandwidth_scale.grad, bands.integration_weights.grad):
        assert grad is not None
        assert bool(torch.isfinite(grad).all())


@settings(max_examples=25)
@given(
    lead=st.lists(st.integers(1, 3), max_size=3),
    bins=st.integers(2, 2000),
    width=st.floats(0.1, 200.0),
    learnable=st.booleans(),
)
def test_any_leading_shape_and_even_grid_is_integrated(lead, bins, width, learnable):
    bands = ERBIntegration(erb_step=1.0, learnable=learnable)
    levels = bands(torch.rand(*lead, bins), torch.arange(bins) * width)
    assert levels.shape == (*lead, bands.n_erb_bands)
    assert bool((torch.isfinite(levels) & (levels >= SILENCE_DB)).all())


@pytest.mark.parametrize("family", [ERBIntegration, ExcitationPattern])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fs": 0}, "no sampling rate"),
        ({"fs": math.inf}, "no sampling rate"),
        ({"f_min": 0.0}, "f_min = 0.0"),
        ({"f_min": 5000.0, "f_max": 5000.0}, "f_min < f_max"),
        ({"f_max": 16001.0}, "fs / 2 = 16000"),
        ({"f_max": math.nan}, "no range"),
        ({"erb_step": 0.0}, "erb_step = 0.0"),
        ({"erb_step": math.nan}, "erb_step = nan"),
        ({"erb_step": 1e-5}, "channels"),
        ({"dtype": torch.float16}, "not supported"),
    ],
)
def test_channels_that_cannot_be_are_refused(family, arguments, message):
    with pytest.raises(ValueError, match=message):
        family(**arguments)


@pytest.mark.parametrize(
    ("psd", "freqs", "error", "message"),
    [
        (torch.ones(3, 1024), GRID, ValueError, "psd has 1024 bins"),
        (torch.ones(1025), GRID.repeat(2, 1), ValueError, "freqs has shape"),
        (torch.ones(1), torch.ones(1), ValueError, "at least 2 bins"),
        (torch.ones(1025), GRID.flip(0), ValueError, "equal steps"),
        (torch.ones(1025), GRID**1.1, ValueError, "equal steps"),
        (torch.ones(1025), torch.zeros(1025), ValueError, "equal steps"),
        (torch.ones(1025), GRID * math.nan, ValueError, "freqs holds nan"),
        (-torch.ones(1025), GRID, ValueError, "-1 Pa"),
        (torch.full((1025,), math.nan), GRID, ValueError, "psd holds nan"),
        (torch.full((2, 1025), math.inf), GRID, ValueError, "psd holds inf"),
        (torch.ones(0, 1025), GRID, ValueError, "no values"),
        (torch.ones(1025, dtype=torch.complex64), GRID, ValueError, "complex"),
        ([1.0] * 1025, GRID, TypeError, "list"),
        (torch.ones(1025), list(range(1025)), TypeError, "list"),
    ],
)
def test_spectra_and_grids_that_do_not_match_are_refused(psd, freqs, error, message):
    with pytest.raises(error, match=message):
        ERBIntegration()(psd, freqs)


# --- ExcitationPattern ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["flat60", "cosine", "peak", "low"])
@pytest.mark.parametrize(("dtype", "atol"), DTYPES)
def test_spreading_follows_the_documented_formula(pattern: str, dtype: torch.dtype, atol: float):
    spread = ExcitationPattern(dtype=dtype)(given_as(f"spread_in_{pattern}"))
    assert_near(spread, FORMULAS[f"spread_out_{pattern}"], atol)


@pytest.mark.parametrize("pattern", ["flat60", "cosine", "peak", "low"])
def test_the_cut_at_50_db_is_the_documented_one(pattern: str):
    spread = ExcitationPattern(max_attenuation_db=50.0, dtype=F64)(given_as(f"spread_in_{pattern}"))
    # At 10 dB/ERB a channel 5 Cam away is attenuated by exactly 50 dB: rounding decides in the reference.
    atol = 2e-4 if pattern == "cosine" else 1e-9
    assert_near(spread, FORMULAS[f"spread_out_cut50_{pattern}"], atol)


def test_levels_are_summed_as_powers():
    levels = torch.full((150,), SILENCE_DB, dtype=F64)
    levels[50], levels[54] = 60.0, 60.0 + 11.0
    slopes = ExcitationPattern().get_spreading_slopes(71.0)
    # one Cam below the louder one
    expected = 10.0 * math.log10(10**6.0 + 10 ** ((71.0 - slopes[1]) / 10.0))
    assert_near(ExcitationPattern(dtype=F64)(levels)[50], torch.tensor(expected, dtype=F64), 1e-9)


def test_there_is_no_floor_at_0_db():
    levels = torch.full((150,), -100.0, dtype=F64)
    assert_near(ExcitationPattern(dtype=F64)(levels)[75:76], [-100.0], 0.5)


def test_a_single_channel_falls_off_with_the_slopes_of_its_level():
    spread = ExcitationPattern(dtype=F64)
    for level in (20.0, 60.0, 70.0, 100.0):
        levels = torch.full((150,), SILENCE_DB, dtype=F64)
        levels[60] = level
        upper, lower = spread.get_spreading_slopes(level)
        # 1.5 Cam to either side, far above the neighbours' own -200 dB
        assert_near(spread(levels)[54:67:6], [level - 1.5 * lower, level, level - 1.5 * upper], 1e-9)


@pytest.mark.parametrize(
    ("level", "upper", "lower"), [(40, 34.4, 15.0), (60, 27.0, 11.0), (80, 19.6, 10.0), (100, 12.2, 10.0)]
)
def test_slopes_are_the_documented_ones(level: float, upper: float, lower: float):
    assert ExcitationPattern(dtype=F64).get_spreading_slopes(level) == pytest.approx((upper, lower))


def test_silence_given_as_minus_infinity_is_the_floor():
    spread = ExcitationPattern(dtype=F64)
    floor = spread(torch.full((150,), SILENCE_DB, dtype=F64))
    assert torch.equal(spread(torch.full((150,), -math.inf, dtype=F64)), floor)
    # neighbours, 16 dB down after a quarter of a Cam, add a little
    assert_near(floor, np.full(150, SILENCE_DB), 0.13)


def test_four_slope_numbers_are_learnable():
    module = ExcitationPattern(learnable=True)
    values = {name: round(float(p.detach()), 2) for name, p in module.named_parameters()}
    assert values == {
        "upper_slope_base": 27.0,
        "lower_slope_base": 11.0,
        "upper_slope_per_db": -0.37,
        "lower_slope_per_db": -0.2,
    }
    assert not list(ExcitationPattern().parameters())


def test_the_pattern_has_the_attributes_of_the_specification():
    module = ExcitationPattern(dtype=F64)
    assert (module.fs, module.f_min, module.f_max, module.erb_step) == (32000, 50.0, 15000.0, 0.25)
    assert module.n_erb_bands == 150
    assert_near(module.fc_erb, FORMULAS["fc"], 1e-10)
    assert_near(module.erb_centers, FORMULAS["erb"], 1e-13)
    assert float(module.level_ref) == 60.0
    assert "n_erb_bands=150" in repr(module)
    assert "max_attenuation_db=50" in repr(ExcitationPattern(max_attenuation_db=50))


def test_learned_slopes_stay_at_10_db_per_erb_at_least():
    module = ExcitationPattern(learnable=True)
    with torch.no_grad():
        module.upper_slope_base.fill_(-1e6)
        module.lower_slope_per_db.fill_(-1e6)
    assert module.get_spreading_slopes(80.0) == (10.0, 10.0)
    assert bool(torch.isfinite(module(torch.full((150,), 80.0))).all())


@pytest.mark.parametrize("cut", [None, 50.0])
def test_gradients_of_the_pattern_are_right(cut: float | None):
    module = ExcitationPattern(erb_step=2.0, learnable=True, max_attenuation_db=cut, dtype=F64)
    level = 60.0 + 25.0 * torch.randn(
        3, module.n_erb_bands, dtype=F64, generator=torch.Generator().manual_seed(2)
    )
    names = [name for name, _ in module.named_parameters()]
    values = [p.detach().clone().requires_grad_() for p in module.parameters()]

    def spread(level: Tensor, *values: Tensor) -> Tensor:
        return functional_call(module, dict(zip(names, values, strict=True)), (level,))

    assert torch.autograd.gradcheck(spread, (level.requires_grad_(), *values))
    gradients = torch.autograd.grad(spread(level, *values).sum(), values)
    assert all(abs(float(g)) > 1e-4 for g in gradients)


def test_silent_channels_have_finite_gradients():
    module = ExcitationPattern(learnable=True)
    levels = torch.full((2, 150), -math.inf)
    levels[1, 40] = 70.0
    levels.requires_grad_()
    module(levels).sum().backward()
    for grad in (levels.grad, *(p.grad for p in module.parameters())):
        assert grad is not None
        assert bool(torch.isfinite(grad).all())


def test_many_frames_are_spread_in_parts_without_a_trace():
    levels = 60.0 + 20.0 * torch.rand(300, 150, dtype=F64)
    module = ExcitationPattern(dtype=F64)
    together = module(levels)
    assert_near(torch.stack([module(row) for row in levels[::37]]), together[::37].numpy(), 1e-12)


@settings(max_examples=25)
@given(
    lead=st.lists(st.integers(1, 4), max_size=3),
    level=st.floats(-1000.0, 1000.0),
    step=st.sampled_from([0.5, 1.0, 3.0]),
    cut=st.none() | st.floats(1.0, 100.0),
)
def test_any_finite_level_is_spread_without_overflow(lead, level, step, cut):
    module = ExcitationPattern(erb_step=step, max_attenuation_db=cut)
    levels = level + 30.0 * torch.rand(*lead, module.n_erb_bands)
    spread = module(levels)
    assert spread.shape == levels.shape
    assert bool(torch.isfinite(spread).all())
    assert bool((spread >= levels.clamp_min(SILENCE_DB) - 1e-3).all())


@pytest.mark.parametrize(
    ("levels", "error", "message"),
    [
        (torch.zeros(2, 149), ValueError, "150 channels"),
        (torch.zeros(150, 2), ValueError, "150 channels"),
        (torch.full((150,), math.nan), ValueError, "nan"),
        (torch.full((150,), math.inf), ValueError, "inf dB SPL"),
        (torch.zeros(0, 150), ValueError, "no values"),
        (torch.zeros(150, dtype=torch.complex64), ValueError, "complex"),
        ([0.0] * 150, TypeError, "list"),
    ],
)
def test_levels_that_cannot_be_spread_are_refused(levels, error, message):
    with pytest.raises(error, match=message):
        ExcitationPattern()(levels)


@pytest.mark.parametrize("cut", [0.0, -50.0, math.nan])
def test_a_cut_that_is_none_is_refused(cut: float):
    with pytest.raises(ValueError, match="max_attenuation_db"):
        ExcitationPattern(max_attenuation_db=cut)


def test_a_level_that_is_none_has_no_slopes():
    with pytest.raises(ValueError, match="level_db = nan"):
        ExcitationPattern().get_spreading_slopes(math.nan)


@pytest.mark.parametrize("name", ["upper_slope_base", "lower_slope_per_db"])
def test_slopes_that_are_no_longer_numbers_are_refused(name: str):
    module = ExcitationPattern(learnable=True)
    with torch.no_grad():
        getattr(module, name).fill_(math.nan)
    with pytest.raises(ValueError, match=f"{name} has become nan"):
        module(torch.zeros(150))


def test_a_bandwidth_that_is_no_longer_a_number_is_refused():
    bands = ERBIntegration(learnable=True)
    with torch.no_grad():
        bands.bandwidth_scale.fill_(math.nan)
    with pytest.raises(ValueError, match="bandwidth_scale has become nan"):
        bands(torch.ones(1025), GRID)


@pytest.mark.parametrize("family", [ERBIntegration, ExcitationPattern])
def test_bands_are_copied_pickled_stored_and_converted(family):
    module = family(learnable=True)
    arguments = (torch.rand(2, 1025), GRID) if family is ERBIntegration else (60.0 * torch.rand(2, 150),)
    expected = module(*arguments)
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(twin(*arguments), expected)
    family(learnable=True).load_state_dict(module.state_dict())
    assert copy.deepcopy(module).double()(*arguments).dtype == F64
    with pytest.raises(ValueError, match="float32 or float64"):
        copy.deepcopy(module).half()
