"""The recursion of the loudness models over time, which rises at one rate and falls at another.
Source: Glasberg and Moore (2002), eqs. 1-4, for the recursion; policy iteration (Howard 1960) to solve it in parallel.
Not here: the rates, and what is averaged (:mod:`amtlib.loudness.temporal`).

``y[n] = y[n-1] + a (x[n] - y[n-1])`` with a = attack where x[n] > y[n-1], release elsewhere. Each step is the greater
(or, if release is the faster, the lesser) of two increasing straight lines. On a CPU that is done frame by frame:
four operations of NumPy on a frame's channels take less time than starting one of torch's, and few channels go as
plain numbers.

A GPU has all frames at once: once it is known where which rate holds, this is a linear recurrence, which a scan by
doubling solves. Where they hold is guessed, the recurrence solved, the guess corrected, and so on. The guesses improve
monotonically and end at the only solution; at the latest after as many passes as there are frames in a block,
since each pass makes at least one more frame right. Three to six passes is what it takes in practice.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from amtlib.lti import first_derivatives_only

#: Values worked on at a time: below what torch spreads over threads, and small enough to stay in the cache
_BLOCK_VALUES = 32_000
_LEAST_BLOCK = 32
#: Up to so many values a frame, Python's own numbers are faster than arrays
_FEW = 8


def attack_release(x: Tensor, attack: Tensor, release: Tensor, initial: Tensor | None = None) -> Tensor:
    """
    Follow a signal: fast upwards, slowly downwards.

    Parameters
    ----------
    x : Tensor, shape (N, T, M)
        What to follow, along the middle axis.
    attack, release : Tensor, shape ()
        Step towards `x` where it is above or below, as a fraction of the distance, 0 < a <= 1.
    initial : Tensor, shape (N, M), optional
        Where to start from. Default: 0.

    Returns
    -------
    Tensor, shape (N, T, M)
        The recursion, to rounding. Differentiable once in all arguments; where x[n] equals y[n-1], with the
        release's derivative.

    Examples
    --------
    >>> x = torch.tensor([1.0, 1.0, 0.0]).reshape(1, 3, 1)
    >>> attack_release(x, torch.tensor(0.5), torch.tensor(0.1)).flatten()
    tensor([0.5000, 0.7500, 0.6750])
    """
    if initial is None:
        initial = x.new_zeros(x.shape[0], x.shape[2])
    followed: Tensor = _AttackRelease.apply(x, attack, release, initial)  # type: ignore[no-untyped-call]
    return followed


class _AttackRelease(torch.autograd.Function):
    """The recursion, with the gradient of the linear recurrence that it is once the rates are known."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, attack: Tensor, release: Tensor, initial: Tensor) -> Tensor:
        if x.device.type == "cpu":
            y = _step_by_step(x, float(attack), float(release), initial)
            rising = None
            if any(ctx.needs_input_grad):
                rising = x > torch.cat([initial.unsqueeze(1), y[:, :-1]], 1)
        else:
            y, rising = _all_at_once(x, attack, release, initial)
        ctx.save_for_backward(x, attack, release, initial, y, rising)
        return y

    @staticmethod
    @first_derivatives_only
    def backward(ctx: Any, saved: tuple[Tensor, ...], grad: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x, attack, release, initial, y, rising = saved
        rate = torch.where(rising, attack, release)
        # With g the derivative by y[n]: g[n] = grad[n] + (1 - a[n+1]) g[n+1], the same recurrence backwards
        total = torch.empty_like(grad)
        length = _block_length(x)
        later: Tensor | None = None
        for stop in range(x.shape[1], 0, -length):
            start = max(stop - length, 0)
            keep = 1.0 - rate[:, start + 1 : stop + 1]
            if stop == x.shape[1]:
                keep = torch.cat([keep, torch.zeros_like(keep[:, :1] if keep.shape[1] else rate[:, :1])], 1)
            inflow = grad[:, start:stop].clone()
            if later is not None:
                inflow[:, -1] += keep[:, -1] * later
            total[:, start:stop] = _scan(keep.flip(1), inflow.flip(1)).flip(1)
            later = total[:, start]
        before = torch.cat([initial.unsqueeze(1), y[:, :-1]], 1)
        by_rate = total * (x - before)
        by_attack = torch.where(rising, by_rate, 0.0).sum()
        return rate * total, by_attack, by_rate.sum() - by_attack, (1.0 - rate[:, 0]) * total[:, 0]


def _step_by_step(x: Tensor, attack: float, release: float, initial: Tensor) -> Tensor:
    """Run the recursion a frame at a time; `x` has shape (N, T, M), as has what is returned."""
    count, frames, channels = x.shape
    if count * channels <= _FEW:
        rows = x.double().transpose(0, 1).reshape(frames, -1).T.tolist()
        starts = initial.double().flatten().tolist()
        followed = [_follow(row, start, attack, release) for row, start in zip(rows, starts, strict=True)]
        y = torch.tensor(followed, dtype=torch.float64, device=x.device).reshape(count, channels, frames)
        return y.transpose(1, 2).to(x.dtype)
    wanted = np.ascontiguousarray(x.detach().numpy().swapaxes(0, 1))
    out = np.empty_like(wanted)
    last = initial.detach().numpy()
    up, down = np.empty_like(wanted[0]), np.empty_like(wanted[0])
    pick = np.maximum if attack >= release else np.minimum
    for now, result in zip(wanted, out, strict=True):
        np.subtract(now, last, out=up)
        np.multiply(up, release, out=down)
        np.multiply(up, attack, out=up)
        np.add(last, pick(up, down, out=up), out=result)
        last = result
    return torch.from_numpy(out).transpose(0, 1).contiguous()


def _all_at_once(x: Tensor, attack: Tensor, release: Tensor, initial: Tensor) -> tuple[Tensor, Tensor]:
    """Solve the recursion for many frames at a time; return it, and where it rises."""
    y, rising = torch.empty_like(x), torch.empty_like(x, dtype=torch.bool)
    length = _block_length(x)
    last = initial
    for start in range(0, x.shape[1], length):
        part = slice(start, start + length)
        _solve_block(x[:, part], attack, release, last, y[:, part], rising[:, part])
        last = y[:, min(start + length, x.shape[1]) - 1]
    return y, rising


def _follow(x: list[float], start: float, attack: float, release: float) -> list[float]:
    y, out = start, []
    for value in x:
        distance = value - y
        y += (attack if distance > 0.0 else release) * distance
        out.append(y)
    return out


def _block_length(x: Tensor) -> int:
    return max(_LEAST_BLOCK, _BLOCK_VALUES // (x.shape[0] * x.shape[2]))


def _solve_block(
    x: Tensor, attack: Tensor, release: Tensor, initial: Tensor, y: Tensor, rising: Tensor
) -> None:
    """Solve the recursion in a block, writing the result and where it rises."""
    start = initial.unsqueeze(1)
    before = torch.empty_like(x)
    before[:, :1] = start
    close = 4.0 * torch.finfo(x.dtype).eps
    guess = x > start
    for _ in range(x.shape[1] + 1):
        rate = torch.where(guess, attack, release)
        keep, inflow = 1.0 - rate, rate * x
        inflow[:, :1] += keep[:, :1] * start
        solved = _scan(keep, inflow)
        before[:, 1:] = solved[:, :-1]
        better = x > before
        # Where x meets y to rounding both rates give the same, and the comparison may flip for ever.
        wrong = better != guess
        if not bool(wrong.any()):
            break
        distance = (x[wrong] - before[wrong]).abs()
        if not bool((distance > close * torch.maximum(x[wrong].abs(), before[wrong].abs())).any()):
            break
        guess = better
    y.copy_(solved)
    rising.copy_(guess)


def _scan(keep: Tensor, inflow: Tensor) -> Tensor:
    """Solve y[n] = keep[n] y[n-1] + inflow[n] from rest along the middle axis, by doubling."""
    length = inflow.shape[1]
    y, through = inflow, keep
    step = 1
    while step < length:
        # y holds the sums over the last `step` frames, `through` the products over them
        longer = torch.empty_like(y)
        longer[:, :step] = y[:, :step]
        torch.addcmul(y[:, step:], through[:, step:], y[:, :-step], out=longer[:, step:])
        if 2 * step < length:
            further = torch.empty_like(through)
            further[:, :step] = 0.0  # nothing lies before the first frame
            torch.mul(through[:, step:], through[:, :-step], out=further[:, step:])
            through = further
        y = longer
        step *= 2
    return y
