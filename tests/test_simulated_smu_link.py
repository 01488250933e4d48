"""A simulated source meter at the end of a byte stream, in virtual time: clients, faults and hands (section 26)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial

import pytest
import pytest_asyncio

from simulators.faults import Fault, Spoil
from simulators.memory_streams import connect_memory
from simulators.smu.control import HandsAtUnits
from simulators.smu.server import SerialLine, SimulatedSmu
from simulators.smu.settings import Quirks, SecondClient
from tests.smu_talk import EXACT, READY, Battery

_ON = (*READY["keithley-2400"], ":SOUR:VOLT:RANG 20;:SOUR:VOLT 3.4;:SENS:CURR:PROT 1E-3;:OUTP ON")


def unit_of(model: str = "keithley-2400", quirks: Quirks = EXACT, line: SerialLine | None = None) -> SimulatedSmu:
    """Return a unit with a cell of 3.3 V, by the running loop's clock."""
    return SimulatedSmu(model, asyncio.get_running_loop().time, Battery(3.3), quirks=quirks, line=line)


def _fast(clock: Callable[[], float], speed: float) -> float:
    return clock() * speed


class Client:
    """A client of one connection."""

    def __init__(self, smu: SimulatedSmu) -> None:
        self.reader, self.writer = connect_memory(smu.handle)

    def write(self, *lines: str, end: str = "\n") -> None:
        """Send lines."""
        for line in lines:
            self.writer.write(f"{line}{end}".encode("latin-1"))

    async def ask(self, line: str, within_s: float = 30.0) -> str:
        """Send a line and return the next line that comes."""
        self.write(line)
        async with asyncio.timeout(within_s):
            return (await self.reader.readline()).decode()

    async def is_closed(self) -> bool:
        """Return whether the other end has hung up."""
        async with asyncio.timeout(5.0):
            return await self.reader.read() == b""


Connect = Callable[[SimulatedSmu], Client]


@pytest_asyncio.fixture
async def connect() -> AsyncIterator[Connect]:
    """Give a way to connect to a unit; every connection is closed in the end."""
    clients: list[Client] = []

    def to(smu: SimulatedSmu) -> Client:
        clients.append(Client(smu))
        return clients[-1]

    yield to
    for client in clients:
        client.writer.close()
    await asyncio.sleep(1.0)


async def test_state_lives_in_the_unit(connect: Connect) -> None:
    """Output, level and limit survive the client that set them; power alone ends them."""
    smu = unit_of()
    first = connect(smu)
    first.write(*_ON)
    assert await first.ask(":OUTP?") == "1\n"
    first.writer.close()
    await asyncio.sleep(3600.0)
    assert await connect(smu).ask(":OUTP?;:SOUR:VOLT?;:SENS:CURR:PROT?") == "1;3.400000E+00;1.000000E-03\n"
    smu.cut_power()
    assert await connect(smu).is_closed()
    smu.restore_power()
    assert await connect(smu).ask("*ESR?;:OUTP?;:OUTP:SMOD?;:SOUR:VOLT?") == "128;0;NORM;0.000000E+00\n"


async def test_power_on_setup_keeps_a_cell_from_being_drained(connect: Connect) -> None:
    """What was saved as the power-on setup is what a unit comes back with (section 14)."""
    smu = unit_of()
    client = connect(smu)
    client.write(":OUTP:SMOD HIMP;*SAV 0;:SYST:POS SAV0;*RST")
    assert await client.ask(":OUTP:SMOD?") == "NORM\n"
    smu.cut_power()
    smu.restore_power()
    assert await connect(smu).ask(":OUTP:SMOD?;:SYST:POS?") == "HIMP;SAV0\n"


async def test_reading_takes_the_loops_time(connect: Connect) -> None:
    """A poll waits as long as the unit measures, autorange included, and a fast clock makes that shorter."""
    loop = asyncio.get_running_loop()
    took = []
    for speed in (1.0, 10.0):
        clock = partial(_fast, loop.time, speed)
        smu = SimulatedSmu("keithley-2400", clock, Battery(3.3), quirks=EXACT, speed=speed)
        client = connect(smu)
        client.write(*_ON)
        await client.ask("*OPC?")
        before_s = loop.time()
        await client.ask(":READ?")
        took.append(loop.time() - before_s)
    assert took[0] == pytest.approx(0.178, abs=0.01)
    assert took[1] == pytest.approx(took[0] / 10.0, rel=0.01)


