"""``cellrig export``: which files appear, what is said, and that none looks whole before it is."""

from __future__ import annotations

import gc
import json
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from unittest.mock import Mock

import polars as pl
import pytest

from orchestrator.cli.export import _LEAST_SHOWN
from orchestrator.export.errors import AlreadyThere, ExportError, NothingToExport
from orchestrator.export.exporting import export_runs
from orchestrator.export.fit_rows import FitRows, with_whole_seams
from orchestrator.export.formats import OURS, ExportFormat, find_format, offered_formats
from orchestrator.export.output import Output
from orchestrator.export.source import RunSource
from orchestrator.export.workbook_files import new_workbook
from orchestrator.store import Store
from orchestrator.tables.columns import sample_schema
from orchestrator.tables.run_data import RunData
from orchestrator.tables.sample_table import sample_table
from orchestrator.tables.sidecar import read_sidecar
from orchestrator.tables.table_files import read_table
from tests.command_line import cellrig, refused
from tests.export_rig import add_spectrum, exported, made
from tests.packages import install
from tests.run_maker import AWAY_S, CUTS_S, PROGRAM, RunMaker

FORMAT = """\
from orchestrator.export.formats import ExportFormat

def write(source, output, *names):
    rows = sum(batch.height for batch in source.batches())
    output.file(names[0]).write_text(str(rows))

counts = ExportFormat("counts", ".count", "how many records", write)
misnamed = ExportFormat("other", ".count", "", write)
nothing = 3
"""
POINTS = """\
[cellrig.formats]
counts = counting:counts
misnamed = counting:misnamed
nothing = counting:nothing
absent = no_such_module:FORMAT
csv = counting:counts
"""


@pytest.fixture
def run_id(store: Store) -> str:
    """Give a run that was cut three times, with a spectrum."""
    made_id = made(store)
    add_spectrum(store, made_id)
    return made_id


@pytest.mark.parametrize("written_as", OURS, ids=lambda written_as: written_as.name)
def test_every_format_writes_a_run(store: Store, run_id: str, tmp_path: Path, written_as: ExportFormat) -> None:
    """Each format that is listed writes under its usual name; a second time it is refused, or replaces them."""
    name = written_as.name
    done = exported(store, run_id, name, tmp_path / "out")
    assert all(path.exists() for path in done.files)
    assert done.own[0].name.startswith(run_id)
    before = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert not [path for path in before if path.startswith(".")]
    with pytest.raises(AlreadyThere, match="--force"):
        exported(store, run_id, name, tmp_path / "out")
    exported(store, run_id, name, tmp_path / "out", force=True)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == before


def test_command_writes_names_and_tells(store: Store, run_id: str, tmp_path: Path) -> None:
    """A file here, a name of one's own, a folder for several runs or a bare name; the paths are printed."""
    other = made(store, ())
    for run in (run_id, other):
        store.set_run_state(run, "completed", "", 0.0)
    at = ("--store", store.path)
    assert cellrig("export", run_id, "--to", "csv", *at, cwd=tmp_path).stdout == f"{run_id}.csv\n"
    named = cellrig("export", run_id, "--to", "neware-csv", "-o", "A17.csv", *at, cwd=tmp_path)
    assert named.stdout == "A17.csv\n"
    several = cellrig("export", run_id, other, "--to", "bdf-csv", "-o", "new/deep", "--json", *at, cwd=tmp_path)
    told = json.loads(several.stdout)
    assert [row["files"][0] for row in told["exports"]] == [f"new/deep/{run}.bdf.csv" for run in (run_id, other)]
    assert all((tmp_path / file).is_file() for row in told["exports"] for file in row["files"])
    assert several.stderr == ""
    one = cellrig("export", run_id, "--to", "csv", "-o", "tables", *at, cwd=tmp_path)
    assert (one.stdout, one.stderr) == (f"tables/{run_id}.csv\n", "")
    (tmp_path / "mine").write_text("")
    refused(cellrig("export", run_id, "--to", "csv", "-o", "mine", *at, cwd=tmp_path), 1, "mine is there already")
    folder = cellrig("export", other, "--to", "pyprobe", "-o", "A17", *at, cwd=tmp_path)
    assert folder.stdout == "A17\n"
    assert sorted(path.name for path in (tmp_path / "A17").iterdir()) == [
        f"{other}.parquet",
        "README.yaml",
        "record.xlsx",
    ]


