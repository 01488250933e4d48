"""Writes a run that was read from a file into the store: all of it in one transaction, marked as imported.

It is over from the beginning, on a channel that no bench has, and no command was ever sent for it: nothing that looks
for runs to start, resume, stop or recover finds it. What its program was is not known; its executed steps are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from orchestrator.importing.errors import ImportFailed
from orchestrator.importing.read_run import ReadRun, ReadSpectrum
from orchestrator.importing.steps import executed_steps
from orchestrator.judging.cycles import CycleSums, PlacedCycles
from orchestrator.states import RunState
from orchestrator.store import MeasurementRow, Origin, Origins, SpectrumPoint, Store
from orchestrator.store.imports import IMPORTED, ImportedFile, Imports
from protocols.cell import CellKind
from protocols.document import Document
from protocols.program import CellFacts, Program

if TYPE_CHECKING:
    import sqlite3

    import polars as pl

    from orchestrator.importing.steps import FoundStep

Progress = Callable[[int, int], None]
"""Is told how many records are written, and how many there are."""

_PIECE_ROWS = 10_000
_STATEMENT_ROWS = 20
"""Records that one statement writes: one each would take 1.6 times as long, and more at once bring nothing."""
_COLUMNS = (
    "sequence",
    "time_s",
    "step_time_s",
    "step",
    "step_count",
    "cycle",
    "mode",
    "voltage_v",
    "current_a",
    "capacity_ah",
    "energy_wh",
    "unix_time_s",
    "temperature_degc",
)
_INTO = (
    "INSERT INTO sample (test, sequence, time_s, step_time_s, step, step_count, tester_cycle, mode, voltage_v, "
    "current_a, capacity_ah, energy_wh, unix_time_s, temperature_degc)"
)


@dataclass(frozen=True, slots=True)
class NewRun:
    """What a person says of the run: its cell, the label that it bears, and the cell's file if it was given."""

    cell: CellFacts
    label: str
    cell_file: Document | None = None


def cell_of(read: ReadRun, stem: str) -> CellFacts:
    """Return the facts of a run's cell as far as its file tells them; a cell without a name has that of its file."""
    if read.cell is not None:
        return read.cell
    return CellFacts(read.cell_name or stem, CellKind.OTHER.value)


def write_run(store: Store, read: ReadRun, file: ImportedFile, new: NewRun, progress: Progress) -> str:
    """Write a run and return its id. Raises ImportFailed and StoreError; nothing is left of a run that fails."""
    began_unix_s, ended_unix_s = _span(read)
    program = Program(file.file, file.sha256, new.cell, ())
    with store.transaction():
        store.add_cell(new.cell.name, new.cell.to_json())
        run_id = store.add_run(
            recipe=file.file,
            cell=new.cell.name,
            channel=IMPORTED,
            program_json=program.to_json(),
            program_sha256=program.sha256,
            created_unix_s=began_unix_s,
            label=new.label,
            simulated=read.simulated,
        )
        store.set_run_state(run_id, RunState.COMPLETED, f"imported from {file.file}", ended_unix_s)
        Imports(store).add(run_id, file)
        if new.cell_file is not None:
            Origins(store).add(run_id, Origin(cell=new.cell_file))
        if read.table is not None:
            _Tests(store, run_id, read, new.cell).write(read.table, progress)
        for number, spectrum in enumerate(read.spectra, 1):
            _write_spectrum(store, run_id, read, spectrum, number)
    return run_id


def _span(read: ReadRun) -> tuple[float, float]:
    """Return when a run began and ended."""
    moments = [one.started_unix_s for one in read.spectra]
    if read.table is not None and read.table.height:
        first, last = read.table["unix_time_s"].min(), read.table["unix_time_s"].max()
        if not isinstance(first, float) or not isinstance(last, float):
            raise ImportFailed("a table without times of day cannot be stored")
        moments += [first, last]
    return min(moments), max(moments)


