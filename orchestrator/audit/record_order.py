"""Puts the records of one test in order, and sees where numbers and times of neighbours do not fit."""

from __future__ import annotations

from collections.abc import Sequence

from drivers.interfaces import Sample
from drivers.neware.reader import ToldRecord
from orchestrator.audit.kinds import AuditKind, Seen

# Absolute times are whole seconds, and a step begins with the time of the record before: 2 s are rounding.
CLOCK_STEP_S = 5.0
# A clock that drifts by more than this part of an interval is seen by its drift; less is no jump within it.
_DRIFT_PART = 1e-3


class RecordOrder:
    """The records of a test, rebuilt: executed steps are counted from the first record that was read.

    ``jumps`` are the jumps forward of the absolute time between two records: a pause makes one as well, and whether
    there was one is in the tester's log. Each is (from, to, what was seen).
    """

    def __init__(self) -> None:
        self.last: Sample | None = None
        self.jumps: list[tuple[float, float, Seen]] = []
        self.seen: list[Seen] = []
        # The executed step whose first record follows records that are not there, or a wrong time.
        self.broken_at: int | None = None

    def feed(self, told: Sequence[ToldRecord]) -> list[Sample]:
        """Return records in order; what does not fit is added to ``seen`` and ``jumps``."""
        return [self._next(row) for row in told]

    def _next(self, row: ToldRecord) -> Sample:
        last = self.last
        if last is None:
            self.last = _sample(row, row.sequence, 0.0, 1)
            return self.last
        sequence, is_gap = row.sequence, row.sequence > last.sequence + 1
        if row.sequence <= last.sequence:
            sequence = last.sequence + 1
            self._see(AuditKind.NUMBER_REPEATED, row, f"record {row.sequence} is told again where {sequence} belongs")
        elif is_gap:
            missing = row.sequence - last.sequence - 1
            sentence = (
                f"{missing} records are missing between {last.sequence} and {row.sequence}, "
                f"{row.unix_time_s - last.unix_time_s:.0f} s apart"
            )
            self._see(AuditKind.RECORDS_MISSING, row, sentence, records=missing, from_sequence=last.sequence + 1)
        is_same = (row.step, row.cycle) == (last.step, last.tester_cycle)
        is_back = is_same and row.step_time_s < last.step_time_s and row.step_time_s > 0 and not is_gap
        is_new = not is_same or row.step_time_s < last.step_time_s
        if is_back:
            sentence = f"the time of step {row.step} goes back from {last.step_time_s:.1f} to {row.step_time_s:.1f} s"
            self._see(AuditKind.STEP_TIME_BACK, row, sentence, back_s=last.step_time_s - row.step_time_s)
        elif not is_gap:
            self._compare_clocks(row, last, row.step_time_s if is_new else row.step_time_s - last.step_time_s)
        if is_gap or is_back:
            self.broken_at = last.step_count + 1
        passed_s = (0.0 if is_back else row.step_time_s) if is_new else row.step_time_s - last.step_time_s
        # Behind a hole the step is a new one here: its integral begins anew.
        self.last = _sample(row, sequence, last.time_s + passed_s, last.step_count + (is_new or is_gap))
        return self.last

    def _compare_clocks(self, row: ToldRecord, last: Sample, passed_s: float) -> None:
        """Compare the time that has passed by the tester's step time with that of the PC's clock."""
        off_s = row.unix_time_s - last.unix_time_s - passed_s
        if abs(off_s) <= CLOCK_STEP_S + _DRIFT_PART * passed_s:
            return
        sentence = (
            f"between records {last.sequence} and {row.sequence} the tester's steps went on by {passed_s:.1f} s and "
            f"the PC's clock by {row.unix_time_s - last.unix_time_s:.0f} s"
        )
        seen = Seen(AuditKind.TIME_JUMP, last.unix_time_s, sentence, {"off_s": off_s, "sequence": row.sequence})
        if off_s < 0:
            self.seen.append(seen)
        else:
            self.jumps.append((last.unix_time_s, row.unix_time_s, seen))

    def _see(self, kind: AuditKind, row: ToldRecord, sentence: str, **evidence: float) -> None:
        self.seen.append(Seen(kind, row.unix_time_s, sentence, {"sequence": row.sequence, **evidence}))


def _sample(row: ToldRecord, sequence: int, time_s: float, step_count: int) -> Sample:
    return Sample(
        sequence, time_s, row.step_time_s, row.step, step_count, row.cycle, row.mode,
        row.voltage_v, row.current_a, row.capacity_ah, row.energy_wh, row.unix_time_s,
    )  # fmt: skip
