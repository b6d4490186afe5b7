"""Long runs from the command line: a corpus of sounds through a model, a sweep of networks in training.
Built on :mod:`amtlib.jobs`.
Not here: arguments of the commands (``amtlib.cli``), the models and the training.
"""

from amtlib.batch.analysis import MODELS, Analysis, analyze_file
from amtlib.batch.corpus import analyze_corpus
from amtlib.batch.sweep import sweep_networks
from amtlib.batch.variants import SweepError, read_config, variants
from amtlib.batch.writing import TableError

# The former spelling
analyse_corpus, analyse_file = analyze_corpus, analyze_file

__all__ = [
    "MODELS",
    "Analysis",
    "SweepError",
    "TableError",
    "analyze_corpus",
    "analyze_file",
    "read_config",
    "sweep_networks",
    "variants",
]
