"""Asking before something is lost: the message that would lose it waits until its user has chosen."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from app.page.protocol import Ask


class Questions:
    """What one page asks its user, one question at a time.

    Parameters
    ----------
    show : callable
        Called with a question, and the message that it is about.

    Attributes
    ----------
    chosen : str
        While a message is done that its user was asked about: what they chose.

    Examples
    --------
    >>> questions = Questions(lambda question, message: print(question["text"]))
    >>> questions.allow({"type": "reset"}, "The network is lost.", {"yes": "Reset"})
    The network is lost.
    False
    >>> with questions.answered("yes") as message:
    ...     message, questions.allow(message, "The network is lost.", {"yes": "Reset"})
    ({'type': 'reset'}, True)
    """

    def __init__(self, show: Callable[[Ask, dict[str, Any]], None]) -> None:
        self._show = show
        self._waiting: dict[str, Any] | None = None
        self.chosen = ""

    def allow(self, message: dict[str, Any], loss: str, choices: Mapping[str, str]) -> bool:
        """Return whether to do what a message says: nothing is lost, or its user chose to; else ask them.

        Parameters
        ----------
        message : dict
        loss : str
            What would be lost, in a sentence; "" for nothing.
        choices : mapping
            What `chosen` will be, and the label of its button.
        """
        if not loss or self.chosen:
            return True
        self._waiting = message
        self._show({"text": loss, "choices": [[do, label] for do, label in choices.items()]}, message)
        return False

    @contextlib.contextmanager
    def answered(self, choice: str) -> Iterator[dict[str, Any] | None]:
        """Give the message that waited, to be done inside; None where none did."""
        waiting, self._waiting = self._waiting, None
        self.chosen = choice
        try:
            yield waiting
        finally:
            self.chosen = ""
