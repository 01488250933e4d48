"""The virtual clock jumps over waiting, never over work."""

import asyncio
import time

import pytest

from orchestrator.clock.virtual import DEMO_EPOCH_UNIX_S, run_virtual, wall_time


def test_a_month_of_sleep_takes_no_time() -> None:
    """Sleeping costs nothing, and the loop's time says that it happened."""

    async def month() -> float:
        for _ in range(30):
            await asyncio.sleep(86400)
        return asyncio.get_running_loop().time()

    used_s = time.process_time()
    assert run_virtual(month()) == 30 * 86400
    assert time.process_time() - used_s < 1.0


def test_wall_time_is_the_epoch_plus_the_loops_time() -> None:
    """The demo begins at midnight of 2026-01-05, whatever day it is."""

    async def later() -> float:
        await asyncio.sleep(90.0)
        return wall_time()

    assert run_virtual(later()) == DEMO_EPOCH_UNIX_S + 90.0


def test_clock_stands_still_while_a_thread_works() -> None:
    """A timer does not fire because a thread is slow."""

    async def race() -> tuple[str, float]:
        loop = asyncio.get_running_loop()
        working = asyncio.ensure_future(asyncio.to_thread(lambda: f"{sum(range(2_000_000))}"))
        async with asyncio.timeout(0.001):
            return await working, loop.time()

    assert run_virtual(race()) == ("1999999000000", 0.0)


def test_timeout_fires_at_its_virtual_time() -> None:
    """A wait that nothing ends is over when its time is."""

    async def wait() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run_virtual(wait()) == 30


def test_bytes_over_tcp_arrive_before_the_clock_jumps() -> None:
    """A socket that has something to say goes before any timer."""

    async def talk() -> float:
        done = asyncio.Event()

        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(100):
                writer.write(data)
            writer.close()
            await writer.wait_closed()
            done.set()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for _ in range(50):
            async with asyncio.timeout(5):
                writer.write(b"ping")
                assert await reader.readexactly(4) == b"ping"
        writer.close()
        await done.wait()
        server.close()
        return asyncio.get_running_loop().time()

    assert run_virtual(talk()) == 0


def test_timers_fire_in_order_over_600_hours() -> None:
    """Long times keep their order and lose no tick to rounding."""

    async def tick() -> list[float]:
        loop = asyncio.get_running_loop()
        seen: list[float] = []
        for n in range(1, 3601):
            await asyncio.sleep(n * 600.1 - loop.time())
            seen.append(loop.time())
        return seen

    assert run_virtual(tick()) == pytest.approx([n * 600.1 for n in range(1, 3601)], abs=1e-6)
