"""The listening test without a browser: links, runs that go on, answers that are kept to themselves, files, reports."""

import json
import math
import random
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amtlib.experiments import (
    EXPERIMENTS,
    PsychometricFunction,
    Run,
    SimulatedObserver,
    fit_psychometric,
)
from app.listen import export
from app.listen.condition import FS, LOUDEST, Condition, LinkError, condition_of, presentable
from app.listen.drawing import Scale
from app.listen.known import known_of
from app.listen.model import Models
from app.listen.report import Finding, report
from app.listen.service import ListeningService
from app.listen.sounds import CEILING, COMFORTABLE_SPL, comfortable_sound, trial_sound
from app.listen.store import Store

#: A short run: two sizes of steps, two reversals that count.
SHORT = "experiment=intensity_discrimination&x.pause=0&x.duration=0.1&p.steps=2%2C1.5&p.every=1&p.reversals=2"
HEARING = PsychometricFunction(1.0, 1.0, guess=1 / 3, scale="log")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs.sqlite")


@pytest.fixture
def service(store: Store) -> ListeningService:
    return ListeningService(store)


def condition(link: str) -> Condition:
    return condition_of(link)


def heard(service: ListeningService, run: str, number: int) -> None:
    sound = service.sound({"run": run, "number": number})
    assert not isinstance(sound, dict), sound


def answered(
    service: ListeningService, link: str = SHORT, room: str = "", right: Any = None
) -> dict[str, Any]:
    """Take a whole run; `right` says of a value whether it is answered rightly."""
    state = service.answer({"type": "begin", "link": link, "room": room})
    assert "problem" not in state, state
    while not state["finished"]:
        trial = service.runs.held(state["run"]).run.trial
        assert trial is not None
        good = trial.value > 1.0 if right is None else right(trial.value)
        interval = trial.target if good else (trial.target + 1) % trial.experiment.intervals
        heard(service, state["run"], state["number"])
        state = service.answer(
            {
                "type": "answer",
                "run": state["run"],
                "number": state["number"],
                "answer": interval,
                "after": 0.5,
            }
        )["state"]
    return state


# ---------------------------------------------------------------- links


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_is_offered_and_its_link_leads_to_it(service: ListeningService, name: str) -> None:
    offer = next(
        each for each in service.answer({"type": "open", "link": ""})["offers"] if each["name"] == name
    )
    chosen = service.answer({"type": "open", "link": offer["link"]})["chosen"]
    assert [each["link"] for each in chosen] == [offer["link"]]
    keys = "&".join(f"{each['key']}={each['value']}" for each in offer["settings"])
    assert condition(f"experiment={name}&{keys}").link() == offer["link"]  # what the form sends unchanged


@pytest.mark.parametrize(
    ("link", "complaint"),
    [
        ("experiment=louder", "There is no experiment “louder”"),
        ("experiment=gap_detection&x.level=120", "“Level of the noise” = 120 dB SPL is outside 0 to 82"),
        ("experiment=gap_detection&x.level=90", "“Level of the noise” = 90 dB SPL is outside 0 to 82 dB SPL"),
        ("experiment=gap_detection&x.level=nan", "is no number"),
        ("experiment=gap_detection&x.level=1e999", "is no number"),
        ("experiment=gap_detection&x.loudest=100", "“loudest” is no setting"),
        ("experiment=gap_detection&x.fs=8000", "“fs” is no setting"),
        ("experiment=gap_detection&x.intervals=2.5", "“Intervals of a trial” = 2.5 is no whole number"),
        ("experiment=gap_detection&x.intervals=4&x.duration=2&x.pause=2", "lasts 14 s, more than 12 s"),
        ("experiment=gap_detection&p.most=1000", "“Most trials” = 1000 is outside 10 to 200"),
        ("experiment=gap_detection&p.reversals=3", "“Reversals that count” = 3 is odd"),
        ("experiment=gap_detection&procedure=guess", "There is no procedure “guess”"),
        (
            "experiment=gap_detection&feedback=maybe",
            "“Say after each answer whether it was right” = “maybe” is neither 0 nor 1",
        ),
        ("experiment=gap_detection&answer=1", "“answer” is no setting"),
        ("experiment=gap_detection&x.level=50&x.level=60", "names a setting twice"),
        (
            "experiment=gap_detection&x.noise_high=12000",
            "“Upper edge of the noise” = 12000 Hz is outside 100 to 11025",
        ),
        (
            "experiment=intensity_discrimination&x.duration=0.05",
            "“Rise and fall” = 0.05 s is more than half of “Duration” = 0.05 s",
        ),
        (
            "experiment=gap_detection&x.duration=0.15&x.ramp=0.1",
            "“Rise and fall of the noise” = 0.1 s is more than",
        ),
        ("experiment=am_detection&x.carrier=music", "“What is modulated” = 'music' is unknown: choose"),
        (
            "experiment=am_detection&catch=0.9",
            "“Share of trials that test attention” = 0.9 is outside 0 to 0.5",
        ),
        ("experiment=tone_in_quiet&x.duration=0.02&x.ramp=0.1", "ramp"),
        ("x.level=50", "names no experiment"),
        ("&".join(["a=1"] * 200), "more than 100 parts"),
        ("experiment=gap_detection&x.level=" + "5" * 3000, "more than 2000"),
    ],
)
def test_a_hostile_link_is_refused_in_a_sentence(
    service: ListeningService, link: str, complaint: str
) -> None:
    with pytest.raises(LinkError) as refused:
        presentable(link)
    assert complaint in str(refused.value)
    answer = service.answer({"type": "begin", "link": link})
    assert answer["problem"] == str(refused.value)
    assert service.answer({"type": "open", "link": link})["problem"] == str(refused.value)


