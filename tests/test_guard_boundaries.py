"""The very edges of the contact check, and what of it outlives a test, a step, or a store that refuses."""

from dataclasses import replace
from math import nextafter

import pytest

from drivers.interfaces import EndReason
from orchestrator.judging.guards import StepWatch
from orchestrator.judging.limits import Action, FindingKind
from orchestrator.judging.steps import ExecutedStep
from protocols.current_sign import Direction
from protocols.program import ConstantCurrent, ConstantVoltage, Guards, Purpose, Rest, Until
from tests.executed import executed_step
from tests.segments import segment_of

LOW, HIGH = 10.0, 1000.0
SEGMENT = replace(
    segment_of(
        ConstantCurrent(0.001, Until(time_s=5.0, voltage_v=0.5), purpose=Purpose.CHECK),
        ConstantCurrent(-0.001, Until(time_s=5.0, voltage_v=-0.5), purpose=Purpose.CHECK),
        ConstantCurrent(0.001, Until(time_s=3600.0, voltage_v=0.9)),
        Rest(Until(time_s=60.0)),
        ConstantCurrent(-0.001, Until(time_s=3600.0, voltage_v=-0.9)),
        ConstantCurrent(0.0001, Until(time_s=3600.0, voltage_v=0.9)),
        ConstantVoltage(Direction.CHARGE, 0.3, Until(time_s=5.0), 0.001, purpose=Purpose.CHECK),
        ConstantVoltage(Direction.CHARGE, 0.3, Until(time_s=3600.0), 0.001),
    ),
    guards=Guards(resistance_low_ohm=LOW, resistance_high_ohm=HIGH),
)


def ran(step: int, ohm: float | None, *, why: EndReason = EndReason.TIME, mean_v: float | None = None) -> ExecutedStep:
    """Give an executed step with this resistance, five seconds long in a check and an hour otherwise."""
    lasts_s = 5.0 if step < 3 else 3600.0
    sign = -1 if step == 2 else 1
    if mean_v is None and ohm is not None:
        mean_v = sign * ohm * 0.001
    return executed_step(step, lasts_s, why, 0.001, mean_v, ohm)


def words(watch: StepWatch, *steps: ExecutedStep) -> list[str]:
    """Give the sentences of what is found."""
    return [finding.message for finding in watch.feed(steps)]


@pytest.mark.parametrize(
    ("ohm", "likely"),
    [
        (LOW, ""),
        (HIGH, ""),
        (nextafter(LOW, 0), "the cell is shorted"),
        (nextafter(HIGH, 1e9), "no cell, or bad contact"),
        (0.0, "the cell is shorted"),
        (None, "no cell, or bad contact"),
    ],
)
def test_edges_of_the_window_of_resistance_are_inside(ohm: float | None, likely: str) -> None:
    """Below it the cell is shorted, above it, and without any current, there is none."""
    found = StepWatch(SEGMENT).feed([ran(1, ohm)])
    assert [finding.message.rpartition(": ")[2] for finding in found] == ([likely] if likely else [])
    assert all((f.kind, f.action, f.time_s) == (FindingKind.CHECK_FAILED, Action.STOP, 100.0) for f in found)


def test_check_that_its_cutoff_ended_finds_no_cell_whatever_its_resistance() -> None:
    """A compliance voltage divided by the set current may look like a resistance."""
    for ohm in (LOW, 500.0):
        (told,) = words(StepWatch(SEGMENT), ran(1, ohm, why=EndReason.VOLTAGE))
        assert told.endswith("no cell, or bad contact")


@pytest.mark.parametrize(("ohm", "shown"), [(999_000.0, "9.99e+05 ohm"), (1e6, "1 Mohm"), (9.984e8, "998.4 Mohm")])
def test_resistance_of_no_contact_is_told_in_megohms(ohm: float, shown: str) -> None:
    """Whoever reads it at the holder need not count the digits."""
    (told,) = words(StepWatch(SEGMENT), ran(1, ohm))
    assert told.partition(";")[0].endswith(shown)


@pytest.mark.parametrize("guards", [Guards(), Guards(resistance_low_ohm=LOW), Guards(resistance_high_ohm=HIGH)])
def test_check_without_both_ends_of_a_window_judges_nothing(guards: Guards) -> None:
    """What a recipe does not say is not assumed."""
    assert words(StepWatch(replace(SEGMENT, guards=guards)), ran(1, 1e9), ran(1, 0.0)) == []


