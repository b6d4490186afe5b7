"""Loudness over time: it builds up quickly and fades slowly, in a short-term and a long-term average.
Source: Glasberg and Moore (2002); Moore et al. (2016, 2018).
Not here: how the recursion is solved (:mod:`amtlib.loudness.attack_release`).
"""

import functools
import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, overload

import numpy as np
import torch
from torch import Tensor

from amtlib.charts import Chart, Direction, named, one
from amtlib.filterbanks.precision import check_rate, check_values
from amtlib.inputs import Values
from amtlib.loudness.attack_release import attack_release
from amtlib.loudness.stage import Stage, check_step
from amtlib.results import Result

#: The published rates belong to steps of 1 ms
_STEP = 0.001
_LEAST_RATE = 1e-6


@dataclass(frozen=True, repr=False)
class LoudnessOverTime(Result, units={"": "sone"}):
    """
    Loudness frame by frame, in sone.

    Attributes
    ----------
    instantaneous, short_term, long_term : Tensor, shape (..., F)
        Before any averaging (not itself heard); as heard from moment to moment; as remembered.
    """

    instantaneous: Tensor
    short_term: Tensor
    long_term: Tensor

    def chart(self) -> Chart:
        """Return the loudness over the frames."""
        lines = {"short term": self.short_term, "long term": self.long_term}
        frames = np.arange(len(one(self.long_term)))
        return Chart(
            "Loudness over frames", Direction("Frame"), Direction("Loudness", "sone"), named(lines, frames)
        )


class TimeConstants(NamedTuple):
    """Time constants in s: in this time a rise or fall is done to 63 %."""

    short_attack: float
    short_release: float
    long_attack: float
    long_release: float


