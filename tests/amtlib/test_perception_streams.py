"""Whole models of perception in streams, and the memory that they take."""

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from amtlib import Dau1997, Jepsen2008, King2019, Osses2021, Paulick2024
from amtlib.perception import PerceptionModel
from amtlib.perception.downsampling import Downsampling

FS = 16000
MODELS: dict[str, Callable[[], PerceptionModel]] = {
    "Dau1997": lambda: Dau1997(FS, 500.0, 2000.0, dtype=torch.float64),
    "Osses2021": lambda: Osses2021(FS, 500.0, 2000.0, dtype=torch.float64),
    "King2019": lambda: King2019(FS, dtype=torch.float64),
    "King2019 at 22 kHz": lambda: King2019(22050, dtype=torch.float64),
    "Paulick2024": lambda: Paulick2024(FS, 500.0, 4000.0, n_channels=3, dtype=torch.float64),
    "Jepsen2008": lambda: Jepsen2008(FS, 500.0, 4000.0, n_channels=3, dtype=torch.float64),
}
BUILT: dict[str, PerceptionModel] = {}
each_model = pytest.mark.parametrize("name", MODELS)


def model_of(name: str) -> PerceptionModel:
    return BUILT.setdefault(name, MODELS[name]())


def noise(*shape: int, seed: int = 1) -> Tensor:
    return 0.02 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of all tensors that are made within it, as long as they live."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self._known: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for each in tree_leaves(found):
            if isinstance(each, Tensor) and (memory := each.untyped_storage()) not in self._known:
                self._known.add(memory)
                self.now += memory.nbytes()
                self.most = max(self.most, self.now)
                weakref.finalize(memory, self._drop, memory.nbytes())
        return found

    def _drop(self, size: int) -> None:
        self.now -= size


@each_model
@settings(max_examples=8)
@given(cuts=st.lists(st.sampled_from([0, 1, 2, 3, 7, 39, 257, 514, 600]), max_size=6), batch=st.booleans())
def test_a_stream_equals_the_whole_for_any_cutting(name: str, cuts: list[int], batch: bool):
    model = model_of(name)
    chunks = [*cuts, 5]
    x = noise(2, sum(chunks)) if batch else noise(sum(chunks))
    whole, stream = model(x), model.stream()
    pieces = [stream.process(chunk) for chunk in x.split(chunks, -1)]
    found = torch.cat([*pieces, stream.finish()], -1)
    torch.testing.assert_close(found, whole, rtol=0.0, atol=1e-10 * float(whole.abs().max()))


@each_model
def test_a_stream_takes_the_next_sound_after_its_end_and_after_a_reset(name: str):
    model, x = model_of(name), noise(2, 700)
    stream = model.stream()
    first = torch.cat([stream.process(x), stream.finish()], -1)
    stream.process(x[:, :100])
    stream.reset()
    second = torch.cat([stream.process(x[0]), stream.finish()], -1)
    torch.testing.assert_close(second, first[0], rtol=0.0, atol=1e-10 * float(first.abs().max()))


def test_samples_come_out_of_a_stream_as_soon_as_they_are_known():
    lengths = {}
    for name in MODELS:
        stream = model_of(name).stream()
        lengths[name] = [stream.process(noise(600)).shape[-1], stream.process(noise(600)).shape[-1]]
    assert lengths == {
        "Dau1997": [600, 600],
        "Osses2021": [600 - 514, 600],
        "King2019": [0, 0],
        "King2019 at 22 kHz": [0, 0],
        "Paulick2024": [140, 150],
        "Jepsen2008": [140, 150],
    }


def test_what_is_no_chunk_of_a_sound_is_refused():
    stream = model_of("Dau1997").stream()
    with pytest.raises(ValueError, match=r"no sound to end: give process\(\) its chunks first"):
        stream.finish()
    with pytest.raises(ValueError, match=r"the chunk has shape \(1, 2, 8\); give \(T,\) or \(batch, T\)"):
        stream.process(noise(1, 2, 8))
    stream.process(noise(2, 8))
    with pytest.raises(ValueError, match=r"this chunk has leading shape \(3,\), the ones before had \(2,\)"):
        stream.process(noise(3, 8))
    with pytest.raises(ValueError, match="the chunk has 1 non-finite samples"):
        stream.process(torch.tensor([[0.0], [torch.nan]]))


@pytest.mark.parametrize("name", [name for name in MODELS if "King" not in name])
def test_a_stream_of_a_long_sound_takes_no_more_memory_than_of_a_short_one(name: str):
    model = model_of(name)
    stream = model.stream()
    stream.process(noise(2048))  # responses are kept from the first chunk on
    peaks = []
    for chunks in (2, 20):
        with LiveBytes() as live:
            for k in range(chunks):
                stream.process(noise(2048, seed=k))
        peaks.append(live.most)
    with LiveBytes() as live, torch.no_grad():
        model(noise(20 * 2048))
    assert peaks[1] <= 1.01 * peaks[0]
    assert live.most > 3 * peaks[1]


@pytest.mark.parametrize("kind", [Dau1997, King2019, Paulick2024])
def test_gradients_through_a_second_of_50_channels_fit_in_4_gb(kind: type[Any]):
    """Measured with a quarter of a second, for a quarter of the memory."""
    fc = torch.logspace(2.0, 3.9, 50)
    model = kind(44100, fc=fc, learnable=True)
    x = noise(44100 // 4).float().requires_grad_()
    with LiveBytes() as live:
        model(x).square().sum().backward()
    assert x.grad is not None
    assert 1e7 < live.most < 1e9


@pytest.mark.parametrize("total", [4, 5, 63, 64, 65, 1000])
@pytest.mark.parametrize("factor", [1, 3, 4])
def test_downsampling_keeps_every_nth_sample_of_what_the_filter_gives(total: int, factor: int) -> None:
    module = Downsampling(factor, torch.float64)
    x = torch.randn(2, 3, total, dtype=torch.float64, generator=torch.Generator().manual_seed(total))
    half = len(module.taps) // 2
    whole = np.apply_along_axis(np.convolve, -1, x.numpy(), module.taps.numpy())[..., half:][..., :total]
    np.testing.assert_allclose(module(x), whole[..., ::factor][..., : total // factor], atol=1e-13)