def test_run_that_goes_on_and_a_strange_name_are_told(store: Store, run_id: str, tmp_path: Path) -> None:
    """What is written of a run that has not ended is said to be a part; a name without the usual ending is told."""
    out = tmp_path / "out"
    (done,) = export_runs(store, [run_id], find_format("bdf-csv"), tmp_path / "A17.csv")
    assert done.notes == (
        f"run {run_id} has not ended: this is what it has recorded so far",
        "A17.csv does not end with .bdf.csv, by which programs know what is in it",
    )
    store.set_run_state(run_id, "completed", "", 0.0)
    assert exported(store, run_id, "bdf-csv", out).notes == ()


def test_what_cannot_be_written_is_told(store: Store, run_id: str, tmp_path: Path) -> None:
    """No run, an unknown format or run, a run without records, a place that is none: a sentence and a status."""
    at = ("--store", store.path)
    empty = RunMaker(store, PROGRAM).run_id
    refused(cellrig("export", *at), 2, "say which runs and which format")
    refused(cellrig("export", run_id, "--to", "parquet", *at), 2, "there is no format 'parquet'", "bdf-parquet")
    refused(cellrig("export", "R000099", "--to", "csv", *at, cwd=tmp_path), 1, "R000099")
    for name in ("bdf-csv", "bdf-parquet", "csv", "xlsx", "neware-csv", "pyprobe", "chi-txt"):
        refused(cellrig("export", empty, "--to", name, *at, cwd=tmp_path), 1, f"run {empty} has no")
    assert not list(tmp_path.glob(f"*{empty}*"))
    (tmp_path / "file").write_text("")
    refused(cellrig("export", run_id, "--to", "csv", "-o", "file/x.csv", *at, cwd=tmp_path), 1, "give another -o")


def test_formats_are_listed_with_their_readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    """Ours and those of other packages, with what each is; one that cannot be used says why, and hinders no other."""
    monkeypatch.syspath_prepend(str(install(tmp_path, "counting", POINTS, {"counting": FORMAT})))
    told = {
        row["name"]: row for row in json.loads(cellrig("export", "--list", "--json").stdout)["formats"] if row["about"]
    }
    assert set(told) == {it.name for it in OURS} | {"counts"}
    problems = {it.name: it.problem for it in offered_formats() if it.problem}
    assert set(problems) == {"misnamed", "nothing", "absent", "csv"}
    assert "calls itself 'other'" in problems["misnamed"]
    assert "is a int, not an ExportFormat" in problems["nothing"]
    assert "has the name of a format of cellrig" in problems["csv"]
    listed = cellrig("export", "--list").stdout
    assert all(name in listed for name in ("bdf-csv", "counts", "no_such_module"))
    run = made(store, ())
    assert exported(store, run, "counts", tmp_path / "out").files[0].read_text() == str(read_count(store, run))
    with pytest.raises(ExportError, match="no_such_module"):
        find_format("absent")


def read_count(store: Store, run_id: str) -> int:
    """Count the records of a run."""
    return sum(store.sample_count(test.id) for test in store.tests(run_id))


def test_failed_export_leaves_what_was_there(store: Store, run_id: str, tmp_path: Path) -> None:
    """An error in the middle, and one at the very end, leave neither a new file nor a part, and keep the old one."""
    old = tmp_path / "out" / f"{run_id}.csv"
    old.parent.mkdir()
    old.write_text("old")

    class Stop(Exception):
        pass

    def stop(done: int, rows: int) -> None:
        if done > rows / 2:
            raise Stop

    with pytest.raises(Stop):
        export_runs(store, [run_id], find_format("csv"), old, force=True, progress=lambda _run: stop)

    def write_two() -> None:
        with Output(old.parent, force=True) as output:
            output.file("folder/a").write_text("")
            output.file(old.name).write_text("new")
            raise Stop

    with pytest.raises(Stop):
        write_two()
    assert [path.name for path in old.parent.iterdir()] == [old.name]
    assert old.read_text() == "old"


