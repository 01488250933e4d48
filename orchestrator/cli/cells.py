"""What people say of the cells on the channels: ``cellrig mounted``, ``cellrig empty``, and the question of ``run``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.arguments import DEFAULT_STORE, Json, StoreFile, complete_channel
from orchestrator.cli.client import By, ServiceClient, Url, named
from orchestrator.cli.output import WRONG_USE, fail, print_json, say
from orchestrator.client.paths import channel_path, run_path

if TYPE_CHECKING:
    from orchestrator.rack.mounted_cells import Terms

_SAME = "same"
_NO_NAMES = frozenset({"y", "yes", "n", "no"})  # what fingers type at any question: no label of a cell


def mounted(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id of a queued run, as 'cellrig status' names it.")],
    by: By = "",
    store: StoreFile = DEFAULT_STORE,
    url: Url = None,
    json: Json = False,
) -> None:
    """Say that a queued run's cell is on its channel.

    The run may start then.
    """
    now = ServiceClient(store, url).post(run_path(run, "mounted"), {"by": named(by)})
    if json:
        print_json(now)
    else:
        print_mounted(now)


def print_mounted(now: Mapping[str, Any]) -> None:
    """Print a run whose cell is mounted, as the service answers it."""
    say(f"{now['label']} is on {now['channel']}: {now['run_id']} may start; see 'cellrig status'")


def empty(
    channel: Annotated[
        str, typer.Argument(metavar="CHANNEL", help="A channel, such as 21-1-3.", autocompletion=complete_channel)
    ],
    by: By = "",
    store: StoreFile = DEFAULT_STORE,
    url: Url = None,
    json: Json = False,
) -> None:
    """Say that no cell is on a channel: it is free.

    The next order there needs no further word.
    """
    now = ServiceClient(store, url).post(channel_path(channel, "empty"), {"by": named(by)})
    if json:
        print_json(now)
    else:
        print_empty(now)


def print_empty(now: Mapping[str, Any]) -> None:
    """Print a channel that is empty, as the service answers it."""
    say(f"{now['channel']}: {now['words']}")


def asked(terms: Terms, before: str, channel: str, label: str) -> Terms:
    """Ask a person at a terminal which cell is on a channel where that of an ended run, ``before``, is mounted.

    Elsewhere, or where the order says it, the terms stay as they are.
    """
    is_said = terms.queue or terms.mounted or terms.same_cell
    if is_said or not before or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return terms
    ordered = f" The order is for {label}." if label else ""
    question = (
        f"Cell {before} is still mounted on {channel}.{ordered} Type '{_SAME}' if this is its next test, or the name "
        "of the cell that is on the channel now"
    )
    said: str = typer.prompt(question, err=True).strip()
    if said.lower() in _NO_NAMES:
        fail(f"'{said}' is no name of a cell, and nothing was ordered: type '{_SAME}' or its name", WRONG_USE)
    return replace(terms, same_cell=True) if said == _SAME else replace(terms, mounted=said)
