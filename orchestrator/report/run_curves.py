"""What a picture of runs is drawn from: curves over time, over cycles and over capacity, and marks of what happened.

All of it is read through ``orchestrator.tables.run_data``, by chunks, so that memory holds what is drawn and no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivers.interfaces import EndReason
from orchestrator.analysis.summary import stored_short
from orchestrator.events import EventKind
from orchestrator.judging.cycles import Cycle
from orchestrator.report.thinning import broken, kept_rows
from orchestrator.states import RunState
from orchestrator.tables.run_data import RunData
from orchestrator.tables.run_steps import RunStep
from orchestrator.tables.sample_columns import Columns, concatenated
from protocols.cell import CellKind
from protocols.program import CellFacts

Numbers = NDArray[np.float64]
_OVER_TIME = ("time_s", "sequence", "voltage_v", "current_a", "temperature_degc")
_OVER_CAPACITY = ("sequence", "voltage_v", "capacity_ah")


class MarkKind(StrEnum):
    """What is marked in a picture, in the words of its legend."""

    SHORT = "shorted"
    TRIP = "tripped"
    GAP = "interrupted"
    GOING_ON = "not ended yet"


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened to a run: at a run time in hours and in a cycle, None where it belongs to none."""

    kind: MarkKind
    time_h: float
    cycle: int | None


class CapacityUnit(StrEnum):
    """What a capacity is divided by, as its unit stands on an axis."""

    PER_MASS = "mAh g$^{-1}$"
    PER_AREA = "mAh cm$^{-2}$"
    PER_CELL = "mAh"

    def of(self, facts: CellFacts) -> float | None:
        """Return one ampere-hour of a cell in this unit; None where its file does not say what that takes."""
        if self is CapacityUnit.PER_CELL:
            return 1e3
        if self is CapacityUnit.PER_AREA:
            return 1e3 / facts.area_cm2 if facts.area_cm2 else None
        return 1e6 / facts.active_mass_mg if facts.active_mass_mg else None


def capacity_unit(cells: Sequence[CellFacts]) -> CapacityUnit:
    """Return the unit in which all cells of a picture have a capacity: by mass, unless one is a lithium cell's."""
    first: tuple[CapacityUnit, ...] = (CapacityUnit.PER_MASS, CapacityUnit.PER_AREA)
    if any(facts.kind in (CellKind.LI_LI, CellKind.LI_CU) for facts in cells):
        first = (CapacityUnit.PER_AREA,)
    known = [unit for unit in first if all(unit.of(facts) for facts in cells)]
    return known[0] if known else CapacityUnit.PER_CELL


def names_of(runs: Sequence[RunData]) -> list[str]:
    """Return the runs' names for a legend: labels, with the run's id where two are alike.

    A simulated run says so, unless all are: then ``heading_of`` says it once.
    """
    labels = [data.run.label or data.run.cell for data in runs]
    times = Counter(labels)
    names = []
    for label, data in zip(labels, runs, strict=True):
        name = f"{label} {data.run.run_id}" if times[label] > 1 else label
        names.append(f"{name} (simulated)" if data.run.simulated and not heading_of(runs) else name)
    return names


def heading_of(runs: Sequence[RunData]) -> str:
    """Return what stands above a legend: that all runs are simulated, or nothing."""
    return "simulated" if all(data.run.simulated for data in runs) else ""


def marks_of(data: RunData) -> list[Mark]:
    """Return what is marked of a run: its hard short, its trip, unplanned spans without records, that it goes on."""
    run, end_h = data.run, data.duration_s / 3600
    newest = data.cycles[-1].cycle if data.cycles else None
    found = [Mark(MarkKind.GAP, gap.time_s / 3600, None) for gap in data.gaps if gap.lost or gap.deviations]
    if short := stored_short(data.store, run.run_id):
        found.append(Mark(MarkKind.SHORT, float(short["time_s"]) / 3600, short.get("cycle")))
    states = [event.message for event in data.store.events(run.run_id) if event.kind == EventKind.STATE]
    if any(message.startswith(RunState.TRIPPED) for message in states):
        found.append(Mark(MarkKind.TRIP, end_h, newest))
    if not run.state.has_ended:
        found.append(Mark(MarkKind.GOING_ON, end_h, newest))
    return found


@dataclass(frozen=True, slots=True)
class TimeCurve:
    """Voltage (V), current (A) and temperature of the cell's place (degC) over run time (h), reduced for drawing.

    NaN where no line may be drawn.
    """

    hours: Numbers
    volts: Numbers
    amperes: Numbers
    place_degc: Numbers


