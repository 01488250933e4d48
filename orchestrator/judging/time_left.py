"""Estimates how long a run still takes, from the durations of the steps that it has finished.

A step that will be executed again takes as long as it did before in this run. Where its durations have fallen from one
execution to the next, as in a cell that fades, they go on to fall by the same part each time; where they rose they
stay, because what rises in a formation comes to an end. A step that has not run yet takes as long as the same step
elsewhere in the program, else as long as the forecast says, corrected by what was measured of steps that end, like it,
when the cell has given what it has: the forecast goes by the nominal capacity.

A slope is the median of those between all pairs of executions (H. Theil, Proc. K. Ned. Akad. Wet. 53, 386 (1950);
P. K. Sen, J. Am. Stat. Assoc. 63, 1379 (1968)), so that one bad cycle changes nothing; of that of the last ten and that
of the last few the flatter one counts, so that the fall of a formation is not taken for that of the whole run.

>>> from protocols.loading import load_cell, load_recipe
>>> from protocols.resolve import resolve
>>> times = StepTimes(resolve(load_recipe("li-plating-1.0"), load_cell("bare-li-li")))
>>> times.left_s(0, 0.0) == 72610.0, times.basis().value
(True, 'bound')
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import inf, isfinite
from statistics import median

from drivers.interfaces import EndReason
from orchestrator.judging.steps import ExecutedStep
from orchestrator.rollback import as_before
from orchestrator.states import EndBasis
from protocols.execution_order import begun_of_each, length, nest, place
from protocols.expected_path import expected_path
from protocols.forecast import full_charge_ah, usual_s
from protocols.half_cycles import CycleNumbers
from protocols.program import CyclingSegment, MeasurementSegment, Program, ShortPolicy
from protocols.program_steps import RecordedStep, recorded

KEPT = 10
"""The last executions of a step that tell how it changes: enough for a slope, few enough to follow a change of it."""
LEAST = 5
"""So many executions tell a slope; of fewer, the first cycles of a cell, the median is taken."""
STEEPEST = 0.5
"""A duration falls at most to this part from one execution to the next: no cell fades as fast for long."""
# Of an unsteady step the median of so many last executions is taken for the present one.
_PRESENT = 3
# Ends that the cell itself brings about, not the program.
_OF_THE_CELL = frozenset({EndReason.VOLTAGE, EndReason.CURRENT})


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A step of the program, or a measurement: how long it should take, and how often it is executed.

    ``same`` is equal for leaves with the same step between the same neighbours, ``alike`` for those with the same step.
    ``by_cell``: the cell's charge ends it, and no set time or charge does before.
    """

    same: int
    alike: int
    planned_s: float
    by_cell: bool
    times: int


