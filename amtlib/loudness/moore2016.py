"""The binaural loudness model of Moore, Glasberg, Varathanathan and Schlittenlacher (2016), complete.
Source: Moore et al. (2016), Trends Hear. 20; time constants of the averages as in Moore et al. (2018).
Not here: its stages, each in its own module.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor

from amtlib.filterbanks.precision import check_values
from amtlib.filterbanks.roex import Moore2016ExcitationPattern
from amtlib.inputs import Numbers, Signal, Values, as_tensor
from amtlib.loudness.binaural import Moore2016BinauralLoudness
from amtlib.loudness.cochlea import Cochlea, Stop
from amtlib.loudness.results import Moore2016Loudness, Moore2016Stages, StationaryLoudness
from amtlib.loudness.specific import Moore2016SpecificLoudness
from amtlib.loudness.temporal import Moore2016TemporalIntegration
from amtlib.progress import Progress


class Moore2016(Cochlea):
    """
    Loudness of sound at two ears over time: Moore, Glasberg, Varathanathan and Schlittenlacher (2016).

    Outer and middle ear, spectrum of six windows every millisecond, excitation pattern, specific loudness of each
    ear, its short-term average, mutual inhibition of the ears, loudness, and its long-term average.

    Parameters
    ----------
    fs : int
        Sampling rate of the audio in Hz, 8000 to 768000. The model works at 32000; other rates are resampled.
    field : {'free', 'diffuse', 'eardrum', 'cochlea'}
        Where the pressure was measured: in the free field with the sound from the front, in the diffuse field
        (both with the listener absent), at the eardrum, or behind the middle ear, which leaves the filter out.
    middle_ear : {'2007', '1997'}
        Middle ear of ANSI S3.4-2007 or of Moore et al. (1997).
    inhibition, smoothing : bool
        False: the ears do not inhibit each other; or inhibition compares them channel by channel.
    pad : bool
        Put silence around the sound, so that frames are centred on times from 0 to its end, and sounds shorter
        than the 64-ms window are heard whole. Default: only frames whose window lies within the sound.
    segment_duration : int
        Time from one frame to the next in ms. The published model has 1. With 4 it takes a third of the time; the
        averages keep their time constants, and loudness differs by 0.3 % for half a second of noise or tone, and
        by 2 % for a complex of 200 Hz or a tone of 20 ms.
    joint_maximum : bool
        Drop components 60 dB below the greatest of both ears, as the toolbox does, not below each ear's own.
    learnable : bool
        Make the parameters of all stages learnable.
    dtype : torch.dtype
        torch.float32 or torch.float64.

    Attributes
    ----------
    frequencies, erb_numbers : Tensor, shape (C,)
        Channels in Hz and in Cam; C = ``n_channels`` = 150.
    frame_step : float
        Time between frames in s: 0.001 by default.
    ear, spectrum, excitation, specific, temporal, binaural : torch.nn.Module
        The stages (``ear`` is None with field 'cochlea'); their parameters may be set at any time.
    fs, field, middle_ear, pad, learnable, dtype
        As given.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If it has the wrong type.

    See Also
    --------
    Glasberg2002 : the model before it, for one signal at both ears.
    amtlib.loudness.equal_loudness_contour : which levels are equally loud.

    Notes
    -----
    Calibration: audio is in Pa, so a sine of peak 1 has 90.97 dB SPL (its rms is 0.707 Pa), which is what the
    spectrum stage is given here. (Its own default, 93.98 dB, is the toolbox's scale, in which a sine of L dB SPL has
    the peak ``10^((L - 93.98) / 20)``: 3.01 dB less than in Pa.) A tone of 1 kHz and 40 dB SPL, peak
    ``20e-6 sqrt(2) 10^(40/20)`` Pa, at both ears in the free field then has 1.00 sone.

    With the revised time constants of Moore et al. (2018) this is the method of ISO 532-3:2023, and :meth:`stationary`
    that of ISO 532-2:2017 for steady sounds. It is no certified implementation of either: tones have the loudness level
    that annex C of ISO 532-3 prints within 1.4 phon, and the standard gives 2.8 phon as its uncertainty.

    Long sounds are worked on in blocks of frames, with bounded memory; results do not depend on that. Where the
    two ears are given the same signal, it is analyzed once.

    References
    ----------
    Moore, Glasberg, Varathanathan and Schlittenlacher (2016), Trends Hear. 20, 2331216516682698.
    Moore, Jervis, Harries and Schlittenlacher (2018), J. Acoust. Soc. Am. 143, 1504-1513.
    ISO 532-3:2023, Methods for calculating loudness, part 3: Moore-Glasberg-Schlittenlacher method.
    ISO 532-2:2017, Methods for calculating loudness, part 2: Moore-Glasberg method (steady sounds).

    Examples
    --------
    >>> time = torch.arange(16000) / 32000
    >>> tone = 20e-6 * 2**0.5 * 10 ** (40 / 20) * torch.sin(2 * torch.pi * 1000 * time)
    >>> model = Moore2016()
    >>> both = model(torch.stack([tone, tone]))
    >>> round(float(both.short_term[-1]), 2)
    1.0
    >>> left_only = model(torch.stack([tone, 0 * tone]))
    >>> round(float(both.short_term[-1] / left_only.short_term[-1]), 2)
    1.5
    """

    def __init__(
        self,
        fs: int = 32000,
        *,
        field: str = "free",
        middle_ear: str = "2007",
        inhibition: bool = True,
        smoothing: bool = True,
        pad: bool = False,
        segment_duration: int = 1,
        joint_maximum: bool = False,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(
            fs,
            field,
            middle_ear,
            pad,
            learnable,
            dtype,
            Moore2016ExcitationPattern(spreading_limit_octaves=None, learnable=learnable, dtype=dtype),
            Moore2016SpecificLoudness(learnable, dtype),
            joint_maximum,
            segment_duration,
        )
        self.temporal = Moore2016TemporalIntegration(learnable, dtype, frame_step=self.frame_step)
        self.binaural = Moore2016BinauralLoudness(learnable, dtype, inhibit=inhibition, smooth=smoothing)

    def forward(
        self,
        audio: Signal,
        *,
        return_stages: bool = False,
        progress: Progress | None = None,
        cancelled: Stop | None = None,
    ) -> Moore2016Loudness:
        """
        Predict loudness over time.

        Parameters
        ----------
        audio : Tensor, ndarray or Sound, shape (2, T) or (B, 2, T)
            Left and right ear in Pa, at least 64 ms unless `pad`. A sound must have the sampling rate ``fs``; of a file
            with one channel, both ears hear that.
        return_stages : bool
            Keep every stage: 3 kB per frame and sound in float32, 6 in float64.
        progress : callable or bool, optional
            Called with the share done, up to 1, after each block of frames; True for a progress bar.
        cancelled : callable, optional
            Asked before each block; if it returns True the computation ends.

        Returns
        -------
        Moore2016Loudness
            Without batch axes if `audio` had none. Differentiable in `audio` and in learnable parameters.

        Raises
        ------
        ValueError
            If `audio` has another shape, is too short, complex or on another device, or has non-finite samples.
        TypeError
            If `audio` is neither a tensor nor an array.
        amtlib.loudness.Cancelled
            If it was cancelled.
        """
        sound = self._signal(audio)
        if getattr(audio, "channels", None) == 1:
            sound = sound.reshape(1, -1).expand(2, -1)
        if sound.ndim not in (2, 3) or sound.shape[-2] != 2:
            raise ValueError(
                f"audio has shape {tuple(sound.shape)}; give left and right ear, (2, T) or (batch, 2, T): of a stereo "
                "file, amtlib.audio.load(file, channel='all') keeps both, and amtlib.loudness.loudness(file) does all "
                "in one call; where there is one signal, torch.stack([x, x], -2) is x at both ears"
            )
        rows, index = _distinct(sound, apart=self.spectrum.joint_maximum)
        x = self._at_cochlea(rows)
        found = self._follow(self._blocks(x, progress, cancelled), index, return_stages)
        return found if sound.ndim == 3 else _first(found)

    def over_time(self, specific: Values) -> Moore2016Loudness:
        """
        Integrate over ears and time what each ear hears by itself: the last of the three steps of `forward`.

        Parameters
        ----------
        specific : Tensor or ndarray, shape (2, F, C) or (B, 2, F, C)
            Instantaneous specific loudness of the left and the right ear in sone/Cam, as :meth:`patterns` returns it
            with this model's ``frame_step``.

        Returns
        -------
        Moore2016Loudness
            As `forward` returns it with ``return_stages=True``, but that its excitation has no frames. Differentiable.

        Raises
        ------
        ValueError
            If `specific` has another shape, or a value that is negative or not finite.
        TypeError
            If it is neither a tensor nor an array.

        See Also
        --------
        at_cochlea, patterns : the steps before.

        Examples
        --------
        >>> model = Moore2016(pad=True)
        >>> noise = 0.02 * torch.randn(2, 3200)
        >>> _, specific = model.patterns(model.at_cochlea(noise))
        >>> in_steps, at_once = model.over_time(specific), model(noise)
        >>> torch.allclose(in_steps.long_term, at_once.long_term)
        True
        """
        specific = as_tensor(specific, "specific", self.specific.C.device, "patterns in sone/Cam")
        if specific.ndim not in (3, 4) or specific.shape[-3] != 2 or specific.shape[-1] != self.n_channels:
            raise ValueError(
                f"specific has shape {tuple(specific.shape)}; give left and right ear, (2, F, {self.n_channels}) or "
                f"(batch, 2, F, {self.n_channels})"
            )
        x = check_values(specific, "specific", self.specific.C, "sone/Cam")
        rows, index = _distinct(x.reshape(-1, 2, x.shape[-2] * x.shape[-1]))
        rows = rows.reshape(-1, *x.shape[-2:])
        found = self._follow([(rows[:, :0], rows)], index, True)
        return found if x.ndim == 4 else _first(found)

    def _follow(
        self, blocks: Iterable[tuple[Tensor, Tensor]], index: Tensor, return_stages: bool
    ) -> Moore2016Loudness:
        """Integrate patterns that come in blocks of frames; `index`, shape (B, 2), says whose each ear's are."""
        kept: dict[str, list[Tensor]] = defaultdict(list)
        last: Tensor | None = None
        frames = 0
        diotic = bool((index[:, 0] == index[:, 1]).all())
        for excitation, specific in blocks:
            short = self.temporal.short_term(specific, dim=-2, initial=last)
            last = short[:, -1]
            frames += specific.shape[-2]
            for name, each in (("instantaneous", specific), ("short_term", short)):
                left = each[index[:, 0]]
                heard = self.binaural(left, left if diotic else each[index[:, 1]], return_stages=True)
                kept[name].append(torch.stack([heard.total, heard.left, heard.right]))
            if return_stages:
                kept["excitation"].append(excitation[index])
                kept["specific_loudness"].append(specific[index])
                kept["short_term_specific"].append(short[index])
                kept["smoothed"].append(heard.smoothed.transpose(1, 2))
                kept["inhibited"].append(heard.inhibited.transpose(1, 2))
        loudness = {name: torch.cat(kept.pop(name), -1) for name in ("instantaneous", "short_term")}
        # Each ear has its own long-term average; the total is their sum.
        long = self.temporal.long_term(loudness["short_term"][1:])
        loudness["long_term"] = torch.cat([long.sum(0, keepdim=True), long])
        patterns = {name: torch.cat(kept.pop(name), -2) for name in list(kept)}
        channels = {"frequencies": self.frequencies, "erb_numbers": self.erb_numbers}
        return Moore2016Loudness(
            time=self.frame_times(frames),
            **{
                f"{name}{ear}": value[row]
                for name, value in loudness.items()
                for row, ear in enumerate(("", "_left", "_right"))
            },
            peak=loudness["long_term"][0].amax(-1),
            peak_short_term=loudness["short_term"][0].amax(-1),
            stages=Moore2016Stages(**channels, **patterns) if return_stages else None,
        )

    def stationary(self, freqs: Numbers, levels: Numbers, right: Numbers | None = None) -> StationaryLoudness:
        """
        Predict the loudness of a steady sound from its components, without a signal.

        Parameters
        ----------
        freqs : Tensor, ndarray or list, shape (K,) or (..., K), or float
            Frequencies of the components in Hz, K >= 1; 0 is no component.
        levels : Tensor, ndarray or list, shape (..., K), or float
            Their levels in the sound field in dB SPL, up to 200 at the cochlea; -inf is no component. A number is the
            level of each.
        right : Tensor, ndarray or list, shape (..., K), or float, optional
            Levels at the right ear, if `levels` are those of the left ear only; a number is for all components:
            -inf leaves the right ear in silence. Default: the same at both ears.

        Returns
        -------
        StationaryLoudness
            With both ears. Differentiable in levels and in learnable parameters.

        Raises
        ------
        ValueError
            If shapes do not match, there is no component, or a number is out of its range.
        TypeError
            If an argument has the wrong type.

        Notes
        -----
        A steady sound's short- and long-term loudness tend to what this gives. Through audio a tone is spread
        over several components, which lowers its loudness, the more the louder it is: for 1 kHz by 0.8 % at 40 dB SPL,
        2.3 % at 60, 5.5 % at 80 and 9.2 % at 100. The table of :func:`sone2phon` belongs to tones heard as audio.

        Examples
        --------
        >>> model = Moore2016()
        >>> model.stationary(torch.tensor([1000.0]), torch.tensor([[40.0], [50.0], [60.0]])).total
        tensor([1.0070, 2.1182, 4.2063])
        >>> model.stationary(1000.0, 40.0, right=-float("inf")).total
        tensor(0.6713)
        """
        at, left = self._components(freqs, levels)
        ears = [self._steady(at, left)]
        if right is None:
            ears *= 2
        else:
            other = as_tensor(right, "right", left.device, "dB SPL", numbers=True)
            other = other.expand(left.shape) if other.ndim == 0 else other
            if other.shape != left.shape:
                raise ValueError(
                    f"right has shape {tuple(other.shape)}, levels has {tuple(left.shape)}; give equal shapes"
                )
            ears.append(self._steady(at, other))
        heard = self.binaural(ears[0][1], ears[1][1], return_stages=True)
        return StationaryLoudness(
            self.frequencies,
            self.erb_numbers,
            torch.stack([e for e, _ in ears], -2),
            torch.stack([s for _, s in ears], -2),
            heard.smoothed,
            heard.inhibited,
            heard.left,
            heard.right,
            heard.total,
        )

    def _both_ears(self, specific: Tensor) -> Tensor:
        total: Tensor = self.binaural(specific, specific)[0]
        return total

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return (
            f"fs={self.fs} Hz, field={self.field!r}, middle_ear={self.middle_ear!r}, pad={self.pad}, "
            f"learnable={self.learnable}, dtype={self.dtype}"
        )


def _first(found: Moore2016Loudness) -> Moore2016Loudness:
    """Return what was found of a batch of one without the batch."""
    common = {"time", "stages", "frequencies", "erb_numbers"}

    def single(result: Moore2016Loudness | Moore2016Stages) -> dict[str, Tensor]:
        values = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
        return {name: value.squeeze(0) for name, value in values.items() if name not in common}

    stages = found.stages and dataclasses.replace(found.stages, **single(found.stages))
    return dataclasses.replace(found, stages=stages, **single(found))


def _distinct(audio: Tensor, apart: bool = False) -> tuple[Tensor, Tensor]:
    """Signals to analyze, shape (rows, T), and which of them each ear hears, shape (B, 2); all of them if `apart`."""
    flat = audio.reshape(-1, audio.shape[-1])
    index = torch.arange(len(flat), device=audio.device).reshape(-1, 2)
    if apart or audio.requires_grad:
        return flat, index  # each ear has its own gradient
    same = (flat[0::2] == flat[1::2]).all(-1)
    kept = torch.stack([torch.ones_like(same), ~same], -1)
    place = kept.flatten().cumsum(0).reshape(-1, 2) - 1
    return flat[kept.flatten()], place
