"""The code that the FDN lab shows: a script that trains the same network in the same way.
Not run by the lab; the tests run it and compare.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from amtlib.train import TrainingRun
from amtlib.train.losses import Loss
from app.labs.fdn.goals import Goal
from app.labs.fdn.settings import Network


class Trained(Protocol):
    """What a script is written from: the FDN lab's model."""

    network: Network
    training: Any
    run: TrainingRun | None

    @property
    def goal(self) -> Goal:
        """What it trains towards."""
        ...

    @property
    def fs(self) -> int:
        """Sampling rate in Hz."""
        ...

    @property
    def delays(self) -> tuple[int, ...] | None:
        """The delays in samples, or None where they are drawn."""
        ...

    @property
    def lossless(self) -> bool:
        """Whether it trains without the filters."""
        ...

    @property
    def loss(self) -> Loss | None:
        """The loss, or None where the goal is a mode."""
        ...

    @property
    def nfft(self) -> int:
        """Points of the transform."""
        ...

    def alias_decay(self) -> float:
        """Return the decay against time aliasing in dB."""
        ...

    def trained(self) -> Mapping[str, bool]:
        """Return which parts are trained."""
        ...

    def arguments(self) -> Mapping[str, Any]:
        """Return further keywords of the training."""
        ...


def written(lab: Trained) -> str:
    """Return the script for a lab's present settings."""
    network, training, goal = lab.network, lab.training, lab.goal
    size = f"delays={list(lab.delays)}" if lab.delays else f"N={int(network.lines)}"
    rt = (float(network.rt), float(network.rt_high))
    lines = [
        "from dataclasses import replace",
        "",
        "from amtlib import fdn",
        "from amtlib.train import Trainable, extract_build, train_fdn, trainable_from_build",
    ]
    if lab.loss is not None:
        names = sorted(found.__name__ for found in lab.loss.classes())
        lines.append(f"from amtlib.train.losses import {', '.join(names)}")
    if goal.room:
        lines.append("from app.labs.fdn.target import Room, as_loud_as")
        lines += _room(lab)
    lines += [
        "",
        f"start = fdn.design_fdn({size}, rt={rt!r}, feedback={network.matrix!r}, fs={lab.fs}, rng={int(network.seed)})",
    ]
    if goal.room:
        lines.append("start = as_loud_as(start, room)  # and its direct sound as the room's")
    trained = ", ".join(f"{name}={value}" for name, value in lab.trained().items())
    lines += [
        "model = trainable_from_build(",
        "    replace(start, filters=None),  # lossless" if lab.lossless else "    start,",
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
    if lab.run is not None and lab.run.max_steps > training.steps:
        lines.append("# On the page it went on after its end, from the best network met.")
    lines += [
        'print(f"{log.steps_run} steps, loss {log.train_loss[0]:.6g} to {log.best_loss:.6g}")',
        "network = replace(extract_build(model), filters=start.filters)",
    ]
    return "\n".join([*lines, ""])


def _room(lab: Trained) -> list[str]:
    training = lab.training
    if training.target != "file":
        return ["", f"room = Room(target={training.target!r}).response({lab.fs})"]
    name = training.own.name if training.own else "room.wav"
    return [
        "",
        "own = Room()",
        f'own.take_upload({name!r}, open({name!r}, "rb").read())',
        f"room = own.response({lab.fs})",
    ]
