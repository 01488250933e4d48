"""A recipe for one cell as other programs are told it: its steps in absolute values, with its loops and their places.

A program is flat and cut where the host acts; other formats have loops of their own, and measurements inside them. A
plan has the tree of the recipe and the values of the program.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from protocols.cell import DEFAULTS, Cell
from protocols.formats.file_contents import Note
from protocols.limit_blocks import PhaseLimits
from protocols.measured_steps import measured_in
from protocols.parting import programs_of
from protocols.pieces import Cycling
from protocols.program import (
    CellFacts,
    CyclingSegment,
    Limits,
    MeasurementSegment,
    Program,
    Purpose,
    Record,
    RecordedStep,
    VoltageBand,
)
from protocols.program_steps import bounded, recorded
from protocols.recipe import Recipe
from protocols.recipe_steps import Path, PromptStep, RecipeStep, RepeatStep, host_end, temperature_end
from protocols.resolve import resolve


@dataclass(frozen=True, slots=True)
class Driven:
    """A step of a battery tester: what ends it at the latest is an end like any other."""

    place: str
    step: RecordedStep


@dataclass(frozen=True, slots=True)
class Measured:
    """A measurement by a potentiostat."""

    place: str
    segment: MeasurementSegment


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to a person, who says when the run goes on."""

    place: str
    text: str


@dataclass(frozen=True, slots=True)
class Repeated:
    """A loop: ``times`` passes in all."""

    place: str
    times: int
    items: tuple[Item, ...]


Item = Driven | Measured | Asked | Repeated


@dataclass(frozen=True, slots=True)
class Plan:
    """A recipe for one cell. ``notes``: what no other program is told, whatever the format."""

    name: str
    title: str
    cell: CellFacts
    record: Record
    limits: Limits
    items: tuple[Item, ...]
    program: Program
    notes: tuple[Note, ...]


def plan_of(recipe: Recipe, cell: Cell) -> Plan:
    """Give the plan of a recipe for a cell. Raises ResolveError where there is no program."""
    program = resolve(recipe, cell)
    found = _values(recipe, program)
    limits = _widest([segment.limits for segment in program.cycling])
    return Plan(
        recipe.name,
        recipe.title,
        program.cell,
        program.cycling[0].record,
        limits,
        tuple(_items(recipe, recipe.steps, (), found)),
        program,
        (
            *_beside(recipe, cell, program, limits),
            *_decided(recipe, recipe.steps, ()),
            *_bounds(recipe, found),
            *_unlike_passes(recipe, program, found),
        ),
    )


def _widest(all_limits: Sequence[Limits]) -> Limits:
    """Give limits within which every part of a program runs: a file has one protection for the whole test."""

    def band(bands: Sequence[VoltageBand]) -> VoltageBand:
        return VoltageBand(min(one.low_v for one in bands), max(one.high_v for one in bands))

    return Limits(
        band([one.host for one in all_limits]),
        band([one.tester for one in all_limits]),
        band([one.absolute for one in all_limits]),
        max(one.host_current_a for one in all_limits),
        max(one.tester_current_a for one in all_limits),
        max(one.absolute_current_a for one in all_limits),
        max(one.tester_delay_s for one in all_limits),
    )


def driven(items: Sequence[Item]) -> Iterator[Driven]:
    """Yield the steps of a battery tester, each once, in the order written."""
    for item in items:
        if isinstance(item, Driven):
            yield item
        elif isinstance(item, Repeated):
            yield from driven(item.items)


_Values = dict[Path, RecordedStep | MeasurementSegment]


def _values(recipe: Recipe, program: Program) -> _Values:
    """Give what stands in the program for each step of a recipe; of one that is written out in passes, the first."""
    found: _Values = {}
    for path, value in _all_values(recipe, program):
        found.setdefault(path, value)
    return found


def _all_values(recipe: Recipe, program: Program) -> Iterator[tuple[Path, RecordedStep | MeasurementSegment]]:
    """Yield the steps of a recipe with what stands in the program for them, pass by pass where it is written out."""
    checks = sum(step.purpose is Purpose.CHECK for _, step in recorded(program.cycling[0].steps))
    pieces = programs_of(recipe.steps, recipe.temperature, checks)
    for piece, segment in zip(pieces, program.segments, strict=True):
        if not isinstance(piece, Cycling):
            if isinstance(segment, MeasurementSegment):
                yield piece.path, segment
        elif isinstance(segment, CyclingSegment) and piece.steps:
            own = (step for _, step in recorded(segment.steps) if step.purpose is Purpose.RECIPE)
            yield from zip(_paths(piece.steps), own, strict=True)


def _unlike_passes(recipe: Recipe, program: Program, found: _Values) -> Iterator[Note]:
    """Yield a line for each step that is not the same in all passes of its loop: a file's loop has one of them."""
    unlike = {
        path
        for path, value in _all_values(recipe, program)
        if isinstance(value, RecordedStep) and _written(value) != _written(found[path])
    }
    for path in found:
        if path in unlike:
            yield Note(recipe.place(path), "its values differ from pass to pass: those of the first are in the file")


