"""Makes backups: verified copies of a store while it is written, of which the newest few are kept.

::

    made = back_up(store.path, now_unix_s=now)      # any thread, any process; the writer is not held up

A plain copy of a store in use is no backup: it misses the log, and may hold half a commit. This copy is one moment of
the store, one file without a log, and gets its name only after it was read whole.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestrator.store.companion_files import backup_key, backup_name, before_name, named_backups, partial_path
from orchestrator.store.connection import Access, connect
from orchestrator.store.disk_space import free_bytes
from orchestrator.store.errors import BackupFailed
from orchestrator.store.place import check_path, real_path
from orchestrator.store.verified_copy import PAGES_PER_STEP, Progress, copy_verified, flush_folder

logger = logging.getLogger(__name__)

# How many backups are kept.
KEEP = 3


@dataclass(frozen=True, slots=True)
class Backup:
    """A verified copy: when it was made, its size, and the rows in it."""

    path: Path
    made_unix_s: float
    size_bytes: int
    rows: int
    removed: tuple[Path, ...]

    def as_dict(self) -> dict[str, object]:
        """Return the fields that ``cellrig store backup --json`` prints."""
        return asdict(self) | {"path": str(self.path), "removed": [str(path) for path in self.removed]}


def back_up(
    store: Path,
    folder: Path | None = None,
    *,
    now_unix_s: float,
    keep: int = KEEP,
    pages_per_step: int = PAGES_PER_STEP,
    progress: Progress | None = None,
    free: Callable[[Path], int] = free_bytes,
) -> Backup:
    """Copy a store into a folder (None: beside it), verify the copy, and keep the ``keep`` newest of this store.

    ``progress(pages_left, pages)`` is called after each step; what it raises ends the backup without a trace. The store
    may be written meanwhile: the copy is the moment at which it began, and the store's log grows until it is through.
    Raises ``BackupFailed``, ``Damaged``, ``CannotOpen`` or ``StoreBusy``; the store and earlier backups are then as
    they were.
    """
    check_path(store)
    store = real_path(store)
    folder = store.parent if folder is None else folder.absolute()
    with _told(store, folder):
        final, partial = _claim(store, folder, now_unix_s)
        counts = copy_verified(store, partial, pages_per_step, progress, free)
        partial.rename(final)
        flush_folder(folder)
        removed = _rotate(store, final, keep)
    return Backup(final, now_unix_s, final.stat().st_size, sum(counts.values()), tuple(removed))


@contextmanager
def folder_for(folder: Path | None) -> Iterator[bool]:
    """Make the folder that a person names for a backup, and yield whether it had to be made; None: nothing to make.

    What was made is taken away again if no backup gets into it. Raises ``BackupFailed``.
    """
    missing = [] if folder is None else [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        if folder is not None and missing:
            folder.mkdir(mode=0o700, parents=True)
    except OSError as err:
        raise BackupFailed(f"the folder {folder} for the backup cannot be made: {err}") from err
    try:
        yield bool(missing)
    except BaseException:
        for path in missing:
            path.rmdir()
        raise


def back_up_before(store: Path, migration: str) -> Path:
    """Copy a store beside itself before a migration, and return the verified copy.

    The caller holds the store's write lock: an unfinished or older copy for the same migration is then nobody's.
    """
    final = store.with_name(before_name(store, migration))
    partial = partial_path(final)
    with _told(store, store.parent):
        if final.exists() and identity(final, finished=True) != identity(store):
            raise BackupFailed(f"{final} is no backup of {store}, and stands in its place; move it elsewhere")
        partial.unlink(missing_ok=True)
        _touch_like(store, partial)
        copy_verified(store, partial, PAGES_PER_STEP, None, free_bytes)
        partial.replace(final)
        flush_folder(store.parent)
    return final


def backups(store: Path, folder: Path | None = None) -> list[tuple[float, Path]]:
    """Return the backups of a store in a folder (None: beside it) with their times (Unix, seconds), the newest first.

    A file counts when it is named like one and descends from this store; what cannot be read does not.
    """
    store = real_path(store)
    own = identity(store)
    found = []
    for path in named_backups(store, store.parent if folder is None else folder):
        key = backup_key(store, path.name)
        if own is not None and key is not None and identity(path, finished=True) == own:
            found.append((key[0], path))
    return found


def identity(file: Path, *, finished: bool = False) -> str | None:
    """Return the identity of a store and its copies: the time of its first layout, to the microsecond.

    A ``finished`` copy is read without locks. None: no store, or not readable.
    """
    if not file.is_file():
        return None
    try:
        with closing(connect(file, Access.READ_FINISHED if finished else Access.READ)) as connection:
            row = connection.execute(
                "SELECT applied_at FROM _sqlite_migrations WHERE migration_set = 'cellrig' ORDER BY id LIMIT 1"
            ).fetchone()
    except (sqlite3.Error, UnicodeDecodeError):
        return None
    return None if row is None else str(row[0])


@contextmanager
def _told(store: Path, folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        raise BackupFailed(
            f"no backup of {store} was made in {folder}: {err}; check that the folder exists and can be written"
        ) from err


def _claim(store: Path, folder: Path, now_unix_s: float) -> tuple[Path, Path]:
    """Create the unfinished file of a backup under a free name, and return the final and the unfinished path."""
    number = 1
    while True:
        final = folder / backup_name(store, now_unix_s, number)
        partial = partial_path(final)
        if not final.exists() and not partial.exists():
            _touch_like(store, partial)
            return final, partial
        number += 1


def _touch_like(store: Path, partial: Path) -> None:
    """Create the unfinished file with the access rights of the store: it will hold the same data."""
    mode = store.stat().st_mode & 0o777 if store.exists() else 0o600
    partial.touch(mode=mode, exist_ok=False)


def _rotate(store: Path, made: Path, keep: int) -> list[Path]:
    """Remove the oldest backups of this store, but never ``made``, even if the clock was set back."""
    others = [path for _, path in backups(store, made.parent) if path != made]
    removed = []
    for path in others[max(keep - 1, 0) :]:
        try:
            path.unlink()
        except OSError as err:
            logger.warning("old backup %s could not be removed: %s", path, err)
        else:
            removed.append(path)
    return removed
