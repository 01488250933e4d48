"""What the paper reports of its LFP cells must come out of the model's rates, for every seed."""

from __future__ import annotations

import functools

import pytest

from tests.cell_cycler import HalfCycle, half_cycle, phosphate_cell, phosphate_cycles

CURRENT_A = 2.2e-4
"""200 mA/g on 1.10 mg."""

SEEDS = (1, 2, 3, 4, 5)


@functools.cache
def fifty_cycles(name: str, seed: int) -> list[tuple[HalfCycle, HalfCycle]]:
    """Cycle a cell as the paper did, once a session."""
    return phosphate_cycles(phosphate_cell(name, seed=seed), CURRENT_A, 50)


def discharged_mah_per_g(name: str, seed: int, cycle: int) -> float:
    """Give the discharge capacity of a cycle, counted from 1."""
    return fifty_cycles(name, seed)[cycle - 1][1].charge_ah * 1e3 / 1.10e-3


def polarisation_v(name: str, seed: int, cycle: int) -> float:
    """Give the mean charge voltage minus the mean discharge voltage."""
    charge, discharge = fifty_cycles(name, seed)[cycle - 1]
    return charge.mean_v - discharge.mean_v


@pytest.mark.parametrize("seed", SEEDS)
def test_coated_cell_keeps_its_capacity_as_the_papers_did(seed: int) -> None:
    """143.85 mAh/g at cycle 5, 97.2 % of it left at cycle 50."""
    fifth = discharged_mah_per_g("coated-lfp", seed, 5)
    assert fifth == pytest.approx(143.85, abs=2.0)
    assert discharged_mah_per_g("coated-lfp", seed, 50) / fifth == pytest.approx(0.9722, abs=0.01)


@pytest.mark.parametrize("seed", SEEDS)
def test_bare_cell_loses_its_capacity_as_the_papers_did(seed: int) -> None:
    """126.39 mAh/g at cycle 5, 37.6 % of it left at cycle 50."""
    fifth = discharged_mah_per_g("bare-lfp", seed, 5)
    assert fifth == pytest.approx(126.39, abs=3.0)
    assert discharged_mah_per_g("bare-lfp", seed, 50) / fifth == pytest.approx(0.3757, abs=0.04)


@pytest.mark.parametrize("seed", SEEDS)
def test_bare_cells_polarisation_starts_with_the_coated_ones_and_then_grows(seed: int) -> None:
    """Near the coated cell's at first, and three times its own at cycle 5 by cycle 50."""
    assert polarisation_v("bare-lfp", seed, 1) == pytest.approx(polarisation_v("coated-lfp", seed, 1), rel=0.15)
    assert polarisation_v("bare-lfp", seed, 50) > 3.0 * polarisation_v("bare-lfp", seed, 5)
    assert polarisation_v("coated-lfp", seed, 50) < 1.3 * polarisation_v("coated-lfp", seed, 5)


@pytest.mark.parametrize("name", ["bare-lfp", "coated-lfp"])
def test_fresh_cell_is_discharged(name: str) -> None:
    """Its open-circuit voltage lies in the pre-flight window, and the first discharge gives next to nothing."""
    cell = phosphate_cell(name)
    assert 3.0 < cell.voltage_v(0.0) < 3.3
    half = half_cycle(cell, -CURRENT_A, longest_s=86400.0, low_v=2.8, high_v=4.0)
    assert half.charge_ah < 0.05 * 160e-3 * 1.1e-3


def test_slower_rates_give_more_capacity() -> None:
    """Diffusion and resistance are real: C/10 beats 1C beats 4C."""
    capacities = [
        phosphate_cycles(phosphate_cell("coated-lfp"), CURRENT_A * factor, 1)[0][1].charge_ah
        for factor in (0.1, 1.0, 4.0)
    ]
    assert capacities[0] > 1.08 * capacities[1] > 1.5 * capacities[2] > 0.0


def test_colder_cells_give_less() -> None:
    """Every transport law slows down below 60 degC."""
    capacities = [
        phosphate_cycles(phosphate_cell("coated-lfp", temperature_degc=degc), CURRENT_A, 1)[0][1].charge_ah
        for degc in (70.0, 60.0, 40.0)
    ]
    assert capacities[0] > capacities[1] > 1.1 * capacities[2]


@pytest.mark.parametrize(
    ("key", "factor"),
    [("side_current_fraction", 1.5), ("side_isolation_cm2_per_c", 1.5), ("solid_diffusivity_cm2_per_s", 0.5)],
)
def test_a_perturbed_parameter_gives_another_fade(key: str, factor: float) -> None:
    """Nothing in the file holds the capacity of a cycle: change a rate and it moves."""
    nominal = {
        "side_current_fraction": 0.00853,
        "side_isolation_cm2_per_c": 2.0,
        "solid_diffusivity_cm2_per_s": 4.5e-14,
    }
    cell = phosphate_cell("bare-lfp", overrides={key: nominal[key] * factor})
    fiftieth = phosphate_cycles(cell, CURRENT_A, 50)[49][1].charge_ah * 1e3 / 1.10e-3
    assert fiftieth < 0.95 * discharged_mah_per_g("bare-lfp", 1, 50)


def test_area_and_mass_scale_current_not_fade() -> None:
    """Three times the disc with three times the material fades alike at three times the current."""
    overrides = {"area_cm2": 3 * 0.7854, "active_mass_mg": 3.3, "contact_ohm": 0.5}
    large = phosphate_cycles(phosphate_cell("bare-lfp", overrides=overrides), 3 * CURRENT_A, 10)
    small = fifty_cycles("bare-lfp", 1)
    assert large[9][1].charge_ah == pytest.approx(3.0 * small[9][1].charge_ah, rel=1e-6)


def test_plateau_lies_at_the_known_voltage() -> None:
    """Half charged and rested, LFP shows about 3.43 V against lithium, a little more after charge than discharge."""
    cell = phosphate_cell("coated-lfp")
    cell.advance(1300.0, CURRENT_A)
    cell.advance(86400.0, 0.0)
    after_charge = cell.voltage_v(0.0)
    cell.advance(2000.0, CURRENT_A / 2)
    cell.advance(1500.0, -CURRENT_A)
    cell.advance(86400.0, 0.0)
    after_discharge = cell.voltage_v(0.0)
    assert after_charge == pytest.approx(3.43, abs=0.03)
    assert 0.01 < after_charge - after_discharge < 0.04
