"""What the FDN lab can be set to: the network at the start, what is trained, towards what, and what is heard.
Source: the arguments of :func:`amtlib.train.build_fdn` and :func:`amtlib.train.train_fdn`; delays of Dal Santo et al.
Not the training: see model.py.
"""

import param

from app.quantity import Quantity
from app.rooms import ROOMS

#: Sets of delays, samples: of four sizes each, with widely and closely spaced lines (Dal Santo et al. 2023).
DELAYS = {
    ("long", 4): (1499, 1889, 2381, 2999),
    ("long", 6): (997, 1153, 1327, 1559, 1801, 2099),
    ("long", 8): (809, 877, 937, 1049, 1151, 1249, 1373, 1499),
    ("long", 16): (241, 271, 293, 331, 359, 401, 443, 487, 523, 587, 647, 709, 787, 863, 953, 1049),
    ("clustered", 4): (797, 839, 2381, 2999),
    ("clustered", 6): (887, 911, 941, 1699, 1951, 2053),
    ("clustered", 8): (241, 263, 281, 293, 1193, 1319, 1453, 1597),
    ("clustered", 16): (241, 271, 283, 301, 310, 331, 343, 357, 361, 687, 704, 715, 737, 753, 763, 801),
}


class Network(param.Parameterized):
    """The network before training."""

    lines = param.Selector(
        default=8,
        objects=[4, 6, 8, 16],
        label="Delay lines",
        doc="More lines, more echoes and more modes, and longer steps of training.",
    )
    delays = param.Selector(
        default="long",
        objects={
            "Evenly spread": "long",
            "In two clusters": "clustered",
            "Random, coprime, 400 to 1200 samples": "random",
        },
        label="Delays",
        doc="In samples at 48 kHz. Close delays make echoes pile up, and the network ring.",
    )
    matrix = param.Selector(
        default="random",
        objects={
            "Random rotation": "random",
            "Hadamard": "hadamard",
            "Householder": "householder",
            "Circulant": "circulant",
            "Permutation": "permutation",
        },
        label="Feedback matrix at the start",
        doc="All are orthogonal: no energy is lost or won in the loop. A permutation has no mixing at all.",
    )
    rt = Quantity(
        2.0,
        bounds=(0.2, 10),
        step=0.05,
        unit="s",
        scale="log",
        label="Reverberation time",
        doc="Time in which low frequencies decay by 60 dB.",
    )
    rt_high = Quantity(
        1.0,
        bounds=(0.1, 10),
        step=0.05,
        unit="s",
        scale="log",
        label="The same, at the highest frequency",
        doc="Walls and air absorb high frequencies faster.",
    )
    lossless = param.Boolean(
        default=False,
        label="Lossless while training",
        doc="Train without any decay, as the papers on colourless networks do. What is heard decays all the same.",
    )
    seed = Quantity(
        0,
        bounds=(0, 9999),
        step=1,
        whole=True,
        label="Seed",
        doc="Another number, another random start.",
    )


class Training(param.Parameterized):
    """What is trained, towards what, and how."""

    goal = param.Selector(
        default="power_variance",
        objects={
            "Colourless: equal power at all frequencies": "power_variance",
            "Colourless: flat magnitude (as published)": "mse",
            "Match a room: spectrogram": "match_spectrogram",
            "Match a room: mel spectrogram": "match_mel_spectrogram",
        },
        label="Goal",
        doc="What the loss measures: how far the response is from flat, or how far its sound is from that of a room.",
    )
    target = param.Selector(
        default=next(iter(ROOMS)),
        objects={**{room.label: slug for slug, room in ROOMS.items()}, "Your own file": "file"},
        label="Room to match",
        doc="An impulse response. Drop a WAV anywhere on the page to use your own.",
    )
    feedback = param.Boolean(default=True, label="Train the feedback matrix", doc="It stays orthogonal.")
    input_gain = param.Boolean(
        default=True, label="Train the input gains", doc="How strongly each line is fed."
    )
    output_gain = param.Boolean(
        default=True, label="Train the output gains", doc="How strongly each line is heard."
    )
    sparsity = Quantity(
        0.2,
        bounds=(0, 2),
        step=0.05,
        label="Density of the matrix (weight)",
        doc="Weight of the term that keeps the matrix dense, so that echoes multiply quickly.",
    )
    optimiser = param.Selector(
        default="adam",
        objects={"Adam": "adam", "L-BFGS": "lbfgs"},
        label="Optimiser",
        doc="L-BFGS takes fewer, longer steps: up to 25 evaluations each.",
    )
    rate = Quantity(
        0.01,
        bounds=(0.0001, 1),
        step=0.0001,
        scale="log",
        label="Learning rate",
        doc="Too small and nothing happens; too large and the loss jumps about. Try both.",
    )
    steps = Quantity(
        500, bounds=(10, 5000), step=10, whole=True, label="Steps", doc="Training ends after so many."
    )
    patience = Quantity(
        200,
        bounds=(1, 2000),
        step=1,
        whole=True,
        label="Patience",
        doc="Training ends early when the loss has not fallen for so many steps.",
    )
    nfft = param.Selector(
        default=8192,
        objects={f"{n}": n for n in (4096, 8192, 16384, 32768, 65536, 131072)},
        label="Points of the transform",
        doc="Frequencies on which the response is seen, and how long a room can be. Few are fast, and miss peaks.",
    )


class Hearing(param.Parameterized):
    """What is listened to."""

    source = param.Selector(
        default="drums",
        objects={"Impulse": "impulse", "Drum-like clicks": "drums", "Spoken sentence": "speech"},
        label="Play",
        doc="What is sent through the network. Drums show ringing best.",
    )
    tail = Quantity(
        1.5,
        bounds=(0.3, 10),
        step=0.1,
        unit="s",
        label="Decay that is heard",
        doc="Reverberation time of what is heard when the network was trained without losses.",
    )
