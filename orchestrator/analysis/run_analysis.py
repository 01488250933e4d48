"""All analyses of one stored run that have a meaning for its kind of cell, as tables of rows.

Cycles come from the executed steps that the store has, with its program: no record is read for them. What needs records
is fed with them in chunks, all analyses at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import TYPE_CHECKING, Any

from drivers.interfaces import EndReason
from orchestrator.analysis.capacity_retention import END_OF_LIFE, Retention, retention
from orchestrator.analysis.cycle_currents import cycle_currents
from orchestrator.analysis.cycle_statistics import WITHOUT_A_VOLTAGE, CycleRow, cycle_rows
from orchestrator.analysis.differential import SMOOTHING_V, PeakRow, half_cycle_peaks
from orchestrator.analysis.diffusion import Titration
from orchestrator.analysis.overpotential import OverpotentialRow, Overpotentials, hysteresis
from orchestrator.analysis.parts import Part
from orchestrator.analysis.plating_efficiency import mean_efficiency
from orchestrator.analysis.rates import rate_table
from orchestrator.analysis.reservoir import reservoir_tests
from orchestrator.analysis.sample_blocks import SampleBlock, StepSamples, WholeSteps
from orchestrator.analysis.shorts_of_run import (
    EARLY_CUTOFF,
    Failure,
    SymmetricShorts,
    critical_current,
    failure,
    hard_short,
    marked,
    soft_short,
)
from orchestrator.analysis.step_resistance import DELAY_S, StepResistances
from orchestrator.judging.cycles import COMPLETE_ENDS
from orchestrator.judging.limits import FindingKind
from orchestrator.shorts import Reason, ShortFinding, ShortKind
from orchestrator.store import Store
from orchestrator.tables.run_data import RunData
from protocols.cell import CellKind
from protocols.current_sign import Direction
from protocols.program import CyclingSegment, Loop

if TYPE_CHECKING:
    from orchestrator.analysis.spectra_trend import SpectrumRow

_COLUMNS = (
    "time_s",
    "test",
    "step",
    "step_count",
    "repeated_check",
    "cycle",
    "mode",
    "step_time_s",
    "voltage_v",
    "current_a",
    "capacity_ah",
)
_UM_PER_CM = 1e4


_OF_SYMMETRIC = (Part.HALF_CYCLES, Part.HYSTERESIS, Part.FAILURES, Part.CRITICAL_CURRENT)
_OF_PLATING = (Part.RESERVOIR, Part.MEAN_EFFICIENCY)
_OF_HOSTS = (Part.RETENTION, Part.RATES, Part.PEAKS)
_OF_ALL = (Part.CYCLES, Part.RESISTANCES, Part.TITRATION, Part.SPECTRA, Part.TRENDS)
# Half a second a spectrum: only where they are asked for.
_FITTED = frozenset({Part.SPECTRA, Part.TRENDS})
_NEED_RECORDS = frozenset({Part.RESISTANCES, Part.TITRATION, *_OF_SYMMETRIC} - {Part.FAILURES})


def parts_of(kind: str) -> tuple[Part, ...]:
    """Return the tables that have a meaning for a kind of cell, in order."""
    own = {CellKind.LI_LI: _OF_SYMMETRIC, CellKind.LI_CU: _OF_PLATING}.get(CellKind(kind), _OF_HOSTS)
    return (_OF_ALL[0], *own, *_OF_ALL[1:])


@dataclass(frozen=True, slots=True)
class AnalysisOrder:
    """What is asked of an analysis; ``parts`` empty: all that have a meaning for the cell.

    ``reference`` is the cycle with which capacities are compared, None: the first that the cell's own voltage ended.
    ``length_um`` is the diffusion length of a titration, None: no coefficient. ``peak_cycles`` are the cycles of which
    dQ/dV is made, None: the first and the last whole one. ``leaves_out``: parts without a meaning for the cell are left
    out and told, as where runs of several kinds are asked the same; else they are refused.
    """

    parts: tuple[Part, ...] = ()
    reference: int | None = None
    end_of_life: float = END_OF_LIFE
    delay_s: float = DELAY_S
    length_um: float | None = None
    smoothing_v: float = SMOOTHING_V
    peak_cycles: tuple[int, ...] | None = None
    leaves_out: bool = False


@dataclass(frozen=True, slots=True)
class RunAnalysis:
    """The tables of one run, in order, each a list of rows of one class; ``remarks`` say what none of them can.

    ``left_out``: what was asked and has no meaning for its kind of cell.
    """

    run_id: str
    label: str
    kind: str
    simulated: bool | None
    tables: Mapping[Part, Sequence[Any]]
    remarks: tuple[str, ...]
    left_out: tuple[Part, ...] = ()


@dataclass(slots=True)
class _Work:
    """One run while it is analysed."""

    data: RunData
    order: AnalysisOrder
    cycles: list[CycleRow]
    tables: dict[Part, Sequence[Any]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    spectra: list[SpectrumRow] | None = None
    findings: list[ShortFinding] | None = None


def analyse(data: RunData, order: AnalysisOrder | None = None) -> RunAnalysis:
    """Analyse a stored run, also while it goes on. Raises StoreError, and ValueError for what has no meaning."""
    order = order or AnalysisOrder()
    cell = data.program.cell
    meant = parts_of(cell.kind)
    work = _Work(data, order, cycle_rows(data.cycle_sums, cell))
    left_out = tuple(part for part in order.parts if part not in meant)
    for part in left_out:
        told = f"{part} has no meaning for cells of kind {cell.kind}"
        if not order.leaves_out:
            raise ValueError(f"{data.run.run_id}: {told}; ask {', '.join(meant)}")
        work.remarks.append(told)
    wanted = [part for part in meant if (part in order.parts if order.parts else part not in _FITTED)]
    if cell.kind in WITHOUT_A_VOLTAGE and Part.CYCLES in wanted:
        work.remarks.append(f"a {cell.kind} cell has no energy efficiency: all that it takes is heat, both ways")
    if data.spectra and not _FITTED & set(wanted):
        work.remarks.append(f"{len(data.spectra)} impedance spectra: --table spectra fits them")
    found = _of_records(work, wanted)
    for part in wanted:
        work.tables[part] = _MADE[part](work) if part in _MADE else found.get(part, [])
    tables = {part: rows for part, rows in work.tables.items() if rows or part in order.parts}
    return RunAnalysis(
        data.run.run_id,
        data.run.label or data.run.cell,
        cell.kind,
        data.run.simulated,
        tables,
        tuple(dict.fromkeys(work.remarks)),
        left_out,
    )


def blocks_of(data: RunData) -> Iterator[SampleBlock]:
    """Yield a run's records as blocks of steps that are over, the last one as far as it ran, in run time.

    Contact checks that were repeated after an interruption are left out.
    """
    whole = WholeSteps()
    for chunk in data.chunks(_COLUMNS):
        own = ~chunk.pop("repeated_check")
        yield whole.feed({name: values[own] for name, values in chunk.items()})
    if (running := whole.running) is not None:
        yield running


def stored_ends(data: RunData) -> dict[int, EndReason]:
    """Return why each executed step of a run ended, by the ``step_count`` that it has in the sample table."""
    steps = [step for _, found in data.steps_by_test for step in found]
    return {count: step.executed.end_reason for count, step in enumerate(steps, 1) if step.is_over}


def half_cycle_steps(data: RunData, cycles: Collection[int]) -> dict[tuple[int, Direction], list[StepSamples]]:
    """Return the records of some cycles' half-cycles, by cycle and direction; pulses are left out."""
    whole, found = WholeSteps(), dict[tuple[int, Direction], list[StepSamples]]()
    blocks: list[SampleBlock | None] = []
    for step in data.steps:
        if step.place.cycle in cycles and step.place.half_cycle:
            for chunk in data.chunks_of(step, _COLUMNS):
                chunk.pop("repeated_check")
                blocks.append(whole.feed(chunk))
    for block in (*blocks, whole.running):
        for samples in block.steps() if block is not None else ():
            if current_a := samples.mean_current_a:
                way = Direction.CHARGE if current_a > 0 else Direction.DISCHARGE
                found.setdefault((samples.cycle, way), []).append(samples)
    return found


