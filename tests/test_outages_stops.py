"""What must be stopped is stopped, and ends as it should, whatever the store, the link or a restart do meanwhile."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database

from drivers.errors import BadReply, NoReply, OutcomeUnknown
from drivers.interfaces import ChannelState
from orchestrator.clock.virtual import run_virtual
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store, StoreError
from protocols.program import Ceiling, ConstantCurrent, Loop, Until
from simulators.neware.settings import Trouble
from tests.outage import FailingStore, Outage, PickyStore, fail_for, open_failing_store
from tests.rig import CHANNEL, Rig, li_li_program, open_rig, short_segment
from tests.service_rig import NEXT, OTHER, check_rows, request, serving, state

_ENDLESS = Trouble(ignore_end_conditions=True)


def fail_after_start(rig: Rig, store: FailingStore, lasts_s: float) -> None:
    """Let the disk take nothing from the moment in which the tester has started something."""
    rig.tester.faults.after("start", lambda: fail_for(store, lasts_s))


async def test_cell_whose_start_cannot_be_written_down_is_not_left_unjudged(
    rig: Rig, failing_store: FailingStore
) -> None:
    """After three polls it is stopped; when there is room it is held, with what it has done in the store."""
    async with serving(rig, failing_store) as service:
        fail_after_start(rig, failing_store, 10_000.0)
        run = service.submit(request(cycles=50), "ada")
        await asyncio.sleep(400)
        assert not rig.bench.tester.channel(CHANNEL).busy
        await asyncio.sleep(11_000)
        assert (state(run), failing_store.open_intents()) == (RunState.HOLDING, [])
        assert "nobody could judge it" in run.reason
        check_rows(rig, failing_store, run.run_id)


async def test_stop_of_a_cell_whose_start_is_not_written_down_leaves_at_once(
    rig: Rig, failing_store: FailingStore
) -> None:
    """The person hears of the store; the cell is off."""
    async with serving(rig, failing_store) as service:
        fail_after_start(rig, failing_store, 10_000.0)
        run = service.submit(request(cycles=50), "ada")
        await asyncio.sleep(30)
        assert rig.bench.tester.channel(CHANNEL).busy
        with pytest.raises(StoreError):
            await service.stop(run.run_id, "ada")
        assert not rig.bench.tester.channel(CHANNEL).busy


async def test_run_in_the_terminal_goes_on_after_a_write_that_failed_at_its_start(
    rig: Rig, failing_store: FailingStore
) -> None:
    """A store that was locked for a moment: the run is watched to its end, not left behind under current."""
    fail_after_start(rig, failing_store, 0.0)
    (run,) = await Supervisor(failing_store, rig.tester).run([request(cycles=1)])
    assert state(run) is RunState.COMPLETED
    check_rows(rig, failing_store, run.run_id)


async def test_tester_that_was_silent_while_the_disk_was_full_is_heard_again(
    rig: Rig, failing_store: FailingStore
) -> None:
    """Also before there is room: its cells are judged."""
    async with serving(rig, failing_store) as service:
        service.submit(request(cycles=50), "ada")
        await asyncio.sleep(300)
        fail_for(failing_store, 30_000.0)
        rig.tester.faults.silence(after_s=600)
        await asyncio.sleep(700)
        rig.tester.faults.mend()
        rig.bench.tester.make_trouble(CHANNEL, _ENDLESS)
        await asyncio.sleep(3000)
        assert not rig.bench.tester.channel(CHANNEL).busy


async def test_stopped_run_whose_last_records_do_not_come_hurts_no_other(rig: Rig, failing_store: FailingStore) -> None:
    """The others are fetched and judged; its own records are asked for at every poll."""
    async with serving(rig, failing_store) as service:
        run, other = service.submit(request(), "ada"), service.submit(request(OTHER, 50), "ada")
        await asyncio.sleep(300)
        rig.tester.faults.fail("records", BadReply("garbled"), only=lambda test, *_: test.channel == CHANNEL)
        await asyncio.sleep(300)
        await service.stop(run.run_id, "ada")
        rig.bench.tester.make_trouble(OTHER, _ENDLESS)
        await asyncio.sleep(3000)
        assert state(other) is RunState.TRIPPED
        rig.tester.faults.mend()
        await asyncio.sleep(200)
        assert state(run) is RunState.STOPPED
        check_rows(rig, failing_store, run.run_id)


async def test_run_that_cannot_be_decided_after_a_restart_hurts_no_other(rig: Rig, store: Store) -> None:
    """The others are watched; it can be stopped at the tester, and nothing begins on its channel."""
    picky = PickyStore(store.path, Database(store.connection), read_only=False)
    picky.refused = 0
    async with serving(rig, picky) as service:
        run, other = service.submit(request(), "ada"), service.submit(request(OTHER, 50), "ada")
        await asyncio.sleep(1000)
    rig.tester.faults.fail("status", BadReply("garbled"), only=lambda channels: channels == [CHANNEL])
    rig.bench.tester.make_trouble(OTHER, _ENDLESS)
    async with serving(rig, picky) as service:
        queued = service.submit(request(), "ada", NEXT)
        await asyncio.sleep(3000)
        assert [it.run_id for it in service.runs] == [queued.run_id, other.run_id]
        assert (state(queued), picky.run(other.run_id).state) == (RunState.QUEUED, RunState.TRIPPED)
        rig.tester.faults.mend()
        with pytest.raises(CommandRefused, match="is stopped at the tester by ada"):
            await service.stop(run.run_id, "ada")
        assert not rig.bench.tester.channel(CHANNEL).busy
        await asyncio.sleep(200)
        assert picky.run(run.run_id).state is RunState.STOPPED


async def test_lost_start_of_a_resumed_run_that_cannot_be_asked_about_hurts_no_other(rig: Rig, store: Store) -> None:
    """What is left has fewer steps than the test before had; the other cell is judged all the same."""
    async with serving(rig, store) as service:
        run, other = service.submit(request(cycles=1), "ada"), service.submit(request(OTHER, 50), "ada")
        await asyncio.sleep(2400)
        rig.bench.tester.stop(CHANNEL)
        await asyncio.sleep(100)
        assert state(run) is RunState.HOLDING
        rig.tester.faults.fail("start", OutcomeUnknown("the reply is lost"))
        await service.resume(run.run_id, "ada")
        assert run.last is not None
        assert run.last.step > len(run.segment.steps)
        rig.tester.faults.fail("status", BadReply("garbled"), only=lambda channels: channels == [CHANNEL])
        rig.bench.tester.make_trouble(OTHER, _ENDLESS)
        await asyncio.sleep(3000)
        assert (state(run), state(other)) == (RunState.UNKNOWN, RunState.TRIPPED)


async def test_stop_of_a_paused_run_is_carried_out_by_the_next_process(rig: Rig, failing_store: FailingStore) -> None:
    """It was held, and its process died before the command left: somebody could have let it go on at the tester."""
    async with serving(rig, failing_store) as service:
        run = service.submit(request(cycles=9), "ada")
        await asyncio.sleep(1000)
        rig.bench.tester.channels[CHANNEL].machine.pause(rig.bench.tester.now_tick())
        await asyncio.sleep(200)
        assert state(run) is RunState.HOLDING
        rig.tester.faults.delay("stop", before_s=1e6)
        stopping = asyncio.ensure_future(service.stop(run.run_id, "ada"))
        await asyncio.sleep(5)
        stopping.cancel()
        rig.tester.faults.mend()
    async with serving(rig, failing_store):
        await asyncio.sleep(1000)
        assert (failing_store.run(run.run_id).state, failing_store.open_intents()) == (RunState.STOPPED, [])
    assert (await rig.tester.status([CHANNEL]))[CHANNEL].state is ChannelState.STOPPED


async def test_held_run_whose_stop_is_not_written_down_is_not_resumed(rig: Rig, failing_store: FailingStore) -> None:
    """Who has ordered a stop and heard that it cannot be written must not find the run going on."""
    async with serving(rig, failing_store) as service:
        run = service.submit(request(cycles=9), "ada")
        await asyncio.sleep(1000)
        rig.bench.tester.stop(CHANNEL)
        await asyncio.sleep(200)
        assert state(run) is RunState.HOLDING
        fail_for(failing_store, 5.0)
        with pytest.raises(StoreError):
            await service.stop(run.run_id, "ada")
        await asyncio.sleep(10)
        with pytest.raises(CommandRefused, match="not written down yet"):
            await service.resume(run.run_id, "ada")
        await asyncio.sleep(100)
        assert state(run) is RunState.STOPPED


async def test_ordered_stop_of_a_channel_is_repeated_while_the_store_takes_nothing(
    rig: Rig, failing_store: FailingStore
) -> None:
    """A test by hand that cannot be written down keeps no stop of another from being sent again."""
    async with serving(rig, failing_store) as service:
        for channel in (CHANNEL, OTHER):
            await rig.tester.start(await rig.tester.load(channel, short_segment(50_000.0), "x"), "by-hand")
        fail_for(failing_store, 10_000.0)
        rig.tester.faults.fail("stop", NoReply("silent"))
        assert not (await service.supervisors[0].watch.stop(OTHER, "ada")).is_off
        rig.tester.faults.mend()
        await asyncio.sleep(300)
        assert (rig.bench.tester.channel(CHANNEL).busy, rig.bench.tester.channel(OTHER).busy) == (True, False)


def test_trip_that_only_the_last_step_shows_survives_every_write_that_fails(tmp_path: Path) -> None:
    """A step that ran into its ceiling is a trip, not a finished program, whichever write of it fails."""
    (segment,) = li_li_program(1, 60.0).cycling
    steps = [step for step in segment.steps if not isinstance(step, Loop)]
    last = steps[-1]
    assert isinstance(last, ConstantCurrent)
    endless = replace(last, until=Until(voltage_v=last.until.voltage_v), ceiling=Ceiling(60.0, 0.001))
    program = replace(li_li_program(), segments=(replace(segment, steps=(*steps[:-1], endless)),))

    def end(outage: Outage) -> RunState:
        states: list[RunState] = []

        async def main() -> None:
            async with open_rig(poll_period_s=60.0) as rig:
                with open_failing_store(tmp_path / f"{outage.first}.db", outage) as store:
                    async with serving(rig, store) as service:
                        run = service.submit(RunRequest(program, CHANNEL, "ceiling"), "ada")
                        await asyncio.sleep(8000)
                        states.append(run.state)
                        assert "ceiling reached" in {event.kind for event in store.events(run.run_id)}

        run_virtual(main())
        return states[0]

    count = Outage()
    assert end(count) is RunState.TRIPPED
    assert {end(Outage(write)) for write in range(count.seen - 6, count.seen + 1)} == {RunState.TRIPPED}


@pytest.mark.parametrize("at_commit", [True, False])
@pytest.mark.parametrize("write", ["that it is armed", "the intent"])
async def test_disk_that_is_full_before_a_start_leaves_starts_nothing(
    rig: Rig, failing_store: FailingStore, write: str, at_commit: bool
) -> None:
    """Whichever write fails, nothing is sent and no intent is left; the run says so, and fails in the store (F01)."""
    outage = failing_store.outage

    def full() -> None:
        outage.first, outage.lasts_s = outage.seen + (1 if write == "that it is armed" else 2), 600.0
        outage.at_commit = at_commit

    async with serving(rig, failing_store) as service:
        rig.tester.faults.after("load", full)
        run = service.submit(request(), "ada")
        await asyncio.sleep(300)
        assert outage.failed
        assert run.reason == f"nothing was started on {CHANNEL}: the disk is full"
        assert service.troubles == ["the disk is full"]
        rig.tester.faults.mend()
        await asyncio.sleep(600)
        assert (state(run), failing_store.run(run.run_id).reason) == (RunState.FAILED, run.reason)
        assert run.reason.startswith("nothing was started")
    assert failing_store.open_intents() == []
    assert not failing_store.start_was_sent(run.run_id)
    assert rig.bench.tester.channels[CHANNEL].tests == []
