"""``cellrig preflight``: every check before a run, made now, and nothing ordered; and the lamp of a channel."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.arguments import (
    DEFAULT_STORE,
    BenchFile,
    Json,
    MaybeCell,
    MaybeChannel,
    MaybeRecipe,
    StoreFile,
)
from orchestrator.cli.client import ServiceClient, Url, named
from orchestrator.cli.given import Given, gathered
from orchestrator.cli.order_options import OrderOptions, with_order_options
from orchestrator.cli.output import DONE, FAILED, print_json, print_table, say
from orchestrator.cli.tables import Column
from orchestrator.client.errors import RequestRefused
from orchestrator.client.paths import channel_path

if TYPE_CHECKING:
    from orchestrator.cli.run_by_service import Order

# How often a check that takes time is asked about, in seconds of people, and how long at most.
_ASK_EVERY_S = 1.0
_ASKED_FOR_S = 900.0
# What belongs to a line stands below it, so far in.
_INDENT = 2
_COLUMNS = (Column("check"), Column("outcome"), Column("what was seen, and what to do", least=20))


class Lamp(StrEnum):
    """Whether the lamp of a channel is to shine."""

    ON = "on"
    OFF = "off"


@with_order_options
def preflight(
    *,
    recipe: MaybeRecipe = None,
    cell: MaybeCell = None,
    channel: MaybeChannel = None,
    bench: BenchFile = None,
    options: OrderOptions,
    lamp: Annotated[
        Lamp | None, typer.Option("--lamp", help="Switch the lamp of --channel, where its instrument has one.")
    ] = None,
    store: StoreFile = DEFAULT_STORE,
    url: Url = None,
    json: Json = False,
) -> None:
    """Make every check of a run, and start nothing. Status 0: it may start; 1: a check refuses it.

    The service makes them, and watches the voltage for a while where its bench file says so. Without a service, or with
    --bench, they are made of recipe, cell and bench file alone, and those that need the instruments are told as
    'not asked'. The service makes the same checks when the run is ordered, and before it starts.
    """
    client = ServiceClient(store, url)
    if lamp is not None:
        _switch(client, channel, lamp, named(options.by), is_told=not json or recipe is None)
        if recipe is None:
            return
    given = Given(recipe, cell, channel, changes=tuple(options.set_values or ()))
    given.check()
    order = options.order(given)
    if bench is None and client.answers():
        found = _served(order, client, store)
    else:
        if url is not None and bench is None:
            client.no_service()
        found = _alone(order, bench, store)
    if json:
        print_json(found)
    else:
        print_checks(found)
    raise typer.Exit(DONE if found["may_start"] else FAILED)


def _served(order: Order, client: ServiceClient, store: Path) -> dict[str, Any]:
    """Ask the service, again and again while one of its checks is under way."""
    body, told = order.as_json(store), -1
    until_s = time.monotonic() + _ASKED_FOR_S
    while True:
        try:
            found: dict[str, Any] = {**client.post("/preflight", body), "service": client.url}
        except RequestRefused as err:
            # Others have theirs made: nothing was checked, and nothing is wrong.
            if err.retry_after_s is None or time.monotonic() > until_s:
                raise
            time.sleep(err.retry_after_s)
            continue
        left_s = float(found["ready_in_s"])
        if not left_s or time.monotonic() > until_s:
            return found
        if (tens := int(left_s // 10)) != told:
            told = tens
            say(f"the voltage of {order.channel} is being watched, for another {left_s:.0f} s", err=True)
        time.sleep(min(_ASK_EVERY_S, left_s))


def _alone(order: Order, bench: Path | None, store: Path) -> dict[str, Any]:
    """Make the checks that recipe, cell and bench file answer, on the built-in simulated bench if none is named."""
    from orchestrator.bench.settings import load_bench
    from orchestrator.bench.simulated import simulated_bench
    from orchestrator.checks import refusals
    from orchestrator.preflight.alone import checks_alone
    from orchestrator.runs.request import RunRequest

    program = gathered(order.given, store, {}).files.program()
    if order.accept_voltage:
        program = program.started_at_any_voltage(order.accept_voltage)
    request = RunRequest(
        program, order.channel, order.label, order.confirm_implausible, second_person=order.second_person
    )
    there = simulated_bench().model_copy(update={"simulated": True}) if bench is None else load_bench(bench)
    checks = checks_alone(request, there, store, time.time())
    return {
        "recipe": program.recipe,
        "cell": program.cell.name,
        "channel": order.channel,
        "may_start": not refusals(checks),
        "ready_in_s": 0.0,
        "checks": [asdict(check) for check in checks],
        "service": None,
    }


def print_checks(found: Mapping[str, Any]) -> None:
    """Print the checks that were made as a table, then those that were not with the reason, and the verdict."""
    from orchestrator.checks import Check, CheckName, Outcome

    told = found["checks"]
    checks = [Check(CheckName(it["check"]), Outcome(it["outcome"]), it["sentence"], it["to_do"]) for it in told]
    made = [it for it in checks if it.outcome is not Outcome.NOT_ASKED]
    print_table(_COLUMNS, [(it.check.value, it.outcome.value, it.refusal) for it in made])
    unasked: dict[str, list[str]] = {}
    for it in checks:
        if it.outcome is Outcome.NOT_ASKED:
            unasked.setdefault(it.refusal, []).append(it.check.value)
    typer.echo()
    for why, names in unasked.items():
        say(f"Not asked: {', '.join(names)}: {why}", _INDENT)
    typer.echo()
    what = f"{found['recipe']} with {found['cell']} on {found['channel']}"
    counted = _counted([it.outcome for it in checks])
    if found["may_start"]:
        is_seen = any(it.check is CheckName.CHANNEL for it in made)
        # Recipe, cell and bench file alone do not tell what is in the holder, nor whether the channel works.
        verdict = "may start" if is_seen else "is refused by no check, but nobody has looked at the channel"
        say(f"{what} {verdict}: {counted}")
    else:
        failing = ", ".join(it.check.value for it in checks if it.is_failed)
        say(f"{what} must not start, because of: {failing} ({counted})")


def _counted(outcomes: Sequence[str]) -> str:
    words = ("pass", "warn", "fail", "not asked")
    return ", ".join(f"{count} {word}" for word in words if (count := list(outcomes).count(word)))


def _switch(client: ServiceClient, channel: str | None, lamp: Lamp, by: str, *, is_told: bool) -> None:
    """Order the lamp of a channel, once."""
    if channel is None:
        raise typer.BadParameter("--lamp needs --channel CHANNEL")
    client.need_service()
    now = client.post(channel_path(channel, "lamp"), {"by": by, "on": lamp is Lamp.ON})
    if is_told:
        say(now["words"])