def _of_records(work: _Work, wanted: Collection[Part]) -> dict[Part, Sequence[Any]]:
    """Feed the records to everything that is wanted of them."""
    if not _NEED_RECORDS & set(wanted):
        return {}
    order, cell = work.order, work.data.program.cell
    halves = Overpotentials(cell.area_cm2) if set(wanted) & set(_OF_SYMMETRIC) else None
    resistances = StepResistances(order.delay_s) if Part.RESISTANCES in wanted else None
    titration = None
    if Part.TITRATION in wanted and order.length_um is not None:
        titration = Titration(order.length_um / _UM_PER_CM)
    feeds: list[Callable[[SampleBlock], None]] = [one.feed_block for one in (halves, resistances, titration) if one]
    for block in blocks_of(work.data):
        for feed in feeds:
            feed(block)
    found: dict[Part, Sequence[Any]] = {}
    if halves is not None:
        found |= _symmetric(work, halves.rows())
    if resistances is not None:
        found[Part.RESISTANCES] = _resistances(work, resistances)
    if titration is not None:
        found[Part.TITRATION] = titration.rows()
    if Part.TITRATION in work.order.parts and order.length_um is None:
        raise ValueError("a diffusion coefficient needs the diffusion length: --length-um")
    return found


def _symmetric(work: _Work, halves: Sequence[OverpotentialRow]) -> dict[Part, Sequence[Any]]:
    area_cm2 = work.data.program.cell.area_cm2
    findings = _findings(work)
    short, halves = hard_short(findings, area_cm2), marked(halves, findings)
    critical = critical_current(halves, None if short.hours is None else short.hours * 3600)
    if not critical.densities or critical.last_sound_ma_cm2 is None:
        work.remarks.append(f"no critical current density: {critical.remark}")
    return {
        Part.HALF_CYCLES: halves,
        Part.HYSTERESIS: hysteresis(halves),
        Part.CRITICAL_CURRENT: [critical] if critical.last_sound_ma_cm2 is not None else [],
    }


