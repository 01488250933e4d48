"""Fetches a test's records in blocks, also past those that the tester has forgotten."""

from __future__ import annotations

from drivers.errors import RecordsLost
from drivers.interfaces import BatteryTester, Sample, TestIdentity
from orchestrator.runs.journal import Diary

# One download request holds at most this many records (reference neware-ct4008, section 4.5).
BLOCK = 1000


class Fetcher:
    """Knows what stands for records of the present test that were lost before they were read."""

    def __init__(self, tester: BatteryTester, diary: Diary) -> None:
        self._tester = tester
        self._diary = diary
        self._stand_in: Sample | None = None

    def begin(self) -> None:
        """Begin with another test."""
        self._stand_in = None

    async def fetch(
        self, identity: TestIdentity, stored: Sample | None, count: int, *, only_judged: bool = False
    ) -> list[Sample]:
        """Ask for the block after ``stored``, up to record ``count``; empty when none are missing.

        What the tester has lost is written down before a record behind it is given, which may then be stored. Records
        that are ``only_judged`` are given all the same: they come once more. Raises StoreError.
        """
        last = stored
        if self._stand_in is not None and (last is None or last.sequence <= self._stand_in.sequence):
            last = self._stand_in
        missing = count - (last.sequence if last else 0)
        if missing <= 0:
            return []
        try:
            return await self._tester.records(identity, last, min(BLOCK, missing))
        except RecordsLost as err:
            stand_in = await self._tester.stand_in(identity, err.last)
            if not only_judged:
                self._diary.lost(err, stored)
                self._stand_in = stand_in
            return await self._tester.records(identity, stand_in, min(BLOCK, count - err.last))
