"""The models of the perception lab with each stage as it is set, and the sounds that they are given."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from amtlib import scales, signals
from amtlib.hearing_loss import HairCellLoss
from amtlib.perception import (
    AdaptLoop,
    Dau1997,
    IHCEnvelope,
    IHCPaulick2024,
    Jepsen2008,
    King2019,
    King2019ModulationFilterbank,
    ModulationFilterbank,
    Osses2021,
    Paulick2024,
    PerceptionModel,
)
from app.labs.perception.settings import Adaptation, Cells, Chain, Change, Modulation

Array = NDArray[Any]

#: Sampling rate of the lab in Hz, and by how much slower modulation is computed, as in CASP.
FS, FACTOR = 22050, 4
SLOW = FS / FACTOR
#: Models, by their names.
MODELS: dict[str, Callable[..., PerceptionModel]] = {
    "paulick2024": Paulick2024,
    "jepsen2008": Jepsen2008,
    "dau1997": Dau1997,
    "osses2021": Osses2021,
    "king2019": King2019,
}
#: Those with a compressive cochlea, whose outer hair cells can be lost.
CASP = ("paulick2024", "jepsen2008")
#: Those with adaptation loops.
ADAPTS = ("paulick2024", "jepsen2008", "dau1997", "osses2021")
#: Lowest and highest channel in Hz.
_LOWEST, _LOWEST_CASP, HIGHEST = 80.0, 250.0, 8000.0
#: King et al. have filters up to here, Hz.
KING_TOP = 150.0
#: How much clearer than the second sound the one is that makes the template.
CLEAR_LEVEL, CLEAR_TONE = 10.0, 80.0


def lowest(model: str) -> float:
    """Return the lowest channel of a model in Hz."""
    return _LOWEST_CASP if model in CASP else _LOWEST


def centres(model: str, count: int) -> Tensor:
    """Return the channels of a model in Hz, equally far apart on the ERB scale."""
    return scales.erbspace(lowest(model), HIGHEST, count, dtype=torch.float64)


def before_cells(chain: Chain, loss: HairCellLoss) -> Tensor:
    """Return by how many dB a loss attenuates what moves the hair cells: a linear cochlea has no gain to lose."""
    return loss.inner if chain.model in CASP else loss.total


@dataclass(frozen=True)
class Own:
    """A model as it is published, with channels at `fc`, and those of its parts that the lab sets."""

    model: PerceptionModel
    fc: Tensor
    hair_cells: Any
    adaptation: Any
    #: Of the cochlea, where it compresses.
    gain: Tensor | None


def own(chain: Chain, fc: Tensor) -> Own:
    """Return the model that was chosen, with channels at `fc`."""
    whose = {"subject": chain.subject} if chain.model in CASP else {}
    model = MODELS[chain.model](FS, fc=fc, **whose)
    gain = model.drnl.a.clone() if isinstance(model, Jepsen2008 | Paulick2024) else None
    return Own(model, fc, model.hair_cells, model.adaptation if chain.model in ADAPTS else None, gain)


def set_stages(
    own: Own,
    chain: Chain,
    cells: Cells,
    adaptation: Adaptation,
    modulation: Modulation,
    loss: HairCellLoss | None = None,
) -> PerceptionModel:
    """Set the stages of a model, and return it; its modulation filters work at `SLOW`.

    It is the same model each time, whose cochlea keeps its filters. Of a loss, the outer part takes gain off the
    cochlea, where it compresses; it is that of the model's channels.
    """
    model, q, top = own.model, float(modulation.q), float(modulation.top)
    # All are made before the first is set: one that is impossible leaves the model as it was.
    followed = hair_cells(own, float(cells.cutoff))
    adapted = loops(own, adaptation) if own.adaptation is not None else None
    if chain.model == "king2019":
        model.modulation = King2019ModulationFilterbank(SLOW, mfhigh=min(max(top, 5.0), KING_TOP), Q=q)
    else:
        model.modulation = ModulationFilterbank(SLOW, own.fc, "jepsen2008", Q=q, max_mfc=top)
    model.hair_cells = followed
    if adapted is not None:
        model.adaptation = adapted
    if own.gain is not None and isinstance(model, Jepsen2008 | Paulick2024):
        model.drnl.a.copy_(own.gain if loss is None else own.gain * loss.outer_gain)
    return model


def hair_cells(own: Own, factor: float) -> Any:
    """Return the model's hair cells with another cut-off: of the circuit, another capacitance of the membrane."""
    cells = own.hair_cells
    if factor == 1:
        return cells
    if isinstance(cells, IHCPaulick2024):
        circuit = IHCPaulick2024(FS)
        circuit.capacitance /= factor
        return circuit
    return IHCEnvelope(FS, cells.method, cutoff=float(cells.cutoff) * factor)


