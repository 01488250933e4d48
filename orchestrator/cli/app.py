"""The command line: parse, call, render. Commands import their libraries when they run, so that help stays quick."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli import (
    cell_files,
    cells,
    demo,
    extensions,
    operate,
    recipes,
    runs,
    serve,
    simulate,
    spectra,
    stores,
    watch,
)
from orchestrator.cli.output import exit_status, fail

__all__ = ["app", "run"]

app = typer.Typer(
    name="cellrig",
    help="Tests coin cells on a battery tester, watches them, keeps every record; also with simulated instruments.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo.demo)
app.add_typer(recipes.app, name="recipe")
app.add_typer(cell_files.app, name="cell")
app.command()(serve.serve)
app.command()(runs.run)
app.command("runs")(runs.list_runs)
app.command()(runs.show)
app.command()(spectra.spectra)
app.command()(operate.status)
app.command()(watch.watch)
app.command()(operate.stop)
app.command()(operate.hold)
app.command()(operate.resume)
app.command()(operate.ack)
app.command()(cells.mounted)
app.command()(cells.empty)
app.add_typer(operate.bench_app, name="bench")
app.add_typer(simulate.app, name="simulate")
app.add_typer(stores.app, name="store")
app.command()(extensions.extensions)


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"cellrig {version('cellrig')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens, to stderr.")] = False,
) -> None:
    import logging

    logging.basicConfig(level=logging.INFO if verbose else logging.ERROR, format="%(levelname)s %(name)s: %(message)s")


def run() -> None:
    """Run the command line; an error that a user can correct becomes one sentence on stderr and an exit status."""
    from orchestrator.cli.client import NotServed

    try:
        app()
    except NotServed as err:
        fail(str(err), err.status)
    except Exception as err:  # the task's root: what is no error of ours shows its trace
        status = exit_status(err)
        if status is None:
            raise
        fail(str(err), status)
