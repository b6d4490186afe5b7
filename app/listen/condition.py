"""A condition: what is presented and how, as a link says it; everything in a link is checked here.

Not here: the experiments (:mod:`amtlib.experiments`), runs of a condition (`runs.py`).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, fields
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

from amtlib.errors import ArgumentError
from amtlib.experiments import EXPERIMENTS, PROCEDURES, Experiment, Procedure, Run, UpDown, experiment
from amtlib.signals.frame import number, whole
from app.page.problems import sentence

#: Sampling rate of all sounds, Hz: they lie below 11 kHz, and the model needs half the time that it needs at 44.1 kHz.
FS = 22050.0
#: Highest level that a link may ask for, dB SPL: rms 18 dB below full scale, see `sounds.py`.
LOUDEST = 82.0
#: Longest trial, s, and most trials of a run.
LONGEST_TRIAL, MOST_TRIALS = 12.0, 200
#: Longest link, characters.
LONGEST_LINK = 2000
#: What a link may hold besides a condition.
BESIDE = ("room", "theme", "lesson")
#: What the page itself decides.
_FIXED = {"fs": FS, "loudest": LOUDEST}
#: What may be on or off, and its label on the page.
FLAGS = {
    "feedback": "Say after each answer whether it was right",
    "repeat": "Let a trial be heard again",
    "live": "Draw the track while it goes (for a demonstration)",
    "headphones": "Ask for the check of the headphones",
}
#: What else a message may name, in the page's words.
_OTHER_LABELS = {"fs": "the sampling rate", "catch": "“Share of trials that test attention”"}


class LinkError(ValueError):
    """A link that no run can be made of; the message is a sentence for the person at the page."""


@dataclass(frozen=True)
class Condition:
    """An experiment with all settings, a procedure, and how a page presents them.

    Parameters
    ----------
    experiment : Experiment
    procedure : Procedure
    feedback : bool
        Whether each answer is called right or wrong.
    repeat : bool
        Whether a trial may be heard again before it is answered.
    live : bool
        Whether the track is drawn while it comes, as for a demonstration.
    headphones : bool
        Whether the check of the headphones comes first.
    catch : float
        Share of trials that test attention, 0 to 0.5.
    """

    experiment: Experiment
    procedure: Procedure
    feedback: bool = True
    repeat: bool = False
    live: bool = False
    headphones: bool = False
    catch: float = 0.0

    def link(self) -> str:
        """Return the query of the page's address; equal conditions have equal links."""
        own: dict[str, Any] = {"experiment": self.experiment.name} | _changed("x", self.experiment)
        if not isinstance(self.procedure, UpDown):
            own["procedure"] = self.procedure.name
        own |= _changed("p", self.procedure)
        own |= {name: int(getattr(self, name)) for name in FLAGS if getattr(self, name) != _DEFAULT[name]}
        if self.catch:
            own["catch"] = f"{self.catch:g}"
        return urlencode(own)

    def changed(self) -> dict[str, str]:
        """Return those settings that are not as usual, as texts by the keys of a link."""
        return _changed("x", self.experiment) | _changed("p", self.procedure)

    def run(self, seed: int) -> Run:
        """Return a new run."""
        return Run(self.experiment, self.procedure, seed, self.catch)

    def steps_left(self, run: Run) -> tuple[int, str]:
        """Return how many reversals are left, or trials where the procedure counts those, and which of both."""
        procedure = self.procedure
        if isinstance(procedure, UpDown):
            sizes = len(procedure.steps or self.experiment.variable.steps)
            whole = procedure.every * (sizes - 1) + procedure.reversals
            return max(whole - len(run.reversals), 0), "reversal"
        counted = sum(not each.catch for each in run.trials)
        return max(int(getattr(procedure, "trials", MOST_TRIALS)) - counted, 0), "trial"

    def seconds(self) -> float:
        """Return how long a trial sounds, s."""
        each = self.experiment
        interval = each.before + each.length + each.after
        return each.intervals * interval + (each.intervals - 1) * each.pause

    def settings(self) -> list[dict[str, Any]]:
        """Return all settings for a form: key, label, unit, range or choices, and value."""
        return [*_shown("x", self.experiment), *_shown("p", self.procedure)]


_DEFAULT: Mapping[str, Any] = {each.name: each.default for each in fields(Condition)}


