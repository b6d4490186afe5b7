"""Our hearing-loss simulation beside that of pyclarity (the MSBG simulator of Moore, Stone, Baer and Glasberg).
Run: ``pip install --no-deps --target DIR pyclarity==0.9.0``, then ``python benchmarks/hearing_loss.py DIR`` from the
checkout, with scipy installed; half a minute.
Not a test: pyclarity is no dependency. Where the method is the same, the difference must be below -60 dB.

Same method: the smearing matrix and what it does to a sound, the gammatones, the envelopes, the recruitment of their
sum. What differs: pyclarity filters by the outer and middle ear before and after (we count levels from the threshold of
hearing), filters the lower skirts of high channels once more, takes centres and advances of channels from tables,
returns smeared sound 192 samples late, interpolates the audiogram over frequency in Hz, and lets the envelope of a
tone read 1.4 dB low (a rectified mean, and 0.5 dB of ripple at 0 Hz); powers that smearing makes negative become
amplitudes turned by 90 degrees there, and 0 here. The last figures show what all that comes to.
"""

import argparse
import importlib
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

if __name__ == "__main__":  # run as a script, the checkout is not yet on the path
    sys.path.insert(0, str(Path(__file__).parents[1]))

from amtlib.hearing_loss import STANDARD_AUDIOGRAMS, HearingLoss, LoudnessRecruitment, SpectralSmearing
from amtlib.scales import audfiltbw

FS, EDGE = 44100, 8000
#: dB, where the method is the same
TARGET = -60.0
#: How much less than its root mean square pyclarity's envelope of a sine is, dB
LOW = 20.0 * math.log10(2.0 * math.sqrt(2.0) / math.pi) - 0.5
#: dB SPL of a sample of 1 in pyclarity, here the one that makes its unit ours
FULL_SCALE = 20.0 * math.log10(1.0 / 20e-6)


def sound() -> Tensor:
    """Noise in bursts, and two tones, one of them modulated: 1.5 s at 65 dB SPL, in Pa."""
    made = torch.Generator().manual_seed(1)
    time = torch.arange(round(1.5 * FS), dtype=torch.float64) / FS
    bursts = torch.randn(len(time), generator=made, dtype=torch.float64) * (torch.sin(6 * math.pi * time) > 0)
    tones = torch.sin(2 * math.pi * 440 * time) + (1 + torch.sin(8 * math.pi * time)) * torch.sin(
        2 * math.pi * 2500 * time
    )
    x = bursts + tones
    return x * 20e-6 * 10 ** (65 / 20) / x.square().mean().sqrt()


def apart(ours: Tensor, theirs: Any) -> float:
    """Root mean square of the difference over that of theirs, without the ends, dB."""
    other = torch.as_tensor(np.asarray(theirs), dtype=torch.float64)
    inner = slice(EDGE, ours.shape[-1] - EDGE)
    a, b = ours[..., inner], other[..., inner]
    return float(20.0 * torch.log10((a - b).square().mean().sqrt() / b.square().mean().sqrt()))


def smearing(msbg: Any, x: Tensor) -> list[tuple[str, float]]:
    """Matrix and sound, for three severities."""
    rows = []
    for lower, upper in ((1.6, 1.1), (2.4, 1.6), (4.0, 2.0)):
        ours = SpectralSmearing(FS, lower, upper, dtype=torch.float64)
        theirs = msbg.smearing.Smearer(lower, upper, FS)
        matrix = torch.as_tensor(theirs.f_smear)
        error = 20.0 * torch.log10((ours.matrix() - matrix).abs().max() / matrix.abs().max())
        rows.append((f"smearing matrix, {lower} below and {upper} above", float(error)))
        # It reads on 64 samples after the beginning of its first frame, not at its end: all later sound is late
        heard = theirs.smear(x.numpy())[ours.frame_length - ours.hop_length :]
        rows.append((f"smeared sound, {lower} below and {upper} above", apart(ours(x), heard)))
    return rows


