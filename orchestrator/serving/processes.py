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
from orchestrator.serving.parent import Parent

if TYPE_CHECKING:
    from orchestrator.bench.settings import BenchSettings

# How much web gives way to control on a machine that has too much to do.
_WEB_NICENESS = 5


@dataclass(frozen=True, slots=True)
class Served:
    """A store that is served: the public address, and the bench, which only control reads as such."""

    service: ServiceSettings
    store: Path
    bench: Callable[[], BenchSettings]


def serve(served: Served, announce: Callable[[str], None], at: socket.socket | None = None) -> int:
    """Serve until SIGTERM, Ctrl-C or a closed terminal, by two processes; return the exit status.

    ``at`` is the socket of an address that was ``reserved``. Raises AlreadyOwned, SettingsError and StoreError of a
    start that fails.
    """
    with closing(at or reserved(served.service)) as listening:
        url = url_of(served.service, listening)
        control = partial(be_control, served, url, announce, listening)
        web = partial(be_web, served.service, served.store, listening)
        return Parent(control, web, lambda: announce(url)).run()


def be_control(
    served: Served, url: str, announce: Callable[[str], None], listening: socket.socket, parent: ParentLink
) -> None:
    """Be control: own the instruments, answer on loopback, until the parent says that it is over."""
    from orchestrator.api.server import ServePlan
    from orchestrator.api.server import serve as serve_control
    from orchestrator.clock.scaled import run_by

    # The public address is web's.
    listening.close()
    bench = served.bench().model_copy(update={"service": served.service})
    run_by(bench.clock, serve_control(ServePlan(bench, served.store, url), announce, None, parent))


def be_web(service: ServiceSettings, store: Path, listening: socket.socket, parent: ParentLink) -> None:
    """Be web: answer at the public address until the parent says that it is over."""
    from orchestrator.web.server import WebPlan, serve_web

    if sys.platform != "win32":
        # Where there is not enough for both, control goes first.
        os.nice(_WEB_NICENESS)
    asyncio.run(serve_web(WebPlan(service, store), listening, parent))
