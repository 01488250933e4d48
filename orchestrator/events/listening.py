"""Calls one listener with the updates and events of the bus, in a task or thread that cannot delay the core.

A coroutine function runs in a task of the event loop. Every other callable may block (a terminal that takes no more, a
slow disk) and runs on a thread of its own. A call that raises, or a coroutine that has not returned after a minute, is
logged with its trace; after three such failures in a row the listener is told off: it gets nothing any more.

What cannot be done: a thread that blocks cannot be ended. Its queue then drops, and counts, what does not fit, and the
thread dies with the process. A coroutine that never awaits holds the event loop, as any code there does. One that
swallows ``CancelledError`` stays in its call after the minute: it gets nothing more, and at the end, a second after it
was asked to end, it is left where it stands, so that the process can exit.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import threading
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any, TypeAlias, TypeGuard

from orchestrator.events.inbox import QUEUE_LENGTH, Inbox
from orchestrator.events.values import Told

logger = logging.getLogger(__name__)

CoroutineFunction: TypeAlias = Callable[[Told], Coroutine[Any, Any, None]]
Function: TypeAlias = Callable[[Told], object]
Listener: TypeAlias = CoroutineFunction | Function

MOST_FAILURES = 3
CALL_S = 60.0


class Subscription:
    """One listener with its queue and its failures. ``TaskSubscription`` and ``ThreadSubscription`` call it."""

    def __init__(self, listener: Listener, name: str = "", length: int = QUEUE_LENGTH) -> None:
        self.name: str = name or getattr(listener, "__qualname__", type(listener).__qualname__)
        self.inbox = Inbox(length)
        self.failures = 0
        # Why the listener gets nothing any more, in a sentence; empty while it does.
        self.told_off = ""
        self._in_a_row = 0

    def put(self, told: Told) -> None:
        """Queue an update or an event for the listener; it never waits and never fails."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin to call the listener with the entries of its queue; the event loop must be running."""
        raise NotImplementedError

    async def drained(self, timeout_s: float) -> bool:
        """Wait until the listener has handled everything sent so far; False when that takes too long."""
        raise NotImplementedError

    async def end(self) -> None:
        """Call the listener no more; a call that does not return is not waited for, and is logged."""
        raise NotImplementedError

    def _returned(self) -> None:
        self._in_a_row = 0

    def _failed(self, err: BaseException) -> None:
        """Log a failure; after too many in a row the listener is no longer called."""
        self.failures += 1
        self._in_a_row += 1
        logger.error("listener %s failed: %r", self.name, err, exc_info=err)
        if self._in_a_row >= MOST_FAILURES:
            self.told_off = f"listener {self.name} failed {self._in_a_row} times in a row and is told nothing any more"
            logger.error("%s; the last time with %r", self.told_off, err)


class _Call:
    """Awaits a coroutine and can leave it: cancelled after ``leave`` it ends, whatever the coroutine does."""

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine = coroutine
        self._is_left = False

    def leave(self) -> None:
        """Pass the next cancellation to the awaiting task and no more to the coroutine."""
        self._is_left = True

    def __await__(self) -> Generator[Any, Any, None]:
        step = partial(self._coroutine.send, None)
        while True:
            try:
                waited_for = step()
            except StopIteration:
                return
            try:
                yield waited_for
            except asyncio.CancelledError as err:
                if self._is_left:
                    # A coroutine that goes on even now is told by Python ("ignored GeneratorExit").
                    with contextlib.suppress(RuntimeError):
                        self._coroutine.close()
                    raise
                step = partial(self._coroutine.throw, err)
            else:
                step = partial(self._coroutine.send, None)


