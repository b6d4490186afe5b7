"""A lab in a notebook's cell: everything it needs comes with it, so that it shows without a network."""

import pytest
from bokeh.document import Document
from bokeh.models import ImportedStyleSheet, Model
from pyviz_comms import Comm

from app.page.view import LabView
from app.site import LABS


@pytest.fixture(params=LABS, ids=lambda lab: lab.slug)
def models(request: pytest.FixtureRequest) -> set[Model]:
    view: LabView = request.param()
    return view.__panel__().get_root(Document(), comm=Comm()).references()


def test_a_cell_fetches_no_style_sheet(models: set[Model]) -> None:
    assert not [model.url for model in models if isinstance(model, ImportedStyleSheet)]


def test_a_cell_fetches_no_component(models: set[Model]) -> None:
    assert not [m.esm for m in models if str(getattr(m, "esm", "")).startswith(("http:", "https:"))]


def test_a_cell_shows_all_parts_of_the_lab(models: set[Model]) -> None:
    kinds = {model.data.kind for model in models if hasattr(model, "esm") and hasattr(model.data, "kind")}
    assert kinds == {"controls", "words", "figures", "tools"}
