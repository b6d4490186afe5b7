"""The DRNL filterbank against the original toolbox, and what a user may expect of it."""

import copy
import io
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

from amtlib import DRNLFilterbank, FastDRNLFilterbank, audfiltbw
from amtlib.filterbanks import DRNLParameters, broken_stick, parameters_at

REFERENCE = np.load(Path(__file__).parents[1] / "data" / "drnl_44100.npz")
TABLE = np.load(Path(__file__).parents[1] / "data" / "drnl_parameters.npz")
CF, FS = REFERENCE["CF"], 44100
STIMULI = REFERENCE["names"].tolist()
MODELS = ["paulick2024", "jepsen2008"]
BANKS = [DRNLFilterbank, FastDRNLFilterbank]
NAMES = [
    "CF_lin",
    "BW_lin_norm",
    "LP_lin_cutoff",
    "g",
    "CF_nlin",
    "BW_nlin_norm",
    "LP_nlin_cutoff",
    "a",
    "b",
    "c",
]
# What the toolbox's own direct-form filters allow, relative rms of each channel.
TOLERANCE = {"paulick2024": 1e-6, "jepsen2008": 2e-5}


def noise(*shape: int, seed: int = 0, rms: float = 1e-5) -> Tensor:
    """Stapes velocity of about 60 dB SPL, where every channel both compresses and does not."""
    return rms * torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def tone(f: float, peak: float, seconds: float = 0.15, fs: int = FS) -> Tensor:
    return peak * torch.sin(2.0 * math.pi * f / fs * torch.arange(round(seconds * fs), dtype=torch.float64))


def assert_within(actual: Tensor, expected: np.ndarray, tolerance: float) -> None:
    error = np.linalg.norm(actual.double().numpy() - expected, axis=-1) / np.linalg.norm(expected, axis=-1)
    assert error.max() < tolerance, error


def small(learnable: bool = False, dtype: torch.dtype = torch.float64, **more: Any) -> DRNLFilterbank:
    return DRNLFilterbank([1500.0, 3000.0], 16000, learnable=learnable, dtype=dtype, **more)


@pytest.mark.parametrize("block", [None, 1, 77, 500])
@pytest.mark.parametrize("stimulus", STIMULI)
@pytest.mark.parametrize("model", MODELS)
def test_both_paths_and_their_sum_equal_the_original(model: str, stimulus: str, block: int | None):
    bank = DRNLFilterbank(CF, FS, model=model)
    x = torch.from_numpy(REFERENCE[f"x_{stimulus}"])
    total, linear = (REFERENCE[f"{model}_{path}_{stimulus}"] for path in ("NH", "lin"))
    if block == 1:  # one transform per sample: a short piece shows it
        x, total, linear = x[:40], total[:, :40], linear[:, :40]
    paths = bank(x, return_paths=True, block=block)
    assert_within(paths.total, total, TOLERANCE[model])
    assert_within(paths.linear, linear, TOLERANCE[model])
    assert_within(paths.nonlinear, total - linear, TOLERANCE[model])
    assert_within(bank(x, block=block), total, TOLERANCE[model])


@pytest.mark.parametrize("bank", BANKS)
@pytest.mark.parametrize("stimulus", STIMULI)
@pytest.mark.parametrize("model", MODELS)
def test_float32_is_accurate_to_a_ten_thousandth(bank: type[DRNLFilterbank], model: str, stimulus: str):
    y = bank(CF, FS, model=model, dtype=torch.float32)(torch.from_numpy(REFERENCE[f"x_{stimulus}"]))
    assert y.dtype == torch.float32
    assert_within(y, REFERENCE[f"{model}_NH_{stimulus}"], 1e-4)


@pytest.mark.parametrize("bank", BANKS)
@pytest.mark.parametrize("stimulus", STIMULI)
@pytest.mark.parametrize("model", MODELS)
def test_without_outer_hair_cells_only_the_linear_path_is_left(
    bank: type[DRNLFilterbank], model: str, stimulus: str
):
    x = torch.from_numpy(REFERENCE[f"x_{stimulus}"])
    impaired = bank(CF, FS, model=model, subject="HIx", dtype=torch.float64)
    paths = impaired(x, return_paths=True)
    assert_within(impaired(x), REFERENCE[f"{model}_lin_{stimulus}"], TOLERANCE[model])
    assert torch.equal(paths.total, paths.linear)
    assert torch.count_nonzero(paths.nonlinear) == 0


