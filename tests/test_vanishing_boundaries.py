"""The very edges of a current or a voltage that vanishes: how much is left, how fast, after what, and for how long."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import exp, inf, nan

import pytest

from drivers.interfaces import Sample
from orchestrator.judging.limits import Action, Finding, FindingKind
from orchestrator.judging.vanishing import NO_CHANGE, VanishingWatch
from protocols.current_sign import Direction
from protocols.program import (
    CellFacts,
    ConstantCurrent,
    ConstantVoltage,
    CyclingSegment,
    Guards,
    Limits,
    Loop,
    Purpose,
    Record,
    Rest,
    Until,
    VoltageBand,
)

LIMIT_A = 10.0
BAND = VoltageBand(2.5, 4.3)
FULL = Limits(BAND, BAND, BAND, 11.0, 12.0, 13.0)
ZERO = replace(FULL, host=VoltageBand(-0.5, 4.3))
UNTIL = Until(time_s=36000.0)
HELD = ConstantVoltage(Direction.CHARGE, 4.0, UNTIL, LIMIT_A)
STEPS = (HELD, Rest(UNTIL), ConstantCurrent(1.0, UNTIL), ConstantVoltage(Direction.DISCHARGE, 3.0, UNTIL, LIMIT_A))
SEGMENT = CyclingSegment(STEPS, Record(30.0), FULL)
CELL = CellFacts("x", "lfp", nominal_capacity_ah=1.0)
# Two equal currents ten seconds apart, and a third that is gone.
STEADY = [(0.0, 0.1), (10.0, 0.1)]


def watch_of(segment: CyclingSegment = SEGMENT, cell: CellFacts = CELL, before_s: float = 0.0) -> VanishingWatch:
    """Give a watch at the beginning of a test."""
    watch = VanishingWatch(cell)
    watch.enter(segment, before_s)
    return watch


def records(
    rows: Iterable[tuple[float, float]], *, step: int = 1, count: int = 1, passed_ah: float = 1.0
) -> list[Sample]:
    """Give records at these times with these currents, or at rest with these voltages."""
    return [
        Sample(n, t, t, step, count, 1, "cv", x if step == 2 else 4.0, 0.0 if step == 2 else x, passed_ah, 0.0, 0.0)
        for n, (t, x) in enumerate(rows, 1)
    ]


def found(
    *rows: tuple[float, float], step: int = 1, segment: CyclingSegment = SEGMENT, cell: CellFacts = CELL
) -> list[Finding]:
    """Give the findings of one step with these records, and a last one five minutes on at the same value."""
    last_s, last = rows[-1]
    return watch_of(segment, cell).feed(records([*rows, (last_s + 300.0, last)], step=step))


def is_gone(*rows: tuple[float, float], **more: object) -> bool:
    """Say whether the last of these records stops the run, when it lasts for five minutes."""
    return [finding.action for finding in found(*rows, **more)] == [Action.STOP]  # type: ignore[arg-type]  # as of ``found``


@pytest.mark.parametrize(("part", "gone"), [(0.02, True), (0.015, True), (0.0, True), (0.021, False), (0.03, False)])
@pytest.mark.parametrize("sign", [1, -1])
def test_current_is_gone_at_a_fiftieth(part: float, gone: bool, sign: int) -> None:
    """Of what it was a record before, in either direction; nothing at all is gone too."""
    rows = [(t, sign * x) for t, x in [*STEADY, (20.0, 0.1 * part)]]
    assert is_gone(*rows) == gone


@pytest.mark.parametrize(("before_a", "judged"), [(0.1, True), (0.15, True), (0.0999, False), (0.06, False)])
def test_current_below_a_hundredth_of_its_limit_is_not_judged(before_a: float, judged: bool) -> None:
    """There a tester's range does not show whether it flows."""
    assert is_gone((0.0, before_a), (10.0, before_a), (20.0, 0.0)) == judged


