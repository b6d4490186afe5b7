"""Transfer functions of the sections that auditory filters are cascades of, from their physical parameters.
Source: Lopez-Poveda and Meddis (2001), J. Acoust. Soc. Am. 110, 3107-3118, appendix (both filters).
Not here: all-pole gammatones and filters given by coefficients (:mod:`amtlib.lti.responses`).

Both are evaluated on the unit circle in real arithmetic: multiplying a second-order section by z leaves cosine
and sine of the frequency only, and nothing of it cancels more than the distance of the pole to the circle does.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from amtlib.lti.responses import _LONGEST_SETTLING, _evaluate, _power


def classic_gammatone_response(
    centre: Tensor,
    bandwidth: Tensor,
    order: int,
    at: int | Tensor,
    dtype: torch.dtype = torch.complex128,
) -> Tensor:
    """
    Transfer function of the classic gammatone: a cascade of equal *real* pole-zero sections.

    One section has the impulse response ``a0 Re(p^k)`` with the pole ``p = exp(-bandwidth + 1j centre)``, and
    ``a0`` gives it the gain 1 at `centre`. For more than one section this is not the real part of a complex
    cascade: the phase at the centre is not 0, and the skirts are steeper below and shallower above.

    Parameters
    ----------
    centre, bandwidth : Tensor, shape (...)
        Angle and damping of the poles in rad/sample: 0 < centre < pi, bandwidth > 0; 2 pi / fs times the
        frequencies in Hz.
    order : int
        Number of sections, >= 1.
    at : int or Tensor, shape (K,)
        An FFT length (the ``at // 2 + 1`` frequencies of its real transform), or angular frequencies in
        rad/sample.
    dtype : torch.dtype
        Complex dtype of the result; computed in complex128 either way.

    Returns
    -------
    Tensor, shape (..., K)
        The response. Differentiable in `centre` and `bandwidth`.

    See Also
    --------
    amtlib.lti.allpole_response : the all-pole form.

    Examples
    --------
    >>> centre, bandwidth = torch.tensor([0.5]), torch.tensor([0.01])
    >>> classic_gammatone_response(centre, bandwidth, 2, torch.tensor([0.25, 0.5, 1.0])).abs()
    tensor([[8.5214e-04, 1.0000e+00, 7.1684e-04]], dtype=torch.float64)
    """
    centre, bandwidth = centre.double().unsqueeze(-1), bandwidth.double().unsqueeze(-1)
    radius = torch.exp(-bandwidth)
    real = radius * centre.cos()
    # 1 + r^2 and 1 - r^2, the latter without cancellation
    plus, minus = 1.0 + radius * radius, -torch.expm1(-2.0 * bandwidth)
    at_centre = torch.complex(centre.cos() - real, centre.sin())
    gain = torch.complex(plus * centre.cos() - 2.0 * real, minus * centre.sin()).abs() / at_centre.abs()

    def cascade(delay: Tensor) -> Tensor:
        cosine, sine = delay.real, -delay.imag
        zero = torch.complex(gain * (cosine - real), gain * sine)
        poles = torch.complex(plus * cosine - 2.0 * real, minus * sine)
        return _power(zero / poles, order)

    return _evaluate(cascade, at, (centre, bandwidth), dtype)


def butterworth_response(
    cutoff: Tensor, order: int, at: int | Tensor, dtype: torch.dtype = torch.complex128
) -> Tensor:
    """
    Transfer function of a cascade of equal second-order Butterworth low-pass filters (bilinear transform).

    Parameters
    ----------
    cutoff : Tensor, shape (...)
        Frequency in rad/sample at which one filter has 3.01 dB of attenuation, 0 < cutoff < pi.
    order : int
        Number of second-order filters, >= 1.
    at : int or Tensor, shape (K,)
        An FFT length (the ``at // 2 + 1`` frequencies of its real transform), or angular frequencies in
        rad/sample.
    dtype : torch.dtype
        Complex dtype of the result; computed in complex128 either way.

    Returns
    -------
    Tensor, shape (..., K)
        The response, 1 at frequency 0. Differentiable in `cutoff`.

    Examples
    --------
    >>> butterworth_response(torch.tensor([0.5]), 1, torch.tensor([0.0, 0.5, 1.0])).abs()
    tensor([[1.0000, 0.7071, 0.2134]], dtype=torch.float64)
    """
    squared = torch.tan(cutoff.double().unsqueeze(-1) / 2.0) ** 2
    slope = math.sqrt(2.0) * squared.sqrt()

    def cascade(delay: Tensor) -> Tensor:
        cosine, sine = delay.real, -delay.imag
        low = squared * (1.0 + cosine)
        return _power(low / torch.complex(low - (1.0 - cosine), slope * sine), order)

    return _evaluate(cascade, at, (squared,), dtype)


def butterworth_damping(cutoff: Tensor) -> Tensor:
    """
    Damping of the two poles of a second-order Butterworth low-pass filter made by the bilinear transform.

    Parameters
    ----------
    cutoff : Tensor, shape (...)
        Cut-off frequency in rad/sample, 0 < cutoff < pi.

    Returns
    -------
    Tensor, shape (...)
        Minus the logarithm of the poles' magnitude, in rad/sample, float64.

    Examples
    --------
    >>> butterworth_damping(torch.tensor([0.01, 1.0]))
    tensor([0.0071, 0.6854], dtype=torch.float64)
    """
    slope = torch.tan(cutoff.double() / 2.0)
    # |pole|^2 is the last coefficient of the denominator, (ends - middle) / (ends + middle).
    middle, ends = math.sqrt(2.0) * slope, 1.0 + slope * slope
    return 0.5 * (torch.log(ends + middle) - torch.log(ends - middle))


def cascade_settling(dampings: Sequence[tuple[Tensor, int]], dtype: torch.dtype) -> int:
    """
    Count the samples until cascades of different poles have fallen below the resolution of `dtype`.

    Parameters
    ----------
    dampings : sequence of (Tensor, shape (F,), int)
        Groups of equal poles of F cascades: damping in rad/sample, > 0 (minus the logarithm of the pole's
        magnitude), and the number of such poles, >= 1.
    dtype : torch.dtype
        torch.float32 or torch.float64.

    Returns
    -------
    int
        L >= 1 such that the absolute samples of any of the F responses from L on sum to less than the
        resolution of `dtype` times what all sum to.

    Raises
    ------
    ValueError
        If a damping is not above 0, or a cascade rings for more than 2**23 samples.

    See Also
    --------
    amtlib.lti.settling_samples : the same for equal poles, without slack.

    Notes
    -----
    Chernoff's bound: for s below every damping the sum from L on is at most exp(-s L) times the product of
    (1 - exp(-d)) / (1 - exp(s - d)) over all poles d. The best s is searched among 200 fractions of the
    smallest damping; for the filters of a cochlea the result is 10 (float64)
    to 20 % (float32) above what is needed.

    Examples
    --------
    >>> cascade_settling([(torch.tensor([0.01, 0.1]), 2), (torch.tensor([0.05, 0.3]), 4)], torch.float64)
    4510
    """
    groups = [(d.detach().double().reshape(-1), number) for d, number in dampings]
    slowest = torch.stack([d for d, _ in groups]).amin(0)
    if not bool((slowest > 0.0).all()):
        raise ValueError(
            f"a pole has damping {float(slowest.min()):.9g} rad/sample and never dies out; give one above 0"
        )
    share = torch.linspace(0.5, 0.999, 200, dtype=torch.float64, device=slowest.device).unsqueeze(-1)
    rate = share * slowest
    log_mass = torch.zeros_like(rate)
    for damping, number in groups:
        log_mass += number * (torch.expm1(-damping).abs().log() - torch.expm1(rate - damping).abs().log())
    samples = ((log_mass - math.log(torch.finfo(dtype).eps)) / rate).amin(0).max()
    if not float(samples) <= _LONGEST_SETTLING:
        raise ValueError(
            f"a filter with damping {float(slowest.min()):.3g} rad/sample rings for more than "
            f"{_LONGEST_SETTLING} samples, too long for an FFT grid; widen it"
        )
    return max(1, math.ceil(float(samples)))
