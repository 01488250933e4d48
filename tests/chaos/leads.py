"""What may happen around the potentiostat and its switch, each kind as one function, as in ``happenings``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from simulators.faults import Fault, Spoil
from tests.chaos.orders import stop_run
from tests.chaos.plan import Happening, pick

if TYPE_CHECKING:
    from tests.chaos.night import Night

Faults = dict[str, str | bool | float]

PROGRAM_FAULTS: tuple[Faults, ...] = (
    {"link_failed": True},
    {"hang": "start"},
    {"hang": "run"},
    {"hang": "end"},
    {"comm_loss": True},
    {"crash": "start"},
    {"crash": "run"},
    {"disk_full": True},
    {"half_file": True},
    {"stale_file": True},
    {"wrong_technique": True},
    {"wrong_header": True},
    {"slow_file_s": 5.0},
)
SWITCH_SPOILS = (
    Fault(Spoil.SILENT),
    Fault(Spoil.LATE, seconds=1.5),
    Fault(Spoil.LATE, seconds=30.0),
    Fault(Spoil.CUT, at=2),
    Fault(Spoil.CLOSED),
    Fault(Spoil.ENDLESS, limit_bytes=1 << 14),
    Fault(Spoil.GARBAGE_BEFORE),
    Fault(Spoil.GARBAGE_AFTER),
    Fault(Spoil.TWICE),
    Fault(Spoil.WITH_NEXT),
    Fault(Spoil.STALE),
    Fault(Spoil.BYTE_BY_BYTE),
    Fault(Spoil.FLIPPED, at=3),
)
LOOK_S = 5.0


async def measured(night: Night, it: Happening) -> str | None:
    """Wait for a cell to come to the leads, and some time more; give its channel unless it has gone again."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + it.lasts_s
    while night.corner.channel is None:
        if loop.time() >= until_s:
            return None
        await asyncio.sleep(LOOK_S)
    await asyncio.sleep(it.luck * 1000 % 90.0)
    return night.corner.channel


# The program and the instrument --------------------------------------------------------------------------------------


async def program_spoiled(night: Night, it: Happening) -> bool:
    """Let the vendor's program fail in one way for some time."""
    night.corner.spoil(pick(PROGRAM_FAULTS, it.luck))
    await asyncio.sleep(it.lasts_s)
    night.corner.spoil({})
    return True


async def used_by_somebody(night: Night, it: Happening) -> bool:
    """Let somebody have the program open for himself."""
    if not night.corner.somebody_comes():
        return False
    await asyncio.sleep(it.lasts_s)
    night.corner.everybody_out()
    return True


# The switch ----------------------------------------------------------------------------------------------------------


async def switch_spoiled(night: Night, it: Happening) -> bool:
    """Spoil one reply of the switch, or every one for some time."""
    fault = SWITCH_SPOILS[int(it.luck * 7919) % len(SWITCH_SPOILS)]
    times = pick((1, 2, None, None), it.luck)
    wire = night.corner.relays.wire
    wire.spoil(Fault(fault.spoil, None, times, fault.seconds, fault.at, fault.filler, fault.limit_bytes))
    await asyncio.sleep(it.lasts_s)
    wire.mend()
    return True


async def switch_dead(night: Night, it: Happening) -> bool:
    """Let the switch lose its power: its relays open, and nobody answers."""
    night.host.switch_is_dead(True)
    await asyncio.sleep(it.lasts_s)
    night.host.switch_is_dead(False)
    return True


async def switch_dead_while_measuring(night: Night, it: Happening) -> bool:
    """Let it lose its power for a moment in the middle of a measurement."""
    if await measured(night, it) is None:
        return False
    night.host.switch_is_dead(True)
    await asyncio.sleep(it.luck * 10000 % 60.0)
    night.host.switch_is_dead(False)
    return True


async def relay_welded(night: Night, it: Happening) -> bool:
    """Let a relay stick once it is closed: the one that is, or any."""
    relays = night.corner.relays.relays
    port = pick(relays.closed or range(1, relays.ports + 1), it.luck)
    relays.welded.add(port)
    await asyncio.sleep(it.lasts_s)
    relays.welded.discard(port)
    return True


async def relay_dead(night: Night, it: Happening) -> bool:
    """Let a relay not close any more for some time."""
    relays = night.corner.relays.relays
    port = pick(range(1, relays.ports + 1), it.luck)
    relays.dead.add(port)
    await asyncio.sleep(it.lasts_s)
    relays.dead.discard(port)
    return True


# In the middle of a measurement --------------------------------------------------------------------------------------


async def stopped_while_measuring(night: Night, it: Happening) -> bool:
    """Stop the run whose cell is at the leads."""
    channel = await measured(night, it)
    service = night.host.service
    runs = (
        [run for run in service.runs if run.request.channel == channel and not run.state.has_ended] if service else []
    )
    if not runs:
        return False
    await stop_run(night, runs[0])
    return True


async def killed_while_measuring(night: Night, it: Happening) -> bool:
    """Kill the service in the middle of a measurement; the vendor's program goes on. Start it again later."""
    if await measured(night, it) is None or night.host.process is None:
        return False
    night.kill()
    await asyncio.sleep(it.luck * 10000 % 1200.0)
    night.host.start()
    return True


async def computer_dies_while_measuring(night: Night, it: Happening) -> bool:
    """Let the computer die there, and the vendor's program with it; the switch stays as it is."""
    if await measured(night, it) is None or night.host.process is None:
        return False
    night.kill()
    night.corner.everybody_out()
    night.corner.end_programs(lambda _: True)
    await asyncio.sleep(it.luck * 10000 % 1200.0)
    night.host.start()
    return True


async def started_by_hand_while_measuring(night: Night, it: Happening) -> bool:
    """Let somebody start a test of his own on the channel whose cell is at the leads."""
    channel = await measured(night, it)
    if channel is None:
        return False
    night.invariants.look(night.host)
    test = night.bench.tester.start(channel, night.schedule(channel), "somebody")
    if test is not None:
        night.invariants.foreign.add((channel, test))
    return test is not None


async def rebooted_while_measuring(night: Night, it: Happening) -> bool:
    """Reboot the tester then."""
    if await measured(night, it) is None:
        return False
    night.bench.tester.reboot(keep_program=it.luck < 0.5)
    return True


TABLE: dict[str, Callable[[Night, Happening], Awaitable[bool]]] = {
    "potentiostat's program spoiled": program_spoiled,
    "potentiostat used by somebody": used_by_somebody,
    "switch spoiled": switch_spoiled,
    "switch loses power": switch_dead,
    "switch loses power while measuring": switch_dead_while_measuring,
    "relay does not open": relay_welded,
    "relay does not close": relay_dead,
    "stop while measuring": stopped_while_measuring,
    "service killed while measuring": killed_while_measuring,
    "computer dies while measuring": computer_dies_while_measuring,
    "started by hand while measuring": started_by_hand_while_measuring,
    "tester reboots while measuring": rebooted_while_measuring,
}
