"""Feedback delay networks (FDNs): reverberators of delay lines that feed each other through a matrix.
Source: Jot and Chaigne (1991), AES 90th Convention, 3030; names and files as in the pyFDN package.
Not here: training them (:mod:`amtlib.train`). Arrays are numpy, float64, time first; nothing needs a gradient.
"""

from amtlib.fdn.absorption import absorption_times, band_absorption, with_decay
from amtlib.fdn.acoustics import RoomMeasures, room_measures
from amtlib.fdn.bands import standard_centres
from amtlib.fdn.build import MAX_DELAY, MAX_LINES, FDNBuild
from amtlib.fdn.certificate import Stability, stability
from amtlib.fdn.coherence import coherence_centres, diffuse_field_coherence, interaural_coherence
from amtlib.fdn.coupling import coupled_matrix
from amtlib.fdn.decay import (
    ReverberationTimes,
    echo_density,
    energy_decay_curve,
    mixing_time,
    octave_bands,
    reverberation_time,
)
from amtlib.fdn.delays import sample_delay_lengths
from amtlib.fdn.design import design_fdn
from amtlib.fdn.documents import (
    build_from_json,
    build_to_json,
    load_build,
    metadata_from_json,
    save_build,
)
from amtlib.fdn.equaliser import graphic_equaliser
from amtlib.fdn.faust_program import faust
from amtlib.fdn.first_order import first_order_absorption, one_pole_absorption
from amtlib.fdn.growth import LoopGain, loop_gain
from amtlib.fdn.matrices import (
    MATRICES,
    feedback_matrix,
    matrices_for,
    orthogonality_error,
    random_orthogonal,
)
from amtlib.fdn.measures import (
    Colouration,
    colouration,
    erb_centres,
    erb_excitation,
    erb_std,
    magnitude_std,
    peak_to_rms,
    sparsity,
)
from amtlib.fdn.modes import Modes, modal_decomposition, modal_excitation_std
from amtlib.fdn.modulation import expected_chorus, measured_chorus, with_modulation
from amtlib.fdn.noise import WithoutNoise, noise_floor, octave_centres, without_noise
from amtlib.fdn.process import FDNStream, process_fdn
from amtlib.fdn.response import render, transfer_function
from amtlib.fdn.slopes import TwoSlopes, two_slopes_of

__all__ = [
    "MATRICES",
    "MAX_DELAY",
    "MAX_LINES",
    "Colouration",
    "FDNBuild",
    "FDNStream",
    "LoopGain",
    "Modes",
    "ReverberationTimes",
    "RoomMeasures",
    "Stability",
    "TwoSlopes",
    "WithoutNoise",
    "absorption_times",
    "band_absorption",
    "build_from_json",
    "build_to_json",
    "coherence_centres",
    "colouration",
    "coupled_matrix",
    "design_fdn",
    "diffuse_field_coherence",
    "echo_density",
    "energy_decay_curve",
    "erb_centres",
    "erb_excitation",
    "erb_std",
    "expected_chorus",
    "faust",
    "feedback_matrix",
    "first_order_absorption",
    "graphic_equaliser",
    "interaural_coherence",
    "load_build",
    "loop_gain",
    "magnitude_std",
    "matrices_for",
    "measured_chorus",
    "metadata_from_json",
    "mixing_time",
    "modal_decomposition",
    "modal_excitation_std",
    "noise_floor",
    "octave_bands",
    "octave_centres",
    "one_pole_absorption",
    "orthogonality_error",
    "peak_to_rms",
    "process_fdn",
    "random_orthogonal",
    "render",
    "reverberation_time",
    "room_measures",
    "sample_delay_lengths",
    "save_build",
    "sparsity",
    "stability",
    "standard_centres",
    "transfer_function",
    "two_slopes_of",
    "with_decay",
    "with_modulation",
    "without_noise",
]
