"""Whether somebody wears headphones: a pitch that only two ears together hear.
Source: Milne, Bianco, Poole, Zhao, Oxenham, Billig and Chait (2021), An online headphone screening test based on
dichotic pitch, Behavior Research Methods 53, 1551-1562 (three noises of 1 s, Huggins pitch at 600 Hz in one of them).
Not here: experiments (:mod:`amtlib.experiments.catalogue`), and who answers.
"""

import torch
from torch import Tensor

from amtlib import signals
from amtlib.experiments.experiment import in_turn
from amtlib.experiments.settings import MOST, derived_seed
from amtlib.signals.frame import number, whole

#: Intervals of a trial, and trials of a check, all of which must be right: the pass mark of the authors' own page
#: (github.com/ChaitLabUCL/HeadphoneCheck_Test).
INTERVALS, TRIALS = 3, 6
#: Centre of the band whose phase is turned, Hz, and its half width as a share of that.
CENTRE, HALF_WIDTH = 600.0, 0.06
#: Length of an interval and of the silence between two, s; rise and fall, s.
LENGTH, PAUSE, RAMP = 1.0, 0.5, 0.02


def huggins_pitch(seed: int, *, pitch: bool, level: float = 60.0, fs: float = 44100.0) -> Tensor:
    """
    Return noise for two ears, with or without a pitch that neither of them has alone.

    Both ears get the same noise; for the pitch, the right ear's is turned by 180 degrees within 6 % of 600 Hz. Over
    loudspeakers both reach each ear, and little of the pitch is left.

    Parameters
    ----------
    seed : int
        0 to 2**32 - 1.
    pitch : bool
        Whether the band is turned.
    level : float
        At each ear, 0 to 100 dB SPL.
    fs : float
        Sampling rate, 4000 to 192000 Hz; the noise reaches half of it.

    Returns
    -------
    Tensor, shape (T, 2), float64
        Pressure in Pa, left and right, 1 s.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Milne et al. (2021), Behavior Research Methods 53, 1551-1562; Cramer and Huggins (1958), Creation of pitch through
    binaural interaction, J. Acoust. Soc. Am. 30, 413-417.

    Examples
    --------
    >>> same, turned = (huggins_pitch(1, pitch=each, fs=22050) for each in (False, True))
    >>> bool((same[:, 0] == same[:, 1]).all()), bool((turned[:, 0] == same[:, 0]).all())
    (True, True)
    >>> signals.rms_level(turned.T).round()
    tensor([60., 60.], dtype=torch.float64)
    """
    fs = number(fs, "fs", 4000.0, 192_000.0, "Hz")
    level = number(level, "level", 0.0, 100.0, "dB SPL")
    seed = whole(seed, "seed", 0, MOST)
    left = signals.band_noise(
        0.0, fs / 2.0, level=level, duration=LENGTH, fs=fs, ramp=0.0, seed=seed, dtype=torch.float64
    )
    lines = torch.fft.rfft(left)
    frequency = torch.arange(len(lines), dtype=torch.float64) * fs / len(left)
    turned = (frequency - CENTRE).abs() <= HALF_WIDTH * CENTRE
    right = torch.fft.irfft(torch.where(turned, -lines, lines), n=len(left)) if pitch else left
    return signals.apply_ramp(torch.stack([left, right]), fs, RAMP).T


def headphone_trial(
    seed: int, target: int, level: float = 60.0, fs: float = 44100.0
) -> tuple[Tensor, tuple[float, ...]]:
    """
    Return a trial of the check as it is played: three noises, one of them with the pitch.

    Parameters
    ----------
    seed : int
        0 to 2**32 - 1.
    target : int
        Interval with the pitch, 0 to 2.
    level, fs : float
        As for :func:`huggins_pitch`.

    Returns
    -------
    Tensor, shape (T, 2), float64
        Pressure in Pa, left and right.
    tuple of float
        When the intervals begin, s.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> sound, begins = headphone_trial(1, target=2, fs=22050)
    >>> sound.shape, begins
    (torch.Size([88200, 2]), (0.0, 1.5, 3.0))
    """
    seed, target = whole(seed, "seed", 0, MOST), whole(target, "target", 0, INTERVALS - 1)
    fs = number(fs, "fs", 4000.0, 192_000.0, "Hz")
    silence = torch.zeros(round(PAUSE * fs), 2, dtype=torch.float64)
    sounds = (
        huggins_pitch(derived_seed(seed, k), pitch=k == target, level=level, fs=fs) for k in range(INTERVALS)
    )
    sound, begins = in_turn(sounds, silence, fs)
    return sound, tuple(begins)
