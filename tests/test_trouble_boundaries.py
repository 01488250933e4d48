"""What a run's watch for trouble tells once, tells again, and keeps from one step and one test to the next."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest

from drivers.interfaces import EndReason, Sample
from orchestrator.judging.limits import Action, Finding, FindingKind
from orchestrator.judging.trouble import TroubleWatch
from orchestrator.judging.trouble_thresholds import JUMPS_WITHIN_S
from protocols.program import CcCv, CellFacts, ConstantCurrent, Guards, Loop, Program, Record, Until
from protocols.trouble import TroubleGuards, TroubleSign
from tests.executed import executed_step
from tests.sound_program import BOUNDS, CHARGE, DISCHARGE, REST, program_of

HELD = CcCv(0.001, 4.0, Until(current_a=1e-4), BOUNDS)
# A record each 30 s is late after 92 s: three intervals and two seconds.
LATE_S = 92.0


def program(guards: TroubleGuards | None = None) -> Program:
    """Give a program of a charge, a discharge and a rest, with guards of its own."""
    whole = program_of(CHARGE, DISCHARGE, REST, Loop(1, 9), record=Record(30.0))
    segment = replace(whole.cycling[0], guards=Guards(trouble=guards or TroubleGuards()))
    return replace(whole, segments=(segment,))


def watch_of(of: Program | None = None, before_s: float = 0.0) -> TroubleWatch:
    """Give a watch at the beginning of a test."""
    of = of or program()
    watch = TroubleWatch(of)
    watch.enter(of.cycling[0], before_s)
    return watch


def records(
    *rows: tuple[float, float], step: int = 1, count: int = 1, begun_s: float = 0.0, first: int = 1
) -> list[Sample]:
    """Give records of one step with times in it (s) and voltages (V), its set current, and the charge that it makes."""
    current_a = {1: 0.001, 2: -0.001, 3: 0.0}[step]
    return [
        Sample(n, begun_s + t, t, step, count, 1, "cc", v, current_a, abs(current_a) * t / 3600, 0.0, 0.0)
        for n, (t, v) in enumerate(rows, first)
    ]


def gap(apart_s: float, count: int = 1) -> list[Sample]:
    """Give a step whose second record comes so late."""
    return records((0.0, 3.0), (apart_s, 3.1), count=count)


def kinds(found: list[Finding]) -> list[FindingKind]:
    """Give what was found."""
    return [finding.kind for finding in found]


@pytest.mark.parametrize(
    ("told", "again"),
    [
        ([], True),
        ([("late", 1.0, 50.0)], True),
        ([("late", 1.01, 50.0)], False),
        # The worst of what was told counts, in whatever order it comes, and words of a newer version do not.
        ([("late", 3.0, 50.0), ("late", 0.5, 10.0)], False),
        ([("late", 0.5, 10.0), ("late", 3.0, 50.0)], False),
        ([("later", 9.0, 50.0), ("jumps", 9.0, 50.0)], True),
        ([("later", 9.0, 50.0), ("late", 3.0, 50.0)], False),
    ],
)
def test_what_was_told_before_a_restart_is_told_again_when_it_is_twice_as_bad(
    told: list[tuple[str, float, float]], again: bool
) -> None:
    """A gap of twice what is allowed, against what the run's events say."""
    watch = watch_of()
    watch.recall(told)
    assert bool(watch.feed(gap(2 * LATE_S), {})) == again


@pytest.mark.parametrize(("before_s", "again"), [(999.0, False), (1000.0, False), (1000.5, True)])
def test_sign_of_one_test_is_told_anew_in_the_next(before_s: float, again: bool) -> None:
    """Somebody looked between: what was told before the test began counts no more, by its latest time."""
    watch = watch_of(before_s=before_s)
    watch.recall([("late", 50.0, 10.0), ("late", 3.0, 1000.0)])
    assert bool(watch.feed(gap(100.0), {})) == again
    assert kinds(watch.feed(gap(150.0, count=2), {})) == []


def test_sign_has_the_time_of_the_run_and_the_action_of_the_recipe() -> None:
    """Its evidence says how bad it is; a recipe that has switched the watch off is told of nothing."""
    for hold, action in (((), Action.MARK), ((TroubleSign.JUMPS,), Action.MARK), ((TroubleSign.LATE,), Action.HOLD)):
        watch = watch_of(program(TroubleGuards(hold=hold)), 5000.0)
        (found,) = watch.feed(gap(2 * LATE_S), {})
        assert (found.action, found.time_s) == (action, 5000.0)
        assert found.data is not None
        assert (found.data["sign"], found.data["level"]) == ("late", 2.0)
    off = watch_of(program(TroubleGuards(is_off=True)))
    assert (off.is_watching, watch_of().is_watching) == (False, True)
    step = executed_step(1, 100.0, EndReason.TIME, 0.001, 3.0, None)
    for silent in (off, TroubleWatch(program())):
        assert silent.feed(gap(1e4), {}) == silent.feed_steps([step]) == []
    assert watch_of().feed([], {}) == watch_of().feed_steps([replace(step, step_count=0)]) == []


