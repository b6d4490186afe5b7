"""Long runs from the command line: a corpus of sounds through a model, a sweep of networks in training.
Source: our own, over :mod:`amtlib.jobs`.
Not here: arguments of the commands (:mod:`amtlib.cli`), the models and the training.
"""

from amtlib.batch.analysis import MODELS, Analysis, analyse_file
from amtlib.batch.corpus import analyse_corpus
from amtlib.batch.sweep import sweep_networks
from amtlib.batch.variants import read_config, variants

__all__ = [
    "MODELS",
    "Analysis",
    "analyse_corpus",
    "analyse_file",
    "read_config",
    "sweep_networks",
    "variants",
]
