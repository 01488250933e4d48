"""Builds per-cycle numbers from executed steps during a run: capacities, efficiency, mean voltages, polarisation.

Cycle n is the n-th charge-discharge pair: the charge and discharge steps that bear the same raw cycle number of the
tester, counted from 1. Fed step by step or all at once, the rows are the same.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from drivers.interfaces import EndReason
from orchestrator.judging.steps import ExecutedStep
from orchestrator.rollback import as_it_was
from protocols.current_sign import Direction
from protocols.execution_order import Place
from protocols.program import CellFacts, CyclingSegment, PoweredStep, Purpose
from protocols.program_steps import loops, powered

# Ends that the program sets. A pair that ends by them passes the same charge both ways, whatever the cell does.
_SET_ENDS = frozenset({EndReason.TIME, EndReason.CAPACITY})


@dataclass(frozen=True, slots=True)
class Cycle:
    """One charge-discharge pair. Capacities are magnitudes; voltages are weighted by charge and signed.

    ``coulombic_efficiency`` is discharge over charge (a fraction), stripped over plated for Li/Cu, and None where both
    halves were ended by their set time or charge: it would be 1 by construction. ``polarisation_v`` is the mean
    voltage of charge minus that of discharge.
    """

    cycle: int
    start_s: float
    charge_capacity_ah: float
    discharge_capacity_ah: float
    charge_capacity_mah_g: float | None
    discharge_capacity_mah_g: float | None
    charge_capacity_mah_cm2: float | None
    discharge_capacity_mah_cm2: float | None
    coulombic_efficiency: float | None
    charge_mean_voltage_v: float | None
    discharge_mean_voltage_v: float | None
    polarisation_v: float | None
    charge_end_reason: EndReason
    discharge_end_reason: EndReason


class CycleBuilder:
    """Pairs executed steps into cycles; a cycle is returned when the last powered step of its loop has run.

    Steps bear the numbers of the run's original segment, also those of later tests (``orchestrator.judging.resuming``):
    the parts of a half-cycle that an interruption cut are added up. ``count`` cycles were given out before, by others.
    """

    def __init__(self, segment: CyclingSegment, cell: CellFacts, count: int = 0) -> None:
        self._segment = segment
        self._cell = cell
        self._closing = _closing_steps(segment)
        self._open: list[ExecutedStep] = []
        # The place of the newest step that was fed, and its cycle's number.
        self._newest: tuple[Place, int] | None = None
        self.count = count

    def number(self, there: Place) -> int:
        """Return the cycle of the next step, or of the step fed last, from its place in the segment.

        It is the number that the cycle bears once both halves have run. A half without a partner bears the number of
        the next pair. The answer for a step never changes afterwards.
        """
        step = self._segment.steps[there.step - 1]
        powers = isinstance(step, PoweredStep) and step.purpose is not Purpose.CHECK
        if self._newest is not None:
            before, number = self._newest
            # A powered step behind the last of a loop begins a cycle, although the tester's counter stays.
            if there == before or (there.cycle == before.cycle and (self._open or not powers)):
                return number
        return self.count + 1 + self._is_pair(self._open)

    def _is_pair(self, steps: Iterable[ExecutedStep]) -> bool:
        return all(self._halves(steps).values())

    def _halves(self, steps: Iterable[ExecutedStep]) -> dict[Direction, list[ExecutedStep]]:
        halves: dict[Direction, list[ExecutedStep]] = {Direction.CHARGE: [], Direction.DISCHARGE: []}
        for executed in steps:
            step = self._segment.steps[executed.step - 1]
            if isinstance(step, PoweredStep):
                halves[step.direction].append(executed)
        return halves

    def feed(self, steps: Iterable[ExecutedStep]) -> list[Cycle]:
        """Add executed steps in order and return the cycles that they complete."""
        done: list[Cycle] = []
        for executed in steps:
            step = self._segment.steps[executed.step - 1]
            if not isinstance(step, PoweredStep) or step.purpose is Purpose.CHECK:
                continue
            if self._open and executed.cycle != self._open[-1].cycle:
                done += self.finish()
            self._newest = Place(executed.step, executed.cycle), self.count + 1
            self._open.append(executed)
            if executed.step in self._closing and executed.end_reason is not EndReason.EXTERNAL:
                done += self.finish()
        return done

    def undo(self) -> Callable[[], None]:
        """Return a function that restores the state from before a later ``feed`` or ``finish``."""
        return as_it_was(self, "_open", "_newest", "count")

    def finish(self) -> list[Cycle]:
        """Return the incomplete cycle, if it has both halves."""
        steps, self._open = self._open, []
        halves = self._halves(steps)
        if not all(halves.values()):
            return []
        self.count += 1
        return [self._cycle(steps[0].start_s, halves[Direction.CHARGE], halves[Direction.DISCHARGE])]

    def _cycle(self, start_s: float, charge: list[ExecutedStep], discharge: list[ExecutedStep]) -> Cycle:
        charge_ah = sum(step.capacity_ah for step in charge)
        discharge_ah = sum(step.capacity_ah for step in discharge)
        charge_v, discharge_v = _mean_voltage_v(charge), _mean_voltage_v(discharge)
        mass_g = self._cell.active_mass_mg / 1e3 if self._cell.active_mass_mg else None
        area = self._cell.area_cm2
        return Cycle(
            cycle=self.count,
            start_s=start_s,
            charge_capacity_ah=charge_ah,
            discharge_capacity_ah=discharge_ah,
            charge_capacity_mah_g=charge_ah * 1e3 / mass_g if mass_g else None,
            discharge_capacity_mah_g=discharge_ah * 1e3 / mass_g if mass_g else None,
            charge_capacity_mah_cm2=charge_ah * 1e3 / area if area else None,
            discharge_capacity_mah_cm2=discharge_ah * 1e3 / area if area else None,
            coulombic_efficiency=self._efficiency(charge, discharge),
            charge_mean_voltage_v=charge_v,
            discharge_mean_voltage_v=discharge_v,
            polarisation_v=None if charge_v is None or discharge_v is None else charge_v - discharge_v,
            charge_end_reason=charge[-1].end_reason,
            discharge_end_reason=discharge[-1].end_reason,
        )

    def _efficiency(self, charge: list[ExecutedStep], discharge: list[ExecutedStep]) -> float | None:
        if charge[-1].end_reason in _SET_ENDS and discharge[-1].end_reason in _SET_ENDS:
            return None
        given, taken = (discharge, charge) if self._cell.kind == "li-cu" else (charge, discharge)
        total_ah = sum(step.capacity_ah for step in given)
        return sum(step.capacity_ah for step in taken) / total_ah if total_ah > 0 else None


def _mean_voltage_v(steps: list[ExecutedStep]) -> float | None:
    known = [(step.mean_voltage_v, step.capacity_ah) for step in steps if step.mean_voltage_v is not None]
    total_ah = sum(capacity_ah for _, capacity_ah in known)
    return sum(voltage_v * capacity_ah for voltage_v, capacity_ah in known) / total_ah if total_ah > 0 else None


def _closing_steps(segment: CyclingSegment) -> frozenset[int]:
    """Return the number of the last powered step in the body of each loop."""
    closing = set()
    passing = [number for number, _ in powered(segment.steps)]
    for own, loop in loops(segment.steps):
        before = bisect_left(passing, own)
        if before and passing[before - 1] >= loop.back_to:
            closing.add(passing[before - 1])
    return frozenset(closing)
