"""What is damaged, cut, bent or of another name than its bytes ends in a sentence, and never in other numbers."""

from __future__ import annotations

import json
import os
import random
import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.importing.errors import ImportFailed
from orchestrator.store import Store
from orchestrator.tables.sample_table import sample_table
from orchestrator.tables.sidecar import sidecar_path
from orchestrator.tables.table_files import NotATable, read_table
from tests.command_line import cellrig, refused
from tests.export_rig import exported
from tests.import_rig import AT, BDF, UTC_ZONE, half_cycles, imported


@pytest.mark.parametrize("name", ["A[1].csv", "A*.csv", "A?.parquet", "[2026]/A.csv"])
def test_file_whose_name_looks_like_a_pattern_is_read_itself(store: Store, tmp_path: Path, name: str) -> None:
    """A name with brackets or a star is that of one file, whatever files stand beside it that would fit a pattern."""
    import polars as pl

    for one, volt in ((name, 3.0), ("A1.csv", 9.0), ("A1.parquet", 9.0), ("2/A.csv", 9.0)):
        path = tmp_path / one
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{BDF}0,{AT},{volt},0,1,1,REST\n1,{AT + 1},{volt},0,1,1,REST\n")
        if path.suffix == ".parquet":
            table = pl.read_csv(path.read_bytes())
            with path.open("wb") as file:
                table.write_parquet(file)
    run_id = imported(store, tmp_path / name).run_id
    assert sample_table(store, run_id)["voltage_v"].to_list() == [3.0, 3.0]


@pytest.mark.parametrize("ending", ["xlsx", "bdf-parquet"])
def test_damaged_file_ends_in_a_sentence(store: Store, tmp_path: Path, ending: str) -> None:
    """Bytes that were changed anywhere are found, or at least end in no trace and leave nothing."""
    run_id = imported(store, half_cycles(tmp_path / "a.bdf.csv")).run_id
    whole = exported(store, run_id, ending, tmp_path / "out").files[0].read_bytes()
    path, chance, refusals = tmp_path / "b", random.Random(17), 0
    for _ in range(60):
        data = bytearray(whole)
        at = chance.randrange(4, len(data) - 8)
        data[at : at + 4] = chance.randbytes(4)
        path.write_bytes(data)
        try:
            imported(None, path)
        except ImportFailed:
            refusals += 1
    assert refusals > 20


def test_no_bit_of_the_rows_of_a_parquet_file_changes_unseen(store: Store, tmp_path: Path) -> None:
    """Its pages have checksums: a disk that has turned a bit gives no other voltage."""
    run_id = imported(store, half_cycles(tmp_path / "a.bdf.csv")).run_id
    whole = exported(store, run_id, "bdf-parquet", tmp_path / "out").files[0].read_bytes()
    path, chance = tmp_path / "b.parquet", random.Random(17)
    told = read_table(tmp_path / "out" / f"{run_id}.bdf.parquet")
    for at in chance.sample(range(4, whole.index(b"schema", 4)), 60):
        data = bytearray(whole)
        data[at] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        with suppress(NotATable):
            assert read_table(path).equals(told)


