"""Faults of instruments, store and clocks, each injected while a service runs, each in its safe behaviour."""

import asyncio
from contextlib import suppress
from math import nan
from pathlib import Path

import pytest

from orchestrator.clock.virtual import VirtualTimeLoop, run_virtual, wall_time
from orchestrator.events import EventKind
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.housekeeping import Housekeeping
from orchestrator.rack.service import Service
from orchestrator.states import RunState
from orchestrator.store import Store, StoreError, open_store
from orchestrator.store.disk_space import SpaceGuard
from simulators.faults import Fault, Spoil
from simulators.neware.settings import Quirks, Trouble
from simulators.neware.step_machine import Status
from tests.figures import Figure
from tests.rig import CHANNEL, Rig, open_rig
from tests.service_rig import NEXT, OTHER, check_rows, request, serving, state


async def test_full_disk_never_keeps_a_channel_energised(rig: Rig, store: Store) -> None:
    """With a store that takes nothing a trip still stops the channel; what it recorded comes when there is room."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=9), "ada")
        await asyncio.sleep(1000)
        pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
        store.connection.execute(f"PRAGMA max_page_count = {pages}")
        await asyncio.sleep(3000)
        assert rig.bench.tester.channel(CHANNEL).busy
        store.connection.execute("PRAGMA max_page_count = 1000000")
        await asyncio.sleep(300)
        assert state(run) is RunState.RUNNING
        store.connection.execute(
            f"PRAGMA max_page_count = {store.connection.execute('PRAGMA page_count').fetchone()[0]}"
        )
        await asyncio.sleep(5)
        # Whether its end still fits into the last page is chance.
        with suppress(StoreError):
            await service.supervisor_of(CHANNEL).stop(run, "stopped by ada")
        assert not rig.bench.tester.channel(CHANNEL).busy
        store.connection.execute("PRAGMA max_page_count = 1000000")
        await asyncio.sleep(300)
        assert state(run) is RunState.STOPPED
    check_rows(rig, store, run.run_id)


async def test_disk_that_is_nearly_full_starts_nothing_new_and_lets_runs_go_on(rig: Rig, store: Store) -> None:
    """No room: a new run is refused with the reason, a queued one waits, the one that runs rides on (faults F01)."""
    free = [10**12]
    guard = SpaceGuard(store.path, reserve_bytes=0, free=lambda _: free[0])
    service = Service(store, [rig.tester], housekeeping=Housekeeping(store, guard))
    task = asyncio.ensure_future(service.run())
    await asyncio.sleep(1)
    first, queued = service.submit(request(cycles=1), "ada"), service.submit(request(cycles=1), "bob", NEXT)
    await asyncio.sleep(600)
    free[0] = 10**6
    await asyncio.sleep(6000)
    assert (state(first), state(queued)) == (RunState.COMPLETED, RunState.QUEUED)
    with pytest.raises(CommandRefused, match="Nothing new is started; runs go on"):
        service.submit(request(), "ada")
    free[0] = 10**12
    await asyncio.sleep(6000)
    assert state(queued) is RunState.COMPLETED
    task.cancel()
    await asyncio.wait({task})


async def test_protection_of_the_tester_itself_is_a_trip(rig: Rig, store: Store, figure: Figure) -> None:
    """No limit of ours is broken: the next poll finds it, the run is latched with the tester's code (faults B02)."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(1000)
        rig.bench.tester.protect(CHANNEL)
        protected_unix_s = wall_time()
        await asyncio.sleep(300)
        assert state(run) is RunState.TRIPPED
        assert run.reason.startswith(EventKind.TESTER_PROTECTED)
        assert "its last log codes: " in run.reason
        assert str(rig.bench.tester.quirks.log_codes.protect) in run.reason
        assert rig.bench.tester.channel(CHANNEL).machine.status is Status.PROTECT
    told = next(event for event in store.events(run.run_id) if "log codes" in event.message)
    figure("B02", "time to the trip", told.at_unix_s - protected_unix_s, "s")
    check_rows(rig, store, run.run_id)


