"""Runs that decide by what is measured, on the simulated rack: loops left, persons asked, steps ended."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drivers.interfaces import EndReason
from orchestrator.analysis.summary import details
from orchestrator.bench.simulated import SimulatedRack
from orchestrator.bench.station import station_problems
from orchestrator.cli.app import app
from orchestrator.events import EventKind
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import Store, open_store
from orchestrator.tables.run_data import RunData
from protocols import load_cell, resolve
from protocols.loading import parse_recipe
from simulators.faults import Fault, Spoil
from tests.decided import CHARGED, HEAD, request, told, until
from tests.rig import CHANNEL, open_rig
from tests.service_rig import check_rows, serving, state
from tests.station_rig import RECIPE, StationRig, eis_request, measuring_service

_CYCLE = """
      - {step: constant_current, direction: charge, current: 4 C, until: {voltage: 4.0 V}}
      - {step: constant_current, direction: discharge, current: 4 C, until: {voltage: 2.8 V}}
"""


def halves(store: Store, run: Run) -> list[tuple[int, int, int]]:
    """Give segment, cycle and half-cycle of each executed step of the program."""
    return [(it.place.segment, it.place.cycle, it.place.half_cycle) for it in RunData(store, run.run_id).steps]


_FADES = f"""
  - step: repeat
    times: 6
    until: {{capacity_below: 98 % of cycle 2, then: THEN}}
    steps:{_CYCLE}
  - {{step: constant_current, direction: charge, current: 1 C, until: {{time: 5 min, voltage: 4.0 V}}}}
"""
_WALKED = [(0, 1, 1), (0, 1, 2), (1, 2, 3), (1, 2, 4), (2, 3, 5), (2, 3, 6), (6, 4, 7)]


@pytest.mark.parametrize("cut", ["not", "in the last step", "behind the decision", "in the checks of the next pass"])
async def test_loop_is_left_where_the_capacity_has_fallen_and_a_restart_decides_the_same(
    store: Store, cut: str
) -> None:
    """Three passes run, three are left out without a hole in the cycles; a restart on the way changes none of it."""
    async with open_rig(cells={CHANNEL: "bare-lfp"}) as rig:
        async with serving(rig, store) as service:
            run = service.submit(request(_FADES.replace("THEN", "leave")), "ada")
            if cut == "in the last step":
                await until(lambda: run.progress.index == 2 and run.last is not None and run.last.step_count == 2)
            elif cut == "behind the decision":
                await until(lambda: run.progress.index == 2 and run.last is not None and run.last.step_count == 2)
                await until(lambda: run.progress.index == 6, step_s=0.5)
            elif cut == "in the checks of the next pass":
                await until(lambda: run.last is not None and run.last.step_count == 2)
                rig.tester.faults.delay("load", before_s=60.0)
                await until(lambda: run.progress.index == 1 and run.state is RunState.PREFLIGHT)
            else:
                await until(lambda: run.state.is_over)
        if cut != "not":
            await asyncio.sleep(2000.0)
            async with serving(rig, store) as service:
                await until(lambda: all(run.state.is_over for run in service.runs) and bool(service.runs))
        (decided,) = told(store, run, EventKind.DECIDED)
        assert (decided["segment"], decided["to"], decided["then"], decided["below"]) == (2, 6, "leave", 0.98)
        assert decided["value"] == pytest.approx(0.97, abs=0.009)
        assert halves(store, run) == _WALKED
        assert [it.cycle for test in store.tests(run.run_id) for it in store.cycles(test.id)] == [1, 2, 3, 4]
        assert len(told(store, run, EventKind.CONDITION_UNKNOWN)) == 1
        check_rows(rig, store, run.run_id)


async def test_run_ends_with_the_condition_as_its_reason(store: Store) -> None:
    """``then: end`` leaves everything else out; the run is completed, and says by what."""
    async with open_rig(cells={CHANNEL: "bare-lfp"}) as rig, serving(rig, store) as service:
        run = service.submit(request(_FADES.replace("THEN", "end")), "ada")
        await until(lambda: run.state.is_over)
        assert state(run) is RunState.COMPLETED
        assert run.reason.startswith("program finished: capacity 97")
        assert [test.segment for test in store.tests(run.run_id)] == [0, 1, 2]
        assert run.update().cycle == 3


@pytest.mark.parametrize("restarts", [False, True])
async def test_recipe_holds_the_run_once_and_a_person_resumes_it_behind_the_decision(
    store: Store, restarts: bool
) -> None:
    """``then: hold`` waits for a person; resumed, also by another service, the run goes on with the next pass."""
    hold = _FADES.replace("THEN", "hold").replace("times: 6", "times: 3")
    async with open_rig(cells={CHANNEL: "bare-lfp"}) as rig:
        async with serving(rig, store) as service:
            run = service.submit(request(hold), "ada")
            await until(lambda: run.state is RunState.HOLDING)
            assert "the recipe holds it behind segment 3: capacity 97" in run.reason
            if not restarts:
                await service.resume(run.run_id, "ada")
                await until(lambda: run.state.is_over)
        if restarts:
            async with serving(rig, store) as service:
                await until(lambda: bool(service.runs))
                run = await service.resume(run.run_id, "bob")
                await until(lambda: run.state.is_over)
        assert state(run) is RunState.COMPLETED
        assert [test.segment for test in store.tests(run.run_id)] == [0, 1, 2, 3]
        assert len(told(store, run, EventKind.DECIDED)) == 1


async def test_run_waits_for_a_person_where_the_recipe_asks_for_one(store: Store) -> None:
    """At a prompt the cell rests until somebody resumes the run, who is not asked again after a restart."""
    charge = "  - {step: constant_current, direction: charge, current: 1 C, until: {time: 5 min, voltage: 4.0 V}}\n"
    async with open_rig(cells={CHANNEL: "bare-lfp"}) as rig:
        async with serving(rig, store) as service:
            run = service.submit(request(f"{charge}  - {{step: prompt, text: Fill the oven.}}\n{charge}"), "ada")
            await until(lambda: run.state is RunState.AWAITING_OPERATOR)
            assert run.reason == "Fill the oven; then resume the run"
            await asyncio.sleep(600.0)
            assert len(store.tests(run.run_id)) == 1
        async with serving(rig, store) as service:
            await until(lambda: bool(service.runs))
            run = await service.resume(run.run_id, "bob")
            await until(lambda: run.state.is_over)
        assert state(run) is RunState.COMPLETED
        assert len(told(store, run, EventKind.PERSON_ASKED)) == 1


_COLLAPSES = """
  - step: constant_current
    direction: discharge
    current: 1 mA/cm2
    until: {time: 20 h, collapse: {below: 30 %, after: 10 min}}
    when: {ended_by: host, then: go to look}
  - {step: constant_current, direction: charge, current: 1 mA/cm2, until: {time: 1 h}}
  - {step: rest, name: look, until: {time: 10 h, drift_below: 20 mV/h}}
