"""Simulated switches that are wired and isolate otherwise than the bench file says, and what must be found of each."""

from __future__ import annotations

import asyncio

from benchmarks.commissioning.draws import Flips, Switches, misses
from benchmarks.commissioning.resistor import CHANNEL, MOST_A, OHM, LoggedResistor, Operator
from drivers.interfaces import Isolation
from drivers.mux import RelayMultiplexer, RelayMuxSettings, streams
from orchestrator.bench.simulated import SimulatedRack, open_simulated_chi, open_simulated_rack
from orchestrator.clock.virtual import wall_time
from orchestrator.commissioning.mux import QUESTIONS, SwitchHands
from orchestrator.commissioning.procedure import commission
from orchestrator.commissioning.progress import Progress, Setup
from orchestrator.commissioning.questions import Asked, Outcome
from simulators.memory_streams import connect_memory
from simulators.mux.server import SimulatedMux

PORT, OTHER, FREE = 3, 4, 1
"""The port of the resistor by the bench file, that of another cell, and one to which nothing is wired by it."""
NEIGHBOURS = {"cell": (5.0, 3.3), "symmetric cell": (5.0, 0.0)}
SWITCHES: Switches = {
    "isolating": (True, False),
    "said": ("yes", "no", "unknown"),
    "wired_to": (PORT, OTHER),
    "at_the_free_port": ("nothing", *NEIGHBOURS),
    "welded": (False, True),
}
"""Whether the tester's leads are taken off, what the bench file says, where the wires are, and what is at a free port;
``welded``: with no port closed the leads still reach another cell."""
_NEIGHBOUR = "21-1-4"
_ROUNDING = 1.0 + 1e-9


async def missed(flips: Flips) -> tuple[list[str], float]:
    """Commission one switch; return what was not found or is left on, and the largest current of any cell."""
    resistor = LoggedResistor(OHM)
    neighbour = LoggedResistor(*NEIGHBOURS.get(flips["at_the_free_port"], NEIGHBOURS["symmetric cell"]))
    async with (
        open_simulated_rack(SimulatedRack()) as (tester, bench),
        open_simulated_chi(bench, "chi660e") as (chi, build),
    ):
        bench.tester.swap_cell(CHANNEL, resistor)
        bench.tester.swap_cell(_NEIGHBOUR, neighbour)

        def reach(port: int | None) -> None:
            at = {flips["wired_to"]: CHANNEL, OTHER if flips["wired_to"] == PORT else PORT: _NEIGHBOUR}
            if flips["at_the_free_port"] != "nothing":
                at[FREE] = _NEIGHBOUR
            there = at.get(port) if port else _NEIGHBOUR if flips["welded"] else None
            bench.clip(there, isolating=flips["isolating"])

        relays = SimulatedMux(4, reach)
        reach(None)
        wired = {str(PORT): CHANNEL, str(OTHER): _NEIGHBOUR, "2": "21-1-2"}
        mux = RelayMuxSettings(
            port="memory", identity="RM0001", ports=4, channels=wired, isolates_tester=Isolation(flips["said"])
        )

        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            return connect_memory(relays.handle)

        switch = RelayMultiplexer(mux, streams(mux.name, connect))
        hands = SwitchHands(
            chi, build, Operator(), OHM, MOST_A, wall_time,
            switch=switch, ports=4, wired=[int(port) for port in wired], tester=tester, channel=CHANNEL, port=PORT,
        )  # fmt: skip
        progress = Progress(None, Setup(mux.name, "mux", CHANNEL, OHM, MOST_A))
        try:
            asked = await commission(QUESTIONS, hands, Operator(), progress, wall_time)
        finally:
            await switch.close()
        wrong = _wrong(flips, asked)
        if relays.relays.closed or bench.leads.is_driven:
            wrong.append("a port is closed, or the leads are driven, behind the last question")
        return wrong, max(resistor.most_a, neighbour.most_a) / _ROUNDING


def _wrong(flips: Flips, asked: list[Asked]) -> list[str]:
    ended = {one.question: one.found.outcome for one in asked}
    fault = flips["wired_to"] != PORT or flips["welded"] or flips["at_the_free_port"] != "nothing"
    if fault:
        port = ended.get("port")
        # A cell in the place of the resistor is not even asked with a current.
        seen = port in (Outcome.WRONG, Outcome.UNDECIDED) and asked[-1].question == "port"
        return [] if seen else [f"port is {port}: {asked[-1].found.concluded}"]
    truth = "yes" if flips["isolating"] else "no"
    return misses(asked, {"isolates_tester": truth}, {"isolates_tester": None if truth == flips["said"] else truth})
