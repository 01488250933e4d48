"""Neware's own files and BTSDA's exports come in with every record, and what they do not say is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from orchestrator.importing.errors import ImportFailed
from orchestrator.importing.importing import import_file
from orchestrator.importing.outcome import Imported
from orchestrator.importing.read_run import Decisions, ImportOptions
from orchestrator.importing.standstills import with_rebuilt_time
from orchestrator.store import Store
from orchestrator.tables.run_data import RunData
from orchestrator.tables.sample_table import sample_table
from tests.import_rig import UTC_ZONE, imported
from tests.ndax_files import CLOCK_S, HOUR_S, li_li


def decided(found: Imported) -> dict[str, str]:
    """Give what was decided about a file, by what it is about."""
    return {one.what: f"{one.value} ({one.told_by})" for one in found.decisions}


def test_ndax_keeps_records_at_0_v_and_shows_its_standstill(store: Store, tmp_path: Path) -> None:
    """Records at 0 V stay (NewareNDA drops them), and an hour in which nothing was recorded is an hour of test time."""
    li_li(tmp_path / "a.ndax")
    done = imported(store, tmp_path / "a.ndax")
    rows = sample_table(store, done.run_id)
    assert rows.height == 21
    assert rows["voltage_v"].to_list() == [0.0] * 7 + [0.03] * 7 + [-0.03] * 7
    assert rows["current_a"].to_list() == [0.0] * 7 + [2e-4] * 7 + [-2e-4] * 7
    assert rows["mode"].unique(maintain_order=True).to_list() == ["rest", "cc", "dc"]
    assert rows["cycle"].unique(maintain_order=True).to_list() == [1, 2]
    assert rows["test_time_s"][-1] == pytest.approx(180 + HOUR_S, abs=1e-6)
    assert rows["unix_time_s"][0] == CLOCK_S
    assert rows["capacity_ah"][13] == pytest.approx(2e-4 * 60 / 3600, rel=1e-6)
    words = decided(done)
    assert "7 kept" in words["records at 0 V"]
    assert "add up to 180.000 s, its clock went 3780.000 s: 1 standstills" in words["test time"]
    assert "UTC" in words["time zone"]
    assert "the file's own, up to 2" in words["cycle numbers"]


@pytest.mark.parametrize(
    ("jumps_s", "standstills_s"),
    [
        ({2: 3600.0, 7: 1800.0}, {2: 3600.0, 7: 1800.0}),
        # Put back by an hour: what stood still before and behind it is still known.
        ({2: 1200.0, 5: -3600.0, 8: 1800.0}, {2: 1200.0, 8: 1800.0}),
        # The end of summer time: back, and forward again when the hour that was there twice is over.
        ({2: 1200.0, 5: -3600.0, 8: 3601.0}, {2: 1200.0}),
        # A clock that jitters by up to a second shows what is longer than two.
        ({2: 1.9, 3: -1.0, 5: 0.9, 8: 30.0}, {8: 30.0}),
    ],
)
def test_clock_that_was_put_back_hides_no_standstill(
    jumps_s: dict[int, float], standstills_s: dict[int, float]
) -> None:
    """One hour of a clock that was put back kept every standstill of the table out of its test time."""
    at = range(10)
    clock_s = [CLOCK_S + 0.5 + 10.0 * n + sum(by for place, by in jumps_s.items() if place <= n) for n in at]
    table = pl.DataFrame({"test_time_s": [10.0 * n for n in at], "unix_time_s": clock_s})
    decisions = Decisions()
    times = with_rebuilt_time(table, decisions)["test_time_s"].to_list()
    assert times == [10.0 * n + sum(by for place, by in standstills_s.items() if place <= n) for n in at]
    (told,) = (one.sentence for one in decisions.made)
    assert f"{len(standstills_s)} standstills are between records" in told
    assert ("goes back 1 times" in told) is (min(jumps_s.values()) < 0)
    assert ("and forward again 1 times" in told) is (3601.0 in jumps_s.values())


def test_cycles_are_counted_anew_where_a_person_says_so(store: Store, tmp_path: Path) -> None:
    """The tester's own cycle numbers come first; ``auto`` begins a cycle with the direction of the first half."""
    li_li(tmp_path / "a.ndax")
    done = imported(store, tmp_path / "a.ndax", cycles="auto")
    assert set(sample_table(store, done.run_id)["cycle"]) == {1}
    assert "each begins with its charge (--cycles auto)" in decided(done)["cycle numbers"]


