"""What the app relies on in Panel, Bokeh and Tornado without their promise: this fails where a new version differs.

When it does: read what has changed, mend `app.upstream` or the class in the module of `app.server` that is named here,
use the pages, and write down the new version.
"""

import ast
import hashlib
import importlib
import inspect
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import bokeh
import panel
import panel_material_ui
import param
import pytest
import tornado
from bokeh.core.serialization import Serializer
from bokeh.document import Document
from bokeh.events import Event
from bokeh.model import DataModel
from bokeh.models import ImportedStyleSheet
from panel.custom import JSComponent
from panel.io.state import set_curdoc, state
from panel.reactive import Syncable
from panel_material_ui.base import MaterialComponent

from app.labs.filterbank.view import FilterbankLab
from app.page.part import LabPart
from app.page.script import SCRIPT
from app.upstream import (
    OfflineColumn,
    OfflineRow,
    Page,
    SuppliedComponent,
    Unstyled,
    define_what_is_shown,
    forget_sent,
    open_sockets,
    remember_style_sheets,
)

ROOT = Path(__file__).resolve().parents[2]
OTHERS = {"panel", "panel_material_ui", "bokeh", "tornado", "holoviews"}


def test_the_versions_are_those_that_were_looked_at() -> None:
    versions = {
        "panel": panel.__version__,
        "panel-material-ui": panel_material_ui.__version__,
        "bokeh": bokeh.__version__,
        "tornado": tornado.version,
    }
    seen = {"panel": "1.9", "panel-material-ui": "0.16", "bokeh": "3.9", "tornado": "6.6"}
    assert {name: ".".join(version.split(".")[:2]) for name, version in versions.items()} == seen


