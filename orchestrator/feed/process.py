"""The process of the feed: it follows control and publishes, until the parent says that it is over."""

from __future__ import annotations

import asyncio
import gc

from orchestrator.api.logs import Redaction, redact_logs
from orchestrator.api.parent_link import ParentLink, Word
from orchestrator.bench.service_settings import ServiceSettings
from orchestrator.feed.plan import FeedPlan
from orchestrator.feed.publishing import Feed
from orchestrator.web.child_life import ChildLife
from orchestrator.web.live_fan import LiveFan


async def serve_feed(plan: FeedPlan, service: ServiceSettings, parent: ParentLink) -> None:
    """Publish until the parent says END. Raises SettingsError and StoreError."""
    life = ChildLife(parent)
    if (password := plan.mqtt.password()) is not None:
        redact_logs(Redaction({password}))
    if (link := await life.link(service, plan.store)) is None:
        return
    fan = LiveFan(link)
    feed = Feed(plan, link, fan, life.is_over)
    with life.ended_by_parent():
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
