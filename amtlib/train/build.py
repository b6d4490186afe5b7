"""From a network's numbers to a trainable flamo model, and back.
Source: signatures, defaults and leaf names of the specification (`pyFDN.train.build`).
Not here: training (:mod:`amtlib.train.run`); networks without training (:mod:`amtlib.fdn`).
"""

import importlib
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from amtlib.fdn.absorption import with_decay
from amtlib.fdn.bands import DecayTimes
from amtlib.fdn.build import FDNBuild, check_fixed, finite_number
from amtlib.fdn.delays import Seed
from amtlib.fdn.design import design_fdn
from amtlib.train.filters import TrainedDecay, TrainedEqualiser

__all__ = ["MatrixParam", "Trainable", "build_fdn", "extract_build", "trainable_from_build", "with_decay"]

MatrixParam: TypeAlias = Literal["orthogonal", "random"]

#: Largest FFT length: 87 s at 48 kHz.
MAX_NFFT = 2**22
#: What flamo's identity tensor (bins x N x N) may take, in bytes.
MAX_BYTES = 2**31
#: Decay over the FFT length by which lossless networks are made to end within it, dB.
LOSSLESS_ALIAS_DB = 60.0


@dataclass(frozen=True)
class Trainable:
    """
    Which parts of a network are trained. Delays are always fixed, and filters unless their times or gains train.

    Parameters
    ----------
    feedback, input_gain, output_gain, direct : bool
        The feedback matrix, B, C and D.
    decay : bool
        The decay times of the loop's filters in octaves, from 0.01 to 40 s: of all lines, or of two groups of them
        where the network has two slopes. The loop contracts at every value of them.
    post_eq : bool
        The gains of the output equaliser in octaves, up to 40 dB, of minimum phase.

    Examples
    --------
    >>> Trainable(direct=True)
    Trainable(feedback=True, input_gain=True, output_gain=True, direct=True, decay=False, post_eq=False)
    """

    feedback: bool = True
    input_gain: bool = True
    output_gain: bool = True
    direct: bool = False
    decay: bool = False
    post_eq: bool = False


def flamo_graph() -> ModuleType:
    """
    Load :mod:`amtlib.train.graph`, and flamo with it, which takes seconds: only on first use.

    Raises
    ------
    ImportError
        If flamo is not installed; says how to install it.

    Examples
    --------
    >>> flamo_graph().__name__
    'amtlib.train.graph'
    """
    try:
        return importlib.import_module("amtlib.train.graph")
    except ModuleNotFoundError as error:
        if error.name not in ("flamo", "scipy"):
            raise
        raise ImportError(
            f"training a network needs {error.name}: pip install -c constraints.txt -e '.[fdn]'",
            name=error.name,
        ) from error


def _check_nfft(nfft: Any, lines: int, dtype: torch.dtype) -> int:
    if isinstance(nfft, bool) or not isinstance(nfft, int | np.integer):
        raise TypeError(f"nfft must be a whole number, got {nfft!r}: pass an int such as 2**14")
    if not 4 <= nfft <= MAX_NFFT or nfft % 2:
        raise ValueError(
            f"nfft = {nfft} must be even and from 4 to {MAX_NFFT}: give a power of two such as 2**14"
        )
    need = nfft // 2 * lines * lines * (16 if dtype == torch.float64 else 8)
    if need > MAX_BYTES:
        raise ValueError(
            f"nfft = {nfft} with {lines} delay lines needs {need / 2**30:.3g} GiB for each of flamo's matrices, more "
            f"than {MAX_BYTES / 2**30:g}: lower nfft or N"
        )
    return int(nfft)


