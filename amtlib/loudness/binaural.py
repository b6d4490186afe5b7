"""The two ears: each inhibits the other, so that two hear 1.5 times as loud as one, not twice.
Source: Moore and Glasberg (2007), eqs. 1-4, as applied in Moore et al. (2016).
Not here: what each ear hears (:mod:`amtlib.loudness.specific`), and time (:mod:`amtlib.loudness.temporal`).
"""

import math
from dataclasses import dataclass
from typing import Literal, overload

import torch
from torch import Tensor

from amtlib import lti
from amtlib.inputs import Values
from amtlib.loudness.stage import Stage, check_step
from amtlib.results import Result

#: Added to smoothed specific loudness (sone/Cam) so that the ratio of two silent ears is 1
_LEAST = 1e-13


@dataclass(frozen=True, repr=False)
class BinauralLoudness(Result, units={"total": "sone", "left": "sone", "right": "sone", "": "sone/Cam"}):
    """
    The loudness of a pair of patterns and how it came about.

    Attributes
    ----------
    total, left, right : Tensor, shape (...)
        Loudness in sone: of both ears together, and what each contributes.
    smoothed : Tensor, shape (..., 2, C)
        Smoothed specific loudness of left and right, which decides the inhibition.
    inhibited : Tensor, shape (..., 2, C)
        Specific loudness after inhibition; its area is `left` and `right`.
    """

    total: Tensor
    left: Tensor
    right: Tensor
    smoothed: Tensor
    inhibited: Tensor


class SpatialSmoothing(Stage):
    """
    Smooth specific loudness along the cochlea with the weights ``exp(-(sigma g)^2)``, g the distance in Cam.

    The inhibition of one ear by the other is broad: it acts on this smoothed pattern.

    Parameters
    ----------
    kernel_width : float
        The weights reach this far to either side, in Cam, number > 0.
    sigma : float
        Steepness of the weights per Cam, 0.001 to 10; 0.08 falls to 1/e over 12.5 Cam.
    learnable : bool
        Make ``sigma`` a parameter; it acts within 0.001 to 10.
    dtype : torch.dtype
        torch.float32 or torch.float64.
    erb_step : float
        Spacing of the channels in Cam, number > 0.

    Attributes
    ----------
    sigma : Tensor, shape ()
        As given.
    kernel_width, erb_step, learnable, dtype
        As given.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If it has the wrong type.

    Notes
    -----
    The weights are normalised to a sum of 1 over the full width; beyond the ends of the pattern there is nothing,
    so a constant pattern comes out smaller near its ends.

    References
    ----------
    Moore and Glasberg (2007), J. Acoust. Soc. Am. 121, 1604-1612, eq. 1.

    Examples
    --------
    >>> stage = SpatialSmoothing()
    >>> stage(torch.ones(150))[[0, 75]]
    tensor([0.5059, 1.0000])
    """

    sigma: Tensor

    def __init__(
        self,
        kernel_width: float = 18.0,
        sigma: float = 0.08,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
        *,
        erb_step: float = 0.25,
    ) -> None:
        super().__init__(learnable, dtype)
        self.kernel_width = check_step(kernel_width, "kernel_width", "Cam")
        self.erb_step = check_step(erb_step, "erb_step", "Cam")
        self._constant("sigma", sigma, 1e-3, 10.0)
        self._cache = lti.ResponseCache()

    def kernel(self) -> Tensor:
        """
        Return the weights from -kernel_width to kernel_width in steps of erb_step, before normalisation.

        Returns
        -------
        Tensor, shape (2 n + 1,)
            1 in the middle.

        Examples
        --------
        >>> SpatialSmoothing().kernel().shape
        torch.Size([145])
        """
        reach = math.floor(self.kernel_width / self.erb_step + 1e-9)
        g = torch.arange(-reach, reach + 1, dtype=self.dtype, device=self.sigma.device) * self.erb_step
        return torch.exp(-((self._value("sigma") * g) ** 2))

    def _matrix(self, channels: int) -> Tensor:
        def build() -> Tensor:
            kernel = self.kernel()
            reach = len(kernel) // 2
            place = torch.arange(channels, device=kernel.device)
            distance = place - place.unsqueeze(-1)
            weights = kernel[distance.clamp(-reach, reach) + reach] * (distance.abs() <= reach)
            return weights / kernel.sum()

        if self._now("sigma").requires_grad and torch.is_grad_enabled():
            return build()
        return self._cache.get((channels, self.dtype), (self._now("sigma"),), build)

    def forward(self, specific: Values) -> Tensor:
        """
        Smooth patterns.

        Parameters
        ----------
        specific : Tensor or ndarray, shape (..., C)
            Specific loudness in sone per Cam, >= 0.

        Returns
        -------
        Tensor, shape (..., C)
            Smoothed specific loudness in sone per Cam.

        Raises
        ------
        ValueError
            If a value is negative or not finite.
        TypeError
            If `specific` is neither a tensor nor an array.
        """
        x = self._pattern(specific, "specific", self.sigma)
        return lti.product(x, self._matrix(x.shape[-1]))

    def get_parameters(self) -> dict[str, float]:
        """Return 'kernel_width' and 'sigma'."""
        return {"kernel_width": self.kernel_width, "sigma": float(self._value("sigma").detach())}

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return (
            f"kernel_width={self.kernel_width:g} Cam, sigma={self._shown('sigma', '.4g')}, "
            f"erb_step={self.erb_step:g} Cam, learnable={self.learnable}, dtype={self.dtype}"
        )


