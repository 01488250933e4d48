"""The very edges of limits and windows: the last value that is allowed, and the first that is not."""

from dataclasses import replace
from math import inf, nan, nextafter
from typing import Any

import pytest

from drivers.interfaces import Sample, Trace
from orchestrator.judging.limits import (
    EXPLAINS,
    Action,
    Finding,
    FindingKind,
    LimitWatch,
    StepWindow,
    Verdict,
    beyond_absolute,
    by_gravity,
    step_windows,
    verdict,
)
from protocols.channel_envelope import ChannelEnvelope, CurrentRange
from protocols.program import (
    Ceiling,
    ConstantCurrent,
    CyclingSegment,
    Guards,
    Limits,
    Purpose,
    Record,
    Rest,
    Until,
    VoltageBand,
)

LIMITS = Limits(VoltageBand(2.7, 4.1), VoltageBand(2.6, 4.2), VoltageBand(2.5, 4.3), 1.25e-3, 1.5e-3, 2e-3)
ENVELOPE = ChannelEnvelope(0.0, 5.0, (CurrentRange(1e-6, 1e-3), CurrentRange(1e-3, 0.1)))
# 0.5 mA in the range of 1 mA: 5 % is more than 0.1 % of the range.
CHARGE = ConstantCurrent(5e-4, Until(time_s=1000.0, voltage_v=4.0), Ceiling(capacity_ah=2e-4))
DISCHARGE = ConstantCurrent(-5e-4, Until(time_s=1000.0, voltage_v=2.8))
CHECK = ConstantCurrent(5e-4, Until(time_s=5.0, voltage_v=4.0), purpose=Purpose.CHECK)
STEPS = (CHARGE, DISCHARGE, Rest(Until(time_s=60.0)), CHECK, ConstantCurrent(5e-4, Until(time_s=100.0)))
SEGMENT = CyclingSegment(STEPS, Record(30.0), LIMITS, guards=Guards(resistance_low_ohm=1.0, resistance_high_ohm=1e3))
GOOD = Sample(1, 60.0, 60.0, 1, 1, 1, "cc", 3.4, 5e-4, 0.0, 0.0, 0.0)
AT_REST = GOOD._replace(step=3, current_a=0.0)


def judge(*samples: Sample, segment: CyclingSegment = SEGMENT) -> list[tuple[FindingKind, Action]]:
    """Give what a fresh watch finds."""
    return [(found.kind, found.action) for found in LimitWatch(segment, ENVELOPE).feed(samples)]


def test_actions_and_verdicts_have_their_order() -> None:
    """A hold is more than the end of a segment and less than a trip, and no two are one."""
    assert [action.name for action in Action] == ["MARK", "END_SEGMENT", "HOLD", "COMPLETE", "STOP", "TRIP"]
    assert sorted(Action) == list(Action)
    assert [found.name for found in Verdict] == ["WITHIN", "INVALID", "OUTSIDE_HOST", "OUTSIDE_ABSOLUTE"]
    assert sorted(Verdict) == list(Verdict)
    found = [Finding(FindingKind.CEILING, action, "", 0.0) for action in Action]
    assert [finding.action for finding in by_gravity(found)] == list(reversed(Action))[:-1]
    alike = [Finding(kind, Action.TRIP, "", 0.0) for kind in reversed(EXPLAINS)]
    assert [finding.kind for finding in by_gravity(alike)] == list(EXPLAINS)


@pytest.mark.parametrize(
    ("voltage_v", "current_a", "expected"),
    [
        (2.7, 1.25e-3, Verdict.WITHIN),
        (4.1, -1.25e-3, Verdict.WITHIN),
        (nextafter(2.7, 0), 0.0, Verdict.OUTSIDE_HOST),
        (nextafter(4.1, 9), 0.0, Verdict.OUTSIDE_HOST),
        (3.4, nextafter(1.25e-3, 1), Verdict.OUTSIDE_HOST),
        (3.4, -nextafter(1.25e-3, 1), Verdict.OUTSIDE_HOST),
        (2.5, 2e-3, Verdict.OUTSIDE_HOST),
        (4.3, -2e-3, Verdict.OUTSIDE_HOST),
        (nextafter(2.5, 0), 0.0, Verdict.OUTSIDE_ABSOLUTE),
        (nextafter(4.3, 9), 0.0, Verdict.OUTSIDE_ABSOLUTE),
        (3.4, nextafter(2e-3, 1), Verdict.OUTSIDE_ABSOLUTE),
        (3.4, -nextafter(2e-3, 1), Verdict.OUTSIDE_ABSOLUTE),
        (nan, 0.0, Verdict.INVALID),
        (3.4, nan, Verdict.INVALID),
        (9.0, nan, Verdict.INVALID),
    ],
)
def test_edges_of_the_limits_belong_to_what_is_allowed(voltage_v: float, current_a: float, expected: Verdict) -> None:
    """A value on a limit is inside it, the next one that a computer knows is not, in either sign."""
    assert verdict(LIMITS, voltage_v, current_a) is expected


