"""``cellrig audit-log``: who ordered what, and whether the log is as it was written."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.arguments import DEFAULT_STORE, Json, StoreFile
from orchestrator.cli.examples import examples
from orchestrator.cli.extras import need
from orchestrator.cli.output import DONE, FAILED, print_json, print_table, say
from orchestrator.cli.tables import Column
from orchestrator.clock.local_time import local_time

if TYPE_CHECKING:
    from orchestrator.people.audit_history import Deed

_SERVED = "a store that was served: cellrig serve --simulate"

app = typer.Typer(
    help="The log of who ordered what: show, verify.",
    epilog=examples("cellrig audit-log show", "cellrig audit-log verify", needs=_SERVED),
    no_args_is_help=True,
)


@app.command(epilog=examples("cellrig audit-log verify", "cellrig audit-log verify --known HASH", needs=_SERVED))
def verify(
    known: Annotated[
        str, typer.Option("--known", metavar="HASH", help="A hash that was shown before and kept elsewhere.")
    ] = "",
    store: StoreFile = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Check that no entry was changed, cut or put in.

    The first wrong entry is named, with exit status 1. Keep the hash elsewhere, and ask for it with --known later.
    """
    from orchestrator.people.audit_check import check_file

    found = check_file(store, known)
    if json:
        print_json(asdict(found) | {"holds": found.holds})
    else:
        say(found.words, 2)
    raise typer.Exit(DONE if found.holds else FAILED)


@app.command(epilog=examples("cellrig audit-log show", "cellrig audit-log show --person anna --last 50", needs=_SERVED))
def show(
    last: Annotated[int, typer.Option("--last", metavar="N", min=1, max=10_000, help="So many at most.")] = 20,
    person: Annotated[str, typer.Option("--person", help="Only what this person did.")] = "",
    store: StoreFile = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Show who ordered what, newest first, and what came of it."""
    deeds = _deeds(store, last, person)
    if json:
        print_json({"entries": [asdict(deed.entry) | {"status": deed.status} for deed in deeds]})
    elif not deeds:
        say("nothing is in the log" + (f" of {person}" if person else ""))
    else:
        print_table(_COLUMNS, [_shown(deed) for deed in deeds])


_COLUMNS = (
    Column("entry"),
    Column("when", least=14),
    Column("who", least=8),
    Column("by"),
    Column("from"),
    Column("what", least=12, wants=30),
    Column("outcome"),
)


def _deeds(store: Path, last: int, person: str) -> list[Deed]:
    need("service")
    from orchestrator.people.audit_history import Wanted, deeds
    from orchestrator.people.people_file import PeopleFile

    with PeopleFile(store, create=False) as file:
        return deeds(file, Wanted(person=person, limit=last))


def _shown(deed: Deed) -> tuple[object, ...]:
    entry = deed.entry
    when = local_time(entry.at_unix_ms / 1000, seconds=True)
    said = ", ".join(f"{name} {value}" for name, value in entry.values.items())
    what = entry.act.replace("_", " ") + (f": {said}" if said else "")
    return entry.number, when, entry.person or None, entry.how, entry.address or None, what, deed.outcome
