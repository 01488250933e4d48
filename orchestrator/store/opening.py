"""Opens a store: checks the place and the file, makes writes durable, and migrates the layout.

::

    with open_store(Path("lab.sqlite")) as store:
        store.tick({test: samples})

Nothing of SQLite's helpers is imported before a store is opened: the command line starts without them.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.store.backup import back_up_before
from orchestrator.store.companion_files import wal_path
from orchestrator.store.connection import BUSY_TIMEOUT_S, Access, check_is_store, connect
from orchestrator.store.disk_space import Reserve
from orchestrator.store.durability import Durability
from orchestrator.store.errors import (
    CannotOpen,
    Damaged,
    MigrationFailed,
    NewerStore,
    Refused,
    damaged,
    explain,
    explained,
)
from orchestrator.store.locations import network_share, sync_service
from orchestrator.store.older import in_memory
from orchestrator.store.place import check_one_name, check_path, real_path
from orchestrator.store.store import Store

if TYPE_CHECKING:
    from orchestrator.store.sqlite_library import Database, Migrations

# The WAL file shrinks back to this after a checkpoint, in bytes.
WAL_LIMIT_BYTES = 64 * 2**20
# Page cache, in kibibytes: holds the open ends of a rack's tests, so that a tick reads nothing from disk.
CACHE_KIB = 32 * 1024
# Of the file format: where the mark of a store is, and how many tables and indices the first page holds.
_HEAD_BYTES, _MARK_AT, _TABLES_AT = 108, slice(68, 72), slice(103, 105)


def open_store(
    path: Path | str,
    *,
    read_only: bool = False,
    busy_timeout_s: float = BUSY_TIMEOUT_S,
    reserve_bytes: int = 0,
    durability: Durability = Durability.POWER_CUT,
    migrations: Migrations | None = None,
    is_in_use: bool = False,
) -> Store:
    """Open a store, created on first use unless ``read_only``; close it with ``with`` or ``Store.close``.

    A store belongs to the thread that opened it. One process writes; any number may open it ``read_only`` meanwhile. A
    write waits ``busy_timeout_s`` for another program's lock. Opening for writing reads the file once (about 4 s a
    gigabyte) and refuses one that is damaged; before an older layout is brought up to date a verified copy is made
    beside it. Opened ``read_only``, a store of an older layout is not changed: what is read is a copy in memory.
    ``reserve_bytes`` are kept free for the last commits (see ``SpaceGuard``). ``durability`` is what commits survive;
    less than a power cut is for runs that can be made again by their seed. ``migrations`` None are those
    of this cellrig. ``is_in_use``: another process has the store's lock, and an older layout is refused instead of
    changed under it (docs/decisions/0051). Raises ``CannotOpen`` and its kinds, ``Damaged``, ``BackupFailed`` or
    ``StoreBusy``.
    """
    check_path(path)
    place = real_path(path)
    check_place(place, read_only)
    _check_log(place)
    if not read_only:
        _create_private(place)
    with explained(place):
        connection = connect(place, Access.READ if read_only else Access.WRITE, busy_timeout_s)
        try:
            db = _prepare(connection, place, read_only, migrations, is_in_use=is_in_use)
            if not read_only:
                durability.put_in_force(connection)
            if reserve_bytes and not read_only:
                Reserve(place, reserve_bytes).fill()
            return Store(place, db, read_only=read_only)
        except BaseException:
            connection.close()
            raise


def check_place(place: Path, read_only: bool) -> None:
    """Refuse a path without a store, or where none may be; a finished copy in a synchronised folder may be read."""
    if not read_only:
        check_one_name(place)
    folder = place.parent
    if share := network_share(folder):
        raise CannotOpen(
            f"{place} is on the network share {share}, where SQLite loses data; use a disk of this machine"
        )
    if not read_only and (synced := sync_service(folder)):
        service, root = synced
        raise CannotOpen(
            f"{place} is in {root}, which {service} copies while the store is being written, and may replace or lock; "
            "use a folder that is not synchronised, and send backups there instead: cellrig store backup --to"
        )


def unknown_layouts(db: Database, migrations: Migrations) -> list[str]:
    """Return the migrations that were applied to a file and that this cellrig does not know."""
    from orchestrator.store.sqlite_library import Database as NewDatabase

    with NewDatabase(memory=True) as empty:
        known = {migration.name for migration in migrations.pending(empty)}
    return sorted({migration.name for migration in migrations.applied(db)} - known)


def _create_private(place: Path) -> None:
    """Create a store's file, if it is not there, for its owner alone; its log and its copies get the same rights."""
    with contextlib.suppress(FileExistsError):
        try:
            os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            raise
        except OSError as err:
            raise CannotOpen(f"{place} cannot be made: {err.strerror}; check the rights of {place.parent}") from err


