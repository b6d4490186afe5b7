"""How nbval runs and compares the notebooks: numbers and words strictly, pictures and page code not at all."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from notebooks import quick_start

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


def pytest_configure(config: pytest.Config) -> None:
    """Give the kernels of this process a folder of their own: nobody's history or settings, and a quick start."""
    folder = Path(tempfile.mkdtemp(prefix="amtlab-kernels-"))
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    startup = folder / "profile_default" / "startup"
    startup.mkdir(parents=True)
    shutil.copy(quick_start.__file__, startup)
    os.environ["IPYTHONDIR"] = str(folder)


def pytest_collectstart(collector: Any) -> None:
    """Tell each collected notebook which kinds of output to leave alone."""
    path = getattr(collector, "path", None)
    if path is not None and path.suffix == ".ipynb" and hasattr(collector, "skip_compare"):
        collector.skip_compare += NOT_COMPARED
