"""What a commit of the store survives, and which stores may have less than all of it.

A real cell's data cannot be measured again: each commit waits until the disk has it. A run in virtual time can be made
again by its seed, and would wait for the disk half of its time: its commits end when the operating system has them, and
the disk is waited for only when the log is folded into the store (decision 22).
"""

from __future__ import annotations

import sqlite3
from enum import StrEnum


class Durability(StrEnum):
    """What a commit survives, as SQLite's setting ``synchronous`` for a write-ahead log.

    Not ``OFF``: a power cut while the log is folded back would then damage the store, earlier runs included.
    """

    POWER_CUT = "FULL"
    KILLED_PROCESS = "NORMAL"

    def put_in_force(self, connection: sqlite3.Connection) -> None:
        """Let a connection's commits survive this."""
        connection.execute(f"PRAGMA synchronous = {self}").close()
