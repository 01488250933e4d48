"""How far a run is while it goes on: the cycle that people are shown is the one that is read from the store later."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.analysis.run_data import RunData
from orchestrator.judging.steps import ExecutedStep, StepBuilder
from orchestrator.runs.progress import Progress
from orchestrator.store import Store
from protocols.program import CyclingSegment
from tests.run_maker import CUTS_S, PROGRAM, RunMaker


@pytest.mark.parametrize("cuts_s", [(), CUTS_S])
def test_cycle_of_a_run_that_goes_on_is_the_one_read_later(store: Store, cuts_s: tuple[float, ...]) -> None:
    """Sample by sample through a spectrum and three resumptions (a resumed run was shown in its raw cycle 1 again)."""
    data = RunData(store, RunMaker(store, PROGRAM).run(cuts_s))
    read = data.columns("test", "cycle")
    judged: list[ExecutedStep] = []
    progress = Progress.at_start(PROGRAM)
    for test in data.tests:
        while progress.index < test.row.segment:
            progress.cycles.finish()
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