async def test_limits_in_the_tester_stop_a_channel_that_no_poll_sees(rig: Rig, store: Store) -> None:
    """The cell is pulled out and the service is dead: the tester's own limits end the test, the next one trips.

    Faults B02.
    """
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(1000)
    rig.bench.tester.make_trouble(CHANNEL, Trouble(ignore_end_conditions=True))
    rig.bench.tester.pull_out_cell(CHANNEL)
    await asyncio.sleep(60)
    assert rig.bench.tester.channel(CHANNEL).machine.status is Status.PROTECT
    async with serving(rig, store):
        await asyncio.sleep(300)
    assert store.run(run.run_id).state is RunState.TRIPPED
    check_rows(rig, store, run.run_id)


async def test_replies_of_seconds_slow_the_polls_and_lose_nothing(rig: Rig, store: Store) -> None:
    """Latency and jitter up to 25 s: polls slow down, no run is called unseen (faults A11)."""
    for n in range(1, 40):
        rig.bench.wire.spoil(Fault(Spoil.LATE, seconds=(n * 7) % 25))
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=1), "ada")
        await asyncio.sleep(6000)
        assert state(run) is RunState.COMPLETED
    assert store.deviations(run.run_id) == []
    check_rows(rig, store, run.run_id)


@pytest.mark.rig(poll_period_s=10.0)
async def test_records_that_take_longer_than_a_poll_do_not_make_the_polls_late(
    rig: Rig, store: Store, figure: Figure
) -> None:
    """Eight downloads of 2 s each do not fit into 10 s: they take turns, and all are asked in time (A11)."""
    rig.bench.wire.spoil(Fault(Spoil.LATE, "download", times=None, seconds=2.0))
    async with serving(rig, store) as service:
        runs = [service.submit(request(f"21-1-{n}", cycles=1, half_cycle_s=600.0), "ada") for n in range(1, 9)]
        await asyncio.sleep(100)
        before = service.supervisors[0].ticks
        await asyncio.sleep(1000)
        polls = service.supervisors[0].ticks - before
        assert polls >= 95
        figure("A11", "polls in 1000 s with a period of 10 s", polls, "")
        await asyncio.sleep(1500)
        assert {state(run) for run in runs} == {RunState.COMPLETED}
    for n, run in enumerate(runs, 1):
        check_rows(rig, store, run.run_id, f"21-1-{n}")
        assert store.deviations(run.run_id) == []


@pytest.mark.parametrize("spoil", [Spoil.STALE, Spoil.TWICE, Spoil.GARBAGE_BEFORE, Spoil.BYTE_BY_BYTE, Spoil.FLIPPED])
async def test_wire_that_spoils_every_reply_mixes_no_channels(rig: Rig, store: Store, spoil: Spoil) -> None:
    """Each channel's rows are its own and nothing starts twice, whatever is on the wire for hours (faults A06-A08)."""
    async with serving(rig, store) as service:
        runs = [service.submit(request(channel, cycles=1), "ada") for channel in (CHANNEL, OTHER)]
        await asyncio.sleep(300)
        rig.bench.wire.spoil(Fault(spoil, None, 200, at=40, filler=b"\x00garbage\r\n"))
        await asyncio.sleep(20_000)
        assert {state(run) for run in runs} == {RunState.COMPLETED}
    for run, channel in zip(runs, (CHANNEL, OTHER), strict=True):
        check_rows(rig, store, run.run_id, channel)
        assert len(rig.bench.tester.channels[channel].tests) == 1


@pytest.mark.rig(poll_period_s=3600.0)
async def test_test_of_27_days_wraps_no_counter(rig: Rig, store: Store) -> None:
    """Longer than 2^31 milliseconds: times, steps and cycles stay right (faults G04)."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=320, half_cycle_s=3600.0), "ada")
        await asyncio.sleep(27 * 86400)
        assert state(run) is RunState.COMPLETED
    last = store.last_sample(store.tests(run.run_id)[0].id)
    assert last is not None
    assert last.time_s > 2**31 / 1000
    assert last.tester_cycle == 320
    check_rows(rig, store, run.run_id)


async def test_clock_set_back_on_this_machine_changes_no_step_time(rig: Rig, store: Store) -> None:
    """Two hours back in the middle of a lost link: control and records do not notice, the run says so (faults G01)."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=1), "ada")
        await asyncio.sleep(1000)
        rig.bench.wire.spoil(Fault(Spoil.SILENT, None, None))
        await asyncio.sleep(600)
        loop.epoch_unix_s -= 7200
        rig.bench.wire.mend()
        await asyncio.sleep(6000)
        assert state(run) is RunState.COMPLETED
    loss, jump = sorted(store.deviations(run.run_id), key=lambda deviation: deviation.category.value)
    assert (loss.ended_unix_s or 0) >= loss.started_unix_s
    assert "moved by -7200 s" in jump.effect
    check_rows(rig, store, run.run_id)


