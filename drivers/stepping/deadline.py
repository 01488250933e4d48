"""Bounds calls by a time, one after another, with one timer for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from drivers.transport.alarm import Alarm

T = TypeVar("T")


class Deadline:
    """Cancels a call that takes too long, as ``asyncio.timeout`` does, which would make a timer for each call.

    One task uses it, for one call at a time.
    """

    def __init__(self) -> None:
        self._alarm = Alarm(self._cancel)
        self._task: asyncio.Task[object] | None = None
        self._is_over = False

    async def bound(self, call: Awaitable[T], within_s: float) -> T:
        """Return what a call returns. Raises TimeoutError when it is cancelled for taking longer."""
        self._task = task = asyncio.current_task()
        if task is None:
            raise RuntimeError("no task to cancel")
        self._is_over, asked_before = False, task.cancelling()
        self._alarm.set(within_s)
        try:
            found = await call
        except BaseException as err:
            is_ours = self._is_over and task.uncancel() <= asked_before
            if is_ours and isinstance(err, asyncio.CancelledError):
                raise TimeoutError from err
            raise
        finally:
            self._alarm.clear()
        if self._is_over:
            task.uncancel()
        return found

    def close(self) -> None:
        """Leave no timer behind."""
        self._alarm.close()

    def _cancel(self) -> None:
        if self._task is not None:
            self._is_over = True
            self._task.cancel()