class BinauralInhibition(Stage):
    """
    By how much each ear is inhibited by the other: a factor from 1 (other ear silent) to 2 that divides its
    specific loudness.

    ``2 / (1 + sech(other / own)^p)``. Equal ears give 4/3 each: together 1.5 times as loud as one ear alone.

    Parameters
    ----------
    p : float
        Exponent, 0 to 20; 0 takes inhibition away.
    learnable : bool
        Make ``p`` a parameter; it acts within 0 to 20.
    dtype : torch.dtype
        torch.float32 or torch.float64.

    Attributes
    ----------
    p : Tensor, shape ()
        As given.
    learnable, dtype
        As given.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If it has the wrong type.

    References
    ----------
    Moore and Glasberg (2007), J. Acoust. Soc. Am. 121, 1604-1612, eqs. 2 and 3.

    Examples
    --------
    >>> left, right = BinauralInhibition()(torch.tensor([1.0, 1.0]), torch.tensor([1.0, 0.0]))
    >>> left, right
    (tensor([1.3333, 1.0000]), tensor([1.3333, 2.0000]))
    """

    p: Tensor

    def __init__(
        self, p: float = 1.5978, learnable: bool = False, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__(learnable, dtype)
        self._constant("p", p, 0.0, 20.0)

    def forward(self, left: Values, right: Values) -> tuple[Tensor, Tensor]:
        """
        Compare the ears.

        Parameters
        ----------
        left, right : Tensor or ndarray, shape (..., C)
            Smoothed specific loudness of the two ears, >= 0, shapes that broadcast.

        Returns
        -------
        left, right : Tensor, shape (..., C)
            What to divide the specific loudness of each ear by. Where both are silent, 4/3.

        Raises
        ------
        ValueError
            If a value is negative or not finite.
        TypeError
            If an argument is neither a tensor nor an array.
        """
        own = self._pattern(left, "left", self.p) + _LEAST
        if right is left:  # equal ears: worked out once
            return (factor := self._factor(own / own)), factor
        other = self._pattern(right, "right", self.p) + _LEAST
        return self._factor(other / own), self._factor(own / other)

    def _factor(self, ratio: Tensor) -> Tensor:
        # log(sech r) = log 2 - r - log(1 + exp(-2 r)) neither overflows nor divides by zero
        log_sech = math.log(2.0) - ratio - torch.log1p(torch.exp(-2.0 * ratio))
        return 2.0 / (1.0 + torch.exp(self._value("p") * log_sech))

    def get_parameters(self) -> dict[str, float]:
        """Return 'p'."""
        return {"p": float(self._value("p").detach())}

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return f"p={self._shown('p', '.4f')}, learnable={self.learnable}, dtype={self.dtype}"


class Moore2016BinauralLoudness(Stage):
    """
    Loudness of both ears from the specific loudness of each: smoothing, inhibition, and the area of what remains.

    Parameters
    ----------
    learnable : bool
        Make ``smoothing.sigma`` and ``inhibition.p`` parameters.
    dtype : torch.dtype
        torch.float32 or torch.float64.
    inhibit : bool
        False: the ears do not inhibit each other, and both together are the sum of each alone.
    smooth : bool
        False: inhibition compares the ears channel by channel.
    kernel_width, sigma, p : float
        As for :class:`SpatialSmoothing` and :class:`BinauralInhibition`.
    erb_step : float
        Spacing of the channels in Cam, number > 0.

    Attributes
    ----------
    smoothing : SpatialSmoothing
        The first step.
    inhibition : BinauralInhibition
        The second.
    inhibit, smooth : bool
        As given; may be changed at any time.
    erb_step, learnable, dtype
        As given.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If it has the wrong type.

    See Also
    --------
    Moore2016SpecificLoudness : what comes before.

    References
    ----------
    Moore and Glasberg (2007), J. Acoust. Soc. Am. 121, 1604-1612.
    Moore, Glasberg, Varathanathan and Schlittenlacher (2016), Trends Hear. 20, 2331216516682698.

    Examples
    --------
    >>> pattern = torch.ones(150)
    >>> total, left, right = Moore2016BinauralLoudness()(pattern, pattern)
    >>> total, left
    (tensor(56.2510), tensor(28.1255))
    >>> total, left, right = Moore2016BinauralLoudness()(pattern, 0.0 * pattern)
    >>> total, right
    (tensor(37.5000), tensor(0.))
    """

    def __init__(
        self,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
        *,
        inhibit: bool = True,
        smooth: bool = True,
        kernel_width: float = 18.0,
        sigma: float = 0.08,
        p: float = 1.5978,
        erb_step: float = 0.25,
    ) -> None:
        super().__init__(learnable, dtype)
        self.erb_step = check_step(erb_step, "erb_step", "Cam")
        self.inhibit, self.smooth = bool(inhibit), bool(smooth)
        self.smoothing = SpatialSmoothing(kernel_width, sigma, learnable, dtype, erb_step=erb_step)
        self.inhibition = BinauralInhibition(p, learnable, dtype)

    @overload
    def forward(
        self, left: Values, right: Values, *, return_stages: Literal[False] = False
    ) -> tuple[Tensor, Tensor, Tensor]: ...

    @overload
    def forward(self, left: Values, right: Values, *, return_stages: Literal[True]) -> BinauralLoudness: ...

    def forward(
        self, left: Values, right: Values, *, return_stages: bool = False
    ) -> tuple[Tensor, Tensor, Tensor] | BinauralLoudness:
        """
        Sum over both ears.

        Parameters
        ----------
        left, right : Tensor or ndarray, shape (..., C)
            Specific loudness of each ear by itself in sone per Cam, >= 0, equal shapes. The same tensor given twice
            takes half the time.
        return_stages : bool
            Return what lies between, too.

        Returns
        -------
        total, left, right : Tensor, shape (...)
            Loudness in sone of both ears together, and the share of each; or a :class:`BinauralLoudness`.
            Differentiable.

        Raises
        ------
        ValueError
            If the shapes differ, or a value is negative or not finite.
        TypeError
            If an argument is neither a tensor nor an array.
        """
        like, equal = self.inhibition.p, right is left  # equal ears are worked out once
        one = self._pattern(left, "left", like)
        two = one if equal else self._pattern(right, "right", like)
        if one.shape != two.shape:
            raise ValueError(
                f"left has shape {tuple(one.shape)}, right has {tuple(two.shape)}; give equal shapes"
            )
        own, other = one, two
        if self.smooth:
            own = self.smoothing(one)
            other = own if equal else self.smoothing(two)
        if self.inhibit:
            by_right, by_left = self.inhibition(own, other)
            one = one / by_right
            two = one if equal else two / by_left
        sone_left = one.sum(-1) * self.erb_step
        sone_right = sone_left if equal else two.sum(-1) * self.erb_step
        total = sone_left + sone_right
        if not return_stages:
            return total, sone_left, sone_right
        return BinauralLoudness(
            total, sone_left, sone_right, torch.stack([own, other], -2), torch.stack([one, two], -2)
        )

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return f"inhibit={self.inhibit}, smooth={self.smooth}, erb_step={self.erb_step:g} Cam"
