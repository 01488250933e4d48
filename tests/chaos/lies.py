"""What a tester may say or do against the truth: starts that arrive late, and replies that are wrong in one field."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from simulators.faults import Fault, Spoil
from tests.chaos.orders import submit
from tests.chaos.plan import Happening, pick

if TYPE_CHECKING:
    from tests.chaos.night import Night

# A field of a reply to a command, and what it says in place of the truth.
LIES = (
    ("inquire", rb'workstatus="working"', b'workstatus="finish"'),
    ("inquire", rb'workstatus="working"', b'workstatus="stop"'),
    ("inquire", rb'workstatus="working"', b'workstatus="pause"'),
    ("inquire", rb'workstatus="working"', b'workstatus="dreaming"'),
    ("inquire", rb'workstatus="finish"', b'workstatus="working"'),
    ("inquire", rb'barcode="[^"]+"', b'barcode="theirs"'),
    ("inquire", rb'step_id="\d+"', b'step_id="77"'),
    ("inquire", rb'voltage="(\d+)\.', rb'voltage="\1,'),
    ("inquire", rb'current="', b'current="x'),
    ("inquiredf", rb'testid="\d+"', b'testid="9999"'),
    ("inquiredf", rb'count="\d\d+"', b'count="3"'),
    ("inquiredf", rb'count="(\d+)"', rb'count="9\1"'),
    ("inquiredf", rb'count="\d+"', b'count="-1"'),
    ("inquiredf", rb">false<", b">true<"),
    ("download", rb'stepid="\d+"', b'stepid="77"'),
    ("download", rb'testtime="', b'testtime="-'),
    ("download", rb'volt="(-?\d+)\.', rb'volt="\1,'),
    ("start", rb">ok<", b">false<"),
    ("stop", rb">ok<", b">false<"),
)
# A start that was ordered leaves within so many seconds, if it leaves at all.
_LEAVES_WITHIN_S = 60.0


async def start_arrives_late(night: Night, it: Happening) -> bool:
    """Order a run whose start takes its time, up to hours, on its way to the tester, and is never answered."""
    with night.link_trouble():
        night.bench.wire.spoil(Fault(Spoil.ARRIVES_LATE, "start", seconds=it.lasts_s))
        submitted = await submit(night, it)
        await asyncio.sleep(_LEAVES_WITHIN_S)
        night.bench.wire.mend()
        await asyncio.sleep(it.lasts_s)
    return submitted


async def lies_once(night: Night, it: Happening) -> bool:
    """Let one reply say in one field what is not so."""
    return await _lie(night, it, 1)


async def lies(night: Night, it: Happening) -> bool:
    """Let every reply say so for some time."""
    return await _lie(night, it, None)


async def finished_in_the_middle(night: Night, it: Happening) -> bool:
    """Let the tester say for a poll or some that what works is finished, and complete."""
    times = 1 + int(it.luck * 4)
    with night.link_trouble():
        night.bench.wire.spoil(Fault(Spoil.REWRITTEN, "inquire", times, pattern=LIES[0][1], filler=LIES[0][2]))
        night.bench.wire.spoil(Fault(Spoil.REWRITTEN, "inquiredf", times, pattern=rb">false<", filler=b">true<"))
        await asyncio.sleep(it.lasts_s)
        night.bench.wire.mend()
    return True


async def _lie(night: Night, it: Happening, times: int | None) -> bool:
    command, pattern, says = pick(LIES, it.luck * 7919 % 1)
    with night.link_trouble():
        night.bench.wire.spoil(Fault(Spoil.REWRITTEN, command, times, pattern=pattern, filler=says))
        await asyncio.sleep(it.lasts_s)
        night.bench.wire.mend()
    return True


TABLE: dict[str, Callable[[Night, Happening], Awaitable[bool]]] = {
    "start arrives late": start_arrives_late,
    "tester lies once": lies_once,
    "tester lies": lies,
    "tester says that it has finished": finished_in_the_middle,
}
