"""Serves a simulated oven to any client: Modbus TCP, RTU through TCP, or a serial port where there are terminals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from simulators.listening import listening
from simulators.mux.terminal import PseudoTerminal
from simulators.oven.controller import SimulatedController, oven_of
from simulators.oven.hands import HandsAtOven
from simulators.oven.line import LineQuirks, OvenLine
from simulators.oven.oven import SimulatedOven

_CATCH_UP_S = 0.5
"""How often the oven is brought to now when nobody asks, so that no question finds days to be computed."""


@dataclass(frozen=True, slots=True)
class ServedOven:
    """What is served: a controller of a model, and whether its TCP port speaks RTU frames as a serial server does.

    ``control`` is the port of the hands at the oven, 0 a free one, None for none.
    """

    model: str = "eurotherm-3216"
    unit: int | None = None
    speed: float = 1.0
    rtu: bool = False
    echo: bool = False
    control: int | None = None


async def serve_oven(
    served: ServedOven,
    host: str = "127.0.0.1",
    port: int = 502,
    announce: Callable[[str], None] = lambda address: None,
    announce_hands: Callable[[str], None] = lambda address: None,
    terminal: Path | None = None,
) -> None:
    """Serve an oven until cancelled.

    ``announce`` is called with ``host:port`` (port 0 picks a free one) once clients can connect, or with the path of
    ``terminal`` when a serial port of that name is asked for; ``announce_hands`` where
    the hands are.
    """
    if not served.speed > 0.0:
        raise ValueError(f"speed is {served.speed}, expected simulated seconds per real second above 0")
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    oven = oven_of(served.model, lambda: (loop.time() - start_s) * served.speed)
    line = OvenLine([SimulatedController(served.model, oven, served.unit)], LineQuirks(echo=served.echo))
    async with AsyncExitStack() as stack:
        hands = ""
        if served.control is not None:
            at_oven = listening(HandsAtOven(oven).handle, host, served.control)
            hands = (await stack.enter_async_context(at_oven)).address
        if terminal is not None:
            await stack.enter_async_context(PseudoTerminal(terminal, line.handle))
            announce(str(terminal))
        else:
            handle = line.handle if served.rtu else line.handle_tcp
            announce((await stack.enter_async_context(listening(handle, host, port))).address)
        if hands:
            announce_hands(hands)
        await _keep_up(oven)


async def _keep_up(oven: SimulatedOven) -> None:
    """Bring the oven to now again and again."""
    while True:
        oven.advance()
        await asyncio.sleep(_CATCH_UP_S)
