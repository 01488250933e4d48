"""The remaining part of a segment whose test was interrupted, as a segment that a tester can start.

Executions are counted as a tester's records count them: from 1, every record-making step that has begun, loops not
counted. The new test starts its own numbers again; ``original_place`` leads from them to those of the original program.

>>> from protocols.loading import load_cell, load_recipe
>>> from protocols.resolve import resolve
>>> (segment,) = resolve(load_recipe("li-li-0.2"), load_cell("bare-li-li")).cycling
>>> rest = remaining(segment, executed_steps=277, step_time_s=600.0, passed_ah=2.618e-05)
>>> [step.kind for step in rest.steps][3:]
['constant_current', 'constant_current', 'constant_current', 'loop']
>>> rest.steps[3].until.time_s, rest.steps[-1].times
(3000.0, 163)
>>> cycles_done(segment, 277), original_place(segment, 277, 600.0, 2.618e-05, count=5)
(136, Place(step=4, cycle=138))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import takewhile
from math import isfinite

from protocols.execution_order import Block, Leaf, Node, Place, flatten, length, nest, place
from protocols.program import CyclingSegment, Loop, Purpose, RecordedStep, Rest, Step, Until
from protocols.program_steps import with_ends

REST_AFTER_CHECK_S = 60.0
# A tester looks for a step's end every 0.1 s (reference neware-ct4008, 7.3): with less than half of that left it ended.
_HALF_TICK_S = Decimal("0.05")


def remaining(
    segment: CyclingSegment, executed_steps: int, step_time_s: float, passed_ah: float
) -> CyclingSegment | None:
    """Give the segment that executes the steps and passes still to be executed; None if there are none.

    ``executed_steps`` is the step count of the last stored record, ``step_time_s`` and ``passed_ah`` (a magnitude) are
    its time and charge in that step. Contact checks in front are made again, with a rest after them, and so are those
    of a segment that began without them; a run that did not get past them starts anew, whole. The interrupted step
    keeps its voltage and taper ends, and is left out if less than half a tick of the tester (0.1 s) is left of its time
    or charge or of their ceilings. For a step known to have ended otherwise, give the count after it, with zeros.
    Raises ValueError for what no record of this segment can say.
    """
    nodes = _checked(segment, executed_steps, step_time_s, passed_ah)
    if executed_steps <= len(_in_front(segment.steps)):
        return segment
    checks = _checks(segment)
    steps = flatten(_after(nodes, executed_steps - 1, step_time_s, passed_ah))
    if not steps:
        return None
    lead = _lead(checks)
    moved = (replace(step, back_to=step.back_to + len(lead)) if isinstance(step, Loop) else step for step in steps)
    return replace(segment, steps=(*lead, *moved))


def cycles_done(segment: CyclingSegment, executed_steps: int) -> int:
    """Tell how many raw cycles were behind the interrupted step: its raw cycle number minus 1.

    In the new test the interrupted pass and the first whole pass after it may bear the same raw number, because no jump
    lies between them. Only ``original_place`` tells the cycle of every execution.
    """
    nodes = _checked(segment, executed_steps, 0.0, 0.0)
    return place(segment.steps, min(max(executed_steps, 1), length(nodes))).cycle - 1


def original_place(
    segment: CyclingSegment, executed_steps: int, step_time_s: float, passed_ah: float, count: int
) -> Place | None:
    """Tell which step and raw cycle of ``segment`` the ``count``-th execution of its remaining segment continues.

    The other arguments are those given to ``remaining``. None for the checks made again and the rest after them. Raises
    ValueError if the remaining segment has no such execution.
    """
    nodes = _checked(segment, executed_steps, step_time_s, passed_ah)
    if executed_steps <= len(_in_front(segment.steps)):
        return place(segment.steps, count)
    checks = _checks(segment)
    left = length(_after(nodes, executed_steps - 1, step_time_s, passed_ah))
    own = count - len(_lead(checks))
    if count < 1 or own > left:
        raise ValueError(f"execution {count} of a remaining segment that has {left} besides its checks")
    return place(segment.steps, length(nodes) - left + own) if own > 0 else None


def _checked(segment: CyclingSegment, executed_steps: int, step_time_s: float, passed_ah: float) -> tuple[Node, ...]:
    """Give the segment's blocks, after a look at the numbers: a NaN would pass all comparisons."""
    nodes = nest(segment.steps)
    if not 0 <= executed_steps <= length(nodes) + 1:
        raise ValueError(f"{executed_steps} steps executed of a segment that has {length(nodes)}")
    for value, unit in ((step_time_s, "s"), (passed_ah, "Ah")):
        if not isfinite(value) or value < 0:
            raise ValueError(f"{value} {unit} passed in the interrupted step")
    return nodes


