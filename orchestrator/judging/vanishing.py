"""Finds, record by record, that a cell is no longer on its channel while a voltage is held or the circuit is open.

There no cutoff tells: a tester holds the voltage of an empty holder as well. What tells is that the current vanishes.
The current of a cell at a held voltage relaxes, as a sum of decays: its logarithm falls ever more slowly, unless charge
passes that changes the cell. A current that hardly fell, and is gone a record later although next to no charge passed
between, was interrupted. At open circuit a voltage that is gone from one record to the next was interrupted or
shorted.

Metal that is stripped off ends at once and is no fault: the stripping of cells which cross 0 V is not judged, and at
rest they are judged only when the voltage is back where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, log

from drivers.interfaces import Sample
from orchestrator.judging.limits import Action, Finding, FindingKind
from orchestrator.rollback import as_before
from protocols.current_sign import Direction
from protocols.program import CellFacts, CyclingSegment, PoweredStep, Purpose, Rest

# A current, or a voltage at rest, is gone at this part of what it was.
GONE = 0.02
# It is back at this part of what it was; a voltage at rest at nearly all of it.
BACK, BACK_AT_REST = 0.2, 0.9
# A cell is out when its current has been gone for so long: within 10 min in all, with records and polls of a minute or
# two, and longer than it takes somebody who moved a lead to see it.
HELD_S = 300.0
# At rest so long, and so many records: a contact that bounces is back by then.
REST_S, REST_RECORDS = 60.0, 3
# The logarithm of the current falls so many times as fast as before.
FASTER = 10.0
# Charge that changes no cell, as a part of its capacity or, where that is not known, of what the step has passed.
NO_CHANGE = 1e-3
# A held current is judged down to this part of its limit: about 0.1 % of the range that holds it, the accuracy of
# testers. From this part on, the limit may still be what controls it.
LEAST, LIMITED = 0.01, 0.98
# So many records are kept, to see how fast the current fell before.
_KEPT = 32
# Voltages at rest, in V: a cell that stood above the one was not at the other a moment later.
STOOD_V, NONE_V = 0.5, 0.02


@dataclass(frozen=True, slots=True)
class _Gone:
    """A value that is gone since a test time in seconds: its magnitude before, and the records since."""

    since_s: float
    before: float
    records: int = 1
    is_told: bool = False


class VanishingWatch:
    """Judges the records of one run, step by step, for a current or a voltage at rest that vanishes."""

    def __init__(self, cell: CellFacts) -> None:
        self._capacity_ah = cell.nominal_capacity_ah
        self._segment: CyclingSegment | None = None
        self._before_s = 0.0
        self._begin(0)

    def enter(self, segment: CyclingSegment, before_s: float) -> None:
        """Begin the next test of the run; ``before_s`` is the test time of all earlier tests."""
        self._segment, self._before_s = segment, before_s
        self._begin(0)

    def _begin(self, step_count: int) -> None:
        self._count = step_count
        self._judge: Callable[[Sample], Finding | None] | None = None
        # Limit of a held current, whether metal may end, times and sizes of the step's last records, and what is gone.
        self._limit_a, self._may_end = 0.0, False
        self._last: tuple[tuple[float, float], ...] = ()
        self._gone: _Gone | None = None

    def undo(self) -> Callable[[], None]:
        """Return a function that restores the state from before a later ``feed``."""
        return as_before(self, "_count", "_judge", "_limit_a", "_may_end", "_last", "_gone")

    def feed(self, samples: Sequence[Sample]) -> list[Finding]:
        """Judge samples in order. Fed again from the beginning of a step on, it comes to the same state."""
        found: list[Finding] = []
        count, judge = self._count, self._judge
        for sample in samples:
            if sample.step_count != count:
                count = sample.step_count
                self._begin(count)
                judge = self._judge = self._judge_of(sample.step)
            if judge is not None and (finding := judge(sample)) is not None:
                found.append(finding)
        return found

    def _judge_of(self, number: int) -> Callable[[Sample], Finding | None] | None:
        segment = self._segment
        if segment is None or not 1 <= number <= len(segment.steps) or segment.guards.early_cutoff_off:
            return None
        step = segment.steps[number - 1]
        crosses_zero = self._may_end = segment.limits.host.low_v < 0
        if isinstance(step, Rest):
            return self._judge_rest
        if not isinstance(step, PoweredStep) or not step.holds_voltage or step.purpose is Purpose.CHECK:
            return None
        self._limit_a = step.largest_a or 0.0
        return None if crosses_zero and step.direction is Direction.CHARGE else self._judge_held

    def _judge_held(self, sample: Sample) -> Finding | None:
        size, now_s = abs(sample.current_a), sample.step_time_s
        if size != size:
            return None
        if self._gone is not None:
            return self._judge_gone(sample, size, "current at the held voltage", BACK, HELD_S, 1)
        if self._last and self._is_gone(now_s, size, sample.capacity_ah):
            self._gone = _Gone(sample.time_s, self._last[-1][1])
        elif size < LIMITED * self._limit_a:
            self._last = (*self._last[1 - _KEPT :], (now_s, size))
        return None

    def _is_gone(self, now_s: float, size: float, passed_ah: float) -> bool:
        """Return whether a held current has gone, and not relaxed, from the record before to this one."""
        before_s, before = self._last[-1]
        apart_s = now_s - before_s
        if size > GONE * before or before < LEAST * self._limit_a or apart_s <= 0:
            return False
        if before * apart_s / 3600 > NO_CHANGE * (self._capacity_ah or passed_ah):
            return False
        earlier = [record for record in self._last if record[0] <= before_s - apart_s / 2]
        if not earlier:
            return False
        fell = log(max(earlier[-1][1], before) / before) / (before_s - earlier[-1][0])
        return log(before / max(size, before * 1e-9)) / apart_s >= FASTER * fell

    def _judge_rest(self, sample: Sample) -> Finding | None:
        size = abs(sample.voltage_v)
        if size != size:
            return None
        if self._gone is not None:
            enough_s = inf if self._may_end else REST_S
            return self._judge_gone(sample, size, "voltage at open circuit", BACK_AT_REST, enough_s, REST_RECORDS)
        if self._last and self._last[-1][1] >= STOOD_V and size <= NONE_V:
            self._gone = _Gone(sample.time_s, self._last[-1][1])
        else:
            self._last = ((sample.step_time_s, size),)
        return None

    def _judge_gone(
        self, sample: Sample, size: float, what: str, back: float, enough_s: float, records: int
    ) -> Finding | None:
        gone = self._gone
        if gone is None:
            return None
        lasts_s, at_s = sample.time_s - gone.since_s, self._before_s + gone.since_s
        if size >= back * gone.before:
            self._gone, self._last = None, ()
            span = f"for {lasts_s:.0f} s from {at_s / 3600:.3f} h on"
            message = f"the {what} was gone {span}, and is back: was the cell out?"
            return None if gone.is_told else Finding(FindingKind.CELL_GONE, Action.MARK, message, at_s)
        is_enough = lasts_s >= enough_s and gone.records >= records and not gone.is_told
        self._gone = _Gone(gone.since_s, gone.before, gone.records + 1, gone.is_told or is_enough)
        if not is_enough:
            return None
        message = (
            f"the {what} is gone since {at_s / 3600:.3f} h, from one record to the next: was the cell pulled out, or "
            "is a contact lost?"
        )
        return Finding(FindingKind.CELL_GONE, Action.STOP, message, at_s)
