"""A lab's page without a browser: messages go in as the page sends them, and come out into a list."""

from typing import Any

import pytest

from app.labs.filterbank.view import FilterbankLab
from app.page.part import LabPart
from app.shared import SHARED
from tests.loops import no_loop_of_another_test as no_loop_of_another_test


class Desk:
    """A lab and the messages it has sent since they were last read."""

    def __init__(self, told: list[dict[str, Any]]) -> None:
        self.told = told
        self.lab = FilterbankLab(served=True)

    def open(self, link: str) -> FilterbankLab:
        """Open the lab anew, as a link does."""
        self.lab = FilterbankLab(link=link, served=True)
        self.told.clear()
        return self.lab

    def send(self, kind: Any, **content: Any) -> list[dict[str, Any]]:
        """Send one message, let the lab deal with it as in the server, return its answers."""
        self.told.clear()
        self.lab.receive({"type": kind, **content})
        return list(self.told)

    def put(self, **settings: Any) -> dict[str, Any]:
        """Move controls ("f__order=2"); return the one update that answers."""
        values = {key.replace("__", "."): value for key, value in settings.items()}
        (answer,) = self.send("set", values=values, sequence=1)
        assert answer["type"] == "update"
        return answer

    def words(self) -> dict[str, Any]:
        """Return what stands above the figures now."""
        return self.lab.contents.words()

    def frame(self) -> dict[str, Any]:
        """Return what the link holds besides the settings."""
        return self.lab.contents.controls_state()


@pytest.fixture(scope="module", autouse=True)
def _nothing_shared_with_other_files() -> None:
    """Begin each file with nothing computed; its tests share results as the pages of a server do."""
    SHARED.clear()


@pytest.fixture
def nothing_shared() -> None:
    """Begin a test that says what is computed, and how often, with nothing computed."""
    SHARED.clear()


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(LabPart, "send", lambda self, message: told.append(message))
    return Desk(told)
