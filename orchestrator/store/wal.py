"""The write-ahead log: its size, its checkpoints into the store, and the readers that keep it from shrinking.

A reader that never finishes keeps every page written since: the log then grows with each tick until the disk is full.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from orchestrator.store.companion_files import wal_path
from orchestrator.store.errors import Refused, explained
from orchestrator.store.store import Store

# The log's size above which it is folded back, and a reader that forbids it is told of, in bytes.
WAL_CAP_BYTES = 64 * 2**20


class CheckpointMode(StrEnum):
    """The extent of a checkpoint: as much as readers allow, or all of it, which leaves an empty log."""

    PASSIVE = "PASSIVE"
    TRUNCATE = "TRUNCATE"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The result of a checkpoint: pages in the log, pages copied into the store, and whether a reader blocked it."""

    held_up: bool
    log_pages: int
    folded_pages: int


def wal_size_bytes(store: Path) -> int:
    """Return the size of the log of the store at a path, 0 where there is none."""
    log = wal_path(store)
    return log.stat().st_size if log.exists() else 0


def checkpoint(store: Store, mode: CheckpointMode = CheckpointMode.PASSIVE) -> Checkpoint:
    """Copy the log into the store, without waiting for readers. Call it outside any transaction."""
    if store.read_only or store.connection.in_transaction:
        raise Refused(f"{store.path} cannot be checkpointed from here; do it where it is written, between two commits")
    with explained(store.path):
        # A checkpoint that truncates would wait for readers, and the next tick with it.
        (waits_ms,) = store.connection.execute("PRAGMA busy_timeout").fetchone()
        store.connection.execute("PRAGMA busy_timeout = 0").close()
        try:
            busy, log, folded = store.connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        finally:
            store.connection.execute(f"PRAGMA busy_timeout = {waits_ms}").close()
    return Checkpoint(bool(busy) or folded < log, log, folded)


@dataclass(frozen=True, slots=True)
class WalReport:
    """One check of the log: its size in bytes now, whether a reader keeps it above the cap, and a sentence."""

    size_bytes: int
    held_by_reader: bool
    sentence: str


def watch_wal(store: Store, cap_bytes: int = WAL_CAP_BYTES) -> WalReport:
    """Copy the log into the store if it is above the cap, and report a reader that prevents it. Never waits."""
    before = wal_size_bytes(store.path)
    if before <= cap_bytes:
        return WalReport(before, False, f"the log of {store.path.name} has {before / 1e6:.1f} MB")
    result = checkpoint(store, CheckpointMode.TRUNCATE)
    size = wal_size_bytes(store.path)
    if not result.held_up:
        return WalReport(size, False, f"the log of {store.path.name} had {before / 1e6:.1f} MB and was folded back")
    return WalReport(
        size,
        True,
        f"the log of {store.path.name} has {size / 1e6:.1f} MB and grows, because another program reads without end; "
        "close what has the store open (a viewer, a notebook, an export)",
    )
