"""Which cell is on a channel: an order there needs a person's word on it, and the word is stored."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.api.routes import channel_now
from orchestrator.api.sentences import note_start
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.mounted_cells import NO_TERMS, ChannelUse, MountedCells, Terms
from orchestrator.rack.service import Service
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import Store, open_store
from tests.rig import CHANNEL, Rig, li_li_program
from tests.service_rig import NEXT, QUEUE, SAME, serving, state

LONG_S = 4_000.0


def of(label: str, cycles: int = 1) -> RunRequest:
    """Give a short run of a cell."""
    return RunRequest(li_li_program(cycles, 600.0), CHANNEL, label)


def rows(store: Store) -> list[tuple[str, str | None, str | None, str]]:
    """Give what is stored of the cells on the channels, in order."""
    return store.connection.execute("SELECT kind, run_id, follows, said_by FROM mounting ORDER BY id").fetchall()


def use(service: Service) -> ChannelUse:
    """Give whether the channel is free, idle or busy."""
    return channel_now(service, CHANNEL).use


async def ended(service: Service, label: str = "A17", terms: Terms = NO_TERMS) -> Run:
    """Run a cell to its end."""
    run = service.submit(of(label), "ada", terms)
    await asyncio.sleep(LONG_S)
    assert state(run) is RunState.COMPLETED
    return run


async def test_order_for_a_busy_channel_is_refused_with_who_runs_what_until_when(rig: Rig, store: Store) -> None:
    """With ``queue`` it waits; a cell that is said to be mounted meanwhile cannot be (faults I01)."""
    async with serving(rig, store) as service:
        first = service.submit(of("A17", 3), "ada")
        await asyncio.sleep(1000)
        busy = rf"{CHANNEL} is busy: {first.run_id} \(A17\) runs, ordered by ada, at most about"
        with pytest.raises(CommandRefused, match=busy + ".* --queue"):
            service.submit(of("A18"), "bob")
        with pytest.raises(CommandRefused, match="A18 can be mounted there when it is over"):
            service.submit(of("A18"), "bob", Terms(queue=True, mounted="A18"))
        queued = service.submit(of("A18"), "bob", QUEUE)
        with pytest.raises(CommandRefused, match=f"1 waiting behind it .{queued.run_id}."):
            service.submit(of("A19"), "eve")
        assert (len(store.runs()), use(service)) == (2, ChannelUse.BUSY)


async def test_queued_run_waits_for_the_word_that_its_cell_is_mounted(rig: Rig, store: Store) -> None:
    """Also when the run before completes: nothing starts by itself on a cell that nobody called the right one.

    Faults C07.
    """
    async with serving(rig, store) as service:
        first = service.submit(of("A17"), "ada")
        await asyncio.sleep(600)
        second = service.submit(of("A18"), "bob", QUEUE)
        with pytest.raises(CommandRefused, match=f"{first.run_id} .A17. is on {CHANNEL}"):
            service.cells.mounted(second.run_id, "bob")
        await asyncio.sleep(LONG_S)
        assert (state(first), state(second)) == (RunState.COMPLETED, RunState.QUEUED)
        assert f"See that A18 is on {CHANNEL}, then: cellrig mounted {second.run_id}" in second.reason
        assert channel_now(service, CHANNEL).needs_person
        with pytest.raises(CommandRefused, match=f"cellrig mounted {second.run_id}"):
            await service.resume(second.run_id, "bob")
        service.cells.mounted(second.run_id, "eve")
        await asyncio.sleep(LONG_S)
        assert state(second) is RunState.COMPLETED
    assert rows(store)[-2:] == [("mounted", second.run_id, None, "eve"), ("begun", second.run_id, None, "")]
    assert "A18 is on 21-1-3, said by eve" in [event.message for event in store.events(second.run_id)]


async def test_word_for_one_queued_run_is_none_for_the_next(rig: Rig, store: Store) -> None:
    """Once a run has begun, what was said before it of the cell on the channel does not hold any more."""
    async with serving(rig, store) as service:
        await ended(service)
        second, third = (service.submit(of(label), "ada", QUEUE) for label in ("A18", "A19"))
        service.cells.mounted(third.run_id, "ada")
        with pytest.raises(CommandRefused, match=f"{third.run_id} .A19. is about to start"):
            service.cells.mounted(second.run_id, "ada")
        await asyncio.sleep(LONG_S)
        assert (state(second), state(third)) == (RunState.QUEUED, RunState.COMPLETED)
        assert f"A19 of {third.run_id} was on it last" in second.reason


async def test_same_cell_starts_by_itself_behind_the_very_run_that_it_was_ordered_behind(
    rig: Rig, store: Store
) -> None:
    """One test after the other on one cell, also across a restart; the order carries its name."""
    async with serving(rig, store) as service:
        service.submit(of("A17"), "ada")
        second = service.submit(of(""), "ada", NEXT)
        await asyncio.sleep(60)
        third = service.submit(of("A17", 2), "bob", NEXT)
        assert service.cells.waits(third) == f"it starts by itself when {second.run_id} has completed"
    async with serving(rig, store):
        await asyncio.sleep(3 * LONG_S)
    assert [run.state for run in store.runs()] == [RunState.COMPLETED] * 3
    assert [run.label for run in store.runs()] == ["A17"] * 3
    assert [row for row in rows(store) if row[0] == "same_cell"] == [
        ("same_cell", "R000002", "R000001", "ada"),
        ("same_cell", "R000003", "R000002", "bob"),
    ]


async def taken_out(service: Service, middle: Run) -> None:
    """Take the run before out of the queue."""
    await service.stop(middle.run_id, "ada")


async def stopped(service: Service, middle: Run) -> None:
    """Stop the run before when it runs."""
    await asyncio.sleep(2500)
    service.cells.mounted(middle.run_id, "ada")
    await asyncio.sleep(600)
    await service.stop(middle.run_id, "ada")


@pytest.mark.parametrize("end", [taken_out, stopped])
async def test_same_cell_waits_when_the_run_before_did_not_complete(
    rig: Rig, store: Store, end: Callable[[Service, Run], Awaitable[None]]
) -> None:
    """Taken out of the queue, another cell than meant was on the channel last; stopped, a person looks first."""
    async with serving(rig, store) as service:
        service.submit(of("A17"), "ada")
        middle = service.submit(of("A18"), "ada", QUEUE)
        last = service.submit(of("A18", 2), "ada", NEXT)
        await end(service, middle)
        await asyncio.sleep(LONG_S)
        assert (state(middle), state(last)) == (RunState.STOPPED, RunState.QUEUED)
        assert "waits for a person" in last.reason


async def test_order_behind_an_ended_run_needs_a_word_on_the_cell(rig: Rig, store: Store) -> None:
    """Refused with the cell that is mounted and both ways forward; each of them starts at once, and is stored."""
    async with serving(rig, store) as service:
        await asyncio.sleep(1)
        assert use(service) is ChannelUse.FREE
        first = await ended(service)
        now = channel_now(service, CHANNEL)
        assert now.words.startswith(f"idle, cell A17 still mounted; {first.run_id} (A17) completed after")
        assert now.mounted is not None
        assert (now.use, now.mounted.label, now.mounted.run_id) == (ChannelUse.IDLE, "A17", first.run_id)
        with pytest.raises(CommandRefused, match=r"cell A17 of R000001.* --same-cell .* --mounted A18"):
            service.submit(of("A18"), "ada")
        with pytest.raises(CommandRefused, match="cell A17"):
            service.submit(of("A17"), "ada")
        with pytest.raises(CommandRefused, match="order is for A18, and A19 is said"):
            service.submit(of("A18"), "ada", Terms(mounted="A19"))
        with pytest.raises(CommandRefused, match="the same cell is A17"):
            service.submit(of("A18"), "ada", SAME)
        await ended(service, "A17", SAME)
        await ended(service, "", Terms(mounted="A18"))
    assert [(run.label, run.state) for run in store.runs()] == [
        (label, RunState.COMPLETED) for label in ("A17", "A17", "A18")
    ]
    assert [row for row in rows(store) if row[0] != "begun"] == [
        ("ordered", "R000001", None, "ada"),
        ("same_cell", "R000002", "R000001", "ada"),
        ("mounted", "R000003", None, "ada"),
    ]


async def test_an_ended_run_is_told_in_the_same_words_after_a_restart(rig: Rig, store: Store) -> None:
    """How long it ran, and why it is over, are in the store: the next process says what the one before said."""
    async with serving(rig, store) as service:
        first = await ended(service)
        told = channel_now(service, CHANNEL).words
    assert f"{first.run_id} (A17) completed after 0.5 h: program finished; since" in told
    async with serving(rig, store) as service:
        await asyncio.sleep(60)
        assert (channel_now(service, CHANNEL).run, channel_now(service, CHANNEL).words) == (None, told)


async def test_channel_is_free_only_when_somebody_said_that_it_is_empty(rig: Rig, store: Store) -> None:
    """Not while a run is there; then an order needs no word, the same cell as none is refused, and a queue waits."""
    async with serving(rig, store) as service:
        first = service.submit(of("A17"), "ada")
        await asyncio.sleep(600)
        with pytest.raises(CommandRefused, match=f"{first.run_id} .A17. is on {CHANNEL} and running"):
            service.cells.empty(CHANNEL, "ada")
        await asyncio.sleep(LONG_S)
        queued = service.submit(of("A17"), "ada", NEXT)
        service.cells.empty(CHANNEL, "bob")
        await asyncio.sleep(LONG_S)
        assert state(queued) is RunState.QUEUED
        assert f"{CHANNEL} is empty, said bob" in queued.reason
        await service.stop(queued.run_id, "ada")
        assert (use(service), channel_now(service, CHANNEL).words[:4]) == (ChannelUse.FREE, "free")
        with pytest.raises(CommandRefused, match="the same cell as which"):
            service.submit(of(""), "ada", SAME)
        told = channel_now(service, CHANNEL).words
    async with serving(rig, store) as service:
        await asyncio.sleep(60)
        assert channel_now(service, CHANNEL).mounted is None
        # What ran there last is known of an empty channel too.
        assert channel_now(service, CHANNEL).words.startswith(f"free; {first.run_id} (A17) completed after")
        assert told.startswith("free; ")
        await ended(service, "A18")


async def test_cell_of_an_acknowledged_trip_is_still_mounted(rig: Rig, store: Store) -> None:
    """Acknowledged is not taken out: the status says so, also of a service that was started since."""
    async with serving(rig, store) as service:
        first = service.submit(of("A17", 3), "ada")
        await asyncio.sleep(1000)
        rig.bench.tester.pull_out_cell(CHANNEL)
        await asyncio.sleep(1500)
        with pytest.raises(CommandRefused, match="was stopped for safety and nobody has acknowledged it"):
            service.submit(of("A18"), "ada")
        with pytest.raises(CommandRefused, match=f"and tripped: 'cellrig ack {first.run_id}' first"):
            service.cells.empty(CHANNEL, "ada")
        service.acknowledge(first.run_id, "bob")
        assert "idle, cell A17 still mounted" in channel_now(service, CHANNEL).words
        assert store.run(service.submit(of("A17"), "ada", NEXT).run_id).state is RunState.QUEUED
    async with serving(rig, store) as service:
        await asyncio.sleep(LONG_S)
        assert (
            f"idle, cell A17 still mounted; {first.run_id} (A17) stopped after 0.3 h"
            in channel_now(service, CHANNEL).words
        )
        assert store.runs()[-1].state is RunState.QUEUED


async def test_wrong_word_needs_no_run(rig: Rig, store: Store) -> None:
    """A run that starts by itself, one that runs, and two words that contradict each other are told."""
    async with serving(rig, store) as service:
        first = service.submit(of("A17"), "ada")
        with pytest.raises(CommandRefused, match="starts by itself"):
            service.cells.mounted(first.run_id, "ada")
        await asyncio.sleep(600)
        with pytest.raises(CommandRefused, match="is running: only a queued run"):
            service.cells.mounted(first.run_id, "ada")
        with pytest.raises(CommandRefused, match="say either"):
            service.submit(of("A17"), "ada", Terms(mounted="A17", same_cell=True))


async def test_word_on_an_empty_channel_is_over_once_another_cell_was_there(rig: Rig, store: Store) -> None:
    """Without a service two orders were given at once: the first completes, the second is left to a person."""
    runs = await Supervisor(store, rig.tester).run([of("A17"), of("A18")])
    assert [run.state for run in runs] == [RunState.COMPLETED, RunState.QUEUED]
    assert f"A17 of R000001 has been on {CHANNEL} meanwhile" in runs[1].reason


async def test_channels_of_an_older_store_have_the_cells_of_their_last_runs(store_path: Path) -> None:
    """A run that began there, ended or not, left its cell; one that was taken out of the queue was never there."""
    with open_store(store_path) as store:
        for name, row in (("A17", "preflight"), ("A18", "preflight"), ("A19", "stopped")):
            run_id = of(name).add_to(store)
            store.add_event(run_id, EventKind.STATE, row, 1.0)
            store.set_run_state(run_id, "stopped", "", 2.0)
        store.connection.execute("DROP TABLE mounting")
        store.connection.execute("DROP INDEX run_channel")
        store.connection.execute("DELETE FROM _sqlite_migrations WHERE name = '0004_mounted_cells'")
        store.connection.commit()
    with open_store(store_path) as store:
        on = MountedCells(store).on(CHANNEL)
    assert on is not None
    assert (on.label, on.run_id) == ("A18", "R000002")


@pytest.mark.parametrize("terms", [SAME, NEXT])
async def test_same_cell_with_other_facts_is_refused(rig: Rig, store: Store, terms: Terms) -> None:
    """A cell file that was changed and kept its name gives other currents: a person says by name which cell it is."""
    program = li_li_program(1, 600.0)
    other = RunRequest(replace(program, cell=replace(program.cell, area_cm2=2.5)), CHANNEL, "")
    async with serving(rig, store) as service:
        service.submit(of("A17"), "ada")
        await asyncio.sleep(60 if terms is NEXT else LONG_S)
        with pytest.raises(
            CommandRefused, match=r"A17 of R000001, and its facts were others \(area_cm2 0.7854, now 2.5"
        ):
            service.submit(other, "ada", terms)
        await asyncio.sleep(LONG_S)
        service.submit(other, "ada", Terms(mounted="A17"))


async def test_queued_run_of_a_store_that_went_back_waits_for_a_new_word(
    rig: Rig, store: Store, tmp_path: Path
) -> None:
    """That it was stopped, and that the cell was taken out, is what the store has lost."""
    left = tmp_path / "left.sqlite"
    async with serving(rig, store) as service:
        service.submit(of("A17"), "ada")
        await asyncio.sleep(600)
        second = service.submit(of("A17", 2), "ada", NEXT)
        store.connection.execute("VACUUM INTO ?", (str(left),))
        await service.stop(second.run_id, "ada")
        await asyncio.sleep(LONG_S)
        service.cells.empty(CHANNEL, "ada")
    with open_store(left) as older:
        note_start(older, [rig.tester], None, wall_time(), "the store has gone back")
        async with serving(rig, older) as service:
            await asyncio.sleep(LONG_S)
            assert [run.state for run in older.runs()] == [RunState.COMPLETED, RunState.QUEUED]
            assert "nobody has said that its cell is mounted" in channel_now(service, CHANNEL).words
            service.cells.mounted(second.run_id, "ada")
            await asyncio.sleep(LONG_S)
        assert older.run(second.run_id).state is RunState.COMPLETED
