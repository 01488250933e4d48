"""The output of every command: errors as one sentence with an exit status, JSON, tables, progress."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

import typer

from orchestrator.cli.tables import Column, cell_width, hanging, laid_out, printable, width_of

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID
    from rich.table import Column as BarsColumn

    from orchestrator.events import RunUpdate, Told

# Exit status (a contract with users' scripts).
DONE, FAILED, WRONG_USE, UNREACHABLE = 0, 1, 2, 3
# How wide the bar of a run is: a tenth is a sign, and at 80 columns there is room for how long the run takes.
_BAR_WIDTH = 10
# Between the three columns of a bar's line.
_BAR_GAPS = 2
# The word of ``--columns`` for every column.
ALL_COLUMNS = "all"


def fail(message: str, status: int) -> NoReturn:
    """Write an error to stderr and exit with its status."""
    say(f"cellrig: {message}", err=True)
    raise SystemExit(status)


@contextmanager
def stopped_by_ctrl_c(message: str) -> Iterator[None]:
    """Report Ctrl-C, after everything was stopped and stored, with a sentence and exit status 1.

    SIGTERM and a closed terminal do the same: they would end the process at once, and a source's output stays on.
    """
    try:
        with _ended_as_by_ctrl_c():
            yield
    except KeyboardInterrupt:
        fail(message, FAILED)


@contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    closed = signal.Signals["SIGBREAK" if sys.platform == "win32" else "SIGHUP"]
    # What is ignored was started to outlive its terminal, as by nohup.
    kinds = [kind for kind in (signal.SIGTERM, closed) if signal.getsignal(kind) is signal.SIG_DFL]

    def interrupt(_kind: int, _frame: FrameType | None) -> None:
        # Often both come: the second one must not break off the switching off.
        for kind in kinds:
            signal.signal(kind, signal.SIG_IGN)
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a script's background job
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)

    for kind in kinds:
        signal.signal(kind, interrupt)
    try:
        yield
    finally:
        for kind in kinds:
            # Not after one of them: the process ends, and says so before.
            if signal.getsignal(kind) is interrupt:
                signal.signal(kind, signal.SIG_DFL)


def exit_status(err: Exception) -> int | None:
    """Return the exit status of a user's or an instrument's error, None for a defect of cellrig."""
    from drivers.errors import ConnectionFailed, DriverError, SettingsError
    from orchestrator.people.errors import PeopleError
    from orchestrator.store.errors import StoreError
    from protocols.errors import Implausible, RecipeError, ResolveError, UnknownName, WrongChange
    from protocols.formats.file_contents import FormatError

    if isinstance(err, ConnectionFailed):
        return UNREACHABLE
    if isinstance(err, SettingsError | UnknownName | WrongChange):
        return WRONG_USE
    if isinstance(err, DriverError | FormatError | Implausible | PeopleError | RecipeError | ResolveError | StoreError):
        return FAILED
    return None


def print_json(value: object) -> None:
    """Write one JSON document to stdout."""
    import json

    typer.echo(json.dumps(value, indent=2, allow_nan=False))


def print_file(data: bytes) -> None:
    """Write a text file to stdout as it is, to the byte; to a terminal only what commands nothing there."""
    if sys.stdout.isatty() or not hasattr(sys.stdout, "buffer"):
        typer.echo("\n".join(printable(line) for line in data.decode("utf-8-sig").splitlines()))
    else:
        typer.echo(data, nl=False)


def say(sentence: str, indent: int = 0, *, err: bool = False) -> None:
    """Write a sentence to stdout, or to stderr, wrapped at spaces; lines but the first are indented."""
    typer.echo(hanging(sentence, width_of(sys.stderr if err else sys.stdout), indent), err=err)


def heading(title: str, *, is_first: bool = False) -> None:
    """Write the title of what follows, with an empty line before it, unless it is the first of the output."""
    typer.echo(_bold(title) if is_first else f"\n{_bold(title)}")


def print_table(
    columns: Sequence[Column | str],
    rows: Sequence[Sequence[object]],
    title: str | None = None,
    chosen: str = "",
    *,
    is_first: bool = False,
) -> None:
    """Write a table to stdout, and below it which columns the width has left out, and how to see them.

    ``chosen``: ``all``, or the names of the columns to show, with commas; a row is one line then, however wide. Raises
    BadParameter for a name that is none.
    """
    told = [Column(column) if isinstance(column, str) else column for column in columns]
    width = width_of(sys.stdout)
    if chosen:
        places, width = _chosen(told, chosen), None
        told, rows = [told[n] for n in places], [[row[n] for n in places] for row in rows]
    table = laid_out(told, rows, width)
    if title is not None:
        heading(title, is_first=is_first)
    typer.echo("\n".join([_bold(table.head), table.rule, *(line for row in table.rows for line in row)]))
    if table.left_out:
        names = ", ".join(column.head for column in table.left_out).removesuffix(".")
        say(f"Left out at {width} columns: {names}. To see them: --columns all, a wider terminal, or --json.")


def _chosen(columns: Sequence[Column], names: str) -> list[int]:
    if names.strip() == ALL_COLUMNS:
        return list(range(len(columns)))
    known = {name: n for n, column in enumerate(columns) for name in (column.head, column.name)}
    asked = [name.strip() for name in names.split(",")]
    if unknown := [name for name in asked if name not in known]:
        there = ", ".join(column.name for column in columns)
        raise typer.BadParameter(
            f"there is no column {unknown[0]!r}; say '{ALL_COLUMNS}', or some of: {there}", param_hint="--columns"
        )
    return [known[name] for name in asked]


def _bold(text: str) -> str:
    """Return text for stdout: bold on a terminal that shows it, unless NO_COLOR is set."""
    is_shown = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return typer.style(text, bold=True) if is_shown else text


_SOAK_LINE_S = 600.0
"""Where there are no bars, an oven that soaks is told again after ten minutes: a tenth of the run may be days."""


class ProgressView:
    """Shows the progress of runs: bars on a terminal, plain lines elsewhere, always on stderr."""

    def __init__(self) -> None:
        self._bars: Progress | None = None
        self._labels: BarsColumn | None = None
        self._wheres: BarsColumn | None = None
        self._tasks: dict[str, TaskID] = {}
        self._tenths: dict[str, tuple[int, str]] = {}

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn
            from rich.table import Column as BarsColumn

            self._labels = BarsColumn(no_wrap=True)
            self._wheres = BarsColumn(no_wrap=True, overflow="ellipsis")
            self._bars = Progress(
                TextColumn("{task.fields[label]}", markup=False, table_column=self._labels),
                BarColumn(_BAR_WIDTH),
                TextColumn("{task.fields[where]}", markup=False, table_column=self._wheres),
                console=Console(stderr=True),
                refresh_per_second=8,
            )
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, told: Told) -> None:
        """Show an update of a run, on the bus's thread: a terminal that blocks delays no poll.

        So is what goes wrong beside the runs, as an oven that does not answer, and that an oven is back.
        """
        from orchestrator.clock.local_time import local_time
        from orchestrator.events import EventKind, RunUpdate, Severity

        if isinstance(told, RunUpdate):
            self.show(told)
        elif told.run_id is None and (told.severity.is_at_least(Severity.WARNING) or told.kind is EventKind.OVEN_BACK):
            line = printable(f"{local_time(told.at_unix_s, seconds=True)} {told.sentence}")
            if self._bars is not None:
                self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)
            else:
                typer.echo(line, err=True)

    def show(self, update: RunUpdate) -> None:
        """Show the progress of a run: the part that is done, by the time left; no part where nothing tells that."""
        from orchestrator.events.run_words import SOAKING
        from orchestrator.events.time_left import part_done
        from orchestrator.states import RunState

        part = 1.0 if update.state is RunState.COMPLETED else part_done(update.time_s, update.time_left_s)
        if self._bars is not None:
            if update.run_id not in self._tasks:
                self._tasks[update.run_id] = self._bars.add_task("", total=1.0, label=update.label, where="")
                if self._labels is not None and self._wheres is not None:
                    # A narrow terminal leaves out the end of a line, and nothing of a name or of the bar.
                    self._labels.min_width = max(self._labels.min_width or 0, cell_width(update.label))
                    room = self._bars.console.width - self._labels.min_width - _BAR_WIDTH - _BAR_GAPS
                    self._wheres.max_width = max(1, room)
            task, total = self._tasks[update.run_id], None if part is None else 1.0
            self._bars.update(task, completed=part or 0.0, total=total, where=_where(update))
            return
        # An estimate may take back a tenth: that is no news.
        tenth, before = self._tenths.get(update.run_id, (-1, ""))
        doing = update.state.value
        if update.reason.startswith(SOAKING):
            doing += SOAKING + ("" if update.time_left_s is None else str(update.time_left_s // _SOAK_LINE_S))
        if (part is not None and int(part * 10) > tenth) or before != doing:
            self._tenths[update.run_id] = max(tenth, int((part or 0.0) * 10)), doing
            typer.echo(printable(f"{update.label}: {_where(update)}"), err=True)


def _where(update: RunUpdate) -> str:
    from orchestrator.events.run_words import SOAKING
    from orchestrator.events.time_left import left_of

    if update.reason.startswith(SOAKING):
        return update.reason
    left = left_of(update)
    voltage = "" if update.voltage_v is None else f"{update.voltage_v:+z.4f} V"
    said = (f"{update.time_s / 3600:.1f} h", "" if update.state.has_ended else left, f"cycle {update.cycle}", voltage)
    return f"{update.state.value}  {'  '.join(filter(None, said))}"
