"""How a response dies away and fills up: energy decay by band, and echo density with a gradient.
Source: Schroeder (1965), JASA 37, 409-412; Abel and Huang (2006), AES 121st Convention, 6985; a soft indicator in place
of their count, as Mezza et al. (2024, arXiv 2404.00082) use one. Not here: measures (:mod:`amtlib.fdn.decay`).
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from amtlib.fdn.noise import octave_centres
from amtlib.train.losses.bands import BandFrames, FramePlan, plan_frames
from amtlib.train.losses.checks import Shown, check_choice, check_number
from amtlib.train.losses.composition import Term
from amtlib.train.losses.distances import Absolute, Distance, Lack, Mean, MeanAbove, Reduction
from amtlib.train.losses.features import level_db
from amtlib.train.losses.hearing import Cochleagram, gammatone_frames
from amtlib.train.losses.rendered import Feature, Rendered

#: dB of a power of 0, in energy decays
_SILENCE_DB = -250.0
#: Time in s for which the lowest octave band rings
_OCTAVE_RING = 0.1
#: Deviation re the peak that a silent window counts with
_SILENT = 1e-8


@lru_cache(maxsize=8)
def octave_frames(plan: FramePlan, fs: float, dtype: torch.dtype, device: torch.device) -> BandFrames:
    """
    Octave bands as a :class:`BandFrames`: gains of :func:`amtlib.fdn.decay.octave_bands`.

    Examples
    --------
    >>> plan = plan_frames(4800, 48000.0, 0.01, 0.1)
    >>> octave_frames(plan, 48000.0, torch.float64, torch.device("cpu")).count
    9
    """
    f = torch.arange(1, plan.n_fft // 2, dtype=torch.float64) * (fs / plan.n_fft)
    bands = []
    for centre in octave_centres(fs):
        octaves = torch.log2(f / float(centre)).clamp(-1.0, 1.0)
        gain = torch.cos(0.5 * math.pi * torch.sin(0.5 * math.pi * octaves).square())
        inside = (octaves.abs() < 1.0).nonzero().flatten()
        if not len(inside):
            continue
        first, last = int(inside[0]), int(inside[-1])
        bands.append((first + 1, gain[first : last + 1]))
    return BandFrames(plan, bands, dtype, device)


@dataclass(frozen=True, repr=False)
class EnergyDecay(Shown):
    """
    Energy that is still to come in each band, in dB re 1.

    Parameters
    ----------
    bands : {'octave', 'erb'}
        Octaves from 62.5 Hz up, or gammatone channels 1 ERB apart from 80 Hz to 16 kHz.
    hop : float
        Step of the curves in s, 0.001 to 0.1.

    Raises
    ------
    ValueError
        If a setting is out of its range, or (when a response comes) fs leaves no band, or the response is shorter than
        two steps.
    """

    bands: str = "octave"
    hop: float = 0.01
    reads = "time"

    def __post_init__(self) -> None:
        """Check both."""
        check_choice(self.bands, "bands", ("octave", "erb"))
        check_number(self.hop, "hop", 0.001, 0.1, "s")

    def __call__(self, rendered: Rendered) -> tuple[Tensor, ...]:
        """Return (batch * n_out, bands, frames)."""
        power = self._power(rendered)
        return (level_db(power.flip(-1).cumsum(dim=-1).flip(-1), _SILENCE_DB),)

    def _power(self, rendered: Rendered) -> Tensor:
        fs, dtype, device = rendered.fs, rendered.dtype, rendered.device
        if self.bands == "erb":
            channels = Cochleagram(hop=self.hop, field="cochlea")
            plan = channels.plan(rendered.nfft, fs)
            key = (tuple(channels.centres(fs).tolist()), plan, fs, "cochlea", dtype, device)
            found: Tensor = rendered.keep(
                ("gammatone power", *key), lambda: gammatone_frames(*key)(rendered.rows)
            )
            return found * plan.hop
        plan = plan_frames(rendered.nfft, fs, self.hop, _OCTAVE_RING)
        kernel = octave_frames(plan, fs, dtype, device)
        if not kernel.count:
            raise ValueError(f"fs = {fs:g} Hz leaves no octave band from 62.5 Hz below fs / 2: raise fs")
        bands: Tensor = rendered.keep(("octave power", plan), lambda: kernel(rendered.rows))
        return bands * plan.hop


@dataclass(frozen=True, repr=False)
class MatchEnergyDecay(Term):
    """
    Mean distance in dB of the energy decay curves, band by band: decay times, and the bands' energies.

    Parameters
    ----------
    bands, hop
        Those of :class:`EnergyDecay`.
    floor_db : float
        Compared is where the target's curve lies above this, re its start in the band: -60 dB. A recording's noise
        lies below a floor that is set above it.

    Examples
    --------
    >>> noise = torch.randn(4800, generator=torch.Generator().manual_seed(0))
    >>> times = torch.arange(4800)
    >>> room, shorter = (Rendered.of_response(noise * pole**times, fs=48000.0) for pole in (0.999, 0.998))
    >>> MatchEnergyDecay()(room, room), bool(MatchEnergyDecay()(shorter, room) > 1.0)
    (tensor(0.), True)
    """

    bands: str = "octave"
    hop: float = 0.01
    floor_db: float = -60.0

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return curves in dB, size of the difference, mean above the target's floor."""
        return EnergyDecay(self.bands, self.hop), Absolute(), MeanAbove(self.floor_db)


