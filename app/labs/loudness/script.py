"""The code that the loudness lab shows."""

import math

from app.another_ear import AnotherEar
from app.labs.loudness.parameters import parameter_code
from app.labs.loudness.settings import AFTER, FS, Listener, Parameters
from app.labs.loudness.steady import Lines
from app.stimulus import Stimulus


def script(
    stimulus: Stimulus,
    listener: Listener,
    parameters: Parameters,
    other: AnotherEar,
    *,
    gain: float,
    step: int,
    frame: int,
) -> str:
    """Return a script that reproduces the loudness over time and the patterns at the moment.

    Parameters
    ----------
    stimulus, listener, parameters, other
        Settings of the lab.
    gain : float
        Of the right ear against the left.
    step : int
        Time from one spectrum to the next, ms.
    frame : int
        Index of the spectrum at the moment.
    """
    later = listener.model == "moore2016"
    impaired = "" if other.is_normal else "hearing_loss, "
    lines = [
        "import torch",
        "",
        "import amtlib",
        f"from amtlib import {'Moore2016' if later else 'Glasberg2002'}, {impaired}signals",
        "from amtlib.loudness import sone2phon",
        "",
        *stimulus.code(FS),
        f"x = torch.nn.functional.pad(x, (0, {round(AFTER * FS)}))  # what is remembered after the sound",
    ]
    if later:
        lines += [
            f"x = torch.stack([x, x * {gain!r}])  # left and right ear, Pa",
            f"model = Moore2016({FS}, field={listener.field!r}, inhibition={listener.inhibition}, pad=True,",
            f"                  segment_duration={step})",
        ]
    else:
        presentation = "diotic" if listener.ears == "both" else "monaural"
        lines.append(
            f"model = Glasberg2002({FS}, field={listener.field!r}, presentation={presentation!r}, pad=True,\n"
            f"                     segment_duration={step})"
        )
    if impaired:
        lines += [
            *other.code(),
            f"x = hearing_loss.HearingLoss(audiogram, {FS})(x)  # in front of a normal ear",
        ]
    lines += parameter_code(parameters, later=later)
    lines += [
        "with torch.no_grad():",
        "    found = model(x, return_stages=True)",
        "sone = float(found.long_term.max())",
        'print(f"{sone:.3f} sone, {sone2phon(sone, model):.1f} phon")',
        f"frame = {frame}  # the moment that is displayed",
        "stages = found.stages" if later else "stages = found",
        "excitation = stages.excitation[..., frame, :]  # dB, "
        + ("(2, 150): both ears" if later else "(150,)"),
        (
            "specific = stages.inhibited[..., frame, :]  # sone/Cam, both ears"
            if later
            else "specific = stages.specific_loudness[..., frame, :]  # sone/Cam, one ear"
        ),
    ]
    return "\n".join([*lines, ""])


def steady_script(lines: Lines, listener: Listener, parameters: Parameters, *, right: float) -> str:
    """Return a script that reproduces loudness and patterns of a sound that is known by its components.

    ``right`` is the level in the right ear against the left, dB; -inf where it hears nothing.
    """
    later = listener.model == "moore2016"
    # Bands have equal steps and levels: a line of code says it better than eighty numbers.
    count, tone = len(lines.levels), lines.levels[-1] != lines.levels[0]
    band = lines.frequencies[: count - tone]
    ends = f"{float(band[0])!r}, {float(band[-1])!r}, {len(band)}"
    code = [
        "import torch",
        "",
        f"from amtlib import {'Moore2016' if later else 'Glasberg2002'}",
        "from amtlib.loudness import sone2phon",
        "",
        f"freqs = torch.linspace({ends}, dtype=torch.float64)  # Hz",
        f"levels = torch.full((len(freqs),), {float(lines.levels[0])!r}, dtype=torch.float64)  # dB SPL each",
    ]
    if tone:
        extra = [f"torch.tensor([{float(each[-1])!r}])" for each in (lines.frequencies, lines.levels)]
        code += [
            f"freqs = torch.cat([freqs, {extra[0]}])  # and the tone",
            f"levels = torch.cat([levels, {extra[1]}])",
        ]
    ear = {"both": "diotic", "left": "monaural"}[listener.ears]
    code.append(
        f"model = Moore2016(field={listener.field!r}, inhibition={listener.inhibition})"
        if later
        else f"model = Glasberg2002(field={listener.field!r}, presentation={ear!r})"
    )
    code += parameter_code(parameters, later=later)
    other = (
        "" if not later or right == 0 else f", levels + {right!r}" if right > -math.inf else ", -float('inf')"
    )
    code += [
        "with torch.no_grad():",
        f"    found = model.stationary(freqs, levels{other})",
        "sone = float(found.total)",
        'print(f"{sone:.3f} sone, {sone2phon(sone, model, stationary=True):.1f} phon")',
        "excitation = found.excitation  # dB, left and right ear",
        "specific = found.inhibited  # sone/Cam",
    ]
    return "\n".join([*code, ""])
