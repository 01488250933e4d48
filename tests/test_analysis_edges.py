"""Where a number would have no meaning an analysis gives none, and says why; what it infers the records tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from drivers.interfaces import EndReason
from orchestrator import analysis
from orchestrator.analysis.kramers_kronig import Steadiness
from orchestrator.analysis.spectra_trend import SpectrumRow
from orchestrator.analysis.step_ends import inferred_ends
from orchestrator.shorts import ShortFinding, ShortKind
from tests.analysis_truth import (
    Film,
    Floats,
    Recording,
    Relaxing,
    capacity_of,
    every,
    level,
    ramp,
    symmetric,
    two_phases,
)

LFP = analysis.CellFacts("made", "lfp", nominal_capacity_ah=1e-3)
LI_CU = analysis.CellFacts("made", "li-cu", area_cm2=1.0)
WHOLE = EndReason.VOLTAGE


def test_charge_before_the_first_record_counts() -> None:
    """A tester without a counter whose first record comes 60 s after the beginning has passed those 60 s too."""
    made = Recording(counts=False)
    made.step(1e-3, [60.0, 1800.0, 3600.0], level(3.5), cycle=1)
    (row,) = analysis.step_rows(made.table())
    assert row.charge_ah == pytest.approx(1e-3)
    assert not row.is_counted


def _cycles(discharged_mah: list[float]) -> list[analysis.CycleRow]:
    made = Recording()
    for cycle, mah in enumerate(discharged_mah, 1):
        made.step(1e-3, every(60.0, 3600.0), ramp(3.3, 4.0, 3600.0), cycle=cycle, step=1)
        made.step(-1e-3, every(60.0, 3600.0 * mah), ramp(3.5, 2.8, 3600.0 * mah), cycle=cycle, step=2)
    return analysis.cycle_table(made.table(), LFP, dict.fromkeys(range(1, 99), WHOLE))


def test_life_does_not_end_before_its_reference() -> None:
    """Three poor cycles before the reference, as in a formation, are no end of life."""
    cycles = _cycles([0.5, 0.5, 0.5, 1.0, 0.9, 0.9])
    assert analysis.retention(cycles, 4).end_of_life_cycle is None
    assert analysis.retention(cycles, 4, least=0.95, in_a_row=2).end_of_life_cycle == 5


@pytest.mark.parametrize(("least", "in_a_row"), [(1.0, 3), (0.0, 3), (0.8, 0)])
def test_wrong_bound_of_life_is_refused(least: float, in_a_row: int) -> None:
    """A bound that is no part, and no cycle in a row, are mistakes."""
    with pytest.raises(ValueError, match="say a part"):
        analysis.retention([], 1, least=least, in_a_row=in_a_row)


def test_half_that_was_cut_is_no_reference() -> None:
    """What was ended from outside gave a part of its capacity: no cycle is compared with it, and the reason is told."""
    cycles = [replace(row, discharge_end_reason=EndReason.EXTERNAL) for row in _cycles([1.0])]
    assert "not ended by the cell's voltage" in analysis.retention(cycles, 1).remark


def test_no_resistance_where_the_voltage_was_moving() -> None:
    """At the end of a charge the cell's own voltage runs away, by more than the pulse's answer within its delay."""
    made = Recording()
    made.step(1e-3, every(1.0, 100.0), lambda t: 3.4 + 0.6 * np.exp((t - 100) / 20), cycle=1)
    made.step(-1e-3, every(1.0, 100.0), ramp(3.9, 3.8, 100.0), cycle=1)
    (row,) = analysis.step_resistances(made.table())
    assert row.resistance_ohm is None
    assert row.remark.startswith("the voltage before was moving")


def test_resistance_between_two_records_states_how_far_it_may_be_off() -> None:
    """Records 7 and 14 s behind the change tell the resistance after 10 s, and an error that covers the truth."""
    cell, made = Relaxing(time_s=3.0), Recording()
    made.step(0.0, every(1.0, 100.0), cell.after(0.0, 0.0), cycle=1)
    made.step(1e-3, every(7.0, 98.0), cell.after(0.0, 1e-3), cycle=1)
    (row,) = analysis.step_resistances(made.table())
    off_ohm = abs((row.resistance_ohm or 0.0) - cell.resistance_ohm(10.0))
    assert 0.05 < off_ohm < (row.error_ohm or 0.0)


def test_no_resistance_across_two_tests() -> None:
    """Between two tests the cell rested, or was elsewhere: the voltage before is not that of the last record."""
    cell, made = Relaxing(), Recording()
    made.step(0.0, every(1.0, 100.0), cell.after(0.0, 0.0), cycle=1)
    made.step(1e-3, every(1.0, 100.0), cell.after(0.0, 1e-3), cycle=1)
    table = made.table()
    assert len(analysis.step_resistances(table)) == 1
    apart = table.with_columns(pl.col("step_count").alias("test"))
    assert analysis.step_resistances(apart) == []


def test_leakage_at_rest_is_no_current() -> None:
    """Of a file without the tester's words, rests with some nanoamperes are neither half-cycles nor pulses."""
    made = Recording()
    made.step(5e-9, every(10.0, 600.0), level(0.001), cycle=1)
    made.step(-3e-9, every(10.0, 600.0), level(0.002), cycle=1)
    for sign in (1, -1):
        made.step(sign * 1e-4, every(10.0, 3600.0), symmetric(0.05, 0.0, 0.0, 3600.0, sign), cycle=1)
    table = made.table().drop("mode")
    assert [row.current_a for row in analysis.overpotentials(table)] == pytest.approx([1e-4, -1e-4])
    assert [row.step_count for row in analysis.step_resistances(table)] == [3, 4]
    (cycle,) = analysis.cycle_table(table, analysis.CellFacts("made", "li-li"))
    assert cycle.charge_capacity_ah == pytest.approx(1e-4)


