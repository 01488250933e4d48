"""What the simulated CHI660E writes: grids, numbers, text files to the byte, ``.bin`` files by their layout."""

from __future__ import annotations

import itertools
import struct
from calendar import timegm
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.chi660e.binfile import binary_of
from simulators.chi660e.galvanic import measure_current_steps, measure_two_currents
from simulators.chi660e.grids import fourier_hz, seconds_at, single_frequency_hz
from simulators.chi660e.impedance import measure_impedance, measure_open_circuit
from simulators.chi660e.instrument import Run
from simulators.chi660e.instrument_link import OwnLink
from simulators.chi660e.number_format import decimal, exponent, parameter
from simulators.chi660e.parameters import Parameters
from simulators.chi660e.potentials import MEASURES
from simulators.chi660e.records import TECHNIQUES, Recorded
from simulators.chi660e.settings import Settings, TextFormat, Timing
from simulators.chi660e.textfile import Memo, text_of
from tests.transcripts import FOLDER

FAST = Settings(speed=1e7)


# Grids ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low_hz", "high_hz", "count", "top_hz"),
    [(0.1, 1e5, 73, 99_609.375), (0.01, 1e5, 85, 99_609.375), (0.1, 1e6, 84, 825_195.3125)],
)
def test_single_frequency_grid_has_the_rows_of_real_files(
    low_hz: float, high_hz: float, count: int, top_hz: float
) -> None:
    """Counts and first frequencies as seen on a real 660E (8, 8.1)."""
    grid = single_frequency_hz(low_hz, high_hz)
    assert len(grid) == count
    assert grid[0] == top_hz
    assert grid[-1] == pytest.approx(low_hz)


def test_single_frequency_grid_follows_its_lists() -> None:
    """A few points worked out by hand from the table: bins in each decade, exact twelfths below 100 Hz."""
    grid = single_frequency_hz(0.1, 1e6)
    assert grid[0] == 1690 * 488.28125
    assert grid[12] == 1690 * 48.828125
    assert grid[36:48] == [m * 4.8828125 for m in (169, 140, 115, 95, 78, 65, 53, 44, 36, 30, 25, 20)]
    assert " ".join(f"{hz:.2f}" for hz in grid[48:60]) == (
        "82.54 68.13 56.23 46.42 38.31 31.62 26.10 21.54 17.78 14.68 12.12 10.00"
    )


def test_fourier_grid() -> None:
    """60 points from 1e5 to 1 Hz, the first at 96.68 kHz, whatever fh above 1e5 was asked for (8.2)."""
    grid = fourier_hz(1.0, 1e5)
    assert len(grid) == 60
    assert grid[0] == pytest.approx(96_679.6875)
    assert fourier_hz(1.0, 1e6) == grid


@given(st.floats(1e-5, 1e5), st.floats(1e-4, 3e6))
def test_every_grid_falls_and_stays_within_its_ends(low_hz: float, high_hz: float) -> None:
    """Whatever is asked, frequencies fall strictly and none lies outside."""
    for grid in (single_frequency_hz(low_hz, high_hz), fourier_hz(low_hz, high_hz)):
        assert all(a > b for a, b in itertools.pairwise(grid))
        assert all(low_hz * (1 - 1e-6) <= hz <= high_hz * (1 + 1e-6) for hz in grid)


@pytest.mark.parametrize(("low_hz", "least_s"), [(0.1, 57.0), (0.01, 9.5 * 60)])
def test_a_sweep_takes_at_least_its_periods(low_hz: float, least_s: float) -> None:
    """57 s for 0.1 Hz, 9.5 minutes for 0.01 Hz with one cycle a point (8.4), and more with more cycles."""
    bare = Timing(point_s=0.0)
    grid = single_frequency_hz(low_hz, 1e5)
    assert sum(seconds_at(hz, {}, bare) for hz in grid) == pytest.approx(least_s, rel=0.02)
    assert seconds_at(0.5, {"cl2": 3.0}, bare) == pytest.approx(6.0)
    assert seconds_at(50.0, {"cl1": 3.0}, bare) == pytest.approx(0.02)


