"""A picture of runs while it is drawn: its order, its runs, what its legend explains, and what is to be said of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from orchestrator.report.journal_page import DASHES, Dash, Page
from orchestrator.report.picture_choices import USUAL_CYCLES, ChosenCycles, Over, usual_cycles
from orchestrator.report.run_curves import CycleCurve, Mark, MarkKind, Numbers, heading_of, marks_of
from orchestrator.report.thinning import lonely
from orchestrator.tables.run_data import RunData

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from orchestrator.report.spectra import Colour

_MARKERS = {MarkKind.SHORT: "x", MarkKind.TRIP: "s", MarkKind.GAP: "|", MarkKind.GOING_ON: ">"}
# With more curves of one run their colours are read from a bar.
_MOST_IN_LEGEND = 8
# Part of an axis above the highest point: more than a marker of the smallest panel is high.
_ROOM_ABOVE = 0.08
# Pictures that show a few chosen cycles of a run, coloured by cycle where there is one run.
BY_CYCLE = frozenset({Over.CAPACITY, Over.VOLTAGE})
# Pictures in which a run is told by the shape of its marks as well, in some without a line between them.
BY_MARKER = frozenset({Over.CYCLE, Over.PLATED, Over.RATE})
_WITHOUT_LINE = BY_MARKER - {Over.RATE}


class NothingToDraw(ValueError):
    """The runs have nothing that such a picture shows; the message says what is missing and what could be drawn."""


@dataclass(frozen=True, slots=True)
class PictureOrder:
    """What is to be drawn. ``cycles`` None: a few over the whole run; ``voltage_v`` None: the axis fits the data.

    ``temperature``: over time, a panel of the temperature of each cell's place too.
    """

    over: Over
    page: Page = field(default_factory=Page)
    cycles: ChosenCycles | None = None
    voltage_v: tuple[float, float] | None = None
    temperature: bool = False


@dataclass(frozen=True, slots=True)
class Drawn:
    """One run of a picture, with its name and how its lines look."""

    data: RunData
    name: str
    colour: str | Colour
    dash: Dash
    marker: str = "o"


@dataclass(slots=True)
class Sheet:
    """A picture while it is drawn: what its legend explains, and what is to be said of it."""

    figure: Figure
    order: PictureOrder
    runs: list[Drawn]
    shown: list[Drawn] = field(default_factory=list)
    more: dict[str, Line2D] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def whole_cycles(data: RunData) -> list[int]:
    """Return the numbers of a run's whole cycles."""
    return [cycle.cycle for cycle in data.cycles if cycle.is_whole]


def draw_line(axes: Axes, drawn: Drawn, x: Numbers, y: Numbers, width_pt: float) -> None:
    """Draw a run's line; records between two gaps are dots."""
    axes.plot(x, y, drawn.dash, color=drawn.colour, linewidth=width_pt, label="_")
    alone = lonely(y)
    if alone.any():
        axes.plot(x[alone], y[alone], "o", ms=1.5, mew=0, color=drawn.colour, label="_")


def marker_size(sheet: Sheet, cycles: int) -> dict[str, Any]:
    """Return the size of markers, in points, at which neighbours hardly meet."""
    size_pt = min(3.2, max(1.2, 1.6 * sheet.order.page.width_mm / cycles))
    return {"ms": size_pt, "mew": 0.2 * size_pt}


def draw_points(axes: Axes, drawn: Drawn, curve: CycleCurve, size: dict[str, Any]) -> None:
    """Draw charge as open and discharge as filled marks, open ones below."""
    look: dict[str, Any] = {**size, "marker": drawn.marker, "linestyle": "", "color": drawn.colour, "label": "_"}
    axes.plot(curve.cycles, curve.charge, **look, mfc="white")
    axes.plot(curve.cycles, curve.discharge, **look)


def explain_points(sheet: Sheet) -> None:
    """Explain filled and open dots in the legend."""
    from matplotlib.lines import Line2D

    for name, face in (("discharge", "black"), ("charge", "white")):
        sheet.more[name] = Line2D([], [], linestyle="", marker="o", ms=3.2, mfc=face, color="black", label=name)


def from_zero(axes: Axes) -> None:
    """Fit the axis to all points and zero. Points that lie together at the top stand clear of the edge as others do."""
    low, high = axes.get_ylim()
    low = min(low, 0.0)
    axes.set_ylim(low, high + _ROOM_ABOVE * (high - low))


