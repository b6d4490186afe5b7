"""A network that cannot grow, and the proof.

`stability` bounds the gain of a network's loop at all frequencies: below 1 it dies away. Its modes, one by one, do so.
"""

from amtlib import fdn, plot

network = fdn.design_fdn(rt=(0.6, 0.3), fs=8000, delays=(113, 151, 199, 241), rng=4)
proof, modes = fdn.stability(network), fdn.modal_decomposition(network)

print(
    f"gain of the loop below {proof.bound:.4f}; slowest of {len(modes.poles)} modes {modes.decay_times.max():.2f} s"
)
figure = plot.of(modes)
