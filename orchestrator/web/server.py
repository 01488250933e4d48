"""Runs the web process: the public address, until the parent says that it is over."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drivers.errors import SettingsError
from orchestrator.api.access import LOOPBACK_HOSTS
from orchestrator.api.connection import descriptors
from orchestrator.api.http_server import http_server
from orchestrator.api.logs import Redaction, redact_logs
from orchestrator.api.parent_link import ParentLink, Word
from orchestrator.api.places import Bounds, Places
from orchestrator.api.refusals import Refusals
from orchestrator.api.token import read_token, token_path
from orchestrator.bench.service_settings import ServiceSettings
from orchestrator.web.app import WebApp, guarded
from orchestrator.web.control_link import ControlLink
from orchestrator.web.live_fan import LiveFan
from orchestrator.web.reading import Reading
from orchestrator.web.trace import TraceToControl

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WebPlan:
    """What the web process is started with: the public address and its names, and the store."""

    settings: ServiceSettings
    store: Path


class _Control:
    """Where control answers, as the parent says."""

    def __init__(self) -> None:
        self.heard = asyncio.Event()
        self.url: str | None = None
        self.link: ControlLink | None = None

    def hear(self, url: str | None) -> None:
        """Note an address, or (None) that control does not answer."""
        self.url = url
        if self.link is not None:
            self.link.url = url
        self.heard.set()


async def serve_web(plan: WebPlan, listening: socket.socket, parent: ParentLink) -> None:
    """Serve the public address until the parent says END. Raises SettingsError without a token."""
    told, control = asyncio.Event(), _Control()

    def hear(word: Word, value: object) -> None:
        if word is Word.CONTROL:
            control.hear(value if isinstance(value, str) else None)
        elif word is Word.END:
            told.set()
            control.heard.set()

    parent.listen(hear)
    # The first control of all makes the token.
    await control.heard.wait()
    if told.is_set():
        return
    token = read_token(plan.settings.token_file or token_path(plan.store))
    if token is None:
        raise SettingsError(f"the token file beside {plan.store} is gone: put it back, or restart the service")
    redact_logs(Redaction({token}))
    link = control.link = ControlLink(token, control.url)
    fan, reading, trace = LiveFan(link), Reading(plan.store), TraceToControl(link)
    hosts = LOOPBACK_HOSTS | {host.lower() for host in (plan.settings.host, *plan.settings.allowed_hosts)}
    places = Places(Bounds.within(descriptors()))
    app = guarded(WebApp(link, fan, reading), token, hosts, Refusals(trace), places)
    server = http_server(app, plan.settings)
    with contextlib.closing(reading), _ended_by_parent(told):
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(server.serve(sockets=[listening]), name="http")
            tasks = [group.create_task(it, name=name) for it, name in ((fan.run(), "live"), (trace.run(), "trace"))]
            # What is loaded stays: the collector need not walk through it, nor copy its pages from the parent.
            gc.freeze()
            parent.tell(Word.READY)
            await told.wait()
            fan.clients.close()
            server.should_exit = True
            await serving
            for task in tasks:
                task.cancel()


@contextlib.contextmanager
def _ended_by_parent(told: asyncio.Event) -> Iterator[None]:
    """Leave Ctrl-C and a closed terminal to the parent; end in order at SIGTERM."""
    loop = asyncio.get_running_loop()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "win32":
        yield
        return
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    loop.add_signal_handler(signal.SIGTERM, told.set)
    yield
    loop.remove_signal_handler(signal.SIGTERM)
