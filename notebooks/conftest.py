"""How nbval compares the notebooks: numbers and words strictly, pictures and page code not at all."""

from typing import Any

# Displays carry fresh identifiers and packed data on every run. Their text form (`:Curve [f] (dB)`) stays
# compared, so a plot of another kind or dimension still fails.
NOT_COMPARED = (
    "text/html",
    "image/png",
    "image/svg+xml",
    "application/javascript",
    "application/vnd.holoviews_exec.v0+json",
    "application/vnd.holoviews_load.v0+json",
    "application/vnd.jupyter.widget-view+json",
)


def pytest_collectstart(collector: Any) -> None:
    """Tell each collected notebook which kinds of output to leave alone."""
    path = getattr(collector, "path", None)
    if path is not None and path.suffix == ".ipynb" and hasattr(collector, "skip_compare"):
        collector.skip_compare += NOT_COMPARED
