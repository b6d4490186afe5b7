"""What the loudness lab can be set to: who listens, every parameter of the models, and what is displayed.

Defaults are the models' own (Glasberg and Moore 2002; Moore et al. 2016), see :mod:`amtlib.loudness`.
"""

import param

from app.quantity import Quantity, Settings, ratio

FS = 32000
#: Silence after the sound, s: long enough to see how its loudness is forgotten.
AFTER = 0.25

EXPERIMENTS = {
    "From a sound to sones": "area",
    "Growth with level": "growth",
    "Level series: the pattern leans": "series",
    "Duration": "duration",
    "One ear and two": "binaural",
    "Masking by a band of noise": "masking",
    "Bandwidth": "bandwidth",
    "Equal-loudness contours": "contours",
}


class Listener(Settings):
    """Whose loudness is predicted, by which model, and how the sound reaches the two ears."""

    model = param.Selector(
        objects={"Moore et al. 2016, two ears": "moore2016", "Glasberg & Moore 2002": "glasberg2002"},
        label="Model",
    )
    """The later model lets the two ears inhibit each other; the earlier one adds their loudness up."""
    field = param.Selector(
        objects={
            "Free field, from the front": "free",
            "Diffuse field": "diffuse",
            "Level at the eardrum": "eardrum",
        },
        label="Sound field",
    )
    """Head and ear canal raise the level around 3 kHz; a level measured at the eardrum has that already."""
    ears = param.Selector(objects={"Both ears": "both", "Left ear only": "left"}, label="Presented to")
    """One ear hears less than both, but more than half: each ear inhibits the other."""
    ild = Quantity(0.0, bounds=(-40, 40), step=1, unit="dB", label="Right ear, against the left")
    """The sound in the right ear is so much stronger or weaker than in the left."""
    inhibition = param.Boolean(default=True, label="The ears inhibit each other")
    """Without inhibition, two ears would make everything twice as loud as one; with it, 1.5 times."""


def _edge(window: str, default: float, bounds: tuple[float, float]) -> Quantity:
    """Return the frequency up to which a window of so many ms is used."""
    return Quantity(default, bounds=bounds, step=1, unit="Hz", scale="log", label=f"{window}-ms window up to")


class Parameters(Settings):
    """Parameters of the models: windows, filters, loudness and time."""

    edge1 = _edge("64", 80, (40, 250))
    """Below it, the longest window: it tells low tones apart and is slow."""
    edge2 = _edge("32", 500, (300, 800))
    """Longer windows resolve lower frequencies."""
    edge3 = _edge("16", 1250, (850, 1800))
    """Longer windows resolve lower frequencies."""
    edge4 = _edge("8", 2540, (1900, 3500))
    """Longer windows resolve lower frequencies."""
    edge5 = _edge("4", 4050, (3600, 12000))
    """Above it, the window of 2 ms: quick, and blind to fine spectral detail."""
    step = param.Selector(
        objects={"Automatic": 0, "1 ms (as published)": 1, "2 ms": 2, "4 ms": 4}, label="A spectrum every"
    )
    """Automatic is 8 ms for tones of 0.25 s or longer, whose loudness then differs by up to 0.3 %, 4 ms for other
    steady sounds, which differ by up to 2 %, and 1 ms for all others."""
    range_db = Quantity(60, bounds=(20, 90), step=1, unit="dB", label="Components kept below the strongest")
    """Weaker components are left out of the spectrum: the ear does not hear them beside the strongest."""
    floor_db = Quantity(-30, bounds=(-40, 40), step=1, unit="dB SPL", label="Weakest component")
    """Whatever is weaker is left out, however quiet the rest is."""
    level_dependence = Quantity(0.35, bounds=(0, 0.6), step=0.01, label="Levelling of the lower skirt")
    """How much an auditory filter's lower skirt flattens with level. At 0 patterns do not lean."""
    symmetric_level = Quantity(51, bounds=(30, 70), step=1, unit="dB", label="Level of symmetric filters")
    """At this level per ERB both skirts are equally steep."""
    flattest_skirt = Quantity(0.1, bounds=(0.01, 1), step=0.01, label="Flattest lower skirt")
    """The lower skirt's slope p never falls below this, however loud the sound."""
    scale = ratio("Sones per unit (C)", (0.5, 2))
    """The constant that makes a 1-kHz tone of 40 dB SPL one sone loud, relative to its published value."""
    exponent = Quantity(1.5978, bounds=(0.5, 4), step=0.0001, label="Exponent of the inhibition")
    """How fast inhibition ends where the two ears' patterns differ."""
    spread = Quantity(0.08, bounds=(0.02, 0.5), step=0.01, label="Smoothing across places")
    """Inhibition acts on patterns smoothed over neighbouring places: small is broad."""
    attack_short = ratio("Short-term attack", (0.1, 10))
    """How fast short-term loudness rises (1: 22 ms)."""
    release_short = ratio("Short-term release", (0.1, 10))
    """How fast short-term loudness falls (1: 30 ms in the later model, 50 ms in the earlier)."""
    attack_long = ratio("Long-term attack", (0.1, 10))
    """How fast the impression of a sound builds up (1: 0.1 s)."""
    release_long = ratio("Long-term release", (0.1, 10))
    """How long a sound is remembered (1: 0.75 s in the later model, 2 s in the earlier)."""

    @property
    def edges(self) -> tuple[float, ...]:
        """Frequencies at which one window hands over to the next shorter one, Hz."""
        return tuple(float(e) for e in (self.edge1, self.edge2, self.edge3, self.edge4, self.edge5))


class Display(Settings):
    """What is displayed: a moment of the sound, and one experiment beside it."""

    view = param.Selector(objects=EXPERIMENTS, label="Experiment")
    """What the large figure shows; its sound goes through all the others."""
    moment = Quantity(80.0, bounds=(0, 125), step=0.5, unit="% of the sound", label="Moment")
    """Spectrum and patterns are those of this moment; above 100 % it lies in the silence after the sound. Or click in
    the figure of loudness over time."""
    centre = Quantity(1000, bounds=(100, 8000), step=1, unit="Hz", scale="log", label="Centre of the band")
    """Of the band of noise."""
    width = Quantity(160, bounds=(20, 4000), step=1, unit="Hz", scale="log", label="Width of the band")
    """Of the band of noise that masks."""
    band = Quantity(160, bounds=(20, 15000), step=1, unit="Hz", scale="log", label="Bandwidth")
    """Of the band of noise that is heard. Its level stays the same."""
    level = Quantity(70, bounds=(0, 100), step=1, unit="dB SPL", label="Level of the band")
    """Of all the noise together, whatever its width."""
    probe = Quantity(1500, bounds=(63, 12500), step=1, unit="Hz", scale="log", label="Frequency of the tone")
    """Of the tone that joins the noise halfway. Or click in the figure of thresholds."""
    probe_level = Quantity(40, bounds=(0, 110), step=1, unit="dB SPL", label="Level of the tone")
    """Of the tone that joins the noise halfway."""
    reference = Quantity(40, bounds=(20, 80), step=1, unit="dB SPL", label="Level of the 1-kHz tone")
    """Of the tone to compare with. In phon, by definition, its loudness level."""
