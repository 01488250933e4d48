"""``cellrig extensions``: the extensions of this installation by other installed packages."""

from __future__ import annotations

import typer

from orchestrator.cli.arguments import Json
from orchestrator.cli.output import DONE, FAILED, print_json, print_table


def extensions(json: Json = False) -> None:
    """List the installed kinds of testers and formats.

    Exit status 1 when one cannot be used.
    """
    from orchestrator.bench.kinds import offered_kinds
    from orchestrator.export.formats import foreign_formats
    from orchestrator.export.recipe_formats import CATALOGUE

    rows = [
        {"adds": "tester", "name": kind.name, "package": kind.package, "problem": kind.problem}
        for kind in offered_kinds()
    ]
    offered = [("format", it) for it in foreign_formats()] + [("recipe format", it) for it in CATALOGUE.foreign()]
    rows += [{"adds": adds, "name": it.name, "package": it.package, "problem": it.problem} for adds, it in offered]
    if json:
        print_json({"extensions": rows})
    else:
        shown = [(row["adds"], row["name"], row["package"], row["problem"] or "can be used") for row in rows]
        print_table(("adds", "name", "package", "state"), shown)
    raise typer.Exit(FAILED if any(row["problem"] for row in rows) else DONE)
