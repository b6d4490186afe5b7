"""What the model half of every lab has: one state, read and written as text, and stages that are computed once.

Neither panel nor holoviews is imported here, so that every lab can be tested without a browser. The idea of a link that
holds the whole state is TensorFlow Playground's.
"""

import contextlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from inspect import getfullargspec
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar

import param
import torch

from app.another_ear import PREFIX, AnotherEar
from app.lessons import Lesson, Measure
from app.page.background import LARGE, Superseded
from app.quantity import Field, shortened
from app.shared import SHARED

#: Shared results larger than this, in bytes, are held by `app.shared.SHARED` alone, which is bounded.
_LARGE = 16_000
#: Results that take more numbers than this to compute need 100 MB meanwhile.
_MANY = 4e6

M = TypeVar("M", bound="LabModel")
P = ParamSpec("P")
R = TypeVar("R")


def _of_ear(keys: Iterable[str]) -> set[str]:
    """Return the names of those settings that are the other ear's."""
    return {name for prefix, _, name in (key.partition(".") for key in keys) if prefix == PREFIX}


@dataclass(frozen=True)
class Section:
    """A group of controls under one title; "f." stands for all settings of that part which no section names."""

    title: str
    keys: tuple[str, ...]
    open: bool = True


def depends_on(
    *needs: str | Callable[..., Hashable],
    shared: bool = True,
    values: Callable[[Any], float] | None = None,
) -> Callable[[Callable[Concatenate[M, P], R]], Callable[Concatenate[M, P], R]]:
    """Make a method of a lab a stage, see `LabModel.stage`: computed anew only when what it needs has changed.

    Parameters
    ----------
    *needs : str or callable
        Settings as for `LabModel.key_of`, and methods that return for its arguments what else it depends on.
    shared : bool
        Whether sessions share the result, unless the lab `is_private`.
    values : callable, optional
        Method that returns how many numbers are computed.
    """
    settings = tuple(need for need in needs if isinstance(need, str))
    others = [need for need in needs if not isinstance(need, str)]

    def decorated(make: Callable[Concatenate[M, P], R]) -> Callable[Concatenate[M, P], R]:
        defaults = getfullargspec(make).defaults or ()
        required = len(getfullargspec(make).args) - 1 - len(defaults)

        @wraps(make)
        def stage(self: M, /, *args: P.args, **kwargs: P.kwargs) -> R:
            given = (*args, *defaults[len(args) - required :])
            found: R = self.stage(
                " ".join(map(str, (make.__name__, *given))),
                (self.key_of(*settings), *(need(self, *given) for need in others), *given),
                lambda: make(self, *args, **kwargs),
                shared=shared and not self.is_private,
                values=0 if values is None else values(self),
            )
            return found

        return stage

    return decorated