def trainable_from_build(
    build: FDNBuild,
    *,
    trainable: Trainable | None = None,
    matrix: str = "orthogonal",
    nfft: int = 16384,
    output: str = "time",
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    alias_decay_db: float | None = None,
) -> Any:
    """
    Build a trainable flamo Shell that starts as the given network.

    Parameters
    ----------
    build : FDNBuild
        The start. The model answers without its `pre_delay`, which :func:`extract_build` gives back. Its filters are
        kept and not trained, unless `trainable` names them: those that train are made anew with the same times or gains
        at the octave centres (62.5 Hz to 16 kHz).
    trainable : Trainable, optional
        What is trained; default: all but the direct path.
    matrix : {'orthogonal', 'random'}
        'orthogonal': the feedback matrix is the exponential of a skew-symmetric one and stays orthogonal while it
        learns; any orthogonal start is kept exactly, those with determinant -1 or an eigenvalue of -1 too.
        'random': every entry is free, and nothing keeps the network stable.
    nfft : int
        FFT length in samples, even, 4 to 2**22.
    output : {'time', 'magnitude'}
        What ``model(x)`` gives: the response to x, of shape (batch, nfft, n_out), or the magnitude of its
        spectrum, (batch, nfft / 2 + 1, n_out). Training does not depend on it; :func:`train_fdn` sets it.
    device : device, optional
        Default: 'cuda' if there is one, else 'cpu'.
    dtype : torch.dtype, optional
        torch.float32 (default) or torch.float64.
    alias_decay_db : float, optional
        The network is evaluated with a decay of this many dB over `nfft` samples, so that what does not fit into
        the FFT wraps around that much weaker; the time response has the decay taken off again, the magnitude
        has not. Never part of the network's own numbers. Default: 60 for a network without filters, else 0.

    Returns
    -------
    flamo.processor.system.Shell
        Leaves: ``input_gain``, ``feedback_loop`` (``delay`` and ``filter``; ``mixing_matrix`` and ``post_matrix``
        where the network has that), ``output_gain``, ``output_filter``, and the direct path in parallel.

    Raises
    ------
    ValueError
        If an option is unknown or out of range.
    TypeError
        If an argument has the wrong type.
    ImportError
        If flamo is not installed.

    Warns
    -----
    UserWarning
        If the matrix is to be orthogonal and was not: it starts from the nearest one.

    See Also
    --------
    build_fdn : designs the network, too.
    extract_build : the way back.
    TrainingRun, train_fdn : training.

    Notes
    -----
    Version 0.1 of pyFDN reads all leaves. Version 0.5 looks for filters under other names: hand over networks
    with filters as files (:func:`amtlib.fdn.save_build`) instead.

    Examples
    --------
    >>> model = trainable_from_build(design_fdn(N=4, rt=0.2, rng=7), nfft=2**12)
    >>> impulse = torch.zeros(1, 2**12, 1)
    >>> impulse[:, 0] = 1.0
    >>> model(impulse).shape
    torch.Size([1, 4096, 1])
    """
    if not isinstance(build, FDNBuild):
        raise TypeError(f"build is a {type(build).__name__}: give an FDNBuild")
    check_fixed(build)
    learns = Trainable() if trainable is None else trainable
    if not isinstance(learns, Trainable):
        raise TypeError(f"trainable is a {type(learns).__name__}: give Trainable(...)")
    if learns.decay and matrix == "random":
        raise ValueError(
            "decay trains with matrix='orthogonal' alone, which keeps the loop from growing: give it"
        )
    if matrix not in ("orthogonal", "random"):
        raise ValueError(f"matrix_type must be 'orthogonal' or 'random', got {matrix!r}")
    if output not in ("time", "magnitude"):
        raise ValueError(f"output must be 'time' or 'magnitude', got {output!r}")
    kind = torch.float32 if dtype is None else dtype
    if kind not in (torch.float32, torch.float64):
        raise ValueError(f"dtype = {kind} is not supported: give torch.float32 or torch.float64")
    length = _check_nfft(nfft, build.N, kind)
    if alias_decay_db is None:
        alias = LOSSLESS_ALIAS_DB if build.filters is None else 0.0
    else:
        alias = finite_number(alias_decay_db, "alias_decay_db", -1e-9, 200.0, "dB")
    if build.pre_delay and (build.D.any() or learns.direct):
        raise ValueError(
            f"pre_delay = {build.pre_delay} lies between the direct path and the lines, where a model has no place for "
            "it: train without one of them (dataclasses.replace(build, pre_delay=0)), and put it back afterwards"
        )
    place = torch.device(device if device is not None else "cuda" if torch.cuda.is_available() else "cpu")
    return flamo_graph().make_shell(
        build,
        learns=(learns.feedback, learns.input_gain, learns.output_gain, learns.direct),
        orthogonal=matrix == "orthogonal",
        nfft=length,
        time=output == "time",
        device=place,
        dtype=kind,
        alias_decay_db=alias,
        decay=TrainedDecay(build) if learns.decay else None,
        equaliser=TrainedEqualiser(build) if learns.post_eq else None,
    )


