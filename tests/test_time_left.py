"""The time left of a run and its end: by its own steps, the same after a restart, and honest where nothing tells."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from math import inf

import pytest

from drivers.interfaces import EndReason
from orchestrator.analysis.time_ahead import time_ahead
from orchestrator.api.routes import channel_now
from orchestrator.clock.local_time import local_time
from orchestrator.clock.virtual import wall_time
from orchestrator.events.time_left import left_words, part_done
from orchestrator.judging.steps import ExecutedStep
from orchestrator.judging.time_left import StepTimes
from orchestrator.states import EndBasis, RunState
from orchestrator.store import Store
from orchestrator.tables.run_data import RunData
from protocols.branches import Branch, Measure
from protocols.execution_order import begun_of_each, flow, length, nest
from protocols.forecast import expected_duration_s
from protocols.loading import load_cell, load_recipe
from protocols.program import ConstantCurrent, Loop, Program, Rest, Until
from protocols.resolve import resolve
from tests.rig import CHANNEL, Rig
from tests.run_maker import CUTS_S, PROGRAM, SPECTRUM, RunMaker, cycling, program_of
from tests.segments import segment_of
from tests.service_rig import NEXT, request, serving, state

NESTED = (
    Rest(Until(time_s=7.0)),
    ConstantCurrent(0.001, Until(time_s=11.0)),
    Rest(Until(time_s=13.0)),
    Loop(3, 4),
    ConstantCurrent(-0.001, Until(time_s=17.0)),
    Loop(2, 3),
    Rest(Until(time_s=19.0)),
)


def executed(duration_s: float, reason: EndReason = EndReason.VOLTAGE) -> ExecutedStep:
    """Give a step that took so long; nothing else of it counts here."""
    return ExecutedStep(1, 1, 1, "cc", 0.0, duration_s, 0.0, 0.0, None, None, reason, 1, 2)


def left(times: StepTimes, begun: int, step_time_s: float = 0.0) -> float:
    """Give the time left, where there is an end."""
    left_s = times.left_s(begun, step_time_s)
    assert left_s is not None
    return left_s


def lfp(recipe: str = "lfp-200mA-g") -> Program:
    """Give the program of an LFP cell: a rest, then 50 times charge and discharge, each ended by a voltage."""
    return resolve(load_recipe(recipe), load_cell("bare-lfp"))


def fed(times: StepTimes, durations_s: Sequence[float]) -> StepTimes:
    """Feed the rest and then a half-cycle of each duration."""
    times.feed(1, executed(600.0, EndReason.TIME))
    for count, duration_s in enumerate(durations_s, 2):
        times.feed(count, executed(duration_s))
    return times


def test_time_left_counts_every_pass_of_nested_loops() -> None:
    """Wherever a run is in loops in loops, what is left is the sum of the steps that are still to be executed."""
    times, order = StepTimes(program_of(segment_of(*NESTED))), [place.step for place in flow(NESTED)]
    lengths_s = [7.0, *3 * [11.0, *4 * [13.0], 17.0], 19.0]
    assert left(times, 0) == sum(lengths_s)
    for begun, before_s in enumerate(accumulate(lengths_s), 1):
        assert left(times, begun, 2.0) == pytest.approx(sum(lengths_s) - before_s + lengths_s[begun - 1] - 2.0)
        assert begun_of_each(nest(NESTED), begun) == {n: order[:begun].count(n) for n in set(order[:begun])}
    assert left(times, len(order) + 1) == 0.0


def test_first_step_of_a_cell_corrects_the_forecast_of_those_that_have_not_run() -> None:
    """A charge that takes four fifths of the forecast's time says so of the discharge too, and of all later cycles."""
    program = lfp()
    times = StepTimes(program)
    forecast_s = expected_duration_s(program)
    assert left(times, 0) == pytest.approx(forecast_s)
    assert times.basis().value == "forecast"
    half_s = (forecast_s - 600.0) / 100
    fed(times, [0.8 * half_s])
    assert left(times, 3) == pytest.approx(99 * 0.8 * half_s)
    assert times.basis().value == "measured"
    # A step that is late ends at any moment: those behind it take no less for that.
    assert left(times, 3, 5 * half_s) == pytest.approx(98 * 0.8 * half_s)


