"""``cellrig people``: who may sign in, on the rig's machine itself, with or without a running service."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.arguments import DEFAULT_STORE, Json, StoreFile
from orchestrator.cli.client import By, named
from orchestrator.cli.examples import examples
from orchestrator.cli.extras import need
from orchestrator.cli.output import print_json, print_table, say
from orchestrator.cli.tables import Column
from orchestrator.clock.local_time import local_time

# Typer reads them when the program starts.
from orchestrator.people.person import How, Person, Role

if TYPE_CHECKING:
    from orchestrator.people.changes import Asker
    from orchestrator.people.people import People

_TIME_WIDTH = len("23:20 +0000")
_ADDRESS = "http://127.0.0.1:8765"

app = typer.Typer(
    help="People who may sign in: list, add, roles, passwords, tokens.",
    epilog=examples("cellrig people add anna --role admin", "cellrig people list", "cellrig people unlock anna"),
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the person.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from stdin; else one is made and shown once.")
]


def _opened(store: Path, *, create: bool = False) -> People:
    need("service")
    from orchestrator.people.people import People

    return People(store, create=create)


def _by(by: str) -> Asker:
    from orchestrator.people.changes import Asker

    return Asker(Person(named(by), Role.ADMIN, How.MACHINE), path="cellrig people")


def _password(from_stdin: bool) -> str | None:
    return sys.stdin.readline().rstrip("\r\n") if from_stdin else None


def _tell(json: bool, values: Mapping[str, Any], sentence: str) -> None:
    if json:
        print_json(dict(values))
    else:
        say(sentence, 2)


@app.command("list", epilog=examples("cellrig people list", "cellrig people list --json"))
def list_people(store: StoreFile = DEFAULT_STORE, json: Json = False) -> None:
    """Show who may sign in, with role, sessions and tokens."""
    with _opened(store, create=True) as people:
        rows = [_row(people, account.name) | {"role": account.role.value} for account in people.accounts.all()]
    if json:
        print_json({"people": rows})
    elif not rows:
        say("nobody may sign in yet; 'cellrig people add NAME --role admin' or the set-up link makes the first admin")
    else:
        print_table(_PEOPLE, [_shown(row) for row in rows])


_PEOPLE = (
    Column("name", least=8),
    Column("role"),
    Column("last seen", least=_TIME_WIDTH),
    Column("sessions"),
    Column("tokens"),
    Column("locked for", "s", decimals=0),
)


def _row(people: People, name: str) -> dict[str, Any]:
    sessions = people.sessions.of(name)
    return {
        "name": name,
        "seen_unix_s": max((session.seen_unix_s for session in sessions), default=None),
        "sessions": len(sessions),
        "tokens": len(people.tokens.of(name)),
        "locked_s": people.delay.locked_for_s(name),
    }


def _shown(row: Mapping[str, Any]) -> tuple[object, ...]:
    seen = "never" if row["seen_unix_s"] is None else local_time(row["seen_unix_s"])
    return row["name"], row["role"], seen, row["sessions"], row["tokens"], row["locked_s"] or None


@app.command(
    epilog=examples(
        "cellrig people add anna --role admin",
        "cellrig people add otto --role operator --password-stdin",
    )
)
def add(
    name: Name,
    role: Annotated[Role, typer.Option("--role", help="viewer looks, operator orders, admin changes people.")],
    from_stdin: FromStdin = False,
    by: By = "",
    store: StoreFile = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Add a person."""
    with _opened(store, create=True) as people:
        new = people.changes.add(_by(by), name, role, _password(from_stdin))
    shown = f", with the password {new.made}; it is shown this once, and a new one is set on the page of {new.name}"
    _tell(
        json,
        {"name": new.name, "role": role.value, "password": new.made},
        f"{new.name} may sign in as {role.value}{shown if new.made else ''}",
    )


