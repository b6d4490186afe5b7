"""Headphone, outer ear and middle ear: what sound meets on its way to the cochlea.
Source: Goode et al. (1994), Pralong and Carlile (1996), Moore et al. (1997), ANSI S3.4-2007.
Not here: the filter behind them (:mod:`amtlib.ears.fir`).
"""

import functools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from amtlib.ears.fir import EarFilter
from amtlib.ears.tables import Array, ear_table, monotone_cubic
from amtlib.inputs import Numbers, as_tensor

_P_REF = 20e-6
#: Lopez-Poveda and Meddis (2001), text to figure 1: stapes velocity 1e-8 m/s at 0 dB SPL in a scale where a
#: sample of 1 means 104 dB; the middle ear of Jepsen et al. (2008) reads it per Pa
_JEPSEN_PEAK = 1e-8 * 10.0 ** (104.0 / 20.0)


class MiddleEarFilter(EarFilter):
    """
    Middle ear: sound pressure at the eardrum in Pa to stapes velocity in m/s.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz, number > 0.
    model : {'lopezpoveda2001', 'jepsen2008'}
        'lopezpoveda2001': the velocities of Goode et al. (1994), read as rms: 8.5e-9 m/s at 1 kHz and 0 dB SPL; above
        10 kHz they fall by a factor 1.1 per kHz. 'jepsen2008': nearly the same shape, 10.5 dB higher (its peak is
        ``1e-8 * 10**(104/20)`` m/s per Pa), falling linearly to 0 at fs / 2.
    order, phase, compensate_delay, dtype
        As for :class:`EarFilter`.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    See Also
    --------
    amtlib.DRNLFilterbank : what comes next.
    HeadphoneFilter : what comes before.

    Notes
    -----
    The table gives the *peak* velocity of a tone of 0 dB SPL. The Auditory Modeling Toolbox divides it by 20 uPa, the
    *rms* pressure of that tone, and so does this class: a DRNL is then driven as there, and its published parameters
    hold. Taken as a measurement, the velocity of the stapes is 3.01 dB lower than what comes out.

    The toolbox's ``lopezpoveda2001`` scales its input by -6 dB in front of this filter; this class does not.

    References
    ----------
    Goode et al. (1994), Am. J. Otol. 15, 145-154.
    Lopez-Poveda and Meddis (2001), J. Acoust. Soc. Am. 110, 3107-3118, Fig. 2b.
    Jepsen, Ewert and Dau (2008), J. Acoust. Soc. Am. 124, 422-438.

    Examples
    --------
    >>> ear = MiddleEarFilter(44100)
    >>> tone = 20e-6 * 2**0.5 * torch.sin(2 * torch.pi * 1000 / 44100 * torch.arange(44100))  # 0 dB SPL
    >>> ear(tone)[4410:].square().mean().sqrt()
    tensor(8.48...e-09)
    """

    def __init__(
        self,
        fs: float,
        model: str = "lopezpoveda2001",
        *,
        order: int = 512,
        phase: str = "minimum",
        compensate_delay: bool = True,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if model not in ("lopezpoveda2001", "jepsen2008"):
            raise ValueError(f"model = {model!r} is unknown; give 'lopezpoveda2001' or 'jepsen2008'")
        table = ear_table("stapes_velocity" if model == "lopezpoveda2001" else "stapes_jepsen2008")
        f, velocity = table[:, 0], table[:, 1]
        nyquist = fs / 2.0
        if model == "lopezpoveda2001":
            target = _falling_to_nyquist(f, velocity / _P_REF, nyquist)
        else:
            target = _fading_to_nyquist(f, 1.0 / velocity, nyquist)
        self.model = model
        super().__init__(fs, target, order=order, phase=phase, compensate_delay=compensate_delay, dtype=dtype)

    def _finish(self, taps: Array) -> Array:
        if self.model == "lopezpoveda2001":
            return taps
        scaled: Array = taps * (_JEPSEN_PEAK / np.abs(np.fft.fft(taps)).max())
        return scaled

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return f"model={self.model!r}, {super().extra_repr()}"


class HeadphoneFilter(EarFilter):
    """
    Headphone and outer ear: pressure the headphone is calibrated for to pressure at the eardrum, both in Pa.

    The response of Pralong and Carlile (1996), measured with a Sennheiser HD 250 Linear: 1 up to 1.5 kHz, +9 dB
    at 2.7 kHz, -21 dB at 9 kHz, and from there linearly to 0 at fs / 2.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz, number > 0.
    order, phase, compensate_delay, dtype
        As for :class:`EarFilter`.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    See Also
    --------
    MiddleEarFilter : what comes next.

    References
    ----------
    Pralong and Carlile (1996), J. Acoust. Soc. Am. 100, 3785-3793, Fig. 1e.

    Examples
    --------
    >>> front_end = torch.nn.Sequential(HeadphoneFilter(44100), MiddleEarFilter(44100))
    >>> front_end(torch.zeros(2, 100)).shape
    torch.Size([2, 100])
    """

    def __init__(
        self,
        fs: float,
        *,
        order: int = 512,
        phase: str = "minimum",
        compensate_delay: bool = True,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        table = ear_table("headphone_pralong1996")
        target = _fading_to_nyquist(table[:, 0], table[:, 1], fs / 2.0)
        super().__init__(fs, target, order=order, phase=phase, compensate_delay=compensate_delay, dtype=dtype)


class OuterMiddleEarFilter(EarFilter):
    """
    Outer and middle ear of the loudness models: pressure in the field to effective pressure at the cochlea, in Pa.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz, number > 0.
    compensation_type : {'tfOuterMiddle1997', 'tfOuterMiddle2007'}
        Middle ear of Moore et al. (1997), or of ANSI S3.4-2007: 1.3 dB less around 1.25 kHz.
    field_type : {'free', 'diffuse', 'eardrum'}
        Outer ear: frontal sound in the free field, sound from all sides, or none.
    order : int
        Even; 4096 resolves the steep slope below 100 Hz.
    phase, compensate_delay, dtype
        As for :class:`EarFilter`.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Notes
    -----
    The gains in dB are interpolated by monotone cubic polynomials over frequency, and held above 16 kHz and down
    from 20 Hz to 0.

    References
    ----------
    Moore, Glasberg and Baer (1997), J. Audio Eng. Soc. 45, 224-240.
    ANSI S3.4-2007, Procedure for the computation of loudness of steady sounds.

    Examples
    --------
    >>> ear = OuterMiddleEarFilter(32000)
    >>> ear.gain_db([125.0, 1000.0, 3000.0])
    tensor([-10.9000,   0.0000,   8.0000], dtype=torch.float64)
    """

    def __init__(
        self,
        fs: float,
        compensation_type: str = "tfOuterMiddle2007",
        field_type: str = "free",
        *,
        order: int = 4096,
        phase: str = "minimum",
        compensate_delay: bool = True,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if compensation_type not in ("tfOuterMiddle1997", "tfOuterMiddle2007"):
            raise ValueError(
                f"compensation_type = {compensation_type!r} is unknown; give 'tfOuterMiddle1997' or "
                "'tfOuterMiddle2007'"
            )
        if field_type not in ("free", "diffuse", "eardrum"):
            raise ValueError(f"field_type = {field_type!r} is unknown; give 'free', 'diffuse' or 'eardrum'")
        self.compensation_type, self.field_type = compensation_type, field_type
        super().__init__(
            fs,
            functools.partial(_amplitude, compensation_type, field_type),
            order=order,
            phase=phase,
            compensate_delay=compensate_delay,
            dtype=dtype,
        )

    def _make_taps(self, target: Callable[[Array], Array]) -> Array:
        return _loudness_taps(self.fs, self.compensation_type, self.field_type, self.order, self.phase)

    def gain_db(self, f: Numbers) -> Tensor:
        """
        Return the tabulated gain, free of what a filter of finite length adds.

        Parameters
        ----------
        f : Tensor, array, list or number, shape (...)
            Frequencies in Hz, >= 0.

        Returns
        -------
        Tensor, shape (...)
            Gain in dB, float64.

        Examples
        --------
        >>> OuterMiddleEarFilter(32000, field_type="diffuse").gain_db([1000.0])
        tensor([1.2000], dtype=torch.float64)
        """
        at = as_tensor(f, "f", what="frequencies in Hz", numbers=True).double()
        return torch.from_numpy(
            _gain_db(self.compensation_type, self.field_type, at.detach().cpu().numpy())
        ).to(at.device)

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return (
            f"compensation_type={self.compensation_type!r}, field_type={self.field_type!r}, "
            f"{super().extra_repr()}"
        )


def _gain_db(compensation_type: str, field_type: str, f: Array) -> Array:
    middle, outer = ear_table("middle_ear"), ear_table("outer_ear")
    gain = monotone_cubic(middle[:, 0], middle[:, 1 if compensation_type.endswith("1997") else 2], f)
    if field_type != "eardrum":
        gain = gain + monotone_cubic(outer[:, 0], outer[:, 1 if field_type == "free" else 2], f)
    return gain


def _amplitude(compensation_type: str, field_type: str, f: Array) -> Array:
    amplitude: Array = 10.0 ** (_gain_db(compensation_type, field_type, f) / 20.0)
    return amplitude


@functools.lru_cache(maxsize=16)
def _loudness_taps(fs: float, compensation_type: str, field_type: str, order: int, phase: str) -> Array:
    """Coefficients of a :class:`OuterMiddleEarFilter`: 4097 logarithms and transforms, made once a process."""
    wanted = functools.partial(_amplitude, compensation_type, field_type)
    return np.asarray(EarFilter(fs, wanted, order=order, phase=phase, dtype=torch.float64).taps.numpy())


def _falling_to_nyquist(f: Array, amplitude: Array, nyquist: float) -> Callable[[Array], Array]:
    """
    Straight lines through the table, from 0 at 0 Hz, and on through a point every 1000 Hz that is lower by 1.1.

    The last point, at the Nyquist frequency, is lower than the one before it by 0.1 a kHz, as in the toolbox.
    """
    below = f < nyquist
    points, values = np.append(0.0, f[below]), np.append(0.0, amplitude[below])
    steps = np.arange(1.0, (nyquist - points[-1]) // 1000.0 + 1.0) if below.all() else np.empty(0)
    points, values = (
        np.append(points, points[-1] + 1000.0 * steps),
        np.append(values, values[-1] / 1.1**steps),
    )
    if points[-1] < nyquist:
        last = values[-1] / (1.0 + (nyquist - points[-1]) * 1e-4)
        points, values = np.append(points, nyquist), np.append(values, last)

    def target(at: Array) -> Array:
        fallen: Array = np.interp(at, points, values)
        return fallen

    return target


def _fading_to_nyquist(f: Array, amplitude: Array, nyquist: float) -> Callable[[Array], Array]:
    """Straight lines through the table, from 0 at 0 Hz; to 0 at the Nyquist frequency if the table ends before."""
    points, values = np.append(0.0, f), np.append(0.0, amplitude)
    if nyquist > points[-1]:
        points, values = np.append(points, nyquist), np.append(values, 0.0)

    def target(at: Array) -> Array:
        faded: Array = np.interp(at, points, values)
        return faded

    return target