def test_held_voltage_has_no_resistance() -> None:
    """The step of a held voltage is set by the tester: its voltage is not the cell's answer."""
    cell, made = Relaxing(), Recording()
    made.step(0.0, every(1.0, 100.0), cell.after(0.0, 0.0), cycle=1)
    made.step(1e-3, every(1.0, 100.0), cell.after(0.0, 1e-3), cycle=1)
    held = made.table().with_columns(
        pl.when(pl.col("step_count") == 2).then(pl.lit("cv")).otherwise(pl.col("mode")).alias("mode")
    )
    assert analysis.step_resistances(held) == []


def test_rests_that_still_drift_give_no_coefficient() -> None:
    """A rest of a tenth of what the film takes is no equilibrium: where its drift says so, nothing is given."""
    film, made = Film(diffusion_cm2_s=2e-13), Recording(noise_v=2e-4)
    film.titrate(made, 2e-8, 100.0, 200.0, 4)
    rows = analysis.titration(made.table(), film.length_cm)
    assert [row.diffusion_cm2_s for row in rows] == [None] * 4
    assert any("drift" in row.remark or "did not follow" in row.remark for row in rows)


def test_voltage_against_the_current_gives_no_coefficient() -> None:
    """Pulses after which the voltage stands where it stood, as on a plateau, have no coefficient."""
    made = Recording()
    made.step(0.0, every(10.0, 600.0), level(3.4), cycle=1)
    for n in range(3):
        made.step(1e-4, every(1.0, 100.0), ramp(3.45, 3.46, 100.0), cycle=1)
        made.step(0.0, every(10.0, 600.0), level(3.4 - 0.0001 * n), cycle=1)
    rows = analysis.titration(made.table(), 1e-4)
    assert {row.remark for row in rows} == {
        "the voltage did not follow the current: a plateau, or a rest that was too short"
    }


def test_cycles_with_rests_are_no_titration() -> None:
    """Two pulses in one direction, and pulses in turn, are none; a wrong length is refused."""
    made = Recording()
    made.step(0.0, every(10.0, 600.0), level(3.4), cycle=1)
    for n in range(4):
        sign = 1 if n % 2 else -1
        made.step(sign * 1e-4, every(1.0, 100.0), ramp(3.45, 3.46, 100.0), cycle=1)
        made.step(0.0, every(10.0, 600.0), level(3.4 + 0.001 * sign), cycle=1)
    assert analysis.titration(made.table(), 1e-4) == []
    with pytest.raises(ValueError, match="say a positive one"):
        analysis.titration(made.table(), 0.0)


