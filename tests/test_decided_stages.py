"""Conditions on cycles: a cycle is compared when both of its halves have run to their ends."""

from __future__ import annotations

from orchestrator.events import EventKind
from orchestrator.states import RunState
from orchestrator.store import Store
from tests.decided import request, told, until
from tests.rig import CHANNEL, open_rig
from tests.service_rig import serving, state

_STAGES = """
  - step: repeat
    times: 2
    steps:
      - {step: constant_current, direction: charge, current: 2 C, until: {voltage: 4.0 V}}
      - step: constant_current
        direction: discharge
        current: 4 C
        until: {voltage: 2.8 V}
        when: {capacity_below: 90 % of cycle 1, then: end}
      - {step: constant_current, direction: discharge, current: 1 C, until: {voltage: 2.8 V}}
"""


async def test_first_stage_of_a_discharge_is_no_whole_cycle(store: Store) -> None:
    """The stage at 4 C gives four fifths of what both stages give: no cell has faded, and the run goes on."""
    async with open_rig(cells={CHANNEL: "bare-lfp"}) as rig, serving(rig, store) as service:
        run = service.submit(request(_STAGES), "ada")
        await until(lambda: run.state.is_over)
        assert (state(run), run.reason) == (RunState.COMPLETED, "program finished")
        assert told(store, run, EventKind.DECIDED) == []
        assert [it.cycle for test in store.tests(run.run_id) for it in store.cycles(test.id)] == [1, 2]
