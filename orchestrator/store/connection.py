"""Connect to a file as it is, and tell a store from anything else; nothing is changed by looking."""

from __future__ import annotations

import sqlite3
from enum import StrEnum
from pathlib import Path

from orchestrator.store.errors import CannotOpen, NotAStore

# How long a write waits for another program's lock before it says so, in seconds.
BUSY_TIMEOUT_S = 1.0


class Access(StrEnum):
    """What a connection is for; a finished copy is read without locks, which the shares of backups do badly."""

    READ = "mode=ro"
    READ_FINISHED = "mode=ro&immutable=1"
    WRITE = "mode=rwc"
    FILL_ALONE = "mode=rw&nolock=1"


def connect(file: Path, access: Access, busy_timeout_s: float = 0.0) -> sqlite3.Connection:
    """Connect to an absolute path; only WRITE makes a file. Transactions are the caller's."""
    if access is not Access.WRITE and not file.exists():
        raise CannotOpen(f"{file} does not exist; check the path, or let the service make the store first")
    return sqlite3.connect(f"{file.as_uri()}?{access}", uri=True, timeout=busy_timeout_s, isolation_level=None)


def check_is_store(connection: sqlite3.Connection, file: Path, *, empty_will_do: bool = False) -> bool:
    """Say whether a file holds a layout already. Raises NotAStore when it holds something else."""
    from orchestrator.store.schema import APPLICATION_ID

    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    holds_tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] > 0
    if application_id != APPLICATION_ID and (holds_tables or not empty_will_do):
        raise NotAStore(f"{file} is a SQLite database, but not a store of cellrig; give another path")
    return bool(holds_tables)
