"""Three rooms that come with the library: impulse responses to fit networks to and to listen in.
Source: image sources (Allen and Berkley 1979), see `impulse_responses/ORIGIN.md`, where the licence stands.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import torch

from amtlib.audio.reading import load, whole_rate

_FOLDER = Path(__file__).parent / "impulse_responses"
_FS = 48000

#: When the direct sound arrives in each room's file, s.
ONSET = 0.001


@dataclass(frozen=True)
class Room:
    """A room that was simulated.

    Parameters
    ----------
    label : str
        Its name.
    file : Path
        The impulse response: FLAC, mono, 48 kHz, 24 bit.
    sentence : str
        What one hears in it.

    Examples
    --------
    >>> ROOMS["church"].label
    'Church'
    """

    label: str
    file: Path = field(repr=False)
    sentence: str


#: The rooms by slug, small to large.
ROOMS: dict[str, Room] = {
    "bathroom": Room(
        "Tiled bathroom",
        _FOLDER / "bathroom.flac",
        "Small and bright: dense at once, and it rings for 1.0 s at 1 kHz.",
    ),
    "lecture_hall": Room(
        "Lecture hall",
        _FOLDER / "lecture_hall.flac",
        "A few clear early reflections, then 1.0 s of decay at 1 kHz, a little longer in the bass.",
    ),
    "church": Room(
        "Church",
        _FOLDER / "church.flac",
        "Reflections come late and far apart, and the sound dies away over 2.8 s at 1 kHz, its treble much sooner.",
    ),
}


@lru_cache(maxsize=8)
def _response(slug: str, fs: int) -> torch.Tensor:
    # A filter at a lower rate needs larger samples for the same gain.
    return load(ROOMS[slug].file, fs=fs).samples * (_FS / fs)


def load_room(slug: str, fs: int = _FS) -> torch.Tensor:
    """
    Return the impulse response of one of the rooms.

    Parameters
    ----------
    slug : str
        A key of :data:`ROOMS`.
    fs : int
        Sampling rate in Hz, 2000 to 768000.

    Returns
    -------
    Tensor, shape (T,)
        float32, no unit. The direct sound arrives after 1 ms; at 48 kHz the largest sample is 0.9. At other
        rates samples are scaled so that the room, as a filter, has the same gain (and another peak). Each call
        returns a copy of its own; files are read and resampled once per process.

    Raises
    ------
    ValueError
        If there is no such room, or the rate is out of range or not whole.

    Examples
    --------
    >>> h = load_room("church")
    >>> h.shape, h.dtype, int(h.abs().argmax())
    (torch.Size([120000]), torch.float32, 48)
    """
    if not isinstance(slug, str) or slug not in ROOMS:
        raise ValueError(f"slug = {slug!r} is no room: choose one of {', '.join(map(repr, ROOMS))}")
    return _response(slug, whole_rate(fs)).clone()
