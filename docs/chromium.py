"""Where Chromium is on this machine, and how to start it without a screen."""

import os
import shutil

# The sandbox needs rights a container lacks; the rest keeps the browser from calling anybody.
LAUNCH_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


def find_chromium() -> str | None:
    """Return the path of a Chromium: the one AMTLAB_CHROMIUM names, or the first installed one."""
    named = os.environ.get("AMTLAB_CHROMIUM")
    if named:
        return named
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for path in map(shutil.which, names) if path), None)