def test_two_densities_are_no_ramp() -> None:
    """A formation at one density before cycles at another gives no critical current density."""
    made = Recording()
    for cycle, density in enumerate((0.1, 0.2, 0.2, 0.2), 1):
        for sign in (1, -1):
            current_a = sign * density * 1e-3
            made.step(current_a, every(30.0, 3600.0), symmetric(0.05, 0.0, 0.0, 3600.0, sign), cycle=cycle)
    found = analysis.critical_current(analysis.overpotentials(made.table(), 1.0), 20_000.0)
    assert (found.density_ma_cm2, found.last_sound_ma_cm2) == (None, None)
    assert found.remark == "no ramp: 2 of 3 rising densities"


def _finding(kind: ShortKind, time_s: float) -> ShortFinding:
    return ShortFinding(kind, time_s, time_s + 600.0, 3, 1e-4, 2e-4, 1e-3, 1e-4, 500.0, 3.0)


def test_short_that_came_back_is_none_and_a_mended_contact_no_soft_one() -> None:
    """The cell is left with the last hard short that stayed; a soft one counts unless this very one was taken back."""
    hard, back = _finding(ShortKind.HARD, 1000.0), _finding(ShortKind.CAME_BACK, 5000.0)
    again = _finding(ShortKind.HARD, 9000.0)
    assert analysis.hard_short([hard, back], 0.5).hours is None
    assert analysis.hard_short([hard, back, again], 0.5).hours == 2.5
    assert analysis.hard_short([hard], 0.5).charge_mah_cm2 == pytest.approx(2.0)
    soft, mended = _finding(ShortKind.SOFT_PROBABLE, 1800.0), _finding(ShortKind.MENDED, 1830.0)
    assert analysis.soft_short([soft, mended], None).hours is None
    for kind in (ShortKind.MENDED, ShortKind.SOFT_DROPPED):
        assert analysis.soft_short([soft, _finding(kind, 4000.0)], None).hours == 0.5
    later = _finding(ShortKind.DEEP_SOFT, 7200.0)
    assert analysis.soft_short([soft, mended, later], None).hours == 2.0
    assert analysis.soft_short([_finding(ShortKind.SOFT_SUSPECTED, 1.0)], None).sentence == "no soft short"


def _steps(durations_s: list[float], last_v: list[float], mode: str = "cc_charge") -> list[analysis.StepRow]:
    made = Recording()
    for duration_s, end_v in zip(durations_s, last_v, strict=True):
        made.step(1e-3, every(30.0, duration_s), ramp(3.0, end_v, duration_s), cycle=1, step=1)
    return [replace(row, mode=mode) for row in analysis.step_rows(made.table())]


@pytest.mark.parametrize(
    ("durations_s", "last_v", "ends"),
    [
        ([3600.0, 3600.0, 1234.5], [3.51, 3.52, 3.44], ["time", "time", "external"]),
        ([3601.3, 3598.8, 3597.4], [3.7123, 3.7123, 3.7123], ["voltage"] * 3),
        ([3601.3, 3598.8, 1234.5], [4.0, 4.0, 3.55], ["voltage", "voltage", "external"]),
        ([3601.3], [4.0], ["voltage"]),
        ([3601.3], [3.983], ["external"]),
        ([600.0], [3.983], ["time"]),
        ([3601.3, 3601.3], [3.91, 3.95], ["capacity", "capacity"]),
        ([77.0, 77.0], [3.91, 3.95], ["time", "time"]),
        ([3601.3], [3.001], ["external"]),
        ([3601.3, 3588.7, 3577.1], [4.001, 4.0043, 4.0062], ["voltage"] * 3),
    ],
)
def test_end_of_a_step_is_inferred(durations_s: list[float], last_v: list[float], ends: list[str]) -> None:
    """Set times, cutoffs and charges are those that executions share; what was cut differs, and is called so."""
    assert [end.value for end in inferred_ends(_steps(durations_s, last_v)).values()] == ends


