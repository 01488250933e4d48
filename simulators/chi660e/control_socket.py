"""The bench's end of the control socket, by which the program's processes measure cells and use the bench's clock.

One connection a process, newline-delimited JSON, one request in flight. While a process computes, the clock is told
that somebody works (``working``); parked in a request that takes time, or hung, it does not count. A process that was
started here holds the clock from its start until it connects, and from the end of its connection until it is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Callable
from typing import Any, Protocol

from simulators.chi660e.leads import Leads
from simulators.chi660e.requests import MeasuredLeads, answer

_MOST_BYTES = 1 << 24
_PARKING = ("popup", "hang")
_HELLO = b"hello"


class Busy(Protocol):
    """Stops a clock while a process works; calling this object ends that."""

    def __call__(self) -> None:
        """Start the clock again."""

    async def turn(self) -> None:
        """Wait until all are done who began to work before."""


Working = Callable[[], Busy]
"""Says that somebody works."""


class Mounting(Protocol):
    """Puts cells into the holders of the tester beside the instrument."""

    def mount(self, channel: str, model: str, *, fresh: bool) -> str:
        """Put a cell of this model in, and return what it is; nothing where it is not ``fresh`` and one is there."""


class Hold:
    """Stops the clock for one process while it works."""

    def __init__(self, working: Working | None, *, launched: bool = False) -> None:
        """Begin parked. ``launched``: ``end`` will be called once the process is gone."""
        self.launched = launched
        self._working = working
        self._release: Busy | None = None
        self._ended = False

    def work(self) -> None:
        """Stop the clock."""
        if self._working is not None and self._release is None and not self._ended:
            self._release = self._working()

    async def turn(self) -> None:
        """Wait until all processes are parked that began to work before this one; at once when it is parked."""
        if self._release is not None:
            await self._release.turn()

    def park(self) -> None:
        """Start the clock again."""
        if self._release is not None:
            self._release()
            self._release = None

    def end(self) -> None:
        """Start the clock again, for ever."""
        self._ended = True
        self.park()


class _Gone(Exception):
    """The process has closed its connection, or was killed."""


class BenchControl:
    """Serves the leads to ``chi660e-sim`` processes.

    ``popups`` keeps what they have shown to nobody, as (title, text).
    """

    def __init__(
        self, leads: MeasuredLeads, *, working: Working | None = None, holders: Mounting | None = None
    ) -> None:
        """Serve these leads; ``working`` is a virtual-time loop's ``busy``, None in real time.

        ``holders`` puts cells into the tester for those who ask by ``mount``.
        """
        self.popups: list[tuple[str, str]] = []
        self.address = ""
        self.leads = leads
        self.holders = holders
        self._working = working
        self._server: asyncio.Server | None = None
        self._launched: dict[str, Hold] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._holds: set[Hold] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._tokens = itertools.count(1)
        self._owner: _Session | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    async def start(self, port: int = 0) -> str:
        """Listen on this machine and return the address, ``127.0.0.1:PORT``."""
        self.loop = asyncio.get_running_loop()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=_MOST_BYTES)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self.address

    async def close(self) -> None:
        """Close the socket; processes that notice it end themselves."""
        if self._server is not None:
            self._server.close()
            for writer in tuple(self._writers):
                writer.close()
            await self._server.wait_closed()
            if self._tasks:
                await asyncio.wait(self._tasks)
        for hold in (*self._holds, *self._launched.values()):
            hold.end()

    @property
    def connected(self) -> bool:
        """Return whether any process is connected."""
        return bool(self._writers)

    def expect(self) -> tuple[str, Hold]:
        """Hold the clock for a process about to be started; return its token (CHI660E_SIM_TOKEN) and its hold."""
        token = str(next(self._tokens))
        hold = self._launched[token] = Hold(self._working, launched=True)
        hold.work()
        return token, hold

    def unlink(self, session: _Session) -> None:
        """Cut the cable between a process and the instrument, which continues with its last order."""
        if self._owner is session:
            self._owner = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        session = _Session(self, reader, writer, Hold(self._working))
        try:
            await session.run()
        except (_Gone, OSError):
            pass
        finally:
            self._writers.discard(writer)
            self._holds.discard(session.hold)
            if session is self._owner:
                self._owner = None
                self.leads.lost()
            if session.hold.launched:
                session.hold.work()
            else:
                session.hold.park()
            writer.close()

    def adopt(self, session: _Session, token: str | None) -> None:
        """Assign to a process the hold with which it was started."""
        launched = self._launched.pop(token, None) if token else None
        if launched is not None:
            launched.work()
            session.hold.park()
            session.hold = launched
        self._holds.add(session.hold)

    def link(self, session: _Session) -> bool:
        """Reserve the instrument for a process; False when another process has it already."""
        if self._owner is None:
            self._owner = session
        return self._owner is session


class _Session:
    """One connection: a process of the program, or a pair of hands that moves the leads."""

    def __init__(
        self, control: BenchControl, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hold: Hold
    ) -> None:
        self.hold = hold
        self._is_process = False
        self._control = control
        self._leads = control.leads
        self._reader = reader
        self._writer = writer
        self._next: asyncio.Task[bytes] | None = None

    async def run(self) -> None:
        """Answer requests until the connection ends."""
        self.hold.work()
        try:
            while line := await self._read():
                reply = await self._answer(line)
                self._writer.write(json.dumps(reply, separators=(",", ":")).encode() + b"\n")
                await self._writer.drain()
        finally:
            if self._next is not None:
                self._next.cancel()

    async def _read(self) -> bytes:
        """Return the next line when it is this process's turn: several at work write in the order of real time."""
        line = await self._upcoming()
        self._next = None
        if not self._is_process and _HELLO in line:
            self._greet(line)
        await self.hold.turn()
        return line

    def _greet(self, line: bytes) -> None:
        # What only looks like a greeting is answered as any other line is.
        with contextlib.suppress(ValueError, KeyError, TypeError):
            request = json.loads(line)
            if request["do"] == "hello":
                self._is_process = True
                self._control.adopt(self, request.get("token"))

    def _upcoming(self) -> asyncio.Task[bytes]:
        """Return the read of the next line, which ends early only when the connection does."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._reader.readline())
        return self._next

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            do = request["do"]
            if do == "hello":
                linked = self._control.link(self)
                return {"unix_s": self._leads.unix_s(), "linked": linked}
            if not self._is_process:
                self.hold.park()
            if do in _PARKING:
                await self._hang(request)
            if do in ("clip", "describe"):
                return self._hands(request)
            if do == "mount":
                return self._mount(request)
            return await self._carry_out(request)
        except (KeyError, TypeError, ValueError) as err:
            return {"error": f"{type(err).__name__}: {err}"}

    async def _hang(self, request: dict[str, Any]) -> None:
        """Park for ever: only the end of the connection ends it."""
        if request["do"] == "popup":
            self._control.popups.append((str(request.get("title", "")), str(request.get("text", ""))))
        if request.get("unlinked"):
            self._control.unlink(self)
        self.hold.park()
        await self._upcoming()
        raise _Gone

    async def _carry_out(self, request: dict[str, Any]) -> dict[str, Any]:
        plan = answer(self._leads, request)
        while True:
            try:
                until_s = next(plan)
            except StopIteration as done:
                reply: dict[str, Any] = done.value
                if self._is_process:
                    self.hold.work()
                return reply
            self.hold.park()
            await self._wait(until_s)

    async def _wait(self, until_s: float) -> None:
        """Wait for the bench's clock, unless the process goes away first."""
        leads = self._leads
        while (left_s := until_s - leads.now_s()) > 1e-9:
            done, _ = await asyncio.wait({self._upcoming()}, timeout=left_s / leads.speed)
            if done:
                raise _Gone

    def _hands(self, request: dict[str, Any]) -> dict[str, Any]:
        leads = self._leads
        if not isinstance(leads, Leads):
            raise ValueError("these leads are soldered on")
        if request["do"] == "clip":
            leads.clip(request["channel"], isolating=bool(request.get("isolating", True)))
        return {
            "channel": leads.channel,
            "isolating": leads.isolating,
            "double_energised": leads.double_energised,
            "unix_s": leads.unix_s(),
        }

    def _mount(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._control.holders is None:
            raise ValueError("there is no tester with holders here")
        channel, model, fresh = str(request["channel"]), str(request["model"]), bool(request["fresh"])
        return {"mounted": self._control.holders.mount(channel, model, fresh=fresh)}
