"""The daily commands: ``cellrig status``, ``stop``, ``hold``, ``resume``, ``ack``, ``bench check``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli.arguments import DEFAULT_STORE, BenchFile, Json, StoreFile
from orchestrator.cli.client import By, ServiceClient, Url, named
from orchestrator.cli.examples import examples
from orchestrator.cli.output import DONE, FAILED, UNREACHABLE, WRONG_USE, fail, print_json, print_table, say
from orchestrator.cli.rack_words import print_rack
from orchestrator.cli.stops import order_stop
from orchestrator.client.paths import channel_path, run_path
from orchestrator.clock.local_time import local_time

RunId = Annotated[str, typer.Argument(metavar="RUN", help="Run id, as 'cellrig status' names it.")]
# What belongs to a line stands below it, so far in.
_INDENT = 2

_BENCH = "a bench file (docs/bench.md), or a service"

bench_app = typer.Typer(
    help="Look at the instruments of a bench file.",
    epilog=examples("cellrig bench check --bench bench.toml", needs=_BENCH),
    no_args_is_help=True,
)


@bench_app.callback()
def _bench() -> None:
    """Keep ``check`` a subcommand also while it is the only one."""


def status(store: StoreFile = DEFAULT_STORE, url: Url = None, json: Json = False) -> None:
    """Show what every channel does now.

    Below stands what happened since the service started.
    """
    found = ServiceClient(store, url).get("/status")
    if json:
        print_json(found)
        return
    print_status(found)


def print_status(found: Mapping[str, Any]) -> None:
    """Print the rack, as ``/status`` answers it, and the events since the service started."""
    print_rack(found)
    if found["since_start"]:
        rows = [
            (local_time(row["at_unix_s"], seconds=True), row["run_id"], row["what"]) for row in found["since_start"]
        ]
        print_table(("when", "run", "what"), rows, "Since the service started")


def stop(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="Run id, as 'cellrig status' names it.")] = None,
    channel: Annotated[
        str | None,
        typer.Option("--channel", help="Stop what works on this channel, whoever started it."),
    ] = None,
    rack: Annotated[bool, typer.Option("--rack", help="Stop everything.")] = False,
    direct: Annotated[
        bool, typer.Option("--direct", help="With the service dead: stop --channel at the tester itself.")
    ] = False,
    bench: BenchFile = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing, as without a terminal.")] = False,
    by: By = "",
    store: StoreFile = DEFAULT_STORE,
    url: Url = None,
    json: Json = False,
) -> None:
    """Stop a run, a channel or the whole rack for good. Status 0: seen to be off; 1: not, and what to do by hand.

    A stopped run is over: 'cellrig hold RUN' stops the current and keeps the run for 'cellrig resume RUN'.
    """
    if (run is not None) + (channel is not None) + rack != 1:
        raise typer.BadParameter("say one of RUN, --channel CH or --rack")
    if direct:
        if channel is None or bench is None:
            raise typer.BadParameter("--direct needs --channel CH and --bench FILE")
        _stop_directly(bench, store, channel, named(by))
        return
    client = ServiceClient(store, url)
    if not yes and not _is_sure(client, run, channel):
        fail("nothing is stopped", FAILED)
    if run is not None:
        path = run_path(run, "stop")
    else:
        path = "/rack/stop" if channel is None else channel_path(channel, "stop")
    order_stop(client, path, named(by), json)


def _is_sure(client: ServiceClient, run: str | None, channel: str | None) -> bool:
    """Ask a person at a terminal whether a run, what a channel does, or all is to end for good; True elsewhere."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    if run is not None:
        ends = f"{run} is over for good when it is stopped ('cellrig hold {run}' keeps it, to go on later)"
    elif channel is not None:
        ends = f"what runs on channel {channel} is over for good when it is stopped ('cellrig hold' keeps a run)"
    else:
        rows = client.get("/status")["channels"]
        on = [row["channel"] for row in rows if row["use"] not in {"free", "idle"}]
        ends = f"every run of the rack is over for good when it is stopped ({', '.join(on) or 'none'})"
    return typer.confirm(f"{ends}. Stop?", err=True)


