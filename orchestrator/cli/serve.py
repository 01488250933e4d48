"""``cellrig serve``: the process that owns the instruments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.arguments import DEFAULT_STORE, BenchFile, StoreFile
from orchestrator.cli.output import FAILED, fail


def serve(
    bench: BenchFile = None,
    simulate: Annotated[bool, typer.Option("--simulate", help="Serve a simulated CT-4008 of eight channels.")] = False,
    speed: Annotated[
        float, typer.Option("--speed", min=0.001, help="With --simulate: simulated seconds in a real second.")
    ] = 1.0,
    cells: Annotated[
        Path | None,
        typer.Option("--cells", help="With --simulate, a rack that starts: TOML file, channel to cell model."),
    ] = None,
    store: StoreFile = DEFAULT_STORE,
    host: Annotated[str | None, typer.Option("--host", help="Address to answer at; else the bench file's.")] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65535, help="TCP port, 0 picks a free one; else the bench file's."),
    ] = None,
) -> None:
    """Own the instruments and run what clients order; running tests continue when this ends, and are found again."""
    import logging

    from orchestrator.api.server import ServePlan
    from orchestrator.api.server import serve as serve_plan
    from orchestrator.bench.serving import ensure_simulated_rack
    from orchestrator.bench.settings import load_bench
    from orchestrator.clock.scaled import run_by
    from orchestrator.rack.lock import AlreadyOwned, last_alive_unix_s, owner_of

    if simulate == (bench is not None):
        raise typer.BadParameter("say either --bench FILE or --simulate")
    if cells is not None and not simulate:
        raise typer.BadParameter("--cells is for --simulate: real cells are what they are")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)
    if (owner := owner_of(store)) is not None:
        fail(f"{store} is served already by {owner}; use it with 'cellrig status', or end it first", FAILED)
    if bench is None:
        settings, where = ensure_simulated_rack(store, speed, last_alive_unix_s(store), cells=cells)
        _announce(where)
    else:
        settings = load_bench(bench)
    changed = {key: value for key, value in (("host", host), ("port", port)) if value is not None}
    settings = settings.model_copy(update={"service": settings.service.model_copy(update=changed)})
    try:
        run_by(settings.clock, serve_plan(ServePlan(settings, store), _announce))
    except AlreadyOwned as err:
        fail(str(err), FAILED)


def _announce(line: str) -> None:
    # Scripts wait for these lines: they must not sit in a buffer.
    print(line, flush=True)  # noqa: T201
