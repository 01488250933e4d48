"""The driver of source meters through pyvisa: at pyvisa-sim, which knows nothing of us, and at sockets by pyvisa-py."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from drivers.errors import ConnectionFailed, NoReply, NotConfirmed, SettingsError
from drivers.smu import SmuSource, SmuUnitSettings
from drivers.smu.opening import link_to
from drivers.smu.port_thread import PortThread
from drivers.sources import Drive, Held
from simulators.cells import load_cell
from simulators.faults import Fault, Spoil
from simulators.mux.terminal import PseudoTerminal
from simulators.smu import Quirks, SimulatedSmu
from simulators.smu.server import SerialLine
from tests.ports import deaf_port
from tests.scpi_peer import ScpiPeer

SERIAL = "04412345"
DISCHARGE = Drive(Held.VOLTAGE, 2.8, 1.57e-4, 4.2)
SIMULATED = f"{Path(__file__).with_name('pyvisa_sim_smu.yaml')}@sim"


def settings(resource: str, library: str, **more: object) -> SmuUnitSettings:
    """Return the settings of a source meter that is reached by VISA."""
    table = {"channel": "smu-1", "model": "keithley-2450", "resource": resource, "serial": SERIAL, "via": "visa"}
    return SmuUnitSettings.model_validate(table | {"visa_library": library} | more)


@pytest.mark.parametrize(
    "resource",
    [
        "GPIB0::18::INSTR",
        "USB0::0x05E6::0x2450::04412345::INSTR",
        "TCPIP0::127.0.0.1::inst0::INSTR",
        "ASRL1::INSTR",
    ],
)
async def test_pyvisa_sim_is_driven(resource: str) -> None:
    """An outsider's instrument is identified, prepared, switched on, read and switched off, on every kind of line."""
    unit = settings(resource, SIMULATED, joins_answers=False)
    source = SmuSource(unit, link_to(unit), 1.0)
    await source.open()
    try:
        await source.prepare(DISCHARGE, 0.4)
        await source.switch_on()
        reading = await source.read()
        assert (reading.voltage_v, reading.current_a, reading.at_limit) == (3.312087, -1.570213e-4, True)
        await source.adjust(Drive(Held.VOLTAGE, 3.0, 1e-4, 4.2))
        await source.switch_off()
        assert not (await source.read()).output_on
    finally:
        await source.close()


async def test_nobody_at_a_visa_address_is_told() -> None:
    """An address without an instrument fails as a connection, whatever the library raises."""
    unit = settings("GPIB0::7::INSTR", SIMULATED, connect_timeout_s=0.2)
    source = SmuSource(unit, link_to(unit), 1.0)
    with pytest.raises(ConnectionFailed):
        await source.open()
    with pytest.raises(NotConfirmed):
        await source.switch_off()
    await source.close()


async def test_a_call_that_never_returns_holds_up_nobody() -> None:
    """Calls of a port run in their order on a thread that is not waited for at the end of the process."""
    thread, hangs = PortThread("test"), threading.Event()
    first, second = thread.submit(hangs.wait), thread.submit(len, "two")
    assert [it.daemon for it in threading.enumerate() if it.name == "test"] == [True]
    thread.shutdown()
    assert not second.done()
    hangs.set()
    assert (first.result(10.0), second.result(10.0)) == (True, 3)
    with pytest.raises(RuntimeError, match="no more work"):
        thread.submit(len, "three")


async def test_a_visa_library_that_is_not_there_is_told() -> None:
    """A vendor's library that is not installed is named as a setting."""
    unit = settings("GPIB0::7::INSTR", "/no/such/libvisa.so")
    with pytest.raises(SettingsError, match="visa_library"):
        await link_to(unit).open()


