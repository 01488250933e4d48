"""The store of all runs: the orchestrator writes it in each tick, and every other part reads it.

Every write is one transaction that takes SQLite's write lock at once (``BEGIN IMMEDIATE``) and is on disk when the call
returns. Methods called inside ``with store.transaction():`` are committed together.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from math import nan
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from drivers.interfaces import EndReason, Sample
from orchestrator.events import EventKind, stored_event
from orchestrator.judging.cycles import Cycle
from orchestrator.judging.steps import ExecutedStep
from orchestrator.states import RunState
from orchestrator.store import samples as bulk
from orchestrator.store.barcodes import new_barcode
from orchestrator.store.errors import Refused, StoreConflict, explained
from orchestrator.store.rows import (
    DeviationCategory,
    DeviationRow,
    EventRow,
    IntentRow,
    MeasurementRow,
    NewEvent,
    RunRow,
    SpectrumPoint,
    TesterTestRow,
    TickResult,
)
from orchestrator.store.statements import (
    CHANNEL_OF,
    CYCLE_COLUMNS,
    DROP_CYCLE,
    INSERT_EVENT,
    MEASUREMENT_COLUMNS,
    RUNS,
    STEP_COLUMNS,
    TESTS,
    UPSERT_CYCLE,
    UPSERT_STEP,
    cycle_from,
)
from orchestrator.store.temperatures import JoinedTemperatures, TemperatureSource
from orchestrator.store.transactions import Transactional

if TYPE_CHECKING:
    from orchestrator.store.sqlite_library import Database


class Store(Transactional):
    """An open store, made by ``open_store``. It belongs to the thread that opened it."""

    def __init__(self, path: Path, db: Database, *, read_only: bool) -> None:
        super().__init__(path, db, read_only=read_only)
        self._temperatures: JoinedTemperatures | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; all writes were committed before. Closing twice is harmless."""
        self._db.close()

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection itself, for reading with SQL: views, pragmas, exports. Close cursors soon."""
        return self._db.conn

    def join_temperatures(self, source: TemperatureSource) -> None:
        """Join the temperatures of ``source`` to the samples that are stored from now on."""
        self._temperatures = JoinedTemperatures(source)

    # Cells, runs and tests

    def add_cell(self, name: str, facts_json: str) -> None:
        """Store a cell's facts. Runs added from now on refer to these; earlier runs keep the facts of their time."""
        newest = "SELECT facts_json FROM cell WHERE name = ? ORDER BY id DESC LIMIT 1"
        with self.transaction() as connection:
            if connection.execute(newest, (name,)).fetchone() != (facts_json,):
                connection.execute("INSERT INTO cell (name, facts_json) VALUES (?, ?)", (name, facts_json))

    def add_run(
        self,
        *,
        recipe: str,
        cell: str,
        channel: str,
        program_json: str,
        program_sha256: str,
        created_unix_s: float,
        label: str = "",
        simulated: bool | None = None,
    ) -> str:
        """Add a queued run with a barcode of its own, and return its id, such as ``R000001``.

        A cell that nobody has added is kept with the facts that the program carries. ``simulated``: no cell is real;
        None if that is not known.
        """
        with self.transaction() as connection:
            connection.execute(
                "INSERT INTO cell (name, facts_json) SELECT :cell, coalesce(json_extract(:program, '$.cell'), '{}') "
                "WHERE NOT EXISTS (SELECT 1 FROM cell WHERE name = :cell)",
                {"cell": cell, "program": program_json},
            )
            number = connection.execute("SELECT coalesce(max(number), 0) + 1 FROM run").fetchone()[0]
            run_id = f"R{number:06d}"
            at_first = program_sha256, created_unix_s, created_unix_s
            barcode = new_barcode(
                run_id,
                created_unix_s=created_unix_s,
                recipe=recipe,
                cell=cell,
                channel=channel,
                label=label,
                program_sha256=program_sha256,
            )
            connection.execute(
                "INSERT INTO run (number, run_id, barcode, recipe, cell_id, channel, label, simulated, program_json, "
                "program_sha256, created_unix_s, state, reason, state_unix_s) "
                "VALUES (?, ?, ?, ?, (SELECT max(id) FROM cell WHERE name = ?), ?, ?, ?, ?, ?, ?, 'queued', '', ?)",
                (number, run_id, barcode, recipe, cell, channel, label, simulated, program_json, *at_first),
            )
        return run_id

    def set_run_state(self, run_id: str, state: str, reason: str, at_unix_s: float) -> None:
        """Store the present state of a run, and its reason."""
        with self.transaction() as connection:
            changed = connection.execute(
                "UPDATE run SET state = ?, reason = ?, state_unix_s = ? WHERE run_id = ?",
                (state, reason, at_unix_s, run_id),
            ).rowcount
            _need_one(changed, f"run {run_id}")

    def add_test(
        self,
        *,
        run_id: str,
        segment: int,
        instrument: str,
        channel: str,
        tester_test_id: int | None,
        barcode: str,
        started_unix_s: float,
        program_json: str = "null",
    ) -> int:
        """Add a test and return its number, or the number it has: adding a test twice is harmless.

        ``tester_test_id`` is the instrument's own, None where it has none. The same test for another run or segment
        raises StoreConflict.
        """
        with self.transaction() as connection:
            identity = (instrument, channel, tester_test_id, barcode)
            row = connection.execute(
                "SELECT id, run_id, segment FROM test "
                "WHERE instrument = ? AND channel = ? AND tester_test_id = ? AND barcode = ?",
                identity,
            ).fetchone()
            if row is not None:
                if row[1:] != (run_id, segment):
                    raise StoreConflict(
                        f"test {tester_test_id} of {instrument} on {channel} belongs to run {row[1]}, segment "
                        f"{row[2]}, not to run {run_id}, segment {segment}; look at the channel before anything starts"
                    )
                return int(row[0])
            cursor = connection.execute(
                "INSERT INTO test (instrument, channel, tester_test_id, barcode, run_id, segment, started_unix_s, "
                "program_json) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*identity, run_id, segment, started_unix_s, program_json),
            )
            return _new_id(cursor)

    def runs(self) -> list[RunRow]:
        """Return all runs, the oldest first."""
        return [_run(row) for row in self._query(f"{RUNS} ORDER BY number")]

    def run(self, run_id: str) -> RunRow:
        """Return one run. Raises Refused when there is none."""
        rows = self._query(f"{RUNS} WHERE run_id = ?", run_id)
        _need_one(len(rows), f"run {run_id}")
        return _run(rows[0])

    def barcode(self, run_id: str) -> str:
        """Return the barcode of a run, with which those of its tests begin; its id if it has none of its own."""
        return str(self._query("SELECT coalesce(barcode, run_id) AS it FROM run WHERE run_id = ?", run_id)[0]["it"])

    def tests(self, run_id: str) -> list[TesterTestRow]:
        """Return the tests of a run, in the order they were added."""
        return [TesterTestRow(**row) for row in self._query(f"{TESTS} WHERE run_id = ? ORDER BY id", run_id)]

    # Samples, steps and spectra

    def tick(self, batches: Mapping[int, Sequence[Sample]], events: Sequence[NewEvent] = ()) -> TickResult:
        """Write the new samples of all tests, keyed by test number, and events, as one commit.

        A sample that is stored already with the same values is counted and passed over, so a backfill may repeat
        itself. One with other values raises StoreConflict, and nothing of the tick is kept. Minus zero is kept as zero.
        """
        with self.transaction() as connection:
            result = bulk.insert(connection, batches, self._temperatures)
            for event in events:
                self._add_event(connection, event)
        return result

    def last_sample(self, test: int) -> Sample | None:
        """Return the sample with the highest sequence number: a later fetch begins after it."""
        with explained(self.path):
            return bulk.last(self._db.conn, test)

    def samples(self, test: int, after: int = 0, limit: int | None = None) -> Iterator[Sample]:
        """Return the samples whose sequence number is above ``after``, in order, at most ``limit``."""
        with explained(self.path):
            for page in bulk.pages(self._db.conn, test, after, limit):
                yield from page

    def sample_count(self, test: int) -> int:
        """Count the samples of a test, archived ones too."""
        with explained(self.path):
            return bulk.count(self._db.conn, test)

    def add_steps(self, test: int, steps: Sequence[ExecutedStep]) -> None:
        """Store executed steps of a test; a step that exists already is replaced."""
        rows = [(test, *(getattr(step, name) for name in STEP_COLUMNS)) for step in steps]
        with self.transaction() as connection:
            connection.executemany(UPSERT_STEP, rows)

    def steps(self, test: int) -> list[ExecutedStep]:
        """Return the executed steps of a test, in order."""
        rows = self._query(f"SELECT {', '.join(STEP_COLUMNS)} FROM step WHERE test = ? ORDER BY step_count", test)  # noqa: S608 - names of ours
        read = [_with_nan(row, "capacity_ah", "energy_wh") for row in rows]
        return [ExecutedStep(**{**row, "end_reason": EndReason(row["end_reason"])}) for row in read]

    def add_cycles(self, test: int, cycles: Sequence[Cycle]) -> None:
        """Store the per-cycle numbers of a test; a cycle that its run has already is replaced."""
        rows = [(test, *(getattr(cycle, name) for name in CYCLE_COLUMNS)) for cycle in cycles]
        with self.transaction() as connection:
            connection.executemany(DROP_CYCLE, [{"test": test, "cycle": cycle.cycle} for cycle in cycles])
            connection.executemany(UPSERT_CYCLE, rows)

    def cycles(self, test: int) -> list[Cycle]:
        """Return the per-cycle numbers of a test, in order."""
        rows = self._query(f"SELECT {', '.join(CYCLE_COLUMNS)} FROM cycle WHERE test = ? ORDER BY cycle", test)  # noqa: S608 - names of ours
        return [cycle_from(row) for row in rows]

    def add_measurement(self, row: MeasurementRow) -> None:
        """Store the facts of a measurement besides its values, once: a measurement is never changed."""
        values = [getattr(row, name) for name in MEASUREMENT_COLUMNS]
        marks = ", ".join("?" * len(values))
        with self.transaction() as connection:
            connection.execute(f"INSERT INTO measurement VALUES ({marks})", values)  # noqa: S608 marks only

    def measurements(self, run_id: str) -> list[MeasurementRow]:
        """Return the measurements of a run, in order."""
        sql = "SELECT measurement.* FROM measurement JOIN test ON test.id = test WHERE run_id = ? ORDER BY test"
        return [MeasurementRow(**row) for row in self._query(sql, run_id)]

    def charge_passed_ah(self, run_id: str) -> float:
        """Return the sum of the charge that a run's stored steps have passed, in both directions."""
        sql = "SELECT total(capacity_ah) AS ah FROM step JOIN test ON test.id = test WHERE run_id = ?"
        return float(self._query(sql, run_id)[0]["ah"])

    def add_spectrum(self, test: int, points: Sequence[SpectrumPoint]) -> None:
        """Store the impedance spectrum that a test measured."""
        with self.transaction() as connection:
            connection.executemany("INSERT INTO spectrum VALUES (?, ?, ?, ?, ?)", [(test, *point) for point in points])

    def spectrum(self, test: int) -> list[SpectrumPoint]:
        """Return the impedance spectrum of a test in the order measured; empty when it has none."""
        sql = "SELECT sequence, frequency_hz, z_real_ohm, z_imag_ohm FROM spectrum WHERE test = ? ORDER BY sequence"
        return [SpectrumPoint(**row) for row in self._query(sql, test)]

    def temperature_degc(self, test: int, started_unix_s: float, ended_unix_s: float) -> float | None:
        """Return the temperature of a test's cell in the middle of a measurement; None where nobody measured it."""
        joined = self._temperatures
        return None if joined is None else joined.between(self._db.conn, test, started_unix_s, ended_unix_s)

    # Events and deviations

    def add_event(
        self, run_id: str | None, kind: EventKind, message: str, at_unix_s: float, data_json: str | None = None
    ) -> int:
        """Add an event of a run, or (``run_id`` None) of the rig, and return its number."""
        with self.transaction() as connection:
            return self._add_event(connection, NewEvent(run_id, kind, message, at_unix_s, data_json))

    def _add_event(self, connection: sqlite3.Connection, event: NewEvent) -> int:
        values = (event.run_id, event.kind, event.message, event.at_unix_s, event.data_json)
        number = _new_id(connection.execute(INSERT_EVENT, values))
        if self.bus is not None and self.bus.is_heard:
            channel = event.run_id and connection.execute(CHANNEL_OF, (event.run_id,)).fetchone()[0]
            self._untold.append(stored_event(number, channel, *values))
        return number

    def events(self, run_id: str | None = None, after: int = 0) -> list[EventRow]:
        """Return the events of a run, or of everything (None), with a number above ``after``, in order."""
        sql = "SELECT id, run_id, kind, message, at_unix_s, data_json FROM event WHERE id > ?"
        if run_id is None:
            return [EventRow(**row) for row in self._query(f"{sql} ORDER BY id", after)]
        return [EventRow(**row) for row in self._query(f"{sql} AND run_id = ? ORDER BY id", after, run_id)]

    def add_deviation(
        self, run_id: str, category: DeviationCategory, started_unix_s: float, ended_unix_s: float | None, effect: str
    ) -> int:
        """Add a time span (still open: None) in which a run's data deviate from the plan, and return its number."""
        sql = "INSERT INTO deviation (run_id, category, started_unix_s, ended_unix_s, effect) VALUES (?, ?, ?, ?, ?)"
        with self.transaction() as connection:
            return _new_id(connection.execute(sql, (run_id, category, started_unix_s, ended_unix_s, effect)))

    def end_deviation(self, deviation: int, ended_unix_s: float) -> None:
        """Close a deviation that was added open. Raises Refused when it is not open."""
        sql = "UPDATE deviation SET ended_unix_s = ? WHERE id = ? AND ended_unix_s IS NULL"
        with self.transaction() as connection:
            _need_one(connection.execute(sql, (ended_unix_s, deviation)).rowcount, f"open deviation {deviation}")

    def deviations(self, run_id: str) -> list[DeviationRow]:
        """Return the deviations of a run, in the order they were added."""
        sql = (
            "SELECT id, run_id, category, started_unix_s, ended_unix_s, effect FROM deviation "
            "WHERE run_id = ? ORDER BY id"
        )
        rows = self._query(sql, run_id)
        return [DeviationRow(**{**row, "category": DeviationCategory(row["category"])}) for row in rows]

    # Intents

    def open_intent(
        self, run_id: str, channel: str, command: str, program_sha256: str, key: str, at_unix_s: float
    ) -> int:
        """Commit the intent to send a command, and return its number. Raises Refused for a key that was used before."""
        sql = (
            "INSERT INTO intent (run_id, channel, command, program_sha256, key, opened_unix_s) "
            "VALUES (?, ?, ?, ?, ?, ?)"
        )
        if self._db.conn.in_transaction:
            raise Refused("an intent must be on disk before its command leaves: open it outside any transaction")
        with self.transaction() as connection:
            return _new_id(connection.execute(sql, (run_id, channel, command, program_sha256, key, at_unix_s)))

    def close_intent(self, intent: int, outcome: str, at_unix_s: float) -> None:
        """Store the outcome of a command. Raises Refused when the intent is not open."""
        sql = "UPDATE intent SET outcome = ?, closed_unix_s = ? WHERE id = ? AND outcome IS NULL"
        with self.transaction() as connection:
            _need_one(connection.execute(sql, (outcome, at_unix_s, intent)).rowcount, f"open intent {intent}")

    def open_intents(self) -> list[IntentRow]:
        """Return the commands without a stored outcome: after a restart the instruments are asked about them."""
        sql = (
            "SELECT id, run_id, channel, command, program_sha256, key, opened_unix_s, outcome, closed_unix_s "
            "FROM intent WHERE outcome IS NULL ORDER BY id"
        )
        return [IntentRow(**row) for row in self._query(sql)]

    def start_was_sent(self, run_id: str) -> bool:
        """Return whether a start of a run was ever to be sent, whatever became of it."""
        sql = "SELECT count(*) AS n FROM intent WHERE run_id = ? AND command = 'start'"
        return bool(self._query(sql, run_id)[0]["n"])

    def start_sent_unix_s(self, run_id: str, until_unix_s: float) -> float | None:
        """Return when the last start of a run was to be sent, of those until a time; None if none was."""
        sql = (
            "SELECT max(opened_unix_s) AS at FROM intent WHERE run_id = ? AND command = 'start' AND opened_unix_s <= ?"
        )
        sent: float | None = self._query(sql, run_id, until_unix_s)[0]["at"]
        return sent

    def _query(self, sql: str, *values: object) -> list[dict[str, Any]]:
        with explained(self.path):
            return list(self._db.query(sql, values))


def _with_nan(row: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return a row in which a missing reading, NULL in the file, is NaN again."""
    return row | {name: nan for name in names if row[name] is None}


def _run(row: dict[str, Any]) -> RunRow:
    simulated = None if row["simulated"] is None else bool(row["simulated"])
    return RunRow(**{**row, "state": RunState(row["state"]), "simulated": simulated})


def _new_id(cursor: sqlite3.Cursor) -> int:
    if cursor.lastrowid is None:
        raise Refused("the store gave no number for the new row; open it again")
    return cursor.lastrowid


def _need_one(count: int, what: str) -> None:
    if count != 1:
        raise Refused(f"there is no {what} in this store; check its name, or whether this is the right store")
