"""Pictures of any runs: voltage and current over time, capacity and efficiency over cycles, voltage over capacity.

Axes fit what was measured, and nothing of it is left outside; what a reader could be misled by is said in ``notes``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.report import voltage_axis
from orchestrator.report.journal_page import COLOURS, DASHES, MOST_RUNS, Dash, Page
from orchestrator.report.picture_choices import USUAL_CYCLES, ChosenCycles, Over, usual_cycles
from orchestrator.report.run_curves import (
    CapacityUnit,
    CycleCurve,
    MarkKind,
    Numbers,
    TimeCurve,
    capacity_unit,
    heading_of,
    marks_of,
    names_of,
    over_capacity,
    over_cycles,
    over_time,
)
from orchestrator.report.thinning import lonely, stripes_of
from orchestrator.store import Store
from orchestrator.tables.run_data import RunData
from protocols.cell import CellKind

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from orchestrator.report.spectra import Colour

_MARKERS = {MarkKind.SHORT: "x", MarkKind.TRIP: "s", MarkKind.GAP: "|", MarkKind.GOING_ON: ">"}
_ZERO_LINE = {"color": "0.6", "linewidth": 0.5, "zorder": 0}
# With more curves of one run their colours are read from a bar.
_MOST_IN_LEGEND = 8


class NothingToDraw(ValueError):
    """The runs have nothing that such a picture shows; the message says what is missing and what could be drawn."""


@dataclass(frozen=True, slots=True)
class PictureOrder:
    """What is to be drawn. ``cycles`` None: a few over the whole run; ``voltage_v`` None: the axis fits the data."""

    over: Over
    page: Page = field(default_factory=Page)
    cycles: ChosenCycles | None = None
    voltage_v: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class _Drawn:
    """One run of a picture, with its name and how its lines look."""

    data: RunData
    name: str
    colour: str | Colour
    dash: Dash


@dataclass(slots=True)
class _Sheet:
    """A picture while it is drawn: what its legend explains, and what is to be said of it."""

    figure: Figure
    order: PictureOrder
    runs: list[_Drawn]
    shown: list[_Drawn] = field(default_factory=list)
    more: dict[str, Line2D] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def usual_over(store: Store, run_ids: Sequence[str]) -> Over:
    """Return what runs are drawn over when nobody says it: symmetric cells over time, others over whole cycles."""
    runs = [RunData(store, run_id) for run_id in run_ids]
    symmetric = any(data.program.cell.kind == CellKind.LI_LI for data in runs)
    return Over.TIME if symmetric or not any(_whole(data) for data in runs) else Over.CYCLE


def draw_runs(store: Store, run_ids: Sequence[str], order: PictureOrder) -> tuple[Figure, list[str]]:
    """Draw runs into one figure; return it and what is to be known of it, a sentence each.

    Raises StoreError for an unknown run, and NothingToDraw.
    """
    if len(run_ids) > MOST_RUNS:
        raise NothingToDraw(f"{len(run_ids)} runs cannot be told apart in one picture; draw at most {MOST_RUNS}")
    datas = [RunData(store, run_id) for run_id in run_ids]
    looks = [(colour, dash) for dash in DASHES for colour in COLOURS]
    runs = [_Drawn(data, name, *look) for data, name, look in zip(datas, names_of(datas), looks, strict=False)]
    draw = {Over.TIME: _draw_time, Over.CYCLE: _draw_cycles, Over.CAPACITY: _draw_capacity}[order.over]
    is_one_panel = order.over is Over.CAPACITY or (order.over is Over.CYCLE and _all_symmetric(datas))
    sheet = _Sheet(order.page.figure(1 if is_one_panel else 2), order, runs)
    draw(sheet)
    return sheet.figure, sheet.notes


def contents(store: Store, run_ids: Sequence[str], over: Over) -> str:
    """Return what a picture shows, for the file itself: runs with their recipes, cells and labels."""
    runs = [store.run(run_id) for run_id in run_ids]
    words = [f"{run.run_id} ({run.recipe}, {run.cell}, {run.label or run.cell})" for run in runs]
    simulated = [run.run_id for run in runs if run.simulated]
    return f"{', '.join(words)} over {over}" + (f"; simulated: {', '.join(simulated)}" if simulated else "")


def _all_symmetric(runs: Sequence[RunData]) -> bool:
    return all(data.program.cell.kind == CellKind.LI_LI for data in runs)


def _whole(data: RunData) -> list[int]:
    return [cycle.cycle for cycle in data.cycles if cycle.is_whole]


def _draw_time(sheet: _Sheet) -> None:
    """Draw voltage above current density, or above current where a cell's area is not known."""
    stripes = stripes_of(sheet.order.page.width_mm)
    curves = [(drawn, over_time(drawn.data, stripes)) for drawn in sheet.runs]
    for drawn, curve in curves:
        if not len(curve.hours):
            sheet.notes.append(f"{drawn.data.run.run_id} has no samples (it is {drawn.data.run.state})")
        elif not np.isfinite(curve.volts).any():
            sheet.notes.append(f"{drawn.data.run.run_id} has no voltage in any of its samples")
    curves = [(drawn, curve) for drawn, curve in curves if np.isfinite(curve.volts).any()]
    if not curves:
        raise NothingToDraw("; ".join(sheet.notes))
    areas = [drawn.data.program.cell.area_cm2 for drawn, _ in curves]
    known = all(areas)
    if not known and any(areas):
        sheet.notes.append("a cell's file does not say its area: currents are drawn in mA, not in mA/cm2")
    upper, lower = sheet.figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    longest = max(drawn.data.duration_s for drawn, _ in curves) / 3600
    # The widest trace is drawn first: it would hide the others.
    for drawn, curve in sorted(curves, key=lambda pair: -voltage_axis.span(pair[1].volts)):
        halves = max((step.place.half_cycle for step in drawn.data.steps), default=0)
        # A run of one record has no length.
        width_pt = sheet.order.page.line_pt(halves * longest * 3600 / (drawn.data.duration_s or 1.0))
        _line(upper, drawn, curve.hours, curve.volts, width_pt)
        factor = 1e3 / (drawn.data.program.cell.area_cm2 or 1.0) if known else 1e3
        _line(lower, drawn, curve.hours, curve.amperes * factor, width_pt)
    sheet.shown = [drawn for drawn, _ in curves]
    lower.set_xlim(0, longest or 1.0 / 60)
    lower.set_xlabel("time / h")
    lower.set_ylabel("current density\n/ mA cm$^{-2}$" if known else "current / mA")
    _fit_voltage(sheet, upper, curves)
    for axes in (upper, lower):
        if axes.get_ylim()[0] < 0 < axes.get_ylim()[1]:
            axes.axhline(0, **_ZERO_LINE)
    _finish(sheet, upper, lambda mark: mark.time_h)


