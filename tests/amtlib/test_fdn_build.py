"""What an FDNBuild takes and refuses, and networks in files."""

import contextlib
import dataclasses
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amtlib.fdn import (
    MAX_DELAY,
    MAX_LINES,
    FDNBuild,
    build_from_json,
    build_to_json,
    design_fdn,
    load_build,
    metadata_from_json,
    save_build,
)
from amtlib.fdn.documents import MAX_BYTES

GOOD: dict[str, Any] = {
    "A": np.eye(3),
    "B": np.ones((3, 2)),
    "C": np.ones((1, 3)),
    "D": np.zeros((1, 2)),
    "delays": [5, 7, 11],
    "fs": 48000,
}
SECTION = np.array([0.5, 0.1, 0.0, 1.0, -0.3, 0.02])[None, :, None]


def network(**changes: Any) -> FDNBuild:
    return FDNBuild(**{**GOOD, **changes})


def full() -> FDNBuild:
    rng = np.random.default_rng(0)
    return FDNBuild(
        rng.standard_normal((3, 3)),
        rng.standard_normal((3, 2)),
        rng.standard_normal((2, 3)),
        rng.standard_normal((2, 2)),
        [5, 7, 11],
        44100,
        filters=SECTION * np.ones((2, 1, 3)),
        post_eq=SECTION * np.ones((1, 1, 2)),
    )


def test_a_build_keeps_copies_that_nobody_can_write_to():
    matrix = np.eye(3)
    build = network(A=matrix)
    matrix[0, 0] = 7.0
    assert build.A[0, 0] == 1.0
    for field in dataclasses.fields(build):
        value = getattr(build, field.name)
        if isinstance(value, np.ndarray):
            with pytest.raises(ValueError, match="read-only"):
                value[...] = 0


def test_vectors_are_one_input_and_one_output_and_a_number_fills_the_direct_path():
    build = network(B=[1, 2, 3], C=[4, 5, 6], D=0.5)
    assert build.B.shape == (3, 1)
    assert build.C.shape == (1, 3)
    assert build.D.tolist() == [[0.5]]
    assert network(D=None).D.shape == (1, 2)
    assert (build.N, build.n_in, build.n_out, build.order) == (3, 1, 1, 23)


def test_builds_are_equal_by_value_and_so_are_their_hashes():
    same, other = network(D=-0.0), network(delays=[5, 7, 12])
    assert network() == same
    assert hash(network()) == hash(same)
    assert network() != other
    assert network() != 3


