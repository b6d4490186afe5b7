"""The dual-resonance nonlinear (DRNL) filterbank: a cochlea that compresses.
Source: Lopez-Poveda and Meddis (2001), J. Acoust. Soc. Am. 110, 3107-3118; parameters of Paulick et al. (2024).
Not here: the outer and middle ear in front of it (:mod:`amtlib.ears`); the truncated form
(:mod:`amtlib.filterbanks.fast_drnl`).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from amtlib import lti
from amtlib.filterbanks.drnl_filters import LOUDEST, ORDERS, DRNLFilters, UnitWarning
from amtlib.filterbanks.drnl_parameters import DRNLParameters
from amtlib.filterbanks.drnl_stream import DRNLStream
from amtlib.inputs import Signal, Values, as_tensor
from amtlib.results import summary

__all__ = ["LOUDEST", "ORDERS", "DRNLFilterbank", "DRNLOutput", "DRNLStream", "UnitWarning"]

# Samples, ringing included, that are filtered in one piece whatever the memory: 8 MB in float64.
_FEW_SAMPLES = 1 << 20


class DRNLOutput(NamedTuple):
    """
    What a DRNL filterbank gives with ``return_paths=True``: basilar-membrane velocities in m/s, (..., F, T).

    Examples
    --------
    >>> bank = DRNLFilterbank([1000.0], fs=16000)
    >>> total, linear, nonlinear = bank(1e-6 * torch.ones(4), return_paths=True)
    >>> torch.equal(total, linear + nonlinear)
    True
    """

    total: Tensor
    linear: Tensor
    nonlinear: Tensor

    def __repr__(self) -> str:
        return summary(self)


class DRNLFilterbank(DRNLFilters):
    """
    Bank of dual-resonance nonlinear filters: stapes velocity in, basilar-membrane velocity out.

    Every channel is the sum of two paths. The linear one is a gain `g`, gammatone filters and low-passes. The
    nonlinear one is gammatone filters, the broken stick ``sign(x) min(a |x|, b |x|^c)``, the same gammatone
    filters again, and low-passes. At low levels the nonlinear path dominates at the centre frequency, at high
    levels the linear path does, and between them the output grows by about 1 dB for 4.

    The input is the velocity of the stapes in m/s, not the pressure in Pa, which is some 60 dB more: speech at 60 dB
    SPL moves the stapes by 1e-5 m/s. :class:`amtlib.MiddleEarFilter` makes it of pressure. Beyond what a sound of
    120 dB SPL does, 0.045 m/s, a bank warns once (:class:`UnitWarning`).

    Parameters
    ----------
    fc : (low, high), or Tensor, shape (F,), or list or array of F numbers
        Characteristic frequencies in Hz, above 0 and below fs / 2. A tuple of two numbers is a range, filled with
        `n_channels` frequencies, equidistant in ERB, ends included; anything else lists the frequencies.
    fs : float
        Sampling rate in Hz, number > 0.
    n_channels : int
        Channels of a range, >= 1; unused with a list.
    subject : {'NH', 'HIx'}
        Normal hearing; or without outer hair cells, which means a = 0. That silences the *whole* nonlinear
        path, so the output is the linear path alone. (The specification says that compression remains.)
    model : {'paulick2024', 'jepsen2008'}
        Number of sections: 2 gammatones everywhere, 4 and 1 low-passes in the linear and nonlinear path; or 3,
        4 and 3. The parameters are the same.
    learnable : bool
        Make the ten parameter vectors parameters; all of them get gradients. They stay in their range however far
        they are stepped: what is stored are logarithms, and of frequencies logits of their share of fs / 2, so that a
        step of 0.01 changes each by about 1 %. An a or g of 0 stays 0.
    dtype : torch.dtype
        torch.float32 or torch.float64, of signals and parameters.
    parameters : DRNLParameters, optional
        Other values than ``parameters_at(fc, subject)``, of F channels.

    Attributes
    ----------
    fc : Tensor, shape (F,)
        Characteristic frequencies in Hz (buffer).
    num_channels : int
        F.
    fs, subject, model, learnable, dtype
        As given.
    n_gt_lin, n_lp_lin, n_gt_nlin, n_lp_nlin : int
        Gammatone and low-pass sections of the paths.
    CF_lin, BW_lin_norm, LP_lin_cutoff, g, CF_nlin, BW_nlin_norm, LP_nlin_cutoff, a, b, c : Tensor, shape (F,)
        See :class:`DRNLParameters`. Buffers; or, if `learnable`, the values of the module's parameters of these
        names, with the gradient with respect to the value as ``grad``. They may be assigned, as in ``bank.a =
        2.0 * bank.a``, and changed in place; optimisers take ``bank.parameters()``, or one of them from
        ``dict(bank.named_parameters())``, which hold what is stored.

    Raises
    ------
    ValueError
        If an argument or a parameter is out of its range: all finite, frequencies between 0 and fs / 2,
        bandwidths and b > 0, g, a and c >= 0.
    TypeError
        If an argument has the wrong type.

    See Also
    --------
    parameters_at : the power laws of the parameters.
    FastDRNLFilterbank : fixed filters, learnable stick.
    amtlib.ears.MiddleEarFilter : from pressure to stapes velocity.
    GammatoneFilterbank : a linear cochlea.

    Notes
    -----
    The gammatones are the classic pole-zero filters in cascade. The filters are applied exactly on an FFT grid:
    against the original toolbox the relative rms error is 3e-9 (paulick2024) and 3e-6 (jepsen2008), which is
    the error of that toolbox's own direct-form filters.

    References
    ----------
    Lopez-Poveda and Meddis (2001), J. Acoust. Soc. Am. 110, 3107-3118.
    Jepsen, Ewert and Dau (2008), J. Acoust. Soc. Am. 124, 422-438.
    Paulick et al. (2024), the CASP model revisited.

    Examples
    --------
    >>> bank = DRNLFilterbank((250.0, 8000.0), fs=44100, n_channels=50)
    >>> bank(torch.zeros(2, 4410)).shape
    torch.Size([2, 50, 4410])
    >>> bank.a[10], bank.knee[-1]
    (tensor(4945.8542, dtype=torch.float64), tensor(2.2507e-07, dtype=torch.float64))
    >>> learner = DRNLFilterbank((250.0, 8000.0), fs=44100, learnable=True)
    >>> sum(p.numel() for p in learner.parameters())
    500
    """

    def alike(
        self,
        fc: Tensor | Sequence[float],
        parameters: DRNLParameters,
        *,
        learnable: bool = False,
        dtype: torch.dtype = torch.float64,
    ) -> "DRNLFilterbank":
        """
        Return a bank of this kind with other channels.

        Parameters
        ----------
        fc : Tensor, shape (F,), or list of F numbers
            Characteristic frequencies in Hz.
        parameters : DRNLParameters
            Of F channels.
        learnable : bool
            As for the class.
        dtype : torch.dtype
            As for the class.

        Returns
        -------
        DRNLFilterbank
            With the sampling rate, subject and model of this one.

        Examples
        --------
        >>> from amtlib.filterbanks import parameters_at
        >>> bank = DRNLFilterbank([500.0, 1000.0], fs=16000)
        >>> bank.alike([2000.0], parameters_at([2000.0])).num_channels
        1
        """
        return type(self)(
            torch.as_tensor(fc),
            self.fs,
            subject=self.subject,
            model=self.model,
            learnable=learnable,
            dtype=dtype,
            parameters=parameters,
            **self._more(),
        )

    def _more(self) -> dict[str, Any]:
        """Return arguments of a subclass."""
        return {}

    def forward(
        self, x: Signal, *, return_paths: bool = False, block: int | None = None
    ) -> Tensor | DRNLOutput:
        """
        Filter a signal through all channels, from rest.

        Parameters
        ----------
        x : Tensor, ndarray or Sound, shape (T,) or (B, T)
            Stapes velocity in m/s (of pressure: :class:`amtlib.MiddleEarFilter`), real; converted to `dtype`. A sound
            must have the sampling rate `fs`.
        return_paths : bool
            Return both paths besides their sum.
        block : int, optional
            Samples filtered at a time, >= 1. Changes memory and speed only. Default: chosen so that the work
            memory stays below 256 MB where no gradients are kept.

        Returns
        -------
        Tensor, shape (F, T) or (B, F, T), or DRNLOutput of three of them
            Basilar-membrane velocity in m/s. Differentiable in `x` and in learnable parameters.

        Raises
        ------
        ValueError
            If `x` has another shape, is empty, complex or on another device, has non-finite samples or such that
            overflow; if `block` is below 1; if a parameter has left its range.
        TypeError
            If `x` is neither a tensor nor an array.

        Examples
        --------
        A hundred times the sound gives a hundred times the linear path, and less of the nonlinear one:

        >>> bank = DRNLFilterbank([1000.0], fs=16000)
        >>> tone = torch.sin(2 * torch.pi * 1000 / 16000 * torch.arange(3200.0))
        >>> soft, loud = (bank(v * tone, return_paths=True) for v in (1e-7, 1e-5))
        >>> loud.linear.abs().max() / soft.linear.abs().max()
        tensor(100.0000, dtype=torch.float64)
        >>> loud.nonlinear.abs().max() / soft.nonlinear.abs().max()
        tensor(13.3968, dtype=torch.float64)
        """
        signal = self._signals(x)
        self._check()
        rows = signal.reshape(-1, signal.shape[-1])
        if self._has_nonlinear_path():
            through, linear = lti.filter_around(
                rows, self._transfers, self._stick, self._settle(), summed=not return_paths, block=block
            )
        else:
            linear = lti.filter_fft(
                rows, lambda n_fft: self._transfers(n_fft).beside, self._settle(), block=block
            )
            through = torch.zeros_like(linear) if return_paths else linear
        if signal.ndim == 1:
            through, linear = through.squeeze(0), linear.squeeze(0)
        if return_paths:
            return DRNLOutput(linear + through, linear, through)
        return through

    def linear_parts(self, x: Signal) -> tuple[Tensor, Tensor]:
        """
        Filter a signal up to the stick, and through the linear path: the first of the parts of :meth:`forward`.

        With ``u, linear = linear_parts(x)``, ``forward(x)`` is ``after(stick(u)) + linear``. All but the stick is
        linear, so that a sweep of levels, or of two tones at many levels each, filters each tone once here, then
        scales and adds what this returns.

        Parameters
        ----------
        x : Tensor, ndarray or Sound, shape (T,) or (B, T)
            Stapes velocity in m/s, real; converted to `dtype`. A sound must have the sampling rate `fs`.

        Returns
        -------
        u, linear : Tensor, shape (F, T) or (B, F, T)
            Velocities in m/s. Differentiable in `x` and in learnable parameters.

        Raises
        ------
        ValueError, TypeError
            As :meth:`forward`.

        See Also
        --------
        stick, after : the other parts.

        Examples
        --------
        >>> bank, x = DRNLFilterbank([500.0, 1000.0], fs=16000), 1e-6 * torch.randn(1000)
        >>> u, linear = bank.linear_parts(x)
        >>> torch.allclose(bank.after(bank.stick(8 * u)) + 8 * linear, bank(8 * x), rtol=0, atol=1e-12)
        True
        """
        signal = self._signals(x)
        self._check()

        def response(n_fft: int) -> Tensor:
            before, _, beside = self._transfers(n_fft)
            return torch.cat([before, beside])

        # In float64 as in `forward`: a weak channel beside a strong tone keeps its own accuracy.
        y = lti.filter_fft(signal.double(), response, self._settle(), block=self._block(signal))
        u, linear = y.to(self.dtype).tensor_split(2, dim=-2)
        return u, linear

    def _block(self, y: Tensor) -> int | None:
        """Let short signals run in one piece, without asking for the best one."""
        few = y[..., 0].numel() * (y.shape[-1] + self._settle()) < _FEW_SAMPLES
        return y.shape[-1] if few else None

    def stick(self, u: Values) -> Tensor:
        """
        Apply each channel's broken stick ``sign(u) min(a |u|, b |u|^c)``.

        Parameters
        ----------
        u : Tensor or ndarray, shape (..., F, T)
            Velocity in m/s, as :meth:`linear_parts` returns it, perhaps scaled or added up.

        Returns
        -------
        Tensor, shape (..., F, T)
            Velocity in m/s. Differentiable in `u` and in learnable parameters.

        Raises
        ------
        ValueError
            If `u` has another number of channels; if a parameter has left its range.

        Examples
        --------
        >>> DRNLFilterbank([1000.0], fs=16000).stick(torch.tensor([[1e-9, 1e-5, 1e-3]]).double())
        tensor([[7.2520e-06, 8.1867e-03, 2.5889e-02]], dtype=torch.float64)
        """
        u = self._channels(u)
        self._check()
        return self._stick(u, slice(0, self.num_channels))

    def after(self, v: Values) -> Tensor:
        """
        Filter what comes out of the stick, each channel through its own gammatones and low-passes.

        Parameters
        ----------
        v : Tensor or ndarray, shape (..., F, T)
            Velocity in m/s, as :meth:`stick` returns it.

        Returns
        -------
        Tensor, shape (..., F, T)
            The nonlinear path's part of the basilar membrane's velocity, m/s. Differentiable in `v` and in
            learnable parameters.

        Raises
        ------
        ValueError
            If `v` has another number of channels; if a parameter has left its range.

        Examples
        --------
        >>> bank = DRNLFilterbank([500.0, 1000.0], fs=16000)
        >>> bank.after(torch.zeros(3, 2, 100)).shape
        torch.Size([3, 2, 100])
        """
        v = self._channels(v)
        self._check()
        return lti.filter_fft(
            v, lambda n: self._transfers(n).after, self._settle(), per_channel=True, block=self._block(v)
        )

    def _channels(self, y: Values) -> Tensor:
        y = as_tensor(y, "the input", self.fc.device, "channels, time last")
        if y.ndim < 2 or y.shape[-2] != self.num_channels or not y.shape[-1]:
            raise ValueError(
                f"the channels have shape {tuple(y.shape)}; give (..., {self.num_channels}, T), T >= 1"
            )
        return y.to(self.dtype)

    def stream(self, batch_shape: Sequence[int] = ()) -> "DRNLStream":
        """
        Filter a signal that arrives in chunks of any length.

        Parameters
        ----------
        batch_shape : sequence of int
            Leading shape of the chunks: () for (T,), (B,) for (B, T).

        Returns
        -------
        DRNLStream
            ``process(chunk)`` returns the channels of the next samples; ``reset()`` starts anew.

        Examples
        --------
        >>> live = DRNLFilterbank((250.0, 4000.0), fs=16000, n_channels=4).stream()
        >>> live.process(torch.zeros(256)).shape
        torch.Size([4, 256])
        """
        return DRNLStream(self, tuple(batch_shape))

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return (
            f"num_channels={self.num_channels}, fs={self.fs:g} Hz, {self._fc_range}, "
            f"subject={self.subject!r}, model={self.model!r}, learnable={self.learnable}, dtype={self.dtype}"
        )
