"""Limits and current windows: what trips at once, what needs two, and what only a person sees."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.interfaces import Sample
from orchestrator.judging.limits import Action, Finding, FindingKind, LimitWatch, Verdict, by_gravity, verdict
from orchestrator.runs.records import ending_of
from orchestrator.states import Ending, RunState
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

LIMITS = Limits(VoltageBand(-0.55, 0.55), VoltageBand(-0.6, 0.6), VoltageBand(-1, 1), 165e-6, 173e-6, 189e-6)
CHARGE = ConstantCurrent(157.08e-6, Until(time_s=3600, voltage_v=0.5), Ceiling(capacity_ah=1.73e-4))
SEGMENT = CyclingSegment((CHARGE, Rest(Until(time_s=60))), Record(30.0), LIMITS)
ENVELOPE = ChannelEnvelope(-5, 5, (CurrentRange(1e-6, 1e-3), CurrentRange(1e-3, 0.1)))
GOOD = Sample(1, 60.0, 60.0, 1, 1, 1, "cc", 0.05, 157e-6, 0.0, 0.0, 0.0)

anything = st.floats(allow_nan=True, allow_infinity=True)


def judge(*samples: Sample) -> list[Finding]:
    """Feed samples to a fresh watch."""
    return LimitWatch(SEGMENT, ENVELOPE).feed(samples)


@given(anything, anything)
def test_within_means_inside_the_host_limits(voltage_v: float, current_a: float) -> None:
    """No value, NaN and infinity included, counts as within unless both are inside."""
    inside = -0.55 <= voltage_v <= 0.55 and -165e-6 <= current_a <= 165e-6
    assert (verdict(LIMITS, voltage_v, current_a) is Verdict.WITHIN) == inside


@given(anything, anything)
def test_nan_is_invalid_and_infinity_outside(voltage_v: float, current_a: float) -> None:
    """The worst verdict belongs to numbers outside the absolute limits, INVALID to what is no number."""
    found = verdict(LIMITS, voltage_v, current_a)
    assert (found is Verdict.INVALID) == (math.isnan(voltage_v) or math.isnan(current_a))
    if math.isinf(voltage_v) and not math.isnan(current_a):
        assert found is Verdict.OUTSIDE_ABSOLUTE


def test_healthy_samples_give_no_finding() -> None:
    """The first record of a step at 99.9 % of the set current is healthy."""
    assert judge(*[GOOD._replace(current_a=157.08e-6 * 0.9985)] * 100) == []


@pytest.mark.parametrize("voltage_v", [1.01, -1.01, 5.0, math.inf])
def test_one_sample_beyond_the_absolute_limits_trips(voltage_v: float) -> None:
    """No debounce outside the absolute window (faults C09)."""
    (finding,) = judge(GOOD._replace(voltage_v=voltage_v))
    assert (finding.kind, finding.action) == (FindingKind.ABSOLUTE_LIMIT, Action.TRIP)


def test_one_spike_beyond_the_host_limits_is_marked_and_two_trip() -> None:
    """A single suspect sample never stops a run (faults D03)."""
    spike = GOOD._replace(voltage_v=0.57)
    assert [f.action for f in judge(spike, GOOD, spike, GOOD)] == [Action.MARK, Action.MARK]
    assert [f.action for f in judge(spike, spike)] == [Action.MARK, Action.TRIP]


def test_three_values_that_are_no_numbers_trip() -> None:
    """NaN never passes a limit; three in a row stop the channel (faults D01)."""
    broken = GOOD._replace(voltage_v=math.nan)
    findings = judge(broken, broken, broken)
    assert [f.action for f in findings] == [Action.MARK, Action.MARK, Action.TRIP]
    assert {f.kind for f in findings} == {FindingKind.INVALID_VALUE}


@pytest.mark.parametrize("current_a", [0.15708, -157.08e-6, 0.0, 140e-6, 172e-6])
def test_current_off_its_set_value_trips_on_the_second_sample(current_a: float) -> None:
    """Milliamperes for microamperes, a turned sign, no current at all (faults B08, C03)."""
    assert by_gravity(judge(*[GOOD._replace(current_a=current_a)] * 2))


def test_current_during_rest_is_judged_by_the_host_limit() -> None:
    """A rest has no set value; its current must stay within the run's."""
    assert judge(GOOD._replace(step=2, current_a=0.0)) == []
    assert judge(GOOD._replace(step=2, current_a=2e-4)) != []


@pytest.mark.parametrize("late", [{"step_time_s": 3800.0}, {"capacity_ah": 2e-4}])
def test_step_that_goes_on_past_its_end_trips(late: dict[str, float]) -> None:
    """5 % over the tester's own end of a step, the host stops it (faults B06, C08)."""
    (finding,) = judge(GOOD._replace(**late))  # type: ignore[arg-type]  # fields of one type
    assert (finding.kind, finding.action) == (FindingKind.OVERDUE, Action.TRIP)


