"""A network fitted to a room: from a recorded impulse response to decay times, tone, direct sound and a trained core.
Source: measures of ISO 3382-1:2009; losses of :mod:`amtlib.train.losses`.
Not here: rendering, measuring and correcting (:mod:`amtlib.train.calibration`).
"""

import math
import time
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from amtlib.fdn.absorption import absorption_times
from amtlib.fdn.acoustics import RoomMeasures, onset_sample, room_measures, room_response
from amtlib.fdn.build import Array, FDNBuild, sampling_rate, squeeze_channels
from amtlib.fdn.certificate import Stability, stability
from amtlib.fdn.delays import Seed, as_generator, line_count, sample_delay_lengths
from amtlib.fdn.matrices import random_orthogonal
from amtlib.fdn.noise import octave_centres, without_noise
from amtlib.fdn.response import render, transfer_function
from amtlib.progress import Progress, telling
from amtlib.results import Result
from amtlib.train.build import Trainable, extract_build, trainable_from_build
from amtlib.train.calibration import (
    CURVE_OFF,
    LEVEL_OFF,
    TIMES_OFF,
    Calibration,
    Octaves,
    curve_distance,
    distance,
    octaves,
)
from amtlib.train.losses import Loss, MatchEnergyDecay
from amtlib.train.notices import TargetBeginsLate, TargetBreaksOff, TargetCut, TimeAliasing
from amtlib.train.run import TrainingRun
from amtlib.train.settings import positive_number, whole_number

#: Decay times that are fitted, s.
SHORTEST, LONGEST = 0.05, 30.0
# What is measured scatters: a time of this share above the longest is still fitted, as the longest.
_SCATTER = 1.1
# Delays in s, as shares of the shortest decay time where that is short; the direct sound's length in s.
_DELAYS, _OF_DECAY, _DIRECT = (0.005, 0.040), 0.25, 0.002
# Rounds of corrections before and after training; training's FFT length at most, and its decay against wrapping (dB).
_BEFORE, _AFTER, _NFFT, _ALIAS_DB = 8, 4, 2**15, 40.0


@dataclass(frozen=True, repr=False)
class RoomFit(Result):
    """
    A network fitted to a room, and how near it came.

    Attributes
    ----------
    build : FDNBuild
        The network, which begins where the response begins: `onset` later in the recording.
    target, reached : RoomMeasures
        What was measured of the room and of the network, by octave.
    curve_db : float
        Rms distance of the broadband decay curves over their first 40 dB, dB.
    onset : float
        When the response begins in the recording, s.
    steps : int
        Steps of training.
    seconds : float
        What the fit took.
    certificate : Stability
        That the network cannot grow.
    problems : tuple of str
        A sentence for each thing that could not be measured or met.
    """

    build: FDNBuild
    target: RoomMeasures
    reached: RoomMeasures
    curve_db: float
    onset: float
    steps: int
    seconds: float
    certificate: Stability
    problems: tuple[str, ...]

    def _summary(self) -> dict[str, Any]:
        """Return the distances, and how it went."""
        return {
            "t30_off": self.t30_off, "level_off (dB)": self.level_off, "curve_db": self.curve_db, "steps": self.steps,
            "seconds": self.seconds, "problems": len(self.problems),
        }  # fmt: skip

    @property
    def t30_off(self) -> float:
        """Mean error of T30 from 125 Hz to 8 kHz, as a share; NaN where none is known."""
        return _mean(np.abs(self._heard(self.reached.t30 / self.target.t30 - 1.0)))

    @property
    def level_off(self) -> float:
        """Mean error of the level from 125 Hz to 8 kHz, dB."""
        return _mean(np.abs(self._heard(self.reached.level - self.target.level)))

    def _heard(self, values: Array) -> Array:
        heard = (self.target.centres >= 120.0) & (self.target.centres <= 8100.0)
        return values[heard]

    def table(self) -> list[dict[str, float]]:
        """
        Return a row for each octave: what was wanted and what was reached, mean of the channels.

        Returns
        -------
        list of dict
            ``centre`` in Hz, and ``t30``, ``edt``, ``c50``, ``level`` with ``_reached``.
        """
        rows = []
        for band, centre in enumerate(self.target.centres.tolist()):
            row = {"centre": centre}
            for name in ("t30", "edt", "c50", "level"):
                row[name] = _mean(getattr(self.target, name)[band])
                row[f"{name}_reached"] = _mean(getattr(self.reached, name)[band])
            rows.append(row)
        return rows

    def sentence(self) -> str:
        """Say how near the network came, and where it did not."""
        start = (
            f"T30 within {100.0 * self.t30_off:.2g} % and level within {self.level_off:.2g} dB on average from 125 Hz "
            f"to 8 kHz, decay curve within {self.curve_db:.2g} dB over 40 dB, after {self.steps} steps in "
            f"{self.seconds:.3g} s."
        )
        return " ".join([start, *self.problems])


def _mean(values: npt.ArrayLike) -> float:
    found = np.asarray(values, dtype=np.float64)
    found = found[np.isfinite(found)]
    return float(found.mean()) if found.size else math.nan


