"""``cellrig cell``: list, show and check cells."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from orchestrator.cli.arguments import DEFAULT_STORE, BenchFile, EveryColumn, Json, StoreFile, complete_cell
from orchestrator.cli.examples import examples
from orchestrator.cli.output import DONE, FAILED, fail, print_json, print_table, say
from orchestrator.cli.reasons import faults_as_json, file_faults, tell_reasons
from orchestrator.cli.tables import Column

if TYPE_CHECKING:
    from orchestrator.analysis.tested_cells import TestedCell
    from protocols.cell import Cell
    from protocols.document import Document
    from protocols.program import CellFacts

app = typer.Typer(
    help="List, show and check cells.",
    epilog=examples("cellrig cell list", "cellrig cell show bare-lfp"),
    no_args_is_help=True,
)

_WIDTH = 30
# The lines of a cell's file that are words, with the terms of ``cell show``.
_LINES = {
    "working_electrode": "working electrode",
    "counter_electrode": "counter electrode",
    "electrolyte": "electrolyte",
    "electrolyte_conductivity_at": "conductivity measured at",
    "temperature": "temperature of the test",
}

_SHIPPED = (
    Column("cell"),
    Column("kind"),
    Column("working electrode", least=20),
    Column("counter electrode", least=20),
)
_TESTED = (
    Column("label", least=10),
    Column("cell", least=10, goes=3),
    Column("runs", goes=2),
    Column("last run"),
    Column("channel", goes=1),
    Column("state", least=11),
    Column("mounted"),
)


@app.command("list", epilog=examples("cellrig cell list", "cellrig cell list --json"))
def list_cells(
    context: typer.Context, store: StoreFile = DEFAULT_STORE, columns: EveryColumn = None, json: Json = False
) -> None:
    """List the shipped cells, and those that were tested.

    A tested cell has the label of its runs. It is mounted until somebody says that its channel is empty or has another
    cell. Without a store in this folder only the shipped ones are listed.
    """
    from protocols.loading import load_cell, shipped_cells

    shipped = [(name, load_cell(name)) for name in shipped_cells()]
    tested = _tested(store, is_needed=_is_typed(context))
    if json:
        rows = [{"name": name, "kind": cell.kind.value, **_lines(cell)} for name, cell in shipped]
        print_json({"cells": rows, "tested": [one.as_dict() for one in tested]})
        return
    electrodes = [(name, cell.kind.value, cell.working_electrode, cell.counter_electrode) for name, cell in shipped]
    print_table(_SHIPPED, electrodes, "Shipped with cellrig", is_first=True)
    if tested:
        rows_told = [_told(one) for one in tested]
        print_table(_TESTED, rows_told, f"Tested, in {store}", columns.value if columns else "")


@app.command(
    epilog=examples(
        "cellrig cell show bare-lfp",
        "cellrig cell show bare-lfp --text > lfp-17.yaml",
        "cellrig cell show A17 --store cellrig.db",
        needs="for the last a store in which a cell of that label was tested",
    )
)
def show(
    context: typer.Context,
    cell: Annotated[
        str,
        typer.Argument(
            metavar="CELL", help="Shipped cell, file, or label of a tested cell.", autocompletion=complete_cell
        ),
    ],
    text: Annotated[
        bool, typer.Option("--text", help="Print the file as it is: a pattern for one of your own.")
    ] = False,
    store: StoreFile = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Show a cell: what its file says and what follows from it.

    What is assumed of its kind is shown too.

    With --store typed, CELL is looked up among the labels of that store first, and the file that was kept with the
    newest run of that cell is shown.
    """
    found = _found(cell, store, is_typed=_is_typed(context))
    if text:
        if found.document is None:
            fail(f"the cell file of {found.source} was not kept: the run is of an older cellrig", FAILED)
        typer.echo(found.document.text, nl=not found.document.text.endswith("\n"))
        return
    if json:
        runs = list(found.tested.runs) if found.tested else []
        print_json({**_as_json(found.facts, found.cell), "from": found.source, "runs": runs})
        return
    _line("from", found.source)
    if found.tested:
        _line("runs", ", ".join(found.tested.runs))
    _show(found.facts, found.cell)


@app.command(
    epilog=examples("cellrig cell show bare-lfp --text > lfp-17.yaml", "cellrig cell check lfp-17.yaml --json")
)
def check(
    cell: Annotated[
        str, typer.Argument(metavar="FILE", help="Cell file, or shipped cell.", autocompletion=complete_cell)
    ],
    bench: BenchFile = None,
    json: Json = False,
) -> None:
    """Check a cell's file: every fault with its line and remedy.

    Exit status 1 when there is one. Values that are implausible for a cell of its kind are told too: such a run must be
    confirmed by name.
    """
    from orchestrator.bench.settings import load_bench
    from protocols.errors import RecipeError
    from protocols.loading import load_cell
    from protocols.plausibility import cell_doubts, cell_notes
    from protocols.usual_bands import BANDS

    bands = BANDS if bench is None else load_bench(bench).usual_bands
    if faults := file_faults(partial(load_cell, cell)):
        if not json:
            raise RecipeError(faults)
        print_json({"cell": cell, **faults_as_json(faults), "implausible": [], "notes": []})
        raise typer.Exit(FAILED)
    loaded = load_cell(cell)
    doubts, notes = cell_doubts(loaded.facts(), bands), cell_notes(loaded.facts(), bands)
    if json:
        told = {"implausible": list(doubts), "notes": list(notes)}
        print_json({**_as_json(loaded.facts(), loaded), **faults_as_json(()), **told})
        raise typer.Exit(FAILED if doubts else DONE)
    _show(loaded.facts(), loaded)
    for note in notes:
        say(f"note: {note}")
    if not doubts:
        typer.echo(f"{loaded.name} is sound")
    raise typer.Exit(tell_reasons(f"{loaded.name} is implausible", doubts))


