"""A commissioning of a switch finds its ports, and whether it takes the tester's leads off the cell."""

from __future__ import annotations

import asyncio

import pytest

from drivers.chi660e.potentiostat import Chi660ePotentiostat
from drivers.mux import RelayMultiplexer, RelayMuxSettings, streams
from orchestrator.clock.virtual import wall_time
from orchestrator.commissioning.mux import QUESTIONS, SwitchHands
from orchestrator.commissioning.procedure import commission
from orchestrator.commissioning.progress import Progress, Setup
from orchestrator.commissioning.questions import Asked, Outcome
from simulators.chi660e.launching import Launcher
from simulators.memory_streams import connect_memory
from simulators.mux.server import SimulatedMux
from tests.commissioning_rig import CHANNEL, MOST_A, OHM, LoggedResistor, Operator
from tests.station_rig import StationRig, open_station_rig

PORT = 3


async def _asked(rig: StationRig, *, isolating: bool, wired_to: int = PORT) -> list[Asked]:
    def reach(port: int | None) -> None:
        rig.bench.clip(CHANNEL if port == wired_to else None, isolating=isolating)

    relays = SimulatedMux(4, reach)

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return connect_memory(relays.handle)

    settings = RelayMuxSettings(port="memory", identity="RM0001", ports=4, channels={str(PORT): CHANNEL})
    launch = Launcher(rig.control, cfg=rig.cfg)
    switch = RelayMultiplexer(settings, streams(settings.name, connect))
    hands = SwitchHands(
        rig.settings,
        lambda changed: Chi660ePotentiostat(changed, wall_time, launch, None),
        Operator(),
        OHM,
        MOST_A,
        wall_time,
        switch=switch,
        ports=4,
        tester=rig.tester,
        channel=CHANNEL,
        port=PORT,
        wired=[PORT],
    )
    setup = Setup("relay-mux", "mux", CHANNEL, OHM, MOST_A)
    try:
        return await commission(QUESTIONS, hands, Operator(), Progress(None, setup), wall_time)
    finally:
        await switch.close()


@pytest.mark.parametrize("isolating", [True, False])
async def test_isolation_is_found_with_half_the_current(isolating: bool) -> None:
    """Whether the tester's leads stay on the cell is found by what the tester sees, with half of the current."""
    resistor = LoggedResistor(OHM)
    async with open_station_rig(by_hand=True) as rig:
        rig.bench.tester.swap_cell(CHANNEL, resistor)
        asked = await _asked(rig, isolating=isolating)
    assert [(one.question, one.found.outcome) for one in asked] == [(one.name, Outcome.FOUND) for one in QUESTIONS]
    assert asked[-1].found.facts == {"isolates_tester": "yes" if isolating else "no"}
    assert resistor.most_a <= 0.5 * MOST_A * (1 + 1e-9)


async def test_exchanged_wire_is_found() -> None:
    """A channel whose cell is at another port than the bench file says ends the commissioning."""
    async with open_station_rig(by_hand=True) as rig:
        rig.bench.tester.swap_cell(CHANNEL, LoggedResistor(OHM))
        asked = await _asked(rig, isolating=True, wired_to=PORT + 1)
    assert (asked[-1].question, asked[-1].found.outcome) == ("port", Outcome.WRONG)
