"""Imported runs are where runs are, marked, and never where runs are commanded; each file comes in once and whole."""

from __future__ import annotations

import json
import re
import stat
from math import nan
from pathlib import Path

import polars as pl
import pytest

from orchestrator.analysis.parts import Part
from orchestrator.analysis.run_analysis import analyse
from orchestrator.analysis.summary import details
from orchestrator.importing.errors import ImportFailed
from orchestrator.importing.importing import import_file
from orchestrator.importing.originals import folder_of, kept_path, sha256_of
from orchestrator.importing.read_run import ImportOptions
from orchestrator.runs.recovery import Recovery
from orchestrator.states import RunState
from orchestrator.store import Mountings, Store, open_store
from orchestrator.store.health import check_store
from orchestrator.store.imports import IMPORTED, Imports
from orchestrator.store.row_checks import Level
from orchestrator.tables.run_data import RunData
from orchestrator.tables.sample_table import sample_table
from protocols.loading import load_cell
from tests.chi_texts import Text
from tests.command_line import cellrig, refused
from tests.export_rig import exported, made
from tests.import_rig import AT, UTC_ZONE, half_cycles, imported
from tests.rig import CHANNEL, Rig

HELD, SWEPT = [(0.0, 1e-3), (1.0, 2e-3)], [(0.1, 1e-3), (0.2, 2e-3)]


def test_run_of_a_file_is_over_marked_and_on_no_channel_of_a_bench(store: Store, tmp_path: Path) -> None:
    """Its state, its channel and its mark say so, and steps, cycles and numbers are those of its records."""
    done = imported(store, half_cycles(tmp_path / "lab__A17__20231114_001.bdf.csv"))
    run = store.run(done.run_id)
    assert (run.state, run.channel, run.cell) == (RunState.COMPLETED, IMPORTED, "A17")
    assert run.imported_from == "lab__A17__20231114_001.bdf.csv"
    assert run.simulated is None
    data = RunData(store, done.run_id)
    assert [step.executed.mode for step in data.steps] == ["cc", "dc"] * 2
    assert [cycle.cycle for cycle in data.cycles] == [1, 2]
    first = data.cycles[0]
    assert first.charge_capacity_ah == pytest.approx(1e-3 / 60)
    assert first.discharge_capacity_ah == pytest.approx(9e-4 / 60)
    assert first.charge_mean_voltage_v == pytest.approx(3.5)
    assert [cycle.cycle for test in store.tests(done.run_id) for cycle in store.cycles(test.id)] == [1, 2]


async def test_nothing_that_commands_finds_an_imported_run(rig: Rig, store: Store, tmp_path: Path) -> None:
    """Recovery, the mountings and the commands' intents of a tester whose channel the file names know nothing of it."""
    path = half_cycles(tmp_path / "a.bdf.csv")
    run_id = import_file(store, path, ImportOptions(channel=CHANNEL), by="", progress=lambda _done, _all: None)[
        0
    ].run_id
    assert store.tests(run_id)[0].channel == CHANNEL
    recovery = Recovery(store, rig.tester)
    assert recovery.unfinished() == []
    assert store.open_intents() == []
    assert not store.start_was_sent(run_id)
    assert Mountings(store).last_use(CHANNEL) is None
    assert Mountings(store).open_runs(CHANNEL) == []
    assert store.connection.execute("SELECT count(*) FROM mounting").fetchone() == (0,)
    assert not store.run(run_id).state.can_be_resumed


def test_run_that_another_store_had_not_ended_is_over_here(store: Store, tmp_path: Path) -> None:
    """A live run of a backup is nobody's to resume: it is stopped, and says what it was."""
    with open_store(tmp_path / "other.db") as other:
        run_id = imported(other, half_cycles(tmp_path / "a.bdf.csv")).run_id
        other.set_run_state(run_id, RunState.TRIPPED, "limit exceeded", AT)
    done = imported(store, tmp_path / "other.db")
    run = store.run(done.run_id)
    assert (run.state, run.reason) == (RunState.STOPPED, "imported while it was tripped: limit exceeded")
    assert sample_table(store, done.run_id).height == 28


