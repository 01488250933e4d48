"""Groups samples into executed steps, and finds out why each step ended.

Everything is computed from samples as stored, incrementally, and equals the computation over the whole test at once.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import groupby
from math import isnan
from operator import attrgetter

from drivers.interfaces import EndReason, Sample
from orchestrator.rollback import as_before
from protocols.current_sign import Direction
from protocols.program import CyclingSegment, Loop, Rest

_STEP_COUNT = attrgetter("step_count")
# What a last record may lack of the end of its step: half of the 0.1 s after which testers look again (reference
# neware-ct4008, sections 1.4, 7.3), with what is lost by rounding, and 1 mV.
TIME_SLACK_S = 0.051
VOLTAGE_SLACK_V = 0.001
# Parts of the set charge and of the taper's current at which a step has met them.
CHARGE_PART, CURRENT_PART = 0.9999, 1.01
# From so many samples on, those of a step's first half are forgotten.
_TRIM_AT = 4096


@dataclass(frozen=True, slots=True)
class ExecutedStep:
    """One step that has run: times in seconds from the start of the test, magnitudes in Ah and Wh.

    ``mean_voltage_v`` is weighted by charge and signed; None where no charge passed.
    ``tester_cycle`` is the tester's raw counter, ``cycle`` the run's number, 0 where the step is not numbered yet.
    ``resistance_ohm`` is mean |V| / mean |I| over the second half of the step, weighted by time; None without current.
    """

    step_count: int
    step: int
    tester_cycle: int
    mode: str
    start_s: float
    duration_s: float
    capacity_ah: float
    energy_wh: float
    mean_voltage_v: float | None
    resistance_ohm: float | None
    end_reason: EndReason
    first_sequence: int
    last_sequence: int
    cycle: int = 0


def end_reason(segment: CyclingSegment, last: Sample) -> EndReason:
    """Return why a step ended, from its last sample; if several conditions fit, a planned end wins over the ceiling.

    The tester ends a step at the first 0.1 s at which a condition holds (reference neware-ct4008, sections 1.4, 7.3).
    """
    step = segment.steps[last.step - 1] if 1 <= last.step <= len(segment.steps) else None
    if step is None or isinstance(step, Loop):
        return EndReason.EXTERNAL
    until = step.until
    if until.time_s is not None and last.step_time_s >= until.time_s - TIME_SLACK_S:
        return EndReason.TIME
    if until.capacity_ah is not None and last.capacity_ah >= until.capacity_ah * CHARGE_PART:
        return EndReason.CAPACITY
    if until.voltage_v is not None:
        over_v = last.voltage_v - until.voltage_v
        if (over_v if step.direction is Direction.CHARGE else -over_v) >= -VOLTAGE_SLACK_V:
            return EndReason.VOLTAGE
    if until.current_a is not None and abs(last.current_a) <= until.current_a * CURRENT_PART:
        return EndReason.CURRENT
    ceiling = step.ceiling
    if ceiling.time_s is not None and last.step_time_s >= ceiling.time_s - TIME_SLACK_S:
        return EndReason.CEILING
    if ceiling.capacity_ah is not None and last.capacity_ah >= ceiling.capacity_ah * CHARGE_PART:
        return EndReason.CEILING
    return EndReason.EXTERNAL


def _is_rest(segment: CyclingSegment, number: int) -> bool:
    """Say whether a step passes no current: what a source meter measures of one then is its offset."""
    return 1 <= number <= len(segment.steps) and isinstance(segment.steps[number - 1], Rest)


class StepBuilder:
    """Groups samples into executed steps; a step is returned when the first sample of the next one arrives."""

    def __init__(self, segment: CyclingSegment) -> None:
        self._segment = segment
        self._open: _OpenStep | None = None

    def feed(self, samples: Iterable[Sample]) -> list[ExecutedStep]:
        """Add samples in order and return the steps that they complete."""
        done: list[ExecutedStep] = []
        for count, group in groupby(samples, _STEP_COUNT):
            together = list(group)
            if self._open is None or self._open.last.step_count != count:
                done += self.finish()
                self._open = _OpenStep(together[0])
            self._open.add(together)
        return done

    def undo(self) -> Callable[[], None]:
        """Return a function that restores the state from before a later ``finish``."""
        return as_before(self, "_open")

    def __deepcopy__(self, memo: object) -> StepBuilder:
        """Copy it, and not the segment, which never changes."""
        twin = StepBuilder(self._segment)
        twin._open = deepcopy(self._open)
        return twin

    def finish(self) -> list[ExecutedStep]:
        """Return the last step, when the test is over."""
        rest, self._open = self._open, None
        return [rest.executed(self._segment)] if rest is not None else []


class _OpenStep:
    """A step whose samples still come, as what is needed of them: a rest of weeks has millions.

    The times in a step rise, so that what is earlier than half of its time now is never part of its second half again.
    """

    def __init__(self, first: Sample) -> None:
        self.last = first
        self._first_sequence = first.sequence
        # Of samples in which nothing is missing: charge at the first, voltage and charge at the last, integral of
        # voltage over charge; and time, voltage and current of those that may be in the second half.
        self._first_ah: float | None = None
        self._before_v = self._before_ah = 0.0
        self._twice_v_ah = 0.0
        self._times_s, self._volts, self._amperes = array("d"), array("d"), array("d")
        self._trim_at = _TRIM_AT

    def add(self, samples: Sequence[Sample]) -> None:
        """Add samples of the step, at least one, in order."""
        self.last = samples[-1]
        whole = [s for s in samples if not isnan(s.voltage_v + s.current_a + s.capacity_ah)]
        if not whole:
            return
        if self._first_ah is None:
            # Between the first sample and itself no charge passed, whatever its voltage.
            self._first_ah = self._before_ah = whole[0].capacity_ah
        # Mean voltage weighted by the charge that the tester counted, by the trapezoid rule; signed, unlike its energy.
        before_v, before_ah, twice_v_ah = self._before_v, self._before_ah, self._twice_v_ah
        for sample in whole:
            voltage_v, capacity_ah = sample.voltage_v, sample.capacity_ah
            twice_v_ah += (before_v + voltage_v) * (capacity_ah - before_ah)
            before_v, before_ah = voltage_v, capacity_ah
        self._before_v, self._before_ah, self._twice_v_ah = before_v, before_ah, twice_v_ah
        self._times_s.extend([s.step_time_s for s in whole])
        self._volts.extend([abs(s.voltage_v) for s in whole])
        self._amperes.extend([abs(s.current_a) for s in whole])
        if len(self._times_s) > self._trim_at:
            earlier = bisect_left(self._times_s, self._times_s[-1] / 2)
            for values in (self._times_s, self._volts, self._amperes):
                del values[:earlier]
            self._trim_at = max(_TRIM_AT, len(self._times_s) * 3 // 2)

    def executed(self, segment: CyclingSegment) -> ExecutedStep:
        """Return the step as it is executed so far."""
        last = self.last
        return ExecutedStep(
            step_count=last.step_count,
            step=last.step,
            tester_cycle=last.tester_cycle,
            mode=last.mode,
            start_s=last.time_s - last.step_time_s,
            duration_s=last.step_time_s,
            capacity_ah=last.capacity_ah,
            energy_wh=last.energy_wh,
            mean_voltage_v=self._mean_voltage_v(),
            resistance_ohm=None if _is_rest(segment, last.step) else self._resistance_ohm(),
            end_reason=end_reason(segment, last),
            first_sequence=self._first_sequence,
            last_sequence=last.sequence,
        )

    def _mean_voltage_v(self) -> float | None:
        total_ah = 0.0 if self._first_ah is None else self._before_ah - self._first_ah
        return self._twice_v_ah / 2 / total_ah if total_ah > 0 else None

    def _resistance_ohm(self) -> float | None:
        """Mean |V| / mean |I| over the second half of the step, by the trapezoid rule between its samples."""
        if not self._times_s:
            return None
        half_s = self._times_s[-1] / 2
        volt_s = curr_s = 0.0
        before: tuple[float, float, float] | None = None
        for now in zip(self._times_s, self._volts, self._amperes, strict=True):
            if now[0] < half_s:
                continue
            if before is not None:
                dt_s = now[0] - before[0]
                volt_s += (before[1] + now[1]) * dt_s
                curr_s += (before[2] + now[2]) * dt_s
            before = now
        if curr_s == volt_s == 0.0:
            # One record, or several of one moment, or nothing to see: the last one tells it.
            volt_s, curr_s = self._volts[-1], self._amperes[-1]
        return volt_s / curr_s if curr_s > 0 else None


def executed_step(segment: CyclingSegment, samples: Sequence[Sample]) -> ExecutedStep:
    """Build an executed step from all its samples, at least one."""
    whole = _OpenStep(samples[0])
    whole.add(samples)
    return whole.executed(segment)
