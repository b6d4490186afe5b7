"""Every public module under torch's own machinery: precision, devices, copies, files, optimisers, compilers."""

import copy
import io
import math
import pickle
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import amtlib
from amtlib import GammatoneFilterbank, Moore2016
from amtlib.modules import RealModule

TIME = torch.arange(2600, dtype=torch.float64) / 32000
TONE = 0.2 * torch.sin(2 * math.pi * 1000 * TIME) + 0.02 * torch.sin(2 * math.pi * 4100 * TIME)
NOISE = 0.1 * torch.randn(2600, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
ONES = torch.linspace(0.1, 1.0, 150, dtype=torch.float64)
BINS = torch.arange(1025, dtype=torch.float64)
FREQS = torch.tensor([[500.0, 1000.0, 2000.0]], dtype=torch.float64)

#: For each public module: its arguments, and two inputs, which a batch holds together (the number of their axes
#: without batch is the last entry).
CASES: dict[str, tuple[dict[str, Any], Callable[[], tuple[Tensor, ...]]]] = {
    "AdaptLoop": ({"fs": 32000}, lambda: (TONE.relu() + 1e-3,)),
    "BinauralInhibition": ({}, lambda: (ONES, ONES.flip(0))),
    "BrokenStickCompression": ({}, lambda: (TONE + 1e-3,)),
    "Dau1997": ({"fs": 32000, "fc": [500.0, 3000.0]}, lambda: (TONE,)),
    "DRNLFilterbank": ({"fc": [500.0, 3000.0], "fs": 32000, "dtype": torch.float32}, lambda: (1e-4 * TONE,)),
    "ERBIntegration": (
        {},
        lambda: (1e-6 * (1.5 + BINS.cos()), 15.625 * BINS),
    ),
    "ExcitationPattern": ({}, lambda: (60.0 * ONES,)),
    "FastDRNLFilterbank": ({"fc": [500.0, 3000.0], "fs": 32000}, lambda: (1e-4 * TONE,)),
    "GammatoneFilterbank": ({"fc": [500.0, 1000.0, 3000.0], "fs": 32000}, lambda: (TONE,)),
    "Glasberg2002": ({}, lambda: (TONE,)),
    "HeadphoneFilter": ({"fs": 32000}, lambda: (TONE,)),
    "HearingLoss": ({"audiogram": "N2", "fs": 32000}, lambda: (NOISE,)),
    "IHCEnvelope": ({"fs": 32000}, lambda: (TONE + 1e-3,)),
    "IHCPaulick2024": ({"fs": 32000}, lambda: (0.1 * TONE,)),
    "Jepsen2008": ({"fs": 32000, "fc": [500.0, 3000.0]}, lambda: (0.1 * TONE,)),
    "King2019": ({"fs": 32000, "fc": [500.0, 3000.0]}, lambda: (TONE + 1e-3,)),
    "King2019ModulationFilterbank": ({"fs": 32000}, lambda: (TONE.relu(),)),
    "LoudnessIntegration": ({}, lambda: (ONES.expand(20, 150),)),
    "LoudnessRecruitment": ({"fc": [500.0, 1000.0, 4000.0], "fs": 32000, "loss_db": 40.0}, lambda: (TONE,)),
    "MiddleEarFilter": ({"fs": 32000}, lambda: (TONE,)),
    "ModulationFilterbank": (
        {"fs": 32000, "fc": [150.0, 900.0]},
        lambda: (torch.stack([TONE, TONE.flip(0)]).relu(),),
    ),
    "Moore2016": ({}, lambda: (torch.stack([TONE, 0.3 * TONE]),)),
    "Moore2016AGC": ({}, lambda: (ONES,)),
    "Moore2016BinauralLoudness": ({}, lambda: (ONES, ONES.flip(0))),
    "Moore2016ExcitationPattern": ({}, lambda: (FREQS[0], 60.0 + FREQS[0] / 100)),
    "Moore2016SpecificLoudness": ({}, lambda: (60.0 * ONES,)),
    "Moore2016Spectrum": ({}, lambda: (torch.stack([TONE, TONE])[None],)),
    "Moore2016TemporalIntegration": ({}, lambda: (ONES.expand(20, 150),)),
    "MultiResolutionFFT": ({}, lambda: (TONE,)),
    "Osses2021": ({"fs": 32000, "fc": [500.0, 3000.0]}, lambda: (TONE,)),
    "OuterMiddleEarFilter": ({"fs": 32000}, lambda: (TONE,)),
    "Paulick2024": ({"fs": 32000, "fc": [500.0, 3000.0]}, lambda: (0.1 * TONE,)),
    "PowerCompression": ({}, lambda: (TONE + 1e-3,)),
    "SpatialSmoothing": ({}, lambda: (ONES,)),
    "SpecificLoudness": ({}, lambda: (60.0 * ONES,)),
    "SpectralSmearing": ({"fs": 32000}, lambda: (NOISE,)),
}
NAMES = sorted(
    name
    for name in amtlib.__all__
    if isinstance(kind := getattr(amtlib, name), type) and issubclass(kind, nn.Module)
)
LEARNERS = [name for name in NAMES if not name.endswith("Filter")]
#: Both ears' spectrum comes as lists of components: no batch of its own kind.
EVERY = [(name, False) for name in NAMES] + [(name, True) for name in LEARNERS]


def build(name: str, learnable: bool = False, **more: Any) -> RealModule:
    assert name in CASES, f"{name} is a public module: give its arguments and inputs in CASES"
    arguments = {**CASES[name][0], **more}
    if learnable:
        arguments["learnable"] = True
    module: RealModule = getattr(amtlib, name)(**arguments)
    return module


def tensors(found: Any) -> list[Tensor]:
    """Every tensor of a result, whatever holds it."""
    if isinstance(found, Tensor):
        return [found]
    if isinstance(found, dict):
        found = found.values()
    elif hasattr(found, "__dataclass_fields__"):
        found = vars(found).values()
    return [t for each in found or () for t in tensors(each)] if not isinstance(found, str) else []


def run(module: nn.Module, name: str, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    return [t.detach() for t in tensors(module(*(x.to(dtype) for x in CASES[name][1]())))]


def agree(found: list[Tensor], expected: list[Tensor], share: float = 0.0) -> None:
    assert len(found) == len(expected) > 0
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        assert bool(torch.isfinite(a).all())
        error = (a.double() - b.double()).abs().max() if a.numel() else torch.zeros(())
        assert float(error) <= share * max(1e-30, float(b.abs().max())), f"off by {float(error)}"


def test_every_public_module_has_a_case():
    assert set(NAMES) == set(CASES)


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def tf32() -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


#: A failing test shows which of them it was at
SURROUNDINGS: dict[str, Callable[[], Any]] = {
    "autocast to bfloat16": lambda: torch.autocast("cpu", torch.bfloat16),
    "autocast to float16": lambda: torch.autocast("cpu", torch.float16),
    "coarse products": tf32,
    "default float64": lambda: default_dtype(torch.float64),
    "default bfloat16": lambda: default_dtype(torch.bfloat16),
    "default float16": lambda: default_dtype(torch.float16),
}


@pytest.mark.parametrize(("name", "learnable"), EVERY)
def test_no_surroundings_change_a_result(name: str, learnable: bool):
    expected = run(build(name, learnable), name)
    for surroundings in SURROUNDINGS.values():
        with surroundings():
            found = run(build(name, learnable), name)
        agree(found, expected)
        assert [t.dtype for t in found] == [t.dtype for t in expected]


@pytest.mark.parametrize("name", NAMES)
def test_no_autocast_changes_a_gradient(name: str):
    module = build(name, name in LEARNERS)
    x, *more = (t.float() for t in CASES[name][1]())

    def gradients() -> list[Tensor]:
        module.zero_grad()
        given = x.clone().requires_grad_()
        sum(t.sum() for t in tensors(module(given, *more)) if t.requires_grad).backward()
        return [t for t in (given.grad, *(p.grad for p in module.parameters())) if t is not None]

    expected = gradients()
    with torch.autocast("cpu", torch.bfloat16):
        agree(gradients(), expected)


@pytest.mark.parametrize("name", NAMES)
def test_second_derivatives_are_right_or_refused(name: str):
    module = build(name, dtype=torch.float64)
    x, *more = (t.double() for t in CASES[name][1]())
    torch.manual_seed(0)
    along, weights = (torch.randn_like(x) * x.abs().amax() for _ in range(2))

    scales = [float(t.abs().amax()) for t in run(module, name, torch.float64)]

    def gradient(at: Tensor, again: bool) -> Tensor:
        found = zip(tensors(module(at, *more)), scales, strict=True)
        value = sum((t / scale).square().sum() for t, scale in found if t.requires_grad)
        return (torch.autograd.grad(value, at, create_graph=again)[0] * weights).sum()

    given = x.clone().requires_grad_()
    try:
        (second,) = torch.autograd.grad(gradient(given, True), given)
    except RuntimeError as refusal:
        assert "first derivatives only" in str(refusal)  # noqa: PT017
        return
    step = 1e-6
    sides = [gradient((x + sign * step * along).requires_grad_(), False) for sign in (1.0, -1.0)]
    expected = float(sides[0] - sides[1]) / (2.0 * step)
    assert float((second * along).sum()) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("name", "learnable"), EVERY)
def test_copies_and_files_of_whole_modules_compute_alike(name: str, learnable: bool):
    module = build(name, learnable)
    expected = run(module, name)
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    for twin in (
        copy.deepcopy(module),
        pickle.loads(pickle.dumps(module)),
        torch.load(file, weights_only=False),
    ):
        agree(run(twin, name), expected)


@pytest.mark.parametrize(("name", "learnable"), EVERY)
def test_a_state_holds_real_values_only_and_restores_them(name: str, learnable: bool):
    module, other = build(name, learnable), build(name, learnable)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(0.99)
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    assert all(
        t.dtype in (torch.float32, torch.float64, torch.uint8) and t.is_contiguous() for t in state.values()
    )
    storages = [t.untyped_storage().data_ptr() for t in state.values()]
    assert len(set(storages)) == len(storages)
    settable = set(build(name, True).state_dict()) if name in LEARNERS else {"_extra_state"}
    assert set(state) <= settable
    other.load_state_dict(state)
    agree(run(other, name), run(module, name))


@pytest.mark.parametrize("name", LEARNERS)
def test_what_was_learned_is_loaded_into_a_module_that_does_not_learn(name: str):
    learned, fixed = build(name, True), build(name)
    with torch.no_grad():
        for parameter in learned.parameters():
            parameter.mul_(0.99)
    fixed.load_state_dict(learned.state_dict())
    for key, _ in learned.named_parameters():
        owner, _, last = key.rpartition(".")
        value, taken = (getattr(m.get_submodule(owner), last).detach() for m in (learned, fixed))
        torch.testing.assert_close(taken, value)


@pytest.mark.parametrize("name", NAMES)
def test_a_module_is_built_where_torch_is_told_to(name: str):
    module = build(name)
    with torch.device("meta"):
        empty = build(name)
    everything = [*empty.parameters(), *empty.buffers()]
    assert all(t.is_meta for t in everything)
    assert type(empty).__name__ in repr(empty)
    for fill in ("to_empty", "assign"):
        built = copy.deepcopy(empty)
        if fill == "to_empty":
            built.to_empty(device="cpu")
        built.load_state_dict(module.state_dict(), assign=fill == "assign")
        agree(run(built, name), run(module, name))
    before = torch.get_default_device()
    inputs = [x.float() for x in CASES[name][1]()]
    try:
        torch.set_default_device("meta")
        found = tensors(module(*inputs))
    finally:
        torch.set_default_device(before if before.type != "cpu" else None)
    assert all(t.device.type == "cpu" for t in found)


@pytest.mark.parametrize("name", LEARNERS)
def test_scalers_clippers_and_fused_optimisers_take_all_parameters(name: str):
    module = build(name, True)
    parameters = [p for p in module.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(parameters, lr=1e-2, fused=True)
    scaler = torch.amp.GradScaler("cpu")
    x, *more = (t.float() for t in CASES[name][1]())
    loss = sum(t.mean() for t in tensors(module(x, *more)) if t.requires_grad)
    scaler.scale(loss).backward()
    scaler.unscale_(optimiser)
    nn.utils.clip_grad_value_(parameters, 1.0)
    before = nn.utils.parameters_to_vector(module.parameters())
    assert before.dtype.is_floating_point
    scaler.step(optimiser)
    scaler.update()
    after = nn.utils.parameters_to_vector(module.parameters())
    assert bool((after != before).any())
    nn.utils.vector_to_parameters(before, module.parameters())
    assert torch.equal(nn.utils.parameters_to_vector(module.parameters()), before)


@pytest.mark.parametrize("name", NAMES)
def test_float64_agrees_with_float32_to_its_rounding(name: str):
    module = build(name)
    expected = run(module, name)
    double = copy.deepcopy(module).double()
    assert all(t.dtype in (torch.float64, torch.uint8) for t in double.buffers())
    found = run(double, name, torch.float64)
    exact = run(build(name, dtype=torch.float64), name, torch.float64)
    if name == "Moore2016Spectrum":  # lists of components, which may begin and end at others
        found, expected = ([t[..., :10] for t in each] for each in (found, expected))
        exact = [t[..., :10] for t in exact]
    agree(expected, found, 1e-4)
    agree(found, exact, 1e-5)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("ERBIntegration", "Moore2016Spectrum")])
