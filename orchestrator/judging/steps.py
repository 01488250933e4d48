"""Groups samples into executed steps, and finds out why each step ended.

Everything is computed from samples as stored, incrementally, and equals the computation over the whole test at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isnan

from drivers.interfaces import EndReason, Sample
from orchestrator.rollback import as_before
from protocols.current_sign import Direction
from protocols.program import CyclingSegment, Loop


@dataclass(frozen=True, slots=True)
class ExecutedStep:
    """One step that has run: times in seconds from the start of the test, magnitudes in Ah and Wh.

    ``mean_voltage_v`` is weighted by charge and signed; None where no charge passed.
    ``resistance_ohm`` is mean |V| / mean |I| over the second half of the step, weighted by time; None without current.
    """

    step_count: int
    step: int
    cycle: int
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


def end_reason(segment: CyclingSegment, last: Sample) -> EndReason:
    """Return why a step ended, from its last sample; if several conditions fit, a planned end wins over the ceiling.

    The tester ends a step at the first 0.1 s at which a condition holds (reference neware-ct4008, sections 1.4, 7.3).
    """
    step = segment.steps[last.step - 1] if 1 <= last.step <= len(segment.steps) else None
    if step is None or isinstance(step, Loop):
        return EndReason.EXTERNAL
    until = step.until
    if until.time_s is not None and last.step_time_s >= until.time_s - 0.051:
        return EndReason.TIME
    if until.capacity_ah is not None and last.capacity_ah >= until.capacity_ah * 0.9999:
        return EndReason.CAPACITY
    if until.voltage_v is not None:
        over_v = last.voltage_v - until.voltage_v
        if (over_v if step.direction is Direction.CHARGE else -over_v) >= -0.001:
            return EndReason.VOLTAGE
    if until.current_a is not None and abs(last.current_a) <= until.current_a * 1.01:
        return EndReason.CURRENT
    ceiling = step.ceiling
    if ceiling.time_s is not None and last.step_time_s >= ceiling.time_s - 0.051:
        return EndReason.CEILING
    if ceiling.capacity_ah is not None and last.capacity_ah >= ceiling.capacity_ah * 0.9999:
        return EndReason.CEILING
    return EndReason.EXTERNAL


class StepBuilder:
    """Groups samples into executed steps; a step is returned when the first sample of the next one arrives."""

    def __init__(self, segment: CyclingSegment) -> None:
        self._segment = segment
        self._samples: list[Sample] = []

    def feed(self, samples: Iterable[Sample]) -> list[ExecutedStep]:
        """Add samples in order and return the steps that they complete."""
        done: list[ExecutedStep] = []
        current = self._samples
        count = current[-1].step_count if current else None
        for sample in samples:
            if sample.step_count != count:
                if current:
                    done.append(executed_step(self._segment, current))
                current, count = [], sample.step_count
            current.append(sample)
        self._samples = current
        return done

    def undo(self) -> Callable[[], None]:
        """Return a function that restores the state from before a later ``finish``."""
        return as_before(self, "_samples")

    def __deepcopy__(self, memo: object) -> StepBuilder:
        """Copy it; samples never change, and a step may have very many."""
        twin = StepBuilder(self._segment)
        twin._samples = list(self._samples)
        return twin

    def finish(self) -> list[ExecutedStep]:
        """Return the last step, when the test is over."""
        rest, self._samples = self._samples, []
        return [executed_step(self._segment, rest)] if rest else []


def executed_step(segment: CyclingSegment, samples: Sequence[Sample]) -> ExecutedStep:
    """Build an executed step from all its samples, at least one."""
    first, last = samples[0], samples[-1]
    whole = [s for s in samples if not isnan(s.voltage_v + s.current_a + s.capacity_ah)]
    return ExecutedStep(
        step_count=last.step_count,
        step=last.step,
        cycle=last.cycle,
        mode=last.mode,
        start_s=last.time_s - last.step_time_s,
        duration_s=last.step_time_s,
        capacity_ah=last.capacity_ah,
        energy_wh=last.energy_wh,
        mean_voltage_v=_mean_voltage_v(whole) if whole else None,
        resistance_ohm=_resistance_ohm(whole) if whole else None,
        end_reason=end_reason(segment, last),
        first_sequence=first.sequence,
        last_sequence=last.sequence,
    )


def _mean_voltage_v(samples: list[Sample]) -> float | None:
    """Mean voltage weighted by the charge that the tester counted, by the trapezoid rule; signed, unlike its energy."""
    sum_v_ah = 0.0
    before = samples[0]
    for sample in samples:
        sum_v_ah += (before.voltage_v + sample.voltage_v) * (sample.capacity_ah - before.capacity_ah)
        before = sample
    total_ah = before.capacity_ah - samples[0].capacity_ah
    return sum_v_ah / 2 / total_ah if total_ah > 0 else None


def _resistance_ohm(samples: list[Sample]) -> float | None:
    """Mean |V| / mean |I| over the second half of a step, by the trapezoid rule between its samples."""
    half_s = samples[-1].step_time_s / 2
    tail = [s for s in samples if s.step_time_s >= half_s]
    volt_s = curr_s = 0.0
    for a, b in pairwise(tail):
        dt_s = b.step_time_s - a.step_time_s
        volt_s += (abs(a.voltage_v) + abs(b.voltage_v)) * dt_s
        curr_s += (abs(a.current_a) + abs(b.current_a)) * dt_s
    if len(tail) == 1 or curr_s == volt_s == 0.0:
        volt_s, curr_s = abs(tail[-1].voltage_v), abs(tail[-1].current_a)
    return volt_s / curr_s if curr_s > 0 else None
