"""Whole runs under their guards: what runs on, what is stopped, also after a restart, and what is kept of a reason."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.analysis.summary import details, summarize
from orchestrator.clock.virtual import wall_time
from orchestrator.judging.limits import FindingKind
from orchestrator.report.morning_reading import Sources, morning
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store
from protocols.loading import load_cell, parse_recipe
from protocols.resolve import resolve
from tests.rig import CHANNEL, Rig
from tests.service_rig import serving, state

_HEAD = "name: mine\ntitle: mine\nfor: [lfp]\nrecord: {every: 10 s}\n"
_GITT = """steps:
  - step: repeat
    times: 30
    steps:
      - {step: constant_current, direction: charge, current: 1 C, until: {time: 10 min, voltage: 4.0 V}}
      - {step: rest, until: {time: 5 s}}
  - step: repeat
    times: 2
    steps:
      - {step: constant_current, direction: discharge, current: 1 C, until: {time: 10 min, voltage: 2.8 V}}
      - {step: rest, until: {time: 10 min}}
"""
_FLOAT = """steps:
  - {step: cc_cv, direction: charge, current: 1 C, voltage: 3.6 V, until: {time: 30 h}}
"""
_LOOP = """steps:
  - step: repeat
    times: 60
    steps:
      - {step: constant_current, direction: charge, current: 5 C, until: {voltage: 4.0 V}}
      - {step: constant_current, direction: discharge, current: 5 C, until: {voltage: 2.8 V}}
"""
LFP = pytest.mark.rig(cells={CHANNEL: "coated-lfp"}, poll_period_s=60.0)


def order(steps: str, guards: str = "") -> RunRequest:
    """Give a run of steps on the LFP cell."""
    recipe = parse_recipe(_HEAD + guards + steps, "mine")
    return RunRequest(resolve(recipe, load_cell("coated-lfp")), CHANNEL, "a", "ada")


@LFP
async def test_gitt_runs_on_at_the_end_of_charge(rig: Rig, store: Store) -> None:
    """Pulse after pulse meets the upper cutoff at once, and then the cell discharges."""
    async with serving(rig, store) as service:
        run = service.submit(order(_GITT), "ada")
        await asyncio.sleep(2 * 3600)
    ended = [step for step in store.steps(run.test) if step.end_reason == "voltage"]
    assert sum(step.duration_s < 5 for step in ended) >= 3
    assert (state(run), run.reason) == (RunState.COMPLETED, "program finished")


@LFP
@pytest.mark.parametrize("restarted", [False, True])
async def test_cell_pulled_out_of_a_float_is_stopped(rig: Rig, store: Store, restarted: bool) -> None:
    """No cutoff tells, and the voltage stays what it was; a service that begins anew meanwhile sees it as well.

    Faults C03.
    """
    async with serving(rig, store) as service:
        run = service.submit(order(_FLOAT), "ada")
        await asyncio.sleep(3650)
        rig.bench.tester.pull_out_cell(CHANNEL)
        await asyncio.sleep(120 if restarted else 720)
    if restarted:
        async with serving(rig, store):
            await asyncio.sleep(600)
    found = store.run(run.run_id)
    assert found.state is RunState.STOPPED, found.reason
    assert found.reason.startswith(f"{FindingKind.CELL_GONE}: the current at the held voltage is gone since 1.0")
    assert not rig.bench.tester.channel(CHANNEL).busy


@LFP
async def test_reason_for_a_guard_that_is_off_is_kept_with_the_run(rig: Rig, store: Store) -> None:
    """Whoever looks at the run reads which guard was off, and why."""
    guards = "guards: {early_cutoff: {active: false, reason: the holder is swapped by hand}}\n"
    async with serving(rig, store) as service:
        run = service.submit(order(_FLOAT, guards), "ada")
        await asyncio.sleep(3650)
        rig.bench.tester.pull_out_cell(CHANNEL)
        await asyncio.sleep(900)
        assert state(run) is RunState.RUNNING
    told = [event["message"] for event in details(store, run.run_id, 0)["events"] if event["kind"] == "guard changed"]
    assert told == ["by the recipe: early_cutoff is off: the holder is swapped by hand"]


@LFP
async def test_what_a_tester_counts_on_an_empty_holder_is_no_cycle_of_the_cell(rig: Rig, store: Store) -> None:
    """It runs through its loop until the next look: the summary ends where the cell does, and so do its capacities."""
    async with serving(rig, store) as service:
        run = service.submit(order(_LOOP), "ada")
        await asyncio.sleep(3 * 2400)
        whole = summarize(store, run.run_id).cycles
        rig.bench.tester.pull_out_cell(CHANNEL)
        await asyncio.sleep(600)
    assert not rig.bench.tester.channel(CHANNEL).busy
    found = summarize(store, run.run_id)
    assert len(details(store, run.run_id, 0, 60)["cycles"]) > whole + 2
    assert 0 < whole <= found.cycles <= whole + 1
    (line,) = morning(store, Sources(wall_time() + 60)).runs
    assert line.numbers.cycles == found.cycles
    assert found.capacity_mah_g_cycle_50 is None
