"""What every test shares: one thread per process for torch, and properties without a stopwatch."""

import hypothesis
import torch

# Several test processes share the cores; with more threads than cores they only wait for each other.
torch.set_num_threads(1)

# A slow machine is no counterexample, so examples have no deadline.
hypothesis.settings.register_profile("house", deadline=None, print_blob=True)
hypothesis.settings.load_profile("house")