@pytest.mark.parametrize(("before_a", "judged"), [(9.79, True), (6.0, True), (9.8, False), (10.0, False)])
def test_current_at_its_limit_is_not_judged(before_a: float, judged: bool) -> None:
    """The limit controls it then, and not the voltage."""
    cell = replace(CELL, nominal_capacity_ah=1e3)
    assert is_gone((0.0, before_a), (10.0, before_a), (20.0, 0.0), cell=cell) == judged


@pytest.mark.parametrize(("apart_s", "judged"), [(7.2, True), (5.0, True), (7.21, False), (10.0, False)])
def test_charge_that_may_change_the_cell_explains_a_current_that_ends(apart_s: float, judged: bool) -> None:
    """A thousandth of its capacity or, where that is not known, of what the step has passed."""
    rows = (0.0, 0.5), (10.0, 0.5), (10.0 + apart_s, 0.0)
    assert is_gone(*rows) == judged
    assert is_gone(*rows, cell=CellFacts("x", "lfp")) == judged
    assert is_gone(*rows, cell=replace(CELL, nominal_capacity_ah=2.0)) == (apart_s < 14.4)


@pytest.mark.parametrize(("decay", "gone"), [(0.3, True), (0.399, True), (0.401, False), (0.5, False), (-0.5, True)])
def test_current_falls_ten_times_as_fast_as_before(decay: float, gone: bool) -> None:
    """By its logarithm: what relaxed like that before is still relaxing; one that rose before was interrupted."""
    assert is_gone((0.0, 0.2 * exp(decay)), (10.0, 0.2), (20.0, 0.2 * exp(-4.0))) == gone


@pytest.mark.parametrize(("earlier_s", "judged"), [(5.0, True), (5.1, False), (6.5, False), (0.0, True)])
def test_speed_before_is_known_from_half_the_interval_on(earlier_s: float, judged: bool) -> None:
    """Of records that lie closer together nothing is known of how fast the current fell."""
    assert is_gone((earlier_s, 0.1), (10.0, 0.1), (20.0, 0.0)) == judged
    assert not is_gone((10.0, 0.1), (20.0, 0.0))


def test_speed_before_is_that_of_the_nearest_record_that_is_early_enough() -> None:
    """Not of the first one, when the current fell fast, nor of one in between."""
    fast = (0.0, 9.0), (5.0, 0.1), (9.0, 9.0), (10.0, 0.1)
    assert is_gone(*fast, (20.0, 0.0))
    slow = (0.0, 0.1), (5.0, 0.1 * exp(0.3)), (10.0, 0.1)
    assert not is_gone(*slow, (20.0, 0.1 * exp(-4.0)))


@pytest.mark.parametrize(("apart_s", "judged"), [(61.9, True), (62.1, False)])
def test_thirty_two_records_are_kept(apart_s: float, judged: bool) -> None:
    """The oldest of them is 31 intervals old: a longer interval knows nothing of the speed before."""
    dense = [(float(second), 0.1) for second in range(60)]
    cell = replace(CELL, nominal_capacity_ah=1e3)
    assert is_gone(*dense, (59.0 + apart_s, 0.0), cell=cell) == judged


@pytest.mark.parametrize("at_s", [10.0, 9.0])
def test_record_of_no_later_time_tells_nothing(at_s: float) -> None:
    """A time that stands still or goes back gives no speed."""
    assert not is_gone(*STEADY, (at_s, 0.0))


@pytest.mark.parametrize(("part", "is_back"), [(0.2, True), (0.3, True), (0.19, False), (0.11, False)])
def test_current_is_back_at_a_fifth(part: float, is_back: bool) -> None:
    """It is told once, as a mark with how long it was gone; below, it is still gone."""
    watch = watch_of(before_s=3600.0)
    findings = watch.feed(records([*STEADY, (20.0, 0.0), (50.0, 0.1 * part), (320.0, 0.1 * part)]))
    (finding,) = findings
    assert (finding.kind, finding.action, finding.time_s) == (
        FindingKind.CELL_GONE,
        Action.MARK if is_back else Action.STOP,
        3620.0,
    )
    assert ("for 30 s from 1.006 h on" in finding.message) == is_back


