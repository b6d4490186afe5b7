"""Fetches TypeScript, which checks the types of the page's script: one file from npm's registry, held against its hash.

Run by ``make test``, and by hand: ``python tests/js/typescript.py``. Where the registry cannot be reached nothing is
installed, nothing fails, and `tests/app/test_js.py` leaves the check out and says so.
"""

import hashlib
import io
import sys
import tarfile
import urllib.request
from http.client import HTTPException
from pathlib import Path

VERSION = "6.0.3"
SHA512 = (
    "cb64efbb14993c3c906a490544f6472859be28a56a222b1d83dfc26709bd7edbca5cb3fc3515a3dfcfce0e335baf8dd2"
    "b285ea36e022b047f519d0b1a9671d07"
)
URL = f"https://registry.npmjs.org/typescript/-/typescript-{VERSION}.tgz"
#: Beside the packages of this Python's environment.
FOLDER = Path(sys.prefix) / "typescript" / VERSION
TSC = FOLDER / "package" / "lib" / "tsc.js"


def _is_needed(member: tarfile.TarInfo) -> bool:
    folder, name = Path(member.name).parent.as_posix(), Path(member.name).name
    if folder == "package":
        return name in {"package.json", "LICENSE.txt"}
    return folder == "package/lib" and (name in {"tsc.js", "_tsc.js"} or name.endswith(".d.ts"))


def fetch() -> str:
    """Install TypeScript unless it is there; return a sentence on how that went."""
    if TSC.is_file():
        return f"TypeScript {VERSION} is there."
    try:
        with urllib.request.urlopen(URL, timeout=30) as answer:
            content = answer.read()
    except (OSError, HTTPException) as problem:
        return f"TypeScript was not installed: {URL} cannot be reached ({problem})."
    if hashlib.sha512(content).hexdigest() != SHA512:
        return f"TypeScript was not installed: what {URL} sent is not the file that is expected."
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall(FOLDER, filter(_is_needed, archive.getmembers()), filter="data")
    return f"TypeScript {VERSION} was installed in {FOLDER}."


if __name__ == "__main__":
    print(fetch())