@contextmanager
def served(peer: ScpiPeer, late: dict[str, Callable[[], object]]) -> Iterator[str]:
    """Serve an instrument by script from a thread and give its address; answers to some questions wait for a call."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        threading.Thread(target=_accept, args=(listener, peer, late), daemon=True).start()
        yield f"TCPIP::{host}::{port}::SOCKET"


def _accept(listener: socket.socket, peer: ScpiPeer, late: dict[str, Callable[[], object]]) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_speak, args=(client, peer, late), daemon=True).start()


def _speak(client: socket.socket, peer: ScpiPeer, late: dict[str, Callable[[], object]]) -> None:
    with client, client.makefile("rb") as lines:
        for data in lines:
            line = data.decode().strip()
            answer = peer.answer(line)
            for what in [it for it in late if it in line]:
                late.pop(what)()
            try:
                client.sendall(answer)
            except OSError:
                return


@pytest.mark.real_time
async def test_a_late_reply_over_pyvisa_py_is_never_the_next_reading() -> None:
    """Fault A08: the next reading comes from a new connection, whatever the old one still sends."""
    late: dict[str, Callable[[], object]] = {}
    peer, is_over = ScpiPeer(reading="-1.57E-04,3.0"), threading.Event()

    def later() -> None:
        peer.reading = "-1.57E-04,3.5"
        is_over.wait(60.0)

    with served(peer, late) as resource:
        # A reading is lost after 1.2 s, in which any other comes on a busy machine too.
        unit = settings(resource, "@py", reply_timeout_s=4.0, connect_timeout_s=60.0)
        source = SmuSource(unit, link_to(unit), 60.0)
        await source.open()
        await source.prepare(DISCHARGE, 0.1)
        await source.switch_on()
        assert (await source.read()).voltage_v == 3.0
        late[":READ?"] = later
        for _ in range(3):
            assert (await source.read()).voltage_v == 3.5
            is_over.set()
        await source.switch_off()
        assert peer.values[":OUTP"] == "0"
        await source.close()


@pytest.mark.real_time
async def test_a_stuck_event_loop_switches_off_through_the_port_s_thread() -> None:
    """The thread that owns the port orders the output off while the loop is stuck (fault E03)."""
    peer = ScpiPeer()
    with served(peer, {}) as resource:
        unit = settings(resource, "@py", reply_timeout_s=60.0, connect_timeout_s=60.0)
        source = SmuSource(unit, link_to(unit), 0.1)
        await source.open()
        await source.prepare(DISCHARGE, 0.1)
        await source.switch_on()
        for _ in range(1000):
            if peer.values[":OUTP"] == "0":
                break
            time.sleep(0.01)  # noqa: ASYNC251 - the fault: nothing else runs on this loop meanwhile
        assert peer.values[":OUTP"] == "0"
        await source.close()


async def unit_at(port: Path, serial: str) -> AsyncIterator[SimulatedSmu]:
    """Plug a simulated source meter in at a serial port."""
    quirks = Quirks(idn=f"KEITHLEY INSTRUMENTS INC.,MODEL 2400,{serial},C30")
    clock = asyncio.get_running_loop().time
    unit = SimulatedSmu(
        "keithley-2400", clock, load_cell("coated-li-li", seed=1), quirks=quirks, line=SerialLine(57600)
    )
    async with PseudoTerminal(port, unit.handle):
        yield unit


@pytest.mark.real_time
@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX's")
async def test_a_serial_line_pulled_out_and_another_unit_behind_its_port(tmp_path: Path) -> None:
    """Fault A01, A02, A13: named errors, one program at a port, and no order to the unit that came in its place."""
    port = tmp_path / "ttyUSB0"
    plugged = asynccontextmanager(unit_at)
    table = {"model": "keithley-2400", "baud_rate": 57600, "reply_timeout_s": 4.0}
    unit = settings(f"ASRL{port}::INSTR", "@py", **table, connect_timeout_s=60.0)
    source, second = (SmuSource(unit, link_to(unit), 60.0) for _ in range(2))
    hasty = settings(f"ASRL{port}::INSTR", "@py", **table, connect_timeout_s=1e-6)
    async with plugged(port, SERIAL) as right:
        with pytest.raises(NoReply):
            await SmuSource(hasty, link_to(hasty), 1.0).open()
        await source.open()  # a port that opened too late for the one before is closed again
        with pytest.raises(ConnectionFailed, match="ttyUSB0"):
            await second.open()
        await source.prepare(Drive(Held.VOLTAGE, 0.01, 1e-4, 0.01), 0.4)
        await source.switch_on()
        right.wire.spoil(Fault(Spoil.GARBAGE_AFTER, ":OUTP?", filler=b"1;9E0,9E-4,0\n"))
        for _ in range(2):
            assert (await source.read()).voltage_v == pytest.approx(0.01, abs=1e-3)
        right.wire.spoil(Fault(Spoil.CUT, ":OUTP?", at=9))
        begun_s = time.monotonic()
        with pytest.raises(ConnectionFailed, match="ttyUSB0"):
            await source.read()
        # The reply is given up after 1.2 s, and the port is not there for another attempt.
        assert time.monotonic() - begun_s < 10.0
    async with plugged(port, "99") as other:
        with pytest.raises(NotConfirmed, match="told nothing else"):
            await source.switch_off()
        assert set(other.received) == {"*IDN?"}
    async with plugged(port, SERIAL) as right:
        await source.switch_off()
        assert not right.instrument.unit.output
    await source.close()


@pytest.mark.real_time
async def test_nobody_listening_is_told_although_pyvisa_py_opens() -> None:
    """pyvisa-py opens a socket with nobody there; the question who it is fails as a connection (decision 32)."""
    with deaf_port() as port:
        unit = settings(f"TCPIP::127.0.0.1::{port}::SOCKET", "@py")
        with pytest.raises(ConnectionFailed):
            await SmuSource(unit, link_to(unit), 1.0).open()
