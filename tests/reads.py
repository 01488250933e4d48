"""Counts how often a file is opened, whichever library opens it."""

from __future__ import annotations

import sys

_watched: set[str] = set()
_reads: list[str] = []


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _watched and str(arguments[0]) in _watched:
        _reads.append(str(arguments[0]))


# An audit hook sees every open. It stays for the whole process, and is idle while no file is watched.
sys.addaudithook(_note)


def watch(*files: str) -> None:
    """Watch these files, from no opening on."""
    _watched.clear()
    _watched.update(files)
    _reads.clear()


def reads() -> list[str]:
    """Give every opening of a watched file."""
    return list(_reads)
