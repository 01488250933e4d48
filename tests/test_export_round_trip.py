"""What was exported comes back as it is in the store, row for row and value for value."""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from orchestrator.store import Store
from orchestrator.tables.bdf import to_bdf
from orchestrator.tables.bdf_check import bdf_problems
from orchestrator.tables.columns import sample_schema
from orchestrator.tables.sample_table import sample_table
from orchestrator.tables.table_files import NotATable, read_table
from tests.changed_samples import CHANGES, PLACES, change
from tests.export_rig import exported, made
from tests.run_maker import CUTS_S

EXACT = ("csv", "bdf-csv", "bdf-parquet")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8)
@given(
    cuts_s=st.lists(st.integers(0, 3000), max_size=4),
    changes=CHANGES,
    places=PLACES,
)
def test_rows_come_back_exactly(
    store: Store, cuts_s: list[int], changes: list[tuple[str, object]], places: list[int]
) -> None:
    """Gaps, resumptions, several tests, lost records, missing and negative readings: all rows are back, in each format.

    What stays in a file of the Battery Data Format is finite, ordered and without blanks where BDF wants numbers.
    """
    run_id = made(store, tuple(cut / 10 for cut in cuts_s))
    change(store, run_id, changes, places)
    stored = sample_table(store, run_id)
    with tempfile.TemporaryDirectory() as folder:
        for name in EXACT:
            done = exported(store, run_id, name, Path(folder))
            assert_frame_equal(read_table(done.files[0]), stored, check_exact=True)
            assert not list(Path(folder).glob(".*"))
        bdf = pl.read_parquet(Path(folder) / f"{run_id}.bdf.parquet")
        assert bdf_problems(bdf, own=("run_id", "test", "sequence", "simulated")) == []
        as_text = pl.read_csv(Path(folder) / f"{run_id}.bdf.csv", schema=to_bdf(stored).schema)
        assert_frame_equal(as_text, bdf.select(as_text.columns), check_exact=True)


def test_workbook_comes_back(store: Store, tmp_path: Path) -> None:
    """Every cell is a number, a text or empty as in the store; Excel's files keep 16 digits of a number."""
    run_id = made(store)
    stored = sample_table(store, run_id)
    back = read_table(exported(store, run_id, "xlsx", tmp_path).files[0])
    assert dict(back.schema) == sample_schema()
    assert_frame_equal(back, stored, rel_tol=1e-15, abs_tol=0.0)


def test_fraction_after_many_whole_numbers_is_kept(store: Store, tmp_path: Path) -> None:
    """A column that begins with hundreds of whole numbers keeps its fractions in every format (a guess cut them)."""
    run_id = made(store, ())
    with store.transaction() as connection:
        connection.execute("UPDATE sample SET voltage_v = 3, temperature_degc = NULL")
        connection.execute("UPDATE sample SET voltage_v = 2.5, temperature_degc = 25.25 WHERE sequence > 300")
    for name in (*EXACT, "xlsx"):
        back = read_table(exported(store, run_id, name, tmp_path).files[0])
        assert set(back["voltage_v"]) == {3.0, 2.5}
        assert set(back["temperature_degc"].drop_nulls()) == {25.25}


@pytest.mark.parametrize("names", [{}, {"Voltage / V": "voltage_volt"}])
def test_bdf_of_others_is_read_with_labels_and_names(tmp_path: Path, names: dict[str, str]) -> None:
    """Headers are labels or machine names, also mixed, as batterydf leaves them; what the file does not say is null."""
    labels = ("Test Time / s", "Voltage / V", "Current / A", "Cycle Count / 1", "Step ID")
    header = [names.get(label, label) for label in labels]
    path = tmp_path / "other.bdf.csv"
    path.write_text(",".join(header) + ",Room\n0,3.1,-0.001,1,a7,b\n1,3.0,-0.001,1,2,b\n")
    table = read_table(path)
    assert dict(table.schema) == sample_schema()
    assert table.select("test_time_s", "voltage_v", "current_a", "cycle", "step").rows() == [
        (0.0, 3.1, -0.001, 1, None),
        (1.0, 3.0, -0.001, 1, 2),
    ]
    assert table["run_id"].null_count() == table["sequence"].null_count() == 2


def test_what_is_no_table_is_told(store: Store, tmp_path: Path) -> None:
    """A file of another kind, a header that is missing or doubled, and a sidecar of another table end in a sentence."""
    run_id = made(store, CUTS_S)
    for name, text, words in (
        ("a.txt", "", "none of .csv"),
        ("a.csv", "", "must name each column once"),
        ("b.csv", "x,x\n1,2\n", "must name each column once"),
        ("c.csv", "Test Time / s,Voltage / V\n0,3\n", "no column 'Current / A'"),
        ("d.csv", "test_time_s\n0\n", "has no column 'run_id'"),
        ("e.bdf.csv", "Test Time / s,Voltage / V,Current / A\n0,OVLD,3\n", "cannot be read as a table"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(NotATable, match=words):
            read_table(tmp_path / name)
    path = exported(store, run_id, "bdf-csv", tmp_path).files[0]
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(NotATable, match="one of the two was changed"):
        read_table(path)