@pytest.mark.parametrize("ending", ["csv", "xlsx", "bdf-parquet"])
@pytest.mark.parametrize("name", ["b", "b.csv", "b.xlsx", "b.parquet", "b.ndax"])
def test_name_of_a_file_proves_nothing(store: Store, tmp_path: Path, ending: str, name: str) -> None:
    """A table is read as what its bytes say, under any name."""
    run_id = imported(store, half_cycles(tmp_path / "a.bdf.csv")).run_id
    done = exported(store, run_id, ending, tmp_path / "out").files[0]
    assert imported(None, done.rename(tmp_path / name)).records == 28


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("voltage_volt", [9.0, 9.0], "'Voltage / V' and 'voltage_volt' are one column under two names"),
        ("Cycle Count / 1", [1.0, 1.5], "'Cycle Count / 1' holds counts with a fraction"),
        ("Cycle Count / 1", [2**63, 1], "conversion from `u64` to `i64` failed"),
        ("Current / A", [True, False], "'Current / A' holds Boolean, and no numbers"),
        ("Unix Time / s", [datetime(2026, 1, 1, tzinfo=UTC)] * 2, "'Unix Time / s' holds Datetime"),
        ("Voltage / V", ["3.0", "high"], "conversion from `str` to `f64` failed"),
    ],
)
def test_types_of_a_parquet_file_are_never_bent(
    store: Store, tmp_path: Path, column: str, values: list[object], words: str
) -> None:
    """What would become another number on the way, or is there twice, is refused."""
    import polars as pl

    table = pl.DataFrame(
        {"Test Time / s": [0.0, 1.0], "Voltage / V": [3.0, 3.0], "Current / A": [0.0, 0.0], "Unix Time / s": [AT, AT]}
    )
    is_big = values[0] == 2**63
    table.with_columns(pl.Series(column, values, pl.UInt64 if is_big else None)).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(ImportFailed, match=re.escape(words)):
        imported(store, tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"tests": [1]}, "the sidecar of"),
        ({"records": "x"}, "the sidecar of"),
        ({"records": [[1, 1, 10**12]]}, "its sidecar tells of 1000000000000"),
        ({"run": None}, "the sidecar of"),
        ({"left_out": "x"}, "the sidecar of"),
    ],
)
def test_sidecar_of_another_form_is_refused(
    store: Store, tmp_path: Path, changed: dict[str, object], words: str
) -> None:
    """A sidecar of ours that somebody has changed ends in a sentence."""
    run_id = imported(store, half_cycles(tmp_path / "a.bdf.csv")).run_id
    table = exported(store, run_id, "bdf-csv", tmp_path / "out").files[0]
    beside = sidecar_path(table)
    beside.write_text(json.dumps(json.loads(beside.read_text()) | changed))
    with pytest.raises(ImportFailed, match=words):
        imported(store, table)


def test_sidecar_of_another_program_hinders_no_import(store: Store, tmp_path: Path) -> None:
    """Metadata that somebody else has put beside a table are not ours, and nothing is asked of them."""
    path = half_cycles(tmp_path / "a.bdf.csv")
    sidecar_path(path).write_text('{"title": "mine", "run": "x", "tests": [1]}')
    assert imported(store, path).records == 28


def test_name_that_no_text_stands_for_is_refused(store: Store, tmp_path: Path) -> None:
    """A file that was copied under a name in GBK has a name of bytes here, which no run could bear."""
    path = half_cycles(tmp_path / os.fsdecode(b"\xb5\xe7.csv"))
    with pytest.raises(ImportFailed, match=r"is a name in another encoding.*rename the file"):
        imported(store, path)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        (0, "1e300", "record 28: test_time_s is 1e"),
        (1, "-90000", "record 28: unix_time_s is -90000"),
        (1, "1e300", "record 28: unix_time_s is 1e"),
        (2, "1e308", "record 28: voltage_v is 1e"),
        (3, "-1e308", "record 28: current_a is -1e"),
        (4, "1099511627776", "record 28: cycle is 1.0"),
        (4, "-3", "record 28: cycle is -3"),
        (5, "4611686018427387904", "record 28: step_count is 4.6"),
    ],
)
def test_number_that_no_instrument_gives_is_refused(
    store: Store, tmp_path: Path, column: int, value: str, words: str
) -> None:
    """A run with such a number could be neither drawn nor exported: its record is named instead."""
    path = half_cycles(tmp_path / "a.bdf.csv")
    lines = path.read_text().splitlines()
    fields = lines[-1].split(",")
    path.write_text("\n".join([*lines[:-1], ",".join([*fields[:column], value, *fields[column + 1 :]])]) + "\n")
    with pytest.raises(ImportFailed, match=words):
        imported(store, path)
    assert store.runs() == []


def test_times_of_day_in_milliseconds_are_refused(store: Store, tmp_path: Path) -> None:
    """A column of seconds since 1970 that others have filled with milliseconds is told as what it is."""
    path = half_cycles(tmp_path / "a.bdf.csv")
    path.write_text(re.sub(rf",({AT // 1000}\d*),", r",\g<1>000,", path.read_text()))
    with pytest.raises(
        ImportFailed, match=r"record 1: unix_time_s is 1\.7e\+12, which no instrument gives \(are they milli"
    ):
        imported(store, path)


