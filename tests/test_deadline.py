"""A deadline with one timer for many calls ends a call that takes too long, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from drivers.stepping.deadline import Deadline


async def test_a_call_that_takes_too_long_is_cancelled() -> None:
    """The call is over when its time is, however many were in time before, and the next has its whole time again."""
    deadline, loop = Deadline(), asyncio.get_running_loop()
    for _ in range(50):
        assert await deadline.bound(asyncio.sleep(0.7, "in time"), 1.0) == "in time"
    begun_s = loop.time()
    with pytest.raises(TimeoutError):
        await deadline.bound(asyncio.sleep(10.0), 1.0)
    assert loop.time() - begun_s == pytest.approx(1.0)
    assert await deadline.bound(asyncio.sleep(0.9, "in time"), 1.0) == "in time"
    with pytest.raises(TimeoutError):
        await deadline.bound(asyncio.sleep(10.0), 0.1)
    deadline.close()


async def test_the_end_of_the_task_is_no_lost_call() -> None:
    """A task that somebody cancels in a call is cancelled, also in the moment at which the call's time is over."""
    for cancelled_s in (0.5, 1.0):
        task = asyncio.ensure_future(Deadline().bound(asyncio.sleep(10.0), 1.0))
        asyncio.get_running_loop().call_later(cancelled_s, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_call_that_ends_in_its_last_moment_leaves_nothing_behind() -> None:
    """A result in spite of the cancellation counts, and the task is not cancelled any more."""

    async def stubborn() -> str:
        try:
            await asyncio.sleep(10.0)
        except asyncio.CancelledError:
            return "in the end"
        return ""

    task = asyncio.current_task()
    assert await Deadline().bound(stubborn(), 1.0) == "in the end"
    assert task is not None
    assert task.cancelling() == 0
