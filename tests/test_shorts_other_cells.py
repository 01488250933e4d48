"""Shorts in cells that are not Li/Li: by the balance of charge, by collapses, by what does not fit on charge."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from orchestrator.shorts import ShortFinding, ShortKind, StepFacts
from orchestrator.shorts.findings import Reason
from orchestrator.shorts.full_cell import FullCellWatch
from orchestrator.shorts.plating import PlatingWatch

AREA_CM2 = 1.13
CURRENT_A = 5.65e-4
EVERY_S = 30.0

Volts = Callable[[float], float]


class Runner:
    """Feeds steps to a rule; ``at_s`` is the run's time."""

    def __init__(self, watch: PlatingWatch | FullCellWatch) -> None:
        self.watch = watch
        self.found: list[ShortFinding] = []
        self.at_s = 0.0
        self.cycle = 1

    def step(self, set_a: float, lasts_s: float, volts: Volts, cutoff_v: float | None = None) -> None:
        """Pass a current until its time or cutoff."""
        self.watch.enter(StepFacts(set_a, cutoff_v, self.cycle), follows=True)
        step_s = 0.0
        while True:
            seen_v = volts(step_s)
            is_cut = cutoff_v is not None and set_a != 0.0 and (seen_v - cutoff_v) * set_a >= 0.0
            self.watch.feed(self.at_s + step_s, step_s, cutoff_v if is_cut and cutoff_v else seen_v, set_a)
            if is_cut or step_s >= lasts_s:
                break
            step_s += EVERY_S
        self.at_s += step_s
        self.found += self.watch.take()

    def of(self, kind: ShortKind) -> list[ShortFinding]:
        """Give the findings of one kind."""
        return [found for found in self.found if found.kind is kind]


def copper() -> Runner:
    """Give a Li/Cu cell."""
    return Runner(PlatingWatch(AREA_CM2))


def plate(cell: Runner, lasts_s: float = 7200.0, volts: Volts = lambda _: -0.04) -> None:
    """Plate lithium."""
    cell.step(-CURRENT_A, lasts_s, volts, -0.4)


def strip(cell: Runner, holds_s: float, volts: Volts = lambda _: 0.04, lasts_s: float = 9000.0) -> None:
    """Strip for as long as lithium is there, then rise to the cutoff."""
    cell.step(CURRENT_A, lasts_s, lambda s: volts(s) if s < holds_s else 1.0, 1.0)


def test_copper_that_gives_back_less_than_was_plated_is_no_short() -> None:
    """Thirty cycles, each at its own efficiency, one strip cut off early whose rest comes back in the next cycle."""
    cell, draws = copper(), random.Random(1)
    for number in range(30):
        plate(cell)
        strip(cell, 7200.0 * draws.uniform(0.95, 0.995) if number != 10 else 4500.0)
        if number == 10:
            plate(cell)
            strip(cell, 7200.0 * 1.3)
    assert cell.found == []


def test_strip_that_never_meets_its_cutoff_is_a_short() -> None:
    """The overvoltage is that of a sound cell; only the charge tells: 5 % more came back than was plated."""
    cell = copper()
    for _ in range(3):
        plate(cell)
        strip(cell, 7100.0)
    began_s = cell.at_s
    plate(cell)
    strip(cell, 1e9)
    (found,) = cell.of(ShortKind.HARD)
    assert found.reason is Reason.OVERDRAWN
    assert found.time_s - began_s == pytest.approx(2 * 7200.0, abs=150.0)
    # The balance tells no more than that: shunts were seen 2 to 14 h later than they were made.
    assert "below the cutoff: it began before" in found.sentence


def test_strips_that_end_by_time_at_all_that_was_plated_are_suspected_then_told() -> None:
    """Their time is that of the plating: an efficiency of 100 % that never met the cutoff, twice in a row."""
    cell = copper()
    for _ in range(2):
        plate(cell)
        strip(cell, 1e9, lasts_s=7200.0)
    assert [found.kind for found in cell.found] == [ShortKind.SOFT_SUSPECTED]
    plate(cell)
    assert [found.kind for found in cell.found] == [ShortKind.SOFT_SUSPECTED, ShortKind.HARD]


def test_collapse_inside_a_reservoir_is_dated_to_its_record() -> None:
    """No strip of it can run empty; flat at 3 ohm both ways is metal, and the hour is that of the fall."""
    cell = copper()
    plate(cell, 28800.0)
    came_s = cell.at_s + 1800.0
    strip(cell, 1e9, lambda s: 0.04 if s < 1800.0 else 3.0 * CURRENT_A, lasts_s=3600.0)
    plate(cell, 3600.0, lambda _: -3.0 * CURRENT_A)
    (found,) = cell.of(ShortKind.HARD)
    assert (found.reason, found.time_s, found.current_a) == (Reason.METAL_STEP, came_s, CURRENT_A)


