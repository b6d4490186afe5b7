"""Adaptation: onsets stand out, and what goes on sinks towards the logarithm of its level.
Source: Dau, Puschel and Kohlrausch (1996), J. Acoust. Soc. Am. 99, 3615-3622; constants of the Auditory Modeling
Toolbox, adaptloop (version 1.4) and paulick2024 (version 1.6).
Not here: the loop over samples (:mod:`amtlib.perception.adaptation_loops`).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from amtlib import lti
from amtlib.filterbanks.precision import check_rate
from amtlib.inputs import Numbers, Signal, as_tensor
from amtlib.modules import RealModule
from amtlib.perception.adaptation_loops import adaptation_loops
from amtlib.perception.memory import RecursionStream
from amtlib.ranges import Above


class _Preset(NamedTuple):
    tau: tuple[float, ...]
    limit: float
    minlvl: float | None


_TAU = (0.005, 0.05, 0.129, 0.253, 0.5)
_PRESETS = {
    "dau1996": _Preset(_TAU, 0.0, 1e-5),
    "dau1997": _Preset(_TAU, 10.0, 1e-5),
    "puschel1988": _Preset((0.005, 0.12875, 0.2525, 0.37625, 0.5), 0.0, 1e-5),
    "osses2021": _Preset(_TAU, 5.0, 1e-5),
    "relanoiborra2019": _Preset(_TAU, 10.0, 2e-7),
    "paulick2024": _Preset((0.007, 0.0318, 0.0878, 0.2143, 0.5), 10.0, None),
    "jepsen2008": _Preset(_TAU, 10.0, 1e-5),
}
_TAU_RANGE = Above(1e-5, 100.0)
_LEVEL_RANGE = Above(1e-15, 0.5)
#: Least room for overshoot that is left as a limit learns
_LEAST_ROOM = 1e-3


class AdaptLoop(RealModule):
    """
    Adaptation: a chain of loops, each of which divides its input by a low-pass filtered copy of its output.

    A change comes through almost linearly; what lasts longer than the slowest loop is compressed to nearly its
    logarithm. The result is in model units: 0 at the least level, 100 for a steady signal of 1.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz, number > 0.
    preset : {'dau1997', 'dau1996', 'puschel1988', 'osses2021', 'relanoiborra2019', 'paulick2024', 'jepsen2008'}
        Time constants, limit and least level. 5, 50, 129, 253, 500 ms; limit 10, 'dau1996' none, 'osses2021' 5; least
        level 1e-5, 'relanoiborra2019' 2e-7. 'puschel1988' has time constants from 5 to 500 ms in equal steps and no
        limit. 'paulick2024' has 7, 31.8, 87.8, 214.3, 500 ms and limit 10; it takes voltages, and no least level is
        common to all channels: give `minlvl`.
    tau : sequence of K floats, optional
        Time constants in s, > 0. Default: the preset's.
    limit : float, optional
        What the output may be at most at an onset, as a multiple of what it would settle at; 0 to 1 for no limit.
        Default: the preset's.
    minlvl : float, or Tensor, shape (F,), or list or array of F numbers, optional
        Least level of the input, above 0 and below 1: lower values, and negative ones, are taken as this. One for all
        channels, or one each. Default: the preset's.
    learnable : bool
        Make time constants, limit (if there is one) and least level parameters, stored as logarithms.
    dtype : torch.dtype
        torch.float32 or torch.float64, of the signals; the loops run in float64 either way.

    Attributes
    ----------
    tau : Tensor, shape (K,), float64
        Time constants in s.
    limit : Tensor, shape (), float64
        0 where overshoot is not limited.
    minlvl : Tensor, shape () or (F,), float64
        Least level.
    fs, preset, learnable, dtype
        As given.

    Raises
    ------
    ValueError
        If an argument is out of its range, or the limit leaves no room above what the last loop settles at.
    TypeError
        If an argument has the wrong type.

    See Also
    --------
    IHCEnvelope, IHCPaulick2024 : what comes before.
    ModulationFilterbank : what comes next.

    Notes
    -----
    With v the input, at least m, each loop j = 1 ... K does ``v = v / q[j]``, limits v, and updates its state to
    ``a q[j] + (1 - a) v`` with ``a = exp(-1 / (tau[j] fs))``; the output is ``100 (v - c) / (1 - c)``, with c what
    comes out of m. A quotient v > 1 is limited to ``1 + M (2 / (1 + exp(-2 (v - 1) / M)) - 1)``, where
    ``M = (1 - q[j]^2) limit - 1`` with the state at the start. States start where silence holds them, so that silence
    gives 0.

    Everything is done channel by channel with that channel's least level, which is what makes the least levels of
    'paulick2024' the thresholds of hearing; the toolbox's compiled loop reads the first channel's alone.

    'dau1996' limited the overshoot up to version 1.0 of the toolbox, and does not since 1.2.

    References
    ----------
    Dau, Puschel and Kohlrausch (1996), J. Acoust. Soc. Am. 99, 3615-3622.
    Dau, Kollmeier and Kohlrausch (1997), J. Acoust. Soc. Am. 102, 2892-2905.
    Jepsen, Ewert and Dau (2008), J. Acoust. Soc. Am. 124, 422-438.
    Relano-Iborra, Zaar and Dau (2019), J. Acoust. Soc. Am. 146, 3306-3317.
    Paulick, Relano-Iborra and Dau (2024), The Computational Auditory Signal Processing and Perception Model (CASP): A
    Revised Version, bioRxiv.

    Examples
    --------
    >>> loops = AdaptLoop(16000)
    >>> steady = loops(torch.full((3 * 16000,), 0.1))
    >>> round(float(steady.max())), round(float(steady[-1]))
    (1444, 77)
    >>> float(loops(torch.zeros(100)).abs().max())
    0.0
    """

    tau: Tensor
    limit: Tensor
    minlvl: Tensor

    def __init__(
        self,
        fs: float,
        preset: str = "dau1997",
        tau: Sequence[float] | Tensor | None = None,
        limit: float | None = None,
        minlvl: Numbers | None = None,
        learnable: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(dtype)
        self.fs, self.learnable = check_rate(fs), bool(learnable)
        if preset not in _PRESETS:
            raise ValueError(f"preset = {preset!r} is unknown; give one of {', '.join(map(repr, _PRESETS))}")
        usual = _PRESETS[preset]
        self.preset = preset
        times = torch.tensor(usual.tau, dtype=torch.float64) if tau is None else _numbers(tau, "tau")
        if times.ndim != 1 or not bool((torch.isfinite(times) & (times > 0.0)).all()):
            raise ValueError(f"tau = {times.tolist()} s; give a list of time constants, finite numbers > 0")
        if minlvl is None and usual.minlvl is None:
            raise ValueError(
                f"preset={preset!r} needs minlvl, the least level in V; give one number, or one a channel"
            )
        levels = (
            torch.tensor(usual.minlvl, dtype=torch.float64) if minlvl is None else _numbers(minlvl, "minlvl")
        )
        wrong = levels[~((levels > 0.0) & (levels < 1.0))]
        if levels.ndim > 1 or levels.numel() == 0 or wrong.numel():
            shown = f"= {float(wrong[0])}" if wrong.numel() else f"has shape {tuple(levels.shape)}"
            raise ValueError(
                f"minlvl {shown}; give numbers above 0 and below 1, one for all channels or one each"
            )
        most = float(usual.limit if limit is None else limit)
        if not (math.isfinite(most) and most >= 0.0):
            raise ValueError(f"limit = {most}; give a finite number, above 1, or 0 for no limit")
        self._limits = most > 1.0
        loops = len(times)
        least = 1.0 / (1.0 - float(levels.max()) ** (2.0 ** (1 - loops)))
        if self._limits and most <= least:
            raise ValueError(
                f"limit = {most:g} leaves no room above what loop {loops} settles at with minlvl = "
                f"{float(levels.max()):g}; give more than {least:.3g}, or 0 for no limit"
            )
        self._keep("tau", times, self.learnable, exact=True, within=_TAU_RANGE)
        learns = self.learnable and self._limits
        value = torch.tensor(most if self._limits else 0.0, dtype=torch.float64)
        self._keep("limit", value, learns, exact=True, within=Above(1.0, 1e6))
        self._keep("minlvl", levels, self.learnable, exact=True, within=_LEVEL_RANGE)

    def _signal(self, x: Signal, name: str = "x") -> Tensor:
        x = lti.check_signal(x, self.dtype, self.tau.device, name, self.fs)
        if self.minlvl.ndim and (x.ndim < 2 or x.shape[-2] != len(self.minlvl)):
            raise ValueError(
                f"{name} has shape {tuple(x.shape)}, minlvl has {len(self.minlvl)} channels; give "
                f"(..., {len(self.minlvl)}, T)"
            )
        return x

    def _run(self, x: Tensor, states: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the output, and the states of the loops at the end; from silence, or from given states."""
        total, minlvl = x.shape[-1], self._now("minlvl")
        floor = minlvl.expand(x.shape[:-1]).reshape(-1)
        loops = len(self.tau)
        halves = 0.5 ** torch.arange(1, loops + 1, dtype=torch.float64, device=floor.device)
        silence = floor.unsqueeze(-1) ** halves
        if self._limits:
            limits = ((1.0 - silence.square()) * self._now("limit") - 1.0).clamp_min(_LEAST_ROOM)
        else:
            limits = torch.full_like(silence, math.inf)
        bottom = silence[:, -1]
        keep = torch.exp(-1.0 / (self._now("tau") * self.fs))
        quotients, end = adaptation_loops(
            x.reshape(-1, total), floor, keep, limits, silence if states is None else states, bottom
        )
        y = quotients * (100.0 / (1.0 - bottom)).to(self.dtype).unsqueeze(-1)
        return y.reshape(x.shape), end

    def forward(self, x: Signal) -> Tensor:
        """
        Adapt.

        Parameters
        ----------
        x : Tensor or ndarray, shape (T,), (F, T) or (..., F, T)
            What hair cells give, in the unit of `minlvl`; with one `minlvl` a channel, F of them in the last axis but
            one.

        Returns
        -------
        Tensor, shape of `x`
            In model units. Differentiable once.

        Raises
        ------
        ValueError
            If `x` is complex, empty, on another device, of another number of channels, or has non-finite samples.
        TypeError
            If `x` is neither a tensor nor an array.
        """
        return self._run(self._signal(x), None)[0]

    def stream(self) -> RecursionStream:
        """
        Take a signal that arrives in chunks of any length.

        Returns
        -------
        amtlib.perception.RecursionStream
            ``process(chunk)`` returns as many samples as it is given, shape (..., T).

        Examples
        --------
        >>> AdaptLoop(16000).stream().process(torch.zeros(3, 64)).shape
        torch.Size([3, 64])
        """
        return RecursionStream(self._run, lambda chunk: self._signal(chunk, "the chunk"))

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        levels = f"{self.minlvl.numel()} channels" if self.minlvl.ndim else self._shown("minlvl", ".6g")
        return (
            f"fs={self.fs:g} Hz, preset={self.preset!r}, loops={len(self.tau)}, limit={self._shown('limit', '.6g')}, "
            f"minlvl={levels}, learnable={self.learnable}, dtype={self.dtype}"
        )


def _numbers(value: Numbers, name: str) -> Tensor:
    return as_tensor(value, name, numbers=True).detach().cpu().to(torch.float64)
