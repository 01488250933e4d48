"""Pulls a cell out in the middle of its test, shows it as testers do, and sees when the run would be stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from benchmarks.guards.channel import CHANNEL, SLICE_S, Judges, SimulatedChannel, segments
from benchmarks.guards.tests_of_cells import DrawnTest
from drivers.interfaces import Sample
from orchestrator.judging.limits import Action, Finding, FindingKind
from protocols.program import CyclingSegment, PoweredStep, Rest

# What is asked for: three half-cycles, or 10 min.
HALF_CYCLES, WITHIN_S = 3, 600.0
# So long it is waited for a stop that comes later; more half-cycles than these show no more.
# Steps with which a test begins: a contact check or a rest, and the first half-cycles.
_FIRST = 4
_PATIENCE_S, _MOST_HALVES = 100 * 3600.0, 12
_STEP_S = 5.0
GUARDS = frozenset({FindingKind.EARLY_CUTOFF, FindingKind.CELL_GONE, FindingKind.CHECK_FAILED})


class Look(StrEnum):
    """What a tester shows of an empty holder: beside the simulated one's, what others may."""

    COMPLIANCE = "compliance voltage, no current"
    CUTOFF = "voltage at the cutoff, no current"
    SET_CURRENT = "voltage at the cutoff, set current"


class During(StrEnum):
    """What the channel was doing when the cell was pulled out."""

    HALF_CYCLE = "constant current"
    HELD = "held voltage"
    REST = "rest"


@dataclass(slots=True)
class Pulled:
    """One pulled-out cell: what the channel did, and what came of it.

    ``halves`` counts the powered steps that began and ended without the cell until the stop, ``after_s`` the time; the
    test ``was_over`` where it had not three of them left.
    ``kinds`` are those of the stop's findings. ``by_guards`` tells whether a guard stopped it too, before or after the
    limits, ``seen`` that a cell that was put back was told or stopped.
    """

    test: DrawnTest
    during: During
    look: Look
    back_after_s: float | None
    is_first: bool = False
    halves: int = 0
    after_s: float | None = None
    was_over: bool = False
    kinds: tuple[FindingKind, ...] = ()
    by_guards: bool = False
    seen: bool = False

    @property
    def in_time(self) -> bool:
        """Whether it was stopped within three half-cycles or 10 min."""
        return self.after_s is not None and (self.halves <= HALF_CYCLES or self.after_s <= WITHIN_S)


def pulled(test: DrawnTest, at_s: float, seed: int, look: Look, back_after_s: float | None = None) -> Pulled | None:
    """Run a test, pull its cell out at a moment of the channel's time, and judge; None where the test was over."""
    channel, judges = SimulatedChannel(test, seed), Judges(test)
    for segment in segments(channel, judges):
        while channel.is_busy and channel.now_s < at_s:
            channel.now_s = min(at_s, channel.now_s + SLICE_S)
            judges.feed(channel.samples())
        if channel.is_busy and (last := judges.last) is not None:
            case = Pulled(test, _during(segment, last), look, back_after_s, is_first=last.step_count <= _FIRST)
            return _Pulling(channel, judges, segment, last, case).outcome()
        judges.finish()
    return None


def _during(segment: CyclingSegment, last: Sample) -> During:
    step = segment.steps[last.step - 1]
    if isinstance(step, PoweredStep) and step.holds_voltage:
        return During.HELD
    return During.REST if isinstance(step, Rest) else During.HALF_CYCLE


class _Pulling:
    """The time after a cell was pulled out."""

    def __init__(
        self, channel: SimulatedChannel, judges: Judges, segment: CyclingSegment, last: Sample, case: Pulled
    ) -> None:
        self._channel, self._judges, self._segment, self._case = channel, judges, segment, case
        self._begun_s, self._first = channel.now_s, last
        self._counts: set[int] = set()
        self._is_out = True

    def outcome(self) -> Pulled:
        """Go on until the run would be stopped, the test is over, or it is too late."""
        channel, case = self._channel, self._case
        channel.tester.pull_out_cell(CHANNEL)
        while channel.is_busy:
            out_s = channel.now_s - self._begun_s
            if self._is_out and case.back_after_s is not None and out_s >= case.back_after_s:
                channel.tester.put_back_cell(CHANNEL)
                self._is_out = False
            channel.now_s += _STEP_S if out_s < 3600.0 or self._is_powered() else 60.0
            if self._judge(channel.samples()) or out_s > _PATIENCE_S or len(self._counts) > _MOST_HALVES:
                break
        else:
            self._stop(self._judges.finish(), self._channel.now_s - self._begun_s, len(self._counts))
            case.was_over = case.after_s is None and len(self._counts) < HALF_CYCLES
        return case

    def _is_powered(self) -> bool:
        last = self._judges.last
        return last is not None and isinstance(self._segment.steps[last.step - 1], PoweredStep)

    def _judge(self, samples: Sequence[Sample]) -> bool:
        for sample in samples:
            shown = self._shown(sample) if self._is_out else sample
            step = self._segment.steps[sample.step - 1]
            if isinstance(step, PoweredStep) and self._is_out and sample.step_count != self._first.step_count:
                self._counts.add(sample.step_count)
            ended = sum(count < sample.step_count for count in self._counts)
            if self._stop(self._judges.feed([shown]), sample.time_s - self._first.time_s, ended):
                return True
            if len(self._counts) > _MOST_HALVES:
                return True
        return False

    def _stop(self, findings: Sequence[Finding], after_s: float, ended: int) -> bool:
        case = self._case
        ending = [found for found in findings if found.action is not Action.MARK]
        named = [found for found in findings if found.kind in GUARDS]
        case.seen = case.seen or bool(ending) or bool(named)
        case.by_guards = case.by_guards or any(found.action is not Action.MARK for found in named)
        if ending and case.after_s is None:
            case.after_s, case.halves = max(0.0, after_s), ended
            case.kinds = tuple(dict.fromkeys(found.kind for found in ending))
        # A guard is given three half-cycles where a limit was faster.
        return case.after_s is not None and (case.by_guards or ended > HALF_CYCLES)

    def _shown(self, sample: Sample) -> Sample:
        step, look = self._segment.steps[sample.step - 1], self._case.look
        if look is Look.COMPLIANCE or not isinstance(step, PoweredStep):
            return sample
        cutoff_v, set_a = step.until.voltage_v, step.constant_a
        if cutoff_v is None or set_a is None or sample.sequence <= self._first.sequence:
            return sample
        current_a = set_a if look is Look.SET_CURRENT else sample.current_a
        passed_ah = abs(current_a) * sample.step_time_s / 3600
        if sample.step_count == self._first.step_count:
            passed_ah = max(passed_ah, sample.capacity_ah)
        volts = cutoff_v + (0.0003 if set_a > 0 else -0.0003)
        return sample._replace(voltage_v=volts, current_a=current_a, capacity_ah=passed_ah)
