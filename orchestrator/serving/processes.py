"""What each process of the service does, out of what ``cellrig serve`` was told."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.api.address import reserved, url_of
from orchestrator.api.parent_link import ParentLink
from orchestrator.bench.service_settings import ServiceSettings
from orchestrator.feed.plan import FeedPlan
from orchestrator.people.private_file import check_people
from orchestrator.serving.child import Work
from orchestrator.serving.parent import Parent

if TYPE_CHECKING:
    from orchestrator.bench.mqtt_settings import MqttSettings
    from orchestrator.bench.notice_settings import NoticeSettings
    from orchestrator.bench.settings import BenchSettings

# How much what only reads gives way to control on a machine that has too much to do.
_NICENESS = 5


@dataclass(frozen=True, slots=True)
class Served:
    """A store that is served: the public address, and the bench, which only control reads as such.

    ``mqtt``: the broker to publish to, ``notices``: the people to tell; None for none.
    """

    service: ServiceSettings
    store: Path
    bench: Callable[[], BenchSettings]
    mqtt: MqttSettings | None = None
    notices: NoticeSettings | None = None


def serve(served: Served, announce: Callable[[str], None], at: socket.socket | None = None) -> int:
    """Serve until SIGTERM, Ctrl-C or a closed terminal, by processes of their own; return the exit status.

    ``at`` is the socket of an address that was ``reserved``. Raises AlreadyOwned, SettingsError and StoreError of a
    start that fails.
    """
    check_people(served.store)
    with closing(at or reserved(served.service)) as listening:
        url = url_of(served.service, listening)
        control = partial(be_control, served, url, announce, listening)
        web = partial(be_web, served.service, served.store, listening)
        optional: dict[str, Work] = {}
        if served.mqtt is not None:
            optional["feed"] = partial(be_feed, FeedPlan(served.mqtt, served.store, url), served.service, listening)
        if served.notices is not None:
            optional["notices"] = partial(be_notices, served.notices, served.service, served.store, listening)
        return Parent(control, web, partial(_ready, served.store, url, announce), optional).run()


def _ready(store: Path, url: str, announce: Callable[[str], None]) -> None:
    """Say where the service answers and, while the rig has no admin, with which link one is made."""
    from orchestrator.people.set_up import first_link

    announce(url)
    if (link := first_link(store, url)) is not None:
        announce(f"the first admin sets a name and a password, within a day, at {link}")


def be_control(
    served: Served, url: str, announce: Callable[[str], None], listening: socket.socket, parent: ParentLink
) -> None:
    """Be control: own the instruments, answer on loopback, until the parent says that it is over."""
    from orchestrator.api.server import ServePlan
    from orchestrator.api.server import serve as serve_control
    from orchestrator.clock.scaled import run_by

    # The public address is web's.
    listening.close()
    bench = served.bench().model_copy(update={"service": served.service, "notices": served.notices})
    run_by(bench.clock, serve_control(ServePlan(bench, served.store, url), announce, None, parent))


def be_web(service: ServiceSettings, store: Path, listening: socket.socket, parent: ParentLink) -> None:
    """Be web: answer at the public address until the parent says that it is over."""
    from orchestrator.web.server import WebPlan, serve_web

    _give_way()
    asyncio.run(serve_web(WebPlan(service, store), listening, parent))


def be_feed(plan: FeedPlan, service: ServiceSettings, listening: socket.socket, parent: ParentLink) -> None:
    """Be the feed: publish to a broker until the parent says that it is over."""
    from orchestrator.feed.process import serve_feed

    # The public address is web's.
    listening.close()
    _give_way()
    # aiomqtt waits for sockets by readers, which the usual loop of Windows has not.
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(serve_feed(plan, service, parent))


def be_notices(
    notices: NoticeSettings, service: ServiceSettings, store: Path, listening: socket.socket, parent: ParentLink
) -> None:
    """Be the notices: tell people what happens, until the parent says that it is over."""
    from orchestrator.serving.notices import serve_notices

    # The public address is web's.
    listening.close()
    asyncio.run(serve_notices(notices, service, store, parent))


def _give_way() -> None:
    if sys.platform != "win32":
        # Where there is not enough for all, control goes first.
        os.nice(_NICENESS)
