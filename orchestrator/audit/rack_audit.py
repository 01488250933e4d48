"""Judges a whole rack from what is read of it: each channel's test, numbers that two share, and the tester's clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from drivers.interfaces import ChannelState, ChannelStatus, LogEntry
from drivers.neware.reader import ToldRecord
from orchestrator.audit.audited_test import AuditedTest, Sums
from orchestrator.audit.kinds import AuditFinding, AuditKind, Seen
from orchestrator.audit.schedule_file import ScheduleFile
from orchestrator.judging.clock_drift import ClockDrift
from protocols.channel_envelope import ChannelEnvelope

# Of a test that runs already so many records are read back: hours to days, and a minute of the tester's time.
READ_BACK = 5000
_NONE = 0


@dataclass(frozen=True, slots=True)
class ChannelSummary:
    """What was followed of one test on one channel; ``note`` says what its limits were compared with."""

    channel: str
    test_id: int
    barcode: str
    state: str
    note: str
    sums: Sums


class RackAudit:
    """The audit of one tester; ``findings`` are in the order in which they were first seen.

    Each kind is found once in a test; how often it was seen is counted.
    """

    def __init__(self, envelopes: Mapping[str, ChannelEnvelope], lag_s: float) -> None:
        """Begin with the abilities of each channel; live values and records are up to ``lag_s`` old."""
        self._envelopes = envelopes
        self.tests: dict[str, AuditedTest] = {}
        self._ended: list[ChannelSummary] = []
        self._found: dict[tuple[str, int, AuditKind], AuditFinding] = {}
        self._clock = ClockDrift(lag_s=lag_s)
        self._first_seen: set[str] = set()
        # Every test that was seen by its barcode, and the last test of each channel.
        self._barcodes: dict[str, tuple[str, int]] = {}
        self._shown: dict[str, ChannelStatus] = {}
        self._doubted: dict[str, ChannelStatus] = {}

    @property
    def findings(self) -> tuple[AuditFinding, ...]:
        """Every finding so far."""
        return tuple(self._found.values())

    def feed_status(self, status: Mapping[str, ChannelStatus], now_s: float) -> list[AuditFinding]:
        """Judge what every channel shows at one poll; return what is found for the first time."""
        new: list[AuditFinding] = []
        for channel, shown in status.items():
            # A channel that is away has no test, nor is one known where its row could not be read.
            if shown.state is ChannelState.OTHER or not shown.test_id:
                continue
            if not self._is_certain(channel, shown):
                continue
            new += self._feed_channel(channel, shown, now_s)
            self._shown[channel] = shown
        return new + self._shared(now_s)

    def _is_certain(self, channel: str, shown: ChannelStatus) -> bool:
        """Return whether a look shows the test of the look before, or another for the second time.

        An answer of BTS Client may be an earlier one again: nothing on the wire tells.
        """
        before, doubted = self._shown.get(channel), self._doubted.pop(channel, None)
        if before is None or (_is_same(before, shown) and shown.record_count >= before.record_count):
            return True
        if doubted is not None and _is_same(doubted, shown) and shown.record_count >= doubted.record_count:
            return True
        self._doubted[channel] = shown
        return False

    def _feed_channel(self, channel: str, shown: ChannelStatus, now_s: float) -> list[AuditFinding]:
        test, before = self.tests.get(channel), self._shown.get(channel)
        if test is not None and test.test_id == shown.test_id:
            return self._tell(channel, test, test.feed_status(shown, now_s))
        new: list[AuditFinding] = []
        if test is not None:
            new += self.end(channel)
        if before is None and shown.state.is_at_rest:
            # It was over before anybody looked.
            if shown.state is not ChannelState.PROTECTED:
                return new
        elif before is not None and before.test_id == shown.test_id:
            return new
        first = max(1, shown.record_count - READ_BACK + 1) if before is None else 1
        test = self.tests[channel] = AuditedTest(shown, first, self._envelopes[channel], now_s)
        seen = self._restarted(channel, before, shown, now_s)
        if shown.state is ChannelState.PROTECTED:
            words = "the test was ended by protection before the audit began, or between two looks"
            seen.append(Seen(AuditKind.PROTECTED, now_s, words, {"records": shown.record_count}))
        return new + self._tell(channel, test, seen)

    def _restarted(self, channel: str, before: ChannelStatus | None, shown: ChannelStatus, now_s: float) -> list[Seen]:
        """Judge that a channel has another test than before."""
        seen: list[Seen] = []
        evidence = {"test": shown.test_id, "test_before": _NONE if before is None else before.test_id}
        if before is not None and before.state is not ChannelState.FINISHED:
            words = (
                f"test {shown.test_id} was started where test {before.test_id} was {before.state.value}, not finished"
            )
            seen.append(Seen(AuditKind.RESTARTED, now_s, words, evidence))
        other = self._barcodes.get(shown.barcode)
        if shown.barcode and other is not None and other != (channel, shown.test_id):
            words = f"barcode {shown.barcode!r} was that of test {other[1]} on channel {other[0]}"
            seen.append(Seen(AuditKind.BARCODE_TWICE, now_s, words, {"test": shown.test_id, "other_test": other[1]}))
        self._barcodes[shown.barcode] = channel, shown.test_id
        return seen

    def _shared(self, now_s: float) -> list[AuditFinding]:
        """Judge whether two channels of a middle machine show one test number: each counts its own (section 3)."""
        new: list[AuditFinding] = []
        at: dict[tuple[str, int], str] = {}
        for channel, test in self.tests.items():
            other = at.setdefault((channel.partition("-")[0], test.test_id), channel)
            if other != channel:
                words = f"channels {other} and {channel} of one middle machine both have test number {test.test_id}"
                seen = Seen(AuditKind.TEST_NUMBER_SHARED, now_s, words, {"test": test.test_id, "other_channel": other})
                new += self._tell(channel, test, [seen])
        return new

    def feed_records(self, channel: str, told: Sequence[ToldRecord]) -> list[AuditFinding]:
        """Judge records of the channel's test."""
        test = self.tests[channel]
        return self._tell(channel, test, test.feed_records(told))

    def feed_log(self, channel: str, entries: Sequence[LogEntry]) -> list[AuditFinding]:
        """Judge the log of the channel's test."""
        test = self.tests[channel]
        return self._tell(channel, test, test.feed_log(entries))

    def plan(self, channel: str, schedule: ScheduleFile | None) -> list[AuditFinding]:
        """Take over the step file of the channel's test."""
        test = self.tests[channel]
        return self._tell(channel, test, test.plan(schedule))

    def feed_clock(self, channel: str, asked_s: float, heard_s: float) -> list[AuditFinding]:
        """Compare the tester's clock with this machine's by the newest record, when none is missing."""
        test = self.tests[channel]
        if test.last is None or test.state is not ChannelState.WORKING:
            return []
        key, every_s = (channel, test.test_id), test.every_s or inf
        found = self._clock.feed(key, asked_s, heard_s, test.last.unix_time_s, every_s)
        if found is None:
            return []
        evidence = {"drift_s_per_day": round(found.drift_s_per_day, 2), "ahead_s": round(found.ahead_s, 1)}
        return self._tell(channel, test, [Seen(AuditKind.CLOCK_WRONG, heard_s, found.message, evidence)])

    def unreadable(self, channel: str, why: str, now_s: float) -> list[AuditFinding]:
        """Tell that the answers about a channel's test cannot be read."""
        return self._tell(channel, self.tests[channel], [Seen(AuditKind.UNREADABLE, now_s, why)])

    def end(self, channel: str) -> list[AuditFinding]:
        """End following the test of a channel."""
        test = self.tests.pop(channel)
        new = self._tell(channel, test, test.close())
        self._ended.append(_summary(channel, test))
        return new

    def summaries(self) -> tuple[ChannelSummary, ...]:
        """Return what was followed, tests that are over first."""
        return (*self._ended, *(_summary(channel, test) for channel, test in self.tests.items()))

    def _tell(self, channel: str, test: AuditedTest, seen: Sequence[Seen]) -> list[AuditFinding]:
        new: list[AuditFinding] = []
        for one in seen:
            key = channel, test.test_id, one.kind
            known = self._found.get(key)
            if known is None:
                self._found[key] = AuditFinding(channel, test.test_id, test.barcode, one, around=tuple(test.recent))
                new.append(self._found[key])
            else:
                self._found[key] = replace(known, times=known.times + 1)
        return new


def _is_same(one: ChannelStatus, other: ChannelStatus) -> bool:
    return (one.test_id, one.barcode) == (other.test_id, other.barcode)


def _summary(channel: str, test: AuditedTest) -> ChannelSummary:
    return ChannelSummary(channel, test.test_id, test.barcode, test.state.value, test.schedule_note, test.sums)
