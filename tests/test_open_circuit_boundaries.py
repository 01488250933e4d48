"""The very edges of what an executed step shows of its circuit, and of what the steps before it make of that."""

from __future__ import annotations

from dataclasses import replace
from math import nextafter

import pytest

from drivers.interfaces import EndReason
from orchestrator.judging.limits import Action
from orchestrator.judging.open_circuit import OpenCircuitWatch, Passage, passage
from orchestrator.judging.steps import ExecutedStep
from protocols.program import (
    ConstantCurrent,
    PoweredStep,
    Purpose,
    Until,
    VoltageBand,
)
from tests.open_circuit_steps import (
    DOWN,
    GONE_DOWN,
    GONE_UP,
    GUARDS,
    HELD_DOWN,
    HELD_UP,
    IDLE_DOWN,
    IDLE_UP,
    LIMITS,
    ONCE_DOWN,
    ONCE_UP,
    SEGMENT,
    UP,
    WHOLE_DOWN,
    WHOLE_UP,
    A,
    actions,
    fed,
    in_a_row,
    ran,
    shows,
)

# What one step shows


@pytest.mark.parametrize(
    ("lasts_s", "expected"),
    [
        (0.1, Passage.AT_ONCE),
        (5.0, Passage.AT_ONCE),
        (3.0, Passage.AT_ONCE),
        (5.1, Passage.PASSED),
        (9.0, Passage.PASSED),
    ],
)
def test_cutoff_is_met_at_once_within_five_seconds(lasts_s: float, expected: Passage) -> None:
    """Of an hour, of a step without any expected time, and of no step that somebody or something else has ended."""
    assert shows(UP, ran(lasts_s)) is expected
    assert shows(ConstantCurrent(A, Until(voltage_v=4.0)), ran(lasts_s)) is expected
    assert shows(UP, ran(lasts_s, EndReason.TIME)) is Passage.PASSED
    assert shows(UP, ran(lasts_s, EndReason.EXTERNAL)) is None


def test_step_is_early_up_to_its_part_of_the_set_time() -> None:
    """A short step is not early because it is short: a pulse of 8 s that meets its cutoff after 4 s has passed half."""
    fraction = GUARDS.early_cutoff_fraction
    pulse = ConstantCurrent(A, Until(4.0 / fraction, 4.0))
    assert shows(pulse, ran(nextafter(4.0, 0))) is Passage.AT_ONCE
    assert shows(pulse, ran(4.0)) is Passage.PASSED
    narrow = replace(GUARDS, early_cutoff_fraction=fraction / 2)
    assert shows(pulse, ran(3.0), narrow) is Passage.PASSED


@pytest.mark.parametrize(
    ("part", "expected"),
    [(0.0999, Passage.NO_CURRENT), (0.08, Passage.NO_CURRENT), (0.11, Passage.AT_ONCE), (0.15, Passage.AT_ONCE)],
)
def test_no_current_is_less_than_a_tenth_of_the_set_one(part: float, expected: Passage) -> None:
    """By the charge that has passed, at whatever length; a set current that is not known is never missing."""
    assert shows(UP, ran(0.5, mean_a=part * A)) is expected
    assert shows(UP, ran(4.0, mean_a=part * A)) is expected
    assert shows(UP, ran(0.5, mean_a=part * A, ohm=1e9)) is expected


@pytest.mark.parametrize(
    ("ohm", "expected"),
    [
        (None, Passage.NO_CURRENT),
        (50_001.0, Passage.NO_CURRENT),
        (49_999.0, Passage.AT_ONCE),
        (30_000.0, Passage.AT_ONCE),
    ],
)
def test_where_no_charge_is_shown_the_resistance_tells_of_no_current(ohm: float | None, expected: Passage) -> None:
    """One at which a tenth of the current would need more than the larger absolute limit, of either sign."""
    executed = replace(ran(0.1, ohm=ohm), capacity_ah=0.0)
    assert shows(UP, executed) is expected
    assert shows(UP, replace(executed, duration_s=0.0, capacity_ah=1e-9)) is expected
    below_zero = replace(LIMITS, absolute=VoltageBand(-5.0, 1.0))
    assert passage(UP, executed, GUARDS, below_zero) is expected


