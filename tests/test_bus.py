"""The bus: what waits for a listener, in which order, what is dropped, and what becomes of a listener that fails."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.clock.virtual import run_virtual
from orchestrator.events import Bus, Event, EventKind, Inbox, Listener, RunUpdate, Severity, Told, stored_event
from orchestrator.states import RunState
from orchestrator.store import NewEvent, Store, StoreError
from tests.storing import add_run


def update(run_id: str, cycle: int) -> RunUpdate:
    """Give an update that is told from others by its cycle."""
    return RunUpdate(run_id, "", "21-1-1", RunState.RUNNING, "", 0.0, 1.0, cycle, None, 0)


def event(number: int) -> Event:
    """Give an event of the rig that is told from others by its number."""
    return stored_event(number, None, None, EventKind.BACKUP, "", 0.0, None)


def taken(inbox: Inbox) -> list[Told]:
    """Take out everything."""
    return list(iter(inbox.take, None))


def told_to(listener: Listener, said: list[Told]) -> list[str]:
    """Tell one listener in virtual time, and give the troubles of the bus afterwards."""

    async def main() -> list[str]:
        bus = Bus([listener])
        async with bus.listening():
            for one in said:
                bus.tell(one)
        return bus.troubles

    return run_virtual(main())


@given(st.lists(st.one_of(st.integers(1, 3), st.none()), max_size=60), st.integers(1, 8))
def test_full_queue_keeps_events_before_updates_and_the_newest_of_each(said: list[int | None], length: int) -> None:
    """What is kept is in order, counts add up, no event goes while an update waits, and none of a run's last does."""
    inbox, told = Inbox(length), list[Told]()
    for n, run in enumerate(said):
        told.append(event(n) if run is None else update(f"R{run}", n))
        inbox.put(told[-1])
    kept = taken(inbox)
    assert len(kept) == min(length, len(told)) == len(told) - inbox.dropped
    assert kept == [one for one in told if one in kept]
    events = [one for one in told if isinstance(one, Event)]
    assert [one for one in kept if isinstance(one, Event)] == events[-length:]
    assert inbox.dropped_events == max(0, len(events) - length)
    runs = {one.run_id for one in told if isinstance(one, RunUpdate)}
    if len(events) + len(runs) <= length:
        last = {one.run_id: one for one in told if isinstance(one, RunUpdate)}
        assert all(one in kept for one in last.values())


def test_update_of_another_run_takes_the_place_of_one_that_is_superseded() -> None:
    """A run that ended keeps its last update in a full queue, however many another run sends."""
    inbox = Inbox(4)
    inbox.put(update("R1", 0))
    for cycle in range(100):
        inbox.put(update("R2", cycle))
    assert taken(inbox) == [update("R1", 0), *(update("R2", cycle) for cycle in (97, 98, 99))]
    assert inbox.dropped_updates == 97


def test_coroutine_gets_everything_in_order() -> None:
    """Updates and events come as they were told, before the block that listens is left."""
    heard: list[Told] = []

    async def note(told: Told) -> None:
        heard.append(told)

    said: list[Told] = [event(1), update("R1", 1), event(2), update("R1", 2)]
    assert told_to(note, said) == []
    assert heard == said


def test_function_gets_everything_in_order_on_a_thread_of_its_own() -> None:
    """It may block, and holds up neither the loop nor other listeners; its last word is waited for."""
    heard: list[tuple[Told, str]] = []
    said: list[Told] = [event(1), update("R1", 1), event(2)]
    assert told_to(lambda told: heard.append((told, threading.current_thread().name)), said) == []
    assert [told for told, _ in heard] == said
    assert all(name.startswith("listener ") for _, name in heard)


