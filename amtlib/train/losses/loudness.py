"""Loudness of a response, as it is and as a noise fades in it: specific loudness from gammatone excitation.
Source: Glasberg and Moore (2002), J. Audio Eng. Soc. 50, 331-342: the library's own stages of it, behind gammatones.
Not here: the complete models (:mod:`amtlib.loudness`), whose filters spread further at high levels.
"""

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from amtlib.loudness import LoudnessIntegration, SpecificLoudness
from amtlib.train.losses.bands import FramePlan, plan_frames
from amtlib.train.losses.checks import Shown, check_choice, check_number
from amtlib.train.losses.composition import Term
from amtlib.train.losses.distances import Absolute, Distance, Reduction, RelativeMean
from amtlib.train.losses.features import level_db
from amtlib.train.losses.hearing import FIELDS, calibration, gammatone_frames, ring_seconds
from amtlib.train.losses.rendered import Feature, Rendered

#: Excitation in dB that silence counts as: far below any threshold
_SILENT_DB = -90.0
_LOWEST_HZ, _HIGHEST_HZ = 50.0, 15000.0


@lru_cache(maxsize=8)
def _specific(fs: float, step: float, dtype: torch.dtype, device: torch.device) -> SpecificLoudness:
    top = min(_HIGHEST_HZ, 0.42 * fs)
    if top <= 2.0 * _LOWEST_HZ:
        raise ValueError(
            f"fs = {fs:g} Hz is too low for loudness, whose channels begin at {_LOWEST_HZ:g} Hz and end at 0.42 fs: "
            "raise fs"
        )
    # the last channel may lie a step above the range
    return SpecificLoudness(fs=fs, f_min=_LOWEST_HZ, f_max=top, erb_step=step, dtype=dtype).to(device)


@lru_cache(maxsize=8)
def _integration(
    step: float, hop: float, ears: int, dtype: torch.dtype, device: torch.device
) -> LoudnessIntegration:
    return LoudnessIntegration(erb_step=step, frame_step=hop, ears=ears, dtype=dtype).to(device)


def _channel_power(
    rendered: Rendered, step: float, hop: float, field: str
) -> tuple[Tensor, SpecificLoudness, FramePlan]:
    """Gammatone power behind the ear (rows, channels, frames), uncalibrated, and the stage that comes next."""
    stage = _specific(rendered.fs, step, rendered.dtype, rendered.device)
    plan = plan_frames(rendered.nfft, rendered.fs, hop, ring_seconds(_LOWEST_HZ))
    centres = tuple(f for f in stage.frequencies.double().tolist() if f < 0.49 * rendered.fs)
    if len(centres) < stage.n_channels:
        raise ValueError(
            f"fs = {rendered.fs:g} Hz is too low for channels {step:g} Cam apart: lower spacing, or raise fs"
        )
    key = (centres, plan, rendered.fs, field, rendered.dtype, rendered.device)
    power: Tensor = rendered.keep(("gammatone power", *key), lambda: gammatone_frames(*key)(rendered.rows))
    return power, stage, plan


@dataclass(frozen=True, repr=False)
class LoudnessPattern(Shown):
    """
    Specific loudness of a response over time, in sone per Cam of one ear.

    Parameters
    ----------
    level : float
        Level in dB SPL of the loudest frame of the target (or of the response, if there is no target), 0 to 120.
    spacing : float
        Distance of the channels in Cam, 0.25 to 2.
    hop : float
        Length of a frame in s, 0.001 to 0.1.
    field : {'diffuse', 'free', 'eardrum', 'cochlea'}
        Which outer ear stands before the middle ear; 'cochlea' for no ear at all.

    Notes
    -----
    Excitation is the mean power of each gammatone in a frame, so its filters do not widen with level, and what
    fluctuates within a frame is averaged before it is compressed. A decaying noise comes out louder than in the
    complete :class:`amtlib.Glasberg2002`: by 17 % at 50 dB SPL, 11 % at 65, 8 % at 80; channels 0.25 Cam apart change
    that by less than 1.2 %. A steady noise, see :class:`LoudnessDecay`, agrees within 5, 2 and 2 % at 45, 65 and 85 dB.

    Raises
    ------
    ValueError
        If a number is out of its range, or (when a response comes) fs is too low, or the target silent.
    """

    level: float = 75.0
    spacing: float = 1.0
    hop: float = 0.01
    field: str = "diffuse"
    reads = "time"

    def __post_init__(self) -> None:
        """Check all of it."""
        _check(self.level, self.spacing, self.hop, self.field)

    def __call__(self, rendered: Rendered) -> tuple[Tensor, ...]:
        """Return (batch * n_out, frames, channels)."""
        power, stage, _ = _channel_power(rendered, self.spacing, self.hop, self.field)
        excitation = level_db(power * calibration(rendered, self.hop, self.level), _SILENT_DB)
        found: Tensor = stage(excitation.mT)
        return (found,)


