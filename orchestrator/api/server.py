"""Runs control: lock, token, store, testers, HTTP and the watchdog, in one process and one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from drivers.errors import SettingsError
from orchestrator.api import sentences as words
from orchestrator.api.access import LOOPBACK_HOSTS
from orchestrator.api.address import reserved, url_of
from orchestrator.api.app import create_app
from orchestrator.api.connection import descriptors
from orchestrator.api.http_server import HttpServer, http_server
from orchestrator.api.live_stream import LiveClients
from orchestrator.api.logs import Redaction, redact_logs
from orchestrator.api.parent_link import ParentLink, Word
from orchestrator.api.places import Bounds, Places
from orchestrator.api.recording import Recorder
from orchestrator.api.store_rights import check_rights
from orchestrator.api.system_notice import notify
from orchestrator.api.token import ensure_token, read_token, token_path
from orchestrator.api.watchdog import keep_alive
from orchestrator.bench.holders import holders_on
from orchestrator.bench.opening import bench_testers, open_station
from orchestrator.bench.service_settings import ServiceSettings
from orchestrator.bench.settings import BenchSettings
from orchestrator.clock.virtual import wall_time
from orchestrator.events import Bus, EventKind
from orchestrator.people.audit_log import AuditLog
from orchestrator.people.errors import FileUnusable
from orchestrator.people.people_file import PeopleFile
from orchestrator.preflight.host_clock import is_clock_synchronised
from orchestrator.preflight.machine_checks import told_people_check
from orchestrator.rack.housekeeping import Housekeeping
from orchestrator.rack.lock import Instance, owning
from orchestrator.rack.ovens import ovens_on
from orchestrator.rack.preflight import PreflightPlan
from orchestrator.rack.service import Service
from orchestrator.store import open_store
from orchestrator.store.disk_space import RESERVE_BYTES, SpaceGuard
from orchestrator.store.newest_commit import NewestCommit

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServePlan:
    """The settings of one service process: its bench, its store, and the address that people are told, if another."""

    bench: BenchSettings
    store: Path
    public_url: str = ""

    @property
    def settings(self) -> ServiceSettings:
        """The address and the token settings of the service."""
        return self.bench.service


async def serve(
    plan: ServePlan,
    announce: Callable[[str], None],
    at: socket.socket | None = None,
    parent: ParentLink | None = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C; the testers continue. Raises AlreadyOwned, SettingsError or CannotOpen.

    ``at`` is the socket of an address that was ``reserved``; it is closed in the end. With a ``parent`` this is
    control: it answers on loopback only, tells its address to the parent, and ends when that says so too.
    """
    settings = plan.settings if parent is None else ServiceSettings(port=0)
    around = _Around(settings, parent, asyncio.Event())
    if parent is not None:
        parent.listen(lambda word, _: around.told.set() if word is Word.END else None)
    with contextlib.closing(at or reserved(settings)) as listening:
        async with owning(plan.store) as instance:
            await _serve_owned(plan, announce, listening, instance, around)


@dataclass(frozen=True, slots=True)
class _Around:
    """What surrounds the service: its address, its parent, if it has one, and whether it was told to end."""

    settings: ServiceSettings
    parent: ParentLink | None
    told: asyncio.Event

    def tell_system(self, message: str) -> None:
        """Tell the service manager, which listens to the parent only."""
        if self.parent is None:
            notify(message)
        else:
            self.parent.tell(Word.SYSTEM, message)