def _resistances(work: _Work, found: StepResistances) -> Sequence[Any]:
    """Return the resistances that are known; where none is, say why."""
    rows = found.rows()
    known = [row for row in rows if row.resistance_ohm is not None]
    unknown = next((row.remark for row in rows if row.resistance_ohm is None), "")
    if unknown:
        of = f"{len(rows) - len(known)} of {len(rows)} changes of current"
        work.remarks.append(f"{of} have no DC resistance: {unknown}; another --delay may tell more")
    return known


def _peak_cycles(work: _Work) -> Sequence[int]:
    if work.order.peak_cycles is not None:
        return work.order.peak_cycles
    whole = [row.cycle for row in work.cycles if None not in (row.charge_end_reason, row.discharge_end_reason)]
    return whole[:1] + whole[-1:]


def _peaks(work: _Work) -> Sequence[Any]:
    found: list[PeakRow] = []
    for (cycle, way), mine in half_cycle_steps(work.data, _peak_cycles(work)).items():
        try:
            found += half_cycle_peaks(cycle, way, mine, work.order.smoothing_v)
        except ValueError as err:
            work.remarks.append(f"no peaks of cycle {cycle}, {way}: {err}")
    return found


def _retention(work: _Work) -> Sequence[Any]:
    complete = [row.cycle for row in work.cycles if row.discharge_end_reason in COMPLETE_ENDS]
    if not complete and work.order.reference is None:
        return []
    reference = complete[0] if work.order.reference is None else work.order.reference
    found: Retention = retention(
        work.cycles,
        reference,
        currents_a={
            cycle: now.discharge_a for cycle, now in cycle_currents(work.data).items() if now.discharge_a is not None
        },
        least=work.order.end_of_life,
    )
    if found.remark:
        work.remarks.append(f"no retention: {found.remark}")
        return []
    end = found.end_of_life_cycle
    life = "is not reached" if end is None else f"is in cycle {end}"
    work.remarks.append(f"retention is against cycle {reference}; the end of life at {found.least:.0%} {life}")
    return found.cycles


def _rates(work: _Work) -> Sequence[Any]:
    rows = rate_table(work.cycles, cycle_currents(work.data), work.data.program.cell)
    # One current is no rate test.
    return rows if len(rows) > 1 else []


