"""Where a cell model has a textbook limit, it must meet it: geometry, Butler-Volmer, coulombs, temperature, EIS."""

from __future__ import annotations

import cmath
import itertools
import math

import pytest

from simulators.cells.ocv import PlateauOcv
from tests.cell_cycler import lithium_cell, phosphate_cell

GAS, FARADAY = 8.314462618, 96485.33212
THERMAL_V = GAS * 333.15 / FARADAY
SAME = {"spread_fraction": 0.0}
FILM_OHM = 90e-4 / 2.4e-4 / 0.7854


def test_highest_frequency_sees_contact_and_film_by_geometry() -> None:
    """Resistance is thickness over conductivity and area: 47.7 ohm for the paper's film, plus the contact."""
    for cell in (lithium_cell("bare-li-li", overrides=SAME), phosphate_cell("bare-lfp", overrides=SAME)):
        assert cell.impedance_ohm(1e9).real == pytest.approx(1.5 + FILM_OHM, rel=2e-3)
        assert cell.impedance_ohm(1e9).imag == pytest.approx(0.0, abs=0.1)


def test_low_current_resistance_is_the_sum_of_films_and_butler_volmer() -> None:
    """Of kinetics RT / (F i0) remains: once for the stripped face, once for the nuclei of the plated one."""
    cell = lithium_cell("bare-li-li", overrides=SAME)
    rest_of_gradient = (1.0 - 0.8105694691 - 0.0900632743) * 0.7 / 0.3
    expected = 1.5 + FILM_OHM * (1.0 + rest_of_gradient) + 2.0 * 15.0 / 0.7854
    expected += THERMAL_V / 1e-3 * (1.0 + 1.0 / 0.15) / 0.7854
    assert cell.voltage_v(1e-9) / 1e-9 == pytest.approx(expected, rel=1e-6)


def test_kinetics_turn_logarithmic_at_high_current() -> None:
    """Ten times the current adds 2 RT/F ln 10 per electrode to what the resistances take."""
    cell = lithium_cell("bare-li-li", overrides=SAME)
    ohmic = cell.current_a(1e6)  # so high that kinetics vanish beside it: volts over amperes are the ohms
    ohm = 1e6 / ohmic
    kinetic = [cell.voltage_v(i) - i * ohm for i in (0.1, 1.0)]
    assert kinetic[1] - kinetic[0] == pytest.approx(2 * 2 * THERMAL_V * math.log(10), rel=5e-3)


@pytest.mark.parametrize("name", ["bare-li-li", "coated-li-li"])
def test_symmetric_cell_rests_at_zero(name: str) -> None:
    """Both electrodes are lithium: whatever was passed, the open circuit relaxes to 0 V."""
    cell = lithium_cell(name)
    assert cell.voltage_v(0.0) == 0.0
    cell.advance(3600.0, 2e-4)
    assert cell.voltage_v(0.0) > 5e-3
    cell.advance(36000.0, 0.0)
    assert cell.voltage_v(0.0) == pytest.approx(0.0, abs=1e-12)


def test_salt_gradient_has_the_resistance_of_bruce_and_vincent() -> None:
    """After long polarisation the film takes 1/t+ times its first voltage; what relaxes afterwards is the rest."""
    cell = lithium_cell("coated-li-li", overrides=SAME)
    cell.advance(7200.0, 1e-5)
    relaxing = cell.voltage_v(0.0) / 1e-5
    assert relaxing == pytest.approx(FILM_OHM * 0.7 / 0.3 * (0.8105694691 + 0.0900632743), rel=1e-6)


def test_lowest_frequency_sees_the_slope_of_the_steady_state() -> None:
    """Impedance and voltage come from one state: at f -> 0 they give the same resistance within a percent."""
    cell = lithium_cell("bare-li-li")
    cell.advance(3600.0, 1e-9)
    assert cell.impedance_ohm(1e-7).real == pytest.approx(cell.voltage_v(1e-9) / 1e-9, rel=0.01)


def test_lfp_blocks_direct_current_like_its_own_ocv_slope() -> None:
    """At f -> 0 the impedance of LFP is the capacitance dQ/dU of its plateau."""
    cell = phosphate_cell("coated-lfp", overrides=SAME)
    cell.advance(1400.0, 2.2e-4)
    cell.advance(86400.0, 0.0)
    low = cell.impedance_ohm(1e-7)
    capacity_c = 1.1e-3 * 162.7e-3 * 3600.0
    assert -low.imag * 2.0 * math.pi * 1e-7 == pytest.approx(0.02 / capacity_c, rel=0.01)


