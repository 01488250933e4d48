"""Analyses of stored runs: the command, its files and pictures; a table of a run gives what its store gives."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import cellrig as public
from orchestrator import analysis
from orchestrator.analysis.parts import Part
from orchestrator.analysis.run_analysis import parts_of, stored_findings
from orchestrator.analysis.shorts_of_run import marked
from orchestrator.analysis.summary import summarize
from orchestrator.cli.analysis_tables import text_tables
from orchestrator.report.key_numbers import ReportedRun, key_numbers
from orchestrator.report.morning_runs import Window, run_line
from orchestrator.report.picture_choices import Over
from orchestrator.report.picture_sheet import NothingToDraw, PictureOrder
from orchestrator.report.run_pictures import draw_runs
from orchestrator.shorts import ShortFinding, ShortKind
from orchestrator.store import Store, open_store
from orchestrator.tables.bdf_terms import BY_LABEL
from orchestrator.tables.run_data import RunData
from orchestrator.tables.sample_table import sample_table
from tests.analysis_truth import Recording, every, symmetric
from tests.command_line import cellrig, refused
from tests.export_rig import exported
from tests.run_maker import CUTS_S, PROGRAM, RunMaker

RATES = """
name: rates
title: Two rates
for: [lfp]
record: {every: 30 s, on_voltage_change: 10 mV}
steps:
  - {step: rest, until: {time: 5 min}}
  - step: repeat
    times: 2
    steps:
      - {step: constant_current, direction: charge, current: 2 C, until: {voltage: 4.0 V}}
      - {step: constant_current, direction: discharge, current: 2 C, until: {voltage: 2.8 V}}
  - step: repeat
    times: 2
    steps:
      - {step: constant_current, direction: charge, current: 1 C, until: {voltage: 4.0 V}}
      - {step: constant_current, direction: discharge, current: 1 C, until: {voltage: 2.8 V}}
"""

# The cell polarises by more than its cutoff allows, in its first half-cycle.
NARROW = """
name: narrow
title: A cutoff that a sound cell meets
for: [li-li]
record: {every: 30 s}
steps:
  - step: repeat
    times: 2
    steps:
      - {step: constant_current, direction: charge, current: 0.4 mA/cm2, until: {time: 10 min, voltage: 0.05 V}}
      - {step: constant_current, direction: discharge, current: 0.4 mA/cm2, until: {time: 10 min, voltage: -0.05 V}}
"""


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a store with a rate test of an LFP cell, and with a Li/Li run that was cut three times."""
    path = tmp_path_factory.mktemp("analysis") / "runs.db"
    public.simulate(public.Document("rates", RATES), "coated-lfp", path)
    public.simulate(public.Document("narrow", NARROW), "bare-li-li", path)
    with open_store(path) as store:
        RunMaker(store, PROGRAM).run(CUTS_S)
    return path


@pytest.fixture
def opened(stored: Path) -> Iterator[Store]:
    """Give that store, to read."""
    with open_store(stored, read_only=True) as store:
        yield store


def test_table_of_a_run_gives_the_cycles_of_its_store(opened: Store) -> None:
    """The sample table, with what the store knows of the steps' ends, has each cycle's numbers; inferred ends too."""
    data = RunData(opened, "R000001")
    cell = data.program.cell
    whole = analysis.analyse(data).tables[Part.CYCLES]
    samples = sample_table(opened, "R000001")
    for ends in (analysis.stored_ends(data), None):
        rows = analysis.cycle_table(samples, cell, ends)
        assert [row.cycle for row in rows] == [1, 2, 3, 4]
        for row, known in zip(rows, whole, strict=True):
            assert row.coulombic_efficiency == pytest.approx(known.coulombic_efficiency, rel=1e-9)
            assert row.energy_efficiency == pytest.approx(known.energy_efficiency, rel=1e-9)
            assert row.discharge_capacity_mah_g == pytest.approx(known.discharge_capacity_mah_g, rel=1e-9)
            assert row.discharge_end_reason is known.discharge_end_reason


def test_table_of_an_interrupted_run_gives_the_cycles_of_its_store(opened: Store) -> None:
    """Steps that were cut, repeated contact checks and a spectrum in between change no capacity."""
    data = RunData(opened, "R000003")
    rows = analysis.cycle_table(sample_table(opened, "R000003"), data.program.cell, analysis.stored_ends(data))
    known = analysis.analyse(data).tables[Part.CYCLES]
    assert [row.charge_capacity_ah for row in rows] == pytest.approx([row.charge_capacity_ah for row in known])
    assert [row.discharge_capacity_ah for row in rows] == pytest.approx([row.discharge_capacity_ah for row in known])


