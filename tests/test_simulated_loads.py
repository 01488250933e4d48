"""The simulated tester under constant power and constant resistance: exact at each record, and at its limits."""

from __future__ import annotations

from itertools import pairwise

import pytest

from drivers.neware import stepfile
from simulators.bench import SimulatedBench
from simulators.cells import load_cell
from simulators.neware.memory import RecordRow
from simulators.neware.settings import Noise, Quirks
from simulators.neware.stepfile import read_schedule
from simulators.neware.tester import Unit
from tests.load_steps import CHARGE, DIALECT, DISCHARGE, RESISTOR, program

CHANNEL = "21-1-1"


class Rack:
    """One channel without noise, a cell on it, and its clock in hand."""

    def __init__(self, *steps: str, every: str = "30 s") -> None:
        self.now_s = 0.0
        quirks = Quirks(noise=Noise(scale=0.0))
        cells = {CHANNEL: load_cell("bare-lfp", seed=1)}
        self.tester = SimulatedBench(lambda: self.now_s, 0.0, [Unit(channels=1)], cells, quirks=quirks).tester
        data = stepfile.write(program(*steps, every=every).cycling[0], "x", 0.0, DIALECT)
        assert self.tester.start(CHANNEL, read_schedule(data, self.tester.units[0].ratings), "x")

    def rows(self, now_s: float) -> list[RecordRow]:
        """Give the records made by then."""
        self.now_s = now_s
        return self.tester.records(CHANNEL)


def test_power_and_resistance_are_exact_at_each_record() -> None:
    """Voltage times current, and voltage over current, to the digits that a record has."""
    rows = Rack(CHARGE, DISCHARGE.replace("0.1 W/g", "1 W/g"), RESISTOR).rows(1e5)
    for step, wanted in ((1, 5e-4), (2, -1.1e-3)):
        mine = [row.voltage_v * row.current_a for row in rows if row.step == step]
        assert len(mine) > 20
        assert mine == [pytest.approx(wanted, rel=1e-6)] * len(mine)
    assert {round(row.voltage_v / row.current_a) for row in rows if row.step == 3} == {-10_000}


def test_energy_is_power_times_time_and_charge_its_integral() -> None:
    """What is counted is what passes, also where the current rises, and whether it is recorded often or not at all."""
    steps = CHARGE, DISCHARGE.replace("0.1 W/g", "0.5 W/g")
    rows = [row for row in Rack(*steps).rows(1e5) if row.step == 2]
    last = rows[-1]
    assert last.energy_wh == pytest.approx(5.5e-4 * last.step_time_ms / 3.6e6, rel=1e-5)
    seldom = Rack(*steps, every="10 h").rows(1e5)[-1]
    assert seldom.step_time_ms == pytest.approx(last.step_time_ms, abs=200)
    assert seldom.capacity_ah == pytest.approx(last.capacity_ah, rel=1e-4)
    pairs = pairwise(rows)
    integral_ah = sum((a.current_a + b.current_a) / 2 * (b.step_time_ms - a.step_time_ms) / 3.6e6 for a, b in pairs)
    assert last.capacity_ah == pytest.approx(-integral_ah, rel=1e-4)


def test_charge_ends_a_rising_current_at_the_tick() -> None:
    """A discharge at constant power passes its set charge and no more than flows between two looks."""
    rows = Rack(CHARGE, DISCHARGE.replace("2.8 V", "2.8 V, capacity: 0.165 mAh"), every="10 h").rows(1e5)
    last = [row for row in rows if row.step == 2][-1]
    assert 1.65e-4 * (1 - 1e-6) <= last.capacity_ah <= 1.65e-4 + 2 * 0.1 * 4e-5 / 3600


def test_power_that_the_cell_cannot_give_ends_the_step_at_its_voltage() -> None:
    """The current rises until the voltage is gone; the step is over at the next look, and the test with it."""
    rack = Rack(CHARGE, DISCHARGE.replace("0.1 W/g", "25 W/g"))
    rows = [row for row in rack.rows(1e5) if row.step == 2]
    assert rows[-1].step_time_ms <= 200
    assert rows[-1].voltage_v < 2.8
    assert not rack.tester.channel(CHANNEL).busy


@pytest.mark.parametrize(("steps", "at_s"), [((CHARGE,), 600.0), ((CHARGE, DISCHARGE), 8000.0)])
def test_cell_that_is_pulled_out_passes_nothing_more(steps: tuple[str, ...], at_s: float) -> None:
    """Through an empty holder no power passes, whichever way: the voltage runs to the step's end."""
    rack = Rack(*steps)
    before = rack.rows(at_s)[-1]
    rack.tester.pull_out_cell(CHANNEL)
    rows = [row for row in rack.rows(at_s + 600.0) if row.step == before.step]
    assert rows[-1].capacity_ah - before.capacity_ah < 1e-6
    assert not rack.tester.channel(CHANNEL).busy
