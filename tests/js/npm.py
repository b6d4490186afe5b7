"""Fetches what the tests of the page need from npm's registry: single files, each held against its hash.

Run by ``make test``, and by hand: ``python tests/js/npm.py``. Where the registry cannot be reached nothing is
installed, nothing fails, and the tests that need a package leave that out and say so.
"""

import hashlib
import io
import sys
import tarfile
import urllib.request
from dataclasses import dataclass
from fnmatch import fnmatch
from http.client import HTTPException
from pathlib import Path


@dataclass(frozen=True)
class Package:
    """A package of npm's registry.

    Parameters
    ----------
    name, version, sha512 : str
        The hash of its file.
    needs : tuple of str
        Patterns of the names in it that are installed.
    """

    name: str
    version: str
    sha512: str
    needs: tuple[str, ...]

    @property
    def url(self) -> str:
        """The address of its file."""
        return f"https://registry.npmjs.org/{self.name}/-/{self.name}-{self.version}.tgz"

    @property
    def folder(self) -> Path:
        """Where it is installed: beside the packages of this Python's environment."""
        return Path(sys.prefix) / self.name / self.version

    @property
    def missing(self) -> str:
        """Why a test that needs it is left out; nothing if it is there."""
        there = (self.folder / "package").is_dir()
        return "" if there else f"{self.name} is not installed: `python tests/js/npm.py` fetches it from npm"

    def file(self, name: str) -> Path:
        """Return the path of one of its files."""
        return self.folder / "package" / name

    def fetch(self) -> str:
        """Install it unless it is there; return a sentence on how that went."""
        if not self.missing:
            return f"{self.name} {self.version} is there."
        try:
            with urllib.request.urlopen(self.url, timeout=30) as answer:
                content = answer.read()
        except (OSError, HTTPException) as problem:
            return f"{self.name} was not installed: {self.url} cannot be reached ({problem})."
        if hashlib.sha512(content).hexdigest() != self.sha512:
            return f"{self.name} was not installed: what {self.url} sent is not the file that is expected."
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            needed = [
                member
                for member in archive.getmembers()
                if any(fnmatch(member.name, f"package/{pattern}") for pattern in self.needs)
            ]
            archive.extractall(self.folder, needed, filter="data")
        return f"{self.name} {self.version} was installed in {self.folder}."


#: Checks the types of the page's script.
TYPESCRIPT = Package(
    "typescript",
    "6.0.3",
    "cb64efbb14993c3c906a490544f6472859be28a56a222b1d83dfc26709bd7edbca5cb3fc3515a3dfcfce0e335baf8dd2"
    "b285ea36e022b047f519d0b1a9671d07",
    ("package.json", "LICENSE.txt", "lib/tsc.js", "lib/_tsc.js", "lib/*.d.ts"),
)
#: Finds what keeps people who hear a page, or use it by key, from using it.
AXE = Package(
    "axe-core",
    "4.14.1",
    "1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b2"
    "14d36db85a2826965edfb3a0b9d546b5",
    ("package.json", "LICENSE", "axe.min.js"),
)

if __name__ == "__main__":
    for package in (TYPESCRIPT, AXE):
        print(package.fetch())
