"""The driver of source meters against instruments by script: what it says, in which order, and after which fault."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from drivers.errors import ConnectionFailed, DriverError, NotConfirmed, OutcomeUnknown, Refused
from drivers.smu import SmuModel, SmuSource, SmuUnitSettings
from drivers.smu.dead_man import DeadMan
from drivers.smu.dialects import DIALECTS, Form
from drivers.smu.links import StreamLink
from drivers.smu.opening import link_to
from drivers.smu.wire import filled
from drivers.sources import Drive, Held
from tests.figures import Figure
from tests.scpi_peer import ScpiPeer, Spoilt

SERIAL = "04412345"
DISCHARGE = Drive(Held.VOLTAGE, 2.8, 1.57e-4, 4.2)
IDENTITIES = {
    SmuModel.KEITHLEY_2400: f"KEITHLEY INSTRUMENTS INC.,MODEL 2400,{SERIAL},C30   Mar 17 2006",
    SmuModel.KEITHLEY_2450: f"KEITHLEY INSTRUMENTS INC.,MODEL 2450,{SERIAL},1.0.0i",
    SmuModel.KEITHLEY_2460: f"KEITHLEY INSTRUMENTS,MODEL 2460,{SERIAL},1.7",
    SmuModel.KEYSIGHT_B2901A: f"Agilent Technologies,B2901A,{SERIAL},1.2",
}
READINGS = {SmuModel.KEITHLEY_2400: "+3.3121E+00,-1.57E-04,+4.216844E+06", SmuModel.KEYSIGHT_B2901A: "3.3121,-1.57E-04"}
INTERVAL_S = 0.25


def settings(
    model: SmuModel = SmuModel.KEITHLEY_2450, resource: str = "TCPIP::memory::5025::SOCKET"
) -> SmuUnitSettings:
    """Return the settings of a source meter."""
    return SmuUnitSettings(channel="smu-1", model=model, resource=resource, serial=SERIAL)


def peer_of(model: SmuModel = SmuModel.KEITHLEY_2450) -> ScpiPeer:
    """Return an instrument by script."""
    return ScpiPeer(identity=IDENTITIES[model], reading=READINGS.get(model, "-1.57E-04,3.3121"))


def source_of(peer: ScpiPeer, model: SmuModel = SmuModel.KEITHLEY_2450) -> SmuSource:
    """Return a source at an instrument by script."""
    return SmuSource(settings(model), StreamLink("memory", peer.connect), 1.0)


@asynccontextmanager
async def discharging(peer: ScpiPeer, model: SmuModel = SmuModel.KEITHLEY_2450) -> AsyncIterator[SmuSource]:
    """Open a source whose output is on."""
    source = source_of(peer, model)
    await source.open()
    try:
        await source.prepare(DISCHARGE, INTERVAL_S)
        await source.switch_on()
        yield source
    finally:
        await source.close()


@pytest.mark.parametrize("model", SmuModel)
async def test_a_cell_is_discharged_and_let_go(model: SmuModel) -> None:
    """Prepared, on, read, adjusted, off: every model is asked in its own words, and its values find their places."""
    peer = peer_of(model)
    async with discharging(peer, model) as source:
        reading = await source.read()
        assert (reading.voltage_v, reading.current_a, reading.output_on) == (3.3121, -1.57e-4, True)
        await source.adjust(Drive(Held.VOLTAGE, 4.2, 1e-4, 4.2))
        assert float(peer.orders(":SOUR:VOLT ")[-1].split()[1]) == 4.2
        await source.switch_off()
        reading = await source.read()
        assert (reading.voltage_v, reading.current_a, reading.output_on) == (None, None, False)
    assert peer.connections == 1


@pytest.mark.parametrize("model", SmuModel)
async def test_off_is_high_impedance_before_anything_else(model: SmuModel) -> None:
    """The first order to an instrument that is off disconnects the cell: its own off state would drain it."""
    peer = peer_of(model)
    source = source_of(peer, model)
    await source.open()
    orders = [line for line in peer.said if not line.endswith("?") or ";" in line]
    off_states = [setting.order for setting in DIALECTS[model].off_states]
    assert orders[0].split(";")[: len(off_states)] == off_states
    assert any(order.endswith((" HIMP", " HIZ")) for order in off_states)
    await source.close()


@pytest.mark.parametrize("model", SmuModel)
async def test_an_output_that_is_on_is_left_alone(model: SmuModel) -> None:
    """Who finds the output on orders nothing, and nothing can be prepared under that cell."""
    peer = peer_of(model)
    peer.values[":OUTP"] = "1"
    source = source_of(peer, model)
    await source.open()
    assert (await source.read()).output_on
    with pytest.raises(NotConfirmed, match="output is on"):
        await source.prepare(DISCHARGE, INTERVAL_S)
    assert all(unit.endswith("?") for line in peer.said for unit in line.split(";"))
    await source.close()


@pytest.mark.parametrize("identity", ["ACME,MODEL 2450,9,1", f"KEITHLEY,MODEL 2400,{SERIAL},1", "relay board 7"])
async def test_another_instrument_is_told_nothing(identity: str) -> None:
    """An instrument of another type or serial number hears the question who it is, and nothing more (fault A02)."""
    peer = ScpiPeer(identity=identity)
    source = source_of(peer)
    with pytest.raises(ConnectionFailed):
        await source.open()
    with pytest.raises(NotConfirmed):
        await source.switch_off()
    assert peer.said == ["*IDN?", "*IDN?"]


async def test_a_unit_that_speaks_tsp_is_refused() -> None:
    """A 2450 in another language would take none of the orders; the error says where to change it."""
    peer = peer_of()
    peer.values["*LANG"] = "TSP"
    with pytest.raises(ConnectionFailed, match="Command Set"):
        await source_of(peer).open()


def _asks() -> list[tuple[SmuModel, str, str]]:
    """Return each question of each dialect, with an answer that is another than what is ordered."""
    words = settings().reach.plan(DISCHARGE, INTERVAL_S).words()
    found = []
    for model in (SmuModel.KEITHLEY_2400, SmuModel.KEITHLEY_2450, SmuModel.KEYSIGHT_B2901A):
        for setting in (*DIALECTS[model].off_states, *DIALECTS[model].setup):
            is_on = filled(setting.wanted, words) in ("1", "ON")
            answer = str(int(not is_on)) if setting.form is Form.SWITCH else "7"
            found += [(model, filled(setting.ask, words), answer)] if setting.ask else []
    return found


@pytest.mark.parametrize(("model", "ask", "answer"), _asks())
async def test_any_setting_that_is_not_taken_refuses(model: SmuModel, ask: str, answer: str) -> None:
    """Each value is read back while the output is off; one that is another keeps it off (section 1.8)."""
    peer = peer_of(model)
    source = source_of(peer, model)
    await source.open()
    peer.wrong[ask.removesuffix("?")] = answer
    with pytest.raises(DriverError):
        await source.prepare(DISCHARGE, INTERVAL_S)
    with pytest.raises(DriverError):
        await source.switch_on()
    assert not peer.orders(":OUTP ON")
    await source.close()


async def test_a_limit_that_changed_since_keeps_the_output_off() -> None:
    """The limit is read back once more in the last moment before a current can flow."""
    peer = peer_of()
    source = source_of(peer)
    await source.open()
    await source.prepare(DISCHARGE, INTERVAL_S)
    peer.values[":SOUR:VOLT:ILIM"] = "1.05"
    with pytest.raises(NotConfirmed, match="ILIM"):
        await source.switch_on()
    assert not peer.orders(":OUTP ON")
    await source.close()


async def test_an_entry_of_the_error_queue_refuses() -> None:
    """What an instrument objects to is told in its words; what it objected to before is not held against it."""
    peer = peer_of()
    source = source_of(peer)
    peer.errors.append('-410,"Query interrupted"')
    await source.open()
    peer.errors.append('-113,"old"')
    await source.prepare(DISCHARGE, INTERVAL_S)
    peer.objects[":SENS:CURR:AVER OFF"] = '-221,"Settings conflict"'
    with pytest.raises(Refused, match="221"):
        await source.prepare(DISCHARGE, INTERVAL_S)
    peer.objects.clear()
    await source.prepare(DISCHARGE, INTERVAL_S)
    peer.errors.append('+802,"Output blocked by output enable"')
    with pytest.raises(Refused, match="802"):
        await source.switch_on()
    await source.close()


async def test_a_change_that_is_objected_to_is_an_error() -> None:
    """Also under a cell the error queue is read after each change."""
    peer = peer_of()
    async with discharging(peer) as source:
        peer.objects[":SOUR:VOLT 3"] = '-222,"Parameter out of range"'
        with pytest.raises(Refused, match="222"):
            await source.adjust(Drive(Held.VOLTAGE, 3.0, 1.57e-4, 4.2))


@pytest.mark.parametrize(("limit_a", "first"), [(1e-4, ":SOUR:VOLT:ILIM"), (9e-4, ":SOUR:VOLT ")])
async def test_the_smaller_limit_acts_first(limit_a: float, first: str) -> None:
    """Between the two halves of a change no more current flows than the larger of both limits allows at its level."""
    peer = peer_of()
    async with discharging(peer) as source:
        await source.adjust(Drive(Held.VOLTAGE, 3.0, limit_a, 4.2))
        assert peer.said[-2].startswith(first)


async def test_a_whole_line_that_answers_something_else_spoils_the_line() -> None:
    """Fewer answers than questions while everything is set: all of it is set again, on a new connection."""
    peer = peer_of()
    source = source_of(peer)
    await source.open()
    peer.spoilt.append(Spoilt(":SENS:CURR:RSEN?", instead=b"1\n"))
    await source.prepare(DISCHARGE, INTERVAL_S)
    assert peer.connections == 2
    assert len(peer.orders(":SENS:CURR:RSEN")) == 2
    await source.close()


async def test_a_line_that_nobody_asked_for_spoils_the_line() -> None:
    """What comes between two questions would answer the next one."""
    peer = peer_of()
    async with discharging(peer) as source:
        peer.spoilt.append(Spoilt(":READ?", afterwards=b"1;-9E-04,9.9;1\n"))
        for _ in range(3):
            assert (await source.read()).voltage_v == 3.3121
            await asyncio.sleep(0.2)
        assert peer.connections == 2


async def test_a_stop_uses_the_old_connection_once_more() -> None:
    """Where replies are lost orders may still arrive: the output goes off although nothing can be confirmed."""
    peer = peer_of()
    async with discharging(peer) as source:
        peer.spoilt += [Spoilt(":READ?", instead=b"")] + [Spoilt("*IDN?", instead=b"") for _ in range(3)]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await source.read()
        with pytest.raises(NotConfirmed):
            await source.switch_off()
        assert peer.values[":OUTP"] == "0"


SPOILT = {
    "late": Spoilt(":READ?", late_s=1.5),
    "lost": Spoilt(":READ?", instead=b""),
    "half": Spoilt(":READ?", instead=b"1;-1.57E"),
    "tail of another": Spoilt(":READ?", instead=b"-04,3.3121;1\n"),
    "two lines": Spoilt(":READ?", instead=b"1;-1.57E-04,2.9;1\n1;-9E-04,9.9;1\n"),
    "garbage": Spoilt(":READ?", instead=b"\xff\x00\x80\n"),
    "endless": Spoilt(":READ?", instead=b"1" * 100_000),
    "closed": Spoilt(":READ?", instead=b"1;-1.57E-04", hangs_up=True),
}


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT.keys())
async def test_a_spoiled_reply_is_never_the_next_reading(spoilt: Spoilt) -> None:
    """Fault A08: the line is opened anew, identified, errors and output read; then the reading is asked for again."""
    peer = peer_of()
    async with discharging(peer) as source:
        await source.read()
        said = len(peer.said)
        peer.spoilt.append(spoilt)
        for number in range(4):
            peer.reading = f"-1.57E-04,3.{number}"
            assert (await source.read()).voltage_v == float(f"3.{number}")
            await asyncio.sleep(0.2)
        assert peer.connections == 2
        after = peer.said[peer.said.index("*IDN?", said) :]
        assert after[:5] == ["*IDN?", "*LANG?", ":SYST:ERR?", "*ESR?", ":OUTP?"]
        assert after[5] == ":SOUR:FUNC?;:SOUR:VOLT?;:SOUR:VOLT:ILIM?"


async def test_a_cancelled_reading_spoils_the_line() -> None:
    """A reply that comes after its question was given up belongs to nobody."""
    peer = peer_of()
    async with discharging(peer) as source:
        peer.spoilt.append(Spoilt(":READ?", late_s=0.5))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await source.read()
        peer.reading = "1E-4,4.0"
        assert (await source.read()).voltage_v == 4.0
        assert peer.connections == 2


@pytest.mark.parametrize("is_taken", [True, False])
async def test_a_lost_reply_to_a_change_is_found_out_and_never_repeated(*, is_taken: bool) -> None:
    """A level whose confirmation is lost is read back; it is sent once, whether it was taken or not (fault A12)."""
    peer = peer_of()
    async with discharging(peer) as source:
        peer.spoilt.append(Spoilt(":SOUR:VOLT 3.0", instead=b""))
        if not is_taken:
            peer.wrong[":SOUR:VOLT"] = "2.8"
        changing = source.adjust(Drive(Held.VOLTAGE, 3.0, 1.57e-4, 4.2))
        if is_taken:
            await changing
        else:
            with pytest.raises(NotConfirmed):
                await changing
        assert len(peer.orders(":SOUR:VOLT 3.0")) == 1


@pytest.mark.parametrize("then", ["on", "off", "gone"])
async def test_a_lost_reply_to_switching_on_is_found_out(then: str) -> None:
    """Whether the output is on is asked; it is ordered once (fault A12)."""
    peer = peer_of()
    source = source_of(peer)
    await source.open()
    await source.prepare(DISCHARGE, INTERVAL_S)
    peer.spoilt.append(Spoilt(":OUTP ON", instead=b"", hangs_up=True))
    if then == "off":
        peer.obeys = False
    elif then == "gone":
        peer.identity = "somebody,else,1"
    if then == "on":
        await source.switch_on()
    else:
        with pytest.raises(NotConfirmed if then == "off" else OutcomeUnknown):
            await source.switch_on()
    assert len(peer.orders(":OUTP ON")) == 1
    await source.close()


async def test_no_value_is_none() -> None:
    """Overflow leaves the driver as no value, beside the other quantity (section 1.9, fault A14)."""
    peer = peer_of()
    async with discharging(peer) as source:
        peer.reading = "9.9E37,3.3121"
        reading = await source.read()
        assert (reading.current_a, reading.voltage_v, reading.output_on) == (None, 3.3121, True)


async def test_an_output_switched_off_at_the_panel_is_seen_with_the_next_reading() -> None:
    """The instrument itself says with every reading whether its output is on (section 16, fault B03)."""
    peer = peer_of()
    async with discharging(peer) as source:
        peer.values[":OUTP"] = "0"
        assert not (await source.read()).output_on
        await asyncio.sleep(60.0)
        assert not peer.orders(":OUTP OFF")


async def test_a_limit_changed_by_hand_is_seen_within_seconds() -> None:
    """Level and limit are read again every five seconds under a cell, and a change is an error (fault B03)."""
    peer = peer_of()
    async with discharging(peer) as source:
        await source.read()
        peer.values[":SOUR:VOLT:ILIM"] = "1.0E-1"
        begun_s = asyncio.get_running_loop().time()
        with pytest.raises(NotConfirmed, match="somebody"):
            await _read_for(source, 60.0)
        assert asyncio.get_running_loop().time() - begun_s <= 5.0 + INTERVAL_S


async def test_after_a_power_cut_the_cell_is_disconnected_and_nothing_goes_on() -> None:
    """Its power-on setup may drain the cell: high impedance is set at once, it stays off (section 14, fault B01)."""
    peer = peer_of()
    async with discharging(peer) as source:
        peer.values |= {":OUTP": "0", "*ESR": "128", ":OUTP:VOLT:SMOD": "NORM", ":OUTP:CURR:SMOD": "NORM"}
        peer.spoilt.append(Spoilt(":READ?", instead=b"", hangs_up=True))
        assert not (await source.read()).output_on
        assert (peer.values[":OUTP:VOLT:SMOD"], peer.values[":OUTP:CURR:SMOD"]) == ("HIMP", "HIMP")
        with pytest.raises(NotConfirmed, match="power was cut"):
            await source.switch_on()


async def test_an_output_nobody_decides_about_goes_off() -> None:
    """A decision that is lost ends the current, a second after it was due; decisions in time never do."""
    peer = peer_of()
    async with discharging(peer) as source:
        await _read_for(source, 10.0)
        assert peer.values[":OUTP"] == "1"
        await asyncio.sleep(0.99)
        assert peer.values[":OUTP"] == "1"
        await asyncio.sleep(0.02)
        assert peer.values[":OUTP"] == "0"
        assert not (await source.read()).output_on
        await source.prepare(DISCHARGE, INTERVAL_S)
        await asyncio.sleep(60.0)
        assert len(peer.orders(":OUTP OFF")) == 1


async def test_a_stop_grows_in_force_and_is_told_when_nothing_helps() -> None:
    """Fault B07: an output that stays on is aborted, then reset with high impedance; then a person is needed."""
    peer = peer_of()
    async with discharging(peer) as source:
        peer.obeys = False
        peer.wrong[":OUTP"] = "1"
        with pytest.raises(NotConfirmed, match="cannot be seen off"):
            await source.switch_off()
        lines = [line for line in peer.said if "OUTP OFF" in line or "RST" in line]
        assert lines == [":OUTP OFF;:OUTP?", ":ABOR;:OUTP OFF;:OUTP?", "*RST;:OUTP:SMOD HIMP;:OUTP?"]


@pytest.mark.real_time
async def test_a_loop_that_is_switching_off_is_not_stuck() -> None:
    """The thread leaves an output to a loop that is at it, however long that takes."""
    shouted: list[float] = []
    begun: list[float] = []

    async def switch_off() -> None:
        begun.append(time.monotonic())
        await asyncio.sleep(10.0)

    dead_man = DeadMan("test", switch_off, lambda: shouted.append(time.monotonic()))
    dead_man.arm(0.05, by_thread=True)
    await asyncio.sleep(0.5)
    dead_man.close()
    assert (len(begun), shouted) == (1, [])


@pytest.mark.real_time
async def test_a_stuck_event_loop_switches_nothing_on_for_longer(figure: Figure) -> None:
    """While the loop is stuck, a thread orders the output off at the socket (fault E03)."""
    switched_off = threading.Event()
    peer = peer_of()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener, peer, switched_off), daemon=True).start()
        host, port = listener.getsockname()
        unit = settings(resource=f"TCPIP::{host}::{port}::SOCKET")
        source = SmuSource(unit, link_to(unit), 0.1)
        await source.open()
        await source.prepare(DISCHARGE, 0.1)
        await source.switch_on()
        begun_s = time.monotonic()
        assert switched_off.wait(10.0)  # the fault: nothing else runs on this loop meanwhile
        figure("E03", "until a thread switches a source meter off", time.monotonic() - begun_s, "s")
        assert not (await source.read()).output_on
        await source.close()


async def _read_for(source: SmuSource, seconds: float) -> None:
    """Decide in time, for so long."""
    end_s = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end_s:
        await source.read()
        await asyncio.sleep(INTERVAL_S)


def _serve(listener: socket.socket, peer: ScpiPeer, switched_off: threading.Event) -> None:
    """Serve an instrument by script from a thread."""
    client, _ = listener.accept()
    with client:
        while data := client.recv(4096):
            for line in data.decode().splitlines():
                if answers := peer.answer(line):
                    client.sendall(answers)
                if line == ":OUTP OFF":
                    switched_off.set()
