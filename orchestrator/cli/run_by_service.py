"""``cellrig run`` with a service: order the run there, and wait for its end if asked to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import typer

from orchestrator.cli.client import ServiceClient, named
from orchestrator.cli.output import DONE, FAILED, UNREACHABLE, ProgressView, fail, print_json

_OVER = frozenset({"completed", "stopped", "failed", "tripped", "unknown", "holding"})


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a run. Recipe and cell are shipped names or files, which are read here."""

    recipe: str
    cell: str
    channel: str
    label: str
    by: str

    def as_json(self) -> dict[str, str]:
        """Return the order for the service, with the text of the files: it reads no files of its clients."""
        from protocols.loading import cell_text, load_cell, recipe_text, shipped_cells, shipped_recipes

        load_cell(self.cell)
        recipe = {"recipe": self.recipe}
        if self.recipe not in shipped_recipes():
            recipe = {"recipe_yaml": recipe_text(self.recipe)}
        cell = {"cell": self.cell}
        if self.cell not in shipped_cells():
            cell = {"cell_yaml": cell_text(self.cell)}
        return {**recipe, **cell, "channel": self.channel, "label": self.label, "by": named(self.by)}


def order_run(order: Order, client: ServiceClient, wait: bool, json: bool) -> int:
    """Queue a run at the service; return the exit status."""
    body = order.as_json()
    if not client.answers():
        fail(
            f"no service answers at {client.url}; start it with 'cellrig serve', or run here and now: "
            "--bench FILE or --simulate",
            UNREACHABLE,
        )
    run = client.post("/runs", body)
    if wait:
        run = _followed(client, run)
    if json:
        print_json(run)
    else:
        then = run["reason"] or "see 'cellrig status'"
        typer.echo(f"{run['run_id']} on {run['channel']} is {run['state']}: {then}")
    return FAILED if wait and run["state"] != "completed" else DONE


def _followed(client: ServiceClient, run: dict[str, Any]) -> dict[str, Any]:
    """Show a run's progress until it is over or needs a person. Ctrl-C leaves it running."""
    from orchestrator.events import RunUpdate
    from orchestrator.states import RunState

    over: dict[str, Any] | None = None
    with ProgressView() as view:
        for now in client.live():
            if now["run_id"] == run["run_id"]:
                view.show(RunUpdate(**{**now, "state": RunState(now["state"])}))
                over = now if now["state"] in _OVER else None
            if over is not None:
                break
    if over is None:
        fail(f"the service at {client.url} has ended; {run['run_id']} goes on in the tester", UNREACHABLE)
    return over
