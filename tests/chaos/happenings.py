"""What may happen in a night, each kind as one function; it says whether it found something to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from simulators.faults import Fault, Spoil
from simulators.neware.settings import Trouble
from tests.chaos import instrument_troubles, leads, lies, readers
from tests.chaos.orders import acknowledge, hold, resume, stop, stop_rack, submit, submit_and_stop, submit_measuring
from tests.chaos.plan import HOUR_S, Happening, pick

if TYPE_CHECKING:
    from tests.chaos.night import Night

SPOILS = (
    Fault(Spoil.SILENT),
    Fault(Spoil.LATE, seconds=7.0),
    Fault(Spoil.LATE, seconds=45.0),
    Fault(Spoil.CUT, at=60),
    Fault(Spoil.CLOSED),
    Fault(Spoil.ENDLESS, limit_bytes=1 << 16),
    Fault(Spoil.GARBAGE_BEFORE),
    Fault(Spoil.GARBAGE_AFTER),
    Fault(Spoil.TWICE),
    Fault(Spoil.WITH_NEXT),
    Fault(Spoil.STALE),
    Fault(Spoil.BYTE_BY_BYTE),
)
COMMANDS = (None, None, "start", "start", "stop", "stop", "inquire", "inquiredf", "download", "connect", "goto")


# The link ------------------------------------------------------------------------------------------------------------


async def _spoil(night: Night, it: Happening, times: int | None, command: str | None) -> bool:
    fault = SPOILS[int(it.luck * 7919) % len(SPOILS)]
    spoiled = Fault(fault.spoil, command, times, fault.seconds, fault.at, fault.filler, fault.limit_bytes)
    with night.link_trouble():
        night.bench.wire.spoil(spoiled)
        await asyncio.sleep(it.lasts_s)
        night.bench.wire.mend()
    return True


async def reply_spoiled(night: Night, it: Happening) -> bool:
    """Spoil one reply to some command."""
    return await _spoil(night, it, 1, pick(COMMANDS, it.luck))


async def link_spoiled(night: Night, it: Happening) -> bool:
    """Spoil every reply for some time."""
    return await _spoil(night, it, None, None)


async def start_spoiled(night: Night, it: Happening) -> bool:
    """Order a run while replies from some command on are lost."""
    with night.link_trouble():
        command = pick(("start", "inquire", "inquiredf", None), it.luck)
        night.bench.wire.spoil(Fault(pick((Spoil.SILENT, Spoil.CLOSED, Spoil.CUT), it.luck * 97 % 1), command, None))
        submitted = await submit(night, it)
        if command is None or command.startswith("inq"):
            night.bench.wire.mend()
            await asyncio.sleep(it.luck * 1000 % 6.0)
            night.bench.wire.spoil(Fault(Spoil.CLOSED, command, None))
        await asyncio.sleep(it.lasts_s)
        night.bench.wire.mend()
    return submitted


async def stop_spoiled(night: Night, it: Happening) -> bool:
    """Stop some run while replies to some command are lost."""
    with night.link_trouble():
        command = pick(("stop", "inquire", "download", None), it.luck)
        night.bench.wire.spoil(Fault(pick((Spoil.SILENT, Spoil.CLOSED, Spoil.CUT), it.luck * 97 % 1), command, None))
        stopped = await stop(night, it)
        await asyncio.sleep(it.lasts_s)
        night.bench.wire.mend()
    return stopped


async def bts_dead(night: Night, it: Happening) -> bool:
    """Let BTS's server be dead for some time."""
    with night.link_trouble():
        night.host.bts_is_dead(True)
        await asyncio.sleep(it.lasts_s)
        night.host.bts_is_dead(False)
    return True


# The tester and the cells --------------------------------------------------------------------------------------------


async def reboot_kept(night: Night, it: Happening) -> bool:
    """Reboot the tester; it pauses."""
    night.bench.tester.reboot(keep_program=True)
    return True


async def reboot_lost(night: Night, it: Happening) -> bool:
    """Reboot the tester; its programs are gone."""
    night.bench.tester.reboot(keep_program=False)
    return True


