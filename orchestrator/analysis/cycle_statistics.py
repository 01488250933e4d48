"""Statistics of each cycle: capacities, energies, efficiencies, mean voltages, polarisation.

Capacities, mean voltages and the coulombic efficiency are those of ``orchestrator.judging.cycles``, made by its code.
What comes to them here, of the same half-cycles:

- Energy of a half-cycle: the integral of the voltage over the charge, in Wh.
- Energy efficiency: energy of the discharge over that of the charge. It is one only where the coulombic efficiency is
  one of this cycle's discharge by its charge, and where the cell has a voltage of its own: what Li/Li and Li/Cu cells
  take is heat both ways, and no part of it comes back.
- Voltage efficiency: mean voltage of discharge over that of charge, under the same conditions. Energy efficiency is its
  product with the coulombic one.
- Polarisation: mean voltage of charge minus that of discharge, each weighted by charge. It is the area between the two
  curves over the charge, half of it an overpotential.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

from drivers.interfaces import EndReason
from orchestrator.analysis.sample_blocks import Table
from orchestrator.analysis.step_ends import inferred_ends, inferred_places
from orchestrator.analysis.step_statistics import StepRow, StepTable
from orchestrator.judging.cycles import Cycle, CycleSums, EfficiencyOf, Half, PlacedCycles
from protocols.cell import CellKind
from protocols.current_sign import Direction
from protocols.half_cycles import CyclePlace
from protocols.program import CellFacts

WITHOUT_A_VOLTAGE = frozenset({CellKind.LI_LI, CellKind.LI_CU})
"""Kinds of cells that have no energy efficiency: all that they take is heat, both ways."""


@dataclass(frozen=True, slots=True)
class CycleRow(Cycle):
    """One cycle with its energies; magnitudes in Wh, efficiencies as fractions.

    None: the half did not run, or the number would have no meaning, and ``remark`` says why.
    """

    charge_energy_wh: float | None
    discharge_energy_wh: float | None
    energy_efficiency: float | None
    voltage_efficiency: float | None
    remark: str


class CycleTable:
    """Makes the rows of a run's cycles, incrementally.

    ``ends`` says of steps, by their ``step_count``, why they ended; of others it is inferred from what they did
    (``orchestrator.analysis.step_ends``), as is the half-cycle of each step.
    """

    def __init__(self, cell: CellFacts, ends: Mapping[int, EndReason] | None = None) -> None:
        self._cell, self._ends = cell, ends
        self._steps = StepTable()

    def feed(self, table: Table) -> None:
        """Add records in order. Raises NoSuchTable (``orchestrator.analysis.sample_blocks``)."""
        self._steps.feed(table)

    def rows(self) -> list[CycleRow]:
        """Return the rows so far, with the cycle that still runs as far as it has run."""
        return cycle_rows(cycle_sums(self._steps.rows(), self._cell, self._ends), self._cell)


def cycle_table(table: Table, cell: CellFacts, ends: Mapping[int, EndReason] | None = None) -> list[CycleRow]:
    """Return the rows of all cycles of a table."""
    cycles = CycleTable(cell, ends)
    cycles.feed(table)
    return cycles.rows()


def cycle_sums(
    rows: Sequence[StepRow],
    cell: CellFacts,
    ends: Mapping[int, EndReason] | None = None,
    places: Sequence[CyclePlace] | None = None,
) -> list[CycleSums]:
    """Gather executed steps into cycles; ``ends`` and ``places`` are inferred where they are not given."""
    places = inferred_places(rows) if places is None else places
    why = inferred_ends(rows) | dict(ends or {})
    begins_with = next((place.direction for place in places if place.half), None)
    builder, found = PlacedCycles(cell, begins_with), list[CycleSums]()
    for row, place in zip(rows, places, strict=True):
        found += builder.feed(place, row.executed(why.get(row.step_count, EndReason.EXTERNAL)))
    return found + builder.finish()


def cycle_rows(sums: Iterable[CycleSums], cell: CellFacts) -> list[CycleRow]:
    """Return the rows of cycles that are gathered already."""
    return [_row(one, cell) for one in sums]


def _row(sums: CycleSums, cell: CellFacts) -> CycleRow:
    cycle = sums.cycle
    energies = {half.direction: _energy_wh(half) for half in sums.halves}
    voltage = _voltage_efficiency(cycle, cell)
    is_own = cycle.efficiency_of is EfficiencyOf.DISCHARGE_BY_CHARGE
    efficiency = cycle.coulombic_efficiency if is_own else None
    known = {name.name: getattr(cycle, name.name) for name in fields(cycle)}
    return CycleRow(
        **known,
        charge_energy_wh=energies.get(Direction.CHARGE),
        discharge_energy_wh=energies.get(Direction.DISCHARGE),
        energy_efficiency=None if voltage is None or efficiency is None else voltage * efficiency,
        voltage_efficiency=voltage,
        remark=sums.why_no_efficiency,
    )


def _energy_wh(half: Half) -> float | None:
    """Return the magnitude of a half-cycle's energy, pulses counted at its mean voltage."""
    return None if half.mean_voltage_v is None else abs(half.mean_voltage_v * half.ah)


def _voltage_efficiency(cycle: Cycle, cell: CellFacts) -> float | None:
    """Return mean voltage of discharge over that of charge, of a cell with a voltage of its own."""
    charge_v, discharge_v = cycle.charge_mean_voltage_v, cycle.discharge_mean_voltage_v
    if cell.kind in WITHOUT_A_VOLTAGE or charge_v is None or discharge_v is None or min(charge_v, discharge_v) <= 0:
        return None
    return discharge_v / charge_v
