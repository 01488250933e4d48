"""Judges the clock of one tester at its polls, and marks the runs on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from math import inf
from typing import TYPE_CHECKING

from drivers.interfaces import BatteryTester, ChannelState, ChannelStatus
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.judging.clock_drift import DAY_S, ClockDrift, ClockFinding
from orchestrator.store import DeviationCategory

if TYPE_CHECKING:
    from orchestrator.runs.run import Run
    from orchestrator.store import Store


class ClockWatch:
    """Judges the clock of one tester at its polls, and marks the runs on it."""

    def __init__(self, store: Store, tester: BatteryTester) -> None:
        self._store = store
        self._tester = tester
        self._judge = ClockDrift(lag_s=tester.traits.refresh_s)
        # What was found and is not written down yet, with the time and the runs that it concerns.
        self._found: list[tuple[ClockFinding, float, list[Run]]] = []
        self._last: tuple[str, float] | None = None

    @property
    def finding(self) -> str:
        """What was found of the tester's clock within the last day, in a sentence; empty if nothing was."""
        return self._last[0] if self._last is not None and wall_time() - self._last[1] <= DAY_S else ""

    def check(
        self, runs: Iterable[Run], statuses: Mapping[str, ChannelStatus], asked_unix_s: float, heard_unix_s: float
    ) -> None:
        """Judge the clock after a poll's records are stored; a finding becomes an event and a deviation of every run.

        What the store does not take is kept for the next poll. Raises StoreError.
        """
        runs = list(runs)
        for run in runs:
            status, records = statuses[run.request.channel], run.records
            if records is None or records.last is None or records.stored < status.record_count:
                continue
            # A step may have a longer interval of its own, as a storage has: its newest record may be that old.
            intervals_s = (records.segment.record.every_s, records.interval_s)
            every_s = inf
            if status.state is ChannelState.WORKING and all(intervals_s):
                every_s = max(self._tester.records_every_s, *(one or 0.0 for one in intervals_s))
            key = (run.run_id, records.test)
            found = self._judge.feed(key, asked_unix_s, heard_unix_s, records.last.unix_time_s, every_s)
            if found is not None:
                self._found.append((found, heard_unix_s, runs))
                self._last = f"the clock of {self._tester.name}: {found.message}", heard_unix_s
        if self._found:
            self._mark()

    def _mark(self) -> None:
        """Store all findings or none: the judge reports each finding only once."""
        with self._store.transaction():
            for found, at_unix_s, runs in self._found:
                for run in runs:
                    run.journal.note(EventKind.TESTER_CLOCK, found.message, asdict(found))
                    category = DeviationCategory.CALIBRATION_ISSUE
                    self._store.add_deviation(run.run_id, category, at_unix_s, at_unix_s, found.message)
        self._found.clear()
