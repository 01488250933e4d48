"""Carries out people's orders in tasks of their own: each is answered in time, and goes on when it takes longer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from orchestrator.clock.scaled import in_loop_time

logger = logging.getLogger(__name__)

T = TypeVar("T")

# A command is answered within 5 s in all, whatever the instruments do.
ANSWER_WITHIN_S = 4.0
_GRACE_S = 5.0


class PendingOrders:
    """The orders that are being carried out, also those whose client has had its answer or has gone."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def give(self, name: str, order: Coroutine[Any, Any, T], within_s: float = ANSWER_WITHIN_S) -> T | None:
        """Begin an order and give its result; None when it takes longer than ``within_s``: then it goes on."""
        task = asyncio.create_task(order, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await asyncio.wait({task}, timeout=in_loop_time(within_s))
        finally:
            if not task.done():
                task.add_done_callback(_log)
        return task.result() if task.done() else None

    async def end(self) -> None:
        """Give the orders a moment to end, then cancel them; the store knows what was to be done."""
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=in_loop_time(_GRACE_S))
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)


def _log(task: asyncio.Task[Any]) -> None:
    """Log how an order ended that nobody waits for any more."""
    if task.cancelled():
        logger.warning("%s: cut short by the end of the service", task.get_name())
    elif (err := task.exception()) is not None:
        logger.error("%s: %s", task.get_name(), err)
    else:
        logger.info("%s: carried out", task.get_name())
