"""Executed steps from samples: reasons of their end, resistances, early cutoffs, the contact check."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.interfaces import EndReason, Sample
from orchestrator.judging.guards import StepWatch
from orchestrator.judging.limits import Action, FindingKind
from orchestrator.judging.steps import ExecutedStep, StepBuilder, end_reason
from protocols.program import (
    Ceiling,
    ConstantCurrent,
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

LIMITS = Limits(VoltageBand(-0.55, 0.55), VoltageBand(-0.6, 0.6), VoltageBand(-1, 1), 165e-6, 173e-6, 189e-6)
CURRENT_A = 1e-4
CHARGE = ConstantCurrent(CURRENT_A, Until(time_s=3600, voltage_v=0.5), Ceiling(capacity_ah=1.1e-4))
GUARDS = Guards(resistance_low_ohm=10, resistance_high_ohm=1500)
SEGMENT = CyclingSegment(
    (CHARGE, replace(CHARGE, current_a=-CURRENT_A, until=Until(3600, -0.5)), Loop(1, 100)),
    Record(600.0),
    LIMITS,
    GUARDS,
)


def half_cycle(count: int, ohm: float, duration_s: float = 3600.0) -> list[Sample]:
    """Give one half-cycle of a resistor, recorded every 600 s and at its end; odd counts charge."""
    sign = 1 if count % 2 else -1
    times = [t for t in range(0, 3600, 600) if t < duration_s] + [duration_s]
    first = 100 * count
    step = 1 if sign > 0 else 2
    return [
        Sample(
            first + n,
            count * 3600.0 + t,
            float(t),
            step,
            count,
            (count + 1) // 2,
            "cc",
            sign * min(CURRENT_A * ohm, 0.5001),
            sign * CURRENT_A,
            CURRENT_A * t / 3600,
            0.0,
            0.0,
        )
        for n, t in enumerate(times)
    ]


def test_cutoff_is_early_by_the_nearer_of_time_and_charge() -> None:
    """A step that ends by charge after an hour is not early at its cutoff for a time end that lies days away."""
    until = Until(time_s=360_000.0, voltage_v=0.5, capacity_ah=CURRENT_A)
    steps = (replace(CHARGE, until=until, ceiling=Ceiling()), *SEGMENT.steps[1:])
    for duration_s, found in ((3000.0, False), (30.0, True)):
        segment = replace(SEGMENT, steps=steps)
        samples = [s for n in (1, 2, 3) for s in half_cycle(n, 1e9, duration_s)]
        empty = [sample._replace(current_a=0.0, capacity_ah=0.0) for sample in samples]
        kinds = [finding.kind for finding in StepWatch(segment).feed(_steps(segment, empty))]
        assert (FindingKind.EARLY_CUTOFF in kinds) is found


def test_three_early_cutoffs_in_a_row_stop_the_run() -> None:
    """A cell that has passed nothing is found after three half-cycles, two are not enough."""
    builder, watch = StepBuilder(SEGMENT), StepWatch(SEGMENT)
    early = [half_cycle(n, 1e9, 0.1) for n in range(1, 4)]
    assert watch.feed(builder.feed([s for half in early[:2] for s in half])) == []
    assert watch.feed(builder.feed(early[2])) == []
    (finding,) = watch.feed(builder.finish())
    assert (finding.kind, finding.action) == (FindingKind.EARLY_CUTOFF, Action.STOP)


def test_full_half_cycle_between_clears_the_count() -> None:
    """Only cutoffs in a row count."""
    samples = [s for n in range(1, 9) for s in half_cycle(n, 1e9 if n % 3 else 300.0, 0.1 if n % 3 else 3600.0)]
    builder = StepBuilder(SEGMENT)
    assert StepWatch(SEGMENT).feed(builder.feed(samples)) == []


@pytest.mark.parametrize(("ohm", "bad"), [(5.0, True), (10.1, False), (1499.0, False), (4000.0, True)])
def test_contact_check_judges_the_resistance_window(ohm: float, bad: bool) -> None:
    """A short and a lost contact both stop the run before the recipe's first step (faults C02, C04)."""
    check = replace(CHARGE, purpose=Purpose.CHECK, until=Until(time_s=5, voltage_v=0.5))
    segment = replace(SEGMENT, steps=(check, *SEGMENT.steps[1:]))
    findings = StepWatch(segment).feed(_steps(segment, half_cycle(1, ohm, 5.0)))
    assert [f.kind for f in findings] == ([FindingKind.CHECK_FAILED] if bad else [])


