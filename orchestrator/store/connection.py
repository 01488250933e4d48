"""Connects to a file without changing it, and checks whether it is a store."""

from __future__ import annotations

import sqlite3
from enum import StrEnum
from pathlib import Path

from orchestrator.store.companion_files import simulated_path
from orchestrator.store.errors import CannotOpen, NotAStore

# How long a write waits for another program's lock before it says so, in seconds.
BUSY_TIMEOUT_S = 1.0


class Access(StrEnum):
    """The purpose of a connection; a finished copy is read without locks, which network folders support badly."""

    READ = "mode=ro"
    READ_FINISHED = "mode=ro&immutable=1"
    WRITE = "mode=rwc"
    FILL_ALONE = "mode=rw&nolock=1"


def connect(file: Path, access: Access, busy_timeout_s: float = 0.0) -> sqlite3.Connection:
    """Connect to an absolute path; only WRITE creates a file. The caller manages transactions."""
    if access is not Access.WRITE and not file.exists():
        there = simulated_path(file)
        simulated = f". Simulated runs are in another store: --store {there.name}" if there.exists() else ""
        raise CannotOpen(f"{file} does not exist; check the path, or let the service make the store first{simulated}")
    connection = sqlite3.connect(f"{file.as_uri()}?{access}", uri=True, timeout=busy_timeout_s, isolation_level=None)
    # Every page that is read has its layout checked first: damage becomes an error, not a wrong row.
    connection.execute("PRAGMA cell_size_check = ON").close()
    return connection


def check_is_store(connection: sqlite3.Connection, file: Path, *, empty_will_do: bool = False) -> bool:
    """Return whether a file has the layout of a store already. Raises NotAStore if it holds other data."""
    from orchestrator.store.schema import APPLICATION_ID

    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    holds_tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] > 0
    if application_id != APPLICATION_ID and (holds_tables or not empty_will_do):
        raise NotAStore(f"{file} is a SQLite database, but not a store of cellrig; give another path")
    return bool(holds_tables)
