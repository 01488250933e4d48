"""Switches an output off when whoever decides about it has fallen silent: a lost decision, or a stuck event loop.

No source meter has such a watch of its own (reference smu-and-ovens, section 14), so this ends with the process: what
then is left at the cell is what ``Source.host_loss`` says.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable

from drivers.errors import DriverError

logger = logging.getLogger(__name__)

THREAD_GRACE_S = 0.2
"""How much later than the loop the thread acts: it is for a loop that is stuck."""
_LOOKS = 8
"""How often loop and thread look again, once the silence is too long, within the silence that they allow."""


class DeadMan:
    """Watches the time since the last word about one output, by the loop and, where the link allows, by a thread.

    ``act`` runs in the loop and may take its time; ``shout`` runs on the thread and must not wait. Both go by the
    loop's clock, so that a thread never acts while virtual time stands still.
    """

    def __init__(self, name: str, act: Callable[[], Awaitable[None]], shout: Callable[[], None]) -> None:
        self._name = name
        self._act, self._shout = act, shout
        self._silence_s = 0.0
        self._quiet_until_s = 0.0
        # When the loop has looked last: a thread that sees it look leaves the output to it.
        self._looked_s = 0.0
        self._told: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None
        self._over = threading.Event()

    @property
    def is_armed(self) -> bool:
        """Whether silence switches the output off."""
        return self._timer is not None

    def arm(self, silence_s: float, *, by_thread: bool) -> None:
        """Watch from now on: after ``silence_s`` without a word the output goes off."""
        self.disarm()
        loop = asyncio.get_running_loop()
        self._silence_s = silence_s
        self._told.clear()
        self.word()
        self._timer = loop.call_at(self._quiet_until_s, self._look)
        if by_thread:
            self._over = threading.Event()
            self._thread = threading.Thread(
                target=self._watch, args=(loop.time, self._over), name=f"dead-man {self._name}", daemon=True
            )
            self._thread.start()

    def disarm(self) -> None:
        """Watch no longer."""
        self._over.set()
        self._thread = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def word(self, lasting_s: float = 0.0) -> None:
        """Note that somebody decides: what is being done now may take ``lasting_s``, silence counts from then on."""
        self._quiet_until_s = asyncio.get_running_loop().time() + lasting_s + self._silence_s

    def close(self) -> None:
        """Watch no longer, and end what was begun."""
        self.disarm()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._looked_s = loop.time()
        self._timer = loop.call_at(max(self._quiet_until_s, loop.time() + self._silence_s / _LOOKS), self._look)
        if loop.time() >= self._quiet_until_s and (self._task is None or self._task.done()):
            self._tell(f"no decision for {self._silence_s:g} s: the output is switched off")
            self._task = loop.create_task(self._acting(), name=f"dead-man {self._name}")

    async def _acting(self) -> None:
        try:
            await self._act()
        except DriverError as err:
            # The next look tries again, for as long as it takes: the line may come back.
            self._tell(str(err))

    def _tell(self, what: str) -> None:
        """Log what happens, once."""
        if what not in self._told:
            self._told.add(what)
            logger.error("%s: %s", self._name, what)

    def _watch(self, now_s: Callable[[], float], over: threading.Event) -> None:
        # Asleep until silence could have lasted too long: a thread an output that wakes often takes from the decisions.
        while not over.wait(max(self._silence_s / _LOOKS, self._quiet_until_s + THREAD_GRACE_S - now_s())):
            overdue_s = now_s() - THREAD_GRACE_S
            if overdue_s >= self._quiet_until_s and overdue_s >= self._looked_s:
                self._tell("the event loop is stuck: a thread orders the output off")
                self._shout()
