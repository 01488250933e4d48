"""What can go wrong between an oven's driver and its controller: named errors, right values, no word to strangers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import pytest

from drivers.errors import BadReply, ConnectionFailed, LinkClosed, NoReply, NotConfirmed, OutcomeUnknown
from drivers.oven.opening import ovens_of
from drivers.temperatures import OvenReading
from drivers.transport.line import StreamLine, Streams
from orchestrator.clock.virtual import wall_time
from simulators.faults import Fault, Spoil
from simulators.memory_streams import connect_memory
from simulators.oven.controller import SimulatedController, oven_of
from simulators.oven.frames import sealed
from tests.oven_rig import EUROTHERM, OMRON, OvenRig, settings_of

_TCP = {"kind": "tcp", "host": "127.0.0.1"}
_QUIET = {"reconnect_first_s": 0.001, "reconnect_longest_s": 0.002}


async def _opened(*models: str, **options: Any) -> OvenRig:  # noqa: ANN401 - options of the rig
    rig = OvenRig(models or (EUROTHERM,), **_QUIET | options)
    for driver in rig.drivers:
        await driver.open()
    return rig


def _is_right(reading: OvenReading) -> bool:
    """Say whether a reading is that of the cold simulated oven, none of its values another's."""
    degc = reading.temperature_degc
    return degc is not None and abs(degc - 24.0) < 1.5 and reading.target_degc == reading.working_degc == 25.0


@pytest.mark.parametrize("link", [{}, _TCP], ids=["rtu", "tcp"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(Spoil.BYTE_BY_BYTE, "3"),
        Fault(Spoil.CUT, "3", at=4),
        Fault(Spoil.CLOSED, "3"),
        Fault(Spoil.FLIPPED, "3", at=-3),
        Fault(Spoil.TWICE, "3"),
        Fault(Spoil.STALE, "3"),
    ],
    ids=lambda fault: fault.spoil.value,
)
async def test_one_spoiled_reply_is_mended(fault: Fault, link: dict[str, str]) -> None:
    """A reply that is cut, flipped, doubled or preceded by an old one costs a new connection and no wrong value."""
    rig = await _opened(link=link)
    rig.line.wire.spoil(fault)
    for _ in range(3):
        try:
            assert _is_right(await rig.driver.read())
        except ConnectionFailed:
            assert fault.spoil is Spoil.FLIPPED
            await asyncio.sleep(0.01)
    assert not rig.line.wire.is_spoiled
    assert _is_right(await rig.driver.read())
    await rig.close()


@pytest.mark.parametrize("late_s", [1.2, 1.9, 2.5, 5.0])
@pytest.mark.parametrize("link", [{}, _TCP], ids=["rtu", "tcp"])
async def test_late_reply_never_becomes_the_next_reading(late_s: float, link: dict[str, str]) -> None:
    """Fault A08: whenever a late reply arrives, no reading has a value of another register."""
    rig = await _opened(link=link)
    for command in range(4):
        rig.line.wire.spoil(Fault(Spoil.LATE, "3", seconds=late_s))
        for _ in range(4):
            try:
                assert _is_right(await rig.driver.read()), command
            except ConnectionFailed:
                await asyncio.sleep(0.01)
    await asyncio.sleep(10)
    await rig.driver.set_target(60.0)
    assert rig.oven.target_degc == 60.0
    await rig.close()


async def test_cancelled_reading_does_not_become_the_next_one() -> None:
    """A reading that is cancelled leaves its reply on the line, and the next one is right all the same."""
    rig = await _opened()
    for delay_s in (0.001, 0.015, 0.022, 0.03, 0.05):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(rig.driver.read(), delay_s)
        assert _is_right(await rig.driver.read())
    await rig.close()


async def test_lost_reply_to_an_order_is_resolved_by_reading() -> None:
    """Fault A12: the set point is there though its reply was lost; it was sent once."""
    rig = await _opened()
    rig.line.wire.spoil(Fault(Spoil.SILENT, "6"))
    await rig.driver.set_target(60.0)
    assert (rig.oven.target_degc, rig.controller.writes) == (60.0, 1)
    await rig.close()


async def test_order_whose_outcome_nobody_can_ask_is_unknown() -> None:
    """With the line dead after an order the outcome is unknown, and nothing is sent again by itself."""
    rig = await _opened()
    rig.line.wire.spoil(Fault(Spoil.CLOSED, "6"))
    rig.controller.silent_after_writes = 1
    with pytest.raises(OutcomeUnknown, match="set point 60 was sent and cannot be read back"):
        await rig.driver.set_target(60.0)
    rig.controller.silent_after_writes = None
    assert rig.controller.writes == 1
    await asyncio.sleep(1)
    await rig.driver.read()
    assert rig.controller.writes == 1
    await rig.close()


