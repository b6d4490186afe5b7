"""Settings of Sphinx for the site; `build.py` prepares what it reads and calls it.

Sphinx, because the docstrings are NumPy style with roles that it resolves (:class:, :func:), and pydata's theme, which
has search, light and dark, and phones. Pages are MyST Markdown.
"""

import importlib
import inspect
from importlib.metadata import version as version_of
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from docs.rooms import ROOMS

project = "AMT Lab"
author = "AMT Lab authors"
copyright = "AMT Lab authors, MIT licence"
release = version = version_of("amtlib")

extensions = ["docs.mathml", "myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
# Single backticks of docstrings are names of arguments and files.
default_role = "code"
nitpicky = True
# Types in docstrings are words.
nitpick_ignore_regex = [("py:class", r"(?!amtlib\.).*")]
# Types in docstrings are words: the "bands" in "shape (bands,)" are no name to be found in two places.
suppress_warnings = ["ref.python"]

myst_enable_extensions = ["colon_fence", "dollarmath", "attrs_block"]
myst_heading_anchors = 3
myst_dmath_double_inline = True

napoleon_google_docstring = False
napoleon_use_rtype = False
# As parameters are: Napoleon's own form takes the first of several names that share a line for a type.
napoleon_custom_sections = [("Attributes", "params_style")]
autodoc_typehints = "none"
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"

html_theme = "pydata_sphinx_theme"
html_title = "AMT Lab"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["figures.js", "formulas.js", "links.js"]
html_context = {"default_mode": "auto"}
# Pages that are a section by themselves have nothing to list beside them.
html_sidebars = {
    name: [] for name in ("index", "quickstart", "evidence", "search", "genindex", "py-modindex")
}
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "AMT Lab"},
    "show_prev_next": True,
    "navigation_depth": 2,
    "header_links_before_dropdown": 6,
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}


def _home(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element
) -> nodes.Element | None:
    """Lead a name to the page where its object stands under its room's name.

    It may be a whole one, such as `amtlib.Moore2016`, or that of an object of another room, such as `room_measures`.
    """
    target = node.get("reftarget", "")
    module, _, name = target.rpartition(".")
    if node.get("refdomain") != "py" or not name.isidentifier():
        return None
    rooms = [module for each in ROOMS for module in each.modules]
    homes = [module] if module else [each for each in rooms if name in vars(importlib.import_module(each))]
    try:
        wanted = getattr(importlib.import_module(homes[0]), name)
    except (IndexError, ImportError, AttributeError):
        return None
    if not module and (inspect.ismodule(wanted) or node["reftype"] == "class"):
        return None  # types in docstrings are words, and some are also names
    for room in rooms:
        if getattr(importlib.import_module(room), name, None) is wanted and f"{room}.{name}" != target:
            found = env.domains.python_domain.resolve_xref(
                env, node["refdoc"], app.builder, node["reftype"], f"{room}.{name}", node, content
            )
            if found is not None:
                return found
    return None


def _for_napoleon(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Write what Napoleon would take for something else.

    Of a property's docstring it takes the words before a colon for a type, unless a comment stands in front; and of
    several names in one line of See Also it loses the description, which each of them gets here.
    """
    if what == "property":
        lines[:0] = ["..", ""]
    if "See Also" in lines:
        start = lines.index("See Also") + 2
        end = next((i - 1 for i in range(start, len(lines)) if set(lines[i]) == {"-"}), len(lines))
        told: list[str] = []
        for line in lines[start:end]:
            names, colon, about = line.partition(" : ")
            several = names.split(",") if colon and not line.startswith(" ") else []
            told += [f"{each.strip()}{colon}{about}" for each in several] or [line]
        lines[start:end] = told


def setup(app: Sphinx) -> None:
    """Connect what is above."""
    app.connect("missing-reference", _home)
    app.connect("autodoc-process-docstring", _for_napoleon, priority=400)  # before Napoleon's own, at 500
