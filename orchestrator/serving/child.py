"""A child process of the service: how it is started, what it says, and whether it lives."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from drivers.errors import DriverError
from orchestrator.api.parent_link import ParentLink, Word
from orchestrator.clock.log_times import LocalTimeFormatter
from protocols.errors import InputError

# Forked, a child has at once what its parent has imported. Other systems start it afresh, and it imports anew.
_FORKS = sys.platform == "linux"

# What a process of the service does until it is over.
Work = Callable[[ParentLink], None]
Handlers = Mapping[int, Any]


def log_to_stderr() -> None:
    """Log to stderr, each line with the time at which it was written."""
    log = logging.StreamHandler()
    log.setFormatter(LocalTimeFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[log], force=True)


class Child:
    """One process of the service, over all its lives."""

    def __init__(self, name: str, work: Work) -> None:
        self.name = name
        self._work = work
        self._context: Any = multiprocessing.get_context("fork" if _FORKS else "spawn")
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self.began_s = 0.0
        # The error with which its last life gave up.
        self.error: Exception | None = None

    @property
    def lives(self) -> bool:
        """Whether it has been started, and its end was not seen yet."""
        return self._process is not None

    @property
    def end(self) -> Connection | None:
        """The parent's end of the pipe to it."""
        return self._connection

    @property
    def lived_s(self) -> float:
        """The time since it was started."""
        return time.monotonic() - self.began_s

    def start(self, handlers: Handlers, beside: Sequence[Child]) -> None:
        """Start the process; ``handlers`` are the signals' of before the parent took them."""
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        mine, its = self._context.Pipe()
        # A fork has all of the parent's ends too: held open there, they would keep its end from being seen.
        foreign = [mine, *(it.end for it in beside if it.end is not None)] if _FORKS else []
        arguments = (self._work, its, foreign, handlers if _FORKS else {})
        self._process = self._context.Process(target=_be, args=arguments, name=self.name)
        self._process.start()
        its.close()
        self._connection, self.began_s, self.error = mine, time.monotonic(), None

    def waitables(self) -> list[Any]:
        """Return what becomes ready when the process says something, or ends."""
        if self._process is None or self._connection is None:
            return []
        return [self._process.sentinel, *([] if self._connection.closed else [self._connection])]

    def said(self) -> Iterator[tuple[Word, Any]]:
        """Yield the words that it has said since."""
        with contextlib.suppress(EOFError, OSError):
            while self._connection is not None and self._connection.poll():
                word, value = self._connection.recv()
                if word is Word.FAILED:
                    self.error = value
                yield word, value
            return
        # Its end is closed: its sentinel tells the rest.
        if self._connection is not None:
            self._connection.close()

    def tell(self, word: Word, value: object = None) -> None:
        """Say a word to the process, if it lives."""
        if self._connection is not None and not self._connection.closed:
            with contextlib.suppress(OSError):
                self._connection.send((word, value))

    def exit_code(self) -> int | None:
        """Return how the process has ended, once; None while it lives, or is not there."""
        if self._process is None or (code := self._process.exitcode) is None:
            return None
        self._process.join()
        # What it said last, an error above all, may have come since it was listened to.
        for _ in self.said():
            pass
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None
        return code

    def kill(self) -> None:
        """Kill the process, if it lives."""
        if self._process is not None:
            self._process.kill()


def _be(work: Work, connection: Connection, foreign: Sequence[Connection], handlers: Handlers) -> None:
    """Be a child: do its work, and tell the parent an error that a person can do something about."""
    signal.set_wakeup_fd(-1)
    for kind, handler in handlers.items():
        signal.signal(kind, handler)
    for end in foreign:
        end.close()
    if not _FORKS:
        log_to_stderr()
    parent = ParentLink(connection)
    try:
        work(parent)
    except Exception as err:
        if not _is_for_people(err):
            raise
        parent.tell(Word.FAILED, err)
        raise SystemExit(1) from None


def _is_for_people(err: Exception) -> bool:
    from orchestrator.rack.lock import AlreadyOwned
    from orchestrator.store.errors import StoreError

    return isinstance(err, AlreadyOwned | DriverError | InputError | StoreError)
