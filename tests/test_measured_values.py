"""Values that a run measures first: shares and rates of a charge that it has passed, on the simulated rack."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.events import EventKind
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import Store
from orchestrator.tables.run_data import RunData
from protocols.program import CyclingSegment
from tests.decided import request, told, until
from tests.rig import CHANNEL, open_rig
from tests.service_rig import check_rows, serving, state

_REFERENCE = """
  - {step: constant_current, direction: charge, current: 2 C, until: {voltage: 4.0 V}}
  - {step: constant_current, name: reference, direction: discharge, current: 2 C, until: {voltage: 2.8 V}}
  - {step: constant_current, direction: charge, current: 2 C of step reference, until: {voltage: 4.0 V}}
"""
_DEPTHS = f"""{_REFERENCE}
  - step: repeat
    times: 3
    steps:
      - {{step: constant_current, direction: discharge, current: 2 C of cycle 1,
         until: {{capacity: 20 % of cycle 1, voltage: 2.8 V}}}}
      - {{step: rest, until: {{time: 2 min}}}}
"""


def loaded(store: Store, run: Run) -> list[CyclingSegment]:
    """Give what the tester was told in each test of a run."""
    return [CyclingSegment.from_json(test.program_json) for test in store.tests(run.run_id)]


async def test_depths_are_shares_of_the_capacity_that_the_run_has_measured(store: Store) -> None:
    """The tester holds each depth as its own end: a fifth of what the reference passed, at a rate of that."""
    async with open_rig(cells={CHANNEL: "bare-lfp"}) as rig, serving(rig, store) as service:
        run = service.submit(request(_DEPTHS), "ada")
        await until(lambda: run.state.is_over)
        assert state(run) is RunState.COMPLETED, run.reason
        steps = RunData(store, run.run_id).steps
        reference = next(it.executed.capacity_ah for it in steps if (it.place.segment, it.place.step) == (0, 2))
        first, charge, depths = loaded(store, run)
        assert charge.steps[0].current_a == pytest.approx(2 * reference)
        assert depths.steps[0].current_a == pytest.approx(-2 * reference)
        assert depths.steps[0].until.capacity_ah == pytest.approx(0.2 * reference)
        assert not depths.measured
        passed = [it.executed for it in steps if it.place.segment == 2 and it.executed.capacity_ah]
        assert [it.capacity_ah for it in passed] == pytest.approx([0.2 * reference] * 3, rel=0.01)
        assert [it.end_reason.value for it in passed] == ["capacity"] * 3
        assert [it["segment"] for it in told(store, run, EventKind.VALUES_MEASURED)] == [1, 2]
        check_rows(rig, store, run.run_id)
