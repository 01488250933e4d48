"""``cellrig run`` with a service: order the run there, and wait for its end if asked to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from orchestrator.cli.cells import asked
from orchestrator.cli.client import ServiceClient, named
from orchestrator.cli.given import Given, gathered
from orchestrator.cli.output import DONE, FAILED, UNREACHABLE, ProgressView, fail, print_json, say
from orchestrator.cli.step_table import step_table
from orchestrator.cli.tables import printable
from orchestrator.client.order_body import order_of_files
from orchestrator.client.paths import channel_path, run_path
from orchestrator.rack.mounted_cells import ChannelUse, Terms
from orchestrator.states import RunState

_LOOK = "see 'cellrig status'"


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a run. Recipe and cell are shipped names or files, which are read here."""

    given: Given
    channel: str
    label: str
    by: str
    terms: Terms
    confirm_implausible: str = ""
    accept_voltage: str = ""
    second_person: str = ""

    def as_json(self, store: Path) -> dict[str, Any]:
        """Return the order for the service, with the text of the files: it reads no files of its clients.

        An earlier run is the service's own, unless the order names another store, which is read here.
        """
        words = {"confirm_implausible": self.confirm_implausible, "accept_voltage": self.accept_voltage}
        words["second_person"] = self.second_person
        confirmed = {key: word for key, word in words.items() if word}
        head = {"channel": self.channel, "label": self.label, "by": named(self.by)}
        said: dict[str, Any] = {"queue": self.terms.queue, "same_cell": self.terms.same_cell}
        if self.terms.mounted:
            said["mounted"] = self.terms.mounted
        return {**self._files(store), **head, **confirmed, **said}

    def _files(self, store: Path) -> dict[str, Any]:
        given = self.given
        if given.like_from is not None:
            files = gathered(given, store, {}).files
            return order_of_files(files.recipe, files.cell)
        body: dict[str, Any] = {"like": given.like} if given.like else {}
        return body | order_of_files(given.recipe, given.cell, given.changes)


def order_run(order: Order, client: ServiceClient, store: Path, wait: bool, json: bool) -> int:
    """Queue a run at the service; return the exit status."""
    body = order.as_json(store)
    client.need_service()
    if not order.channel:
        order = replace(order, channel=_channel_of(order.given, client, store))
        body = {**body, "channel": order.channel}
    if not json:
        there = client.get(channel_path(order.channel))
        body = replace(order, terms=asked(order.terms, _left_on(there), order.channel, order.label)).as_json(store)
    run = client.post("/runs", body)
    if not json:
        typer.echo(step_table(run["steps"]), err=True)
        for sentence in run["implausible"]:
            say(f"confirmed by {run['confirmed_by']}: {sentence}", err=True)
    # A service that began before an update of cellrig does not tell.
    for sentence in run.get("uncommissioned", ()):
        say(f"warning: {sentence}", err=True)
    if wait:
        over = followed(client.live(), run)
        if over is None:
            fail(f"the service at {client.url} has ended; {run['run_id']} goes on in the tester", UNREACHABLE)
        run = over
    if json:
        print_json(run)
    else:
        why = run["reason"] or run["waits"]
        starts_now = run["state"] == RunState.QUEUED and not why
        state = "ordered and starts now" if starts_now else run["state"]
        say(f"{run['run_id']} on {run['channel']} is {state}: {why or _LOOK}")
    return FAILED if wait and run["state"] != RunState.COMPLETED else DONE


def _channel_of(given: Given, client: ServiceClient, store: Path) -> str:
    """Return the channel of the earlier run that an order names."""
    if given.like_from is not None:
        return gathered(given, store, {}).channel
    return str(client.get(run_path(given.like))["channel"])


def followed(updates: Iterable[dict[str, Any]], run: dict[str, Any]) -> dict[str, Any] | None:
    """Show a run's progress until it has ended or is held, and return its last update; Ctrl-C leaves it running.

    What a queued run waits for is said on stderr: the program goes on only when somebody does it. None when the updates
    end before the run.
    """
    from orchestrator.client.live_updates import update_of

    over: dict[str, Any] | None = None
    told = ""
    with ProgressView() as view:
        for now in updates:
            if now["run_id"] == run["run_id"]:
                if now["state"] == RunState.QUEUED and now["reason"] != told:
                    told = now["reason"]
                    waits = f"{run['run_id']} on {run['channel']} is queued: {told}".rstrip(": ")
                    typer.echo(printable(waits), err=True)
                view.show(update_of(now))
                over = now if RunState(now["state"]).needs_no_supervision else None
            if over is not None:
                break
    return over


def _left_on(channel: dict[str, Any]) -> str:
    """Return the name of the cell that an ended run has left on a channel; empty when there is none."""
    mounted = channel["mounted"]
    is_left = channel["use"] in {ChannelUse.IDLE, ChannelUse.UNKNOWN} and mounted and not channel["queued"]
    return str(mounted["label"]) if is_left and RunState(mounted["state"]).is_over else ""