def test_the_page_says_what_its_levels_are() -> None:
    page = Path(__file__).parents[2] / "app" / "page" / "js" / "listen_choose.js"
    said = page.read_text(encoding="utf-8")
    assert f"more than {LOUDEST - COMFORTABLE_SPL:g} dB stronger than this noise" in said
    assert f"if this noise has {COMFORTABLE_SPL:g} dB SPL there" in said


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_nothing_is_played_above_the_ceiling_whatever_a_link_asks_for(name: str) -> None:
    settings = {entry["key"]: entry for entry in condition(f"experiment={name}").settings()}
    loud = [key for key in settings if key.endswith("level") and "spectrum" not in key]
    link = f"experiment={name}" + "".join(f"&{key}={settings[key]['high'] - 20:g}" for key in loud)
    made = condition(link).experiment
    variable = made.variable
    for value in (variable.low, variable.high):
        sound = trial_sound(made.trial(value, 0, seed=3))
        samples = sound.pcm.astype(float) / 32768.0 * sound.gain
        assert np.abs(samples).max() <= CEILING + 1e-9
        long = round(sound.length * FS)
        interval = samples[: long or None]
        level = 10 * math.log10(max(float(np.mean(interval**2)), 1e-30))
        assert level <= -15.0 - (85.0 - LOUDEST) + 0.5  # dB re full scale


def test_levels_of_trials_are_true_to_each_other() -> None:
    made = condition("experiment=tone_in_quiet&x.ramp=0.001").experiment
    levels = []
    for value in (30.0, 70.0):
        sound = trial_sound(made.trial(value, 0, seed=1))
        tone = sound.pcm[: round(sound.length * FS)].astype(float) / 32768.0 * sound.gain
        levels.append(10 * math.log10(np.mean(tone**2)))
    assert levels[1] - levels[0] == pytest.approx(40.0, abs=0.01)
    noise = comfortable_sound()
    middle = noise.pcm[15000:30000].astype(float) / 32768.0 * noise.gain
    assert 10 * math.log10(np.mean(middle**2)) == pytest.approx(COMFORTABLE_SPL - 100.0, abs=0.7)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_nothing_about_a_sounds_format_depends_on_its_target(name: str) -> None:
    made = condition(f"experiment={name}").experiment
    packed = [trial_sound(made.trial(made.variable.start, target, seed=5)).packed() for target in range(3)]
    assert len({len(each) for each in packed}) == 1
    heads = [json.loads(each[4:260]) for each in packed]
    assert all(
        head["begins"] == heads[0]["begins"] and head["length"] == heads[0]["length"] for head in heads
    )


def test_intervals_begin_and_end_at_the_sample_that_is_told() -> None:
    made = condition("experiment=intensity_discrimination&x.pause=0.25&x.duration=0.3").experiment
    sound = trial_sound(made.trial(3.0, 1, seed=1))
    inside = np.zeros(len(sound.pcm), dtype=bool)
    for begin in sound.begins:
        first = begin * FS
        assert first == pytest.approx(round(first), abs=1e-6)
        inside[round(first) : round(first) + round(sound.length * FS)] = True
    assert not sound.pcm[~inside].any()
    assert inside.sum() == 3 * round(0.3 * FS)


# ---------------------------------------------------------------- the headphones


