"""Shorts in Li/Li cells, record by record: found wherever they happen, and not where there are none."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

from drivers.interfaces import Sample
from orchestrator.judging.limits import Action, FindingKind
from orchestrator.runs.run_guards import RunGuards
from orchestrator.shorts import Reason, ShortKind, Thresholds
from orchestrator.shorts.run_shorts import RunShorts, symmetric_cell
from orchestrator.shorts.smoothing import measured_noise_v
from protocols import Program, load_cell, load_recipe, resolve
from protocols.program import CellFacts, CyclingSegment, ShortPolicy
from tests.short_traces import (
    CURRENT_A,
    FAST_OHM,
    GRADIENT_OHM,
    HALF_S,
    Ohm,
    Trace,
    first,
    metal,
    sound,
    then,
)


def test_short_in_the_first_half_cycle_is_dated_to_its_record() -> None:
    """No history is needed: 300 ohm fall to 3.5 at half an hour of the first half-cycle, and stay there."""
    trace = Trace()
    trace.begin()
    trace.step(CURRENT_A, HALF_S, then(first, 1800.0, 3.5))
    (found,) = trace.of(ShortKind.HARD)
    assert "; a sound cell has more than" in replace(found, after_ohm=0.5, floor_ohm=0.6).sentence
    assert "a sound cell" not in replace(found, after_ohm=2.0, floor_ohm=0.6).sentence
    assert found.time_s == 600 + 5 + 5 + 1800
    assert round(found.before_ohm or 0.0) == 300
    assert found.after_ohm == pytest.approx(3.5)
    assert found.density_a_per_cm2 == pytest.approx(CURRENT_A / 0.785)
    assert found.step_charge_ah == pytest.approx(CURRENT_A * 0.5)
    assert "from 300 to 3.5 ohm" in found.sentence


def test_ramp_reports_the_current_at_which_it_shorted() -> None:
    """Each current comes once; the short lies in the fifth, and its current density is the critical one."""
    trace = Trace()
    trace.begin(current_a=5e-5)
    for number in range(1, 9):
        size_a = number * 5e-5
        # Kinetics: the resistance falls with the current, the voltage does not.
        ohm = sound(0.4 + 0.6 / number)
        if number == 5:
            ohm = then(ohm, 600.0, 3.0)
        for sign in (1, -1):
            trace.step(sign * size_a, 1200.0, ohm if number <= 5 else metal(3.0))
    (found,) = trace.of(ShortKind.HARD)
    assert abs(found.current_a) == pytest.approx(5 * 5e-5)
    assert found.density_a_per_cm2 == pytest.approx(2.5e-4 / 0.785)


def test_short_inside_one_long_plating_is_found() -> None:
    """One step of 20 h has no half-cycle to compare with."""
    trace = Trace()
    trace.begin()
    trace.step(-CURRENT_A, 20 * 3600.0, then(first, 7 * 3600.0, 4.0))
    (found,) = trace.of(ShortKind.HARD)
    assert found.time_s == 610 + 7 * 3600


def test_short_at_rest_is_dated_to_the_next_current() -> None:
    """At rest nothing is seen; the jump at the next step shows that it is no gradient."""
    trace = Trace()
    trace.begin()
    trace.cycles(3, sound())
    trace.rest(1800.0)
    came_s = trace.at_s
    trace.cycles(1, metal())
    (found,) = trace.of(ShortKind.HARD)
    assert found.time_s == came_s


@pytest.mark.parametrize("every_s", [30.0, 300.0])
def test_films_that_break_in_are_no_short(every_s: float) -> None:
    """The resistance falls to a fifth within the first five cycles, smoothly: a healthy cell."""
    trace = Trace(every_s=every_s)
    trace.begin(5 * FAST_OHM)
    for half in range(20):
        trace.cycles(1, sound(1.0 + 4.0 * math.exp(-half / 2.0)))
    trace.finish()
    assert not trace.of(ShortKind.HARD)
    assert not trace.of(ShortKind.DEEP_SOFT)


def test_zero_of_the_tester_is_taken_off() -> None:
    """A tester 2 mV off shows 12 ohm too much at 0.16 mA: the rest before the first current tells."""
    trace = Trace(zero_v=2e-3)
    trace.begin()
    trace.cycles(2, sound())
    trace.step(CURRENT_A, HALF_S, then(sound(), 900.0, 3.5))
    (found,) = trace.of(ShortKind.HARD)
    assert found.after_ohm == pytest.approx(3.5, abs=0.01)


def test_contact_that_was_bad_from_the_start_and_mends_is_no_short() -> None:
    """The fall is as sudden and as deep as a short's, but the gradient is left, and moves at the next reversal."""
    trace = Trace()
    trace.begin(FAST_OHM + 1700.0)
    trace.cycles(3, sound(contact_ohm=1700.0))
    trace.step(CURRENT_A, HALF_S, lambda step_s: sound(contact_ohm=1700.0 if step_s < 1500 else 0.0)(step_s))
    trace.cycles(4, sound())
    trace.finish()
    assert not trace.of(ShortKind.HARD)
    assert len(trace.of(ShortKind.MENDED)) == 1


