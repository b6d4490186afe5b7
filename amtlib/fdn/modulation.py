"""A feedback matrix that moves: slow rotations of pairs of lines, and the chorus that one hears of them.
Source: Schlecht and Habets (2015), J. Acoust. Soc. Am. 138, 1389-1398: a matrix that is orthogonal at every sample
keeps the network stable.
Not here: delays that move.
"""

import math
from dataclasses import replace

import numpy as np

from amtlib.fdn.build import MAX_MODULATION_RATE, Array, FDNBuild, finite_number
from amtlib.fdn.process import process_fdn
from amtlib.fdn.response import sections_at

# Rates of the pairs lie this far around the one asked for, as shares of it, so that their pattern does not repeat soon.
_SPREAD = 0.2
# Turns between the phases of neighbouring pairs: the golden section, which spreads any number of them evenly.
_GOLDEN = 0.5 * (math.sqrt(5.0) - 1.0)
# Tones that are measured: how many at least and at most, their distance in fastest rates and at least in Hz, the share
# of their middle that they span; periods of the slowest rate, s.
_LEAST_TONES, _TONES, _APART, _LEAST_APART, _WIDTH = 4, 64, 8.0, 6.0, 0.7
_PERIODS, _LONGEST = 6.0, 60.0
# Samples at most: some seconds of work.
_MOST = 2**24
# Largest depth at which rotations add up as the expected chorus assumes, rad.
_SMALL = 0.8


def _hertz_to_cents(hertz: float, frequency: float) -> float:
    return 1200.0 * math.log2(1.0 + hertz / frequency)


def _round_trip(build: FDNBuild, frequency: float) -> tuple[Array, Array]:
    """Power gains at a frequency: of the lines' filters, (N,), and from their outputs to the lines' inputs, (N, N)."""
    w = np.exp(-2j * math.pi * np.array([frequency]) / build.fs)
    through, after = (
        np.square(np.abs(np.ones((1, build.N)) * sections_at(sos, w)))[0]
        for sos in (build.filters, build.post_matrix)
    )
    return through, after[:, None] * np.square(build.A)


def _loss_per_round(build: FDNBuild, frequency: float) -> float:
    """Return by how many dB the power of a tone falls from round to round, or refuse what does not decay."""
    through, mixing = _round_trip(build, frequency)
    largest = float(np.abs(np.linalg.eigvals(mixing * through)).max())
    if largest > 1.0 - 1e-9:
        raise ValueError(
            f"the network does not decay at {frequency:g} Hz, so that its chorus has no end: give it a decay by "
            "with_decay"
        )
    return -10.0 * math.log10(max(largest, 1e-30))


def _deviation(build: FDNBuild, frequency: float, slopes: Array) -> float:
    """Rms deviation in Hz of a tone behind the network, where the pairs' phases change by so many Hz at most."""
    _loss_per_round(build, frequency)
    through, mixing = _round_trip(build, frequency)
    loses = np.eye(build.N) - mixing * through
    into, out = np.square(build.B).sum(axis=1), np.square(build.C).sum(axis=0) * through
    enters = np.linalg.solve(loses, into)  # power that enters each line in all
    worth = np.linalg.solve(loses.T, out)  # power at the outputs, of what enters a line
    leaves, fed = through * enters, mixing.T @ worth
    total = float(out @ enters) + float(np.square(build.D).sum())
    if not total > 0.0:
        raise ValueError(f"nothing comes out of the network at {frequency:g} Hz: look at its gains")
    first = 2 * np.arange(len(slopes))
    # the derivative of a rotation swaps the lines of its pair
    turned = leaves[first] * fed[first + 1] + leaves[first + 1] * fed[first]
    return math.sqrt(float(turned @ np.square(slopes)) / 2.0 / total)


def _audible(build: FDNBuild, frequency: float) -> float:
    if not isinstance(build, FDNBuild):
        raise TypeError(f"build is a {type(build).__name__}: give an FDNBuild")
    return finite_number(frequency, "frequency", 0.0, 0.45 * build.fs, "Hz")