@pytest.mark.parametrize("field", ["capacity_ah", "step_time_s"])
def test_charge_or_time_that_is_no_number_is_marked_and_the_third_holds(field: str) -> None:
    """One missing value ends nothing; without any nobody would see that a step does not end (faults D01)."""
    missing = GOOD._replace(**{field: math.nan})  # type: ignore[arg-type]  # fields of one type
    watch = LimitWatch(SEGMENT, ENVELOPE)
    found = watch.feed([missing, GOOD, missing, missing, missing])
    assert {it.kind for it in found} == {FindingKind.INVALID_VALUE}
    assert [it.action for it in found] == [Action.MARK] * 3 + [Action.HOLD]


def test_current_that_is_next_to_nothing_has_no_sign() -> None:
    """The reason of a trip reads 0.0000 mA, not minus nothing."""
    found = judge(GOOD._replace(voltage_v=5.0, current_a=-1e-9), GOOD._replace(voltage_v=5.0, current_a=-1e-9))
    told = " ".join(finding.message for finding in found)
    assert "5.0000 V, 0.0000 mA" in told
    assert "-0.0000" not in told


def test_debounce_spans_batches() -> None:
    """How samples are cut into batches does not matter."""
    watch = LimitWatch(SEGMENT, ENVELOPE)
    spike = GOOD._replace(voltage_v=0.57)
    assert not by_gravity(watch.feed([spike]))
    assert by_gravity(watch.feed([spike]))


def test_the_gravest_finding_comes_first_and_the_cause_second() -> None:
    """A pulled-out cell shows all of it at once: the trip decides, and the early cutoff that explains it is told."""
    trip = Finding(FindingKind.ABSOLUTE_LIMIT, Action.TRIP, "", 1.0)
    early = Finding(FindingKind.EARLY_CUTOFF, Action.STOP, "", 2.0)
    shorted = Finding(FindingKind.CELL_SHORTED, Action.COMPLETE, "", 0.5)
    mark = replace(trip, action=Action.MARK)
    assert by_gravity([mark, shorted, early, trip, replace(trip, time_s=3.0)]) == [trip, early, shorted]
    assert by_gravity([mark]) == []


def test_the_reason_of_an_end_tells_every_finding_once() -> None:
    """The state is the gravest finding's, and no finding of the same poll is left out of the reason."""
    early = Finding(FindingKind.EARLY_CUTOFF, Action.STOP, "was the cell pulled out?", 2.0)
    trips = [Finding(FindingKind.ABSOLUTE_LIMIT, Action.TRIP, f"5.09 V at {n} h", float(n)) for n in range(3)]
    ending = ending_of([early, *trips])
    expected = "absolute limit exceeded: 5.09 V at 0 h; also cutoff reached early: was the cell pulled out?"
    assert ending == Ending(RunState.TRIPPED, expected)


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_endings_the_graver_decides_in_either_order(order: int) -> None:
    """A stop that a person ordered hides no trip, and is told beside it."""
    trip = Ending(RunState.TRIPPED, "absolute limit exceeded: 5.09 V")
    first, second = (trip, Ending(RunState.STOPPED, "stopped by ada"))[::order]
    assert first.joined(second) == Ending(RunState.TRIPPED, "absolute limit exceeded: 5.09 V; also stopped by ada")
    assert trip.joined(Ending(RunState.TRIPPED, "absolute limit exceeded: 5.10 V")) == trip


OPEN = GOOD._replace(voltage_v=5.1, current_a=5e-9, step_time_s=0.1)


@pytest.mark.parametrize(("current_a", "action"), [(5e-9, Action.MARK), (1.1e-6, Action.TRIP), (1.0, Action.TRIP)])
def test_an_open_contact_check_hurts_no_cell(current_a: float, action: Action) -> None:
    """At compliance voltage and without current there is no cell to hurt; with current there may be (faults C02)."""
    check = replace(CHARGE, until=Until(time_s=5.0, voltage_v=0.5), purpose=Purpose.CHECK)
    guards = Guards(resistance_low_ohm=10.0, resistance_high_ohm=1500.0)
    watch = LimitWatch(replace(SEGMENT, steps=(check,), guards=guards), ENVELOPE)
    (finding,) = watch.feed([OPEN._replace(current_a=current_a)])
    assert (finding.kind, finding.action) == (FindingKind.ABSOLUTE_LIMIT, action)


@pytest.mark.parametrize("sample", [OPEN, OPEN._replace(step=2, current_a=0.0)])
def test_after_the_contact_check_no_current_excuses_no_voltage(sample: Sample) -> None:
    """A cell that a step has driven may still show the voltage after it was let go."""
    (finding,) = judge(sample)
    assert (finding.kind, finding.action) == (FindingKind.ABSOLUTE_LIMIT, Action.TRIP)
    assert ("was the cell pulled out" in finding.message) == (sample.step == 1)


def test_an_open_contact_check_that_does_not_end_trips() -> None:
    """What keeps the check from answering is no question of contact any more (faults B06)."""
    check = replace(CHARGE, until=Until(time_s=5.0, voltage_v=0.5), purpose=Purpose.CHECK)
    guards = Guards(resistance_low_ohm=10.0, resistance_high_ohm=1500.0)
    watch = LimitWatch(replace(SEGMENT, steps=(check,), guards=guards), ENVELOPE)
    assert by_gravity(watch.feed([OPEN._replace(step_time_s=60.0)]))
