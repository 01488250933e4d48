"""The layout of a store, as numbered migrations, and the views that make it readable by any SQLite tool.

A migration that has been released is never edited: a new one is added below it. Words in CHECKs are written out,
because a store keeps the words of its day. Tables are STRICT, so that no column silently holds another type.
"""

from __future__ import annotations

from orchestrator.store.archive_layout import add_archives
from orchestrator.store.barcodes import new_barcode
from orchestrator.store.cycle_numbers import cycle_of
from orchestrator.store.import_layout import add_imports
from orchestrator.store.mounting_layout import add_mounted_cells
from orchestrator.store.note_layout import add_notes
from orchestrator.store.origin_layout import add_origins
from orchestrator.store.renumbering import renumber
from orchestrator.store.sqlite_library import Database, Migrations
from orchestrator.store.temperature_layout import add_temperatures
from orchestrator.store.version_layout import add_versions

# The four bytes "cRig" in the file header: tells a store from other databases, and ``file`` can show it.
APPLICATION_ID = 0x63526967

MIGRATIONS = Migrations("cellrig")

TABLES = """
CREATE TABLE cell (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    facts_json TEXT NOT NULL CHECK (json_valid(facts_json))
) STRICT;
CREATE INDEX cell_name ON cell (name);

CREATE TABLE run (
    number INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    recipe TEXT NOT NULL,
    cell_id INTEGER NOT NULL REFERENCES cell (id),
    channel TEXT NOT NULL,
    label TEXT NOT NULL,
    program_json TEXT NOT NULL CHECK (json_valid(program_json)),
    program_sha256 TEXT NOT NULL,
    created_unix_s REAL NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'preflight', 'armed', 'running', 'unseen', 'holding',
        'awaiting_operator', 'tripped', 'completed', 'stopped', 'failed', 'unknown')),
    reason TEXT NOT NULL,
    state_unix_s REAL NOT NULL
) STRICT;

CREATE TABLE test (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES run (run_id),
    segment INTEGER NOT NULL CHECK (segment >= 0),
    instrument TEXT NOT NULL,
    channel TEXT NOT NULL,
    tester_test_id INTEGER,
    barcode TEXT NOT NULL,
    started_unix_s REAL NOT NULL,
    program_json TEXT NOT NULL CHECK (json_valid(program_json)),
    UNIQUE (instrument, channel, tester_test_id, barcode)
) STRICT;
CREATE INDEX test_run ON test (run_id);

CREATE TABLE sample (
    test INTEGER NOT NULL REFERENCES test (id),
    sequence INTEGER NOT NULL,
    time_s REAL NOT NULL,
    step_time_s REAL NOT NULL,
    step INTEGER NOT NULL,
    step_count INTEGER NOT NULL,
    cycle INTEGER NOT NULL,
    mode TEXT NOT NULL,
    voltage_v REAL,
    current_a REAL,
    capacity_ah REAL,
    energy_wh REAL,
    unix_time_s REAL NOT NULL,
    PRIMARY KEY (test, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE step (
    test INTEGER NOT NULL REFERENCES test (id),
    step_count INTEGER NOT NULL CHECK (step_count >= 1),
    step INTEGER NOT NULL,
    cycle INTEGER NOT NULL,
    mode TEXT NOT NULL,
    start_s REAL NOT NULL,
    duration_s REAL NOT NULL,
    capacity_ah REAL,
    energy_wh REAL,
    mean_voltage_v REAL,
    resistance_ohm REAL,
    end_reason TEXT NOT NULL CHECK (end_reason IN ('time', 'voltage', 'current', 'capacity', 'ceiling', 'external')),
    first_sequence INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL,
    PRIMARY KEY (test, step_count)
) STRICT, WITHOUT ROWID;

CREATE TABLE cycle (
    test INTEGER NOT NULL REFERENCES test (id),
    cycle INTEGER NOT NULL CHECK (cycle >= 1),
    start_s REAL NOT NULL,
    charge_capacity_ah REAL,
    discharge_capacity_ah REAL,
    charge_capacity_mah_g REAL,
    discharge_capacity_mah_g REAL,
    charge_capacity_mah_cm2 REAL,
    discharge_capacity_mah_cm2 REAL,
    coulombic_efficiency REAL,
    charge_mean_voltage_v REAL,
    discharge_mean_voltage_v REAL,
    polarisation_v REAL,
    charge_end_reason TEXT NOT NULL,
    discharge_end_reason TEXT NOT NULL,
    PRIMARY KEY (test, cycle)
) STRICT, WITHOUT ROWID;

CREATE TABLE spectrum (
    test INTEGER NOT NULL REFERENCES test (id),
    sequence INTEGER NOT NULL,
    frequency_hz REAL NOT NULL CHECK (frequency_hz > 0),
    z_real_ohm REAL NOT NULL,
    z_imag_ohm REAL NOT NULL,
    PRIMARY KEY (test, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    run_id TEXT REFERENCES run (run_id),
    kind TEXT NOT NULL CHECK (kind <> ''),
    message TEXT NOT NULL,
    at_unix_s REAL NOT NULL,
    data_json TEXT CHECK (data_json IS NULL OR json_valid(data_json))
) STRICT;
CREATE INDEX event_run ON event (run_id);

CREATE TABLE deviation (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES run (run_id),
    category TEXT NOT NULL CHECK (category IN ('power_outage', 'equipment_failure', 'temperature_excursion',
        'software_error', 'operator_intervention', 'premature_termination', 'communication_loss', 'parameter_drift',
        'setpoint_deviation', 'calibration_issue', 'out_of_tolerance', 'dimensional', 'other')),
    started_unix_s REAL NOT NULL,
    ended_unix_s REAL CHECK (ended_unix_s >= started_unix_s),
    effect TEXT NOT NULL
) STRICT;
CREATE INDEX deviation_run ON deviation (run_id);

CREATE TABLE intent (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES run (run_id),
    channel TEXT NOT NULL,
    command TEXT NOT NULL CHECK (command <> ''),
    program_sha256 TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE,
    opened_unix_s REAL NOT NULL,
    outcome TEXT CHECK (outcome <> ''),
    closed_unix_s REAL,
    CHECK ((outcome IS NULL) = (closed_unix_s IS NULL))
) STRICT;
CREATE INDEX intent_open ON intent (id) WHERE outcome IS NULL;
"""

