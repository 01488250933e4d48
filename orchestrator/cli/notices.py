"""The notices to people: ``cellrig notices list``, ``ack``, ``test``, ``watch-service``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.arguments import DEFAULT_STORE, Json, StoreFile
from orchestrator.cli.client import By, named
from orchestrator.cli.examples import examples
from orchestrator.cli.extras import need
from orchestrator.cli.output import DONE, FAILED, fail, print_json, print_table, say
from orchestrator.cli.tables import Column
from orchestrator.clock.local_time import local_time

if TYPE_CHECKING:
    from orchestrator.bench.notice_settings import NoticeSettings
    from orchestrator.notices.values import Outcome

_FILE = "a bench file with [notices] (docs/notices.md)"
_NOTICES = "a service with notices: cellrig serve --bench bench.toml"

Settings = Annotated[
    Path, typer.Option("--bench", metavar="FILE", help="Bench file, or another TOML file, with a table [notices].")
]

app = typer.Typer(
    help="Notices to people: test, list, acknowledge.",
    epilog=examples("cellrig notices test --bench bench.toml", "cellrig notices list", needs=_FILE),
    no_args_is_help=True,
)


@app.command("list", epilog=examples("cellrig notices list", "cellrig notices list --last 50 --json", needs=_NOTICES))
def list_notices(
    store: StoreFile = DEFAULT_STORE,
    last: Annotated[int, typer.Option("--last", metavar="N", min=1, help="So many attempts to deliver.")] = 20,
    json: Json = False,
) -> None:
    """Show the open alarms, and what was sent.

    The alarms wait for an acknowledgement; of what was sent it says to whom, and whether it was taken.
    """
    from orchestrator.notices.state_file import StateFile

    with StateFile(store, create=False) as state:
        open_ones, deliveries = state.open_incidents(), state.deliveries(last)
    if json:
        print_json({"open": open_ones, "deliveries": deliveries})
        return
    if open_ones:
        print_table(_OPEN, [_open_row(row) for row in open_ones], "Not acknowledged")
    else:
        say("no alarm waits for an acknowledgement")
    if deliveries:
        print_table(_SENT, [_sent_row(row) for row in deliveries], "Sent")


# A date above a time with its offset.
_TIME_WIDTH = len("23:20 +0000")
_OPEN = (
    Column("since", least=_TIME_WIDTH),
    Column("what", least=8),
    Column("channel"),
    Column("cell", least=8),
    Column("alarms"),
    Column("first told", least=_TIME_WIDTH),
    Column("what happened", least=20, wants=30, below=True),
)
_SENT = (
    Column("when", least=14),
    Column("target", least=8),
    Column("status"),
    Column("took", "s", decimals=1),
    Column("notices"),
    Column("title", least=20, wants=30),
    Column("why not", least=20),
)


def _open_row(row: Mapping[str, Any]) -> Sequence[object]:
    from orchestrator.events import EventKind
    from orchestrator.events.to_do import headline

    told = "nobody yet" if row["told_unix_s"] is None else local_time(row["told_unix_s"])
    since = local_time(row["opened_unix_s"])
    happened = (
        row["sentence"] if row["kind"] in (None, EventKind.STATE) else f"{headline(row['kind'])}: {row['sentence']}"
    )
    label = ", ".join(filter(None, (row["label"], "simulated" if row["simulated"] else "")))
    return since, row["key"], row["channel"], label, row["notices"], told, happened


def _sent_row(row: Mapping[str, Any]) -> Sequence[object]:
    when = local_time(row["at_unix_s"], seconds=True)
    return when, row["target"], row["status"], row["took_s"], row["notices"], row["title"], row["detail"] or None


@app.command(
    epilog=examples("cellrig notices ack R000007 --by ada", "cellrig notices ack --all --by ada", needs=_NOTICES)
)
def ack(
    what: Annotated[
        str | None,
        typer.Argument(metavar="[WHAT]", help="A run, a channel, or what 'cellrig notices list' shows under 'what'."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every alarm that is open.")] = False,
    by: By = "",
    store: StoreFile = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """End the repeats of an alarm that is seen.

    A safety stop stays latched until 'cellrig ack RUN'. Works without the service.
    """
    import time

    from orchestrator.notices.state_file import StateFile

    if (what is not None) == every:
        raise typer.BadParameter("say WHAT is acknowledged, or --all")
    person = named(by)
    with StateFile(store, create=False) as state:
        done = state.acknowledge(what, person, time.time())
    if json:
        print_json({"acknowledged": done, "by": person})
    elif not done:
        fail(f"no open alarm is of {what or 'anything'}; see 'cellrig notices list'", FAILED)
    else:
        for key in done:
            say(f"{key}: acknowledged by {person}", 2)


@app.command(
    "test",
    epilog=examples(
        "cellrig notices test --bench bench.toml", "cellrig notices test ada-phone --bench bench.toml", needs=_FILE
    ),
)
def send_test(
    targets: Annotated[
        list[str] | None, typer.Argument(metavar="[TARGET]...", help="Targets of the file; else all.")
    ] = None,
    bench: Settings = Path("bench.toml"),
    json: Json = False,
) -> None:
    """Send a test message to each target now.

    It goes from this machine, without the service. Status 1: one of them has not taken it.
    """
    import asyncio

    settings = _settings(bench)
    outcomes = asyncio.run(_tested(settings, targets or [target.name for target in settings.targets]))
    rows = [
        {"target": it.target, "status": it.status.value, "took_s": round(it.took_s, 3), "detail": it.detail}
        for it in outcomes
    ]
    if json:
        print_json({"targets": rows})
    else:
        shown = [(row["target"], row["status"], f"{row['took_s']:.1f}", row["detail"]) for row in rows]
        print_table(("target", "status", "took s", "why not"), shown)
    raise typer.Exit(DONE if all(it.is_delivered for it in outcomes) else FAILED)


async def _tested(settings: NoticeSettings, targets: Sequence[str]) -> list[Outcome]:
    import asyncio
    import time

    from orchestrator.events import Severity
    from orchestrator.notices.incidents import TEST
    from orchestrator.notices.sending import Letter, deliver
    from orchestrator.notices.values import Entry, Message, Notice, Reason
    from orchestrator.notices.wording import body_of, rig_name, title_of

    for target in targets:
        settings.target(target)
    entry = Entry(Notice(0, TEST, Severity.INFO, "", time.time()), Reason.TEST)
    message = Message(0, "", (), (entry,))
    rig = rig_name(settings)
    letter = Letter(title_of(message, rig), body_of(message, rig))
    return await asyncio.gather(*(deliver(settings, target, letter) for target in targets))


@app.command(
    "watch-service", epilog=examples("cellrig notices watch-service --bench bench.toml", needs=f"{_FILE}, and a store")
)
def watch_service(bench: Settings = Path("bench.toml"), store: StoreFile = DEFAULT_STORE, json: Json = False) -> None:
    """Tell people if the service is dead.

    One look, for a timer of the system that makes one a minute (docs/operate.md). Status 1: it is dead.
    """
    import asyncio

    from orchestrator.notices.wording import rig_name
    from orchestrator.serving.service_watch import watch_service as look

    settings = _settings(bench)
    found = asyncio.run(look(settings, store, rig_name(settings)))
    if json:
        print_json({"health": found.health.value, "since_unix_s": found.since_unix_s, "sentence": found.sentence})
    else:
        say(found.sentence)
    raise typer.Exit(FAILED if found.health.is_told else DONE)


def _settings(file: Path) -> NoticeSettings:
    """Read who is told what from a file. Raises SettingsError."""
    from drivers.errors import SettingsError
    from orchestrator.bench.notice_settings import notices_in
    from orchestrator.bench.service_settings import read_document

    found = notices_in(read_document(file), file)
    if found is None:
        raise SettingsError(f"{file} has no table [notices]; docs/notices.md shows one")
    need("notices")
    return found
