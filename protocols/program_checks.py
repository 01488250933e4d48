"""What makes a program unsound on any channel: steps without end, cutoffs on the wrong side, limits out of order.

`resolve` makes no such program. One may still come from a file, an import or a mistake of ours, and this is the last
look before a tester has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from itertools import pairwise
from math import isfinite

from protocols.cell_kinds import DEFAULTS, CellKind, on_wrong_side
from protocols.current_sign import Direction
from protocols.program import (
    CcCv,
    ConstantCurrent,
    ConstantVoltage,
    CyclingSegment,
    Limits,
    PoweredStep,
    Program,
    Rest,
)

Reason = tuple[int | None, str]  # the step it is about, or None, and the words without a full stop


def sentences(reasons: Iterable[Reason]) -> list[str]:
    """Make sentences in the order given, one for all the steps of which the same is said."""
    steps: dict[str, list[int]] = {}
    for number, text in reasons:
        said = steps.setdefault(text, [])
        if number is not None and number not in said:
            said.append(number)
    return [f"{_steps(numbers)}{text}." for text, numbers in steps.items()]


def flaws(program: Program, segment: CyclingSegment) -> Iterator[Reason]:
    """Give what is wrong with a segment on whichever channel."""
    if not segment.steps:
        yield None, "A segment has no steps"
    yield from _ends(segment)
    yield from _sides(program, segment)
    yield from _targets(segment)
    yield from _order(segment.limits)


def is_finite(value: object) -> bool:
    """Tell whether every number in it is finite: a NaN would pass all comparisons."""
    if is_dataclass(value):
        return all(is_finite(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, tuple):
        return all(is_finite(item) for item in value)
    return not isinstance(value, float) or isfinite(value)


def powered(segment: CyclingSegment) -> Iterator[tuple[int, PoweredStep]]:
    """Walk through the steps that pass current, with their numbers."""
    for number, step in enumerate(segment.steps, 1):
        if isinstance(step, ConstantCurrent | ConstantVoltage | CcCv):
            yield number, step


def direction(step: PoweredStep) -> Direction:
    """Tell which way a step passes current."""
    if isinstance(step, ConstantVoltage):
        return step.direction
    return Direction.CHARGE if step.current_a > 0 else Direction.DISCHARGE


def target_v(step: PoweredStep) -> float | None:
    """Give the voltage a step goes to, if it says so."""
    return step.until.voltage_v if isinstance(step, ConstantCurrent) else step.voltage_v


def currents(step: PoweredStep) -> Iterator[float]:
    """Give the magnitudes in amperes that a step sets or judges by."""
    if not isinstance(step, ConstantVoltage):
        yield abs(step.current_a)
    elif step.current_limit_a is not None:
        yield step.current_limit_a
    if step.until.current_a is not None:
        yield step.until.current_a


def symmetric(program: Program) -> bool:
    """Tell whether the program's cell rests at 0 V."""
    return program.cell.kind in set(CellKind) and DEFAULTS[CellKind(program.cell.kind)].symmetric


def in_volts(*values: float) -> str:
    """Write one voltage, or a band."""
    return " to ".join(f"{value:g}" for value in values) + " V"


def in_amperes(value: float) -> str:
    """Write a current as a technician reads it."""
    return f"{value:g} A" if value >= 1 else f"{value * 1000:g} mA"


def _steps(numbers: list[int]) -> str:
    if not numbers:
        return ""
    if len(numbers) == 1:
        return f"Step {numbers[0]}: "
    shown = [str(number) for number in numbers]
    if len(shown) > 6:
        return f"Steps {', '.join(shown[:5])} and {len(shown) - 5} more: "
    return f"Steps {', '.join(shown[:-1])} and {shown[-1]}: "


def _ends(segment: CyclingSegment) -> Iterator[Reason]:
    for number, step in enumerate(segment.steps, 1):
        if isinstance(step, Rest | PoweredStep) and step.until.time_s is not None and step.until.time_s <= 0:
            yield number, f"it lasts {step.until.time_s:g} s"
        if isinstance(step, Rest) and step.until.time_s is None:
            yield number, "a rest needs a time as its end"
    for number, step in powered(segment):
        until, ceiling = step.until, step.ceiling
        if until.time_s is until.voltage_v is until.current_a is until.capacity_ah is None:
            yield number, "it has no end condition"
        if until.time_s is ceiling.time_s is None:
            yield number, "nothing bounds its time"
        if until.capacity_ah is ceiling.capacity_ah is None:
            yield number, "nothing bounds its charge"
        if any(current_a <= 0 for current_a in currents(step)):
            yield number, "a current of zero or less"


def _sides(program: Program, segment: CyclingSegment) -> Iterator[Reason]:
    targets = [(number, direction(step), target_v(step)) for number, step in powered(segment)]
    for number, way, volts in targets:
        others = [other for _, its_way, other in targets if its_way is not way and other is not None]
        if volts is not None and on_wrong_side(way, volts, others, symmetric(program)):
            yield number, f"a {way} to {in_volts(volts)} is on the wrong side and would end at once"


def _targets(segment: CyclingSegment) -> Iterator[Reason]:
    host, host_a = segment.limits.host, segment.limits.host_current_a
    for number, step in powered(segment):
        volts = target_v(step)
        if volts is not None and not host.low_v < volts < host.high_v:
            yield number, f"{in_volts(volts)} is not inside the host's limits, {in_volts(host.low_v, host.high_v)}"
        for current_a in currents(step):
            if current_a >= host_a:
                yield number, f"{in_amperes(current_a)} is not below the host's limit, {in_amperes(host_a)}"


def _order(limits: Limits) -> Iterator[Reason]:
    layers = (
        ("host", limits.host, limits.host_current_a),
        ("tester", limits.tester, limits.tester_current_a),
        ("absolute", limits.absolute, limits.absolute_current_a),
    )
    for (inner, band, current_a), (outer, wider, larger_a) in pairwise(layers):
        if not wider.low_v < band.low_v < band.high_v < wider.high_v:
            wide, narrow = in_volts(wider.low_v, wider.high_v), in_volts(band.low_v, band.high_v)
            yield None, f"The {outer} limits, {wide}, are not wider than the {inner} limits, {narrow}"
        if larger_a <= current_a:
            larger, smaller = in_amperes(larger_a), in_amperes(current_a)
            yield None, f"The {outer} current limit, {larger}, is not above the {inner} limit, {smaller}"
