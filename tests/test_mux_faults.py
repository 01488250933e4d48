"""A relay switch on a bad line, and a bad switch on a good line: each fault is mended or ends in its named error."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import pytest

from drivers.errors import (
    BadReply,
    ConnectionFailed,
    DriverError,
    LinkClosed,
    NoReply,
    NotConfirmed,
    OutcomeUnknown,
)
from drivers.mux import RelayMultiplexer, streams
from drivers.transport.line import PortLine, Streams
from orchestrator.bench.opening import open_station
from orchestrator.bench.settings import BenchSettings
from orchestrator.clock.virtual import run_virtual
from simulators.faults import Fault, Spoil
from simulators.memory_streams import connect_memory
from simulators.mux import SimulatedMux
from tests.mux_rig import IDENTITY, MuxRig, in_virtual_time, open_mux_rig, settings_for

ENDLESS = Fault(Spoil.ENDLESS, filler=b"(@" + b"1," * 2048, limit_bytes=1 << 16)
ONCE = [
    Fault(Spoil.BYTE_BY_BYTE),
    Fault(Spoil.LATE, seconds=1.5),
    Fault(Spoil.LATE, seconds=3.0),
    Fault(Spoil.CUT, at=2),
    Fault(Spoil.CUT, at=-1),
    Fault(Spoil.CLOSED),
    Fault(Spoil.SILENT),
    Fault(Spoil.GARBAGE_BEFORE),
    Fault(Spoil.GARBAGE_AFTER),
    ENDLESS,
    Fault(Spoil.TWICE),
    Fault(Spoil.STALE),
    Fault(Spoil.WITH_NEXT),
    Fault(Spoil.FLIPPED, at=2),
    Fault(Spoil.FLIPPED, at=-1),
]
REPLIES = ["ROUT:CLOS?", "SYST:ERR?", "*IDN?"]


def names(fault: Fault) -> str:
    """Name a fault for the list of tests."""
    return f"{fault.spoil.value} {fault.seconds or fault.at or ''}".strip().replace(" ", "-")


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("fault", ONCE, ids=names)
async def test_one_spoiled_reply_is_mended(fault: Fault, reply: str) -> None:
    """Faults A04-A08: the port is connected and confirmed, and every order was sent once."""
    async with open_mux_rig("cable") as rig:
        if reply == "*IDN?":
            rig.mux.wire.spoil(Fault(fault.spoil, reply, 1, fault.seconds, fault.at, fault.filler, 1 << 16))
        await rig.multiplexer.open()
        rig.mux.received.clear()
        rig.mux.wire.spoil(Fault(fault.spoil, reply, 1, fault.seconds, fault.at, fault.filler, 1 << 16))
        await rig.multiplexer.select(3)
        orders = [line for line in rig.mux.received if not line.endswith("?")]
        assert orders == ["ROUT:OPEN:ALL", "ROUT:CLOS (@3)"]
        assert rig.ports == [3]
        assert await rig.multiplexer.selected() == 3


@pytest.mark.parametrize("transport", ["memory", "cable"])
@pytest.mark.parametrize("at", range(len("(@3)\n")))
async def test_flipped_bit_never_names_another_port(mux_rig: MuxRig, at: int) -> None:
    """Fault A07: (@3) may become (@2) without any checksum; one question is two, and they must agree."""
    await mux_rig.multiplexer.select(3)
    mux_rig.mux.wire.spoil(Fault(Spoil.FLIPPED, "ROUT:CLOS?", at=at))
    assert await mux_rig.multiplexer.selected() == 3
    assert mux_rig.mux.wire.spoiled == [("ROUT:CLOS?", Spoil.FLIPPED)]


@pytest.mark.parametrize("spoil", [Spoil.STALE, Spoil.TWICE, Spoil.WITH_NEXT])
@pytest.mark.rig(transport="cable")
async def test_answer_to_an_earlier_question_is_not_taken_for_this_one(mux_rig: MuxRig, spoil: Spoil) -> None:
    """Fault A08: somebody switches by hand, and the old answer comes again on the same cable."""
    await mux_rig.multiplexer.select(3)
    mux_rig.mux.wire.spoil(Fault(spoil, "ROUT:CLOS?"))
    assert await mux_rig.multiplexer.selected() == 3
    mux_rig.mux.relays.open_all()
    mux_rig.mux.relays.close([6])
    mux_rig.mux.wire.spoil(Fault(spoil, "ROUT:CLOS?"))
    assert await mux_rig.multiplexer.selected() == 6


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(Spoil.SILENT, times=None), NoReply),
        (Fault(Spoil.LATE, seconds=60.0, times=None), NoReply),
        (Fault(Spoil.CUT, at=2, times=None), LinkClosed),
        (Fault(Spoil.CLOSED, times=None), LinkClosed),
        (Fault(Spoil.GARBAGE_BEFORE, times=None), BadReply),
        (Fault(Spoil.FLIPPED, at=0, times=None), BadReply),
        (Fault(ENDLESS.spoil, times=None, filler=ENDLESS.filler, limit_bytes=1 << 16), BadReply),
    ],
    ids=lambda value: names(value) if isinstance(value, Fault) else value.__name__,
)
async def test_spoiled_for_good_ends_in_its_error(mux_rig: MuxRig, fault: Fault, error: type[ConnectionFailed]) -> None:
    """Asking ends in the fault's own error; an order, sent once, whose outcome cannot be asked in OutcomeUnknown."""
    await mux_rig.multiplexer.select(3)
    for command in ("ROUT:CLOS?", "SYST:ERR?"):
        spoiled = Fault(fault.spoil, command, None, fault.seconds, fault.at, fault.filler, fault.limit_bytes)
        mux_rig.mux.wire.spoil(spoiled)
    with pytest.raises(error):
        await mux_rig.multiplexer.selected()
    mux_rig.mux.received.clear()
    with pytest.raises(OutcomeUnknown, match="cannot be asked"):
        await mux_rig.multiplexer.select(4)
    assert mux_rig.mux.received.count("ROUT:OPEN:ALL") == 1
    assert [line for line in mux_rig.mux.received if "(@" in line] == []
    mux_rig.mux.wire.mend()
    await mux_rig.multiplexer.select(4)
    assert await mux_rig.multiplexer.selected() == 4


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (Spoil.SILENT, NoReply, r"\*IDN\? in 2 s"),
        (Spoil.CUT, LinkClosed, "closed"),
        (Spoil.GARBAGE_BEFORE, BadReply, "printable"),
    ],
)
async def test_switch_that_does_not_say_who_it_is_is_told_nothing(
    spoil: Spoil, error: type[ConnectionFailed], words: str
) -> None:
    """Without an identity no order leaves."""
    async with open_mux_rig() as rig:
        rig.mux.wire.spoil(Fault(spoil, times=None))
        with pytest.raises(error, match=words):
            await rig.multiplexer.open()
        assert set(rig.mux.received) == {"*IDN?"}


