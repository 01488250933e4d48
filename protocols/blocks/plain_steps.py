"""Makes the plain steps of which blocks consist; None leaves a condition out."""

from __future__ import annotations

from collections.abc import Sequence

from protocols.branches import StepEnd
from protocols.conditions import ConditionBlock, Threshold
from protocols.current_sign import Direction
from protocols.quantities import Quantity
from protocols.recipe_steps import (
    CcCvStep,
    ConstantCurrentStep,
    ConstantVoltageStep,
    RecipeStep,
    RepeatStep,
    RestStep,
)
from protocols.step_ends import CurrentUntil, RecordRule, RestUntil, VoltageUntil


def rest(
    time: Quantity | None, record: RecordRule | None = None, drift_below: Threshold | None = None
) -> tuple[RecipeStep, ...]:
    """Give a rest, which may end before its time when its voltage drifts by less; nothing without a time."""
    if time is None:
        return ()
    return (RestStep(step="rest", until=RestUntil(time=time, drift_below=drift_below), record=record),)


def constant_current(
    direction: Direction,
    current: Quantity,
    *,
    time: Quantity | None = None,
    voltage: Quantity | None = None,
    capacity: Quantity | None = None,
    record: RecordRule | None = None,
    leaves_at_voltage: bool = False,
) -> RecipeStep:
    """Give a constant current until the first of its ends; it leaves the loop around it where that is the voltage."""
    until = CurrentUntil(time=time, voltage=voltage, capacity=capacity)
    when = (ConditionBlock(ended_by=StepEnd.VOLTAGE),) if leaves_at_voltage else ()
    return ConstantCurrentStep(
        step="constant_current", direction=direction, current=current, until=until, record=record, when=when
    )


def to_voltage(direction: Direction, current: Quantity, voltage: Quantity, taper: Quantity | None) -> RecipeStep:
    """Give a constant current to a voltage, which is held until the current is ``taper``, where one is given."""
    if taper is None:
        return constant_current(direction, current, voltage=voltage)
    until = VoltageUntil(current=taper)
    return CcCvStep(step="cc_cv", direction=direction, current=current, voltage=voltage, until=until)


def constant_voltage(
    direction: Direction, voltage: Quantity, limit: Quantity, time: Quantity, record: RecordRule | None = None
) -> RecipeStep:
    """Give a voltage that is held for a time, with a limit of its current."""
    return ConstantVoltageStep(
        step="constant_voltage",
        direction=direction,
        voltage=voltage,
        until=VoltageUntil(time=time),
        current_limit=limit,
        record=record,
    )


def repeat(times: int, steps: Sequence[RecipeStep]) -> tuple[RecipeStep, ...]:
    """Give steps that run ``times`` times in all; as they are where that is once."""
    return tuple(steps) if times == 1 else loop(times, steps)


def loop(
    times: int, steps: Sequence[RecipeStep], until: ConditionBlock | None = None, then: str | None = None
) -> tuple[RecipeStep, ...]:
    """Give steps as a loop, which may be of one pass, until a condition holds behind a pass."""
    conditions = () if until is None else (until,)
    return (RepeatStep(step="repeat", times=times, steps=tuple(steps), until=conditions, then=then),)


def cycle(
    begin: Direction, charge: RecipeStep, discharge: RecipeStep, pause: tuple[RecipeStep, ...]
) -> tuple[RecipeStep, ...]:
    """Give a cycle that begins in this direction, with a pause behind each of its halves."""
    first, second = (charge, discharge) if begin is Direction.CHARGE else (discharge, charge)
    return first, *pause, second, *pause
