"""Models of perception whose cochlea is a gammatone filterbank: Dau (1997), King (2019), Osses (2021).
Source: the Auditory Modeling Toolbox, dau1997 and osses2021 (version 1.4) and king2019 (version 1.6).
Not here: the stages, each of which has a module of its own; the CASP models (:mod:`amtlib.perception.casp`).
"""

import math

import numpy as np
import torch
from torch import Tensor

from amtlib import lti
from amtlib.ears import HeadphoneFilter, MiddleEarFilter
from amtlib.filterbanks import GammatoneFilterbank
from amtlib.inputs import Numbers
from amtlib.perception.adaptation import AdaptLoop
from amtlib.perception.compression import BrokenStickCompression
from amtlib.perception.hair_cells import IHCEnvelope
from amtlib.perception.king_modulation import King2019ModulationFilterbank
from amtlib.perception.memory import RecursionStream
from amtlib.perception.model_stream import Early, Late, Stage, Step
from amtlib.perception.modulation import ModulationFilterbank
from amtlib.perception.stages import PerceptionModel, given_channels, one_channel, one_erb_apart
from amtlib.scales import erb2fc, fc2erb

#: Adaptation loops take 100 dB SPL as a root mean square of 1, which 94 dB SPL are in Pa
_HALVED_DB = -6.02
#: Samples that the toolbox takes off for the delay of a filter of order 512
_TAKEN_OFF = 257
_HIGH_PASS = 3.0
_KING_RATE = 16000.0


