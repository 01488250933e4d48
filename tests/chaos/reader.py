"""The store as any reader sees it on disk, while its writer lives and after it is dead."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

_TELLING = (
    "SELECT run_id, state, state_unix_s FROM run ORDER BY run_id",
    "SELECT run_id, kind, at_unix_s FROM event ORDER BY id",
    "SELECT test, count(*), sum(voltage_v), sum(capacity_ah) FROM sample GROUP BY test ORDER BY test",
    "SELECT test, count(*), sum(z_real_ohm), sum(z_imag_ohm) FROM spectrum GROUP BY test ORDER BY test",
)


class Reader:
    """Opens the file at its first use."""

    def __init__(self, store_file: Path) -> None:
        self._file = store_file
        self._connection: sqlite3.Connection | None = None

    def query(self, sql: str, *values: object) -> list[Any]:
        """Read from the store as it is on disk."""
        if self._connection is None:
            self._connection = sqlite3.connect(f"{self._file.as_uri()}?mode=ro", uri=True)
        return self._connection.execute(sql, values).fetchall()

    def close(self) -> None:
        """Let go of the store."""
        if self._connection is not None:
            self._connection.close()

    def finished(self) -> Counter[str]:
        """Count runs by state."""
        return Counter(dict(self.query("SELECT state, count(*) FROM run GROUP BY state")))

    def sample_count(self) -> int:
        """Count stored samples."""
        return int(self.query("SELECT count(*) FROM sample")[0][0])

    def spectra(self) -> Counter[str]:
        """Count stored spectra, and those that runs went on without."""
        (missing,) = self.query("SELECT count(*) FROM test WHERE barcode LIKE '%-missing'")[0]
        return Counter(stored=self.query("SELECT count(*) FROM measurement")[0][0], missing=missing)

    def digest(self) -> str:
        """Give a short text that tells one night from another: what was stored, and when, down to the last event."""
        summed = hashlib.sha256()
        for sql in _TELLING:
            for row in self.query(sql):
                summed.update(repr(row).encode())
        return summed.hexdigest()[:12]