@app.command("role", epilog=examples("cellrig people role otto admin"))
def set_role(
    name: Name,
    role: Annotated[Role, typer.Argument(metavar="ROLE", help="viewer, operator or admin.")],
    by: By = "",
    store: StoreFile = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Change a person's role; all sessions of that person end."""
    with _opened(store) as people:
        people.changes.set_role(_by(by), name, role)
    _tell(json, {"name": name, "role": role.value}, f"{name} is {role.value} now, and signs in anew")


@app.command(epilog=examples("cellrig people password otto"))
def password(
    name: Name,
    from_stdin: FromStdin = False,
    by: By = "",
    store: StoreFile = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Set a new password; all sessions of that person end."""
    with _opened(store) as people:
        made = people.changes.reset_password(_by(by), name, _password(from_stdin))
    shown = f"the password of {name} is {made}; it is shown this once" if made else f"{name} has a new password"
    _tell(json, {"name": name, "password": made}, shown)


@app.command(epilog=examples("cellrig people unlock anna"))
def unlock(name: Name, by: By = "", store: StoreFile = DEFAULT_STORE, json: Json = False) -> None:
    """Let a person sign in at once, after too many failed attempts."""
    with _opened(store) as people:
        waited = people.changes.unlock(_by(by), name)
    _tell(
        json,
        {"name": name, "had_failures": waited},
        f"{name} may sign in at once" if waited else f"{name} was not locked",
    )


@app.command(epilog=examples("cellrig people remove otto"))
def remove(name: Name, by: By = "", store: StoreFile = DEFAULT_STORE, json: Json = False) -> None:
    """Remove a person, with all sessions and tokens."""
    with _opened(store) as people:
        people.changes.remove(_by(by), name)
    _tell(json, {"name": name, "removed": True}, f"{name} may not sign in any more")


@app.command(
    epilog=examples(
        "cellrig people token anna",
        "cellrig people token anna --label 'wall display' --role viewer --days 365",
        "cellrig people token anna --remove d026d1bc25e2",
    )
)
def token(
    name: Name,
    label: Annotated[str, typer.Option("--label", help="What a new token is for.")] = "",
    role: Annotated[Role, typer.Option("--role", help="What it may do; at most what the person may.")] = Role.VIEWER,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How long it lasts, in days.")] = 90,
    ended: Annotated[str, typer.Option("--remove", metavar="ID", help="End the token of this id.")] = "",
    by: By = "",
    store: StoreFile = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """List a person's tokens, make one, or end one."""
    if label and ended:
        raise typer.BadParameter("say either --label, to make a token, or --remove")
    with _opened(store) as people:
        if label:
            made = people.changes.make_token(_by(by), name, label, role, days)
            _tell(
                json, {"id": made.name, "token": made.text}, f"{made.text}\nis shown this once; its id is {made.name}"
            )
        elif ended:
            people.changes.remove_token(_by(by), name, ended)
            _tell(json, {"id": ended, "removed": True}, f"the token {ended} serves no more")
        else:
            found = people.tokens.of(people.accounts.find(name).name)
            _list_tokens(json, name, [asdict(it) | {"role": it.role.value} for it in found])


def _list_tokens(json: bool, name: str, rows: list[dict[str, Any]]) -> None:
    if json:
        print_json({"tokens": rows})
    elif not rows:
        say(f"{name} has no token; --label makes one")
    else:
        columns = (Column("id"), Column("for", least=8), Column("role"), Column("ends", least=_TIME_WIDTH),
                   Column("last used", least=_TIME_WIDTH))  # fmt: skip
        shown = [
            (row["id"], row["label"], row["role"], local_time(row["ends_unix_s"]),
             "never" if row["seen_unix_s"] is None else local_time(row["seen_unix_s"]))
            for row in rows
        ]  # fmt: skip
        print_table(columns, shown)


@app.command("set-up-link", epilog=examples("cellrig people set-up-link"))
def set_up(
    url: Annotated[
        str, typer.Option("--url", help="Address by which the browser reaches the service; else that of the service.")
    ] = "",
    store: StoreFile = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Make the link by which an admin signs up.

    He sets a name and a password there. It serves once, for a day; an older one serves no more.
    """
    from orchestrator.people.set_up import LASTS_S, set_up_link

    by = _by("")
    with _opened(store, create=True) as people, people.log.recorded(by.act("set_up_link")):
        link = set_up_link(url or _served_at(store), people.set_ups.new_code())
    _tell(json, {"link": link, "lasts_s": LASTS_S}, f"{link}\nserves once, for a day, to make an admin")


def _served_at(store: Path) -> str:
    from orchestrator.rack.lock import owner_of

    owner = owner_of(store)
    return (owner.public_url if owner is not None else "") or _ADDRESS
