"""Recipes longer or deeper than a tester's program: parted behind rests, run as several tests, or refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store
from orchestrator.tables.run_data import RunData
from protocols import ChannelEnvelope, CurrentRange, Program, load_cell, parse_recipe, problems, resolve
from protocols.errors import ResolveError
from protocols.execution_order import flow
from protocols.pieces import SEGMENTS_MAX
from protocols.program_steps import Loop, Purpose, Rest, depth
from protocols.proof import Proof, prove
from protocols.step_names import StepNames
from tests.rig import CHANNEL, open_rig
from tests.service_rig import check_rows, serving, state

_HEAD = "name: mine\ntitle: Mine\nfor: [li-li]\nrecord: {every: 60 s}\nsteps:\n"
_CHANNEL = ChannelEnvelope(-5.0, 5.0, (CurrentRange(1e-6, 1.0),))


async def until(done: Callable[[], bool]) -> None:
    """Wait until something is so, an hour of the rack's time at most."""
    async with asyncio.timeout(3600.0):
        while True:
            if done():
                return
            await asyncio.sleep(10.0)


def _leaf(way: str, time: str, current: str = "0.5 mA/cm2") -> str:
    ends = f"{{time: {time}, voltage: {'0.4 V' if way == 'charge' else '-0.4 V'}}}"
    return f"{{step: constant_current, direction: {way}, current: {current}, until: {ends}}}"


def _rest(time: str) -> str:
    return f"{{step: rest, until: {{time: {time}}}}}"


def _ramp(count: int, *steps: str) -> str:
    """Give steps written once for each of ``count`` currents."""
    values = f"{{j: from 0.101 to {0.1 + count / 1000:.3f} in steps of 0.001 mA/cm2}}"
    lines = "".join(f"      - {step}\n" for step in steps)
    return f"  - step: for_each\n    values: {values}\n    steps:\n{lines}"


def _nested(times: list[int], *steps: str) -> str:
    lines = [f"- {step}" for step in steps]
    for count in reversed(times):
        lines = ["- step: repeat", f"  times: {count}", "  steps:", *(f"  {line}" for line in lines)]
    return "".join(f"  {line}\n" for line in lines)


def _program(steps: str) -> Program:
    return resolve(parse_recipe(_HEAD + steps), load_cell("bare-li-li"))


def _executed(program: Program) -> Iterator[float | None]:
    """Yield the set time of each step as the tester executes it, of the recipe only."""
    for segment in program.cycling:
        for place in flow(segment.steps):
            step = segment.steps[place.step - 1]
            if not isinstance(step, Loop) and step.purpose is Purpose.RECIPE:
                yield step.until.time_s


_CYCLE = (_leaf("charge", "1 min", "$j"), _leaf("discharge", "1 min", "$j"), _rest("1 min"))


_PULSES = (*(_leaf("charge", "1 s", "$j"), _leaf("discharge", "1 s", "$j")) * 37, _rest("1 min"))


async def test_six_hundred_steps_run_as_several_tests_without_a_hole_in_the_cycles(store: Store) -> None:
    """The rack gets three programs that it can hold; what it executes and numbers is what one program would give."""
    program = _program(_ramp(8, *_PULSES))
    async with open_rig(cells={CHANNEL: "bare-li-li"}) as rig, serving(rig, store) as service:
        run = service.submit(RunRequest(program, CHANNEL, "ramp"), "ada")
        await until(lambda: run.state.is_over)
        assert state(run) is RunState.COMPLETED
        assert [test.segment for test in store.tests(run.run_id)] == [0, 1, 2]
        assert [it.cycle for test in store.tests(run.run_id) for it in store.cycles(test.id)] == list(range(1, 297))
        assert len(RunData(store, run.run_id).steps) == 602  # with two contact checks
        check_rows(rig, store, run.run_id)


async def test_run_cut_in_a_later_part_goes_on_in_it(store: Store) -> None:
    """A service that comes back takes up the second program of a recipe of four loops in one another."""
    pair = [_leaf(way, "1 s") for way in ("charge", "discharge")]
    body = _nested([2, 2, 2], *pair) + "".join(f"  - {step}\n" for step in (*pair * 20, _rest("1 min")))
    program = _program("  - step: repeat\n    times: 6\n    steps:\n" + indent(body, "    "))
    assert len(program.segments) == 2
    async with open_rig(cells={CHANNEL: "bare-li-li"}) as rig:
        async with serving(rig, store) as service:
            run = service.submit(RunRequest(program, CHANNEL, "nested"), "ada")
            await until(lambda: run.progress.index == 1 and run.last is not None and run.last.step_count > 9)
        async with serving(rig, store) as service:
            await until(lambda: bool(service.runs) and all(run.state.is_over for run in service.runs))
            assert [state(run) for run in service.runs] == [RunState.COMPLETED]
        assert [it.cycle for test in store.tests(run.run_id) for it in store.cycles(test.id)] == list(range(1, 169))


def test_parts_are_what_a_tester_holds_and_end_with_whole_rests() -> None:
    """Each part fits, only the first checks the contact, each but the last ends with a rest; the proof still holds."""
    program = _program(_ramp(200, *_CYCLE))
    assert len(program.segments) == 3
    assert problems(program, _CHANNEL) == []
    assert isinstance(prove(program), Proof)
    assert [len(segment.checks_on_resume) for segment in program.cycling] == [0, 2, 2]
    assert all(isinstance(segment.steps[-1], Rest) for segment in program.cycling)
    names = StepNames(program, parse_recipe(_HEAD + _ramp(200, *_CYCLE)))
    assert names.of(2, len(program.cycling[2].steps)) == "rest 200"


