"""Cuts a recipe's steps where the instrument changes: cycling on the tester, measurements on the potentiostat.

A loop that holds a measurement is written out pass by pass, because no instrument can jump back into another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from protocols.steps import MeasurementStep, RecipeStep, RepeatStep

Path = tuple[int, ...]
# What a program may hold: a year of an EIS every six hours, before and after.
SEGMENTS_MAX = 3000


@dataclass(frozen=True, slots=True)
class Cycling:
    """Steps that one tester program can hold, each with its place in the recipe."""

    steps: tuple[tuple[Path, RecipeStep], ...]


@dataclass(frozen=True, slots=True)
class Measuring:
    """One measurement, with its place in the recipe."""

    path: Path
    step: MeasurementStep


Piece = Cycling | Measuring


def pieces(steps: Sequence[RecipeStep]) -> list[Piece]:
    """Give the pieces in the order in which they run, at most one more than `SEGMENTS_MAX`."""
    found: list[Piece] = []
    gathered: list[tuple[Path, RecipeStep]] = []
    for path, step in _walk(steps, ()):
        if not isinstance(step, MeasurementStep):
            gathered.append((path, step))
            continue
        if gathered:
            found.append(Cycling(tuple(gathered)))
            gathered = []
        found.append(Measuring(path, step))
        if len(found) > SEGMENTS_MAX:
            return found
    if gathered:
        found.append(Cycling(tuple(gathered)))
    return found


def _walk(steps: Sequence[RecipeStep], at: Path) -> Iterator[tuple[Path, RecipeStep]]:
    """Walk through measurements, and through steps and loops that hold none."""
    for index, step in enumerate(steps):
        path = (*at, index)
        if isinstance(step, RepeatStep) and _measures(step):
            for _ in range(step.times):
                yield from _walk(step.steps, path)
        else:
            yield path, step


def _measures(step: RecipeStep) -> bool:
    if isinstance(step, RepeatStep):
        return any(_measures(inner) for inner in step.steps)
    return isinstance(step, MeasurementStep)
