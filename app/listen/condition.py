"""A condition: what is presented and how, as a link says it; everything in a link is checked here.

Not here: the experiments (:mod:`amtlib.experiments`), runs of a condition (`runs.py`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

from amtlib.experiments import EXPERIMENTS, PROCEDURES, Experiment, Procedure, Run, UpDown, experiment
from app.page.problems import sentence

#: Sampling rate of all sounds, Hz: they lie below 11 kHz, and the model needs half the time that it needs at 44.1 kHz.
FS = 22050.0
#: Highest level that a link may ask for, dB SPL: rms 18 dB below full scale, see `sounds.py`.
LOUDEST = 82.0
#: Longest trial, s, and most trials of a run.
LONGEST_TRIAL, MOST_TRIALS = 12.0, 200
#: Longest link, characters.
LONGEST_LINK = 2000
#: What the page itself decides.
_FIXED = {"fs": FS, "loudest": LOUDEST}
_FLAGS = ("feedback", "repeat", "live", "headphones")


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
        own: dict[str, Any] = {"experiment": self.experiment.name}
        own |= _changed("x", self.experiment, {**_FIXED})
        if not isinstance(self.procedure, UpDown):
            own["procedure"] = self.procedure.name
        own |= _changed("p", self.procedure, {})
        own |= {name: int(getattr(self, name)) for name in _FLAGS if getattr(self, name) != _DEFAULT[name]}
        if self.catch:
            own["catch"] = f"{self.catch:g}"
        return urlencode(own)

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
        shown: list[dict[str, Any]] = []
        owners: dict[str, Any] = {"x": self.experiment, "p": self.procedure}
        for prefix, owner in owners.items():
            for each in fields(owner):
                about, entry = (
                    each.metadata,
                    {"key": f"{prefix}.{each.name}", "value": getattr(owner, each.name)},
                )
                if each.name in _FIXED or not about:
                    continue
                if "choices" in about:
                    entry["choices"] = list(about["choices"])
                else:
                    unit, high = about.get("unit", ""), about["high"]
                    most = (
                        LOUDEST
                        if unit == "dB SPL"
                        else MOST_TRIALS
                        if each.name in ("most", "trials")
                        else high
                    )
                    entry |= {"low": about["low"], "high": min(high, most), "unit": unit}
                shown.append({"label": about["doc"], "whole": bool(about.get("whole")), **entry})
        return shown


_DEFAULT: Mapping[str, Any] = {each.name: each.default for each in fields(Condition)}


def condition_of(link: str) -> Condition | None:
    """Return the condition that a link names; None if it names none.

    Parameters
    ----------
    link : str
        Query of an address, without its question mark: ``experiment=gap_detection&x.level=50&p.reversals=6``.

    Raises
    ------
    LinkError
        If it holds anything else, or a value out of its range.

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
    for own in ("room", "theme", "lesson"):
        found.pop(own, None)
    if "experiment" not in found:
        if found:
            raise LinkError(
                f"This link names no experiment: add experiment= and one of {', '.join(EXPERIMENTS)}."
            )
        return None
    name, rule = found.pop("experiment"), found.pop("procedure", UpDown.name)
    if name not in EXPERIMENTS:
        raise LinkError(f"There is no experiment “{name[:60]}”: choose one of {', '.join(EXPERIMENTS)}.")
    if rule not in PROCEDURES:
        raise LinkError(f"There is no procedure “{rule[:60]}”: choose one of {', '.join(PROCEDURES)}.")
    flags = {flag: _flag(flag, found.pop(flag)) for flag in _FLAGS if flag in found}
    catch = _number("catch", found.pop("catch", "0"))
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
    except (ValueError, TypeError) as problem:
        raise LinkError(sentence(problem)) from None
    if made.seconds() > LONGEST_TRIAL:
        raise LinkError(
            f"A trial of this link lasts {made.seconds():.3g} s, more than {LONGEST_TRIAL:g} s: make the sounds or the "
            "pauses shorter."
        )
    most = getattr(made.procedure, "most", getattr(made.procedure, "trials", 0))
    if most > MOST_TRIALS:
        raise LinkError(f"This link asks for {most} trials, more than {MOST_TRIALS}: choose fewer.")
    return made


@lru_cache(256)
def presentable(link: str) -> Condition | None:
    """Return the condition that a link names, once its sounds at both ends of the variable's range were made.

    Raises
    ------
    LinkError
        If the link is not in order, or its settings, each in its range, make no sound together.
    """
    found = condition_of(link)
    if found is not None:
        variable = found.experiment.variable
        try:
            for value in (variable.low, variable.start, variable.high):
                found.experiment.trial(value, 0, seed=0).intervals  # noqa: B018
        except (ValueError, TypeError) as problem:
            raise LinkError(sentence(problem)) from None
    return found


def _changed(prefix: str, settings: Any, fixed: Mapping[str, Any]) -> dict[str, str]:
    """Return those settings of a dataclass that are not as usual, as texts."""
    found = {}
    for each in fields(settings):
        value = getattr(settings, each.name)
        if each.name not in fixed and value != each.default:
            found[f"{prefix}.{each.name}"] = _text(value)
    return found


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
        if "choices" in known[name].metadata:
            values[name] = text
        elif isinstance(known[name].default, tuple):
            values[name] = tuple(_number(name, part) for part in text.split(",") if part)[:10]
        else:
            number = _number(name, text)
            values[name] = (
                int(number) if known[name].metadata.get("whole") and number == int(number) else number
            )
    return values


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise LinkError(f"{name} = “{text[:40]}” is no number: give a finite one.")
    return value


def _flag(name: str, text: str) -> bool:
    if text not in ("0", "1"):
        raise LinkError(f"{name} = “{text[:40]}” is neither 0 nor 1: give one of them.")
    return text == "1"
