"""Cycling on the CHI660E: segments as ISTEP measurements, and their traces as numbered samples."""

from __future__ import annotations

from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.chi660e.current_rebuilding import of_steps
from drivers.chi660e.feasibility import problems
from drivers.chi660e.istep_segments import POINTS_MAX, as_current_steps, samples_of
from drivers.errors import CannotRun
from drivers.interfaces import Trace
from protocols.current_sign import Direction
from protocols.execution_order import flow
from protocols.program import (
    Ceiling,
    ConstantCurrent,
    ConstantPower,
    ConstantVoltage,
    CyclingSegment,
    Limits,
    Loop,
    Record,
    Rest,
    Step,
    Until,
    VoltageBand,
)
from protocols.techniques import CurrentStep, CurrentSteps
from tests.chi_simulated import settings

LIMITS = Limits(VoltageBand(-0.55, 0.55), VoltageBand(-0.6, 0.6), VoltageBand(-1, 1), 1e-3, 1e-3, 1e-3)
CHARGE = ConstantCurrent(5e-4, Until(time_s=3600.0, voltage_v=0.5))
DISCHARGE = ConstantCurrent(-5e-4, Until(time_s=3600.0, voltage_v=-0.5))


def segment(*steps: Step, every_s: float | None = 30.0) -> CyclingSegment:
    """Give a segment with usual limits."""
    return CyclingSegment(steps, Record(every_s=every_s), LIMITS)


def measured(job: CurrentSteps, until_s: float | None = None) -> Trace:
    """Give the trace of a measurement on 100 ohm, cut where it ended early."""
    whole = job.cycles * sum(step.duration_s for step in job.steps)
    count = round(min(whole, until_s or whole) / job.interval_s)
    times = tuple((n + 1) * job.interval_s for n in range(count))
    current = of_steps(job, times)
    return Trace(times, tuple(100 * each for each in current), current, rebuilt_current=True)


def test_loop_of_two_half_cycles_is_one_measurement() -> None:
    """The limits are the cutoffs, the cycles the loop's, and rows come once a second."""
    (job,) = as_current_steps(segment(CHARGE, DISCHARGE, Loop(1, 10)))
    assert job == CurrentSteps((CurrentStep(5e-4, 3600.0), CurrentStep(-5e-4, 3600.0)), 0.5, -0.5, cycles=10)
    assert problems(job, settings()) == []


def test_long_step_is_split_and_a_long_loop_too() -> None:
    """20 h are eight equal parts of 9000 s; 300 cycles of two hours make more rows than one measurement holds."""
    (job,) = as_current_steps(segment(ConstantCurrent(-1e-3, Until(time_s=72_000.0))))
    assert job.steps == (CurrentStep(-1e-3, 9000.0),) * 8
    assert (job.low_v, job.high_v) == (-0.6, 0.6)
    jobs = as_current_steps(segment(CHARGE, DISCHARGE, Loop(1, 300)))
    assert [job.cycles for job in jobs] == [27] * 11 + [3]


def test_check_block_and_rest_come_first() -> None:
    """What is recorded at another interval is another measurement; a rest is a current of zero."""
    often = Record(every_s=0.1)
    jobs = as_current_steps(
        segment(
            Rest(Until(time_s=60.0)),
            ConstantCurrent(5e-4, Until(time_s=5.0), record=often),
            ConstantCurrent(-5e-4, Until(time_s=5.0), record=often),
            CHARGE,
            DISCHARGE,
            Loop(4, 3),
        )
    )
    assert [(len(job.steps), job.cycles, job.interval_s) for job in jobs] == [(1, 1, 1.0), (2, 1, 0.1), (2, 3, 1.0)]
    assert jobs[0].steps == (CurrentStep(0.0, 60.0),)


def test_charge_to_pass_and_ceilings_are_times() -> None:
    """At a constant current a charge is a time; the earliest end counts."""
    by_charge = ConstantCurrent(1e-3, Until(capacity_ah=1e-3), Ceiling(time_s=4000.0, capacity_ah=2e-3))
    (job,) = as_current_steps(segment(by_charge))
    assert job.steps == (CurrentStep(1e-3, 3600.0),)


def test_loop_in_a_loop_is_unrolled_as_far_as_needed() -> None:
    """A small inner loop becomes steps of one cycle; a large one becomes measurements of its own."""
    (job,) = as_current_steps(segment(CHARGE, DISCHARGE, Loop(1, 3), Rest(Until(time_s=60.0)), Loop(1, 2)))
    assert (len(job.steps), job.cycles) == (7, 2)
    jobs = as_current_steps(segment(CHARGE, DISCHARGE, Loop(1, 10), Rest(Until(time_s=60.0)), Loop(1, 2)))
    assert [(len(job.steps), job.cycles) for job in jobs] == [(2, 10), (1, 1)] * 2