async def test_absent_unit_is_silent_and_named() -> None:
    """A unit that is not there is silence and no exception; the error says what to look at."""
    rig = OvenRig()
    rig.controller.unit = 40
    with pytest.raises(NoReply, match=r"unit 32: .*no reply in 1 s: check power, wiring and the unit number"):
        await rig.driver.open()
    assert rig.controller.received == []
    await rig.close()


async def test_absent_unit_behind_a_gateway_is_named() -> None:
    """A gateway's exception 11 is no refusal of the oven, but no answer from it."""
    rig = OvenRig(link=_TCP)
    rig.line.quirks.gateway, rig.controller.unit = True, 40
    with pytest.raises(NoReply, match="the gateway gets no answer from it"):
        await rig.driver.open()
    await rig.close()


async def test_dead_oven_hardly_holds_up_the_other_one_of_its_line() -> None:
    """Two ovens share a line; while one is dead the other is read, and the dead one is asked ever more rarely."""
    rig = OvenRig((EUROTHERM, OMRON))
    for driver in rig.drivers:
        await driver.open()
    rig.ovens[0].cut_power()
    loop, longest_s, refused = asyncio.get_running_loop(), 0.0, 0
    for _ in range(60):
        try:
            await rig.drivers[0].read()
        except NoReply:
            refused += 1
        since_s = loop.time()
        assert (await rig.drivers[1].read()).temperature_degc is not None
        longest_s = max(longest_s, loop.time() - since_s)
        await asyncio.sleep(5)
    assert refused == 60
    assert longest_s < 1.5
    asked = rig.connections
    assert asked < 30
    rig.ovens[0].restore_power()
    await asyncio.sleep(60)
    assert (await rig.drivers[0].read()).temperature_degc is not None
    await rig.close()


async def test_ovens_of_one_line_speak_one_after_another() -> None:
    """Readings asked for at the same time are each the right oven's."""
    rig = await _opened(EUROTHERM, OMRON)
    rig.ovens[1].set_at_panel(40.0)
    both = await asyncio.gather(*(driver.read() for driver in rig.drivers for _ in range(5)))
    assert [one.target_degc for one in both] == [25.0] * 5 + [40.0] * 5
    assert rig.connections == 1
    await rig.close()


async def test_adapters_swapped_are_told_and_the_wrong_oven_gets_no_order() -> None:
    """Fault A02: another controller with the same unit number answers; it is asked who it is, and told nothing."""
    rig = await _opened()
    other = SimulatedController(OMRON, oven_of(OMRON, asyncio.get_running_loop().time), 32)
    rig.line.controllers[:] = [other]
    rig.line.wire.spoil(Fault(Spoil.CLOSED, "3"))
    with pytest.raises(ConnectionFailed, match="it is no eurotherm-3216; it was told nothing else"):
        await rig.driver.set_target(60.0)
    assert other.writes == 0
    await rig.close()


async def test_oven_of_the_same_make_with_another_identity_is_told() -> None:
    """An identity in the bench file tells two controllers of one make apart, before and after they are swapped."""
    rig = OvenRig(identity={"type": 4711})
    with pytest.raises(ConnectionFailed, match="has type 12822, expected 4711; it was told nothing else"):
        await rig.driver.set_target(60.0)
    assert rig.controller.writes == 0
    await rig.close()


async def test_changed_identity_behind_an_open_driver_is_told() -> None:
    """A controller that was replaced while the line was down is not taken for the one that was there before."""
    rig = await _opened()
    rig.controller.registers[122] = ("constant 4711", "word")
    rig.line.wire.spoil(Fault(Spoil.CUT, "3", at=2))
    with pytest.raises(ConnectionFailed, match="has type 4711, and had 12822 before"):
        await rig.driver.read()
    await rig.close()


@pytest.mark.parametrize("filler", [b"\x00", b"*IDN?\n", b"\x20\x03", bytes(range(256))])
async def test_garbage_on_the_line_is_named(filler: bytes) -> None:
    """An instrument that speaks something else, or never stops, ends in a named error within the time-out."""

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(64):
            writer.write(filler * 50)
            await writer.drain()

    rig = OvenRig()
    rig.handle = babble
    with pytest.raises(BadReply):
        await rig.driver.open()
    await rig.close()


