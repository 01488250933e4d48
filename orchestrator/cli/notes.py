"""``cellrig note``: what a person has seen or done is written down with the run, and never changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli.arguments import DEFAULT_STORE, Json, StoreFile
from orchestrator.cli.client import By, ServiceClient, Url, named
from orchestrator.cli.output import print_json, say
from orchestrator.client.paths import run_path

RunId = Annotated[str, typer.Argument(metavar="RUN", help="Run id, as 'cellrig runs' lists it.")]
Text = Annotated[str, typer.Argument(metavar="TEXT", help="The note, in quotation marks.")]


def note(
    run: RunId, text: Text, by: By = "", store: StoreFile = DEFAULT_STORE, url: Url = None, json: Json = False
) -> None:
    """Write a note on a run, with your name and the time.

    A note is never changed or removed; 'cellrig show RUN' lists them. Where a service has the store, it writes the
    note; else it is written here.
    """
    from orchestrator.store.notes import note_text

    try:
        text = note_text(text)
    except ValueError as err:
        raise typer.BadParameter(str(err), param_hint="TEXT") from None
    kept = _written(run, text, named(by), store, url)
    if json:
        print_json(kept)
    else:
        say(f"{kept['run_id']} has a note by {kept['by']}; 'cellrig show {kept['run_id']}' lists its notes")


def _written(run: str, text: str, by: str, store: Path, url: str | None) -> dict[str, Any]:
    """Have the service write a note, or write it where none has the store. Raises NotServed, StoreError."""
    from orchestrator.rack.lock import owner_of

    if url is not None or owner_of(store) is not None:
        kept: dict[str, Any] = ServiceClient(store, url).post(run_path(run, "notes"), {"text": text, "by": by})
        return kept
    import time

    from orchestrator.cli.owned_store import check_is_there, shared_store
    from orchestrator.store import Notes

    check_is_there(store)
    with shared_store(store) as opened:
        return Notes(opened).add(run, text, by, time.time()).as_dict()
