"""Training of feedback delay networks: build a flamo model, train it towards a mode, extract the network.
Source: the specification (pyFDN 0.1.0, `pyFDN.train`); losses and modes name their papers.
Not here: networks and their sound (:mod:`amtlib.fdn`). flamo is loaded with the first model.
"""

from amtlib.train.build import (
    MatrixParam,
    Trainable,
    build_fdn,
    extract_build,
    trainable_from_build,
    with_decay,
)
from amtlib.train.engine import train_fdn
from amtlib.train.losses import colorless_sparsity_loss
from amtlib.train.objectives import Objective, build_objective, output_domain
from amtlib.train.record import Snapshot, Step, TrainLog
from amtlib.train.run import TrainingRun

__all__ = [
    "MatrixParam",
    "Objective",
    "Snapshot",
    "Step",
    "TrainLog",
    "Trainable",
    "TrainingRun",
    "build_fdn",
    "build_objective",
    "colorless_sparsity_loss",
    "extract_build",
    "output_domain",
    "train_fdn",
    "trainable_from_build",
    "with_decay",
]