@pytest.mark.parametrize("error", [ValueError, OSError, SystemExit, asyncio.CancelledError, BaseException])
@pytest.mark.parametrize("kind", ["coroutine", "function"])
def test_listener_that_fails_three_times_in_a_row_is_told_off(
    kind: str, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever it raises is logged with its trace and goes no further; the bus says that it is told nothing more."""
    calls: list[Told] = []

    def fail(told: Told) -> None:
        calls.append(told)
        raise error("broken")

    async def fail_later(told: Told) -> None:
        fail(told)

    troubles = told_to(fail if kind == "function" else fail_later, [event(n) for n in range(5)])
    assert len(calls) == 3
    assert len(troubles) == 1
    assert "failed 3 times in a row" in troubles[0]
    traces = [record for record in caplog.records if record.exc_info]
    assert len(traces) == 3


def test_listener_that_fails_now_and_then_is_kept() -> None:
    """Two failures in a row are forgiven when it comes round."""
    heard: list[Told] = []

    async def hear(told: Told) -> None:
        heard.append(told)
        if len(heard) % 3:
            raise ValueError("broken for a moment")

    assert told_to(hear, [event(n) for n in range(9)]) == []
    assert len(heard) == 9


def test_call_that_never_returns_is_given_up_after_a_minute() -> None:
    """It counts as a failure: after three minutes the listener is told off, and what waits for it is let go."""

    async def hang(_: Told) -> None:
        await asyncio.Event().wait()

    async def main() -> tuple[list[str], bool]:
        bus = Bus([hang])
        async with bus.listening():
            for n in range(5):
                bus.tell(event(n))
            await asyncio.sleep(179)
            early = bus.troubles
            await asyncio.sleep(2)
            return early + bus.troubles, await bus.drained()

    troubles, drained = run_virtual(main())
    assert len(troubles) == 1
    assert drained


def test_function_that_gives_a_coroutine_is_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    """A lambda around a coroutine function does nothing on a thread: that is said, where nobody would notice it."""
    assert told_to(lambda told: _sleep_an_hour(told), [event(1)]) == []  # noqa: PLW0108 - that is what goes wrong
    assert "no coroutine function" in caplog.text


def test_bus_says_what_a_listener_was_too_slow_for(caplog: pytest.LogCaptureFixture) -> None:
    """Drops are counted for each kind and logged once, at the end."""

    async def main() -> int:
        bus = Bus()
        slow = bus.subscribe(_sleep_an_hour, "slow", length=10)
        async with bus.listening():
            for n in range(100):
                bus.tell(event(n))
                bus.tell(update("R1", n))
            assert (slow.inbox.dropped_updates, slow.inbox.dropped_events) == (100, 90)
        return bus.dropped

    with caplog.at_level(logging.WARNING):
        assert run_virtual(main()) == 190
    assert "listener slow was too slow for 100 updates, 90 events" in caplog.text


async def _sleep_an_hour(_: Told) -> None:
    await asyncio.sleep(3600)


def test_event_is_told_after_its_commit_and_never_when_it_is_rolled_back(store: Store) -> None:
    """What is told is on disk, with the number of its row; what was rolled back, inside or as a whole, is not told."""
    run_id = add_run(store)
    heard: list[Event] = []
    open_at: list[bool] = []

    class Ears:
        """Hears at once."""

        def put(self, told: Told) -> None:
            """Note the event, and whether its transaction is still open."""
            assert isinstance(told, Event)
            heard.append(told)
            open_at.append(store.connection.in_transaction)

    def lose(words: str) -> None:
        with store.transaction():
            store.add_event(run_id, EventKind.STATE, words, 1.0)
            raise StoreError(words)

    store.bus = Bus()
    store.bus.attach(Ears())
    with store.transaction():
        store.add_event(run_id, EventKind.LINK_LOST, "kept", 1.0, '{"polls": 3}')
        with pytest.raises(StoreError):
            lose("inner")
        assert heard == []
    with pytest.raises(StoreError):
        lose("outer")
    store.tick({}, [NewEvent(None, EventKind.BACKUP, "of the rig", 2.0)])
    assert [(told.id, told.sentence) for told in heard] == [(row.id, row.message) for row in store.events()]
    assert [told.sentence for told in heard] == ["kept", "of the rig"]
    assert open_at == [False, False]
    first, second = heard
    assert (first.kind, first.severity, first.run_id) == (EventKind.LINK_LOST, Severity.WARNING, run_id)
    assert (first.channel, dict(first.data)) == (store.run(run_id).channel, {"polls": 3})
    assert (second.run_id, second.channel) == (None, None)


def test_listener_that_swallows_its_cancellation_does_not_keep_the_program_alive(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is asked to end, then left after a second; one that tidies up when it is cancelled is let finish."""
    tidied: list[str] = []

    async def stubborn(_: Told) -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)

    async def tidy(_: Told) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.5)
            tidied.append("done")

    async def main() -> float:
        bus = Bus([stubborn, tidy])
        async with bus.listening():
            bus.tell(event(1))
            await asyncio.sleep(1)
            began_s = asyncio.get_running_loop().time()
        return asyncio.get_running_loop().time() - began_s

    assert run_virtual(main()) < 5
    assert tidied == ["done"]
    assert "stubborn does not end when it is cancelled" in caplog.text
