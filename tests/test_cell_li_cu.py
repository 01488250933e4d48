"""A Li/Cu cell forms its film, plates and strips in stages that balance, and gives the efficiency that was set."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.cells.licu import LithiumCopperCell
from tests.cell_cycler import copper_cell, half_cycle

CM2 = 1.13
DENSITY = 5e-4
CURRENT_A = DENSITY * CM2
SAME = {"spread_fraction": 0.0, "corrosion_a_per_cm2": 0.0}
HOUR_C = 3600.0 * DENSITY


def plate(cell: LithiumCopperCell, charge: float, density: float = DENSITY) -> None:
    """Plate a charge, in C/cm2."""
    cell.advance(charge / density, -density * CM2)


def strip(cell: LithiumCopperCell, density: float = DENSITY, cutoff_v: float = 1.0) -> float:
    """Strip to a cutoff; return the charge in C/cm2, without what the bare surface took to climb there."""
    before = cell.balance
    half_cycle(cell, density * CM2, longest_s=1e6, low_v=-5.0, high_v=cutoff_v)
    return cell.balance.stripped - before.stripped


@given(
    program=st.lists(
        st.tuples(st.floats(0.0, 20000.0), st.sampled_from([-2e-3, -5e-4, -1e-6, 0.0, 1e-6, 5e-4, 2e-3])), max_size=12
    )
)
def test_every_coulomb_is_somewhere(program: list[tuple[float, float]]) -> None:
    """Plated lithium is stripped, active, dead or consumed, and the terminals' charge is the sum of all stages."""
    cell = copper_cell("bare-li-cu", overrides={"loss_current_exponent": 0.3, "later_efficiency_fraction": 0.9})
    for duration_s, density in program:
        cell.advance(duration_s, density * CM2)
        it = cell.balance
        assert min(it.plated, it.stripped, it.active, it.dead, it.consumed, it.film, it.surface, it.dissolved) >= 0.0
        assert it.stripped + it.active + it.dead + it.consumed == pytest.approx(it.plated, rel=1e-12, abs=1e-12)
        net = it.stripped + it.surface + it.dissolved - it.plated - it.film
        assert net == pytest.approx(cell.charge_c / CM2, rel=1e-9, abs=1e-9)


def test_fresh_copper_falls_to_zero_over_the_charge_of_its_film_once() -> None:
    """The film takes its stated charge while the potential only falls; a second discharge plates at once."""
    cell = copper_cell("bare-li-cu", overrides=SAME)
    assert cell.voltage_v(0.0) == 2.9
    resting_v = []
    for _ in range(25):
        plate(cell, 0.01)
        cell_at_rest = cell.snapshot()
        cell.advance(3600.0, 0.0)  # the salt gradient has gone
        resting_v.append(cell.voltage_v(0.0))
        cell.restore(cell_at_rest)
    assert all(later < before for before, later in itertools.pairwise(resting_v))
    assert resting_v[-1] == pytest.approx(0.0, abs=1e-9)
    assert cell.balance.film == pytest.approx(0.25)
    plate(cell, 1.0)
    strip(cell)
    plate(cell, 1.0)
    assert cell.balance.plated == pytest.approx(2.0, abs=0.01)


def test_plating_begins_with_a_peak_and_ends_on_a_plateau() -> None:
    """Nuclei on copper cost some 100 mV more than lithium on lithium, and the peak is over within minutes."""
    cell = copper_cell("conditioned-li-cu", overrides=SAME)
    volts = []
    for _ in range(3600):
        cell.advance(1.0, -CURRENT_A)
        volts.append(cell.voltage_v(-CURRENT_A))
    lowest = volts.index(min(volts))
    assert min(volts) < volts[-1] - 0.06
    assert lowest < 120
    assert all(abs(volt - volts[-1]) < 2e-3 for volt in volts[600:])


def test_a_step_that_plates_is_seen_to_its_peak_by_a_tester() -> None:
    """Near bare copper an interval is short, so that no cutoff inside the peak is stepped over."""
    cell = copper_cell("conditioned-li-cu", overrides=SAME)
    assert cell.max_interval_s == 2.0
    plate(cell, HOUR_C)
    assert cell.max_interval_s == 30.0


def test_stripping_climbs_when_the_active_lithium_is_used_up_and_not_before() -> None:
    """Until the last minutes the overpotential stays small; then the bare copper charges to the cutoff in seconds."""
    cell = copper_cell("conditioned-li-cu", overrides=SAME)
    plate(cell, 2 * HOUR_C)
    half = half_cycle(cell, CURRENT_A, longest_s=1e5, low_v=-1.0, high_v=1.0)
    assert half.by_voltage
    assert max(half.voltages_v[:-12]) < 0.06
    assert cell.balance.active == 0.0
    assert cell.balance.dead > 0.0