def _line(axes: Axes, drawn: _Drawn, x: Numbers, y: Numbers, width_pt: float) -> None:
    axes.plot(x, y, drawn.dash, color=drawn.colour, linewidth=width_pt, label="_")
    alone = lonely(y)
    if alone.any():
        axes.plot(x[alone], y[alone], "o", ms=1.5, mew=0, color=drawn.colour, label="_")


def _fit_voltage(sheet: _Sheet, axes: Axes, curves: Sequence[tuple[_Drawn, TimeCurve]]) -> None:
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


def _draw_cycles(sheet: _Sheet) -> None:
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
    size = _size(sheet, max(len(curve.cycles) for _, curve in curves))
    _explain_points(sheet)
    for drawn, curve in curves:
        _points(upper, drawn, curve, size)
        if has_efficiency:
            lower.plot(curve.cycles, curve.efficiency_percent, "^", **size, color=drawn.colour)
    sheet.shown = [drawn for drawn, _ in curves]
    first, last = (end(float(end(curve.cycles)) for _, curve in curves) for end in (min, max))
    room = max(0.5, 0.02 * (last - first))
    lower.set_xlim(first - room, last + room)
    lower.set_xlabel("cycle number")
    lower.xaxis.set_major_locator(MaxNLocator(integer=True))
    upper.set_ylim(0, None)
    upper.set_ylabel("mean overpotential / mV" if unit is None else f"capacity / {unit.value}")
    if has_efficiency:
        lower.set_ylabel("coulombic\nefficiency / %")
        sheet.notes.append(f"coulombic efficiency is {_ratios(curves)}")
    _finish(sheet, upper, lambda mark: mark.cycle)


