"""The picture of the lab on the landing page: small, drawn from its own numbers."""

import numpy as np

from app.labs.loudness.model import LoudnessModel


def card(width: int = 360, height: int = 150) -> str:
    """Draw the excitation of a tone at five levels: louder ones lean towards high frequencies."""
    excitation = LoudnessModel().series.excitation
    across = np.linspace(0, width, excitation.shape[1])
    down = height - 6 - np.clip(excitation + 5, 0, None) / 110 * (height - 16)
    lines = "".join(
        "<polyline points='"
        + " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, row, strict=True))
        + f"' class='{'strong' if i == len(down) - 1 else 'weak'}'/>"
        for i, row in enumerate(down)
    )
    return f"<svg viewBox='0 0 {width} {height}' role='img' aria-hidden='true'>{lines}</svg>"