async def test_another_instrument_is_told_nothing() -> None:
    """Fault A02: the wrong identity is named, with the one expected."""
    async with open_mux_rig(identity="RM0002") as rig:
        with pytest.raises(ConnectionFailed, match=r"RM0001.*expected 'RM0002'"):
            await rig.multiplexer.open()
        assert set(rig.mux.received) == {"*IDN?"}


async def test_relay_that_does_not_open_is_told_and_no_other_is_closed(mux_rig: MuxRig) -> None:
    """Break before make: while port 3 is stuck, no cell joins it."""
    await mux_rig.multiplexer.select(3)
    mux_rig.mux.relays.welded.add(3)
    with pytest.raises(NotConfirmed, match="no port ordered, port 3 reported"):
        await mux_rig.multiplexer.select(4)
    with pytest.raises(NotConfirmed, match="port 3 reported"):
        await mux_rig.multiplexer.close()
    assert mux_rig.ports == [3]


async def test_relay_that_does_not_close_is_told_and_all_are_opened_again(mux_rig: MuxRig) -> None:
    """The sentence says what was ordered, what is reported and what was done about it."""
    mux_rig.mux.relays.dead.add(3)
    with pytest.raises(NotConfirmed, match="port 3 ordered, no port reported; all ports were opened again"):
        await mux_rig.multiplexer.select(3)
    assert mux_rig.mux.received[-4] == "ROUT:OPEN:ALL"
    await mux_rig.multiplexer.select(4)


