"""Feeds the records of a run's tests to the rule for shorts of its kind of cell, through interruptions.

Li/Li, Li/Cu and LFP cells have a rule each. Of a cell of another kind nothing is known that would tell a short.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from drivers.interfaces import Sample
from orchestrator.shorts.cell import StepFacts, SymmetricCell
from orchestrator.shorts.findings import ShortFinding
from orchestrator.shorts.full_cell import FullCellWatch
from orchestrator.shorts.plating import PlatingWatch
from orchestrator.shorts.thresholds import Thresholds
from orchestrator.shorts.watch import ShortWatch
from protocols.program import CellFacts, CyclingSegment, Loop, Program
from protocols.program_steps import Purpose

_LI_LI, _LI_CU, _LFP = "li-li", "li-cu", "lfp"

Watch = ShortWatch | PlatingWatch | FullCellWatch


def symmetric_cell(cell: CellFacts) -> SymmetricCell:
    """Return what the rule needs of a cell file; the electrolyte's resistance where thickness and conductivity are."""
    ohm = None
    if cell.electrolyte_s_per_cm and cell.electrolyte_thickness_um and cell.area_cm2:
        ohm = cell.electrolyte_thickness_um * 1e-4 / (cell.electrolyte_s_per_cm * cell.area_cm2)
    return SymmetricCell(cell.area_cm2, cell.electrolyte_degc, ohm)


def _watch_for(program: Program) -> Watch | None:
    """Give the rule of the program's kind of cell."""
    cell = program.cell
    if cell.kind == _LI_LI:
        ratio = program.cycling[0].guards.short_ratio
        return ShortWatch(symmetric_cell(cell), Thresholds(fall=ratio))
    if cell.kind == _LI_CU:
        return PlatingWatch(cell.area_cm2)
    if cell.kind == _LFP:
        return FullCellWatch(cell.area_cm2, cell.nominal_capacity_ah)
    return None


class RunShorts:
    """The watch of one run, over all of its tests. It can be copied, and is restored by feeding the same records."""

    def __init__(self, program: Program) -> None:
        self._watch = _watch_for(program)
        self._segment: CyclingSegment | None = None
        self._before_s = 0.0
        self._count = 0

    @property
    def is_watching(self) -> bool:
        """Whether the run's kind of cell is watched."""
        return self._watch is not None

    def copy(self) -> RunShorts:
        """Return a copy of the state; feeding one leaves the other as it is."""
        twin = object.__new__(RunShorts)
        twin.__dict__.update(self.__dict__)
        twin._watch = None if self._watch is None else self._watch.copy()
        return twin

    def __deepcopy__(self, memo: object) -> RunShorts:
        """Copy it in the one way in which it is copied."""
        return self.copy()

    def enter(self, segment: CyclingSegment, before_s: float) -> None:
        """Begin the next test of the run; ``before_s`` is the test time of all earlier tests."""
        self._segment, self._before_s = segment, before_s
        self._count = 0

    def feed(self, samples: Sequence[Sample], cycles: Mapping[int, int]) -> list[ShortFinding]:
        """Judge samples in order; ``cycles`` has the run's cycle of each executed step among them."""
        watch, segment = self._watch, self._segment
        if watch is None or segment is None:
            return []
        before_s = self._before_s
        for sample in samples:
            if sample.step_count != self._count:
                follows = sample.step_count == self._count + 1 and self._count > 0
                is_whole = sample.step_count - self._count <= 1
                self._count = sample.step_count
                facts = _facts(segment, sample.step, cycles.get(sample.step_count, 0))
                watch.enter(facts, follows=follows, is_whole=is_whole)
            watch.feed(before_s + sample.time_s, sample.step_time_s, sample.voltage_v, sample.current_a)
        return watch.take()

    def finish(self) -> list[ShortFinding]:
        """Judge what is open at the end of the run."""
        if self._watch is None:
            return []
        self._watch.finish()
        return self._watch.take()


def _facts(segment: CyclingSegment, number: int, cycle: int) -> StepFacts:
    step = segment.steps[number - 1] if 1 <= number <= len(segment.steps) else None
    if step is None or isinstance(step, Loop):
        return StepFacts(None, cycle=cycle)
    return StepFacts(step.constant_a, step.until.voltage_v, cycle, is_check=step.purpose is Purpose.CHECK)
