"""A model of perception that takes part in experiments: it compares intervals with a template of the target.
Source: Dau, Püschel and Kohlrausch (1996), J. Acoust. Soc. Am. 99, 3615-3622; decisions as in the Auditory Modeling
Toolbox, paulick2024 (version 1.6).
Not here: the formulas (:mod:`amtlib.perception.decision`), and listeners that are no models.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from amtlib.errors import ArgumentError
from amtlib.experiments.experiment import Experiment, Trial
from amtlib.experiments.observers import drawn_answer
from amtlib.experiments.settings import MOST, derived_seed
from amtlib.perception import (
    Jepsen2008,
    PerceptionModel,
    PerceptionStages,
    band_correlations,
    decision_variable,
    is_detected,
    probability_correct,
    region_of_interest,
    template,
)
from amtlib.results import Result
from amtlib.signals.frame import whole

#: Halvings of the range in the search for a threshold
_HALVINGS = 10


@dataclass(frozen=True, repr=False)
class Decision(Result):
    """
    What a model makes of a trial.

    Attributes
    ----------
    bands : Tensor, shape (intervals, M)
        Likeness of each interval to the template in each modulation band, as
        :func:`amtlib.perception.band_correlations` gives it.
    variable : float
        Decision variable: the target's likeness less that of the most similar other interval.
    probability : float
        Of a right answer.
    """

    bands: Tensor
    variable: float
    probability: float


@dataclass(frozen=True)
class _Prepared:
    """What a listener knows of an experiment: which channels to watch, what they give without the target, and with."""

    model: PerceptionModel
    channels: range
    reference: Tensor
    template: Tensor
    silent: bytes | None


class ModelObserver:
    """
    A model of perception as a listener.

    Before the first trial it listens to a clear target and to none, of which it keeps the template and the region of
    interest: channels in which the target shows. Of the trials it computes these channels alone.

    Parameters
    ----------
    model : PerceptionModel
        Such as :class:`amtlib.Paulick2024`.
    answers : {'drawn', 'certain'}
        Right with the probability of a right answer, by lot from seeds; or always right if the probability exceeds that
        at which a 1-up `down`-down procedure stays where it is, and else wrong.
    down : int
        For certain answers.
    version : {'paulick2024', 'jepsen2008'}, optional
        Of the decision. Default: the model's; 'paulick2024' for models that are neither.
    variance : float, optional
        Of internal noise, in squared model units, > 0. Default: the version's.
    supra : float, optional
        Value of the variable for the template. Default: the experiment's.
    examples : int
        Trials whose mean makes template and reference, where intervals differ at random.
    seed : int
        Of its answers, and of these examples.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If the model is none.

    Examples
    --------
    >>> from amtlib import Dau1997
    >>> from amtlib.experiments import Run, UpDown, experiment
    >>> listener = ModelObserver(Dau1997(16000, 800.0, 1300.0))
    >>> short = experiment("intensity_discrimination", fs=16000, duration=0.1)
    >>> round(listener.threshold(short), 1)
    2.5
    >>> Run(short, UpDown(reversals=2), seed=1).proceed(listener).finished
    True
    """

    def __init__(
        self,
        model: PerceptionModel,
        *,
        answers: str = "drawn",
        down: int = 2,
        version: str | None = None,
        variance: float | None = None,
        supra: float | None = None,
        examples: int = 5,
        seed: int = 0,
    ) -> None:
        if not isinstance(model, PerceptionModel):
            raise TypeError(f"model is a {type(model).__name__}; give a model such as amtlib.Paulick2024")
        if answers not in ("drawn", "certain"):
            raise ArgumentError(f"{{answers}} = {answers!r} is unknown: choose 'drawn' or 'certain'")
        self.model, self.answers = model, answers
        self.down = whole(down, "down", 1, 4)
        self.version = version or ("jepsen2008" if isinstance(model, Jepsen2008) else "paulick2024")
        self.variance, self.supra = variance, supra
        self.examples = whole(examples, "examples", 1, 100)
        self.seed = whole(seed, "seed", 0, MOST)
        self._probability(0.0, 2)
        self._known: dict[tuple[Experiment, float | None], _Prepared] = {}

    def _probability(self, decision: float, intervals: int) -> float:
        return float(probability_correct(decision, intervals, self.version, self.variance))

    def _heard(self, model: PerceptionModel, sounds: Tensor) -> Tensor:
        heard: Tensor = model(sounds.to(model.fc.device, model.dtype))
        return heard

    def region(self, experiment: Experiment) -> range:
        """
        Return the channels that are computed for an experiment.

        Parameters
        ----------
        experiment : Experiment
            The experiment.

        Returns
        -------
        range
            Indices of the model's channels.
        """
        return self._prepared(experiment, experiment.supra).channels

    @torch.no_grad()
    def _prepared(self, experiment: Experiment, value: float) -> _Prepared:
        if experiment.fs != self.model.fs:
            raise ArgumentError(
                f"{{fs}} = {experiment.fs:g} Hz of the experiment is not {self.model.fs:g} Hz of the model: build both "
                "with one sampling rate"
            )
        clear = experiment.supra if self.supra is None else self.supra
        # Where intervals without the target follow the variable, so does what is to be told from them
        supra = value if experiment.reference_varies else clear
        key = experiment, supra if experiment.reference_varies else None
        if key not in self._known:
            self._known = {k: v for k, v in self._known.items() if k[0] == experiment}
            self._known[key] = self._listen(experiment, supra)
        return self._known[key]

    def _listen(self, experiment: Experiment, supra: float) -> _Prepared:
        internal: dict[bool, Tensor] = {}
        adapted: dict[bool, Tensor] = {}
        examples = self.examples if experiment.random else 1
        silent = None
        for k in range(examples):
            seed = derived_seed(self.seed, 77, k)
            for target in (True, False):
                sound = experiment.interval(supra, seed, target=target)
                stages: PerceptionStages = self.model(
                    sound.to(self.model.fc.device, self.model.dtype), return_stages=True
                )
                for mean, found in ((internal, stages.internal), (adapted, stages.adapted)):
                    mean[target] = found / examples + mean.get(target, 0.0)
                if not experiment.random:
                    silent = sound.numpy().tobytes()
        channels = region_of_interest(adapted[True] - adapted[False], self.model.fs, self.model.fc)
        made = template(internal[True], internal[False], self.model.fs_internal)
        part = self.model.some_channels(channels).eval()
        bands = len(part.modulation.mfc)
        kept = slice(channels.start, channels.stop)
        reference = internal[False][kept, :bands]
        if silent is not None:  # to the last bit what the part gives, so that no difference is left
            reference = self._heard(part, sound)
        return _Prepared(part, channels, reference, made[kept, :bands], silent)

    @torch.no_grad()
    def decide(self, trial: Trial) -> Decision:
        """
        Compare the intervals of a trial with the template.

        Parameters
        ----------
        trial : Trial
            The trial.

        Returns
        -------
        Decision

        Raises
        ------
        ValueError
            If the experiment has another sampling rate than the model, or its clear target leaves no trace in it.
        """
        known = self._prepared(trial.experiment, trial.value)
        sounds, part = trial.intervals, known.model
        mfc = part.modulation.mfc
        bands = known.template.new_zeros(len(sounds), len(mfc))
        # Intervals that are the reference itself need no model: nothing is left of them
        new = [
            k
            for k, sound in enumerate(sounds)
            if known.silent is None or sound.numpy().tobytes() != known.silent
        ]
        if new:
            left = self._heard(part, sounds[new]) - known.reference
            bands[new] = band_correlations(left, known.template, part.fc, mfc, None, self.version)
        others = torch.cat([bands[: trial.target], bands[trial.target + 1 :]])
        rival = others[others.sum(-1).argmax()]
        variable = float(decision_variable(bands[trial.target], rival, part.fs_internal))
        return Decision(bands, variable, self._probability(variable, len(sounds)))

    def answer(self, trial: Trial) -> int:
        """Return which interval has the target, as far as the model hears it."""
        probability = self.decide(trial).probability
        if self.answers == "certain":
            probability = float(is_detected(probability, self.down))
        return drawn_answer(trial, probability, self.seed)

    def probability(self, experiment: Experiment, value: float, trials: int = 1, seed: int = 0) -> float:
        """
        Return the mean probability of a right answer at a value.

        Parameters
        ----------
        experiment : Experiment
            The experiment.
        value : float
            Of its variable.
        trials : int
            Over which the mean is taken; 1 is enough where intervals do not differ at random.
        seed : int
            Of their sounds.

        Returns
        -------
        float
            From chance to 1.
        """
        found = [
            self.decide(experiment.trial(value, 0, derived_seed(seed, k), k)).probability
            for k in range(whole(trials, "trials", 1, 1000))
        ]
        return sum(found) / len(found)

    def threshold(
        self, experiment: Experiment, probability: float = 2.0**-0.5, trials: int = 1, seed: int = 0
    ) -> float:
        """
        Return the value at which answers are right with a probability, found without a procedure, by halving a range.

        Parameters
        ----------
        experiment : Experiment
            The experiment.
        probability : float
            Of a right answer.
        trials : int
            Over which its mean is taken at each value; 1 is enough where intervals do not differ at random.
        seed : int
            Of their sounds, the same at all values.

        Returns
        -------
        float
            Of the experiment's variable.

        Raises
        ------
        ValueError
            If the target is always heard, or never, in the range of the variable.
        """
        variable = experiment.variable
        hardest, easiest = [variable.low, variable.high][:: variable.easier]
        # Far above the template a target may resemble it less again: begin near it
        for clear in (experiment.supra if self.supra is None else self.supra, variable.start, easiest):
            easy = self.probability(experiment, clear, trials, seed)
            if easy >= probability:
                break
        hard = self.probability(experiment, hardest, trials, seed)
        if not hard < probability <= easy:
            raise ArgumentError(
                f"answers are right with {hard:.3f} at {hardest:g} {variable.unit} and {easy:.3f} at {clear:g} "
                f"{variable.unit}, and {{probability}} = {probability:.3f} is not between: change the experiment"
            )
        low, high = (variable.to_scale(end) for end in (hardest, clear))
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            value = variable.clamped(variable.from_scale(middle))
            if self.probability(experiment, value, trials, seed) < probability:
                low = middle
            else:
                high = middle
        return variable.clamped(variable.from_scale(0.5 * (low + high)))

    def __repr__(self) -> str:
        noise = "" if self.variance is None else f", variance={self.variance:g}"
        return (
            f"ModelObserver({type(self.model).__name__}, {self.version}, answers={self.answers!r}{noise}, "
            f"seed={self.seed})"
        )
