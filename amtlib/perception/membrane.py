"""The voltage of a hair cell's membrane, sample by sample, and its derivatives.
Source: forward Euler of the circuit of :mod:`amtlib.perception.receptor_potential`, and its adjoint.
Not here: the values of the circuit.
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


def membrane_voltage(x: Tensor, start: Tensor, rest: Tensor, circuit: Tensor) -> tuple[Tensor, Tensor]:
    """
    Charge a membrane through channels that a displacement opens.

    Parameters
    ----------
    x : Tensor, shape (..., T)
        Displacement in m, float32 or float64.
    start : Tensor, shape (...), float64
        Voltage before the first sample in V.
    rest : Tensor, shape (), float64
        What is subtracted from the result in V.
    circuit : Tensor, shape (8,), float64
        Half, steep and flat displacement in m and conductance in S of the channels; their driving voltage in V; summed
        conductance of the others in S, and the current in A that they let out at 0 V; a sample's length over the
        capacitance in s/F.

    Returns
    -------
    voltage : Tensor, shape (..., T)
        Voltage after each sample less `rest`, in the dtype of `x`. Differentiable once in all arguments.
    end : Tensor, shape (...), float64
        Voltage after the last sample, without a gradient.

    Examples
    --------
    >>> circuit = torch.tensor([2e-8, 1.6e-8, 3.5e-8, 3e-8, 0.09, 4e-8, 3e-9, 1.8e6], dtype=torch.float64)
    >>> at_rest = torch.tensor(-0.057, dtype=torch.float64)
    >>> membrane_voltage(torch.full((3,), 1e-6), at_rest, at_rest, circuit)[0]
    tensor([0.0066, 0.0124, 0.0175])
    """
    voltage, end = _Membrane.apply(x, start, rest, circuit)  # type: ignore[no-untyped-call]
    return voltage, end


class _Membrane(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, start: Tensor, rest: Tensor, circuit: Tensor) -> tuple[Tensor, Tensor]:
        total = x.shape[-1]
        rows, last = as_rows(x).reshape(-1, total), as_rows(start).reshape(-1).copy()
        y = np.empty_like(rows)
        wanted = any(ctx.needs_input_grad)
        # Voltages in full precision, from which the adjoint goes back
        every = np.empty((len(rows), total if wanted else 0))
        run_rows(_charge, total, rows, last, y, every, float(rest), *circuit.tolist())
        end = torch.from_numpy(last).reshape(start.shape).to(x.device)
        if wanted:
            ctx.save_for_backward(x, start, circuit, torch.from_numpy(every))
        ctx.mark_non_differentiable(end)
        return torch.from_numpy(y).reshape(x.shape).to(x.device), end

    @staticmethod
    @first_derivatives_only
    def backward(ctx: Any, saved: tuple[Tensor, ...], gradient: Tensor, _: Tensor) -> tuple[Tensor, ...]:
        x, start, circuit, every = saved
        total = x.shape[-1]
        rows = as_rows(x).reshape(-1, total)
        by_x, by_start = np.empty_like(rows), np.empty(len(rows))
        by_circuit = np.zeros((len(rows), 8))
        arrays = (as_rows(gradient).reshape(-1, total), rows, as_rows(start).reshape(-1), every.numpy())
        run_rows(_charge_back, total, *arrays, by_x, by_start, by_circuit, *circuit.tolist())
        found = (torch.from_numpy(by_x).reshape(x.shape), torch.from_numpy(by_start).reshape(start.shape))
        return (
            found[0].to(x.device),
            found[1].to(x.device),
            -gradient.sum(dtype=torch.float64),
            torch.from_numpy(by_circuit.sum(0)).to(x.device),
        )


@compiled
def _charge(
    x: Array,
    last: Array,
    y: Array,
    every: Array,
    rest: float,
    half: float,
    steep: float,
    flat: float,
    most: float,
    driving: float,
    others: float,
    outward: float,
    per_step: float,
) -> None:
    kept = every.shape[1] > 0
    for r in range(x.shape[0]):
        voltage = last[r]
        for n in range(x.shape[1]):
            # Beyond 300 either exponential has closed or opened all channels to rounding
            towards = half - float(x[r, n])
            first = math.exp(min(max(towards / flat, -300.0), 300.0))
            second = math.exp(min(max(towards / steep, -300.0), 300.0))
            conductance = most / (1.0 + first * (1.0 + second))
            current = conductance * (driving - voltage) - others * voltage - outward
            voltage = voltage + current * per_step
            y[r, n] = voltage - rest
            if kept:
                every[r, n] = voltage
        last[r] = voltage


@compiled
def _charge_back(
    gradient: Array,
    x: Array,
    start: Array,
    every: Array,
    by_x: Array,
    by_start: Array,
    by_circuit: Array,
    half: float,
    steep: float,
    flat: float,
    most: float,
    driving: float,
    others: float,
    outward: float,
    per_step: float,
) -> None:
    for r in range(x.shape[0]):
        by_voltage = 0.0
        by_half = by_steep = by_flat = by_most = by_driving = by_others = by_outward = by_step = 0.0
        for n in range(x.shape[1] - 1, -1, -1):
            before = every[r, n - 1] if n > 0 else start[r]
            towards = half - float(x[r, n])
            slow, fast = towards / flat, towards / steep
            first = math.exp(min(max(slow, -300.0), 300.0))
            second = math.exp(min(max(fast, -300.0), 300.0))
            share = 1.0 / (1.0 + first * (1.0 + second))
            conductance = most * share
            by_voltage += float(gradient[r, n])
            by_current = by_voltage * per_step
            by_step += by_voltage * (conductance * (driving - before) - others * before - outward)
            by_others -= by_current * before
            by_outward -= by_current
            by_driving += by_current * conductance
            by_conductance = by_current * (driving - before)
            by_most += by_conductance * share
            # Through the two exponentials; where they end at 300 the share is as good as 0 or 1, and so is this
            by_sum = -by_conductance * conductance * share
            by_slow = by_sum * (1.0 + second) * first
            by_fast = by_sum * first * second
            by_towards = by_slow / flat + by_fast / steep
            by_half += by_towards
            by_flat -= by_slow * slow / flat
            by_steep -= by_fast * fast / steep
            by_x[r, n] = -by_towards
            by_voltage *= 1.0 - (conductance + others) * per_step
        by_start[r] = by_voltage
        by_circuit[r, 0], by_circuit[r, 1], by_circuit[r, 2] = by_half, by_steep, by_flat
        by_circuit[r, 3], by_circuit[r, 4], by_circuit[r, 5] = by_most, by_driving, by_others
        by_circuit[r, 6], by_circuit[r, 7] = by_outward, by_step