@pytest.mark.parametrize("subject", ["NH", "HIx"])
@pytest.mark.parametrize("model", MODELS)
def test_growth_with_level_equals_the_original(model: str, subject: str):
    bank = DRNLFilterbank(CF, FS, model=model, subject=subject)
    expected = REFERENCE[f"{model}_{subject}_io"]  # CF, level, tone at CF or at 1 kHz
    last = -round(0.05 * FS)
    peaks = 1.2e-8 * 10.0 ** (REFERENCE["io_level_db"] / 20.0)
    for channel, f in enumerate(CF):
        batch = torch.stack([tone(at, peak) for peak in peaks for at in (f, 1000.0)])
        rms = bank(batch)[:, channel, last:].square().mean(-1).sqrt().reshape(-1, 2)
        # A tone far off the channel meets the rounding of the toolbox's filters, so that errors are relative to
        # the output for a tone of the same level at the CF.
        error = np.abs(rms.numpy() - expected[channel]) / expected[channel, :, :1]
        assert error.max() < TOLERANCE[model]


def test_parameters_equal_the_original_at_every_place():
    columns = dict(zip(TABLE["columns"].tolist(), TABLE["P"].T, strict=True))
    values = parameters_at(TABLE["CF"])
    for name, actual in (
        ("CF_lin", values.CF_lin),
        ("BW_lin", values.BW_lin),
        ("LP_lin", values.LP_lin_cutoff),
        ("g", values.g),
        ("CF_nlin", values.CF_nlin),
        ("BW_nlin", values.BW_nlin),
        ("LP_nlin", values.LP_nlin_cutoff),
        ("a", values.a),
        ("b", values.b),
        ("c", values.c),
    ):
        np.testing.assert_allclose(actual.numpy(), columns[name], rtol=1e-12)


def test_only_the_slopes_of_the_stick_freeze_and_only_above_1000_hz_and_with_normal_hearing():
    f = [999.0, 1000.0, 1000.001, 8000.0]
    normal, impaired = parameters_at(f), parameters_at(f, "HIx")
    assert normal.a[2] == normal.a[3] > 1.39 * normal.a[1] > 1.39 * normal.a[0]
    assert normal.b[2] == normal.b[3]
    assert bool((impaired.b[1:] < impaired.b[:-1]).all())
    assert torch.count_nonzero(impaired.a) == 0
    for name in NAMES[:7]:
        assert torch.equal(getattr(normal, name), getattr(impaired, name))


def test_the_knees_are_those_of_the_level_guide():
    knee = DRNLFilterbank([250.0, 500.0, 1000.0, 4000.0], FS).knee
    np.testing.assert_allclose(knee.numpy(), [1.13e-5, 2.48e-6, 5.46e-7, 2.25e-7], rtol=5e-3)
    assert bool(DRNLFilterbank([500.0], FS, subject="HIx").knee.isinf().all())


def test_at_the_knee_both_branches_of_the_stick_meet():
    values = parameters_at([250.0, 4000.0])
    knee = values.knee
    torch.testing.assert_close(values.a * knee, values.b * knee**values.c, rtol=1e-12, atol=0.0)


def test_a_range_becomes_n_channels_equidistant_in_erb():
    bank = DRNLFilterbank((250.0, 8000.0), FS)
    assert (bank.num_channels, bank.fc[0], bank.fc[-1]) == (50, 250.0, 8000.0)
    np.testing.assert_allclose(bank.fc.numpy(), TABLE["fc50"], rtol=1e-11)
    assert DRNLFilterbank((250.0, 8000.0), FS, n_channels=1).fc.tolist() == [250.0]


@pytest.mark.parametrize(
    ("model", "orders"), [("paulick2024", (2, 4, 2, 1)), ("jepsen2008", (3, 4, 3, 3))], ids=MODELS
)
def test_attributes_are_those_specified(model: str, orders: tuple[int, ...]):
    bank = DRNLFilterbank(torch.tensor([500.0, 1000.0]), 44100, model=model)
    assert (bank.n_gt_lin, bank.n_lp_lin, bank.n_gt_nlin, bank.n_lp_nlin) == orders
    assert (bank.num_channels, bank.fs, bank.subject, bank.model) == (2, 44100.0, "NH", model)
    assert {name for name, _ in bank.named_buffers()} == {"fc", *NAMES}
    assert all(getattr(bank, name).shape == (2,) for name in NAMES)
    torch.testing.assert_close(bank.values().BW_lin, bank.BW_lin_norm * audfiltbw(bank.CF_lin))
    assert bank.dtype == torch.float64
    assert FastDRNLFilterbank([500.0], 44100).dtype == torch.float32