def test_short_after_a_contact_that_mended_is_still_found() -> None:
    """What the cell shows since is what the next fall is held against."""
    trace = Trace()
    trace.begin(FAST_OHM + 1700.0)
    trace.cycles(3, sound(contact_ohm=1700.0))
    trace.cycles(4, sound())
    came_s = trace.at_s + 1200.0
    trace.step(CURRENT_A, HALF_S, then(sound(), 1200.0, 3.5))
    trace.cycles(1, metal())
    assert [found.time_s for found in trace.of(ShortKind.HARD)] == [came_s]


def test_fall_below_the_gradients_part_is_told_at_once() -> None:
    """No contact takes the gradient away: less than its part is left, so that no reversal need be waited for."""
    trace = Trace()
    trace.begin()
    trace.cycles(3, sound())
    trace.step(CURRENT_A, HALF_S, then(sound(), 900.0, 0.25 * GRADIENT_OHM))
    (found,) = trace.of(ShortKind.HARD)
    assert found.reason is Reason.BELOW_SHAPE
    assert found.told_s - found.time_s == pytest.approx(600, abs=61)


def test_cell_that_is_pulled_out_behind_a_short_hides_nothing() -> None:
    """Open leads stand at the cutoff from the first record on: that is no cell that came back."""
    trace = Trace()
    trace.begin()
    trace.cycles(3, sound())
    came_s = trace.at_s + 3300.0
    trace.step(CURRENT_A, HALF_S, then(sound(), 3300.0, 3.5))
    for sign in (-1, 1, -1):
        trace.step(sign * CURRENT_A, 0.1, lambda _: 0.5 / CURRENT_A)
    trace.cycles(1, metal())
    assert [found.time_s for found in trace.of(ShortKind.HARD)] == [came_s]


def test_deep_soft_shorts_that_come_again_have_their_own_hours() -> None:
    """Each one within an hour of the one before was told with the hour and the charge of the first."""
    trace = Trace()
    trace.begin()
    trace.cycles(2, sound())
    began_s, cell = trace.at_s, sound()
    lows = (600.0, 1200.0, 1980.0)
    trace.step(CURRENT_A, HALF_S, lambda step_s: 4.0 if any(0 <= step_s - at < 150 for at in lows) else cell(step_s))
    assert [found.time_s - began_s for found in trace.of(ShortKind.DEEP_SOFT)] == list(lows)


def test_deep_soft_short_is_kept_apart_from_a_hard_one() -> None:
    """Nine minutes of metal in half an hour, then the cell as it was: the run goes on, and nothing of it is learned."""
    trace = Trace()
    trace.begin()
    trace.cycles(2, sound())
    cell = sound()
    trace.step(CURRENT_A, 1800.0, lambda step_s: 4.0 if 600.0 <= step_s < 1140.0 else cell(step_s))
    trace.step(-CURRENT_A, HALF_S, cell)
    assert [found.kind for found in trace.found] == [ShortKind.SOFT_SUSPECTED, ShortKind.DEEP_SOFT]
    trace.step(CURRENT_A, HALF_S, then(cell, 900.0, 4.0))
    assert len(trace.of(ShortKind.HARD)) == 1


