"""Where the channels lie: equally far apart on the ERB-number scale, one of them on 1 kHz."""

import math

from app.labs.filterbank.result import erb_numbers

#: One channel lies here where neighbours are at most so many ERB apart, so that a tone of 1 kHz has its own level.
ANCHOR, CLOSE = 1000.0, 1.0


def spaced(low: float, high: float, count: int) -> tuple[float, float]:
    """Return the ERB number of the lowest channel and the distance between neighbours, as far apart as they fit.

    Where a channel lies on 1 kHz, the lowest or the highest one lies up to one step inside the range.

    Parameters
    ----------
    low, high : float
        Ends of the range, Hz.
    count : int
        Number of channels, >= 2.

    Examples
    --------
    >>> first, step = spaced(80.0, 8000.0, 40)
    >>> round((float(erb_numbers(1000.0)) - first) / step, 9), round(first + 39 * step - float(erb_numbers(8000.0)), 9)
    (16.0, 0.0)
    """
    bottom, anchor, top = map(_erb, (low, ANCHOR, high))
    step = (top - bottom) / (count - 1)
    if step > CLOSE or not bottom <= anchor <= top:
        return bottom, step

    def widest(below: int) -> float:
        above = count - 1 - below
        return min(
            (anchor - bottom) / below if below else math.inf, (top - anchor) / above if above else math.inf
        )

    fewest = min(math.floor((anchor - bottom) / step), count - 1)
    below = max({fewest, min(fewest + 1, count - 1)}, key=widest)
    step = widest(below)
    return anchor - below * step, step


def _erb(hertz: float) -> float:
    return float(erb_numbers(hertz))


def fitting(low: float, high: float, spacing: float) -> int:
    """Return how many channels fit at a distance in ERB, see `spaced`.

    Examples
    --------
    >>> fitting(80.0, 8000.0, 0.5), round(spaced(80.0, 8000.0, 61)[1], 2)
    (61, 0.5)
    """
    bottom, anchor, top = map(_erb, (low, ANCHOR, high))
    if spacing > CLOSE or not bottom <= anchor <= top:
        return round((top - bottom) / spacing) + 1
    return math.floor((anchor - bottom) / spacing) + math.floor((top - anchor) / spacing) + 1
