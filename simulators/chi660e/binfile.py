"""Writes ``.bin`` files: the layout that byte analysis of the vendor's samples found, unknown bytes as zeros [10]."""

from __future__ import annotations

import struct
import time

from simulators.chi660e.records import Recorded

_MAGIC = 0x001DF280
_UNKNOWN_BYTES = 28
_ID, _POINTS, _DATE, _DATA = 520, (540, 548), 552, 1616

# Parameters by macro name, as float32 at these offsets from the end of the serial number.
_PARAMETERS = {
    "ei": 1016, "ef": 1020, "eh": 1024, "el": 1028, "v": 1032, "incre": 1036, "pn": 1040, "cl": 1044, "si": 1048,
    "sens": 1056, "qt": 1060, "pw": 1064, "sw": 1068, "st": 1072, "prod": 1076, "amp": 1080, "freq": 1084, "fl": 1100,
    "fh": 1104, "ic": 1148, "ia": 1196, "tc": 1208, "ta": 1212,
}  # fmt: skip


def binary_of(recorded: Recorded, serial_number: str, *, local: bool) -> bytes:
    """Return a whole file."""
    technique = recorded.technique
    head = struct.pack("<I", _MAGIC) + _text(technique.short) + _text(technique.name)
    head += bytes(_UNKNOWN_BYTES) + _text(serial_number)
    body = bytearray(_DATA)
    struct.pack_into("<i", body, _ID, technique.number)
    for offset in _POINTS:
        struct.pack_into("<i", body, offset, len(recorded.rows))
    when = time.localtime(recorded.unix_s) if local else time.gmtime(recorded.unix_s)
    struct.pack_into("<6i", body, _DATE, *when[:6])
    for name, offset in _PARAMETERS.items():
        struct.pack_into("<f", body, offset, recorded.values.get(name, 0.0))
    return head + bytes(body) + b"".join(_point(technique.short, row) for row in recorded.rows)


def _text(text: str) -> bytes:
    data = text.encode("ascii")
    return struct.pack("<I", len(data)) + data


def _point(short: str, row: tuple[float, ...]) -> bytes:
    """Return one point: impedance has frequency twice and both parts, everything else its measured value alone."""
    if short == "IMP":
        frequency_hz, real_ohm, imaginary_ohm = row[:3]
        return struct.pack("<4f", frequency_hz, frequency_hz, real_ohm, imaginary_ohm)
    return struct.pack("<f", row[-1])
