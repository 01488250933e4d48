"""The command line: parse, call, render. Commands import their libraries when they run, so that help stays quick."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from orchestrator.cli import (
    analyse,
    archive,
    audit,
    audit_log,
    cell_files,
    cells,
    commission,
    demo,
    export,
    extensions,
    imports,
    morning,
    notes,
    notices,
    operate,
    paper,
    people,
    plot,
    preflight,
    recipe_exchange,
    report,
    runs,
    serve,
    simulate,
    spectra,
    stores,
    verify,
    watch,
)
from orchestrator.cli.examples import examples
from orchestrator.cli.narrowing import narrowed
from orchestrator.cli.output import exit_status, fail
from orchestrator.cli.streams import told_if_unwritten

__all__ = ["app", "run"]

# What a command needs that only looks, and one that asks the service.
_STORE = "a store with runs; cellrig run --simulate makes one"
_SERVICE = "a service: cellrig serve --simulate --speed 3600, in another terminal"
_RUN = f"{_SERVICE},\nand one of its runs, as 'cellrig status' names it"


class _Root(TyperGroup):
    """The group of all commands; a word that is none of an option's is told without pydantic's own words before it."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - as typer has it
        """Run the command that the words name. Raises what it raises."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as err:
            # Typer from 0.29 on has pydantic read the words of options.
            err.message = err.message.removeprefix("Value error, ")
            raise


app = typer.Typer(
    name="cellrig",
    cls=_Root,
    help="Tests coin cells on a battery tester, watches them, keeps every record; also with simulated instruments.",
    epilog=examples(
        "cellrig demo",
        "cellrig recipe list",
        "cellrig run li-li-0.4 --cell bare-li-li --channel 21-1-3 --simulate",
        "cellrig show R000001 --store cellrig-simulated.db",
        "cellrig run --help",
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog=examples("cellrig demo", "cellrig demo --out figures --seed 7"))(demo.demo)
app.command(epilog=examples("cellrig paper", "cellrig paper --quick --out look", "cellrig paper --seed 7 --pdf --png"))(
    paper.paper
)
app.add_typer(recipe_exchange.app, name="recipe")
app.add_typer(cell_files.app, name="cell")
app.command(
    epilog=examples(
        "cellrig serve --simulate --speed 3600",
        "cellrig serve --bench bench.toml --store cellrig.db   # real instruments",
        "cellrig serve --simulate --mqtt 127.0.0.1:1883   # and publish to a broker",
    )
)(serve.serve)
app.command(
    epilog=examples(
        "cellrig run li-li-0.4 --cell bare-li-li --channel 21-1-3 --simulate",
        "cellrig run --like R000001 --simulate --set 'cell.area=1.131 cm2'",
        "cellrig run lfp-200mA-g --cell lfp-17.yaml --channel 21-1-4 --label A17",
        needs="for the last a service (cellrig serve) and a cell's file of your own",
    )
)(runs.run)
app.command(
    epilog=examples(
        "cellrig preflight li-li-0.4 --cell bare-li-li --channel 21-1-3",
        "cellrig preflight mine.yaml --cell lfp-17.yaml --channel 21-1-5 --json",
        "cellrig preflight --lamp on --channel 21-1-3",
        needs="for the second files of your own, for the last a service",
    )
)(preflight.preflight)
app.command(
    epilog=examples(
        "cellrig commission ct4008 --simulate --yes",
        "cellrig commission ct4008 --simulate --list",
        "cellrig commission ct4008 --channel 21-1-3 --bench bench.toml",
        "cellrig commission chi660e --bench bench.toml",
        "cellrig commission oven --oven oven-60 --bench bench.toml",
        needs="for the last three a bench file, and the resistor where it belongs",
    )
)(commission.commission)
app.command(
    epilog=examples(
        "cellrig audit --bench bench.toml",
        "cellrig audit --bench bench.toml --channel 21-1-3 --for 30min",
        "cellrig audit --bench bench.toml --for 3d --keep found.jsonl",
        "cellrig audit --bench bench.toml --for 3d --out audit.html",
        needs="a bench file that names a CT-4008 (docs/bench.md, docs/audit.md)",
    )
)(audit.audit)
app.command("runs", epilog=examples("cellrig runs", "cellrig runs --store cellrig-simulated.db --json", needs=_STORE))(
    runs.list_runs
)
app.command(
    epilog=examples(
        "cellrig show R000001 --store cellrig-simulated.db", "cellrig show R000001 --steps 50 --cycles 0", needs=_STORE
    )
)(runs.show)
app.command(
    epilog=examples(
        "cellrig analyse R000001 --store cellrig-simulated.db",
        "cellrig analyse R000005 R000006 -t cycles -t retention --reference 5",
        "cellrig analyse R000005 --csv numbers",
        "cellrig analyse R000007 --table titration --length-um 1.5 --json",
        needs=_STORE,
    )
)(analyse.analyse)
app.command(
    epilog=examples(
        "cellrig run li-li-eis --cell bare-li-li --channel 21-1-1 --simulate",
        "cellrig spectra R000001 --store cellrig-simulated.db --out pictures",
    )
)(spectra.spectra)
app.command(
    epilog=examples(
        "cellrig plot R000001 --store cellrig-simulated.db",
        "cellrig plot R000005 R000006 --over cycle -o capacity.pdf",
        "cellrig plot R000005 --over capacity --cycles 1,10,last --width double",
        needs=_STORE,
    )
)(plot.plot)
app.command(
    epilog=examples(
        "cellrig report R000001 --store cellrig-simulated.db",
        "cellrig report R000005 R000006 R000007 --by label --pdf -o lfp.html",
        "cellrig report R000003 -o R000003.pdf",
        "cellrig report R000003 --png pictures --no-fits",
        needs=_STORE,
    )
)(report.report)
app.command(
    epilog=examples(
        "cellrig export R000001 --to bdf-csv --store cellrig-simulated.db",
        "cellrig export R000001 --to neware-csv -o A17.csv",
        "cellrig export R000005 R000006 --to bdf-parquet -o tables/",
        "cellrig export --list",
        needs=_STORE,
    )
)(export.export)
app.command(
    epilog=examples(
        "cellrig export R000001 --to crate --store cellrig-simulated.db",
        "cellrig verify R000001.cellrig.zip",
        "cellrig verify cellrig-archive/*.zip --json",
        needs=_STORE,
    )
)(verify.verify)
app.command(
    epilog=examples(
        "cellrig archive R000001 --store cellrig-simulated.db",
        "cellrig archive --older-than 90d --dry-run",
        "cellrig archive --older-than 90d --to /archive/rig-1",
        needs=_STORE,
    )
)(archive.archive)
app.command(
    epilog=examples(
        "cellrig unarchive R000001 --store cellrig-simulated.db",
        "cellrig unarchive R000001 --from /archive/rig-1/R000001.cellrig.zip",
        needs="a store with an archived run",
    )
)(archive.unarchive)
app.command(
    "import",
    epilog=examples(
        "cellrig import A17.ndax --cell lfp-17.yaml",
        "cellrig import old.nda record.csv --zone Europe/Zurich --dry-run",
        "cellrig import impedance.txt --zone Asia/Shanghai --label A17",
        "cellrig import bench2.db --run R000012 --run R000013",
        "cellrig import R000012.cellrig.zip",
        needs="files of your own",
    ),
)(imports.import_files)
app.command(epilog=examples("cellrig status", "cellrig status --json", needs=_SERVICE))(operate.status)
app.command(epilog=examples("cellrig watch", "cellrig watch --once", needs=_SERVICE))(watch.watch)
app.command(
    epilog=examples(
        "cellrig morning",
        "cellrig morning --since 3d --out morning.html",
        "cellrig morning --mail ada-mail --bench bench.toml",
        "cellrig morning --store cellrig-simulated.db --json",
        needs=f"{_STORE};\nto mail it, a bench file with [notices] (docs/notices.md)",
    )
)(morning.morning)
app.command(
    epilog=examples("cellrig stop R000002", "cellrig stop --channel 21-1-3", "cellrig stop --rack --yes", needs=_RUN)
)(operate.stop)
app.command(epilog=examples("cellrig hold R000002 --by ada", needs=_RUN))(operate.hold)
app.command(epilog=examples("cellrig resume R000002 --by ada", needs=_RUN))(operate.resume)
app.command(epilog=examples("cellrig ack R000002 --by ada", needs=_RUN))(operate.ack)
app.command(epilog=examples("cellrig note R000002 'Pressed the cell in again' --by ada", needs=_STORE))(notes.note)
app.command(epilog=examples("cellrig mounted R000003 --by ada", needs=_RUN))(cells.mounted)
app.command(epilog=examples("cellrig empty 21-1-3 --by ada", needs=_SERVICE))(cells.empty)
app.add_typer(operate.bench_app, name="bench")
app.add_typer(notices.app, name="notices")
app.add_typer(people.app, name="people")
app.add_typer(audit_log.app, name="audit-log")
app.add_typer(simulate.app, name="simulate")
app.add_typer(stores.app, name="store")
app.command(epilog=examples("cellrig extensions", "cellrig extensions --json"))(extensions.extensions)


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
    with told_if_unwritten():
        _run()


def _run() -> None:
    from orchestrator.cli.client import NotServed, exit_status_of

    try:
        narrowed(app, sys.argv[1:])()
    except NotServed as err:
        fail(str(err), exit_status_of(err))
    except Exception as err:  # the task's root: what is no error of ours shows its trace
        status = exit_status(err)
        if status is None:
            raise
        fail(str(err), status)
