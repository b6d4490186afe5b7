"""Procedures find what a known listener hears; runs replay from their seeds and are one file."""

import csv
import io
import json
import math

import numpy as np
import pytest
import torch

from amtlib.experiments import (
    EXPERIMENTS,
    Experiment,
    ExternalObserver,
    Procedure,
    Psi,
    PsychometricFunction,
    Run,
    SimulatedObserver,
    UpDown,
    Variable,
    experiment,
    fit_psychometric,
)

LEVEL = Variable("level", "dB SPL", 0.0, 100.0, 50.0, (8.0, 4.0, 2.0))
GAP = Variable("gap", "ms", 0.2, 100.0, 20.0, (2.0, 2.0**0.5, 2.0**0.25), "log")
QUIET = experiment("tone_in_quiet")
HEARING = PsychometricFunction(30.3, 12.0, guess=1 / 3)


def thresholds(
    procedure: Procedure, hearing: PsychometricFunction, variable: Variable
) -> tuple[list[float], float]:
    """Estimates of 200 runs on the variable's scale, and the truth."""
    draw = np.random.default_rng(1)
    found = []
    for _ in range(200):
        track = procedure.tracker(variable, 3)
        while not track.finished:
            track.answer(bool(draw.random() < float(hearing(track.value))))
        assert track.threshold is not None
        found.append(variable.to_scale(track.threshold))
    return found, variable.to_scale(hearing.value_at(procedure.probability))


@pytest.mark.parametrize(
    ("procedure", "hearing", "variable"),
    [
        (UpDown(down=2, reversals=20), HEARING, LEVEL),
        (UpDown(down=2, reversals=20), PsychometricFunction(5.0, 1.5, 1 / 3, scale="log"), GAP),
        (Psi(trials=60, points=41), HEARING, LEVEL),
        (Psi(trials=60, points=41), PsychometricFunction(5.0, 1.5, 1 / 3, scale="log"), GAP),
    ],
    ids=["2 down", "2 down in factors", "psi", "psi in factors"],
)
def test_the_mean_of_200_thresholds_is_within_twice_its_standard_error_of_the_truth(
    procedure: Procedure, hearing: PsychometricFunction, variable: Variable
):
    found, truth = thresholds(procedure, hearing, variable)
    error = np.std(found) / math.sqrt(len(found))
    assert abs(np.mean(found) - truth) < 2.0 * error


@pytest.mark.parametrize("procedure", [UpDown(), UpDown(down=3), UpDown(weighted=0.75)])
def test_a_usual_run_is_off_by_less_than_runs_scatter(procedure: Procedure):
    # Finite steps have a bias of their own (Saberi and Green 1996): with 3 down 0.1 dB, with steps up of 6 dB 0.7 dB
    found, truth = thresholds(procedure, HEARING, LEVEL)
    assert abs(np.mean(found) - truth) < np.std(found)


def test_procedures_know_where_they_converge():
    # Levitt (1971), table I; Kaernbach (1991)
    assert [round(UpDown(down=n).probability, 3) for n in (1, 2, 3, 4)] == [0.5, 0.707, 0.794, 0.841]
    assert UpDown(weighted=0.75).probability == 0.75


def test_weighted_steps_up_and_down_are_as_wrong_to_right_answers():
    track = UpDown(weighted=0.75, steps=(1.0,)).tracker(LEVEL, 3)
    levels = [track.value]
    for right in (True, False, True, True, True):
        track.answer(right)
        levels.append(track.value)
    assert levels == [50.0, 49.0, 52.0, 51.0, 50.0, 49.0]


def test_steps_get_smaller_after_every_second_reversal_and_the_last_ones_count():
    track = UpDown(down=1, reversals=2).tracker(LEVEL, 3)
    levels = [track.value]
    for right in (True, False, True, False, True, False, True):
        track.answer(right)
        levels.append(track.value)
    assert levels == [50.0, 42.0, 50.0, 46.0, 50.0, 48.0, 50.0, 48.0]
    assert [value for _, value in track.reversals] == [42.0, 50.0, 46.0, 50.0, 48.0, 50.0]
    assert track.finished
    assert track.threshold == 49.0