# Numbers -------------------------------------------------------------------------------------------------------


def test_numbers_as_the_reference_prints_them() -> None:
    """No padding of exponents, plain decimals for swept potentials, short forms for parameters (9.3)."""
    assert [exponent(v) for v in (98.91, 0.1, 0.0, -1.25e-10)] == ["9.891e+1", "1.000e-1", "0.000e+0", "-1.250e-10"]
    assert exponent(3.7001234, 8) == "3.7001234e+0"
    assert [decimal(v) for v in (0.001, -0.5, 0.0, -1e-9)] == ["0.001", "-0.5", "0", "0"]
    shown = [parameter(v) for v in (2e6, 0.025, 1e-5, 5e-4, 3600.0, -0.5, 0.0, 13.0)]
    assert shown == ["2e+6", "0.025", "1e-5", "5e-4", "3600", "-0.5", "0", "13"]


@given(st.floats(-1e12, 1e12))
def test_four_figures_lose_half_a_unit_of_the_fourth(value: float) -> None:
    """Python reads back what is written, to 4 figures."""
    assert float(exponent(value)) == pytest.approx(value, rel=5.001e-4, abs=1e-300)


# Text files ----------------------------------------------------------------------------------------------------


def parameters(technique: str, modes: Sequence[str] = (), **values: float) -> Parameters:
    """Give a dialog filled in."""
    filled = Parameters(technique)
    for name in modes:
        filled.set(name, None)
    for name, value in values.items():
        filled.set(name, value)
    return filled


def measured(name: str) -> Recorded:
    """Measure what the golden file of this name shows, on a resistance and capacitance."""
    steps = {"is1": 5e-4, "st1": 3600.0, "is2": -5e-4, "st2": 3600.0}
    limits = {"eh": 0.5, "el": -0.5}
    levels = {"ic": 5e-4, "ia": 5e-4, "tc": 3600.0, "ta": 3600.0}
    quick = replace(FAST, most_points=10)
    measure, filled = {
        "ocpt": (measure_open_circuit, parameters("ocpt", eh=5.0, el=-1.0, si=0.1, st=400.0)),
        "cv": (MEASURES["cv"], parameters("cv", (), ei=0.0, **limits, v=0.1, cl=2.0, si=0.001, qt=2.0, sens=1e-4)),
        "i-t": (MEASURES["i-t"], parameters("i-t", ei=0.1, si=0.1, st=10.0, qt=2.0, sens=1e-4)),
        "cp": (measure_two_currents, parameters("cp", ("priot",), **levels, **limits, si=1.0, cl=20.0)),
        "istep": (measure_current_steps, parameters("istep", (), **steps, **limits, si=1.0, cl=10.0)),
        "imp": (measure_impedance, parameters("imp", ("impsf",), ei=0.0, fh=1e6, fl=0.1, amp=0.01, qt=2.0)),
    }[name]
    filled.choose("pn", "n" if name == "cp" else "p")
    return measure(Run(OwnLink(quick), filled, quick, dummy=False))


@pytest.mark.parametrize("name", ["ocpt", "cv", "i-t", "cp", "istep", "imp"])
def test_text_file_is_the_references_byte_for_byte(name: str) -> None:
    """Our parameter lines with the golden file's own numbers give the golden file (9.5)."""
    golden = (FOLDER / f"chi660e-{name}.golden").read_bytes()
    lines = golden.decode("ascii").split("\r\n")
    heads = next(n for n, line in enumerate(lines) if "/" in line and ", " in line and not line.startswith("File"))
    first = heads - 1
    rows = tuple(tuple(float(cell) for cell in line.split(",")) for line in lines[heads + 2 :] if line)
    results = tuple(lines[lines.index("Results:") : first]) if "Results:" in lines else ()
    hour, minute, second = (int(part) for part in lines[0][-8:].split(":"))
    given_rows = replace(
        measured(name),
        rows=rows,
        results=results,
        dummy=name == "i-t",
        unix_s=timegm((2025, 3, 4, hour, minute, second)),
    )
    memo = Memo(lines[1], lines[2].removeprefix("File: "), lines[5].removeprefix("Header: "), "", local=False)
    assert memo.technique == TECHNIQUES[name].name
    assert text_of(given_rows, memo, TextFormat()).encode("ascii") == golden


