"""A network fitted to a room: from a recorded impulse response to decay times, tone, direct sound and a trained core.
Source: measures of ISO 3382-1:2009; losses of :mod:`amtlib.train.losses`.
Not here: rendering, measuring and correcting (:mod:`amtlib.train.calibration`).
"""

import math
import time
import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from amtlib.fdn.absorption import absorption_times
from amtlib.fdn.acoustics import RoomMeasures, onset_sample, room_measures, room_response
from amtlib.fdn.build import Array, FDNBuild, sampling_rate, squeeze_channels
from amtlib.fdn.certificate import stability
from amtlib.fdn.coupling import coupled_matrix, first_group
from amtlib.fdn.delays import Seed, as_generator, line_count, sample_delay_lengths
from amtlib.fdn.matrices import random_orthogonal
from amtlib.fdn.noise import octave_centres, without_noise
from amtlib.fdn.response import render, transfer_function
from amtlib.progress import Progress, part, telling
from amtlib.train.build import Trainable, extract_build, trainable_from_build
from amtlib.train.calibration import (
    Calibration,
    Octaves,
    curve_distance,
    distance,
    octaves,
)
from amtlib.train.losses import Loss, MatchCoherence, MatchEnergyDecay, MatchExcitation
from amtlib.train.notices import TargetBeginsLate, TargetBreaksOff, TargetCut, TimeAliasing
from amtlib.train.room_report import RoomFit, missed
from amtlib.train.run import TrainingRun
from amtlib.train.settings import positive_number, whole_number

#: Decay times that are fitted, s.
SHORTEST, LONGEST = 0.05, 30.0
# What is measured scatters: a time of this share above the longest is still fitted, as the longest.
_SCATTER = 1.1
# Delays in s, as shares of the shortest decay time where that is short; the direct sound's length in s.
_DELAYS, _OF_DECAY, _DIRECT = (0.005, 0.040), 0.25, 0.002
# Share of the time that corrections before training may have, s that training is begun for, and rounds of corrections
# that time is left for after it.
_SHARE, _LEAST, _AGAIN = 0.5, 1.0, 3
# Levels of an output equaliser that trains may be so far apart, dB.
_TRAINED_SPAN = 72.0
# Share of the steps, or of their time, after which they get smaller, and by how much.
_FAST, _SLOWER = 0.67, 0.2
# Balance of two slopes that were asked for and not found, dB.
_BALANCE = -15.0
# Rounds of corrections before and after training; training's FFT length at most, and its decay against wrapping (dB).
_BEFORE, _AFTER, _NFFT, _ALIAS_DB = 8, 5, 2**15, 40.0
# How often training is watched, s.
_WATCHED = 0.3


