"""Loaded by pytest before its plugins (`addopts` in pyproject.toml): nbval then costs each process 1 s less.

nbval reads notebooks with nbformat, which needs jsonschema, which imports rfc3987_syntax if it can. That compiles 38
grammars to check the format of international addresses, which notebooks have none of.
"""

import sys

# Python's word for a module that cannot be imported, which jsonschema expects.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
