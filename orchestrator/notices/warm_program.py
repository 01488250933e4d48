"""A sending program that is kept ready: it has apprise in memory and forks a process for each message.

A program that is started for each message takes some tenths of a second of CPU to begin, and seconds on a machine that
has too much to do: as long as an alarm may take in all. Where processes cannot be forked, as on Windows, it is started.
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
from typing import Any, Self

from orchestrator.notices.delivery_status import Status
from orchestrator.notices.sending import PROGRAM, asked_once

CAN_FORK = hasattr(os, "fork")
# What a forked process says is one line, short enough for a pipe to keep it whole.
_LINE_BYTES = 64 * 1024


class WarmProgram:
    """The program, started when the first message is sent, and anew if it has died."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        if CAN_FORK:
            await self._started()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None:
            # With what it has forked: its session is its own.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
        if self._listening is not None:
            await self._listening

    async def ask(self, asked: Mapping[str, str], deadline_s: float) -> tuple[Status, str]:
        """Have something sent by a process of its own. Raises TimeoutError, OSError, or ValueError for no answer.

        The process ends itself at the deadline, by the system's own timer, whatever it waits for.
        """
        if not CAN_FORK:
            return await asked_once(asked, deadline_s)
        process = await self._started()
        if process.stdin is None:
            raise OSError("the sending program has no input")
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            async with asyncio.timeout(deadline_s):
                line = json.dumps({**asked, "number": number, "deadline_s": deadline_s})
                process.stdin.write(line.encode() + b"\n")
                await process.stdin.drain()
                told = await answer
        finally:
            del self._waiting[number]
        return Status(told["status"]), str(told["detail"])

    async def _started(self) -> asyncio.subprocess.Process:
        async with self._starting:
            if self._process is None or self._process.returncode is not None:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-P", "-m", PROGRAM, "--serve"),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.DEVNULL,
                    limit=_LINE_BYTES,
                    start_new_session=True,
                )
                self._listening = asyncio.create_task(self._listen(self._process), name="sending program")
            return self._process

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Hand answers to those who wait for them; when the program ends, nobody waits for it any longer."""
        while line := await process.stdout.readline() if process.stdout is not None else b"":
            told = json.loads(line)
            if (answer := self._waiting.get(told["number"])) is not None and not answer.done():
                answer.set_result(told)
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(OSError("the sending program has ended"))
        await process.wait()
