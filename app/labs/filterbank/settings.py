"""What the filterbank lab can be set to: the filterbank, and where the lab looks closely."""

import param

from app.labs.filterbank.banks import KINDS
from app.quantity import Quantity, Settings


class Bank(Settings):
    """The filterbank's settings."""

    kind = param.Selector(
        default=next(iter(KINDS)),
        objects={kind.label: name for name, kind in KINDS.items()},
        label="Filters",
        precedence=-1 if len(KINDS) == 1 else None,  # of one there is no choice
    )
    """What the filters are. Order matters only to those that have one."""
    low = Quantity(80.0, bounds=(20, 4000), step=1, unit="Hz", scale="log", label="Lowest channel")
    """The lowest channel lies here, or less than one spacing above: from 1 ERB apart on, one channel lies on 1 kHz."""
    high = Quantity(8000.0, bounds=(200, 20000), step=1, unit="Hz", scale="log", label="Highest channel")
    """The highest channel lies here, or less than one spacing below. It stays below 0.45 of the sampling rate."""
    channels = Quantity(40, bounds=(2, 128), step=1, whole=True, label="Channels")
    """How many filters share the range, equally spaced on the ERB scale."""
    spacing = Quantity(0.77, bounds=(0.05, 20), step=0.05, unit="ERB", label="Spacing")
    """Distance between neighbours. Above 1, sounds can fall between the filters. Moves with Channels."""
    order = Quantity(4, bounds=(1, 8), step=1, whole=True, label="Order")
    """Sections in cascade. More of them, steeper skirts and a later, rounder response. 4 fits the ear."""
    bandwidth = Quantity(1.0, bounds=(0.1, 5), step=0.05, unit="× normal", label="Bandwidth")
    """1 is a healthy ear; an impaired one has filters two to four times wider."""
    fs = param.Selector(
        default=32000, objects=[16000, 22050, 32000, 44100, 48000], label="Sampling rate (Hz)"
    )
    """The sound is made or resampled at this rate; nothing above half of it exists."""


class Probe(Settings):
    """Where the lab looks closely, and the limits of its colours."""

    view = param.Selector(
        default="filters",
        objects={
            "The filters": "filters",
            "The travelling wave": "wave",
            "The wave in a cochlea that compresses": "compressed",
        },
        label="Below the cochleagram",
    )
    """The filters that make the picture, or what they let through as a wave along the cochlea, slowed down; or the wave
    in a model of a normal cochlea (DRNL), which is sharp and sensitive to soft sounds, broad to loud ones."""
    frequency = Quantity(
        1000.0, bounds=(20, 20000), step=1, unit="Hz", scale="log", label="Look at channel near"
    )
    """The nearest channel is drawn and played. A click on the cochleagram sets it too."""
    time = Quantity(0.885, bounds=(0, 10), step=0.005, unit="s", label="Look at time")
    """Middle of the close-up. A click on the cochleagram sets it too."""
    follow = param.Boolean(default=False, label="Follow the mouse")
    """Look at whatever the mouse passes over in the cochleagram."""
    width = Quantity(40.0, bounds=(5, 500), step=5, unit="ms", scale="log", label="Close-up")
    """How much of the channel's waveform is drawn."""
    floor = Quantity(0.0, bounds=(-20, 80), step=5, unit="dB SPL", label="Darkest colour at")
    """Lower end of the axes."""
    ceiling = Quantity(80.0, bounds=(20, 120), step=5, unit="dB SPL", label="Brightest colour at")
    """Upper end."""
