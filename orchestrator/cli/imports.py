"""``cellrig import``: files of other programs and stores as runs, with what was decided about each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.arguments import DEFAULT_STORE, Json, StoreFile, complete_cell
from orchestrator.cli.client import By, named
from orchestrator.cli.export import shown
from orchestrator.cli.extras import need_libraries
from orchestrator.cli.import_tables import print_decisions
from orchestrator.cli.output import FAILED, fail, print_json, say
from orchestrator.cli.owned_store import IMPORT, PATIENCE_S, owned_store
from orchestrator.cli.tables import printable
from orchestrator.cli.verify import PACKAGE_LIBRARIES, shown_parts

if TYPE_CHECKING:
    from orchestrator.importing.outcome import Imported
    from orchestrator.importing.read_run import ImportOptions
    from orchestrator.store import Store


class Positive(StrEnum):
    """Which way a file's positive current goes."""

    CHARGE = "charge"
    DISCHARGE = "discharge"


class Cycles(StrEnum):
    """Whose cycle numbers: the file's own, or counted by the direction of the current."""

    RAW = "raw"
    AUTO = "auto"


class CurrentUnit(StrEnum):
    """The unit of a column of currents that names none."""

    A = "A"
    MA = "mA"
    UA = "uA"


Files = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="Files of testers, tables, other stores, packages.")
]
CellOf = Annotated[
    str,
    typer.Option(
        "--cell", metavar="CELL", help="Shipped cell or file: kind, area and mass.", autocompletion=complete_cell
    ),
]
LabelOf = Annotated[str, typer.Option("--label", metavar="NAME", help="Name of this very cell, for tables.")]
ChannelOf = Annotated[
    str, typer.Option("--channel", metavar="NAME", help="The tester's channel, where the file does not say it.")
]
Zone = Annotated[
    str,
    typer.Option(
        "--zone", metavar="ZONE", help="Time zone of a clock without one: Europe/Zurich, UTC, +01:00; of the tester."
    ),
]
Started = Annotated[
    str,
    typer.Option("--started", metavar="TIME", help="When a file without a clock began: 2026-01-31T09:00+01:00."),
]
PositiveIs = Annotated[
    Positive | None, typer.Option("--positive", help="What the file's positive current does to the cell.")
]
Unit = Annotated[CurrentUnit | None, typer.Option("--unit", help="Unit of a column of currents that names none.")]
CyclesBy = Annotated[
    Cycles | None, typer.Option("--cycles", help="The file's own numbers, or counted; else its own where it has any.")
]
RunIds = Annotated[
    list[str] | None, typer.Option("--run", metavar="RUN", help="Of a store: only this run; may be repeated.")
]


def import_files(
    files: Files,
    cell: CellOf = "",
    label: LabelOf = "",
    channel: ChannelOf = "",
    zone: Zone = "",
    started: Started = "",
    positive: PositiveIs = None,
    unit: Unit = None,
    cycles: CyclesBy = None,
    run_ids: RunIds = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be imported.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Import a file once more that was imported before.")] = False,
    store: StoreFile = DEFAULT_STORE,
    by: By = "",
    json: Json = False,
) -> None:
    """Bring files of other programs into a store as runs.

    Neware .nda, .ndax, CSV and XLSX, the Battery Data Format, tables that cellrig has exported, text of a CHI660E, runs
    of another store, and run packages (zips and folders), which are verified first. Units, sign, cycle numbers and time
    zone are told for each file, with what told them; what a file does not say must be said by an option. Each file
    comes in whole or not at all, and is kept beside the store. A service must not have the store meanwhile.
    """
    from orchestrator.importing.read_run import ImportOptions
    from protocols.loading import cell_document, parse_cell

    _check_names(label, channel)
    document = cell_document(cell) if cell else None
    options = ImportOptions(
        zone=_zone(zone) if zone else None,
        started_unix_s=_moment(started) if started else None,
        positive=positive,
        current_unit=unit,
        cycles=cycles,
        cell=parse_cell(document.text, document.file).facts() if document else None,
        cell_file=document,
        channel=channel,
        label=label,
        run_ids=tuple(run_ids or ()),
    )
    found: list[Imported] = []
    paths, problems = _readable(files)
    if dry_run or not paths:
        _each(None, paths, options, "", again=again, found=found, problems=problems)
    else:
        from orchestrator.rack.lock import AlreadyOwned

        try:
            with owned_store(store, IMPORT, PATIENCE_S) as opened:
                _each(opened, paths, options, named(by), again=again, found=found, problems=problems)
        except AlreadyOwned as err:
            fail(f"{err}. Or import into another store: --store NAME", FAILED)
    _tell(found, problems, store, json=json, dry_run=dry_run)
    if problems:
        raise typer.Exit(FAILED)


