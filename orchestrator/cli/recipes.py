"""``cellrig recipe``: list, show and check recipes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.arguments import BenchFile, CellName, Json, RecipeName, complete_channel
from orchestrator.cli.output import DONE, FAILED, print_json, print_table

if TYPE_CHECKING:
    from protocols.program import Program

app = typer.Typer(help="List, show and check recipes.", no_args_is_help=True)


@app.command("list")
def list_recipes(json: Json = False) -> None:
    """List the shipped recipes."""
    from protocols.loading import load_recipe, shipped_recipes

    rows = []
    for name in shipped_recipes():
        recipe = load_recipe(name)
        rows.append({"name": name, "for": [kind.value for kind in recipe.for_kinds], "title": recipe.title})
    if json:
        print_json({"recipes": rows})
    else:
        print_table(("recipe", "for", "what it does"), [(r["name"], ", ".join(r["for"]), r["title"]) for r in rows])


@app.command()
def show(recipe: RecipeName) -> None:
    """Print a recipe's file."""
    from protocols.loading import recipe_text

    typer.echo(recipe_text(recipe), nl=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of recipe files, for editors."""
    from protocols.schema import recipe_schema

    print_json(recipe_schema())


@app.command()
def check(
    recipe: RecipeName,
    cell: CellName,
    bench: BenchFile = None,
    channel: Annotated[
        str | None,
        typer.Option("--channel", help="Check against this channel as well.", autocompletion=complete_channel),
    ] = None,
    json: Json = False,
) -> None:
    """List every reason why a recipe must not run with a cell, or on a channel; exit status 1 when there is one."""
    from protocols import resolve
    from protocols.errors import ResolveError
    from protocols.forecast import expected_duration_s, planned_duration_s
    from protocols.loading import load_cell, load_recipe

    loaded, what = load_recipe(recipe), load_cell(cell)
    reasons: list[str] = []
    hours: tuple[float, float] | None = None
    try:
        program = resolve(loaded, what)
    except ResolveError as err:
        reasons = list(err.reasons)
    else:
        hours = expected_duration_s(program) / 3600, planned_duration_s(program) / 3600
        if channel is not None:
            reasons = _channel_problems(program, bench, channel)
    if json:
        print_json({"recipe": loaded.name, "cell": what.name, "channel": channel, "problems": reasons})
    elif reasons:
        typer.echo(f"{loaded.name} must not run with {what.name}" + (f" on {channel}:" if channel else ":"), err=True)
        for reason in reasons:
            typer.echo(f"- {reason}", err=True)
    elif hours is not None:
        where = f" on {channel}" if channel else ""
        typer.echo(f"{loaded.name} can run with {what.name}{where}: about {hours[0]:.1f} h, at most {hours[1]:.1f} h")
    raise typer.Exit(FAILED if reasons else DONE)


def _channel_problems(program: Program, bench: Path | None, channel: str) -> list[str]:
    from orchestrator.bench.settings import load_bench
    from orchestrator.bench.simulated import SimulatedRack

    return (SimulatedRack() if bench is None else load_bench(bench)).problems(program, channel)
