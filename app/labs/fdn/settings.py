"""What the FDN lab can be set to: the network at the start, what is trained, towards what, and what is heard.

They are the arguments of :func:`amtlib.train.build_fdn` and :func:`amtlib.train.train_fdn`; delays by Dal Santo et al.
"""

import re

import param

from amtlib.audio.rooms import ROOMS
from app.labs.fdn.goals import GOALS
from app.labs.fdn.parts import checked_changes
from app.quantity import Quantity, Settings, Text, shortened

#: Sampling rates to choose from, Hz.
RATES = (8000, 16000, 32000, 44100, 48000)
#: The rate at which the sets of delays were published, Hz.
_SET_FS = 48000
#: How many own delays there may be, how long each (samples), and all together: so that their analysis takes seconds.
OWN_LINES, OWN_LENGTH, OWN_TOTAL = (2, 16), (16, 10_000), 20_000

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


def _is_prime(n: int) -> bool:
    return n > 1 and all(n % d for d in range(2, int(n**0.5) + 1))


def delays_at(name: str, lines: int, fs: int) -> tuple[int, ...] | None:
    """Return a set's delays in samples at a rate, or None where there is no such set.

    At the published rate they are as published, all of them primes; at others the nearest primes to as many ms.

    Examples
    --------
    >>> delays_at("long", 4, 48000), delays_at("long", 4, 8000)
    ((1499, 1889, 2381, 2999), (251, 317, 397, 499))
    """
    published = DELAYS.get((name, lines))
    if published is None or fs == _SET_FS:
        return published
    found: list[int] = []
    for wanted in published:
        at = round(wanted * fs / _SET_FS)
        around = (at + sign * step for step in range(at) for sign in (1, -1))
        found.append(next(n for n in around if _is_prime(n) and n not in found))
    return tuple(found)


def checked_delays(text: str) -> str:
    """Return delays that were typed as ``"809,877,937"``.

    Raises
    ------
    ValueError
        If they are no list of whole numbers, or too few, too many or too long.

    Examples
    --------
    >>> checked_delays(" 809 877; 937")
    '809,877,937'
    """
    parts = [part for part in re.split(r"[\s,;]+", text) if part]
    (fewest, most), (shortest, longest) = OWN_LINES, OWN_LENGTH
    wanted = f"give {fewest} to {most} whole numbers of samples, {shortest} to {longest} each, {OWN_TOTAL} together."
    if not fewest <= len(parts) <= most or not all(re.fullmatch(r"[0-9]{1,6}", part) for part in parts):
        raise ValueError(f"Own delays are {shortened(text)}; {wanted}")
    found = [int(part) for part in parts]
    if not all(shortest <= n <= longest for n in found) or sum(found) > OWN_TOTAL:
        raise ValueError(f"Own delays are {shortened(text)}; {wanted}")
    return ",".join(map(str, found))


DELAY_CHOICES = {
    "Evenly spread": "long",
    "In two clusters": "clustered",
    "Random, coprime, 400 to 1200 samples": "random",
    "My own": "own",
}


class Network(Settings):
    """The network before training."""

    fs = param.Selector(
        default=48000, objects={f"{rate / 1000:g} kHz": rate for rate in RATES}, label="Sampling rate"
    )
    """Of the network and of all that is heard. Delays keep their length in ms, own and random ones in samples."""

    lines = param.Selector(default=8, objects=[4, 6, 8, 16], label="Delay lines")
    """More lines, more echoes and more modes, and longer steps of training."""
    delays = param.Selector(objects=DELAY_CHOICES, label="Delays")
    """How long a sound stays in each line. Close delays make echoes pile up, and the network ring."""
    own = Text("1499,1889,2381,2999", check=checked_delays, label="Own delays (samples)")
    """One whole number a line, such as 809, 877, 937. Common factors make echoes coincide."""
    changes = Text("", check=checked_changes, label="Changed by hand")
    """Such as a2.5=0.7 (the weight from line 5 into line 2), b3=0.2 (an input gain), c3=-0.2 (an output gain)."""
    matrix = param.Selector(
        objects={
            "Random rotation": "random",
            "Hadamard": "hadamard",
            "Householder": "householder",
            "Circulant": "circulant",
            "Permutation": "permutation",
        },
        label="Feedback matrix at the start",
    )
    """All are orthogonal: no energy is lost or won in the loop. A permutation has no mixing at all."""
    decay = param.Selector(
        objects={"At low and high frequencies": "ends", "By octave": "octaves"}, label="Decay is set"
    )
    """With two times there is one gentle slope between them; by octave each has a time of its own, to drag."""
    rt = Quantity(2.0, bounds=(0.2, 10), step=0.05, unit="s", scale="log", label="Reverberation time")
    """Time in which low frequencies decay by 60 dB, in all that is heard and drawn over time."""
    rt_high = Quantity(
        1.0, bounds=(0.1, 10), step=0.05, unit="s", scale="log", label="The same, at the highest frequency"
    )
    """Walls and air absorb high frequencies faster."""
    lossless = param.Boolean(default=True, label="Lossless while training")
    """Train without any decay, as the papers on colourless networks do. What is heard decays all the same."""
    seed = Quantity(0, bounds=(0, 9999), step=1, whole=True, label="Seed")
    """Another number, another random start."""