def _ratios(curves: Sequence[tuple[_Drawn, CycleCurve]]) -> str:
    """Return which half was divided by which, of each run where the runs differ."""
    ratios = {drawn.data.run.run_id: " or ".join(curve.efficiency_of) for drawn, curve in curves if curve.efficiency_of}
    if len(set(ratios.values())) == 1:
        return next(iter(ratios.values()))
    return ", ".join(f"{ratio} in {run_id}" for run_id, ratio in ratios.items())


def _size(sheet: _Sheet, cycles: int) -> dict[str, Any]:
    """Return the size of markers, in points, at which neighbours hardly meet."""
    size_pt = min(3.2, max(1.2, 1.6 * sheet.order.page.width_mm / cycles))
    return {"ms": size_pt, "mew": 0.2 * size_pt}


def _points(axes: Axes, drawn: _Drawn, curve: CycleCurve, size: dict[str, Any]) -> None:
    """Draw charge as open and discharge as filled dots, open ones below."""
    axes.plot(curve.cycles, curve.charge, "o", **size, mfc="white", color=drawn.colour, label="_")
    axes.plot(curve.cycles, curve.discharge, "o", **size, color=drawn.colour, label="_")


def _explain_points(sheet: _Sheet) -> None:
    """Explain filled and open dots in the legend."""
    from matplotlib.lines import Line2D

    for name, face in (("discharge", "black"), ("charge", "white")):
        sheet.more[name] = Line2D([], [], linestyle="", marker="o", ms=3.2, mfc=face, color="black", label=name)


def _draw_capacity(sheet: _Sheet) -> None:
    """Draw the half-cycles of chosen cycles, of one run coloured by cycle, of several by run and dashed by cycle."""
    unit = capacity_unit([drawn.data.program.cell for drawn in sheet.runs])
    axes = sheet.figure.subplots()
    one = len(sheet.runs) == 1
    for drawn in sheet.runs:
        numbers = _chosen(sheet, drawn.data)
        if not one and len(numbers) > len(DASHES):
            raise NothingToDraw(
                f"{len(numbers)} cycles of several runs cannot be told apart; name at most {len(DASHES)} in --cycles"
            )
        colours = _by_cycle(sheet, axes, numbers) if one else {}
        dashes = {} if one else dict(zip(numbers, DASHES, strict=False))
        curves = over_capacity(drawn.data, numbers, unit, stripes_of(sheet.order.page.width_mm))
        for curve in curves:
            colour, dash = colours.get(curve.cycle, drawn.colour), dashes.get(curve.cycle, drawn.dash)
            own = replace(drawn, colour=colour, dash=dash)
            _line(axes, own, curve.capacity, curve.volts, sheet.order.page.line_pt(1))
        low, high = sheet.order.voltage_v or (-math.inf, math.inf)
        if any(((curve.volts < low) | (curve.volts > high)).any() for curve in curves):
            sheet.notes.append(f"{drawn.data.run.run_id}: some voltages lie outside --voltage-range and are not drawn")
        if any(np.isfinite(curve.volts).any() for curve in curves):
            sheet.shown.append(drawn)
        elif curves:
            sheet.notes.append(f"{drawn.data.run.run_id} has no sample with a voltage in the cycles to draw")
        if not one:
            _explain_dashes(sheet, numbers)
    if not sheet.shown:
        raise NothingToDraw("; ".join(sheet.notes) or "no whole cycle yet; --over time shows what there is")
    # Curves begin at zero, and upright: they would lie on the axis.
    axes.set_xlim(-0.015 * axes.get_xlim()[1], None)
    axes.set_xlabel(f"capacity / {unit.value}")
    axes.set_ylabel("cell voltage / V")
    if sheet.order.voltage_v is not None:
        axes.set_ylim(*sheet.order.voltage_v)
    _finish(sheet, axes, None)


