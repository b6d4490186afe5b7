"""A network brought to a room's decay times, levels and decay curve: rendered, measured and corrected in turn.
Source: one correction a round, in proportion to what is off (fixed-point iteration); decay curves of Schroeder (1965).
With two slopes, the decay times of both (:mod:`amtlib.fdn.slopes`) are corrected, and their balance.
Not here: measuring the room (:mod:`amtlib.fdn.acoustics`), descent along gradients (:mod:`amtlib.train.run`).
"""

import math
import time
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.signal import sosfilt

from amtlib.fdn.absorption import with_decay
from amtlib.fdn.build import Array, FDNBuild
from amtlib.fdn.coherence import coherence_centres, interaural_coherence
from amtlib.fdn.coupling import first_group
from amtlib.fdn.decay import energy_decay_curve, fitted_time
from amtlib.fdn.equaliser import graphic_equaliser
from amtlib.fdn.noise import octave_gain
from amtlib.fdn.response import render
from amtlib.fdn.slopes import TwoSlopes, two_slopes_of
from amtlib.lti import fast_length
from amtlib.train.early import LOOKED_AT, clarity, early_end, early_gains
from amtlib.train.ears import EarPhases, phase_sections

#: Decay curves are compared over so many dB, of one slope and of two, and their levels set after so many seconds.
CURVE_DB, TWO_SLOPES_DB, SETTLED = 40.0, 50.0, 0.01
#: What a fit may be off before it is said: times (share), levels and clarity (dB) by octave, decay curve (dB),
#: coherence by ERB.
TIMES_OFF, LEVEL_OFF, CLARITY_OFF, CURVE_OFF, COHERENCE_OFF = 0.05, 1.0, 1.0, 1.0, 0.05
# A curve has this many points per second.
_PER_SECOND = 1000
# Longest pre-delay in s.
_LATEST = 0.1
# Good enough: times (share) and levels (dB); most of the energy of a band that the direct sound may have.
_TIMES, _LEVELS, _DIRECT = 0.004, 0.05, 0.85
_CORRECTION, _NEAR = 0.9, 1.0
# Rounds that begin with the balance of two slopes; rounds in which early energy is set; corrections that are made
# however late it is.
_BALANCED, _EARLY, _LEAST_ROUNDS = 2, (2, 4), 2
# Share of an octave that direct sound may have beyond the coherence there; lines are corrected by so many dB beyond
# what an octave is off, for the sake of the direct sound in it.
_COMMON, _MORE = 0.05, 10.0


@dataclass(frozen=True, eq=False)
class Octaves:
    """
    Decay times, levels and the decay curve of a response without noise.

    Parameters
    ----------
    times : array, shape (K,)
        T30 in s, mean of the channels; NaN where the response holds less.
    levels : array, shape (K, n_out, n_in)
        Energy in dB.
    energy : array, shape (n_out, n_in)
        Of the whole response.
    curves : array, shape (P, n_out, n_in)
        Broadband decay curves in dB re their start, every millisecond.
    early : array, shape (K, n_out, n_in), optional
        Clarity C50 in dB (:func:`amtlib.train.early.clarity`).
    slopes : array, shape (K, 2), optional
        Decay times in s of two slopes; NaN where they were not found. None where one was looked for.
    ratio : float
        Initial power of the slow decay re that of the fast one, dB, median of the octaves that show two; NaN for none.
    two : array of bool, shape (K,), optional
        Octaves that have two slopes.
    coherence : array, shape (bands, n_in), optional
        Of two outputs (:func:`amtlib.fdn.coherence.interaural_coherence`); None for other numbers of outputs.

    Examples
    --------
    >>> Octaves(np.ones(2), np.zeros((2, 1, 1)), np.ones((1, 1)), np.zeros((9, 1, 1))).times.shape
    (2,)
    """

    times: Array
    levels: Array
    energy: Array
    curves: Array
    early: Array | None = None
    slopes: Array | None = None
    ratio: float = math.nan
    two: Array | None = None
    coherence: Array | None = None

    @property
    def decays(self) -> Array:
        """Decay times in s, (K,), or of two slopes, (K, 2)."""
        return self.times if self.slopes is None else self.slopes

    @property
    def depth(self) -> float:
        """Part of the decay curve that is compared, dB."""
        return CURVE_DB if self.slopes is None else TWO_SLOPES_DB