@pytest.mark.parametrize(
    ("is_symmetric", "factor", "passes"), [(True, 2.0, True), (True, 2.01, False), (False, 2.0, False)]
)
def test_repeated_check_may_show_twice_what_the_last_half_cycle_did(
    is_symmetric: bool, factor: float, passes: bool
) -> None:
    """An aged symmetric cell has its old contact up to there; the voltage of any other cell is no resistance."""
    watch = StepWatch(SEGMENT, is_symmetric=is_symmetric)
    assert words(watch, ran(1, 900.0), ran(2, 900.0), ran(3, 1500.0, mean_v=0.4)) == []
    watch.enter(SEGMENT, 4000.0)
    assert (words(watch, ran(1, 1500.0 * factor)) == []) == passes


def test_voltage_over_current_is_no_resistance_unless_it_is_said() -> None:
    """A watch that was not told of a symmetric cell allows a repeated check nothing more."""
    watch = StepWatch(SEGMENT)
    assert words(watch, ran(1, 900.0), ran(3, 1500.0, mean_v=0.4)) == []
    assert words(watch, ran(1, 1500.0)) != []


def test_check_without_a_set_current_is_judged_like_any_other_step() -> None:
    """It has no resistance that a window could be for."""
    assert words(StepWatch(SEGMENT), replace(ran(1, 1e9), step=7)) == []


def test_end_of_a_run_tells_of_an_open_circuit_unless_the_recipe_has_switched_it_off() -> None:
    """Two half-cycles without current are too few to stop a run, and not of one that does not look for them."""
    off = replace(SEGMENT, guards=replace(SEGMENT.guards, early_cutoff_off=True))
    rows = [replace(ran(step, None, why=EndReason.VOLTAGE), duration_s=0.1, capacity_ah=0.0) for step in (3, 5)]
    for segment, actions in ((SEGMENT, [Action.MARK]), (off, [])):
        watch = StepWatch(segment)
        assert watch.feed(rows) == []
        assert [finding.action for finding in watch.finish()] == actions
    watch = StepWatch(off)
    watch.enter(SEGMENT, 0.0)
    watch.feed(rows)
    watch.enter(off, 0.0)
    assert watch.finish() == []


def test_contact_check_that_found_the_cell_tells_of_a_contact_lost_afterwards() -> None:
    """Half-cycles that end at once behind a good check were cut by a contact; behind none the cell may be weak."""
    up = replace(ran(3, 500.0, why=EndReason.VOLTAGE), duration_s=0.1, capacity_ah=0.001 * 0.1 / 3600)
    rows = [up, replace(up, step=5), up, replace(up, step=5)]
    found = StepWatch(SEGMENT).feed([ran(1, 50.0), ran(2, 50.0), *rows])
    assert [finding.action for finding in found] == [Action.STOP]
    assert [finding.action for finding in StepWatch(SEGMENT).feed(rows)] == [Action.MARK]
    failed = StepWatch(SEGMENT).feed([ran(1, 5.0), ran(2, 5.0), *rows])
    assert [finding.action for finding in failed[2:]] == [Action.MARK]


def test_small_last_resistance_makes_the_window_no_narrower() -> None:
    """The window's own end holds whatever the half-cycle before showed."""
    watch = StepWatch(SEGMENT, is_symmetric=True)
    assert words(watch, ran(1, 50.0), ran(3, 20.0), ran(1, HIGH)) == []


def test_held_voltage_is_no_resistance_to_compare_with() -> None:
    """Its current falls, and what is left at its end says nothing of the contact."""
    watch = StepWatch(SEGMENT, is_symmetric=True)
    assert words(watch, ran(1, 900.0), replace(ran(3, 5000.0, mean_v=0.3), step=8)) == []
    assert words(watch, ran(1, 1500.0)) != []


def test_half_cycle_that_passed_nothing_is_no_resistance_to_compare_with() -> None:
    """One that met its cutoff at once shows leads and contacts, and allows the next check nothing."""
    watch = StepWatch(SEGMENT, is_symmetric=True)
    at_once = replace(ran(3, 5000.0, why=EndReason.VOLTAGE), duration_s=0.1, capacity_ah=1e-12)
    words(watch, ran(1, 900.0), ran(2, 900.0), at_once)
    assert words(watch, ran(1, 1500.0)) != []


