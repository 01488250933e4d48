"""The process of the feed: it follows control and publishes, until the parent says that it is over."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging

from orchestrator.api.logs import Redaction, redact_logs
from orchestrator.api.parent_link import ParentLink, Word
from orchestrator.bench.service_settings import ServiceSettings
from orchestrator.feed.plan import FeedPlan
from orchestrator.feed.publishing import Feed
from orchestrator.store import StoreError
from orchestrator.web.child_life import ChildLife
from orchestrator.web.control_link import ControlLink
from orchestrator.web.live_fan import LiveFan

logger = logging.getLogger(__name__)

# From one look for a store that cannot be read to the next, in seconds.
_LOOK_AGAIN_S = 0.5


async def serve_feed(plan: FeedPlan, service: ServiceSettings, parent: ParentLink) -> None:
    """Publish until the parent says END. Raises SettingsError and StoreError."""
    life = ChildLife(parent)
    if (password := plan.mqtt.password()) is not None:
        redact_logs(Redaction({password}))
    if (link := await life.link(service, plan.store)) is None:
        return
    fan = LiveFan(link)
    with life.ended_by_parent():
        if (feed := await _made(plan, link, fan, life.is_over)) is None:
            return
        try:
            async with asyncio.TaskGroup() as group:
                following = group.create_task(fan.run(), name="live")
                publishing = group.create_task(feed.run(), name="publish")
                gc.freeze()
                parent.tell(Word.READY)
                await life.is_over.wait()
                await publishing
                following.cancel()
        finally:
            feed.close()


async def _made(plan: FeedPlan, link: ControlLink, fan: LiveFan, over: asyncio.Event) -> Feed | None:
    """Return the feed as soon as the store can be read, None if the end comes first."""
    is_told = False
    while not over.is_set():
        try:
            return Feed(plan, link, fan, over)
        except StoreError as err:
            if not is_told:
                logger.warning("MQTT: nothing can be sent yet: %s", err)
                is_told = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AGAIN_S):
                    await over.wait()
    return None