async def test_machine_that_slept_is_noticed_at_its_next_poll(rig: Rig, store: Store) -> None:
    """After a suspend the wall clock is hours ahead: within one poll each run is marked, and goes on (faults E06)."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    async with serving(rig, store) as service:
        runs = [service.submit(request(channel, cycles=1), "ada") for channel in (CHANNEL, OTHER)]
        await asyncio.sleep(1000)
        assert [store.deviations(run.run_id) for run in runs] == [[], []]
        loop.epoch_unix_s += 3 * 3600
        await asyncio.sleep(rig.tester.poll_period_s + 1)
        for run in runs:
            assert any("moved by +10800 s" in deviation.effect for deviation in store.deviations(run.run_id))
            assert state(run) is RunState.RUNNING


def test_tester_in_another_zone_is_read_with_its_zone(store_path: Path) -> None:
    """Local times of the BTS PC become UTC through the setting (faults G03)."""

    async def main(store: Store) -> None:
        async with open_rig(quirks=Quirks(utc_offset_s=3600), poll_period_s=60.0, time_zone="Etc/GMT-1") as rig:
            async with serving(rig, store) as service:
                run = service.submit(request(cycles=1), "ada")
                await asyncio.sleep(6000)
            first = next(store.samples(store.tests(run.run_id)[0].id))
            assert abs(first.unix_time_s - store.run(run.run_id).created_unix_s) < 30

    with open_store(store_path) as store:
        run_virtual(main(store))


async def test_zero_offset_of_the_current_in_rest_is_noticed(rig: Rig, store: Store) -> None:
    """A rest that shows the current of a charge trips: nothing may flow there (faults B12)."""
    async with serving(rig, store) as service:
        rig.bench.tester.make_trouble(CHANNEL, Trouble(rest_current_a=3e-4))
        run = service.submit(request(), "ada")
        await asyncio.sleep(900)
        assert state(run) is RunState.TRIPPED
        assert "mA" in run.reason


async def test_clock_of_the_tester_that_drifts_is_marked(store_path: Path) -> None:
    """40 s a day against this machine's: the run goes on, with an event and a deviation (faults B04)."""
    async with open_rig(poll_period_s=300.0, quirks=Quirks(clock_drift=40 / 86_400)) as rig:
        with open_store(store_path) as store:
            async with serving(rig, store) as service:
                run = service.submit(request(cycles=72, half_cycle_s=3600.0), "ada")
                await asyncio.sleep(3 * 86_400)
                assert state(run) is RunState.RUNNING
            told = [event for event in store.events(run.run_id) if event.kind == EventKind.TESTER_CLOCK]
            assert told
            assert "drifts" in told[0].message
            assert "calibration_issue" in {row.category for row in store.deviations(run.run_id)}


async def test_defect_in_one_driver_leaves_other_testers_alone(rig: Rig, store: Store) -> None:
    """Its own runs become unseen and come back; those of another tester are watched all the time (faults E09)."""
    async with open_rig(poll_period_s=60.0, devid=22) as bad, serving(rig, store, bad) as service:
        first = service.submit(request(cycles=1), "ada")
        second = service.submit(request("22-1-5", cycles=1), "ada")
        await asyncio.sleep(900)
        bad.tester.faults.fail("status", KeyError("a defect"))
        await asyncio.sleep(900)
        assert (state(first), state(second)) == (RunState.RUNNING, RunState.UNSEEN)
        bad.tester.faults.mend()
        await asyncio.sleep(6000)
        assert (state(first), state(second)) == (RunState.COMPLETED, RunState.COMPLETED)