def fit_room(
    rir: npt.ArrayLike,
    fs: float,
    lines: int = 16,
    *,
    slopes: int | None = None,
    loss: Loss | None = None,
    max_steps: int = 200,
    time_budget: float = 15.0,
    lr: float = 0.01,
    trainable: Trainable | None = None,
    rng: Seed = 0,
    progress: Progress | None = None,
    watch: Callable[[FDNBuild], object] | None = None,
) -> RoomFit:
    """
    Fit a network to a room's impulse response.

    Parameters
    ----------
    rir : array, shape (T,), (T, n_out) or (T, n_out, n_in)
        Impulse response in floats, from a clap, a balloon, a sweep; silence before it and noise behind it are found.
        Channels keep their levels: a stereo response makes a stereo network.
    fs : float
        Its sampling rate in Hz, and the network's.
    lines : int
        Delay lines, 1 to 64; at least as many as inputs and outputs.
    slopes : {1, 2}, optional
        1: all lines have the same decay times. 2: two groups of lines have their own, as coupled rooms do. Default: 2
        where most octaves from 250 Hz up decay in two slopes (:class:`amtlib.fdn.slopes.TwoSlopes`).
    loss : Loss, optional
        What training makes small, with the room as its target. Default: :class:`MatchEnergyDecay`; of a
        response of two outputs also :class:`MatchExcitation` and :class:`MatchCoherence`.
    max_steps : int
        Steps of training at most; 0 for none.
    time_budget : float
        Seconds that the whole fit may take: training has what measuring and correcting leave. A first network is made,
        corrected twice, brought to the coherence of two ears and measured however little it is.
    lr : float
        Learning rate.
    trainable : Trainable, optional
        What trains, the direct path excepted. Default: matrix, gains, decay and output equaliser; the equaliser of two
        outputs is corrected, not trained, for it holds the filter that parts their phases.
    rng : Generator, int or None
        Draws delays, matrix and gains.
    progress : callable or bool, optional
        Called with the share done, from 0 to 1; True for a bar.
    watch : callable, optional
        Called with the network as it is: once it is calibrated, while it trains a few times a second, and after that.

    Returns
    -------
    RoomFit
        The network, and target and reached measures by octave; ``fit.sentence()`` says how near it is.

    Raises
    ------
    ValueError
        If the response is none (silence, music, a constant, one sample, not finite), decays within the shortest delays
        or in no octave, or an option is out of range.
    TypeError
        If an option has the wrong type.

    See Also
    --------
    room_measures : what is measured.
    stability : the certificate.

    Notes
    -----
    Onset, noise, decay times and levels by octave are measured first (:func:`room_measures`). A network of random
    delays, rotation and signs gets absorption with these times and an output equaliser with these levels; it is
    rendered, measured and corrected, and its direct sound or pre-delay is set where the decay curves show that it lacks
    one. With one slope, the gains of its lines give it the early energy (C50) of the room in the octaves from 125 Hz to
    8 kHz, as near as they can. With two slopes, two groups of lines that exchange nothing
    have a decay each; how strong the slow one begins is one number for all octaves, which the network's gains can give,
    and both times follow from it in each octave. Then everything trains towards the loss, on the first 0.7 s at most,
    and is corrected again. Of both networks the one whose decay times, levels, early energy, curve and coherence are
    nearest is returned. A band that the response leaves open has the time of its neighbours, which `problems` says.

    Two outputs have the same gains. An all-pass filter behind the second one, which makes no output's modes less
    even, parts their phases by least squares against the coherence by ERB of the whole response,
    whether or not anything trains. Direct sound, which both outputs have at the same
    sample, takes no more of an octave than its coherence allows. Without training and with one slope, the hall of
    pyFDN's example (s3_r4_o.wav, two microphones) is met within 0.03 in each of 35 bands, 0.007 on average, and both
    outputs have a modal spread of 7.96 dB, with the filter as without it. Of the room itself one response is a sample
    (:func:`amtlib.fdn.coherence.interaural_coherence`). A difference of time between both ears, which coherence
    without a lag does not see, is not fitted.

    References
    ----------
    ISO 3382-1:2009.

    Examples
    --------
    >>> t = np.arange(8000) / 16000
    >>> clap = np.random.default_rng(0).standard_normal(8000) * 10.0 ** (-3.0 * t / 0.3)
    >>> fit = fit_room(clap, 16000, lines=8, max_steps=0)
    >>> fit.build.N, fit.t30_off < 0.05, fit.level_off < 0.5, fit.certificate.certain
    (8, True, True, True)
    """
    began = time.monotonic()
    h, rate = room_response(rir, "rir"), sampling_rate(fs)
    if rate < 4000.0:
        raise ValueError(
            f"fs = {rate:g} Hz leaves too few octaves to fit: give a response of 4000 Hz and more"
        )
    n = line_count(lines)
    steps, budget = whole_number(max_steps, "max_steps", 0), positive_number(time_budget, "time_budget")
    rate_of_learning = positive_number(lr, "lr")
    groups = None if slopes is None else whole_number(slopes, "slopes", 1)
    if groups not in (None, 1, 2):
        raise ValueError(f"slopes = {groups}: give 1 or 2, or leave it out to have the response decide")
    if groups == 2 and n < 2:
        raise ValueError("two slopes need two groups of lines, and lines = 1: give 2 or more")
    whole = h.reshape(len(h), *(*h.shape[1:], 1, 1)[:2])
    if n < max(whole.shape[1:]):
        raise ValueError(
            f"lines = {n} are fewer than the response's channels {whole.shape[1:]}: give {max(whole.shape[1:])} or more"
        )
    if trainable is not None and trainable.direct:
        raise ValueError(
            "the direct path is set from the decay curve, not trained: leave direct out of trainable"
        )
    generator = as_generator(rng)
    with telling(progress, "room") as tell, warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        centres = octave_centres(rate)
        target = room_measures(h, rate, centres)
        tell(0.1)
        onset = onset_sample(h)
        clean = without_noise(whole, rate).ir[onset:]
        measuring = time.monotonic() - began  # as long as measuring the network will take, at the end
        times, problems = _times(target)
        wanted = _wanted(clean, rate, centres, times, groups)
        start = _first(clean, rate, n, wanted, centres, generator)
        until = began + budget - measuring
        seen = watch or (lambda build: None)
        now = time.monotonic()
        reached_octaves, one = start.correct(wanted, _BEFORE, until=now + _SHARE * (until - now))
        seen(start.build())
        tell(0.5)
        ears, parted = wanted.coherence is not None, 0.0
        if ears:
            reached_octaves, parted = start.meet_ears(wanted, until)
            seen(start.build())
        networks, done = [(distance(reached_octaves, wanted), start)], 0
        # the network is rendered once more at the end, and certified, which takes about as long
        until -= 2.0 * one
        now = time.monotonic()
        late = until - _AGAIN * one - parted  # measured and corrected again after training
        if steps and late > now + _LEAST:
            learns = trainable or Trainable(decay=True, post_eq=not ears)
            if learns.post_eq and ears:
                learns = replace(learns, post_eq=False)
                problems.append("The output equaliser did not train: that of two outputs parts their phases.")
            elif learns.post_eq and float(np.ptp(start.gains, axis=0).max()) > _TRAINED_SPAN:
                learns = replace(learns, post_eq=False)
                problems.append("The output equaliser did not train: its octaves are too far apart in level.")
            trained, done = _trained(
                start, clean, loss, steps, late, rate_of_learning, learns, part(tell, 0.5, 0.8), seen
            )
            ends = max(late, time.monotonic()) + _AGAIN * one  # what training left of its time is theirs, too
            found, one = trained.correct(wanted, _AFTER, until=ends)
            if ears:
                found, _ = trained.meet_ears(wanted, until)
            seen(trained.build())
            networks.append((distance(found, wanted), trained))
        elif steps:
            spent = time.monotonic() - began
            problems.append(
                f"Training had no time: measuring took {spent:.2g} s of time_budget = {budget:g} s; raise it."
            )
        best = min(networks, key=lambda each: each[0])[1]
        if done and best is start:
            problems.append("Training brought it no nearer: this is the network from before its training.")
        tell(0.9)
        build = best.build()
        ir = render(build, best.seconds)
        found = octaves(ir.reshape(-1, *clean.shape[1:]), rate, centres)
        curve = curve_distance(wanted.curves, found.curves, wanted.depth)
        reached = room_measures(ir.reshape(-1, *h.shape[1:]), rate, centres)
    for each in heard:
        # the target is cut, and its end left out, on purpose
        if not isinstance(each.message, TargetCut | TargetBreaksOff | TargetBeginsLate | TimeAliasing):
            problems.append(str(each.message))
    fit = RoomFit(
        build, target, reached, curve, onset / rate, done, time.monotonic() - began, stability(build), (),
        best.times.reshape(len(centres), -1), wanted.coherence, found.coherence,
    )  # fmt: skip
    return replace(fit, problems=(*problems, *missed(fit)))