@pytest.mark.parametrize("name", ["bare-li-li", "bare-lfp"])
def test_impedance_is_passive_and_capacitive_over_the_whole_sweep(name: str) -> None:
    """From 10 mHz to 1 MHz the real part falls with frequency and the imaginary part stays below zero."""
    cell = lithium_cell(name) if name.endswith("li-li") else phosphate_cell(name)
    cell.advance(1800.0, 1.6e-4)
    sweep = [cell.impedance_ohm(10 ** (k / 8)) for k in range(-16, 49)]
    assert all(z.imag <= 0.0 for z in sweep)
    assert all(first.real >= second.real > 0.0 for first, second in itertools.pairwise(sweep))


def test_a_short_lies_across_the_impedance() -> None:
    """With metal between the electrodes the potentiostat sees a couple of ohm at every frequency."""
    cell = lithium_cell("bare-li-li")
    cell.advance(90 * 3600.0, 4e-4)
    assert cell.shunt_ohm == 2.0
    assert all(abs(cmath.phase(cell.impedance_ohm(f))) < 0.05 for f in (0.01, 1e3, 1e6))
    assert cell.impedance_ohm(1.0).real == pytest.approx(3.5, abs=0.1)


def test_coulombs_are_counted_exactly() -> None:
    """What went in is the integral of the current, and without side reactions it is where the OCV says."""
    quiet = {**SAME, "side_current_fraction": 0.0, "side_current_at_rest_a_per_cm2": 0.0}
    cell = phosphate_cell("coated-lfp", overrides=quiet)
    for _ in range(40):
        cell.advance(30.0, 2.2e-4)
    cell.advance(1e6, 0.0)
    assert cell.charge_c == pytest.approx(40 * 30.0 * 2.2e-4, rel=1e-14)
    ocv = PlateauOcv(3.43, 0.02, 0.6, 60.0, 1.0, 70.0)
    passed = cell.charge_c / (1.1e-3 * 162.7e-3 * 3600.0)
    branch = 1.0 - 2.0 * math.exp(-25.0 * passed)
    assert cell.voltage_v(0.0) == pytest.approx(ocv.voltage_v(0.015 + passed) + 0.01 * branch, abs=1e-9)


@pytest.mark.parametrize("degc", [52.0, 70.0, 90.0])
def test_molten_film_follows_vogel_tammann_fulcher(degc: float) -> None:
    """Conductivity goes as T^-1/2 exp(-B / (T - T0)) above the melting point."""
    warm = lithium_cell("bare-li-li", overrides=SAME, temperature_degc=degc).impedance_ohm(1e9).real - 1.5
    now, then = degc + 273.15, 333.15
    law = math.sqrt(now / then) * math.exp(1100.0 / (now - 195.0) - 1100.0 / (then - 195.0))
    assert warm / FILM_OHM == pytest.approx(law, rel=2e-3)


def test_interface_follows_arrhenius() -> None:
    """The film of the interface is the slope's only other part once kinetics are made negligible."""
    fast = {**SAME, "exchange_current_a_per_cm2": 1e6, "film_ohm_cm2": 1e4, "exchange_activation_kj_per_mol": 1.0}
    ohms = [
        lithium_cell("bare-li-li", overrides=fast, temperature_degc=degc).voltage_v(1e-9) / 1e-9
        for degc in (60.0, 70.0)
    ]
    law = math.exp(60e3 / GAS * (1 / 333.15 - 1 / 343.15))
    assert ohms[0] / ohms[1] == pytest.approx(law, rel=0.01)


@pytest.mark.parametrize("name", ["bare-li-li", "coated-li-li", "bare-lfp", "coated-lfp"])
def test_colder_is_more_resistive_everywhere(name: str) -> None:
    """From 90 to 0 degC the resistance only rises, also through the melting point of the polymer."""
    ohms = []
    for degc in range(90, -1, -5):
        cell = lithium_cell(name) if name.endswith("li-li") else phosphate_cell(name)
        cell.temperature_degc = float(degc)
        ohms.append((cell.voltage_v(1e-5) - cell.voltage_v(-1e-5)) / 2e-5)
    assert all(later > before for before, later in itertools.pairwise(ohms))


def test_no_law_holds_below_the_glass() -> None:
    """A temperature without a law is refused, and the cell stays at the one it had."""
    cell = lithium_cell("bare-li-li")
    for degc in (-100.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="no electrolyte law"):
            cell.temperature_degc = degc
    assert cell.temperature_degc == 60.0
