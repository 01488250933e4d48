"""Makes one verified copy of a store that may be written meanwhile: one moment of it, one file without a log."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from orchestrator.store.connection import Access, check_is_store, connect
from orchestrator.store.disk_space import FLOOR_BYTES, WARN_FLOORS, megabytes
from orchestrator.store.errors import BackupFailed, Damaged, damaged, explain, explained

# Pages copied between two looks at the caller's ``progress``: a megabyte.
PAGES_PER_STEP = 256
# Where the file header says that a log belongs to the file, and what says that none does (SQLite file format, 1.3.2).
_LOG_FLAGS_AT, _NO_LOG = 18, b"\x01\x01"

Progress = Callable[[int, int], None]
Counts = dict[str, int]


def copy_verified(
    store: Path, partial: Path, pages_per_step: int, progress: Progress | None, free: Callable[[Path], int]
) -> Counts:
    """Fill and verify an unfinished file, or remove it."""
    try:
        with explained(store), closing(connect(store, Access.READ)) as source:
            check_is_store(source, store)
            # One read transaction for the whole copy: without it every commit meanwhile would start the copy anew.
            source.execute("BEGIN")
            counts = _counts(source)
            _check_space(source, store, partial, free)
            _copy_pages(source, store, partial, pages_per_step, progress)
        _verify(store, partial, counts)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return counts


def _check_space(source: sqlite3.Connection, store: Path, partial: Path, free: Callable[[Path], int]) -> None:
    pages, page = (source.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    left = free(partial.parent)
    # The copy must not take what the store itself needs, where both are on one disk.
    if left < (need := pages * page + WARN_FLOORS * FLOOR_BYTES):
        raise BackupFailed(
            f"no backup of {store} was made: {partial.parent} has {megabytes(left)} free and the copy needs "
            f"{megabytes(need)} with a margin; free space, or give a folder on another disk"
        )


def _copy_pages(
    source: sqlite3.Connection, store: Path, partial: Path, pages_per_step: int, progress: Progress | None
) -> None:
    def step(status: int, left: int, pages: int) -> None:
        # SQLite would go on asking for ever.
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise BackupFailed(f"no backup of {store} was made: {partial} is locked by another program")
        if progress is not None:
            progress(left, pages)

    try:
        # Without locks: nobody knows the file yet, and the shares that backups are kept on lock badly.
        with closing(connect(partial, Access.FILL_ALONE)) as target:
            # One flush of the whole file comes below, and a file that was not finished is removed.
            target.execute("PRAGMA journal_mode = OFF").close()
            target.execute("PRAGMA synchronous = OFF").close()
            source.backup(target, pages=pages_per_step, progress=step, sleep=0)
    except sqlite3.Error as err:
        told = explain(err, store)
        if isinstance(told, Damaged):
            raise told from err
        raise BackupFailed(f"no backup of {store} was made: {err}; check the disk with {partial.parent}") from err
    with partial.open("r+b") as file:
        file.seek(_LOG_FLAGS_AT)
        file.write(_NO_LOG)
        file.flush()
        os.fsync(file.fileno())


def _verify(store: Path, partial: Path, counts: Counts) -> None:
    """Read the whole copy, and return its row counts."""
    with closing(connect(partial, Access.READ_FINISHED)) as copy:
        try:
            problem = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
            found = _counts(copy)
        except sqlite3.DatabaseError as err:
            raise damaged(store, f"its copy cannot be read ({err})") from err
    if problem != "ok":
        raise damaged(store, f"its copy is not whole ({problem})")
    if found != counts:
        raise BackupFailed(f"the copy of {store} has other rows than the store; nothing was kept. Check the disk")


def _counts(connection: sqlite3.Connection) -> Counts:
    """Count the rows of every table."""
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
    )
    return {
        name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608 names of ours
        for (name,) in names.fetchall()
    }


def flush_folder(folder: Path) -> None:
    """Flush a new file name to the disk, if the system supports it."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