"""
_BEHIND = """    until:
      - {cycles: 4}
      - {time: 1 h, then: hold}
"""
_MARKED = "guards: {short: {policy: mark, reason: the collapse ends the plating}}\n"


@pytest.mark.parametrize(
    "trouble", ["none", "silence", "restart in silence", "restart in the step", "restart behind it"]
)
async def test_plating_ends_when_its_voltage_collapses_whatever_comes_between(store: Store, trouble: str) -> None:
    """The step is stopped and confirmed, all its records are stored, and the run goes to the step that it names."""
    request_ = request(_COLLAPSES, "bare-li-li", _MARKED)
    async with open_rig(cells={CHANNEL: "bare-li-li"}) as rig:
        async with serving(rig, store) as service:
            run = service.submit(request_, "ada")
            await asyncio.sleep(900.0)
            if "silence" in trouble:
                rig.tester.faults.before("stop", lambda *_: rig.bench.wire.spoil(Fault(Spoil.SILENT, None, None)))
            if trouble != "restart in the step":
                rig.bench.tester.short_cell(CHANNEL, 1.0)
                await until(lambda: bool(told(store, run, EventKind.HOST_END)), 600.0, 1.0)
            if "silence" in trouble:
                await until(lambda: run.state is RunState.UNKNOWN, 6000.0)
                assert "not confirmed" in run.reason
                rig.tester.faults.mend()
                if trouble == "silence":
                    rig.bench.wire.mend()
            elif trouble == "restart behind it":
                await until(lambda: bool(told(store, run, EventKind.SEGMENT_ENDED)), 600.0, 0.1)
            if not trouble.startswith("restart"):
                await until(lambda: run.state.is_over)
        if trouble == "restart in the step":
            rig.bench.tester.short_cell(CHANNEL, 1.0)
        if trouble.startswith("restart"):
            rig.bench.wire.mend()
            await asyncio.sleep(600.0)
            async with serving(rig, store) as service:
                await until(lambda: bool(service.runs) and service.runs[-1].state.is_over)
                run = service.runs[-1]
        assert (state(run), run.reason) == (RunState.COMPLETED, "program finished")
        assert [test.segment for test in store.tests(run.run_id)] == [0, 2]
        assert [it["segment"] for it in told(store, run, EventKind.SEGMENT_ENDED)] == [0, 2]
        (decided,) = told(store, run, EventKind.DECIDED)
        assert (decided["to"], decided["reason"]) == (2, "the step before ended by host")
        ended_by = [step["ended_by"] for step in details(store, run.run_id, 99)["steps"]]
        assert (ended_by[-1], ended_by.count("host"), ended_by.count("external")) == ("host", 2, 0)
        assert store.open_intents() == []
        check_rows(rig, store, run.run_id)


@pytest.mark.parametrize("restarts", [False, True])
async def test_condition_behind_a_spectrum_holds_the_run_and_leads_out_of_the_loop(
    station_rig: StationRig, store: Store, restarts: bool
) -> None:
    """Each pass ends with a measurement: the first holds once, the second leaves, also with another service."""
    text = RECIPE.replace("    times: 2\n    steps:\n      - step", f"    times: 3\n{_BEHIND}    steps:\n      - step")
    async with measuring_service(station_rig, store) as service:
        run = service.submit(eis_request(text=text), "ada")
        await until(lambda: run.state is RunState.HOLDING)
        assert run.reason.startswith("the recipe holds it behind segment 4: time ")
        if not restarts:
            await service.resume(run.run_id, "ada")
            await until(lambda: run.state.is_over)
    if restarts:
        async with measuring_service(station_rig, store) as service:
            await until(lambda: bool(service.runs))
            run = await service.resume(run.run_id, "bob")
            await until(lambda: run.state.is_over)
    assert state(run) is RunState.COMPLETED
    assert run.reason == "program finished: cycles 4, at least 4"
    assert [test.segment for test in store.tests(run.run_id)] == [0, 1, 2, 3, 4, 5]
    assert [it["then"] for it in told(store, run, EventKind.DECIDED)] == ["hold", "leave"]
    assert [it.cycle for it in store.measurements(run.run_id)] == [0, 2, 4]


async def test_titration_ends_where_its_pulse_meets_the_voltage(store: Store) -> None:
    """Pulses and rests follow each other without a contact check until a pulse ends by its voltage; then the charge."""
    steps = """
  - {step: constant_current, direction: charge, current: 4 C, until: {time: 6 min, voltage: 4.0 V}}
  - step: repeat
    times: 60
    steps:
      - step: constant_current
        direction: discharge
        current: 4 C
        until: {time: 3 min, voltage: 2.8 V}
        when: {ended_by: voltage}
      - {step: rest, until: {time: 2 min}}
  - {step: constant_current, direction: charge, current: 4 C, until: {time: 3 min, voltage: 4.0 V}}