@pytest.mark.parametrize("part", ["data_step.ndc", "data_runInfo.ndc"])
def test_copy_of_a_running_test_is_told(store: Store, tmp_path: Path, part: str) -> None:
    """What is missing in a .ndax is named before any reader is called, and nothing is kept."""
    li_li(tmp_path / "a.ndax", (part,))
    with pytest.raises(ImportFailed, match=f"lacks {part}: it is the incomplete copy of a running test"):
        imported(store, tmp_path / "a.ndax")
    assert store.runs() == []
    assert sorted(path.name for path in tmp_path.iterdir() if "sqlite" not in path.name) == ["a.ndax"]


ENGLISH = "DataPoint,Cycle Index,Step Index,Step Type,Time,Total Time,Current(mA),Voltage(V),Capacity(mAh),Date"
CHINESE = "数据序号,循环号,工步号,工步类型,时间,总时间,电流(A),电压(V),容量(Ah),绝对时间"
ROWS = (
    (1, 1, 1, "Rest", "搁置", "0:00:00", "00:00:00", 0, 0, "2026-03-28 23:00:00"),
    (2, 1, 1, "Rest", "搁置", "0:01:00", "00:01:00", 0, 0, "2026-03-28 23:01:00"),
    (3, 1, 2, "CC Chg", "恒流充电", "0:00:00", "00:01:00", 0.157, 0, "2026-03-28 23:01:00"),
    (4, 1, 2, "CC Chg", "恒流充电", "3:00:00.500", "03:01:00.500", 0.157, 0.471, "2026-03-29 03:01:00"),
    (5, 1, 3, "CCCV DChg", "恒流恒压放电", "0:10:00", "03:11:00.5", -0.157, 0.026, "2026-03-29 03:11:00"),
)


def vendor_text(chinese: bool, change: Callable[[str], str] = str) -> bytes:
    """Give an export of BTSDA: English in mA and UTF-8, or Chinese in A and GBK."""
    lines = [CHINESE if chinese else ENGLISH]
    for point, cycle, step, english, word, time, total, current_ma, mah, date in ROWS:
        amounts = [f"{value / 1000:.6g}" if chinese else value for value in (current_ma, mah)]
        values = (time, total, amounts[0], 3.25, amounts[1], date)
        lines.append(",".join(map(str, (point, cycle, step, word if chinese else english, *values))))
    return change("\r\n".join(lines) + "\r\n").encode("gbk" if chinese else "utf-8")


@pytest.mark.parametrize("chinese", [False, True], ids=["english", "chinese"])
def test_exports_of_btsda_come_in_in_both_languages(store: Store, tmp_path: Path, chinese: bool) -> None:
    """Heads name role and unit, 0.157 mA is 0.000157 A, and a night of clocks put forward is an hour shorter."""
    path = tmp_path / "record.csv"
    path.write_bytes(vendor_text(chinese))
    done = imported(store, path, zone=ZoneInfo("Europe/Zurich"))
    rows = sample_table(store, done.run_id)
    assert rows["current_a"].to_list() == [0.0, 0.0, 0.000157, 0.000157, -0.000157]
    assert rows["capacity_ah"].to_list() == [0.0, 0.0, 0.0, 0.000471, 0.000026]
    assert rows["mode"].to_list() == ["rest", "rest", "cc", "cc", "cccd"]
    assert rows["step_count"].to_list() == [1, 1, 2, 2, 3]
    assert rows["step_time_s"].to_list() == [0.0, 60.0, 0.0, 10800.5, 600.0]
    assert rows["test_time_s"].to_list() == [0.0, 60.0, 60.0, 10860.5, 11460.5]
    assert rows["unix_time_s"][4] - rows["unix_time_s"][0] == 4 * 3600 + 11 * 60 - 3600
    assert "Europe/Zurich" in decided(done)["time zone"]


CYCLE_HEADS = "Cycle Index,Chg. Cap.(mAh),DChg. Cap.(mAh),Chg. Time"
STEP_HEADS = ",Step Index,Step Number,Step Type,Step Time,Capacity(mAh)"
RECORD_HEADS = ",,DataPoint,Time,Total Time,Current(mA),Voltage(V),Capacity(mAh),Date"


