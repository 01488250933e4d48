"""Names the extra to install when a command needs libraries that are not installed."""

from __future__ import annotations

from importlib.util import find_spec

from orchestrator.cli.output import WRONG_USE, fail

# The libraries of each extra of pyproject.toml, by the names under which Python imports them.
EXTRAS = {"report": ("impedance", "matplotlib", "pandas", "scipy")}


def need(extra: str) -> None:
    """End the command before its work begins if a library of ``extra`` is missing."""
    if missing := [name for name in EXTRAS[extra] if find_spec(name) is None]:
        fail(
            f"this command draws and fits, and {', '.join(missing)} is not installed; "
            f"install it with: python -m pip install '.[{extra}]' in the folder of cellrig",
            WRONG_USE,
        )
