"""The files a newcomer installs from agree with each other."""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest
import torch
import yaml
from packaging.requirements import Requirement

from amtlib.cli import build_parser, main

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()

in_ci = pytest.mark.skipif(
    not os.environ.get("AMTLAB_CI"), reason="outside CI a GPU build of torch is welcome"
)


def serve_help() -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit):
        main(["serve", "--help"])
    return printed.getvalue()


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_the_wheel_holds_the_library_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert tops == {"amtlib", f"amtlib-{PROJECT['version']}.dist-info"}


def test_environment_yml_asks_for_what_pyproject_asks_for() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *conda, from_pip = environment["dependencies"]
    wanted = {*PROJECT["dependencies"], *EXTRAS["app"], *EXTRAS["notebooks"], *EXTRAS["test"]}
    assert conda == [f"python{PROJECT['requires-python']}", "pip"]
    assert from_pip["pip"] == ["-c constraints.txt", "-e .", *sorted(wanted)]


@pytest.mark.parametrize("extra", ["", *EXTRAS])
def test_every_requirement_is_pinned_to_a_version_it_allows(extra: str) -> None:
    for line in EXTRAS[extra] if extra else PROJECT["dependencies"]:
        requirement = Requirement(line)
        pinned = pins().get(requirement.name)
        assert pinned is not None, f"{requirement.name} is not pinned in constraints.txt"
        assert requirement.specifier.contains(pinned), f"{pinned} is not {line}"


def test_the_library_asks_for_nothing_of_the_app() -> None:
    core = {Requirement(line).name for line in PROJECT["dependencies"]}
    assert core == {"numpy", "soundfile", "soxr", "torch"}


@in_ci
def test_torch_is_the_cpu_build_and_brings_no_cuda_packages() -> None:
    names = {str(found.metadata["Name"]).lower() for found in distributions()}
    assert not [name for name in names if name.startswith(("nvidia-", "triton", "cuda-"))]
    assert torch.version.cuda is None


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z]+)\b", README))))
def test_every_make_command_of_the_readme_exists(target: str) -> None:
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)


def test_the_readme_names_the_two_commands() -> None:
    assert "make serve" in README
    assert "make test" in README


@pytest.mark.parametrize("extras", sorted(set(re.findall(r"-e '(\.\[[a-z,]+\])'", MAKEFILE))))
def test_the_readme_installs_without_make_what_make_installs(extras: str) -> None:
    assert f"pip install -c constraints.txt -e '{extras}'" in README


@pytest.mark.parametrize(
    "tool", ["ruff check .", "ruff format --check .", "mypy", "--nbval-sanitize-with notebooks/sanitize.cfg"]
)
def test_the_readme_shows_each_check_of_make_test(tool: str) -> None:
    assert f"$(BIN)/{tool}" in MAKEFILE or tool in MAKEFILE
    assert tool in README


@pytest.mark.parametrize("line", re.findall(r"^amtlab serve.*$", README, re.MULTILINE))
def test_every_serve_command_of_the_readme_is_understood(line: str) -> None:
    assert build_parser().parse_args(shlex.split(line, comments=True)[1:]).command == "serve"


def test_every_serve_option_stands_in_the_readme() -> None:
    options = re.findall(r"^  (--[a-z-]+)", serve_help(), re.MULTILINE)
    assert len(options) > 5
    assert not [option for option in options if f"`{option}" not in README]