RUN_SUMMARY = """
SELECT run.run_id, run.recipe, cell.name AS cell, run.channel, run.label, run.state, run.reason,
    strftime('%Y-%m-%dT%H:%M:%SZ', run.created_unix_s, 'unixepoch') AS created_utc,
    strftime('%Y-%m-%dT%H:%M:%SZ', run.state_unix_s, 'unixepoch') AS state_since_utc,
    (SELECT count(*) FROM test WHERE test.run_id = run.run_id) AS tests,
    (SELECT count(*) FROM test JOIN sample ON sample.test = test.id WHERE test.run_id = run.run_id) AS samples,
    (SELECT count(*) FROM event WHERE event.run_id = run.run_id) AS events,
    (SELECT count(*) FROM deviation WHERE deviation.run_id = run.run_id) AS deviations
FROM run JOIN cell ON cell.id = run.cell_id
"""

SAMPLE_READABLE = """
SELECT run.run_id, cell.name AS cell, test.instrument, test.channel, test.segment, sample.test, sample.sequence,
    sample.time_s / 3600 AS time_h,
    strftime('%Y-%m-%dT%H:%M:%SZ', sample.unix_time_s, 'unixepoch') AS utc,
    sample.cycle, sample.step, sample.step_count, sample.mode, sample.voltage_v,
    sample.current_a * 1000 AS current_ma, sample.capacity_ah * 1000 AS capacity_mah,
    sample.energy_wh * 1000 AS energy_mwh
FROM sample JOIN test ON test.id = sample.test JOIN run ON run.run_id = test.run_id JOIN cell ON cell.id = run.cell_id
"""

