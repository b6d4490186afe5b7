"""What the FDN lab finds out about a network or a room: decay, echo density, response, modes.
Source: :mod:`amtlib.fdn`, whose docstrings name the papers.
Not the training: see model.py. The quick findings follow a training that runs; the slow ones wait until it rests.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amtlib import fdn
from amtlib.fdn import FDNBuild

Array = NDArray[Any]

FS = 48000
#: Points of the fine grid, more than any training grid has up to 65536.
FINE = 2**17
#: Edges of the histogram of modal excitation, dB re mean power.
EDGES = np.arange(-40.0, 21.0, 1.0)
#: Columns of a response that is drawn.
COLUMNS = 700


@dataclass(frozen=True)
class Sounding:
    """An impulse response and what follows from it at little cost.

    ``decay`` in dB at ``decay_times`` in s; normalised echo ``density`` at ``density_times`` in s.
    """

    response: Array
    decay_times: Array
    decay: Array
    density_times: Array
    density: Array


def sounding(response: Array) -> Sounding:
    """Return decay and echo density of an impulse response at 48 kHz."""
    curve = fdn.energy_decay_curve(response)
    step = max(len(curve) // 500, 1)
    times, density = fdn.echo_density(response[: round(1.1 * FS)], FS)
    return Sounding(response, np.arange(0, len(curve), step) / FS, curve[::step], times, density)


@dataclass(frozen=True)
class Analysis:
    """What takes longer: reverberation times by octave, the response on a fine grid, and all modes.

    Fields of the modes are empty for a room. ``magnitude`` in dB re mean power, at ``frequencies`` in Hz.
    """

    centres: Array
    t30: Array
    frequencies: Array
    magnitude: Array
    peak_db: float
    histogram: Array
    """Share of modes in %, between `EDGES`"""
    modal_std: float
    modes: int


def room_analysis(response: Array) -> Analysis:
    """Return the reverberation times of a room."""
    times = fdn.reverberation_time(response, FS)
    nothing = np.zeros(0)
    return Analysis(times.centres, times.t30, nothing, nothing, np.nan, nothing, np.nan, 0)


def analysis(build: FDNBuild, response: Array) -> Analysis:
    """Return the slow findings on a network whose impulse response is known.

    Modes and the fine response are those of the network without its filters: decay moves poles inwards and hides
    what colours the sound.
    """
    times = fdn.reverberation_time(response, FS)
    spectrum = np.abs(fdn.transfer_function(bare(build), FINE, radius=1 / 0.9999))
    frequencies, magnitude = drawn(np.linspace(0, FS / 2, len(spectrum)), spectrum)
    modes = fdn.modal_decomposition(bare(build))
    excitation = modes.excitation_db - 10 * np.log10(np.mean(10 ** (modes.excitation_db / 10)))
    counts, _ = np.histogram(np.clip(excitation, EDGES[0], EDGES[-1] - 1e-9), EDGES)
    return Analysis(
        times.centres,
        times.t30,
        frequencies,
        magnitude,
        fdn.peak_to_rms(spectrum),
        100 * counts / counts.sum(),
        fdn.modal_excitation_std(modes),
        len(modes.poles),
    )


def bare(build: FDNBuild) -> FDNBuild:
    """Return a network without its filters."""
    return replace(build, filters=None, post_eq=None)


def drawn(frequencies: Array, magnitude: Array) -> tuple[Array, Array]:
    """Reduce a response to what a logarithmic axis shows: the peak of each stretch, in dB re mean power."""
    power = np.square(magnitude)
    level = 10 * np.log10(np.maximum(power / np.mean(power), 1e-12))
    edges = np.unique(np.searchsorted(frequencies, np.geomspace(30, frequencies[-1], COLUMNS)))
    edges = edges[edges < len(level)]
    return frequencies[edges], np.maximum.reduceat(level, edges)
