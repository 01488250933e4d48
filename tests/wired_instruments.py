"""Each driver of ours at a spoiled wire, with the simulated instrument behind it: the rows of the suite."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from drivers.errors import DriverError
from drivers.mux import RelayMultiplexer
from drivers.oven.opening import ovens_of
from drivers.smu import SmuModel
from drivers.testing import WireFacts, lines, modbus_rtu, modbus_tcp
from drivers.testing.spoiled_wire import Connect
from drivers.thermometer import LineThermometer, ThermometerSettings
from drivers.transport.line import Line, StreamLine, streams
from orchestrator.clock.virtual import wall_time
from simulators.mux import SimulatedMux
from simulators.oven.controller import SimulatedController, oven_of
from simulators.oven.line import OvenLine
from simulators.thermometer import SimulatedLogger
from tests.mux_rig import settings_for
from tests.oven_rig import EUROTHERM, OMRON, UNITS, settings_of
from tests.wired_in_memory import NO_CHECKSUM, ONE_MASTER, QUICK, InMemory, Make, fresh, reach
from tests.wired_testers import WiredCt4008, WiredSmu


class WiredMux(InMemory):
    """The relay switch. Somebody switches it by hand between two questions."""

    def __init__(self) -> None:
        self.mux = SimulatedMux(8)
        super().__init__(
            WireFacts(
                name="relay-mux",
                wire="serial, lines",
                cut=lines(),
                order=re.compile(rb"ROUT:CLOS \(@[\d,]*\)"),
                identifying=re.compile(rb"\*IDN\?\n"),
                is_cable=True,
                late_s=3.0,
                answers_within_s=20.0,
                recovers_within_s=15.0,
                meaningless=NO_CHECKSUM | ONE_MASTER,
            ),
            self.mux.handle,
        )
        self.driver = RelayMultiplexer(settings_for(**QUICK), streams("memory", self.connect))

    async def open(self) -> None:
        """Open it."""
        await self.driver.open()

    async def close(self) -> None:
        """Close it."""
        with contextlib.suppress(DriverError):
            await self.driver.close()

    async def ask(self) -> object:
        """Ask which port is closed."""
        return await self.driver.selected()

    def is_right(self, answer: object) -> bool:
        """Compare with the relays."""
        return self.mux.relays.closed == (() if answer is None else (answer,))

    async def change(self) -> None:
        """Switch by hand."""
        self.mux.relays.open_all()
        self.mux.relays.close([next(self.steps) % 8 + 1])

    async def order(self) -> None:
        """Select a port."""
        await self.driver.select(3)

    def is_obeyed(self) -> bool:
        """Look at the relays."""
        return self.mux.relays.closed == (3,)

    async def make_safe(self) -> None:
        """Open all."""
        await self.driver.select(None)

    def is_safe(self) -> bool:
        """Look at the relays."""
        return self.mux.relays.closed == ()

    def others(self) -> Sequence[tuple[str, Connect]]:
        """Return a switch with another number."""
        return [("another number", reach(SimulatedMux(8, identity="CELLRIG,SIMULATED RELAYS,RM0012,1.0").handle))]


class WiredThermometer(InMemory):
    """The thermometer, asked for each line, or listened to."""

    def __init__(self, request: str) -> None:
        self.degc = 20.0
        self.before: list[tuple[float, float]] = []
        sensors = [lambda: self.degc, lambda: self.degc + 1]
        self.logger = SimulatedLogger(sensors, request=request, identify="*IDN?")
        self.is_asked = bool(request)
        speaks = (
            {} if request else {"another question's reply": ASKS_NOTHING, "words that nobody asked for": ASKS_NOTHING}
        )
        super().__init__(
            WireFacts(
                name="line-thermometer" + ("" if request else ", by itself"),
                wire="serial, lines",
                cut=lines(),
                order=None,
                identifying=re.compile(rb"(\*IDN\?|READ\?)\r?\n"),
                is_cable=True,
                late_s=3.0,
                answers_within_s=20.0,
                recovers_within_s=15.0,
                meaningless=NO_CHECKSUM | ONE_MASTER | speaks,
            ),
            self.logger.handle,
        )
        described: dict[str, Any] = {"name": "logger", "port": "memory", "columns": ["a", "b"], "request": request}
        described |= {"places": {"oven": "a", "cell": "b"}, "identity": "42", "identify": "*IDN?", **QUICK}

        async def at_wire() -> Sequence[Line]:
            return [StreamLine("memory", self.connect)]

        self.driver = LineThermometer(ThermometerSettings.model_validate(described), wall_time, at_wire)

    async def open(self) -> None:
        """Open it."""
        await self.driver.open()

    async def close(self) -> None:
        """Close it."""
        await self.driver.close()

    async def ask(self) -> object:
        """Read both sensors."""
        return [one.temperature_degc for one in (await self.driver.read()).values()]

    def is_right(self, answer: object) -> bool:
        """Compare with the sensors; a line that comes by itself is as old as the wire has made it."""
        now_s = asyncio.get_running_loop().time()
        oldest_s = now_s - (0.0 if self.is_asked else self.facts.late_s + 1.0)
        values = [self.degc, *(degc for until_s, degc in self.before if until_s > oldest_s)]
        return any(answer == [round(degc, 1), round(degc + 1, 1)] for degc in values)

    async def change(self) -> None:
        """Let it become warmer."""
        self.before.append((asyncio.get_running_loop().time(), self.degc))
        self.degc = 20.0 + 0.3 * next(self.steps)

    def others(self) -> Sequence[tuple[str, Connect]]:
        """Return a logger with another number."""
        other = SimulatedLogger([lambda: 1.0, lambda: 2.0], request="READ?", identify="*IDN?", identity="LOGGER 421")
        return [("another number", reach(other.handle))]


GENERIC: Mapping[str, Any] = {
    "identity": [{"address": 131, "name": "unit", "equals": "unit"}],
    "read": {"pv": {"address": 1, "scale": 0.1}, "setpoint": {"address": 2, "scale": 0.1}},
    "write": {"setpoint": {"address": 2, "scale": 0.1}},
}
"""A map as people write it: each value is asked for alone."""
SAME_LENGTH = {"another question's reply": "one register of one unit: nothing tells its reply from another's"}


class WiredOven(InMemory):
    """An oven's controller at a serial line, or behind Modbus TCP. Its sensor is held and let go by hand."""

    def __init__(self, model: str, *, tcp: bool = False, generic: bool = False) -> None:
        self.oven = oven_of(model, asyncio.get_running_loop().time)
        unit = UNITS[model]
        self.is_tcp, self.model = tcp, model
        line = OvenLine([SimulatedController(model, self.oven, unit)])
        questions = rb"(?s)..\x00\x00...[\x03\x04\x08].*" if tcp else rb"(?s).[\x03\x04\x08].*"
        orders = rb"(?s)\A..\x00\x00..(.[\x06\x10].*)" if tcp else rb"(?s)\A(.[\x06\x10].*)"
        super().__init__(
            WireFacts(
                name=("generic" if generic else model) + (", TCP" if tcp else ", RTU"),
                wire="Modbus TCP" if tcp else "serial, Modbus RTU",
                cut=modbus_tcp() if tcp else modbus_rtu(),
                order=re.compile(orders),
                identifying=re.compile(questions),
                is_cable=not tcp,
                late_s=1.5,
                answers_within_s=30.0,
                recovers_within_s=30.0,
                meaningless=NO_CHECKSUM | ONE_MASTER if tcp else SAME_LENGTH if generic else {},
            ),
            line.handle_tcp if tcp else line.handle,
        )
        link: dict[str, Any] = {"kind": "tcp", "host": "127.0.0.1", "unit": unit} if tcp else {"unit": unit}
        own = {"map": GENERIC} if generic else {}
        described = settings_of("" if generic else model, name="oven", link=link, **QUICK, **own)

        async def at_wire() -> Sequence[Line]:
            return [StreamLine("memory", self.connect)]

        (self.driver,) = ovens_of([described], wall_time, lambda _: at_wire)

    async def open(self) -> None:
        """Open it."""
        await self.driver.open()

    async def close(self) -> None:
        """Close it."""
        await self.driver.close()

    async def ask(self) -> object:
        """Read it."""
        return (await self.driver.read()).temperature_degc

    def is_right(self, answer: object) -> bool:
        """Compare with what its display shows."""
        return answer == self.oven.faults.sensor_frozen_degc

    async def change(self) -> None:
        """Let the sensor show something else."""
        self.oven.faults.sensor_frozen_degc = round(21.0 + 0.3 * (next(self.steps) % 100), 1)

    async def order(self) -> None:
        """Order 60 degC."""
        await self.driver.set_target(60.0)

    def is_obeyed(self) -> bool:
        """Look at its set point."""
        return self.oven.target_degc == 60.0

    async def make_safe(self) -> None:
        """Order the safe temperature."""
        await self.driver.set_target(25.0)

    def is_safe(self) -> bool:
        """Look at its set point."""
        return self.oven.target_degc == 25.0

    def others(self) -> Sequence[tuple[str, Connect]]:
        """Return a controller with another unit number, and one of another make with this one."""
        clock, unit = asyncio.get_running_loop().time, UNITS[self.model]
        make = OMRON if self.model == EUROTHERM else EUROTHERM
        found = [
            ("another unit", SimulatedController(self.model, oven_of(self.model, clock), unit + 8)),
            ("another make", SimulatedController(make, oven_of(make, clock), unit)),
        ]
        if self.facts.name.startswith(EUROTHERM):
            twin = SimulatedController(EUROTHERM, oven_of(EUROTHERM, clock), unit)
            twin.registers[122] = ("constant 4660", "word")
            found.append(("another type", twin))
        lines = [(name, OvenLine([one])) for name, one in found]
        return [(name, reach(line.handle_tcp if self.is_tcp else line.handle)) for name, line in lines]


ASKS_NOTHING = "it is asked nothing once it is open"


ROWS: Mapping[str, Make] = {
    "neware-ct4008": partial(fresh, WiredCt4008),
    **{str(model): partial(fresh, partial(WiredSmu, model)) for model in SmuModel},
    "relay-mux": partial(fresh, WiredMux),
    "thermometer": partial(fresh, partial(WiredThermometer, "READ?")),
    "thermometer-by-itself": partial(fresh, partial(WiredThermometer, "")),
    "eurotherm-rtu": partial(fresh, partial(WiredOven, EUROTHERM)),
    "eurotherm-tcp": partial(fresh, partial(WiredOven, EUROTHERM, tcp=True)),
    "omron-rtu": partial(fresh, partial(WiredOven, OMRON)),
    "generic-rtu": partial(fresh, partial(WiredOven, EUROTHERM, generic=True)),
    "generic-tcp": partial(fresh, partial(WiredOven, EUROTHERM, tcp=True, generic=True)),
    "omron-tcp": partial(fresh, partial(WiredOven, OMRON, tcp=True)),
}
