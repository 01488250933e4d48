"""The parent of control, web and optional processes: it starts all, starts each again when it dies, ends all in order.

It holds no instrument and no store, only the socket of the public address, so that clients of a web process that died
wait a moment instead of being refused.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from multiprocessing.connection import wait

from orchestrator.api.parent_link import Word
from orchestrator.api.system_notice import notify
from orchestrator.serving.child import Child, Handlers, Work

logger = logging.getLogger(__name__)

# From a death to the next start, in seconds: longer when the life was short, so that a process that cannot start costs
# little. Two deaths of control within ten minutes let the next one only observe (``orchestrator.rack.start_gate``).
_AGAIN_S, _LONGEST_AGAIN_S = 0.1, 15.0
_WEB_LONGEST_AGAIN_S = 0.5
# Nobody waits for an optional process, such as the MQTT feed; one that cannot start is tried again once a minute.
_OPTIONAL_LONGEST_AGAIN_S = 60.0
# A life of so many seconds was no short one.
_LONG_LIFE_S = 60.0
# Web gives an order up after 10 s (``web.control_link``); control carries out what is under way within a minute
# (``api.http_server``) and lets the instruments go. Both together are less than systemd waits (docs/operate.md).
_WEB_GRACE_S, _CONTROL_GRACE_S = 20.0, 90.0
# What an optional process has not told by then it tells after the next start: its place is kept in a file.
_OPTIONAL_GRACE_S = 5.0


class _Stage(Enum):
    """How far the end is: web and the optional processes first, so that no order is lost, then control."""

    SERVING = 0
    ENDING_READERS = 1
    ENDING_CONTROL = 2


class _Restart:
    """When a child is started again."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._next_s = _AGAIN_S
        self.due_s: float | None = None

    def plan(self, lived_s: float) -> float:
        """Plan the next start after a life, and return the time until then."""
        if lived_s > _LONG_LIFE_S:
            self._next_s = _AGAIN_S
        delay_s, self._next_s = self._next_s, min(self._longest_s, max(1.0, 2 * self._next_s))
        self.due_s = time.monotonic() + delay_s
        return delay_s

    @property
    def is_due(self) -> bool:
        """Whether the time has come."""
        return self.due_s is not None and time.monotonic() >= self.due_s


