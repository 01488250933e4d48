"""``cellrig store``: check, back up and upgrade the file that holds every record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.arguments import DEFAULT_STORE, Json, StoreFile
from orchestrator.cli.examples import examples
from orchestrator.cli.output import DONE, FAILED, fail, print_json, say

if TYPE_CHECKING:
    from orchestrator.store.row_checks import Finding

_LEVEL_WIDTH = 6

_STORE = "a store; cellrig run --simulate makes cellrig-simulated.db"

app = typer.Typer(
    help="Check, back up and upgrade a store.",
    epilog=examples("cellrig store check", "cellrig store backup --to backups", needs=_STORE),
    no_args_is_help=True,
)


@app.command(epilog=examples("cellrig store check --store cellrig-simulated.db", needs=_STORE))
def check(
    store: StoreFile = DEFAULT_STORE,
    backups: Annotated[
        Path | None, typer.Option("--backups", metavar="FOLDER", help="Where backups lie; else beside the store.")
    ] = None,
    json: Json = False,
) -> None:
    """Check a store for damage, missing records and a full disk.

    Unfinished runs and old backups are told too; exit status 1 for any fault.
    """
    import time

    from orchestrator.store.health import check_store

    health = check_store(store, now_unix_s=time.time(), backup_folder=backups)
    if json:
        print_json(health.as_dict())
    else:
        print_findings(health.findings)
    raise typer.Exit(DONE if health.sound else FAILED)


def print_findings(findings: Sequence[Finding]) -> None:
    """Print each finding in a sentence behind its level."""
    for finding in findings:
        say(f"{finding.level.value:{_LEVEL_WIDTH}}{finding.sentence}", _LEVEL_WIDTH)


@app.command(epilog=examples("cellrig store backup --to backups --keep 14", needs=_STORE))
def backup(
    store: StoreFile = DEFAULT_STORE,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="FOLDER", help="Folder for the backup, made if it is not there; else beside the store."
        ),
    ] = None,
    keep: Annotated[int, typer.Option("--keep", min=1, help="How many backups of this store are kept there.")] = 3,
    json: Json = False,
) -> None:
    """Make a verified copy, also while the store is written. Copying the file by hand then is no backup."""
    import time

    from orchestrator.store.backup import back_up, folder_for

    with folder_for(to) as is_new:
        made = back_up(store, to, now_unix_s=time.time(), keep=keep)
    if is_new:
        say(f"cellrig: the folder {to} was not there and was made: is it on the disk that you mean?", err=True)
    if json:
        print_json(made.as_dict())
        return
    say(f"{made.path}: {made.rows} rows, {made.size_bytes / 1e6:.1f} MB, verified")
    for path in made.removed:
        say(f"removed {path.name}; the newest {keep} are kept")


@app.command(epilog=examples("cellrig store upgrade --store cellrig.db", needs="the store of an older cellrig"))
def upgrade(store: StoreFile = DEFAULT_STORE) -> None:
    """Bring an older cellrig's store up to date.

    A verified copy of before is kept beside it. 'serve' and 'run' do it by themselves when they open a store,
    and commands that only look need none.
    """
    from orchestrator.rack.lock import owner_of
    from orchestrator.store.companion_files import before_name
    from orchestrator.store.older import pending_layouts
    from orchestrator.store.opening import open_store

    if not (pending := pending_layouts(store)):
        say(f"{store} is up to date")
        return
    if (owner := owner_of(store)) is not None:
        fail(
            f"{store} is served by {owner}, an older cellrig: end it first, then upgrade and serve with this one",
            FAILED,
        )
    open_store(store).close()
    say(f"{store} is up to date now; as it was before: {store.with_name(before_name(store, pending[0]))}")
