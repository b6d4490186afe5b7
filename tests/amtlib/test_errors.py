"""Errors about arguments keep their fields, also on their way from another process."""

import pickle

import pytest

from amtlib import signals
from amtlib.errors import ArgumentError, OutOfRange


def test_what_is_out_of_range_is_named_in_fields() -> None:
    with pytest.raises(OutOfRange) as caught:
        signals.tone(1000.0, level=200.0)
    error = caught.value
    assert (error.name, error.value, error.low, error.high, error.unit) == (
        "level",
        200.0,
        -100.0,
        160.0,
        "dB SPL",
    )
    assert str(error) == "level = 200 dB SPL is outside -100 to 160 dB SPL: choose a value in that range"


def test_whole_numbers_are_written_whole() -> None:
    assert "is outside 1 to 2147483648:" in str(OutOfRange("lowest", 0, 1, 2**31))


def test_each_argument_of_a_sentence_can_have_another_name() -> None:
    with pytest.raises(ArgumentError) as caught:
        signals.tone(30000.0, fs=44100)
    said = caught.value.worded({"frequency": "“Frequency”", "fs/2": "half the rate"})
    assert said.startswith("“Frequency” = 30000 Hz must lie above 0 and below half the rate = 22050 Hz")
    assert str(caught.value).startswith("frequency = 30000 Hz must lie above 0 and below fs/2 = 22050 Hz")


@pytest.mark.parametrize(
    "error",
    [ArgumentError("{low} < {high}"), OutOfRange("gain", 2.0, -1.0, 1.0, "dB", "lower it")],
    ids=lambda error: type(error).__name__,
)
def test_an_error_survives_pickling(error: ArgumentError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
