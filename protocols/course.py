"""The voltage that a healthy cell is expected to show over a program, as a sketch: nothing is simulated.

It is drawn of the forecast (``protocols.forecast``): each step takes its expected time and goes to the voltage that
ends it, along the usual curve of the cell's kind. What it shows is the order of steps, the windows and the times; a
true curve has another shape.

>>> from protocols.loading import load_cell, load_recipe
>>> from protocols.resolve import resolve
>>> course = expected_course(resolve(load_recipe("lfp-200mA-g"), load_cell("bare-lfp")))
>>> round(max(point.voltage_v for point in course.cycle), 2), round(min(point.voltage_v for point in course.cycle), 2)
(4.0, 2.8)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf, isfinite, sqrt

from protocols.cell import SYMMETRIC, CellKind, kind_defaults
from protocols.current_sign import Direction
from protocols.execution_order import Block, Leaf, Node, nest
from protocols.expected_path import BETWEEN_S, expected_path
from protocols.forecast import full_charge_ah, segment_forecasts, usual_steps
from protocols.program import CyclingSegment, MeasurementSegment, Program
from protocols.program_steps import RecordedStep, powered

MOST_POINTS = 600
"""A picture has so many points at most: of more, each pair of neighbours in time keeps its lowest and highest."""
_DRAWN_STEPS = 1200
_ALONG = (0.0, 0.03, 0.12, 0.5, 0.88, 0.97, 1.0)
# Open-circuit voltage over state of charge of lithium iron phosphate against lithium: its plateau lies at 3.42 V.
_LFP = ((0.0, 2.9), (0.02, 3.2), (0.08, 3.38), (0.5, 3.42), (0.92, 3.45), (0.98, 3.52), (1.0, 3.6))
_LFP_POLARISATION_V = 0.03
# A Li|Cu cell shows some tens of millivolts while lithium is plated and stripped.
_LI_CU_POLARISATION_V = 0.03


@dataclass(frozen=True, slots=True)
class CoursePoint:
    """A moment of a course: seconds from its beginning, and the voltage."""

    time_s: float
    voltage_v: float


@dataclass(frozen=True, slots=True)
class Course:
    """The expected course of a program: ``points`` of the whole, and ``cycle``, one pass of its longest loop.

    ``cycle`` is empty where no loop charges and discharges; ``measured_s`` are the times (s) at which the potentiostat
    measures. All are empty where a step has no bound.
    """

    points: tuple[CoursePoint, ...] = ()
    cycle: tuple[CoursePoint, ...] = ()
    measured_s: tuple[float, ...] = ()


def expected_course(program: Program) -> Course:
    """Sketch the course of a program on a healthy cell."""
    durations_s = [ahead.expected_duration_s for ahead in segment_forecasts(program)]
    path = expected_path(program, durations_s)
    if not program.cycling or not all(isfinite(durations_s[index]) for index in path):
        return Course()
    pen, known = _Pen(_Curve.of(program)), dict[int, dict[int, float]]()
    measured: list[float] = []
    for place, index in enumerate(path):
        segment = program.segments[index]
        if isinstance(segment, MeasurementSegment):
            measured.append(pen.time_s + segment.rest_s)
            pen.wait(durations_s[index])
            continue
        if place and isinstance(program.segments[path[place - 1]], CyclingSegment):
            pen.wait(BETWEEN_S)
        # Passes of a loop that the host decides share their steps.
        if (times := known.get(id(segment.steps))) is None:
            times = known[id(segment.steps)] = _times(program, segment)
        _draw(pen, nest(segment.steps), times, _DRAWN_STEPS // len(path) or 1)
    return Course(thinned(pen.points), _one_cycle(program, path), tuple(measured))


def thinned(points: Sequence[CoursePoint], most: int = MOST_POINTS) -> tuple[CoursePoint, ...]:
    """Thin a course: of each of ``most / 4`` stretches the first, the lowest, the highest and the last point stay."""
    if len(points) <= most:
        return tuple(points)
    stretch = -(-len(points) * 4 // most)
    kept: list[CoursePoint] = []
    for begin in range(0, len(points), stretch):
        part = points[begin : begin + stretch]
        ends = (0, len(part) - 1)
        low = min(range(len(part)), key=lambda n: part[n].voltage_v)
        high = max(range(len(part)), key=lambda n: part[n].voltage_v)
        kept += [part[n] for n in sorted({*ends, low, high})]
    return tuple(kept)


def _one_cycle(program: Program, path: Sequence[int]) -> tuple[CoursePoint, ...]:
    """Draw one pass of the loop that takes longest of those that charge and discharge; nothing without one."""
    best: tuple[float, tuple[Node, ...], dict[int, float]] = (0.0, (), {})
    for index in dict.fromkeys(path):
        segment = program.segments[index]
        if not isinstance(segment, CyclingSegment):
            continue
        times = _times(program, segment)
        for block in _loops(nest(segment.steps)):
            lasts_s = block.times * _lasts(block.body, times)
            if set(_directions(block.body)) == set(Direction) and lasts_s > best[0]:
                best = lasts_s, block.body, times
    _, nodes, times = best
    pen = _Pen(_Curve.of(program))
    # The first pass shows how a fresh cell gets to where all the others begin.
    _draw(pen, nodes, times, _DRAWN_STEPS)
    first, begins_s = len(pen.points), pen.time_s
    _draw(pen, nodes, times, _DRAWN_STEPS)
    return thinned([CoursePoint(it.time_s - begins_s, it.voltage_v) for it in pen.points[first:]])


def _loops(nodes: Sequence[Node]) -> Iterator[Block]:
    """Give the loops, those inside of others too."""
    for node in nodes:
        if isinstance(node, Block):
            yield node
            yield from _loops(node.body)


def _directions(nodes: Sequence[Node]) -> Iterator[Direction]:
    for node in nodes:
        if isinstance(node, Block):
            yield from _directions(node.body)
        elif node.step.direction is not None:
            yield node.step.direction


def _times(program: Program, segment: CyclingSegment) -> dict[int, float]:
    """Give what each step takes in a healthy cell, in seconds, by its number."""
    return {number: takes_s for number, _, takes_s, _ in usual_steps(segment, full_charge_ah(program))}


def _lasts(nodes: Sequence[Node], times: dict[int, float]) -> float:
    return sum(
        node.times * _lasts(node.body, times) if isinstance(node, Block) else times[node.number] for node in nodes
    )


def _drawn(nodes: Sequence[Node]) -> int:
    """Count the steps of one pass, inner loops counted once."""
    return sum(_drawn(node.body) if isinstance(node, Block) else 1 for node in nodes)


def _draw(pen: _Pen, nodes: Sequence[Node], times: dict[int, float], most: int, stretch: float = 1.0) -> None:
    """Draw steps in the order of their execution; of more than ``most``, passes of loops stand for several."""
    for node in nodes:
        if isinstance(node, Leaf):
            pen.draw(node.step, times[node.number], stretch)
            continue
        passes = max(1, min(node.times, most // max(1, _drawn(nodes))))
        for _ in range(passes):
            _draw(pen, node.body, times, max(1, most // passes), stretch * node.times / passes)


@dataclass(frozen=True, slots=True)
class _Curve:
    """The usual voltage of a kind of cell: over its state of charge, and what a current adds."""

    points: tuple[tuple[float, float], ...]
    full_ah: float | None
    resistance_ohm: float
    polarisation_v: float
    low_v: float
    high_v: float
    begins_full: bool

    @classmethod
    def of(cls, program: Program) -> _Curve:
        """Give the curve of a program's cell, inside the host's limits."""
        host, kind = program.cycling[0].limits.host, program.cell.kind
        steps = [step for part in program.cycling for _, step in powered(part.steps)]
        directions = [step.direction for step in steps]
        targets = [step.target_v for step in steps if step.target_v is not None]
        low_v, high_v = min(targets, default=host.low_v), max(targets, default=host.high_v)
        resistance_ohm = polarisation_v = 0.0
        points: tuple[tuple[float, float], ...]
        if kind in SYMMETRIC:
            points, guards = ((0.0, 0.0), (1.0, 0.0)), program.cycling[0].guards
            usual = kind_defaults(kind).resistance_window or (0, 0)
            low_ohm = guards.resistance_low_ohm or float(usual[0])
            resistance_ohm = sqrt(low_ohm * (guards.resistance_high_ohm or float(usual[1])))
        elif kind == CellKind.LFP:
            points, polarisation_v = _LFP, _LFP_POLARISATION_V
        elif kind == CellKind.LI_CU:
            points, polarisation_v = ((0.0, 0.0), (1.0, 0.0)), _LI_CU_POLARISATION_V
        else:
            points = ((0.0, low_v), (1.0, high_v))
        begins_full = bool(directions) and directions[0] is Direction.DISCHARGE
        full_ah = full_charge_ah(program)
        return cls(points, full_ah, resistance_ohm, polarisation_v, host.low_v, host.high_v, begins_full)

    def at(self, state: float, current_a: float) -> float:
        """Give the voltage at a state of charge under a signed current, inside the host's limits."""
        below, above = next(
            ((one, two) for one, two in pairwise(self.points) if state <= two[0]), (self.points[-2], self.points[-1])
        )
        part = (state - below[0]) / (above[0] - below[0])
        rest_v = below[1] + part * (above[1] - below[1])
        sign = (current_a > 0) - (current_a < 0)
        voltage_v = rest_v + current_a * self.resistance_ohm + sign * self.polarisation_v
        return min(max(voltage_v, self.low_v), self.high_v)