_KILLED = """\
import os, sys
from pathlib import Path
from orchestrator.export.exporting import export_runs
from orchestrator.export.formats import find_format
from orchestrator.store import open_store

def stop(done, rows):
    if done > rows / 2:
        os.kill(os.getpid(), 9)

with open_store(Path(sys.argv[1]), read_only=True) as store:
    export_runs(store, [sys.argv[2]], find_format(sys.argv[3]), Path(sys.argv[4]), progress=lambda run: stop)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed_export_leaves_no_file_of_its_name(store: Store, run_id: str, tmp_path: Path) -> None:
    """What a SIGKILL leaves has a name that no reader takes for data, and the next export writes the file."""
    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-c", _KILLED, str(store.path), run_id, "bdf-csv", str(out)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    left = [path.name for path in out.iterdir()]
    assert left
    assert all(name.startswith(".") and name.endswith(".part") for name in left)
    assert read_table(exported(store, run_id, "bdf-csv", out).files[0]).height == read_count(store, run_id)


# Nothing is compiled into a cache: half of a module would be kept there.
_FULL = """\
import resource, sys
sys.dont_write_bytecode = True
from orchestrator.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit for the size of a file")
@pytest.mark.parametrize("name", ["bdf-parquet", "xlsx"])
def test_full_disk_is_told_and_leaves_nothing(store: Store, run_id: str, tmp_path: Path, name: str) -> None:
    """A file that cannot grow ends in one sentence with its path, and no part of it is left."""
    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-c", _FULL, "export", run_id, "--to", name, "--store", str(store.path), "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    said = done.stderr.replace("\n", " ")
    assert said.startswith("cellrig: ")
    assert "cannot be written" in said
    assert "File too large" in said
    assert list(out.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is a device of Linux")
def test_workbook_on_a_full_disk_is_one_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is printed when the zip is thrown away, where nobody can catch it, and its sheets leave no file."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    unraised: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", unraised.append)

    def write() -> None:
        with new_workbook(Path("/dev/full"), constant_memory=True) as book:
            book.add_worksheet().write_string(0, 0, "A17" * 10_000)

    with pytest.raises(OSError, match="No space left"):
        write()
    gc.collect()
    assert unraised == []
    assert list(tmp_path.iterdir()) == []


def test_sidecar_says_what_the_table_cannot(store: Store, run_id: str, tmp_path: Path) -> None:
    """Units and terms of all columns, the run and its tests, each gap with its reason; Parquet has the same inside."""
    done = exported(store, run_id, "bdf-csv", tmp_path)
    facts = read_sidecar(done.files[0])
    assert facts is not None
    header = done.files[0].read_text().splitlines()[0].split(",")
    assert [column["header"] for column in facts["columns"]] == header
    assert {column["header"]: column["unit"] for column in facts["columns"]}["Current / A"] == "A"
    assert facts["columns"][0]["term"].endswith("battery-data-format#test_time_second")
    assert facts["format"]["ontology"] == "1.3.0"
    assert (facts["run"]["run_id"], facts["run"]["cell"]) == (run_id, "made")
    recorded = [test for test in RunData(store, run_id).tests if test.last]
    assert [test["test"] for test in facts["tests"]] == [test.row.id for test in recorded]
    cut = [gap for gap in facts["gaps"] if gap["reasons"]]
    assert [gap["reasons"] for gap in cut] == [["the tester lost its power"]] * 3
    assert all(gap["to_test_time_s"] - gap["from_test_time_s"] == pytest.approx(AWAY_S, abs=2.0) for gap in cut)
    assert len(facts["gaps"]) == len(recorded) - 1
    assert sum(span[2] for span in facts["records"]) == facts["rows"] == read_count(store, run_id)
    parquet = exported(store, run_id, "bdf-parquet", tmp_path).files[0]
    inside = json.loads(pl.read_parquet_metadata(parquet)["cellrig"])
    assert inside == read_sidecar(parquet)
    assert inside["gaps"] == facts["gaps"]