@pytest.mark.parametrize("model", MODELS)
def test_responses_have_unit_gain_at_their_centres_and_half_power_at_their_cut_off(model: str):
    bank = DRNLFilterbank([1000.0], FS, model=model)
    before = bank.frequency_response(bank.CF_nlin).before.abs()
    torch.testing.assert_close(before, torch.ones_like(before), rtol=1e-12, atol=0.0)
    at = bank.frequency_response(bank.LP_nlin_cutoff)
    lowpass = (at.after / at.before).abs()
    torch.testing.assert_close(lowpass, torch.full_like(lowpass, 0.5 ** (bank.n_lp_nlin / 2)))
    linear = bank.frequency_response(bank.CF_lin).beside.abs() / bank.g
    turn = math.pi / FS
    v = torch.tan(turn * bank.CF_lin) / torch.tan(turn * bank.LP_lin_cutoff)
    torch.testing.assert_close(linear[0], (1.0 + v**4) ** (-bank.n_lp_lin / 2))


def test_a_weak_tone_comes_through_both_paths_as_their_responses_say():
    bank = DRNLFilterbank([500.0, 2000.0], FS)
    f, peak = 700.0, 1e-12
    response = bank.frequency_response([f])
    gain = response.beside + bank.a[:, None] * response.before * response.after
    y = bank(tone(f, peak, 0.3))[:, -FS // 10 :]  # 70 whole periods
    torch.testing.assert_close((2.0 * y.square().mean(-1)).sqrt() / peak, gain.abs()[:, 0], rtol=1e-6, atol=0)


def test_strong_tones_grow_by_a_quarter_of_a_decibel_per_decibel_in_the_nonlinear_path():
    bank = DRNLFilterbank([1000.0], FS)
    x = torch.stack([tone(1000.0, peak) for peak in (1e-4, 1e-3)])
    rms = bank(x, return_paths=True).nonlinear[..., -4410:].square().mean(-1).sqrt()
    # a sine spends a little of each period below the knee
    assert float(20.0 * (rms[1] / rms[0]).log10()) == pytest.approx(20.0 * float(bank.c), abs=0.02)


def test_compression_makes_the_cubic_difference_tone_that_a_linear_ear_lacks():
    f1, f2 = 1500.0, 1800.0
    bank = DRNLFilterbank([2 * f1 - f2], FS)
    y = bank(tone(f1, 1e-5, 0.5) + tone(f2, 1e-5, 0.5), return_paths=True)

    def at_difference(path: Tensor) -> float:
        last = path[0, -FS // 10 :]  # every component has whole periods in 0.1 s
        return float(
            torch.fft.rfft(last)[round((2 * f1 - f2) / 10.0)].abs() / torch.fft.rfft(last).abs().max()
        )

    assert at_difference(y.nonlinear) > 0.05
    assert at_difference(y.linear) < 1e-9


@pytest.mark.parametrize("bank", BANKS)
@pytest.mark.parametrize("shape", [(1,), (7,), (3, 1), (2, 500)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_channels_come_before_time(bank: type[DRNLFilterbank], shape: tuple[int, ...], dtype: torch.dtype):
    module = bank([500.0, 1000.0], 16000, dtype=dtype)
    for y in (module(noise(*shape)), *module(noise(*shape), return_paths=True)):
        assert (y.shape, y.dtype) == ((*shape[:-1], 2, shape[-1]), dtype)
        assert y.is_contiguous()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 400), st.integers(1, 3), st.integers(0, 1000), st.integers(1, 200))
def test_a_batch_is_filtered_signal_by_signal_and_blocks_change_nothing(
    length: int, batch: int, seed: int, block: int
):
    bank = small()
    x = noise(batch, length, seed=seed)
    whole = bank(x)
    scale = float(whole.abs().max())
    torch.testing.assert_close(whole, torch.stack([bank(row) for row in x]), rtol=0.0, atol=1e-11 * scale)
    torch.testing.assert_close(bank(x, block=block), whole, rtol=0.0, atol=1e-11 * scale)


@pytest.mark.parametrize("bank", BANKS)
@pytest.mark.parametrize("subject", ["NH", "HIx"])
def test_the_parts_scaled_are_the_whole_at_another_level(bank: type[DRNLFilterbank], subject: str):
    ear, x = bank([500.0, 2000.0], FS, subject=subject, dtype=torch.float64), noise(3, 900)
    u, linear = ear.linear_parts(x)
    gains = torch.tensor([0.01, 1.0, 100.0], dtype=torch.float64).reshape(-1, 1, 1, 1)
    swept = ear.after(ear.stick(gains * u)) + gains * linear
    whole = torch.stack([ear(gain * x) for gain in gains.flatten().tolist()])
    # float64 rounding of the transforms, relative to the peak at each level
    assert float(((swept - whole).abs().amax(-1) / whole.abs().amax(-1)).max()) < 1e-11


def test_parts_of_another_number_of_channels_are_refused():
    bank = small()
    for part in (bank.stick, bank.after):
        with pytest.raises(ValueError, match=r"shape \(3, 10\); give \(..., 2, T\)"):
            part(torch.zeros(3, 10))
    with pytest.raises(ValueError, match=r"give \(T,\) or \(batch, T\)"):
        bank.linear_parts(torch.zeros(2, 2, 10))


def test_tiles_change_nothing(monkeypatch: pytest.MonkeyPatch):
    bank, x = DRNLFilterbank((250.0, 8000.0), FS, n_channels=7), noise(3, 3000)
    whole = bank(x, return_paths=True)
    for tile in (1, 150_000, 600_000):
        monkeypatch.setattr("amtlib.lti.around._TILE_BYTES", tile)
        for block in (None, 1100):
            for y, expected in zip(bank(x, return_paths=True, block=block), whole, strict=True):
                atol = 1e-12 * float(expected.abs().max())
                torch.testing.assert_close(y, expected, rtol=0.0, atol=atol)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_long_signal_cut_by_default_equals_one_transform(dtype: torch.dtype):
    bank = DRNLFilterbank([100.0, 1000.0, 15000.0], FS, dtype=dtype)
    x = noise(100_000)
    whole = bank(x, block=100_000)
    # rounding of transforms of different length, which the stick makes larger where motion is weak
    tolerance = {torch.float32: 2e-5, torch.float64: 1e-11}[dtype]
    error = (bank(x) - whole).norm(dim=-1) / whole.norm(dim=-1)
    assert float(error.max()) < tolerance


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.integers(0, 500), min_size=1, max_size=5),
    st.sampled_from([(), (2,)]),
    st.sampled_from(["NH", "HIx"]),
)
def test_a_stream_gives_what_the_whole_signal_gives(chunks: list[int], batch: tuple[int, ...], subject: str):
    bank = small(subject=subject)
    x = noise(*batch, sum(chunks) + 1)
    live, expected = bank.stream(batch), bank(x)
    for _ in range(2):  # again after a reset
        pieces = [live.process(piece) for piece in x.split([*chunks, 1], dim=-1)]
        atol = 1e-11 * float(expected.abs().max())
        torch.testing.assert_close(torch.cat(pieces, -1), expected, rtol=0.0, atol=atol)
        live.reset()