STEP_READABLE = """
SELECT run.run_id, cell.name AS cell, test.instrument, test.channel, test.segment, step.test, step.step_count,
    step.cycle, step.step, step.mode, step.end_reason,
    step.start_s / 3600 AS start_h, step.duration_s / 3600 AS duration_h,
    step.capacity_ah * 1000 AS capacity_mah, step.mean_voltage_v, step.resistance_ohm
FROM step JOIN test ON test.id = step.test JOIN run ON run.run_id = test.run_id JOIN cell ON cell.id = run.cell_id
"""

CYCLE_READABLE = """
SELECT run.run_id, run.label, cell.name AS cell, test.instrument, test.channel, cycle.*
FROM cycle JOIN test ON test.id = cycle.test JOIN run ON run.run_id = test.run_id JOIN cell ON cell.id = run.cell_id
"""

EVENT_READABLE = """
SELECT event.id, strftime('%Y-%m-%dT%H:%M:%SZ', event.at_unix_s, 'unixepoch') AS utc, event.run_id,
    cell.name AS cell, run.channel, event.kind, event.message, event.data_json
FROM event LEFT JOIN run ON run.run_id = event.run_id LEFT JOIN cell ON cell.id = run.cell_id
"""


def _first_layout(db: Database) -> None:
    """Create the tables and the views."""
    for statement in filter(str.strip, TABLES.split(";")):
        db.execute(statement)
    db.create_view("run_summary", RUN_SUMMARY)
    db.create_view("sample_readable", SAMPLE_READABLE)
    db.create_view("step_readable", STEP_READABLE)
    db.create_view("cycle_readable", CYCLE_READABLE)
    db.create_view("event_readable", EVENT_READABLE)


MEASUREMENT = """
CREATE TABLE measurement (
    test INTEGER PRIMARY KEY REFERENCES test (id),
    technique TEXT NOT NULL CHECK (technique <> ''),
    job TEXT NOT NULL UNIQUE,
    bias_v REAL,
    amplitude_v REAL,
    temperature_degc REAL,
    cycle INTEGER NOT NULL CHECK (cycle >= 0),
    charge_passed_ah REAL NOT NULL CHECK (charge_passed_ah >= 0),
    open_circuit_v REAL,
    rested_s REAL NOT NULL,
    started_unix_s REAL NOT NULL,
    ended_unix_s REAL NOT NULL,
    files_json TEXT NOT NULL CHECK (json_valid(files_json))
) STRICT
"""

SPECTRUM_READABLE = """
SELECT test.run_id, cell.name AS cell, test.instrument, test.channel, measurement.cycle, spectrum.test,
    spectrum.sequence, spectrum.frequency_hz, spectrum.z_real_ohm, spectrum.z_imag_ohm,
    measurement.bias_v, measurement.amplitude_v, measurement.temperature_degc,
    measurement.charge_passed_ah * 1000 AS charge_passed_mah,
    strftime('%Y-%m-%dT%H:%M:%SZ', measurement.started_unix_s, 'unixepoch') AS started_utc
FROM spectrum JOIN measurement ON measurement.test = spectrum.test JOIN test ON test.id = spectrum.test
JOIN run ON run.run_id = test.run_id JOIN cell ON cell.id = run.cell_id
"""


def _measurements(db: Database) -> None:
    """Add the table of a potentiostat's measurements, beside their spectra and samples."""
    db.execute(MEASUREMENT)
    db.create_view("spectrum_readable", SPECTRUM_READABLE)


BARCODE = """
ALTER TABLE run ADD COLUMN barcode TEXT CHECK (barcode <> '');
CREATE UNIQUE INDEX run_barcode ON run (barcode)
"""


ALL_STARTS_KNOWN = """
SELECT run_id, created_unix_s, recipe, cell.name, channel, label, program_sha256
FROM run JOIN cell ON cell.id = run.cell_id
WHERE (SELECT count(*) FROM intent WHERE intent.run_id = run.run_id AND command = 'start')
    <= (SELECT count(*) FROM test WHERE test.run_id = run.run_id AND tester_test_id IS NOT NULL)
"""


