"""Analyses that go on with a run give exactly what the whole run gives, and what a run's steps are judged by."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.interfaces import EndReason, Sample
from orchestrator import analysis
from orchestrator.analysis.sample_blocks import NoSuchTable
from orchestrator.analysis.shorts_of_run import SymmetricShorts
from orchestrator.judging.steps import executed_step
from orchestrator.store import Store
from orchestrator.tables.run_data import RunData
from protocols.half_cycles import CycleNumbers
from tests.analysis_truth import Film, Recording, Relaxing, every, ramp, symmetric
from tests.run_maker import CELL, CUTS_S, PROGRAM, RunMaker, cycling

LI_LI = analysis.CellFacts("made", "li-li", area_cm2=0.5)


def _mixed() -> pl.DataFrame:
    """Give a run with rests, pulses, cycles of uneven records, and a titration; some readings are missing."""
    made, cell = Recording(noise_v=1e-4), Relaxing()
    made.step(0.0, every(20.0, 200.0), cell.after(0.0, 0.0), cycle=1)
    for cycle in (1, 2):
        made.step(1e-3, every(7.0, 300.0), ramp(3.3, 4.0, 300.0), cycle=cycle, step=2)
        made.step(-1e-3, every(1.0, 10.0), cell.after(1e-3, -1e-3), cycle=cycle, step=3)
        made.step(-1e-3, every(11.0, 290.0 + cycle), ramp(3.5, 2.8, 290.0), cycle=cycle, step=4)
        made.step(0.0, every(20.0, 200.0), cell.after(-1e-3, 0.0), cycle=cycle, step=5)
    Film().titrate(made, 1e-6, 60.0, 600.0, 3)
    return made.table().with_columns(
        pl.when(pl.int_range(pl.len()) % 17 == 5).then(None).otherwise(pl.col("voltage_v")).alias("voltage_v")
    )


MIXED = _mixed()
ROWS = len(MIXED)


def _pieces(cuts: Sequence[int]) -> list[pl.DataFrame]:
    edges = [0, *sorted(cuts), ROWS]
    return [MIXED[first:last] for first, last in pairwise(edges)]


@given(st.lists(st.integers(0, ROWS), max_size=12))
def test_any_pieces_give_exactly_the_whole(cuts: list[int]) -> None:
    """Rows of steps, cycles, resistances, half-cycles and pulses are the same however the records came in."""
    makes: list[Any] = [
        analysis.StepTable,
        lambda: analysis.CycleTable(LI_LI),
        lambda: analysis.StepResistances(2.0),
        lambda: analysis.Overpotentials(0.5),
        lambda: analysis.Titration(1e-4),
    ]
    for make in makes:
        whole, going_on = make(), make()
        whole.feed(MIXED)
        for piece in _pieces(cuts):
            going_on.feed(piece)
        for one in (whole, going_on):
            if hasattr(one, "finish"):
                one.finish()
        assert repr(going_on.rows()) == repr(whole.rows())
        assert whole.rows()


def test_the_step_that_runs_is_in_the_table_as_far_as_it_ran() -> None:
    """After half of its records a run's last row is that of the open step, and its open cycle is listed."""
    steps, cycles = analysis.StepTable(), analysis.CycleTable(LI_LI)
    for one in (steps, cycles):
        one.feed(MIXED[:20])
    assert steps.rows()[-1].samples == 20 - steps.rows()[0].samples
    assert cycles.rows()[-1].charge_capacity_ah == pytest.approx(MIXED["capacity_ah"][19])


def test_shorts_found_while_a_run_goes_on_are_those_of_the_whole() -> None:
    """The rule for shorts is fed step by step; pieces change nothing."""
    made = Recording()
    for cycle in range(1, 5):
        for sign in (1, -1):
            plateau_v = 0.001 if cycle > 3 else 0.05
            made.step(sign * 1e-4, every(60.0, 3600.0), symmetric(plateau_v, 0.0, 0.0, 3600.0, sign), cycle=cycle)
    table = made.table()
    going_on = SymmetricShorts(analysis.SymmetricCell(0.5))
    for first in range(0, len(table), 7):
        going_on.feed(table[first : first + 7])
    going_on.finish()
    assert going_on.findings() == analysis.short_findings(table, analysis.SymmetricCell(0.5))
    assert going_on.findings()


