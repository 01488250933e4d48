"""``cellrig recipe``: list, write, show, check and forecast recipes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from orchestrator.cli import forecasts, new_recipe
from orchestrator.cli.arguments import (
    DEFAULT_STORE,
    BenchFile,
    CellName,
    Json,
    RecipeName,
    SetValues,
    StoreFile,
    complete_channel,
    complete_recipe,
)
from orchestrator.cli.examples import examples
from orchestrator.cli.opened_recipe import set_cell, set_recipe, show_opened
from orchestrator.cli.output import DONE, FAILED, fail, print_file, print_json, print_table, say
from orchestrator.cli.reasons import faults_as_json, file_faults, tell_reasons
from orchestrator.cli.step_table import step_table

if TYPE_CHECKING:
    from orchestrator.bench.recipe_temperature import TemperatureAhead
    from orchestrator.store import Origin
    from protocols.document import Document
    from protocols.program import Program
    from protocols.proof import CounterExample, Proof

# What belongs to a line stands below it, so far in.
_INDENT = 2

app = typer.Typer(
    help="List, write, show, check and forecast recipes.",
    epilog=examples("cellrig recipe list", "cellrig recipe check li-li-0.4 --cell bare-li-li"),
    no_args_is_help=True,
)


@app.command("list", epilog=examples("cellrig recipe list"))
def list_recipes(store: StoreFile = DEFAULT_STORE, json: Json = False) -> None:
    """List the recipes of this rig, and the shipped ones.

    Those of the rig were written in the browser; its store has them.
    """
    from protocols.loading import load_recipe, shipped_recipes

    rows = list(_written(store))
    own = {row["name"] for row in rows}
    for name in shipped_recipes():
        recipe = load_recipe(name)
        if name not in own:
            rows.append({"name": name, "for": [kind.value for kind in recipe.for_kinds], "title": recipe.title})
    if json:
        print_json({"recipes": rows})
    elif own:
        told = [(r["name"], r.get("version"), ", ".join(r["for"]), r["title"]) for r in rows]
        print_table(("recipe", "version", "for", "what it does"), told)
    else:
        print_table(("recipe", "for", "what it does"), [(r["name"], ", ".join(r["for"]), r["title"]) for r in rows])


def _written(store: Path) -> Iterator[dict[str, Any]]:
    """Yield the recipes that were written on a rig, last written first; none where there is no store."""
    from orchestrator.store import FileKind, StoreError, Versions, open_store
    from protocols.errors import InputError
    from protocols.loading import recipe_of

    if not store.exists():
        return
    try:
        with open_store(store, read_only=True) as opened:
            versions = Versions(opened, FileKind.RECIPE)
            found = [(one, versions.document(one)) for one in versions.newest()]
    except StoreError as err:
        say(f"without the recipes that were written on the rig: {err}", err=True)
        return
    for one, document in found:
        try:
            recipe = recipe_of(document)
        except InputError as err:
            say(f"{one.name}, version {one.version}, cannot be read by this cellrig: {err}", err=True)
            continue
        kinds = [kind.value for kind in recipe.for_kinds]
        yield {"name": one.name, "for": kinds, "title": recipe.title, "version": one.version, "by": one.written_by}


@app.command(
    epilog=examples(
        "cellrig recipe show li-li-0.2 > mine.yaml",
        "cellrig recipe show mine.yaml --expanded --set current='1 mA'",
        "cellrig recipe show mine.yaml --parameters --json",
        "cellrig recipe show --run R000001 --store cellrig-simulated.db",
        needs="for the middle ones a file, for the last a store with runs",
    )
)
def show(
    recipe: Annotated[
        str | None,
        typer.Argument(metavar="RECIPE", help="Shipped recipe or file.", autocompletion=complete_recipe),
    ] = None,
    run: Annotated[
        str, typer.Option("--run", metavar="RUN", help="In place of RECIPE: the recipe with which a run was ordered.")
    ] = "",
    cell: Annotated[bool, typer.Option("--cell", help="With --run: the file of its cell.")] = False,
    expanded: Annotated[
        bool,
        typer.Option("--expanded", help="The plain steps that it stands for, with the lines of the file."),
    ] = False,
    parameters: Annotated[
        bool, typer.Option("--parameters", help="What may be set of it, in place of the file.")
    ] = False,
    set_values: SetValues = None,
    store: StoreFile = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Print a recipe's file, or that of a stored run.

    With --run it is as it was then, with what was set in it. --expanded prints it as plain steps: parameters, includes,
    lists, phases and blocks are opened. --parameters lists what may be set of it.
    """
    if (recipe is None) == (not run):
        raise typer.BadParameter("say either RECIPE or --run RUN")
    if cell and (not run or expanded or parameters):
        raise typer.BadParameter("--cell is for --run, without --expanded and --parameters")
    if not run and json and not (expanded or parameters):
        raise typer.BadParameter("--json is for --run, --expanded and --parameters")
    if set_values and not (expanded or parameters):
        raise typer.BadParameter("--set is for --expanded and --parameters")
    if recipe is not None and not (expanded or parameters):
        from protocols.loading import recipe_bytes

        print_file(recipe_bytes(recipe))
        return
    origin = _origin(store, run) if run else None
    if origin is not None and json and not (expanded or parameters):
        print_json({"run": run, **origin.as_dict()})
        return
    kept = (origin.check or {}).get("plain_recipe") if origin is not None and expanded else None
    if kept is not None and not set_values and not json:
        # As it was then, should a block mean other steps today.
        typer.echo(kept, nl=False)
        return
    document = _document(recipe, run, origin, cell=cell)
    if expanded or parameters:
        show_opened(document, set_values or (), json=json, steps=expanded)
    else:
        typer.echo(document.text, nl=not document.text.endswith("\n"))


