"""Adds a simulated oven to the built-in simulated rack: its controller at a line in memory, the cells inside."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from drivers.oven.settings import LinkSettings, OvenSettings
from drivers.temperatures import Oven
from drivers.transport.line import Line, Lines, StreamLine
from orchestrator.clock.virtual import wall_time

if TYPE_CHECKING:
    from simulators.bench import SimulatedBench
    from simulators.oven.hands import HandsAtOven
    from simulators.oven.oven import SimulatedOven

SIMULATED_OVEN = "simulated-oven"
_MODEL = "eurotherm-3216"
_UNIT = 32
_POLL_S = 0.25
"""Real time from one look at a served oven to the next, where that is more than five seconds of its own."""
_GRACE_S = 30.0
"""Real time for which it may give no temperature, where that is more than the usual time of grace: longer than a busy
computer keeps a process from running."""
_LONGEST_REPLY_S = 30.0


def simulated_oven_settings(places: Sequence[str], poll_period_s: float = 5.0) -> OvenSettings:
    """Return the settings of the built-in oven, around the cells of these channels."""
    link = LinkSettings(port="memory", unit=_UNIT)
    return OvenSettings(
        name=SIMULATED_OVEN,
        model=_MODEL,
        link=link,
        low_degc=5.0,
        high_degc=85.0,
        places=tuple(places),
        poll_period_s=poll_period_s,
    )


def served_oven_table(address: str, places: Sequence[str], speed: float) -> str:
    """Write the oven of a bench file that is served at ``address``, where ``speed`` seconds pass in a real one.

    Whether it answers is a matter of real time, which a busy computer takes from it.
    """
    host, _, port = address.partition(":")
    faster = max(1.0, speed)
    return (
        f'[[oven]]\nname = "{SIMULATED_OVEN}"\nmodel = "{_MODEL}"\nlow_degc = 5\nhigh_degc = 85\n'
        f"places = {json.dumps(list(places))}\npoll_period_s = {max(5.0, _POLL_S * speed)!r}\n"
        f"grace_s = {max(300.0, _GRACE_S * speed)!r}\n"
        f'link = {{ kind = "tcp", host = "{host}", tcp_port = {port}, unit = {_UNIT}, '
        f"reply_timeout_s = {min(_LONGEST_REPLY_S, faster)!r} }}\n\n"
    )


def oven_in_memory() -> tuple[HandsAtOven, Callable[[LinkSettings], Lines]]:
    """Return the hands at an oven at room temperature, in the running loop's time, and the lines to its controller."""
    from simulators.oven.controller import oven_of
    from simulators.oven.hands import HandsAtOven

    oven = oven_of(_MODEL, asyncio.get_running_loop().time)
    return HandsAtOven(oven), _lines_to(oven, _MODEL, _UNIT)


def _lines_to(oven: SimulatedOven, model: str, unit: int) -> Callable[[LinkSettings], Lines]:
    """Return lines in memory to a controller at an oven."""
    from simulators.memory_streams import connect_memory
    from simulators.oven.controller import SimulatedController
    from simulators.oven.line import OvenLine

    line = OvenLine([SimulatedController(model, oven, unit)])

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return connect_memory(line.handle)

    def lines_of(link: LinkSettings) -> Lines:
        async def lines() -> Sequence[Line]:
            return (StreamLine(link.where, connect),)

        return lines

    return lines_of


@asynccontextmanager
async def open_simulated_oven(
    simulated: SimulatedBench, settings: OvenSettings
) -> AsyncIterator[tuple[Oven, SimulatedOven]]:
    """Put the cells of ``settings.places`` into an oven at room temperature; give its driver, and the oven itself.

    The oven's own faults and hands are methods of the second. Cells follow it in the running loop's time.
    """
    from drivers.oven.opening import ovens_of
    from simulators.oven.cells_inside import CellsInside
    from simulators.oven.controller import oven_of

    oven = oven_of(settings.model, asyncio.get_running_loop().time)
    lines_of = _lines_to(oven, settings.model, settings.link.unit)
    (driver,) = ovens_of([settings], wall_time, lines_of)
    following = asyncio.create_task(
        CellsInside(oven, simulated.tester, settings.places).follow(), name="cells in the simulated oven"
    )
    try:
        await driver.open()
        yield driver, oven
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
        await driver.close()
