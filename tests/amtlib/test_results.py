"""How modules and results show themselves: one short line at the prompt, an escaped table in a notebook."""

import dataclasses
import html.parser
import importlib
import inspect
import io
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

import amtlib
from amtlib import (
    Dau1997,
    DRNLFilterbank,
    Glasberg2002,
    LoudnessIntegration,
    Moore2016,
    Moore2016BinauralLoudness,
    Moore2016Spectrum,
    audio,
    experiments,
    fdn,
    fit_drnl,
    hearing_loss,
    lti,
    train,
)
from amtlib.batch import Analysis
from amtlib.filterbanks import parameters_at
from amtlib.loudness import equal_loudness_contour, loudness, masked_threshold
from amtlib.modules import RealModule
from amtlib.results import summary, table
from amtlib.train.losses import cochleagram, excitation_pattern

MOST = 300
PACKAGES = (
    "amtlib",
    *(
        f"amtlib.{name}"
        for name in ("audio", "batch", "ears", "fdn", "filterbanks", "jobs", "loudness", "lti", "perception")
    ),
    *("amtlib.experiments", "amtlib.hearing_loss", "amtlib.signals", "amtlib.train", "amtlib.train.losses"),
)
X = 0.02 * torch.randn(2, 4000, generator=torch.Generator().manual_seed(1))
PATTERN = torch.linspace(0.0, 1.0, 150)


@cache
def network() -> fdn.FDNBuild:
    return fdn.design_fdn(N=8, rt=0.3, rng=1, fs=8000)


def sound() -> audio.Recording:
    buffer = io.BytesIO()
    audio.save(buffer, X, 32000)
    return audio.load(buffer.getvalue(), name=f"{'long ' * 40}<b>take</b>.wav", channel="all")


def answered() -> experiments.Run:
    listener = experiments.SimulatedObserver(experiments.PsychometricFunction(20.0, 8.0, 1 / 3))
    return experiments.Run(experiments.ToneInQuiet()).proceed(listener)


