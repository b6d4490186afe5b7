"""Measures of a room from its impulse response.

Reverberation times and clarity by octave (ISO 3382-1:2009), here of a room that a network makes.
"""

from amtlib import fdn

response = fdn.render(fdn.design_fdn(N=16, rt=(1.8, 0.9), fs=48000, rng=2), 2.5)
found = fdn.room_measures(response, 48000)

print(f"T30 at 1 kHz {found.t30[4]:.2f} s, C80 {found.c80[4]:.1f} dB, bass ratio {found.bass_ratio:.2f}")
figure = found.plot()