def chosen_cycles(sheet: Sheet, data: RunData) -> list[int]:
    """Return the cycles of a run to draw, and note those that it does not have."""
    there = sorted({step.place.cycle for step in data.steps if step.place.half_cycle})
    whole = whole_cycles(data)
    run_id = data.run.run_id
    if not there:
        sheet.notes.append(f"{run_id} has no half-cycle yet; --over time shows what there is")
        return []
    if sheet.order.cycles is None:
        return usual_cycles(whole or there, USUAL_CYCLES if len(sheet.runs) == 1 else 2)
    if missing := sheet.order.cycles.missing(there):
        sheet.notes.append(f"{run_id} has no cycle {', '.join(missing)}; it has {there[0]} to {there[-1]}")
    return sheet.order.cycles.of(there, whole or there)


def drawn_by_cycle(sheet: Sheet, axes: Axes) -> Iterator[tuple[Drawn, dict[int, Drawn]]]:
    """Yield each run with the looks of its chosen cycles: one run's are coloured, those of several runs are dashed.

    Raises NothingToDraw for more cycles of several runs than can be told apart.
    """
    one = len(sheet.runs) == 1
    for drawn in sheet.runs:
        numbers = chosen_cycles(sheet, drawn.data)
        if not one and len(numbers) > len(DASHES):
            raise NothingToDraw(
                f"{len(numbers)} cycles of several runs cannot be told apart; name at most {len(DASHES)} in --cycles"
            )
        colours = colours_by_cycle(sheet, axes, numbers) if one else {}
        dashes = {} if one else dict(zip(numbers, DASHES, strict=False))
        looks = {
            number: replace(drawn, colour=colours.get(number, drawn.colour), dash=dashes.get(number, drawn.dash))
            for number in numbers
        }
        yield drawn, looks
        if not one:
            explain_dashes(sheet, numbers)


def colours_by_cycle(sheet: Sheet, axes: Axes, numbers: Sequence[int]) -> dict[int, Colour]:
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


def explain_dashes(sheet: Sheet, numbers: Sequence[int]) -> None:
    """Explain the dashes of several runs' cycles, which may be other numbers in each run."""
    from matplotlib.lines import Line2D

    for dash, number in zip(DASHES, numbers, strict=False):
        name = f"cycle {number}"
        if name in sheet.more and sheet.more[name].get_linestyle() != dash:
            sheet.notes.append(f"cycle {number} has other dashes in other runs; name the cycles by --cycles")
        sheet.more.setdefault(name, Line2D([], [], linestyle=dash, color="black", linewidth=0.8, label=name))


def finish(sheet: Sheet, axes: Axes, place: Callable[[Drawn, Mark], float | None] | None) -> None:
    """Mark what happened on the upper edge, and explain everything above the picture, where there is no curve."""
    from matplotlib.lines import Line2D

    for drawn in sheet.shown if place else ():
        for mark in marks_of(drawn.data):
            x = place(drawn, mark) if place else None
            if x is None:
                continue
            look: dict[str, Any] = {"marker": _MARKERS[mark.kind], "ms": 4, "mew": 0.9, "linestyle": ""}
            transform = axes.get_xaxis_transform()
            axes.plot([x], [1.0], **look, color=drawn.colour, transform=transform, clip_on=False, zorder=9, label="_")
            sheet.more.setdefault(mark.kind, Line2D([], [], **look, color="black", label=mark.kind.value))
    by_marker = sheet.order.over in BY_MARKER
    named = [
        Line2D(
            [],
            [],
            color=drawn.colour,
            linestyle="" if sheet.order.over in _WITHOUT_LINE else drawn.dash,
            marker=drawn.marker if by_marker else "",
            ms=3.2,
            label=sheet.order.page.name(drawn.name),
        )
        for drawn in sheet.shown
    ]
    by_cycle = sheet.order.over in BY_CYCLE and len(sheet.runs) == 1
    handles = [*([] if by_cycle else named), *sheet.more.values()]
    names = [str(handle.get_label()) for handle in handles]
    sheet.figure.align_ylabels()
    heading = heading_of([drawn.data for drawn in sheet.runs])
    if by_cycle:
        heading = f"{sheet.shown[0].name}, {heading}" if heading else sheet.shown[0].name
    heading = sheet.order.page.heading(heading)
    columns = sheet.order.page.columns_of_legend(names)
    lines = sum(name.count("\n") + 1 for name in names)
    sheet.order.page.make_room(sheet.figure, math.ceil(lines / columns))
    legend = sheet.figure.legend(handles=handles, loc="outside upper center", ncols=columns, title=heading or None)
    for text in (legend.get_title(), *legend.get_texts()):
        # Titles and labels are people's: a dollar in them begins no formula.
        text.set_parse_math(False)
