"""The picture of the lab on the landing page: small, drawn from its own numbers."""

import numpy as np

from app.labs.perception.model import PerceptionLabModel


def card(width: int = 360, height: int = 150) -> str:
    """Draw what adaptation makes of a step of the level: its onset stands out."""
    met = PerceptionLabModel().meeting
    output = met.output[::8]
    across = np.linspace(0.0, width, len(output))
    low, high = output.min(), output.max()

    def line(values: np.ndarray, css_class: str) -> str:
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, values, strict=True))
        return f"<polyline points='{points}' class='{css_class}'/>"

    level = met.level_db[::8]
    lines = line(height - 20 - level / level.max() * (height - 60), "weak") + line(
        height - 8 - (output - low) / (high - low) * (height - 16), "strong"
    )
    return f"<svg viewBox='0 0 {width} {height}' role='img' aria-hidden='true'>{lines}</svg>"
