"""Every analysis finds the numbers of a cell that are known beforehand, in noisy, sparse and uneven records."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from drivers.interfaces import EndReason
from orchestrator import analysis
from orchestrator.analysis.differential import PeakRow
from protocols.current_sign import Direction
from tests.analysis_truth import (
    Film,
    Floats,
    Recording,
    Relaxing,
    Voltage,
    capacity_of,
    every,
    level,
    ramp,
    symmetric,
    two_phases,
    uneven,
)
from tests.spectrum_maker import spectrum_of

LFP = analysis.CellFacts("made", "lfp", area_cm2=0.5, active_mass_mg=2.0, nominal_capacity_ah=1e-3)
LI_LI = analysis.CellFacts("made", "li-li", area_cm2=0.5)
LI_CU = analysis.CellFacts("made", "li-cu", area_cm2=1.0)
NOISE = [0.0, 2e-4]
TIMES = [every(30.0, 3600.0), uneven(12, 3600.0)]


def full_cell(discharged_mah: list[float], times: Floats, noise_v: float = 0.0, *, counts: bool = True) -> pl.DataFrame:
    """Give cycles of an LFP cell: 1 mAh charged from 3.3 to 4.0 V, what is said discharged from 3.5 to 2.8 V."""
    made = Recording(noise_v=noise_v, counts=counts)
    for cycle, mah in enumerate(discharged_mah, 1):
        made.step(1e-3, times, ramp(3.3, 4.0, times[-1]), cycle=cycle, step=1)
        part = times * mah
        made.step(-1e-3, part, ramp(3.5, 2.8, part[-1]), cycle=cycle, step=2)
        made.step(0.0, every(60.0, 600.0), level(3.0), cycle=cycle, step=3)
    return made.table()


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("noise_v", NOISE)
def test_charge_and_efficiencies_of_cycles_are_exact(times: Floats, noise_v: float) -> None:
    """Capacities follow to rounding however records lie; energies and voltages to the noise of the mean."""
    ends = {1: EndReason.VOLTAGE, 2: EndReason.VOLTAGE, 4: EndReason.VOLTAGE, 5: EndReason.VOLTAGE}
    first, second = analysis.cycle_table(full_cell([0.98, 0.97], times, noise_v), LFP, ends)
    assert (first.charge_capacity_ah, first.discharge_capacity_ah) == pytest.approx((1e-3, 0.98e-3), rel=1e-12, abs=0)
    assert (first.discharge_capacity_mah_g, first.discharge_capacity_mah_cm2) == pytest.approx((490.0, 1.96))
    assert (first.coulombic_efficiency, second.coulombic_efficiency) == pytest.approx((0.98, 0.97), rel=1e-12, abs=0)
    assert (first.charge_mean_voltage_v, first.discharge_mean_voltage_v) == pytest.approx(
        (3.65, 3.15), abs=noise_v + 1e-9
    )
    assert first.polarisation_v == pytest.approx(0.5, abs=2 * noise_v + 1e-9)
    assert first.charge_energy_wh == pytest.approx(3.65e-3, rel=1e-4)
    assert first.energy_efficiency == pytest.approx(0.98 * 3.15 / 3.65, rel=2e-4)


def test_charge_without_a_counter_is_the_integral_of_the_current() -> None:
    """A table whose tester counts no charge has the same capacities, by the trapezoid rule."""
    (cycle,) = analysis.cycle_table(full_cell([0.98], uneven(40, 3600.0), counts=False), LFP)
    assert (cycle.charge_capacity_ah, cycle.discharge_capacity_ah) == pytest.approx((1e-3, 0.98e-3), rel=1e-12, abs=0)


def test_ends_are_read_off_the_steps() -> None:
    """Discharges of different length that end at 2.8 V have an efficiency, charges of an hour are known as set."""
    table = full_cell([0.981234, 0.972345, 0.961111], every(30.0, 3600.0))
    cycles = analysis.cycle_table(table, LFP)
    assert [cycle.charge_end_reason for cycle in cycles] == [EndReason.TIME] * 3
    assert [cycle.discharge_end_reason for cycle in cycles] == [EndReason.VOLTAGE] * 3
    assert cycles[1].coulombic_efficiency == pytest.approx(0.972345)


def test_time_limited_halves_of_a_symmetric_cell_have_no_efficiency() -> None:
    """Their ratio is 1 by construction: the row says why instead, and gives no energy efficiency either."""
    made = Recording()
    for cycle in (1, 2, 3):
        for sign in (1, -1):
            made.step(sign * 1e-4, every(30.0, 3600.0), symmetric(0.05, 0.02, 0.01, 3600.0, sign), cycle=cycle)
    for row in analysis.cycle_table(made.table(), LI_LI):
        assert (row.coulombic_efficiency, row.energy_efficiency) == (None, None)
        assert "ended by its set time" in row.remark


def test_retention_and_end_of_life_against_a_named_cycle() -> None:
    """The life ends at the first of three cycles in a row below 80 %; a single bad cycle does not end it."""
    given = [1.0, 0.95, 0.9, 0.7, 0.85, 0.75, 0.74, 0.73]
    table = full_cell([part * 0.991 for part in given], every(60.0, 3600.0))
    ends = dict.fromkeys(range(1, 25), EndReason.VOLTAGE)
    cycles = analysis.cycle_table(table, LFP, ends)
    found = analysis.retention(cycles, 1)
    assert [row.retention for row in found.cycles] == pytest.approx(given)
    assert found.end_of_life_cycle == 6
    assert analysis.retention(cycles, 2).cycles[2].retention == pytest.approx(0.9 / 0.95)
    assert "no cycle 99" in analysis.retention(cycles, 99).remark


def test_retention_compares_no_cycles_of_different_currents() -> None:
    """A cycle at another current has a capacity and no retention."""
    cycles = analysis.cycle_table(
        full_cell([0.9, 0.8], every(60.0, 3600.0)), LFP, dict.fromkeys(range(7), EndReason.VOLTAGE)
    )
    found = analysis.retention(cycles, 1, currents_a={1: -1e-3, 2: -2e-3})
    assert found.cycles[1].retention is None
    assert "its current is 2 mA" in found.cycles[1].remark


def test_rate_table_finds_the_blocks() -> None:
    """Three cycles at 0.5, 1 and 2 mA and one more at 0.5 mA are four blocks with their capacities."""
    made, cycle, given = Recording(), 0, {0.5: 1.0, 1.0: 0.9, 2.0: 0.6}
    for current_ma in (0.5, 1.0, 2.0, 0.5):
        for _ in range(3):
            cycle += 1
            # The first cycle of a block still remembers the one before.
            end_s = given[current_ma] / current_ma * 3600 * (1.05 if cycle % 3 == 1 else 1.0)
            made.step(current_ma / 1e3, every(20.0, end_s), ramp(3.3, 4.0, end_s), cycle=cycle, step=1)
            made.step(-current_ma / 1e3, every(20.0, end_s), ramp(3.5, 2.8, end_s), cycle=cycle, step=2)
    table = made.table()
    steps = analysis.step_rows(table)
    currents = analysis.half_currents([(row.cycle, row.direction, row.mean_current_a) for row in steps])
    rows = analysis.rate_table(analysis.cycle_table(table, LFP), currents, LFP)
    assert [(row.first_cycle, row.last_cycle) for row in rows] == [(1, 3), (4, 6), (7, 9), (10, 12)]
    assert [row.discharge_c_rate for row in rows] == pytest.approx([0.5, 1.0, 2.0, 0.5])
    assert [row.part for row in rows] == pytest.approx([1.0, 0.9, 0.6, 1.0])
    assert rows[1].discharge_ma_cm2 == pytest.approx(2.0)


PEAKS = [(3.42, 0.015, 4e-4), (3.65, 0.03, 5e-4)]


def _peaks(current_a: float, noise_v: float, records: int) -> list[PeakRow]:
    low_v, high_v = 3.2, 3.9
    end_s = capacity_of(PEAKS, low_v, high_v) / abs(current_a) * 3600 * 0.999
    made = Recording(noise_v=noise_v)
    made.step(current_a, np.linspace(0, end_s, records), two_phases(current_a, PEAKS, low_v, high_v), cycle=1)
    way = Direction.CHARGE if current_a > 0 else Direction.DISCHARGE
    return analysis.half_cycle_peaks(1, way, analysis.steps_of(made.table()))


@pytest.mark.parametrize("current_a", [1e-4, -1e-4])
@pytest.mark.parametrize(("noise_v", "records"), [(0.0, 3000), (1e-3, 3000), (0.0, 120), (5e-4, 120)])
def test_peaks_of_incremental_capacity_lie_within_2_mv(current_a: float, noise_v: float, records: int) -> None:
    """Two peaks of 15 and 30 mV are found where they are, both ways, with noise of 1 mV and with 120 records."""
    found = _peaks(current_a, noise_v, records)
    assert [peak.voltage_v for peak in found] == pytest.approx([3.42, 3.65], abs=2e-3)
    assert found[1].ah_per_v == pytest.approx(5e-4 / (0.03 * np.sqrt(2 * np.pi)), rel=0.05)


def test_area_of_incremental_capacity_is_the_charge() -> None:
    """Noise that lets the voltage run back adds nothing: the area stays the charge that passed."""
    made = Recording(noise_v=2e-3)
    made.step(1e-4, every(10.0, 7200.0), two_phases(1e-4, PEAKS, 3.2, 3.9), cycle=1)
    found = analysis.incremental_capacity(analysis.steps_of(made.table()))
    assert np.sum(found.ah_per_v) * (found.voltage_v[1] - found.voltage_v[0]) == pytest.approx(2e-4, rel=1e-9)


@pytest.mark.parametrize("times", [every(5.0, 3600.0), uneven(300, 3600.0)])
def test_differential_voltage_is_the_slope(times: Floats) -> None:
    """A parabola over the charge has a straight dV/dQ, found within 5 % away from the ends."""
    made = Recording(noise_v=1e-4)
    made.step(1e-3, times, lambda t: 3.0 + 0.5 * t / 3600 + 0.3 * (t / 3600) ** 2, cycle=1)
    found = analysis.differential_voltage(analysis.steps_of(made.table()), smoothing=0.02)
    inner = slice(100, -100)
    expected = (0.5 + 0.6 * found.charge_ah * 1e3) * 1e3
    assert found.v_per_ah[inner] == pytest.approx(expected[inner], rel=0.05)
    assert np.isnan(found.v_per_ah[0])


@pytest.mark.parametrize("noise_v", [0.0, 1e-4])
@pytest.mark.parametrize(("delay_s", "every_s"), [(1.0, 0.1), (10.0, 1.0), (10.0, 4.0), (30.0, 10.0)])
def test_resistance_of_pulses_is_within_1_percent(delay_s: float, every_s: float, noise_v: float) -> None:
    """R after a stated delay, at pulses both ways and at the reversal between them, also from a record each 4 s."""
    cell, made, before_a = Relaxing(), Recording(noise_v=noise_v), 0.0
    for now_a in (0.0, 1e-3, -1e-3, 0.0, 2e-3):
        made.step(now_a, every(every_s, 200.0), cell.after(before_a, now_a), cycle=1)
        before_a = now_a
    rows = analysis.step_resistances(made.table(), delay_s)
    assert len(rows) == 4
    expected = cell.resistance_ohm(delay_s)
    assert [row.resistance_ohm for row in rows] == pytest.approx([expected] * 4, rel=0.01)
    errors = [abs((row.resistance_ohm or 0.0) - expected) / row.error_ohm for row in rows if row.error_ohm]
    assert not noise_v or max(errors, default=0.0) < 5


def test_resistance_is_not_made_up_where_no_record_tells_it() -> None:
    """Records each minute do not tell a resistance after 10 s: the row says where the nearest record is."""
    cell, made = Relaxing(), Recording()
    made.step(0.0, every(60.0, 600.0), cell.after(0.0, 0.0), cycle=1)
    made.step(1e-3, every(60.0, 600.0), cell.after(0.0, 1e-3), cycle=1)
    (row,) = analysis.step_resistances(made.table())
    assert row.resistance_ohm is None
    assert row.remark == "no record near 10 s after the change; the nearest is at 60 s"


@pytest.mark.parametrize("seed", range(1, 5))
@pytest.mark.parametrize(("noise_v", "current_a"), [(0.0, 2e-5), (1e-4, 2e-5), (1e-4, -2e-5)])
def test_diffusion_coefficient_is_within_5_percent(noise_v: float, current_a: float, seed: int) -> None:
    """Eight pulses into a film, whose diffusion follows from the plane sheet's series, give its coefficient back."""
    film, made = Film(), Recording(seed, noise_v=noise_v)
    film.titrate(made, current_a, 300.0, 7500.0, 8)
    rows = analysis.titration(made.table(), film.length_cm)
    assert len(rows) == 8
    ratios = [(row.diffusion_cm2_s or 0.0) / film.diffusion_cm2_s for row in rows]
    assert ratios == pytest.approx([1.0] * 8, abs=0.05)
    assert all(
        abs(ratio - 1) <= 3 * (row.relative_error or 0.0) + 1e-3 for ratio, row in zip(ratios, rows, strict=True)
    )
    assert all(row.remark == "" for row in rows)


