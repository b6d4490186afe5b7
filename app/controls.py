"""The parts of a lab's page, each one light component: controls, words, figures, tools.
Source: our own measurements (benchmarks/labs.py): a widget costs 5 to 15 ms to open, and a lab has thirty.
Not the logic: what a message means is decided in `app.shell`; what is drawn, in page/js.
"""

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import param
from bokeh.document import Document
from bokeh.events import Event
from bokeh.models import ImportedStyleSheet
from panel.custom import JSComponent
from panel.io.state import set_curdoc
from panel.theme.base import Design

from app.figures import bundled
from app.page.script import SCRIPT

_STATIC = Path(__file__).parent / "static"


class Plain(Design):
    """No look from outside, for a notebook: the parts bring their own, and there may be no network.

    With panel-material-ui imported, Panel would otherwise wrap a cell in a component fetched from its host.
    """


def without_links(properties: dict[str, Any]) -> dict[str, Any]:
    """Return a component's properties less the style sheets that a browser would have to fetch."""
    sheets = properties.get("stylesheets", [])
    own = [sheet for sheet in sheets if not isinstance(sheet, ImportedStyleSheet)]
    return {**properties, "stylesheets": own}


class LabPart(JSComponent):
    """One part of the page, drawn from plain data by the script of the page.

    Parameters
    ----------
    kind : {"controls", "words", "figures", "tools", "frame"}
        Which part; "frame" draws nothing, it makes a page without a lab follow the system's dark mode.
    supply : callable
        Returns what the part shows when it appears; later changes travel in messages.
    receive : callable
        Called with each message from the page.
    """

    kind = param.Selector(default="controls", objects=["controls", "words", "figures", "tools", "frame"])
    content = param.Dict(default={})

    _esm: ClassVar[str] = SCRIPT
    _stylesheets: ClassVar[list[str]] = [(_STATIC / "lab.css").read_text(encoding="utf-8")]

    def __init__(
        self,
        supply: Callable[[], dict[str, Any]],
        receive: Callable[[dict[str, Any]], None],
        **settings: Any,
    ) -> None:
        self._supply = supply
        self._receive = receive
        self._document: weakref.ref[Document] | None = None
        #: Sends a message from the event loop, where the page works in threads.
        self.outlet: Callable[[Callable[[], None], int], None] | None = None
        super().__init__(sizing_mode="stretch_width", margin=0, **settings)

    def _get_properties(self, doc: Any) -> dict[str, Any]:
        # Asked for when the part is shown, not kept up to date: comparing and copying it at every move of a
        # slider would cost more than the model does.
        self._document = None if doc is None else weakref.ref(doc)
        with param.parameterized.discard_events(self):
            self.content = _travelling(self._supply())
        properties: dict[str, Any] = super()._get_properties(doc)
        return without_links(properties) if self.design is Plain else properties

    def _process_bokeh_event(self, doc: Document, event: Event) -> None:
        # Without Panel's busy state, which nothing of ours shows: it costs each message more than our own part of
        # reading it.
        with set_curdoc(doc):
            self._process_event(event)

    def _handle_msg(self, data: Any) -> None:
        if isinstance(data, dict):
            self._receive(data)

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message to the page; from a thread of the page's work it leaves as soon as the loop is free."""
        travelling = _travelling(message)
        if self.outlet is None:
            self._send_msg(travelling)
        else:
            size = sum(len(each) for each in message.values() if isinstance(each, str | bytes))
            self.outlet(lambda: self._deliver(travelling), size)

    def _deliver(self, travelling: dict[str, Any]) -> None:
        document = None if self._document is None else self._document()
        if document is not None:  # it is the page's as long as the page is there
            with set_curdoc(document):
                self._send_msg(travelling)


def _travelling(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "scene": bundled(message["scene"])} if "scene" in message else message