def test_a_stream_takes_the_shape_it_was_made_for():
    with pytest.raises(ValueError, match=r"this stream takes \(2, T\)"):
        small().stream((2,)).process(torch.zeros(5))
    with pytest.raises(ValueError, match="non-finite"):
        small().stream().process(torch.tensor([0.0, math.nan]))
    with pytest.raises(TypeError, match="chunk is a list"):
        small().stream().process([0.0])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 200), st.integers(1, 100), st.integers(0, 1000))
def test_a_later_sound_gives_a_later_output(length: int, delay: int, seed: int):
    bank, x = small(), noise(length, seed=seed)
    y, late = bank(x), bank(torch.cat([torch.zeros(delay, dtype=x.dtype), x]))
    scale = float(y.abs().max())
    torch.testing.assert_close(late[:, delay:], y, rtol=0.0, atol=1e-10 * scale)
    assert float(late[:, :delay].abs().max()) < 1e-10 * scale


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000))
def test_a_turned_sign_turns_the_output(seed: int):
    bank, x = small(), noise(200, seed=seed)
    torch.testing.assert_close(bank(-x), -bank(x), rtol=0.0, atol=1e-18)


@pytest.mark.parametrize("bank", BANKS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_silence_stays_silent_and_has_finite_gradients(bank: type[DRNLFilterbank], dtype: torch.dtype):
    module = bank([500.0, 4000.0], FS, dtype=dtype, learnable=True)
    x = torch.zeros(2, 300, dtype=dtype, requires_grad=True)
    y = module(x)
    assert torch.count_nonzero(y) == 0
    y.sum().backward()
    for value in (x, *module.parameters()):
        assert value.grad is not None
        assert bool(torch.isfinite(value.grad).all())
    assert bool((x.grad.abs().sum() > 0.0).all())  # soft sounds would be amplified


# Gradients: parameters enter as multiples of their usual values and the output in multiples of its peak, so that
# one step size and one tolerance mean the same for all of them.


def relative(bank: DRNLFilterbank, block: int | None) -> Callable[..., tuple[Tensor, ...]]:
    usual = {name: getattr(bank, name).detach().clone() for name in NAMES}

    def run(x: Tensor, *factors: Tensor) -> tuple[Tensor, ...]:
        values = {name: usual[name] * factor for name, factor in zip(NAMES, factors, strict=True)}
        stored = bank.to_parameters(**values)
        paths = torch.func.functional_call(bank, stored, (1e-5 * x,), {"return_paths": True, "block": block})
        return tuple(path / 1e-2 for path in paths)

    return run


@pytest.mark.parametrize("block", [None, 7])
@pytest.mark.parametrize("silence", [0, 5])
@pytest.mark.parametrize("model", MODELS)
def test_gradients_reach_the_input_and_all_ten_parameters(model: str, silence: int, block: int | None):
    bank = small(learnable=True, model=model)
    x = noise(2, 14, rms=1.0)
    x[:, :silence] = 0.0
    factors = [torch.ones(2, dtype=torch.float64, requires_grad=True) for _ in NAMES]
    run = relative(bank, block)
    assert torch.autograd.gradcheck(run, (x.requires_grad_(), *factors), atol=1e-8, rtol=1e-5, fast_mode=True)
    # the check means something: each gradient is far above its tolerance
    gradients = torch.autograd.grad(run(x, *factors)[0].square().sum(), factors)
    assert all(float(gradient.abs().min()) > 1e-5 for gradient in gradients)


def test_gradients_of_the_fast_bank_reach_the_input_and_the_stick():
    bank = FastDRNLFilterbank([1500.0], 16000, learnable=True, dtype=torch.float64, ir_length=64)
    assert [name for name, _ in bank.named_parameters()] == ["a", "b", "c"]
    usual = [getattr(bank, name).detach().clone() for name in "abc"]

    def run(x: Tensor, *factors: Tensor) -> Tensor:
        values = {n: u * f for n, u, f in zip("abc", usual, factors, strict=True)}
        y: Tensor = torch.func.functional_call(bank, bank.to_parameters(**values), (1e-5 * x,))
        return y / 1e-2

    factors = [torch.ones(1, dtype=torch.float64, requires_grad=True) for _ in "abc"]
    assert torch.autograd.gradcheck(run, (noise(12, rms=1.0).requires_grad_(), *factors), atol=1e-6)


def test_the_stick_has_gradients_of_first_and_second_order_also_at_zero():
    x = torch.tensor([-2.0, -0.3, -0.1, 0.0, 0.1, 0.3, 2.0], dtype=torch.float64)
    values = [
        torch.tensor([[v], [1.1 * v]], dtype=torch.float64, requires_grad=True) for v in (2.0, 1.0, 0.25)
    ]
    inputs = (x.requires_grad_(), *values)
    assert torch.autograd.gradcheck(broken_stick, inputs)
    assert torch.autograd.gradgradcheck(broken_stick, inputs)


@settings(max_examples=100, deadline=None)
@given(st.floats(-1e3, 1e3), st.floats(0.0, 1e4), st.floats(1e-3, 10.0), st.floats(0.05, 0.95))
def test_the_stick_is_its_formula_with_gradients_and_without(x: float, a: float, b: float, c: float):
    expected = math.copysign(min(a * abs(x), b * abs(x) ** c), x)
    tensors = [torch.tensor(v, dtype=torch.float64) for v in (x, a, b, c)]
    # below 1e-200 the power is not needed and not taken
    assert float(broken_stick(*tensors)) == pytest.approx(expected, rel=1e-12, abs=1e-190)
    with_gradients = broken_stick(tensors[0].requires_grad_(), *tensors[1:]).detach()
    assert float(with_gradients) == pytest.approx(expected, rel=1e-12, abs=1e-190)


def test_five_hundred_numbers_learn_at_fifty_channels():
    count = {
        (bank, learnable): sum(p.numel() for p in bank((250.0, 8000.0), FS, learnable=learnable).parameters())
        for bank in BANKS
        for learnable in (False, True)
    }
    assert list(count.values()) == [0, 500, 0, 150]


def test_learning_changes_the_output_at_once():
    bank, x = small(learnable=True), noise(100)
    for name in NAMES:
        with torch.no_grad():
            before = bank(x)
            setattr(bank, name, 0.9 * getattr(bank, name))
            assert not torch.allclose(before, bank(x), rtol=1e-3, atol=0.0), name


def test_a_gradient_step_recovers_lost_compression():
    x = torch.stack([tone(3000.0, peak, 0.02, 16000) for peak in (1e-7, 1e-6, 1e-5, 1e-4)])
    usual = parameters_at([3000.0])

    def bank(learnable: bool, **factors: float) -> DRNLFilterbank:
        return DRNLFilterbank([3000.0], 16000, learnable=learnable, parameters=usual.scaled(**factors))

    def levels(module: DRNLFilterbank) -> Tensor:
        return 10.0 * module(x)[..., 160:].square().mean(-1).log10()

    target, learner = levels(bank(False, a=0.3)).detach(), bank(True)
    learned = dict(learner.named_parameters())
    optimiser = torch.optim.Adam([learned["a"]], lr=0.05)
    losses = []
    for _ in range(80):
        optimiser.zero_grad()
        loss = (levels(learner) - target).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 100.0
    assert float(learner.a.detach()) == pytest.approx(0.3 * float(usual.a), rel=0.1)


@pytest.mark.parametrize("ir_length", [4096, 8192])
@pytest.mark.parametrize("model", MODELS)
def test_the_fast_bank_is_the_exact_one_where_the_responses_fit(model: str, ir_length: int):
    exact = DRNLFilterbank((500.0, 8000.0), FS, n_channels=5, model=model)
    fast = FastDRNLFilterbank(
        (500.0, 8000.0), FS, n_channels=5, model=model, dtype=torch.float64, ir_length=ir_length
    )
    x = noise(2, 6000)
    assert_within(fast(x), exact(x).numpy(), 1e-9)


def test_a_truncated_response_is_one():
    fast = FastDRNLFilterbank([250.0], FS, ir_length=300, dtype=torch.float64, subject="HIx")
    impulse = torch.zeros(700, dtype=torch.float64)
    impulse[0] = 1.0
    y = fast(impulse)[0]
    torch.testing.assert_close(y[:300], fast.ir_lin[0], rtol=0.0, atol=1e-12)
    assert float(y[300:].abs().max()) < 1e-12


def test_the_fast_bank_is_convolution_with_its_stored_responses():
    fast = FastDRNLFilterbank([250.0], FS, ir_length=200, dtype=torch.float64)
    x = noise(900)
    for length in (1, 150, 900):
        signal = x[:length].numpy()
        responses = (fast.ir_lin, fast.ir_nlin_1, fast.ir_nlin_2, fast.ir_lp_nlin)
        lin, first, second, lowpass = (r[0].numpy() for r in responses)
        moved = torch.from_numpy(np.convolve(signal, first)[:length])
        moved = broken_stick(moved, fast.a, fast.b, fast.c).numpy()
        expected = np.convolve(signal, lin)[:length]
        expected = expected + np.convolve(np.convolve(moved, second), lowpass)[:length]
        y = fast(x[:length])[0].numpy()
        # rounding is relative to all that rings on, also after so short a signal
        scale = np.abs(np.convolve(signal, lin)).max()
        np.testing.assert_allclose(y, expected, rtol=0.0, atol=1e-11 * scale)


def test_the_fast_banks_responses_are_those_of_what_it_stores():
    fast = FastDRNLFilterbank([500.0], 16000, ir_length=128, dtype=torch.float64)
    f = torch.linspace(0.0, 8000.0, 65)
    expected = torch.fft.rfft(fast.ir_lin, n=128)
    torch.testing.assert_close(fast.frequency_response(f).beside, expected, rtol=0.0, atol=1e-10)


@pytest.mark.parametrize("bank", BANKS)
@pytest.mark.parametrize("learnable", [False, True])
def test_a_conversion_changes_the_dtype_of_signals_and_parameters(
    bank: type[DRNLFilterbank], learnable: bool
):
    module = bank([400.0, 900.0], 16000, dtype=torch.float64, learnable=learnable)
    x = noise(200)
    expected = module(x).detach()
    module(x.float())
    single = module.float()
    assert single(x).dtype == single.dtype == single.a.dtype == torch.float32
    torch.testing.assert_close(
        single(x).detach().double(), expected, rtol=0, atol=1e-5 * float(expected.abs().max())
    )
    with pytest.raises(ValueError, match="works in float32 or float64"):
        module.half()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("bank", BANKS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_gpu_agrees_with_the_cpu_to_rounding(bank: type[DRNLFilterbank], dtype: torch.dtype):
    module, x = bank((100.0, 16000.0), FS, dtype=dtype), noise(2, 50_000).to(dtype)
    expected = module(x)
    actual = copy.deepcopy(module).to("cuda")(x.to("cuda"))
    assert actual.device.type == "cuda"
    error = (actual.cpu() - expected).norm(dim=-1) / expected.norm(dim=-1)
    assert float(error.max()) < {torch.float32: 2e-5, torch.float64: 1e-11}[dtype]


@pytest.mark.parametrize("bank", BANKS)
def test_a_saved_state_restores_the_bank(bank: type[DRNLFilterbank]):
    saved, other = (bank([900.0], 16000, learnable=True) for _ in range(2))
    with torch.no_grad():
        for parameter in saved.parameters():
            parameter.mul_(0.9)
    x = noise(300)
    file = io.BytesIO()
    torch.save(saved.state_dict(), file)
    file.seek(0)
    other(x)
    other.load_state_dict(torch.load(file))
    with torch.no_grad():
        assert torch.equal(other(x), saved(x))


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
@pytest.mark.parametrize("bank", BANKS)
def test_a_copy_filters_alike_and_learns_alone(bank: type[DRNLFilterbank], twin: Any):
    module, x = bank([900.0], 16000, learnable=True), noise(50)
    module(x)
    other = twin(module)
    assert torch.equal(other(x), module(x))
    with torch.no_grad():
        other.a *= 2.0
        assert not torch.allclose(other(x), module(x))


def test_what_inference_mode_cached_can_be_differentiated_later():
    bank = small()
    with torch.inference_mode():
        bank(torch.zeros(50))
    x = noise(50).requires_grad_()
    bank(x).sum().backward()
    assert x.grad is not None


def test_a_bank_makes_its_filters_once(monkeypatch: pytest.MonkeyPatch):
    bank, calls = small(), []
    evaluate = bank._evaluate
    monkeypatch.setattr(bank, "_evaluate", lambda at: calls.append(at) or evaluate(at))
    bank(torch.zeros(500))
    first = len(calls)
    bank.a.mul_(0.5)  # the stick is no filter
    bank(torch.ones(500))
    assert len(calls) == first


def test_parameters_of_ones_own_make_another_bank():
    usual = parameters_at([1000.0, 2000.0])
    bank = DRNLFilterbank([1000.0, 2000.0], FS, parameters=usual.scaled(g=2.0, c=torch.tensor([1.0, 1.2])))
    assert torch.equal(bank.g, 2.0 * usual.g)
    assert float(bank.c[1]) == pytest.approx(0.3)
    x = noise(500)
    doubled = bank(x, return_paths=True).linear
    torch.testing.assert_close(
        doubled, 2.0 * DRNLFilterbank(usual.CF_lin, FS, parameters=usual)(x, return_paths=True).linear
    )
    assert isinstance(bank.values(), DRNLParameters)


@pytest.mark.parametrize("bank", BANKS)
@pytest.mark.parametrize(
    ("fc", "fs", "more", "message"),
    [
        ([1000.0], 0.0, {}, r"fs = 0\.0 Hz is no sampling rate"),
        ([1000.0], math.nan, {}, "fs = nan Hz is no sampling rate"),
        ([8000.0], 16000, {}, r"fc holds 8000\.0 Hz; .* below fs / 2 = 8000\.0 Hz: raise fs"),
        ([1000.0, -5.0], 16000, {}, r"fc holds -5\.0 Hz"),
        ([math.inf], 16000, {}, "fc holds inf Hz"),
        ([math.nan], 16000, {}, "fc holds nan Hz"),
        ([7990.0], 16000, {}, r"CF_nlin = 8211\.43 of .* between 0 and fs / 2 = 8000 Hz: raise fs"),
        ([], 16000, {}, r"fc has shape \(0,\)"),
        ((100.0, 8000.0), 16000, {}, r"fc = \(100\.0, 8000\.0\) Hz is no range"),
        ((100.0, 400.0, 800.0), 16000, {}, "fc is a tuple of 3"),
        ((100.0, 4000.0), 16000, {"n_channels": 0}, "n_channels = 0; give at least 1"),
        ([1000.0], 16000, {"subject": "HI"}, "subject = 'HI' is unknown; give 'NH'"),
        (
            [1000.0],
            16000,
            {"model": "jepsen"},
            "model = 'jepsen' is unknown; give 'paulick2024' or 'jepsen2008'",
        ),
        ([1000.0], 16000, {"dtype": torch.float16}, r"float16 is not supported"),
        (
            [1000.0],
            16000,
            {"parameters": parameters_at([1000.0, 2000.0])},
            r"parameters\.CF_lin has shape \(2,\), fc has 1 channels",
        ),
        (
            [1000.0],
            16000,
            {"parameters": parameters_at([1000.0]).scaled(b=-1.0)},
            r"b = -0\.14\d* of channel 0 at 1000 Hz must be finite and above 0",
        ),
        (
            [1000.0],
            16000,
            {"parameters": parameters_at([1000.0]).scaled(a=math.nan)},
            "a = nan of channel 0 .* must be finite and at least 0",
        ),
    ],
)
def test_bad_settings_are_named_with_their_range(
    bank: type[DRNLFilterbank], fc: Any, fs: float, more: dict[str, Any], message: str
):
    with pytest.raises(ValueError, match=message):
        bank(fc, fs, **more)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DRNLFilterbank([True], 16000), "fc has dtype torch.bool"),
        (lambda: DRNLFilterbank((100.0, 900.0), 16000, n_channels=2.5), r"n_channels = 2\.5 is a float"),
        (lambda: DRNLFilterbank([900.0], 16000, dtype="float32"), "dtype = 'float32' is a str"),
        (lambda: DRNLFilterbank([900.0], 16000, parameters={}), "parameters is a dict"),
        (lambda: FastDRNLFilterbank([900.0], 16000, ir_length=2.0), r"ir_length = 2\.0 is a float"),
        (lambda: small()([0.0]), "x is a list"),
    ],
)
def test_wrong_types_are_named(make: Any, message: str):
    with pytest.raises(TypeError, match=message):
        make()


