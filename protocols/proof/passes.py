"""Passes of a loop that the host decides: each must move its cell, as those of a loop of the tester must.

Such a loop is written out, a segment or more for each pass. A charge to a voltage that nothing else ends brings the
cell there; the same charge again, with no rest and no discharge between, ends as it begins, however often it is
decided.

>>> from protocols.program import ConstantCurrent, Rest, Until
>>> charge, rest = ConstantCurrent(1e-3, Until(voltage_v=4.0)), Rest(Until(time_s=60.0))
>>> [again(charge, steps) for steps in ((charge,), (charge, rest), (charge, ConstantCurrent(-1e-3, Until(60.0))))]
[True, False, False]
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from protocols.branches import StepEnd
from protocols.program import CyclingSegment, Segment
from protocols.program_steps import PoweredStep, RecordedStep, Step, recorded
from protocols.proof.findings import Rule, unproven


def again(step: RecordedStep, before: Sequence[Step]) -> bool:
    """Tell whether a step ends as it begins, because it has run among the last of the steps before it.

    What is between may only bring the cell further: steps in the same direction that nothing but a voltage ends.
    """
    if not _only_voltage(step):
        return False
    for _, other in reversed(recorded(before)):
        if other.direction is not step.direction or not _only_voltage(other):
            return False
        if other == step:
            return True
    return False


def passes_move(segments: Sequence[Segment]) -> None:
    """See that no segment begins with what those before it have done just now. Raises Unproven."""
    # The steps in one direction with which the segments up to here end.
    tail: tuple[Step, ...] = ()
    for index, (before, segment) in enumerate(pairwise(segments), 1):
        tail = _tail(before, tail)
        if not tail or not isinstance(segment, CyclingSegment) or not _follows(before, segment):
            tail = ()
            continue
        number, first = recorded(segment.steps)[0]
        if again(first, tail) and isinstance(first, PoweredStep):
            what = f"a {first.direction} to {first.target_v:g} V, once more with nothing between"
            raise unproven(
                Rule.LOOPS,
                f"test {index + 1}, step {number}",
                what,
                "The one before it brings the cell there. This one, and every later one, ends as it begins.",
                "A loop that only a decision ends does nothing so: put the other direction or a rest between them, or "
                "give the step a time or a capacity.",
            )


def _tail(segment: Segment, earlier: tuple[Step, ...]) -> tuple[Step, ...]:
    """Give the last steps that only a voltage ends, those of earlier segments before them where it has no others."""
    if not isinstance(segment, CyclingSegment) or not segment.steps:
        return ()
    if len(segment.steps) == 1:
        return (*earlier[-_KEPT:], *segment.steps) if _only_voltage(recorded(segment.steps)[0][1]) else ()
    steps = [step for _, step in recorded(segment.steps)]
    count = next((n for n, step in enumerate(reversed(steps)) if not _only_voltage(step)), len(steps))
    own = tuple(steps[len(steps) - count :])
    return (*earlier[-_KEPT:], *own) if count == len(steps) else own


# Steps of a pass that are compared: more than a person writes in one direction without a rest.
_KEPT = 20


def _only_voltage(step: RecordedStep) -> bool:
    until = step.until
    return isinstance(step, PoweredStep) and until.time_s is None and until.capacity_ah is None


def _follows(before: Segment, segment: CyclingSegment) -> bool:
    """Tell whether the cell comes to a segment as the one before it has left it, at the voltage of its last step."""
    if not isinstance(before, CyclingSegment) or before.host_may_end or segment.prompt is not None:
        return False
    if before.temperature != segment.temperature or not segment.steps:
        return False
    return all(branch.reason is not StepEnd.VOLTAGE for branch in before.after)