def test_fading_cell_goes_on_to_fade_and_a_formation_does_not() -> None:
    """Half-cycles that fall by 1 % a cycle sum up as such a row does; those that fell at first and stay, stay."""
    fading = [3000.0 * 0.99 ** (n // 2) for n in range(100)]
    left_s = left(fed(StepTimes(lfp()), fading[:30]), 32)
    assert left_s == pytest.approx(sum(fading[30:]), rel=0.01)
    formed = [*(4000.0, 4000.0, 3300.0, 3300.0, 3050.0, 3050.0), *([3000.0] * 94)]
    left_s = left(fed(StepTimes(lfp()), formed[:18]), 20)
    assert left_s == pytest.approx(sum(formed[18:]), rel=0.005)
    growing = [3000.0 * 1.02 ** (n // 2) for n in range(20)]
    assert left(fed(StepTimes(lfp()), growing), 22) <= 80 * growing[-1] * 1.02


def test_cut_step_counts_when_its_last_part_has_ended() -> None:
    """A step that an interruption cut in two took the time of both parts, and a part alone says nothing."""
    times = StepTimes(lfp())
    fed(times, [])
    before_s = left(times, 2)
    times.feed(2, executed(1000.0, EndReason.EXTERNAL))
    assert left(times, 2) == before_s
    times.feed(2, executed(1500.0))
    assert left(times, 3) == pytest.approx(99 * 2500.0)


def test_end_that_the_cell_brings_about_is_only_bounded() -> None:
    """A run that ends when its cell shorts has the end of its program as a bound; without that policy it has an end."""
    program = resolve(load_recipe("li-li-0.4"), load_cell("bare-li-li"))
    assert StepTimes(program).basis() is EndBasis.BOUND
    decided = replace(program.cycling[0], after=(Branch(Measure.CAPACITY, to=2, below=1e-3),))
    deciding = StepTimes(replace(program, segments=(decided, program.cycling[0])))
    assert [deciding.basis(index) for index in (0, 1)] == [EndBasis.CONDITION, EndBasis.BOUND]
    (segment,) = program.cycling
    deaf = replace(segment, guards=replace(segment.guards, short_off=True))
    assert StepTimes(replace(program, segments=(deaf,))).basis() is EndBasis.FORECAST
    endless = segment_of(Rest(Until(time_s=10.0)), ConstantCurrent(0.001, Until(voltage_v=0.5)))
    assert StepTimes(program_of(endless)).left_s(0, 0.0) is None


def test_passes_that_cycles_leave_out_are_no_time_to_come() -> None:
    """Of ten passes that end with the second one two are counted, and all once the run is in one of the others."""
    program = resolve(load_recipe("lfp-200mA-g"), load_cell("bare-lfp"))
    (segment,) = program.cycling
    branch = Branch(Measure.CYCLES, to=10, above=100.0)
    ten = StepTimes(replace(program, segments=(replace(segment, after=(branch,)),) * 10))
    two = StepTimes(replace(program, segments=(segment,) * 2))
    assert ten.left_s(0, 0.0) == two.left_s(0, 0.0)
    assert ten.basis() is EndBasis.FORECAST
    own = length(nest(segment.steps))
    assert (ten.left_s(3 * own, 0.0) or 0.0) > 6 * (two.left_s(own, 0.0) or inf)


def test_visit_to_the_potentiostat_takes_as_long_as_those_before_it() -> None:
    """What cells waited for the leads and to settle counts for the visits to come; the middle one of three is taken."""
    program = program_of(cycling(1), SPECTRUM, cycling(1), SPECTRUM)
    times = StepTimes(program)
    planned_s = SPECTRUM.rest_s + SPECTRUM.technique.expected_s
    whole_s = left(times, 0)
    times.visited(1, planned_s + 500.0)
    assert left(times, 0) == pytest.approx(whole_s + 1000.0)


@pytest.mark.parametrize("cuts_s", [(), CUTS_S])
def test_stored_run_says_what_is_left_through_interruptions(store: Store, cuts_s: tuple[float, ...]) -> None:
    """From the store alone: nothing is left of a run that was recorded to its end, whatever cut it on the way."""
    data = RunData(store, RunMaker(store, PROGRAM).run(cuts_s))
    ahead = time_ahead(data)
    assert ahead is not None
    assert ahead["time_left_s"] == 0.0
    assert ahead["end_known_by"] == "measured"
    store.set_run_state(data.run.run_id, RunState.STOPPED.value, "", 1.0)
    assert time_ahead(RunData(store, data.run.run_id)) is None


async def test_run_tells_its_end_and_does_so_again_after_a_restart(rig: Rig, store: Store) -> None:
    """The end that a run tells is the one that it has, the same after the service died; a held one has none."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        total_s = run.update().time_left_s
        assert total_s is not None
        assert run.update().expected_end_unix_s is None
        await asyncio.sleep(1000)
        began_unix_s = store.tests(run.run_id)[0].started_unix_s
        end_unix_s = run.update().expected_end_unix_s
        assert end_unix_s == pytest.approx(began_unix_s + total_s, abs=2.0)
        assert end_unix_s is not None
        by = f"(by {local_time(end_unix_s)}), less if it shorts, cycle 1"
        words = channel_now(service, CHANNEL).words
        assert "0.3 h so far, at most about 1 h 5" in words
        assert by in words
    await asyncio.sleep(500)
    async with serving(rig, store) as service:
        await asyncio.sleep(60)
        (run,) = service.runs
        assert run.update().expected_end_unix_s == pytest.approx(end_unix_s, abs=2.0)
        ahead = time_ahead(RunData(store, run.run_id))
        assert ahead is not None
        assert ahead["expected_end_unix_s"] == pytest.approx(end_unix_s, abs=2.0)
        await service.hold(run.run_id, "ada")
        left_s = run.update().time_left_s
        await asyncio.sleep(3000)
        held = run.update()
        assert (held.time_left_s, held.expected_end_unix_s) == (left_s, None)
        assert f"{left_words(left_s, None, EndBasis.BOUND)} when it goes on" in channel_now(service, CHANNEL).words
        await service.resume(run.run_id, "ada")
        await asyncio.sleep(600)
        there_unix_s = run.update().expected_end_unix_s
        assert there_unix_s is not None
        await asyncio.sleep(there_unix_s - wall_time() - 30.0)
        assert state(run) is RunState.RUNNING
        # A resumed run makes its contact check again, with a minute of rest behind it.
        await asyncio.sleep(30.0 + 120.0)
        assert state(run) is RunState.COMPLETED
        assert run.update().time_left_s is None


async def test_queue_tells_when_the_next_run_begins_and_the_channel_is_free(rig: Rig, store: Store) -> None:
    """The next test of the same cell begins at the end of the one before; whom a person must attend to has no time."""
    async with serving(rig, store) as service:
        first, second = service.submit(request(), "ada"), service.submit(request(cycles=1), "ada", NEXT)
        await asyncio.sleep(1000)
        end_unix_s, then_s = first.update().expected_end_unix_s, second.update().time_left_s
        assert end_unix_s is not None
        assert then_s is not None
        there = channel_now(service, CHANNEL)
        assert there.expected_free_unix_s == pytest.approx(end_unix_s + then_s, abs=1.0)
        assert f"1 waiting ({second.run_id}, from about {local_time(end_unix_s)})" in there.words
        await service.hold(first.run_id, "ada")
        there = channel_now(service, CHANNEL)
        assert there.expected_free_unix_s is None
        assert f"1 waiting ({second.run_id})" in there.words


def test_words_say_what_an_end_rests_on() -> None:
    """What the run has measured is plain; a forecast, a bound and an end that nobody knows are called so."""
    end = local_time(1795802551.0)
    assert left_words(5400.0, 1795802551.0, EndBasis.MEASURED) == f"about 1 h 30 min left (ends {end})"
    assert left_words(5400.0, 1795802551.0, EndBasis.FORECAST) == f"about 1 h 30 min left by the forecast (ends {end})"
    assert (
        left_words(5400.0, 1795802551.0, EndBasis.BOUND)
        == f"at most about 1 h 30 min left (by {end}), less if it shorts"
    )
    assert {left_words(0.0, 1795802551.0, basis) for basis in EndBasis} == {"about to end"}
    assert left_words(None, None, EndBasis.UNKNOWN) == "no known end"
    assert (part_done(1.0, 3.0), part_done(0.0, 0.0), part_done(1.0, None)) == (0.25, 0.0, None)
