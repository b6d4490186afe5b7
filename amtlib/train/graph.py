"""The flamo graph of a network: built from its numbers, and read back.
Source: layout and leaf names of the pyFDN package, version 0.1.0, so that its tools read the same Shell.
Not here: training; choosing the numbers (:mod:`amtlib.fdn.design`).
"""

import warnings
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from amtlib.fdn.build import Array, FDNBuild
from amtlib.train.filters import TrainedDecay, TrainedEqualiser
from amtlib.train.flamo_parts import dsp, system
from amtlib.train.grid import decay_per_sample, delay_spectrum
from amtlib.train.logarithm import skew_logarithm
from amtlib.train.notices import MatrixMadeOrthogonal
from amtlib.train.rotations import turned, turned_and_flipped

# Names of one leaf in the versions of the package that write such graphs; the first is the one written here.
_INPUT, _OUTPUT = ("input_gain",), ("output_gain",)
_FILTERS = ("filter", "attenuation", "post_delay")
_POST_MATRIX = ("post_matrix",)
_POST_EQ = ("output_filter", "post_output")


class ExactDelay(dsp.parallelDelay):  # type: ignore[misc]  # flamo has no types
    """
    flamo's parallel delay, with a phase that is exact at every delay and frequency.

    Examples
    --------
    >>> delay = ExactDelay(size=(1,), max_len=9, isint=True, unit=1, nfft=8, fs=48000)
    >>> delay.assign_value(torch.tensor([2 / 48000]))
    >>> delay.freq_response(delay.param)[:, 0].real.round()
    tensor([ 1.,  0., -1., -0.,  1.])
    """

    def whole_delays(self, param: Tensor) -> Tensor:
        """Delays in samples, int64."""
        samples: Tensor = self.s2sample(self.map(param.detach().double()))
        return samples.round().long()

    def get_freq_response(self) -> None:
        """Set the transfer function, as flamo's constructor asks for."""

        def freq_response(param: Tensor) -> Tensor:
            gamma = decay_per_sample(float(self.alias_decay_db), self.nfft)
            spectrum = delay_spectrum(self.whole_delays(param), self.nfft, gamma).mT
            return spectrum.to(torch.complex128 if self.dtype == torch.float64 else torch.complex64)

        self.freq_response = freq_response


def _assign(module: Any, value: Array, requires_grad: bool) -> Any:
    module.assign_value(torch.tensor(value).to(module.param))
    module.param.requires_grad_(requires_grad)
    module.requires_grad = requires_grad
    return module


def _feedback(A: Array, orthogonal: bool, requires_grad: bool, common: dict[str, Any]) -> Any:
    """Make the matrix module; any orthogonal A is kept, whatever its determinant."""
    size = A.shape[0]
    module = dsp.Matrix(size=(size, size), matrix_type="orthogonal" if orthogonal else "random", **common)
    if not orthogonal:
        return _assign(module, A, requires_grad)
    left, singular, right = np.linalg.svd(A)
    nearest = left @ right
    off = float(np.abs(A - nearest).max())
    if off > 1e-6:
        warnings.warn(MatrixMadeOrthogonal(float(singular.min()), float(singular.max()), off), stacklevel=4)
    flipped = np.linalg.det(nearest) < 0.0
    if flipped:
        nearest[:, -1] *= -1.0
    module.map = turned_and_flipped if flipped else turned
    return _assign(module, skew_logarithm(nearest), requires_grad)


def _trained(
    trained: TrainedDecay | TrainedEqualiser, channels: int, common: dict[str, Any], fs: float
) -> Any:
    """Make sections whose parameter is what the map makes them of."""
    module = dsp.parallelSOSFilter(size=(channels,), n_sections=trained.sections, fs=fs, **common)
    module.map = trained
    module.param = nn.Parameter(trained.start.to(module.param))
    module.requires_grad = True
    return module


def _sections(sos: Array, common: dict[str, Any], fs: float) -> Any:
    module = dsp.parallelSOSFilter(size=(sos.shape[2],), n_sections=sos.shape[0], fs=fs, **common)
    return _assign(module, sos, False)


