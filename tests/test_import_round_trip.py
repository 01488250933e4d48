"""What cellrig has exported, and what is in another store of cellrig, comes into a store row for row."""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from orchestrator.importing.importing import import_file
from orchestrator.importing.outcome import Imported
from orchestrator.importing.read_run import ImportOptions
from orchestrator.store import SpectrumPoint, Store, open_store
from orchestrator.tables.impedance_table import impedance_table
from orchestrator.tables.sample_table import sample_table
from tests.changed_samples import CHANGES, PLACES, change
from tests.export_rig import add_spectrum, exported, made
from tests.import_rig import UTC_ZONE, imported
from tests.run_maker import CUTS_S

EXACT = ("csv", "bdf-csv", "bdf-parquet")


def same_rows(store: Store, run_id: str, wanted: pl.DataFrame, rel_tol: float = 0.0) -> None:
    """Assert that a run has the rows of a table; its own numbers of run and tests are new ones, in the same order."""
    rows = sample_table(store, run_id)
    assert rows["run_id"].unique().to_list() == [run_id]
    old, new = (table["test"].unique(maintain_order=True).to_list() for table in (wanted, rows))
    tests = dict(zip(old, new, strict=True))
    there = wanted.with_columns(pl.lit(run_id).alias("run_id"), pl.col("test").replace(tests))
    assert_frame_equal(rows, there, check_exact=not rel_tol, rel_tol=rel_tol, abs_tol=0.0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=5)
@given(cuts_s=st.lists(st.integers(0, 3000), max_size=4), changes=CHANGES, places=PLACES)
def test_rows_of_each_export_come_in_exactly(
    store: Store, cuts_s: list[int], changes: list[tuple[str, object]], places: list[int]
) -> None:
    """Gaps, resumptions, several tests, lost records, missing and negative readings: all rows are in, of each."""
    run_id = made(store, tuple(cut / 10 for cut in cuts_s))
    change(store, run_id, changes, places)
    wanted = sample_table(store, run_id)
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "in.db") as target:
        for name in EXACT:
            path = exported(store, run_id, name, Path(folder)).files[0]
            same_rows(target, imported(target, path).run_id, wanted)
        (copied,) = import_file(
            target, store.path, ImportOptions(run_ids=(run_id,)), by="ada", progress=lambda _done, _all: None
        )
        same_rows(target, copied.run_id, wanted)
        # And once more out and in, which is how an archive goes.
        again = exported(target, copied.run_id, "bdf-parquet", Path(folder) / "again").files[0]
        same_rows(target, imported(target, again).run_id, wanted)


def test_workbook_comes_in_to_its_sixteen_digits(store: Store, tmp_path: Path) -> None:
    """Excel's files keep 16 digits of a number; label and cell, which were lost, are those of its sheet ``about``."""
    run_id = made(store)
    with store.transaction() as connection:
        connection.execute("UPDATE run SET label = 'A17-1'")
    path = exported(store, run_id, "xlsx", tmp_path).files[0]
    with open_store(tmp_path / "in.db") as target:
        done = target.run(imported(target, path).run_id)
        same_rows(target, done.run_id, sample_table(store, run_id), rel_tol=1e-15)
    wanted = store.run(run_id)
    assert (done.label, done.cell, done.facts_json) == ("A17-1", wanted.cell, wanted.facts_json)


@pytest.mark.parametrize("simulated", [True, False, None])
@pytest.mark.parametrize("name", ["csv", "xlsx", "bdf-csv", "bdf-parquet", "neware-csv", "chi-txt"])
def test_simulated_run_is_one_when_it_comes_back(
    store: Store, tmp_path: Path, name: str, simulated: bool | None
) -> None:
    """By the vendor's columns it came back as one of a real cell; those of other runs have no column more."""
    run_id = made(store)
    add_spectrum(store, run_id)
    with store.transaction() as connection:
        connection.execute("UPDATE run SET simulated = ?", (simulated,))
    path = exported(store, run_id, name, tmp_path).files[0]
    with open_store(tmp_path / "in.db") as target:
        options = {"zone": UTC_ZONE} if name in ("neware-csv", "chi-txt") else {}
        found = target.run(imported(target, path, **options).run_id).simulated
    unsaid = name in ("neware-csv", "chi-txt") and not simulated
    assert found is (None if unsaid else simulated)
    if name == "neware-csv":
        assert ("Simulated" in path.read_text().splitlines()[0]) is bool(simulated)


