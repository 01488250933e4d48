"""A run as a file tells it, before it is stored: its table, its spectra, and what was decided about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.store.imports import Decision
from protocols.document import Document
from protocols.program import CellFacts

if TYPE_CHECKING:
    from datetime import tzinfo

    import polars as pl

_NAMED = 6
CHARGE_POSITIVE = "charge"
DISCHARGE_POSITIVE = "discharge"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What a person says of the files to import: each is needed only where a file does not say it.

    ``zone``: of a wall clock without one. ``started_unix_s``: of a file without a clock. ``positive``: which direction
    the file's positive current has. ``current_unit``: of a column without a unit. ``cycles``: ``raw`` or ``auto``.
    ``cell``: the facts of the cell, and ``cell_file`` the file that tells them; ``cell_name`` its name alone.
    ``channel``, ``label`` as the run is to bear them.
    ``run_ids``: which runs of another store.
    """

    zone: tzinfo | None = None
    started_unix_s: float | None = None
    positive: str | None = None
    current_unit: str | None = None
    cycles: str | None = None
    cell: CellFacts | None = None
    cell_file: Document | None = None
    cell_name: str = ""
    channel: str = ""
    label: str = ""
    run_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadSpectrum:
    """A spectrum of a file: frequencies in Hz, impedances in ohm (negative imaginary part for a capacitor)."""

    frequency_hz: tuple[float, ...]
    impedance_ohm: tuple[complex, ...]
    started_unix_s: float
    bias_v: float | None = None
    amplitude_v: float | None = None


@dataclass(slots=True)
class Decisions:
    """Gathers what is decided about a file, in order."""

    made: list[Decision] = field(default_factory=list)

    def add(self, what: str, value: str, told_by: str) -> None:
        """Keep one decision: what it is about, the value, and what told it."""
        self.made.append(Decision(what, value, told_by))

    def leave_out(self, columns: list[str]) -> None:
        """Keep that columns of the file are not taken, some of them by name."""
        if columns:
            more = f" and {len(columns) - _NAMED} more" if len(columns) > _NAMED else ""
            self.add("left out", ", ".join(columns[:_NAMED]) + more, "a run has no such columns; the file is kept")


@dataclass(slots=True)
class ReadRun:
    """One run of a file. ``table`` has the columns of the sample table, or is None for spectra alone.

    ``starts_s`` says of tests, by the number in the table, when they begin on the run's axis of time; the others begin
    with their first record's time.
    """

    format: str
    reader: str
    decisions: Decisions
    table: pl.DataFrame | None
    spectra: tuple[ReadSpectrum, ...] = ()
    cell_name: str = ""
    instrument: str = ""
    channel: str = ""
    label: str = ""
    cell: CellFacts | None = None
    simulated: bool | None = None
    starts_s: dict[int, float] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """The number of its records and of the points of its spectra."""
        points = sum(len(one.frequency_hz) for one in self.spectra)
        return points + (self.table.height if self.table is not None else 0)
