"""Cuts the bytes of an instrument that speaks in lines into lines."""

from __future__ import annotations

import re

from drivers.errors import BadReply

DEFAULT_LINE_CAP = 4096
_END = re.compile(rb"[\r\n]+")


class LineFramer:
    """Collects bytes and returns complete lines without their ends; empty lines are skipped."""

    def __init__(self, line_cap: int = DEFAULT_LINE_CAP) -> None:
        self._buffer = bytearray()
        self._line_cap = line_cap

    def feed(self, data: bytes) -> list[bytes]:
        """Add received bytes and return the lines that they complete. Raises BadReply for a line that is too long."""
        self._buffer += data
        *lines, rest = _END.split(self._buffer)
        self._buffer = bytearray(rest)
        longest = max(map(len, (*lines, rest)))
        if longest > self._line_cap:
            self._buffer.clear()
            raise BadReply(f"{longest} bytes came without a line end; the limit is {self._line_cap}")
        return [bytes(line) for line in lines if line]

    @property
    def pending(self) -> int:
        """Number of bytes held back because no line end has come yet."""
        return len(self._buffer)
