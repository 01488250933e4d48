"""Values that a run measures first: shares and rates of a charge that it has passed, on the simulated rack."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from random import Random

import pytest

from orchestrator.clock.virtual import run_virtual
from orchestrator.events import EventKind
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import Store, open_store
from orchestrator.tables.run_data import RunData
from protocols.program import ConstantCurrent, CyclingSegment
from protocols.proof import Proof, prove
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


async def test_service_that_dies_behind_the_measurement_starts_the_same_program_once(store: Store) -> None:
    """What was reckoned is stored with the end of the segment before: the next service reads it, and tells it once."""
    first, second = _HALF.rstrip("\n").rsplit("\n", 1)
    async with open_rig(cells={CHANNEL: "bare-lfp"}) as rig:
        async with serving(rig, store) as service:
            run = service.submit(request(f"{first}\n  - {{step: prompt, text: Look at it.}}\n{second}\n"), "ada")
            await until(lambda: run.state is RunState.AWAITING_OPERATOR)
            assert len(told(store, run, EventKind.VALUES_MEASURED)) == 1
        async with serving(rig, store) as service:
            await until(lambda: bool(service.runs))
            run = await service.resume(run.run_id, "bob")
            await until(lambda: run.state.is_over)
        assert state(run) is RunState.COMPLETED, run.reason
        (said,) = told(store, run, EventKind.VALUES_MEASURED)
        assert loaded(store, run)[1].until.capacity_ah == said["values"][0]["value"]


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


_LEFT = """
  - step: repeat
    times: 4
    until: {cycles: 2}
    steps:
      - {step: constant_current, direction: charge, current: 4 C, until: {voltage: 4.0 V}}
      - {step: constant_current, name: check, direction: discharge, current: 4 C, until: {voltage: 2.8 V}}
  - {step: constant_current, direction: charge, current: 4 C, until: {capacity: 50 % of step check, voltage: 4.0 V}}
"""


async def test_value_behind_a_loop_is_measured_by_the_last_pass_that_was_run(store: Store) -> None:
    """A loop of four passes is left behind its second one: the check in that is the last, and nobody is asked."""
    async with open_rig(cells={CHANNEL: "bare-lfp"}) as rig, serving(rig, store) as service:
        run = service.submit(request(_LEFT), "ada")
        await until(lambda: run.state.is_over or run.state is RunState.HOLDING)
        assert state(run) is RunState.COMPLETED, run.reason
        checks = [it.executed.capacity_ah for it in RunData(store, run.run_id).steps if it.place.step == 2]
        assert len(checks) == 2
        assert loaded(store, run)[-1].until.capacity_ah == pytest.approx(0.5 * checks[-1], rel=1e-9)
        (said,) = told(store, run, EventKind.VALUES_MEASURED)
        assert said["segment"] == 4
        (amount,) = run.request.program.cycling[4].measured
        assert [(one.of_segment, one.of_step) for one in amount.runs] == [(3, 2), (2, 2), (1, 2), (0, 2)]


SEARCHED = int(os.environ.get("CELLRIG_MEASURED_RUNS", "2"))
"""How many random recipes are run; a search: ``CELLRIG_MEASURED_RUNS=500 pytest tests/test_measured_values.py``."""
_FULL, _LATE_S = ("2 C", "3 C", "5 C"), 1.0


def _random(draw: Random) -> str:
    """Make steps of an LFP cell that are measured by a reference, by a cycle, or anew in each pass of a loop."""
    rate, again, by = draw.choice(_FULL), draw.choice(_FULL), draw.choice(["step ref", "cycle 1"])
    part, most = draw.choice([5, 12.5, 30, 90]), draw.choice(["2.8 V", "3.0 V"])
    reference = f"""
  - {{step: constant_current, direction: charge, current: {rate}, until: {{voltage: 4.0 V}}}}
  - {{step: constant_current, name: ref, direction: discharge, current: {rate}, until: {{voltage: 2.8 V}}}}
  - {{step: constant_current, name: up, direction: charge, current: {again} of {by}, until: {{voltage: 3.9 V}}}}
"""
    times, of = draw.randint(1, 4), draw.choice([by, "step up", "the step before"])
    if of == "the step before":
        body = f"""\
      - {{step: constant_current, direction: discharge, current: 3 C, until: {{time: 3 min, voltage: 2.8 V}}}}
      - {{step: constant_current, direction: charge, current: {rate} of {by},
         until: {{capacity: {part} % of {of}, voltage: 3.9 V}}}}
"""
    else:
        body = f"""\
      - {{step: constant_current, direction: discharge, current: {rate} of {by},
         until: {{capacity: {part} % of {of}, voltage: {most}}}}}
      - {{step: rest, until: {{time: 1 min}}}}
"""
    return f"{reference}  - step: repeat\n    times: {times}\n    steps:\n{body}"


@pytest.mark.parametrize("seed", range(1, SEARCHED + 1))
def test_run_of_measured_values_keeps_inside_the_bounds_of_its_proof(seed: int, tmp_path: Path) -> None:
    """Whatever was measured, times, charges and currents are those that were proven before, or less."""
    order = request(_random(Random(seed)))
    proof = prove(order.program)
    assert isinstance(proof, Proof), proof

    async def main(store: Store) -> Run:
        async with open_rig(cells={CHANNEL: "bare-lfp"}, seed=seed) as rig:
            (run,) = await Supervisor(store, rig.tester).run([order])
            return run

    with open_store(tmp_path / "store.sqlite") as store:
        run = run_virtual(main(store))
        assert run.state is RunState.COMPLETED, run.reason
        tests = store.tests(run.run_id)
        steps = [step for test in tests for step in store.steps(test.id)]
        largest_a = max(abs(sample.current_a) for test in tests for sample in store.samples(test.id))
        wanted = sum(bool(segment.measured) for segment in order.program.cycling)
        assert len(told(store, run, EventKind.VALUES_MEASURED)) == wanted
    took_s, late_s = sum(step.duration_s for step in steps), _LATE_S * len(steps)
    assert proof.shortest_s - late_s <= took_s <= proof.longest_s + late_s
    assert len(steps) <= proof.steps
    assert max(step.capacity_ah for step in steps) <= proof.step_charge_ah * 1.001
    assert largest_a <= proof.largest_current_a * 1.01
