"""What every public module keeps in any configuration: finite numbers, precision, batches, blocks, devices, arrays.

A new module is in it by itself: its inputs are those of CASES in test_modules.py, its arguments drawn by their names.
"""

import inspect
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

import amtlib
from amtlib.hearing_loss import STANDARD_AUDIOGRAMS
from amtlib.modules import RealModule
from tests.amtlib.test_modules import AUDIO, CASES, NAMES, agree, tensors

Draw = Callable[[st.SearchStrategy[Any]], Any]

FLAGS = (
    "compensate_delay",
    "inhibit",
    "inhibition",
    "joint_maximum",
    "learnable",
    "one_sided",
    "pad",
    "smooth",
)
#: Values of arguments by their names
VALUES: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys([*FLAGS, "smearing", "smoothing"], st.booleans()),
    "attack_alpha": st.floats(1e-3, 1.0),
    "audiogram": st.sampled_from([*STANDARD_AUDIOGRAMS]),
    "betamul": st.none() | st.floats(0.5, 2.0),
    "broadening": st.floats(0.5, 6.0),
    "catch_up_db": st.floats(60.0, 140.0),
    "centred_on": st.sampled_from(["channel", "component"]),
    "compensation_type": st.sampled_from(["tfOuterMiddle1997", "tfOuterMiddle2007"]),
    "db_max": st.floats(80.0, 110.0),
    "ears": st.sampled_from([1, 2]),
    "erb_lower": st.floats(1.75, 5.0),
    "erb_step": st.sampled_from([0.2, 0.25, 0.5, 1.0]),
    "erb_upper": st.floats(20.0, 39.0),
    "f_max": st.floats(5000.0, 15000.0),
    "f_min": st.floats(30.0, 200.0),
    "fc": st.lists(st.floats(100.0, 6000.0), min_size=1, max_size=4),
    "field": st.sampled_from(["free", "diffuse", "eardrum", "cochlea"]),
    "field_type": st.sampled_from(["free", "diffuse", "eardrum"]),
    "frame_step": st.floats(0.0005, 0.032),
    "fs": st.sampled_from([32000, 44100, 48000]),
    "hop_fraction": st.floats(0.1, 1.0),
    "implementation": st.sampled_from(["sos", "poly"]),
    "ir_length": st.integers(1, 4096),
    "loss_db": st.floats(0.0, 120.0),
    "kernel_width": st.floats(2.0, 18.0),
    "max_attenuation_db": st.none() | st.floats(20.0, 80.0),
    "max_pole_magnitude": st.none() | st.floats(0.9, 0.999),
    "middle_ear": st.sampled_from(["1997", "2007"]),
    "n": st.integers(1, 6),
    "order": st.integers(16, 300).map(lambda half: 2 * half),
    "p": st.floats(0.5, 3.0),
    "phase": st.sampled_from(["minimum", "zero"]),
    "presentation": st.sampled_from(["diotic", "monaural"]),
    "release_alpha": st.floats(1e-3, 1.0),
    "segment_duration": st.integers(1, 8),
    "sigma": st.floats(0.02, 0.5),
    "spreading_limit_octaves": st.none() | st.floats(0.5, 6.0),
    "subject": st.sampled_from(["NH", "HIx"]),
    "threshold_db": st.floats(-20.0, 120.0),
    "window_lengths": st.sampled_from([None, [2048, 512], [1024, 256, 64], [600]]),
}
#: Values that only one module takes under a name
OWN: dict[tuple[str, str], st.SearchStrategy[Any]] = {
    ("DRNLFilterbank", "model"): st.sampled_from(["paulick2024", "jepsen2008"]),
    ("FastDRNLFilterbank", "model"): st.sampled_from(["paulick2024", "jepsen2008"]),
    ("MiddleEarFilter", "model"): st.sampled_from(["lopezpoveda2001", "jepsen2008"]),
    ("AdaptLoop", "preset"): st.sampled_from(["dau1996", "dau1997", "osses2021", "relanoiborra2019"]),
    ("AdaptLoop", "tau"): st.none() | st.lists(st.floats(1e-3, 1.0), min_size=1, max_size=6),
    ("AdaptLoop", "limit"): st.none() | st.floats(5.0, 50.0),
    # Below what the least limit of a preset, 5, leaves room for with six loops.
    ("AdaptLoop", "minlvl"): st.none() | st.floats(1e-7, 7e-4),
    **{
        (name, argument): values
        for name in ("BrokenStickCompression", "PowerCompression")
        for argument, values in {
            "knee_db": st.floats(0.0, 80.0),
            "exponent": st.floats(0.1, 1.0),
            "dboffset": st.sampled_from([93.98, 100.0]),
        }.items()
    },
    **{
        (name, argument): values
        for name in ("Dau1997", "Jepsen2008", "King2019", "Osses2021", "Paulick2024")
        for argument, values in {
            "fc": st.lists(st.floats(100.0, 6000.0), min_size=1, max_size=2),
            "flow": st.just(500.0),
            "fhigh": st.just(2000.0),
            "basef": st.just(1000.0),
        }.items()
    },
    ("King2019ModulationFilterbank", "Q"): st.floats(0.5, 3.0),
    ("King2019ModulationFilterbank", "mflow"): st.floats(1.0, 20.0),
    ("King2019ModulationFilterbank", "mfhigh"): st.floats(20.0, 300.0),
    ("King2019ModulationFilterbank", "n_filters"): st.none() | st.integers(1, 4),
    ("King2019ModulationFilterbank", "low_pass"): st.booleans(),
    ("King2019ModulationFilterbank", "phase_cut"): st.floats(0.0, 200.0),
    ("King2019ModulationFilterbank", "phase_insensitive"): st.booleans(),
    ("ModulationFilterbank", "fc"): st.lists(st.floats(10.0, 20000.0), min_size=2, max_size=2),
    ("ModulationFilterbank", "preset"): st.sampled_from(["dau1997", "jepsen2008", "verhey1999", "osses2021"]),
    ("ModulationFilterbank", "Q"): st.floats(1.0, 3.0),
    ("ModulationFilterbank", "max_mfc"): st.floats(5.0, 1000.0),
    ("ModulationFilterbank", "phase_insensitive"): st.just(True),
    ("IHCEnvelope", "method"): st.sampled_from(
        ["dau1996", "bernstein1999", "breebaart2001", "relanoiborra2019"]
    ),
    ("IHCEnvelope", "cutoff"): st.none() | st.floats(100.0, 3000.0),
    ("IHCEnvelope", "order"): st.none() | st.sampled_from([2, 4]),
    ("Moore2016Spectrum", "fs"): st.just(32000),
    **{("SpectralSmearing", side): st.floats(1.0, 10.0) for side in ("lower", "upper")},
    ("GammatoneFilterbank", "fs"): st.sampled_from([16000, 22050, 44100]),
    **dict.fromkeys(
        [(n, "fs") for n in ("Glasberg2002", "Moore2016")], st.sampled_from([8000, 32000, 44100])
    ),
    **dict.fromkeys(
        [(n, "fs") for n in NAMES if n.endswith("Filter")], st.sampled_from([8000, 44100, 96000])
    ),
}
#: Drawn by the tests themselves, or following from others
FIXED = {"dtype", "freq_thresholds", "n_channels", "parameters"}
#: Inputs that all rows of a batch share
SHARED = {"ERBIntegration": (1,)}
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")),
]
QUICK = settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])


