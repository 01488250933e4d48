"""Serial adapters that are pulled out, come back under other names, and sit next to other instruments."""

from __future__ import annotations

import asyncio
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from drivers.errors import ConnectionFailed, LinkClosed, OutcomeUnknown, SettingsError
from drivers.mux import RelayMultiplexer, ports_of
from simulators.faults import Fault, Spoil
from simulators.mux import SimulatedMux
from simulators.mux.terminal import PseudoTerminal
from tests.figures import Figure
from tests.mux_rig import settings_for
from tests.ports import deaf_port

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX's"),
]

QUICK = {"settle_s": 0.0, "reconnect_first_s": 0.001, "reconnect_longest_s": 0.002}


@dataclass(frozen=True)
class Adapter:
    """What the system lists of a serial port."""

    device: str
    serial_number: str | None


def numbered(number: int) -> SimulatedMux:
    """Give a switch of the same make with another serial number."""
    return SimulatedMux(8, identity=f"CELLRIG,SIMULATED RELAYS,RM000{number},1.0")


async def test_adapter_pulled_out_in_the_middle_of_a_reply(tmp_path: Path) -> None:
    """Fault A01: the terminal's master goes after two bytes; a named error, and the next use finds it again."""
    port, mux = tmp_path / "ttyUSB0", numbered(1)
    multiplexer = RelayMultiplexer(settings_for(port=str(port), **QUICK))
    async with PseudoTerminal(port, mux.handle):
        await multiplexer.open()
        await multiplexer.select(3)
        mux.wire.spoil(Fault(Spoil.CUT, "ROUT:CLOS?", at=2))
        with pytest.raises(ConnectionFailed, match=r"cannot open serial port .*ttyUSB0.*is the adapter plugged in"):
            await multiplexer.selected()
        assert not port.exists()
    async with PseudoTerminal(port, mux.handle):
        assert await multiplexer.selected() == 3
        await multiplexer.close()
    assert mux.relays.closed == ()


async def test_port_that_another_program_has_is_refused_by_name(tmp_path: Path, figure: Figure) -> None:
    """Fault A13: one program at a time has the port; the second is told which port, and the first goes on."""
    port, mux = tmp_path / "ttyUSB0", numbered(1)
    first, second = (RelayMultiplexer(settings_for(port=str(port), **QUICK)) for _ in range(2))
    async with PseudoTerminal(port, mux.handle):
        await first.open()
        since_s = asyncio.get_running_loop().time()
        with pytest.raises(ConnectionFailed, match=r"ttyUSB0.*no other program using it"):
            await second.open()
        figure("A13", "told after", asyncio.get_running_loop().time() - since_s, "s")
        await first.select(3)
        assert await first.selected() == 3
        await first.close()
        await second.close()


async def test_adapter_pulled_out_between_order_and_answer_leaves_the_outcome_unknown(tmp_path: Path) -> None:
    """Fault A01: what the relays did cannot be asked, and nothing is ordered again by itself."""
    port, mux = tmp_path / "ttyUSB0", numbered(1)
    multiplexer = RelayMultiplexer(settings_for(port=str(port), **QUICK))
    async with PseudoTerminal(port, mux.handle):
        await multiplexer.open()
        mux.wire.spoil(Fault(Spoil.CLOSED, "SYST:ERR?"))
        mux.received.clear()
        with pytest.raises(OutcomeUnknown, match="cannot be asked"):
            await multiplexer.select(3)
        assert mux.received == ["ROUT:OPEN:ALL", "SYST:ERR?"]
    async with PseudoTerminal(port, mux.handle):
        await multiplexer.select(3)
        assert await multiplexer.selected() == 3
        await multiplexer.close()


async def test_end_of_the_line_is_noticed_and_not_timed_out(tmp_path: Path) -> None:
    """Fault A01: pulled out while the relay clicks; no deadline of a minute is waited for."""
    port = tmp_path / "ttyUSB0"
    mux = SimulatedMux(8, lambda _: terminal.pull_out())
    multiplexer = RelayMultiplexer(settings_for(port=str(port), reply_timeout_s=60.0, **QUICK))
    async with PseudoTerminal(port, mux.handle) as terminal:
        await multiplexer.open()
        with pytest.raises(OutcomeUnknown, match="port 3 ordered"):
            await multiplexer.select(3)
        with pytest.raises(ConnectionFailed):
            await multiplexer.close()


