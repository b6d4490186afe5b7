"""The rooms of the lab decay as their walls say, do not flutter, and are what the script beside them makes."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from amtlib import audio
from amtlib.audio.impulse_responses import make_rooms
from amtlib.audio.impulse_responses.make_rooms import BOXES, FS, OCTAVES, SPEED, Box
from amtlib.audio.rooms import ONSET, ROOMS, load_room
from amtlib.fdn.decay import echo_density, energy_decay_curve, octave_bands, reverberation_time

Array = NDArray[np.float64]

every_room = pytest.mark.parametrize("slug", ROOMS)


def response(slug: str) -> Array:
    h: Array = audio.load(ROOMS[slug].file, dtype=torch.float64).samples.numpy()
    return h


def octave_t30(box: Box) -> Array:
    """T30 of octaves in which each frequency decays as Eyring says, weighted as the measurement weights them.

    In the treble the air takes much more at the upper end of an octave than at the lower one: the lower one rings
    on, and T30 is longer than at the centre (1.23 s instead of 1.00 s at 8 kHz in the church).
    """
    t = np.arange(0.0, 4.0, 0.001)
    times = []
    for centre in OCTAVES:
        octaves = np.linspace(-1.0, 1.0, 201)[1:-1]
        f = centre * 2.0**octaves
        weights = np.cos(0.5 * math.pi * np.sin(0.5 * math.pi * octaves) ** 2) ** 2 * f * (f < FS / 2)
        rates = make_rooms.decay_rates(box, f)[0]
        to_come = (weights / rates) @ np.exp(-rates[:, None] * t)
        level = 10.0 * np.log10(to_come / to_come[0])
        fit = (level <= -5.0) & (level >= -35.0)
        times.append(-60.0 / np.polyfit(t[fit], level[fit], 1)[0])
    return np.array(times)


def flutter(h: Array, start: float) -> float:
    """Return the largest autocorrelation of the energy in steps of 1 ms, at lags of 4 to 99 ms, decay removed."""
    late = h[round(start * FS) :]
    steps = np.square(late[: len(late) // 48 * 48]).reshape(-1, 48).sum(1)
    window = np.hanning(83)[1:-1]
    envelope = np.convolve(steps, window / window.sum(), "same")
    steady = (steps / envelope)[40:-40]
    steady -= steady.mean()
    correlation = np.correlate(steady, steady, "full")[len(steady) - 1 :] / (steady @ steady)
    return float(correlation[4:100].max())


# ------------------------------------------------------------------ the files


@every_room
def test_files_are_small_mono_flac_at_48_khz(slug: str) -> None:
    recording = audio.load(ROOMS[slug].file, channel="all")
    assert (recording.kind, recording.encoding) == ("FLAC", "PCM_24")
    assert (recording.source_fs, recording.channels, recording.truncated) == (48000, 1, False)
    assert ROOMS[slug].file.stat().st_size < 150_000


@every_room
def test_files_hold_what_the_script_makes(slug: str) -> None:
    # Other processors round FFTs differently: at most one step of 24 bit more than rounding.
    np.testing.assert_allclose(response(slug), make_rooms.simulate(BOXES[slug]), rtol=0, atol=2.0**-22)


@every_room
def test_no_sample_clips(slug: str) -> None:
    # The peak is stored in steps of 2^-23.
    assert np.abs(response(slug)).max() == pytest.approx(make_rooms.PEAK, abs=2.0**-23)


@every_room
def test_the_direct_sound_arrives_at_the_stated_time(slug: str) -> None:
    h = np.abs(response(slug))
    assert ONSET == make_rooms.ONSET
    # Half the peak: the air has taken treble from the direct sound, so the samples beside it are not quite 0.
    assert int(np.argmax(h > 0.5 * h.max())) == round(ONSET * FS)


@every_room
def test_nothing_to_speak_of_comes_before_the_direct_sound(slug: str) -> None:
    h = response(slug)
    # What the filters of the bands ring before: 0.0102 at most, in the bathroom, whose reflections follow at once.
    assert np.abs(h[: round(ONSET * FS) - 8]).max() < 0.012 * np.abs(h).max()


# ------------------------------------------------------------------ the decay


@every_room
def test_each_octave_decays_as_eyring_says(slug: str) -> None:
    expected = octave_t30(BOXES[slug])
    measured = reverberation_time(response(slug), FS, OCTAVES).t30
    # Three standard deviations of T30 in one response of noise (ISO 3382-2:2008, A.3: bandwidth 0.71 fc), and 2 %
    # since early mirrored sound is not diffuse. 24 to 43 % at 62.5 Hz, 6 to 9 % at 2 kHz.
    deviation = 0.55 * np.sqrt((1.0 + 1.52) / (0.71 * OCTAVES * expected))
    assert (np.abs(measured / expected - 1.0) < 3.0 * deviation + 0.02).all(), (measured, expected)


@pytest.mark.parametrize(("slug", "shortest", "longest"), [
    ("bathroom", 0.8, 1.2), ("lecture_hall", 0.9, 1.1), ("church", 2.5, 3.0),
])  # fmt: skip
def test_rooms_ring_as_long_as_such_rooms_do(slug: str, shortest: float, longest: float) -> None:
    (middle,) = reverberation_time(response(slug), FS, [1000.0]).t30
    assert shortest < middle < longest


@every_room
def test_the_decay_is_a_straight_line(slug: str) -> None:
    for centre, band in zip(OCTAVES[4:7], octave_bands(response(slug), FS, OCTAVES[4:7]), strict=True):
        level = energy_decay_curve(band)
        n = np.flatnonzero((level <= -5.0) & (level >= -35.0))
        line = np.polyval(np.polyfit(n, level[n], 1), n)
        # Noise of a bandwidth of 0.7 to 3 kHz strays by 0.2 to 1.0 dB; a second slope or an echo strays by more.
        assert np.abs(level[n] - line).max() < 1.2, centre


@every_room
def test_late_sound_is_as_dense_as_noise(slug: str) -> None:
    times, density = echo_density(response(slug), FS)
    late = density[times > BOXES[slug].blend[1]]
    # Some 1000 windows of a fiftieth of a second, each half a new one: the mean is within 3 % or so.
    assert late.mean() == pytest.approx(1.0, abs=0.05)


def test_the_church_has_single_reflections_first() -> None:
    times, density = echo_density(response("church"), FS)
    assert density[(times > 0.02) & (times < 0.03)].max() < 0.6


@every_room
def test_late_sound_does_not_flutter(slug: str) -> None:
    # Noise gives 0.06 to 0.09 here by chance (1100 to 2100 steps, 96 lags).
    assert flutter(response(slug), BOXES[slug].blend[1]) < 0.15


def test_a_pure_box_would_flutter() -> None:
    box = BOXES["bathroom"]
    # Half a second of mirrors alone, to the nearest sample: it has 0.32. Of 100 noises as long the largest has 0.17.
    distances, hits = make_rooms.images(box, 0.5 * SPEED)
    amplitudes = np.exp(0.5 * hits @ np.log1p(-np.asarray(box.walls)[:, 5])) / distances
    h = np.bincount(np.floor(distances / SPEED * FS).astype(np.int64), amplitudes)[: round(0.5 * FS)]
    assert flutter(h, box.blend[1]) > 0.25


# ------------------------------------------------------------------ the simulator


def test_images_of_the_first_order_lie_behind_the_walls() -> None:
    box = BOXES["lecture_hall"]
    distances, hits = make_rooms.images(box, 30.0)
    for wall in range(6):
        axis, far = divmod(wall, 2)
        image = list(box.source)
        image[axis] = 2.0 * far * box.size[axis] - image[axis]
        (found,) = distances[(hits[:, wall] == 1) & (hits.sum(1) == 1)]
        assert found == pytest.approx(math.dist(image, box.receiver), abs=1e-12)


def test_one_image_lies_in_each_copy_of_the_room() -> None:
    box = BOXES["bathroom"]
    radius = 40.0
    expected = 4.0 / 3.0 * math.pi * radius**3 / box.volume
    # Copies that the sphere cuts count or not: their number is a thousandth of all, or so.
    assert len(make_rooms.images(box, radius)[0]) == pytest.approx(expected, rel=0.01)


def test_impulses_keep_their_fraction_of_a_sample() -> None:
    h = make_rooms.impulses(np.array([200.37]), np.ones((1, 1)), 400)[0]
    f = np.fft.rfftfreq(400)
    below = f < 0.45  # the sinc of 64 samples ends its pass band at 0.47
    expected = np.exp(-2j * math.pi * f * 200.37)
    # The Hann window's ripple near the end of the pass band.
    np.testing.assert_allclose(np.fft.rfft(h)[below], expected[below], atol=2e-3)


# Table 2 of ISO 9613-2 (dB/km), from 62.5 Hz to 8 kHz; it is rounded to 0.1 dB/km and three digits.
@pytest.mark.parametrize(("temperature", "table"), [
    (10.0, (0.1, 0.4, 1.0, 1.9, 3.7, 9.7, 32.8, 117.0)), (20.0, (0.1, 0.3, 1.1, 2.8, 5.0, 9.0, 22.9, 76.6)),
])  # fmt: skip
def test_air_absorbs_as_the_standard_says(temperature: float, table: tuple[float, ...]) -> None:
    # The table's exact centres are powers of ten: 8 kHz stands for 7943 Hz, 1.4 % in absorption.
    centres = 1000.0 * 10.0 ** (0.3 * np.arange(-4, 4))
    found = 1000.0 * make_rooms.air_absorption(centres, temperature=temperature, humidity=70.0)
    np.testing.assert_allclose(found, table, rtol=0.003, atol=0.051)


# ------------------------------------------------------------------ loading


@every_room
def test_a_room_says_what_it_is_in_one_sentence(slug: str) -> None:
    room = ROOMS[slug]
    assert room.label
    assert room.sentence.endswith(".")


def test_a_loaded_room_is_the_file() -> None:
    h = load_room("bathroom")
    assert h.dtype == torch.float32
    # float32 holds 24 bit exactly.
    np.testing.assert_array_equal(h.double().numpy(), response("bathroom"))


@pytest.mark.parametrize("fs", [16000, 44100, 96000])
def test_a_room_has_the_same_gain_at_each_rate(fs: int) -> None:
    at = [250.0, 1000.0, 4000.0]

    def gains(h: torch.Tensor, rate: int) -> Array:
        n = np.arange(len(h))
        return np.array([abs(h.double().numpy() @ np.exp(-2j * math.pi * f / rate * n)) for f in at])

    # What the resampler rings ahead of the direct sound is cut where the file begins: 0.8 % at 16 kHz, measured.
    np.testing.assert_allclose(
        gains(load_room("church", fs), fs), gains(load_room("church"), 48000), rtol=2e-2
    )


def test_who_changes_a_room_changes_only_their_copy() -> None:
    load_room("church").zero_()
    assert load_room("church").any()


def test_an_unknown_room_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match="slug = 'cave' is no room: choose one of 'bathroom'"):
        load_room("cave")
    with pytest.raises(ValueError, match=r"slug = \['church'\] is no room: choose one of"):
        load_room(["church"])  # type: ignore[arg-type]


@pytest.mark.parametrize("fs", [0, 1999, 44100.5, math.nan])
def test_an_impossible_rate_is_refused(fs: float) -> None:
    with pytest.raises(ValueError, match="fs"):
        load_room("church", fs)  # type: ignore[arg-type]