def layered_text(path: Path, joined: bool, padded: bool = False) -> None:
    """Write all layers as BTSDA does; ``joined``: cycle and first step on one line, as in cellpy's test data."""
    lines, last = [CYCLE_HEADS, STEP_HEADS, RECORD_HEADS], None
    for point, cycle, step, english, _, time, total, current_ma, mah, date in ROWS:
        if step != last:
            of_step = f"{step},{step},{english},0:00:10,0.1"
            if last is None and joined:
                lines.append(f"{cycle},0.1,0.2,3:00:00,{of_step}")
            else:
                lines += [f"{cycle},0.1,0.2,3:00:00"] * (last is None) + [f",{of_step}"]
            last = step
        lines.append(f",,{point},{time},{total},{current_ma},3.25,{mah},{date}")
    columns = RECORD_HEADS.count(",")
    if padded:
        lines = [line + "," * (columns - line.count(",")) for line in lines]
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("joined", [False, True], ids=["apart", "joined"])
@pytest.mark.parametrize("padded", [False, True], ids=["bare", "padded"])
def test_text_of_all_layers_comes_in_as_its_records_do(
    store: Store, tmp_path: Path, joined: bool, padded: bool
) -> None:
    """Cycle, step and kind of step of a record are those of the lines above it."""
    layered_text(tmp_path / "a.csv", joined, padded)
    (tmp_path / "b.csv").write_bytes(vendor_text(False))
    tables = [
        sample_table(store, imported(store, tmp_path / name, zone=UTC_ZONE).run_id).drop("run_id", "test")
        for name in ("a.csv", "b.csv")
    ]
    assert tables[0].equals(tables[1])
    text = (tmp_path / "a.csv").read_text()
    (tmp_path / "a.csv").write_text(text.replace("CC Chg", ""))
    done = imported(store, tmp_path / "a.csv", zone=UTC_ZONE)
    assert sample_table(store, done.run_id)["mode"].to_list() == ["rest", "rest", "", "", "cccd"]


def test_text_of_layers_that_is_not_whole_is_told(store: Store, tmp_path: Path) -> None:
    """A text that was cut, a record without a step above it, and steps without their kind end in a sentence."""
    path = tmp_path / "a.csv"
    layered_text(path, joined=False)
    text = path.read_text()
    lines = text.splitlines(keepends=True)
    for spoiled, words in (
        (text[:-30], "its last line has no end"),
        (text.replace(lines[5], ",,2\n"), "its line 6 has 3 of 9 columns"),
        ("".join(lines[:3] + lines[5:]), "records before the line of their step"),
        (text.replace("Step Type", "Remark"), "begins with 'Cycle Index,"),
    ):
        path.write_text(spoiled)
        with pytest.raises(ImportFailed, match=words):
            imported(store, path, zone=UTC_ZONE)
    assert store.runs() == []


def test_heads_of_older_versions_are_known(store: Store, tmp_path: Path) -> None:
    """Heads that other programs' test data show: a date, a state, and capacities that are called capacitances."""
    path = tmp_path / "old.csv"
    path.write_text(
        "Record number,State,Cycle,Steps,Current(mA),Voltage(V),Capacitance_Chg(mAh),Capacitance_DChg(mAh),"
        "Engy_Chg(mWh),Engy_DChg(mWh),Time(h:min:s.ms),DateTime\n"
        "1,CC_Chg,1,1,1.5,3.25,0,0,0,0,0:00:00.000,2026-01-01 00:00:00\n"
        "2,CC_DChg,1,2,-1.5,3.25,0,0.5,0,2,0:10:00.000,2026-01-01 00:10:00\n"
    )
    rows = sample_table(store, imported(store, path, zone=UTC_ZONE).run_id)
    assert rows.select("mode", "step", "capacity_ah", "unix_time_s").rows() == [
        ("cc", 1, 0.0, 1767225600.0),
        ("dc", 2, 0.0005, 1767226200.0),
    ]


