"""The very edges of what one step's records show of trouble: gaps, jumps, repeated voltages, and its charge."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import pytest

from drivers.interfaces import Sample
from orchestrator.judging.step_trace import StepTrace
from orchestrator.judging.trouble_thresholds import Trouble
from protocols.program import CcCv, ConstantCurrent, Purpose, Record, Rest, Until
from protocols.program_steps import RecordedStep
from protocols.trouble import DEFAULT_TROUBLE, TroubleSign

CHARGE = ConstantCurrent(1.0, Until(time_s=3600.0))
CHECK = replace(CHARGE, purpose=Purpose.CHECK)
HELD = CcCv(1.0, 4.0, Until(time_s=3600.0))
REST = Rest(Until(time_s=3600.0))
EACH_30_S = Record(30.0)
GUARDS = replace(DEFAULT_TROUBLE, late_intervals=3.0, charge_part=0.005, flat_records=20)
Row = tuple[float, ...]


def samples(*rows: Row, first: int = 1) -> list[Sample]:
    """Give records with times in the step (s), voltages (V), currents (A; 0) and charges (Ah; 0)."""
    full = [(*row, *(0.0, 0.0)[: 4 - len(row)]) for row in rows]
    return [Sample(n, 1000.0 + t, t, 1, 1, 1, "cc", v, i, q, 0.0, 0.0) for n, (t, v, i, q) in enumerate(full, first)]


def trace_of(*made: Sample, step: RecordedStep = CHARGE, record: Record = EACH_30_S) -> StepTrace:
    """Give the trace of a step with these records."""
    trace = StepTrace(made[0], step, record, GUARDS)
    trace.add(made[1:])
    return trace


def signs(trace: StepTrace) -> list[TroubleSign]:
    """Give what a trace has found."""
    return [found.sign for found in trace.found]


def only(trace: StepTrace) -> Trouble:
    """Give the one thing that a trace has found."""
    (found,) = trace.found
    return found


# Gaps


@pytest.mark.parametrize(("apart_s", "late"), [(92.0, []), (92.5, [TroubleSign.LATE]), (90.0, []), (88.5, [])])
def test_record_is_late_beyond_three_intervals_and_two_seconds(apart_s: float, late: list[TroubleSign]) -> None:
    """From one record to the next, and from the beginning of the step to its first; never without an interval."""
    assert signs(trace_of(*samples((0.0, 3.0), (apart_s, 3.1)))) == late
    assert signs(trace_of(*samples((apart_s, 3.1)))) == late
    assert signs(trace_of(*samples((0.0, 3.0), (1e6, 3.1)), record=Record(None, 0.001))) == []
    lost = samples((0.0, 3.0)) + samples((apart_s, 3.1), first=3)
    assert signs(trace_of(*lost)) == []


def test_gap_is_told_again_when_it_is_twice_as_long() -> None:
    """With where it began, and how many times too long it is."""
    times_s = [0.0, 100.0, 250.0, 450.0, 650.5]
    trace = trace_of(*samples(*((time_s, 3.0 + time_s / 1e3) for time_s in times_s)))
    assert [(found.level, found.time_s) for found in trace.found] == [
        (100.0 / 92.0, 1000.0),
        (pytest.approx(200.5 / 92.0), 1450.0),
    ]


# Jumps


def jumps(
    *volts: float, begun_s: float = 121.0, step: RecordedStep = CHARGE, record: Record = EACH_30_S
) -> list[float]:
    """Give how high the voltage jumped and came back in records 10 s apart; the jump is ``begun_s`` after the start."""
    rows = [(begun_s - 10.0 + 10.0 * n, volt) for n, volt in enumerate(volts)]
    return [jump.height_v for jump in trace_of(*samples((0.0, volts[0]), *rows), step=step, record=record).take_jumps()]


@pytest.mark.parametrize(
    ("volts", "heights"),
    [
        ((0.0, 0.01, 0.0), [0.01]),
        ((0.0, -0.01, 0.0), [0.01]),
        ((0.0, 0.0099, 0.0), []),
        ((0.0, -0.0099, 0.0), []),
        # Back by half of it, and not by less; the way back may be a jump of its own then.
        ((0.0, 0.5, 0.25), [0.5]),
        ((0.0, 0.5, 0.2501), []),
        ((0.0, -0.5, -0.25), [0.5]),
        ((0.0, -0.5, -0.2501), []),
        ((0.0, 0.5, 0.3, 0.5), [pytest.approx(0.2)]),
        # What goes on in one direction is a slope, and each jump comes back once.
        ((0.0, 0.5, 1.0, 0.0), [0.5]),
        ((0.0, -0.5, -1.0, 0.0), [0.5]),
        ((0.0, 0.5, 0.0, -0.5), [0.5]),
        ((0.0, 0.5, 0.0, 0.5, 0.0), [0.5, 0.5]),
    ],
)
def test_voltage_jumps_and_comes_back(volts: tuple[float, ...], heights: list[float]) -> None:
    """From one record to the next, up or down, under constant current; by twice the change that makes records."""
    assert jumps(*volts) == heights
    assert jumps(*volts, step=HELD) == jumps(*volts, step=REST) == jumps(*volts, step=CHECK) == []


def test_jumps_of_a_steps_beginning_and_of_its_record_rule_are_none() -> None:
    """Nuclei and settling take two minutes, and what makes a record at each change changes from record to record."""
    assert jumps(0.0, 0.5, 0.0, begun_s=120.0) == []
    assert jumps(0.0, 0.5, 0.0, begun_s=120.5) == [0.5]
    changes = Record(30.0, voltage_change_v=0.25)
    assert jumps(0.0, 0.5, 0.0, record=changes) == [0.5]
    assert jumps(0.0, 0.4999, 0.0, record=changes) == []
    trace = trace_of(*samples((0.0, 0.0), (200.0, 0.0), (210.0, 0.5), (220.0, 0.0)), record=Record(100.0))
    (jump,) = trace.take_jumps()
    assert (jump.first.sequence, jump.last.sequence, trace.take_jumps()) == (2, 4, ())


# Repeated voltages


def flat(number: int, apart_s: float = 32.0, begun_s: float = 0.0, volts: float = 3.0) -> list[Row]:
    """Give so many records with one voltage."""
    return [(begun_s + apart_s * n, volts) for n in range(number)]


@pytest.mark.parametrize(
    ("number", "apart_s", "longest", "told"),
    [
        (20, 32.0, 5.0, True),
        (19, 40.0, 5.0, False),
        (30, 32.0, 30.0, True),
        (29, 32.0, 30.0, False),
        (21, 30.0, 5.0, True),
        (21, 29.9, 5.0, False),
    ],
)
def test_voltage_is_flat_for_ten_minutes_and_more_often_than_before(
    number: int, apart_s: float, longest: float, told: bool
) -> None:
    """Told once, since the first of the equal records; in a step without a constant current never."""
    rows = [(0.0, 2.9), *flat(number, apart_s, 10.0), *flat(5, apart_s, 10.0 + number * apart_s)][: number + 1]
    for step in (CHARGE, HELD):
        trace = StepTrace(samples(*rows)[0], step, Record(100.0), GUARDS)
        trace.expect_flat(longest)
        trace.add(samples(*rows)[1:])
        assert signs(trace) == ([TroubleSign.FLAT] if told and step is CHARGE else [])
    if told:
        trace = StepTrace(samples(*rows)[0], CHARGE, Record(100.0), GUARDS)
        trace.expect_flat(longest)
        more = [*rows, *flat(40, apart_s, 10.0 + number * apart_s)]
        trace.add(samples(*more)[1:])
        found = only(trace)
        assert (found.level, found.time_s, found.evidence["first_sequence"]) == (1.0, 1010.0, 2)
    assert signs(trace_of(*samples(*rows), record=Record(100.0))) == []


@pytest.mark.parametrize(
    ("before_v", "rows", "told"),
    [
        (3.0, flat(5), True),
        (3.0, flat(4), False),
        (2.9, flat(5), False),
        (3.0, [(0.0, 3.0), (30.0, 2.9), *flat(9, begun_s=60.0)], False),
        (3.0, [*flat(3), (100.0, 2.9), *flat(9, begun_s=130.0)], False),
    ],
)
def test_voltage_that_another_current_does_not_move_is_told_at_five_records(
    before_v: float, rows: list[Row], told: bool
) -> None:
    """The same as in the last record of the other current, and in the first ones of this."""
    made = samples(*rows, first=2)
    (before,) = samples((3600.0, before_v))
    trace = StepTrace(made[0], CHARGE, Record(100.0), GUARDS)
    trace.carry(before)
    trace.add(made[1:])
    assert signs(trace) == ([TroubleSign.FLAT] if told else [])
    if told:
        found = only(trace)
        assert (found.level, found.time_s) == (1.0, before.time_s)
        assert (found.evidence["first_sequence"], found.evidence["last_sequence"]) == (1, 6)


def test_longest_run_of_one_voltage_counts_its_first_record_and_the_last_run() -> None:
    """Once the step is over; a reading that is no number neither ends nor lengthens it."""
    trace = trace_of(*samples(*flat(3), (100.0, 2.9), (110.0, nan), *flat(2, begun_s=120.0, volts=2.9)), step=HELD)
    assert (trace.longest, trace.same) == (3, 3)
    trace = trace_of(*samples(*flat(2), *flat(4, begun_s=100.0, volts=2.9)))
    assert trace.longest == 2
    trace.finish()
    assert trace.longest == 4
    assert (trace_of(*samples((0.0, 3.0))).longest, trace_of(*samples((0.0, 3.0))).same) == (1, 1)


# Charge


def counted(
    charge_ah: float,
    *,
    current_a: float = 1.0,
    to_a: float | None = None,
    lasts_s: float = 3600.0,
    step: RecordedStep = CHARGE,
) -> list[float]:
    """Give the levels of what is found in a step by its counter, which begins at 0.5 Ah."""
    last_a = current_a if to_a is None else to_a
    made = samples((10.0, 3.0, current_a, 0.5), (10.0 + lasts_s, 3.5, last_a, 0.5 + charge_ah))
    trace = trace_of(*made, step=step, record=Record(None, 0.001))
    trace.finish()
    trace.finish()
    return [found.level for found in trace.found]


@pytest.mark.parametrize(
    ("charge_ah", "levels"),
    [
        (1.00502, []),
        (1.00504, [pytest.approx(0.00504 / (0.005 * 1.00504))]),
        (0.9951, []),
        (0.9949, [pytest.approx(0.0051 / 0.005)]),
        (2.0, [pytest.approx(1.0 / 0.01)]),
    ],
)
@pytest.mark.parametrize("current_a", [1.0, -1.0])
def test_counter_differs_from_the_integral_by_half_a_percent_of_the_larger(
    charge_ah: float, levels: list[float], current_a: float
) -> None:
    """Over the same records, in either direction; told once. A check and a rest are not counted."""
    assert counted(charge_ah, current_a=current_a) == levels
    assert counted(charge_ah, step=CHECK) == counted(charge_ah, step=REST) == []


def test_current_between_two_records_may_be_either_of_them() -> None:
    """What a current that rises or falls may lack between them is no difference."""
    for begins_a, ends_a in ((1.0, 1.01), (1.01, 1.0)):
        (level,) = counted(1.025, current_a=begins_a, to_a=ends_a)
        assert level == pytest.approx((0.02 - 0.005) / (0.005 * 1.025))
    assert counted(1.9, current_a=0.0, to_a=2.0) == counted(0.1, current_a=2.0, to_a=0.0) == []


def test_small_charges_and_short_steps_are_not_compared() -> None:
    """A counter resolves 0.1 uAh and a tester 0.1 s: two tenths and a minute are the least."""
    assert counted(1e-6 + 1.9e-7, current_a=1e-6) == []
    (level,) = counted(1e-6 + 2.1e-7, current_a=1e-6)
    assert level == pytest.approx(2.1 / 2.0)
    assert counted(1.0, current_a=0.0) == [pytest.approx(1.0 / 0.005)]
    assert counted(1.0, lasts_s=59.9) == []
    assert len(counted(1.0, lasts_s=60.0)) == 1


@pytest.mark.parametrize(("sound", "told_at"), [(1, 128), (129, 256), (257, 512)])
def test_step_that_goes_on_is_compared_each_time_its_records_have_doubled(sound: int, told_at: int) -> None:
    """However they come: a month of one step is not compared at each of its records."""
    rows = [(30.0 * n, 3.0 + n * 1e-6, 1.0, n / 120 * (1.0 if n < sound else 1.5)) for n in range(520)]
    made = samples(*rows)
    trace = StepTrace(made[0], CHARGE, Record(30.0), GUARDS)
    for number, sample in enumerate(made[1:], 2):
        trace.add([sample])
        assert bool(trace.found) == (number >= told_at), number
    whole = trace_of(*made[:128])
    assert bool(whole.found) == (told_at == 128)