class LabModel(param.Parameterized):
    """State and computation of a lab, without a page.

    A subclass passes its ``parts`` (prefix -> Parameterized object) to ``__init__``, has ``sections`` and
    ``lessons``, and computes. Each parameter has a key, ``prefix.name``, the same in controls, links and lessons.
    """

    sections: ClassVar[tuple[Section, ...]] = ()
    lessons: ClassVar[Mapping[str, Lesson]] = {}
    #: How each number of `measures` that a lesson asks for is written.
    quantities: ClassVar[Mapping[str, Measure]] = {}
    #: The three keys that a phone shows above the plots.
    key_controls: ClassVar[tuple[str, ...]] = ()
    #: Key of the setting that chooses an experiment, in a lab of several, and the three keys of those that need others.
    experiment: ClassVar[str] = ""
    controls_of: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    #: What a setting starts with, where that is not what its part declares.
    defaults: ClassVar[Mapping[str, Any]] = {}
    #: Former keys of settings, which old links and lessons still have, and the present ones.
    aliases: ClassVar[Mapping[str, str]] = {}
    #: For a control that matters only sometimes, the values of other settings with which it is shown.
    conditions: ClassVar[Mapping[str, Mapping[str, list[Any]]]] = {}
    #: Keys that follow from others (`reconcile`): states and links leave them out.
    derived: ClassVar[tuple[str, ...]] = ()
    #: Keys that `reconcile` sets but a user may change: with these values of another key, states and links hold them
    #: even at their defaults.
    kept_when: ClassVar[Mapping[str, Mapping[str, list[Any]]]] = {}
    #: The :class:`~app.stimulus.Stimulus` that the lab listens to, if it has one; its prefix is "s".
    stimulus: Any = None
    #: Whether the lab can hear with another ear: settings, section, state and sounds of one then come by themselves.
    has_another_ear: ClassVar[bool] = False

    version = param.Integer(default=0, doc="Counts changes; a page watches this alone.")

    def __init__(self, parts: Mapping[str, param.Parameterized], **settings: Any) -> None:
        super().__init__(**settings)
        #: The ear that hears; a normal one, in a lab that can have no other.
        self.another_ear = AnotherEar()
        self.parts = {**parts, **({PREFIX: self.another_ear} if self.has_another_ear else {})}
        #: Called before each stage is computed; if it returns True, the stage raises `Superseded`.
        self.outdated: Callable[[], bool] = lambda: False
        #: Has `heavy` computed by a worker, see `app.heavy`; None where all is computed here.
        self.elsewhere: Callable[[LabModel], Mapping[str, Any]] | None = None
        self._holding = 0
        self._dirty: set[str] = set()
        self._given: set[str] = set()
        self._notes: list[str] = []
        self._snapshot: dict[str, Any] | None = None
        #: Keys made of the present settings, by name or by what they hold.
        self._keys: dict[Hashable, tuple[Any, ...]] = {}
        self._stages: dict[str, tuple[Hashable, Any]] = {}
        self.fields: dict[str, Field] = {}
        for key, value in self.defaults.items():
            prefix, name = key.split(".")
            self.parts[prefix].param[
                name
            ].default = value  # of this object alone: param copies what is asked for
            setattr(self.parts[prefix], name, value)
        for prefix, part in self.parts.items():
            for name, parameter in part.param.objects("existing").items():  # without a copy for each page
                if name != "name" and (parameter.precedence or 0) >= 0:
                    self.fields[f"{prefix}.{name}"] = Field(f"{prefix}.{name}", part, name)
            part.param.watch(self._touched, [n for n in part.param if n != "name"])

    def _touched(self, *events: Any) -> None:
        self._snapshot = None
        self._keys.clear()
        for event in events:
            prefix = next(p for p, part in self.parts.items() if part is event.obj)
            self._dirty.add(f"{prefix}.{event.name}")
        if not self._holding:  # set in a notebook's cell, or by a dropped file
            self._notes += self._settle()

    def take_notes(self) -> list[str]:
        """Return, once, the notes on changes made without `update` or `restore`, as in a notebook."""
        notes, self._notes = self._notes, []
        return notes

    def _settle(self) -> list[str]:
        notes: list[str] = []
        given, self._given = self._given, set()
        if self._dirty:
            changed, self._dirty = self._dirty, set()
            self._holding += 1
            try:
                notes = self.reconcile(changed | given)
                self.another_ear.settle(_of_ear(changed), _of_ear(given))
            finally:
                self._holding -= 1
                self._dirty.clear()
            self.version += 1
        return notes

    @contextlib.contextmanager
    def _one_change(self) -> Iterator[list[str]]:
        """Collect several settings into one change of ``version``; the list receives the notes."""
        notes: list[str] = []
        self._holding += 1
        try:
            yield notes
        finally:
            self._holding -= 1
            if not self._holding:
                notes.extend(self._settle())

    def reconcile(self, changed: Iterable[str]) -> list[str]:
        """Keep parameters that depend on each other consistent; return a sentence for each one that was changed.

        ``changed`` holds the keys that were set, including those set to the value they had.
        """
        return []

    def check(self) -> None:
        """Give up a computation whose result is no longer needed; called between pieces of long work.

        Raises
        ------
        Superseded
            If a newer request waits, or the page has been left.
        """
        if self.outdated():
            raise Superseded

    def stage(
        self, name: str, key: Hashable, make: Callable[[], Any], *, shared: bool = False, values: float = 0
    ) -> Any:
        """Return a result of the lab, computed anew only when its key has changed.

        Parameters
        ----------
        name : str
            Which result.
        key : hashable
            All that it depends on.
        make : callable
            Computes it; no gradients are kept.
        shared : bool
            Whether sessions share it. The key must then hold all that it depends on, of a user's own file
            the hash of its bytes (`app.stimulus.Stimulus.key`).
        values : float
            How many numbers are computed; above `_MANY`, a process computes one such result at a time.
        """
        held = self._stages.get(name)
        if held is not None and held[0] == key:
            return held[1]
        self.check()

        def made_now() -> Any:
            with torch.no_grad():
                if values <= _MANY:
                    return make()
                with LARGE:
                    self.check()
                    return make()

        if not shared:
            made = made_now()
        else:
            whole_key = (type(self).__name__, name, key)
            made = SHARED.get(whole_key, made_now, self.check)
            if (SHARED.size(whole_key) or 0) > _LARGE:  # thirty pages need not each hold their last one
                self._stages.pop(name, None)
                return made
        self._stages[name] = (key, made)
        return made

    def heavy(self) -> Mapping[str, Any]:
        """Return what a worker computes for a page: small results of long work, by the names of their stages."""
        return {}

    def key_of(self, *names: str) -> tuple[Any, ...]:
        """Return values of settings for the key of a `stage`: of single keys, or of all with a prefix such as "f.".

        Of the sound, "s.", and the other ear, "hl.", these are what matters of them in the present state.
        """

        def made() -> tuple[Any, ...]:
            sound = self.stimulus.key() if "s." in names and self.stimulus is not None else ()
            ear = self.another_ear.key() if "hl." in names else ()
            wanted = {*names} - {"s.", "hl."}
            chosen = (v for key, v in self.values().items() if wanted & {key, f"{key.split('.')[0]}."})
            return (*sound, *ear, *chosen)

        return self.kept_key(names, made)

    def kept_key(self, name: Hashable, make: Callable[[], tuple[Any, ...]]) -> tuple[Any, ...]:
        """Return a key that one picture asks for some forty times, made once for the present settings."""
        if name not in self._keys:
            self._keys[name] = make()
        return self._keys[name]

    def renamed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return settings under their present keys, see `aliases`."""
        return {self.aliases.get(key, key): value for key, value in values.items()}

    def update(self, values: Mapping[str, Any]) -> list[str]:
        """Set parameters by key; an invalid value leaves its parameter as it was.

        Parameters
        ----------
        values : mapping
            ``{"f.order": 2, ...}``; values may be text, as in a link, and keys former ones.

        Returns
        -------
        list of str
            One sentence for each value that was refused, or that changed another one. Empty when all went well.
        """
        problems = []
        with self._one_change() as notes:
            for key, value in self.renamed(values).items():
                entry = self.fields.get(key)
                if entry is None:
                    problems.append(f"{shortened(key)} is not a setting of this lab and was left out.")
                    continue
                try:
                    parsed = entry.parse(value)
                    if parsed != entry.value:  # param copies the declaration of what is set
                        setattr(entry.owner, entry.name, parsed)
                    self._given.add(key)
                except (ValueError, TypeError) as problem:
                    problems.append(f"{problem} It stays at {entry.text()}.")
        return problems + notes

    def state(self) -> dict[str, str]:
        """Return what differs from a fresh lab, as text for a link."""
        return {
            key: entry.text()
            for key, entry in self.fields.items()
            if not self.is_derived(key) and (not entry.is_default or self.is_kept(key))
        }

    def is_derived(self, key: str) -> bool:
        """Whether a setting follows from others in the present state: states and links leave it out."""
        prefix, name = key.split(".")
        return key in self.derived or (prefix == PREFIX and self.another_ear.follows(name))

    def is_kept(self, key: str) -> bool:
        """Whether a setting stands in states and links even at its default, see `kept_when`."""
        prefix, name = key.split(".")
        if prefix == PREFIX and self.another_ear.keeps(name):
            return True
        when = self.kept_when.get(key)
        return when is not None and all(self.fields[k].value in values for k, values in when.items())

    def values(self) -> dict[str, Any]:
        """Return every parameter's present value by key."""
        if self._snapshot is None:  # reading fifty parameters costs as much as filtering a channel
            self._snapshot = {key: entry.value for key, entry in self.fields.items()}
        return dict(self._snapshot)

    def restore(self, state: Mapping[str, Any]) -> list[str]:
        """Go to a state as `state` returns it; all else goes back to its default."""
        left_out = {*self.renamed(state), *self.derived}
        defaults = {key: f.parameter.default for key, f in self.fields.items() if key not in left_out}
        with self._one_change() as notes:
            self.update(defaults)
            self._given.clear()  # only what the state itself names counts as given
            notes.extend(self.update(state))
        return notes

    def fresh(self) -> dict[str, Any]:
        """Return every setting's value in a fresh lab."""
        return {key: entry.parameter.default for key, entry in self.fields.items()}

    def loses(self, values: Mapping[str, Any]) -> str:
        """Return what would be lost if these settings were set, in a sentence; "" where nothing would be."""
        return ""

    @property
    def is_private(self) -> bool:
        """Whether what is seen follows from a user's own file, whose hash no key holds."""
        return False

    @property
    def unsaved(self) -> bool:
        """Whether there is something that took long to make and that a link does not bring back."""
        return False

    def measures(self) -> Mapping[str, float]:
        """Return the numbers that a lesson's task can ask for."""
        return {}

    def summary(self) -> str:
        """Describe in one line what is seen, for the page and for a screen reader."""
        raise NotImplementedError(f"{type(self).__name__} needs a summary")

    def code(self) -> str:
        """Return a script that reproduces the lab's numbers with the present settings."""
        raise NotImplementedError(f"{type(self).__name__} needs a script")

    def schema(self) -> list[dict[str, Any]]:
        """Describe the controls for the page.

        A setting that no section names stands at the end of the last section with settings of the same part, or where
        there is none in a section of its own.
        """
        visible_when = self.visible_when()
        ears = (Section("Another ear", AnotherEar.keys(), open=False),) if self.has_another_ear else ()
        sections = {section: list(section.keys) for section in (*self.sections, *ears)}
        left = [key for key in self.fields if not any(key in keys for keys in sections.values())]
        for keys in sections.values():
            for part in [key for key in keys if key.endswith(".")]:
                at = keys.index(part)
                keys[at : at + 1] = [key for key in left if key.startswith(part)]
        for key in [key for key in left if not any(key in keys for keys in sections.values())]:
            part = key.split(".")[0] + "."
            others = [keys for keys in sections.values() if any(each.startswith(part) for each in keys)]
            (others or [sections.setdefault(Section("Settings", ()), [])])[-1].append(key)
        return [
            {
                "title": section.title,
                "open": section.open,
                "controls": [{**self.fields[key].schema(), "when": visible_when.get(key)} for key in keys],
            }
            for section, keys in sections.items()
        ]

    def quick_controls(self) -> tuple[str, ...]:
        """Return the three keys that a phone shows above the plots in the present state."""
        chosen = self.fields[self.experiment].value if self.experiment else ""
        return self.controls_of.get(chosen, self.key_controls)

    def visible_when(self) -> dict[str, dict[str, list[Any]]]:
        """Return, for a control that matters only sometimes, the values of other settings with which it is shown."""
        of_sound = {} if self.stimulus is None else self.stimulus.visible_when("s")
        of_ear = AnotherEar.visible_when() if self.has_another_ear else {}
        return {**of_sound, **of_ear, **self.conditions}
