"""Pictures of what an ear makes of a response, by the same sums that the losses use.
Source: those of :mod:`amtlib.train.losses.hearing`.
Not here: drawing.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from amtlib.charts import FREQUENCY, TIME, Chart, Direction, over_frequency
from amtlib.fdn.build import Array, sampling_rate
from amtlib.fdn.measures import erb_centres
from amtlib.results import Result
from amtlib.train.losses.hearing import Cochleagram, excitation_weights
from amtlib.train.losses.rendered import Rendered


@dataclass(frozen=True, repr=False)
class CochleagramPicture(Result):
    """
    A cochleagram to look at.

    Attributes
    ----------
    times : array, shape (K,)
        Centres of the frames in s.
    frequencies : array, shape (C,)
        Centres of the channels in Hz.
    values : array, shape (C, K)
        The cells as the loss compares them: compressed power, or dB above the floor.
    levels : array, shape (C, K)
        Their levels behind the ear in dB SPL; -inf where there is no power.
    threshold : array, shape (C,)
        The floor in dB SPL.
    """

    times: Array
    frequencies: Array
    values: Array
    levels: Array
    threshold: Array

    def chart(self) -> Chart:
        """Return the cochleagram in dB above threshold."""
        return Chart(
            "Cochleagram", TIME, FREQUENCY,
            cells=(self.times, self.frequencies, self.sensation), measures="Above threshold",
        )  # fmt: skip

    @property
    def sensation(self) -> Array:
        """The levels above threshold in dB, 0 for what is below it, shape (C, K)."""
        return np.asarray(np.maximum(self.levels - self.threshold[:, None], 0.0))


@dataclass(frozen=True, repr=False)
class ExcitationPicture(Result):
    """
    An excitation pattern to look at.

    Attributes
    ----------
    frequencies : array, shape (bands,)
        Centres of the bands in Hz.
    levels : array, shape (bands,)
        In dB re a magnitude of 1; -200 for silence.
    """

    frequencies: Array
    levels: Array

    def chart(self) -> Chart:
        """Return the excitation pattern."""
        lines = {"excitation": self.levels}
        return over_frequency("Excitation pattern", self.frequencies, lines, Direction("Excitation", "dB"))


def _rendered(ir: npt.ArrayLike | Tensor | Rendered, fs: float, name: str) -> Rendered:
    if isinstance(ir, Rendered):
        return ir
    made = ir.detach() if isinstance(ir, Tensor) else torch.from_numpy(np.array(ir, dtype=np.float64))
    if made.ndim != 1 or len(made) < 2 or made.is_complex() or not bool(torch.isfinite(made).all()):
        raise ValueError(
            f"{name} has shape {tuple(made.shape)}: give one channel of real finite numbers, (T,)"
        )
    return Rendered.of_response(made if made.is_floating_point() else made.double(), sampling_rate(fs))


def cochleagram(
    ir: npt.ArrayLike | Tensor | Rendered,
    fs: float,
    feature: Cochleagram | None = None,
    *,
    reference: npt.ArrayLike | Tensor | Rendered | None = None,
) -> CochleagramPicture:
    """
    Cochleagram of an impulse response, as :class:`MatchCochleagram` sees it.

    Parameters
    ----------
    ir : array or Tensor, shape (T,), or Rendered
        Impulse response; of several channels the first is shown.
    fs : float
        Sampling rate in Hz.
    feature : Cochleagram, optional
        Channels, frames, ear, compression; default: ``Cochleagram()``.
    reference : array, Tensor or Rendered, optional
        The response whose loudest frame has the level of the feature. Default: `ir` itself. Pictures of before, after
        and target compare if they share it.

    Returns
    -------
    CochleagramPicture

    Raises
    ------
    ValueError
        If a response is not one channel of finite numbers, is silent, or fs is too low for the channels.

    Examples
    --------
    >>> decay = 0.999 ** np.arange(4800) * np.random.default_rng(0).standard_normal(4800)
    >>> picture = cochleagram(decay, 48000.0)
    >>> picture.levels.shape, bool(picture.levels[:, 0].max() > picture.levels[:, -1].max() + 30)
    ((37, 10), True)
    """
    seen = _rendered(ir, fs, "ir")
    if reference is not None:
        seen = seen.against(_rendered(reference, fs, "reference"))
    chosen = Cochleagram() if feature is None else feature
    with torch.no_grad():
        (values,) = seen.of(chosen)
        power = chosen.power(seen)[0].double().cpu().numpy()
        floor = chosen.floor(seen)[:, 0].double().cpu().numpy()
    centres = chosen.centres(seen.fs).numpy()
    hop = chosen.plan(seen.nfft, seen.fs).hop / seen.fs
    with np.errstate(divide="ignore"):
        levels = 10.0 * np.log10(power)
    return CochleagramPicture(
        np.asarray((np.arange(power.shape[-1]) + 0.5) * hop, dtype=np.float64),
        np.asarray(centres, dtype=np.float64),
        np.asarray(values[0].double().cpu().numpy(), dtype=np.float64),
        np.asarray(levels, dtype=np.float64),
        np.asarray(10.0 * np.log10(np.broadcast_to(floor, centres.shape)), dtype=np.float64),
    )


def excitation_pattern(H: npt.ArrayLike | Tensor | Rendered, fs: float) -> ExcitationPicture:
    """
    Excitation pattern of a spectrum, as :class:`FlatExcitation` and :class:`MatchExcitation` see it.

    Parameters
    ----------
    H : array or Tensor, shape (F,), or Rendered
        Response at evenly spaced frequencies from 0 to fs / 2, complex or its magnitude; of several channels the first
        is shown.
    fs : float
        Sampling rate in Hz.

    Returns
    -------
    ExcitationPicture

    Raises
    ------
    ValueError
        If H is not one row of finite numbers.

    See Also
    --------
    amtlib.fdn.measures.erb_excitation : the same levels, without the cached weights.

    Examples
    --------
    >>> picture = excitation_pattern(np.full(513, 10.0), 48000.0)
    >>> picture.levels.shape, round(float(picture.levels[0]), 6)
    ((70,), 20.0)
    """
    if isinstance(H, Rendered):
        power = H.power_rows[0].detach()
        rate = H.fs
    else:
        made = H.detach() if isinstance(H, Tensor) else torch.from_numpy(np.array(H))
        rate = sampling_rate(fs)
        if made.ndim != 1 or len(made) < 2 or not bool(torch.isfinite(made).all()):
            raise ValueError(f"H has shape {tuple(made.shape)}: give one row of finite numbers, (F,)")
        power = made.abs().double().square()
    weights = excitation_weights(rate, len(power), power.dtype, power.device)
    level = 10.0 * torch.log10((power @ weights).clamp_min(1e-20))
    return ExcitationPicture(erb_centres(rate), level.double().cpu().numpy())
