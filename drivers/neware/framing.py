"""Cuts the byte stream of the BTS API into frames.

The wire has no length, checksum or message number (reference neware-ct4008, section 2.2): a reply ends with ``</bts>``
and, after some white space that differs between versions, ``#`` CR LF. Bytes are joined before they are decoded, a
lone ``#`` never ends anything (a barcode may hold one), and whatever stands before the reply is dropped.
"""

from __future__ import annotations

import re

from drivers.errors import BadReply

# Appendix B: requests end like this on a real BTS 8.0, and replies too.
TERMINATOR = b"\n\n#\r\n"
DEFAULT_FRAME_CAP = 8 * 1024 * 1024

_END = re.compile(rb"</bts>[^<#]{0,16}#\r\n")
_START = b"<bts"
# The longest piece of an unfinished end mark that must be looked at again when more bytes come.
_OVERLAP = len(b"</bts>") + 16 + len(b"#\r\n")


class Framer:
    """Collects bytes and returns complete replies, each from ``<bts`` to ``</bts>``."""

    def __init__(self, frame_cap: int = DEFAULT_FRAME_CAP) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self._frame_cap = frame_cap

    def feed(self, data: bytes) -> list[bytes]:
        """Add received bytes and return the frames that they complete, in order.

        Raises BadReply when a reply grows past the cap without an end mark; the connection is then of no more use.
        """
        self._buffer += data
        frames: list[bytes] = []
        while end := _END.search(self._buffer, self._scanned):
            # The last opening before the end mark: a reply that was cut off earlier loses to the one that is whole.
            start = self._buffer.rfind(_START, 0, end.start())
            if start >= 0:
                frames.append(bytes(self._buffer[start : end.start() + len(b"</bts>")]))
            del self._buffer[: end.end()]
            self._scanned = 0
        self._scanned = max(0, len(self._buffer) - _OVERLAP)
        if len(self._buffer) > self._frame_cap:
            seen = len(self._buffer)
            self._buffer.clear()
            self._scanned = 0
            raise BadReply(f"BTS sent {seen} bytes without an end mark; the limit is {self._frame_cap}")
        return frames

    @property
    def pending(self) -> int:
        """Number of bytes held back because no end mark has come yet."""
        return len(self._buffer)
