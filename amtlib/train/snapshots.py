"""Copies of a network while it is trained: as it is after the last step, and in the best state met.

Not here: what they hold (:class:`amtlib.train.record.Snapshot`).
"""

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from amtlib.fdn.build import FDNBuild
from amtlib.fdn.response import transfer_function
from amtlib.train.descent import Descent
from amtlib.train.losses import Rendered
from amtlib.train.record import Snapshot


class Snapshots:
    """
    Takes snapshots of a descent, which any thread may look at.

    Parameters
    ----------
    descent : Descent
    start : FDNBuild
        The network before its training.

    Attributes
    ----------
    latest : Snapshot
        The one taken last.
    """

    def __init__(self, descent: Descent, start: FDNBuild) -> None:
        self._descent, self._start = descent, start
        self.latest = self._now()

    def take(self) -> None:
        """Make the present state the latest."""
        self.latest = self._now()

    def _now(self) -> Snapshot:
        descent = self._descent
        parameters = {name: p.detach().clone() for name, p in descent.response.parameters().items()}
        loss = descent.losses[-1] if descent.losses else math.nan
        terms = {key: values[-1] for key, values in descent.terms.items() if values}
        return Snapshot(descent.steps, loss, terms, parameters, self._build, self._render)

    def best(self) -> Snapshot:
        """Return the best state met, the latest before there is one."""
        latest, descent = self.latest, self._descent
        if descent.best_step < 0:
            return latest
        names = {id(p): name for name, p in descent.response.parameters().items()}
        changed = {
            names[id(p)]: value.clone()
            for p, value in zip(descent.learned, descent.best, strict=True)
            if id(p) in names
        }
        parameters = {**latest.parameters, **changed}
        return Snapshot(
            descent.best_step, descent.best_loss, descent.best_terms, parameters, self._build, self._render
        )

    def _build(self, parameters: dict[str, Tensor]) -> FDNBuild:
        with torch.no_grad():
            found = self._descent.response.matrices(parameters)
        fields = zip(("A", "B", "C", "D", "filters", "post_eq"), found, strict=True)
        # filters that do not train stay those of the start
        changed: dict[str, Any] = {n: v.double().cpu().numpy() for n, v in fields if v is not None}
        return replace(self._start, **changed)

    def _render(self, parameters: dict[str, Tensor]) -> Rendered:
        response = self._descent.response
        with torch.no_grad():
            at = response.matrices(parameters)
            if response.fused:
                return self._descent.answer(at)
            build = self._build(parameters)
            found = transfer_function(build, response.nfft, radius=1.0 / response.gamma)
            each = torch.from_numpy(found.reshape(len(found), build.n_out, build.n_in)).to(
                response.source.device
            )
            spectrum = torch.einsum("kor,br->bko", each, response.source[:, 0].to(each.dtype))
            spectrum = spectrum.to(torch.complex128 if response.dtype == torch.float64 else torch.complex64)
            return Rendered(spectrum, build.fs, response.nfft, at.a, response.gamma, self._descent.goal)
