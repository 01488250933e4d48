"""The driver of source meters against instruments by script: replies that are late, lost, cut or another question's."""

from __future__ import annotations

import asyncio

import pytest

from drivers.errors import ConnectionFailed, NotConfirmed, OutcomeUnknown
from drivers.smu import SmuSource
from drivers.smu.links import StreamLink
from drivers.sources import Drive, Held
from drivers.transport.line import Streams
from tests.scpi_peer import Spoilt
from tests.smu_by_script import (
    DISCHARGE,
    INTERVAL_S,
    discharging,
    peer_of,
    settings,
    source_of,
)


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


async def test_what_comes_before_the_first_question_is_no_identity() -> None:
    """A line that is there as soon as a connection stands was not asked for: nothing is asked on that connection."""
    peer = peer_of()
    peer.greeting = f"{peer.identity}\n".encode()

    async def connect() -> Streams:
        streams = await peer.connect()
        await asyncio.sleep(0.1)
        return streams

    source = SmuSource(settings(), StreamLink("memory", connect), 1.0)
    with pytest.raises(ConnectionFailed, match="which nobody asked for"):
        await source.open()
    assert peer.said == []
    await source.close()


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
