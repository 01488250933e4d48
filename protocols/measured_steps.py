"""Which steps of a recipe have values that the run measures first, and by which earlier steps or cycles it does.

A value is known when the program of its step is written: what it is measured by must be over then. ``protocols.pieces``
cuts the steps accordingly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from protocols.control_flow import Flaw, all_steps
from protocols.load_steps import ConstantPowerStep, ConstantResistanceStep
from protocols.measured_source import MeasuredSource
from protocols.quantities import Quantity
from protocols.recipe_steps import (
    CcCvStep,
    ConstantCurrentStep,
    Path,
    PoweredRecipeStep,
    RecipeStep,
    RepeatStep,
    step_name,
)

CURRENT, CAPACITY = ("current",), ("until", "capacity")
_MEASURABLE = ConstantCurrentStep | CcCvStep | ConstantPowerStep | ConstantResistanceStep


@dataclass(frozen=True, slots=True)
class Link:
    """A measured value of a step: its key, how it is written, and the step that it is measured by, or a cycle."""

    key: Path
    written: Quantity
    step: Path | None = None
    cycle: int | None = None


def links(steps: Sequence[RecipeStep]) -> dict[Path, tuple[Link, ...]]:
    """Give the measured values of steps by their places; those whose source does not exist are left out."""
    named = _named(steps)
    found: dict[Path, tuple[Link, ...]] = {}
    for path, key, written, source in _values(steps):
        at = _source(steps, path, source, named)
        if at is not None or source.cycle is not None:
            found[path] = (*found.get(path, ()), Link(key, written, at, source.cycle))
    return found


def measured_flaws(steps: Sequence[RecipeStep]) -> Iterator[Flaw]:
    """Give the values that nothing measures before their step: the place, what was seen, and what was expected."""
    named, by_path = _named(steps), dict(all_steps(steps))
    for path, key, written, source in _values(steps):
        if source.cycle is not None:
            continue
        at = _source(steps, path, source, named)
        if at is None:
            yield _unknown(path, key, written, source, named, by_path)
        elif not isinstance(by_path[at], _MEASURABLE):
            kind = by_path[at].step
            expected = "a step with a set current, power or resistance, whose charge is measured"
            yield (*path, *key), f"{written}, and {step_name(at)} is a {kind}", expected
        elif at >= path:
            there = "itself" if at == path else f"{step_name(at)}, which runs later"
            yield (*path, *key), f"{written}, which is {there}", "a step that has run before this one"


def _unknown(
    path: Path,
    key: Path,
    written: Quantity,
    source: MeasuredSource,
    named: Mapping[str, Path],
    by_path: Mapping[Path, RecipeStep],
) -> Flaw:
    if source.step is None:
        expected = "the name of an earlier step: `name: NAME` there, and `of step NAME` here"
        return (*path, *key), f"{written}, with no step with current before it among its own", expected
    known = ", ".join(sorted(name for name, at in named.items() if isinstance(by_path[at], _MEASURABLE)))
    expected = f"the name of an earlier step; there are: {known}" if known else "`name:` at the step that is meant"
    return (*path, *key), f"{written}, a name that no step has", expected


def _named(steps: Sequence[RecipeStep]) -> dict[str, Path]:
    return {step.name: path for path, step in reversed(list(all_steps(steps))) if step.name is not None}


def measured_in(step: RecipeStep) -> list[Quantity]:
    """Give the values of one step that the run measures first, as they are written."""
    return [written for _, written, _ in _of_step(step)]


def _of_step(step: RecipeStep) -> Iterator[tuple[Path, Quantity, MeasuredSource]]:
    if isinstance(step, PoweredRecipeStep):
        for key, written in ((CURRENT, step.largest), (CAPACITY, step.until.capacity)):
            if written is not None and written.of is not None:
                yield key, written, written.of


def _values(steps: Sequence[RecipeStep]) -> Iterator[tuple[Path, Path, Quantity, MeasuredSource]]:
    """Yield the measured values with the place of their step, their key, and what measures them."""
    for path, step in all_steps(steps):
        for key, written, source in _of_step(step):
            yield path, key, written, source


def _source(steps: Sequence[RecipeStep], path: Path, source: MeasuredSource, named: Mapping[str, Path]) -> Path | None:
    """Give the place of the step that measures a value; None without one, and for a cycle."""
    if source.cycle is not None:
        return None
    if source.step is not None:
        return named.get(source.step)
    own, index = path[:-1], path[-1]
    if not isinstance(index, int):
        return None
    beside = _inside(steps, own)
    before = [n for n in range(index) if not isinstance(beside[n], RepeatStep)]
    driven = [n for n in before if isinstance(beside[n], PoweredRecipeStep)]
    # What a loop between the two passes last is not the step that is written before this one.
    if not driven or any(isinstance(beside[n], RepeatStep) for n in range(driven[-1], index)):
        return None
    return (*own, driven[-1])


def _inside(steps: Sequence[RecipeStep], at: Path) -> Sequence[RecipeStep]:
    """Give the steps of a loop, whose place ends with the key of its steps."""
    found = steps
    for part in at[1:]:
        if isinstance(part, int):
            around = found[part]
            found = around.steps if isinstance(around, RepeatStep) else ()
    return found
