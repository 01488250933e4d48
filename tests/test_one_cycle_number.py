"""One cycle number: what is shown live, read, listed by SQL and REST, and made of an older store is the same."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np

from orchestrator.api import pages
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store, open_store
from orchestrator.store.renumbering import renumber
from orchestrator.tables.run_data import RunData
from protocols.program import Loop, PoweredStep, Program
from tests.rig import CHANNEL, Rig, li_li_program
from tests.run_maker import CHARGE, CUTS_S, PROGRAM, SPECTRUM, RunMaker, cycling, program_of
from tests.segments import segment_of
from tests.service_rig import check_rows, serving, state

# Layout 0004, in which samples bore the tester's counter everywhere and a cycle had both halves.
FORGET = (
    "DROP VIEW sample_readable",
    "DROP VIEW step_readable",
    "ALTER TABLE sample RENAME COLUMN tester_cycle TO cycle",
    "ALTER TABLE step RENAME COLUMN tester_cycle TO cycle",
    "DROP TABLE cycle_begin",
    "CREATE VIEW sample_readable AS SELECT * FROM sample",
    "CREATE VIEW step_readable AS SELECT * FROM step",
    "DELETE FROM cycle WHERE charge_end_reason IS NULL OR discharge_end_reason IS NULL",
    "UPDATE cycle SET cycle = cycle + 100, coulombic_efficiency = 4.6",
    "UPDATE measurement SET cycle = 7",
    "DELETE FROM _sqlite_migrations WHERE name > '0005' AND name < '0007'",
)


def in_blocks() -> Program:
    """Give a formation, then blocks of two cycles with one slower cycle behind each, and a charge to store the cell."""
    program = li_li_program(half_cycle_s=240.0)
    (segment,) = program.cycling
    charge, discharge = (step for step in segment.steps[-3:] if isinstance(step, PoweredStep))
    pair = (charge, discharge)
    lead = segment.steps[:-3]
    first = len(lead) + 1
    steps = (*lead, *pair, Loop(first, 2), *pair, Loop(first + 3, 2), *pair, Loop(first + 3, 2), charge)
    return replace(program, segments=(replace(segment, steps=steps),))


async def test_number_is_one_in_every_place_of_a_run_in_blocks(rig: Rig, store: Store) -> None:
    """Through a hold and a killed service: status, steps, samples, SQL, REST and rows count 1 to 9 (some counted 5)."""
    shown: list[tuple[int, int]] = []
    run_id = ""
    for life in range(3):
        async with serving(rig, store) as service:
            if not run_id:
                run_id = service.submit(RunRequest(in_blocks(), CHANNEL, CHANNEL), "ada").run_id
            for _ in range(30 if life < 2 else 60):
                await asyncio.sleep(50.0)
                _, run = service.find(run_id)
                if run.last is not None and state(run) is RunState.RUNNING:
                    shown.append((run.test, run.update().cycle))
                    last = run.last.step_count
                    assert run.update().cycle == run.progress.cycle_of(last)
            if life == 0:
                await service.hold(run_id, "ada")
                await asyncio.sleep(100.0)
                await service.resume(run_id, "ada")
    assert store.run(run_id).state is RunState.COMPLETED
    data = RunData(store, run_id)
    assert len(data.tests) > 1
    read = data.columns("test", "sequence", "cycle")
    assert sorted(set(read["cycle"])) == list(range(1, 10))
    assert [cycle for _, cycle in shown] == sorted(cycle for _, cycle in shown)
    assert {cycle for _, cycle in shown} == set(range(1, 10))
    sql = "SELECT cycle FROM sample_readable WHERE run_id = ? ORDER BY test, sequence"
    assert np.array_equal([cycle for (cycle,) in store.connection.execute(sql, (run_id,))], read["cycle"])
    for kind, steps in ((pages.SAMPLES, read["cycle"]), (pages.STEPS, [step.place.cycle for step in data.steps])):
        table = pages.table(store, kind, run_id, 0, 0, 2000)
        at = table["columns"].index("cycle")
        assert np.array_equal([row[at] for row in table["rows"]], steps)
    stored = [row for test in data.tests for row in store.cycles(test.row.id)]
    assert stored == data.cycles
    assert [row.cycle for row in stored] == list(range(1, 10))
    assert [row.is_whole for row in stored] == [True] * 8 + [False]
    check_rows(rig, store, run_id)


def test_cycle_goes_on_behind_a_spectrum_in_its_middle(store: Store) -> None:
    """A spectrum between charge and discharge bears the cycle under way, and parts no cycle (it ended there)."""
    half = segment_of(CHARGE)
    program = program_of(cycling(1), SPECTRUM, half, SPECTRUM, cycling(1))
    data = RunData(store, RunMaker(store, program).run())
    spectra = [row.cycle for row in store.measurements(data.run.run_id)]
    assert spectra == [1, 2]
    assert [(row.cycle, row.charge_capacity_ah and row.charge_capacity_ah / 2e-3 * 60) for row in data.cycles] == [
        (1, 1.0),
        (2, 2.0),
    ]


def test_older_store_is_numbered_anew(tmp_path: Path) -> None:
    """Cut runs with spectra and a half at the end have the numbers of today; the records are as they were."""
    path = tmp_path / "old.db"
    halves = program_of(cycling(2), SPECTRUM, segment_of(CHARGE))
    with open_store(path) as store:
        runs = [RunMaker(store, PROGRAM).run(CUTS_S), RunMaker(store, halves).run()]
        for run_id in runs:
            store.set_run_state(run_id, RunState.COMPLETED.value, "", 0.0)
        renumber(store.connection)
        wanted = seen(store, runs)
        assert not store.cycles(store.tests(runs[1])[-1].id)[-1].is_whole
        with store.transaction() as connection:
            for statement in FORGET:
                connection.execute(statement)
    with open_store(path) as store:
        assert seen(store, runs) == wanted


def seen(store: Store, runs: list[str]) -> dict[str, list[object]]:
    """Give all that bears a cycle number, and the samples."""
    sql = "SELECT test, sequence, cycle FROM sample_readable ORDER BY test, sequence"
    tests = [test.id for run_id in runs for test in store.tests(run_id)]
    return {
        "cycles": [row for test in tests for row in store.cycles(test)],
        "read": [row for run_id in runs for row in RunData(store, run_id).cycles],
        "spectra": [row.cycle for run_id in runs for row in store.measurements(run_id)],
        "shown": list(store.connection.execute(sql)),
        "samples": [sample for test in tests for sample in store.samples(test)],
    }


def test_run_that_cannot_be_read_keeps_its_rows(store: Store) -> None:
    """A program of another day does not keep a store from being opened, nor other runs from their numbers."""
    made = [RunMaker(store, PROGRAM).run() for _ in range(2)]
    renumber(store.connection)
    first, second = ([test.id for test in store.tests(run_id)] for run_id in made)
    with store.transaction() as connection:
        connection.execute("UPDATE run SET program_json = '{}' WHERE run_id = ?", (made[0],))
        connection.execute("UPDATE cycle SET cycle = cycle + 100")
        renumber(connection)
    assert [row.cycle for test in first for row in store.cycles(test)] == [101, 102, 103, 104, 105]
    assert [row.cycle for test in second for row in store.cycles(test)] == [1, 2, 3, 4, 5]
