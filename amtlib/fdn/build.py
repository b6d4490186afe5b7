"""What a feedback delay network (FDN) is: delays, a matrix, gains and filters, checked once and then constant.
Source: Jot and Chaigne (1991), AES 90th Convention, 3030; field names of the FDN community's pyFDN package.
Not here: how to choose the values (:mod:`amtlib.fdn.design`), the sound (:mod:`amtlib.fdn.process`), files.
"""

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from amtlib.charts import Chart, Direction
from amtlib.results import Result

Array: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]

#: The largest network that this package takes.
MAX_LINES = 64
#: Longest delay in samples: 5.5 s at 48 kHz.
MAX_DELAY = 2**18
#: Inputs or outputs at most.
MAX_CHANNELS = 64
#: Second-order sections of one filter at most.
MAX_SECTIONS = 64
#: Fastest modulation of the feedback matrix in Hz: above it a network is heard as rough, no longer as moving.
MAX_MODULATION_RATE = 20.0
#: Sampling rates in Hz that make sense for sound.
RATE_RANGE = (100.0, 768_000.0)


def real_array(value: Any, name: str) -> Array:
    """
    Return a float64 copy of `value`, or say why it is not an array of finite real numbers.

    Examples
    --------
    >>> real_array([[1, 2]], "A")
    array([[1., 2.]])
    """
    try:
        found = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} has rows of unequal length: give a rectangular array ({error})") from None
    if found.dtype == object:
        raise TypeError(f"{name} must hold real numbers, got {type(value).__name__} of objects: give floats")
    if found.dtype.kind not in "fiu":
        raise TypeError(f"{name} has dtype {found.dtype}: give real numbers")
    found = np.array(found, dtype=np.float64)
    finite = np.isfinite(found)
    if not finite.all():
        first = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ValueError(
            f"{name} must contain only finite values, got {found[first]} at index {first}: replace it"
        )
    return found


def whole_delays(value: Any, name: str = "delays") -> Integers:
    """
    Return delay lengths as int64, or say which one is no whole number from 1 to ``MAX_DELAY``.

    Examples
    --------
    >>> whole_delays([3.0, 5])
    array([3, 5])
    """
    found = real_array(value, name)
    if found.ndim != 1 or not 1 <= len(found) <= MAX_LINES:
        raise ValueError(
            f"{name} has shape {found.shape}: give a list of 1 to {MAX_LINES} delay lengths, one per delay line"
        )
    broken = found != np.round(found)
    if broken.any():
        raise ValueError(
            f"{name} must contain integers, got {found[broken][0]}: round it (delays are whole samples)"
        )
    outside = (found < 1) | (found > MAX_DELAY)
    if outside.any():
        raise ValueError(
            f"{name} must contain one positive integer per delay line, got {found[outside][0]:g}: give 1 to "
            f"{MAX_DELAY} samples. Delays must be positive integers"
        )
    return found.astype(np.int64)