def jump(at_s: float, count: int) -> list[Sample]:
    """Give a step of five minutes in which the voltage jumps by 20 mV or more and comes back, at a time of the test."""
    rows = [(t, 3.01 + count / 100 if t == 150.0 else 3.0 + t * 1e-6) for t in range(0, 301, 30)]
    return records(*[(float(t), v) for t, v in rows], count=count, begun_s=at_s - 180.0, first=100 * count)


@pytest.mark.parametrize(("last_s", "told"), [(JUMPS_WITHIN_S - 1, True), (JUMPS_WITHIN_S, False)])
def test_three_jumps_within_six_hours_are_told(last_s: float, told: bool) -> None:
    """From the first to the last that came back, also over steps; with how many there were and how high."""
    watch = watch_of(before_s=100.0)
    at_s = (200.0, 1000.0, 200.0 + last_s)
    found = [finding for n, time_s in enumerate(at_s, 1) for finding in watch.feed(jump(time_s, n), {})]
    assert kinds(found) == [FindingKind.VOLTAGE_JUMPS] * told
    for finding in found:
        assert finding.data is not None
        assert (finding.time_s, finding.data["jumps"], finding.data["level"]) == (300.0, 3, 1.0)
        assert finding.data["largest_v"] == pytest.approx(0.04, rel=0.02)
        assert (finding.data["first_sequence"], finding.data["last_sequence"]) == (104, 306)


def flat(number: int, step: int, count: int, volts: float = 3.0) -> list[Sample]:
    """Give a step whose voltage is the same in so many records, and moves before them."""
    begin = [(0.0, volts + 0.1), (30.0, volts)] if number else [(0.0, volts)]
    rows = begin + [(30.0 + 30.0 * n, volts) for n in range(1, number)]
    return records(*rows, step=step, count=count, begun_s=1e5 * count)


def test_voltage_is_called_flat_by_what_two_whole_steps_of_its_direction_have_shown() -> None:
    """Four times as many readings as the longest, at least twenty; one step, or the other direction, is none."""
    begins = [*flat(10, 1, 1), *flat(30, 2, 2), *flat(8, 1, 3)]
    for many, told in ((39, []), (40, [FindingKind.VOLTAGE_FLAT])):
        watch = watch_of()
        assert kinds(watch.feed(begins, {})) == []
        assert kinds(watch.feed(flat(many, 1, 4), {})) == told
    watch = watch_of()
    watch.feed(flat(2, 1, 1), {})
    assert kinds(watch.feed(flat(90, 1, 2), {})) == []
    watch = watch_of()
    watch.feed([*flat(2, 1, 1), *flat(2, 1, 2)], {})
    assert kinds(watch.feed(flat(21, 1, 3), {})) == [FindingKind.VOLTAGE_FLAT]


@pytest.mark.parametrize(("ends", "count", "told"), [(5, 2, True), (4, 2, False), (5, 3, False)])
def test_voltage_that_the_next_steps_current_does_not_move_is_told(ends: int, count: int, told: bool) -> None:
    """Five equal readings on both sides, in steps that follow each other; a step between is not known."""
    for before, after in ((1, 2), (2, 1), (3, 1)):
        watch = watch_of()
        watch.feed(flat(ends, before, 1), {})
        follows = records(*[(30.0 * n, 3.0) for n in range(6)], step=after, count=count, begun_s=1e6)
        assert kinds(watch.feed(follows, {})) == [FindingKind.VOLTAGE_FLAT] * told


@pytest.mark.parametrize(
    ("before", "after"), [(CHARGE, CHARGE), (HELD, DISCHARGE), (CHARGE, replace(HELD, current_a=-0.001, voltage_v=3.0))]
)
def test_voltage_that_is_held_or_whose_current_stays_is_not_called_stuck(
    before: ConstantCurrent | CcCv, after: ConstantCurrent | CcCv
) -> None:
    """Where the tester holds it, and where nothing changed, it is as it should be."""
    whole = program()
    of = replace(whole, segments=(replace(whole.cycling[0], steps=(before, after)),))
    watch = watch_of(of)
    watch.feed(flat(9, 1, 1), {})
    second = records(*[(30.0 * n, 3.0) for n in range(9)], count=2, begun_s=1e6)
    assert kinds(watch.feed([one._replace(step=2, current_a=after.current_a) for one in second], {})) == []