def test_cutoff_close_to_lithium_is_a_multiple_of_5_mv() -> None:
    """A half-cell that is discharged once, to 5 mV, is discharged whole; to 7.3 mV it was cut."""
    for end_v, end in ((0.0052, EndReason.VOLTAGE), (0.0073, EndReason.EXTERNAL)):
        made = Recording()
        made.step(-1e-3, every(1.0, 3601.3), ramp(1.0, end_v, 3601.3), cycle=1)
        assert list(inferred_ends(analysis.step_rows(made.table())).values()) == [end]


def test_held_voltage_ends_by_its_current() -> None:
    """A step of constant current and then constant voltage is complete when its current has fallen."""
    assert set(inferred_ends(_steps([1234.5], [3.987], "cccv")).values()) == {EndReason.CURRENT}


def test_pulse_beside_a_half_cycle_is_netted() -> None:
    """A discharge pulse of 10 s in a charge makes no half-cycle of its own, and takes its charge away."""
    made = Recording()
    made.step(1e-3, every(60.0, 1800.0), ramp(3.3, 3.6, 1800.0), cycle=1, step=1)
    made.step(-1e-3, every(1.0, 10.0), level(3.4), cycle=1, step=2)
    made.step(1e-3, every(60.0, 1800.0), ramp(3.6, 4.0, 1800.0), cycle=1, step=3)
    made.step(-1e-3, every(60.0, 3500.0), ramp(3.5, 2.8, 3500.0), cycle=1, step=4)
    (cycle,) = analysis.cycle_table(made.table(), LFP, dict.fromkeys(range(1, 5), WHOLE))
    assert cycle.charge_capacity_ah == pytest.approx((3600 - 10) * 1e-3 / 3600)
    assert cycle.discharge_capacity_ah == pytest.approx(3500 * 1e-3 / 3600)


def test_energy_efficiency_is_that_of_one_cycle() -> None:
    """Where the discharge takes back what the cycle before has given there is a coulombic efficiency and no other."""
    made = Recording()
    made.step(-1e-3, every(60.0, 1000.0), ramp(3.5, 2.8, 1000.0), cycle=1, step=1)
    made.step(1e-3, every(60.0, 3600.0), ramp(3.3, 4.0, 3600.0), cycle=1, step=2)
    made.step(-1e-3, every(60.0, 3500.0), ramp(3.5, 2.8, 3500.0), cycle=2, step=1)
    made.step(1e-3, every(60.0, 3600.0), ramp(3.3, 4.0, 3600.0), cycle=2, step=2)
    _, second = analysis.cycle_table(made.table(), LFP, dict.fromkeys(range(1, 5), WHOLE))
    assert second.coulombic_efficiency == pytest.approx(3500 / 3600)
    assert second.energy_efficiency is None


def test_mean_efficiency_leaves_out_the_first_cycle_only() -> None:
    """Where the first cycle has no efficiency, every one that there is counts; without any the reason is told."""
    rows = [
        replace(row, coulombic_efficiency=given)
        for row, given in zip(_cycles([1.0] * 3), (None, 0.98, 0.99), strict=True)
    ]
    found = analysis.mean_efficiency(rows)
    assert found.mean == pytest.approx(0.985)
    assert (found.n, found.first) == (2, None)
    none = [replace(row, coulombic_efficiency=None, remark="set by time") for row in rows]
    assert analysis.mean_efficiency(none).remark == "set by time"


def _spectrum(cycle: int, ohm: float, error_ohm: float = 0.1, steady: Steadiness = Steadiness.STEADY) -> SpectrumRow:
    return SpectrumRow(cycle, None, None, ohm, error_ohm, None, None, steady, False, "", "")


