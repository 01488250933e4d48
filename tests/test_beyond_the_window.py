"""A cell beyond its absolute window: every end of its run latches the channel, and tells all that was seen."""

import asyncio
import contextlib
from dataclasses import replace

import pytest

from drivers.interfaces import Sample
from orchestrator.judging.limits import Action, Finding, FindingKind
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.service import Service
from orchestrator.runs.records import ending_of
from orchestrator.runs.request import RunRequest
from orchestrator.runs.run import Run
from orchestrator.states import ALSO, Ending, RunState
from orchestrator.store import Store, StoreError
from protocols.loading import load_cell, parse_recipe
from protocols.program import MeasurementSegment, Program
from protocols.resolve import resolve
from protocols.techniques import CyclicVoltammetry
from tests.measuring_rig import until
from tests.outage import FailingStore, fail_for
from tests.rig import CHANNEL, Rig, short_segment
from tests.service_rig import NEXT, QUEUE, request, serving, state
from tests.station_rig import RECIPE, StationRig, eis_program, measuring_service
from tests.station_trouble import clipped, happens

# The slip of one letter and a slash: 17 mA where 17 mA/g was meant, 91 C for this cell of 1.10 mg.
SLIP = """
name: slip
title: LFP at 17 mA
description: mA for mA/g
for: [lfp]
record: {every: 30 s}
steps:
  - step: repeat
    times: 50
    steps:
      - {step: constant_current, direction: charge, current: CURRENT, until: {voltage: 4.0 V}}
      - {step: constant_current, direction: discharge, current: CURRENT, until: {voltage: 2.8 V}}
"""
LFP = pytest.mark.rig(cells={CHANNEL: "coated-lfp"}, poll_period_s=10.0)


def lfp(current: str = "17 mA") -> Program:
    """Give the recipe of the slip for the shipped LFP cell."""
    return resolve(parse_recipe(SLIP.replace("CURRENT", current), "slip"), load_cell("coated-lfp"))


async def beyond(rig: Rig, store: Store, run_id: str) -> float:
    """Give the highest voltage that the run has stored."""
    return max(abs(s.voltage_v) for test in store.tests(run_id) for s in store.samples(test.id))


@LFP
async def test_a_milliampere_for_a_milliampere_per_gram_latches_the_channel(rig: Rig, store: Store) -> None:
    """The cell is driven beyond its window once: the run is tripped, explained, and the next one does not follow."""
    async with serving(rig, store) as service:
        run = service.submit(RunRequest(lfp(), CHANNEL, "a", "ada", second_person="eve"), "ada")
        behind = service.submit(RunRequest(lfp(), CHANNEL, "b", "bob", second_person="eve"), "bob", QUEUE)
        await asyncio.sleep(600)
        assert await beyond(rig, store, run.run_id) > 4.3
        assert state(run) is RunState.TRIPPED
        assert run.reason.startswith(f"{FindingKind.ABSOLUTE_LIMIT}: ")
        assert state(behind) is RunState.QUEUED
        with pytest.raises(CommandRefused, match="only a held run"):
            await service.resume(run.run_id, "ada")
    kinds = {event.kind for event in store.events(run.run_id)}
    assert FindingKind.ABSOLUTE_LIMIT in kinds
    async with serving(rig, store) as service:
        await asyncio.sleep(600)
        assert store.run(run.run_id).state is RunState.TRIPPED
        assert store.run(behind.run_id).state is RunState.QUEUED


@LFP
async def test_an_order_for_the_same_cell_behind_a_trip_does_not_start(rig: Rig, store: Store) -> None:
    """That it is the next test of the very cell that was tripped is no word on the trip, nor is its acknowledgement."""
    async with serving(rig, store) as service:
        run = service.submit(RunRequest(lfp(), CHANNEL, "a", "ada", second_person="eve"), "ada")
        await asyncio.sleep(600)
        assert state(run) is RunState.TRIPPED
        behind = service.submit(RunRequest(lfp("0.1 mA"), CHANNEL, "a"), "bob", NEXT)
        await asyncio.sleep(600)
        assert (state(run), state(behind)) == (RunState.TRIPPED, RunState.QUEUED)
        service.acknowledge(run.run_id, "ada")
        await asyncio.sleep(600)
        assert (state(behind), rig.bench.tester.channel(CHANNEL).busy) == (RunState.QUEUED, False)


