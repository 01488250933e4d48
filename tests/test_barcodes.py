"""Barcodes are unique for ever, and a barcode alone makes no test ours: other stores, copies, and stores of before."""

import asyncio
import doctest
import shutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from drivers.errors import BadReply
from orchestrator.clock.local_time import local_time
from orchestrator.clock.virtual import DEMO_EPOCH_UNIX_S, run_virtual, wall_time
from orchestrator.runs import ownership
from orchestrator.states import RunState
from orchestrator.store import Store, barcodes, open_store
from simulators.neware.settings import Quirks
from tests.rig import CHANNEL, Rig, open_rig, short_segment
from tests.service_rig import check_rows, request, serving, state
from tests.storing import add_run

# Back to layout 0002, which had no barcodes of their own.
FORGET_BARCODES = (
    "DROP TABLE mounting",
    "DROP INDEX run_channel",
    "DROP INDEX run_barcode",
    "ALTER TABLE run DROP COLUMN barcode",
    "DELETE FROM _sqlite_migrations WHERE name > '0003' AND name < '0005'",
)


def busy(rig: Rig) -> bool:
    """Tell whether the channel works."""
    return rig.bench.tester.channel(CHANNEL).busy


def without_barcode(store: Store, run_id: str) -> None:
    """Make a run one of an old store, whose barcode is its id."""
    with store.transaction() as connection:
        connection.execute("UPDATE run SET barcode = NULL WHERE run_id = ?", (run_id,))


def given_up(store: Store, age_s: float = 1000.0) -> str:
    """Add a run whose start was sent so long ago by a process that died before it knew what became of it."""
    run_id = request().add_to(store)
    store.open_intent(run_id, CHANNEL, "start", "", "a kill", wall_time() - age_s)
    store.set_run_state(run_id, RunState.ARMED, "", wall_time() - age_s)
    return run_id


async def test_orphan_of_another_store_is_neither_stopped_nor_adopted(rig: Rig, store: Store, tmp_path: Path) -> None:
    """Both stores gave the id R000001 to a run on this channel; one gave up its start, the other's works."""
    run_id = given_up(store)
    await asyncio.sleep(0.001)
    with open_store(tmp_path / "other.db") as other:
        theirs = other.barcode(request().add_to(other))
    assert theirs.startswith(f"{run_id}-")
    await rig.tester.start(await rig.tester.load(CHANNEL, short_segment(50_000.0), theirs), theirs)
    async with serving(rig, store) as service:
        await asyncio.sleep(1500)
        assert store.run(run_id).state is RunState.FAILED
        assert "works, and not by us" in service.supervisors[0].watch.words(CHANNEL)
    assert busy(rig)
    assert store.tests(run_id) == []


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("is_resumed", [False, True])
async def test_test_that_began_before_our_start_was_sent_is_left_alone(
    rig: Rig, store: Store, ended: bool, is_resumed: bool
) -> None:
    """Two old stores, one barcode: neither adopted as completed nor stopped, and the sentence says when it began."""
    theirs = await rig.tester.start(await rig.tester.load(CHANNEL, short_segment(2000.0), "R000001"), "R000001")
    await asyncio.sleep(3000 if ended else 1000)
    run_id = given_up(store, 10.0)
    without_barcode(store, run_id)
    if is_resumed:
        store.add_test(
            run_id=run_id, segment=0, instrument=rig.tester.name, channel=CHANNEL, tester_test_id=theirs.test_id,
            barcode=run_id, started_unix_s=wall_time(), program_json=request().program.cycling[0].to_json(),
        )  # fmt: skip
        store.close_intent(store.open_intents()[0].id, "confirmed", wall_time())
    async with serving(rig, store) as service:
        await asyncio.sleep(700)
        row = store.run(run_id)
        assert row.state is (RunState.HOLDING if is_resumed else RunState.FAILED)
        assert f"has the barcode of R000001, but it began at {local_time(DEMO_EPOCH_UNIX_S)}" in row.reason
        assert "left alone" in row.reason
        if not ended:
            assert "has the barcode of R000001, but" in service.supervisors[0].watch.words(CHANNEL)
            report = await service.stops.stop_run(run_id, "ada") if is_resumed else None
            assert report is None or not report.is_off
    assert busy(rig) is not ended
    assert all(store.sample_count(test.id) == 0 for test in store.tests(run_id))