def test_capacities_that_run_on_are_made_those_of_steps(store: Store, tmp_path: Path) -> None:
    """Where charge and discharge both stand in a record, each step has what they rose by in it, from 0 on."""
    path = tmp_path / "running.csv"
    path.write_text(
        "DataPoint,Cycle Index,Step Index,Step Type,Time,Current(mA),Voltage(V),Chg. Cap.(mAh),DChg. Cap.(mAh),Date,"
        "Power(W)\n"
        "1,1,1,CC Chg,0:00:00,1,3.2,0,0,2026-01-01 00:00:00,1\n"
        "2,1,1,CC Chg,0:30:00,1,3.2,0.5,0,2026-01-01 00:30:00,1\n"
        "3,1,2,CC DChg,0:00:00,-1,3.2,0.5,0,2026-01-01 00:30:00,1\n"
        "4,1,2,CC DChg,0:15:00,-1,3.2,0.5,0.25,2026-01-01 00:45:00,1\n"
        "5,2,1,CC Chg,0:00:00,1,3.2,0,0,2026-01-01 00:45:00,1\n"
        "6,2,1,CC Chg,0:30:00,1,3.2,0.5,0,2026-01-01 01:15:00,1\n"
    )
    done = imported(store, path, zone=UTC_ZONE)
    assert sample_table(store, done.run_id)["capacity_ah"].to_list() == [0.0, 0.0005, 0.0, 0.00025, 0.0, 0.0005]
    told = decided(done)
    assert told["capacity of a step"].startswith("less what it was at the end of the step before")
    assert told["units"].startswith("Current(mA), Voltage(V), Chg. Cap.(mAh), DChg. Cap.(mAh) (")
    assert told["left out"].startswith("Power(W) (")


def test_kinds_of_steps_that_nobody_knows_are_told(store: Store, tmp_path: Path) -> None:
    """A word stays as it is, and the decisions say that no direction follows from it."""
    path = tmp_path / "record.csv"
    path.write_bytes(vendor_text(False, lambda text: text.replace("CC Chg", "Formation")))
    done = imported(store, path, zone=UTC_ZONE)
    assert sample_table(store, done.run_id)["mode"].to_list() == ["rest", "rest", "Formation", "Formation", "cccd"]
    assert decided(done)["kinds of steps"].startswith("Formation (words that are not known")


def test_what_a_table_does_not_say_is_asked_for(store: Store, tmp_path: Path) -> None:
    """Zone, unit and sign: each missing or contradictory one is named with the option that says it."""
    path = tmp_path / "record.csv"
    path.write_bytes(vendor_text(False))
    with pytest.raises(ImportFailed, match=r"tell no time zone; say that of the computer.*--zone"):
        imported(store, path)
    path.write_bytes(vendor_text(False, lambda text: text.replace("Current(mA)", "Current")))
    with pytest.raises(ImportFailed, match="'Current' names no unit that is known; say it: --unit mA"):
        imported(store, path, zone=UTC_ZONE)
    assert imported(None, path, zone=UTC_ZONE, current_unit="uA").records == 5

    def turned(text: str) -> str:
        return text.replace(",0.157,3", ",-0.157,3").replace(",-0.157,3.25,0.026", ",0.157,3.25,0.026")

    path.write_bytes(vendor_text(False, turned))
    with pytest.raises(ImportFailed, match="the current of 3 records contradicts their step"):
        imported(store, path, zone=UTC_ZONE)
    run_id = imported(store, path, zone=UTC_ZONE, positive="discharge").run_id
    assert sample_table(store, run_id)["current_a"][3] == 0.000157


def workbook(path: Path, spoil: object = None) -> None:
    """Write a workbook of BTSDA: a sheet about the test, then two sheets of records."""
    from openpyxl import Workbook

    book = Workbook()
    book.active["A1"] = "Test information"
    for name, rows in (("record", ROWS[:3]), ("record_2", ROWS[3:])):
        sheet = book.create_sheet(name)
        sheet.append(ENGLISH.split(","))
        for point, cycle, step, english, _, time, total, current_ma, mah, date in rows:
            sheet.append([point, cycle, step, english, time, total, current_ma, 3.25, mah, date])
    if spoil is not None:
        book["record"]["G2"] = spoil
    book.save(path)


