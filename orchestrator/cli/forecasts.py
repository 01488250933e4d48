"""``cellrig recipe forecast``: how long a recipe takes on a cell, what it passes and writes, what it then did."""

from __future__ import annotations

import time
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.arguments import DEFAULT_STORE, Json, SetValues, StoreFile, complete_recipe
from orchestrator.cli.extras import need
from orchestrator.cli.opened_recipe import set_cell, set_recipe
from orchestrator.cli.output import FAILED, ProgressView, fail, print_json, print_table, say
from orchestrator.cli.tables import printable

if TYPE_CHECKING:
    from orchestrator.report.forecast_compared import Compared, StepCompared
    from protocols.cell import Cell
    from protocols.program import Program
    from protocols.recipe import Recipe
    from protocols.step_forecast import StepAhead

_CHANNEL = "21-1-1"
_INDENT = 2
_DPI = 300

Maybe = Annotated[
    str | None, typer.Argument(metavar="RECIPE", help="Shipped recipe or file.", autocompletion=complete_recipe)
]
MaybeCell = Annotated[str | None, typer.Option("--cell", metavar="CELL", help="Shipped cell or file.")]
Simulate = Annotated[
    bool, typer.Option("--simulate", help="Run it on a simulated cell first: what voltage to expect, and for how long.")
]
Plot = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE", help="Draw the simulated course: .png, .svg or .pdf.")
]
Model = Annotated[
    str | None,
    typer.Option(
        "--cell-model",
        metavar="MODEL",
        help="With --simulate: the simulated cell; else that of the cell's name, or kind.",
    ),
]
EveryRow = Annotated[bool, typer.Option("--all", help="Every step in a row of its own, also where they repeat.")]
Of = Annotated[
    str, typer.Option("--run", metavar="RUN", help="In place of RECIPE: a stored run, beside what it really did.")
]


