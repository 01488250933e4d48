"""The sample table and the impedance table: what they hold is what the store has, in their types and order."""

from __future__ import annotations

import tracemalloc

import polars as pl
import pytest

from orchestrator.store import Store
from orchestrator.store.errors import StoreError
from orchestrator.tables.columns import IMPEDANCE_COLUMNS, SAMPLE_COLUMNS, impedance_schema, sample_schema
from orchestrator.tables.impedance_table import impedance_table
from orchestrator.tables.run_data import RunData
from orchestrator.tables.sample_table import sample_batches, sample_table
from tests.run_maker import AWAY_S, CHARGE, CUTS_S, PROGRAM, RunMaker, program_of
from tests.segments import segment_of

RAW = ("sequence", "step_time_s", "mode", "voltage_v", "current_a", "capacity_ah", "energy_wh", "unix_time_s")


def made(store: Store, cuts_s: tuple[float, ...] = CUTS_S) -> str:
    """Give the id of a run with a spectrum between its cycles, cut three times."""
    return RunMaker(store, PROGRAM).run(cuts_s)


def test_every_row_is_the_stored_one(store: Store) -> None:
    """The tester's values are those of the store, row for row, in the table's types and order."""
    made(store, ())
    run_id = made(store)
    table = sample_table(store, run_id)
    assert dict(table.schema) == sample_schema()
    assert table.columns == [column.name for column in SAMPLE_COLUMNS]
    sql = f"SELECT test, {', '.join(RAW)} FROM sample WHERE test IN (SELECT id FROM test WHERE run_id = ?)"  # noqa: S608 names of ours
    stored = store.connection.execute(f"{sql} ORDER BY test, sequence", (run_id,)).fetchall()
    assert table.select("test", *RAW).rows() == stored
    assert table.height == len(stored)
    assert table["run_id"].unique().to_list() == [run_id]
    assert table["temperature_degc"].null_count() == table["simulated"].null_count() == table.height


def test_time_keeps_its_gaps_and_never_goes_back(store: Store) -> None:
    """The time between two tests is that of the clock: an outage of 5000 s is 5000 s (a reader saw none)."""
    run_id = made(store)
    table = sample_table(store, run_id)
    assert table["test_time_s"].diff().min() == 0.0
    apart_s = (table["unix_time_s"] - table["test_time_s"]).to_numpy()
    assert apart_s.max() - apart_s.min() <= 1.0
    jumps = table.filter(pl.col("test_time_s").diff() > AWAY_S - 2.0)
    assert jumps["test"].to_list() == [
        test.row.id for test in RunData(store, run_id).tests if test.row.barcode[-1] in "236"
    ]


def test_clock_that_is_wrong_is_not_followed(store: Store) -> None:
    """A tester that wakes up in 1970, or ten years ahead, moves no row: the test begins by this computer's clock."""
    wanted = sample_table(store, made(store))["test_time_s"]
    for away_s in (-1.7e9, 3.2e8, 3600.0):
        run_id = made(store)
        last = RunData(store, run_id).tests[-1].row.id
        with store.transaction() as connection:
            connection.execute("UPDATE sample SET unix_time_s = unix_time_s + ? WHERE test = ?", (away_s, last))
        assert sample_table(store, run_id)["test_time_s"].to_list() == pytest.approx(wanted.to_list(), abs=1.0)


def test_clock_that_was_set_back_leaves_the_order(store: Store) -> None:
    """A test never begins before the one before it has ended, also where a clock that is set says so."""
    run_id = made(store)
    last = RunData(store, run_id).tests[-1].row.id
    with store.transaction() as connection:
        back_s = AWAY_S + 100.0
        connection.execute("UPDATE sample SET unix_time_s = unix_time_s - ? WHERE test = ?", (back_s, last))
        connection.execute("UPDATE test SET started_unix_s = started_unix_s - ? WHERE id = ?", (back_s, last))
    assert sample_table(store, run_id)["test_time_s"].diff().min() == 0.0


def test_count_of_executed_steps_rises_and_never_repeats(store: Store) -> None:
    """Each part of a cut step and each repeated check has its own count; step and cycle are the program's."""
    run_id = made(store)
    table = sample_table(store, run_id)
    assert set(table["step_count"].diff().drop_nulls()) == {0, 1}
    assert table["step_count"][0] == 1
    # Within one executed step the tester's own counters never begin anew.
    again = table.with_columns(pl.col("step_time_s", "capacity_ah").diff().over("step_count"))
    assert again.select((pl.col("step_time_s", "capacity_ah") >= 0.0).all()).row(0) == (True, True)
    columns = RunData(store, run_id).columns("cycle", "step")
    assert table["cycle"].to_list() == columns["cycle"].tolist()
    assert table["step"].to_list() == columns["step"].tolist()
    assert set(table["cycle"]) == {1, 2, 3, 4, 5}


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_batches_are_the_whole_table(store: Store, rows: int) -> None:
    """However small the batches, each has every type, also where all its values are missing, and no row is lost."""
    run_id = made(store)
    batches = list(sample_batches(store, run_id, rows))
    assert max(batch.height for batch in batches) <= rows
    assert all(dict(batch.schema) == sample_schema() for batch in batches)
    assert pl.concat(batches).equals(sample_table(store, run_id))


