"""What models take besides tensors: numpy arrays of any kind, loaded sounds with their rate, single numbers."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from amtlib import (
    DRNLFilterbank,
    ExcitationPattern,
    FastDRNLFilterbank,
    GammatoneFilterbank,
    Glasberg2002,
    MiddleEarFilter,
    Moore2016,
    Moore2016ExcitationPattern,
    Moore2016Spectrum,
    MultiResolutionFFT,
    OuterMiddleEarFilter,
    SpecificLoudness,
    audio,
    fdn,
    phon2sone,
    signals,
    sone2phon,
)
from amtlib.inputs import as_tensor

X = 0.02 * torch.randn(2, 3000, generator=torch.Generator().manual_seed(1))


def recording(x: Tensor, fs: int, **options: Any) -> audio.Recording:
    buffer = io.BytesIO()
    audio.save(buffer, x, fs, subtype="FLOAT")
    return audio.load(buffer.getvalue(), name="take.wav", **options)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.astype(np.float32),
        lambda x: x.astype(np.float64),
        lambda x: x.astype(np.longdouble),
        lambda x: x.astype(">f4"),
        lambda x: np.asfortranarray(x),
        lambda x: x[:, ::-1][:, ::-1],
        lambda x: np.repeat(x, 3, axis=-1)[:, ::3],
        lambda x: np.rec.fromarrays([x, x > 0.0], names="pressure,above").pressure,
    ],
    ids=[
        "float32",
        "float64",
        "longdouble",
        "big endian",
        "Fortran",
        "reversed",
        "strided",
        "field of a record",
    ],
)
def test_arrays_of_any_layout_are_taken(change: Callable[[np.ndarray], np.ndarray]):
    bank = GammatoneFilterbank([500.0, 1000.0], 32000)
    given = change(X.numpy())
    found = bank(given)
    assert isinstance(found, Tensor)
    assert found.dtype == torch.float32
    assert torch.equal(found, bank(X))


def test_arrays_that_must_not_be_written_to_are_taken_without_a_warning():
    frozen = X.numpy().copy()
    frozen.setflags(write=False)
    assert torch.equal(MiddleEarFilter(32000)(frozen), MiddleEarFilter(32000)(X))


def test_half_precision_is_converted():
    half = X.numpy().astype(np.float16)
    assert torch.equal(MiddleEarFilter(32000)(half), MiddleEarFilter(32000)(torch.from_numpy(half)))


@pytest.mark.parametrize(
    ("dtype", "divisor"),
    [
        (np.int16, "x / 32768 "),
        (np.int32, "x / 2147483648 "),
        (np.uint8, r"\(x - 128.0\) / 128 "),
        (np.uint16, r"\(x - 32768.0\) / 32768 "),
    ],
)
def test_integer_arrays_are_refused_with_what_to_divide_by(dtype: type, divisor: str):
    with pytest.raises(ValueError, match=divisor):
        GammatoneFilterbank([500.0], 32000)(np.ones(100, dtype))


@pytest.mark.parametrize(
    "given", [np.array(["a"]), np.array([None]), [0.0, 1.0], (0.0,), "take.wav", None, 0.5, {}]
)
def test_what_is_no_signal_is_refused(given: Any):
    for module in (GammatoneFilterbank([500.0], 32000), MiddleEarFilter(32000), Glasberg2002()):
        with pytest.raises((TypeError, ValueError), match=r"(give a torch\.Tensor or a numpy array)|shape"):
            module(given)


def test_arrays_with_time_first_are_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"\(3000, 2\), 3000 signals of 2 samples; .* give its transpose"):
        GammatoneFilterbank([500.0], 32000)(np.zeros((3000, 2)))


METHODS: dict[str, Callable[[Any], Any]] = {
    "gammatone analytic": lambda x: GammatoneFilterbank([500.0, 900.0], 32000).analytic(x),
    "gammatone envelope": lambda x: GammatoneFilterbank([500.0, 900.0], 32000).envelope(x),
    "gammatone peaks": lambda x: GammatoneFilterbank([500.0, 900.0], 32000).envelope_peaks(x, 100)[0],
    "gammatone round trip": lambda x: GammatoneFilterbank([500.0, 900.0], 32000).round_trip(x),
    "gammatone resynthesis": lambda x: GammatoneFilterbank([500.0, 900.0], 32000).resynthesise(x),
    "gammatone stream": lambda x: GammatoneFilterbank([500.0], 32000).stream((2,)).process(x),
    "drnl parts": lambda x: DRNLFilterbank([500.0, 900.0], 32000).linear_parts(x)[0],
    "drnl stick": lambda x: DRNLFilterbank([500.0, 900.0], 32000).stick(x),
    "drnl after": lambda x: DRNLFilterbank([500.0, 900.0], 32000).after(x),
    "drnl stream": lambda x: DRNLFilterbank([500.0], 32000).stream((2,)).process(x),
    "fast drnl": lambda x: FastDRNLFilterbank([500.0], 32000)(x),
    "ear stream": lambda x: MiddleEarFilter(32000).stream().process(x),
    "at cochlea": lambda x: Moore2016().at_cochlea(x),
    "patterns": lambda x: Moore2016().patterns(x)[1],
    "dense": lambda x: Moore2016Spectrum().dense(x).power,
    "spectrum": lambda x: Moore2016Spectrum()(x)[1],
    "resolutions": lambda x: MultiResolutionFFT()(x)[0],
    "level": lambda x: signals.rms_level(x),
    "set level": lambda x: signals.set_level(x, 60.0),
    "ramp": lambda x: signals.apply_ramp(x, 32000),
    "mix": lambda x: signals.mix(x, x),
}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_takes_what_its_module_takes(name: str):
    found, expected = METHODS[name](X.numpy()), METHODS[name](X)
    assert isinstance(found, Tensor)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("module", "rows"),
    [
        (GammatoneFilterbank([500.0, 900.0], 32000), 1),
        (DRNLFilterbank([500.0, 900.0], 32000), 1),
        (FastDRNLFilterbank([500.0, 900.0], 32000), 1),
        (MiddleEarFilter(32000), 1),
        (OuterMiddleEarFilter(32000), 1),
        (MultiResolutionFFT(), 1),
        (Glasberg2002(), 1),
        (Moore2016(), 2),
        (Moore2016Spectrum(), 2),
    ],
)
def test_one_sound_comes_out_without_a_batch_axis(module: Any, rows: int):
    """(T,), or (2, T) of a model of two ears, in: one axis less out than a batch of one."""
    one = X[0] if rows == 1 else X
    single, batch = module(one), module(one[None])
    if isinstance(module, Moore2016):
        single, batch = ((found.long_term, found.peak) for found in (single, batch))
    elif isinstance(module, MultiResolutionFFT):
        single, batch = single[:1], batch[:1]
    for alone, first in zip(*(x if isinstance(x, tuple) else (x,) for x in (single, batch)), strict=True):
        assert first.shape == (1, *alone.shape)
        torch.testing.assert_close(first[0], alone)


def test_over_time_takes_arrays():
    model = Moore2016(pad=True)
    specific = model.patterns(model.at_cochlea(X))[1]
    assert torch.equal(model.over_time(specific.numpy()).long_term, model.over_time(specific).long_term)


# --- single numbers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [Moore2016(), Glasberg2002()])
def test_a_tone_is_two_numbers(model: Any):
    expected = model.stationary(torch.tensor([1000.0]), torch.tensor([60.0])).total
    for found in (
        model.stationary(1000.0, 60.0),
        model.stationary(1000, 60),
        model.stationary(np.float64(1000.0), np.float32(60.0)),
        model.stationary([1000.0], [60.0]),
        model.stationary(np.array([1000.0]), torch.tensor([60.0])),
    ):
        assert found.total.shape == ()
        torch.testing.assert_close(found.total, expected)


def test_a_single_level_is_that_of_all_components():
    model = Moore2016()
    three = [500.0, 1000.0, 2000.0]
    expected = model.stationary(three, [50.0] * 3, right=torch.tensor([40.0] * 3)).total
    torch.testing.assert_close(model.stationary(np.array(three), 50.0, right=40.0).total, expected)
    levels = torch.tensor([[40.0], [50.0]], requires_grad=True)
    found = model.stationary(1000.0, levels)
    assert found.total.shape == (2,)
    found.total.sum().backward()
    assert levels.grad is not None
    assert bool((levels.grad > 0.0).all())


def test_numbers_that_are_none_are_refused():
    for wrong in ("1000", None, True, [1000.0, "a"]):
        with pytest.raises(TypeError, match=r"freqs is .*; give a torch\.Tensor, numbers or a numpy array"):
            Moore2016().stationary(wrong, 60.0)  # type: ignore[arg-type]


def test_a_component_is_two_numbers():
    pattern = Moore2016ExcitationPattern()
    expected = pattern(torch.tensor([1000.0]), torch.tensor([60.0]))
    assert torch.equal(pattern(1000.0, 60.0), expected)


def test_phon_and_sone_of_arrays_are_tensors():
    sone = np.array([0.5, 2.0])
    assert torch.equal(sone2phon(sone), sone2phon(torch.from_numpy(sone)))
    assert torch.equal(phon2sone(40.0 * sone), phon2sone(torch.from_numpy(40.0 * sone)))
    assert isinstance(sone2phon(np.float64(1.0)), float)


# --- sounds with a rate of their own ------------------------------------------------------------------------

AT_48 = {
    "gammatone": lambda fs: GammatoneFilterbank([500.0], fs),
    "drnl": lambda fs: DRNLFilterbank([500.0], fs),
    "middle ear": MiddleEarFilter,
    "outer ear": OuterMiddleEarFilter,
    "resolutions": lambda fs: MultiResolutionFFT(fs),
    "moore2016": Moore2016,
    "glasberg2002": Glasberg2002,
}


@pytest.mark.parametrize("name", AT_48)
def test_a_sound_of_another_rate_is_refused_with_both_named(name: str):
    with pytest.raises(
        ValueError, match=r"is sampled at 44100 Hz, this module works at 48000 Hz; load it with fs=48000"
    ):
        AT_48[name](48000)(recording(X, 44100, channel="all"))


@pytest.mark.parametrize("name", AT_48)
def test_a_sound_of_the_right_rate_is_taken(name: str):
    sound = recording(torch.cat([X, X], -1), 48000, channel="all")
    module = AT_48[name](48000)
    found, expected = module(sound), module(sound.samples)
    if name == "moore2016":
        found, expected = found.long_term, expected.long_term
    found, expected = (t[0] if isinstance(t, tuple) else t for t in (found, expected))
    assert torch.equal(found, expected)


def test_a_file_of_one_channel_is_heard_by_both_ears():
    sound = recording(X[:1], 32000)
    both = torch.stack([sound.samples, sound.samples])
    assert torch.equal(Moore2016()(sound).long_term, Moore2016()(both).long_term)


def test_a_mix_of_two_ears_is_refused_with_what_keeps_them():
    mixed = recording(X, 32000)
    for given in (mixed, mixed.samples):
        with pytest.raises(
            ValueError, match=r"load\(file, channel='all'\) keeps both.*loudness\.loudness\(file\)"
        ):
            Moore2016()(given)


# --- chains, and what comes out -----------------------------------------------------------------------------


def test_what_the_drnl_gives_in_float64_goes_into_modules_of_float32():
    moved = DRNLFilterbank([500.0, 900.0], 32000)(1e-4 * X[0])
    assert moved.dtype == torch.float64
    bank = GammatoneFilterbank([500.0], 32000)
    assert bank(moved).dtype == torch.float32
    assert DRNLFilterbank([500.0], 32000)(bank(X[0])).dtype == torch.float64
    assert SpecificLoudness()(ExcitationPattern()(torch.full((150,), 60.0).double())).dtype == torch.float32


@pytest.mark.parametrize("time_first", [False, True])
def test_sound_from_a_network_is_saved_and_played(time_first: bool):
    build = fdn.design_fdn(N=4, fs=32000, rt=0.2, rng=1)
    sound = fdn.render(build, 0.1)
    assert isinstance(sound, np.ndarray)
    stereo = np.stack([sound, 0.5 * sound], -1 if time_first else 0)
    expected = torch.from_numpy(stereo.T.copy() if time_first else stereo)
    files = [io.BytesIO(), io.BytesIO()]
    for buffer, x in zip(files, (stereo, expected), strict=True):
        audio.save(buffer, x, 32000, subtype="FLOAT")
    assert files[0].getvalue() == files[1].getvalue()
    assert np.array_equal(audio.playback(stereo, 32000), audio.playback(expected, 32000))
    assert np.array_equal(audio.playback(sound, 32000), audio.playback(torch.from_numpy(sound), 32000))


def test_tensors_pass_untouched():
    x = torch.ones(3, requires_grad=True)
    assert as_tensor(x) is x