def arguments_of(name: str) -> list[str]:
    return [each for each in inspect.signature(getattr(amtlib, name)).parameters if each not in FIXED]


def test_every_argument_of_every_module_has_values():
    lacking = [(n, a) for n in NAMES for a in arguments_of(n) if a not in VALUES and (n, a) not in OWN]
    assert lacking == []


def configuration(name: str, draw: Draw) -> dict[str, Any]:
    drawn = {each: draw(OWN.get((name, each), VALUES.get(each, st.nothing()))) for each in arguments_of(name)}
    if drawn.get("implementation") == "sos":
        drawn["max_pole_magnitude"] = None
    elif "implementation" in drawn:  # polynomials of more sections lose digits, of which a warning tells
        drawn["n"] = min(drawn["n"], 2)
    return drawn


def channels(module: RealModule) -> int | None:
    for name in ("n_channels", "n_erb_bands"):
        if isinstance(count := getattr(module, name, None), int):
            return count
    return None


def inputs(module: RealModule, name: str, seed: int, gain: float) -> list[Tensor]:
    """The case's inputs, float64, in the configuration's shapes: noise of that level, uneven patterns, or silence."""
    made = torch.Generator().manual_seed(seed)
    found = []
    for place, x in enumerate(CASES[name][1]()):
        if name in AUDIO:
            length = round(0.066 * float(getattr(module, "fs", 32000))) + 40 + seed % 500
            noise = torch.randn(*x.shape[:-1], length, generator=made, dtype=torch.float64)
            x = noise * float(x.abs().max()) * 10 ** (gain / 20)
        elif place not in SHARED.get(name, ()):
            count = channels(module)
            if count is not None and x.shape[-1] == 150:
                x = torch.nn.functional.interpolate(x.reshape(1, -1, 150), count).reshape(
                    *x.shape[:-1], count
                )
            x = x * (0.5 + 0.5 * torch.rand(x.shape, generator=made, dtype=torch.float64))
            x = 0.0 * x if gain == -math.inf else x
        found.append(x)
    return found