@pytest.mark.parametrize("drift", [0.0, -0.5])
def test_run_of_an_old_store_is_adopted_after_the_update(store_path: Path, drift: float) -> None:
    """Its test bears the run's id alone, whatever the tester's clock says; tests to come get barcodes of their own."""

    async def main() -> None:
        async with open_rig(poll_period_s=60.0, quirks=Quirks(clock_drift=drift)) as rig:
            with open_store(store_path) as store:
                async with serving(rig, store) as service:
                    run_id = service.submit(request(cycles=1), "ada").run_id
                    without_barcode(store, run_id)
                    await asyncio.sleep(900)
                    queued = request(cycles=1, channel="21-1-5").add_to(store)
                    unknown = given_up(store)
                for statement in FORGET_BARCODES:
                    store.connection.execute(statement)
                store.connection.commit()
            with open_store(store_path) as store:
                async with serving(rig, store):
                    await asyncio.sleep(70)
                    assert store.run(run_id).state is RunState.RUNNING
                    await asyncio.sleep(3500)
                assert store.run(run_id).state is RunState.COMPLETED
                (test,) = store.tests(run_id)
                assert test.barcode == run_id
                check_rows(rig, store, run_id)
                for other in (run_id, queued):
                    assert store.barcode(other).startswith(f"{other}-")
                assert store.barcode(unknown) == unknown

    run_virtual(main())


def test_next_run_of_a_copied_store_has_another_barcode(store_path: Path, tmp_path: Path) -> None:
    """The copy gives the same id, and an order of the same recipe for the same cell: only the moment differs."""
    with open_store(store_path) as store:
        first = add_run(store)
        before = store.barcode(first)
    shutil.copy(store_path, tmp_path / "copy.db")
    found = []
    for at_unix_s, path in enumerate([store_path, tmp_path / "copy.db"]):
        with open_store(path) as store:
            assert store.barcode(first) == before
            found.append(store.barcode(add_run(store, created_unix_s=1_767_571_200.0 + at_unix_s * 1e-6)))
    assert len({before, *found}) == 3
    assert all(len(barcode) == 16 and barcode.isascii() for barcode in found)


@pytest.mark.parametrize("fact", ["recipe", "cell", "channel", "label", "program_sha256"])
def test_each_fact_of_an_order_is_in_its_barcode(fact: str) -> None:
    """Two orders of one moment with one id differ in their barcodes if they differ in anything, the program too."""
    facts = dict.fromkeys(("recipe", "cell", "channel", "label", "program_sha256"), "x")
    one, other = (
        barcodes.new_barcode("R000001", created_unix_s=1_767_571_200.0, **facts | {fact: value}) for value in "xy"
    )
    assert one != other


@pytest.mark.parametrize("module", [barcodes, ownership])
def test_sessions_in_the_docstrings_run(module: ModuleType) -> None:
    """What the docstrings show is what happens: a barcode of a store stays the same in every release."""
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0


async def test_steps_that_a_program_has_not_are_another_programs(rig: Rig, store: Store) -> None:
    """The barcode and the time fit, and the tester's step log does not: held, and left alone."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=1), "ada")
        await asyncio.sleep(600)
    assert run.records is not None
    *_, row = await rig.tester.step_log(run.records.identity)
    rig.tester.faults.answer("step_log", [replace(row, step=99)])
    async with serving(rig, store):
        await asyncio.sleep(60)
        assert store.run(run.run_id).state is RunState.HOLDING
        assert "has executed step 99" in store.run(run.run_id).reason
        assert busy(rig)
    assert state(run) is RunState.RUNNING


@pytest.mark.parametrize("is_garbled", [True, False])
async def test_test_whose_begin_cannot_be_read_is_adopted_after_four_looks(
    rig: Rig, store: Store, is_garbled: bool
) -> None:
    """Barcode and number agree, and nobody would watch the cell: unseen soon, and a stop reaches it."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(600)
    if is_garbled:
        rig.tester.faults.fail("records", BadReply("garbled"))
    else:
        rig.tester.faults.answer("records", [])
    async with serving(rig, store) as service:
        await asyncio.sleep(10)
        assert service.runs == []
        await asyncio.sleep(230)
        (adopted,) = service.runs
        assert (state(adopted), busy(rig)) == (RunState.UNSEEN, True)
        await service.stop(run.run_id, "ada")
        assert not busy(rig)
