"""Arguments that several commands share, with their help texts and completions."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

# Where a store is when nothing else is said: in the folder where the command is given.
DEFAULT_STORE = Path("cellrig.db")


class EveryColumnOf(StrEnum):
    """The word for tables with all their columns, however wide: a row is one line then."""

    ALL = "all"


def _matching(names: tuple[str, ...], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def store_file(text: str | Path) -> Path:
    """Read the path of a store as it was typed. Raises CannotOpen for one that cannot be a store's, with the reason."""
    from orchestrator.store.place import check_path

    check_path(text)
    return Path(text)


def complete_recipe(incomplete: str) -> list[str]:
    """Complete the names of shipped recipes."""
    from protocols.loading import shipped_recipes

    return _matching(shipped_recipes(), incomplete)


def complete_cell(incomplete: str) -> list[str]:
    """Complete the names of shipped cells."""
    from protocols.loading import shipped_cells

    return _matching(shipped_cells(), incomplete)


def complete_channel(context: typer.Context, incomplete: str) -> list[str]:
    """Complete the names of the channels of the bench file typed before, else of the simulated bench."""
    from drivers.errors import SettingsError
    from orchestrator.bench.settings import load_bench
    from orchestrator.bench.simulated import simulated_bench

    file = context.params.get("bench")
    try:
        bench = simulated_bench() if file is None else load_bench(Path(file))
    except SettingsError:
        return []
    return _matching(tuple(name for tester in bench.with_channels for name in tester.channel_names()), incomplete)


MaybeRecipe = Annotated[
    str | None,
    typer.Argument(
        metavar="RECIPE", help="Shipped recipe or file; else that of --like.", autocompletion=complete_recipe
    ),
]
RecipeName = Annotated[
    str, typer.Argument(metavar="RECIPE", help="Shipped recipe or file.", autocompletion=complete_recipe)
]
CellName = Annotated[
    str, typer.Option("--cell", metavar="CELL", help="Shipped cell or file.", autocompletion=complete_cell)
]
MaybeCell = Annotated[
    str | None,
    typer.Option(
        "--cell", metavar="CELL", help="Shipped cell or file; else that of --like.", autocompletion=complete_cell
    ),
]
MaybeChannel = Annotated[
    str | None,
    typer.Option(
        "--channel",
        metavar="CHANNEL",
        help="A channel of the bench, such as 21-1-3 (devid-subdevid-chlid) or chi660e; else that of --like.",
        autocompletion=complete_channel,
    ),
]
BenchFile = Annotated[
    Path | None, typer.Option("--bench", metavar="FILE", help="Bench file (TOML) that names the instruments.")
]
StoreFile = Annotated[
    Path,
    typer.Option(
        "--store",
        envvar="CELLRIG_STORE",
        help="SQLite file that keeps every record.",
        parser=store_file,
        metavar="FILE",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
ColumnNames = Annotated[
    str,
    typer.Option(
        "--columns",
        metavar="NAMES",
        help="The columns to show, such as 'run,label,state', or 'all', a line a row; else what the width allows.",
    ),
]
EveryColumn = Annotated[
    EveryColumnOf | None,
    typer.Option("--columns", help="With 'all': every column, a line a row; else what the width allows."),
]
ConfirmImplausible = Annotated[
    str,
    typer.Option(
        "--confirm-implausible",
        metavar="NAME",
        help="Your name, if what is implausible for the cell is meant all the same; it is kept with the run.",
    ),
]
SecondPerson = Annotated[
    str,
    typer.Option(
        "--second-person",
        metavar="NAME",
        help="Another person who confirms it too, where a value is far outside of what is usual; kept with the run.",
    ),
]
AcceptVoltage = Annotated[
    str,
    typer.Option(
        "--accept-voltage",
        metavar="REASON",
        help="Why a cell outside the open-circuit window is started (within the host's limits); kept with the run.",
    ),
]
Like = Annotated[
    str,
    typer.Option(
        "--like", metavar="RUN", help="An earlier run: what is not given, recipe, cell or channel, is as it was there."
    ),
]
LikeFrom = Annotated[
    Path | None,
    typer.Option(
        "--from", metavar="FILE", parser=store_file, help="The store of the run that --like names; else --store."
    ),
]
ModelSeed = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", min=0, help="With --simulate: the same seed gives the same samples; else 1."),
]
SetValues = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A value of a parameter of the recipe, current='0.3 mA/cm2', or in place of the file's: "
        "cell.active_mass='1.21 mg', recipe.steps[2].until.voltage='4.1 V'; may be repeated.",
    ),
]
Queue = Annotated[
    bool,
    typer.Option(
        "--queue",
        help="On a busy channel: wait there, with --same-cell for the end of the run before, else until "
        "'cellrig mounted RUN' says that the cell is on it.",
    ),
]
Mounted = Annotated[
    str,
    typer.Option("--mounted", metavar="NAME", help="After another cell's run: the cell that is on the channel now."),
]
SameCell = Annotated[
    bool, typer.Option("--same-cell", help="It is the next test of the cell of the run before, which is still mounted.")
]
Seed = Annotated[
    int, typer.Option("--seed", metavar="N", min=0, help="The same seed gives the same samples, row for row.")
]
CellModel = Annotated[
    str | None,
    typer.Option(
        "--cell-model",
        metavar="MODEL",
        help="With --simulate: the model in the channel; else that of the cell's name, or kind.",
    ),
]
Vary = Annotated[
    list[str] | None,
    typer.Option(
        "--vary",
        metavar="TOML",
        help="With --simulate: a setting of the model, such as 'short = {ohm = 3, from_h = 20}'; may be repeated.",
    ),
]
Label = Annotated[
    str,
    typer.Option(
        "--label", metavar="NAME", help="Name of this very cell, for tables and --same-cell; else the cell's."
    ),
]