class StepTimes:
    """The durations of a run's finished steps, and the time that those still to come will take.

    Steps are named by their number in the original program through all its segments, as ``RunPlace.count`` is.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._numbers = CycleNumbers.of(program)
        self._leaves = _leaves(program)
        self._foretold = _foretold(program, self._leaves)
        # Durations by ``same``, which of them is the newest by ``alike``, and the measured part of what was planned.
        self._measured: dict[int, tuple[float, ...]] = {}
        self._newest: dict[int, int] = {}
        self._part = 1.0
        self._open = 0, 0.0
        # What was asked for last: the executions that had begun, the time of the last of them and of all later ones.
        self._known: tuple[int, float, float] | None = None

    def basis(self, index: int = 0) -> EndBasis:
        """Return what an estimate rests on for a run that has reached the segment ``index``."""
        guards = [part.guards for part in self._program.cycling]
        if self._program.is_measured_from(index):
            return EndBasis.CONDITION
        if any(guard.short_policy is ShortPolicy.COMPLETE and not guard.short_off for guard in guards):
            return EndBasis.BOUND
        return EndBasis.MEASURED if self._measured else EndBasis.FORECAST

    def feed(self, count: int, executed: ExecutedStep) -> None:
        """Add a finished step, or a part of one that was interrupted: it is measured when its last part has ended."""
        duration_s = executed.duration_s + (self._open[1] if self._open[0] == count else 0.0)
        self._open, self._known = (count, duration_s), None
        leaf = self._leaf(*self._place(count))
        if leaf is None or executed.end_reason is EndReason.EXTERNAL:
            return
        self._keep(leaf, duration_s)
        if leaf.by_cell and executed.end_reason in _OF_THE_CELL and isfinite(leaf.planned_s):
            self._part = duration_s / leaf.planned_s

    def visited(self, index: int, duration_s: float) -> None:
        """Add the measurement that is the program's segment ``index``, from the rest before it to its end."""
        self._keep(self._leaves[index][1], max(0.0, duration_s))

    def _keep(self, leaf: _Leaf, duration_s: float) -> None:
        durations = (*self._measured.get(leaf.same, ()), duration_s)[-KEPT:]
        self._measured = {**self._measured, leaf.same: durations}
        self._newest = {**self._newest, leaf.alike: leaf.same}
        self._known = None

    def go_by(self, program: Program, left_out: Collection[int]) -> None:
        """Leave out segments, which are empty in ``program``."""
        self._program, self._numbers, self._known = program, CycleNumbers.of(program), None
        self._leaves = [{} if index in left_out else leaves for index, leaves in enumerate(self._leaves)]
        self._foretold = self._foretold - set(left_out)

    def undo(self) -> Callable[[], None]:
        """Return a function that restores the state from before a later ``feed``."""
        return as_before(self, "_measured", "_newest", "_part", "_open", "_known")

    def left_s(self, begun: int, step_time_s: float) -> float | None:
        """Return the time left when ``begun`` steps have begun, the last of them for ``step_time_s``; None if endless.

        A step that already takes longer than it should ends at any moment, for all that is known.
        """
        if self._known is None or self._known[0] != begun:
            self._known = begun, *self._expected(begun)
        _, present_s, later_s = self._known
        left_s = max(0.0, present_s - step_time_s) + later_s
        return left_s if isfinite(left_s) else None

    def _expected(self, begun: int) -> tuple[float, float]:
        """Return how long the step that has begun last takes in all, and all later ones together."""
        index, own = self._place(begun)
        present, present_s, later_s = self._leaf(index, own), 0.0, 0.0
        # Where the run goes on in what was to be left out, nothing is foretold any more.
        left_out = self._foretold if index not in self._foretold else set()
        for there in range(index, len(self._leaves)):
            if there in left_out:
                continue
            done = _begun(self._program.segments[there], own if there == index else 0)
            for number, leaf in self._leaves[there].items():
                next_s, ratio = self._next(leaf)
                if leaf is present:
                    present_s, next_s = next_s, next_s * ratio
                if (left := leaf.times - done[number]) > 0:
                    later_s += next_s * (left if ratio == 1.0 else (1.0 - ratio**left) / (1.0 - ratio))
        return present_s, later_s

    def _next(self, leaf: _Leaf) -> tuple[float, float]:
        """Return how long a step takes when it is executed next, and its part of that each time from then on."""
        durations = self._measured.get(leaf.same) or self._measured.get(self._newest.get(leaf.alike, -1))
        if durations:
            return trend(durations)
        return leaf.planned_s * (self._part if leaf.by_cell else 1.0), 1.0

    def _place(self, count: int) -> tuple[int, int]:
        """Return the segment of the ``count``-th execution, and which of that segment's it is; 0 before the first."""
        index = 0
        while index + 1 < len(self._leaves) and count > self._numbers.steps_before(index + 1):
            index += 1
        return index, count - self._numbers.steps_before(index)

    def _leaf(self, index: int, own: int) -> _Leaf | None:
        """Return the step of a segment's own execution; None before the first and after the last."""
        part = self._program.segments[index]
        if isinstance(part, MeasurementSegment):
            return self._leaves[index][1] if own == 1 else None
        return self._leaves[index][place(part.steps, own).step] if 1 <= own <= length(nest(part.steps)) else None


