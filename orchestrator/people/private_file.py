"""Files that hold secrets: made with their rights, and refused once others may read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from drivers.errors import SettingsError

_NEW = "delete it to have a new one made, or put another in its place with rights 600"

_READ = (
    "take that away (chmod 600), then set new passwords: whoever has read it may guess them ('cellrig people --help')"
)


def must_be_private(path: Path, forbidden: int, remedy: str = _NEW) -> None:
    """Refuse a secret that others may read or change. Raises SettingsError, with the remedy, or OSError."""
    if os.name == "posix" and (mode := stat.S_IMODE(path.stat().st_mode)) & forbidden:
        raise SettingsError(
            f"{path} may be read or changed by others (its rights are {mode:03o}), so it is no secret any more: "
            f"{remedy}"
        )


def make_private(path: Path, text: str = "") -> None:
    """Make a file that only its owner may read: made with its rights, not given them afterwards. Raises OSError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text)


def people_path(store: Path) -> Path:
    """Return the file of people of a store."""
    return store.with_name(f"{store.name}.people")


def anchor_path(store: Path) -> Path:
    """Return the second place in which the end of the audit log is kept."""
    return store.with_name(f"{store.name}.people-anchor")


def check_people(store: Path) -> None:
    """Refuse a file of people that others may read. Raises SettingsError."""
    path = people_path(store)
    if path.exists():
        must_be_private(path, 0o077, _READ)
