"""Judges one test that somebody else started: its records in order, its steps, its log, and what the channel shows."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from drivers.interfaces import ChannelState, ChannelStatus, LogEntry, Sample
from drivers.neware.reader import ToldRecord
from orchestrator.audit.kinds import AuditKind, Seen
from orchestrator.audit.record_order import RecordOrder
from orchestrator.audit.schedule_file import PAUSE, ScheduleFile
from orchestrator.audit.step_audit import Expected, StepAudit
from orchestrator.audit.step_habits import StepHabits
from orchestrator.audit.tester_log import TesterLog
from orchestrator.judging.step_trace import Jump
from orchestrator.judging.trouble_thresholds import JUMPS_WITHIN_S
from protocols.channel_envelope import ChannelEnvelope
from protocols.trouble import DEFAULT_TROUBLE

_STEP_COUNT = attrgetter("step_count")
_RECENT = 240
# What ended a test otherwise than its program did.
_ENDS = {ChannelState.STOPPED: AuditKind.STOPPED, ChannelState.PROTECTED: AuditKind.PROTECTED}


@dataclass
class Sums:
    """What was read of a test, by the tester's counters and by the integrals of its current and power."""

    records: int = 0
    time_s: float = 0.0
    counted_ah: float = 0.0
    integral_ah: float = 0.0
    counted_wh: float = 0.0
    integral_wh: float = 0.0


