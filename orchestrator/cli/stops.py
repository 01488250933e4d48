"""``cellrig stop`` with a service: order it, say at once what is known, and wait while the tester confirms it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from orchestrator.cli.output import DONE, FAILED, print_json, say
from orchestrator.client.stops import followed_stops

if TYPE_CHECKING:
    from orchestrator.cli.client import ServiceClient


def order_stop(client: ServiceClient, path: str, by: str, json: bool) -> NoReturn:
    """Order a stop and exit: with status 0 when every channel was seen to be off, else with 1."""
    found = client.post(path, {"by": by})
    rows = found if isinstance(found, list) else [found]
    if not json:
        print_stops(rows)
    rows = followed_stops(client, rows, lambda row: None if json else print_stops([row]))
    if json:
        print_json({"runs": rows})
    elif not rows:
        say("nothing was running")
    raise typer.Exit(exit_status(rows))


def exit_status(rows: list[dict[str, Any]]) -> int:
    """Return the exit status of ordered stops by their reports: 0 when every channel was seen to be off, else 1."""
    return DONE if all(row["off"] for row in rows) else FAILED


def print_stops(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print what is known of each ordered stop, as the service answers it."""
    for row in rows:
        who = f"{row['run_id']} on {row['channel']}" if row["run_id"] else row["channel"]
        state = f" is {row['state']}" if row["state"] else ""
        say(f"{who}{state}: {row['words']}")