def test_fresh_and_changed_spectra_have_no_part_in_a_trend() -> None:
    """The slope is that of the others; where they scatter more than their errors say, its error grows."""
    rows = [_spectrum(cycle, 100.0 + 2.0 * cycle) for cycle in (10, 20, 30, 40)]
    odd = [_spectrum(0, 900.0), _spectrum(25, 500.0, steady=Steadiness.CHANGED)]
    (trend,) = analysis.trends([*rows, *odd])
    assert trend.ohm_per_cycle == pytest.approx(2.0)
    assert trend.spectra == 4
    scattered = [replace(row, interface_ohm=(row.interface_ohm or 0.0) + (-1) ** n * 5.0) for n, row in enumerate(rows)]
    (wide,) = analysis.trends(scattered)
    assert wide.error_ohm_per_cycle > 20 * trend.error_ohm_per_cycle
    assert analysis.trends(rows[:2]) == []


def test_curves_refuse_what_is_too_little_or_too_fine() -> None:
    """Two records have no dQ/dV, and a smoothing of a nanovolt is nobody's."""
    made = Recording()
    made.step(1e-3, [0.0, 60.0], ramp(3.0, 3.1, 60.0), cycle=1)
    made.step(1e-3, every(1.0, 600.0), ramp(3.1, 4.0, 600.0), cycle=2)
    few, many = analysis.steps_of(made.table(), cycle=1), analysis.steps_of(made.table(), cycle=2)
    with pytest.raises(ValueError, match="too few for dQ/dV"):
        analysis.incremental_capacity(few)
    with pytest.raises(ValueError, match="too fine"):
        analysis.incremental_capacity(many, 1e-7)
    with pytest.raises(ValueError, match="say a positive one"):
        analysis.incremental_capacity(many, 0.0)
    with pytest.raises(ValueError, match=r"say 0\.001 to 0\.1"):
        analysis.differential_voltage(many, 0.5)


def test_voltage_that_a_step_holds_at_its_end_is_no_peak() -> None:
    """Of a step of constant current, then constant voltage, the second part is left out of dQ/dV and of dV/dQ."""
    made = Recording()
    made.step(1e-3, every(5.0, 3600.0), ramp(3.0, 4.0, 3600.0), cycle=1)
    only = made.table()
    held = 0.97e-3 * np.exp(-np.arange(360) / 100.0)
    tail = pl.DataFrame(
        {
            "test_time_s": 3600.0 + 10.0 * np.arange(1, 361),
            "cycle": np.full(360, 1),
            "step": np.full(360, 1),
            "step_count": np.full(360, 1),
            "step_time_s": 3600.0 + 10.0 * np.arange(1, 361),
            "voltage_v": np.full(360, 4.0),
            "current_a": held,
            "capacity_ah": 1e-3 + np.cumsum(held) * 10.0 / 3600,
        }
    )
    both = pl.concat([only, tail], how="diagonal").with_columns(pl.lit("CCCV_Chg").alias("mode"), run_id=pl.lit("R1"))
    whole, without = (analysis.incremental_capacity(analysis.steps_of(table)) for table in (both, only))
    assert whole.ah_per_v == pytest.approx(without.ah_per_v)
    assert analysis.differential_voltage(analysis.steps_of(both)).charge_ah[-1] < 1e-3


def test_records_far_apart_make_no_peaks() -> None:
    """Records each 50 mV whose charges differ, as a coarse counter's do, are tops of their own and no peaks."""
    made, times = Recording(), np.cumsum([0.0, *([60.0, 180.0] * 10)])
    made.step(1e-3, times, lambda _: 3.0 + 0.05 * np.arange(21.0), cycle=1)
    curve = analysis.incremental_capacity(analysis.steps_of(made.table()))
    assert curve.ah_per_v.max() > 0
    assert curve.peaks() == []


def test_ripple_is_no_peak() -> None:
    """Of a flat dQ/dV with a ripple of 1 % nothing stands out by a tenth of its height."""
    made = Recording()

    def voltage(times: Floats) -> Floats:
        return 3.0 + times / 3600 + 0.0001 * np.sin(times / 30)

    made.step(1e-3, every(5.0, 3600.0), voltage, cycle=1)
    curve = analysis.incremental_capacity(analysis.steps_of(made.table()))
    assert len(curve.peaks()) <= 1