@pytest.mark.parametrize(
    ("executed", "expected"),
    [
        (ran(5.0, EndReason.CURRENT), Passage.HELD_IDLE),
        (ran(5.1, EndReason.CURRENT), Passage.PASSED),
        (ran(3600.0, EndReason.TIME, mean_a=A * 0.99e-3), Passage.HELD_IDLE),
        (ran(3600.0, EndReason.TIME, mean_a=A * 0.7e-3), Passage.HELD_IDLE),
        (ran(3600.0, EndReason.TIME, mean_a=A * 1.01e-3), Passage.PASSED),
        (ran(3600.0, EndReason.TIME, mean_a=A * 1.7e-3), Passage.PASSED),
        (ran(3600.0, EndReason.CURRENT, mean_a=0.0), Passage.PASSED),
        (ran(3.0, EndReason.CAPACITY, mean_a=0.0), Passage.PASSED),
        (ran(0.0, EndReason.TIME), Passage.HELD_IDLE),
        (ran(0.1, EndReason.VOLTAGE, mean_a=0.0), Passage.PASSED),
    ],
)
def test_held_voltage_draws_nothing_below_a_thousandth_of_its_limit(executed: ExecutedStep, expected: Passage) -> None:
    """For all of its time, or it ends at once by its taper."""
    assert shows(HELD_UP, executed) is expected


def test_taper_of_a_short_step_is_not_at_once_because_the_step_is_short() -> None:
    """It must be early for its own length as well."""
    short = replace(HELD_UP, until=Until(2.0 / GUARDS.early_cutoff_fraction, current_a=A / 20))
    assert shows(short, ran(1.9, EndReason.CURRENT)) is Passage.HELD_IDLE
    assert shows(short, ran(2.0, EndReason.CURRENT)) is Passage.PASSED


# What the steps before make of it


@pytest.mark.parametrize(
    ("rows", "number", "stops"),
    [
        ([GONE_UP, GONE_DOWN], 2, True),
        ([GONE_UP, GONE_DOWN], 3, False),
        ([GONE_UP, GONE_UP], 2, False),
        ([GONE_UP, GONE_UP, GONE_UP], 2, True),
        ([GONE_UP, IDLE_DOWN], 2, True),
        ([GONE_UP, IDLE_UP], 2, False),
        ([WHOLE_UP, WHOLE_DOWN, GONE_UP, ONCE_DOWN], 2, False),
        ([WHOLE_UP, GONE_DOWN, ONCE_UP, GONE_UP], 3, True),
        ([IDLE_UP, IDLE_DOWN], 2, True),
        ([IDLE_UP, IDLE_UP, IDLE_UP, IDLE_UP], 2, False),
        ([WHOLE_UP, WHOLE_DOWN, ONCE_UP, ONCE_UP, ONCE_UP], 2, False),
    ],
)
def test_open_circuit_has_no_current_in_both_directions_or_three_times_in_one(
    rows: list[tuple[PoweredStep, ExecutedStep]], number: int, stops: bool
) -> None:
    """Held voltages without a current count as the other direction; one direction alone is a full cell."""
    assert (Action.STOP in actions(*rows, segment=in_a_row(number))) == stops


@pytest.mark.parametrize("window_v", [1.0, 2.0])
@pytest.mark.parametrize(("part", "stops"), [(0.06, True), (0.09, True), (0.04, False), (0.026, False), (-0.5, False)])
def test_voltages_that_are_held_lie_apart_by_a_twentieth_of_the_window(
    window_v: float, part: float, stops: bool
) -> None:
    """A charge and a discharge at nearly the same voltage draw nothing from a sound cell."""
    down = replace(HELD_DOWN, voltage_v=4.0 - part * window_v)
    rows = [IDLE_UP, (down, IDLE_DOWN[1])] * 2
    segment = replace(SEGMENT, limits=replace(LIMITS, host=VoltageBand(4.5 - window_v, 4.5)))
    assert (Action.STOP in actions(*rows, segment=segment)) == stops


