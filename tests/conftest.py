"""What every test shares: one thread of linear algebra a process, properties without a stopwatch, a plain last word."""

import gc
import os
from typing import Any

# Several test processes share the cores; with more threads than cores they only wait for each other, and OpenBLAS waits
# by computing. It reads this when NumPy is imported; kernels, servers and workers that tests start inherit it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hypothesis
import pytest
import torch

from docs.chromium import find_chromium

torch.set_num_threads(1)

# While modules are imported and tests collected, nearly everything stays: looking through it again and again for
# garbage took a third of that time.
gc.disable()

# A slow machine is no counterexample, so examples have no deadline.
hypothesis.settings.register_profile("house", deadline=None, print_blob=True)
hypothesis.settings.load_profile("house")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Look for garbage from the first test on, and only among what tests make."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say plainly when the browser tests did not run."""
    skipped = [r for r in terminalreporter.stats.get("skipped", []) if r.nodeid.startswith("tests/browser/")]
    if skipped and find_chromium() is None:
        terminalreporter.write_line(
            f"The {len(skipped)} browser tests did NOT run: no Chromium found. "
            "Install chromium, or name one in AMTLAB_CHROMIUM.",
            yellow=True,
        )
