"""An event loop whose clock jumps to the next timer when nothing is ready, and the only source of wall time.

A 600-hour test then takes as long as its work takes, and nothing in the code knows the difference. The clock stands
still while a thread that the loop started, or a child process said to be ``busy``, is still working. Other bytes that
another process has yet to send are not waited for: in virtual time both ends of a wire live in this process.

The loop hears threads and sockets only when nothing else is left to do at this moment, and threads and child processes
in the order in which their work was asked for (``deliveries``). How long they take in real time changes nothing.

A thread that the loop started must not wait for a timer of that loop, as by ``run_coroutine_threadsafe(sleep(5),
loop).result()``: the clock stands still until the thread ends, and the thread until the clock moves. Twice the patience
later this ends the loop with RuntimeError, if the thread has asked the loop for something and nothing else is left to
do. A thread that waits for a timer without having asked, by a lock, cannot be told from one that works: it hangs.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from concurrent.futures import Future as ThreadFuture
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple, cast

from orchestrator.clock.deliveries import Deliveries, Work

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Events = list[tuple[selectors.SelectorKey, int]]

# The demo's first second: 2026-01-05T00:00:00Z.
DEMO_EPOCH_UNIX_S = 1767571200.0
PATIENCE_S = 10.0
"""For so much real time what was asked for later waits for one thread: longer than any thread of ours works."""
_MOST_TURNS = 20_000
"""A task that waits by ``sleep(0)`` for a thread or a socket never lets the loop be idle: it is heard all the same."""


class _IdleSelector(selectors.DefaultSelector):
    """A selector that asks the system only when the loop is idle; where asyncio would wait, ``idle`` decides."""

    def __init__(self) -> None:
        super().__init__()
        self._turns = 0
        self.idle: Callable[[bool], Events] = lambda _: []

    def select(self, timeout: float | None = None) -> Events:
        is_idle = timeout is None or timeout > 0
        self._turns = 0 if is_idle else self._turns + 1
        return self.idle(is_idle) if is_idle or self._turns % _MOST_TURNS == 0 else []

    def look(self, timeout: float | None) -> Events:
        """Ask the system whether any socket or pipe is ready."""
        return super().select(timeout)


class Busy:
    """Stops the clock while a child process works; calling this object, once, ends that.

    What threads asked for later deliver waits until then.
    """

    def __init__(self, loop: VirtualTimeLoop, deliveries: Deliveries) -> None:
        self._loop = loop
        self._deliveries = deliveries
        self._work = deliveries.begin(is_thread=False)

    def __call__(self) -> None:
        """Start the clock again."""
        self._deliveries.end(self._work)

    async def turn(self) -> None:
        """Wait until all work that was ordered before has finished."""
        reached = self._loop.create_future()
        self._deliveries.tell(self._work, asyncio.Handle(_reach, (reached,), self._loop))
        await reached


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A selector event loop in virtual time, starting at ``epoch_unix_s``."""

    def __init__(self, epoch_unix_s: float = DEMO_EPOCH_UNIX_S, patience_s: float = PATIENCE_S) -> None:
        self._now_s = 0.0
        self._outside = Deliveries(patience_s)
        self._patience_s, self._has_told = patience_s, False
        self._here = threading.local()
        self._threads: ThreadPoolExecutor | None = None
        self.epoch_unix_s = epoch_unix_s
        selector = _IdleSelector()
        self._look = selector.look
        super().__init__(selector)
        selector.idle = self._idle

    def time(self) -> float:
        """Return the virtual time in seconds since the loop was made."""
        return self._now_s

    def _idle(self, may_wait: bool) -> Events:
        """Deliver one message or the ready sockets; without either, wait for open work, or jump to the next timer."""
        while True:
            if (message := self._outside.next()) is not None:
                self.call_soon(_deliver, message)
                return []
            if self._outside.wait_for_thread:
                if not may_wait:
                    return []
                self._outside.wait()
                continue
            if (events := self._look(0)) or not may_wait:
                return events
            if not self._outside.hold_clock and self._jump():
                return []
            patience_s = self._outside.patience_left_s
            is_stuck = not self._has_told and self._has_timers and self._outside.late_thread_waits_for_loop
            if events := self._look(self._patience_s if is_stuck else patience_s):
                return events
            if is_stuck:
                self._has_told = True
                raise RuntimeError(
                    "a thread waits for a timer of the virtual loop that started it, whose clock waits for the thread: "
                    "let the thread return, and await the timer in the loop"
                )
            self._outside.lose_patience()

    @property
    def _has_timers(self) -> bool:
        return bool(self._scheduled)  # type: ignore[attr-defined]  # asyncio's own heap

    def _jump(self) -> bool:
        """Move the clock to the next timer, if there is one."""
        scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]  # asyncio's own heap
        if not scheduled:
            return False
        self._now_s = max(self._now_s, scheduled[0].when())
        return True

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Run a function on a thread; the clock stops meanwhile, and results arrive in the order of the calls."""
        executor = executor or self._default_executor_made()
        work = self._outside.begin(is_thread=True)

        def on_thread(*args: *Ts) -> T:
            self._here.work = work
            try:
                return func(*args)
            finally:
                self._here.work = None

        try:
            # What an executor sends to another process must be the bare function.
            running = executor.submit(on_thread if isinstance(executor, ThreadPoolExecutor) else func, *args)
        except BaseException:
            self._outside.end(work)
            raise
        future: asyncio.Future[T] = self.create_future()
        running.add_done_callback(lambda _: self._tell(work, asyncio.Handle(_copy, (running, future), self), True))
        future.add_done_callback(lambda _: _leave(work, future))
        return future

    def _default_executor_made(self) -> ThreadPoolExecutor:
        if self._threads is None:
            self.set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))
        return cast("ThreadPoolExecutor", self._threads)

    def set_default_executor(self, executor: ThreadPoolExecutor) -> None:  # type: ignore[override]  # as asyncio does
        """Run functions on the threads of this executor."""
        super().set_default_executor(executor)
        self._threads = executor

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncio's name
        """Wait in real time for the threads to end: no timeout of virtual time can pass meanwhile."""
        release = self.busy()
        try:
            await super().shutdown_default_executor()
        finally:
            release()

    def call_soon_threadsafe(  # type: ignore[override]  # typeshed names a TypeVarTuple of its own
        self,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401 - of the callback
        context: Context | None = None,
    ) -> asyncio.Handle:
        """Call a function in the loop; from one of the loop's threads, in the order of that thread's work."""
        if _runs_here(self):
            self._outside.wake()  # A signal's handler may have interrupted a wait.
            return super().call_soon_threadsafe(callback, *args, context=context)
        if self.is_closed():
            raise RuntimeError("the event loop is closed")
        message = asyncio.Handle(callback, args, self, context)
        self._tell(getattr(self._here, "work", None), message, False)
        return message

    def _tell(self, work: Work | None, message: asyncio.Handle, is_last: bool) -> None:
        self._outside.tell(work, message, is_last=is_last)
        with contextlib.suppress(RuntimeError):  # The loop may be closed by now.
            super().call_soon_threadsafe(_wake)

    def busy(self) -> Busy:
        """Stop the clock while a child process works, and return a callable that starts it again, once."""
        return Busy(self, self._outside)


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def _wake() -> None:
    """Do nothing: the call alone ends a wait of the selector."""


def _deliver(message: asyncio.Handle) -> None:
    if not message.cancelled():
        message._run()  # noqa: SLF001 - in its own context, its exceptions told to the loop's handler


def _reach(reached: asyncio.Future[None]) -> None:
    if not reached.done():
        reached.set_result(None)


def _copy(running: ThreadFuture[T], future: asyncio.Future[T]) -> None:
    """Copy a thread's result or exception into its future, unless the future is done already."""
    if future.done():
        return
    if running.cancelled():
        future.cancel()
    elif (error := running.exception()) is None:
        future.set_result(running.result())
    elif isinstance(error, StopIteration):
        # A future cannot raise it: it would look like the end of the task that awaits.
        future.set_exception(RuntimeError(f"a thread raised {error!r}"))
    else:
        future.set_exception(error)


def _leave(work: Work, future: asyncio.Future[T]) -> None:
    """Release the clock for work whose future was cancelled; the thread still runs, and keeps its place in the order.

    Whether a thread has begun already is a matter of real time.
    """
    work.keeps_clock = not future.cancelled()


def run_virtual(main: Coroutine[Any, Any, T], epoch_unix_s: float = DEMO_EPOCH_UNIX_S) -> T:
    """Run a coroutine to its end in virtual time, as ``asyncio.run`` does in real time."""
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(epoch_unix_s)) as runner:
        return runner.run(main)


def wall_time() -> float:
    """Return the time as unix seconds: the running loop's epoch and time when it has an epoch, else the system's."""
    loop = asyncio.get_running_loop()
    epoch_unix_s: float | None = getattr(loop, "epoch_unix_s", None)
    return time.time() if epoch_unix_s is None else epoch_unix_s + loop.time()
