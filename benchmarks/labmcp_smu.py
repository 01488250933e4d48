"""Drives the source meters of another program, ``labmcp-keithley-smu``, with the driver of this one.

Its simulators of a 2400 and a 2450 know nothing of cellrig: parser, error queue, replies, compliance and noise are
theirs, around a resistor of 1 kOhm. Settings that they leave out, as the off state, are kept here as they were sent.
Run by hand, in an environment of its own (the package brings a server of tools with it)::

    python -m venv /tmp/labmcp
    /tmp/labmcp/bin/pip install labmcp-keithley-smu==0.1.2 pydantic pyserial ruamel.yaml numpy
    PYTHONPATH=. /tmp/labmcp/bin/python benchmarks/labmcp_smu.py
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from drivers.smu import SmuModel, SmuSource, SmuUnitSettings
from drivers.smu.opening import link_to
from drivers.sources import Drive, Held

OHM = 1000.0
_SERIALS = {SmuModel.KEITHLEY_2400: "4105123", SmuModel.KEITHLEY_2450: "04096331"}
_ORDERS = (
    Drive(Held.VOLTAGE, 1.0, 1.5e-3, 2.0),  # 1 mA, below the limit
    Drive(Held.VOLTAGE, 1.9, 1.5e-3, 2.0),  # held by the limit
    Drive(Held.CURRENT, -1e-3, 2.0, 1e-3),
)


def _simulator(model: SmuModel) -> Any:  # noqa: ANN401 - of another program
    """Return a simulator of theirs that keeps what it does not know."""
    from labmcp.scpi import _Undefined
    from labmcp_keithley_smu.simulator import make_simulator

    simulator: Any = make_simulator(model.removeprefix("keithley-"), "resistor", OHM)
    kept, theirs = {"*ESR": "0"}, simulator.command

    def command(key: str, argument: str) -> str | None:
        """Carry out one command as theirs does, None where it has no answer."""
        try:
            answer: str | None = theirs(key, argument)
        except _Undefined:
            if not key.endswith("?"):
                kept[key] = {"ON": "1", "OFF": "0"}.get(argument, argument)
                return None
            if key[:-1] not in kept:
                raise
            return kept[key[:-1]]
        if not key.endswith("?"):
            kept[key] = {"ON": "1", "OFF": "0"}.get(argument, argument)
        return answer

    simulator.command = command
    return simulator


def _served(simulator: Any) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]:  # noqa: ANN401 - of another program
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            if (answer := simulator.handle(line.decode().strip())) is not None:
                writer.write(f"{answer}\n".encode())
        writer.close()

    return serve


async def _drive(model: SmuModel) -> None:
    server = await asyncio.start_server(_served(_simulator(model)), "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        unit = SmuUnitSettings(
            channel="smu-1", model=model, resource=f"TCPIP::{host}::{port}::SOCKET", serial=_SERIALS[model]
        )
        source = SmuSource(unit, link_to(unit), 1.0)
        await source.open()
        for drive in _ORDERS:
            await source.prepare(drive, 0.25)
            await source.switch_on()
            reading = await source.read()
            await source.switch_off()
            if reading.voltage_v is None or reading.current_a is None or not reading.output_on:
                raise RuntimeError(f"{model}: {drive} gives {reading}")
            wrong = abs(reading.voltage_v / reading.current_a / OHM - 1)
            print(f"{model}  {drive.held} {drive.level:g}: {reading}, {OHM:g} ohm within {wrong:.1e}")
        await source.close()


if __name__ == "__main__":
    for each in _SERIALS:
        asyncio.run(_drive(each))