@pytest.mark.parametrize("bank", BANKS)
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(2, 2, 5), r"x has shape \(2, 2, 5\); give \(T,\) or \(batch, T\)"),
        (torch.tensor(1.0), r"x has shape \(\)"),
        (torch.zeros(0), "no samples"),
        (torch.zeros(2, 0), "no samples"),
        (torch.zeros(3, dtype=torch.complex64), "signals are real"),
        (torch.tensor([0.0, math.nan]), "1 non-finite samples"),
        (torch.tensor([1e25]), r"x peaks at 1e\+25 m/s, which overflows torch.float32"),
        (torch.tensor([1e60], dtype=torch.float64), r"too large for torch.float32"),
    ],
)
def test_bad_signals_are_named_with_the_fix(bank: type[DRNLFilterbank], x: Tensor, message: str):
    with pytest.raises(ValueError, match=message):
        bank([1000.0], 16000, dtype=torch.float32)(x)


def test_the_loudest_signals_that_are_taken_stay_finite():
    for dtype in (torch.float32, torch.float64):
        x = torch.full((2000,), 0.99 * math.sqrt(torch.finfo(dtype).max), dtype=dtype)
        assert bool(torch.isfinite(DRNLFilterbank([60.0, 6000.0], 16000, dtype=dtype)(x)).all())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("CF_lin", 9000.0, "CF_lin = 9000 of channel 1 at 3000 Hz must be between 0 and fs / 2 = 8000 Hz"),
        ("BW_nlin_norm", -0.1, r"BW_nlin_norm = -0\.1 .* finite and above 0"),
        ("a", -1.0, "a = -1 .* at least 0"),
        ("c", math.inf, "c = inf"),
    ],
)
def test_parameters_that_became_impossible_are_reported(name: str, value: float, message: str):
    bank = small()
    bank(torch.zeros(10))
    with torch.no_grad():
        getattr(bank, name)[1] = value
    for use in (lambda: bank(torch.zeros(10)), lambda: bank.frequency_response([100.0]), bank.stream):
        with pytest.raises(ValueError, match=message):
            use()


