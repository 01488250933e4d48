"""What may happen to the feed, its broker, the notices and their targets; drawn apart from what happens to the rack."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tests.chaos.people import TARGETS, Trouble
from tests.chaos.plan import Happening, pick
from tests.memory_broker import Health

if TYPE_CHECKING:
    from tests.chaos.night import Night


def _broker(health: Health) -> Callable[[Night, Happening], Awaitable[bool]]:
    async def happen(night: Night, it: Happening) -> bool:
        stranger = night.beside.stranger
        stranger.health = health
        await asyncio.sleep(it.lasts_s)
        if stranger.health is health:
            stranger.health = Health.WELL
        return True

    return happen


def _target(trouble: Trouble, *, all_of_them: bool = False) -> Callable[[Night, Happening], Awaitable[bool]]:
    async def happen(night: Night, it: Happening) -> bool:
        names = TARGETS if all_of_them else (pick(TARGETS, it.luck),)
        for name in names:
            night.beside.people.set_trouble(name, trouble)
        await asyncio.sleep(it.lasts_s)
        for name in names:
            night.beside.people.set_trouble(name, None)
        return True

    return happen


async def feed_killed(night: Night, it: Happening) -> bool:
    """Kill the feed, and start it again some time later."""
    return await _killed(night, it, night.beside.kill_feed)


async def notices_killed(night: Night, it: Happening) -> bool:
    """Kill the process of the notices, and start it again some time later."""
    return await _killed(night, it, night.beside.kill_notices)


async def _killed(night: Night, it: Happening, kill: Callable[[], bool]) -> bool:
    if not kill():
        return False
    await asyncio.sleep(it.lasts_s)
    if night.host.process is not None:
        # A control that is dead starts them when it is started.
        night.beside.start()
    return True


TABLE: dict[str, Callable[[Night, Happening], Awaitable[bool]]] = {
    "broker gone": _broker(Health.GONE),
    "broker refuses": _broker(Health.REFUSES),
    "broker slow": _broker(Health.SLOW),
    "broker stopped": _broker(Health.STOPPED),
    "broker flaky": _broker(Health.FLAKY),
    "broker throws away": _broker(Health.FULL),
    "feed killed": feed_killed,
    "notices killed": notices_killed,
    "target dead": _target(Trouble.DEAD),
    "target slow": _target(Trouble.SLOW),
    "target limits": _target(Trouble.LIMITS),
    "all targets dead": _target(Trouble.DEAD, all_of_them=True),
}
