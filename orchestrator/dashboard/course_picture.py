"""Draws the expected course of a test as paths of SVG, with ticks, so that it is seen without scripts too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Any

WIDTH, HEIGHT = 560, 230
SMALL_HEIGHT = 140
LEFT, RIGHT, TOP, BOTTOM = 104, 22, 14, 52
_HOUR_S, _DAY_S = 3600.0, 86400.0
_DAYS_FROM_S = 4 * _DAY_S
_MINUTES_UP_TO_S = 2 * _HOUR_S
_TICKS = 6
# People count minutes and hours otherwise than in tens.
_TIME_STEPS = {"min": (1, 2, 5, 10, 15, 20, 30), "h": (0.5, 1, 2, 4, 6, 12, 24)}


@dataclass(frozen=True, slots=True)
class Tick:
    """A tick of an axis: where it is, and what stands there."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class CoursePicture:
    """One picture: ``path`` is that of a line, ``marks`` the places of spectra; ``unit`` is that of the time axis."""

    width: int
    height: int
    path: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    marks: tuple[float, ...]
    unit: str
    lowest_v: float
    highest_v: float

    @property
    def left(self) -> int:
        """Where the plot begins."""
        return LEFT

    @property
    def right(self) -> int:
        """Where the plot ends."""
        return self.width - RIGHT

    @property
    def top(self) -> int:
        """Where the plot begins, from above."""
        return TOP

    @property
    def bottom(self) -> int:
        """Where the plot ends, from above."""
        return self.height - BOTTOM


def pictures(course: Mapping[str, Any] | None) -> tuple[CoursePicture | None, CoursePicture | None]:
    """Return the picture of one cycle and that of the whole test; None for one that there is not."""
    if course is None or len(course["time_s"]) < 2:
        return None, None
    has_cycle = len(course["cycle_time_s"]) > 1
    cycle = _picture(course["cycle_time_s"], course["cycle_voltage_v"], (), HEIGHT) if has_cycle else None
    height = SMALL_HEIGHT if has_cycle else HEIGHT
    return cycle, _picture(course["time_s"], course["voltage_v"], course["measured_s"], height)


def _picture(
    time_s: Sequence[float], voltage_v: Sequence[float], marks_s: Sequence[float], height: int
) -> CoursePicture:
    last_s = max(time_s[-1], 1e-9)
    low_v, high_v, step_v = _range(min(voltage_v), max(voltage_v), 2 if height == SMALL_HEIGHT else 4)

    def x(at_s: float) -> float:
        return round(LEFT + at_s / last_s * (WIDTH - LEFT - RIGHT), 1)

    def y(volts: float) -> float:
        return round(height - BOTTOM - (volts - low_v) / (high_v - low_v) * (height - TOP - BOTTOM), 1)

    points = [f"{x(at_s)} {y(volts)}" for at_s, volts in zip(time_s, voltage_v, strict=True)]
    unit, per_s = _unit(last_s)
    most = last_s / per_s
    step = next((one for one in _TIME_STEPS.get(unit, ()) if most / one <= _TICKS), _nice(most / _TICKS))
    decimals = max(0, -floor(log10(step_v)))
    x_ticks = tuple(Tick(x(n * step * per_s), f"{n * step:g}") for n in range(floor(most / step + 1e-9) + 1))
    volts = [low_v + n * step_v for n in range(round((high_v - low_v) / step_v) + 1)]
    y_ticks = tuple(Tick(y(it), f"{it + 0.0:.{decimals}f}".replace("-", "\N{MINUS SIGN}")) for it in volts)
    marks = tuple(x(at_s) for at_s in marks_s)
    path = f"M{' L'.join(points)}"
    return CoursePicture(WIDTH, height, path, x_ticks, y_ticks, marks, unit, min(voltage_v), max(voltage_v))


def _range(low_v: float, high_v: float, parts: int) -> tuple[float, float, float]:
    """Return an axis of voltages: its lowest and highest, which hold both, and its step."""
    if high_v - low_v < 1e-6:
        low_v, high_v = low_v - 0.01, high_v + 0.01
    step_v = _nice((high_v - low_v) / parts)
    return floor(low_v / step_v + 1e-9) * step_v, ceil(high_v / step_v - 1e-9) * step_v, step_v


def _nice(value: float) -> float:
    """Return 1, 2 or 5 times a power of ten, not less than a value."""
    power = 10.0 ** floor(log10(value))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value * (1 - 1e-9))


def _unit(last_s: float) -> tuple[str, float]:
    if last_s >= _DAYS_FROM_S:
        return "d", _DAY_S
    return ("min", 60.0) if last_s <= _MINUTES_UP_TO_S else ("h", _HOUR_S)
