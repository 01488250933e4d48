"""Runs the web process: the public address, until the parent says that it is over."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import socket
from dataclasses import dataclass
from pathlib import Path

from drivers.errors import SettingsError
from orchestrator.api.access import LOOPBACK_HOSTS
from orchestrator.api.connection import descriptors
from orchestrator.api.http_server import http_server
from orchestrator.api.parent_link import ParentLink, Word
from orchestrator.api.places import Bounds, Places
from orchestrator.api.refusals import Refusals
from orchestrator.api.signed_in import Cookie
from orchestrator.bench.service_settings import ServiceSettings
from orchestrator.people.errors import FileUnusable
from orchestrator.people.people import People
from orchestrator.web.app import SignIn, WebApp, guarded
from orchestrator.web.child_life import ChildLife
from orchestrator.web.live_fan import LiveFan
from orchestrator.web.rack_feed import RackFeed
from orchestrator.web.reading import Reading
from orchestrator.web.trace import TraceToControl

logger = logging.getLogger(__name__)


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
    cookie = Cookie(listening.getsockname()[1], plan.settings.tls_certificate is not None)
    sign_in, unusable = _opened(plan.store, cookie)
    web = WebApp(link, fan, reading, feed, sign_in, unusable)
    app = guarded(web, link.token, hosts, Refusals(trace), places, sign_in)
    server = http_server(app, plan.settings)
    with contextlib.closing(reading), _closing(sign_in), life.ended_by_parent():
        async with contextlib.aclosing(web), asyncio.TaskGroup() as group:
            serving = group.create_task(server.serve(sockets=[listening]), name="http")
            named = ((fan.run(), "live"), (trace.run(), "trace"), (feed.run(), "rack"))
            tasks = [group.create_task(it, name=name) for it, name in named]
            if sign_in is not None:
                tasks.append(group.create_task(sign_in.people.tend(), name="people"))
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


def _opened(store: Path, cookie: Cookie) -> tuple[SignIn | None, str]:
    """Open the file of people; where that cannot be, say why: this machine's token still serves to look and stop."""
    try:
        return SignIn(People(store), cookie), ""
    except (FileUnusable, SettingsError) as err:
        logger.error("nobody can sign in, and only stops are taken, until the service is started again: %s", err)
        return None, str(err)


def _closing(sign_in: SignIn | None) -> contextlib.AbstractContextManager[object]:
    return contextlib.nullcontext() if sign_in is None else sign_in.people