def set_output(model: Any, output: str) -> None:
    """
    Set what a model gives, as `output` of :func:`trainable_from_build` does.

    Parameters
    ----------
    model : flamo Shell
        Changed in place.
    output : {'time', 'magnitude'}

    Examples
    --------
    >>> model = build_fdn(N=4, rng=7, nfft=2**12)
    >>> set_output(model, "magnitude")
    >>> model(torch.zeros(1, 2**12, 1)).shape
    torch.Size([1, 2049, 1])
    """
    graph = flamo_graph()
    feedback = graph.read_leaves(model).feedback
    layer = graph.output_layer(
        int(model.nfft),
        time=output == "time",
        alias_decay_db=float(feedback.alias_decay_db),
        device=feedback.param.device,
        dtype=feedback.param.dtype,
    )
    model.set_outputLayer(layer)


def build_fdn(
    *,
    delays: npt.ArrayLike | None = None,
    N: int | None = None,
    rt: DecayTimes | None = 2.0,
    matrix: str = "orthogonal",
    feedback: npt.ArrayLike | str | None = None,
    input_gain: npt.ArrayLike | None = None,
    output_gain: npt.ArrayLike | None = None,
    direct: npt.ArrayLike = 0.0,
    trainable: Trainable | None = None,
    fs: float = 48000.0,
    nfft: int = 16384,
    output: str = "time",
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    rng: Seed = None,
    alias_decay_db: float | None = None,
    rt_crossover: float | None = None,
    rt_design: str = "auto",
    coupling: float | None = None,
) -> Any:
    """
    Design a network, and build a trainable flamo Shell of it.

    Parameters
    ----------
    delays, N, rt, feedback, input_gain, output_gain, direct, fs, rng, rt_crossover, rt_design, coupling
        The network; see :func:`amtlib.fdn.design_fdn`. `feedback` may be a name of the matrix gallery.
    trainable, matrix, nfft, output, device, dtype, alias_decay_db
        The model; see :func:`trainable_from_build`.

    Returns
    -------
    flamo.processor.system.Shell
        A model for :func:`train_fdn`.

    Raises
    ------
    ValueError, TypeError, ImportError
        As the two functions it is made of.

    See Also
    --------
    trainable_from_build : from a network.
    extract_build : the network in a model.

    Examples
    --------
    >>> extract_build(build_fdn(N=4, rng=7)).delays
    array([ 901, 1118, 1021,  581])
    """
    build = design_fdn(
        delays=delays,
        N=N,
        rt=rt,
        feedback=feedback,
        input_gain=input_gain,
        output_gain=output_gain,
        direct=direct,
        fs=fs,
        rng=rng,
        rt_crossover=rt_crossover,
        rt_design=rt_design,
        coupling=coupling,
    )
    return trainable_from_build(
        build,
        trainable=trainable,
        matrix=matrix,
        nfft=nfft,
        output=output,
        device=device,
        dtype=dtype,
        alias_decay_db=alias_decay_db,
    )


def extract_build(model: Any) -> FDNBuild:
    """
    Read the network out of a flamo model.

    Parameters
    ----------
    model : flamo Shell
        As :func:`build_fdn` makes it; graphs of pyFDN 0.1 to 0.5 are read too, with constant feedback.

    Returns
    -------
    FDNBuild
        Its numbers now, in the precision that the model has. Nothing of the evaluation (FFT length, alias decay)
        is in them. A gain where filters are expected becomes a section.

    Raises
    ------
    ValueError
        If a leaf is missing or there are two, or the feedback is no constant matrix.
    TypeError
        If `model` is no module.

    Examples
    --------
    >>> model = build_fdn(N=4, feedback="householder", rt=(2.0, 1.0), rng=0, dtype=torch.float64)
    >>> extract_build(model)
    FDNBuild(N=4, n_in=1, n_out=1, fs=48000 Hz, delays ... filters)
    """
    build: FDNBuild = flamo_graph().read_build(model)
    return build
