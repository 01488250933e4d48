"""Gives the disk space of archived records back to the system: SQLite keeps it in the file for later rows."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from orchestrator.store.disk_space import free_bytes, megabytes
from orchestrator.store.wal import CheckpointMode, checkpoint

if TYPE_CHECKING:
    from orchestrator.store import Store

# A store is written anew, into its log and into a file of SQLite's, before the old pages are let go.
_ROOM = 2.5


def free_inside_bytes(store: Store) -> int:
    """Return how many bytes of a store's file hold nothing."""
    return _pragma(store, "freelist_count") * _pragma(store, "page_size")


def empty_words(store: Store) -> str:
    """Say how much of a store's file is empty and stays so while somebody has the store; "" where nothing is."""
    if not (empty := free_inside_bytes(store)):
        return ""
    return f"{_kept(store, empty)}; the disk gets such space back when runs are archived while nobody has the store"


def _kept(store: Store, empty: int) -> str:
    return f"{megabytes(empty)} in {store.path.name} are empty and are used by the next runs"


def give_back(store: Store) -> str:
    """Write a store anew without its empty pages; return "", or why its file stays as large as it is.

    It costs what remains in the store, not what has left it. A process that is killed leaves the store as it was.
    """
    empty = free_inside_bytes(store)
    if not empty:
        return ""
    remains = (_pragma(store, "page_count") - _pragma(store, "freelist_count")) * _pragma(store, "page_size")
    kept = _kept(store, empty)
    if free_bytes(store.path.parent) < _ROOM * remains:
        return f"{kept}; to give them back to the disk, {megabytes(int(_ROOM * remains))} must be free for a moment"
    try:
        store.connection.execute("VACUUM").close()
    except sqlite3.Error as err:
        return f"{kept}; they could not be given back now ({err})"
    if checkpoint(store, CheckpointMode.TRUNCATE).held_up:
        return f"{kept}; another program reads the store: they are given back when it has ended"
    return ""


def _pragma(store: Store, name: str) -> int:
    return int(store.connection.execute(f"PRAGMA {name}").fetchone()[0])
