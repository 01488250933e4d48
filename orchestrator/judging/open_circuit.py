"""Tells an open circuit from a full, an empty, a weak and an aged cell, by the executed steps of a run.

An open circuit passes no charge in either direction at any current: it meets the cutoffs of both directions at once. A
full or an empty cell meets one of them only, a weak cell both only at currents as large as this one, and an aged cell
comes near them over many half-cycles. What a step shows is therefore held against the steps before it:

- a step that met its cutoff although no current was measured shows an open circuit by itself;
- a step that met its cutoff at once under its current shows one only together with a step of the other direction, and
  only if half-cycles at this current or a larger one passed shortly before, far from both cutoffs: resistances of cells
  do not rise so fast, those of contacts do; or if nothing has passed in the run yet, at any current of its program;
- a held voltage that drew no current shows that a cell is full, or that there is none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from drivers.interfaces import EndReason
from orchestrator.judging.limits import Action, Finding, FindingKind
from orchestrator.judging.steps import ExecutedStep
from orchestrator.rollback import as_before
from protocols.current_sign import Direction
from protocols.program import CyclingSegment, Guards, Limits, PoweredStep, Purpose
from protocols.program_steps import expected_s, powered

# A cutoff is met at once within so many seconds: leads and input filters of testers are charged faster, and the charge
# that passes meanwhile is nothing to a cell.
ONCE_S = 5.0
# Below this part of the set current no current is measured; what lies between trips as a wrong current.
NO_CURRENT = 0.1
# A held voltage drew nothing if its mean current is below this part of its limit: the accuracy of testers' ranges.
NO_HELD_CURRENT = 1e-3
# A resistance has jumped if the voltages of charge and discharge lay within this part of the cutoffs' distance before:
# it doubled from one half-cycle to the next.
JUMP = 0.5
# A half-cycle is whole from this part of its set time on: a cell that passes so much is not weak at its current.
WHOLE = 0.2
# Steps at larger currents count as long as so many powered steps lie between, at least: later the cell may have aged.
RECENT_STEPS = 20
# Voltages at which a charge and a discharge are held differ by this part of the host's window: a cell moves between.
APART = 0.05
# So many steps without current show an open circuit also where all of them are of one direction.
_ONE_WAY = 3
_SAME_CURRENT = 0.95


class Passage(Enum):
    """What an executed step shows of the circuit."""

    PASSED = auto()
    NO_CURRENT = auto()
    AT_ONCE = auto()
    HELD_IDLE = auto()


@dataclass(frozen=True, slots=True)
class _Turn:
    """A powered step: its direction, current as a magnitude in A, target in V, and what it showed."""

    direction: Direction
    current_a: float
    target_v: float | None
    shows: Passage
    number: int


@dataclass(frozen=True, slots=True)
class _Before:
    """A step that passed charge: its number among the powered steps, current in A and mean voltage in V."""

    number: int
    current_a: float
    mean_v: float


def passage(step: PoweredStep, executed: ExecutedStep, guards: Guards, limits: Limits) -> Passage | None:
    """Return what an executed step shows of the circuit; None where somebody else ended it."""
    if executed.end_reason is EndReason.EXTERNAL:
        return None
    set_a, duration_s = step.usual_a or 0.0, executed.duration_s
    set_s = expected_s(step)
    is_early = duration_s <= ONCE_S if set_s is None else duration_s < guards.early_cutoff_fraction * set_s
    if step.holds_voltage:
        mean_a = executed.capacity_ah * 3600 / duration_s if duration_s > 0 else 0.0
        ended_at_once = executed.end_reason is EndReason.CURRENT and is_early and duration_s <= ONCE_S
        is_idle = executed.end_reason is EndReason.TIME and mean_a <= NO_HELD_CURRENT * set_a
        return Passage.HELD_IDLE if ended_at_once or is_idle else Passage.PASSED
    if executed.end_reason is not EndReason.VOLTAGE or not is_early:
        return Passage.PASSED
    if _is_without_current(executed, set_a, limits):
        return Passage.NO_CURRENT
    return Passage.AT_ONCE if duration_s <= ONCE_S else Passage.PASSED


def _is_without_current(executed: ExecutedStep, set_a: float, limits: Limits) -> bool:
    """Return whether a step's charge, or its resistance where the charge is too small to be shown, tells of none."""
    if executed.capacity_ah > 0 and executed.duration_s > 0:
        return executed.capacity_ah * 3600 / executed.duration_s <= NO_CURRENT * set_a
    most_v = max(abs(limits.absolute.low_v), abs(limits.absolute.high_v))
    ohm = executed.resistance_ohm
    return ohm is None or ohm * NO_CURRENT * set_a > most_v


