"""The reservoir method of Li/Cu cells: each part in its place, and its efficiency by the formula."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.interfaces import EndReason
from orchestrator.analysis.reservoir import ReservoirTest, reservoir_tests
from orchestrator.analysis.summary import details, summarize
from orchestrator.judging.cycles import EfficiencyOf
from orchestrator.judging.steps import ExecutedStep
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store
from orchestrator.tables.run_data import RunData
from protocols.execution_order import flow
from protocols.loading import load_cell, parse_recipe
from protocols.program import CellFacts, ConstantCurrent, Loop, Program, Rest, Step, Until
from protocols.resolve import resolve
from tests.command_line import cellrig
from tests.rig import CHANNEL, open_rig
from tests.run_maker import program_of
from tests.segments import segment_of
from tests.service_rig import serving
from tests.terminal_rack import LI_CU

CU = CellFacts("cu", "li-cu", area_cm2=1.0)
FULL, SET, TIME, CUT = EndReason.VOLTAGE, EndReason.CAPACITY, EndReason.TIME, EndReason.EXTERNAL
REST = Rest(Until(time_s=60.0))
Ran = list[tuple[float, EndReason]]


def plate(mah: float) -> ConstantCurrent:
    """Give a plating at 1 mA of a set charge."""
    return ConstantCurrent(-1e-3, Until(capacity_ah=mah / 1e3, voltage_v=-0.4))


def strip(mah: float | None = None, hours: float | None = None) -> ConstantCurrent:
    """Give a strip at 1 mA to 1 V, of a set charge, for a set time, or whole."""
    charge_ah = None if mah is None else mah / 1e3
    return ConstantCurrent(1e-3, Until(capacity_ah=charge_ah, time_s=hours and hours * 3600, voltage_v=1.0))


def found(store: Store, steps: list[Step], ran: Ran, kind: str = "li-cu") -> list[ReservoirTest]:
    """Write a run whose powered steps passed these charges (mAh) and ended so, and read its reservoir tests."""
    program = replace(program_of(segment_of(*steps)), cell=replace(CU, kind=kind))
    run_id = store.add_run(
        recipe="made",
        cell="cu",
        channel="27-1-3",
        program_json=program.to_json(),
        program_sha256=program.sha256,
        created_unix_s=0.0,
    )
    test = store.add_test(
        run_id=run_id,
        segment=0,
        instrument="made",
        channel="27-1-3",
        tester_test_id=1,
        barcode=run_id,
        started_unix_s=0.0,
        program_json=program.cycling[0].to_json(),
    )
    store.add_steps(test, executed(program, ran))
    return reservoir_tests(RunData(store, run_id))


def executed(program: Program, ran: Ran) -> list[ExecutedStep]:
    """Give the executed steps of a program, as far as their powered ones have run."""
    done, left = [], list(ran)
    for count, there in enumerate(flow(program.cycling[0].steps), 1):
        mah, why = (0.0, TIME) if isinstance(program.cycling[0].steps[there.step - 1], Rest) else (-1.0, TIME)
        if mah < 0:
            if not left:
                break
            mah, why = left.pop(0)
        times = (count * 10.0, 10.0, mah / 1e3, 0.0, 0.1, 1.0)
        done.append(ExecutedStep(count, there.step, there.cycle, "x", *times, why, count, count))
    return done


# First plating and strip, a reservoir of 5 mAh, three cycles of 1 mAh, the last strip.
METHOD: list[Step] = [REST, plate(5), strip(), plate(5), strip(1), plate(1), Loop(5, 3), strip()]
RAN: Ran = [(5, SET), (4.5, FULL), (5, SET), *[(1, SET)] * 6, (4.8, FULL)]


def test_efficiency_is_that_of_the_formula_and_each_part_is_in_its_place(store: Store) -> None:
    """(n Qc + Qs) / (n Qc + Qr); the first plating, which forms the film, has no part in it."""
    (test,) = found(store, METHOD, RAN)
    assert test.efficiency == pytest.approx((3 * 1 + 4.8) / (3 * 1 + 5))
    assert [(one.cycle, one.plated_ah, one.stripped_ah) for one in test.conditioning] == [(1, 5e-3, 4.5e-3)]
    assert (test.reservoir_cycle, test.reservoir_ah, test.n, test.set_ah) == (2, 5e-3, 3, 1e-3)
    assert (test.cycled_plated_ah, test.cycled_stripped_ah) == pytest.approx((3e-3, 3e-3))
    assert (test.final_cycle, test.final_strip_ah, test.final_strip_ended_by) == (5, 4.8e-3, FULL)
    assert test.remarks == ()


@pytest.mark.parametrize(
    ("steps", "ran", "n", "efficiency"),
    [
        # One cycle, no first plating.
        ([plate(5), strip(1), plate(1), strip()], [(5, SET), (1, SET), (1, SET), (4.9, FULL)], 1, 5.9 / 6),
        # Cycles that plate first: the reservoir and the first plating have one direction, and are told apart.
        (
            [plate(5), REST, plate(1), strip(1), Loop(3, 2), strip()],
            [(5, SET), *[(1, SET)] * 4, (4.9, FULL)],
            2,
            6.9 / 7,
        ),
        # Cycles set by time, with rests; a reservoir in stages; a last strip at two currents.
        (
            [plate(2), REST, Loop(1, 3), strip(hours=1), REST, plate(1), REST, Loop(4, 2), strip(), strip()],
            [*[(2, SET)] * 3, *[(1, TIME), (1, SET)] * 2, (5.5, FULL), (0.3, FULL)],
            2,
            7.8 / 8,
        ),
        # Two first cycles.
        (
            [plate(1), strip(), Loop(1, 2), plate(5), strip(1), plate(1), Loop(5, 2), strip()],
            [*[(1, SET), (0.9, FULL)] * 2, (5, SET), *[(1, SET)] * 4, (4.9, FULL)],
            2,
            6.9 / 7,
        ),
    ],
)
def test_variants_of_the_method_are_told_by_their_program(
    store: Store, steps: list[Step], ran: Ran, n: int, efficiency: float
) -> None:
    """Any number of cycles, either half first, by charge or time, in stages, with rests."""
    (test,) = found(store, steps, ran)
    assert test.n == n
    assert test.efficiency == pytest.approx(efficiency)
    assert test.remarks == ()


def test_several_reservoirs_of_a_run_are_apart(store: Store) -> None:
    """The whole method in an outer loop gives its efficiency each time."""
    first, second = found(store, [*METHOD, Loop(2, 2)], [*RAN, *RAN[:-1], (4.0, FULL)])
    assert (first.efficiency, second.efficiency) == pytest.approx((7.8 / 8, 7.0 / 8))
    assert [one.cycle for one in second.conditioning] == [6]


@pytest.mark.parametrize(
    ("ran", "efficiency", "remark"),
    [
        (RAN[:-1], None, "has not run"),
        (RAN[:6], None, "has not run"),
        ([*RAN[:-1], (2.0, CUT)], None, "from outside"),
        ([*RAN[:-1], (4.5, TIME)], 7.5 / 8, "its set time, not by its voltage: lithium may be left"),
        ([RAN[0], (4.5, TIME), *RAN[2:]], 7.8 / 8, "strip before the reservoir was ended by its set time"),
        ([*RAN[:7], (0.4, FULL), (1, SET), (0.9, FULL)], 3.3 / 8, "cycle 4 a strip met its voltage after 0.4 of 1 mAh"),
    ],
)
def test_what_a_figure_does_not_say_is_said_beside_it(
    store: Store, ran: Ran, efficiency: float | None, remark: str
) -> None:
    """No efficiency before the last strip; one that was cut by time, or a reservoir that was used up, is named."""
    (test,) = found(store, METHOD, ran)
    assert test.efficiency == (efficiency and pytest.approx(efficiency))
    assert len(test.remarks) == 1
    assert remark in test.remarks[0]


@pytest.mark.parametrize(
    ("steps", "ran", "kind"),
    [
        (METHOD, RAN, "other"),
        ([plate(1), strip(), Loop(1, 3)], [(1, SET), (0.9, FULL)] * 3, "li-cu"),
        ([plate(5)], [(5, SET)], "li-cu"),
        ([plate(1), strip(1), Loop(1, 3)], [(1, SET)] * 6, "li-cu"),
    ],
)
def test_what_is_no_reservoir_test_has_none(store: Store, steps: list[Step], ran: Ran, kind: str) -> None:
    """Other cells, cycles that are stripped whole, one plating, and cycles as large as what was plated first."""
    assert found(store, steps, ran, kind) == []


def test_show_prints_each_part_in_its_place(store: Store) -> None:
    """``cellrig show`` has the last cycles, the parts of the method with their cycles, its efficiency and remarks."""
    found(store, METHOD, [RAN[0], (4.5, TIME), *RAN[2:]])
    shown = cellrig("show", "R000001", "--store", store.path, "--cycles", 2)
    assert shown.returncode == 0
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    for line in (
        "4 0.022 1.0000 1.0000 1.0000 1.0000 0.1000 0.1000 0.0000",
        "plating 1 1 5.0000 - -",
        "strip 1 1 - 4.5000 time",
        "reservoir 2 5.0000 - -",
        "3 cycles of 1 mAh - 3.0000 3.0000 -",
        "final strip 5 - 4.8000 voltage",
        "Reservoir test: mean efficiency 97.5 %",
    ):
        assert line in lines, shown.stdout
    assert "the strip before the reservoir was ended by its set time" in shown.stdout


async def test_a_plated_cell_has_the_efficiency_that_its_charges_give(store: Store, tmp_path: Path) -> None:
    """On copper in a simulated tester: the pairs in the middle have no efficiency, the method and the first pair do."""
    program = resolve(parse_recipe(LI_CU), load_cell("conditioned-li-cu"))
    async with open_rig(cells={CHANNEL: "conditioned-li-cu"}) as rig, serving(rig, store) as service:
        run = service.submit(RunRequest(program, CHANNEL, CHANNEL), "ada")
        await asyncio.sleep(1800)
    assert run.state is RunState.COMPLETED
    data = RunData(store, run.run_id)
    assert [cycle.is_whole for cycle in data.cycles] == [True] * 5
    assert [cycle.efficiency_of for cycle in data.cycles] == [EfficiencyOf.CHARGE_BY_DISCHARGE, *[None] * 4]
    (test,) = reservoir_tests(data)
    passed = {
        way: sum(s.executed.capacity_ah for s in data.steps[2:] if s.executed.mode == way) for way in ("cc", "dc")
    }
    assert test.efficiency == pytest.approx(passed["cc"] / passed["dc"])
    assert 0.5 < (test.efficiency or 0.0) < 1.0
    assert summarize(store, run.run_id).reservoir_efficiency_percent == 100 * (test.efficiency or 0.0)
    shown = details(store, run.run_id, 5, 2)
    assert [row["cycle"] for row in shown["cycles"]] == [4, 5]
    assert shown["reservoir"][0]["efficiency"] == test.efficiency
