"""Each loss is 0 where it should be, grows with what it measures, and hands on its gradient to every parameter."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from amtlib.fdn.design import design_fdn
from amtlib.train import Trainable, TrainingRun, colorless_sparsity_loss, trainable_from_build
from amtlib.train.losses import (
    AsymmetricFlatMagnitude,
    DenseEchoes,
    FlatExcitation,
    FlatMagnitude,
    FlatPeaks,
    FlatPower,
    FlatSpectrogram,
    MatchCochleagram,
    MatchCumulativeEnergy,
    MatchEchoDensity,
    MatchEnergyDecay,
    MatchExcitation,
    MatchImpulseResponse,
    MatchLoudness,
    MatchLoudnessDecay,
    MatchMagnitude,
    MatchMelMagnitude,
    MatchMelSpectrogram,
    MatchSpectrogram,
    Rendered,
    Sparsity,
    SpectralFlatness,
    Term,
)
from amtlib.train.losses.criteria import Criterion

FS = 16000.0
CPU = torch.device("cpu")
FLAT: list[Term] = [
    FlatMagnitude(),
    FlatPeaks(),
    FlatPeaks(4.0, level=1.0),
    FlatPower(),
    AsymmetricFlatMagnitude(),
    FlatExcitation(),
    FlatExcitation("peaks"),
    FlatSpectrogram((64, 128)),
    SpectralFlatness(),
]
MATCH: list[Term] = [
    MatchMagnitude(),
    MatchMagnitude(dB=True),
    MatchImpulseResponse(),
    MatchSpectrogram((64, 128)),
    MatchMelSpectrogram((64, 128)),
    MatchExcitation(),
    MatchEnergyDecay(),
    MatchEnergyDecay("erb", floor_db=-40.0),
    MatchEchoDensity(),
    MatchCochleagram(),
    MatchCochleagram(compression="dB", floor_db=-50.0, field="cochlea"),
    MatchLoudness(),
    MatchLoudnessDecay(),
    MatchCumulativeEnergy(128),
    MatchCumulativeEnergy(128, frequency="both"),
    MatchMelMagnitude(bands=32),
]


def decay(rt: float, *, gain: float = 1.0, samples: int = 4000, channels: int = 1) -> Tensor:
    """Noise that decays by 60 dB in `rt` s, the same noise each time."""
    noise = torch.randn(samples, channels, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    times = torch.arange(samples, dtype=torch.float64)[:, None]
    return gain * noise * 10.0 ** (-3.0 * times / (rt * FS))


def seen(ir: Tensor) -> Rendered:
    return Rendered.of_response(ir, FS)


def click() -> Rendered:
    return seen(torch.eye(1, 4000, dtype=torch.float64)[0])


# ---------------------------------------------------------------------- 0 where it should be


@pytest.mark.parametrize("loss", FLAT, ids=repr)
def test_a_click_is_flat(loss: Term) -> None:
    # float64 rounding of an FFT
    assert float(loss(click())) == pytest.approx(0.0, abs=1e-12)


def test_a_matrix_whose_entries_are_alike_in_size_has_no_sparsity() -> None:
    hadamard = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64) / math.sqrt(2.0)
    answer = Rendered(click().spectrum, FS, 4000, hadamard)
    assert float(Sparsity()(answer)) == pytest.approx(0.0, abs=1e-12)


def test_a_response_as_dense_as_noise_lacks_no_echoes() -> None:
    signs = torch.sign(decay(1e9))
    # all samples at one standard deviation: half of each counts, more than the 0.32 of Gaussian noise
    assert float(DenseEchoes()(seen(signs))) == 0.0


@pytest.mark.parametrize("loss", MATCH, ids=repr)
def test_the_target_itself_matches(loss: Term) -> None:
    room = decay(0.2, channels=2)
    assert float(loss(seen(room), seen(room.clone()))) == 0.0


# ---------------------------------------------------------------------- growing the right way


@pytest.mark.parametrize("loss", FLAT, ids=repr)
def test_a_deeper_comb_is_less_flat(loss: Term) -> None:
    found = []
    for depth in (0.1, 0.3, 0.6):
        ir = torch.zeros(4000, dtype=torch.float64)
        ir[0], ir[9] = 1.0, depth
        found.append(float(loss(seen(ir))))
    assert 0.0 < found[0] < found[1] < found[2]


@pytest.mark.parametrize("loss", MATCH, ids=repr)
def test_a_decay_further_from_the_targets_matches_less(loss: Term) -> None:
    room = seen(decay(0.3))
    if isinstance(loss, MatchEchoDensity):  # which does not see decay, but how many echoes there are
        thinned = [decay(0.3) * (torch.arange(4000)[:, None] % every == 0) for every in (2, 5, 20)]
        found = [float(loss(seen(ir), room)) for ir in thinned]
    else:
        found = [float(loss(seen(decay(rt)), room)) for rt in (0.25, 0.2, 0.1)]
    assert 0.0 < found[0] < found[1] < found[2]


@pytest.mark.parametrize("loss", [loss for loss in MATCH if not isinstance(loss, MatchEchoDensity)], ids=repr)
def test_a_quieter_copy_matches_less_the_quieter_it_is(loss: Term) -> None:
    room = seen(decay(0.3))
    found = [float(loss(seen(decay(0.3, gain=gain)), room)) for gain in (0.8, 0.5, 0.1)]
    assert 0.0 < found[0] < found[1] < found[2]


@pytest.mark.parametrize(
    "loss",
    [MatchMagnitude(), MatchImpulseResponse(), MatchCochleagram(), MatchLoudness(), MatchLoudnessDecay()],
    ids=repr,
)
def test_silence_is_as_far_as_the_target_is_large(loss: Term) -> None:
    # by the definition of these relative losses
    assert float(loss(seen(0.0 * decay(0.3)), seen(decay(0.3)))) == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize(
    "loss", [MatchCochleagram(), MatchLoudness(), MatchLoudnessDecay(), MatchMagnitude(dB=True)], ids=repr
)
def test_losses_at_a_level_do_not_depend_on_the_unit_of_the_signals(loss: Term) -> None:
    values = [float(loss(seen(decay(0.2, gain=g)), seen(decay(0.3, gain=g)))) for g in (1.0, 1e-3)]
    assert values[0] == pytest.approx(values[1], rel=1e-9)


def test_a_quarter_of_the_echoes_leaves_the_density_lower_than_half_of_them() -> None:
    found = [
        float(DenseEchoes()(seen(decay(0.3) * (torch.arange(4000)[:, None] % every == 0))))
        for every in (1, 8, 32)
    ]
    # noise itself scatters about 1
    assert found[0] < 0.005 < found[1] < found[2]


def test_a_permutation_is_as_sparse_as_can_be() -> None:
    answer = Rendered(click().spectrum, FS, 4000, torch.eye(4, dtype=torch.float64))
    assert float(Sparsity()(answer)) == 1.0


def test_peaks_count_and_dips_do_not() -> None:
    spectrum = torch.ones(1, 2001, 1, dtype=torch.complex128)
    dip, peak = spectrum.clone(), spectrum.clone()
    dip[0, 1000], peak[0, 1000] = 0.1, 10.0
    found = [float(FlatPeaks(level=1.0)(Rendered(h, FS, 4000))) for h in (dip, peak)]
    assert found == [0.0, pytest.approx(81.0 / 2001)]


# ---------------------------------------------------------------------- the criteria of the specification


@pytest.mark.parametrize(
    ("loss", "sound"),
    [
        (FlatMagnitude(), False),
        (FlatPower(), False),
        (MatchSpectrogram((64, 128), fs=FS), True),
        (MatchMelSpectrogram((64, 128), fs=FS), True),
    ],
    ids=repr,
)
def test_a_criterion_called_with_tensors_has_the_value_of_its_term(loss: Term, sound: bool) -> None:
    answer, room = seen(decay(0.2, channels=2)), seen(decay(0.3, channels=2))
    ones = torch.ones(1, 2001, 1, dtype=torch.float64)
    given = (answer.time, room.time) if sound else (answer.magnitude, ones)
    expected = float(loss(answer, room))
    assert float(Criterion(loss, "loss")(*given)) == pytest.approx(expected, rel=1e-12)
    assert float(Criterion(loss, "loss")(answer, room)) == expected


def test_a_criterion_refuses_tensors_of_unequal_shapes() -> None:
    criterion = Criterion(MatchSpectrogram((64,), fs=FS), "mss_loss")
    with pytest.raises(ValueError, match=r"shapes \(1, 256, 1\) and \(1, 256, 2\): give equal ones"):
        criterion(torch.zeros(1, 256, 1), torch.zeros(1, 256, 2))


def test_the_published_sparsity_keeps_its_sign_and_the_term_does_not() -> None:
    free = torch.full((4, 4), 1.0, dtype=torch.float64)  # sum |a| = 16 > N sqrt N = 8
    assert (float(colorless_sparsity_loss()(free)), float(Sparsity()(free))) == (-2.0, 2.0)


# ---------------------------------------------------------------------- gradients


@pytest.fixture(scope="module")
def network() -> TrainingRun:
    build = design_fdn(
        delays=[29, 37, 43], rt=0.08, rng=2, fs=FS, input_gain=np.ones(3), output_gain=np.eye(3)[:2]
    )
    model = trainable_from_build(
        build, nfft=1024, dtype=torch.float64, device="cpu", trainable=Trainable(direct=True)
    )
    return TrainingRun(model, loss=MatchExcitation(), target=decay(0.03, samples=1024, channels=2))


@pytest.mark.parametrize(
    "loss",
    [*FLAT, Sparsity(), DenseEchoes(), *MATCH],
    ids=repr,
)
def test_gradients_reach_all_parameters_exactly(loss: Term, network: TrainingRun) -> None:
    descent = network._descent
    parameters = {name: p.detach().clone() for name, p in descent.response.parameters().items()}
    # away from ties: gains that are 0 or alike stand at a corner of the absolute differences
    generator = torch.Generator().manual_seed(1)
    given = [
        (p + 0.05 * torch.randn(p.shape, generator=generator, dtype=p.dtype)).requires_grad_()
        for p in parameters.values()
    ]

    def value(*changed: Tensor) -> Tensor:
        at = descent.response.matrices(dict(zip(parameters, changed, strict=True)))
        return loss.value(descent.answer(at))

    assert torch.autograd.gradcheck(value, given, eps=1e-7, atol=1e-4, rtol=1e-3, nondet_tol=0.0)


# ---------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: FlatPeaks(0.5), r"power = 0.5 is out of range: give 1 to 16"),
        (lambda: FlatExcitation("max"), r"weighting = 'max' is unknown: choose from 'std', 'peaks'"),
        (lambda: MatchCochleagram(level=200.0), r"level = 200 dB SPL is out of range: give 0 to 130 dB SPL"),
        (lambda: MatchCochleagram(compression=2.0), r"compression = 2 is out of range: give 0.1 to 1"),
        (lambda: MatchCochleagram(compression="log"), r"compression = 'log' is unknown"),
        (lambda: MatchCochleagram(floor_db=3.0), r"floor_db = 3 dB is out of range"),
        (lambda: MatchCochleagram(f_min=5000.0, f_max=400.0), r"f_max = 400 Hz must lie above f_min = 5000 Hz"),
        (lambda: MatchCochleagram(field="room"), r"field = 'room' is unknown"),
        (lambda: MatchLoudness(spacing=9.0), r"spacing = 9 Cam is out of range: give 0.25 to 2 Cam"),
        (lambda: MatchLoudnessDecay(hop=math.nan), r"hop = nan s is out of range"),
        (lambda: MatchEnergyDecay("third"), r"bands = 'third' is unknown: choose from 'octave', 'erb'"),
        (lambda: MatchEnergyDecay(floor_db=0.0), r"floor_db = 0 dB is out of range: give -200 to -1 dB"),
        (lambda: DenseEchoes(softness=0.0), r"softness = 0 is out of range"),
        (lambda: MatchSpectrogram((102,)), r"sizes holds 102: give multiples of 4"),
        (lambda: MatchSpectrogram((64, 64)), r"names a length twice"),
        (lambda: MatchSpectrogram(()), r"give a tuple of window lengths"),
        (lambda: FlatMagnitude().named(" "), r"the name ' ' of FlatMagnitude\(\) is empty"),
    ],
)  # fmt: skip
def test_settings_out_of_range_are_named(make: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        make()


@pytest.mark.parametrize(
    ("loss", "samples", "fs", "complaint"),
    [
        (MatchCochleagram(), 200, 16000.0, r"has 200 samples, less than two frames of 160.* lower hop"),
        (MatchEnergyDecay(hop=0.1), 2000, 16000.0, r"less than two frames of 1600"),
        (DenseEchoes(), 200, 16000.0, r"window = 0.02 s is 320 samples, the response has 200"),
        (MatchSpectrogram((512,)), 200, 16000.0, r"sizes holds 512, the response has 200 samples"),
        (
            MatchCochleagram(f_min=3000.0),
            2000,
            4000.0,
            r"fs = 4000 Hz is too low for channels from f_min = 3000",
        ),
        (MatchLoudness(), 2000, 200.0, r"fs = 200 Hz is too low for loudness"),
        (FlatExcitation(), 2000, 100.0, r"fs = 100 Hz leaves no auditory band"),
        (MatchEnergyDecay(), 2000, 100.0, r"fs = 100 Hz leaves no octave band"),
    ],
)
def test_responses_that_do_not_suit_are_named(loss: Term, samples: int, fs: float, complaint: str) -> None:
    ir = decay(0.3, samples=samples)
    with pytest.raises(ValueError, match=complaint):
        loss(Rendered.of_response(ir, fs), Rendered.of_response(ir, fs))


def test_a_loss_that_compares_asks_for_a_target() -> None:
    with pytest.raises(ValueError, match=r"MatchExcitation\(\) needs a target: give target="):
        MatchExcitation()(click())


def test_a_silent_target_has_no_level() -> None:
    with pytest.raises(ValueError, match="is silent, so it has no level"):
        MatchLoudness()(click(), seen(0.0 * decay(0.3)))
