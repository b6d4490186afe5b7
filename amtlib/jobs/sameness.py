"""Which amtlib a process has: workers of a cluster must have the same as the process that sends them work.
Source: our own; SHA-256 over the sources and tables of the package.
Not here: what becomes of a worker that has another (:mod:`amtlib.jobs.cluster`).
"""

import functools
import hashlib
from pathlib import Path

import amtlib

_KINDS = (".py", ".csv")


@functools.cache
def own_amtlib() -> str:
    """
    Return the version of this process's amtlib and the beginning of a hash of its sources, for people.

    Found once: what is changed on the disk later is not what the process has loaded. Line ends do not count.

    Examples
    --------
    >>> own_amtlib()
    'amtlib 0.1.0 (sources ...)'
    """
    home = Path(amtlib.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(path for path in home.rglob("*") if path.suffix in _KINDS):
        content = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{path.relative_to(home).as_posix()} {len(content)}\n".encode() + content)
    return f"amtlib {amtlib.__version__} (sources {digest.hexdigest()[:12]})"


def difference(theirs: object) -> str:
    """
    Return what is wrong with a worker's answer to :func:`own_amtlib`; '' if it has what this process has.

    Examples
    --------
    >>> difference(own_amtlib())
    ''
    >>> difference("amtlib 0.0.9 (sources 0123456789ab)")
    'has amtlib 0.0.9 (sources 0123456789ab), and here is amtlib 0.1.0 (sources ...)'
    >>> difference(ModuleNotFoundError("No module named 'amtlib'"))
    "has no amtlib that can be compared (No module named 'amtlib'), and here is amtlib 0.1.0 (sources ...)"
    """
    if theirs == own_amtlib():
        return ""
    what = f"no amtlib that can be compared ({theirs})" if isinstance(theirs, BaseException) else str(theirs)
    return f"has {what}, and here is {own_amtlib()}"
