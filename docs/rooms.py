"""The pages of the library's reference: one for each room, written from what its package exports.

Below an entry stands the picture of its example's last result that has one (examples.py).
"""

import importlib
import inspect
from dataclasses import dataclass
from types import ModuleType
from typing import Any, get_origin

from docs import examples


@dataclass(frozen=True)
class Room:
    """A package, or some modules, that a page is about."""

    name: str
    title: str
    modules: tuple[str, ...]


ROOMS = (
    Room("scales", "Scales: ERB, and places in the cochlea", ("amtlib.scales",)),
    Room("signals", "Signals: calibrated sounds", ("amtlib.signals",)),
    Room("audio", "Audio: files, levels, playback", ("amtlib.audio",)),
    Room("lti", "Linear filtering", ("amtlib.lti",)),
    Room("filterbanks", "Filterbanks and excitation patterns", ("amtlib.filterbanks",)),
    Room("ears", "Ears: transmission, and fitting a cochlea", ("amtlib.ears",)),
    Room("loudness", "Loudness", ("amtlib.loudness", "amtlib.loudness.iso226")),
    Room("perception", "Perception: hair cells to decisions", ("amtlib.perception",)),
    Room("hearing_loss", "Hearing loss: audiograms, and hearing with another ear", ("amtlib.hearing_loss",)),
    Room("experiments", "Listening experiments", ("amtlib.experiments",)),
    Room("fdn", "Feedback delay networks", ("amtlib.fdn",)),
    Room("train", "Training networks", ("amtlib.train",)),
    Room("losses", "Losses", ("amtlib.train.losses",)),
    Room("plot", "Pictures of results", ("amtlib.plot", "amtlib.charts")),
    Room("teaching", "Exercises of the tutorials", ("amtlib.teaching",)),
    Room("jobs", "Jobs, and folders of sounds", ("amtlib.jobs", "amtlib.batch")),
)


def exported(module: ModuleType) -> list[tuple[str, Any]]:
    """Return what a module offers, by name: classes, functions, then what is left; no modules, no names of types."""
    names = getattr(module, "__all__", None)
    if names is None:
        names = [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
        ]
    found = [(name, getattr(module, name)) for name in names if not name.startswith("_")]
    found = [(name, value) for name, value in found if not (inspect.ismodule(value) or get_origin(value))]
    return sorted(found, key=lambda pair: (_kind(pair[1]), pair[0].lower()))


def _kind(value: Any) -> int:
    return 0 if inspect.isclass(value) else 1 if callable(value) else 2


def _first_sentence(value: Any) -> str:
    words = " ".join((inspect.getdoc(value) or "").split("\n\n")[0].split())
    sentence = words.split(": ")[0] if len(words) > 140 else words
    return sentence.rstrip(".") + "." if sentence else ""


def _home(value: Any) -> str:
    """Return the module on whose page a class or function stands: of those that export it, the innermost."""
    modules = [module for room in ROOMS for module in room.modules]
    return max(
        (m for m in modules if any(v is value for _, v in exported(importlib.import_module(m)))), key=len
    )


def _documented_elsewhere(value: type) -> list[str]:
    """Return the bases whose members a class's entry leaves out: of other libraries, or with an entry of their own."""
    own = {
        id(each) for room in ROOMS for m in room.modules for _, each in exported(importlib.import_module(m))
    }
    common = {"RealModule", "Result"}  # what all modules, and all results, have
    return [
        base.__name__
        for base in value.__mro__[1:]
        if id(base) in own or base.__name__ in common or not base.__module__.startswith("amtlib")
    ]


def page(room: Room, pictures: bool = True) -> str:
    """Return the page of a room, in reStructuredText; examples are run for their pictures, unless there are none."""
    lines = [room.title, "=" * len(room.title), ""]
    for module_name in room.modules:
        module = importlib.import_module(module_name)
        things = exported(module)
        lines += [f".. module:: {module_name}", "", *(inspect.getdoc(module) or "").splitlines(), ""]
        lines += [".. list-table::", "   :widths: auto", ""]
        homes = {name: _home(value) if _kind(value) < 2 else module_name for name, value in things}
        for name, value in things:
            role = ("class", "func", "data")[_kind(value)]
            about = _first_sentence(value) if _kind(value) < 2 else ""
            lines += [f"   * - :{role}:`~{homes[name]}.{name}`", f"     - {about}"]
        lines += [""]
        for name, value in things:
            if homes[name] != module_name:
                continue
            directive = ("autoclass", "autofunction", "py:data")[_kind(value)]
            lines += [f".. {directive}:: {module_name}.{name}"]
            if _kind(value) == 0 and not issubclass(value, BaseException):
                lines += ["   :members:", f"   :inherited-members: {', '.join(_documented_elsewhere(value))}"]
            lines += [""]
            if pictures and _kind(value) < 2 and (picture := examples.picture(value)):
                about = "What the last result of the example shows:"
                lines += [".. raw:: html", "", f'   <figure class="example"><figcaption>{about}</figcaption>']
                lines += [f"   {picture}</figure>", ""]
    return "\n".join(lines)