@dataclass(frozen=True, repr=False)
class EchoDensity(Shown):
    """
    Echo density over time, soft enough to have a gradient: near 0 for a few echoes, 1 for Gaussian noise.

    Parameters
    ----------
    window : float
        Length of the Hann window in s, 0.002 to 0.5.
    hop : float
        Step in s, 0.0005 to 0.1.
    softness : float
        Width of the step at one standard deviation, in standard deviations, 0.01 to 1: the less, the nearer to the
        count of :func:`amtlib.fdn.decay.echo_density`, and the fewer samples have a gradient.

    Notes
    -----
    Where the measure counts samples beyond one standard deviation of their window, here each counts
    ``1 / (1 + exp((1 - |x| / deviation) / softness))``. It is divided by what Gaussian noise gives.

    References
    ----------
    Abel and Huang (2006), AES 121st Convention, preprint 6985.
    """

    window: float = 0.02
    hop: float = 0.005
    softness: float = 0.15
    reads = "time"

    def __post_init__(self) -> None:
        """Check all of it."""
        check_number(self.window, "window", 0.002, 0.5, "s")
        check_number(self.hop, "hop", 0.0005, 0.1, "s")
        check_number(self.softness, "softness", 0.01, 1.0)

    def __call__(self, rendered: Rendered) -> tuple[Tensor, ...]:
        """Return (batch * n_out, windows)."""
        length, step = round(self.window * rendered.fs), max(1, round(self.hop * rendered.fs))
        rows = rendered.rows
        if not 3 <= length <= rows.shape[-1]:
            raise ValueError(
                f"window = {self.window:g} s is {length} samples, the response has {rows.shape[-1]}: give a window of "
                f"{3.0 / rendered.fs:.2g} to {rows.shape[-1] / rendered.fs:.3g} s, or a longer response (raise nfft)"
            )
        weights = _window(length, rendered.dtype, rendered.device)
        frames = rows.unfold(-1, length, step)
        least = (_SILENT * rows.detach().abs().amax()).square() + torch.finfo(rows.dtype).tiny
        deviation = (frames.square() @ weights + least).sqrt()
        counted = torch.sigmoid((frames.abs() / deviation[..., None] - 1.0) / self.softness)
        return (counted @ weights / gaussian_share(self.softness),)


@lru_cache(maxsize=8)
def _window(length: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    window = torch.hann_window(length + 2, periodic=False, dtype=torch.float64)[1:-1]
    return (window / window.sum()).to(device=device, dtype=dtype)


@lru_cache(maxsize=8)
def gaussian_share(softness: float) -> float:
    """
    Return the mean of the soft count over Gaussian noise.

    Examples
    --------
    >>> round(gaussian_share(0.01), 3)  # erfc(1 / sqrt 2)
    0.317
    """
    x = np.linspace(0.0, 12.0, 24001)
    counted = 1.0 / (1.0 + np.exp(-np.clip((x - 1.0) / softness, -700.0, 700.0)))
    step = x[1] - x[0]
    return float((counted * np.exp(-0.5 * x * x)).sum() * step * math.sqrt(2.0 / math.pi))


@dataclass(frozen=True, repr=False)
class DenseEchoes(Term):
    """
    What the echo density lacks to that of Gaussian noise, squared, on average over the response.

    Parameters
    ----------
    fs : float, optional
        Sampling rate in Hz of the tensors that it will be called with; in training, the network's.
    window, hop, softness
        Those of :class:`EchoDensity`.

    Examples
    --------
    >>> noise = torch.randn(9600, generator=torch.Generator().manual_seed(0))
    >>> sparse = noise * (torch.arange(9600) % 40 == 0)
    >>> dense, thin = (float(DenseEchoes()(Rendered.of_response(x, fs=48000.0))) for x in (noise, sparse))
    >>> dense < 0.01 < 0.5 < thin
    True
    """

    fs: float | None = None
    window: float = 0.02
    hop: float = 0.005
    softness: float = 0.15

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return echo density, its lack to 1, mean."""
        return EchoDensity(self.window, self.hop, self.softness), Lack(1.0), Mean()


@dataclass(frozen=True, repr=False)
class MatchEchoDensity(Term):
    """
    Mean distance of the echo densities over time.

    Parameters
    ----------
    fs : float, optional
        Sampling rate in Hz of the tensors that it will be called with; in training, the network's.
    window, hop, softness
        Those of :class:`EchoDensity`.

    Examples
    --------
    >>> noise = torch.randn(9600, generator=torch.Generator().manual_seed(0))
    >>> room = Rendered.of_response(noise, fs=48000.0)
    >>> thin = Rendered.of_response(noise * (torch.arange(9600) % 40 == 0), fs=48000.0)
    >>> MatchEchoDensity()(room, room), bool(MatchEchoDensity()(thin, room) > 0.5)
    (tensor(0.), True)
    """

    fs: float | None = None
    window: float = 0.02
    hop: float = 0.005
    softness: float = 0.15

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return echo density, size of the difference, mean."""
        return EchoDensity(self.window, self.hop, self.softness), Absolute(), Mean()