@pytest.mark.parametrize("efficiency", [0.6, 0.97, 0.999])
@pytest.mark.parametrize("density", [2e-4, 3e-3])
def test_a_full_cycle_gives_back_the_efficiency_that_was_set(efficiency: float, density: float) -> None:
    """Whatever goes to the film and whatever dies, the charge stripped over the charge plated is the setting."""
    set_one = {"efficiency_fraction": efficiency, "later_efficiency_fraction": efficiency}
    cell = copper_cell("conditioned-li-cu", overrides=SAME | set_one)
    plate(cell, 0.04)  # the film
    for _ in range(3):
        plate(cell, 5.0, density)
        plated = cell.balance.plated
        assert strip(cell, density) / 5.0 == pytest.approx(efficiency, rel=2e-3)
        assert cell.balance.plated == plated


def test_a_reservoir_gives_the_same_efficiency_by_its_formula() -> None:
    """(n Qc + Qs) / (n Qc + Qr) is the setting, with lithium left over in every cycle."""
    cell = copper_cell("bare-li-cu", overrides=SAME)
    plate(cell, 5 * HOUR_C)
    strip(cell)
    plate(cell, 5 * HOUR_C)
    for _ in range(10):
        cell.advance(3600.0, CURRENT_A)
        cell.advance(3600.0, -CURRENT_A)
    assert (10 * HOUR_C + strip(cell)) / (15 * HOUR_C) == pytest.approx(0.985, abs=2e-4)


def test_efficiency_moves_with_the_charge_plated_and_with_the_current() -> None:
    """A cell that settles in, and one that loses more at a higher current, are settings."""
    settling = copper_cell(
        "conditioned-li-cu",
        overrides=SAME
        | {"efficiency_fraction": 0.9, "later_efficiency_fraction": 0.99, "efficiency_change_c_per_cm2": 9},
    )
    plate(settling, 0.04)
    found = []
    for _ in range(15):
        plate(settling, 3.6)
        found.append(strip(settling) / 3.6)
    assert all(later > before for before, later in itertools.pairwise(found))
    assert found[0] < 0.94
    assert found[-1] == pytest.approx(0.99, abs=1e-3)
    hungry = copper_cell("conditioned-li-cu", overrides=SAME | {"loss_current_exponent": 0.5})
    plate(hungry, 0.04, 1e-3)
    losses = []
    for density in (1e-3, 4e-3):
        plate(hungry, 3.6, density)
        losses.append(1.0 - strip(hungry, density) / 3.6)
    assert losses[1] / losses[0] == pytest.approx(2.0, rel=0.02)


def test_active_lithium_corrodes_at_rest() -> None:
    """A rest between plating and stripping costs efficiency, and no more than there is."""
    cell = copper_cell("conditioned-li-cu", overrides={"corrosion_a_per_cm2": 1e-5})
    plate(cell, 1.0)
    active = cell.balance.active
    cell.advance(36000.0, 0.0)
    assert active - cell.balance.active == pytest.approx(0.36)
    cell.advance(1e6, 0.0)
    assert cell.balance.active == 0.0
    assert math.isfinite(cell.voltage_v(CURRENT_A))


def test_copper_dissolves_where_nothing_else_is_left_to_oxidise() -> None:
    """Charged without a cutoff, bare copper stays at its own potential: the voltage runs to no end."""
    cell = copper_cell("bare-li-cu", overrides=SAME)
    cell.advance(36000.0, CURRENT_A)
    assert cell.balance.dissolved > 17.0
    cell.advance(36000.0, 0.0)
    assert cell.voltage_v(0.0) == pytest.approx(3.5)


def test_impedance_blocks_on_bare_copper_and_conducts_on_lithium() -> None:
    """At 1 mHz bare copper shows its surface's capacitance, plated copper the slope of voltage over current."""
    cell = copper_cell("conditioned-li-cu", overrides=SAME)
    bare = cell.impedance_ohm(1e-3)
    assert -bare.imag * 2.0 * math.pi * 1e-3 == pytest.approx(1.0 / (2e-3 * CM2), rel=0.02)
    plate(cell, HOUR_C)
    cell.advance(3600.0, 0.0)
    slope = (cell.voltage_v(1e-9) - cell.voltage_v(-1e-9)) / 2e-9
    cell.advance(3600.0, 0.0)
    assert cell.impedance_ohm(1e3).real < cell.impedance_ohm(1e-5).real
    assert cell.impedance_ohm(1e-5).real == pytest.approx(slope, rel=0.05)
