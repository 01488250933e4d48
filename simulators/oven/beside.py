"""An oven beside a simulated rack, with some of the rack's cells inside: in one process, in the rack's time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from simulators.listening import Listener, listening
from simulators.oven.cells_inside import CellsInside, WarmsCells
from simulators.oven.controller import SimulatedController, oven_of
from simulators.oven.hands import HandsAtOven
from simulators.oven.line import OvenLine


@dataclass(frozen=True, slots=True)
class OvenBeside:
    """An oven with the cells of these channels inside: the ports of its controller (Modbus TCP) and of its hands.

    Port 0 is a free one. What announces is called with ``host:port``.
    """

    places: tuple[str, ...]
    port: int = 0
    control: int = 0
    model: str = "eurotherm-3216"
    announce: Callable[[str], None] = lambda address: None
    announce_hands: Callable[[str], None] = lambda address: None


@asynccontextmanager
async def oven_beside(
    beside: OvenBeside, holders: WarmsCells, clock: Callable[[], float], speed: float
) -> AsyncIterator[Listener]:
    """Serve an oven and let cells follow it; ``clock`` is the rack's, ``speed`` of its seconds pass in a real one.

    Raises ValueError for a place that the rack has not.
    """
    for place in beside.places:
        try:
            holders.temperature_of(place)
        except KeyError as err:
            raise ValueError(f"the oven has {place} inside, and no channel has that name") from err
    oven = oven_of(beside.model, clock)
    line = OvenLine([SimulatedController(beside.model, oven)])
    async with AsyncExitStack() as stack:
        listener = await stack.enter_async_context(listening(line.handle_tcp, "127.0.0.1", beside.port))
        hands = await stack.enter_async_context(listening(HandsAtOven(oven).handle, "127.0.0.1", beside.control))
        beside.announce(listener.address)
        beside.announce_hands(hands.address)
        following = asyncio.create_task(
            CellsInside(oven, holders, beside.places, speed).follow(), name="cells in the oven beside the rack"
        )
        try:
            yield listener
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
