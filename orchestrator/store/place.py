"""Checks whether a path can be a store's: before anything is opened there, and with a sentence for whatever cannot."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.store.errors import CannotOpen
from protocols.bounded_file import special_kind

# Names of a file end here on every system; the files beside a store have its name and up to 55 characters more.
_NAME_BYTES_MAX = 200
_SHOWN = 200


def real_path(path: Path | str) -> Path:
    """Return the path of the store itself, which symbolic links may lead to, whether or not it exists."""
    return Path(os.path.realpath(path))


def check_path(path: Path | str) -> None:
    """Raise CannotOpen, with the reason, for a path at which no store can be, whoever would open it."""
    text = str(path)
    shown = ascii(text)[1:-1] if len(text) <= _SHOWN else f"{ascii(text[:_SHOWN])[1:-1]}..."
    if not text or "\0" in text:
        raise CannotOpen(f"'{shown}' cannot be the path of a store; give the path of a file")
    if text.endswith(("/", os.sep)):
        raise CannotOpen(f"{shown} names a folder; give the path of a file for the store")
    try:
        place = real_path(path)
        # As the system sees the path; a link to itself is found here too.
        special = special_kind(path) if os.path.lexists(path) and os.path.exists(path) else ""  # noqa: PTH110 - a link to itself is no error here
        broken = os.path.islink(place)  # noqa: PTH114 - what the links lead to is no link, but for a link to itself
        folder_is_there = place.parent.is_dir()
        name_bytes = len(os.fsencode(place.name))
    except (OSError, ValueError, RuntimeError) as err:
        raise CannotOpen(f"{shown} cannot be the path of a store: {getattr(err, 'strerror', None) or err}") from err
    if broken:
        raise CannotOpen(f"{shown} is a link that leads to itself; give the path of a file for the store")
    if special:
        raise CannotOpen(f"{shown} is {special}; give the path of a file for the store")
    if not folder_is_there:
        raise CannotOpen(f"{shown}: {_shortened(place.parent)} is not a folder; make it first, or give another path")
    if not os.access(place.parent, os.X_OK):
        raise CannotOpen(f"{shown}: you may not use the folder {_shortened(place.parent)}; ask its owner for the right")
    if name_bytes > _NAME_BYTES_MAX:
        raise CannotOpen(f"{shown} has a name of {name_bytes} bytes; a store's may have {_NAME_BYTES_MAX}")


def check_one_name(place: Path) -> None:
    """Raise CannotOpen for a store with a second hard link: under each name SQLite would keep a log of its own."""
    if place.exists() and (names := place.stat().st_nlink) > 1:
        raise CannotOpen(
            f"{place} is one file under {names} names (hard links{_siblings(place)}); SQLite keeps a log for each name "
            "and loses data: delete all names but the one with the -wal beside it, or copy by 'cellrig store backup'"
        )


def same_file_beside(place: Path) -> list[Path]:
    """Return the other names of a file in its folder."""
    found = place.stat()
    with os.scandir(place.parent) as entries:
        names = [Path(entry.path) for entry in entries if entry.inode() == found.st_ino and entry.name != place.name]
    return [name for name in names if name.samefile(place)]


def _siblings(place: Path) -> str:
    names = sorted(name.name for name in same_file_beside(place))
    return f", here also as {', '.join(names)}" if names else ""


def _shortened(path: Path) -> str:
    return str(path) if len(str(path)) <= _SHOWN else f"{str(path)[:_SHOWN]}..."