def _check_log(place: Path) -> None:
    """Refuse a store whose file has the mark of a store and no table: all that it held was in its log, which is gone.

    The mark is folded into the file before anything else is written; the tables follow by way of the log. The bytes are
    looked at without SQLite, which would make a new log.
    """
    from orchestrator.store.schema import APPLICATION_ID

    if wal_path(place).exists() or not place.exists():
        return
    try:
        with place.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as err:
        raise CannotOpen(f"{place} cannot be read: {err.strerror}; check its rights, and the disk") from err
    if head[_MARK_AT] == APPLICATION_ID.to_bytes(4, "big") and head[_TABLES_AT] == bytes(2):
        raise Damaged(
            f"{place} is a young store, and its log {wal_path(place).name} is gone, in which all its runs were; put "
            f"the log back beside it, or copy the last backup to {place.name}. If it never held a run, delete it"
        )


def _mark(connection: sqlite3.Connection) -> None:
    """Write into a new file, not only into its log, that it is a store."""
    from orchestrator.store.schema import APPLICATION_ID

    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def _prepare(
    connection: sqlite3.Connection, place: Path, read_only: bool, migrations: Migrations | None, *, is_in_use: bool
) -> Database:
    from orchestrator.store import schema
    from orchestrator.store.sqlite_library import Database

    migrations = migrations or schema.MIGRATIONS
    # What is found in the file decides whether anything may be changed.
    holds_tables = check_is_store(connection, place, empty_will_do=not read_only)
    db = Database(connection, execute_plugins=False)
    if unknown := unknown_layouts(db, migrations):
        raise NewerStore(
            f"{place} was written by a newer cellrig (it has {', '.join(unknown)}); update cellrig to open it"
        )
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    pending = migrations.pending(db)
    if read_only:
        return in_memory(connection, place, migrations) if pending else db
    if pending and is_in_use:
        raise CannotOpen(
            f"{place} is in use by an older cellrig, whose layout it has; end that and start it anew with this cellrig"
        )
    problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise damaged(place, problem)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")  # macOS: through the drive's own cache; no effect elsewhere
    connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
    if not holds_tables:
        _mark(connection)
    if pending:
        try:
            _migrate(db, place, migrations, keep_copy=holds_tables)
        except BaseException:
            # It is as new as it was: the next start must not look for a log.
            if not check_is_store(connection, place, empty_will_do=True):
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("PRAGMA application_id = 0")
            raise
    return db


def _migrate(db: Database, place: Path, migrations: Migrations, *, keep_copy: bool) -> None:
    """Migrate the layout in one transaction; a second program that tries the same waits, and finds it done."""
    from orchestrator.store import schema

    db.execute("BEGIN IMMEDIATE")
    copy: Path | None = None
    try:
        pending = migrations.pending(db)
        if pending and keep_copy:
            copy = back_up_before(place, pending[0].name)
        migrations.apply(db)
        db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        db.execute("COMMIT")
    except BaseException as err:
        db.rollback()
        if copy is not None and isinstance(err, sqlite3.Error) and isinstance(explain(err, place), Refused):
            raise MigrationFailed(
                f"{place} could not be brought up to the layout of this cellrig ({err}); it is as it was, with a copy "
                f"in {copy.name}: go on with the cellrig that wrote it, and report this"
            ) from err
        raise