async def test_two_adapters_swapped_are_told_apart_by_who_answers(tmp_path: Path) -> None:
    """Fault A02: each switch is found under the other's name, and neither gets a command meant for the other."""
    names = (tmp_path / "ttyUSB0", tmp_path / "ttyUSB1")
    switches = (numbered(1), numbered(2))
    multiplexers = [
        RelayMultiplexer(
            settings_for(port=str(names[n]), other_ports=[str(names[1 - n])], identity=f"RM000{n + 1}", **QUICK)
        )
        for n in range(2)
    ]
    async with PseudoTerminal(names[0], switches[0].handle), PseudoTerminal(names[1], switches[1].handle):
        for n, multiplexer in enumerate(multiplexers):
            await multiplexer.open()
            await multiplexer.select(n + 1)
    for switch in switches:
        switch.received.clear()
    async with PseudoTerminal(names[1], switches[0].handle), PseudoTerminal(names[0], switches[1].handle):
        assert [await multiplexer.selected() for multiplexer in multiplexers] == [1, 2]
        await multiplexers[0].select(5)
        await multiplexers[1].select(6)
        assert [switch.relays.closed for switch in switches] == [(5,), (6,)]
        orders = [[line for line in switch.received if "(@" in line] for switch in switches]
        assert orders == [["ROUT:CLOS (@5)"], ["ROUT:CLOS (@6)"]]
        for multiplexer in multiplexers:
            await multiplexer.close()


async def test_wrong_device_under_the_only_name_gets_no_command(tmp_path: Path) -> None:
    """Fault A02: without another name to try, the error says who answers and who was expected."""
    port, mine, other = tmp_path / "ttyUSB0", numbered(1), numbered(2)
    multiplexer = RelayMultiplexer(settings_for(port=str(port), **QUICK))
    async with PseudoTerminal(port, mine.handle):
        await multiplexer.open()
    async with PseudoTerminal(port, other.handle):
        with pytest.raises(ConnectionFailed, match=r"RM0002.*expected 'RM0001'"):
            await multiplexer.select(3)
        with pytest.raises(ConnectionFailed):
            await multiplexer.close()
    assert set(other.received) == {"*IDN?"}


async def test_adapter_is_found_by_its_serial_number_under_any_name(tmp_path: Path) -> None:
    """Fault A02: the name is asked of the system anew for each connection, and the port setting plays no part."""
    mux, listed = numbered(1), [Adapter("/dev/ttyS0", None), Adapter(str(tmp_path / "a"), "FT1234")]
    settings = settings_for(port="/dev/nonsense", serial_number="FT1234", **QUICK)
    multiplexer = RelayMultiplexer(settings, ports_of(settings, lambda: listed))
    async with PseudoTerminal(tmp_path / "a", mux.handle):
        await multiplexer.open()
        await multiplexer.select(2)
    listed[1] = Adapter(str(tmp_path / "b"), "FT1234")
    async with PseudoTerminal(tmp_path / "b", mux.handle):
        assert await multiplexer.selected() == 2
        await multiplexer.close()


async def test_adapter_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    """The sentence lists the adapters seen; none of them is opened."""
    mux = numbered(1)
    settings = settings_for(serial_number="FT1234", **QUICK)
    listed = [Adapter(str(tmp_path / "a"), "FT9999")]
    async with PseudoTerminal(tmp_path / "a", mux.handle):
        with pytest.raises(ConnectionFailed, match=r"FT1234 is plugged in; adapters seen: .*FT9999"):
            await RelayMultiplexer(settings, ports_of(settings, lambda: listed)).open()
    assert mux.received == []


async def test_port_is_this_programs_alone(tmp_path: Path) -> None:
    """A second driver on the same port is refused before it says a word."""
    port, mux = tmp_path / "ttyUSB0", numbered(1)
    first, second = (RelayMultiplexer(settings_for(port=str(port), **QUICK)) for _ in range(2))
    async with PseudoTerminal(port, mux.handle):
        await first.open()
        mux.received.clear()
        with pytest.raises(ConnectionFailed, match="no other program using it"):
            await second.open()
        assert mux.received == []
        await first.close()


async def test_terminal_may_be_closed_and_opened_again(tmp_path: Path) -> None:
    """A client that closes the port ends nothing: the adapter stays plugged in."""
    port, mux = tmp_path / "ttyUSB0", numbered(1)
    async with PseudoTerminal(port, mux.handle):
        for _ in range(3):
            multiplexer = RelayMultiplexer(settings_for(port=str(port), **QUICK))
            await multiplexer.open()
            await multiplexer.close()
    assert not port.exists()


@pytest.mark.parametrize("port", ["nonsense://x", "socket://127.0.0.1", "socket://127.0.0.1:x", "socket://:5025"])
async def test_port_that_is_none_is_a_wrong_setting(port: str) -> None:
    """A wrong address is told as such, and not tried again and again."""
    with pytest.raises(SettingsError, match=re.escape(repr(port))):
        await RelayMultiplexer(settings_for(port=port)).open()


async def test_nobody_at_a_tcp_port_is_told_with_its_address() -> None:
    """A serial server that is switched off."""
    with (
        deaf_port() as number,
        pytest.raises(ConnectionFailed, match=f"nobody answers at socket://127.0.0.1:{number}"),
    ):
        await RelayMultiplexer(settings_for(port=f"socket://127.0.0.1:{number}", **QUICK)).open()


async def test_tcp_server_that_hangs_up_is_a_closed_link() -> None:
    """Connected and dropped is told as that."""
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    number = server.sockets[0].getsockname()[1]
    with pytest.raises(LinkClosed):
        await RelayMultiplexer(settings_for(port=f"socket://127.0.0.1:{number}", **QUICK)).open()
    server.close()
    await server.wait_closed()
