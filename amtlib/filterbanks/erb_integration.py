"""Power spectral density summed in bands one ERB wide: the excitation of the channels of a loudness model.
Source: Glasberg and Moore (2002), J. Audio Eng. Soc. 50, 331-342; rectangular bands as the specification has them.
Not here: roex filters (:mod:`amtlib.filterbanks.roex`) and spreading
(:mod:`amtlib.filterbanks.excitation`).
"""

import math

import torch
from torch import Tensor, nn

from amtlib import lti
from amtlib.filterbanks.precision import check_rate, check_values
from amtlib.inputs import Values
from amtlib.modules import RealModule
from amtlib.ranges import Above
from amtlib.scales import erbrate2f, f2erbrate

#: reference pressure in Pa
P_REF = 20e-6

#: the level in dB SPL that stands for silence, and the lowest there is
SILENCE_DB = -200.0

_SCALES, _WEIGHTS = Above(0.1, 10.0, clamps=True), Above(0.0, 1e12, clamps=True)


class ERBIntegration(RealModule):
    """
    Sum of a power spectral density in rectangular bands of one ERB, spaced evenly on the ERB-number scale.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz, number > 0; bounds `f_max`.
    f_min, f_max : float
        Range of the centre frequencies in Hz, 0 < f_min < f_max <= fs / 2. The last channel lies at `f_max` or
        up to one step past it.
    erb_step : float
        Spacing in Cam, number > 0.
    learnable : bool
        Make `bandwidth_scale` and `integration_weights` parameters (150 + 1 of them by default; the specification
        says 150 and describes 151), and the edges of the bands smooth so that the former has a gradient.
    dtype : torch.dtype
        torch.float32 or torch.float64, of the result.

    Attributes
    ----------
    fc_erb, erb_centers : Tensor, shape (n_erb_bands,)
        Centre frequencies in Hz and ERB numbers in Cam (buffers).
    n_erb_bands : int
        Number of channels: 150 by default.
    bandwidth_scale : Tensor, shape ()
        Factor of all bandwidths; taken as 0.1 below and as 10 above these values.
    integration_weights : Tensor, shape (n_erb_bands,)
        Factor of the power in each channel; a negative one silences it.
    softness : float
        Width of the smooth edges in bins of the spectrum (scale of a logistic step), number > 0. Smaller is harder.
    fs, f_min, f_max, erb_step, learnable, dtype
        As given.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If `dtype` is no dtype.

    See Also
    --------
    MultiResolutionFFT : makes the spectrum.
    ExcitationPattern : spreads the result.
    amtlib.f2erbrate : the scale of the channels.

    Notes
    -----
    The lowest bands hold two bins of a 15.6-Hz grid, so that rectangles measure a flat spectrum with an error of
    up to 1.1 dB. The smooth edges of ``learnable=True`` integrate as the rectangles do, without that error: a flat
    spectrum of density D gives D times the bandwidth, within 0.13 dB. As `softness` tends to 0 they become the
    rectangles.

    Silence, and any band below it, has a level of -200 dB SPL and no gradient.

    The specification's sample printouts (267.4 Hz for channel 50 and others) do not follow from its formulas; the
    formulas hold.

    References
    ----------
    Glasberg and Moore (2002), J. Audio Eng. Soc. 50, 331-342.
    Glasberg and Moore (1990), Hear. Res. 47, 103-138.

    Examples
    --------
    >>> bands = ERBIntegration()
    >>> bands.n_erb_bands, bands.fc_erb[[0, 50, 100, 149]]
    (150, tensor([   50.0000,   843.9368,  3897.6450, 15221.1660]))
    >>> freqs = torch.arange(1025) * 15.625
    >>> white = torch.full((1, 1, 1025), 1e-8)
    >>> bands(white, freqs)[0, 0, [0, 50, 149]]
    tensor([28.9279, 34.3686, 46.0879])
    >>> sum(p.numel() for p in ERBIntegration(learnable=True).parameters())
    151
    """

    fc_erb: Tensor
    erb_centers: Tensor
    bandwidth_scale: Tensor
    integration_weights: Tensor

    def __init__(
        self,
        fs: float = 32000,
        f_min: float = 50.0,
        f_max: float = 15000.0,
        erb_step: float = 0.25,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(dtype)
        centres = erb_channels(fs, f_min, f_max, erb_step)
        self.fs, self.f_min, self.f_max, self.erb_step = fs, float(f_min), float(f_max), float(erb_step)
        self.learnable = bool(learnable)
        self.softness = 0.25
        self.n_erb_bands = len(centres)
        self._table("erb_centers", centres)
        self._table("fc_erb", erbrate2f(centres))
        self._keep("bandwidth_scale", torch.ones(()), self.learnable, within=_SCALES)
        self._keep("integration_weights", torch.ones(self.n_erb_bands), self.learnable, within=_WEIGHTS)

    def forward(self, psd: Values, freqs: Values) -> Tensor:
        """
        Levels of the channels from a power spectral density.

        Parameters
        ----------
        psd : Tensor or ndarray, shape (..., n_freq_bins)
            Power spectral density in Pa^2/Hz, >= 0, typically (batch, n_frames, n_freq_bins).
        freqs : Tensor or ndarray, shape (n_freq_bins,)
            Frequencies of the bins in Hz: at least two, rising in equal steps.

        Returns
        -------
        Tensor, shape (..., n_erb_bands)
            Levels in dB SPL, at least -200. Differentiable in `psd` and in learnable parameters.

        Raises
        ------
        ValueError
            If `psd` is negative, not finite, or has another number of bins than `freqs`; if `freqs` does not rise in
            equal steps; if a learned number is no longer finite.
        TypeError
            If one of them is neither a tensor nor an array.

        Examples
        --------
        A line of 94 dB SPL is found in the channels that are wide enough to hold its bin:

        >>> psd = torch.zeros(1025)
        >>> psd[64] = 1.0 / 15.625
        >>> levels = ERBIntegration()(psd, torch.arange(1025) * 15.625)
        >>> levels.max(), int((levels > 0).sum())
        (tensor(93.9794), 4)
        """
        psd = check_values(psd, "psd", self.fc_erb, "Pa^2/Hz")
        if bool((psd < 0.0).any()):
            raise ValueError(f"psd holds {float(psd.detach().min()):g} Pa^2/Hz; power densities are >= 0")
        for name in ("bandwidth_scale", "integration_weights"):
            value = self._now(name).detach()
            if not bool(torch.isfinite(value).all()):
                wrong = float(value[~torch.isfinite(value)][0])
                raise ValueError(f"{name} has become {wrong}; lower the learning rate or clip its gradient")
        grid, width = self._grid(freqs, psd.shape[-1])
        power = lti.product(psd, (self._masks(grid, width) * width).to(psd.dtype)) * self._now(
            "integration_weights"
        )
        floor = P_REF**2 * 10.0 ** (SILENCE_DB / 10.0)
        return 10.0 * torch.log10(power.clamp_min(floor)) - 20.0 * math.log10(P_REF)

    def _grid(self, freqs: Values, bins: int) -> tuple[Tensor, float]:
        """Frequencies in float64 and their spacing."""
        grid = check_values(freqs, "freqs", self.fc_erb.double(), "Hz").detach()
        if grid.ndim != 1 or len(grid) != bins:
            raise ValueError(
                f"freqs has shape {tuple(grid.shape)}, psd has {bins} bins; give one frequency for each bin, "
                f"shape ({bins},)"
            )
        if bins < 2:
            raise ValueError("freqs holds 1 frequency, which has no spacing; give at least 2 bins")
        width = float(grid[-1] - grid[0]) / (bins - 1)
        even = torch.lerp(grid[0], grid[-1], torch.linspace(0, 1, bins, dtype=grid.dtype, device=grid.device))
        # frequencies in float32 are off by up to 1e-3 Hz at 16 kHz
        off = float((grid - even).abs().max())
        if width <= 0.0 or off > 1e-3 * width + 1e-6 * float(grid.abs().max()):
            raise ValueError(
                f"freqs from {float(grid[0]):g} to {float(grid[-1]):g} Hz does not rise in equal steps (off by "
                f"{off:.3g} Hz); give the grid of an FFT, such as arange(1025) * 15.625"
            )
        return grid, width

    def _masks(self, grid: Tensor, width: float) -> Tensor:
        """How much each bin counts in each channel, shape (n_freq_bins, n_erb_bands), float64."""
        centre = self.fc_erb.double()
        half = self._now("bandwidth_scale").double().clamp(0.1, 10.0) * self._erb(centre) / 2.0
        f = grid.unsqueeze(-1)
        if not self.learnable:
            return ((f >= centre - half) & (f <= centre + half)).double()
        soft = self.softness * width
        return torch.sigmoid((f - centre + half) / soft) - torch.sigmoid((f - centre - half) / soft)

    @staticmethod
    def _erb(f: Tensor) -> Tensor:
        return 24.673 * (4.368 * f / 1000.0 + 1.0)

    def get_erb_frequencies(self) -> Tensor:
        """
        Return the centre frequencies in Hz, shape (n_erb_bands,).

        Examples
        --------
        >>> ERBIntegration().get_erb_frequencies()[:3]
        tensor([50.0000, 57.6173, 65.4427])
        """
        return self.fc_erb

    def get_erb_bandwidths(self) -> Tensor:
        """
        Return the bandwidths 24.673 (4.368 fc / 1000 + 1) in Hz, shape (n_erb_bands,), before `bandwidth_scale`.

        Examples
        --------
        >>> ERBIntegration().get_erb_bandwidths()[[0, 149]]
        tensor([  30.0616, 1665.0834])
        """
        return self._erb(self.fc_erb)

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return channels_repr(self)


def erb_channels(fs: float, f_min: float, f_max: float, erb_step: float) -> Tensor:
    """
    ERB numbers of channels from `f_min` up to `f_max`, or up to one step past it.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz, number > 0.
    f_min, f_max : float
        Range in Hz, 0 < f_min < f_max <= fs / 2.
    erb_step : float
        Spacing in Cam, number > 0, giving at most 100000 channels.

    Returns
    -------
    Tensor, shape (n_erb_bands,), float64
        ERB numbers in Cam.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> erb_channels(32000, 50.0, 15000.0, 0.25)[[0, 149]]
    tensor([ 1.8330, 39.0830], dtype=torch.float64)
    """
    nyquist = check_rate(fs) / 2.0
    if not 0.0 < f_min < f_max <= nyquist:
        raise ValueError(
            f"f_min = {f_min} Hz and f_max = {f_max} Hz are no range for fs = {fs} Hz; give "
            f"0 < f_min < f_max <= fs / 2 = {nyquist:g} Hz"
        )
    if not (math.isfinite(erb_step) and erb_step > 0.0):
        raise ValueError(f"erb_step = {erb_step} Cam is no spacing; give a finite number > 0, usually 0.25")
    low, high = (float(f2erbrate(f)) for f in (f_min, f_max))
    # a range of whole steps must not gain one by rounding
    steps = math.ceil(round((high - low) / erb_step, 9))
    if steps >= 100_000:
        raise ValueError(f"erb_step = {erb_step} Cam makes {steps + 1} channels; give at least 0.001")
    return low + erb_step * torch.arange(steps + 1, dtype=torch.float64)


def channels_repr(module: nn.Module) -> str:
    """Describe the channels of a module of this family, for its ``extra_repr``."""
    return (
        f"fs={module.fs} Hz, f_range=({module.f_min}, {module.f_max}) Hz, erb_step={module.erb_step}, "
        f"n_erb_bands={module.n_erb_bands}, learnable={module.learnable}, dtype={module.dtype}"
    )
