"""Simulate the rooms that networks learn from: run as a script, this writes the files beside it anew.
Source: Allen and Berkley (1979), JASA 65, 943-950 (image sources); Eyring (1930), JASA 1, 217-241; ISO 9613-1:1993.
Not imported by the library, which reads the files (:mod:`amtlib.audio.rooms`). No room with furniture: six flat walls.

What is simulated
    A point source and a point receiver, both the same in all directions, in a box of six walls. Each wall has an
    absorption and all have a scattering coefficient per octave. Image sources give what is mirrored: each image is
    an impulse at its true, fractional delay (windowed sinc), of amplitude 1 / distance, less what walls and air
    took from it in each of 37 bands (half octaves below 1 kHz, sixths above, where the air makes the decay change
    quickly; what lies between octaves is interpolated). The bands are split without phase and sum to 1; below the
    lowest one's centre, 44 Hz, the sound fades out, since the images of a box pile up towards 0 Hz.
What is not, and what stands for it
    A pure box of mirrors sounds artificial: echoes run to and fro between parallel walls (flutter) and arrive in
    sweeps, as in no real room. So a part of the energy, by the scattering coefficients, leaves the mirrored sound at
    each reflection, and all of it does during a blend that begins after the mixing time. What has left goes on
    as Gaussian noise, band by band, with the energy that the images lack of a diffuse field decaying as Eyring says:
    sum of both is 4 pi c / V exp(-13.8 t / T) per second, for a direct sound of 1 at 1 m. After the blend
    the response is this noise alone: no modes are heard below the Schroeder frequency (about 470 Hz in the bathroom).
What the files hold
    Mono, 48 kHz, 24 bit. The direct sound arrives at sample 48 (1 ms), whatever its way through the air took;
    the largest sample is 0.9; the end is where the decay has reached -70 dB, at 2.5 s at the latest, with a short fade.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

Array = NDArray[np.float64]

FS = 48000
#: Arrival of the direct sound in a file, s.
ONSET = 0.001
#: Largest sample of a file, re full scale.
PEAK = 0.9
#: Octave centres in Hz, for which absorption and scattering are given.
OCTAVES: Array = np.asarray(1000.0 * 2.0 ** np.arange(-4, 5))
#: Centres in Hz of the bands in which rooms are simulated: half octaves up to 1 kHz, then sixths.
BANDS: Array = np.asarray(1000.0 * 2.0 ** np.concatenate([np.arange(-9, 0) / 2.0, np.arange(28) / 6.0]))
#: Speed of sound at 20 degrees C, m/s.
SPEED = 343.2
#: Decay in dB after which a file ends, its longest duration and its fade in s.
DEPTH, LONGEST, FADE = 70.0, 2.5, 0.02

_TAPS = 32  # on each side of an impulse
_LEAD = 0.2  # s of silence for what the band filters ring before an impulse
_SIXTY_DB = math.log(1e6)

# Absorption per octave, 62.5 Hz to 16 kHz: our own round numbers, of the size that tables of room acoustics have.
TILES = (0.01, 0.01, 0.01, 0.01, 0.02, 0.02, 0.02, 0.03, 0.04)
TILES_WITH_DOOR_AND_TOWELS = (0.16, 0.16, 0.17, 0.19, 0.20, 0.22, 0.23, 0.24, 0.25)
PLASTERBOARD = (0.26, 0.23, 0.20, 0.17, 0.14, 0.12, 0.11, 0.11, 0.12)
PLASTER = (0.05, 0.05, 0.05, 0.05, 0.05, 0.06, 0.06, 0.07, 0.08)
WOOD_PANELS = (0.28, 0.24, 0.20, 0.16, 0.13, 0.11, 0.10, 0.10, 0.10)
WINDOWS = (0.24, 0.20, 0.16, 0.12, 0.09, 0.07, 0.06, 0.06, 0.06)
SEATS = (0.16, 0.19, 0.22, 0.25, 0.28, 0.30, 0.31, 0.32, 0.32)
ACOUSTIC_CEILING = (0.16, 0.18, 0.20, 0.22, 0.23, 0.24, 0.24, 0.24, 0.24)
STONE = (0.06, 0.06, 0.06, 0.06, 0.06, 0.07, 0.07, 0.08, 0.09)
STONE_WITH_WINDOWS = (0.12, 0.11, 0.10, 0.09, 0.08, 0.08, 0.08, 0.09, 0.10)
PEWS = (0.18, 0.21, 0.25, 0.29, 0.33, 0.36, 0.38, 0.40, 0.40)
PLASTERED_VAULT = (0.14, 0.13, 0.12, 0.11, 0.10, 0.10, 0.10, 0.11, 0.12)


@dataclass(frozen=True)
class Box:
    """
    A room: its size, walls, source and receiver.

    Attributes
    ----------
    size : tuple of 3 floats
        Length, width and height in m.
    source, receiver : tuple of 3 floats
        Positions in m, from the corner.
    walls : tuple of 6 tuples
        Absorption per octave of the walls at x = 0, x = length, y = 0, y = width, of the floor and the ceiling.
    scattering : tuple of 9 floats
        Share of the reflected energy that is not mirrored, per octave.
    seed : int
        Of the noise.
    """

    size: tuple[float, float, float]
    source: tuple[float, float, float]
    receiver: tuple[float, float, float]
    walls: tuple[Sequence[float], ...]
    scattering: Sequence[float]
    seed: int

    @property
    def volume(self) -> float:
        """Volume in m^3."""
        return math.prod(self.size)

    @property
    def areas(self) -> Array:
        """Areas of the six walls in m^2."""
        x, y, z = self.size
        return np.array([y * z, y * z, x * z, x * z, x * y, x * y])

    @property
    def distance(self) -> float:
        """Distance of source and receiver in m."""
        return math.dist(self.source, self.receiver)

    @property
    def blend(self) -> tuple[float, float]:
        """Where the mirrored sound begins and ends to fade, s after emission: from 20 ms + sqrt(V / m^3) ms on."""
        start = 0.02 + 0.001 * math.sqrt(self.volume)
        return start, 3.0 * start


BOXES = {
    "bathroom": Box(
        size=(3.3, 2.3, 2.55),
        source=(0.9, 1.45, 1.55),
        receiver=(2.35, 0.8, 1.6),
        walls=(TILES, TILES_WITH_DOOR_AND_TOWELS, TILES, TILES, TILES, PLASTERBOARD),
        scattering=(0.05, 0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.30, 0.30),
        seed=1,
    ),
    "lecture_hall": Box(
        size=(13.9, 10.3, 4.6),
        source=(1.7, 4.6, 1.6),
        receiver=(6.6, 5.9, 1.3),
        walls=(PLASTER, WOOD_PANELS, PLASTER, WINDOWS, SEATS, ACOUSTIC_CEILING),
        scattering=(0.10, 0.10, 0.15, 0.25, 0.35, 0.40, 0.45, 0.45, 0.45),
        seed=2,
    ),
    "church": Box(
        size=(31.0, 14.6, 12.7),
        source=(4.1, 6.6, 1.7),
        receiver=(13.2, 8.3, 1.4),
        walls=(STONE, WOOD_PANELS, STONE_WITH_WINDOWS, STONE_WITH_WINDOWS, PEWS, PLASTERED_VAULT),
        scattering=(0.10, 0.15, 0.20, 0.30, 0.40, 0.45, 0.50, 0.50, 0.50),
        seed=3,
    ),
}


def air_absorption(
    f: Any, *, temperature: float = 20.0, humidity: float = 50.0, pressure: float = 101.325
) -> Array:
    """
    Attenuation of sound by still air, in dB/m.

    Parameters
    ----------
    f : array
        Frequency in Hz.
    temperature : float
        In degrees C.
    humidity : float
        Relative, in per cent.
    pressure : float
        In kPa.

    References
    ----------
    ISO 9613-1:1993, equations 3 to 5 and B.2, B.3.

    Examples
    --------
    >>> (1000 * air_absorption([125, 1000, 8000], temperature=10, humidity=70)).round(1)  # dB per km
    array([  0.4,   3.7, 118.4])
    """
    f = np.asarray(f, dtype=np.float64)
    kelvin = temperature + 273.15
    relative = kelvin / 293.15
    bar = pressure / 101.325
    water = humidity * 10.0 ** (-6.8346 * (273.16 / kelvin) ** 1.261 + 4.6151) / bar  # molar, per cent
    oxygen = bar * (24.0 + 4.04e4 * water * (0.02 + water) / (0.391 + water))
    nitrogen = bar * relative**-0.5 * (9.0 + 280.0 * water * math.exp(-4.170 * (relative ** (-1 / 3) - 1.0)))
    relaxing = 0.01275 * math.exp(-2239.1 / kelvin) / (oxygen + f**2 / oxygen)
    relaxing += 0.1068 * math.exp(-3352.0 / kelvin) / (nitrogen + f**2 / nitrogen)
    classical = 1.84e-11 / bar * relative**0.5
    return np.asarray(8.686 * f**2 * (classical + relative**-2.5 * relaxing))


def _per_octave(values: Any, f: Array) -> Array:
    """Interpolate what is given per octave, shape (..., 9), on the scale of octaves."""
    table = np.asarray(values, dtype=np.float64)
    flat = [np.interp(np.log2(f), np.log2(OCTAVES), row) for row in table.reshape(-1, len(OCTAVES))]
    return np.stack(flat).reshape(*table.shape[:-1], len(f))


def decay_rates(box: Box, f: Array) -> tuple[Array, Array]:
    """
    Decay of energy at frequencies in Hz, in 1/s: of all sound (Eyring, with air), and of its mirrored part.

    Examples
    --------
    >>> whole, mirrored = decay_rates(BOXES["church"], OCTAVES)
    >>> whole.shape, bool((mirrored > whole).all())
    ((9,), True)
    """
    absorbed = box.areas @ _per_octave(box.walls, f) / box.areas.sum()
    hits = SPEED * box.areas.sum() / (4.0 * box.volume)  # reflections per second
    air = SPEED * air_absorption(f) * math.log(10.0) / 10.0
    whole = -hits * np.log1p(-absorbed) + air
    return whole, whole - hits * np.log1p(-_per_octave(box.scattering, f))


def eyring_times(box: Box) -> Array:
    """
    Reverberation times by Eyring's formula, air included, at the nine octave centres in s.

    Examples
    --------
    >>> eyring_times(BOXES["lecture_hall"]).round(1)[4]
    np.float64(1.0)
    """
    return np.asarray(_SIXTY_DB / decay_rates(box, OCTAVES)[0])


def images(box: Box, longest: float) -> tuple[Array, NDArray[np.int64]]:
    """
    Find the image sources nearer than `longest` m.

    Returns
    -------
    distances : array, shape (images,)
        From the receiver, in m.
    hits : array, shape (images, 6)
        Reflections at each wall, in the order of ``Box.walls``.

    Notes
    -----
    Along each axis of length L the images of a source at s lie at 2 m L + s, with abs(m) reflections at both
    walls, and at 2 m L - s, with abs(m - 1) at the near wall and abs(m) at the far one (Allen and Berkley, 1979).

    Examples
    --------
    >>> distances, hits = images(BOXES["church"], 12.0)
    >>> distances.round(2), hits.sum(1)
    (array([9.26, 9.76]), array([0, 1]))
    """
    axes = []
    for length, source, receiver in zip(box.size, box.source, box.receiver, strict=True):
        most = math.ceil(longest / (2.0 * length)) + 1
        m = np.repeat(np.arange(-most, most + 1), 2)
        mirrored = np.tile([0, 1], 2 * most + 1)
        offset = 2.0 * m * length + (1 - 2 * mirrored) * source - receiver
        near = np.abs(offset) <= longest
        axes.append((offset[near], np.abs(m - mirrored)[near], np.abs(m)[near]))
    (x, x0, x1), (y, y0, y1), (z, z0, z1) = axes
    distances, hits = [], []
    square = y[:, None] ** 2 + z**2
    for i in range(len(x)):
        j, k = np.nonzero(square + x[i] ** 2 <= longest**2)
        distances.append(np.sqrt(square[j, k] + x[i] ** 2))
        first, last = np.full_like(j, x0[i]), np.full_like(j, x1[i])
        hits.append(np.stack([first, last, y0[j], y1[j], z0[k], z1[k]], axis=1))
    order = np.argsort(np.concatenate(distances), kind="stable")
    return np.concatenate(distances)[order], np.concatenate(hits)[order]


def band_gains(f: Array) -> Array:
    """
    Gains of the 37 bands, shape (37, frequencies); they sum to 1 from 44 Hz up and fade to 0 at 31 Hz.

    Examples
    --------
    >>> band_gains(np.array([31.25, 44.2, 88.4, 24000.0])).sum(0).round(3)
    array([0., 1., 1., 1.])
    """
    octaves = np.log2(np.concatenate([[BANDS[0] / math.sqrt(2.0)], BANDS]))
    # Position among the bands: 0 at the first centre, -1 where its lower half ends; beyond the last it stays.
    position = np.interp(np.log2(np.maximum(f, 1e-9)), octaves, np.arange(-1.0, len(BANDS)))
    away = (position - np.arange(len(BANDS))[:, None]).clip(-1.0, 1.0)
    return np.asarray(np.cos(0.5 * math.pi * np.sin(0.5 * math.pi * away) ** 2) ** 2)


def impulses(delays: Array, amplitudes: Array, n: int) -> Array:
    """
    Add up impulses at fractional delays: Hann-windowed sincs.

    Parameters
    ----------
    delays : array, shape (impulses,)
        In samples, at least 32 from both ends.
    amplitudes : array, shape (bands, impulses)
        Of each impulse in each band.
    n : int
        Samples of the result.

    Returns
    -------
    array, shape (bands, n)

    Examples
    --------
    >>> h = impulses(np.array([40.0, 60.5]), np.ones((1, 2)), 100)[0]
    >>> h[[40, 60, 61]].round(2)
    array([1.  , 0.64, 0.64])
    """
    whole = np.floor(delays).astype(np.int64)
    out = np.zeros((len(amplitudes), n))
    for tap in range(1 - _TAPS, _TAPS + 1):
        away = tap - (delays - whole)
        kernel = np.sinc(away) * np.cos(0.5 * math.pi * away / _TAPS) ** 2
        for band, amplitude in zip(out, amplitudes, strict=True):
            band += np.bincount(whole + tap, amplitude * kernel, n)
    return out


def simulate(box: Box) -> Array:
    """
    Simulate the impulse response of a room, as it goes into a file.

    Returns
    -------
    array, shape (T,)
        At 48 kHz, direct sound at sample 48, largest sample 0.9.

    Examples
    --------
    >>> h = simulate(BOXES["bathroom"])
    >>> h.shape, int(np.abs(h).argmax()), float(h.max())
    ((61422,), 48, 0.9)
    """
    whole, mirrored = decay_rates(box, BANDS)
    onset = box.distance / SPEED
    seconds = min(LONGEST, ONSET + DEPTH / 60.0 * _SIXTY_DB / whole.min())
    n = round(seconds * FS)
    n_fft = n + 2 * round(_LEAD * FS)
    gains = band_gains(np.asarray(np.fft.rfftfreq(n_fft, 1.0 / FS), dtype=np.float64))
    zero = round((_LEAD + ONSET) * FS)  # sample of the direct sound
    t = (np.arange(n_fft) - zero) / FS + onset  # s since emission

    start, end = box.blend
    left = np.cos(
        0.5 * math.pi * ((t - start) / (end - start)).clip(0.0, 1.0)
    )  # amplitude of the mirrored sound

    distances, hits = images(box, SPEED * end)
    reflected = np.log1p(-_per_octave(box.walls, BANDS)) + np.log1p(-_per_octave(box.scattering, BANDS))
    loss = 0.5 * (hits @ reflected) - distances[:, None] * air_absorption(BANDS) * math.log(10.0) / 20.0
    delays = zero + (distances / SPEED - onset) * FS
    bands = impulses(delays, (np.exp(loss) / distances[:, None]).T, n_fft)
    h = left * np.fft.irfft((np.fft.rfft(bands) * gains).sum(0), n_fft)

    noise = np.fft.rfft(np.random.default_rng(box.seed).standard_normal(n_fft))
    for gain, rate, mirrored_rate in zip(gains, whole, mirrored, strict=True):
        late = t.clip(onset)
        missing = np.exp(-rate * late) - left**2 * np.exp(-mirrored_rate * late)
        level = np.sqrt(4.0 * math.pi * SPEED / box.volume / FS * missing.clip(0.0)) * (t > onset)
        h += level * np.fft.irfft(noise * gain, n_fft)

    h = h[zero - round(ONSET * FS) :][:n]
    fade = round(FADE * FS)
    h[-fade:] *= np.cos(0.5 * math.pi * np.arange(1, fade + 1) / fade) ** 2
    h[: round(ONSET * FS)] *= np.sin(0.5 * math.pi * np.arange(round(ONSET * FS)) / (ONSET * FS)) ** 2
    return np.asarray(h * (PEAK / np.abs(h).max()))


def main() -> None:
    """Write all rooms beside this file, and print what they are."""
    for slug, box in BOXES.items():
        h = simulate(box)
        file = Path(__file__).with_name(f"{slug}.flac")
        soundfile.write(file, h, FS, subtype="PCM_24", compression_level=1.0)
        times = ", ".join(f"{time:.2f}" for time in eyring_times(box))
        print(f"{file.name}: {len(h) / FS:.2f} s, {file.stat().st_size / 1000:.0f} kB; Eyring {times} s")


if __name__ == "__main__":
    main()