@pytest.mark.parametrize("cuts_s", [(), CUTS_S])
def test_columns_of_the_vendor_come_in_as_far_as_they_say(
    store: Store, tmp_path: Path, cuts_s: tuple[float, ...]
) -> None:
    """Numbers come back to 15 digits, times to the millisecond; parts of a cut step are one, and so are tests."""
    run_id = made(store, cuts_s)
    wanted = sample_table(store, run_id)
    path = exported(store, run_id, "neware-csv", tmp_path).files[0]
    with open_store(tmp_path / "in.db") as target:
        rows = sample_table(target, imported(target, path, zone=UTC_ZONE).run_id)
    exact = ["cycle", "step", "mode", "unix_time_s", "voltage_v", "temperature_degc"]
    assert_frame_equal(rows.select(exact), wanted.select(exact), check_exact=True)
    near = ["current_a"] if cuts_s else ["current_a", "capacity_ah", "energy_wh"]
    assert_frame_equal(rows.select(near), wanted.select(near), rel_tol=1e-14, abs_tol=0.0)
    times = ["test_time_s"] if cuts_s else ["test_time_s", "step_time_s"]
    assert_frame_equal(rows.select(times), wanted.select(times), rel_tol=0.0, abs_tol=0.0005)


@pytest.mark.parametrize("last_ohm", [-0.5, -17.16, -1e-9 / 3])
@pytest.mark.parametrize("name", ["impedance-csv", "chi-txt"])
def test_spectrum_comes_in_exactly(store: Store, tmp_path: Path, name: str, last_ohm: float) -> None:
    """Frequencies and both parts are the same numbers, of any digits; when it was measured is in one of the two."""
    run_id = made(store)
    add_spectrum(store, run_id)
    with store.transaction() as connection:
        connection.execute("UPDATE spectrum SET z_imag_ohm = ? WHERE sequence = 31", (last_ohm,))
    wanted = impedance_table(store, run_id)
    began_unix_s = wanted["unix_time_s"][0]
    path = exported(store, run_id, name, tmp_path).files[0]
    options = {"started_unix_s": began_unix_s} if name == "impedance-csv" else {"zone": UTC_ZONE}
    with open_store(tmp_path / "in.db") as target:
        rows = impedance_table(target, imported(target, path, **options).run_id)
    same = ["frequency_hz", "z_real_ohm", "z_imag_ohm", "unix_time_s"]
    assert_frame_equal(rows.select(same), wanted.select(same), check_exact=True)


@pytest.mark.parametrize("last_z_imag_ohm", [-17.16, -0.5, -1.25e-07, -2.0])
def test_spectrum_of_any_last_number_comes_in(store: Store, tmp_path: Path, last_z_imag_ohm: float) -> None:
    """Without the end of the last line a text was refused where its last number is shorter than the one before."""
    run_id = made(store)
    (measurement,) = store.measurements(run_id)
    points = [SpectrumPoint(1, 0.0121, 344.2, -18.83), SpectrumPoint(2, 0.01, 347.9, last_z_imag_ohm)]
    for some in (points, points[1:]):
        with store.transaction() as connection:
            connection.execute("DELETE FROM spectrum WHERE test = ?", (measurement.test,))
        store.add_spectrum(measurement.test, some)
        path = exported(store, run_id, "chi-txt", tmp_path, force=True).files[0]
        with open_store(tmp_path / f"in-{len(some)}.db") as target:
            rows = impedance_table(target, imported(target, path, zone=UTC_ZONE).run_id)
        assert rows["z_imag_ohm"].to_list() == [point.z_imag_ohm for point in some]


def test_whole_store_comes_in_with_all_that_is_known_of_its_runs(store: Store, tmp_path: Path) -> None:
    """Programs, steps, cycles, spectra, deviations and the cells' facts are there; only the numbers are new ones."""
    run_ids = [made(store), made(store, CUTS_S)]
    add_spectrum(store, run_ids[0])
    with open_store(tmp_path / "in.db") as target:
        made(target)
        found: list[Imported] = import_file(
            target, store.path, ImportOptions(), by="ada", progress=lambda _done, _all: None
        )
        assert [one.part for one in found] == run_ids
        assert [one.run_id for one in found] == ["R000002", "R000003"]
        for one in found:
            old, new = store.run(one.part), target.run(one.run_id)
            assert (new.program_json, new.facts_json, new.created_unix_s) == (
                old.program_json,
                old.facts_json,
                old.created_unix_s,
            )
            pairs = list(zip(store.tests(one.part), target.tests(one.run_id), strict=True))
            assert [store.steps(a.id) for a, _ in pairs] == [target.steps(b.id) for _, b in pairs]
            assert [store.cycles(a.id) for a, _ in pairs] == [target.cycles(b.id) for _, b in pairs]
            assert [store.spectrum(a.id) for a, _ in pairs] == [target.spectrum(b.id) for _, b in pairs]
            effects = [
                [row.effect for row in each.deviations(run)] for each, run in ((store, one.part), (target, one.run_id))
            ]
            assert effects[0] == effects[1]
        assert len(import_file(target, store.path, ImportOptions(), by="", progress=lambda _d, _a: None)) == 2
        assert len(target.runs()) == 3