def _origin(store: Path, run: str) -> Origin:
    from orchestrator.store import Origins, open_store

    with open_store(store, read_only=True) as opened:
        return Origins(opened).of(run)


def _document(recipe: str | None, run: str, origin: Origin | None, *, cell: bool) -> Document:
    """Return the file that is asked for; of a run the one that was kept with it."""
    if origin is None:
        from protocols.loading import recipe_document

        return recipe_document(recipe or "")
    what, document = ("cell", origin.cell) if cell else ("recipe", origin.recipe)
    if document is None:
        fail(
            f"the {what} file of {run} was not kept: the run is of an older cellrig, or was ordered without one", FAILED
        )
    return document


@app.command(epilog=examples("cellrig recipe schema > recipe.schema.json"))
def schema() -> None:
    """Print the JSON Schema of recipe files, for editors."""
    from protocols.schema import recipe_schema

    print_json(recipe_schema())


app.command(
    "new",
    epilog=examples(
        "cellrig recipe new mine.yaml --kind li-li --test critical-current --yes",
        "cellrig recipe new b.yaml --kind lfp --test rate --current 'C/10, 1 C'",
        "cellrig recipe new plated.yaml",
    ),
)(new_recipe.new)

app.command(
    "forecast",
    epilog=examples(
        "cellrig recipe forecast li-li-0.4 --cell bare-li-li",
        "cellrig recipe forecast li-li-0.4 --cell bare-li-li --plot course.png",
        "cellrig recipe forecast --run R000001 --store cellrig-simulated.db",
        needs="for the last a store with runs; cellrig run --simulate makes one",
    ),
)(forecasts.forecast)


@app.command(
    epilog=examples(
        "cellrig recipe check li-li-0.4 --cell bare-li-li --channel 21-1-3",
        "cellrig recipe check mine.yaml --cell mine.yaml --set times=3 --json",
        needs="for the last files of your own",
    )
)
def check(
    recipe: RecipeName,
    cell: CellName,
    bench: BenchFile = None,
    channel: Annotated[
        str | None,
        typer.Option("--channel", help="Check against this channel as well.", autocompletion=complete_channel),
    ] = None,
    set_values: SetValues = None,
    every: forecasts.EveryRow = False,
    json: Json = False,
) -> None:
    """Check a recipe for a cell, and for a channel of a bench.

    Every reason why it must not run is listed; exit status 1 when there is one. Each step's current is shown in
    mA, mA/cm2, mA/g and C; what is implausible for the cell is a reason too. Of a recipe with a temperature: what will
    be ordered, and which oven has the channel inside.
    """
    from protocols import resolve
    from protocols.errors import RecipeError, ResolveError

    the_recipe, the_cell = partial(set_recipe, recipe, set_values or ()), partial(set_cell, cell, set_values or ())
    if faults := file_faults(the_recipe, the_cell):
        if not json:
            raise RecipeError(faults)
        print_json({"recipe": recipe, "cell": cell, "channel": channel, **faults_as_json(faults), **_Check().as_json()})
        raise typer.Exit(FAILED)
    loaded, what = the_recipe(), the_cell()
    try:
        found = _looked_at(resolve(loaded, what), bench, channel)
    except ResolveError as err:
        found = _Check(problems=err.reasons)
    reasons = [*found.problems, *found.implausible]
    where = f"{what.name} on {channel}" if channel else what.name
    if json:
        heads = {"recipe": loaded.name, "cell": what.name, "channel": channel, "problems": reasons, "faults": []}
        print_json({**heads, **found.as_json()})
        raise typer.Exit(FAILED if reasons else DONE)
    if found.steps:
        typer.echo(step_table(found.steps, (*found.untold, *found.rests), every=every))
    for note in found.notes:
        say(f"note: {note}", _INDENT)
    if not reasons:
        _tell(found, f"{loaded.name} can run with {where}")
    verdict = "must not run" if found.problems else "is implausible"
    raise typer.Exit(tell_reasons(f"{loaded.name} {verdict} with {where}", reasons))