def modules() -> Iterator[tuple[Path, ast.Module, set[str]]]:
    """Yield each module that imports something of others, with the names that stand for it, but `app.upstream`."""
    for path in sorted((ROOT / "app").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                whole = [(alias.asname or alias.name, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                whole = [(alias.asname or alias.name, node.module or "") for alias in node.names]
            else:
                continue
            names |= {name.split(".")[0] for name, module in whole if module.split(".")[0] in OTHERS}
        if names and path != ROOT / "app" / "upstream.py":
            yield path, tree, names


def test_on_the_pages_side_nothing_private_of_others_is_used_elsewhere() -> None:
    for path, tree, _ in modules():
        if path.is_relative_to(ROOT / "app" / "server"):
            continue
        private = [
            ast.unparse(node)
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and node.attr.startswith("_")
            and not node.attr.startswith("__")
            and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
        ]
        assert not private, path


def replaced(tree: ast.Module, names: set[str]) -> list[str]:
    """Return what a module sets or deletes of what it has imported by these names, but for documented settings."""
    found = []
    for node in ast.walk(tree):
        targets: Sequence[ast.expr] = ()
        if isinstance(node, ast.Assign | ast.Delete):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("setattr", "delattr"):
            targets = [ast.Attribute(node.args[0], "?")]
        for target in targets:
            root = target
            while isinstance(root, ast.Attribute | ast.Subscript):
                root = root.value
            within = root is not target and isinstance(root, ast.Name) and root.id in names
            if within and not ast.unparse(target).startswith(("config.", "pn.config.")):
                found.append(ast.unparse(target))
    return found


def test_nothing_of_others_is_replaced_elsewhere() -> None:
    assert len(list(modules())) > 20
    assert {str(path): found for path, tree, names in modules() if (found := replaced(tree, names))} == {}
    wrong = "Y.z = 1\ndel Y[0]\nsetattr(pn.io, 'a', 1)\npn.config.b = 2\nY = 3\nx.z = 4"
    assert replaced(ast.parse(wrong), {"pn", "Y"}) == ["Y.z", "Y[0]", "pn.io.?"]


# ---------------------------------------------------------------- the pages: what is overridden, and still for a reason


def test_a_page_of_panels_follows_the_busy_state_and_ours_does_not() -> None:
    plain, ours = panel_material_ui.Page(title="plain"), Page(title="ours")
    token = "test-upstream"
    state._add_busy_event(token)
    try:
        assert (plain.busy, ours.busy) == (True, False)
    finally:
        state._remove_busy_event(token)


def test_a_message_to_panels_component_sets_the_busy_state_and_to_ours_does_not() -> None:
    seen: list[bool] = []

    class Watching(SuppliedComponent):
        content = param.Dict(default={})
        _esm = "export function render() {}"

        def supply(self) -> dict[str, Any]:
            return {}

        def _process_event(self, event: Event) -> None:
            seen.append(bool(state.busy))

    component, event = Watching(), Event()
    component._process_bokeh_event(Document(), event)
    Syncable._process_bokeh_event(component, Document(), event)
    assert seen == [False, True]


def test_a_component_makes_its_content_when_it_is_shown_and_sends_no_change_of_it_by_itself() -> None:
    shown = {"id": 1}
    part = LabPart(lambda: shown, lambda message: None, kind="bar")
    document = Document()
    model = part.get_root(document)
    assert model.data.content == {"id": 1}
    shown["id"] = 2
    assert model.data.content == {"id": 1}
    assert part.get_root(Document()).data.content == {"id": 2}


def test_what_a_page_was_drawn_from_is_dropped_without_a_word_once_its_browser_has_it() -> None:
    document, changes = Document(), list[Any]()
    model = LabPart(lambda: {"id": 1}, lambda message: None, kind="bar").get_root(document)
    document.add_root(model)
    document.to_json()
    assert model.data.content
    assert any(each._unstable_default_values for each in document.models)
    document.on_change(changes.append)
    with set_curdoc(document):
        forget_sent()
    assert not model.data.content
    assert not any(each._unstable_default_values for each in list(document.models) if each is not model.data)
    assert not changes


def test_a_component_with_a_bundle_is_not_translated_in_the_browser_and_ours_has_one() -> None:
    translated = (Path(panel.__file__).parent / "models" / "reactive_esm.ts").read_text(encoding="utf-8")
    assert "if (this.bundle != null) {\n      return this.esm\n    }" in translated
    models = [LabPart(dict, lambda message: None, kind=kind).get_root(Document()) for kind in ("bar", "main")]
    assert {model.esm for model in models} == {SCRIPT}
    assert {model.bundle for model in models} == {hashlib.sha256(SCRIPT.encode()).hexdigest()}


def test_panel_copies_the_declarations_of_a_component_for_each_page_and_not_those_of_ours() -> None:
    plain, ours = panel_material_ui.Page(title="plain"), Page(title="ours")
    part = LabPart(dict, lambda message: None, kind="bar")
    for each in (plain, ours, part):
        each.get_root(Document())
    assert [bool(each._param__private.params) for each in (plain, ours, part)] == [True, False, False]


def test_panels_layouts_name_style_sheets_of_its_host_and_a_cells_do_not() -> None:
    def linked(component: Any) -> int:
        return sum(
            isinstance(each, ImportedStyleSheet) for each in component.get_root(Document()).stylesheets
        )

    assert [linked(each) > 0 for each in (panel.Row(), panel.Column())] == [True, True]
    assert [linked(each(design=Unstyled)) for each in (OfflineRow, OfflineColumn)] == [0, 0]
    part = LabPart(dict, lambda message: None, kind="bar")
    assert linked(part)
    part.design = Unstyled
    assert not linked(part)


def test_panel_material_ui_looks_for_its_style_sheets_each_time_and_here_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(MaterialComponent, "_bundle_css", MaterialComponent.__dict__["_bundle_css"])
    assert "def _bundle_css(cls)" in inspect.getsource(sys.modules[MaterialComponent.__module__])
    before = MaterialComponent._bundle_css
    remember_style_sheets()
    assert MaterialComponent._bundle_css is MaterialComponent._bundle_css
    assert MaterialComponent._bundle_css == before


def test_a_component_of_panels_dedents_its_script_each_time_and_ours_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "textwrap.dedent(esm)" in inspect.getsource(JSComponent._render_esm.__func__)  # type: ignore[attr-defined]
    assert LabPart._render_esm() is LabPart._render_esm(server=True)
    assert LabPart._render_esm() == JSComponent._render_esm.__func__(LabPart)  # type: ignore[attr-defined]


def test_bokeh_defines_every_component_in_each_document_and_ours_define_what_they_show(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Serializer, "_encoders", dict(Serializer._encoders))
    monkeypatch.setattr(Document, "to_json", Document.to_json)
    lab = FilterbankLab(served=True)
    document = lab.page().server_doc(Document())
    plain = document.to_json(deferred=False)
    define_what_is_shown()
    for _ in range(2):  # written anew, and kept
        found = document.to_json(deferred=False)
        names = {each["name"] for each in found["defs"]}
        assert len(names) < len(plain["defs"]) / 10
        assert [each for each in plain["defs"] if each["name"] in names] == found["defs"]
        assert {**found, "defs": 0} == {**plain, "defs": 0}
        shown = {type(each).__qualified_model__ for each in document.models if isinstance(each, DataModel)}
        assert shown | {each["extends"]["id"] for each in found["defs"] if each.get("extends")} <= names
    assert document.to_json().content["defs"] == found["defs"]
    lab.close()


def test_the_models_of_the_page_have_the_class_names_that_its_gate_and_script_look_for() -> None:
    lab = FilterbankLab(served=True)
    document = lab.page().server_doc(Document())
    names = {getattr(model, "class_name", None) for model in document.models}
    assert {"Page", "LabPart"} <= names
    lab.close()


# ---------------------------------------------------------------- the server

#: `app.upstream`, which replaces, or a module of `app.server`, which overrides or reads -> what -> its parameters, None
#: of what is not called.
SERVER: dict[str, dict[str, list[str] | None]] = {
    "upstream": {
        "bokeh.embed.bundle.extension_dirs": None,
        "bokeh.server.server.HTTPServer": None,
        "bokeh.server.tornado.BokehTornado.__init__": None,
        "bokeh.server.urls.per_app_patterns": None,
        "tornado.httpserver._HTTPRequestContext._apply_xheaders": ["self", "headers"],
        "tornado.web.RequestHandler.set_cookie": [
            "self",
            "name",
            "value",
            "domain",
            "expires",
            "path",
            "expires_days",
            "max_age",
            "httponly",
            "secure",
            "samesite",
            "kwargs",
        ],
        "panel.auth._validate_next_url": ["next_url"],
        "panel.auth.BasicAuthProvider.login_handler": None,
        "panel.auth.BasicAuthProvider.get_user": None,
        "panel.auth.LogoutHandler.get": ["self"],
        "panel.auth.OAuthLoginHandler._redirect_uri": None,
        "panel.auth.OAuthLoginHandler.set_auth_cookies": [
            "handler",
            "id_token",
            "access_token",
            "refresh_token",
            "expires_in",
        ],
        "panel.auth.OAuthLoginHandler.write_error": ["self", "status_code", "kwargs"],
    },
    "sockets": {
        "panel.io.server.WSHandler.open": ["self", "args", "kwargs"],
        "panel.io.server.WSHandler._async_open": ["self", "token"],
        "bokeh.server.views.ws.WSHandler.on_message": ["self", "fragment"],
        "bokeh.server.views.ws.WSHandler.send_message": ["self", "message"],
        "bokeh.server.views.ws.WSHandler.on_close": ["self"],
        "bokeh.server.tornado.BokehTornado.client_lost": ["self", "connection"],
        "tornado.websocket.WebSocketHandler.get_websocket_protocol": ["self"],
        "tornado.websocket.WebSocketHandler.ping": ["self", "data"],
    },
    "pace": {
        "tornado.websocket.WebSocketProtocol13.__init__": ["self", "handler", "mask_outgoing", "params"],
        "tornado.websocket.WebSocketProtocol13._receive_frame": ["self"],
        "tornado.websocket.WebSocketProtocol13.write_message": ["self", "message", "binary"],
    },
    "pages": {
        "panel.io.server.DocHandler.get": ["self", "args", "kwargs"],
        "panel.io.server.DocHandler.get_session": ["self"],
        "panel.io.server.DocHandler._generate_token_payload": ["self"],
    },
    "sessions": {
        "bokeh.util.token._TOKEN_ZLIB_KEY": None,
        "bokeh.util.token.check_session_id_signature": ["session_id", "secret_key", "signed"],
    },
    "connections": {
        "tornado.httpserver.HTTPServer.start_request": ["self", "server_conn", "request_conn"],
        "tornado.httpserver.HTTPServer.on_close": ["self", "server_conn"],
        "tornado.tcpserver.TCPServer.add_sockets": ["self", "sockets"],
        "tornado.tcpserver.TCPServer.start": ["self", "num_processes", "max_restarts"],
    },
    "logins": {
        "panel.auth.BasicLoginHandler._login_template": None,
        "panel.auth.OAuthLoginHandler._error_template": None,
    },
}
#: Fields that have no declaration: the class that sets them -> their names.
FIELDS = {
    "bokeh.server.tornado.BokehTornado": ["_clients"],
    "bokeh.server.connection.ServerConnection": ["_socket"],
    "bokeh.server.views.ws.WSHandler": ["_token", "connection", "latest_pong", "application_context"],
    "tornado.websocket.WebSocketProtocol13": ["_wire_bytes_in"],
    "tornado.tcpserver.TCPServer": ["_handlers", "_sockets", "_stopped"],
}


def found(name: str) -> Any:
    """Return what a dotted name stands for, a method as it stands in its class."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            thing: Any = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:]:
            thing = inspect.getattr_static(thing, part)
        return thing
    raise LookupError(name)


@pytest.mark.parametrize("name", [name for used in SERVER.values() for name in used])
def test_what_the_server_overrides_is_there_and_is_called_as_before(name: str) -> None:
    (expected,) = (used[name] for used in SERVER.values() if name in used)
    thing = found(name)
    if expected is not None:
        thing = thing.__func__ if isinstance(thing, staticmethod) else thing
        assert list(inspect.signature(thing).parameters) == expected


@pytest.mark.parametrize("name", FIELDS)
def test_the_fields_that_the_server_reads_are_set_where_they_were(name: str) -> None:
    source = inspect.getsource(found(name))
    assert all(f"self.{field}" in source for field in FIELDS[name])


def test_the_open_sockets_of_a_server_are_found() -> None:
    class Connection:
        def __init__(self, socket: object) -> None:
            self._socket = socket

    class Server:
        _clients = frozenset({Connection("open"), Connection(None)})

    assert open_sockets([Server(), object()]) == {"open"}
