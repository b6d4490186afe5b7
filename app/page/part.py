"""The parts of a lab's page, each one light component: title bar, controls, and the main part with the figures.

One component for each part, not one for each control: a widget costs 5 to 15 ms to open, and a lab has thirty
(benchmarks/labs.py). What a message does is in :mod:`app.page.view`; what is drawn, in page/js.
"""

import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import param
from bokeh.document import Document
from panel.io.state import set_curdoc

from app.figures.wire import bundled
from app.page.script import SCRIPT
from app.upstream import SuppliedComponent

_STYLE = Path(__file__).parents[1] / "static" / "lab.css"


@param.parameterized.no_instance_params  # see `app.upstream.Page`
class LabPart(SuppliedComponent):
    """One part of the page, drawn from plain data by the script of the page.

    Parameters
    ----------
    supply : callable
        Returns what the part shows when it appears (page/js/types.ts); later changes travel in messages.
    receive : callable
        Called with each message from the page.
    kind : {"bar", "controls", "main"}
        Which part.
    """

    kind = param.Selector(default="controls", objects=["bar", "controls", "main"])
    content = param.Dict(default={})

    _esm: ClassVar[str] = SCRIPT
    _stylesheets: ClassVar[list[str]] = [_STYLE.read_text(encoding="utf-8")]

    def __init__(
        self,
        supply: Callable[[], Mapping[str, Any]],
        receive: Callable[[dict[str, Any]], None],
        **settings: Any,
    ) -> None:
        self._supply = supply
        self._receive = receive
        self._document: weakref.ref[Document] | None = None
        #: Lets the event loop deliver a message of so many bytes, where the page's work is done in threads.
        self.schedule: Callable[[Callable[[], None], int], None] | None = None
        super().__init__(sizing_mode="stretch_width", margin=0, **settings)

    def supply(self) -> dict[str, Any]:
        """Return what the part shows when it appears."""
        content = self._supply()
        return {**content, "figures": _bundled(content["figures"])} if "figures" in content else dict(content)

    def shown_in(self, document: Document | None) -> None:
        """Note the document that the part is shown in."""
        self._document = None if document is None else weakref.ref(document)

    def _handle_msg(self, data: Any) -> None:
        if isinstance(data, dict):
            self._receive(data)

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message to the page; from a thread of the page's work it leaves as soon as the loop is free."""
        ready = _bundled(message)
        if self.schedule is None:
            self._send_msg(ready)
        else:
            size = sum(len(each) for each in message.values() if isinstance(each, str | bytes))
            self.schedule(lambda: self._deliver(ready), size)

    def _deliver(self, message: dict[str, Any]) -> None:
        document = None if self._document is None else self._document()
        if document is not None:  # the page is still there
            with set_curdoc(document):
                self._send_msg(message)


def _bundled(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message with the arrays of its scene as one, and with those of live sound as another."""
    return {
        name: bundled(part) if name in ("scene", "live") and part and "data" in part else part
        for name, part in message.items()
    }
