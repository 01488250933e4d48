"""Watches one run for trouble that no limit sees yet, and tells each sign once (docs/trouble.md).

Six signs: a contact that worsens, a polarisation that drifts, a charge that the tester counts otherwise than its
current says, a voltage that does not change or that jumps, and records that come late. Pure: neither store nor clock.
The same records give the same state again; what was told before a restart is given back by ``recall``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from math import inf
from operator import attrgetter

from drivers.interfaces import EndReason, Sample
from orchestrator.judging.contact_rise import ContactRise
from orchestrator.judging.limits import Action, Finding
from orchestrator.judging.polarisation import PolarisationDrift
from orchestrator.judging.step_trace import Jump, StepTrace
from orchestrator.judging.steps import ExecutedStep, end_reason
from orchestrator.judging.trouble_thresholds import (
    AT_VOLTAGE,
    CHARGE_STEP,
    FLAT_AROUND,
    FLAT_FACTOR,
    FLAT_STEPS,
    JUMPS_WITHIN_S,
    KINDS,
    MOST_JUMPS,
    WORSE,
    Trouble,
    records_of,
)
from protocols.cell import SYMMETRIC
from protocols.current_sign import Direction
from protocols.program import CyclingSegment, Loop, PoweredStep, Program, RecordedStep
from protocols.program_steps import longest, powered
from protocols.trouble import TroubleSign

_STEP_COUNT = attrgetter("step_count")
# Cells of which no state of charge makes a resistance: metal on both sides, or on one.
_STATELESS = SYMMETRIC | {"li-cu"}
# Signs whose evidence lies within one test: they are told anew behind an interruption, in which somebody looked.
_OF_ONE_TEST = frozenset({TroubleSign.FLAT, TroubleSign.JUMPS, TroubleSign.LATE})
SIGN_KEY, LEVEL_KEY = "sign", "level"


class TroubleWatch:
    """The signs of trouble of one run, over all of its tests. It can be copied."""

    def __init__(self, program: Program) -> None:
        """Watch a run by the guards of its program."""
        cell, self._guards = program.cell, program.cycling[0].guards.trouble
        self._capacity_ah = None if cell.kind in _STATELESS else cell.nominal_capacity_ah or _most_ah(program)
        self._contact = ContactRise(cell.kind, self._guards.contact_rise)
        self._polarisation = PolarisationDrift(cell.kind, self._guards.polarisation_rise, self._capacity_ah)
        self._segment: CyclingSegment | None = None
        self._before_s = 0.0
        self._count = 0
        self._trace: StepTrace | None = None
        self._step: RecordedStep | None = None
        # Charge that has passed since the run began, signed.
        self._net_ah = 0.0
        self._charge_step = 0
        # Of whole steps in each direction: how many there were, and how often one voltage came in a row at most.
        self._flat: dict[Direction, tuple[int, int]] = {}
        # Jumps that came back, with the times of the run.
        self._jumps: tuple[tuple[float, Jump], ...] = ()
        # How many of the open step's signs are told, or need not be.
        self._taken = 0
        # How bad each sign was, in which test time of the run, when it was told last.
        self._told: dict[TroubleSign, tuple[float, float] | None] = dict.fromkeys(TroubleSign)

    def copy(self) -> TroubleWatch:
        """Return a copy of the state; feeding one leaves the other as it is."""
        twin = object.__new__(TroubleWatch)
        twin.__dict__.update(self.__dict__)
        twin._contact, twin._polarisation = self._contact.copy(), self._polarisation.copy()
        twin._trace = None if self._trace is None else self._trace.copy()
        twin._flat, twin._told = dict(self._flat), dict(self._told)
        return twin

    def __deepcopy__(self, memo: object) -> TroubleWatch:
        """Copy it in the one way in which it is copied."""
        return self.copy()

    @property
    def is_watching(self) -> bool:
        """Whether the recipe has not switched it off."""
        return not self._guards.is_off

    def recall(self, told: Iterable[tuple[str, float, float]]) -> None:
        """Take over what was told before a restart: signs by their words, how bad they were, and run times (s)."""
        for word, level, time_s in told:
            if word not in set(TroubleSign):
                continue
            sign = TroubleSign(word)
            worst, last_s = self._told[sign] or (level, time_s)
            self._told[sign] = max(worst, level), max(last_s, time_s)

    def enter(self, segment: CyclingSegment, before_s: float) -> None:
        """Begin the next test of the run; ``before_s`` is the test time of all earlier tests."""
        self._close()
        self._segment, self._before_s = segment, before_s
        self._count, self._trace, self._step = 0, None, None

    def feed_steps(self, steps: Sequence[ExecutedStep]) -> list[Finding]:
        """Judge executed steps in order, with the test's own times and the run's cycles."""
        segment = self._segment
        if segment is None or self._guards.is_off:
            return []
        signs: list[Trouble] = []
        for executed in steps:
            step = segment.steps[executed.step - 1]
            if isinstance(step, PoweredStep):
                ran = replace(executed, start_s=executed.start_s + self._before_s)
                if (sign := self._polarisation.feed(step, ran)) is not None:
                    signs.append(sign)
        found = self._tell(signs)
        trace = self._trace
        if trace is not None and steps and steps[-1].step_count == self._count:
            # The test is over, or held: no record comes that would close its last step.
            trace.count()
            found += self._take(trace)
        return found

    def feed(self, samples: Sequence[Sample], cycles: Mapping[int, int]) -> list[Finding]:
        """Judge records in order; ``cycles`` has the run's cycle of executed steps among them."""
        if not samples or self._guards.is_off or self._segment is None:
            return []
        trace = self._trace
        if trace is None or samples[-1].step_count != self._count or self._contact.is_waiting:
            return self._feed_apart(samples, cycles)
        trace.add(samples)
        return self._take(trace) if trace.jumps or len(trace.found) > self._taken else []

    def _feed_apart(self, samples: Sequence[Sample], cycles: Mapping[int, int]) -> list[Finding]:
        """Judge records among which steps begin, or the first ones of a step."""
        found: list[Finding] = []
        for count, group in groupby(samples, _STEP_COUNT):
            together = list(group)
            if self._trace is None or count != self._count:
                found += self._begin(together[0], count)
                self._edge(together[:1], cycles, found)
                together = together[1:]
            self._edge(together, cycles, found)
            if self._trace is not None and together:
                self._trace.add(together)
                found += self._take(self._trace)
        return found

    def _edge(self, samples: Sequence[Sample], cycles: Mapping[int, int], found: list[Finding]) -> None:
        for sample in samples:
            if not self._contact.is_waiting or self._step is None:
                return
            run_s, cycle = self._before_s + sample.time_s, cycles.get(sample.step_count, 0)
            sign = self._contact.feed(sample, self._step, self._charge_step, run_s, cycle)
            if sign is not None:
                found += self._tell([sign])

    def _begin(self, first: Sample, count: int) -> list[Finding]:
        """Close the open step, and begin the next with its first record."""
        segment, before, held = self._segment, self._trace, self._step
        found = self._close()
        follows = before is not None and count == self._count + 1
        if self._count and count > self._count + 1 and self._capacity_ah is not None:
            # Steps between are not known here: nor is the cell's state of charge.
            self._contact.forget()
        step = segment.steps[first.step - 1] if segment is not None and 1 <= first.step <= len(segment.steps) else None
        self._count, self._taken = count, 0
        if segment is None or step is None or isinstance(step, Loop):
            self._trace = self._step = None
            return found
        trace = StepTrace(first, step, step.record or segment.record, self._guards)
        if step.direction is not None:
            steps, longest = self._flat.get(step.direction, (0, 0))
            if steps >= FLAT_STEPS:
                trace.expect_flat(FLAT_FACTOR * longest)
        last = before.last if before is not None and follows else None
        if last is not None and before is not None and held is not None:
            is_other = abs(last.current_a - first.current_a) > 0 and not held.holds_voltage and not step.holds_voltage
            if is_other and before.same >= FLAT_AROUND:
                trace.carry(last)
        self._contact.begin(last if last is not None and not (held is not None and held.holds_voltage) else None)
        self._trace, self._step = trace, step
        return found + self._take(trace)

    def _close(self) -> list[Finding]:
        """Judge the open step as a whole, and keep what it shows of the run."""
        trace, step = self._trace, self._step
        if trace is None or step is None:
            return []
        trace.finish()
        if step.direction is not None:
            sign = 1.0 if step.direction is Direction.CHARGE else -1.0
            self._net_ah += sign * trace.last.capacity_ah
            self._charge_step = self._state_of_charge(trace.last)
            if trace.is_constant:
                steps, longest = self._flat.get(step.direction, (0, 0))
                self._flat = {**self._flat, step.direction: (steps + 1, max(longest, trace.longest))}
        return self._take(trace)

    def _state_of_charge(self, last: Sample) -> int:
        """Return the state of charge behind a step's last record; 0 in cells where it tells nothing."""
        if not self._capacity_ah or self._segment is None:
            return 0
        if end_reason(self._segment, last) is EndReason.VOLTAGE:
            return AT_VOLTAGE
        return round(self._net_ah / self._capacity_ah / CHARGE_STEP)

    def _take(self, trace: StepTrace) -> list[Finding]:
        """Take what the open step has shown since it was asked last."""
        new, self._taken = trace.found[self._taken :], len(trace.found)
        signs = [replace(sign, time_s=self._before_s + sign.time_s) for sign in new]
        for jump in trace.take_jumps():
            now_s = self._before_s + jump.last.time_s
            kept = (*self._jumps[-MOST_JUMPS:], (now_s, jump))
            self._jumps = tuple(it for it in kept if it[0] > now_s - JUMPS_WITHIN_S)
            if len(self._jumps) >= self._guards.jumps:
                signs.append(self._jumping())
        return self._tell(signs)

    def _jumping(self) -> Trouble:
        (first_s, first), (_, last) = self._jumps[0], self._jumps[-1]
        height_v, number = max(jump.height_v for _, jump in self._jumps), len(self._jumps)
        sentence = (
            f"the voltage has jumped and come back {number} times since {first_s / 3600:.3f} h, by up to "
            f"{height_v * 1e3:.3g} mV at constant current: a contact that comes and goes, a soft short, or the reading?"
        )
        evidence: dict[str, object] = {"jumps": number, "largest_v": height_v, **records_of(first.first, last.last)}
        return Trouble(TroubleSign.JUMPS, number / self._guards.jumps, first_s, sentence, evidence)

    def _tell(self, signs: Sequence[Trouble]) -> list[Finding]:
        """Give what was not told yet, or is worse by ``WORSE`` than when it was told."""
        found: list[Finding] = []
        for sign in signs:
            told = self._told[sign.sign]
            if told is not None:
                is_new_test = sign.sign in _OF_ONE_TEST and told[1] < self._before_s
                if not is_new_test and sign.level < WORSE * told[0]:
                    continue
            self._told = {**self._told, sign.sign: (sign.level, sign.time_s)}
            action = Action.HOLD if sign.sign in self._guards.hold else Action.MARK
            data = {SIGN_KEY: sign.sign.value, LEVEL_KEY: sign.level, **sign.evidence}
            found.append(Finding(KINDS[sign.sign], action, sign.sentence, sign.time_s, data))
        return found


def _most_ah(program: Program) -> float | None:
    """Return the charge that a cell of unknown capacity passes at most, by the steps of its program."""
    most = [longest(step)[1] for segment in program.cycling for _, step in powered(segment.steps)]
    return max((charge_ah for charge_ah in most if charge_ah < inf), default=None)
