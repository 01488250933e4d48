"""Random sound recipes on the simulated rack: each run keeps inside the bounds that were proven of its program."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.clock.virtual import run_virtual
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store, open_store
from protocols.current_sign import Direction
from protocols.program_steps import recorded
from protocols.proof import Proof, prove
from tests.rig import CHANNEL, open_rig
from tests.slips.recipe_maker import CELLS, made_recipe, text_of
from tests.slips.slips import program_of

SEARCHED = int(os.environ.get("CELLRIG_PROVEN_RUNS", "3"))
"""How many recipes are run; a search runs 10000: ``CELLRIG_PROVEN_RUNS=10000 pytest tests/test_proven_runs.py``."""
FIRST = int(os.environ.get("CELLRIG_PROVEN_FIRST", "1"))
# A tester looks for the end of a step ten times a second, and its records round charges to 0.1 uAh.
_LATE_S = 1.0
_ROUNDED_AH = 2e-7


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEARCHED))
def test_a_run_keeps_inside_the_bounds_of_its_proof(seed: int, tmp_path: Path) -> None:
    """Steps, times, charges, currents and voltages of what ran are those that were proven, or less."""
    doc = made_recipe(seed)
    kind = doc["for"][0]
    program = program_of(text_of(doc), kind)
    proof = prove(program)
    assert isinstance(proof, Proof)

    async def main(store: Store) -> RunState:
        async with open_rig(cells={CHANNEL: CELLS[kind]}, seed=seed, power_per_w=1e3, resistance_per_ohm=1e3) as rig:
            (run,) = await Supervisor(store, rig.tester).run([RunRequest(program, CHANNEL, "mine")])
            return run.state

    with open_store(tmp_path / "store.sqlite") as store:
        state = run_virtual(main(store))
        assert state is RunState.COMPLETED, store.events("R000001")[-1].message
        steps = [step for test in store.tests("R000001") for step in store.steps(test.id)]
        samples = [sample for test in store.tests("R000001") for sample in store.samples(test.id)]
    assert len(steps) <= proof.steps
    took_s = sum(step.duration_s for step in steps)
    late_s = _LATE_S * len(steps)
    assert proof.shortest_s - late_s <= took_s <= proof.longest_s + late_s
    slack_ah = _ROUNDED_AH + proof.largest_current_a * _LATE_S / 3600
    assert max(step.capacity_ah for step in steps) <= proof.step_charge_ah + slack_ah
    written = program.cycling[0].steps
    signs = {number: -1 if step.direction is Direction.DISCHARGE else 1 for number, step in recorded(written)}
    net_ah = sum(step.capacity_ah * signs[step.step] for step in steps)
    low_ah, high_ah = proof.net_charge_ah
    assert low_ah - slack_ah * len(steps) <= net_ah <= high_ah + slack_ah * len(steps)
    assert max(abs(sample.current_a) for sample in samples) <= proof.largest_current_a * 1.01
    assert min(sample.voltage_v for sample in samples) >= proof.voltage.low_v
    assert max(sample.voltage_v for sample in samples) <= proof.voltage.high_v
