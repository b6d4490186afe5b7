"""The Moore 2016 excitation pattern against the original toolbox, and what a user may expect of it."""

import copy
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from amtlib import Moore2016ExcitationPattern, erbrate2f
from amtlib.filterbanks import roex_sums

DATA = Path(__file__).parents[1] / "data"
SPARSE, CHAIN = np.load(DATA / "moore2016_sparse_excitation.npz"), np.load(DATA / "moore2016_chain.npz")
CASES, SOUNDS = SPARSE["names"].tolist(), CHAIN["names"].tolist()
BINS = 15.625 * torch.arange(2, 960, dtype=torch.float64)
PARAMETERS = ("level_dep_factor", "reference_level", "min_p_lower")


def published(dtype: torch.dtype = torch.float64, **more: Any) -> Moore2016ExcitationPattern:
    """The reference's own limit: components above 5 fc are left out, none below."""
    return Moore2016ExcitationPattern(spreading_limit_octaves=None, dtype=dtype, **more)


def small(**more: Any) -> Moore2016ExcitationPattern:
    """A few channels, for checks that take many evaluations."""
    return Moore2016ExcitationPattern(8.0, 26.0, 3.0, dtype=torch.float64, **more)


def sparse(case: str, what: str = "E") -> tuple[Tensor, Tensor, Tensor]:
    f, level, excitation = (torch.from_numpy(SPARSE[f"{case}/{key}"]) for key in ("f", "L", what))
    return f, level, excitation


def chain(sound: str) -> tuple[Tensor, Tensor, Tensor]:
    """Components, padded with freq 0, and excitation of those stored frames and ears that have any."""
    frames, with_excitation = (CHAIN[f"{sound}/{key}"].tolist() for key in ("frames", "frames_E"))
    both = [k for k in frames if k in with_excitation]
    f, level = (torch.from_numpy(CHAIN[f"{sound}/{key}"])[[frames.index(k) for k in both]] for key in "FL")
    excitation = torch.from_numpy(CHAIN[f"{sound}/E"])[[with_excitation.index(k) for k in both]]
    heard = ~f.isnan().all(-1)
    return f[heard].nan_to_num(0.0), level[heard].nan_to_num(0.0), excitation[heard]


def with_floor(excitation: Tensor) -> Tensor:
    """The reference's dB as ours: 1e-12 is added to the power, and nothing at all is -120 dB."""
    return 10.0 * torch.log10(10.0 ** (excitation / 10.0) + 1e-12)


def plain(
    f: Tensor, power: Tensor, fc: Tensor, factor: float = 0.35, reference: float = 51.0, least: float = 0.1
) -> Tensor:
    """The published formula for one spectrum, written down once more, the obvious way."""

    def p(at: Tensor) -> Tensor:
        return 4.0 * at / (24.673 * (4.368 * at / 1000.0 + 1.0))

    def roex(x: Tensor) -> Tensor:
        return (1.0 + x) * torch.exp(-x)

    g = (f[:, None] - f) / f
    level = 10.0 * torch.log10((torch.where(g > 4.0, 0.0, roex(p(f) * g.abs())) * power).sum(-1))
    g = (f - fc[:, None]) / fc[:, None]
    upper = p(fc)[:, None]
    lower = upper - factor * upper / p(torch.tensor(1000.0, dtype=f.dtype)) * (level - reference)
    weights = roex(torch.where(g < 0.0, lower.clamp_min(least), upper) * g.abs())
    return 10.0 * torch.log10((torch.where(g > 4.0, 0.0, weights) * power).sum(-1) + 1e-12)


@pytest.mark.parametrize("case", CASES)
def test_sparse_spectra_equal_the_original_in_every_channel(case: str):
    f, level, expected = sparse(case)
    # 1e-7 dB is what we hold ourselves to; the reference is float64 itself.
    torch.testing.assert_close(published()(f, level), with_floor(expected), rtol=0.0, atol=1e-7)
    on_grid = published().forward_grid(f, 10.0 ** (level / 10.0))
    torch.testing.assert_close(on_grid, with_floor(expected), rtol=0.0, atol=1e-7)


