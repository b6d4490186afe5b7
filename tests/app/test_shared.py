"""What sessions share: made once, bounded in bytes, sealed, and never mixed up."""

import gc
import io
import threading
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from bokeh.document import Document
from hypothesis import given
from hypothesis import strategies as st
from panel.io.state import set_curdoc

from amtlib.modules import RealModule
from app.lab import LabModel
from app.labs.cochlea.model import CochleaModel
from app.labs.filterbank.model import FilterbankModel
from app.labs.filterbank.view import FilterbankLab
from app.page.view import LabView
from app.shared import SHARED, SharedResults
from app.site import LABS
from app.upstream import forget_sent

#: All of it says what is computed, and when.
pytestmark = pytest.mark.usefixtures("nothing_shared")


@dataclass(frozen=True)
class Found:
    curve: Any
    inside: Any = ()


def wav(seed: int, fs: int = 16000) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, np.random.default_rng(seed).normal(0, 0.1, 4000), fs, format="WAV")
    return content.getvalue()


# ---------------------------------------------------------------- made once


def test_threads_that_ask_at_once_wait_for_the_first() -> None:
    shared, calls, begun, go_on = SharedResults(10**6), [], threading.Event(), threading.Event()

    def make() -> np.ndarray:
        calls.append(1)
        begun.set()
        assert go_on.wait(10)
        return np.zeros(3)

    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(shared.get("key", make))) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    other = shared.get("another key", lambda: 1)  # is not kept waiting
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert other == 1
    assert len(calls) == 1
    assert len(found) == 5
    assert all(each is found[0] for each in found)


def test_who_waited_for_a_failure_tries_for_itself() -> None:
    shared, begun, go_on = SharedResults(10**6), threading.Event(), threading.Event()
    problems: list[Exception] = []

    def fail() -> None:
        begun.set()
        assert go_on.wait(10)
        raise ValueError("no")

    def first() -> None:
        try:
            shared.get("key", fail)
        except ValueError as problem:
            problems.append(problem)

    found: list[Any] = []
    threads = [
        threading.Thread(target=first),
        threading.Thread(target=lambda: found.append(shared.get("key", lambda: 2))),
    ]
    threads[0].start()
    assert begun.wait(10)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert len(problems) == 1
    assert found == [2]


def test_a_failure_is_not_kept() -> None:
    shared = SharedResults(10**6)
    with pytest.raises(ZeroDivisionError):
        shared.get("key", lambda: 1 // 0)
    assert shared.get("key", lambda: 3) == 3


def test_a_result_made_of_another_one_does_not_wait_for_itself() -> None:
    shared = SharedResults(10**6)
    assert shared.get("a", lambda: shared.get("b", lambda: 1) + shared.get("a", lambda: 1)) == 2


# ---------------------------------------------------------------- bounded and sealed


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3000)), max_size=40))
def test_whatever_is_asked_for_the_bound_holds_and_the_sum_is_right(asked: list[tuple[int, int]]) -> None:
    shared = SharedResults(20_000)
    for key, size in asked:
        assert shared.get((key, size), lambda size=size: Found(np.zeros(size))).curve.shape == (size,)
        assert 0 <= shared.bytes <= 20_000
    shared.clear()
    assert shared.bytes == 0


def test_the_one_not_used_for_longest_goes_first() -> None:
    shared = SharedResults(20_000)
    for key in "abacd":
        shared.get(key, lambda: np.zeros(1000))
    calls: list[str] = []
    for key in "ca":
        shared.get(key, lambda: calls.append(key) or np.zeros(1000))  # noqa: B023
    assert calls == ["a"]


def test_what_is_larger_than_the_bound_is_made_and_not_kept() -> None:
    shared = SharedResults(5000)
    shared.get("small", lambda: 1)
    assert shared.get("large", lambda: np.zeros(1000)).shape == (1000,)
    assert shared.get("small", lambda: 2) == 1


def test_an_array_that_two_results_hold_counts_once() -> None:
    shared, curve = SharedResults(10**6), np.zeros(1000)
    shared.get("a", lambda: Found(curve))
    shared.get("b", lambda: Found(curve[:10], [curve]))
    assert shared.bytes == 8000 + 2 * 1000