def test_workbook_of_btsda_comes_in_as_its_text_does(store: Store, tmp_path: Path) -> None:
    """Sheets of records go on one behind the other, and give the rows of the text."""
    workbook(tmp_path / "a.xlsx")
    (tmp_path / "a.csv").write_bytes(vendor_text(False))
    tables = [
        sample_table(store, imported(store, tmp_path / name, zone=UTC_ZONE).run_id).drop("run_id", "test")
        for name in ("a.xlsx", "a.csv")
    ]
    assert tables[0].equals(tables[1])


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.csv", b"", "is empty"),
        ("a.xlsx", b"PK\3\4 and then nothing", "cut off or damaged"),
        ("a.bin", b"\x7fELF\2\1\1" + bytes(40), "no file that is known here"),
        ("a.nda", b"NEWARE" + bytes(8) + b"\x1d" + bytes(100), "cannot be read .* cut off, damaged"),
        ("a.csv", b"one,two\n1,2\n", "begins with 'one, two'"),
        ("a.csv", vendor_text(False)[:-40], "its last line has no end"),
        ("a.csv", vendor_text(False).replace(b"3.25", b"3,25"), "cannot be read as a table"),
        ("a.csv", vendor_text(False).replace(b"3.25", b"inf"), "no value|infinite"),
        ("a.csv", vendor_text(False).replace(b"0:01:00,", b"soon,"), "record 2: Time is 'soon'"),
    ],
)
def test_bad_files_leave_nothing(store: Store, tmp_path: Path, name: str, data: bytes, words: str) -> None:
    """A file that is empty, cut off, of another kind or with words for numbers ends in a sentence, no more."""
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ImportFailed, match=words):
        import_file(store, path, ImportOptions(zone=UTC_ZONE), by="", progress=lambda _done, _all: None)
    assert store.runs() == []
    assert not list(tmp_path.glob("*.originals"))


def test_formulas_and_bombs_are_refused(store: Store, tmp_path: Path) -> None:
    """A formula is no value, and a small file that unpacks to gigabytes is no measurement."""
    import zipfile

    workbook(tmp_path / "a.xlsx", "=1+1")
    with pytest.raises(ImportFailed, match="sheet record, cell G2 is a formula"):
        imported(store, tmp_path / "a.xlsx", zone=UTC_ZONE)
    with zipfile.ZipFile(tmp_path / "b.ndax", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("data.ndc", bytes(2**27))
    with pytest.raises(ImportFailed, match=r"would unpack to 128 MiB, .* no measurement does"):
        imported(store, tmp_path / "b.ndax")


SECOND = "Record Index,Cycle Index,Step Index,Step Type,Time,Total Time,Current(A),Voltage(V),Capacity(mAh),Date"


def records_of(point: int, step: int) -> list[list[object]]:
    """Give two records of a charge, a minute apart, that end a minute after the ``point``-th."""
    times = [f"0:{point + late:02}:00" for late in (0, 1)]
    return [
        [point + late, 1, step, "CC Chg", f"0:0{late}:00", times[late], 0.157, 3.25, 0, f"2026-03-01 {times[late]}"]
        for late in (0, 1)
    ]


@pytest.mark.parametrize(
    ("sheets", "words"),
    [
        (
            {"record": (ENGLISH, 1), "record_2": (SECOND, 3)},
            "sheets record and record_2 hold records under other heads",
        ),
        ({"Detail_21_1_1": (ENGLISH, 1), "Detail_21_1_2": (ENGLISH, 1)}, "record 3: it has number 1 after 2"),
        (
            {"record_2": (ENGLISH, 3), "record": (ENGLISH, 1)},
            "record 3: it has number 1 after 4, and its time goes back",
        ),
    ],
    ids=["other heads", "two channels", "other order"],
)
def test_sheets_that_are_not_one_test_are_refused(
    store: Store, tmp_path: Path, sheets: dict[str, tuple[str, int]], words: str
) -> None:
    """No sheet of records is left out without a word, and two tests never become one run."""
    from openpyxl import Workbook

    book = Workbook()
    for name, (heads, point) in sheets.items():
        sheet = book.create_sheet(name)
        for row in (heads.split(","), *records_of(point, point)):
            sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(ImportFailed, match=words):
        imported(store, tmp_path / "a.xlsx", zone=UTC_ZONE)
    assert store.runs() == []


def test_numbers_of_records_that_are_missing_or_repeat_are_told(store: Store, tmp_path: Path) -> None:
    """What was lost before the export is said; a table that is there twice is refused, one numbered anew is not."""

    def text(rows: list[list[object]], name: str) -> Path:
        path = tmp_path / name
        path.write_text("\n".join([ENGLISH, *(",".join(map(str, row)) for row in rows)]) + "\n")
        return path

    whole = [*records_of(1, 1), *records_of(6, 2)]
    done = imported(store, text(whole, "a.csv"), zone=UTC_ZONE)
    assert "3 of them are missing" in decided(done)["record numbers"]
    assert sample_table(store, done.run_id)["sequence"].to_list() == [1, 2, 6, 7]
    with pytest.raises(ImportFailed, match="record 5: it has number 1 after 7, and its time goes back too"):
        imported(store, text(whole + whole, "b.csv"), zone=UTC_ZONE)
    anew = [[1 + at % 2, *row[1:]] for at, row in enumerate(whole)]
    done = imported(store, text(anew, "c.csv"), zone=UTC_ZONE)
    assert "fall or repeat 1 times" in decided(done)["record numbers"]
    assert sample_table(store, done.run_id)["sequence"].to_list() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("charged", "discharged", "capacity"),
    [("0", "1", [0.0, 1e-3, 1e-3]), ("1", "0.25", [0.0, 1e-3, 0.25e-3])],
    ids=["step", "cycle"],
)
def test_capacities_of_both_ways_are_those_of_a_step(
    store: Store, tmp_path: Path, charged: str, discharged: str, capacity: list[float]
) -> None:
    """Where charge and discharge have both counted in a record they go on over a cycle, and the step has the rest."""
    heads = ENGLISH.replace("Capacity(mAh)", "Chg. Cap.(mAh),DChg. Cap.(mAh)")
    rows = [
        "1,1,1,CC Chg,0:00:00,0:00:00,1,3.2,0,0,2026-03-01 00:00:00",
        "2,1,1,CC Chg,1:00:00,1:00:00,1,3.3,1,0,2026-03-01 01:00:00",
        f"3,1,2,CC DChg,1:00:00,2:00:00,-1,3.1,{charged},{discharged},2026-03-01 02:00:00",
    ]
    (tmp_path / "a.csv").write_text("\n".join([heads, *rows]) + "\n")
    done = imported(store, tmp_path / "a.csv", zone=UTC_ZONE)
    assert sample_table(store, done.run_id)["capacity_ah"].to_list() == capacity
    assert ("capacity of a step" in decided(done)) == (charged == "1")


