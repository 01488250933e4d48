"""A cell outside the open-circuit window: its run fails before any current, and a person starts it with a reason."""

from __future__ import annotations

import asyncio

from orchestrator.bench.simulated import SimulatedRack
from orchestrator.rack.launch import Launch, checked_program
from orchestrator.runs.request import stored_program
from orchestrator.states import RunState
from protocols.loading import load_cell, parse_recipe
from tests.api_client import ORDER, Client
from tests.two_cycles import RECIPE

# A Li/Li cell rests at 0 V: this recipe takes it for another one.
NARROW = RECIPE + "guards: {open_circuit: {low: -100 mV, high: -50 mV}}\n"
REASON = "rests at 0 V: read by a meter"


async def test_rest_starts_a_cell_outside_the_window_with_a_reason(client: Client) -> None:
    """Refused, the run fails and says how it is started; with a reason it runs, and the reason is kept with it."""
    order = {**ORDER, "recipe_yaml": NARROW}
    first = await client.post("/runs", order, 201)
    await asyncio.sleep(60)
    failed = await client.get(f"/runs/{first['run_id']}")
    assert failed["state"] == RunState.FAILED
    assert "-0.1 to -0.05 V expected: is it the right cell?" in failed["reason"]
    assert "--accept-voltage REASON" in failed["reason"]
    await client.post("/runs", {**order, "accept_voltage": " "}, 422)
    again = {**order, "accept_voltage": REASON, "same_cell": True}
    second = await client.post("/runs", again, 201)
    await asyncio.sleep(60)
    assert (await client.get(f"/runs/{second['run_id']}"))["state"] == RunState.RUNNING
    events = (await client.get(f"/runs/{second['run_id']}/events"))["events"]
    (accepted,) = [event for event in events if event["kind"] == "voltage accepted"]
    assert accepted["message"] == f"a cell at -0.55 to 0.55 V may be started: {REASON}"
    kept = stored_program(client.service.store.run(second["run_id"])).cycling[0].guards
    assert kept.open_circuit_reason == REASON


def test_launch_takes_the_reason_into_its_program() -> None:
    """A run that is made here and now carries it as well."""
    order = (parse_recipe(NARROW), load_cell("bare-li-li"), "21-1-5", SimulatedRack())
    guards = checked_program(Launch(*order, accept_voltage=REASON)).cycling[0].guards
    assert guards.open_circuit_reason == REASON
