"""What a value of a recipe is measured by, where it is written as a part of a charge that the run itself has passed.

>>> taken_from("C/3 of step reference")
('C/3', MeasuredSource(cycle=None, step='reference'))
>>> str(taken_from("80 % of the step before")[1]), taken_from("80 % of nominal capacity")
('the step before', None)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

BEFORE = "the step before"
SOURCE_PATTERN = r"(cycle [1-9][0-9]{0,5}|step [A-Za-z0-9][A-Za-z0-9_.-]{0,63}|the step before)"
_SOURCE = re.compile(rf"(?P<head>.+?) +of +{SOURCE_PATTERN}")
# What is written for it by mistake: a name alone, or the word capacity in between.
_NEAR = re.compile(
    r"(?P<head>.+?) +of +(?:the +)?(?:measured +)?(?:capacity +of +)?"
    r"(?P<what>cycle|step)? *\"?(?P<name>[A-Za-z0-9][A-Za-z0-9_.-]{0,63})\"?(?: +before)?"
)
_NOMINAL = {"nominal", "capacity", "nominal_capacity"}


@dataclass(frozen=True, slots=True)
class MeasuredSource:
    """A charge that the run has passed before: of a whole cycle, of a named step, or of the step with current before.

    Without ``cycle`` and ``step`` it is the step before.
    """

    cycle: int | None = None
    step: str | None = None

    def __str__(self) -> str:
        if self.cycle is not None:
            return f"cycle {self.cycle}"
        return BEFORE if self.step is None else f"step {self.step}"


def taken_from(text: str) -> tuple[str, MeasuredSource] | None:
    """Part a text into the value and what it is measured by; None for a text that says no such thing."""
    found = _SOURCE.fullmatch(text.strip())
    if found is None:
        return None
    kind, _, name = found[2].partition(" ")
    if kind == "cycle":
        return found["head"], MeasuredSource(cycle=int(name))
    return found["head"], MeasuredSource(step=name if kind == "step" else None)


def meant_source(text: str) -> str | None:
    """Write what was probably meant by a source in other words; None where nothing is near."""
    found = _NEAR.fullmatch(text.strip())
    if found is None or found["name"] in _NOMINAL:
        return None
    head, what, name = found["head"], found["what"], found["name"]
    if what == "cycle" and name.isdigit():
        return f"{head} of cycle {name}"
    if name in {"step", "before"}:
        return f"{head} of {BEFORE}"
    return f"{head} of step {name}"