class Parent:
    """Runs the processes until it is told to end, or control ends by itself in order."""

    def __init__(
        self, control: Work, web: Work, ready: Callable[[], None], optional: Mapping[str, Work] | None = None
    ) -> None:
        """Take the work of control, of web and of each optional process by its name, and what to call once web serves.

        An optional process is told where control answers, as web is. Its death, even at its first start, is logged and
        ends nothing else.
        """
        self._control, self._web = Child("control", control), Child("web", web)
        others = [Child(name, work) for name, work in (optional or {}).items()]
        self._restarts = {self._control: _Restart(_LONGEST_AGAIN_S), self._web: _Restart(_WEB_LONGEST_AGAIN_S)}
        self._restarts |= {child: _Restart(_OPTIONAL_LONGEST_AGAIN_S) for child in others}
        # What only reads, in the order of its start; the time that each is given to end.
        self._readers = {self._web: _WEB_GRACE_S} | dict.fromkeys(others, _OPTIONAL_GRACE_S)
        self._ready = ready
        self._is_ready = False
        self._has_served = False
        self._url: str | None = None
        self._stage = _Stage.SERVING
        self._ending_since_s = 0.0
        self._handlers: Handlers = {}

    def run(self) -> int:
        """Run all, and return the exit status. Raises the error with which the first start of control gave up."""
        # Children that are forked share what is there by now, as long as nobody writes into it.
        gc.freeze()
        with _signals() as (woken, self._handlers):
            try:
                for child in self._restarts:
                    child.start(self._handlers, self._beside(child))
                while (status := self._step(woken)) is None:
                    pass
            finally:
                self._kill_all()
        return status

    def _step(self, woken: socket.socket) -> int | None:
        """Wait for something to happen and act on it; the exit status when all is over."""
        ready = wait([woken, *(it for child in self._restarts for it in child.waitables())], self._patience_s())
        if woken in ready:
            woken.recv(4096)
            self._end()
        for word, value in self._control.said():
            self._hear_control(word, value)
        for word in [word for child in self._readers for word, _ in child.said() if child is self._web]:
            if word is Word.READY and not self._is_ready:
                self._is_ready = True
                self._ready()
                notify("READY=1")
        if (code := self._control.exit_code()) is not None and (status := self._control_ended(code)) is not None:
            return status
        for child in self._readers:
            if (code := child.exit_code()) is not None and self._stage is _Stage.SERVING:
                self._plan_again(child, code)
        self._start_again()
        return self._proceed()

    def _patience_s(self) -> float | None:
        due = [restart.due_s for restart in self._restarts.values() if restart.due_s is not None]
        due += [self._ending_since_s + grace_s for child, grace_s in self._graces() if child.lives]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _hear_control(self, word: Word, value: object) -> None:
        if word is Word.READY:
            self._url, self._has_served = str(value), True
            self._tell_readers(Word.CONTROL, self._url)
        elif word is Word.SYSTEM and value == "WATCHDOG=1":
            notify("WATCHDOG=1")

    def _control_ended(self, code: int) -> int | None:
        """Plan the next control; the exit status if there is to be none."""
        self._url = None
        self._tell_readers(Word.CONTROL, None)
        error = self._control.error
        if self._stage is not _Stage.SERVING:
            return None
        if not self._has_served:
            if error is not None:
                raise error
            return abs(code) or 0
        if code == 0:
            self._end()
            return None
        self._plan_again(self._control, code)
        return None

    def _plan_again(self, child: Child, code: int) -> None:
        why = f": {child.error}" if child.error is not None else ""
        delay_s = self._restarts[child].plan(child.lived_s)
        logger.error("%s has ended with %d%s; it is started again in %.1f s", child.name, code, why, delay_s)

    def _start_again(self) -> None:
        for child, restart in self._restarts.items():
            if restart.is_due:
                restart.due_s = None
                child.start(self._handlers, self._beside(child))
                if child is not self._control and self._has_served:
                    child.tell(Word.CONTROL, self._url)

    def _beside(self, child: Child) -> Sequence[Child]:
        return [it for it in self._restarts if it is not child]

    def _tell_readers(self, word: Word, value: object = None) -> None:
        for child in self._readers:
            child.tell(word, value)

    def _end(self) -> None:
        """Begin to end all in order; nothing is started again."""
        if self._stage is _Stage.SERVING:
            notify("STOPPING=1")
            self._stage, self._ending_since_s = _Stage.ENDING_READERS, time.monotonic()
            for restart in self._restarts.values():
                restart.due_s = None
            self._tell_readers(Word.END)

    def _graces(self) -> list[tuple[Child, float]]:
        """Return the children that are told to end now, each with the time that it is given."""
        if self._stage is _Stage.SERVING:
            return []
        return [*self._readers.items()] if self._stage is _Stage.ENDING_READERS else [(self._control, _CONTROL_GRACE_S)]

    def _proceed(self) -> int | None:
        """Go on with the end; the exit status when all have ended."""
        for child, grace_s in reversed(self._graces()):
            if time.monotonic() >= self._ending_since_s + grace_s:
                child.kill()
        if self._stage is _Stage.ENDING_READERS and not any(child.lives for child in self._readers):
            self._stage, self._ending_since_s = _Stage.ENDING_CONTROL, time.monotonic()
            self._control.tell(Word.END)
        return 0 if self._stage is _Stage.ENDING_CONTROL and not self._control.lives else None

    def _kill_all(self) -> None:
        """Leave no child behind, whatever has happened."""
        for child in reversed(self._restarts):
            child.kill()
            while child.lives and child.exit_code() is None:
                time.sleep(0.01)


@contextlib.contextmanager
def _signals() -> Iterator[tuple[socket.socket, Handlers]]:
    """Give a socket that is readable after SIGTERM, SIGINT and a closed terminal, and the handlers of before."""
    kinds = [signal.SIGTERM, signal.SIGINT]
    closed = signal.Signals["SIGBREAK" if sys.platform == "win32" else "SIGHUP"]
    # Unless it was started to outlive its terminal, as by nohup.
    if signal.getsignal(closed) is not signal.SIG_IGN:
        kinds.append(closed)
    woken, waking = socket.socketpair()
    waking.setblocking(False)
    fd_before = signal.set_wakeup_fd(waking.fileno())
    before = {int(kind): signal.signal(kind, lambda *_: None) for kind in kinds}
    try:
        yield woken, before
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
        signal.set_wakeup_fd(fd_before)
        woken.close()
        waking.close()
