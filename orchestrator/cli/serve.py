"""``cellrig serve``: the processes that own the instruments and answer clients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.arguments import DEFAULT_STORE, BenchFile, StoreFile
from orchestrator.cli.extras import need
from orchestrator.cli.output import FAILED, fail
from orchestrator.cli.streams import announce as _announce

if TYPE_CHECKING:
    import socket

    from orchestrator.bench.mqtt_settings import MqttSettings
    from orchestrator.bench.notice_settings import NoticeSettings
    from orchestrator.bench.settings import BenchSettings
    from orchestrator.serving.processes import Served


def serve(
    bench: BenchFile = None,
    simulate: Annotated[bool, typer.Option("--simulate", help="Serve a simulated CT-4008 of eight channels.")] = False,
    speed: Annotated[
        float | None,
        typer.Option(
            "--speed",
            min=0.001,
            help="With --simulate, a rack that starts: simulated seconds in a real second; 1 unless said.",
        ),
    ] = None,
    cells: Annotated[
        Path | None,
        typer.Option(
            "--cells",
            help="With --simulate, a rack that starts: TOML file, channel to cell model; else orders bring cells.",
        ),
    ] = None,
    store: StoreFile = DEFAULT_STORE,
    host: Annotated[str | None, typer.Option("--host", help="Address to answer at; else the bench file's.")] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65535, help="TCP port, 0 picks a free one; else the bench file's."),
    ] = None,
    mqtt: Annotated[
        str | None,
        typer.Option("--mqtt", help="HOST:PORT of the MQTT broker to publish to; else the bench file's [mqtt]."),
    ] = None,
    notices: Annotated[
        Path | None,
        typer.Option("--notices", metavar="FILE", help="TOML file whose [notices] says who is told; else --bench's."),
    ] = None,
) -> None:
    """Own the instruments and run what clients order. Running tests continue when this ends, and are found again."""
    need("service")
    from orchestrator.serving.child import log_to_stderr

    if simulate == (bench is not None):
        raise typer.BadParameter("say either --bench FILE or --simulate")
    if not simulate and (cells is not None or speed is not None):
        raise typer.BadParameter("--cells and --speed are for --simulate: real cells are what they are")
    log_to_stderr()
    changed = {key: value for key, value in (("host", host), ("port", port)) if value is not None}
    if bench is not None:
        status = _serve_bench(bench, store, changed, mqtt, notices)
    else:
        status = _serve_simulated(store, speed, cells, changed, mqtt, notices)
    raise typer.Exit(status)


def _serve_bench(bench: Path, store: Path, changed: dict[str, Any], broker: str | None, notices: Path | None) -> int:
    """Serve real instruments. Only control reads what the bench file says of them."""
    from functools import partial

    from pydantic import ValidationError

    from orchestrator.bench.mqtt_settings import mqtt_in
    from orchestrator.bench.service_settings import read_document, rig_in, service_in
    from orchestrator.serving.processes import Served

    document = read_document(bench)
    try:
        service = service_in(document).model_copy(update=changed)
        mqtt = mqtt_in(document)
    except ValidationError:
        # With everything else that is wrong in the file, in words.
        _bench_of(document, bench)
        raise
    rig = rig_in(document)
    told = _notices_of(document, bench) if notices is None else _notices_in_file(read_document(notices), notices, rig)
    return _serve(Served(service, store, partial(_bench_of, document, bench), _feed_to(mqtt, broker, rig), told))


def _notices_of(document: dict[str, Any], file: Path, rig: str = "") -> NoticeSettings | None:
    """Return who is told of what happens, None for nobody; ``rig`` where the file does not name the rig."""
    from orchestrator.bench.notice_settings import notices_in

    told = notices_in(document, file, rig)
    if told is not None:
        need("notices")
    return told


def _notices_in_file(document: dict[str, Any], file: Path, rig: str = "") -> NoticeSettings:
    told = _notices_of(document, file, rig)
    if told is None:
        raise typer.BadParameter(f"{file} has no table [notices]; docs/notices.md shows one", param_hint="--notices")
    return told


def _feed_to(settings: MqttSettings | None, broker: str | None, rig: str) -> MqttSettings | None:
    """Return the settings of the feed with the broker of ``--mqtt``, None for no feed; its library must be there."""
    from orchestrator.bench.mqtt_settings import named, with_broker

    if broker is not None:
        settings = named(with_broker(settings, broker), rig)
    if settings is not None:
        need("mqtt")
    return settings


def _bench_of(document: dict[str, Any], path: Path) -> BenchSettings:
    from orchestrator.bench.settings import bench_of

    return bench_of(document, path)


def _serve_simulated(
    store: Path,
    speed: float | None,
    cells: Path | None,
    changed: dict[str, Any],
    broker: str | None,
    notices: Path | None,
) -> int:
    """Serve a simulated rack, which is started if none stands from before."""
    from contextlib import closing
    from functools import partial

    from orchestrator.api.address import reserved
    from orchestrator.api.store_rights import check_rights
    from orchestrator.bench.service_settings import ServiceSettings, read_document, rig_in
    from orchestrator.bench.serving import ensure_simulated_rack, standing_rack
    from orchestrator.rack.lock import last_alive_unix_s
    from orchestrator.serving.processes import Served

    document = {} if notices is None else read_document(notices)
    told = None if notices is None else _notices_in_file(document, notices)
    _refuse_second(store)
    # Before a rack, a store or a token is made: where store or address are refused, nothing is left behind.
    check_rights(store)
    feed = _feed_to(None, broker, rig_in(document))
    before = standing_rack(store)
    service = (before.service if before is not None else ServiceSettings()).model_copy(update=changed)
    with closing(reserved(service)) as listening:
        with _web_loading():
            settings, where = ensure_simulated_rack(store, speed, last_alive_unix_s(store), cells=cells)
        _announce(where)
        return _serve(Served(service, store, partial(_itself, settings), feed, told), listening)


@contextmanager
def _web_loading() -> Iterator[None]:
    """Load what answers clients while a rack starts: once, for both processes that are forked afterwards."""
    from importlib import import_module
    from threading import Thread

    loading = Thread(target=import_module, args=("orchestrator.web.server",))
    loading.start()
    try:
        yield
    finally:
        loading.join()


def _itself(settings: BenchSettings) -> BenchSettings:
    return settings


def _serve(served: Served, listening: socket.socket | None = None) -> int:
    from drivers.errors import SettingsError
    from orchestrator.serving.processes import serve as serve_by_two

    try:
        return serve_by_two(served, _announce, listening)
    except SettingsError:
        # Of a second service of the store it matters more whose it is than that its port is taken.
        _refuse_second(served.store)
        raise
    except Exception as err:
        from orchestrator.rack.lock import AlreadyOwned

        if isinstance(err, AlreadyOwned):
            fail(str(err), FAILED)
        raise


def _refuse_second(store: Path) -> None:
    from orchestrator.rack.lock import owner_of

    if (owner := owner_of(store)) is not None:
        fail(f"{store} is {owner.in_use}", FAILED)