def outputs(module: RealModule, name: str, given_inputs: list[Any]) -> list[Tensor]:
    with torch.no_grad():
        found = tensors(module(*given_inputs))
    if name == "Moore2016Spectrum":  # components are listed: those at the edge of what counts come and go
        present = [(f > 0.0).to(f) for f in found[::2]]
        found = [(p * 10.0 ** (level / 10.0)).sum(-1) for p, level in zip(present, found[1::2], strict=True)]
    return [t.detach() for t in found]


def case(
    name: str, data: st.DataObject, dtype: torch.dtype = torch.float32
) -> tuple[RealModule, list[Tensor]]:
    module: RealModule = getattr(amtlib, name)(**configuration(name, data.draw), dtype=dtype)
    seed, gain = data.draw(st.integers(0, 2**31)), data.draw(st.floats(-60.0, 10.0) | st.just(-math.inf))
    return module, [x.to(dtype) for x in inputs(module, name, seed, gain)]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", NAMES)
@QUICK
@given(data=st.data())
def test_outputs_are_finite_of_the_modules_dtype_where_the_module_is_and_alike_for_arrays(
    name: str, device: str, data: st.DataObject
):
    module, x = case(name, data)
    module = module.to(device)
    there = [each.to(device) for each in x]
    found = outputs(module, name, there)
    assert found
    for each in found:
        assert each.device.type == device
        assert each.dtype == torch.float32
        assert bool(torch.isfinite(each).all())
    assert all(torch.equal(each.cpu(), before) for each, before in zip(there, x, strict=True))
    if device != "cpu":
        agree([t.cpu() for t in found], outputs(module.to("cpu"), name, x), 1e-3)
        return
    for arrays in ([each.numpy() for each in x], [each.double().numpy() for each in x]):
        of_arrays = outputs(module, name, arrays)
        assert all(isinstance(each, Tensor) for each in of_arrays)
        assert all(torch.equal(a, b) for a, b in zip(of_arrays, found, strict=True))


@pytest.mark.parametrize("name", NAMES)
@QUICK
@given(data=st.data())
def test_float64_agrees_with_float32_to_its_rounding(name: str, data: st.DataObject):
    module, x = case(name, data)
    found = outputs(module, name, x)
    exact = outputs(module.double(), name, [each.double() for each in x])
    assert all(each.dtype == torch.float64 for each in exact)
    agree(found, exact, 3e-4)


