"""A network as a program in the language Faust, for plug-ins and sound installations, with knobs.
Source: the Faust language manual (faustdoc.grame.fr) and its standard libraries.
Not here: the Faust compiler, which turns the text into C++, a plug-in or a web page.
"""

import math
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from amtlib.fdn.bounds import largest_gain
from amtlib.fdn.build import MAX_DELAY, Array, FDNBuild
from amtlib.fdn.certificate import stability

# Knobs: longest further pre-delay in ms, times of decay, dB of treble, and its corner in Hz (as a share of fs at most).
_PRE_DELAY, _DECAY, _TONE, _CORNER = 200, (0.25, 4), 12, (2000.0, 0.2)


def _gains(matrix: Array, name: str) -> list[str]:
    """A matrix as one weighted sum per row."""
    rows, columns = matrix.shape
    lines = [
        f"{name}_row({row}) = {', '.join(f'*({float(value)!r})' for value in matrix[row])} :> _;"
        for row in range(rows)
    ]
    return [*lines, f"{name}_gains = si.bus({columns}) <: par(i, {rows}, {name}_row(i));"]


def _filters(sos: Array | None, name: str, channels: int) -> list[str]:
    """Cascades of second-order sections, one per channel; plain gains where a section is one."""
    if sos is None:
        return [f"{name}_filters = si.bus({channels});"]
    normal = sos / sos[:, 3:4]
    lines = []
    for channel in range(channels):
        parts = []
        for b0, b1, b2, _, a1, a2 in normal[:, :, channel].tolist():
            if b1 == b2 == a1 == a2 == 0.0:
                parts.append(f"*({b0!r})")
            else:
                parts.append(f"fi.tf2({b0!r}, {b1!r}, {b2!r}, {a1!r}, {a2!r})")
        lines.append(f"{name}_filter({channel}) = {' : '.join(parts)};")
    return [*lines, f"{name}_filters = par(i, {channels}, {name}_filter(i));"]


def _list(values: npt.NDArray[Any]) -> str:
    return f"({', '.join(map(repr, values.tolist()))})"


def _spare_loss(build: FDNBuild) -> float:
    """Return the loss in dB per sample that every line has at every frequency, 0 where none is certain."""
    through, after = (
        np.ones(build.N) if sos is None else largest_gain(sos) for sos in (build.filters, build.post_matrix)
    )
    gain = through * float(after.max()) * float(np.linalg.norm(build.A, 2))
    if not gain.max() < 1.0 - 1e-9:
        return 0.0
    return float(np.min(-20.0 * np.log10(np.maximum(gain, 1e-30)) / build.delays))


def _decay(build: FDNBuild) -> list[str]:
    """The knob that makes the decay longer and shorter, where there is a decay, as `decay_gains`."""
    loss = _spare_loss(build)
    if not loss > 0.0:
        return [
            "// no knob for the decay: it is not certain that every line loses something",
            f"decay_gains = si.bus({build.N});",
        ]
    low, high = _DECAY
    return [
        "// decay: each line loses more or less, by the same rate; the longest decay is that many times as long, and",
        "// with any of them no line gains anything",
        f'decay = hslider("[0]decay[unit:x][scale:log]", 1, {low}, {high}, 0.01);',
        f"losses = {_list(loss * build.delays / 20.0)};",
        f"decay_gains = par(i, {build.N}, *(from_rest(1, pow(10, ba.take(i + 1, losses) * (1 - 1 / decay)))));",
    ]


def _knobs(build: FDNBuild) -> list[str]:
    corner, share = _CORNER
    t = math.tan(math.pi * min(corner, share * build.fs) / build.fs)
    room = 2 ** math.ceil(math.log2(max(2.0**16, 1e-3 * _PRE_DELAY * build.fs + 1.0)))
    hears = ", ".join(f"({output % build.n_in + 1}, {output + 1})" for output in range(build.n_out))
    return [
        "// knobs: at rest none of them changes a digit",
        "from_rest(rest, knob) = rest + si.smoo(knob - rest);",
        *_decay(build),
        "// pre-delay: of the lines, beyond their own",
        f'pre_delay = hslider("[1]pre-delay[unit:ms]", 0, 0, {_PRE_DELAY}, 1) * ma.SR / 1000;',
        f"later = par(i, {build.n_in}, de.sdelay({room}, 1024, int(pre_delay + 0.5)));",
        "// tone: treble of the lines' sound",
        f'tone = hslider("[2]tone[unit:dB]", 0, -{_TONE}, {_TONE}, 0.1);',
        f"treble = _ <: _, fi.tf1({t / (1.0 + t)!r}, {t / (1.0 + t)!r}, {(t - 1.0) / (t + 1.0)!r}) : -;",
        "toned = _ <: _, (treble : *(from_rest(1, pow(10, tone / 20)) - 1)) :> _;",
        "// wet: share of the network against its input",
        'wet_share = from_rest(1, hslider("[3]wet", 1, 0, 1, 0.01));',
        f"dry = route({build.n_in}, {build.n_out}, {hears}) : par(i, {build.n_out}, *(1 - wet_share));",
    ]


def _motion(build: FDNBuild) -> list[str]:
    """Rotations of pairs of lines as `motion`, at the time of the sample that the recursion hands on."""
    if build.modulation is None:
        return [f"motion = si.bus({build.N});"]
    depths, rates, phases = build.modulation
    rest = ", _" if build.N % 2 else ""
    return [
        "// rotations of pairs of lines: depths in rad, rates in turns a sample, phases in rad",
        f"depths = {_list(depths)};",
        f"rates = {_list(rates / build.fs)};",
        f"phases = {_list(phases)};",
        "turns(i) = fmod(ba.take(i + 1, rates) * (ba.time - 1), 1);",
        "angle(i) = ba.take(i + 1, depths) * sin(2 * ma.PI * turns(i) + ba.take(i + 1, phases));",
        "rotation(i, x, y) = c * x - s * y, s * x + c * y with { c = cos(angle(i)); s = sin(angle(i)); };",
        f"motion = par(i, {len(depths)}, rotation(i)){rest};",
    ]