def test_a_level_stays_within_its_range_and_the_run_says_so():
    run = Run(QUIET, UpDown(most=40), seed=1)
    while (trial := run.trial) is not None:
        assert 0.0 <= trial.value <= 100.0
        run.answer(trial.target)
    assert len(run.trials) == 40
    assert run.threshold is None
    assert run.clamped > 10
    assert "no threshold, " in repr(run)
    assert "at the end of the range" in repr(run)


def test_a_fit_finds_the_function_and_its_interval_holds_it_as_often_as_it_says():
    draw = np.random.default_rng(3)
    truth = PsychometricFunction(30.0, 12.0, guess=1 / 3, lapse=0.02)
    levels = np.linspace(18.0, 42.0, 9)
    right = [draw.binomial(200, truth(levels)) for _ in range(60)]
    fits = [fit_psychometric(levels, k, [200] * 9, guess=1 / 3) for k in right]
    errors = [fit.threshold - truth.value_at(2**-0.5) for fit in fits]
    assert abs(np.mean(errors)) < 2.5 * np.std(errors) / math.sqrt(len(errors))
    held = np.mean([fit.low < truth.value_at(2**-0.5) < fit.high for fit in fits])
    assert 0.86 < held <= 1.0  # 0.95, with 60 fits: three standard errors


@pytest.mark.parametrize("shape", ["logistic", "normal", "weibull"])
def test_a_function_has_its_midpoint_and_its_width(shape: str):
    function = PsychometricFunction(20.0, 6.0, shape=shape)
    assert float(function(20.0)) == pytest.approx(0.5)
    assert function.value_at(0.95) - function.value_at(0.05) == pytest.approx(6.0)
    for probability in (0.1, 0.7, 0.9):
        assert float(function(function.value_at(probability))) == pytest.approx(probability)
    falling = PsychometricFunction(2.0, 1.0, 1 / 3, 0.02, shape, "log", -1)
    assert float(falling(0.1)) == pytest.approx(0.98, abs=1e-3)
    assert float(falling(falling.value_at(0.7))) == pytest.approx(0.7)


def test_fits_follow_scale_direction_and_counts():
    factor = np.geomspace(1.0, 10.0, 7)
    truth = PsychometricFunction(3.0, 1.5, 0.5, scale="log", easier=-1)
    fit = fit_psychometric(factor, 1e4 * truth(factor), [1e4] * 7, guess=0.5, scale="log", easier=-1)
    assert fit.threshold == pytest.approx(truth.value_at(2**-0.5), rel=2e-3)
    assert fit.function.width == pytest.approx(1.5, rel=0.01)
    one_by_one = fit_psychometric([1, 1, 2, 2, 3, 3], [0, 1, 0, 1, 1, 1], guess=0.5)
    together = fit_psychometric([1, 2, 3], [1, 1, 2], [2, 2, 2], guess=0.5)
    assert one_by_one.threshold == together.threshold
    assert one_by_one.high == math.inf or one_by_one.high > one_by_one.threshold


RUNS = [
    (QUIET, UpDown(reversals=4)),
    (QUIET, UpDown(weighted=0.75, reversals=4)),
    (experiment("gap_detection"), Psi(trials=12, points=21)),
    (experiment("spectral_ripple"), UpDown(down=3, reversals=4)),
]


