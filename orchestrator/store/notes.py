"""Stores what people write about a run: each note with its author and its time, added and never changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.clock.iso_time import iso_utc
from orchestrator.store.errors import explained
from orchestrator.store.store import Store

MOST_LETTERS = 2000
"""The longest note. A longer text is a file, and belongs beside the data."""

_SELECT = "SELECT id, run_id, text, written_by, at_unix_s FROM note"


def note_text(text: str) -> str:
    """Return a note as it is stored: without blanks around it, and with ends of lines of one kind.

    Raises ValueError for a text that says nothing, is too long, or has control characters other than ends of lines.
    """
    found = "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")).strip()
    if not any(letter.isalnum() for letter in found):
        raise ValueError("a note has a letter or a digit: say in a sentence what was seen or done")
    if len(found) > MOST_LETTERS:
        raise ValueError(f"a note has at most {MOST_LETTERS} letters, and this one has {len(found)}; write two")
    if strange := [letter for letter in found if (letter not in "\n\t" and ord(letter) < 32) or ord(letter) == 127]:
        raise ValueError(f"a note is plain text, and this one has the control character {strange[0]!r}")
    return found


@dataclass(frozen=True, slots=True)
class Note:
    """One note: its number, its run, the text, who wrote it and when."""

    id: int
    run_id: str
    text: str
    written_by: str
    at_unix_s: float

    def as_dict(self) -> dict[str, Any]:
        """Return the note for JSON, its time in both forms."""
        return {
            "id": self.id,
            "run_id": self.run_id,
            "text": self.text,
            "by": self.written_by,
            "at_unix_s": self.at_unix_s,
            "at_utc": iso_utc(self.at_unix_s),
        }


class Notes:
    """The notes of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, run_id: str, text: str, by: str, at_unix_s: float) -> Note:
        """Store a note on a run, also on one that has ended. Raises StoreError, and ValueError as ``note_text``."""
        text = note_text(text)
        self._store.run(run_id)
        with self._store.transaction() as connection:
            sql = "INSERT INTO note (run_id, text, written_by, at_unix_s) VALUES (?, ?, ?, ?) RETURNING id"
            (number,) = connection.execute(sql, (run_id, text, by, at_unix_s)).fetchone()
        return Note(number, run_id, text, by, at_unix_s)

    def of(self, run_id: str) -> list[Note]:
        """Return the notes on a run, oldest first."""
        with explained(self._store.path):
            rows = self._store.connection.execute(f"{_SELECT} WHERE run_id = ? ORDER BY id", (run_id,)).fetchall()
        return [Note(*row) for row in rows]

    def counts(self) -> dict[str, int]:
        """Return how many notes each run has that has any."""
        with explained(self._store.path):
            return dict(self._store.connection.execute("SELECT run_id, count(*) FROM note GROUP BY run_id").fetchall())