class Training(Settings):
    """What is trained, towards what, and how."""

    goal = param.Selector(objects={goal.label: name for name, goal in GOALS.items()}, label="Goal")
    """What the loss measures: how far the response is from flat, or how far its sound is from that of a room."""
    target = param.Selector(
        objects={**{room.label: slug for slug, room in ROOMS.items()}, "Your own file": "file"},
        label="Room to match",
    )
    """An impulse response. Drop a WAV anywhere on the page to use your own."""
    feedback = param.Boolean(default=True, label="Train the feedback matrix")
    """It stays orthogonal."""
    input_gain = param.Boolean(default=False, label="Train the input gains")
    """How strongly each line is fed. A colourless network gets flatter with them, and its echoes sparser."""
    output_gain = param.Boolean(default=True, label="Train the output gains")
    """How strongly each line is heard."""
    direct = param.Boolean(default=False, label="Train the direct sound")
    """What passes without any delay; it begins as strong as the room's."""
    sparsity = Quantity(1.0, bounds=(0, 2), step=0.05, label="Density of the matrix (weight)")
    """Weight of the term that keeps the matrix dense, so that echoes multiply quickly; the other term weighs 1."""
    optimiser = param.Selector(objects={"Adam": "adam", "L-BFGS": "lbfgs"}, label="Optimiser")
    """L-BFGS takes fewer, longer steps: up to 25 evaluations each."""
    rate = Quantity(0.01, bounds=(0.0001, 1), step=0.0001, scale="log", label="Learning rate")
    """Too small and nothing happens; too large and the loss jumps about. Try both."""
    steps = Quantity(500, bounds=(10, 5000), step=10, whole=True, label="Steps")
    """Training ends after so many."""
    patience = Quantity(200, bounds=(1, 2000), step=1, whole=True, label="Patience")
    """Training ends early when the loss has not fallen for so many steps."""
    watched = param.Boolean(default=True, label="Slow enough to watch")
    """Show a run for ten seconds at least. The steps themselves are done as fast as ever, and are the same."""
    nfft = param.Selector(
        default=65536,
        objects={f"{n}": n for n in (4096, 8192, 16384, 32768, 65536, 131072)},
        label="Points of the transform",
    )
    """How finely training sees the response, and how much of a room it hears. With few it misses narrow peaks."""


class Motion(Settings):
    """How the feedback matrix moves in all that is heard, see :func:`amtlib.fdn.with_modulation`."""

    depth = Quantity(0.0, bounds=(0, 0.8), step=0.01, unit="rad", label="Depth of the rotations")
    """How far pairs of lines turn into each other, slowly to and fro; 0 is a matrix at rest. It stays orthogonal. How
    much chorus this makes, in cents, stands above the figures; about 3 are just noticed in a tone at 1 kHz."""
    rate = Quantity(0.7, bounds=(0.1, 16), step=0.01, unit="Hz", scale="log", label="Rate of the rotations")
    """The mean of all pairs; each has its own, within 20 %. Twice the rate makes twice the chorus."""


class Part(Settings):
    """The part of the network that is looked at closer. Its numbers are those before training."""

    line = Quantity(0, bounds=(0, 16), step=1, whole=True, label="Line")
    """The delay line, counted from the top; 0 for none. Or click on it in the picture of the network."""
    into = Quantity(0, bounds=(0, 16), step=1, whole=True, label="Into line")
    """The line that it feeds through the matrix; 0 for the line itself."""
    delay = Quantity(1000, bounds=OWN_LENGTH, step=1, unit="samples", whole=True, label="Its delay")
    """How long a sound stays in the line."""
    input = Quantity(0.0, bounds=(-1, 1), step=0.01, label="Its input gain")
    """How strongly the sound that comes in feeds the line."""
    output = Quantity(0.0, bounds=(-1, 1), step=0.01, label="Its output gain")
    """How strongly the line is heard; a negative gain turns the sign."""
    weight = Quantity(0.0, bounds=(-1, 1), step=0.01, label="Weight of the crossing")
    """How strongly the one line feeds the other. The other weights turn with it, and the network stays lossless."""


VIEWS = {
    "Decay, modes and echoes": "echoes",
    "Decay, tone and spectrograms": "room",
    "What the ear hears": "ear",
}


class Display(Settings):
    """What is displayed and played."""

    view = param.Selector(objects=VIEWS, label="Show")
    """Decay and modes; tone, and spectrograms before, now and of the room; or what an ear makes of these."""

    source = param.Selector(
        default="drums",
        objects={
            "Impulse": "impulse",
            "Drum-like clicks": "drums",
            "Spoken sentence": "speech",
            "Plucked notes": "music",
            "Noise bursts": "noise",
        },
        label="Play",
    )
    """What is sent through the network. Drums show ringing best."""