async def test_two_relays_closed_at_once_are_no_port(mux_rig: MuxRig) -> None:
    """Two cells in parallel are never taken for one."""
    mux_rig.mux.relays.close([2, 3])
    with pytest.raises(NotConfirmed, match="ports 2, 3 are closed at the same time"):
        await mux_rig.multiplexer.selected()


@pytest.mark.rig(commands={"close": "ROUT:CLOZ (@{port})"})
async def test_switch_that_does_not_know_a_command_is_quoted(mux_rig: MuxRig) -> None:
    """What the switch says of a wrong spelling is in the error."""
    with pytest.raises(NotConfirmed, match=r"port 2 ordered, no port reported; it says -113 'Undefined header'"):
        await mux_rig.multiplexer.select(2)


@pytest.mark.rig(commands={"error": ""})
async def test_switch_without_an_error_queue_is_read_back_only(mux_rig: MuxRig) -> None:
    """An empty spelling leaves the question out."""
    await mux_rig.multiplexer.select(2)
    assert "SYST:ERR?" not in mux_rig.mux.received


@pytest.mark.parametrize("ask", [RelayMultiplexer.selected, RelayMultiplexer.open])
def test_nobody_there_is_tried_again_ever_more_slowly(ask: Callable[[RelayMultiplexer], Awaitable[object]]) -> None:
    """Fault A01: 1, 2, 4 ... 30 s between attempts, and at once again when the switch has been back."""
    tried: list[float] = []

    async def connect() -> Streams:
        tried.append(asyncio.get_running_loop().time())
        raise ConnectionRefusedError

    async def main() -> None:
        multiplexer = RelayMultiplexer(settings_for(), streams("memory", connect))
        for _ in range(4):
            with pytest.raises(ConnectionFailed, match="nobody answers at memory"):
                await ask(multiplexer)

    run_virtual(main())
    assert [b - a for a, b in pairwise(tried)] == [1, 2, 4, 8, 16, 30, 30]


def test_good_connection_ends_the_waiting() -> None:
    """Fault A01: after one, a lost link is opened again at once, and the delays begin anew."""
    mux, tried, there = SimulatedMux(8, identity=IDENTITY), [], False

    async def connect() -> Streams:
        tried.append(asyncio.get_running_loop().time())
        if not there:
            raise ConnectionRefusedError
        return connect_memory(mux.handle)

    async def main() -> None:
        nonlocal there
        multiplexer = RelayMultiplexer(settings_for(), streams("memory", connect))
        with pytest.raises(ConnectionFailed):
            await multiplexer.selected()
        there = True
        assert await multiplexer.selected() is None
        there = False
        mux.wire.spoil(Fault(Spoil.CLOSED))
        with pytest.raises(ConnectionFailed):
            await multiplexer.selected()

    run_virtual(main())
    assert tried == [0, 1, 3, 3, 4]


async def test_order_is_not_sent_on_a_line_known_to_be_closed(mux_rig: MuxRig) -> None:
    """A switch that hung up while nobody spoke is called again first, and then obeys."""
    await mux_rig.multiplexer.select(3)
    mux_rig.mux.wire.spoil(Fault(Spoil.BYTE_BY_BYTE, "ROUT:CLOS?"))
    mux_rig.mux.wire.spoil(Fault(Spoil.CUT, "ROUT:CLOS?", at=99))  # past its end: answered whole, then hung up
    assert await mux_rig.multiplexer.selected() == 3
    await mux_rig.multiplexer.select(4)
    assert mux_rig.ports == [3, None, 4]


