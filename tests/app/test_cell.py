"""A lab in a notebook's cell: everything it needs comes with it, so that it shows without a network."""

import re
from collections.abc import Iterator

import panel as pn
import pytest
from bokeh.document import Document
from bokeh.models import ImportedStyleSheet, Model
from bokeh.models import Plot as BokehPlot
from pyviz_comms import Comm

from amtlib.plot import theme
from app.labs.filterbank.view import FilterbankLab
from app.page.view import LabView
from app.site import LABS
from app.upstream import keep_cells_offline


@pytest.fixture(scope="module", params=LABS, ids=lambda lab: lab.slug)
def models(request: pytest.FixtureRequest) -> set[Model]:
    view: LabView = request.param()
    return view.__panel__().get_root(Document(), comm=Comm()).references()


def test_a_cell_fetches_no_style_sheet(models: set[Model]) -> None:
    assert not [model.url for model in models if isinstance(model, ImportedStyleSheet)]


def test_a_cell_fetches_no_component(models: set[Model]) -> None:
    assert not [m.esm for m in models if str(getattr(m, "esm", "")).startswith(("http:", "https:"))]


def test_a_cell_shows_all_parts_of_the_lab(models: set[Model]) -> None:
    kinds = {model.data.kind for model in models if hasattr(model, "esm") and hasattr(model.data, "kind")}
    assert kinds == {"controls", "main"}


@pytest.fixture
def as_in_a_notebook() -> Iterator[None]:
    """Give cells the design that they have in a kernel."""
    before = pn.config.design, pn.config.inline
    keep_cells_offline()
    yield
    pn.config.design, pn.config.inline = before


@pytest.mark.usefixtures("as_in_a_notebook")
def test_a_figure_and_its_control_in_a_row_fetch_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pn.extension, "_loaded", True)
    lab = FilterbankLab()
    row = pn.Row(lab.control("s.level"), lab.control("s.kind"), lab.figure("waveform"))
    bundle, _ = row._repr_mimebundle_()
    written = "".join(map(str, bundle.values()))
    assert "waveform" in written
    assert not re.findall(r"https?://cdn[^\s\"']*", written)


def test_a_figure_in_a_row_has_the_type_sizes_of_the_theme_before_and_after_a_move() -> None:
    lab = FilterbankLab()
    root = pn.Row(lab.figure("cochleagram")).get_root(Document(), comm=Comm())
    (drawn,) = root.select({"type": BokehPlot})
    for level in (60.0, 80.0):
        lab.control("s.level").value = level
        (axis,) = drawn.xaxis
        sizes = drawn.title.text_font_size, axis.axis_label_text_font_size, axis.major_label_text_font_size
        assert sizes == (theme.TITLE_SIZE, theme.LABEL_SIZE, theme.TICK_SIZE)


def test_without_that_design_panel_material_ui_fetches_one() -> None:
    row = pn.Row(FilterbankLab().control("s.level"))
    shown = row.get_root(Document(), comm=Comm()).references()
    assert [m.esm for m in shown if str(getattr(m, "esm", "")).startswith("https:")]
