"""Follows a rack beside the vendor's own program, for a time: asks, reads what is new, and lets it be judged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from drivers.errors import BadReply, ConnectionFailed, Refused
from drivers.neware.reader import MOST_RECORDS, NewareReader
from orchestrator.audit.kinds import AuditFinding
from orchestrator.audit.rack_audit import RackAudit
from orchestrator.audit.schedule_file import find_schedule
from orchestrator.clock.virtual import wall_time

logger = logging.getLogger(__name__)

# So many requests for records of one channel in a row; what is left is read at the next look.
_BLOCKS = 10
# The log is asked for when something points at it, and else so often: it is answered slowly for long tests.
_LOG_EVERY_S = 600.0
# A reply that cannot be read is asked for again at the next look; so often in a row it is told.
_BAD_REPLIES = 3


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the rack, for who shows progress: what was found for the first time, and what has been read."""

    now_unix_s: float
    working: int
    records: int
    new: tuple[AuditFinding, ...]
    trouble: str = ""


class Follower:
    """Follows the channels of one reader that is open."""

    def __init__(self, reader: NewareReader, channels: Sequence[str], audit: RackAudit, schedules: Path | None) -> None:
        self._reader, self._channels, self._audit, self._schedules = reader, tuple(channels), audit, schedules
        self._log_at: dict[tuple[str, int], float] = {}
        self._planned: set[tuple[str, int]] = set()
        self._bad: dict[str, int] = {}
        self.records = 0

    async def follow(self, for_s: float, every_s: float, show: Callable[[Look], None]) -> None:
        """Look every so often until the time is over; a tester that does not answer is asked again."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + for_s
        try:
            while True:
                next_s = loop.time() + every_s
                show(await self.look())
                if loop.time() >= until_s:
                    return
                await asyncio.sleep(max(0.0, min(next_s, until_s) - loop.time()))
        finally:
            new = [finding for channel in list(self._audit.tests) for finding in self._audit.end(channel)]
            show(Look(wall_time(), 0, self.records, tuple(new)))

    async def look(self) -> Look:
        """Look at every channel once."""
        new: list[AuditFinding] = []
        try:
            asked_s = wall_time()
            status = await self._reader.status(self._channels)
            new += self._audit.feed_status(status, wall_time())
            for channel in list(self._audit.tests):
                new += await self._read(channel, status[channel].record_count, asked_s)
        except (ConnectionFailed, Refused, BadReply) as err:
            logger.info("a look failed: %s", err)
            return Look(wall_time(), 0, self.records, tuple(new), str(err))
        working = sum(shown.state.has_program for shown in status.values())
        return Look(wall_time(), working, self.records, tuple(new))

    async def _read(self, channel: str, count: int, asked_s: float) -> list[AuditFinding]:
        """Read what is new of one test; what cannot be read again and again is told."""
        new = await self._plan(channel)
        try:
            new += await self._read_records(channel, count)
            new += await self._read_log(channel)
            self._bad[channel] = 0
        except BadReply as err:
            self._bad[channel] = self._bad.get(channel, 0) + 1
            if self._bad[channel] == _BAD_REPLIES:
                new += self._audit.unreadable(channel, f"{_BAD_REPLIES} answers in a row: {err}", wall_time())
            return new
        test = self._audit.tests[channel]
        if test.next_sequence > count:
            new += self._audit.feed_clock(channel, asked_s, wall_time())
        return new

    async def _plan(self, channel: str) -> list[AuditFinding]:
        test = self._audit.tests[channel]
        key = channel, test.test_id
        if self._schedules is None or key in self._planned:
            return []
        self._planned.add(key)
        return self._audit.plan(channel, await asyncio.to_thread(find_schedule, self._schedules, test.barcode))

    async def _read_records(self, channel: str, count: int) -> list[AuditFinding]:
        new: list[AuditFinding] = []
        test = self._audit.tests[channel]
        for _ in range(_BLOCKS):
            if test.next_sequence > count:
                break
            last_s = None if test.last is None else test.last.unix_time_s
            told = await self._reader.records(channel, test.test_id, test.next_sequence, last_s)
            if not told:
                if test.next_sequence + MOST_RECORDS > count:
                    break
                # What was asked for is gone, as in a ring; the next block may be there.
                test.next_sequence += MOST_RECORDS
                continue
            self.records += len(told)
            new += self._audit.feed_records(channel, told)
        return new

    async def _read_log(self, channel: str) -> list[AuditFinding]:
        test, now_s = self._audit.tests[channel], wall_time()
        key = channel, test.test_id
        is_due = now_s - self._log_at.get(key, 0.0) >= _LOG_EVERY_S and not test.state.is_at_rest
        if not (test.wants_log or is_due):
            return []
        self._log_at[key] = now_s
        return self._audit.feed_log(channel, await self._reader.log(channel, test.test_id))
