"""Conditions on shorts: a short counts wherever it was found since the run last asked for one."""

from __future__ import annotations

import asyncio

from orchestrator.events import EventKind
from orchestrator.states import RunState
from orchestrator.store import Store
from tests.decided import request, told, until
from tests.rig import CHANNEL, open_rig
from tests.service_rig import serving, state

_MARKED = "guards: {short: {policy: mark, reason: the recipe asks for it}}\n"
_PASSES = """
  - step: repeat
    times: 4
    until: {short: true, then: end}
    steps:
      - {step: constant_current, direction: charge, current: 0.5 mA/cm2, until: {time: 1 h}}
      - {step: rest, until: {time: 20 min, drift_below: 1 mV/h}}
      - {step: constant_current, direction: discharge, current: 0.5 mA/cm2, until: {time: 1 h}}
"""


async def test_short_in_an_earlier_part_of_a_pass_ends_the_run_behind_the_pass(store: Store) -> None:
    """The rest that the host ends cuts the pass in two; what was found in the first part is asked for behind both."""
    async with open_rig() as rig, serving(rig, store) as service:
        run = service.submit(request(_PASSES, "bare-li-li", _MARKED), "ada")
        await until(lambda: run.progress.index == 2)
        await asyncio.sleep(1200.0)
        rig.bench.tester.short_cell(CHANNEL, 1.0)
        await until(lambda: run.state.is_over)
        shorts = [event for event in store.events(run.run_id) if event.kind == EventKind.CELL_SHORTED]
        tests = {test.segment: test for test in store.tests(run.run_id)}
        assert len(shorts) == 1
        assert shorts[0].at_unix_s < tests[3].started_unix_s
        assert (state(run), run.reason) == (RunState.COMPLETED, "program finished: the cell is shorted")
        (decided,) = told(store, run, EventKind.DECIDED)
        assert decided["segment"] == 3
