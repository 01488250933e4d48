"""Runs that measure on a simulated rack: their recipes, and what tests wait for and check."""

from __future__ import annotations

import asyncio

from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import Store
from tests.rig import CHANNEL, same_rows, short_segment
from tests.station_rig import RECIPE, StationRig

OTHER = "21-1-5"
SLOW = RECIPE.replace("low: 1 Hz", "low: 10 mHz")
LFP = """
name: lfp-eis
title: A charge, then a spectrum
for: [lfp]
record: {every: 30 s}
potentiostat: {rest: 10 min, drift_per_min: 1 mV}
steps:
  - {step: constant_current, direction: charge, current: 200 mA/g, until: {time: 20 min, voltage: 4.0 V}}
  - {step: eis, high: 100 kHz, low: 1 Hz}
"""


async def start_by_hand(rig: StationRig) -> None:
    """Start another program on the channel, as a person at the tester's own program does."""
    loaded = await rig.tester.load(CHANNEL, short_segment(), "by-hand")
    await rig.tester.start(loaded, "by-hand")


def check_tests(rig: StationRig, store: Store, run_id: str) -> None:
    """Assert that every test of the tester is stored row for row."""
    for test in store.tests(run_id):
        if not test.is_measurement:
            same_rows(rig.bench, list(store.samples(test.id)), test.tester_test_id or 0, CHANNEL)


async def until(run: Run, *states: RunState, within_s: float = 200_000.0) -> None:
    """Wait for a run to be in one of these states."""
    async with asyncio.timeout(within_s):
        while True:
            if run.state in states:
                return
            await asyncio.sleep(10.0)


def state(run: Run) -> RunState:
    """Give a run's state as it is now."""
    return run.state
