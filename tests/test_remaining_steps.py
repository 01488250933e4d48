"""What is left of the interrupted step itself, and of the shipped recipes interrupted somewhere in the middle."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import (
    CcCv,
    Ceiling,
    ChannelEnvelope,
    ConstantCurrent,
    ConstantVoltage,
    CurrentRange,
    CyclingSegment,
    Direction,
    Loop,
    PoweredStep,
    Program,
    Purpose,
    Rest,
    Until,
    cycles_done,
    load_cell,
    load_recipe,
    original_place,
    place,
    problems,
    remaining,
    resolve,
)
from tests.segments import segment_of

_SYMMETRIC = ChannelEnvelope(-5.0, 5.0, (CurrentRange(0.0, 0.01),))
_NEXT = Rest(Until(time_s=7.0))


def _program(recipe: str, cell: str) -> Program:
    return resolve(load_recipe(recipe), load_cell(cell))


def _left(step: Rest | PoweredStep, step_time_s: float, passed_ah: float) -> object:
    """Give what is left of a step, None where the next one comes first."""
    rest = remaining(segment_of(step, _NEXT), 1, step_time_s, passed_ah)
    assert rest is not None
    assert rest.steps[-1] == _NEXT
    return rest.steps[0] if len(rest.steps) == 2 else None


def _continued(program: Program, count: int, step_time_s: float, passed_ah: float) -> CyclingSegment:
    """Give what remains of a program's segment, after a look whether a channel can run it."""
    (segment,) = program.cycling
    rest = remaining(segment, count, step_time_s, passed_ah)
    assert rest is not None
    assert problems(replace(program, segments=(rest,)), _SYMMETRIC) == []
    assert (rest.limits, rest.guards, rest.record) == (segment.limits, segment.guards, segment.record)
    return rest


@pytest.mark.parametrize(
    ("step", "left"),
    [
        (Rest(Until(time_s=3600.0)), Rest(Until(time_s=2365.3))),
        (
            ConstantCurrent(-0.001, Until(time_s=3600.0, voltage_v=-0.5), Ceiling(capacity_ah=0.0011)),
            ConstantCurrent(-0.001, Until(time_s=2365.3, voltage_v=-0.5), Ceiling(capacity_ah=0.0009)),
        ),
        (
            ConstantCurrent(0.001, Until(capacity_ah=0.001), Ceiling(time_s=3960.0)),
            ConstantCurrent(0.001, Until(capacity_ah=0.0008), Ceiling(time_s=2725.3)),
        ),
        (
            ConstantCurrent(0.001, Until(voltage_v=4.0), Ceiling(7200.0, 0.0012)),
            ConstantCurrent(0.001, Until(voltage_v=4.0), Ceiling(5965.3, 0.001)),
        ),
        (
            ConstantVoltage(Direction.CHARGE, 4.0, Until(3600.0, None, 5e-5), 0.001, Ceiling(None, 0.0012)),
            ConstantVoltage(Direction.CHARGE, 4.0, Until(2365.3, None, 5e-5), 0.001, Ceiling(None, 0.001)),
        ),
        (
            ConstantVoltage(Direction.DISCHARGE, 3.0, Until(None, None, 5e-5, 0.001), None, Ceiling(3600.0)),
            ConstantVoltage(Direction.DISCHARGE, 3.0, Until(None, None, 5e-5, 0.0008), None, Ceiling(2365.3)),
        ),
        (
            CcCv(0.001, 4.0, Until(current_a=5e-5), Ceiling(7200.0, 0.0012)),
            CcCv(0.001, 4.0, Until(current_a=5e-5), Ceiling(5965.3, 0.001)),
        ),
    ],
    ids=["rest", "time", "charge", "voltage", "held to a time", "held to a charge", "current then voltage"],
)
def test_time_charge_and_ceilings_lose_what_has_passed(step: Rest | PoweredStep, left: Rest | PoweredStep) -> None:
    """After 1234.7 s and 0.2 mAh, to the last digit; voltage and taper ends stay."""
    assert _left(step, 1234.7, 0.0002) == left


@pytest.mark.parametrize(
    ("until", "ceiling"),
    [
        (Until(time_s=3600.0), Ceiling(capacity_ah=0.0012)),
        (Until(capacity_ah=0.001), Ceiling(time_s=3960.0)),
        (Until(voltage_v=0.5), Ceiling(time_s=3600.0)),
        (Until(voltage_v=0.5, time_s=7200.0), Ceiling(capacity_ah=0.001)),
    ],
    ids=["time", "charge", "time ceiling", "charge ceiling"],
)
@pytest.mark.parametrize(("early_s", "gone"), [(-0.1, True), (0.0, True), (0.04, True), (0.06, False)])
def test_step_with_less_than_half_a_tick_left_is_over(
    until: Until, ceiling: Ceiling, early_s: float, gone: bool
) -> None:
    """The tester looks every 0.1 s; a step file would write less charge than that as none, which sets no end."""
    step_time_s = 3600.0 - early_s
    left = _left(ConstantCurrent(0.001, until, ceiling), step_time_s, 0.001 * step_time_s / 3600)
    assert (left is None) == gone


