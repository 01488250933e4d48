"""Reads the program's binary file as far as bytes of sister models show it (reference chi660e, section 10).

Nothing of it is documented by the vendor, so no measurement rests on it: compare it with the text file of the same run
first. It is kept because it has seven digits where the text has four.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from drivers.errors import Incomplete, WrongFile

_MAGIC = 0x001DF280
_TEXT_MAX = 256
# Twice the program's most points, with four values each.
_POINTS_MAX = 2 * 262_144
_UNKNOWN = 28
# Offsets from the end of the serial number.
_TECHNIQUE_ID, _POINTS, _POINTS_AGAIN, _DATE = 520, 540, 548, 552
_DATA = 1616
_NAMES = (
    *(
        "ei",
        "ef",
        "eh",
        "el",
        "v",
        "incre",
        "pn",
        "cl",
        "si",
        None,
        "sens",
        "qt",
        "pw",
        "sw",
        "st",
        "prod",
        "amp",
        "freq",
    ),
    *(None, None, None, "fl", "fh"),
)
_FLOATS = {name: 1016 + 4 * n for n, name in enumerate(_NAMES) if name is not None}
_FLOATS |= {"ic": 1148, "ia": 1196, "tc": 1208, "ta": 1212}
# Values a point, by technique id: one for most, charge and current for BE, x, frequency, Z' and Z" for impedance.
_VALUES = {12: 2, 14: 4, 17: 4, 28: 4}
_KNOWN = frozenset(range(38)) | {41, 42, 43, 44}


@dataclass(frozen=True, slots=True)
class BinFile:
    """A binary file. ``rows`` hold one current or one potential a point, two for BE, four for impedance.

    ``saved`` is the PC's local time; ``parameters`` are by the macro's names, meaningless where the technique has none.
    """

    technique: str
    title: str
    serial_number: str
    technique_id: int
    saved: datetime
    parameters: Mapping[str, float]
    rows: tuple[tuple[float, ...], ...]


def read(data: bytes) -> BinFile:
    """Read a whole binary file. Raises WrongFile for another kind of file, Incomplete for one that is cut off."""
    if len(data) >= 4 and struct.unpack_from("<I", data)[0] != _MAGIC:
        raise WrongFile("the binary file does not begin like one of the program")
    try:
        technique, at = _text(data, 4)
        title, at = _text(data, at)
        serial, base = _text(data, at + _UNKNOWN)
        (technique_id,) = struct.unpack_from("<i", data, base + _TECHNIQUE_ID)
        (points,) = struct.unpack_from("<i", data, base + _POINTS)
        (again,) = struct.unpack_from("<i", data, base + _POINTS_AGAIN)
        date = struct.unpack_from("<6i", data, base + _DATE)
        parameters = {name: struct.unpack_from("<f", data, base + at)[0] for name, at in _FLOATS.items()}
        if technique_id not in _KNOWN or points < 1 or points != again:
            raise WrongFile(f"the binary file speaks of technique {technique_id} and of {points} or {again} points")
        if points > _POINTS_MAX:
            raise WrongFile(f"the binary file speaks of {points} points, more than any measurement makes")
        width = _VALUES.get(technique_id, 1)
        values = struct.unpack_from(f"<{points * width}f", data, base + _DATA)
    except struct.error as err:
        raise Incomplete("the binary file is cut off") from err
    if not all(map(math.isfinite, values)):
        raise WrongFile("the binary file holds values that are no numbers")
    try:
        saved = datetime(*date)  # noqa: DTZ001 -- the file does not tell the zone of the PC
    except ValueError as err:
        raise WrongFile(f"the binary file was saved at {date}, which is no time") from err
    rows = tuple(values[n : n + width] for n in range(0, len(values), width))
    return BinFile(technique, title, serial, technique_id, saved, MappingProxyType(parameters), rows)


def _text(data: bytes, at: int) -> tuple[str, int]:
    """Read a text after its length; return it with the offset after it."""
    (length,) = struct.unpack_from("<I", data, at)
    if length > _TEXT_MAX:
        raise WrongFile(f"the binary file holds a name of {length} bytes")
    (raw,) = struct.unpack_from(f"<{length}s", data, at + 4)
    return raw.decode("latin-1").rstrip("\0"), at + 4 + length