def test_switch_that_never_stops_talking_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    """Fault A10: lines without end that answer other questions fill neither the memory nor the log."""

    async def work(rig: MuxRig) -> None:
        rig.mux.wire.spoil(Fault(Spoil.ENDLESS, "SYST:ERR?", filler=b"(@3)\n", limit_bytes=1 << 16))
        await rig.multiplexer.select(3)
        endless = Fault(Spoil.ENDLESS, "ROUT:CLOS?", None, filler=b'0,"No error"\n', limit_bytes=1 << 16)
        rig.mux.wire.spoil(endless)
        with pytest.raises(BadReply, match="17 lines that answer other questions"):
            await rig.multiplexer.selected()

    in_virtual_time(work)
    assert len(caplog.records) < 100


@pytest.mark.real_time
async def test_serial_port_that_never_stops_talking_is_refused() -> None:
    """Fault A10: pyserial's side of the same."""

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(bytes(200_000))
        writer.close()

    server = await asyncio.start_server(flood, "127.0.0.1", 0)
    line = PortLine(f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}", 9600, 1.0)
    await line.open()
    await line.write(b"?")
    assert set(await line.read()) == {0}
    with pytest.raises(BadReply, match="nobody asked for"):
        await line.discard()
    await line.close()
    server.close()
    await server.wait_closed()


async def test_silent_switch_holds_nobody_up_past_the_deadline(mux_rig: MuxRig) -> None:
    """Fault A05: the wait is bounded, and the loop's other work goes on meanwhile."""
    loop = asyncio.get_running_loop()
    mux_rig.mux.wire.spoil(Fault(Spoil.SILENT, times=None))
    before_s, turns = loop.time(), 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.1)
            turns += 1

    busy = asyncio.create_task(other())
    with pytest.raises(NoReply):
        await mux_rig.multiplexer.selected()
    busy.cancel()
    assert turns == pytest.approx((loop.time() - before_s) / 0.1, abs=1)
    # One question, then twice the question who it is, a second apart.
    assert loop.time() - before_s == pytest.approx(2 + 2 + 1 + 2)


async def test_close_on_a_lost_line_says_so_and_can_be_repeated(mux_rig: MuxRig) -> None:
    """The caller hears that the ports may still be closed; the driver itself is closed then."""
    await mux_rig.multiplexer.select(3)
    mux_rig.mux.wire.refuse_connections()
    mux_rig.mux.wire.spoil(Fault(Spoil.CLOSED))
    with pytest.raises(DriverError):
        await mux_rig.multiplexer.close()
    await mux_rig.multiplexer.close()


@pytest.mark.real_time
async def test_cell_that_may_still_be_on_the_leads_is_told_at_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A switch that cannot be reached when a program ends is named in its log: somebody must look at the leads."""
    mux = SimulatedMux(8, lambda _: None, "ACME,RM8,RM0001,1.0")
    server = await asyncio.start_server(mux.handle, "127.0.0.1", 0)
    port = f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    times = {"settle_s": 0.0, "reconnect_first_s": 0.01}
    switch = {"kind": "relay-mux", "identity": "RM0001", "port": port, "ports": 8, "channels": {"1": "21-1-1"}} | times
    folders = {"step_files": tmp_path, "step_files_on_bts_pc": "S:/steps"}
    tester = {"kind": "neware-ct4008", "units": [{"devid": 21, "subdevid": 1}]} | folders
    potentiostat = {"program": sys.executable, "jobs": tmp_path}
    bench = BenchSettings.model_validate({"tester": [tester], "potentiostat": potentiostat, "multiplexer": switch})
    async with server, open_station(bench) as station:
        assert station is not None
        mux.wire.refuse_connections()
        mux.wire.spoil(Fault(Spoil.CLOSED))
    assert "a cell may still be on the leads that relay-mux switches" in caplog.text
