"""Draws a picture of numbers into a file, PNG, SVG or PDF, and says in the file what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from orchestrator.report.journal_page import COLOURS, DASHES, MARKERS, Page, PictureKind, encoded, style
from orchestrator.report.picture_data import QUANTITIES, Line, Panel, Picture, Shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 300
_WIDTH_MM = 183.0
# Wide bands are hatched in the grey of quiet text.
_HATCH: dict[str, Any] = {"facecolor": "none", "edgecolor": "0.6", "hatch": "////", "linewidth": 0.0, "zorder": 0}
_MANY_POINTS = 120


def picture_file(picture: Picture, kind: PictureKind) -> bytes:
    """Return the file of a picture."""
    with style():
        return encoded(figure_of(picture), kind, _DPI, "", _contents(picture))


def figure_of(picture: Picture) -> Figure:
    """Draw a picture; call it within ``orchestrator.report.journal_page.style``."""
    height = sum(panel.height for panel in picture.panels)
    page = Page(_WIDTH_MM, 18.0 + 21.0 * height)
    figure = page.figure(len(picture.panels))
    ratios = [panel.height for panel in picture.panels]
    share = len({panel.x_axis for panel in picture.panels}) == 1
    panels = figure.subplots(len(ratios), 1, height_ratios=ratios, sharex=share, squeeze=False)[:, 0]
    for panel, axes in zip(picture.panels, panels, strict=True):
        _draw(axes, panel, picture, is_last=axes is panels[-1] or not share)
    handles, names = _legend(list(panels))
    if names:
        columns = page.columns_of_legend(names)
        title = page.heading(_heading(picture))
        figure.legend(handles, names, loc="outside upper center", ncols=columns, title=title or None)
    elif heading := _heading(picture):
        figure.suptitle(heading)
    return figure


def _heading(picture: Picture) -> str:
    return "SIMULATED" if picture.runs and all(one.simulated for one in picture.runs) else ""


def _contents(picture: Picture) -> str:
    runs = ", ".join(f"{one.run} ({one.name})" for one in picture.runs)
    simulated = ", ".join(one.run for one in picture.runs if one.simulated)
    return f"{runs} over {picture.shown}" + (f"; SIMULATED: {simulated}" if simulated else "")


def _legend(panels: Sequence[Axes]) -> tuple[list[Any], list[str]]:
    found: dict[str, Any] = {}
    for axes in panels:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(name, handle)
    return list(found.values()), list(found)


def _draw(axes: Axes, panel: Panel, picture: Picture, *, is_last: bool) -> None:
    quantities = {line.y_axis.quantity for line in panel.lines}
    for line in panel.lines:
        _draw_line(axes, line, picture, apart=len(quantities) > 1)
    for value, _ in panel.limits:
        axes.axhline(value, color="0.35", linewidth=0.6, linestyle="--", zorder=0)
    for band in picture.bands:
        if band.end > band.begin and band.kind in ("unseen", "held", "gap"):
            axes.axvspan(*_on_axis(picture, [band.begin, band.end]), **_HATCH)
    if panel.log_x:
        axes.set_xscale("log")
    if panel.log_y:
        axes.set_yscale("log")
    if panel.equal:
        axes.set_aspect("equal", adjustable="datalim")
    if panel.right_range is not None:
        axes.set_ylim(*panel.right_range)
    axes.set_ylabel(_words(panel.y_axis.words))
    if is_last:
        words = "time (UTC)" if picture.shown is Shown.CLOCK else _words(panel.x_axis.words)
        axes.set_xlabel(words)


def _draw_line(axes: Axes, line: Line, picture: Picture, *, apart: bool) -> None:
    colour, marker = COLOURS[line.look % len(COLOURS)], MARKERS[line.look % len(MARKERS)]
    dash = DASHES[(line.look // len(COLOURS) if line.points else line.look) % len(DASHES)]
    name = line.name
    if len(picture.runs) == 1 and picture.shown in (Shown.CYCLE, Shown.HALF_CYCLES):
        # Of one run the quantities are to be told apart, of several the runs.
        name = QUANTITIES[line.y_axis.quantity] if apart else ""
    elif line.hollow and picture.shown is Shown.CYCLE:
        name = ""
    looks: dict[str, Any] = {"color": colour, "label": name or "_"}
    looks["linestyle"] = dash if line.line else "none"
    if line.points:
        size = 3.2 if len(line.x) <= _MANY_POINTS else 1.6
        looks |= {"marker": marker, "markersize": size, "markerfacecolor": "none" if line.hollow else colour}
        looks["linewidth"] = 0.5
    axes.plot(_on_axis(picture, line.x), [_number(value) for value in line.y], **looks)


def _on_axis(picture: Picture, values: Sequence[float | None]) -> list[Any]:
    """Return values as they stand on the axis: moments where it is that of the clock."""
    if picture.shown is not Shown.CLOCK:
        return [_number(value) for value in values]
    from datetime import UTC

    return [datetime.fromtimestamp(value or 0.0, UTC) for value in values]


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _words(text: str) -> str:
    """Return the words of an axis with the signs of print."""
    signs = (
        ("mAh/cm2", "mAh cm$^{-2}$"),
        ("mAh/g", "mAh g$^{-1}$"),
        ("/ ohm", "/ Ω"),
        ("/ deg", "/ °"),
        ("-Z", "\N{MINUS SIGN}Z"),
    )
    for plain, printed in signs:
        text = text.replace(plain, printed)
    return text.replace("-phase", "\N{MINUS SIGN}phase")