class TaskSubscription(Subscription):
    """Calls a coroutine function in a task of the event loop."""

    def __init__(self, listener: CoroutineFunction, name: str, length: int) -> None:
        super().__init__(listener, name, length)
        self._listener = listener
        self._news, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None
        self._present: _Call | None = None

    def put(self, told: Told) -> None:
        """Queue an update or an event and wake the task."""
        if not self.told_off:
            self.inbox.put(told)
            self._idle.clear()
            self._news.set()

    def start(self) -> None:
        """Start the task."""
        self._task = asyncio.get_running_loop().create_task(self._work(), name=f"listener {self.name}")

    async def _work(self) -> None:
        while not self.told_off:
            if (told := self.inbox.take()) is not None:
                await self._call(told)
                continue
            self._idle.set()
            self._news.clear()
            await self._news.wait()
        self._idle.set()

    async def _call(self, told: Told) -> None:
        try:
            async with asyncio.timeout(CALL_S):
                self._present = _Call(self._listener(told))
                await self._present
        except KeyboardInterrupt:
            raise
        except BaseException as err:  # a task's root: whatever a listener raises, SystemExit too, is its own affair
            if self._task and self._task.cancelling():
                raise
            self._failed(err)
        else:
            self._returned()

    async def drained(self, timeout_s: float) -> bool:
        """Wait for the task, in the loop's time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def end(self) -> None:
        """Cancel the task, and wait a second for it to end; a call that goes on all the same is left."""
        if self._task is not None:
            self._task.cancel()
            _, pending = await asyncio.wait({self._task}, timeout=1.0)
            if pending and self._present is not None:
                logger.error("listener %s does not end when it is cancelled: its call is left", self.name)
                self._present.leave()
                self._task.cancel()
                await asyncio.wait({self._task}, timeout=1.0)


class ThreadSubscription(Subscription):
    """Calls a function on a thread of its own, in real time."""

    def __init__(self, listener: Function, name: str, length: int) -> None:
        super().__init__(listener, name, length)
        self._listener = listener
        # Guards the queue. It is held for moments only, never while the listener is called.
        self._changed = threading.Condition()
        self._calling = self._ended = False

    def put(self, told: Told) -> None:
        """Queue an update or an event and wake the thread."""
        with self._changed:
            if not self.told_off:
                self.inbox.put(told)
                self._changed.notify_all()

    def start(self) -> None:
        """Start the thread. It does not keep the process alive."""
        threading.Thread(target=self._work, name=f"listener {self.name}", daemon=True).start()

    def _work(self) -> None:
        while (told := self._next()) is not None:
            try:
                self._call(told)
            except BaseException as err:  # noqa: BLE001 - a thread's root; it is logged with its trace
                self._failed(err)
            else:
                self._returned()

    def _call(self, told: Told) -> None:
        given = self._listener(told)
        if inspect.iscoroutine(given):
            given.close()
            raise TypeError(f"{self.name} gave a coroutine and is no coroutine function: nothing was done")

    def _next(self) -> Told | None:
        """Wait for the next entry and return it; None when the listener is not to be called any more."""
        with self._changed:
            self._calling = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: bool(len(self.inbox) or self._ended or self.told_off))
            told = None if self._ended or self.told_off else self.inbox.take()
            self._calling = told is not None
            return told

    async def drained(self, timeout_s: float) -> bool:
        """Wait for the thread, in real time: virtual time must not run ahead of it."""
        return await asyncio.get_running_loop().run_in_executor(None, self._wait_idle, timeout_s)

    def _wait_idle(self, timeout_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(
                lambda: bool(self.told_off) or not (len(self.inbox) or self._calling), timeout_s
            )

    async def end(self) -> None:
        """End the thread after its present call, without waiting for that."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
            if self._calling:
                logger.error("listener %s does not return", self.name)


def subscription(listener: Listener, name: str = "", length: int = QUEUE_LENGTH) -> Subscription:
    """Build the subscription for a listener: a task for a coroutine function, a thread for any other callable."""
    if _is_coroutine(listener):
        return TaskSubscription(listener, name, length)
    return ThreadSubscription(listener, name, length)


def _is_coroutine(listener: Listener) -> TypeGuard[CoroutineFunction]:
    called = getattr(listener, "__call__", None)  # noqa: B004 - an object whose call is a coroutine function is one
    return inspect.iscoroutinefunction(listener) or inspect.iscoroutinefunction(called)
