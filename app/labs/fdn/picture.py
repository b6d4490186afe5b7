"""The picture of the lab on the landing page: small, drawn from its own numbers."""

import numpy as np

from amtlib import fdn
from app.labs.fdn import findings
from app.labs.fdn.model import FdnModel


def card(width: int = 360, height: int = 150) -> str:
    """Draw how strongly the modes of a network are excited, before training: what stands out rings."""
    modes = fdn.modal_decomposition(findings.bare(FdnModel().start), band=(300.0, 900.0))
    excitation = modes.excitation_db.ravel()
    across = (modes.frequencies - 300) / 600 * width
    down = height - 6 - np.clip(excitation - excitation.max() + 45, 0, None) / 45 * (height - 16)
    lines = "".join(
        f"<polyline points='{x:.1f},{height - 4} {x:.1f},{y:.1f}' class='{'strong' if y < 0.22 * height else 'weak'}'/>"
        for x, y in zip(across, down, strict=True)
    )
    return f"<svg viewBox='0 0 {width} {height}' role='img' aria-hidden='true'>{lines}</svg>"
