"""The experiments of the cochlea lab: input and output, tuning, suppression, distortion. Each is one call of the model.

The ear is :class:`amtlib.DRNLFilterbank` (Lopez-Poveda and Meddis 2001; Paulick et al. 2024) behind a middle ear.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from amtlib import DRNLFilterbank, ears, signals

Array = NDArray[Any]

FS = 44100
#: Duration of the tones, s; the level is that of the part after SETTLED.
TONE, SETTLED = 0.06, 0.03
#: Window in which the response to two tones is taken apart, s: bins of 20 Hz.
WINDOW = 0.05
#: Samples of a spectrum: bins of 2.7 Hz.
SPECTRUM = 2**14
#: A factor of two, dB.
TWICE = 20 * math.log10(2)
#: What is below is what rounding leaves, dB re 1 um/s.
NOTHING = -100.0
#: Levels of the input/output curve, dB SPL.
LEVELS = np.arange(0.0, 111.0, 2.5)
#: Velocity of 0 dB, m/s rms.
REFERENCE = 1e-6
#: Levels of the tuning curves, dB SPL.
TUNING_LEVELS = (20, 40, 60, 80)


@dataclass(frozen=True)
class InputOutput:
    """Rms velocity of one place against the level of a tone, dB re 1 um/s, each shape ``(L,)``."""

    levels: Array
    total: Array
    linear: Array
    nonlinear: Array
    normal: Array
    """The same place of an unchanged normal ear."""
    slope: Array
    """dB per dB of the total"""
    knee: float
    """Level at which the broken stick breaks, dB SPL; NaN where it does not"""

    def slope_at(self, level: float) -> float:
        """Return the slope at a level in dB SPL, dB per dB."""
        return float(np.interp(level, self.levels, self.slope))


@dataclass(frozen=True)
class Tuning:
    """Response of one place to tones of many frequencies at four levels, dB re 1 um/s, ``(levels, frequencies)``."""

    frequencies: Array
    responses: Array


@dataclass(frozen=True)
class Suppression:
    """Change of the response to a probe by a second tone, dB, shape ``(levels, frequencies)``."""

    frequencies: Array
    levels: Array
    change: Array


@dataclass(frozen=True)
class AtPlace:
    """Spectrum of the movement of one place while tones sound, dB re 1 um/s, ``(K,)``, and its levels at the tones."""

    frequencies: Array
    levels: Array
    tones: Array
    at_tones: Array


@dataclass(frozen=True)
class Distortion:
    """Spectrum of the place that is tuned to 2 f1 - f2, while f1 and f2 sound.

    ``product_level`` is -inf where there is no such tone.
    """

    spectrum: AtPlace
    primaries: tuple[float, float]
    product: float
    product_level: float


@dataclass(frozen=True)
class Cochleagrams:
    """Level of every channel over time: DRNL (dB re 1 um/s) and gammatone (dB SPL), each ``(F, M)``."""

    fc: Array
    duration: float
    drnl: Array
    gammatone: Array


def decibels(rms: Array, reference: float = REFERENCE) -> Array:
    """Return 20 log10 of an rms value over a reference, -200 for nothing at all."""
    return 20 * np.log10(np.maximum(rms.astype(np.float64) / reference, 1e-10))


@cache
def middle_ear() -> ears.MiddleEarFilter:
    """Return the filter from the eardrum to the stapes."""
    return ears.MiddleEarFilter(FS, dtype=torch.float64)


def velocity(frequencies: Array) -> Array:
    """Return the peak velocity of the stapes in m/s for tones of 0 dB SPL."""
    at = torch.as_tensor(np.atleast_1d(frequencies), dtype=torch.float64)
    gain = middle_ear().frequency_response(at).abs().numpy()
    return np.asarray(gain * signals.P_REF * math.sqrt(2))


def tones(frequencies: Array, duration: float = TONE) -> torch.Tensor:
    """Return tones of 0 dB SPL at the stapes, m/s, shape ``(len(frequencies), T)``, with 5-ms onsets."""
    time = torch.arange(round(duration * FS), dtype=torch.float64) / FS
    turn = 2 * math.pi * torch.as_tensor(np.asarray(frequencies), dtype=torch.float64)
    onset = torch.sin(0.5 * math.pi * (time / 0.005).clamp_max(1)) ** 2
    peak = torch.as_tensor(velocity(frequencies))
    return peak[:, None] * torch.sin(turn[:, None] * time) * onset


def steady_level(y: torch.Tensor) -> Array:
    """Return the level of the part after SETTLED, dB re 1 um/s."""
    return decibels(y[..., round(SETTLED * FS) :].square().mean(-1).sqrt().numpy())


def sweep(bank: DRNLFilterbank, tone: torch.Tensor) -> tuple[Array, Array, Array]:
    """Return the levels of total, linear and nonlinear response of one place to a tone at all `LEVELS`."""
    gains = torch.as_tensor(10 ** (LEVELS / 20))[:, None]
    u, beside = bank.linear_parts(tone)
    linear = gains * beside[:, 0]
    nonlinear = bank.after(bank.stick((gains * u[:, 0]).unsqueeze(1)))[:, 0]
    return steady_level(linear + nonlinear), steady_level(linear), steady_level(nonlinear)


def knee(bank: DRNLFilterbank, frequency: float) -> float:
    """Return the level at which a tone reaches the knee of one place, dB SPL; NaN where there is none."""
    before = float(bank.frequency_response([frequency]).before.abs())
    found = float(bank.knee) / (before * float(velocity(np.array([frequency]))[0]))
    return 20 * math.log10(found) if 0 < found < math.inf else math.nan


def shows(knee: float, linear: Array, nonlinear: Array) -> bool:
    """Return whether a knee shows in the response: the path that has it is at least twice as strong as the other."""
    there = [float(np.interp(knee, LEVELS, path)) for path in (linear, nonlinear)]
    return bool(there[1] - there[0] >= TWICE)


def tuning(bank: DRNLFilterbank, cf: float) -> Tuning:
    """Return the response of the place of ``cf`` Hz to tones around it, at four levels."""
    f = np.geomspace(0.3, 2.0, 49) * cf
    f = f[f < 0.45 * FS]
    gains = torch.tensor([10 ** (level / 20) for level in TUNING_LEVELS]).reshape(-1, 1, 1, 1)
    u, linear = bank.linear_parts(tones(f))
    y = bank.after(bank.stick(gains * u)).add_(gains * linear)
    return Tuning(frequencies=f, responses=steady_level(y[:, :, 0]))


def suppression(bank: DRNLFilterbank, cf: float, level: float) -> Suppression:
    """Return how tones of any frequency and level change the response to a probe of ``cf`` Hz and ``level`` dB SPL."""
    # All tones last whole periods of the window, so that none leaks into another, whatever their levels.
    bin_width = 1 / WINDOW
    probe_at = round(cf / bin_width) * bin_width
    f = np.unique(np.round(np.geomspace(0.3, 2.0, 33) * cf / bin_width)) * bin_width
    f, levels = f[(f > 0) & (f < 0.45 * FS)], np.arange(30.0, 111.0, 8.0)
    second = tones(f, SETTLED + WINDOW)
    probe = tones(np.array([probe_at]), SETTLED + WINDOW) * 10 ** (level / 20)
    gains = torch.as_tensor(10 ** (levels / 20), dtype=torch.float32)[:, None, None, None]
    # The part of the response at the probe's frequency; the rest is the second tone itself. Cosine and sine of the
    # probe, filtered backwards, are correlated with what enters the last filters: one filtering for all rows.
    time = torch.arange(second.shape[-1], dtype=torch.float64) / FS
    phase = 2 * math.pi * probe_at * time
    turn = torch.stack([torch.cos(phase), torch.sin(phase)])
    turn[:, : round(SETTLED * FS)] = 0
    moved = bank.after(turn.flip(-1).float().unsqueeze(1))[:, 0].flip(-1).T
    turns = turn.float().T
    u, linear = bank.linear_parts(torch.cat([probe, second]))
    alone = bank.stick(u[0]) @ moved + linear[0] @ turns
    both = bank.stick(u[:1] + gains * u[1:]) @ moved + linear[:1] @ turns + gains * (linear[1:] @ turns)
    scale = math.sqrt(2) / round(WINDOW * FS)
    part, probe_part = (torch.linalg.vector_norm(found, dim=-1).numpy() * scale for found in (both, alone))
    change = decibels(part[:, :, 0]) - decibels(probe_part)
    return Suppression(frequencies=f, levels=levels, change=change)


def spectrum_at_place(bank: DRNLFilterbank, tones: Sequence[tuple[float, float]]) -> AtPlace:
    """Return the spectrum of the one place of a bank for tones of so many Hz and dB SPL.

    Tones are moved onto bins of the transform, by at most 1.3 Hz: none leaks, and products are where they are sought.
    """
    width = FS / SPECTRUM
    bins = [max(round(frequency / width), 1) for frequency, _ in tones]
    at = np.array(bins) * width
    peaks = velocity(at) * 10 ** (np.array([level for _, level in tones]) / 20)
    time = torch.arange(SPECTRUM + SPECTRUM // 4, dtype=torch.float64) / FS
    x = sum(peak * torch.sin(2 * math.pi * f * time) for f, peak in zip(at, peaks, strict=True))
    spectrum = (torch.fft.rfft(bank(x)[0, -SPECTRUM:]).abs() * (math.sqrt(2) / SPECTRUM)).numpy()
    levels = decibels(spectrum)
    return AtPlace(np.arange(len(levels)) * width, levels, at, levels[bins])


def distortion(bank: DRNLFilterbank, cf: float, level: float, ratio: float) -> Distortion:
    """Return the spectrum of the place of ``cf`` Hz while two tones of ``level`` dB SPL sound whose 2 f1 - f2 it is."""
    first = cf / (2 - ratio)
    primaries = (first, 2 * first - cf)
    # The product lies on the bin that the bins of both tones say, at most two beside the one of its own frequency.
    found = spectrum_at_place(bank, [(f, level) for f in primaries])
    there = float(found.levels[round((2 * found.tones[0] - found.tones[1]) / found.frequencies[1])])
    return Distortion(
        spectrum=found,
        primaries=primaries,
        product=cf,
        product_level=there if there > NOTHING else -math.inf,
    )


def short_time_rms(y: torch.Tensor, window: float = 0.01, columns: int = 500) -> Array:
    """Return the rms value in windows of 10 ms that slide over the sound, at most ``columns`` of them."""
    size = round(window * FS)
    step = max(math.ceil(y.shape[-1] / columns), 1)
    padded = torch.nn.functional.pad(y.square(), (size // 2, size))
    return np.asarray(
        torch.nn.functional.avg_pool1d(padded, size, step)[..., : -(-y.shape[-1] // step)].sqrt().numpy()
    )
