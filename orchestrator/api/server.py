"""Runs the service: lock, token, store, testers, HTTP and the watchdog, in one process and one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from drivers.errors import SettingsError
from orchestrator.api import sentences as words
from orchestrator.api.access import LOOPBACK_HOSTS
from orchestrator.api.app import create_app
from orchestrator.api.connection import descriptors
from orchestrator.api.http_server import HttpServer, http_server, listen, url_of
from orchestrator.api.live_stream import LiveClients
from orchestrator.api.places import Bounds, Places
from orchestrator.api.token import Redaction, ensure_token, must_be_private, read_token, token_path
from orchestrator.api.watchdog import keep_alive, notify
from orchestrator.bench.holders import holders_on
from orchestrator.bench.opening import bench_testers, open_station
from orchestrator.bench.settings import BenchSettings, ServiceSettings
from orchestrator.clock.virtual import wall_time
from orchestrator.events import Bus, EventKind
from orchestrator.rack.housekeeping import Housekeeping
from orchestrator.rack.lock import Instance, owning
from orchestrator.rack.service import Service
from orchestrator.store import open_store
from orchestrator.store.companion_files import logs_of
from orchestrator.store.disk_space import RESERVE_BYTES, SpaceGuard
from orchestrator.store.newest_commit import NewestCommit
from orchestrator.store.place import real_path

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServePlan:
    """The settings of one service process: its bench, its store and its options."""

    bench: BenchSettings
    store: Path

    @property
    def settings(self) -> ServiceSettings:
        """The address and the token settings of the service."""
        return self.bench.service


def reserved(settings: ServiceSettings) -> socket.socket:
    """Listen at the service's address, before anything is made that a refusal would leave behind.

    Raises SettingsError for an address that is taken, or that other machines reach without TLS, and for a certificate
    or a key that cannot be used.
    """
    check_exposure(settings)
    if settings.tls_certificate is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_certificate, settings.tls_key)
        except OSError as err:
            raise SettingsError(f"[service] tls_certificate and tls_key cannot be used: {err.strerror or err}") from err
    return listen(settings)


async def serve(plan: ServePlan, announce: Callable[[str], None], at: socket.socket | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C; the testers continue. Raises AlreadyOwned, SettingsError or CannotOpen.

    ``at`` is the socket of an address that was ``reserved``; it is closed in the end.
    """
    settings = plan.settings
    with contextlib.closing(at or reserved(settings)) as listening:
        async with owning(plan.store) as instance:
            await _serve_owned(plan, announce, listening, instance)


async def _serve_owned(
    plan: ServePlan, announce: Callable[[str], None], listening: socket.socket, instance: Instance
) -> None:
    settings = plan.settings
    check_rights(plan.store)
    token = _token(plan, announce)
    redact_logs(Redaction({token} | plan.bench.secrets()))
    with open_store(plan.store) as store:
        url = url_of(settings, listening)
        instance.write_owner(url)
        async with open_station(plan.bench) as station, bench_testers(plan.bench, station) as testers:
            keeper = Housekeeping(store, SpaceGuard(store.path, reserve_bytes=RESERVE_BYTES))
            bands, holders = plan.bench.usual_bands, holders_on(plan.bench)
            service = Service(store, testers, Bus(), keeper, station, bands, holders, plan.bench.is_simulated)
            live = LiveClients(service.bus)
            newest = NewestCommit(store)
            words.note_start(store, testers, instance.last_alive_unix_s, wall_time(), newest.missing())

            def beat() -> None:
                instance.beat()
                newest.remember(wall_time())

            hosts = LOOPBACK_HOSTS | {host.lower() for host in (settings.host, *settings.allowed_hosts)}
            app = create_app(service, live, token, hosts, Places(Bounds.within(descriptors())))
            server = http_server(app, settings)
            await _until_signal(service, beat, live, server, listening, lambda: announce(url))
            in_order = f"the service was ended in order; {words.meanwhile(testers)}"
        store.add_event(None, EventKind.SERVICE_STOPPED, in_order, wall_time())
        newest.remember(wall_time())


def check_exposure(settings: ServiceSettings) -> None:
    """Refuse to answer other machines without TLS and a separate token file. Raises SettingsError."""
    try:
        local = ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        local = settings.host == "localhost"
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise SettingsError("TLS needs both tls_certificate and tls_key")
    if settings.tls_key is not None:
        try:
            # The group may read it: many systems have one for keys.
            must_be_private(settings.tls_key, 0o037)
        except OSError as err:
            raise SettingsError(f"[service] tls_key cannot be read: {err.strerror}") from err
    if not local and (settings.tls_key is None or settings.token_file is None):
        raise SettingsError(
            f"the service answers this machine only: {settings.host} needs tls_certificate, tls_key and token_file "
            "under [service] in the bench file; see docs/operate.md"
        )


def check_rights(store: Path) -> None:
    """Refuse a store that others may read; its group may, and only its owner may write. Raises SettingsError."""
    place = real_path(store)
    for path in (place, *logs_of(place)):
        if path.exists():
            must_be_private(path, 0o037, f"take that away: chmod 600 {path} (640, if your group is to read it)")


def _token(plan: ServePlan, announce: Callable[[str], None]) -> str:
    given = plan.settings.token_file
    if given is not None:
        if (token := read_token(given)) is None:
            # Not its value: somebody may have written the token itself there.
            raise SettingsError("[service] token_file of the bench file names no file")
        return token
    path = token_path(plan.store)
    token, made = ensure_token(path)
    if made:
        announce(f"the operator's token was made and is kept in {path}, which only you may read")
    return token


def redact_logs(redaction: Redaction) -> None:
    """Remove secrets from all records that the handlers of the root logger write."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(redaction)
        handler.addFilter(_named_plainly)


def _named_plainly(record: logging.LogRecord) -> bool:
    """Rename the logger of uvicorn's ordinary lines, which is called an error: what is no alarm reads like none."""
    if record.name == "uvicorn.error":
        record.name = "uvicorn"
    return True


async def _until_signal(
    service: Service,
    beat: Callable[[], None],
    live: LiveClients,
    server: HttpServer,
    listening: socket.socket,
    ready: Callable[[], None],
) -> None:
    """Run all tasks until a signal comes, then end HTTP first, so that no order is lost, and the polls last."""
    told = asyncio.Event()
    with _signals(told):
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(server.serve(sockets=[listening]), name="http")
            tasks = [group.create_task(service.run(), name="service")]
            tasks.append(group.create_task(keep_alive(service.supervisors, beat), name="watchdog"))
            notify("READY=1")
            ready()
            await told.wait()
            notify("STOPPING=1")
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