EXPERIMENTS: dict[str, Callable[[], Any]] = {
    **{kind.__name__: kind for kind in experiments.EXPERIMENTS.values()},
    "Answered": lambda: answered().trials[0],
    "Audiogram": lambda: hearing_loss.standard_audiogram("S2"),
    "Decision": lambda: experiments.Decision(X, 1 / 3, 1 / 7),
    "Psi": experiments.Psi,
    "PsychometricFit": lambda: answered().fit(),
    "PsychometricFunction": lambda: experiments.PsychometricFunction(1 / 3, 1 / 7),
    "Trial": lambda: answered().experiment.trial(1 / 3, 0, 1),
    "UpDown": experiments.UpDown,
    "Variable": lambda: experiments.AMMasking().variable,
}
RESULTS: dict[str, Callable[[], Any]] = {
    "Analysis": lambda: Analysis("moore2016", full_scale_db=100.0),
    "BinauralLoudness": lambda: Moore2016BinauralLoudness()(PATTERN, PATTERN, return_stages=True),
    "CochleagramPicture": lambda: cochleagram(X[0], 32000),
    "Colouration": lambda: fdn.colouration(dataclasses.replace(network(), filters=None)),
    "DRNLFit": lambda: fit_drnl(
        DRNLFilterbank(torch.tensor([1000.0]), 32000), [20.0, 60.0], [20.0, 40.0], max_steps=1
    ),
    "DRNLOutput": lambda: DRNLFilterbank((100.0, 8000.0), 32000)(1e-4 * X, return_paths=True),
    "DRNLParameters": lambda: parameters_at(torch.linspace(100.0, 8000.0, 50)),
    "DenseSpectrum": lambda: Moore2016Spectrum().dense(X),
    "EqualLoudnessContour": lambda: equal_loudness_contour(Glasberg2002(), 40.0, [500.0, 1000.0, 2000.0]),
    **EXPERIMENTS,
    "ExcitationPicture": lambda: excitation_pattern(X[0], 32000),
    "FDNBuild": network,
    "Glasberg2002Stages": lambda: Glasberg2002()(X, return_stages=True),
    "HairCellLoss": lambda: hearing_loss.hair_cell_loss(
        hearing_loss.standard_audiogram("N3"), torch.linspace(100.0, 8000.0, 50)
    ),
    "LoopGain": lambda: fdn.LoopGain(1 / 3, 1e4 / 3, 0.0),
    "LoudnessOverTime": lambda: LoudnessIntegration()(torch.rand(3, 900, 150), return_stages=True),
    "MaskedThreshold": lambda: masked_threshold(Moore2016(), [500.0], [60.0], [250.0, 1000.0]),
    "Modes": lambda: fdn.modal_decomposition(network()),
    "Moore2016Loudness": lambda: Moore2016()(X.expand(9, 2, -1), return_stages=True),
    "Moore2016Stages": lambda: Moore2016()(X, return_stages=True).stages,
    "Paths": lambda: lti.Paths(X, X),
    "PerceptionStages": lambda: Dau1997(32000, fc=[500.0])(X, return_stages=True),
    "Recording": sound,
    "Rendered": lambda: train.Rendered.of_response(X[0], fs=32000.0),
    "ReverberationTimes": lambda: fdn.reverberation_time(fdn.render(network(), 0.5), 8000),
    "Snapshot": lambda: train.Snapshot(0, math.nan, {"a": 1 / 3}, {"a": X, "b": X}, lambda p: network()),
    "Room": lambda: audio.ROOMS["church"],
    "RoomFit": lambda: train.fit_room(fdn.render(network(), 0.5), 8000, 4, max_steps=0),
    "RoomMeasures": lambda: fdn.room_measures(fdn.render(network(), 0.5), 8000),
    "SoundLoudness": lambda: loudness(sound()),
    "StationaryLoudness": lambda: Moore2016().stationary(1000.0, torch.full((40, 1), 60.0)),
    "Step": lambda: train.Step(10, 1 / 3, {"mse_loss": 1 / 3, "_ColorlessSparsity": 1 / 7}, 1 / 9),
    "TargetRecord": lambda: train.TargetRecord(
        8000.0, 0.1, 0.1, 800, math.nan, math.nan, 0.5, np.array([500.0]), np.array([[0.3]])
    ),
    "TimeConstants": lambda: LoudnessIntegration().get_time_constants(),
    "Trainable": lambda: train.Trainable(direct=True),
    "TrainingPlan": lambda: train.TrainingPlan(network(), settings={"target": X[0].numpy()}),
    "TrainLog": lambda: train.TrainLog([1 / 3, 1 / 7], {"mse_loss": [1 / 3, 1 / 7]}, 1),
    "Transfers": lambda: DRNLFilterbank((100.0, 8000.0), 32000).frequency_response(np.linspace(0.0, 1e4, 99)),
    "Stability": lambda: fdn.stability(network()),
    "TwoSlopes": lambda: fdn.two_slopes_of(10.0 ** (-6.0 * np.arange(500) / 500.0), 500.0),
    "WithoutNoise": lambda: fdn.without_noise(fdn.render(network(), 0.5), 8000),
}


@cache
def results() -> dict[str, type]:
    found = {}
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            kind = getattr(module, name)
            if not isinstance(kind, type) or (
                kind.__module__.startswith("amtlib.train.losses.") and not hasattr(kind, "_repr_html_")
            ):
                continue
            if inspect.isabstract(kind):
                continue
            if dataclasses.is_dataclass(kind) or hasattr(kind, "_fields"):
                found[name] = kind
    return {name: found[name] for name in sorted(found)}


def modules() -> list[str]:
    kinds = {name: getattr(amtlib, name) for name in amtlib.__all__}
    return sorted(n for n, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, RealModule))


def test_every_public_result_has_an_example():
    assert sorted(results()) == sorted(RESULTS)


@pytest.mark.parametrize("name", results())
def test_a_result_prints_one_short_line(name: str):
    found = RESULTS[name]()
    text = repr(found)
    assert text.startswith(f"{name}(")
    assert "\n" not in text
    assert len(text) <= MOST
    assert "tensor(" not in text
    assert "array(" not in text


#: Results that a picture says something about.
CHARTS = (
    *("Audiogram", "CochleagramPicture", "EqualLoudnessContour", "ExcitationPicture", "FDNBuild"),
    *("Glasberg2002Stages", "LoudnessOverTime", "MaskedThreshold", "Modes", "Moore2016Loudness"),
    *("Moore2016Stages", "PerceptionStages", "PsychometricFit", "PsychometricFunction", "Recording"),
    *("ReverberationTimes", "RoomFit", "RoomMeasures", "SoundLoudness", "StationaryLoudness", "TrainLog"),
)


