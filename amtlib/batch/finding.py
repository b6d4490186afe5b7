"""Which files are meant: names, folders with all below them, and patterns.
Source: the patterns of :mod:`glob`.
Not here: whether they can be read (:mod:`amtlib.audio`).
"""

import fnmatch
import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from amtlib.audio import SUFFIXES
from amtlib.audio.containers import FOREIGN_SUFFIXES

#: Folders in which systems and archivers keep what is theirs; what begins with a dot is skipped too.
_RUBBISH = {"__MACOSX", "$RECYCLE.BIN", "System Volume Information", "lost+found", "@eaDir", "#recycle"}

_SOUNDS = {*SUFFIXES, *FOREIGN_SUFFIXES}


def find_files(given: Iterable[str], passed_over: list[str] | None = None) -> list[str]:
    """
    Return the files that are meant: files as they are, folders with all below them, patterns as they match.

    Folders behind symbolic links are looked into, each folder once, so that a link to a folder above ends. Hidden files
    and folders (``._tone.wav``, ``.Trash-1000``) and those of systems and archivers (``__MACOSX``) are skipped. Sounds
    that cannot be read (``.m4a``, ``.wma``) are meant too: the reader says what they are.

    Parameters
    ----------
    given : iterable of str
        Files, folders, and patterns such as ``corpus/**/*.wav``.
    passed_over : list of str, optional
        Gets the files of folders whose names do not end as those of sounds do.

    Returns
    -------
    list of str
        Each once, in order; names and patterns that match nothing as they were given, and folders that may not be read.

    Examples
    --------
    >>> find_files(["no_such_file.wav"])
    ['no_such_file.wav']
    """
    found: dict[str, None] = {}
    for name in given:
        if os.path.isdir(name):
            below = (Path(file) for file in _below(name))
            meant = []
            for path in sorted(below):
                if path.suffix.lower() in _SOUNDS or path.is_dir():
                    meant.append(str(path))
                elif passed_over is not None:
                    passed_over.append(str(path))
            found |= dict.fromkeys(meant)
        elif not os.path.lexists(name) and glob.has_magic(name):
            found |= dict.fromkeys(sorted(_matches(name)) or [name])
        else:
            found[name] = None
    return list(found)


def _below(folder: str) -> Iterator[str]:
    """Go through the files below a folder, and the folders that may not be read."""
    seen: set[tuple[int, int]] = set()
    todo = [folder]
    while todo:  # links last: files appear under their own names where they have them
        links: list[str] = []
        for start in todo:
            yield from _walk(start, seen, links)
        todo = links


def _walk(start: str, seen: set[tuple[int, int]], links: list[str]) -> Iterator[str]:
    unread: list[str] = []
    for above, folders, files in os.walk(start, onerror=lambda error: unread.append(str(error.filename))):
        status = os.stat(above)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(filter(_is_meant, folders))
        links += filter(os.path.islink, (os.path.join(above, name) for name in folders))
        yield from (os.path.join(above, name) for name in files if _is_meant(name))
    yield from unread


def _is_meant(name: str) -> bool:
    return not name.startswith(".") and name not in _RUBBISH


def _matches(pattern: str) -> Iterator[str]:
    """Go through the files that a pattern matches."""
    parts = Path(pattern).parts
    plain = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    start, wanted = str(Path(*parts[:plain])), parts[plain:]
    if "**" in wanted:  # glob follows links round and round
        own = ((file, Path(os.path.relpath(file, start)).parts) for file in _below(start))
        found = (str(Path(file)) for file, names in own if _fits(names, wanted))
    else:
        found = (
            match
            for match in glob.iglob(pattern)
            if not any(own in _RUBBISH for own in set(Path(match).parts[plain:]) - set(wanted))
        )
    yield from filter(os.path.isfile, found)


def _fits(names: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether a path fits a pattern, part by part; ``**`` stands for any number of folders."""
    if not wanted:
        return not names
    if wanted[0] == "**":
        return any(_fits(names[i:], wanted[1:]) for i in range(len(names) + 1))
    return bool(names) and fnmatch.fnmatch(names[0], wanted[0]) and _fits(names[1:], wanted[1:])