def _chosen(sheet: _Sheet, data: RunData) -> list[int]:
    """Return the cycles of a run to draw, and note those that it does not have."""
    there = sorted({step.place.cycle for step in data.steps if step.place.half_cycle})
    whole = _whole(data)
    run_id = data.run.run_id
    if not there:
        sheet.notes.append(f"{run_id} has no half-cycle yet; --over time shows what there is")
        return []
    if sheet.order.cycles is None:
        return usual_cycles(whole or there, USUAL_CYCLES if len(sheet.runs) == 1 else 2)
    if missing := sheet.order.cycles.missing(there):
        sheet.notes.append(f"{run_id} has no cycle {', '.join(missing)}; it has {there[0]} to {there[-1]}")
    return sheet.order.cycles.of(there, whole or there)


def _by_cycle(sheet: _Sheet, axes: Axes, numbers: Sequence[int]) -> dict[int, Colour]:
    """Return a colour for each cycle of a single run, explained in the legend, or by a bar where they are many."""
    from matplotlib.lines import Line2D

    from orchestrator.report.spectra import colour_of, colour_scale

    if not numbers:
        return {}
    scale = colour_scale(numbers)
    colours = {number: colour_of(scale, number) for number in numbers}
    if len(numbers) > _MOST_IN_LEGEND:
        bar = sheet.figure.colorbar(scale, ax=axes, pad=0.02, fraction=0.05, aspect=30)
        bar.set_label("cycle number")
    else:
        for number, colour in colours.items():
            sheet.more[f"cycle {number}"] = Line2D([], [], color=colour, label=f"cycle {number}")
    return colours


def _explain_dashes(sheet: _Sheet, numbers: Sequence[int]) -> None:
    """Explain the dashes of several runs' cycles, which may be other numbers in each run."""
    from matplotlib.lines import Line2D

    for dash, number in zip(DASHES, numbers, strict=False):
        name = f"cycle {number}"
        if name in sheet.more and sheet.more[name].get_linestyle() != dash:
            sheet.notes.append(f"cycle {number} has other dashes in other runs; name the cycles by --cycles")
        sheet.more.setdefault(name, Line2D([], [], linestyle=dash, color="black", linewidth=0.8, label=name))


def _finish(sheet: _Sheet, axes: Axes, place: Callable[[Any], float | None] | None) -> None:
    """Mark what happened on the upper edge, and explain everything above the picture, where there is no curve."""
    from matplotlib.lines import Line2D

    for drawn in sheet.shown if place else ():
        for mark in marks_of(drawn.data):
            x = place(mark) if place else None
            if x is None:
                continue
            look: dict[str, Any] = {"marker": _MARKERS[mark.kind], "ms": 4, "mew": 0.9, "linestyle": ""}
            transform = axes.get_xaxis_transform()
            axes.plot([x], [1.0], **look, color=drawn.colour, transform=transform, clip_on=False, zorder=9, label="_")
            sheet.more.setdefault(mark.kind, Line2D([], [], **look, color="black", label=mark.kind.value))
    named = [Line2D([], [], color=drawn.colour, linestyle=drawn.dash, label=drawn.name) for drawn in sheet.shown]
    by_cycle = sheet.order.over is Over.CAPACITY and len(sheet.runs) == 1
    handles = [*([] if by_cycle else named), *sheet.more.values()]
    names = [str(handle.get_label()) for handle in handles]
    sheet.figure.align_ylabels()
    heading = heading_of([drawn.data for drawn in sheet.runs])
    if by_cycle:
        heading = f"{sheet.shown[0].name}, {heading}" if heading else sheet.shown[0].name
    heading = sheet.order.page.heading(heading)
    columns = sheet.order.page.columns_of_legend(names)
    sheet.order.page.make_room(sheet.figure, math.ceil(len(names) / columns))
    legend = sheet.figure.legend(handles=handles, loc="outside upper center", ncols=columns, title=heading or None)
    for text in (legend.get_title(), *legend.get_texts()):
        # Titles and labels are people's: a dollar in them begins no formula.
        text.set_parse_math(False)
