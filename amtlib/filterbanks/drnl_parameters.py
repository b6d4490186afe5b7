"""The parameters of the DRNL at any place of the cochlea: power laws of its characteristic frequency.
Source: Lopez-Poveda and Meddis (2001), Table III; Jepsen, Ewert and Dau (2008); Paulick et al. (2024).
Not here: the filterbank that uses them (:mod:`amtlib.filterbanks.drnl`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from amtlib.filterbanks.centres import Centres, centre_frequencies
from amtlib.inputs import as_tensor
from amtlib.results import Result
from amtlib.scales import audfiltbw, erbspace

#: value = 10 ** (p0 + p1 log10 CF), CF in Hz
POWER_LAWS = {
    "CF_lin": (-0.06762, 1.01679),
    "BW_lin": (0.03728, 0.75),
    "LP_lin_cutoff": (-0.06762, 1.01),
    "g": (4.20405, -0.47909),
    "CF_nlin": (-0.05252, 1.0165),
    "BW_nlin": (-0.03193, 0.77),
    "LP_nlin_cutoff": (-0.05252, 1.0165),
    "a": (1.40298, 0.81916),
    "b": (1.61912, -0.81867),
    "c": (-0.60206, 0.0),
}
SUBJECTS = ("NH", "HIx")
#: above the first CF in Hz, a and b of a normal ear are those of the second
_FROZEN_ABOVE, _FROZEN_AT = 1000.0, 1500.0


@dataclass(frozen=True, repr=False)
class DRNLParameters(Result):
    """
    The ten parameters of F channels of a DRNL, tensors of shape (F,).

    Attributes
    ----------
    CF_lin, CF_nlin : Tensor
        Centre frequencies of the gammatones of the linear and the nonlinear path in Hz.
    BW_lin_norm, BW_nlin_norm : Tensor
        Their bandwidths in ERB: the damping of the poles is 2 pi BW_norm audfiltbw(CF) per second.
    LP_lin_cutoff, LP_nlin_cutoff : Tensor
        Cut-off frequencies of the low-pass filters in Hz.
    g : Tensor
        Gain of the linear path.
    a, b, c : Tensor
        The broken stick: slope of its weak branch, factor and exponent of its strong branch (velocities in
        m/s).

    See Also
    --------
    parameters_at : their usual values.

    Examples
    --------
    >>> values = parameters_at([1000.0])
    >>> values.CF_lin, values.c, values.scaled(CF_lin=0.5).CF_lin
    (tensor([961.0589], dtype=torch.float64), tensor([0.2500], dtype=torch.float64),
     tensor([480.5294], dtype=torch.float64))
    """

    CF_lin: Tensor
    BW_lin_norm: Tensor
    LP_lin_cutoff: Tensor
    g: Tensor
    CF_nlin: Tensor
    BW_nlin_norm: Tensor
    LP_nlin_cutoff: Tensor
    a: Tensor
    b: Tensor
    c: Tensor

    @property
    def BW_lin(self) -> Tensor:
        """Bandwidths of the linear path in Hz."""
        return self.BW_lin_norm * audfiltbw(self.CF_lin)

    @property
    def BW_nlin(self) -> Tensor:
        """Bandwidths of the nonlinear path in Hz."""
        return self.BW_nlin_norm * audfiltbw(self.CF_nlin)

    @property
    def knee(self) -> Tensor:
        """Velocity in m/s at which the stick breaks: ``(b / a) ** (1 / (1 - c))``; infinite where a is 0."""
        return (self.b / self.a) ** (1.0 / (1.0 - self.c))

    def scaled(self, **factors: float | Tensor) -> "DRNLParameters":
        """
        Multiply some of the parameters.

        Parameters
        ----------
        **factors : float or Tensor, shape (F,)
            By the name of the parameter.

        Returns
        -------
        DRNLParameters
            New values; the bandwidths in ERB stay when a centre frequency is scaled.

        Raises
        ------
        ValueError
            If there is no parameter of that name.
        """
        unknown = sorted(set(factors) - set(NAMES))
        if unknown:
            raise ValueError(
                f"the DRNL has no parameter {unknown[0]!r}; its parameters are {', '.join(NAMES)}"
            )
        return replace(self, **{name: getattr(self, name) * factor for name, factor in factors.items()})


NAMES = tuple(field.name for field in fields(DRNLParameters))


def parameters_at(
    fc: Tensor | Sequence[float] | npt.NDArray[np.floating | np.integer], subject: str = "NH"
) -> DRNLParameters:
    """
    Parameters of the DRNL at given places: ``10 ** (p0 + p1 log10(fc))`` each.

    ================ ======== ========  ==========================================
    parameter        p0       p1        unit
    ================ ======== ========  ==========================================
    CF_lin           -0.06762  1.01679  Hz
    BW_lin            0.03728  0.75     Hz (``BW_lin_norm`` is this in ERB)
    LP_lin_cutoff    -0.06762  1.01     Hz
    g                 4.20405 -0.47909
    CF_nlin          -0.05252  1.0165   Hz
    BW_nlin          -0.03193  0.77     Hz (``BW_nlin_norm`` is this in ERB)
    LP_nlin_cutoff   -0.05252  1.0165   Hz
    a                 1.40298  0.81916
    b                 1.61912 -0.81867  (m/s) ** (1 - c)
    c                -0.60206  0
    ================ ======== ========  ==========================================

    Parameters
    ----------
    fc : Tensor, shape (F,), or list or array of F numbers
        Characteristic frequencies in Hz, finite, > 0.
    subject : {'NH', 'HIx'}
        'NH', normal hearing: a and b of channels above 1000 Hz are those of 1500 Hz, so that a jumps up and b
        down by 2.9 dB just above 1000 Hz. 'HIx', no outer hair cells: a = 0, and b follows its power law
        everywhere. Both models of :class:`DRNLFilterbank` share these values.

    Returns
    -------
    DRNLParameters
        In float64.

    Raises
    ------
    ValueError
        If a frequency or the subject is none.

    See Also
    --------
    DRNLFilterbank : takes them as ``parameters``.

    Notes
    -----
    The power laws began as those of Lopez-Poveda and Meddis (2001), Table III. The exponents of ``BW_lin`` and
    ``BW_nlin`` (0.75 and 0.77), that of ``LP_lin_cutoff`` (1.01), and values of a and b that stay as at 1500 Hz are
    changes of Jepsen, Ewert and Dau (2008), as the Auditory Modeling Toolbox has them.

    References
    ----------
    Lopez-Poveda and Meddis (2001), J. Acoust. Soc. Am. 110, 3107-3118.
    Jepsen, Ewert and Dau (2008), J. Acoust. Soc. Am. 124, 422-438.

    Examples
    --------
    >>> parameters_at([500.0, 1000.0, 4000.0]).a
    tensor([ 4110.2503,  7252.0368, 10108.9702], dtype=torch.float64)
    """
    if subject not in SUBJECTS:
        raise ValueError(f"subject = {subject!r} is unknown; give 'NH' (normal hearing) or 'HIx' (a = 0)")
    places = as_tensor(fc, "fc", what="frequencies in Hz", numbers=True).double().detach()
    wrong = places[~(torch.isfinite(places) & (places > 0.0))]
    if places.ndim != 1 or places.numel() == 0 or len(wrong):
        what = f"{float(wrong[0])} Hz" if len(wrong) else f"shape {tuple(places.shape)}"
        raise ValueError(f"fc has {what}; give finite frequencies > 0 in Hz, shape (F,)")
    stick = torch.where(places > _FROZEN_ABOVE, _FROZEN_AT, places) if subject == "NH" else places

    def law(name: str, at: Tensor = places) -> Tensor:
        p0, p1 = POWER_LAWS[name]
        return torch.exp(math.log(10.0) * (p0 + p1 * at.log10()))

    CF_lin, CF_nlin = law("CF_lin"), law("CF_nlin")
    return DRNLParameters(
        CF_lin=CF_lin,
        BW_lin_norm=law("BW_lin") / audfiltbw(CF_lin),
        LP_lin_cutoff=law("LP_lin_cutoff"),
        g=law("g"),
        CF_nlin=CF_nlin,
        BW_nlin_norm=law("BW_nlin") / audfiltbw(CF_nlin),
        LP_nlin_cutoff=law("LP_nlin_cutoff"),
        a=law("a", stick) if subject == "NH" else torch.zeros_like(places),
        b=law("b", stick),
        c=law("c"),
    )


def characteristic_frequencies(fc: Centres, fs: float, n_channels: int) -> Tensor:
    """
    Return explicit or ERB-spaced characteristic frequencies, checked against the sampling rate.

    Parameters
    ----------
    fc : (low, high), or Tensor, shape (F,), or list or array of F numbers
        Hz, above 0 and below fs / 2; a tuple is a range to fill, ends included.
    fs : float
        Sampling rate in Hz.
    n_channels : int
        Channels of a range.

    Returns
    -------
    Tensor, shape (F,)
        Hz, float64.

    Raises
    ------
    ValueError
        If a frequency or `n_channels` is out of range.
    TypeError
        If `fc` is complex or boolean, or `n_channels` no int.

    Examples
    --------
    >>> characteristic_frequencies((250.0, 8000.0), 44100.0, 3)
    tensor([ 250.0000, 1756.1699, 8000.0000], dtype=torch.float64)
    """

    def fill(low: float, high: float) -> Tensor:
        if isinstance(n_channels, bool) or not isinstance(n_channels, int | np.integer):
            raise TypeError(f"n_channels = {n_channels!r} is a {type(n_channels).__name__}; give an int >= 1")
        if n_channels < 1:
            raise ValueError(f"n_channels = {n_channels}; give at least 1, usually 50")
        return erbspace(low, high, int(n_channels), dtype=torch.float64)

    return centre_frequencies(fc, fs, fill, kind="characteristic", nyquist=False)