@pytest.mark.parametrize("apart_v", [0.04, 0.06])
def test_peaks_that_overlap_keep_their_places(apart_v: float) -> None:
    """Two peaks of 15 mV whose valley is at 88 and 27 % of them are two, each where the sum of both has its top."""
    peaks, low_v, high_v = [(3.4, 0.015, 5e-4), (3.4 + apart_v, 0.015, 5e-4)], 3.2, 3.7
    end_s = capacity_of(peaks, low_v, high_v) / 1e-4 * 3600 * 0.999
    made = Recording()
    made.step(1e-4, np.linspace(0, end_s, 2000), two_phases(1e-4, peaks, low_v, high_v), cycle=1)
    found = analysis.incremental_capacity(analysis.steps_of(made.table()), smoothing_v=0.002).peaks()
    axis = np.linspace(low_v, high_v, 50_001)
    both = sum(np.exp(-(((axis - volts) / 0.015) ** 2) / 2) for volts, _, _ in peaks)
    left = float(axis[np.argmax(np.where(axis < 3.4 + apart_v / 2, both, 0))])
    assert [volts for volts, _ in found] == pytest.approx([left, 2 * (3.4 + apart_v / 2) - left], abs=2e-3)


def test_overpotential_without_records_in_the_middle_is_none() -> None:
    """Two records of a half-cycle tell its charge and no plateau; the cycle has no hysteresis then."""
    made = Recording()
    for sign in (1, -1):
        made.step(sign * 1e-4, [0.0, 3600.0], level(0.05 * sign), cycle=1)
    rows = analysis.overpotentials(made.table(), 0.5)
    assert [row.plateau_v for row in rows] == [None, None]
    assert rows[1].plated_before_mah_cm2 == pytest.approx(0.2)
    assert "too few" in rows[0].remark
    assert analysis.hysteresis(rows) == []


def test_tables_of_arrays_are_tables() -> None:
    """Arrays by name, as ``RunData.chunks`` gives them, need neither polars nor every column."""
    table = {
        "time_s": np.array([0.0, 10.0, 20.0]),
        "cycle": np.array([1, 1, 1]),
        "step_count": np.array([1, 1, 2]),
        "voltage_v": np.array([3.0, np.nan, 3.2]),
        "current_a": np.array([1e-3, 1e-3, 0.0]),
    }
    first, second = analysis.step_rows(table)
    assert first.charge_ah == pytest.approx(1e-2 / 3600)
    assert first.last_voltage_v == 3.0
    assert (second.start_s, second.mode, second.step) == (20.0, "", 0)


def test_cycles_of_a_counter_that_stands_still_are_numbered_anew() -> None:
    """Two discharges and charges that a file calls one cycle are two; the last one was cut, and spoils no other."""
    made = Recording()
    for charged_s in (3500.5, 400.3):
        made.step(-1e-3, every(60.0, 3600.7), ramp(1.0, 0.05, 3600.7), cycle=1, step=2)
        end_v = 1.0 if charged_s > 1000 else 0.23
        made.step(1e-3, every(60.0, charged_s), ramp(0.1, end_v, charged_s), cycle=1, step=3)
    first, second = analysis.cycle_table(made.table(), analysis.CellFacts("made", "other"))
    assert (first.cycle, second.cycle) == (1, 2)
    assert first.coulombic_efficiency == pytest.approx(3500.5 / 3600.7)
    assert second.discharge_capacity_ah == pytest.approx(3600.7e-3 / 3600)
    assert second.coulombic_efficiency is None
    assert second.charge_end_reason is EndReason.EXTERNAL


def test_steps_that_a_file_does_not_number_are_analysed() -> None:
    """Where a format has no number of the program's step, the steps are told apart by their count alone."""
    made = Recording()
    for cycle in (1, 2, 3):
        made.step(1e-3, every(60.0, 3600.0), ramp(3.3, 4.0, 3600.0), cycle=cycle, step=1)
        made.step(-1e-3, every(60.0, 3500.5 + cycle), ramp(3.5, 2.8, 3500.5 + cycle), cycle=cycle, step=2)
    without = made.table().with_columns(pl.lit(None, pl.Int64).alias("step"))
    rows = analysis.cycle_table(without, LFP)
    assert [row.coulombic_efficiency for row in rows] == pytest.approx([(3500.5 + n) / 3600 for n in (1, 2, 3)])
