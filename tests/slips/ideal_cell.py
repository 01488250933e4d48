"""A cell that obeys a program with no host, no limits and no guards: what a program could do to it, in one sentence.

It is simple on purpose, and shares nothing with what judges programs: charges are counted step by step, its voltage is
an open-circuit curve and one resistance, and its tester carries out steps and loops as they stand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, log

from protocols.program import CyclingSegment, Loop, PoweredStep, Program, Step

_PASSES = 12  # of each loop: what a pass does to an ideal cell, the next ones do again
_PARTS = 400
_MOST_A = 0.1  # what its tester can
FOIL_MAH_CM2 = 60.0
"""Lithium of 0.3 mm: no more can move from one electrode to the other."""


@dataclass(slots=True)
class IdealCell:
    """A cell: ``charge_ah`` since it was built, and the extremes that it has seen."""

    kind: str
    full_ah: float
    ohm: float
    charge_ah: float = 0.0
    lowest_v: float = inf
    highest_v: float = -inf
    least_ah: float = 0.0
    most_ah: float = 0.0
    plated_ah: float = 0.0

    def voltage_v(self, current_a: float) -> float:
        """Give the voltage under a current, positive charges."""
        return self._rest_v() + current_a * self.ohm

    def _rest_v(self) -> float:
        if self.kind == "li-li":
            return 0.0
        if self.kind == "li-cu":
            # Lithium on the copper keeps it at 0 V; without any it rises as far as it is driven.
            return 0.0 if self.plated_ah > 0 else 2.8
        part = self.charge_ah / self.full_ah
        if part <= 0.0 or part >= 1.0:
            return 2.6 + 20 * part if part <= 0.0 else 4.0 + 20 * (part - 1.0)
        return 3.42 + 0.03 * log((part + 0.002) / (1.002 - part))

    def pass_charge(self, current_a: float, seconds: float) -> None:
        """Pass a current for a time, and keep the extremes."""
        moved_ah = current_a * seconds / 3600
        self.charge_ah += moved_ah
        self.plated_ah = max(0.0, self.plated_ah - moved_ah)
        self.least_ah, self.most_ah = min(self.least_ah, self.charge_ah), max(self.most_ah, self.charge_ah)
        volts = self.voltage_v(current_a)
        self.lowest_v, self.highest_v = min(self.lowest_v, volts), max(self.highest_v, volts)


def _after(cell: IdealCell, current_a: float, seconds: float) -> float:
    """Give the voltage that a cell would have behind a current."""
    plated_ah = max(0.0, cell.plated_ah - current_a * seconds / 3600)
    return replace(cell, charge_ah=cell.charge_ah + current_a * seconds / 3600, plated_ah=plated_ah).voltage_v(
        current_a
    )


def _carry_out(step: PoweredStep, cell: IdealCell) -> None:
    """Carry out a step to its first end, own or ceiling."""
    sign = 1 if step.direction.value == "charge" else -1
    largest_a = step.largest_a or 0.0
    longest_s = min(t for t in (step.until.time_s, step.ceiling.time_s, 1e7) if t is not None)
    most_ah = min(q for q in (step.until.capacity_ah, step.ceiling.capacity_ah, 1e3) if q is not None)
    part_s = min(longest_s, most_ah * 3600 / largest_a) / _PARTS
    passed_s = passed_ah = 0.0
    current_a = largest_a
    while passed_s < longest_s * (1 - 1e-9) and passed_ah < most_ah * (1 - 1e-9):
        # Under a load the current is what it makes of the voltage that the cell has just shown.
        shown_v = max(1e-3, cell.voltage_v(sign * current_a))
        if step.power_w is not None:
            current_a = largest_a = min(step.power_w / shown_v, _MOST_A)
        elif step.resistance_ohm is not None:
            current_a = largest_a = shown_v / step.resistance_ohm
        volts, target_v = cell.voltage_v(sign * current_a), step.target_v
        if target_v is not None and (volts - target_v) * sign >= 0:
            if not step.holds_voltage:
                break
            current_a = max(0.0, (target_v - cell.voltage_v(0.0)) * sign / cell.ohm)
            if current_a <= (step.until.current_a or 0.0) or current_a == 0.0:
                break
        taken_s = part_s
        if target_v is not None and current_a == largest_a:
            # Its tester looks for the end far more often than a part lasts.
            while taken_s > part_s / 1e3 and (_after(cell, sign * current_a, taken_s) - target_v) * sign > 0:
                taken_s /= 2
        cell.pass_charge(sign * current_a, taken_s)
        passed_s += taken_s
        passed_ah += current_a * taken_s / 3600


def _run(steps: tuple[Step, ...], cell: IdealCell) -> None:
    done: dict[int, int] = {}
    number = 1
    while number <= len(steps):
        step = steps[number - 1]
        if isinstance(step, Loop):
            done[number] = done.get(number, 0) + 1
            if done[number] < min(step.times, _PASSES):
                number = step.back_to
                continue
            done[number] = 0
        elif isinstance(step, PoweredStep):
            _carry_out(step, cell)
        number += 1


def _cell_of(program: Program) -> IdealCell:
    facts = program.cell
    area = facts.area_cm2 or 1.0
    full_ah = facts.nominal_capacity_ah or 1e-3
    ohm = 0.05 / full_ah if facts.kind == "lfp" else 100.0 / area
    return IdealCell(facts.kind, full_ah, ohm)


def harm(program: Program, meant: Program) -> str:
    """Say what a program could do to its cell that the meant one does not; empty where it does no harm."""
    cell, sound = _cell_of(program), _cell_of(meant)
    for it, one in ((cell, program), (sound, meant)):
        for segment in one.cycling:
            assert isinstance(segment, CyclingSegment)
            _run(segment.steps, it)
    area = program.cell.area_cm2 or 1.0
    largest_a = max(step.largest_a or 0.0 for s in program.cycling for step in s.steps if isinstance(step, PoweredStep))
    meant_a = max(step.largest_a or 0.0 for s in meant.cycling for step in s.steps if isinstance(step, PoweredStep))
    band = {"li-li": (-1.0, 1.0), "lfp": (2.0, 4.3), "li-cu": (-1.0, 3.5)}[cell.kind]
    if largest_a > 20 * meant_a:
        return f"a current of {largest_a * 1e3:.3g} mA, {largest_a / meant_a:.0f} times the one meant"
    if cell.lowest_v < band[0] or cell.highest_v > band[1]:
        return f"a voltage of {cell.lowest_v:.2f} to {cell.highest_v:.2f} V"
    if cell.kind == "lfp":
        least, most = cell.least_ah / cell.full_ah, cell.most_ah / cell.full_ah
        return f"a charge of {least:.0%} to {most:.0%}" if least < -0.1 or most > 1.1 else ""
    moved, usual = max(cell.most_ah, -cell.least_ah), max(sound.most_ah, -sound.least_ah)
    if moved * 1e3 / area > FOIL_MAH_CM2:
        return f"{moved * 1e3 / area:.0f} mAh/cm2 moved to one electrode"
    if moved > 5 * usual:
        return f"{moved * 1e3 / area:.2g} mAh/cm2 moved to one electrode, {moved / usual:.0f} times what is meant"
    return ""
