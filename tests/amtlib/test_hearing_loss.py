"""A simulated hearing loss: soft sounds vanish, loud ones stay, spectra smear, nothing is late or too loud."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from amtlib import HearingLoss, LoudnessRecruitment, SpectralSmearing
from amtlib.hearing_loss import STANDARD_AUDIOGRAMS, Audiogram, hair_cell_loss, standard_audiogram
from amtlib.hearing_loss.audiogram import levels_at
from amtlib.loudness.iso226 import iso226_contour, iso226_frequencies

FS = 44100
TIME = torch.arange(FS // 2, dtype=torch.float64) / FS
NOISE = torch.randn(FS // 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
#: 65 dB SPL
NOISE = NOISE * 20e-6 * 10 ** (65 / 20) / NOISE.square().mean().sqrt()


def tone(frequency: float, level: float) -> Tensor:
    return 20e-6 * 10 ** (level / 20) * math.sqrt(2.0) * torch.sin(2 * math.pi * frequency * TIME)


def level(x: Tensor) -> float:
    return float(20 * torch.log10(x[..., 6000:-6000].square().mean().sqrt() / 20e-6))


def threshold(frequency: float) -> float:
    at = torch.tensor([frequency], dtype=torch.float64)
    return float(levels_at(iso226_frequencies().tolist(), iso226_contour(0).tolist(), at))


def test_the_standard_audiograms_are_those_of_their_paper() -> None:
    # Bisgaard, Vlaming and Dahlquist (2010), final set: thresholds at 500 Hz, 1, 2 and 4 kHz
    expected = {
        "N1": (10, 10, 15, 30),
        "N2": (20, 25, 35, 45),
        "N3": (35, 40, 50, 60),
        "N4": (55, 55, 65, 75),
        "N5": (70, 75, 80, 80),
        "N6": (80, 85, 90, 100),
        "N7": (95, 105, 105, 105),
        "S1": (10, 10, 15, 55),
        "S2": (20, 25, 55, 95),
        "S3": (35, 60, 75, 80),
    }
    assert list(STANDARD_AUDIOGRAMS) == list(expected)
    for name, levels in expected.items():
        assert standard_audiogram(name).at([500.0, 1000.0, 2000.0, 4000.0]).tolist() == list(levels)


def test_severity_and_width_follow_the_mean_loss_from_2_to_8_khz() -> None:
    # The steps of the MSBG simulator: above 15, 35 and 56 dB HL
    for loss, name, widths in (
        (15, "none", (1.0, 1.0)),
        (16, "mild", (1.6, 1.1)),
        (36, "moderate", (2.4, 1.6)),
        (57, "severe", (4.0, 2.0)),
    ):
        ear = Audiogram([1000.0, 2000.0, 8000.0], [90.0, loss, loss])
        assert (ear.severity, ear.broadening) == (name, widths)
    assert Audiogram([500.0], [40.0]).severity == "moderate"


@pytest.mark.parametrize(
    ("frequencies", "levels", "message"),
    [
        ([], [], "an audiogram of 0 frequencies and 0 levels"),
        ([500.0], [1.0, 2.0], "1 frequencies and 2 levels; give one level for each"),
        ([1000.0, 500.0], [0.0, 0.0], "frequencies are 1000, 500 Hz; sort them in ascending"),
        ([0.0], [0.0], "holds 0 Hz; give 20 to 24000 Hz"),
        ([500.0], [130.0], "holds 130 dB HL; give -20 to 120 dB HL"),
        ([500.0], [math.nan], "holds nan dB HL; give -20 to 120 dB HL"),
    ],
)
def test_an_impossible_audiogram_is_refused(
    frequencies: list[float], levels: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Audiogram(frequencies, levels)


def test_an_unknown_audiogram_and_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match=r"audiogram = 'N8' is unknown; give 'N1', 'N2'"):
        HearingLoss("N8", FS)
    with pytest.raises(ValueError, match=r"lower = 0\.5 times the normal width; give 1 \(normal\) to 10"):
        SpectralSmearing(FS, 0.5)
    with pytest.raises(ValueError, match=r"fs = 100 Hz; give 8000 to 192000 Hz"):
        SpectralSmearing(100)
    with pytest.raises(ValueError, match="loss_db holds 150 dB; give 0 to 120 dB"):
        LoudnessRecruitment([500.0], FS, 150.0)
    with pytest.raises(ValueError, match=r"loss_db has shape \(3,\), and there are 2 channels"):
        LoudnessRecruitment([500.0, 1000.0], FS, [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"catch_up_db = 20 dB HL; give 60 to 140 dB HL"):
        LoudnessRecruitment([500.0], FS, 0.0, catch_up_db=20)
    with pytest.raises(TypeError, match=r"loss_db has dtype torch\.bool; give real numbers in dB"):
        LoudnessRecruitment([500.0], FS, torch.tensor([True]))
    with pytest.raises(ValueError, match="above 0 Hz"):
        standard_audiogram("N1").at([0.0])


def test_a_normal_ear_hears_what_there_is() -> None:
    ear = HearingLoss(Audiogram([1000.0], [0.0]), FS, dtype=torch.float64)
    assert ear.smear is None
    for frequency in (100.0, 333.0, 1000.0, 4100.0, 12000.0):
        # The channels add up to within 2 dB at low and 1 dB at middle frequencies; there is no delay
        assert level(ear(tone(frequency, 60.0))) == pytest.approx(60.0, abs=2.0 if frequency < 150 else 1.0)
    heard = ear(NOISE)
    spectrum = torch.fft.rfft(heard, 2 * len(NOISE)) * torch.fft.rfft(NOISE, 2 * len(NOISE)).conj()
    assert int(torch.fft.irfft(spectrum).argmax()) == 0


@pytest.mark.parametrize(("name", "within"), [("N2", 4.0), ("N3", 4.0), ("N4", 5.0)])
@pytest.mark.parametrize("frequency", [500.0, 1000.0, 2000.0, 4000.0])
def test_a_tone_at_the_impaired_threshold_is_heard_at_the_normal_one(
    name: str, within: float, frequency: float
) -> None:
    # Neighbouring channels, expanded too, hold less of the tone
    ear = HearingLoss(name, FS, smearing=False, dtype=torch.float64)
    loss = float(ear.audiogram.at([frequency]))
    normal = threshold(frequency)
    assert level(ear(tone(frequency, normal + loss))) - normal == pytest.approx(0.0, abs=within)
    assert level(ear(tone(frequency, normal + loss - 10.0))) - normal < -7.0


def test_beyond_a_steep_slope_a_loud_tone_comes_through_the_skirts_below_it() -> None:
    # As the documentation has it: a loss of 95 dB at 4 kHz, of 25 dB at 1 kHz
    ear = HearingLoss("S2", FS, smearing=False, dtype=torch.float64)
    heard = level(ear(tone(4000.0, threshold(4000.0) + 95.0))) - threshold(4000.0)
    assert heard == pytest.approx(38.0, abs=1.0)


def test_loudness_catches_up_and_does_not_overtake() -> None:
    ear = HearingLoss("N3", FS, smearing=False, dtype=torch.float64)
    levels = [level(ear(tone(1000.0, at))) for at in (60.0, 80.0, 100.0, 115.0)]
    assert levels == sorted(levels)
    growth = (levels[1] - levels[0]) / 20.0
    # Expansion of 105 / (105 - 40) for a loss of 40 dB at 1 kHz
    assert growth == pytest.approx(105.0 / 65.0, rel=0.06)
    assert 110.0 < levels[-1] < 116.0


@pytest.mark.parametrize("name", ["N1", "N4", "N7", "S3"])
@pytest.mark.parametrize("gain_db", [-40.0, 0.0, 40.0])
def test_nothing_becomes_louder(name: str, gain_db: float) -> None:
    x = 10 ** (gain_db / 20) * NOISE
    assert level(HearingLoss(name, FS, dtype=torch.float64)(x)) < level(x) + 0.1


def test_profound_losses_act_as_100_db_and_stay_finite() -> None:
    ear = HearingLoss("N7", FS)
    assert float(ear.recruit.loss_db.max()) == 100.0
    assert float(ear.recruit.expansion.max()) == 21.0
    assert bool(torch.isfinite(ear(NOISE.float())).all())


def test_smearing_fills_the_valleys_of_a_spectrum() -> None:
    harmonics = sum(tone(200.0 * k, 50.0) for k in range(4, 16))
    assert isinstance(harmonics, Tensor)
    heard = SpectralSmearing(FS, 6.0, 6.0, dtype=torch.float64)(harmonics)
    assert level(heard) == pytest.approx(level(harmonics), abs=1.0)

    def depth(x: Tensor) -> float:
        power = (
            torch.fft.rfft(x[6000 : 6000 + 4410] * torch.hann_window(4410, dtype=torch.float64))
            .abs()
            .square()
        )
        peaks, valleys = power[[200, 220, 240]], power[[210, 230, 250]]
        return float(10 * torch.log10(peaks.mean() / valleys.mean()))

    assert depth(harmonics) > 60.0
    assert depth(heard) < depth(harmonics) - 20.0


def test_filters_of_normal_width_smear_little() -> None:
    heard = SpectralSmearing(FS, 1.0, 1.0, dtype=torch.float64)(NOISE)
    error = (heard - NOISE)[..., 400:-400].square().mean() / NOISE.square().mean()
    assert float(error) < 2e-3


def test_frames_last_as_long_at_any_rate() -> None:
    for fs in (8000, 16000, 44100, 48000, 96000):
        smear = SpectralSmearing(fs)
        assert abs(smear.frame_length - fs * 256 / 44100) <= 2.0
        assert smear(torch.ones(fs // 20)).shape == (fs // 20,)


def test_a_patient_is_fitted_by_gradients() -> None:
    patient = LoudnessRecruitment([1000.0, 2000.0, 4000.0], FS, [20.0, 40.0, 60.0])
    probe = torch.stack([tone(f, 70.0) for f in (1000.0, 2000.0, 4000.0)]).float()[:, :6000]
    wanted = patient(probe).square().mean(-1).log()
    model = LoudnessRecruitment([1000.0, 2000.0, 4000.0], FS, 30.0, learnable=True)
    optimiser = torch.optim.Adam(model.parameters(), 0.1)
    for _ in range(100):
        optimiser.zero_grad()
        (model(probe).square().mean(-1).log() - wanted).square().mean().backward()
        optimiser.step()
    torch.testing.assert_close(model.loss_db.detach(), patient.loss_db, rtol=0.0, atol=1.0)


def test_a_state_belongs_to_its_audiogram() -> None:
    state = HearingLoss("N2", FS).state_dict()
    HearingLoss("N2", FS).load_state_dict(state)
    with pytest.raises(RuntimeError, match="audiogram = "):
        HearingLoss("N3", FS).load_state_dict(state)


def test_outer_hair_cells_lose_their_share_up_to_all_of_their_gain() -> None:
    # As pyclarity 0.9.0's HASPI (clarity.evaluator.haspi.eb.loss_parameters), whose channels end at 80 Hz and 8 kHz:
    # maximum 70 (1 - 1 / 1.25) = 14 dB and 70 (1 - 1 / 3.5) = 50 dB
    for loss, low, high in ((10.0, 8.0, 8.0), (40.0, 14.0, 32.0), (80.0, 14.0, 50.0)):
        found = hair_cell_loss(Audiogram([1000.0], [loss]), [80.0, 8000.0])
        assert found.outer.tolist() == pytest.approx([low, high])
        assert found.total.tolist() == [loss, loss]


def test_filters_are_four_times_as_wide_where_all_gain_is_lost_at_8_khz() -> None:
    lost = hair_cell_loss(Audiogram([1000.0], [80.0]), [8000.0, 12000.0])
    assert lost.broadening.tolist() == pytest.approx([4.0, 4.0])
    assert hair_cell_loss(Audiogram([1000.0], [0.0]), [8000.0]).broadening.tolist() == [1.0]
    inner = hair_cell_loss(standard_audiogram("N4"), [1000.0], share=0.0)
    assert [float(inner.broadening), float(inner.inner)] == [1.0, 55.0]


def test_hair_cells_take_the_name_of_a_standard_audiogram() -> None:
    named, given = (hair_cell_loss(ear, [1000.0, 4000.0]) for ear in ("N3", standard_audiogram("N3")))
    assert torch.equal(named.outer, given.outer)
    with pytest.raises(ValueError, match="audiogram = 'N8' is unknown"):
        hair_cell_loss("N8", [1000.0])
    with pytest.raises(TypeError, match="audiogram is a int; give an Audiogram"):
        hair_cell_loss(3, [1000.0])  # type: ignore[arg-type]


@pytest.mark.parametrize(("share", "kind"), [(1.5, ValueError), (float("nan"), ValueError), ("a", TypeError)])
def test_a_share_that_is_none_is_refused(share: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="share"):
        hair_cell_loss(standard_audiogram("N1"), [1000.0], share=share)


@pytest.mark.parametrize(("given", "acts_as"), [(104.9, 100.0), (120.0, 100.0), (-20.0, 0.0)])
def test_a_loss_that_is_set_out_of_range_acts_as_the_nearest_within(given: float, acts_as: float) -> None:
    module, other = (LoudnessRecruitment([1000.0], FS, loss) for loss in (50.0, acts_as))
    module.loss_db.fill_(given)
    x = torch.sin(torch.arange(2000.0))
    torch.testing.assert_close(module(x), other(x), rtol=0.0, atol=0.0)


def test_a_sound_that_is_filtered_once_is_heard_with_any_loss() -> None:
    ear = LoudnessRecruitment((100.0, 6000.0), FS, 50.0, 5.0)
    parts = ear.channels(NOISE.expand(2, -1) * torch.tensor([[1.0], [0.1]]))
    for loss in (0.0, 30.0, 80.0):
        ear.loss_db.fill_(loss)
        direct = torch.stack([ear(NOISE * gain) for gain in (1.0, 0.1)])
        torch.testing.assert_close(ear.attenuated(*parts), direct, rtol=1e-5, atol=1e-9)
    with pytest.raises(ValueError, match=r"motion has shape .* give \(\.\.\., "):
        ear.attenuated(parts[0][:, 1:], parts[1])
    with pytest.raises(ValueError, match="level has shape"):
        ear.attenuated(parts[0], parts[1][:, 1:])
