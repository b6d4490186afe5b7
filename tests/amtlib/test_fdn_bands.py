"""Decay times by band: every band's time is met, and no line ever gains."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amtlib.fdn import (
    FDNBuild,
    absorption_times,
    band_absorption,
    design_fdn,
    first_order_absorption,
    graphic_equaliser,
    one_pole_absorption,
    render,
    reverberation_time,
    stability,
    standard_centres,
    transfer_function,
    with_decay,
)
from amtlib.train import build_fdn, extract_build

FS = 48000.0
ROOM = [1.5, 1.6, 1.2, 1.0, 1.1, 0.9, 0.8, 0.5]


@settings(max_examples=40, deadline=None)
@given(
    fs=st.sampled_from([44100.0, 48000.0, 88200.0, 96000.0]),
    thirds=st.booleans(),
    extreme=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_every_band_is_met_within_5_percent_if_neighbours_differ_by_a_factor_of_2_at_most(
    fs: float, thirds: bool, extreme: bool, seed: int
):
    rng = np.random.default_rng(seed)
    centres = standard_centres(25 if thirds else 9)
    steps = rng.choice([-1.0, 1.0], len(centres) - 1) if extreme else rng.uniform(-1.0, 1.0, len(centres) - 1)
    octaves = np.concatenate([[0.0], np.cumsum(steps)])
    # thirds that double over and over, up to 30 s beside 0.1 s, are too steep: the next test
    least, most = (0.3, 6.0) if thirds else (0.1, 30.0)
    times = np.clip(rng.uniform(0.3, 3.0) * 2.0 ** (octaves - octaves.mean()), least, most)
    delays = rng.integers(200, 6000, 4)
    for design in ("graphic", "auto"):
        found = band_absorption(times, centres, delays, fs, design=design)
        off = np.abs(absorption_times(found, delays, fs, centres) / times[:, None] - 1.0)
        assert off.max() <= (1e-6 if design == "graphic" else 0.05)
        dense = np.concatenate([np.geomspace(1.0, fs / 2.0, 2000), [0.0]])
        line = absorption_times(found, delays, fs, dense)
        assert (line > 0.0).all()  # no line gains anything anywhere


def test_thirds_that_make_a_line_gain_between_them_are_refused():
    times = [*0.125 * 2.0 ** np.arange(8), 30, 16, 8, 4, 2, 4, 2, 4, 2, 1, 0.5, 1, 0.5, 0.25, 0.125, 0.1, 0.1]
    with pytest.raises(ValueError, match="too far apart for filters of second order; bring them closer"):
        band_absorption(times, standard_centres(25), [3154, 5415], 44100.0)


@settings(max_examples=40, deadline=None)
@given(fs=st.sampled_from([44100.0, 48000.0, 96000.0]), seed=st.integers(0, 2**32))
def test_times_between_two_octaves_stay_near_those_of_the_octaves(fs: float, seed: int):
    rng = np.random.default_rng(seed)
    centres = standard_centres(9)
    times = np.clip(2.0 ** np.cumsum(rng.uniform(-1.0, 1.0, 9)), 0.1, 30.0)
    delays = rng.integers(200, 4000, 4)
    dense = np.geomspace(centres[0], centres[-1], 300)
    found = absorption_times(band_absorption(times, centres, delays, fs, design="graphic"), delays, fs, dense)
    below = np.clip(np.searchsorted(centres, dense, side="right") - 1, 0, 7)
    pair = np.stack([times[below], times[below + 1]])
    assert (found / pair.max(axis=0)[:, None]).max() < 1.12
    assert (found / pair.min(axis=0)[:, None]).min() > 0.9


def test_a_network_has_the_times_it_is_given_by_octave():
    build = design_fdn(N=16, rt=ROOM, rng=0)
    found = reverberation_time(render(build, 2.5), FS, standard_centres(8)).t30
    # an octave's band reaches into its neighbours, whose longer times it then shows
    assert np.abs(found / ROOM - 1.0).max() < 0.1


def test_a_shelf_is_taken_where_it_suffices_and_a_graphic_equaliser_where_not():
    shelf = with_decay(design_fdn(N=4, rng=0), (2.0, 1.0), rt_crossover=4000.0)
    centres = standard_centres(9)
    times = absorption_times(shelf.filters, shelf.delays, FS, centres).mean(axis=1)
    assert with_decay(shelf, dict(zip(centres, times, strict=True))).filters.shape == (1, 6, 4)
    assert with_decay(shelf, ROOM).filters.shape == (9, 6, 4)
    with pytest.warns(UserWarning, match="a first-order shelf is off by .* at .* Hz"):
        with_decay(shelf, ROOM, rt_design="shelf")


def test_times_by_band_come_as_a_mapping_or_as_a_standard_set_and_from_a_config_file():
    centres = standard_centres(8)
    given_in_order = with_decay(design_fdn(N=4, rng=0), ROOM)
    by_name = {f"{centre:g}": time for centre, time in zip(centres, ROOM, strict=True)}
    assert with_decay(given_in_order, dict(reversed(by_name.items()))) == given_in_order
    model = build_fdn(N=4, rt=by_name, rng=0, device="cpu", nfft=2**12)
    assert np.allclose(extract_build(model).filters, given_in_order.filters, atol=1e-6)


def test_standard_bands_are_octaves_and_thirds_of_1_khz():
    assert standard_centres(10)[0] == 31.25
    assert standard_centres(9)[-1] == 16000.0
    assert standard_centres(25)[12] == pytest.approx(1000.0)
    assert standard_centres(28)[-1] == pytest.approx(16000.0)


@pytest.mark.parametrize("fs", [8000.0, 44100.0, 192000.0])
@pytest.mark.parametrize("time", [0.1, 30.0])
def test_one_time_in_all_bands_is_one_gain(fs: float, time: float):
    centres = standard_centres(9)
    centres = centres[centres < fs / 2.0]
    found = band_absorption(np.full(len(centres), time), centres, [500, 997], fs)
    assert np.array_equal(found, first_order_absorption(time, time, [500, 997], fs))


@pytest.mark.parametrize("fs", [8000.0, 48000.0, 192000.0])
@pytest.mark.parametrize("rt", [0.1, 30.0, (0.1, 30.0), (30.0, 0.1)])
def test_networks_of_all_rates_and_decays_are_certain_not_to_grow(fs: float, rt: Any):
    delays = (np.array([0.011, 0.013, 0.017, 0.019]) * fs).astype(int)
    build = design_fdn(delays=delays, rt=rt, fs=fs, rng=0)
    assert stability(build).bound < 1.0
    found = absorption_times(build.filters, delays, fs, [0.0, fs / 2.0])
    np.testing.assert_allclose(found.mean(axis=1), rt, rtol=1e-9)


def test_a_pole_alone_meets_both_ends():
    sos = one_pole_absorption(2.0, 0.5, [480, 1499], FS)
    assert np.allclose(absorption_times(sos, [480, 1499], FS, [0.0, FS / 2.0]), [[2.0, 2.0], [0.5, 0.5]])
    build = with_decay(design_fdn(N=4, rng=0), (2.0, 0.5), rt_design="one-pole")
    assert stability(build).certain


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rt": {1000: 1.0, 24000: 0.5}}, "24000 Hz, at or above fs / 2"),
        ({"rt": [1.0] * 7}, "holds 7 times"),
        ({"rt": {"bass": 1.0}}, "give centre frequencies in Hz"),
        ({"rt": {1000: -1.0}}, "rt at 1000 Hz = -1 s"),
        ({"rt": {0: 1.0}}, "rt holds 0 Hz: give centre frequencies above 0 Hz"),
        ({"rt": {}}, "give a list of 1 to 60 centre frequencies"),
        ({"rt": 0.005}, "rt = 0.005 s is shorter than each delay"),
        ({"rt": (0.005, 0.001)}, "rt = 0.005 s is shorter than each delay"),
        ({"rt": dict.fromkeys((500, 1000), 0.005)}, "rt = 0.005 s is shorter than each delay"),
        ({"rt": [0.005, (2.0, 1.0)]}, "rt = 0.005 s is shorter than each delay"),
        ({"rt": 1e-5}, "rt = 1e-05 s leaves nothing of a delay"),
        ({"rt": math.inf}, "rt = inf s is no decay"),
        ({"rt": (2.0, 0.0)}, "rt_ny = 0 s must lie above 0"),
        ({"rt": {1000: math.nan}}, "rt at 1000 Hz = nan"),
        ({"rt": {1000: 1e-6}}, "rt = 1e-06 s is shorter than each delay"),
        ({"rt": {1000: 0.1, 1100: 30.0}}, "too far apart"),
        ({"rt": {500: 0.1, 500.0001: 30.0}}, "holds 500 and 500.0001 Hz, less than 1/48 octave apart"),
        ({"rt": ROOM, "rt_crossover": 1000.0}, "rt_crossover = 1000.0 is for two times"),
        ({"rt": ROOM, "rt_design": "one-pole"}, "has no bands"),
        ({"rt": 1.0, "rt_design": "graphic"}, "needs times by band"),
        ({"rt": 1.0, "rt_design": "fir"}, "rt_design = 'fir' is unknown"),
    ],
)
def test_contradictory_times_are_refused(arguments: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        with_decay(design_fdn(N=4, rng=0), **arguments)


@settings(max_examples=50, deadline=None)
@given(gains=st.lists(st.floats(-18.0, 18.0), min_size=9, max_size=9), fs=st.sampled_from([44100.0, 96000.0]))
def test_an_equaliser_has_its_gains_at_the_centres_and_minimum_phase(gains: list[float], fs: float):
    centres = standard_centres(9)
    sos = graphic_equaliser(gains, centres, fs)
    through = FDNBuild([[0.0]], [1.0], [1.0], 0.0, [1], fs, post_eq=sos)
    level = 20.0 * np.log10(np.abs(transfer_function(through, centres)))
    assert np.abs(level - gains).max() < 1e-6
    zeros = np.concatenate([np.roots(section[:3, 0]) for section in sos if section[1, 0] or section[2, 0]])
    assert np.abs(zeros).max() < 1.0


@pytest.mark.parametrize(
    ("gains", "centres", "message"),
    [
        ([1.0], [500.0, 1000.0], "one gain for each of the 2 centres"),
        ([1.0, 200.0], [500.0, 1000.0], "holds 200 dB"),
        ([1.0, 2.0], [1000.0, 500.0], "sort them"),
        ([1.0, 2.0], [1000.0, 30000.0], "leave these bands out"),
    ],
)
def test_equalisers_that_cannot_be_are_refused(gains: list[float], centres: list[float], message: str):
    with pytest.raises(ValueError, match=message):
        graphic_equaliser(gains, centres, FS)