def test_fall_of_a_fifth_that_comes_back_is_a_probable_soft_short() -> None:
    """Suspected when it falls, probable when it comes back as suddenly."""
    trace = Trace()
    trace.begin()
    trace.cycles(2, sound())
    cell = sound()
    trace.step(CURRENT_A, HALF_S, lambda step_s: (0.8 if 1800.0 <= step_s < 2700.0 else 1.0) * cell(step_s))
    assert [found.kind for found in trace.found] == [ShortKind.SOFT_SUSPECTED, ShortKind.SOFT_PROBABLE]


def test_electrolyte_of_the_cell_file_finds_a_cell_shorted_before_its_first_current() -> None:
    """Below half of thickness over conductivity no sound cell is: it judges from the first record on."""
    trace = Trace(electrolyte_ohm=48.0)
    trace.begin(3.5)
    trace.cycles(1, metal())
    (found,) = trace.of(ShortKind.HARD)
    assert (found.reason, found.time_s) == (Reason.BELOW_FLOOR, 610.0)
    facts = CellFacts("a", "li-li", 0.785, electrolyte_thickness_um=90.0, electrolyte_s_per_cm=2.4e-4)
    assert symmetric_cell(facts).electrolyte_ohm == pytest.approx(47.8, abs=0.1)


def test_return_from_a_hard_short_has_its_own_cycle_charge_and_resistances() -> None:
    """It had those of the fall, and "from 273 to 273 ohm"."""
    trace = Trace()
    trace.begin()
    trace.cycles(2, sound())
    trace.step(CURRENT_A, HALF_S, then(sound(), 900.0, 4.0))
    trace.step(-CURRENT_A, HALF_S, metal(4.0))
    trace.cycle += 1
    cell = sound()
    trace.step(CURRENT_A, HALF_S, lambda step_s: 4.0 if step_s < 1200.0 else cell(step_s))
    trace.step(-CURRENT_A, HALF_S, cell)
    (found,) = trace.of(ShortKind.CAME_BACK)
    assert (found.cycle, found.before_ohm) == (4, 4.0)
    assert found.after_ohm == pytest.approx(FAST_OHM + GRADIENT_OHM, rel=0.05)
    assert found.charge_ah == pytest.approx(CURRENT_A * (6 * HALF_S + 1200.0) / 3600.0)
    assert found.step_charge_ah == pytest.approx(CURRENT_A * 1200.0 / 3600.0)


def test_hard_short_that_comes_back_inside_a_long_step_is_taken_back() -> None:
    """Hours of metal in one plating, then the cell as it was: no reversal is needed, and the next short is found."""
    trace = Trace()
    trace.begin()
    came_s = trace.at_s + 39_990.0
    trace.step(
        CURRENT_A,
        60_000.0,
        lambda step_s: 4.0 if 9_000.0 <= step_s < 20_000.0 or step_s >= 39_990.0 else first(step_s),
    )
    hard = [ShortKind.HARD, ShortKind.CAME_BACK, ShortKind.HARD]
    assert [found.kind for found in trace.found if found.kind in hard] == hard
    assert trace.of(ShortKind.HARD)[-1].time_s == came_s


def test_contact_that_opens_behind_a_short_moves_no_date() -> None:
    """The resistance is high for two minutes, and then what it was before: the metal was there all the time."""
    trace = Trace()
    trace.begin()
    trace.cycles(3, sound())
    came_s = trace.at_s + 900.0
    cell = sound()
    trace.step(CURRENT_A, HALF_S, lambda s: cell(s) if s < 900.0 else 400.0 if 1200.0 <= s < 1320.0 else 3.5)
    assert [found.time_s for found in trace.of(ShortKind.HARD)] == [came_s]