@pytest.mark.parametrize(("lasts_s", "stops"), [(300.0, True), (299.9, False), (200.0, False), (500.0, True)])
def test_current_is_gone_for_five_minutes_before_it_stops_a_run(lasts_s: float, stops: bool) -> None:
    """Told once, however long it goes on, and not told again as a mark when it is back."""
    watch = watch_of()
    rows = [*STEADY, (20.0, 0.0), (20.0 + lasts_s, 0.0), (20.0 + lasts_s + 0.05, 0.0)]
    assert len(watch.feed(records(rows))) == stops
    more = watch.feed(records([(2000.0, 0.0), (2001.0, 0.1)]))
    assert [finding.action for finding in more] == ([] if stops else [Action.STOP])


def test_current_that_is_back_begins_anew() -> None:
    """What it was before its gap is no measure of how fast it falls."""
    rows = [*STEADY, (20.0, 0.0), (30.0, 0.1), (40.0, 0.0), (400.0, 0.0)]
    assert [finding.action for finding in watch_of().feed(records(rows))] == [Action.MARK]


def test_reading_that_is_no_number_is_passed_over() -> None:
    """Neither gone nor a current to fall from, held and at rest."""
    assert is_gone(*STEADY, (15.0, nan), (20.0, 0.0))
    assert found((0.0, 4.0), (10.0, nan), (20.0, nan), step=2) == []
    watch = watch_of()
    assert watch.feed(
        records([(0.0, 4.0), (5.0, nan), (10.0, 0.0), (20.0, nan), (30.0, 0.0), (40.0, 0.0), (70.0, 0.0)], step=2)
    )


@pytest.mark.parametrize(
    ("stood_v", "left_v", "gone"),
    [
        (0.5, 0.02, True),
        (0.5, 0.015, True),
        (-0.5, -0.02, True),
        (0.49, 0.0, False),
        (0.3, 0.0, False),
        (0.5, 0.03, False),
    ],
)
def test_voltage_at_rest_is_gone_from_half_a_volt_to_twenty_millivolts(
    stood_v: float, left_v: float, gone: bool
) -> None:
    """From one record to the next, of either sign; what fell in two records has relaxed."""
    rows = [(0.0, stood_v), (10.0, left_v), (20.0, left_v), (30.0, left_v), (70.0, left_v)]
    assert [f.action for f in watch_of().feed(records(rows, step=2))] == ([Action.STOP] if gone else [])
    assert watch_of().feed(records([(0.0, stood_v), (5.0, 0.3), *rows[1:]], step=2)) == []


@pytest.mark.parametrize(
    ("times_s", "stops"),
    [((20.0, 30.0, 70.0), True), ((20.0, 30.0, 69.9), False), ((70.0,), False), ((30.0, 70.0), False)],
)
def test_voltage_is_gone_for_a_minute_and_three_records(times_s: tuple[float, ...], stops: bool) -> None:
    """A contact that bounces is back by then; the fourth record decides."""
    rows = [(0.0, 3.3), (10.0, 0.0), *((time_s, 0.0) for time_s in times_s)]
    assert bool(watch_of().feed(records(rows, step=2))) == stops


@pytest.mark.parametrize(("part", "is_back"), [(0.9, True), (0.89, False), (0.5, False)])
def test_voltage_is_back_at_nine_tenths(part: float, is_back: bool) -> None:
    """Also where the cell crosses zero, and a voltage that is gone stops nothing."""
    rows = [(0.0, 2.0), (10.0, 0.0), (20.0, 2.0 * part)]
    for segment in (SEGMENT, replace(SEGMENT, limits=ZERO)):
        findings = watch_of(segment).feed(records(rows, step=2))
        assert [finding.action for finding in findings] == ([Action.MARK] if is_back else [])
    gone = [(0.0, 2.0), *((10.0 * n, 0.0) for n in range(1, 100))]
    assert watch_of(replace(SEGMENT, limits=ZERO)).feed(records(gone, step=2)) == []


