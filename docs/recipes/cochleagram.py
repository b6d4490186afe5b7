"""A sound file to a cochleagram.

Which frequencies of a sentence sound when, as told apart by the ear's filters. `load` takes what libsndfile reads, at
any sampling rate; `full_scale_db=` would say how loud the recording was.
"""

import math

import torch

from amtlib import GammatoneFilterbank, audio, erbspacebw, plot, signals

fs = 32000
sound = audio.load("speech.flac", fs=fs)
bank = GammatoneFilterbank(erbspacebw(80.0, 10000.0, bwmul=0.5), fs)
envelope = bank.envelope(sound, step=16)  # Pa, (channels, frames)
level = 20 * torch.log10(envelope / math.sqrt(2) / signals.P_REF + 1e-9)  # dB SPL

print(f"{len(bank.fc)} channels, {level.shape[1]} frames, the strongest has {level.max():.0f} dB SPL")
figure = plot.level_map(
    level.numpy(), bank.fc.numpy(), len(sound.samples) / fs, limits=(20, 90), span=(80.0, 10000.0)
)
