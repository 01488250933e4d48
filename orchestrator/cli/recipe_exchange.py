"""``cellrig recipe export`` and ``recipe import``: recipes for other programs, and recipes of other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.arguments import CellName, Json, RecipeName, SetValues, complete_cell
from orchestrator.cli.examples import examples
from orchestrator.cli.opened_recipe import set_cell, set_recipe
from orchestrator.cli.output import DONE, FAILED, WRONG_USE, fail, print_json, print_table, say
from orchestrator.cli.recipes import app
from orchestrator.cli.tables import Column

if TYPE_CHECKING:
    from protocols.formats.exchange import Exported
    from protocols.formats.recipe_format import Note, RecipeFormat
    from protocols.recipe import Recipe

# The commands stand beside the others of ``cellrig recipe``.
__all__ = ["app"]

# The largest file that is read: a step file of 254 steps has some 100 kB, one with a profile a few MB.
_FILE_MAX = 16 * 2**20
_INDENT = 2

Strict = Annotated[bool, typer.Option("--strict", help="Write nothing if anything of the test cannot be carried.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]


@app.command(
    "export",
    epilog=examples(
        "cellrig recipe export li-li-0.2 --cell bare-li-li --to neware-xml -o a.xml",
        "cellrig recipe export li-li-0.4 --cell bare-li-li --to pybamm -o a.txt",
        "cellrig recipe export mine.yaml --cell lfp.yaml --to battinfo -o a.jsonld",
        needs="for the last one files of your own",
    ),
)
def export_recipe(
    recipe: RecipeName,
    cell: CellName,
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help="neware-xml, unicycler, pybamm or battinfo.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The file to write.")],
    set_values: SetValues = None,
    strict: Strict = False,
    force: Force = False,
    json: Json = False,
) -> None:
    """Write a recipe for a cell as a file for another program.

    What the file cannot say is told line by line, in the file itself where it has comments; then it is read again, and
    what is other in the program is told. With --strict nothing is written where anything of the test is missing.
    """
    import time

    from protocols.formats.exchange import export_recipe as export

    found = _format(to)
    loaded, what = set_recipe(recipe, set_values or ()), set_cell(cell, set_values or ())
    done = export(loaded, what, found, time.time())
    is_refused = strict and bool(done.lost)
    if not is_refused:
        _write(out, done.data, force=force)
    if json:
        told = {"recipe": loaded.name, "cell": what.name, "format": found.name}
        print_json({**told, "file": None if is_refused else str(out), **_notes(done.notes), "read_back": _told(done)})
    else:
        _tell(done.notes, "Not in the file:", "To be known:")
        _tell_read_back(done)
        if not is_refused:
            typer.echo(str(out))
    _end(is_refused=is_refused, lost=len(done.lost))


@app.command(
    "import",
    epilog=examples(
        "cellrig recipe export li-li-0.2 --cell bare-li-li --to neware-xml -o a.xml",
        "cellrig recipe import a.xml --cell bare-li-li -o mine.yaml",
        "cellrig recipe check mine.yaml --cell bare-li-li",
        "cellrig recipe import theirs.json --for lfp -o theirs.yaml --strict",
        needs="for the last one a file of another program",
    ),
)
def import_recipe(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of another program.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="RECIPE", help="The recipe file to write.")],
    cell: Annotated[
        str,
        typer.Option("--cell", metavar="CELL", help="Shipped cell or file it is for.", autocompletion=complete_cell),
    ] = "",
    kind: Annotated[
        str, typer.Option("--for", metavar="KIND", help="The kind of cell: li-li, lfp, li-cu or other.")
    ] = "",
    of: Annotated[
        str, typer.Option("--from", metavar="FORMAT", help="Its format, where it is not known by itself.")
    ] = "",
    strict: Strict = False,
    force: Force = False,
    json: Json = False,
) -> None:
    """Make a recipe of a file of another program.

    Reads step files of Neware's BTS whoever wrote them, protocols of aurora-unicycler and steps of PyBaMM experiments.
    Limits and guards are written out; what the recipe does not say is told line by line, and stands in its comments.
    With --cell the recipe is for that kind of cell, and is checked with it.
    """
    from orchestrator.export.errors import ExportError
    from orchestrator.export.recipe_formats import format_of
    from protocols.cell import CellKind
    from protocols.formats.exchange import import_recipe as read

    if cell and kind:
        raise typer.BadParameter("say either --cell or --for")
    if kind and kind not in list(CellKind):
        raise typer.BadParameter(f"{kind!r} is no kind of cell; there are {', '.join(CellKind)}", param_hint="--for")
    data = _read(file)
    what = set_cell(cell, ()) if cell else None
    try:
        found = _format(of) if of else format_of(data)
    except ExportError as err:
        fail(f"{file}: {err}", WRONG_USE)
    made = read(data, str(file), found, what.kind if what is not None else CellKind(kind or CellKind.OTHER), what)
    lost = [note for note in made.notes if note.is_lost]
    reasons = [] if what is None else _reasons(made.recipe, cell)
    if is_written := not (strict and lost):
        _write(out, made.text.encode(), force=force)
    if json:
        told = {"file": str(file), "format": found.name, "recipe": str(out) if is_written else None}
        print_json({**told, **_notes(made.notes), "problems": reasons})
    else:
        _tell(made.notes, "Not in the recipe:", "To be known:")
        for reason in reasons:
            say(f"it cannot run with {cell} as it is: {reason}", _INDENT)
        if is_written:
            typer.echo(str(out))
    _end(is_refused=not is_written, lost=len(lost), is_sound=not reasons)


@app.command(epilog=examples("cellrig recipe formats", "cellrig recipe formats --json"))
def formats(json: Json = False) -> None:
    """List the formats in which recipes are exchanged."""
    from orchestrator.export.recipe_formats import CATALOGUE

    rows = []
    for it in CATALOGUE.offered():
        found = None if it.problem else CATALOGUE.find(it.name)
        ways = [
            word for word, is_there in (("export", found and found.write), ("import", found and found.read)) if is_there
        ]
        rows.append({"name": it.name, "package": it.package, "about": it.about, "ways": ways, "problem": it.problem})
    if json:
        print_json({"formats": rows})
        return
    shown = [(row["name"], ", ".join(row["ways"]), row["problem"] or row["about"]) for row in rows]
    print_table((Column("format"), Column("ways"), Column("what it is, and who reads it")), shown)


def _format(name: str) -> RecipeFormat:
    from orchestrator.export.errors import ExportError
    from orchestrator.export.recipe_formats import CATALOGUE

    try:
        return CATALOGUE.find(name)
    except ExportError as err:
        fail(str(err), WRONG_USE)


def _read(file: Path) -> bytes:
    from protocols.bounded_file import BadFile, NoSuchFile, read_bounded

    try:
        return read_bounded(file, _FILE_MAX)
    except NoSuchFile as err:
        fail(f"no file {file}: {err}", WRONG_USE)
    except BadFile as err:
        fail(f"{file}: {err}", FAILED)


def _write(out: Path, data: bytes, *, force: bool) -> None:
    from orchestrator.export.errors import ExportError
    from orchestrator.export.output import Output

    try:
        with Output(out.parent, force=force) as output:
            output.file(out.name).write_bytes(data)
    except ExportError as err:
        fail(str(err), FAILED)


def _reasons(recipe: Recipe, cell: str) -> list[str]:
    """Return why an imported recipe cannot be run with its cell."""
    from protocols.errors import ResolveError
    from protocols.proof import CounterExample, prove
    from protocols.resolve import resolve

    try:
        proven = prove(resolve(recipe, set_cell(cell, ())))
    except ResolveError as err:
        return list(err.reasons)
    return [str(proven)] if isinstance(proven, CounterExample) else []


def _notes(notes: Sequence[Note]) -> dict[str, Any]:
    def rows(*, is_lost: bool) -> list[dict[str, str]]:
        return [{"where": note.where, "what": note.what} for note in notes if note.is_lost is is_lost]

    return {"not_carried": rows(is_lost=True), "notes": rows(is_lost=False)}


def _told(done: Exported) -> list[str] | None:
    return None if done.read_back is None else list(done.read_back)


def _tell(notes: Sequence[Note], lost: str, other: str) -> None:
    """Say on stderr what is not the same, in two lists."""
    for title, is_lost in ((lost, True), (other, False)):
        told = [note for note in notes if note.is_lost is is_lost]
        if told:
            say(title, err=True)
        for note in told:
            say(f"  {note}", _INDENT * 2, err=True)


def _tell_read_back(done: Exported) -> None:
    if done.read_back is None:
        return
    if not done.read_back:
        say("Read again for this cell, the file gives an equal program.", err=True)
        return
    say("Read again for this cell, the program is other:", err=True)
    for line in done.read_back:
        say(f"  {line}", _INDENT * 2, err=True)


def _end(*, is_refused: bool, lost: int, is_sound: bool = True) -> None:
    if is_refused:
        fail(
            f"nothing was written: --strict, and {lost} {'thing' if lost == 1 else 'things'} cannot be carried", FAILED
        )
    raise typer.Exit(DONE if is_sound else FAILED)
