"""Which amtlib a process has: workers of a cluster must have the same as the process that sends them work.
The hash is SHA-256 over the sources and tables of the package.
Not here: what becomes of a worker that has another (:mod:`amtlib.jobs.cluster`).

Workers are sent this file as text, so it must not import amtlib: another one need not have it, and torch takes long.
"""

import functools
import hashlib
import importlib.util
import re
from pathlib import Path

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
    spec = importlib.util.find_spec("amtlib")
    if spec is None or spec.origin is None:
        return "no amtlib"
    start = Path(spec.origin)
    digest = hashlib.sha256()
    for path in sorted(path for path in start.parent.rglob("*") if path.suffix in _KINDS):
        content = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{path.relative_to(start.parent).as_posix()} {len(content)}\n".encode() + content)
    version = re.search('__version__ = "(.*?)"', start.read_text(encoding="utf-8"))
    return f"amtlib {version[1] if version else 'of no version'} (sources {digest.hexdigest()[:12]})"


def difference(theirs: object) -> str:
    """
    Return what is wrong with a worker's answer to :func:`own_amtlib`; '' if it has what this process has.

    Parameters
    ----------
    theirs : str or exception
        The answer, or what kept it from answering.

    Examples
    --------
    >>> difference(own_amtlib())
    ''
    >>> difference("amtlib 0.0.9 (sources 0123456789ab)")
    'has amtlib 0.0.9 (sources 0123456789ab), and here is amtlib 0.1.0 (sources ...)'
    """
    if theirs == own_amtlib():
        return ""
    what = f"no amtlib that can be compared ({theirs})" if isinstance(theirs, BaseException) else str(theirs)
    return f"has {what}, and here is {own_amtlib()}"
