"""Delivers messages of threads and child processes to an event loop in the order in which their work was ordered.

Threads run at once and side by side; only what they deliver waits for what was asked for before. So no thread can hang
because it waits for another one. A thread can hang that waits for something the loop does only after hearing from a
later one: a piece of work that keeps others waiting for ``patience_s`` of real time therefore loses its place.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Work:
    """A piece of ordered work that is not finished: a function on a thread, or a busy child process."""

    is_thread: bool
    messages: deque[asyncio.Handle] = field(default_factory=deque)
    ends_with_messages: bool = False
    has_asked: bool = False
    keeps_clock: bool = True
    waited_since_s: float | None = None


Message = tuple[Work | None, asyncio.Handle, bool]


class Deliveries:
    """Holds the messages of threads and child processes for one loop, and returns them in the order of their work.

    ``tell`` and ``wake`` may be called on any thread, everything else on the loop's own.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._inbox: SimpleQueue[Message | None] = SimpleQueue()
        self._in_order: deque[Work] = deque()
        self._late: set[Work] = set()
        self._from_nobody: deque[asyncio.Handle] = deque()

    def begin(self, *, is_thread: bool) -> Work:
        """Return a new piece of work, placed after all work that was ordered before."""
        work = Work(is_thread)
        self._in_order.append(work)
        return work

    def end(self, work: Work) -> None:
        """End a piece of work that will send no more messages."""
        work.ends_with_messages = True
        self._late.discard(work)

    def tell(self, work: Work | None, message: asyncio.Handle, *, is_last: bool = False) -> None:
        """Queue a message of a piece of work; ``work`` is None for a thread that the loop did not start."""
        self._inbox.put((work, message, is_last))

    def wake(self) -> None:
        """End a call of ``wait``."""
        self._inbox.put(None)

    def next(self) -> asyncio.Handle | None:
        """Return the next message in order, None while the first piece of work has no message."""
        while not self._inbox.empty():
            self._sort(self._inbox.get())
        if self._from_nobody:
            return self._from_nobody.popleft()
        while self._in_order:
            first = self._in_order[0]
            if first.messages:
                return first.messages.popleft()
            if not first.ends_with_messages:
                return None
            self._in_order.popleft()
        return None

    @property
    def hold_clock(self) -> bool:
        """Whether any work is unfinished; call ``next`` first."""
        return bool(self._in_order) or any(work.keeps_clock for work in self._late)

    @property
    def late_thread_waits_for_loop(self) -> bool:
        """Whether all that stops the clock is threads that asked the loop for something and have not gone on since."""
        holding = [work for work in self._late if work.keeps_clock]
        return not self._in_order and bool(holding) and all(work.is_thread and work.has_asked for work in holding)

    @property
    def wait_for_thread(self) -> bool:
        """Whether the first piece of work is a thread's, which must be delivered first; call ``next`` before this."""
        return bool(self._in_order) and self._in_order[0].is_thread

    @property
    def patience_left_s(self) -> float | None:
        """Real seconds for which the first piece of work may still delay the others; None without limit."""
        if not self._in_order or not (self.wait_for_thread or self._others_wait):
            return None
        first = self._in_order[0]
        now_s = time.monotonic()
        first.waited_since_s = now_s if first.waited_since_s is None else first.waited_since_s
        return max(0.0, first.waited_since_s + self._patience_s - now_s)

    def wait(self) -> None:
        """Wait for the next message of any thread, as long as the first piece of work may delay the others."""
        try:
            self._sort(self._inbox.get(timeout=self.patience_left_s))
        except Empty:
            self.lose_patience()

    def lose_patience(self) -> None:
        """Remove the first piece of work from the order, if it has delayed the others for too long."""
        if self.patience_left_s != 0.0:
            return
        late = self._in_order.popleft()
        self._late.add(late)
        if self._others_wait:
            logger.warning(
                "work outside the loop keeps others waiting for over %g s: what was asked for after it is delivered "
                "before it, and another run may see another order",
                self._patience_s,
            )

    @property
    def _others_wait(self) -> bool:
        return any(work.messages or work.ends_with_messages for work in self._in_order)

    def _sort(self, message: Message | None) -> None:
        if message is None:
            return
        work, handle, is_last = message
        if work is not None:
            work.has_asked = not is_last
        if work is None or work in self._late or work.ends_with_messages:
            self._from_nobody.append(handle)
        else:
            work.messages.append(handle)
        if work is not None and is_last:
            self.end(work)
