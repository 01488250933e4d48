"""Programs of the field open what was exported, and read what the store has (``tests.readers`` makes them ready)."""

from __future__ import annotations

import contextlib
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # pandas has no types
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from impedance.preprocessing import readCHInstruments, readCSV  # type: ignore[import-untyped]  # it has no types

from drivers.chi660e.textfile import read
from orchestrator.export.spectra_files import chi_text
from orchestrator.store import Store
from orchestrator.tables.bdf_terms import TERMS
from orchestrator.tables.impedance_table import impedance_table
from orchestrator.tables.run_data import RunData
from orchestrator.tables.sample_table import sample_table
from tests.export_rig import add_spectrum, exported, made
from tests.readers import read_by

_POINT = ("frequency_hz", "z_real_ohm", "z_imag_ohm")
_COLUMNS = {
    "Test Time / s": "test_time_s",
    "Voltage / V": "voltage_v",
    "Current / A": "current_a",
    "Cycle Count / 1": "cycle",
    "Step Count / 1": "step_count",
    "Unix Time / s": "unix_time_s",
    "Step Cumulative Capacity / Ah": "capacity_ah",
    "Step Cumulative Energy / Wh": "energy_wh",
}


@pytest.mark.reader("batterydf")
def test_batterydf_accepts_every_bdf_export_without_a_warning(store: Store, tmp_path: Path) -> None:
    """The released reader, warnings made errors, knows all columns but the newer terms of 1.3.0 and ours."""
    run_id = made(store)
    files = [exported(store, run_id, name, tmp_path).files[0] for name in ("bdf-csv", "bdf-parquet")]
    stored = sample_table(store, run_id)
    for ending, told in read_by("batterydf", *files).items():
        assert (told["ok"], told["missing"], told["legacy"], told["is_ordered"]) == (True, [], [], True)
        newer = {term.label for term in TERMS} - set(told["known"])
        own = set() if ending == ".csv" else {"run_id", "test", "sequence", "simulated"}
        assert set(told["extras"]) <= newer | own
        assert "Non-monotonic" not in told["said"]
        for label, name in _COLUMNS.items():
            assert told["types"][label] == ("int64" if name in {"cycle", "step_count"} else "float64")
            assert told["columns"][label] == stored[name].to_list()


@pytest.mark.reader("duckdb")
def test_duckdb_reads_text_and_parquet(store: Store, tmp_path: Path) -> None:
    """Types, signs, cycles and words are those of the store, from both files."""
    run_id = made(store)
    files = [exported(store, run_id, name, tmp_path).files[0] for name in ("bdf-parquet", "bdf-csv")]
    stored = sample_table(store, run_id).sort("test_time_s", "step_count", maintain_order=True)
    told = read_by("duckdb", *files)
    for columns in told.values():
        for values, name in zip(
            columns, ("test_time_s", "voltage_v", "current_a", "cycle", "capacity_ah"), strict=False
        ):
            assert values == stored[name].to_list()
        assert set(columns[5]) == {"CC_CHG", "CC_DCH", "REST"}


@pytest.mark.reader("navani")
def test_navani_reads_a_run_that_was_not_interrupted(store: Store, tmp_path: Path) -> None:
    """Voltage, current with its sign, time and charge of each half agree, by navani's own integral of the current.

    It integrates across a gap as well: ``docs/export.md`` says so.
    """
    run_id = made(store, ())
    stored = sample_table(store, run_id)
    told = read_by("navani", exported(store, run_id, "bdf-csv", tmp_path).files[0])
    assert told["time_s"] == stored["test_time_s"].to_list()
    assert told["voltage_v"] == stored["voltage_v"].to_list()
    assert told["current_ma"] == pytest.approx((stored["current_a"] * 1e3).to_list())
    half = stored.filter((pl.col("cycle") == 2) & (pl.col("mode") == "dc"))
    mine = np.array(stored["step_count"] == half["step_count"][0])
    charge_mah = np.array(told["capacity_mah"])[mine]
    assert charge_mah[-1] - charge_mah[0] == pytest.approx(half["capacity_ah"][-1] * 1e3)
    # The contact checks before the first cycle and behind the spectrum, a pulse each way, are cycles to navani.
    checks = 2
    assert told["full_cycles"] - checks == stored["cycle"].max() == 5


@pytest.mark.reader("pyprobe")
def test_pyprobe_finds_the_cycles_and_their_charge(store: Store, tmp_path: Path) -> None:
    """Five cycles, each with the charge of the store although one was cut twice; from the vendor's columns the rows."""
    run_id, whole = made(store), made(store, ())
    folder = exported(store, run_id, "pyprobe", tmp_path).files[0].parent
    told = read_by("pyprobe", folder, exported(store, whole, "neware-csv", tmp_path).files[0])
    for columns, table in (
        (told["columns"], sample_table(store, run_id)),
        (told["neware"], sample_table(store, whole)),
    ):
        for name in ("test_time_s", "voltage_v", "current_a"):
            assert columns[name.removeprefix("test_")] == pytest.approx(table[name].to_list())
    stored = sample_table(store, run_id)
    assert told["events"] == stored["step_count"].max()
    cycles = [cycle for found in told["cycles"].values() for cycle in found]
    passed = [(cycle.charge_capacity_ah, cycle.discharge_capacity_ah) for cycle in RunData(store, run_id).cycles]
    assert len(cycles) == len(passed) == 5
    # PyProBE takes the checks between the parts of a cut step for parts of it: 1.4 uAh each way.
    assert np.array(cycles) == pytest.approx(np.array(passed), abs=3e-6)
    assert sum(told["rows"].values()) == stored.height
    # As much was charged as was taken, but for what a check that was made again and its step have passed.
    assert told["neware"]["net_ah"][-1] == pytest.approx(told["neware"]["net_ah"][0], abs=1e-9)
    assert told["name"] == "made"


