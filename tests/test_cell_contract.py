"""What an instrument relies on in every cell model: cutting, looking, going back, solving for current, surviving."""

from __future__ import annotations

import functools
import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.cells import CellModel, load_cell, shipped_names
from simulators.cells.lili import LithiumSymmetricCell
from simulators.cells.walking import walk_by_intervals
from tests.cell_cycler import DISC_CM2, half_cycle, lithium_cell

# Whole lives of cells, twenty times over: on a machine that does other things too, five seconds are not enough.
# What was conditioned is the bare copper's model with a smaller film.
NAMES = ("bare-lfp", "bare-li-cu", "bare-li-li", "coated-lfp", "coated-li-li")
TOLERANCE_V = 1e-6
currents = st.sampled_from([-7.9e-4, -3.1e-4, -1e-5, 0.0, 1e-5, 1.6e-4, 2.2e-4])
intervals = st.floats(0.0, 7200.0)
programs = st.lists(st.tuples(intervals, currents, st.integers(1, 40)), min_size=1, max_size=8)


@functools.cache
def past(name: str) -> tuple[float, ...]:
    """Give the state of a cell of seed 3 with a past: Li/Li close to its first soft short, Li/Cu short of lithium."""
    cell = load_cell(name, seed=3)
    current_a = {"li-li": 3.1e-4, "li-cu": -6e-4}.get(name[-5:], 1e-4)
    for _ in range(24 if name.endswith("li-li") else 3):
        cell.advance(3600.0, current_a)
        cell.advance(3600.0, -current_a)
    return cell.snapshot()


def aged(name: str) -> CellModel:
    """Give a cell of seed 3 with a past."""
    cell = load_cell(name, seed=3)
    cell.restore(past(name))
    return cell


