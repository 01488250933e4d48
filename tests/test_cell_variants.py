"""Shorts, contacts, hours outside, drift, weakness and spreads are settings of every cell model, and are physics."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.cells import CellModel, load_cell
from simulators.cells.varied_cell import VariedCell
from tests.cell_cycler import half_cycle

NAMES = ("bare-li-li", "coated-lfp", "conditioned-li-cu")
MOST = {
    "short": [
        {"ohm": 800.0, "from_h": 0.7, "until_h": 2.1, "onset_h": 0.3},
        {"ohm": 60.0, "from_h": 1.5, "wander_fraction": 0.3, "flicker_h": 0.37},
    ],
    "contact": {"ohm": 40.0, "until_h": 1.1},
    "drift": {"temperature_k_per_h": 0.5, "temperature_swing_k": 2.0, "resistance_ohm_per_h": 1.0},
    "pulled_out": {"from_h": 2.6, "until_h": 2.8},
}
programs = st.lists(
    st.tuples(st.floats(0.0, 3000.0), st.sampled_from([-3e-4, 0.0, 1.6e-4, 3e-4]), st.integers(1, 5)), max_size=4
)


def varied(name: str, **tables: Any) -> VariedCell:  # noqa: ANN401 -- tables as TOML has them
    """Build a varied cell of seed 2 with its own type."""
    cell = load_cell(name, seed=2, overrides=tables)
    assert isinstance(cell, VariedCell)
    return cell


def resistance_ohm(cell: CellModel, current_a: float = 1e-4) -> float:
    """Give the resistance that a pulse of current would find."""
    return (cell.voltage_v(current_a) - cell.voltage_v(-current_a)) / (2.0 * current_a)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=6)
@given(program=programs)
def test_cutting_changes_nothing_and_a_replay_is_exact(name: str, program: list[tuple[float, float, int]]) -> None:
    """With every variation at once, cut intervals agree to a microvolt and a restored cell repeats bit for bit."""
    whole, parts, replayed = (varied(name, **MOST) for _ in range(3))
    kept = whole.snapshot()
    for duration_s, current_a, pieces in program:
        whole.advance(duration_s, current_a)
        for _ in range(pieces):
            parts.advance(duration_s / pieces, current_a)
        if abs(whole.hours * 3600.0 % 1.0) > 1e-6:  # at an event itself rounding decides which side is seen
            assert parts.voltage_v(current_a) == pytest.approx(whole.voltage_v(current_a), rel=1e-6, abs=1e-6)
    replayed.restore(kept)
    for duration_s, current_a, _ in program:
        replayed.advance(duration_s, current_a)
    assert replayed.snapshot() == whole.snapshot()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20)
@given(voltage_v=st.floats(-5.0, 5.0))
def test_the_current_at_a_voltage_gives_that_voltage(name: str, voltage_v: float) -> None:
    """Also behind a bad contact and beside a short, holding a voltage and passing its current are the same."""
    cell = varied(name, short={"ohm": 30.0}, contact={"ohm": 100.0})
    cell.advance(600.0, 1e-4)
    assert cell.voltage_v(cell.current_a(voltage_v)) == pytest.approx(voltage_v, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_a_short_comes_and_heals_at_its_hours(name: str) -> None:
    """Before it the cell is the sound one to the last bit; then its resistance is that of metal behind the contact."""
    sound = load_cell(name, seed=2)
    cell = varied(name, short={"ohm": 3.0, "from_h": 1.0, "until_h": 1.01})
    for it in (sound, cell):
        it.advance(3599.0, -1e-4)
    assert cell.inner.snapshot() == sound.snapshot()
    healthy_ohm = resistance_ohm(cell)
    assert math.isinf(cell.shunt_ohm)
    cell.advance(1.0, -1e-4)
    assert cell.shunt_ohm == 3.0
    contact_ohm = sound.impedance_ohm(1e9).real - cell.inner.impedance_ohm(1e9).real
    assert resistance_ohm(cell) == pytest.approx(contact_ohm + 1.0 / (1.0 / 3.0 + 1.0 / healthy_ohm), rel=0.1)
    assert abs(cell.impedance_ohm(1.0)) < contact_ohm + 3.0
    cell.advance(36.0, -1e-4)
    assert math.isinf(cell.shunt_ohm)


def test_a_shorted_copper_cell_never_meets_its_cutoff() -> None:
    """Stripping goes on through the metal after the lithium is gone: at I R, below the cutoff, for good."""
    cell = varied("conditioned-li-cu", short={"ohm": 500.0, "from_h": 1.0})
    cell.advance(7200.0, -5.65e-4)
    half = half_cycle(cell, 5.65e-4, longest_s=12000.0, low_v=-1.0, high_v=1.0)
    assert not half.by_voltage
    assert half.voltages_v[-1] == pytest.approx(5.65e-4 * 500.5, rel=0.02)


def test_a_shorted_phosphate_cell_discharges_itself() -> None:
    """At open circuit the metal takes the charge out, at a rate of volts over ohms."""
    cell = varied("coated-lfp", short={"ohm": 1e5, "from_h": 1.0})
    cell.advance(3600.0, 1e-4)
    before = cell.voltage_v(0.0)
    cell.advance(3600.0, 0.0)
    assert 3.3 < cell.voltage_v(0.0) < before
    cell.advance(10 * 3600.0, 0.0)
    assert cell.voltage_v(0.0) < 3.0


def test_an_onset_is_soft_and_a_flicker_comes_and_goes() -> None:
    """Conductance grows from a thousandth in even decades; a flicker is there and away by its own period."""
    cell = varied("bare-li-li", short={"ohm": 10.0, "onset_h": 1.0})
    ohms = []
    for _ in range(7):
        ohms.append(cell.shunt_ohm)
        cell.advance(600.0, 0.0)
    assert ohms == pytest.approx([10.0 ** (4.0 - 0.5 * k) for k in range(7)])
    blinking = varied("bare-li-li", short={"ohm": 10.0, "flicker_h": 0.5})
    seen = []
    for _ in range(6):
        seen.append(math.isinf(blinking.shunt_ohm))
        blinking.advance(1800.0, 0.0)
    assert seen == [False, True] * 3


def test_a_contact_is_bad_and_mends_and_another_grows_worse() -> None:
    """A contact adds its ohms in series between its hours, and none to what lies behind it."""
    cell = varied("bare-li-li", contact=[{"ohm": 500.0, "until_h": 1.0}, {"ohm": 90.0, "from_h": 2.0, "onset_h": 1.0}])
    extra = []
    for _ in range(8):
        extra.append(resistance_ohm(cell) - resistance_ohm(cell.inner))
        cell.advance(1800.0, 0.0)
    assert extra == pytest.approx([500, 500, 0, 0, 0, 45, 90, 90], abs=1e-6)


def test_a_cell_outside_its_holder_carries_nothing_and_rests() -> None:
    """Any current meets the leakage of an empty holder, and the cell is the same when it is put back."""
    cell = varied("coated-lfp", pulled_out={"from_h": 1.0, "until_h": 1.5})
    cell.advance(3600.0, 1e-4)
    assert cell.voltage_v(1e-4) == 1e5
    cell.advance(1800.0, 1e-4)
    rested = load_cell("coated-lfp", seed=2)
    rested.advance(3600.0, 1e-4)
    rested.advance(1800.0, 0.0)
    assert cell.voltage_v(1e-4) == pytest.approx(rested.voltage_v(1e-4), abs=1e-9)


def test_drifts_move_temperature_and_resistance() -> None:
    """A colder cell resists more by its own laws; a drifting resistance adds ohms by the hour."""
    cold = varied("bare-li-li", drift={"temperature_k_per_h": -0.5})
    ohms = []
    for _ in range(4):
        ohms.append(resistance_ohm(cold))
        cold.advance(3600.0, 0.0)
    assert all(later > before for before, later in itertools.pairwise(ohms))
    assert cold.temperature_degc == pytest.approx(58.0)
    aging = varied("coated-lfp", drift={"resistance_ohm_per_h": 4.0})
    before = resistance_ohm(aging)
    aging.advance(36000.0, 0.0)
    assert resistance_ohm(aging) == pytest.approx(before + 40.0, rel=1e-3)
    swinging = varied("bare-li-li", drift={"temperature_swing_k": 2.0, "temperature_period_h": 4.0})
    swinging.advance(3600.0, 0.0)
    assert swinging.temperature_degc == pytest.approx(62.0)


@settings(max_examples=20)
@given(at_s=st.floats(0.0, 11000.0))
def test_an_instrument_never_steps_over_an_event(at_s: float) -> None:
    """The longest interval ends at the next event, or is the tester's smallest."""
    cell = varied("bare-li-li", **MOST)
    cell.advance(at_s, 0.0)
    before, kept = cell.shunt_ohm, cell.snapshot()
    longest_s = cell.max_interval_s
    assert 0.1 <= longest_s <= 30.0
    cell.advance(max(0.0, longest_s - 0.1), 0.0)
    assert cell.shunt_ohm == before
    cell.restore(kept)
    assert cell.shunt_ohm == before


