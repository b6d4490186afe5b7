"""The steps of training: losses of the network as it is, gradients, an optimiser, and the best state met.
Source: optimisers and stopping rule of the specification (flamo 0.2.20).
Not here: when a step is done, and what ends a run (:mod:`amtlib.train.run`).
"""

import copy
import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from amtlib.train.adam import Adam
from amtlib.train.fused import LoopGains
from amtlib.train.losses import Rendered
from amtlib.train.losses.composition import unique
from amtlib.train.losses.criteria import Called, Measure
from amtlib.train.notices import PenaltyDominates, PenaltyLowered, TrainingWarning
from amtlib.train.record import Step
from amtlib.train.response import Matrices, Response

OPTIMIZERS = ("adam", "lbfgs")
# As flamo's trainer: the learning rate falls to a tenth every 2000 steps.
_LR_STEPS, _LR_FACTOR = 2000, 0.1
# Random frequencies: how many per step, of how fine a grid, on which circle (gain per sample of the prototype).
_DRAWN, _DENSE, _DENSE_GAMMA = 2048, 2**17, 0.9999
# Where the loss is a random sample, every so many steps it is measured on a fixed set of frequencies instead.
_CHECK_EVERY, _CHECK_BINS = 20, 8192
# A loss this many times the first one above the best, this many times in a row, is a run gone wrong.
_FAR, _FAR_STEPS = 10.0, 10
# A penalty with more of the gradient than this is warned of; one that is fitted has this much of the match's.
_PENALTY_SHARE, _PENALTY_OF_MATCH = 0.9, 0.1


class Interrupted(Exception):
    """A step was given up half-way: the run is to end. The parameters are those before the step."""