@pytest.mark.parametrize("run_id", ["R000001", "R000003"])
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("csv", pl.read_csv),
        ("csv", analysis.read_table),
        ("bdf-csv", pl.read_csv),
        ("bdf-csv", analysis.read_table),
        ("bdf-parquet", pl.read_parquet),
        ("bdf-parquet", analysis.read_table),
    ],
)
def test_exports_have_the_cycles_of_the_store(
    opened: Store, tmp_path: Path, name: str, read: Callable[[str], pl.DataFrame], run_id: str
) -> None:
    """As polars reads them, with labels and texts of BDF, with its machine names, or by ``read_table``."""
    table = read(str(exported(opened, run_id, name, tmp_path).files[0]))
    stored = sample_table(opened, run_id)
    cell = RunData(opened, run_id).program.cell
    cycles = analysis.cycle_table(stored, cell)
    assert cycles
    assert analysis.cycle_table(table, cell) == cycles
    machine = {label: BY_LABEL[label].name for label in table.columns if label in BY_LABEL}
    assert analysis.cycle_table(table.rename(machine), cell) == cycles
    assert [row.step for row in analysis.step_rows(table)] == [row.step for row in analysis.step_rows(stored)]


def test_rate_test_is_analysed(opened: Store) -> None:
    """Two blocks, their rates, retention against the first cycle of the same current only, and peaks of both ways."""
    found = analysis.analyse(RunData(opened, "R000001"))
    rates = found.tables[Part.RATES]
    assert [row.discharge_c_rate for row in rates] == pytest.approx([2.0, 1.0], rel=1e-3)
    assert rates[0].discharge_capacity_ah < rates[1].discharge_capacity_ah
    kept = found.tables[Part.RETENTION]
    assert [row.retention is None for row in kept] == [False, False, True, True]
    assert {(row.cycle, row.direction.value) for row in found.tables[Part.PEAKS]} >= {(1, "charge"), (4, "discharge")}
    assert not set(found.tables) & set(parts_of("li-li")[1:5])


@pytest.mark.parametrize(("cycles", "is_told"), [((1, 2), True), ((3, 4), True), ((1, 4), False)])
def test_capacity_is_kept_at_one_current_alone(opened: Store, cycles: tuple[int, int], is_told: bool) -> None:
    """A report told of a rate test that its slow last cycles kept 103 % of a faster one's capacity."""
    run = ReportedRun(summarize(opened, "R000001"), analysis.analyse(RunData(opened, "R000001")), has_mass=True)
    (kept,) = [each.value for each in key_numbers(run, cycles) if each.name.startswith("capacity kept")]
    assert (kept is not None) is is_told
    if kept is not None:
        assert kept == pytest.approx(100, abs=2)


def test_morning_report_compares_cycles_at_one_current(opened: Store) -> None:
    """Slow last cycles of a rate test stood as "103 % of cycle 1", which had run twice as fast."""
    line = run_line(opened, "R000001", Window(0.0, 2e9))
    assert line.over_cycles is not None
    assert [cycle for cycle, _ in line.over_cycles.values] == [1, 2, 3, 4]
    assert line.over_cycles.reference_cycle == 3
    assert line.over_cycles.percent_of_reference == pytest.approx(100, abs=2)


def test_symmetric_run_is_analysed_by_its_own_tables(opened: Store) -> None:
    """A Li/Li run has half-cycles, hysteresis and no efficiency; without a ramp it has no critical current density."""
    found = analysis.analyse(RunData(opened, "R000003"))
    halves = found.tables[Part.HALF_CYCLES]
    assert len(halves) == 10
    assert [half.plateau_v for half in halves] == pytest.approx([0.2] * 10)
    assert halves[-1].plated_before_mah == pytest.approx(9 * 2.0 / 60)
    assert [row.overpotential_v for row in found.tables[Part.HYSTERESIS]] == pytest.approx([0.2] * 5)
    assert {row.coulombic_efficiency for row in found.tables[Part.CYCLES]} == {None}
    assert any("no ramp" in remark for remark in found.remarks)
    assert any("heat, both ways" in remark for remark in found.remarks)


