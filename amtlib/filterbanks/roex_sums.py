"""Sums over spectral components through rounded-exponential filters with a level-dependent skirt.
Source: Moore, Glasberg, Varathanathan and Schlittenlacher (2016), Trends in Hearing 20; Glasberg and Moore (1990).
Not here: channels, parameters and the checks of user input (:mod:`amtlib.filterbanks.roex`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from amtlib.lti import first_derivatives_only, product

# The reference's limit: a filter takes nothing from above five times its centre frequency.
_LIMIT_ABOVE = 4.0
# Exponent of pairs that do not take part in a tile: e^-t and t e^-t are 0 whatever the level.
_NEVER = 1e9
# -200 dB: the level around a component where no power is.
_LEAST = 1e-20
# Elements worked on at a time: what fits a core's cache, or fills a GPU.
_TILE = {"cpu": 1 << 18}
_TILE_GPU = 1 << 24
# Exponents are not taken below: where e^-t is subnormal, torch.exp takes 30 times as long, and (1 + t) e^-t is then
# under 1e-32, which no sound brings above the -120 dB of silence.
_FAINTEST = {torch.float32: -80.0, torch.float64: -300.0}
# Gradients leave out e^-t below: times a small gradient it would be subnormal, and it moves no dB by 1e-15.
_NO_SLOPE = {torch.float32: 1e-30, torch.float64: 1e-120}
# Rows among which components that none of them has are looked for; a GPU had rather have more work at a time.
_ROWS = {"cpu": 160}
_ROWS_GPU = 1 << 14
_PER_NEPER = 4.3429448190325175  # dB of power


@dataclass(frozen=True)
class Filters:
    """
    The filters of an excitation pattern: their centres, slopes, and which pairs of component and channel count.

    Attributes
    ----------
    centres, slopes : Tensor, shape (C,)
        Centre frequencies in Hz and p of a symmetric filter there.
    limit_octaves : float or None
        Pairs further apart are left out; None: only components above five times the centre are.
    on_component : bool
        Centre each filter on the component instead of the channel (the specification's formula): then the
        skirt towards lower *channels* depends on the component's own level.
    """

    centres: Tensor
    slopes: Tensor
    limit_octaves: float | None
    on_component: bool

    def distances(self, f: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return |g|, p, where skirts depend on level, and which pairs count, of components (..., K): (..., C, K)."""
        centres, f = self.centres.unsqueeze(-1), f.unsqueeze(-2)
        if self.on_component:
            g, slopes = (centres - f) / f, slope(f)
        else:
            g, slopes = (f - centres) / centres, self.slopes.unsqueeze(-1)
        if self.limit_octaves is None:
            counts = f - centres <= _LIMIT_ABOVE * centres
        else:
            counts = (f / centres).log2().abs() <= self.limit_octaves
        return g.abs(), slopes, g < 0.0, counts


@dataclass(frozen=True)
class Parameters:
    """
    What shapes the level-dependent skirt, ``p (1 - steepness (X - reference))`` but at least `least`: 0-dim tensors.

    Attributes
    ----------
    steepness : Tensor
        ``level_dep_factor / p1000``, per dB.
    reference, least : Tensor
        Level in dB at which the skirts are alike; the least p.
    """

    steepness: Tensor
    reference: Tensor
    least: Tensor

    @property
    def needs_grad(self) -> bool:
        """Whether any of them learns."""
        return any(p.requires_grad for p in (self.steepness, self.reference, self.least))


@dataclass(frozen=True)
class Tables:
    """
    All that does not depend on level, for components on one grid; tensors of the dtype of the work.

    Attributes
    ----------
    near : Tensor, shape (K, K), or None
        Power -> power per ERB around each component; None where the component's own level counts.
    fixed : Tensor, shape (K, C)
        Weights of the skirts that do not depend on level.
    falls, reaches : Tensor, shape (C, K)
        Of the other skirts: ``-p |g|`` and ``-|g|``, or ``-1e9`` where the pair is none.
    spans : list of (first, last)
        For each channel, the components among which those pairs are.
    gentlest : float
        The least p of those pairs.
    """

    near: Tensor | None
    fixed: Tensor
    falls: Tensor
    reaches: Tensor
    spans: list[tuple[int, int]]
    gentlest: float

    def take(self, chosen: Tensor) -> "Tables":
        """Tables of the components `chosen`, shape (K,), bool."""
        at = chosen.nonzero().squeeze(-1)
        before = torch.cumsum(chosen, 0).tolist()
        counts = [0, *before]
        near = self.near.index_select(0, at).index_select(1, at) if self.near is not None else None
        spans = [(counts[first], counts[last]) for first, last in self.spans]
        falls, reaches = self.falls.index_select(1, at), self.reaches.index_select(1, at)
        return Tables(near, self.fixed.index_select(0, at), falls, reaches, spans, self.gentlest)


def slope(f: Tensor) -> Tensor:
    """Of a symmetric roex filter at `f` in Hz: p = 4 f / ERB(f), with the constants of the loudness models."""
    return 4.0 * f / (24.673 * (0.004368 * f + 1.0))


def roex(t: Tensor) -> Tensor:
    """Weight of the filter at ``t = p |g|``: (1 + t) e^-t."""
    return (1.0 + t) * torch.exp(-t)


def around(f: Tensor) -> Tensor:
    """
    Weights (..., K, K) that take the power of components (..., K) to the power per ERB around each.

    As in the reference, the filters are those centred on the components that give: entry [i, j] is the weight
    of component j's filter at component i.
    """
    given = f.unsqueeze(-2)
    g = (f.unsqueeze(-1) - given) / given
    return torch.where(g <= _LIMIT_ABOVE, roex(slope(given) * g.abs()), 0.0)


def _rounded(weights: Tensor, dtype: torch.dtype) -> Tensor:
    # Subnormal weights slow a matrix product down tenfold: leave out those below 1e-32 (float32), which no
    # sound brings above the -120 dB of silence.
    negligible = weights < torch.finfo(dtype).tiny ** 0.85
    return weights.masked_fill(negligible, 0.0).mT.contiguous().to(dtype)


def build_tables(filters: Filters, f: Tensor, dtype: torch.dtype) -> Tables:
    """Work out the tables of components at `f`, (K,), increasing; in float64, then rounded."""
    exact = Filters(
        filters.centres.double(), filters.slopes.double(), filters.limit_octaves, filters.on_component
    )
    f = f.double()
    g, p, moving, counts = exact.distances(f)
    moving = moving & counts
    fixed = torch.where(counts & ~moving, roex(p * g), 0.0)
    near = None if filters.on_component else _rounded(around(f), dtype)
    # argmax finds the first True, and in the reversed row the last; a row without any gives 0 and 0
    first = moving.byte().argmax(-1)
    last = torch.where(moving.any(-1), len(f) - moving.flip(-1).byte().argmax(-1), 0)
    return Tables(
        near=near,
        fixed=_rounded(fixed, dtype),
        falls=torch.where(moving, -p * g, -_NEVER).to(dtype),
        reaches=torch.where(moving, -g, -_NEVER).to(dtype),
        spans=list(zip(first.tolist(), last.tolist(), strict=True)),
        gentlest=float(torch.where(moving, p, torch.inf).amin()),
    )


def _tile(x: Tensor) -> int:
    return _TILE.get(x.device.type, _TILE_GPU)


def _row_blocks(x: Tensor, per_row: int) -> Iterator[slice]:
    rows = max(1, _tile(x) // max(1, per_row))
    yield from (slice(start, start + rows) for start in range(0, len(x), rows))


def _groups(spans: Sequence[tuple[int, int]], at_most: int) -> Iterator[tuple[slice, slice]]:
    """Neighbouring channels and the components they share, at most so many pairs at a time."""
    begun, low, high = 0, *spans[0]
    for channel in range(1, len(spans) + 1):
        first, last = spans[channel] if channel < len(spans) else (0, 0)
        if first < last:
            wider = (min(low, first), max(high, last)) if low < high else (first, last)
        else:
            wider = (low, high)
        if channel == len(spans) or (wider[1] - wider[0]) * (channel + 1 - begun) > at_most:
            if low < high:
                yield slice(begun, channel), slice(low, high)
            begun, low, high = channel, first, last
        else:
            low, high = wider


class _Skirts:
    """The level-dependent skirts of a block of rows: one tile of exponents at a time."""

    def __init__(self, power: Tensor, p: Parameters, tables: Tables) -> None:
        self.tables = tables
        total = product(power, tables.near) if tables.near is not None else power
        self.total = total.clamp_min(_LEAST)
        self.above = self.total.log10().mul_(10.0).sub_(p.reference)  # X - reference, dB
        self.ratio = 1.0 - p.steepness * self.above
        # Only where a level is extreme, or a parameter, does the least p come into play.
        self.clamped = bool(self.ratio.amin() * tables.gentlest < p.least)
        self.least = p.least

    def tiles(self) -> Iterator[tuple[slice, slice, Tensor, Tensor | None]]:
        """Channels, components, exponents -t of shape (rows, channels, components), where the least p holds."""
        for c, k in _groups(self.tables.spans, _tile(self.ratio) // len(self.ratio)):
            exponent = self.ratio[:, None, k] * self.tables.falls[c, k]
            held = None
            if self.clamped:
                floor = self.least * self.tables.reaches[c, k]
                held = exponent > floor
                exponent = torch.minimum(exponent, floor)
            exponent.clamp_min_(_FAINTEST[exponent.dtype])
            yield c, k, exponent, held


def _sum_block(power: Tensor, p: Parameters, tables: Tables) -> Tensor:
    out = product(power, tables.fixed)
    for c, k, exponent, _ in _Skirts(power, p, tables).tiles():
        weights = torch.exp(exponent)
        weights.addcmul_(exponent, weights, value=-1.0)
        # A matrix product for each row takes half as long again.
        out[:, c] += weights.mul_(power[:, None, k]).sum(-1)
    return out


class _SumOnGrid(torch.autograd.Function):
    """Keeps nothing but the input: the backward pass works the tiles out once more, block by block."""

    @staticmethod
    def forward(
        ctx: Any, power: Tensor, steepness: Tensor, reference: Tensor, least: Tensor, tables: Tables
    ) -> Tensor:
        ctx.save_for_backward(power, steepness, reference, least)
        ctx.tables = tables
        return _sum_in_blocks(power, Parameters(steepness, reference, least), tables)

    @staticmethod
    @first_derivatives_only
    def backward(ctx: Any, saved: tuple[Tensor, ...], gradient: Tensor) -> tuple[Tensor | None, ...]:
        power, *parameters = saved
        p, tables = Parameters(*parameters), ctx.tables
        to_power = torch.empty_like(power)
        to_parameters = torch.zeros(3, dtype=torch.float64, device=power.device)
        for rows in _row_blocks(power, power.shape[-1]):
            to_power[rows], found = _gradients_block(power[rows], p, tables, gradient[rows])
            to_parameters += found
        steepness, reference, least = (g.to(v.dtype) for g, v in zip(to_parameters, parameters, strict=True))
        return to_power, steepness, reference, least, None


def _gradients_block(power: Tensor, p: Parameters, tables: Tables, gradient: Tensor) -> tuple[Tensor, Tensor]:
    skirts = _Skirts(power, p, tables)
    to_power = product(gradient, tables.fixed.mT)
    to_ratio = torch.zeros_like(power)
    to_least = power.new_zeros(())
    for c, k, exponent, held in skirts.tiles():
        wanted = gradient[:, c, None]
        tail = torch.exp(exponent)
        torch.nn.functional.threshold(tail, _NO_SLOPE[tail.dtype], 0.0, inplace=True).mul_(wanted)
        bent = exponent * tail  # minus the derivative of the weight by the exponent
        to_power[:, k] += tail.sub_(bent).sum(1)
        if held is not None:
            to_least = (
                to_least + (torch.where(held, bent, 0.0) * tables.reaches[c, k] * power[:, None, k]).sum()
            )
            bent.masked_fill_(held, 0.0)
        to_ratio[:, k] -= bent.mul_(tables.falls[c, k]).sum(1).mul_(power[:, k])
    to_steepness = -(to_ratio * skirts.above).sum()
    to_above = to_ratio.mul_(-p.steepness)
    to_total = (_PER_NEPER * to_above / skirts.total).masked_fill_(skirts.total <= _LEAST, 0.0)
    to_power += product(to_total, tables.near.mT) if tables.near is not None else to_total
    return to_power, torch.stack((to_steepness, -to_above.sum(), -to_least)).double()


def _sum_in_blocks(power: Tensor, p: Parameters, tables: Tables) -> Tensor:
    out = power.new_empty(len(power), tables.fixed.shape[-1])
    for rows in _row_blocks(power, power.shape[-1]):
        out[rows] = _sum_block(power[rows], p, tables)
    return out


def sum_on_grid(power: Tensor, p: Parameters, tables: Tables) -> Tensor:
    """
    Excitation power (N, C) of components (N, K) on the grid of the tables.

    Components that no row of a block has are left out: a tone has few, save at its onset. Differentiable in
    `power` and in the parameters, with as much memory for the backward pass as for the forward one.
    """
    # counted as numbers, which takes a tenth of the time of booleans
    counts = power.detach().sign().sum(-1)
    # Rows of as many components are much alike: frames of a steady tone, of its onset. Silent ones come first.
    order = counts.argsort()[int((counts == 0).sum()) :]
    if not len(order):
        return product(power, tables.fixed)
    rows = _ROWS.get(power.device.type, _ROWS_GPU)
    parts = [_sum_present(power[order[at : at + rows]], p, tables) for at in range(0, len(order), rows)]
    found = torch.cat(parts) if len(parts) > 1 else parts[0]
    return found.new_zeros(len(power), found.shape[-1]).index_copy(0, order, found)


def _sum_present(power: Tensor, p: Parameters, tables: Tables) -> Tensor:
    present = power.detach().amax(0) > 0.0
    if int(present.sum()) < 0.8 * len(present):
        power, tables = power[:, present], tables.take(present)
    if torch.is_grad_enabled() and (power.requires_grad or p.needs_grad):
        out: Tensor = _SumOnGrid.apply(  # type: ignore[no-untyped-call]
            power, p.steepness, p.reference, p.least, tables
        )
        return out
    return _sum_in_blocks(power, p, tables)


def _sum_freely_block(f: Tensor, power: Tensor, p: Parameters, filters: Filters) -> Tensor:
    total = power if filters.on_component else product(around(f), power.unsqueeze(-1)).squeeze(-1)
    level = 10.0 * total.clamp_min(_LEAST).log10()
    g, slopes, moving, counts = filters.distances(f)
    ratio = (1.0 - p.steepness * (level - p.reference)).unsqueeze(-2)
    slopes = torch.where(moving, torch.maximum(slopes * ratio, p.least), slopes)
    return product(torch.where(counts, roex(slopes * g), 0.0), power.unsqueeze(-1)).squeeze(-1)


def sum_freely(f: Tensor, power: Tensor, p: Parameters, filters: Filters) -> Tensor:
    """
    Excitation power (N, C) of components (N, K) whose frequencies `f`, (N, K), > 0, are each row's own.

    Differentiable in everything. Blocks of rows bound the memory, in the backward pass too.
    """
    per_row = f.shape[-1] * max(len(filters.centres), f.shape[-1])
    blocks = list(_row_blocks(f, per_row))
    learns = torch.is_grad_enabled() and (f.requires_grad or power.requires_grad or p.needs_grad)
    if not learns or len(blocks) == 1:
        parts = [_sum_freely_block(f[rows], power[rows], p, filters) for rows in blocks]
    else:
        parts = [
            checkpoint(_sum_freely_block, f[rows], power[rows], p, filters, use_reentrant=False)
            for rows in blocks
        ]
    return torch.cat(parts)
