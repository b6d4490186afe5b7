"""Training of feedback delay networks: build a flamo model, train it towards a mode, extract the network.
Source: the specification (pyFDN 0.1.0, `pyFDN.train`); losses and modes name their papers.
Not here: networks and their sound (:mod:`amtlib.fdn`), losses (:mod:`amtlib.train.losses`). flamo comes with a model.
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
from amtlib.train.losses import (
    Loss,
    MatchCochleagram,
    MatchLoudness,
    Rendered,
    cochleagram,
    colorless_sparsity_loss,
    excitation_pattern,
)
from amtlib.train.objectives import Objective, build_objective, output_domain
from amtlib.train.record import Snapshot, Step, TrainLog
from amtlib.train.remote import RemoteSteps, TrainingPlan
from amtlib.train.room import fit_room
from amtlib.train.room_report import RoomFit
from amtlib.train.run import TrainingRun
from amtlib.train.targets import TargetRecord

__all__ = [
    "Loss",
    "MatchCochleagram",
    "MatchLoudness",
    "MatrixParam",
    "Objective",
    "RemoteSteps",
    "Rendered",
    "RoomFit",
    "Snapshot",
    "Step",
    "TargetRecord",
    "TrainLog",
    "Trainable",
    "TrainingPlan",
    "TrainingRun",
    "build_fdn",
    "build_objective",
    "cochleagram",
    "colorless_sparsity_loss",
    "excitation_pattern",
    "extract_build",
    "fit_room",
    "output_domain",
    "train_fdn",
    "trainable_from_build",
    "with_decay",
]
