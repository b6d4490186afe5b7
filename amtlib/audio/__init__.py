"""Sound files in and out: decode, validate, resample and calibrate to Pa; write WAV; sound that is safe to play; rooms.
Source: libsndfile (decoding) and the SoX resampler (VHQ), through soundfile and soxr; WAV as in RFC 2361.
Not here: generators of sound (:mod:`amtlib.signals`) and playing: that is the browser's or notebook's work.
"""

from amtlib.audio.blocks import AudioBlocks, RateChange
from amtlib.audio.containers import SUFFIXES
from amtlib.audio.contents import AudioError
from amtlib.audio.mixing import Mix
from amtlib.audio.reading import Recording, load
from amtlib.audio.rooms import ROOMS, Room, load_room
from amtlib.audio.scale import FULL_SCALE_DB
from amtlib.audio.writing import playback, save, wav_bytes

__all__ = [
    "FULL_SCALE_DB",
    "ROOMS",
    "SUFFIXES",
    "AudioBlocks",
    "AudioError",
    "Mix",
    "RateChange",
    "Recording",
    "Room",
    "load",
    "load_room",
    "playback",
    "save",
    "wav_bytes",
]
