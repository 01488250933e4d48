"""Makes the pictures of a page out of stored runs: over cycles, over capacity, of half-cycles and of impedance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite, log10, pi
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.analysis.capacity_retention import retention
from orchestrator.analysis.cycle_currents import cycle_currents
from orchestrator.analysis.cycle_statistics import cycle_rows
from orchestrator.judging.cycles import COMPLETE_ENDS
from orchestrator.report.picture_choices import ChosenCycles, usual_cycles
from orchestrator.report.picture_data import MOST_RUNS, Axis, Line, Mark, Panel, Picture, RunName, Shown, known
from orchestrator.report.run_curves import CapacityUnit, capacity_unit, marks_of, names_of, over_capacity, over_cycles
from orchestrator.tables.run_data import MeasuredSpectrum, RunData
from protocols.cell import CellKind

if TYPE_CHECKING:
    from orchestrator.store import Store

_STRIPES = 600
_UNITS = {CapacityUnit.PER_MASS: "mAh/g", CapacityUnit.PER_AREA: "mAh/cm2", CapacityUnit.PER_CELL: "mAh"}
# Efficiency is drawn between these, unless the data leave them, in percent.
_EFFICIENCY = (95.0, 101.0)
_MOST_SPECTRA = 6
_CYCLE = Axis("cycle")


class NoPicture(ValueError):
    """The runs have nothing that such a picture shows; the message says what is missing."""


def page_picture(store: Store, shown: Shown, run_ids: Sequence[str], cycles: str = "") -> Picture:
    """Make a picture of runs, other than over time. Raises NoPicture, StoreError, and ValueError for wrong cycles."""
    check_count(run_ids)
    runs = [RunData(store, run_id) for run_id in run_ids]
    chosen = ChosenCycles.parse(cycles) if cycles else None
    return _MADE[shown](runs, chosen)


def check_count(run_ids: Sequence[str]) -> None:
    """Check how many runs are asked for. Raises NoPicture."""
    if not 1 <= len(set(run_ids)) <= MOST_RUNS or len(set(run_ids)) != len(run_ids):
        told = f"{len(run_ids)} runs are asked for: one picture shows 1 to {MOST_RUNS}, each once"
        raise NoPicture(told)


def run_names(runs: Sequence[RunData]) -> list[RunName]:
    """Return what the runs of a picture are called in it."""
    named = zip(runs, names_of(runs), strict=True)
    return [RunName(data.run.run_id, name, data.run.simulated, look) for look, (data, name) in enumerate(named)]


def _over_cycles(runs: Sequence[RunData], _: ChosenCycles | None) -> Picture:
    symmetric = all(data.program.cell.kind == CellKind.LI_LI for data in runs)
    unit = None if symmetric else capacity_unit([data.program.cell for data in runs])
    names, remarks = run_names(runs), list[str]()
    upper, lower, kept, facts = list[Line](), list[Line](), list[Line](), list[dict[str, Any]]()
    y_unit = "mV" if unit is None else _UNITS[unit]
    for data, name in zip(runs, names, strict=True):
        curve = over_cycles(data, unit)
        x = known(curve.cycles)
        if not curve.has_values:
            remarks.append(f"{name.run} has no whole cycle yet")
            facts.append(_facts(data, name, {}))
            continue
        if curve.cut:
            remarks.append(f"{name.run}: a half of cycle {', '.join(map(str, curve.cut))} was ended from outside")
        of = "overpotential" if unit is None else "capacity"
        for half, values, hollow in (("charge", curve.charge, True), ("discharge", curve.discharge, False)):
            axis = Axis(f"{half}-{of}", y_unit)
            upper.append(
                Line(name.run, "", axis, x, known(values), name=name.name, look=name.look, points=True, hollow=hollow)
            )
        if np.isfinite(curve.efficiency_percent).any() and unit is not None:
            axis = Axis("efficiency", "%")
            lower.append(
                Line(
                    name.run, "", axis, x, known(curve.efficiency_percent), name=name.name, look=name.look, points=True
                )
            )
        retained = {} if unit is None else _retained(data)
        if retained:
            axis = Axis("retention", "%")
            y = [retained.get(int(cycle)) for cycle in curve.cycles]
            kept.append(Line(name.run, "", axis, x, y, name=name.name, look=name.look, points=True))
        facts.append(_facts(data, name, {"unit": y_unit, **_first_last(curve.cycles, curve.discharge, retained)}))
    if not upper:
        raise NoPicture("; ".join(remarks))
    axis = Axis("overpotential" if unit is None else "capacity", y_unit)
    panels = [Panel(_CYCLE, axis, upper)]
    if lower:
        percents = [y for line in lower for y in line.y if y is not None]
        held = all(_EFFICIENCY[0] <= y <= _EFFICIENCY[1] for y in percents)
        panels.append(Panel(_CYCLE, lower[0].y_axis, lower, right_range=_EFFICIENCY if held else None, height=2))
    if kept:
        panels.append(Panel(_CYCLE, kept[0].y_axis, kept, height=2))
    marks = [
        Mark(mark.cycle, mark.kind.name.lower().replace("_", "-"), f"{name.run}: {mark.kind.value}")
        for data, name in zip(runs, names, strict=True)
        for mark in marks_of(data)
        if mark.cycle is not None
    ]
    return Picture(Shown.CYCLE, names, panels, marks=marks, remarks=remarks, facts=facts)


def _retained(data: RunData) -> dict[int, float | None]:
    """Return the retention of each cycle in percent, against the first that the cell's own voltage ended."""
    rows = cycle_rows(data.cycle_sums, data.program.cell)
    complete = [row.cycle for row in rows if row.discharge_end_reason in COMPLETE_ENDS]
    if not complete:
        return {}
    currents = {cycle: now.discharge_a for cycle, now in cycle_currents(data).items() if now.discharge_a is not None}
    found = retention(rows, complete[0], currents_a=currents).cycles
    return {row.cycle: None if row.retention is None else 100 * row.retention for row in found}