def fit_room(
    rir: npt.ArrayLike,
    fs: float,
    lines: int = 16,
    *,
    loss: Loss | None = None,
    max_steps: int = 200,
    time_budget: float = 15.0,
    lr: float = 0.01,
    trainable: Trainable | None = None,
    rng: Seed = 0,
    progress: Progress | None = None,
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
    loss : Loss, optional
        What training makes small, with the room as its target. Default: :class:`MatchEnergyDecay`.
    max_steps : int
        Steps of training at most; 0 for none.
    time_budget : float
        Seconds that the fit may take, from which training has what measuring leaves.
    lr : float
        Learning rate.
    trainable : Trainable, optional
        What trains, the direct path excepted. Default: matrix, gains, decay and output equaliser.
    rng : Generator, int or None
        Draws delays, matrix and gains.
    progress : callable or bool, optional
        Called with the share done, from 0 to 1; True for a bar.

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
    one. Then everything trains towards the loss, on the first 0.7 s at most, and is corrected again; of both networks
    the one whose decay times, levels and curve are nearer is returned. A band that the response leaves open has the
    time of its neighbours, which `problems` says.

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
        times, problems = _times(target)
        wanted = octaves(clean, rate, centres)
        wanted = replace(wanted, times=times)
        start = _first(clean, rate, n, centres, times, generator)
        start.correct(wanted, _BEFORE)
        tell(0.5)
        best, done = start, 0
        spent = time.monotonic() - began
        until = began + budget - 0.7 * spent  # what correcting and measuring again take
        if steps and until > time.monotonic() + 1.0:
            trained, done = _trained(start, clean, loss, steps, until, rate_of_learning, trainable)
            trained.correct(wanted, _AFTER)
            if _off(trained, wanted) <= _off(start, wanted):
                best = trained
        elif steps:
            problems.append(
                f"Training had no time: measuring took {spent:.2g} s of time_budget = {budget:g} s; raise it."
            )
        tell(0.9)
        build = best.build()
        ir = render(build, best.seconds)
        found = octaves(ir.reshape(-1, *clean.shape[1:]), rate, centres)
        curve = curve_distance(wanted.curves, found.curves)
        reached = room_measures(ir.reshape(-1, *h.shape[1:]), rate, centres)
    for each in heard:
        # the target is cut, and its end left out, on purpose
        if not isinstance(each.message, TargetCut | TargetBreaksOff | TargetBeginsLate | TimeAliasing):
            problems.append(str(each.message))
    fit = RoomFit(
        build, target, reached, curve, onset / rate, done, time.monotonic() - began, stability(build), ()
    )
    return replace(fit, problems=(*problems, *_missed(fit)))


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


def _first(
    clean: Array, fs: float, n: int, centres: Array, times: Array, generator: np.random.Generator
) -> Calibration:
    """Return a network of random delays, rotation and signs with these times, before any correction."""
    longest = min(_DELAYS[1], _OF_DECAY * float(np.median(times)))
    shortest = longest * _DELAYS[0] / _DELAYS[1]
    low, high = max(shortest * fs, 2.0), max(longest * fs, 8.0 * n)
    delays = sample_delay_lengths(n, (low, high), distribution="geometric", coprime=True, rng=generator)
    n_out, n_in = clean.shape[1:]
    rotation = random_orthogonal(n, rng=generator)
    ends = [generator.choice([-1.0, 1.0], (n, count)) / math.sqrt(n) for count in (n_in, n_out)]
    core = FDNBuild(rotation, ends[0], ends[1].T, 0.0, delays, fs)
    times = _gentle(times)
    seconds = float(np.clip(0.75 * times.max() + 0.1, 0.2, max(len(clean) / fs, 0.2)))
    return Calibration(
        core, centres, times, np.zeros((len(centres), n_out)), seconds, np.zeros((n_out, n_in)), 0
    )


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
    trainable: Trainable | None,
) -> tuple[Calibration, int]:
    """Return the network trained towards the room, without its direct path and pre-delay, which stay; and the steps."""
    build = start.build()
    nfft = min(2 ** math.ceil(math.log2(start.seconds * build.fs)), _NFFT)
    model = trainable_from_build(
        replace(build, D=np.zeros_like(build.D), pre_delay=0),
        trainable=trainable or Trainable(decay=True, post_eq=True),
        nfft=nfft,
        alias_decay_db=_ALIAS_DB,
        device="cpu",
    )
    late = clean[build.pre_delay :].copy()
    if build.D.any():
        late[: round(_DIRECT * build.fs)] = 0.0
    fade = min(nfft, len(late))
    target = late[:fade]
    run = TrainingRun(
        model, loss=MatchEnergyDecay() if loss is None else loss, max_steps=steps, lr=lr,
        target=squeeze_channels(target), target_noise="keep", rng=0, patience=20,
    )  # fmt: skip
    for _ in run:
        if time.monotonic() > until:
            run.stop()
    found = extract_build(model)
    assert found.filters is not None  # those of the calibrated start, trained or not
    times = absorption_times(found.filters, found.delays, found.fs, start.centres)
    gains = _equaliser_gains(found, start.centres)
    core = replace(found, filters=None, post_eq=None)
    return (
        replace(start, core=core, times=_gentle(1.0 / (1.0 / times).mean(axis=1)), gains=gains),
        run.steps_run,
    )


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


def _off(network: Calibration, wanted: Octaves) -> float:
    return distance(octaves(network.response(), network.core.fs, network.centres), wanted)


def _missed(fit: RoomFit) -> list[str]:
    """Return a sentence for each thing that is further off than it should be."""
    found = []
    for row in fit.table():
        off = row["t30_reached"] / row["t30"] - 1.0
        if abs(off) > TIMES_OFF:
            found.append(
                f"At {row['centre']:g} Hz T30 is {row['t30_reached']:.3g} s instead of {row['t30']:.3g} s."
            )
        if abs(row["level_reached"] - row["level"]) > LEVEL_OFF:
            found.append(
                f"At {row['centre']:g} Hz the level is {row['level_reached'] - row['level']:+.1f} dB off."
            )
    if fit.curve_db > CURVE_OFF:
        found.append(
            f"The decay curve is {fit.curve_db:.2g} dB off: its early part, or two slopes, are no single decay."
        )
    if not fit.certificate.certain:
        found.append(f"The network {fit.certificate.sentence()}.")
    return found