def with_modulation(
    build: FDNBuild,
    cents: float | None = None,
    *,
    rate: float = 0.7,
    depth: float | None = None,
    frequency: float = 1000.0,
) -> FDNBuild:
    """
    Return the network with a matrix that slowly moves.

    Parameters
    ----------
    build : FDNBuild
        A network of two lines and more. With an orthogonal matrix it is orthogonal at every sample.
    cents : float, optional
        Chorus: rms deviation of a tone's frequency behind the network, in cents, > 0. Give this or `depth`. About 3 are
        just noticed in a tone at 1 kHz.
    rate : float
        Mean rate of the rotations in Hz, > 0 to 16; those of the pairs lie within 20 % around it.
    depth : float, optional
        Largest angle of each rotation in rad, 0 to pi.
    frequency : float
        Of the tone in Hz. The deviation is the same in Hz at all frequencies that decay alike, so in cents it is larger
        at lower ones.

    Returns
    -------
    FDNBuild
        A copy; a modulation that was there is replaced. With a depth of 0 it is taken away.

    Raises
    ------
    ValueError
        If a value is out of range, both or neither of `cents` and `depth` are given, the network does not decay at that
        frequency, or so much chorus needs rotations beyond 0.8 rad, where they no longer add up.

    See Also
    --------
    expected_chorus, measured_chorus : in cents, of any network.

    Notes
    -----
    The angles of the pairs start a golden section of a turn apart, and their rates are spread evenly: a given network
    sounds the same each time.

    References
    ----------
    Schlecht and Habets (2015), "Time-varying feedback matrices in feedback delay networks and their application in
    artificial reverberation", J. Acoust. Soc. Am. 138, 1389-1398.
    Wier, Jesteadt and Green (1977), J. Acoust. Soc. Am. 61, 178-184 (just noticed: 1 to 2 Hz at 1 kHz).

    Examples
    --------
    >>> from amtlib.fdn.design import design_fdn
    >>> moving = with_modulation(design_fdn(N=8, rt=2.0, rng=1), cents=1.5)
    >>> moving.modulation.shape, round(expected_chorus(moving), 6)
    ((3, 4), 1.5)
    """
    at = _audible(build, frequency)
    if build.N < 2:
        raise ValueError(
            "modulation turns pairs of lines, and the network has one line: give one of two or more"
        )
    if (cents is None) == (depth is None):
        raise ValueError("give cents= or depth=: one of them says how far the matrix moves")
    middle = finite_number(rate, "rate", 0.0, MAX_MODULATION_RATE / (1.0 + _SPREAD), "Hz")
    pairs = build.N // 2
    rates = middle * (1.0 + _SPREAD * (np.linspace(-1.0, 1.0, pairs) if pairs > 1 else np.zeros(1)))
    if depth is None:
        deviation = at * (2.0 ** (finite_number(cents, "cents", 0.0, 1200.0) / 1200.0) - 1.0)
        radians = deviation / _deviation(build, at, rates)
        if radians > _SMALL:
            most = _hertz_to_cents(_SMALL * deviation / radians, at)
            raise ValueError(
                f"cents = {cents:g} at {at:g} Hz would turn the matrix by {radians:.3g} rad, beyond {_SMALL:g} rad, up "
                f"to which its chorus is known: give {most:.3g} cents or less, or a higher rate"
            )
    else:
        radians = finite_number(depth, "depth", -1e-300, math.pi, "rad")
    if radians == 0.0:
        return replace(build, modulation=None)
    phases = 2.0 * math.pi * np.fmod(_GOLDEN * np.arange(pairs), 1.0)
    return replace(build, modulation=np.stack([np.full(pairs, radians), rates, phases]))


def expected_chorus(build: FDNBuild, frequency: float = 1000.0) -> float:
    """
    Chorus of a network from its numbers: rms deviation of a tone's frequency in cents.

    Parameters
    ----------
    build : FDNBuild
        A network that decays.
    frequency : float
        Of the tone in Hz, up to 0.45 fs.

    Returns
    -------
    float
        In cents; 0 where nothing moves.

    Raises
    ------
    ValueError
        If the network does not decay at that frequency, or the frequency is out of range.

    Notes
    -----
    Each pass through a pair whose angle changes by a' rad/s adds a' to the phase's slope, with either sign. A tone that
    has been through many lines has many such additions, whose paths do not interfere on average: squares of slopes
    add up. How often power passes each pair follows from the squares of the gains. A mean over frequencies, for depths
    up to 0.8 rad and a matrix that mixes well; :func:`measured_chorus` says how near it comes.

    Examples
    --------
    >>> from amtlib.fdn.design import design_fdn
    >>> expected_chorus(design_fdn(N=8, rt=2.0, rng=1))
    0.0
    """
    at = _audible(build, frequency)
    if build.modulation is None:
        return 0.0
    depths, rates, _ = build.modulation
    return _hertz_to_cents(_deviation(build, at, depths * rates), at)