def _barcodes(db: Database) -> None:
    """Add the barcode of each run, for the tests that it will have: those that it had keep theirs.

    NULL, which stands for the run's id, where a start was sent whose test is not stored: it may arrive under that yet.
    """
    for statement in BARCODE.split(";"):
        db.execute(statement)
    for run_id, created, recipe, cell, channel, label, sha256 in db.execute(ALL_STARTS_KNOWN).fetchall():
        barcode = new_barcode(
            run_id,
            created_unix_s=created,
            recipe=recipe,
            cell=cell,
            channel=channel,
            label=label,
            program_sha256=sha256,
        )
        db.execute("UPDATE run SET barcode = ? WHERE run_id = ?", (barcode, run_id))


CYCLE = """
DROP VIEW cycle_readable;
ALTER TABLE cycle RENAME TO cycle_before;
CREATE TABLE cycle (
    test INTEGER NOT NULL REFERENCES test (id),
    cycle INTEGER NOT NULL CHECK (cycle >= 1),
    start_s REAL NOT NULL,
    charge_capacity_ah REAL,
    discharge_capacity_ah REAL,
    charge_capacity_mah_g REAL,
    discharge_capacity_mah_g REAL,
    charge_capacity_mah_cm2 REAL,
    discharge_capacity_mah_cm2 REAL,
    coulombic_efficiency REAL,
    efficiency_of TEXT,
    charge_mean_voltage_v REAL,
    discharge_mean_voltage_v REAL,
    polarisation_v REAL,
    charge_end_reason TEXT,
    discharge_end_reason TEXT,
    PRIMARY KEY (test, cycle),
    CHECK (charge_end_reason IS NOT NULL OR discharge_end_reason IS NOT NULL)
) STRICT, WITHOUT ROWID;
INSERT INTO cycle SELECT test, cycle, start_s, charge_capacity_ah, discharge_capacity_ah, charge_capacity_mah_g,
    discharge_capacity_mah_g, charge_capacity_mah_cm2, discharge_capacity_mah_cm2, coulombic_efficiency, NULL,
    charge_mean_voltage_v, discharge_mean_voltage_v, polarisation_v, charge_end_reason, discharge_end_reason
    FROM cycle_before;
DROP TABLE cycle_before;
CREATE TABLE IF NOT EXISTS cycle_begin (
    test INTEGER NOT NULL REFERENCES test (id),
    step_count INTEGER NOT NULL CHECK (step_count >= 1),
    cycle INTEGER NOT NULL CHECK (cycle >= 0),
    PRIMARY KEY (test, step_count)
) STRICT, WITHOUT ROWID;
DROP VIEW sample_readable;
DROP VIEW step_readable
"""


def _one_cycle_number(db: Database) -> None:
    """Add rows of half-cycles without a partner, and the run's cycle beside the tester's own counter."""
    for statement in CYCLE.split(";"):
        db.execute(statement)
    for name, view, table in (
        ("sample_readable", SAMPLE_READABLE, "sample"),
        ("step_readable", STEP_READABLE, "step"),
    ):
        # One word, one meaning: what the tester counts is called so in the raw tables too.
        db.execute(f"ALTER TABLE {table} RENAME COLUMN cycle TO tester_cycle")
        numbered = view.replace(f"{table}.cycle,", f"{cycle_of(table)} AS cycle,")
        db.create_view(name, numbered.replace("\nFROM", f", {table}.tester_cycle\nFROM", 1))
    db.create_view("cycle_readable", CYCLE_READABLE)
    renumber(db.conn)


_LAYOUTS = {
    "0001_first_layout": _first_layout,
    "0002_measurements": _measurements,
    "0003_barcodes": _barcodes,
    "0004_mounted_cells": add_mounted_cells,
    "0006_one_cycle_number": _one_cycle_number,
    "0007_origins": add_origins,
    "0008_temperatures": add_temperatures,
    "0009_imports": add_imports,
    "0010_archives": add_archives,
    "0011_notes": add_notes,
    "0012_versions": add_versions,
}
KNOWN = frozenset(_LAYOUTS)
for _name, _function in _LAYOUTS.items():
    MIGRATIONS(name=_name)(_function)
