"""Finds a foreign package with the name of one of cellrig's, before any of it is imported.

``drivers``, ``protocols`` and ``simulators`` are common words. Another distribution's package, or a folder of that name
in the working directory, would be imported in place of ours (docs/decisions/0014-four-top-level-packages.md).
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

_PACKAGES = ("protocols", "drivers", "simulators")
_HOME = Path(__file__).resolve().parents[2]


def foreign_package(packages: tuple[str, ...] = _PACKAGES, home: Path = _HOME) -> str:
    """Return which of cellrig's packages Python would import from elsewhere, and the remedy; "" when there is none."""
    for name in packages:
        spec = find_spec(name)
        found = None if spec is None or spec.origin is None else Path(spec.origin).resolve().parent
        if found != home / name:
            where = found or (spec and ", ".join(spec.submodule_search_locations or ())) or "nowhere"
            return (
                f"the package {name!r} beside cellrig should be {home / name}, and Python finds {where}; "
                f"start cellrig from another folder, or in an environment of its own without that package"
            )
    return ""
