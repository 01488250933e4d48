"""Faults of a connection between a server and its client, switched on by a test.

A fault is a frozen value saying what happens, to which commands, and how often; ``Wire`` applies the first that fits
to each reply. The command has been executed by then: a lost reply to ``start`` leaves a cell running (fault A12).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum


class Spoil(Enum):
    """The fault of a reply."""

    BYTE_BY_BYTE = "byte by byte"
    LATE = "late"
    CUT = "cut, then closed"
    CLOSED = "closed instead"
    SILENT = "never sent"
    HALF = "cut, then silent"
    IN_HALVES = "in two halves, the second late"
    GARBAGE_BEFORE = "garbage before"
    GARBAGE_AFTER = "garbage after"
    ENDLESS = "filler without end"
    TWICE = "sent twice"
    WITH_NEXT = "held back and sent before the next reply"
    STALE = "an earlier reply again, then this one"
    FLIPPED = "one bit flipped"
    REWRITTEN = "says something else"
    ARRIVES_LATE = "the request arrives late"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: ``times`` counts replies it still spoils, None is for good; ``command`` None is any command.

    A request that arrives late is carried out after ``seconds``, whatever became of its connection, and is not
    answered. A reply is rewritten wherever it has ``pattern``, a regular expression, by ``filler``.
    ``seconds`` is for LATE and IN_HALVES too, in the loop's time; ``at`` is the byte for CUT, HALF, IN_HALVES and
    FLIPPED (negative: from the end); ``filler`` is sent around, or again and again up to ``limit_bytes`` and then the
    wire stays silent.
    """

    spoil: Spoil
    command: str | None = None
    times: int | None = 1
    seconds: float = 0.0
    at: int = 0
    filler: bytes = b"\x00garbage<\r\n"
    limit_bytes: int = 1 << 28
    pattern: bytes = b""


class Wire:
    """The way of replies from a server to its clients; without faults it changes nothing."""

    def __init__(self) -> None:
        """Begin as a good wire."""
        self.refuses = False
        self.spoiled: list[tuple[str, Spoil]] = []
        self._faults: list[Fault] = []
        self._held = b""
        self._last = b""

    def spoil(self, fault: Fault) -> None:
        """Add a fault; older ones that fit are used first."""
        self._faults.append(fault)

    def mend(self) -> None:
        """Take all faults away and accept connections again."""
        self.refuses = False
        self._faults.clear()
        self._held = b""

    @property
    def is_spoiled(self) -> bool:
        """Whether a fault waits for what it fits."""
        return bool(self._faults)

    def refuse_connections(self) -> None:
        """Close every new connection at once, as a dead server behind a live port."""
        self.refuses = True

    async def send(self, writer: asyncio.StreamWriter, command: str, data: bytes, cuts: Sequence[int] = ()) -> bool:
        """Send a reply, spoiled if a fault fits; False when the connection is to be closed after it."""
        fault = self._take(command)
        if fault is None:
            data, self._held, self._last = self._held + data, b"", data
            await _pieces(writer, data, cuts)
            return True
        self.spoiled.append((command, fault.spoil))
        return await self._send_spoiled(writer, data, fault)

    def delay_of(self, command: str) -> float | None:
        """Return after how many seconds a request is to arrive; None for one that arrives at once."""
        fault = self._take(command, of_requests=True)
        if fault is None:
            return None
        self.spoiled.append((command, fault.spoil))
        return fault.seconds

    def _take(self, command: str, *, of_requests: bool = False) -> Fault | None:
        """Return the first fault that fits, of requests or of replies, used up by one."""
        for index, fault in enumerate(self._faults):
            fits = (fault.spoil is Spoil.ARRIVES_LATE) is of_requests
            if fits and fault.command in (None, command):
                if fault.times == 1:
                    del self._faults[index]
                elif fault.times is not None:
                    self._faults[index] = replace(fault, times=fault.times - 1)
                return fault
        return None

    async def _send_spoiled(self, writer: asyncio.StreamWriter, data: bytes, fault: Fault) -> bool:
        stale, self._last = self._last, data
        match fault.spoil:
            case Spoil.BYTE_BY_BYTE:
                await _pieces(writer, data, range(1, len(data)))
            case Spoil.LATE:
                await asyncio.sleep(fault.seconds)
                await _pieces(writer, data, ())
            case Spoil.CUT:
                await _pieces(writer, data[: fault.at], ())
                return False
            case Spoil.CLOSED:
                return False
            case Spoil.HALF:
                await _pieces(writer, data[: fault.at], ())
            case Spoil.IN_HALVES:
                await _pieces(writer, data[: fault.at], ())
                await asyncio.sleep(fault.seconds)
                await _pieces(writer, data[fault.at :], ())
            case Spoil.SILENT:
                pass
            case Spoil.REWRITTEN:
                await _pieces(writer, re.sub(fault.pattern, fault.filler, data), ())
            case Spoil.WITH_NEXT:
                self._held += data
            case Spoil.ENDLESS:
                await _endless(writer, fault)
            case Spoil.FLIPPED:
                spoiled = bytearray(data)
                spoiled[fault.at % len(data)] ^= 1
                await _pieces(writer, bytes(spoiled), ())
            case _:
                around = {
                    Spoil.GARBAGE_BEFORE: fault.filler + data,
                    Spoil.GARBAGE_AFTER: data + fault.filler,
                    Spoil.TWICE: data + data,
                    Spoil.STALE: stale + data,
                }
                await _pieces(writer, around[fault.spoil], ())
        return True


async def _pieces(writer: asyncio.StreamWriter, data: bytes, cuts: Sequence[int]) -> None:
    """Send data cut at these places, letting the other side run in between."""
    start = 0
    for cut in (*cuts, len(data)):
        if cut > start:
            writer.write(data[start:cut])
            await writer.drain()
            start = cut
            await asyncio.sleep(0)


async def _endless(writer: asyncio.StreamWriter, fault: Fault) -> None:
    """Send filler until the client hangs up or the limit is reached."""
    block = fault.filler * max(1, 4096 // max(1, len(fault.filler)))
    sent = 0
    while sent < fault.limit_bytes:
        writer.write(block)
        await writer.drain()
        sent += len(block)
        await asyncio.sleep(0)
