"""The store fails for a while: nothing is lost, nobody's watch ends, and no cell is left under current for it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection

import pytest
from sqlite_utils import Database

from drivers.interfaces import Sample
from orchestrator.cli.operate import _notes
from orchestrator.clock.virtual import run_virtual
from orchestrator.rollback import as_before
from orchestrator.states import RunState
from orchestrator.store import Refused, Store, StoreError, TickResult, open_store
from simulators.neware.settings import Trouble
from tests.outage import FailingStore, Outage, fail_for, open_failing_store, sweep
from tests.rig import CHANNEL, Rig, open_rig
from tests.test_service import OTHER, check_rows, request, serving, state

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def store_file(tmp_path: Path) -> Path:
    """Give the place of a new store."""
    return tmp_path / "cellrig.db"


def with_outage(path: Path, work: Callable[[Rig, FailingStore], Awaitable[None]]) -> None:
    """Run a test's body with a rig and a store that fails when the test says so."""

    async def main() -> None:
        async with open_rig(poll_period_s=60.0) as rig:
            with open_failing_store(path, Outage()) as store:
                await work(rig, store)

    run_virtual(main())


@pytest.mark.parametrize("first", [5, 17])
def test_disk_that_fails_at_any_write_changes_nothing_in_the_end(first: int) -> None:
    """Every record, step and finding is stored, every run ends as it should, nothing is started twice (faults F05)."""
    assert [(outage, wrong) for outage, wrong in sweep(24, (0.0, 300.0), first) if wrong] == []


def test_cell_that_is_to_be_stopped_is_stopped_while_the_disk_is_full(store_file: Path) -> None:
    """Records are judged although they are not stored; what stopped the run is in the store later (faults F01)."""

    async def work(rig: Rig, store: FailingStore) -> None:
        async with serving(rig, store) as service:
            run, other = service.submit(request(half_cycle_s=600.0), "ada"), service.submit(request(OTHER), "ada")
            await asyncio.sleep(300)
            fail_for(store, 10_000.0)
            rig.bench.tester.make_trouble(CHANNEL, Trouble(ignore_end_conditions=True))
            await asyncio.sleep(1200)
            assert not rig.bench.tester.channel(CHANNEL).busy
            assert rig.bench.tester.channel(OTHER).busy
            await asyncio.sleep(10_000)
            assert (state(run), state(other)) == (RunState.TRIPPED, RunState.COMPLETED)
            assert "step did not end" in run.reason
            check_rows(rig, store, run.run_id)
            check_rows(rig, store, other.run_id, OTHER)

    with_outage(store_file, work)


def test_status_says_that_the_disk_is_full_for_as_long_as_it_is(store_file: Path) -> None:
    """A technician who asks hears of it first; two polls after it is well again there is nothing to say."""

    async def work(rig: Rig, store: FailingStore) -> None:
        async with serving(rig, store) as service:
            service.submit(request(cycles=9), "ada")
            await asyncio.sleep(300)
            assert service.troubles == []
            fail_for(store, 1000.0)
            await asyncio.sleep(200)
            assert service.troubles == ["the disk is full"]
            found = {"undecided": [], "unreachable": [], "troubles": service.troubles, "channels": []}
            assert _notes(found) == ["the disk is full"]
            await asyncio.sleep(1000)
            assert service.troubles == []

    with_outage(store_file, work)


def test_run_that_cannot_be_written_down_whole_is_not_queued(store_file: Path) -> None:
    """Whoever hears that it failed orders it again: a cell must not be cycled twice for that."""

    async def work(rig: Rig, store: FailingStore) -> None:
        async with serving(rig, store) as service:
            for number in (1, 2):
                store.outage.at_commit = number == 2
                fail_for(store, 0.0)
                with pytest.raises(StoreError):
                    service.submit(request(), "ada")
                await asyncio.sleep(100)
                assert (store.runs(), service.runs) == ([], [])

    with_outage(store_file, work)


def test_service_waits_for_its_store_before_it_decides_what_became_of_its_runs(store_file: Path) -> None:
    """A disk that is full after a restart ends no service and forgets no run."""

    async def work(rig: Rig, store: FailingStore) -> None:
        async with serving(rig, store) as service:
            run_id = service.submit(request(), "ada").run_id
            await asyncio.sleep(1000)
        async with serving(rig, store) as service:
            fail_for(store, 600.0)
            await asyncio.sleep(500)
            assert service.runs == []
            await asyncio.sleep(12_000)
        assert store.run(run_id).state is RunState.COMPLETED
        check_rows(rig, store, run_id)

    with_outage(store_file, work)


class PickyStore(Store):
    """A store that refuses the records of one test."""

    refused = 1

    def tick(self, batches: dict[int, Sequence[Sample]], events: Sequence[object] = ()) -> TickResult:  # type: ignore[override]
        """Refuse the whole commit when the test is in it."""
        if self.refused in batches:
            raise Refused("these values are wrong")
        return super().tick(batches)


def test_run_whose_records_are_refused_keeps_out_no_other(store_file: Path) -> None:
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

    async def main() -> None:
        async with open_rig(poll_period_s=60.0) as rig:
            with open_store(store_file) as whole:
                await work(rig, PickyStore(whole.path, Database(whole.connection), read_only=False))

    run_virtual(main())


def test_what_a_transaction_changed_in_memory_is_taken_back_with_it(store_file: Path) -> None:
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

    with open_store(store_file) as store:
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