def _times(target: RoomMeasures) -> tuple[Array, list[str]]:
    """Decay times by octave, mean of the channels; those that are unknown from T20, then from their neighbours."""
    problems = []
    found = []
    for band, centre in enumerate(target.centres):
        values = target.t30[band]
        values = values if np.isfinite(values).any() else target.t20[band]
        known = np.isfinite(values)
        found.append(float(np.exp(np.log(values[known]).mean())) if known.any() else math.nan)
        if not known.any():
            problems.append(
                f"At {centre:g} Hz the response holds no decay of 20 dB: its neighbours' time was taken."
            )
    times = np.array(found)
    known = np.isfinite(times)
    if not known.any():
        raise ValueError(
            "rir holds no decay of 20 dB in any octave, above its noise and longer than the octave's own filter rings: "
            "record a louder or longer response, or another room"
        )
    log = np.interp(np.log(target.centres), np.log(target.centres[known]), np.log(times[known]))
    times = np.exp(log)
    if times.max() > _SCATTER * LONGEST or np.median(times) < SHORTEST:
        raise ValueError(
            f"rir decays within {times.min():.3g} to {times.max():.3g} s by octave: {SHORTEST:g} to {LONGEST:g} s can "
            "be fitted; give a longer or shorter response, or another recording"
        )
    return np.clip(times, SHORTEST, LONGEST), problems