def over_time(data: RunData, stripes: int, *, with_temperature: bool = False) -> TimeCurve:
    """Read a run for a picture of ``stripes`` stripes; without samples, columns are empty.

    ``with_temperature``: the extremes of the temperature are kept too.
    """
    kept: list[Columns] = []
    last_test, last_sequence, breaks_so_far = 0, 0, 0
    for chunk in data.chunks(("test", *_OVER_TIME)):
        test = int(chunk.pop("test")[0])
        before = np.concatenate(([last_sequence], chunk["sequence"][:-1]))
        is_break = chunk["sequence"] > before + 1
        # Tests do not meet in time: in between the cell rested, or nothing recorded.
        is_break[0] = bool(last_test) and (test != last_test or is_break[0])
        # Each break begins another stripe, so that the rows on both sides of it are kept.
        stripe = np.minimum(chunk["time_s"] / (data.duration_s or 1.0) * stripes, stripes - 1).astype(np.int64)
        stripe += (breaks_so_far + np.cumsum(is_break)) * stripes
        drawn = ("voltage_v", "current_a", *(["temperature_degc"] if with_temperature else []))
        rows = kept_rows(stripe, [chunk[name] for name in drawn])
        kept.append(broken({name: column[rows] for name, column in chunk.items()}, np.flatnonzero(is_break[rows])))
        last_test, last_sequence = test, int(chunk["sequence"][-1])
        breaks_so_far += int(is_break.sum())
    all_kept = concatenated(kept, _OVER_TIME)
    hours, volts = all_kept["time_s"] / 3600, all_kept["voltage_v"]
    return TimeCurve(hours, volts, all_kept["current_a"], all_kept["temperature_degc"])


@dataclass(frozen=True, slots=True)
class CycleCurve:
    """Values over the cycle number: of charge and of discharge, and the efficiency in %; NaN where there is none.

    Charge and discharge are capacities, or mean voltages of a symmetric cell in mV, as magnitudes. ``cut`` are the
    cycles in which a half-cycle was ended from outside: its capacity is no property of the cell, and is left out.
    """

    cycles: Numbers
    charge: Numbers
    discharge: Numbers
    efficiency_percent: Numbers
    efficiency_of: tuple[str, ...]
    cut: tuple[int, ...]

    @property
    def has_values(self) -> bool:
        """Whether any half-cycle has a value to draw."""
        return bool(np.isfinite(self.charge).any() or np.isfinite(self.discharge).any())


def over_cycles(data: RunData, unit: CapacityUnit | None) -> CycleCurve:
    """Read the cycles of a run: capacities in ``unit``, or with None the mean overpotential of each half-cycle."""
    cycles = data.cycles
    factor = 1e3 if unit is None else unit.of(data.program.cell)
    halves: dict[str, list[float]] = {"charge": [], "discharge": []}
    cut: dict[int, None] = {}
    for cycle in cycles:
        for half, values in halves.items():
            was_cut = getattr(cycle, f"{half}_end_reason") is EndReason.EXTERNAL
            value = getattr(cycle, f"{half}_mean_voltage_v" if unit is None else f"{half}_capacity_ah")
            if was_cut and unit is not None:
                cut[cycle.cycle] = None
                value = None
            values.append(nan if value is None or factor is None else abs(value) * factor)
    return CycleCurve(
        np.array([cycle.cycle for cycle in cycles], np.float64),
        np.array(halves["charge"]),
        np.array(halves["discharge"]),
        np.array([_percent(cycle) for cycle in cycles]),
        tuple(dict.fromkeys(cycle.efficiency_of.value for cycle in cycles if cycle.efficiency_of is not None)),
        tuple(cut),
    )


def _percent(cycle: Cycle) -> float:
    return nan if cycle.coulombic_efficiency is None else 100 * cycle.coulombic_efficiency


@dataclass(frozen=True, slots=True)
class CapacityCurve:
    """Voltage (V) over the capacity that a half-cycle has passed so far, reduced for drawing; NaN across gaps."""

    cycle: int
    capacity: Numbers
    volts: Numbers


def over_capacity(data: RunData, cycles: Iterable[int], unit: CapacityUnit, stripes: int) -> list[CapacityCurve]:
    """Read the half-cycles of chosen cycles, each as one curve from zero, whatever steps it has."""
    wanted, factor = frozenset(cycles), unit.of(data.program.cell) or nan
    mine = [step for step in data.steps if step.place.cycle in wanted and step.place.half_cycle]
    found = []
    for _, group in groupby(mine, key=lambda step: step.place.half_cycle):
        steps = list(group)
        whole = concatenated(_passed(data, steps, stripes), _OVER_CAPACITY)
        found.append(CapacityCurve(steps[0].place.cycle, whole["capacity_ah"] * factor, whole["voltage_v"]))
    return found


def _passed(data: RunData, steps: Sequence[RunStep], stripes: int) -> Iterable[Columns]:
    """Yield the kept rows of a half-cycle's steps, with the capacity since the half-cycle's begin."""
    samples = sum(step.executed.last_sequence - step.executed.first_sequence + 1 for step in steps)
    each = max(1, samples // stripes)
    passed_ah = 0.0
    for step in steps:
        last = step.executed.first_sequence - 1
        is_cut = step.place.part > 1
        for chunk in data.chunks_of(step, _OVER_CAPACITY):
            is_break = chunk["sequence"] > np.concatenate(([last], chunk["sequence"][:-1])) + 1
            is_break[0] |= is_cut
            stripe = np.arange(len(is_break)) // each + np.cumsum(is_break) * len(is_break)
            rows = kept_rows(stripe, (chunk["voltage_v"],))
            columns: dict[str, NDArray[Any]] = {name: column[rows] for name, column in chunk.items()}
            # What the parts of the step before this one have passed is in its own count already.
            columns["capacity_ah"] = columns["capacity_ah"] + passed_ah - step.earlier.capacity_ah
            yield broken(columns, np.flatnonzero(is_break[rows]))
            last, is_cut = int(chunk["sequence"][-1]), False
        passed_ah += step.executed.capacity_ah