def test_stated_error_of_a_diffusion_coefficient_covers_the_truth() -> None:
    """With noise of 0.2 mV one in fifty is off by more than 5 %: three times the stated error is never passed."""
    ratios, errors = [], []
    for seed in range(1, 21):
        film, made = Film(), Recording(seed, noise_v=2e-4)
        film.titrate(made, 2e-5, 300.0, 7500.0, 8)
        for row in analysis.titration(made.table(), film.length_cm):
            ratios.append((row.diffusion_cm2_s or 0.0) / film.diffusion_cm2_s - 1)
            errors.append(row.relative_error or 0.0)
    assert len(ratios) == 160
    assert max(abs(ratio) / error for ratio, error in zip(ratios, errors, strict=True)) < 3
    assert np.mean(errors) < 0.035


def test_pulse_that_is_too_long_gives_no_coefficient() -> None:
    """A pulse of half L^2/D is no half-space any more: nothing is given, and the row says why."""
    film, made = Film(), Recording()
    film.titrate(made, 2e-6, 2500.0, 10_000.0, 4)
    rows = analysis.titration(made.table(), film.length_cm)
    assert [row.diffusion_cm2_s for row in rows] == [None] * 4
    assert "too long" in rows[0].remark


@pytest.mark.parametrize("noise_v", [0.0, 5e-4])
@pytest.mark.parametrize("times", [every(10.0, 3600.0), every(30.0, 3600.0)])
def test_parts_of_the_overpotential_of_symmetric_cells(noise_v: float, times: Floats) -> None:
    """Plateaus that grow with the plated charge, tips and arcs are found in both directions."""
    made = Recording(noise_v=noise_v)
    for cycle in range(1, 6):
        for sign in (1, -1):
            plateau_v = 0.05 + 0.002 * cycle + (0.001 if sign > 0 else 0.0)
            made.step(sign * 1e-4, times, symmetric(plateau_v, 0.03, 0.01, 3600.0, sign), cycle=cycle)
    rows = analysis.overpotentials(made.table(), LI_LI.area_cm2)
    assert len(rows) == 10
    truth = [0.05 + 0.002 * row.cycle + (0.001 if row.direction is Direction.CHARGE else 0.0) for row in rows]
    assert [row.plateau_v for row in rows] == pytest.approx(truth, abs=noise_v / 2 + 1e-6)
    # The first record after the beginning is on the tip's way down.
    tip_v = 0.03 * np.exp(-float(times[1]) / 3600 * 50)
    assert [row.nucleation_v for row in rows] == pytest.approx([tip_v] * 10, abs=4 * noise_v + 1e-6)
    assert [row.arc_v for row in rows] == pytest.approx([0.01] * 10, abs=noise_v + 1e-6)
    assert rows[4].plated_before_mah_cm2 == pytest.approx(4 * 0.1 / 0.5)
    joined = analysis.hysteresis(rows)
    assert [row.overpotential_v for row in joined] == pytest.approx(
        [0.0505 + 0.002 * n for n in range(1, 6)], abs=noise_v + 1e-9
    )
    assert joined[0].plated_mah_cm2 == pytest.approx(0.4)