class OpenCircuitWatch:
    """Judges the powered steps of a run, through all of its tests, for an open circuit."""

    def __init__(self) -> None:
        self._number = 0
        # The powered steps since one passed charge, and the last ones that did, by direction and current.
        self._row: tuple[_Turn, ...] = ()
        self._before: dict[tuple[Direction, float], _Before] = {}
        # The directions whose last half-cycle that passed charge was not whole.
        self._cut: frozenset[Direction] = frozenset()
        self._has_passed = self._is_told = False
        self._marked_a = 0.0

    def undo(self) -> Callable[[], None]:
        """Return a function that restores the state from before a later ``feed``."""
        undo = as_before(self, "_number", "_row", "_before", "_cut", "_has_passed", "_is_told", "_marked_a")
        self._before = dict(self._before)
        return undo

    def feed(self, step: PoweredStep, executed: ExecutedStep, segment: CyclingSegment) -> list[Finding]:
        """Judge the next powered step; ``executed`` bears the run's times."""
        shows = passage(step, executed, segment.guards, segment.limits)
        direction, current_a = step.direction, step.usual_a
        if shows is None or current_a is None:
            return []
        self._number += 1
        if shows is Passage.PASSED:
            self._has_passed = True
            is_behind_none, found = bool(self._row), self._came_back(executed)
            set_s = expected_s(step)
            is_whole = not set_s or executed.duration_s >= WHOLE * set_s
            self._learn(direction, current_a, executed, is_whole=is_whole, is_behind_none=is_behind_none)
            return found
        # Of a long row the last steps tell as much: a month of a cell that passes nothing is millions of steps.
        most = max(segment.guards.early_cutoff_in_a_row, _ONE_WAY) + 1
        self._row = (*self._row, _Turn(direction, current_a, step.target_v, shows, self._number))[-most:]
        return self._judge(executed, segment)

    def finish(self, segment: CyclingSegment, end_s: float) -> list[Finding]:
        """Judge the last steps of a run that is over at a time in seconds: too few to stop it, they tell the same."""
        row = self._row
        if self._is_told or not row or not (self._is_open(row) or self._is_idle_both_ways(row, segment.limits)):
            return []
        message = (
            f"the run ends with {len(row)} half-cycles that passed no charge in either direction: was the cell out, "
            "or a contact lost?"
        )
        return [Finding(FindingKind.EARLY_CUTOFF, Action.MARK, message, end_s)]

    def learn_check(self, step: PoweredStep, executed: ExecutedStep) -> None:
        """Keep what a contact check showed that found the cell."""
        if step.largest_a is not None and executed.mean_voltage_v is not None:
            self._keep(step.direction, step.largest_a, executed.mean_voltage_v)

    def _keep(self, direction: Direction, current_a: float, mean_v: float) -> None:
        self._before.pop((direction, current_a), None)
        self._before[direction, current_a] = _Before(self._number, current_a, mean_v)

    def _came_back(self, executed: ExecutedStep) -> list[Finding]:
        row, self._row = self._row, ()
        is_told, self._is_told = self._is_told, False
        is_open = any(turn.shows is Passage.NO_CURRENT for turn in row) or self._has_jumped(row)
        if is_told or not is_open:
            return []
        message = (
            f"charge passes again in cycle {executed.cycle}, after {len(row)} steps that passed none: was the cell "
            "taken out and put back, or a contact lost for a while?"
        )
        return [Finding(FindingKind.EARLY_CUTOFF, Action.MARK, message, executed.start_s)]

    def _learn(
        self, direction: Direction, current_a: float, executed: ExecutedStep, *, is_whole: bool, is_behind_none: bool
    ) -> None:
        """Keep a whole half-cycle; others show that the cell is there and weak at currents as large.

        That is two in a row, or one behind steps that passed nothing: a single one may be cut by a lost contact.
        """
        kept, was_cut = self._before, direction in self._cut
        self._cut = self._cut - {direction} if is_whole else self._cut | {direction}
        if is_whole and executed.mean_voltage_v is not None:
            self._keep(direction, current_a, executed.mean_voltage_v)
        elif was_cut or is_behind_none:
            for key in [key for key in kept if key[0] is direction and key[1] >= _SAME_CURRENT * current_a]:
                del kept[key]
        for key in [key for key, before in kept.items() if before.number < self._number - 2 * RECENT_STEPS]:
            del kept[key]

    def _judge(self, executed: ExecutedStep, segment: CyclingSegment) -> list[Finding]:
        row, enough = self._row, segment.guards.early_cutoff_in_a_row
        if len(row) < enough or self._is_told:
            return []
        if self._is_open(row) or self._is_idle_both_ways(row, segment.limits) or self._is_nothing(row, segment):
            self._is_told = True
            return [Finding(FindingKind.EARLY_CUTOFF, Action.STOP, self._sentence(row, executed), executed.start_s)]
        current_a = min(turn.current_a for turn in row)
        if not _both_ways(row, Passage.AT_ONCE) or self._marked_a == current_a:
            return []
        self._marked_a = current_a
        why = "it came near both cutoffs before" if self._span(row) else "it passed no half-cycle at such a current"
        message = (
            f"{len(row)} half-cycles in a row met the cutoffs of both directions at once under their current (cycle "
            f"{executed.cycle}, {current_a * 1e3:.4g} mA); the run goes on, because {why}, as a weak cell does"
        )
        return [Finding(FindingKind.EARLY_CUTOFF, Action.MARK, message, executed.start_s)]

    def _is_open(self, row: tuple[_Turn, ...]) -> bool:
        """Return whether steps without charge, at least one, cannot be those of a cell."""
        without = [turn for turn in row if turn.shows is Passage.NO_CURRENT]
        if without:
            others = {turn.direction for turn in row if turn.shows is Passage.HELD_IDLE}
            return len({turn.direction for turn in without} | others) > 1 or len(without) >= _ONE_WAY
        return self._has_jumped(row)

    def _is_nothing(self, row: tuple[_Turn, ...], segment: CyclingSegment) -> bool:
        """Return whether nothing has passed in the run yet, in either direction, and no smaller current is to come."""
        if self._has_passed or not _both_ways(row, Passage.AT_ONCE):
            return False
        currents_a = [step.usual_a for _, step in powered(segment.steps) if step.purpose is Purpose.RECIPE]
        least_a = min((size for size in currents_a if size), default=0.0)
        return _SAME_CURRENT * min(turn.current_a for turn in row) <= least_a

    def _has_jumped(self, row: tuple[_Turn, ...]) -> bool:
        span = self._span(row)
        return span is not None and span <= JUMP

    def _span(self, row: tuple[_Turn, ...]) -> float | None:
        """Return how far charge and discharge lay apart when these currents passed last, as a part of the cutoffs'.

        None where the row has one direction only, or where no step of both directions at currents as large is known.
        """
        found: dict[Direction, tuple[float, float]] = {}
        for direction in Direction:
            turns = [turn for turn in row if turn.direction is direction and turn.target_v is not None]
            if not turns:
                return None
            least = min(turns, key=lambda turn: turn.current_a)
            before = self._last(direction, least.current_a, turns[0].number)
            if before is None or least.target_v is None:
                return None
            found[direction] = before.mean_v, least.target_v
        (charge_v, high_v), (discharge_v, low_v) = found[Direction.CHARGE], found[Direction.DISCHARGE]
        return (charge_v - discharge_v) / (high_v - low_v) if high_v > low_v else None

    def _last(self, direction: Direction, current_a: float, number: int) -> _Before | None:
        """Return the last step that passed charge at this current or a larger one, shortly before a step."""
        for (way, passed_a), before in reversed(self._before.items()):
            if way is direction and passed_a >= _SAME_CURRENT * current_a:
                return before if before.number >= number - RECENT_STEPS else None
        return None

    @staticmethod
    def _is_idle_both_ways(row: tuple[_Turn, ...], limits: Limits) -> bool:
        """Return whether charges and discharges that hold voltages apart from each other all drew nothing."""
        if any(turn.shows is not Passage.HELD_IDLE for turn in row):
            return False
        held = {way: [turn.target_v or 0.0 for turn in row if turn.direction is way] for way in Direction}
        if not all(held.values()):
            return False
        apart_v = APART * (limits.host.high_v - limits.host.low_v)
        return min(held[Direction.CHARGE]) - max(held[Direction.DISCHARGE]) >= apart_v

    def _sentence(self, row: tuple[_Turn, ...], executed: ExecutedStep) -> str:
        without = sum(turn.shows is Passage.NO_CURRENT for turn in row)
        if without:
            seen = f"{without} of them without any current"
        elif not self._has_passed and any(turn.shows is Passage.AT_ONCE for turn in row):
            seen = "at once at the cutoffs of both directions, and none has passed in this run yet"
        elif any(turn.shows is Passage.AT_ONCE for turn in row):
            seen = "at once at the cutoffs of both directions, and the cell was far from these before"
        else:
            seen = "at held voltages"
        return (
            f"{len(row)} half-cycles in a row passed no charge, {seen} (cycle {executed.cycle}, "
            f"{executed.duration_s:.1f} s at {row[-1].current_a * 1e3:.4g} mA): was the cell pulled out, or is a "
            "contact lost?"
        )


def _both_ways(row: tuple[_Turn, ...], shows: Passage) -> bool:
    return len({turn.direction for turn in row if turn.shows is shows}) > 1
