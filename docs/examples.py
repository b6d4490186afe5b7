"""The examples of docstrings with their pictures: each is run, and the last result that has one is drawn.

The tests run the same examples as doctests and compare what they say.
"""

import contextlib
import doctest
import inspect
import io
import sys
import warnings
from typing import Any

import holoviews as hv

from amtlib.charts import Chart
from docs.gallery import thumbnail

#: A matrix of fewer numbers is told in words
_FEWEST_CELLS = 16
_PARSER = doctest.DocTestParser()


def picture(value: Any) -> str:
    """Return the picture of the last result of an object's examples that has one; nothing where none has."""
    examples = _PARSER.get_examples(inspect.getdoc(value) or "")
    names = dict(vars(sys.modules[value.__module__]))
    known = set(map(id, names.values()))
    found = ""
    said = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        warnings.simplefilter("ignore")
        for example in examples:
            if example.exc_msg is not None:
                continue
            for shown in _results(example.source, names):
                if id(shown) not in known:
                    found = _drawn(shown) or found
                    known.add(id(shown))
    return found


def _results(source: str, names: dict[str, Any]) -> list[Any]:
    """Run a line of an example; return its value, and everything that has a name now."""
    try:
        value = eval(compile(source, "example", "eval"), names)
    except SyntaxError:
        exec(compile(source, "example", "exec"), names)
        value = None
    return [*names.values(), value]


def _drawn(shown: Any) -> str:
    if isinstance(shown, hv.Overlay):
        return thumbnail(shown)
    if inspect.isclass(shown) or not callable(getattr(type(shown), "chart", None)):
        return ""
    chart = shown.chart()
    if not (isinstance(chart, Chart) and chart):
        return ""
    few = chart.cells is not None and chart.cells[2].size < _FEWEST_CELLS
    return "" if few else chart.svg()