class NetworkShell(system.Shell):  # type: ignore[misc]  # flamo has no types
    """
    flamo's Shell of a network, which can be copied, pickled and saved whole: it is built anew from its numbers.

    Examples
    --------
    >>> import copy
    >>> build = FDNBuild([[1.0]], [1.0], [1.0], 0.0, [9], 48000)
    >>> model = make_shell(build, learns=(True,) * 4, orthogonal=True, nfft=64, time=True, device=torch.device("cpu"),
    ...     dtype=torch.float32, alias_decay_db=60.0)
    >>> int(copy.deepcopy(model).set_nfft(128).nfft), int(model.nfft)
    (128, 64)
    """

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Return how to build the model anew; graphs that have been changed are left to torch."""
        leaves = read_leaves(self)
        if not leaves.known:
            return super().__reduce_ex__(protocol)
        gains = (leaves.feedback, leaves.input_gain, leaves.output_gain, leaves.direct)
        settings = {
            "decay": _map_of(leaves.filters),
            "equaliser": _map_of(leaves.post_eq),
            "learns": tuple(bool(leaf.param.requires_grad) for leaf in gains),
            "orthogonal": leaves.feedback.map in (turned, turned_and_flipped),
            "nfft": int(self.nfft),
            "time": type(self.get_outputLayer()) is not dsp.Transform,
            "device": leaves.feedback.param.device,
            "dtype": leaves.feedback.param.dtype,
            "alias_decay_db": float(leaves.feedback.alias_decay_db),
        }
        state = {name: value.detach().clone() for name, value in self.state_dict().items()}
        return _made_anew, (read_build(self), settings, state)


def _map_of(leaf: Any) -> Any:
    """Return the map of a filter that trains, else None."""
    return leaf.map if leaf is not None and isinstance(leaf.map, TrainedDecay | TrainedEqualiser) else None


def _made_anew(build: FDNBuild, settings: dict[str, Any], state: dict[str, Tensor]) -> NetworkShell:
    model: NetworkShell = make_shell(build, **settings)
    model.load_state_dict(state)
    return model


def make_shell(
    build: FDNBuild,
    *,
    learns: tuple[bool, bool, bool, bool],
    orthogonal: bool,
    nfft: int,
    time: bool,
    device: torch.device,
    dtype: torch.dtype,
    alias_decay_db: float,
    decay: TrainedDecay | None = None,
    equaliser: TrainedEqualiser | None = None,
) -> Any:
    """
    Build the Shell; see `trainable_from_build`.

    `learns` is for feedback, input, output and direct gains; `decay` and `equaliser` take the place of filters that
    train.
    """
    common: dict[str, Any] = {
        "nfft": nfft, "alias_decay_db": alias_decay_db, "device": str(device), "dtype": dtype
    }  # fmt: skip
    feedback_learns, input_learns, output_learns, direct_learns = learns
    input_gain = _assign(dsp.Gain(size=build.B.shape, **common), build.B, input_learns)
    output_gain = _assign(dsp.Gain(size=build.C.shape, **common), build.C, output_learns)
    direct = _assign(dsp.Gain(size=build.D.shape, **common), build.D, direct_learns)
    delay = ExactDelay(
        size=(build.N,), max_len=int(build.delays.max()) + 1, isint=True, unit=1, fs=build.fs, **common
    )
    _assign(delay, build.delays / build.fs, False)
    feedback = _feedback(build.A, orthogonal, feedback_learns, common)
    forward = delay
    if build.filters is not None:
        filters = (
            _sections(build.filters, common, build.fs)
            if decay is None
            else _trained(decay, build.N, common, build.fs)
        )
        forward = system.Series(OrderedDict(delay=delay, filter=filters))
    back = feedback
    if build.post_matrix is not None:
        after = _sections(build.post_matrix, common, build.fs)
        back = system.Series(OrderedDict(mixing_matrix=feedback, post_matrix=after))
    parts: OrderedDict[str, Any] = OrderedDict(
        input_gain=input_gain, feedback_loop=system.Recursion(fF=forward, fB=back), output_gain=output_gain
    )
    if equaliser is not None:
        parts["output_filter"] = _trained(equaliser, build.n_out, common, build.fs)
    elif build.post_eq is not None:
        parts["output_filter"] = _sections(build.post_eq, common, build.fs)
    core = system.Parallel(brA=system.Series(parts), brB=direct, sum_output=True)
    last = output_layer(nfft, time=time, alias_decay_db=alias_decay_db, device=device, dtype=dtype)
    shell = NetworkShell(core=core, input_layer=dsp.FFT(nfft, dtype=dtype), output_layer=last)
    shell.pre_delay = build.pre_delay  # no part of the graph: its response begins without it
    return shell


def output_layer(
    nfft: int, *, time: bool, alias_decay_db: float, device: torch.device | str, dtype: torch.dtype
) -> Any:
    """Return the last layer of a Shell: to samples, the decay against aliasing taken off, or to magnitudes."""
    if not time:
        return dsp.Transform(torch.abs, device=str(device), dtype=dtype)
    if alias_decay_db:
        return dsp.iFFTAntiAlias(nfft, alias_decay_db=alias_decay_db, device=str(device), dtype=dtype)
    return dsp.iFFT(nfft, dtype=dtype)


@dataclass(frozen=True)
class Leaves:
    """
    The parts of a network's graph that hold its numbers.

    `known` says that the graph is laid out as :func:`make_shell` does, with filters that are frozen or of its own: then
    the fast evaluation gives what the graph gives.
    """

    input_gain: Any
    output_gain: Any
    feedback: Any
    direct: Any
    delay: Any
    filters: Any
    post_matrix: Any
    post_eq: Any
    known: bool


def _leaves(model: Any) -> dict[str, nn.Module]:
    root = model.get_core() if hasattr(model, "get_core") else model
    return {name: module for name, module in root.named_modules() if isinstance(module, dsp.DSP)}


def _named(leaves: dict[str, nn.Module], names: tuple[str, ...]) -> list[Any]:
    return [module for path, module in leaves.items() if path.rpartition(".")[2] in names]


def _one(found: list[Any], names: tuple[str, ...]) -> Any:
    if len(found) != 1:
        raise ValueError(
            f"FLAMO graph must contain exactly one of {names}; found {len(found)}: build it with build_fdn"
        )
    return found[0]


def _at_most_one(found: list[Any], names: tuple[str, ...]) -> Any:
    return _one(found, names) if found else None


def read_leaves(model: nn.Module) -> Leaves:
    """Find the leaves of a network's graph by their names, those of other versions included. See `extract_build`."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is a {type(model).__name__}: give the flamo Shell that build_fdn returns")
    leaves = _leaves(model)
    inputs, outputs = _one(_named(leaves, _INPUT), _INPUT), _one(_named(leaves, _OUTPUT), _OUTPUT)
    delays = _named(leaves, ("delay",)) or [m for m in leaves.values() if "delay" in type(m).__name__.lower()]
    if len(delays) != 1:
        raise ValueError(
            f"FLAMO graph must contain exactly one delay leaf; found {len(delays)}: build it with build_fdn"
        )
    matrices = _named(leaves, ("mixing_matrix",)) or [
        module for path, module in leaves.items() if path.endswith("feedback_loop.feedback")
    ]
    if len(matrices) != 1:
        raise ValueError(
            f"FLAMO graph must contain exactly one feedback matrix leaf; found {len(matrices)}: build it with build_fdn"
        )
    directs = _named(leaves, ("direct_gain",)) or [
        module for path, module in leaves.items() if path == "branchB"
    ]
    found = Leaves(
        input_gain=inputs,
        output_gain=outputs,
        feedback=matrices[0],
        direct=_at_most_one(directs, ("direct_gain", "brB")),
        delay=delays[0],
        filters=_at_most_one(_named(leaves, _FILTERS), _FILTERS),
        post_matrix=_at_most_one(_named(leaves, _POST_MATRIX), _POST_MATRIX),
        post_eq=_at_most_one(_named(leaves, _POST_EQ), _POST_EQ),
        known=False,
    )
    return Leaves(**{**found.__dict__, "known": _is_known(model, found)})