def test_a_weak_cell_has_less_capacity_and_less_ability() -> None:
    """Half the capacity takes half the charge; a third of the ability is three times the electrolyte's resistance."""
    weak = load_cell("coated-lfp", seed=2, overrides={"weak": {"capacity_factor": 0.5}})
    usual = load_cell("coated-lfp", seed=2)
    durations = [half_cycle(cell, 5e-5, longest_s=1e6, low_v=2.8, high_v=4.0).duration_s for cell in (weak, usual)]
    assert durations[0] / durations[1] == pytest.approx(0.5, abs=0.02)
    slow = load_cell("bare-li-li", seed=2, overrides={"weak": {"rate_factor": 1 / 3}})
    film_ohm = [it.impedance_ohm(1e9).real - 1.5 for it in (slow, load_cell("bare-li-li", seed=2))]
    assert film_ohm[0] / film_ohm[1] == pytest.approx(3.0, rel=1e-3)


def test_spreads_draw_parameters_by_the_seed() -> None:
    """One seed is one cell, others differ within the stated part; what is not named stays."""
    tables = {"spread_fraction": 0.0, "spreads": {"conductivity_s_per_cm": 0.3}}
    ohms = [load_cell("bare-li-li", seed=seed, overrides=tables).impedance_ohm(1e9).real - 1.5 for seed in range(1, 40)]
    plain = load_cell("bare-li-li", seed=1, overrides={"spread_fraction": 0.0}).impedance_ohm(1e9).real - 1.5
    again = load_cell("bare-li-li", seed=5, overrides=tables).impedance_ohm(1e9).real - 1.5
    assert again == ohms[4]
    assert len(set(ohms)) == 39
    assert plain / 1.31 < min(ohms) < 0.9 * plain
    assert 1.1 * plain < max(ohms) < plain / 0.69
    for seed in range(20):  # an efficiency keeps below 1
        load_cell("bare-li-cu", seed=seed, overrides={"spreads": {"every": 0.4}})