def test_same_file_is_imported_once(store: Store, tmp_path: Path) -> None:
    """Its contents tell a file, whatever it is called; ``again`` is the word for a second run of it."""
    path = half_cycles(tmp_path / "a.bdf.csv")
    first = imported(store, path)
    other = path.rename(tmp_path / "b.csv")
    second = imported(store, other)
    assert (second.is_known, second.run_id) == (True, first.run_id)
    assert len(store.runs()) == 1
    third = import_file(store, other, ImportOptions(), by="", progress=lambda _d, _a: None, again=True)[0]
    assert not third.is_known
    assert len(store.runs()) == 2


def test_original_is_kept_beside_the_store_and_cannot_be_changed(store: Store, tmp_path: Path) -> None:
    """Byte for byte, under its hash, without a right to write; and what was decided is kept with its run."""
    path = half_cycles(tmp_path / "a.bdf.csv")
    done = imported(store, path)
    kept = kept_path(store.path, done.sha256, ".bdf.csv")
    assert kept.read_bytes() == path.read_bytes()
    assert sha256_of(kept) == done.sha256
    assert not stat.S_IMODE(kept.stat().st_mode) & 0o222
    file = Imports(store).of(done.run_id)
    assert file is not None
    assert (file.file, file.imported_by, file.decisions) == ("a.bdf.csv", "ada", done.decisions)


def test_import_that_fails_on_its_way_leaves_nothing(store: Store, tmp_path: Path) -> None:
    """The last of a file's records cannot be written: no row, no cell and no copy of the file is left."""
    path = half_cycles(tmp_path / "a.bdf.csv")

    def stop(done: int, rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(store, path, ImportOptions(), by="", progress=stop)
    for table in ("run", "test", "sample", "step", "cell", "imported", "imported_test", "imported_step"):
        assert store.connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table  # noqa: S608 names of ours
    assert not folder_of(store.path).exists()


def test_store_with_imported_runs_is_sound(store_path: Path, tmp_path: Path) -> None:
    """A file that lacks records makes no finding: no tester can give them any more."""
    path = half_cycles(tmp_path / "a.csv")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:5] + lines[7:]))
    with open_store(store_path) as store:
        imported(store, path)
    wrong = [one.check for one in check_store(store_path, now_unix_s=AT).findings if one.level is Level.WRONG]
    assert wrong == []


def test_table_of_others_without_steps_is_cut_where_the_current_turns(store: Store, tmp_path: Path) -> None:
    """Time, voltage and current alone make half-cycles and cycles; when it was recorded must be said."""
    path = tmp_path / "plain.csv"
    rows = [f"{time},{3.0},{current}" for time, current in enumerate([0, 1, 1, -1, -1, 1, 1, -1])]
    path.write_text("test_time_second,Voltage / V,current_ampere\n" + "\n".join(rows) + "\n")
    with pytest.raises(ImportFailed, match=r"does not say when it was recorded.*--started"):
        imported(store, path)
    table = sample_table(store, imported(store, path, started_unix_s=float(AT)).run_id)
    assert table["step_count"].to_list() == [1, 2, 2, 3, 3, 4, 4, 5]
    assert table["cycle"].to_list() == [1, 1, 1, 1, 1, 2, 2, 2]
    assert table["unix_time_s"].to_list() == [AT + n for n in range(8)]


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (Text("ocpt", [(0.0, 3.1), (1.0, 3.2)]), {"zone": UTC_ZONE}, [3.1, 3.2]),
        (Text("i-t", HELD, ("Init E (V) = 0.5",)), {"zone": UTC_ZONE, "positive": "charge"}, [0.5, 0.5]),
        (Text("cv", SWEPT, ("Scan Rate (V/s) = 0.1",)), {"zone": UTC_ZONE, "positive": "discharge"}, [0.1, 0.2]),
        (Text("cp", [(0.0, 3.1), (1.0, 3.2)]), {"zone": UTC_ZONE}, [3.1, 3.2]),
    ],
    ids=["ocpt", "i-t", "cv", "cp"],
)  # fmt: skip
def test_traces_of_a_chi660e_come_in_without_a_current_made_up(
    store: Store, tmp_path: Path, text: Text, options: dict[str, object], words: list[float]
) -> None:
    """Potentials are those of the file, or the one that was held; a technique that records no current has none."""
    path = tmp_path / "trace.txt"
    path.write_bytes(text.bytes())
    with pytest.raises(ImportFailed, match="tells no time zone"):
        imported(store, path)
    table = sample_table(store, imported(store, path, **options).run_id)
    assert table["voltage_v"].to_list() == words
    expected = {"i-t": [1e-3, 2e-3], "cv": [-1e-3, -2e-3]}.get(text.tech, [None, None])
    assert table["current_a"].to_list() == expected
    assert table["unix_time_s"][0] == 1741083697.0
    assert table["test_time_s"][1] == pytest.approx(1.0)


