"""A sending program that is kept ready: it has apprise in memory and forks a process for each message.

A program that is started for each message takes some tenths of a second of CPU to begin, and seconds on a machine that
has too much to do: as long as an alarm may take in all. Where processes cannot be forked, as on Windows, it is started.
One that takes no message any more, because it was stopped or hangs, is killed, and another one is given the message.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from orchestrator.notices.delivery_status import Status
from orchestrator.notices.sending import PROGRAM, asked_once

CAN_FORK = hasattr(os, "fork")
# What a forked process says is one line, short enough for a pipe to keep it whole.
_LINE_BYTES = 64 * 1024
# A program that lives forks in milliseconds; so long it takes on a machine that has far too much to do.
TAKEN_S = 3.0
# Until it is ready, it has apprise to load.
_STARTS_S = 60.0


class Untaken(Exception):
    """The program is gone, or hangs, and has not taken the message."""


@dataclass(slots=True)
class Waiting:
    """A message that was given to the program: whether a process has taken it, and what that process answers."""

    taken: asyncio.Event = field(default_factory=asyncio.Event)
    answer: asyncio.Future[dict[str, Any]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Answers:
    """What one program says; ``is_ready`` once it has said anything.

    ``untaken_since_s`` is the loop's time at which it was given a message, if it has said nothing since.
    """

    def __init__(self) -> None:
        self.is_ready = False
        self.untaken_since_s: float | None = None
        self.waiting: dict[int, Waiting] = {}

    async def read(self, said: asyncio.StreamReader) -> None:
        """Hand lines to those who wait for them until there are no more; nobody waits any longer then."""
        while True:
            try:
                line = await said.readline()
            except ValueError:
                # Longer than any of ours.
                continue
            if not line:
                break
            self.is_ready, self.untaken_since_s = True, None
            self._hand_over(line)
        for it in self.waiting.values():
            # What a process had taken may be sent.
            error = OSError("the sending program has ended") if it.taken.is_set() else Untaken()
            it.taken.set()
            if not it.answer.done():
                it.answer.set_exception(error)

    def _hand_over(self, line: bytes) -> None:
        try:
            told = json.loads(line)
            waiting = self.waiting.get(told["number"])
        except (ValueError, KeyError, TypeError):
            # Something else has written there; it is nobody's answer.
            return
        if waiting is None:
            return
        waiting.taken.set()
        if "status" in told and not waiting.answer.done():
            waiting.answer.set_result(told)


@dataclass(frozen=True, slots=True)
class _Running:
    process: asyncio.subprocess.Process
    answers: Answers
    reading: asyncio.Task[None]

    async def end(self) -> None:
        """Kill it with what it has forked: its session is its own."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()
        await self.reading


class WarmProgram:
    """The program, started when the first message is sent, and anew if it has died or hangs."""

    def __init__(self, taken_s: float = TAKEN_S) -> None:
        """Take how long a program that is ready may let a message wait until a process takes it."""
        self._taken_s = taken_s
        self._running: _Running | None = None
        self._numbers = itertools.count(1)
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        if CAN_FORK:
            await self._started()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._running is not None:
            await self._running.end()

    @property
    def pid(self) -> int | None:
        """The process that runs now, None without one."""
        return self._running.process.pid if self._running is not None else None

    async def ask(self, asked: Mapping[str, str], deadline_s: float) -> tuple[Status, str]:
        """Have something sent by a process of its own. Raises TimeoutError, OSError, or ValueError for no answer.

        The process ends itself at the deadline, by the system's own timer, whatever it waits for.
        """
        if not CAN_FORK:
            return await asked_once(asked, deadline_s)
        end_s = asyncio.get_running_loop().time() + deadline_s
        with contextlib.suppress(Untaken):
            return await self._asked(asked, deadline_s)
        try:
            return await self._asked(asked, end_s - asyncio.get_running_loop().time())
        except Untaken:
            raise TimeoutError from None

    async def _asked(self, asked: Mapping[str, str], deadline_s: float) -> tuple[Status, str]:
        async with asyncio.timeout(deadline_s):
            running = await self._started()
            number, waiting = next(self._numbers), Waiting()
            running.answers.waiting[number] = waiting
            try:
                line = json.dumps({**asked, "number": number, "deadline_s": deadline_s})
                await self._given(running, line.encode() + b"\n", waiting)
                told = await waiting.answer
            finally:
                del running.answers.waiting[number]
        return Status(told["status"]), str(told["detail"])

    async def _given(self, running: _Running, line: bytes, waiting: Waiting) -> None:
        """Give a message to the program, which is killed if it does not take it. Raises OSError and Untaken."""
        stdin = running.process.stdin
        if stdin is None:
            raise OSError("the sending program has no input")
        answers, loop = running.answers, asyncio.get_running_loop()
        if answers.untaken_since_s is None:
            answers.untaken_since_s = loop.time()
        limit_s = answers.untaken_since_s + (self._taken_s if answers.is_ready else _STARTS_S)
        is_taken = False
        try:
            async with asyncio.timeout_at(limit_s):
                stdin.write(line)
                await stdin.drain()
                await waiting.taken.wait()
                is_taken = True
        except (TimeoutError, ConnectionError):
            raise Untaken from None
        finally:
            # Also where a deadline came at the same time.
            if not is_taken and loop.time() >= limit_s and self._running is running:
                self._running = None
                await running.end()

    async def _started(self) -> _Running:
        async with self._starting:
            if self._running is not None and self._running.reading.done():
                await self._running.end()
                self._running = None
            if self._running is None:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-P", "-m", PROGRAM, "--serve"),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.DEVNULL,
                    limit=_LINE_BYTES,
                    start_new_session=True,
                )
                if process.stdout is None:
                    raise OSError("the sending program has no output")
                answers = Answers()
                reading = asyncio.create_task(answers.read(process.stdout), name="sending program")
                self._running = _Running(process, answers, reading)
            return self._running
