"""The names of a program's steps as people know them: the words of the recipe, numbered where it has several alike.

A step is named by its kind and direction as they are written, ``constant_current charge``. Where the recipe has several
of that name a number follows, counted from the top of the file: ``constant_current discharge 2``. Without the recipe,
as in stores of older versions, the program itself tells kind and direction, but no number.

>>> from protocols.loading import load_cell, load_recipe
>>> from protocols.resolve import resolve
>>> recipe = load_recipe("li-cu-reservoir")
>>> program = resolve(recipe, load_cell("bare-li-cu"))
>>> named = StepNames(program, recipe)
>>> named.of(0, 4), named.place(0, 4)
('constant_current discharge 2', 'steps[4]')
>>> StepNames(program).of(0, 4)
'constant_current discharge'
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from protocols.parting import programs_of
from protocols.pieces import Cycling, Piece
from protocols.program import CyclingSegment, Program
from protocols.program_steps import Loop, PoweredStep, Purpose, Step
from protocols.recipe import Recipe
from protocols.recipe_steps import Path, RecipeStep, RepeatStep

# A contact check made again behind an interruption, and the rest that follows it: no steps of the program itself.
CHECK_AGAIN = "contact check"

_Written = tuple[Path, RecipeStep]


class StepNames:
    """The names of the steps of one program; ``recipe`` is what it was resolved from, None where that was not kept.

    A recipe that the program is not made of, step by step, is passed over.
    """

    def __init__(self, program: Program, recipe: Recipe | None = None) -> None:
        self._program, self._recipe = program, recipe
        self._written: list[list[_Written | None]] = []
        self._names: dict[Path, str] = {}
        if recipe is None or not program.cycling:
            return
        checks = sum(
            isinstance(step, PoweredStep) and step.purpose is Purpose.CHECK for step in program.cycling[0].steps
        )
        if (found := _matched(program, programs_of(recipe.steps, recipe.temperature, checks))) is not None:
            self._written, self._names = found, _numbered(recipe.steps)

    def of(self, segment: int, step: int) -> str:
        """Name step ``step`` (from 1) of the segment at index ``segment``; empty for no step of the program."""
        written = self._at(segment, step)
        if written is not None:
            return self._names[written[0]]
        if not 0 <= segment < len(self._program.segments):
            return ""
        part = self._program.segments[segment]
        if not isinstance(part, CyclingSegment):
            return part.technique.kind
        return words(part.steps[step - 1]) if 1 <= step <= len(part.steps) else ""

    def place(self, segment: int, step: int) -> str | None:
        """Give where the step is written, ``steps[5].steps[2]``, of an expanded recipe with its line.

        None for a contact check, or without the recipe.
        """
        written = self._at(segment, step)
        return None if written is None or self._recipe is None else self._recipe.place(written[0])

    def _at(self, segment: int, step: int) -> _Written | None:
        row = self._written[segment] if 0 <= segment < len(self._written) else []
        return row[step - 1] if 1 <= step <= len(row) else None


def words(step: Step) -> str:
    """Name a step of a program by its kind and direction, in the words of a recipe; a contact check by its direction.

    >>> from protocols.program import Ceiling, ConstantCurrent, Until
    >>> words(ConstantCurrent(-0.001, Until(time_s=5.0), Ceiling(), purpose=Purpose.CHECK))
    'contact check discharge'
    """
    if isinstance(step, Loop):
        return "repeat"
    kind = CHECK_AGAIN if step.purpose is Purpose.CHECK and step.direction is not None else step.kind
    return kind if step.direction is None else f"{kind} {step.direction}"


def told(steps: Sequence[Step], number: int) -> str:
    """Give the number of a step with its name for a sentence: ``step 4 (constant_current charge)``."""
    return f"step {number} ({words(steps[number - 1])})" if 1 <= number <= len(steps) else f"step {number}"


def _numbered(steps: Sequence[RecipeStep]) -> dict[Path, str]:
    """Name the steps of a recipe by their places."""
    bare = {path: _words(step) for path, step in _flat((("steps", n), step) for n, step in enumerate(steps)) if step}
    count, seen = Counter(bare.values()), Counter[str]()
    names: dict[Path, str] = {}
    for path, name in bare.items():
        seen[name] += 1
        names[path] = f"{name} {seen[name]}" if count[name] > 1 else name
    return names


def _words(step: RecipeStep) -> str:
    direction = getattr(step, "direction", None)
    return step.step if direction is None else f"{step.step} {direction}"


def _flat(steps: Iterator[_Written]) -> Iterator[tuple[Path, RecipeStep | None]]:
    """Yield the steps as a program has them, in order: a loop is what it repeats, then itself, as None."""
    for path, step in steps:
        if not isinstance(step, RepeatStep):
            yield path, step
            continue
        yield from _flat(((*path, "steps", n), inner) for n, inner in enumerate(step.steps))
        yield path, None


def _matched(program: Program, pieces: Sequence[Piece]) -> list[list[_Written | None]] | None:
    """Give what is written for each step of each segment; None for a recipe that the program is not made of."""
    if len(pieces) != len(program.segments):
        return None
    found: list[list[_Written | None]] = []
    for segment, piece in zip(program.segments, pieces, strict=True):
        if isinstance(piece, Cycling) != isinstance(segment, CyclingSegment):
            return None
        if not isinstance(segment, CyclingSegment) or not isinstance(piece, Cycling):
            found.append([(piece.path, piece.step)] if not isinstance(piece, Cycling) else [])
            continue
        flat = list(_flat(iter(piece.steps)))
        # What stands in front is the contact check, or the rest of a recipe that begins with a measurement.
        ahead = len(segment.steps) - len(flat)
        kinds = [step.kind for step in segment.steps[max(ahead, 0) :]]
        if ahead < 0 or kinds != ["loop" if step is None else step.step for _, step in flat]:
            return None
        row: list[_Written | None] = [None] * ahead
        row += (None if step is None else (path, step) for path, step in flat)
        found.append(row)
    return found
