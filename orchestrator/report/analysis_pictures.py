"""Pictures of analyses: dQ/dV over the voltage, overpotential over the plated charge, capacity over the rate.

What is drawn is what ``orchestrator.analysis`` gives, by the definitions of docs/analysis.md, and nothing else.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.analysis.differential import SMOOTHING_V, incremental_capacity
from orchestrator.analysis.overpotential import OverpotentialRow, Overpotentials
from orchestrator.analysis.parts import Part
from orchestrator.analysis.rates import RateRow
from orchestrator.analysis.run_analysis import (
    AnalysisOrder,
    analyse,
    blocks_of,
    findings_of,
    half_cycle_steps,
)
from orchestrator.analysis.shorts_of_run import marked
from orchestrator.report.picture_sheet import (
    Drawn,
    NothingToDraw,
    Sheet,
    draw_line,
    drawn_by_cycle,
    explain_points,
    finish,
    from_zero,
    marker_size,
)
from orchestrator.report.run_curves import CapacityUnit, Mark, capacity_unit
from protocols.cell import CellKind
from protocols.current_sign import Direction

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ZERO_LINE: dict[str, Any] = {"color": "0.6", "linewidth": 0.5, "linestyle": ":", "zorder": 0}

_AGAIN = "the same rate again"


def draw_incremental_capacity(sheet: Sheet) -> None:
    """Draw dQ/dV of chosen cycles over the voltage, of the discharge as a negative value."""
    unit = capacity_unit([drawn.data.program.cell for drawn in sheet.runs])
    axes = sheet.figure.subplots()
    for drawn, looks in drawn_by_cycle(sheet, axes):
        factor = unit.of(drawn.data.program.cell) or np.nan
        for (cycle, way), steps in half_cycle_steps(drawn.data, looks).items():
            try:
                found = incremental_capacity(steps)
            except ValueError as err:
                sheet.notes.append(f"{drawn.data.run.run_id}, cycle {cycle}, {way}: {err}")
                continue
            sign = 1 if way is Direction.CHARGE else -1
            curve = sign * found.ah_per_v * factor
            draw_line(axes, looks[cycle], found.voltage_v, curve, sheet.order.page.line_pt(1))
            if drawn not in sheet.shown:
                sheet.shown.append(drawn)
    if not sheet.shown:
        raise NothingToDraw("; ".join(sheet.notes) or "no half-cycle yet; --over time shows what there is")
    axes.axhline(0, **_ZERO_LINE)
    if sheet.order.voltage_v is not None:
        axes.set_xlim(*sheet.order.voltage_v)
    axes.set_xlabel("cell voltage / V")
    axes.set_ylabel(f"d$Q$/d$V$ / {unit.value} V$^{{-1}}$")
    sheet.notes.append(f"dQ/dV is smoothed by a Gaussian of {SMOOTHING_V * 1e3:g} mV; discharge is drawn downwards")
    finish(sheet, axes, None)


def draw_overpotential(sheet: Sheet) -> None:
    """Draw plateau and nucleation overpotential of each half-cycle of Li/Li cells over the charge plated before it."""
    curves = [(drawn, _halves(sheet, drawn)) for drawn in sheet.runs]
    curves = [(drawn, halves) for drawn, halves in curves if halves]
    if not curves:
        raise NothingToDraw("; ".join(sheet.notes))
    known = all(drawn.data.program.cell.area_cm2 for drawn, _ in curves)
    if not known:
        sheet.notes.append("a cell's file does not say its area: the plated charge is in mAh, not in mAh/cm2")
    upper, lower = sheet.figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    explain_points(sheet)
    size = marker_size(sheet, max(len(halves) for _, halves in curves) // 2)
    for drawn, halves in curves:
        for way, face in ((Direction.CHARGE, "white"), (Direction.DISCHARGE, drawn.colour)):
            mine = [half for half in halves if half.direction is way]
            plated = [_plated(half, known=known) for half in mine]
            for axes, name in ((upper, "plateau_v"), (lower, "nucleation_v")):
                values = [getattr(half, name) for half in mine]
                volts = np.array([np.nan if value is None else value for value in values]) * 1e3
                axes.plot(plated, volts, drawn.marker, **size, mfc=face, color=drawn.colour, label="_")
    sheet.shown = [drawn for drawn, _ in curves]
    places = {drawn.data.run.run_id: halves for drawn, halves in curves}
    # The first half-cycle has nothing before it: its points stand clear of the edge.
    lower.set_xlim(-0.02 * lower.get_xlim()[1], None)
    lower.set_xlabel(f"plated charge, both directions / {'mAh cm$^{-2}$' if known else 'mAh'}")
    upper.set_ylabel("plateau / mV")
    lower.set_ylabel("nucleation\n/ mV")
    for axes in (upper, lower):
        from_zero(axes)
    finish(sheet, upper, lambda drawn, mark: _place(places[drawn.data.run.run_id], mark, known=known))


def _halves(sheet: Sheet, drawn: Drawn) -> list[OverpotentialRow]:
    run_id, cell = drawn.data.run.run_id, drawn.data.program.cell
    if cell.kind != CellKind.LI_LI:
        sheet.notes.append(f"{run_id} has a cell of kind {cell.kind}, whose voltage is no overpotential")
        return []
    found = Overpotentials(cell.area_cm2)
    for block in blocks_of(drawn.data):
        found.feed_block(block)
    if not found.rows():
        sheet.notes.append(f"{run_id} has no half-cycle yet; --over time shows what there is")
    return marked(found.rows(), findings_of(drawn.data))


def _plated(half: OverpotentialRow, *, known: bool) -> float:
    return (half.plated_before_mah_cm2 or 0.0) if known else half.plated_before_mah


def _place(halves: Sequence[OverpotentialRow], mark: Mark, *, known: bool) -> float | None:
    """Return what had been plated when something happened, along the half-cycle in which it did."""
    at = bisect_right([half.start_s / 3600 for half in halves], mark.time_h) - 1
    if at < 0:
        return 0.0
    half = halves[at]
    part = min(1.0, (mark.time_h * 3600 - half.start_s) / (half.duration_s or 1.0))
    charge = (half.charge_mah_cm2 or 0.0) if known else half.charge_ah * 1e3
    return _plated(half, known=known) + part * charge


def draw_rates(sheet: Sheet) -> None:
    """Draw the discharge capacity of each block of a rate test over its rate; a current that comes back is open."""
    unit = capacity_unit([drawn.data.program.cell for drawn in sheet.runs])
    axes = sheet.figure.subplots()
    tables = [(drawn, _rates(sheet, drawn)) for drawn in sheet.runs]
    tables = [(drawn, rows) for drawn, rows in tables if rows]
    if not tables:
        raise NothingToDraw("; ".join(sheet.notes))
    has_rate = all(row.discharge_c_rate is not None for _, rows in tables for row in rows)
    for drawn, rows in tables:
        _draw_rate(sheet, axes, drawn, rows, unit, has_rate=has_rate)
    sheet.shown = [drawn for drawn, _ in tables]
    from_zero(axes)
    axes.set_xlim(0, None)
    axes.set_xlabel("rate of the discharge / h$^{-1}$" if has_rate else "discharge current / mA")
    axes.set_ylabel(f"discharge capacity / {unit.value}")
    finish(sheet, axes, None)


def _rates(sheet: Sheet, drawn: Drawn) -> Sequence[RateRow]:
    run_id = drawn.data.run.run_id
    try:
        rows: Sequence[RateRow] = analyse(drawn.data, AnalysisOrder((Part.RATES,))).tables[Part.RATES]
    except ValueError as err:
        sheet.notes.append(str(err))
        return []
    if not rows:
        sheet.notes.append(f"{run_id} is no rate test: it has fewer than two currents with a whole cycle")
    return rows


def _draw_rate(
    sheet: Sheet, axes: Axes, drawn: Drawn, rows: Sequence[RateRow], unit: CapacityUnit, *, has_rate: bool
) -> None:
    from matplotlib.lines import Line2D

    factor = unit.of(drawn.data.program.cell) or np.nan
    seen: list[float] = []
    first: list[tuple[float, float]] = []
    again: list[tuple[float, float]] = []
    for row in rows:
        x = row.discharge_c_rate if has_rate and row.discharge_c_rate is not None else row.discharge_current_a * 1e3
        is_back = any(abs(x - known) <= 0.02 * known for known in seen)
        (again if is_back else first).append((x, row.discharge_capacity_ah * factor))
        seen.append(x)
    first.sort()
    look: dict[str, Any] = {"marker": drawn.marker, "ms": 3.2, "color": drawn.colour, "label": "_"}
    axes.plot(*zip(*first, strict=True), linestyle=drawn.dash, linewidth=0.7, **look)
    if again:
        hollow: dict[str, Any] = {"linestyle": "", "mfc": "white"}
        axes.plot(*zip(*again, strict=True), **look | hollow)
        sheet.more[_AGAIN] = Line2D([], [], **hollow, marker="o", ms=3.2, color="black", label=_AGAIN)
