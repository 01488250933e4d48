"""Pictures of any runs: voltage and current over time, capacity and efficiency over cycles, voltage over capacity.

Axes fit what was measured, and nothing of it is left outside; what a reader could be misled by is said in ``notes``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.report import voltage_axis
from orchestrator.report.analysis_pictures import draw_incremental_capacity, draw_overpotential, draw_rates
from orchestrator.report.journal_page import COLOURS, DASHES, MARKERS, MOST_RUNS
from orchestrator.report.picture_choices import Over
from orchestrator.report.picture_sheet import (
    Drawn,
    NothingToDraw,
    PictureOrder,
    Sheet,
    draw_line,
    draw_points,
    drawn_by_cycle,
    explain_points,
    finish,
    from_zero,
    marker_size,
    whole_cycles,
)
from orchestrator.report.run_curves import (
    CapacityUnit,
    CycleCurve,
    TimeCurve,
    capacity_unit,
    names_of,
    over_capacity,
    over_cycles,
    over_time,
)
from orchestrator.report.thinning import stripes_of
from orchestrator.store import Store
from orchestrator.tables.run_data import RunData
from protocols.cell import CellKind

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_ONE_PANEL = frozenset({Over.CAPACITY, Over.VOLTAGE, Over.RATE})
_ZERO_LINE: dict[str, Any] = {"color": "0.6", "linewidth": 0.5, "linestyle": ":", "zorder": 0}


def usual_over(store: Store, run_ids: Sequence[str]) -> Over:
    """Return what runs are drawn over when nobody says it: symmetric cells over time, others over their whole cycles.

    One cycle alone, as of a titration (GITT), would be a dot: it is drawn over time.
    """
    runs = [RunData(store, run_id) for run_id in run_ids]
    symmetric = any(data.program.cell.kind == CellKind.LI_LI for data in runs)
    return Over.CYCLE if not symmetric and any(len(whole_cycles(data)) > 1 for data in runs) else Over.TIME


def draw_runs(store: Store, run_ids: Sequence[str], order: PictureOrder) -> tuple[Figure, list[str]]:
    """Draw runs into one figure; return it and what is to be known of it, a sentence each.

    Raises StoreError for an unknown run, and NothingToDraw.
    """
    if len(run_ids) > MOST_RUNS:
        raise NothingToDraw(f"{len(run_ids)} runs cannot be told apart in one picture; draw at most {MOST_RUNS}")
    datas = [RunData(store, run_id) for run_id in run_ids]
    looks = [(*pair, dash) for dash in DASHES for pair in zip(COLOURS, MARKERS, strict=True)]
    runs = [
        Drawn(data, name, colour, dash, marker)
        for data, name, (colour, marker, dash) in zip(datas, names_of(datas), looks, strict=False)
    ]
    is_one_panel = order.over in _ONE_PANEL or (order.over is Over.CYCLE and _all_symmetric(datas))
    panels = (1 if is_one_panel else 2) + order.temperature
    sheet = Sheet(order.page.figure(panels), order, runs)
    _DRAW[order.over](sheet)
    return sheet.figure, sheet.notes


def contents(store: Store, run_ids: Sequence[str], over: Over) -> str:
    """Return what a picture shows, for the file itself: runs with their recipes, cells and labels."""
    runs = [store.run(run_id) for run_id in run_ids]
    words = [f"{run.run_id} ({run.recipe}, {run.cell}, {run.label or run.cell})" for run in runs]
    simulated = [run.run_id for run in runs if run.simulated]
    return f"{', '.join(words)} over {over}" + (f"; simulated: {', '.join(simulated)}" if simulated else "")


def _all_symmetric(runs: Sequence[RunData]) -> bool:
    return all(data.program.cell.kind == CellKind.LI_LI for data in runs)


def _draw_time(sheet: Sheet) -> None:
    """Draw voltage above current density, or above current where a cell's area is not known, and the temperature."""
    stripes, warm = stripes_of(sheet.order.page.width_mm), sheet.order.temperature
    curves = [(drawn, over_time(drawn.data, stripes, with_temperature=warm)) for drawn in sheet.runs]
    for drawn, curve in curves:
        if not len(curve.hours):
            spectra = f"; cellrig spectra {drawn.data.run.run_id} draws its spectra" if drawn.data.spectra else ""
            sheet.notes.append(f"{drawn.data.run.run_id} has no samples (it is {drawn.data.run.state}){spectra}")
        elif not np.isfinite(curve.volts).any():
            sheet.notes.append(f"{drawn.data.run.run_id} has no voltage in any of its samples")
    curves = [(drawn, curve) for drawn, curve in curves if np.isfinite(curve.volts).any()]
    if not curves:
        raise NothingToDraw("; ".join(sheet.notes))
    areas = [drawn.data.program.cell.area_cm2 for drawn, _ in curves]
    known = all(areas)
    if not known and any(areas):
        sheet.notes.append("a cell's file does not say its area: currents are drawn in mA, not in mA/cm2")
    panels = sheet.figure.subplots(2 + warm, 1, sharex=True, height_ratios=(3, 2, 2)[: 2 + warm])
    upper, lower, lowest = panels[0], panels[1], panels[-1]
    longest = max(drawn.data.duration_s for drawn, _ in curves) / 3600
    # The widest trace is drawn first: it would hide the others.
    for drawn, curve in sorted(curves, key=lambda pair: -voltage_axis.span(pair[1].volts)):
        halves = max((step.place.half_cycle for step in drawn.data.steps), default=0)
        # A run of one record has no length.
        width_pt = sheet.order.page.line_pt(halves * longest * 3600 / (drawn.data.duration_s or 1.0))
        draw_line(upper, drawn, curve.hours, curve.volts, width_pt)
        factor = 1e3 / (drawn.data.program.cell.area_cm2 or 1.0) if known else 1e3
        draw_line(lower, drawn, curve.hours, curve.amperes * factor, width_pt)
        if warm:
            draw_line(lowest, drawn, curve.hours, curve.place_degc, width_pt)
            if not np.isfinite(curve.place_degc).any():
                sheet.notes.append(f"{drawn.data.run.run_id} has no temperature in any of its samples")
    sheet.shown = [drawn for drawn, _ in curves]
    lower.set_xlim(0, longest or 1.0 / 60)
    lowest.set_xlabel("time / h")
    lower.set_ylabel("current density\n/ mA cm$^{-2}$" if known else "current / mA")
    if warm:
        lowest.set_ylabel("cell's place\n/ °C")
    _fit_voltage(sheet, upper, curves)
    for axes in (upper, lower):
        if axes.get_ylim()[0] < 0 < axes.get_ylim()[1]:
            axes.axhline(0, **_ZERO_LINE)
    finish(sheet, upper, lambda _, mark: mark.time_h)


