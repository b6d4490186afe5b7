"""A listening experiment, and its threshold.

How much louder must a tone be to be heard as louder? An adaptive run, here with a listener who is right as often as a
psychometric function says; a model of hearing, or a person, answers the same trials.
"""

from amtlib import plot
from amtlib.experiments import PsychometricFunction, Run, SimulatedObserver, UpDown, experiment

run = Run(experiment("intensity_discrimination", level=60), UpDown(down=2), seed=1)
run.proceed(SimulatedObserver(PsychometricFunction(1.0, 1.0, guess=1 / 3), seed=2))

values = [answered.value for answered in run.trials]
print(f"{len(values)} trials, threshold {run.threshold:.1f} dB")
figure = plot.curves(
    {"difference": (range(1, len(values) + 1), values)},
    xlabel="Trial",
    ylabel="Difference in level (dB)",
    title="An adaptive run: two down, one up",
)