async def test_two_masters_end_in_named_errors_and_never_in_a_wrong_value() -> None:
    """Another program polls the same line: readings are right or refused by name, orders reach the oven or are told."""
    rig = await _opened()
    reader, writer = connect_memory(rig.line.handle)

    async def other_master() -> None:
        n = 0
        while True:
            n += 1
            # The same unit, function and count as ours, of other registers.
            writer.write(sealed(bytes([32, 3, 0, 2 if n % 2 else 11, 0, 5 if n % 2 else 2])))
            await asyncio.sleep(0.173)

    other = asyncio.create_task(other_master())
    named: set[str] = set()
    for _ in range(60):
        await asyncio.sleep(0.07)
        try:
            assert _is_right(await rig.driver.read())
        except ConnectionFailed as err:
            named |= {words for words in ("another master", "asked again") if words in str(err)} or {str(err)}
    assert "another master" in named
    assert named <= {"another master", "asked again"}
    for target in (50.0, 60.0, 70.0, 80.0):
        with contextlib.suppress(ConnectionFailed, OutcomeUnknown, NotConfirmed):
            await rig.driver.set_target(target)
            assert rig.oven.target_degc == target
    other.cancel()
    writer.close()
    await reader.read()
    await asyncio.sleep(5)
    assert (await rig.driver.read()).target_degc == rig.oven.target_degc
    await rig.close()


async def test_line_pulled_in_the_middle_of_a_reply_says_what_was_there() -> None:
    """Fault A01: of the reply that broke off the bytes are shown, and the line is found again by itself."""
    rig = await _opened()
    rig.line.wire.spoil(Fault(Spoil.CUT, "3", at=4, times=None))
    with pytest.raises(LinkClosed, match="of the reply there was 20 03"):
        await rig.driver.read()
    rig.line.wire.mend()
    await asyncio.sleep(1)
    assert _is_right(await rig.driver.read())
    await rig.close()


async def test_gateway_that_tells_of_a_silent_unit_stays_connected() -> None:
    """A unit that a gateway misses costs the others of it nothing: the line is in step, and stays open."""
    rig = await _opened(EUROTHERM, OMRON, link=_TCP)
    rig.line.quirks.gateway, rig.controllers[0].unit = True, 40
    for _ in range(5):
        with pytest.raises(NoReply, match="gateway gets no answer"):
            await rig.drivers[0].read()
        await asyncio.sleep(0.01)
        assert (await rig.drivers[1].read()).temperature_degc is not None
    assert rig.connections == 1
    await rig.close()


async def test_decimals_that_cannot_be_asked_name_the_setting() -> None:
    """A controller without the float area says which setting helps, and is right with it."""
    rig = OvenRig()
    rig.controller.has_float_area = False
    with pytest.raises(BadReply, match="set scale in the bench file"):
        await rig.driver.open()
    await rig.close()
    rig = OvenRig(scale=0.1)
    rig.controller.has_float_area = False
    await rig.driver.open()
    assert _is_right(await rig.driver.read())
    await rig.close()


async def test_reply_that_no_silence_has_outlasted_is_never_a_value() -> None:
    """A reply of long ago, taken for the first values of a connection, is found out by the identity behind them."""
    held, late = {7: 815, 100: 240, 101: 250}, [(600, 605)]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while request := await reader.readexactly(8):
                address, count = int.from_bytes(request[2:4]), int.from_bytes(request[4:6])
                if count == 2 and late:
                    writer.write(_reply(late.pop()))
                    await asyncio.sleep(0.05)
                writer.write(_reply([held[address + n] for n in range(count)]))
        writer.close()

    async def connect() -> Streams:
        return connect_memory(serve)

    async def lines() -> list[StreamLine]:
        return [StreamLine("memory", connect)]

    (oven,) = ovens_of([settings_of("", map=_ONE_BLOCK, **_QUIET)], wall_time, lambda _: lines)
    await oven.open()
    reading = await oven.read()
    assert not late
    assert (reading.temperature_degc, reading.target_degc) == (24.0, 25.0)
    await oven.close()


_ONE_BLOCK = {
    "name": "cabinet",
    "link": {"kind": "rtu"},
    "identity": [{"address": 7, "name": "kind", "equals": 815}],
    "block": [[100, 2]],
    "read": {
        "pv": {"address": 100, "type": "i16", "scale": 0.1},
        "setpoint": {"address": 101, "type": "i16", "scale": 0.1},
    },
    "write": {"setpoint": {"address": 101, "type": "i16", "scale": 0.1}, "function": 6},
}


def _reply(words: Sequence[int]) -> bytes:
    return sealed(bytes([1, 3, 2 * len(words)]) + b"".join(word.to_bytes(2) for word in words))
