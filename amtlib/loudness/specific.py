"""Specific loudness: how much loudness each place along the cochlea adds, in sone per Cam.
Source: Glasberg and Moore (2002), after Moore et al. (1997); ANSI S3.4-2007, as in Moore et al. (2016).
Not here: excitation patterns (:mod:`amtlib.filterbanks`), and the two ears together (:mod:`amtlib.loudness.binaural`).
"""

import math

import torch
from torch import Tensor

from amtlib.filterbanks.precision import check_values
from amtlib.inputs import Values
from amtlib.loudness.channels import (
    GLASBERG2002_THRESHOLD_DB,
    MOORE2016_THRESHOLD_DB,
    Channels,
    glasberg2002_channels,
    moore2016_channels,
)
from amtlib.loudness.stage import Stage, check_channels

_NEPER = math.log(10.0) / 10.0
#: From this excitation on loudness grows by another law; up to the other there is none (it would be 1e-27)
_HIGH_DB, _SILENT_DB = 100.0, -100.0


class _Compression(Stage):
    """The formula both models share; each gives its constants and its law for high levels."""

    C: Tensor
    alpha: Tensor
    A: Tensor
    threshold_db: Tensor
    frequencies: Tensor
    erb_numbers: Tensor

    def __init__(
        self,
        channels: Channels,
        scale: float,
        reference_db: float,
        high: tuple[float, float],
        learnable: bool,
        dtype: torch.dtype,
    ) -> None:
        super().__init__(learnable, dtype)
        self._reference_db, self._high = reference_db, high
        self.n_channels = len(channels.frequencies)
        self._constant("C", scale, 0.0, 10.0)
        self._constant("alpha", torch.tensor(channels.alpha), 0.01, 1.0)
        self._constant("A", torch.tensor(channels.A), 1e-3, 1e3)
        self._constant("threshold_db", torch.tensor(channels.threshold_db), -20.0, 120.0)
        self._table("frequencies", torch.tensor(channels.frequencies))
        self._table("erb_numbers", torch.tensor(channels.erb_numbers))

    def forward(self, excitation: Values) -> Tensor:
        """
        Turn excitation into specific loudness.

        Parameters
        ----------
        excitation : Tensor or ndarray, shape (..., C)
            Excitation of each channel in dB SPL: finite, or -inf where there is none.

        Returns
        -------
        Tensor, shape (..., C)
            Specific loudness of one ear in sone per Cam, >= 0; 0 up to -100 dB. Differentiable in the excitation and in
            learnable constants.

        Raises
        ------
        ValueError
            If there are other than C channels, or a level is NaN or +inf.
        TypeError
            If `excitation` is neither a tensor nor an array.
        """
        level = check_values(excitation, "excitation", self.C, "dB SPL", silent=True)
        check_channels(level, "excitation", self.n_channels)
        scale, alpha, noise, threshold = (self._value(n) for n in ("C", "alpha", "A", "threshold_db"))
        power = torch.exp(level * _NEPER)
        gain = torch.exp((self._reference_db - threshold) * _NEPER)
        # (G E + A)^alpha - A^alpha, written so that small excitations do not drown in rounding
        grown = noise**alpha * torch.expm1(alpha * torch.log1p(gain / noise * power))
        # 2 E / (E + E_threshold), which is above 1 exactly where E is above threshold
        audible = 2.0 * torch.sigmoid((level - threshold) * _NEPER)
        loudness = scale * grown * audible.clamp(max=1.0) ** 1.5
        if bool(level.detach().amax() >= _HIGH_DB):
            divisor, exponent = self._high
            loudness = torch.where(level >= _HIGH_DB, scale * (power / divisor) ** exponent, loudness)
        return torch.where(level > _SILENT_DB, loudness, 0.0)

    def get_parameters(self) -> dict[str, float | int]:
        """
        Return the main constants.

        Returns
        -------
        dict
            'n_channels', 'C', and the least and greatest 'alpha', 'A' and 'threshold_db' (with _min and _max).
        """
        found: dict[str, float | int] = {"n_channels": self.n_channels, "C": float(self._value("C").detach())}
        for name in ("alpha", "A", "threshold_db"):
            values = self._value(name).detach()
            found[f"{name}_min"], found[f"{name}_max"] = float(values.min()), float(values.max())
        return found

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return (
            f"n_channels={self.n_channels}, C={self._shown('C', '.6g')}, learnable={self.learnable}, "
            f"dtype={self.dtype}"
        )