def test_lost_records_are_a_gap_of_the_sidecar(store: Store, tmp_path: Path) -> None:
    """Records that the tester made and nobody read are counted, at their place on the axis of time."""
    run_id = made(store)
    test = RunData(store, run_id).tests[1].row.id
    with store.transaction() as connection:
        connection.execute("DELETE FROM sample WHERE test = ? AND sequence BETWEEN 31 AND 40", (test,))
    done = exported(store, run_id, "bdf-csv", tmp_path)
    facts, table = read_sidecar(done.files[0]), read_table(done.files[0])
    assert facts is not None
    (gap,) = [gap for gap in facts["gaps"] if gap["lost_records"]]
    assert gap["lost_records"] == 10
    before = table.filter((pl.col("test") == test) & (pl.col("sequence") == 30))["test_time_s"][0]
    after = table.filter((pl.col("test") == test) & (pl.col("sequence") == 41))["test_time_s"][0]
    assert gap["from_test_time_s"] == pytest.approx(before)
    assert gap["to_test_time_s"] == pytest.approx(after, abs=1.0)


def test_records_without_a_reading_are_told_and_kept(store: Store, run_id: str, tmp_path: Path) -> None:
    """BDF takes no blanks: such a record stands in a file beside it, is counted by reason, and told to the person."""
    test = RunData(store, run_id).tests[0].row.id
    with store.transaction() as connection:
        connection.execute("UPDATE sample SET voltage_v = NULL WHERE test = ? AND sequence IN (3, 5)", (test,))
        connection.execute("UPDATE sample SET current_a = NULL WHERE test = ? AND sequence = 9", (test,))
    for name in ("bdf-csv", "neware-csv"):
        done = cellrig("export", run_id, "--to", name, "--store", store.path, cwd=tmp_path)
        assert "2 records no voltage, 1 record no current: in" in done.stderr.replace("\n", " ")
    table = tmp_path / f"{run_id}.bdf.csv"
    left_out = pl.read_csv(f"{table}.left-out.csv")
    assert left_out["sequence"].to_list() == [3, 5, 9]
    facts = read_sidecar(table)
    assert facts is not None
    assert facts["left_out"] == {
        "rows": 3,
        "why": {"no voltage": 2, "no current": 1},
        "file": f"{run_id}.bdf.csv.left-out.csv",
    }
    # An export that replaces this one, and has all records, leaves nothing of it.
    with store.transaction() as connection:
        connection.execute(
            "UPDATE sample SET voltage_v = 1.0, current_a = 0.0 WHERE voltage_v IS NULL OR current_a IS NULL"
        )
    exported(store, run_id, "bdf-csv", tmp_path, force=True)
    assert not Path(f"{table}.left-out.csv").exists()


@pytest.mark.parametrize("rows", [100_000, 5], ids=["in a batch", "at its end"])
def test_record_that_jumps_ahead_is_left_out_alone(rows: int, tmp_path: Path) -> None:
    """A time far ahead put all later records into the file of those left out; one that goes back is alone, too."""
    times_s = [0.0, 1.0, 2.0, 3.0, 1e9, 4.0, 5.0, 4.5, 6.0, 7.0]
    numbers = {name: [0.0] * len(times_s) for name, dtype in sample_schema().items() if dtype == pl.Float64}
    frame = pl.DataFrame({**numbers, "test_time_s": times_s}).with_columns(run_id=pl.lit("R000001"), test=1)
    fit = FitRows(tmp_path / "left-out.csv")
    pieces = [frame[at : at + rows] for at in range(0, frame.height, rows)]
    found = pl.concat([fit.of(piece) for piece in with_whole_seams(pieces)])
    assert found["test_time_s"].to_list() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    assert fit.why == {"made later than the records behind it": 1, "made before the record before it": 1}
    assert pl.read_csv(tmp_path / "left-out.csv")["test_time_s"].to_list() == [1e9, 4.5]