def _fit_voltage(sheet: Sheet, axes: Axes, curves: Sequence[tuple[Drawn, TimeCurve]]) -> None:
    """Fit the axis of voltage to the data, or to the range that was asked for, and say what does not fit."""
    axes.set_ylabel("cell voltage / V")
    if sheet.order.voltage_v is not None:
        axes.set_ylim(*sheet.order.voltage_v)
    for drawn, curve in curves:
        run_id = drawn.data.run.run_id
        if sheet.order.voltage_v is None:
            sheet.notes += voltage_axis.stretched_by(run_id, curve.hours, curve.volts)
        else:
            sheet.notes += voltage_axis.mark_outside(
                axes, run_id, curve.hours, curve.volts, sheet.order.voltage_v, drawn.colour
            )


def _draw_cycles(sheet: Sheet) -> None:
    """Draw capacities above the coulombic efficiency; of symmetric cells the mean overpotential of each half-cycle."""
    from matplotlib.ticker import MaxNLocator

    symmetric = _all_symmetric([drawn.data for drawn in sheet.runs])
    unit = None if symmetric else capacity_unit([drawn.data.program.cell for drawn in sheet.runs])
    if unit is CapacityUnit.PER_CELL:
        sheet.notes.append("a cell's file says neither active mass nor area: capacities are drawn in mAh")
    curves = [(drawn, over_cycles(drawn.data, unit)) for drawn in sheet.runs]
    for drawn, curve in curves:
        run_id = drawn.data.run.run_id
        if not len(curve.cycles):
            sheet.notes.append(f"{run_id} has no whole cycle yet; --over time shows what there is")
        elif not curve.has_values:
            sheet.notes.append(f"{run_id} has {'no mean voltage' if symmetric else 'no capacity'} in any of its cycles")
        if curve.cut:
            numbers = ", ".join(map(str, curve.cut))
            sheet.notes.append(f"{run_id}: a half of cycle {numbers} was ended from outside and is left out")
    curves = [(drawn, curve) for drawn, curve in curves if curve.has_values]
    if not curves:
        raise NothingToDraw("; ".join(note for note in sheet.notes if " has no " in note))
    has_efficiency = not symmetric and any((curve.efficiency_percent > 0).any() for _, curve in curves)
    _, lower = panels = sheet.figure.subplots(2, 1, sharex=True) if has_efficiency else [sheet.figure.subplots()] * 2
    upper: Axes = panels[0]
    size = marker_size(sheet, max(len(curve.cycles) for _, curve in curves))
    explain_points(sheet)
    for drawn, curve in curves:
        draw_points(upper, drawn, curve, size)
        if has_efficiency:
            lower.plot(curve.cycles, curve.efficiency_percent, drawn.marker, **size, color=drawn.colour)
    sheet.shown = [drawn for drawn, _ in curves]
    first, last = (end(float(end(curve.cycles)) for _, curve in curves) for end in (min, max))
    room = max(0.5, 0.02 * (last - first))
    lower.set_xlim(first - room, last + room)
    lower.set_xlabel("cycle number")
    lower.xaxis.set_major_locator(MaxNLocator(integer=True))
    from_zero(upper)
    upper.set_ylabel("mean overpotential / mV" if unit is None else f"capacity / {unit.value}")
    if has_efficiency:
        lower.set_ylabel("coulombic\nefficiency / %")
        sheet.notes.append(f"coulombic efficiency is {_ratios(curves)}")
    finish(sheet, upper, lambda _, mark: mark.cycle)