class Descent:
    """
    An optimiser at work on a model, one step at a time.

    Parameters
    ----------
    model : flamo Shell
    response : Response
        Of the model.
    goal : Rendered or None
        For losses that compare with a target.
    criteria : list of (measure, weight)
    dense : bool
        Whether frequencies are drawn from a grid finer than the model's, of the network without its filters.
    frequencies : int, optional
        How many are drawn per step; None: all of the model's grid.
    optimizer : {'adam', 'lbfgs'}
    lr : float
    patience, tol
        Of the plateau.
    seed : int, optional
        For the frequencies.
    default_criteria : bool
        Whether the criteria are a match and a penalty, which must not outweigh it.
    fit_penalty : bool
        Whether the penalty's weight is lowered until it cannot.

    Notes
    -----
    Losses are measured before a step with 'adam', after it with 'lbfgs'. The power variance does not see gain, so
    after each step B and C are brought back to the norms they began with.
    """

    def __init__(
        self,
        model: Any,
        response: Response,
        goal: Rendered | None,
        criteria: list[tuple[Measure, float]],
        *,
        dense: bool,
        frequencies: int | None,
        optimizer: str,
        lr: float,
        patience: int,
        tol: float,
        seed: int | None,
        default_criteria: bool,
        fit_penalty: bool = False,
    ) -> None:
        self.model, self.response = model, response
        self._given, self.criteria = criteria, list(criteria)
        self.goal, self.optimizer_name = goal, optimizer
        self._fs = float(response.leaves.delay.fs)
        #: whether the loss is a function of the parameters and of nothing that changes
        self.pure = response.fused and not any(isinstance(measure, Called) for measure, _ in criteria)
        self.keys = unique([measure.name for measure, _ in criteria])
        self.patience, self.tol = patience, tol
        self.learned = [p for p in response.parameters().values() if p.requires_grad]
        extra = [p for p in model.parameters() if p.requires_grad and all(p is not q for q in self.learned)]
        self.learned += extra
        if not self.learned:
            raise ValueError(
                "nothing is trainable: build the model with trainable=Trainable(...) that names a part of it"
            )
        self._lr = lr
        self._optimizer = self._fresh_optimizer()
        #: Asked between the evaluations of a long step: whether to give it up.
        self.given_up: Callable[[], bool] = lambda: False
        self.generator = torch.Generator()
        if seed is None:
            self.generator.seed()
        else:
            self.generator.manual_seed(seed)
        self._gains = response.prototype(_DENSE, _DENSE_GAMMA) if dense else None
        self._grid = (_DENSE if dense else response.nfft) // 2 + 1
        self._drawn = (frequencies or (_DRAWN if dense else None)) and min(frequencies or _DRAWN, self._grid)
        self._norms = [
            (p, float(p.detach().norm()))
            for name, p in response.parameters().items()
            if dense and name in "bc" and p.requires_grad
        ]
        #: What steps have warned of: a page shows it, whichever thread steps.
        self.notices: list[TrainingWarning] = []
        #: Whether they go to :mod:`warnings` as well: not in a worker, whose notices are shown where the run is.
        self.warns = True
        self._watch = default_criteria and len(criteria) > 1
        self.steps = 0
        self.losses: list[float] = []
        self.terms: dict[str, list[float]] = {key: [] for key in self.keys}
        self.best_loss, self.best_step = math.inf, -1
        self.best_terms: dict[str, float] = {}
        self.best = self._copies()
        self._least, self._stuck, self._far, self._first = math.inf, 0, 0, math.nan
        self._scale = 1.0
        self._bins: Tensor | None = None
        self._check_bins: Tensor | None = None
        if self._drawn is not None:
            self._check_bins = self._draw(min(_CHECK_BINS, self._grid))
            if optimizer == "lbfgs":  # whose line search needs one and the same function
                self._bins = self._draw(self._drawn)
        if fit_penalty and self._watch:
            self._fit_penalty()

    @property
    def lr(self) -> float:
        """Learning rate before its decay; may be set between steps."""
        return self._lr

    @lr.setter
    def lr(self, value: float) -> None:
        self._lr = value

    @property
    def sampled(self) -> bool:
        """Whether each step sees other frequencies."""
        return self._drawn is not None and self.optimizer_name == "adam"

    def _fresh_optimizer(self) -> Any:
        if self.optimizer_name == "adam":
            return Adam(self.learned)
        return torch.optim.LBFGS(self.learned, lr=self._lr, line_search_fn="strong_wolfe")

    def go_on(self, *, afresh: bool) -> None:
        """Make ready for more steps after an end; `afresh`: what the optimiser remembers led astray."""
        self._stuck = self._far = 0
        if afresh:
            self._optimizer = self._fresh_optimizer()

    def _copies(self) -> list[Tensor]:
        return [p.detach().clone() for p in self.learned]

    def _draw(self, count: int) -> Tensor:
        """One random bin of each of `count` equal parts of the grid."""
        edges = torch.arange(count, dtype=torch.float64) * (self._grid / count)
        inside = torch.rand(count, generator=self.generator, dtype=torch.float64) * (self._grid / count)
        return (edges + inside).long().clamp_max(self._grid - 1).to(self.response.source.device)

    def answer(self, at: Matrices | None, bins: Tensor | None = None) -> Rendered:
        """Return what the model answers, as the losses read it; None for the graph's own parameters."""
        goal, response = self.goal, self.response
        if bins is not None and goal is not None:
            goal = goal.at(bins)
        matrix = response.matrices().a if at is None else at.a
        return Rendered(
            response.spectrum(at, bins), self._fs, response.nfft, matrix, response.gamma, goal, bins is None
        )

    def _lossless_answer(self, at: Matrices, gains: LoopGains) -> Rendered:
        """Return what the network answers without its filters, on the finer grid."""
        spectrum = self.response.wet(at, gains)
        return Rendered(spectrum, self._fs, _DENSE, at.a, _DENSE_GAMMA, whole=False)

    def loss(self, bins: Tensor | None, at: Matrices | None = None) -> tuple[Tensor, list[Tensor]]:
        """Weighted sum of the criteria, and each of them, of the model as it is, or of other matrices."""
        if at is None and self.response.fused:
            at = self.response.matrices()
        if self._gains is None or at is None:
            answer = self.answer(at, bins)
        else:
            answer = self._lossless_answer(at, self._gains if bins is None else self._gains.at(bins))
        values = [measure.value(answer) for measure, _ in self.criteria]
        weighted = [alpha * value for (_, alpha), value in zip(self.criteria, values, strict=True)]
        return torch.stack([w.reshape(()) for w in weighted]).sum(), values

    def shares(self, parameters: dict[str, Tensor] | None, part: str | None) -> dict[str, float]:
        """Share of each weighted criterion in the gradient; see `TrainingRun.gradient_shares`."""
        if parameters is None:
            learned, at = list(self.learned), None
        else:
            wanted = {name for name, p in self.response.parameters().items() if p.requires_grad}
            free = {name: p.clone().requires_grad_(name in wanted) for name, p in parameters.items()}
            learned = [p for name, p in free.items() if name in wanted and part in (None, name)]
            at = self.response.matrices(free)
        if part is not None and parameters is None:
            learned = [
                p for name, p in self.response.parameters().items() if name == part and p.requires_grad
            ]
        if not learned:
            raise ValueError("this part of the network is not trained, so nothing moves it: choose another")
        _, values = self.loss(self._check_bins if self.sampled else self._bins, at)
        sizes = []
        for (_, alpha), value in zip(self.criteria, values, strict=True):
            found: tuple[Tensor | None, ...] = (None,)
            if value.requires_grad:
                found = torch.autograd.grad(value, learned, retain_graph=True, allow_unused=True)
            squares = [float(g.double().square().sum()) for g in found if g is not None]
            sizes.append(abs(alpha) * math.sqrt(sum(squares)))
        total = sum(sizes)
        return {key: size / total if total > 0.0 else 0.0 for key, size in zip(self.keys, sizes, strict=True)}

    def _measured(self) -> tuple[float, dict[str, float]]:
        """Return the loss now, on the fixed frequencies where they are drawn."""
        with torch.no_grad():
            total, values = self.loss(self._check_bins if self.sampled else self._bins)
        return float(total), self._named(values)

    def _named(self, values: list[Tensor]) -> dict[str, float]:
        return {key: float(value.detach()) for key, value in zip(self.keys, values, strict=True)}

    def _consider(self, loss: float, terms: dict[str, float], steps: int) -> None:
        """Keep the present state if it is the best so far."""
        if loss < self.best_loss:
            self.best_loss, self.best_step, self.best_terms = loss, steps, terms
            self.best = self._copies()

    def advance(self) -> tuple[Step, str]:
        """Do one step; return it, and why the run must end ('' if it need not)."""
        began = time.perf_counter()
        total, terms = self._adam() if self.optimizer_name == "adam" else self._lbfgs()
        index = self.steps
        self.steps += 1
        self.losses.append(total)
        for key in self.keys:
            self.terms[key].append(terms[key])
        reason = self._verdict(total, terms)
        return Step(index, total, terms, time.perf_counter() - began), reason

    def _adam(self) -> tuple[float, dict[str, float]]:
        if self.sampled and self._drawn is not None:
            self._bins = self._draw(self._drawn)
        self._optimizer.zero_grad()
        total, values = self.loss(self._bins)
        if self._watch and self.steps == 0:
            self._warn_of_penalty(values)
        terms, value = self._named(values), float(total.detach())
        if not math.isfinite(value):
            return value, terms
        total.backward()  # type: ignore[no-untyped-call]
        if not all(bool(torch.isfinite(p.grad).all()) for p in self.learned if p.grad is not None):
            return math.nan, terms
        if not self.sampled:
            self._consider(value, terms, self.steps)
        elif self.steps % _CHECK_EVERY == 0:
            self._consider(*self._measured(), self.steps)
        self._optimizer.step(lr=self._lr * _LR_FACTOR ** (self.steps // _LR_STEPS))
        self._renormalise()
        return value, terms

    def _lbfgs(self) -> tuple[float, dict[str, float]]:
        if self._watch and self.steps == 0:
            self._warn_of_penalty(self.loss(self._bins)[1])
        for group in self._optimizer.param_groups:
            group["lr"] = self._lr

        def closure() -> float:
            if self.given_up():
                raise Interrupted
            self._optimizer.zero_grad()
            total, _ = self.loss(self._bins)
            # torch's LBFGS has absolute tolerances (1e-7), larger than whole losses of spectrograms
            total = total * scale
            if torch.isfinite(total):
                total.backward()  # type: ignore[no-untyped-call]
            return float(total.detach())

        if self.steps == 0:
            total, terms = self._measured()
            self._consider(total, terms, 0)
            self._scale = 1.0 / max(abs(total), 1e-12)
        scale = self._scale
        if math.isfinite(self.best_loss):
            before = self._copies()
            try:
                self._optimizer.step(closure)
            except Interrupted:
                self._put(before)
                self._optimizer = self._fresh_optimizer()  # the old one stands in the middle of its line
                raise
            self._renormalise()
        total, terms = self._measured()
        self._consider(total, terms, self.steps + 1)
        return total, terms

    def _renormalise(self) -> None:
        with torch.no_grad():
            for parameter, norm in self._norms:
                parameter.mul_(norm / parameter.norm().clamp_min(torch.finfo(parameter.dtype).tiny))

    def _verdict(self, total: float, terms: dict[str, float]) -> str:
        if not math.isfinite(total):
            return "not_finite"
        if self.steps == 1:
            self._first = abs(total)
        lowest = min(self._least, self.best_loss)
        if math.isfinite(lowest) and total - lowest > _FAR * max(self._first, abs(lowest), 1e-12):
            self._far += 1
            if self._far >= _FAR_STEPS:
                return "diverged"
        else:
            self._far = 0
        if self.sampled:
            if self.steps % _CHECK_EVERY != 1:
                return ""
            total = self.best_loss
        gain = (self._least - total) / (abs(self._least) + 1e-12) if math.isfinite(self._least) else math.inf
        self._least = min(self._least, total)
        self._stuck = 0 if gain > self.tol else self._stuck + 1
        return "plateau" if self._stuck >= self.patience else ""

    def keep_best(self, *, measure: bool) -> None:
        """Leave the model in the best state met, the present one included if it may be measured."""
        if measure and self.steps and all(bool(torch.isfinite(p).all()) for p in self.learned):
            loss, terms = self._measured()
            if math.isfinite(loss):
                self._consider(loss, terms, self.steps)
        self._put(self.best)

    def _put(self, values: list[Tensor]) -> None:
        with torch.no_grad():
            for parameter, value in zip(self.learned, values, strict=True):
                parameter.copy_(value)

    def _sizes(self, values: list[Tensor]) -> tuple[float, float] | None:
        """Sizes of the gradients of the matrix by the match and by the weighted penalty; None if it is not trained."""
        p = self.response.parameters()["a"]
        if not p.requires_grad:
            return None
        sizes = []
        for (_, alpha), value in zip(self.criteria, values, strict=True):
            (gradient,) = torch.autograd.grad(value, p, retain_graph=True, allow_unused=True)
            sizes.append(0.0 if gradient is None else abs(alpha) * float(gradient.norm()))
        return sizes[0], sum(sizes[1:])

    def _fit_penalty(self) -> None:
        """Lower the penalty's weight until it makes a tenth of the match's gradient of the matrix."""
        sizes = self._sizes(self.loss(self._bins)[1])
        if sizes is None or not all(map(math.isfinite, sizes)) or sizes[1] <= _PENALTY_OF_MATCH * sizes[0]:
            return
        measure, alpha = self.criteria[1]
        lower = alpha * _PENALTY_OF_MATCH * sizes[0] / sizes[1]
        self.criteria[1] = (measure, lower)
        self.notices.append(PenaltyLowered(lower, alpha, 100.0 * sizes[1] / sum(sizes)))

    def _warn_of_penalty(self, values: list[Tensor]) -> None:
        """Warn if the penalty, not the match, moves the feedback matrix."""
        sizes = self._sizes(values)
        if sizes is None:
            return
        match, penalty = sizes
        if penalty > 0.0 and penalty / (penalty + match) > _PENALTY_SHARE:
            alpha = self.criteria[1][1]
            advice = alpha * match / penalty * _PENALTY_OF_MATCH if match > 0.0 else 0.0
            share = 100.0 * penalty / (penalty + match)
            self._note(PenaltyDominates(share, self.keys[0], alpha, advice))

    def _note(self, notice: TrainingWarning) -> None:
        self.notices.append(notice)
        if self.warns:
            warnings.warn(notice, stacklevel=6)

    def state_dict(self) -> dict[str, Any]:
        """Return all that a continuation needs, as plain values and tensors."""
        return {
            "parameters": self._copies(),
            "best": self.best,
            "optimizer": copy.deepcopy(self._optimizer.state_dict()),  # whose tensors are changed in place
            "generator": self.generator.get_state(),
            "bins": self._bins,
            "check_bins": self._check_bins,
            "losses": list(self.losses),
            "terms": {key: list(values) for key, values in self.terms.items()},
            "best_terms": self.best_terms,
            "weights": [alpha for _, alpha in self.criteria],
            "numbers": [
                self.steps, self.best_loss, self.best_step, self._least, self._stuck, self._far, self._first, self._lr,
                self._scale,
            ],
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state of the same kind of run."""
        self._put(state["parameters"])
        self.best = [value.to(p) for value, p in zip(state["best"], self.learned, strict=True)]
        self._optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"].cpu())
        self._bins, self._check_bins = state["bins"], state["check_bins"]
        self.losses = list(state["losses"])
        self.terms = {key: list(values) for key, values in state["terms"].items()}
        self.best_terms = dict(state["best_terms"])
        # older versions had no others than those given
        weights = state.get("weights", [alpha for _, alpha in self._given])
        self.criteria = [(measure, alpha) for (measure, _), alpha in zip(self._given, weights, strict=True)]
        numbers = state["numbers"]
        self.steps, self.best_loss, self.best_step, self._least, self._stuck, self._far = numbers[:6]
        self._first, self._lr, self._scale = numbers[6:]

    def changes(self, since: int) -> dict[str, Any]:
        """Return what has changed since so many steps: small, for a descent of the same kind that does not step."""
        state = self.state_dict()
        for name in ("bins", "check_bins"):  # drawn at the start, or anew at each step
            del state[name]
        return {
            **state,
            "losses": self.losses[since:],
            "terms": {key: values[since:] for key, values in self.terms.items()},
            "since": since,
            "notices": list(self.notices),
        }

    def take(self, changes: dict[str, Any]) -> None:
        """Go to where a descent of the same kind has come, as its `changes` say; the learning rate stays."""
        since, lr = changes["since"], self._lr
        losses, terms = self.losses[:since], {key: values[:since] for key, values in self.terms.items()}
        self.load_state_dict(
            {
                **changes,
                "bins": self._bins,
                "check_bins": self._check_bins,
                "losses": losses + changes["losses"],
                "terms": {key: values + changes["terms"][key] for key, values in terms.items()},
            }
        )
        self._lr = lr
        for notice in changes["notices"]:
            if notice not in self.notices:
                self._note(notice)
