"""Switches the lamp of a channel, by which a person finds the holder, where the instrument has one."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from drivers.capabilities import ChannelLamps
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.rack.claims import CommandRefused

if TYPE_CHECKING:
    from orchestrator.rack.service import Service

logger = logging.getLogger(__name__)


async def switch_lamp(service: Service, channel: str, by: str, *, on: bool) -> None:
    """Switch the lamp of a channel, once; what runs there is not touched. The store keeps who ordered it.

    Raises NoSuchThing, CommandRefused where the instrument has no lamps, and the driver's errors.
    """
    tester = service.supervisor_of(channel).tester
    if not isinstance(tester, ChannelLamps):
        raise CommandRefused(f"{tester.name} has no lamp at channel {channel} that could be switched from here")
    words = f"lamp of channel {channel} {'on' if on else 'off'}, ordered by {by}"
    data = json.dumps({"by": by, "channel": channel, "on": on})
    service.store.add_event(None, EventKind.COMMAND, words, wall_time(), data)
    await tester.light(channel, on=on)
    logger.info("%s", words)