def forecast(
    recipe: Maybe = None,
    cell: MaybeCell = None,
    set_values: SetValues = None,
    simulate: Simulate = False,
    plot: Plot = None,
    cell_model: Model = None,
    seed: Annotated[int, typer.Option("--seed", help="With --simulate: another seed is another cell.")] = 1,
    run: Of = "",
    every: EveryRow = False,
    store: StoreFile = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Tell how long a recipe takes on a cell, step by step.

    Also what it passes and writes, and which end each step comes to.

    With --simulate it is run in virtual time on a simulated cell of the kind, of the file's mass and area, which takes
    seconds to minutes: its times, charges and voltages stand beside the forecast. With --run a stored run does.
    """
    if run:
        if recipe or cell or simulate or plot is not None:
            raise typer.BadParameter("--run tells of a stored run: leave RECIPE, --cell, --simulate and --plot out")
        _tell_run(store, run, json=json)
        return
    if recipe is None or cell is None:
        raise typer.BadParameter("give RECIPE and --cell, or a stored run with --run")
    from protocols import resolve

    loaded, what = set_recipe(recipe, set_values or ()), set_cell(cell, set_values or ())
    program = resolve(loaded, what)
    if not simulate and plot is None:
        if cell_model is not None:
            raise typer.BadParameter("--cell-model is for --simulate, and a forecast alone runs no cell")
        tell(program, json=json, every=every)
        return
    if plot is not None:
        need("report")
        if plot.exists():
            fail(f"{plot} is there already; give another --plot", FAILED)
    import tempfile

    with tempfile.TemporaryDirectory(prefix="cellrig-forecast-") as folder:
        there = Path(folder) / "forecast.db"
        run_id, ended = _simulated(loaded, what, there, cell_model, seed)
        if plot is not None:
            draw(there, run_id, plot, f"{loaded.name} on {what.name}")
        _tell_both(program, there, run_id, ended, json=json)


def _simulated(recipe: Recipe, cell: Cell, store: Path, model: str | None, seed: int) -> tuple[str, str]:
    """Run a recipe on a simulated cell of the size in the cell's file; return the run's id and how it ended."""
    from orchestrator.bench.simulated import model_text, rack_with
    from orchestrator.bench.simulated_sizes import with_sizes_of
    from orchestrator.rack.launch import Launch, launch

    rack = with_sizes_of(rack_with(cell, _CHANNEL, model, seed, text=model_text(model) if model else ""), cell)
    order = Launch(recipe, cell, _CHANNEL, rack, confirmed_by="forecast")
    with ProgressView() as view:
        result = launch(order, store, view)
    return result.run_id, f"{result.state.value}: {result.reason}" if result.reason else result.state.value


def draw(store: Path, run_id: str, file: Path, title: str) -> None:
    """Draw a run over time into a file whose ending says its kind."""
    from orchestrator.cli.plot import kind_of
    from orchestrator.report.journal_page import Page, encoded, style
    from orchestrator.report.picture_choices import Over
    from orchestrator.report.picture_sheet import PictureOrder
    from orchestrator.report.run_pictures import contents, draw_runs
    from orchestrator.store import open_store

    with open_store(store, read_only=True) as opened, style():
        figure, _ = draw_runs(opened, [run_id], PictureOrder(Over.TIME, Page(title=title)))
        picture = encoded(figure, kind_of(file), _DPI, title, contents(opened, [run_id], Over.TIME))
    try:
        file.write_bytes(picture)
    except OSError as err:
        fail(f"{file} cannot be written ({err.strerror}); give another --plot", FAILED)


def tell(program: Program, *, json: bool, every: bool = False) -> None:
    """Print the forecast of a program: its sums, then each step; steps that repeat in one row, unless ``every`` is."""
    from protocols.expected_path import notes
    from protocols.forecast import forecast as ahead_of
    from protocols.step_forecast import steps_ahead

    ahead, steps = ahead_of(program), steps_ahead(program)
    if json:
        print_json({**_as_json(program), "steps": [_step_json(step) for step in steps]})
        return
    _heads(program)
    for note in notes(program, ahead.between_s):
        say(f"note: {note}", _INDENT)
    typer.echo()
    rows = [_row(step) for step in steps]
    print_table(_COLUMNS, rows if every else _together(steps, rows), is_first=True)


def _together(steps: list[StepAhead], rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the rows with those that repeat each other in one, and say so."""
    from orchestrator.cli.alike_rows import MOST_ROWS, exact, loose, together

    found = together(rows, exact)
    if len(found) > MOST_ROWS:
        found = together(rows, loose)
    if len(found) < len(rows):
        say(f"{len(rows)} steps, those that repeat in one row: cellrig recipe forecast --all tells each")
    # How often each is carried out adds up.
    return [(*row[:2], f"{sum(steps[index].passes for index in indices):.0f}", *row[3:]) for indices, row in found]


def _heads(program: Program) -> None:
    """Say the sums of a program: times, charge, rows, and how often a person is needed."""
    from orchestrator.clock.durations import duration_words
    from orchestrator.clock.local_time import local_time

    told = _as_json(program)
    expected_s, longest_s = told["expected_s"], told["longest_s"]
    if expected_s is None:
        say(f"{program.recipe} on {program.cell.name}: nothing bounds how long it takes")
        return
    at_most = "" if longest_s is None or longest_s <= expected_s else f", at most {duration_words(longest_s)}"
    say(f"{program.recipe} on {program.cell.name}: about {duration_words(expected_s)}{at_most}")
    say(f"started now it ends about {local_time(time.time() + expected_s)}", _INDENT)
    passes = f"{told['cycles']} cycle{'s' * (told['cycles'] != 1)}, {told['charge_mah']:.4g} mAh passed in all"
    say(f"{passes}; about {told['records']:.0f} records, {told['bytes'] / 1e6:.1f} MB", _INDENT)
    if told["persons"]:
        say(f"a person is asked {told['persons']} time{'s' * (told['persons'] != 1)} on the way", _INDENT)


def _as_json(program: Program) -> dict[str, Any]:
    from orchestrator.store.disk_space import predicted_bytes
    from protocols.forecast import forecast as ahead_of
    from protocols.proof import Proof, prove

    ahead = ahead_of(program)
    longest_s = ahead.planned_duration_s
    if isinstance(proof := prove(program), Proof):
        # What a step may pass bounds its time too, which the proof counts to the second.
        longest_s = min(longest_s, proof.longest_s + ahead.between_s)
    return {
        "recipe": program.recipe,
        "cell": program.cell.name,
        "expected_s": _finite(ahead.expected_duration_s),
        "longest_s": _finite(longest_s),
        "charge_mah": _finite(ahead.charge_ah * 1000),
        "cycles": ahead.cycles,
        "records": _finite(ahead.records),
        "bytes": predicted_bytes(int(ahead.records)) if isfinite(ahead.records) else None,
        "persons": sum(segment.prompt is not None for segment in program.segments),
    }


def _tell_both(program: Program, store: Path, run_id: str, ended: str, *, json: bool) -> None:
    from orchestrator.report.forecast_compared import compared, steps_compared
    from orchestrator.store import open_store

    with open_store(store, read_only=True) as opened:
        whole, steps = compared(opened, run_id), steps_compared(opened, run_id)
    if json:
        simulated = {"ended": ended, **_whole_json(whole)}
        print_json({**_as_json(program), "simulated": simulated, "steps": [_both_json(step) for step in steps]})
        return
    _heads(program)
    say(f"simulated: {ended}", _INDENT)
    _tell_compared(whole, steps, "simulated")


def _tell_run(store: Path, run_id: str, *, json: bool) -> None:
    from orchestrator.report.forecast_compared import compared, steps_compared
    from orchestrator.store import open_store

    with open_store(store, read_only=True) as opened:
        row = opened.run(run_id)
        whole, steps = compared(opened, run_id), steps_compared(opened, run_id)
    if json:
        print_json({"run": run_id, "state": row.state, **_whole_json(whole), "steps": [_both_json(s) for s in steps]})
        return
    say(f"{run_id} ({row.recipe} on {row.cell}) is {row.state}; what its program foretold, and what it did")
    _tell_compared(whole, steps, "measured")


def _tell_compared(whole: list[Compared], steps: list[StepCompared], did: str) -> None:
    typer.echo()
    rows = [(_UNITS[one.what], _number(one.foretold), _number(one.measured), _part(one)) for one in whole]
    print_table(("", "forecast", did, "difference"), rows, is_first=True)
    typer.echo()
    print_table((*_COLUMNS, did, f"{did} mAh", "ends at V", "ended by"), [_both_row(s) for s in steps], is_first=True)


_UNITS = {"duration_h": "duration, h", "charge_mah": "charge, mAh", "records": "records", "cycles": "cycles"}
_COLUMNS = ("step", "what", "times", "ends by", "after", "mAh")


def _row(step: StepAhead) -> tuple[str, ...]:
    charge = f"{step.charge_ah * 1000:.4g}" if step.charge_ah else ""
    return step.where, printable(step.what), f"{step.passes:.0f}", step.ends_by, _after(step.expected_s), charge


def _both_row(step: StepCompared) -> tuple[str, ...]:
    if not step.executions:
        return (*_row(step.ahead), "not run", "", "", "")
    ends = ", ".join(reason if count == step.executions else f"{reason} {count}" for reason, count in step.ends)
    charge = f"{step.mean_ah * 1000:.4g}" if step.ahead.charge_ah else ""
    end_v = f"{step.end_v:.4g}" if isfinite(step.end_v) else ""
    return (*_row(step.ahead), _after(step.mean_s), charge, end_v, ends)


def _after(duration_s: float) -> str:
    from orchestrator.clock.durations import duration_words

    return duration_words(duration_s) if isfinite(duration_s) else "no bound"


def _part(one: Compared) -> str:
    return "" if one.difference is None else f"{one.difference:+.1%}"


def _number(value: float) -> str:
    if not isfinite(value):
        return "no bound"
    return f"{value:.0f}" if value >= 1000 or value == int(value) else f"{value:.4g}"


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


def _step_json(step: StepAhead) -> dict[str, Any]:
    return {name: _finite(value) if isinstance(value, float) else value for name, value in asdict(step).items()}


def _both_json(step: StepCompared) -> dict[str, Any]:
    did = {"executions": step.executions, "mean_s": _finite(step.mean_s), "mean_ah": _finite(step.mean_ah)}
    return {**_step_json(step.ahead), **did, "end_v": _finite(step.end_v), "ends": dict(step.ends)}


def _whole_json(whole: list[Compared]) -> dict[str, Any]:
    return {one.what: {"forecast": _finite(one.foretold), "measured": one.measured} for one in whole}