@dataclass(frozen=True, repr=False)
class LoudnessDecay(Shown):
    """
    Short-term loudness over time of a steady pink noise that is switched off, in sone of both ears.

    Parameters
    ----------
    level : float
        Level in dB SPL that the noise had in the target (or in the response, if there is no target), 0 to 120.
    spacing : float
        Distance of the channels in Cam, 0.25 to 2.
    hop : float
        Length of a frame in s, 0.001 to 0.1.
    field : {'diffuse', 'free', 'eardrum', 'cochlea'}
        Which outer ear stands before the middle ear; 'cochlea' for no ear at all.

    Notes
    -----
    What is left of the noise in a channel after some time is, on average over noises, the energy of the channel's
    response from that time on (Schroeder 1965): so no noise is drawn, and none is convolved.

    Raises
    ------
    ValueError
        As for :class:`LoudnessPattern`.
    """

    level: float = 75.0
    spacing: float = 1.0
    hop: float = 0.01
    field: str = "diffuse"
    reads = "time"

    def __post_init__(self) -> None:
        """Check all of it."""
        _check(self.level, self.spacing, self.hop, self.field)

    def __call__(self, rendered: Rendered) -> tuple[Tensor, ...]:
        """Return (batch * n_out, frames)."""
        power, stage, plan = _channel_power(rendered, self.spacing, self.hop, self.field)
        left = power.flip(-1).cumsum(dim=-1).flip(-1) * plan.hop
        pink = (1000.0 / stage.frequencies)[:, None]
        factor = 10.0 ** (self.level / 10.0) / pink_energy(rendered.reference)
        excitation = level_db(left * (pink * factor), _SILENT_DB)
        over_time = _integration(self.spacing, plan.hop / rendered.fs, 2, rendered.dtype, rendered.device)
        loudness = stage(excitation.mT).sum(dim=-1) * (over_time.erb_step * over_time.ears)
        faded: Tensor = over_time.short_term(loudness, initial=loudness[:, 0])
        return (faded,)


def pink_energy(rendered: Rendered) -> Tensor:
    """
    Energy of the loudest channel of a response to pink noise whose density at 1 kHz is that of a unit sample.

    Examples
    --------
    >>> click = Rendered.of_response(torch.eye(1, 4800)[0], fs=48000.0)
    >>> round(float(pink_energy(click)), 2)  # 1 kHz / 24 kHz * ln(24000 / 20), and a sum for it
    0.31
    """

    def find() -> Tensor:
        with torch.no_grad():
            rows = rendered.rows.detach()
            spectrum = torch.fft.rfft(rows.double())
            f = torch.arange(spectrum.shape[-1], device=rows.device) * (rendered.fs / rows.shape[-1])
            pink = torch.where(f >= 20.0, 1000.0 / f.clamp_min(20.0), 0.0)
            power = torch.view_as_real(spectrum).square().sum(dim=-1)
            energy: Tensor = ((power * pink).sum(dim=-1) * (2.0 / rows.shape[-1])).amax()
            if not float(energy) > 0.0:
                raise ValueError("the response is silent, so it has no level: give one that sounds")
            return energy.to(rendered.dtype)

    found: Tensor = rendered.keep("pink energy", find)
    return found


def _check(level: float, spacing: float, hop: float, field: str) -> None:
    check_number(level, "level", 0.0, 120.0, "dB SPL")
    check_number(spacing, "spacing", 0.25, 2.0, "Cam")
    check_number(hop, "hop", 0.001, 0.1, "s")
    check_choice(field, "field", FIELDS)


@dataclass(frozen=True, repr=False)
class MatchLoudness(Term):
    """
    Distance of specific loudness, channel by channel and frame by frame, of the responses played at some level.

    Parameters
    ----------
    fs : float, optional
        Sampling rate in Hz of the tensors that it will be called with; in training, the network's.
    level, spacing, hop, field
        Those of :class:`LoudnessPattern`.

    Notes
    -----
    The mean absolute difference over the mean of the target's specific loudness: 1 for silence.

    Examples
    --------
    >>> noise = torch.randn(4800, generator=torch.Generator().manual_seed(0))
    >>> room = Rendered.of_response(noise * 0.999 ** torch.arange(4800), fs=48000.0)
    >>> loss = MatchLoudness()
    >>> loss(room, room), float(loss(Rendered.of_response(0.0 * noise, fs=48000.0), room))
    (tensor(0.), 1.0)
    """

    fs: float | None = None
    level: float = 75.0
    spacing: float = 1.0
    hop: float = 0.01
    field: str = "diffuse"

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return specific loudness, size of the difference, mean relative to the target."""
        return LoudnessPattern(**_settings(self)), Absolute(), RelativeMean()


@dataclass(frozen=True, repr=False)
class MatchLoudnessDecay(Term):
    """
    Distance of how a steady noise fades: short-term loudness in sone after it is switched off.

    Parameters
    ----------
    fs : float, optional
        Sampling rate in Hz of the tensors that it will be called with; in training, the network's.
    level, spacing, hop, field
        Those of :class:`LoudnessDecay`.

    Notes
    -----
    The mean absolute difference over the mean of the target's loudness: 1 for silence.

    Examples
    --------
    >>> noise = torch.randn(4800, generator=torch.Generator().manual_seed(0))
    >>> times = torch.arange(4800)
    >>> room, shorter, shortest = (
    ...     Rendered.of_response(noise * pole**times, fs=48000.0) for pole in (0.999, 0.998, 0.997))
    >>> loss = MatchLoudnessDecay()
    >>> loss(room, room), bool(loss(shortest, room) > loss(shorter, room) > 0.0)
    (tensor(0.), True)
    """

    fs: float | None = None
    level: float = 75.0
    spacing: float = 1.0
    hop: float = 0.01
    field: str = "diffuse"

    def definition(self) -> tuple[Feature, Distance, Reduction]:
        """Return fading loudness, size of the difference, mean relative to the target."""
        return LoudnessDecay(**_settings(self)), Absolute(), RelativeMean()


def _settings(term: MatchLoudness | MatchLoudnessDecay) -> dict[str, Any]:
    return {f.name: getattr(term, f.name) for f in fields(term) if f.name != "fs"}
