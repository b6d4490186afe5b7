"""The recursion of adaptation loops over samples, and its derivatives.
Source: Dau, Puschel and Kohlrausch (1996), with the limited overshoot of Dau, Kollmeier and Kohlrausch (1997), in the
order of the Auditory Modeling Toolbox (adaptloop, version 1.4): divide, limit, update.
Not here: the constants of the loops (:mod:`amtlib.perception.adaptation`).

Only the states at the beginning of every 256th sample are kept for the gradient; what lies between is computed again.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from amtlib.lti import first_derivatives_only
from amtlib.perception.compiled import as_rows, compiled, run_rows

Array = npt.NDArray[Any]
_BLOCK = 256
#: Share of what silence gives that rounding may make of it
_ROUNDING = 4e-15


def adaptation_loops(
    x: Tensor, floor: Tensor, keep: Tensor, limits: Tensor, start: Tensor, bottom: Tensor
) -> tuple[Tensor, Tensor]:
    """
    Divide a signal by low-pass filtered copies of what comes out, loop by loop.

    Parameters
    ----------
    x : Tensor, shape (R, T)
        Signals, float32 or float64.
    floor : Tensor, shape (R,), float64
        Least value of each signal, > 0.
    keep : Tensor, shape (K,), float64
        How much of a loop's state is left after a sample, 0 <= keep < 1.
    limits : Tensor, shape (R, K), float64
        What a quotient above 1 may exceed 1 by; infinite where overshoot is not limited.
    start : Tensor, shape (R, K), float64
        State of each loop before the first sample, > 0.
    bottom : Tensor, shape (R,), float64
        What is subtracted from the result, which is exactly 0 where the difference is rounding.

    Returns
    -------
    quotients : Tensor, shape (R, T)
        What the last loop gives, less `bottom`, in the dtype of `x`. Differentiable once in all arguments.
    end : Tensor, shape (R, K), float64
        States after the last sample, without a gradient.

    Examples
    --------
    >>> one = torch.ones(1, 1, dtype=torch.float64)
    >>> always = math.inf * one
    >>> y, end = adaptation_loops(torch.ones(1, 3), 0.01 * one[0], 0.5 * one[0], always, 0.5 * one, 0.0 * one[0])
    >>> y
    tensor([[2.0000, 0.8000, 0.9756]])
    """
    quotients, end = _Loops.apply(x, floor, keep, limits, start, bottom)  # type: ignore[no-untyped-call]
    return quotients, end


class _Loops(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, floor: Tensor, keep: Tensor, limits: Tensor, start: Tensor, bottom: Tensor
    ) -> tuple[Tensor, Tensor]:
        rows, states = as_rows(x), as_rows(start).copy()
        count, total = rows.shape
        wanted = any(ctx.needs_input_grad)
        blocks = -(-total // _BLOCK) if wanted else 0
        y, kept = np.empty_like(rows), np.empty((count, blocks, states.shape[1]))
        shared = np.broadcast_to(as_rows(keep), states.shape).copy()
        given = (rows, as_rows(floor), shared, as_rows(limits), as_rows(bottom))
        run_rows(_adapt, total * states.shape[1], *given, states, y, kept)
        end = torch.from_numpy(states).to(x.device)
        if wanted:
            ctx.save_for_backward(x, floor, keep, limits, torch.from_numpy(kept))
        ctx.mark_non_differentiable(end)
        return torch.from_numpy(y).to(x.device), end

    @staticmethod
    @first_derivatives_only
    def backward(ctx: Any, saved: tuple[Tensor, ...], gradient: Tensor, _: Tensor) -> tuple[Tensor, ...]:
        x, floor, keep, limits, kept = saved
        rows, states = as_rows(x), kept.numpy()
        count, total = rows.shape
        loops = states.shape[2]
        by_x, by_floor = np.empty_like(rows), np.zeros(count)
        by_keep, by_limits, by_start = (
            np.zeros((count, loops)),
            np.zeros((count, loops)),
            np.zeros((count, loops)),
        )
        shared = np.broadcast_to(as_rows(keep), by_keep.shape).copy()
        given = (as_rows(gradient), rows, as_rows(floor), shared, as_rows(limits), states)
        run_rows(_adapt_back, 2 * total * loops, *given, by_x, by_floor, by_keep, by_limits, by_start)
        found = (by_x, by_floor, by_keep.sum(0), by_limits, by_start)
        by_bottom = -gradient.sum(-1, dtype=torch.float64)
        return (*(torch.from_numpy(each).to(x.device) for each in found), by_bottom)


@compiled
def _adapt(
    x: Array,
    floor: Array,
    keep: Array,
    limits: Array,
    bottom: Array,
    states: Array,
    y: Array,
    kept: Array,
) -> None:
    loops = states.shape[1]
    for r in range(x.shape[0]):
        state = states[r]
        for n in range(x.shape[1]):
            if kept.shape[1] > 0 and n % _BLOCK == 0:
                for k in range(loops):
                    kept[r, n // _BLOCK, k] = state[k]
            value = max(float(x[r, n]), floor[r])
            for k in range(loops):
                value = value / state[k]
                most = limits[r, k]
                if value > 1.0 and most < math.inf:
                    value = 2.0 * most / (1.0 + math.exp(-2.0 * (value - 1.0) / most)) - (most - 1.0)
                state[k] = keep[r, k] * state[k] + (1.0 - keep[r, k]) * value
            above = value - bottom[r]
            y[r, n] = above if abs(above) > _ROUNDING * bottom[r] else 0.0


@compiled
def _adapt_back(
    gradient: Array,
    x: Array,
    floor: Array,
    keep: Array,
    limits: Array,
    kept: Array,
    by_x: Array,
    by_floor: Array,
    by_keep: Array,
    by_limits: Array,
    by_start: Array,
) -> None:
    loops = kept.shape[2]
    # Of every step in a block: the state it divides by, the quotient, and the falling part of the limit (-1 without)
    before = np.empty((_BLOCK, loops))
    quotient = np.empty((_BLOCK, loops))
    falling = np.empty((_BLOCK, loops))
    state = np.empty(loops)
    for r in range(x.shape[0]):
        by_state = by_start[r]
        for block in range(kept.shape[1] - 1, -1, -1):
            first = block * _BLOCK
            length = min(_BLOCK, x.shape[1] - first)
            for k in range(loops):
                state[k] = kept[r, block, k]
            for n in range(length):
                value = max(float(x[r, first + n]), floor[r])
                for k in range(loops):
                    before[n, k] = state[k]
                    value = value / state[k]
                    quotient[n, k] = value
                    most = limits[r, k]
                    falling[n, k] = -1.0
                    if value > 1.0 and most < math.inf:
                        falling[n, k] = math.exp(-2.0 * (value - 1.0) / most)
                        value = 2.0 * most / (1.0 + falling[n, k]) - (most - 1.0)
                    state[k] = keep[r, k] * state[k] + (1.0 - keep[r, k]) * value
            for n in range(length - 1, -1, -1):
                by_value = float(gradient[r, first + n])
                for k in range(loops - 1, -1, -1):
                    value = quotient[n, k]
                    by_value += (1.0 - keep[r, k]) * by_state[k]
                    fall = falling[n, k]
                    by_quotient = by_value
                    if fall >= 0.0:
                        most, share = limits[r, k], 1.0 / (1.0 + fall)
                        slope = 4.0 * fall * share * share
                        by_limits[r, k] += by_value * (2.0 * share - 1.0 - slope * (value - 1.0) / most)
                        by_quotient = by_value * slope
                        value = 2.0 * most * share - (most - 1.0)
                    by_keep[r, k] += by_state[k] * (before[n, k] - value)
                    by_value = by_quotient / before[n, k]
                    by_state[k] = keep[r, k] * by_state[k] - by_value * quotient[n, k]
                if float(x[r, first + n]) > floor[r]:
                    by_x[r, first + n] = by_value
                else:
                    by_x[r, first + n] = 0.0
                    by_floor[r] += by_value
