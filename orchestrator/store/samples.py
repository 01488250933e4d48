"""Writes samples to the store in bulk, and reads them back in pages.

Written on the raw connection, because ``executemany`` is five times as fast as a row at a time through a library.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import nan
from typing import Any

from drivers.interfaces import Sample
from orchestrator.failpoints import failpoint
from orchestrator.store.archives import Outline, Temperatures, outline_of, outlines_of_run, refuse_archived
from orchestrator.store.errors import StoreConflict
from orchestrator.store.rows import TickResult
from orchestrator.store.temperatures import JoinedTemperatures

COLUMNS = ", ".join(Sample._fields)
# Only a key that is there already is passed over; ``INSERT OR IGNORE`` would also swallow rows that break a constraint.
# A reading that is missing is NaN in a sample and NULL in the file, never zero: SQLite turns the one into the other.
# The temperature of the cell's place comes last: it is no reading of the tester's, and a repeated sample keeps its own.
INSERT = f"""
INSERT INTO sample (test, {COLUMNS}, temperature_degc) VALUES (?{", ?" * len(Sample._fields)}, ?)
ON CONFLICT (test, sequence) DO NOTHING
"""  # noqa: S608 the names are the fields of a class of ours
SELECT = f"SELECT {COLUMNS} FROM sample WHERE test = ?"  # noqa: S608 as above

# A page is read whole and its cursor closed before the caller sees a row: a forgotten cursor keeps the WAL growing.
PAGE_ROWS = 1000


_NO_TEMPERATURE = (None,)
_TEMPERATURES = (
    "SELECT count(*), count(temperature_degc), min(temperature_degc), total(temperature_degc), "
    "max(temperature_degc) FROM sample"
)


def insert(
    connection: sqlite3.Connection,
    batches: Mapping[int, Sequence[Sample]],
    temperatures: JoinedTemperatures | None = None,
) -> TickResult:
    """Insert the samples of many tests, inside the caller's transaction. Raises StoreConflict on other values.

    A temperature is joined to each where there are any.
    """
    inserted = repeated = 0
    for test, batch in batches.items():
        key = (test,)
        if temperatures is None:
            rows: list[tuple[Any, ...]] = [key + sample + _NO_TEMPERATURE for sample in batch]
        else:
            joined = zip(batch, temperatures.of(connection, test, batch), strict=True)
            rows = [(*key, *sample, degc) for sample, degc in joined]
        new = connection.executemany(INSERT, rows).rowcount if batch else 0
        if new != len(batch):
            _compare(connection, test, batch)
        inserted += new
        repeated += len(batch) - new
    failpoint("sample commit open")
    return TickResult(inserted, repeated)


def _compare(connection: sqlite3.Connection, test: int, batch: Sequence[Sample]) -> None:
    """Raise for the first sample of a batch that is stored already with other values."""
    low, high = min(sample.sequence for sample in batch), max(sample.sequence for sample in batch)
    rows = connection.execute(f"{SELECT} AND sequence BETWEEN ? AND ?", (test, low, high))
    stored = {sample.sequence: sample for sample in map(sample_of, rows)}
    for sample in batch:
        there = stored[sample.sequence]
        values = zip(Sample._fields, there, sample, strict=True)
        differing = [name for name, a, b in values if a != b and not (a != a and b != b)]
        if differing:
            pairs = ", ".join(
                f"{name} {getattr(there, name)!r} and now {getattr(sample, name)!r}" for name in differing
            )
            raise StoreConflict(
                f"test {test}, sample {sample.sequence} is stored with {pairs}; nothing of this tick was kept. "
                "Check that the records come from the test that this one was opened for"
            )


def last(connection: sqlite3.Connection, test: int) -> Sample | None:
    """Return the sample with the highest sequence number, or None while there is none; that of an archived test too."""
    there = last_stored(connection, test)
    archived = None if (outline := outline_of(connection, test)) is None else outline.last
    if there is None or (archived is not None and archived.sequence >= there.sequence):
        return archived
    return there


def last_stored(connection: sqlite3.Connection, test: int) -> Sample | None:
    """Return the sample with the highest sequence number among the rows of the store, of any layout; None without."""
    row = connection.execute(f"{SELECT} ORDER BY sequence DESC LIMIT 1", (test,)).fetchone()
    return None if row is None else sample_of(row)


def count(connection: sqlite3.Connection, test: int) -> int:
    """Return how many samples a test has, in the store and archived; none is counted twice."""
    archived = "SELECT json_extract(outline_json, '$.last[0]') FROM archived_test WHERE test = :test"
    sql = (
        f"SELECT (SELECT count(*) FROM sample WHERE test = :test AND sequence > coalesce(({archived}), -1)) + "  # noqa: S608 text of ours
        "coalesce((SELECT samples FROM archived_test WHERE test = :test), 0)"
    )
    return int(connection.execute(sql, {"test": test}).fetchone()[0])


def pages(connection: sqlite3.Connection, test: int, after: int, limit: int | None) -> Iterator[Iterable[Sample]]:
    """Return the samples with a sequence number above ``after``, in order, in pages.

    Of an archived test only the first one and the last one are at hand. Raises RunArchived for others.
    """
    left = limit
    outline = outline_of(connection, test)
    if limit != 0 and outline is not None and outline.last is not None and after < outline.last.sequence:
        yield _of_archived(connection, test, outline, after, limit)
        after, left = outline.last.sequence, None if limit is None else limit - 1
    while left is None or left > 0:
        size = PAGE_ROWS if left is None else min(PAGE_ROWS, left)
        rows = connection.execute(
            f"{SELECT} AND sequence > ? ORDER BY sequence LIMIT ?", (test, after, size)
        ).fetchall()
        refuse_archived(connection, test, after)
        if rows:
            yield map(sample_of, rows)
            after = rows[-1][0]
        if len(rows) < size:
            return
        left = None if left is None else left - size


def _of_archived(
    connection: sqlite3.Connection, test: int, outline: Outline, after: int, limit: int | None
) -> list[Sample]:
    """Return the one sample above ``after`` of an archived test that its outline has. Raises RunArchived for others."""
    if outline.first is not None and limit == 1 and after < outline.first.sequence:
        return [outline.first]
    if outline.last is not None and after == outline.last.sequence - 1:
        return [outline.last]
    refuse_archived(connection, test, after)
    return []


def last_temperature_degc(connection: sqlite3.Connection, test: int) -> float | None:
    """Return the temperature of the cell's place at a test's last sample; None where nobody measured it."""
    sql = "SELECT temperature_degc, sequence FROM sample WHERE test = ? ORDER BY sequence DESC LIMIT 1"
    row = connection.execute(sql, (test,)).fetchone()
    outline = outline_of(connection, test)
    if outline is not None and outline.last is not None and (row is None or outline.last.sequence >= row[1]):
        return outline.last_temperature_degc
    degc, _ = row or (None, 0)
    return None if degc is None else float(degc)


def temperatures(connection: sqlite3.Connection, run_id: str) -> Temperatures:
    """Return how many samples a run has, how many with a temperature, the lowest, their sum, and the highest."""
    if outlines := outlines_of_run(connection, run_id):
        return _together([outline.temperatures for outline in outlines])
    sql = f"{_TEMPERATURES} WHERE test IN (SELECT id FROM test WHERE run_id = ?)"  # noqa: S608 names of ours
    found: Temperatures = connection.execute(sql, (run_id,)).fetchone()
    return found


def temperatures_of(connection: sqlite3.Connection, test: int) -> Temperatures:
    """Return the same of one test."""
    found: Temperatures = connection.execute(f"{_TEMPERATURES} WHERE test = ?", (test,)).fetchone()
    return found


def _together(parts: Sequence[Temperatures]) -> Temperatures:
    """Return the temperatures of all tests of a run from those of each."""
    lowest = [part[2] for part in parts if part[2] is not None]
    highest = [part[4] for part in parts if part[4] is not None]
    samples, measured = sum(part[0] for part in parts), sum(part[1] for part in parts)
    return samples, measured, min(lowest, default=None), sum(part[3] for part in parts), max(highest, default=None)


def column_pages(
    connection: sqlite3.Connection, test: int, names: Sequence[str], last: int, rows: int, after: int = -1
) -> Iterator[list[tuple[Any, ...]]]:
    """Return columns of the samples above sequence number ``after`` up to ``last``, in order, in pages of ``rows``.

    Each page is a list of columns as ``names`` orders them, the sequence number first; a missing reading is None. No
    cursor is open in between. Raises RunArchived.
    """
    if names[0] != "sequence" or not set(names) <= {*Sample._fields, "temperature_degc"}:
        raise ValueError(f"{', '.join(names)}: columns of a sample, the sequence number first")
    select = f"SELECT {', '.join(names)} FROM sample WHERE test = ? AND sequence > ? AND sequence <= ? "  # noqa: S608 names are checked
    if last > after:
        refuse_archived(connection, test, after)
    while page := connection.execute(f"{select}ORDER BY sequence LIMIT ?", (test, after, last, rows)).fetchall():
        refuse_archived(connection, test, after)
        after = page[-1][0]
        yield list(zip(*page, strict=True))
    if last > after:
        refuse_archived(connection, test, after)


def unfinished_steps(connection: sqlite3.Connection, test: int, after: int) -> list[tuple[int, int, int]]:
    """Return step count, first and last sequence number of each step in the samples above ``after``, in order."""
    sql = (
        "SELECT step_count, min(sequence), max(sequence) FROM sample WHERE test = ? AND sequence > ? "
        "GROUP BY step_count ORDER BY step_count"
    )
    return connection.execute(sql, (test, after)).fetchall()


def jumps(connection: sqlite3.Connection, test: int) -> list[tuple[float, float, float, int]]:
    """Return each gap in the sequence numbers: the wall-clock times on both sides, the test time, and how many.

    The rows are read one by one only where their number shows that some are missing.
    """
    if (outline := outline_of(connection, test)) is not None:
        return list(outline.jumps)
    # Each asked for alone: SQLite then takes the ends from the key, and reads no row for them.
    ends = (
        "(SELECT min(sequence) FROM sample WHERE test = :test), (SELECT max(sequence) FROM sample WHERE test = :test)"
    )
    sql = f"SELECT count(*), {ends} FROM sample WHERE test = :test"  # noqa: S608 text of ours
    there, first, last = connection.execute(sql, {"test": test}).fetchone()
    if not there or there == last - first + 1:
        return []
    sql = (
        "SELECT unix_before, unix_time_s, time_before, sequence - before - 1 FROM (SELECT sequence, unix_time_s, "
        "lag(sequence) OVER w AS before, lag(unix_time_s) OVER w AS unix_before, lag(time_s) OVER w AS time_before "
        "FROM sample WHERE test = ? WINDOW w AS (ORDER BY sequence)) WHERE sequence > before + 1"
    )
    return connection.execute(sql, (test,)).fetchall()


def sample_of(row: tuple[Any, ...]) -> Sample:
    """Build a sample from a row; a missing reading is NaN again."""
    return Sample._make(nan if value is None else value for value in row) if None in row else Sample._make(row)
