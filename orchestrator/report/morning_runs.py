"""Reads one run for the morning report: its situation, what it did since a moment, and the values of its pictures.

Only the records since that moment are read, by short statements that are over before the next: no snapshot of a store
that a service writes stays open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from math import isfinite
from types import MappingProxyType

from orchestrator.analysis.cycle_currents import HalfCurrents, are_alike, cycle_currents
from orchestrator.analysis.summary import ended_unix_s, of_the_cell
from orchestrator.analysis.time_ahead import time_ahead
from orchestrator.clock.local_time import local_time
from orchestrator.events import RunUpdate
from orchestrator.events.run_words import situation
from orchestrator.events.time_left import left_of
from orchestrator.events.to_do import lost_its_cell, take_out, what_to_do
from orchestrator.judging.cycles import Cycle
from orchestrator.report.morning import Numbers, OverCycles, RunLine, Trace
from orchestrator.report.thinning import kept_rows
from orchestrator.states import EndBasis, RunState
from orchestrator.store import Mountings, Store
from orchestrator.store.archives import outline_of
from orchestrator.store.errors import explained
from orchestrator.store.samples import column_pages
from orchestrator.store.step_names import names_of_run
from orchestrator.tables.run_data import RunData
from orchestrator.tables.run_steps import RunTest
from protocols.cell import CellKind

REFERENCE_CYCLE = 5
"""Values are compared with those of this cycle, as the paper's are: a formation is over by then. Where it is not there,
or ran at another current than the newest, the first whole cycle at that current is the reference."""
# An end that is so long past was no end: of a run that nobody watches it is told as what should have been.
_LATE_S = 600.0
# A small picture has so many stripes: one for each pixel of a screen of twice the usual density.
_STRIPES = 360
_COLUMNS = ("sequence", "time_s", "voltage_v")
_READ_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Window:
    """The time of the report, in seconds since 1970 by the rig's clock."""

    since_unix_s: float
    now_unix_s: float


def run_line(
    store: Store, run_id: str, window: Window, live: Mapping[str, RunUpdate] = MappingProxyType({})
) -> RunLine:
    """Read a run; what its service says of it in ``live`` is newer than what is stored."""
    data = RunData(store, run_id)
    update = live.get(run_id) or stored_update(data, window.now_unix_s)
    run = data.run
    numbers, trace = _within(data, window)
    return RunLine(
        run_id=run_id,
        label=run.label or run.cell,
        recipe=run.recipe,
        channel=run.channel,
        state=update.state,
        said=situation(update),
        reason=update.reason,
        to_do=_to_do(store, update),
        since_unix_s=ended_unix_s(run, store) or run.state_unix_s,
        record_unix_s=_record_unix_s(data),
        tested_h=update.time_s / 3600,
        cycle=update.cycle,
        voltage_v=update.voltage_v,
        time_left_s=update.time_left_s,
        expected_end_unix_s=update.expected_end_unix_s,
        end_known_by=update.end_known_by,
        left="" if update.state.has_ended else _left(update, window.now_unix_s),
        simulated=run.simulated,
        numbers=numbers,
        over_cycles=_over_cycles(data),
        trace=trace,
    )


def stored_update(data: RunData, now_unix_s: float) -> RunUpdate:
    """Return what a service would say of a stored run, by its newest record; the time left is that from now on."""
    run, ahead = data.run, time_ahead(data)
    end_unix_s = ahead["expected_end_unix_s"] if ahead else None
    left_s = ahead["time_left_s"] if ahead else None
    last = next((test.last for test in reversed(data.tests) if test.last is not None), None)
    place = None if data.newest_step is None else data.newest_step.place
    name = "" if place is None else names_of_run(data.store, run.run_id, data.program).of(place.segment, place.step)
    return RunUpdate(
        run_id=run.run_id,
        label=run.label,
        channel=run.channel,
        state=run.state,
        reason=run.reason,
        time_s=data.duration_s,
        planned_s=0.0,
        cycle=place.cycle if place is not None else 0,
        voltage_v=last.voltage_v if last is not None and isfinite(last.voltage_v) else None,
        samples=0,
        simulated=run.simulated,
        time_left_s=left_s if end_unix_s is None else max(0.0, end_unix_s - now_unix_s),
        expected_end_unix_s=end_unix_s,
        end_known_by=EndBasis(ahead["end_known_by"]) if ahead else EndBasis.UNKNOWN,
        step_name=name,
    )


