"""The facts of a cell are those of its own run: a file that was weighed anew keeps its name."""

import json
from dataclasses import replace

from orchestrator.runs.request import RunRequest
from orchestrator.store import Store
from tests.rig import CHANNEL, li_li_program


async def test_each_run_refers_to_the_facts_with_which_it_was_ordered(store: Store) -> None:
    """Also where an earlier run has the same cell with other facts."""
    first = li_li_program(1)
    second = replace(first, cell=replace(first.cell, area_cm2=2.5))
    for program in (first, second, second, first):
        RunRequest(program, CHANNEL, "").add_to(store)
    kept = [{key: fact for key, fact in json.loads(row.facts_json).items() if fact is not None} for row in store.runs()]
    assert kept == [
        {key: fact for key, fact in json.loads(program.to_json())["cell"].items() if fact is not None}
        for program in (first, second, second, first)
    ]
    assert store.connection.execute("SELECT count(*) FROM cell").fetchone() == (3,)