def _written(value: RecordedStep | MeasurementSegment) -> object:
    """Give what a file says of a step."""
    if isinstance(value, MeasurementSegment):
        return value
    step = bounded(value)
    return step.until, step.largest_a, step.target_v, step.power_w, step.resistance_ohm, step.record


def _paths(steps: Sequence[tuple[Path, RecipeStep]]) -> Iterator[Path]:
    for path, step in steps:
        if isinstance(step, RepeatStep):
            yield from _paths([((*path, "steps", n), inner) for n, inner in enumerate(step.steps)])
        else:
            yield path


def _items(recipe: Recipe, steps: Sequence[RecipeStep], at: Path, found: _Values) -> Iterator[Item]:
    for n, step in enumerate(steps):
        path = (*at, "steps", n)
        place = recipe.place(path)
        value = found.get(path)
        if isinstance(step, RepeatStep):
            yield Repeated(place, step.times, tuple(_items(recipe, step.steps, path, found)))
        elif isinstance(step, PromptStep):
            yield Asked(place, step.text)
        elif isinstance(value, MeasurementSegment):
            yield Measured(place, value)
        elif value is not None:
            yield Driven(place, bounded(value))


def _decided(recipe: Recipe, steps: Sequence[RecipeStep], at: Path) -> Iterator[Note]:
    """Yield what the host decides by what is measured, what it ends, and temperatures: no file of a tester says it."""
    for n, step in enumerate(steps):
        path = (*at, "steps", n)
        place = recipe.place(path)
        if (isinstance(step, RepeatStep) and step.until) or getattr(step, "when", ()):
            yield Note(place, "its conditions on what is measured (until, when) are decided by cellrig: left out")
        if host_end(step) is not None:
            yield Note(place, "its end by drift or collapse of the voltage is ordered by cellrig: left out")
        if (degrees := temperature_end(step)) is not None:
            yield Note(place, f"its end by {degrees.told} is ordered by cellrig: left out")
        for written in measured_in(step):
            what = f"{written} is measured by cellrig while the run goes on: what is expected of it is written"
            yield Note(place, what)
        if not isinstance(step, PromptStep) and step.temperature is not None:
            yield Note(place, f"its temperature, {step.temperature.target}, is left out")
        if not isinstance(step, PromptStep) and step.limits is not None:
            yield Note(place, f"its own limits, {_layers(step.limits)}, are left out: the widest of the test hold")
        if isinstance(step, RepeatStep):
            yield from _decided(recipe, step.steps, path)


def _layers(limits: PhaseLimits) -> str:
    layers = (("host", limits.host), ("tester", limits.tester))
    return ", ".join(f"{name} {band.low} to {band.high}" for name, band in layers if band is not None)


def _beside(recipe: Recipe, cell: Cell, program: Program, limits: Limits) -> Iterator[Note]:
    """Yield what cellrig's host does beside a test."""
    if recipe.temperature is not None:
        yield Note("temperature", f"{recipe.temperature.target} is left out")
    first = program.cycling[0]
    if any(getattr(step, "purpose", None) is Purpose.CHECK for step in first.steps):
        yield Note("check_block", "the contact check is left out: nothing there judges it", is_lost=False)
    host, absolute = limits.host, limits.absolute
    kept = "an import takes those of the kind of cell"
    if DEFAULTS[cell.kind].host is None or recipe.limits.host is not None or recipe.limits.absolute is not None:
        kept = "an import chooses others"
    layers = f"host {host.low_v:g} to {host.high_v:g} V, absolute {absolute.low_v:g} to {absolute.high_v:g} V"
    yield Note("limits", f"{layers}: cellrig alone watches them; {kept}", is_lost=False)
    if recipe.limits.temperature is not None:
        trips = recipe.limits.temperature.in_program().told
        yield Note("limits", f"cellrig trips the run at a {trips}: left out")
    if recipe.guards.changes:
        yield Note("guards", "what is set otherwise than by default is left out", is_lost=False)


def _bounds(recipe: Recipe, found: _Values) -> Iterator[Note]:
    """Yield the bounds at which cellrig stops a run: a tester that is told them goes on with the next step there."""
    for path, step in found.items():
        if isinstance(step, MeasurementSegment):
            continue
        bounds = [
            f"{value:.6g} {unit}"
            for value, unit in (
                (None if step.ceiling.time_s is None else step.ceiling.time_s / 3600, "h"),
                (None if step.ceiling.capacity_ah is None else step.ceiling.capacity_ah * 1000, "mAh"),
            )
            if value is not None
        ]
        if bounds:
            what = f"cellrig stops the run at {' or '.join(bounds)}; there it is an end, and the test goes on"
            yield Note(recipe.place(path), what, is_lost=False)
