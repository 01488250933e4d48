"""The measured values of a recipe for one cell: what is expected of each, and the values that it may have.

A charge is expected as the forecast has it: of a cycle the nominal capacity, of a step what it sets, or what fills the
cell. What the run may measure lies within a range around that, ``measured`` of the recipe. A value beyond it holds the
run, so that no current and no charge is ever beyond what was checked and proven.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from heapq import heappop, heappush

from protocols.cell import DEFAULTS, Cell, CellKind
from protocols.forecast import usual_s
from protocols.half_cycles import CycleNumbers
from protocols.measured_amounts import AmountKey, EarlierRuns, MeasuredAmount
from protocols.measured_steps import CAPACITY, CURRENT, Link, links
from protocols.normalised import capacity_mah
from protocols.pieces import Cycling
from protocols.program import CyclingSegment, Program
from protocols.program_steps import PoweredStep, longest
from protocols.recipe import Recipe
from protocols.recipe_steps import Path, RecipeStep, RepeatStep

_EXACT = 12  # digits of a charge that is foretold


@dataclass(frozen=True, slots=True)
class AllowedValue:
    """A measured value in A or Ah, a magnitude: as it is expected, and the least and the most that it may be."""

    expected: Decimal
    low: Decimal
    high: Decimal


class MeasuredValues:
    """The measured values of one recipe and one cell. ``refuse`` is told where there can be none, and why."""

    def __init__(self, recipe: Recipe, cell: Cell, refuse: Callable[[str, str], None]) -> None:
        self._recipe, self._cell, self._refuse = recipe, cell, refuse
        self._links = links(recipe.steps)
        self._sources = {link.step for found in self._links.values() for link in found}
        self._made: dict[Path, PoweredStep] = {}
        self._allowed: dict[tuple[Path, Path], AllowedValue] = {}
        # Where each step runs that measures a value, in order, and which step that is.
        self._runs: dict[Path, list[tuple[int, int]]] = {}
        self._source_at: dict[tuple[int, int], Path] = {}

    def made(self, path: Path, step: PoweredStep) -> PoweredStep:
        """Note a step of the program, by whose charge later ones may be measured, and give it."""
        if path in self._sources:
            self._made[path] = step
        return step

    def of(self, path: Path, key: Path) -> AllowedValue | None:
        """Give what is expected of a value of a step, and what it may be; None, with a reason, where nothing tells."""
        link = next((one for one in self._links.get(path, ()) if one.key == key), None)
        charge_ah = None if link is None else self._charge_ah(path, link)
        if link is None or charge_ah is None:
            return None
        expected, block = link.written.exact * charge_ah, self._recipe.measured
        high = expected * block.at_most.exact
        if key == CAPACITY and (most := self._holds_ah) is not None:
            high = max(expected, min(high, most))
        found = self._allowed[path, key] = AllowedValue(expected, expected * block.at_least.exact, high)
        return found

    @property
    def _holds_ah(self) -> Decimal | None:
        """What no step of the cell may pass more of; None where its kind bounds no charge."""
        full_ah = self._cell.full_capacity_ah
        return None if full_ah is None else DEFAULTS[self._cell.kind].capacity_factor * full_ah

    def _charge_ah(self, path: Path, link: Link) -> Decimal | None:
        where = f"{self._recipe.place(path)}.{'.'.join(map(str, link.key))}"
        if link.step is not None:
            step = self._made.get(link.step)
            charge_ah = None if step is None else _usual_ah(step, self._full_ah)
            if charge_ah is None:
                self._refuse(where, f"is {link.written}, whose charge nothing foretells: give that step a capacity")
            return charge_ah
        if self._cell.kind in _SET_BY_STEPS:
            why = f"in a cell of the kind {self._cell.kind} its steps set that: name the step that passes it"
            self._refuse(where, f"is {link.written}, and {why}, as in '{_by_step(link)}'")
            return None
        if self._full_ah is None:
            self._refuse(where, f"is {link.written}, but cell {self._cell.name} has no nominal_capacity: add it")
        return self._full_ah

    @property
    def _full_ah(self) -> Decimal | None:
        if self._cell.kind in _SET_BY_STEPS:
            return None
        full_mah = capacity_mah(self._cell.facts())
        return None if full_mah is None else Decimal(f"{full_mah:.{_EXACT}g}") / 1000

    def placed(self, index: int, piece: Cycling, steps: int) -> tuple[MeasuredAmount, ...]:
        """Note where the steps of a piece, which has so many in the program, run; give the values that are measured.

        ``index`` is that of its segment. Pieces come in order: what measures a value has run in an earlier one.
        """
        if not self._links:
            return ()
        numbers = list(_numbered(piece.steps))
        ahead = steps - len(numbers)
        found: list[MeasuredAmount] = []
        for number, path in enumerate(numbers, ahead + 1):
            for link in self._links.get(path, ()):
                allowed = self._allowed.get((path, link.key))
                runs = [] if link.step is None else self._runs.get(link.step, [])
                ran = runs[-1] if runs else None
                if allowed is not None and (ran is not None or link.cycle is not None):
                    found.append(_amount(number, link, allowed, ran))
        for number, path in enumerate(numbers, ahead + 1):
            if path in self._sources:
                self._runs.setdefault(path, []).append((index, number))
                self._source_at[index, number] = path
        return tuple(found)

    def with_earlier(self, program: Program) -> Program:
        """Give the program in which a value whose step a run may have passed over knows where it has run before.

        A loop that a decision ends leaves its last passes out: what measures a value behind it is its last pass.
        """
        if not any(one.of_segment is not None for segment in program.cycling for one in segment.measured):
            return program
        lands = _landings(program)
        segments = tuple(
            replace(segment, measured=tuple(self._with_earlier(one, lands, index) for one in segment.measured))
            if isinstance(segment, CyclingSegment) and segment.measured
            else segment
            for index, segment in enumerate(program.segments)
        )
        return replace(program, segments=segments)

    def _with_earlier(self, amount: MeasuredAmount, lands: Sequence[int], index: int) -> MeasuredAmount:
        if amount.of_segment is None or amount.of_step is None or lands[amount.of_segment] > index:
            return amount
        runs = self._runs[self._source_at[amount.of_segment, amount.of_step]]
        return replace(amount, earlier=earlier_runs([one for one in runs if one[0] < amount.of_segment]))

    def too_early(self, program: Program) -> Iterator[str]:
        """Yield a sentence for each value that asks for a cycle that is not over when its segment begins."""
        numbers = CycleNumbers.of(program)
        cycles = {link.cycle for found in self._links.values() for link in found if link.cycle is not None}
        for cycle in sorted(cycles):
            asking = [n for n, it in enumerate(program.segments) if any(one.of_cycle == cycle for one in _of(it))]
            early = next((n for n in asking if not numbers.is_whole_before(n, cycle)), None)
            if early is not None:
                path = next(at for at, found in self._links.items() if any(one.cycle == cycle for one in found))
                done = numbers.cycle_before(early)
                yield (
                    f"{self._recipe.place(path)} asks for the capacity of cycle {cycle}, which is not over when it "
                    f"begins: the run is in cycle {max(done, 1)} then. Ask for an earlier one, or name a step."
                )


def _landings(program: Program) -> list[int]:
    """Give for each segment the first one behind it to which a run may come that has passed it over."""
    ahead: list[int] = []
    found: list[int] = []
    for index, segment in enumerate(program.segments):
        while ahead and ahead[0] <= index:
            heappop(ahead)
        found.append(ahead[0] if ahead else len(program.segments))
        for branch in segment.after:
            heappush(ahead, branch.to)
    return found


def earlier_runs(places: Sequence[tuple[int, int]]) -> tuple[EarlierRuns, ...]:
    """Give segments with the number of a step in them as rows of even distance, the last first.

    >>> earlier_runs([(0, 4), (2, 2), (4, 2), (6, 2)])
    (EarlierRuns(first=2, last=6, every=2, step=2), EarlierRuns(first=0, last=0, every=1, step=4))
    """
    found: list[EarlierRuns] = []
    for segment, step in reversed(places):
        row = found[-1] if found else None
        if row is not None and row.step == step and (row.first == row.last or row.first - segment == row.every):
            found[-1] = EarlierRuns(segment, row.last, row.first - segment, step)
        else:
            found.append(EarlierRuns(segment, segment, 1, step))
    return tuple(found)


_SET_BY_STEPS = frozenset({CellKind.LI_LI, CellKind.LI_CU})


def _of(segment: object) -> Sequence[MeasuredAmount]:
    found: Sequence[MeasuredAmount] = getattr(segment, "measured", ())
    return found


def _by_step(link: Link) -> str:
    return str(link.written).replace(f"cycle {link.cycle}", "step NAME")


def _usual_ah(step: PoweredStep, full_ah: Decimal | None) -> Decimal | None:
    """Give the charge that a step passes in a healthy cell, as the forecast has it; None without a bound."""
    usual_a = step.usual_a
    if usual_a is None:
        return None
    charge_ah = min(usual_a * usual_s(step, None if full_ah is None else float(full_ah)) / 3600, longest(step)[1])
    return None if charge_ah == float("inf") else Decimal(f"{charge_ah:.{_EXACT}g}")


def _amount(number: int, link: Link, allowed: AllowedValue, ran: tuple[int, int] | None) -> MeasuredAmount:
    segment, step = (None, None) if ran is None else ran
    key = AmountKey.CURRENT if link.key == CURRENT else AmountKey.CAPACITY
    factor, low, high = float(link.written.exact), float(allowed.low), float(allowed.high)
    return MeasuredAmount(number, key, factor, low, high, link.cycle, segment, step)


def _numbered(steps: Sequence[tuple[Path, RecipeStep]]) -> Iterator[Path]:
    """Yield the places of steps in the order of their numbers in a program; a loop comes behind its steps."""
    for path, step in steps:
        if isinstance(step, RepeatStep):
            yield from _numbered([((*path, "steps", n), inner) for n, inner in enumerate(step.steps)])
        yield path
