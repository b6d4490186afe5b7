"""The code that the loudness lab shows."""

from app.labs.loudness.parameters import parameter_code
from app.labs.loudness.settings import AFTER, FS, Listener, Parameters
from app.stimulus import Stimulus


def script(
    stimulus: Stimulus, listener: Listener, parameters: Parameters, *, gain: float, step: int, frame: int
) -> str:
    """Return a script that reproduces the loudness over time and the patterns at the moment.

    Parameters
    ----------
    stimulus, listener, parameters
        Settings of the lab.
    gain : float
        Of the right ear against the left.
    step : int
        Time from one spectrum to the next, ms.
    frame : int
        Index of the spectrum at the moment.
    """
    later = listener.model == "moore2016"
    lines = [
        "import torch",
        "",
        "import amtlib",
        f"from amtlib import {'Moore2016' if later else 'Glasberg2002'}, signals",
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
