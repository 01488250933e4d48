"""How far a run is while it goes on: the cycle that people are shown is the one that is read from the store later."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from drivers.interfaces import EndReason, Sample
from orchestrator.analysis.summary import summarize
from orchestrator.judging.placing import ProgramWalk
from orchestrator.judging.resuming import Position, position, remaining_segment
from orchestrator.judging.steps import ExecutedStep, StepBuilder
from orchestrator.runs.progress import Progress
from orchestrator.store import Store
from orchestrator.tables.run_data import RunData
from protocols.program import CyclingSegment
from tests.run_maker import CHARGE, CUTS_S, PROGRAM, START_UNIX_S, RunMaker, cycling, records
from tests.station_rig import StationRig, eis_program, eis_request, measuring_service

RECIPE = """
name: watched
title: An open circuit watched between two charges
for: [li-li]
record: {every: 15 s}
potentiostat: {rest: 1 min, drift_per_min: 100 mV}
steps:
  - {step: constant_current, direction: charge, current: 0.2 mA/cm2, until: {time: 5 min, voltage: 0.5 V}}
  - {step: ocv, time: 2 min}
  - {step: constant_current, direction: discharge, current: 0.2 mA/cm2, until: {time: 30 min, voltage: -0.5 V}}
"""


@pytest.mark.parametrize("cuts_s", [(), CUTS_S])
def test_cycle_of_a_run_that_goes_on_is_the_one_read_later(store: Store, cuts_s: tuple[float, ...]) -> None:
    """Sample by sample through a spectrum and three resumptions (a resumed run was shown in its raw cycle 1 again)."""
    data = RunData(store, RunMaker(store, PROGRAM).run(cuts_s))
    read = data.columns("test", "cycle")
    judged: list[ExecutedStep] = []
    progress = Progress.at_start(PROGRAM)
    for test in data.tests:
        while progress.index < test.row.segment:
            progress = progress.advanced()
        if test.row.is_measurement:
            continue
        progress = progress.running(CyclingSegment.from_json(test.row.program_json)).with_test()
        builder = StepBuilder(progress.segment)
        shown = []
        for sample in store.samples(test.row.id):
            numbered, _ = progress.number(builder.feed([sample]))
            judged += numbered
            shown.append(progress.cycle(sample))
        judged += progress.number(builder.finish())[0]
        progress = progress.after(test.last)
        assert np.array_equal(shown, read["cycle"][read["test"] == test.row.id])
        assert progress.cycle(test.last) == shown[-1]
    assert [step.cycle for step in judged] == [step.place.cycle for step in data.steps]


async def test_trace_of_a_potentiostat_counts_for_the_run(station_rig: StationRig, store: Store) -> None:
    """Time and samples that people are shown are those read from the store, also after a restart of the service."""
    for restarted in (False, True):
        async with measuring_service(station_rig, store) as service:
            if not restarted:
                service.submit(eis_request(text=RECIPE), "ada")
                while not store.measurements("R000001"):  # noqa: ASYNC110 - as a person does
                    await asyncio.sleep(60.0)
            await asyncio.sleep(300.0)
            _, run = service.find("R000001")
            shown, read = run.update(), RunData(store, "R000001")
            assert len(read.tests) == 3
            assert shown.time_s == pytest.approx(read.duration_s)
            assert shown.samples == summarize(store, "R000001").samples
            assert read.duration_s > 5 * 60 + 2 * 60


def test_refused_resume_changes_nothing_of_what_is_left() -> None:
    """What was to follow did not start: position, cycle and remainder are still those of the test that ran."""
    whole = PROGRAM.cycling[0]
    cut = Sample(40, 900.0, 300.0, 3, 4, 1, "cc", 0.03, 1e-4, 1e-5, 0.0, 0.0)
    held = Progress.at_start(PROGRAM).with_test().after(cut)
    left = held.remaining_segment()
    assert left is not None
    assert left != whole
    refused = held.running(left)
    assert refused.cycle(cut) == held.cycle(cut)
    assert refused.after(cut) == held


def test_contact_check_that_was_cut_is_marked_where_it_is_made_again() -> None:
    """Its second execution is no step of the original program; what follows is counted on."""
    program = eis_program()
    whole = program.cycling[0]
    walk = ProgramWalk(program)
    walk.begin(0, whole)
    assert walk.place(executed(1)).count == 1
    walk.end(Sample(2, 5.0, 5.0, 1, 1, 1, "cc", 0.03, 1e-4, 1e-7, 0.0, 0.0))
    walk.begin(0, whole)
    again = [walk.place(executed(n)) for n in (1, 2, 3)]
    assert [place.is_repeated_check for place in again] == [True, False, False]
    assert [place.count for place in again] == [0, 2, 3]


def executed(number: int) -> ExecutedStep:
    """Give the execution of a step of a segment without loops before it."""
    return ExecutedStep(number, number, 1, "cc", 0.0, 10.0, 1e-6, 0.0, 0.03, 200.0, EndReason.TIME, number, number)


def test_charge_that_a_tester_did_not_say_is_that_of_the_steps_own_current() -> None:
    """A record without a charge before an outage: what is left is reckoned by current and time."""
    segment = cycling(2)
    last = records(segment, START_UNIX_S, cut_s=60.0)[-1]._replace(capacity_ah=float("nan"))
    there = position(segment, Position(), segment, last)
    assert there.passed_ah == pytest.approx(CHARGE.current_a * last.step_time_s / 3600)
    assert remaining_segment(segment, there) is not None
    checked = position(segment, Position(), segment, last._replace(current_a=float("nan")))
    assert checked == there