def test_a_file_may_have_the_tables_and_an_override_changes_one_value(tmp_path: Path) -> None:
    """Variants stand in the cell's TOML; a command line replaces single values of them."""
    from importlib.resources import files

    text = files("simulators.cells").joinpath("bare-li-li.toml").read_text(encoding="utf-8")
    path = tmp_path / "shorted.toml"
    path.write_text(f"{text}\n[short]\nohm = 7.0\nfrom_h = 3.0\n", encoding="utf-8")
    cell = load_cell(str(path), seed=1, overrides={"short": {"from_h": 0.0}})
    assert isinstance(cell, VariedCell)
    assert cell.shunt_ohm == 7.0


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"short": {"from_h": 1.0}}, "short: missing ohm"),
        ({"short": {"ohm": 0.0}}, "short.ohm is 0.0, expected a positive number"),
        ({"short": {"ohm": 5.0, "hour": 2.0}}, "short: unknown hour; known are ohm, from_h"),
        ({"short": {"ohm": 5.0, "from_h": 2.0, "until_h": 1.0}}, "until_h is 1, expected more than from_h"),
        ({"short": 5.0}, "short is 5.0, expected a table with ohm"),
        ({"contact": {"ohm": -1.0}}, "contact.ohm is -1.0, expected no negative number"),
        ({"drift": {"temperature_k_per_h": math.nan}}, "expected a finite number"),
        ({"weak": {"capacity_factor": 0.5}}, "has no capacity of its own; give rate_factor"),
        ({"weak": {"rate_factor": 0.0}}, "a factor is 0"),
        ({"weak": {"rate": 0.5}}, "weak: unknown rate"),
        ({"spreads": {"film_ohm": 0.1}}, "spreads: unknown parameter film_ohm"),
        ({"spreads": {"film_ohm_cm2": 1.0}}, "below 1"),
        ({"spread": {"film_ohm_cm2": 0.1}}, "unknown parameter spread"),
    ],
)
def test_a_wrong_table_is_refused_with_its_place(tables: dict[str, Any], message: str) -> None:
    """What is misspelt or impossible never becomes a cell that ignores it."""
    with pytest.raises(ValueError, match=message):
        load_cell("bare-li-li", seed=1, overrides=tables)
