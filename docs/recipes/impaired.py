"""A sentence with a hearing loss.

What is left of speech for an ear with the audiogram N3: band by band. `HearingLoss` makes a
sound to listen to (spectral smearing, then loudness recruitment).
"""

import torch

from amtlib import GammatoneFilterbank, audio, erbspacebw, plot
from amtlib.hearing_loss import HearingLoss

fs = 44100
sound = audio.load("speech.flac", fs=fs, full_scale_db=95)
heard = HearingLoss("N3", fs)(sound.samples)
audio.save("impaired.wav", heard, fs)

bank = GammatoneFilterbank(erbspacebw(100.0, 10000.0), fs)
level = [
    (20 * torch.log10(bank(x).square().mean(-1).sqrt() / 20e-6)).clamp(min=0) for x in (sound.samples, heard)
]
lost = (level[0] - level[1])[bank.fc > 2000].mean()
print(f"above 2 kHz {lost:.0f} dB of the sentence are lost")
figure = plot.excitation(
    bank.fc, {"no loss": level[0], "N3": level[1]}, title="A sentence in the ear's bands"
)