@pytest.mark.parametrize(("voltage_v", "is_beyond"), [(2.5, False), (4.3, False), (2.49, True), (4.31, True)])
def test_first_voltage_of_a_trace_beyond_the_absolute_limits_is_told(voltage_v: float, is_beyond: bool) -> None:
    """In either direction, with its time; a trace whose columns differ in length is none."""
    found = beyond_absolute(LIMITS, Trace((1.0, 2.0, 3.0), (3.0, voltage_v, 9.0), (0.0,) * 3))
    assert found is not None
    assert (found.kind, found.action, found.time_s) == (FindingKind.ABSOLUTE_LIMIT, Action.TRIP, 2.0 + (not is_beyond))
    assert beyond_absolute(LIMITS, Trace((1.0,), (3.0,), (0.0,))) is None
    with pytest.raises(ValueError, match="shorter"):
        beyond_absolute(LIMITS, Trace((1.0, 2.0), (3.0,), (0.0,)))


def test_window_of_each_step_follows_from_its_values() -> None:
    """Current by 5 % or 0.1 % of the range, time and charge by 5 %, no current below 0.1 % of the range or a tenth."""
    windows = step_windows(SEGMENT, ENVELOPE)
    near: Any = pytest.approx
    charge, discharge, rest, check, by_time = (windows[number] for number in range(1, 6))
    assert charge == StepWindow(
        near(4.75e-4), near(5.25e-4), near(1052.0), near(2.1e-4), near(1e-6), False, near(0.2), 1
    )
    assert discharge == StepWindow(near(-5.25e-4), near(-4.75e-4), near(1052.0), inf, near(1e-6), False, near(0.2), -1)
    assert rest == StepWindow(-1.25e-3, 1.25e-3, near(65.0), inf)
    assert check == replace(charge, time_s=near(7.25), capacity_ah=inf, is_check=True)
    assert (by_time.overshoots, by_time.overshoot_s) == (0, -inf)
    small = step_windows(replace(SEGMENT, steps=(ConstantCurrent(4e-6, Until(time_s=1.0)),)), ENVELOPE)[1]
    assert (small.low_a, small.high_a, small.no_current_a) == (near(3e-6), near(5e-6), near(4e-7))
    full = step_windows(replace(SEGMENT, steps=(ConstantCurrent(1e-3, Until(time_s=1.0)),)), ENVELOPE)[1]
    assert full.no_current_a == near(1e-6)
    drawn = step_windows(replace(SEGMENT, steps=(ConstantCurrent(-5e-3, Until(time_s=1.0)),)), ENVELOPE)[1]
    assert (drawn.low_a, drawn.high_a, drawn.no_current_a) == (near(-5.25e-3), near(-4.75e-3), near(1e-4))
    wide = replace(ENVELOPE, current_ranges=(*ENVELOPE.current_ranges, CurrentRange(0.1, 0.15)))
    assert step_windows(replace(SEGMENT, steps=(ConstantCurrent(0.2, Until(1.0)),)), wide)[1].no_current_a == near(
        1.5e-4
    )
    at_rest = step_windows(replace(SEGMENT, steps=(Rest(Until(60.0, voltage_v=3.0)),)), ENVELOPE)[1]
    assert (at_rest.overshoots, at_rest.overshoot_s) == (0, -inf)
    beyond = step_windows(replace(SEGMENT, steps=(ConstantCurrent(0.2, Until(time_s=1.0)),)), ENVELOPE)[1]
    assert beyond.no_current_a == near(1e-4)