def test_the_check_of_the_headphones_is_passed_with_six_right_answers_alone(
    service: ListeningService,
) -> None:
    found = []
    for wrong in (0, 1):
        state = service.answer({"type": "check"})
        while not state["finished"]:
            run, number = state["run"], state["number"]
            heard(service, run, number)
            assert "right" not in state
            target = service.checks._target(run, number)
            answer = (target + (number < wrong)) % 3
            state = service.answer({"type": "answer", "run": run, "number": number, "answer": answer})[
                "state"
            ]
        found.append((state["right"], state["passed"]))
    assert found == [(6, True), (5, False)]
    assert "problem" in service.sound({"run": run, "number": 6})  # type: ignore[operator]


# ---------------------------------------------------------------- a run


def test_a_run_goes_on_in_another_process_and_comes_to_the_same(store: Store) -> None:
    one = ListeningService(store)
    state = one.answer({"type": "begin", "link": SHORT})
    run = state["run"]
    rng = random.Random(1)
    # Each as a process of its own
    for service in [one, *(ListeningService(store) for _ in range(2)), one, ListeningService(store)]:
        number = service.answer({"type": "state", "run": run})["number"]
        heard(service, run, number)
        service.answer(
            {"type": "answer", "run": run, "number": number, "answer": rng.randrange(3), "after": 1.0}
        )
    values = [
        [each.value for each in service.runs.held(run).run.trials]
        for service in (one, ListeningService(store))
    ]
    assert values[0] == values[1]
    assert len(values[0]) == 5


def test_an_answer_that_comes_twice_is_taken_once(service: ListeningService) -> None:
    run = service.answer({"type": "begin", "link": SHORT})["run"]
    heard(service, run, 0)
    first = service.answer({"type": "answer", "run": run, "number": 0, "answer": 0, "after": 1.0})
    again = service.answer({"type": "answer", "run": run, "number": 0, "answer": 1, "after": 9.0})
    assert again["told"] == first["told"]
    assert again["state"]["number"] == 1
    assert [each.answer for each in service.runs.held(run).run.trials] == [0]


def test_nothing_tells_the_target_or_the_seed_before_the_answer(
    service: ListeningService, store: Store
) -> None:
    run = service.answer({"type": "begin", "link": SHORT})["run"]
    seed = store.run(run).seed
    heard(service, run, 0)
    asked = [
        {"type": "state", "run": run},
        {"type": "open", "link": SHORT},
        *({"type": kind, "run": run} for kind in ("result", "code", "send")),
        *({"type": "export", "run": run, "kind": kind} for kind in ("json", "csv")),
        {"type": "same", "run": run, "ear": "NH"},
    ]
    for message in asked:
        said = json.dumps(service.answer(message))
        assert str(seed) not in said
        assert "target" not in said
        assert "right" not in said.replace("answers", "").replace("whether it was right", "")
    assert service.answer({"type": "result", "run": run})["problem"].startswith(
        "This run is not finished yet"
    )


def test_without_feedback_nothing_is_told_until_the_end(service: ListeningService) -> None:
    run = service.answer({"type": "begin", "link": f"{SHORT}&feedback=0&live=1"})["run"]
    heard(service, run, 0)
    answer = service.answer({"type": "answer", "run": run, "number": 0, "answer": 0, "after": 1.0})
    assert answer["told"] == {}
    assert answer["state"]["track"] == []


def test_a_trial_is_answered_when_it_was_heard_and_not_before(service: ListeningService) -> None:
    run = service.answer({"type": "begin", "link": SHORT})["run"]
    ask = {"type": "answer", "run": run, "answer": 0, "after": 1.0}
    assert service.answer({**ask, "number": 0})["problem"] == "This trial was not heard yet: play it first."
    assert "not the one that waits" in service.answer({**ask, "number": 1})["problem"]
    assert "not the one that waits" in service.sound({"run": run, "number": 1})["problem"]
    heard(service, run, 0)
    assert "There is no interval 4" in service.answer({**ask, "number": 0, "answer": 3})["problem"]


def test_practice_tells_and_does_not_count(service: ListeningService) -> None:
    run = service.answer({"type": "begin", "link": f"{SHORT}&feedback=0"})["run"]
    for number in (-1, -2, -3):
        heard(service, run, number)
        answer = service.answer({"type": "answer", "run": run, "number": number, "answer": 1, "after": 1.0})
        assert answer["told"]["right"] == (answer["told"]["target"] == 1)
    assert answer["state"]["practised"] == 3
    assert answer["state"]["number"] == 0