def test_replace_checks_anew():
    with pytest.raises(ValueError, match="one positive integer per delay line, got 2"):
        dataclasses.replace(network(), delays=np.array([1, 2]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"A": np.ones((2, 3))}, r"feedback_matrix must be square, got A of shape \(2, 3\)"),
        ({"A": np.ones(3)}, r"A must be a 2-D \(static\) matrix"),
        ({"A": np.zeros((0, 0))}, "N = 0 delay lines: give 1 to 64"),
        ({"A": np.eye(MAX_LINES + 1)}, "N = 65 delay lines: give 1 to 64"),
        ({"A": [[1, 0, 0], [0, math.nan, 0], [0, 0, 1]]}, r"A must contain only finite values.*\(1, 1\)"),
        ({"A": [[1, 2], [3]]}, "A has rows of unequal length"),
        ({"B": np.ones((2, 1))}, "input_matrix must have one row per delay line"),
        ({"B": np.ones((3, 0)), "D": None}, "0 inputs: give 1 to 64"),
        ({"B": np.ones((3, 65)), "D": None}, "65 inputs: give 1 to 64"),
        ({"C": np.ones((3, 1))}, "output_matrix must have one column per delay line"),
        ({"D": np.zeros((2, 1))}, "direct_matrix shape must match the output and input counts"),
        ({"delays": [5, 7]}, "delays must contain one positive integer per delay line, got 2"),
        ({"delays": [5, 0, 7]}, "one positive integer per delay line, got 0"),
        ({"delays": [5, -3, 7]}, "got -3: give 1 to"),
        ({"delays": [5, 6.5, 7]}, "delays must contain integers, got 6.5: round it"),
        ({"delays": [5, MAX_DELAY + 1, 7]}, f"got 262145: give 1 to {MAX_DELAY}"),
        ({"delays": 5}, r"delays has shape \(\)"),
        ({"fs": 0}, "sample_rate must be positive and finite, got fs = 0"),
        ({"fs": math.nan}, "sample_rate must be positive and finite, got fs = nan"),
        ({"fs": math.inf}, "sample_rate must be positive and finite"),
        ({"filters": np.ones((6, 3))}, r"filters must have shape \(sections, 6, delay lines\), got \(6, 3\)"),
        ({"filters": SECTION * np.ones((1, 1, 2))}, r"give \(sections, 6, 3\)"),
        ({"filters": SECTION * np.ones((65, 1, 3))}, "65 sections, more than 64"),
        ({"filters": np.zeros((1, 6, 3))}, "filters has a0 = 0 in section 0 of channel 0"),
        (
            {"filters": np.array([1, 0, 0, 1, -1.0, 0])[None, :, None] * np.ones((1, 1, 3))},
            "filters is unstable in section 0",
        ),
        ({"post_eq": SECTION * np.ones((1, 1, 3))}, r"post_eq must have shape \(sections, 6, outputs\)"),
        ({"post_matrix": SECTION}, "post_matrix must have shape"),
    ],
)
def test_a_build_refuses_what_no_network_can_be(changes: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        network(**changes)


@pytest.mark.parametrize(
    "changes", [{"A": "x"}, {"A": 1j * np.eye(3)}, {"B": None}, {"fs": "48000"}, {"fs": True}]
)
def test_a_build_refuses_what_is_no_number(changes: dict[str, Any]):
    with pytest.raises(TypeError, match="real number"):
        network(**changes)


@pytest.mark.parametrize("version", [1, 2])
def test_a_network_comes_back_from_json_to_the_last_bit(version: int):
    assert build_from_json(build_to_json(full(), version=version)) == full()


def test_version_2_keeps_the_filters_after_the_matrix_and_version_1_refuses_them():
    build = dataclasses.replace(full(), post_matrix=SECTION * np.ones((1, 1, 3)))
    assert build_from_json(build_to_json(build)) == build
    with pytest.raises(ValueError, match="version 1 has no place for post_matrix"):
        build_to_json(build, version=1)


def test_a_file_is_utf8_text_with_an_indent_and_a_last_newline(tmp_path: Path):
    path = tmp_path / "network.json"
    save_build(full(), path, version=1, metadata={"name": "Hälle"})
    text = path.read_bytes().decode("utf-8")
    assert text.endswith("}\n")
    assert '\n  "version": 1,' in text
    assert "Hälle" in text
    assert load_build(path) == full()
    assert metadata_from_json(text) == {"name": "Hälle"}


def test_the_fields_have_the_names_of_each_version():
    first, second = (json.loads(build_to_json(full(), version=v)) for v in (1, 2))
    assert {"absorption_filters", "output_filters"} <= set(first)
    assert {"post_delay", "post_matrix", "post_output"} <= set(second)
    assert second["post_matrix"] is None


def test_a_preset_document_is_read_with_its_metadata():
    preset = json.dumps(
        {
            "metadata": {"name": "tiny", "license": "MIT"},
            "design": {"feedback": {"type": "x"}},
            "build": json.loads(build_to_json(full())),
        }
    )
    assert build_from_json(preset) == full()
    assert metadata_from_json(preset)["name"] == "tiny"


def test_the_other_versions_names_of_filters_are_never_dropped_silently():
    content = json.loads(build_to_json(full(), version=2))
    content["absorption_filters"] = content.pop("post_delay")
    assert build_from_json(json.dumps(content)) == full()
    content["post_delay"] = content["absorption_filters"]
    with pytest.raises(ValueError, match="keep one"):
        build_from_json(json.dumps(content))


def test_a_sampling_rate_may_be_given_instead_of_the_documents():
    content = json.loads(build_to_json(replace(full(), filters=None, post_eq=None, post_matrix=None)))
    assert build_from_json(json.dumps(content), fs=96000).fs == 96000.0
    del content["sample_rate"]
    assert build_from_json(json.dumps(content), fs=32000).fs == 32000.0
    with pytest.raises(ValueError, match="missing required fields: sample_rate"):
        build_from_json(json.dumps(content))


def test_unknown_fields_are_not_used_and_said_so():
    content = json.loads(build_to_json(full())) | {"time_varying": 1}
    with pytest.warns(UserWarning, match="not used: time_varying"):
        assert build_from_json(json.dumps(content)) == full()


def edited(**changes: Any) -> str:
    content = json.loads(build_to_json(full())) | changes
    return json.dumps({name: value for name, value in content.items() if value != "gone"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (edited(version=3), "Unsupported FDN build version: 3; this release reads 1 and 2"),
        (edited(version=True), "Unsupported FDN build version: True"),
        (edited(version="gone"), "Unsupported FDN build version: None"),
        (edited(format="other"), "Expected format 'pyfdn-fdn-build', got 'other'"),
        (edited(delays="gone"), "missing required fields: delays"),
        (edited(sample_rate=7.5).replace("7.5", "1e999"), "sample_rate must be positive and finite"),
        (edited(delays=[1, 2, 10**40]), "delays must hold numbers that fit a double"),
        (edited(delays=[1, 2, "3"]), "delays must hold numbers"),
        (edited(delays=[1, 2, None]), "delays must hold numbers"),
        (edited(delays=[1, 2, True]), "delays must hold numbers in nested lists"),
        (edited(sample_rate="fast"), "sample_rate must be positive and finite, got 'fast'"),
        (edited(sample_rate=-1), "sample_rate must be positive and finite"),
        (edited(metadata=3), "metadata must be an object"),
        (edited(feedback_matrix=[[1, 2], [3]]), "feedback_matrix has rows of unequal length"),
        (edited(feedback_matrix=[[math.nan]]), "only finite values, got NaN"),
        (edited(post_delay=[[1, 2, 3]]), "filters must have shape"),
        ("[1, 2]", "FDN build JSON must contain an object, got list"),
        ("", "not valid JSON"),
        ("[" * 100_000, "nested too deeply|not valid JSON"),
        (b"\xff\xfe{", "not UTF-8|not valid JSON|Expected"),
        (" " * (MAX_BYTES + 1), "more than 16777216"),
        ('{"build": 3}', "got int as 'build' of a preset"),
    ],
)
def test_a_bad_document_is_refused_with_the_reason(text: str | bytes, message: str):
    with pytest.raises(ValueError, match=message):
        build_from_json(text)


def test_a_truncated_file_is_refused_by_name_wherever_it_ends(tmp_path: Path):
    text = build_to_json(full())
    path = tmp_path / "half.json"
    for end in range(1, len(text) - 2, 97):
        path.write_text(text[:end], encoding="utf-8")
        with pytest.raises(ValueError, match=r"half\.json: not valid JSON.*truncated"):
            load_build(path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=st.sampled_from(sorted(json.loads(build_to_json(full())))), value=json_values)
def test_whatever_stands_in_a_field_is_read_or_refused_as_a_value_error(name: str, value: Any):
    with contextlib.suppress(ValueError):
        build_from_json(edited(**{name: value}))


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=30) | st.binary(max_size=30))
def test_no_text_raises_anything_but_a_value_error(text: str | bytes):
    with pytest.raises(ValueError, match=r"FDN|JSON|UTF-8|format|version"):
        build_from_json(text)


def test_wrong_types_are_refused_as_such():
    with pytest.raises(TypeError, match="give JSON text"):
        build_from_json({})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="give an FDNBuild"):
        build_to_json(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="give a dict"):
        build_to_json(full(), metadata=[1])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="choose 1 or 2"):
        build_to_json(full(), version=3)


def test_a_rate_that_changes_the_decay_of_a_file_is_told() -> None:
    text = build_to_json(design_fdn(N=4, rt=(2.0, 1.0), rng=0))
    with pytest.warns(
        UserWarning, match=r"made for 48000 Hz and is read for 96000 Hz.* decay times become 0\.5 times"
    ):
        assert build_from_json(text, fs=96000).fs == 96000.0
    assert build_from_json(text, fs=48000.0).fs == 48000.0
    assert build_from_json(build_to_json(design_fdn(N=4, rt=None, rng=0)), fs=96000).fs == 96000.0