"""
    async with open_rig(cells={CHANNEL: "bare-lfp"}) as rig, serving(rig, store) as service:
        run = service.submit(request(steps), "ada")
        await until(lambda: run.state.is_over)
        (decided,) = told(store, run, EventKind.DECIDED)
        assert decided["to"] == len(run.request.program.segments) - 1 > decided["segment"] + 40
        data = RunData(store, run.run_id)
        assert [cycle.cycle for cycle in data.cycles] == [1, 2]
        assert [it.cycle for test in store.tests(run.run_id) for it in store.cycles(test.id)] == [1, 2]
        assert data.cycles[0].discharge_end_reason is EndReason.VOLTAGE


async def test_pass_without_a_contact_check_is_resumed_behind_one(store: Store) -> None:
    """A hold in the second pass: the contact is checked before what is left of it, and steps and cycles go on."""
    half = "{time: 5 min}"
    steps = f"""
  - step: repeat
    times: 4
    until: {{cycles: 3}}
    steps:
      - {{step: constant_current, direction: discharge, current: 0.2 mA/cm2, until: {half}}}
      - {{step: constant_current, direction: charge, current: 0.2 mA/cm2, until: {half}}}
"""
    async with open_rig() as rig, serving(rig, store) as service:
        run = service.submit(request(steps, "coated-li-li", ""), "ada")
        await until(lambda: run.progress.index == 1 and run.last is not None and run.last.step_count == 2)
        await service.hold(run.run_id, "ada")
        await service.resume(run.run_id, "ada")
        await until(lambda: run.state.is_over)
        tests = store.tests(run.run_id)
        assert [(test.segment, len(store.steps(test.id))) for test in tests] == [(0, 4), (1, 2), (1, 4), (2, 2)]
        data = RunData(store, run.run_id)
        repeated = [step.place.is_repeated_check for step in data.steps]
        assert repeated == [False] * 6 + [True] * 3 + [False] * 3
        assert [cycle.cycle for cycle in data.cycles] == [1, 2, 3]
        assert [parts[0].place.half_cycle for parts in data.whole_steps][2:] == [1, 2, 3, 4, 5, 6]
        (decided,) = told(store, run, EventKind.DECIDED)
        assert (decided["segment"], decided["to"], decided["value"]) == (2, 4, 3.0)
        check_rows(rig, store, run.run_id)


@pytest.mark.parametrize(
    ("steps", "poll_s"), [(_FADES, 18.0), (_COLLAPSES, 30.0), (_CYCLE.replace("      -", "  -"), 600.0)]
)
def test_simulated_rack_is_polled_as_often_as_a_run_decides(steps: str, poll_s: float) -> None:
    """A cell that rests until the next poll is no healthy cell's test: passes of 30 min are looked at every 18 s."""
    cell, more = ("bare-li-li", _MARKED) if steps is _COLLAPSES else ("bare-lfp", CHARGED)
    program = request(steps.replace("THEN", "leave"), cell, more).program
    assert SimulatedRack().polled_for(program).poll_period_s == pytest.approx(poll_s)


