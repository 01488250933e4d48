"""Writes a plan as a step file of Neware's BTS."""

from __future__ import annotations

from collections.abc import Sequence

from protocols.formats.file_contents import FormatError, Note, Written
from protocols.formats.neware_file import STEPS_MAX, Dialect, Schedule, can_hold, step_file
from protocols.formats.other_words import left_out
from protocols.formats.plan import Driven, Item, Plan, Repeated
from protocols.program import Loop, Step

_LABEL_MAX = 60
_NESTED_MAX = 3


def write(plan: Plan, unix_s: float) -> Written:
    """Write the step file of a plan. Raises FormatError for one that no tester's file holds."""
    steps: list[Step] = []
    notes: list[Note] = []
    _add(plan.items, steps, notes, 0)
    if not steps:
        raise FormatError("no step of the recipe is one of a battery tester")
    if len(steps) + 1 > STEPS_MAX:
        raise FormatError(
            f"{len(steps) + 1} steps with the end; a step file holds {STEPS_MAX}: export parts of the recipe"
        )
    limits = plan.limits
    schedule = Schedule(tuple(steps), plan.record, limits.tester, limits.tester_current_a, limits.tester_delay_s)
    told = (*plan.notes, *notes)
    label = plan.name.encode("ascii", "replace").decode()[:_LABEL_MAX]
    head = f"cellrig recipe {plan.name} for cell {plan.cell.name}"
    return Written(step_file(schedule, label, unix_s, Dialect(), [head, *map(str, told)]), told)


def _add(items: Sequence[Item], steps: list[Step], notes: list[Note], level: int) -> None:
    for item in items:
        if isinstance(item, Driven) and can_hold(item.step, Dialect()):
            steps.append(item.step)
        elif isinstance(item, Repeated):
            if level == _NESTED_MAX:
                raise FormatError(f"{item.place} is a loop in {_NESTED_MAX} others; a tester nests {_NESTED_MAX}")
            first = len(steps) + 1
            _add(item.items, steps, notes, level + 1)
            if len(steps) >= first:
                steps.append(Loop(first, item.times))
        else:
            notes.append(left_out(item))
