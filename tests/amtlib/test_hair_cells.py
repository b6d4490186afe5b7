"""Hair cells against the original toolbox, and what a user may expect of them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from amtlib import IHCEnvelope, IHCPaulick2024

DATA = np.load(Path(__file__).parents[1] / "data" / "ihc.npz")
METHODS = ["dau1996", "breebaart2001", "bernstein1999", "lindemann1986", "king2019", "relanoiborra2019"]
TOLERANCE = {torch.float64: 1e-11, torch.float32: 1e-4}
#: Voltages this small are rounding of the membrane's -57 mV
FEMTOVOLT = 1e-15
CASES = [tuple(key.split("/")) for key in DATA.files if key.count("/") == 2 and "/ihc_" in key]


def cells(fs: str, method: str, dtype: torch.dtype) -> IHCEnvelope | IHCPaulick2024:
    rate = float(fs[2:])
    return (
        IHCPaulick2024(rate, dtype=dtype)
        if method == "paulick2024"
        else IHCEnvelope(rate, method, dtype=dtype)
    )


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(("fs", "kind", "name"), CASES)
def test_hair_cells_equal_the_original(fs: str, kind: str, name: str, dtype: torch.dtype):
    method = kind.removeprefix("ihc_")
    expected = DATA[f"{fs}/{kind}/{name}"]
    x = DATA[f"{fs}/vel_{name}" if method == "paulick2024" else f"{fs}/x_{name}"]
    found = cells(fs, method, dtype)(x)
    assert found.dtype == dtype
    error = np.abs(found.double().numpy() - expected).max()
    assert error <= TOLERANCE[dtype] * np.abs(expected).max() + FEMTOVOLT


@pytest.mark.parametrize("method", [*METHODS, "paulick2024"])
def test_signals_of_any_leading_shape_are_taken(method: str):
    module = cells("fs16000", method, torch.float64)
    x = 0.01 * noise(2, 3, 500)
    found = module(x)
    assert found.shape == x.shape
    torch.testing.assert_close(module(x[1, 2]), found[1, 2])


@pytest.mark.parametrize("method", [*METHODS, "paulick2024"])
def test_gradients_are_right_with_silence_in_the_signal(method: str):
    if method == "paulick2024":
        module = IHCPaulick2024(16000, learnable=True, dtype=torch.float64)
    else:
        module = IHCEnvelope(16000, method, learnable=True, dtype=torch.float64)
    x = 0.05 * noise(2, 12)
    # where nothing moves a rectifier has no slope: there the gradient is that of the lower side
    x[0, :4] = -1e-3 if method != "paulick2024" else 0.0
    names = [name for name, _ in module.named_parameters()]

    def run(given: Tensor, *values: Tensor) -> Tensor:
        found: Tensor = torch.func.functional_call(module, dict(zip(names, values, strict=True)), given)
        return found * (1e3 if method == "paulick2024" else 1.0)

    parameters = [p.detach().clone().requires_grad_() for p in module.parameters()]
    assert torch.autograd.gradcheck(run, (x.requires_grad_(), *parameters), eps=1e-6, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_silence_has_a_gradient_of_zero(method: str):
    x = torch.zeros(100, requires_grad=True)
    found = IHCEnvelope(16000, method)(x)
    found.sum().backward()
    assert bool((found == 0.0).all())
    assert x.grad is not None
    assert bool((x.grad == 0.0).all())


@pytest.mark.parametrize("method", [m for m in METHODS if m != "bernstein1999"] + ["paulick2024"])
def test_a_stream_equals_the_whole(method: str):
    module = cells("fs16000", method, torch.float64)
    x = 0.01 * noise(3, 1000)
    stream = module.stream()
    pieces = [stream.process(chunk) for chunk in x.split([100, 1, 0, 899], -1)]
    torch.testing.assert_close(torch.cat(pieces, -1), module(x), rtol=0, atol=1e-15)
    stream.reset()
    torch.testing.assert_close(stream.process(x[0]), module(x[0]), rtol=0, atol=1e-15)


def test_a_stream_refuses_another_shape():
    stream = IHCPaulick2024(16000).stream()
    stream.process(torch.zeros(2, 10))
    with pytest.raises(ValueError, match=r"leading shape \(3,\), the ones before had \(2,\); .* reset\(\)"):
        stream.process(torch.zeros(3, 10))
    with pytest.raises(TypeError, match=r"give a torch\.Tensor of samples"):
        stream.process(torch.tensor(1.0))


def test_the_envelope_of_a_whole_signal_cannot_be_streamed():
    with pytest.raises(ValueError, match="'bernstein1999' needs the whole signal"):
        IHCEnvelope(16000, "bernstein1999").stream()


def test_five_filters_of_first_order_make_770_hz():
    """Breebaart et al. (2001) give the cut-off frequency of all five."""
    fs, time = 44100, torch.arange(44100, dtype=torch.float64) / 44100
    tone = 1.0 + torch.sin(2 * torch.pi * 770 * time)
    ripple = IHCEnvelope(fs, "breebaart2001", dtype=torch.float64)(tone)[-4410:]
    gain = float(ripple.max() - ripple.min()) / 2.0
    assert 20 * np.log10(gain) == pytest.approx(-3.0, abs=0.1)


def test_a_stronger_motion_saturates_the_cell():
    cell, time = IHCPaulick2024(44100), torch.arange(4410) / 44100
    tone = torch.sin(2 * torch.pi * 500 * time)
    peaks = [float(cell(v * tone).max()) for v in (1e-3, 1e-1, 1e1, 1e3)]
    assert peaks == sorted(peaks)
    assert peaks[3] - peaks[2] < 0.03 * peaks[2]
    assert bool(torch.isfinite(cell(1e30 * tone)).all())


def test_what_is_learned_changes_the_output():
    cell = IHCPaulick2024(16000, learnable=True, dtype=torch.float64)
    x = 0.01 * noise(200)
    before = cell(x).detach()
    loss = cell(x).square().sum()
    loss.backward()
    assert all(p.grad is not None and float(p.grad.abs()) > 0.0 for p in cell.parameters())
    cell.capacitance = 20e-12
    assert float((cell(x) - before).detach().abs().max()) > 1e-3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fs": 16000, "method": "dau"}, "method = 'dau' is unknown; give one of 'dau1996'"),
        ({"fs": 0}, "fs = 0 Hz is no sampling rate"),
        ({"fs": 1500}, "cutoff = 1000 Hz at fs = 1500 Hz; .* a sampling rate above 2000 Hz"),
        ({"fs": 16000, "cutoff": -1.0}, "cutoff = -1 Hz at fs = 16000 Hz; it lies above 0"),
        ({"fs": 16000, "cutoff": float("nan")}, "cutoff = nan Hz"),
        ({"fs": 16000, "order": 0}, "order = 0 poles; give an int >= 1"),
        ({"fs": 16000, "method": "bernstein1999", "order": 3}, "order = 3 poles; .* give an even number"),
    ],
)
def test_what_makes_no_hair_cell_is_refused(arguments: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        IHCEnvelope(**arguments)  # type: ignore[arg-type]


def test_a_sampling_rate_too_low_for_the_membrane_is_refused():
    with pytest.raises(ValueError, match=r"fs = 2000 Hz is too low for this membrane, .* more than 2784 Hz"):
        IHCPaulick2024(2000)


@pytest.mark.parametrize("module", [IHCEnvelope(16000), IHCPaulick2024(16000)])
def test_signals_that_are_none_are_refused(module: IHCEnvelope | IHCPaulick2024):
    for wrong, message in [
        (torch.tensor([0.0, float("nan")]), "non-finite"),
        (torch.zeros(0), "no samples"),
        (torch.zeros(3, dtype=torch.complex64), "signals are real"),
    ]:
        with pytest.raises(ValueError, match=message):
            module(wrong)