def test_prompt_stops_no_simulated_run_and_refuses_a_real_one_that_nobody_attends(tmp_path: Path) -> None:
    """A trial goes on as if all was done at once; in the foreground of a real tester nobody could be asked."""
    recipe = tmp_path / "prompt.yaml"
    half = "  - {step: constant_current, direction: charge, current: 0.2 mA/cm2, until: {time: 1 min}}\n"
    head = HEAD.replace("KIND", "li-li")
    recipe.write_text(f"{head}{half}  - {{step: prompt, text: Turn the cell.}}\n{half}", "utf-8")
    order = ["run", str(recipe), "--cell", "coated-li-li", "--store", str(tmp_path / "s.db"), "--channel", CHANNEL]
    done = CliRunner().invoke(app, [*order, "--simulate", "--json"])
    assert json.loads(done.stdout)["state"] == "completed", done.output
    program = resolve(parse_recipe(recipe.read_text("utf-8")), load_cell("coated-li-li"))
    (why,) = station_problems(program, None, CHANNEL, attended=False)
    assert why == "The recipe asks somebody ('Turn the cell.'), and nobody is asked here: run it by 'cellrig serve'."
    assert station_problems(program, None, CHANNEL, attended=True) == []


_RESISTS = """
  - step: repeat
    times: 2
    until: {resistance_above: 1 ohm, then: end}
    steps:
      - {step: constant_current, direction: charge, current: 0.2 mA/cm2, until: {time: 20 min}}
      - {step: constant_current, direction: discharge, current: 0.2 mA/cm2, until: {time: 20 min}}
      REST
"""
_AFTER_REST = "- {step: rest, until: {time: 1 h}}"
_CUT_BEFORE_REST = f"- {{step: rest, until: {{time: 20 min, drift_below: 1 uV/h}}}}\n      {_AFTER_REST}"


async def resistance_ohm(path: Path, steps: str, *, holds: bool) -> float:
    """Run passes that ask for a resistance, held in the rest behind the steps or not, and return what was found."""
    with open_store(path) as store:
        async with open_rig() as rig, serving(rig, store) as service:
            run = service.submit(request(steps, "bare-li-li", ""), "ada")
            await asyncio.sleep(4500.0)
            if holds:
                await service.hold(run.run_id, "ada")
                await service.resume(run.run_id, "ada")
            await until(lambda: run.state.is_over)
            (decided,) = told(store, run, EventKind.DECIDED)
            return float(decided["value"])