def _left(update: RunUpdate, now_unix_s: float) -> str:
    """Say how long a run still works; of one that should have ended by now, since when."""
    end_unix_s = update.expected_end_unix_s
    if end_unix_s is None or now_unix_s - end_unix_s < _LATE_S:
        return left_of(update)
    return "should have ended" if update.simulated else f"should have ended at {local_time(end_unix_s)}"


def _to_do(store: Store, update: RunUpdate) -> str:
    """Say what a person does about a run; of one that is over, about a real cell that is still there, or is lost."""
    to_do = what_to_do(update.state, update.run_id, update.channel, update.reason)
    if not update.state.is_over:
        return to_do
    if not is_last_on_channel(store, update.run_id, update.channel):
        return ""
    return to_do or ("" if update.simulated else take_out(update.channel))


def is_last_on_channel(store: Store, run_id: str, channel: str) -> bool:
    """Return whether nothing came after a run on its channel: no other run, and nobody said that it is empty."""
    use = Mountings(store).last_use(channel)
    return use is not None and use.run_id == run_id


def _record_unix_s(data: RunData) -> float | None:
    """Return when the newest record of a run was made, by this machine's clock."""
    found = [test.row.started_unix_s + test.last.time_s for test in data.tests if test.last is not None]
    return max(found, default=None)


def _within(data: RunData, window: Window) -> tuple[Numbers, Trace]:
    """Return what a run recorded within a window, in numbers and as a trace."""
    hours, records = 0.0, 0
    pieces: list[tuple[tuple[float, float], ...]] = []
    for test in data.tests:
        if test.last is None or test.row.started_unix_s + test.last.time_s < window.since_unix_s:
            continue
        if (outline := outline_of(data.store.connection, test.row.id)) is not None:
            # Its records are in a package: they are not drawn, and count where all of them are within.
            before_s = max(0.0, window.since_unix_s - test.row.started_unix_s)
            hours += (test.last.time_s - before_s) / 3600
            records += 0 if before_s else outline.samples
            continue
        last = test.last.sequence
        first, first_s = _first_since(data.store, test, last, window.since_unix_s - test.row.started_unix_s)
        records += last - first + 1
        hours += (test.last.time_s - first_s) / 3600
        pieces += _pieces(data.store, test, (first, last), window)
    return Numbers(hours, _cycles_since(data, window.since_unix_s), records), Trace(tuple(pieces))


def _first_since(store: Store, test: RunTest, last: int, since_s: float) -> tuple[int, float]:
    """Return the sequence number and the test time of the first sample at or after a test time, as ``last`` is."""
    sql = "SELECT sequence, time_s FROM sample WHERE test = ? AND sequence >= ? ORDER BY sequence LIMIT 1"
    low, high = 0, last
    with explained(store.path):
        while low < high:
            middle = (low + high) // 2
            sequence, time_s = store.connection.execute(sql, (test.row.id, middle)).fetchone()
            if time_s >= since_s:
                high = middle
            else:
                low = sequence + 1
        first, first_s = store.connection.execute(sql, (test.row.id, low)).fetchone()
    return int(first), float(first_s)