def test_a_batch_equals_its_members(name: str):
    module = build(name)
    inputs = [x.float() for x in CASES[name][1]()]
    single = tensors(module(*inputs))
    both = tensors(
        module(*(torch.stack([x, 0.5 * x if x is not inputs[0] or len(inputs) < 2 else x]) for x in inputs))
    )
    for alone, together in zip(single, both, strict=True):
        first = together if alone.shape == together.shape else together[0]
        torch.testing.assert_close(first, alone, rtol=1e-4, atol=1e-6 * float(alone.abs().max()))


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_is_refused_or_kept_out(name: str):
    module = build(name)
    expected = run(module, name)
    state = {key: value.clone() for key, value in module.state_dict().items()}
    for convert in (lambda m: m.half(), lambda m: m.bfloat16(), lambda m: m.to(torch.float16)):
        with pytest.raises(ValueError, match="works in float32 or float64"):
            convert(module)
    parent = nn.Sequential(nn.Linear(2, 2), module).half()
    assert parent[0].weight.dtype == torch.float16
    assert all(torch.equal(module.state_dict()[key], value) for key, value in state.items())
    agree(run(module, name), expected)


def parts(name: str) -> set[str]:
    """The public modules that one is made of."""
    return {type(each).__name__ for each in list(build(name).modules())[1:]} & set(NAMES)


