"""The picture of the lab on the landing page: small, drawn from its own numbers."""

from app.labs.ear_and_room.model import EarAndRoomModel
from app.labs.fdn.ear import SENSATION


def card(width: int = 360, height: int = 150) -> str:
    """Draw how the room of the lab sinks below an ear's threshold: low channels at the bottom, time to the right."""
    heard = EarAndRoomModel().room_representation()
    assert heard is not None
    rows, columns = heard.sensation.shape
    step = 4  # 40 ms a cell
    levels = heard.sensation[:, : columns // step * step].reshape(rows, -1, step).mean(-1) / SENSATION[1]
    across, down = width / levels.shape[1], height / rows
    cells = "".join(
        f"<rect x='{i * across:.1f}' y='{height - (row + 1) * down:.1f}' width='{across + 0.2:.1f}' "
        f"height='{down + 0.2:.1f}' class='cell' fill-opacity='{level:.2f}'/>"
        for row, line in enumerate(levels)
        for i, level in enumerate(line)
        if level > 0.02
    )
    return f"<svg viewBox='0 0 {width} {height}' role='img' aria-hidden='true'>{cells}</svg>"