@pytest.mark.parametrize("sound", SOUNDS)
def test_spectra_of_sounds_equal_the_original_in_every_channel(sound: str):
    f, level, expected = chain(sound)
    torch.testing.assert_close(published()(f, level), with_floor(expected), rtol=0.0, atol=1e-7)


@pytest.mark.parametrize("case", CASES)
def test_the_limit_of_four_octaves_leaves_60_db_below_the_peak_as_they_are(case: str):
    f, level, expected = sparse(case)
    near = expected > expected.max() - 60.0
    default = Moore2016ExcitationPattern(dtype=torch.float64)(f, level)
    torch.testing.assert_close(default[near], with_floor(expected)[near], rtol=0.0, atol=1e-7)


@pytest.mark.parametrize("sound", [s for s in SOUNDS if s not in ("tone1000_100dB", "harm200x20_55dB")])
def test_the_limit_leaves_60_db_below_the_peak_of_sounds_as_they_are(sound: str):
    # Not so the far skirt of a tone of 100 dB (0.13 dB at 45 dB), nor of twenty harmonics (1.6e-7 dB).
    f, level, expected = chain(sound)
    near = expected > expected.amax(-1, keepdim=True) - 60.0
    default = Moore2016ExcitationPattern(dtype=torch.float64)(f, level)
    torch.testing.assert_close(default[near], with_floor(expected)[near], rtol=0.0, atol=1e-7)


def test_float32_is_within_a_ten_thousandth_of_a_db_in_every_channel():
    pattern = published(torch.float32)
    for f, level, expected in [*map(sparse, CASES), *map(chain, SOUNDS)]:
        actual = pattern(f, level)
        assert actual.dtype == torch.float32
        # exponents up to 40 in float32: 40 x 2^-24 x 4.3 dB, several times
        torch.testing.assert_close(actual.double(), with_floor(expected), rtol=0.0, atol=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_centred_on_the_component_it_is_the_specifications_forward(case: str):
    f, level, expected = sparse(case, "E_seed")
    pattern = Moore2016ExcitationPattern(dtype=torch.float64, centred_on="component")
    torch.testing.assert_close(pattern(f, level), expected, rtol=0.0, atol=1e-9)
    on_grid = pattern.forward_grid(f, 10.0 ** (level / 10.0))
    torch.testing.assert_close(on_grid, expected, rtol=0.0, atol=1e-9)


def test_channels_are_those_of_the_reference():
    pattern = Moore2016ExcitationPattern(dtype=torch.float64)
    torch.testing.assert_close(pattern.fc_channels, torch.from_numpy(SPARSE["fc"]), rtol=1e-12, atol=0.0)
    assert pattern.n_channels == 150
    assert (pattern.erb_channels[0], pattern.erb_channels[-1]) == (1.75, 39.0)
    assert pattern.p1000 == pytest.approx(30.20, abs=0.005)  # the specification's two decimals
    torch.testing.assert_close(erbrate2f(pattern.erb_channels), pattern.fc_channels)


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ((), 150),
        ((6.0, 30.0, 0.5), 49),
        ((1.75, 39.0, 0.5), 76),
        ((1.75, 39.0, 0.1), 374),
        ((1.0, 2.0, 3.0), 2),
    ],
)
def test_channels_are_counted_as_the_formula_counts_them(arguments: tuple[float, ...], count: int):
    assert Moore2016ExcitationPattern(*arguments).n_channels == count


def test_loud_tones_spread_upwards():
    pattern = published()
    level = torch.tensor([[40.0], [60.0], [80.0], [100.0]])
    excitation = pattern(torch.full((4, 1), 1000.0), level) - level
    at = {f: int((pattern.fc_channels - f).abs().argmin()) for f in (500, 2000)}
    assert (excitation[:, at[2000]].diff() > 10.0).all()  # dB more than linear per 20 dB
    assert excitation[:, at[500]].diff().abs().max() < 1e-5  # dB: linear, but for the floor of -120 dB