#: Those that are part of no other one: a compiler sees the parts within the whole
PARTS = set().union(*map(parts, NAMES))
WHOLES = [name for name in NAMES if name not in PARTS]


@pytest.mark.parametrize("name", WHOLES)
def test_a_compiled_module_computes_alike(name: str):
    module = build(name, name in LEARNERS)
    expected = run(module, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = torch.compile(
            nn.Sequential(module) if len(CASES[name][1]()) == 1 else module, backend="eager"
        )
        found = run(compiled, name)
    torch._dynamo.reset()
    agree(found, expected)


@pytest.mark.parametrize(("name", "learnable"), EVERY)
def test_a_module_prints_itself_without_a_warning(name: str, learnable: bool):
    assert type(build(name, learnable)).__name__ in repr(build(name, learnable))


AUDIO = [n for n in NAMES if n.endswith(("Filter", "Filterbank", "FFT", "2002", "2016", "Moore2016Spectrum"))]


@pytest.mark.parametrize("name", AUDIO)
@pytest.mark.parametrize(
    ("dtype", "divisor"),
    [(torch.int16, r"/ 32768 "), (torch.int32, r"/ 2147483648 "), (torch.uint8, r"- 128.0\) / 128 ")],
)
def test_samples_of_integers_are_refused_with_what_to_divide_by(name: str, dtype: torch.dtype, divisor: str):
    x = torch.ones_like(CASES[name][1]()[0], dtype=dtype)
    with pytest.raises(ValueError, match=rf"{dtype}.*{divisor}"):
        build(name)(x)


@pytest.mark.parametrize(
    ("name", "other", "message"),
    [
        ("GammatoneFilterbank", {"fs": 48000}, "fs = 32000 in the checkpoint, 48000 here"),
        (
            "GammatoneFilterbank",
            {"fc": [500.0, 1000.0, 2000.0]},
            r"fc = \[500, 1000, 3000\] in the checkpoint",
        ),
        ("GammatoneFilterbank", {"n": 2}, "n = 4 in the checkpoint, 2 here"),
        ("DRNLFilterbank", {"fs": 44100}, "fs = 32000 in the checkpoint, 44100 here"),
        (
            "DRNLFilterbank",
            {"model": "jepsen2008"},
            "model = 'paulick2024' in the checkpoint, 'jepsen2008' here",
        ),
        ("FastDRNLFilterbank", {"ir_length": 100}, "ir_length = 4096 in the checkpoint, 100 here"),
        ("MiddleEarFilter", {"model": "jepsen2008"}, "model = 'lopezpoveda2001' in the checkpoint"),
        (
            "OuterMiddleEarFilter",
            {"field_type": "diffuse"},
            "field_type = 'free' in the checkpoint, 'diffuse' here",
        ),
        ("HeadphoneFilter", {"order": 64}, "order = 512 in the checkpoint, 64 here"),
        ("MultiResolutionFFT", {"fs": 48000}, "fs = 32000 in the checkpoint, 48000 here"),
        ("ERBIntegration", {"f_max": 15100.0}, "f_max = 15000 in the checkpoint, 15100 here"),
        ("ExcitationPattern", {"f_min": 49.0}, "f_min = 50 in the checkpoint, 49 here"),
        ("Moore2016ExcitationPattern", {"erb_lower": 1.8}, "erb_lower = 1.75 in the checkpoint, 1.8 here"),
        ("Moore2016", {"field": "diffuse"}, "field = 'free' in the checkpoint, 'diffuse' here"),
        ("Glasberg2002", {"presentation": "monaural"}, "presentation = 'diotic' in the checkpoint"),
        ("Moore2016Spectrum", {"segment_duration": 2}, "segment_duration = 1 in the checkpoint, 2 here"),
    ],
)
def test_the_state_of_another_configuration_is_refused(name: str, other: dict[str, Any], message: str):
    module = build(name, **other)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    with pytest.raises(RuntimeError, match=message):
        module.load_state_dict(build(name).state_dict())
    if name not in ("Moore2016", "Glasberg2002"):
        assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())


def test_checkpoints_from_before_there_were_configurations_are_loaded():
    bank = GammatoneFilterbank([500.0, 1000.0], 16000, learnable=True)
    with torch.no_grad():
        bank.poles *= 0.9
    old = {"fc": bank.fc.clone(), "poles": bank.poles.detach().clone(), "gains": bank.gains.detach().clone()}
    other = GammatoneFilterbank([500.0, 1000.0], 16000)
    other.load_state_dict(old)
    assert torch.equal(other.poles, bank.poles.detach())
    with pytest.raises(RuntimeError, match=r"fc = \[500, 1000\] in the checkpoint, \[500, 1100\] here"):
        GammatoneFilterbank([500.0, 1100.0], 16000).load_state_dict(old)
    model = Moore2016()
    tables = {
        f"{path}.{name}": value
        for path, part in model.named_modules()
        for name, value in part.named_buffers(recurse=False)
        if not name.startswith("_")
    }
    Moore2016().load_state_dict(tables)


def test_inductor_leaves_the_excitation_pattern_alone():
    model = Moore2016()
    x = torch.stack([TONE, TONE]).float()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = torch.compile(model)(x)
    torch._dynamo.reset()
    assert torch.equal(found.long_term, model(x).long_term)