def test_held_voltage_without_a_current_limit_is_over_when_its_charge_has_passed() -> None:
    """Without a current half a tick is no charge."""
    step = ConstantVoltage(Direction.CHARGE, 4.0, Until(capacity_ah=0.001), None, Ceiling(time_s=3600.0))
    assert _left(step, 10.0, 0.001) is None
    assert _left(step, 10.0, 0.00099999) is not None


@given(
    time_s=st.none() | st.floats(1, 1e6),
    capacity_ah=st.none() | st.floats(1e-6, 1),
    ceiling=st.builds(Ceiling, st.floats(1, 1e6), st.floats(1e-6, 1)),
    step_time_s=st.floats(0, 1e6),
    passed_ah=st.floats(0, 1),
)
def test_no_bound_of_a_step_is_ever_exceeded(
    time_s: float | None, capacity_ah: float | None, ceiling: Ceiling, step_time_s: float, passed_ah: float
) -> None:
    """What has passed and what may still pass stay within each bound, but for the last bit of a float."""
    step = ConstantCurrent(0.001, Until(time_s, 0.5, None, capacity_ah), ceiling)
    left = _left(step, step_time_s, passed_ah)
    if left is None:
        return
    assert isinstance(left, ConstantCurrent)
    for before, after, passed in (
        (step.until.time_s, left.until.time_s, step_time_s),
        (step.until.capacity_ah, left.until.capacity_ah, passed_ah),
        (step.ceiling.time_s, left.ceiling.time_s, step_time_s),
        (step.ceiling.capacity_ah, left.ceiling.capacity_ah, passed_ah),
    ):
        assert (before is None) == (after is None)
        if before is not None and after is not None:
            assert 0 < after <= before
            assert after + passed <= before * (1 + 1e-15)


def test_li_li_interrupted_in_cycle_137_finishes_its_discharge_and_163_cycles_more() -> None:
    """Checks, a rest, the 48 minutes left of the plating, then the loop; 300 charges and 300 discharges in all."""
    program = _program("li-li-0.2", "bare-li-li")
    (segment,) = program.cycling
    count = 3 + 2 * 137
    assert place(segment.steps, count) == (5, 137)
    rest = _continued(program, count, 720.0, 0.00015708 / 5)
    check, recheck, pause, begun, charge, discharge, loop = rest.steps
    assert (check, recheck, charge, discharge) == (*segment.steps[:2], *segment.steps[3:5])
    assert pause == Rest(Until(time_s=60.0), purpose=Purpose.CHECK)
    assert isinstance(begun, ConstantCurrent)
    assert (begun.current_a, begun.until) == (-0.00015708, Until(time_s=2880.0, voltage_v=-0.5))
    assert begun.ceiling.capacity_ah == pytest.approx(0.9 * 0.00015708)
    assert loop == Loop(back_to=5, times=163)
    assert cycles_done(segment, count) == 136
    assert original_place(segment, count, 720.0, 0.00015708 / 5, 5) == (4, 138)


def test_li_li_interrupted_in_its_last_discharge_needs_no_loop() -> None:
    """And after that discharge nothing is left."""
    program = _program("li-li-0.2", "bare-li-li")
    (segment,) = program.cycling
    assert [step.kind for step in _continued(program, 603, 720.0, 3e-5).steps[2:]] == ["rest", "constant_current"]
    assert remaining(segment, 603, 3600.0, 0.00015708) is None
    assert remaining(segment, 604, 0.0, 0.0) is None
    assert cycles_done(segment, 603) == cycles_done(segment, 604) == 299


def test_lfp_interrupted_in_a_charge_goes_on_to_the_same_voltage_within_what_its_ceilings_leave() -> None:
    """It has no contact check, so none is added; the discharge of that cycle follows, then the loop."""
    program = _program("lfp-200mA-g", "coated-lfp")
    (segment,) = program.cycling
    begun, discharge, _, _, loop = _continued(program, 1 + 2 * 9 + 1, 1000.0, 6e-5).steps
    charge = segment.steps[1]
    assert isinstance(begun, ConstantCurrent)
    assert isinstance(charge, ConstantCurrent)
    assert begun.until == Until(voltage_v=4.0)
    assert begun.ceiling.time_s == pytest.approx((charge.ceiling.time_s or 0) - 1000)
    assert begun.ceiling.capacity_ah == pytest.approx((charge.ceiling.capacity_ah or 0) - 6e-5)
    assert discharge == segment.steps[2]
    assert loop == Loop(back_to=3, times=40)


def test_plating_interrupted_after_seven_hours_plates_thirteen_more() -> None:
    """20 mAh/cm2 in all, whatever happened between."""
    program = _program("li-plating-1.0", "bare-li-li")
    *_, begun = _continued(program, 4, 7 * 3600.0, 7 * 0.0007854).steps
    assert isinstance(begun, ConstantCurrent)
    assert begun.until == Until(time_s=13 * 3600.0, voltage_v=-0.5)
    assert begun.ceiling.capacity_ah == pytest.approx((22 - 7) * 0.0007854)