def test_the_gravest_finding_leads_and_the_others_are_told_too() -> None:
    """Whatever came first: state and first words are those of the trip, and what else was found stands behind them."""
    early = Finding(FindingKind.CHECK_FAILED, Action.STOP, "20 ohm", 10.0)
    beyond = Finding(FindingKind.ABSOLUTE_LIMIT, Action.TRIP, "5.0900 V", 20.0)
    told = f"{FindingKind.ABSOLUTE_LIMIT}: 5.0900 V{ALSO}{FindingKind.CHECK_FAILED}: 20 ohm"
    for found in ([early, beyond], [beyond, early]):
        assert ending_of(found) == Ending(RunState.TRIPPED, told)


def show_beyond(samples: list[Sample]) -> list[Sample]:
    """Give records of which the last is beyond every window of a Li/Li cell, under its set current."""
    return [*samples[:-1], samples[-1]._replace(voltage_v=1.2)] if samples else []


async def store_without_judging(rig: Rig, store: Store, run: Run) -> None:
    """Store the run's newest records, beyond the window, as a process does that dies before it judges them."""
    await asyncio.sleep(60)
    assert run.records is not None
    identity = run.records.identity
    count = await rig.tester.record_count(identity) - run.stored
    store.tick({run.test: show_beyond(await rig.tester.records(identity, run.last, count))})


BOTH = "absolute limit exceeded: 1.2000 V"


async def test_a_person_who_stops_a_run_does_not_hide_that_its_cell_was_beyond(rig: Rig, store: Store) -> None:
    """What the stop fetches last is judged like anything else: tripped, with both told."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(1000)
        rig.tester.faults.change("records", show_beyond)
        await service.stop(run.run_id, "ada")
        assert state(run) is RunState.TRIPPED
        assert run.reason.startswith(BOTH)
        assert run.reason.endswith("also stopped by ada")
        assert FindingKind.ABSOLUTE_LIMIT in {event.kind for event in store.events(run.run_id)}


async def test_a_stop_by_a_finding_becomes_a_trip_if_its_last_records_are_beyond(rig: Rig, store: Store) -> None:
    """The contact check has failed, and while it was being stopped the cell went beyond: in another poll, as grave."""
    rig.bench.tester.short_cell(CHANNEL, 0.5)
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        rig.tester.faults.before("stop", lambda *_: rig.tester.faults.change("records", show_beyond))
        await asyncio.sleep(300)
        assert state(run) is RunState.TRIPPED
        assert run.reason.startswith(BOTH)
        assert "also contact check failed: " in run.reason


@pytest.mark.parametrize("stop_ordered", [False, True])
async def test_what_a_process_has_stored_and_not_judged_trips_after_a_restart(
    rig: Rig, store: Store, stop_ordered: bool
) -> None:
    """Samples of a process that died are judged by the next one, whatever was ordered before (faults E01, C09)."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(1000)
    await store_without_judging(rig, store, run)
    if stop_ordered:
        store.open_intent(run.run_id, CHANNEL, "stop", "", "left open by a death", 0.0)
        rig.bench.tester.stop(CHANNEL)
    async with serving(rig, store):
        await asyncio.sleep(300)
    assert store.run(run.run_id).state is RunState.TRIPPED
    assert store.run(run.run_id).reason.startswith(BOTH)
    assert not rig.bench.tester.channel(CHANNEL).busy


async def test_a_held_run_whose_stored_samples_are_beyond_is_latched_at_the_next_start(rig: Rig, store: Store) -> None:
    """An earlier release held such a run; nobody can resume it any more."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(1000)
    await store_without_judging(rig, store, run)
    rig.bench.tester.stop(CHANNEL)
    store.set_run_state(run.run_id, "holding", "held by an earlier release", 0.0)
    async with serving(rig, store):
        await asyncio.sleep(10)
    found = store.run(run.run_id)
    assert found.state is RunState.TRIPPED
    assert found.reason.endswith("also it was held: held by an earlier release")


async def test_a_cell_beyond_trips_while_the_store_takes_nothing(rig: Rig, failing_store: FailingStore) -> None:
    """The scout's trip is not made a stop by a person's order, nor by the records that are stored afterwards."""
    async with serving(rig, failing_store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(300)
        fail_for(failing_store, 1000.0)
        rig.tester.faults.change("records", show_beyond)
        await asyncio.sleep(120)
        assert not rig.bench.tester.channel(CHANNEL).busy
        await asyncio.sleep(1500)
        assert state(run) is RunState.TRIPPED
        assert run.reason.startswith(BOTH)


async def test_a_recovered_run_that_cannot_go_on_is_tripped_and_not_held_if_it_was_beyond(
    rig: Rig, store: Store
) -> None:
    """Somebody has taken the channel while the service was away: the rest of our test still says what happened."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(1000)
    await asyncio.sleep(100)
    rig.bench.tester.stop(CHANNEL)
    await rig.tester.start(await rig.tester.load(CHANNEL, short_segment(5000.0), "by-hand"), "by-hand")
    rig.tester.faults.change("records", show_beyond)
    async with serving(rig, store):
        await asyncio.sleep(10)
    found = store.run(run.run_id)
    assert found.state is RunState.TRIPPED
    assert found.reason.startswith(BOTH)
    assert "by-hand" in found.reason