async def test_late_half_of_a_reply_comes_before_the_next_one(connect: Connect) -> None:
    """What a client did not wait for is still under way, and the next answer lies behind it."""
    smu = unit_of()
    client = connect(smu)
    client.write(":SOUR:VOLT:RANG 20;:SOUR:VOLT 3.4")
    smu.wire.spoil(Fault(Spoil.IN_HALVES, ":SOUR:VOLT?", at=7, seconds=5.0))
    with pytest.raises(TimeoutError):
        await client.ask(":SOUR:VOLT?", within_s=1.0)
    assert await client.ask("*OPC?") == "3.400000E+00\n"
    assert await client.reader.readline() == b"1\n"


async def test_half_a_reply_and_then_silence(connect: Connect) -> None:
    """The other half never comes; the next answer is glued to the first half."""
    smu = unit_of()
    client = connect(smu)
    smu.wire.spoil(Fault(Spoil.HALF, ":SOUR:VOLT?", at=5))
    with pytest.raises(TimeoutError):
        await client.ask(":SOUR:VOLT?", within_s=10.0)
    assert await client.ask("*OPC?") == "0.0001\n"


async def test_command_is_carried_out_though_its_reply_is_lost(connect: Connect) -> None:
    """The output is on, whatever the client heard."""
    smu = unit_of()
    client = connect(smu)
    smu.wire.spoil(Fault(Spoil.SILENT, ":OUTP"))
    with pytest.raises(TimeoutError):
        await client.ask(":OUTP ON;:OUTP?", within_s=2.0)
    assert await connect(smu).ask(":OUTP?") == "1\n"


@pytest.mark.parametrize("terminator", [b"\r", b"\r\n", b""])
async def test_reply_can_end_otherwise(connect: Connect, terminator: bytes) -> None:
    """Another terminator, or none, is what comes."""
    smu = unit_of(quirks=replace(EXACT, terminator=terminator))
    client = connect(smu)
    client.write("*OPC?")
    await asyncio.sleep(1.0)
    client.writer.close()
    assert await client.reader.read() == b"1" + terminator


async def test_half_open_connection_hears_and_says_nothing(connect: Connect) -> None:
    """Lost connections stay open; what is written there reaches nobody, and another one works."""
    smu = unit_of()
    lost = connect(smu)
    assert await lost.ask("*OPC?") == "1\n"
    smu.lose_connections()
    with pytest.raises(TimeoutError):
        await lost.ask(":OUTP ON;:OUTP?", within_s=60.0)
    assert await connect(smu).ask(":OUTP?") == "0\n"


@pytest.mark.parametrize("second", list(SecondClient))
async def test_second_client_is_served_or_refused(connect: Connect, second: SecondClient) -> None:
    """Whether there can be two is a quirk; a refused one is hung up on, and may come when the first has gone."""
    smu = unit_of(quirks=replace(EXACT, second_client=second))
    first = connect(smu)
    assert await first.ask("*OPC?") == "1\n"
    other = connect(smu)
    if second is SecondClient.ACCEPTED:
        assert await other.ask("*OPC?") == "1\n"
    else:
        assert await other.is_closed()
        first.writer.close()
        await asyncio.sleep(1.0)
        assert await connect(smu).ask("*OPC?") == "1\n"


async def test_two_clients_get_their_own_answers(connect: Connect) -> None:
    """Lines of two clients are carried out one after the other, each answered where it came from."""
    smu = unit_of()
    one, other = connect(smu), connect(smu)
    one.write(*_ON)
    one.write(":READ?")
    assert await other.ask(":SOUR:FUNC?") == "VOLT\n"
    assert (await one.reader.readline()).startswith(b"+3.3")
    assert await one.ask("*OPC?") == "1\n"


async def test_dead_client_can_hold_the_port(connect: Connect) -> None:
    """After a client has gone nobody is let in until the dead socket was visited (section 4)."""
    smu = unit_of(quirks=replace(EXACT, port_hangs_after_disconnect=True))
    first = connect(smu)
    assert await first.ask("*OPC?") == "1\n"
    first.writer.close()
    await asyncio.sleep(1.0)
    assert await connect(smu).is_closed()
    smu.visit_dead_socket()
    assert await connect(smu).ask("*OPC?") == "1\n"


