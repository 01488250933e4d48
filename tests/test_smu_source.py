"""The driver of source meters against instruments by script: what it says, and in which order."""

from __future__ import annotations

import asyncio

import pytest

from drivers.errors import ConnectionFailed, DriverError, NotConfirmed, Refused
from drivers.smu import SmuModel
from drivers.smu.dialects import DIALECTS, Form
from drivers.smu.wire import filled
from drivers.sources import Drive, Held
from tests.scpi_peer import ScpiPeer, Spoilt
from tests.smu_by_script import (
    DISCHARGE,
    INTERVAL_S,
    SERIAL,
    discharging,
    peer_of,
    read_for,
    settings,
    source_of,
)


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
            await read_for(source, 60.0)
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
