"""Where loudness comes from: a loudness pattern.

Specific loudness over frequency; its area is the loudness in sone.
"""

from amtlib import Moore2016, plot

found = Moore2016().stationary([500.0, 1000.0, 4000.0], [60.0, 60.0, 60.0])

print(f"{found.total:.1f} sone, {found.left:.1f} from each ear")
figure = plot.of(found)