def test_of_several_voltages_that_are_held_the_nearest_decide() -> None:
    """One charge below one discharge is enough to explain that nothing moves."""
    low_up = replace(HELD_UP, voltage_v=3.0)
    assert Action.STOP not in actions(IDLE_UP, (low_up, IDLE_UP[1]), IDLE_DOWN, segment=in_a_row(3))
    high_down = replace(HELD_DOWN, voltage_v=4.0)
    assert Action.STOP not in actions(IDLE_UP, (high_down, IDLE_UP[1]), IDLE_DOWN, segment=in_a_row(3))


@pytest.mark.parametrize(
    ("charge_v", "discharge_v", "stops"),
    [(3.7, 3.3, True), (3.74, 3.26, True), (3.76, 3.24, False), (3.95, 3.05, False), (3.65, 3.35, True)],
)
def test_contact_is_lost_where_the_voltages_lay_within_half_of_the_cutoffs_before(
    charge_v: float, discharge_v: float, stops: bool
) -> None:
    """A resistance that doubles from one half-cycle to the next is a contact's; one that came near has aged."""
    before = (UP, ran(3600.0, EndReason.TIME, mean_v=charge_v)), (DOWN, ran(3600.0, EndReason.TIME, mean_v=discharge_v))
    found = fed(*before, *[ONCE_UP, ONCE_DOWN] * 3)
    assert [finding.action for finding in found] == [Action.STOP if stops else Action.MARK]
    assert ("far from these before" in found[0].message) == stops
    assert ("came near both cutoffs before" in found[0].message) != stops


def test_nothing_that_passed_stops_only_where_no_smaller_current_is_to_come() -> None:
    """Contact checks are no currents of the recipe; 95 % of a current are the same current."""
    rows = [ONCE_UP, ONCE_DOWN] * 2
    assert Action.STOP in actions(*rows)
    smaller = replace(SEGMENT, steps=(UP, DOWN, ConstantCurrent(A / 2, Until(60.0))))
    found = fed(*rows, segment=smaller)
    assert [finding.action for finding in found] == [Action.MARK]
    assert "passed no half-cycle at such a current" in found[0].message
    same = replace(SEGMENT, steps=(UP, DOWN, ConstantCurrent(A * 0.951, Until(60.0))))
    assert Action.STOP in actions(*rows, segment=same)
    less = replace(SEGMENT, steps=(UP, DOWN, ConstantCurrent(A * 0.949, Until(60.0))))
    assert Action.STOP not in actions(*rows, segment=less)
    check = ConstantCurrent(A / 9, Until(5.0), purpose=Purpose.CHECK)
    assert Action.STOP in actions(*rows, segment=replace(SEGMENT, steps=(check, UP, DOWN)))
    assert Action.STOP not in actions(WHOLE_UP, *rows)


@pytest.mark.parametrize(("between", "stops"), [(17, True), (18, True), (30, False)])
def test_steps_that_passed_count_for_twenty_steps(between: int, stops: bool) -> None:
    """Half-cycles at a larger current, long ago, tell nothing of the cell as it is now."""
    large_up, large_down = (replace(step, current_a=step.current_a * 2) for step in (UP, DOWN))
    before = [(large_up, WHOLE_UP[1]), (large_down, WHOLE_DOWN[1])]
    # Smaller half-cycles, which tell nothing of this current.
    small = ConstantCurrent(A / 5, Until(3600.0, 4.0))
    rows = [*before, *[(small, WHOLE_UP[1])] * between, ONCE_UP, ONCE_DOWN, ONCE_UP, ONCE_DOWN]
    assert (Action.STOP in actions(*rows)) == stops


