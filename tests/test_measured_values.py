"""Values that a run measures first: shares and rates of a charge that it has passed, on the simulated rack."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.events import EventKind
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import Store
from orchestrator.tables.run_data import RunData
from protocols.program import ConstantCurrent, CyclingSegment
from tests.decided import request, told, until
from tests.rig import CHANNEL, open_rig
from tests.service_rig import check_rows, serving, state

_REFERENCE = """
  - {step: constant_current, direction: charge, current: 4 C, until: {voltage: 4.0 V}}
  - {step: constant_current, name: reference, direction: discharge, current: 4 C, until: {voltage: 2.8 V}}
  - {step: constant_current, direction: charge, current: 4 C of step reference, until: {voltage: 4.0 V}}
"""
_DEPTHS = f"""{_REFERENCE}
  - step: repeat
    times: 3
    steps:
      - {{step: constant_current, direction: discharge, current: 4 C of cycle 1,
         until: {{capacity: 20 % of cycle 1, voltage: 2.8 V}}}}
      - {{step: rest, until: {{time: 2 min}}}}
"""


def loaded(store: Store, run: Run) -> list[ConstantCurrent]:
    """Give the first step that the tester was told in each test of a run."""
    segments = [CyclingSegment.from_json(test.program_json) for test in store.tests(run.run_id)]
    assert not any(segment.measured for segment in segments)
    return [segment.steps[0] for segment in segments if isinstance(segment.steps[0], ConstantCurrent)]


async def test_depths_are_shares_of_the_capacity_that_the_run_has_measured(store: Store) -> None:
    """The tester holds each depth as its own end: a fifth of what the reference passed, at a rate of that."""
    async with open_rig(cells={CHANNEL: "bare-lfp"}) as rig, serving(rig, store) as service:
        run = service.submit(request(_DEPTHS), "ada")
        await until(lambda: run.state.is_over)
        assert state(run) is RunState.COMPLETED, run.reason
        steps = RunData(store, run.run_id).steps
        reference = next(it.executed.capacity_ah for it in steps if (it.place.segment, it.place.step) == (0, 2))
        _, charge, depths = loaded(store, run)
        assert charge.current_a == pytest.approx(4 * reference)
        assert depths.current_a == pytest.approx(-4 * reference)
        assert depths.until.capacity_ah == pytest.approx(0.2 * reference)
        passed = [it.executed for it in steps if it.place.segment == 2 and it.executed.capacity_ah]
        assert [it.capacity_ah for it in passed] == pytest.approx([0.2 * reference] * 3, rel=0.01)
        assert [it.end_reason.value for it in passed] == ["capacity"] * 3
        assert [it["segment"] for it in told(store, run, EventKind.VALUES_MEASURED)] == [1, 2]
        check_rows(rig, store, run.run_id)


_NARROW = "guards: {open_circuit: {low: 2.8 V, high: 4.0 V}}\nmeasured: {at_least: 99 %, at_most: 101 %}\n"
_HALF = """
  - {step: constant_current, name: first, direction: charge, current: 4 C, until: {time: 20 min, voltage: 4.0 V}}
  - {step: constant_current, direction: discharge, current: 4 C, until: {capacity: 50 % of step first, voltage: 2.8 V}}
"""


@pytest.mark.parametrize("restarts", [False, True])
async def test_value_outside_its_range_holds_the_run_and_has_the_end_of_the_range_when_it_is_resumed(
    store: Store, restarts: bool
) -> None:
    """A charge of nine tenths where 99 % are asked for waits for a person, also behind a restart, and is told once."""
    async with open_rig(cells={CHANNEL: "bare-lfp"}) as rig:
        async with serving(rig, store) as service:
            order = request(_HALF, more=_NARROW)
            run = service.submit(order, "ada")
            await until(lambda: run.state is RunState.HOLDING)
            assert "segment 2 is not begun: the charge of step 1 of segment 1 is" in run.reason
            assert len(store.tests(run.run_id)) == 1
            if not restarts:
                await service.resume(run.run_id, "ada")
                await until(lambda: run.state.is_over)
        if restarts:
            await asyncio.sleep(100.0)
            async with serving(rig, store) as service:
                await until(lambda: bool(service.runs))
                run = await service.resume(run.run_id, "bob")
                await until(lambda: run.state.is_over)
        assert state(run) is RunState.COMPLETED, run.reason
        (amount,) = order.program.cycling[1].measured
        assert loaded(store, run)[1].until.capacity_ah == amount.low
        (said,) = told(store, run, EventKind.VALUES_MEASURED)
        assert said["values"][0]["charge_ah"] < 2 * amount.low


async def test_restart_in_a_measured_step_goes_on_to_the_same_end(store: Store) -> None:
    """What was measured is read again: held within the step, and resumed, a run passes the rest of the share."""
    async with open_rig(cells={CHANNEL: "bare-lfp"}) as rig:
        async with serving(rig, store) as service:
            run = service.submit(request(_HALF), "ada")
            await until(lambda: run.progress.index == 1 and run.last is not None and run.last.capacity_ah > 1e-5)
            await service.hold(run.run_id, "ada")
            await until(lambda: run.state is RunState.HOLDING)
        async with serving(rig, store) as service:
            await until(lambda: bool(service.runs))
            run = await service.resume(run.run_id, "bob")
            await until(lambda: run.state.is_over)
        assert state(run) is RunState.COMPLETED, run.reason
        first, *parts = (it.executed for it in RunData(store, run.run_id).steps if it.place.step == 1)
        assert len(parts) == 2
        assert sum(part.capacity_ah for part in parts) == pytest.approx(0.5 * first.capacity_ah, rel=0.01)
        check_rows(rig, store, run.run_id)


_SKIPPED = """
  - {step: constant_current, direction: charge, current: 4 C, until: {time: 1 min, voltage: 4.0 V},
     when: {ended_by: time, then: go to last}}
  - {step: constant_current, name: left_out, direction: charge, current: 4 C, until: {time: 2 min, voltage: 4.0 V}}
  - {step: constant_current, name: last, direction: discharge, current: 4 C,
     until: {capacity: 50 % of step left_out, voltage: 2.8 V}}
"""


async def test_value_that_nothing_has_measured_holds_the_run_and_is_then_the_least(store: Store) -> None:
    """Where the step was passed over that measures it, a person decides; the run goes on with the least that may be."""
    async with open_rig(cells={CHANNEL: "bare-lfp"}) as rig, serving(rig, store) as service:
        run = service.submit(request(_SKIPPED), "ada")
        await until(lambda: run.state is RunState.HOLDING)
        assert "the charge of step 1 of segment 2 is not known" in run.reason
        await service.resume(run.run_id, "ada")
        await until(lambda: run.state.is_over)
        assert state(run) is RunState.COMPLETED, run.reason
        (amount,) = run.request.program.cycling[2].measured
        assert loaded(store, run)[-1].until.capacity_ah == amount.low