def test_a_gradient_that_was_not_finite_is_reported():
    bank = small(learnable=True)
    for parameter in bank.parameters():
        parameter.data[1] = math.nan
    with pytest.raises(ValueError, match=r"CF_lin = nan of channel 1 .* clip its gradient if it was learned"):
        bank(torch.zeros(10))


@pytest.mark.parametrize("f", [[-1.0], [9000.0], [math.nan], [], [[100.0]]])
def test_responses_are_given_from_0_to_half_the_sampling_rate(f: Any):
    with pytest.raises(ValueError, match=r"f (holds|has shape)"):
        small().frequency_response(f)


def test_unknown_parameters_are_refused():
    with pytest.raises(ValueError, match="no parameter 'gain'; its parameters are CF_lin"):
        parameters_at([1000.0]).scaled(gain=2.0)
    with pytest.raises(ValueError, match="subject = 'x' is unknown"):
        parameters_at([1000.0], "x")
    with pytest.raises(ValueError, match=r"fc has -1\.0 Hz; give finite frequencies > 0"):
        parameters_at([1000.0, -1.0])


def test_a_block_is_at_least_a_sample():
    with pytest.raises(ValueError, match="block = 0 samples"):
        small()(torch.zeros(10), block=0)


def test_an_impulse_response_has_a_sample_at_least():
    with pytest.raises(ValueError, match="ir_length = 0 samples"):
        FastDRNLFilterbank([1000.0], 16000, ir_length=0)


def test_printing_tells_the_settings():
    text = repr(FastDRNLFilterbank((250.0, 8000.0), FS, subject="HIx"))
    for part in (
        "num_channels=50",
        "fs=44100",
        "(250.0, 8000.0)",
        "subject='HIx'",
        "model='paulick2024'",
        "learnable=False",
        "ir_length=4096",
    ):
        assert part in text