@pytest.mark.parametrize(("unit", "is_left_out"), [("mAh", False), ("Ah", True), ("uAh", True), ("zero", True)])
def test_capacities_in_another_unit_than_the_current_are_left_out(
    store: Store, tmp_path: Path, unit: str, is_left_out: bool
) -> None:
    """Counts a thousand times off the current over time, or at zero while it flows, are no charge of any step."""
    lines = [ENGLISH.replace("mAh", unit.replace("zero", "mAh"))]
    for at in range(7):
        mah = 0 if unit == "zero" else f"{at / 6:.6f}"
        lines.append(f"{at + 1},1,1,CC Chg,0:{at}0:00,0:{at}0:00,1,3.2,{mah},2026-03-01 00:{at}0:00")
    lines[-1] = lines[-1].replace("0:60:00", "1:00:00").replace("00:60:00", "01:00:00")
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    done = imported(store, tmp_path / "a.csv", zone=UTC_ZONE)
    capacities = sample_table(store, done.run_id)["capacity_ah"]
    assert (capacities.null_count() == 7) is is_left_out
    assert ("the current over time to 1 mAh" in decided(done).get("capacity", "")) is is_left_out
    (step,) = RunData(store, done.run_id).steps
    assert step.executed.capacity_ah == pytest.approx(1e-3)


def test_second_column_for_one_thing_and_a_column_without_values_are_told(store: Store, tmp_path: Path) -> None:
    """Of two currents the first one counts, and the other is named; a current that is blank is not said to be none."""
    heads, *lines = vendor_text(False).decode().split("\r\n")[:-1]
    both = [f"{heads},Cur(A)", *(f"{line},7" for line in lines)]
    (tmp_path / "a.csv").write_text("\n".join(both) + "\n")
    done = imported(store, tmp_path / "a.csv", zone=UTC_ZONE)
    assert decided(done)["columns"] == "Cur(A) was passed over (Current(mA) is for the same, and is first)"
    assert sample_table(store, done.run_id)["current_a"][3] == 0.000157
    blank = [heads, *(",".join(["" if at == 6 else one for at, one in enumerate(line.split(","))]) for line in lines)]
    (tmp_path / "b.csv").write_text("\n".join(blank) + "\n")
    assert "unknown" in decided(imported(store, tmp_path / "b.csv", zone=UTC_ZONE))["sign of the current"]
