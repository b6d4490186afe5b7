"""What a model answers to an impulse while it is trained, at the frequencies asked for, by the fastest safe way.
Not here: the elimination (:mod:`amtlib.train.fused`), the losses (:mod:`amtlib.train.losses`).
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from amtlib.train.fused import LoopGains, loop_response
from amtlib.train.grid import (
    decay_per_sample,
    delay_spectrum,
    sections_basis,
    sections_response,
    sections_spectrum,
)
from amtlib.train.rotations import turned, turned_and_flipped


class Matrices(NamedTuple):
    """
    The numbers that training changes, as the network has them: A (N, N), B (N, n_in), C (n_out, N), D (n_out, n_in).

    Sections of filters in the loop, (S, 6, N), and at the outputs, (S, 6, n_out), are there where they train.

    Examples
    --------
    >>> Matrices(*[torch.zeros(1, 1)] * 4)._fields
    ('a', 'b', 'c', 'd', 'filters', 'post_eq')
    """

    a: Tensor
    b: Tensor
    c: Tensor
    d: Tensor
    filters: Tensor | None = None
    post_eq: Tensor | None = None


class Response:
    """
    Evaluates a model: by elimination where its graph is the known one, else by the graph itself.

    The model's layers are read, never changed, so its own ``forward`` stays what it was.

    Parameters
    ----------
    model : flamo Shell
    leaves : Leaves
        Of the model; see :func:`amtlib.train.graph.read_leaves`.
    source : Tensor, shape (batch, nfft, n_in)
        Impulses at time 0: one row of channel gains per item of the batch.
    fused : bool
        False: always by the graph.

    Attributes
    ----------
    fused : bool
        Whether the elimination is used.
    nfft : int
    """

    def __init__(self, model: Any, leaves: Any, source: Tensor, *, fused: bool = True) -> None:
        self.model, self.leaves, self.source = model, leaves, source
        self.nfft = int(model.nfft)
        self.fused = fused and leaves.known
        self._orthogonal = leaves.feedback.map in (turned, turned_and_flipped)
        self.dtype = source.dtype
        self._complex = torch.complex128 if self.dtype == torch.float64 else torch.complex64
        self.gamma = decay_per_sample(float(leaves.feedback.alias_decay_db), self.nfft)
        with torch.no_grad():
            leaf = leaves.delay
            self._delays = (leaf.map(leaf.param.double()) * leaf.fs / leaf.unit).round().long()
        self._each = source[:, 0]  # (batch, n_in)
        if self.fused:
            with torch.no_grad():
                self.gains = self._gains(self.nfft, self.gamma, filters=True)
            self._post = (
                None if leaves.post_eq is None else self._sections(leaves.post_eq, self.nfft, self.gamma)
            )
            self._delay = delay_spectrum(self._delays, self.nfft, self.gamma).to(self._complex)
            self._back = (
                None
                if leaves.post_matrix is None
                else self._sections(leaves.post_matrix, self.nfft, self.gamma)
            )
            self._basis = sections_basis(self.nfft, self.gamma, self._complex).to(source.device)

    def _sections(self, leaf: Any, nfft: int, gamma: float) -> Tensor:
        # mapped: in graphs of pyFDN 0.5 the parameter is a decay time
        return sections_spectrum(leaf.map(leaf.param), nfft, gamma).to(self._complex)

    def _gains(self, nfft: int, gamma: float, *, filters: bool) -> LoopGains:
        forward = delay_spectrum(self._delays, nfft, gamma)
        back = None
        if filters and self.leaves.filters is not None:
            leaf = self.leaves.filters
            forward = forward * sections_spectrum(leaf.map(leaf.param), nfft, gamma)
        if filters and self.leaves.post_matrix is not None:
            back = self._sections(self.leaves.post_matrix, nfft, gamma)
        return LoopGains(forward.to(self._complex), back)

    def prototype(self, nfft: int, gamma: float) -> LoopGains:
        """Return the loop without its filters on another grid, decaying by `gamma` per sample."""
        return self._gains(nfft, gamma, filters=False)

    def matrices(self, parameters: dict[str, Tensor] | None = None) -> Matrices:
        """Return A, B, C, D and filters of the model's parameters, or of others by the names of :meth:`parameters`."""
        named = self.parameters() if parameters is None else parameters
        leaves = (self.leaves.feedback, self.leaves.input_gain, self.leaves.output_gain, self.leaves.direct)
        maps = zip("abcd", leaves, strict=True)
        a, b, c, *rest = [leaf.map(named[name]) for name, leaf in maps if leaf is not None]
        d = rest[0] if rest else c.new_zeros(c.shape[0], b.shape[1])
        filters, post_eq = (
            leaf.map(named[name]) if name in named else None for name, leaf in self._trained_filters()
        )
        return Matrices(a, b, c, d, filters, post_eq)

    def _trained_filters(self) -> list[tuple[str, Any]]:
        return [("f", self.leaves.filters), ("e", self.leaves.post_eq)]

    def parameters(self) -> dict[str, Tensor]:
        """Return the model's parameters behind A, B, C, D by letter, and 'f' and 'e' of filters that train."""
        leaves = (self.leaves.feedback, self.leaves.input_gain, self.leaves.output_gain, self.leaves.direct)
        found = {name: leaf.param for name, leaf in zip("abcd", leaves, strict=True) if leaf is not None}
        filters = self._trained_filters()
        return found | {n: leaf.param for n, leaf in filters if leaf is not None and leaf.param.requires_grad}

    def loop_gains(self, at: Matrices, bins: Tensor | None) -> LoopGains:
        """Return the gains of the loop at some frequencies, or all: those of `at` where its filters train."""
        if at.filters is None:
            return self.gains if bins is None else self.gains.at(bins)
        whole = slice(None) if bins is None else bins
        forward = self._delay[:, whole] * sections_response(at.filters, self._basis[:, whole])
        back = None if self._back is None else self._back[:, whole]
        return LoopGains(forward, back)

    def wet(self, at: Matrices, gains: LoopGains) -> Tensor:
        """Return the response of the loop alone at the frequencies of `gains`, (batch, F, n_out)."""
        pivot = gains.largest >= 1.0 - 1e-5 if self._orthogonal else None  # the norm of A is known to be 1
        return loop_response(at.a, at.b @ self._each.mT, at.c, gains, pivot=pivot).permute(1, 2, 0)

    def spectrum(self, at: Matrices | None, bins: Tensor | None = None) -> Tensor:
        """
        Return the model's spectrum on its own grid, (batch, F, n_out), complex.

        With ``at=None`` the graph answers. `bins` picks frequencies.
        """
        if not self.fused or at is None:
            found: Tensor = self.model.get_core()(torch.fft.rfft(self.source, n=self.nfft, dim=1))
            return found if bins is None else found[:, bins]
        y = self.wet(at, self.loop_gains(at, bins))
        if at.post_eq is not None:
            basis = self._basis if bins is None else self._basis[:, bins]
            y = y * sections_response(at.post_eq, basis).mT
        elif self._post is not None:
            y = y * (self._post if bins is None else self._post[:, bins]).mT
        return y + (self._each @ at.d.mT)[:, None]

    def wrapped_db(self) -> float:
        """Level in dB of what wraps around in time: the slowest line's decay over the FFT length."""
        gains = self.gains if self.fused else self._gains(self.nfft, self.gamma, filters=True)
        sizes = gains.loop.abs().amax(dim=1).double().clamp_min(1e-300)
        per_sample = 20.0 * torch.log10(sizes) / self._delays
        return float(per_sample.max()) * self.nfft

    def frequencies(self) -> Tensor:
        """Frequencies of the grid in Hz."""
        return torch.arange(self.nfft // 2 + 1).double() * (float(self.leaves.delay.fs) / self.nfft)