def recruitment(msbg: Any, x: Tensor, name: str) -> list[tuple[str, float]]:
    """Gammatones, envelopes and what recruitment makes of them, without their second filter of the skirts."""
    audiogram = STANDARD_AUDIOGRAMS[name]
    file = msbg.cochlea.HL_PARAMS[audiogram.severity.upper().replace("NONE", "NOTHING")]["gtfbank_file"]
    bank = msbg.msbg_utils.read_gtf_file(f"msbg_hparams/{file}.json")
    fc = torch.as_tensor(bank["GTn_CentFrq"])
    ours = LoudnessRecruitment(
        fc, FS, audiogram.at(fc), broadening=float(bank["BROADEN"]), dtype=torch.float64
    )
    ours._advance = torch.as_tensor(bank["GTnDelays"], dtype=torch.float64)
    ours._gain = torch.full((len(fc),), 10.0 ** (-bank["Recombination_dB"] / 20.0), dtype=torch.float64)
    filters = msbg.cochlea.FilterBank(bank["GTn_nums"], bank["GTn_denoms"])
    none = msbg.cochlea.FilterBank(bank["HP_nums"][:0], bank["HP_denoms"][:0])
    channels = msbg.cochlea.gammatone_filterbank(
        x.numpy(), bank["NGAMMA"], filters, bank["GTnDelays"], len(fc) + 1, none
    )
    n_fft = ours._length(len(x))
    response = ours._channels(n_fft) / ours._gain[:, None]
    mine = torch.fft.irfft(torch.fft.rfft(x, n_fft) * response, n_fft)
    envelope = torch.fft.irfft(torch.fft.rfft(mine.abs()) * ours._smoothing(n_fft), n_fft)[..., : len(x)]
    theirs = msbg.cochlea.compute_envelope(channels, audfiltbw(fc).numpy(), FS)
    wanted = msbg.audiogram.Audiogram(audiogram.at(fc).numpy(), fc.numpy())
    ratios, catch_up = msbg.cochlea.compute_recruitment_parameters(fc.numpy(), wanted, 105.0)
    heard = msbg.cochlea.recruitment(channels.copy(), theirs.copy(), FULL_SCALE, ratios, catch_up + LOW)
    heard = heard.sum(0) * 10.0 ** (-bank["Recombination_dB"] / 20.0)
    return [
        (f"gammatones, {name}", apart(mine[..., : len(x)], channels)),
        (f"envelopes, {name}", apart(envelope, 10.0 ** (0.5 / 20.0) * theirs)),
        (f"recruitment, {name}", apart(ours(x), heard)),
    ]


def octaves(x: Tensor) -> Tensor:
    """Levels in thirds of an octave from 125 Hz to 8 kHz, dB SPL."""
    power = torch.fft.rfft(x[EDGE:-EDGE]).abs().square()
    f = torch.fft.rfftfreq(len(x) - 2 * EDGE, 1 / FS)
    centres = 1000.0 * 2.0 ** (torch.arange(-9, 10) / 3.0)
    inside = (f > centres[:, None] * 2 ** (-1 / 6)) & (f <= centres[:, None] * 2 ** (1 / 6))
    # rfft holds half the energy of a real signal
    mean = 2.0 * (inside * power).sum(-1) / (len(x) - 2 * EDGE) ** 2
    return 10.0 * torch.log10(mean / 20e-6**2)


def whole(msbg: Any, x: Tensor, name: str) -> tuple[float, float]:
    """Mean and greatest difference of the levels in thirds of an octave of both whole ears, dB."""
    audiogram = STANDARD_AUDIOGRAMS[name]
    ear = msbg.msbg.Ear(src_pos="ff", sample_rate=float(FS), equiv_0db_spl=FULL_SCALE, ahr=0.0)
    ear.set_audiogram(msbg.audiogram.Audiogram(np.array(audiogram.levels), np.array(audiogram.frequencies)))
    theirs = torch.as_tensor(ear.process(x.numpy())[0], dtype=torch.float64)
    # It raises a sound with pauses to what it measures of the sound alone
    active = msbg.msbg_utils.measure_rms(x.numpy(), FS, -12)[0]
    theirs = theirs * active / float(x.square().mean().sqrt())
    ours = HearingLoss(name, FS, dtype=torch.float64)(x)
    loud = octaves(theirs) > 0.0
    gap = (octaves(ours) - octaves(theirs))[loud]
    return float(gap.mean()), float(gap.abs().max())


def main() -> None:
    """Print how far apart both are; end with 1 where the same method differs by more than the target."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", help="where pip put pyclarity")
    sys.path.insert(0, parser.parse_args().folder)
    parts = ("cochlea", "msbg", "msbg_utils", "smearing")
    found = {name: importlib.import_module(f"clarity.evaluator.msbg.{name}") for name in parts}
    msbg: Any = type("MSBG", (), {**found, "audiogram": importlib.import_module("clarity.utils.audiogram")})
    x = sound()
    same = [*smearing(msbg, x), *(row for name in ("N1", "N2", "N3") for row in recruitment(msbg, x, name))]
    print(f"The same method: difference in dB, target {TARGET:g}")
    for name, difference in same:
        print(f"  {name:45s} {difference:8.1f}  {'met' if difference <= TARGET else 'MISSED'}")
    print("Whole ears, not the same method (see above): levels in thirds of an octave, ours less theirs, dB")
    for name in ("N1", "N2", "N3", "S1"):
        mean, most = whole(msbg, x, name)
        print(f"  {name:45s} mean {mean:6.1f}, greatest {most:5.1f}")
    sys.exit(any(difference > TARGET for _, difference in same))


if __name__ == "__main__":
    main()