@pytest.mark.parametrize("centred_on", ["channel", "component"])
@pytest.mark.parametrize("octaves", [0.5, 2.0])
def test_nothing_spreads_beyond_the_limit(octaves: float, centred_on: str):
    pattern = Moore2016ExcitationPattern(spreading_limit_octaves=octaves, centred_on=centred_on)
    excitation = pattern(torch.tensor([1000.0]), torch.tensor([90.0]))
    away = (pattern.fc_channels / 1000.0).log2().abs()
    assert (excitation[away > octaves] == -120.0).all()
    assert (excitation[away < 0.5] > -30.0).all()


def dense(rows: int, seed: int = 0, present: float = 0.6) -> tuple[Tensor, Tensor]:
    """Noise on the bins of a transform, not all of them there: freqs and levels (rows, 958), padded in place."""
    generator = torch.Generator().manual_seed(seed)
    level = 70.0 * torch.rand(rows, len(BINS), generator=generator, dtype=torch.float64) - 10.0
    there = torch.rand(rows, len(BINS), generator=generator, dtype=torch.float64) < present
    return torch.where(there, BINS, 0.0), torch.where(there, level, 0.0)


def packed(f: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
    """The same components moved to the front of each row."""
    order = (f == 0.0).to(torch.int8).argsort(dim=-1, stable=True)
    return f.gather(-1, order), level.gather(-1, order)


def test_bins_are_recognised_whether_padded_in_place_or_packed():
    f, level = dense(4)
    power = torch.where(f > 0.0, 10.0 ** (level / 10.0), 0.0)
    expected = published().forward_grid(BINS, power)
    freely = published()(f.requires_grad_(), level).detach()  # gradients by freqs: no grid
    for actual in (published()(f.detach(), level), published()(*packed(f.detach(), level)), freely):
        torch.testing.assert_close(actual, expected, rtol=0.0, atol=1e-10)


def test_frequencies_off_any_grid_are_taken_as_they_are():
    f, level = dense(2)
    generator = torch.Generator().manual_seed(3)
    f = f * (1.0 + 1e-3 * torch.rand(f.shape, generator=generator, dtype=torch.float64))
    for row in range(2):
        there = f[row] > 0.0
        expected = plain(f[row, there], 10.0 ** (level[row, there] / 10.0), published().fc_channels)
        torch.testing.assert_close(published()(f, level)[row], expected, rtol=0.0, atol=1e-10)


def test_equal_frequencies_of_a_row_add_their_powers():
    f = torch.tensor([[500.0, 1000.0, 1000.0]], dtype=torch.float64).repeat(400, 1)  # enough for a grid
    level = torch.tensor([[40.0, 60.0, 60.0]], dtype=torch.float64).repeat(400, 1)
    alone = torch.tensor([40.0, 60.0 + 10.0 * math.log10(2.0)], dtype=torch.float64)
    expected = published()(f[0, :2], alone)
    torch.testing.assert_close(published()(f, level), expected.expand(400, -1), rtol=0.0, atol=1e-10)
    torch.testing.assert_close(published()(f[0], level[0]), expected, rtol=0.0, atol=1e-10)


@settings(max_examples=25, deadline=None)
@given(
    tones=st.lists(st.tuples(st.integers(20, 16000), st.floats(-40.0, 120.0)), min_size=1, max_size=12),
    factor=st.floats(0.0, 1.0),
    reference=st.floats(30.0, 70.0),
    least=st.floats(0.01, 1.0),
)
def test_any_tones_and_parameters_give_the_published_formula(
    tones: list[tuple[int, float]], factor: float, reference: float, least: float
):
    at = {float(f): level for f, level in tones}  # a frequency once
    f = torch.tensor(sorted(at), dtype=torch.float64)
    level = torch.tensor([at[float(v)] for v in f], dtype=torch.float64)
    pattern = published()
    for name, value in zip(PARAMETERS, (factor, reference, least), strict=True):
        getattr(pattern, name).fill_(value)
    power = 10.0 ** (level / 10.0)
    expected = plain(f, power, pattern.fc_channels, factor, reference, least)
    for actual in (pattern(f, level), pattern.forward_grid(f, power)):
        torch.testing.assert_close(actual, expected, rtol=0.0, atol=1e-9)


@pytest.fixture
def tiny_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(roex_sums._TILE, "cpu", 500)


def gradients(
    pattern: Moore2016ExcitationPattern, call: Callable[[Tensor], Tensor], x: Tensor
) -> tuple[Tensor, ...]:
    x = x.clone().requires_grad_()
    wanted = [x, *pattern.parameters()]
    return torch.autograd.grad(call(x).square().sum(), wanted)


@pytest.mark.usefixtures("tiny_tiles")
@pytest.mark.parametrize("centred_on", ["channel", "component"])
def test_blocks_change_nothing(centred_on: str, monkeypatch: pytest.MonkeyPatch):
    pattern = small(learnable=True, centred_on=centred_on)
    f, level = dense(3)
    power = 10.0 ** (level / 10.0)
    sparse_f = torch.where(f > 0.0, f * 1.0007, 0.0)[:, :40]  # off the grid
    calls = [
        (lambda x: pattern.forward_grid(BINS, x), power),
        (lambda x: pattern(sparse_f, x), level[:, :40]),
    ]
    blocked = [(call(x).detach(), *gradients(pattern, call, x)) for call, x in calls]
    monkeypatch.setitem(roex_sums._TILE, "cpu", 1 << 24)
    whole = [(call(x).detach(), *gradients(pattern, call, x)) for call, x in calls]
    for a, b in zip(blocked, whole, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def skirts(regime: str, **more: Any) -> Moore2016ExcitationPattern:
    pattern = small(learnable=True, **more)
    if regime == "the least p holds":
        with torch.no_grad():
            pattern.level_dep_factor.fill_(0.9)
            pattern.reference_level.fill_(35.0)
            pattern.min_p_lower.fill_(0.5)
    return pattern


@pytest.mark.parametrize("centred_on", ["channel", "component"])
@pytest.mark.parametrize("regime", ["usual", "the least p holds"])
def test_gradients_on_a_grid_are_right_by_power_and_all_parameters(regime: str, centred_on: str):
    pattern = skirts(regime, centred_on=centred_on)
    f = torch.tensor([300.0, 700.0, 900.0, 2500.0, 5000.0], dtype=torch.float64)
    power = 10.0 ** (torch.tensor([[55.0, 70.0, 20.0, 80.0, 40.0], [30.0, 75.0, 90.0, 10.0, 60.0]]) / 10.0)
    scale = power.double()

    def call(x: Tensor, *parameters: Tensor) -> Tensor:
        named = dict(zip(PARAMETERS, parameters, strict=True))
        return torch.func.functional_call(
            _Grid(pattern), {f"pattern.{k}": v for k, v in named.items()}, (f, x * scale)
        )

    inputs = (torch.ones_like(scale).requires_grad_(), *pattern.parameters())
    assert torch.autograd.gradcheck(call, inputs, eps=1e-6, atol=1e-6)


class _Grid(torch.nn.Module):
    def __init__(self, pattern: Moore2016ExcitationPattern) -> None:
        super().__init__()
        self.pattern = pattern

    def forward(self, f: Tensor, power: Tensor) -> Tensor:
        return self.pattern.forward_grid(f, power)


@pytest.mark.parametrize("centred_on", ["channel", "component"])
@pytest.mark.parametrize("regime", ["usual", "the least p holds"])
def test_gradients_of_forward_are_right_by_levels_frequencies_and_all_parameters(
    regime: str, centred_on: str
):
    pattern = skirts(regime, centred_on=centred_on)
    octaves = torch.tensor([[-1.3, 0.2, 0.0], [1.1, 2.3, -0.4]], dtype=torch.float64).requires_grad_()
    level = torch.tensor([[55.0, 70.0, 20.0], [80.0, 40.0, 65.0]], dtype=torch.float64).requires_grad_()

    def call(x: Tensor, y: Tensor, *parameters: Tensor) -> Tensor:
        named = dict(zip(PARAMETERS, parameters, strict=True))
        return torch.func.functional_call(pattern, named, (1000.0 * 2.0**x, y))

    assert torch.autograd.gradcheck(call, (octaves, level, *pattern.parameters()), eps=1e-6, atol=1e-6)


def test_gradients_by_level_are_the_same_on_a_grid_and_off():
    f, level = dense(3)
    pattern = published(learnable=True)
    on_grid = gradients(pattern, lambda x: pattern(f, x), level)
    f.requires_grad_()
    freely = gradients(pattern, lambda x: pattern(f, x), level)
    torch.testing.assert_close(on_grid, freely, rtol=1e-9, atol=1e-9)


def test_float32_gradients_are_accurate():
    power = 10.0 ** (dense(3)[1] / 10.0)
    pairs = []
    for dtype in (torch.float32, torch.float64):
        pattern = published(dtype, learnable=True)
        x = power.to(dtype).requires_grad_()
        pattern.forward_grid(BINS, x).mean().backward()
        assert x.grad is not None
        in_db = x.grad * x.detach()  # by relative changes: comparable among components
        pairs.append([in_db.double(), *(p.grad.double() for p in pattern.parameters() if p.grad is not None)])
    for actual, expected in zip(*pairs, strict=True):
        # float32 rounds sums of thousands of terms
        assert float((actual - expected).abs().max()) <= 1e-4 * float(expected.abs().max())


def test_the_backward_pass_keeps_nothing_but_the_input():
    pattern, kept = published(torch.float32, learnable=True), 0

    def pack(x: Tensor) -> Tensor:
        nonlocal kept
        kept += x.nbytes
        return x

    power = torch.rand(64, len(BINS)).mul_(1e6).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        pattern.forward_grid(BINS, power)
    assert kept < 3 * power.nbytes  # one row of pairs alone has 35 times its components


def test_threads_change_nothing():
    f, level = dense(20)
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(published()(f, level))
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(results[0], results[1], rtol=0.0, atol=1e-12)


def test_padding_and_what_is_far_too_soft_do_not_count():
    pattern = published()
    alone = pattern(torch.tensor([1000.0]), torch.tensor([60.0]))
    f = torch.tensor([0.0, 1000.0, 1e-7, 3000.0])
    level = torch.tensor([90.0, 60.0, 50.0, -50.5])
    torch.testing.assert_close(pattern(f, level), alone)
    power = 10.0 ** (level[1:4:2].double() / 10.0)
    torch.testing.assert_close(pattern.forward_grid(torch.tensor([1000.0, 3000.0]), power), alone)


def test_shapes_lead_where_they_led():
    pattern = Moore2016ExcitationPattern()
    assert pattern(torch.tensor([1000.0]), torch.tensor([60.0])).shape == (150,)
    assert pattern(torch.full((2, 3, 4, 5), 1000.0), torch.zeros(2, 3, 4, 5)).shape == (2, 3, 4, 150)
    assert pattern.forward_grid(BINS[:5], torch.ones(5)).shape == (150,)
    assert pattern.forward_grid(BINS[:5], torch.ones(2, 3, 4, 5)).shape == (2, 3, 4, 150)


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 5), (2, 0, 5)])
def test_a_spectrum_without_components_excites_nothing(shape: tuple[int, ...]):
    pattern = Moore2016ExcitationPattern()
    excitation = pattern(torch.empty(shape), torch.empty(shape))
    assert excitation.shape == (*shape[:-1], 150)
    assert (excitation == -120.0).all()
    assert torch.equal(pattern.forward_grid(BINS[: shape[-1]], torch.empty(shape)), excitation)


