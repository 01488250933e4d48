"""A rig for tests of ovens: simulated controllers at one line, and drivers at the other end of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from drivers.oven.opening import ovens_of
from drivers.oven.oven import ModbusOven
from drivers.oven.settings import LinkSettings, OvenSettings
from drivers.transport.line import Lines, StreamLine, Streams
from orchestrator.clock.virtual import wall_time
from simulators.memory_streams import connect_memory
from simulators.oven.controller import SimulatedController, oven_of
from simulators.oven.line import OvenLine
from simulators.oven.oven import OvenQuirks, SimulatedOven

EUROTHERM, OMRON = "eurotherm-3216", "omron-e5cc"
UNITS = {EUROTHERM: 32, OMRON: 33}


def settings_of(model: str = EUROTHERM, **changed: Any) -> OvenSettings:  # noqa: ANN401 - settings of any kind
    """Give settings of an oven at the simulated line."""
    link = {"port": "memory", "unit": UNITS.get(model, 1)} | changed.pop("link", {})
    given: dict[str, Any] = {"name": f"{model}-oven", "model": model, "low_degc": 5, "high_degc": 85}
    return OvenSettings.model_validate({**given, "link": link, **changed})


class OvenRig:
    """One line: ``line`` and ``ovens`` are simulated, ``drivers`` are ours."""

    def __init__(self, models: Sequence[str] = (EUROTHERM,), quirks: OvenQuirks | None = None, **changed: Any) -> None:  # noqa: ANN401 - settings
        """Build ovens of these models and a driver for each; ``changed`` are settings of all drivers."""
        clock = asyncio.get_running_loop().time
        self.ovens: list[SimulatedOven] = [oven_of(model, clock, quirks or OvenQuirks()) for model in models]
        self.controllers = [SimulatedController(m, oven) for m, oven in zip(models, self.ovens, strict=True)]
        self.line = OvenLine(self.controllers)
        self.is_tcp = changed.get("link", {}).get("kind") == "tcp"
        self.handle = self.line.handle_tcp if self.is_tcp else self.line.handle
        self.connections = 0
        self.settings = [settings_of(model, **dict(changed)) for model in models]
        self.drivers: tuple[ModbusOven, ...] = ovens_of(self.settings, wall_time, self._lines)

    def _lines(self, link: LinkSettings) -> Lines:
        async def connect() -> Streams:
            self.connections += 1
            return connect_memory(self.handle)

        async def lines() -> list[StreamLine]:
            return [StreamLine(link.where, connect)]

        return lines

    @property
    def oven(self) -> SimulatedOven:
        """Return the first simulated oven."""
        return self.ovens[0]

    @property
    def controller(self) -> SimulatedController:
        """Return the first simulated controller."""
        return self.controllers[0]

    @property
    def driver(self) -> ModbusOven:
        """Return the first driver."""
        return self.drivers[0]

    async def close(self) -> None:
        """Close all drivers."""
        for driver in self.drivers:
            await driver.close()
