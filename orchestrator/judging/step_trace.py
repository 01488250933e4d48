"""One step's records as they come: its integral of current, repeated and jumping voltages, and gaps between records.

This is run for every record of every channel, so it is one loop with a few comparisons; what is rare is looked at in
functions of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from math import inf

from drivers.interfaces import Sample
from orchestrator.judging.trouble_thresholds import (
    BEGINNING_S,
    COUNT_AH,
    COUNTED_S,
    FIRST_COUNT,
    FLAT_AROUND,
    FLAT_S,
    JUMP_BACK,
    JUMP_CHANGES,
    JUMP_V,
    LATE_S,
    WORSE,
    Trouble,
    records_of,
)
from protocols.program import Record
from protocols.program_steps import Purpose, RecordedStep
from protocols.trouble import TroubleGuards, TroubleSign


@dataclass(frozen=True, slots=True)
class Jump:
    """A jump of the voltage under constant current that came back: between which records, and by how much in V."""

    first: Sample
    last: Sample
    height_v: float


class StepTrace:
    """The records of the open step, as what is needed of them.

    ``longest`` is the largest number of records with one voltage, ``jumps`` those that came back, ``found`` the signs
    of trouble that one step shows by itself, with the times of the test.
    """

    def __init__(self, first: Sample, step: RecordedStep, record: Record, guards: TroubleGuards) -> None:
        """Begin with the first record of a step; ``record`` says when the step makes records."""
        self.first = self.last = self._since = first
        self.is_constant = bool(step.constant_a) and step.purpose is not Purpose.CHECK
        self.is_counted = step.direction is not None and step.purpose is not Purpose.CHECK
        self.longest = self.same = 1
        self.jumps: tuple[Jump, ...] = ()
        self.found: tuple[Trouble, ...] = ()
        self._guards = guards
        self._late_s = inf if record.every_s is None else guards.late_intervals * record.every_s + LATE_S
        self._jump_v = max(JUMP_V, JUMP_CHANGES * (record.voltage_change_v or 0.0)) if self.is_constant else inf
        # From so many equal readings on it is asked whether they tell anything.
        self._flat_from: float = inf
        self._flat_longest: float = inf
        self._carried: Sample | None = None
        self._up: Jump | None = None
        self._number, self._count_at = 1, FIRST_COUNT
        # Twice the integrals of current over time, in A s, and of what a current that only rises or falls may lack.
        self._twice_as = self._spread_as = 0.0
        self._told_late_s = 0.0
        self._look_at_gap(first, first.step_time_s)

    @property
    def integral_ah(self) -> float:
        """The integral of current over time so far, as a magnitude in Ah."""
        return abs(self._twice_as) / 7200

    def copy(self) -> StepTrace:
        """Return a copy of the state."""
        return copy(self)

    def expect_flat(self, longest: float) -> None:
        """Tell of a voltage that is the same more often than ``longest`` times: whole steps have shown no more."""
        if self.is_constant:
            self._flat_longest = max(longest, self._guards.flat_records)
            self._flat_from = min(self._flat_from, self._flat_longest)

    def carry(self, before: Sample) -> None:
        """Tell of a voltage that stays what it was in ``before``, the record of another current."""
        if before.voltage_v == self.first.voltage_v:
            self._carried = before
            self._flat_from = min(self._flat_from, FLAT_AROUND)

    def add(self, samples: Sequence[Sample]) -> None:
        """Add records of the step, in order; one in which a value is not a number is left out."""
        last = self.last
        last_s, last_v, last_a = last.step_time_s, last.voltage_v, last.current_a
        twice_as, spread_as, same = self._twice_as, self._spread_as, self.same
        late_s, jump_v, flat_from, since = self._late_s, self._jump_v, self._flat_from, self._since
        for sample in samples:
            now_s, now_v, now_a = sample.step_time_s, sample.voltage_v, sample.current_a
            jumped_v = now_v - last_v
            apart_a = now_a - last_a
            if jumped_v != jumped_v or apart_a != apart_a:
                continue
            apart_s = now_s - last_s
            if apart_s > late_s:
                self._look_at_gap(sample, apart_s)
            twice_as += (now_a + last_a) * apart_s
            spread_as += apart_a * apart_s if apart_a > 0 else -apart_a * apart_s
            if jumped_v == 0.0:
                same += 1
                if same >= flat_from:
                    self._look_at_flat(since, sample, same)
            else:
                if same > self.longest:
                    self.longest = same
                same, since = 1, sample
                if not -jump_v < jumped_v < jump_v:
                    self._look_at_jump(last, sample, jumped_v)
            last, last_s, last_v, last_a = sample, now_s, now_v, now_a
            self.last = last
        self._twice_as, self._spread_as, self.same, self._since = twice_as, spread_as, same, since
        self._number += len(samples)
        if self._number >= self._count_at:
            while self._count_at <= self._number:
                self._count_at *= 2
            self.count()

    def finish(self) -> None:
        """Judge what is only known when the step is over."""
        self.longest = max(self.longest, self.same)
        self.count()

    def count(self) -> None:
        """Compare the charge that the tester counted with the integral of its current, between the bounds of both."""
        first, last = self.first, self.last
        if not self.is_counted or last.step_time_s - first.step_time_s < COUNTED_S:
            return
        counted_ah = last.capacity_ah - first.capacity_ah
        integral_ah, spread_ah = self.integral_ah, self._spread_as / 7200
        allowed_ah = self._guards.charge_part * max(abs(counted_ah), integral_ah)
        off_ah = abs(counted_ah - integral_ah) - spread_ah
        if not off_ah > max(allowed_ah, COUNT_AH) or any(it.sign is TroubleSign.CHARGE for it in self.found):
            return
        part = (counted_ah - integral_ah) / integral_ah if integral_ah else inf
        sentence = (
            f"the tester counts {counted_ah * 1e3:.5g} mAh, and its current makes {integral_ah * 1e3:.5g} mAh in "
            f"{last.step_time_s - first.step_time_s:.0f} s ({part:+.2%}): check the calibration of the channel"
        )
        evidence: dict[str, object] = {
            "counted_ah": counted_ah,
            "integral_ah": integral_ah,
            "uncertain_ah": spread_ah,
            **records_of(first, last),
        }
        level = off_ah / max(allowed_ah, COUNT_AH)
        self._find(TroubleSign.CHARGE, level, first.time_s, sentence, evidence)

    def take_jumps(self) -> tuple[Jump, ...]:
        """Return the jumps that came back since the last call."""
        jumps, self.jumps = self.jumps, ()
        return jumps

    def _find(self, sign: TroubleSign, level: float, time_s: float, sentence: str, evidence: dict[str, object]) -> None:
        self.found = (*self.found, Trouble(sign, level, time_s, sentence, evidence))

    def _look_at_gap(self, sample: Sample, apart_s: float) -> None:
        """Tell of a record that came late; one behind records that are lost is told of as such."""
        last = self.last
        told_s = self._told_late_s
        if not apart_s > max(self._late_s, WORSE * told_s) or sample.sequence > last.sequence + 1:
            return
        self._told_late_s = apart_s
        sentence = (
            f"no record was made for {apart_s:.0f} s at {sample.time_s / 3600:.3f} h of the test, and one is due every "
            f"{(self._late_s - LATE_S) / self._guards.late_intervals:.0f} s: is the tester or its network overloaded?"
        )
        evidence: dict[str, object] = {"apart_s": apart_s, **records_of(last, sample)}
        self._find(TroubleSign.LATE, apart_s / self._late_s, sample.time_s - apart_s, sentence, evidence)

    def _look_at_flat(self, since: Sample, sample: Sample, same: int) -> None:
        """Tell of a voltage that stays the same, across a change of the current or for longer than this run's own."""
        carried = self._carried
        if any(it.sign is TroubleSign.FLAT for it in self.found):
            return
        evidence: dict[str, object] = {"voltage_v": sample.voltage_v, "records": same}
        if carried is not None and since is self.first:
            sentence = (
                f"the voltage stays {sample.voltage_v:.4f} V while the current goes from {carried.current_a * 1e3:.4g} "
                f"to {sample.current_a * 1e3:.4g} mA: is the reading stuck, or the cell shorted?"
            )
            evidence |= records_of(carried, sample)
            self._find(TroubleSign.FLAT, 1.0, carried.time_s, sentence, evidence)
            return
        lasts_s = sample.step_time_s - since.step_time_s
        if same < self._flat_longest or lasts_s < FLAT_S:
            return
        sentence = (
            f"{same} readings of the voltage in a row are {sample.voltage_v:.4f} V, over {lasts_s / 60:.0f} min of "
            "current; the steps before had not a quarter of that: is the reading stuck?"
        )
        evidence |= {"lasts_s": lasts_s, **records_of(since, sample)}
        self._find(TroubleSign.FLAT, 1.0, since.time_s, sentence, evidence)

    def _look_at_jump(self, before: Sample, sample: Sample, jumped_v: float) -> None:
        """Keep a jump, and count it when the voltage jumps back."""
        up = self._up
        if up is not None and jumped_v * up.height_v < 0 and abs(jumped_v) >= JUMP_BACK * abs(up.height_v):
            self.jumps = (*self.jumps, Jump(up.first, sample, abs(up.height_v)))
            self._up = None
            return
        # What follows each other in one direction is a slope: the curve of a cell that is nearly full or empty.
        is_begun = sample.step_time_s > BEGINNING_S
        self._up = Jump(before, sample, jumped_v) if is_begun else None