@pytest.mark.parametrize(("part", "known"), [(0.94, False), (0.951, True), (1.5, True)])
def test_half_cycle_at_a_current_as_large_tells_of_this_one(part: float, known: bool) -> None:
    """A smaller one does not: the cell may be too weak for this."""
    before = [(replace(step, current_a=step.current_a * part), ran_) for step, ran_ in (WHOLE_UP, WHOLE_DOWN)]
    assert (Action.STOP in actions(*before, *[ONCE_UP, ONCE_DOWN] * 2)) == known


@pytest.mark.parametrize(("part", "whole"), [(0.21, True), (0.15, False), (0.19, False), (0.35, True)])
def test_half_cycle_is_whole_from_a_fifth_of_its_time_on(part: float, whole: bool) -> None:
    """Two in a row that were cut show a cell that is weak at this current: what was known of it is forgotten."""
    cut = [(step, ran(3600.0 * part, EndReason.VOLTAGE, mean_v=mean_v)) for step, mean_v in ((UP, 3.6), (DOWN, 3.4))]
    rows = [WHOLE_UP, WHOLE_DOWN, *cut, *cut, *[ONCE_UP, ONCE_DOWN] * 2]
    assert (Action.STOP in actions(*rows)) == whole


def test_one_half_cycle_that_was_cut_is_no_weak_cell() -> None:
    """A lost contact cuts one; behind steps that passed nothing one is enough, and other directions are kept."""
    cut_up, cut_down = (UP, ran(360.0, mean_v=3.9)), (DOWN, ran(360.0, mean_v=3.1))
    rows = [WHOLE_UP, WHOLE_DOWN, cut_up, cut_down]
    assert Action.STOP in actions(*rows, *[ONCE_UP, ONCE_DOWN] * 2)
    assert Action.STOP not in actions(
        WHOLE_UP, WHOLE_DOWN, ONCE_UP, cut_up, ONCE_DOWN, cut_down, *[ONCE_UP, ONCE_DOWN] * 2
    )
    mended = [cut_up, WHOLE_UP, cut_up, WHOLE_DOWN]
    assert Action.STOP in actions(WHOLE_UP, WHOLE_DOWN, *mended, *[ONCE_UP, ONCE_DOWN] * 2)


def test_charge_that_passes_again_is_told_once_with_its_steps() -> None:
    """A mark, with the cycle; nothing where the run was to be stopped, or where the cell was only full."""
    (finding,) = fed(WHOLE_UP, WHOLE_DOWN, GONE_UP, WHOLE_UP, segment=in_a_row(5))
    assert (finding.action, finding.time_s) == (Action.MARK, 100.0)
    assert "charge passes again in cycle 7, after 1 steps that passed none" in finding.message
    assert actions(WHOLE_UP, WHOLE_DOWN, ONCE_UP, WHOLE_DOWN) == []
    assert actions(*[GONE_UP, GONE_DOWN] * 2, WHOLE_UP, WHOLE_DOWN) == [Action.STOP]
    again = actions(*[GONE_UP, GONE_DOWN] * 2, WHOLE_UP, *[GONE_UP, GONE_DOWN] * 2)
    assert again == [Action.STOP, Action.STOP]
    jumped = [WHOLE_UP, WHOLE_DOWN, ONCE_UP, ONCE_DOWN, WHOLE_UP]
    assert actions(*jumped, segment=in_a_row(5)) == [Action.MARK]