@pytest.mark.rig(poll_period_s=10.0)
async def test_an_empty_holder_is_stopped_by_its_contact_check_and_latches_nothing(rig: Rig, store: Store) -> None:
    """Without current no cell could be hurt: the technician reads of the contact, and puts the cell in."""
    rig.bench.tester.pull_out_cell(CHANNEL)
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(120)
        assert state(run) is RunState.STOPPED
        assert run.reason.startswith("contact check failed: ")
        assert run.reason.endswith("no cell, or bad contact")
        told = [event for event in store.events(run.run_id) if event.kind == FindingKind.ABSOLUTE_LIMIT]
        assert "5.10" in told[0].message


def swept_beyond(service: Service) -> Run:
    """Order a run whose potentiostat then sweeps its Li/Li cell further than any order may ask for."""
    program = eis_program(RECIPE)
    run = service.submit(RunRequest(program, CHANNEL, CHANNEL, "ada"), "ada")
    sweep = CyclicVoltammetry(0.0, 1.2, -0.1, 0.05, sweeps=1, sensitivity_a_per_v=0.01)
    segments = [
        replace(it, technique=sweep) if isinstance(it, MeasurementSegment) and n == 1 else it
        for n, it in enumerate(program.segments)
    ]
    run.progress = replace(run.progress, program=replace(program, segments=tuple(segments)))
    return run


@pytest.mark.parametrize("is_welded", [False, True])
async def test_a_cell_beyond_at_the_potentiostat_latches_the_channel(
    station_rig: StationRig, store: Store, is_welded: bool
) -> None:
    """The trace is stored and trips the run, which does not go on; a stop ends no trip; a stuck switch is told too."""
    async with measuring_service(station_rig, store) as service:
        run = swept_beyond(service)
        if is_welded:
            await asyncio.sleep(100.0)
            station_rig.relays.relays.welded.add(3)
        await until(run, RunState.TRIPPED, RunState.HOLDING, RunState.COMPLETED)
        await service.stop(run.run_id, "ada")
        assert state(run) is RunState.TRIPPED
        assert run.reason.startswith("absolute limit exceeded: ")
        assert ("take the leads off" in run.reason) is is_welded
        assert await beyond(station_rig, store, run.run_id) > 1.0
        await asyncio.sleep(3000)
        assert not station_rig.bench.tester.channel(CHANNEL).busy
    kinds = {event.kind for event in store.events(run.run_id)}
    assert FindingKind.ABSOLUTE_LIMIT in kinds


@pytest.mark.rig(by_hand=True)
async def test_a_cell_beyond_at_leads_that_a_person_moves_is_to_be_moved_back(
    station_rig: StationRig, store: Store
) -> None:
    """The run is tripped, and its reason says where its cell is and where it belongs."""
    async with measuring_service(station_rig, store) as service:
        run = swept_beyond(service)
        await until(run, RunState.AWAITING_OPERATOR)
        station_rig.bench.clip(CHANNEL)
        await service.resume(run.run_id, "ada")
        await asyncio.sleep(20.0)
        await until(run, RunState.TRIPPED, RunState.AWAITING_OPERATOR)
        assert state(run) is RunState.TRIPPED
        assert f"also move cell coated-li-li from chi660e back to channel {CHANNEL}" in run.reason


async def test_a_stop_while_the_store_takes_nothing_hides_no_trip_of_a_measurement(
    station_rig: StationRig, failing_store: FailingStore
) -> None:
    """What was measured is written when there is room, and then the run is tripped and not stopped."""
    async with measuring_service(station_rig, failing_store) as service:
        run = swept_beyond(service)
        await happens(lambda: clipped(station_rig) == CHANNEL)
        fail_for(failing_store, 900.0)
        await asyncio.sleep(300)
        with contextlib.suppress(StoreError):
            await service.stop(run.run_id, "ada")
        await asyncio.sleep(1500)
        assert state(run) is RunState.TRIPPED
        assert run.reason.startswith("absolute limit exceeded: ")
