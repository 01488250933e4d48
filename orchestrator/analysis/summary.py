"""Summarises a run in a few numbers, from its stored data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from drivers.interfaces import EndReason
from orchestrator.analysis.reservoir import reservoir_tests
from orchestrator.analysis.time_ahead import time_ahead
from orchestrator.clock.iso_time import iso_utc
from orchestrator.events import EventKind
from orchestrator.judging.cycles import NOTHING, Cycle
from orchestrator.judging.limits import FindingKind
from orchestrator.shorts import ShortKind
from orchestrator.states import RunState
from orchestrator.store import EventRow, Notes, Origins, RunRow, Store
from orchestrator.store.imports import Imports
from orchestrator.store.step_names import names_of_run
from orchestrator.tables.run_data import Gap, RunData
from orchestrator.tables.run_steps import RunStep
from protocols.branches import StepEnd
from protocols.step_names import CHECK_AGAIN, StepNames

# The words with which events tell these states.
_SETTLED = frozenset(state.value for state in RunState if state.is_settled)


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The summary of one run: ``hours`` of test time, ``hours_to_short`` too, which is None without a short.

    ``cell_kind`` is that of the cell's file. ``ended_unix_s`` is when the run came to its end, not when that was
    acknowledged; None while it may go on, as ``started_unix_s`` is before the first test.

    ``density_at_short_ma_cm2`` is that of the step in which it lies (the critical current density of a ramp),
    ``charge_to_short_mah`` what had passed in all, both ways, ``step_charge_at_short_mah`` what of it in that step.

    ``cycles`` counts charge-discharge pairs that are whole, up to the last one that passed more than next to nothing
    (``NOTHING``): what a tester counts on an empty holder is not the cell's. Capacities are those of discharge, in
    mAh/g, None without an active mass or where the run did not get so far. ``reservoir_efficiency_percent`` is that of
    the last reservoir test of a Li/Cu run (``orchestrator.analysis.reservoir``). ``simulated``: no cell was real; None
    where that was not kept. ``imported_from`` is the file that the run came from, None for a run of this store.
    """

    run_id: str
    label: str
    recipe: str
    cell: str
    channel: str
    cell_kind: str
    simulated: bool | None
    ordered_unix_s: float
    started_unix_s: float | None
    ended_unix_s: float | None
    state: RunState
    ended_because: str
    hours: float
    cycles: int
    samples: int
    hours_to_short: float | None
    density_at_short_ma_cm2: float | None
    charge_to_short_mah: float | None
    step_charge_at_short_mah: float | None
    capacity_mah_g_cycle_5: float | None
    capacity_mah_g_cycle_50: float | None
    reservoir_efficiency_percent: float | None
    imported_from: str | None = None

    @property
    def retention_percent_cycle_5_to_50(self) -> float | None:
        """Capacity of cycle 50 as a percentage of that of cycle 5."""
        if not self.capacity_mah_g_cycle_5 or self.capacity_mah_g_cycle_50 is None:
            return None
        return 100 * self.capacity_mah_g_cycle_50 / self.capacity_mah_g_cycle_5

    def as_dict(self) -> dict[str, Any]:
        """Return the fields that ``cellrig runs --json`` prints."""
        row = asdict(self)
        for moment in ("ordered", "started", "ended"):
            unix_s = row.pop(f"{moment}_unix_s")
            row[f"{moment}_utc"] = None if unix_s is None else iso_utc(unix_s)
        kept = self.retention_percent_cycle_5_to_50
        return {"run": row.pop("run_id"), **row, "retention_percent_cycle_5_to_50": kept, "state": self.state.value}

    def demo_row(self) -> dict[str, Any]:
        """Return the fields that ``cellrig demo --json`` prints for a cell."""
        return {
            "cell": self.label,
            "recipe": self.recipe,
            "simulated": self.simulated,
            "hours": self.hours,
            "cycles": self.cycles,
            "ended_because": self.ended_because,
            "hours_to_short": self.hours_to_short,
            "capacity_mah_g_cycle_5": self.capacity_mah_g_cycle_5,
            "capacity_mah_g_cycle_50": self.capacity_mah_g_cycle_50,
            "retention_percent_cycle_5_to_50": self.retention_percent_cycle_5_to_50,
        }


def summarize(store: Store, run_id: str) -> RunSummary:
    """Summarise one run. Raises StoreError when the store has no such run."""
    return _summary(RunData(store, run_id))


def _summary(data: RunData) -> RunSummary:
    run, store = data.run, data.store
    cycles = of_the_cell(data.cycles)
    capacities = {cycle.cycle: cycle.discharge_capacity_mah_g for cycle in cycles}
    short = stored_short(store, run.run_id)
    plated = reservoir_tests(data)
    efficiency = plated[-1].efficiency if plated else None
    return RunSummary(
        run_id=run.run_id,
        label=run.label,
        recipe=run.recipe,
        cell=run.cell,
        channel=run.channel,
        cell_kind=data.program.cell.kind,
        simulated=run.simulated,
        ordered_unix_s=run.created_unix_s,
        started_unix_s=data.tests[0].row.started_unix_s if data.tests else None,
        ended_unix_s=ended_unix_s(run, store),
        state=run.state,
        ended_because=run.reason,
        hours=data.duration_s / 3600,
        cycles=sum(cycle.is_whole for cycle in cycles),
        samples=sum(store.sample_count(test.row.id) for test in data.tests),
        hours_to_short=float(short["time_s"]) / 3600 if short else None,
        density_at_short_ma_cm2=short.get("density_ma_per_cm2"),
        charge_to_short_mah=short.get("charge_mah"),
        step_charge_at_short_mah=short.get("step_charge_mah"),
        capacity_mah_g_cycle_5=capacities.get(5),
        capacity_mah_g_cycle_50=capacities.get(50),
        reservoir_efficiency_percent=None if efficiency is None else 100 * efficiency,
        imported_from=run.imported_from,
    )