@dataclass(slots=True)
class _Pen:
    """Draws step after step: where it is in time, and how full the cell is."""

    curve: _Curve
    time_s: float = 0.0
    state: float = -1.0
    points: list[CoursePoint] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = 1.0 if self.curve.begins_full else 0.0

    def wait(self, duration_s: float) -> None:
        """Let the cell rest."""
        voltage_v = self.curve.at(self.state, 0.0)
        self.points.append(CoursePoint(self.time_s, voltage_v))
        self.time_s += duration_s
        self.points.append(CoursePoint(self.time_s, voltage_v))

    def draw(self, step: RecordedStep, takes_s: float, stretch: float = 1.0) -> None:
        """Draw one step, or several alike as one that takes ``stretch`` times as long."""
        if step.direction is None:
            self.wait(takes_s * stretch)
            return
        sign = 1.0 if step.direction is Direction.CHARGE else -1.0
        current_a, target_v = sign * (step.usual_a or 0.0), step.target_v
        if step.holds_voltage and not step.sets_current and target_v is not None:
            self.points.append(CoursePoint(self.time_s, target_v))
            self.time_s += takes_s * stretch
            self.points.append(CoursePoint(self.time_s, target_v))
            return
        by_voltage = target_v is not None and not _ends_before(step, takes_s)
        full_ah = self.curve.full_ah
        moved = sign * abs(current_a) * takes_s / 3600 / full_ah if full_ah and isfinite(takes_s) else 0.0
        after = min(1.0, max(0.0, self.state + moved))
        if by_voltage and full_ah:
            after = 1.0 if sign > 0 else 0.0
        for part in _ALONG:
            voltage_v = self.curve.at(self.state + part * (after - self.state), current_a)
            if target_v is not None:
                voltage_v = min(voltage_v, target_v) if sign > 0 else max(voltage_v, target_v)
            if by_voltage and part == 1.0 and target_v is not None:
                voltage_v = target_v
            self.points.append(CoursePoint(self.time_s + part * takes_s * stretch, voltage_v))
        self.time_s += takes_s * stretch
        self.state = after


def _ends_before(step: RecordedStep, takes_s: float) -> bool:
    """Tell whether the time or the charge that is set ends a step before its voltage does."""
    until, current_a = step.until, step.usual_a or 0.0
    set_s = inf if until.capacity_ah is None or not current_a else until.capacity_ah * 3600 / current_a
    expected_ah = step.ceiling.expected_ah
    return min(inf if until.time_s is None else until.time_s, set_s) <= takes_s and expected_ah is None