def sampling_rate(value: Any, name: str = "fs") -> float:
    """
    Return a sampling rate in Hz as a float, or raise.

    Examples
    --------
    >>> sampling_rate(48000)
    48000.0
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be one real number in Hz, got {type(value).__name__}: pass a float")
    low, high = RATE_RANGE
    if not low <= float(value) <= high:  # false for NaN too
        raise ValueError(
            f"sample_rate must be positive and finite, got {name} = {value}: give {low:g} to {high:g} Hz"
        )
    return float(value)


def check_sections(value: Any, channels: int, name: str, of: str = "delay lines") -> Array | None:
    """
    Return second-order sections of shape (S, 6, channels) as float64, None if there are none, or raise.

    Examples
    --------
    >>> check_sections([[[0.5], [0], [0], [1], [0], [0]]], 1, "filters").shape
    (1, 6, 1)
    """
    if value is None:
        return None
    sos = real_array(value, name)
    if sos.ndim != 3 or sos.shape[1] != 6 or sos.shape[2] != channels or sos.shape[0] < 1:
        raise ValueError(
            f"{name} must have shape (sections, 6, {of}), got {sos.shape}: give (sections, 6, {channels}), rows "
            "b0 b1 b2 a0 a1 a2"
        )
    if sos.shape[0] > MAX_SECTIONS:
        raise ValueError(f"{name} has {sos.shape[0]} sections, more than {MAX_SECTIONS}: merge or drop some")
    if (sos[:, 3] == 0.0).any():
        section, channel = (int(i) for i in np.argwhere(sos[:, 3] == 0.0)[0])
        raise ValueError(f"{name} has a0 = 0 in section {section} of channel {channel}: give a0 = 1")
    with np.errstate(over="ignore"):
        normal = sos / sos[:, 3:4]
    if not np.isfinite(normal).all():
        raise ValueError(f"{name} overflows when divided by its a0: scale the section so that a0 = 1")
    # |a2| < 1 and |a1| < 1 + a2: the triangle in which both poles lie inside the unit circle
    unstable = (np.abs(normal[:, 5]) >= 1.0) | (np.abs(normal[:, 4]) >= 1.0 + normal[:, 5])
    if unstable.any():
        section, channel = (int(i) for i in np.argwhere(unstable)[0])
        raise ValueError(
            f"{name} is unstable in section {section} of channel {channel} (a1 = {normal[section, 4, channel]:g}, "
            f"a2 = {normal[section, 5, channel]:g}): poles must lie inside the unit circle"
        )
    return sos


def check_modulation(value: Any, lines: int) -> Array | None:
    """
    Return a modulation of shape (3, lines // 2) as float64, None if there is none, or raise.

    Examples
    --------
    >>> check_modulation([[0.3], [0.5], [0.0]], 2).shape
    (3, 1)
    """
    if value is None:
        return None
    found = real_array(value, "modulation")
    if lines < 2:
        raise ValueError(
            "modulation turns pairs of lines, and the network has one line: leave modulation out"
        )
    if found.shape != (3, lines // 2):
        raise ValueError(
            f"modulation has shape {found.shape}: give {(3, lines // 2)}, rows depth in rad, rate in Hz and phase in "
            "rad of each pair of lines"
        )
    for name, row, low, high, unit in (
        ("depth", found[0], 0.0, math.pi, "rad"),
        ("rate", found[1], 0.0, MAX_MODULATION_RATE, "Hz"),
        ("phase", found[2], -2.0 * math.pi, 2.0 * math.pi, "rad"),
    ):
        outside = (row < low) | (row > high)
        if outside.any():
            raise ValueError(
                f"modulation holds a {name} of {row[outside][0]:g} {unit}: give {low:.4g} to {high:.4g} {unit}"
            )
    return found


@dataclass(frozen=True, eq=False)
class FDNBuild(Result):
    """
    A feedback delay network, complete and constant.

    The input goes through `B` into the delay lines; each line's output passes its filter; from there `C` (and
    then `post_eq`) makes the output, and `A` feeds the lines again. `D` lies in parallel to all of it::

        s = filters * delay(A s + B x),    y = post_eq * (C s) + D x

    With a `pre_delay` the lines hear the input that many samples later; the direct path does not. With a `modulation`
    the matrix moves: ``A R(t)`` with a slow rotation R, orthogonal at every sample (:func:`with_modulation`).

    Parameters
    ----------
    A : array, shape (N, N)
        Feedback matrix; row = the line it feeds, column = the line it comes from. At most 64 lines.
    B : array, shape (N, n_in), or (N,) for one input
        Input gains.
    C : array, shape (n_out, N), or (N,) for one output
        Output gains.
    D : array, shape (n_out, n_in), or one number for all, or None for zeros
        Direct path, not filtered by `post_eq`.
    delays : array of int, shape (N,)
        Delay lengths in samples, 1 to 2**18.
    fs : float
        Sampling rate in Hz, 100 to 768000.
    filters : array, shape (S, 6, N), optional
        Second-order sections in the loop, after the delay of each line; rows b0 b1 b2 a0 a1 a2, stable.
    post_eq : array, shape (S, 6, n_out), optional
        Second-order sections on each output.
    post_matrix : array, shape (S, 6, N), optional
        Second-order sections in the loop, after the matrix, in front of each line.
    pre_delay : int
        Samples by which the lines hear the input later, 0 to 2**18.
    modulation : array, shape (3, N // 2), optional
        Rotation of each pair of lines, 0 and 1, 2 and 3, and so on, in front of the matrix; t seconds after the start
        its angle is ``depth * sin(2 pi rate t + phase)``. Rows depth (0 to pi rad), rate (0 to 20 Hz), phase (rad).

    Attributes
    ----------
    N, n_in, n_out : int
        Number of lines, inputs and outputs.
    order : int
        Sum of the delays: the number of the network's modes.

    Raises
    ------
    ValueError
        If a shape, a size, or a value is out of its range. Nothing is rounded, reshaped or clipped silently.
    TypeError
        If a field holds no real numbers.

    See Also
    --------
    design_fdn : a network from a few wishes.
    load_build, save_build : networks in files.
    process_fdn, render : its sound.

    Notes
    -----
    The arrays are copies and cannot be written to. Networks are equal when all their numbers are. A network may
    be unstable (too large an A): it can be built, and :func:`process_fdn` says when its output overflows.

    Examples
    --------
    >>> echo = FDNBuild(A=[[0.5]], B=[1.0], C=[1.0], D=0.0, delays=[3], fs=48000)
    >>> echo.N, echo.B.shape, echo.order
    (1, (1, 1), 3)
    >>> FDNBuild(A=[[0.5]], B=[1.0], C=[1.0], D=0.0, delays=[3.5], fs=48000)
    Traceback (most recent call last):
    ValueError: delays must contain integers, got 3.5: round it (delays are whole samples)
    """

    A: Array
    B: Array
    C: Array
    D: Array
    delays: Integers
    fs: float
    filters: Array | None = None
    post_eq: Array | None = None
    post_matrix: Array | None = None
    pre_delay: int = 0
    modulation: Array | None = None

    def chart(self) -> Chart:
        """Return the feedback matrix."""
        lines = np.arange(1, self.N + 1)
        return Chart(
            "Feedback matrix", Direction("From line"), Direction("To line", flipped=True),
            cells=(lines, lines, self.A), measures="Gain", unit="", signed=True,
        )  # fmt: skip

    # Accepting lists and numbers is what a constructor is for; the fields are arrays afterwards.
    def __init__(
        self,
        A: Any,
        B: Any,
        C: Any,
        D: Any,
        delays: Any,
        fs: Any,
        filters: Any = None,
        post_eq: Any = None,
        post_matrix: Any = None,
        pre_delay: Any = 0,
        modulation: Any = None,
    ) -> None:
        a = real_array(A, "A")
        if a.ndim != 2:
            raise ValueError(f"A must be a 2-D (static) matrix, got shape {a.shape}: give (N, N)")
        if a.shape[0] != a.shape[1]:
            raise ValueError(f"feedback_matrix must be square, got A of shape {a.shape}: give (N, N)")
        n = a.shape[0]
        if not 1 <= n <= MAX_LINES:
            raise ValueError(f"A has N = {n} delay lines: give 1 to {MAX_LINES}")
        b, c = real_array(B, "B"), real_array(C, "C")
        b = b[:, None] if b.ndim == 1 else b
        c = c[None, :] if c.ndim == 1 else c
        if b.ndim != 2 or b.shape[0] != n:
            raise ValueError(
                f"input_matrix must have one row per delay line, got B of shape {b.shape}: give ({n}, inputs)"
            )
        if c.ndim != 2 or c.shape[1] != n:
            raise ValueError(
                f"output_matrix must have one column per delay line, got C of shape {c.shape}: give (outputs, {n})"
            )
        for name, count in (("inputs", b.shape[1]), ("outputs", c.shape[0])):
            if not 1 <= count <= MAX_CHANNELS:
                raise ValueError(f"the network has {count} {name}: give 1 to {MAX_CHANNELS}")
        shape = (c.shape[0], b.shape[1])
        d = np.zeros(shape) if D is None else real_array(D, "D")
        d = np.full(shape, float(d)) if d.ndim == 0 else d
        if d.shape != shape:
            raise ValueError(
                f"direct_matrix shape must match the output and input counts, got D of shape {d.shape}: give {shape}"
            )
        m = whole_delays(delays)
        if len(m) != n:
            raise ValueError(
                f"delays must contain one positive integer per delay line, got {len(m)} for a matrix of {n} lines: "
                f"give {n}"
            )
        fields: dict[str, Any] = {"A": a, "B": b, "C": c, "D": d, "delays": m}
        fields["filters"] = check_sections(filters, n, "filters")
        fields["post_eq"] = check_sections(post_eq, shape[0], "post_eq", "outputs")
        fields["post_matrix"] = check_sections(post_matrix, n, "post_matrix")
        fields["modulation"] = check_modulation(modulation, n)
        for name, value in fields.items():
            if value is not None:
                value.setflags(write=False)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "fs", sampling_rate(fs))
        if isinstance(pre_delay, bool) or not isinstance(pre_delay, int | np.integer):
            raise TypeError(f"pre_delay = {pre_delay!r} must be a whole number of samples: pass an int")
        if not 0 <= pre_delay <= MAX_DELAY:
            raise ValueError(f"pre_delay = {pre_delay} samples: give 0 to {MAX_DELAY}")
        object.__setattr__(self, "pre_delay", int(pre_delay))

    @property
    def N(self) -> int:
        """Number of delay lines."""
        return len(self.delays)

    @property
    def n_in(self) -> int:
        """Number of inputs."""
        return int(self.B.shape[1])

    @property
    def n_out(self) -> int:
        """Number of outputs."""
        return int(self.C.shape[0])

    @property
    def order(self) -> int:
        """Sum of the delays in samples, the number of modes of the network without its filters."""
        return int(self.delays.sum())

    def _key(self) -> tuple[Any, ...]:
        arrays = (
            self.A, self.B, self.C, self.D, self.delays, self.filters, self.post_eq, self.post_matrix, self.modulation
        )  # fmt: skip
        # + 0.0: minus zero equals zero, and so must their bytes
        return (
            self.fs,
            self.pre_delay,
            *(None if a is None else (a.shape, (a + 0.0).tobytes()) for a in arrays),
        )

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, FDNBuild) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def _summary(self) -> dict[str, Any]:
        """Return sizes, delays, and how long a round through the loop takes."""
        ms = [round(1e3 * float(delay) / self.fs, 2) for delay in self.delays]
        sections = {
            name: "none" if value is None else f"{len(value)} sections"
            for name, value in (
                ("filters", self.filters),
                ("post_matrix", self.post_matrix),
                ("post_eq", self.post_eq),
            )
        }
        return {
            "N": self.N, "n_in": self.n_in, "n_out": self.n_out, "fs (Hz)": self.fs,
            "delays (samples)": self.delays.tolist(), "delays (ms)": ms, "A": self.A, "B": self.B, "C": self.C,
            "D": self.D, **sections, "pre_delay (samples)": self.pre_delay,
            "modulation": "none" if self.modulation is None else self.modulation,
        }  # fmt: skip

    def __repr__(self) -> str:
        filters = [name for name in ("filters", "post_matrix", "post_eq") if getattr(self, name) is not None]
        late = f", pre-delay {1e3 * self.pre_delay / self.fs:.3g} ms" if self.pre_delay else ""
        moving = "" if self.modulation is None else ", modulated"
        return (
            f"FDNBuild(N={self.N}, n_in={self.n_in}, n_out={self.n_out}, fs={self.fs:g} Hz, delays "
            f"{int(self.delays.min())} to {int(self.delays.max())} = {1e3 * self.delays.min() / self.fs:.3g} to "
            f"{1e3 * self.delays.max() / self.fs:.3g} ms, {', '.join(filters) or 'no filters'}{late}{moving})"
        )


def check_fixed(build: FDNBuild) -> None:
    """
    Refuse a network whose matrix moves, where only a fixed one has an answer.

    Examples
    --------
    >>> check_fixed(FDNBuild([[0.5]], [1.0], [1.0], 0.0, [3], 48000))
    """
    if build.modulation is not None:
        raise ValueError(
            "the network's matrix moves (modulation), so that it has no transfer function and no modes: look at it at "
            "rest, dataclasses.replace(build, modulation=None)"
        )


def squeeze_channels(response: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """
    Drop channel axes of length one from a response of shape (K, n_out, n_in), the input's first.

    Examples
    --------
    >>> squeeze_channels(np.zeros((5, 2, 1))).shape, squeeze_channels(np.zeros((5, 1, 1))).shape
    ((5, 2), (5,))
    """
    if response.shape[2] == 1:
        response = response[:, :, 0]
        if response.shape[1] == 1:
            response = response[:, 0]
    return response


def finite_number(value: Any, name: str, low: float, high: float, unit: str = "") -> float:
    """
    Return a number above `low` and at most `high` as a float, or raise.

    Examples
    --------
    >>> finite_number(2, "rt", 0.0, math.inf, "s")
    2.0
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be one real number, got {type(value).__name__}: pass a float")
    found = float(value)
    if not low < found <= high or math.isinf(found):
        space = f" {unit}" if unit else ""
        above = "be finite" if math.isinf(high) else f"be at most {high:g}{space}"
        raise ValueError(f"{name} = {found:g}{space} must lie above {low:g} and {above}: choose such a value")
    return found
