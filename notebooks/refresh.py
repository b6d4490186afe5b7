"""Run notebooks anew and keep of their outputs what nbval compares, and pictures of figures: `make notebooks-refresh`.
The pitfalls are described in tests/project/test_notebooks.py and in conftest.py beside this file.
Not a check: it stores whatever the notebooks say now, so read the difference before you commit it.
"""

import argparse
import base64
import configparser
import copy
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

from docs.displays import FIGURE
from docs.pictures import alike, camera

#: Kinds of output that are kept.
TEXT, PICTURE = "text/plain", "image/png"
#: Longest time that a cell may take, s.
_LONGEST = 900


def settled(text: str) -> str:
    """Replace what differs from run to run, as sanitize.cfg says: a run without news then changes no file.

    Examples
    --------
    >>> settled("FilterbankLab(name='FilterbankLab00506')")
    "FilterbankLab(name='FilterbankLab#####')"
    """
    rules = configparser.RawConfigParser()
    rules.read(FOLDER / "sanitize.cfg", encoding="utf-8")
    for section in rules.sections():
        text = re.sub(rules[section]["regex"], rules[section]["replace"], text)
    return text


def compared(cell: Any, picture: Callable[[str], bytes]) -> list[Any]:
    """Return a cell's outputs with their words and numbers alone, and a picture of each figure.

    Raises
    ------
    ValueError
        If the cell wrote to stderr: a reader would see a warning, and so would every later run.
    """
    kept = []
    for output in cell.outputs:
        if output.output_type == "stream":
            if output.name == "stderr":
                raise ValueError(f"cell {cell.execution_count} wrote to stderr: {output.text.strip()}")
            output.text = settled(output.text)
            if kept and kept[-1].output_type == "stream":  # what one cell prints may come in several pieces
                kept[-1].text += output.text
            else:
                kept.append(output)
        elif TEXT in output.data:
            data = {TEXT: settled(output.data[TEXT])}
            if FIGURE in output.data:
                data[PICTURE] = base64.b64encode(picture(output.data[FIGURE]["item"])).decode("ascii")
            output.data, output.metadata = nbformat.from_dict(data), nbformat.from_dict({})
            kept.append(output)
    return kept


def pictures(notebook: Any) -> Iterator[Any]:
    """Give the data of each output that has a picture."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if PICTURE in output.get("data", {}):
                yield output.data


def keep_pictures(notebook: Any, before: Any) -> None:
    """Take those pictures from before that look like the new ones: a run without news then changes no file."""
    last, now = list(pictures(before)), list(pictures(notebook))
    if len(last) != len(now):
        return
    for old, new in zip(last, now, strict=True):
        if alike(*(base64.b64decode(data[PICTURE]) for data in (old, new))):
            new[PICTURE] = old[PICTURE]


def refresh(path: Path, picture: Callable[[str], bytes]) -> None:
    """Run one notebook in a fresh kernel, from top to bottom, and store it with its compared outputs.

    Raises
    ------
    SystemExit
        If a cell fails or warns; the stored notebook then stays as it was.
    """
    before = nbformat.read(path, as_version=4)
    notebook = copy.deepcopy(before)
    client = NotebookClient(
        notebook,
        timeout=_LONGEST,
        resources={"metadata": {"path": path.parent}},
        extra_arguments=["--ext=docs.displays", "--log-level=ERROR"],
    )
    try:
        client.execute()
        for cell in notebook.cells:
            tags = cell.metadata.get("tags")
            cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
            if cell.cell_type == "code":
                cell.outputs = compared(cell, picture)
    except (CellExecutionError, ValueError) as problem:
        raise SystemExit(f"{path.name} was left as it was: {str(problem)[-3000:]}") from None
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    keep_pictures(notebook, before)
    nbformat.write(notebook, path)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("notebooks", nargs="*", type=Path, help="which ones; all where none is named")
    os.environ["PYTHONPATH"] = str(FOLDER.parent)  # of the kernels, whose folder is that of the notebooks
    with camera() as taken:
        for chosen in arguments.parse_args().notebooks or sorted(FOLDER.glob("*.ipynb")):
            print(chosen.name, flush=True)
            refresh(chosen.resolve(), taken)
