"""Makes reading and running notebooks quicker: a tutorial's test takes 10.8 s of a core instead of 12.9.
pytest imports it before its plugins (`addopts` in pyproject.toml), and each kernel that a test starts runs it first
(conftest.py).
"""

import gc
import sys

# nbval and HoloViews read notebooks with nbformat, which needs jsonschema, which imports rfc3987_syntax if it can. That
# compiles 38 grammars to check the format of international addresses, which notebooks have none of. None is Python's
# word for a module that cannot be imported, which jsonschema expects.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
# Nearly all that imports make stays: Python need not look through it for garbage again and again.
gc.set_threshold(20_000, 20, 20)
