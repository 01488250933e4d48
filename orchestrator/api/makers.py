"""Has pictures, files and analyses made by child processes: the loop that answers everybody stays free.

At most two work at once, and few orders wait: more are refused with a sentence. A child that takes too long is ended. A
child without work ends by itself after a minute, so that a rack that nobody looks at holds none.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from orchestrator.api import maker

_AT_ONCE, _WAITING = 2, 16
_IDLE_S = 60.0
# A picture, and a package of a long run on a slow disk.
QUICK_S, LONG_S = 60.0, 1800.0
_LONGEST_LINE = 64 * 2**20
_KEPT = 24

Order = Mapping[str, Any]


class CannotMake(Exception):
    """What was ordered was not made: a child failed or took too long, or too much is being made. Ask again later."""


class NothingThere(Exception):
    """What was ordered is not there to be made; the message says what is missing."""


class _Child:
    """One child process and what it is told."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.idle: asyncio.TimerHandle | None = None

    async def carry_out(self, order: Order, progress: Callable[[int, int], None]) -> dict[str, Any]:
        """Give the child an order and return its answer. Raises CannotMake when it ends instead."""
        writer, reader = self.process.stdin, self.process.stdout
        if writer is None or reader is None:
            raise CannotMake("a child process has no pipes")
        try:
            writer.write(json.dumps(order).encode() + b"\n")
            await writer.drain()
            while line := await reader.readline():
                told: dict[str, Any] = json.loads(line)
                if "done" not in told:
                    return told
                progress(told["done"], told["of"])
        except (OSError, ValueError) as err:
            raise CannotMake(f"the process that makes it broke off ({err}); ask again") from err
        raise CannotMake("the process that makes it has ended; the service's log may tell why. Ask again")

    def end(self) -> None:
        """End the child, whatever it does."""
        if self.idle is not None:
            self.idle.cancel()
        with suppress(ProcessLookupError):
            self.process.kill()


class Makers:
    """The children of one service. Nothing is started before something is ordered."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._free: list[_Child] = []
        self._all: set[_Child] = set()
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._ordered = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._kept: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._ends: set[asyncio.Task[int]] = set()
        self.progress: dict[str, tuple[int, int]] = {}

    async def make(self, order: Order, within_s: float = QUICK_S, name: str = "") -> dict[str, Any]:
        """Have something made, and return it. ``name`` is that under which ``progress`` tells how far it is.

        Raises NothingThere, CannotMake.
        """
        if self._ordered >= _AT_ONCE + _WAITING:
            raise CannotMake(f"{self._ordered} pictures and files are being made already; ask again in a minute")
        self._ordered += 1
        try:
            async with self._places:
                return await self._made(order, within_s, name)
        finally:
            self._ordered -= 1

    async def kept(self, order: Order, tag: str, within_s: float = QUICK_S) -> dict[str, Any]:
        """Have something made as ``make`` does, or return it as it was made while its tag was the same."""
        key = json.dumps([order, tag], sort_keys=True)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        made = await self.make(order, within_s)
        self._kept[key] = made
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return made

    def new_folder(self) -> Path:
        """Return a new folder for the files of one order; who takes them removes it."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="cellrig-files-", ignore_cleanup_errors=True)
        return Path(tempfile.mkdtemp(dir=self._folder.name))

    async def close(self) -> None:
        """End all children, and remove what they have made."""
        for child in list(self._all):
            self._drop(child)
        if self._ends:
            await asyncio.wait(self._ends)
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    async def _made(self, order: Order, within_s: float, name: str) -> dict[str, Any]:
        child = await self._child()

        def tell(done: int, of: int) -> None:
            if name:
                self.progress[name] = done, of

        try:
            async with asyncio.timeout(within_s):
                told = await child.carry_out(order, tell)
        except TimeoutError:
            self._drop(child)
            raise CannotMake(f"it was not made within {within_s:g} s, and was given up; ask for less") from None
        except BaseException:
            self._drop(child)
            raise
        finally:
            self.progress.pop(name, None)
        child.idle = asyncio.get_running_loop().call_later(_IDLE_S, self._drop, child)
        self._free.append(child)
        if "refused" in told:
            raise NothingThere(told["refused"])
        if "failed" in told:
            raise CannotMake(told["failed"])
        value: dict[str, Any] = told["value"]
        return value

    async def _child(self) -> _Child:
        while self._free:
            child = self._free.pop()
            if child.idle is not None:
                child.idle.cancel()
            if child.process.returncode is None:
                return child
            self._drop(child)
        pipe = asyncio.subprocess.PIPE
        program = (sys.executable, "-m", maker.__name__, str(self._store))
        try:
            process = await asyncio.create_subprocess_exec(*program, stdin=pipe, stdout=pipe, limit=_LONGEST_LINE)
        except OSError as err:
            raise CannotMake(f"no process can be started for it ({err.strerror}); end others, and ask again") from err
        child = _Child(process)
        self._all.add(child)
        return child

    def _drop(self, child: _Child) -> None:
        child.end()
        self._all.discard(child)
        if child in self._free:
            self._free.remove(child)
        end = asyncio.ensure_future(child.process.wait())
        self._ends.add(end)
        end.add_done_callback(self._ends.discard)