def test_the_count_of_what_is_left_comes_to_nothing_at_the_end(service: ListeningService) -> None:
    state = service.answer({"type": "begin", "link": SHORT})
    assert (state["left"], state["unit"]) == (3, "reversal")
    assert answered(service)["left"] == 0
    psi = "experiment=intensity_discrimination&x.duration=0.1&x.pause=0&procedure=psi&p.trials=5"
    assert service.answer({"type": "begin", "link": psi})["left"] == 5
    assert answered(service, psi)["left"] == 0


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        {"type": 1},
        {"type": "nothing"},
        {"type": "state"},
        {"type": "state", "run": 5},
        {"type": "state", "run": "a" * 100},
        {"type": "answer", "run": "x", "number": True, "answer": 0},
        {"type": "answer", "run": "x", "number": 10**9, "answer": 0},
        {"type": "open", "link": "a" * 10_000},
    ],
)
def test_what_no_page_sends_is_refused_in_a_sentence(service: ListeningService, message: Any) -> None:
    assert service.answer(message)["problem"].endswith(".")


def test_a_run_that_is_not_kept_is_said_to_be_gone(service: ListeningService) -> None:
    for message in ({"type": "state", "run": "x"}, {"type": "answer", "run": "x", "number": 0, "answer": 0}):
        assert service.answer(message)["unknown"]
    assert service.sound({"run": "x", "number": 0})["unknown"]


# ---------------------------------------------------------------- what it comes to


def test_an_exported_run_presents_the_same_sounds_again(service: ListeningService) -> None:
    state = service.answer({"type": "begin", "link": SHORT})
    sounds = []
    while not state["finished"]:
        sound = service.sound({"run": state["run"], "number": state["number"]})
        assert not isinstance(sound, dict)
        sounds.append(sound.pcm)
        message = {
            "type": "answer",
            "run": state["run"],
            "number": state["number"],
            "answer": 0,
            "after": 0.25,
        }
        state = service.answer(message)["state"]
    text = service.answer({"type": "export", "run": state["run"], "kind": "json"})["text"]
    done = Run.from_json(text)
    again = Run(done.experiment, done.procedure, done.seed, done.catch)
    for each, played in zip(done.trials, sounds, strict=True):
        assert again.trial is not None
        np.testing.assert_array_equal(trial_sound(again.trial).pcm, played)
        again.answer(each.answer)
    assert again.threshold == done.threshold
    page = json.loads(text)["page"]
    assert [each.seconds for each in done.trials] == [0.25] * len(done.trials)
    assert all(each["heard"] == 1 for each in page["answers"])


def test_the_csv_has_a_line_for_each_trial_and_all_settings(service: ListeningService) -> None:
    run = answered(service)["run"]
    text = service.answer({"type": "export", "run": run, "kind": "csv"})["text"]
    first, second, heads, *lines = text.splitlines()
    settings = json.loads(first.removeprefix("# experiment "))
    assert settings["duration"] == 0.1
    assert settings["seed"] == service.store.run(run).seed
    assert json.loads(second.removeprefix("# procedure "))["reversals"] == 2
    assert heads == "trial,value,target,answer,right,catch,clamped,seconds,variable,unit,at,heard"
    assert len(lines) == len(service.runs.held(run).run.trials)


