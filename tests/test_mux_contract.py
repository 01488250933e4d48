"""What a relay switch's driver must do on a good line: the same conversation over every kind of line."""

from __future__ import annotations

import asyncio

import pytest

from drivers.errors import CannotRun
from drivers.interfaces import Isolation, Multiplexer
from drivers.mux import Chi684Multiplexer, Chi684Settings, RelayMultiplexer
from simulators.faults import Fault, Spoil
from tests.mux_rig import MuxRig, open_mux_rig, settings_for

REAL = ["tcp", "socket", "pty"]
BREAK = ["ROUT:OPEN:ALL", "SYST:ERR?", "ROUT:CLOS?", "ROUT:CLOS?"]


def make(port: int) -> list[str]:
    """Give what is said to connect a port."""
    return [*BREAK, f"ROUT:CLOS (@{port})", "SYST:ERR?", "ROUT:CLOS?", "ROUT:CLOS?"]


SAID = ["*IDN?", *BREAK, *make(3), "ROUT:CLOS?", "ROUT:CLOS?", *make(5), *BREAK, *make(8), *BREAK]


async def converse(rig: MuxRig) -> None:
    """Open, connect this and that, ask, and close; everything that can be said to a switch."""
    multiplexer = rig.multiplexer
    assert isinstance(multiplexer, Multiplexer)
    await multiplexer.open()
    await multiplexer.select(3)
    assert await multiplexer.selected() == 3
    await multiplexer.select(5)
    await multiplexer.select(None)
    await multiplexer.select(8)
    await multiplexer.close()
    assert rig.mux.received == SAID
    assert rig.ports == [3, None, 5, None, 8, None]


@pytest.mark.parametrize("transport", ["memory", "cable"])
async def test_conversation_in_virtual_time(transport: str) -> None:
    """Both ends in one loop, without threads: every command in its order, and never two ports at once."""
    async with open_mux_rig(transport) as rig:
        await converse(rig)


@pytest.mark.parametrize("transport", REAL)
@pytest.mark.real_time
async def test_conversation_in_real_time(transport: str) -> None:
    """TCP, pyserial's own TCP and a pseudo-terminal carry the very same conversation."""
    async with open_mux_rig(transport, settle_s=0.0) as rig:
        await converse(rig)


@pytest.mark.rig(settle_s=0.25)
async def test_relays_are_given_time_to_settle(mux_rig: MuxRig) -> None:
    """Break, settle, make: the time between is that of the settings."""
    await mux_rig.multiplexer.select(1)
    await mux_rig.multiplexer.select(2)
    (_, made), (broken_s, broken), (made_s, then) = mux_rig.heard
    assert (made, broken, then) == (1, None, 2)
    assert made_s - broken_s == pytest.approx(0.25)


async def test_two_orders_at_once_are_carried_out_one_after_another(mux_rig: MuxRig) -> None:
    """Two callers never share a pair of ports."""
    await asyncio.gather(mux_rig.multiplexer.select(1), mux_rig.multiplexer.select(2), mux_rig.multiplexer.selected())
    assert mux_rig.ports == [1, None, 2]


@pytest.mark.parametrize("port", [0, -1, 9])
async def test_port_that_is_not_there_is_refused_before_anything_is_sent(mux_rig: MuxRig, port: int) -> None:
    """The sentence says which ports there are."""
    before = list(mux_rig.mux.received)
    with pytest.raises(CannotRun, match="1 to 8"):
        await mux_rig.multiplexer.select(port)
    assert mux_rig.mux.received == before


@pytest.mark.parametrize("transport", ["memory", "cable"])
async def test_cancelled_question_leaves_no_answer_for_the_next(mux_rig: MuxRig) -> None:
    """What a cancelled question is told later is not taken for the answer to another."""
    await mux_rig.multiplexer.select(3)
    mux_rig.mux.wire.spoil(Fault(Spoil.LATE, "ROUT:CLOS?", seconds=1.0))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await mux_rig.multiplexer.selected()
    mux_rig.mux.relays.open_all()
    mux_rig.mux.relays.close([6])
    assert await mux_rig.multiplexer.selected() == 6
    # A new connection at once: on the old one a thread may still be reading.
    assert mux_rig.mux.received[-4:] == ["ROUT:CLOS?", "*IDN?", "ROUT:CLOS?", "ROUT:CLOS?"]


@pytest.mark.parametrize("isolation", list(Isolation))
def test_isolation_is_what_the_settings_say(isolation: Isolation) -> None:
    """Whether the tester's leads come off is wiring: nobody can ask a relay."""
    assert RelayMultiplexer(settings_for(isolates_tester=isolation.value)).isolates_tester is isolation
    assert RelayMultiplexer(settings_for()).isolates_tester is Isolation.UNKNOWN


async def test_driver_that_was_never_opened_closes_without_a_word() -> None:
    """Closing what nobody used reaches for no port."""
    async with open_mux_rig() as rig:
        await rig.multiplexer.close()
        assert rig.mux.received == []


async def test_driver_that_only_asked_switches_nothing_when_it_closes() -> None:
    """``bench check`` asks beside a service that measures: the cell stays where it is."""
    async with open_mux_rig() as rig:
        rig.mux.relays.close([6])
        assert await rig.multiplexer.selected() == 6
        await rig.multiplexer.close()
        assert rig.mux.received == ["*IDN?", "ROUT:CLOS?", "ROUT:CLOS?"]


async def test_chi684_remembers_the_port_for_the_next_macro() -> None:
    """It is switched by the potentiostat's macro, never takes the tester off, and ignores no wrong port silently."""
    chi684 = Chi684Multiplexer(Chi684Settings(ports=16))
    assert isinstance(chi684, Multiplexer)
    await chi684.open()
    assert (chi684.port, chi684.isolates_tester) == (None, Isolation.NO)
    await chi684.select(16)
    assert (chi684.port, await chi684.selected()) == (16, 16)
    with pytest.raises(CannotRun, match="1 to 16"):
        await chi684.select(17)
    await chi684.close()
    assert await chi684.selected() is None