def test_reservoir_efficiency_of_li_cu_within_a_thousandth() -> None:
    """4 mAh plated, ten cycles of 1 mAh, and a last strip: each plating loses 1.5 %, and both methods see it."""
    made, kept = Recording(noise_v=5e-4), 0.985
    hour = every(30.0, 3600.0)
    made.step(-1e-3, every(30.0, 4 * 3600.0), level(-0.05), cycle=1, step=1)
    strip_s = 4 * kept * 3600
    made.step(1e-3, every(30.0, strip_s), _strip(strip_s), cycle=1, step=2)
    made.step(-1e-3, every(30.0, 4 * 3600.0), level(-0.05), cycle=2, step=3)
    for n in range(10):
        made.step(1e-3, hour, level(0.05), cycle=2 + n, step=4)
        made.step(-1e-3, hour, level(-0.05), cycle=3 + n, step=5)
    # What is lost of each plating is missing at the end: of 14 mAh plated in all.
    last_s = (14 * kept - 10) * 3600
    made.step(1e-3, every(30.0, last_s), _strip(last_s), cycle=12, step=6)
    table = made.table()
    (test,) = analysis.reservoir_tests(analysis.step_rows(table))
    assert test.n == 10
    assert test.efficiency == pytest.approx(kept, abs=1e-3)
    cycles = analysis.cycle_table(table, LI_CU)
    assert cycles[0].coulombic_efficiency == pytest.approx(kept, abs=1e-3)
    assert [row.coulombic_efficiency for row in cycles[1:]] == [None] * 11