def test_long_rests_are_where_a_program_is_parted() -> None:
    """A rest of an hour is taken before those of a minute behind it."""
    cycles = _ramp(70, *_CYCLE)
    program = _program(f"{cycles}  - {_rest('1 h')}\n{cycles}")
    last = program.cycling[0].steps[-1]
    assert isinstance(last, Rest)
    assert last.until.time_s == 3600.0


def test_passes_of_a_loop_that_is_written_out_share_their_steps() -> None:
    """A hundred passes that a program holds one of are a hundred parts, and all but the first share their steps."""
    body = [*(_leaf(way, "1 min") for way in ("charge", "discharge")), _rest("10 min")] * 20
    assert len(_program(_nested([100, 2, 2], *body)).segments) == 1
    program = _program(_nested([100, 2, 2, 2], *body))
    assert len(program.segments) == 100
    assert len(program.different_steps) == 2


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (_ramp(300, *_CYCLE[:2]), "holds 254, and is parted behind a rest of 60 s or more: between steps 1 and 254 "),
        (_ramp(200, *_CYCLE[:2], _rest("40 s")), "parted behind a rest of 60 s or more: between steps 1 and 254 there"),
        (_nested([90] * 4, *(_leaf(way, "1 min") for way in ("charge", "discharge"))), "put a rest of 60 s or more at"),
    ],
)
def test_program_without_a_rest_to_part_it_at_is_refused_with_where_one_would_help(steps: str, said: str) -> None:
    """Nothing is cut where no rest is, or where a short rest is a part of a pulse sequence."""
    program = _program(steps)
    assert len(program.segments) == 1
    (problem,) = problems(program, _CHANNEL)
    assert said in problem


def test_program_of_too_many_parts_is_refused() -> None:
    """Loops deep and long beyond what a run may hold are refused before they are written out."""
    with pytest.raises(ResolveError, match=f"parted into more than {SEGMENTS_MAX} programs of a tester"):
        _program(_nested([9000] * 5, _leaf("charge", "1 min"), _leaf("discharge", "1 min"), _rest("1 min")))


def test_decisions_lead_past_parts_to_where_they_led() -> None:
    """A condition behind a pass of many parts leaves its loop, and begins to count with the first of them."""
    inner = _ramp(200, *_CYCLE).replace("\n", "\n    ").rstrip() + "\n"
    loop = f"  - step: repeat\n    times: 3\n    until: {{cycles: 350}}\n    steps:\n    {inner}"
    program = _program(f"{loop}  - {_rest('1 h')}\n")
    places = [(index, it.to, it.since) for index, part in enumerate(program.segments) for it in part.after]
    assert places == [(2, 9, 0), (5, 9, 0), (8, 9, 0)]


def test_check_and_forecast_say_into_how_many_programs_a_recipe_is_parted(tmp_path: Path) -> None:
    """Both tell the count, the tester's limits and the seconds that the cell rests longer; and what no rest parts."""
    path = tmp_path / "mine.yaml"
    path.write_text(_HEAD + _ramp(200, *_CYCLE))
    for command in ("check", "forecast"):
        found = CliRunner().invoke(app, ["recipe", command, str(path), "--cell", "bare-li-li"])
        said = " ".join(found.output.split())
        assert "it is run as 3 programs, parted behind rests" in said, found.output
        assert "about 15 s longer" in said
    path.write_text(_HEAD + _ramp(300, *_CYCLE[:2]))
    found = CliRunner().invoke(app, ["recipe", "check", str(path), "--cell", "bare-li-li"])
    assert "note: no usual tester can run it. The program has 603 steps" in " ".join(found.output.split()), found.output


_Tree = tuple[int, list[Any]]  # how often, and what: trees, or minutes of a step, rests of even numbers
_trees = st.recursive(
    st.integers(1, 30),
    lambda inner: st.tuples(st.integers(1, 2), st.lists(inner, min_size=1, max_size=4)),
    max_leaves=8,
)


def _lines(tree: _Tree | int) -> list[str]:
    if isinstance(tree, int):
        return [f"- {_rest(f'{tree} min') if tree % 2 == 0 else _leaf('charge', f'{tree} min')}"]
    inside = [line for one in tree[1] for line in _lines(one)]
    return ["- step: repeat", f"  times: {tree[0]}", "  steps:", *(f"  {line}" for line in inside)]


def _walk(tree: _Tree | int) -> list[float]:
    return [tree * 60.0] if isinstance(tree, int) else [one for inner in tree[1] for one in _walk(inner)] * tree[0]


@settings(max_examples=10, deadline=None)
@given(st.lists(_trees, min_size=1, max_size=4), st.integers(1, 60))
def test_parted_program_executes_what_the_recipe_says_in_its_order(trees: list[Any], times: int) -> None:
    """Whatever the loops: what is executed is the recipe read step by step, and parts fit and end with rests."""
    tree = (times, [1, (2, [(2, [(2, trees)])]), *trees])
    program = _program("".join(f"  {line}\n" for line in _lines(tree)))
    assert list(_executed(program)) == _walk(tree)
    if len(program.segments) > 1:
        assert all(len(part.steps) < 254 and depth(part.steps) <= 3 for part in program.cycling)
        ends = [part.steps[place.step - 1] for part in program.cycling[:-1] for *_, place in [flow(part.steps)]]
        assert all(isinstance(end, Rest) for end in ends)