@pytest.mark.parametrize(
    ("up_v", "down_v", "is_wrong"), [(0.5, -0.5, False), (-0.5, 0.5, True), (0.5, 0.5, False), (0.5, 0.501, True)]
)
def test_higher_current_must_not_give_a_lower_voltage(up_v: float, down_v: float, is_wrong: bool) -> None:
    """Equal voltages are no sign of swapped leads; the setting to correct is named."""
    found = words(StepWatch(SEGMENT, "swap the leads"), ran(1, 500.0, mean_v=up_v), ran(2, 500.0, mean_v=down_v))
    assert [sentence.endswith("wrong sign; swap the leads") for sentence in found] == ([True] if is_wrong else [])
    if is_wrong:
        assert found[0].startswith(f"1 mA shows {up_v:.4f} V and -1 mA {down_v:.4f} V")


def test_voltage_that_is_not_known_counts_as_none() -> None:
    """A check without a mean voltage is compared as 0 V."""
    found = words(StepWatch(SEGMENT), replace(ran(1, 500.0), mean_voltage_v=None), ran(2, 500.0, mean_v=0.5))
    assert found[0].startswith("1 mA shows 0.0000 V")


def test_checks_of_two_tests_are_not_compared() -> None:
    """Between them the cell has been elsewhere: the first check of a test begins a new pair."""
    watch = StepWatch(SEGMENT)
    assert words(watch, ran(1, 500.0, mean_v=-0.5)) == []
    watch.enter(SEGMENT, 1000.0)
    assert words(watch, ran(2, 500.0, mean_v=0.5)) == []


def test_findings_have_the_time_of_the_run_and_the_segment_of_their_test() -> None:
    """A later test begins where the ones before ended, with windows of its own."""
    watch = StepWatch(SEGMENT)
    narrow = replace(SEGMENT, guards=Guards(resistance_low_ohm=400.0, resistance_high_ohm=450.0))
    watch.enter(narrow, 5000.0)
    (finding,) = watch.feed([ran(1, 500.0)])
    assert finding.time_s == 5100.0
    assert "400 to 450 ohm" in finding.message


def test_step_that_ran_into_its_ceiling_trips_and_a_rest_tells_nothing() -> None:
    """With what passed in it, at its time in the run."""
    watch = StepWatch(SEGMENT)
    watch.enter(SEGMENT, 5000.0)
    (finding,) = watch.feed([ran(4, None), ran(3, 500.0, why=EndReason.CEILING)])
    assert (finding.kind, finding.action, finding.time_s) == (FindingKind.CEILING, Action.TRIP, 5100.0)
    assert "1.0000 mAh in 1.000 h" in finding.message


def test_what_is_undone_is_forgotten() -> None:
    """A store that refuses the steps leaves the watch as it was: checks, the last half-cycle, and the open circuit."""
    watch = StepWatch(SEGMENT, is_symmetric=True)
    undo = watch.undo()
    words(watch, ran(1, 500.0, mean_v=-0.5), ran(3, 5000.0, mean_v=0.4))
    undo()
    assert words(watch, ran(2, 500.0, mean_v=0.5)) == []
    assert words(watch, ran(1, 3000.0)) != []
    at_once = replace(ran(3, None, why=EndReason.VOLTAGE, mean_v=0.9), duration_s=0.1, capacity_ah=0.0)
    undo = watch.undo()
    found = watch.feed([at_once] * 2)
    undo()
    assert watch.feed([at_once] * 2) == found
    assert [finding.action for finding in watch.feed([at_once])] == [Action.STOP]


def test_end_of_a_run_tells_the_steps_that_were_too_few() -> None:
    """At the end of the last step in the run's time."""
    gone = replace(ran(3, None, why=EndReason.VOLTAGE), duration_s=0.5, capacity_ah=0.0)
    watch = StepWatch(SEGMENT)
    watch.enter(SEGMENT, 5000.0)
    assert watch.feed([gone, replace(gone, step=5, start_s=200.0)]) == []
    (finding,) = watch.finish()
    assert (finding.action, finding.time_s) == (Action.MARK, 5200.5)
    off = StepWatch(replace(SEGMENT, guards=replace(SEGMENT.guards, early_cutoff_off=True)))
    off.feed([gone, replace(gone, step=5)])
    assert off.finish() == []
