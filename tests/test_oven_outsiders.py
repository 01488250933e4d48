"""Outsiders that know nothing of us: pymodbus' own server under our driver, its clients at our simulated oven."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusIOException
from pymodbus.framer import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.oven.opening import ovens_of
from orchestrator.clock.virtual import wall_time
from simulators.listening import listening
from simulators.mux.terminal import PseudoTerminal
from simulators.oven.controller import SimulatedController, oven_of
from simulators.oven.line import OvenLine
from tests.oven_rig import EUROTHERM, settings_of

pytestmark = pytest.mark.real_time

_MAP = {
    "name": "cabinet",
    "link": {"kind": "tcp", "reply_timeout_s": 30.0},
    "word_order": "low",
    "read_function": 4,
    "identity": [{"address": 7, "name": "kind", "equals": 815}],
    "block": [[100, 4]],
    "read": {
        "pv": {"address": 100, "type": "f32", "unit": "degC", "valid": [-50, 300]},
        "setpoint": {"address": 102, "type": "f32", "unit": "degC"},
        "status": {"address": 8, "type": "u16", "bits": {"sensor_break": 3, "manual": 1}},
    },
    "write": {"setpoint": {"address": 102, "type": "f32"}, "function": 16},
}


def _device() -> SimDevice:
    """Give a cabinet as pymodbus simulates one: numbers of two registers, low word first."""
    words = [0x0000, 0x41BC, 0x0000, 0x41C8]
    registers = [
        SimData(7, values=[815, 2], datatype=DataType.REGISTERS),
        SimData(100, values=words, datatype=DataType.REGISTERS),
    ]
    return SimDevice(id=32, simdata=registers)


@pytest.mark.parametrize("framer", [FramerType.SOCKET, FramerType.RTU], ids=["tcp", "rtu"])
async def test_driver_reads_and_orders_at_the_simulator_of_pymodbus(framer: FramerType) -> None:
    """A map of a bench file is enough for a controller that nobody here wrote, over both kinds of frames."""
    server = ModbusTcpServer(_device(), framer=framer, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    port = server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]  # a server, which it calls a transport
    try:
        link = {"kind": "tcp", "host": "127.0.0.1", "tcp_port": port, "unit": 32}
        if framer is FramerType.RTU:
            link = {"kind": "rtu", "port": f"socket://127.0.0.1:{port}", "unit": 32}
        (oven,) = ovens_of([settings_of(model="", map=_MAP, name="cabinet", link=link)], wall_time)
        await oven.open()
        reading = await oven.read()
        assert (reading.temperature_degc, reading.target_degc, reading.output_percent) == (23.5, 25.0, None)
        assert [fault.value for fault in reading.faults] == ["not controlling"]
        await oven.set_target(60.25)
        assert (await oven.read()).target_degc == 60.25
        await oven.close()
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus has not said


async def _use(client_of: Callable[[float], AsyncModbusTcpClient | AsyncModbusSerialClient]) -> None:
    """Use a simulated Eurotherm as somebody else's program does, by clients that wait so many seconds for an answer."""
    client = client_of(60.0)
    assert await client.connect()
    held = await client.read_holding_registers(1, count=5, device_id=32)
    assert not held.isError()
    assert held.registers[1] == held.registers[4] == 250
    both = await client.read_holding_registers(0x8004, count=2, device_id=32)
    assert client.convert_from_registers(both.registers, client.DATATYPE.FLOAT32) == 25.0
    assert not (await client.write_register(2, 600, device_id=32)).isError()
    assert not (await client.write_registers(24, [605], device_id=32)).isError()
    assert (await client.read_input_registers(2, count=1, device_id=32)).registers == [605]
    hole = await client.read_holding_registers(77, count=1, device_id=32)
    assert hole.isError()
    assert hole.exception_code == 2
    client.close()
    # Where none comes, it is not waited for as long as a busy machine may take.
    hasty = client_of(0.1)
    assert await hasty.connect()
    with pytest.raises(ModbusIOException):
        await hasty.read_holding_registers(1, count=1, device_id=40)
    hasty.close()


async def test_clients_of_pymodbus_use_the_simulated_oven_over_tcp() -> None:
    """A client that knows nothing of us reads, writes, is refused, and meets silence where no unit is."""
    line = OvenLine([SimulatedController(EUROTHERM, oven_of(EUROTHERM, asyncio.get_running_loop().time))])
    async with listening(line.handle_tcp, "127.0.0.1", 0) as listener:
        host, _, port = listener.address.partition(":")
        await _use(
            lambda timeout_s: AsyncModbusTcpClient(
                host, port=int(port), timeout=timeout_s, retries=0, reconnect_delay=0
            )
        )


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX's")
async def test_clients_of_pymodbus_use_the_simulated_oven_over_a_serial_port(tmp_path: Path) -> None:
    """The same over RTU frames and a serial port."""
    line = OvenLine([SimulatedController(EUROTHERM, oven_of(EUROTHERM, asyncio.get_running_loop().time))])
    async with PseudoTerminal(tmp_path / "ttyUSB0", line.handle):
        port = str(tmp_path / "ttyUSB0")
        await _use(
            lambda timeout_s: AsyncModbusSerialClient(
                port, baudrate=9600, timeout=timeout_s, retries=0, reconnect_delay=0
            )
        )
