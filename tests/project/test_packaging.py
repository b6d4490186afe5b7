"""The files a newcomer installs from agree with each other."""

import contextlib
import importlib.util
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distributions, requires
from itertools import chain
from pathlib import Path

import pytest
import torch
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from amtlib.audio import ROOMS
from amtlib.cli import build_parser, main

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
BUILD = PYPROJECT["build-system"]["requires"]
EXTRAS = PROJECT["optional-dependencies"]
HOWTO = ROOT / "docs" / "pages" / "howto"
README = "\n".join(path.read_text() for path in [ROOT / "README.md", *sorted(HOWTO.glob("*.md"))])
MAKEFILE = (ROOT / "Makefile").read_text()

# What a GPU build of torch brings; each build names its own.
CUDA = ("nvidia-", "triton", "cuda-")
PLATFORMS = [
    {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
    {"python_version": "3.14", "python_full_version": "3.14.0"},
]

has_all_extras = pytest.mark.skipif(
    None in map(importlib.util.find_spec, ("jupyterlab", "sphinx")) or sys.version_info >= (3, 12),
    reason="only an environment with all extras, on the oldest Python, shows who asks for what",
)
in_ci = pytest.mark.skipif(
    not os.environ.get("AMTLAB_CI"), reason="outside CI a GPU build of torch is welcome"
)


def serve_help() -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit):
        main(["serve", "--help"])
    return printed.getvalue()


def pins(path: str = "constraints.txt") -> dict[str, Requirement]:
    """Read the one line that a file has for each package."""
    lines = re.findall(r"^[^#\s].*?(?=\s+#|\s*\\?$)", (ROOT / path).read_text(), re.MULTILINE)
    requirements = [Requirement(line) for line in lines]
    found = {canonicalize_name(requirement.name): requirement for requirement in requirements}
    assert len(found) == len(requirements), f"{path} names a package twice"
    return found


def version(pin: Requirement) -> str:
    (specifier,) = pin.specifier
    assert specifier.operator == "=="
    return specifier.version


def asked_for(lines: Iterable[str]) -> set[str]:
    """Name all packages that the requirements bring on any platform, as far as those installed here tell."""
    found: set[tuple[str, str]] = set()
    left = [Requirement(line) for line in lines]
    while left:
        requirement = left.pop()
        name = canonicalize_name(requirement.name)
        asking = {(name, extra) for extra in ("", *requirement.extras)}
        if asking <= found or name.startswith(CUDA):
            continue
        found |= asking
        with contextlib.suppress(PackageNotFoundError):
            settings = [{**platform, "extra": extra} for platform in PLATFORMS for _, extra in asking]
            wanted = [Requirement(line) for line in requires(name) or []]
            left += [one for one in wanted if not one.marker or any(map(one.marker.evaluate, settings))]
    return {name for name, _ in found}


def test_the_wheel_holds_the_library_with_its_data_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.split("/")[0] for name in names} == {"amtlib", f"amtlib-{PROJECT['version']}.dist-info"}
    rooms = {f"amtlib/audio/impulse_responses/{slug}.flac" for slug in ROOMS}
    assert names >= {*rooms, "amtlib/audio/impulse_responses/ORIGIN.md", "amtlib/tables/outer_ear.csv"}


def test_environment_yml_asks_for_what_pyproject_asks_for() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *conda, from_pip = environment["dependencies"]
    wanted = {
        *PROJECT["dependencies"],
        *EXTRAS["app"],
        *EXTRAS["notebooks"],
        *EXTRAS["docs"],
        *EXTRAS["test"],
    }
    assert conda == [f"python{PROJECT['requires-python']}", "pip"]
    assert from_pip["pip"] == ["-c constraints.txt", "-e .", *sorted(wanted)]


@pytest.mark.parametrize("extra", ["", *EXTRAS])
def test_every_requirement_is_pinned_to_a_version_it_allows(extra: str) -> None:
    for line in EXTRAS[extra] if extra else PROJECT["dependencies"]:
        requirement = Requirement(line)
        pinned = pins().get(canonicalize_name(requirement.name))
        assert pinned is not None, f"{requirement.name} is not pinned"
        assert requirement.specifier.contains(version(pinned)), f"{pinned} is not {line}"


@has_all_extras
def test_every_package_that_any_platform_asks_for_is_pinned_and_no_other() -> None:
    assert pins().keys() == asked_for(chain(PROJECT["dependencies"], *EXTRAS.values()))


@has_all_extras
@pytest.mark.parametrize(
    ("lock", "extras"), re.findall(r"-r (locks/\w+\.txt)\n.*-e '\.\[([a-z,]+)\]'", MAKEFILE)
)
def test_a_lock_holds_all_that_make_installs_with_it_but_torch(lock: str, extras: str) -> None:
    wanted = [EXTRAS[extra] for extra in extras.split(",")]
    assert pins(lock).keys() | {"torch"} == asked_for(chain(PROJECT["dependencies"], *wanted, BUILD))


@in_ci
def test_this_environment_holds_what_is_pinned_and_no_other() -> None:
    here = {name: version(pin) for name, pin in pins().items() if not pin.marker or pin.marker.evaluate()}
    installed = {canonicalize_name(found.name): Version(found.version).public for found in distributions()}
    assert installed.keys() - {"amtlib", "pip"} == here.keys()
    assert {name: installed[name] for name in here} == here


@pytest.mark.parametrize("lock", sorted(path.name for path in (ROOT / "locks").glob("*.txt")))
def test_a_lock_agrees_with_the_constraints_and_has_hashes_for_all(lock: str) -> None:
    locked = pins(f"locks/{lock}")
    assert {name: pin for name, pin in pins().items() if name in locked} == locked
    entries = re.findall(
        r"^[^#\s].*\n(?:    --hash=sha256:[0-9a-f]{64}.*\n)+",
        (ROOT / "locks" / lock).read_text(),
        re.MULTILINE,
    )
    assert len(entries) == len(locked)


def test_the_library_asks_for_nothing_of_the_app() -> None:
    core = {Requirement(line).name for line in PROJECT["dependencies"]}
    assert core == {"numpy", "soundfile", "soxr", "torch"}


@in_ci
def test_torch_is_the_cpu_build_and_brings_no_cuda_packages() -> None:
    assert not [found.name for found in distributions() if canonicalize_name(found.name).startswith(CUDA)]
    assert torch.version.cuda is None


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:^|`)make ([a-z]+)\b", README, re.MULTILINE))))
def test_every_make_command_of_the_readme_exists(target: str) -> None:
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)


def test_the_readme_names_the_two_commands() -> None:
    assert "make serve" in README
    assert "make test" in README


@pytest.mark.parametrize("extras", sorted(set(re.findall(r"-e '(\.\[[a-z,]+\])'", MAKEFILE))))
def test_the_readme_installs_without_make_what_make_installs(extras: str) -> None:
    assert f"pip install -c constraints.txt -e '{extras}'" in README


@pytest.mark.parametrize("lock", re.findall(r"-r (locks/\w+\.txt)", MAKEFILE))
def test_the_readme_checks_the_hashes_that_make_checks(lock: str) -> None:
    assert f"pip install --require-hashes --no-deps -r {lock}" in README


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


def test_the_citation_has_the_version_and_licence_of_the_package() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    # What CFF 1.2.0 requires: https://github.com/citation-file-format/citation-file-format/blob/1.2.0/schema.json
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] in {"software", "dataset"}
    assert [set(author) for author in citation["authors"]] == [{"name"}]  # an entity
    assert str(citation["version"]) == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
