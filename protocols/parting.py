"""Parts what is longer, or nests deeper, than a tester's program may into several of them, behind rests.

A program of the CT-4000 family holds 254 steps with its End, and loops nested 3 deep (reference neware-ct4008, section
1.2). Steps beyond that become several segments. The cell rests between two programs for some seconds, so that they are
parted behind a rest only: it stays whole, and those seconds make it longer. Loops that are too long or too deep are
written out, from the outside in, as often as they repeat. What fits stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from protocols.pieces import SEGMENTS_MAX, Cycling, Decision, Piece, segments_of
from protocols.program_steps import LOOP_DEPTH_MAX, REST_TO_PART_S, STEPS_MAX
from protocols.recipe_steps import Path, RecipeStep, RepeatStep, RestStep
from protocols.temperature import TemperatureBlock

_END = 1
_CHECKED_AGAIN = 3  # steps in front of what is left of an interrupted program: two contact checks and a rest
_MOST = STEPS_MAX - _END - _CHECKED_AGAIN


def programs_of(
    steps: Sequence[RecipeStep], temperature: TemperatureBlock | None = None, checks: int = 0
) -> list[Piece]:
    """Give what becomes the segments of a program, each of a size that a tester holds where rests allow it.

    ``temperature`` is that of steps without one, ``checks`` the number of contact checks in front of steps whose leads
    may have been touched. Gives a few pieces more than ``SEGMENTS_MAX`` for a recipe that has more.
    """
    pieces = segments_of(steps, temperature)
    if len(pieces) > SEGMENTS_MAX:
        return pieces
    found: list[Piece] = []
    begins: list[int] = []
    for piece in pieces:
        begins.append(len(found))
        found += _parted(piece, checks) if isinstance(piece, Cycling) else [piece]
        if len(found) > SEGMENTS_MAX:
            return found
    begins.append(len(found))
    if len(found) == len(pieces):
        return found
    return [replace(piece, decisions=_moved(piece.decisions, begins)) if piece.decisions else piece for piece in found]


def _moved(decisions: tuple[Decision, ...], begins: Sequence[int]) -> tuple[Decision, ...]:
    """Give decisions that lead to where their targets have gone."""
    return tuple(
        replace(one, leads=replace(one.leads, to=begins[one.leads.to], since=begins[one.leads.since]))
        for one in decisions
    )


def _parted(piece: Cycling, checks: int) -> list[Piece]:
    """Give the parts of a piece, in order; the piece itself where it fits or where no rest is to part it at."""
    count = sum(_size(step) for _, step in piece.steps) + _END + (0 if piece.is_continued else checks)
    if count <= STEPS_MAX and all(_nesting(step) <= LOOP_DEPTH_MAX for _, step in piece.steps):
        return [piece]
    # What is left of an interrupted part should fit too; where that cannot be had, the part itself.
    for most in (_left_at_most, _size):
        parts = _Parter(most).parts(piece.steps)
        if parts:
            break
    else:
        return [piece]
    last = len(parts) - 1
    return [
        replace(
            piece,
            steps=part,
            prompt=piece.prompt if index == 0 else None,
            decisions=piece.decisions if index == last else (),
            end=piece.end if index == last else None,
            degrees=piece.degrees if index == last else None,
            is_continued=piece.is_continued or index > 0,
        )
        for index, part in enumerate(parts)
    ]


_Placed = tuple[Path, RecipeStep]


@dataclass(frozen=True, slots=True)
class _Item:
    """A step or a loop that is not written out: its size, the most that is left of it, and the rest at its end (s)."""

    placed: _Placed
    size: int
    most: int
    rest_s: float


class _Parter:
    """Parts steps behind rests so that no part is larger than a tester's program, by a measure of size."""

    def __init__(self, most: Callable[[RecipeStep], int]) -> None:
        self._most = most
        self._known: dict[Path, _Item] = {}

    def parts(self, steps: Sequence[_Placed]) -> list[tuple[_Placed, ...]]:
        """Give the parts in order, a few more than ``SEGMENTS_MAX`` where there are more; none where no rest helps."""
        found: list[tuple[_Placed, ...]] = []
        window: list[_Item] = []
        most = 0
        for path, step in steps:
            for item in self._items(path, step):
                window.append(item)
                most = max(most + item.size, item.most)
                while most > _MOST:
                    cut = _cut(window)
                    if not cut:
                        return []
                    found.append(tuple(one.placed for one in window[:cut]))
                    if len(found) > SEGMENTS_MAX:
                        return found
                    window = window[cut:]
                    most = 0
                    for one in window:
                        most = max(most + one.size, one.most)
        if window:
            found.append(tuple(one.placed for one in window))
        return found

    def _items(self, path: Path, step: RecipeStep) -> Iterator[_Item]:
        """Yield a step; of a loop that no program holds its passes, one by one."""
        if path in self._known:
            yield self._known[path]
        elif isinstance(step, RepeatStep) and (_nesting(step) > LOOP_DEPTH_MAX or self._most(step) > _MOST):
            for _ in range(step.times):
                for index, inner in enumerate(step.steps):
                    yield from self._items((*path, "steps", index), inner)
        else:
            item = _Item((path, step), _size(step), self._most(step), _rest_s(step))
            self._known[path] = item
            yield item


def _cut(window: Sequence[_Item]) -> int:
    """Give how many items come before the cut, 0 where none is possible; the last item is beyond the program's size.

    Behind the longest rest of the later half, to which the added seconds matter least; without one, behind the last.
    """
    rests = [index for index, item in enumerate(window[:-1], 1) if item.rest_s >= REST_TO_PART_S]
    late = [index for index in rests if 2 * index > len(window)]
    return max(late, key=lambda index: (window[index - 1].rest_s, index), default=rests[-1] if rests else 0)


def _rest_s(step: RecipeStep) -> float:
    """Give how long the rest takes with which a step ends; 0 without one."""
    while isinstance(step, RepeatStep):
        step = step.steps[-1]
    return step.until.time.value if isinstance(step, RestStep) else 0.0


def _size(step: RecipeStep) -> int:
    """Count the steps of a program that a step becomes."""
    return 1 + sum(map(_size, step.steps)) if isinstance(step, RepeatStep) else 1


def _left_at_most(step: RecipeStep) -> int:
    """Count the steps of the longest program that is left of a step: of a loop, a begun pass and the loop behind it."""
    if not isinstance(step, RepeatStep):
        return 1
    most = 0
    for inner in step.steps:
        most = max(most + _size(inner), _left_at_most(inner))
    return most + _size(step) if step.times > 1 else _size(step)


def _nesting(step: RecipeStep) -> int:
    return 1 + max(map(_nesting, step.steps), default=0) if isinstance(step, RepeatStep) else 0
