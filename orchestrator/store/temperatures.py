"""Joins the temperature of a cell's place to its samples, by the time at which each was made.

The store asks; who measures is behind ``TemperatureSource``. A sample that nobody measured a temperature for has none.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Protocol

from drivers.interfaces import Sample

CLOCK_WRONG_S = 300.0
"""A tester's clock that is further than this from this machine's at a test's first record is not followed: an hour of
summer time would join the temperatures of another hour. Less is not corrected, because a start whose reply was lost is
known no better."""

_TEST = "SELECT channel, started_unix_s FROM test WHERE id = ?"
_FIRST = "SELECT unix_time_s, time_s FROM sample WHERE test = ? ORDER BY sequence LIMIT 1"


class TemperatureSource(Protocol):
    """Tells which temperature the place of a channel's cell had at a time of this machine's clock."""

    def at(self, channel: str, unix_time_s: float) -> float | None:
        """Return the temperature in degC; None where no reading is near enough in time."""


class JoinedTemperatures:
    """The temperatures of one store's samples."""

    def __init__(self, source: TemperatureSource) -> None:
        self._source = source
        # Of each test: its channel, and how far its tester's clock is ahead.
        self._known: dict[int, tuple[str, float]] = {}

    def of(self, connection: sqlite3.Connection, test: int, batch: Sequence[Sample]) -> list[float | None]:
        """Return the temperature of each sample of a test."""
        if not batch:
            return []
        channel, ahead_s = self._known.get(test) or self._learnt(connection, test, batch[0])
        return [self._source.at(channel, sample.unix_time_s - ahead_s) for sample in batch]

    def between(
        self, connection: sqlite3.Connection, test: int, started_unix_s: float, ended_unix_s: float
    ) -> float | None:
        """Return the temperature of a test's cell in the middle between two times of this machine's clock."""
        row = connection.execute(_TEST, (test,)).fetchone()
        return None if row is None else self._source.at(row[0], (started_unix_s + ended_unix_s) / 2)

    def _learnt(self, connection: sqlite3.Connection, test: int, new: Sample) -> tuple[str, float]:
        """Learn how far a tester's clock is ahead, from the test's first record and the time at which it was started.

        A potentiostat's measurement is timed by this machine.
        """
        row = connection.execute(_TEST, (test,)).fetchone()
        if row is None:
            return "", 0.0
        channel, started_unix_s = row
        unix_s, time_s = connection.execute(_FIRST, (test,)).fetchone() or (new.unix_time_s, new.time_s)
        ahead_s = unix_s - time_s - started_unix_s
        found = channel, ahead_s if abs(ahead_s) > CLOCK_WRONG_S else 0.0
        self._known[test] = found
        return found
