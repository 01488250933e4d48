"""Imports ``sqlite_utils`` without the libraries that it would import only because they are installed.

It knows types of pandas and numpy, none of which a store of ours holds. Where pandas is installed, its import takes
longer than everything else that a command does: half a second of ``cellrig run``, ``serve``, ``runs``.
"""

from __future__ import annotations

import sys

# To an import, a module that is None is one that is not installed.
_hidden = [name for name in ("numpy", "pandas") if name not in sys.modules]
sys.modules.update(dict.fromkeys(_hidden))  # type: ignore[arg-type]  # None is what the import system looks for
try:
    from sqlite_utils import Database, Migrations
finally:
    for _name in _hidden:
        del sys.modules[_name]

__all__ = ["Database", "Migrations"]
