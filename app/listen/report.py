"""What a finished run comes to: threshold, psychometric function, pictures, and the model's beside it."""

import html
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeAlias

from amtlib.experiments import PsychometricFit, PsychometricFunction, Run, Variable, fit_psychometric
from app.listen.drawing import Picture, Scale, around
from app.listen.known import Known, known_of
from app.listen.model import EARS

#: Both ends of an interval, None where there is none.
Limits: TypeAlias = tuple[float | None, float | None]
#: Who answered, and the colour and words of each.
YOU = "you"
WHO = {YOU: "You", **{ear: said.capitalize() for ear, said in EARS.items()}}


@dataclass(frozen=True)
class Finding:
    """What one listener's run comes to.

    Parameters
    ----------
    run : Run
        The finished run.
    fit : PsychometricFit, optional
        Fitted to all answers; None where there is none.
    curve : PsychometricFunction, optional
        As it is drawn: that of the fit, or fitted to a model's chances of being right.
    """

    run: Run
    fit: PsychometricFit | None
    curve: PsychometricFunction | None = None

    @classmethod
    def of(cls, run: Run) -> "Finding":
        """Return the finding of a finished run."""
        try:
            fit = run.fit()
            return cls(run, fit, fit.function)
        except ValueError:  # all answers at one value
            return cls(run, None)

    @property
    def limits(self) -> Limits:
        """Return the 95 % interval of the threshold, None where the answers set no limit."""
        if self.fit is None:
            return None, None
        variable = self.run.experiment.variable
        low = None if self.fit.low <= (0.0 if variable.scale == "log" else -math.inf) else self.fit.low
        high = None if math.isinf(self.fit.high) else self.fit.high
        return low, high

    def says(self) -> str:
        """Return threshold and interval in words."""
        variable, threshold = self.run.experiment.variable, self.run.threshold
        if threshold is None:
            return "no threshold"
        low, high = self.limits
        if low is not None and high is not None:
            limits = f"95 % between {number(low)} and {number(high)}"
        elif low is not None or high is not None:
            limits = f"95 % above {number(low)}" if low is not None else f"95 % below {number(high or 0.0)}"
        else:
            limits = ""
        said = f"{number(threshold)} {variable.unit}"
        if (low is not None and threshold < low) or (
            high is not None and threshold > high
        ):  # guesses, mostly
            return f"{said} as the run ended, but by all answers together {limits}"
        return f"{said}, {limits}" if limits else said


def number(value: float, digits: int = 3) -> str:
    """Return a number with so many digits that are not zero, without a power of ten, and with a proper minus.

    Examples
    --------
    >>> number(-22.8123), number(0.04567), number(1234.0), number(118.0, 2)
    ('−22.8', '0.0457', '1230', '120')
    """
    return f"{float(f'{value:.{digits}g}'):.15g}".replace("-", "−")


@lru_cache(200)
def _finding(text: str) -> Finding:
    """Return the finding of a model's run that stands as JSON: a class asks for it again and again."""
    heard = json.loads(text)
    found = Finding.of(Run.from_json(json.dumps(heard["run"])))
    return replace(found, curve=_curve_of(found.run, heard["trials"]))


def finding_of_model(heard: Mapping[str, Any]) -> Finding | None:
    """Return the finding of a model's own run (`model.own_run`); None as long as there is none."""
    return _finding(json.dumps(heard)) if "run" in heard else None