ARGUMENTS: dict[str, dict[str, Any]] = {
    "AdaptLoop": {"fs": 44100},
    "DRNLFilterbank": {"fc": (100.123456789, 7999.987654321), "fs": 44100},
    "FastDRNLFilterbank": {"fc": (100.123456789, 7999.987654321), "fs": 44100},
    "GammatoneFilterbank": {"fc": (50.123456789, 15999.987654321), "fs": 44100},
    "HeadphoneFilter": {"fs": 44100},
    "HearingLoss": {"audiogram": "N3", "fs": 44100},
    "IHCEnvelope": {"fs": 44100},
    "IHCPaulick2024": {"fs": 44100},
    "King2019ModulationFilterbank": {"fs": 44100},
    **{name: {"fs": 44100} for name in ("Dau1997", "Jepsen2008", "King2019", "Osses2021", "Paulick2024")},
    "LoudnessRecruitment": {"fc": (50.123456789, 15999.987654321), "fs": 44100, "loss_db": 50.123456789},
    "MiddleEarFilter": {"fs": 44100},
    "ModulationFilterbank": {"fs": 44100, "fc": (100.123456789, 7999.987654321)},
    "OuterMiddleEarFilter": {"fs": 44100},
    "SpectralSmearing": {"fs": 44100},
}


@pytest.mark.parametrize("name", modules())
def test_a_module_prints_one_short_line(name: str):
    module = getattr(amtlib, name)(**ARGUMENTS.get(name, {}))
    text = repr(module)
    assert text.startswith(f"{name}(")
    assert "\n" not in text
    assert len(text) <= MOST
    assert all(part in text for part, _ in module.named_children())
    assert repr(torch.nn.Sequential(module)).count("\n") == 2


@pytest.mark.parametrize("name", modules())
def test_a_module_is_a_small_table_of_its_settings_in_a_notebook(name: str):
    module = getattr(amtlib, name)(**ARGUMENTS.get(name, {}))
    reader = Reader()
    reader.feed(module._repr_html_())
    assert set(reader.tags) <= {"table", "caption", "tr", "th", "td"}
    assert set(module.configuration()) <= set(reader.texts)
    assert reader.texts[0] == name
    assert len("".join(reader.texts)) < 1200


class Reader(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert attrs == []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("name", [n for n, kind in results().items() if hasattr(kind, "_repr_html_")])
def test_a_result_is_a_small_table_in_a_notebook(name: str):
    found = RESULTS[name]()
    text, _, drawn = found._repr_html_().partition("<svg")
    assert bool(drawn) == (name in CHARTS)
    assert len(drawn) < 30_000
    reader = Reader()
    reader.feed(text)
    assert set(reader.tags) == {"table", "caption", "tr", "th", "td"}  # nothing of a name is a tag
    assert len(text) < 3000
    if "Loudness" in name or ("Stages" in name and name != "PerceptionStages"):
        assert {"sone", "sone/Cam"} & set(reader.texts)


def test_tables_of_the_loudness_models_give_their_greatest_values():
    found = loudness(X, 32000)
    reader = Reader()
    reader.feed(found._repr_html_().partition("<svg")[0])
    assert f"{float(found.peak):.4g}" in reader.texts
    assert f"{float(found.peak_phon):.1f}" in reader.texts
    assert "Moore2016 · binaural" in reader.texts
    reader = Reader()
    reader.feed(Moore2016()(X)._repr_html_().partition("<svg")[0])
    assert {"long_term", "61", "s", "sone"} <= set(reader.texts)


def test_names_are_escaped():
    assert "<b>" not in table("<b>", [("<b>", "<b>")]).replace("&lt;b&gt;", "")
    assert "<b>" not in sound()._repr_html_()


def test_silence_and_nothing_are_shown():
    silent = fdn.ReverberationTimes(*(np.full(3, math.nan) for _ in range(5)))
    assert "nan" not in silent._repr_html_()
    assert summary(silent) == "ReverberationTimes(centres, edt, t20, t30, t60: (3,))"
    empty = Moore2016().over_time(torch.zeros(2, 3, 150))
    assert empty.stages is not None
    assert "(2, 0, 150)" in repr(empty.stages)
    assert "2 × 0 × 150" in empty.stages._repr_html_()