BDF_BASE = "record_index,test_time_second,voltage_volt,current_ampere,unix_time_second,step_count,step_type"
BDF_ROWS = (
    "3,0,3.2,0.001,1766393064.5,1,CC_Chg",
    "4,10,3.3,0.001,1766393074.5,1,CC_Chg",
    "5,10,3.2,0,1766393074.5,2,Rest",
    "7,20,3.1,-0.001,1766393084.5,3,CC_DCH",
    "8,30,3.0,-0.001,1766393094.5,3,CC_DCH",
)
OF_STEPS_AH = [0.0, 0.0002, 0.0, 0.0, 0.0001]


@pytest.mark.parametrize(
    ("heads", "amounts", "wanted"),
    [
        ("step_cumulative_capacity_ah", ("0", "0.0002", "0", "0", ""), [*OF_STEPS_AH[:4], None]),
        ("step_net_capacity_ah", ("0", "0.0002", "0", "0", "-0.0001"), OF_STEPS_AH),
        (
            "Step Charging Capacity / Ah,Step Discharging Capacity / Ah",
            ("0,0", "0.0002,0", "0,0", "0,0", "0,0.0001"),
            OF_STEPS_AH,
        ),
        ("Step Capacity / Ah", ("0", "0.0002", "0", "0", "0.0001"), OF_STEPS_AH),
        (
            "charging_capacity_ah,discharging_capacity_ah",
            ("5,4", "5.0002,4", "5.0002,4", "5.0002,4", "5.0002,4.0001"),
            OF_STEPS_AH,
        ),
        (
            "Cycle Charging Capacity / Ah,Cycle Discharging Capacity / Ah",
            ("0,0", "0.0002,0", "0.0002,0", "0,0", "0,0.0001"),
            OF_STEPS_AH,
        ),
        ("cumulative_capacity_ah", ("1", "2", "", "2", "3"), [0.0, 1.0, None, 0.0, 1.0]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_capacity_of_battery_data_format_is_taken_from_any_of_its_columns(
    store: Store, tmp_path: Path, heads: str, amounts: tuple[str, ...], wanted: list[float | None]
) -> None:
    """By step or running on, net or each way: a step counts from 0. Words are ours then; what has no place is told."""
    path = tmp_path / "a.bdf.csv"
    rows = (f"{row},{amount},7" for row, amount in zip(BDF_ROWS, amounts, strict=True))
    path.write_text("\n".join((f"{BDF_BASE},{heads},Power / W", *rows)) + "\n")
    done = imported(store, path)
    table = sample_table(store, done.run_id)
    assert table["mode"].to_list() == ["cc", "cc", "rest", "dc", "dc"]
    assert table["sequence"].to_list() == [3, 4, 5, 7, 8]
    assert table["capacity_ah"].is_null().to_list() == [one is None for one in wanted]
    assert table["capacity_ah"].drop_nulls().to_list() == pytest.approx([one for one in wanted if one is not None])
    told = {one.what: one.value for one in done.decisions}
    assert told["capacity of a step"] == heads.replace(",", " and ")
    assert told["left out"] == "Power / W"
    assert "kinds of steps" not in told


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_not_a_number_is_a_missing_reading(store: Store, tmp_path: Path, ending: str) -> None:
    """Others write NaN where nothing was measured; where the format wants a number, such records are counted."""
    path = tmp_path / f"a.bdf{ending}"
    frame = pl.DataFrame(
        {
            "Test Time / s": [0.0, 1.0],
            "Voltage / V": [3.7, 3.6],
            "Current / A": [0.1, 0.1],
            "Unix Time / s": [1767571200.0, 1767571201.0],
            "Ambient Temperature / degC": [nan, 25.0],
            "Step Net Capacity / Ah": [nan, 0.1],
        }
    )
    for table in (frame, frame.with_columns(pl.Series("Voltage / V", [3.7, nan]))):
        table.write_csv(path) if ending == ".csv" else table.write_parquet(path)
        if table is frame:
            rows = sample_table(store, imported(store, path).run_id)
            assert rows.select("temperature_degc", "capacity_ah").rows() == [(None, None), (25.0, 0.1)]
    with pytest.raises(ImportFailed, match="1 records have no voltage_v"):
        imported(store, path)


@pytest.mark.parametrize("name", ["bdf-csv", "csv"])
def test_table_of_ours_that_was_cut_off_is_refused(store: Store, tmp_path: Path, name: str) -> None:
    """A last line that ends within a number is no record of 0 A."""
    path = tmp_path / "a.csv"
    whole = exported(store, made(store), name, tmp_path).files[0].read_bytes()
    path.write_bytes(whole[: whole.rfind(b",", 0, -40)])
    with pytest.raises(ImportFailed, match="its last line has no end"):
        imported(None, path)


def test_text_of_a_chi660e_without_a_last_line_end_is_told(tmp_path: Path) -> None:
    """Some real files have none: one whose last row is written as the others comes in, with the remark."""
    path = tmp_path / "trace.txt"
    whole = Text("i-t", HELD, ("Init E (V) = 0.5",)).bytes()
    told = []
    for data in (whole.rstrip(b"\r\n") + b"\r\n", whole.rstrip(b"\r\n")):
        path.write_bytes(data)
        done = imported(None, path, zone=UTC_ZONE, positive="charge")
        told.append([one.told_by for one in done.decisions if one.what == "end of the file"])
    assert told == [[], ["its last line is not ended; was it cut off?"]]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("Test Time / h,Current / A,Voltage / V,Step Type / 1", "Data Format, and none 'Test Time / s'"),
        ("Test Time / s,Current / mA,Voltage / V", "Data Format, and none 'Current / A'"),
    ],
)
def test_battery_data_format_in_other_units_is_named_so(tmp_path: Path, header: str, words: str) -> None:
    """What has its labels, and hours or milliamperes (BattMo's), is no text of a CHI660E, and no number is guessed."""
    path = tmp_path / "a.csv"
    path.write_text(f"{header}\n0.1,0.006,3.3,1\n")
    with pytest.raises(ImportFailed, match=words):
        imported(None, path, started_unix_s=0.0)


def test_sign_of_a_chi660e_is_asked_for(store: Store, tmp_path: Path) -> None:
    """Which direction is positive is a setting of its program, and in no file."""
    path = tmp_path / "trace.txt"
    path.write_bytes(Text("i-t", [(0.0, 1e-3), (1.0, 2e-3)], ("Init E (V) = 0.5",)).bytes())
    with pytest.raises(ImportFailed, match="cathodic ones are \\(--positive discharge\\)"):
        imported(store, path, zone=UTC_ZONE)


def test_table_of_another_program_comes_in_by_the_lines_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is it is refused, and the way is told: a column in seconds makes it no text of a CHI660E."""
    monkeypatch.chdir(tmp_path)
    Path("own.csv").write_text("time/s,Ewe/V,I/mA\n0.0,3.1,0.22\n30.0,3.2,0.22\n60.0,3.1,-0.22\n90.0,3.0,-0.22\n")
    refused(
        cellrig("import", "own.csv"), 1, "own.csv has the columns", "come in as Battery Data Format (docs/import.md)"
    )
    page = (Path(__file__).parent.parent / "docs" / "import.md").read_text("utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    exec(block, {})  # noqa: S102 - the page of ours
    (line,) = (line for line in page.splitlines() if line.startswith("cellrig import own.bdf.csv"))
    assert cellrig(*line.replace("lfp-17.yaml", "coated-lfp").split()[1:], "--store", "own.db").returncode == 0
    with open_store(tmp_path / "own.db", read_only=True) as store:
        assert sample_table(store, "R000001")["current_a"].to_list() == [0.00022, 0.00022, -0.00022, -0.00022]


def test_each_refusal_names_its_file(tmp_path: Path) -> None:
    """Of several files it must be known which one contradicts its own steps."""
    path = tmp_path / "old.csv"
    path.write_text(
        "DataPoint,Cycle Index,Step Index,Step Type,Time,Current(mA),Voltage(V),Date\n"
        "1,1,1,CC Chg,00:00:00.000,-0.2,3.1,2025-03-01 09:00:00\n"
        "2,1,1,CC Chg,00:00:30.000,-0.2,3.2,2025-03-01 09:00:30\n"
    )
    refused(cellrig("import", path, "--zone", "UTC", "--dry-run"), 1, "cellrig: old.csv: the current of 2 records")


def test_short_of_an_imported_li_li_run_is_found_in_its_records(store: Store, tmp_path: Path) -> None:
    """Nobody has watched it: its analysis said that there was no short, and took the shorted half-cycle for sound."""
    lines = ["Test Time / s,Unix Time / s,Voltage / V,Current / A"]
    lines += [f"{at},{AT + at},{0.03 if at < 3600 else 0.0004},0.0001" for at in range(0, 7201, 30)]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    run_id = imported(store, tmp_path / "a.csv", cell=load_cell("bare-li-li").facts()).run_id
    found = analyse(RunData(store, run_id)).tables
    _, hard, _ = found[Part.FAILURES]
    assert hard.hours == pytest.approx(1.0)
    assert [half.shorted for half in found[Part.HALF_CYCLES]] == [True]


def test_two_imports_of_one_file_at_once_give_one_run(store: Store, tmp_path: Path) -> None:
    """What came in while a file was being read is seen before it is written once more."""
    path = half_cycles(tmp_path / "a.bdf.csv")

    def meanwhile(_sentence: str) -> None:
        with open_store(store.path) as other:
            assert imported(other, path).run_id == "R000001"

    (done,) = import_file(store, path, ImportOptions(), by="ada", progress=lambda _done, _all: None, said=meanwhile)
    assert (done.run_id, done.is_known) == ("R000001", True)
    assert [run.run_id for run in store.runs()] == ["R000001"]
    assert kept_path(store.path, done.sha256, ".bdf.csv").is_file()


def test_command_says_what_it_decided_and_what_it_could_not(tmp_path: Path) -> None:
    """Each file is told with its decisions; one that fails makes the status, and hinders no other."""
    good, store = half_cycles(tmp_path / "a.bdf.csv"), tmp_path / "lab.db"
    dry = cellrig("import", good, "--dry-run", "--store", store)
    assert "28 records, would be imported" in dry.stdout
    assert not store.exists()
    (tmp_path / "b.csv").write_text("what,is,this\n")
    done = cellrig("import", good, tmp_path / "b.csv", "--label", "A17", "--store", store, "--json")
    refused(done, 1, "b.csv begins with 'what, is, this'")
    (row,) = json.loads(done.stdout)["imports"]
    assert (row["run"], row["records"], row["is_known"]) == ("R000001", 28, False)
    assert {one["what"] for one in row["decisions"]} >= {"units", "sign of the current", "time zone", "cell"}
    assert "imported before, as R000001" in cellrig("import", good, "--store", store).stdout
    listed = cellrig("runs", "--store", store).stdout
    assert "completed (imported)" in listed
    assert "A17" in listed
    shown = cellrig("show", "R000001", "--store", store).stdout
    for words in ("Battery Data Format, read by cellrig", "sign of the current", row["sha256"][:16]):
        assert words in " ".join(shown.split())
    assert "records, imported as R000002\nabout " in cellrig("import", good, "--again", "--store", store).stdout
    refused(cellrig("import", good, "--zone", "Mars/Olympus", "--store", store), 2, "no time zone")
    refused(cellrig("import", good, "--started", "yesterday", "--store", store), 2, "say date, time and offset")


@pytest.mark.parametrize("cell", ["bare-li-li", "bare-li-cu", "bare-lfp"])
def test_imported_run_is_analysed_as_any_other_of_its_kind_of_cell(store: Store, tmp_path: Path, cell: str) -> None:
    """What needs the program has nothing to say; cycles and capacities are those of the records."""
    facts = load_cell(cell).facts()
    run_id = imported(store, half_cycles(tmp_path / "a.bdf.csv"), cell=facts).run_id
    found = analyse(RunData(store, run_id))
    assert store.run(run_id).cell == facts.name
    assert [row.cycle for row in found.tables[Part.CYCLES]] == [1, 2]
    assert found.tables[Part.CYCLES][0].charge_capacity_ah == pytest.approx(1e-3 / 60)
    assert details(store, run_id, 10)["imported"]["file"] == "a.bdf.csv"
    assert exported(store, run_id, "pyprobe", tmp_path).files
