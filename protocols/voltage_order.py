"""Judges the target voltage of each step by the steps that run before it: a step must not end as it begins.

A discharge that ends at a voltage leaves the cell at that voltage or above, a charge at that voltage or below; rests do
not change that, and a step without a target voltage that goes on in the same direction undoes it. A loop is judged in
its first pass and in a later one, which begins where a pass ends. Nothing is known of a fresh cell but its open-circuit
window, and nothing after a measurement that moves the cell's voltage. A step that ends as it begins in some passes
only, because blocks of other windows follow each other, is sound: the cell goes on as it should.

>>> charge, discharge = Drive(1, Direction.CHARGE, 2.0), Drive(2, Direction.DISCHARGE, 3.5)
>>> [(flaw.key, flaw.begins_v, flaw.behind) for flaw in flaws((charge, discharge))]
[(2, 2.0, 1)]
>>> flaws((Drive(1, Direction.CHARGE, 2.0), Passes((Drive(2, Direction.CHARGE, 4.2), discharge), 3)))
[]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from protocols.current_sign import Direction
from protocols.execution_order import Block, Node, nest
from protocols.program_steps import PoweredStep, Step

# A step's number in its program, or its path into its recipe.
Key = int | tuple[str | int, ...]
_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Drive:
    """A step that passes current: direction, target voltage (V), and how it may end.

    ``first`` and ``last`` are the magnitudes of its current as it begins and as it meets its target, in one unit for
    all steps, None where they are not known. ``holds``: it holds its target. ``is_sure``: it meets its target, because
    nothing else ends it before the cell is full. ``ends_by_itself``: it ends when its target or its taper is met, not
    only by its time.
    """

    key: Key
    direction: Direction
    target_v: float | None = None
    first: float | None = None
    last: float | None = None
    holds: bool = False
    is_sure: bool = False
    ends_by_itself: bool = True


@dataclass(frozen=True, slots=True)
class Pause:
    """A rest, in which the polarisation of the cell goes; ``moves``: a measurement that leaves it at any voltage."""

    moves: bool = False


@dataclass(frozen=True, slots=True)
class Passes:
    """A loop over steps."""

    body: tuple[Event, ...]
    times: int


Event = Drive | Pause | Passes


@dataclass(frozen=True, slots=True)
class OrderFlaw:
    """A step that ends as it begins: the cell is then at ``begins_v`` or beyond.

    ``behind`` is the key of the step that brought the cell there and ``by`` its direction, None for the open-circuit
    window of a cell as it is mounted. ``is_certain``: whatever the cell does; otherwise only if it has not relaxed by
    then. ``is_always``: each time that it runs; otherwise in some passes of its loops.
    """

    key: Key
    direction: Direction
    target_v: float
    begins_v: float
    behind: Key | None
    by: Direction | None
    is_certain: bool
    is_always: bool = True

    @property
    def path(self) -> tuple[str | int, ...]:
        """The key as a path into a recipe."""
        return self.key if isinstance(self.key, tuple) else (self.key,)

    @property
    def is_unsound(self) -> bool:
        """Whether it never passes current, whatever the cell does."""
        return self.is_certain and self.is_always


@dataclass(frozen=True, slots=True)
class _Bound:
    volts: float
    behind: Key | None = None
    by: Direction | None = None


@dataclass(frozen=True, slots=True)
class _Cell:
    """What is known of a cell between two steps: its lowest and highest voltage, and the target that it has met."""

    lowest: _Bound | None = None
    highest: _Bound | None = None
    met: Drive | None = None
    is_relaxed: bool = False

    def bound(self, direction: Direction) -> _Bound | None:
        """Give the voltage at which, or beyond which, a step of this direction begins."""
        return self.lowest if direction is Direction.CHARGE else self.highest


def flaws(events: Sequence[Event], window: tuple[float, float] | None = None) -> list[OrderFlaw]:
    """Give every step that ends as it begins, once, in the order of the first time that it does.

    ``window``: the lowest and the highest open-circuit voltage (V) at which the cell may be started.
    """
    cell = _Cell() if window is None else _Cell(_Bound(window[0]), _Bound(window[1]))
    walk = _Walk()
    walk.events(tuple(events), cell)
    return walk.flaws()


@dataclass(slots=True)
class _Walk:
    found: dict[Key, OrderFlaw] = field(default_factory=dict)
    waits: dict[Key, OrderFlaw] = field(default_factory=dict)
    _sound: set[Key] = field(default_factory=set)
    _behind: dict[tuple[int, _Cell], _Cell] = field(default_factory=dict)

    def flaws(self) -> list[OrderFlaw]:
        """Give what was found, each with whether it holds each time that the step runs."""
        return [replace(flaw, is_always=key not in self._sound) for key, flaw in self.found.items()]

    def events(self, events: tuple[Event, ...], cell: _Cell) -> _Cell:
        """Judge steps in order, and give what is known of the cell behind them."""
        # A body met again with the same cell has been judged: loops in loops cost no more for their depth.
        known = self._behind.get((id(events), cell))
        if known is not None:
            return known
        after = cell
        for event in events:
            if isinstance(event, Drive):
                after = self._drive(event, after)
            elif isinstance(event, Pause):
                after = _Cell() if event.moves else replace(after, is_relaxed=True)
            else:
                after = self._passes(event, after)
        self._behind[id(events), cell] = after
        return after

    def _passes(self, loop: Passes, cell: _Cell) -> _Cell:
        after = self.events(loop.body, cell)
        return self.events(loop.body, after) if loop.times > 1 else after

    def _drive(self, drive: Drive, cell: _Cell) -> _Cell:
        flaw = _flaw(drive, cell)
        if flaw is None:
            self._sound.add(drive.key)
            if drive.holds and not cell.is_relaxed and (waits := _flaw(replace(drive, ends_by_itself=True), cell)):
                self.waits.setdefault(drive.key, waits)
        else:
            self.found.setdefault(drive.key, flaw)
            if flaw.is_certain:
                return cell
        up = drive.direction is Direction.CHARGE
        reached = None if drive.target_v is None else _Bound(drive.target_v, drive.key, drive.direction)
        met = drive if drive.is_sure and reached is not None else cell.met
        if met is not None and met.direction is not drive.direction:
            met = None
        return _Cell(cell.lowest if up else reached, reached if up else cell.highest, met, is_relaxed=False)


def _flaw(drive: Drive, cell: _Cell) -> OrderFlaw | None:
    target_v = drive.target_v
    if target_v is None:
        return None
    up = drive.direction is Direction.CHARGE
    bound = cell.bound(drive.direction)
    if bound is not None and (target_v <= bound.volts if up else target_v >= bound.volts):
        return OrderFlaw(drive.key, drive.direction, target_v, bound.volts, bound.behind, bound.by, True)
    met = cell.met
    if met is None or met.direction is not drive.direction or met.target_v is None:
        return None
    is_short_of = target_v < met.target_v if up else target_v > met.target_v
    if not is_short_of or not drive.ends_by_itself:
        return None
    as_strong = met.last is not None and drive.first is not None and drive.first >= met.last
    # Under at least the same current the cell is at least as far; a hold lowers its current instead.
    certain = as_strong and not cell.is_relaxed and (met.holds or not drive.holds)
    return OrderFlaw(drive.key, drive.direction, target_v, met.target_v, met.key, met.direction, certain)


def step_flaws(
    steps: Sequence[Step], window: tuple[float, float] | None = None, full_ah: float | None = None
) -> list[OrderFlaw]:
    """Give every step of a program's segment that ends as it begins; the keys are step numbers.

    ``full_ah``: the charge that fills the cell. A segment whose loops no tester accepts has none.
    """
    try:
        nodes = nest(steps)
    except ValueError:
        return []
    return flaws(_of_nodes(nodes, full_ah), window)


def waiting_holds(steps: Sequence[Step], full_ah: float | None = None) -> list[OrderFlaw]:
    """Give every step that begins past the voltage that it holds for a set time; arguments as of ``step_flaws``.

    It does not end as it begins, and passes nothing until the cell has relaxed to that voltage.

    >>> from protocols.program_steps import CcCv, ConstantCurrent, Until
    >>> empty, held = ConstantCurrent(-1e-3, Until(voltage_v=2.8)), CcCv(-1e-3, 2.9, Until(time_s=3600.0))
    >>> [(flaw.key, flaw.begins_v, flaw.behind) for flaw in waiting_holds((empty, held))]
    [(2, 2.8, 1)]
    """
    try:
        nodes = nest(steps)
    except ValueError:
        return []
    walk = _Walk()
    walk.events(_of_nodes(nodes, full_ah), _Cell())
    return list(walk.waits.values())


def _of_nodes(nodes: Sequence[Node], full_ah: float | None) -> tuple[Event, ...]:
    return tuple(
        Passes(_of_nodes(node.body, full_ah), node.times)
        if isinstance(node, Block)
        else _drive(node.number, node.step, full_ah)
        if isinstance(node.step, PoweredStep)
        else Pause()
        for node in nodes
    )


def _drive(number: int, step: PoweredStep, full_ah: float | None) -> Drive:
    until, largest_a = step.until, step.largest_a
    charges = [] if until.capacity_ah is None else [until.capacity_ah]
    if until.time_s is not None:
        charges.append((step.least_a or largest_a or 0.0) * until.time_s / _SECONDS_PER_HOUR)
    is_sure = not charges or (full_ah is not None and min(charges) >= full_ah)
    # A hold that only its time ends tells nothing of where the cell rests behind it.
    is_sure = is_sure and (not step.holds_voltage or until.current_a is not None)
    return Drive(
        number,
        step.direction,
        step.target_v,
        # What follows from the voltage is not compared with what is set.
        first=largest_a if step.holds_voltage or step.sets_current else None,
        last=until.current_a if step.holds_voltage else largest_a if step.sets_current else None,
        holds=step.holds_voltage,
        is_sure=is_sure,
        ends_by_itself=not step.holds_voltage or until.current_a is not None,
    )
