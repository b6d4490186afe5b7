"""A psychometric function from answers.

How often is a level difference heard? Answers of an adaptive run, and the function that fits them best, with a
confidence interval for its threshold.
"""

from amtlib import plot
from amtlib.experiments import PsychometricFunction, Run, SimulatedObserver, UpDown, experiment

run = Run(experiment("intensity_discrimination", level=60), UpDown(down=2, reversals=14), seed=1)
run.proceed(SimulatedObserver(PsychometricFunction(1.0, 1.0, guess=1 / 3), seed=2))
fit = run.fit()

print(f"threshold {fit.threshold:.2f} dB, between {fit.low:.2f} and {fit.high:.2f} dB with 95 % confidence")
figure = plot.of(fit)
