"""What the perception lab can be set to: the model and each of its stages, two sounds, and where it looks closely."""

import param

from app.quantity import Quantity, Settings, ratio

EXPERIMENTS = {
    "A step of the level": "step",
    "A click again and again": "clicks",
    "Modulation of 2 to 200 Hz": "am",
}


class Chain(Settings):
    """The model, and whose ear it is."""

    model = param.Selector(
        objects={
            "Paulick et al. 2024 (CASP)": "paulick2024",
            "Jepsen et al. 2008 (CASP)": "jepsen2008",
            "Dau et al. 1997": "dau1997",
            "Osses & Kohlrausch 2021": "osses2021",
            "King et al. 2019": "king2019",
        },
        label="Model",
    )
    """CASP has a cochlea that compresses; Dau 1997 and Osses 2021 have linear filters, and King 2019 a broken stick."""
    subject = param.Selector(
        objects={"Normal hearing": "NH", "No outer hair cells (HIx)": "HIx"}, label="Listener"
    )
    """HIx is an ear whose outer hair cells are all lost: soft sounds have no gain, and filters are wide."""
    channels = Quantity(30, bounds=(10, 60), step=1, whole=True, label="Channels")
    """Places along the cochlea, equally far apart on the ERB scale up to 8 kHz."""


class Cells(Settings):
    """Inner hair cells."""

    cutoff = ratio("Hair cells: cut-off", (0.1, 4))
    """Up to which frequency they follow the wave itself, relative to the model's own; above it only its envelope."""


class Adaptation(Settings):
    """The loops that adapt."""

    preset = param.Selector(
        objects={
            "The model’s own": "own",
            "Dau et al. 1997": "dau1997",
            "Paulick et al. 2024": "paulick2024",
            "Püschel 1988": "puschel1988",
        },
        label="Time constants",
    )
    """Five each, from 5 or 7 to 500 ms; those of Püschel in equal steps."""
    speed = ratio("Time constants, all", (0.1, 10))
    """Longer ones remember longer."""
    limited = param.Boolean(True, label="Limit onsets")
    """Without a limit, the first ms of a sound tower over all that follows."""
    limit = Quantity(10.0, bounds=(4, 50), step=0.5, label="Limit of onsets")
    """How many times what the output settles at it may be at an onset."""
    least_db = Quantity(0.0, bounds=(-20, 20), step=1, unit="dB", label="Least level")
    """What is weaker counts as silence, relative to the model’s own threshold."""


class Modulation(Settings):
    """The modulation filters."""

    q = Quantity(2.0, bounds=(0.6, 5), step=0.1, label="Modulation filters: Q")
    """Centre frequency over bandwidth, from 10 Hz on. Sharper filters tell rates apart better, and ring longer."""
    top = Quantity(1000.0, bounds=(5, 1000), step=1, unit="Hz", scale="log", label="Highest modulation")
    """The ladder of filters ends here; in a channel also at a quarter of its frequency (King 2019: at 150 Hz)."""


class Change(Settings):
    """What a second sound has that the first one has not."""

    kind = param.Selector(
        objects={
            "Nothing": "none",
            "A higher level": "level",
            "A tone more": "tone",
            "Modulation": "am",
        },
        label="The second sound has",
    )
    """The two sounds of a trial: an observer must tell the second one from the first."""
    step_db = Quantity(1.0, bounds=(0.1, 20), step=0.1, unit="dB", label="Level step")
    """By how much all of the second sound is stronger."""
    frequency = Quantity(1000.0, bounds=(100, 8000), step=1, unit="Hz", scale="log", label="Added tone")
    """Of the tone that only the second sound has."""
    level = Quantity(50.0, bounds=(-10, 100), step=1, unit="dB SPL", label="Level of the added tone")
    """Of the tone that only the second sound has."""
    rate = Quantity(16.0, bounds=(2, 200), step=1, unit="Hz", scale="log", label="Rate of the modulation")
    """How often the second sound becomes stronger and weaker in a second."""
    depth_db = Quantity(-10.0, bounds=(-40, 0), step=1, unit="dB", label="Depth of the modulation")
    """20 log10 of the depth; 0 dB is full modulation."""


class Probe(Settings):
    """Where the lab looks closely."""

    experiment = param.Selector(objects=EXPERIMENTS, label="Adaptation meets")
    """What a single channel is given behind its hair cells: 60 dB above the least level at most."""
    frequency = Quantity(1000.0, bounds=(100, 8000), step=1, unit="Hz", scale="log", label="Channel")
    """The channel that is drawn over time. Or click in a picture."""
    time = Quantity(0.2, bounds=(0, 2), step=0.001, unit="s", label="Moment")
    """Of the modulation picture. It moves along while the sound plays, and where you click."""
