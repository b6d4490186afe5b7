"""Several channels as one: the mean says when channels cancel, the sum in power does not care about their phases."""

import io
import math
import warnings

import numpy as np
import pytest
import soundfile
import torch

from amtlib.audio import AudioError, Mix, load
from amtlib.signals import rms_level

FS = 44100
X = 0.1 * np.random.default_rng(0).standard_normal((2, FS))


def stereo(*channels: np.ndarray, fs: int = FS) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.stack(channels, 1), fs, format="WAV", subtype="DOUBLE")
    return buffer.getvalue()


def level(x: np.ndarray | torch.Tensor) -> float:
    return float(rms_level(torch.as_tensor(x)))


PAIRS = {
    "equal": (X[0], X[0]),
    "opposite": (X[0], -X[0]),
    "unrelated": (X[0], X[1]),
    "left alone": (X[0], 0 * X[0]),
    "right alone": (0 * X[0], X[0]),
    "one 6 dB weaker and opposite": (X[0], -X[0] / 2),
}


@pytest.mark.parametrize("what", PAIRS)
def test_the_power_of_two_channels_is_kept_whatever_their_phases(what: str) -> None:
    left, right = PAIRS[what]
    recording = load(stereo(left, right), channel="power", dtype=torch.float64)
    assert recording.samples.shape == (FS,)
    mean_power = (np.mean(left**2) + np.mean(right**2)) / 2
    # White noise has 0.05 % of its power below 20 Hz and as near to half the sampling rate; unrelated channels are not
    # quite so in one second.
    assert level(recording.samples) == pytest.approx(10 * math.log10(mean_power / 4e-10), abs=0.05)


@pytest.mark.parametrize("frequency", [20, 50, 100, 1000, 10_000, 20_000])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("fs", [44100, 96000])
def test_the_power_is_kept_at_every_frequency(frequency: float, sign: int, fs: int) -> None:
    tone = np.sin(2 * np.pi * frequency * np.arange(fs) / fs)
    found = load(stereo(tone, sign * tone, fs=fs), channel="power", dtype=torch.float64).samples
    middle = slice(fs // 4, 3 * fs // 4)  # past the ends, where the transformer sees half a tone
    assert level(found[middle]) == pytest.approx(level(tone[middle]), abs=0.1)


def test_a_sum_in_power_has_no_delay_and_the_first_channel_its_shape() -> None:
    found = load(stereo(X[0], 0 * X[0]), channel="power", dtype=torch.float64).samples
    torch.testing.assert_close(found, torch.from_numpy(X[0]) / math.sqrt(2), rtol=0, atol=1e-14)


def test_one_channel_in_power_is_itself() -> None:
    content = stereo(X[0])
    assert torch.equal(load(content, channel="power").samples, load(content, channel=0).samples)


@pytest.mark.parametrize("lengths", [[1] * 50 + [FS - 50], [FS], [10_000] * 4 + [FS - 40_000]])
def test_blocks_of_any_length_give_one_sum(lengths: list[int]) -> None:
    x, mix = torch.from_numpy(X), Mix("power", 2, FS)
    found = torch.cat([*(mix(block) for block in x.split(lengths, -1)), mix.rest()], -1)
    whole = load(stereo(*X), channel="power", dtype=torch.float64).samples
    torch.testing.assert_close(found[0], whole, rtol=0, atol=1e-13)


@pytest.mark.parametrize("samples", [1, 10, 1000])
def test_short_sounds_keep_their_length(samples: int) -> None:
    assert load(stereo(*X[:, :samples]), channel="power").samples.shape == (samples,)


def test_more_than_two_channels_have_no_sum_in_power() -> None:
    with pytest.raises(
        AudioError, match=r"takes one or two channels, the file has 3: choose 'mix', or one from 0 to 2"
    ):
        load(stereo(*X, X[0]), channel="power")


def test_a_mean_that_cancels_warns_and_tells_what_to_choose() -> None:
    with pytest.warns(UserWarning, match=r"take\.wav: the mean of its 2 channels is silent.*channel='power'"):
        silent = load(stereo(X[0], -X[0]), name="take.wav")
    assert (silent.mix_loss, silent.level) == (math.inf, -math.inf)
    with pytest.warns(UserWarning, match="is 40 dB weaker than they are"):
        weak = load(stereo(X[0], -0.98 * X[0]))
    # mean power (1 + 0.98^2) / 2, power of the mean (0.02 / 2)^2
    assert weak.mix_loss == pytest.approx(10 * math.log10((1 + 0.98**2) / 2 / 0.01**2), abs=1e-6)


def test_more_than_two_channels_that_cancel_are_not_advised_to_add_in_power() -> None:
    with pytest.warns(UserWarning, match=r"choose one of them, or channel='all'$"):
        load(stereo(X[0], -X[0], 0 * X[0]))


@pytest.mark.parametrize("what", ["equal", "unrelated", "left alone", "right alone"])
def test_a_mean_of_ordinary_channels_does_not_warn(what: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss = load(stereo(*PAIRS[what])).mix_loss
    # unrelated ones and a channel alone lose 3.01 dB
    assert loss == pytest.approx(0 if what == "equal" else 3.01, abs=0.1)


@pytest.mark.parametrize("channel", ["all", "power", 0])
def test_channels_that_are_not_mixed_lose_nothing(channel: str | int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(stereo(X[0], -X[0]), channel=channel).mix_loss == 0.0