def _first_last(cycles: Any, values: Any, retained: Mapping[int, float | None]) -> dict[str, Any]:  # noqa: ANN401 - numpy
    there = [(int(cycle), float(value)) for cycle, value in zip(cycles, values, strict=True) if isfinite(value)]
    if not there:
        return {}
    best = max(there, key=lambda pair: pair[1])
    last = next((value for cycle, value in reversed(list(retained.items())) if value is not None), None)
    return {"first": there[0], "last": there[-1], "best": best, "retention_percent": last}


def _facts(data: RunData, name: RunName, more: Mapping[str, Any]) -> dict[str, Any]:
    run = data.run
    return {
        "run": run.run_id,
        "name": name.name,
        "recipe": run.recipe,
        "state": run.state.value,
        "reason": run.reason,
        "hours": data.duration_s / 3600,
        **more,
    }


def _over_capacity(runs: Sequence[RunData], chosen: ChosenCycles | None) -> Picture:
    unit = capacity_unit([data.program.cell for data in runs])
    names, remarks, lines = run_names(runs), list[str](), list[Line]()
    for data, name in zip(runs, names, strict=True):
        there = sorted({step.place.cycle for step in data.steps if step.place.half_cycle})
        whole = [cycle.cycle for cycle in data.cycles if cycle.is_whole]
        count = 4 if len(runs) == 1 else 2
        cycles = usual_cycles(whole, count) if chosen is None else chosen.of(there, whole)
        if chosen is not None and (missing := chosen.missing(there)):
            remarks.append(f"{name.run} has no cycle {', '.join(missing)}")
        halves: dict[int, int] = {}
        for curve in over_capacity(data, cycles, unit, _STRIPES):
            halves[curve.cycle] = half = halves.get(curve.cycle, 0) + 1
            look = cycles.index(curve.cycle) if len(runs) == 1 else name.look
            told = f"cycle {curve.cycle}" if len(runs) == 1 else f"{name.name}, cycle {curve.cycle}"
            x, y = known(curve.capacity), known(curve.volts)
            part = f"cycle {curve.cycle}, half {half}"
            lines.append(Line(name.run, part, Axis("voltage", "V"), x, y, look=look, name=told if half == 1 else ""))
    if not lines:
        raise NoPicture("; ".join(remarks) or f"{', '.join(name.run for name in names)}: no whole cycle yet")
    panel = Panel(Axis("capacity", _UNITS[unit]), Axis("voltage", "V"), lines)
    return Picture(Shown.CAPACITY, names, [panel], remarks=remarks)


def _half_cycles(runs: Sequence[RunData], _: ChosenCycles | None) -> Picture:
    from orchestrator.analysis.parts import Part
    from orchestrator.analysis.run_analysis import AnalysisOrder, analyse

    names, remarks = run_names(runs), list[str]()
    ohms, volts = list[Line](), list[Line]()
    for data, name in zip(runs, names, strict=True):
        if data.program.cell.kind != CellKind.LI_LI:
            remarks.append(f"{name.run} is of a {data.program.cell.kind} cell: half-cycles are those of Li/Li cells")
            continue
        found = analyse(data, AnalysisOrder((Part.HALF_CYCLES,)))
        rows = found.tables.get(Part.HALF_CYCLES, ())
        x = [(row.start_s + row.duration_s) / 3600 for row in rows]
        parts = {
            "start": [_sum(row.plateau_v, row.nucleation_v) for row in rows],
            "plateau": [_sum(row.plateau_v, 0.0) for row in rows],
            "end": [_sum(row.plateau_v, row.arc_v) for row in rows],
        }
        ohm = [None if row.plateau_v is None else row.plateau_v / abs(row.current_a) for row in rows]
        ohms.append(Line(name.run, "", Axis("resistance", "ohm"), x, ohm, look=name.look, name=name.name, points=True))
        for number, (part, values) in enumerate(parts.items()):
            look = number if len(runs) == 1 else name.look
            axis = Axis(f"overpotential-{part}", "mV")
            volts.append(Line(name.run, "", axis, x, values, look=look, name=name.name, points=True))
    if not any(line.x for line in ohms):
        raise NoPicture("; ".join(remarks) or "no half-cycle is over yet")
    hours = Axis("time", "h")
    marks = [
        Mark(mark.time_h, mark.kind.name.lower().replace("_", "-"), f"{name.run}: {mark.kind.value}")
        for data, name in zip(runs, names, strict=True)
        for mark in marks_of(data)
    ]
    panels = [Panel(hours, Axis("resistance", "ohm"), ohms), Panel(hours, Axis("overpotential", "mV"), volts)]
    return Picture(Shown.HALF_CYCLES, names, panels, marks=marks, remarks=remarks)