def test_command_prints_tables_json_and_files(stored: Path, tmp_path: Path) -> None:
    """What is printed, the JSON and the files have the same numbers; a file that is there is kept without --force."""
    store = ("--store", str(stored))
    text = cellrig("analyse", "R000001", "R000003", *store).stdout
    assert "Rates" in text
    assert "Half-cycles" in text
    told = json.loads(cellrig("analyse", "R000001", "--json", "-t", "cycles", "-t", "rates", *store).stdout)
    (run,) = told["runs"]
    assert list(run["tables"]) == ["cycles", "rates"]
    assert f"{run['tables']['cycles'][0]['charge_capacity_ah'] * 1e3:.5f}" in text
    assert cellrig("analyse", "R000001", "--csv", tmp_path, *store).returncode == 0
    with (tmp_path / "R000001-cycles.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["charge_capacity_ah"]) == run["tables"]["cycles"][0]["charge_capacity_ah"]
    refused(cellrig("analyse", "R000001", "--csv", tmp_path, *store), 1, "is there already")
    assert cellrig("analyse", "R000001", "--csv", tmp_path, "--force", *store).returncode == 0
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]


def test_remark_of_most_rows_is_said_once(stored: Path) -> None:
    """Below the table, in the command and on a page: a sentence in each of its rows made the others hard to find."""
    remark = "the discharge was ended by its set time: what it left is not known"
    printed = cellrig("analyse", "R000003", "-t", "cycles", "--store", str(stored)).stdout
    assert " ".join(printed.split()).count(f"In each row: {remark}.") == printed.count("what it left") == 1
    with open_store(stored, read_only=True) as store:
        found = analysis.analyse(RunData(store, "R000003"))
    rows = list(found.tables[Part.CYCLES])
    (shown,) = text_tables(
        replace(found, tables={Part.CYCLES: [*rows, replace(rows[-1], remark="another")]}), Part.CYCLES
    )
    assert f"In each row without another remark: {remark}." in shown.note
    assert [row[-1] for row in shown.rows] == ["-"] * len(rows) + ["another"]
    (shown,) = text_tables(replace(found, tables={Part.CYCLES: [*rows, replace(rows[-1], remark="")]}), Part.CYCLES)
    assert [row[-1] for row in shown.rows] == [remark] * len(rows) + ["-"]


def test_cycles_that_a_run_does_not_have_are_said(stored: Path) -> None:
    """Peaks are those of the cycles that were asked for and of no others: not of the first and the last instead."""
    words = ("analyse", "R000001", "-t", "peaks", "--store", str(stored), "--json", "--cycles")
    for asked, there in (("60", set()), ("2,60-70", {2})):
        (run,) = json.loads(cellrig(*words, asked).stdout)["runs"]
        assert {row["cycle"] for row in run["tables"]["peaks"]} == there
        assert f"no cycle {asked.removeprefix('2,')} in this run" in run["remarks"]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("R000001", "-t", "failures"), 1, "failures has no meaning for cells of kind lfp"),
        (("R000001", "-t", "titration"), 1, "needs the diffusion length: --length-um"),
        (("R000001", "-t", "nothing"), 2, "'-t': 'nothing' is not one of 'cycles'"),
        (("R000009",), 1, "R000009"),
    ],
)
def test_command_says_what_it_cannot(stored: Path, words: tuple[str, ...], status: int, said: str) -> None:
    """A table without a meaning for the cell, one without its length, an unknown table and run are refused in words."""
    refused(cellrig("analyse", *words, "--store", stored), status, said)


@pytest.mark.parametrize(
    ("run_id", "over", "label"),
    [
        ("R000001", Over.VOLTAGE, "cell voltage / V"),
        ("R000001", Over.RATE, "rate of the discharge / h$^{-1}$"),
        ("R000003", Over.PLATED, "plated charge, both directions / mAh cm$^{-2}$"),
    ],
)
def test_analyses_are_drawn(opened: Store, run_id: str, over: Over, label: str) -> None:
    """Each picture has its axis with the unit, and its points or lines lie within the axes."""
    figure, _ = draw_runs(opened, [run_id], PictureOrder(over))
    lower = figure.axes[-1]
    assert lower.get_xlabel() == label
    columns = [np.asarray(line.get_xdata(), float) for axes in figure.axes for line in axes.lines]
    # A line along zero is as wide as the axes, whatever these show.
    drawn = [x for x in columns if len(x) > 1 and x.tolist() != [0.0, 1.0]]
    assert drawn
    low, high = lower.get_xlim()
    assert all(((x >= low) & (x <= high)).all() for x in drawn)


