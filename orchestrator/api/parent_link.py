"""The pipe between a process of the service and the parent that has started it: words in both directions.

When the parent is gone the process ends at once, as if it had been killed with it: whoever kills the service kills all
of it, and its lock, its address and its instruments are free for the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from enum import StrEnum
from multiprocessing.connection import Connection

# The exit status of a process whose parent is gone; nobody is left to see it.
PARENT_IS_GONE = 70


class Word(StrEnum):
    """What a process and its parent say to each other, each with a value."""

    # To the child: where control answers, None while it does not; end in order.
    CONTROL = "control"
    END = "end"
    # To the parent: it serves, at this address; the error with which it gave up; a message for the service manager.
    READY = "ready"
    FAILED = "failed"
    SYSTEM = "system"


class ParentLink:
    """A child's end of the pipe."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def tell(self, word: Word, value: object = None) -> None:
        """Say a word to the parent; one that is gone hears nothing."""
        with contextlib.suppress(OSError):
            self._connection.send((word, value))

    def hear(self) -> tuple[Word, object]:
        """Wait for the next word of the parent. Raises EOFError or OSError when it is gone."""
        word, value = self._connection.recv()
        return word, value

    def listen(self, hear: Callable[[Word, object], None]) -> None:
        """Call a function in the running loop with each word of the parent, from now on."""
        loop = asyncio.get_running_loop()

        def reading() -> None:
            """Hear the parent until its end of the pipe is closed."""
            while True:
                try:
                    word, value = self.hear()
                except (EOFError, OSError):
                    os._exit(PARENT_IS_GONE)
                # A loop that is closed belongs to a process that is ending.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(hear, word, value)

        # A thread, not a reader of the loop: it also hears that the parent is gone while the loop is busy for ever.
        threading.Thread(target=reading, name="parent", daemon=True).start()
