"""Faust programs, compiled by Faust and a C++ compiler: the network at rest, and what each knob says elsewhere."""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import lfilter

from amtlib.fdn import FDNBuild, design_fdn, faust, process_fdn, stability, with_decay, with_modulation

FS = 48000.0
COMPILERS = all(map(shutil.which, ("faust", "g++")))
#: Silence in front of every sound, s: knobs are smoothed and have arrived by then.
LEAD = 0.7
# What the generated class is derived from and calls; it then reads doubles and writes doubles, one frame after another.
HARNESS = """
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>
#define FAUSTFLOAT double
struct Soundfile;
struct Meta { void declare(const char*, const char*) {} };
struct UI {
  int count; char** knobs;
  void openTabBox(const char*) {} void openHorizontalBox(const char*) {} void openVerticalBox(const char*) {}
  void closeBox() {} void declare(double*, const char*, const char*) {}
  void addHorizontalSlider(const char* label, double* zone, double, double, double, double) {
    for (int i = 0; i + 1 < count; i += 2) if (!strcmp(knobs[i], label)) *zone = atof(knobs[i + 1]);
  }
};
struct dsp {};
#include "network.hpp"
int main(int count, char** given) {
  static mydsp network;
  network.init(atoi(given[1]));
  UI knobs{count - 2, given + 2};
  network.buildUserInterface(&knobs);
  int inputs = network.getNumInputs(), outputs = network.getNumOutputs();
  std::vector<double> in(inputs), out(outputs);
  std::vector<double*> ins, outs;
  for (auto& each : in) ins.push_back(&each);
  for (auto& each : out) outs.push_back(&each);
  while (fread(in.data(), 8, inputs, stdin) == (size_t)inputs) {
    network.compute(1, ins.data(), outs.data());
    fwrite(out.data(), 8, outputs, stdout);
  }
}
"""

Played = Callable[..., np.ndarray]


def compiled(build: FDNBuild, folder: Path) -> Played:
    """Return what the compiled program of a network makes of a sound (T, inputs), with knobs by their names."""
    (folder / "network.dsp").write_text(faust(build, name="tested"))
    (folder / "main.cpp").write_text(HARNESS)
    for command in (
        ["faust", "-double", "-lang", "cpp", "-o", "network.hpp", "network.dsp"],
        ["g++", "-O1", "-ffp-contract=off", "-o", "network", "main.cpp"],
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=120)

    def play(x: np.ndarray, **knobs: float) -> np.ndarray:
        words = [word for name, value in knobs.items() for word in (name.replace("_", "-"), repr(value))]
        done = subprocess.run(
            [folder / "network", str(round(build.fs)), *words],
            input=np.ascontiguousarray(x).tobytes(),
            capture_output=True,
            check=True,
            timeout=60,
        )
        return np.frombuffer(done.stdout).reshape(len(x), build.n_out)

    return play


def full() -> FDNBuild:
    """A network with everything that there can be, two inputs and three outputs, an odd number of lines."""
    rng = np.random.default_rng(4)
    sections = np.array([[[0.8], [0.1], [0.05], [1.25], [-0.3], [0.2]]])
    build = design_fdn(
        delays=[401, 463, 509, 557, 601],
        rt=[0.5, 0.6, 0.4, 0.4, 0.3, 0.3, 0.2, 0.2],
        input_gain=rng.standard_normal((5, 2)),
        output_gain=rng.standard_normal((3, 5)),
        direct=rng.standard_normal((3, 2)),
        rng=1,
    )
    return with_modulation(
        replace(
            build,
            post_matrix=np.repeat(sections, 5, axis=2),
            post_eq=np.repeat(sections, 3, axis=2),
            pre_delay=77,
        ),
        depth=0.5,
        rate=3.0,
    )


@pytest.fixture(scope="module")
def network() -> FDNBuild:
    return full()


@pytest.fixture(scope="module")
def play(network: FDNBuild, tmp_path_factory: pytest.TempPathFactory) -> Played:
    if not COMPILERS:
        pytest.skip("faust and g++ are not installed: apt-get install faust g++")
    return compiled(network, tmp_path_factory.mktemp("faust"))


def sound(channels: int, seconds: float = 0.3) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal((round(seconds * FS), channels))
    return np.concatenate([np.zeros((round(LEAD * FS), channels)), noise])


def assert_same(found: np.ndarray, wanted: np.ndarray) -> None:
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * np.abs(wanted).max())


def without_direct(build: FDNBuild) -> FDNBuild:
    return replace(build, D=np.zeros_like(build.D))


def test_at_rest_a_compiled_program_is_the_network(network: FDNBuild, play: Played) -> None:
    x = sound(2)
    assert_same(play(x), process_fdn(x, network))
    assert_same(play(x[-10000:]), process_fdn(x[-10000:], network))


def test_the_decay_knob_changes_the_losses_of_all_lines_by_one_rate(network: FDNBuild, play: Played) -> None:
    x = sound(2)
    [row] = re.findall(r"^losses = \((.*)\);$", faust(network), re.M)
    losses = np.array([float(value) for value in row.split(", ")])
    assert np.allclose(losses / network.delays, losses[0] / network.delays[0])
    for decay in (0.5, 2.0):
        gain = np.zeros((1, 6, 5))
        gain[0, 0], gain[0, 3] = 10.0 ** (losses * (1.0 - 1.0 / decay)), 1.0
        other = replace(network, filters=np.concatenate([network.filters, gain]))
        assert_same(play(x, decay=decay), process_fdn(x, other))
        assert stability(other).certain


def test_the_pre_delay_knob_delays_the_lines_alone(network: FDNBuild, play: Played) -> None:
    x = sound(2)
    assert_same(play(x, pre_delay=25.0), process_fdn(x, replace(network, pre_delay=77 + 1200)))


def test_the_tone_knob_is_a_shelf_on_the_lines(network: FDNBuild, play: Played) -> None:
    x = sound(2)
    wet = process_fdn(x, without_direct(network))
    t = np.tan(np.pi * 2000.0 / FS)
    low = lfilter([t / (1 + t), t / (1 + t)], [1.0, (t - 1) / (t + 1)], wet, axis=0)
    wanted = wet + (10.0 ** (-6.0 / 20.0) - 1.0) * (wet - low) + x @ network.D.T
    assert_same(play(x, tone=-6.0), wanted)


def test_the_wet_knob_fades_between_the_input_and_the_network(network: FDNBuild, play: Played) -> None:
    x = sound(2)
    assert_same(play(x, wet=0.25), 0.25 * process_fdn(x, network) + 0.75 * x[:, [0, 1, 0]])


@pytest.mark.skipif(not COMPILERS, reason="faust and g++ are not installed")
def test_a_program_of_one_line_without_losses_has_no_knob_for_the_decay_and_is_exact(tmp_path: Path) -> None:
    build = with_decay(design_fdn(delays=[300], rng=0, feedback=[[1.0]], direct=0.5), None)
    assert '"[0]decay' not in faust(build)
    assert "no knob for the decay" in faust(build)
    x = sound(1)
    wanted = process_fdn(x, replace(build, pre_delay=480))[:, None]
    assert_same(compiled(build, tmp_path)(x, pre_delay=10.0)[:, 0], wanted[:, 0])


def test_the_certificate_is_metadata_of_the_program(network: FDNBuild) -> None:
    assert f'declare stability "{stability(network).sentence()}";' in faust(network)