class AuditedTest:
    """One test; ``sums`` are of the steps that are over, and of the last one when the audit ends."""

    def __init__(self, status: ChannelStatus, first_sequence: int, envelope: ChannelEnvelope, now_s: float) -> None:
        """Follow the test that a channel shows, from this record on."""
        self.test_id, self.barcode = status.test_id, status.barcode
        self.next_sequence = first_sequence
        self.wants_log = True
        self.schedule: ScheduleFile | None = None
        self.schedule_note = "no step file of this barcode was found"
        self.sums = Sums()
        # The last records as moments and voltages, for a picture of what led to a finding.
        self.recent: deque[tuple[float, float]] = deque(maxlen=_RECENT)
        self.state = status.state
        self._envelope, self._count, self._grew_s = envelope, status.record_count, now_s
        self._order, self._log, self._habits = RecordOrder(), TesterLog(), StepHabits()
        self._step: StepAudit | None = None
        self._jumps: list[tuple[float, Jump]] = []
        # What states have shown and the log may tell better, and the times at which the test was seen paused.
        self._states: list[Seen] = []

    @property
    def last(self) -> Sample | None:
        """The last record that was read."""
        return self._order.last

    @property
    def every_s(self) -> float | None:
        """The record interval of the open step, None while it is not known."""
        return None if self._step is None else self._step.rhythm.every_s

    def plan(self, schedule: ScheduleFile | None) -> list[Seen]:
        """Take over the step file of the test; what it does not protect is told once."""
        self.schedule = schedule
        if schedule is None:
            return []
        self.schedule_note = f"step file {schedule.name}"
        problems = schedule.problems()
        if not problems:
            return []
        sentence = f"step file {schedule.name} has {'; '.join(problems)}"
        return [Seen(AuditKind.LIMIT_MISSING, self._grew_s, sentence, {"problems": len(problems)})]

    def feed_status(self, status: ChannelStatus, now_s: float) -> list[Seen]:
        """Judge what the channel shows of this test at one poll."""
        seen: list[Seen] = []
        if status.barcode != self.barcode and status.state is not ChannelState.OTHER:
            words = f"the barcode of test {self.test_id} was {self.barcode!r} and is {status.barcode!r} now"
            seen.append(Seen(AuditKind.BARCODE_CHANGED, now_s, words, {"before": self.barcode, "now": status.barcode}))
            self.barcode = status.barcode
        if status.record_count < self._count and status.state is not ChannelState.OTHER:
            words = f"the test had {self._count} records and has {status.record_count} now"
            seen.append(
                Seen(AuditKind.RECORDS_FEWER, now_s, words, {"before": self._count, "now": status.record_count})
            )
        if status.record_count != self._count:
            self._count, self._grew_s = status.record_count, now_s
        elif status.state is ChannelState.WORKING:
            seen += self._shown_late(status, now_s)
        else:
            self._grew_s = now_s
        if status.state is not self.state:
            seen += self._turned(status.state, now_s)
        return seen

    def _shown_late(self, status: ChannelStatus, now_s: float) -> list[Seen]:
        late_s = None if self._step is None else self._step.rhythm.shown_late_s
        if late_s is None or self.last is None or status.step != self.last.step or now_s - self._grew_s <= late_s:
            return []
        quiet_s = now_s - self._grew_s
        words = f"the channel works, and for {quiet_s:.0f} s no record came; one is due every {self.every_s:g} s"
        self._grew_s = now_s
        return [Seen(AuditKind.RECORDS_LATE, now_s - quiet_s, words, {"quiet_s": quiet_s, "records": self._count})]

    def _turned(self, state: ChannelState, now_s: float) -> list[Seen]:
        """Judge that a test has come into another state."""
        before, self.state, self.wants_log = self.state, state, True
        evidence: dict[str, float | int | str] = {"before": before.value, "now": state.value}
        if state in _ENDS:
            where = "" if self.last is None else f" in step {self.last.step} at {self.last.voltage_v:.4f} V"
            return [Seen(_ENDS[state], now_s, f"the test was {state.value}{where}, before its program's end", evidence)]
        has_pauses = self.schedule is not None and any(step.kind == PAUSE for step in self.schedule.steps)
        if state is ChannelState.PAUSED and not has_pauses:
            self._states.append(Seen(AuditKind.PAUSED, now_s, "the test was paused: it worked and rests now", evidence))
        if before is ChannelState.PAUSED and state is ChannelState.WORKING and not has_pauses:
            self._states.append(Seen(AuditKind.CONTINUED, now_s, "the test was continued after a pause", evidence))
        last, schedule = self.last, self.schedule
        if state is not ChannelState.FINISHED or last is None or schedule is None:
            return []
        if len(schedule.steps) not in schedule.may_follow(last.step):
            words = f"the test was finished from step {last.step}, which is not its program's last"
            return [Seen(AuditKind.STEP_JUMPED, now_s, words, {"from_step": last.step})]
        return []

    def feed_log(self, entries: Sequence[LogEntry]) -> list[Seen]:
        """Judge the whole log of the test as it is now, and what waited for it."""
        self.wants_log = False
        seen = self._log.feed(entries, is_over=self.state.is_at_rest)
        if self.schedule is not None and any(step.kind == PAUSE for step in self.schedule.steps):
            seen = [one for one in seen if one.kind not in {AuditKind.PAUSED, AuditKind.CONTINUED}]
        if self._log.is_replaced and self.schedule is not None:
            self.schedule, self.schedule_note = None, "its schedule was replaced"
        seen += [state for state in self._states if state.kind not in self._log.kinds]
        seen += [jump for from_s, to_s, jump in self._order.jumps if not self._is_paused(from_s, to_s)]
        self._states.clear()
        self._order.jumps.clear()
        return seen

    def _is_paused(self, from_s: float, to_s: float) -> bool:
        states = (state.since_unix_s for state in self._states)
        return self._log.explains(from_s, to_s) or any(from_s <= at_s <= to_s for at_s in states)

    def feed_records(self, told: Sequence[ToldRecord]) -> list[Seen]:
        """Judge records as they were told, in that order."""
        samples = self._order.feed(told)
        if not samples:
            return []
        self.next_sequence = samples[-1].sequence + 1
        self.sums.records += len(samples)
        self.recent.extend((sample.unix_time_s, sample.voltage_v) for sample in samples[-_RECENT:])
        seen, self._order.seen = self._order.seen, []
        for count, group in groupby(samples, _STEP_COUNT):
            together = list(group)
            if self._step is None or count != self._step.first.step_count:
                seen += self._begin(together[0])
                together = together[1:]
            if self._step is not None and together:
                seen += self._step.add(together)
                seen += self._count_jumps(self._step)
        self.wants_log = self.wants_log or bool(self._order.jumps)
        return seen

    def _begin(self, first: Sample) -> list[Seen]:
        before, seen = self._step, self._close()
        is_broken = self._order.broken_at is not None and first.step_count <= self._order.broken_at
        file = None if self.schedule is None else self.schedule.step(first.step)
        if self.schedule is not None and (file is None or file.mode not in {"", first.mode}):
            self.schedule_note = f"{self.schedule.name} is not what runs: its step {first.step} is another"
            self.schedule = file = None
        if before is not None and not is_broken:
            seen += self._habits.follows(before.last, first, self.schedule)
        usual_a, usual_end_v = self._habits.usual(first.step)
        self._step = StepAudit(first, Expected(file, usual_a, usual_end_v), self._envelope)
        self._habits.prepare(self._step.trace, None if is_broken else before)
        return seen

    def _close(self) -> list[Seen]:
        """Judge the open step as a whole, and keep what it shows of later ones."""
        step = self._step
        if step is None:
            return []
        seen = step.finish() + self._count_jumps(step)
        first, last = step.first, step.last
        self.sums.time_s += last.step_time_s - first.step_time_s
        if step.sign:
            self.sums.counted_ah += last.capacity_ah - first.capacity_ah
            self.sums.counted_wh += last.energy_wh - first.energy_wh
            self.sums.integral_ah += step.trace.integral_ah
            self.sums.integral_wh += step.integral_wh
        self._habits.learn(step)
        return seen

    def close(self) -> list[Seen]:
        """End following this test."""
        seen = self._close() + [jump for _, _, jump in self._order.jumps]
        self._step = None
        return seen

    def _count_jumps(self, step: StepAudit) -> list[Seen]:
        """Tell of voltages that jumped and came back so often within some hours."""
        new = [(jump.last.time_s, jump) for jump in step.jumps()]
        if not new:
            return []
        since_s = new[-1][0] - JUMPS_WITHIN_S
        self._jumps = [it for it in [*self._jumps, *new] if it[0] > since_s]
        if len(self._jumps) < DEFAULT_TROUBLE.jumps:
            return []
        first, highest_v = self._jumps[0][1].first, max(jump.height_v for _, jump in self._jumps)
        words = (
            f"the voltage has jumped and come back {len(self._jumps)} times within {JUMPS_WITHIN_S / 3600:g} h, by up "
            f"to {highest_v * 1e3:.3g} mV at constant current"
        )
        evidence = {"jumps": len(self._jumps), "largest_v": highest_v, "sequence": first.sequence}
        return [Seen(AuditKind.VOLTAGE_JUMPS, first.unix_time_s, words, evidence)]
