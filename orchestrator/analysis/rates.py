"""What a cell gives at each current: the table of a rate test.

A block is a row of whole cycles whose charge and discharge currents stay the same, within ``SAME_CURRENT``; a current
that comes back is another block, which is how a rate test ends. The current of a half-cycle is the largest mean current
of its steps: a voltage held behind it does not lower it. The rate is the current over the nominal capacity, in 1/h; the
capacity that is compared is the median of a block without its first cycle, in which a cell still settles, or the one
that there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from orchestrator.analysis.cycle_currents import HalfCurrents
from orchestrator.analysis.cycle_statistics import CycleRow
from protocols.program import CellFacts


@dataclass(frozen=True, slots=True)
class RateRow:
    """One block of a rate test; currents are magnitudes.

    ``discharge_c_rate`` is None without a nominal capacity, values by area or mass without area or mass.
    ``part`` is the capacity over that of the block of the least discharge current, the earliest of several.
    """

    first_cycle: int
    last_cycle: int
    charge_current_a: float
    discharge_current_a: float
    discharge_ma_cm2: float | None
    discharge_ma_g: float | None
    discharge_c_rate: float | None
    discharge_capacity_ah: float
    discharge_capacity_mah_g: float | None
    discharge_capacity_mah_cm2: float | None
    coulombic_efficiency: float | None
    part: float | None


def rate_table(cycles: Sequence[CycleRow], currents: Mapping[int, HalfCurrents], cell: CellFacts) -> list[RateRow]:
    """Return the blocks of a run; none where no cycle is whole."""
    blocks: list[list[CycleRow]] = []
    for row in cycles:
        now = currents.get(row.cycle, HalfCurrents())
        if row.charge_capacity_ah is None or row.discharge_capacity_ah is None:
            continue
        if now.charge_a is None or now.discharge_a is None:
            continue
        if blocks and now.is_like(currents[blocks[-1][0].cycle]):
            blocks[-1].append(row)
        else:
            blocks.append([row])
    slowest = min(blocks, key=lambda block: abs(currents[block[0].cycle].discharge_a or 0.0), default=[])
    return [_row(block, currents[block[0].cycle], cell, _capacity_ah(slowest)) for block in blocks]


def _capacity_ah(block: Sequence[CycleRow]) -> float:
    return median(row.discharge_capacity_ah or 0.0 for row in (block[1:] or block))


def _row(block: Sequence[CycleRow], currents: HalfCurrents, cell: CellFacts, slowest_ah: float) -> RateRow:
    charge_a, discharge_a = abs(currents.charge_a or 0.0), abs(currents.discharge_a or 0.0)
    capacity_ah = _capacity_ah(block)
    area_cm2, mass_g = cell.area_cm2, cell.active_mass_mg and cell.active_mass_mg / 1e3
    known = [row.coulombic_efficiency for row in block[1:] or block if row.coulombic_efficiency is not None]
    return RateRow(
        first_cycle=block[0].cycle,
        last_cycle=block[-1].cycle,
        charge_current_a=charge_a,
        discharge_current_a=discharge_a,
        discharge_ma_cm2=discharge_a * 1e3 / area_cm2 if area_cm2 else None,
        discharge_ma_g=discharge_a * 1e3 / mass_g if mass_g else None,
        discharge_c_rate=discharge_a / cell.nominal_capacity_ah if cell.nominal_capacity_ah else None,
        discharge_capacity_ah=capacity_ah,
        discharge_capacity_mah_g=capacity_ah * 1e3 / mass_g if mass_g else None,
        discharge_capacity_mah_cm2=capacity_ah * 1e3 / area_cm2 if area_cm2 else None,
        coulombic_efficiency=fmean(known) if known else None,
        part=capacity_ah / slowest_ah if slowest_ah > 0 else None,
    )