def octaves(
    h: Array,
    fs: float,
    centres: Array,
    *,
    slopes: bool = False,
    ratio: float | None = None,
    coherence: bool = True,
) -> Octaves:
    """
    Measure a response without noise, (T, n_out, n_in), quickly; with `slopes`, two in each octave, of one `ratio`; with
    `coherence`, that of two outputs.

    Examples
    --------
    >>> t = np.arange(48000) / 48000
    >>> h = np.random.default_rng(0).standard_normal(48000) * 10.0 ** (-3.0 * t / 0.5)
    >>> bool(abs(octaves(h[:, None, None], 48000.0, np.array([1000.0])).times[0] - 0.5) < 0.02)
    True
    """
    flat = h.reshape(len(h), -1)
    n_fft = fast_length(2 * len(h))
    step = max(1, len(h) // 4096)
    times = np.full((len(centres), flat.shape[1]), math.nan)
    levels = np.empty_like(times)
    gains = _octave_gains(n_fft, fs, tuple(centres.tolist()))
    both: list[list[TwoSlopes]] = [[] for _ in centres]
    for channel in range(flat.shape[1]):
        spectrum = np.fft.rfft(flat[:, channel], n_fft)
        energies = np.square(np.abs(spectrum)) / n_fft
        energies[1:-1] *= 2.0
        for band, gain in enumerate(gains):
            levels[band, channel] = 10.0 * math.log10(max(float(np.square(gain) @ energies), 1e-300))
            power = np.square(np.fft.irfft(spectrum * gain, n_fft)[: len(h)])
            energy = np.cumsum(power[::-1])[::-1][::step]
            if energy[0] > 0.0:
                times[band, channel] = fitted_time(energy, len(h) / step, -5.0, -35.0, fs / step)
            two = two_slopes_of(energy, fs / step, start=SETTLED) if slopes else None
            if two is not None:
                both[band].append(two)
    found = np.isfinite(times)
    sums = np.where(found, np.log(np.where(found, times, 1.0)), 0.0).sum(axis=1)
    counts = found.sum(axis=1)
    mean = np.where(counts > 0, np.exp(sums / np.maximum(counts, 1)), math.nan)
    hop = max(1, round(fs / _PER_SECOND))
    whole = np.square(h).sum(axis=0)
    ears = interaural_coherence(h, fs) if coherence and h.shape[1] == 2 else None
    found_octaves = Octaves(
        mean,
        levels.reshape(-1, *h.shape[1:]),
        whole,
        energy_decay_curve(h)[::hop],
        clarity(h, fs, centres, gains),
        coherence=ears,
    )
    return replace(found_octaves, **_slopes(both)) if slopes else found_octaves


@lru_cache(maxsize=2)
def _octave_gains(n_fft: int, fs: float, centres: tuple[float, ...]) -> list[Array]:
    """Gains of octaves on an FFT grid: a fit asks for the same ones in each round."""
    f = np.fft.rfftfreq(n_fft, 1.0 / fs)
    return [octave_gain(f, centre) for centre in centres]


def _slopes(both: list[list[TwoSlopes]]) -> dict[str, Any]:
    """Decay times (K, 2), mean of the channels; which octaves have two slopes; the balance of those that have."""
    times = np.full((len(both), 2), math.nan)
    for band, found in enumerate(both):
        if found:
            times[band] = np.exp(np.log([[each.fast, each.slow] for each in found]).mean(axis=0))
    two = np.array([bool(found) and 2 * sum(each.two for each in found) > len(found) for found in both])
    ratios = [each.ratio for found in both for each in found if each.two]
    return {"slopes": times, "two": two, "ratio": float(np.median(ratios)) if ratios else math.nan}


def curve_distance(wanted: Array, reached: Array, depth: float = CURVE_DB) -> float:
    """
    Return the rms difference in dB of decay curves, over the first 40 dB of those that are wanted, or `depth`.

    Examples
    --------
    >>> curve_distance(np.zeros((3, 1, 1)), np.full((3, 1, 1), -2.0))
    2.0
    """
    length = min(len(wanted), len(reached))
    heard = wanted[:length] > -depth
    return float(np.sqrt(np.square((wanted[:length] - reached[:length])[heard]).mean()))


def distance(found: Octaves, wanted: Octaves) -> float:
    """
    Return how far a network is off: 1 for 5 % of decay time, 1 dB of level, of clarity or of the decay curve, and .05
    of coherence.

    Examples
    --------
    >>> one = Octaves(np.ones(2), np.zeros((2, 1, 1)), np.ones((1, 1)), np.zeros((9, 1, 1)))
    >>> distance(one, one)
    0.0
    """
    both = np.isfinite(found.times) & np.isfinite(wanted.times)
    times = (
        np.abs(found.times[both] / wanted.times[both] - 1.0).mean() / TIMES_OFF if both.any() else math.inf
    )
    level = np.abs(found.levels - wanted.levels).mean() / LEVEL_OFF
    if wanted.early is not None and found.early is not None and np.isfinite(wanted.early).any():
        level += float(np.nanmean(np.abs(found.early - wanted.early))) / CLARITY_OFF
    if wanted.coherence is not None and found.coherence is not None:
        level += np.abs(found.coherence - wanted.coherence).mean() / COHERENCE_OFF
    return float(times + level + curve_distance(wanted.curves, found.curves, wanted.depth) / CURVE_OFF)


@dataclass
class Calibration:
    """
    A network on its way to a room: its core, and what is corrected.

    Parameters
    ----------
    core : FDNBuild
        Delays, matrix and gains; neither filters nor direct path.
    centres : array, shape (K,)
        Octaves in Hz.
    times : array, shape (K,) or (K, 2)
        Decay times of the filters in s; or those of two groups of lines, the fast one first.
    gains : array, shape (K, n_out)
        Output equaliser in dB.
    seconds : float
        How long a response is rendered.
    direct : array, shape (n_out, n_in)
        Direct path.
    pre_delay : int
        In samples.
    phases : array, shape (2 S,), optional
        Of the all-pass filter behind the second of two outputs (:func:`amtlib.train.ears.phase_sections`).

    Examples
    --------
    >>> core = FDNBuild([[1.0]], [1.0], [1.0], 0.0, [480], 48000)
    >>> Calibration(core, np.array([1000.0]), np.ones(1), np.zeros((1, 1)), 0.5, np.zeros((1, 1)), 0).build().N
    1
    """

    core: FDNBuild
    centres: Array
    times: Array
    gains: Array
    seconds: float
    direct: Array
    pre_delay: int
    phases: Array | None = None

    def build(self) -> FDNBuild:
        """Return the network as it now is; raises ValueError where no filters have these times."""
        # half-way between the loudest and the softest octave, so that the equaliser has to do as little as it can
        middle = 0.5 * (self.gains.max(axis=0) + self.gains.min(axis=0))
        core = self._decaying()
        equaliser = graphic_equaliser(self.gains - middle, self.centres, core.fs)
        if self.phases is not None:
            sections = phase_sections(self.phases, core.fs)
            apart = np.zeros((len(sections), 6, 2))
            apart[:, [0, 3], 0], apart[:, :, 1] = 1.0, sections
            equaliser = np.concatenate([equaliser, apart])
        return replace(
            core,
            C=core.C * 10.0 ** (middle / 20.0)[:, None],
            D=self.direct,
            post_eq=equaliser,
            pre_delay=self.pre_delay,
        )

    def _decaying(self) -> FDNBuild:
        """Return the core with the filters that give it its times."""
        each = [
            dict(zip(self.centres.tolist(), times, strict=True))
            for times in self.times.reshape(len(self.centres), -1).T.tolist()
        ]
        return with_decay(self.core, each[0] if len(each) == 1 else each)

    def response(self) -> Array:
        """Return its impulse response, (T, n_out, n_in)."""
        build = self.build()
        return render(build, self.seconds).reshape(-1, build.n_out, build.n_in)

    def measured(self, target: Octaves, *, balance: bool = False) -> Octaves:
        """Measure the network as the target was; with `balance`, that of the two slopes, too."""
        return octaves(
            self.response(),
            self.core.fs,
            self.centres,
            slopes=target.slopes is not None,
            ratio=None if balance else target.ratio,
            coherence=target.coherence is not None,
        )

    def correct(self, target: Octaves, rounds: int, until: float = math.inf) -> tuple[Octaves, float]:
        """
        Bring times, levels, early energy and decay curve nearer to the target's, and keep the nearest.

        Parameters
        ----------
        target : Octaves
            Of the room.
        rounds : int
            At most.
        until : float
            No round begins that would end after this, s of :func:`time.monotonic`, but for the first two.

        Returns
        -------
        found : Octaves
            What was measured of the network as it is now.
        seconds : float
            What the longest round took.
        """
        wanted = target.decays
        # these corrections do not see coherence, but for the direct sound, which both outputs have in common
        shared, target = self._shared(target), replace(target, coherence=None)
        best, kept, kept_octaves, longest = math.inf, dict(self.__dict__), target, 0.0
        for index in range(rounds + 1):
            began = time.monotonic()
            if index > _LEAST_ROUNDS and began + longest > until:
                break
            if target.slopes is not None and index < _BALANCED:
                self.balance(target.ratio - self.measured(target, balance=True).ratio)
            found = self.measured(target)
            longest = max(longest, time.monotonic() - began)
            off = distance(found, target)
            if not index or off < best:
                best, kept, kept_octaves = off, dict(self.__dict__), found
            if index == rounds:
                break
            reached = found.decays
            known = np.isfinite(wanted) & np.isfinite(reached)
            wrong = np.clip(np.where(known, wanted / np.where(known, reached, 1.0), 1.0), 0.5, 2.0)
            if target.slopes is not None and index >= rounds // 2:
                # both slopes are about right: what T30 lacks, the slow one makes up for
                late = target.times / found.times
                wrong[:, 1] = np.where(np.isfinite(late), np.clip(late, 0.8, 1.25), wrong[:, 1])
            louder = target.levels - found.levels
            near = np.abs(wrong - 1.0).max() < _TIMES and np.abs(louder.mean(axis=2)).max() < _LEVELS
            if near and (target.early is None or index > min(max(_EARLY), rounds - 2)):
                break
            before = self.times
            self.times = np.clip(self.times * wrong**_CORRECTION, 0.02, 35.0)
            try:
                self._decaying()
            except ValueError:  # too steep for the filters: the times stay
                self.times = before
            share = self._wet_share(target)
            # what direct sound has, lines cannot change
            wet = np.clip(louder / share, louder - _MORE, louder + _MORE)
            self.gains = self.gains + np.clip(wet, -60.0, 60.0).mean(axis=2)
            across = louder.mean(axis=(0, 1)) - louder.mean()
            self.core = replace(self.core, B=self.core.B * 10.0 ** (across / 20.0))
            # while levels are far off, the decay curve is that of other octaves
            if np.abs(np.median(louder, axis=0)).max() < _NEAR and index < max(rounds - 2, 1):
                self._start(target, found, shared)
            if index in _EARLY and index < rounds - 1 and target.slopes is None and target.early is not None:
                self._meet_early(target.times, target.early)
            longest = max(longest, time.monotonic() - began)
        self.__dict__.update(kept)
        return kept_octaves, longest

    def _meet_early(self, times: Array, wanted: Array) -> None:
        """Set the gains of the lines so that clarity comes nearer to what is wanted; levels are corrected after it."""
        build = self.build()
        n, fs = build.N, build.fs
        alone = replace(build, C=np.eye(n), D=np.zeros((n, build.n_in)), post_eq=None)
        each = render(alone, min(self.seconds, LOOKED_AT)).reshape(-1, n, build.n_in)
        assert build.post_eq is not None
        lines = np.stack(
            [
                sosfilt(build.post_eq[:, :, output].copy(), each * build.C[output, :, None], axis=0)
                for output in range(build.n_out)
            ],
            axis=1,
        )
        whole = lines.sum(axis=2)
        whole[0] += self.direct
        found = early_gains(
            np.swapaxes(lines, 2, 3), self.direct, fs, self.centres, times, wanted, early_end(whole, fs)
        )
        self.core = replace(self.core, C=self.core.C * found)

    def meet_ears(self, target: Octaves, until: float = math.inf) -> tuple[Octaves, float]:
        """
        Bring the coherence of two outputs to the target's: phases, tone again, then phases once more.

        Parameters
        ----------
        target : Octaves
            Of the room, with coherence.
        until : float
            As that of :meth:`correct`; phases are fitted however late it is.

        Returns
        -------
        found : Octaves
            What was measured of the network as it is now.
        seconds : float
            What it took.
        """
        began = time.monotonic()
        self._part(target)
        self.correct(target, _LEAST_ROUNDS, until=until)
        self._part(target)
        return self.measured(target), time.monotonic() - began

    def _part(self, target: Octaves) -> None:
        """Fit the second output's phases to the coherence."""
        assert target.coherence is not None
        fs, centres = self.core.fs, coherence_centres(self.core.fs)
        alike = replace(self, phases=None, direct=np.zeros_like(self.direct)).response()
        n_fft = fast_length(len(alike))
        n_fft += n_fft % 2
        # where two groups of lines decay in their own times, the longer one
        log_times = np.log(target.decays.reshape(len(self.centres), -1).max(axis=1))
        times = np.exp(np.interp(np.log(centres), np.log(self.centres), log_times))
        ears = EarPhases(target.coherence, fs, np.fft.rfft(alike, n_fft, axis=0), self.direct, times)
        self.phases = ears.nearest() if self.phases is None else ears.grown(self.phases)

    def balance(self, louder: float) -> None:
        """Raise the slow group of lines by so many dB re the fast one."""
        if math.isfinite(louder):
            gains = self.core.C.copy()
            gains[:, first_group(self.core.N) :] *= 10.0 ** (float(np.clip(louder, -20.0, 20.0)) / 20.0)
            self.core = replace(self.core, C=gains)

    def _flat_share(self) -> Array:
        """Share of the energy of a click that each octave has, (K, 1, 1)."""
        f = np.linspace(0.0, self.core.fs / 2.0, 2**15)
        return np.array([np.square(octave_gain(f, centre)).mean() for centre in self.centres])[:, None, None]

    def _wet_share(self, target: Octaves) -> Array:
        """Share of each band's energy that comes from the lines: what the equaliser can change."""
        direct = self._flat_share() * np.square(self.direct) / 10.0 ** (target.levels / 10.0)
        return np.asarray(np.clip(1.0 - direct, 0.2, 1.0))

    def _shared(self, target: Octaves) -> Array:
        """Most of each octave's energy that both outputs may have in common as direct sound, (K, 1, n_in)."""
        if target.coherence is None:
            return np.ones((1, 1, 1))
        bands = np.log(coherence_centres(self.core.fs))
        found = [np.interp(np.log(self.centres), bands, each) for each in target.coherence.T]
        return np.asarray(np.clip(np.stack(found, axis=1)[:, None] + _COMMON, _COMMON / 2.0, 1.0))

    def _start(self, target: Octaves, found: Octaves, shared: Array) -> None:
        """Set the direct sound, or the pre-delay, so that the decay curves meet once the first echoes are past."""
        first = round(SETTLED * _PER_SECOND)
        length = min(len(target.curves), len(found.curves))
        if length <= first + 10:
            return
        wanted, reached = target.curves[first:length], found.curves[first:length]
        heard = (wanted > -CURVE_DB) & (reached > -CURVE_DB)
        if not heard.any(axis=0).all():
            return
        low = (np.where(heard, wanted - reached, 0.0).sum(axis=0)) / heard.sum(axis=0)
        own = np.square(self.direct)
        shares = self._flat_share()
        # the lines make up this share of all energy now; with what is wanted, 10^(low / 10) times that
        wet = np.clip(1.0 - own / found.energy, 0.02, 1.0) * 10.0 ** (low / 10.0)
        # below 120 Hz a band holds so few modes that its level says little about the direct sound
        heard_bands = self.centres >= min(120.0, float(self.centres[-1]))
        most = _DIRECT * (shared * 10.0 ** (target.levels / 10.0) / shares)[heard_bands].min(axis=0)
        energy = np.clip((1.0 - wet) * target.energy, 0.0, most)
        if not own.any() and (self.pre_delay or low.mean() > 0.0):  # the lines begin too early, or too late
            moved = float(low.mean()) * float(np.exp(np.log(self.times).mean())) / 60.0
            wished = self.pre_delay + round(moved * self.core.fs)
            self.pre_delay = min(max(wished, 0), round(_LATEST * self.core.fs))
            if wished >= 0:
                return
        self.direct = np.where(self.direct < 0.0, -1.0, 1.0) * np.sqrt(energy)