@pytest.mark.parametrize("name", NAMES)
@QUICK
@given(data=st.data())
def test_a_batch_equals_its_members(name: str, data: st.DataObject):
    module, one = case(name, data, torch.float64)
    seed = data.draw(st.integers(0, 2**31))
    factor = torch.rand((), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    other = [x if i in SHARED.get(name, ()) else x * factor for i, x in enumerate(one)]
    if name in ("Moore2016Spectrum",):
        together = [torch.cat([a, b]) for a, b in zip(one, other, strict=True)]
    else:
        shared = SHARED.get(name, ())
        together = [
            a if i in shared else torch.stack([a, b]) for i, (a, b) in enumerate(zip(one, other, strict=True))
        ]
    both = outputs(module, name, together)
    for row, single in enumerate((one, other)):
        alone = outputs(module, name, single)
        for a, b in zip(alone, both, strict=True):
            if a.shape == b.shape:  # times and frequencies
                assert torch.equal(a, b)
            else:
                mine = b[row : row + 1] if name == "Moore2016Spectrum" else b[row]
                torch.testing.assert_close(mine, a, rtol=1e-9, atol=1e-9 * float(a.abs().max() + 1e-30))


BLOCKS = [n for n in NAMES if "block" in inspect.signature(getattr(amtlib, n).forward).parameters]
STREAMS = [n for n in NAMES if hasattr(getattr(amtlib, n), "stream")]


@pytest.mark.parametrize("name", BLOCKS)
@QUICK
@given(data=st.data())
def test_blocks_equal_the_whole(name: str, data: st.DataObject):
    module, (x,) = case(name, data, torch.float64)
    block = data.draw(st.integers(1, 2 * x.shape[-1]).map(lambda n: max(n, 200)))
    with torch.no_grad():
        whole, parts = module(x), module(x, block=block)
    torch.testing.assert_close(parts, whole, rtol=0.0, atol=1e-9 * float(whole.abs().max()))


@pytest.mark.parametrize("name", STREAMS)
@QUICK
@given(data=st.data())
def test_streams_equal_the_whole(name: str, data: st.DataObject):
    module, (x,) = case(name, data, torch.float64)
    whole = outputs(module, name, [x])[0]
    try:
        stream = module.stream()
    except ValueError as refusal:
        assert "cannot look ahead" in str(refusal)  # noqa: PT017
        return
    cuts = sorted(data.draw(st.lists(st.integers(0, x.shape[-1]), max_size=3)))
    chunks = [x[..., a:b] for a, b in zip([0, *cuts], [*cuts, x.shape[-1]], strict=True)]
    as_arrays = data.draw(st.booleans())
    parts = [stream.process(np.asarray(chunk) if as_arrays else chunk) for chunk in chunks]
    if hasattr(stream, "finish"):
        parts.append(stream.finish())
    found = torch.cat(parts, -1).reshape(whole.shape)
    torch.testing.assert_close(found, whole, rtol=0.0, atol=1e-9 * float(whole.abs().max()))


@pytest.mark.parametrize("name", ["Glasberg2002", "Moore2016"])
@QUICK
@given(data=st.data())
def test_frames_at_a_time_equal_all_at_once(name: str, data: st.DataObject):
    model, (x,) = case(name, data, torch.float64)
    signal = model.at_cochlea(x)
    total = model.spectrum.n_frames(signal.shape[-1])
    cut = data.draw(st.integers(0, total))
    edges = sorted({0, cut, total})
    with torch.no_grad():
        whole = model.spectrum.dense(signal).power
        parts = [model.spectrum.dense(signal, a, b).power for a, b in itertools.pairwise(edges)]
    torch.testing.assert_close(torch.cat(parts, -2), whole, rtol=1e-9, atol=1e-12)