def test_rows_of_steps_are_the_executed_steps_of_judging() -> None:
    """Charge, mean voltage and times of a step are those that judging computes from the same records."""
    segment = cycling(1)
    for row, step in zip(analysis.step_rows(MIXED), analysis.steps_of(MIXED), strict=True):
        samples = [
            Sample(n, t, s, step.step, step.step_count, 1, step.mode, v, i, q, 0.0, 0.0)
            for n, (t, s, v, i, q) in enumerate(
                zip(
                    step.test_time_s.tolist(),
                    step.step_time_s.tolist(),
                    step.voltage_v.tolist(),
                    step.current_a.tolist(),
                    step.capacity_ah.tolist(),
                    strict=True,
                )
            )
        ]
        executed = executed_step(segment, samples)
        assert row.capacity_ah == pytest.approx(executed.capacity_ah)
        assert row.mean_voltage_v == (
            None if executed.mean_voltage_v is None else pytest.approx(executed.mean_voltage_v, rel=1e-12)
        )
        assert (row.start_s, row.duration_s) == pytest.approx((executed.start_s, executed.duration_s))


def test_cycles_of_a_table_are_those_of_the_stored_run(store: Store) -> None:
    """A run that was cut three times has the same cycles out of its records as out of its store's steps."""
    run_id = RunMaker(store, PROGRAM).run(CUTS_S)
    data = RunData(store, run_id)
    table = {name: values for name, values in data.columns().items() if name != "unix_time_s"}
    own = ~table["repeated_check"]
    table = {name: values[own] for name, values in table.items()}
    numbers = CycleNumbers.of(PROGRAM)
    ends = {step.place.count: step.executed.end_reason for step in data.steps if not step.place.is_repeated_check}
    rows = analysis.cycle_table(table, CELL, ends)
    stored = [sums.cycle for sums in data.cycle_sums]
    assert len(rows) == len(stored) == numbers.cycles
    for row, cycle in zip(rows, stored, strict=True):
        assert (row.cycle, row.efficiency_of) == (cycle.cycle, cycle.efficiency_of)
        assert row.charge_capacity_ah == pytest.approx(cycle.charge_capacity_ah)
        assert row.discharge_capacity_ah == pytest.approx(cycle.discharge_capacity_ah)
        assert row.charge_end_reason is EndReason.TIME


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda frame: frame.drop("current_a"), "no column 'current_a'"),
        (lambda frame: frame.reverse(), "not in the order of recording"),
        (lambda frame: frame.with_columns(pl.lit(None, pl.Int64).alias("cycle")), "cycle is not known in"),
        (
            lambda frame: pl.concat([frame, frame.with_columns(pl.lit("R000002").alias("run_id"))]),
            "holds several runs",
        ),
    ],
)
def test_table_that_cannot_be_analysed_says_why(spoil: Any, said: str) -> None:  # noqa: ANN401 - a lambda
    """A missing column, another order, unknown numbers and several runs are told in words."""
    with pytest.raises(NoSuchTable, match=said):
        analysis.step_rows(spoil(MIXED))


def test_rows_make_a_frame_with_stated_types() -> None:
    """A column of nothing but nulls keeps its type; words of an enum are texts."""
    frame = analysis.to_frame(analysis.cycle_table(MIXED, LI_LI), analysis.CycleRow)
    assert frame.schema["charge_capacity_mah_g"] == pl.Float64
    assert frame["charge_capacity_mah_g"].null_count() == len(frame)
    assert frame["charge_end_reason"][0] in {reason.value for reason in EndReason}
    assert analysis.to_frame([], analysis.StepRow).schema["cycle"] == pl.Int64


def test_spectra_of_an_impedance_table_keep_their_order_and_sign() -> None:
    """Two measurements of one cycle stay two; a capacitor's imaginary part stays negative."""
    table = pl.DataFrame(
        {
            "measurement": [7, 7, 9],
            "cycle": [2, 2, 2],
            "frequency_hz": [10.0, 1.0, 5.0],
            "z_real_ohm": [1.0, 2.0, 3.0],
            "z_imag_ohm": [-0.5, -0.6, -0.7],
        }
    )
    (_, first), (cycle, second) = analysis.spectra_of(table)
    assert (first.frequency_hz, first.impedance_ohm) == ((10.0, 1.0), (1 - 0.5j, 2 - 0.6j))
    assert (cycle, second.impedance_ohm) == (2, (3 - 0.7j,))
    assert np.isnan(second.bias_v)
