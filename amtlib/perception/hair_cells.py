"""Inner hair cells as rectifiers: they follow the fine structure of low frequencies and the envelope of high ones.
Source: the methods of the Auditory Modeling Toolbox, ihcenvelope (version 1.4), each named after its paper.
Not here: the hair cell as an electrical circuit (:mod:`amtlib.perception.receptor_potential`).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from amtlib import lti
from amtlib.filterbanks.precision import check_rate, check_whole
from amtlib.inputs import Signal
from amtlib.modules import RealModule
from amtlib.perception.hilbert import squared_envelope
from amtlib.ranges import Below

#: Exponent to which Bernstein et al. raise the envelope, less 1: multiplied by the signal it leaves the fine structure
_BERNSTEIN = 0.23 - 1.0


class _Method(NamedTuple):
    cutoff: float
    order: int
    #: Poles of one of the equal Butterworth filters in cascade
    poles: int


_METHODS = {
    "dau1996": _Method(1000.0, 1, 1),
    "breebaart2001": _Method(2000.0, 5, 1),
    "bernstein1999": _Method(425.0, 2, 2),
    "lindemann1986": _Method(800.0, 1, 1),
    "king2019": _Method(1000.0, 1, 1),
    "relanoiborra2019": _Method(1000.0, 2, 2),
}


class IHCEnvelope(RealModule):
    """
    Inner hair cells: half-wave rectification and a low-pass filter.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz, number > 0.
    method : {'dau1996', 'breebaart2001', 'bernstein1999', 'lindemann1986', 'king2019', 'relanoiborra2019'}
        Which cut-off frequency and order: 1000 Hz and 1; 2000 and 5 (770 Hz in all); 425 and 2; 800 and 1; 1000 and 1;
        1000 and 2. 'bernstein1999' compresses the Hilbert envelope to its power of 0.23 first, keeping the fine
        structure, and squares what it rectifies.
    cutoff : float, optional
        Cut-off frequency of one filter in Hz, above 0 and below fs / 2. Default: that of the method.
    order : int, optional
        Number of poles: equal filters of first order in cascade, or of second order in 'bernstein1999' and
        'relanoiborra2019', which want an even number. Default: that of the method.
    learnable : bool
        Make the cut-off frequency a parameter. It stays between 0 and fs / 2.
    dtype : torch.dtype
        torch.float32 or torch.float64.

    Attributes
    ----------
    cutoff : Tensor, shape (), float64
        As given, or the method's.
    fs, method, order, learnable, dtype
        As given; `order` holds the number in use.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If an argument has the wrong type.

    See Also
    --------
    IHCPaulick2024 : a hair cell that saturates.

    Notes
    -----
    King et al. (2019) name 1500 Hz, as does the toolbox's documentation; its code, which has made all results, filters
    at 1000 Hz. Against that code the error is 1e-14 of the maximum in float64.

    References
    ----------
    Lindemann (1986), J. Acoust. Soc. Am. 80, 1608-1622.
    Dau, Puschel and Kohlrausch (1996), J. Acoust. Soc. Am. 99, 3615-3622.
    Bernstein, van de Par and Trahiotis (1999), J. Acoust. Soc. Am. 106, 870-876.
    Breebaart, van de Par and Kohlrausch (2001), J. Acoust. Soc. Am. 110, 1074-1088.
    King, Varnet and Lorenzi (2019), J. Acoust. Soc. Am. 145, 2277.
    Relano-Iborra, Zaar and Dau (2019), J. Acoust. Soc. Am. 146, 3306-3317.

    Examples
    --------
    >>> cells = IHCEnvelope(16000)
    >>> tone = torch.sin(2 * torch.pi * 4000 / 16000 * torch.arange(1600))
    >>> cells(tone)[-4:].mean()
    tensor(0.2500)
    """

    cutoff: Tensor

    def __init__(
        self,
        fs: float,
        method: str = "dau1996",
        cutoff: float | None = None,
        order: int | None = None,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(dtype)
        self.fs = check_rate(fs)
        if method not in _METHODS:
            raise ValueError(f"method = {method!r} is unknown; give one of {', '.join(map(repr, _METHODS))}")
        usual = _METHODS[method]
        self.method, self._poles = method, usual.poles
        self.order = usual.order if order is None else check_whole(order, "order", 1, "poles")
        if self.order % usual.poles:
            raise ValueError(
                f"order = {order} poles; {method!r} has filters of second order: give an even number"
            )
        cut = usual.cutoff if cutoff is None else float(cutoff)
        if not 0.0 < cut < self.fs / 2.0:
            raise ValueError(
                f"cutoff = {cut:g} Hz at fs = {self.fs:g} Hz; it lies above 0 and below fs / 2: give another one, or "
                f"a sampling rate above {2.0 * cut:g} Hz"
            )
        self.learnable = bool(learnable)
        value = torch.tensor(cut, dtype=torch.float64)
        self._keep("cutoff", value, self.learnable, exact=True, within=Below(self.fs / 2.0))

    def _angle(self) -> Tensor:
        return self._now("cutoff") * (2.0 * math.pi / self.fs)

    def _response(self, n_fft: int) -> Tensor:
        if self._poles == 2:
            return lti.butterworth_response(self._angle(), self.order // 2, n_fft)
        slope = torch.tan(self._angle() / 2.0)
        b = torch.stack([slope, slope]) / (1.0 + slope)
        a = torch.stack([torch.ones_like(slope), (slope - 1.0) / (1.0 + slope)])
        return lti.rational_response(b, a, n_fft) ** self.order

    def _settle(self) -> int:
        angle = self._angle().detach()
        if self._poles == 2:
            damping = lti.butterworth_damping(angle).reshape(1)
            return lti.cascade_settling([(damping, self.order)], self.dtype)
        slope = torch.tan(angle / 2.0)
        return (
            lti.settling_samples(abs(float((1.0 - slope) / (1.0 + slope))), self.order, self.dtype)
            + self.order
        )

    def _rectified(self, x: Tensor) -> Tensor:
        positive = torch.relu(x)
        if self.method != "bernstein1999":
            return positive
        power = squared_envelope(x)
        # 0 to a negative power has no place where nothing sounds, nor has its slope
        sounds = power > torch.finfo(x.dtype).tiny
        return torch.where(sounds, torch.where(sounds, power, 1.0) ** _BERNSTEIN * positive.square(), 0.0)

    def forward(self, x: Signal) -> Tensor:
        """
        Rectify and smooth.

        Parameters
        ----------
        x : Tensor or ndarray, shape (..., T)
            Motion of the basilar membrane, in any unit.

        Returns
        -------
        Tensor, shape (..., T)
            In the same unit ('bernstein1999': to the power of 0.46). Differentiable.

        Raises
        ------
        ValueError
            If `x` is complex, empty, on another device, or has non-finite samples.
        TypeError
            If `x` is neither a tensor nor an array.
        """
        rectified = self._rectified(lti.check_signal(x, self.dtype, self.cutoff.device, fs=self.fs))
        return lti.filter_fft(rectified, self._response, self._settle(), per_channel=True)

    def stream(self) -> lti.Stream:
        """
        Take a signal that arrives in chunks of any length.

        Returns
        -------
        amtlib.lti.Stream
            ``process(chunk)`` returns as many samples as it is given, shape (..., T).

        Raises
        ------
        ValueError
            With 'bernstein1999', whose envelope needs samples of the future.

        Examples
        --------
        >>> IHCEnvelope(16000).stream().process(torch.ones(3, 64)).shape
        torch.Size([3, 64])
        """
        if self.method == "bernstein1999":
            raise ValueError(
                "a stream cannot look ahead, and the Hilbert envelope of 'bernstein1999' needs the whole signal; take "
                "another method, or call the module"
            )
        device = self.cutoff.device

        def rectified(chunk: Tensor) -> Tensor:
            given = (
                lti.check_signal(chunk, self.dtype, device) if chunk.numel() else chunk.to(device, self.dtype)
            )
            return self._rectified(given)

        return lti.Stream(self._response, self._settle(), per_channel=True, check=rectified)

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return (
            f"fs={self.fs:g} Hz, method={self.method!r}, cutoff={self._shown('cutoff', '.6g')} Hz, "
            f"order={self.order}, learnable={self.learnable}, dtype={self.dtype}"
        )
