"""In virtual time the order in which threads and child processes are heard is that in which they were asked."""

import asyncio
import hashlib
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.clock.virtual import VirtualTimeLoop, run_virtual
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.store import open_store
from tests.dawdling import run_dawdling
from tests.rig import li_li_program, open_rig

ORDERS = 200
CHANNELS = [f"21-1-{n}" for n in range(1, 9)]


async def ask_often() -> list[str]:
    """Let many tasks ask threads at once, which call the loop, raise and are called off; give all that is heard."""
    loop, heard = asyncio.get_running_loop(), list[str]()

    def work(name: str) -> str:
        loop.call_soon_threadsafe(heard.append, f"{loop.time():.0f} {name} says")
        if name.endswith("3"):
            raise ValueError(name)
        return name

    async def order(n: int) -> None:
        for part in range(2):
            await asyncio.sleep(n % 7)
            try:
                async with asyncio.timeout(0 if n % 11 == 0 else None):
                    heard.append(f"{loop.time():.0f} {await asyncio.to_thread(work, f'{n}.{part}')} done")
            except (ValueError, TimeoutError) as err:
                heard.append(f"{loop.time():.0f} {n}.{part} {type(err).__name__}")

    async with asyncio.TaskGroup() as group:
        for n in range(ORDERS):
            group.create_task(order(n))
    return heard


def test_200_orders_to_threads_of_random_speed_are_heard_in_one_order() -> None:
    """Results, exceptions, calls from threads and timeouts come in the same order, whichever thread is slow."""
    orders = {hashlib.sha256("\n".join(run_dawdling(ask_often(), seed)).encode()).hexdigest() for seed in range(4)}
    assert len(orders) == 1


def test_eight_runs_started_at_once_leave_the_same_store_whatever_their_threads_are_slow_at(tmp_path: Path) -> None:
    """Step files are written on threads; runs, tests, events and samples come out the same, row by row."""

    async def rack(path: Path) -> str:
        program = li_li_program(cycles=1, half_cycle_s=600.0)
        async with open_rig() as rig:
            with open_store(path) as store:
                requests = [RunRequest(program, channel, channel) for channel in CHANNELS]
                await Supervisor(store, rig.tester).run(requests)
        return digest(path)

    paths = [tmp_path / f"{seed}.sqlite" for seed in range(2)]
    assert len({run_dawdling(rack(path), seed) for seed, path in enumerate(paths)}) == 1


def test_later_result_waits_for_the_earlier_one() -> None:
    """A thread that is done at once is heard after a slow one that was asked before it, and the clock stands still."""

    async def main() -> list[str]:
        heard: list[str] = []
        gone = threading.Event()

        async def hear(name: str, work: Callable[[], object]) -> None:
            await asyncio.to_thread(work)
            heard.append(f"{name} at {asyncio.get_running_loop().time():.0f}")

        async with asyncio.TaskGroup() as group:
            group.create_task(hear("first", lambda: gone.wait(5)))
            group.create_task(hear("second", gone.set))
            group.create_task(hear("third", lambda: None))
        return heard

    # The first waits for the second, which runs beside it: only what they deliver is ordered.
    assert run_virtual(main()) == ["first at 0", "second at 0", "third at 0"]


def test_cancelled_wait_for_a_thread_lets_no_time_pass_before_the_thread_is_over() -> None:
    """A thread that nobody waits for any more may still write: the clock stands still until it is done."""

    async def main() -> tuple[bool, float]:
        done = threading.Event()

        def work() -> None:
            time.sleep(0.02)
            done.set()

        waiting = asyncio.ensure_future(asyncio.to_thread(work))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        at_s = asyncio.get_running_loop().time()
        await asyncio.sleep(1.0)
        return done.is_set(), at_s

    assert run_virtual(main()) == (True, 0.0)


def test_thread_that_needs_a_later_one_heard_first_loses_its_place(caplog: pytest.LogCaptureFixture) -> None:
    """What would wait for ever goes on after the loop's patience, with a warning that the order is lost."""

    async def main() -> str:
        needed = threading.Event()
        first = asyncio.ensure_future(asyncio.to_thread(needed.wait, 60))
        await asyncio.sleep(0)
        await asyncio.to_thread(lambda: None)
        needed.set()
        return f"{await first} at {asyncio.get_running_loop().time():.0f}"

    assert run_dawdling(main(), seed=1, patience_s=0.05) == "True at 0"
    assert "keeps others waiting" in caplog.text


def test_child_process_at_work_is_heard_before_threads_asked_later() -> None:
    """Whoever holds the clock for a child process has its turn when all that was asked before is over."""

    async def main() -> list[str]:
        loop, heard = asyncio.get_running_loop(), list[str]()
        assert isinstance(loop, VirtualTimeLoop)

        async def thread(name: str) -> None:
            await asyncio.to_thread(time.sleep, 0.002)
            heard.append(name)

        async def child(name: str) -> None:
            busy = loop.busy()
            reached = asyncio.Event()
            # Not one of the loop's threads: as bytes on a socket, it comes when it comes.
            threading.Timer(random.uniform(0, 0.01), loop.call_soon_threadsafe, (reached.set,)).start()
            await reached.wait()
            await busy.turn()
            heard.append(name)
            busy()

        async with asyncio.TaskGroup() as group:
            for n in range(3):
                group.create_task(child(f"child {n}"))
                group.create_task(thread(f"thread {n}"))
        return heard

    assert run_virtual(main()) == [f"{kind} {n}" for n in range(3) for kind in ("child", "thread")]


def test_task_that_never_lets_the_loop_rest_hears_a_thread_all_the_same() -> None:
    """A wait by ``sleep(0)`` ends, although threads are heard only when nothing else is left to do."""

    async def main() -> bool:
        thread = asyncio.ensure_future(asyncio.to_thread(lambda: True))
        while not thread.done():  # noqa: ASYNC110 - what is tested
            await asyncio.sleep(0)
        return await thread

    assert run_virtual(main())


def digest(path: Path) -> str:
    """Give one hash of all rows of a store in the order in which they were written; only its layout has real times."""
    found = hashlib.sha256()
    with open_store(path, read_only=True) as store:
        for line in store.connection.iterdump():
            found.update(b"" if "_sqlite_migrations" in line else line.encode())
    return found.hexdigest()


def test_thread_that_waits_for_a_timer_of_its_own_loop_is_told_so() -> None:
    """Clock and thread would wait for each other for ever: the loop ends with the reason."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(asyncio.sleep(5.0), loop).result())

    with (
        asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(patience_s=0.1)) as runner,
        pytest.raises(RuntimeError, match="waits for a timer of the virtual loop"),
    ):
        runner.run(main())
