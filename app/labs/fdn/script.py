"""The code that the FDN lab shows: a script that trains the same network in the same way."""

from app.labs.fdn.fit import BUDGET
from app.labs.fdn.setup import FdnSetup


def script(lab: FdnSetup, *, went_on: bool) -> str:
    """Return the script for a lab's present settings; ``went_on`` says that its training went on after its end."""
    network, goal = lab.network, lab.goal
    size = f"delays={list(lab.delays)}" if lab.delays else f"N={int(network.lines)}"
    tone = lab.tone.at(lab.fs)
    heard = "filters=start.filters" + (", post_eq=start.post_eq" if tone.any() else "")
    lines = [
        "from dataclasses import replace",
        *(["from pathlib import Path"] if lab.is_private else []),
        "",
        "from amtlib import fdn",
        "from amtlib.train import Trainable, extract_build, train_fdn, trainable_from_build",
    ]
    if lab.loss is not None:
        names = sorted(found.__name__ for found in lab.loss.classes())
        lines.append(f"from amtlib.train.losses import {', '.join(names)}")
    if network.changes:
        lines.append("from app.labs.fdn.parts import changed")
    if goal.room:
        lines.append("from app.labs.fdn.target import Room, as_loud_as")
        lines += _room(lab)
    lines += [
        "",
        f"start = fdn.design_fdn({size}, rt={lab.rt!r}, feedback={network.matrix!r}, fs={lab.fs}, "
        f"rng={int(network.seed)})",
    ]
    if tone.any():
        at = lab.points.centres.tolist()
        lines.append(f"tone = fdn.graphic_equaliser({tone.tolist()}, {at}, {lab.fs})")
        lines.append("start = replace(start, post_eq=tone)")
    if network.changes:
        lines.append(f"start = changed(start, {network.changes!r})  # by hand")
    if goal.room:
        lines.append("start = as_loud_as(start, room)  # and its direct sound as the room's")
    trained = ", ".join(f"{name}={value}" for name, value in lab.trained().items())
    lines += [
        "model = trainable_from_build(",
        "    replace(start, filters=None, post_eq=None),  # lossless" if lab.lossless else "    start,",
        f"    trainable=Trainable({trained}),",
        f"    nfft={lab.nfft},",
        f"    alias_decay_db={lab.alias_decay()!r},",
        ")",
        "log = train_fdn(",
        "    model,"
        + (f" {goal.mode!r}," if goal.mode else "")
        + (f" target=room, target_fs={lab.fs}," if goal.room else ""),
        *(f"    {name}={value!r}," for name, value in lab.arguments().items()),
        ")",
    ]
    if went_on:
        lines.append("# On the page it went on after its end, from the best network met.")
    lines += [
        'print(f"{log.steps_run} steps, loss {log.train_loss[0]:.6g} to {log.best_loss:.6g}")',
        f"network = replace(extract_build(model), {heard})",
        *_motion(lab),
    ]
    return "\n".join([*lines, ""])


def fit_script(lab: FdnSetup) -> str:
    """Return the script that fits the room of a lab's present settings."""
    network, training, motion = lab.network, lab.training, _motion(lab)
    room = "room" if lab.pair is None else "own.pair(" + str(lab.fs) + ")"
    lines = [
        *(["from pathlib import Path", ""] if training.target == "file" else []),
        *(["from amtlib import fdn"] if motion else []),
        "from amtlib.train import fit_room",
        "from app.labs.fdn.target import Room",
        *_room(lab),
        "",
        f"fit = fit_room({room}, {lab.fs}, {int(network.lines)}, max_steps={int(training.steps)}, "
        f"time_budget={BUDGET}, rng={int(network.seed)})",
        "print(fit.sentence())",
        "network = fit.build",
        *motion,
    ]
    return "\n".join([*lines, ""])


def _motion(lab: FdnSetup) -> list[str]:
    depth, rate = float(lab.motion.depth), float(lab.motion.rate)
    return [f"network = fdn.with_modulation(network, depth={depth!r}, rate={rate!r})"] if depth else []


def _room(lab: FdnSetup) -> list[str]:
    training = lab.training
    if training.target != "file":
        return ["", f"room = Room(target={training.target!r}).response({lab.fs})"]
    name = training.dropped.name if training.dropped else "room.wav"
    return [
        "",
        "own = Room()",
        f"own.take_upload({name!r}, Path({name!r}).read_bytes())",
        f"room = own.response({lab.fs})",
    ]