def test_noise_of_the_tester_is_taken_from_the_rest_before_the_first_current() -> None:
    """Successive records tell it, a slow drift adds little; what shows none, or too few records, has the default."""
    t = Thresholds()
    draws = random.Random(2)
    quiet = [1e-4 * n / 20 + draws.gauss(0.0, 3e-5) for n in range(20)]
    assert measured_noise_v(quiet, t) == pytest.approx(1.3 * 3e-5, rel=0.4)
    assert measured_noise_v([1e-4] * 20, t) == t.noise_v
    assert measured_noise_v(quiet[:5], t) == t.noise_v
    assert measured_noise_v([draws.gauss(0.0, 1e-3) for _ in range(20)], t) == t.noise_v


def test_soft_short_of_a_few_records_here_and_there_is_suspected() -> None:
    """Metal that is there and away every half minute: each time one or two records, three of them are enough."""
    trace = Trace()
    trace.begin()
    trace.cycles(2, sound())
    cell = sound()
    trace.step(CURRENT_A, HALF_S, lambda s: (0.6 if 1500.0 <= s < 2100.0 and s % 120.0 < 30.0 else 1.0) * cell(s))
    assert {found.kind for found in trace.found} == {ShortKind.SOFT_SUSPECTED}


def test_copy_of_the_watch_goes_on_as_the_watch_does() -> None:
    """A service that is restarted, or whose store takes nothing, comes to the same verdicts; a copy changes nothing."""
    trace = Trace()
    trace.begin()
    trace.cycles(2, sound())
    other = Trace()
    other.watch, other.at_s, other.follows, other.cycle = trace.watch.copy(), trace.at_s, True, trace.cycle
    for one in (other, trace):
        one.step(CURRENT_A, HALF_S, then(sound(), 1000.0, 5.0))
        one.cycles(1, metal(5.0))
    assert trace.found
    assert other.found == trace.found


def samples_of(program: Program, ohm_of_half: list[float]) -> list[Sample]:
    """Give what a tester records of a Li/Li program: rests and checks by their times, half-cycles of a resistor."""
    (segment,) = program.cycling
    numbers = [1, 2, 3] + [4 + n % 2 for n in range(len(ohm_of_half))]
    samples: list[Sample] = []
    at_s = 0.0
    for count, number in enumerate(numbers, 1):
        step = segment.steps[number - 1]
        ohm = ohm_of_half[count - 4] if count >= 4 else ohm_of_half[0]
        lasts_s = step.until.time_s or 0.0  # type: ignore[union-attr]  # every step of these programs has it
        times = [*range(0, int(lasts_s), 30), lasts_s]
        set_a = step.constant_a or 0.0  # type: ignore[union-attr]  # every step of these programs has it
        for time_s in times:
            samples.append(
                Sample(
                    len(samples) + 1, at_s + time_s, float(time_s), number, count, 1 + max(0, count - 4) // 2, "cc",
                    set_a * ohm, set_a, abs(set_a) * time_s / 3600, 0.0, 0.0,
                )
            )  # fmt: skip
        at_s += lasts_s
    return samples


def program(policy: ShortPolicy = ShortPolicy.COMPLETE) -> Program:
    """Give the shipped program on the bare cell, with a policy for shorts."""
    whole = resolve(load_recipe("li-li-0.4"), load_cell("bare-li-li"))
    (segment,) = whole.cycling
    return replace(whole, segments=(replace(segment, guards=replace(segment.guards, short_policy=policy)),))


def enter(guards: RunGuards | RunShorts, segment: CyclingSegment) -> None:
    """Begin a test."""
    guards.enter(segment, 0.0)


@pytest.mark.parametrize(
    ("policy", "action"),
    [
        (ShortPolicy.COMPLETE, Action.COMPLETE),
        (ShortPolicy.TRIP, Action.TRIP),
        (ShortPolicy.HOLD, Action.HOLD),
        (ShortPolicy.MARK, Action.MARK),
    ],
)
def test_what_a_short_does_is_the_recipes_choice(policy: ShortPolicy, action: Action) -> None:
    """It completes, trips or holds the run, or is only marked; hour and cycle are the same."""
    ordered = program(policy)
    guards = RunGuards(ordered, "")
    enter(guards, ordered.cycling[0])
    found = guards.feed(samples_of(ordered, [300.0] * 3 + [3.5] * 2), [], 2)
    (short,) = [finding for finding in found if finding.kind is FindingKind.CELL_SHORTED]
    assert (short.action, short.time_s) == (action, 5 + 5 + 600 + 3 * 3600)


