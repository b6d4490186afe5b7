"""An equal-loudness contour.

Which levels make tones as loud as one of 1 kHz and 40 dB SPL: by the model, and by listeners (ISO 226:2023).
"""

from amtlib import Moore2016, plot
from amtlib.loudness import equal_loudness_contour
from amtlib.loudness.iso226 import iso226_contour, iso226_frequencies

frequencies = iso226_frequencies()
contour = equal_loudness_contour(Moore2016(), 40.0, frequencies)

difference = (contour.levels - iso226_contour(40)).abs()
print(f"from the standard: {difference.mean():.1f} dB on average, {difference.max():.1f} dB at most")
figure = plot.curves(
    {"model": (frequencies, contour.levels)},
    points={"model": (frequencies, iso226_contour(40))},
    frequency=True,
    xlabel="Frequency (Hz)",
    ylabel="Level (dB SPL)",
    title="40 phon: model (line), ISO 226 (circles)",
)
