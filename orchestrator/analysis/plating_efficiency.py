"""Efficiencies of lithium plating on copper, from tables: cycle by cycle, and as a mean over a reservoir.

Cycle by cycle: what each strip took back over what was plated before it, by ``orchestrator.judging.cycles``; their
mean, with its standard deviation and number, is over all strips that the cell's own voltage ended, without the first,
in which the film forms. Over a reservoir: ``orchestrator.analysis.reservoir``, whose passages are here made of the
steps as they ran. What a step sets is not known here: of one that was ended by its time or charge it is what passed.

Both methods answer different questions. Each strip to a voltage cleans the copper, and the next plating nucleates anew;
over a reservoir lithium is plated on lithium. Their efficiencies are not compared without saying so (Adams et al., Adv.
Energy Mater. 8 (2018) 1702097).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import fmean, stdev

from drivers.interfaces import EndReason
from orchestrator.analysis.cycle_statistics import CycleRow
from orchestrator.analysis.reservoir import Passage, ReservoirTest, reservoir_tests_of
from orchestrator.analysis.step_ends import inferred_ends, inferred_places
from orchestrator.analysis.step_statistics import StepRow
from orchestrator.judging.cycles import COMPLETE_ENDS

_SET = frozenset({EndReason.TIME, EndReason.CAPACITY})


@dataclass(frozen=True, slots=True)
class MeanEfficiency:
    """Mean of the cycles' efficiencies, as fractions, its standard deviation (None of one) and number of cycles.

    ``first`` is that of the run's first cycle, which has no part in the mean unless it is the only one.
    """

    mean: float | None
    deviation: float | None
    n: int
    first: float | None
    remark: str


def mean_efficiency(cycles: Sequence[CycleRow]) -> MeanEfficiency:
    """Return the mean of the efficiencies that cycles have; ``remark`` says why there is none."""
    known = [row.coulombic_efficiency for row in cycles if row.coulombic_efficiency is not None]
    first = cycles[0].coulombic_efficiency if cycles else None
    if not known:
        reasons = [row.remark for row in cycles if row.remark]
        return MeanEfficiency(None, None, 0, None, reasons[0] if reasons else "no cycle is whole")
    later = known if first is None else known[1:] or known
    return MeanEfficiency(fmean(later), stdev(later) if len(later) > 1 else None, len(later), first, "")


def passages_of(rows: Sequence[StepRow], ends: Mapping[int, EndReason] | None = None) -> list[Passage]:
    """Return the platings and strips of a run's steps; what is not said of their ends is inferred."""
    why = inferred_ends(rows) | dict(ends or {})
    found: list[Passage] = []
    halves: list[int] = []
    for row, place in zip(rows, inferred_places(rows), strict=True):
        if not place.half or place.pulse is not None or place.direction is None:
            continue
        end = why.get(row.step_count, EndReason.EXTERNAL)
        set_ah = row.capacity_ah if end in _SET else inf
        loop = (row.step, row.step)
        this = Passage(place.cycle, place.direction, loop, row.capacity_ah, set_ah, end in COMPLETE_ENDS, end)
        if found and halves[-1] == place.half and found[-1].loop == loop:
            found[-1] = found[-1].joined(this)
        else:
            found.append(this)
            halves.append(place.half)
    return found


def reservoir_tests(rows: Sequence[StepRow], ends: Mapping[int, EndReason] | None = None) -> list[ReservoirTest]:
    """Return the reservoir tests of a Li/Cu run's steps, in order."""
    return reservoir_tests_of(passages_of(rows, ends))