def _strip(end_s: float) -> Voltage:
    return lambda times: np.where(times > 0.98 * end_s, 0.05 + 0.95 * (times / end_s - 0.98) / 0.02, 0.05)


def test_mean_of_cycles_of_li_cu_leaves_the_first_out() -> None:
    """Ten strips to 1 V of 98 % after a first of 90 %: mean 98 %, n 9."""
    made = Recording()
    for cycle in range(1, 11):
        made.step(-1e-3, every(30.0, 3600.0), level(-0.05), cycle=cycle, step=1)
        strip_s = 3600 * (0.90 if cycle == 1 else 0.98 + 0.0001 * (cycle % 2))
        made.step(1e-3, every(30.0, strip_s), _strip(strip_s), cycle=cycle, step=2)
    found = analysis.mean_efficiency(analysis.cycle_table(made.table(), LI_CU))
    assert (found.mean, found.n, found.first) == pytest.approx((0.98 + 0.0001 * 4 / 9, 9, 0.90))


def _ramp(shorted: float | None) -> pl.DataFrame:
    """Give halves of an hour at 0.1, 0.2 ... 0.6 mA/cm2; from a density on the cell falls to 3 ohm after 20 min."""
    made = Recording()
    made.step(0.0, every(30.0, 600.0), level(0.0), cycle=1)
    for cycle, density in enumerate((0.1, 0.2, 0.3, 0.4, 0.5, 0.6), 1):
        for sign in (1, -1):
            current_a = sign * density * 1e-3 * 0.5
            is_short = shorted is not None and density >= shorted
            begins_s = 1200.0 if density == shorted and sign > 0 else 0.0

            def voltage(
                times: Floats, i: float = current_a, *, is_short: bool = is_short, at: float = begins_s
            ) -> Floats:
                sound = i * 400 * (1 + 0.1 * (1 - np.exp(-times / 600)))
                return np.where(times >= at, 3.0 * i, sound) if is_short else sound

            made.step(current_a, every(30.0, 3600.0), voltage, cycle=cycle)
    return made.table()


