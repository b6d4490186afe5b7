"""A network as a program in the language Faust, for plug-ins and sound installations.
Source: the Faust language manual (faustdoc.grame.fr) and its standard libraries.
Not here: the Faust compiler, which turns the text into C++, a plug-in or a web page.
"""

import re

from amtlib.fdn.build import MAX_DELAY, Array, FDNBuild
from amtlib.fdn.certificate import stability


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


def faust(build: FDNBuild, *, name: str = "fdn", onset: int = 0) -> str:
    """
    Write a network as a Faust program with the same inputs, outputs and sound.

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
        Text of a .dsp file. Compile it with ``-double`` for the precision of this package. A comment says what
        :func:`amtlib.fdn.stability` finds.

    Raises
    ------
    ValueError
        If the name is not such a name, or the delay no whole number of samples.
    TypeError
        If `build` is no network.

    Notes
    -----
    Faust's recursion delays by one sample. That sample is taken off each delay line, and the input is delayed by it
    in front of the loop.

    Examples
    --------
    >>> comb = FDNBuild([[0.5]], [1.0], [1.0], 0.0, [480], 48000)
    >>> print(faust(comb, name="comb"))
    // A feedback delay network of 1 lines, for a sampling rate of 48000 Hz. Compile with -double.
    // Stability: cannot grow: loop gain at most 0.5, at 0 Hz; the slowest mode decays by 60 dB in 0.0997 s, at ... Hz.
    declare name "comb";
    import("stdfaust.lib");
    <BLANKLINE>
    // delays in samples, less the one that the recursion adds
    lengths = (479);
    delay_lines = par(i, 1, @(ba.take(i + 1, lengths)));
    <BLANKLINE>
    // gains: one row per line or output
    feedback_row(0) = *(0.5) :> _;
    feedback_gains = si.bus(1) <: par(i, 1, feedback_row(i));
    input_row(0) = *(1.0) :> _;
    input_gains = si.bus(1) <: par(i, 1, input_row(i));
    output_row(0) = *(1.0) :> _;
    output_gains = si.bus(1) <: par(i, 1, output_row(i));
    direct_row(0) = *(0.0) :> _;
    direct_gains = si.bus(1) <: par(i, 1, direct_row(i));
    <BLANKLINE>
    // filters: of each line after its delay, of each line after the matrix, of each output
    line_filters = si.bus(1);
    matrix_filters = si.bus(1);
    output_filters = si.bus(1);
    <BLANKLINE>
    loop = (si.bus(2) :> delay_lines : line_filters) ~ (feedback_gains : matrix_filters);
    wet = input_gains : par(i, 1, mem) : loop : output_gains : output_filters;
    process = si.bus(1) <: wet, direct_gains :> si.bus(1);
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
    lengths = ", ".join(str(int(m) - 1) for m in build.delays)
    lines = [
        f"// A feedback delay network of {n} lines, for a sampling rate of {build.fs:g} Hz. Compile with -double.",
        f"// Stability: {stability(build).sentence()}.",
        f'declare name "{name}";',
        'import("stdfaust.lib");',
        "",
        "// delays in samples, less the one that the recursion adds",
        f"lengths = ({lengths});",
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
        f"loop = (si.bus({2 * n}) :> delay_lines : line_filters) ~ (feedback_gains : matrix_filters);",
        f"wet = {late}input_gains : par(i, {n}, mem) : loop : output_gains : output_filters;",
        f"process = si.bus({n_in}) <: wet, direct_gains :> si.bus({n_out}){silence};",
        "",
    ]
    return "\n".join(lines)