def _stop_directly(bench: Path, store: Path, channel: str, by: str) -> None:
    from orchestrator.bench.settings import load_bench
    from orchestrator.clock.scaled import run_by
    from orchestrator.rack.claims import CommandRefused
    from orchestrator.rack.direct_stop import refuse_while_served, stop_directly

    try:
        refuse_while_served(store)
        settings = load_bench(bench)
        outcome = run_by(settings.clock, stop_directly(settings, store, channel, by))
    except CommandRefused as err:
        fail(str(err), FAILED)
    say(outcome.words)
    raise typer.Exit(DONE if outcome.is_off else FAILED)


def _tell(run: Mapping[str, Any], json: bool) -> None:
    if json:
        print_json({"runs": [run]})
    else:
        print_states([run])


def print_states(runs: Sequence[Mapping[str, Any]]) -> None:
    """Print the state of each run, as ``/runs/.../resume`` and ``/acknowledge`` answer it."""
    for row in runs:
        say(f"{row['run_id']} on {row['channel']} is {row['state']}: {row['reason']}".rstrip(": "), _INDENT)


def hold(run: RunId, by: By = "", store: StoreFile = DEFAULT_STORE, url: Url = None, json: Json = False) -> None:
    """Stop a run's current and keep the run.

    'cellrig resume RUN' goes on with what is left.
    """
    order_stop(ServiceClient(store, url), run_path(run, "hold"), named(by), json)


def resume(run: RunId, by: By = "", store: StoreFile = DEFAULT_STORE, url: Url = None, json: Json = False) -> None:
    """Resume a held run, with the part that is not done yet."""
    _tell(ServiceClient(store, url).post(run_path(run, "resume"), {"by": named(by)}), json)


def ack(run: RunId, by: By = "", store: StoreFile = DEFAULT_STORE, url: Url = None, json: Json = False) -> None:
    """Acknowledge a safety stop, after a look at the cell.

    The name is kept, and the channel may be used again.
    """
    _tell(ServiceClient(store, url).post(run_path(run, "acknowledge"), {"by": named(by)}), json)


@bench_app.command(epilog=examples("cellrig bench check --bench bench.toml", "cellrig bench check", needs=_BENCH))
def check(bench: BenchFile = None, store: StoreFile = DEFAULT_STORE, url: Url = None, json: Json = False) -> None:
    """Show which instruments answer.

    Also what happens to each channel when this machine stops working. Without --bench the running service is asked.
    """
    if bench is None:
        rows = [{**row, "problem": None} for row in ServiceClient(store, url).get("/instruments")]
        rows = [row if row["answers"] else {**row, "problem": "it does not answer"} for row in rows]
    else:
        rows = _checked(bench)
    if json:
        print_json({"instruments": rows})
    else:
        print_instruments(rows)
    raise typer.Exit(UNREACHABLE if any(row["problem"] for row in rows) else DONE)


def print_instruments(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print each instrument with its problem, what becomes of its channels without this machine, and their names."""
    for row in rows:
        say(f"{row['name']}: {row['problem'] or 'answers'}; {_HOST_LOSS[str(row['host_loss'])]}", _INDENT)
        if row["channels"]:
            say(" " * _INDENT + ", ".join(row["channels"]), _INDENT)


_HOST_LOSS = {
    "rides_on": "when this machine dies, every channel goes on under the tester's own limits",
    "stops": "when this machine dies, every channel stops",
    "keeps": "when this machine dies, the oven goes on at its set point",
    "measures": "it only measures",
    "unknown": "what happens when this machine dies is not known: not for unattended runs",
}


def _checked(bench: Path) -> list[dict[str, Any]]:
    from orchestrator.bench.checking import check_bench
    from orchestrator.bench.settings import load_bench
    from orchestrator.clock.scaled import run_by

    settings = load_bench(bench)
    if missing := [sentence for tester in settings.tester for sentence in tester.missing()]:
        fail("\n".join(f"{bench}: {sentence}" for sentence in missing), WRONG_USE)
    return run_by(settings.clock, check_bench(settings))
