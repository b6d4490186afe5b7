"""A network that fits a room.

Decay and tone of a simulated bathroom by octave, and a network of 8 lines with the same; no training yet, which
`max_steps` and `fit_room`'s other settings add.
"""

from amtlib import audio, plot, train

room = audio.load_room("bathroom", 16000).numpy()
fit = train.fit_room(room, 16000, 8, max_steps=0)

print(f"reverberation times are off by {100 * fit.t30_off:.2f} % on average")
figure = plot.of(fit)