@pytest.mark.parametrize(
    ("step", "segment", "judged"),
    [
        (1, SEGMENT, True),
        (4, SEGMENT, True),
        (1, replace(SEGMENT, limits=ZERO), False),
        (4, replace(SEGMENT, limits=ZERO), True),
        (3, SEGMENT, False),
        (0, SEGMENT, False),
        (5, SEGMENT, False),
        (1, replace(SEGMENT, limits=replace(FULL, host=VoltageBand(0.0, 4.3))), True),
        (1, replace(SEGMENT, guards=Guards(early_cutoff_off=True)), False),
        (1, replace(SEGMENT, steps=(replace(HELD, purpose=Purpose.CHECK),)), False),
    ],
)
def test_steps_that_are_judged(step: int, segment: CyclingSegment, judged: bool) -> None:
    """Held voltages of a program; no stripping of cells that cross zero, no check, and nothing where it is off."""
    assert bool(found(*STEADY, (20.0, 0.0), step=step, segment=segment)) == judged


def test_nothing_is_judged_before_a_test_has_begun() -> None:
    """A watch that was told no program says nothing."""
    assert VanishingWatch(CELL).feed(records([*STEADY, (20.0, 0.0), (400.0, 0.0)])) == []


def test_each_step_and_each_test_begins_anew() -> None:
    """A current of the step before, or of the same step before, is none to fall from."""
    watch = watch_of()
    watch.feed(records(STEADY))
    assert watch.feed(records([(20.0, 0.0), (400.0, 0.0)], count=2)) == []
    watch.enter(SEGMENT, 1000.0)
    watch.feed(records(STEADY, count=3))
    watch.enter(SEGMENT, 2000.0)
    assert watch.feed(records([(20.0, 0.0), (400.0, 0.0)], count=3)) == []
    (finding,) = watch.feed(records([*STEADY, (20.0, 0.0), (400.0, 0.0)], count=4))
    assert finding.time_s == 2020.0


def test_what_is_undone_is_forgotten() -> None:
    """A store that refuses the records leaves the watch in the middle of its step."""
    watch = watch_of()
    watch.feed(records(STEADY))
    undo = watch.undo()
    first = watch.feed(records([(20.0, 0.0), (400.0, 0.0)]))
    undo()
    assert watch.feed(records([(20.0, 0.0), (400.0, 0.0)])) == first
    assert len(first) == 1


def test_limit_that_is_not_known_judges_no_share_of_it() -> None:
    """Without a limit no current is large enough to be one that is controlled by the voltage."""
    for limit_a in (inf, None):
        segment = replace(SEGMENT, steps=(replace(HELD, current_limit_a=limit_a), Rest(UNTIL), Loop(1, 2)))
        assert found(*STEADY, (20.0, 0.0), segment=segment) == []
        assert found(*STEADY, (20.0, 0.0), step=3, segment=segment) == []


def test_current_is_back_at_a_fifth_of_what_it_was_last() -> None:
    """Not of what it was earlier in the step, when it was larger."""
    falls = [(0.0, 0.9), (10.0, 0.5), (20.0, 0.4), (30.0, 0.3), (40.0, 0.0), (50.0, 0.07), (400.0, 0.07)]
    assert [finding.action for finding in watch_of().feed(records(falls))] == [Action.MARK]


def test_charge_on_its_bound_and_half_a_second_are_judged() -> None:
    """A thousandth of the capacity is no more than a thousandth, and fast records are records."""
    passed_ah = 0.1 * 10.0 / 3600
    cell = replace(CELL, nominal_capacity_ah=passed_ah / NO_CHANGE)
    assert NO_CHANGE * (passed_ah / NO_CHANGE) == passed_ah
    assert is_gone(*STEADY, (20.0, 0.0), cell=cell)
    assert is_gone((0.0, 0.1), (0.5, 0.1), (1.0, 0.0))
