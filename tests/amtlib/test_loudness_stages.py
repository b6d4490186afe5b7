"""The stages of the loudness models against the original toolbox, and against the recursions they solve."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from amtlib import (
    BinauralInhibition,
    LoudnessIntegration,
    Moore2016AGC,
    Moore2016BinauralLoudness,
    Moore2016SpecificLoudness,
    Moore2016TemporalIntegration,
    SpatialSmoothing,
    SpecificLoudness,
    phon2sone,
    sone2phon,
)
from amtlib.loudness import attack_release as recursion

DATA = Path(__file__).parents[1] / "data"
# The accuracy the project holds itself to, relative to the loudness of the sound.
TOLERANCE = {torch.float64: 1e-7, torch.float32: 1e-4}
DTYPES = [torch.float64, torch.float32]


def data(name: str) -> Any:
    return np.load(DATA / f"{name}.npz")


def off(found: Tensor, truth: np.ndarray) -> float:
    return float(np.abs(found.detach().double().numpy() - truth).max() / np.abs(truth).max())


def pattern(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


# --- specific loudness


def test_the_constants_of_each_channel_are_the_original_ones():
    tables, stage = data("moore2016_tables"), Moore2016SpecificLoudness(dtype=torch.float64)
    for found, name in (
        (stage.frequencies, "fc"),
        (stage.threshold_db, "threshold_db"),
        (stage.alpha, "alpha"),
        (stage.A, "A"),
    ):
        np.testing.assert_allclose(found.numpy(), tables[name], rtol=1e-13)


def test_the_constants_of_the_2002_model_are_the_original_ones():
    tables, stage = data("glasberg2002_moore1997_tables"), SpecificLoudness(dtype=torch.float64)
    for found, name in (
        (stage.fc_erb, "fc"),
        (stage.threshold_db, "tq_db"),
        (stage.alpha, "alpha"),
        (stage.A, "A"),
        (stage.C, "c"),
    ):
        truth = tables[name]  # one channel less than the specification has
        np.testing.assert_allclose(
            found.numpy()[..., : truth.size] if truth.ndim else found.numpy(), truth, 1e-13
        )


@pytest.mark.parametrize("dtype", DTYPES)
def test_specific_loudness_of_every_level_and_channel_is_the_original_one(dtype: torch.dtype):
    tables = data("moore2016_tables")
    levels = torch.from_numpy(tables["exc_level"]).unsqueeze(-1).expand(-1, 150)
    found = Moore2016SpecificLoudness(dtype=dtype)(levels).double().numpy()
    np.testing.assert_allclose(found, tables["specific_loudness"], rtol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_specific_loudness_of_every_sound_is_the_original_one(dtype: torch.dtype):
    sounds, stage = data("moore2016_sparse_excitation"), Moore2016SpecificLoudness(dtype=dtype)
    for name in sounds["names"].tolist():
        found = stage(torch.from_numpy(sounds[f"{name}/E"]))
        assert off(found, sounds[f"{name}/SL"]) < TOLERANCE[dtype], name


def test_loudness_of_the_2002_model_from_excitation_is_the_original_one():
    sounds, stage = data("glasberg2002_excitation"), SpecificLoudness(dtype=torch.float64)
    for name in sounds["names"].tolist():
        truth = sounds[f"{name}/loudness_from_eLdB_plus_df"][sounds[f"{name}/blocks"]]
        sound = np.isfinite(truth) & (truth > 1e-6)  # a block of silence is not a number there
        # The excitation there lacks the width of a bin, 15.625 Hz.
        levels = sounds[f"{name}/eLdB"][sound] + 10.0 * math.log10(15.625)
        levels = np.pad(levels, ((0, 0), (0, 1)), constant_values=-np.inf)
        found = stage(torch.from_numpy(levels)).sum(-1).numpy() / 2.0
        np.testing.assert_allclose(found, truth[sound], rtol=1e-12)


@pytest.mark.parametrize("kind", [SpecificLoudness, Moore2016SpecificLoudness])
def test_specific_loudness_grows_with_level_up_to_where_the_law_changes(kind: type):
    stage = kind(dtype=torch.float64)
    levels = torch.arange(-90.0, 99.99, 0.25, dtype=torch.float64).unsqueeze(-1)
    assert bool((stage(levels.expand(-1, 150)).diff(dim=0) > 0.0).all())


@pytest.mark.parametrize("kind", [SpecificLoudness, Moore2016SpecificLoudness])
def test_nothing_is_no_loudness_and_no_gradient(kind: type):
    stage = kind(learnable=True)
    level = torch.tensor([-math.inf, -120.0, -300.0]).repeat(50).requires_grad_()
    loudness = stage(level)
    loudness.sum().backward()
    assert bool((loudness == 0.0).all())
    for tensor in (level, *stage.parameters()):
        assert tensor.grad is not None
        assert bool((tensor.grad == 0.0).all())


@pytest.mark.parametrize("kind", [SpecificLoudness, Moore2016SpecificLoudness])
def test_gradients_of_specific_loudness_are_right(kind: type):
    stage = kind(learnable=True, dtype=torch.float64)
    # off the kinks at threshold and at 100 dB
    levels = (pattern(2, 150) * 120.0 - 10.0).requires_grad_()
    names = [name for name, _ in stage.named_parameters()]

    def run(x: Tensor, *values: Tensor) -> Tensor:
        found: Tensor = torch.func.functional_call(stage, dict(zip(names, values, strict=True)), (x,))
        return found[:, ::25]

    assert sum(p.numel() for p in stage.parameters()) == 451
    assert torch.autograd.gradcheck(run, (levels, *stage.parameters()), fast_mode=True)


def test_a_constant_out_of_its_bounds_acts_as_the_bound():
    stage = Moore2016SpecificLoudness(learnable=True)
    with torch.no_grad():
        stage.alpha.fill_(-3.0)
        bound = Moore2016SpecificLoudness()
        bound.alpha.fill_(0.01)
    level = torch.full((150,), 60.0)
    torch.testing.assert_close(stage(level), bound(level), rtol=1e-5, atol=0.0)


# --- the two ears


def test_the_weights_of_smoothing_are_the_original_ones():
    kernel = SpatialSmoothing(dtype=torch.float64).kernel().numpy()
    np.testing.assert_allclose(kernel, data("moore2016_tables")["smoothing_kernel"], rtol=1e-13)


@pytest.mark.parametrize("dtype", DTYPES)
def test_loudness_of_two_ears_is_the_original_one(dtype: torch.dtype):
    sounds = data("moore2016_chain")
    stage = Moore2016BinauralLoudness(dtype=dtype)
    for name in sounds["names"].tolist():
        specific = torch.from_numpy(sounds[f"{name}/SL"])
        found = torch.stack(stage(specific[:, 0], specific[:, -1]), -1)
        truth = sounds[f"{name}/inst"][sounds[f"{name}/frames_E"]]
        assert off(found, truth) < TOLERANCE[dtype], name


@given(level=st.floats(1e-6, 1e3), channel=st.integers(0, 149))
def test_two_equal_ears_are_one_and_a_half_times_as_loud_as_one(level: float, channel: int):
    specific = torch.zeros(150, dtype=torch.float64)
    specific[channel] = level
    stage = Moore2016BinauralLoudness(dtype=torch.float64)
    both, one = stage(specific, specific)[0], stage(specific, 0.0 * specific)[0]
    assert float(both / one) == pytest.approx(1.5, rel=2e-5)  # 1.5978 is the exponent of 1.5 to five digits


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), quieter=st.floats(0.0, 1.0))
def test_inhibition_never_doubles_and_never_amplifies(seed: int, quieter: float):
    left = pattern(150, seed=seed) ** 8
    right = quieter * pattern(150, seed=seed + 1) ** 8
    found = Moore2016BinauralLoudness(dtype=torch.float64)(left, right, return_stages=True)
    alone = torch.stack([left, right])
    assert bool((found.inhibited <= alone * (1 + 1e-12)).all())
    assert bool((found.inhibited >= alone / 2 * (1 - 1e-12)).all())


def test_without_inhibition_ears_add_up():
    left, right = pattern(4, 150), pattern(4, 150, seed=1)
    total, _, _ = Moore2016BinauralLoudness(dtype=torch.float64, inhibit=False)(left, right)
    torch.testing.assert_close(total, (left + right).sum(-1) / 4.0)


def test_ears_may_be_swapped():
    stage = Moore2016BinauralLoudness(dtype=torch.float64)
    left, right = pattern(150), pattern(150, seed=1) ** 6
    total, own, other = stage(left, right)
    swapped = stage(right, left)
    torch.testing.assert_close(swapped, (total, other, own))


def test_gradients_of_binaural_loudness_are_right():
    stage = Moore2016BinauralLoudness(learnable=True, dtype=torch.float64)
    names = [name for name, _ in stage.named_parameters()]
    ears = [pattern(40, seed=s).requires_grad_() for s in (0, 1)]

    def run(left: Tensor, right: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        found: tuple[Tensor, ...] = torch.func.functional_call(
            stage, dict(zip(names, values, strict=True)), (left, right)
        )
        return found

    assert names == ["smoothing.sigma", "inhibition.p"]
    assert torch.autograd.gradcheck(run, (*ears, *stage.parameters()))


@pytest.mark.parametrize("dtype", DTYPES)
def test_silent_ears_have_finite_gradients(dtype: torch.dtype):
    stage = Moore2016BinauralLoudness(learnable=True, dtype=dtype)
    left, right = (torch.zeros(150, dtype=dtype, requires_grad=True) for _ in range(2))
    loud = torch.ones(150, dtype=dtype, requires_grad=True)
    (stage(left, right)[0] + stage(loud, right)[0] + stage(left, loud)[0]).backward()
    for tensor in (left, right, loud, *stage.parameters()):
        assert tensor.grad is not None
        assert bool(torch.isfinite(tensor.grad).all())


def test_the_inhibition_of_a_much_louder_ear_is_two():
    quiet, loud = torch.tensor([1e-12, 1e-3]), torch.tensor([1e6, 1e6])
    for_quiet, for_loud = BinauralInhibition()(quiet, loud)
    assert torch.equal(for_quiet, torch.tensor([2.0, 2.0]))
    torch.testing.assert_close(for_loud, torch.tensor([1.0, 1.0]))


# --- time


def plain_loop(x: Tensor, attack: float, release: float, start: float = 0.0) -> Tensor:
    """Recursion along the last axis, frame by frame."""
    values = x.numpy()
    y, frames = np.full(values.shape[:-1], start), []
    for n in range(values.shape[-1]):
        value = values[..., n]
        y = y + np.where(value > y, attack, release) * (value - y)
        frames.append(y)
    return torch.from_numpy(np.stack(frames, -1))


def inputs(kind: str, frames: int = 700) -> Tensor:
    time = torch.arange(frames, dtype=torch.float64)
    if kind == "noise":
        return pattern(3, frames) ** 4
    if kind == "step":
        return ((time // 97) % 2).expand(2, -1)
    if kind == "am":
        rates = torch.tensor([[0.004], [0.05], [0.5]], dtype=torch.float64)
        return 1.0 + torch.sin(2.0 * math.pi * rates * time) + 0.01 * pattern(3, frames)
    if kind == "walk":
        return (pattern(3, frames) - 0.5).cumsum(-1)
    return torch.ones(1, frames, dtype=torch.float64)  # constant: a tie in every frame once y has arrived


@pytest.mark.parametrize(
    "rates", [(0.045, 0.033), (0.01, 0.00133), (0.3, 0.9), (1.0, 1e-6), (1.0, 1.0), (0.2, 0.2)]
)
@pytest.mark.parametrize("kind", ["noise", "step", "am", "walk", "constant"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_recursion_is_solved_to_rounding(kind: str, rates: tuple[float, float], dtype: torch.dtype):
    x = inputs(kind)
    found = Moore2016AGC(*rates, dtype=dtype)(x).double()
    exact = plain_loop(x, *rates)
    # float32 rounds the slow rates themselves: 1e-6 of them over a memory of a thousand frames
    assert float((found - exact).abs().max() / exact.abs().max()) < (
        1e-13 if dtype == torch.float64 else 2e-5
    )


@settings(max_examples=40)
@given(
    attack=st.floats(1e-4, 1.0),
    release=st.floats(1e-4, 1.0),
    seed=st.integers(0, 10_000),
    block=st.integers(1, 200),
)
def test_any_rates_and_any_blocks_give_the_recursion(attack: float, release: float, seed: int, block: int):
    x = (pattern(1, 150, seed=seed) - 0.3) ** 3
    agc = Moore2016AGC(attack, release, dtype=torch.float64)
    parts, last = [], None
    for part in x.split(block, dim=-1):
        parts.append(agc(part, initial=last))
        last = parts[-1][..., -1]
    torch.testing.assert_close(torch.cat(parts, -1), plain_loop(x, attack, release), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("kind", ["noise", "step", "am", "walk", "constant"])
@pytest.mark.parametrize("rates", [(0.045, 0.033), (0.3, 0.9), (0.2, 0.2)])
@pytest.mark.parametrize("values_at_once", [40, 32_000])
def test_a_gpu_solves_the_same_recursion_for_all_frames_at_once(
    kind: str, rates: tuple[float, float], values_at_once: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(recursion, "_BLOCK_VALUES", values_at_once)
    x, (attack, release) = inputs(kind).unsqueeze(-1), torch.tensor(rates, dtype=torch.float64)
    start = torch.full((len(x), 1), 0.1, dtype=torch.float64)
    y, rising = recursion._all_at_once(x, attack, release, start)
    torch.testing.assert_close(y, recursion.attack_release(x, attack, release, start), rtol=1e-11, atol=1e-14)
    if kind != "constant":  # where a tie may fall to either side
        assert torch.equal(rising, x > torch.cat([start.unsqueeze(1), y[:, :-1]], 1))


def test_many_channels_follow_as_each_alone_does():
    x = pattern(2, 60, 30)
    agc = Moore2016AGC(0.3, 0.05, dtype=torch.float64)
    each = [agc(channel) for channel in x.movedim(-1, 0)]
    torch.testing.assert_close(agc(x, dim=1), torch.stack(each, -1), rtol=1e-13, atol=0.0)


def test_the_recursion_takes_few_passes(monkeypatch: pytest.MonkeyPatch):
    passes = []
    scan = recursion._scan
    monkeypatch.setattr(recursion, "_scan", lambda *a: passes.append(1) or scan(*a))
    for kind in ("noise", "step", "am", "walk", "constant"):
        for rates in ((0.045, 0.033), (0.01, 0.00133)):
            passes.clear()
            x, (attack, release) = inputs(kind, 2000).unsqueeze(-1), torch.tensor(rates, dtype=torch.float64)
            recursion._all_at_once(x, attack, release, torch.zeros_like(x[:, 0]))
            assert len(passes) <= 10, (kind, rates)  # of one block of 2000 frames


@pytest.mark.parametrize("rates", [(0.3, 0.1), (0.1, 0.3)])
@pytest.mark.parametrize("values_at_once", [40, 32_000])
def test_gradients_of_the_recursion_are_right(
    rates: tuple[float, float], values_at_once: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(recursion, "_BLOCK_VALUES", values_at_once)
    attack, release = (torch.tensor(r, dtype=torch.float64, requires_grad=True) for r in rates)
    x, start = pattern(2, 50, 2).requires_grad_(), pattern(2, 2, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(recursion.attack_release, (x, attack, release, start))


@pytest.mark.parametrize("dtype", DTYPES)
def test_steps_are_averaged_as_in_the_original(dtype: torch.dtype):
    step = torch.from_numpy(data("moore2016_tables")["agc_step"])
    stage = Moore2016TemporalIntegration(dtype=dtype)
    for agc, column in ((stage.short_term, 1), (stage.long_term, 2)):
        assert off(agc(step[:, 0]), step[:, column].numpy()) < TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
def test_loudness_over_time_is_the_original_one(dtype: torch.dtype):
    sound = data("moore2016_chain")
    specific = torch.from_numpy(sound["pinknoise_65dB/SL"])[:, 0]
    time, ears = Moore2016TemporalIntegration(dtype=dtype), Moore2016BinauralLoudness(dtype=dtype)
    short = time(specific)
    total, left, _ = ears(short, short)
    assert off(total, sound["pinknoise_65dB/stl"][:, 0]) < TOLERANCE[dtype]
    assert off(2.0 * time.long_term(left), sound["pinknoise_65dB/ltl"][:, 0]) < TOLERANCE[dtype]


def test_the_2002_model_averages_with_the_published_rates():
    specific = pattern(2, 500, 150)
    found = LoudnessIntegration(dtype=torch.float64)(specific, return_stages=True)
    area = specific.sum(-1) / 2.0  # 0.25 Cam, two ears
    torch.testing.assert_close(found.instantaneous, area)
    short = plain_loop(area, 0.045, 0.02)
    torch.testing.assert_close(found.short_term, short, rtol=1e-12, atol=0)
    torch.testing.assert_close(found.long_term, plain_loop(short, 0.01, 0.0005), rtol=1e-12, atol=0)


def test_longer_frames_keep_the_time_constants():
    one, many = LoudnessIntegration(), LoudnessIntegration(frame_step=0.032)
    assert many.get_time_constants() == pytest.approx(one.get_time_constants(), rel=1e-4)  # rates in float32
    assert Moore2016TemporalIntegration().get_time_constants() == pytest.approx(
        (0.0217, 0.0298, 0.0995, 0.751), rel=2e-3
    )


def test_a_frame_can_be_anywhere_in_the_shape():
    agc, x = Moore2016AGC(dtype=torch.float64), pattern(3, 40, 5)
    torch.testing.assert_close(agc(x, dim=1), agc(x.transpose(1, 2)).transpose(1, 2))
    torch.testing.assert_close(agc(x, dim=0)[:, 2, 3], agc(x[:, 2, 3]))


# --- sone and phon


def test_the_table_is_met():
    rows = np.loadtxt(
        Path(__file__).parents[2] / "amtlib" / "tables" / "sone_phon.csv", delimiter=",", skiprows=2
    )
    sone, phon = torch.from_numpy(rows).unbind(-1)
    torch.testing.assert_close(phon2sone(phon), sone, rtol=1e-12, atol=0)
    torch.testing.assert_close(sone2phon(sone), phon, rtol=1e-12, atol=1e-11)


@given(phon=st.floats(0.0, 200.0))
def test_phon_to_sone_and_back(phon: float):
    assert sone2phon(phon2sone(phon)) == pytest.approx(phon, abs=1e-10)


@settings(max_examples=30)
@given(phon=st.floats(0.0, 139.0), more=st.floats(1e-6, 1.0))
def test_more_phons_are_more_sones(phon: float, more: float):
    assert phon2sone(phon + more) > phon2sone(phon)


def test_silence_is_0_phon_with_no_gradient():
    sone = torch.tensor([0.0, 1e-9], requires_grad=True)
    phon = sone2phon(sone)
    phon.sum().backward()
    assert torch.equal(phon, torch.zeros(2))
    assert torch.equal(sone.grad, torch.zeros(2))


def test_gradients_of_sone_and_phon_are_right():
    phon = torch.tensor([0.3, 40.7, 99.1, 119.5, 130.2], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(phon2sone, (phon,))
    assert torch.autograd.gradcheck(sone2phon, (phon2sone(phon.detach()).requires_grad_(),))


@pytest.mark.parametrize(("sone", "second"), [(0.05, -1992.0), (1.2, -7.37), (5.0, -0.590)])
def test_phon_has_second_derivatives(sone: float, second: float):
    """The values are finite differences of sone2phon."""
    found = torch.autograd.functional.hessian(sone2phon, torch.tensor(sone, dtype=torch.float64))
    assert float(found) == pytest.approx(second, rel=1e-3)
