"""The page's script: its modules by themselves, their types, how they are joined, and what they need of BokehJS."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import bokeh
import playwright
import pytest

from app.page.script import LISTEN, SCRIPT, WORKLET, joined
from tests.js.npm import TYPESCRIPT
from tests.serving import ROOT

JS = ROOT / "app" / "page" / "js"
BOKEH_JS = Path(bokeh.__file__).parent / "server" / "static" / "js"
TESTS = sorted((ROOT / "tests" / "js").glob("*.test.mjs"))


@pytest.fixture(scope="module")
def node() -> str:
    """Return the path of the node that playwright brings."""
    found = shutil.which("node", path=Path(playwright.__file__).parent / "driver")
    assert found, "this playwright brings no node"
    return found


def run(*command: str | Path) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout[-8000:] + ended.stderr[-2000:]


# ---------------------------------------------------------------- the modules


def test_there_are_tests_of_the_modules() -> None:
    assert {path.name.split(".")[0] for path in TESTS} >= {
        "engine",
        "inputs",
        "link",
        "queue",
        "reconnection",
        "scale",
        "unpack",
    }


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name.split(".")[0])
def test_a_module_passes_its_own_tests(node: str, path: Path) -> None:
    run(node, "--test", "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", path)


def check_types(node: str, folder: Path, *files: str) -> None:
    """Fail where TypeScript finds a type that is not right in these files."""
    if TYPESCRIPT.missing:
        pytest.skip(TYPESCRIPT.missing)
    config = {
        "extends": str(JS / "jsconfig.json"),
        "compilerOptions": {"paths": {"@bokehjs/*": [f"{BOKEH_JS / 'lib'}/*"]}},
        "include": files,
    }
    (folder / "tsconfig.json").write_text(json.dumps(config), encoding="utf-8")
    run(node, TYPESCRIPT.file("lib/tsc.js"), "--project", folder)


def test_the_types_of_the_modules_are_right_those_of_bokehjs_among_them(node: str, tmp_path: Path) -> None:
    check_types(node, tmp_path, f"{JS}/*.js", f"{JS}/types.ts")


# ---------------------------------------------------------------- one script of many modules


def test_the_script_of_a_page_imports_nothing_and_exports_its_drawing(node: str, tmp_path: Path) -> None:
    assert re.findall(r"^(?:import|export)\b.*", SCRIPT, re.MULTILINE) == ["export const {render} = $main"]
    (tmp_path / "page.mjs").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "main.mjs").write_text(
        'import * as page from "./page.mjs"\n'
        'if (Object.keys(page).join() !== "render" || page.render.length !== 1) process.exit(1)\n',
        encoding="utf-8",
    )
    run(node, tmp_path / "main.mjs")


def parts(script: str) -> set[str]:
    return set(re.findall(r"^const \$(\w+) = \(\(\) => \{$", script, re.MULTILINE))


def test_every_module_is_part_of_a_script() -> None:
    assert parts(SCRIPT) | parts(WORKLET) | parts(LISTEN) == {path.stem for path in JS.glob("*.js")}
    assert parts(LISTEN) - parts(SCRIPT) == {path.stem for path in JS.glob("listen*.js")}
    assert parts(WORKLET) - parts(SCRIPT) == {"worklet"}
    assert re.findall(r"^(?:import|export)\b.*", WORKLET, re.MULTILINE) == ["export const {} = $worklet"]


def written(folder: Path, **modules: str) -> Path:
    for name, text in modules.items():
        (folder / f"{name}.js").write_text(text, encoding="utf-8")
    return folder


def test_names_of_one_module_do_not_meet_those_of_another(node: str, tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        one='import {value} from "./two.js"\n\nconst SECRET = 1\nexport const sum = SECRET + value\n',
        two='import {three} from "./three.js"\n\nconst SECRET = 20\nexport const value = SECRET + three()\n',
        three="/**\n * Adds.\n */\nexport function three() {\n  return SECRET\n}\n// the last\nconst SECRET = 300\n",
    )
    script = joined(folder, "one")
    assert "Adds" not in script
    assert "the last" not in script
    (folder / "joined.mjs").write_text(script, encoding="utf-8")
    (folder / "main.mjs").write_text(
        'import {sum} from "./joined.mjs"\nif (sum !== 321) process.exit(1)\n', encoding="utf-8"
    )
    run(node, folder / "main.mjs")


@pytest.mark.parametrize(
    ("modules", "problem"),
    [
        (
            {"one": 'import {a, b} from "./two.js"\n', "two": "export const a = 1\nconst b = 2\n"},
            r"one\.js imports b, which two\.js does not export",
        ),
        (
            {
                "one": 'import {a} from "./two.js"\n',
                "two": 'import {b} from "./one.js"\nexport const a = 1\n',
            },
            "one imports two imports one: take the circle out",
        ),
        ({"one": "export default 3\n"}, r"one\.js: “export default 3” is no form of import or export"),
        ({"one": 'import * as two from "./two.js"\n'}, r"one\.js: “import \* as two"),
        ({"one": 'import {map} from "lodash"\n'}, r"one\.js: “import \{map\} from \"lodash\""),
    ],
    ids=["a name that is not exported", "a circle", "a default", "a whole module", "a package"],
)
def test_modules_that_do_not_fit_together_cannot_be_joined(
    tmp_path: Path, modules: dict[str, str], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        joined(written(tmp_path, **modules), "one")


def test_a_module_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"two\.js"):
        joined(written(tmp_path, one='import {a} from "./two.js"\n'), "one")


# ---------------------------------------------------------------- what is private in BokehJS


def body(source: str, name: str) -> str:
    """Return a class of BokehJS, to the bracket that closes it."""
    found = re.search(rf"^( *)class {name}\b.*\n(?:.*\n)*?\1\}}", source, re.MULTILINE)
    assert found, f"BokehJS has no class {name} any more: see app/page/js/upstream.js"
    return found[0]


def test_bokehjs_still_has_and_calls_every_private_member_that_the_page_replaces() -> None:
    upstream = (JS / "upstream.js").read_text(encoding="utf-8")
    replaced = set(re.findall(r'connection\["(_\w+)"\] = ', upstream)) | {"_receiver"}
    assert len(replaced) == 6
    source = (BOKEH_JS / "bokeh.js").read_text(encoding="utf-8")
    connection = body(source, "ClientConnection")
    for line in (
        "void this._repull_session_doc(resolve, reject)",
        "this._schedule_reconnect(this._reconnect_delay())",
        "this._close_bad_protocol(problem)",
        "this.socket.onclose = (event) => this._on_close(event, reject)",
        "document.config.reconnect_session && this._reconnection_attempts_left > 0",
        "this._receiver.consume(event.data)",
    ):
        replaced -= set(re.findall(r"\b_\w+", line))
        assert line in connection, f"BokehJS no longer says {line}: see app/page/js/upstream.js"
    assert not replaced
    assert "new ConnectionLost(new WeakRef(this)" in connection.replace("bokeh_events_1.", "")
    assert "this.connection = connection" in body(source, "ConnectionLost")
    assert "this.socket.close(1002, detail)" in connection  # mended upstream, once this is gone


def test_bokehjs_still_draws_legends_in_files_by_what_the_page_replaces() -> None:
    source = (BOKEH_JS / "bokeh.js").read_text(encoding="utf-8")
    for line in (
        "this._draw_legend_items(ctx, canvas_bbox)",
        "view?.draw_legend(ctx, x0, x1, y0, y1, field, label, item.index)",
        "item.get_field_from_label_prop()",
        "this.plot_view.views.find_one(renderer)",
        "ctx.drawImage(glyph_el, glyph_bbox.x, glyph_bbox.y)",
        "this._pixel_ratio = devicePixelRatio",
    ):
        assert line in source, f"BokehJS no longer says {line}: see app/page/js/upstream.js"


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "LayoutDOMView",
            (
                "this.update_layout();\nthis.compute_layout();",
                "this.measure_layout();\nthis.update_bbox();\nthis._compute_layout();\nthis.after_layout();",
                "this._layout_computed = true;",
                "], () => this.invalidate_layout());",
            ),
        ),
        (
            "PlotView",
            (
                "repaint() {\nthis._invalidate_layout_if_needed();\nthis.paint();\n}",
                "get base_font_size() {",
                "if (this._needs_paint) {",
                "this.unpause(true);",
                "inner_width: Math.round(this.frame.bbox.width)",
            ),
        ),
        (
            "LegendView",
            (
                "this.on_transitive_change(items, () => this._render_items(), { recursive: true });",
                "get labels() {",
            ),
        ),
        ("VisualProperties", ("_get_css_value(name) {", "const style = getComputedStyle(this.obj.el);")),
    ],
)
def test_bokehjs_still_lays_figures_out_by_what_the_page_replaces(name: str, lines: tuple[str, ...]) -> None:
    source = re.sub(r"\n +", "\n", body((BOKEH_JS / "bokeh.js").read_text(encoding="utf-8"), name))
    for line in lines:
        assert line in source, f"BokehJS no longer says {line}: see upstream.js"


def test_bokehjs_still_writes_style_sheets_whether_or_not_they_change_and_makes_views_by_a_models_own_class() -> (
    None
):
    source = (BOKEH_JS / "bokeh.js").read_text(encoding="utf-8")
    assert re.search(r"_update\(css\) \{\s+this\.el\.textContent = css;\s+\}", source)
    assert "cls = (model) => model.default_view" in source
    assert "get is_active() {" in source  # of legends


def test_no_style_of_the_page_is_one_that_figures_no_longer_look_for() -> None:
    for path in [*(ROOT / "app" / "static").glob("*.css"), *(ROOT / "app").rglob("*.py")]:
        assert "--bk-" not in path.read_text(encoding="utf-8"), path


def test_private_members_of_bokehjs_stand_in_one_module() -> None:
    elsewhere = [
        f"{path.name}: {found}"
        for path in JS.glob("*.js")
        if path.name != "upstream.js"
        for found in re.findall(r"(?:\.|\[\")_\w+", path.read_text(encoding="utf-8"))
    ]
    assert elsewhere == []
