"""Linear time-invariant filters, applied exactly: the one place of the library that filters.
Source: the transfer function itself, on an FFT grid so long that the slowest pole dies out before it wraps.
Not here: which filters to apply (:mod:`amtlib.filterbanks`), filter design, nonlinear systems.

A filter is given as a *response*: a function that returns its transfer function on the frequencies of an FFT
of ``n_fft`` points, together with the number of samples it takes to *settle*. :func:`filter_fft` then filters
whole signals (in blocks where memory demands it), and :class:`Stream` filters chunk by chunk; both give the
output of the recursive filter to rounding. Rounding is relative to the peak of the whole output, as always
with an FFT: below 1e-6 of it in float32 and 1e-13 in float64, also before a sound begins.
"""

from amtlib.lti.allpole import allpole_envelope, allpole_peaks, filter_allpole
from amtlib.lti.around import Paths, Transfers, filter_around
from amtlib.lti.cache import ResponseCache
from amtlib.lti.checks import check_frequencies, check_signal
from amtlib.lti.derivatives import first_derivatives_only
from amtlib.lti.filtering import (
    Response,
    Stream,
    fast_length,
    filter_fft,
    lfilter,
    sosfilt,
)
from amtlib.lti.one_pole import filter_one_pole, first_order_low_pass
from amtlib.lti.products import full_precision, product
from amtlib.lti.resampling import resample
from amtlib.lti.responses import (
    COMPLEX,
    allpole_response,
    pole_radius,
    rational_response,
    settling_samples,
    sos_radius,
    sos_response,
)
from amtlib.lti.sections import (
    butterworth_damping,
    butterworth_response,
    cascade_settling,
    classic_gammatone_response,
)
from amtlib.lti.subsampled import complex_allpole, filter_complex

__all__ = [
    "COMPLEX",
    "Paths",
    "Response",
    "ResponseCache",
    "Stream",
    "Transfers",
    "allpole_envelope",
    "allpole_peaks",
    "allpole_response",
    "butterworth_damping",
    "butterworth_response",
    "cascade_settling",
    "check_frequencies",
    "check_signal",
    "classic_gammatone_response",
    "complex_allpole",
    "fast_length",
    "filter_allpole",
    "filter_around",
    "filter_complex",
    "filter_fft",
    "filter_one_pole",
    "first_derivatives_only",
    "first_order_low_pass",
    "full_precision",
    "lfilter",
    "pole_radius",
    "product",
    "rational_response",
    "resample",
    "settling_samples",
    "sos_radius",
    "sos_response",
    "sosfilt",
]
