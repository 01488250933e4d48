"""The number of every cycle and half-cycle of a program: one rule for what runs, what is read and what is foretold.

- A half-cycle is all that passes in one direction until current of the other direction follows: stages, pulses of a
  titration (GITT) and a constant voltage behind a current belong to it, whatever rests, loops or measurements lie
  between.
- Cycle n is the n-th pair of half-cycles of the program, in the order in which it begins: charge and discharge, or
  discharge and charge. Only the last half-cycle can be without a partner.
- A contact check is no half-cycle, and neither is a pulse: a step of at most ``PULSE_S`` that can pass at most
  ``PULSE_PART`` of the charge of the program's largest step, as those that measure a resistance do.
- A rest, a check or a measurement bears the number of the half-cycle before it. Before the first half-cycle steps are
  in cycle 1, and a measurement is behind cycle 0.

The order in which a tester executes a program is fixed, so that the numbers follow from the program and from how many
of its steps have begun. Nothing that happens on the way changes them: a half-cycle that a cutoff ends at once has its
number, and so has one whose records were lost.

>>> from protocols.loading import load_cell, load_recipe
>>> from protocols.resolve import resolve
>>> numbers = CycleNumbers(resolve(load_recipe("li-li-0.4"), load_cell("bare-li-li")))
>>> numbers.cycles, [numbers.at(count).cycle for count in (1, 4, 5, 6)]
(100, [1, 1, 1, 2])
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from math import inf, isfinite
from typing import NamedTuple

from protocols.by_identity import Same
from protocols.current_sign import Direction
from protocols.execution_order import Block, Leaf, Node, length, nest
from protocols.program import CyclingSegment, Program
from protocols.program_steps import PoweredStep, Purpose, RecordedStep, longest, recorded

PULSE_S = 30.0
"""Longest pulse, in seconds: those that measure a resistance last 10, 18 or 30 s."""
PULSE_PART = 0.05
"""Largest charge of a pulse, as a part of that of the program's largest step: 30 s at 1C pass 1/120 of a capacity."""

_KEPT = 256


class CyclePlace(NamedTuple):
    """The place of an executed step among the cycles of its run.

    ``half`` counts half-cycles from 1, 0 for a step that belongs to none; ``direction`` is the half-cycle's own.
    ``pulse`` is the direction of a pulse beside the half-cycle. ``ends_half``: no later step belongs to the half-cycle.
    ``loop`` is the first and the last step of the innermost loop around the step, as numbered in its segment.
    """

    cycle: int
    half: int = 0
    direction: Direction | None = None
    pulse: Direction | None = None
    ends_half: bool = False
    loop: tuple[int, int] = (0, 0)


class _Stretch(NamedTuple):
    """Half-cycles in a row: directions of the first and the last one, and how many there are."""

    first: Direction | None = None
    last: Direction | None = None
    halves: int = 0

    def then(self, later: _Stretch) -> _Stretch:
        """Return both in a row; halves of one direction that meet are one."""
        if not later.halves:
            return self
        if not self.halves:
            return later
        return _Stretch(self.first, later.last, self.halves + later.halves - (self.last is later.first))

    def repeated(self, times: int) -> _Stretch:
        """Return the stretch ``times`` times in a row."""
        if not times or not self.halves:
            return _NOTHING
        return _Stretch(self.first, self.last, self.halves * times - (times - 1) * (self.first is self.last))


_NOTHING = _Stretch()


class _Level(NamedTuple):
    """Nodes in a row: executions and half-cycles before each, and the direction of the first half-cycle from it on."""

    ends: list[int]
    before: list[_Stretch]
    firsts: list[Direction | None]


