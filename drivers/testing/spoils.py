"""The faults of a single reply, by name: what arrives at the driver in its place, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

from drivers.testing.spoiled_wire import Passing, Spoil

_SINGLE = 40
GARBAGE = b"\x00\xfe#Q9;,@\xffgarbage\r\n\x01\x10"


async def single_bytes(it: Passing) -> None:
    """Send byte by byte; of a long reply the begin and the end."""
    head, tail = it.reply[:_SINGLE], it.reply[max(_SINGLE, len(it.reply) - _SINGLE) :]
    middle = it.reply[len(head) : len(it.reply) - len(tail)]
    for piece in (*map(bytes, zip(head, strict=True)), middle, *map(bytes, zip(tail, strict=True))):
        it.send(piece)
        await asyncio.sleep(0)


async def silent(_: Passing) -> None:
    """Send nothing."""


async def late(it: Passing) -> None:
    """Send it when nobody waits for it any more: right behind the next question, if that comes first."""
    await it.wire.next_question(it.late_s)
    it.send(it.reply)


async def cut_then_silent(it: Passing) -> None:
    """Send the first half."""
    it.send(_half(it.reply))


async def rest_late(it: Passing) -> None:
    """Send the first half, and the second when nobody waits for it any more, as ``late``."""
    half = _half(it.reply)
    it.send(half)
    await it.wire.next_question(it.late_s)
    it.send(it.reply[len(half) :])


async def cut_then_closed(it: Passing) -> None:
    """Send the first half and break the connection."""
    it.send(_half(it.reply))
    await asyncio.sleep(0)
    it.wire.hang_up()


async def garbage_before(it: Passing) -> None:
    """Send garbage with it, before."""
    it.send(GARBAGE + it.reply)


async def garbage_after(it: Passing) -> None:
    """Send garbage with it, after."""
    it.send(it.reply + GARBAGE)


async def garbage_instead(it: Passing) -> None:
    """Send garbage."""
    it.send(GARBAGE)


async def wrong_checksum(it: Passing) -> None:
    """Flip a bit in the middle."""
    spoiled = bytearray(it.reply)
    spoiled[len(spoiled) // 2] ^= 1
    it.send(bytes(spoiled))


async def anothers_reply(it: Passing) -> None:
    """Send the reply to another question."""
    it.send(it.first)


async def sent_twice(it: Passing) -> None:
    """Send it twice."""
    it.send(it.reply + it.reply)


async def earlier_first(it: Passing) -> None:
    """Send an earlier reply once more, and this one behind it."""
    it.send(it.before + it.reply)


def _half(reply: bytes) -> bytes:
    return reply[: max(1, len(reply) // 2)]


SPOILS: Mapping[str, Spoil] = MappingProxyType(
    {
        "split into single bytes": single_bytes,
        "silent": silent,
        "late": late,
        "cut, then silent": cut_then_silent,
        "cut, its rest late": rest_late,
        "cut, then closed": cut_then_closed,
        "garbage before": garbage_before,
        "garbage after": garbage_after,
        "garbage instead": garbage_instead,
        "wrong checksum": wrong_checksum,
        "another question's reply": anothers_reply,
        "sent twice": sent_twice,
        "an earlier reply first": earlier_first,
    }
)

LATE = frozenset({late, rest_late})
"""Of these something arrives after the driver has given up."""

CLOSES = frozenset({cut_then_closed})
"""While these last nobody can be told anything, since who is not identified is told nothing."""