async def test_2400_is_deaf_while_its_trigger_model_works(connect: Connect) -> None:
    """``OUTP OFF`` waits until the readings are made; ``:ABOR`` ends them at once (section 1.10)."""
    smu = unit_of()
    loop = asyncio.get_running_loop()
    client = connect(smu)
    client.write(*_ON, ":TRIG:COUN 100")
    await client.ask("*OPC?")
    for ending, least_s, most_s in ((":OUTP?", 10.0, 20.0), (":ABOR;:OUTP?", 0.0, 2.0)):
        client.write(":INIT")
        await asyncio.sleep(1.0)
        before_s = loop.time()
        assert await client.ask(ending) == "1\n"
        assert least_s <= loop.time() - before_s <= most_s


async def test_2450_carries_out_what_comes_behind_a_reading_after_it(connect: Connect) -> None:
    """Only a 2400 hears a reset while it measures; elsewhere it waits for its turn."""
    smu = unit_of("keithley-2450")
    client = connect(smu)
    client.write(*READY["keithley-2450"], ":OUTP ON", ":READ?", "*RST;:OUTP?")
    assert (await client.reader.readline()).startswith(b"-1.05")
    assert await client.reader.readline() == b"0\n"


async def test_2400_waits_for_a_bus_trigger(connect: Connect) -> None:
    """With ``:ARM:SOUR BUS`` a reading comes after ``*TRG`` and not before."""
    smu = unit_of()
    client = connect(smu)
    client.write(*_ON, ":ARM:SOUR BUS")
    with pytest.raises(TimeoutError):
        await client.ask(":READ?", within_s=100.0)
    client.write("*TRG")
    assert (await client.reader.readline()).startswith(b"+3.3")


async def test_serial_line_is_as_slow_as_its_baud_rate(connect: Connect) -> None:
    """At 300 baud each character takes a thirtieth of a second, both ways; CR ends a line."""
    smu = unit_of(line=SerialLine(300))
    loop = asyncio.get_running_loop()
    client = connect(smu)
    before_s = loop.time()
    client.write(":SOUR:FUNC?", end="\r")
    assert await client.reader.readline() == b"VOLT\n"
    assert loop.time() - before_s == pytest.approx(17 / 30.0, rel=0.01)


async def test_control_c_frees_a_unit_on_a_serial_line(connect: Connect) -> None:
    """Ctrl-C ends what is carried out, and what waits behind it in the line (section 4)."""
    smu = unit_of(line=SerialLine(57600))
    client = connect(smu)
    client.write(*_ON, ":ARM:SOUR BUS", ":READ?")
    await asyncio.sleep(10.0)
    client.writer.write(b"\x03")
    await asyncio.sleep(0.1)
    assert await client.ask(":OUTP?", within_s=1.0) == "1\n"


async def test_held_replies_come_when_the_line_is_let_go(connect: Connect) -> None:
    """XOFF for three seconds keeps an answer back for three seconds."""
    smu = unit_of()
    client = connect(smu)
    await client.ask("*OPC?")
    smu.hold(3.0)
    before_s = asyncio.get_running_loop().time()
    await client.ask("*OPC?")
    assert asyncio.get_running_loop().time() - before_s == pytest.approx(3.0)


async def test_line_without_end_is_an_overrun(connect: Connect) -> None:
    """A client that never ends its line fills no memory: -363."""
    smu = unit_of()
    client = connect(smu)
    client.writer.write(b"x" * 5000)
    await asyncio.sleep(1.0)
    assert smu.instrument.unit.status.errors[0] == -363


async def test_split_replies_are_the_same_bytes(connect: Connect) -> None:
    """Where a reply falls apart changes nothing of it."""
    whole, split = unit_of(), unit_of(quirks=replace(EXACT, split_replies=True))
    answers = [[await connect(it).ask("*IDN?") for _ in range(5)] for it in (whole, split)]
    assert answers[0] == answers[1]