@pytest.mark.parametrize("rows", [1, 40])
def test_silence_has_finite_gradients(rows: int):
    pattern = Moore2016ExcitationPattern(learnable=True)
    f, level = BINS.float().repeat(rows, 1), torch.full((rows, 958), -60.0, requires_grad=True)
    power = torch.zeros(rows, 958, requires_grad=True)
    pattern(f, level).sum().backward()
    excitation = pattern.forward_grid(BINS, power)
    (excitation.sum() + excitation[0].square().sum()).backward()
    assert (excitation == -120.0).all()
    for x in (level, power):
        assert x.grad is not None
        assert torch.count_nonzero(x.grad) == 0
    assert all(p.grad is None or p.grad.isfinite().all() for p in pattern.parameters())


def test_a_silent_frame_among_others_has_finite_gradients():
    pattern = Moore2016ExcitationPattern(learnable=True)
    power = torch.rand(3, 958)
    power[1] = 0.0
    power.requires_grad_()
    pattern.forward_grid(BINS, 1e6 * power).sum().backward()
    assert power.grad is not None
    assert power.grad.isfinite().all()
    assert torch.count_nonzero(power.grad[1]) == 0
    assert all(p.grad is not None and p.grad.isfinite() for p in pattern.parameters())


def test_learnable_makes_three_parameters_and_nothing_else():
    assert not list(Moore2016ExcitationPattern().parameters())
    learner = Moore2016ExcitationPattern(learnable=True)
    assert tuple(dict(learner.named_parameters())) == PARAMETERS
    assert [round(float(p.detach()), 6) for p in learner.parameters()] == [0.35, 51.0, 0.1]


