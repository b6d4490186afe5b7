"""Figures of results, of sounds and of networks: the axes, ticks and colours of the labs.
Source: what a result shows, its own chart (:mod:`amtlib.charts`).
Not here: figures of several things side by side (tutorials.py), and figures that follow a lab (`app.figures`).
"""

import math
from typing import Any

import holoviews as hv
import numpy as np
import torch

from amtlib import fdn
from amtlib.charts import TIME, Chart, Direction, one, over_frequency, over_time
from amtlib.fdn import FDNBuild
from amtlib.fdn.build import sampling_rate
from amtlib.inputs import samples_of
from amtlib.plot.axes import Array, Axis, Limits
from amtlib.plot.decimation import envelope_outline, peak_columns
from amtlib.plot.figure import Figure
from amtlib.plot.layers import Curve, Image, Layer, Points
from amtlib.plot.theme import BLUE, GREEN, GREY, MAGNITUDE, ORANGE, SIGNED_REVERSED, Style
from amtlib.signals import P_REF
from amtlib.signals.frame import number

_LINES = (Style(BLUE), Style(ORANGE, "dashed"), Style(GREEN, "dotdash"), Style(GREY, "dotted"))
#: Samples of a long line that are drawn as they are; more are drawn as their outline
_AS_THEY_ARE = 2000
#: Window and step of a spectrogram, s; how far the darkest colour lies below the brightest, dB; sampling rates, Hz
_WINDOW, _STEP, _RANGE, _RATES = 0.02, 0.005, 70.0, (1000.0, 768_000.0)


def of(result: Any) -> hv.Overlay:
    """Draw what a result shows: the figure of its :class:`amtlib.charts.Chart`.

    Parameters
    ----------
    result : Result, Recording, Run or Chart
        Of a batch, the first is drawn.

    Returns
    -------
    hv.Overlay
        A figure of HoloViews, which a notebook shows; ``hv.save(figure, "name.html")`` stores it.

    Raises
    ------
    ValueError
        If there is nothing to see in it.
    TypeError
        If it is no result that has a picture.

    Examples
    --------
    >>> from amtlib import Moore2016
    >>> of(Moore2016().stationary(1000.0, 60.0))
    :Overlay
       .Curve.Left_ear  :Curve   [x]   (Specific loudness)
       .Curve.Right_ear :Curve   [x]   (Specific loudness)
    """
    chart = result if isinstance(result, Chart) else _chart(result)
    if not chart:
        if chart is result:
            raise ValueError("the chart holds no finite point or cell; give it one to draw")
        raise ValueError(
            f"{type(result).__name__} has nothing to show in a figure; its numbers are its fields"
        )
    return _figure(chart).at(None)


def _chart(result: Any) -> Chart | None:
    make = getattr(result, "chart", None)
    if not callable(make):
        raise TypeError(
            f"result is a {type(result).__name__}; give a result of amtlib, or use curves, waveform, cochleagram, "
            "excitation, response, decay or spectrogram"
        )
    found: Chart | None = make()
    return found


def _figure(chart: Chart) -> Figure:
    """Declare the figure of a chart."""
    if chart.cells is not None:
        x, y = (
            _axis(name, direction, _outer(direction, centres), False)
            for name, direction, centres in zip("xy", (chart.x, chart.y), chart.cells, strict=False)
        )
        colours = SIGNED_REVERSED if chart.signed else MAGNITUDE
        cells = Image("cells", lambda _: chart.cells, colours=chart.between(), measures=chart.measures or "Value",
                      unit=chart.unit, colour_map=colours)  # fmt: skip
        return Figure("result", _title(chart), x, y, [cells], height=330)
    x, y = (
        _axis(name, direction, limits, True)
        for name, direction, limits in zip("xy", (chart.x, chart.y), chart.limits(), strict=True)
    )
    layers: list[Layer] = []
    names = list(dict.fromkeys([*chart.lines, *chart.points]))
    several = len(names) > 1
    for name, pair in chart.lines.items():
        style = _LINES[names.index(name)]
        layers.append(Curve(name, _given(*_outline(*pair)), style, label=name if several else ""))
    for name, pair in chart.points.items():
        style = Style(_LINES[names.index(name)].colour, width=7)
        twin = name in chart.lines
        layers.append(
            Points(
                f"{name}-points" if twin else name,
                _given(*pair),
                style,
                label="" if twin or not several else name,
            )
        )
    return Figure("result", chart.title, x, y, layers, legend="top_right" if several else "")


