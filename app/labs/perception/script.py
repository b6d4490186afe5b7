"""The code that the perception lab shows."""

from app.another_ear import AnotherEar
from app.labs.perception.chain import (
    ADAPTS,
    CASP,
    CLEAR_LEVEL,
    CLEAR_TONE,
    FACTOR,
    FS,
    HIGHEST,
    KING_TOP,
    MODELS,
    lowest,
)
from app.labs.perception.settings import Adaptation, Cells, Chain, Change, Modulation
from app.stimulus import Stimulus


def script(
    stimulus: Stimulus,
    other: AnotherEar,
    chain: Chain,
    cells: Cells,
    adaptation: Adaptation,
    modulation: Modulation,
    change: Change,
) -> str:
    """Return a script that reproduces the stages of the model, and the observer's answer where two sounds differ."""
    kind = getattr(MODELS[chain.model], "__name__", chain.model)
    decides = change.kind != "none" and chain.model in ADAPTS
    subject = f", subject={chain.subject!r}" if chain.model in CASP else ""
    lost = []
    if not other.is_normal:
        lost = [
            f"loss = hearing_loss.hair_cell_loss(audiogram, model.fc, {float(other.share) / 100!r})",
            *(["model.drnl.a *= loss.outer_gain"] if chain.model in CASP else []),
            f"inner = loss.{'inner' if chain.model in CASP else 'total'}  # dB, in front of the hair cells",
            "passed_on = (10 ** (-inner / 20))[:, None].float()",
        ]
    lines = [
        "import math",
        "",
        "import torch",
        "",
        "import amtlib",
        f"from amtlib import {'' if other.is_normal else 'hearing_loss, '}scales, signals",
        f"from amtlib.perception import {', '.join(_names(kind, chain, cells, decides))}",
        "from amtlib.perception.downsampling import Downsampling",
        "",
        f"fs = {FS}",
        *stimulus.code(FS),
        *other.code(FS),
        "",
        f"places = scales.erbspace({lowest(chain.model)}, {HIGHEST}, {int(chain.channels)}, dtype=torch.float64)",
        f"model = {kind}(fs, fc=places{subject})",
        *lost,
        *_cells(chain, cells),
        *_adaptation(chain, adaptation),
        *_modulation(chain, modulation),
        "",
        "",
        "def stages(sound):",
        "    _, moved = model.basilar_membrane(sound)",
        "    cells = model.hair_cell(moved)"
        if other.is_normal
        else "    cells = model.hair_cell(moved * passed_on)",
        "    adapted = model.adapted(cells)",
        f"    internal = model.modulation(Downsampling({FACTOR}, torch.float32)(adapted))",
        "    return moved, cells, adapted, internal  # (channels, time), and (channels, bands, time)",
        "",
        "",
        "moved, cells, adapted, internal = stages(x)",
    ]
    if change.kind != "none":
        lines += ["", *_second(change)]
    if decides:
        version = "jepsen2008" if chain.model == "jepsen2008" else "paulick2024"
        lines += [
            "",
            "_, _, adapted2, internal2 = stages(y)",
            "_, _, clear_adapted, clear_internal = stages(clear)",
            "channels = region_of_interest(clear_adapted - adapted, fs, model.fc)",
            f"made = template(clear_internal, internal, fs / {FACTOR})",
            "bands = band_correlations(internal2 - internal, made, model.fc, model.modulation.mfc, channels)",
            f"decision = decision_variable(bands, torch.zeros_like(bands), fs / {FACTOR})",
            f"correct = probability_correct(float(decision), 3, {version!r})",
        ]
    return "\n".join([*lines, ""])


def _names(kind: str, chain: Chain, cells: Cells, decides: bool) -> list[str]:
    """Return what the script imports from `amtlib.perception`."""
    found = {kind, "King2019ModulationFilterbank" if chain.model == "king2019" else "ModulationFilterbank"}
    if chain.model in ADAPTS:
        found.add("AdaptLoop")
    if float(cells.cutoff) != 1.0 and chain.model != "paulick2024":
        found.add("IHCEnvelope")
    if decides:
        found |= {
            "band_correlations",
            "decision_variable",
            "probability_correct",
            "region_of_interest",
            "template",
        }
    return sorted(found)


def _cells(chain: Chain, cells: Cells) -> list[str]:
    factor = float(cells.cutoff)
    if factor == 1.0:
        return []
    if chain.model == "paulick2024":
        return [f"model.hair_cells.capacitance /= {factor!r}"]
    own = "model.hair_cells"
    return [f"model.hair_cells = IHCEnvelope(fs, {own}.method, cutoff=float({own}.cutoff) * {factor!r})"]


def _adaptation(chain: Chain, adaptation: Adaptation) -> list[str]:
    if chain.model not in ADAPTS:
        return []
    preset = "own.preset" if adaptation.preset == "own" else repr(adaptation.preset)
    limit = float(adaptation.limit) if adaptation.limited else 0.0
    return [
        "own = model.adaptation",
        f"tau = AdaptLoop(fs, {preset}, minlvl=1e-5).tau * {float(adaptation.speed)!r}",
        f"least = own.minlvl * 10 ** ({float(adaptation.least_db)!r} / 20)",
        f"model.adaptation = AdaptLoop(fs, own.preset, tau=tau, limit={limit!r}, minlvl=least)",
    ]


def _modulation(chain: Chain, modulation: Modulation) -> list[str]:
    q, top = float(modulation.q), float(modulation.top)
    if chain.model == "king2019":
        return [
            f"model.modulation = King2019ModulationFilterbank(fs / {FACTOR}, mfhigh={min(top, KING_TOP)!r}, Q={q!r})"
        ]
    return [
        f"model.modulation = ModulationFilterbank(fs / {FACTOR}, model.fc, 'jepsen2008', Q={q!r}, max_mfc={top!r})"
    ]


def _second(change: Change) -> list[str]:
    """Return lines that make the second sound, y, and the clear one."""
    if change.kind == "level":
        step = float(change.step_db)
        return [
            f"y = x * 10 ** ({step!r} / 20)",
            f"clear = x * 10 ** ({max(step, CLEAR_LEVEL)!r} / 20)",
        ]
    if change.kind == "tone":
        level, f = float(change.level), float(change.frequency)
        return [
            "duration = len(x) / fs",
            f"y = x + signals.tone({f!r}, level={level!r}, duration=duration, fs=fs)[: len(x)]",
            f"clear = x + signals.tone({f!r}, level={max(level, CLEAR_TONE)!r}, duration=duration, fs=fs)[: len(x)]",
        ]
    depth = 10.0 ** (float(change.depth_db) / 20.0)
    return [
        "time = torch.arange(len(x), dtype=torch.float64) / fs",
        f"wave = torch.sin(2 * math.pi * {float(change.rate)!r} * time)",
        f"y, clear = (x * (1 + depth * wave).float() for depth in ({depth!r}, 1.0))",
        "y, clear = (each * (x.square().mean() / each.square().mean()).sqrt() for each in (y, clear))",
    ]
