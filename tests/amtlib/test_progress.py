"""``progress=`` means the same in everything that takes seconds: shares that never fall, 1 at the end, or a bar."""

import inspect
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from amtlib import Glasberg2002, Moore2016, audio
from amtlib.fdn import colouration, design_fdn, modal_decomposition, process_fdn, render
from amtlib.loudness import equal_loudness_contour
from amtlib.progress import telling
from amtlib.signals import tone
from amtlib.train import build_fdn, train_fdn

NET = design_fdn(delays=[601, 743, 857, 977], rt=None, rng=0)
DAMPED = design_fdn(delays=[601, 743, 857, 977], rt=(0.5, 0.2), rng=0)


def file() -> bytes:
    buffer = io.BytesIO()
    audio.save(buffer, tone(500.0, level=60.0, duration=1.0), 44100)
    return buffer.getvalue()


LONG: dict[str, Callable[[Any], object]] = {
    "training": lambda p: train_fdn(
        build_fdn(delays=[61, 73], rt=None, rng=0, nfft=2**10, device="cpu"),
        "colorless",
        max_steps=4,
        progress=p,
    ),
    "modes": lambda p: modal_decomposition(NET, progress=p),
    "damped modes": lambda p: modal_decomposition(DAMPED, progress=p),
    "colouration": lambda p: colouration(NET, progress=p),
    "response": lambda p: render(DAMPED, 1.0, progress=p),
    "network": lambda p: process_fdn(np.ones(48000), DAMPED, progress=p),
    "contour": lambda p: equal_loudness_contour(Moore2016(), 40.0, [100.0, 200.0], progress=p),
    "reading": lambda p: audio.load(file(), progress=p),
    "loudness of Moore2016": lambda p: Moore2016()(torch.zeros(2, 192000), progress=p),
    "loudness of Glasberg2002": lambda p: Glasberg2002()(torch.zeros(192000), progress=p),
}


@pytest.mark.parametrize("name", LONG)
def test_shares_rise_from_0_to_1_at_the_end(name: str) -> None:
    told: list[float] = []
    LONG[name](told.append)
    assert told == sorted(set(told))
    assert told[0] >= 0.0
    assert told[-1] == 1.0
    assert len(told) >= 2


@pytest.mark.parametrize("name", LONG)
def test_true_draws_a_bar_on_stderr(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    LONG[name](True)
    drawn = capsys.readouterr().err
    assert drawn.splitlines()[-1].endswith(" s")
    assert ": done in " in drawn


@pytest.mark.parametrize("nothing", [None, False])
def test_nothing_is_drawn_unasked(nothing: Any, capsys: pytest.CaptureFixture[str]) -> None:
    LONG["response"](nothing)
    assert capsys.readouterr().err == ""


def test_what_is_neither_a_function_nor_a_bool_is_refused() -> None:
    with pytest.raises(TypeError, match="progress = 3: give True for a bar, or a function of the share done"):
        render(NET, 0.1, progress=3)  # type: ignore[arg-type]


def test_all_that_takes_it_takes_it_as_a_keyword_that_is_none_unless_given() -> None:
    for long in (
        train_fdn,
        modal_decomposition,
        colouration,
        render,
        process_fdn,
        equal_loudness_contour,
        audio.load,
    ):
        asked = inspect.signature(long).parameters["progress"]
        assert asked.kind is inspect.Parameter.KEYWORD_ONLY
        assert asked.default is None


def test_an_error_ends_the_bar_where_it_was() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()

    def breaks() -> None:
        with telling(True, "work", stream) as tell:
            tell(0.5)
            raise KeyError

    with pytest.raises(KeyError):
        breaks()
    assert "work [############............] 50 %" in stream.getvalue()
    assert stream.getvalue().splitlines()[-1].strip() == "work: ended at 50 %"
