"""Loops over samples with and without numba, and on several threads."""

import sys
import warnings

import numpy as np
import pytest
import torch

from amtlib import AdaptLoop, IHCPaulick2024
from amtlib.perception import SlowLoops, compiled

X = 0.05 * torch.randn(2, 60, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def results() -> list[torch.Tensor]:
    found = []
    for module in (AdaptLoop(16000, dtype=torch.float64), IHCPaulick2024(16000, dtype=torch.float64)):
        x = X.clone().requires_grad_()
        y = module(x)
        y.square().sum().backward()
        assert x.grad is not None
        found += [y.detach(), x.grad]
    return found


def test_without_numba_loops_are_as_right_which_is_said_once(monkeypatch: pytest.MonkeyPatch):
    fast = results()
    monkeypatch.setitem(sys.modules, "numba", None)
    compiled._fastest.cache_clear()
    compiled._say_once.cache_clear()
    try:
        with pytest.warns(SlowLoops, match=r"numba is not installed, .* pip install numba") as caught:
            slow = results()
        assert len(caught) == 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            results()
    finally:
        compiled._fastest.cache_clear()
    for one, other in zip(fast, slow, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_rows_are_the_same_on_any_number_of_threads(threads: int):
    before = torch.get_num_threads()
    x = torch.randn(7, 30_000, generator=torch.Generator().manual_seed(2)).relu()
    expected = AdaptLoop(16000)(x)
    try:
        torch.set_num_threads(threads)
        assert torch.equal(AdaptLoop(16000)(x), expected)
    finally:
        torch.set_num_threads(before)


def test_what_goes_wrong_in_a_thread_is_not_lost():
    def wrong(rows: np.ndarray, number: float) -> None:
        raise ArithmeticError(f"{len(rows)} rows, {number}")

    with pytest.raises(ArithmeticError, match="rows, 2"):
        compiled.run_rows(wrong, 1_000_000, np.zeros((4, 1)), 2.0)
