"""The picture of the lab on the landing page: small, drawn from its own numbers."""

import numpy as np
import torch

from amtlib import GammatoneFilterbank, scales


def card(width: int = 360, height: int = 150) -> str:
    """Draw the responses of a gammatone filterbank as a small picture: real ones, computed here."""
    bank = GammatoneFilterbank((80.0, 8000.0), fs=32000)
    axis = torch.linspace(2.0, 35.0, 320, dtype=torch.float64)
    gains = 20 * torch.log10(bank.frequency_response(scales.erb2fc(axis)).abs().clamp_min(1e-6))
    across = np.linspace(0, width, len(axis))
    down = np.clip(-gains.numpy() / 40, 0, 1.02) * (height - 12) + 8
    lines = "".join(
        "<polyline points='"
        + " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, row, strict=True) if y < height - 4)
        + f"' class='{'strong' if i == len(down) // 2 else 'weak'}'/>"
        for i, row in enumerate(down)
    )
    return f"<svg viewBox='0 0 {width} {height}' role='img' aria-hidden='true'>{lines}</svg>"