def test_number_that_is_not_finite_is_refused(store: Store, run_id: str, tmp_path: Path) -> None:
    """No format writes an infinity: the run, the column and the test are named."""
    with store.transaction() as connection:
        connection.execute("UPDATE sample SET voltage_v = 9e999 WHERE sequence = 3")
    for name in ("bdf-csv", "bdf-parquet", "csv", "xlsx", "neware-csv", "pyprobe"):
        with pytest.raises(ExportError, match=f"run {run_id} has a voltage_v that is no finite number in test 1"):
            exported(store, run_id, name, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.fixture
def long_run(store: Store) -> str:
    """Give a run of a tester that records ten times a second for a day."""
    run_id = made(store, ())
    test = RunData(store, run_id).tests[0]
    assert test.last is not None
    with store.transaction() as connection:
        connection.execute(
            "WITH RECURSIVE more (n) AS (VALUES (?1) UNION ALL SELECT n + 1 FROM more WHERE n < ?2) "
            "INSERT INTO sample SELECT test, n, n, n, step, step_count, tester_cycle, mode, voltage_v, current_a, "
            "capacity_ah, energy_wh, unix_time_s + n, NULL FROM sample, more WHERE test = ?3 AND sequence = 1",
            (test.last.sequence + 1, 30_000, test.row.id),
        )
    return run_id


def test_run_that_grows_meanwhile_is_exported_as_it_was(store: Store, tmp_path: Path) -> None:
    """Records, steps and tests that come while a run is written are of the next export, in every format."""
    run_id = made(store, CUTS_S)
    whole, last = sample_table(store, run_id), store.tests(run_id)[-1]
    samples, steps = list(store.samples(last.id)), store.steps(last.id)
    with store.transaction() as connection:
        for table in ("cycle", "step", "sample"):
            connection.execute(f"DELETE FROM {table} WHERE test = ?", (last.id,))  # noqa: S608 - names of ours
        connection.execute("DELETE FROM test WHERE id = ?", (last.id,))
    stored, source = sample_table(store, run_id), RunSource(store, run_id)
    assert source.data.tests
    facts = asdict(last)
    del facts["id"]
    store.tick({store.add_test(**facts): samples})
    store.add_steps(last.id, steps)
    for written_as in OURS[:6]:
        with Output(tmp_path / "out") as output:
            written_as.write(source, output, *written_as.names(source, written_as.ending))
    for ending in (".csv", ".bdf.csv", ".bdf.parquet"):
        assert read_table(tmp_path / "out" / f"{run_id}{ending}").equals(stored)
    assert sample_table(store, run_id).equals(whole)


@pytest.mark.parametrize("has_links", [True, False], ids=["links", "no links"])
def test_file_that_appears_meanwhile_is_kept(tmp_path: Path, has_links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two exports to one name: the later one is refused, and leaves neither its own files nor parts of them."""
    if not has_links:  # as a stick in FAT: no file system here is one
        monkeypatch.setattr("os.link", Mock(side_effect=PermissionError()))

    def write_both() -> None:
        with Output(tmp_path) as output:
            for name in ("a.csv", "a.csv.metadata.json"):
                output.file(name).write_text("mine")
            (tmp_path / "a.csv").write_text("other")

    with pytest.raises(AlreadyThere, match=r"a\.csv has appeared meanwhile"):
        write_both()
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "other"


def test_progress_counts_every_record(store: Store, long_run: str) -> None:
    """What was taken rises to all records of the run, batch by batch; a long run tells each tenth on stderr."""
    told: list[tuple[int, int]] = []
    source = RunSource(store, long_run, lambda done, rows: told.append((done, rows)))
    rows = sum(batch.height for batch in source.batches(rows=4000))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (rows, rows)
    assert rows < _LEAST_SHOWN["records"]


def test_run_without_spectra_says_so(store: Store, tmp_path: Path) -> None:
    """Formats for spectra refuse a run that has none, in a sentence."""
    with pytest.raises(NothingToExport, match="has no impedance spectrum"):
        exported(store, made(store), "impedance-csv", tmp_path)


@pytest.mark.parametrize(("to", "said"), [("impedance-csv", "no impedance spectrum"), ("bdf-csv", "no record")])
def test_run_that_has_nothing_hinders_no_other(store: Store, run_id: str, tmp_path: Path, to: str, said: str) -> None:
    """Before and behind it the others are written and told; what it lacks is said, and the exit status is 1."""
    empty = RunMaker(store, PROGRAM).run_id
    again = made(store)
    add_spectrum(store, again)
    words = ("export", run_id, empty, again, "--to", to, "-o", tmp_path / "out", "--store", store.path)
    done = cellrig(*words, "--json")
    assert done.returncode == 1
    assert f"cellrig: run {empty} has {said}" in done.stderr
    files = {export["run"]: export["files"] for export in json.loads(done.stdout)["exports"]}
    assert list(files) == [run_id, empty, again]
    assert files[empty] == []
    assert {Path(file) for named in files.values() for file in named} == set((tmp_path / "out").iterdir())
    assert {path.name[:7] for path in (tmp_path / "out").iterdir()} == {run_id, again}
