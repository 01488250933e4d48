"""One entry of the audit log, and the hash that chains it to the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Before the first entry.
GENESIS = hashlib.sha256(b"cellrig audit log 1").hexdigest()
COLUMNS = (
    *("number", "at_unix_ms", "person", "how", "address", "method", "path", "act", "said", "outcome_of", "status"),
    "hash",
)


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody does. ``act``: a word of ``orchestrator.people.rights``; ``said``: values, none of them secret."""

    person: str
    how: str
    address: str
    method: str
    path: str
    act: str
    said: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it is kept. ``outcome_of``: the number of the entry whose outcome it tells, with its ``status``."""

    number: int
    at_unix_ms: int
    person: str
    how: str
    address: str
    method: str
    path: str
    act: str
    said: str
    outcome_of: int | None
    status: int | None
    hash: str

    @property
    def values(self) -> dict[str, Any]:
        """The values that were said with the act."""
        try:
            told = json.loads(self.said)
        except ValueError:
            return {}
        return told if isinstance(told, dict) else {}

    def expected_hash(self, before: str) -> str:
        """Return the hash that this entry has behind one with the hash ``before``."""
        told = [before, *(getattr(self, name) for name in COLUMNS[:-1])]
        text = json.dumps(told, ensure_ascii=True, separators=(",", ":"), default=repr)
        return hashlib.sha256(text.encode("ascii")).hexdigest()


def said_text(said: Mapping[str, Any]) -> str:
    """Return the values of an act as they are kept."""
    return json.dumps(dict(said), ensure_ascii=False, separators=(",", ":"), allow_nan=False, sort_keys=True)
