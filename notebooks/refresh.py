"""Run notebooks anew and keep of their outputs what nbval compares: `make notebooks-refresh`.
The pitfalls are described in tests/project/test_notebooks.py and in conftest.py beside this file.
Not a check: it stores whatever the notebooks say now, so read the difference before you commit it.
"""

import argparse
import configparser
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat

FOLDER = Path(__file__).resolve().parent


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


def compared(cell: Any) -> list[Any]:
    """Return a cell's outputs with their words and numbers alone.

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
        elif "text/plain" in output.data:
            output.data = nbformat.from_dict({"text/plain": settled(output.data["text/plain"])})
            output.metadata = nbformat.from_dict({})
            kept.append(output)
    return kept


def refresh(path: Path) -> None:
    """Run one notebook in a fresh kernel, from top to bottom, and store it with its compared outputs.

    Raises
    ------
    SystemExit
        If a cell fails or warns; the stored notebook then stays as it was.
    """
    before = path.read_text(encoding="utf-8")
    command = [sys.executable, "-m", "jupyter", "execute", "--inplace", str(path)]
    run = subprocess.run(command, cwd=path.parent, capture_output=True, text=True)
    if run.returncode:
        path.write_text(before, encoding="utf-8")
        raise SystemExit(f"{path.name} was left as it was: {run.stderr[-3000:]}")
    notebook = nbformat.read(path, as_version=4)
    try:
        for cell in notebook.cells:
            tags = cell.metadata.get("tags")
            cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
            if cell.cell_type == "code":
                cell.outputs = compared(cell)
    except ValueError as problem:
        path.write_text(before, encoding="utf-8")
        raise SystemExit(f"{path.name} was left as it was: {problem}") from None
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    nbformat.write(notebook, path)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("notebooks", nargs="*", type=Path, help="which ones; all where none is named")
    for chosen in arguments.parse_args().notebooks or sorted(FOLDER.glob("*.ipynb")):
        print(chosen.name, flush=True)
        refresh(chosen.resolve())
