"""The loudness model of Glasberg and Moore (2002) for sounds that change over time, complete.
Source: Glasberg and Moore (2002), J. Audio Eng. Soc. 50, 331-342.
Not here: its stages, each in its own module, and the specification's chain of modules, which is another one.
"""

from typing import Literal, overload

import torch
from torch import Tensor

from amtlib.filterbanks.roex import Moore2016ExcitationPattern
from amtlib.inputs import Numbers, Signal
from amtlib.loudness.cochlea import Cochlea, Stop
from amtlib.loudness.results import Glasberg2002Stages, StationaryLoudness
from amtlib.loudness.specific import SpecificLoudness
from amtlib.loudness.temporal import LoudnessIntegration
from amtlib.progress import Progress
from amtlib.scales import f2erbrate

#: Correction of intensity for the windows, dB; see the notes of the class
_WINDOW_DB = 3.45
#: The model drops no components: these thresholds of its successor let all pass
_RANGE_DB, _LEAST_DB = 300.0, -100.0


class Glasberg2002(Cochlea):
    """
    Loudness over time of one signal heard with both ears: Glasberg and Moore (2002), as published.

    Outer and middle ear, spectrum of six windows every millisecond (64 ms below 80 Hz to 2 ms above 4050 Hz),
    excitation pattern in steps of 0.25 Cam, specific loudness, and instantaneous, short-term and long-term
    loudness.

    Parameters
    ----------
    fs : int
        Sampling rate of the audio in Hz, 8000 to 768000. The model works at 32000; other rates are resampled.
    field : {'free', 'diffuse', 'eardrum', 'cochlea'}
        Where the pressure was measured: in the free field with the sound from the front, in the diffuse field
        (both with the listener absent), at the eardrum, or behind the middle ear, which leaves the filter out.
    middle_ear : {'1997', '2007'}
        Middle ear of Moore et al. (1997) or of ANSI S3.4-2007.
    presentation : {'diotic', 'monaural'}
        Both ears, which in this model are twice as loud as one, or one.
    pad : bool
        Put silence around the sound, so that frames are centred on times from 0 to its end, and sounds shorter
        than the 64-ms window are heard whole. Default: only frames whose window lies within the sound.
    segment_duration : int
        Time from one frame to the next in ms. The published model has 1. With 4 it takes a third of the time; the
        averages keep their time constants, and loudness differs by 0.3 % for half a second of noise or tone, and
        by 2 % for a complex of 200 Hz or a tone of 20 ms.
    learnable : bool
        Make the parameters of all stages learnable; but not the spectrum's two thresholds for components, which
        this model does not have.
    dtype : torch.dtype
        torch.float32 or torch.float64.

    Attributes
    ----------
    frequencies, erb_numbers : Tensor, shape (C,)
        Channels in Hz and in Cam; C = ``n_channels`` = 150.
    frame_step : float
        Time between frames in s: 0.001 by default.
    ear, spectrum, excitation, specific, integration : torch.nn.Module
        The stages (``ear`` is None with field 'cochlea'); their parameters may be set at any time.
    fs, field, middle_ear, presentation, pad, learnable, dtype
        As given.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If it has the wrong type.

    See Also
    --------
    Moore2016 : the later model, with two different ears that inhibit each other.

    Notes
    -----
    This is the published model. The specification describes another chain of modules under the same name,
    :class:`amtlib.MultiResolutionFFT`, :class:`amtlib.ERBIntegration`, :class:`amtlib.ExcitationPattern`,
    :class:`amtlib.SpecificLoudness`, :class:`amtlib.LoudnessIntegration`: coarser in time, with rectangular bands
    and straight skirts. They run one after the other (with ``LoudnessIntegration(frame_step=0.032)``), and give
    0.89 sone for 1 kHz at 40 dB SPL.

    Calibration: audio is in Pa. The power of a Hann window's components is corrected by 3.45 dB, not by the
    4.26 dB that would make them add up to the power of a tone: a tone is spread over several components, which
    makes it louder (1.07 sone). With 3.45 dB a tone of 1 kHz and 40 dB SPL, at both ears in the free field, has
    1.00 sone.

    References
    ----------
    Glasberg and Moore (2002), J. Audio Eng. Soc. 50, 331-342.
    Moore, Glasberg and Baer (1997), J. Audio Eng. Soc. 45, 224-240.

    Examples
    --------
    >>> time = torch.arange(32000) / 32000
    >>> tone = 20e-6 * 2**0.5 * 10 ** (40 / 20) * torch.sin(2 * torch.pi * 1000 * time)
    >>> model = Glasberg2002()
    >>> model(tone).shape
    torch.Size([936])
    >>> stages = model(tone, return_stages=True)
    >>> round(float(stages.short_term[-1]), 2)
    1.0
    """

    def __init__(
        self,
        fs: int = 32000,
        *,
        field: str = "free",
        middle_ear: str = "1997",
        presentation: str = "diotic",
        pad: bool = False,
        segment_duration: int = 1,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if presentation not in ("diotic", "monaural"):
            raise ValueError(f"presentation = {presentation!r} is unknown; give 'diotic' or 'monaural'")
        low, high = (float(f2erbrate(f)) for f in (50.0, 15000.0))
        super().__init__(
            fs,
            field,
            middle_ear,
            pad,
            learnable,
            dtype,
            Moore2016ExcitationPattern(
                low, high, 0.25, spreading_limit_octaves=None, learnable=learnable, dtype=dtype
            ),
            SpecificLoudness(learnable=learnable, dtype=dtype),
            segment_duration=segment_duration,
        )
        self.spectrum.hann_correction = 10.0 ** (_WINDOW_DB / 10.0)
        with torch.no_grad():
            self.spectrum.threshold_max_minus.fill_(_RANGE_DB)
            self.spectrum.threshold_absolute.fill_(_LEAST_DB)
        for threshold in (self.spectrum.threshold_max_minus, self.spectrum.threshold_absolute):
            threshold.requires_grad_(False)
        self.presentation = presentation
        ears = 2 if presentation == "diotic" else 1
        self.integration = LoudnessIntegration(
            learnable=learnable, ears=ears, frame_step=self.frame_step, dtype=dtype
        )

    @overload
    def forward(
        self,
        audio: Signal,
        *,
        return_stages: Literal[False] = False,
        progress: Progress | None = None,
        cancelled: Stop | None = None,
    ) -> Tensor: ...

    @overload
    def forward(
        self,
        audio: Signal,
        *,
        return_stages: Literal[True],
        progress: Progress | None = None,
        cancelled: Stop | None = None,
    ) -> Glasberg2002Stages: ...

    def forward(
        self,
        audio: Signal,
        *,
        return_stages: bool = False,
        progress: Progress | None = None,
        cancelled: Stop | None = None,
    ) -> Tensor | Glasberg2002Stages:
        """
        Predict loudness over time.

        Parameters
        ----------
        audio : Tensor, ndarray or Sound, shape (T,) or (B, T)
            Signal in Pa, at least 64 ms unless `pad`. A sound must have the sampling rate ``fs``.
        return_stages : bool
            Return every stage.
        progress : callable or bool, optional
            Called with the share done, up to 1, after each block of frames; True for a progress bar.
        cancelled : callable, optional
            Asked before each block; if it returns True the computation ends.

        Returns
        -------
        Tensor, shape (F,) or (B, F)
            Long-term loudness in sone, a frame per ms; or a :class:`amtlib.loudness.Glasberg2002Stages`, without
            batch axes if `audio` had none. Differentiable in `audio` and in learnable parameters.

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
        if sound.ndim not in (1, 2):
            raise ValueError(
                f"audio has shape {tuple(sound.shape)}; give (T,) or (batch, T): for two different ears take "
                "Moore2016"
            )
        x = self._at_cochlea(sound if sound.ndim == 2 else sound[None])
        excitations, specifics, sums = [], [], []
        for excitation, specific in self._blocks(x, progress, cancelled):
            sums.append(specific.sum(-1))
            if return_stages:
                excitations.append(excitation)
                specifics.append(specific)
        # The area is taken block by block, so that no pattern need be kept: one channel holds it.
        over_time = self.integration(torch.cat(sums, -1).unsqueeze(-1), return_stages=True)
        single = 0 if sound.ndim == 1 else slice(None)
        if not return_stages:
            long: Tensor = over_time.long_term[single]
            return long
        return Glasberg2002Stages(
            self.frame_times(over_time.long_term.shape[-1]),
            self.frequencies,
            self.erb_numbers,
            torch.cat(excitations, -2)[single],
            torch.cat(specifics, -2)[single],
            over_time.instantaneous[single],
            over_time.short_term[single],
            over_time.long_term[single],
        )

    def stationary(self, freqs: Numbers, levels: Numbers) -> StationaryLoudness:
        """
        Predict the loudness of a steady sound from its components, without a signal.

        Parameters
        ----------
        freqs : Tensor, ndarray or list, shape (K,) or (..., K), or float
            Frequencies of the components in Hz, K >= 1; 0 is no component.
        levels : Tensor, ndarray or list, shape (..., K), or float
            Their levels in the sound field in dB SPL, up to 200 at the cochlea; -inf is no component. A number is the
            level of each.

        Returns
        -------
        StationaryLoudness
            Two equal ears, or the one that hears; the model has no smoothing and no inhibition, so all three
            patterns are alike. Differentiable in levels and in learnable parameters.

        Raises
        ------
        ValueError
            If shapes do not match, there is no component, or a number is out of its range.
        TypeError
            If an argument has the wrong type.

        Examples
        --------
        >>> model = Glasberg2002()
        >>> model.stationary(1000.0, 40.0).total
        tensor(0.9974)
        >>> model.stationary(torch.tensor([1000.0]), torch.tensor([[40.0], [50.0], [60.0]])).total
        tensor([0.9974, 2.0980, 4.1665])
        """
        excitation, specific = self._steady(*self._components(freqs, levels))
        ears = self.integration.ears
        pair = torch.stack([specific] * ears, -2)
        one = specific.sum(-1) * self.integration.erb_step
        other = one if ears == 2 else torch.zeros_like(one)
        return StationaryLoudness(
            self.frequencies,
            self.erb_numbers,
            torch.stack([excitation] * ears, -2),
            pair,
            pair,
            pair,
            one,
            other,
            one + other,
        )

    def _both_ears(self, specific: Tensor) -> Tensor:
        return specific.sum(-1) * (self.integration.erb_step * 2)

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return (
            f"fs={self.fs} Hz, field={self.field!r}, middle_ear={self.middle_ear!r}, "
            f"presentation={self.presentation!r}, pad={self.pad}, learnable={self.learnable}, dtype={self.dtype}"
        )