def test_runs_of_a_rate_test_differ_in_their_marks(opened: Store) -> None:
    """Each run has marks of its own shape, for who prints in greyscale; the legend shows them."""
    figure, _ = draw_runs(opened, ["R000001", "R000001"], PictureOrder(Over.RATE))
    assert {line.get_marker() for line in figure.axes[0].lines} == {"o", "s"}
    assert [line.get_marker() for line in figure.legends[0].get_lines()][:2] == ["o", "s"]


@pytest.mark.parametrize(("run_id", "over"), [("R000001", Over.PLATED), ("R000003", Over.RATE)])
def test_picture_without_a_meaning_is_refused(opened: Store, run_id: str, over: Over) -> None:
    """An LFP cell has no plated charge and a Li/Li cell no rate test: it is said, and nothing is drawn."""
    with pytest.raises(NothingToDraw, match=run_id):
        draw_runs(opened, [run_id], PictureOrder(over))


def test_half_cycle_in_which_a_short_begins_has_no_tip() -> None:
    """Its voltage falls for another reason than nucleation; those behind a hard short have none either."""
    made = Recording()
    for cycle in (1, 2):
        for sign in (1, -1):
            made.step(sign * 1e-4, every(30.0, 3600.0), symmetric(0.05, 0.02, 0.0, 3600.0, sign), cycle=cycle)
    short = ShortFinding(ShortKind.HARD, 4000.0, 4600.0, 1, 1e-4, 2e-4, 1e-4, 1e-5, 500.0, 3.0)
    found = marked(analysis.overpotentials(made.table(), 0.5), [short])
    assert [half.nucleation_v is None for half in found] == [False, True, True, True]
    assert found[1].remark.startswith("hard short in it")
    assert analysis.hysteresis(found) == []


_SOFT: dict[str, Any] = {"current_a": -1e-4, "density_a_per_cm2": 2e-4, "charge_ah": 1e-4, "step_charge_ah": 1e-5}