def faust(build: FDNBuild, *, name: str = "fdn", onset: int = 0) -> str:
    r"""
    Write a network as a Faust program with the same inputs, outputs and sound, and knobs.

    Parameters
    ----------
    build : FDNBuild
        The network. Delays and filters are those of its sampling rate, which the program names but cannot enforce.
    name : str
        Name of the program, letters, digits, spaces, _ and -; at most 64.
    onset : int
        Samples by which all of the output is delayed, >= 0: the silence before a room that the network was trained on.
        The build's own `pre_delay` delays the lines alone.

    Returns
    -------
    str
        Text of a .dsp file. Compile it with ``-double`` for the precision of this package. A comment and the metadata
        ``stability`` say what :func:`amtlib.fdn.stability` finds.

    Raises
    ------
    ValueError
        If the name is not such a name, or the delay no whole number of samples.
    TypeError
        If `build` is no network.

    Notes
    -----
    Faust's recursion delays by one sample. That sample is taken off each delay line, and the input is delayed by it
    in front of the loop. Compiled by Faust 2.54.9 (``-double``) and g++, programs gave what :func:`process_fdn` gives
    within 1e-12 of the peak.

    Knobs, whose movements are smoothed; as they are at the start, the program is the network exactly:

    - decay, 0.25 to 4: the longest decay becomes that many times as long. All lines lose more or less by the same rate
      (dB per second), so that shorter decays change less; at no position does a line gain anything, so that the
      network cannot grow at any. Left out where it is not certain that each line loses something.
    - pre-delay, 0 to 200 ms: of the lines, beyond the build's own.
    - tone, -12 to 12 dB: treble of the lines' sound, by a first-order shelf at 2 kHz.
    - wet, 0 to 1: share of the network; the rest is the input, of which output i hears channel i, and again from the
      first where there are fewer inputs.

    The modulation's clock counts samples in 32 bits: after 12 hours at 48 kHz its angles jump once.

    Examples
    --------
    >>> comb = FDNBuild([[0.5]], [1.0], [1.0], 0.0, [480], 48000)
    >>> program = faust(comb, name="comb").splitlines()
    >>> print(*program[:3], sep="\n")
    // A feedback delay network of 1 lines, for a sampling rate of 48000 Hz. Compile with -double.
    // Stability: cannot grow: loop gain at most 0.5, at 0 Hz; the slowest mode decays by 60 dB in 0.0997 s, at ... Hz.
    declare name "comb";
    >>> print(*program[-5:], sep="\n")
    loop = (si.bus(2) :> delay_lines : line_filters : decay_gains) ~ (motion : feedback_gains : matrix_filters);
    wet = later : input_gains : par(i, 1, mem) : loop : output_gains : output_filters : par(i, 1, toned);
    network = si.bus(1) <: wet, direct_gains :> si.bus(1);
    process = si.bus(1) <: (network : par(i, 1, *(wet_share))), dry :> si.bus(1);
    <BLANKLINE>
    """
    if not isinstance(build, FDNBuild):
        raise TypeError(f"build is a {type(build).__name__}: give an FDNBuild")
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9 _-]{1,64}", name):
        raise ValueError(f"name = {name!r}: give 1 to 64 letters, digits, spaces, _ or -")
    if isinstance(onset, bool) or not isinstance(onset, int) or not 0 <= onset <= MAX_DELAY:
        raise ValueError(f"onset = {onset!r}: give a whole number of samples, 0 to {MAX_DELAY}")
    silence = f" : par(i, {build.n_out}, @({onset}))" if onset else ""
    n, n_in, n_out = build.N, build.n_in, build.n_out
    late = f"par(i, {n_in}, @({build.pre_delay})) : " if build.pre_delay else ""
    certificate = stability(build).sentence()
    lines = [
        f"// A feedback delay network of {n} lines, for a sampling rate of {build.fs:g} Hz. Compile with -double.",
        f"// Stability: {certificate}.",
        f'declare name "{name}";',
        f'declare stability "{certificate}";',
        'import("stdfaust.lib");',
        "",
        "// delays in samples, less the one that the recursion adds",
        f"lengths = {_list(build.delays - 1)};",
        f"delay_lines = par(i, {n}, @(ba.take(i + 1, lengths)));",
        "",
        "// gains: one row per line or output",
        *_gains(build.A, "feedback"),
        *_gains(build.B, "input"),
        *_gains(build.C, "output"),
        *_gains(build.D, "direct"),
        "",
        "// filters: of each line after its delay, of each line after the matrix, of each output",
        *_filters(build.filters, "line", n),
        *_filters(build.post_matrix, "matrix", n),
        *_filters(build.post_eq, "output", n_out),
        "",
        *_motion(build),
        "",
        *_knobs(build),
        "",
        f"loop = (si.bus({2 * n}) :> delay_lines : line_filters : decay_gains) ~ (motion : feedback_gains : "
        "matrix_filters);",
        f"wet = later : {late}input_gains : par(i, {n}, mem) : loop : output_gains : output_filters : "
        f"par(i, {n_out}, toned);",
        f"network = si.bus({n_in}) <: wet, direct_gains :> si.bus({n_out}){silence};",
        f"process = si.bus({n_in}) <: (network : par(i, {n_out}, *(wet_share))), dry :> si.bus({n_out});",
        "",
    ]
    return "\n".join(lines)
