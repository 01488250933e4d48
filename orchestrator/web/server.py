"""Runs the web process: the public address, until the parent says that it is over."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from dataclasses import dataclass
from pathlib import Path

from orchestrator.api.access import LOOPBACK_HOSTS
from orchestrator.api.connection import descriptors
from orchestrator.api.http_server import http_server
from orchestrator.api.parent_link import ParentLink, Word
from orchestrator.api.places import Bounds, Places
from orchestrator.api.refusals import Refusals
from orchestrator.bench.service_settings import ServiceSettings
from orchestrator.web.app import WebApp, guarded
from orchestrator.web.child_life import ChildLife
from orchestrator.web.live_fan import LiveFan
from orchestrator.web.rack_feed import RackFeed
from orchestrator.web.reading import Reading
from orchestrator.web.trace import TraceToControl


@dataclass(frozen=True, slots=True)
class WebPlan:
    """What the web process is started with: the public address and its names, and the store."""

    settings: ServiceSettings
    store: Path


async def serve_web(plan: WebPlan, listening: socket.socket, parent: ParentLink) -> None:
    """Serve the public address until the parent says END. Raises SettingsError without a token."""
    life = ChildLife(parent)
    if (link := await life.link(plan.settings, plan.store)) is None:
        return
    fan, reading, trace = LiveFan(link), Reading(plan.store), TraceToControl(link)
    feed = RackFeed(link, reading)
    hosts = LOOPBACK_HOSTS | {host.lower() for host in (plan.settings.host, *plan.settings.allowed_hosts)}
    places = Places(Bounds.within(descriptors()))
    app = guarded(WebApp(link, fan, reading, feed), link.token, hosts, Refusals(trace), places)
    server = http_server(app, plan.settings)
    with contextlib.closing(reading), life.ended_by_parent():
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(server.serve(sockets=[listening]), name="http")
            named = ((fan.run(), "live"), (trace.run(), "trace"), (feed.run(), "rack"))
            tasks = [group.create_task(it, name=name) for it, name in named]
            # What is loaded stays: the collector need not walk through it, nor copy its pages from the parent.
            gc.freeze()
            parent.tell(Word.READY)
            await life.is_over.wait()
            fan.clients.close()
            feed.close()
            server.should_exit = True
            await serving
            for task in tasks:
                task.cancel()