def test_memory_of_the_tester_that_wraps_is_told_exactly(store_path: Path) -> None:
    """A host that was away too long names the very records it lost; those after them are stored (faults B05, D07)."""

    async def main(store: Store) -> None:
        async with open_rig(quirks=Quirks(ring_rows=150), poll_period_s=60.0) as rig:
            async with serving(rig, store) as service:
                run = service.submit(request(cycles=9), "ada")
                await asyncio.sleep(2000)
                rig.bench.wire.spoil(Fault(Spoil.SILENT, None, None))
                await asyncio.sleep(9000)
                rig.bench.wire.mend()
                await asyncio.sleep(30_000)
                assert state(run) is RunState.COMPLETED
            (test,) = store.tests(run.run_id)
            samples = list(store.samples(test.id))
            stored = {sample.sequence for sample in samples}
            missing = sorted(set(range(1, samples[-1].sequence + 1)) - stored)
            (lost,) = [event for event in store.events(run.run_id) if event.kind == "records lost"]
            assert lost.message.startswith(f"records {missing[0]} to {missing[-1]} ")
            assert missing == list(range(missing[0], missing[-1] + 1))
            assert any(str(missing[-1]) in deviation.effect for deviation in store.deviations(run.run_id))
            rows = {row.seq: row for row in rig.bench.tester.channels[CHANNEL].tests[0].rows()}
            for sample in samples[-100:]:
                row = rows[sample.sequence]
                assert (sample.step, sample.tester_cycle, sample.voltage_v) == (
                    row.step,
                    row.cycle,
                    float(f"{row.voltage_v:.15g}"),
                )
            assert samples[-1].time_s == pytest.approx(9 * 2400 + 610, abs=0.2)

    with open_store(store_path) as store:
        run_virtual(main(store))


async def test_defect_with_one_run_blinds_no_other(rig: Rig, store: Store) -> None:
    """An error that nobody foresaw, in what one channel gives, is told in the status; the other run ends by itself."""
    async with serving(rig, store) as service:
        service.submit(request(cycles=3), "ada")
        other = service.submit(request(OTHER, cycles=3), "ada")
        await asyncio.sleep(1000)
        rig.tester.faults.fail("records", ValueError("a defect"), only=lambda identity, *_: identity.channel == CHANNEL)
        await asyncio.sleep(600)
        assert any("a defect of cellrig, ValueError" in sentence for sentence in service.troubles)
        await asyncio.sleep(9000)
        assert state(other) is RunState.COMPLETED
    check_rows(rig, store, other.run_id, OTHER)


async def test_run_whose_last_record_has_no_charge_is_not_resumed_by_guess(rig: Rig, store: Store) -> None:
    """What is left of its step is not known: the sentence says what to do, and the run stays held."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=1), "ada")
        await asyncio.sleep(1000)
        rig.tester.faults.change("records", lambda found: [sample._replace(capacity_ah=nan) for sample in found])
        await asyncio.sleep(60)
        rig.bench.tester.stop(CHANNEL)
        await asyncio.sleep(100)
        with pytest.raises(CommandRefused, match="has no charge"):
            await service.resume(run.run_id, "ada")
        assert state(run) is RunState.HOLDING


async def test_stop_that_is_given_up_while_a_start_loads_calls_nothing_off(rig: Rig, store: Store) -> None:
    """A client that goes away in the middle of its stop leaves no run waiting in its preflight for ever."""
    async with serving(rig, store) as service:
        rig.tester.faults.delay("status", before_s=5)
        run = service.submit(request(cycles=1), "ada")
        await asyncio.sleep(1)
        stopping = asyncio.ensure_future(service.stop(run.run_id, "ada"))
        await asyncio.sleep(1)
        stopping.cancel()
        await asyncio.sleep(600)
        assert state(run) is RunState.RUNNING


async def test_tester_that_comes_up_late_has_its_channels_from_the_start(rig: Rig, store: Store) -> None:
    """Its channels are those that its settings describe, and a run that is ordered meanwhile waits for it."""
    await rig.tester.close()
    rig.bench.wire.spoil(Fault(Spoil.SILENT, None, None))
    async with serving(rig, store) as service:
        await asyncio.sleep(60)
        assert service.channels() == [f"21-1-{n}" for n in range(1, 9)]
        run = service.submit(request(cycles=1), "ada")
        await asyncio.sleep(60)
        assert state(run) is RunState.QUEUED
        rig.bench.wire.mend()
        await asyncio.sleep(600)
        assert state(run) is RunState.RUNNING
