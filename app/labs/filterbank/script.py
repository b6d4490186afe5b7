"""The code that the filterbank lab shows."""

from app.another_ear import AnotherEar
from app.labs.filterbank.banks import KINDS
from app.labs.filterbank.channels import spaced
from app.labs.filterbank.settings import Bank
from app.stimulus import Stimulus


def script(stimulus: Stimulus, bank: Bank, other: AnotherEar, frame_length: int, channel: int) -> str:
    """Return a script that reproduces the plotted numbers with the present settings."""
    fs, count = int(bank.fs), int(bank.channels)
    first, step = spaced(float(bank.low), float(bank.high), count)
    steady = stimulus.steady
    kind = KINDS[bank.kind]
    share = None if other.is_normal or not kind.has_losses else float(other.share) / 100
    imported, *made = kind.code("scales.erb2fc(erb)", fs, int(bank.order), float(bank.bandwidth), share)
    return "\n".join(
        [
            "import torch",
            "",
            "import amtlib",
            f"from amtlib import {'' if other.is_normal else 'hearing_loss, '}scales, signals",
            imported,
            "",
            *stimulus.code(fs),
            *other.code(fs),
            "",
            f"erb = {first!r} + {step!r} * torch.arange({count}, dtype=torch.float64)  # ERB numbers, Cam",
            *made,
            "",
            "# The highest value of each envelope in each frame, Pa, (channels, frames), and mean powers, Pa^2",
            f"envelope, power = bank.envelope_peaks(x, {frame_length})",
            *([] if steady == 1 else [f"power = power / {steady!r}  # what the ramps have taken"]),
            "excitation = 10 * torch.log10(power / signals.P_REF**2)  # dB SPL",
            "cochleagram = 20 * torch.log10(envelope / 2**0.5 / signals.P_REF)  # dB SPL",
            f"channel = bank(x)[{channel}]  # Pa, the channel in the close-up",
            "",
        ]
    )