def test_critical_current_density_and_charge_to_failure_of_a_ramp() -> None:
    """A cell that shorts 20 min into 0.4 mA/cm2: that density, the last sound one, the hour and the charge."""
    table = _ramp(0.4)
    area_cm2 = LI_LI.area_cm2 or 0.0
    found = analysis.short_findings(table, analysis.SymmetricCell(area_cm2=area_cm2))
    assert analysis.short_findings(table, LI_LI) == found
    short = analysis.hard_short(found, area_cm2)
    began_h = 1 / 6 + 6 + 1 / 3
    assert short.hours == pytest.approx(began_h, abs=0.01)
    assert short.density_ma_cm2 == pytest.approx(0.4)
    assert short.charge_mah_cm2 == pytest.approx(2 * (0.1 + 0.2 + 0.3) + 0.4 / 3, rel=0.02)
    critical = analysis.critical_current(analysis.overpotentials(table, area_cm2), began_h * 3600)
    assert (critical.density_ma_cm2, critical.last_sound_ma_cm2) == pytest.approx((0.4, 0.3))
    assert critical.half_cycle_mah_cm2 == pytest.approx(0.3)


def test_ramp_without_a_short_gives_a_lower_bound() -> None:
    """Nothing is called a critical current density where nothing shorted."""
    table = _ramp(None)
    assert analysis.hard_short(analysis.short_findings(table, analysis.SymmetricCell(0.5)), 0.5).hours is None
    critical = analysis.critical_current(analysis.overpotentials(table, 0.5), None)
    assert critical.density_ma_cm2 is None
    assert critical.last_sound_ma_cm2 == pytest.approx(0.6)
    assert "lower bound" in critical.remark