def condition_of(link: str) -> Condition:
    """Return the condition that a link names.

    Parameters
    ----------
    link : str
        Query of an address, without its question mark: ``experiment=gap_detection&x.level=50&p.reversals=6``.

    Raises
    ------
    LinkError
        If it names none, holds anything else, or a value out of its range.

    Examples
    --------
    >>> condition_of("experiment=gap_detection&x.level=50.0&feedback=0").link()
    'experiment=gap_detection&x.level=50&feedback=0'
    """
    if len(link) > LONGEST_LINK:
        raise LinkError(
            f"This link has {len(link)} characters, more than {LONGEST_LINK}: it was not made by this page."
        )
    try:
        pairs = parse_qsl(link, keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise LinkError("This link has more than 100 parts: it was not made by this page.") from None
    found = dict(pairs)
    if len(found) < len(pairs):
        raise LinkError("This link names a setting twice: leave one of them out.")
    for own in BESIDE:
        found.pop(own, None)
    if "experiment" not in found:
        raise LinkError(
            f"This link names no experiment: add experiment= and one of {', '.join(EXPERIMENTS)}."
        )
    name, rule = found.pop("experiment"), found.pop("procedure", UpDown.name)
    if name not in EXPERIMENTS:
        raise LinkError(f"There is no experiment “{name[:60]}”: choose one of {', '.join(EXPERIMENTS)}.")
    if rule not in PROCEDURES:
        raise LinkError(f"There is no procedure “{rule[:60]}”: choose one of {', '.join(PROCEDURES)}.")
    flags = {flag: _flag(FLAGS[flag], found.pop(flag)) for flag in FLAGS if flag in found}
    catch = _number(_OTHER_LABELS["catch"], found.pop("catch", "0"))
    own_settings, of_procedure = (_taken(found, prefix) for prefix in ("x", "p"))
    if found:
        raise LinkError(f"“{next(iter(found))[:60]}” is no setting of this page: leave it out of the link.")
    try:
        made = Condition(
            experiment(name, **_values(EXPERIMENTS[name], own_settings), **_FIXED),
            PROCEDURES[rule](**_values(PROCEDURES[rule], of_procedure)),
            catch=catch,
            **flags,
        )
        made.run(0)
    except LinkError:
        raise
    except (ValueError, TypeError) as problem:
        raise _refused(problem, EXPERIMENTS[name], PROCEDURES[rule]) from None
    if made.seconds() > LONGEST_TRIAL:
        raise LinkError(
            f"A trial of this link lasts {made.seconds():.3g} s, more than {LONGEST_TRIAL:g} s: make the sounds or the "
            "pauses shorter."
        )
    return made


@lru_cache(256)
def presentable(link: str) -> Condition:
    """Return the condition that a link names, once its sounds at both ends of the variable's range were made.

    Raises
    ------
    LinkError
        If the link is not in order, or its settings, each in its range, make no sound together.
    """
    found = condition_of(link)
    variable = found.experiment.variable
    try:
        for value in (variable.low, variable.start, variable.high):
            found.experiment.trial(value, 0, seed=0).intervals  # noqa: B018
    except (ValueError, TypeError) as problem:
        raise _refused(problem, type(found.experiment), type(found.procedure)) from None
    return found


def _refused(problem: Exception, *kinds: type) -> LinkError:
    """Return an error of the library in the words of the page's form."""
    if isinstance(problem, ArgumentError):
        labels = {each.name: _label(each) for kind in kinds for each in fields(kind)}
        return LinkError(sentence(ValueError(problem.worded({**labels, **_OTHER_LABELS}))))
    return LinkError(sentence(problem))


def _label(setting: Field[Any]) -> str:
    """Return what a setting is called on the page, in quotation marks."""
    return f"“{setting.metadata.get('doc', setting.name)}”"


def _limits(setting: Field[Any]) -> tuple[float, float]:
    """Return the closed range that the page lets a setting have."""
    about = setting.metadata
    most = {"dB SPL": LOUDEST, "Hz": FS / 2.0}.get(about.get("unit", ""), math.inf)
    if setting.name in ("most", "trials"):
        most = MOST_TRIALS
    return about["low"], min(about["high"], most)


def _changed(prefix: str, settings: Any) -> dict[str, str]:
    """Return those settings of a dataclass that are not as usual, as texts."""
    own = ((each.name, getattr(settings, each.name), each.default) for each in fields(settings))
    changed = {name: value for name, value, usual in own if value != usual and name not in _FIXED}
    return {f"{prefix}.{name}": _text(value) for name, value in changed.items()}


def _shown(prefix: str, settings: Any) -> Iterator[dict[str, Any]]:
    """Give the settings of a dataclass for a form."""
    for each in fields(settings):
        about = each.metadata
        if each.name in _FIXED or not about:
            continue
        if "choices" in about:
            form: dict[str, Any] = {"choices": list(about["choices"])}
        else:
            low, high = _limits(each)
            form = {"low": low, "high": high, "unit": about.get("unit", "")}
        key, value = f"{prefix}.{each.name}", getattr(settings, each.name)
        yield {"label": about["doc"], "whole": bool(about.get("whole")), "key": key, "value": value, **form}


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_text, value))
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _taken(found: dict[str, str], prefix: str) -> dict[str, str]:
    keys = [key for key in found if key.startswith(f"{prefix}.")]
    return {key.removeprefix(f"{prefix}."): found.pop(key) for key in keys}


def _values(kind: type, given: Mapping[str, str]) -> dict[str, Any]:
    """Return settings as their dataclass takes them."""
    known = {each.name: each for each in fields(kind)}
    values: dict[str, Any] = {}
    for name, text in given.items():
        if name not in known or name in _FIXED:
            listed = ", ".join(each for each in known if each not in _FIXED)
            raise LinkError(f"“{name[:60]}” is no setting of this experiment or procedure: it has {listed}.")
        label, about = _label(known[name]), known[name].metadata
        if "choices" in about:
            values[name] = text
        elif isinstance(known[name].default, tuple):
            values[name] = tuple(_number(label, part) for part in text.split(",") if part)[:10]
        else:
            found = _number(label, text)
            low, high = _limits(known[name])
            if about.get("whole"):
                if found != round(found):
                    raise LinkError(
                        f"{label} = {found:g} is no whole number: choose one from {low:g} to {high:g}."
                    )
                values[name] = whole(round(found), label, round(low), round(high))
            else:
                values[name] = number(found, label, low, high, about.get("unit", ""))
    return values


def _number(label: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise LinkError(f"{label} = “{text[:40]}” is no number: give a finite one.")
    return value


def _flag(label: str, text: str) -> bool:
    if text not in ("0", "1"):
        raise LinkError(f"“{label}” = “{text[:40]}” is neither 0 nor 1: give one of them.")
    return text == "1"