@pytest.mark.parametrize("short", ["", "3", "3.4,0.0", "3.4,0.001,1"], ids=["time", "digit", "columns", "cycle"])
def test_line_of_a_table_that_lacks_fields_is_refused(store: Store, tmp_path: Path, short: str) -> None:
    """A line cut in the middle of a file is named: its fields that are not there would be read as blanks."""
    path = half_cycles(tmp_path / "a.bdf.csv")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:5], f"45,{AT + 45},{short}\n", *lines[5:]]))
    with pytest.raises(ImportFailed, match=r"its line 6 has \d of 7 columns"):
        imported(store, path)
    assert store.runs() == []


@pytest.mark.parametrize("ending", ["csv", "bdf-csv", "neware-csv", "impedance-csv"])
def test_text_that_is_cut_in_its_last_line_is_refused(store: Store, tmp_path: Path, ending: str) -> None:
    """Wherever the last line of a text is cut, also between two digits, none of it comes in."""
    options: dict[str, object] = {}
    if ending == "impedance-csv":
        path, options = tmp_path / "a.csv", {"started_unix_s": float(AT)}
        path.write_text("1000,1.5,-0.25\n100,2.5,-0.75\n")
    else:
        run_id = imported(store, half_cycles(tmp_path / "a.bdf.csv")).run_id
        path = exported(store, run_id, ending, tmp_path / "out").files[0]
        options = {"zone": UTC_ZONE} if ending == "neware-csv" else {}
    whole = path.read_bytes()
    last = whole.rstrip(b"\n").rpartition(b"\n")[2]
    for lost in range(1, len(last) + 1):
        path.write_bytes(whole[:-lost])
        with pytest.raises(ImportFailed, match="its last line has no end"):
            imported(None, path, **options)
    path.write_bytes(whole)
    assert imported(None, path, **options).records in (2, 28)


def test_names_that_a_run_bears_are_one_line_of_letters(store: Store, tmp_path: Path) -> None:
    """A file and what it says of its cell may have names of any length and with any bytes; pictures cannot."""
    path = half_cycles(tmp_path / "a\x07b\nc.bdf.csv")
    run = store.run(imported(store, path).run_id)
    assert (run.cell, run.recipe, run.imported_from) == ("a b c", "a b c.bdf.csv", "a b c.bdf.csv")
    table = exported(store, run.run_id, "bdf-csv", tmp_path / "out").files[0]
    beside = sidecar_path(table)
    facts = json.loads(beside.read_text())
    facts["run"]["cell_facts"]["name"], facts["run"]["label"] = "\x1b[31m" + 300 * "x", "y\x00" * 100
    beside.write_text(json.dumps(facts))
    run = store.run(imported(store, table).run_id)
    assert run.cell == ("[31m" + 300 * "x")[:200]
    assert run.label == ("y " * 100)[:64]
    for option in (("--label", 65 * "x"), ("--label", "a\x07"), ("--channel", "a\n")):
        done = cellrig("import", path, *option, "--dry-run")
        refused(done, 2, "at most 64 letters, and no control characters")


def test_current_against_the_voltage_is_refused_where_no_word_says_its_sign(store: Store, tmp_path: Path) -> None:
    """A table without kinds of steps whose positive current discharges is seen by the voltage, which every cell has."""
    path = half_cycles(tmp_path / "a.bdf.csv")
    lines = [line.rpartition(",")[0] for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines) + "\n")
    done = imported(store, path)
    (sign,) = [one for one in done.decisions if one.what == "sign of the current"]
    assert "the voltage follows the current at 3 of 3 changes" in sign.told_by
    turned = [line.split(",") for line in lines[1:]]
    rows = [",".join([*row[:3], str(-float(row[3])), *row[4:]]) for row in turned]
    path.write_text("\n".join([lines[0], *rows]) + "\n")
    with pytest.raises(ImportFailed, match="the voltage falls where the current rises, at 3 of 3 changes"):
        imported(store, path)
    run_id = imported(store, path, positive="discharge").run_id
    assert sample_table(store, run_id)["current_a"][1] == 1e-3
