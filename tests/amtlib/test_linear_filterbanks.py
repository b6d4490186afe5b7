"""What a filterbank inherits from `LinearFilterbank` once it has a transfer function."""

import io
import math
from typing import Any

import numpy as np
import pytest
import scipy.signal
import torch
from torch import Tensor

from amtlib import GammatoneFilterbank, audfiltbw, lti
from amtlib.audio import load, wav_bytes
from amtlib.filterbanks import LinearFilterbank

FS = 16000


class Resonators(LinearFilterbank):
    """Two poles and a zero at 0 Hz each, `width` ERB wide."""

    def __init__(
        self,
        fc: Any,
        fs: float,
        width: float = 1.0,
        learnable: bool = False,
        *,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(fc, fs, dtype=dtype)
        self._keep("width", torch.tensor(width, dtype=torch.float64), learnable)

    def poles(self) -> Tensor:
        turn = 2.0 * math.pi / self.fs
        fc = self.fc.double()
        return torch.exp(turn * torch.complex(-self._now("width").double() * audfiltbw(fc), fc))

    def transfer(self, omega: Tensor) -> Tensor:
        poles, delay = self.poles()[:, None], torch.exp(-1j * omega)
        return (1 - delay) / ((1 - poles * delay) * (1 - poles.conj() * delay))


class Gammatones(LinearFilterbank):
    """The library's own, by their transfer function alone."""

    def transfer(self, omega: Tensor) -> Tensor:
        return GammatoneFilterbank(self.fc.double(), self.fs, dtype=torch.float64).transfer(omega)


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def recursive(bank: Resonators, x: Tensor) -> Tensor:
    rows = [
        scipy.signal.lfilter([1.0, -1.0], [1.0, -2.0 * p.real, abs(p) ** 2], x.numpy())
        for p in bank.poles().tolist()
    ]
    return torch.from_numpy(np.stack(rows, -2))


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-6), (torch.float64, 1e-13)])
def test_a_bank_given_by_its_transfer_function_filters_like_the_recursive_filter(
    dtype: torch.dtype, error: float
) -> None:
    bank, x = Resonators([60.0, 500.0, 8000.0], FS, dtype=dtype), noise(2, 30000)
    truth = recursive(bank, x)
    assert float((bank(x).double() - truth).abs().max() / truth.abs().max()) < error


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_ringing_that_is_measured_is_that_of_the_poles(dtype: torch.dtype) -> None:
    bank = Gammatones([60.0, 1000.0], FS, dtype=dtype)
    known = GammatoneFilterbank([60.0, 1000.0], FS, dtype=dtype).settling_samples
    # the gammatone counts the magnitude of its complex response
    assert 0.98 * known <= bank.settling_samples <= 1.2 * known


def test_a_bank_streams_what_it_filters() -> None:
    bank, x = Resonators((100.0, 6000.0), FS, dtype=torch.float64), noise(2, 3000)
    live = bank.stream((2,))
    pieces = [live.process(chunk) for chunk in x.split([700, 1, 2299], -1)]
    torch.testing.assert_close(torch.cat(pieces, -1), bank(x), rtol=0.0, atol=1e-11)


def test_responses_and_envelopes_follow_from_the_transfer_function() -> None:
    fc = [300.0, 1000.0, 3000.0]
    own, known = Gammatones(fc, FS, dtype=torch.float64), GammatoneFilterbank(fc, FS, dtype=torch.float64)
    x = noise(2, 4001)
    torch.testing.assert_close(own.frequency_response(fc), known.frequency_response(fc))
    torch.testing.assert_close(own.impulse_response(100), known.impulse_response(100), rtol=0.0, atol=1e-12)
    torch.testing.assert_close(own.resynthesise(own(x)), known.resynthesise(known(x)), rtol=0.0, atol=1e-9)
    torch.testing.assert_close(own.round_trip(x), known.round_trip(x), rtol=0.0, atol=1e-9)
    torch.testing.assert_close(own.analytic(x, 3).real, own(x)[..., ::3], rtol=0.0, atol=1e-12)
    # the analytic signal and the output of the complex filters differ by what these let through below 0 Hz
    whole = known.envelope(x)
    assert float((own.envelope(x) - whole).abs().max() / whole.abs().max()) < 0.01