@pytest.mark.parametrize(
    ("kind", "told_s", "taken_back", "marks"),
    [
        # Back in the sixth half-cycle, 300 s from its begin.
        (ShortKind.SOFT_PROBABLE, 18_300.0, False, "..xxxx.."),
        # Told because it lasted: what is back is seen by the voltage.
        (ShortKind.SOFT_PROBABLE, 9000.0, False, "..xxx..."),
        (ShortKind.SOFT_SUSPECTED, 9000.0, True, "........"),
    ],
)
def test_half_cycles_are_marked_until_a_soft_short_is_over(
    kind: ShortKind, told_s: float, taken_back: bool, marks: str
) -> None:
    """A half-cycle wholly in a soft short counted as sound, and hysteresis had a row of a shunted cell."""
    made = Recording()
    for at in range(8):
        sign, part = 1 if at % 2 else -1, 0.7 if 2 <= at <= 4 else 1.0
        voltage = symmetric(0.05 * part, 0.02 * part, 0.0, 3600.0, sign)
        made.step(sign * 1e-4, every(30.0, 3600.0), voltage, cycle=at // 2 + 1)
    fell_s = 2 * 3600 + 60.0
    found = [ShortFinding(kind, fell_s, told_s, 2, before_ohm=500.0, after_ohm=350.0, **_SOFT)]
    found += [replace(found[0], kind=ShortKind.SOFT_DROPPED, told_s=20_000.0)] if taken_back else []
    halves = marked(analysis.overpotentials(made.table(), 0.5), found)
    assert "".join("x" if half.shorted else "." for half in halves) == marks
    assert [row.cycle for row in analysis.hysteresis(halves)] == ([1, 2, 3, 4] if taken_back else [1, 4])


def test_half_cycles_behind_a_hard_short_that_came_back_are_the_cell_again() -> None:
    """They have tip and arc from the half-cycle after that in which it came back."""
    made = Recording()
    for at in range(5):
        sign = 1 if at % 2 else -1
        made.step(sign * 1e-4, every(30.0, 3600.0), symmetric(0.05, 0.02, 0.0, 3600.0, sign), cycle=at // 2 + 1)
    short = ShortFinding(ShortKind.HARD, 4000.0, 4600.0, 1, before_ohm=500.0, after_ohm=3.0, **_SOFT)
    back = replace(short, kind=ShortKind.CAME_BACK, time_s=11_000.0, told_s=11_700.0)
    halves = marked(analysis.overpotentials(made.table(), 0.5), [short, back])
    assert [half.shorted for half in halves] == [False, True, True, True, False]


def test_runs_of_several_kinds_are_asked_the_same(stored: Path, tmp_path: Path) -> None:
    """One Li/Li run among LFP runs refused the retention of all: it is left out, and said; of no run it is refused."""
    at = ("-t", "retention", "--store", stored)
    told = json.loads(cellrig("analyse", "R000001", "R000003", *at, "--json", "--csv", tmp_path).stdout)["runs"]
    assert [list(run["tables"]) for run in told] == [["retention"], []]
    assert told[1]["remarks"] == ["retention has no meaning for cells of kind li-li"]
    said = cellrig("analyse", "R000001", "R000003", *at).stdout
    assert said.rstrip().endswith("retention has no meaning for cells of kind li-li")
    refused(cellrig("analyse", "R000002", "R000003", *at), 1, "R000002: retention has no meaning")


def test_rows_of_a_run_are_not_named_as_those_of_its_export(stored: Path, tmp_path: Path) -> None:
    """A step that was cut is one here and two there, and here the time stands still in a gap: nobody may join them."""
    cellrig("analyse", "R000003", "-t", "half-cycles", "-t", "resistances", "--store", stored, "--csv", tmp_path)
    for path in tmp_path.iterdir():
        (first, *_) = csv.DictReader(path.read_text().splitlines())
        assert {"run_step_count", "run_time_s"} <= set(first)
        assert not {"step_count", "start_s"} & set(first)


def test_stored_findings_are_read_back(opened: Store) -> None:
    """A run without a short has none; its outcome says so instead of a time."""
    assert stored_findings(opened, "R000003") == []
    soft, hard, cutoff = analysis.analyse(RunData(opened, "R000003")).tables[Part.FAILURES]
    assert (soft.hours, hard.hours, hard.sentence) == (None, None, "no hard short")
    assert cutoff.sentence == "no early cutoff"


def test_early_cutoff_is_a_failure_with_its_charge(opened: Store) -> None:
    """The first half-cycle that a cutoff ends before its time is when the cell failed by polarisation."""
    data = RunData(opened, "R000002")
    cutoff = analysis.analyse(data).tables[Part.FAILURES][2]
    (first, *_) = [step for step in data.steps if step.place.half_cycle]
    assert first.executed.duration_s < 590
    assert (cutoff.kind, cutoff.cycle) == ("early cutoff", 1)
    assert cutoff.hours == pytest.approx((first.start_s + first.executed.duration_s) / 3600)
    assert cutoff.charge_mah == pytest.approx(first.executed.capacity_ah * 1e3)
    assert cutoff.density_ma_cm2 == pytest.approx(0.4, rel=1e-3)


def test_page_of_analyses_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python of docs/analysis.md does what it says, one block after the other."""
    text = (Path(__file__).parent.parent / "docs" / "analysis.md").read_text("utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, "docs/analysis.md", "exec"), names)  # noqa: S102 - the page's own code
    assert len(list(names["cycles"])) == 2


def test_workbook_is_analysed_as_the_store_is(opened: Store, tmp_path: Path) -> None:
    """Its numbers have the digits of a workbook, and its cycles those of the store."""
    cell = analysis.CellFacts("lfp", "lfp", active_mass_mg=1.1)
    path = str(exported(opened, "R000001", "xlsx", tmp_path).files[0])
    found = analysis.cycle_table(analysis.read_table(path), cell)
    wanted = analysis.cycle_table(sample_table(opened, "R000001"), cell)
    assert [row.discharge_capacity_ah for row in found] == [row.discharge_capacity_ah for row in wanted] != []


def test_table_without_numbers_of_steps_is_told_the_way(opened: Store, tmp_path: Path) -> None:
    """Three columns are a table of the Battery Data Format, and too few for an analysis."""
    path = exported(opened, "R000001", "bdf-parquet", tmp_path).files[0]
    table = pl.read_parquet(path).drop("Step Count / 1")
    with pytest.raises(analysis.NoSuchTable, match=r"no column 'step_count'.* gets them by cellrig import"):
        analysis.cycle_table(table, analysis.CellFacts("lfp", "lfp"))


def test_page_names_every_table_and_public_name() -> None:
    """Each table of the command is in the page's first table, and each function of the library is named."""
    text = (Path(__file__).parent.parent / "docs" / "analysis.md").read_text("utf-8")
    assert [part for part in Part if f"`{part}`" not in text] == []
    assert [name for name in analysis.__all__ if name.islower() and f"`{name}`" not in text] == []


def test_no_analysis_has_the_name_of_a_module() -> None:
    """``analysis.soft_short`` was the module of that name as soon as anything else had loaded it."""
    modules = {path.stem for path in Path(analysis.__file__).parent.glob("*.py")}
    assert modules & set(analysis.__all__) == set()
