"""Models of computational auditory signal processing and perception (CASP), in the versions of 2008 and 2024.
Source: the Auditory Modeling Toolbox, paulick2024 (version 1.6), which holds both.
Not here: the stages, each of which has a module of its own; decisions.
"""

import torch
from torch import Tensor

from amtlib.ears import HeadphoneFilter, MiddleEarFilter
from amtlib.filterbanks import DRNLFilterbank
from amtlib.filterbanks.precision import check_whole
from amtlib.inputs import Numbers
from amtlib.perception.adaptation import AdaptLoop
from amtlib.perception.downsampling import Downsampling
from amtlib.perception.hair_cells import IHCEnvelope
from amtlib.perception.model_stream import Stage, Step
from amtlib.perception.modulation import ModulationFilterbank
from amtlib.perception.receptor_potential import IHCPaulick2024
from amtlib.perception.stages import (
    PerceptionModel,
    check_range,
    given_channels,
    one_channel,
)
from amtlib.scales import erbspace

_FACTOR = 4
#: Makes up for what outer and middle ear take away, in front of the squaring that stands for the auditory nerve
_NERVE_GAIN = 10.0 ** (50.0 / 20.0)
#: Receptor potential at the threshold of hearing in uV, for 50 channels at equal steps on the ERB scale
_AT_THRESHOLD = (
    114.601,
    112.6388,
    110.5593,
    115.6323,
    122.8003,
    128.3473,
    129.4167,
    130.5499,
    134.9603,
    140.6641,
    146.7089,
    147.9811,
    148.9594,
    149.9962,
    142.9728,
    133.7308,
    123.9364,
    116.7957,
    110.2674,
    103.349,
    96.4875,
    89.5786,
    82.2569,
    74.4976,
    66.1913,
    57.3802,
    48.0427,
    42.4791,
    40.9715,
    39.3738,
    37.6163,
    31.9073,
    25.8572,
    19.4456,
    14.2276,
    11.908,
    9.4499,
    6.8449,
    5.6897,
    6.3316,
    7.0118,
    7.7326,
    7.1594,
    6.2346,
    5.2545,
    4.2159,
    3.5157,
    2.779,
    1.9983,
    1.1709,
)
#: Centre frequencies of the first and the last of them in Hz
_FROM, _TO = 250.0, 8000.0


def paulick2024_minlvl(fc: Numbers) -> Tensor:
    """
    Return the least levels of the adaptation loops of Paulick et al. (2024): the receptor potentials at threshold.

    Parameters
    ----------
    fc : Tensor, shape (F,), or list or array of F numbers, or float
        Centre frequencies in Hz.

    Returns
    -------
    Tensor, shape (F,), float64
        In V: those of the nearest of 50 channels from 250 to 8000 Hz.

    Examples
    --------
    >>> paulick2024_minlvl([250.0, 1000.0, 8000.0])
    tensor([1.1460e-04, 1.2394e-04, 1.1709e-06], dtype=torch.float64)
    """
    levels = 1e-6 * torch.tensor(_AT_THRESHOLD, dtype=torch.float64)
    grid = erbspace(_FROM, _TO, len(levels), dtype=torch.float64)
    return levels[(given_channels(fc).unsqueeze(-1) - grid).abs().argmin(-1)]


