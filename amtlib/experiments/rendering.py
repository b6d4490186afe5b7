"""The intervals of a trial as sound files, for players.
Source: none; plain bookkeeping.
Not here: sounds in Pa (:class:`Trial`), and the layout of files (:mod:`amtlib.audio`).
"""

import io
from typing import Literal

from amtlib import audio
from amtlib.experiments.experiment import LOUDEST, Trial

#: Room for peaks above the root mean square of the loudest sound, dB
_PEAKS = 20.0


def interval_files(
    trial: Trial,
    *,
    subtype: Literal["FLOAT", "PCM_16", "PCM_24"] = "FLOAT",
    full_scale_db: float = LOUDEST + _PEAKS,
) -> list[bytes]:
    """
    Return the intervals of a trial as WAV files of one length and format: neither tells which has the target.

    Played one after the other, with the experiment's `pause` of silence between them, they are the trial; those of a
    continuous masker hold their pause themselves, and follow each other at once.

    Parameters
    ----------
    trial : Trial
        Such as the one that a run waits for.
    subtype : {'FLOAT', 'PCM_16', 'PCM_24'}
        Of the samples: 32-bit floats, or integers. Rounding to 16 bits adds noise some 101 dB below full scale: give
        'FLOAT' for sounds near the threshold in quiet.
    full_scale_db : float
        dB SPL of a sound whose root mean square in the file is 1, 0 to 200. The same for all trials of a run, or
        levels are not what they should be. Default: 120, where the loudest sounds have 20 dB left for their peaks.

    Returns
    -------
    list of bytes
        One file an interval.

    Raises
    ------
    ValueError
        If integers cannot hold the peak, or an argument is out of its range.

    Examples
    --------
    >>> from amtlib.experiments import experiment
    >>> trial = experiment("gap_detection", duration=0.2).trial(5.0, target=1, seed=3)
    >>> [len(each) for each in interval_files(trial, subtype="PCM_16")]  # 44 of header, 8820 samples of 2 bytes
    [17684, 17684, 17684]
    """
    files = []
    for sound in trial.intervals:
        file = io.BytesIO()
        audio.save(file, sound, round(trial.experiment.fs), subtype=subtype, full_scale_db=full_scale_db)
        files.append(file.getvalue())
    return files