@pytest.mark.parametrize("rest_v", [0.0, 0.05])
@pytest.mark.parametrize(("sign", "bad"), [(1, False), (-1, True)])
def test_contact_check_judges_the_sign_of_the_current(sign: int, rest_v: float, bad: bool) -> None:
    """Whatever a cell shows at rest, charging raises its voltage and discharging lowers it."""
    there = replace(CHARGE, purpose=Purpose.CHECK, until=Until(time_s=5, voltage_v=0.5))
    segment = replace(SEGMENT, steps=(there, replace(there, current_a=-CURRENT_A)))
    halves = half_cycle(1, 300.0, 5.0) + half_cycle(2, 300.0, 5.0)
    samples = [sample._replace(voltage_v=rest_v + sign * sample.voltage_v) for sample in halves]
    findings = StepWatch(segment).feed(_steps(segment, samples))
    assert ["the wrong sign" in finding.message for finding in findings] == ([True] if bad else [])


def _steps(segment: CyclingSegment, samples: list[Sample]) -> list[ExecutedStep]:
    builder = StepBuilder(segment)
    return builder.feed(samples) + builder.finish()


def test_rest_has_no_resistance_by_the_offset_of_an_ammeter() -> None:
    """A source meter shows picoamperes where nothing flows: voltage over them says nothing of the cell."""
    segment = replace(SEGMENT, steps=(Rest(Until(3600.0)), *SEGMENT.steps))
    samples = [sample._replace(current_a=4e-11, voltage_v=0.03, capacity_ah=4e-11) for sample in half_cycle(1, 300.0)]
    assert [step.resistance_ohm for step in _steps(segment, samples)] == [None]
    (charged,) = _steps(SEGMENT, half_cycle(1, 300.0))
    assert charged.resistance_ohm == pytest.approx(300.0)


LAST = half_cycle(1, 300.0)[-1]


@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        (LAST, EndReason.TIME),
        (LAST._replace(step_time_s=10.0, voltage_v=0.50003), EndReason.VOLTAGE),
        (LAST._replace(step_time_s=10.0, voltage_v=-0.50003), EndReason.EXTERNAL),
        (LAST._replace(step_time_s=10.0, capacity_ah=1.1001e-4), EndReason.CEILING),
        (LAST._replace(step_time_s=10.0), EndReason.EXTERNAL),
        (LAST._replace(step=2, step_time_s=10.0, voltage_v=-0.5), EndReason.VOLTAGE),
        (LAST._replace(step=99), EndReason.EXTERNAL),
    ],
)
def test_reason_of_a_steps_end_is_read_from_its_last_sample(sample: Sample, reason: EndReason) -> None:
    """Time, voltage, ceiling or somebody else: the last sample tells."""
    assert end_reason(SEGMENT, sample) is reason


def test_ceiling_as_the_reason_is_a_trip() -> None:
    """The tester goes on after a ceiling; the host must not (faults C08)."""
    segment = replace(SEGMENT, steps=(replace(CHARGE, until=Until(voltage_v=0.5)), *SEGMENT.steps[1:]))
    last = half_cycle(1, 300.0)
    last[-1] = last[-1]._replace(capacity_ah=1.1001e-4)
    (finding,) = StepWatch(segment).feed(_steps(segment, last))
    assert (finding.kind, finding.action) == (FindingKind.CEILING, Action.TRIP)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_steps_are_the_same_however_samples_are_cut(cuts: list[int]) -> None:
    """Incremental equals all at once."""
    samples = [s for n in range(1, 8) for s in half_cycle(n, 300.0 + n)]
    whole = StepBuilder(SEGMENT)
    expected = whole.feed(samples) + whole.finish()
    builder, found, at = StepBuilder(SEGMENT), [], 0
    for cut in [*cuts, len(samples)]:
        found += builder.feed(samples[at : at + cut])
        at += cut
    assert found + builder.finish() == expected


def test_resistance_is_that_of_the_second_half() -> None:
    """Mean |V| / |I| over the second half, weighted by time, whatever the first half did."""
    samples = half_cycle(1, 300.0)
    samples[0] = samples[0]._replace(voltage_v=0.4)
    (step,) = _steps(SEGMENT, samples)
    assert step.resistance_ohm == pytest.approx(300.0)


def test_missing_readings_are_left_out_of_means() -> None:
    """A placeholder in the middle of a half-cycle does not spoil its resistance or its mean voltage."""
    samples = half_cycle(1, 300.0)
    samples[4] = samples[4]._replace(voltage_v=math.nan)
    (step,) = _steps(SEGMENT, samples)
    assert step.resistance_ohm == pytest.approx(300.0)
    assert step.mean_voltage_v == pytest.approx(0.03)
    (blind,) = _steps(SEGMENT, [sample._replace(current_a=math.nan) for sample in samples])
    assert (blind.resistance_ohm, blind.mean_voltage_v) == (None, None)
