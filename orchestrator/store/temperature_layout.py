"""Adds to a store the temperature of the cell's place: migration 0008."""

from __future__ import annotations

from orchestrator.store.sqlite_library import Database


def add_temperatures(db: Database) -> None:
    """Add the temperature of the cell's place to each sample: NULL where nobody measured it, as of all before."""
    db.execute("ALTER TABLE sample ADD COLUMN temperature_degc REAL")
    (view,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'sample_readable'").fetchone()
    db.execute("DROP VIEW sample_readable")
    db.execute(view.replace("\nFROM", ", sample.temperature_degc\nFROM", 1))