@pytest.mark.parametrize(("what", "procedure"), RUNS)
def test_a_run_replays_from_its_seed_and_comes_back_from_its_file(what: Experiment, procedure: Procedure):
    variable = what.variable
    hearing = PsychometricFunction(
        variable.start * (0.7 if variable.easier > 0 else 2.0),
        2.0,
        1 / 3,
        0.0,
        "logistic",
        variable.scale,
        variable.easier,
    )
    first, again = (
        Run(what, procedure, seed=7, catch=0.2).proceed(SimulatedObserver(hearing, seed=5)) for _ in range(2)
    )
    assert first.to_json() == again.to_json()
    back = Run.from_json(first.to_json())
    assert back.to_json() == first.to_json()
    assert (back.threshold, back.spread, back.reversals) == (first.threshold, first.spread, first.reversals)
    assert Run(what, procedure, seed=8).trial.seed != Run(what, procedure, seed=7).trial.seed


def test_a_file_says_what_happened():
    run = Run(QUIET, UpDown(reversals=4), seed=2).proceed(SimulatedObserver(HEARING))
    found = json.loads(run.to_json())
    assert (found["format"], found["version"], found["finished"]) == ("amtlab-run", 1, True)
    assert found["threshold"] == run.threshold
    assert found["variable"] == {"name": "level", "unit": "dB SPL", "scale": "linear"}
    assert [each["value"] for each in found["trials"]] == [each.value for each in run.trials]
    assert all(each["right"] == (each["answer"] == each["target"]) for each in found["trials"])
    assert "SimulatedObserver" in found["observer"]


def test_an_interrupted_run_goes_on_with_the_same_sounds():
    run, listener = Run(experiment("gap_detection"), UpDown(reversals=2), seed=4), ExternalObserver()
    for choice in (0, 1, 2):
        assert run.trial is not None
        listener.give(run.trial.number, choice)
        run.proceed(listener)
    back = Run.from_json(run.to_json())
    assert run.trial is not None
    assert back.trial is not None
    assert back.trial.number == 3
    torch.testing.assert_close(back.trial.sound, run.trial.sound, rtol=0.0, atol=0.0)
    another = ExternalObserver()
    another.give(2, 0)  # a second click on the trial before
    assert back.proceed(another).trial is not None
    assert len(back.trials) == 3


def test_an_answered_trial_can_be_heard_again_by_another_listener():
    run = Run(experiment("gap_detection", duration=0.2), UpDown(reversals=2), seed=4, catch=0.3)
    heard = []
    while (trial := run.trial) is not None:
        heard.append(trial)
        run.answer(trial.target if len(heard) % 3 else (trial.target + 1) % 3)
    assert any(trial.catch for trial in heard)
    back = Run.from_json(run.to_json())
    for trial in heard:
        again = back.presented(trial.number)
        assert again == trial
        torch.testing.assert_close(again.intervals, trial.intervals, rtol=0.0, atol=0.0)
    with pytest.raises(ValueError, match="k = 99 is outside 0 to "):
        run.presented(99)
    with pytest.raises(ValueError, match="no trial of this run was answered yet"):
        Run(QUIET).presented(0)


def test_times_of_answers_are_kept_and_older_files_without_them_are_read():
    run = Run(QUIET, UpDown(reversals=2), seed=2)
    run.answer(0, seconds=1.25)
    run.answer(1)
    assert [each.seconds for each in Run.from_json(run.to_json()).trials] == [1.25, None]
    found = json.loads(run.to_json())
    found["trials"] = [{k: v for k, v in each.items() if k != "seconds"} for each in found["trials"]]
    assert [each.seconds for each in Run.from_json(json.dumps(found)).trials] == [None, None]
    with pytest.raises(ValueError, match=r"seconds = -1 s is outside 0 to 1e\+06 s"):
        run.answer(0, seconds=-1.0)
    assert len(run.trials) == 2


def test_a_table_has_a_row_for_each_trial():
    run = Run(QUIET, UpDown(reversals=2), seed=2).proceed(SimulatedObserver(HEARING))
    rows = list(csv.DictReader(io.StringIO(run.to_csv())))
    assert [float(row["value"]) for row in rows] == [each.value for each in run.trials]
    assert [row["right"] == "True" for row in rows] == [each.right for each in run.trials]
    assert {(row["variable"], row["unit"], row["seconds"]) for row in rows} == {("level", "dB SPL", "")}


