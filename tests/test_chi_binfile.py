"""The program's binary file, as far as bytes of sister models show it (reference chi660e, section 10)."""

from __future__ import annotations

import struct
from contextlib import suppress
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.chi660e import binfile
from drivers.errors import Incomplete, WrongFile


def text(value: bytes) -> bytes:
    """Write a text after its length."""
    return struct.pack("<I", len(value)) + value


def built(technique_id: int, values: list[float], width: int = 1, points: int | None = None) -> bytes:
    """Build a file by the reference's table of offsets."""
    body = bytearray(1616)
    points = len(values) // width if points is None else points
    struct.pack_into("<i", body, 520, technique_id)
    struct.pack_into("<i4xi", body, 540, points, points)
    struct.pack_into("<6i", body, 552, 2025, 3, 4, 14, 2, 55)
    struct.pack_into("<6f", body, 1016, 0.1, 0.2, 0.5, -0.5, 0.05, 0.004)
    struct.pack_into("<f", body, 1104, 1e5)
    head = struct.pack("<I", 0x001DF280) + text(b"IMP") + text(b"A.C. Impedance") + bytes(28) + text(b"S1234")
    return head + bytes(body) + struct.pack(f"<{len(values)}f", *values)


SPECTRUM = built(14, [1e5, 1e5, 100.0, -1.5, 1e4, 1e4, 101.0, -2.5], width=4)


def test_spectrum_has_four_values_a_point() -> None:
    """Frequency twice and the two parts of the impedance, with the parameters before them."""
    file = binfile.read(SPECTRUM)
    assert (file.technique, file.title, file.serial_number) == ("IMP", "A.C. Impedance", "S1234")
    assert file.rows == ((1e5, 1e5, 100.0, -1.5), (1e4, 1e4, 101.0, -2.5))
    assert file.saved == datetime(2025, 3, 4, 14, 2, 55)  # noqa: DTZ001 -- as the PC's clock shows it
    assert file.parameters["el"] == -0.5
    assert file.parameters["fh"] == 1e5


def test_trace_has_one_value_a_point() -> None:
    """Seven digits, where the text has four."""
    assert binfile.read(built(26, [3.214159, 3.214158])).rows[0][0] == pytest.approx(3.214159, abs=1e-6)


def test_more_points_than_a_measurement_makes_are_refused() -> None:
    """The number of points is judged before room is made for them."""
    with pytest.raises(WrongFile, match="speaks of 2147483647 points"):
        binfile.read(built(26, [1.0], points=2**31 - 1))


@given(st.integers(0, len(SPECTRUM) - 1))
def test_cut_file_is_incomplete(end: int) -> None:
    """Wherever it is cut."""
    with pytest.raises(Incomplete):
        binfile.read(SPECTRUM[:end])


@pytest.mark.parametrize(
    "data",
    [
        b"Mar. 4, 2025",
        built(99, [1.0]),
        built(26, [], points=-1),
        built(26, [float("nan")]),
        SPECTRUM.replace(text(b"IMP"), struct.pack("<I", 0x7FFFFFFF) + b"IMP"),
        SPECTRUM.replace(struct.pack("<6i", 2025, 3, 4, 14, 2, 55), struct.pack("<6i", 2025, 13, 4, 14, 2, 55)),
    ],
)
def test_file_of_something_else_is_refused(data: bytes) -> None:
    """Another beginning, technique, count, value, name or date."""
    with pytest.raises(WrongFile):
        binfile.read(data)


@given(st.integers(0, len(SPECTRUM) - 1), st.integers(0, 255))
def test_spoiled_byte_raises_nothing_else(at: int, value: int) -> None:
    """One byte changed anywhere is read or refused."""
    spoiled = bytearray(SPECTRUM)
    spoiled[at] = value
    with suppress(Incomplete, WrongFile):
        assert binfile.read(bytes(spoiled)).rows