async def test_hands_do_what_is_ordered_by_text(connect: Connect) -> None:
    """Every order of the control port acts on the unit that it names; wrong ones are told in a sentence."""
    smu = unit_of("keithley-2450")
    hands, client = HandsAtUnits({"smu-1": smu}), connect(smu)
    client.write(*READY["keithley-2450"], ":SOUR:VOLT:RANG 20;:SOUR:VOLT 3.4;:SOUR:VOLT:ILIM 1E-3;:OUTP ON")
    await client.ask("*OPC?")
    assert hands.do("smu-1 set by hand :SOUR:VOLT:ILIM 2E-3") == "ok"
    assert await client.ask(":SOUR:VOLT:ILIM?;*ESR?") == f"2.000000E-03;{128 + 64}\n"
    assert hands.do("smu-1 turn round") == "ok"
    assert json.loads(hands.do("smu-1 state"))["current_a"] == pytest.approx(2e-3)
    assert hands.do("smu-1 put back") == "ok"
    assert hands.do("smu-1 overheat") == "ok"
    assert await client.ask(":OUTP?") == "0\n"
    assert await client.ask(":OUTP ON;:SYST:ERR?") == '810,"Over-temperature, output blocked"\n'
    assert hands.do("smu-1 cool") == "ok"
    assert hands.do("smu-1 press output") == "ok"
    assert await client.ask(":OUTP?") == "1\n"
    assert hands.do("smu-1 spoil lost any") == "ok"
    with pytest.raises(TimeoutError):
        await client.ask("*OPC?", within_s=1.0)
    assert hands.do("smu-2 pull out").startswith("error: no unit 'smu-2'")
    assert hands.do("smu-1 kick").startswith("error: nobody knows")
    assert hands.do("smu-1 spoil badly").startswith("error: replies are not spoiled")
    assert hands.do("smu-1 set by hand :SOUR:VOLT 1E9").startswith("error: :SOUR:VOLT 1E9")


async def test_2450_can_be_switched_to_other_languages(connect: Connect) -> None:
    """After a power cycle it is a 2400 in SCPI2400, and takes SCPI for a wrong script in TSP (section 6)."""
    smu = unit_of("keithley-2450")
    smu.instrument.set_language("SCPI2400")
    assert await connect(smu).ask(":FORM:ELEM VOLT;:FORM:ELEM?;*ESR?") == "VOLT;128\n"
    smu.instrument.set_language("TSP")
    client = connect(smu)
    assert (await client.ask("*IDN?")).startswith("KEITHLEY INSTRUMENTS INC.,MODEL 2450,")
    client.write(":OUTP?")
    assert await client.ask("*LANG?") == "TSP\n"
    assert smu.instrument.unit.status.errors[0] == -285


async def test_open_interlock_blocks_only_where_it_is_asked_for(connect: Connect) -> None:
    """A 2400 with its output enable line in use goes off and says +802; ``TRIP?`` 1 means that it may be on."""
    smu = unit_of()
    client = connect(smu)
    client.write(*_ON)
    smu.instrument.set_interlock(closed=False)
    assert await client.ask(":OUTP?;:OUTP:ENAB:TRIP?") == "1;0\n"
    client.write(":OUTP:ENAB ON")
    assert await client.ask(":OUTP?") == "0\n"
    assert await client.ask(":OUTP ON;:SYST:ERR?") == '+802,"OUTPUT blocked by output enable"\n'
    smu.instrument.set_interlock(closed=True)
    assert await client.ask(":OUTP ON;:OUTP?") == "1\n"


async def test_noise_on_the_line_is_a_byte_before_the_reply(connect: Connect) -> None:
    """A byte that nobody sent comes first."""
    smu = unit_of()
    client = connect(smu)
    smu.wire.spoil(Fault(Spoil.GARBAGE_BEFORE, filler=b"\xff"))
    client.write("*OPC?")
    assert await client.reader.readline() == b"\xff1\n"


async def test_request_that_arrives_late_is_carried_out_unanswered(connect: Connect) -> None:
    """An order that was under way for a minute still acts."""
    smu = unit_of()
    smu.wire.spoil(Fault(Spoil.ARRIVES_LATE, ":OUTP", seconds=60.0))
    client = connect(smu)
    client.write(":OUTP ON")
    assert await client.ask(":OUTP?") == "0\n"
    await asyncio.sleep(61.0)
    assert await client.ask(":SOUR:FUNC?;:OUTP?") == "VOLT;1\n"