def test_the_script_runs_and_comes_to_the_pages_threshold(
    service: ListeningService,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = answered(service)["run"]
    held = service.runs.held(run)
    (tmp_path / "amtlab-run.json").write_text(
        service.answer({"type": "export", "run": run, "kind": "json"})["text"]
    )
    script = export.script(held).replace("subject=", "fc=[1000.0, 2000.0], subject=")  # two channels: quick
    monkeypatch.chdir(tmp_path)
    exec(compile(script, "script", "exec"), {})
    said = capsys.readouterr().out
    assert f"threshold {held.run.threshold:.4g} dB" in said
    assert said.count("; model ") == len(held.run.trials)


def test_the_report_says_where_listeners_differ_and_draws_both() -> None:
    made = condition("experiment=gap_detection")
    easy, hard = (
        made.run(seed).proceed(
            SimulatedObserver(PsychometricFunction(gap, 0.7, guess=1 / 3, scale="log"), seed=seed)
        )
        for gap, seed in ((2.4, 1), (9.0, 2))
    )
    trials = [
        {
            "value": each.value,
            "right": each.right,
            "probability": 0.9 if each.value > 9.0 else 0.4,
            "difference": 1.0,
        }
        for each in hard.trials
    ]
    found = report(Finding.of(easy), {"NH": {"run": json.loads(hard.to_json()), "trials": trials}})
    assert [who for who, _, _ in found["thresholds"]] == ["you", "NH"]
    assert any(
        each.startswith("Your threshold is better than that of the model") for each in found["sentences"]
    )
    assert any("agrees with what is known about people: 2 to 3 ms" in each for each in found["sentences"])
    assert "Gelfand" in found["known"]
    assert found["track"].count("<circle") == len(easy.trials) + len(hard.trials)
    assert found["table"].count("<tr>") == len(easy.trials) + 1


def test_a_finished_run_is_fitted_once_however_often_its_page_asks(
    service: ListeningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits: list[Any] = []

    def fit(values: Any, *others: Any, **settings: Any) -> Any:
        fits.append(values)
        return fit_psychometric(values, *others, **settings)

    for module in ("amtlib.experiments.run", "app.listen.report"):
        monkeypatch.setattr(f"{module}.fit_psychometric", fit)
    run = answered(service)["run"]
    own = condition(SHORT).run(5).proceed(SimulatedObserver(HEARING, seed=5))
    trials = [{"value": each.value, "probability": 0.5} for each in own.trials]
    heard = {"run": json.loads(own.to_json()), "trials": trials}
    monkeypatch.setattr(service.models, "own", lambda condition, ear: heard)
    first, *others = (service.answer({"type": "result", "run": run}) for _ in range(3))
    assert all(each == first for each in others)
    assert len(fits) == 3  # answers of the person, answers of the model, chances of the model


def test_a_threshold_that_all_answers_together_speak_against_is_not_said_with_their_interval() -> None:
    run = condition(SHORT).run(5).proceed(SimulatedObserver(HEARING, seed=5))
    assert run.threshold is not None
    fit = replace(run.fit(), low=2.0 * run.threshold, high=math.inf)
    assert "as the run ended, but by all answers together 95 % above" in Finding(run, fit).says()
    fit = replace(fit, low=0.5 * run.threshold)
    assert re.fullmatch(r"[\d.]+ dB, 95 % above [\d.]+", Finding(run, fit).says())


def test_a_run_of_guesses_is_reported_without_a_threshold(service: ListeningService) -> None:
    link = "experiment=gap_detection&x.duration=0.15&x.pause=0&p.most=10"
    run = answered(service, link, right=lambda value: False)["run"]
    held = service.runs.held(run)
    found = report(held.finding, {})
    assert "The run ended before there was a threshold." in found["sentences"]
    assert any("stood at an end of the range" in each for each in found["sentences"])


def test_literature_stands_beside_conditions_that_it_speaks_of_alone() -> None:
    assert known_of(condition("experiment=gap_detection").experiment) is not None
    for link in (
        "gap_detection&x.noise_high=1000",
        "tone_in_quiet",
        "am_detection&x.rate=200",
        "spectral_ripple",
    ):
        assert known_of(condition(f"experiment={link}").experiment) is None
    ratio = known_of(condition("experiment=tone_in_noise&x.spectrum_level=40").experiment)
    assert ratio is not None
    assert ratio.low == 59.0


# ---------------------------------------------------------------- the model


def done(ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Ask until the model is done."""
    until = time.monotonic() + 120.0
    while (found := ask()).get("waiting"):
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


def test_the_model_takes_a_test_once_for_all_who_ask_and_hears_a_persons_very_trials(
    service: ListeningService, store: Store
) -> None:
    state = answered(service)
    found = done(lambda: service.answer({"type": "result", "run": state["run"]}))
    assert [who for who, _, _ in found["thresholds"]] == ["you", "NH"]
    kept = Models(store).own(condition(f"{SHORT}&feedback=0"), "NH")  # another process, other presentation
    assert "waiting" not in kept
    same = done(lambda: service.answer({"type": "same", "run": state["run"], "ear": "NH"}))
    run = service.runs.held(state["run"]).run
    assert same["html"].count("<tr>") == len(run.trials) + 1
    assert f"Of your {len(run.trials)} trials" in same["html"]


def test_the_model_says_why_it_cannot_take_a_test(service: ListeningService) -> None:
    state = answered(
        service, "experiment=tone_in_quiet&x.frequency=10000&x.duration=0.05&x.pause=0&p.most=10"
    )
    found = done(lambda: service.answer({"type": "result", "run": state["run"]}))
    assert "The model cannot take this test: not even a clear target reaches it." in found["sentences"]
    assert [who for who, _, _ in found["thresholds"]] == ["you"]


def test_axes_have_round_ticks_within_their_ranges() -> None:
    assert Scale("", 0.0, 23.0).ticks() == [0.0, 5.0, 10.0, 15.0, 20.0]
    assert Scale("", 0.9, 12.0, log=True).ticks() == [1.0, 2.0, 5.0, 10.0]
    assert all(0.02 <= tick <= 15.0 for tick in Scale("", 0.02, 15.0, log=True).ticks())