def _ratios(curves: Sequence[tuple[Drawn, CycleCurve]]) -> str:
    """Return which half was divided by which, of each run where the runs differ."""
    ratios = {drawn.data.run.run_id: " or ".join(curve.efficiency_of) for drawn, curve in curves if curve.efficiency_of}
    if len(set(ratios.values())) == 1:
        return next(iter(ratios.values()))
    return ", ".join(f"{ratio} in {run_id}" for run_id, ratio in ratios.items())


def _draw_capacity(sheet: Sheet) -> None:
    """Draw the half-cycles of chosen cycles, of one run coloured by cycle, of several by run and dashed by cycle."""
    unit = capacity_unit([drawn.data.program.cell for drawn in sheet.runs])
    axes = sheet.figure.subplots()
    for drawn, looks in drawn_by_cycle(sheet, axes):
        curves = over_capacity(drawn.data, looks, unit, stripes_of(sheet.order.page.width_mm))
        for curve in curves:
            draw_line(axes, looks[curve.cycle], curve.capacity, curve.volts, sheet.order.page.line_pt(1))
        low, high = sheet.order.voltage_v or (-math.inf, math.inf)
        if any(((curve.volts < low) | (curve.volts > high)).any() for curve in curves):
            sheet.notes.append(f"{drawn.data.run.run_id}: some voltages lie outside --voltage-range and are not drawn")
        if any(np.isfinite(curve.volts).any() for curve in curves):
            sheet.shown.append(drawn)
        elif curves:
            sheet.notes.append(f"{drawn.data.run.run_id} has no sample with a voltage in the cycles to draw")
    if not sheet.shown:
        raise NothingToDraw("; ".join(sheet.notes) or "no whole cycle yet; --over time shows what there is")
    # Curves begin at zero, and upright: they would lie on the axis.
    axes.set_xlim(-0.015 * axes.get_xlim()[1], None)
    axes.set_xlabel(f"capacity / {unit.value}")
    axes.set_ylabel("cell voltage / V")
    if sheet.order.voltage_v is not None:
        axes.set_ylim(*sheet.order.voltage_v)
    finish(sheet, axes, None)


_DRAW: Mapping[Over, Callable[[Sheet], None]] = {
    Over.TIME: _draw_time,
    Over.CYCLE: _draw_cycles,
    Over.CAPACITY: _draw_capacity,
    Over.VOLTAGE: draw_incremental_capacity,
    Over.PLATED: draw_overpotential,
    Over.RATE: draw_rates,
}