class _Found(NamedTuple):
    """A cell that was found: its facts, its file if there is one, and where both are from."""

    source: str
    facts: CellFacts
    cell: Cell | None = None
    document: Document | None = None
    tested: TestedCell | None = None


def _is_typed(context: typer.Context) -> bool:
    source = context.get_parameter_source("store")
    return source is not None and source.name == "COMMANDLINE"


def _tested(store: Path, *, is_needed: bool) -> list[TestedCell]:
    from orchestrator.analysis.tested_cells import tested_cells
    from orchestrator.store import open_store

    if not is_needed and not store.exists():
        return []
    with open_store(store, read_only=True) as opened:
        return tested_cells(opened)


def _told(one: TestedCell) -> tuple[object, ...]:
    state = f"{one.state.value} (simulated)" if one.simulated else one.state.value
    return one.label, one.cell, len(one.runs), one.runs[-1], one.channel, state, one.mounted_on or "no"


def _found(name: str, store: Path, *, is_typed: bool) -> _Found:
    """Find a cell by shipped name, file or label. Raises UnknownName where it is none of them."""
    from protocols.errors import UnknownName
    from protocols.loading import cell_document, parse_cell, shipped_cells

    if is_typed and (kept := _kept(name, store, is_needed=True)):
        return kept
    try:
        document = cell_document(name)
    except UnknownName as err:
        if not is_typed and (kept := _kept(name, store, is_needed=False)):
            return kept
        looked = f"; and no cell of this label was tested in {store}" if is_typed or store.exists() else ""
        raise UnknownName(f"{err}{looked}") from None
    cell = parse_cell(document.text, document.file)
    source = f"shipped with cellrig: {name}" if name in shipped_cells() else f"file {name}"
    return _Found(source, cell.facts(), cell, document)


def _kept(label: str, store: Path, *, is_needed: bool) -> _Found | None:
    """Find a tested cell by its label, with the file that was kept of its newest run."""
    from orchestrator.store import Origins, open_store
    from protocols.loading import parse_cell
    from protocols.program import Program

    tested = {one.label: one for one in _tested(store, is_needed=is_needed)}.get(label)
    if tested is None:
        return None
    run_id = tested.runs[-1]
    with open_store(store, read_only=True) as opened:
        document = Origins(opened).of(run_id).cell
        facts = Program.from_json(opened.run(run_id).program_json).cell
    cell = None if document is None else parse_cell(document.text, document.file)
    return _Found(f"{store}: {label}, as ordered with {run_id}", facts, cell, document, tested)


def _lines(cell: Cell | None) -> dict[str, str | None]:
    values = {name: None if cell is None else getattr(cell, name) for name in _LINES}
    return {name: None if value is None else str(value) for name, value in values.items()}


def _as_json(facts: CellFacts, cell: Cell | None) -> dict[str, Any]:
    from protocols.cell_quantities import assumed, quantities

    known = quantities(facts)
    return {
        "cell": facts.name,
        "kind": facts.kind,
        **_lines(cell),
        "given": {one.name: one.value for one in known if not one.how},
        "derived": {one.name: one.value for one in known if one.how},
        "assumed": {one.name: {"low": one.low, "high": one.high} for one in assumed(facts)},
        "metadata": None if cell is None else dict(cell.metadata),
    }


def _show(facts: CellFacts, cell: Cell | None) -> None:
    from protocols.cell import CellKind
    from protocols.cell_quantities import KIND_WORDS, assumed, quantities

    _line("cell", facts.name)
    _line("kind", f"{facts.kind}: {KIND_WORDS[CellKind(facts.kind)]}")
    for name, value in _lines(cell).items():
        if value is not None:
            _line(_LINES[name], value)
    for one in quantities(facts):
        _line(one.words, f"{one!s:16} = {one.how}" if one.how else str(one))
    _heading("metadata", metadata := dict(cell.metadata) if cell else {})
    for name, value in metadata.items():
        _line(f"  {name}", value)
    _heading(f"assumed of the kind {facts.kind} where a recipe says nothing else", bands := assumed(facts))
    for band in bands:
        _line(f"  {band.words}", str(band))


def _heading(words: str, below: Collection[object]) -> None:
    if below:
        typer.echo(f"{words}:")


def _line(words: str, value: str) -> None:
    """Write a line for words and value; a value of several lines stays under its first."""
    typer.echo(f"{words:{_WIDTH}} {value}".replace("\n", f"\n{' ' * (_WIDTH + 1)}").rstrip())