def measured_chorus(build: FDNBuild, frequency: float = 1000.0) -> float:
    """
    Chorus of a network from its sound: steady tones are played through it, and their frequencies looked at.

    Parameters
    ----------
    build, frequency
        As in :func:`expected_chorus`.

    Returns
    -------
    float
        Rms deviation in cents, weighted by power, of up to 64 tones within a third below and above the frequency, over
        6 periods of the slowest pair, at most 60 s.

    Raises
    ------
    ValueError
        As :func:`expected_chorus`; if `frequency` is too low for tones that the modulation keeps apart, or the network
        decays so slowly that tones take more than 2**24 samples.

    Notes
    -----
    With a(t) the complex envelope of a tone, the deviation in rad/s is the root of the power of a'(t) over that of
    a(t). Changes of amplitude belong to it: a single resonance makes one of the other. Of 12 random rotations of 5 to
    16 lines it was 0.9 to 1.25 times what :func:`expected_chorus` says; of 14 Hadamard and Householder matrices, in
    which successive passes may undo each other, 0.55 to 1.25 times.

    Examples
    --------
    >>> from amtlib.fdn.design import design_fdn
    >>> moving = with_modulation(design_fdn(N=8, rt=1.0, rng=1), cents=3.0, rate=2.0)
    >>> abs(measured_chorus(moving) - 3.0) < 0.6
    True
    """
    at = _audible(build, frequency)
    loss = _loss_per_round(build, at)
    if build.modulation is None:
        return 0.0
    depths, rates, _ = build.modulation
    moving = rates[depths * rates > 0.0]
    if not len(moving):
        return 0.0
    apart = max(_APART * float(moving.max()), _LEAST_APART)
    count = min(_TONES, int(_WIDTH * at / apart))
    if count < _LEAST_TONES:
        raise ValueError(
            f"frequency = {at:g} Hz leaves no place for {_LEAST_TONES} tones {apart:.3g} Hz apart: give "
            f"{math.ceil(_LEAST_TONES * apart / _WIDTH)} Hz and more, or a slower modulation"
        )
    tones = at + apart * (np.arange(count) - (count - 1) / 2.0)
    tones = tones[tones < build.fs / 2.0 - apart]
    settled = math.ceil(60.0 / loss * float(build.delays.max())) + build.pre_delay
    ramp = round(4.0 / apart * build.fs)
    length = round(min(_PERIODS / float(moving.min()), _LONGEST) * build.fs) + 2 * ramp
    if settled + length > _MOST:
        raise ValueError(
            f"steady tones would need {(settled + length) / build.fs:.3g} s of sound at a decay of "
            f"{60.0 / loss * float(build.delays.max()) / build.fs:.3g} s, more than {_MOST / build.fs:.3g} s: give it "
            "a shorter one, or take expected_chorus"
        )
    n = np.arange(settled + length)
    # phases that keep the peak of the sum low
    starts = math.pi / len(tones) * np.arange(len(tones)) ** 2
    x = sum(
        np.cos(2.0 * math.pi * np.fmod(f / build.fs * n, 1.0) + s) for f, s in zip(tones, starts, strict=True)
    )
    y = process_fdn(np.repeat(np.asarray(x)[:, None], build.n_in, axis=1), build)[settled:]
    window = np.ones(length)
    window[:ramp] = 0.5 - 0.5 * np.cos(math.pi * np.arange(ramp) / ramp)
    window[-ramp:] = window[:ramp][::-1]
    spectrum = np.fft.rfft(y.reshape(length, -1).T * window)
    f = np.fft.rfftfreq(length, 1.0 / build.fs)
    power = slope = 0.0
    for tone in tones:
        near = np.abs(f - tone) <= apart / 2.0
        # the bins around a tone are the spectrum of its envelope; their order changes nothing but its phase
        envelope = np.fft.ifft(spectrum[:, near])
        changes = np.fft.ifft(spectrum[:, near] * (f[near] - tone))
        edge = math.ceil(envelope.shape[1] * ramp / length)
        power += float(np.square(np.abs(envelope[:, edge:-edge])).sum())
        slope += float(np.square(np.abs(changes[:, edge:-edge])).sum())
    return _hertz_to_cents(math.sqrt(slope / power), at)
