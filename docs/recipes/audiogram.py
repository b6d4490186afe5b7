"""An audiogram.

A moderate hearing loss of the kind that age brings: N3 of the ten standard audiograms (IEC 60118-15).
"""

from amtlib import plot
from amtlib.hearing_loss import standard_audiogram

ear = standard_audiogram("N3")

print(f"at 500 Hz {float(ear.at(500.0)):.0f} dB HL, at 4 kHz {float(ear.at(4000.0)):.0f} dB HL")
figure = plot.of(ear)