async def pulled_out(night: Night, it: Happening) -> bool:
    """Pull a cell out for a while."""
    with night.corner.reached(it.channel):
        night.bench.tester.pull_out_cell(it.channel)
    await asyncio.sleep(it.lasts_s)
    with night.corner.reached(it.channel):
        night.bench.tester.put_back_cell(it.channel)
    return True


async def shorted(night: Night, it: Happening) -> bool:
    """Short a cell for a while."""
    with night.corner.reached(it.channel):
        night.bench.tester.short_cell(it.channel)
    await asyncio.sleep(it.lasts_s)
    with night.corner.reached(it.channel):
        night.bench.tester.put_back_cell(it.channel)
    return True


def _trouble(trouble: Trouble) -> Callable[[Night, Happening], Awaitable[bool]]:
    async def happen(night: Night, it: Happening) -> bool:
        began_s = asyncio.get_running_loop().time()
        night.bench.tester.make_trouble(it.channel, trouble)
        try:
            await asyncio.sleep(it.lasts_s)
        finally:
            # A broken step stays broken until it ends, so for as long as any test that has seen it.
            night.invariants.crooked.append((it.channel, began_s, asyncio.get_running_loop().time()))
        night.bench.tester.make_trouble(it.channel, Trouble())
        return True

    return happen


async def stopped_by_hand(night: Night, it: Happening) -> bool:
    """Let somebody stop the channel at the tester."""
    return night.bench.tester.stop(it.channel)


async def started_by_hand(night: Night, it: Happening) -> bool:
    """Let somebody take the channel for a test of his own."""
    night.invariants.look(night.host)
    night.bench.tester.stop(it.channel)
    test = night.bench.tester.start(it.channel, night.schedule(it.channel), "somebody")
    if test is not None:
        night.invariants.foreign.add((it.channel, test))
    return test is not None


# The host ------------------------------------------------------------------------------------------------------------


async def killed(night: Night, it: Happening) -> bool:
    """Kill the service and start it again some time later."""
    if night.host.process is None:
        return False
    night.kill()
    await asyncio.sleep(it.lasts_s)
    night.host.start()
    return True


async def killed_while_starting(night: Night, it: Happening) -> bool:
    """Order a run and kill the service within its start."""
    if not await submit(night, it):
        return False
    await asyncio.sleep(it.luck * 1000 % 12.0)
    return await killed(night, it)


async def killed_in_a_loop(night: Night, it: Happening) -> bool:
    """Kill the service three times within ten minutes; the last start only observes. Start it again an hour later."""
    for _ in range(3):
        if not await killed(night, Happening(0.0, it.kind, it.channel, 5.0, it.luck)):
            return False
        await asyncio.sleep(it.lasts_s - 5.0)
    await asyncio.sleep(HOUR_S)
    return await killed(night, it)


TABLE: dict[str, Callable[[Night, Happening], Awaitable[bool]]] = {
    "submit": submit,
    "submit measuring": submit_measuring,
    "submit, then stop": submit_and_stop,
    "start spoiled": start_spoiled,
    "stop": stop,
    "stop spoiled": stop_spoiled,
    "stop rack": stop_rack,
    "hold": hold,
    "resume": resume,
    "acknowledge": acknowledge,
    "reply spoiled": reply_spoiled,
    "link spoiled": link_spoiled,
    "bts dead": bts_dead,
    "tester reboots, program kept": reboot_kept,
    "tester reboots, program lost": reboot_lost,
    "cell pulled out": pulled_out,
    "cell shorted": shorted,
    "stopped by hand": stopped_by_hand,
    "started by hand": started_by_hand,
    "stop refused": _trouble(Trouble(stop="refuse")),
    "stop ignored": _trouble(Trouble(stop="ignore")),
    "wrong current": _trouble(Trouble(current_factor=1.5)),
    "endless step": _trouble(Trouble(ignore_end_conditions=True)),
    "current at rest": _trouble(Trouble(rest_current_a=50e-6)),
    "service killed": killed,
    "service killed while starting": killed_while_starting,
    "service killed in a loop": killed_in_a_loop,
    **leads.TABLE,
    **lies.TABLE,
    **readers.TABLE,
    **instrument_troubles.TABLE,
}
