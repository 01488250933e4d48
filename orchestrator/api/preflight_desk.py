"""Bounds how many clients have the checks of a run made at once: each costs control milliseconds, and a stop waits.

Who asks for what is being checked already gets that answer; some others wait; more are told to ask again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from starlette.exceptions import HTTPException

from orchestrator.clock.scaled import in_loop_time

T = TypeVar("T")

AT_ONCE = 2
"""One waits for a tester that does not answer, for three seconds, while another is checked."""
MOST = 32
"""People at as many launch pages: the last of them waits for some tenths of a second."""
TURN_WITHIN_S = 4.0
"""So long somebody waits for a turn, behind testers that do not answer: a client gives up after ten seconds."""
RETRY_AFTER_S = 1
_LATER = f"many ask for the checks of a run at this moment; nothing was checked: ask again in {RETRY_AFTER_S} s"


class PreflightDesk:
    """The requests for checks of one service."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._asked: dict[str, asyncio.Task[Any]] = {}

    async def ask(self, question: str, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what ``make`` gives, in turn; the same question, asked meanwhile, has the same answer.

        Raises HTTPException (503, with ``Retry-After``) when too many wait, or one waits for too long.
        """
        task: asyncio.Task[T] | None = self._asked.get(question)
        if task is None:
            if len(self._asked) >= MOST:
                raise _later()
            task = self._asked[question] = asyncio.create_task(self._in_turn(make), name="checks of a run")
            task.add_done_callback(lambda done: self._forget(question, done))
        # A client that goes away takes the answer from nobody else.
        return await asyncio.shield(task)

    async def _in_turn(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        try:
            async with asyncio.timeout(in_loop_time(TURN_WITHIN_S)):
                await self._turns.acquire()
        except TimeoutError:
            raise _later() from None
        try:
            return await make()
        finally:
            self._turns.release()

    def _forget(self, question: str, done: asyncio.Task[Any]) -> None:
        del self._asked[question]
        if not done.cancelled():
            # Where all who asked are gone, nobody else takes its error.
            done.exception()


def _later() -> HTTPException:
    return HTTPException(503, _LATER, {"Retry-After": str(RETRY_AFTER_S)})
