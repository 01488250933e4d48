"""Reads a stored test for its judges after a restart, in pages: nothing of it is held in memory as a whole.

What SQLite can say of millions of records is asked of SQLite, in a tenth of the time that a record takes as an object.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from drivers.interfaces import Sample
from orchestrator.judging.steps import ExecutedStep
from orchestrator.store import samples as bulk
from orchestrator.store.connection import BUSY_TIMEOUT_S, Access, connect
from orchestrator.store.errors import explained
from orchestrator.store.statements import STEP_COLUMNS, executed_of

# A page takes a few milliseconds: the service's loop runs between two.
STEP_ROWS = 200
SCANNED_ROWS = 10_000
# More suspects than this on a page are not worth telling apart from the rest.
_MANY = 1_000

_SAMPLE = ", ".join(f"sample.{name}" for name in Sample._fields)
# What a step's row must share with the last of its samples, name by name.
_SHARED = (
    ("step_count", "step_count"),
    ("step", "step"),
    ("tester_cycle", "tester_cycle"),
    ("mode", "mode"),
    ("duration_s", "step_time_s"),
    ("capacity_ah", "capacity_ah"),
    ("energy_wh", "energy_wh"),
)
_AGREES = " AND ".join(f"step.{name} IS sample.{theirs}" for name, theirs in _SHARED)
_STEPS = f"""
SELECT {", ".join(f"step.{name}" for name in STEP_COLUMNS)}, coalesce({_AGREES}, 0) AS agrees,
    (SELECT min(sequence) FROM sample AS later WHERE later.test = step.test AND later.sequence > step.last_sequence)
FROM step LEFT JOIN sample ON sample.test = step.test AND sample.sequence = step.last_sequence
WHERE step.test = ? AND step.step_count > ? ORDER BY step.step_count LIMIT ?
"""  # noqa: S608 names of ours only
_BAND_TABLE = (
    "CREATE TEMP TABLE band (step INTEGER PRIMARY KEY, low_a REAL, high_a REAL, time_s REAL, capacity_ah REAL)"
)
_PAGE_END = """
SELECT max(sequence), count(*) FROM
    (SELECT sequence FROM sample WHERE test = ? AND sequence > ? ORDER BY sequence LIMIT ?)
"""
# Whatever is not surely within its band comes out: a missing value, a step without a band.
_SUSPECTS = f"""
SELECT {_SAMPLE} FROM sample LEFT JOIN temp.band ON band.step = sample.step
WHERE sample.test = ? AND sample.sequence > ? AND sample.sequence <= ? AND (
    sample.voltage_v BETWEEN ? AND ? AND sample.current_a BETWEEN band.low_a AND band.high_a
    AND sample.step_time_s <= band.time_s AND sample.capacity_ah <= band.capacity_ah
) IS NOT TRUE ORDER BY sample.sequence LIMIT ?
"""  # noqa: S608 names of ours only


_PAGE = f"{bulk.SELECT} AND sequence > ? AND sequence <= ? ORDER BY sequence"


class Band(NamedTuple):
    """The values of a step's samples that need no second look."""

    low_a: float
    high_a: float
    time_s: float
    capacity_ah: float


@dataclass(frozen=True, slots=True)
class StoredStep:
    """A step's row, whether its last sample agrees with it, and the next sample's number (None: there is none)."""

    executed: ExecutedStep
    agrees: bool
    next_sequence: int | None


@dataclass(frozen=True, slots=True)
class Scan:
    """The samples of one page, ``after`` one number and up to another, that may be outside of their bands, in order.

    ``is_whole``: they are all of the page's samples, because they cannot be told apart from the others.
    """

    after: int
    last: int
    count: int
    suspects: list[Sample]
    is_whole: bool


class StoredTest:
    """One test of a store, read on a connection of its own."""

    def __init__(self, connection: sqlite3.Connection, path: Path, test: int) -> None:
        self._connection = connection
        self._path = path
        self._test = test

    def first_sequence(self) -> int | None:
        """Return the number of the test's first sample; None when it has none."""
        return self._one("SELECT min(sequence) FROM sample WHERE test = ?")

    def _one(self, sql: str) -> int | None:
        with explained(self._path):
            number: int | None = self._connection.execute(sql, (self._test,)).fetchone()[0]
        return number

    def steps(self) -> Iterator[list[StoredStep]]:
        """Return the stored steps in order, in pages."""
        after = 0
        while True:
            with explained(self._path):
                rows = self._connection.execute(_STEPS, (self._test, after, STEP_ROWS)).fetchall()
            if not rows:
                return
            page = [StoredStep(executed_of(row[:-2]), bool(row[-2]), row[-1]) for row in rows]
            yield page
            after = page[-1].executed.step_count

    def samples(self, after: int, most: int | None = None) -> Iterator[list[Sample]]:
        """Return the samples above a number in order, all or the first ``most``, in pages."""
        with explained(self._path):
            for page in bulk.pages(self._connection, self._test, after, most):
                yield list(page)

    def last_sequence(self) -> int | None:
        """Return the number of the test's last sample; None when it has none."""
        return self._one("SELECT max(sequence) FROM sample WHERE test = ?")

    def first_of_step_above(self, sequence: int) -> int | None:
        """Return the number of the first sample of the first stored step that begins above a sample's number."""
        sql = "SELECT min(first_sequence) FROM step WHERE test = ? AND first_sequence > ?"
        with explained(self._path):
            number: int | None = self._connection.execute(sql, (self._test, sequence)).fetchone()[0]
        return number

    def scan(self, low_v: float, high_v: float, bands: Mapping[int, Band]) -> Iterator[Scan]:
        """Go over all samples in pages and return those that are outside of a voltage band or of their step's band."""
        with explained(self._path):
            self._connection.execute(_BAND_TABLE)
            rows = [(step, *band) for step, band in bands.items()]
            self._connection.executemany("INSERT INTO temp.band VALUES (?, ?, ?, ?, ?)", rows)
        first = self.first_sequence()
        after = -1 if first is None else first - 1
        while True:
            with explained(self._path):
                ask = self._connection.execute
                last, count = ask(_PAGE_END, (self._test, after, SCANNED_ROWS)).fetchone()
                if not count:
                    return
                rows = ask(_SUSPECTS, (self._test, after, last, low_v, high_v, _MANY + 1)).fetchall()
                # Where numbers jump it is not known whether a sample within its band lies between two suspects.
                is_whole = bool(rows) and (len(rows) > _MANY or last - after != count)
                if is_whole:
                    rows = ask(_PAGE, (self._test, after, last)).fetchall()
            yield Scan(after, last, count, [bulk.sample_of(row) for row in rows], is_whole)
            after = last


@contextmanager
def reading(path: Path, test: int) -> Iterator[StoredTest]:
    """Open a stored test for reading, beside the connection that writes."""
    with explained(path):
        connection = connect(path, Access.READ, BUSY_TIMEOUT_S)
    with closing(connection):
        connection.execute("PRAGMA temp_store = MEMORY").close()
        yield StoredTest(connection, path, test)
