"""``cellrig stop`` with a service: order it, say at once what is known, and wait while the tester confirms it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from orchestrator.cli.output import DONE, FAILED, print_json

if TYPE_CHECKING:
    from orchestrator.cli.client import ServiceClient

# A tester that answers confirms a stop in some 10 s, by the last rung of its ladder in minutes.
_CONFIRMED_WITHIN_S = 60.0
_ASK_EVERY_S = 1.0


def order_stop(client: ServiceClient, path: str, by: str, json: bool) -> NoReturn:
    """Order a stop and exit: with status 0 when every channel was seen to be off, else with 1."""
    found = client.post(path, {"by": by})
    rows = found if isinstance(found, list) else [found]
    if not json:
        _tell(rows)
    rows = _followed(client, rows, quiet=json)
    if json:
        print_json({"runs": rows})
    elif not rows:
        typer.echo("nothing was running")
    raise typer.Exit(exit_status(rows))


def exit_status(rows: list[dict[str, Any]]) -> int:
    """Return the exit status of ordered stops by their reports: 0 when every channel was seen to be off, else 1."""
    return DONE if all(row["off"] for row in rows) else FAILED


def _followed(client: ServiceClient, rows: list[dict[str, Any]], *, quiet: bool) -> list[dict[str, Any]]:
    """Wait for the end of stops that are pending at a tester that answers; the others are given as they are."""
    until_s = time.monotonic() + _CONFIRMED_WITHIN_S
    while time.monotonic() < until_s and any(is_worth_waiting(row) for row in rows):
        time.sleep(_ASK_EVERY_S)
        for n, row in enumerate(rows):
            if not is_worth_waiting(row):
                continue
            now = client.get(f"/channels/{row['channel']}")["stop"]
            if now is not None and not now["pending"]:
                rows[n] = {**row, **now}
                if not quiet:
                    _tell([rows[n]])
    return rows


def is_worth_waiting(row: dict[str, Any]) -> bool:
    """Return whether a stop that is not confirmed is waited for: a tester that does not answer is not."""
    return bool(row["pending"] and row["answers"])


def _tell(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        who = f"{row['run_id']} on {row['channel']}" if row["run_id"] else row["channel"]
        state = f" is {row['state']}" if row["state"] else ""
        typer.echo(f"{who}{state}: {row['words']}")
