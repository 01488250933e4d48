"""The rows of events: written, and made into what others are told."""

from __future__ import annotations

import sqlite3

from orchestrator.events import Event, stored_event
from orchestrator.store.errors import Refused
from orchestrator.store.rows import NewEvent


def insert_event(connection: sqlite3.Connection, event: NewEvent) -> int:
    """Insert an event and give its number."""
    sql = "INSERT INTO event (run_id, kind, message, at_unix_s, data_json) VALUES (?, ?, ?, ?, ?)"
    values = (event.run_id, event.kind, event.message, event.at_unix_s, event.data_json)
    number = connection.execute(sql, values).lastrowid
    if number is None:
        raise Refused("the store gave no number for the new row; open it again")
    return number


def told_event(connection: sqlite3.Connection, number: int, event: NewEvent) -> Event:
    """Make what listeners are told of an event that was just inserted."""
    found = connection.execute("SELECT channel FROM run WHERE run_id = ?", (event.run_id,)).fetchone()
    channel = None if found is None else str(found[0])
    return stored_event(number, event.kind, event.run_id, channel, event.message, event.data_json, event.at_unix_s)
