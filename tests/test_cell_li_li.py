"""What the paper reports of its Li/Li cells must come out of the model's rates, at every rate and for every seed."""

from __future__ import annotations

import functools
import math

import pytest

from tests.cell_cycler import DISC_CM2, SymmetricTest, half_cycle, lithium_cell, symmetric_test

SEEDS = (1, 2, 3)


@functools.cache
def bare(density_a_per_cm2: float, seed: int) -> SymmetricTest:
    """Cycle a bare cell to its end, once a session."""
    return symmetric_test(lithium_cell("bare-li-li", seed=seed), density_a_per_cm2, hours=250)


def life(density_a_per_cm2: float, seed: int = 1, **overrides: float) -> int:
    """Give the hour in which a bare cell shorts."""
    cell = lithium_cell("bare-li-li", seed=seed, overrides=overrides)
    hour = symmetric_test(cell, density_a_per_cm2, hours=600).short_hour
    assert hour is not None
    return hour


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("density", "hour", "within"), [(2e-4, 140, 20), (4e-4, 80, 15)])
def test_bare_cell_shorts_when_the_papers_did(density: float, hour: int, within: int, seed: int) -> None:
    """One file gives both lives, 140 h at 0.2 mA/cm2 and 80 h at 0.4 mA/cm2."""
    assert bare(density, seed).short_hour == pytest.approx(hour, abs=within)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("density", "hours"), [(2e-4, 600), (4e-4, 200)])
def test_coated_cell_is_steady_for_as_long_as_the_papers_was(density: float, hours: int, seed: int) -> None:
    """The coating's slower rates leave no short, soft or hard, and hardly any rise."""
    test = symmetric_test(lithium_cell("coated-li-li", seed=seed), density, hours=hours)
    assert (test.short_hour, test.by_voltage, len(test.resistances_ohm)) == (None, 0, hours)
    assert test.dips() == []
    assert test.resistances_ohm[-1] < 1.25 * test.resistances_ohm[10]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("density", [2e-4, 4e-4])
def test_bare_cells_voltage_climbs_but_never_reaches_the_cutoff(density: float, seed: int) -> None:
    """Deposits raise the resistance until the dendrites meet, below 0.5 V."""
    test = bare(density, seed)
    assert max(test.resistances_ohm) > 2.0 * test.resistances_ohm[5]
    assert test.by_voltage == 0
    assert test.highest_v < 0.4


@pytest.mark.parametrize("seed", range(1, 13))
def test_soft_shorts_come_first_and_are_few_and_partial(seed: int) -> None:
    """Filaments show as drops that recover before the hard short, and none of them looks like it."""
    test = bare(2e-4, seed)
    assert 1 <= len(test.dips()) <= 25
    assert min(test.dips()) > 50
    assert test.short_hour is not None
    assert all(ratio > 0.35 for k, ratio in test.ratios().items() if k < test.short_hour - 1)


def test_after_a_soft_short_the_resistance_comes_back() -> None:
    """A filament burns out with the charge through it, and the cell goes on climbing."""
    test = bare(2e-4, 1)
    first = test.dips()[0]
    later = [r for r in test.resistances_ohm[first : test.short_hour] if r > test.resistances_ohm[first - 1]]
    assert later


@pytest.mark.parametrize("seed", range(4, 24))
def test_life_stays_inside_the_papers_window_for_any_seed(seed: int) -> None:
    """Cells of one batch differ modestly: the spread is bounded, not only rare."""
    assert bare(4e-4, seed).short_hour == pytest.approx(80, abs=15)


def test_a_hard_short_stays() -> None:
    """Metal between the electrodes leaves a couple of ohm, for good."""
    cell = lithium_cell("bare-li-li")
    symmetric_test(cell, 4e-4, hours=200)
    for _ in range(20):
        half = half_cycle(cell, 3e-4, longest_s=3600.0, low_v=-0.5, high_v=0.5)
        assert 1.0 < half.resistance_ohm < 6.0
        cell.advance(7200.0, 0.0)


def test_a_rate_between_gives_a_life_between() -> None:
    """Nothing in the file knows 0.2 or 0.4: 0.3 mA/cm2 lies between them."""
    lives = [life(density) for density in (2e-4, 3e-4, 4e-4)]
    assert lives[0] > lives[1] + 5 > lives[2] + 10


def test_a_larger_cell_carries_more_current_for_the_same_life() -> None:
    """Growth follows the density, so area scales current and conductance but not life."""
    small = lithium_cell("bare-li-li")
    large = lithium_cell("bare-li-li", overrides={"area_cm2": 4.0 * DISC_CM2, "contact_ohm": 1.5 / 4.0})
    first = symmetric_test(small, 4e-4, hours=200)
    second = symmetric_test(large, 4e-4, hours=200, area_cm2=4.0 * DISC_CM2)
    assert first.short_hour == second.short_hour
    assert second.resistances_ohm[5] == pytest.approx(first.resistances_ohm[5] / 4.0, rel=1e-9)


def test_thicker_electrolyte_and_slower_tips_make_a_longer_life() -> None:
    """A perturbed parameter gives another life, in the direction and size of its physics."""
    base = life(4e-4)
    assert life(4e-4, electrolyte_thickness_um=180.0) == pytest.approx(2 * base, rel=0.08)
    assert life(4e-4, tip_growth_um_per_s_at_1_ma_per_cm2=6.5e-4 * 1.25) == pytest.approx(base / 1.25, rel=0.08)


def test_an_idle_cell_grows_no_dendrites() -> None:
    """Tips advance with the current only; a month on the shelf just thickens the film."""
    cell = lithium_cell("bare-li-li")
    before = cell.voltage_v(1e-4)
    cell.advance(30 * 86400.0, 0.0)
    assert cell.penetration == 0.0
    assert before < cell.voltage_v(1e-4) < 3.0 * before


def test_coated_cell_can_be_plated_for_twenty_hours() -> None:
    """The paper's plating, 1 mA/cm2 for 20 h, ends by time."""
    for seed in SEEDS:
        cell = lithium_cell("coated-li-li", seed=seed)
        half = half_cycle(cell, -DISC_CM2 * 1e-3, longest_s=72000.0, low_v=-0.5, high_v=0.5)
        assert (half.by_voltage, half.duration_s) == (False, 72000.0)
        assert math.isinf(cell.shunt_ohm)


def test_fresh_cell_passes_the_check_block() -> None:
    """5 s each way give a resistance well inside 10 to 1500 ohm, and 20 to 60 mV at 0.2 mA/cm2."""
    for name in ("bare-li-li", "coated-li-li"):
        cell = lithium_cell(name)
        for current_a in (1.5708e-4, -1.5708e-4):
            cell.advance(5.0, current_a)
            assert 50.0 < cell.voltage_v(current_a) / current_a < 600.0
        cell.advance(600.0, 1.5708e-4)
        assert 0.02 < cell.voltage_v(1.5708e-4) < 0.06


def test_plating_starts_with_a_peak_that_the_charge_wears_off() -> None:
    """Nucleation: after each reversal the voltage first falls, then the salt gradient lets it rise again."""
    cell = lithium_cell("bare-li-li")
    for current_a in (1.5708e-4, -1.5708e-4):
        volts = half_cycle(cell, current_a, longest_s=3600.0, low_v=-0.5, high_v=0.5).voltages_v
        lowest = min(range(len(volts)), key=lambda k: abs(volts[k]))
        assert abs(volts[0]) > 1.2 * abs(volts[lowest])
        assert 0 < lowest < 20
        assert abs(volts[-1]) > abs(volts[lowest])
