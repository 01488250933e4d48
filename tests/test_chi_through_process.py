"""The CHI660E driver against the simulated program, each started as a process of its own, joined by files alone."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest

from drivers.chi660e import binfile
from drivers.errors import (
    Hung,
    Incomplete,
    InstrumentLinkFailed,
    MacroRefused,
    MeasurementFailed,
    WrongFile,
)
from drivers.interfaces import Spectrum, Trace
from protocols.techniques import Impedance, OpenCircuit, Technique
from tests.chi_simulated import WHOLE_OHM, Simulated

OCV = OpenCircuit(2.0, 0.1)


def test_spectrum_of_the_programs_own_cell(tmp_path: Path) -> None:
    """Series resistance at the top, the sum of both at the bottom, a capacitor's sign between."""
    found = Simulated(tmp_path).measure(Impedance(1e6, 0.1))
    assert isinstance(found.result, Spectrum)
    assert len(found.result.frequency_hz) == 84
    assert found.result.frequency_hz[0] == pytest.approx(8.252e5)
    assert found.result.impedance_ohm[0].real == pytest.approx(3.0, abs=0.2)
    assert found.result.impedance_ohm[-1].real == pytest.approx(WHOLE_OHM, rel=0.02)
    assert min(z.imag for z in found.result.impedance_ohm) == pytest.approx(-22.5, rel=0.05)
    assert found.result.bias_v == pytest.approx(0.0, abs=1e-3)
    assert {path.suffix for path in found.files} == {".mcr", ".txt", ".bin"}


@pytest.mark.parametrize("single", [True, False])
def test_spectrum_in_both_modes(tmp_path: Path, single: bool) -> None:
    """Point by point and in FT mode, down from 100 kHz."""
    found = Simulated(tmp_path, single_frequency=single).measure(Impedance(1e5, 1.0, bias_v=0.0))
    assert isinstance(found.result, Spectrum)
    assert len(found.result.frequency_hz) == (61 if single else 60)


def test_open_circuit_is_watched(tmp_path: Path) -> None:
    """A row every interval, no current, and the binary file says the same with more digits."""
    found = Simulated(tmp_path).measure(OCV)
    assert isinstance(found.result, Trace)
    assert found.result.time_s == pytest.approx([n / 10 for n in range(1, 21)])
    assert all(map(math.isnan, found.result.current_a))
    (data,) = (path.read_bytes() for path in found.files if path.suffix == ".bin")
    assert [row[0] for row in binfile.read(data).rows] == pytest.approx(found.result.voltage_v, abs=1e-4)


@pytest.mark.parametrize(
    "text",
    [
        'separator = "\\t"',
        'separator = " "',
        "figures = 10",
        'line_end = "\\n"',
        'chinese = true\nencoding = "gbk"',
        'chinese = true\nencoding = "utf-8-sig"',
        "results = false",
    ],
)
def test_every_text_format_of_the_program_is_read(tmp_path: Path, text: str) -> None:
    """What nobody can ask the program for is found in its files."""
    simulated = Simulated(tmp_path, f"[text]\n{text}")
    assert len(simulated.trace(OCV).time_s) == 20
    assert isinstance(simulated.measure(Impedance(1e4, 1.0), "j2").result, Spectrum)


def test_three_columns_are_a_spectrum(tmp_path: Path) -> None:
    """Frequency and two parts are enough."""
    found = Simulated(tmp_path, "[text]\nthree_columns = true").measure(Impedance(1e4, 1.0))
    assert isinstance(found.result, Spectrum)


@pytest.mark.parametrize(
    ("configuration", "technique", "error"),
    [
        ("[faults]\nlink_failed = true", OCV, InstrumentLinkFailed),
        ('version = "old"', OCV, MacroRefused),
        ("[faults]\nhalf_file = true", OCV, Incomplete),
        ("[faults]\nstale_file = true", OCV, Incomplete),
        ("[faults]\nwrong_technique = true", OCV, WrongFile),
        ("[faults]\nwrong_header = true", OCV, WrongFile),
        ("[faults]\ndisk_full = true", OCV, MeasurementFailed),
        ('[faults]\ncrash = "start"', OCV, Incomplete),
        ('[faults]\ncrash = "run"', OCV, Incomplete),
        ("[text]\nmemo = false", OCV, WrongFile),
        ("[text]\nnumeric = false", OCV, Incomplete),
        ("top_hz = 1e5", Impedance(1e6, 1.0), WrongFile),
        ("rest_v = 2.0", OpenCircuit(2.0, 0.1, high_v=1.0), MeasurementFailed),
    ],
)
def test_fault_of_the_program_is_no_result(
    tmp_path: Path, configuration: str, technique: Technique, error: type[MeasurementFailed]
) -> None:
    """Every way in which the program fails is an error of its kind, and its files are kept."""
    with pytest.raises(error):
        Simulated(tmp_path, configuration).measure(technique)
    assert (tmp_path / "jobs" / "j1" / "j1.mcr").is_file()


@pytest.mark.parametrize("fault", ['hang = "start"', 'hang = "run"', 'hang = "end"', "comm_loss = true"])
def test_program_that_hangs_has_a_deadline(tmp_path: Path, fault: str) -> None:
    """Whenever it hangs, it is ended, and what the cell sees is not known."""
    quick = {"start_timeout_s": 0.5, "deadline_margin_s": 0.1, "seconds_per_frequency": 0}
    simulated = Simulated(tmp_path, f"[faults]\n{fault}", **quick)
    with pytest.raises(Hung):
        simulated.measure(Impedance(1e5, 1e4, quiet_s=0.0))


def test_slow_file_is_waited_for(tmp_path: Path) -> None:
    """A file that grows in pieces is read when it is whole."""
    assert len(Simulated(tmp_path, "[faults]\nslow_file_s = 0.3").trace(OCV).time_s) == 20


def test_every_second_point_keeps_its_time(tmp_path: Path) -> None:
    """The program can be told to save every n-th point; those saved are where they were measured."""
    found = Simulated(tmp_path, "[text]\nevery = 2").trace(OCV)
    assert len(found.time_s) == 10
    assert all(round(each * 10) == pytest.approx(each * 10) for each in found.time_s)


def test_channel_of_a_multiplexer_is_in_the_header(tmp_path: Path) -> None:
    """The program connects the channel before it measures, and its file says which."""
    simulated = Simulated(tmp_path, 'cells = ["rc", "rc"]', chi684_channels=8)
    found = asyncio.run(simulated.instrument.measure(Impedance(1e4, 1.0), "j1", port=2))
    assert isinstance(found.result, Spectrum)
    assert b"Header: j1 ch2" in (tmp_path / "jobs" / "j1" / "j1.txt").read_bytes()