@pytest.mark.parametrize("guards", [Guards(resistance_low_ohm=1.0), Guards(resistance_high_ohm=1.0), Guards()])
def test_without_a_window_of_resistance_no_step_is_a_contact_check(guards: Guards) -> None:
    """Nobody would judge the contact: what the check shows is judged like any other step."""
    assert not step_windows(replace(SEGMENT, guards=guards), ENVELOPE)[4].is_check


@pytest.mark.parametrize("current_a", [1e-6, -1e-6])
def test_reading_of_no_current_is_one_of_either_sign(current_a: float) -> None:
    """Up to the bound a reading shows none, beyond it shows some; what is no number shows nothing."""
    window = step_windows(SEGMENT, ENVELOPE)[1]
    assert window.lacks_current(current_a)
    assert not window.lacks_current(current_a * 1.001)
    assert not window.lacks_current(nan)
    assert not StepWindow(-1.0, 1.0).lacks_current(0.0)


@pytest.mark.parametrize(
    ("good", "bad", "kind"),
    [
        ({"current_a": 5.25e-4}, {"current_a": 5.2501e-4}, FindingKind.WRONG_CURRENT),
        ({"current_a": 4.75e-4}, {"current_a": 4.7499e-4}, FindingKind.WRONG_CURRENT),
        ({"voltage_v": 2.7}, {"voltage_v": 2.6999}, FindingKind.HOST_LIMIT),
        ({"voltage_v": 4.1}, {"voltage_v": 4.1001}, FindingKind.HOST_LIMIT),
        ({"step_time_s": 1052.0}, {"step_time_s": 1052.01}, FindingKind.OVERDUE),
        ({"capacity_ah": 2.1e-4}, {"capacity_ah": 2.1001e-4}, FindingKind.OVERDUE),
    ],
)
def test_window_is_left_by_the_next_value(good: dict[str, float], bad: dict[str, float], kind: FindingKind) -> None:
    """What lies on an edge is found by nobody; what lies beyond is named for what it is."""
    assert judge(GOOD._replace(**good)) == []  # type: ignore[arg-type]  # fields of one type
    assert [found for found, _ in judge(GOOD._replace(**bad))] == [kind]  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(
    ("bad", "in_a_row", "kind"),
    [
        ({"voltage_v": 4.2}, 2, FindingKind.HOST_LIMIT),
        ({"voltage_v": nan}, 3, FindingKind.INVALID_VALUE),
        ({"current_a": nan}, 3, FindingKind.INVALID_VALUE),
        ({"current_a": 3e-4}, 2, FindingKind.WRONG_CURRENT),
    ],
)
def test_so_many_in_a_row_trip_and_a_good_one_between_counts_anew(
    bad: dict[str, float], in_a_row: int, kind: FindingKind
) -> None:
    """One less is only marked each time, however often it is, also over two batches; the last of a row trips."""
    wrong = GOOD._replace(**bad)  # type: ignore[arg-type]  # fields of one type
    row = [wrong] * (in_a_row - 1)
    assert judge(*row, GOOD, *row, GOOD, *row) == [(kind, Action.MARK)] * (3 * (in_a_row - 1))
    assert judge(*row, wrong)[-1] == (kind, Action.TRIP)
    watch = LimitWatch(SEGMENT, ENVELOPE)
    watch.feed(row)
    watch.pass_over()
    assert [found.action for found in watch.feed(row)] == [Action.MARK] * (in_a_row - 1)


def test_kinds_of_wrong_values_are_counted_apart() -> None:
    """A voltage beyond the limit and a reading that is no number make no row of two."""
    high, none, wrong = (
        GOOD._replace(voltage_v=4.2),
        GOOD._replace(voltage_v=nan),
        GOOD._replace(current_a=3e-4),
    )
    assert {action for _, action in judge(high, none, wrong)} == {Action.MARK}


@pytest.mark.parametrize(("step", "voltage_v", "other_v"), [(1, 4.2, 2.6), (2, 2.6, 4.2)])
def test_cutoff_that_the_tester_has_not_looked_at_yet_counts_once(step: int, voltage_v: float, other_v: float) -> None:
    """Within two looks, on the side of the step's cutoff and under its current: however many there are."""
    sign = 1 if step == 1 else -1
    sample = GOOD._replace(step=step, current_a=sign * 5e-4, voltage_v=voltage_v, step_time_s=0.2)
    host = FindingKind.HOST_LIMIT
    assert judge(*[sample] * 5) == [(host, Action.MARK)] * 5
    for changed in ({"step_time_s": 0.3}, {"voltage_v": other_v}, {"current_a": sign * 9e-4}):
        other = sample._replace(**changed)  # type: ignore[arg-type]  # fields of one type
        assert judge(other, other)[-1] == (host, Action.TRIP)
    window = step_windows(SEGMENT, ENVELOPE)[step]
    for edge_a in (window.low_a, window.high_a):
        assert judge(*[sample._replace(current_a=edge_a)] * 3) == [(host, Action.MARK)] * 3
    late = sample._replace(step_time_s=0.3)
    assert judge(*[sample] * 5, late)[-1] == (host, Action.TRIP)
    without = sample._replace(step=5, current_a=5e-4)
    assert judge(without, without)[-1] == (host, Action.TRIP)


