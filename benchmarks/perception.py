"""How fast hair cells, adaptation and modulation filters are, beside plain loops of torch as a rival has them; and
how long a model takes to listen to an experiment.
Run: ``python benchmarks/perception.py [--seconds 0.2]`` from the checkout (with the ``perception`` extra); 2 minutes.
Not a test: figures depend on the machine and on who else uses it. Compare within one run.

The rivals, written plainly here, do the same a sample at a time on all channels at once. They run on a part of the
signal (``--seconds``), and their time, which is proportional, is scaled up to one second. Both sides must give
the same numbers. Times are medians of five rounds, with what is compiled or cached warm; of the rivals one.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

if __name__ == "__main__":  # run as a script, the checkout is not yet on the path
    sys.path.insert(0, str(Path(__file__).parents[1]))

from amtlib import (
    AdaptLoop,
    Dau1997,
    IHCEnvelope,
    IHCPaulick2024,
    King2019,
    ModulationFilterbank,
    Osses2021,
    Paulick2024,
    erb2fc,
    fc2erb,
)
from amtlib.experiments import ModelObserver, Run, UpDown, experiment

FS, CHANNELS = 44100, 50
#: What the project holds itself to, in s for 50 channels of one second on two idle threads; backward as a multiple
TARGETS = {"AdaptLoop": 0.25, "IHCPaulick2024": 0.15}
BACKWARD = 4.0
WHOLE = {"Dau1997": 0.4, "Paulick2024": 0.7}
#: s for a run of 60 trials of three intervals of 500 ms
LISTENING = 30.0


def adapt_plainly(module: AdaptLoop, x: Tensor) -> Tensor:
    """Run the loops sample by sample, as operations of torch on all channels."""
    least = float(module.minlvl)
    halves = 0.5 ** torch.arange(1, len(module.tau) + 1)
    start = (least**halves).to(x.dtype)
    state = [value.expand(len(x)) for value in start]
    keep = torch.exp(-1.0 / (module.tau * module.fs)).to(x.dtype)
    most = (1.0 - start.square()) * float(module.limit) - 1.0
    bottom, out = start[-1], []
    for now in x.clamp_min(least).unbind(-1):
        value = now
        for k in range(len(start)):
            value = value / state[k]
            limited = 2.0 * most[k] / (1.0 + torch.exp(-2.0 * (value - 1.0) / most[k])) - (most[k] - 1.0)
            value = torch.where(value > 1.0, limited, value)
            state[k] = keep[k] * state[k] + (1.0 - keep[k]) * value
        out.append(100.0 * (value - bottom) / (1.0 - bottom))
    return torch.stack(out, -1)


def charge_plainly(module: IHCPaulick2024, x: Tensor) -> Tensor:
    """Charge the membrane sample by sample; in float64, as rounding of -57 mV asks for."""
    rest, circuit = module._circuit()
    half, steep, flat, largest, driving, others, outward, per_step = circuit
    voltage, out = rest.expand(len(x)), []
    for now in (10.0 ** (-105.0 / 20.0) * x.double()).unbind(-1):
        first, second = torch.exp((half - now) / flat), torch.exp((half - now) / steep)
        conductance = largest / (1.0 + first * (1.0 + second))
        voltage = voltage + per_step * (conductance * (driving - voltage) - others * voltage - outward)
        out.append(voltage - rest)
    return torch.stack(out, -1)


def seconds(run: Callable[[], object], rounds: int = 5) -> float:
    """Return the median time of a call in s."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def backward_seconds(module: Callable[[Tensor], Tensor], x: Tensor, rounds: int) -> float:
    """Return the median time of the backward pass alone in s."""
    times = []
    for _ in range(rounds):
        y = module(x.clone().requires_grad_()).sum()
        begin = time.perf_counter()
        y.backward()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=0.2, help="part of the signal that the rivals get")
    part = int(FS * parser.parse_args().seconds)
    torch.manual_seed(0)
    noise = torch.randn(CHANNELS, FS)
    cases = {
        "AdaptLoop": (AdaptLoop(FS), 0.02 * noise.relu(), adapt_plainly),
        "IHCPaulick2024": (IHCPaulick2024(FS), 0.01 * noise, charge_plainly),
    }
    print(f"{CHANNELS} channels, 1 s at {FS} Hz, float32, {torch.get_num_threads()} threads; times in s")
    print(
        f"{'':22s}{'forward':>9s}{'target':>9s}{'backward':>9s}{'ratio':>7s}{'loop':>9s}{'faster':>9s}{'backward':>9s}"
    )
    for name, (module, x, plainly) in cases.items():
        first = x[:, :part]
        reference = plainly(module, first)
        error = (module(first).double() - reference.double()).abs().max() / reference.abs().max()
        assert float(error) < 1e-4, f"{name} differs from the plain loop by {float(error):.1g} of its maximum"
        forward, backward = seconds(lambda m=module, x=x: m(x)), backward_seconds(module, x, 5)
        scale = FS / part
        loop = scale * seconds(lambda p=plainly, m=module, x=first: p(m, x), 1)
        back = scale * backward_seconds(lambda x, p=plainly, m=module: p(m, x), first, 1)
        print(
            f"{name:22s}{forward:9.3f}{TARGETS[name]:9.3f}{backward:9.3f}{backward / forward:7.1f}{loop:9.2f}"
            f"{loop / forward:8.0f}x{back / backward:8.0f}x"
        )
    print(f"(backward is to stay below {BACKWARD:g} times forward)")
    centres = erb2fc(torch.linspace(float(fc2erb(80.0)), float(fc2erb(8000.0)), CHANNELS))
    for name, module in (
        ("IHCEnvelope", IHCEnvelope(FS)),
        ("ModulationFilterbank", ModulationFilterbank(FS, centres)),
        ("the same at 11025 Hz", ModulationFilterbank(FS / 4, centres)),
    ):
        x = noise.relu()[:, : int(module.fs)]
        module(x)
        print(f"{name:22s}{seconds(lambda m=module, x=x: m(x), 3):9.3f}")
    print("whole models, 1 s of one sound; and in a stream, in chunks of 100 ms")
    for kind in (Dau1997, Osses2021, King2019, Paulick2024):
        model, x = kind(FS), 0.02 * noise[0]
        model(x)
        taken = seconds(lambda m=model, x=x: m(x), 3)
        live = model.stream()
        chunked = seconds(lambda s=live, x=x: [*map(s.process, x.split(FS // 10)), s.finish()], 3)
        target = f"{WHOLE[kind.__name__]:9.3f}" if kind.__name__ in WHOLE else 9 * " "
        print(f"{f'{kind.__name__} ({model.num_channels})':22s}{taken:9.3f}{target}{chunked:9.3f}")
    print("a run of 60 trials of 3 intervals of 500 ms, 2 down and 1 up, Paulick2024 (50 channels)")
    for name in ("intensity_discrimination", "tone_in_noise"):
        question = experiment(name)
        listener = ModelObserver(Paulick2024(FS))
        begin = time.perf_counter()
        watched = len(listener.region(question))
        prepared = time.perf_counter() - begin
        run = Run(question, UpDown(most=60, reversals=40), seed=1)
        taken = seconds(lambda run=run, who=listener: run.proceed(who), 1)
        assert len(run.trials) == 60
        what = f"{name} ({watched})"
        print(f"{what:32s}{taken:9.1f}{LISTENING:9.1f}   and once before it {prepared:.1f}")


if __name__ == "__main__":
    main()