def test_weak_cell_is_told_once_at_each_current() -> None:
    """It runs on; a smaller current that meets both cutoffs is told again."""
    near = (UP, ran(3600.0, EndReason.TIME, mean_v=3.95)), (DOWN, ran(3600.0, EndReason.TIME, mean_v=3.05))
    assert actions(*near, *[ONCE_UP, ONCE_DOWN] * 9) == [Action.MARK]
    small_up, small_down = (replace(step, current_a=step.current_a * 0.96) for step in (UP, DOWN))
    assert actions(*near, *[ONCE_UP, ONCE_DOWN] * 9, (small_up, ran(0.1)), (small_down, ran(0.1))) == [Action.MARK] * 2


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([GONE_UP, GONE_DOWN], "2 of them without any current"),
        ([ONCE_UP, ONCE_DOWN], "none has passed in this run yet"),
        ([IDLE_UP, IDLE_DOWN], "at held voltages"),
        ([WHOLE_UP, IDLE_UP, IDLE_DOWN], "at held voltages"),
    ],
)
def test_sentence_says_what_was_seen(row: list[tuple[PoweredStep, ExecutedStep]], words: str) -> None:
    """With the cycle, how long the last step was and its current."""
    (finding,) = fed(*row, segment=in_a_row(2))
    assert words in finding.message
    assert "cycle 7" in finding.message
    assert finding.message.endswith("contact lost?")


def test_end_of_a_run_tells_what_was_too_few_to_stop_it() -> None:
    """A mark at the end; nothing where the run was stopped for it, or where the cell was full."""
    watch = OpenCircuitWatch()
    assert watch.finish(SEGMENT, 500.0) == []
    fed(WHOLE_UP, WHOLE_DOWN, GONE_UP, GONE_DOWN, watch=watch, segment=in_a_row(5))
    (finding,) = watch.finish(in_a_row(5), 500.0)
    assert (finding.action, finding.time_s) == (Action.MARK, 500.0)
    assert "ends with 2 half-cycles" in finding.message
    idle = OpenCircuitWatch()
    fed(IDLE_UP, IDLE_DOWN, watch=idle, segment=in_a_row(5))
    assert len(idle.finish(in_a_row(5), 1.0)) == 1
    told, full = OpenCircuitWatch(), OpenCircuitWatch()
    fed(GONE_UP, GONE_DOWN, GONE_UP, watch=told, segment=in_a_row(2))
    fed(ONCE_UP, watch=full)
    assert told.finish(SEGMENT, 1.0) == full.finish(SEGMENT, 1.0) == []


def test_contact_check_tells_of_its_current() -> None:
    """A check that found the cell counts as a half-cycle at its current; without a voltage it tells nothing."""
    for mean_v, stops in ((3.5, True), (None, False)):
        watch = OpenCircuitWatch()
        fed(WHOLE_UP, watch=watch)
        for step in (UP, DOWN):
            watch.learn_check(replace(step, purpose=Purpose.CHECK), ran(5.0, mean_v=mean_v))
        found = fed(*[ONCE_UP, ONCE_DOWN] * 2, watch=watch)
        assert (Action.STOP in [finding.action for finding in found]) == stops


def test_what_is_undone_is_forgotten() -> None:
    """A store that refuses the steps leaves the watch as it was, in all that it has learnt."""
    watch = OpenCircuitWatch()
    fed(WHOLE_UP, WHOLE_DOWN, watch=watch)
    undo = watch.undo()
    near = (UP, ran(3600.0, EndReason.TIME, mean_v=3.99)), (DOWN, ran(3600.0, EndReason.TIME, mean_v=3.01))
    first = fed(*near, *[ONCE_UP, ONCE_DOWN] * 3, watch=watch)
    assert [finding.action for finding in first] == [Action.MARK]
    undo()
    assert [f.action for f in fed(*[ONCE_UP, ONCE_DOWN] * 3, watch=watch)] == [Action.STOP]


def test_step_without_a_current_of_its_own_is_not_judged() -> None:
    """And one that somebody else ended is none of the row."""
    free = replace(HELD_UP, current_limit_a=None)
    ended = (DOWN, ran(0.1, EndReason.EXTERNAL, mean_a=0.0))
    assert actions(GONE_UP, ended, ended, ended, segment=in_a_row(2)) == []
    assert actions((free, IDLE_UP[1]), IDLE_DOWN, segment=in_a_row(2)) == []
