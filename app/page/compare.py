"""Comparing two states of a lab: A is pinned, its curves as ghosts and its sound kept; B is what the page shows.

Not the figures: which layers show A is declared in each lab's figures.py.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import torch

from app.page.problems import sentence

#: Samples in Pa, and their rate in Hz.
Samples: TypeAlias = tuple[torch.Tensor, int]


class Comparison:
    """The pinned state of a page.

    Parameters
    ----------
    lab : LabView
        The page; it must not redraw at each of the model's changes while these methods run.
    asked_for : dict or None
        A state that the page's link pins: `pin` makes it A.

    Attributes
    ----------
    state : dict or None
        The settings of A that differ from a fresh lab's, as text; None where nothing is pinned.
    sound : tuple or None
        The sound of A and its rate.
    asked_for : dict or None
        What is still to be pinned.
    """

    def __init__(self, lab: Any, asked_for: dict[str, str] | None = None) -> None:
        self.state: dict[str, str] | None = None
        self.sound: Samples | None = None
        self.asked_for = asked_for
        self._lab = lab

    @property
    def in_link(self) -> dict[str, str] | None:
        """The state that a link pins: A, or what will be A as soon as it has been computed."""
        return self.state if self.asked_for is None else self.asked_for

    def pin(self, state: Mapping[str, str] | None = None) -> list[str]:
        """Make a state A, by default the present one, which stays as it is; return the model's notes."""
        model = self._lab.model
        present = model.state()
        wanted = present if state is None else state
        notes = model.restore(wanted)
        try:
            self._lab.live.pin(self._lab.reads())
            self.sound = self._lab.compared_sound()
            self.state = dict(wanted)
        except ValueError as problem:
            self.state = None
            notes.append(f"The pinned state cannot be shown: {sentence(problem)}")
        finally:
            model.restore(present)
        self.asked_for = None
        return notes

    def unpin(self) -> None:
        """Forget A."""
        self.state = self.sound = None
        self._lab.live.unpin()

    def show(self, pinned: Mapping[str, str] | None) -> list[str]:
        """Make a state A, or forget A where there is none; return the model's notes."""
        if pinned == self.state:
            return []
        if pinned is None:
            self.unpin()
            return []
        return self.pin(pinned)

    def swap(self) -> list[str]:
        """Show A, and pin what was shown; return the model's notes."""
        pinned = self.state
        return [] if pinned is None else self.pin() + self._lab.model.restore(pinned)
