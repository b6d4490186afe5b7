"""What pages need of Panel and Bokeh beyond what these offer: each override and private member, with its reason.

Seen in Panel 1.9, panel-material-ui 0.16 and Bokeh 3.9; tests/app/test_upstream.py fails where a newer one differs.
Not the server's own handlers of requests and websockets: those stand in :mod:`app.server`, and the same test lists
what they rely on.
"""

import hashlib
import sys
import textwrap
from collections.abc import Iterable
from functools import cache
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param
from bokeh.core.has_props import MetaHasProps
from bokeh.core.serialization import Serializer
from bokeh.core.types import ID
from bokeh.document import Document
from bokeh.events import Event
from bokeh.model import DataModel
from bokeh.models import ImportedStyleSheet
from panel.custom import JSComponent
from panel.io.state import set_curdoc
from panel.theme.base import Design
from panel.util import edit_readonly
from panel_material_ui.base import MaterialComponent


# Panel asks a component for each of its parameters, and param answers with a copy for that component alone, of 0.5 kB.
@param.parameterized.no_instance_params
class Page(pmui.Page):
    """A page that does not follow whether the server is busy.

    Panel links each page to its busy state, which is one for the whole server, and never unlinks it: each move of one
    student's slider would cost 1 ms for every page that was ever opened (measured).
    """

    busy = param.Parameter(default=False, readonly=True, allow_refs=False)

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        with edit_readonly(self):
            self.busy = False


class Unstyled(Design):
    """No design, for a notebook: the parts bring their own style, and there may be no network.

    With panel-material-ui imported, Panel would otherwise wrap a cell in a component fetched from its host.
    """


def keep_cells_offline() -> None:
    """Let what a notebook shows beside a lab's figures and controls, such as a row of them, work without a network.

    On import, panel-material-ui makes its own design that of everything that Panel shows, and wraps cells in a
    component fetched from its host: without a network they stay empty. Style sheets go into the cell.
    """
    pn.config.design = Unstyled
    pn.config.inline = True


if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
    keep_cells_offline()


def _own_styles(properties: dict[str, Any]) -> dict[str, Any]:
    """Return a component's properties without the style sheets that a browser would have to fetch."""
    sheets = properties.get("stylesheets", [])
    return {
        **properties,
        "stylesheets": [each for each in sheets if not isinstance(each, ImportedStyleSheet)],
    }


class _OwnStyles:
    """A layout that asks for no style sheet by its address: Panel names those of its host."""

    def _get_properties(self, doc: Document | None) -> dict[str, Any]:
        return _own_styles(super()._get_properties(doc))  # type: ignore[misc]


class OfflineRow(_OwnStyles, pn.Row):
    """A row without style sheets from elsewhere."""


class OfflineColumn(_OwnStyles, pn.Column):
    """A column without style sheets from elsewhere."""


@cache
def _hash(script: str) -> str:
    return hashlib.sha256(script.encode()).hexdigest()


@cache
def _dedented(script: str) -> str:
    return textwrap.dedent(script)


class SuppliedComponent(JSComponent):
    """A component whose ``content`` is made when it is shown, and which handles messages alone.

    Panel compares and copies a parameter at each change, which for all that a lab shows costs more than the model does;
    here later changes travel as messages only. And around each message Panel sets its busy state, which no page shows:
    it costs more than reading the message. A subclass declares ``content``, a `param.Dict`, and its script as ``_esm``.

    The script is made ready once, not at each opening (1 ms for each component of a page, measured), and runs as it is:
    Panel has each browser translate each component's from TypeScript, at every opening, unless it counts as a bundle.
    """

    content: dict[str, Any]

    def supply(self) -> dict[str, Any]:
        """Return what the component shows when it appears."""
        raise NotImplementedError(f"{type(self).__name__} must supply its content")

    def shown_in(self, document: Document | None) -> None:
        """Note the document that the component is shown in."""

    @classmethod
    def _render_esm(cls, compiled: Any = True, server: bool = False) -> str:
        return _dedented(cls._esm)

    def _get_properties(self, doc: Document | None) -> dict[str, Any]:
        self.shown_in(doc)
        with param.parameterized.discard_events(self):
            self.content = self.supply()
        properties: dict[str, Any] = super()._get_properties(doc)
        with param.parameterized.discard_events(self):
            self.content = {}
        properties["bundle"] = _hash(properties["esm"])
        return _own_styles(properties) if self.design is Unstyled else properties

    def _process_bokeh_event(self, doc: Document, event: Event) -> None:
        with set_curdoc(doc):
            self._process_event(event)


def forget_sent() -> None:
    """Drop what the present page was drawn from: its browser has it.

    Bokeh keeps it in the session's models, and beside it an empty list, set or dict of 0.5 kB for each default that it
    wrote into the page: together 0.1 MB a page (measured).
    """
    document = pn.state.curdoc
    for model in document.models if document is not None else ():
        model._unstable_default_values.clear()
        if isinstance(model, DataModel):
            model._property_values.pop("content", None)


def remember_style_sheets() -> None:
    """Look once which style sheets panel-material-ui has: it asks every class at every opening, 150 times the disk."""
    MaterialComponent._bundle_css = list(MaterialComponent._bundle_css)


def define_what_is_shown() -> None:
    """Let documents define the components that they hold, and each definition be written once.

    Bokeh writes into each document, at each opening, the definitions of all components that were imported: 146, nearly
    all of them panel-material-ui's, in 12 ms and 137 kB (measured).
    """
    write, to_json = Serializer._encoders[MetaHasProps], Document.to_json
    written: dict[type, Any] = {}

    def definition(component: Any, serializer: Serializer) -> Any:
        if component not in written:
            written[component] = write(component, serializer)
        else:
            serializer.add_ref(component, {"id": ID(component.__qualified_model__)})
        return written[component]

    def with_its_own(document: Document, *, deferred: bool = True) -> Any:
        found: Any = to_json(document, deferred=deferred)
        content = found.content if deferred else found
        held = {type(model) for model in document.models}
        shown = {getattr(base, "__qualified_model__", "") for each in held for base in each.__mro__}
        content["defs"] = [each for each in content.get("defs", []) if each.get("name") in shown]
        return found

    Serializer._encoders[MetaHasProps] = definition
    Document.to_json = with_its_own


def open_sockets(servers: Iterable[Any]) -> set[Any]:
    """Return the websockets of these Bokeh servers; Bokeh has no public list of them."""
    connections = (each for server in servers for each in getattr(server, "_clients", ()))
    return {each._socket for each in connections if each._socket is not None}