@pytest.mark.parametrize("rest", [_AFTER_REST, _CUT_BEFORE_REST])
async def test_resistance_is_that_of_the_step_and_of_no_contact_check_behind_it(tmp_path: Path, rest: str) -> None:
    """Neither the check of a resume nor a rest that is a segment of its own changes what a pass has shown."""
    steps = _RESISTS.replace("REST", rest)
    plain = await resistance_ohm(tmp_path / "1", _RESISTS.replace("REST", _AFTER_REST), holds=False)
    assert await resistance_ohm(tmp_path / "2", steps, holds=False) == pytest.approx(plain, rel=1e-3)
    assert await resistance_ohm(tmp_path / "3", steps, holds=True) == pytest.approx(plain, rel=1e-3)


_DRIFTS = """
  - {step: constant_current, direction: charge, current: 0.2 mA/cm2, until: {time: 2 min}}
  - {step: rest, until: {time: 20 min}, when: {drift_below: 5 mV/h, then: end}}
  - {step: rest, until: {time: 2 min}}
"""


async def drift_v_per_h(path: Path, *holds_s: float) -> float:
    """Run a rest whose drift is asked for, held after these times, and return the drift by which it was decided."""
    with open_store(path) as store:
        async with open_rig() as rig, serving(rig, store) as service:
            run = service.submit(request(_DRIFTS, "bare-li-li", ""), "ada")
            for wait_s in holds_s:
                await asyncio.sleep(wait_s)
                await service.hold(run.run_id, "ada")
                await service.resume(run.run_id, "ada")
            await until(lambda: run.state.is_over, step_s=60.0)
            (decided,) = told(store, run, EventKind.DECIDED)
            return float(decided["value"])


async def test_drift_is_that_of_the_rest_and_not_of_what_a_resume_has_left_of_it(tmp_path: Path) -> None:
    """A contact check behind a hold relaxes in the last minute: the drift is that of a part as long as its window."""
    whole = await drift_v_per_h(tmp_path / "1")
    for holds_s in (1280.0,), (1280.0, 30.0):
        held = await drift_v_per_h(tmp_path / "-".join(map(str, holds_s)), *holds_s)
        assert held == pytest.approx(whole, abs=1e-4)


async def test_resistance_and_drift_are_those_of_the_steps_before(store: Store) -> None:
    """The change of voltage by that of current, and the slope of the rest, as the records of the run have them."""
    steps = """
  - step: constant_current
    direction: charge
    current: 0.2 mA/cm2
    until: {time: 10 min}
    when:
      - {resistance_below: 10 ohm, then: hold}
      - {resistance_above: 100 ohm, then: go to rest}
  - {step: constant_current, direction: discharge, current: 0.2 mA/cm2, until: {time: 10 min}}
  - {step: rest, name: rest, until: {time: 1 h}, when: {drift_below: 1 mV/h, then: end}}
  - {step: constant_current, direction: discharge, current: 0.2 mA/cm2, until: {time: 10 min}}
"""
    async with open_rig() as rig, serving(rig, store) as service:
        run = service.submit(request(steps, "coated-li-li", ""), "ada")
        await until(lambda: run.state.is_over)
        resistance, drift = told(store, run, EventKind.DECIDED)
        first, second = store.tests(run.run_id)
        before, step = store.steps(first.id)[-2:]
        ends = [next(store.samples(first.id, after=it.last_sequence - 1, limit=1)) for it in (before, step)]
        ohm = (ends[1].voltage_v - ends[0].voltage_v) / (ends[1].current_a - ends[0].current_a)
        assert (resistance["value"], resistance["to"]) == (pytest.approx(ohm, rel=1e-9), 2)
        assert ohm == pytest.approx(step.resistance_ohm, rel=0.2)
        late = [it for it in store.samples(second.id) if it.time_s >= 1800.0]
        slope = (late[-1].voltage_v - late[0].voltage_v) / (late[-1].time_s - late[0].time_s) * 3600
        assert drift["value"] == pytest.approx(abs(slope), abs=2e-4)
        assert run.reason.startswith("program finished: drift of the rest")