def _is_known(model: Any, leaves: Leaves) -> bool:
    """Whether the graph is the one of `make_shell`, with nothing in it that the fast evaluation would miss."""
    if not hasattr(model, "get_core"):
        return False
    core = model.get_core()
    if not isinstance(core, system.Parallel) or not core.sum_output or core.branchB is not leaves.direct:
        return False
    last = ["output_filter"] if leaves.post_eq is not None else []
    expected = ["input_gain", "feedback_loop", "output_gain", *last]
    if not isinstance(core.branchA, system.Series) or list(core.branchA._modules) != expected:
        return False
    loop = core.branchA.feedback_loop
    if not isinstance(loop, system.Recursion):
        return False
    forward = [leaves.delay, *([leaves.filters] if leaves.filters is not None else [])]
    back = [leaves.feedback, *([leaves.post_matrix] if leaves.post_matrix is not None else [])]
    for path, parts in ((loop.feedforward, forward), (loop.feedback, back)):
        there = list(path) if isinstance(path, system.Series) else [path]
        if len(there) != len(parts) or any(a is not b for a, b in zip(there, parts, strict=True)):
            return False
    sections = [part for part in (leaves.filters, leaves.post_matrix, leaves.post_eq) if part is not None]
    frozen = not any(part.param.requires_grad for part in (leaves.delay, *sections) if _map_of(part) is None)
    return (
        frozen
        and isinstance(leaves.delay, dsp.parallelDelay)
        and bool(leaves.delay.isint)
        and all(isinstance(part, dsp.parallelSOSFilter) and _holds_sections(part) for part in sections)
        and all(type(part) is dsp.Gain for part in (leaves.input_gain, leaves.output_gain, leaves.direct))
        and type(leaves.feedback) is dsp.Matrix
    )


