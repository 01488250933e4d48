"""What became of an imported file, for people and for JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.store.imports import Decision


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one run of a file: its id, "" where nothing was stored, and what was decided.

    ``is_known``: the file was imported before, as this run, and nothing was done.
    """

    file: str
    part: str
    run_id: str
    format: str
    reader: str
    sha256: str
    records: int
    decisions: tuple[Decision, ...]
    is_known: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the values for JSON."""
        decided = [{"what": one.what, "value": one.value, "told_by": one.told_by} for one in self.decisions]
        return {
            "file": self.file,
            "part": self.part or None,
            "run": self.run_id or None,
            "format": self.format,
            "reader": self.reader,
            "sha256": self.sha256,
            "records": self.records,
            "is_known": self.is_known,
            "decisions": decided,
        }
