"""How nbval compares the notebooks: numbers and words strictly, pictures and page code not at all."""

from typing import Any

from notebooks.kernels import fork_kernels

#: With fewer notebooks, the process that kernels are forked from costs more than it saves.
MANY = 4

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


def pytest_collection_finish(session: Any) -> None:
    """Fork the kernels of many notebooks from one process."""
    if len({item.path for item in session.items if item.path.suffix == ".ipynb"}) >= MANY:
        fork_kernels()