def test_two_cutoffs_of_one_direction_are_two_measurements() -> None:
    """A measurement has one limit above and one below."""
    higher = ConstantCurrent(5e-4, Until(time_s=60.0, voltage_v=0.55))
    jobs = as_current_steps(segment(CHARGE, DISCHARGE, higher, DISCHARGE))
    assert [(job.high_v, len(job.steps)) for job in jobs] == [(0.5, 2), (0.55, 2)]


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ((ConstantVoltage(Direction.CHARGE, 0.1, Until(time_s=60.0)),), "step 1: .*constant_voltage"),
        ((CHARGE, ConstantCurrent(1e-3, Until(voltage_v=0.5))), "step 2: .*voltage only"),
        ((ConstantCurrent(1e-3, Until(time_s=60.0, current_a=1e-4)),), "cannot end at a current"),
        ((Rest(Until()),), "a rest needs a time"),
        (
            (ConstantPower(Direction.CHARGE, 1e-3, Until(voltage_v=0.5)),),
            "constant currents and rests, not constant_power",
        ),
        ((), "no steps"),
        ((CHARGE, Loop(2, 2)), "loops cannot"),
        ((*(CHARGE, DISCHARGE) * 7, Loop(1, 10_000)), "too many"),
    ],
)
def test_segment_that_istep_cannot_do_is_refused(steps: tuple[Step, ...], reason: str) -> None:
    """The sentence names the step."""
    with pytest.raises(CannotRun, match=reason):
        as_current_steps(segment(*steps))


def test_samples_are_numbered_as_the_program() -> None:
    """Step, cycle and step count are those of a tester; capacity and energy restart with each step."""
    cycling = segment(
        Rest(Until(time_s=10.0)),
        ConstantCurrent(1e-3, Until(time_s=36.0)),
        ConstantCurrent(-1e-3, Until(time_s=36.0)),
        Loop(2, 2),
    )
    jobs = as_current_steps(cycling)
    samples = samples_of(cycling, jobs, [measured(job) for job in jobs], [1000.0, 2000.0])
    last = [list(group)[-1] for _, group in groupby(samples, key=lambda sample: sample.step_count)]
    assert [(each.step, each.tester_cycle, each.mode) for each in last] == [
        (1, 1, "rest"),
        (2, 1, "cc"),
        (3, 1, "dc"),
        (2, 2, "cc"),
        (3, 2, "dc"),
    ]
    assert [each.time_s for each in last] == pytest.approx([10.0, 46.0, 82.0, 118.0, 154.0])
    assert [each.capacity_ah for each in last] == pytest.approx([0.0] + [1e-5] * 4)
    assert [each.energy_wh for each in last] == pytest.approx([0.0] + [1e-6] * 4)
    assert [each.sequence for each in samples] == list(range(1, len(samples) + 1))
    assert (samples[0].unix_time_s, samples[-1].unix_time_s) == (1001.0, 2000.0 + 144.0)


def test_measurement_that_ended_at_its_limit_gives_the_samples_until_then() -> None:
    """Only the last trace may be short, and what would follow it is not there."""
    cycling = segment(CHARGE, DISCHARGE, Loop(1, 300))
    jobs = as_current_steps(cycling)
    samples = samples_of(cycling, jobs, [measured(jobs[0]), measured(jobs[1], until_s=5400.0)])
    assert samples[-1].time_s == pytest.approx(27 * 7200 + 5400)
    assert (samples[-1].step, samples[-1].tester_cycle, samples[-1].step_count) == (2, 28, 56)
    assert samples[-1].step_time_s == pytest.approx(1800.0)


def test_measurements_of_another_segment_are_refused() -> None:
    """The numbers would be wrong, so nothing is guessed."""
    jobs = as_current_steps(segment(CHARGE, DISCHARGE, Loop(1, 3)))
    with pytest.raises(ValueError, match="this segment"):
        samples_of(segment(CHARGE, DISCHARGE, Loop(1, 4)), jobs, [])


STEP = st.builds(
    lambda current, time, often: ConstantCurrent(current * 1e-3, Until(time_s=time), record=often),
    st.sampled_from([1, -1, 2]),
    st.sampled_from([5.0, 12.0, 20.0]),
    st.sampled_from([None, Record(every_s=0.5)]),
)


@given(st.lists(STEP, min_size=1, max_size=6), st.integers(1, 5), st.integers(1, 3), st.data())
def test_any_loops_give_the_steps_of_the_program(body: list[Step], times: int, outer: int, data: st.DataObject) -> None:
    """Whatever is split, joined or unrolled, the samples go through the program's steps as a tester does."""
    inner = data.draw(st.integers(1, len(body)))
    cycling = segment(*body, Loop(inner, times), Rest(Until(time_s=7.0)), Loop(1, outer))
    jobs = as_current_steps(cycling)
    for job in jobs:
        assert problems(job, settings()) == []
        assert job.cycles * sum(step.duration_s for step in job.steps) / job.interval_s <= POINTS_MAX
    samples = samples_of(cycling, jobs, [measured(job) for job in jobs])
    seen = [
        (place, len(list(group))) for place, group in groupby((s.step_count, s.step, s.tester_cycle) for s in samples)
    ]
    assert [(step, cycle) for (_, step, cycle), _ in seen] == [tuple(place) for place in flow(cycling.steps)]
    assert all(a.time_s < b.time_s for a, b in pairwise(samples))