@functools.cache
def filament() -> tuple[float, ...]:
    """Give the state of a bare cell of seed 3 in which a filament carries part of the current."""
    cell = lithium_cell("bare-li-li", seed=3)
    minutes = 0
    while math.isinf(cell.shunt_ohm):
        cell.advance(60.0, 1.6e-4 if minutes // 60 % 2 else -1.6e-4)
        minutes += 1
    assert cell.shunt_ohm > 100.0
    return cell.snapshot()


def softly_shorted() -> CellModel:
    """Give a bare cell of seed 3 in which a filament carries part of the current."""
    cell = load_cell("bare-li-li", seed=3)
    cell.restore(filament())
    return cell


def shorted() -> CellModel:
    """Give a bare cell of seed 3 whose dendrites have met."""
    cell = lithium_cell("bare-li-li", seed=3)
    cell.restore(past("bare-li-li"))
    cell.advance(100 * 3600.0, 3.1e-4)
    assert cell.shunt_ohm == 2.0
    return cell


def any_cell(name: str) -> CellModel:
    """Give a cell by the name of its model or of its fault."""
    return {"softly shorted": softly_shorted, "shorted": shorted}.get(name, lambda: aged(name))()


def test_shipped_cells_are_listed_by_name() -> None:
    """The paper's four cells and two with copper: one file per cell, each serving every rate."""
    assert shipped_names() == tuple(sorted((*NAMES, "conditioned-li-cu")))


@pytest.mark.parametrize("name", [*NAMES, "softly shorted"])
@given(program=programs)
def test_cutting_an_interval_changes_nothing(name: str, program: list[tuple[float, float, int]]) -> None:
    """However a program's intervals are cut, every voltage agrees to a microvolt."""
    whole, parts = any_cell(name), any_cell(name)
    for duration_s, current_a, pieces in program:
        whole.advance(duration_s, current_a)
        for _ in range(pieces):
            parts.advance(duration_s / pieces, current_a)
        assert parts.voltage_v(current_a) == pytest.approx(whole.voltage_v(current_a), abs=TOLERANCE_V)
        assert parts.voltage_v(0.0) == pytest.approx(whole.voltage_v(0.0), abs=TOLERANCE_V)


@pytest.mark.parametrize("name", ["bare-li-li", "coated-li-li", "softly shorted"])
@given(
    program=st.lists(
        st.tuples(st.lists(st.sampled_from([0.1, 7.3, 30.0, 3600.0]), max_size=20), currents), min_size=1, max_size=4
    ),
    part=st.floats(0.5, 1.5),
)
def test_a_walk_is_its_intervals_to_the_last_bit(
    name: str, program: list[tuple[list[float], float]], part: float
) -> None:
    """A cell that takes many intervals at once has the voltages and the state of one that takes them one by one."""
    walking, other = any_cell(name), any_cell(name)
    assert isinstance(walking, LithiumSymmetricCell)
    for durations_s, current_a in program:
        bound_v = part * abs(other.voltage_v(current_a)) + 1e-3
        walked = walking.walk(durations_s, current_a, -bound_v, bound_v)
        assert walked == walk_by_intervals(other, durations_s, current_a, -bound_v, bound_v)
        assert walking.snapshot() == other.snapshot()


@pytest.mark.parametrize("name", [*NAMES, "softly shorted"])
def test_thirty_seconds_are_three_hundred_tenths(name: str) -> None:
    """An hour each way in steps of 30 s and of 0.1 s agrees to a microvolt at every record."""
    slow, fast = (any_cell(name) for _ in range(2))
    for current_a in (1.6e-4, -1.6e-4, 0.0):
        for _ in range(20):
            slow.advance(30.0, current_a)
            for _ in range(300):
                fast.advance(0.1, current_a)
            assert fast.voltage_v(current_a) == pytest.approx(slow.voltage_v(current_a), abs=TOLERANCE_V)


def test_a_short_falls_at_one_moment_however_it_is_looked_for() -> None:
    """The hazard is integrated over the way the tips grow, so that steps of an hour and of a second meet it alike."""
    ends = []
    for step_s in (3600.0, 30.0, 7.0):
        cell, passed_s = lithium_cell("bare-li-li"), 0.0
        before = cell.snapshot()
        while cell.shunt_ohm != 2.0:
            before = cell.snapshot()
            cell.advance(step_s, 4e-4)
            passed_s += step_s
        cell.restore(before)
        passed_s -= step_s
        while cell.shunt_ohm != 2.0:
            cell.advance(1.0, 4e-4)
            passed_s += 1.0
        ends.append(passed_s)
    assert max(ends) - min(ends) <= 1.0


@pytest.mark.parametrize("name", [*NAMES, "softly shorted"])
def test_looking_changes_nothing(name: str) -> None:
    """Voltages, currents, impedances and snapshots leave the state as it is."""
    cell = any_cell(name)
    before = cell.snapshot()
    for frequency_hz in (0.01, 1e3):
        cell.impedance_ohm(frequency_hz)
    cell.voltage_v(1e-3)
    cell.voltage_v(0.0)
    cell.current_a(0.1)
    assert cell.snapshot() == before
    assert all(isinstance(number, float) for number in before)


@pytest.mark.parametrize("name", NAMES)
@given(program=programs)
def test_a_snapshot_brings_back_exactly_that_moment(name: str, program: list[tuple[float, float, int]]) -> None:
    """After going back, also into another cell of the same seed, the future repeats bit for bit."""
    cell = aged(name)
    kept = cell.snapshot()
    futures = []
    for replayed in (cell, cell, load_cell(name, seed=3)):
        replayed.restore(kept)
        assert replayed.snapshot() == kept
        for duration_s, current_a, _ in program:
            replayed.advance(duration_s, current_a)
        futures.append((replayed.snapshot(), replayed.voltage_v(1e-4)))
    assert futures[0] == futures[1] == futures[2]


def test_a_snapshot_keeps_the_temperature_and_the_running_short() -> None:
    """What lies across the cell and how warm it is belong to the moment."""
    cell = softly_shorted()
    kept, volts = cell.snapshot(), cell.voltage_v(1.6e-4)
    cell.temperature_degc = 25.0
    cell.advance(40 * 3600.0, 1.6e-4)
    cell.restore(kept)
    assert (cell.temperature_degc, cell.voltage_v(1.6e-4)) == (60.0, volts)


@pytest.mark.parametrize("name", NAMES)
def test_a_state_of_another_kind_is_refused(name: str) -> None:
    """A tuple of the wrong length never becomes a state."""
    with pytest.raises(ValueError, match="numbers given"):
        load_cell(name, seed=1).restore((1.0, 2.0))


@pytest.mark.parametrize("name", [*NAMES, "softly shorted", "shorted"])
@given(voltage_v=st.floats(-10.0, 10.0))
def test_the_current_at_a_voltage_gives_that_voltage(name: str, voltage_v: float) -> None:
    """Holding a voltage and passing the current that answers it are the same."""
    cell = any_cell(name)
    assert cell.voltage_v(cell.current_a(voltage_v)) == pytest.approx(voltage_v, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_voltage_rises_with_current(name: str) -> None:
    """A cell is passive around its open circuit."""
    cell = aged(name)
    volts = [cell.voltage_v(k * 1e-5) for k in range(-200, 201)]
    assert all(later > before for before, later in itertools.pairwise(volts))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20)
@given(program=st.lists(st.tuples(st.floats(0.0, 1e12), st.floats(-1e3, 1e3)), max_size=6))
def test_no_input_overflows(name: str, program: list[tuple[float, float]]) -> None:
    """However hard and long a cell is driven, every answer stays a finite number."""
    cell = load_cell(name, seed=2)
    for duration_s, current_a in program:
        cell.advance(duration_s, current_a)
        assert math.isfinite(cell.voltage_v(current_a))
        assert math.isfinite(cell.current_a(current_a))
        assert math.isfinite(abs(cell.impedance_ohm(1.0)))


@pytest.mark.parametrize("name", NAMES)
def test_ten_times_the_current_is_survived(name: str) -> None:
    """A recipe off by ten drives the cell to its cutoff, not the model to an error."""
    cell = load_cell(name, seed=1)
    for current_a in (2.2e-3, -2.2e-3):
        assert half_cycle(cell, current_a, longest_s=3600.0, low_v=-5.0, high_v=5.0).duration_s > 0.0


@pytest.mark.parametrize(("duration_s", "current_a"), [(-1.0, 0.0), (math.nan, 0.0), (math.inf, 0.0), (1.0, math.nan)])
@pytest.mark.parametrize("name", ["bare-li-li", "bare-lfp"])
def test_time_runs_forward_and_in_numbers(name: str, duration_s: float, current_a: float) -> None:
    """What is not a duration or a current is refused before it reaches the state."""
    cell = load_cell(name, seed=1)
    before = cell.snapshot()
    with pytest.raises(ValueError, match="cannot advance"):
        cell.advance(duration_s, current_a)
    assert cell.snapshot() == before


@pytest.mark.parametrize("frequency_hz", [0.0, -1.0, math.nan, math.inf])
def test_impedance_needs_a_frequency(frequency_hz: float) -> None:
    """Zero, negative and unbounded frequencies are refused."""
    with pytest.raises(ValueError, match="frequency must be positive"):
        load_cell("bare-lfp", seed=1).impedance_ohm(frequency_hz)


def test_seeds_differ_and_repeat() -> None:
    """One seed is one cell; another is another of the same batch."""
    volts = [load_cell("bare-li-li", seed=seed).voltage_v(DISC_CM2 * 2e-4) for seed in (1, 1, 2)]
    assert volts[0] == volts[1] != volts[2]
    assert volts[2] == pytest.approx(volts[0], rel=0.1)
