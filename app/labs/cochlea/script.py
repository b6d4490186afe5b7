"""The code that the cochlea lab shows."""

from collections.abc import Mapping, Sequence

from app.another_ear import AnotherEar
from app.labs.cochlea.experiments import FS, LEVELS, REFERENCE, SETTLED, SPECTRUM, TONE
from app.labs.cochlea.settings import Ear, Test
from app.stimulus import Stimulus


def script(
    ear: Ear,
    factors: Mapping[str, float],
    other: AnotherEar,
    test: Test,
    stimulus: Stimulus,
    f: float,
    tones: Sequence[tuple[float, float]],
) -> str:
    """Return a script that reproduces the input/output curve, and the spectrum at the place or the cochleagram.

    Parameters
    ----------
    ear, factors, other, test, stimulus
        Settings of the lab.
    f : float
        Frequency of the tone of the input/output curve, Hz.
    tones : sequence
        Hz and dB SPL of the tones that sound together.
    """
    cf = float(test.cf)
    heard = test.experiment == "cochleagram"
    scaled = ", ".join(f"{name}={factor!r}" for name, factor in factors.items())
    lost = [
        f"    loss = hearing_loss.hair_cell_loss(audiogram, places, {float(other.share) / 100!r})",
        "    values = values.scaled(a=loss.outer_gain)  # inner hair cells do not change the motion",
    ]
    lines = [
        "import math",
        "",
        "import torch",
        "",
        *(["import amtlib"] if heard else []),
        f"from amtlib import DRNLFilterbank, ears, {'' if other.is_normal else 'hearing_loss, '}"
        f"{'scales, ' if heard else ''}signals",
        "from amtlib.filterbanks.drnl_parameters import parameters_at",
        "",
        f"fs, subject, model = {FS}, {ear.subject!r}, {ear.model!r}",
        "middle_ear = ears.MiddleEarFilter(fs, dtype=torch.float64)",
        *other.code(),
        "",
        "",
        "def ear(places):",
        f"    values = parameters_at(places, subject).scaled({scaled})",
        *([] if other.is_normal else lost),
        "    return DRNLFilterbank(places, fs, subject=subject, model=model, parameters=values)",
        "",
        "",
        f"cf, f = torch.tensor([{cf!r}], dtype=torch.float64), {f!r}  # Hz: the place and the tone",
        f"levels = torch.arange({len(LEVELS)}, dtype=torch.float64) * {LEVELS[1] - LEVELS[0]}  # dB SPL",
        f"time = torch.arange(round({TONE} * fs), dtype=torch.float64) / fs",
        "gain = float(middle_ear.frequency_response(torch.tensor([f], dtype=torch.float64)).abs())",
        "peak = gain * signals.P_REF * math.sqrt(2) * 10 ** (levels / 20)  # m/s at the stapes",
        "onset = torch.sin(0.5 * math.pi * (time / 0.005).clamp_max(1)) ** 2",
        "tones = peak[:, None] * torch.sin(2 * math.pi * f * time) * onset",
        f"steady = ear(cf)(tones)[:, 0, round({SETTLED} * fs):]",
        f"response = 20 * torch.log10(steady.square().mean(-1).sqrt() / {REFERENCE})  # dB re 1 um/s",
    ]
    if heard:
        lines += [
            "",
            *stimulus.code(FS),
            f"places = scales.erbspace(250.0, 8000.0, {int(test.channels)}, dtype=torch.float64)",
            "velocity = ear(places).float()(middle_ear(x.double()).float())  # m/s, (places, time)",
        ]
    if len(tones) > 1:
        lines += [
            "",
            f"length = {SPECTRUM}  # samples of a spectrum; the tones are moved onto its bins",
            "time = torch.arange(length + length // 4, dtype=torch.float64) / fs",
            "x = 0",
            f"for tone, level in {[(float(a), float(b)) for a, b in tones]!r}:  # Hz, dB SPL",
            "    tone = round(tone * length / fs) * fs / length",
            "    gain = float(middle_ear.frequency_response(torch.tensor([tone], dtype=torch.float64)).abs())",
            "    peak = gain * signals.P_REF * math.sqrt(2) * 10 ** (level / 20)",
            "    x = x + peak * torch.sin(2 * math.pi * tone * time)",
            "rms = torch.fft.rfft(ear(cf)(x)[0, -length:]).abs() * math.sqrt(2) / length",
            f"spectrum = 20 * torch.log10((rms / {REFERENCE}).clamp_min(1e-10))  # dB re 1 um/s",
        ]
    return "\n".join([*lines, ""])
