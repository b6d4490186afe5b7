"""A sound file to sones.

How loud a sentence is, over the short and the long term, by the model of Moore et al. (2016). `full_scale_db=85` says
that a signal with an rms of 1 in the file had 85 dB SPL.
"""

from amtlib.loudness import loudness

found = loudness("speech.flac", full_scale_db=85)

print(found)
figure = found.plot()
