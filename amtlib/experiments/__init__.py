"""Listening experiments as data: stimuli from a seed, procedures, psychometric functions, and who answers.
Source: each module names its own papers.
Not here: pages that show and play them, plots, and the models that listen (:mod:`amtlib.perception`).

>>> run = Run(experiment("intensity_discrimination", level=40.0), UpDown(down=3), seed=1)
>>> run.trial.intervals.shape
torch.Size([3, 22050])
"""

from amtlib.experiments.catalogue import EXPERIMENTS, experiment
from amtlib.experiments.detection import ForwardMasking, NotchedNoise, ToneInNoise, ToneInQuiet
from amtlib.experiments.discrimination import (
    FrequencyDiscrimination,
    IntensityDiscrimination,
    SpectralRipple,
)
from amtlib.experiments.experiment import Experiment, Trial, Variable
from amtlib.experiments.headphones import headphone_trial, huggins_pitch
from amtlib.experiments.model_observer import Decision, ModelObserver
from amtlib.experiments.observers import ExternalObserver, Observer, SimulatedObserver
from amtlib.experiments.procedures import PROCEDURES, Procedure, Psi, Tracker, UpDown
from amtlib.experiments.psychometric import PsychometricFit, PsychometricFunction, fit_psychometric
from amtlib.experiments.rendering import interval_files
from amtlib.experiments.run import Answered, Run
from amtlib.experiments.temporal import AMDetection, AMMasking, GapDetection

__all__ = [
    "EXPERIMENTS",
    "PROCEDURES",
    "AMDetection",
    "AMMasking",
    "Answered",
    "Decision",
    "Experiment",
    "ExternalObserver",
    "ForwardMasking",
    "FrequencyDiscrimination",
    "GapDetection",
    "IntensityDiscrimination",
    "ModelObserver",
    "NotchedNoise",
    "Observer",
    "Procedure",
    "Psi",
    "PsychometricFit",
    "PsychometricFunction",
    "Run",
    "SimulatedObserver",
    "SpectralRipple",
    "ToneInNoise",
    "ToneInQuiet",
    "Tracker",
    "Trial",
    "UpDown",
    "Variable",
    "experiment",
    "fit_psychometric",
    "headphone_trial",
    "huggins_pitch",
    "interval_files",
]
