"""What each experiment tells who takes it: what to do, in one paragraph, and what it is about."""

from typing import Any

from amtlib.experiments import EXPERIMENTS, UpDown
from app.listen.condition import FLAGS, Condition, condition_of

#: By experiment: what it measures, and what to listen for.
_WORDS = {
    "tone_in_quiet": (
        "How soft may a tone be?",
        "In one of the intervals there is a tone, in the others nothing. Say which. It gets softer until you "
        "hear it no more; a quiet room and headphones matter here.",
    ),
    "intensity_discrimination": (
        "How small a step of level do you hear?",
        "All intervals have the same tone, but one is a little louder. Say which. The step gets smaller until "
        "you can only guess: guess then.",
    ),
    "tone_in_noise": (
        "How much noise hides a tone?",
        "All intervals have noise, and in one there is a tone within it. Say which. The tone gets softer "
        "until the noise hides it.",
    ),
    "notched_noise": (
        "How sharp is your auditory filter?",
        "All intervals have two bands of noise with a gap between them, and in one a tone lies in that gap. "
        "Say which. A wider gap should hide it less.",
    ),
    "forward_masking": (
        "How long does a sound hide what follows?",
        "All intervals have a tone that ends; in one, a very short second one follows. Say which. It gets "
        "softer until the first one hides it.",
    ),
    "gap_detection": (
        "How short a pause do you hear?",
        "All intervals have noise, and in one the noise stops for a moment. Say which. The gap gets shorter "
        "until you hear it no more.",
    ),
    "am_detection": (
        "How weak a fluctuation do you hear?",
        "All intervals have noise; in one its strength goes up and down regularly. Say which. The fluctuation "
        "gets weaker.",
    ),
    "am_masking": (
        "Do fluctuations hide fluctuations?",
        "All intervals fluctuate at random; in one there is also a regular beat. Say which. The beat gets "
        "weaker.",
    ),
    "frequency_discrimination": (
        "How small a step of pitch do you hear?",
        "All intervals have the same tone, but one is a little higher. Say which. The step gets smaller until "
        "you can only guess: guess then.",
    ),
    "spectral_ripple": (
        "How fine a colour of sound do you hear?",
        "All intervals have noise with peaks and valleys in its spectrum, at changing levels. In one of them "
        "they lie elsewhere, so that its colour differs. Say which.",
    ),
}
#: Seconds that a trial takes beside its sound: the answer, what is told, the next one.
_BESIDE_S = 1.8
#: Trials for each reversal: 3.2 in 40 runs of gap detection by simulated listeners.
_TRIALS_EACH = 3.2


def seconds(condition: Condition) -> float:
    """Return about how long a run takes, in s."""
    left, _ = condition.steps_left(condition.run(0))
    trials = left * _TRIALS_EACH if isinstance(condition.procedure, UpDown) else left
    return trials * (condition.seconds() + _BESIDE_S)


def offer_of(condition: Condition) -> dict[str, Any]:
    """Return what the page shows of a condition before and while it is taken."""
    made = condition.experiment
    asks, instruction = _WORDS[made.name]
    variable = made.variable
    return {
        "link": condition.link(),
        "name": made.name,
        "title": made.title,
        "asks": asks,
        "instruction": instruction,
        "question": made.question,
        "intervals": made.intervals,
        "minutes": max(1, round(seconds(condition) / 60.0)),
        "variable": [variable.name, variable.unit],
        "settings": condition.settings(),
        "flags": [[name, label, getattr(condition, name)] for name, label in FLAGS.items()],
        "repeat": condition.repeat,
        "headphones": condition.headphones,
    }


def offers() -> list[dict[str, Any]]:
    """Return all experiments, each as it usually is."""
    return [offer_of(condition_of(f"experiment={name}")) for name in EXPERIMENTS]