class Dau1997(PerceptionModel):
    """
    The model of modulation perception of Dau et al. (1997): gammatones, hair cells, adaptation, modulation filters.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz, number > 0.
    flow, fhigh : float
        Lowest and highest centre frequency in Hz; channels are 1 ERB apart, what remains is split between the ends.
    basef : float, optional
        A frequency in Hz that is to be among them.
    fc : Tensor, shape (F,), or list or array of F numbers, optional
        Centre frequencies in Hz instead of a range.
    learnable : bool
        Make the parameters of all stages learn.
    dtype : torch.dtype
        torch.float32 or torch.float64.

    Attributes
    ----------
    fc, num_channels, fs_internal, fs, learnable, dtype
        As for :class:`PerceptionModel`; the internal representation has the rate of the sound.
    gammatone, hair_cells, adaptation, modulation : module
        The stages.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If it has the wrong type.

    See Also
    --------
    Osses2021 : with outer and middle ear.
    Paulick2024 : with a cochlea that compresses.

    Notes
    -----
    As in the toolbox, modulation filters are those of Jepsen et al. (2008): up to a quarter of the channel's frequency,
    behind a low-pass filter at 150 Hz. Pressure is halved first: adaptation begins at 0 dB SPL.

    References
    ----------
    Dau, Kollmeier and Kohlrausch (1997), J. Acoust. Soc. Am. 102, 2892-2905.

    Examples
    --------
    >>> model = Dau1997(16000, 500.0, 2000.0, basef=1000.0)
    >>> model(torch.zeros(2, 400)).shape
    torch.Size([2, 10, 10, 400])
    """

    def __init__(
        self,
        fs: float,
        flow: float = 80.0,
        fhigh: float = 8000.0,
        basef: float | None = None,
        fc: Numbers | None = None,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        centre = one_erb_apart(flow, fhigh, basef) if fc is None else given_channels(fc)
        super().__init__(fs, centre, learnable, dtype)
        self.gammatone = GammatoneFilterbank(centre, fs, learnable=learnable, dtype=dtype)
        self.hair_cells = IHCEnvelope(fs, "dau1996", learnable=learnable, dtype=dtype)
        self.adaptation = AdaptLoop(fs, "dau1997", learnable=learnable, dtype=dtype)
        self.modulation = ModulationFilterbank(fs, centre, "jepsen2008", learnable=learnable, dtype=dtype)

    def basilar_membrane(self, x: Tensor) -> tuple[None, Tensor]:
        """Return the channels of the halved pressure."""
        return None, self.gammatone(0.5 * x)

    def _stages(self, lead: tuple[int, ...]) -> list[Stage]:
        behind = (self.hair_cells.stream(), self.adaptation.stream(), self.modulation.stream())
        return [Step(lambda x: 0.5 * x), self.gammatone.stream(lead), *behind]


class Osses2021(PerceptionModel):
    """
    The model of Osses and Kohlrausch (2021): that of Dau et al. (1997) behind an ear, with less overshoot.

    Parameters
    ----------
    fs, flow, fhigh, basef, fc, learnable, dtype
        As for :class:`Dau1997`. `fs` above 1 kHz.

    Attributes
    ----------
    fc, num_channels, fs_internal, fs, learnable, dtype
        As for :class:`PerceptionModel`; the internal representation has the rate of the sound.
    headphone, middle_ear, gammatone, hair_cells, adaptation, modulation : module
        The stages. The middle ear is scaled to a largest gain of 1.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If it has the wrong type.

    See Also
    --------
    Dau1997 : without an ear.

    Notes
    -----
    As in the toolbox, 257 samples are taken off behind each of the two ear filters for their delay, also where the
    middle ear has minimum phase, so that the output is early. The model looks ahead by as much.

    References
    ----------
    Osses and Kohlrausch (2021), J. Acoust. Soc. Am. 149, 3534.

    Examples
    --------
    >>> model = Osses2021(16000, 500.0, 4000.0)
    >>> model(torch.zeros(400), return_stages=True)
    PerceptionStages(ear: (400,); basilar_membrane, hair_cell, adapted: (17, 400); internal: (17, 11, 400))
    """

    def __init__(
        self,
        fs: float,
        flow: float = 80.0,
        fhigh: float = 8000.0,
        basef: float | None = None,
        fc: Numbers | None = None,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        centre = one_erb_apart(flow, fhigh, basef) if fc is None else given_channels(fc)
        super().__init__(fs, centre, learnable, dtype)
        self.headphone = HeadphoneFilter(fs, phase="zero", compensate_delay=False, dtype=dtype)
        self.middle_ear = MiddleEarFilter(fs, dtype=dtype)
        taps = self.middle_ear._built["taps"].numpy()
        self._ear_gain = 10.0 ** (_HALVED_DB / 20.0) / float(np.abs(np.fft.rfft(taps, 16384)[:-1]).max())
        self.gammatone = GammatoneFilterbank(centre, fs, learnable=learnable, dtype=dtype)
        self.hair_cells = IHCEnvelope(fs, "breebaart2001", learnable=learnable, dtype=dtype)
        self.adaptation = AdaptLoop(fs, "osses2021", learnable=learnable, dtype=dtype)
        self.modulation = ModulationFilterbank(fs, centre, "jepsen2008", learnable=learnable, dtype=dtype)

    def basilar_membrane(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return what comes out of the ear, and the channels."""
        ear = x * self._ear_gain
        for part in (self.headphone, self.middle_ear):
            ear = part(torch.nn.functional.pad(ear, (0, _TAKEN_OFF)))[..., _TAKEN_OFF:]
        return ear, self.gammatone(ear)

    def _stages(self, lead: tuple[int, ...]) -> list[Stage]:
        ear = (Early(one_channel(part), _TAKEN_OFF) for part in (self.headphone, self.middle_ear))
        behind = (self.hair_cells.stream(), self.adaptation.stream(), self.modulation.stream())
        return [Step(lambda x: x * self._ear_gain), *ear, self.gammatone.stream(lead), *behind]


class King2019(PerceptionModel):
    """
    The model of King et al. (2019): gammatones, a broken stick, hair cells, a high-pass, wide modulation filters.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz, number > 0.
    flow, fhigh : float, optional
        Lowest and highest centre frequency in Hz. Default: 2 ERB below and above `basef`, to whole Hz outwards.
    basef : float
        A frequency in Hz that is among the channels, 1 ERB apart.
    fc : Tensor, shape (F,), or list or array of F numbers, optional
        Centre frequencies in Hz instead of a range.
    learnable : bool
        Make the parameters of all stages learn, but the high-pass filter.
    dtype : torch.dtype
        torch.float32 or torch.float64.

    Attributes
    ----------
    fc, num_channels, fs_internal, fs, learnable, dtype
        As for :class:`PerceptionModel`; `fs_internal` is 16 kHz.
    gammatone, compression, hair_cells, modulation : module
        The stages. Compression begins at 30 dB SPL.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If it has the wrong type.

    See Also
    --------
    King2019ModulationFilterbank : why the whole signal matters.

    Notes
    -----
    What the toolbox calls adaptation is a Butterworth high-pass filter of first order at 3 Hz. The internal
    representation is resampled by way of the spectrum of the whole signal.

    References
    ----------
    King, Varnet and Lorenzi (2019), J. Acoust. Soc. Am. 145, 2277.

    Examples
    --------
    >>> model = King2019(44100)
    >>> model(torch.zeros(4410)).shape
    torch.Size([5, 5, 1600])
    """

    def __init__(
        self,
        fs: float,
        flow: float | None = None,
        fhigh: float | None = None,
        basef: float = 1000.0,
        fc: Numbers | None = None,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if not (math.isfinite(basef) and basef > 0.0):
            raise ValueError(f"basef = {basef} Hz; give a finite number > 0, such as 1000")
        base = fc2erb(torch.tensor(basef, dtype=torch.float64))
        low = float(erb2fc(base - 2.0).floor()) if flow is None else flow
        high = float(erb2fc(base + 2.0).ceil()) if fhigh is None else fhigh
        centre = one_erb_apart(low, high, basef) if fc is None else given_channels(fc)
        super().__init__(fs, centre, learnable, dtype)
        self.fs_internal = _KING_RATE
        self.gammatone = GammatoneFilterbank(centre, fs, learnable=learnable, dtype=dtype)
        self.compression = BrokenStickCompression(learnable=learnable, dtype=dtype)
        self.hair_cells = IHCEnvelope(fs, "king2019", learnable=learnable, dtype=dtype)
        self.modulation = King2019ModulationFilterbank(fs, learnable=learnable, dtype=dtype)

    def _high_pass(self, x: Tensor, start: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the output and the end of the filter; from rest, or from an end."""
        slope = math.tan(math.pi * _HIGH_PASS / self.fs)
        direct, pole = 1.0 / (1.0 + slope), (1.0 - slope) / (1.0 + slope)
        numbers = torch.tensor([pole, direct, direct * (pole - 1.0)], dtype=torch.complex128, device=x.device)
        y, end = lti.filter_one_pole(x.flatten(0, -2), *numbers, real=True, start=start)
        return y.reshape(x.shape), end

    def _resampled(self, x: Tensor) -> Tensor:
        """Return the signal at 16 kHz: its spectrum cut off, or continued with zeros."""
        total = x.shape[-1]
        wanted = max(round(total / self.fs * self.fs_internal), 1)
        if wanted == total:
            return x
        spectrum = torch.fft.rfft(x)[..., : wanted // 2 + 1]
        resampled: Tensor = torch.fft.irfft(spectrum, n=wanted) * (wanted / total)
        return resampled

    def basilar_membrane(self, x: Tensor) -> tuple[None, Tensor]:
        """Return the compressed channels."""
        return None, self.compression(self.gammatone(x))

    def adapted(self, cells: Tensor) -> Tensor:
        """Return what the high-pass filter leaves, which stands for adaptation."""
        return self._high_pass(cells, None)[0]

    def internal(self, adapted: Tensor) -> Tensor:
        """Return the internal representation, at 16 kHz."""
        return self._resampled(super().internal(adapted))

    def _stages(self, lead: tuple[int, ...]) -> list[Stage]:
        compressed = (self.gammatone.stream(lead), Step(lambda x: self.compression(x) if x.numel() else x))
        high_pass = RecursionStream(self._high_pass, lambda x: x)
        return [
            *compressed,
            self.hair_cells.stream(),
            high_pass,
            Late(self.internal, self.modulation.num_bands),
        ]