def _pieces(
    store: Store, test: RunTest, ends: tuple[int, int], window: Window
) -> Iterator[tuple[tuple[float, float], ...]]:
    """Yield the unbroken stretches of a test's voltage from one sample to another, thinned for a small picture."""
    import numpy as np

    first, last = ends
    with explained(store.path):
        pages = list(column_pages(store.connection, test.row.id, _COLUMNS, last, _READ_AT_ONCE, first - 1))
    if not pages:
        return
    sequence, time_s, volts = (np.concatenate([np.array(page[n], np.float64) for page in pages]) for n in range(3))
    at_s = test.row.started_unix_s + time_s
    is_break = np.diff(sequence, prepend=sequence[0]) > 1
    part = np.cumsum(is_break | np.isnan(volts))
    width_s = max(1.0, window.now_unix_s - window.since_unix_s)
    stripe = ((at_s - window.since_unix_s) / width_s * _STRIPES).astype(np.int64) + part * 2 * _STRIPES
    rows = kept_rows(stripe, (volts,))
    kept = zip(part[rows].tolist(), at_s[rows].tolist(), volts[rows].tolist(), strict=True)
    for _, group in groupby((one for one in kept if isfinite(one[2])), key=lambda one: one[0]):
        yield tuple((at, volt) for _, at, volt in group)


def _cycles_since(data: RunData, since_unix_s: float) -> int:
    """Count the whole cycles of the cell that ended since a moment: not what a tester counts on an empty holder."""
    started = {test.row.id: test.row.started_unix_s for test in data.tests}
    ended: dict[int, float] = {}
    for step in data.steps:
        if step.place.half_cycle:
            at_unix_s = started[step.test] + step.executed.start_s + step.executed.duration_s
            ended[step.place.cycle] = max(at_unix_s, ended.get(step.place.cycle, at_unix_s))
    return sum(cycle.is_whole and ended.get(cycle.cycle, 0.0) >= since_unix_s for cycle in of_the_cell(data.cycles))


def _over_cycles(data: RunData) -> OverCycles | None:
    """Return the quantity over cycles that tells most of a kind of cell; None before the first whole cycle."""
    facts = data.program.cell
    if facts.kind == CellKind.LI_LI:
        quantity, unit, value = "mean overpotential", "mV", _overpotential_mv
    elif facts.kind == CellKind.LI_CU:
        quantity, unit, value = "coulombic efficiency", "%", _efficiency_percent
    elif facts.active_mass_mg:
        quantity, unit, value = "capacity", "mAh/g", _capacity_mah_g
    else:
        quantity, unit, value = "capacity", "mAh", _capacity_mah
    found = [(cycle.cycle, value(cycle)) for cycle in of_the_cell(data.cycles) if cycle.is_whole]
    values = tuple((number, one) for number, one in found if one is not None and isfinite(one))
    if not values:
        return None
    currents = cycle_currents(data)
    newest = currents.get(values[-1][0], HalfCurrents())
    alike = [number for number, _ in values if _is_compared(facts.kind, currents.get(number, HalfCurrents()), newest)]
    return OverCycles(quantity, unit, values, REFERENCE_CYCLE if REFERENCE_CYCLE in alike else alike[0])


def _is_compared(kind: str, one: HalfCurrents, newest: HalfCurrents) -> bool:
    """Return whether a cycle ran as the newest did: what a cell gives and how it polarises depends on the current."""
    if kind == CellKind.LI_LI:
        return one.is_like(newest)
    return kind == CellKind.LI_CU or are_alike(one.discharge_a, newest.discharge_a)


def _overpotential_mv(cycle: Cycle) -> float | None:
    """Return the mean of both half-cycles' voltages as a magnitude, which is half of the polarisation."""
    return None if cycle.polarisation_v is None else 500 * abs(cycle.polarisation_v)


def _efficiency_percent(cycle: Cycle) -> float | None:
    return None if cycle.coulombic_efficiency is None else 100 * cycle.coulombic_efficiency


def _capacity_mah_g(cycle: Cycle) -> float | None:
    return cycle.discharge_capacity_mah_g


def _capacity_mah(cycle: Cycle) -> float | None:
    return None if cycle.discharge_capacity_ah is None else 1e3 * cycle.discharge_capacity_ah


def waits_for_a_person(run: RunLine) -> bool:
    """Return whether a run stands in the report among those that need hands; a queued one if a reason is told."""
    if run.state is RunState.QUEUED:
        return bool(run.reason)
    if run.state.is_over:
        return bool(run.to_do) and lost_its_cell(run.state, run.reason)
    return run.state.needs_person or run.state is RunState.UNSEEN