def _wanted(clean: Array, fs: float, centres: Array, times: Array, groups: int | None) -> Octaves:
    """Measure the room: with one slope in each octave, or with two, which must be in most octaves from 250 Hz up."""
    if groups == 1:
        return replace(octaves(clean, fs, centres), times=times)
    found = octaves(clean, fs, centres, slopes=True)
    assert found.two is not None
    high = found.two[centres >= min(240.0, centres[-1])]
    if groups is None and not 2 * high.sum() > len(high):
        return replace(found, times=times, slopes=None)
    ratio = found.ratio if math.isfinite(found.ratio) else _BALANCE
    found = octaves(clean, fs, centres, slopes=True, ratio=ratio)
    assert found.slopes is not None
    columns = [np.where(found.slopes[:, k] > 0.0, found.slopes[:, k], times) for k in (0, 1)]
    both = np.clip(np.stack(columns, axis=1), SHORTEST, LONGEST)
    return replace(found, times=times, slopes=both, ratio=ratio, early=None)  # gains set their balance


def _first(
    clean: Array, fs: float, n: int, wanted: Octaves, centres: Array, generator: np.random.Generator
) -> Calibration:
    """Return a network of random delays, rotation and signs with these times, before any correction."""
    times = wanted.decays
    longest = min(_DELAYS[1], _OF_DECAY * float(np.median(times if wanted.slopes is None else times[:, 0])))
    shortest = longest * _DELAYS[0] / _DELAYS[1]
    low, high = max(shortest * fs, 2.0), max(longest * fs, 8.0 * n)
    delays = sample_delay_lengths(n, (low, high), distribution="geometric", coprime=True, rng=generator)
    n_out, n_in = clean.shape[1:]
    half = first_group(n)
    if wanted.slopes is None:
        rotation = random_orthogonal(n, rng=generator)
    else:
        blocks = [random_orthogonal(count, rng=generator) for count in (half, n - half)]
        rotation = coupled_matrix(blocks[0], blocks[1], 0.0)
    # two ears begin alike, as one: an all-pass filter parts them as far as they should be, and leaves the modes even
    rows = n_out if wanted.coherence is None else 1
    ends = [generator.choice([-1.0, 1.0], (n, count)) / math.sqrt(n) for count in (n_in, rows)]
    outputs = np.repeat(ends[1].T, n_out // rows, axis=0)
    core = FDNBuild(rotation, ends[0], outputs, 0.0, delays, fs)
    gentle = np.stack([_gentle(each) for each in times.reshape(len(centres), -1).T], axis=1)
    seconds = float(np.clip(0.75 * times.max() + 0.1, 0.2, max(len(clean) / fs, 0.2)))
    made = Calibration(
        core, centres, gentle if wanted.slopes is not None else gentle[:, 0], np.zeros((len(centres), n_out)), seconds,
        np.zeros((n_out, n_in)), 0,
    )  # fmt: skip
    if wanted.slopes is not None:
        # the power of a group's sound: that of its ends, spread over its delays
        made.balance(wanted.ratio + 10.0 * math.log10(delays[half:].sum() / delays[:half].sum()))
    return made


def _gentle(times: Array) -> Array:
    """Return times whose neighbours differ by a factor of 2 at most, which filters can have."""
    found = times.copy()
    for order in (range(1, len(found)), range(len(found) - 2, -1, -1)):
        for band in order:
            other = found[band - 1] if order.step > 0 else found[band + 1]
            found[band] = min(max(found[band], other / 2.0), other * 2.0)
    return found


def _trained(
    start: Calibration,
    clean: Array,
    loss: Loss | None,
    steps: int,
    until: float,
    lr: float,
    learns: Trainable,
    tell: Callable[[float], object],
    watch: Callable[[FDNBuild], object],
) -> tuple[Calibration, int]:
    """Return the network trained towards the room, its pre-delay staying what it is; and the steps."""
    build = start.build()
    # a model has no place for a pre-delay behind a direct path
    apart = build.pre_delay > 0 and bool(build.D.any())
    nfft = min(2 ** math.ceil(math.log2(start.seconds * build.fs)), _NFFT)
    model = trainable_from_build(
        replace(build, D=np.zeros_like(build.D) if apart else build.D, pre_delay=0),
        trainable=learns,
        nfft=nfft,
        alias_decay_db=_ALIAS_DB,
        device="cpu",
    )
    late = clean[build.pre_delay :].copy()
    if apart:
        late[: round(_DIRECT * build.fs)] = 0.0
    fade = min(nfft, len(late))
    target = late[:fade]
    run = TrainingRun(
        model, loss=_default_loss(build.n_out) if loss is None else loss, max_steps=steps, lr=lr,
        target=squeeze_channels(target), target_noise="keep", rng=0, patience=20,
    )  # fmt: skip
    began = shown = time.monotonic()
    for step in run:
        now = time.monotonic()
        if now + (now - began) / (step.index + 1) > until:
            run.stop()
        if max((now - began) / (until - began), (step.index + 1) / steps) > _FAST and run.lr == lr:
            run.lr = _SLOWER * lr
        if now > shown + _WATCHED:
            shown = now
            tell((step.index + 1) / steps)
            watch(replace(extract_build(model), D=build.D, pre_delay=build.pre_delay))
    found = extract_build(model)
    assert found.filters is not None  # those of the calibrated start, trained or not
    loss_rates = 1.0 / absorption_times(found.filters, found.delays, found.fs, start.centres)
    half = build.N if start.times.ndim == 1 else first_group(build.N)
    groups = [loss_rates[:, :half], loss_rates[:, half:]] if half < build.N else [loss_rates]
    times = np.stack([_gentle(1.0 / each.mean(axis=1)) for each in groups], axis=1)
    gains = _equaliser_gains(found, start.centres)
    core = replace(found, filters=None, post_eq=None, D=np.zeros_like(found.D))
    return replace(start, core=core, times=times.reshape(start.times.shape), gains=gains), run.steps_run


def _default_loss(outputs: int) -> Loss:
    """Decay by octave; for two ears also levels by ERB, and coherence: .05 of it weighs like .5 dB of decay."""
    if outputs != 2:
        return MatchEnergyDecay()
    return MatchEnergyDecay() + 0.3 * MatchExcitation() + 200.0 * MatchCoherence()


def _equaliser_gains(build: FDNBuild, centres: Array) -> Array:
    """Gains in dB of the output equaliser at the centres, (K, n_out)."""
    if build.post_eq is None:
        return np.zeros((len(centres), build.n_out))
    columns = []
    for output in range(build.n_out):
        through = FDNBuild(
            [[0.0]], [1.0], [1.0], 0.0, [1], build.fs, post_eq=build.post_eq[:, :, output : output + 1]
        )
        columns.append(20.0 * np.log10(np.abs(transfer_function(through, centres))))
    return np.stack(columns, axis=1)
