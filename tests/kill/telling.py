"""People who are told of what happens while the service and its notices are killed: no event may be left out.

The process of the notices runs beside web, and dies when web does, or not. In the end it has taken up every event from
its first start on, once, and what is an open alarm still has reached the person's target.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

from orchestrator.bench.notice_settings import NoticeSettings
from orchestrator.events import Event, stored_event
from orchestrator.notices.incidents import is_said_by_state
from orchestrator.store.companion_files import notices_path
from tests.kill.checks import Findings, read

_EVENTS = """
SELECT event.id, run.channel, event.run_id, kind, message, at_unix_s, data_json
FROM event LEFT JOIN run ON run.run_id = event.run_id WHERE event.id >= ? ORDER BY event.id
"""
# How long after the end everything may take to come, in real seconds.
_PATIENCE_S = 30.0


def all_events(store: Path, first: int = 0) -> list[Event]:
    """Read the events of a store from a number on."""
    return [stored_event(*row.values()) for row in read(store, _EVENTS, first)]


def said_by_state(events: Sequence[Event]) -> set[int]:
    """Return the numbers of the events that the notices leave out, as that of a state says the same."""
    return {event.id for before, event in pairwise([None, *events]) if event and is_said_by_state(event, before)}


class _Target(BaseHTTPRequestHandler):
    """Takes each message."""

    def do_POST(self) -> None:
        """Answer that it was taken."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class ToldPerson:
    """A person with one target that takes all."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Target)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        target = {"name": "ada", "url": f"json://127.0.0.1:{self._server.server_port}/", "severity": "info"}
        self.settings = NoticeSettings.model_validate({"rig": "kill", "targets": [target], "test_at": "never"})
        self.alarms = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def check(self, findings: Findings) -> None:
        """Wait until all is read and every open alarm is told, and compare what was taken up with the store."""
        if not self._store.exists():
            return
        events = all_events(self._store)
        stored = [event.id for event in events]
        deadline_s = time.monotonic() + _PATIENCE_S
        while (missing := self._missing(stored)) and time.monotonic() < deadline_s:
            time.sleep(0.05)
        if missing:
            findings.add("told", f"{missing} {_PATIENCE_S:g} s after the end")
            return
        taken = [row["event"] for row in self._kept("SELECT event FROM notice WHERE event IS NOT NULL ORDER BY number")]
        self.alarms = len(self._kept("SELECT 1 FROM notice WHERE severity = 'alarm'"))
        due = {number for number in stored if taken and number >= taken[0]}
        if left_out := sorted(due - set(taken) - said_by_state(events)):
            findings.add("told", f"events {left_out} were left out by the notices")
        if len(taken) != len(set(taken)):
            findings.add("told", f"events were taken up twice: {taken}")

    def _missing(self, stored: list[int]) -> str:
        """Return what is still to come, in words."""
        marks = self._kept("SELECT value FROM mark WHERE name = 'read to event'")
        if stored and (not marks or marks[0]["value"] < stored[-1]):
            return f"the notices have read {marks} of {stored[-1]} events"
        untold = self._kept("SELECT number, key FROM incident WHERE told_unix_s IS NULL AND closed_unix_s IS NULL")
        return f"alarms that nobody was told: {untold}" if untold else ""

    def _kept(self, sql: str) -> list[dict[str, Any]]:
        path = notices_path(self._store)
        if not path.exists():
            return []
        with closing(sqlite3.connect(path, timeout=_PATIENCE_S)) as connection:
            connection.row_factory = sqlite3.Row
            try:
                return [dict(row) for row in connection.execute(sql)]
            except sqlite3.OperationalError:
                # It was killed before it had made its tables.
                return []