def _checks(segment: CyclingSegment) -> tuple[RecordedStep, ...]:
    """Give the contact checks to be made again: those in front, or those of a segment that begins without them."""
    return _in_front(segment.steps) or _in_front(segment.checks_on_resume)


def _in_front(steps: Sequence[Step]) -> tuple[RecordedStep, ...]:
    """Give the contact checks in front; one that comes later is a step like any other."""
    in_front = takewhile(lambda step: not isinstance(step, Loop) and step.purpose is Purpose.CHECK, steps)
    return tuple(step for step in in_front if not isinstance(step, Loop))


def _lead(checks: tuple[RecordedStep, ...]) -> tuple[RecordedStep, ...]:
    """Give the steps before the interrupted one: the contact checks and a rest, itself a check if interrupted again."""
    if not checks or checks[-1].direction is None:
        return checks
    return (*checks, Rest(Until(time_s=REST_AFTER_CHECK_S), purpose=Purpose.CHECK))


def _after(nodes: Sequence[Node], done: int, step_time_s: float, passed_ah: float) -> tuple[Node, ...]:
    """Give the nodes still to be executed when execution ``done`` (from 0) was interrupted."""
    for index, node in enumerate(nodes):
        if done >= node.length:
            done -= node.length
            continue
        following = tuple(nodes[index + 1 :])
        if isinstance(node, Leaf):
            step = _reduced(node.step, step_time_s, passed_ah)
            return following if step is None else (replace(node, step=step), *following)
        passes, done = divmod(done, length(node.body))
        begun = _after(node.body, done, step_time_s, passed_ah)
        left = node.times - passes
        if begun == node.body:  # nothing has passed of this pass
            return (replace(node, times=left), *following)
        whole = (Block(node.body, left - 1),) if left > 1 else ()
        return (*begun, *whole, *following)
    return ()


def _reduced(step: RecordedStep, step_time_s: float, passed_ah: float) -> RecordedStep | None:
    """Subtract the passed time and charge from a step's ends and ceilings; None if any of them is used up."""
    half_tick_ah = _HALF_TICK_S * _exact(step.largest_a or 0.0) / 3600
    until, ceiling = step.until, step.ceiling
    time_s, bound_s = _less(until.time_s, step_time_s), _less(ceiling.time_s, step_time_s)
    capacity_ah, bound_ah = _less(until.capacity_ah, passed_ah), _less(ceiling.capacity_ah, passed_ah)
    used_up = any(value is not None and value < _HALF_TICK_S for value in (time_s, bound_s))
    # Where no current is known, half a tick is no charge, and a charge of zero is used up too.
    charges = (capacity_ah, bound_ah)
    used_up = used_up or any(value is not None and (value <= 0 or value < half_tick_ah) for value in charges)
    if used_up:
        return None
    left = replace(until, time_s=_float(time_s), capacity_ah=_float(capacity_ah))
    expected_ah = _float(_less(ceiling.expected_ah, passed_ah))
    expected_ah = expected_ah if expected_ah and expected_ah > 0 else None
    bounds = replace(ceiling, time_s=_float(bound_s), capacity_ah=_float(bound_ah), expected_ah=expected_ah)
    return with_ends(step, left, bounds)


def _less(value: float | None, passed: float) -> Decimal | None:
    """Subtract as written in decimals, so that 3600 - 1234.7 is 2365.3 and totals come out exactly."""
    return None if value is None else _exact(value) - _exact(passed)


def _exact(value: float) -> Decimal:
    return Decimal(str(value))


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
