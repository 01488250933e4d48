"""The numbers by which runs of a kind of cell are compared: each with its unit, at the same cycles in all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from orchestrator.analysis.cycle_currents import SAME_CURRENT
from orchestrator.analysis.cycle_statistics import CycleRow
from orchestrator.analysis.overpotential import HysteresisRow
from orchestrator.analysis.parts import Part
from orchestrator.analysis.rates import RateRow
from orchestrator.analysis.run_analysis import RunAnalysis
from orchestrator.analysis.summary import RunSummary
from protocols.cell import CellKind

EARLY_CYCLE = 5
"""The cycle with which the paper, and the field, compares later ones: the first few form the cell."""


@dataclass(frozen=True, slots=True)
class KeyNumber:
    """A number of one run; None where the run does not have it."""

    name: str
    unit: str
    value: float | None


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """One run as it is reported: its summary, its analysis, and whether its cell's file has an active mass."""

    summary: RunSummary
    analysis: RunAnalysis

    has_mass: bool = False

    @property
    def cycles(self) -> Sequence[CycleRow]:
        """Its cycles."""
        found: Sequence[CycleRow] = self.analysis.tables.get(Part.CYCLES, ())
        return found

    @property
    def whole_cycles(self) -> list[int]:
        """The numbers of the cycles of which both halves ran to their own end."""
        return [row.cycle for row in self.cycles[: self.summary.cycles] if row.discharge_capacity_ah is not None]


def common_cycles(runs: Sequence[ReportedRun]) -> tuple[int, ...]:
    """Return the cycles at which runs are compared: an early one and the last that all have; none without any.

    A run that has no whole cycle does not keep others from being compared.
    """
    cycles = [set(run.whole_cycles) for run in runs if run.whole_cycles]
    common = set.intersection(*cycles) if cycles else set()
    if not common:
        return ()
    last = max(common)
    early = max((number for number in common if number <= EARLY_CYCLE), default=last)
    return (early,) if early == last else (early, last)


def key_numbers(run: ReportedRun, cycles: Sequence[int]) -> list[KeyNumber]:
    """Return the numbers of a run that have a meaning for its kind of cell, at these cycles."""
    kind = run.summary.cell_kind
    if kind == CellKind.LI_LI:
        return list(_symmetric(run, cycles))
    return list(_plating(run)) if kind == CellKind.LI_CU else list(_full(run, cycles))


def _symmetric(run: ReportedRun, cycles: Sequence[int]) -> Iterator[KeyNumber]:
    summary = run.summary
    yield KeyNumber("time to hard short", "h", summary.hours_to_short)
    yield KeyNumber("charge to hard short, both ways", "mAh", summary.charge_to_short_mah)
    rows: Sequence[HysteresisRow] = run.analysis.tables.get(Part.HYSTERESIS, ())
    by_cycle = {row.cycle: row.overpotential_v for row in rows}
    for cycle in cycles:
        yield KeyNumber(f"overpotential, cycle {cycle}", "mV", _times(by_cycle.get(cycle), 1e3))


def _plating(run: ReportedRun) -> Iterator[KeyNumber]:
    means = run.analysis.tables.get(Part.MEAN_EFFICIENCY, ())
    yield KeyNumber("mean efficiency of the cycles", "%", _times(means[0].mean, 100) if means else None)
    yield KeyNumber("efficiency over the reservoir", "%", run.summary.reservoir_efficiency_percent)


def _full(run: ReportedRun, cycles: Sequence[int]) -> Iterator[KeyNumber]:
    rows = {row.cycle: row for row in run.cycles}
    has_mass = run.has_mass
    first: float | None = None
    for cycle in cycles:
        row = rows.get(cycle)
        capacity = None if row is None else row.discharge_capacity_ah
        value = row.discharge_capacity_mah_g if row is not None and has_mass else _times(capacity, 1e3)
        yield KeyNumber(f"discharge capacity, cycle {cycle}", "mAh/g" if has_mass else "mAh", value)
        yield KeyNumber(f"polarisation, cycle {cycle}", "mV", _times(None if row is None else row.polarisation_v, 1e3))
        if cycle != cycles[0]:
            is_told = _is_at_one_current(run, (cycles[0], cycle))
            kept = 100 * value / first if is_told and first and value is not None else None
            yield KeyNumber(f"capacity kept, cycle {cycle} of {cycles[0]}", "%", kept)
        first = first or value
    efficiencies = [row.coulombic_efficiency for row in run.cycles[1:] if row.coulombic_efficiency is not None]
    yield KeyNumber("mean coulombic efficiency from cycle 2", "%", 100 * fmean(efficiencies) if efficiencies else None)


def _is_at_one_current(run: ReportedRun, cycles: Sequence[int]) -> bool:
    """Whether cycles discharged at one current: in a rate test a faster one gives less, and has lost nothing."""
    blocks: Sequence[RateRow] = run.analysis.tables.get(Part.RATES, ())
    currents_a = [
        row.discharge_current_a for cycle in cycles for row in blocks if row.first_cycle <= cycle <= row.last_cycle
    ]
    return not blocks or (
        len(currents_a) == len(cycles) and max(currents_a) - min(currents_a) <= SAME_CURRENT * max(currents_a)
    )


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
