"""The bytes of a package's zip between its files: each follows from the manifest, so that none can change unseen.

Files are stored, not packed again, in the order of the manifest, without dates (1980-01-01, as zips begin to count);
every program that knows zips reads them. Sizes above 4 GB are written as ZIP64 (PKWARE's APPNOTE, 4.3 and 4.5.3).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.packaging.manifest import FileFacts

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_UTF8, _STORED, _NO_TIME, _FIRST_DAY = 0x800, 0, 0, 0x21
_UNIX, _PLAIN_FILE = 3 << 8, 0o100644 << 16
_VERSION, _VERSION_64 = 20, 45
_MOST_32, _MOST_16 = 0xFFFFFFFF, 0xFFFF
LOCAL_BYTES = _LOCAL.size
"""Bytes of the header in front of a file, without its name."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a zip: the bytes that must stand there, or (None) the ones of a file; ``what`` names it."""

    offset: int
    size_bytes: int
    what: str
    data: bytes | None
    file: FileFacts | None = None


def layout(files: Sequence[FileFacts]) -> Iterator[Piece]:
    """Yield the pieces of the zip of these files, from its first byte to its last."""
    at = 0
    central = []
    for file in files:
        central.append(_central(file, at))
        head = _local(file)
        yield Piece(at, len(head), f"the zip's header of {file.path}", head, file)
        at += len(head)
        yield Piece(at, file.size_bytes, file.path, None, file)
        at += file.size_bytes
    begin = at
    for file, record in zip(files, central, strict=True):
        yield Piece(at, len(record), f"the zip's directory, its entry of {file.path}", record, file)
        at += len(record)
    end = _end(len(files), begin, at - begin)
    yield Piece(at, len(end), "the end of the zip's directory", end)


def _local(file: FileFacts) -> bytes:
    name = file.path.encode()
    is_large = file.size_bytes >= _MOST_32
    extra = struct.pack("<2H2Q", 1, 16, file.size_bytes, file.size_bytes) if is_large else b""
    size = _MOST_32 if is_large else file.size_bytes
    version = _VERSION_64 if is_large else _VERSION
    head = (b"PK\3\4", version, _UTF8, _STORED, _NO_TIME, _FIRST_DAY, file.crc32, size, size, len(name), len(extra))
    return _LOCAL.pack(*head) + name + extra


def _central(file: FileFacts, offset: int) -> bytes:
    name = file.path.encode()
    is_large, is_far = file.size_bytes >= _MOST_32, offset >= _MOST_32
    values = [file.size_bytes] * 2 * is_large + [offset] * is_far
    extra = struct.pack(f"<2H{len(values)}Q", 1, 8 * len(values), *values) if values else b""
    version = _VERSION_64 if values else _VERSION
    size = _MOST_32 if is_large else file.size_bytes
    first = (b"PK\1\2", _UNIX | version, version, _UTF8, _STORED, _NO_TIME, _FIRST_DAY, file.crc32, size, size)
    rest = (len(name), len(extra), 0, 0, 0, _PLAIN_FILE, _MOST_32 if is_far else offset)
    return _CENTRAL.pack(*first, *rest) + name + extra


def _end(count: int, begin: int, size: int) -> bytes:
    plain = _END.pack(
        b"PK\5\6", 0, 0, min(count, _MOST_16), min(count, _MOST_16), min(size, _MOST_32), min(begin, _MOST_32), 0
    )
    if count < _MOST_16 and size < _MOST_32 and begin < _MOST_32:
        return plain
    large = _END_64.pack(
        b"PK\6\6", _END_64.size - 12, _UNIX | _VERSION_64, _VERSION_64, 0, 0, count, count, size, begin
    )
    return large + _LOCATOR_64.pack(b"PK\6\7", 0, begin + size, 1) + plain


def manifest_sizes(head: bytes, tail: bytes, name: str) -> list[int]:
    """Return what the header in front of the first file, and the directory, say of its size; either may be damaged."""
    found = []
    if len(head) >= _LOCAL.size:
        found.append(_LOCAL.unpack_from(head)[8])
    at = tail.find(b"PK\1\2")
    while at >= 0 and at + _CENTRAL.size + len(name) <= len(tail):
        if tail[at + _CENTRAL.size :].startswith(name.encode()):
            found.append(_CENTRAL.unpack_from(tail, at)[9])
        at = tail.find(b"PK\1\2", at + 1)
    return found
