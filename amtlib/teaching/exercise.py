"""An exercise, and what is said to an answer."""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from amtlib.teaching.judging import Unsolved


def marked(words: str) -> str:
    """
    Return words as HTML; names stand between backticks.

    Examples
    --------
    >>> marked("Right. `h < 1` is enough.")
    'Right. <code>h &lt; 1</code> is enough.'
    """
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(words))


@dataclass(frozen=True)
class Verdict:
    """
    What is said to an answer.

    Parameters
    ----------
    right : bool or None
        None where nothing has been written yet.
    words : str
        One or two sentences.

    Examples
    --------
    >>> Verdict(True, "The bands overlap.")
    Right. The bands overlap.
    """

    right: bool | None
    words: str

    def __repr__(self) -> str:
        start = {True: "Right.", False: "Not yet.", None: "Nothing to check yet."}[self.right]
        return f"{start} {self.words}"

    def _repr_html_(self) -> str:
        colour = {True: "#009e73", False: "#d55e00", None: "#888888"}[self.right]
        return f'<div style="border-left: 4px solid {colour}; padding-left: 0.6em">{marked(repr(self))}</div>'


@dataclass(frozen=True)
class Exercise:
    """
    What a tutorial asks its reader to write, and how an answer is judged.

    Parameters
    ----------
    name : str
        Section of the tutorial, such as "1.4"; with a letter where a section has several.
    asks : str
        What is asked, in one sentence.
    judge : callable
        Takes the answer; returns None if it is right, or a sentence that says what is wrong with it and where to look.
        :func:`number`, :func:`function` and :func:`choice` make one.
    right : str
        What is said to a right answer: what it shows.

    Examples
    --------
    >>> from amtlib.teaching import number
    >>> exercise = Exercise("0.1", "What is twice 21?", number(42, within=0.5), "So it is.")
    >>> exercise.check(42)
    Right. So it is.
    >>> exercise.check(...)
    Nothing to check yet. Write your answer in place of the three dots: What is twice 21?
    """

    name: str
    asks: str
    judge: Callable[[Any], str | None]
    right: str

    def check(self, answer: Any) -> Verdict:
        """
        Return what is said to an answer.

        Parameters
        ----------
        answer : object
            What the exercise asks for: a number, a tensor, a function, or one of the choices.

        Returns
        -------
        Verdict
        """
        try:
            wrong = self.judge(answer)
        except Unsolved:
            return Verdict(None, f"Write your answer in place of the three dots: {self.asks}")
        return Verdict(True, self.right) if wrong is None else Verdict(False, wrong)
