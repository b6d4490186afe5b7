"""Resolves all dependencies anew and writes constraints.txt and the locks beside this file: `make constraints`.

Arguments go to uv. Without any, every package moves to its newest version; `--upgrade-package NAME` moves that one
alone. torch stays where constraints.txt has it: change its line by hand first.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# What each environment of the Makefile holds.
LOCKS = {
    "app": ["app"],
    "notebooks": ["app", "notebooks"],
    "test": ["app", "notebooks", "docs", "test"],
    "docs": ["app", "notebooks", "docs"],
}
CUDA = re.compile(r"^((?:cuda-|nvidia-|triton)[a-z0-9-]*)==.*\n", re.MULTILINE)

ABOUT_CONSTRAINTS = """\
# Every package of every environment at the one version it was tested with, for Python 3.11 and newer on any platform;
# behind it, who asks for it. Renew with `make constraints` (docs/pages/howto/install.md, "The versions").
# A GPU user replaces the torch line (docs/pages/howto/gpu.md). CUDA packages are missing on purpose: each build of
# torch names its own. Hashes stand in locks/, for pip refuses `-e .` together with constraints that have some.
# panel 1.9 and bokeh 3.9 are the last for Python 3.11; panel 1.10 with bokeh 3.10, numpy 2.5 and scipy 1.18 need 3.12.
"""
ABOUT_LOCKS = """\
# Written by `make constraints`: the packages of an environment, with the hashes of all their files on PyPI.
# torch is not among them: which build is right depends on the machine; its version stands in constraints.txt.
"""


def resolve(output: Path, *arguments: str) -> None:
    """Let uv write one version of every package, for all platforms and Pythons that the project supports."""
    oldest = PYPROJECT["project"]["requires-python"].removeprefix(">=")
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--universal"]
    command += ["--python-version", oldest, "--fork-strategy", "fewest", "--output-file", str(output)]
    subprocess.run([*command, *arguments, "pyproject.toml"], cwd=ROOT, check=True)


def main() -> None:
    """Write all files; the ones in place are changed only when everything could be resolved."""
    with tempfile.TemporaryDirectory() as folder:
        kept, build, versions = (Path(folder, name) for name in ("torch.txt", "build.in", "constraints.txt"))
        kept.write_text("\n".join(re.findall(r"^torch==\S+", CONSTRAINTS.read_text(), re.MULTILINE)))
        build.write_text("\n".join(PYPROJECT["build-system"]["requires"]))
        versions.write_text(CONSTRAINTS.read_text())
        upgrade = sys.argv[1:] or ["--upgrade"]
        together = [f"--extra={extra}" for extra in sorted(PYPROJECT["project"]["optional-dependencies"])]
        resolve(versions, *together, "--annotation-style", "line", "-c", str(kept), *upgrade)
        unlocked = ["torch", *CUDA.findall(versions.read_text())]
        lines = re.sub(r" \(pyproject.toml\)|, -c [^\s,]+", "", CUDA.sub("", versions.read_text()))
        versions.write_text(ABOUT_CONSTRAINTS + lines)
        left_out = [f"--no-emit-package={name}" for name in unlocked]
        locks = {name: Path(folder, f"{name}.txt") for name in LOCKS}
        for name, extras in LOCKS.items():
            asked = [f"--extra={extra}" for extra in extras]
            resolve(
                locks[name],
                *asked,
                "--generate-hashes",
                "--no-annotate",
                "-c",
                str(versions),
                *left_out,
                str(build),
            )
        CONSTRAINTS.write_text(versions.read_text())
        for name, lock in locks.items():
            (ROOT / "locks" / f"{name}.txt").write_text(ABOUT_LOCKS + lock.read_text())


if __name__ == "__main__":
    main()
