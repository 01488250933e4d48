"""What each format says: the terms of BDF and their check, the vendor's columns, the README of PyProBE."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from ruamel.yaml import YAML

from orchestrator.export.neware_csv import to_neware
from orchestrator.export.pyprobe_readme import StepNumbers, pybamm_text, readme_text
from orchestrator.export.step_direction import NetCharge
from orchestrator.store import Store
from orchestrator.tables.bdf import STEP_TYPES, labels_of, to_bdf
from orchestrator.tables.bdf_check import bdf_problems
from orchestrator.tables.bdf_terms import BY_LABEL, TERMS, Obligation, term_of
from orchestrator.tables.columns import IMPEDANCE_COLUMNS, SAMPLE_COLUMNS
from orchestrator.tables.run_data import RunData
from orchestrator.tables.sample_table import sample_batches, sample_table
from protocols.current_sign import Direction
from protocols.program import CcCv, ConstantCurrent, ConstantVoltage, Loop, Rest, Until
from protocols.program_steps import RecordedStep
from tests.export_rig import exported, made
from tests.run_maker import CHARGE, DISCHARGE, PROGRAM, program_of
from tests.segments import segment_of


def test_terms_are_those_of_the_ontology() -> None:
    """58 terms in force, three of them required and four recommended; five more are deprecated and have no column."""
    assert len(TERMS) == 58
    assert len({term.name for term in TERMS}) == len({term.label for term in TERMS}) == 58
    by = {kind: [term.name for term in BY_LABEL.values() if term.obligation is kind] for kind in Obligation}
    assert by[Obligation.REQUIRED] == ["test_time_second", "voltage_volt", "current_ampere"]
    assert len(by[Obligation.RECOMMENDED]) == 4
    assert len(by[Obligation.DEPRECATED]) == 5
    assert term_of("voltage_volt") is term_of("Voltage / V")
    assert term_of("Surface Temperature T1 / degC") is None
    for column in (*SAMPLE_COLUMNS, *IMPEDANCE_COLUMNS):
        if column.bdf_label:
            assert BY_LABEL[column.bdf_label].name == column.bdf_name
            assert BY_LABEL[column.bdf_label] in TERMS
    assert list(labels_of().values())[:3] == [term.label for term in TERMS if term.obligation is Obligation.REQUIRED]


def test_check_finds_what_the_released_validator_lets_pass(store: Store) -> None:
    """Blanks, infinities, a time that goes back, no rows, another type, a term that is none: each is told."""
    table = to_bdf(sample_table(store, made(store)))
    assert bdf_problems(table) == []
    time, volt = pl.col("Test Time / s"), pl.col("Voltage / V")
    for spoiled, words in (
        (table.drop("Current / A"), "the required column 'Current / A' is missing"),
        (table.clear(), "there is no row"),
        (table.with_columns(time.reverse()), "Test Time / s: goes back"),
        (table.with_columns(pl.when(time > 50).then(volt).alias("Voltage / V")), "Voltage / V: "),
        (table.with_columns(volt / 0), "Voltage / V: not every number is finite"),
        (table.with_columns(time - 1), "Test Time / s: less than 0"),
        (table.with_columns(volt.cast(pl.Float32)), "Voltage / V: Float32 in the place of Float64"),
        (table.with_columns(pl.col("Cycle Count / 1").cast(pl.Float64)), "Cycle Count / 1: Float64"),
        (table.with_columns(volt.alias("Step Capacity / Ah")), "the column 'Step Capacity / Ah' is deprecated"),
        (table.with_columns(volt.alias("Current / mA")), "the column 'Current / mA' is no label of BDF"),
    ):
        (problem,) = bdf_problems(spoiled)
        assert words in problem
    assert bdf_problems(table.with_columns(run_id=pl.lit("R")), own=("run_id",)) == []


def test_words_of_the_tester_are_those_of_the_field(store: Store, tmp_path: Path) -> None:
    """``cc`` is CC_CHG, ``dc`` CC_DCH, ``rest`` REST, and a word that nobody knows stays; the step is a text."""
    assert len(set(STEP_TYPES.values())) == len(STEP_TYPES)
    table = to_bdf(sample_table(store, made(store)))
    assert set(table["Step Type"]) == {"CC_CHG", "CC_DCH", "REST"}
    charging = table.filter(pl.col("Step Type") == "CC_CHG")["Current / A"]
    assert (charging > 0).all()
    assert table["Step ID"].dtype == pl.String
    assert set(table["Step ID"]) == {"0", "1", "2", "3", "4", "5"}


def test_neware_columns_are_those_of_the_vendor(store: Store, tmp_path: Path) -> None:
    """Milliampere, step and total time as a clock, charge and discharge apart, points counted through all batches."""
    run_id = made(store)
    stored = sample_table(store, run_id)
    text = pl.read_csv(exported(store, run_id, "neware-csv", tmp_path).files[0], infer_schema_length=None)
    assert text.columns[:9] == [
        "DataPoint",
        "Cycle Index",
        "Step Index",
        "Step Type",
        "Time",
        "Total Time",
        "Current(mA)",
        "Voltage(V)",
        "Capacity(mAh)",
    ]
    assert text["DataPoint"].to_list() == list(range(1, stored.height + 1))
    assert set(text["Step Type"]) == {"CC Chg", "CC DChg", "Rest"}
    assert set(text["Current(mA)"]) == {0.0, 1.0, -1.0, 2.0, -2.0}
    assert (text["Chg. Cap.(mAh)"] + text["DChg. Cap.(mAh)"]).to_list() == text["Capacity(mAh)"].to_list()
    assert set(text.filter(pl.col("Step Type") == "CC DChg")["Chg. Cap.(mAh)"]) == {0.0}
    assert text["Total Time"][-1] == "04:34:10.000"
    assert text["Date"][0] == "2026-01-05 00:00:00.000"
    parts = [to_neware(batch, 0) for batch in sample_batches(store, run_id, rows=100)]
    assert pl.concat(parts).drop("DataPoint").equals(to_neware(stored).drop("DataPoint"))


def test_cut_step_is_one_to_scripts_for_neware(store: Store, tmp_path: Path) -> None:
    """The largest capacity of a cycle is its charge, as scripts take it, also where an interruption cut its half."""
    run_id = made(store)
    text = pl.read_csv(exported(store, run_id, "neware-csv", tmp_path).files[0], infer_schema_length=None)
    largest = text.group_by("Cycle Index").agg(pl.col("Chg. Cap.(mAh)", "DChg. Cap.(mAh)").max()).sort("Cycle Index")
    passed = [
        (cycle.cycle, cycle.charge_capacity_ah, cycle.discharge_capacity_ah) for cycle in RunData(store, run_id).cycles
    ]
    assert [number for number, *_ in largest.iter_rows()] == [number for number, *_ in passed]
    for (_, *mah), (_, *ah) in zip(largest.iter_rows(), passed, strict=True):
        assert mah == pytest.approx([value * 1e3 for value in ah if value is not None])
    cut = text.filter((pl.col("Cycle Index") == 2) & (pl.col("Step Index") == 5))["Time"]
    assert (cut.len(), cut[-1]) == (63, "00:01:00.000")


def test_clock_of_neware_counts_hours_on(store: Store) -> None:
    """A test of five days is at 123 hours, not at 3; half a second is there, and 0.157 mA is no 0.15700000000000003."""
    frame = sample_table(store, made(store)).head(1)
    late = frame.with_columns(pl.lit(123 * 3600 + 59.5).alias("test_time_s"), pl.lit(0.000157).alias("current_a"))
    assert to_neware(late).select("Total Time", "Current(mA)").row(0) == ("123:00:59.500", 0.157)


@pytest.mark.parametrize("rows", [3, 100, 100_000])
def test_net_charge_is_what_was_charged_less_what_was_taken(store: Store, rows: int) -> None:
    """Through parts of a cut step, checks and rests, however the batches fall; an unknown capacity adds nothing."""
    run_id = made(store)
    stored = sample_table(store, run_id)
    test = RunData(store, run_id).tests[0].row.id
    with store.transaction() as connection:
        connection.execute("UPDATE sample SET capacity_ah = NULL WHERE test = ? AND sequence = 40", (test,))
    charge = NetCharge()
    net = pl.concat([charge.of(batch) for batch in sample_batches(store, run_id, rows)])
    sign = {"cc": 1, "dc": -1, "rest": 0}
    last = stored.group_by("step_count", maintain_order=True).last()
    steps_ah = [sign[mode] * ah for mode, ah in last.select("mode", "capacity_ah").iter_rows()]
    assert net[-1] == pytest.approx(sum(steps_ah), abs=1e-15)
    assert net[39] == net[38]
    assert net[40] == pytest.approx(stored["capacity_ah"][40] + sum(steps_ah[:3]))


STEPS: list[tuple[RecordedStep, str]] = [
    (Rest(Until(time_s=7200.0)), "Rest for 7200 seconds"),
    (CHARGE, "Charge at 2 mA for 60 seconds"),
    (
        ConstantCurrent(-2e-7, Until(time_s=60.0, voltage_v=-0.5)),
        "Discharge at 0.0002 mA for 60 seconds or until -0.5 V",
    ),
    (ConstantCurrent(0.5, Until(voltage_v=0.0)), "Charge at 0.5 A until 0 V"),
    (CcCv(0.002, 4.0, Until(current_a=1e-4)), "Charge at 2 mA until 4 V, then hold at 4 V until 0.1 mA"),
    (
        ConstantVoltage(Direction.CHARGE, 4.0, Until(time_s=60.0, current_a=1e-4)),
        "Hold at 4 V for 60 seconds or until 0.1 mA",
    ),
]


@pytest.mark.parametrize(("step", "text"), STEPS, ids=[text for _, text in STEPS])
def test_steps_are_told_in_words_that_pybamm_knows(step: RecordedStep, text: str) -> None:
    """A time comes first, since a step without one is cut there after a day; no microamperes; 0 V is said."""
    assert pybamm_text(step) == text


def test_readme_has_an_experiment_for_each_loop() -> None:
    """Step numbers go on through segments; loops in a row are counted apart, loops in loops as nested."""
    formation = segment_of(Rest(Until(time_s=10.0)), CHARGE, DISCHARGE, Loop(2, 3), CHARGE, DISCHARGE, Loop(5, 50))
    nested = segment_of(CHARGE, DISCHARGE, Loop(1, 4), Rest(Until(time_s=5.0)), Loop(1, 2))
    program = program_of(formation, nested)
    told = YAML(typ="safe").load(readme_text(program, {0, 1}))
    assert {name: list(experiment["Steps"]) for name, experiment in told.items()} == {
        "Segment 1, steps 1 to 1": [1],
        "Segment 1, cycles of steps 2 to 3": [2, 3],
        "Segment 1, cycles of steps 5 to 6": [5, 6],
        "Segment 2, cycles of steps 1 to 4": [8, 9, 11],
    }
    assert told["Segment 1, cycles of steps 5 to 6"]["Cycle 1"] == {"Start": 5, "End": 6, "Count": 50}
    outer, inner = (told["Segment 2, cycles of steps 1 to 4"][f"Cycle {number}"] for number in (1, 2))
    assert outer == {"Start": 8, "End": 11, "Count": 2}
    assert inner == {"Start": 8, "End": 9, "Count": 4}
    assert StepNumbers.of(PROGRAM).firsts == (0, 6, 7, 13)