def test_collapse_that_comes_back_is_no_hard_short() -> None:
    """A contact that mends, or a filament that burns through: suspected, and then kept apart."""
    cell = copper()
    plate(cell, 7200.0, lambda s: -0.002 if 1800.0 <= s < 3000.0 else -0.04)
    strip(cell, 7000.0)
    assert [found.kind for found in cell.found] == [ShortKind.SOFT_SUSPECTED, ShortKind.DEEP_SOFT]


def test_film_on_fresh_copper_is_no_collapse() -> None:
    """The voltage goes through zero on its way from 2.9 V to plating."""
    cell = copper()
    plate(cell, 7200.0, lambda s: 2.9 - s / 100.0 if s < 294.0 else -0.05)
    strip(cell, 6900.0)
    assert cell.found == []


def test_run_that_begins_with_a_strip_is_not_held_against_what_nobody_plated() -> None:
    """Another run has plated it."""
    cell = copper()
    strip(cell, 8000.0)
    plate(cell)
    strip(cell, 7000.0)
    assert cell.found == []


def full(capacity_ah: float | None = 1e-3) -> Runner:
    """Give a cell with an intercalation electrode."""
    return Runner(FullCellWatch(1.0, capacity_ah))


def cycle(cell: Runner, hours: float = 1.0, back: float = 0.99, volts: Volts = lambda s: 3.4 + s * 1e-6) -> None:
    """Charge at 1 mA for so many hours, then discharge a part of it."""
    cell.step(1e-3, hours * 3600.0, volts, 4.2)
    cell.step(-1e-3, hours * back * 3600.0, lambda s: 3.3 - s * 1e-6, 2.5)
    cell.cycle += 1


def test_charge_beyond_what_the_cell_can_hold_is_a_short() -> None:
    """Half as much again as it has ever given went in, and the voltage stays below the cutoff."""
    cell = full()
    for _ in range(3):
        cycle(cell)
    began_s = cell.at_s
    cycle(cell, hours=2.0)
    (found,) = cell.of(ShortKind.HARD)
    assert found.reason is Reason.OVERFILLED
    assert found.time_s - began_s == pytest.approx(1.5 * 3600.0, abs=60.0)


def test_charges_far_above_discharges_and_noise_are_suspected() -> None:
    """A fifth more goes in than came out, at the currents of the cycle before; then drops of 20 mV on charge."""
    cell = full()
    for _ in range(5):
        cycle(cell, back=0.8)
    assert {found.kind for found in cell.found} == {ShortKind.SOFT_SUSPECTED}
    noisy = full()
    cycle(noisy, volts=lambda s: 3.4 - (0.02 if int(s / EVERY_S) % 10 == 9 else 0.0))
    assert [found.kind for found in noisy.found] == [ShortKind.SOFT_SUSPECTED]
    assert "sudden drops on charge" in noisy.found[0].sentence


def test_sound_cell_of_any_rate_and_rest_is_not_suspected() -> None:
    """Rates from slow to fast and back, a formation, a relaxation, a contact that mends once."""
    cell = full()
    cycle(cell, back=0.8)
    for hours in (1.0, 0.98, 0.3, 0.29, 0.05, 0.05, 0.96, 0.3, 0.95):
        cycle(cell, hours=hours)
    cell.step(1e-3, 3600.0, lambda s: 3.5 if s < 1800.0 else 3.45, 4.2)
    cell.step(0.0, 40 * 3600.0, lambda s: 3.4 + 0.4 * 2.0 ** (-s / 1800.0))
    assert cell.found == []


def test_rate_that_cuts_a_cell_off_at_once_is_no_suspicion() -> None:
    """At 20C a sound cell passes one look of the tester one way and two the other: twice the charge is no leak."""
    cell = full()
    for _ in range(3):
        cycle(cell)
    for _ in range(4):
        cycle(cell, hours=2 * EVERY_S / 3600.0, back=0.5)
    assert cell.found == []


def test_voltage_that_falls_at_rest_is_suspected() -> None:
    """Behind a charge, hours after gradients have gone, the voltage goes on falling."""
    cell = full()
    cycle(cell)
    cell.step(1e-3, 3600.0, lambda _: 3.4, 4.2)
    cell.step(0.0, 20 * 3600.0, lambda s: 3.4 - 0.05 * s / 3600.0)
    assert [found.kind for found in cell.found] == [ShortKind.SOFT_SUSPECTED]


def test_copy_of_a_rule_goes_on_as_the_rule_does() -> None:
    """A copy that is fed changes nothing of the one that it was made of."""
    cell = copper()
    plate(cell, 28800.0)
    other = Runner(cell.watch.copy())
    other.at_s = cell.at_s
    for one in (other, cell):
        strip(one, 1e9, lambda s: 0.04 if s < 1800.0 else 3.0 * CURRENT_A, lasts_s=3600.0)
        plate(one, 3600.0, lambda _: -3.0 * CURRENT_A)
    assert cell.found
    assert other.found == cell.found
