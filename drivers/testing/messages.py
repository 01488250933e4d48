"""Cuts the bytes of an instrument into whole replies, so that a spoiled wire can spoil one of them.

It is written apart from the drivers' own framing: a mistake there must not be repeated here.
"""

from __future__ import annotations

from collections.abc import Callable

Cut = Callable[[bytes], int]
"""Returns the length of the first whole reply at the begin of some bytes, 0 while it is not whole yet."""

_RTU_FIXED = 8
"""A reply to a write, or to function 8, in bytes: unit, function, two words and the checksum."""
_MBAP = 6
"""The bytes of a Modbus TCP frame up to and with its length."""


def marked(end: bytes) -> Cut:
    """Return the cut of replies that end with a mark."""

    def cut(data: bytes) -> int:
        found = data.find(end)
        return 0 if found < 0 else found + len(end)

    return cut


def lines() -> Cut:
    """Return the cut of lines, whatever stands before their LF."""
    return marked(b"\n")


def modbus_rtu() -> Cut:
    """Return the cut of Modbus RTU replies, whose length is known by their function."""

    def cut(data: bytes) -> int:
        if len(data) < 3:
            return 0
        function = data[1]
        size = 5 if function & 0x80 else data[2] + 5 if function in {3, 4} else _RTU_FIXED
        return size if len(data) >= size else 0

    return cut


def modbus_tcp() -> Cut:
    """Return the cut of Modbus TCP replies, which bear their length."""

    def cut(data: bytes) -> int:
        if len(data) < _MBAP:
            return 0
        size = _MBAP + int.from_bytes(data[4:6], "big")
        return size if len(data) >= size else 0

    return cut
