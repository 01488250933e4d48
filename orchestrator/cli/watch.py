"""``cellrig watch``: the rack as it changes, until Ctrl-C; when the service ends, it waits for its return."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from orchestrator.cli.arguments import DEFAULT_STORE, StoreFile
from orchestrator.cli.client import NotServed, ServiceClient, Url
from orchestrator.cli.output import say
from orchestrator.cli.rack_words import channel_columns, channel_rows, notes, oven_rows, print_rack
from orchestrator.cli.tables import hanging, laid_out, printable
from orchestrator.clock.local_time import local_time

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

# How often a service that has ended is asked for, in real time.
_ASK_EVERY_S = 2.0


def watch(
    store: StoreFile = DEFAULT_STORE,
    url: Url = None,
    once: Annotated[bool, typer.Option("--once", help="Show the rack once and leave.")] = False,
) -> None:
    """Show the rack as it changes, until Ctrl-C.

    That is a table in a terminal, and lines elsewhere. When the service ends, that is shown with its
    time, and the rack again when the service is back.
    """
    found = ServiceClient(store, url).get("/status")
    if once:
        print_rack(found)
        return
    # Ctrl-C is how a watch ends.
    with contextlib.suppress(KeyboardInterrupt):
        if not sys.stdout.isatty():
            _follow(store, url, found, _Lines())
        from rich.live import Live

        with Live(screen=True, auto_refresh=False) as view:
            _follow(store, url, found, _Table(view))


class _View(Protocol):
    """Shows a rack to a person."""

    def rack(self, found: dict[str, Any]) -> None:
        """Show the whole rack, as ``/status`` answers it."""

    def news(self, client: ServiceClient, update: dict[str, Any] | None) -> None:
        """Show an update of a run, or (None) that the service is there."""

    def say(self, sentence: str) -> None:
        """Show what has become of the service."""


def _follow(store: Path, url: str | None, found: dict[str, Any], view: _View) -> None:
    """Show the rack for ever: while a service answers, and again when one does."""
    from drivers.errors import SettingsError

    client, is_followed = ServiceClient(store, url), False
    while True:
        view.rack(found)
        ended = "has ended"
        try:
            for update in client.signs_of_life():
                is_followed = True
                view.news(client, update)
        except (NotServed, SettingsError):
            if not is_followed:
                raise
            ended = "does not answer any more"
        now = local_time(time.time(), seconds=True)
        view.say(
            f"{now}  the service at {client.url} {ended}: what goes on in the testers is not watched meanwhile; "
            "waiting for it to come back (Ctrl-C leaves)"
        )
        client, found = _when_it_is_back(store, url)
        view.say(f"{local_time(time.time(), seconds=True)}  the service is back at {client.url}")


def _when_it_is_back(store: Path, url: str | None) -> tuple[ServiceClient, dict[str, Any]]:
    """Wait until a service of the store answers, maybe at another address, and return its rack."""
    from drivers.errors import SettingsError
    from orchestrator.store.errors import StoreError

    while True:
        time.sleep(_ASK_EVERY_S)
        # Its address is looked up anew: a service may choose a free port. Why it cannot be asked yet was said already.
        with contextlib.suppress(NotServed, StoreError, SettingsError):
            client = ServiceClient(store, url)
            if client.answers():
                return client, client.get("/status")


class _Lines:
    """Lines for pipes and files: each channel at first, then a line for each run's new state or cycle."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[str, int]] = {}

    def rack(self, found: dict[str, Any]) -> None:
        for line in notes(found):
            self.say(line)
        for channel, *place, words in channel_rows(found):
            degc = "".join("" if one is None else f"{one:.1f} degC  " for one in place)
            say(f"{channel}  {degc}{words}", len(channel) + 2)
        for oven, words in oven_rows(found):
            say(f"{oven}  {words}", len(oven) + 2)

    def news(self, client: ServiceClient, update: dict[str, Any] | None) -> None:
        """Print a line for a run that has come to another state or cycle."""
        if update is None or self._told.get(update["run_id"]) == (update["state"], update["cycle"]):
            return
        self._told[update["run_id"]] = (update["state"], update["cycle"])
        voltage = "" if update["voltage_v"] is None else f"  {update['voltage_v']:+.4f} V"
        hours = f"{update['time_s'] / 3600:8.1f} h"
        run = f"{update['channel']}  {update['run_id']}  {update['state']:10}"
        step = f"  {update['step_name']}" if update.get("step_name") else ""
        simulated = "  simulated" if update["simulated"] else ""
        self.say(f"{run}{hours}  cycle {update['cycle']}{step}{voltage}{simulated}{_left(update)}")

    def say(self, sentence: str) -> None:
        typer.echo(printable(sentence))
        sys.stdout.flush()


def _left(update: dict[str, Any]) -> str:
    """Return the time left of a run, for its line; empty for one that has ended."""
    from orchestrator.events.time_left import left_words
    from orchestrator.states import EndBasis, RunState

    if RunState(update["state"]).has_ended:
        return ""
    end_unix_s = None if update["simulated"] else update["expected_end_unix_s"]
    return f"  {left_words(update['time_left_s'], end_unix_s, EndBasis(update['end_known_by']))}"


class _Table:
    """A table on the whole screen of a terminal."""

    def __init__(self, view: Live) -> None:
        self._view = view
        self._found: dict[str, Any] = {}
        self._sentence = ""

    def rack(self, found: dict[str, Any]) -> None:
        self._found = found
        self._show()

    def news(self, client: ServiceClient, update: dict[str, Any] | None) -> None:
        """Draw the whole rack anew."""
        self.rack(client.get("/status"))

    def say(self, sentence: str) -> None:
        self._sentence = sentence
        self._show()

    def _show(self) -> None:
        size = self._view.console.size
        self._view.update(picture(self._found, self._sentence, size.width, size.height), refresh=True)


def picture(found: dict[str, Any], sentence: str, width: int, height: int) -> Text:
    """Return the rack for a whole screen. What the screen has no lines for is said on its last one."""
    from rich.text import Text

    table = laid_out(channel_columns(found), channel_rows(found), width)
    lines = [(hanging(sentence, width, 0), "bold")] if sentence else []
    lines += [(hanging(line, width, 0), "bold red") for line in notes(found)]
    lines += [(table.head, "bold")]
    for row, shown in zip(found["channels"], table.rows, strict=True):
        lines += [(line, "bold red" if row["needs_person"] else "") for line in shown]
    ovens = found.get("ovens", ())
    lines += [("", "")] if ovens else []
    for row in ovens:
        said = hanging(f"{row['name']}  {row['words']}", width, len(row["name"]) + 2)
        lines += [(said, "bold red" if row["needs_person"] else "")]
    each = [(line, style) for text, style in lines for line in text.splitlines() or [""]]
    if len(each) > height:
        left = len(each) - height + 1
        each = [*each[: height - 1], (f"and {left} lines more: a higher window, or cellrig status", "bold")]
    return Text("\n").join(Text(line, style=style) for line, style in each)
