"""``cellrig serve``: the process that owns the instruments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.arguments import DEFAULT_STORE, BenchFile, StoreFile
from orchestrator.cli.extras import need
from orchestrator.cli.output import FAILED, fail


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
) -> None:
    """Own the instruments and run what clients order. Running tests continue when this ends, and are found again."""
    from contextlib import closing

    need("service")
    from orchestrator.api.server import ServePlan, reserved
    from orchestrator.api.server import serve as serve_plan
    from orchestrator.bench.serving import ensure_simulated_rack, standing_rack
    from orchestrator.bench.settings import ServiceSettings, load_bench
    from orchestrator.clock.scaled import run_by
    from orchestrator.rack.lock import AlreadyOwned, last_alive_unix_s, owner_of

    if simulate == (bench is not None):
        raise typer.BadParameter("say either --bench FILE or --simulate")
    if not simulate and (cells is not None or speed is not None):
        raise typer.BadParameter("--cells and --speed are for --simulate: real cells are what they are")
    _log()
    if (owner := owner_of(store)) is not None:
        fail(f"{store} is served already by {owner}; use it with 'cellrig status', or end it first", FAILED)
    real = load_bench(bench) if bench is not None else None
    before = standing_rack(store) if bench is None else real
    changed = {key: value for key, value in (("host", host), ("port", port)) if value is not None}
    service = (before.service if before is not None else ServiceSettings()).model_copy(update=changed)
    # Before a rack, a store or a token is made: where the address is taken, nothing is left behind.
    with closing(reserved(service)) as listening:
        if real is not None:
            settings = real
        else:
            settings, where = ensure_simulated_rack(store, speed, last_alive_unix_s(store), cells=cells)
            _announce(where)
        settings = settings.model_copy(update={"service": service})
        try:
            run_by(settings.clock, serve_plan(ServePlan(settings, store), _announce, listening))
        except AlreadyOwned as err:
            fail(str(err), FAILED)


def _announce(line: str) -> None:
    # Scripts wait for these lines: they must not sit in a buffer.
    print(line, flush=True)  # noqa: T201 - scripts read it, rich would wrap it


def _log() -> None:
    """Log to stderr, each line with the time at which it was written."""
    import logging

    from orchestrator.clock.local_time import LocalTimeFormatter

    log = logging.StreamHandler()
    log.setFormatter(LocalTimeFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[log], force=True)
