"""Filters for modulation.

Behind the hair cells, filters tell slow and fast changes of a band's envelope apart (Dau et al. 1997).
"""

import torch

from amtlib import ModulationFilterbank, plot

bank = ModulationFilterbank(4000, [1000.0])
click = torch.zeros(1, 4000)
click[0, 0] = 1.0
gain = 20 * torch.log10(torch.fft.rfft(bank(click)[0]).abs() + 1e-6)  # dB, (filters, rates of 1 Hz)
rates = torch.arange(2, 301)

print(f"{bank.num_bands} filters; the one for 10 Hz passes 40 Hz with {gain[2, 40] - gain[2, 10]:.0f} dB")
figure = plot.curves(
    {f"around {bank.mfc[i]:.0f} Hz": (torch.log2(rates), gain[i, rates]) for i in (1, 2, 4, 6)},
    xlabel="Rate of modulation (octaves above 1 Hz)",
    ylabel="Gain (dB)",
    title="Four filters of modulation",
    ylim=(-40, 3),
)