def test_trend_of_the_interface_and_conductivity_are_found() -> None:
    """An interface that grows by 4 ohm a cycle behind a film of 1e-4 S/cm; the fresh cell has no part in the trend."""
    cell = analysis.CellFacts("made", "li-li", area_cm2=1.0, electrolyte_thickness_um=50.0)

    def law(interface_ohm: float) -> Callable[[float], complex]:
        return lambda hertz: 50.0 + interface_ohm / (1 + 2j * np.pi * hertz * interface_ohm * 1e-5)

    grid_hz = tuple(float(hertz) for hertz in np.logspace(6, 0, 31))
    grown = [(0, 400.0), *((cycle, 100.0 + 4.0 * cycle) for cycle in (5, 10, 15))]
    spectra = [(cycle, spectrum_of(law(ohm), noise=2e-3, seed=cycle, grid_hz=grid_hz)) for cycle, ohm in grown]
    rows = analysis.spectrum_rows(spectra, cell)
    assert [row.interface_ohm for row in rows] == pytest.approx([ohm for _, ohm in grown], rel=0.01)
    assert [row.conductivity_s_cm for row in rows] == pytest.approx([1e-4] * 4, rel=0.01)
    electrolyte, interface = analysis.trends(rows)
    assert interface.ohm_per_cycle == pytest.approx(4.0, abs=4 * interface.error_ohm_per_cycle)
    assert abs(electrolyte.ohm_per_cycle) < 4 * electrolyte.error_ohm_per_cycle
    assert interface.spectra == 3
