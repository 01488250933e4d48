"""The small pictures of the morning page: SVG elements of a few hundred bytes, drawn without any library.

Their colours are those of the page's style sheet (classes ``line``, ``dot``, ``axis``), so that they follow light, dark
and print. Each has a title in words, which a screen reader reads.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from orchestrator.report.morning import OverCycles, Trace

WIDTH, HEIGHT = 200, 36
# Lines and dots keep so far from the edges, which would cut them.
_ROOM = 3.0
# A step of a voltage below this is noise of the tester, and is not stretched over the whole picture, in volts.
_LEAST_SPAN_V = 0.01
# An axis over cycles spans at least this part of the largest value: a cell that keeps 99 % is no falling line.
_LEAST_PART = 0.2


def voltage_picture(trace: Trace, since_unix_s: float, now_unix_s: float, zone: tzinfo | None = None) -> ET.Element:
    """Draw a cell's voltage over the report's time, with a thin upright line at each midnight."""
    span = trace.span_v
    if span is None:
        return _svg("no record within this time")
    low, high = _stretched(*span, _LEAST_SPAN_V)
    picture = _svg(f"cell voltage from {span[0]:.4f} to {span[1]:.4f} V, from left to right over the report's time")
    width_s = max(1.0, now_unix_s - since_unix_s)

    def x(at_unix_s: float) -> float:
        return _within((at_unix_s - since_unix_s) / width_s, WIDTH)

    for midnight in _midnights(since_unix_s, now_unix_s, zone):
        where = f"{x(midnight):.1f}"
        ET.SubElement(picture, "line", {"class": "axis", "x1": where, "x2": where, "y1": "0", "y2": str(HEIGHT)})
    if low < 0 < high:
        zero = f"{_y(0.0, low, high):.1f}"
        ET.SubElement(picture, "line", {"class": "axis", "x1": "0", "x2": str(WIDTH), "y1": zero, "y2": zero})
    for piece in trace.pieces:
        points = [(x(at), _y(volt, low, high)) for at, volt in piece]
        if len(points) == 1:
            _dot(picture, *points[0])
        else:
            ET.SubElement(picture, "path", {"class": "line", "d": _path(points)})
    return picture


def cycles_picture(found: OverCycles) -> ET.Element:
    """Draw a quantity of a run's whole cycles over their numbers, a dot each, the newest one filled."""
    numbers, values = zip(*found.values, strict=True)
    low, high = _stretched(min(values), max(values), _LEAST_PART * max(map(abs, values)))
    words = f"{found.quantity} of cycles {numbers[0]} to {numbers[-1]}, {min(values):.4g} to {max(values):.4g}"
    picture = _svg(f"{words} {found.unit}")
    count = max(1, numbers[-1] - numbers[0])
    points = [(_within((n - numbers[0]) / count, WIDTH), _y(value, low, high)) for n, value in found.values]
    if len(points) > 1:
        ET.SubElement(picture, "path", {"class": "line", "d": _path(points)})
    _dot(picture, *points[-1])
    return picture


def _svg(title: str) -> ET.Element:
    box = {"viewBox": f"0 0 {WIDTH} {HEIGHT}", "width": str(WIDTH), "height": str(HEIGHT), "role": "img"}
    picture = ET.Element("svg", box)
    ET.SubElement(picture, "title").text = title
    return picture


def _dot(picture: ET.Element, x: float, y: float) -> None:
    ET.SubElement(picture, "circle", {"class": "dot", "cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": "2"})


def _path(points: Sequence[tuple[float, float]]) -> str:
    """Return the path of a line; a point that lies within a tenth of a unit of the one before adds nothing."""
    told: list[str] = []
    for x, y in points:
        text = f"{x:.1f} {y:.1f}"
        if not told or told[-1] != text:
            told.append(text)
    return "M" + "L".join(told) if len(told) > 1 else f"M{told[0]}h0.1"


def _stretched(low: float, high: float, least: float) -> tuple[float, float]:
    """Return the range of an axis: that of the values, or a wider one around them where they hardly differ."""
    more = max(0.0, least - (high - low)) / 2 or (0.5 if high == low else 0.0)
    return low - more, high + more


def _y(value: float, low: float, high: float) -> float:
    return HEIGHT - _within((value - low) / (high - low), HEIGHT)


def _within(part: float, length: int) -> float:
    """Return a place between the edges; ``part`` is from 0 to 1."""
    return _ROOM + min(1.0, max(0.0, part)) * (length - 2 * _ROOM)


def _midnights(since_unix_s: float, now_unix_s: float, zone: tzinfo | None) -> list[float]:
    """Return the midnights of a zone, by default this machine's, between two moments; none of a long time."""
    day = datetime.fromtimestamp(since_unix_s, UTC).astimezone(zone)
    found: list[float] = []
    while len(found) <= WIDTH // 10:
        day = (day + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        if day.timestamp() >= now_unix_s:
            return found
        found.append(day.timestamp())
    return []
