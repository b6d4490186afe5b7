"""The modulation filters of King et al. (2019): a few, wide, and at equal steps on a logarithmic axis.
Source: the Auditory Modeling Toolbox, king2019_modfilterbank (version 1.2), after King, Varnet and Lorenzi (2019).
Not here: the bank behind adaptation loops (:mod:`amtlib.perception.modulation`).
"""

import cmath
import math

import torch
from torch import Tensor

from amtlib import lti
from amtlib.filterbanks.precision import check_rate, check_whole
from amtlib.inputs import Signal
from amtlib.modules import RealModule
from amtlib.perception.hilbert import squared_envelope
from amtlib.perception.memory import RecursionStream
from amtlib.ranges import Above

_HIGHEST = 150.0


class King2019ModulationFilterbank(RealModule):
    """
    Modulation filters of constant Q: Butterworth band-pass filters of fourth order that meet where they begin to fall.

    Bands above `phase_cut` are replaced by their Hilbert envelope, scaled to the same root mean square: they forget the
    phase of the modulation.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz, above twice the upper edge of the highest filter.
    mflow, mfhigh : float
        Lowest centre frequency in Hz, and what the highest may not exceed, 0 < mflow <= mfhigh.
    n_filters : int, optional
        Number of filters, at equal steps on a logarithmic axis from `mflow` to `mfhigh`, both included. Default: as
        many as touch at `Q`: 5 for 2 to 150 Hz.
    Q : float
        Centre frequency over bandwidth, > 0.
    low_pass : bool
        Filter with a low-pass of first order at 150 Hz first.
    learnable : bool
        Make `mfc` and `quality` parameters, stored as logarithms.
    dtype : torch.dtype
        torch.float32 or torch.float64.
    phase_insensitive : bool
        Take the envelope of bands above `phase_cut`; otherwise all bands stay as they are.
    phase_cut : float
        In Hz, >= 0.

    Attributes
    ----------
    mfc : Tensor, shape (M,), float64
        Centre frequencies in Hz, the geometric means of the edges.
    quality : Tensor, shape (), float64
        `Q`, as it is now.
    limits : Tensor, shape (M, 2), float64
        Edges of the pass bands in Hz, where filters are 3 dB down.
    num_bands : int
        M.
    fs, mflow, mfhigh, n_filters, Q, low_pass, learnable, dtype, phase_insensitive, phase_cut
        As given.

    Raises
    ------
    ValueError
        If an argument is out of its range, or `fs` too low for the highest filter.
    TypeError
        If an argument has the wrong type.

    See Also
    --------
    ModulationFilterbank : narrower filters, behind adaptation loops.

    Notes
    -----
    The toolbox's documentation says 10 filters; its code makes 5. Its filters in direct form are wrong by 1.5e-3 at
    2 Hz and 44.1 kHz; these are partial fractions of the analogue prototype, exact to rounding. The envelope is that of
    the whole signal: it depends on samples of the future, and on the length of the signal.

    References
    ----------
    King, Varnet and Lorenzi (2019), J. Acoust. Soc. Am. 145, 2277.

    Examples
    --------
    >>> bank = King2019ModulationFilterbank(16000)
    >>> [round(f, 1) for f in bank.mfc.tolist()]
    [2.0, 5.2, 13.7, 35.9, 94.0]
    >>> bank(torch.ones(3, 400)).shape
    torch.Size([3, 5, 400])
    """

    mfc: Tensor
    quality: Tensor

    def __init__(
        self,
        fs: float,
        mflow: float = 2.0,
        mfhigh: float = 150.0,
        n_filters: int | None = None,
        Q: float = 1.0,
        low_pass: bool = False,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
        *,
        phase_insensitive: bool = True,
        phase_cut: float = 10.0,
    ) -> None:
        super().__init__(dtype)
        self.fs, self.learnable = check_rate(fs), bool(learnable)
        if not (math.isfinite(mfhigh) and 0.0 < mflow <= mfhigh):
            raise ValueError(f"mflow = {mflow} Hz, mfhigh = {mfhigh} Hz; give 0 < mflow <= mfhigh, finite")
        if not (math.isfinite(Q) and 0.05 <= Q <= 100.0):
            raise ValueError(f"Q = {Q}; give a number from 0.05 to 100, usually 1")
        if not phase_cut >= 0.0:
            raise ValueError(f"phase_cut = {phase_cut} Hz; give a number >= 0")
        self.n_filters = None if n_filters is None else check_whole(n_filters, "n_filters", 1, "filters")
        self.mflow, self.mfhigh, self.Q = float(mflow), float(mfhigh), float(Q)
        self.low_pass, self.phase_insensitive = bool(low_pass), bool(phase_insensitive)
        self.phase_cut = float(phase_cut)
        if self.n_filters is None:
            root = math.sqrt(4.0 * self.Q**2 + 1.0)
            step = math.log((root + 1.0) / (root - 1.0))
            count = int(math.log(self.mfhigh / self.mflow) / step + 1e-10) + 1
        else:
            count = self.n_filters
            step = math.log(self.mfhigh / self.mflow) / max(count - 1, 1)
        mfc = self.mflow * torch.exp(step * torch.arange(count, dtype=torch.float64))
        top = max(float(_edges(mfc, torch.tensor(self.Q))[-1, 1]), _HIGHEST if self.low_pass else 0.0)
        if top >= self.fs / 2.0:
            raise ValueError(
                f"fs = {self.fs:g} Hz is too low for filters up to {top:.4g} Hz; give more than {2.0 * top:.4g} Hz, or "
                "a lower mfhigh"
            )
        self.num_bands = count
        # A learned filter that goes lower rings for minutes.
        lowest = min(1.0, self.mflow / 2.0)
        self._keep("mfc", mfc, self.learnable, exact=True, within=Above(lowest, 0.49 * self.fs))
        quality = torch.tensor(self.Q, dtype=torch.float64)
        self._keep("quality", quality, self.learnable, exact=True, within=Above(0.05, 100.0))
        self._above = [self.phase_insensitive and f > self.phase_cut for f in mfc.tolist()]

    @property
    def limits(self) -> Tensor:
        """Edges of the pass bands in Hz, shape (M, 2)."""
        return _edges(self._now("mfc"), self._now("quality"))

    def _warped(self) -> tuple[Tensor, Tensor]:
        """Return squared centre and width of each filter on the axis of the analogue prototype, tan(omega / 2)."""
        low, high = torch.tan(self.limits.clamp_max(0.4999 * self.fs) * (math.pi / self.fs)).unbind(-1)
        return low * high, high - low

    def _run(self, x: Tensor, ends: list[Tensor | None] | None) -> tuple[Tensor, list[Tensor | None]]:
        """Return all bands, (..., M, T), and the ends of all filters; from rest, or from ends."""
        rows = x.reshape(-1, x.shape[-1])
        starts = iter([None] * (2 * self.num_bands + 1) if ends is None else ends)
        last: list[Tensor | None] = []
        if self.low_pass:
            slope = torch.tensor(math.tan(math.pi * _HIGHEST / self.fs), dtype=torch.float64, device=x.device)
            numbers = lti.first_order_low_pass(slope)
            rows, end = lti.filter_one_pole(rows, *numbers, real=True, start=next(starts))
            last.append(end)
        bands = []
        for centre, width in zip(*self._warped(), strict=True):
            parts = []
            for numbers in _pole_pairs(centre, width):
                part, end = lti.filter_one_pole(rows, *numbers, real=True, start=next(starts))
                parts.append(part)
                last.append(end)
            bands.append(parts[0] + parts[1])
        return torch.stack(bands, -2).reshape(*x.shape[:-1], self.num_bands, -1), last

    def forward(self, x: Signal) -> Tensor:
        """
        Filter.

        Parameters
        ----------
        x : Tensor or ndarray, shape (..., T)
            Envelopes or adapted channels, in any unit.

        Returns
        -------
        Tensor, shape (..., M, T)
            In the same unit. Differentiable.

        Raises
        ------
        ValueError
            If `x` is complex, empty, on another device, or has non-finite samples.
        TypeError
            If `x` is neither a tensor nor an array.
        """
        x = lti.check_signal(x, self.dtype, self.mfc.device, fs=self.fs)
        y, _ = self._run(x, None)
        if not any(self._above):
            return y
        above = torch.tensor(self._above, device=y.device)
        return torch.cat([y[..., ~above, :], _scaled_envelope(y[..., above, :])], -2)

    def stream(self) -> RecursionStream:
        """
        Take a signal that arrives in chunks of any length.

        Returns
        -------
        amtlib.perception.RecursionStream
            ``process(chunk)`` returns as many samples as it is given, shape (..., M, T).

        Raises
        ------
        ValueError
            With `phase_insensitive`, whose envelopes need samples of the future.

        Examples
        --------
        >>> bank = King2019ModulationFilterbank(16000, phase_insensitive=False)
        >>> bank.stream().process(torch.ones(3, 64)).shape
        torch.Size([3, 5, 64])
        """
        if any(self._above):
            raise ValueError(
                f"a stream cannot look ahead, and envelopes of the bands above {self.phase_cut:g} Hz need the whole "
                "signal; give phase_insensitive=False, or call the module"
            )

        def check(chunk: Tensor) -> Tensor:
            return lti.check_signal(chunk, self.dtype, self.mfc.device, "the chunk", self.fs)

        return RecursionStream(self._run, check, (self.num_bands,))

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return (
            f"bands={self.num_bands}, mflow={self.mflow:g} Hz, mfhigh={self.mfhigh:g} Hz, fs={self.fs:g} Hz, "
            f"Q={self.Q:g}, low_pass={self.low_pass}, learnable={self.learnable}, dtype={self.dtype}"
        )