def loops(own: Own, settings: Adaptation) -> AdaptLoop:
    """Return the model's adaptation as it is set."""
    published = own.adaptation
    preset = published.preset if settings.preset == "own" else settings.preset
    times = AdaptLoop(FS, preset, minlvl=1e-5).tau * float(settings.speed)
    return AdaptLoop(
        FS,
        published.preset,
        tau=times,
        limit=float(settings.limit) if settings.limited else 0.0,
        minlvl=published.minlvl * 10.0 ** (float(settings.least_db) / 20.0),
    )


def second(x: Tensor, change: Change, *, clear: bool = False) -> Tensor:
    """
    Return the second sound of a trial, or the clear one that makes an observer's template.

    Parameters
    ----------
    x : Tensor, shape (T,)
        The first sound in Pa.
    change : Change
        What the second one has besides.
    clear : bool
        Whether it is unmistakable: 10 dB stronger, a tone of 80 dB SPL, or fully modulated; more, where asked for.

    Returns
    -------
    Tensor, shape (T,)
        Pa.
    """
    duration = len(x) / FS
    if change.kind == "level":
        step = max(float(change.step_db), CLEAR_LEVEL if clear else 0.0)
        return x * 10.0 ** (step / 20.0)
    if change.kind == "tone":
        level = max(float(change.level), CLEAR_TONE if clear else -math.inf)
        added = signals.tone(float(change.frequency), level=level, duration=duration, fs=FS)
        return x + torch.nn.functional.pad(added, (0, max(len(x) - len(added), 0)))[: len(x)]
    if change.kind == "am":
        depth = 1.0 if clear else 10.0 ** (float(change.depth_db) / 20.0)
        time = torch.arange(len(x), dtype=torch.float64) / FS
        moved = x * (1.0 + depth * torch.sin(2.0 * math.pi * float(change.rate) * time)).float()
        power = moved.square().mean()
        return moved * (x.square().mean() / power).sqrt() if float(power) else moved
    return x


@dataclass(frozen=True)
class Meeting:
    """What adaptation makes of a simple input: times in s, levels in dB above the least one, output in model units."""

    times: Array
    level_db: Array
    output: Array


#: Rate at which adaptation meets simple inputs, Hz; their greatest level and the softer one, dB above the least.
_RATE, _LOUD, _SOFT = 8000, 60.0, 30.0
#: A step lasts, and stands after; clicks are so long and so far apart; modulation lasts, and is
#: heard when it has settled. All in s; the depth of modulation.
_BEFORE, _STEP, _AFTER = 0.2, 0.6, 0.4
_CLICK, _EVERY, _CLICKS = 0.005, 0.1, 10
_MODULATED, _HEARD, _DEPTH = 1.5, 1.0, 0.5
#: Rates of the modulation in Hz.
RATES = tuple(2.0 * 10.0 ** (k / 4) for k in range(9))


def one_channel(model: PerceptionModel) -> tuple[Callable[[Tensor], Tensor], float]:
    """Return what adapts a single channel at the rate of the meetings, and the least level that it takes."""
    if isinstance(model, King2019):  # a high-pass filter instead of loops: any level will do
        return King2019(_RATE).adapted, 1e-5
    loops = model.adaptation
    assert isinstance(loops, AdaptLoop)
    least = float(loops.minlvl.reshape(-1)[0])
    one = AdaptLoop(_RATE, loops.preset, tau=loops.tau, limit=float(loops.limit), minlvl=least)
    return one, least


def meet(model: PerceptionModel, what: str) -> Meeting:
    """Return what the model's adaptation makes of a step, or of clicks."""
    adapt, least = one_channel(model)
    count = round((_BEFORE + _STEP + _AFTER) * _RATE)
    times = torch.arange(count, dtype=torch.float64) / _RATE
    if what == "step":
        inside = (times >= _BEFORE) & (times < _BEFORE + _STEP)
        level = torch.where(inside, _LOUD, _SOFT)
    else:
        inside = (times.remainder(_EVERY) < _CLICK) & (times < _CLICKS * _EVERY)
        level = torch.where(inside, _LOUD, 0.0)
    output = adapt((least * 10.0 ** (level / 20.0)).float()[None])[0].double()
    return Meeting(times.numpy(), level.numpy(), output.numpy())


def fluctuation(model: PerceptionModel) -> Tensor:
    """Return how strongly the output fluctuates with modulation of each of `RATES`, rms in model units, shape (R,)."""
    adapt, least = one_channel(model)
    times = torch.arange(round(_MODULATED * _RATE), dtype=torch.float64) / _RATE
    rates = torch.tensor(RATES, dtype=torch.float64)[:, None]
    peak = least * 10.0 ** (_LOUD / 20.0) / (1.0 + _DEPTH)
    out = adapt((peak * (1.0 + _DEPTH * torch.sin(2.0 * math.pi * rates * times))).float()).double()
    steady = out[:, -round(_HEARD * _RATE) :]
    return (steady - steady.mean(-1, keepdim=True)).square().mean(-1).sqrt()