def test_contact_check_without_current_is_only_marked_until_it_should_have_ended() -> None:
    """Whatever its voltage; with current, beyond its time or in another step it is judged like any other."""
    none = GOOD._replace(step=4, step_time_s=7.25, current_a=1e-6)
    assert judge(none) == [(FindingKind.WRONG_CURRENT, Action.MARK)]
    assert judge(*[none] * 5) == [(FindingKind.WRONG_CURRENT, Action.MARK)] * 5
    assert judge(none._replace(voltage_v=4.9)) == [(FindingKind.ABSOLUTE_LIMIT, Action.MARK)]
    for changed in ({"step": 1}, {"current_a": 1.1e-6}, {"step_time_s": 7.26}):
        other = none._replace(voltage_v=4.9, **changed)
        assert judge(other) == [(FindingKind.ABSOLUTE_LIMIT, Action.TRIP)]
    assert judge(none._replace(current_a=nan)) == [(FindingKind.INVALID_VALUE, Action.MARK)]


def test_step_that_the_program_does_not_have_is_judged_by_the_run() -> None:
    """Its current may be anything up to the host's limit, of either sign."""
    unknown = GOOD._replace(step=9, step_time_s=1e9, capacity_ah=1.0)
    assert judge(unknown._replace(current_a=1.25e-3), unknown._replace(current_a=-1.25e-3)) == []
    assert judge(unknown._replace(current_a=1.3e-3)) == [(FindingKind.HOST_LIMIT, Action.MARK)]
    assert judge(unknown._replace(current_a=-1.3e-3)) == [(FindingKind.HOST_LIMIT, Action.MARK)]


@pytest.mark.parametrize(
    ("sample", "asks"),
    [
        (GOOD._replace(voltage_v=5.0, current_a=0.0), "no current flows: was the cell pulled out"),
        (AT_REST._replace(voltage_v=0.0049), "there is no voltage"),
        (AT_REST._replace(voltage_v=-0.0049), "there is no voltage"),
        (AT_REST._replace(voltage_v=0.005), ""),
        (GOOD._replace(voltage_v=0.005), "too low while the cell is charged"),
        (GOOD._replace(step=2, current_a=-5e-4, voltage_v=0.5), ""),
        (GOOD._replace(voltage_v=4.5), ""),
    ],
)
def test_question_to_a_person_follows_from_what_is_seen(sample: Sample, asks: str) -> None:
    """Pulled out, shorted, or nothing: a voltage beyond a limit is asked about only where it tells something."""
    (finding,) = LimitWatch(SEGMENT, ENVELOPE).feed([sample])
    assert finding.kind is FindingKind.ABSOLUTE_LIMIT
    assert (asks in finding.message) if asks else finding.message.endswith("2.5 to 4.3 V")


def test_no_voltage_tells_nothing_where_the_window_has_zero_in_it() -> None:
    """A Li/Li cell stands at 0 V; and a voltage on the lower limit of the host is asked about by nobody."""
    zero = replace(LIMITS, host=VoltageBand(0.0, 0.5), absolute=VoltageBand(0.0, 1.0))
    watch = LimitWatch(replace(SEGMENT, limits=zero), ENVELOPE)
    (finding,) = watch.feed([AT_REST._replace(voltage_v=-0.001)])
    assert finding.message.endswith("0 to 1 V")


def test_voltages_and_windows_are_those_of_the_segment() -> None:
    """What reads records in bulk passes over those that need no second look by the same bounds."""
    watch = LimitWatch(SEGMENT, ENVELOPE)
    assert (watch.voltages, watch.windows) == (LIMITS.host, step_windows(SEGMENT, ENVELOPE))