ONE_POINT = Recorded(TECHNIQUES["imp"], ("Init E (V) = 0",), ((10.0, 1.23456789, -2.0, 2.35, -58.28),))
MEMO = Memo("A.C. Impedance", None, "j", "n", local=False)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (TextFormat(memo=False, parameters=False, separator="\t"), "1.000e+1\t1.235e+0\t-2.000e+0\t2.350e+0\t-58.3"),
        (TextFormat(memo=False, figures=8), "1.0000000e+1, 1.2345679e+0, -2.0000000e+0, 2.3500000e+0, -58.3"),
        (TextFormat(three_columns=True), "1.000e+1, 1.235e+0, -2.000e+0"),
    ],
)
def test_layout_follows_the_dialogs_settings(form: TextFormat, expected: str) -> None:
    """Separator, figures and columns are settings that no macro reaches (9.1)."""
    lines = text_of(ONE_POINT, MEMO, form).split("\r\n")
    assert lines[-2] == expected
    assert lines[-4].startswith(f"Freq/Hz{form.separator}Z'/ohm")
    assert ("A.C. Impedance" in lines) == form.memo
    assert ("Init E (V) = 0" in lines) == form.parameters


def test_blocks_can_be_left_out() -> None:
    """Without numeric data the head alone remains, and data never saved says so."""
    text = text_of(ONE_POINT, MEMO, TextFormat(numeric=False))
    assert "Freq/Hz" not in text
    assert "File: (run unsaved)\r\n" in text


# .bin files ----------------------------------------------------------------------------------------------------


def bin_text(data: bytes, at: int) -> tuple[str, int]:
    """Read a counted string and give where it ends."""
    (length,) = struct.unpack_from("<I", data, at)
    return data[at + 4 : at + 4 + length].decode("ascii"), at + 4 + length


def test_binary_file_has_the_layout_of_the_vendors_samples() -> None:
    """Magic, names, serial number, technique id, count, date, parameters and float32 points where they belong (10)."""
    recorded = replace(measured("imp"), unix_s=timegm((2025, 3, 4, 14, 2, 55)))
    data = binary_of(recorded, "SN1", local=False)
    assert struct.unpack_from("<I", data) == (0x001DF280,)
    short, at = bin_text(data, 4)
    name, at = bin_text(data, at)
    serial, base = bin_text(data, at + 28)
    assert (short, name, serial) == ("IMP", "A.C. Impedance", "SN1")
    assert struct.unpack_from("<i", data, base + 520) == (14,)
    assert struct.unpack_from("<i", data, base + 540) == struct.unpack_from("<i", data, base + 548) == (84,)
    assert struct.unpack_from("<6i", data, base + 552) == (2025, 3, 4, 14, 2, 55)
    assert struct.unpack_from("<f", data, base + 1100)[0] == pytest.approx(0.1)
    assert struct.unpack_from("<f", data, base + 1104) == (1e6,)
    assert struct.unpack_from("<f", data, base + 1080)[0] == pytest.approx(0.01)
    points = list(struct.iter_unpack("<4f", data[base + 1616 :]))
    assert len(points) == 84
    for (_, hz, real, imaginary), row in zip(points, recorded.rows, strict=True):
        assert (hz, real, imaginary) == pytest.approx(row[:3], rel=1e-6)


def test_binary_file_of_a_potential_holds_one_number_a_point() -> None:
    """OCPT: potentials only, the time is computed from the interval (10)."""
    data = binary_of(measured("ocpt"), "", local=False)
    assert data.endswith(struct.pack("<f", 0.0))
    assert len(data) == 4 + 4 + 4 + 4 + len("Open Circuit Potential - Time") + 28 + 4 + 1616 + 4 * 4000