class SpecificLoudness(_Compression):
    """
    Specific loudness of Glasberg and Moore (2002).

    With E the excitation relative to 0 dB SPL, ``N' = C ((G E + A)^alpha - A^alpha)``; below threshold times
    ``(2 E / (E + E_threshold))^1.5``; from 100 dB, ``C (E / 1.04e6)^0.5``. ``G = E_threshold(1 kHz) /
    E_threshold`` is the gain of the cochlear amplifier at low levels relative to 1 kHz; alpha and A follow from it.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz, as for the other stages; channels end at half of it.
    f_min, f_max, erb_step : float
        Channels in Hz and Cam: those of :class:`amtlib.ERBIntegration` and :class:`amtlib.ExcitationPattern`.
    learnable : bool
        Make ``C``, ``alpha``, ``A`` and ``threshold_db`` parameters (1 + 3 x 150 numbers). Acting bounds: 0 to 10,
        0.01 to 1, 0.001 to 1000, -20 to 120 dB.
    dtype : torch.dtype
        torch.float32 or torch.float64.

    Attributes
    ----------
    C : Tensor, shape ()
        0.046871 sone/Cam: one ear's scale, so that two ears hear 1 kHz at 40 dB SPL as 1 sone.
    alpha, A, threshold_db : Tensor, shape (C,)
        Exponent, internal-noise constant, excitation at threshold in dB SPL.
    fc_erb, frequencies : Tensor, shape (C,)
        Centre frequencies in Hz (two names of one buffer).
    erb_numbers : Tensor, shape (C,)
        The same in Cam.
    n_erb_bands, n_channels : int
        C, 150 by default.
    fs, learnable, dtype
        As given.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If it has the wrong type.

    See Also
    --------
    amtlib.ExcitationPattern : what comes before.
    LoudnessIntegration : what comes next.
    Moore2016SpecificLoudness : the later version.

    References
    ----------
    Glasberg and Moore (2002), J. Audio Eng. Soc. 50, 331-342.
    Moore, Glasberg and Baer (1997), J. Audio Eng. Soc. 45, 224-240.

    Examples
    --------
    >>> stage = SpecificLoudness()
    >>> flat = torch.full((1, stage.n_channels), 40.0)
    >>> stage(flat)[0, 60]
    tensor(0.2318)
    """

    def __init__(
        self,
        fs: float = 32000,
        f_min: float = 50.0,
        f_max: float = 15000.0,
        erb_step: float = 0.25,
        learnable: bool = False,
        *,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        channels = glasberg2002_channels(f_min, f_max, erb_step, fs)
        super().__init__(channels, 0.046871, GLASBERG2002_THRESHOLD_DB, (1.04e6, 0.5), learnable, dtype)
        self.fs, self.f_min, self.f_max, self.erb_step = float(fs), f_min, f_max, erb_step

    @property
    def fc_erb(self) -> Tensor:
        """Centre frequencies in Hz."""
        return self.frequencies

    @property
    def n_erb_bands(self) -> int:
        """Number of channels."""
        return self.n_channels


class Moore2016SpecificLoudness(_Compression):
    """
    Specific loudness of Moore et al. (2016), the formula of ANSI S3.4-2007, for one ear without inhibition.

    With E the excitation relative to 0 dB SPL, ``N' = C ((G E + A)^alpha - A^alpha)``; below threshold times
    ``(2 E / (E + E_threshold))^1.5``; from 100 dB, ``C (E / 1.0707)^0.2``. ``G = E_threshold(1 kHz) /
    E_threshold`` is the gain of the cochlear amplifier at low levels relative to 1 kHz; alpha and A follow from it.

    Parameters
    ----------
    learnable : bool
        Make ``C``, ``alpha``, ``A`` and ``threshold_db`` parameters (1 + 3 x 150 numbers). Acting bounds: 0 to 10,
        0.01 to 1, 0.001 to 1000, -20 to 120 dB.
    dtype : torch.dtype
        torch.float32 or torch.float64.
    erb_lower, erb_upper, erb_step : float
        Channels in Cam, those of :class:`amtlib.Moore2016ExcitationPattern`.

    Attributes
    ----------
    C : Tensor, shape ()
        0.0631 sone/Cam: with the inhibition of the other ear, 1 kHz at 40 dB SPL in both ears is 1 sone.
    alpha, A, threshold_db : Tensor, shape (C,)
        Exponent, internal-noise constant, excitation at threshold in dB SPL.
    frequencies, erb_numbers : Tensor, shape (C,)
        Centres in Hz and in Cam (buffers).
    n_channels : int
        C, 150 by default.
    learnable, dtype
        As given.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If it has the wrong type.

    See Also
    --------
    amtlib.Moore2016ExcitationPattern : what comes before.
    Moore2016BinauralLoudness : what comes next.

    References
    ----------
    Moore, Glasberg, Varathanathan and Schlittenlacher (2016), Trends Hear. 20, 2331216516682698.
    ANSI S3.4-2007, Procedure for the computation of loudness of steady sounds.

    Examples
    --------
    >>> stage = Moore2016SpecificLoudness()
    >>> silence = torch.full((stage.n_channels,), -float("inf"))
    >>> stage(silence).sum(), stage(silence.nan_to_num(neginf=40.0))[60]
    (tensor(0.), tensor(0.3121))
    """

    def __init__(
        self,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
        *,
        erb_lower: float = 1.75,
        erb_upper: float = 39.0,
        erb_step: float = 0.25,
    ) -> None:
        channels = moore2016_channels(erb_lower, erb_upper, erb_step)
        super().__init__(channels, 0.0631, MOORE2016_THRESHOLD_DB, (1.0707, 0.2), learnable, dtype)
        self.erb_lower, self.erb_upper, self.erb_step = erb_lower, erb_upper, erb_step