def _sum(volts: float | None, more: float | None) -> float | None:
    return None if volts is None or more is None else 1e3 * (volts + more)


def _impedance(runs: Sequence[RunData], chosen: ChosenCycles | None) -> Picture:
    from orchestrator.analysis.circuit import fit_cell
    from orchestrator.analysis.kramers_kronig import kramers_kronig

    names, remarks = run_names(runs), list[str]()
    nyquist, modulus, phase = list[Line](), list[Line](), list[Line]()
    for data, name in zip(runs, names, strict=True):
        for number, measured in enumerate(_spectra(data, chosen, len(runs))):
            look = number if len(runs) == 1 else name.look
            curve = f"cycle {measured.cycle}, test {measured.test}"
            told = f"{name.name}, cycle {measured.cycle}" if len(runs) > 1 else f"cycle {measured.cycle}"
            fit = fit_cell(
                measured.spectrum, CellKind(data.program.cell.kind), kramers_kronig(measured.spectrum).spoiled_hz
            )
            if fit.remark or fit.undetermined:
                lost = f"not determined: {', '.join(fit.undetermined)}" if fit.undetermined else ""
                remarks.append(f"{name.run}, cycle {measured.cycle}: {'; '.join(filter(None, (fit.remark, lost)))}")
            measures = (measured.spectrum.frequency_hz, measured.spectrum.impedance_ohm, "", True)
            for hertz, z, tail, is_measured in (measures, (fit.frequency_hz, fit.fitted, "-fit", False)):
                if not hertz:
                    continue
                f, real = known(hertz), known([one.real for one in z])
                text = told if is_measured else ""
                axes = [
                    Axis(f"{of}{tail}", unit) for of, unit in (("z-imag", "ohm"), ("modulus", "ohm"), ("phase", "deg"))
                ]
                minus = known([-one.imag for one in z])
                sizes, degrees = known([abs(one) for one in z]), known([-np.angle(one) * 180 / pi for one in z])
                for lines, axis, x, y in zip(
                    (nyquist, modulus, phase), axes, (real, f, f), (minus, sizes, degrees), strict=True
                ):
                    line = Line(name.run, curve, axis, x, y, look, text, is_measured, not is_measured, hollow=True)
                    lines.append(line)
    if not nyquist:
        raise NoPicture(f"{', '.join(name.run for name in names)}: no impedance spectrum was measured")
    hertz_axis = Axis("frequency", "Hz")
    panels = [
        Panel(Axis("z-real", "ohm"), Axis("z-imag", "ohm"), nyquist, equal=True, height=5),
        Panel(hertz_axis, Axis("modulus", "ohm"), modulus, log_x=True, log_y=True),
        Panel(hertz_axis, Axis("phase", "deg"), phase, log_x=True, height=2),
    ]
    return Picture(Shown.IMPEDANCE, names, panels, marks=_decades(nyquist, modulus), remarks=remarks)


def _spectra(data: RunData, chosen: ChosenCycles | None, runs: int) -> list[MeasuredSpectrum]:
    spectra = data.spectra
    if chosen is not None:
        cycles = sorted({one.cycle for one in spectra})
        wanted = set(chosen.of(cycles, cycles))
        return [one for one in spectra if one.cycle in wanted][:_MOST_SPECTRA]
    most = _MOST_SPECTRA if runs == 1 else 1 if runs > _MOST_SPECTRA else 2
    places = usual_cycles(range(len(spectra)), most) if most > 1 else range(len(spectra))[-1:]
    return [spectra[place] for place in places]


def _decades(nyquist: Sequence[Line], modulus: Sequence[Line]) -> list[Mark]:
    """Return where the decades of the frequency lie on the first measured spectrum."""
    if not nyquist:
        return []
    marks = []
    for at, hertz in enumerate(modulus[0].x):
        real = nyquist[0].x[at]
        if hertz and real is not None and abs(log10(hertz) - round(log10(hertz))) < 0.02:
            marks.append(Mark(real, "decade", f"{hertz:g} Hz"))
    return marks


_MADE: Mapping[Shown, Callable[[Sequence[RunData], ChosenCycles | None], Picture]] = {
    Shown.CYCLE: _over_cycles,
    Shown.CAPACITY: _over_capacity,
    Shown.HALF_CYCLES: _half_cycles,
    Shown.IMPEDANCE: _impedance,
}