# Of a cycle: step, current in mA, how long in s, and the resistance in ohm at its beginning.
_REST_S = 600
PARTS = (
    (1, 0, _REST_S, 0.0),
    (2, 1, 1800, 100.0),
    (3, 0, _REST_S, 0.0),
    (4, 1, 1800, 300.0),
    (5, 0, _REST_S, 0.0),
    (6, -1, 3600, 200.0),
)


def cycles(rises_from: int) -> list[Sample]:
    """Give ten cycles of two half charges and a discharge; from one on the half full cell has twice its resistance."""
    made: list[Sample] = []
    begun_s, count = 0.0, 0
    for cycle in range(10):
        for step, current_ma, lasts_s, ohm in PARTS:
            count += 1
            risen = 2 if step == 4 and cycle >= rises_from else 1
            for t in (0.0, float(lasts_s)):
                volts = 3.3 + current_ma * 1e-3 * ohm * risen + 1e-6 * (count + t / 1e4)
                passed = current_ma * 1e-3, abs(current_ma) * 1e-3 * t / 3600
                made.append(Sample(len(made) + 1, begun_s + t, t, step, count, 1, "", volts, *passed, 0.0, 0.0))
            begun_s += lasts_s
    return made


@pytest.mark.parametrize("nominal_ah", [1e-3, None])
@pytest.mark.parametrize(("rises_from", "told"), [(10, 0), (6, 1)])
def test_contact_is_compared_at_the_same_state_of_charge(rises_from: int, told: int, nominal_ah: float | None) -> None:
    """An empty cell shows another resistance than a half full one; what rises at one of both is told."""
    half, full = (replace(CHARGE, until=Until(time_s=1800.0)), replace(DISCHARGE, until=Until(time_s=3600.0)))
    steps = (REST, half, REST, half, REST, full, Loop(1, 10))
    whole = program_of(*steps, record=Record(None, 1e-3))
    of = replace(whole, cell=CellFacts("mine", "lfp", nominal_capacity_ah=nominal_ah))
    found = watch_of(of, 500.0).feed(cycles(rises_from), {})
    assert kinds(found) == [FindingKind.CONTACT_RISES] * told
    for finding in found:
        assert finding.data is not None
        # The second of the risen values: in the eighth cycle, behind a rest, half a charge and another rest.
        assert finding.time_s == 500.0 + 7 * sum(lasts_s for _, _, lasts_s, _ in PARTS) + 600 + 1800 + 600
        assert [finding.data[key] for key in ("before_ohm", "now_ohm")] == pytest.approx([300.0, 600.0], rel=1e-3)


def test_last_step_of_a_test_is_judged_when_it_is_executed() -> None:
    """No record comes that would close it: its charge is compared then, with the time of the run."""
    watch = watch_of(before_s=500.0)
    rows = records((0.0, 3.0), (30.0, 3.1), (60.0, 3.2), (90.0, 3.3))
    made = [sample._replace(capacity_ah=2 * sample.capacity_ah) for sample in rows]
    assert watch.feed(made, {}) == []
    earlier = executed_step(1, 90.0, EndReason.TIME, 0.002, 3.0, None, count=0)
    assert watch.feed_steps([earlier]) == []
    (found,) = watch.feed_steps([replace(earlier, step_count=1)])
    assert (found.kind, found.time_s) == (FindingKind.CHARGE_DIFFERS, 500.0)


def test_record_of_a_step_that_the_program_has_not_tells_nothing() -> None:
    """A loop makes none, and a tester that names another step is not understood; what follows is judged as ever."""
    watch = watch_of()
    for count, number in enumerate((0, 4, 5), 1):
        odd = [sample._replace(step=number) for sample in gap(1e4, count)]
        assert watch.feed(odd, {}) == []
    assert kinds(watch.feed(gap(1e4, 4), {})) == [FindingKind.RECORDS_LATE]


def test_copy_goes_its_own_way() -> None:
    """What it is fed the original has not seen, and what one was told the other was not."""
    watch = watch_of()
    watch.feed(records((0.0, 3.0)), {})
    twin = deepcopy(watch)
    assert kinds(twin.feed(records((500.0, 3.1), first=2), {})) == [FindingKind.RECORDS_LATE]
    assert watch.feed(records((30.0, 3.1), (60.0, 3.2), first=2), {}) == []
    assert twin.feed(gap(400.0, count=2), {}) == []
    other = TroubleWatch(program())
    assert other.copy().feed(gap(1e4), {}) == []