@pytest.mark.parametrize(
    ("name", "beyond", "bound"),
    [
        ("level_dep_factor", -1.0, 0.0),
        ("level_dep_factor", 7.0, 1.0),
        ("reference_level", 0.0, 30.0),
        ("reference_level", 99.0, 70.0),
        ("min_p_lower", -3.0, 0.01),
        ("min_p_lower", 9.0, 1.0),
    ],
)
def test_parameters_driven_out_of_range_act_as_its_end(name: str, beyond: float, bound: float):
    f, level = torch.tensor([500.0, 1000.0]), torch.tensor([100.0, 120.0])
    driven, held = (published(learnable=True) for _ in range(2))
    getattr(driven, name).data.fill_(beyond)
    getattr(held, name).data.fill_(bound)
    torch.testing.assert_close(driven(f, level), held(f, level))


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_that_is_no_number_is_named(name: str):
    pattern = Moore2016ExcitationPattern(learnable=True)
    getattr(pattern, name).data.fill_(math.nan)
    with pytest.raises(ValueError, match=f"{name} has become nan"):
        pattern(torch.tensor([1000.0]), torch.tensor([60.0]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"erb_lower": 39.0}, "erb_lower < erb_upper"),
        ({"erb_lower": 40.0}, "erb_lower < erb_upper"),
        ({"erb_lower": 0.0}, "0 < erb_lower"),
        ({"erb_upper": math.nan}, "span no channels"),
        ({"erb_upper": 80.0}, "at most 50"),
        ({"erb_step": 0.0}, "erb_step = 0.0"),
        ({"erb_step": -0.25}, "number > 0"),
        ({"erb_step": 1e-5}, "channels; give a larger one"),
        ({"spreading_limit_octaves": 0.0}, "spreading_limit_octaves = 0.0"),
        ({"spreading_limit_octaves": math.nan}, "spreading_limit_octaves = nan"),
        ({"dtype": torch.float16}, "float32 or torch.float64"),
        ({"centred_on": "middle"}, "'channel' or 'component'"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        Moore2016ExcitationPattern(**arguments)


def some(*values: float) -> Tensor:
    return torch.tensor(values)


@pytest.mark.parametrize(
    ("f", "level", "message"),
    [
        (some(1000.0, 2000.0), some(60.0), "one level to each frequency"),
        (some(1000.0), some(math.nan), "levels has non-finite"),
        (some(1000.0), some(-math.inf), "levels has non-finite"),
        (some(math.inf), some(60.0), "freqs has non-finite"),
        (some(-1000.0), some(60.0), "freqs has -1000"),
        (some(1000.0), some(201.0), "levels has 201"),
        (torch.tensor(1000.0), torch.tensor(60.0), "single number"),
        (some(1000.0) + 0j, some(60.0), "real"),
    ],
)
def test_components_that_make_no_sense_are_refused(f: Tensor, level: Tensor, message: str):
    with pytest.raises(ValueError, match=message):
        Moore2016ExcitationPattern()(f, level)


@pytest.mark.parametrize(
    ("f", "power", "message"),
    [
        (some(1000.0, 2000.0), torch.ones(4, 3), "the same K"),
        (torch.ones(2, 3), torch.ones(2, 3), "the same K"),
        (some(2000.0, 1000.0), torch.ones(2), "must increase"),
        (some(1000.0, 1000.0), torch.ones(2), "must increase"),
        (some(0.0, 1000.0), torch.ones(2), "freqs has 0"),
        (some(1000.0), some(-1.0), "power has -1"),
        (some(1000.0), some(math.nan), "power has non-finite"),
        (some(1000.0), some(1e21), "power has 1e\\+21"),
    ],
)
def test_grids_and_powers_that_make_no_sense_are_refused(f: Tensor, power: Tensor, message: str):
    with pytest.raises(ValueError, match=message):
        Moore2016ExcitationPattern().forward_grid(f, power)


def test_lists_are_no_tensors():
    with pytest.raises(TypeError, match=r"give a torch\.Tensor"):
        Moore2016ExcitationPattern()([1000.0], torch.tensor([60.0]))  # type: ignore[arg-type]


def test_it_can_be_copied_stored_and_converted():
    f, level = dense(3)
    pattern = Moore2016ExcitationPattern(learnable=True)
    expected = pattern(f, level)
    for twin in (copy.deepcopy(pattern), pickle.loads(pickle.dumps(pattern))):
        assert torch.equal(twin(f, level), expected)
    loaded = Moore2016ExcitationPattern(learnable=True)
    loaded.load_state_dict(pattern.state_dict())
    assert torch.equal(loaded(f, level), expected)
    double = pattern.double()(f, level)
    assert double.dtype == torch.float64
    # channels rounded to float32: 1e-7 of exponents up to 40, in dB
    torch.testing.assert_close(double, expected.double(), rtol=0.0, atol=1e-4)


def test_a_changed_limit_or_grid_is_not_answered_from_memory():
    pattern = published()
    power = torch.full((958,), 1e9, dtype=torch.float64)
    first = pattern.forward_grid(BINS, power)
    pattern.spreading_limit_octaves = 1.0
    assert not torch.allclose(pattern.forward_grid(BINS, power), first)
    pattern.spreading_limit_octaves = None
    assert not torch.allclose(pattern.forward_grid(2.0 * BINS, power), first)
    assert torch.equal(pattern.forward_grid(BINS, power), first)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_the_same():
    f, level = dense(200)
    power = (10.0 ** (level / 10.0)).float()
    pattern = published(torch.float32, learnable=True)
    moved = copy.deepcopy(pattern).to("cuda")
    for actual, expected in (
        (moved(f.cuda(), level.cuda()), pattern(f, level)),
        (moved.forward_grid(BINS.cuda(), power.cuda()), pattern.forward_grid(BINS, power)),
    ):
        assert actual.device.type == "cuda"
        # exponents up to 40 in float32, in another order
        torch.testing.assert_close(actual.cpu(), expected, rtol=0.0, atol=1e-4)
    moved.forward_grid(BINS.cuda(), power.cuda()).sum().backward()
    pattern.forward_grid(BINS, power).sum().backward()
    for there, here in zip(moved.parameters(), pattern.parameters(), strict=True):
        assert there.grad is not None
        assert here.grad is not None
        torch.testing.assert_close(there.grad.cpu(), here.grad, rtol=1e-3, atol=1e-3)


def test_more_than_a_thousand_single_tones_at_once_are_those_tones_one_by_one() -> None:
    pattern = Moore2016ExcitationPattern(dtype=torch.float64)
    freqs = torch.linspace(100, 8000, 1200, dtype=torch.float64)[:, None]
    levels = torch.full_like(freqs, 60.0)
    together = pattern(freqs, levels)
    some = [0, 600, 1199]
    # The same sums in another order: rounding.
    torch.testing.assert_close(together[some], pattern(freqs[some], levels[some]), rtol=0, atol=1e-10)
