"""The store fails for a while: nothing is lost, nobody's watch ends, and no cell is left under current for it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection

import pytest
from sqlite_utils import Database

from orchestrator.cli.rack_words import notes
from orchestrator.rollback import as_before
from orchestrator.states import RunState
from orchestrator.store import Store, StoreError, open_store
from simulators.neware.settings import Trouble
from tests.outage import FailingStore, PickyStore, fail_for, sweep
from tests.rig import CHANNEL, Rig, open_rig
from tests.service_rig import OTHER, check_rows, request, serving, state


@pytest.mark.parametrize("first", [5, 17])
def test_disk_that_fails_at_any_write_changes_nothing_in_the_end(first: int) -> None:
    """Every record, step and finding is stored, every run ends as it should, nothing is started twice (faults F05)."""
    assert [(outage, wrong) for outage, wrong in sweep(24, (0.0, 300.0), first) if wrong] == []


async def test_cell_that_is_to_be_stopped_is_stopped_while_the_disk_is_full(
    rig: Rig, failing_store: FailingStore
) -> None:
    """Records are judged although they are not stored; what stopped the run is in the store later (faults F01)."""
    async with serving(rig, failing_store) as service:
        run, other = service.submit(request(half_cycle_s=600.0), "ada"), service.submit(request(OTHER), "ada")
        await asyncio.sleep(300)
        fail_for(failing_store, 10_000.0)
        rig.bench.tester.make_trouble(CHANNEL, Trouble(ignore_end_conditions=True))
        await asyncio.sleep(1200)
        assert not rig.bench.tester.channel(CHANNEL).busy
        assert rig.bench.tester.channel(OTHER).busy
        await asyncio.sleep(10_000)
        assert (state(run), state(other)) == (RunState.TRIPPED, RunState.COMPLETED)
        assert "step did not end" in run.reason
        check_rows(rig, failing_store, run.run_id)
        check_rows(rig, failing_store, other.run_id, OTHER)


async def test_status_says_that_the_disk_is_full_for_as_long_as_it_is(rig: Rig, failing_store: FailingStore) -> None:
    """A technician who asks hears of it first; two polls after it is well again there is nothing to say."""
    async with serving(rig, failing_store) as service:
        service.submit(request(cycles=9), "ada")
        await asyncio.sleep(300)
        assert service.troubles == []
        fail_for(failing_store, 1000.0)
        await asyncio.sleep(200)
        assert service.troubles == ["the disk is full"]
        found = {"simulated": None, "undecided": [], "unreachable": [], "troubles": service.troubles, "channels": []}
        assert notes(found) == ["the disk is full"]
        await asyncio.sleep(1000)
        assert service.troubles == []


async def test_run_that_cannot_be_written_down_whole_is_not_queued(rig: Rig, failing_store: FailingStore) -> None:
    """Whoever hears that it failed orders it again: a cell must not be cycled twice for that."""
    async with serving(rig, failing_store) as service:
        for number in (1, 2):
            failing_store.outage.at_commit = number == 2
            fail_for(failing_store, 0.0)
            with pytest.raises(StoreError):
                service.submit(request(), "ada")
            await asyncio.sleep(100)
            assert (failing_store.runs(), service.runs) == ([], [])


async def test_service_waits_for_its_store_before_it_decides_what_became_of_its_runs(
    rig: Rig, failing_store: FailingStore
) -> None:
    """A disk that is full after a restart ends no service and forgets no run."""
    async with serving(rig, failing_store) as service:
        run_id = service.submit(request(), "ada").run_id
        await asyncio.sleep(1000)
    async with serving(rig, failing_store) as service:
        fail_for(failing_store, 600.0)
        await asyncio.sleep(500)
        assert service.runs == []
        await asyncio.sleep(12_000)
    assert failing_store.run(run_id).state is RunState.COMPLETED
    check_rows(rig, failing_store, run_id)


async def test_run_whose_records_are_refused_keeps_out_no_other(store_path: Path) -> None:
    """One test's wrong values: the others are stored, and its own are judged all the same."""

    async def work(rig: Rig, store: Store) -> None:
        async with serving(rig, store) as service:
            run, other = service.submit(request(), "ada"), service.submit(request(OTHER), "ada")
            await asyncio.sleep(1000)
            (test,) = store.tests(other.run_id)
            assert store.sample_count(test.id) > 20
            assert service.troubles == ["these values are wrong"]
            rig.bench.tester.make_trouble(CHANNEL, Trouble(ignore_end_conditions=True))
            await asyncio.sleep(1000)
            assert not rig.bench.tester.channel(CHANNEL).busy
            assert rig.bench.tester.channel(OTHER).busy
            assert run.status.stop_is_pending

    async with open_rig(poll_period_s=60.0) as rig:
        with open_store(store_path) as whole:
            await work(rig, PickyStore(whole.path, Database(whole.connection), read_only=False))


def test_what_a_transaction_changed_in_memory_is_taken_back_with_it(store_path: Path) -> None:
    """Also when only the transaction around it fails; what was committed stays."""

    class Thing:
        value = 0

    thing = Thing()

    @contextmanager
    def setting(store: Store, value: int) -> Iterator[Connection]:
        with store.transaction(as_before(thing, "value")) as connection:
            thing.value = value
            yield connection

    def fail_around(store: Store, value: int) -> None:
        with store.transaction():
            with setting(store, value):
                pass
            raise ZeroDivisionError

    with open_store(store_path) as store:
        with setting(store, 1):
            pass
        with pytest.raises(ZeroDivisionError), store.transaction(), setting(store, 2):
            raise ZeroDivisionError
        assert thing.value == 1
        with pytest.raises(ZeroDivisionError):
            fail_around(store, 3)
        assert thing.value == 1
        with store.transaction():
            with pytest.raises(ZeroDivisionError), setting(store, 4):
                raise ZeroDivisionError
            with setting(store, 5):
                pass
        assert thing.value == 5