def soaks_s(program: Program, index: int) -> float:
    """Return for how long an oven soaks before the segments from ``index`` on, by the recipe, without its heating.

    It soaks where a segment wants another temperature than the one before it.
    """
    left_s, before_degc = 0.0, None
    for number, segment in enumerate(program.segments):
        if (wanted := segment.temperature) is not None:
            if number >= index and wanted.target_degc != before_degc:
                left_s += wanted.soak_s
            before_degc = wanted.target_degc
    return left_s


def trend(durations: Sequence[float]) -> tuple[float, float]:
    """Return how long the next execution takes after these, and the part of it that each later one takes of the last.

    >>> trend((3600.0, 3600.0, 3600.0, 3600.0))
    (3600.0, 1.0)
    >>> next_s, ratio = trend((1000.0, 990.0, 980.0, 200.0, 960.0, 950.0))
    >>> round(next_s), round(ratio, 3)
    (940, 0.989)
    """
    newest = durations[-_PRESENT:]
    if len(durations) < LEAST:
        return median(newest), 1.0
    slope_s = max(_slope_s(durations), _slope_s(durations[-LEAST:]))
    last_s = median(duration_s + slope_s * ago for ago, duration_s in enumerate(reversed(newest)))
    ratio = min(1.0, max(STEEPEST, 1.0 + slope_s / last_s)) if last_s > 0 else 1.0
    return last_s * ratio, ratio


def _slope_s(durations: Sequence[float]) -> float:
    """Return the change from one execution to the next: the median over all pairs of executions."""
    pairs = combinations(enumerate(durations), 2)
    return median((later - earlier) / (n - m) for (m, earlier), (n, later) in pairs)


def _begun(part: CyclingSegment | MeasurementSegment, own: int) -> Counter[int]:
    if isinstance(part, MeasurementSegment):
        return Counter({1: min(own, 1)})
    return begun_of_each(nest(part.steps), own)


def _leaves(program: Program) -> list[dict[int, _Leaf]]:
    """Return the steps of each segment by their numbers; a measurement is step 1 of its own."""
    same: dict[object, int] = {}
    alike: dict[object, int] = {}
    full_ah = full_charge_ah(program)
    found: list[dict[int, _Leaf]] = []
    for part in program.segments:
        own: dict[int, _Leaf] = {}
        if isinstance(part, MeasurementSegment):
            planned_s = part.rest_s + part.technique.expected_s
            number = same.setdefault(part, len(same))
            own[1] = _Leaf(number, alike.setdefault(part, len(alike)), planned_s, by_cell=False, times=1)
        else:
            times = _begun(part, length(nest(part.steps)))
            steps = recorded(part.steps)
            between = [None, *(step for _, step in steps), None]
            for n, (number, step) in enumerate(steps):
                own[number] = _Leaf(
                    same.setdefault(tuple(between[n : n + 3]), len(same)),
                    alike.setdefault(step, len(alike)),
                    planned_s := usual_s(step, full_ah),
                    by_cell=planned_s < _set_s(step),
                    times=times[number],
                )
        found.append(own)
    return found


def _foretold(program: Program, leaves: Sequence[dict[int, _Leaf]]) -> set[int]:
    """Return the segments that are left out if cycles and times are reached as planned."""
    if not program.decides:
        return set()
    durations_s = [sum(leaf.planned_s * leaf.times for leaf in own.values()) for own in leaves]
    return set(range(len(leaves))) - set(expected_path(program, durations_s))


def _set_s(step: RecordedStep) -> float:
    """Return when a step ends by its set time or charge; infinite without either."""
    until, usual_a = step.until, step.usual_a
    by_charge_s = until.capacity_ah * 3600 / usual_a if until.capacity_ah is not None and usual_a else inf
    return min(inf if until.time_s is None else until.time_s, by_charge_s)
