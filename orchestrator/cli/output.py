"""The output of every command: errors as one sentence with an exit status, JSON, tables, progress."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

import typer

from orchestrator.states import RunState

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from orchestrator.events import RunUpdate, Told

# Exit status (a contract with users' scripts).
DONE, FAILED, WRONG_USE, UNREACHABLE = 0, 1, 2, 3


def fail(message: str, status: int) -> NoReturn:
    """Write an error to stderr and exit with its status."""
    typer.echo(f"cellrig: {message}", err=True)
    raise SystemExit(status)


@contextmanager
def stopped_by_ctrl_c(message: str) -> Iterator[None]:
    """Report Ctrl-C, after everything was stopped and stored, with a sentence and exit status 1."""
    try:
        yield
    except KeyboardInterrupt:
        fail(message, FAILED)


def exit_status(err: Exception) -> int | None:
    """Return the exit status of a user's or an instrument's error, None for a defect of cellrig."""
    from drivers.errors import ConnectionFailed, DriverError, SettingsError
    from orchestrator.store.errors import StoreError
    from protocols.errors import Implausible, RecipeError, ResolveError, UnknownName, WrongChange

    if isinstance(err, ConnectionFailed):
        return UNREACHABLE
    if isinstance(err, SettingsError | UnknownName | WrongChange):
        return WRONG_USE
    if isinstance(err, DriverError | Implausible | RecipeError | ResolveError | StoreError):
        return FAILED
    return None


def print_json(value: object) -> None:
    """Write one JSON document to stdout."""
    typer.echo(json.dumps(value, indent=2, allow_nan=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str | None = None) -> None:
    """Write a table to stdout; numbers are right-aligned, None is a dash."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for n, column in enumerate(columns):
        numeric = any(isinstance(row[n], int | float) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        # Text, not markup: a label or an instrument's words may hold brackets.
        table.add_row(*(Text("-" if cell is None else str(cell)) for cell in row))
    console = Console() if sys.stdout.isatty() else Console(width=160)
    console.print(table)


class ProgressView:
    """Shows the progress of runs: bars on a terminal, plain lines elsewhere, always on stderr."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._tenths: dict[str, tuple[int, str]] = {}

    def __enter__(self) -> Self:
        if sys.stderr.isatty() and not self._quiet:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn
            from rich.table import Column

            self._bars = Progress(
                TextColumn("{task.fields[label]}", table_column=Column(no_wrap=True)),
                BarColumn(bar_width=16),
                # The end of the line is what a narrow terminal leaves out.
                TextColumn("{task.fields[where]}", table_column=Column(no_wrap=True, overflow="ellipsis")),
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
        """Show an update of a run, on the bus's thread: a terminal that blocks delays no poll."""
        from orchestrator.events import RunUpdate

        if isinstance(told, RunUpdate) and not self._quiet:
            self.show(told)

    def show(self, update: RunUpdate) -> None:
        """Show the progress of a run: the part that is done, by the time left; no part where nothing tells that."""
        from orchestrator.events.time_left import part_done

        part = 1.0 if update.state is RunState.COMPLETED else part_done(update.time_s, update.time_left_s)
        if self._bars is not None:
            if update.run_id not in self._tasks:
                self._tasks[update.run_id] = self._bars.add_task("", total=1.0, label=update.label, where="")
            task, total = self._tasks[update.run_id], None if part is None else 1.0
            self._bars.update(task, completed=part or 0.0, total=total, where=_where(update))
            return
        # An estimate may take back a tenth: that is no news.
        tenth, state = self._tenths.get(update.run_id, (-1, ""))
        if (part is not None and int(part * 10) > tenth) or state != update.state.value:
            self._tenths[update.run_id] = max(tenth, int((part or 0.0) * 10)), update.state.value
            typer.echo(f"{update.label}: {_where(update)}", err=True)


def _where(update: RunUpdate) -> str:
    from orchestrator.events.time_left import left_of

    left = left_of(update)
    voltage = "" if update.voltage_v is None else f"{update.voltage_v:+.4f} V"
    said = (f"{update.time_s / 3600:.1f} h", "" if update.state.has_ended else left, f"cycle {update.cycle}", voltage)
    return f"{update.state.value}  {'  '.join(filter(None, said))}"