class _CASP(PerceptionModel):
    """Headphone, middle ear and DRNL in front, a quarter of the sampling rate and modulation filters behind."""

    _model = ""

    def __init__(
        self,
        fs: float,
        flow: float,
        fhigh: float,
        n_channels: int,
        subject: str,
        fc: Numbers | None,
        learnable: bool,
        dtype: torch.dtype,
    ) -> None:
        check_range(flow, fhigh)
        count = check_whole(n_channels, "n_channels", 1, "channels")
        centre = erbspace(flow, fhigh, count, dtype=torch.float64) if fc is None else given_channels(fc)
        super().__init__(fs, centre, learnable, dtype)
        self.subject = subject
        self.fs_internal = self.fs / _FACTOR
        self.headphone = HeadphoneFilter(fs, phase="zero", compensate_delay=False, dtype=dtype)
        self.middle_ear = MiddleEarFilter(fs, dtype=dtype)
        self.drnl = DRNLFilterbank(
            centre, fs, subject=subject, model=self._model, learnable=learnable, dtype=dtype
        )
        self.downsampling = Downsampling(_FACTOR, dtype)
        self.modulation = ModulationFilterbank(
            self.fs_internal, centre, "jepsen2008", learnable=learnable, dtype=dtype
        )

    def basilar_membrane(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return what comes out of the middle ear, and the velocities of the channels."""
        ear = self.middle_ear(self.headphone(x))
        return ear, self.drnl(ear)

    def _cell_stages(self) -> list[Stage]:
        return [self.hair_cells.stream()]

    def internal(self, adapted: Tensor) -> Tensor:
        """Return the internal representation, at a quarter of the sampling rate."""
        return super().internal(self.downsampling(adapted))

    def _stages(self, lead: tuple[int, ...]) -> list[Stage]:
        front = (one_channel(self.headphone), one_channel(self.middle_ear), self.drnl.stream(lead))
        behind = (self.adaptation.stream(), self.downsampling.stream(), self.modulation.stream())
        return [*front, *self._cell_stages(), *behind]


class Paulick2024(_CASP):
    """
    The revised CASP model: ear, DRNL, receptor potentials, adaptation from threshold on, modulation filters.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz, above twice `fhigh`, and 8 kHz or more for the modulation filters.
    flow, fhigh : float
        Lowest and highest centre frequency in Hz, both among the channels.
    n_channels : int
        Channels at equal steps on the ERB scale, >= 1.
    subject : {'NH', 'HIx'}
        Normal hearing; or without outer hair cells (see :class:`amtlib.DRNLFilterbank`).
    fc : Tensor, shape (F,), or list or array of F numbers, optional
        Centre frequencies in Hz instead of a range.
    learnable : bool
        Make the parameters of all stages behind the ear learn.
    dtype : torch.dtype
        torch.float32 or torch.float64.

    Attributes
    ----------
    fc, num_channels, fs_internal, fs, learnable, dtype
        As for :class:`PerceptionModel`; `fs_internal` is fs / 4.
    subject
        As given.
    headphone, middle_ear, drnl, hair_cells, adaptation, downsampling, modulation : module
        The stages.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If it has the wrong type.

    See Also
    --------
    Jepsen2008 : the version before.
    paulick2024_minlvl : where adaptation begins.

    References
    ----------
    Paulick, Relano-Iborra and Dau (2024), The Computational Auditory Signal Processing and Perception Model (CASP): A
    Revised Version, bioRxiv.

    Examples
    --------
    >>> model = Paulick2024(44100, 500.0, 4000.0, n_channels=4)
    >>> model(torch.zeros(4410), return_stages=True)
    PerceptionStages(ear: (4410,); basilar_membrane, hair_cell, adapted: (4, 4410); internal: (4, 12, 1102))
    """

    _model = "paulick2024"

    def __init__(
        self,
        fs: float,
        flow: float = 250.0,
        fhigh: float = 8000.0,
        n_channels: int = 50,
        subject: str = "NH",
        fc: Numbers | None = None,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(fs, flow, fhigh, n_channels, subject, fc, learnable, dtype)
        self.hair_cells = IHCPaulick2024(fs, learnable=learnable, dtype=dtype)
        levels = paulick2024_minlvl(self._built["fc"])
        self.adaptation = AdaptLoop(fs, "paulick2024", minlvl=levels, learnable=learnable, dtype=dtype)


class Jepsen2008(_CASP):
    """
    The CASP model of Jepsen et al. (2008), as the toolbox keeps it beside the revised one.

    Parameters
    ----------
    fs, flow, fhigh, n_channels, subject, fc, learnable, dtype
        As for :class:`Paulick2024`.

    Attributes
    ----------
    fc, num_channels, fs_internal, fs, learnable, dtype, subject
        As for :class:`Paulick2024`.
    headphone, middle_ear, drnl, hair_cells, adaptation, downsampling, modulation : module
        The stages. Behind the hair cells come a gain of 50 dB and a square.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If it has the wrong type.

    See Also
    --------
    Paulick2024 : the revised version.

    Notes
    -----
    The middle ear is that of the revised version, not the toolbox's own of 'jepsen2008'.

    References
    ----------
    Jepsen, Ewert and Dau (2008), J. Acoust. Soc. Am. 124, 422-438.

    Examples
    --------
    >>> model = Jepsen2008(44100, 500.0, 4000.0, n_channels=4)
    >>> model(torch.zeros(2, 4410)).shape
    torch.Size([2, 4, 12, 1102])
    """

    _model = "jepsen2008"

    def __init__(
        self,
        fs: float,
        flow: float = 250.0,
        fhigh: float = 8000.0,
        n_channels: int = 50,
        subject: str = "NH",
        fc: Numbers | None = None,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(fs, flow, fhigh, n_channels, subject, fc, learnable, dtype)
        self.hair_cells = IHCEnvelope(fs, "relanoiborra2019", learnable=learnable, dtype=dtype)
        self.adaptation = AdaptLoop(fs, "jepsen2008", learnable=learnable, dtype=dtype)

    def hair_cell(self, moved: Tensor) -> Tensor:
        """Return the hair cells' output, raised by 50 dB and squared."""
        return self._nerve(super().hair_cell(moved))

    def _nerve(self, followed: Tensor) -> Tensor:
        return (followed * _NERVE_GAIN).square()

    def _cell_stages(self) -> list[Stage]:
        return [*super()._cell_stages(), Step(self._nerve)]