def _holds_sections(part: Any) -> bool:
    """Whether a filter leaf's values, its parameter mapped, are second-order sections."""
    with torch.no_grad():
        return bool(part.map(part.param).ndim == 3)


def whole_delays(delay: Any) -> Tensor:
    """Delays of a delay leaf in samples, int64."""
    samples: Tensor = delay.map(delay.param.detach().double()) * delay.fs / delay.unit
    return samples.round().long()


def read_build(model: Any) -> FDNBuild:
    """Return the network in a model; see :func:`amtlib.train.build.extract_build`."""
    leaves = read_leaves(model)
    fs = getattr(leaves.delay, "fs", None)
    if fs is None:
        raise ValueError(
            "FLAMO delay module exposes no sample rate; cannot extract fs: give it an attribute fs"
        )

    def values(leaf: Any) -> npt.NDArray[np.float64] | None:
        if leaf is None:
            return None
        with torch.no_grad():
            return np.asarray(leaf.map(leaf.param).double().cpu().numpy(), dtype=np.float64)

    def sections(leaf: Any) -> npt.NDArray[np.float64] | None:
        found = values(leaf)
        if found is not None and found.ndim == 1:
            found = np.stack([found, 0 * found, 0 * found, 0 * found + 1.0, 0 * found, 0 * found])[None]
        return found

    feedback = values(leaves.feedback)
    if feedback is None or feedback.ndim != 2:
        raise ValueError("feedback matrix must be a constant two-dimensional matrix: this one is not")
    return FDNBuild(
        A=feedback,
        B=values(leaves.input_gain),
        C=values(leaves.output_gain),
        D=values(leaves.direct),
        delays=whole_delays(leaves.delay).cpu().numpy(),
        fs=float(fs),
        filters=sections(leaves.filters),
        post_eq=sections(leaves.post_eq),
        post_matrix=sections(leaves.post_matrix),
        pre_delay=int(getattr(model, "pre_delay", 0)),
    )
