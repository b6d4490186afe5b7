"""Arrays of a figure made small: images as one byte a value, equal lines once."""

from typing import Any

import numpy as np


def every_line(values: np.ndarray[Any, Any], lines: int) -> dict[str, Any]:
    """Return a column of `lines` equal lines, which travels once."""
    return {"every_line": values, "lines": lines}


def packed(values: np.ndarray[Any, Any], low: float, high: float) -> dict[str, Any]:
    """Return an image, or a column of lines, as one byte a value: 256 steps from `low` to `high`, no others.

    Parameters
    ----------
    values : ndarray, shape ``(rows, columns)``
        What lies outside the limits is drawn at the limits.
    low, high : float
        For a picture the limits of its colours: it has no more than 256 of them anyway.

    Returns
    -------
    dict
        What the page unpacks to float32 rows, a quarter of the size.
    """
    scaled = np.clip((values - low) * (255.0 / (high - low)), 0.0, 255.0)
    return {"packed": np.rint(scaled).astype(np.uint8), "low": low, "high": high}