async def _serve_owned(
    plan: ServePlan, announce: Callable[[str], None], listening: socket.socket, instance: Instance, around: _Around
) -> None:
    check_rights(plan.store)
    given = _given_token(plan)
    with open_store(plan.store) as store, contextlib.ExitStack() as ended:
        # Beside a store that is refused nothing is left.
        token = given or _own_token(plan.store, announce)
        redact_logs(Redaction({token} | plan.bench.secrets()))
        url = url_of(around.settings, listening)
        instance.write_owner(url, plan.public_url, 0 if around.parent is None else os.getppid())
        async with (
            open_station(plan.bench) as station,
            bench_testers(plan.bench, station) as testers,
            ovens_on(plan.bench) as ovens,
        ):
            keeper = Housekeeping(store, SpaceGuard(store.path, reserve_bytes=RESERVE_BYTES))
            bands, holders = plan.bench.usual_bands, holders_on(plan.bench)
            # By a clock that is faster than real ones no time server goes.
            synchronised = (lambda: None) if plan.bench.is_simulated else is_clock_synchronised
            checks = PreflightPlan(plan.bench.checks, bands, holders, is_clock_synchronised=synchronised)
            if plan.bench.notices is not None:
                checks = replace(checks, notices=lambda: told_people_check(store, wall_time()))
            simulated = plan.bench.is_simulated
            shared = plan.bench.shared_cells
            service = Service(store, testers, Bus(), keeper, station, bands, holders, simulated, checks, ovens, shared)
            live = LiveClients(service.bus)
            newest = NewestCommit(store)
            words.note_start(store, testers, instance.last_alive_unix_s, wall_time(), newest.missing())

            def beat() -> None:
                instance.beat()
                newest.remember(wall_time())

            hosts = LOOPBACK_HOSTS
            if around.parent is None:
                hosts |= {host.lower() for host in (plan.settings.host, *plan.settings.allowed_hosts)}
            recorder = _recorder(plan.store, ended)
            app = create_app(service, live, token, hosts, Places(Bounds.within(descriptors())), recorder)
            server = http_server(app, around.settings)
            ready = partial(announce, url) if around.parent is None else partial(around.parent.tell, Word.READY, url)
            await _until_signal(service, beat, live, server, listening, around, ready)
            in_order = f"the service was ended in order; {words.meanwhile(testers)}"
        store.add_event(None, EventKind.SERVICE_STOPPED, in_order, wall_time())
        newest.remember(wall_time())


def _recorder(store: Path, until_end: contextlib.ExitStack) -> Recorder:
    """Return what writes orders down; where the file of people cannot be used, it says why."""
    try:
        return Recorder(AuditLog(until_end.enter_context(PeopleFile(store)), time.time))
    except (FileUnusable, SettingsError) as err:
        logger.error("only stops are taken, because it cannot be written down who orders what: %s", err)
        return Recorder(None, str(err))


def _given_token(plan: ServePlan) -> str | None:
    """Return the token in the file that the bench file names, None where it names none. Raises SettingsError."""
    given = plan.settings.token_file
    if given is None:
        return None
    if (token := read_token(given)) is None:
        # Not its value: somebody may have written the token itself there.
        raise SettingsError("[service] token_file of the bench file names no file")
    return token


def _own_token(store: Path, announce: Callable[[str], None]) -> str:
    """Return the token beside the store, made where there is none."""
    path = token_path(store)
    token, made = ensure_token(path)
    if made:
        announce(f"the operator's token was made and is kept in {path}, which only you may read")
    return token


async def _until_signal(
    service: Service,
    beat: Callable[[], None],
    live: LiveClients,
    server: HttpServer,
    listening: socket.socket,
    around: _Around,
    ready: Callable[[], None],
) -> None:
    """Run all tasks until a signal comes, then end HTTP first, so that no order is lost, and the polls last."""
    with _signals(around.told):
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(server.serve(sockets=[listening]), name="http")
            tasks = [group.create_task(service.run(), name="service")]
            tasks.append(group.create_task(keep_alive(service.supervisors, beat, around.tell_system), name="watchdog"))
            around.tell_system("READY=1")
            ready()
            await around.told.wait()
            around.tell_system("STOPPING=1")
            logger.info("ending")
            live.close()
            server.should_exit = True
            await serving
            for task in tasks:
                task.cancel()


@contextlib.contextmanager
def _signals(told: asyncio.Event) -> Iterator[None]:
    """Set the event on SIGTERM, on SIGINT, and when the terminal is closed: whoever does that ends it in order."""
    loop = asyncio.get_running_loop()
    kinds = [signal.SIGTERM, signal.SIGINT]
    closed = signal.Signals["SIGBREAK" if sys.platform == "win32" else "SIGHUP"]
    # Unless it was started to outlive its terminal, as by nohup.
    if signal.getsignal(closed) is not signal.SIG_IGN:
        kinds.append(closed)
    if sys.platform == "win32":
        before = [signal.signal(kind, lambda *_: loop.call_soon_threadsafe(told.set)) for kind in kinds]
        yield
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)
        return
    for kind in kinds:
        loop.add_signal_handler(kind, told.set)
    yield
    for kind in kinds:
        loop.remove_signal_handler(kind)