def _given(x: Any, y: Any) -> Any:
    return lambda _: (x, y)


def _title(chart: Chart) -> str:
    unit = f" ({chart.unit})" if chart.unit else ""
    return f"{chart.title}{unit}"


def _outline(x: Any, y: Any) -> tuple[Array, Array]:
    """Return a line, or the outline of a long one of equal steps."""
    x, y = one(x), one(y)
    if len(x) <= _AS_THEY_ARE or not np.allclose(np.diff(x), x[1] - x[0]):
        return x, y
    return envelope_outline(y, float(x[0]), float(2 * x[-1] - x[-2]))


def _axis(name: str, direction: Direction, limits: Limits, roomy: bool) -> Axis:
    low, high = limits
    if roomy and name == "y" and direction.limits is None:  # no line along the frame
        if direction.scale == "log":
            edge = (high / low) ** 0.05 if high > low else 2.0
            low, high = low / edge, high * edge
        else:
            edge = 0.05 * (high - low) or 0.5
            low, high = low - edge if low else low, high + edge
    elif high == low:
        low, high = low - 0.5, high + 0.5
    return Axis(
        name, direction.label, direction.unit, (low, high), direction.scale, flipped=direction.flipped
    )


def _outer(direction: Direction, centres: Array) -> Limits:
    """Return where the first cell begins and the last one ends, in the units of the axis."""
    if direction.scale == "erb" or len(centres) < 2:
        return float(centres[0]), float(centres[-1])
    half = (centres[-1] - centres[0]) / (len(centres) - 1) / 2
    return float(centres[0] - half), float(centres[-1] + half)


def cochleagram(bank: Any, sound: Any, *, span: float = 60.0) -> hv.Overlay:
    """Draw the level in every channel of a filterbank over time.

    Parameters
    ----------
    bank : LinearFilterbank
        Such as :class:`amtlib.GammatoneFilterbank`; its channels equally far apart in ERB.
    sound : Tensor, ndarray or Recording
        Pa, shape ``(T,)``.
    span : float
        How far the darkest colour lies below the highest level, dB.

    Examples
    --------
    >>> from amtlib import GammatoneFilterbank, signals
    >>> bank = GammatoneFilterbank((200.0, 2000.0), 8000)
    >>> cochleagram(bank, signals.tone(500.0, level=60.0, duration=0.1, fs=8000))
    :Overlay
       .Image.I :Image   [x,y]   (Level)
    """
    step = max(1, round(0.001 * bank.fs))
    envelope = one(bank.envelope(sound, step=step), 2)
    levels = peak_columns(20.0 * np.log10(envelope / math.sqrt(2.0) / P_REF + 1e-9))
    length = envelope.shape[1] * step / bank.fs
    times = (np.arange(levels.shape[1]) + 0.5) * length / levels.shape[1]
    top = float(levels.max())
    chart = Chart(
        "Cochleagram", TIME, Direction("Channel’s centre frequency", "Hz", "erb"),
        cells=(times, one(bank.fc), levels), colours=(top - span, top), unit="dB SPL",
    )  # fmt: skip
    return of(chart)


def excitation(frequencies: Any, levels: Any, *, title: str = "Excitation pattern") -> hv.Overlay:
    """Draw an excitation pattern, or up to four of them.

    Parameters
    ----------
    frequencies : Tensor or ndarray, shape ``(F,)``
        Centre frequencies of the channels, Hz.
    levels : Tensor or ndarray, shape ``(F,)``, or dict of str to such
        Excitation, dB.
    title : str

    Raises
    ------
    ValueError
        If there are more than four patterns, or nothing finite in them.

    Examples
    --------
    >>> from amtlib import Moore2016ExcitationPattern
    >>> pattern = Moore2016ExcitationPattern()
    >>> excitation(pattern.fc_channels, pattern(torch.tensor([1000.0]), torch.tensor([60.0])))
    :Overlay
       .Curve.I :Curve   [x]   (Excitation)
    """
    lines = dict(levels) if isinstance(levels, dict) else {"excitation": levels}
    return of(over_frequency(title, frequencies, lines, Direction("Excitation", "dB")))


