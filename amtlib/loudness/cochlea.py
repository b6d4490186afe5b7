"""From pressure, or a steady spectrum, to the specific loudness of one ear: what both complete models share.
Source: Glasberg and Moore (2002); Moore et al. (2016).
Not here: the two ears together and time (:mod:`amtlib.loudness.moore2016`, :mod:`amtlib.loudness.glasberg2002`).
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from amtlib import lti
from amtlib.ears import OuterMiddleEarFilter
from amtlib.filterbanks.moore2016_spectrum import Moore2016Spectrum
from amtlib.filterbanks.precision import check_values
from amtlib.filterbanks.roex import Moore2016ExcitationPattern
from amtlib.inputs import Numbers, Signal, as_tensor
from amtlib.loudness.results import Cancelled, StationaryLoudness
from amtlib.loudness.sone import Cubics, cubics
from amtlib.loudness.specific import Moore2016SpecificLoudness, SpecificLoudness
from amtlib.lti.resampling import resample
from amtlib.modules import RealModule
from amtlib.progress import Progress, telling

Stop: TypeAlias = Callable[[], bool]

_FS = 32000
_SEGMENT = 2048
_LEAST_FS, _GREATEST_FS = 8000, 768000
#: Level in dB SPL of a sine whose peak is 1 Pa
PASCAL_DB = 20.0 * math.log10(1.0 / (math.sqrt(2.0) * 20e-6))
#: Rows times frames worked on at a time
_AT_ONCE = 4096
#: What the excitation pattern takes for no component, dB
_ABSENT_DB = -1000.0
_FIELDS = ("free", "diffuse", "eardrum", "cochlea")


class Cochlea(RealModule):
    """
    Outer and middle ear, spectrum, excitation pattern and specific loudness; the complete models derive from it.

    Parameters
    ----------
    fs, field, middle_ear, pad, learnable, dtype
        As for :class:`amtlib.Moore2016`.
    excitation : Moore2016ExcitationPattern
        The filters.
    specific : Moore2016SpecificLoudness or SpecificLoudness
        Their specific loudness.
    joint_maximum, segment_duration
        As for :class:`amtlib.Moore2016Spectrum`.
    """

    def __init__(
        self,
        fs: int,
        field: str,
        middle_ear: str,
        pad: bool,
        learnable: bool,
        dtype: torch.dtype,
        excitation: Moore2016ExcitationPattern,
        specific: Moore2016SpecificLoudness | SpecificLoudness,
        joint_maximum: bool = False,
        segment_duration: int = 1,
    ) -> None:
        super().__init__(dtype)
        if not math.isfinite(fs) or fs != int(fs) or not _LEAST_FS <= fs <= _GREATEST_FS:
            raise ValueError(
                f"fs = {fs} Hz; give a whole number from {_LEAST_FS} to {_GREATEST_FS}: other rates than {_FS} "
                "are resampled to it"
            )
        if field not in _FIELDS:
            raise ValueError(f"field = {field!r} is unknown; give {', '.join(map(repr, _FIELDS))}")
        if middle_ear not in ("1997", "2007"):
            raise ValueError(f"middle_ear = {middle_ear!r} is unknown; give '1997' or '2007'")
        self.fs, self.field, self.middle_ear = int(fs), field, middle_ear
        self.pad, self.learnable = bool(pad), bool(learnable)
        self.ear = (
            None
            if field == "cochlea"
            else OuterMiddleEarFilter(_FS, f"tfOuterMiddle{middle_ear}", field, dtype=dtype)
        )
        self.spectrum = Moore2016Spectrum(
            segment_duration=segment_duration,
            db_max=PASCAL_DB,
            learnable=learnable,
            dtype=dtype,
            joint_maximum=joint_maximum,
        )
        self._scales = lti.ResponseCache()
        self.excitation = excitation
        self.specific = specific

    @property
    def frequencies(self) -> Tensor:
        """Channels in Hz, shape (C,)."""
        return self.specific.frequencies

    @property
    def erb_numbers(self) -> Tensor:
        """Channels in Cam, shape (C,)."""
        return self.specific.erb_numbers

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return self.specific.n_channels

    @property
    def frame_step(self) -> float:
        """Time between frames in s."""
        return self.spectrum.hop_length / _FS

    def _signal(self, audio: Signal) -> Tensor:
        """Return the audio in the dtype in use, or say what is wrong with it."""
        return lti.check_signal(audio, self.dtype, self.specific.C.device, "audio", self.fs)

    def at_cochlea(self, audio: Signal) -> Tensor:
        """
        Filter audio by the outer and middle ear: the first of the three steps that `forward` takes.

        Parameters
        ----------
        audio : Tensor, ndarray or Sound, shape (..., T)
            Signals in Pa, at least 64 ms unless ``pad``. A sound must have the sampling rate ``fs``.

        Returns
        -------
        Tensor, shape (..., T')
            Effective pressure at the cochlea in Pa, at 32 kHz; with ``pad`` it begins 32 ms before the sound.

        Raises
        ------
        ValueError
            If `audio` is too short, complex or on another device, or has non-finite samples.
        TypeError
            If it is neither a tensor nor an array.

        See Also
        --------
        patterns : the second step.

        Examples
        --------
        >>> from amtlib import Moore2016
        >>> Moore2016(pad=True).at_cochlea(torch.zeros(2, 3200)).shape
        torch.Size([2, 5280])
        """
        return self._at_cochlea(self._signal(audio))

    def patterns(
        self, pressure: Signal, *, progress: Progress | None = None, cancelled: Stop | None = None
    ) -> tuple[Tensor, Tensor]:
        """
        Work out excitation and specific loudness of each ear by itself: the second step of `forward`.

        For those who change only what comes later (time constants, inhibition), and keep what comes before.

        Parameters
        ----------
        pressure : Tensor or ndarray, shape (T,) or (N, T)
            What :meth:`at_cochlea` returned. With ``joint_maximum`` left and right ear in turn, N even, or one ear.
        progress, cancelled : callable, optional
            As for `forward`.

        Returns
        -------
        excitation : Tensor, shape (F, C) or (N, F, C)
            dB SPL; -120 where there is none.
        specific : Tensor, shape (F, C) or (N, F, C)
            sone/Cam. Differentiable, both.

        Raises
        ------
        ValueError
            If `pressure` has another shape, is shorter than 64 ms, or has non-finite samples.
        TypeError
            If it is neither a tensor nor an array.
        amtlib.loudness.Cancelled
            If it was cancelled.

        Examples
        --------
        >>> from amtlib import Moore2016
        >>> model = Moore2016(pad=True)
        >>> excitation, specific = model.patterns(model.at_cochlea(torch.zeros(3200)))
        >>> excitation.shape, float(specific.max())
        (torch.Size([101, 150]), 0.0)
        """
        x = lti.check_signal(pressure, self.dtype, self.specific.C.device, "pressure", _FS)
        if x.ndim not in (1, 2):
            raise ValueError(f"pressure has shape {tuple(x.shape)}; give (T,) or (N, T)")
        blocks = list(self._blocks(x if x.ndim == 2 else x[None], progress, cancelled))
        excitation, specific = (
            torch.cat(kind, -2) if len(kind) > 1 else kind[0] for kind in zip(*blocks, strict=True)
        )
        return (excitation, specific) if x.ndim == 2 else (excitation[0], specific[0])

    def _at_cochlea(self, audio: Tensor) -> Tensor:
        x = resample(audio, self.fs, _FS)
        if self.pad:
            half = _SEGMENT // 2
            # One hop more: a signal of 2048 + n hops has n frames, the last of which ends a hop before its end.
            x = torch.nn.functional.pad(x, (half, half + self.spectrum.hop_length))
        elif x.shape[-1] < _SEGMENT:
            raise ValueError(
                f"audio has {audio.shape[-1]} samples, {audio.shape[-1] / self.fs * 1e3:.3g} ms; give at least "
                f"{_SEGMENT / _FS * 1e3:g} ms, or pad=True, which puts silence around it"
            )
        return x if self.ear is None else self.ear(x)

    def frame_times(self, frames: int) -> Tensor:
        """
        Centres of the first frames.

        Parameters
        ----------
        frames : int
            How many, >= 0.

        Returns
        -------
        Tensor, shape (frames,)
            Times in s from the start of the sound.

        Examples
        --------
        >>> from amtlib import Moore2016
        >>> Moore2016(pad=True).frame_times(3), Moore2016().frame_times(1)
        (tensor([0.0000, 0.0010, 0.0020]), tensor([0.0320]))
        """
        starts = torch.arange(frames, dtype=torch.float64, device="cpu") * self.spectrum.hop_length
        centres = (starts + _SEGMENT / 2) / _FS
        return (centres - (_SEGMENT / 2 / _FS if self.pad else 0.0)).to(self.specific.C)

    def _blocks(
        self, x: Tensor, progress: Progress | None, cancelled: Stop | None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Excitation in dB and specific loudness, shapes (rows, frames, C), block after block of frames."""
        x = self._in_pairs(x) if x.ndim == 2 else x
        total = self.spectrum.n_frames(x.shape[-1])
        length = max(64, _AT_ONCE // x[..., 0].numel())
        # Where gradients are wanted, only the ends of a long chain are kept, and a block is computed again when
        # its gradient is: memory stays that of one block.
        again = total > length and torch.is_grad_enabled() and (x.requires_grad or self._learns())
        with telling(progress, "loudness") as tell:
            for start in range(0, total, length):
                if cancelled is not None and cancelled():
                    raise Cancelled(f"stopped at {start} of {total} frames")
                stop = min(start + length, total)
                if again:
                    block: Any = checkpoint(
                        self._block, x, start, stop, use_reentrant=False, preserve_rng_state=False
                    )
                else:
                    block = self._block(x, start, stop)
                yield block
                tell(stop / total)

    def _in_pairs(self, x: Tensor) -> Tensor:
        """Rows, shape (N, T), as those that share a maximum: both ears of a sound, shape (N / 2, 2, T), or one."""
        if not self.spectrum.joint_maximum or len(x) == 1:
            return x.unsqueeze(-2)
        if len(x) % 2:
            raise ValueError(
                f"pressure has {len(x)} rows; with joint_maximum give left and right ear in turn, or a single one"
            )
        return x.reshape(-1, 2, x.shape[-1])

    def _block(self, x: Tensor, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Of signals, shape (sounds, ears, T): shapes (sounds * ears, frames, C)."""
        freqs, power = self.spectrum.dense(x, start, stop)
        excitation = self.excitation.forward_grid(freqs, power.flatten(0, 1))
        return excitation, self.specific(excitation)

    def phon_scale(self, stationary: bool = False) -> Cubics:
        """
        Work out how loud a 1-kHz tone of each level is by this model: what :func:`amtlib.sone2phon` reads.

        The tone is heard with both ears, as the phon is defined (ANSI S3.4-2007), whatever this model's presentation.

        Parameters
        ----------
        stationary : bool
            By its component, as ``stationary`` has it, and not heard as audio.

        Returns
        -------
        tuple of two Tensors
            ln(sone) over 0 to 130 phon, as ``amtlib.loudness.sone.cubics`` gives it, kept while parameters stay.

        Raises
        ------
        ValueError
            If loudness does not grow with level.

        Examples
        --------
        >>> from amtlib import Glasberg2002, sone2phon
        >>> model = Glasberg2002()
        >>> round(sone2phon(float(model.stationary(torch.tensor([1000.0]), torch.tensor([80.0])).total), model,
        ...                 stationary=True), 3)
        80.0
        """
        state = [*self.parameters(), *self.buffers()]
        return self._scales.get((stationary, self.dtype), state, lambda: self._phon_scale(stationary))

    def _phon_scale(self, stationary: bool) -> Cubics:
        device = self.specific.C.device
        levels = torch.arange(131, dtype=torch.float64, device=device).unsqueeze(-1)
        if stationary:
            tone = torch.tensor([1000.0], dtype=self.dtype, device=device)
            sone = self._both_ears(self._steady(tone, levels)[1])
        else:
            gain = 1.0 if self.ear is None else self.ear.frequency_response([1000.0]).abs()
            angle = 2.0 * math.pi * 1000.0 / _FS * torch.arange(_SEGMENT, dtype=torch.float64, device=device)
            peaks = 10.0 ** ((levels.squeeze(-1) - PASCAL_DB) / 20.0)
            # Its spectrum grows with it: one is enough for all levels.
            spectrum = self.spectrum.dense_at((gain * angle.sin()).to(self.dtype), peaks.to(self.dtype))
            sone = self._both_ears(self.specific(self.excitation.forward_grid(*spectrum))[:, 0])
        return cubics(sone.double().log().cpu().numpy())

    def stationary(self, freqs: Numbers, levels: Numbers) -> StationaryLoudness:
        """Predict the loudness of a steady sound from its components; each model has its own."""
        raise NotImplementedError

    def _both_ears(self, specific: Tensor) -> Tensor:
        """Loudness of patterns, shape (..., C), that both ears hear; each model has its own."""
        raise NotImplementedError

    def _learns(self) -> bool:
        return any(parameter.requires_grad for parameter in self.parameters())

    def _components(self, freqs: Numbers, levels: Numbers) -> tuple[Tensor, Tensor]:
        """Frequencies and levels as tensors; a single level is that of all components."""
        device = self.specific.C.device
        at, level = (
            as_tensor(x, name, device, unit, numbers=True)
            for x, name, unit in ((freqs, "freqs", "Hz"), (levels, "levels", "dB SPL"))
        )
        at = at.reshape(1) if at.ndim == 0 else at
        return at, level.expand(at.shape) if level.ndim == 0 else level

    def _steady(self, freqs: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
        """Excitation in dB and specific loudness, shapes (..., C), of a steady spectrum in the sound field."""
        like = self.specific.C
        freqs = check_values(freqs, "freqs", like, "Hz")
        levels = check_values(levels, "levels", like, "dB SPL", silent=True)
        if (freqs.ndim != 1 and freqs.shape != levels.shape) or freqs.shape[-1] != levels.shape[-1]:
            raise ValueError(
                f"freqs has shape {tuple(freqs.shape)} and levels {tuple(levels.shape)}; give (K,) or (..., K), "
                "and (..., K)"
            )
        if bool((freqs < 0.0).any()):
            raise ValueError(
                f"freqs holds {float(freqs.min())} Hz; frequencies are >= 0, and 0 is no component"
            )
        gain = 0.0 if self.ear is None else self.ear.gain_db(freqs).to(like)
        inner = (levels + gain).clamp_min(_ABSENT_DB)
        excitation = self.excitation(freqs.expand(inner.shape), inner)
        return excitation, self.specific(excitation)