def findings_of(data: RunData) -> list[ShortFinding]:
    """Return what the rule for shorts finds in a run of a Li/Li cell, in run time.

    It is what was stored while the run went on; of a run of a file, which nobody has watched, that of its records.
    """
    if data.program.segments:
        return stored_findings(data.store, data.run.run_id)
    shorts = SymmetricShorts(data.program.cell)
    for block in blocks_of(data):
        shorts.feed_block(block)
    shorts.finish()
    return shorts.findings()


def _findings(work: _Work) -> list[ShortFinding]:
    if work.findings is None:
        work.findings = findings_of(work.data)
    return work.findings


def stored_findings(store: Store, run_id: str) -> list[ShortFinding]:
    """Return what the rule for shorts has found in a run of a Li/Li cell, as it was stored with the run's events."""
    kinds = (FindingKind.CELL_SHORTED, FindingKind.SOFT_SHORT, FindingKind.NO_SHORT)
    found = []
    for event in store.events(run_id):
        if event.kind not in kinds or not event.data_json:
            continue
        told: dict[str, Any] = json.loads(event.data_json)
        if "short" not in told or "charge_mah" not in told:
            continue  # of a version that kept less
        density, reason = told.get("density_ma_per_cm2"), told.get("reason")
        found.append(
            ShortFinding(
                kind=ShortKind(told["short"]),
                time_s=float(told["time_s"]),
                told_s=float(told["told_s"]),
                cycle=int(told["cycle"]),
                current_a=told["current_ma"] / 1e3,
                density_a_per_cm2=None if density is None else density / 1e3,
                charge_ah=told["charge_mah"] / 1e3,
                step_charge_ah=told["step_charge_mah"] / 1e3,
                before_ohm=told["before_ohm"],
                after_ohm=nan if told["after_ohm"] is None else told["after_ohm"],
                reason=None if reason is None else Reason(reason),
            )
        )
    return found


def _failures(work: _Work) -> Sequence[Any]:
    findings = _findings(work)
    area_cm2 = work.data.program.cell.area_cm2
    return [soft_short(findings, area_cm2), hard_short(findings, area_cm2), _early_cutoff(work)]


def _early_cutoff(work: _Work) -> Failure:
    """Return the first half-cycle that its cutoff ended although it sets a time or a charge: the cell polarised."""
    segments, area_cm2 = work.data.program.segments, work.data.program.cell.area_cm2
    passed_ah = 0.0
    # What was set for a step of an imported file is not known: none of them polarised early.
    for parts in work.data.whole_steps if segments else ():
        place, segment = work.data.cycle_place(parts[0]), segments[parts[0].place.segment]
        if not place.half or place.pulse is not None or not isinstance(segment, CyclingSegment):
            continue
        passed_ah += sum(part.executed.capacity_ah for part in parts)
        step, last = segment.steps[parts[0].place.step - 1], parts[-1]
        if isinstance(step, Loop) or last.executed.end_reason is not EndReason.VOLTAGE:
            continue
        if step.until.time_s is not None or step.until.capacity_ah is not None:
            time_s = last.start_s + last.executed.duration_s
            return failure(EARLY_CUTOFF, time_s, place.cycle, step.largest_a, passed_ah, area_cm2)
    return failure(EARLY_CUTOFF)


def _spectra(work: _Work) -> list[SpectrumRow]:
    from orchestrator.analysis.spectra_trend import spectrum_rows

    if work.spectra is None:
        pairs = [(measured.cycle, measured.spectrum) for measured in work.data.spectra]
        work.spectra = spectrum_rows(pairs, work.data.program.cell)
    return work.spectra


def _trends(work: _Work) -> Sequence[Any]:
    from orchestrator.analysis.spectra_trend import trends

    return trends(_spectra(work))


_MADE: Mapping[Part, Callable[[_Work], Sequence[Any]]] = {
    Part.CYCLES: lambda work: work.cycles,
    Part.RETENTION: _retention,
    Part.RATES: _rates,
    Part.PEAKS: _peaks,
    Part.FAILURES: _failures,
    Part.RESERVOIR: lambda work: reservoir_tests(work.data),
    Part.SPECTRA: _spectra,
    Part.TRENDS: _trends,
    Part.MEAN_EFFICIENCY: lambda work: [mean_efficiency(work.cycles)],
}