def test_peaks_are_the_highest_values_in_frames_and_the_power_is_that_of_the_envelope() -> None:
    bank, x = Resonators([500.0, 2000.0], FS, dtype=torch.float64), noise(3, 1000)
    peaks, power = bank.envelope_peaks(x, 64)
    envelope = bank.envelope(x)
    torch.testing.assert_close(peaks, torch.nn.functional.max_pool1d(envelope, 64, ceil_mode=True))
    torch.testing.assert_close(power, envelope.square().mean(-1) / 2)


@pytest.mark.parametrize("bank", [GammatoneFilterbank([500.0], FS), Resonators([500.0], FS)])
def test_frames_may_be_given_by_their_former_name(bank: LinearFilterbank) -> None:
    x = noise(500).float()
    assert torch.equal(bank.envelope_peaks(x, stretch=16)[0], bank.envelope_peaks(x, frame_length=16)[0])
    with pytest.raises(TypeError, match="frame_length is missing"):
        bank.envelope_peaks(x)


def test_a_bank_of_ones_own_learns_and_responds_anew() -> None:
    bank = Resonators([500.0, 2000.0], FS, learnable=True, dtype=torch.float64)
    x = noise(600)
    bank(x).square().sum().backward()
    assert bank.width.grad is not None
    assert float(bank.width.grad) != 0.0
    with torch.no_grad():
        before = bank(x)
        bank.width.mul_(2.0)
        torch.testing.assert_close(bank(x), recursive(bank, x), rtol=0.0, atol=1e-12)
        assert not torch.equal(before, bank(x))


def test_a_bank_of_ones_own_is_saved_with_its_configuration() -> None:
    file = io.BytesIO()
    torch.save(Resonators([500.0, 2000.0], FS, width=1.5).state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    twin = Resonators([500.0, 2000.0], FS)
    twin.load_state_dict(state)
    assert float(twin.width) == 1.5
    with pytest.raises(RuntimeError, match="fs = 16000 in the checkpoint, 8000 here"):
        Resonators([500.0, 2000.0], 8000).load_state_dict(state)


def test_a_transfer_function_of_another_shape_is_refused_with_the_right_one() -> None:
    class Wrong(LinearFilterbank):
        def transfer(self, omega: Tensor) -> Tensor:
            return torch.ones(1, len(omega), dtype=torch.complex128)

    with pytest.raises(ValueError, match=r"transfer of Wrong returned shape \(1, 1\); return \(2, 1\)"):
        Wrong([500.0, 1000.0], FS).frequency_response([500.0])


def test_a_filter_that_does_not_die_out_is_refused() -> None:
    class Looking(LinearFilterbank):
        def transfer(self, omega: Tensor) -> Tensor:
            return torch.exp(1j * omega)[None]  # one sample ahead

    with pytest.raises(ValueError, match="of Looking has not died out"):
        Looking([500.0], FS)(torch.ones(10))


def test_a_bank_without_a_transfer_function_says_what_to_define() -> None:
    with pytest.raises(NotImplementedError, match=r"define transfer\(self, omega\)"):
        LinearFilterbank([500.0], FS)(torch.ones(10))


def test_a_stream_refuses_a_sound_of_another_rate() -> None:
    sound = load(wav_bytes(np.ones(100, np.int16), 44100), name="a.wav")
    with pytest.raises(ValueError, match="is sampled at 44100 Hz, this module works at 16000 Hz"):
        GammatoneFilterbank([500.0], FS).stream((1,)).process(sound)


def test_known_filters_are_a_bank_in_one_line() -> None:
    class Lowpasses(LinearFilterbank):
        def transfer(self, omega: Tensor) -> Tensor:
            return lti.butterworth_response(2.0 * math.pi / self.fs * self.fc, 1, omega)

    bank, x = Lowpasses([500.0, 2000.0], FS, dtype=torch.float64), noise(1000)
    for channel, cutoff in enumerate((500.0, 2000.0)):
        b, a = scipy.signal.butter(2, cutoff, fs=FS)
        torch.testing.assert_close(
            bank(x)[channel], torch.from_numpy(scipy.signal.lfilter(b, a, x.numpy())), rtol=0.0, atol=1e-12
        )