def test_missing_readings_are_null_and_zero_is_zero(store: Store) -> None:
    """NULL in the store is null here, a word that no step has is kept, and 0 V and negative voltages are readings."""
    run_id = made(store)
    test = RunData(store, run_id).tests[0].row.id
    with store.transaction() as connection:
        connection.execute(
            "UPDATE sample SET voltage_v = NULL, energy_wh = NULL WHERE test = ? AND sequence = 3", (test,)
        )
        connection.execute(
            "UPDATE sample SET voltage_v = 0.0, current_a = -0.0 WHERE test = ? AND sequence = 4", (test,)
        )
        connection.execute("UPDATE sample SET voltage_v = -0.25 WHERE test = ? AND sequence = 5", (test,))
        connection.execute("UPDATE sample SET mode = '恒流' WHERE test = ? AND sequence = 5", (test,))
        connection.execute("UPDATE sample SET temperature_degc = 25.5 WHERE test = ? AND sequence = 5", (test,))
    table = sample_table(store, run_id)
    assert table["voltage_v"][2:5].to_list() == [None, 0.0, -0.25]
    assert table["energy_wh"][2] is None
    assert table["voltage_v"].null_count() == table["energy_wh"].null_count() == 1
    assert table["mode"][4] == "恒流"
    assert table["mode"][5] == "constant_current"
    assert table["temperature_degc"].drop_nulls().to_list() == [25.5]


def test_memory_is_that_of_one_batch(store: Store) -> None:
    """Ten times as many records take no more memory of Python and numpy while they are read."""
    run_id = RunMaker(store, program_of(segment_of(CHARGE))).run()
    test = RunData(store, run_id).tests[0]
    assert test.last is not None
    peaks = []
    for rows in (4_000, 40_000):
        with store.transaction() as connection:
            connection.execute(
                "WITH RECURSIVE more (n) AS (VALUES (?1) UNION ALL SELECT n + 1 FROM more WHERE n < ?2) "
                "INSERT INTO sample SELECT test, n, n, n, step, step_count, tester_cycle, mode, voltage_v, current_a, "
                "capacity_ah, energy_wh, unix_time_s, NULL FROM sample, more WHERE test = ?3 AND sequence = 1",
                (store.sample_count(test.row.id) + 1, rows, test.row.id),
            )
        tracemalloc.start()
        read = sum(batch.height for batch in sample_batches(store, run_id, rows=1000))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert read == rows
    assert peaks[1] < 1.2 * peaks[0] < 2 * 2**20


def test_spectra_are_a_table(store: Store) -> None:
    """Each frequency is a row, with the cycle behind it, in the order measured; a run without any has the columns."""
    from orchestrator.store import SpectrumPoint

    run_id = made(store)
    (measurement,) = store.measurements(run_id)
    store.add_spectrum(measurement.test, [SpectrumPoint(1, 1e5, 10.0, -0.5), SpectrumPoint(2, 1.0, 30.0, 0.25)])
    table = impedance_table(store, run_id)
    assert dict(table.schema) == impedance_schema()
    assert table.columns == [column.name for column in IMPEDANCE_COLUMNS]
    seen = table.select("measurement", "cycle", "frequency_hz", "z_real_ohm", "z_imag_ohm", "amplitude_v").rows()
    assert seen == [(measurement.test, 3, 1e5, 10.0, -0.5, 0.01), (measurement.test, 3, 1.0, 30.0, 0.25, 0.01)]
    assert table["bias_v"].null_count() == table["temperature_degc"].null_count() == 2
    empty = RunMaker(store, program_of(segment_of(CHARGE))).run()
    assert impedance_table(store, empty).shape == (0, len(IMPEDANCE_COLUMNS))


def test_run_without_records_is_an_empty_table(store: Store) -> None:
    """It has all columns with their types and no row; an unknown run is refused by its name."""
    table = sample_table(store, RunMaker(store, PROGRAM).run_id)
    assert table.height == 0
    assert dict(table.schema) == sample_schema()
    with pytest.raises(StoreError, match="R000009"):
        sample_table(store, "R000009")