def _tell(found: _Check, head: str) -> None:
    """Say how long a sound recipe takes, what is proven of it, and how it starts."""
    from orchestrator.clock.durations import duration_words
    from protocols.proof import Proof

    usual, longest = duration_words(found.usual_s), duration_words(found.longest_s)
    bound = "" if usual == longest else f", at most {longest}"
    say(f"{head}: about {usual}{bound}")
    if isinstance(found.proof, Proof):
        ends, passes = found.proof.told(duration_words, found.between_s)
        say(f"Proven: {ends}")
        say(passes, _INDENT)
    if found.open_circuit_v is not None:
        low_v, high_v = found.open_circuit_v
        say(f"It starts with a cell at {low_v:g} to {high_v:g} V at open circuit")
    for sentence in () if found.temperature is None else found.temperature.words:
        say(sentence)


class _Check(NamedTuple):
    """What was found about a recipe and a cell."""

    problems: Sequence[str] = ()
    implausible: Sequence[str] = ()
    steps: Sequence[dict[str, Any]] = ()
    untold: Sequence[str] = ()
    rests: Sequence[str] = ()
    notes: Sequence[str] = ()
    open_circuit_v: tuple[float, float] | None = None
    temperature: TemperatureAhead | None = None
    usual_s: float = 0.0
    longest_s: float = 0.0
    between_s: float = 0.0
    proof: Proof | CounterExample | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what is told besides the problems."""
        ahead = self.temperature
        told = {
            "implausible": self.implausible,
            "notes": self.notes,
            "steps": self.steps,
            "temperatures": [] if ahead is None else [asdict(one) for one in ahead.wanted],
            "oven": None if ahead is None else ahead.oven or None,
            "proof": None if self.proof is None else self.proof.as_json(),
        }
        return {"open_circuit_v": self.open_circuit_v, **told}


def _looked_at(program: Program, bench: Path | None, channel: str | None) -> _Check:
    from orchestrator.bench.recipe_temperature import temperature_ahead
    from orchestrator.bench.settings import load_bench
    from orchestrator.bench.simulated import SimulatedRack
    from protocols.expected_path import notes
    from protocols.forecast import forecast
    from protocols.plausibility import plausibility
    from protocols.proof import CounterExample, prove

    there = SimulatedRack() if bench is None else load_bench(bench)
    seen, ahead = plausibility(program, there.usual_bands), forecast(program)
    window, warm = program.cycling[0].guards.open_circuit, temperature_ahead(program, there, channel)
    problems = [] if channel is None else there.problems(program, channel)
    proven, longest_s = prove(program), ahead.planned_duration_s
    if isinstance(proven, CounterExample):
        problems = [*problems, str(proven)]
    else:
        longest_s = min(longest_s, proven.longest_s + ahead.between_s)
    return _Check(
        problems=[*problems, warm.problem] if warm.problem else problems,
        temperature=warm,
        implausible=seen.sentences,
        steps=[asdict(step) for step in seen.steps],
        untold=seen.untold,
        rests=seen.rests,
        notes=[*seen.notes, *notes(program, ahead.between_s)],
        open_circuit_v=None if window is None else (window.low_v, window.high_v),
        usual_s=ahead.expected_duration_s,
        longest_s=longest_s,
        between_s=ahead.between_s,
        proof=proven,
    )
