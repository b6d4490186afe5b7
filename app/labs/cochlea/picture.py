"""The picture of the lab on the landing page: small, drawn from its own numbers."""

from typing import Any

import numpy as np

from app.labs.cochlea.model import CochleaModel


def card(width: int = 360, height: int = 150) -> str:
    """Draw the input/output curves of a normal ear and of one without outer hair cells."""
    curve = CochleaModel().input_output
    across = curve.levels / curve.levels[-1] * width

    def line(values: np.ndarray[Any, Any], css_class: str) -> str:
        down = height - 8 - (values + 10) / 125 * (height - 16)
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True) if y < height)
        return f"<polyline points='{points}' class='{css_class}'/>"

    lines = line(curve.linear, "weak") + line(curve.total, "strong")
    return f"<svg viewBox='0 0 {width} {height}' role='img' aria-hidden='true'>{lines}</svg>"