@pytest.mark.parametrize(
    "hold",
    [lambda a: a, lambda a: Found(a), lambda a: (1, [a]), lambda a: {"x": Found(None, (a,))}],
    ids=["bare", "field", "tuple", "nested"],
)
def test_arrays_are_sealed_and_counted_wherever_they_are(hold: Any) -> None:
    shared, array = SharedResults(10**6), np.zeros(1000)
    shared.get("key", lambda: hold(array))
    assert shared.bytes == 9000
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_tensors_and_modules_count_with_all_that_they_keep_alive() -> None:
    shared, whole = SharedResults(10**6), torch.zeros(1000)
    shared.get("view", lambda: whole[:10])
    assert shared.bytes == 5000
    shared.get("numpy", lambda: whole.numpy())
    assert shared.bytes == 6000
    shared.get("module", lambda: torch.nn.Linear(10, 10, bias=False))
    assert shared.bytes == 7400
    table = RealModule(torch.float32)
    table._table("numbers", torch.zeros(100))
    shared.get("table", lambda: torch.nn.Sequential(table))  # in float32, and as exact as it was made
    assert shared.bytes == 9600


# ---------------------------------------------------------------- never mixed up


def with_file(lab: Any, content: bytes) -> Any:
    lab.stimulus.take_upload("same.wav", content)
    return lab


@pytest.mark.parametrize("model", [FilterbankModel, CochleaModel])
def test_different_files_of_one_name_are_never_mixed_up(model: type[LabModel]) -> None:
    sounds = [with_file(model(), wav(seed)).sound() for seed in (0, 1)]  # type: ignore[attr-defined]
    assert not torch.equal(*sounds)


def test_files_that_differ_in_one_bit_have_their_own_results() -> None:
    content = bytearray(wav(0))
    first = with_file(FilterbankModel(), bytes(content)).result
    content[-1] ^= 1
    second = with_file(FilterbankModel(), bytes(content)).result
    assert first is not second
    assert not np.array_equal(first.shape, second.shape)


def test_the_same_file_in_two_sessions_is_computed_once() -> None:
    first, second = (with_file(FilterbankModel(), wav(0)).result for _ in range(2))
    assert first is second


def test_a_file_and_the_settings_of_another_sound_do_not_meet() -> None:
    lab = with_file(FilterbankModel(), wav(0))
    own = lab.result
    lab.update({"s.kind": "speech"})
    assert lab.result is not own
    lab.update({"s.kind": "file"})
    assert lab.result is own


def test_levels_share_one_envelope() -> None:
    first, second = FilterbankModel(), FilterbankModel()
    second.update({"s.level": 75})
    assert first.result.shape is second.result.shape
    assert first.result.excitation.max() == pytest.approx(second.result.excitation.max() - 15)


def test_what_a_sound_does_not_use_is_not_asked_for() -> None:
    first, second = FilterbankModel(), FilterbankModel()
    second.update({"s.seed": 7, "s.frequency": 300})
    assert first.result is second.result


def arrays(result: Any) -> Iterator[np.ndarray]:
    if isinstance(result, np.ndarray):
        yield result
    elif is_dataclass(result):
        yield from arrays([getattr(result, each.name) for each in fields(result)])
    elif isinstance(result, dict | list | tuple):
        for each in result.values() if isinstance(result, dict) else result:
            yield from arrays(each)


def owner(array: np.ndarray) -> int:
    return id(array) if array.base is None else owner(array.base) if isinstance(array.base, np.ndarray) else 0


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.slug)
def test_no_result_keeps_much_more_memory_than_it_uses(lab: type[LabView]) -> None:
    """A short view of a long array keeps all of it."""
    SHARED.clear()
    page = lab(served=True)
    page.picture()
    assert SHARED._kept
    for key, (result, owned) in SHARED._kept.items():
        used = Counter[int]()
        for each in arrays(result):
            used[owner(each)] += each.nbytes
        for one in used.keys() & owned.keys():
            assert owned[one] <= 2 * used[one] + 1000, key


def test_a_page_keeps_little_of_its_own() -> None:
    """0.3 MB (measured); with what its browser has, and a copy of each declaration, it was 0.6 MB."""

    def opened() -> tuple[LabView, Document]:
        view, document = FilterbankLab(served=True), Document()
        view.page().server_doc(document)
        document.to_json()
        with set_curdoc(document):
            forget_sent()
        return view, document

    shared = opened()
    tracemalloc.start()
    try:
        own = opened()
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 400_000
    for view, _ in (shared, own):
        view.close()


def test_a_class_that_moves_sliders_stays_within_the_bound() -> None:
    lab = FilterbankModel()
    for channels in range(2, 128, 2):
        lab.update({"f.channels": channels})
        _ = lab.result
    assert 10_000_000 < SHARED.bytes <= SHARED.max_bytes
