"""Results show themselves: at most 300 characters at a prompt, a table in a notebook."""

import warnings
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
import torch

from amtlib.fdn import (
    colouration,
    design_fdn,
    loop_gain,
    modal_decomposition,
    render,
    reverberation_time,
    without_noise,
)
from amtlib.train import Trainable, TrainingRun, TrainLog, build_fdn, cochleagram, excitation_pattern
from amtlib.train.losses import MatchSpectrogram


class Cells(HTMLParser):
    """The text of a table's cells, by the heading of their row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """One of each result of fdn and train, as large as they come in practice."""
    build = design_fdn(N=8, rt=(1.0, 0.5), rng=0)
    ir = render(build, 1.0)
    model = build_fdn(delays=[61, 73, 83, 97], rt=0.02, nfft=2**11, rng=1, device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = TrainingRun(
            model, "match_spectrogram", target=render(build, 0.05)[:2048], max_steps=300, lr=1e-2
        )
    for _ in range(12):
        run.step()
    found = [
        build, modal_decomposition(design_fdn(delays=[61, 73], rt=None, rng=0)), colouration(build), loop_gain(build),
        reverberation_time(ir, 48000), without_noise(ir, 48000), run, run.log, run.snapshot(), run.snapshot().rendered,
        run.target_record, run.step(), Trainable(), cochleagram(ir, 48000.0), excitation_pattern(np.ones(513), 48000.0),
        TrainLog(),
    ]  # fmt: skip
    return {f"{type(one).__name__} {index}": one for index, one in enumerate(found)}


def test_each_result_is_short_at_a_prompt_and_says_what_it_is(results: dict[str, Any]) -> None:
    for one in results.values():
        text = repr(one)
        assert len(text) <= 300
        assert text.startswith(f"{type(one).__name__}(")
        assert text.count("(") == text.count(")")
        assert "tensor(" not in text
        assert "array(" not in text


def test_results_are_tables_in_a_notebook(results: dict[str, Any]) -> None:
    shown = {
        name: Cells(one._repr_html_()).words for name, one in results.items() if hasattr(one, "_repr_html_")
    }
    assert len(shown) >= 13
    for name, words in shown.items():
        assert words[0] == name.split()[0]
        assert len(words) >= 5
        assert sum(map(len, words)) < 2500


def test_a_log_says_how_training_went(results: dict[str, Any]) -> None:
    log = next(one for one in results.values() if isinstance(one, TrainLog) and one.steps_run)
    text = repr(log)
    assert f"steps_run={log.steps_run}" in text
    assert f"best_loss={log.best_loss:.6g}" in text
    assert f"train_loss=[{log.train_loss[0]:.6g}, {log.train_loss[-1]:.6g}]" in text
    assert "pre_delay" in log._repr_html_()


def test_a_name_from_outside_is_no_markup() -> None:
    log = TrainLog([1.0], {"<script>": [1.0]}, 1)
    assert "<script>" not in log._repr_html_()
    assert "&lt;script&gt;" in log._repr_html_()


def test_numbers_that_learn_are_shown_without_a_warning() -> None:
    loss = MatchSpectrogram((64,))
    assert repr(loss) == "MatchSpectrogram(sizes=(64,))"
    model = build_fdn(delays=[61, 73], rt=None, nfft=2**10, rng=1, device="cpu")
    rendered = TrainingRun(model, "colorless").snapshot().rendered
    assert "spectrum: (1, 513, 1)" in repr(rendered)
    assert torch.is_complex(rendered.spectrum)