class Moore2016AGC(Stage):
    """
    Running average that rises faster than it falls: ``y[n] = y[n-1] + a (x[n] - y[n-1])``.

    Parameters
    ----------
    attack_alpha, release_alpha : float
        a where the input is above, or not above, the average: per frame, from 1e-6 to 1. Either may be the
        greater.
    learnable : bool
        Make both parameters; they act within 1e-6 to 1.
    dtype : torch.dtype
        torch.float32 or torch.float64.

    Attributes
    ----------
    attack_alpha, release_alpha : Tensor, shape ()
        As given.
    learnable, dtype
        As given.

    Raises
    ------
    ValueError
        If a rate is out of its range.
    TypeError
        If an argument has the wrong type.

    Notes
    -----
    Solved for many frames at a time, not frame by frame, and equal to the recursion to rounding. Gradients are
    exact: those of the recursion with each frame's rate fixed.

    References
    ----------
    Glasberg and Moore (2002), J. Audio Eng. Soc. 50, 331-342.
    Moore, Glasberg, Varathanathan and Schlittenlacher (2016), Trends Hear. 20, 2331216516682698.

    Examples
    --------
    >>> agc = Moore2016AGC()
    >>> agc(torch.tensor([1.0, 1.0, 0.0]))
    tensor([0.0450, 0.0880, 0.0851])
    """

    attack_alpha: Tensor
    release_alpha: Tensor

    def __init__(
        self,
        attack_alpha: float = 0.045,
        release_alpha: float = 0.033,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(learnable, dtype)
        self._constant("attack_alpha", attack_alpha, _LEAST_RATE, 1.0)
        self._constant("release_alpha", release_alpha, _LEAST_RATE, 1.0)

    def forward(self, x: Values, dim: int = -1, initial: Values | None = None) -> Tensor:
        """
        Average along one axis.

        Parameters
        ----------
        x : Tensor or ndarray, shape (..., T, ...)
            Finite values, in any unit.
        dim : int
            The axis of time.
        initial : Tensor or ndarray, shape of `x` without `dim`, optional
            The average before the first frame; the last frame of a previous call continues it. Default: 0.

        Returns
        -------
        Tensor, shape of `x`
            The average after each frame. Differentiable once in `x`, `initial` and learnable rates.

        Raises
        ------
        ValueError
            If a value is not finite, `dim` is none of the axes, or `initial` has another shape.
        TypeError
            If `x` is neither a tensor nor an array.
        """
        x = check_values(x, "x", self.attack_alpha, "any unit")
        if not -x.ndim <= dim < x.ndim:
            raise ValueError(f"dim = {dim}; x has axes from {-x.ndim} to {x.ndim - 1}")
        dim %= x.ndim
        before, after = x.shape[:dim], x.shape[dim + 1 :]
        if initial is not None:
            initial = check_values(initial, "initial", self.attack_alpha, "the unit of x")
            if initial.shape != before + after:
                raise ValueError(
                    f"initial has shape {tuple(initial.shape)}; give {tuple(before + after)}, the shape of x "
                    "without its axis of time"
                )
            initial = initial.reshape(math.prod(before), math.prod(after))
        flat = x.reshape(math.prod(before), x.shape[dim], math.prod(after))
        attack, release = self._value("attack_alpha"), self._value("release_alpha")
        return attack_release(flat, attack, release, initial).reshape(x.shape)

    def get_parameters(self) -> dict[str, float]:
        """Return 'attack_alpha' and 'release_alpha'."""
        return {name: float(self._value(name).detach()) for name in ("attack_alpha", "release_alpha")}

    def time_constants(self, frame_step: float = _STEP) -> tuple[float, float]:
        """
        Return the time constants of attack and release.

        Parameters
        ----------
        frame_step : float
            Time between frames in s.

        Returns
        -------
        attack, release : float
            In s: ``-frame_step / ln(1 - a)``.

        Examples
        --------
        >>> Moore2016AGC().time_constants()
        (0.0217..., 0.0298...)
        """
        attack, release = (
            -frame_step / math.log1p(-alpha) if alpha < 1.0 else 0.0
            for alpha in self.get_parameters().values()
        )
        return attack, release

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return (
            f"attack_alpha={self._shown('attack_alpha', '.6g')}, "
            f"release_alpha={self._shown('release_alpha', '.6g')}, learnable={self.learnable}, "
            f"dtype={self.dtype}"
        )


class Moore2016TemporalIntegration(Stage):
    """
    The two averages of Moore et al. (2016): short-term on specific loudness, long-term on short-term loudness.

    Parameters
    ----------
    learnable : bool
        Make the four rates parameters.
    dtype : torch.dtype
        torch.float32 or torch.float64.
    frame_step : float
        Time between frames in s, number > 0. The published rates belong to 0.001 s; others are converted to keep
        the time constants.

    Attributes
    ----------
    short_term, long_term : Moore2016AGC
        Rates per ms 0.045 and 0.033; 0.01 and 0.00133: time constants of 22 and 30 ms, 99 and 751 ms.
    frame_step, learnable, dtype
        As given.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If it has the wrong type.

    Notes
    -----
    The short-term average acts on the specific loudness of each ear *before* binaural inhibition (Moore et al. 2016).
    Its rates and those of the long-term average are the revised ones of Moore et al. (2018), which ISO 532-3:2023 has.

    References
    ----------
    Moore, Glasberg, Varathanathan and Schlittenlacher (2016), Trends Hear. 20, 2331216516682698.
    Moore, Jervis, Harries and Schlittenlacher (2018), J. Acoust. Soc. Am. 143, 1504-1513.

    Examples
    --------
    >>> stage = Moore2016TemporalIntegration()
    >>> short = stage.short_term(torch.ones(200, 150), dim=0)
    >>> stage.long_term(short.sum(-1) / 4)[-1]
    tensor(31.1059)
    """

    def __init__(
        self, learnable: bool = False, dtype: torch.dtype = torch.float32, *, frame_step: float = _STEP
    ) -> None:
        super().__init__(learnable, dtype)
        self.frame_step = check_step(frame_step, "frame_step", "s")
        rate = functools.partial(rate_for, frame_step=frame_step)
        self.short_term = Moore2016AGC(rate(0.045), rate(0.033), learnable, dtype)
        self.long_term = Moore2016AGC(rate(0.01), rate(0.00133), learnable, dtype)

    def forward(self, specific: Values) -> Tensor:
        """
        Average specific loudness over the short term.

        Parameters
        ----------
        specific : Tensor or ndarray, shape (..., F, C)
            Specific loudness of each frame in sone per Cam, >= 0.

        Returns
        -------
        Tensor, shape (..., F, C)
            Short-term specific loudness; its binaural sum goes through ``long_term``.

        Raises
        ------
        ValueError
            If a value is negative or not finite, or there is no axis of frames.
        TypeError
            If `specific` is neither a tensor nor an array.
        """
        x = self._pattern(specific, "specific", self.short_term.attack_alpha)
        if x.ndim < 2:
            raise ValueError(f"specific has shape {tuple(x.shape)}; give (..., frames, channels)")
        short: Tensor = self.short_term(x, dim=-2)
        return short

    def get_time_constants(self) -> TimeConstants:
        """
        Return the four time constants in s.

        Examples
        --------
        >>> [round(t, 3) for t in Moore2016TemporalIntegration().get_time_constants()]
        [0.022, 0.03, 0.099, 0.751]
        """
        short, long = (agc.time_constants(self.frame_step) for agc in (self.short_term, self.long_term))
        return TimeConstants(*short, *long)

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return f"frame_step={self.frame_step:g} s"


class LoudnessIntegration(Stage):
    """
    The area under specific loudness, and its short- and long-term averages, of Glasberg and Moore (2002).

    Parameters
    ----------
    fs : float
        Sampling rate in Hz, as for the other stages; not used.
    learnable : bool
        Make the four rates parameters.
    erb_step : float
        Spacing of the channels in Cam, number > 0.
    frame_step : float
        Time between frames in s, number > 0: 0.001 in the published model, 0.032 behind
        :class:`amtlib.MultiResolutionFFT`. The published rates belong to 0.001 s; others are converted to keep the
        time constants.
    ears : int
        1 or 2 ears that hear the same; their loudness adds up.
    dtype : torch.dtype
        torch.float32 or torch.float64.

    Attributes
    ----------
    short_term, long_term : Moore2016AGC
        Rates per ms 0.045 and 0.02; 0.01 and 0.0005: time constants of 22 and 49 ms, 99 ms and 2 s.
    fs, erb_step, frame_step, ears, learnable, dtype
        As given.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If it has the wrong type.

    See Also
    --------
    SpecificLoudness : what comes before.

    References
    ----------
    Glasberg and Moore (2002), J. Audio Eng. Soc. 50, 331-342.

    Examples
    --------
    >>> stage = LoudnessIntegration()
    >>> over_time = stage(torch.full((1, 300, 150), 0.1), return_stages=True)
    >>> [round(float(y[0, -1]), 3) for y in (over_time.instantaneous, over_time.short_term, over_time.long_term)]
    [7.5, 7.5, 7.032]
    """

    def __init__(
        self,
        fs: float = 32000,
        learnable: bool = False,
        *,
        erb_step: float = 0.25,
        frame_step: float = _STEP,
        ears: int = 2,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(learnable, dtype)
        checked = check_rate(fs)
        if ears not in (1, 2):
            raise ValueError(f"ears = {ears!r}; give 1 or 2")
        self.fs, self.ears = checked, int(ears)
        self.erb_step = check_step(erb_step, "erb_step", "Cam")
        self.frame_step = check_step(frame_step, "frame_step", "s")
        rate = functools.partial(rate_for, frame_step=frame_step)
        self.short_term = Moore2016AGC(rate(0.045), rate(0.02), learnable, dtype)
        self.long_term = Moore2016AGC(rate(0.01), rate(0.0005), learnable, dtype)

    @overload
    def forward(self, specific: Values, *, return_stages: Literal[False] = False) -> Tensor: ...

    @overload
    def forward(self, specific: Values, *, return_stages: Literal[True]) -> LoudnessOverTime: ...

    def forward(self, specific: Values, *, return_stages: bool = False) -> Tensor | LoudnessOverTime:
        """
        Integrate over channels and time.

        Parameters
        ----------
        specific : Tensor or ndarray, shape (..., F, C)
            Specific loudness of one ear in sone per Cam, >= 0.
        return_stages : bool
            Return instantaneous and short-term loudness, too.

        Returns
        -------
        Tensor, shape (..., F)
            Long-term loudness in sone; or a :class:`LoudnessOverTime`. Differentiable.

        Raises
        ------
        ValueError
            If a value is negative or not finite, or there is no axis of frames.
        TypeError
            If `specific` is neither a tensor nor an array.
        """
        x = self._pattern(specific, "specific", self.short_term.attack_alpha)
        if x.ndim < 2:
            raise ValueError(f"specific has shape {tuple(x.shape)}; give (..., frames, channels)")
        instantaneous = x.sum(-1) * (self.erb_step * self.ears)
        short = self.short_term(instantaneous)
        long: Tensor = self.long_term(short)
        return LoudnessOverTime(instantaneous, short, long) if return_stages else long

    def get_time_constants(self) -> TimeConstants:
        """
        Return the four time constants in s.

        Examples
        --------
        >>> [round(t, 3) for t in LoudnessIntegration().get_time_constants()]
        [0.022, 0.049, 0.099, 1.999]
        """
        short, long = (agc.time_constants(self.frame_step) for agc in (self.short_term, self.long_term))
        return TimeConstants(*short, *long)

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return f"ears={self.ears}, erb_step={self.erb_step:g} Cam, frame_step={self.frame_step:g} s"


def rate_for(alpha: float, frame_step: float) -> float:
    """
    Convert a rate per ms to one per frame of another length, keeping the time constant.

    Examples
    --------
    >>> round(rate_for(0.045, 0.001), 6), round(rate_for(0.045, 0.002), 6)
    (0.045, 0.087975)
    """
    return alpha if frame_step == _STEP else -math.expm1(frame_step / _STEP * math.log1p(-alpha))