@pytest.mark.reader("cellpy")
def test_cellpy_finds_the_charge_of_each_cycle(store: Store, tmp_path: Path) -> None:
    """From the vendor's columns: time, voltage, current and cycles agree, and the charge of each cycle is the store's.

    Checks that were made again, 1.4 uAh each way, count with a cycle of the store and not always with one of cellpy.
    """
    run_id = made(store)
    stored = sample_table(store, run_id)
    told = read_by("cellpy", exported(store, run_id, "neware-csv", tmp_path).files[0])
    assert told["time_s"] == pytest.approx(stored["test_time_s"].to_list())
    assert told["voltage_v"] == stored["voltage_v"].to_list()
    assert told["current_ma"] == pytest.approx((stored["current_a"] * 1e3).to_list())
    assert told["cycle"] == stored["cycle"].to_list()
    passed = [
        (cycle.cycle, (cycle.charge_capacity_ah or 0.0) * 1e3, (cycle.discharge_capacity_ah or 0.0) * 1e3)
        for cycle in RunData(store, run_id).cycles
    ]
    assert np.array(told["cycles"]) == pytest.approx(np.array(passed), abs=3e-3)


def test_pandas_reads_text_with_its_types(store: Store, tmp_path: Path) -> None:
    """Every number is a number, blanks are NaN, and no row is shifted."""
    run_id = made(store)
    stored = sample_table(store, run_id)
    table = pd.read_csv(exported(store, run_id, "csv", tmp_path).files[0])
    for name in ("test_time_s", "unix_time_s", "cycle", "step_count", "voltage_v", "current_a", "capacity_ah"):
        assert table[name].tolist() == stored[name].to_list()
    assert table["mode"].tolist() == stored["mode"].to_list()
    assert table["temperature_degc"].isna().all()
    sheet = pd.read_excel(exported(store, run_id, "xlsx", tmp_path).files[0], sheet_name="records")
    for name in ("test_time_s", "voltage_v", "capacity_ah"):
        assert sheet[name].tolist() == pytest.approx(stored[name].to_list(), rel=1e-15)
    assert sheet["cycle"].tolist() == stored["cycle"].to_list()


def test_impedance_reads_every_point_of_both_formats(store: Store, tmp_path: Path) -> None:
    """All frequencies, the first and the last too, with the sign of the imaginary part (the highest was lost)."""
    run_id = made(store)
    add_spectrum(store, run_id)
    table = impedance_table(store, run_id)
    stored_ohm = table["z_real_ohm"].to_numpy() + 1j * table["z_imag_ohm"].to_numpy()
    for reader, name in ((readCSV, "impedance-csv"), (readCHInstruments, "chi-txt")):
        frequency_hz, impedance_ohm = reader(str(exported(store, run_id, name, tmp_path).files[0]))
        assert frequency_hz.tolist() == table["frequency_hz"].to_list()
        assert impedance_ohm.tolist() == stored_ohm.tolist()


def test_lines_of_the_page_read_what_was_exported(store: Store, tmp_path: Path) -> None:
    """Each line for Python in ``docs/export.md`` runs beside the files that it names, if its program is here."""
    run_id = made(store)
    add_spectrum(store, run_id)
    for name in ("bdf-parquet", "impedance-csv", "pyprobe"):
        exported(store, run_id, name, tmp_path)
    page = (Path(__file__).parent.parent / "docs" / "export.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 6
    needed = [re.findall(r"^(?:import|from) (\w+)", block, re.MULTILINE) for block in blocks]
    run = [block for block, names in zip(blocks, needed, strict=True) if all(map(find_spec, names))]
    assert len(run) >= 3
    with contextlib.chdir(tmp_path):
        for block in run:
            values: dict[str, Any] = {}
            exec(block, values)  # noqa: S102 - the page of ours
            if "frame" in values:
                assert len(values["frame"]) == sample_table(store, run_id).height


_OHM = st.floats(-1e6, 1e6, allow_nan=False).filter(lambda ohm: abs(ohm) > 1e-9)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(points=st.lists(st.tuples(st.floats(1e-3, 1e6), _OHM, _OHM), min_size=2, max_size=12))
def test_any_spectrum_is_read_from_chi_text(tmp_path: Path, points: list[tuple[float, float, float]]) -> None:
    """However many digits the last number has: the driver took a last line of fewer for one that was cut off."""
    table = pl.DataFrame(points, schema=list(_POINT), orient="row").with_columns(
        unix_time_s=pl.lit(1767571200.0), bias_v=pl.lit(0.0), amplitude_v=pl.lit(0.01)
    )
    path = tmp_path / "a.txt"
    path.write_text(chi_text(table, "made"), encoding="utf-8", newline="")
    assert [row[:3] for row in read(path.read_bytes()).rows] == points
    frequency_hz, impedance_ohm = readCHInstruments(str(path))
    assert frequency_hz.tolist() == [point[0] for point in points]
    assert impedance_ohm.tolist() == [complex(*point[1:]) for point in points]


def test_chi_text_is_read_by_the_driver_of_the_instrument(store: Store, tmp_path: Path) -> None:
    """Our own reader of the vendor's text takes it as well: header, technique and all points."""
    run_id = made(store)
    add_spectrum(store, run_id)
    file = read(exported(store, run_id, "chi-txt", tmp_path).files[0].read_bytes())
    assert [row[:3] for row in file.rows] == impedance_table(store, run_id).select(_POINT).rows()
