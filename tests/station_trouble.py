"""Links that break at one very moment, for tests of runs that measure."""

import asyncio
from collections.abc import Callable

from orchestrator.store import Store
from tests.rig import CHANNEL
from tests.station_rig import StationRig

HALF_AH = 0.2e-3 * 0.7854 * 20 / 60


async def happens(holds: Callable[[], bool], every_s: float = 0.5) -> None:
    """Wait until something holds."""
    while True:
        if holds():
            return
        await asyncio.sleep(every_s)


def clipped(rig: StationRig) -> str | None:
    """Give the channel whose cell is on the potentiostat's leads now."""
    return rig.bench.leads.channel


def is_driven(rig: StationRig) -> bool:
    """Tell whether the tester has a program on the channel."""
    return bool(rig.bench.tester.channel(CHANNEL).busy)


def half_cycles(store: Store, run_id: str) -> float:
    """Give the charge that a run has passed, in half-cycles of its recipe."""
    return store.charge_passed_ah(run_id) / HALF_AH
