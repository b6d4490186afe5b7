"""Transfer functions of polynomial, second-order and all-pole filters, and how long such filters ring.
Source: the definitions; the ringing time is the tail of a negative binomial distribution.
Not here: filtering itself (:mod:`amtlib.lti.filtering`).

Everything is evaluated in complex128 and rounded to the wanted dtype last: near a pole at distance 1e-3 from
the unit circle, a fourth-order denominator is about 1e-12, far below what complex64 can resolve.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor

#: The complex dtype of spectra and transfer functions, by the dtype of the signals
COMPLEX = {torch.float32: torch.complex64, torch.float64: torch.complex128}

# Complex numbers evaluated at a time without gradients: the intermediate results of a step then stay in the
# cache of the processor, and in total below 20 MB.
_POINTS_AT_A_TIME = 1 << 16
_LONGEST_SETTLING = 1 << 23


@lru_cache(maxsize=1024)  # 0.4 ms each, and asked for the same few filters again and again
def settling_samples(radius: float, order: int, dtype: torch.dtype) -> int:
    """
    Count the samples until the response of `order` equal poles has fallen below the resolution of `dtype`.

    Parameters
    ----------
    radius : float
        Distance of the slowest pole from the origin, 0 <= radius < 1.
    order : int
        Number of poles, >= 1. Poles closer to the origin may be counted too; the result then errs on the long
        side.
    dtype : torch.dtype
        torch.float32 or torch.float64.

    Returns
    -------
    int
        L >= 1 such that the absolute samples of the impulse response from L on sum to less than the
        resolution (``torch.finfo(dtype).eps``) times the sum of all.

    Raises
    ------
    ValueError
        If the filter is unstable (radius >= 1) or rings for more than 2**23 samples.

    See Also
    --------
    pole_radius, sos_radius : find the radius of the slowest pole.

    Notes
    -----
    ``(1 - r)^n / (1 - r z)^n`` generates the negative binomial distribution, so the tail from L on is the
    probability of fewer than n successes in L + n - 1 trials, a sum of n terms. It behaves like (phi L)^(n-1)
    exp(-phi L) with phi = -ln r: for n = 4 about 25 / phi samples in float32 and 46 / phi in float64.

    Examples
    --------
    >>> settling_samples(0.99, 1, torch.float64)
    3587
    """
    if not 0.0 <= radius < 1.0:
        raise ValueError(
            f"the slowest pole has radius {radius:.9g}: the filter is unstable and has no frequency response "
            "to apply; allowed is 0 <= radius < 1; move the pole inside the unit circle"
        )
    if order < 1:
        raise ValueError(f"order = {order} poles; give at least 1")
    if radius == 0.0:
        return order
    log_resolution = math.log(torch.finfo(dtype).eps)

    def settled(length: int) -> bool:
        trials = length + order - 1
        # log of C(trials, k) (1 - r)^k r^(trials - k), k = 0 .. order - 1
        terms = [
            math.lgamma(trials + 1)
            - math.lgamma(k + 1)
            - math.lgamma(trials - k + 1)
            + k * math.log1p(-radius)
            + (trials - k) * math.log(radius)
            for k in range(min(order - 1, trials) + 1)
        ]
        largest = max(terms)
        return largest + math.log(sum(math.exp(term - largest) for term in terms)) < log_resolution

    above = 1
    while not settled(above):
        above *= 2
        if above > _LONGEST_SETTLING:
            raise ValueError(
                f"the slowest pole has radius {radius:.12g}: it rings for more than {_LONGEST_SETTLING} "
                "samples, too long for an FFT grid; move the pole inwards"
            )
    below = above // 2
    while above - below > 1:
        middle = (above + below) // 2
        below, above = (below, middle) if settled(middle) else (middle, above)
    return above


def pole_radius(a: Tensor) -> float:
    """
    Find the distance from the origin of the slowest pole of polynomial filters.

    Parameters
    ----------
    a : Tensor, shape (..., na)
        Denominator coefficients by increasing delay, real or complex; ``a[..., 0]`` is not 0.

    Returns
    -------
    float
        The largest root magnitude of all filters; 0.0 for filters without poles. Carries no gradient.

    Examples
    --------
    >>> round(pole_radius(torch.tensor([1.0, -1.8, 0.81])), 6)
    0.9
    """
    a = a.detach()
    a = a.to(torch.complex128 if a.is_complex() else torch.float64)
    order = a.shape[-1] - 1
    if order < 1:
        return 0.0
    rows = a.reshape(-1, order + 1)
    companion = rows.new_zeros(rows.shape[0], order, order)
    companion[:, 0, :] = -rows[:, 1:] / rows[:, :1]
    companion.diagonal(-1, 1, 2).fill_(1.0)
    return float(torch.linalg.eigvals(companion).abs().max())


def sos_radius(sos: Tensor) -> float:
    """
    Find the distance from the origin of the slowest pole of second-order sections.

    Parameters
    ----------
    sos : Tensor, shape (..., 6)
        Rows ``b0 b1 b2 a0 a1 a2``, real.

    Returns
    -------
    float
        The largest root magnitude of all sections, from the quadratic formula. Carries no gradient.

    Examples
    --------
    >>> round(sos_radius(torch.tensor([[1.0, 0.0, 0.0, 1.0, -1.6, 0.81]])), 6)
    0.9
    """
    a0, a1, a2 = sos.detach().to(torch.float64)[..., 3:].unbind(-1)
    a1, a2 = a1 / a0, a2 / a0
    discriminant = a1 * a1 - 4.0 * a2
    real = (a1.abs() + discriminant.clamp_min(0.0).sqrt()) / 2.0
    return float(torch.where(discriminant < 0.0, a2.abs().sqrt(), real).max())


def _evaluate(
    terms: Callable[[Tensor], Tensor], at: int | Tensor, parameters: Sequence[Tensor], dtype: torch.dtype
) -> Tensor:
    """
    Apply `terms` to z^-1 = exp(-1j omega), shape (K,), on a grid (int) or at given omega (Tensor), rounding
    to `dtype`.

    Without gradients the grid is walked in pieces, so that the complex128 intermediates never exist at full
    length.
    """
    device = parameters[0].device
    if isinstance(at, Tensor):
        omega = at.to(device=device, dtype=torch.float64)
    else:
        omega = torch.arange(at // 2 + 1, device=device, dtype=torch.float64) * (2.0 * math.pi / at)
    delay = torch.polar(torch.ones_like(omega), -omega)
    if omega.requires_grad or (torch.is_grad_enabled() and any(p.requires_grad for p in parameters)):
        return terms(delay).to(dtype)
    rows = terms(delay[:1]).numel()
    step = max(64, _POINTS_AT_A_TIME // max(rows, 1))
    if step >= len(delay):
        return terms(delay).to(dtype)
    first = terms(delay[:step])
    response = first.new_empty((*first.shape[:-1], len(delay)), dtype=dtype)
    response[..., :step] = first
    for start in range(step, len(delay), step):
        response[..., start : start + step] = terms(delay[start : start + step])
    return response


def _horner(coefficients: Tensor, delay: Tensor) -> Tensor:
    """Polynomials with coefficients (..., N) by increasing power, at delay (K,): shape (..., K)."""
    value = coefficients[..., -1:].expand(*coefficients.shape[:-1], delay.shape[-1])
    for k in range(coefficients.shape[-1] - 2, -1, -1):
        value = torch.addcmul(coefficients[..., k : k + 1], value, delay)
    return value


def _power(value: Tensor, exponent: int) -> Tensor:
    """Whole power >= 1 by repeated squaring: torch.pow would take the complex logarithm."""
    result: Tensor | None = None
    while True:
        if exponent & 1:
            result = value if result is None else result * value
        exponent >>= 1
        if exponent == 0:
            break
        value = value * value
    assert result is not None
    return result


def rational_response(
    b: Tensor, a: Tensor, at: int | Tensor, dtype: torch.dtype = torch.complex128
) -> Tensor:
    """
    Transfer function of direct-form filters ``b / a``.

    Parameters
    ----------
    b, a : Tensor, shape (..., nb) and (..., na)
        Numerator and denominator coefficients by increasing delay, real or complex; leading dimensions
        broadcast.
    at : int or Tensor, shape (K,)
        An FFT length (the ``at // 2 + 1`` frequencies of its real transform), or angular frequencies in
        rad/sample.
    dtype : torch.dtype
        Complex dtype of the result; computed in complex128 either way.

    Returns
    -------
    Tensor, shape (..., K)
        H(exp(1j omega)). Differentiable in `b` and `a`.

    Examples
    --------
    >>> b, a = torch.tensor([0.5]), torch.tensor([1.0, -0.5])
    >>> rational_response(b, a, 4).abs()
    tensor([1.0000, 0.4472, 0.3333], dtype=torch.float64)
    """
    b, a = b.to(torch.complex128), a.to(torch.complex128)
    return _evaluate(lambda delay: _horner(b, delay) / _horner(a, delay), at, (b, a), dtype)


def sos_response(sos: Tensor, at: int | Tensor, dtype: torch.dtype = torch.complex128) -> Tensor:
    """
    Transfer function of cascades of second-order sections.

    Parameters
    ----------
    sos : Tensor, shape (..., S, 6)
        Rows ``b0 b1 b2 a0 a1 a2``, real.
    at : int or Tensor, shape (K,)
        An FFT length (the ``at // 2 + 1`` frequencies of its real transform), or angular frequencies in
        rad/sample.
    dtype : torch.dtype
        Complex dtype of the result; computed in complex128 either way.

    Returns
    -------
    Tensor, shape (..., K)
        The product of the S sections. Differentiable in `sos`.

    Examples
    --------
    >>> sections = torch.tensor([[0.5, 0.0, 0.0, 1.0, -0.5, 0.0]]).expand(2, 6)
    >>> sos_response(sections, 4).abs()
    tensor([1.0000, 0.2000, 0.1111], dtype=torch.float64)
    """
    sos = sos.to(torch.complex128)

    def cascade(delay: Tensor) -> Tensor:
        response = _horner(sos[..., 0, :3], delay) / _horner(sos[..., 0, 3:], delay)
        for s in range(1, sos.shape[-2]):
            response = response * (_horner(sos[..., s, :3], delay) / _horner(sos[..., s, 3:], delay))
        return response

    return _evaluate(cascade, at, (sos,), dtype)


def allpole_response(
    poles: Tensor, gains: Tensor, order: int, at: int | Tensor, dtype: torch.dtype = torch.complex128
) -> Tensor:
    """
    Transfer function of *twice the real part* of complex all-pole cascades ``(gain / (1 - pole z^-1)) **
    order``.

    The real part of a complex impulse response adds the mirror image of its spectrum:
    ``2 Re`` of a cascade C has the response C(omega) + conj(C(-omega)).

    Parameters
    ----------
    poles, gains : Tensor, shape (...)
        Pole and gain of one section each, complex; leading dimensions broadcast.
    order : int
        Number of equal sections, >= 1.
    at : int or Tensor, shape (K,)
        An FFT length (the ``at // 2 + 1`` frequencies of its real transform), or angular frequencies in
        rad/sample.
    dtype : torch.dtype
        Complex dtype of the result; computed in complex128 either way.

    Returns
    -------
    Tensor, shape (..., K)
        The response. Differentiable in `poles` and `gains`.

    Examples
    --------
    >>> pole = torch.polar(torch.tensor([0.9]), torch.tensor([torch.pi / 2]))
    >>> allpole_response(pole, 1 - pole.abs(), 4, 4).abs()
    tensor([[5.9703e-05, 1.0000e+00, 5.9703e-05]], dtype=torch.float64)
    """
    poles, gains = poles.to(torch.complex128).unsqueeze(-1), gains.to(torch.complex128).unsqueeze(-1)

    def cascade(pole: Tensor, gain: Tensor, delay: Tensor) -> Tensor:
        return _power(gain / (1.0 - pole * delay), order)

    def both(delay: Tensor) -> Tensor:
        # conj(C(-omega)) is the cascade with conjugate pole and gain, at +omega
        return cascade(poles, gains, delay) + cascade(poles.conj(), gains.conj(), delay)

    return _evaluate(both, at, (poles, gains), dtype)