class _Tests:
    """Writes the tests of one run, one behind the other."""

    def __init__(self, store: Store, run_id: str, read: ReadRun, cell: CellFacts) -> None:
        self._store, self._run_id, self._read, self._cell = store, run_id, read, cell
        self._done = 0

    def write(self, table: pl.DataFrame, progress: Progress) -> None:
        """Write all records, their steps, and the cycles made of them."""
        steps, run_s = executed_steps(table), 0.0
        builder = _Cycles(self._store, self._cell, steps)
        for number, part in enumerate(table.partition_by("test", maintain_order=True), 1):
            own = int(part["test"][0])
            start_s = self._read.starts_s.get(own, 0.0 if number == 1 else float(part["test_time_s"][0]))
            test = self._add_test(number, part, start_s)
            mine = [step for step in steps if step.test == own]
            self._add_samples(test, part, start_s, table.height, progress)
            self._store.add_steps(test, [step.moved(-start_s) for step in mine])
            Imports(self._store).add_places(test, {step.executed.step_count: step.place for step in mine})
            builder.feed(test, mine, run_s - start_s)
            run_s += float(part["test_time_s"][-1]) - start_s
        builder.finish()

    def _add_test(self, number: int, part: pl.DataFrame, start_s: float) -> int:
        first_s = float(part["test_time_s"][0]) - start_s
        test = self._store.add_test(
            run_id=self._run_id,
            segment=0,
            instrument=self._read.instrument or "unknown",
            channel=self._read.channel or IMPORTED,
            tester_test_id=number,
            barcode=f"{IMPORTED} {self._run_id}.{number}",
            started_unix_s=float(part["unix_time_s"][0]) - first_s,
        )
        Imports(self._store).add_test(test, start_s)
        return test

    def _add_samples(self, test: int, part: pl.DataFrame, start_s: float, rows: int, progress: Progress) -> None:
        import polars as pl

        time_s = pl.col("test_time_s") - start_s if start_s else pl.col("test_time_s")
        columns = part.with_columns(time_s.alias("time_s")).select(_COLUMNS)
        # What is the same in all rows is no parameter: each costs a tenth of a microsecond a row.
        told = [name for name in _COLUMNS if columns[name].null_count() < columns.height]
        marks = ", ".join("?" if name in told else "NULL" for name in _COLUMNS)
        record = f"({int(test)}, {marks})"
        with self._store.transaction() as connection:
            for piece in columns.select(told).iter_slices(_PIECE_ROWS):
                values = zip(*(column.to_list() for column in piece.get_columns()), strict=True)
                _insert(connection, record, values, piece.height)
                self._done += piece.height
                progress(self._done, rows)


def _insert(connection: sqlite3.Connection, record: str, values: Iterator[tuple[Any, ...]], rows: int) -> None:
    """Insert records, many with each statement and what is left over one by one. ``record`` has the marks of one."""
    flat = chain.from_iterable(islice(values, rows - rows % _STATEMENT_ROWS))
    together = zip(*[flat] * (_STATEMENT_ROWS * record.count("?")), strict=True)
    connection.executemany(f"{_INTO} VALUES {', '.join([record] * _STATEMENT_ROWS)}", together)
    connection.executemany(f"{_INTO} VALUES {record}", values)


class _Cycles:
    """Stores the rows of the cycles with the test in which each ended, in run time: the tests one behind the other."""

    def __init__(self, store: Store, cell: CellFacts, steps: list[FoundStep]) -> None:
        self._store = store
        self._builder = PlacedCycles(cell, next((step.place.direction for step in steps if step.place.half), None))
        self._tests: dict[int, int] = {}

    def feed(self, test: int, steps: list[FoundStep], by_s: float) -> None:
        """Add the steps of a test, whose time begins ``by_s`` later than the table's."""
        done: list[CycleSums] = []
        for step in steps:
            if step.place.half:
                self._tests[step.place.cycle] = test
            done += self._builder.feed(step.place, step.moved(by_s))
        self._add(done)

    def finish(self) -> None:
        """Add the cycle that was open at the end."""
        self._add(self._builder.finish())

    def _add(self, done: list[CycleSums]) -> None:
        for sums in done:
            # A cycle that others number 0 has no row; it is read from the steps all the same.
            if sums.cycle.cycle >= 1:
                self._store.add_cycles(self._tests[sums.cycle.cycle], [sums.cycle])


def _write_spectrum(store: Store, run_id: str, read: ReadRun, spectrum: ReadSpectrum, number: int) -> None:
    test = store.add_test(
        run_id=run_id,
        segment=0,
        instrument=read.instrument or "unknown",
        channel=read.channel or IMPORTED,
        tester_test_id=None,
        barcode=f"{IMPORTED} {run_id}.eis{number}",
        started_unix_s=spectrum.started_unix_s,
    )
    Imports(store).add_test(test, None)
    store.add_measurement(
        MeasurementRow(
            test=test,
            technique="eis",
            job=f"{IMPORTED} {run_id}.eis{number}",
            bias_v=spectrum.bias_v,
            amplitude_v=spectrum.amplitude_v,
            temperature_degc=None,
            cycle=0,
            charge_passed_ah=0.0,
            open_circuit_v=None,
            rested_s=0.0,
            started_unix_s=spectrum.started_unix_s,
            ended_unix_s=spectrum.started_unix_s,
            files_json="[]",
        )
    )
    pairs = zip(spectrum.frequency_hz, spectrum.impedance_ohm, strict=True)
    points = [SpectrumPoint(n, hz, ohm.real, ohm.imag) for n, (hz, ohm) in enumerate(pairs, 1)]
    store.add_spectrum(test, points)