def _readable(files: Sequence[str]) -> tuple[list[Path], list[tuple[str, str]]]:
    """Return the files that can be read here, and of each other one its name and what is wrong with it."""
    from orchestrator.importing.errors import ImportFailed

    paths: list[Path] = []
    problems: list[tuple[str, str]] = []
    for path in map(Path, files):
        try:
            need_libraries(*_libraries(path))
            paths.append(path)
        except ImportFailed as err:
            problems.append((path.name, str(err)))
        except OSError as err:
            problems.append((path.name, f"{path} cannot be read ({err.strerror or err})"))
    return paths, problems


def _libraries(path: Path) -> tuple[str, tuple[str, ...]]:
    """Return the extra and the libraries that a file needs. Raises ImportFailed for what is not read here, OSError."""
    from orchestrator.importing.files import kind_of
    from orchestrator.importing.importing import LIBRARIES
    from orchestrator.packaging.opened import is_package

    # A pipe is not opened: it may wait for ever.
    if (path.is_dir() or path.is_file()) and is_package(path):
        return "data", PACKAGE_LIBRARIES
    return LIBRARIES[kind_of(path)]


def _each(
    store: Store | None,
    paths: Sequence[Path],
    options: ImportOptions,
    by: str,
    *,
    again: bool,
    found: list[Imported],
    problems: list[tuple[str, str]],
) -> None:
    """Import one file after another; one that cannot be imported hinders no other."""
    from orchestrator.importing.errors import ImportFailed
    from orchestrator.importing.importing import import_file
    from orchestrator.packaging.opened import is_package
    from orchestrator.packaging.package_imports import import_package

    for path in paths:
        try:
            if is_package(path):
                told = shown_parts(path.name)
                found += import_package(store, path, options, by=by, progress=told, again=again)
            else:
                found += import_file(store, path, options, by=by, progress=shown(path.name), again=again)
        except ImportFailed as err:
            problems.append((path.name, str(err)))
        except OSError as err:
            problems.append((path.name, f"{path} cannot be read ({err.strerror or err})"))


def _tell(
    found: Sequence[Imported], problems: Sequence[tuple[str, str]], store: Path, *, json: bool, dry_run: bool
) -> None:
    if json:
        failed = [{"file": name, "problem": problem} for name, problem in problems]
        print_json({"dry_run": dry_run, "imports": [one.as_dict() for one in found], "problems": failed})
    else:
        for one in found:
            _tell_one(one, store)
    for name, problem in problems:
        typer.echo(printable(f"cellrig: {problem if name in problem else f'{name}: {problem}'}"), err=True)


def _tell_one(one: Imported, store: Path) -> None:
    what = f"{one.file}, {one.part}" if one.part else one.file
    if one.is_known:
        say(f"{what} was imported before, as {one.run_id}; nothing was done (--again does it once more)")
        return
    to = f"imported as {one.run_id}" if one.run_id else "would be imported"
    say(f"{what}: {one.format}, {one.records} records, {to}")
    print_decisions(one.as_dict()["decisions"])
    if one.run_id:
        say(f"look with: cellrig show {one.run_id} --store {store}")


def _check_names(label: str, channel: str) -> None:
    """Check that --label and --channel are names of one line. Raises BadParameter."""
    from orchestrator.importing.importing import LONGEST_LABEL

    for option, text in (("--label", label), ("--channel", channel)):
        if len(text) > LONGEST_LABEL or not text.isprintable():
            raise typer.BadParameter(f"{option}: at most {LONGEST_LABEL} letters, and no control characters")


def _zone(text: str) -> tzinfo:
    """Read --zone. Raises BadParameter."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    if text.upper() == "UTC":
        return UTC
    if text[0] in "+-":
        try:
            offset = datetime.strptime(text, "%z").utcoffset()
        except ValueError:
            offset = None
        if offset is not None and abs(offset) < timedelta(days=1):
            return timezone(offset)
    else:
        try:
            return ZoneInfo(text)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    raise typer.BadParameter(
        f"--zone {text}: no time zone; say one such as Europe/Zurich, Asia/Shanghai, UTC or +01:00"
    )


def _moment(text: str) -> float:
    """Read --started. Raises BadParameter."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise typer.BadParameter(f"--started {text}: say date, time and offset, such as 2026-01-31T09:00+01:00")
    return moment.timestamp()
