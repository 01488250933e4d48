"""Turns samples into executed steps, and judges those: why each ended, shorts, early cutoffs, the contact check.

Everything is computed from samples as stored, incrementally, and equals the computation over the whole test at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isnan
from statistics import median

from drivers.interfaces import EndReason, Sample
from orchestrator.safety import Action, Finding, FindingKind
from orchestrator.undo import as_before, as_it_was
from protocols.program import ConstantCurrent, CyclingSegment, Loop, PoweredStep, Purpose, Rest, ShortPolicy

_SHORT_HISTORY = 10


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
    """Tell from a step's last sample why it ended; a condition that two reasons share goes to the harmless one.

    The tester ends a step at the first 0.1 s at which a condition holds (reference neware-ct4008, sections 1.4, 7.3).
    """
    step = segment.steps[last.step - 1] if 1 <= last.step <= len(segment.steps) else None
    if step is None or isinstance(step, Loop):
        return EndReason.EXTERNAL
    until = step.until
    if until.time_s is not None and last.step_time_s >= until.time_s - 0.051:
        return EndReason.TIME
    if isinstance(step, Rest):
        return EndReason.EXTERNAL
    if until.capacity_ah is not None and last.capacity_ah >= until.capacity_ah * 0.9999:
        return EndReason.CAPACITY
    if until.voltage_v is not None:
        rising = isinstance(step, ConstantCurrent) and step.current_a > 0
        over_v = last.voltage_v - until.voltage_v
        if (over_v if rising else -over_v) >= -0.001:
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
    """Groups samples into executed steps; a step is given out when the first sample of the next one is seen."""

    def __init__(self, segment: CyclingSegment) -> None:
        self._segment = segment
        self._samples: list[Sample] = []

    def feed(self, samples: Iterable[Sample]) -> list[ExecutedStep]:
        """Take samples in order and give the steps that they complete."""
        done: list[ExecutedStep] = []
        current = self._samples
        count = current[-1].step_count if current else None
        for sample in samples:
            if sample.step_count != count:
                if current:
                    done.append(self._build(current))
                current, count = [], sample.step_count
            current.append(sample)
        self._samples = current
        return done

    def undo(self) -> Callable[[], None]:
        """Give what takes back a later `finish`."""
        return as_before(self, "_samples")

    def __deepcopy__(self, memo: object) -> StepBuilder:
        """Copy it; samples never change, and a step may have very many."""
        twin = StepBuilder(self._segment)
        twin._samples = list(self._samples)
        return twin

    def finish(self) -> list[ExecutedStep]:
        """Give the last step, when the test is over."""
        rest, self._samples = self._samples, []
        return [self._build(rest)] if rest else []

    def _build(self, samples: list[Sample]) -> ExecutedStep:
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
            end_reason=end_reason(self._segment, last),
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


@dataclass(frozen=True, slots=True)
class Before:
    """What a run had behind it when a test began: seconds of test time, and cycles."""

    time_s: float = 0.0
    cycles: int = 0


class StepWatch:
    """Judges executed steps by the segment's guards. It is the run's: what it saw in one test counts in the next."""

    def __init__(self, segment: CyclingSegment) -> None:
        self._segment = segment
        self._before = Before()
        self._early = 0
        # Half-cycles are compared at the same set current only.
        self._healthy: dict[float, deque[float]] = {}
        self._shorted: list[ExecutedStep] = []
        # Current and voltage of the contact check before.
        self._checked: tuple[float, float] | None = None

    def enter(self, segment: CyclingSegment, before: Before) -> None:
        """Go on with the next test of the run."""
        self._segment = segment
        self._before = before
        self._checked = None

    def undo(self) -> Callable[[], None]:
        """Give what takes back a later `feed`."""
        return as_it_was(self, "_early", "_healthy", "_shorted", "_checked")

    def feed(self, steps: Iterable[ExecutedStep]) -> list[Finding]:
        """Judge steps in the order in which they ran."""
        findings: list[Finding] = []
        for tested in steps:
            step = self._segment.steps[tested.step - 1]
            if not isinstance(step, PoweredStep):
                continue
            # From here on in the run's time and cycles, so that a message means the same in every test.
            start_s, cycle = tested.start_s + self._before.time_s, tested.cycle + self._before.cycles
            executed = replace(tested, start_s=start_s, cycle=cycle)
            if executed.end_reason is EndReason.CEILING:
                message = (
                    f"step {executed.step} (cycle {executed.cycle}) ran into its ceiling: "
                    f"{executed.capacity_ah * 1e3:.4f} mAh in {executed.duration_s / 3600:.3f} h"
                )
                findings.append(Finding(FindingKind.CEILING, Action.TRIP, message, executed.start_s))
            if isinstance(step, ConstantCurrent):
                if step.purpose is Purpose.CHECK:
                    findings.extend(self._check(step, executed))
                else:
                    findings.extend(self._early_cutoff(step, executed))
                    findings.extend(self._short(step, executed))
        return findings

    def _check(self, step: ConstantCurrent, executed: ExecutedStep) -> list[Finding]:
        guards = self._segment.guards
        low, high, seen = guards.resistance_low_ohm, guards.resistance_high_ohm, executed.resistance_ohm
        if low is None or high is None:
            return []
        # A check that its cutoff ended met no cell, whatever resistance its few samples show.
        cut_off = executed.end_reason is EndReason.VOLTAGE
        if seen is not None and low <= seen <= high and not cut_off:
            return self._sign(step.current_a, executed)
        shown = "no current flowed" if seen is None else f"{seen:.4g} ohm"
        likely = "the cell is shorted" if seen is not None and seen < low else "no cell, or bad contact"
        message = f"{shown}; the window is {low:g} to {high:g} ohm: {likely}"
        return [Finding(FindingKind.CHECK_FAILED, Action.STOP, message, executed.start_s)]

    def _sign(self, current_a: float, executed: ExecutedStep) -> list[Finding]:
        """Compare a check with the one before: whatever the cell's rest potential is, current raises the voltage."""
        here = current_a, executed.mean_voltage_v or 0.0
        before, self._checked = self._checked, here
        if before is None or (here[0] - before[0]) * (here[1] - before[1]) >= 0:
            return []
        (low_a, at_low_v), (high_a, at_high_v) = sorted((before, here))
        message = (
            f"{high_a * 1e3:.4g} mA shows {at_high_v:.4f} V and {low_a * 1e3:.4g} mA {at_low_v:.4f} V: the currents "
            "have the wrong sign; of a CHI660E, find out istep_positive_is_charge on the dummy cell"
        )
        return [Finding(FindingKind.CHECK_FAILED, Action.STOP, message, executed.start_s)]

    def _early_cutoff(self, step: ConstantCurrent, executed: ExecutedStep) -> list[Finding]:
        guards = self._segment.guards
        set_s = set_duration_s(step)
        early = set_s is not None and executed.duration_s < guards.early_cutoff_fraction * set_s
        if not (early and executed.end_reason is EndReason.VOLTAGE):
            self._early = 0
            return []
        self._early += 1
        if self._early != guards.early_cutoff_in_a_row:
            return []
        message = (
            f"{self._early} half-cycles in a row met their voltage cutoff in under "
            f"{guards.early_cutoff_fraction:.0%} of their time (cycle {executed.cycle}, {executed.duration_s:.1f} s "
            f"of {set_s:.0f} s): was the cell pulled out, or is a contact lost?"
        )
        return [Finding(FindingKind.EARLY_CUTOFF, Action.STOP, message, executed.start_s)]

    def _short(self, step: ConstantCurrent, executed: ExecutedStep) -> list[Finding]:
        guards = self._segment.guards
        history = self._healthy.setdefault(abs(step.current_a), deque(maxlen=_SHORT_HISTORY))
        seen = executed.resistance_ohm
        if seen is None or executed.end_reason is EndReason.EXTERNAL:
            return []
        if len(history) == _SHORT_HISTORY and seen < guards.short_ratio * median(history):
            self._shorted.append(executed)
            if len(self._shorted) != guards.short_in_a_row:
                return []
            first = self._shorted[0]
            message = (
                f"resistance fell to {seen:.3g} ohm from {median(history):.3g} ohm; "
                f"shorted since {first.start_s / 3600:.2f} h (cycle {first.cycle})"
            )
            action = Action.COMPLETE if guards.short_policy is ShortPolicy.COMPLETE else Action.TRIP
            return [Finding(FindingKind.CELL_SHORTED, action, message, first.start_s)]
        findings = []
        if self._shorted:
            first = self._shorted[0]
            message = f"resistance fell and recovered at {first.start_s / 3600:.2f} h (cycle {first.cycle})"
            findings.append(Finding(FindingKind.SOFT_SHORT, Action.MARK, message, first.start_s))
        self._shorted = []
        history.append(seen)
        return findings


def set_duration_s(step: ConstantCurrent) -> float | None:
    """Give how long a step is meant to take: its time end, its charge end, or half its time ceiling (design, 6)."""
    if step.until.time_s is not None:
        return step.until.time_s
    if step.until.capacity_ah is not None:
        return step.until.capacity_ah / abs(step.current_a) * 3600
    return step.ceiling.time_s / 2 if step.ceiling.time_s is not None else None