def test_catch_trials_are_easy_do_not_move_the_procedure_and_tell_attention():
    run = Run(QUIET, UpDown(reversals=4), seed=3, catch=0.3).proceed(SimulatedObserver(HEARING))
    caught = [each for each in run.trials if each.catch]
    assert caught
    assert {each.value for each in caught} == {QUIET.variable.start}
    assert run.attention is not None
    assert run.attention > 0.5
    without = [each.right for each in run.trials if not each.catch]
    track = run.procedure.tracker(QUIET.variable, 3)
    for right in without:
        track.answer(right)
    assert track.threshold == run.threshold
    assert all(not run.trials[k].catch for k, _ in run.reversals)


def test_targets_are_spread_over_intervals():
    run = Run(QUIET, UpDown(most=300, reversals=40), seed=1)
    targets = []
    while len(targets) < 300 and (trial := run.trial) is not None:
        targets.append(trial.target)
        run.answer(trial.target if len(targets) % 3 else (trial.target + 1) % 3)
    counts = np.bincount(targets, minlength=3)
    assert counts.sum() > 40
    assert counts.min() > 0.2 * counts.sum()


def test_a_changed_or_foreign_file_is_refused():
    run = Run(QUIET, UpDown(reversals=4), seed=2).proceed(SimulatedObserver(HEARING))
    found = json.loads(run.to_json())
    for change, message in (
        ({"version": 2}, "version 2, and version 1 is known"),
        ({"format": "other"}, "this is no run"),
        ({"trials": [found["trials"][0] | {"value": 12.0}]}, "trial 0 does not follow from the seed"),
        ({"trials": [{"value": 1.0}]}, "is damaged"),
        ({"trials": [*found["trials"], found["trials"][0]]}, "was finished after"),
        ({"procedure": {"name": "quest", "settings": {}}}, "procedure 'quest' is unknown"),
        ({"experiment": {"name": "none", "settings": {}}}, "'none' is no experiment"),
        ({"experiment": {"name": "tone_in_quiet", "settings": {"level": 3}}}, "has no setting 'level'"),
    ):
        with pytest.raises(ValueError, match=message):
            Run.from_json(json.dumps(found | change))
    with pytest.raises(ValueError, match="this is no JSON text"):
        Run.from_json("{")


def test_what_makes_no_run_is_refused_with_a_reason():
    with pytest.raises(TypeError, match="experiment is a str"):
        Run("tone_in_quiet")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"seed = -1 is outside 0 to 4294967295"):
        Run(QUIET, seed=-1)
    with pytest.raises(ValueError, match=r"catch = 0.9 is outside 0 to 0.5"):
        Run(QUIET, catch=0.9)
    with pytest.raises(ValueError, match=r"reversals = 3 is odd"):
        UpDown(reversals=3)
    with pytest.raises(ValueError, match=r"steps = \(2.0, 1.0\) are factors for gap"):
        Run(experiment("gap_detection"), UpDown(steps=(2, 1)))
    with pytest.raises(ValueError, match=r"percent_correct = 50 % is outside 55 to 95 %"):
        Psi(percent_correct=50)
    run = Run(QUIET)
    with pytest.raises(ValueError, match="interval = 3 is outside 0 to 2"):
        run.answer(3)
    with pytest.raises(ValueError, match="is no experiment; give one of tone_in_quiet"):
        experiment("tones")
    with pytest.raises(ValueError, match=r"probability = 0\.3 is never reached"):
        HEARING.value_at(0.3)
    with pytest.raises(ValueError, match="answers at two values at least"):
        fit_psychometric([1, 1], [0, 1], guess=0.5)
    assert set(EXPERIMENTS) == {kind.name for kind in EXPERIMENTS.values()}
