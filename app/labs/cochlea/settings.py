"""What the cochlea lab can be set to: the ear under test, and the experiment."""

import param

from app.quantity import Quantity, Settings, ratio

EXPERIMENTS = {
    "Input and output": "io",
    "Tuning at four levels": "tuning",
    "Two-tone suppression": "suppression",
    "Distortion product": "distortion",
    "Cochleagram": "cochleagram",
}


class Ear(Settings):
    """The ear under test: whose it is, and every parameter of the DRNL as a change to its power law."""

    subject = param.Selector(
        objects={"Normal hearing": "NH", "No outer hair cells (HIx)": "HIx"}, label="Listener"
    )
    """HIx is an ear whose outer hair cells are all lost. They amplify soft sounds and compress loud ones; without them
    (a = 0) the compressive path is silent, and the place answers through the linear path alone."""
    model = param.Selector(
        objects={"Paulick et al. 2024": "paulick2024", "Jepsen et al. 2008": "jepsen2008"}, label="Model"
    )
    """Same power laws, other filter orders: two gammatones and four low-passes, or three and three."""
    a_db = Quantity(0.0, bounds=(-60, 20), step=1, unit="dB", label="a: gain of the low-level part")
    """Gain of the outer hair cells for soft sounds. Less of it, a higher threshold and a later knee."""
    b_db = Quantity(0.0, bounds=(-20, 40), step=1, unit="dB", label="b: gain of the compressive part")
    """Where compression takes over. More of it, a knee at higher levels."""
    c = Quantity(0.25, bounds=(0.05, 1), step=0.01, label="c: exponent of compression")
    """Slope of the compressive part in dB per dB: 0.25 in a healthy ear, 1 is linear."""
    g_db = Quantity(0.0, bounds=(-40, 40), step=1, unit="dB", label="g: gain of the linear path")
    """The passive basilar membrane. It takes over at high levels."""
    cf_lin = ratio("Linear path: centre", (0.5, 2))
    """Centre frequency of the linear path, relative to its power law."""
    bw_lin = ratio("Linear path: bandwidth", (0.25, 4))
    """Bandwidth of the linear path, relative to its power law."""
    lp_lin = ratio("Linear path: low-pass", (0.5, 4))
    """Cut-off of the low-pass filters of the linear path, relative to the power law."""
    cf_nlin = ratio("Nonlinear path: centre", (0.5, 2))
    """Centre frequency of the nonlinear path, relative to its power law."""
    bw_nlin = ratio("Nonlinear path: bandwidth", (0.25, 4))
    """Bandwidth of the nonlinear path, relative to its power law."""
    lp_nlin = ratio("Nonlinear path: low-pass", (0.5, 4))
    """Cut-off of the low-pass filters of the nonlinear path, relative to the power law."""


class Test(Settings):
    """The experiment: which one, at which place, with which tones."""

    __test__ = False  # a name of the field, not a test case

    experiment = param.Selector(objects=EXPERIMENTS, label="Experiment")
    """What is done to the place under test."""
    cf = Quantity(1000.0, bounds=(250, 8000), step=1, unit="Hz", scale="log", label="Place under test")
    """Characteristic frequency of the place on the basilar membrane."""
    tone = Quantity(1.0, bounds=(0.25, 2), step=0.01, unit="× CF", scale="log", label="Tone")
    """Frequency of the tone, relative to the place. Compression is strongest at the place itself."""
    level = Quantity(50.0, bounds=(0, 110), step=1, unit="dB SPL", label="Level of the tone")
    """Of the tone; where there are two, of the probe, or of each of f1 and f2."""
    second = Quantity(1.2, bounds=(0.3, 2), step=0.01, unit="× CF", scale="log", label="Second tone")
    """Frequency of the tone that suppresses the probe, relative to the place. Or click in the map."""
    second_level = Quantity(60.0, bounds=(30, 110), step=1, unit="dB SPL", label="Level of the second tone")
    """Of the tone that suppresses the probe."""
    ratio = Quantity(1.2, bounds=(1.02, 1.6), step=0.01, unit="f2 / f1", label="Ratio of the primaries")
    """Two tones f1 and f2 make a third one, 2 f1 − f2, that is not in the sound."""
    channels = Quantity(50, bounds=(10, 100), step=1, whole=True, label="Channels of the cochleagram")
    """ERB-spaced, 250 to 8000 Hz."""
