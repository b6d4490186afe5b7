"""The script of a page: the modules in ``js``, joined into the one that a component of Panel's takes.

Each module keeps its own scope, so that names of one cannot meet those of another. Not a bundler: it knows the modules'
``import {a, b} from "./file.js"`` and ``export function``, ``const`` or ``class``, and refuses anything else.
"""

import re
from pathlib import Path

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(\w+)\.js"\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class) (\w+))", re.MULTILINE)
_UNKNOWN = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
_BLOCK = r"/\*\*(?:(?!\*/)[\s\S])*\*/"
#: Lines of comments, and types wherever they stand: pages need not fetch them.
_COMMENT = re.compile(rf"^ *(?://.*|{_BLOCK})\n|{_BLOCK} ?", re.MULTILINE)


def joined(folder: Path, entry: str) -> str:
    """Return a module and all that it imports as one module, which exports what the module itself exports.

    Parameters
    ----------
    folder : Path
        Where the modules are.
    entry : str
        Name of the module, without ``.js``.

    Raises
    ------
    ValueError
        If a module imports what another one does not export, or itself through others, or is not written in the forms
        named above.
    OSError
        If a module cannot be read.
    """
    exports: dict[str, list[str]] = {}
    pieces: list[str] = []

    def add(name: str, importers: tuple[str, ...]) -> None:
        if name in importers:
            raise ValueError(f"{' imports '.join([*importers, name])}: take the circle out of {folder}")
        if name in exports:
            return
        text = _COMMENT.sub("", (folder / f"{name}.js").read_text(encoding="utf-8"))
        imports = [
            (list(filter(None, re.split(r"[\s,]+", names))), file) for names, file in _IMPORT.findall(text)
        ]
        for names, file in imports:
            add(file, (*importers, name))
            missing = set(names) - set(exports[file])
            if missing:
                raise ValueError(
                    f"{name}.js imports {', '.join(sorted(missing))}, which {file}.js does not export"
                )
        exports[name] = _EXPORT.findall(text)
        body = _EXPORT.sub("", _IMPORT.sub("", text))
        unknown = _UNKNOWN.search(body)
        if unknown:
            raise ValueError(f"{name}.js: “{unknown[0]}” is no form of import or export that can be joined")
        heads = "".join(f"const {{{', '.join(names)}}} = ${file}\n" for names, file in imports)
        pieces.append(
            f"const ${name} = (() => {{\n{heads}{body.strip()}\nreturn {{{', '.join(exports[name])}}}\n}})()\n"
        )

    add(entry, ())
    return "".join([*pieces, f"export const {{{', '.join(exports[entry])}}} = ${entry}\n"])


_JS = Path(__file__).parent / "js"
#: What every part of a page runs.
SCRIPT = joined(_JS, "main")
#: What the browser's thread for sound runs.
WORKLET = joined(_JS, "worklet")
#: What the listening test runs.
LISTEN = joined(_JS, "listen")
