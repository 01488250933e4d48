"""Asks control for the rack once in a second while anybody looks, and keeps the newest state for all who do.

A control that dies or hangs holds up nobody: a tick comes every second all the same, and says when control last said
anything. Times are by the rig's clock, and none is told that is younger than the truth.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from orchestrator.api import browser
from orchestrator.clock.scaled import in_loop_time
from orchestrator.clock.virtual import wall_time
from orchestrator.store import StoreError
from orchestrator.web.control_link import ControlLink, ControlSilent
from orchestrator.web.reading import Reading
from orchestrator.web.stored_rack import stored_rows

logger = logging.getLogger(__name__)

# From one question, and one tick, to the next. A change is shown within a second of its commit.
PERIOD_S = 0.9
# Control is called silent when it has said nothing for so long: two questions without an answer.
SILENT_S = 2.5
# What may be ordered while control does not answer: it is tried, and said that it did not get through.
ALWAYS_TRIED = ("stop", "stop_again")
# The clock of a simulated rack runs ahead by more, or at another speed.
_SAME_CLOCK_S = 60.0

_RACK = f"{browser.API}/rack"
State: TypeAlias = dict[str, Any]


class RackFeed:
    """The rack as control told it last; without a control, as the store has it."""

    def __init__(self, link: ControlLink, reading: Reading) -> None:
        self._link, self._reading = link, reading
        self._viewers = 0
        self._anybody = asyncio.Event()
        self._rows: dict[str, State] = {}
        self._seen: dict[str, float | None] = {}
        self._channels: list[str] = []
        self._told: State = {}
        # The loop's time when control was asked what it told last, and the rig's time ahead of the loop's at most.
        self._asked_s = self._tried_s = float("-inf")
        self._ahead_s: float | None = None
        # Whether the rig goes by this machine's clock, which goes on while the machine sleeps.
        self._is_wall_time = True
        self._polling: asyncio.Task[None] | None = None
        self._next: asyncio.Future[None] | None = None
        self.ticks = 0
        # The revision at which there were other channels last.
        self.channels_rev = 0
        self.rev, self.life, self.needs_rev = 0, "", 0
        self.is_over = False

    # What the rack is

    @property
    def speed(self) -> float:
        """How many seconds of the rig's clock pass in one of this process."""
        return float(self._told.get("speed", 1.0)) / in_loop_time(1.0)

    def now(self) -> float:
        """Return the time by the rig's clock, rather too late than too early: no age is told that is too young."""
        if self._ahead_s is None or self._is_wall_time:
            return wall_time()
        return asyncio.get_running_loop().time() * self.speed + self._ahead_s

    @property
    def is_silent(self) -> bool:
        """Whether control has said nothing for some seconds."""
        return not self._told or self.now() - self._told["now"] > SILENT_S * in_loop_time(self.speed)

    def head(self) -> State:
        """Return the time, when control was heard, and whether it answers; the rest of a frame is rows and needs."""
        told: State = {"rev": self.rev, "life": self.life, "now": self.now()}
        told["control_seen_at"] = self._told.get("now")
        told["control"] = "silent" if self.is_silent else "answers"
        told["only"] = list(ALWAYS_TRIED) if self.is_silent else None
        return told

    def rows(self, since: int = 0) -> list[State]:
        """Return the rows that have changed after a revision, each with the time at which it was seen."""
        self._have_rows()
        return [self._rows[channel] for channel in self._channels if self._rows[channel]["rev"] > since]

    @property
    def channels(self) -> list[str]:
        """All channels, in rack order."""
        self._have_rows()
        return self._channels

    @property
    def seen(self) -> dict[str, float | None]:
        """When the tester of each channel last answered for it."""
        return self._seen

    @property
    def needs(self) -> list[State]:
        """What needs a person, most urgent first."""
        found: list[State] = self._told.get("needs", [])
        return found

    @property
    def latest(self) -> State:
        """The whole rack as it was told last, for the first page."""
        rows = self.rows()
        return {**self.head(), "channels": self.channels, "rows": rows, "needs": self.needs, **self.facts()}

    def facts(self) -> State:
        """Return what does not change while control lives."""
        return {"simulated": self._told.get("simulated"), "speed": float(self._told.get("speed", 1.0))}

    async def fresh(self) -> State:
        """Return the whole rack as it is now, or as it was told last where control does not answer at once."""
        loop = asyncio.get_running_loop()
        if loop.time() - max(self._asked_s, self._tried_s) > in_loop_time(PERIOD_S):
            await asyncio.wait({self._poll()}, timeout=in_loop_time(PERIOD_S))
            # Whoever comes next does not wait once more for a control that is silent.
            self._tried_s = loop.time()
        return self.latest

    def _have_rows(self) -> None:
        """Read the rows from the store where no control has told any since this process began."""
        if self.life or self._rows or not self.is_silent:
            return
        try:
            found = stored_rows(self._reading())
        except StoreError as err:
            logger.warning("the rack is not read from the store: %s", err)
            return
        self.rev = 1
        self._take_rows(found, [row["channel"] for row in found], {row["channel"]: row["seen_at"] for row in found})

    # Who looks

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Ask control for the rack during the ``with`` block."""
        self._viewers += 1
        self._anybody.set()
        try:
            yield
        finally:
            self._viewers -= 1
            if not self._viewers:
                self._anybody.clear()

    async def next_tick(self, known: int) -> int:
        """Return the number of the newest tick, once it is another one than the known."""
        while self.ticks == known and not self.is_over:
            if self._next is None or self._next.done():
                self._next = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._next)
        return self.ticks

    def close(self) -> None:
        """End all that wait for a tick."""
        self.is_over = True
        self._tick()

    def _tick(self) -> None:
        self.ticks += 1
        if self._next is not None and not self._next.done():
            self._next.set_result(None)

    # Following control

    async def run(self) -> None:
        """Ask and tick until cancelled; nobody is asked while nobody looks."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._anybody.wait()
                due_s = loop.time() + in_loop_time(PERIOD_S)
                await asyncio.wait({self._poll()}, timeout=in_loop_time(PERIOD_S))
                self._tick()
                await asyncio.sleep(max(0.0, due_s - loop.time()))
        finally:
            if self._polling is not None:
                self._polling.cancel()

    def _poll(self) -> asyncio.Task[None]:
        """Return the question to control that is under way, or a new one."""
        if self._polling is None or self._polling.done():
            self._polling = asyncio.get_running_loop().create_task(self._ask(), name="ask for the rack")
        return self._polling

    async def _ask(self) -> None:
        try:
            told, asked_s = await self._answer(self.rev)
            if told["life"] != self.life:
                # Another control counts anew.
                told, asked_s = await self._answer(0)
                self._ahead_s = None
        except ControlSilent as err:
            logger.debug("%s", err)
            return
        except (ValueError, KeyError) as err:
            logger.warning("control's answer on the rack is not understood: %r", err)
            return
        self._take(told, asked_s)

    async def _answer(self, since: int) -> tuple[State, float]:
        asked_s = asyncio.get_running_loop().time()
        answer = await self._link.ask("GET", f"{_RACK}?since={since}")
        if answer.status != 200:
            raise ControlSilent(answer.body.decode(errors="replace"))
        told: State = json.loads(answer.body)
        return told, asked_s

    def _take(self, told: State, asked_s: float) -> None:
        if told["life"] != self.life:
            self._rows.clear()
        self._told, self._asked_s = told, asked_s
        self._is_wall_time = told["speed"] == 1.0 and abs(told["now"] - wall_time()) < _SAME_CLOCK_S
        ahead_s = told["now"] - asked_s * self.speed
        self._ahead_s = ahead_s if self._ahead_s is None else min(self._ahead_s, ahead_s)
        self.rev, self.life, self.needs_rev = told["rev"], told["life"], told.get("needs_rev", 0)
        self._take_rows(told["rows"], told["channels"], told["seen"])

    def _take_rows(self, rows: list[State], channels: list[str], seen: dict[str, float | None]) -> None:
        self._rows.update((row["channel"], row) for row in rows)
        self._seen = seen
        for channel, at in seen.items():
            if channel in self._rows:
                self._rows[channel]["seen_at"] = at
        known = [channel for channel in channels if channel in self._rows]
        if known != self._channels:
            self._channels, self.channels_rev = known, self.rev