def test_no_rule_of_li_li_is_used_for_another_cell() -> None:
    """The same trace on a cell against copper is not judged."""
    ordered = program()
    other = replace(ordered, cell=replace(ordered.cell, kind="li-cu"))
    for it, count in ((ordered, 1), (other, 0)):
        shorts = RunShorts(it)
        shorts.enter(it.cycling[0], 0.0)
        assert len(shorts.feed(samples_of(it, [300.0] * 3 + [3.5] * 2), {})) == count


def test_history_goes_through_the_tests_of_a_run() -> None:
    """Resumed in a new test, the run knows what its cell was: a short in the pause is found at the first current."""
    ordered = program()
    shorts = RunShorts(ordered)
    shorts.enter(ordered.cycling[0], 0.0)
    before = samples_of(ordered, [300.0] * 4)
    assert shorts.feed(before, {}) == []
    shorts.enter(ordered.cycling[0], before[-1].time_s)
    (found,) = [it for it in shorts.feed(samples_of(ordered, [5.0] * 3), {}) if it.kind is ShortKind.HARD]
    assert found.time_s == before[-1].time_s + 5 + 5 + 600


def test_watch_is_put_back_when_the_store_refuses() -> None:
    """What was fed and undone is found again."""
    ordered = program()
    samples = samples_of(ordered, [300.0] * 3 + [3.5] * 2)
    guards = RunGuards(ordered, "")
    enter(guards, ordered.cycling[0])
    undo = guards.undo()
    first_time = guards.feed(samples, [], 2)
    undo()
    assert guards.feed(samples, [], 2) == first_time != []


def creeping(factor: float, metal_ohm: float) -> Ohm:
    """Give a cell beside metal whose resistance has come down to this times the final one."""
    cell = sound()
    return lambda step_s: 1.0 / (1.0 / cell(step_s) + 1.0 / (factor * metal_ohm))


def test_short_that_comes_over_hours_is_doubted() -> None:
    """No record falls suddenly, from 300 to 10 ohm in ten half-cycles; then it is flat both ways. Nothing was said."""
    trace = Trace()
    trace.begin()
    trace.cycles(3, sound())
    for half in range(10):
        trace.step((-1) ** half * CURRENT_A, HALF_S, creeping(10.0 ** (2.0 - half / 5.0), 10.0))
    trace.cycles(3, metal(10.0))
    (found,) = trace.of(ShortKind.CREPT)
    assert found.after_ohm == pytest.approx(10.0)
    assert found.before_ohm == pytest.approx(FAST_OHM + GRADIENT_OHM, rel=0.05)
    assert "doubtful, a short that came slowly or a film" in found.sentence


def test_film_that_thins_over_hours_raises_no_question() -> None:
    """All resistances fall to a thirtieth, as in an oven that warms up: the transients are still there."""
    trace = Trace()
    trace.begin()
    for half in range(30):
        trace.cycles(1, sound(max(1 / 30, 0.8**half)))
    cell = sound()
    trace.cycles(5, lambda step_s: cell(step_s) / 30)
    assert not trace.of(ShortKind.CREPT)


@pytest.mark.parametrize("ohm", [8.0, 12.0])
def test_cell_shorted_before_its_first_current_is_doubted_through_noise(ohm: float) -> None:
    """The noise of a tester is more than 4 % of what a thread of lithium leaves: the question was not asked."""
    draws = random.Random(1)
    trace = Trace()
    trace.begin(ohm)
    trace.cycles(2, lambda _: ohm + draws.gauss(0.0, 5e-5) / CURRENT_A)
    trace.rest()
    (found,) = trace.of(ShortKind.DOUBTFUL)
    assert found.time_s == pytest.approx(610.0)
