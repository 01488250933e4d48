"""What a run has passed in a step of its program, by its stored records: what later values of it are measured by."""

from __future__ import annotations

from collections import defaultdict
from math import isfinite

from orchestrator.judging.resuming import Placement, Position
from orchestrator.store import Store, TesterTestRow
from protocols.execution_order import length, nest, place
from protocols.program import CyclingSegment


def step_charge_ah(store: Store, tests: list[TesterTestRow], whole: CyclingSegment, step: int) -> float | None:
    """Return the charge (Ah, a magnitude) that a step of a segment has passed when it ran last; None where unknown.

    ``tests`` are those of the segment, in order: an interrupted step has run in several of them.
    """
    passed: dict[int, float] = defaultdict(float)
    begins = Position()
    most = length(nest(whole.steps))
    for test in tests:
        placement = Placement(whole, begins, CyclingSegment.from_json(test.program_json))
        for executed in store.steps(test.id):
            own = placement.count(executed.step_count)
            if own is not None and own <= most and place(whole.steps, own).step == step:
                passed[own] += executed.capacity_ah
        begins = placement.end(store.last_sample(test.id))
    found = passed[max(passed)] if passed else None
    return found if found is not None and isfinite(found) else None
