"""Modbus frames by the byte: the checksum, where a request ends, and the header of Modbus TCP.

Reference smu-and-ovens, section 18. A terminal or a network keeps no gaps, so that requests are cut by the length that
their function code gives; one with an unknown code ends with silence.
"""

from __future__ import annotations

from dataclasses import dataclass

_FIXED_BYTES = {3: 8, 4: 8, 6: 8, 8: 8}
_WRITE_SEVERAL = 16
_SHORTEST = 4
LONGEST = 256


def checksum(data: bytes) -> bytes:
    """Return the CRC-16 of a frame, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


def sealed(body: bytes) -> bytes:
    """Return a serial frame: unit, function and data with their checksum."""
    return body + checksum(body)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: for which unit, with which function, and its data."""

    unit: int
    function: int
    data: bytes
    transaction: int = 0


class SerialCutter:
    """Cuts what a serial line brings into requests. What is spoiled is thrown away until the line is silent."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._bytes = bytearray()
        self._is_lost = False

    @property
    def waits(self) -> bool:
        """Whether something is there that silence ends."""
        return bool(self._bytes) or self._is_lost

    def feed(self, data: bytes) -> list[Asked]:
        """Add bytes; return the requests that are complete."""
        self._bytes += data
        found: list[Asked] = []
        while not self._is_lost and (length := self._length()) is not None and len(self._bytes) >= length:
            frame = bytes(self._bytes[:length])
            if checksum(frame[:-2]) != frame[-2:]:
                self._is_lost = True
                break
            del self._bytes[:length]
            found.append(Asked(frame[0], frame[1], frame[2:-2]))
        if self._is_lost or len(self._bytes) > LONGEST:
            self._is_lost = True
            self._bytes.clear()
        return found

    def silence(self) -> list[Asked]:
        """Take note that the line has been silent: what is there is a whole frame, or none."""
        frame, self._is_lost = bytes(self._bytes), False
        self._bytes.clear()
        if len(frame) >= _SHORTEST and checksum(frame[:-2]) == frame[-2:]:
            return [Asked(frame[0], frame[1], frame[2:-2])]
        return []

    def _length(self) -> int | None:
        """Return the length of the frame that begins; None while it cannot be told."""
        if len(self._bytes) < 2:
            return None
        function = self._bytes[1]
        if function == _WRITE_SEVERAL:
            return 9 + self._bytes[6] if len(self._bytes) > 6 else None
        return _FIXED_BYTES.get(function)


class TcpCutter:
    """Cuts a Modbus TCP stream into requests. Raises ValueError for what is none."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._bytes = bytearray()

    def feed(self, data: bytes) -> list[Asked]:
        """Add bytes; return the requests that are complete."""
        self._bytes += data
        found = []
        while len(self._bytes) >= 8:
            transaction, protocol, length = (int.from_bytes(self._bytes[n : n + 2], "big") for n in (0, 2, 4))
            if protocol != 0 or not 2 <= length <= LONGEST:
                raise ValueError(f"{bytes(self._bytes[:8]).hex(' ')} begins no Modbus TCP frame")
            if len(self._bytes) < 6 + length:
                break
            frame = bytes(self._bytes[6 : 6 + length])
            del self._bytes[: 6 + length]
            found.append(Asked(frame[0], frame[1], frame[2:], transaction))
        return found


def wrapped(transaction: int, body: bytes) -> bytes:
    """Return a Modbus TCP frame: unit, function and data behind their header."""
    return transaction.to_bytes(2, "big") + b"\x00\x00" + len(body).to_bytes(2, "big") + body
