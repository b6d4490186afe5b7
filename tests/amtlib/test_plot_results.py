"""Each figure of a result shows the result's own numbers."""

import math
from collections.abc import Callable
from typing import Any

import holoviews as hv
import numpy as np
import pytest
import torch

from amtlib import GammatoneFilterbank, Moore2016, audio, experiments, fdn, hearing_loss, plot, signals, train
from amtlib.charts import TIME, Chart, Direction
from amtlib.plot import erb_number
from amtlib.train.losses import cochleagram

TONE = signals.tone(1000.0, level=60.0, duration=0.2, fs=32000)
NETWORK = fdn.design_fdn(N=4, rt=0.3, fs=8000, rng=1)


def lines(shown: hv.Overlay) -> dict[str, np.ndarray]:
    """What the curves of a figure show, by their names."""
    curves = shown.traverse(lambda each: each, [hv.Curve])
    return {each.label: np.stack([each.dimension_values(0), each.dimension_values(1)]) for each in curves}


def image(shown: hv.Overlay) -> np.ndarray:
    (found,) = shown.traverse(lambda each: each, [hv.Image])
    return np.asarray(found.dimension_values(2, flat=False))


def limits(shown: hv.Overlay, side: str) -> tuple[float, float]:
    found: tuple[float, float] = shown.opts.get("plot").kwargs[f"{side}lim"]
    return found


def test_loudness_over_time_is_drawn_as_it_is() -> None:
    found = Moore2016()(torch.stack([TONE, TONE]))
    shown = lines(found.plot())
    np.testing.assert_allclose(shown["short term"], torch.stack([found.time, found.short_term]), rtol=1e-6)
    np.testing.assert_allclose(shown["long term"][1], found.long_term, rtol=1e-6)


def test_specific_loudness_is_drawn_ear_by_ear_on_the_erb_scale() -> None:
    found = Moore2016().stationary(1000.0, 60.0)
    shown = lines(plot.of(found))
    np.testing.assert_allclose(shown["left ear"][0], erb_number(found.frequencies), rtol=1e-6)
    np.testing.assert_allclose(shown["right ear"][1], found.inhibited[1], rtol=1e-6)


def test_an_audiogram_grows_downwards_on_a_logarithmic_axis() -> None:
    ear = hearing_loss.standard_audiogram("N3")
    shown = plot.of(ear)
    (line,) = lines(shown).values()
    np.testing.assert_allclose(line, [ear.frequencies, ear.levels])
    assert limits(shown, "y")[0] == -10.0
    assert shown.opts.get("plot").kwargs["invert_yaxis"]


def test_reverberation_times_are_drawn_by_octave_from_zero() -> None:
    found = fdn.reverberation_time(fdn.render(NETWORK, 0.5), 8000)
    shown = found.plot()
    np.testing.assert_allclose(lines(shown)["T30"][1], found.t30)
    assert limits(shown, "y")[0] == 0.0


def test_a_feedback_matrix_has_its_first_row_on_top_and_white_for_zero() -> None:
    shown = plot.of(NETWORK)
    found = image(shown)
    drawn = found if shown.opts.get("plot").kwargs["invert_yaxis"] else found[::-1]
    np.testing.assert_allclose(drawn, NETWORK.A, rtol=1e-6)
    (cells,) = shown.traverse(lambda each: each, [hv.Image])
    low, high = cells.opts.get("plot").kwargs["clim"]
    assert low == -high == -np.abs(NETWORK.A).max()


def test_modes_are_points_at_their_frequencies() -> None:
    modes = fdn.modal_decomposition(fdn.design_fdn(N=2, rt=0.1, fs=8000, delays=(31, 47)))
    (points,) = plot.of(modes).traverse(lambda each: each, [hv.Points])
    np.testing.assert_allclose(points.dimension_values(0), modes.frequencies)
    np.testing.assert_allclose(points.dimension_values(1), modes.decay_times)


def test_a_track_shows_each_trial_and_what_was_right() -> None:
    listener = experiments.SimulatedObserver(experiments.PsychometricFunction(20.0, 8.0, 1 / 3), seed=1)
    run = experiments.Run(experiments.ToneInQuiet(), seed=1).proceed(listener)
    shown = plot.of(run)
    values = [trial.value for trial in run.trials]
    np.testing.assert_allclose(lines(shown)["value"], [range(1, len(values) + 1), values])
    right = {each.label: len(each) for each in shown.traverse(lambda each: each, [hv.Points])}
    assert right == {"right": sum(t.right for t in run.trials), "wrong": sum(not t.right for t in run.trials)}
    assert "Track of the run" in run._repr_html_()


def test_a_psychometric_function_passes_through_its_threshold() -> None:
    function = experiments.PsychometricFunction(20.0, 8.0, 1 / 3)
    chart = function.chart()
    values, right = chart.lines["right"]
    assert float(np.interp(20.0, values, right)) == pytest.approx(100.0 * float(function(20.0)))


def test_a_psychometric_function_over_ratios_spans_three_widths_of_their_logarithm() -> None:
    function = experiments.PsychometricFunction(20.0, 0.5, 1 / 3, scale="log")
    chart = function.chart()
    values, right = chart.lines["right"]
    assert chart.x.scale == "log"
    assert values[[0, 50, -1]] == pytest.approx([20.0 * math.exp(-0.75), 20.0, 20.0 * math.exp(0.75)])
    assert right[50] == pytest.approx(100.0 * float(function(20.0)))
    assert plot.of(function).opts.get("plot").kwargs["logx"]


def test_losses_of_training_are_drawn_on_a_logarithmic_axis() -> None:
    shown = train.TrainLog([4.0, 2.0, 1.0], {}, 3).plot()
    np.testing.assert_allclose(next(iter(lines(shown).values())), [[0, 1, 2], [4.0, 2.0, 1.0]])
    assert shown.opts.get("plot").kwargs["logy"]