class CycleNumbers:
    """The cycle numbers of a program; steps are counted through all its segments, a measurement as one."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._pulse_ah = PULSE_PART * _largest_ah(program)
        self._levels: dict[int, _Level] = {}
        # The places that were asked for last: polls ask for that of the running step, each step more than once.
        self._places: dict[int, CyclePlace] = {}
        # Of each segment: its blocks, the steps and the half-cycles before it.
        self._nodes = [nest(part.steps) if isinstance(part, CyclingSegment) else () for part in program.segments]
        # A cycling segment that a run leaves out has no steps (``Program.leaving_out``), a measurement is one.
        is_one = [not isinstance(part, CyclingSegment) for part in program.segments]
        lengths = [1 if one else length(nodes) for one, nodes in zip(is_one, self._nodes, strict=True)]
        self._starts = list(accumulate(lengths, initial=0))
        own = [self._level(nodes).before[-1] for nodes in self._nodes]
        self._before = list(accumulate(own, _Stretch.then, initial=_NOTHING))
        self._firsts = _firsts([stretch.first for stretch in own])

    @classmethod
    def of(cls, program: Program) -> CycleNumbers:
        """Return the numbers of a program, made once as long as it lives in memory."""
        return _numbers(Same(program))

    @property
    def begins_with(self) -> Direction | None:
        """The direction of the first half-cycle; None without any."""
        return self._before[-1].first

    @property
    def halves(self) -> int:
        """The number of half-cycles of the whole program."""
        return self._before[-1].halves

    @property
    def cycles(self) -> int:
        """The number of the last cycle of the whole program."""
        return _cycle(self.halves)

    def steps_before(self, segment: int) -> int:
        """Return how many steps are executed before the program's segment of this index."""
        return self._starts[segment]

    def cycle_before(self, segment: int) -> int:
        """Return the number that a measurement at this index bears: that of the half-cycle before it, 0 without one."""
        return _cycle(self._before[segment].halves)

    def is_whole_before(self, segment: int, cycle: int) -> bool:
        """Tell whether a cycle is over when this segment begins: no later stage adds to its second half."""
        halves, last = self._before[segment].halves, self._before[segment].last
        return halves > 2 * cycle or (halves == 2 * cycle and self._firsts[segment] is not last)

    def whole_before(self, segment: int) -> int:
        """Return how many cycles have both their half-cycles before the program's segment of this index."""
        return self._before[segment].halves // 2

    def at(self, count: int) -> CyclePlace:
        """Return the place of the ``count``-th executed step of the program. Raises ValueError if there is none."""
        found = self._places.get(count)
        if found is None:
            if len(self._places) >= _KEPT:
                self._places.clear()
            found = self._places[count] = self._find(count)
        return found

    def _find(self, count: int) -> CyclePlace:
        if not 1 <= count <= self._starts[-1]:
            raise ValueError(f"execution {count} of a program that has {self._starts[-1]}")
        segment = bisect_right(self._starts, count - 1) - 1
        before, after = self._before[segment], self._firsts[segment + 1]
        nodes, left, loop = self._nodes[segment], count - 1 - self._starts[segment], (0, 0)
        if not nodes:
            return CyclePlace(max(_cycle(before.halves), 1))
        while True:
            level = self._level(nodes)
            index = bisect_right(level.ends, left) - 1
            before, after = before.then(level.before[index]), level.firsts[index + 1] or after
            left -= level.ends[index]
            node = nodes[index]
            if isinstance(node, Leaf):
                return self._placed(node.step, before, after, loop)
            passes, left = divmod(left, length(node.body))
            body = self._level(node.body).before[-1]
            if passes:
                before = before.then(body.repeated(passes))
            if passes + 1 < node.times:
                after = body.first or after
            nodes, loop = node.body, _span(node)

    def _placed(
        self, step: RecordedStep, before: _Stretch, after: Direction | None, loop: tuple[int, int]
    ) -> CyclePlace:
        way = self._way(step)
        if way is not None:
            half = before.then(_Stretch(way, way, 1)).halves
            return CyclePlace(_cycle(half), half, way, ends_half=after is not way, loop=loop)
        cycle = max(_cycle(before.halves), 1)
        if isinstance(step, PoweredStep) and step.purpose is Purpose.RECIPE and before.halves:
            return CyclePlace(cycle, before.halves, before.last, pulse=step.direction, loop=loop)
        return CyclePlace(cycle, loop=loop)

    def _way(self, step: RecordedStep) -> Direction | None:
        """Return the direction of the half-cycle that a step makes; None for one that makes none."""
        if not isinstance(step, PoweredStep) or step.purpose is Purpose.CHECK:
            return None
        is_short = step.until.time_s is not None and step.until.time_s <= PULSE_S
        return None if is_short and _most_ah(step) <= self._pulse_ah else step.direction

    def _level(self, nodes: tuple[Node, ...]) -> _Level:
        known = self._levels.get(id(nodes))
        if known is None:
            own = [self._stretch(node) for node in nodes]
            known = self._levels[id(nodes)] = _Level(
                list(accumulate((node.length for node in nodes), initial=0)),
                list(accumulate(own, _Stretch.then, initial=_NOTHING)),
                _firsts([stretch.first for stretch in own]),
            )
        return known

    def _stretch(self, node: Node) -> _Stretch:
        if isinstance(node, Block):
            return self._level(node.body).before[-1].repeated(node.times)
        way = self._way(node.step)
        return _NOTHING if way is None else _Stretch(way, way, 1)


@lru_cache(maxsize=1024)
def _numbers(program: Same[Program]) -> CycleNumbers:
    return CycleNumbers(program.value)


def _cycle(halves: int) -> int:
    return (halves + 1) // 2


def _firsts(ways: Sequence[Direction | None]) -> list[Direction | None]:
    """Return the first direction of those from each place on, and None behind the last."""
    found: list[Direction | None] = [None]
    for way in reversed(ways):
        found.append(way or found[-1])
    return found[::-1]


def _span(node: Node) -> tuple[int, int]:
    if isinstance(node, Leaf):
        return node.number, node.number
    return _span(node.body[0])[0], _span(node.body[-1])[1]


def _most_ah(step: RecordedStep) -> float:
    """Return the charge that a step can pass at most, by its time and current, its set charge and its ceilings."""
    time_s, charge_ah = longest(step)
    return min(charge_ah, inf if step.largest_a is None else step.largest_a * time_s / 3600)


def _largest_ah(program: Program) -> float:
    charges = [_most_ah(step) for steps in program.different_steps for _, step in recorded(steps)]
    return max((charge_ah for charge_ah in charges if isfinite(charge_ah)), default=0.0)
