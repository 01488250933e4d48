"""The steps of a recipe as ``voltage_order`` judges them: which of them end as they begin, and what to say of it."""

from __future__ import annotations

from collections.abc import Sequence

from protocols.cell import Band
from protocols.current_sign import Direction
from protocols.quantities import Dimension
from protocols.recipe_steps import (
    CyclicVoltammetryStep,
    EisStep,
    Path,
    PoweredRecipeStep,
    RecipeStep,
    RepeatStep,
    powered_steps,
    step_name,
)
from protocols.voltage_order import Drive, Event, OrderFlaw, Passes, Pause, flaws

_SECONDS_PER_HOUR = 3600


def order_flaws(steps: Sequence[RecipeStep], window: Band | None) -> list[OrderFlaw]:
    """Give the steps of a recipe that end as they begin each time they run; their keys are paths into the recipe.

    ``window`` is where the open-circuit voltage (V) of a cell lies as it is mounted.
    """
    mounted = None if window is None else (float(window[0]), float(window[1]))
    return [flaw for flaw in flaws(_events(steps, _one_dimension(steps)), mounted) if flaw.is_unsound]


def told(flaw: OrderFlaw) -> tuple[str, str]:
    """Say what is wrong with a step that ends as it begins: what was seen, and what was expected."""
    up = flaw.direction is Direction.CHARGE
    behind = "the open-circuit window of the cell"
    if isinstance(flaw.behind, tuple):
        behind = f"{step_name(flaw.behind)}, which {flaw.by}s to {flaw.begins_v:g} V"
    beyond = "or above" if up else "or below"
    seen = f"{flaw.target_v:g} V to end a {flaw.direction} that begins at {flaw.begins_v:g} V {beyond}, after {behind}"
    if flaw.behind is None:
        seen = f"{flaw.target_v:g} V to end a {flaw.direction} of a cell at {flaw.begins_v:g} V {beyond} ({behind})"
    side = "above" if up else "below"
    return seen, f"a voltage {side} {flaw.begins_v:g} V, or another order of steps: this one would end as it begins"


def _events(steps: Sequence[RecipeStep], comparable: bool, at: Path = ()) -> tuple[Event, ...]:
    return tuple(_event(step, comparable, (*at, "steps", index)) for index, step in enumerate(steps))


def _event(step: RecipeStep, comparable: bool, path: Path) -> Event:
    if isinstance(step, RepeatStep):
        return Passes(_events(step.steps, comparable, path), step.times)
    if isinstance(step, PoweredRecipeStep):
        return _drive(step, comparable, path)
    return Pause(moves=isinstance(step, CyclicVoltammetryStep) or (isinstance(step, EisStep) and step.bias is not None))


def _drive(step: PoweredRecipeStep, comparable: bool, path: Path) -> Drive:
    taper, target = step.until.current, step.target
    largest, tapered = (None if q is None or not comparable else float(q.exact) for q in (step.largest, taper))
    return Drive(
        path,
        step.direction,
        None if target is None else target.value,
        first=largest,
        last=tapered if step.holds_voltage else largest,
        holds=step.holds_voltage,
        is_sure=_is_sure(step) and (not step.holds_voltage or taper is not None),
        ends_by_itself=not step.holds_voltage or taper is not None,
    )


def _is_sure(step: PoweredRecipeStep) -> bool:
    """Tell whether nothing but its voltage ends a step before the cell is full: by its C rate, where it has one."""
    time, current = step.until.time, step.largest
    if step.until.capacity is not None:
        return False
    if time is None:
        return True
    is_rate = current is not None and current.dimension is Dimension.RATE and current.of is None
    return current is not None and is_rate and current.exact * time.exact >= _SECONDS_PER_HOUR


def _one_dimension(steps: Sequence[RecipeStep]) -> bool:
    """Tell whether all currents of a recipe can be compared: a recipe knows no cell that would convert them."""
    currents = [q for _, step in powered_steps(steps) for q in (step.largest, step.until.current) if q is not None]
    return len({(current.dimension, current.of) for current in currents}) == 1