def _edges(mfc: Tensor, quality: Tensor) -> Tensor:
    """Return lower and upper edges of filters, shape (M, 2): centre / Q apart, with the centre as geometric mean."""
    half = 0.5 / quality
    mean = (1.0 + half.square()).sqrt()
    return torch.stack([mfc * (mean - half), mfc * (mean + half)], -1)


def _pole_pairs(centre: Tensor, width: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """
    Return two filters of one pole, the sum of whose real parts is a band-pass filter; complex128, for each pole,
    direct part and gain.

    They are partial fractions on the axis of the analogue prototype, where poles of low frequencies do not crowd.
    """
    # s^2 - p width s + centre = 0 for the prototype's pole p, and its conjugate for the conjugate poles
    middle = cmath.exp(0.75j * math.pi) * width
    root = (middle.square() - 4.0 * centre).sqrt()
    poles = (middle + root) / 2.0, (middle - root) / 2.0
    filters = []
    for own, other in (poles, poles[::-1]):
        between = (own - other) * (own - own.conj()) * (own - other.conj())
        # Twice, for the conjugate poles; 1 / (s - s_k) as a filter at a sampling rate, s = (1 - z^-1) / (1 + z^-1)
        direct = 2.0 * (width * own).square() / between / (1.0 - own)
        pole = (1.0 + own) / (1.0 - own)
        filters.append((pole, direct, direct * (1.0 + pole)))
    return filters


def _scaled_envelope(y: Tensor) -> Tensor:
    """Return Hilbert envelopes with the root mean square of what they envelop."""
    power = squared_envelope(y)
    sounds = power > torch.finfo(y.dtype).tiny
    envelope = torch.where(sounds, torch.where(sounds, power, 1.0).sqrt(), 0.0)
    whole = power.mean(-1, keepdim=True)
    loud = whole > torch.finfo(y.dtype).tiny
    ratio = y.square().mean(-1, keepdim=True) / torch.where(loud, whole, 1.0)
    return envelope * torch.where(loud, torch.where(loud, ratio, 1.0).sqrt(), 0.0)
