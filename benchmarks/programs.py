"""The program that benchmarks run on the simulated rack: the paper's Li/Li cycling, but with a record every second."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.store import Store
from protocols.loading import load_cell, load_recipe
from protocols.program import Loop, Program, Record
from protocols.resolve import resolve

CELL = "coated-li-li"
CHANNELS = tuple(f"21-1-{n}" for n in range(1, 9))
# What one request to a CT-4008 may bring.
BLOCK_SIZE = 1000
RECORDS_PER_CYCLE = 7200
"""Two half-cycles of an hour each."""


def seconds_program(cycles: int) -> Program:
    """Give the shipped recipe li-li-0.2 with so many cycles, recorded every second and on nothing else."""
    program = resolve(load_recipe("li-li-0.2"), load_cell(CELL))
    (segment,) = program.cycling
    steps = tuple(replace(step, times=cycles) if isinstance(step, Loop) else step for step in segment.steps)
    return replace(program, segments=(replace(segment, steps=steps, record=Record(every_s=1.0)),))


def add_test(store: Store, program: Program, channel: str) -> int:
    """Add a run with one test for a channel, so that samples have something to belong to; give the test's number."""
    run_id = store.add_run(
        recipe=program.recipe,
        cell=program.cell.name,
        channel=channel,
        program_json=program.to_json(),
        program_sha256=program.sha256,
        created_unix_s=0.0,
    )
    return store.add_test(
        run_id=run_id,
        segment=0,
        instrument="bare",
        channel=channel,
        tester_test_id=None,
        barcode=run_id,
        started_unix_s=0.0,
    )