def ended_unix_s(run: RunRow, store: Store) -> float | None:
    """Return since when the run is at its end. A run whose end was doubted, and that went on, has ended later."""
    if not run.state.is_settled:
        return None
    ended_unix_s: float | None = None
    for event in store.events(run.run_id):
        if event.kind == EventKind.STATE:
            is_settled = event.message.partition(":")[0] in _SETTLED
            ended_unix_s = (ended_unix_s or event.at_unix_s) if is_settled else None
    return run.state_unix_s if ended_unix_s is None else ended_unix_s


def of_the_cell(cycles: Sequence[Cycle]) -> Sequence[Cycle]:
    """Return the cycles up to the last one in which anything passed, held against the most that a half-cycle passed."""
    passed = [max(cycle.charge_capacity_ah or 0.0, cycle.discharge_capacity_ah or 0.0) for cycle in cycles]
    least_ah = NOTHING * max((ah for ah in passed if ah == ah), default=0.0)
    last = max((n for n, ah in enumerate(passed, 1) if not ah <= least_ah), default=0)
    return cycles[:last]


def stored_short(store: Store, run_id: str) -> dict[str, Any]:
    """Return what is stored of the hard short that the run is left with; nothing of one that came back."""
    found: dict[str, Any] = {}
    for event in store.events(run_id):
        if not event.data_json:
            continue
        if event.kind == FindingKind.CELL_SHORTED and not found:
            found = {**json.loads(event.data_json), "sentence": event.message}
        elif event.kind == FindingKind.NO_SHORT and json.loads(event.data_json).get("short") == ShortKind.CAME_BACK:
            found = {}
    return found


def details(store: Store, run_id: str, last_steps: int, last_cycles: int = 0) -> dict[str, Any]:
    """Return a run, time left, temperatures, origin, events, notes, last executed steps and cycles, reservoirs, gaps.

    Steps bear run time, the numbers of the original program and the recipe's names (``protocols.step_names``); the step
    number of a repeated contact check is 0.
    """
    data = RunData(store, run_id)
    events = [
        {
            "at": iso_utc(event.at_unix_s),
            "at_unix_s": event.at_unix_s,
            "kind": event.kind,
            "message": event.message,
        }
        for event in data.events
    ]
    steps, cycles = data.steps, data.cycles
    names = names_of_run(store, run_id, data.program)
    by_host = _ended_by_host(data.events, steps)
    first = len(steps) - min(last_steps, len(steps))
    kept = [_step(steps[index], names, by_host=index in by_host) for index in range(first, len(steps))]
    return {
        "run": _summary(data).as_dict(),
        "ahead": time_ahead(data),
        "temperature_degc": data.temperature_degc,
        "temperatures": asdict(data.temperatures),
        "wanted_degc": [one.target_degc for one in data.program.temperatures],
        "program_sha256": data.run.program_sha256,
        "origin": Origins(store).of(run_id).as_dict(),
        "imported": None if (file := Imports(store).of(run_id)) is None else file.as_dict(),
        "events": events,
        "notes": [note.as_dict() for note in Notes(store).of(run_id)],
        "steps": kept,
        "cycles": [_plain(asdict(cycle)) for cycle in cycles[len(cycles) - min(last_cycles, len(cycles)) :]],
        "reservoir": [_plain(asdict(test)) for test in reservoir_tests(data)],
        "gaps": [_gap(gap) for gap in data.gaps],
    }


def _ended_by_host(events: Sequence[EventRow], steps: Sequence[RunStep]) -> set[int]:
    """Return the indices of the steps that the host has ended as the recipe asks: the last of their segments."""
    told = [event.data_json for event in events if event.kind == EventKind.SEGMENT_ENDED]
    ended = {json.loads(data or "{}").get("segment") for data in told}
    last = {step.place.segment: index for index, step in enumerate(steps)}
    return {index for segment, index in last.items() if segment in ended}


def _step(step: RunStep, names: StepNames, *, by_host: bool) -> dict[str, Any]:
    """Return an executed step with its name, and the place in the recipe where it is written, if that was kept.

    ``ended_by``: its end reason, and ``host`` where the host has ended it by what the recipe lets it watch for.
    """
    at = step.place
    name = CHECK_AGAIN if at.is_repeated_check else names.of(at.segment, at.step)
    told = step.as_dict()
    is_hosts = by_host and told["end_reason"] == EndReason.EXTERNAL
    ended_by = StepEnd.HOST.value if is_hosts else told["end_reason"]
    return {**told, "ended_by": ended_by, "step_name": name, "recipe_step": names.place(at.segment, at.step)}


def _plain(value: object) -> object:
    """Return a value for JSON: a reading that is missing, NaN, is None."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if value != value else value


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "from": iso_utc(gap.started_unix_s),
        "to": iso_utc(gap.ended_unix_s),
        "from_unix_s": gap.started_unix_s,
        "to_unix_s": gap.ended_unix_s,
        "time_s": gap.time_s,
        "lost_records": gap.lost,
        "deviations": [row.category.value for row in gap.deviations],
        "effects": [row.effect for row in gap.deviations],
    }
