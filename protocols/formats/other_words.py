"""What several formats say in other words, or not at all: the notes that their writers share."""

from __future__ import annotations

from decimal import Decimal

from protocols.formats.file_contents import Note
from protocols.formats.numbers import exact
from protocols.formats.plan import Asked, Item, Measured
from protocols.program import RecordedStep

_SECONDS_PER_HOUR = Decimal(3600)


def left_out(item: Item) -> Note:
    """Give the note on something for which a format has no step."""
    if isinstance(item, Measured):
        return Note(item.place, f"the measurement by the potentiostat ({item.segment.technique.kind}) is left out")
    what = f"the question to a person, {item.text!r}," if isinstance(item, Asked) else "the step"
    return Note(item.place, f"{what} is left out")


def ending_s(step: RecordedStep) -> float | None:
    """Give the seconds within which a step ends by its time, or by its charge where its current is constant."""
    capacity_ah, time_s = step.until.capacity_ah, step.until.time_s
    if capacity_ah is None or not step.constant_a:
        return time_s
    by_charge = float(exact(capacity_ah) * _SECONDS_PER_HOUR / exact(abs(step.constant_a)))
    return by_charge if time_s is None else min(by_charge, time_s)


def of_current(place: str, step: RecordedStep) -> list[Note]:
    """Give the notes on a set current in a format that knows no charges, and no step that goes on with its voltage."""
    if step.holds_voltage:
        return [Note(place, "a cc_cv is two steps there, each with the time of both", is_lost=False)]
    if step.until.capacity_ah is None or ending_s(step) == step.until.time_s:
        return []
    charge = f"{step.until.capacity_ah * 1000:.6g} mAh"
    return [Note(place, f"its charge, {charge}, is said as the time that takes", is_lost=False)]


def of_hold(place: str, step: RecordedStep, before: RecordedStep | None) -> list[Note]:
    """Give the notes on a held voltage in a format that has no current limit and no charge for it.

    ``before``: the step before it. A limit that is the current of a constant current up to the same voltage is implied.
    """
    found = []
    limit_a = None if step.sets_current else step.largest_a
    is_implied = (
        before is not None
        and bool(before.constant_a)
        and (before.largest_a, before.target_v)
        == (
            limit_a,
            step.target_v,
        )
    )
    if limit_a is not None and not is_implied:
        found.append(Note(place, f"its current limit, {limit_a * 1000:.6g} mA, has no place there"))
    if step.until.capacity_ah is not None:
        charge = f"{step.until.capacity_ah * 1000:.6g} mAh"
        told = f"a voltage held ends at {charge} here, and there by time or current alone"
        found.append(Note(place, told, is_lost=False))
    return found