def report(own: Finding, models: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the page shows of a finished run.

    Parameters
    ----------
    own : Finding
        A person's.
    models : mapping
        By ear, what the model did (`model.own_run`), as far as it is there.
    """
    found = {YOU: own}
    for ear, heard in models.items():
        if finding := finding_of_model(heard):
            found[ear] = finding
    run = own.run
    known = known_of(run.experiment)
    return {
        "thresholds": [[who, WHO[who], each.says()] for who, each in found.items()],
        "known": f"{known.says} ({known.source})" if known else "",
        "sentences": [*_warnings(run), *_differences(found, known)],
        "track": _tracks(found, known),
        "functions": _functions(found, models),
        "table": _table(run),
    }


def _warnings(run: Run) -> list[str]:
    said = []
    variable = run.experiment.variable
    if run.clamped:
        trials = "One trial" if run.clamped == 1 else f"{run.clamped} trials"
        said.append(
            f"{trials} stood at an end of the range ({number(variable.low)} to {number(variable.high)} "
            f"{variable.unit}): the threshold may lie beyond it."
        )
    if run.attention is not None and run.attention < 0.8:
        said.append(
            f"Of the clear trials in between, {100 * run.attention:.0f} % were answered rightly: attention may have "
            "wandered."
        )
    if run.threshold is None:
        said.append("The run ended before there was a threshold.")
    return said


def _differences(found: Mapping[str, Finding], known: Known | None) -> list[str]:
    """Say where you and the model differ, and where you and the literature do."""
    own = found[YOU]
    threshold, variable = own.run.threshold, own.run.experiment.variable
    if threshold is None:
        return []
    said = []
    for ear, finding in found.items():
        other = finding.run.threshold
        if ear == YOU or other is None:
            continue
        better = variable.easier * (variable.to_scale(other) - variable.to_scale(threshold)) > 0.0
        ratio = math.exp(abs(variable.to_scale(other) - variable.to_scale(threshold)))
        how = (
            f"by a factor of {ratio:.3g}"
            if variable.scale == "log"
            else f"by {number(abs(other - threshold))} {variable.unit}"
        )
        if apart(own.limits, finding.limits):
            who = (
                "Your threshold is better than that of" if better else "Your threshold is worse than that of"
            )
            said.append(f"{who} {EARS[ear]} {how}, more than the answers leave open.")
        else:
            said.append(f"You and {EARS[ear]} differ {how}, within what the answers leave open.")
    if known is not None:
        low, high = own.limits
        inside = (low is None or low <= known.high) and (high is None or high >= known.low)
        where = "agrees with" if inside else "differs from"
        said.append(f"Your threshold {where} what is known about people: {known.says}.")
    return said


def apart(one: Limits, other: Limits) -> bool:
    """Return whether two intervals do not meet; an end that is None has no limit.

    Examples
    --------
    >>> apart((1.0, 2.0), (3.0, None)), apart((1.0, None), (3.0, 4.0))
    (True, False)
    """
    (low, high), (bottom, top) = one, other
    return (high is not None and bottom is not None and high < bottom) or (
        low is not None and top is not None and low > top
    )


def _label(variable: Variable) -> str:
    return f"{variable.name.capitalize()} ({variable.unit})"


def _tracks(found: Mapping[str, Finding], known: Known | None) -> str:
    variable = found[YOU].run.experiment.variable
    values = [each.value for finding in found.values() for each in finding.run.trials if not each.catch]
    if known:
        values += [known.low, known.high]
    longest = max(len(finding.run.trials) for finding in found.values())
    y = around(values, _label(variable), log=variable.scale == "log")
    picture = Picture("Values of all trials, of you and of the model", Scale("Trial", 0, longest + 1), y)
    if known:
        room = 0.004 * (y.high - y.low) if known.low == known.high and variable.scale == "linear" else 0.0
        picture.box((0, known.low - room), (longest + 1, known.high + room), "known", "Known about people")
    for who, finding in found.items():
        trials = [(k, each) for k, each in enumerate(finding.run.trials, 1) if not each.catch]
        picture.line([(k, each.value) for k, each in trials], who, WHO[who])
        for right in (True, False):
            points = [(float(k), each.value) for k, each in trials if each.right == right]
            picture.dots(points, who, hollow=not right)
        if finding.run.threshold is not None:
            picture.line([(0, finding.run.threshold), (longest + 1, finding.run.threshold)], f"{who} dashed")
    return picture.svg()


def _functions(found: Mapping[str, Finding], models: Mapping[str, Mapping[str, Any]]) -> str:
    variable = found[YOU].run.experiment.variable
    log = variable.scale == "log"
    values = [each.value for finding in found.values() for each in finding.run.trials]
    x = around(values, _label(variable), log=log, least=0.1)
    picture = Picture(
        "Share of right answers at each value, of you and of the model", x, Scale("Right answers (%)", 0, 100)
    )
    for who, finding in found.items():
        heard: Sequence[Mapping[str, Any]] = models[who]["trials"] if who != YOU else ()
        if (function := finding.curve) is not None:
            low, high = variable.to_scale(x.low), variable.to_scale(x.high)
            curve = [variable.from_scale(low + k / 80 * (high - low)) for k in range(81)]
            shares = [100.0 * float(share) for share in function(curve)]
            picture.line(list(zip(curve, shares, strict=True)), who, WHO[who])
        if who == YOU:
            outcomes = defaultdict(list)
            for each in finding.run.trials:
                outcomes[round(each.value, 9)].append(each.right)
            points = [(value, 100.0 * sum(right) / len(right)) for value, right in outcomes.items()]
            picture.dots(points, who, [2.5 + 1.5 * math.sqrt(len(right)) for right in outcomes.values()])
        else:
            picture.dots(
                [(each["value"], 100.0 * each["probability"]) for each in heard], who, [3.0] * len(heard)
            )
    level = 100.0 * found[YOU].run.procedure.probability
    picture.line([(x.low, level), (x.high, level)], "dashed level")
    return picture.svg()


def _curve_of(run: Run, heard: Sequence[Mapping[str, Any]]) -> PsychometricFunction | None:
    """Return a psychometric function, fitted to the chances that a model gave itself; None where there is none."""
    guess, variable = 1.0 / run.experiment.intervals, run.experiment.variable
    chances = [max(each["probability"], guess) for each in heard]
    try:
        return fit_psychometric(
            [each["value"] for each in heard],
            chances,
            guess=guess,
            probability=run.procedure.probability,
            scale=variable.scale,
            easier=variable.easier,
        ).function
    except ValueError:  # all trials at one value
        return None


def _table(run: Run) -> str:
    """Return the trials as a table."""
    variable = run.experiment.variable
    rows = (
        (k, number(each.value), each.target + 1, each.answer + 1,
         f"{'right' if each.right else 'wrong'}{', to test attention' if each.catch else ''}")
        for k, each in enumerate(run.trials, 1)
    )  # fmt: skip
    return _html_table(("Trial", _label(variable), "Target", "Answer", ""), rows)


def _html_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table of plain cells; a column may have no head."""
    head = "".join(f"<th scope='col'>{html.escape(each)}</th>" if each else "<td></td>" for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{each}</td>' for each in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def same_table(heard: Mapping[str, Any], variable: Variable, run: Run) -> str:
    """Return what the model makes of the trials of a person: a sentence, and a table of its internal differences."""
    trials: Sequence[Mapping[str, Any]] = heard["trials"]
    both = sum(model["right"] == own.right for model, own in zip(trials, run.trials, strict=True))
    rows = (
        (k, number(model["value"]), model["target"] + 1, own.answer + 1, model["answer"] + 1,
         number(model["difference"]), f"{100 * model['probability']:.0f}")
        for k, (model, own) in enumerate(zip(trials, run.trials, strict=True), 1)
    )  # fmt: skip
    heads = ("Trial", _label(variable), "Target", "You", "Model", "Its internal difference",
             "Its chance of being right (%)")  # fmt: skip
    right = sum(model["right"] for model in trials), sum(own.right for own in run.trials)
    return (
        f"<p>Of your {len(trials)} trials the model has {right[0]} right, and you have {right[1]}; both right or both "
        f"wrong in {both}. Its internal difference is how much more the target's interval resembles what it looks "
        "out for than the others do, in units of the model.</p>"
        f"<div class='scroll'>{_html_table(heads, rows)}</div>"
    )
