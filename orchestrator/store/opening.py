"""Open a store: check the place and the file, make it durable, bring its layout up to date.

::

    with open_store(Path("lab.sqlite")) as store:
        store.tick({test: samples})

Nothing of SQLite's helpers is imported before a store is opened: the command line starts without them.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from orchestrator.store.errors import CannotOpen, NewerStore, NotAStore, explained
from orchestrator.store.store import Store

if TYPE_CHECKING:
    from sqlite_utils import Database

# How long a write waits for another program's lock before it says so, in seconds.
BUSY_TIMEOUT_S = 1.0
# The WAL file shrinks back to this after a checkpoint, in bytes.
WAL_LIMIT_BYTES = 64 * 2**20
# Page cache, in kibibytes: holds the open ends of a rack's tests, so that a tick reads nothing from disk.
CACHE_KIB = 32 * 1024
# SQLite's locks and its WAL need one machine's memory; on these they seem to work, and lose data.
NETWORK_FILE_SYSTEMS = frozenset(
    {
        "9p",
        "afpfs",
        "afs",
        "ceph",
        "cifs",
        "davfs",
        "fuse.rclone",
        "fuse.sshfs",
        "glusterfs",
        "nfs",
        "nfs4",
        "smb3",
        "smbfs",
    }
)


def open_store(path: Path | str, *, read_only: bool = False, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Store:
    """Open a store, made on first use unless ``read_only``; close it with ``with`` or `Store.close`.

    A store belongs to the thread that opened it. One process writes; any number may open it ``read_only`` meanwhile.
    A write waits ``busy_timeout_s`` for another program's lock. Raises `CannotOpen` and its kinds, or `StoreBusy`.
    """
    place = Path(path).absolute()
    _check_place(place, read_only)
    with explained(place):
        mode = "ro" if read_only else "rwc"
        connection = sqlite3.connect(
            f"{place.as_uri()}?mode={mode}", uri=True, timeout=busy_timeout_s, isolation_level=None
        )
        try:
            return Store(place, _prepare(connection, place, read_only), read_only=read_only)
        except BaseException:
            connection.close()
            raise


def _check_place(place: Path, read_only: bool) -> None:
    if not place.parent.is_dir():
        raise CannotOpen(f"{place.parent} is not a folder; make it first, or give another path for the store")
    if read_only and not place.exists():
        raise CannotOpen(f"{place} does not exist; check the path, or let the service make the store first")
    if place.is_dir():
        raise CannotOpen(f"{place} is a folder; give the path of a file for the store")
    if share := _network_share(place.parent.resolve()):
        raise CannotOpen(
            f"{place} is on the network share {share}, where SQLite loses data; use a disk of this machine"
        )


def _network_share(folder: Path) -> str | None:
    """Give the network share that a folder is on, as far as the system tells."""
    if str(folder).startswith("\\\\"):
        return folder.drive
    mounts = Path("/proc/self/mounts")
    if sys.platform == "linux" and mounts.exists():
        return share_of(PurePosixPath(folder), mounts.read_text("utf-8", errors="replace").splitlines())
    return None


def share_of(folder: PurePosixPath, mounts: Iterable[str]) -> str | None:
    """Give the mount point of the network file system that a folder is on, from lines of a Linux mount table."""
    innermost, kind = PurePosixPath("/"), ""
    for line in mounts:
        fields = line.split()
        if len(fields) < 3:
            continue
        # The kernel writes blanks in names as octal escapes.
        point = PurePosixPath(fields[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"))
        if folder.is_relative_to(point) and len(point.parts) >= len(innermost.parts):
            innermost, kind = point, fields[2]
    return str(innermost) if kind in NETWORK_FILE_SYSTEMS else None


def _prepare(connection: sqlite3.Connection, place: Path, read_only: bool) -> Database:
    from sqlite_utils import Database

    from orchestrator.store import schema

    # What is found in the file decides whether anything may be changed.
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    holds_tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] > 0
    if application_id != schema.APPLICATION_ID and (holds_tables or read_only):
        raise NotAStore(f"{place} is a SQLite database, but not a store of cellrig; give another path")
    db = Database(connection, execute_plugins=False)
    unknown = {migration.name for migration in schema.MIGRATIONS.applied(db)} - schema.KNOWN
    if unknown:
        raise NewerStore(
            f"{place} was written by a newer cellrig (it has {', '.join(sorted(unknown))}); update cellrig to open it"
        )
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    pending = schema.MIGRATIONS.pending(db)
    if read_only:
        if pending:
            raise CannotOpen(
                f"{place} has the layout of an older cellrig; open it once for writing to bring it up to date"
            )
        return db
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")  # macOS: through the drive's own cache; no effect elsewhere
    connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
    if pending:
        _migrate(db)
    return db


def _migrate(db: Database) -> None:
    """Bring the layout up to date in one transaction; a second program that does the same waits, and finds it done."""
    from orchestrator.store import schema

    db.execute("BEGIN IMMEDIATE")
    try:
        schema.MIGRATIONS.apply(db)
        db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise
