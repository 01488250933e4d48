"""Work that is carried to its end although its task is cancelled: an output must not stay on because somebody left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def to_its_end(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return what work returns; a cancellation meanwhile is raised when it is over.

    Work that was itself cancelled is begun again once: ``asyncio.run`` cancels all tasks of its loop at Ctrl-C.
    """
    first, is_cancelled = await _over(asyncio.ensure_future(work()))
    if first.cancelled():
        is_cancelled = True
        first, _ = await _over(asyncio.ensure_future(work()))
    if is_cancelled:
        raise asyncio.CancelledError
    return first.result()


async def _over(task: asyncio.Future[T]) -> tuple[asyncio.Future[T], bool]:
    """Wait for the end of a task, and return it and whether the one who waits was cancelled meanwhile."""
    is_cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            is_cancelled = True
    return task, is_cancelled
