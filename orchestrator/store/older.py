"""Reads a store of an older layout without changing it: through a copy in memory that is brought up to date."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.store.connection import Access, check_is_store, connect
from orchestrator.store.errors import CannotOpen, MigrationFailed, explained
from orchestrator.store.place import check_path, real_path

if TYPE_CHECKING:
    from orchestrator.store.sqlite_library import Database, Migrations

# A larger store is not copied into memory for a look: its layout is brought up to date once, on the disk.
MOST_IN_MEMORY_BYTES = 256 * 2**20


def in_memory(connection: sqlite3.Connection, place: Path, migrations: Migrations) -> Database:
    """Return a copy of a store with today's layout, for reading only; the connection to its file is closed.

    Raises CannotOpen for a store that is too large for this, and MigrationFailed.
    """
    from orchestrator.store.sqlite_library import Database

    pages, page = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    if pages * page > MOST_IN_MEMORY_BYTES:
        raise CannotOpen(
            f"{place} has the layout of an older cellrig, and {pages * page / 2**20:.0f} MiB are too much to be read "
            f"through a copy in memory; bring it up to date once, a copy is kept: cellrig store upgrade --store {place}"
        )
    memory = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.backup(memory)
        db = Database(memory, execute_plugins=False)
        migrations.apply(db)
        memory.execute("PRAGMA query_only = ON").close()
    except sqlite3.Error as err:
        memory.close()
        raise MigrationFailed(
            f"{place} has the layout of an older cellrig and cannot be read as one of today's ({err}); it is as it "
            "was: read it with the cellrig that wrote it, and report this"
        ) from err
    connection.close()
    return db


def pending_layouts(path: Path) -> list[str]:
    """Return the names of the migrations that a store has still before it. Raises CannotOpen, NotAStore."""
    from orchestrator.store.schema import MIGRATIONS
    from orchestrator.store.sqlite_library import Database

    check_path(path)
    place = real_path(path)
    with explained(place), closing(connect(place, Access.READ)) as connection:
        check_is_store(connection, place)
        return [migration.name for migration in MIGRATIONS.pending(Database(connection, execute_plugins=False))]