def _impulse_response(network: Any, fs: float | None, duration: float) -> tuple[Array, float]:
    if isinstance(network, FDNBuild):
        if fs is not None:
            raise ValueError(f"fs = {fs}, but the network has its own, {network.fs:g} Hz; leave fs out")
        return one(fdn.render(network, duration).T), network.fs
    if fs is None:
        raise ValueError("fs = None; give the sampling rate of the impulse response in Hz")
    rate = sampling_rate(fs)
    found = np.asarray(network.detach().cpu() if isinstance(network, torch.Tensor) else network, dtype=float)
    return one(found.T if found.ndim > 1 else found), rate


def response(network: Any, fs: float | None = None, *, duration: float = 1.0) -> hv.Overlay:
    """Draw an impulse response over time.

    Parameters
    ----------
    network : FDNBuild, or array or Tensor, shape ``(T,)`` or ``(T, n_out)``
        A network, or an impulse response; of several outputs the first is drawn.
    fs : float, optional
        Sampling rate of an impulse response, Hz; a network has its own.
    duration : float
        How much of a network's response is drawn, s.

    Raises
    ------
    ValueError
        If an impulse response comes without its sampling rate, or a network with one.

    Examples
    --------
    >>> response(fdn.design_fdn(N=4, rt=0.3, fs=8000, rng=1), duration=0.2)
    :Overlay
       .Curve.I :Curve   [x]   (Response)
    """
    h, rate = _impulse_response(network, fs, duration)
    return of(over_time("Impulse response", np.arange(len(h)) / rate, {"response": h}, Direction("Response")))


def decay(network: Any, fs: float | None = None, *, duration: float = 2.0) -> hv.Overlay:
    """Draw the energy that is still to come in an impulse response, over time (Schroeder's curve).

    Parameters
    ----------
    network, fs, duration
        As in :func:`response`.

    Raises
    ------
    ValueError
        If an impulse response comes without its sampling rate, or a network with one.

    Examples
    --------
    >>> decay(fdn.design_fdn(N=4, rt=0.3, fs=8000, rng=1), duration=0.5)
    :Overlay
       .Curve.I :Curve   [x]   (Energy to come)
    """
    h, rate = _impulse_response(network, fs, duration)
    levels = np.maximum(fdn.energy_decay_curve(h), -100.0)
    step = max(1, len(levels) // _AS_THEY_ARE)
    time = np.arange(len(levels))[::step] / rate
    up = Direction("Energy to come", "dB", limits=(-60.0, 3.0))
    return of(over_time("Energy decay", time, {"decay": levels[::step]}, up))


def spectrogram(sound: Any, fs: float) -> hv.Overlay:
    """Draw the level of a sound over time and frequency (windows of 20 ms, Hann).

    Parameters
    ----------
    sound : Tensor, ndarray or Recording, shape ``(T,)``
        At least 20 ms of it.
    fs : float
        Sampling rate, Hz, 1000 to 768000.

    Raises
    ------
    ValueError
        If the sound is shorter than a window, or its sampling rate is out of range or another one.
    TypeError
        If the sound is none.

    Examples
    --------
    >>> spectrogram(np.sin(2 * np.pi * 500 * np.arange(8000) / 8000), 8000)
    :Overlay
       .Image.I :Image   [x,y]   (Level)
    """
    rate = number(fs, "fs", *_RATES, unit="Hz")
    x = one(samples_of(sound, "sound", fs=rate))
    size, step = round(_WINDOW * rate), round(_STEP * rate)
    if len(x) < size:
        raise ValueError(
            f"sound has {len(x)} samples; give at least {size}, one window of {1000 * _WINDOW:g} ms"
        )
    frames = np.lib.stride_tricks.sliding_window_view(x, size)[::step]
    power = np.abs(np.fft.rfft(frames * np.hanning(size + 2)[1:-1], axis=1)).T ** 2
    levels = 10.0 * np.log10(power / max(float(power.max()), 1e-300) + 1e-12)
    times = (np.arange(len(frames)) * step + size / 2) / rate
    chart = Chart(
        "Spectrogram", TIME, Direction("Frequency", "Hz"),
        cells=(times, np.arange(len(levels)) * rate / size, levels), colours=(-_RANGE, 0.0), unit="dB re maximum",
    )  # fmt: skip
    return of(chart)