def test_a_cochleagram_of_a_loss_is_drawn_above_threshold() -> None:
    found = cochleagram(TONE, 32000)
    np.testing.assert_allclose(image(found.plot()), found.sensation, rtol=1e-5)


def test_a_cochleagram_of_a_filterbank_has_the_tones_level_in_its_channel() -> None:
    bank = GammatoneFilterbank([500.0, 1000.0, 2000.0], 32000)
    levels = image(plot.cochleagram(bank, TONE))
    middle = levels[:, levels.shape[1] // 2]
    assert int(middle.argmax()) == 1
    assert float(middle.max()) == pytest.approx(60.0, abs=0.1)


def test_the_decay_of_a_network_is_that_of_its_response() -> None:
    (line,) = lines(plot.decay(NETWORK, duration=0.2)).values()
    levels = fdn.energy_decay_curve(np.asarray(fdn.render(NETWORK, 0.2)).ravel())
    np.testing.assert_allclose(line, [np.arange(1600) / 8000, np.maximum(levels, -100.0)])


def test_a_response_is_that_of_the_network() -> None:
    (line,) = lines(plot.response(NETWORK, duration=0.1)).values()
    np.testing.assert_allclose(line[1], np.asarray(fdn.render(NETWORK, 0.1)).ravel())
    with pytest.raises(ValueError, match="fs = None; give the sampling rate"):
        plot.response(np.ones(100))


def test_a_spectrogram_has_a_tone_where_it_is() -> None:
    levels = image(plot.spectrogram(TONE, 32000))
    assert levels[:, levels.shape[1] // 2].argmax() == 20  # of windows of 20 ms: 50 Hz a row
    with pytest.raises(ValueError, match="sound has 10 samples; give at least 640"):
        plot.spectrogram(TONE[:10], 32000)


def test_a_spectrogram_of_a_recording_is_that_of_its_samples() -> None:
    sound = audio.load(audio.wav_bytes(audio.playback(TONE, 32000), 32000), name="tone.wav")
    np.testing.assert_array_equal(
        image(plot.spectrogram(sound, 32000)), image(plot.spectrogram(sound.samples, 32000))
    )
    with pytest.raises(ValueError, match="sound is sampled at 32000 Hz, this module works at 48000 Hz"):
        plot.spectrogram(sound, 48000)


@pytest.mark.parametrize(("draw", "words"), [
    (lambda: plot.spectrogram(TONE, 0), "fs = 0 Hz is outside 1000 to 768000 Hz"),
    (lambda: plot.response(np.ones(100), 0), "fs = 0: give 100"),
    (lambda: plot.decay(np.ones(100), math.nan), "fs = nan: give"),
    (lambda: plot.response(NETWORK, 48000), "fs = 48000, but the network has its own, 8000 Hz; leave fs out"),
    (lambda: plot.decay(NETWORK, 8000), "fs = 8000, but the network has its own, 8000 Hz; leave fs out"),
    (lambda: plot.excitation([100.0, 200.0], {str(i): [0.0, 1.0] for i in range(6)}),
     "6 lines are not one picture; give 1 to 4"),
])  # fmt: skip
def test_what_cannot_be_drawn_is_refused(draw: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        draw()


@pytest.mark.parametrize(("given", "words"), [
    ({"step": 0.0}, "step = 0 is no width of a bar"),
    ({"step": math.nan}, "step = nan is no width of a bar"),
    ({"step": 5.0}, "step = 5 does not divide the scale from -6 to 6"),
    ({"step": 24.0}, "step = 24 does not divide the scale"),
    ({"between": (6, -6)}, r"between = \(6, -6\) is no scale"),
    ({"named": {"a": []}}, "'a' holds no values"),
    ({"named": {"a": [1.0, math.nan]}}, "'a' holds 1 values that are not finite"),
    ({"named": {}}, "0 lines are not one figure"),
])  # fmt: skip
def test_histograms_that_cannot_be_drawn_are_refused(given: dict[str, Any], words: str) -> None:
    settings: dict[str, Any] = {"named": {"a": [1.0]}, "step": 2.0, "between": (-6, 6)} | given
    with pytest.raises(ValueError, match=words):
        plot.histograms(settings.pop("named"), **settings, xlabel="x", ylabel="y", title="t")


@pytest.mark.parametrize(("given", "kind", "words"), [
    (np.ones(3), TypeError, "result is a ndarray; give a result of amtlib"),
    (fdn.stability(NETWORK), ValueError, "Stability has nothing to show in a figure"),
    (Chart("Empty", TIME, TIME), ValueError, "the chart holds no finite point or cell"),
    (Chart("None", TIME, TIME, {"a": ([0.0], [math.nan])}), ValueError, "no finite point or cell"),
])  # fmt: skip
def test_what_has_no_figure_is_refused_with_what_helps(given: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        plot.of(given)


def test_a_chart_of_ones_own_is_drawn_too() -> None:
    x, y = Direction("Width", "mm"), Direction("Loss", scale="log")
    shown = plot.of(Chart("Mine", x, y, {"a": ([1, 2], [3, 4])}, {"b": ([1.5], [3.5])}))
    np.testing.assert_allclose(lines(shown)["a"], [[1, 2], [3, 4]])
    (points,) = shown.traverse(lambda each: each, [hv.Points])
    assert (points.label, points.array().tolist()) == ("b", [[1.5, 3.5]])
    settings = shown.opts.get("plot").kwargs
    assert settings["logy"]
    assert (settings["title"], settings["xlabel"]) == ("Mine", "Width (mm)")
