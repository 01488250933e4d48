"""The scaled clock shortens waits and keeps their order."""

import asyncio
import time

import pytest

from orchestrator.clock.local_time import local_time
from orchestrator.clock.scaled import ScaledClock, in_loop_time, others_unix_s, run_by, run_scaled
from orchestrator.clock.virtual import run_virtual, wall_time
from orchestrator.events import EventKind
from orchestrator.rack.start_gate import StartGate
from orchestrator.store import Store

EPOCH_UNIX_S = 1_767_571_200.0


def test_an_hour_passes_in_the_given_fraction() -> None:
    """At 36,000 times the speed an hour takes a tenth of a second, not less and not much more."""

    async def hour() -> float:
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    started = time.perf_counter()
    assert run_scaled(hour(), 36_000, EPOCH_UNIX_S) >= 3600
    # A wait that was not shortened would take the hour; a busy machine takes some seconds.
    assert 0.1 <= time.perf_counter() - started < 60.0


def test_end_of_observing_is_told_by_the_clock_of_the_rack(store: Store) -> None:
    """The sentence names the moment that the service gives to programs, not one of the machine's clock."""
    store.add_event(None, EventKind.SERVICE_STARTED, "once", EPOCH_UNIX_S)
    store.add_event(None, EventKind.SERVICE_STARTED, "again", EPOCH_UNIX_S + 1)

    async def started() -> tuple[str, float]:
        gate = StartGate([])
        gate.note_start(store)
        assert gate.refusal is not None
        assert gate.observes_until_unix_s is not None
        return gate.refusal, gate.observes_until_unix_s

    sentence, until_unix_s = run_scaled(started(), 3600, EPOCH_UNIX_S)
    assert f"only observes until {local_time(until_unix_s)}" in sentence


def test_timers_fire_in_order() -> None:
    """Whatever order they were set in."""

    async def race() -> list[int]:
        seen: list[int] = []
        loop = asyncio.get_running_loop()
        # From one moment on: between two sleeps a process that gets no processor for 20 ms is 200 s later.
        begun_s = loop.time()
        for delay_s in (900, 100, 500, 300):
            loop.call_at(begun_s + delay_s, seen.append, delay_s)
        await asyncio.sleep(begun_s + 901 - loop.time())
        return seen

    assert run_scaled(race(), 10_000, EPOCH_UNIX_S) == [100, 300, 500, 900]


def test_timeout_ends_a_wait_at_its_scaled_time() -> None:
    """A wait that nothing ends is over when its time is."""

    async def wait() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(300):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    # A minute of the machine's at most: only a wait that was not shortened takes longer.
    assert 300 <= run_scaled(wait(), 10_000, EPOCH_UNIX_S) < 600_000


def test_waiting_is_not_busy() -> None:
    """The processor rests while the loop waits."""

    async def wait() -> None:
        for _ in range(10):
            await asyncio.sleep(300)

    used_s = time.process_time()
    run_scaled(wait(), 10_000, EPOCH_UNIX_S)
    assert time.process_time() - used_s < 0.15


def test_wall_time_follows_the_scaled_clock_from_its_origin() -> None:
    """Processes that share an origin agree on the time of day."""

    async def now() -> float:
        return wall_time() - EPOCH_UNIX_S

    origin_s = time.monotonic() - 0.5
    assert 500 <= run_scaled(now(), 1000, EPOCH_UNIX_S, origin_s) <= (time.monotonic() - origin_s) * 1000


def test_real_seconds_are_as_many_of_the_loops_as_it_is_faster() -> None:
    """A wait for a client takes as long as it says; in virtual time and on a plain loop a second is a second."""

    async def ten_real_seconds() -> float:
        return in_loop_time(10.0)

    assert run_scaled(ten_real_seconds(), 3600, EPOCH_UNIX_S) == 36_000.0
    assert run_virtual(ten_real_seconds()) == asyncio.run(ten_real_seconds()) == 10.0


def test_two_loops_by_one_clock_agree_on_the_time() -> None:
    """A service that is started again goes by the clock of its rack: later, and by no more than what has passed."""
    clock = ScaledClock(1000.0, EPOCH_UNIX_S, time.monotonic() - 100.0)

    async def now() -> float:
        return wall_time()

    began_s = time.monotonic()
    first_s, second_s = run_by(clock, now()), run_by(clock, now())
    assert EPOCH_UNIX_S + 100_000 <= first_s <= second_s <= first_s + (time.monotonic() - began_s) * 1000.0


def test_wait_for_others_is_scaled_too_where_nobody_else_takes_part() -> None:
    """A scenario that is alone with its simulated instruments goes through storms and retries in its own time."""

    async def ten_seconds() -> float:
        return in_loop_time(10.0)

    assert run_scaled(ten_seconds(), 3600, EPOCH_UNIX_S, alone=True) == 10.0


def test_people_go_by_the_systems_clock_beside_a_fast_one() -> None:
    """What a fast service names after the time, a command beside it names after the same; alone it is the loop's."""

    async def now() -> float:
        return others_unix_s()

    assert abs(run_scaled(now(), 3600, EPOCH_UNIX_S) - time.time()) < 60
    assert 0 <= run_scaled(now(), 3600, EPOCH_UNIX_S, alone=True) - EPOCH_UNIX_S < 60 * 3600
    assert run_virtual(now(), EPOCH_UNIX_S) == EPOCH_UNIX_S
